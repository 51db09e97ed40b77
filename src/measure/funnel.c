// SPDX-License-Identifier: Apache-2.0
// Analysis: how many get how far through a series of steps within their journeys, how long it takes, and who drops off.
//
// Two ways through a journey give the same numbers: attempts (funnel_attempt.c), which know every rule, group and time;
// and, for the plain question of how far persons get, one pass (funnel_count.c).
#include "measure/funnel_count.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

static const struct param params[] = {
	{.name = "step",
		.type = PARAM_FILTER,
		.required = true,
		.repeated = true,
		.help = "a step: a touch point, or a filter as for --where; give 2 to 20 in their order"},
	{.name = "window",
		.type = PARAM_DURATION,
		.min = 0.001,
		.max = 1e11,
		.help = "all steps within so much time of the first (inclusive); default: any time"},
	{.name = "order",
		.type = PARAM_CHOICE,
		.value = "ordered",
		.choices = "ordered|strict-order|strict|any",
		.help = "ordered: anything may come between steps; strict-order: no later step; strict: "
			"nothing; "
			"any: steps in any order"},
	{.name = "repeats",
		.type = PARAM_CHOICE,
		.choices = "ignore|end|end-at-first",
		.help = "a step reached already comes again: nothing, the attempt ends, or it ends only if it "
			"is the "
			"first step; default: end with --order strict, else ignore"},
	{.name = "ties",
		.type = PARAM_CHOICE,
		.value = "arrival",
		.choices = "arrival|any|later",
		.help = "interactions of one moment: in order of arrival, in any order, or the next step has "
			"to be later"},
	{.name = "reuse", .type = PARAM_FLAG, .help = "one interaction may stand for several steps"},
	{.name = "count",
		.type = PARAM_CHOICE,
		.value = "persons",
		.choices = "persons|first|entries|attempts",
		.help = "persons by their best attempt, or by their first; every entry; or attempts that do "
			"not overlap"},
	{.name = "exclude",
		.type = PARAM_STRING,
		.repeated = true,
		.help = "what must not come between steps: “FILTER between 1 and 2”, or a filter for all of "
			"the way"},
	{.name = "excluded",
		.type = PARAM_CHOICE,
		.value = "end",
		.choices = "end|drop",
		.help = "what an exclusion does: the attempt ends there, or does not count at all"},
	{.name = "without",
		.type = PARAM_FILTER,
		.help = "one more step: this does not follow the last step within the window"},
	{.name = "times", .type = PARAM_FLAG, .help = "also the times from the step before and from the first"},
	{.name = "persons",
		.type = PARAM_STRING,
		.help = "list the customers instead: reached:K, or dropped:K (reached K-1 and not K)"},
};

enum {
	STEP,
	FILTER,
	N,
	SHARE,
	SHARE_LOW,
	SHARE_HIGH,
	PREVIOUS,
	PREVIOUS_LOW,
	PREVIOUS_HIGH,
	DROPPED,
	TIMES, // two blocks of N_TIMES from here on
	N_TIMES = 8,
	N_COLUMNS = TIMES + 2 * N_TIMES
};
#define SECONDS(name, title, help)                                                                             \
	{                                                                                                      \
		name, title, CELL_SECONDS, "s", 0, help                                                        \
	}
