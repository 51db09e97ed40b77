// SPDX-License-Identifier: Apache-2.0
// Analysis: how journeys keep to the designed corridor, where they do not, and what that does to scores.
//
// The kernel judges every interaction of a case (a journey, or a part of it with --gap) against the model, counts per
// touch point, and then the case as a whole.
#include "measure/conformance.h"

#include "base/mem.h"

#include <string.h>

static const struct param params[] = {
	{.name = "show",
		.type = PARAM_CHOICE,
		.value = "touchpoints",
		.choices = "touchpoints|journeys|scores",
		.help = "touchpoints: where it deviates; journeys: how well they fit as a whole; scores: what "
			"deviations do to them"},
	{.name = "score",
		.type = PARAM_CHOICE,
		.value = "nps",
		.choices = "nps|csat|ces|rating",
		.help = "scores: which measure (a journey's is the mean of its answers)"},
	{.name = "gap",
		.type = PARAM_STRING,
		.value = "none",
		.help = "a longer pause begins a new journey; none: all of a customer's interactions are one"},
	{.name = "unmatched",
		.type = PARAM_CHOICE,
		.value = "count",
		.choices = "count|ignore",
		.help = "interactions at no touch point: a deviation, or left out"},
	{.name = "persons",
		.type = PARAM_CHOICE,
		.choices = "skipped|repeated|out-of-order|wrong-channel|unmatched|any|none",
		.help = "list the customers with this deviation instead (none: those who always conform in a "
			"journey)"},
};

const char *const deviation_names[N_DEVIATIONS] = {
	"skipped", "repeated", "out of order", "wrong channel", "unmatched", "any deviation"};

struct case_span {
	uint32_t first, end, person; // steps; person: number of the journey in the span
};

struct state {
	struct steps steps;
	struct sums sums;
	struct persons persons;
	struct case_span *cases;
	uint32_t *anchors, *group_rows;
	size_t cases_capacity, anchors_capacity, group_rows_capacity;
	uint32_t n_cases;
	// By touch point: the case in which it was last met, and its first step there.
	uint64_t *met, case_number;
	uint32_t *first_step;
};

// What a case came to.
struct verdict {
	uint32_t deviations; // bits
	uint32_t n, n_conforming, n_skipped;
	uint32_t last_stage; // the latest that was reached
};

static enum rc prepare(struct run *run, struct err *e)
{
	struct conformance_plan *plan = arena_alloc(run->scratch, sizeof(*plan));
	if (!plan)
		return err_set(e, RC_NOMEM, "out of memory for conformance");
	run->plan = plan;
	plan->show = (enum conformance_show)run_param(run, "show")->choice;
	plan->ignore_unmatched = run_param(run, "unmatched")->choice == 1;
	const struct param_value *persons = run_param(run, "persons");
	plan->list_persons = persons->present;
	plan->persons = (enum deviation)persons->choice;
	enum rc rc = step_gap_open(run, "gap", &plan->gap_ms, e);
	if (rc == RC_OK)
		rc = step_key_open(run, SV("touchpoint"), &plan->key, e);
	if (rc == RC_OK)
		rc = model_open(run, &plan->key, &plan->model, e);
	if (rc != RC_OK)
		return rc;
	run_want_code(run, CODE_CHANNEL);
	plan->score = design_measure_find(run->design, run_param(run, "score")->text);
	if (plan->show == SHOW_SCORES && !plan->list_persons)
		plan->has_score = plan->score != DESIGN_NONE && run_want_measure(run, plan->score);
	plan->first_all = (plan->model.n_touchpoints + 1) * N_COUNTS;
	plan->first_score = plan->first_all + N_ALL;
	plan->width = plan->first_score + (N_DEVIATIONS + 1) * N_SCORE;
	if (plan->list_persons) {
		persons_open(run);
		return RC_OK;
	}
	return conformance_columns(run, e);
}

static void state_free(struct run *run, void *p)
{
	(void)run;
	struct state *s = p;
	if (!s)
		return;
	steps_free(&s->steps);
	sums_free(&s->sums);
	persons_free(&s->persons);
	mem_free(s->cases);
	mem_free(s->anchors);
	mem_free(s->group_rows);
	mem_free(s->met);
	mem_free(s->first_step);
	mem_free(s);
}

