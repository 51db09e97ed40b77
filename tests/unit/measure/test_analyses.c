// SPDX-License-Identifier: Apache-2.0
// Every analysis against a slow, independent implementation that looks at the log row by row, on random logs in
// real stores (several segments and an inbox), by many groupings.
#include "fixture.h"

#include "measure/stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka wants these above first
#include <cmocka.h>

#define ROUNDS 16

static struct fixture *fixtures[ROUNDS];

static int setup(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ROUNDS; i++) // from many rows of few customers to few rows of many
		fixtures[i] = fixture_random(1000 + i, 20 + i * 37, 1 + i * i / 2);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ROUNDS; i++)
		fixture_free(&fixtures[i]);
	return 0;
}

// --- groups of the log ---

struct keys {
	const char *name[4];
	uint32_t n;
};

static struct keys keys_of(const struct result *r)
{
	struct keys k = {.n = r->n_by};
	for (uint32_t i = 0; i < r->n_by; i++)
		k.name[i] = r->columns[i].name;
	return k;
}

static bool in_group(const struct fixture *f, const struct log_row *x, const struct result *r, uint32_t row,
	const struct keys *k)
{
	char text[64];
	for (uint32_t i = 0; i < k->n; i++)
		if (!sv_equal(text_at(r, row, k->name[i]), sv_from(row_label(f, x, k->name[i], text))))
			return false;
	return true;
}

static const char *const groupings[] = {NULL, "by=touchpoint", "by=channel,month", "by=stage,channel-kind",
	"by=owner,product,source", "by=agent", "by=day", "by=agent,day,touchpoint,channel",
	"by=event,touchpoint"};
#define N_GROUPINGS (sizeof(groupings) / sizeof(groupings[0]))

// --- volume ---

static void check_volume(const struct fixture *f, const struct result *r)
{
	struct keys k = keys_of(r);
	assert_int_equal(r->n, f->n);
	assert_near(column_sum(r, "interactions"), f->n, 0.0);
	assert_near(column_sum(r, "share"), 1.0, 1e-12);
	for (uint32_t row = 0; row < r->n_rows; row++) {
		double n = 0, customers = 0, first = (double)INFINITY, last = -(double)INFINITY;
		uint32_t seen = 0;
		for (uint32_t i = 0; i < f->n; i++) {
			const struct log_row *x = &f->rows[i];
			if (!in_group(f, x, r, row, &k))
				continue;
			n++;
			customers += x->customer != seen; // journeys are together
			seen = x->customer;
			first = fmin(first, (double)x->at_ms);
			last = fmax(last, (double)x->at_ms);
		}
		assert_true(n > 0);
		assert_near(number_at(r, row, "interactions"), n, 0.0);
		assert_near(number_at(r, row, "customers"), customers, 0.0);
		assert_near(number_at(r, row, "first"), first, 0.0);
		assert_near(number_at(r, row, "last"), last, 0.0);
	}
}

static void volume(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ROUNDS; i++)
		for (size_t g = 0; g < N_GROUPINGS; g++) {
			struct result *r = ask(fixtures[i], "volume", WORDS("customers=yes", groupings[g]));
			check_volume(fixtures[i], r);
			result_free(&r);
		}
}

// --- gap ---

static const struct {
	const char *touchpoint, *name;
	int measure;
	double target, scale, share, direction;
} expectations[] = {{"order", "easy", M_CES, 5.5, 3.0, (double)NAN, 1},
	{"order", "quick", M_DURATION, 900, 900, 0.85, -1},
	{"delivery", "happy", M_CSAT, 4.2, 2.0, (double)NAN, 1},
	{"delivery", "quick", M_DURATION, 3600, 3600, 0.5, -1},
	{"delivery", "easy", M_CES, 3, 3.0, (double)NAN, 1}, {"call", "soon", M_WAIT, 120, 120, 0.8, -1}};
#define N_EXPECTATIONS (sizeof(expectations) / sizeof(expectations[0]))

// Mean and t interval by the textbook's two passes.
static struct estimate slow_mean(const double *v, uint32_t n)
{
	double sum = 0.0, squares = 0.0;
	for (uint32_t i = 0; i < n; i++)
		sum += v[i];
	double mean = n ? sum / n : (double)NAN;
	for (uint32_t i = 0; i < n; i++)
		squares += (v[i] - mean) * (v[i] - mean);
	double half = n > 1 ? stats_t_quantile(0.975, n - 1.0) * sqrt(squares / (n - 1.0) / n) : (double)NAN;
	return (struct estimate){mean, mean - half, mean + half};
}

