// SPDX-License-Identifier: Apache-2.0
// Analysis: how the values of one measure are spread: exact quantiles, mean, ends. What customers normally get.
#include "measure/internal.h"

#include "base/mem.h"

#include <math.h>

static const struct param params[] = {
	{.name = "measure",
		.type = PARAM_STRING,
		.required = true,
		.help = "a measure, built in or of the corridor file: wait, csat, amount"},
};

enum {
	N,
	MEAN,
	MEAN_LOW,
	MEAN_HIGH,
	LEAST,
	P10,
	P20,
	P25,
	P50,
	P50_LOW,
	P50_HIGH,
	P75,
	P80,
	P90,
	MOST,
	UNIT,
	N_COLUMNS
};
static const struct result_column columns[N_COLUMNS] = {
	[N] = {"n", "n", CELL_COUNT, "interactions", 0, "interactions that carry the measure"},
	[MEAN] = {"mean", "mean", CELL_NUMBER, "unit", 2, "mean, in `unit`"},
	[MEAN_LOW] = {"mean_low", "mean ≥", CELL_NUMBER, "unit", 2, "lower end of its 95 % t interval"},
	[MEAN_HIGH] = {"mean_high", "mean ≤", CELL_NUMBER, "unit", 2, "upper end of its 95 % t interval"},
	[LEAST] = {"least", "least", CELL_NUMBER, "unit", 2, "the least value"},
	[P10] = {"p10", "p10", CELL_NUMBER, "unit", 2, "10th percentile"},
	[P20] = {"p20", "p20", CELL_NUMBER, "unit", 2, "20th percentile"},
	[P25] = {"p25", "p25", CELL_NUMBER, "unit", 2, "25th percentile"},
	[P50] = {"p50", "median", CELL_NUMBER, "unit", 2, "median"},
	[P50_LOW] = {"p50_low", "median ≥", CELL_NUMBER, "unit", 2,
		"lower end of its 95 % interval (order statistics)"},
	[P50_HIGH] = {"p50_high", "median ≤", CELL_NUMBER, "unit", 2, "upper end of its 95 % interval"},
	[P75] = {"p75", "p75", CELL_NUMBER, "unit", 2, "75th percentile"},
	[P80] = {"p80", "p80", CELL_NUMBER, "unit", 2, "80th percentile"},
	[P90] = {"p90", "p90", CELL_NUMBER, "unit", 2, "90th percentile"},
	[MOST] = {"most", "most", CELL_NUMBER, "unit", 2, "the greatest value"},
	[UNIT] = {"unit", "unit", CELL_TEXT, "", 0, "of the measure"},
};

static const struct {
	uint32_t column;
	double p;
} quantiles[] = {{LEAST, 0.0}, {P10, 0.1}, {P20, 0.2}, {P25, 0.25}, {P50, 0.5}, {P75, 0.75}, {P80, 0.8},
	{P90, 0.9}, {MOST, 1.0}};
#define N_QUANTILES (sizeof(quantiles) / sizeof(quantiles[0]))

struct plan {
	uint32_t measure;
};

struct state {
	struct samples samples; // keys of values, see key_of
};

// Doubles as integers of the same order, and back (Lamport's trick for IEEE 754: the magnitudes of negative ones turn
// round). It is its own inverse.
static int64_t turn(int64_t bits)
{
	return bits ^ ((bits >> 63) & INT64_MAX);
}

static int64_t key_of(double v)
{
	int64_t bits;
	memcpy(&bits, &v, sizeof(bits));
	return turn(bits);
}

static double value_of(int64_t key)
{
	int64_t bits = turn(key);
	double v;
	memcpy(&v, &bits, sizeof(v));
	return v;
}

static enum rc prepare(struct run *run, struct err *e)
{
	struct plan *plan = arena_alloc(run->scratch, sizeof(*plan));
	struct sv name = run_param(run, "measure")->text;
	if (!plan)
		return err_set(e, RC_NOMEM, "out of memory for a spread");
	run->plan = plan;
	plan->measure = design_measure_find(run->design, name);
	if (plan->measure == DESIGN_NONE) {
		struct suggestion s = suggestion_new(name);
		for (uint32_t i = 0; i < run->design->n_measures; i++)
			suggestion_add(&s, run->design->measures[i].name);
		err_set(e, RC_USAGE, "--measure: there is no measure “%.*s”", SV_ARG(name));
		suggestion_remedy(&s, e, "take one of the corridor file or a built-in one");
		return RC_USAGE;
	}
	run_want_measure(run, plan->measure);
	run_narrow_to_measures(run);
	return RC_OK;
}

