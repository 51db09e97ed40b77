// SPDX-License-Identifier: Apache-2.0
// Fields of persons (index, ladder, tenure) in the filters that analyses take as parameters: a condition that holds for
// every person changes nothing, neither alone nor with groups by such a field; one that holds for none leaves nothing;
// and what two opposite conditions leave adds up.
#include "fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants these above first
#include <cmocka.h>

// What has to be given beside the parameter at hand. `step`: a parameter that is given twice.
static const struct question {
	const char *analysis, *param, *filter, *more[4];
} questions[] = {
	{"attribution", "conversion", "touchpoint = order", {"of=channel"}},
	{"attribution", "touch", "touchpoint = visit", {"conversion=order", "of=channel"}},
	{"effect", "after", "touchpoint = visit", {"then=order", "match=none"}},
	{"effect", "then", "touchpoint = order", {"after=visit", "match=none"}},
	{"effect", "against", "touchpoint = delivery", {"after=visit", "then=order", "match=none"}},
	{"funnel", "step", "touchpoint = order", {"step=delivery"}},
	{"funnel", "without", "touchpoint = visit", {"step=order", "step=delivery"}},
	{"interval", "start", "touchpoint = order", {"end=delivery"}},
	{"interval", "end", "touchpoint = delivery", {"start=order"}},
	{"paths", "start", "touchpoint = order", {"gap=7d"}},
	{"paths", "end", "touchpoint = delivery", {"gap=7d"}},
	{"paths", "around", "touchpoint = order", {"gap=7d"}},
	{"retention", "start", "touchpoint = order", {"bucket=month"}},
	{"retention", "return", "touchpoint = delivery", {"bucket=month"}},
	{"sequence", "event", "touchpoint = order", {"pattern=(?1).*(?1)"}},
};
#define N_QUESTIONS (sizeof(questions) / sizeof(questions[0]))

static bool is_asked(const char *analysis, const char *param)
{
	for (size_t i = 0; i < N_QUESTIONS; i++)
		if (strcmp(questions[i].analysis, analysis) == 0 && strcmp(questions[i].param, param) == 0)
			return true;
	return false;
}

static void test_all_are_asked(void **state)
{
	(void)state;
	for (const struct analysis *const *a = analysis_list(); *a; a++)
		for (uint32_t i = 0; i < (*a)->n_params; i++)
			if ((*a)->params[i].type == PARAM_FILTER && !is_asked((*a)->name, (*a)->params[i].name))
				fail_msg(
					"%s --%s is not among the questions", (*a)->name, (*a)->params[i].name);
}

static struct result *ask_with(
	const struct fixture *f, const struct question *q, const char *condition, const char *by)
{
	char filter[256];
	snprintf(filter, sizeof(filter), "%s=%s%s%s", q->param, q->filter, condition[0] ? " and " : "",
		condition);
	const char *words[8] = {filter};
	uint32_t n = 1;
	for (uint32_t i = 0; i < 4 && q->more[i]; i++)
		words[n++] = q->more[i];
	if (by)
		words[n++] = by;
	return ask(f, q->analysis, words);
}

// The same answers; only the question itself is told in another way.
static void assert_same(const struct question *q, const struct result *a, const struct result *b)
{
	assert_int_equal(a->n_rows, b->n_rows);
	assert_int_equal(a->n_columns, b->n_columns);
	for (uint32_t i = 0; i < a->n_rows; i++)
		for (uint32_t c = 0; c < a->n_columns; c++) {
			const char *name = a->columns[c].name;
			if (strcmp(name, "filter") == 0)
				continue;
			if (a->columns[c].type == CELL_TEXT) {
				if (!sv_equal(text_at(a, i, name), text_at(b, i, name)))
					fail_msg("%s --%s, row %u: %s", q->analysis, q->param, i, name);
				continue;
			}
			double x = number_at(a, i, name), y = number_at(b, i, name);
			if (!(x == y || (isnan(x) && isnan(y))))
				fail_msg("%s --%s, row %u: %s is %g, not %g", q->analysis, q->param, i, name, y,
					x);
		}
}

static void test_true_for_all(void **state)
{
	(void)state;
	static const char *const groups[] = {NULL, "by=ladder", "by=index", "by=tenure"};
	for (uint32_t round = 0; round < 4; round++) {
		struct fixture *f = fixture_random(400 + round, 200 + 150 * round, 20 + 10 * round);
		for (size_t i = 0; i < N_QUESTIONS; i++)
			for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
				struct result *plain = ask_with(f, &questions[i], "", groups[g]);
				struct result *with = ask_with(f, &questions[i],
					"tenure >= 0s and index <= 100 and ladder exists", groups[g]);
				assert_same(&questions[i], plain, with);
				result_free(&plain);
				result_free(&with);
			}
		fixture_free(&f);
	}
}

// Entries of a funnel: those of persons on a rung are those that the filter of the whole question leaves.
static void test_some_are_left(void **state)
{
	(void)state;
	struct fixture *f = fixture_random(77, 800, 90);
	double all = 0.0;
	static const char *const rungs[] = {"low", "middle", "high", "top"};
	for (size_t i = 0; i < 4; i++) {
		char step[64], where[64];
		snprintf(step, sizeof(step), "step=touchpoint = order and ladder = %s", rungs[i]);
		snprintf(where, sizeof(where), "where=ladder = %s", rungs[i]);
		struct result *r = ask(f, "funnel", WORDS(step, "step=delivery")),
			      *w = ask(f, "funnel", WORDS("step=order", "step=delivery", where));
		assert_near(number_at(r, 0, "n"), number_at(w, 0, "n"), 0.0);
		assert_near(number_at(r, 1, "n"), number_at(w, 1, "n"), 0.0);
		all += number_at(r, 0, "n");
		result_free(&r);
		result_free(&w);
	}
	struct result *r = ask(f, "funnel", WORDS("step=order", "step=delivery"));
	assert_near(all, number_at(r, 0, "n"), 0.0);
	assert_true(all > 0.0);
	result_free(&r);
	fixture_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_are_asked),
		cmocka_unit_test(test_true_for_all),
		cmocka_unit_test(test_some_are_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
