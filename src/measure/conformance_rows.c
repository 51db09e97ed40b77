// SPDX-License-Identifier: Apache-2.0
// The rows of conformance: by touch point, over journeys, and by deviation with scores.
#include "measure/conformance.h"

// All columns, for the manual; a result has those of its kind of rows.
enum {
	TOUCHPOINT,
	DEVIATION,
	N,
	JOURNEYS,
	PERFECT,
	SHARE,
	SHARE_LOW,
	SHARE_HIGH,
	FITNESS,
	FITNESS_LOW,
	FITNESS_HIGH,
	C_SKIPPED,
	C_REPEATED,
	C_OUT_OF_ORDER,
	C_WRONG_CHANNEL,
	J_SKIPPED,
	J_REPEATED,
	J_OUT_OF_ORDER,
	J_WRONG_CHANNEL,
	J_UNMATCHED,
	N_WITH,
	WITH,
	WITH_LOW,
	WITH_HIGH,
	N_WITHOUT,
	WITHOUT,
	WITHOUT_LOW,
	WITHOUT_HIGH,
	DIFFERENCE,
	DIFFERENCE_LOW,
	DIFFERENCE_HIGH,
	N_COLUMNS
};
_Static_assert(N_COLUMNS == CONFORMANCE_N_COLUMNS, "the declaration says how many there are");

const struct result_column conformance_all_columns[N_COLUMNS] = {
	[TOUCHPOINT] = {"at", "touch point", CELL_TEXT, "", 0,
		"touchpoints: touch point, in the corridor's order"},
	[DEVIATION] = {"deviation", "deviation", CELL_TEXT, "", 0, "scores: what deviates"},
	[N] = {"n", "n", CELL_COUNT, "interactions", 0, "touchpoints: interactions there"},
	[JOURNEYS] = {"journeys", "journeys", CELL_COUNT, "journeys", 0,
		"journeys: all of them; scores: those with the deviation"},
	[PERFECT] = {"conforming_journeys", "conforming", CELL_COUNT, "journeys", 0,
		"journeys: those without a deviation"},
	[SHARE] = {"share", "share", CELL_RATIO, "1", 3,
		"journeys: conforming ones; scores: those with the deviation, of all"},
	[SHARE_LOW] = {"share_low", "≥", CELL_RATIO, "1", 3, "lower end of its 95 % Wilson interval"},
	[SHARE_HIGH] = {"share_high", "≤", CELL_RATIO, "1", 3, "upper end of its 95 % Wilson interval"},
	[FITNESS] = {"fitness", "fitness", CELL_RATIO, "1", 3,
		"conforming interactions / (interactions + skipped); journeys: mean of it"},
	[FITNESS_LOW] = {"fitness_low", "≥", CELL_RATIO, "1", 3, "lower end of its 95 % interval"},
	[FITNESS_HIGH] = {"fitness_high", "≤", CELL_RATIO, "1", 3, "upper end of its 95 % interval"},
	[C_SKIPPED] = {"skipped", "skipped", CELL_COUNT, "journeys", 0,
		"touchpoints: journeys that left it out"},
	[C_REPEATED] = {"repeated", "repeated", CELL_COUNT, "interactions", 0, "touchpoints: more than once"},
	[C_OUT_OF_ORDER] = {"out_of_order", "out of order", CELL_COUNT, "interactions", 0,
		"touchpoints: too late"},
	[C_WRONG_CHANNEL] = {"wrong_channel", "wrong channel", CELL_COUNT, "interactions", 0,
		"touchpoints: on a channel that it is not designed for"},
	[J_SKIPPED] = {"with_skipped", "skipped", CELL_COUNT, "journeys", 0, "journeys: that skip something"},
	[J_REPEATED] = {"with_repeated", "repeated", CELL_COUNT, "journeys", 0,
		"journeys: that repeat something"},
	[J_OUT_OF_ORDER] = {"with_out_of_order", "out of order", CELL_COUNT, "journeys", 0,
		"journeys: that step back"},
	[J_WRONG_CHANNEL] = {"with_wrong_channel", "wrong channel", CELL_COUNT, "journeys", 0,
		"journeys: with a wrong channel"},
	[J_UNMATCHED] = {"with_unmatched", "unmatched", CELL_COUNT, "journeys", 0,
		"journeys: with interactions at no touch point"},
	[N_WITH] = {"n_with", "n with", CELL_COUNT, "journeys", 0,
		"scores: journeys with the deviation and a score"},
	[WITH] = {"mean_with", "with", CELL_NUMBER, "points", 2, "scores: mean with the deviation"},
	[WITH_LOW] = {"mean_with_low", "≥", CELL_NUMBER, "points", 2, "lower end of its 95 % t interval"},
	[WITH_HIGH] = {"mean_with_high", "≤", CELL_NUMBER, "points", 2, "upper end of its 95 % t interval"},
	[N_WITHOUT] = {"n_without", "n without", CELL_COUNT, "journeys", 0,
		"scores: journeys without the deviation but with a score"},
	[WITHOUT] = {"mean_without", "without", CELL_NUMBER, "points", 2, "scores: mean without the deviation"},
	[WITHOUT_LOW] = {"mean_without_low", "≥", CELL_NUMBER, "points", 2, "lower end of its 95 % t interval"},
	[WITHOUT_HIGH] = {"mean_without_high", "≤", CELL_NUMBER, "points", 2,
		"upper end of its 95 % t interval"},
	[DIFFERENCE] = {"difference", "difference", CELL_NUMBER, "points", 2, "scores: with minus without"},
	[DIFFERENCE_LOW] = {"difference_low", "≥", CELL_NUMBER, "points", 2,
		"lower end of its 95 % Welch interval"},
	[DIFFERENCE_HIGH] = {"difference_high", "≤", CELL_NUMBER, "points", 2,
		"upper end of its 95 % Welch interval"},
};