static void *state_new(struct run *run)
{
	(void)run;
	return mem_calloc(1, sizeof(struct state));
}

static void state_free(struct run *run, void *p)
{
	(void)run;
	struct state *s = p;
	samples_free(&s->samples);
	mem_free(s);
}

static enum rc add(struct lane *lane, void *p, const struct span *span, struct err *e)
{
	struct state *s = p;
	const struct plan *plan = lane->run->plan;
	const struct sparse_values *v = run_measure(lane->run, span, plan->measure);
	if (v->n == 0)
		return RC_OK;
	const uint32_t *group = lane_group_rows(lane, v->row, v->n, e);
	enum rc rc = group ? RC_OK : e->rc;
	for (uint32_t i = 0; rc == RC_OK && i < v->n; i++)
		if (lane_keeps(lane, v->row[i]))
			rc = samples_add(&s->samples, group[i], key_of(v->value[i]), e);
	return rc;
}

static enum rc merge(struct run *run, void *into, void *from, struct err *e)
{
	(void)run;
	struct state *a = into, *b = from;
	return samples_merge(&a->samples, &b->samples, e);
}

static enum rc fold(struct run *run, void *p, const uint32_t *to, uint32_t n, struct err *e)
{
	(void)run;
	(void)e;
	struct state *s = p;
	samples_fold(&s->samples, to, n);
	return RC_OK;
}

// Type 7 of Hyndman & Fan, as stats_quantile_i64.
static double quantile(const int64_t *key, size_t n, double p)
{
	double h = (double)(n - 1) * p;
	size_t i = (size_t)h;
	double low = value_of(key[i]);
	return i + 1 < n ? low + (h - (double)i) * (value_of(key[i + 1]) - low) : low;
}

static struct estimate mean_of(const int64_t *key, size_t n)
{
	double sum = 0.0, rest = 0.0, squares = 0.0;
	for (size_t i = 0; i < n; i++)
		sum += value_of(key[i]);
	double mean = sum / (double)n;
	for (size_t i = 0; i < n; i++) {
		double x = value_of(key[i]) - mean;
		rest += x;
		squares += x * x;
	}
	return stats_mean((double)n, rest, squares, mean);
}

static void write_row(const int64_t *key, size_t n, const struct design_measure *m, struct cell *c)
{
	size_t low, high;
	cell_number(&c[N], (double)n);
	if (n == 0)
		return;
	cell_estimate(&c[MEAN], &c[MEAN_LOW], &c[MEAN_HIGH], stats_within(mean_of(key, n), m->min, m->max));
	for (size_t i = 0; i < N_QUANTILES; i++)
		cell_number(&c[quantiles[i].column], quantile(key, n, quantiles[i].p));
	if (stats_median_ranks(n, &low, &high)) {
		cell_number(&c[P50_LOW], value_of(key[low]));
		cell_number(&c[P50_HIGH], value_of(key[high]));
	}
}

static enum rc finish(struct run *run, void *p, struct err *e)
{
	struct state *s = p;
	const struct plan *plan = run->plan;
	uint32_t n_groups = run_groups(run);
	enum rc rc = samples_sort(&s->samples, n_groups, e);
	for (uint32_t g = 0; rc == RC_OK && g < n_groups; g++) {
		size_t n;
		const int64_t *key = samples_of(&s->samples, g, &n);
		if (!run_group_shown(run, g, (double)n))
			continue;
		struct cell *c = result_row(run, g, (double)n, e);
		if (!c)
			return e->rc;
		const struct design_measure *m = &run->design->measures[plan->measure];
		write_row(key, n, m, c);
		cell_text(&c[UNIT], arena_copy(run->arena, m->unit));
	}
	return rc;
}

const struct analysis analysis_spread = {
	.name = "spread",
	.example = "--measure wait",
	.summary = "How the values of a measure are spread: quantiles, mean, least and greatest",
	.definition =
		"Over the interactions that carry the measure. Exact quantiles, linear interpolation (type 7 "
		"of Hyndman & Fan 1996); interval of the median by order statistics (Conover 1999), of the "
		"mean "
		"by Student's t, both 95 %.",
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
};
