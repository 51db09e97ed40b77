// SPDX-License-Identifier: Apache-2.0
// spread against values sorted by the C library, and against quantiles computed by hand.
#include "fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants these above first
#include <cmocka.h>

static int ascending(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;
	return (a > b) - (a < b);
}

// By the definition of type 7: the h-th order statistic from 1, h = (n - 1)p + 1, between its neighbours.
static double slow_quantile(const double *v, uint32_t n, double p)
{
	double h = (n - 1) * p + 1, below = floor(h);
	double low = v[(uint32_t)below - 1], high = v[(uint32_t)(below < n ? below : n - 1)];
	return below < n ? low * (1 - (h - below)) + high * (h - below) : v[n - 1];
}

static void check_group(const struct fixture *f, const struct result *r, uint32_t row, uint32_t measure,
	const char *by, const char *label)
{
	static const struct {
		const char *column;
		double p;
	} wanted[] = {{"least", 0}, {"p10", 0.1}, {"p20", 0.2}, {"p25", 0.25}, {"p50", 0.5}, {"p75", 0.75},
		{"p80", 0.8}, {"p90", 0.9}, {"most", 1}};
	static double v[LOG_MAX];
	uint32_t n = 0;
	double sum = 0;
	char text[64];
	for (uint32_t i = 0; i < f->n; i++)
		if (!isnan(f->rows[i].measure[measure]) &&
			(!by || strcmp(row_label(f, &f->rows[i], by, text), label) == 0))
			sum += v[n++] = f->rows[i].measure[measure];
	assert_near(number_at(r, row, "n"), n, 0);
	if (n == 0)
		return;
	qsort(v, n, sizeof(*v), ascending);
	for (size_t k = 0; k < sizeof(wanted) / sizeof(wanted[0]); k++)
		assert_near(number_at(r, row, wanted[k].column), slow_quantile(v, n, wanted[k].p), 1e-9);
	assert_near(number_at(r, row, "mean"), sum / n, 1e-9);
}

static void agrees_with_sorting(void **state)
{
	(void)state;
	static const char *const by[] = {"channel", "touchpoint", "month"};
	struct fixture *f = fixture_random(11, 3000, 60);
	for (uint32_t m = 0; m < 6; m++) {
		char word[64];
		snprintf(word, sizeof(word), "measure=%s", measure_names[m]);
		struct result *r = ask(f, "spread", WORDS(word));
		assert_int_equal(r->n_rows, 1);
		check_group(f, r, 0, m, NULL, NULL);
		result_free(&r);
		for (size_t k = 0; k < 3; k++) {
			char group[64];
			snprintf(group, sizeof(group), "by=%s", by[k]);
			r = ask(f, "spread", WORDS(word, group));
			assert_true(r->n_rows > 1);
			for (uint32_t i = 0; i < r->n_rows; i++) {
				char label[64];
				struct sv name = text_at(r, i, by[k]);
				snprintf(label, sizeof(label), "%.*s", SV_ARG(name));
				check_group(f, r, i, m, by[k], label);
			}
			result_free(&r);
		}
	}
	// What a limit cuts off is one row, with the quantiles of all that is in it.
	struct result *all = ask(f, "spread", WORDS("measure=wait", "by=agent"));
	struct result *cut = ask(f, "spread", WORDS("measure=wait", "by=agent", "limit=2"));
	assert_int_equal(cut->n_rows, 3);
	assert_near(column_sum(cut, "n"), column_sum(all, "n"), 0);
	result_free(&all);
	result_free(&cut);
	ask_wrong(f, "spread", WORDS("measure=wiat"), "did you mean “wait”");
	ask_wrong(f, "spread", WORDS("by=channel"), "measure");
	fixture_free(&f);
}

// 1 … 10 of rating, in two halves: R's quantile(1:10, …) gives 2.8, 5.5 and 8.2.
static void as_r_computes(void **state)
{
	(void)state;
	struct log_row rows[10];
	for (uint32_t i = 0; i < 10; i++) {
		rows[i] = log_row_new(1 + i % 3, INT64_C(1772323200000) + i * 1000, "Called");
		rows[i].measure[M_NPS] = (i * 7) % 10 + (double)1;
	}
	struct fixture *f = fixture_of(rows, 10);
	struct result *r = ask(f, "spread", WORDS("measure=nps"));
	assert_near(number_at(r, 0, "p20"), 2.8, 1e-12);
	assert_near(number_at(r, 0, "p50"), 5.5, 1e-12);
	assert_near(number_at(r, 0, "p80"), 8.2, 1e-12);
	assert_near(number_at(r, 0, "p50_low"), 2, 0); // ranks 2 and 9: 1 - 2 * 11/1024 = 97.9 %
	assert_near(number_at(r, 0, "p50_high"), 9, 0);
	result_free(&r);
	fixture_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_sorting), cmocka_unit_test(as_r_computes)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
