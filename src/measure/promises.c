// SPDX-License-Identifier: Apache-2.0
// Analysis: the promise ledger: made, kept, broken, overdue, open, with delays.
//
// As of a moment T, every promise made until T is exactly one of: kept (answered by its due time), broken (answered
// after it), overdue (not answered, due before T), open (not answered, due at T or later or never), answered (it
// had no due time). made is their sum.
#include "measure/internal.h"

#include "base/mem.h"

#include <math.h>

static const struct param params[] = {
	{.name = "as-of",
		.type = PARAM_TIME,
		.help = "look at the ledger as it stood then; default: the newest interaction"},
	{.name = "attribute",
		.type = PARAM_CHOICE,
		.value = "made",
		.choices = "made|kept",
		.help = "filter and group by the interaction that made the promise, or by the one that kept "
			"it"},
};

enum {
	MADE,
	KEPT,
	BROKEN,
	OVERDUE,
	OPEN,
	ANSWERED,
	SHARE,
	SHARE_LOW,
	SHARE_HIGH,
	DELAY_P50,
	DELAY_P90,
	DELAY_P99,
	TIME_P50,
	TIME_P90,
	TIME_P99,
	NEGATIVE,
	REPEATED,
	ORPHANS,
	N_COLUMNS
};
static const struct result_column columns[N_COLUMNS] = {
	[MADE] = {"made", "made", CELL_COUNT, "promises", 0,
		"promises; kept + broken + overdue + open + answered"},
	[KEPT] = {"kept", "kept", CELL_COUNT, "promises", 0, "answered by the due time"},
	[BROKEN] = {"broken", "broken", CELL_COUNT, "promises", 0, "answered after the due time"},
	[OVERDUE] = {"overdue", "overdue", CELL_COUNT, "promises", 0, "not answered, and the due time is past"},
	[OPEN] = {"open", "open", CELL_COUNT, "promises", 0,
		"not answered, and not due yet or without due time"},
	[ANSWERED] = {"answered", "answered", CELL_COUNT, "promises", 0, "answered, without a due time"},
	[SHARE] = {"share_kept", "share kept", CELL_RATIO, "1", 3, "kept of kept + broken + overdue"},
	[SHARE_LOW] = {"share_kept_low", "≥", CELL_RATIO, "1", 3, "lower end of its 95 % Wilson interval"},
	[SHARE_HIGH] = {"share_kept_high", "≤", CELL_RATIO, "1", 3, "upper end of its 95 % Wilson interval"},
	[DELAY_P50] = {"delay_p50", "delay p50", CELL_SECONDS, "s", 0,
		"median of answer minus due time (below 0: early), of kept and broken"},
	[DELAY_P90] = {"delay_p90", "delay p90", CELL_SECONDS, "s", 0, "the same, 90th percentile"},
	[DELAY_P99] = {"delay_p99", "delay p99", CELL_SECONDS, "s", 0, "the same, 99th percentile"},
	[TIME_P50] = {"time_p50", "time p50", CELL_SECONDS, "s", 0,
		"median of answer minus promise, of kept, broken and answered"},
	[TIME_P90] = {"time_p90", "time p90", CELL_SECONDS, "s", 0, "the same, 90th percentile"},
	[TIME_P99] = {"time_p99", "time p99", CELL_SECONDS, "s", 0, "the same, 99th percentile"},
	[NEGATIVE] = {"kept_before_made", "before made", CELL_COUNT, "promises", 0,
		"data quality: answered before they were made (counted above too)"},
	[REPEATED] = {"repeated", "repeated", CELL_COUNT, "promises", 0,
		"data quality: made or answered more than once; the first of each counts"},
	[ORPHANS] = {"kept_without_promise", "without promise", CELL_COUNT, "promises", 0,
		"data quality: answers to a promise that nobody made in the customer's journey (not counted "
		"above)"},
};

