// SPDX-License-Identifier: Apache-2.0
// Analysis: how often persons come: the distribution of interactions, active days or sessions per person.
//
// Counts below DENSE are exact cells per group; larger ones are logged one by one, so that bins, mean and quantiles
// are exact whatever the tail.
#include "measure/activity.h"

#include "base/mem.h"

#include <math.h>

#define DENSE 256u
#define BINS_MAX 64u

#define GAP_DEFAULT_MS (30 * 60000) // `gap` below

static const struct param params[] = {
	{.name = "count",
		.type = PARAM_CHOICE,
		.value = "interactions",
		.choices = "interactions|days|sessions",
		.help = "what is counted per person: interactions, calendar days with one, or sessions"},
	{.name = "gap",
		.type = PARAM_DURATION,
		.value = "30min",
		.min = 0,
		.max = 3.2e9,
		.help = "--count sessions: a session ends when nothing happens for longer than this"},
	{.name = "bins",
		.type = PARAM_STRING,
		.value = "1,2,3,4,6,11,21,51,101",
		.help = "lower ends of the bins, ascending, or: exact (a row for every number that occurs)"},
};

enum {
	BIN,
	BIN_FROM,
	BIN_TO,
	PERSONS,
	SHARE,
	SHARE_LOW,
	SHARE_HIGH,
	COUNTED,
	COUNTED_SHARE,
	ALL_PERSONS,
	MEAN,
	MEAN_LOW,
	MEAN_HIGH,
	P50,
	P90,
	P99,
	MOST,
	N_COLUMNS
};
static const struct result_column columns[N_COLUMNS] = {
	[BIN] = {"bin", "times", CELL_TEXT, "", 0, "number per person: 3, 4-5, 101+"},
	[BIN_FROM] = {"bin_from", "from", CELL_COUNT, "", 0, "smallest number of the bin"},
	[BIN_TO] = {"bin_to", "to", CELL_COUNT, "", 0, "largest number of the bin; absent: no end"},
	[PERSONS] = {"persons", "persons", CELL_COUNT, "persons", 0, "persons with that number"},
	[SHARE] = {"share", "share", CELL_RATIO, "1", 3, "of the group's persons"},
	[SHARE_LOW] = {"share_low", "≥", CELL_RATIO, "1", 3, "lower end of its 95 % Wilson interval"},
	[SHARE_HIGH] = {"share_high", "≤", CELL_RATIO, "1", 3, "upper end of its 95 % Wilson interval"},
	[COUNTED] = {"counted", "in all", CELL_COUNT, "", 0, "interactions, days or sessions of these persons"},
	[COUNTED_SHARE] = {"counted_share", "of all", CELL_RATIO, "1", 3, "of those of the group"},
	[ALL_PERSONS] = {"all_persons", "all persons", CELL_COUNT, "persons", 0,
		"the whole group, the same in all its rows, as what follows"},
	[MEAN] = {"mean", "mean", CELL_NUMBER, "", 2, "mean number per person"},
	[MEAN_LOW] = {"mean_low", "mean ≥", CELL_NUMBER, "", 2, "lower end of its 95 % t interval"},
	[MEAN_HIGH] = {"mean_high", "mean ≤", CELL_NUMBER, "", 2, "upper end of its 95 % t interval"},
	[P50] = {"p50", "median", CELL_NUMBER, "", 1, "median"},
	[P90] = {"p90", "p90", CELL_NUMBER, "", 1, "90th percentile"},
	[P99] = {"p99", "p99", CELL_NUMBER, "", 1, "99th percentile"},
	[MOST] = {"most", "most", CELL_COUNT, "", 0, "largest number"},
};

enum counting { COUNT_INTERACTIONS, COUNT_DAYS, COUNT_SESSIONS };

struct plan {
	enum counting counting;
	int64_t gap_ms;
	struct tz_buckets days;
	uint32_t n_bins; // 0: exact
	uint32_t bins[BINS_MAX];
};