static const uint32_t touchpoint_columns[] = {TOUCHPOINT, N, FITNESS, FITNESS_LOW, FITNESS_HIGH, C_SKIPPED,
	C_REPEATED, C_OUT_OF_ORDER, C_WRONG_CHANNEL};
enum { T_AT, T_N, T_FITNESS, T_LOW, T_HIGH, T_SKIPPED, T_REPEATED, T_OUT_OF_ORDER, T_WRONG_CHANNEL };
static const uint32_t journey_columns[] = {JOURNEYS, PERFECT, SHARE, SHARE_LOW, SHARE_HIGH, FITNESS,
	FITNESS_LOW, FITNESS_HIGH, J_SKIPPED, J_REPEATED, J_OUT_OF_ORDER, J_WRONG_CHANNEL, J_UNMATCHED};
enum { J_ALL, J_PERFECT, J_SHARE, J_SHARE_LOW, J_SHARE_HIGH, J_FITNESS, J_LOW, J_HIGH, J_FIRST_DEVIATION };
static const uint32_t score_columns[] = {DEVIATION, JOURNEYS, SHARE, SHARE_LOW, SHARE_HIGH, N_WITH, WITH,
	WITH_LOW, WITH_HIGH, N_WITHOUT, WITHOUT, WITHOUT_LOW, WITHOUT_HIGH, DIFFERENCE, DIFFERENCE_LOW,
	DIFFERENCE_HIGH};
enum {
	S_DEVIATION,
	S_JOURNEYS,
	S_SHARE,
	S_SHARE_LOW,
	S_SHARE_HIGH,
	S_N_WITH,
	S_WITH,
	S_WITH_LOW,
	S_WITH_HIGH,
	S_N_WITHOUT,
	S_WITHOUT,
	S_WITHOUT_LOW,
	S_WITHOUT_HIGH,
	S_DIFFERENCE,
	S_DIFFERENCE_LOW,
	S_DIFFERENCE_HIGH
};

static const struct {
	const uint32_t *columns;
	uint32_t n;
} kinds[] = {
	[SHOW_TOUCHPOINTS] = {touchpoint_columns, sizeof(touchpoint_columns) / sizeof(touchpoint_columns[0])},
	[SHOW_JOURNEYS] = {journey_columns, sizeof(journey_columns) / sizeof(journey_columns[0])},
	[SHOW_SCORES] = {score_columns, sizeof(score_columns) / sizeof(score_columns[0])},
};