// The counts come first, in the order of their columns.
enum {
	SUM_MADE,
	SUM_KEPT,
	SUM_BROKEN,
	SUM_OVERDUE,
	SUM_OPEN,
	SUM_ANSWERED,
	SUM_NEGATIVE,
	SUM_REPEATED,
	SUM_ORPHANS,
	N_SUMS
};

struct plan {
	int64_t as_of_ms;
	bool by_kept;
};

struct state {
	struct sums sums;
	struct samples delay, time; // ms
	struct ledger ledger;
	uint64_t n_unanswered; // with --attribute kept: promises that no answer could place
};

static enum rc prepare(struct run *run, struct err *e)
{
	struct plan *plan = arena_alloc(run->scratch, sizeof(*plan));
	if (!plan)
		return err_set(e, RC_NOMEM, "out of memory for promises");
	run->plan = plan;
	const struct param_value *as_of = run_param(run, "as-of");
	plan->as_of_ms = as_of->time_ms != TIME_NONE ? as_of->time_ms : run->stats.last_ms;
	plan->by_kept = run_param(run, "attribute")->choice == 1;
	run->request.columns.promise = true;
	run->request.columns.due = true;
	run->request.columns.keeps = true;
	if (plan->as_of_ms != TIME_NONE) {
		struct sv at = run_time_text(run, plan->as_of_ms);
		run_note(run, "as of %.*s%s", SV_ARG(at),
			as_of->time_ms == TIME_NONE ? ", the newest interaction" : "");
	}
	return RC_OK;
}

static void *state_new(struct run *run)
{
	(void)run;
	struct state *s = mem_calloc(1, sizeof(*s));
	if (s)
		s->sums.width = N_SUMS;
	return s;
}

static void state_free(struct run *run, void *p)
{
	(void)run;
	struct state *s = p;
	sums_free(&s->sums);
	samples_free(&s->delay);
	samples_free(&s->time);
	ledger_free(&s->ledger);
	mem_free(s);
}

static const uint32_t sum_of_outcome[] = {[LEDGER_KEPT] = SUM_KEPT,
	[LEDGER_BROKEN] = SUM_BROKEN,
	[LEDGER_OVERDUE] = SUM_OVERDUE,
	[LEDGER_OPEN] = SUM_OPEN,
	[LEDGER_ANSWERED] = SUM_ANSWERED};

static enum rc add_promise(struct state *s, const struct span *span, const struct ledger_entry *x,
	uint32_t group, int64_t as_of_ms, struct err *e)
{
	double *a = s->sums.v + (size_t)group * N_SUMS;
	enum ledger_outcome outcome = ledger_outcome_of(span, x, as_of_ms);
	a[SUM_MADE] += 1.0;
	a[sum_of_outcome[outcome]] += 1.0;
	a[SUM_REPEATED] += x->n_made > 1 || x->n_kept > 1;
	if (x->kept == LEDGER_NONE)
		return RC_OK;
	int64_t took = span->at[x->kept] - span->at[x->made];
	a[SUM_NEGATIVE] += took < 0;
	enum rc rc = samples_add(&s->time, group, took, e);
	if (rc == RC_OK && outcome != LEDGER_ANSWERED)
		rc = samples_add(&s->delay, group, span->at[x->kept] - span->due[x->made], e);
	return rc;
}

// The interaction that decides filters and group must pass the filters; the other may be anywhere.
static enum rc add_entry(
	struct lane *lane, struct state *s, const struct ledger_entry *x, const uint32_t *group, struct err *e)
{
	const struct plan *plan = lane->run->plan;
	if (x->made == LEDGER_NONE) {
		if (lane_keeps(lane, x->kept))
			s->sums.v[(size_t)group[x->kept] * N_SUMS + SUM_ORPHANS] += 1.0;
		return RC_OK;
	}
	uint32_t decides = plan->by_kept ? x->kept : x->made;
	if (decides == LEDGER_NONE) {
		s->n_unanswered++;
		return RC_OK;
	}
	if (!lane_keeps(lane, decides))
		return RC_OK;
	return add_promise(s, lane->span, x, group[decides], plan->as_of_ms, e);
}

