// SPDX-License-Identifier: Apache-2.0
// Experience index, loyalty ladder and other fields of persons against a slow computation from their definitions, as
// filters and as groups of analyses that know nothing of them.
#include "fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka wants these above first
#include <cmocka.h>

#define ROUNDS 24
#define CUSTOMERS_MAX 400
#define DAY_MS INT64_C(86400000)

struct person {
	uint32_t customer, first, end; // rows
	double index, tenure_s;
	const char *rung;
};

// Expectations of the fixture's corridor, once more: touch point, measure, target, direction, scale.
static const struct {
	const char *touchpoint;
	uint32_t measure;
	double target, direction, scale, importance;
} expectations[] = {{"order", M_CES, 5.5, 1, 3, 1}, {"order", M_DURATION, 900, -1, 900, 1},
	{"delivery", M_CSAT, 4.2, 1, 2, 4}, {"delivery", M_DURATION, 3600, -1, 3600, 4},
	{"delivery", M_CES, 3, 1, 3, 4}, {"call", M_WAIT, 120, -1, 120, 1}};
#define N_EXPECTATIONS (sizeof(expectations) / sizeof(expectations[0]))
#define MEAN_IMPORTANCE 2.0 // of order, delivery, call: (1 + 4 + 1) / 3

static double row_gain(const struct log_row *r)
{
	const char *touchpoint = row_touchpoint_name(r);
	double gain = 0.0;
	for (size_t i = 0; touchpoint && i < N_EXPECTATIONS; i++) {
		double x = r->measure[expectations[i].measure];
		if (strcmp(expectations[i].touchpoint, touchpoint) != 0 || isnan(x))
			continue;
		double g = expectations[i].direction * (x - expectations[i].target) / expectations[i].scale;
		g = fmin(1.0, fmax(-1.0, g));
		gain += expectations[i].importance / MEAN_IMPORTANCE * (g < 0.0 ? 2.5 * g : g);
	}
	return gain;
}

static void judge(const struct fixture *f, struct person *p, int64_t until_ms)
{
	double sum = 0.0, nps = (double)NAN;
	uint32_t n = 0, purchases = 0, referrals = 0;
	for (uint32_t i = p->first; i < p->end; i++) {
		const struct log_row *r = &f->rows[i];
		const char *touchpoint = row_touchpoint_name(r);
		if (r->at_ms >= until_ms)
			continue;
		n++;
		sum += row_gain(r) * pow(0.5, (double)(until_ms - r->at_ms) / (20.0 * (double)DAY_MS));
		purchases += touchpoint && (!strcmp(touchpoint, "order") || !strcmp(touchpoint, "delivery"));
		referrals += touchpoint && !strcmp(touchpoint, "visit");
		if (!isnan(r->measure[M_NPS]))
			nps = r->measure[M_NPS];
	}
	p->index = n ? 100.0 / (1.0 + exp(-sum)) : (double)NAN;
	p->tenure_s = n ? (double)(until_ms - f->rows[p->first].at_ms) / 1000.0 : (double)NAN;
	p->rung = "(none)";
	if (n == 0)
		return;
	p->rung = "low";
	if (p->index >= 30 && n >= 3)
		p->rung = "middle";
	if (p->tenure_s >= 10 * 86400 && purchases >= 2 && purchases <= 9)
		p->rung = "high";
	if (nps >= 7 && referrals >= 1 && p->index <= 80)
		p->rung = "top";
}

static uint32_t persons_of(const struct fixture *f, struct person *out, int64_t until_ms)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < f->n;) {
		struct person *p = &out[n++];
		*p = (struct person){.customer = f->rows[i].customer, .first = i};
		while (i < f->n && f->rows[i].customer == p->customer)
			i++;
		p->end = i;
		judge(f, p, until_ms);
	}
	return n;
}

static int64_t last_of(const struct fixture *f)
{
	int64_t last = INT64_MIN;
	for (uint32_t i = 0; i < f->n; i++)
		last = f->rows[i].at_ms > last ? f->rows[i].at_ms : last;
	return last;
}

static double interactions_at(const struct result *r, const char *label)
{
	uint32_t row = row_of(r, &label, 1);
	return row == UINT32_MAX ? 0.0 : number_at(r, row, "interactions");
}

// Sums up the rows before until_ms of the persons for which `wanted` holds.
static double rows_where(const struct fixture *f, const struct person *p, uint32_t n, int64_t until_ms,
	bool (*wanted)(const struct person *p, const void *context), const void *context)
{
	double rows = 0.0;
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = p[i].first; k < p[i].end; k++)
			rows += f->rows[k].at_ms < until_ms && wanted(&p[i], context);
	return rows;
}

static bool on_rung(const struct person *p, const void *context)
{
	return strcmp(p->rung, context) == 0;
}

static bool in_band(const struct person *p, const void *context)
{
	int low = *(const int *)context;
	return p->index >= low && (p->index < low + 10 || low == 90);
}

static bool below_index(const struct person *p, const void *context)
{
	return p->index < *(const double *)context;
}

static bool tenure_over(const struct person *p, const void *context)
{
	return p->tenure_s > *(const double *)context;
}

