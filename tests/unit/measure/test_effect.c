// SPDX-License-Identifier: Apache-2.0
// effect: counts against slow code that asks every pair of interactions; intervals against published numbers.
#include "fixture.h"

#include "measure/effect.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
// cmocka wants these above first
#include <cmocka.h>

#define DAY_MS INT64_C(86400000)

// Newcombe 1998, table II, examples (a), (b), (d), (h): method 10.
static void test_newcombe(void **state)
{
	(void)state;
	static const struct {
		struct stratum s;
		double low, high;
	} published[] = {{{70, 56, 80, 48}, 0.0524, 0.3339}, {{10, 9, 10, 3}, 0.1705, 0.8090},
		{{56, 5, 29, 0}, -0.0381, 0.1926}, {{10, 10, 10, 0}, 0.6075, 1.0000}};
	for (uint32_t i = 0; i < 4; i++) {
		struct estimate d = rates_difference(&published[i].s);
		assert_near(d.low, published[i].low, 0.00005);
		assert_near(d.high, published[i].high, 0.00005);
	}
}

// University Group Diabetes Program, deaths in two age groups: tolbutamide 8 of 106 and 22 of 98, placebo 5 of 120 and 16
// of 85; Mantel-Haenszel difference 0.035 and ratio 1.33 are in the textbooks (Rothman, Modern Epidemiology). The
// interval of the difference is compared with the one from each stratum's binomial variance.
static void test_mantel_haenszel(void **state)
{
	(void)state;
	struct pooled p = {0};
	pooled_add(&p, &(struct stratum){106, 8, 120, 5});
	pooled_add(&p, &(struct stratum){98, 22, 85, 16});
	pooled_add(&p, &(struct stratum){7, 3, 0, 0}); // nobody to compare with
	struct estimate d = pooled_difference(&p), r = pooled_ratio(&p);
	assert_near(d.value, 0.0349, 0.0005);
	const double w[] = {106.0 * 120 / 226, 98.0 * 85 / 183};
	const double p1[] = {8.0 / 106, 22.0 / 98}, p0[] = {5.0 / 120, 16.0 / 85};
	const double v[] = {p1[0] * (1 - p1[0]) / 106 + p0[0] * (1 - p0[0]) / 120,
		p1[1] * (1 - p1[1]) / 98 + p0[1] * (1 - p0[1]) / 85};
	double se = sqrt(w[0] * w[0] * v[0] + w[1] * w[1] * v[1]) / (w[0] + w[1]);
	assert_near(d.low, d.value - STATS_Z95 * se, 0.001);
	assert_near(d.high, d.value + STATS_Z95 * se, 0.001);
	assert_near(r.value, 1.33, 0.005);
	assert_near(r.low, 0.797, 0.01);
	assert_near(r.high, 2.22, 0.02);
	assert_near(p.n_strata, 2, 0);
	double rate1, rate0;
	pooled_rates(&p, &rate1, &rate0);
	assert_near(rate1 - rate0, d.value, 1e-15);
}

static void test_ratio(void **state)
{
	(void)state;
	// Katz et al.: exp(ln 2 ± 1.96·√(1/20 − 1/100 + 1/10 − 1/100))
	struct estimate r = rates_ratio(&(struct stratum){100, 20, 100, 10});
	double half = STATS_Z95 * sqrt(0.13);
	assert_near(r.value, 2, 1e-12);
	assert_near(log(r.low), log(2) - half, 1e-12);
	assert_near(log(r.high), log(2) + half, 1e-12);
	assert_true(isnan(rates_ratio(&(struct stratum){100, 20, 100, 0}).value));
	assert_true(isnan(rates_difference(&(struct stratum){0, 0, 100, 0}).value));
}

// --- counts ---

struct question {
	bool against, never, keep, person, after_order;
	const char *match; // NULL: the default
	const char *by, *threads;
	int64_t within_ms;
};

static bool is_after(const struct question *q, const struct log_row *r)
{
	if (q->after_order)
		return row_touchpoint_name(r) && strcmp(row_touchpoint_name(r), "order") == 0;
	return r->measure[M_NPS] <= 3.0;
}
static bool is_then(const struct log_row *r)
{
	return row_touchpoint_name(r) && strcmp(row_touchpoint_name(r), "delivery") == 0;
}
static bool is_against(const struct log_row *r)
{
	return r->measure[M_NPS] >= 2.0;
}

// 1: exposed, 0: compared with, -1: neither.
static int side_of(const struct fixture *f, const struct question *q, uint32_t i)
{
	const struct log_row *r = &f->rows[i];
	if (r->source != 0) // where source = shop
		return -1;
	if (is_after(q, r))
		return 1;
	if (q->against)
		return is_against(r) ? 0 : -1;
	for (uint32_t j = 0; j < f->n; j++)
		if (f->rows[j].customer == r->customer && (j < i || q->never) && is_after(q, &f->rows[j]))
			return -1;
	return 0;
}

static bool counts(const struct fixture *f, const struct question *q, uint32_t i)
{
	int side = side_of(f, q, i);
	for (uint32_t j = 0; q->person && side >= 0 && j < i; j++)
		if (f->rows[j].customer == f->rows[i].customer && side_of(f, q, j) == side)
			return false;
	return side >= 0;
}

