// SPDX-License-Identifier: Apache-2.0
// Analysis: on how many days of a week or month persons are active, and how the daily, weekly and monthly numbers of
// active persons relate.
//
// Everything comes from a person's different active days, ascending. Sums per group: for each period, persons by
// number of active buckets; for each day, active persons and the changes (at the first day of a run of windows, after
// its last) of the persons who were active within the trailing 7 and 30 days.
#include "measure/activity.h"

#include "base/mem.h"

#define WEEK_DAYS 7u
#define MONTH_DAYS 30u

static const struct param params[] = {
	{.name = "bucket",
		.type = PARAM_CHOICE,
		.value = "day",
		.choices = "day|week|month",
		.help = "what is counted per person: days, ISO weeks or months with an interaction"},
	{.name = "period",
		.type = PARAM_CHOICE,
		.value = "month",
		.choices = "week|month|quarter|year",
		.help = "in each calendar week, month, quarter or year"},
};

enum {
	PERIOD,
	PERIOD_START,
	BUCKETS,
	PERSONS,
	SHARE,
	SHARE_LOW,
	SHARE_HIGH,
	OR_MORE,
	OR_MORE_SHARE,
	ACTIVE,
	DAU,
	WAU,
	MAU,
	DAU_WAU,
	DAU_MAU,
	WAU_MAU,
	N_COLUMNS
};
static const struct result_column columns[N_COLUMNS] = {
	[PERIOD] = {"period", "period", CELL_TEXT, "", 0, "calendar period"},
	[PERIOD_START] = {"period_start", "from", CELL_TIME, "", 0, "its beginning"},
	[BUCKETS] = {"buckets", "active on", CELL_COUNT, "", 0, "number of active days (weeks, months) in it"},
	[PERSONS] = {"persons", "persons", CELL_COUNT, "persons", 0, "persons active on just as many"},
	[SHARE] = {"share", "share", CELL_RATIO, "1", 3, "of the period's active persons"},
	[SHARE_LOW] = {"share_low", "≥", CELL_RATIO, "1", 3, "lower end of its 95 % Wilson interval"},
	[SHARE_HIGH] = {"share_high", "≤", CELL_RATIO, "1", 3, "upper end of its 95 % Wilson interval"},
	[OR_MORE] = {"or_more", "or more", CELL_COUNT, "persons", 0, "persons active on as many or more"},
	[OR_MORE_SHARE] = {"or_more_share", "share", CELL_RATIO, "1", 3, "of the period's active persons"},
	[ACTIVE] = {"active", "active", CELL_COUNT, "persons", 0,
		"persons active in the period; the same in all its rows, as what follows"},
	[DAU] = {"dau", "DAU", CELL_NUMBER, "persons", 1, "active on a day, mean over the period's days"},
	[WAU] = {"wau", "WAU", CELL_NUMBER, "persons", 1,
		"active within the 7 days that end with a day, mean over the period's days"},
	[MAU] = {"mau", "MAU", CELL_NUMBER, "persons", 1,
		"active within the 30 days that end with a day, mean over the period's days"},
	[DAU_WAU] = {"dau_wau", "DAU/WAU", CELL_RATIO, "1", 3, "DAU of WAU"},
	[DAU_MAU] = {"dau_mau", "DAU/MAU", CELL_RATIO, "1", 3, "DAU of MAU"},
	[WAU_MAU] = {"wau_mau", "WAU/MAU", CELL_RATIO, "1", 3, "WAU of MAU"},
};

struct plan {
	struct tz_buckets days, periods;
	uint32_t first, end;       // periods that are shown
	uint32_t *day_period;      // by day
	uint32_t *day_bucket;      // by day; NULL: days are the buckets
	uint32_t buckets_max;      // buckets that one period can have
	uint32_t at_days, n_daily; // where the daily sums begin; how many days (and a spare)
};

