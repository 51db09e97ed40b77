// SPDX-License-Identifier: Apache-2.0
// Analysis: what customers answered when they were asked: NPS, CSAT, CES 2.0, rating, ACSI, SERVQUAL.
// Long format: one row per group and score. Each score is a row of `kinds` (SERVQUAL: one per pair of the design).
#include "measure/internal.h"

#include "base/mem.h"

#include <math.h>

static const struct param params[] = {
	{.name = "score",
		.type = PARAM_CHOICE,
		.value = "all",
		.choices = "all|nps|csat|ces|rating|acsi|servqual",
		.help = "which score"},
};

enum {
	SCORE,
	N,
	VALUE,
	LOW,
	HIGH,
	UNIT,
	MEAN,
	TOP_SHARE,
	TOP_LOW,
	TOP_HIGH,
	PROMOTERS,
	PASSIVES,
	DETRACTORS,
	N_COLUMNS
};
static const struct result_column columns[N_COLUMNS] = {
	[SCORE] = {"score", "score", CELL_TEXT, "", 0, "nps, csat, ces, rating, acsi or servqual:DIMENSION"},
	[N] = {"n", "n", CELL_COUNT, "answers", 0, "answers"},
	[VALUE] = {"value", "value", CELL_NUMBER, "unit", 3, "the score, in `unit`"},
	[LOW] = {"low", "low", CELL_NUMBER, "unit", 3, "lower end of the 95 % interval"},
	[HIGH] = {"high", "high", CELL_NUMBER, "unit", 3, "upper end of the 95 % interval"},
	[UNIT] = {"unit", "unit", CELL_TEXT, "", 0, "points, share, or the scale of the answers"},
	[MEAN] = {"mean", "mean", CELL_NUMBER, "", 3, "mean of the answers on their own scale"},
	[TOP_SHARE] = {"top_share", "top", CELL_RATIO, "1", 3,
		"share of good answers: nps 9-10, csat 4-5, ces 5-7, rating the best, servqual not below "
		"expectation"},
	[TOP_LOW] = {"top_share_low", "top ≥", CELL_RATIO, "1", 3, "lower end of its 95 % Wilson interval"},
	[TOP_HIGH] = {"top_share_high", "top ≤", CELL_RATIO, "1", 3, "upper end of its 95 % Wilson interval"},
	[PROMOTERS] = {"promoters", "promoters", CELL_COUNT, "answers", 0, "nps: answers of 9 and 10"},
	[PASSIVES] = {"passives", "passives", CELL_COUNT, "answers", 0, "nps: answers of 7 and 8"},
	[DETRACTORS] = {"detractors", "detractors", CELL_COUNT, "answers", 0, "nps: answers of 0 to 6"},
};

enum kind { KIND_NPS, KIND_CSAT, KIND_CES, KIND_RATING, KIND_ACSI, KIND_SERVQUAL };

// Sums kept per group and score. Values are shifted by the middle of their scale, which keeps the variance exact.
enum { SUM_N, SUM_X, SUM_XX, SUM_TOP, SUM_BOTTOM, N_SUMS };

struct score {
	enum kind kind;
	struct sv name;
	uint32_t measure[3];
	uint32_t n_measures;
	double shift, top, bottom; // top: x ≥ top is good; bottom: x ≤ bottom is bad
	double min, max;           // of an answer; none is beyond
};

struct plan {
	struct score *scores;
	uint32_t n_scores;
};

struct state {
	struct sums sums;
	uint32_t *row; // scratch for joined measures
	double *value;
	size_t row_capacity, value_capacity;
};

static void plan_single(struct run *run, struct plan *plan, enum kind kind, const char *name, double shift,
	double top, double bottom)
{
	uint32_t measure = design_measure_find(run->design, sv_from(name));
	if (measure == DESIGN_NONE)
		return;
	plan->scores[plan->n_scores++] = (struct score){.kind = kind,
		.name = sv_from(name),
		.measure = {measure},
		.n_measures = 1,
		.shift = shift,
		.top = top,
		.bottom = bottom,
		.min = run->design->measures[measure].min,
		.max = run->design->measures[measure].max};
}

static void plan_acsi(struct run *run, struct plan *plan)
{
	static const char *const items[] = {"acsi-satisfaction", "acsi-expectancy", "acsi-ideal"};
	struct score s = {.kind = KIND_ACSI,
		.name = SV("acsi"),
		.n_measures = 3,
		.shift = 50.0,
		.top = 100.0,
		.bottom = (double)-INFINITY,
		.min = 0.0,
		.max = 100.0};
	for (uint32_t i = 0; i < 3; i++) {
		s.measure[i] = design_measure_find(run->design, sv_from(items[i]));
		if (s.measure[i] == DESIGN_NONE)
			return;
	}
	plan->scores[plan->n_scores++] = s;
}

