// SPDX-License-Identifier: Apache-2.0
// retention, lifecycle, stickiness, frequency: against slow code that keeps, for every person, a yes or no per calendar
// day and looks all answers up there.
#include "../seeds.h"
#include "fixture.h"

#include "base/mem.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka wants these above first
#include <cmocka.h>

#define PERSONS_MAX 64
#define DAY_MS INT64_C(86400000)

// --- the calendar, counted in days of New York ---

static int64_t local_day(const struct fixture *f, int64_t at_ms)
{
	int64_t local = tz_to_local(f->design->tz, at_ms);
	return local >= 0 ? local / DAY_MS : -1;
}

// Numbers grow by one from bucket to bucket. 1970-01-01 was a Thursday.
static int64_t bucket_number(const char *unit, int64_t day)
{
	int64_t year;
	unsigned month, dom;
	civil_from_days(day, &year, &month, &dom);
	if (strcmp(unit, "day") == 0)
		return day;
	if (strcmp(unit, "week") == 0)
		return (day + 3) / 7;
	return strcmp(unit, "month") == 0 ? year * 12 + month - 1 : year * 4 + (month - 1) / 3;
}

static int64_t bucket_of_row(const struct fixture *f, const char *unit, const struct log_row *r)
{
	return bucket_number(unit, local_day(f, r->at_ms));
}

static void last_and_first(const struct fixture *f, const char *unit, int64_t *first, int64_t *last)
{
	*first = INT64_MAX;
	*last = INT64_MIN;
	for (uint32_t i = 0; i < f->n; i++) {
		int64_t b = bucket_of_row(f, unit, &f->rows[i]);
		*first = b < *first ? b : *first;
		*last = b > *last ? b : *last;
	}
}

// --- filters ---

static bool any(const struct log_row *r)
{
	(void)r;
	return true;
}
static bool is_order(const struct log_row *r)
{
	return row_touchpoint_name(r) && strcmp(row_touchpoint_name(r), "order") == 0;
}
static bool is_call(const struct log_row *r)
{
	return row_touchpoint_name(r) && strcmp(row_touchpoint_name(r), "call") == 0;
}
static bool is_low(const struct log_row *r)
{
	return r->measure[M_NPS] <= 6.0;
}
static bool is_web(const struct log_row *r)
{
	return r->channel == 1;
}

struct named {
	const char *text; // NULL: not given
	bool (*holds)(const struct log_row *r);
};
static const struct named starts[] = {{NULL, any}, {"order", is_order}, {"nps <= 6", is_low}};
static const struct named returns[] = {{NULL, any}, {"call", is_call}, {"channel = web", is_web}};
static const struct named wheres[] = {{NULL, any}, {"channel = web", is_web}, {"nps <= 6", is_low}};

// Words of a question, in buffers.
struct words {
	char text[16][80];
	const char *list[17];
	uint32_t n;
};

static void word(struct words *w, const char *name, const char *value)
{
	if (!value)
		return;
	snprintf(w->text[w->n], sizeof(w->text[0]), "%s=%s", name, value);
	w->list[w->n] = w->text[w->n];
	w->n++;
	w->list[w->n] = NULL;
}

// --- retention ---

struct retention {
	const char *bucket;
	struct named start, back, where;
	bool recurring, rolling, elapsed;
	const char *by; // NULL or a field
};

static int64_t period_days(const char *bucket)
{
	return strcmp(bucket, "day") == 0 ? 1 : strcmp(bucket, "week") == 0 ? 7 : 30;
}

// Rows are in journey order, so a later row of a person has a larger index. Is row i a start that counts?
static bool is_start(const struct fixture *f, const struct retention *q, uint32_t i)
{
	const struct log_row *r = &f->rows[i];
	if (!q->start.holds(r) || !q->where.holds(r))
		return false;
	for (uint32_t j = 0; j < i; j++) {
		const struct log_row *x = &f->rows[j];
		if (x->customer != r->customer || !q->start.holds(x))
			continue;
		if (!q->recurring)
			return false;
		if (q->where.holds(x) && bucket_of_row(f, q->bucket, x) == bucket_of_row(f, q->bucket, r))
			return false;
	}
	return true;
}

