// SPDX-License-Identifier: Apache-2.0
// One customer's story: rows, gaps, running index and promises against the log, and the reader against the analysis.
#include "fixture.h"

#include "measure/story.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka wants these above first
#include <cmocka.h>

#define DAY_MS INT64_C(86400000)

// The fixture's corridor: importances 1, 4 (delivery), 1 have the mean 2; half-life 20 days; losses weigh 2.5.
static double gap_of(double x, double target, double direction, double scale)
{
	return fmin(1.0, fmax(-1.0, direction * (x - target) / scale));
}

struct gaps {
	double sum, gain;
	uint32_t n;
};

static void add_gap(struct gaps *g, double x, double target, double direction, double scale, double weight)
{
	if (isnan(x))
		return;
	double gap = gap_of(x, target, direction, scale);
	g->sum += gap;
	g->gain += weight * (gap < 0 ? 2.5 * gap : gap);
	g->n++;
}

static struct gaps gaps_of(const struct log_row *r)
{
	struct gaps g = {0};
	const char *touchpoint = row_touchpoint_name(r);
	if (touchpoint && strcmp(touchpoint, "order") == 0) {
		add_gap(&g, r->measure[M_CES], 5.5, 1, 3, 0.5);
		add_gap(&g, r->measure[M_DURATION], 900, -1, 900, 0.5);
	} else if (touchpoint && strcmp(touchpoint, "delivery") == 0) {
		add_gap(&g, r->measure[M_CSAT], 4.2, 1, 2, 2);
		add_gap(&g, r->measure[M_DURATION], 3600, -1, 3600, 2);
		add_gap(&g, r->measure[M_CES], 3, 1, 3, 2);
	} else if (touchpoint && strcmp(touchpoint, "call") == 0) {
		add_gap(&g, r->measure[M_WAIT], 120, -1, 120, 0.5);
	}
	return g;
}

// The index right after row `at` of a journey that begins at row `first`, from the definition.
static double index_after(const struct fixture *f, uint32_t first, uint32_t at)
{
	double sum = 0.0;
	for (uint32_t i = first; i <= at; i++) {
		double days = (double)(f->rows[at].at_ms - f->rows[i].at_ms) / (double)DAY_MS;
		sum += gaps_of(&f->rows[i]).gain * pow(0.5, days / 20.0);
	}
	return 100.0 / (1.0 + exp(-sum));
}

static void check_customer(const struct fixture *f, uint32_t first, uint32_t end, struct story *story)
{
	char word[64];
	snprintf(word, sizeof(word), "customer=user:c-%u", f->rows[first].customer);
	struct result *r = ask(f, "journey", WORDS(word, "threads=2"));
	assert_int_equal(r->n_rows, end - first);
	char value[32];
	snprintf(value, sizeof(value), "c-%u", f->rows[first].customer);
	struct story_view view;
	struct err e = ERR_NONE;
	assert_int_equal(story_read(story, person_of(SV("user"), sv_from(value)), &view, &e), RC_OK);
	assert_int_equal(view.span->n, end - first);
	for (uint32_t i = first; i < end; i++) {
		const struct log_row *x = &f->rows[i];
		uint32_t row = i - first;
		struct gaps g = gaps_of(x);
		char text[64];
		assert_near(number_at(r, row, "at"), (double)x->at_ms, 0.0);
		assert_near(number_at(r, row, "gap"), g.n ? g.sum / g.n : (double)NAN, 1e-9);
		assert_near(number_at(r, row, "index"), index_after(f, first, i), 1e-6);
		assert_near(view.rows[row].index, number_at(r, row, "index"), 0.0);
		assert_true(
			sv_equal(text_at(r, row, "touchpoint"), sv_from(row_label(f, x, "touchpoint", text))));
		if (x->channel)
			assert_true(sv_equal(
				text_at(r, row, "channel"), sv_from(row_label(f, x, "channel", text))));
		else
			assert_null(text_at(r, row, "channel").ptr);
	}
	result_free(&r);
}

static void test_random(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < 12; round++) {
		struct fixture *f = fixture_random(400 + round, 20 + round * 60, 1 + round * 3);
		struct story *story;
		struct err e = ERR_NONE;
		assert_int_equal(story_open(f->snapshot, &story, &e), RC_OK);
		for (uint32_t i = 0; i < f->n;) {
			uint32_t end = i;
			while (end < f->n && f->rows[end].customer == f->rows[i].customer)
				end++;
			check_customer(f, i, end, story);
			i = end;
		}
		struct story_view view;
		assert_int_equal(story_read(story, person_of(SV("user"), SV("nobody")), &view, &e), RC_OK);
		assert_int_equal(view.span->n, 0);
		story_close(&story);
		fixture_free(&f);
	}
}

// Promise 1 kept an hour late, promise 2 kept in time by the row that makes promise 3, which is overdue; promise 4 has
// no due time and is answered; promise 5 is open.
static void test_promises(void **state)
{
	(void)state;
	const int64_t start = INT64_C(1772323200000), hour = 3600000;
	struct log_row rows[6];
	for (int i = 0; i < 6; i++)
		rows[i] = log_row_new(7, start + i * hour, "Ordered");
	rows[0].promise = 1;
	rows[0].due_ms = start + hour;
	rows[1].promise = 2;
	rows[1].due_ms = start + 3 * hour;
	rows[2].keeps = 1;
	rows[3].keeps = 2;
	rows[3].promise = 3;
	rows[3].due_ms = start + 4 * hour;
	rows[4].promise = 4;
	rows[5].keeps = 4;
	rows[5].promise = 5;
	rows[5].due_ms = start + 9 * hour;
	struct fixture *f = fixture_of(rows, 6);
	struct result *r = ask(f, "journey", WORDS("customer=user:c-7"));
	static const char *const wanted[] = {"made, kept too late", "made, kept in time", "kept too late",
		"made, overdue", "made, answered", "made, open"};
	static const double delays[] = {3600, 0, 3600, (double)NAN, (double)NAN, (double)NAN};
	assert_int_equal(r->n_rows, 6);
	for (uint32_t i = 0; i < 6; i++) {
		assert_true(sv_equal(text_at(r, i, "promise"), sv_from(wanted[i])));
		assert_near(number_at(r, i, "delay"), delays[i], 0.0);
	}
	assert_near(number_at(r, 2, "due"), (double)(start + hour), 0.0);
	result_free(&r);
	r = ask(f, "journey", WORDS("customer=user:c-7", "where=touchpoint = call"));
	assert_int_equal(r->n_rows, 0);
	result_free(&r);
	ask_wrong(f, "journey", WORDS("customer=c7"), "write TYPE:VALUE");
	ask_wrong(f, "journey", WORDS("limit=3"), "--customer is missing");
	fixture_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random), cmocka_unit_test(test_promises)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