static size_t expectation_of(const struct result *r, uint32_t row)
{
	for (size_t i = 0; i < N_EXPECTATIONS; i++)
		if (sv_equal(text_at(r, row, "touchpoint"), sv_from(expectations[i].touchpoint)) &&
			sv_equal(text_at(r, row, "expectation"), sv_from(expectations[i].name)))
			return i;
	fail_msg("row of an unknown expectation");
	return 0;
}

static const char *slow_verdict(size_t x, uint32_t n, struct estimate share, struct estimate mean)
{
	if (n == 0)
		return "no data";
	if (n < 10)
		return "no detectable difference";
	if (!isnan(expectations[x].share))
		return share.low >= expectations[x].share   ? "kept"
		       : share.high < expectations[x].share ? "broken"
							    : "no detectable difference";
	bool up = expectations[x].direction > 0;
	double t = expectations[x].target;
	if (up ? mean.low >= t : mean.high <= t)
		return "kept";
	return (up ? mean.high < t : mean.low > t) ? "broken" : "no detectable difference";
}

static uint32_t check_gap_row(
	const struct fixture *f, const struct result *r, uint32_t row, const struct keys *k)
{
	static double g[LOG_MAX], values[LOG_MAX];
	size_t x = expectation_of(r, row);
	uint32_t n = 0, kept = 0;
	for (uint32_t i = 0; i < f->n; i++) {
		double v = f->rows[i].measure[expectations[x].measure];
		if (isnan(v) || !in_group(f, &f->rows[i], r, row, k))
			continue;
		double raw = expectations[x].direction * (v - expectations[x].target) / expectations[x].scale;
		kept += raw >= 0;
		g[n] = fmax(-1, fmin(1, raw));
		values[n++] = v;
	}
	struct estimate gap = slow_mean(g, n), mean = slow_mean(values, n), share = stats_wilson(kept, n);
	int m = expectations[x].measure; // scales of answers begin at 1, times at 0
	double top = m == M_CES ? 7.0 : m == M_CSAT ? 5.0 : (double)INFINITY, least = top < 8.0 ? 1.0 : 0.0;
	gap.low = gap.low < -1.0 ? -1.0 : gap.low;
	gap.high = gap.high > 1.0 ? 1.0 : gap.high;
	mean.low = mean.low < least ? least : mean.low;
	mean.high = mean.high > top ? top : mean.high;
	assert_near(number_at(r, row, "n"), n, 0.0);
	assert_near(number_at(r, row, "gap"), gap.value, 1e-12);
	assert_near(number_at(r, row, "gap_low"), gap.low, 1e-9);
	assert_near(number_at(r, row, "gap_high"), gap.high, 1e-9);
	assert_near(number_at(r, row, "experience"), mean.value, 1e-9);
	assert_near(number_at(r, row, "experience_low"), mean.low, 1e-6);
	assert_near(number_at(r, row, "experience_high"), mean.high, 1e-6);
	assert_near(number_at(r, row, "share_kept"), share.value, 1e-15);
	assert_near(number_at(r, row, "share_kept_low"), share.low, 1e-15);
	assert_near(number_at(r, row, "target"), expectations[x].target, 0.0);
	assert_near(number_at(r, row, "share_target"), expectations[x].share, 0.0);
	assert_true(sv_equal(text_at(r, row, "verdict"), sv_from(slow_verdict(x, n, share, mean))));
	return n;
}

static void gap(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ROUNDS; i++)
		for (size_t g = 0; g < N_GROUPINGS; g++) {
			const struct fixture *f = fixtures[i];
			if (groupings[g] && strstr(groupings[g], "agent,day"))
				continue; // five fields with the touch point
			struct result *r = ask(f, "gap", WORDS(groupings[g]));
			struct keys k = keys_of(r);
			assert_string_equal(k.name[0], "touchpoint");
			uint32_t n = 0, wanted = 0;
			for (uint32_t row = 0; row < r->n_rows; row++)
				n += check_gap_row(f, r, row, &k);
			for (uint32_t j = 0; j < f->n; j++)
				for (size_t x = 0; x < N_EXPECTATIONS; x++)
					wanted += row_touchpoint_name(&f->rows[j]) &&
						  strcmp(row_touchpoint_name(&f->rows[j]),
							  expectations[x].touchpoint) == 0 &&
						  !isnan(f->rows[j].measure[expectations[x].measure]);
			assert_int_equal(n, wanted); // nothing is missing
			if (!groupings[g])
				assert_int_equal(r->n_rows, N_EXPECTATIONS);
			result_free(&r);
		}
}