// Did the person of start i come back at the offset?
static bool came_back(const struct fixture *f, const struct retention *q, uint32_t i, int64_t offset)
{
	const struct log_row *r = &f->rows[i];
	for (uint32_t j = i; j < f->n && f->rows[j].customer == r->customer; j++) {
		const struct log_row *x = &f->rows[j];
		int64_t k = q->elapsed ? (x->at_ms - r->at_ms) / (period_days(q->bucket) * DAY_MS)
				       : bucket_of_row(f, q->bucket, x) - bucket_of_row(f, q->bucket, r);
		if (q->back.holds(x) && (q->rolling ? k >= offset : k == offset))
			return true;
	}
	return false;
}

static void check_retention_row(const struct fixture *f, const struct retention *q, const struct result *r,
	uint32_t row, int64_t end_ms)
{
	double size = 0, observed = 0, returned = 0;
	int64_t offset = (int64_t)number_at(r, row, "offset");
	int64_t start_day = local_day(f, (int64_t)number_at(r, row, "cohort_start"));
	int64_t cohort = bucket_number(q->bucket, start_day);
	char text[64];
	for (uint32_t i = 0; i < f->n; i++) {
		if (bucket_of_row(f, q->bucket, &f->rows[i]) != cohort || !is_start(f, q, i))
			continue;
		if (q->by && !sv_equal(text_at(r, row, q->by), sv_from(row_label(f, &f->rows[i], q->by, text))))
			continue;
		size++;
		if (q->elapsed && f->rows[i].at_ms + (offset + 1) * period_days(q->bucket) * DAY_MS > end_ms)
			continue;
		observed++;
		returned += came_back(f, q, i, offset);
	}
	assert_near(number_at(r, row, "cohort_size"), size, 0);
	assert_near(number_at(r, row, "observed"), observed, 0);
	assert_near(number_at(r, row, "returned"), returned, 0);
	assert_near(number_at(r, row, "share"), observed ? returned / observed : (double)NAN, 1e-12);
}

// The lists have as many as the cells count, of all cohorts and groups.
static void check_retention_list(const struct fixture *f, const struct words *question, const struct result *r,
	uint32_t offset, bool lost)
{
	struct words w = *question;
	char list[32];
	double want = 0.0;
	bool possible = false;
	for (uint32_t i = 0; i < r->n_rows; i++) {
		if (number_at(r, i, "offset") != offset)
			continue;
		possible = true;
		want += lost ? number_at(r, i, "observed") - number_at(r, i, "returned")
			     : number_at(r, i, "returned");
	}
	for (uint32_t i = 0; i < w.n; i++)
		w.list[i] = w.text[i];
	if (!possible)
		return;
	snprintf(list, sizeof(list), "%s:%u", lost ? "lost" : "returned", offset);
	word(&w, "persons", list);
	word(&w, "limit", "0");
	struct result *l = ask(f, "retention", w.list);
	assert_near(column_sum(l, "times"), want, 0);
	result_free(&l);
}