// Daily sums, n_daily of each.
enum { DAILY_ACTIVE, DAILY_WEEK, DAILY_MONTH, N_DAILY };

// The larger bucket that each day lies in.
static enum rc map_days(struct run *run, const struct tz_buckets *days, const struct tz_buckets *b,
	uint32_t **out, struct err *e)
{
	*out = arena_array(run->scratch, days->n, sizeof(**out));
	if (!*out)
		return err_set(e, RC_NOMEM, "out of memory for days");
	for (uint32_t d = 0, k = 0; d < days->n; d++) {
		while (k + 1 < b->n && b->start[k + 1] <= days->start[d])
			k++;
		(*out)[d] = k;
	}
	return RC_OK;
}

static enum rc open_days(struct run *run, struct plan *plan, struct err *e)
{
	static const enum tz_unit periods[] = {TZ_WEEK, TZ_MONTH, TZ_QUARTER, TZ_YEAR};
	static const uint32_t days_in[] = {7, 31, 92, 366};
	uint32_t bucket = run_param(run, "bucket")->choice, period = run_param(run, "period")->choice;
	if (bucket > period)
		return err_set(e, RC_USAGE,
			"--bucket %.*s is not shorter than --period %.*s: choose a longer "
			"--period or a shorter --bucket",
			SV_ARG(run_param(run, "bucket")->text), SV_ARG(run_param(run, "period")->text));
	enum rc rc = activity_open(run, TZ_DAY, &plan->days, e);
	if (rc == RC_OK)
		rc = activity_open(run, periods[period], &plan->periods, e);
	if (rc == RC_OK)
		rc = map_days(run, &plan->days, &plan->periods, &plan->day_period, e);
	plan->buckets_max = days_in[period];
	if (rc != RC_OK || bucket == 0)
		return rc;
	struct tz_buckets b;
	rc = activity_open(run, bucket == 1 ? TZ_WEEK : TZ_MONTH, &b, e);
	return rc == RC_OK ? map_days(run, &plan->days, &b, &plan->day_bucket, e) : rc;
}

static enum rc prepare(struct run *run, struct err *e)
{
	struct plan *plan = arena_alloc(run->scratch, sizeof(*plan));
	if (!plan)
		return err_set(e, RC_NOMEM, "out of memory for stickiness");
	run->plan = plan;
	enum rc rc = activity_whole_history(run, e);
	if (rc == RC_OK)
		rc = open_days(run, plan, e);
	if (rc != RC_OK)
		return rc;
	activity_period(run, &plan->periods, &plan->first, &plan->end);
	plan->at_days = plan->periods.n * (plan->buckets_max + 1);
	plan->n_daily = plan->days.n + 1;
	return RC_OK;
}

static void *state_new(struct run *run)
{
	const struct plan *plan = run->plan;
	struct activity_state *s = mem_calloc(1, sizeof(*s));
	if (s)
		s->sums.width = plan->at_days + N_DAILY * plan->n_daily;
	return s;
}

static void state_free(struct run *run, void *p)
{
	(void)run;
	activity_state_free(p);
	mem_free(p);
}

// The days on which a person counts as active within a trailing window are the union of [d, d + window).
static void add_windows(
	const struct plan *plan, const uint32_t *day, uint32_t n, uint32_t window, double *change)
{
	uint32_t spare = plan->n_daily - 1;
	for (uint32_t i = 0; i < n; i++) {
		bool joins = i > 0 && day[i] - day[i - 1] <= window;
		bool joined = i + 1 < n && day[i + 1] - day[i] <= window;
		uint32_t end = day[i] + window < spare ? day[i] + window : spare;
		if (!joins)
			change[day[i]] += 1.0;
		if (!joined)
			change[end] -= 1.0;
	}
}