static enum rc add(struct lane *lane, void *p, const struct span *span, struct err *e)
{
	struct state *s = p;
	const struct plan *plan = lane->run->plan;
	const uint32_t *group = lane_group(lane, e);
	enum rc rc = group ? sums_fit(&s->sums, lane->n_groups, e) : e->rc;
	for (uint32_t k = 0; rc == RC_OK && k < span->n_persons; k++) {
		rc = ledger_read(
			&s->ledger, span, span->person_start[k], span->person_start[k + 1], plan->as_of_ms, e);
		for (uint32_t i = 0; rc == RC_OK && i < s->ledger.n; i++)
			rc = add_entry(lane, s, &s->ledger.entries[i], group, e);
	}
	return rc;
}

static enum rc merge(struct run *run, void *into, void *from, struct err *e)
{
	(void)run;
	struct state *a = into, *b = from;
	a->n_unanswered += b->n_unanswered;
	enum rc rc = sums_merge(&a->sums, &b->sums, e);
	if (rc == RC_OK)
		rc = samples_merge(&a->delay, &b->delay, e);
	return rc == RC_OK ? samples_merge(&a->time, &b->time, e) : rc;
}

static enum rc fold(struct run *run, void *p, const uint32_t *to, uint32_t n, struct err *e)
{
	struct state *s = p;
	samples_fold(&s->delay, to, n);
	samples_fold(&s->time, to, n);
	return sums_fold(&s->sums, to, n, run_groups(run), e);
}

static void write_quantiles(
	const struct samples *samples, uint32_t group, struct cell *p50, struct cell *p90, struct cell *p99)
{
	size_t n;
	const int64_t *v = samples_of(samples, group, &n);
	cell_number(p50, stats_quantile_i64(v, n, 0.50) / 1000.0);
	cell_number(p90, stats_quantile_i64(v, n, 0.90) / 1000.0);
	cell_number(p99, stats_quantile_i64(v, n, 0.99) / 1000.0);
}

static enum rc finish(struct run *run, void *p, struct err *e)
{
	struct state *s = p;
	const struct plan *plan = run->plan;
	uint32_t n_groups = run_groups(run);
	enum rc rc = samples_sort(&s->delay, n_groups, e);
	if (rc == RC_OK)
		rc = samples_sort(&s->time, n_groups, e);
	if (rc != RC_OK)
		return rc;
	double negative = 0.0, orphans = 0.0, repeated = 0.0;
	for (uint32_t g = 0; g < n_groups; g++) {
		const double *a = sums_at(&s->sums, g, 0);
		negative += a[SUM_NEGATIVE];
		orphans += a[SUM_ORPHANS];
		repeated += a[SUM_REPEATED];
		if (!run_group_shown(run, g, a[SUM_MADE] + a[SUM_ORPHANS]))
			continue;
		struct cell *c = result_row(run, g, a[SUM_MADE], e);
		if (!c)
			return e->rc;
		for (uint32_t i = SUM_MADE; i <= SUM_ANSWERED; i++)
			cell_number(&c[MADE + i], a[i]);
		cell_estimate(&c[SHARE], &c[SHARE_LOW], &c[SHARE_HIGH],
			stats_wilson(a[SUM_KEPT], a[SUM_KEPT] + a[SUM_BROKEN] + a[SUM_OVERDUE]));
		write_quantiles(&s->delay, g, &c[DELAY_P50], &c[DELAY_P90], &c[DELAY_P99]);
		write_quantiles(&s->time, g, &c[TIME_P50], &c[TIME_P90], &c[TIME_P99]);
		cell_number(&c[NEGATIVE], a[SUM_NEGATIVE]);
		cell_number(&c[REPEATED], a[SUM_REPEATED]);
		cell_number(&c[ORPHANS], a[SUM_ORPHANS]);
	}
	if (negative > 0.0)
		run_note(run, "data quality: %.0f promises were kept before they were made", negative);
	if (repeated > 0.0)
		run_note(run,
			"data quality: %.0f promises were made or kept more than once; the first of each "
			"counts",
			repeated);
	if (orphans > 0.0)
		run_note(run,
			"data quality: %.0f interactions keep a promise that was not made in the customer's "
			"journey",
			orphans);
	if (plan->by_kept && s->n_unanswered)
		run_note(run,
			"%llu promises are not answered and so have no interaction to group by; --attribute "
			"made shows them",
			(unsigned long long)s->n_unanswered);
	return RC_OK;
}