static void check_retention(const struct fixture *f, const struct retention *q, const char *threads)
{
	struct words w = {0};
	word(&w, "bucket", q->bucket);
	word(&w, "start", q->start.text);
	word(&w, "return", q->back.text);
	word(&w, "where", q->where.text);
	word(&w, "cohort", q->recurring ? "recurring" : "first");
	word(&w, "mode", q->rolling ? "rolling" : "exact");
	word(&w, "clock", q->elapsed ? "elapsed" : "calendar");
	word(&w, "by", q->by);
	word(&w, "threads", threads);
	struct result *r = ask(f, "retention", w.list);
	int64_t first, last, end_ms = 0;
	double starts_all = 0, sizes = 0;
	last_and_first(f, q->bucket, &first, &last);
	for (uint32_t i = 0; i < f->n; i++) {
		end_ms = f->rows[i].at_ms + 1 > end_ms ? f->rows[i].at_ms + 1 : end_ms;
		starts_all += is_start(f, q, i);
	}
	for (uint32_t i = 0; i < r->n_rows; i++) {
		check_retention_row(f, q, r, i, end_ms);
		sizes += number_at(r, i, "offset") == 0.0 ? number_at(r, i, "cohort_size") : 0.0;
	}
	assert_near(sizes, starts_all, 0); // every start is in one cohort of one group
	for (uint32_t k = 0; k < 2; k++)
		check_retention_list(f, &w, r, 1 + q->recurring, k == 1);
	int64_t n = last - first + 1;
	if (!q->elapsed && !q->by) // the triangle is whole
		assert_int_equal(r->n_rows, n * (n + 1) / 2);
	result_free(&r);
}

static void test_retention(void **state)
{
	(void)state;
	static const char *const buckets[] = {"day", "week", "month"};
	static const char *const bys[] = {NULL, "channel", "product"};
	for (uint64_t seed = 1; seed <= 40; seed += seeds_step()) {
		struct fixture *f = fixture_random(seed, 20 + (uint32_t)seed * 3, 6 + (uint32_t)(seed % 9));
		uint64_t dice = seed * 977;
		for (uint32_t i = 0; i < 24; i++) {
			uint64_t d = random_next(&dice);
			struct retention q = {.bucket = buckets[d % 11 == 0 ? 0 : 1 + d % 2],
				.start = starts[(d >> 8) % 3],
				.back = returns[(d >> 12) % 3],
				.where = wheres[(d >> 16) % 3],
				.recurring = d >> 20 & 1,
				.rolling = d >> 21 & 1,
				.elapsed = d >> 22 & 1,
				.by = bys[(d >> 24) % 3]};
			check_retention(f, &q, d >> 30 & 1 ? "3" : "1");
		}
		fixture_free(&f);
	}
}

// The curve is the triangle, summed over cohorts that reach the offset.
static void test_curve(void **state)
{
	(void)state;
	struct fixture *f = fixture_random(5, 600, 90);
	struct result *curve = ask(f, "retention", WORDS("show=curve", "periods=5"));
	struct result *triangle = ask(f, "retention", WORDS("periods=5"));
	assert_int_equal(curve->n_rows, 6);
	for (uint32_t k = 0; k < curve->n_rows; k++) {
		double observed = 0, returned = 0;
		for (uint32_t i = 0; i < triangle->n_rows; i++)
			if (number_at(triangle, i, "offset") == k) {
				observed += number_at(triangle, i, "observed");
				returned += number_at(triangle, i, "returned");
			}
		assert_near(number_at(curve, k, "observed"), observed, 0);
		assert_near(number_at(curve, k, "returned"), returned, 0);
	}
	result_free(&curve);
	result_free(&triangle);
	fixture_free(&f);
}

// --as-of gives what the log up to then would have given.
static void test_as_of(void **state)
{
	(void)state;
	struct fixture *f = fixture_random(6, 500, 60);
	struct fixture *cut = NULL;
	struct log_row *rows = mem_calloc(f->n, sizeof(*rows));
	assert_non_null(rows);
	const int64_t as_of = INT64_C(1774929600000); // 2026-03-31T00:00 in New York
	uint32_t n = 0;
	for (uint32_t i = 0; i < f->n; i++)
		if (f->rows[i].at_ms < as_of)
			rows[n++] = f->rows[i];
	cut = fixture_of(rows, n);
	static const char *const cohorts[] = {"cohort=first", "cohort=recurring"};
	for (uint32_t c = 0; c < 2; c++) {
		struct result *a = ask(f, "retention", WORDS("as-of=2026-03-31", cohorts[c], "return=call"));
		struct result *b = ask(cut, "retention", WORDS(cohorts[c], "return=call"));
		assert_int_equal(a->n_rows, b->n_rows);
		for (uint32_t i = 0; i < a->n_rows; i++)
			assert_near(number_at(a, i, "returned"), number_at(b, i, "returned"), 0);
		result_free(&a);
		result_free(&b);
	}
	mem_free(rows);
	fixture_free(&f);
	fixture_free(&cut);
}

