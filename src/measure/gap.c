// SPDX-License-Identifier: Apache-2.0
// Analysis: experience against every designed expectation, per touch point.
//
// Only the sparse values of measures that some expectation needs are looked at. A table (measure, touch point code)
// gives the run of expectations to hold a value against; the touch point is therefore no part of the group, and sums
// are an array [group][expectation].
#include "measure/internal.h"

#include "base/mem.h"

#include <math.h>

enum {
	EXPECTATION,
	N,
	GAP,
	GAP_LOW,
	GAP_HIGH,
	EXPERIENCE,
	EXPERIENCE_LOW,
	EXPERIENCE_HIGH,
	TARGET,
	DIRECTION,
	UNIT,
	SHARE,
	SHARE_LOW,
	SHARE_HIGH,
	SHARE_TARGET,
	VERDICT,
	N_COLUMNS
};
static const struct result_column columns[N_COLUMNS] = {
	[EXPECTATION] = {"expectation", "expectation", CELL_TEXT, "", 0, "its name in the corridor file"},
	[N] = {"n", "n", CELL_COUNT, "interactions", 0, "interactions that carry the measure"},
	[GAP] = {"gap", "gap", CELL_NUMBER, "1", 3, "mean gap, -1 … 1; above 0 is better than expected"},
	[GAP_LOW] = {"gap_low", "gap ≥", CELL_NUMBER, "1", 3, "lower end of its 95 % t interval"},
	[GAP_HIGH] = {"gap_high", "gap ≤", CELL_NUMBER, "1", 3, "upper end of its 95 % t interval"},
	[EXPERIENCE] = {"experience", "experience", CELL_NUMBER, "unit", 2, "mean of the measure, in `unit`"},
	[EXPERIENCE_LOW] = {"experience_low", "experience ≥", CELL_NUMBER, "unit", 2,
		"lower end of its 95 % t interval"},
	[EXPERIENCE_HIGH] = {"experience_high", "experience ≤", CELL_NUMBER, "unit", 2,
		"upper end of its 95 % t interval"},
	[TARGET] = {"target", "target", CELL_NUMBER, "unit", 2, "what is expected, in `unit`"},
	[DIRECTION] = {"direction", "", CELL_TEXT, "", 0, "at least or at most the target"},
	[UNIT] = {"unit", "unit", CELL_TEXT, "", 0, "of experience and target"},
	[SHARE] = {"share_kept", "kept", CELL_RATIO, "1", 3, "share of interactions that meet the target"},
	[SHARE_LOW] = {"share_kept_low", "kept ≥", CELL_RATIO, "1", 3, "lower end of its 95 % Wilson interval"},
	[SHARE_HIGH] = {"share_kept_high", "kept ≤", CELL_RATIO, "1", 3,
		"upper end of its 95 % Wilson interval"},
	[SHARE_TARGET] = {"share_target", "for", CELL_RATIO, "1", 3,
		"share that is to meet it; empty: the mean is to"},
	[VERDICT] = {"verdict", "verdict", CELL_TEXT, "", 0,
		"kept or broken when the interval is on one side of what is expected, else no detectable "
		"difference"},
};

// Sums per group and expectation; experience is shifted by the target.
enum { SUM_N, SUM_KEPT, SUM_GAP, SUM_GAP2, SUM_X, SUM_X2, N_SUMS };

struct yardstick {
	double target, inverse_scale; // inverse_scale carries the direction's sign
	uint32_t expectation;
};

struct yardstick_run {
	uint32_t first, n;
};

struct measure_plan {
	uint32_t measure;
	struct yardstick_run *at; // by touch point code
};

struct plan {
	struct measure_plan *measures;
	uint32_t n_measures, n_codes;
	struct yardstick *yardsticks;
};

#define BLOCK 2048u // values at a time: all that is made of them stays in the first cache

struct state {
	struct sums sums;
	uint32_t row[BLOCK]; // values that stand at a touch point with an expectation on them
	uint32_t code[BLOCK];
	double value[BLOCK];
};