static const char clickhouse[] =
	"SELECT {by}_c[1] AS made, _c[2] AS kept, _c[3] AS broken, _c[4] AS overdue, _c[5] AS open, _c[6] AS "
	"answered,\n"
	"{share:share_kept|_c[2]|_c[2] + _c[3] + _c[4]},\n"
	"{seconds:delay_p50|_delay[1]}, {seconds:delay_p90|_delay[2]}, {seconds:delay_p99|_delay[3]},\n"
	"{seconds:time_p50|_time[1]}, {seconds:time_p90|_time[2]}, {seconds:time_p99|_time[3]},\n"
	"_c[7] AS kept_before_made, _c[8] AS repeated, _c[9] AS kept_without_promise\n"
	"FROM (SELECT {keys}[countIf(_is > 0), countIf(_is = 1), countIf(_is = 2), countIf(_is = 3), "
	"countIf(_is = 4), countIf(_is = 5),\n"
	"countIf(_is IN (1, 2, 5) AND _took < 0), countIf(_is > 0 AND (_n_made > 1 OR _n_kept > 1)), "
	"countIf(_is = 0)] AS _c,\n"
	"quantilesExactInclusiveIf(0.5, 0.9, 0.99)(_late, _is IN (1, 2)) AS _delay,\n"
	"quantilesExactInclusiveIf(0.5, 0.9, 0.99)(_took, _is IN (1, 2, 5)) AS _time\n"
	"FROM (SELECT {unpack:_d|4}_n_made, _n_kept, _kept.1 - _made.1 AS _took, ifNull(_kept.1 - _made.2, 0) "
	"AS _late,\n"
	"{if:attribute=kept}_kept{else}if(_n_made = 0, _kept, _made){end} AS _d,\n"
	"multiIf(_n_made = 0, 0, _n_kept = 0, if(ifNull(_made.2 < _as_of, 0), 3, 4), _made.2 IS NULL, 5, "
	"_kept.1 <= _made.2, 1, 2) AS _is\n"
	"FROM (SELECT *, {if:as-of}{param:as-of}{else}(SELECT max(at) FROM interactions){end} AS _as_of\n"
	"FROM {ledger:{if:as-of}{param:as-of}{else}(SELECT max(at) FROM interactions){end}})\n"
	"WHERE _d.3) {group})\n"
	"WHERE {shown:_c[1] + _c[9] > 0}\n"
	"{order}";

const struct analysis analysis_promises = {
	.name = "promises",
	.summary = "Promises made, kept, broken, overdue and open, with delays",
	.definition =
		"A promise is made by one interaction and kept by another of the same customer with the "
		"same promise id; the first of "
		"each counts. As of a moment T (interactions after T have not happened): kept = answered "
		"at or before the due time; broken = "
		"answered after it; overdue = not answered and due before T; open = not answered, due at "
		"T or later, or without due time; "
		"answered = answered, without due time. made = kept + broken + overdue + open + answered. "
		"share_kept = kept / (kept + broken + "
		"overdue), 95 % Wilson interval (Wilson 1927). delay = answer − due; time = answer − "
		"promise; exact quantiles, linear "
		"interpolation (type 7 of Hyndman & Fan 1996).",
	.chart = "bars",
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
};
