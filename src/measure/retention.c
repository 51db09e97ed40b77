// SPDX-License-Identifier: Apache-2.0
// Analysis: who comes back. Cohorts by the calendar bucket of their start, and how many of each return how many
// buckets later.
//
// Per group and cohort one line of counts: [0] persons, [1 + k] returned at offset k; with --clock elapsed also
// [1 + K + m] persons whose last period that is over is m. Rolling counts go to the last offset with a return, and
// elapsed periods to the last that is over; `finish` sums both from the right.
#include "measure/activity.h"
#include "measure/sessions.h"

#include "base/mem.h"

#include <assert.h>

static const struct param params[] = {
	{.name = "bucket",
		.type = PARAM_CHOICE,
		.value = "week",
		.choices = ACTIVITY_UNITS,
		.help = "calendar buckets of cohorts and returns, in the brand's time zone"},
	{.name = "start",
		.type = PARAM_FILTER,
		.help = "what starts: a touch point, or a filter as for --where (default: any interaction)"},
	{.name = "return",
		.type = PARAM_FILTER,
		.help = "what counts as coming back: a touch point, or a filter (default: any interaction)"},
	{.name = "cohort",
		.type = PARAM_CHOICE,
		.value = "first",
		.choices = "first|recurring",
		.help = "first: each person once, where it started for the first time; recurring: in every "
			"bucket "
			"in which it started"},
	{.name = "mode",
		.type = PARAM_CHOICE,
		.value = "exact",
		.choices = "exact|rolling",
		.help = "exact: returned in that very bucket; rolling: in that bucket or later (unbounded)"},
	{.name = "clock",
		.type = PARAM_CHOICE,
		.value = "calendar",
		.choices = "calendar|elapsed",
		.help = "offsets in calendar buckets, or in whole days (weeks of 7, months of 30, quarters of "
			"91, "
			"years of 365) of 24 hours since the person's start"},
	{.name = "periods",
		.type = PARAM_INTEGER,
		.min = 1,
		.max = ACTIVITY_BUCKETS_MAX,
		.help = "offsets up to this one (default: all that there can be)"},
	{.name = "as-of",
		.type = PARAM_TIME,
		.help = "leave out what came at or after this time (default: the last interaction is the end)"},
	{.name = "show",
		.type = PARAM_CHOICE,
		.value = "triangle",
		.choices = "triangle|curve",
		.help = "every cohort, or one curve over all cohorts that can have each offset"},
	{.name = "persons",
		.type = PARAM_STRING,
		.help = "list the customers instead: returned:K, or lost:K (observed at offset K and not "
			"returned); times: of so many cohorts"},
};

enum { COHORT, COHORT_START, OFFSET, COHORT_SIZE, OBSERVED, RETURNED, SHARE, SHARE_LOW, SHARE_HIGH, N_COLUMNS };
static const struct result_column columns[N_COLUMNS] = {
	[COHORT] = {"cohort", "cohort", CELL_TEXT, "", 0,
		"calendar bucket of the start; (all) with --show curve"},
	[COHORT_START] = {"cohort_start", "from", CELL_TIME, "", 0, "beginning of that bucket"},
	[OFFSET] = {"offset", "offset", CELL_COUNT, "buckets", 0,
		"buckets (or elapsed periods) after the start"},
	[COHORT_SIZE] = {"cohort_size", "persons", CELL_COUNT, "persons", 0, "persons in the cohort"},
	[OBSERVED] = {"observed", "observed", CELL_COUNT, "persons", 0,
		"of these, those for whom the offset lies within the data: all with calendar buckets, those "
		"whose "
		"period is over with --clock elapsed"},
	[RETURNED] = {"returned", "returned", CELL_COUNT, "persons", 0, "of the observed, those who returned"},
	[SHARE] = {"share", "share", CELL_RATIO, "1", 3, "returned of observed"},
	[SHARE_LOW] = {"share_low", "≥", CELL_RATIO, "1", 3, "lower end of its 95 % Wilson interval"},
	[SHARE_HIGH] = {"share_high", "≤", CELL_RATIO, "1", 3, "upper end of its 95 % Wilson interval"},
};

struct plan {
	struct tz_buckets buckets;
	struct classes *classes; // NULL: neither start nor return is a filter
	bool starts_any, returns_any, recurring, rolling, elapsed, curve;
	uint32_t bit_start, bit_return;
	uint32_t n_buckets;  // those before end_ms
	uint32_t first, end; // cohorts that are shown
	uint32_t n_offsets, stride;
	int64_t end_ms, period_ms;
	bool plain; // first touch, any return, calendar buckets, up to the last interaction
	bool masks; // plain, without groups, and sets of buckets fit 64 bits
	bool list, list_lost;
	uint32_t list_offset;
	int64_t run_gap_ms;
};

struct start {
	uint32_t person, row, bucket;
};

// When a person came back: a bucket with the last row in it, or (elapsed) every row.
struct visit {
	uint32_t bucket, row;
};