struct state {
	struct sums sums; // persons by number, DENSE per group
	struct samples tail;
	uint32_t *buckets, *rows, *numbers;
	size_t buckets_capacity, rows_capacity, numbers_capacity;
};

static enum rc open_bins(const struct run *run, struct plan *plan, struct err *e)
{
	struct sv text = sv_trim(run_param(run, "bins")->text), rest = text;
	if (sv_equal(text, SV("exact")))
		return RC_OK;
	while (rest.ptr) {
		int64_t n = 0;
		struct sv part = sv_trim(sv_cut(rest, ',', &rest));
		bool ok = sv_to_i64(part, &n) && n >= 1 && n <= INT32_MAX && plan->n_bins < BINS_MAX &&
			  (plan->n_bins ? n > plan->bins[plan->n_bins - 1] : n == 1);
		if (!ok) {
			err_set(e, RC_USAGE, "--bins “%.*s” is no list of bins", SV_ARG(text));
			err_remedy(e, "give up to %u whole numbers from 1 on, ascending: 1,2,3,6,11; or: exact",
				BINS_MAX);
			return RC_USAGE;
		}
		plan->bins[plan->n_bins++] = (uint32_t)n;
	}
	return RC_OK;
}

static enum rc prepare(struct run *run, struct err *e)
{
	struct plan *plan = arena_alloc(run->scratch, sizeof(*plan));
	if (!plan)
		return err_set(e, RC_NOMEM, "out of memory for frequencies");
	run->plan = plan;
	plan->counting = (enum counting)run_param(run, "count")->choice;
	plan->gap_ms = (int64_t)llround(run_param(run, "gap")->number * 1000.0);
	if (plan->counting != COUNT_SESSIONS && plan->gap_ms != GAP_DEFAULT_MS) {
		err_set(e, RC_USAGE, "--gap has a meaning only where sessions are counted");
		err_remedy(e, "add --count sessions, or leave --gap away");
		return RC_USAGE;
	}
	enum rc rc = open_bins(run, plan, e);
	if (rc == RC_OK && plan->counting == COUNT_DAYS)
		rc = activity_open(run, TZ_DAY, &plan->days, e);
	return rc;
}

static void *state_new(struct run *run)
{
	(void)run;
	struct state *s = mem_calloc(1, sizeof(*s));
	if (s)
		s->sums.width = DENSE;
	return s;
}

static void state_free(struct run *run, void *p)
{
	(void)run;
	struct state *s = p;
	sums_free(&s->sums);
	samples_free(&s->tail);
	mem_free(s->buckets);
	mem_free(s->rows);
	mem_free(s->numbers);
	mem_free(s);
}

static uint32_t count_kept(const uint8_t *keep, uint32_t first, uint32_t last)
{
	if (!keep)
		return last - first;
	uint32_t n = 0;
	for (uint32_t i = first; i < last; i++)
		n += keep[i];
	return n;
}

// The first row is kept.
static uint32_t count_sessions(
	const int64_t *at, const uint8_t *keep, uint32_t first, uint32_t last, int64_t gap_ms)
{
	uint32_t n = 1;
	int64_t before = at[first];
	for (uint32_t i = first + 1; i < last; i++) {
		if (keep && !keep[i])
			continue;
		n += at[i] - before > gap_ms;
		before = at[i];
	}
	return n;
}

static uint32_t count_journey(struct lane *lane, struct state *s, uint32_t first, uint32_t last)
{
	const struct plan *plan = lane->run->plan;
	const struct span *span = lane->span;
	switch (plan->counting) {
	case COUNT_INTERACTIONS:
		return count_kept(lane->keep, first, last);
	case COUNT_DAYS:
		return activity_buckets(&plan->days, span->at, lane->keep, first, last, s->buckets);
	case COUNT_SESSIONS:
		break;
	}
	return count_sessions(span->at, lane->keep, first, last, plan->gap_ms);
}

