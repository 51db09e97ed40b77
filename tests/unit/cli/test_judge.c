// SPDX-License-Identifier: Apache-2.0
// What the report chooses: broken since when, repaired, whom the limits name. The scores are made by hand.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/report.h"
#include "measure/stats.h"

#define MONTHS 6

struct fixture {
	struct arena *arena;
	struct design *design;
	struct report report;
	struct report_touchpoint touchpoint;
	struct report_expectation expectation;
	struct report_score series[MONTHS];
	struct sv labels[MONTHS];
};

static const char file[] =
	"corridor: 1\nbrand: B\ntimezone: UTC\ncurrency: EUR\nstages: [s]\nchannels: {web: digital}\n"
	"touchpoints:\n  t:\n    name: T\n    stage: s\n    match: [{event: e}]\n"
	"    expect: {fast: {measure: wait, at most: 2min, for: 80%}}\n";

// months: one letter each: k kept, b broken, u unclear, - nothing, f broken but with few interactions.
static void make(struct fixture *f, const char *months, enum verdict all)
{
	static const char *const names[MONTHS] = {
		"2026-01", "2026-02", "2026-03", "2026-04", "2026-05", "2026-06"};
	struct err e = ERR_NONE;
	*f = (struct fixture){.arena = arena_new(0)};
	assert_int_equal(design_parse(sv_from(file), "x.yaml", &f->design, NULL, &e), RC_OK);
	f->expectation =
		(struct report_expectation){.declared = &f->design->expectations[0], .series = f->series};
	f->expectation.all = (struct report_score){
		.n = 100, .share = 0.7, .share_low = 0.6, .share_high = 0.78, .gap = 0.1, .verdict = all};
	for (int i = 0; i < MONTHS; i++) {
		char m = months[i];
		f->labels[i] = sv_from(names[i]);
		f->series[i] = (struct report_score){.n = m == '-'   ? 0
							  : m == 'f' ? 9
								     : 20,
			.share = m == 'k' ? 0.9 : 0.5,
			.verdict = m == 'k'   ? VERDICT_KEPT
				   : m == 'u' ? VERDICT_UNCLEAR
				   : m == '-' ? VERDICT_NONE
					      : VERDICT_BROKEN};
	}
	f->touchpoint = (struct report_touchpoint){.declared = &f->design->touchpoints[0],
		.title = SV("T"),
		.expectations = &f->expectation,
		.n_expectations = 1};
	f->report = (struct report){.arena = f->arena,
		.design = f->design,
		.bucket = SV("month"),
		.labels = f->labels,
		.n_buckets = MONTHS,
		.touchpoints = &f->touchpoint,
		.n_touchpoints = 1};
	assert_int_equal(report_judge(&f->report, &e), RC_OK);
}

static void end(struct fixture *f)
{
	design_free(&f->design);
	arena_free(&f->arena);
}

static void stories(void **state)
{
	(void)state;
	static const struct {
		const char *months;
		enum verdict all;
		enum story story;
		uint32_t from, to;
	} cases[] = {
		{"kkkkkk", VERDICT_KEPT, STORY_NONE, 0, 0}, {"kkkbbb", VERDICT_UNCLEAR, STORY_BROKEN, 3, 6},
		{"kkkb-b", VERDICT_UNCLEAR, STORY_BROKEN, 3, 6}, // an empty month does not end it
		{"kkkbbf", VERDICT_UNCLEAR, STORY_BROKEN, 3, 5}, // nor does one with few interactions
		{"bbbbbb", VERDICT_BROKEN, STORY_BROKEN, 0, 6},
		{"kbbkku", VERDICT_UNCLEAR, STORY_REPAIRED, 1, 3},
		{"kkbkkk", VERDICT_UNCLEAR, STORY_NONE, 0, 0},    // one bad month in a period that is fine
		{"kkbkkk", VERDICT_BROKEN, STORY_REPAIRED, 2, 3}, // so bad that the period is broken
		{"bkkkbk", VERDICT_BROKEN, STORY_REPAIRED, 4, 5},
		{"uuuuuu", VERDICT_BROKEN, STORY_BROKEN, 0, 6}, // only the whole period tells it
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		make(&f, cases[i].months, cases[i].all);
		assert_int_equal(f.expectation.story, cases[i].story);
		if (cases[i].story != STORY_NONE) {
			assert_int_equal(f.expectation.from, cases[i].from);
			assert_int_equal(f.expectation.to, cases[i].to);
		}
		assert_int_equal(f.report.n_repair, cases[i].story == STORY_BROKEN);
		assert_int_equal(f.report.n_repaired, cases[i].story == STORY_REPAIRED);
		end(&f);
	}
}

