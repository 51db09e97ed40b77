// SPDX-License-Identifier: Apache-2.0
// Numbers, widths and bars as people see them.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/look.h"
#include "sql/vtab.h"

static void numbers(void **state)
{
	(void)state;
	char out[HUMAN_TEXT_MAX];
	assert_string_equal(human_number(0, 0, out), "0");
	assert_string_equal(human_number(999, 0, out), "999");
	assert_string_equal(human_number(1000, 0, out), "1,000");
	assert_string_equal(human_number(1234567.891, 2, out), "1,234,567.89");
	assert_string_equal(human_number(-1234.5, 1, out), "-1,234.5");
	assert_string_equal(human_number(-0.0001, 2, out), "0.00");
	assert_string_equal(human_ratio(0.6214, 1, out), "62.1 %");
	assert_string_equal(human_bytes(999, out), "999 bytes");
	assert_string_equal(human_bytes(1000, out), "1.0 kB");
	assert_string_equal(human_bytes(1999999999, out), "2.0 GB");
}

static void durations(void **state)
{
	(void)state;
	static const struct {
		double seconds;
		const char *text;
	} cases[] = {{0, "0 s"}, {0.25, "0.25 s"}, {3, "3 s"}, {45, "45 s"}, {60, "1 min"}, {90, "1 min 30 s"},
		{3600, "1 h"}, {7980, "2 h 13 min"}, {-7980, "-2 h 13 min"}, {86400, "1 d"},
		{277200, "3 d 5 h"}, {86399, "1 d"}, {3599.9, "1 h"}, {-0.001, "0 s"}, {-5, "-5 s"}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[HUMAN_TEXT_MAX];
		assert_string_equal(human_seconds(cases[i].seconds, out), cases[i].text);
	}
}

// Columns by UAX #11: wide Japanese, a combining accent, an emoji.
static void widths(void **state)
{
	(void)state;
	assert_int_equal(text_width(SV("abc")), 3);
	assert_int_equal(text_width(SV("S\xC3\xB6hne")), 5);
	assert_int_equal(text_width(SV("e\xCC\x81")), 1);
	assert_int_equal(text_width(SV("\xE6\x97\xA5\xE6\x9C\xAC")), 4);
	assert_int_equal(text_width(SV("\xF0\x9F\x98\x80")), 2);
	assert_int_equal(text_fit(SV("\xE6\x97\xA5\xE6\x9C\xAC"), 3).len, 3);
	struct look look = {.unicode = true};
	struct buf b = buf_new(100);
	text_put(&b, &look, SV("\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E"), 4, true);
	assert_true(sv_equal(buf_view(&b), SV("\xE6\x97\xA5\xE2\x80\xA6 ")));
	buf_free(&b);
}

static void bars(void **state)
{
	(void)state;
	struct look ascii = {.unicode = false};
	struct buf b = buf_new(1000);
	bar_put(&b, &ascii, 0.5, 10);
	assert_true(sv_equal(buf_view(&b), SV("#####     ")));
	buf_clear(&b);
	bar_put(&b, &ascii, 7, 4);
	assert_true(sv_equal(buf_view(&b), SV("####")));
	buf_clear(&b);
	bar_put_centred(&b, &ascii, -0.5, 9);
	assert_true(sv_equal(buf_view(&b), SV("  ##|    ")));
	buf_clear(&b);
	bar_put_centred(&b, &ascii, 1, 9);
	assert_true(sv_equal(buf_view(&b), SV("    |####")));
	buf_clear(&b);
	const double values[] = {0, 1, NAN, 2};
	spark_put(&b, &ascii, values, 4, 0);
	assert_true(sv_equal(buf_view(&b), SV("_. =")));
	buf_free(&b);
}

// Prefixes of UTC texts compare as texts do: the instant is the least text that the prefix begins.
static void text_that_acts(void **state)
{
	(void)state;
	static const struct {
		const char *text, *clean;
	} cases[] = {{"", ""}, {"plain", "plain"}, {"a\x1b[31mb\x07", "a [31mb "},
		{"two\nlines\t\x7f", "two lines  "},
		{"c1 \xC2\x9B"
		 "2J",
			"c1  2J"},
		{"\xE2\x80\xAEtxt\xE2\x81\xA6", "txt"}, {"\xff\xC3", "??"},
		{"L\xC3\xBC"
		 "cke \xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x92\xBB",
			"L\xC3\xBC"
			"cke \xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x92\xBB"}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = buf_new(4096);
		text_clean(&out, sv_from(cases[i].text));
		buf_char(&out, '\0');
		assert_string_equal((const char *)out.data, cases[i].clean);
		buf_free(&out);
	}
}

static void time_prefixes(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {{"1970", 0}, {"1970-01-01", 0}, {"1970-01-02T00", 86400000},
		{"1970-01-01T00:00:01.5", 1500}, {"2026-03-29T01:59:59.123Z", INT64_C(1774749599123)},
		{"1970-0", 0}, {"1970-1", INT64_C(273) * 86400000}, {"1970-01-1", INT64_C(9) * 86400000},
		{"1970-01-3", INT64_C(29) * 86400000}, {"1970-01-01T1", 36000000},
		{"2024-02-29", INT64_C(19782) * 86400000}};
	static const char *const bad[] = {"", "19", "yesterday", "1970-13", "1970-01-01 00:00", "1970-01-01T25",
		"1970-2", "1970-02-29", "1970-02-3", "1970-04-31", "1970-01-4", "1970-01-01T00:00:00.000Z "};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		int64_t ms = -1;
		assert_true(vtab_time_of(good[i].text, &ms));
		assert_int_equal(ms, good[i].ms);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t ms;
		assert_false(vtab_time_of(bad[i], &ms));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(durations),
		cmocka_unit_test(widths),
		cmocka_unit_test(bars),
		cmocka_unit_test(text_that_acts),
		cmocka_unit_test(time_prefixes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