// Lists the expectations on one measure touch point by touch point.
static void plan_measure(struct run *run, struct plan *plan, uint32_t measure, uint32_t *n_yardsticks)
{
	const struct design *d = run->design;
	struct measure_plan *m = &plan->measures[plan->n_measures];
	uint32_t before = *n_yardsticks;
	for (uint32_t t = 0; t < d->n_touchpoints; t++) {
		const struct design_touchpoint *touchpoint = &d->touchpoints[t];
		uint32_t code = names_find(run->names, NAME_TOUCHPOINT, touchpoint->name),
			 first = *n_yardsticks;
		if (code == NAME_NONE)
			continue;
		for (uint32_t i = 0; i < touchpoint->n_expectations; i++) {
			uint32_t index = touchpoint->first_expectation + i;
			const struct expectation *x = &d->expectations[index];
			if (x->measure != measure)
				continue;
			double sign = x->direction == EXPECT_AT_LEAST ? 1.0 : -1.0;
			plan->yardsticks[(*n_yardsticks)++] = (struct yardstick){
				.target = x->target, .inverse_scale = sign / x->scale, .expectation = index};
		}
		m->at[code] = (struct yardstick_run){first, *n_yardsticks - first};
	}
	if (*n_yardsticks == before)
		return;
	m->measure = measure;
	plan->n_measures++;
	run_want_measure(run, measure);
}

static enum rc prepare(struct run *run, struct err *e)
{
	const struct design *d = run->design;
	struct plan *plan = arena_alloc(run->scratch, sizeof(*plan));
	if (!plan)
		return err_set(e, RC_NOMEM, "out of memory for expectations");
	run->plan = plan;
	run->request.columns.touchpoint = true;
	plan->n_codes = names_count(run->names, NAME_TOUCHPOINT);
	plan->measures = arena_array(run->scratch, d->n_measures + 1, sizeof(*plan->measures));
	plan->yardsticks = arena_array(run->scratch, d->n_expectations + 1, sizeof(*plan->yardsticks));
	if (!plan->measures || !plan->yardsticks)
		return err_set(e, RC_NOMEM, "out of memory for expectations");
	uint32_t n_yardsticks = 0;
	for (uint32_t m = 0; m < d->n_measures; m++) {
		struct measure_plan *next = &plan->measures[plan->n_measures];
		if (!next->at)
			next->at = arena_array(run->scratch, plan->n_codes + 1, sizeof(*next->at));
		if (!next->at)
			return err_set(e, RC_NOMEM, "out of memory for expectations");
		plan_measure(run, plan, m, &n_yardsticks);
	}
	if (d->n_expectations == 0)
		run_note(run, "the corridor file has no expectations");
	return RC_OK;
}

static void *state_new(struct run *run)
{
	struct state *s = mem_calloc(1, sizeof(*s));
	if (s)
		s->sums.width = run->design->n_expectations * N_SUMS;
	return s;
}

static void state_free(struct run *run, void *p)
{
	(void)run;
	struct state *s = p;
	sums_free(&s->sums);
	mem_free(s);
}

// Values first … end - 1 that pass the filters and stand at a touch point that expects something of this measure,
// without a branch.
static uint32_t select_values(const struct lane *lane, const struct plan *plan, const struct measure_plan *m,
	const struct sparse_values *v, uint32_t first, uint32_t end, struct state *s)
{
	const uint32_t *restrict touchpoint = lane->span->code[CODE_TOUCHPOINT];
	const uint8_t *restrict keep = lane->keep;
	const uint32_t *restrict from = v->row;
	const double *restrict value = v->value;
	const struct yardstick_run *restrict at = m->at;
	uint32_t *restrict rows = s->row, *restrict codes = s->code;
	double *restrict values = s->value;
	uint32_t n = 0, n_codes = plan->n_codes;
	for (uint32_t i = first; i < end; i++) {
		uint32_t row = from[i], code = touchpoint[row];
		code = code < n_codes ? code : 0;
		rows[n] = row;
		codes[n] = code;
		values[n] = value[i];
		n += (at[code].n != 0) & (!keep || keep[row]);
	}
	return n;
}

// clamp(g, -1, 1) without a branch, which the data would decide like a coin: IEEE 754 magnitudes are in the order of
// their bits as integers.
static inline double clamp_one(double g)
{
	const uint64_t sign = UINT64_C(1) << 63, one = UINT64_C(0x3ff0000000000000);
	uint64_t bits, magnitude;
	memcpy(&bits, &g, sizeof(bits));
	magnitude = bits & ~sign;
	magnitude = magnitude < one ? magnitude : one;
	bits = magnitude | (bits & sign);
	memcpy(&g, &bits, sizeof(g));
	return g;
}