static bool followed(const struct fixture *f, const struct question *q, uint32_t i)
{
	for (uint32_t j = i + 1; j < f->n && f->rows[j].customer == f->rows[i].customer; j++)
		if (is_then(&f->rows[j]) && f->rows[j].at_ms <= f->rows[i].at_ms + q->within_ms)
			return true;
	return false;
}

static uint32_t class_of(const double *ends, uint32_t n, double x)
{
	uint32_t k = 0;
	while (k < n && x > ends[k])
		k++;
	return k;
}

// Two interactions with the same text are in the same stratum.
static void stratum_text(const struct fixture *f, const struct question *q, uint32_t i, char *out, size_t size)
{
	static const double priors[] = {0, 1, 3, 7, 15, 31, 63, 127};
	static const double tenures[] = {1, 7, 30, 90, 180, 365, 730};
	const char *match = q->match ? q->match : q->against ? "none" : "touchpoint,channel,month,prior";
	const struct log_row *r = &f->rows[i];
	uint32_t first = i;
	while (first > 0 && f->rows[first - 1].customer == r->customer)
		first--;
	double days = floor((double)(r->at_ms - f->rows[first].at_ms) / (double)DAY_MS) + 0.5;
	char a[64], b[64], c[64];
	out[0] = '\0';
	if (strstr(match, "touchpoint"))
		snprintf(out, size, "%s", row_label(f, r, "touchpoint", a));
	size_t used = strlen(out);
	if (strstr(match, "channel"))
		snprintf(out + used, size - used, "|%s", row_label(f, r, "channel", b));
	used = strlen(out);
	if (strstr(match, "month"))
		snprintf(out + used, size - used, "|%s", row_label(f, r, "month", c));
	used = strlen(out);
	if (strstr(match, "prior"))
		snprintf(out + used, size - used, "|%u", class_of(priors, 8, i - first));
	used = strlen(out);
	if (strstr(match, "tenure"))
		snprintf(out + used, size - used, "|t%u", class_of(tenures, 7, days));
}

// Adds interaction i to its stratum's line of a small table.
struct table {
	char text[600][160];
	struct stratum s[600];
	uint32_t n;
	double censored[2];
};

static void table_add(
	struct table *t, const struct fixture *f, const struct question *q, uint32_t i, int64_t end_ms)
{
	char text[160];
	int side = side_of(f, q, i);
	if (!q->keep && f->rows[i].at_ms + q->within_ms > end_ms) {
		t->censored[side]++;
		return;
	}
	stratum_text(f, q, i, text, sizeof(text));
	uint32_t k = 0;
	while (k < t->n && strcmp(t->text[k], text) != 0)
		k++;
	if (k == t->n) {
		assert_true(t->n < 600);
		snprintf(t->text[t->n++], sizeof(text), "%s", text);
	}
	*(side ? &t->s[k].n1 : &t->s[k].n0) += 1;
	*(side ? &t->s[k].k1 : &t->s[k].k0) += followed(f, q, i);
}

static void check_row(const struct result *r, uint32_t row, const struct table *t, bool matched)
{
	struct stratum all = {0}, used = {0};
	double weight = 0, difference = 0, strata = 0;
	for (uint32_t k = 0; k < t->n; k++) {
		const struct stratum *s = &t->s[k];
		all.n1 += s->n1;
		all.n0 += s->n0;
		if (matched && (s->n1 == 0 || s->n0 == 0))
			continue;
		strata++;
		used.n1 += s->n1;
		used.k1 += s->k1;
		used.n0 += s->n0;
		used.k0 += s->k0;
		double w = s->n1 * s->n0 / (s->n1 + s->n0);
		weight += w;
		difference += w * (s->k1 / s->n1 - s->k0 / s->n0);
	}
	assert_near(number_at(r, row, "after"), all.n1, 0);
	assert_near(number_at(r, row, "against"), all.n0, 0);
	assert_near(number_at(r, row, "after_matched"), used.n1, 0);
	assert_near(number_at(r, row, "after_followed"), used.k1, 0);
	assert_near(number_at(r, row, "against_matched"), used.n0, 0);
	assert_near(number_at(r, row, "against_followed"), used.k0, 0);
	assert_near(number_at(r, row, "after_censored"), t->censored[1], 0);
	assert_near(number_at(r, row, "against_censored"), t->censored[0], 0);
	if (matched)
		assert_near(number_at(r, row, "strata"), strata, 0);
	assert_near(number_at(r, row, "difference"), weight > 0 ? difference / weight : (double)NAN, 1e-12);
	if (weight > 0)
		assert_near(number_at(r, row, "after_rate") - number_at(r, row, "against_rate"),
			number_at(r, row, "difference"), 1e-12);
}