static void evidence(void **state)
{
	(void)state;
	struct fixture f;
	make(&f, "kkkbbb", VERDICT_UNCLEAR);
	assert_true(
		sv_equal(f.report.repair[0].sentence, SV("T: 50.0 % of the cases against wait at most 2 min "
							 "for 80 %, n = 60, since 2026-04; every month's "
							 "interval excludes the target")));
	assert_true(fabs(f.expectation.urgency - 60 * 0.3) < 1e-9);
	end(&f);
	make(&f, "kbbkku", VERDICT_UNCLEAR);
	assert_true(sv_equal(
		f.report.repaired[0].sentence, SV("T: 76.7 % of the cases since 2026-04 (n = 60), after 50.0 % "
						  "from 2026-02 to 2026-03; wait at most 2 "
						  "min for 80 %")));
	end(&f);
}

// Ten agents are compared: the limit is the normal quantile of 0.05/10.
static void agents(void **state)
{
	(void)state;
	struct fixture f;
	make(&f, "kkkkkk", VERDICT_UNCLEAR);
	f.expectation.all = (struct report_score){.n = 1000, .share = 0.8};
	struct report_score agent = {.n = 50, .share = 0.6, .share_low = 0.46, .share_high = 0.6 + 0.13};
	struct report_score better = {.n = 50, .share = 0.65, .share_low = 0.51, .share_high = 0.65 + 0.13};
	struct report_score few = {.n = 19, .share = 0.1, .share_low = 0, .share_high = 0.11};
	for (int i = 0; i < 10; i++)
		report_agents_count(&f.report, &f.expectation.all, &agent);
	report_agents_count(&f.report, &f.expectation.all, &few);
	assert_int_equal(f.report.n_agents_compared, 10);
	assert_true(fabs(f.report.agent_limit - 2.5758293) < 1e-6);
	// standard error 0.13/1.96 = 0.0663: 0.2 below is 3.0 of them, 0.15 below 2.26.
	report_agents_add(&f.report, &f.touchpoint, &f.expectation, SV("a"), &agent);
	report_agents_add(&f.report, &f.touchpoint, &f.expectation, SV("b"), &better);
	report_agents_add(&f.report, &f.touchpoint, &f.expectation, SV("c"), &few);
	// Promises made there, in the same family: 0.275 below with a standard error of 0.078/1.96 = 0.0398.
	f.touchpoint.promises =
		(struct report_score){.n = 5000, .share = 0.907, .share_low = 0.899, .share_high = 0.915};
	struct report_score late = {.n = 133, .share = 0.632, .share_low = 0.547, .share_high = 0.71};
	report_agents_add(&f.report, &f.touchpoint, NULL, SV("d"), &late);
	report_agents_judge(&f.report);
	assert_int_equal(f.report.n_agents, 2);
	assert_true(sv_equal(f.report.agents[0].sentence,
		SV("d, T: 63.2 % of 133 promises kept in time where all have 90.7 %")));
	assert_true(sv_equal(f.report.agents[1].sentence,
		SV("a, T: 60.0 % of the cases where all have 80.0 % (wait at most 2 min for 80 %), n = 50")));
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stories),
		cmocka_unit_test(evidence),
		cmocka_unit_test(agents),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