static void add_journey(const struct plan *plan, const uint32_t *day, uint32_t n, double *sums)
{
	double *daily = sums + plan->at_days;
	uint32_t period = UINT32_MAX, bucket = UINT32_MAX, active = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t d = day[i], b = plan->day_bucket ? plan->day_bucket[d] : d;
		if (plan->day_period[d] != period) {
			if (active)
				sums[period * (plan->buckets_max + 1) + active] += 1.0;
			period = plan->day_period[d];
			active = 0;
			bucket = UINT32_MAX;
		}
		active += b != bucket;
		bucket = b;
		daily[d] += 1.0;
	}
	if (active)
		sums[period * (plan->buckets_max + 1) + active] += 1.0;
	add_windows(plan, day, n, WEEK_DAYS, daily + DAILY_WEEK * plan->n_daily);
	add_windows(plan, day, n, MONTH_DAYS, daily + DAILY_MONTH * plan->n_daily);
}

static enum rc add(struct lane *lane, void *p, const struct span *span, struct err *e)
{
	struct activity_state *s = p;
	const struct plan *plan = lane->run->plan;
	const uint32_t *group;
	enum rc rc = activity_state_span(s, lane, span, &group, e);
	for (uint32_t k = 0, n; rc == RC_OK && k < span->n_persons; k++) {
		double *sums = activity_state_person(s, lane, &plan->days, group, k, &n);
		add_journey(plan, s->buckets, n, sums);
	}
	return rc;
}

static enum rc merge(struct run *run, void *into, void *from, struct err *e)
{
	(void)run;
	return activity_state_merge(into, from, e);
}

static enum rc fold(struct run *run, void *p, const uint32_t *to, uint32_t n, struct err *e)
{
	return sums_fold(&((struct activity_state *)p)->sums, to, n, run_groups(run), e);
}

// --- rows ---

// Person-days of one period: each day's active persons, summed over its days.
struct activity {
	double days, daily, weekly, monthly;
};

// By period, for one group; the trailing numbers are running sums of the changes from the first day on.
static void sum_days(const struct plan *plan, const double *sums, struct activity *periods)
{
	const double *daily = sums + plan->at_days;
	double weekly = 0.0, monthly = 0.0;
	for (uint32_t d = 0; d < plan->days.n; d++) {
		struct activity *a = &periods[plan->day_period[d]];
		weekly += daily[DAILY_WEEK * plan->n_daily + d];
		monthly += daily[DAILY_MONTH * plan->n_daily + d];
		a->days += 1.0;
		a->daily += daily[d];
		a->weekly += weekly;
		a->monthly += monthly;
	}
}

static double ratio(double a, double b)
{
	return b > 0.0 ? a / b : (double)NAN;
}

static enum rc write_period(struct run *run, uint32_t group, double weight, uint32_t period,
	const double *persons, const struct activity *a, struct err *e)
{
	const struct plan *plan = run->plan;
	struct sv label = arena_copy(run->arena, plan->periods.label[period]);
	if (!label.ptr)
		return err_set(e, RC_NOMEM, "out of memory for rows");
	double active = 0.0, more = 0.0;
	uint32_t most = 1;
	for (uint32_t k = 1; k <= plan->buckets_max; k++) {
		active += persons[k];
		most = persons[k] > 0.0 ? k : most;
	}
	more = active;
	for (uint32_t k = 1; k <= most; k++) {
		struct cell *c = result_row(run, group, weight, e);
		if (!c)
			return e->rc;
		cell_text(&c[PERIOD], label);
		cell_time(run, &c[PERIOD_START], plan->periods.start[period]);
		cell_number(&c[BUCKETS], k);
		cell_number(&c[PERSONS], persons[k]);
		cell_estimate(&c[SHARE], &c[SHARE_LOW], &c[SHARE_HIGH], stats_wilson(persons[k], active));
		cell_number(&c[OR_MORE], more);
		cell_number(&c[OR_MORE_SHARE], ratio(more, active));
		cell_number(&c[ACTIVE], active);
		cell_number(&c[DAU], ratio(a->daily, a->days));
		cell_number(&c[WAU], ratio(a->weekly, a->days));
		cell_number(&c[MAU], ratio(a->monthly, a->days));
		cell_number(&c[DAU_WAU], ratio(a->daily, a->weekly));
		cell_number(&c[DAU_MAU], ratio(a->daily, a->monthly));
		cell_number(&c[WAU_MAU], ratio(a->weekly, a->monthly));
		more -= persons[k];
	}
	return RC_OK;
}

