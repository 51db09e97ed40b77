// SPDX-License-Identifier: Apache-2.0
// What design_diff says about pairs of corridor files.
#include "support.h"

#include <string.h>

#define A                                                                                                      \
	"  a: {stage: use, match: [{event: a}, {event: [y, x]}], "                                             \
	"expect: {e: {measure: wait, at most: 2min, for: 80%}}}\n"
#define B "  b: {stage: use, match: [{event: b}]}\n"
#define TPS "touchpoints:\n"

struct change {
	enum design_change_kind kind;
	const char *touchpoint, *what, *before, *after;
};

static const struct {
	const char *before, *after;
	bool matching, lifting;
	struct change changes[3];
	uint32_t n;
} table[] = {
	{HEAD TPS A B, HEAD TPS A B, false, false, {{0}}, 0},
	// another layout, comments, the order of alternatives and the way of writing a quantity mean nothing
	{HEAD TPS A,
		HEAD "# comment\n" TPS "  a:\n    match: [{event: [x, y]}, {event: a}]\n    stage: use\n"
		     "    expect:\n      e: {for: 0.8, at most: 120s, measure: wait}\n",
		false, false, {{0}}, 0},
	{HEAD TPS A, HEAD TPS A B, true, false, {{CHANGE_ADDED, "b", "touch point", "", "b"}}, 1},
	{HEAD TPS A B, HEAD TPS A, true, false, {{CHANGE_REMOVED, "b", "touch point", "b", ""}}, 1},
	{HEAD TPS A B, HEAD TPS B A, true, false, {{CHANGE_CHANGED, "", "order of touch points", "b", "a"}}, 1},
	{HEAD TPS B, HEAD TPS "  b: {stage: billing, match: [{event: c}], importance: 2}\n", true, false,
		{{CHANGE_CHANGED, "b", "stage", "use", "billing"},
			{CHANGE_CHANGED, "b", "importance", "1", "2"},
			{CHANGE_CHANGED, "b", "match rules", "{event: b}", "{event: c}"}},
		3},
	{HEAD TPS B, HEAD TPS "  b: {stage: use, match: [{event: b}], required: true, repeat: once}\n", false,
		false, {{CHANGE_ADDED, "b", "required", "", "true"}, {CHANGE_ADDED, "b", "repeat", "", "once"}},
		2},
	{HEAD TPS A,
		HEAD TPS
		"  a: {stage: use, match: [{event: a}, {event: [y, x]}], "
		"expect: {e: {measure: wait, at most: 90s, for: 80%}, f: {measure: csat, at least: 4}}}\n",
		false, false,
		{{CHANGE_CHANGED, "a", "expectation e", "wait at most 2min for 80%, scale 2min",
			 "wait at most 90s for 80%, scale 90s"},
			{CHANGE_ADDED, "a", "expectation f", "", "csat at least 4 on average, scale 2"}},
		2},
	{HEAD "dimensions: [p]\n" TPS B, HEAD "dimensions: {p: {from: properties.q}, r: }\n" TPS B, false, true,
		{{CHANGE_CHANGED, "", "dimension p", "properties.p", "properties.q"},
			{CHANGE_ADDED, "", "dimension r", "", "properties.r"}},
		2},
	{HEAD "hours: {w: {mon-tue: [08:00, 12:00]}}\ndepartments: {d: {hours: w}}\n" TPS B,
		HEAD "hours: {w: {tue: [8:00, 12:00], mon: [08:00, 24:00]}}\ndepartments: [d]\n" TPS B, false,
		false,
		{{CHANGE_CHANGED, "", "hours w", "mon 08:00-12:00, tue 08:00-12:00",
			 "mon 08:00-24:00, tue 08:00-12:00"},
			{CHANGE_CHANGED, "", "department d", "hours w", ""}},
		2},
	{HEAD "measures: {fee: {unit: EUR}}\n" TPS B, HEAD "measures: {fee: {unit: d, min: 0}}\n" TPS B, false,
		false,
		{{CHANGE_CHANGED, "", "measure fee", "unit EUR, from -inf to inf", "unit d, from 0 to inf"}},
		1},
};

static void check(const struct design_change *got, const struct change *want)
{
	assert_int_equal(got->kind, want->kind);
	assert_string_equal(got->touchpoint.ptr, want->touchpoint);
	assert_string_equal(got->what.ptr, want->what);
	assert_string_equal(got->before.ptr, want->before);
	assert_string_equal(got->after.ptr, want->after);
}

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct design *before = parse_ok(sv_from(table[i].before)),
			      *after = parse_ok(sv_from(table[i].after));
		struct arena *a = arena_new(0);
		struct design_changes changes;
		assert_int_equal(design_diff(before, after, a, &changes, NULL), RC_OK);
		if (changes.n != table[i].n)
			fail_msg("pair %zu: %u changes, expected %u; the first is %s", i, changes.n, table[i].n,
				changes.n ? changes.items[0].what.ptr : "");
		for (uint32_t k = 0; k < changes.n; k++)
			check(&changes.items[k], &table[i].changes[k]);
		assert_int_equal(changes.matching_changed, table[i].matching);
		assert_int_equal(changes.lifting_changed, table[i].lifting);
		arena_free(&a);
		design_free(&before);
		design_free(&after);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_table)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