// Sets of offsets, counted by cohort before they go to the sums: bit b of plane p counts for 2^p sets that have b.
#define PLANES 6u
#define MASK_BUCKETS 64u
struct planes {
	uint64_t plane[PLANES];
	uint32_t n; // sets, at most 2^PLANES - 1
};

struct state {
	struct sums sums;
	struct persons persons;
	double *line;                       // of one start, for the list
	struct planes planes[MASK_BUCKETS]; // by cohort, of group 0
	uint64_t *masks;                    // by person: the buckets
	struct class_rows rows;
	struct start *starts;
	uint32_t *start_rows, *buckets;
	struct visit *visits;
	uint8_t *run_bits; // of rows that begin a run; then of those that begin a journey
	uint32_t *runs;    // those rows
	struct session_tables tables;
	size_t starts_capacity, rows_capacity, buckets_capacity, visits_capacity, run_bits_capacity,
		runs_capacity, masks_capacity;
	uint32_t n_starts;
};

static enum rc open_filters(struct run *run, struct plan *plan, struct err *e)
{
	struct filter_node *filters[2];
	uint32_t n = 0;
	plan->starts_any = !run_param(run, "start")->filter;
	plan->returns_any = !run_param(run, "return")->filter;
	if (!plan->starts_any) {
		plan->bit_start = 1u << n;
		filters[n++] = run_param(run, "start")->filter;
	}
	if (!plan->returns_any) {
		plan->bit_return = 1u << n;
		filters[n++] = run_param(run, "return")->filter;
	}
	return n ? classes_open(run, filters, n, &plan->classes, e) : RC_OK;
}

static void open_offsets(struct run *run, struct plan *plan)
{
	static const int64_t days[] = {1, 7, 30, 91, 365};
	plan->period_ms = days[run_param(run, "bucket")->choice] * 86400000;
	int64_t most = plan->n_buckets;
	if (plan->elapsed)
		most = run->stats.n_interactions ? (plan->end_ms - run->stats.first_ms) / plan->period_ms + 1
						 : 1;
	if (run_param(run, "periods")->present && run_param(run, "periods")->number + 1 < (double)most)
		most = (int64_t)run_param(run, "periods")->number + 1;
	plan->n_offsets = most > 0 ? (uint32_t)most : 1;
	plan->stride = 1 + plan->n_offsets * (plan->elapsed ? 2 : 1);
}

// A day has 23 hours now and then, and a month 28 days: less than three quarters of the usual are days that a zone left
// out.
static void open_masks(const struct run *run, struct plan *plan)
{
	plan->run_gap_ms = plan->period_ms / 4 * 3;
	plan->masks = plan->plain && run->query->n_by == 0 && plan->buckets.n <= MASK_BUCKETS;
	for (uint32_t i = 0; plan->masks && i < plan->buckets.n; i++)
		plan->masks = plan->buckets.start[i + 1] - plan->buckets.start[i] > plan->run_gap_ms &&
			      plan->run_gap_ms >> plan->buckets.shift != 0;
}

static enum rc open_list(struct run *run, struct plan *plan, struct err *e)
{
	const struct param_value *v = run_param(run, "persons");
	if (!v->present)
		return RC_OK;
	int64_t offset = 0;
	struct sv number, word = sv_cut(v->text, ':', &number);
	plan->list = true;
	plan->list_lost = sv_equal(word, SV("lost"));
	if ((!plan->list_lost && !sv_equal(word, SV("returned"))) || !number.ptr ||
		!sv_to_i64(number, &offset) || offset < 0 || offset >= plan->n_offsets) {
		err_set(e, RC_USAGE, "--persons “%.*s” is not a list of this retention", SV_ARG(v->text));
		err_remedy(e, "returned:0 to returned:%u, or lost:0 to lost:%u", plan->n_offsets - 1,
			plan->n_offsets - 1);
		return RC_USAGE;
	}
	plan->list_offset = (uint32_t)offset;
	plan->plain = false;
	persons_open(run);
	return RC_OK;
}