static enum rc plan_servqual(struct run *run, struct plan *plan, struct err *e)
{
	for (uint32_t i = 0; i < run->design->n_servqual; i++) {
		const struct design_servqual *q = &run->design->servqual[i];
		const struct design_measure *perceived = &run->design->measures[q->perceived],
					    *expected = &run->design->measures[q->expected];
		struct sv name = arena_printf(run->arena, "servqual:%.*s", SV_ARG(q->dimension));
		if (!name.ptr)
			return err_set(e, RC_NOMEM, "out of memory for scores");
		plan->scores[plan->n_scores++] = (struct score){.kind = KIND_SERVQUAL,
			.name = name,
			.measure = {q->perceived, q->expected},
			.n_measures = 2,
			.top = 0.0,
			.bottom = (double)-INFINITY,
			.min = perceived->min - expected->max,
			.max = perceived->max - expected->min};
	}
	return RC_OK;
}

static enum rc prepare(struct run *run, struct err *e)
{
	struct plan *plan = arena_alloc(run->scratch, sizeof(*plan));
	if (plan)
		plan->scores = arena_array(run->scratch, 5 + run->design->n_servqual, sizeof(*plan->scores));
	if (!plan || !plan->scores)
		return err_set(e, RC_NOMEM, "out of memory for scores");
	run->plan = plan;
	uint32_t choice = run_param(run, "score")->choice; // in the order of `choices`
	const struct design *d = run->design;
	const double none = (double)-INFINITY;
	if (choice == 0 || choice == 1)
		plan_single(run, plan, KIND_NPS, "nps", 5.0, 9.0, 6.0);
	if (choice == 0 || choice == 2)
		plan_single(run, plan, KIND_CSAT, "csat", 3.0, 4.0, none);
	if (choice == 0 || choice == 3)
		plan_single(run, plan, KIND_CES, "ces", 4.0, 5.0, none);
	if (choice == 0 || choice == 4)
		plan_single(run, plan, KIND_RATING, "rating", 0.5 * (d->rating_min + d->rating_max),
			d->rating_max, none);
	if (choice == 0 || choice == 5)
		plan_acsi(run, plan);
	if (choice == 6 && d->n_servqual == 0)
		run_note(run, "the corridor file declares no SERVQUAL pairs");
	enum rc rc = choice == 0 || choice == 6 ? plan_servqual(run, plan, e) : RC_OK;
	for (uint32_t i = 0; i < plan->n_scores; i++)
		for (uint32_t k = 0; k < plan->scores[i].n_measures; k++)
			run_want_measure(run, plan->scores[i].measure[k]);
	run_narrow_to_measures(run);
	return rc;
}

static void *state_new(struct run *run)
{
	const struct plan *plan = run->plan;
	struct state *s = mem_calloc(1, sizeof(*s));
	if (s)
		s->sums.width = plan->n_scores * N_SUMS;
	return s;
}

static void state_free(struct run *run, void *p)
{
	(void)run;
	struct state *s = p;
	sums_free(&s->sums);
	mem_free(s->row);
	mem_free(s->value);
	mem_free(s);
}