// --- lifecycle ---

static bool active(
	const struct fixture *f, const char *unit, const struct named *where, uint32_t customer, int64_t b)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (f->rows[i].customer == customer && where->holds(&f->rows[i]) &&
			bucket_of_row(f, unit, &f->rows[i]) == b)
			return true;
	return false;
}

static void check_lifecycle(
	const struct fixture *f, const char *unit, const struct named *where, const char *threads)
{
	struct words w = {0};
	word(&w, "bucket", unit);
	word(&w, "where", where->text);
	word(&w, "threads", threads);
	word(&w, "from", "2026-03-10"); // history before counts
	struct result *r = ask(f, "lifecycle", w.list);
	int64_t first, last;
	last_and_first(f, unit, &first, &last);
	assert_true(r->n_rows > 0);
	for (uint32_t i = 0; i < r->n_rows; i++) {
		int64_t b = bucket_number(unit, local_day(f, (int64_t)number_at(r, i, "bucket_start")));
		double n[4] = {0};
		for (uint32_t c = 1; c < PERSONS_MAX; c++) {
			bool now = active(f, unit, where, c, b), before = active(f, unit, where, c, b - 1);
			bool earlier = false;
			for (int64_t k = first; k < b; k++)
				earlier |= active(f, unit, where, c, k);
			n[0] += now && !earlier;
			n[1] += now && before;
			n[2] += now && earlier && !before;
			n[3] += !now && before;
		}
		assert_near(number_at(r, i, "new"), n[0], 0);
		assert_near(number_at(r, i, "returning"), n[1], 0);
		assert_near(number_at(r, i, "resurrecting"), n[2], 0);
		assert_near(number_at(r, i, "dormant"), n[3], 0);
		assert_near(number_at(r, i, "active"), n[0] + n[1] + n[2], 0);
	}
	double in_period = 0;
	for (uint32_t i = 0; i < f->n; i++)
		in_period += where->holds(&f->rows[i]) && f->rows[i].at_ms >= INT64_C(1773115200000);
	assert_near((double)r->n, in_period, 0);
	result_free(&r);
}

// Of a bucket: bits of new, returning, resurrecting, dormant.
static uint32_t states_of(const struct fixture *f, const char *unit, const struct named *where, uint32_t c,
	int64_t first, int64_t b)
{
	bool now = active(f, unit, where, c, b), before = active(f, unit, where, c, b - 1), earlier = false;
	for (int64_t k = first; k < b; k++)
		earlier |= active(f, unit, where, c, k);
	return (uint32_t)(now && !earlier) | (uint32_t)(now && before) << 1 |
	       (uint32_t)(now && earlier && !before) << 2 | (uint32_t)(!now && before) << 3;
}