// --- scores ---

static uint32_t slow_values(
	const struct fixture *f, const struct result *r, uint32_t row, const struct keys *k, double *v)
{
	static const struct {
		const char *score;
		int measure;
	} single[] = {{"nps", M_NPS}, {"csat", M_CSAT}, {"ces", M_CES}, {"rating", M_RATING}};
	struct sv score = text_at(r, row, "score");
	uint32_t n = 0;
	for (uint32_t i = 0; i < f->n; i++) {
		const double *m = f->rows[i].measure;
		double x = (double)NAN;
		for (size_t s = 0; s < 4; s++)
			if (sv_equal(score, sv_from(single[s].score)))
				x = m[single[s].measure];
		if (sv_equal(score, SV("acsi")))
			x = ((m[M_ACSI1] + m[M_ACSI2] + m[M_ACSI3]) / 3.0 - 1.0) / 9.0 * 100.0;
		if (sv_equal(score, SV("servqual:reliability")))
			x = m[M_PERCEIVED] - m[M_EXPECTED];
		if (!isnan(x) && in_group(f, &f->rows[i], r, row, k))
			v[n++] = x;
	}
	return n;
}

// The ends of a score's scale, with those of the fixture's corridor.
static struct estimate slow_scale(struct sv score)
{
	if (sv_equal(score, SV("acsi")))
		return (struct estimate){.low = 0.0, .high = 100.0};
	if (sv_equal(score, SV("servqual:reliability")))
		return (struct estimate){.low = 1.0 - 7.0, .high = 7.0 - 1.0};
	return (struct estimate){.low = 1.0, .high = sv_equal(score, SV("ces")) ? 7.0 : 5.0};
}

static void check_score_row(const struct fixture *f, const struct result *r, uint32_t row, const struct keys *k)
{
	static double v[LOG_MAX];
	uint32_t n = slow_values(f, r, row, k, v);
	struct sv score = text_at(r, row, "score");
	struct estimate wanted = slow_mean(v, n);
	assert_near(number_at(r, row, "mean"), wanted.value, 1e-9);
	double promoters = 0, detractors = 0, satisfied = 0;
	for (uint32_t i = 0; i < n; i++) {
		promoters += v[i] >= 9;
		detractors += v[i] <= 6;
		satisfied += v[i] >= 4;
	}
	if (sv_equal(score, SV("nps"))) {
		wanted = stats_nps(promoters, detractors, n);
		assert_near(number_at(r, row, "promoters"), promoters, 0.0);
		assert_near(number_at(r, row, "passives"), n - promoters - detractors, 0.0);
		assert_near(number_at(r, row, "detractors"), detractors, 0.0);
	} else if (sv_equal(score, SV("csat"))) {
		wanted = stats_wilson(satisfied, n);
	} else { // no answer is beyond the scale, so the mean is not either
		struct estimate scale = slow_scale(score);
		wanted.low = wanted.low < scale.low ? scale.low : wanted.low;
		wanted.high = wanted.high > scale.high ? scale.high : wanted.high;
	}
	assert_near(number_at(r, row, "n"), n, 0.0);
	assert_near(number_at(r, row, "value"), wanted.value, 1e-9);
	assert_near(number_at(r, row, "low"), wanted.low, 1e-6);
	assert_near(number_at(r, row, "high"), wanted.high, 1e-6);
}

static void scores(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ROUNDS; i++)
		for (size_t g = 0; g < N_GROUPINGS; g++) {
			struct result *r = ask(fixtures[i], "scores", WORDS("score=all", groupings[g]));
			struct keys k = keys_of(r);
			for (uint32_t row = 0; row < r->n_rows; row++)
				check_score_row(fixtures[i], r, row, &k);
			result_free(&r);
		}
}