static inline void hold_against(const struct yardstick *y, double x, double *restrict a)
{
	double above = x - y->target;
	double g = above * y->inverse_scale;
	double kept = g >= 0.0 ? 1.0 : 0.0;
	g = clamp_one(g);
	a[SUM_N] += 1.0;
	a[SUM_KEPT] += kept;
	a[SUM_GAP] += g;
	a[SUM_GAP2] += g * g;
	a[SUM_X] += above;
	a[SUM_X2] += above * above;
}

static void hold_values(const struct plan *plan, const struct measure_plan *m, struct state *s,
	const uint32_t *group, uint32_t n)
{
	const struct yardstick_run *restrict at = m->at;
	const struct yardstick *restrict yardsticks = plan->yardsticks;
	const uint32_t *restrict code = s->code;
	const double *restrict value = s->value;
	double *sums = s->sums.v;
	size_t width = s->sums.width;
	for (uint32_t i = 0; i < n; i++) {
		struct yardstick_run run = at[code[i]];
		double *block = sums + group[i] * width;
		for (uint32_t k = 0; k < run.n; k++) {
			const struct yardstick *y = &yardsticks[run.first + k];
			hold_against(y, value[i], block + (size_t)y->expectation * N_SUMS);
		}
	}
}

static enum rc add_measure(struct lane *lane, struct state *s, const struct measure_plan *m, struct err *e)
{
	const struct plan *plan = lane->run->plan;
	const struct sparse_values *v = run_measure(lane->run, lane->span, m->measure);
	for (uint32_t first = 0; first < v->n; first += BLOCK) {
		uint32_t end = v->n - first < BLOCK ? v->n : first + BLOCK;
		uint32_t n = select_values(lane, plan, m, v, first, end, s);
		const uint32_t *group = lane_group_rows(lane, s->row, n, e);
		enum rc rc = group ? sums_fit(&s->sums, lane->n_groups, e) : e->rc;
		if (rc != RC_OK)
			return rc;
		hold_values(plan, m, s, group, n);
	}
	return RC_OK;
}

static enum rc add(struct lane *lane, void *p, const struct span *span, struct err *e)
{
	(void)span;
	const struct plan *plan = lane->run->plan;
	enum rc rc = RC_OK;
	for (uint32_t i = 0; rc == RC_OK && i < plan->n_measures; i++)
		rc = add_measure(lane, p, &plan->measures[i], e);
	return rc;
}

static enum rc merge(struct run *run, void *into, void *from, struct err *e)
{
	(void)run;
	struct state *a = into, *b = from;
	return sums_merge(&a->sums, &b->sums, e);
}

// Fewer values detect nothing: Wilson's interval of a single one excludes 80 %, and two that are equal have a t
// interval without width.
#define VERDICT_N_LEAST 10

// The interval against what is expected: the share against `for`, else the mean against the target.
static struct sv verdict_of(
	const struct expectation *x, double n, struct estimate share, struct estimate experience)
{
	if (n == 0.0)
		return SV("no data");
	if (n < VERDICT_N_LEAST)
		return SV("no detectable difference");
	double low = share.low, high = share.high, target = x->share;
	if (isnan(x->share)) {
		bool at_least = x->direction == EXPECT_AT_LEAST;
		low = at_least ? experience.low : -experience.high;
		high = at_least ? experience.high : -experience.low;
		target = at_least ? x->target : -x->target;
	}
	if (low >= target)
		return SV("kept");
	if (high < target)
		return SV("broken");
	return SV("no detectable difference");
}

static enum rc write_row(
	struct run *run, uint32_t group, const struct expectation *x, const double *a, struct err *e)
{
	const struct design_measure *measure = &run->design->measures[x->measure];
	double n = a[SUM_N];
	struct cell *c = result_row(run, group, n, e);
	if (!c)
		return e->rc;
	row_touchpoint(run, x->touchpoint);
	struct estimate experience = stats_mean(n, a[SUM_X], a[SUM_X2], x->target);
	struct estimate share = stats_wilson(a[SUM_KEPT], n);
	struct sv name = arena_copy(run->arena, x->name), unit = arena_copy(run->arena, measure->unit);
	if (!name.ptr || !unit.ptr)
		return err_set(e, RC_NOMEM, "out of memory for rows");
	cell_text(&c[EXPECTATION], name);
	cell_number(&c[N], n);
	cell_estimate(&c[GAP], &c[GAP_LOW], &c[GAP_HIGH], stats_mean(n, a[SUM_GAP], a[SUM_GAP2], 0.0));
	cell_estimate(&c[EXPERIENCE], &c[EXPERIENCE_LOW], &c[EXPERIENCE_HIGH], experience);
	cell_number(&c[TARGET], x->target);
	cell_text(&c[DIRECTION], x->direction == EXPECT_AT_LEAST ? SV("at least") : SV("at most"));
	cell_text(&c[UNIT], unit);
	cell_estimate(&c[SHARE], &c[SHARE_LOW], &c[SHARE_HIGH], share);
	cell_number(&c[SHARE_TARGET], x->share);
	cell_text(&c[VERDICT], verdict_of(x, n, share, experience));
	return RC_OK;
}