// The lists hold who is in a state in the buckets shown, as often as that is so.
static void check_lists(
	const struct fixture *f, const char *unit, const struct named *where, const char *threads)
{
	static const char *const names[] = {"new", "returning", "resurrecting", "dormant"};
	for (uint32_t k = 0; k < 4; k++) {
		struct words w = {0};
		uint32_t times[PERSONS_MAX] = {0}, n = 0;
		int64_t first, last;
		word(&w, "bucket", unit);
		word(&w, "where", where->text);
		word(&w, "threads", threads);
		word(&w, "from", "2026-03-10");
		word(&w, "limit", "0");
		struct result *r = ask(f, "lifecycle", w.list);
		last_and_first(f, unit, &first, &last);
		for (uint32_t i = 0; i < r->n_rows; i++) {
			int64_t b = bucket_number(unit, local_day(f, (int64_t)number_at(r, i, "bucket_start")));
			for (uint32_t c = 1; c < PERSONS_MAX; c++)
				times[c] += states_of(f, unit, where, c, first, b) >> k & 1;
		}
		result_free(&r);
		for (uint32_t c = 1; c < PERSONS_MAX; c++)
			n += times[c] > 0;
		word(&w, "persons", names[k]);
		r = ask(f, "lifecycle", w.list);
		assert_int_equal(r->n_rows, n);
		for (uint32_t i = 0; i < n; i++) {
			struct sv customer = text_at(r, i, "customer");
			int64_t c = 0;
			while (customer.len && (customer.ptr[0] < '0' || customer.ptr[0] > '9')) {
				customer.ptr++;
				customer.len--;
			}
			assert_true(sv_to_i64(customer, &c) && c > 0 && c < PERSONS_MAX);
			assert_near(number_at(r, i, "times"), times[c], 0);
			assert_true(active(f, unit, where, (uint32_t)c,
				bucket_number(unit, local_day(f, (int64_t)number_at(r, i, "at")))));
		}
		result_free(&r);
	}
}

static void test_lifecycle(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed += seeds_step()) {
		struct fixture *f = fixture_random(seed, 60 + (uint32_t)seed * 5, 12);
		for (uint32_t i = 0; i < 3; i++) {
			check_lifecycle(f, "day", &wheres[i], "1");
			check_lifecycle(f, "week", &wheres[i], "3");
			check_lifecycle(f, "month", &wheres[i], "1");
			check_lists(f, "day", &wheres[i], "3");
			check_lists(f, "week", &wheres[i], "1");
		}
		fixture_free(&f);
	}
}

// --- stickiness ---

static void check_stickiness(const struct fixture *f, const char *bucket, const char *period,
	const struct named *where, const char *threads)
{
	struct words w = {0};
	word(&w, "bucket", bucket);
	word(&w, "period", period);
	word(&w, "where", where->text);
	word(&w, "threads", threads);
	word(&w, "from", "2026-04");
	struct result *r = ask(f, "stickiness", w.list);
	int64_t first, last;
	last_and_first(f, "day", &first, &last);
	static bool on[PERSONS_MAX][200];
	memset(on, 0, sizeof(on));
	for (uint32_t i = 0; i < f->n; i++)
		if (where->holds(&f->rows[i]))
			on[f->rows[i].customer][local_day(f, f->rows[i].at_ms) - first] = true;
	for (uint32_t row = 0; row < r->n_rows; row++) {
		int64_t p = bucket_number(period, local_day(f, (int64_t)number_at(r, row, "period_start")));
		double persons = 0, more = 0, all = 0, days = 0, sums[3] = {0};
		for (uint32_t c = 1; c < PERSONS_MAX; c++) {
			double k = 0;
			int64_t before = INT64_MIN;
			for (int64_t d = first; d <= last; d++)
				if (bucket_number(period, d) == p && on[c][d - first]) {
					k += bucket_number(bucket, d) != before;
					before = bucket_number(bucket, d);
				}
			persons += k == number_at(r, row, "buckets");
			more += k >= number_at(r, row, "buckets");
			all += k > 0;
		}
		for (int64_t d = first; d <= last; d++) {
			if (bucket_number(period, d) != p)
				continue;
			days++;
			static const int64_t windows[] = {1, 7, 30};
			for (uint32_t c = 1; c < PERSONS_MAX; c++)
				for (uint32_t k = 0; k < 3; k++) {
					bool there = false;
					for (int64_t b = d; b > d - windows[k] && b >= first; b--)
						there |= on[c][b - first];
					sums[k] += there;
				}
		}
		assert_near(number_at(r, row, "persons"), persons, 0);
		assert_near(number_at(r, row, "or_more"), more, 0);
		assert_near(number_at(r, row, "active"), all, 0);
		assert_near(number_at(r, row, "dau"), sums[0] / days, 1e-9);
		assert_near(number_at(r, row, "wau"), sums[1] / days, 1e-9);
		assert_near(number_at(r, row, "mau"), sums[2] / days, 1e-9);
		assert_near(number_at(r, row, "dau_mau"), sums[2] > 0 ? sums[0] / sums[2] : (double)NAN, 1e-12);
	}
	result_free(&r);
}