// Four respondents, by hand: items (10,10,10), (1,1,1), (7,8,9), (4,6,5) give 100, 0, 77.78, 44.44; mean 55.556,
// standard deviation 43.20, t(0.975, 3) = 3.18245, half width 68.74: more than the scale has. P − E of 1, −2, 0, −1: mean −0.5, sd 1.29099,
// half width 2.05426.
static void scores_by_hand(void **state)
{
	(void)state;
	static const double items[4][5] = {
		{10, 10, 10, 4, 5}, {1, 1, 1, 6, 4}, {7, 8, 9, 5, 5}, {4, 6, 5, 7, 6}};
	struct log_row rows[4];
	for (uint32_t i = 0; i < 4; i++) {
		rows[i] = log_row_new(i + 1, INT64_C(1772323200000), "Called");
		rows[i].measure[M_ACSI1] = items[i][0];
		rows[i].measure[M_ACSI2] = items[i][1];
		rows[i].measure[M_ACSI3] = items[i][2];
		rows[i].measure[M_EXPECTED] = items[i][3];
		rows[i].measure[M_PERCEIVED] = items[i][4];
	}
	struct fixture *f = fixture_of(rows, 4);
	struct result *r = ask(f, "scores", WORDS("score=acsi"));
	assert_int_equal(r->n_rows, 1);
	assert_near(number_at(r, 0, "value"), 55.5556, 1e-4);
	assert_near(number_at(r, 0, "low"), 0.0, 0.0);
	assert_near(number_at(r, 0, "high"), 100.0, 0.0);
	result_free(&r);
	r = ask(f, "scores", WORDS("score=acsi", "where=not acsi-ideal = 1"));
	assert_near(number_at(r, 0, "mean"), 74.0741,
		1e-4); // 100, 77.78, 44.44; sd 27.96, t 4.30265, half width 69.46
	assert_near(number_at(r, 0, "low"), 74.0741 - 4.302653 * 27.962 / sqrt(3.0), 2e-2);
	assert_near(number_at(r, 0, "high"), 100.0, 0.0);
	result_free(&r);
	r = ask(f, "scores", WORDS("score=servqual"));
	assert_near(number_at(r, 0, "value"), -0.5, 1e-12);
	assert_near(number_at(r, 0, "value") - number_at(r, 0, "low"), 3.182446 * 1.290994 / 2.0, 1e-5);
	result_free(&r);
	r = ask(f, "scores", WORDS("score=nps")); // asked for and nobody answered
	assert_int_equal(r->n_rows, 1);
	assert_near(number_at(r, 0, "n"), 0.0, 0.0);
	assert_near(number_at(r, 0, "value"), (double)NAN, 0.0);
	result_free(&r);
	fixture_free(&f);
}

// --- promises and intervals ---

// These are asked with a filter too, which must hold for one end of a pair only.
#define FILTER "where=channel != web"
static bool filtered;

static bool passes(const struct fixture *f, const struct log_row *x)
{
	char text[64];
	return !filtered || strcmp(row_label(f, x, "channel", text), "web") != 0;
}

static int compare_double(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;
	return (a > b) - (a < b);
}

static double slow_quantile(double *v, uint32_t n, double p)
{
	if (n == 0)
		return (double)NAN;
	qsort(v, n, sizeof(*v), compare_double);
	double h = (n - 1) * p;
	uint32_t low = (uint32_t)floor(h), high = low + 1 < n ? low + 1 : low;
	return v[low] + (h - low) * (v[high] - v[low]);
}

// First row of the customer that makes or keeps the promise until as_of; by brute force.
static const struct log_row *find_event(
	const struct fixture *f, uint32_t customer, uint32_t promise, bool keeps, double as_of, uint32_t *n)
{
	const struct log_row *first = NULL;
	*n = 0;
	for (uint32_t i = 0; i < f->n; i++) {
		const struct log_row *x = &f->rows[i];
		if (x->customer != customer || (keeps ? x->keeps : x->promise) != promise ||
			(double)x->at_ms > as_of)
			continue;
		first = first ? first : x;
		++*n;
	}
	return first;
}

struct slow_promises {
	double made, kept, broken, overdue, open, answered, negative, repeated, orphans;
	double delay[LOG_MAX], time[LOG_MAX];
	uint32_t n_delay, n_time;
};