static void *state_new(struct run *run)
{
	const struct conformance_plan *plan = run->plan;
	size_t n = (size_t)plan->model.n_touchpoints + 1;
	struct state *s = mem_calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->sums.width = plan->width;
	s->met = mem_calloc(n, sizeof(*s->met));
	s->first_step = mem_calloc(n, sizeof(*s->first_step));
	if (s->met && s->first_step)
		return s;
	state_free(run, s);
	return NULL;
}

static enum rc find_cases(const struct conformance_plan *plan, struct state *s, struct err *e)
{
	const struct steps *steps = &s->steps;
	size_t need = (size_t)steps->n + 1;
	if (mem_grow((void **)&s->cases, &s->cases_capacity, need, sizeof(*s->cases)) != 0 ||
		mem_grow((void **)&s->anchors, &s->anchors_capacity, need, sizeof(*s->anchors)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for journeys");
	uint32_t n = 0;
	for (uint32_t k = 0; k < steps->n_journeys; k++) {
		uint32_t first = steps->start[k], end = steps->start[k + 1];
		for (uint32_t i = first + 1; plan->gap_ms != INT64_MAX && i < end; i++)
			if (steps->at[i] - steps->at[i - 1] > plan->gap_ms) {
				s->cases[n] = (struct case_span){first, i, k};
				s->anchors[n++] = first;
				first = i;
			}
		s->cases[n] = (struct case_span){first, end, k};
		s->anchors[n++] = first;
	}
	s->n_cases = n;
	return RC_OK;
}

static void find_first(const struct model *m, struct state *s, const struct case_span *c)
{
	for (uint32_t i = c->first; i < c->end; i++) {
		uint32_t t = m->touchpoint_of[s->steps.code[i]];
		if (s->met[t] != s->case_number) {
			s->met[t] = s->case_number;
			s->first_step[t] = i;
		}
	}
}

static bool comes_later(const struct state *s, const struct model_touchpoint *t, uint32_t step)
{
	for (uint32_t k = 0; k < t->n_after; k++)
		if (s->met[t->after[k]] == s->case_number && s->first_step[t->after[k]] > step)
			return true;
	return false;
}

// Bits of the deviations of one interaction at touch point number t.
static inline uint32_t judge(const struct model *m, const struct state *s, uint32_t t, uint32_t step,
	uint32_t channel, uint32_t stage_before)
{
	const struct model_touchpoint *x = &m->touchpoints[t];
	bool wrong = x->channel && !x->channel[channel];
	bool again = x->once && s->first_step[t] != step;
	bool back = x->stage < stage_before || (x->n_after && comes_later(s, x, step));
	return (uint32_t)wrong << WRONG_CHANNEL | (uint32_t)again << REPEATED | (uint32_t)back << OUT_OF_ORDER;
}

static struct verdict judge_case(struct lane *lane, struct state *s, const struct case_span *c, double *sums)
{
	const struct conformance_plan *plan = lane->run->plan;
	const struct model *m = &plan->model;
	const uint32_t *channel = lane->span->code[CODE_CHANNEL];
	struct verdict v = {0};
	uint32_t stage = 0, n_unmatched = m->n_touchpoints;
	s->case_number++;
	if (m->looks_ahead)
		find_first(m, s, c);
	for (uint32_t i = c->first; i < c->end; i++) {
		uint32_t t = m->touchpoint_of[s->steps.code[i]], deviations = 1u << UNMATCHED;
		if (t == n_unmatched && plan->ignore_unmatched)
			continue;
		if (t != n_unmatched) {
			uint32_t ch = channel ? channel[step_row(&s->steps, i)] : 0;
			deviations = judge(m, s, t, i, ch < m->n_channel_codes ? ch : 0, stage);
			stage = m->touchpoints[t].stage;
			v.last_stage = stage > v.last_stage ? stage : v.last_stage;
		}
		sums[(size_t)t * N_COUNTS + (deviations >> REPEATED & (COUNT_KINDS - 1))] += 1.0;
		v.n++;
		v.n_conforming += deviations == 0;
		v.deviations |= deviations;
	}
	return v;
}

static bool is_skipped(const struct model *m, const struct state *s, uint32_t t, uint32_t last_stage)
{
	const struct model_touchpoint *x = &m->touchpoints[t];
	if (s->met[t] == s->case_number)
		return false;
	bool past = last_stage > x->stage;
	for (uint32_t k = 0; !past && k < x->n_before; k++)
		past = s->met[x->before[k]] == s->case_number;
	return past;
}

static void judge_skips(const struct model *m, const struct state *s, struct verdict *v, double *sums)
{
	for (uint32_t k = 0; k < m->n_required; k++) {
		uint32_t t = m->required[k];
		if (!is_skipped(m, s, t, v->last_stage))
			continue;
		sums[(size_t)t * N_COUNTS + COUNT_SKIPPED] += 1.0;
		v->n_skipped++;
		v->deviations |= 1u << SKIPPED;
	}
}

// The mean of the answers in a case; *next: the first value that may be in it, moves on. False: there is none.
static bool case_score(struct lane *lane, const struct state *s, const struct case_span *c,
	const struct sparse_values *values, uint32_t *next, double *out)
{
	uint32_t from = step_row(&s->steps, c->first), to = step_row(&s->steps, c->end - 1), n = 0;
	double sum = 0.0;
	while (*next < values->n && values->row[*next] < from)
		(*next)++;
	for (; *next < values->n && values->row[*next] <= to; (*next)++)
		if (lane_keeps(lane, values->row[*next])) {
			sum += values->value[*next];
			n++;
		}
	*out = n ? sum / n : 0.0;
	return n > 0;
}

static void add_score(
	const struct conformance_plan *plan, double *sums, const struct verdict *v, bool scored, double score)
{
	uint32_t any = v->deviations ? 1u << ANY_DEVIATION : 0;
	uint32_t bits = v->deviations | any | 1u << N_DEVIATIONS; // the last block is all journeys
	for (uint32_t k = 0; k <= N_DEVIATIONS; k++) {
		double *a = sums + plan->first_score + (size_t)k * N_SCORE;
		if (!(bits >> k & 1))
			continue;
		a[SCORE_JOURNEYS] += 1.0;
		a[SCORE_N] += scored;
		a[SCORE_SUM] += scored ? score : 0.0;
		a[SCORE_SQUARES] += scored ? score * score : 0.0;
	}
}

static void add_fitness(const struct conformance_plan *plan, double *sums, const struct verdict *v)
{
	double fitness = (double)v->n_conforming / (double)(v->n + v->n_skipped);
	double *a = sums + plan->first_all;
	a[ALL_JOURNEYS] += 1.0;
	a[ALL_PERFECT] += v->deviations == 0;
	a[ALL_FITNESS] += fitness;
	a[ALL_SQUARES] += fitness * fitness;
}

static bool is_listed(const struct conformance_plan *plan, const struct verdict *v)
{
	if (plan->persons > ANY_DEVIATION)
		return v->deviations == 0;
	return plan->persons == ANY_DEVIATION ? v->deviations != 0 : (v->deviations >> plan->persons & 1) != 0;
}

static enum rc add(struct lane *lane, void *p, const struct span *span, struct err *e)
{
	struct state *s = p;
	const struct conformance_plan *plan = lane->run->plan;
	enum rc rc = steps_read(lane, &plan->key, &s->steps, e);
	if (rc == RC_OK)
		rc = find_cases(plan, s, e);
	if (rc != RC_OK)
		return rc;
	const uint32_t *group = NULL;
	if (lane->run->query->n_by) {
		group = steps_groups(
			lane, &s->steps, s->anchors, s->n_cases, &s->group_rows, &s->group_rows_capacity, e);
		if (!group)
			return e->rc;
	}
	rc = sums_fit(&s->sums, group ? lane->n_groups : 1, e);
	static const struct sparse_values none;
	const struct sparse_values *values =
		plan->has_score ? run_measure(lane->run, span, plan->score) : &none;
	uint32_t next = 0;
	for (uint32_t k = 0; rc == RC_OK && k < s->n_cases; k++) {
		const struct case_span *c = &s->cases[k];
		uint32_t g = group ? group[k] : 0;
		double *sums = s->sums.v + (size_t)g * plan->width, score;
		struct verdict v = judge_case(lane, s, c, sums);
		judge_skips(&plan->model, s, &v, sums);
		bool scored = case_score(lane, s, c, values, &next, &score);
		if (v.n + v.n_skipped == 0)
			continue;
		add_fitness(plan, sums, &v);
		add_score(plan, sums, &v, scored, score);
		if (plan->list_persons && is_listed(plan, &v))
			rc = persons_add(&s->persons, lane->run, s->steps.person[c->person], g,
				s->steps.at[c->first], e);
	}
	return rc;
}

static enum rc merge(struct run *run, void *into, void *from, struct err *e)
{
	(void)run;
	struct state *a = into, *b = from;
	enum rc rc = sums_merge(&a->sums, &b->sums, e);
	return rc == RC_OK ? persons_merge(&a->persons, &b->persons, e) : rc;
}

static enum rc fold(struct run *run, void *p, const uint32_t *to, uint32_t n, struct err *e)
{
	struct state *s = p;
	return sums_fold(&s->sums, to, n, run_groups(run), e);
}

static enum rc finish(struct run *run, void *p, struct err *e)
{
	struct state *s = p;
	const struct conformance_plan *plan = run->plan;
	return plan->list_persons ? persons_rows(run, &s->persons, e) : conformance_rows(run, &s->sums, e);
}

// --- as SQL ---

static const char clickhouse_cases[] =
	"(SELECT {unpack:_s[1]|5}{if:unmatched=ignore}arrayFilter(x -> x.2 != 8, _all){else}_all{end} AS "
	"_judged, _skipped\n"
	"FROM (SELECT _s, arrayFill(x -> x > 0, arrayMap(x -> if(x.3 = 0, 0, _m[x.3].2), _s)) AS _stages,\n"
	"arrayMap(t -> toInt64(indexOf(arrayMap(x -> x.3, _s), toInt64(t))), range(1, length(_m) + 1)) AS "
	"_first,\n"
	"arrayMap((x, before, i) -> (x.3, toInt64(if(x.3 = 0, 8,\n"
	"(_m[greatest(x.3, 1)].3 AND _first[greatest(x.3, 1)] != i) +\n"
	"2 * (_m[greatest(x.3, 1)].2 < before OR arrayExists(t -> _first[t] > i, _m[greatest(x.3, 1)].6)) +\n"
	"4 * (notEmpty(_m[greatest(x.3, 1)].5) AND x.4 != '' AND NOT has(_m[greatest(x.3, 1)].5, x.4))))),\n"
	"_s, arrayPushFront(arrayPopBack(_stages), 0), arrayEnumerate(_s)) AS _all,\n"
	"arrayFilter(t -> _m[t].4 AND _first[t] = 0 AND (arrayMax(_stages) > _m[t].2 OR\n"
	"arrayExists(b -> _first[b] > 0, _m[t].7)), range(1, length(_m) + 1)) AS _skipped\n"
	"FROM (SELECT {part:1} AS _m, arraySort(groupArray((at, arrival,\n"
	"toInt64(indexOf(arrayMap(x -> x.1, {part:1}), toString(touchpoint))), toString(channel){,keys}))) AS "
	"_j\n"
	"FROM {rows} GROUP BY person)\n"
	"ARRAY JOIN arraySplit((x, d) -> d > {gap:gap}, _j, arrayDifference(arrayMap(x -> x.1, _j))) AS _s))";

static const char clickhouse_model[] = "{design:model}";

static const char *const clickhouse_parts[] = {clickhouse_cases, clickhouse_model};

static const char clickhouse[] =
	"{if:persons}{refuse:persons}{end}{if:show=scores}{refuse:show|with --show touchpoints or "
	"journeys}{end}\n"
	"{if:show=journeys}SELECT {by}_j AS journeys, _good AS conforming_journeys, {share:share|_good|_j},\n"
	"{mean:fitness|_j|_sum|_squares|0.|0.|1.}, _d1 AS with_skipped, _d2 AS with_repeated, _d3 AS "
	"with_out_of_order,\n"
	"_d4 AS with_wrong_channel, _d5 AS with_unmatched\n"
	"FROM (SELECT {keys}toInt64(count()) AS _j, countIf(empty(_skipped) AND _conforming = _n) AS _good,\n"
	"sum(_conforming / (_n + length(_skipped))) AS _sum, sum(pow(_conforming / (_n + length(_skipped)), "
	"2)) AS _squares,\n"
	"countIf(notEmpty(_skipped)) AS _d1, countIf(bitAnd(_any, 1) > 0) AS _d2, countIf(bitAnd(_any, 2) > 0) "
	"AS _d3,\n"
	"countIf(bitAnd(_any, 4) > 0) AS _d4, countIf(bitAnd(_any, 8) > 0) AS _d5\n"
	"FROM (SELECT *, length(_judged) AS _n, countEqual(arrayMap(x -> x.2, _judged), 0) AS _conforming,\n"
	"arrayReduce('groupBitOr', arrayMap(x -> x.2, _judged)) AS _any FROM {part:0})\n"
	"WHERE _n + length(_skipped) > 0 {group})\n"
	"WHERE {shown:_j > 0}\n"
	"{order}{else}\n"
	"SELECT {by}if(_place = 0, '(unmatched)', _name) AS at, _n AS n,\n"
	"{share:fitness|_good|_n + _left_out}, if(_place = 0, NULL, _left_out) AS skipped, if(_place = 0, "
	"NULL, _d2) AS repeated,\n"
	"if(_place = 0, NULL, _d3) AS out_of_order, if(_place = 0, NULL, _d4) AS wrong_channel\n"
	"FROM (SELECT {keys}_place, {part:1}[greatest(_place, 1)].1 AS _name, countIf(_bits != 16) AS _n, "
	"countIf(_bits = 0) AS _good,\n"
	"countIf(_bits = 16) AS _left_out, countIf(bitAnd(_bits, 1) > 0) AS _d2, countIf(bitAnd(_bits, 2) > 0) "
	"AS _d3,\n"
	"countIf(bitAnd(_bits, 4) > 0) AS _d4\n"
	"FROM (SELECT {keys}_x.1 AS _place, _x.2 AS _bits FROM {part:0}\n"
	"ARRAY JOIN arrayConcat(_judged, arrayMap(t -> (toInt64(t), toInt64(16)), _skipped)) AS _x)\n"
	"{group:_place})\n"
	"{order:_place}{end}";

const struct analysis analysis_conformance = {
	.name = "conformance",
	.summary = "How journeys keep to the designed corridor, and what it costs in satisfaction when they do "
		   "not",
	.definition = "The model is the corridor file: stages in their order, of each touch point its "
		      "channels, `after`, "
		      "`required` and `repeat`. An interaction deviates when it is out of order (a stage "
		      "before that of the "
		      "interaction before it: every step back counts once, going on from there does not; or a "
		      "touch point that "
		      "`after` puts before it comes first later in the journey), repeated (`repeat: once`, and "
		      "it is not the "
		      "first), on a wrong channel (one not listed where some are; no channel is none), or "
		      "unmatched. A required "
		      "touch point is skipped by a journey that never was there but got to a later stage or to "
		      "a touch point "
		      "after it. Fitness: conforming interactions / (interactions + skipped), 0 to 1, the "
		      "share of synchronous "
		      "moves of the journey's alignment (Adriansyah, van Dongen & van der Aalst 2011; van der "
		      "Aalst 2016, "
		      "chapter 8), of a touch point with Wilson's interval, of journeys their mean with the t "
		      "interval. "
		      "scores: mean over journeys of the mean of their answers; difference with minus without, "
		      "Welch's "
		      "interval (1947). Only interactions that pass the filters; groups are those of a "
		      "journey's first.",
	.chart = "table",
	.params = params,
	.n_params = sizeof(params) / sizeof(params[0]),
	.columns = conformance_all_columns,
	.n_columns = CONFORMANCE_N_COLUMNS,
	.ordered = true,
	.prepare = prepare,
	.state_new = state_new,
	.add = add,
	.merge = merge,
	.state_free = state_free,
	.fold = fold,
	.finish = finish,
	.clickhouse = clickhouse,
	.clickhouse_parts = clickhouse_parts,
	.n_clickhouse_parts = sizeof(clickhouse_parts) / sizeof(clickhouse_parts[0]),
};
