// SPDX-License-Identifier: Apache-2.0
// Analysis: the time from one interaction to another within a journey, with exact quantiles.
#include "measure/internal.h"

#include "base/mem.h"
#include "design/business.h"

#include <math.h>

static const struct param params[] = {
	{.name = "start",
		.type = PARAM_FILTER,
		.help = "where it starts: a touch point, or a filter as for --where"},
	{.name = "end",
		.type = PARAM_FILTER,
		.help = "where it ends: a touch point, or a filter as for --where"},
	{.name = "pair",
		.type = PARAM_CHOICE,
		.value = "next",
		.choices = "next|promise",
		.help = "next: each start with the first end after it; promise: what made a promise with what "
			"kept it"},
	{.name = "clock",
		.type = PARAM_CHOICE,
		.value = "elapsed",
		.choices = "elapsed|wall",
		.help = "elapsed time, or the difference of local clock times (an hour off across daylight "
			"saving)"},
	{.name = "hours",
		.type = PARAM_STRING,
		.help = "count only the time within the business hours of this name in the corridor file"},
};

enum {
	STARTED,
	REACHED,
	SHARE,
	SHARE_LOW,
	SHARE_HIGH,
	P10,
	P25,
	P50,
	P50_LOW,
	P50_HIGH,
	P75,
	P90,
	P99,
	MEAN,
	MEAN_LOW,
	MEAN_HIGH,
	NEGATIVE,
	N_COLUMNS
};
static const struct result_column columns[N_COLUMNS] = {
	[STARTED] = {"started", "started", CELL_COUNT, "interactions", 0, "interactions that start one"},
	[REACHED] = {"reached", "reached", CELL_COUNT, "interactions", 0, "of these, with an end"},
	[SHARE] = {"share_reached", "share", CELL_RATIO, "1", 3, "reached of started"},
	[SHARE_LOW] = {"share_reached_low", "≥", CELL_RATIO, "1", 3, "lower end of its 95 % Wilson interval"},
	[SHARE_HIGH] = {"share_reached_high", "≤", CELL_RATIO, "1", 3, "upper end of its 95 % Wilson interval"},
	[P10] = {"p10", "p10", CELL_SECONDS, "s", 0, "10th percentile"},
	[P25] = {"p25", "p25", CELL_SECONDS, "s", 0, "25th percentile"},
	[P50] = {"p50", "median", CELL_SECONDS, "s", 0, "median"},
	[P50_LOW] = {"p50_low", "median ≥", CELL_SECONDS, "s", 0,
		"lower end of its 95 % interval (order statistics)"},
	[P50_HIGH] = {"p50_high", "median ≤", CELL_SECONDS, "s", 0, "upper end of its 95 % interval"},
	[P75] = {"p75", "p75", CELL_SECONDS, "s", 0, "75th percentile"},
	[P90] = {"p90", "p90", CELL_SECONDS, "s", 0, "90th percentile"},
	[P99] = {"p99", "p99", CELL_SECONDS, "s", 0, "99th percentile"},
	[MEAN] = {"mean", "mean", CELL_SECONDS, "s", 0, "mean"},
	[MEAN_LOW] = {"mean_low", "mean ≥", CELL_SECONDS, "s", 0, "lower end of its 95 % t interval"},
	[MEAN_HIGH] = {"mean_high", "mean ≤", CELL_SECONDS, "s", 0, "upper end of its 95 % t interval"},
	[NEGATIVE] = {"negative", "negative", CELL_COUNT, "interactions", 0,
		"data quality: ends before it starts (counted above too; possible with --pair promise)"},
};

enum { SUM_STARTED, SUM_REACHED, SUM_NEGATIVE, N_SUMS };

struct plan {
	struct filter_node *start, *end; // NULL: any
	bool by_promise, wall;
	struct business *business; // NULL: all hours
};

struct state {
	struct sums sums;
	struct samples samples; // ms
	struct ledger ledger;
};