enum rc conformance_columns(struct run *run, struct err *e)
{
	const struct conformance_plan *plan = run->plan;
	uint32_t n = kinds[plan->show].n;
	struct result_column *c = arena_array(run->scratch, n, sizeof(*c));
	if (!c)
		return err_set(e, RC_NOMEM, "out of memory for columns");
	for (uint32_t i = 0; i < n; i++)
		c[i] = conformance_all_columns[kinds[plan->show].columns[i]];
	run->columns = c;
	run->n_columns = n;
	return RC_OK;
}

// --- touch points ---

// Interactions with at least the deviations in `bits` (REPEATED and up); 0: all.
static double count_of(const double *a, uint32_t bits)
{
	double n = 0.0;
	for (uint32_t kind = 0; kind < COUNT_KINDS; kind++)
		n += (kind & bits) == bits ? a[kind] : 0.0;
	return n;
}

static enum rc write_touchpoint(struct run *run, uint32_t group, uint32_t t, const double *a, struct err *e)
{
	const struct conformance_plan *plan = run->plan;
	double n = count_of(a, 0);
	struct cell *c = result_row(run, group, n, e);
	if (!c)
		return e->rc;
	bool unmatched = t == plan->model.n_touchpoints;
	struct sv name =
		unmatched ? SV("(unmatched)") : arena_copy(run->arena, run->design->touchpoints[t].name);
	if (!name.ptr)
		return err_set(e, RC_NOMEM, "out of memory for names");
	cell_text(&c[T_AT], name);
	cell_number(&c[T_N], n);
	cell_estimate(&c[T_FITNESS], &c[T_LOW], &c[T_HIGH],
		stats_wilson(unmatched ? 0.0 : a[0], n + a[COUNT_SKIPPED]));
	if (unmatched)
		return RC_OK;
	cell_number(&c[T_SKIPPED], a[COUNT_SKIPPED]);
	cell_number(&c[T_REPEATED], count_of(a, 1u << (REPEATED - REPEATED)));
	cell_number(&c[T_OUT_OF_ORDER], count_of(a, 1u << (OUT_OF_ORDER - REPEATED)));
	cell_number(&c[T_WRONG_CHANNEL], count_of(a, 1u << (WRONG_CHANNEL - REPEATED)));
	return RC_OK;
}

static enum rc touchpoint_rows(struct run *run, const struct sums *sums, uint32_t group, struct err *e)
{
	const struct conformance_plan *plan = run->plan;
	enum rc rc = RC_OK;
	for (uint32_t t = 0; rc == RC_OK && t <= plan->model.n_touchpoints; t++) {
		const double *a = sums_at(sums, group, t * N_COUNTS);
		if (count_of(a, 0) + a[COUNT_SKIPPED] > 0.0)
			rc = write_touchpoint(run, group, t, a, e);
	}
	return rc;
}

// --- journeys ---

static enum rc journey_row(struct run *run, const struct sums *sums, uint32_t group, struct err *e)
{
	const struct conformance_plan *plan = run->plan;
	const double *a = sums_at(sums, group, plan->first_all);
	struct cell *c = result_row(run, group, a[ALL_JOURNEYS], e);
	if (!c)
		return e->rc;
	cell_number(&c[J_ALL], a[ALL_JOURNEYS]);
	cell_number(&c[J_PERFECT], a[ALL_PERFECT]);
	cell_estimate(
		&c[J_SHARE], &c[J_SHARE_LOW], &c[J_SHARE_HIGH], stats_wilson(a[ALL_PERFECT], a[ALL_JOURNEYS]));
	cell_estimate(&c[J_FITNESS], &c[J_LOW], &c[J_HIGH],
		stats_within(stats_mean(a[ALL_JOURNEYS], a[ALL_FITNESS], a[ALL_SQUARES], 0.0), 0.0, 1.0));
	for (uint32_t k = 0; k < ANY_DEVIATION; k++)
		cell_number(&c[J_FIRST_DEVIATION + k],
			sums_at(sums, group, plan->first_score + k * N_SCORE)[SCORE_JOURNEYS]);
	return RC_OK;
}