static enum rc write_group(struct run *run, const double *sums, uint32_t group, struct err *e)
{
	const struct plan *plan = run->plan;
	uint32_t width = plan->buckets_max + 1;
	double weight = 0.0;
	for (uint32_t i = plan->first * width; i < plan->end * width; i++)
		weight += sums[i];
	if (!run_group_shown(run, group, weight))
		return RC_OK;
	struct activity *periods = mem_calloc(plan->periods.n, sizeof(*periods));
	if (!periods)
		return err_set(e, RC_NOMEM, "out of memory for periods");
	sum_days(plan, sums, periods);
	enum rc rc = RC_OK;
	for (uint32_t k = plan->first; rc == RC_OK && k < plan->end; k++)
		rc = write_period(run, group, weight, k, sums + (size_t)k * width, &periods[k], e);
	mem_free(periods);
	return rc;
}

static enum rc finish(struct run *run, void *p, struct err *e)
{
	struct activity_state *s = p;
	const struct plan *plan = run->plan;
	uint32_t n_groups = run_groups(run);
	run->n = run->result->n = s->n;
	enum rc rc = activity_sums_fit(&s->sums, n_groups, e);
	for (uint32_t g = 0; rc == RC_OK && g < n_groups; g++)
		rc = write_group(run, s->sums.v + (size_t)g * s->sums.width, g, e);
	if (plan->first < plan->end)
		run_note(run, "means are over the days from the first interaction to the last; trailing "
			      "windows that begin "
			      "before the first hold less");
	return rc;
}