static enum rc prepare(struct run *run, struct err *e)
{
	struct plan *plan = arena_alloc(run->scratch, sizeof(*plan));
	if (!plan)
		return err_set(e, RC_NOMEM, "out of memory for retention");
	run->plan = plan;
	plan->recurring = run_param(run, "cohort")->choice == 1;
	plan->rolling = run_param(run, "mode")->choice == 1;
	plan->elapsed = run_param(run, "clock")->choice == 1;
	plan->curve = run_param(run, "show")->choice == 1;
	enum rc rc = activity_open(run, activity_unit(run_param(run, "bucket")->choice), &plan->buckets, e);
	if (rc == RC_OK)
		rc = open_filters(run, plan, e);
	if (rc != RC_OK)
		return rc;
	int64_t last = run->stats.n_interactions ? run->stats.last_ms : 0,
		as_of = run_param(run, "as-of")->time_ms;
	plan->end_ms = as_of != TIME_NONE && as_of <= last ? as_of : last + 1;
	activity_period(run, &plan->buckets, &plan->first, &plan->end);
	while (plan->n_buckets < plan->buckets.n && plan->buckets.start[plan->n_buckets] < plan->end_ms)
		plan->n_buckets++;
	plan->end = plan->end < plan->n_buckets ? plan->end : plan->n_buckets;
	plan->plain = plan->starts_any && plan->returns_any && !plan->recurring && !plan->rolling &&
		      !plan->elapsed && plan->end_ms == last + 1;
	open_offsets(run, plan);
	rc = open_list(run, plan, e);
	if (rc != RC_OK)
		return rc;
	open_masks(run, plan);
	if ((uint64_t)plan->stride * (plan->n_buckets + 1) <= 1u << 24)
		return RC_OK;
	err_set(e, RC_LIMIT, "%u cohorts with %u offsets are too many", plan->n_buckets, plan->n_offsets);
	err_remedy(e, "choose a larger --bucket, or --periods 30");
	return RC_LIMIT;
}

static void *state_new(struct run *run)
{
	const struct plan *plan = run->plan;
	struct state *s = mem_calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->sums.width = plan->stride * (plan->n_buckets + 1);
	session_tables_make(&s->tables);
	if (plan->list && !(s->line = mem_calloc(plan->stride, sizeof(*s->line)))) {
		mem_free(s);
		return NULL;
	}
	return s;
}

static void state_free(struct run *run, void *p)
{
	(void)run;
	struct state *s = p;
	sums_free(&s->sums);
	persons_free(&s->persons);
	mem_free(s->line);
	class_rows_free(&s->rows);
	mem_free(s->starts);
	mem_free(s->start_rows);
	mem_free(s->buckets);
	mem_free(s->visits);
	mem_free(s->run_bits);
	mem_free(s->runs);
	mem_free(s->masks);
	mem_free(s);
}

// --- starts ---

static void start_add(
	struct state *s, const struct plan *plan, const int64_t *at, uint32_t person, uint32_t row)
{
	uint32_t bucket = activity_bucket(&plan->buckets, at[row]);
	if (s->n_starts && s->starts[s->n_starts - 1].person == person &&
		s->starts[s->n_starts - 1].bucket == bucket)
		return;
	s->start_rows[s->n_starts] = row;
	s->starts[s->n_starts++] = (struct start){person, row, bucket};
}

// Rows [first, last) are one person's, and so are class rows [lo, hi).
static void find_starts(struct lane *lane, struct state *s, uint32_t person, uint32_t first, uint32_t last,
	uint32_t lo, uint32_t hi)
{
	const struct plan *plan = lane->run->plan;
	const int64_t *at = lane->span->at;
	uint32_t n = plan->starts_any ? last - first : hi - lo;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t row = plan->starts_any ? first + i : s->rows.row[lo + i];
		if (!plan->starts_any && !(s->rows.bits[lo + i] & plan->bit_start))
			continue;
		if (at[row] >= plan->end_ms)
			return;
		if (lane_keeps(lane, row))
			start_add(s, plan, at, person, row);
		if (!plan->recurring)
			return;
	}
}

// --- returns ---

static uint32_t visit_add(struct visit *v, uint32_t n, bool each, uint32_t bucket, uint32_t row)
{
	if (!each && n && v[n - 1].bucket == bucket)
		v[n - 1].row = row;
	else
		v[n++] = (struct visit){bucket, row};
	return n;
}

static uint32_t find_visits(
	const struct lane *lane, struct state *s, uint32_t first, uint32_t last, uint32_t lo, uint32_t hi)
{
	const struct plan *plan = lane->run->plan;
	const int64_t *at = lane->span->at;
	uint32_t n = 0, n_rows = plan->returns_any ? last - first : hi - lo;
	for (uint32_t i = 0; i < n_rows; i++) {
		uint32_t row = plan->returns_any ? first + i : s->rows.row[lo + i];
		if (!plan->returns_any && !(s->rows.bits[lo + i] & plan->bit_return))
			continue;
		if (at[row] >= plan->end_ms)
			break;
		uint32_t bucket = plan->elapsed ? 0 : activity_bucket(&plan->buckets, at[row]);
		n = visit_add(s->visits, n, plan->elapsed, bucket, row);
	}
	return n;
}

// What one start gives: `cells` is the line of its cohort.
static void add_visits(const struct plan *plan, const struct span *span, const struct start *x,
	const struct visit *visits, uint32_t n, double *cells)
{
	int64_t limit = plan->n_offsets; // offsets from here on do not count
	cells[0] += 1.0;
	if (plan->elapsed) {
		int64_t over = (plan->end_ms - span->at[x->row]) / plan->period_ms;
		limit = over < limit ? over : limit;
		if (limit == 0)
			return;
		cells[plan->n_offsets + limit] += 1.0;
	}
	int64_t before = -1;
	for (uint32_t i = 0; i < n; i++) {
		if (visits[i].row < x->row)
			continue;
		int64_t k = plan->elapsed ? (span->at[visits[i].row] - span->at[x->row]) / plan->period_ms
					  : (int64_t)visits[i].bucket - x->bucket;
		if (k >= limit && !plan->rolling)
			break;
		k = k < limit ? k : limit - 1;
		if (k != before && !plan->rolling)
			cells[1 + k] += 1.0;
		before = k;
	}
	if (plan->rolling && before >= 0)
		cells[1 + before] += 1.0;
}