static enum rc fit_scratch(struct state *s, uint32_t n, struct err *e)
{
	if (mem_grow((void **)&s->row, &s->row_capacity, n ? n : 1, sizeof(*s->row)) != 0 ||
		mem_grow((void **)&s->value, &s->value_capacity, n ? n : 1, sizeof(*s->value)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for answers");
	return RC_OK;
}

// ACSI of one respondent on 0-100 (Fornell et al. 1996); SERVQUAL's P − E.
static double combine(const struct design *d, enum kind kind, const double x[3])
{
	if (kind == KIND_SERVQUAL)
		return x[0] - x[1];
	double mean = d->acsi_weights[0] * x[0] + d->acsi_weights[1] * x[1] + d->acsi_weights[2] * x[2];
	return (mean - 1.0) / 9.0 * 100.0;
}

// Rows that carry all of a score's measures, with the combined value.
static uint32_t join_measures(
	const struct run *run, const struct span *span, const struct score *score, struct state *s)
{
	const struct sparse_values *v[3];
	uint32_t at[3] = {0, 0, 0}, n = 0;
	for (uint32_t k = 0; k < score->n_measures; k++)
		v[k] = run_measure(run, span, score->measure[k]);
	for (; at[0] < v[0]->n; at[0]++) {
		uint32_t row = v[0]->row[at[0]];
		double x[3] = {v[0]->value[at[0]], 0.0, 0.0};
		bool all = true;
		for (uint32_t k = 1; k < score->n_measures; k++) {
			while (at[k] < v[k]->n && v[k]->row[at[k]] < row)
				at[k]++;
			bool here = at[k] < v[k]->n && v[k]->row[at[k]] == row;
			all = all && here;
			x[k] = here ? v[k]->value[at[k]] : 0.0;
		}
		if (!all)
			continue;
		s->row[n] = row;
		s->value[n++] = combine(run->design, score->kind, x);
	}
	return n;
}

static void add_values(struct lane *lane, struct state *s, uint32_t index, const struct score *score,
	const uint32_t *row, const double *value, const uint32_t *group, uint32_t n)
{
	static const double truth[] = {0.0, 1.0}; // no branches: answers are as good as random
	const uint8_t *keep = lane->keep;
	double shift = score->shift, top = score->top, bottom = score->bottom;
	double *sums = s->sums.v + (size_t)index * N_SUMS; // what stores through `a` cannot change
	size_t width = s->sums.width;
	for (uint32_t i = 0; i < n; i++) {
		if (keep && !keep[row[i]])
			continue;
		double *a = sums + group[i] * width;
		double x = value[i] - shift;
		a[SUM_N] += 1.0;
		a[SUM_X] += x;
		a[SUM_XX] += x * x;
		a[SUM_TOP] += truth[value[i] >= top];
		a[SUM_BOTTOM] += truth[value[i] <= bottom];
	}
}

static enum rc add(struct lane *lane, void *p, const struct span *span, struct err *e)
{
	struct state *s = p;
	const struct plan *plan = lane->run->plan;
	for (uint32_t i = 0; i < plan->n_scores; i++) {
		const struct score *score = &plan->scores[i];
		const struct sparse_values *first = run_measure(lane->run, span, score->measure[0]);
		const uint32_t *row = first->row;
		const double *value = first->value;
		uint32_t n = first->n;
		if (score->n_measures > 1) {
			if (fit_scratch(s, n, e) != RC_OK)
				return RC_NOMEM;
			n = join_measures(lane->run, span, score, s);
			row = s->row;
			value = s->value;
		}
		if (n == 0)
			continue;
		const uint32_t *group = lane_group_rows(lane, row, n, e);
		enum rc rc = group ? sums_fit(&s->sums, lane->n_groups, e) : e->rc;
		if (rc != RC_OK)
			return rc;
		add_values(lane, s, i, score, row, value, group, n);
	}
	return RC_OK;
}

static enum rc merge(struct run *run, void *into, void *from, struct err *e)
{
	(void)run;
	struct state *a = into, *b = from;
	return sums_merge(&a->sums, &b->sums, e);
}

static enum rc fold(struct run *run, void *p, const uint32_t *to, uint32_t n, struct err *e)
{
	struct state *s = p;
	return sums_fold(&s->sums, to, n, run_groups(run), e);
}

static struct sv unit_of(struct run *run, const struct score *score)
{
	switch (score->kind) {
	case KIND_NPS:
	case KIND_ACSI:
		return SV("points");
	case KIND_CSAT:
		return SV("share");
	case KIND_CES:
		return SV("1-7");
	case KIND_RATING:
		return arena_printf(run->arena, "%g-%g", run->design->rating_min, run->design->rating_max);
	case KIND_SERVQUAL:
		break;
	}
	return SV("perceived - expected");
}

static void write_row(struct run *run, const struct score *score, const double *a, struct cell *c)
{
	double n = a[SUM_N];
	struct estimate mean = stats_mean(n, a[SUM_X], a[SUM_XX], score->shift);
	struct estimate value = stats_within(mean, score->min, score->max);
	if (score->kind == KIND_NPS)
		value = stats_nps(a[SUM_TOP], a[SUM_BOTTOM], n);
	else if (score->kind == KIND_CSAT)
		value = stats_wilson(a[SUM_TOP], n);
	cell_text(&c[SCORE], score->name);
	cell_number(&c[N], n);
	cell_estimate(&c[VALUE], &c[LOW], &c[HIGH], value);
	cell_text(&c[UNIT], unit_of(run, score));
	cell_number(&c[MEAN], mean.value);
	if (score->kind != KIND_ACSI)
		cell_estimate(&c[TOP_SHARE], &c[TOP_LOW], &c[TOP_HIGH], stats_wilson(a[SUM_TOP], n));
	if (score->kind != KIND_NPS)
		return;
	cell_number(&c[PROMOTERS], a[SUM_TOP]);
	cell_number(&c[PASSIVES], n - a[SUM_TOP] - a[SUM_BOTTOM]);
	cell_number(&c[DETRACTORS], a[SUM_BOTTOM]);
}

static enum rc finish(struct run *run, void *p, struct err *e)
{
	struct state *s = p;
	const struct plan *plan = run->plan;
	bool chosen = run_param(run, "score")->given;
	for (uint32_t g = 0; g < run_groups(run); g++) {
		for (uint32_t i = 0; i < plan->n_scores; i++) {
			const double *a = sums_at(&s->sums, g, i * N_SUMS);
			if (a[SUM_N] == 0.0 && !(chosen && run_group_shown(run, g, 0.0)))
				continue;
			struct cell *c = result_row(run, g, a[SUM_N], e);
			if (!c)
				return e->rc;
			write_row(run, &plan->scores[i], a, c);
		}
	}
	return RC_OK;
}

static const char clickhouse[] =
	"SELECT {by}_name.1 AS score, _n AS n,\n"
	"multiIf(_kind = 'nps', (_top - _bottom) / _n * 100, _kind = 'share', _share, _mean) AS value,\n"
	"multiIf(_kind = 'nps', if(_n > 1, max2(-100, (_top - _bottom) / _n * 100 - _nps), NULL),\n"
	"_kind = 'share', _share_low, _mean_low) AS low,\n"
	"multiIf(_kind = 'nps', if(_n > 1, min2(100, (_top - _bottom) / _n * 100 + _nps), NULL),\n"
	"_kind = 'share', _share_high, _mean_high) AS high,\n"
	"_name.3 AS unit, _mean AS mean, if(_kind = 'acsi', NULL, _share) AS top_share,\n"
	"if(_kind = 'acsi', NULL, _share_low) AS top_share_low, if(_kind = 'acsi', NULL, _share_high) AS "
	"top_share_high,\n"
	"if(_kind = 'nps', _top, NULL) AS promoters, if(_kind = 'nps', _n - _top - _bottom, NULL) AS "
	"passives,\n"
	"if(_kind = 'nps', _bottom, NULL) AS detractors\n"
	"FROM (SELECT {keys}_i, _name, _name.2 AS _kind, _n, _top, _bottom, {share:_share|_top|_n}, "
	"{mean:_mean|_n|_sum|_squares|_name.4|_name.5|_name.6},\n"
	"1.959963984540054 * 100 * sqrt(max2(0, (_top + _bottom) / _n - pow((_top - _bottom) / _n, 2)) / _n) "
	"AS _nps\n"
	"FROM (SELECT {keys}_s.1 AS _i, {design:scores}[_i + 1] AS _name, toInt64(_s.2) AS _n, _s.3 AS _sum, "
	"_s.4 AS _squares,\n"
	"toInt64(_s.5) AS _top, toInt64(_s.6) AS _bottom\n"
	"FROM (SELECT {keys}arrayJoin(_sums) AS _s FROM (SELECT {keys}{design:score-sums} AS _sums FROM {rows} "
	"{group}))))\n"
	"WHERE _i > 0 AND ({if:score=all}_n > 0{else}{shown:_n > 0}{end})\n"
	"{order:_i}";

const struct analysis analysis_scores = {
	.name = "scores",
	.summary = "NPS, CSAT, CES, rating, ACSI and SERVQUAL, each with its interval",
	.definition = "nps: 100·(p − d), p = share of answers 9-10, d = share of 0-6 (Reichheld 2003), ± "
		      "1.96·100·√((p + d − (p − d)²)/n). "
		      "csat: share of answers 4-5 of 1-5, Wilson interval (Wilson 1927). ces: mean of 1-7 (CES "
		      "2.0, Dixon, Toman & DeLisi "
		      "2013), t interval; top share from 5. rating: mean on the corridor file's scale, t "
		      "interval. acsi: weighted mean of "
		      "satisfaction, expectancy and ideal (1-10 each) put on 0-100, equal weights unless the "
		      "corridor file gives others "
		      "(Fornell et al. 1996), t interval over respondents who answered all three. servqual: "
		      "mean of perceived minus expected "
		      "per dimension, paired within the interaction (Parasuraman, Zeithaml & Berry 1988), t "
		      "interval. All intervals 95 %.",
	.chart = "bars",
	.params = params,
	.n_params = sizeof(params) / sizeof(params[0]),
	.columns = columns,
	.n_columns = N_COLUMNS,
	.prepare = prepare,
	.state_new = state_new,
	.add = add,
	.merge = merge,
	.state_free = state_free,
	.fold = fold,
	.finish = finish,
	.clickhouse = clickhouse,
};