static void check_round(const struct fixture *f, int64_t until_ms, const char *to)
{
	static const char *const rungs[] = {"low", "middle", "high", "top"};
	struct person persons[CUSTOMERS_MAX];
	uint32_t n = persons_of(f, persons, until_ms);
	struct result *r = ask(f, "volume", WORDS("by=ladder", to));
	for (size_t i = 0; i < 4; i++)
		assert_near(interactions_at(r, rungs[i]),
			rows_where(f, persons, n, until_ms, on_rung, rungs[i]), 0.0);
	result_free(&r);
	r = ask(f, "volume", WORDS("by=index", to, "threads=3"));
	for (int low = 0; low < 100; low += 10) {
		char label[32];
		snprintf(label, sizeof(label), "%d-%d", low, low + 10);
		assert_near(interactions_at(r, label), rows_where(f, persons, n, until_ms, in_band, &low), 0.0);
	}
	result_free(&r);
	const double index = 40.0, tenure = 30.0 * 86400.0;
	r = ask(f, "volume", WORDS("where=index < 40", to));
	assert_near(
		column_sum(r, "interactions"), rows_where(f, persons, n, until_ms, below_index, &index), 0.0);
	result_free(&r);
	r = ask(f, "volume", WORDS("where=tenure > 30d", to));
	assert_near(
		column_sum(r, "interactions"), rows_where(f, persons, n, until_ms, tenure_over, &tenure), 0.0);
	result_free(&r);
	r = ask(f, "volume", WORDS("where=not ladder = low,top and index exists", to));
	assert_near(column_sum(r, "interactions"),
		rows_where(f, persons, n, until_ms, on_rung, "middle") +
			rows_where(f, persons, n, until_ms, on_rung, "high"),
		0.0);
	result_free(&r);
}

static void test_standing(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct fixture *f = fixture_random(7000 + i, 30 + i * 40, 1 + i * i / 2);
		check_round(f, last_of(f) + 1, "threads=1");
		// 2026-04-01T00:00 in New York is 04:00 UTC.
		check_round(f, INT64_C(1775016000000), "to=2026-03");
		fixture_free(&f);
	}
}

// One customer, by hand: csat 5 at a delivery (g = 0.4) and, 20 days later, a call with a wait of 4 minutes (g = -1).
// As of one ms after the call: S = 0.4 · 2 · 0.5 − 2.5 · 1/2 = −0.85, index 100/(1 + e^0.85) = 29.94.
static void test_by_hand(void **state)
{
	(void)state;
	const int64_t start = INT64_C(1772323200000);
	struct log_row rows[] = {
		log_row_new(1, start, "Delivered"), log_row_new(1, start + 20 * DAY_MS, "Called")};
	rows[0].measure[M_CSAT] = 5;
	rows[1].measure[M_WAIT] = 240;
	struct fixture *f = fixture_of(rows, 2);
	struct result *r = ask(f, "volume", WORDS("where=index > 29.93 and index < 29.95"));
	assert_near(column_sum(r, "interactions"), 2, 0.0);
	result_free(&r);
	// Before the call: S = 0.8 · 0.5^(19.x/20); with --to of the day of the delivery (local) less than a day has gone.
	r = ask(f, "volume", WORDS("where=index > 68.4 and index < 69", "to=2026-02-28"));
	assert_near(column_sum(r, "interactions"), 1, 0.0);
	result_free(&r);
	fixture_free(&f);
}

static const char *edge_label(
	const struct fixture *f, const struct person *p, bool first, const char *by, char out[64])
{
	const char *label = "(none)";
	for (uint32_t i = p->first; i < p->end; i++) {
		const char *here = row_label(f, &f->rows[i], by, out);
		if (here[0] == '(')
			continue;
		label = here;
		if (first)
			break;
	}
	return label;
}

static void test_edges(void **state)
{
	(void)state;
	static const struct {
		const char *by, *field;
		bool first;
	} cases[] = {{"channel", "by=first.channel", true}, {"channel", "by=last.channel", false},
		{"agent", "by=first.agent", true}, {"stage", "by=last.stage", false},
		{"product", "by=last.product", false}};
	for (uint32_t round = 0; round < 8; round++) {
		struct fixture *f = fixture_random(90 + round, 100 + round * 100, 3 + round * 9);
		struct person persons[CUSTOMERS_MAX];
		uint32_t n = persons_of(f, persons, INT64_MAX);
		for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
			struct result *r = ask(f, "volume", WORDS(cases[c].field));
			assert_near(column_sum(r, "interactions"), f->n, 0.0);
			for (uint32_t row = 0; row < r->n_rows; row++) {
				double rows = 0.0;
				char scratch[64];
				for (uint32_t i = 0; i < n; i++)
					if (sv_equal(text_at(r, row, r->columns[0].name),
						    sv_from(edge_label(f, &persons[i], cases[c].first,
							    cases[c].by, scratch))))
						rows += persons[i].end - persons[i].first;
				assert_near(number_at(r, row, "interactions"), rows, 0.0);
			}
			result_free(&r);
		}
		fixture_free(&f);
	}
}

static void test_mistakes(void **state)
{
	(void)state;
	struct fixture *f = fixture_random(1, 50, 5);
	ask_wrong(f, "volume", WORDS("where=ladder = midle"), "did you mean “middle”?");
	ask_wrong(f, "volume", WORDS("by=first.nps"), "give a name, for example first.channel");
	ask_wrong(f, "volume", WORDS("by=first.chanel"), "did you mean “channel”?");
	ask_wrong(f, "volume", WORDS("by=laddr"), "did you mean “ladder”?");
	ask_wrong(f, "volume", WORDS("where=index < low"), "low");
	fixture_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_standing),
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_edges),
		cmocka_unit_test(test_mistakes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