static enum rc open_hours(struct run *run, struct plan *plan, struct err *e)
{
	const struct param_value *v = run_param(run, "hours");
	const struct design *d = run->design;
	const struct design_hours *found = NULL;
	if (!v->present)
		return RC_OK;
	if (plan->wall) {
		err_set(e, RC_USAGE, "--hours counts elapsed time within a calendar, not --clock wall");
		err_remedy(e, "leave one of the two away");
		return RC_USAGE;
	}
	struct suggestion s = suggestion_new(v->text);
	for (uint32_t i = 0; i < d->n_hours; i++) {
		suggestion_add(&s, d->hours[i].name);
		if (sv_equal(d->hours[i].name, v->text))
			found = &d->hours[i];
	}
	if (!found) {
		err_set(e, RC_USAGE, "--hours: the corridor file has no hours “%.*s”", SV_ARG(v->text));
		suggestion_remedy(&s, e, "declare them there: hours: {weekdays: {mon-fri: [[08:00, 18:00]]}}");
		return RC_USAGE;
	}
	bool any = run->stats.n_interactions != 0;
	plan->business = arena_alloc(run->scratch, sizeof(*plan->business));
	return plan->business ? business_make(found, d->tz, any ? run->stats.first_ms : 0,
					any ? run->stats.last_ms + 1 : 1, run->scratch, plan->business, e)
			      : err_set(e, RC_NOMEM, "out of memory for business hours");
}

static enum rc prepare(struct run *run, struct err *e)
{
	struct plan *plan = arena_alloc(run->scratch, sizeof(*plan));
	if (!plan)
		return err_set(e, RC_NOMEM, "out of memory for intervals");
	run->plan = plan;
	plan->by_promise = run_param(run, "pair")->choice == 1;
	plan->wall = run_param(run, "clock")->choice == 1;
	plan->start = run_param(run, "start")->filter;
	plan->end = run_param(run, "end")->filter;
	if (!plan->by_promise && !(plan->start && plan->end)) {
		err_set(e, RC_USAGE, "--%s is missing", plan->start ? "end" : "start");
		err_remedy(e, "give --start and --end (touch points or filters), or --pair promise");
		return RC_USAGE;
	}
	run->request.columns.promise = plan->by_promise;
	run->request.columns.keeps = plan->by_promise;
	return open_hours(run, plan, e);
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
	samples_free(&s->samples);
	ledger_free(&s->ledger);
	mem_free(s);
}

static int64_t duration(const struct run *run, int64_t start, int64_t end)
{
	const struct plan *plan = run->plan;
	const struct tz *tz = run->design->tz;
	if (plan->business)
		return business_between(plan->business, start, end);
	return plan->wall ? tz_to_local(tz, end) - tz_to_local(tz, start) : end - start;
}

static enum rc add_pair(
	struct lane *lane, struct state *s, uint32_t group, uint32_t start, uint32_t end, struct err *e)
{
	double *a = s->sums.v + (size_t)group * N_SUMS;
	a[SUM_STARTED] += 1.0;
	if (end == LEDGER_NONE)
		return RC_OK;
	const int64_t *at = lane->span->at;
	int64_t ms = duration(lane->run, at[start], at[end]);
	// Both outside of business hours are 0 apart, whichever came first.
	bool early = ((const struct plan *)lane->run->plan)->business && at[end] < at[start];
	a[SUM_REACHED] += 1.0;
	a[SUM_NEGATIVE] += ms < 0 || early;
	return samples_add(&s->samples, group, ms, e);
}

// From the last interaction backwards, so that the nearest end is at hand; one pass.
static enum rc add_next(struct lane *lane, struct state *s, uint32_t first, uint32_t last,
	const uint8_t *starts, const uint8_t *ends, const uint32_t *group, struct err *e)
{
	uint32_t end = LEDGER_NONE;
	enum rc rc = RC_OK;
	for (uint32_t i = last; rc == RC_OK && i-- > first;) {
		if (starts[i] && lane_keeps(lane, i))
			rc = add_pair(lane, s, group[i], i, end, e);
		if (ends[i])
			end = i;
	}
	return rc;
}

static enum rc add_promises(struct lane *lane, struct state *s, uint32_t first, uint32_t last,
	const uint8_t *starts, const uint8_t *ends, const uint32_t *group, struct err *e)
{
	enum rc rc = ledger_read(&s->ledger, lane->span, first, last, TIME_NONE, e);
	for (uint32_t i = 0; rc == RC_OK && i < s->ledger.n; i++) {
		const struct ledger_entry *x = &s->ledger.entries[i];
		if (x->made == LEDGER_NONE || !lane_keeps(lane, x->made) || (starts && !starts[x->made]))
			continue;
		bool reached = x->kept != LEDGER_NONE && (!ends || ends[x->kept]);
		rc = add_pair(lane, s, group[x->made], x->made, reached ? x->kept : LEDGER_NONE, e);
	}
	return rc;
}