static enum rc add_number(struct state *s, uint32_t group, uint32_t number, struct err *e)
{
	if (number >= DENSE)
		return samples_add(&s->tail, group, number, e);
	s->sums.v[(size_t)group * DENSE + number] += 1.0;
	return RC_OK;
}

static enum rc fit(struct state *s, const struct span *span, struct err *e)
{
	enum rc rc = activity_fit(&s->buckets, &s->buckets_capacity, span, e);
	if (rc == RC_OK)
		rc = activity_fit(&s->rows, &s->rows_capacity, span, e);
	if (rc == RC_OK)
		rc = activity_fit(&s->numbers, &s->numbers_capacity, span, e);
	return rc;
}

static enum rc add(struct lane *lane, void *p, const struct span *span, struct err *e)
{
	struct state *s = p;
	enum rc rc = fit(s, span, e);
	if (rc != RC_OK)
		return rc;
	uint32_t n = 0;
	for (uint32_t k = 0; k < span->n_persons; k++) {
		uint32_t first = span->person_start[k], last = span->person_start[k + 1];
		while (first < last && !lane_keeps(lane, first))
			first++;
		if (first == last)
			continue;
		s->rows[n] = first;
		s->numbers[n++] = count_journey(lane, s, first, last);
	}
	const uint32_t *group;
	uint32_t n_groups;
	rc = activity_groups(lane, s->rows, n, &group, &n_groups, e);
	if (rc == RC_OK)
		rc = activity_sums_fit(&s->sums, n_groups, e);
	for (uint32_t i = 0; rc == RC_OK && i < n; i++)
		rc = add_number(s, group ? group[i] : 0, s->numbers[i], e);
	return rc;
}

static enum rc merge(struct run *run, void *into, void *from, struct err *e)
{
	(void)run;
	struct state *a = into, *b = from;
	enum rc rc = sums_merge(&a->sums, &b->sums, e);
	return rc == RC_OK ? samples_merge(&a->tail, &b->tail, e) : rc;
}

static enum rc fold(struct run *run, void *p, const uint32_t *to, uint32_t n, struct err *e)
{
	struct state *s = p;
	samples_fold(&s->tail, to, n);
	return sums_fold(&s->sums, to, n, run_groups(run), e);
}

// --- the numbers of one group, ascending: cells, then the sorted tail ---

struct distribution {
	const double *cells;
	const int64_t *tail;
	size_t n_tail;
	double persons, counted;
};

static struct distribution distribution_of(const struct state *s, uint32_t group)
{
	struct distribution d = {.cells = s->sums.v + (size_t)group * DENSE};
	d.tail = samples_of(&s->tail, group, &d.n_tail);
	d.persons = (double)d.n_tail;
	for (uint32_t i = 0; i < DENSE; i++) {
		d.persons += d.cells[i];
		d.counted += d.cells[i] * i;
	}
	for (size_t i = 0; i < d.n_tail; i++)
		d.counted += (double)d.tail[i];
	return d;
}

// The value of rank r, from 0.
static double value_at(const struct distribution *d, double rank)
{
	double passed = 0.0;
	for (uint32_t i = 0; i < DENSE; i++) {
		passed += d->cells[i];
		if (rank < passed)
			return i;
	}
	return (double)d->tail[(size_t)(rank - passed)];
}

// Type 7 of Hyndman & Fan 1996, as everywhere.
static double quantile(const struct distribution *d, double p)
{
	double h = (d->persons - 1.0) * p, low = floor(h);
	double a = value_at(d, low), b = low + 1.0 < d->persons ? value_at(d, low + 1.0) : a;
	return a + (h - low) * (b - a);
}