static void slow_promise(
	struct slow_promises *s, const struct log_row *made, const struct log_row *kept, double as_of)
{
	s->made++;
	if (!kept) {
		bool overdue = made->due_ms != TIME_NONE && (double)made->due_ms < as_of;
		s->overdue += overdue;
		s->open += !overdue;
		return;
	}
	s->negative += kept->at_ms < made->at_ms;
	s->time[s->n_time++] = (double)(kept->at_ms - made->at_ms) / 1000.0;
	if (made->due_ms == TIME_NONE) {
		s->answered++;
		return;
	}
	s->kept += kept->at_ms <= made->due_ms;
	s->broken += kept->at_ms > made->due_ms;
	s->delay[s->n_delay++] = (double)(kept->at_ms - made->due_ms) / 1000.0;
}

static void check_promises_row(const struct fixture *f, const struct result *r, uint32_t row,
	const struct keys *k, double as_of, bool by_kept)
{
	static struct slow_promises s;
	memset(&s, 0, sizeof(s));
	uint32_t n_made, n_kept, customers = 0;
	for (uint32_t i = 0; i < f->n; i++)
		customers = f->rows[i].customer > customers ? f->rows[i].customer : customers;
	for (uint32_t c = 1; c <= customers; c++)
		for (uint32_t p = 1; p <= 6; p++) {
			const struct log_row *made = find_event(f, c, p, false, as_of, &n_made);
			const struct log_row *kept = find_event(f, c, p, true, as_of, &n_kept);
			const struct log_row *decides = !made || by_kept ? kept : made;
			if (!decides || !passes(f, decides) || !in_group(f, decides, r, row, k))
				continue;
			s.orphans += !made;
			s.repeated += made && (n_made > 1 || n_kept > 1);
			if (made)
				slow_promise(&s, made, kept, as_of);
		}
	assert_near(number_at(r, row, "made"), s.made, 0.0);
	assert_near(number_at(r, row, "kept"), s.kept, 0.0);
	assert_near(number_at(r, row, "broken"), s.broken, 0.0);
	assert_near(number_at(r, row, "overdue"), s.overdue, 0.0);
	assert_near(number_at(r, row, "open"), s.open, 0.0);
	assert_near(number_at(r, row, "answered"), s.answered, 0.0);
	assert_near(number_at(r, row, "kept_before_made"), s.negative, 0.0);
	assert_near(number_at(r, row, "repeated"), s.repeated, 0.0);
	assert_near(number_at(r, row, "kept_without_promise"), s.orphans, 0.0);
	assert_near(number_at(r, row, "share_kept_high"),
		stats_wilson(s.kept, s.kept + s.broken + s.overdue).high, 1e-12);
	assert_near(number_at(r, row, "delay_p50"), slow_quantile(s.delay, s.n_delay, 0.5), 1e-6);
	assert_near(number_at(r, row, "delay_p90"), slow_quantile(s.delay, s.n_delay, 0.9), 1e-6);
	assert_near(number_at(r, row, "time_p99"), slow_quantile(s.time, s.n_time, 0.99), 1e-6);
}

static void check_promises(const struct fixture *f, const char *grouping, const char *attribute,
	const char *as_of_text, double as_of)
{
	filtered = grouping && strstr(grouping, "stage") != NULL;
	const char *filter = filtered ? FILTER : "threads=2";
	const char *words[] = {attribute, filter, grouping ? grouping : "limit=0", as_of_text, NULL};
	struct result *r = ask(f, "promises", words);
	struct keys k = keys_of(r);
	for (uint32_t row = 0; row < r->n_rows; row++)
		check_promises_row(f, r, row, &k, as_of, strstr(attribute, "kept") != NULL);
	struct result *total = ask(f, "promises", WORDS(attribute, filter, as_of_text));
	static const char *const sums[] = {
		"made", "kept", "broken", "overdue", "open", "answered", "repeated", "kept_without_promise"};
	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
		assert_near(column_sum(r, sums[i]), number_at(total, 0, sums[i]), 0.0);
	assert_near(number_at(total, 0, "made"),
		number_at(total, 0, "kept") + number_at(total, 0, "broken") + number_at(total, 0, "overdue") +
			number_at(total, 0, "open") + number_at(total, 0, "answered"),
		0.0);
	result_free(&total);
	result_free(&r);
}