// --- scores ---

static double variance(const double a[N_SCORE])
{
	double n = a[SCORE_N], v = (a[SCORE_SQUARES] - a[SCORE_SUM] * a[SCORE_SUM] / n) / (n - 1.0);
	return v > 0.0 ? v : 0.0;
}

// Difference of two means whose variances differ: Welch 1947, with Satterthwaite's degrees of freedom.
static struct estimate welch(const double a[N_SCORE], const double b[N_SCORE])
{
	struct estimate d = {(double)NAN, (double)NAN, (double)NAN};
	double m = a[SCORE_N], n = b[SCORE_N];
	if (m < 1.0 || n < 1.0)
		return d;
	d.value = a[SCORE_SUM] / m - b[SCORE_SUM] / n;
	if (m < 2.0 || n < 2.0)
		return d;
	double u = variance(a) / m, w = variance(b) / n, half = 0.0;
	if (u + w > 0.0) {
		double df = (u + w) * (u + w) / (u * u / (m - 1.0) + w * w / (n - 1.0));
		half = stats_t_quantile(0.975, df) * sqrt(u + w);
	}
	d.low = d.value - half;
	d.high = d.value + half;
	return d;
}

// The mean of journeys' means: none is beyond what answers can be.
static struct estimate score_of(const struct run *run, const double *sums)
{
	const struct conformance_plan *plan = run->plan;
	struct estimate mean = stats_mean(sums[SCORE_N], sums[SCORE_SUM], sums[SCORE_SQUARES], 0.0);
	if (!plan->has_score)
		return mean;
	const struct design_measure *m = &run->design->measures[plan->score];
	return stats_within(mean, m->min, m->max);
}

static enum rc score_rows(struct run *run, const struct sums *sums, uint32_t group, struct err *e)
{
	const struct conformance_plan *plan = run->plan;
	const double *all = sums_at(sums, group, plan->first_score + N_DEVIATIONS * N_SCORE);
	for (uint32_t k = 0; k < N_DEVIATIONS; k++) {
		const double *a = sums_at(sums, group, plan->first_score + k * N_SCORE);
		double b[N_SCORE];
		for (uint32_t i = 0; i < N_SCORE; i++)
			b[i] = all[i] - a[i];
		struct cell *c = result_row(run, group, all[SCORE_JOURNEYS], e);
		if (!c)
			return e->rc;
		cell_text(&c[S_DEVIATION], sv_from(deviation_names[k]));
		cell_number(&c[S_JOURNEYS], a[SCORE_JOURNEYS]);
		cell_estimate(&c[S_SHARE], &c[S_SHARE_LOW], &c[S_SHARE_HIGH],
			stats_wilson(a[SCORE_JOURNEYS], all[SCORE_JOURNEYS]));
		cell_number(&c[S_N_WITH], a[SCORE_N]);
		cell_estimate(&c[S_WITH], &c[S_WITH_LOW], &c[S_WITH_HIGH], score_of(run, a));
		cell_number(&c[S_N_WITHOUT], b[SCORE_N]);
		cell_estimate(&c[S_WITHOUT], &c[S_WITHOUT_LOW], &c[S_WITHOUT_HIGH], score_of(run, b));
		cell_estimate(&c[S_DIFFERENCE], &c[S_DIFFERENCE_LOW], &c[S_DIFFERENCE_HIGH], welch(a, b));
	}
	return RC_OK;
}

enum rc conformance_rows(struct run *run, const struct sums *sums, struct err *e)
{
	const struct conformance_plan *plan = run->plan;
	static enum rc (*const write[])(struct run * run, const struct sums *sums, uint32_t group,
		struct err *e) = {touchpoint_rows, journey_row, score_rows};
	enum rc rc = RC_OK;
	for (uint32_t g = 0; rc == RC_OK && g < run_groups(run); g++)
		if (run_group_shown(run, g, sums_at(sums, g, plan->first_all)[ALL_JOURNEYS]))
			rc = write[plan->show](run, sums, g, e);
	if (plan->model.n_required == 0)
		run_note(run, "no touch point of the corridor file is required, so nothing can be skipped");
	return rc;
}