static void test_stickiness(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 15; seed += seeds_step()) {
		struct fixture *f = fixture_random(seed, 300, 1 + (uint32_t)seed * 3);
		const struct named *where = &wheres[seed % 3];
		check_stickiness(f, "day", "week", where, "3");
		check_stickiness(f, "day", "month", where, "1");
		check_stickiness(f, "week", "month", where, "1");
		check_stickiness(f, "week", "quarter", where, "3");
		check_stickiness(f, "month", "quarter", where, "1");
		fixture_free(&f);
	}
}

// --- frequency ---

static int ascending(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;
	return (a > b) - (a < b);
}

static double number_of(
	const struct fixture *f, const char *count, const struct named *where, uint32_t customer)
{
	double n = 0;
	int64_t before = INT64_MIN / 2;
	for (uint32_t i = 0; i < f->n; i++) {
		const struct log_row *r = &f->rows[i];
		if (r->customer != customer || !where->holds(r))
			continue;
		if (strcmp(count, "interactions") == 0)
			n++;
		else if (strcmp(count, "days") == 0)
			n += local_day(f, r->at_ms) != before;
		else
			n += r->at_ms - before > 5 * 3600000;
		before = strcmp(count, "days") == 0 ? local_day(f, r->at_ms) : r->at_ms;
	}
	return n;
}

static double quantile_of(const double *v, uint32_t n, double p)
{
	double h = (n - 1) * p;
	uint32_t low = (uint32_t)h;
	return v[low] + (h - low) * ((low + 1 < n ? v[low + 1] : v[low]) - v[low]);
}

static void check_frequency(const struct fixture *f, const char *count, const struct named *where,
	const char *bins, const char *threads)
{
	struct words w = {0};
	word(&w, "count", count);
	word(&w, "where", where->text);
	word(&w, "bins", bins);
	if (strcmp(count, "sessions") == 0)
		word(&w, "gap", "5h");
	word(&w, "threads", threads);
	struct result *r = ask(f, "frequency", w.list);
	double v[1000], sum = 0, persons = 0, counted = 0;
	uint32_t n = 0;
	for (uint32_t c = 1; c < 1000; c++) {
		double x = number_of(f, count, where, c);
		if (x > 0)
			v[n++] = x;
		sum += x;
	}
	qsort(v, n, sizeof(*v), ascending);
	for (uint32_t i = 0; i < r->n_rows; i++) {
		double from = number_at(r, i, "bin_from"), to = number_at(r, i, "bin_to"), in = 0;
		for (uint32_t k = 0; k < n; k++)
			in += v[k] >= from && !(v[k] > to);
		assert_near(number_at(r, i, "persons"), in, 0);
		assert_near(number_at(r, i, "all_persons"), n, 0);
		assert_near(number_at(r, i, "mean"), n ? sum / n : (double)NAN, 1e-9);
		assert_near(number_at(r, i, "p50"), n ? quantile_of(v, n, 0.5) : (double)NAN, 1e-9);
		assert_near(number_at(r, i, "p90"), n ? quantile_of(v, n, 0.9) : (double)NAN, 1e-9);
		assert_near(number_at(r, i, "most"), n ? v[n - 1] : (double)NAN, 0);
		persons += number_at(r, i, "persons");
		counted += number_at(r, i, "counted");
	}
	assert_near(persons, n, 0); // the bins cover everybody
	assert_near(counted, sum, 0);
	result_free(&r);
}