static void promises(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		const struct fixture *f = fixtures[i];
		double newest = -(double)INFINITY;
		for (uint32_t j = 0; j < f->n; j++)
			newest = fmax(newest, (double)f->rows[j].at_ms);
		for (size_t g = 0; g < 6; g++) {
			check_promises(f, groupings[g], "attribute=made", NULL, newest);
			check_promises(f, groupings[g], "attribute=kept", NULL, newest);
			check_promises(f, groupings[g], "attribute=made", "as-of=2026-04-01T00:00:00Z",
				1775001600000.0);
		}
	}
}

// --- interval ---

static bool starts(const struct log_row *x)
{
	return row_touchpoint_name(x) && strcmp(row_touchpoint_name(x), "order") == 0;
}

static bool ends(const struct log_row *x)
{
	return row_touchpoint_name(x) && strcmp(row_touchpoint_name(x), "delivery") == 0;
}

static const struct log_row *slow_end(const struct fixture *f, uint32_t i, bool by_promise)
{
	uint32_t n;
	const struct log_row *x = &f->rows[i];
	if (by_promise)
		return find_event(f, x->customer, x->promise, true, (double)INFINITY, &n);
	for (uint32_t j = i + 1; j < f->n && f->rows[j].customer == x->customer; j++)
		if (ends(&f->rows[j]))
			return &f->rows[j];
	return NULL;
}

static bool slow_start(const struct fixture *f, uint32_t i, bool by_promise)
{
	uint32_t n;
	const struct log_row *x = &f->rows[i];
	if (!by_promise)
		return starts(x);
	return x->promise && find_event(f, x->customer, x->promise, false, (double)INFINITY, &n) == x;
}

enum clock_variant { ELAPSED, WALL, OFFICE };

// Mondays to Fridays from 9 to 17, day by day.
static int64_t office_ms(const struct tz *tz, int64_t a, int64_t b)
{
	const int64_t day_ms = 86400000, hour_ms = 3600000;
	int64_t ms = 0;
	enum tz_kind kind;
	if (b < a)
		return -office_ms(tz, b, a);
	for (int64_t day = tz_to_local(tz, a) / day_ms; day <= tz_to_local(tz, b) / day_ms; day++) {
		int64_t from = tz_to_utc(tz, day * day_ms + 9 * hour_ms, &kind),
			to = tz_to_utc(tz, day * day_ms + 17 * hour_ms, &kind);
		from = from > a ? from : a;
		to = to < b ? to : b;
		if ((day + 3) % 7 < 5 && to > from)
			ms += to - from;
	}
	return ms;
}

static int64_t slow_duration(const struct fixture *f, int64_t a, int64_t b, enum clock_variant clock)
{
	const struct tz *tz = f->design->tz;
	if (clock == OFFICE)
		return office_ms(tz, a, b);
	return b - a + (clock == WALL ? tz_offset_ms(tz, b) - tz_offset_ms(tz, a) : 0);
}

static void check_interval_row(const struct fixture *f, const struct result *r, uint32_t row,
	const struct keys *k, bool by_promise, enum clock_variant clock)
{
	static double v[LOG_MAX];
	double started = 0, negative = 0;
	uint32_t n = 0;
	for (uint32_t i = 0; i < f->n; i++) {
		if (!slow_start(f, i, by_promise) || !passes(f, &f->rows[i]) ||
			!in_group(f, &f->rows[i], r, row, k))
			continue;
		started++;
		const struct log_row *end = slow_end(f, i, by_promise);
		if (!end)
			continue;
		v[n] = (double)slow_duration(f, f->rows[i].at_ms, end->at_ms, clock) / 1000.0;
		negative += v[n++] < 0 || (clock == OFFICE && end->at_ms < f->rows[i].at_ms);
	}
	struct estimate mean = slow_mean(v, n);
	assert_near(number_at(r, row, "started"), started, 0.0);
	assert_near(number_at(r, row, "reached"), n, 0.0);
	assert_near(number_at(r, row, "negative"), negative, 0.0);
	assert_near(number_at(r, row, "mean"), mean.value, 1e-6);
	assert_near(number_at(r, row, "mean_low"), negative == 0 && mean.low < 0 ? 0.0 : mean.low, 1e-4);
	assert_near(number_at(r, row, "p10"), slow_quantile(v, n, 0.1), 1e-6);
	assert_near(number_at(r, row, "p50"), slow_quantile(v, n, 0.5), 1e-6);
	assert_near(number_at(r, row, "p99"), slow_quantile(v, n, 0.99), 1e-6);
	size_t low, high;
	bool ranks = stats_median_ranks(n, &low, &high);
	assert_near(number_at(r, row, "p50_low"), ranks ? v[low] : (double)NAN, 1e-6);
}