// The customers of each of the four numbers, as often as they count.
static void check_lists(
	const struct fixture *f, const struct question *q, const char **words, uint32_t n, int64_t end_ms)
{
	static const char *const lists[] = {"persons=after-followed", "persons=after-not",
		"persons=against-followed", "persons=against-not"};
	words[n] = "limit=0";
	words[n + 2] = NULL;
	for (uint32_t k = 0; k < 4; k++) {
		double times = 0, want = 0;
		words[n + 1] = lists[k];
		struct result *r = ask(f, "effect", words);
		for (uint32_t i = 0; i < f->n; i++) {
			bool censored = !q->keep && f->rows[i].at_ms + q->within_ms > end_ms;
			if (!counts(f, q, i) || censored || (side_of(f, q, i) == 1) != (k < 2) ||
				followed(f, q, i) != (k % 2 == 0))
				continue;
			char customer[64];
			bool found = false;
			snprintf(customer, sizeof(customer), "user:c-%u", f->rows[i].customer);
			for (uint32_t row = 0; row < r->n_rows; row++)
				found |= sv_equal(text_at(r, row, "customer"), sv_from(customer));
			assert_true(found);
			want++;
		}
		times = column_sum(r, "times");
		assert_near(r->n_rows ? times : 0.0, want, 0);
		result_free(&r);
	}
	words[n] = NULL;
}

static void check(const struct fixture *f, const struct question *q)
{
	char within[32], match[80], by[32], threads[32];
	const char *words[14] = {q->after_order ? "after=order" : "after=nps <= 3", "then=delivery",
		"where=source = shop", within, threads, q->keep ? "censor=keep" : "censor=drop",
		q->person ? "each=person" : "each=interaction", q->never ? "control=never" : "control=not-yet"};
	uint32_t n = 8;
	snprintf(within, sizeof(within), "within=%.0fs", (double)q->within_ms / 1000);
	snprintf(threads, sizeof(threads), "threads=%s", q->threads);
	snprintf(match, sizeof(match), "match=%s", q->match ? q->match : "");
	snprintf(by, sizeof(by), "by=%s", q->by ? q->by : "");
	if (q->against)
		words[n++] = "against=nps >= 2";
	if (q->match)
		words[n++] = match;
	if (q->by)
		words[n++] = by;
	words[n] = NULL;
	struct result *r = ask(f, "effect", words);
	int64_t end_ms = INT64_MIN;
	for (uint32_t i = 0; i < f->n; i++)
		end_ms = f->rows[i].at_ms > end_ms ? f->rows[i].at_ms : end_ms;
	double n_counted = 0, n_shown = column_sum(r, "after") + column_sum(r, "against") +
					column_sum(r, "after_censored") + column_sum(r, "against_censored");
	for (uint32_t i = 0; i < f->n; i++)
		n_counted += counts(f, q, i);
	assert_near(n_shown, n_counted, 0);
	bool matched = q->match ? strcmp(q->match, "none") != 0 : !q->against;
	for (uint32_t row = 0; row < r->n_rows; row++) {
		static struct table t;
		memset(&t, 0, sizeof(t));
		char text[64];
		for (uint32_t i = 0; i < f->n; i++)
			if (counts(f, q, i) &&
				(!q->by || sv_equal(text_at(r, row, q->by),
						   sv_from(row_label(f, &f->rows[i], q->by, text)))))
				table_add(&t, f, q, i, end_ms);
		check_row(r, row, &t, matched);
	}
	check_lists(f, q, words, n, end_ms);
	result_free(&r);
}

static void test_counts(void **state)
{
	(void)state;
	static const char *const matches[] = {NULL, "none", "channel,month", "tenure,prior", "touchpoint"};
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct fixture *f = fixture_random(seed, 40 + (uint32_t)seed * 4, 5 + (uint32_t)(seed % 30));
		uint64_t dice = seed * 31;
		for (uint32_t i = 0; i < 24; i++) {
			uint64_t d = random_next(&dice);
			struct question q = {.against = d & 1,
				.never = (d & 3) == 2, // says nothing beside against
				.keep = d >> 2 & 1,
				.person = d >> 3 & 1,
				.after_order = d >> 4 & 1,
				.match = matches[(d >> 8) % 5],
				.by = (d >> 12) % 3 ? NULL : "product",
				.threads = d >> 16 & 1 ? "3" : "1",
				.within_ms = d >> 17 & 1 ? 100 * 3600000 : 30 * DAY_MS};
			check(f, &q);
		}
		fixture_free(&f);
	}
}

static void test_mistakes(void **state)
{
	(void)state;
	struct fixture *f = fixture_random(3, 50, 10);
	ask_wrong(f, "effect", WORDS("after=order"), "--then");
	ask_wrong(f, "effect", WORDS("after=order", "then=delivery", "match=nps"), "cannot match");
	ask_wrong(f, "effect", WORDS("after=order", "then=delivery", "match=chanel"), "cannot match");
	ask_wrong(f, "effect", WORDS("after=order", "then=delivery", "within=soon"), "duration");
	ask_wrong(f, "effect", WORDS("after=order", "then=delivery", "against=call", "control=never"),
		"leave one of the two away");
	fixture_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_newcombe),
		cmocka_unit_test(test_mantel_haenszel),
		cmocka_unit_test(test_ratio),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_mistakes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