static struct estimate mean_of(const struct distribution *d)
{
	double mean = d->counted / d->persons, squares = 0.0;
	for (uint32_t i = 0; i < DENSE; i++)
		squares += d->cells[i] * (i - mean) * (i - mean);
	for (size_t i = 0; i < d->n_tail; i++)
		squares += ((double)d->tail[i] - mean) * ((double)d->tail[i] - mean);
	return stats_within(stats_mean(d->persons, 0.0, squares, mean), 0.0, (double)INFINITY);
}

static double most(const struct distribution *d)
{
	return d->n_tail ? (double)d->tail[d->n_tail - 1] : value_at(d, d->persons - 1.0);
}

// --- rows ---

struct bin {
	double from, to; // inclusive; to INFINITY: no end
	double persons, counted;
};

static void bin_take(struct bin *b, double value, double persons)
{
	if (value < b->from || value > b->to)
		return;
	b->persons += persons;
	b->counted += persons * value;
}

static struct bin bin_of(const struct distribution *d, double from, double to)
{
	struct bin b = {.from = from, .to = to};
	for (uint32_t i = 0; i < DENSE; i++)
		bin_take(&b, i, d->cells[i]);
	for (size_t i = 0; i < d->n_tail; i++)
		bin_take(&b, (double)d->tail[i], 1.0);
	return b;
}

static enum rc write_bin(
	struct run *run, uint32_t group, const struct distribution *d, const struct bin *b, struct err *e)
{
	struct cell *c = result_row(run, group, d->persons, e);
	if (!c)
		return e->rc;
	struct sv label = isinf(b->to)       ? arena_printf(run->arena, "%.0f+", b->from)
			  : b->from == b->to ? arena_printf(run->arena, "%.0f", b->from)
					     : arena_printf(run->arena, "%.0f-%.0f", b->from, b->to);
	if (!label.ptr)
		return err_set(e, RC_NOMEM, "out of memory for rows");
	cell_text(&c[BIN], label);
	cell_number(&c[BIN_FROM], b->from);
	cell_number(&c[BIN_TO], b->to);
	cell_number(&c[PERSONS], b->persons);
	cell_estimate(&c[SHARE], &c[SHARE_LOW], &c[SHARE_HIGH], stats_wilson(b->persons, d->persons));
	cell_number(&c[COUNTED], b->counted);
	cell_number(&c[ALL_PERSONS], d->persons);
	if (d->persons == 0.0)
		return RC_OK;
	cell_number(&c[COUNTED_SHARE], b->counted / d->counted);
	cell_estimate(&c[MEAN], &c[MEAN_LOW], &c[MEAN_HIGH], mean_of(d));
	cell_number(&c[P50], quantile(d, 0.5));
	cell_number(&c[P90], quantile(d, 0.9));
	cell_number(&c[P99], quantile(d, 0.99));
	cell_number(&c[MOST], most(d));
	return RC_OK;
}

static enum rc write_exact(struct run *run, uint32_t group, const struct distribution *d, struct err *e)
{
	enum rc rc = RC_OK;
	for (uint32_t i = 1; rc == RC_OK && i < DENSE; i++)
		if (d->cells[i] > 0.0) {
			struct bin b = {i, i, d->cells[i], d->cells[i] * i};
			rc = write_bin(run, group, d, &b, e);
		}
	for (size_t i = 0, next; rc == RC_OK && i < d->n_tail; i = next) {
		for (next = i + 1; next < d->n_tail && d->tail[next] == d->tail[i];)
			next++;
		double value = (double)d->tail[i], persons = (double)(next - i);
		struct bin b = {value, value, persons, persons * value};
		rc = write_bin(run, group, d, &b, e);
	}
	return rc;
}

static enum rc write_bins(struct run *run, uint32_t group, const struct distribution *d, struct err *e)
{
	const struct plan *plan = run->plan;
	enum rc rc = RC_OK;
	for (uint32_t i = 0; rc == RC_OK && i < plan->n_bins; i++) {
		double to = i + 1 < plan->n_bins ? plan->bins[i + 1] - 1.0 : (double)INFINITY;
		struct bin b = bin_of(d, plan->bins[i], to);
		rc = write_bin(run, group, d, &b, e);
	}
	return rc;
}