static enum rc mask_of(
	struct lane *lane, const struct filter_node *node, uint32_t slot, uint8_t **out, struct err *e)
{
	*out = NULL;
	if (!node)
		return RC_OK;
	*out = lane_mask(lane, slot, e);
	return *out ? filter_mask(lane, node, *out, e) : RC_NOMEM;
}

static enum rc add(struct lane *lane, void *p, const struct span *span, struct err *e)
{
	struct state *s = p;
	const struct plan *plan = lane->run->plan;
	uint8_t *starts = NULL, *ends = NULL;
	const uint32_t *group = lane_group(lane, e);
	enum rc rc = group ? sums_fit(&s->sums, lane->n_groups, e) : e->rc;
	if (rc == RC_OK)
		rc = mask_of(lane, plan->start, 0, &starts, e);
	if (rc == RC_OK)
		rc = mask_of(lane, plan->end, 1, &ends, e);
	for (uint32_t k = 0; rc == RC_OK && k < span->n_persons; k++) {
		uint32_t first = span->person_start[k], last = span->person_start[k + 1];
		rc = (plan->by_promise ? add_promises : add_next)(lane, s, first, last, starts, ends, group, e);
	}
	return rc;
}

static enum rc merge(struct run *run, void *into, void *from, struct err *e)
{
	(void)run;
	struct state *a = into, *b = from;
	enum rc rc = sums_merge(&a->sums, &b->sums, e);
	return rc == RC_OK ? samples_merge(&a->samples, &b->samples, e) : rc;
}

static enum rc fold(struct run *run, void *p, const uint32_t *to, uint32_t n, struct err *e)
{
	struct state *s = p;
	samples_fold(&s->samples, to, n);
	return sums_fold(&s->sums, to, n, run_groups(run), e);
}

// any_negative: are some negative? Else their mean is not either.
static void write_times(const int64_t *v, size_t n, bool any_negative, struct cell *c)
{
	static const struct {
		uint32_t column;
		double p;
	} quantiles[] = {{P10, 0.10}, {P25, 0.25}, {P50, 0.50}, {P75, 0.75}, {P90, 0.90}, {P99, 0.99}};
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
		cell_number(&c[quantiles[i].column], stats_quantile_i64(v, n, quantiles[i].p) / 1000.0);
	size_t low, high;
	if (stats_median_ranks(n, &low, &high)) {
		cell_number(&c[P50_LOW], (double)v[low] / 1000.0);
		cell_number(&c[P50_HIGH], (double)v[high] / 1000.0);
	}
	cell_estimate(&c[MEAN], &c[MEAN_LOW], &c[MEAN_HIGH],
		stats_mean_seconds(v, n, any_negative ? (double)-INFINITY : 0.0));
}

static enum rc finish(struct run *run, void *p, struct err *e)
{
	struct state *s = p;
	uint32_t n_groups = run_groups(run);
	enum rc rc = samples_sort(&s->samples, n_groups, e);
	double negative = 0.0;
	for (uint32_t g = 0; rc == RC_OK && g < n_groups; g++) {
		const double *a = sums_at(&s->sums, g, 0);
		negative += a[SUM_NEGATIVE];
		if (!run_group_shown(run, g, a[SUM_STARTED]))
			continue;
		struct cell *c = result_row(run, g, a[SUM_STARTED], e);
		if (!c)
			return e->rc;
		size_t n;
		const int64_t *v = samples_of(&s->samples, g, &n);
		cell_number(&c[STARTED], a[SUM_STARTED]);
		cell_number(&c[REACHED], a[SUM_REACHED]);
		cell_estimate(
			&c[SHARE], &c[SHARE_LOW], &c[SHARE_HIGH], stats_wilson(a[SUM_REACHED], a[SUM_STARTED]));
		write_times(v, n, a[SUM_NEGATIVE] > 0.0, c);
		cell_number(&c[NEGATIVE], a[SUM_NEGATIVE]);
	}
	if (negative > 0.0)
		run_note(
			run, "data quality: %.0f intervals are negative: they end before they start", negative);
	return rc;
}