static void test_frequency(void **state)
{
	(void)state;
	static const char *const counts[] = {"interactions", "days", "sessions"};
	for (uint64_t seed = 1; seed <= 15; seed += seeds_step()) {
		// With 3 customers some have more interactions than there are dense cells.
		struct fixture *f = fixture_random(seed, 800, seed % 3 == 0 ? 3 : 150);
		for (uint32_t i = 0; i < 3; i++) {
			check_frequency(f, counts[i], &wheres[seed % 3], NULL, "1");
			check_frequency(f, counts[i], &wheres[(seed + i) % 3], "exact", "3");
			check_frequency(f, counts[i], &wheres[i], "1,5,300", "3");
		}
		fixture_free(&f);
	}
}

// Groups add up, a limit keeps the sum, nothing stored is no row to trip over.
static void test_groups(void **state)
{
	(void)state;
	struct fixture *f = fixture_random(9, 900, 200);
	struct result *all = ask(f, "retention", WORDS("bucket=month")), *by;
	by = ask(f, "retention", WORDS("bucket=month", "by=agent,product", "threads=3"));
	assert_near(column_sum(by, "returned"), column_sum(all, "returned"), 0);
	result_free(&by);
	by = ask(f, "retention", WORDS("bucket=month", "by=agent,product", "limit=40"));
	assert_near(column_sum(by, "returned"), column_sum(all, "returned"), 0);
	result_free(&by);
	result_free(&all);
	all = ask(f, "lifecycle", WORDS("bucket=week"));
	by = ask(f, "lifecycle", WORDS("bucket=week", "by=channel", "limit=30"));
	assert_near(column_sum(by, "dormant"), column_sum(all, "dormant"), 0);
	assert_near(column_sum(by, "active"), column_sum(all, "active"), 0);
	result_free(&by);
	result_free(&all);
	fixture_free(&f);
	f = fixture_of(NULL, 0);
	static const char *const names[] = {"retention", "lifecycle", "stickiness", "frequency"};
	for (uint32_t i = 0; i < 4; i++) {
		by = ask(f, names[i], WORDS("limit=5"));
		assert_near((double)by->n, 0, 0);
		for (uint32_t k = 0; k < by->n_notes; k++) // data that are not there do not end
			assert_null(memmem(by->notes[k].ptr, by->notes[k].len, "1970", 4));
		result_free(&by);
	}
	by = ask(f, "effect", WORDS("after=order", "then=order", "limit=5"));
	for (uint32_t k = 0; k < by->n_notes; k++)
		assert_null(memmem(by->notes[k].ptr, by->notes[k].len, "1970", 4));
	result_free(&by);
	fixture_free(&f);
}

static void test_mistakes(void **state)
{
	(void)state;
	struct fixture *f = fixture_random(3, 50, 10);
	ask_wrong(f, "retention", WORDS("bucket=fortnight"), "week");
	ask_wrong(f, "retention", WORDS("start=oder"), "order");
	ask_wrong(f, "retention", WORDS("periods=0"), "outside");
	ask_wrong(f, "lifecycle", WORDS("by=month"), "--bucket");
	ask_wrong(f, "retention", WORDS("persons=lost"), "returned:0");
	ask_wrong(f, "retention", WORDS("persons=lost:1000"), "lost:0");
	ask_wrong(f, "stickiness", WORDS("by=day"), "--period");
	ask_wrong(f, "stickiness", WORDS("bucket=month", "period=week"), "a longer --period");
	ask_wrong(f, "stickiness", WORDS("bucket=month", "period=month"), "a longer --period");
	ask_wrong(f, "frequency", WORDS("bins=1,5,3"), "ascending");
	ask_wrong(f, "frequency", WORDS("bins=2,5"), "from 1");
	ask_wrong(f, "frequency", WORDS("count=days", "gap=5min"), "--count sessions");
	fixture_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_retention),
		cmocka_unit_test(test_curve),
		cmocka_unit_test(test_as_of),
		cmocka_unit_test(test_lifecycle),
		cmocka_unit_test(test_stickiness),
		cmocka_unit_test(test_frequency),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_mistakes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