// --- a span ---

static enum rc fit(struct state *s, const struct span *span, struct err *e)
{
	size_t n = (size_t)span->n + 1;
	if (mem_grow((void **)&s->starts, &s->starts_capacity, n, sizeof(*s->starts)) != 0 ||
		mem_grow((void **)&s->start_rows, &s->rows_capacity, n, sizeof(*s->start_rows)) != 0 ||
		mem_grow((void **)&s->visits, &s->visits_capacity, n, sizeof(*s->visits)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for journeys");
	s->n_starts = 0;
	return activity_fit(&s->buckets, &s->buckets_capacity, span, e);
}

static uint32_t class_end(const struct class_rows *rows, uint32_t from, uint32_t row)
{
	while (from < rows->n && rows->row[from] < row)
		from++;
	return from;
}

// One row of the triangle, or one point of the curve.
struct point {
	double size, observed, returned;
	bool possible; // the offset lies within the data
};

// line: the counts of the cohort.
static struct point point_of(const struct plan *plan, const double *line, uint32_t cohort, uint32_t offset)
{
	struct point p = {.size = line[0], .observed = line[0], .returned = line[1 + offset]};
	p.possible = offset < plan->n_buckets - cohort;
	for (uint32_t k = offset + 1; plan->rolling && k < plan->n_offsets; k++)
		p.returned += line[1 + k];
	if (!plan->elapsed)
		return p;
	p.observed = 0.0;
	for (uint32_t k = offset; k < plan->n_offsets; k++)
		p.observed += line[1 + plan->n_offsets + k];
	p.possible = p.observed > 0.0;
	return p;
}

// Is the start on the list?
static enum rc list_start(struct lane *lane, struct state *s, const struct start *x, uint32_t n_visits,
	uint32_t group, struct err *e)
{
	const struct plan *plan = lane->run->plan;
	const struct span *span = lane->span;
	if (x->bucket < plan->first || x->bucket >= plan->end)
		return RC_OK;
	memset(s->line, 0, plan->stride * sizeof(*s->line));
	add_visits(plan, span, x, s->visits, n_visits, s->line);
	struct point p = point_of(plan, s->line, x->bucket, plan->list_offset);
	bool returned = p.possible && p.returned > 0.0, lost = p.possible && p.observed > 0.0 && !returned;
	if (plan->list_lost ? !lost : !returned)
		return RC_OK;
	return persons_add(&s->persons, lane->run, span->person[x->person], group, span->at[x->row], e);
}

static enum rc add_starts(struct lane *lane, struct state *s, const uint32_t *group, struct err *e)
{
	const struct plan *plan = lane->run->plan;
	const struct span *span = lane->span;
	uint32_t person = UINT32_MAX, n_visits = 0, lo = 0, hi = 0;
	enum rc rc = RC_OK;
	for (uint32_t i = 0; rc == RC_OK && i < s->n_starts; i++) {
		const struct start *x = &s->starts[i];
		if (x->person != person) {
			person = x->person;
			uint32_t first = span->person_start[person], last = span->person_start[person + 1];
			lo = class_end(&s->rows, hi, first);
			hi = class_end(&s->rows, lo, last);
			n_visits = find_visits(lane, s, first, last, lo, hi);
		}
		uint32_t g = group ? group[i] : 0;
		double *cells = s->sums.v + (size_t)g * s->sums.width;
		add_visits(plan, span, x, s->visits, n_visits, cells + (size_t)x->bucket * plan->stride);
		if (plan->list)
			rc = list_start(lane, s, x, n_visits, g, e);
	}
	return rc;
}

// Rolling likewise: the last row says it all.
static void add_starts_rolling(struct lane *lane, struct state *s, const uint32_t *group)
{
	const struct plan *plan = lane->run->plan;
	const struct span *span = lane->span;
	for (uint32_t i = 0; i < s->n_starts; i++) {
		const struct start *x = &s->starts[i];
		uint32_t last = span->person_start[x->person + 1];
		while (span->at[last - 1] >= plan->end_ms)
			last--;
		uint32_t k = activity_bucket(&plan->buckets, span->at[last - 1]) - x->bucket;
		double *cells = s->sums.v + (size_t)(group ? group[i] : 0) * s->sums.width +
				(size_t)x->bucket * plan->stride;
		cells[0] += 1.0;
		cells[1 + (k < plan->n_offsets ? k : plan->n_offsets - 1)] += 1.0;
	}
}

// The common question, first touch and any return in calendar buckets: no lists of visits.
static void add_starts_plain(struct lane *lane, struct state *s, const uint32_t *group)
{
	const struct plan *plan = lane->run->plan;
	const struct span *span = lane->span;
	for (uint32_t i = 0; i < s->n_starts; i++) {
		const struct start *x = &s->starts[i];
		uint32_t last = span->person_start[x->person + 1];
		while (span->at[last - 1] >= plan->end_ms)
			last--;
		uint32_t n = activity_buckets(&plan->buckets, span->at, NULL, x->row, last, s->buckets);
		double *cells = s->sums.v + (size_t)(group ? group[i] : 0) * s->sums.width +
				(size_t)x->bucket * plan->stride;
		cells[0] += 1.0;
		for (uint32_t k = 0; k < n && s->buckets[k] - x->bucket < plan->n_offsets; k++)
			cells[1 + s->buckets[k] - x->bucket] += 1.0;
	}
}

// --- a span of which every row counts, of the plain question ---

#define BEGINS (1u << 31) // beside a bucket: a journey's first
#define RUNS_PER_BUCKET 16

// The different buckets of all journeys, one journey after the other. Rows without a long pause between them are a run,
// and nearly always all in the bucket of the first.
static uint32_t plain_buckets(
	const struct plan *plan, const struct span *span, const uint32_t *runs, uint32_t n_runs, uint32_t *out)
{
	const int64_t *at = span->at, *starts = plan->buckets.start;
	uint32_t n = 0, person = 0, before = 0;
	for (uint32_t k = 0; k < n_runs; k++) {
		uint32_t row = runs[k], bucket = activity_bucket(&plan->buckets, at[row]);
		uint32_t begins = row == span->person_start[person];
		person += begins;
		out[n] = bucket | begins * BEGINS;
		n += begins | (bucket != before);
		before = bucket;
		if (at[runs[k + 1] - 1] < starts[bucket + 1])
			continue;
		for (row++; row < runs[k + 1]; row++) {
			bucket = activity_bucket(&plan->buckets, at[row]);
			out[n] = bucket;
			n += bucket != before;
			before = bucket;
		}
	}
	return n;
}

// The same as sets of buckets, a bit each, where there are few of these and all are longer than the pause that ends a
// run: then a run has rows in each from the first row's to the last one's. They are longer than a slot of the guess too,
// so it is one off at most.
static __attribute__((noinline)) void mask_buckets(const struct plan *plan, const struct span *span,
	const uint32_t *runs, uint32_t n_runs, const uint8_t *journeys, uint64_t *restrict masks)
{
	const int64_t *at = span->at, *start = plan->buckets.start, *end = start + 1, begin = start[0];
	const uint32_t *guess = plan->buckets.guess, shift = plan->buckets.shift;
	uint64_t mask = 0;
	for (uint32_t k = 0, person = 0; k < n_runs; k++) {
		uint32_t row = runs[k], begins = journeys[row / 8] >> row % 8 & 1;
		int64_t from = at[row], to = at[runs[k + 1] - 1];
		uint32_t first = guess[(uint64_t)(from - begin) >> shift],
			 last = guess[(uint64_t)(to - begin) >> shift];
		first += from >= end[first];
		last += to >= end[last];
		mask = (mask & (begins - UINT64_C(1))) | ((UINT64_C(2) << last) - (UINT64_C(1) << first));
		person += begins;
		masks[person - 1] = mask;
	}
}

static void planes_flush(const struct plan *plan, struct planes *x, double *line)
{
	uint32_t end = plan->n_offsets < MASK_BUCKETS ? plan->n_offsets : MASK_BUCKETS;
	line[0] += x->n;
	for (uint32_t offset = 0; offset < end; offset++) {
		uint32_t n = 0;
		for (uint32_t p = 0; p < PLANES; p++)
			n += (uint32_t)(x->plane[p] >> offset & 1) << p;
		line[1 + offset] += n;
	}
	*x = (struct planes){0};
}

static void planes_flush_all(const struct plan *plan, struct state *s)
{
	for (uint32_t cohort = 0; cohort < MASK_BUCKETS; cohort++)
		if (s->planes[cohort].n)
			planes_flush(plan, &s->planes[cohort], s->sums.v + (size_t)cohort * plan->stride);
}

static enum rc add_masks(struct lane *lane, struct state *s, struct err *e)
{
	const struct plan *plan = lane->run->plan;
	const struct span *span = lane->span;
	if (mem_grow((void **)&s->masks, &s->masks_capacity, (size_t)span->n_persons + 1, sizeof(*s->masks)) !=
		0)
		return err_set(e, RC_NOMEM, "out of memory for journeys");
	if (activity_sums_fit(&s->sums, 1, e) != RC_OK)
		return e->rc;
	uint8_t *journeys = s->run_bits + span->n / 8 + 1;
	sessions_mark(span->at, span->n, span->person_start, span->n_persons, plan->run_gap_ms, s->run_bits,
		journeys);
	uint32_t n_runs = sessions_rows(&s->tables, s->run_bits, span->n, s->runs);
	mask_buckets(plan, span, s->runs, n_runs, journeys, s->masks);
	for (uint32_t k = 0; k < span->n_persons; k++) {
		uint32_t cohort = (uint32_t)__builtin_ctzll(s->masks[k]);
		struct planes *x = &s->planes[cohort];
		uint64_t carry = s->masks[k] >> cohort;
		for (uint32_t p = 0; p < PLANES; p++) {
			uint64_t both = x->plane[p] & carry;
			x->plane[p] ^= carry;
			carry = both;
		}
		if (++x->n == (1u << PLANES) - 1)
			planes_flush(plan, x, s->sums.v + (size_t)cohort * plan->stride);
	}
	return RC_OK;
}

static enum rc add_plain(struct lane *lane, struct state *s, struct err *e)
{
	const struct plan *plan = lane->run->plan;
	const struct span *span = lane->span;
	const uint32_t *group;
	uint32_t n_groups;
	if (mem_grow((void **)&s->run_bits, &s->run_bits_capacity, 2 * ((size_t)span->n / 8 + 1), 1) != 0 ||
		mem_grow((void **)&s->runs, &s->runs_capacity, (size_t)span->n + SESSIONS_SLACK,
			sizeof(*s->runs)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for journeys");
	if (plan->masks)
		return add_masks(lane, s, e);
	enum rc rc = activity_groups(lane, span->person_start, span->n_persons, &group, &n_groups, e);
	if (rc == RC_OK)
		rc = activity_sums_fit(&s->sums, n_groups, e);
	if (rc != RC_OK)
		return rc;
	sessions_mark(span->at, span->n, span->person_start, span->n_persons, plan->period_ms / RUNS_PER_BUCKET,
		s->run_bits, NULL);
	uint32_t n_runs = sessions_rows(&s->tables, s->run_bits, span->n, s->runs);
	uint32_t n = plain_buckets(plan, span, s->runs, n_runs, s->buckets), person = 0;
	double *cells = s->sums.v;
	size_t line = 0, cohort = 0; // of the journey at hand
	for (uint32_t k = 0; k < n; k++) {
		size_t bucket = s->buckets[k] & ~BEGINS, begins = s->buckets[k] >> 31;
		size_t own =
			(group && begins ? group[person] : 0) * (size_t)s->sums.width + bucket * plan->stride;
		person += (uint32_t)begins;
		line ^= (line ^ own) & (0 - begins);
		cohort ^= (cohort ^ bucket) & (0 - begins);
		cells[line] += (double)begins;
		if (bucket - cohort < plan->n_offsets)
			cells[line + 1 + bucket - cohort] += 1.0;
	}
	return RC_OK;
}

static enum rc add(struct lane *lane, void *p, const struct span *span, struct err *e)
{
	struct state *s = p;
	const struct plan *plan = lane->run->plan;
	enum rc rc = fit(s, span, e);
	if (rc == RC_OK && plan->classes)
		rc = classes_find(lane, plan->classes, false, &s->rows, e);
	if (rc != RC_OK)
		return rc;
	if (plan->plain && !lane->keep)
		return add_plain(lane, s, e);
	uint32_t lo = 0, hi = 0;
	for (uint32_t k = 0; k < span->n_persons; k++) {
		lo = hi;
		hi = class_end(&s->rows, lo, span->person_start[k + 1]);
		find_starts(lane, s, k, span->person_start[k], span->person_start[k + 1], lo, hi);
	}
	const uint32_t *group;
	uint32_t n_groups;
	rc = activity_groups(lane, s->start_rows, s->n_starts, &group, &n_groups, e);
	if (rc == RC_OK)
		rc = activity_sums_fit(&s->sums, n_groups, e);
	if (rc != RC_OK)
		return rc;
	if (!plan->returns_any || plan->recurring || plan->elapsed || plan->list)
		return add_starts(lane, s, group, e);
	(plan->rolling ? add_starts_rolling : add_starts_plain)(lane, s, group);
	return RC_OK;
}

static enum rc merge(struct run *run, void *into, void *from, struct err *e)
{
	planes_flush_all(run->plan, into);
	planes_flush_all(run->plan, from);
	struct state *a = into, *b = from;
	enum rc rc = sums_merge(&a->sums, &b->sums, e);
	return rc == RC_OK ? persons_merge(&a->persons, &b->persons, e) : rc;
}

static enum rc fold(struct run *run, void *p, const uint32_t *to, uint32_t n, struct err *e)
{
	return sums_fold(&((struct state *)p)->sums, to, n, run_groups(run), e);
}

// --- rows ---

static enum rc write_point(struct run *run, uint32_t group, double weight, uint32_t cohort, uint32_t offset,
	struct point p, struct err *e)
{
	const struct plan *plan = run->plan;
	struct cell *c = result_row(run, group, weight, e);
	if (!c)
		return e->rc;
	if (plan->curve) {
		cell_text(&c[COHORT], SV("(all)"));
	} else {
		struct sv label = arena_copy(run->arena, plan->buckets.label[cohort]);
		if (!label.ptr)
			return err_set(e, RC_NOMEM, "out of memory for rows");
		cell_text(&c[COHORT], label);
		cell_time(run, &c[COHORT_START], plan->buckets.start[cohort]);
	}
	cell_number(&c[OFFSET], offset);
	cell_number(&c[COHORT_SIZE], p.size);
	cell_number(&c[OBSERVED], p.observed);
	cell_number(&c[RETURNED], p.returned);
	cell_estimate(&c[SHARE], &c[SHARE_LOW], &c[SHARE_HIGH], stats_wilson(p.returned, p.observed));
	return RC_OK;
}

static enum rc write_triangle(struct run *run, const double *cells, uint32_t group, double size, struct err *e)
{
	const struct plan *plan = run->plan;
	enum rc rc = RC_OK;
	for (uint32_t c = plan->first; c < plan->end; c++)
		for (uint32_t k = 0; rc == RC_OK && k < plan->n_offsets; k++) {
			struct point p = point_of(plan, cells + (size_t)c * plan->stride, c, k);
			if (p.possible || k == 0)
				rc = write_point(run, group, size, c, k, p, e);
		}
	return rc;
}

static enum rc write_curve(struct run *run, const double *cells, uint32_t group, double size, struct err *e)
{
	const struct plan *plan = run->plan;
	enum rc rc = RC_OK;
	for (uint32_t k = 0; rc == RC_OK && k < plan->n_offsets; k++) {
		struct point sum = {0};
		for (uint32_t c = plan->first; c < plan->end; c++) {
			struct point p = point_of(plan, cells + (size_t)c * plan->stride, c, k);
			if (!p.possible)
				continue;
			sum.possible = true;
			sum.size += p.size;
			sum.observed += p.observed;
			sum.returned += p.returned;
		}
		if (sum.possible)
			rc = write_point(run, group, size, 0, k, sum, e);
	}
	return rc;
}

static enum rc finish(struct run *run, void *p, struct err *e)
{
	struct state *s = p;
	const struct plan *plan = run->plan;
	uint32_t n_groups = run_groups(run);
	planes_flush_all(plan, s);
	if (plan->list)
		return persons_rows(run, &s->persons, e);
	enum rc rc = activity_sums_fit(&s->sums, n_groups, e);
	for (uint32_t g = 0; rc == RC_OK && g < n_groups; g++) {
		const double *cells = s->sums.v + (size_t)g * s->sums.width;
		double size = 0.0;
		for (uint32_t c = plan->first; c < plan->end; c++)
			size += cells[(size_t)c * plan->stride];
		if (run_group_shown(run, g, size))
			rc = (plan->curve ? write_curve : write_triangle)(run, cells, g, size, e);
	}
	if (run->stats.n_interactions && plan->n_buckets && !plan->elapsed &&
		plan->buckets.start[plan->n_buckets] > plan->end_ms) {
		struct sv label = plan->buckets.label[plan->n_buckets - 1],
			  end = run_time_text(run, plan->end_ms);
		run_note(run, "the data end at %.*s, within %.*s: what falls there is not complete",
			SV_ARG(end), SV_ARG(label));
	}
	return rc;
}

static const char clickhouse[] =
	"{if:persons}{refuse:persons}{end}\n"
	"WITH (SELECT (min(at), max(at)) FROM interactions) AS _ends,\n"
	"{if:as-of}least({param:as-of}, _ends.2 + 1){else}_ends.2 + 1{end} AS _end,\n"
	"{bucket:bucket|_ends.1} AS _b0,\n"
	"greatest(0, {bucket:bucket|least(_ends.2, _end - 1)} - _b0 + 1) AS _nb,\n"
	"{bucket:bucket|greatest({from}, _ends.1)} AS _first,\n"
	"least({bucket:bucket|least({to} - 1, _ends.2)}, _b0 + _nb - 1) AS _last,\n"
	"greatest(1, least({if:clock=elapsed}intDiv(_end - _ends.1, {bucket-ms:bucket}) + 1{else}_nb{end},\n"
	"{if:periods}{param:periods} + 1{else}9223372036854775807{end})) AS _no\n"
	"SELECT {by}{if:show=curve}'(all)' AS cohort, NULL AS cohort_start,{else}{bucket-label:bucket|_c} AS "
	"cohort,\n"
	"{bucket-start:bucket|_c} AS cohort_start,{end}\n"
	"_k AS offset, _size AS cohort_size, _observed AS observed, _returned AS returned,\n"
	"{share:share|_returned|_observed}\n"
	"FROM ({if:show=curve}SELECT {keys}_k, sum(_size0) AS _size, sum(_observed0) AS _observed, "
	"sum(_returned0) AS _returned\n"
	"FROM (SELECT * FROM ({end}\n"
	"SELECT {keys}_c, _k, _cell.2{if:show=curve} AS _size0{else} AS _size{end},\n"
	"{if:clock=elapsed}_cell.4[_k + 1]{else}_cell.2{end}{if:show=curve} AS _observed0{else} AS "
	"_observed{end},\n"
	"_cell.3[_k + 1]{if:show=curve} AS _returned0{else} AS _returned{end},\n"
	"{if:clock=elapsed}_cell.4[_k + 1] > 0{else}_k < _b0 + _nb - _c{end} AS _possible\n"
	"FROM (SELECT {keys}_c, _k, arrayFirst(x -> x.1 = _c, _cells) AS _cell\n"
	"FROM (SELECT {keys}_c, _cells\n"
	"FROM (SELECT {keys}groupArray((_cohort, _persons, _counts, _watched)) AS _cells, sum(_persons) AS "
	"_all\n"
	"FROM (SELECT {keys}_cohort, count() AS _persons,\n"
	"sumForEach(arrayMap(k -> assumeNotNull(toUInt64({if:mode=rolling}k <= _farthest{else}has(_offsets, "
	"k){end})), range(_no))) AS _counts,\n"
	"sumForEach(arrayMap(k -> assumeNotNull(toUInt64(k < _limit)), range(_no))) AS _watched\n"
	"FROM (SELECT {keys}_cohort, _limit,\n"
	"{if:mode=rolling}if(empty(_all_offsets) OR _limit <= 0, -1, least(arrayMax(_all_offsets), _limit - "
	"1)) AS _farthest{else}\n"
	"arrayDistinct(arrayFilter(k -> k < _limit, _all_offsets)) AS _offsets{end}\n"
	"FROM (SELECT {unpack:_s|5}_s.3 AS _cohort,\n"
	"{if:clock=elapsed}least(_no, intDiv(_end - _s.1, {bucket-ms:bucket})){else}_no{end} AS _limit,\n"
	"arrayMap(v -> {if:clock=elapsed}intDiv(v.1 - _s.1, {bucket-ms:bucket}){else}v.3 - _s.3{end},\n"
	"arrayFilter(v -> (v.1, v.2) >= (_s.1, _s.2), _v)) AS _all_offsets\n"
	"FROM (SELECT arraySort(groupArrayIf((at, arrival, _b, _keep{,keys}), {filter:start})) AS _j,\n"
	"arrayFilter(x -> x.4, {if:cohort=recurring}_j{else}arraySlice(_j, 1, 1){end}) AS _kept,\n"
	"arrayFilter((x, d, i) -> i = 1 OR d != 0, _kept, arrayDifference(arrayMap(x -> x.3, _kept)), "
	"arrayEnumerate(_kept)) AS\n"
	"_starts,\n"
	"groupArrayIf((at, arrival, _b), {filter:return}) AS _v\n"
	"FROM (SELECT *, {bucket:bucket|at} AS _b FROM {all} WHERE at < _end) GROUP BY person)\n"
	"ARRAY JOIN _starts AS _s))\n"
	"WHERE _cohort BETWEEN _first AND _last GROUP BY {keys}_cohort) {group})\n"
	"ARRAY JOIN range(_first, greatest(_first, _last + 1)) AS _c\n"
	"WHERE {shown:_all > 0})\n"
	"ARRAY JOIN range(_no) AS _k)\n"
	"WHERE _possible{if:show=curve}{else} OR _k = 0{end}{if:show=curve}))\n"
	"GROUP BY {keys}_k{end})\n"
	"{if:show=curve}{order:_k}{else}{order:_c, _k}{end}";

const struct analysis analysis_retention = {
	.name = "retention",
	.summary = "Who comes back: cohorts by when they started, and how many of each return later",
	.definition = "A person starts with the first interaction at all, or the first that passes --start, "
		      "and belongs to "
		      "the cohort of that calendar bucket (brand's zone, daylight saving included). --cohort "
		      "recurring: it "
		      "belongs to the cohort of every bucket in which it started (PostHog's recurring "
		      "retention). Returned "
		      "at offset k: an interaction that passes --return in the k-th bucket after the start's "
		      "(--mode exact), "
		      "or in that or any later one (--mode rolling, unbounded). Returns are at or after the "
		      "start in journey "
		      "order, so offset 0 without filters is the whole cohort. --clock elapsed: offset k is "
		      "[k, k+1) periods "
		      "of 24-hour days since the person's start, and persons whose period is not over are not "
		      "observed. "
		      "Filters, period and groups are those of the start; with --cohort first the person's "
		      "first start "
		      "decides, with recurring the first start of each bucket that passes. Returns count up to "
		      "the end of "
		      "the data or --as-of. Intervals: Wilson (1927), 95 %.",
	.chart = "cohorts",
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