static const char clickhouse[] =
	"{if:hours}{refuse:hours}{end}SELECT {by}_started AS started, _n AS reached, "
	"{share:share_reached|_n|_started},\n"
	"{quantile:p10|_v|0.1}, {quantile:p25|_v|0.25}, {quantile:p50|_v|0.5},\n"
	"if(_n < 6, NULL, _v[_rank] / 1000) AS p50_low, if(_n < 6, NULL, _v[_n - _rank + 1] / 1000) AS "
	"p50_high,\n"
	"{quantile:p75|_v|0.75}, {quantile:p90|_v|0.9}, {quantile:p99|_v|0.99},\n"
	"{mean:mean|_n|0.|_squares|_average / 1000|if(_negative > 0, -inf, 0.)}, _negative AS negative\n"
	"FROM (SELECT *, toInt64(length(_v)) AS _n, arraySum(_v) / _n AS _average,\n"
	"arraySum(x -> pow((x - _average) / 1000, 2), _v) AS _squares, arrayCount(x -> x < 0, _v) AS "
	"_negative,\n"
	"if(_n > 10000, toInt64(floor(0.5 * (_n + 1 - 1.959963984540054 * sqrt(_n)))),\n"
	"toInt64(arrayCount(x -> x <= 0.025, arrayCumSum(arrayMap(k ->\n"
	"exp(lgamma(_n + 1) - lgamma(k + 1) - lgamma(_n - k + 1) - _n * 0.6931471805599453),\n"
	"range(toUInt64(if(_n > 10000, 0, intDiv(_n, 2))))))))) AS _below, greatest(_below, 1) AS _rank\n"
	"FROM (SELECT {keys}toInt64(count()) AS _started, arraySort(groupArrayIf(_ms, _reached)) AS _v\n"
	"FROM (SELECT {keys}_reached, {if:clock=wall}\n"
	"_ended + 1000 * timezoneOffset({time:_ended}) - _began - 1000 * timezoneOffset({time:_began}){else}\n"
	"_ended - _began{end} AS _ms\n"
	"FROM ({if:pair=promise}\n"
	"SELECT {unpack:_made|6}_made.1 AS _began, _kept.1 AS _ended, _n_kept > 0 AND _kept.5 AS _reached\n"
	"FROM {ledger:9223372036854775807|{filter:start}, {filter:end}} WHERE _n_made > 0 AND _made.3 AND "
	"_made.4{else}\n"
	"SELECT {unpack:_r|6}_r.1 AS _began, _end AS _ended, _end != -9223372036854775808 AS _reached\n"
	"FROM (SELECT arraySort(x -> (x.1, x.2), groupArray(_row)) AS _j,\n"
	"arrayReverseFill(x -> x != -9223372036854775808, arrayMap(x -> if(x.5, x.1, -9223372036854775808), "
	"_j)) AS _e\n"
	"FROM (SELECT person, (at, arrival, _keep, {filter:start}, {filter:end}{,keys}) AS _row FROM {all}\n"
	"WHERE {filter:start} OR {filter:end}) GROUP BY person HAVING arrayExists(x -> x.3 AND x.4, _j))\n"
	"ARRAY JOIN _j AS _r, arrayPushBack(arrayPopFront(_e), -9223372036854775808) AS _end\n"
	"WHERE _r.3 AND _r.4{end})) {group}))\n"
	"WHERE {shown:_started > 0}\n"
	"{order}";

const struct analysis analysis_interval = {
	.name = "interval",
	.example = "--start order --end delivery",
	.summary = "Time from one touch point to another within a journey, or from a promise to its keeping",
	.definition =
		"Within each customer's journey. --pair next: from every start to the first end after it "
		"(ties in time in order of "
		"arrival). --pair promise: from the first interaction that made a promise to the first "
		"that kept it; may be negative. "
		"Filters and groups are those of the start; the end may be anywhere in the journey. "
		"Exact quantiles, linear interpolation "
		"(type 7 of Hyndman & Fan 1996); interval of the median by order statistics (Conover "
		"1999), of the mean by Student's t, of "
		"the share by Wilson (1927), all 95 %. --clock wall takes differences of local clock "
		"times instead of elapsed time. --hours counts only what lies within a calendar of the "
		"corridor "
		"file, in the brand's zone: breaks, holidays and nights do not count, shifts past midnight "
		"belong to the day on which they start.",
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