static enum rc finish(struct run *run, void *p, struct err *e)
{
	struct state *s = p;
	const struct plan *plan = run->plan;
	uint32_t n_groups = run_groups(run);
	enum rc rc = activity_sums_fit(&s->sums, n_groups, e);
	if (rc == RC_OK)
		rc = samples_sort(&s->tail, n_groups, e);
	for (uint32_t g = 0; rc == RC_OK && g < n_groups; g++) {
		struct distribution d = distribution_of(s, g);
		if (run_group_shown(run, g, d.persons))
			rc = (plan->n_bins ? write_bins : write_exact)(run, g, &d, e);
	}
	return rc;
}

static const char clickhouse[] =
	"SELECT {by}multiIf(_high = 9223372036854775807, concat(toString(_low), '+'), _low = _high, "
	"toString(_low),\n"
	"concat(toString(_low), '-', toString(_high))) AS bin, _low AS bin_from,\n"
	"if(_high = 9223372036854775807, NULL, _high) AS bin_to, toInt64(length(_in)) AS persons,\n"
	"{share:share|toInt64(length(_in))|_all}, arraySum(_in) AS counted,\n"
	"if(_all > 0, arraySum(_in) / _sum, NULL) AS counted_share, _all AS all_persons,\n"
	"{mean:mean|_all|0.|_squares|_mean|0.}, {quantile:p50|_ms|0.5}, {quantile:p90|_ms|0.9}, "
	"{quantile:p99|_ms|0.99},\n"
	"if(_all > 0, _v[-1], NULL) AS most\n"
	"FROM (SELECT *, _low, _high, arrayFilter(x -> x >= _low AND x <= _high, _v) AS _in\n"
	"FROM (SELECT {keys}_v, toInt64(length(_v)) AS _all, arraySum(_v) AS _sum, _sum / _all AS _mean,\n"
	"arraySum(x -> pow(x - _mean, 2), _v) AS _squares, arrayMap(x -> x * 1000, _v) AS _ms,\n"
	"{if:bins=exact}arrayDistinct(_v) AS _lows, _lows AS _highs{else}\n"
	"arrayMap(x -> toInt64(trim(x)), splitByChar(',', {param:bins})) AS _lows,\n"
	"arrayPushBack(arrayMap(x -> x - 1, arrayPopFront(_lows)), 9223372036854775807) AS _highs{end}\n"
	"FROM (SELECT {keys}arraySort(groupArray(_n)) AS _v\n"
	"FROM (SELECT {unpack:_f|2}_n\n"
	"FROM (SELECT argMin(tuple(at{,keys}), (at, arrival)) AS _f, "
	"toInt64({if:count=interactions}count(){end}{if:count=days}\n"
	"uniqExact({bucket:day|at}){end}{if:count=sessions}\n"
	"1 + arrayCount(x -> x > {ms:gap}, arrayDifference(arraySort(groupArray(at)))){end}) AS _n\n"
	"FROM {rows} GROUP BY person)) {group}))\n"
	"ARRAY JOIN _lows AS _low, _highs AS _high)\n"
	"{order:_low}";

const struct analysis analysis_frequency = {
	.name = "frequency",
	.summary = "How often persons come: interactions, active days or sessions per person",
	.definition = "Per person with at least one interaction that passes the filters and lies in the "
		      "period: the number of "
		      "these interactions, of the calendar days (brand's zone) with one, or of sessions (runs "
		      "of these "
		      "interactions without a pause longer than --gap; exactly as long is still the same "
		      "session). The bins "
		      "cover all persons. Mean with Student's t, quantiles exact, linear interpolation (type 7 "
		      "of Hyndman & Fan "
		      "1996), shares with Wilson (1927), all 95 %. Groups are those of the person's first such "
		      "interaction, so "
		      "every person is in one group.",
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