static void interval(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ROUNDS; i++)
		for (size_t g = 0; g < 6; g++)
			for (int variant = 0; variant < 6; variant++) {
				static const char *const clocks[] = {
					"clock=elapsed", "clock=wall", "hours=office"};
				const struct fixture *f = fixtures[i];
				bool by_promise = variant & 1;
				enum clock_variant clock = (enum clock_variant)(variant / 2);
				const char *words[] = {by_promise ? "pair=promise" : "pair=next", clocks[clock],
					by_promise ? "threads=1" : "start=order",
					by_promise ? "limit=0"
						   : "end=touchpoint in (delivery) and not wait = 99h",
					g % 2 ? FILTER : "threads=2", groupings[g], NULL};
				filtered = g % 2;
				struct result *r = ask(f, "interval", words);
				struct keys k = keys_of(r);
				for (uint32_t row = 0; row < r->n_rows; row++)
					check_interval_row(f, r, row, &k, by_promise, clock);
				result_free(&r);
			}
}

// --- quality ---

static double finding(const struct result *r, const char *name, const char *column)
{
	for (uint32_t i = 0; i < r->n_rows; i++)
		if (sv_equal(text_at(r, i, "finding"), sv_from(name)))
			return number_at(r, i, column);
	return (double)NAN;
}

static void quality(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		const struct fixture *f = fixtures[i];
		double unmatched = 0, no_channel = 0, no_agent = 0, partner = 0, future = 0, repeated = 0,
		       not_designed = 0;
		for (uint32_t j = 0; j < f->n; j++) {
			const struct log_row *x = &f->rows[j];
			char text[64];
			const char *t = row_touchpoint_name(x), *c = row_label(f, x, "channel", text);
			bool is_partner = strcmp(row_label(f, x, "channel-kind", text), "partner") == 0,
			     twin = false;
			unmatched += t == NULL;
			no_channel += x->channel == 0;
			partner += is_partner;
			no_agent += is_partner && x->agent == 0;
			future += x->at_ms > x->received_ms + 300000;
			bool designed = !t || !x->channel ||
					(strcmp(t, "order") == 0 &&
						(strcmp(c, "web") == 0 || strcmp(c, "dealer") == 0)) ||
					(strcmp(t, "delivery") == 0 && strcmp(c, "courier") == 0) ||
					(strcmp(t, "call") == 0 && strcmp(c, "phone") == 0) ||
					(strcmp(t, "visit") == 0 && strcmp(c, "web") == 0);
			not_designed += !designed;
			for (uint32_t m = 0; m < j; m++)
				twin = twin ||
				       (f->rows[m].customer == x->customer && f->rows[m].at_ms == x->at_ms &&
					       f->rows[m].event == x->event &&
					       f->rows[m].channel == x->channel &&
					       f->rows[m].source == x->source);
			repeated += twin;
		}
		struct result *r = ask(f, "quality", WORDS("all"));
		assert_near(finding(r, "unmatched", "n"), unmatched, 0.0);
		assert_near(finding(r, "unmatched", "of"), f->n, 0.0);
		assert_near(finding(r, "no channel", "n"), no_channel, 0.0);
		assert_near(finding(r, "no agent", "n"), no_agent, 0.0);
		assert_near(finding(r, "no agent", "of"), partner, 0.0);
		assert_near(finding(r, "in the future", "n"), future, 0.0);
		assert_near(finding(r, "repeated", "n"), repeated, 0.0);
		assert_near(finding(r, "channel not designed", "n"), not_designed, 0.0);
		struct result *p = ask(f, "promises", WORDS("attribute=made"));
		assert_near(finding(r, "kept before made", "n"), number_at(p, 0, "kept_before_made"), 0.0);
		assert_near(
			finding(r, "kept without promise", "n"), number_at(p, 0, "kept_without_promise"), 0.0);
		result_free(&p);
		result_free(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(volume),
		cmocka_unit_test(gap),
		cmocka_unit_test(scores),
		cmocka_unit_test(scores_by_hand),
		cmocka_unit_test(promises),
		cmocka_unit_test(interval),
		cmocka_unit_test(quality),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