static enum rc finish(struct run *run, void *p, struct err *e)
{
	struct state *s = p;
	const struct design *d = run->design;
	// Expectations that nothing was measured for are shown where they cannot be mistaken for filtered ones.
	bool show_unmeasured = grouping_keys(run) == 1 && run->query->n_where == 0;
	for (uint32_t g = 0; g < run_groups(run); g++) {
		for (uint32_t i = 0; i < d->n_expectations; i++) {
			const double *a = sums_at(&s->sums, g, i * N_SUMS);
			if (a[SUM_N] == 0.0 && !show_unmeasured)
				continue;
			enum rc rc = write_row(run, g, &d->expectations[i], a, e);
			if (rc != RC_OK)
				return rc;
		}
	}
	return RC_OK;
}

static const char clickhouse[] =
	"SELECT {by}_x.1 AS expectation, _n AS n, gap, gap_low, gap_high, experience, experience_low, "
	"experience_high,\n"
	"_x.2 AS target, _x.3 AS direction, _x.4 AS unit, share_kept, share_kept_low, share_kept_high,\n"
	"nullIf(_x.5, -1) AS share_target,\n"
	"multiIf(_n = 0, 'no data', _n >= 10 AND _low >= _wanted, 'kept', _n >= 10 AND _high < _wanted, "
	"'broken',\n"
	"'no detectable difference') AS verdict\n"
	"FROM (SELECT *, multiIf(_x.5 >= 0, share_kept_low, _x.3 = 'at least', experience_low, "
	"-experience_high) AS _low,\n"
	"multiIf(_x.5 >= 0, share_kept_high, _x.3 = 'at least', experience_high, -experience_low) AS _high,\n"
	"multiIf(_x.5 >= 0, _x.5, _x.3 = 'at least', _x.2, -_x.2) AS _wanted\n"
	"FROM (SELECT {keys}_i, _n, _x, {mean:gap|_n|_g|_gg|0.}, {mean:experience|_n|_d|_dd|_x.2}, "
	"{share:share_kept|_kept|_n}\n"
	"FROM (SELECT {keys}_s.1 AS _i, {design:expectations}[_i] AS _x, toInt64(sum(_s.2)) AS _n, "
	"toInt64(sum(_s.3)) AS _kept,\n"
	"sum(_s.4) AS _g, sum(_s.5) AS _gg, sum(_s.6) AS _d, sum(_s.7) AS _dd\n"
	"FROM (SELECT {keys}arrayJoin(_sums) AS _s FROM (SELECT {keys}{design:expectation-sums} AS _sums FROM "
	"{rows} {group}\n"
	"{design:unmeasured})) WHERE _s.1 > 0 {group:_i})))\n"
	"WHERE {design:measured}\n"
	"{order:_i}";

const struct analysis analysis_gap = {
	.name = "gap",
	.summary = "Experience against every expectation of the corridor file, per touch point",
	.definition = "Gap of a value x against target τ with scale σ: clamp(d·(x − τ)/σ, −1, 1), d = 1 for at "
		      "least, −1 for at most; σ is the "
		      "target for ratios, half the range for bounded measures, or given in the corridor file. "
		      "gap: mean with 95 % t interval "
		      "(Student 1908). share_kept: share with d·(x − τ) ≥ 0, 95 % Wilson interval (Wilson "
		      "1927). verdict: for expectations with "
		      "`for`, the Wilson interval against that share; else the t interval of the mean of x "
		      "against τ; an interval that "
		      "contains what is expected, or one of fewer than 10 values, is no detectable difference. "
		      "Expectation minus experience "
		      "after Parasuraman, Zeithaml & "
		      "Berry (1985), with designed expectations.",
	.chart = "bars",
	.columns = columns,
	.n_columns = N_COLUMNS,
	.by_touchpoint = true,
	.prepare = prepare,
	.state_new = state_new,
	.add = add,
	.merge = merge,
	.state_free = state_free,
	.finish = finish,
	.clickhouse = clickhouse,
};
