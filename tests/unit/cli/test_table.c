// SPDX-License-Identifier: Apache-2.0
// Layout of tables: alignment, narrow terminals, intervals of results.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/table.h"

static const struct look ascii = {.unicode = false};

static void expect(const struct table *t, const struct look *look, const char *text)
{
	struct buf out = buf_new(65536);
	struct err e = ERR_NONE;
	assert_int_equal(table_put(t, look, &out, &e), RC_OK);
	buf_char(&out, '\0');
	assert_string_equal((const char *)out.data, text);
	buf_free(&out);
}

static struct table sample(struct arena *arena)
{
	struct table t = table_new(arena, 3);
	table_column_set(&t, 0, "name", TABLE_LEFT);
	table_column_set(&t, 1, "n", TABLE_RIGHT);
	table_column_set(&t, 2, "remark", TABLE_LEFT);
	uint32_t row = table_row(&t);
	table_text(&t, row, 0, SV("a quite long name of a thing"), INK_PLAIN);
	table_printf(&t, row, 1, "%d", 12345);
	row = table_row(&t);
	table_text(&t, row, 0, SV("b"), INK_BAD);
	table_printf(&t, row, 1, "%d", 7);
	table_text(&t, row, 2, SV("x"), INK_PLAIN);
	return t;
}

static void wide_enough(void **state)
{
	(void)state;
	struct arena *arena = arena_new(0);
	struct table t = sample(arena);
	expect(&t, &ascii,
		"name                              n  remark\n"
		"-------------------------------------------\n"
		"a quite long name of a thing  12345  -\n"
		"b                                 7  x\n");
	table_free(&t);
	arena_free(&arena);
}

static void cut_and_told(void **state)
{
	(void)state;
	struct arena *arena = arena_new(0);
	struct table t = sample(arena);
	struct look narrow = {.width = 34};
	expect(&t, &narrow,
		"name                     n  remark\n"
		"----------------------------------\n"
		"a quite long name ~  12345  -\n"
		"b                        7  x\n"
		"Texts are cut to the width of the\n"
		"terminal. --format csv has\n"
		"everything.\n");
	narrow.width = 26;
	expect(&t, &narrow,
		"name                     n\n"
		"--------------------------\n"
		"a quite long name ~  12345\n"
		"b                        7\n"
		"Texts are cut to the width\n"
		"of the terminal. Not shown\n"
		"for want of width: remark.\n"
		"--format csv has\n"
		"everything.\n");
	table_free(&t);
	arena_free(&arena);
}

static void colour_only_when_wanted(void **state)
{
	(void)state;
	struct arena *arena = arena_new(0);
	struct table t = sample(arena);
	struct look coloured = {.colour = true};
	struct buf out = buf_new(65536);
	struct err e = ERR_NONE;
	assert_int_equal(table_put(&t, &coloured, &out, &e), RC_OK);
	buf_char(&out, '\0');
	assert_non_null(strstr((const char *)out.data, "\x1b[31mb"));
	buf_free(&out);
	table_free(&t);
	arena_free(&arena);
}

// A result made by hand: the interval becomes one column, parts aligned; the row's unit decides the form.
static void result_as_table(void **state)
{
	(void)state;
	static const struct analysis analysis = {.name = "probe", .summary = "made by hand"};
	struct result_column columns[] = {
		{"channel", "channel", CELL_TEXT, "", 0, ""},
		{"share", "kept", CELL_RATIO, "1", 3, ""},
		{"share_low", "low", CELL_RATIO, "1", 3, ""},
		{"share_high", "high", CELL_RATIO, "1", 3, ""},
		{"target", "target", CELL_NUMBER, "unit", 2, ""},
		{"direction", "", CELL_TEXT, "", 0, ""},
		{"unit", "unit", CELL_TEXT, "", 0, ""},
		{"wait", "wait", CELL_SECONDS, "s", 0, ""},
	};
	struct cell cells[2][8] = {
		{{.text = SV("web")}, {.number = 0.621}, {.number = 0.6091}, {.number = 0.633}, {.number = 120},
			{.text = SV("at most")}, {.text = SV("s")}, {.number = 7980}},
		{{.text = SV("phone")}, {.number = 1}, {.number = 0.0951}, {.number = 1}, {.number = 1250},
			{.text = SV("at least")}, {.text = SV("minor")}, {.null = true}},
	};
	struct result r = {.analysis = &analysis,
		.columns = columns,
		.n_columns = 8,
		.n_by = 1,
		.cells = &cells[0][0],
		.n_rows = 2,
		.n = 12345,
		.from_ms = TIME_NONE,
		.to_ms = TIME_NONE,
		.timezone = SV("UTC"),
		.currency = SV("EUR")};
	struct buf out = buf_new(65536);
	struct err e = ERR_NONE;
	assert_int_equal(result_put(&r, &ascii, &out, &e), RC_OK);
	buf_char(&out, '\0');
	assert_string_equal((const char *)out.data,
		"probe: made by hand\n"
		"n = 12,345 interactions of all times (UTC)\n"
		"\n"
		"channel                   kept              target  unit         wait\n"
		"---------------------------------------------------------------------\n"
		"web       62.1 % (60.9..63.3)        at most 2 min  s      2 h 13 min\n"
		"phone    100.0 %  (9.5..100.0)  at least 12.50 EUR  minor           -\n");
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wide_enough),
		cmocka_unit_test(cut_and_told),
		cmocka_unit_test(colour_only_when_wanted),
		cmocka_unit_test(result_as_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