static const struct result_column columns[N_COLUMNS] = {
	[STEP] = {"step", "step", CELL_COUNT, "", 0, "number of the step"},
	[FILTER] = {"filter", "filter", CELL_TEXT, "", 0, "the step as it was asked"},
	[N] = {"n", "n", CELL_COUNT, "", 0, "persons (or entries) that reached the step"},
	[SHARE] = {"share", "share", CELL_RATIO, "1", 3, "of those that reached the first step"},
	[SHARE_LOW] = {"share_low", "≥", CELL_RATIO, "1", 3, "lower end of its 95 % Wilson interval"},
	[SHARE_HIGH] = {"share_high", "≤", CELL_RATIO, "1", 3, "upper end of its 95 % Wilson interval"},
	[PREVIOUS] = {"share_previous", "of previous", CELL_RATIO, "1", 3,
		"of those that reached the step before"},
	[PREVIOUS_LOW] = {"share_previous_low", "≥", CELL_RATIO, "1", 3,
		"lower end of its 95 % Wilson interval"},
	[PREVIOUS_HIGH] = {"share_previous_high", "≤", CELL_RATIO, "1", 3,
		"upper end of its 95 % Wilson interval"},
	[DROPPED] = {"dropped", "dropped", CELL_COUNT, "", 0, "reached the step before and not this one"},
	SECONDS("previous_p10", "step p10", "time from the step before, 10th percentile; with --times"),
	SECONDS("previous_p25", "step p25", "the same, 25th percentile"),
	SECONDS("previous_p50", "step median", "the same, median"),
	SECONDS("previous_p75", "step p75", "the same, 75th percentile"),
	SECONDS("previous_p90", "step p90", "the same, 90th percentile"),
	SECONDS("previous_mean", "step mean", "the same, mean"),
	SECONDS("previous_mean_low", "≥", "lower end of its 95 % t interval"),
	SECONDS("previous_mean_high", "≤", "upper end of its 95 % t interval"),
	SECONDS("first_p10", "p10", "time from the first step, 10th percentile; with --times"),
	SECONDS("first_p25", "p25", "the same, 25th percentile"),
	SECONDS("first_p50", "median", "the same, median"),
	SECONDS("first_p75", "p75", "the same, 75th percentile"),
	SECONDS("first_p90", "p90", "the same, 90th percentile"),
	SECONDS("first_mean", "mean", "the same, mean"),
	SECONDS("first_mean_low", "≥", "lower end of its 95 % t interval"),
	SECONDS("first_mean_high", "≤", "upper end of its 95 % t interval"),
};

// Attempts of a span that count, before their groups are known.
struct found {
	uint64_t person;
	uint32_t level, first_time; // first_time: number of its first moment in `times`
	bool open;
};

struct state {
	struct class_rows rows;
	struct funnel_scratch scratch;
	struct funnel_journey journey;
	struct found *found;
	uint32_t *found_row;
	int64_t *times;
	size_t found_capacity, row_capacity, times_capacity, n_found, n_times;
	struct sums sums;                 // by group: attempts of each level from 1 on, then open ones
	struct samples *previous, *first; // by step
	struct persons persons;
};

static enum rc prepare(struct run *run, struct err *e)
{
	struct funnel_plan *plan;
	enum rc rc = funnel_question_read(run, &plan, e);
	run->plan = plan;
	if (rc == RC_OK && !plan->times && !plan->list)
		run->n_columns = TIMES;
	return rc;
}

// --- one thread's state ---

static void state_free(struct run *run, void *p)
{
	(void)run;
	struct state *s = p;
	for (uint32_t k = 0; k < FUNNEL_STEPS_MAX; k++) {
		if (s->previous)
			samples_free(&s->previous[k]);
		if (s->first)
			samples_free(&s->first[k]);
	}
	mem_free(s->previous);
	mem_free(s->first);
	class_rows_free(&s->rows);
	funnel_scratch_free(&s->scratch);
	funnel_journey_free(&s->journey);
	mem_free(s->found);
	mem_free(s->found_row);
	mem_free(s->times);
	sums_free(&s->sums);
	persons_free(&s->persons);
	mem_free(s);
}

static void *state_new(struct run *run)
{
	const struct funnel_plan *plan = run->plan;
	struct state *s = mem_calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->sums.width = plan->n_levels + 1;
	s->previous = mem_calloc(FUNNEL_STEPS_MAX, sizeof(*s->previous));
	s->first = mem_calloc(FUNNEL_STEPS_MAX, sizeof(*s->first));
	if (s->previous && s->first)
		return s;
	state_free(run, s);
	return NULL;
}

// --- the plain question ---

static enum rc add_plain(
	const struct lane *lane, struct state *s, const struct funnel_plan *plan, struct err *e)
{
	const struct span *span = lane->span;
	const struct class_rows *rows = &s->rows;
	const struct funnel_rules *r = &plan->rules;
	for (uint32_t k = 0; lane->keep && k < rows->n; k++)
		rows->bits[k] &= ~1u | lane->keep[rows->row[k]]; // others may be steps but not entries
	rows->row[rows->n] = UINT32_MAX;
	uint64_t counts[FUNNEL_STEPS_MAX + 1] = {0};
	struct funnel_rows x = {.n = rows->n,
		.row = rows->row,
		.bits = rows->bits,
		.at = span->at,
		.n_persons = span->n_persons,
		.person_start = span->person_start,
		.n_steps = r->n_steps,
		.window_ms = r->window_ms,
		.reuse = r->reuse};
	enum rc rc = funnel_count(&x, &s->scratch, counts, e);
	for (uint32_t k = 1; k <= r->n_steps; k++)
		s->sums.v[k - 1] += (double)counts[k];
	return rc;
}