static const char clickhouse[] =
	"WITH (SELECT (min(at), max(at)) FROM interactions) AS _ends,\n"
	"{bucket:day|_ends.1} AS _day0, {bucket:day|_ends.2} AS _day1,\n"
	"{bucket:period|greatest({from}, _ends.1)} AS _first,\n"
	"{bucket:period|least({to} - 1, _ends.2)} AS _last\n"
	"SELECT {by}{bucket-label:period|_c} AS period, {bucket-start:period|_c} AS period_start, _k AS "
	"buckets, _ns[_k] AS persons,\n"
	"{share:share|_ns[_k]|_active}, arraySum(arraySlice(_ns, _k)) AS or_more,\n"
	"if(_active > 0, or_more / _active, NULL) AS or_more_share, _active AS active,\n"
	"_days1 / _days AS dau, _days7 / _days AS wau, _days30 / _days AS mau,\n"
	"if(_days7 > 0, _days1 / _days7, NULL) AS dau_wau, if(_days30 > 0, _days1 / _days30, NULL) AS "
	"dau_mau,\n"
	"if(_days30 > 0, _days7 / _days30, NULL) AS wau_mau\n"
	"FROM (SELECT {keys}_c, _k, _ns, toInt64(arraySum(_ns)) AS _active, _days1, _days7, _days30,\n"
	"least(_day1 + 1, {bucket-day:period|(_c + 1)}) - greatest(_day0, {bucket-day:period|_c}) AS _days\n"
	"FROM (SELECT {keys}_c, arraySum(x -> x.4, arrayFilter(x -> x.1 = 1, _mine)) AS _days1,\n"
	"arraySum(x -> x.4, arrayFilter(x -> x.1 = 2, _mine)) AS _days7,\n"
	"arraySum(x -> x.4, arrayFilter(x -> x.1 = 3, _mine)) AS _days30,\n"
	"greatest(1, arrayMax(arrayMap(x -> x.3, _mine))) AS _most,\n"
	"arrayMap(k -> toInt64(arraySum(x -> x.4, arrayFilter(x -> x.1 = 0 AND x.3 = k, _mine))), range(1, "
	"_most + 1)) AS _ns\n"
	"FROM (SELECT {keys}_c, arrayPushBack(arrayFilter(x -> x.2 = _c, _cells), (0, _c, 0, toUInt64(0))) AS "
	"_mine\n"
	"FROM (SELECT {keys}groupArray((_what, _period, _buckets, _n)) AS _cells, sumIf(_n, _what = 0) AS "
	"_all\n"
	"FROM (SELECT {keys}_what, _period, _buckets, count() AS _n\n"
	"FROM (SELECT {unpack:_f|2}_cell.1 AS _what, _cell.2 AS _period, _cell.3 AS _buckets\n"
	"FROM (SELECT _f, arrayJoin(arrayConcat(\n"
	"arrayMap(p -> (0, p, toInt64(countEqual(_periods, p))), arrayDistinct(_periods)),\n"
	"arrayMap(d -> (1, {bucket-of-day:period|d}, toInt64(0)), _u),\n"
	"arrayMap(d -> (2, {bucket-of-day:period|d}, toInt64(0)), arrayFlatten(arrayMap((d, next) ->\n"
	"range(d, least(d + 7, next, _day1 + 1)), _u, _nexts))),\n"
	"arrayMap(d -> (3, {bucket-of-day:period|d}, toInt64(0)), arrayFlatten(arrayMap((d, next) ->\n"
	"range(d, least(d + 30, next, _day1 + 1)), _u, _nexts))))) AS _cell\n"
	"FROM (SELECT argMin(tuple(at{,keys}), (at, arrival)) AS _f, arraySort(groupUniqArray(_d)) AS _u,\n"
	"arrayPushBack(arrayPopFront(_u), 9223372036854775807) AS _nexts,\n"
	"arrayMap(x -> x.1, groupUniqArray(({bucket-of-day:period|_d}, {bucket-of-day:bucket|_d}))) AS "
	"_periods\n"
	"FROM (SELECT *, {bucket:day|at} AS _d FROM {rows}) GROUP BY person)))\n"
	"WHERE _period BETWEEN _first AND _last GROUP BY {keys}_what, _period, _buckets) {group})\n"
	"ARRAY JOIN range(_first, greatest(_first, _last + 1)) AS _c\n"
	"WHERE {shown:_all > 0}))\n"
	"ARRAY JOIN range(1, _most + 1) AS _k)\n"
	"{order:_c, _k}";

const struct analysis analysis_stickiness = {
	.name = "stickiness",
	.summary = "On how many days of a week or month persons are active; DAU, WAU, MAU and their ratios",
	.definition = "Per calendar period (brand's zone): persons with at least one interaction that passes "
		      "the filters, by "
		      "the number of different days (ISO weeks, months) of the period on which they have one; "
		      "weeks are cut at "
		      "the period's ends. DAU: persons active on a day; WAU and MAU: within the 7 and 30 days "
		      "that end with "
		      "it (trailing windows, as in Mixpanel and Amplitude); each the mean over the period's "
		      "days within the "
		      "data, and the ratios are of these means. --from and --to choose the periods that are "
		      "shown; trailing "
		      "windows look back beyond. Groups are those of the person's first interaction that "
		      "passes the filters. "
		      "Intervals: Wilson (1927), 95 %.",
	.chart = "bars",
	.params = params,
	.n_params = sizeof(params) / sizeof(params[0]),
	.columns = columns,
	.n_columns = N_COLUMNS,
	.ordered = true,
	.prepare = prepare,
	.state_new = state_new,
	.add = add,
	.merge = merge,
	.state_free = state_free,
	.fold = fold,
	.finish = finish,
	.clickhouse = clickhouse,
};