// --- attempts ---

static enum rc keep_attempt(struct state *s, const struct funnel_plan *plan, uint64_t person, uint32_t row,
	const struct funnel_attempt *x, struct err *e)
{
	if (mem_grow((void **)&s->found, &s->found_capacity, s->n_found + 1, sizeof(*s->found)) != 0 ||
		mem_grow((void **)&s->found_row, &s->row_capacity, s->n_found + 1, sizeof(*s->found_row)) !=
			0 ||
		mem_grow((void **)&s->times, &s->times_capacity, s->n_times + FUNNEL_STEPS_MAX,
			sizeof(*s->times)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for a funnel");
	s->found_row[s->n_found] = row;
	s->found[s->n_found++] = (struct found){person, x->level, (uint32_t)s->n_times, x->open};
	uint32_t n = x->level < plan->rules.n_steps ? x->level : plan->rules.n_steps;
	for (uint32_t i = 0; i < n; i++)
		s->times[s->n_times + i] = x->at_ms[i];
	s->n_times += plan->times || plan->list ? n : 0;
	return RC_OK;
}

// Until when no other attempt begins: up to an event, the last step, or as long as the window.
struct busy {
	uint32_t events; // so many from the first on
	bool timed;
	int64_t until_ms;
};

static struct busy busy_with(const struct funnel_rules *r, const struct funnel_attempt *x)
{
	int64_t end;
	if (x->level >= r->n_steps)
		return (struct busy){.events = x->last + 1};
	bool never = __builtin_add_overflow(x->at_ms[0], r->window_ms, &end);
	return (struct busy){.timed = true, .until_ms = never ? INT64_MAX : end};
}

static uint32_t entry_bits_of(const struct funnel_rules *r)
{
	return r->order == FUNNEL_ANY ? (1u << r->n_steps) - 1 : 1u;
}

static enum rc add_journey(
	struct lane *lane, struct state *s, const struct funnel_plan *plan, uint64_t person, struct err *e)
{
	const struct funnel_journey *j = &s->journey;
	const struct funnel_rules *r = &plan->rules;
	uint32_t entry_bits = entry_bits_of(r), best_row = 0;
	struct funnel_attempt best = {.level = 0}, x;
	struct busy busy = {0};
	enum rc rc = RC_OK;
	for (uint32_t i = 0; rc == RC_OK && i < j->n && best.level < plan->n_levels; i++) {
		if (!(j->bits[i] & entry_bits) || !lane_keeps(lane, j->row[i]))
			continue;
		if (plan->count == FUNNEL_COUNT_ATTEMPTS &&
			(i < busy.events || (busy.timed && j->at[j->row[i]] <= busy.until_ms)))
			continue;
		funnel_attempt_read(j, r, i, &x);
		if (plan->count >= FUNNEL_COUNT_ENTRIES) {
			busy = busy_with(r, &x);
			if (x.level)
				rc = keep_attempt(s, plan, person, j->row[i], &x, e);
			continue;
		}
		if (x.level > best.level) {
			best = x;
			best_row = j->row[i];
		}
		if (plan->count == FUNNEL_COUNT_FIRST)
			break;
	}
	return rc == RC_OK && best.level ? keep_attempt(s, plan, person, best_row, &best, e) : rc;
}

static enum rc add_times(
	struct state *s, const struct funnel_plan *plan, const struct found *x, uint32_t group, struct err *e)
{
	const int64_t *at = s->times + x->first_time;
	enum rc rc = RC_OK;
	for (uint32_t k = 1; rc == RC_OK && k < x->level && k < plan->rules.n_steps; k++) {
		rc = samples_add(&s->previous[k], group, at[k] - at[k - 1], e);
		if (rc == RC_OK)
			rc = samples_add(&s->first[k], group, at[k] - at[0], e);
	}
	return rc;
}

static bool is_listed(const struct funnel_plan *plan, uint32_t level)
{
	return plan->list == FUNNEL_LIST_REACHED ? level >= plan->list_level : level + 1 == plan->list_level;
}

static enum rc add_found(struct lane *lane, struct state *s, const struct funnel_plan *plan, struct err *e)
{
	const uint32_t *group = lane_group_rows(lane, s->found_row, (uint32_t)s->n_found, e);
	enum rc rc = group ? sums_fit(&s->sums, lane->n_groups, e) : e->rc;
	for (size_t i = 0; rc == RC_OK && i < s->n_found; i++) {
		const struct found *x = &s->found[i];
		double *a = s->sums.v + (size_t)group[i] * s->sums.width;
		a[x->level - 1] += 1.0;
		a[plan->n_levels] += x->open;
		if (plan->times)
			rc = add_times(s, plan, x, group[i], e);
		if (rc == RC_OK && plan->list && is_listed(plan, x->level))
			rc = persons_add(
				&s->persons, lane->run, x->person, group[i], s->times[x->first_time], e);
	}
	return rc;
}

static enum rc add(struct lane *lane, void *p, const struct span *span, struct err *e)
{
	struct state *s = p;
	const struct funnel_plan *plan = lane->run->plan;
	enum rc rc = sums_fit(&s->sums, 1, e);
	if (rc == RC_OK)
		rc = classes_find(lane, plan->classes, false, &s->rows, e);
	if (rc != RC_OK)
		return rc;
	if (plan->fast)
		return add_plain(lane, s, plan, e);
	s->n_found = s->n_times = 0;
	uint32_t entry_bits = entry_bits_of(&plan->rules);
	s->rows.row[s->rows.n] = UINT32_MAX;
	for (uint32_t k = 0, i = 0; rc == RC_OK && k < span->n_persons; k++) {
		uint32_t end = span->person_start[k + 1];
		uint32_t first = i;
		while (s->rows.row[i] < end && !(s->rows.bits[i] & entry_bits))
			i++; // what comes before the first entry matters only if it can be of the same moment
		if (plan->rules.ties != FUNNEL_TIES_ANY || s->rows.row[i] >= end)
			first = i;
		while (s->rows.row[i] < end)
			i++;
		if (i == first)
			continue;
		rc = funnel_journey_read(&s->journey, &plan->rules, span->at, s->rows.row + first,
			s->rows.bits + first, i - first, e);
		if (rc == RC_OK)
			rc = add_journey(lane, s, plan, span->person[k], e);
	}
	return rc == RC_OK ? add_found(lane, s, plan, e) : rc;
}

static enum rc merge(struct run *run, void *into, void *from, struct err *e)
{
	const struct funnel_plan *plan = run->plan;
	struct state *a = into, *b = from;
	enum rc rc = sums_merge(&a->sums, &b->sums, e);
	for (uint32_t k = 1; rc == RC_OK && k < plan->rules.n_steps; k++) {
		rc = samples_merge(&a->previous[k], &b->previous[k], e);
		if (rc == RC_OK)
			rc = samples_merge(&a->first[k], &b->first[k], e);
	}
	return rc == RC_OK ? persons_merge(&a->persons, &b->persons, e) : rc;
}

static enum rc fold(struct run *run, void *p, const uint32_t *to, uint32_t n, struct err *e)
{
	const struct funnel_plan *plan = run->plan;
	struct state *s = p;
	for (uint32_t k = 1; k < plan->rules.n_steps; k++) {
		samples_fold(&s->previous[k], to, n);
		samples_fold(&s->first[k], to, n);
	}
	return sums_fold(&s->sums, to, n, run_groups(run), e);
}

// --- the answer ---

static void write_times(const struct samples *samples, uint32_t group, struct cell *c)
{
	static const double quantiles[] = {0.10, 0.25, 0.50, 0.75, 0.90};
	size_t n, n_quantiles = sizeof(quantiles) / sizeof(quantiles[0]);
	const int64_t *v = samples_of(samples, group, &n);
	for (size_t i = 0; i < n_quantiles; i++)
		cell_number(&c[i], stats_quantile_i64(v, n, quantiles[i]) / 1000.0);
	c += n_quantiles;
	cell_estimate(&c[0], &c[1], &c[2], stats_mean_seconds(v, n, 0.0));
}

static enum rc write_group(
	struct run *run, struct state *s, uint32_t group, const double n[FUNNEL_STEPS_MAX + 1], struct err *e)
{
	const struct funnel_plan *plan = run->plan;
	for (uint32_t k = 0; k < plan->n_levels; k++) {
		struct cell *c = result_row(run, group, n[0], e);
		if (!c)
			return RC_NOMEM;
		struct sv text = plan->texts[k];
		if (plan->rules.order == FUNNEL_ANY && k < plan->rules.n_steps) {
			text = arena_printf(run->arena, "any %u of %u steps", k + 1, plan->rules.n_steps);
			if (!text.ptr)
				return err_set(e, RC_NOMEM, "out of memory for rows");
		}
		cell_number(&c[STEP], k + 1.0);
		cell_text(&c[FILTER], text);
		cell_number(&c[N], n[k]);
		cell_estimate(&c[SHARE], &c[SHARE_LOW], &c[SHARE_HIGH], stats_wilson(n[k], n[0]));
		if (k == 0)
			continue;
		cell_estimate(&c[PREVIOUS], &c[PREVIOUS_LOW], &c[PREVIOUS_HIGH], stats_wilson(n[k], n[k - 1]));
		cell_number(&c[DROPPED], n[k - 1] - n[k]);
		if (plan->times && k < plan->rules.n_steps) {
			write_times(&s->previous[k], group, &c[TIMES]);
			write_times(&s->first[k], group, &c[TIMES + N_TIMES]);
		}
	}
	return RC_OK;
}

static enum rc finish(struct run *run, void *p, struct err *e)
{
	const struct funnel_plan *plan = run->plan;
	struct state *s = p;
	uint32_t n_groups = run_groups(run);
	enum rc rc = RC_OK;
	if (plan->list)
		return persons_rows(run, &s->persons, e);
	for (uint32_t k = 1; plan->times && rc == RC_OK && k < plan->rules.n_steps; k++) {
		rc = samples_sort(&s->previous[k], n_groups, e);
		if (rc == RC_OK)
			rc = samples_sort(&s->first[k], n_groups, e);
	}
	double open = 0.0;
	for (uint32_t g = 0; rc == RC_OK && g < n_groups; g++) {
		const double *a = sums_at(&s->sums, g, 0);
		double n[FUNNEL_STEPS_MAX + 2] = {0};
		for (uint32_t k = plan->n_levels; k-- > 0;)
			n[k] = n[k + 1] + a[k];
		open += a[plan->n_levels];
		if (run_group_shown(run, g, n[0]))
			rc = write_group(run, s, g, n, e);
	}
	if (open > 0.0)
		run_note(run, "for %.0f the window after the last step is not over at the newest interaction",
			open);
	return rc;
}

// --- as SQL ---

static const char clickhouse_texts[] = "{if:without}arrayPushBack({texts:step}, concat('not followed by ', "
				       "{param:without})){else}{texts:step}{end}";

static const char *const clickhouse_parts[] = {clickhouse_texts};

static const char clickhouse[] =
	"{if:order=ordered}{else}{refuse:order|with --order "
	"ordered}{end}{if:ties=arrival}{else}{refuse:ties|with --ties arrival}{end}\n"
	"{if:repeats}{if:repeats=ignore}{else}{refuse:repeats|with --repeats "
	"ignore}{end}{end}{if:exclude}{refuse:exclude}{end}\n"
	"{if:persons}{refuse:persons}{end}\n"
	"{if:count=attempts}{refuse:count|count persons, first or entries}{end}\n"
	"SELECT {by}_k AS step, _filter AS filter, _n AS n, {share:share|_n|_ns[1]}, "
	"{share:share_previous|_n|_before},\n"
	"if(_k > 1, _before - _n, NULL) AS dropped{if:times},\n"
	"{quantile:previous_p10|_p|0.1}, {quantile:previous_p25|_p|0.25}, {quantile:previous_p50|_p|0.5},\n"
	"{quantile:previous_p75|_p|0.75}, {quantile:previous_p90|_p|0.9},\n"
	"{mean:previous_mean|toInt64(length(_p))|0.|arraySum(x -> pow((x - _p0) / 1000, 2), _p)|_p0 / "
	"1000|0.},\n"
	"{quantile:first_p10|_f|0.1}, {quantile:first_p25|_f|0.25}, {quantile:first_p50|_f|0.5},\n"
	"{quantile:first_p75|_f|0.75}, {quantile:first_p90|_f|0.9},\n"
	"{mean:first_mean|toInt64(length(_f))|0.|arraySum(x -> pow((x - _f0) / 1000, 2), _f)|_f0 / "
	"1000|0.}{end}\n"
	"FROM (SELECT {keys}_k, _filter, _ns, _ns[_k] AS _n, if(_k > 1, _ns[_k - 1], 0) AS _before{if:times},\n"
	"arraySort(arrayMap(c -> c[_k] - c[_k - 1], if(_k > 1, arrayFilter(c -> length(c) >= _k, _chains), "
	"[]))) AS _p,\n"
	"arraySort(arrayMap(c -> c[_k] - c[1], if(_k > 1, arrayFilter(c -> length(c) >= _k, _chains), []))) AS "
	"_f,\n"
	"arraySum(_p) / length(_p) AS _p0, arraySum(_f) / length(_f) AS _f0{end}\n"
	"FROM (SELECT {keys}sumForEach(arrayMap(k -> toInt64(_level >= k), range(1, length({texts:step}) + "
	"2))) AS _ns\n"
	"{if:times}, groupArray(_chain) AS _chains{end}\n"
	"FROM ({if:count=entries}{else}SELECT {unpack:_best|3}_best.1 AS _chain, _best.2 AS _level\n"
	"FROM (SELECT argMin(tuple(_chain, _level{,keys}), ({if:count=persons}-_level, {end}_at, _arrival)) AS "
	"_best\n"
	"FROM ({end}SELECT person, {unpack:_e|6}_e.1 AS _at, _e.2 AS _arrival, length({texts:step}) AS _last,\n"
	"arrayFilter(x -> x - _reached[1] <= {ms:window}, arraySlice(_reached, 1, _last)) AS _chain,\n"
	"toInt64(length(_chain)){if:without} + (length(_chain) = _last AND\n"
	"(length(_reached) = _last OR _reached[_last + 1] - _reached[_last] > {ms:window})){end} AS _level\n"
	"FROM (SELECT person, arraySort(groupArray((at, arrival, _keep, _bits, {filter:without}{,keys}))) AS "
	"_j,\n"
	"arrayFold((later, k) -> arrayMap((e, next) -> if(e.4[k] = 1, arrayConcat([e.1], next), "
	"emptyArrayInt64()), _j,\n"
	"{if:reuse}arrayReverseFill(x -> notEmpty(x), later){else}\n"
	"arrayPushBack(arrayPopFront(arrayReverseFill(x -> notEmpty(x), later)), emptyArrayInt64()){end}),\n"
	"arrayReverse(range(1, length({texts:step}) + 1)), "
	"{if:without}{if:reuse}arrayPushBack(arrayPopFront(arrayReverseFill(\n"
	"x -> notEmpty(x), arrayMap(e -> if(e.5, [e.1], emptyArrayInt64()), _j))), emptyArrayInt64()){else}\n"
	"arrayMap(e -> if(e.5, [e.1], emptyArrayInt64()), _j){end}{else}arrayMap(e -> emptyArrayInt64(), "
	"_j){end}) AS _c\n"
	"FROM (SELECT *, {filters:step} AS _bits FROM {all}) WHERE has(_bits, 1){if:without} OR "
	"{filter:without}{end} GROUP BY person)\n"
	"ARRAY JOIN _j AS _e, _c AS _reached\n"
	"WHERE _e.3 AND notEmpty(_reached){if:count=entries}{else}) GROUP BY person){end}) {group})\n"
	"ARRAY JOIN arrayEnumerate({part:0}) AS _k, {part:0} AS _filter\n"
	"WHERE {shown:_ns[1] > 0})\n"
	"{order:_k}";

const struct analysis analysis_funnel = {
	.name = "funnel",
	.example = "--step order --step delivery --window 7d",
	.summary = "How many get how far through a series of steps, how long it takes, and who drops off",
	.definition = "Within each customer's journey. An entry is an interaction of the first step that "
		      "passes the filters; the "
		      "steps after it may be anywhere later in the journey. Each step is the first interaction "
		      "of its kind "
		      "after the step before it and not later than the window from the first step, its last "
		      "moment included "
		      "(as ClickHouse's windowFunnel). One interaction is one step (--reuse: several). "
		      "Simultaneous interactions "
		      "are in order of arrival (--ties). --order: ordered lets anything come between two "
		      "steps; strict-order no "
		      "step further on; strict nothing (and --repeats says whether steps reached already may); "
		      "any: an entry is "
		      "of any step, and n counts how many different steps come within the window. A person "
		      "counts once, by the "
		      "attempt that gets furthest, of several the earliest; groups are those of its entry. "
		      "--count first: by "
		      "the first entry; entries: every entry; attempts: entries after the attempt before "
		      "(after its last step, else "
		      "after its window). An exclusion between two steps ends the attempt, or "
		      "takes it out "
		      "(--excluded drop). --without: one more level, those whose last step is not followed by "
		      "it within as "
		      "much time as the window. Shares with Wilson's interval (1927), times exact, quantiles "
		      "of type 7 of "
		      "Hyndman & Fan (1996), means with Student's t, all 95 %.",
	.chart = "funnel",
	.params = params,
	.n_params = sizeof(params) / sizeof(params[0]),
	.columns = columns,
	.n_columns = N_COLUMNS,
	.ordered = true,
	.all_rows = true,
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
