// SPDX-License-Identifier: Apache-2.0
// Reading times: ISO, Unix, patterns, bounds, noise.
#include "unit.h"

#include <stdio.h>

static struct tz *berlin;

static int open_berlin(void **state)
{
	(void)state;
	return tz_open(SV("Europe/Berlin"), &berlin, NULL) == RC_OK ? 0 : -1;
}

static int close_berlin(void **state)
{
	(void)state;
	tz_free(&berlin);
	return 0;
}

static bool parse(const char *format, const char *text, int64_t *out, enum tz_kind *kind)
{
	struct time_format *f;
	struct err e = ERR_NONE;
	assert_int_equal(time_format_compile(sv_from(format), &f, &e), RC_OK);
	// A copy without anything behind it, so that reading too far is seen.
	struct sv s = sv_from(text);
	char *copy = mem_alloc(s.len);
	memcpy(copy, text, s.len);
	bool ok = time_parse(f, berlin, (struct sv){copy, s.len}, out, kind);
	mem_free(copy);
	time_format_free(&f);
	return ok;
}

struct good {
	const char *format, *text, *expected; // as printed in Europe/Berlin
	enum tz_kind kind;
};

static const struct good good[] = {
	{"ISO", "2026-03-29T01:59:59.123+01:00", "2026-03-29T01:59:59.123+01:00", TZ_UNIQUE},
	{"iso", "2026-03-29 01:59", "2026-03-29T01:59:00+01:00", TZ_UNIQUE},
	{"ISO", "2026-03-29", "2026-03-29T00:00:00+01:00", TZ_UNIQUE},
	{"ISO", "2026-03-29T02:30:00", "2026-03-29T03:30:00+02:00", TZ_SKIPPED},
	{"ISO", "2026-10-25T02:30:00", "2026-10-25T02:30:00+02:00", TZ_AMBIGUOUS},
	{"ISO", "2026-10-25T02:30:00+01:00", "2026-10-25T02:30:00+01:00", TZ_UNIQUE},
	{"ISO", "2026-07-01T12:00:00Z", "2026-07-01T14:00:00+02:00", TZ_UNIQUE},
	{"ISO", "2026-07-01t12:00:00,5z", "2026-07-01T14:00:00.500+02:00", TZ_UNIQUE},
	{"ISO", "2026-07-01T12:00:00.123456789-0530", "2026-07-01T19:30:00.123+02:00", TZ_UNIQUE},
	{"ISO", "2026-07-01 12:00:00 +02", "2026-07-01T12:00:00+02:00", TZ_UNIQUE},
	{"ISO", "2024-02-29", "2024-02-29T00:00:00+01:00", TZ_UNIQUE},
	{"ISO", "2016-12-31T23:59:60Z", "2017-01-01T00:59:59.999+01:00", TZ_UNIQUE},
	{"unix", "1774745999", "2026-03-29T01:59:59+01:00", TZ_UNIQUE},
	{"unix", "1774745999.123456", "2026-03-29T01:59:59.123+01:00", TZ_UNIQUE},
	{"unix", "-0.5", "1970-01-01T00:59:59.500+01:00", TZ_UNIQUE},
	{"unix-ms", "1774745999123", "2026-03-29T01:59:59.123+01:00", TZ_UNIQUE},
	{"dd.MM.yyyy HH:mm:ss", "05.07.2026 09:08:07", "2026-07-05T09:08:07+02:00", TZ_UNIQUE},
	{"d.M.yy H:m", "5.7.26 9:08", "2026-07-05T09:08:00+02:00", TZ_UNIQUE},
	{"d.M.yy", "31.12.69", "1969-12-31T00:00:00+01:00", TZ_UNIQUE},
	{"M/d/yyyy h:mm a", "7/5/2026 12:30 AM", "2026-07-05T00:30:00+02:00", TZ_UNIQUE},
	{"M/d/yyyy h:mm a", "7/5/2026 12:30 pm", "2026-07-05T12:30:00+02:00", TZ_UNIQUE},
	{"M/d/yyyy hh:mma", "7/5/2026 01:30p.m.", "2026-07-05T13:30:00+02:00", TZ_UNIQUE},
	{"EEE, dd MMM yyyy HH:mm:ss Z", "Sun, 05 Jul 2026 09:08:07 +0000", "2026-07-05T11:08:07+02:00",
		TZ_UNIQUE},
	{"EEEE d MMMM yyyy", "sunday 5 JULY 2026", "2026-07-05T00:00:00+02:00", TZ_UNIQUE},
	{"d-MMM-yyyy HH:mm:ss z", "5-may-2026 09:08:07 GMT", "2026-05-05T11:08:07+02:00", TZ_UNIQUE},
	{"yyyyMMddHHmmssSSS", "20260705090807123", "2026-07-05T09:08:07.123+02:00", TZ_UNIQUE},
	{"yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "2026-07-05T09:08:07.5Z", "2026-07-05T11:08:07.500+02:00", TZ_UNIQUE},
	{"yyyy'o''clock'MMdd''", "2026o'clock0705'", "2026-07-05T00:00:00+02:00", TZ_UNIQUE},
	{"yyyy/MM/dd HH'h'mm", "2026/10/25 02h30", "2026-10-25T02:30:00+02:00", TZ_AMBIGUOUS},
};

static void accepts(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_TESTS(good); i++) {
		int64_t ms = 0;
		enum tz_kind kind = TZ_UNIQUE;
		char text[40];
		if (!parse(good[i].format, good[i].text, &ms, &kind))
			fail_msg("%s does not read %s", good[i].format, good[i].text);
		assert_string_equal(tz_format(berlin, ms, text), good[i].expected);
		assert_int_equal(kind, good[i].kind);
		assert_true(parse(good[i].format, good[i].text, &ms, NULL));
	}
}

// None of the good texts is good when it is cut short or has one character more (digits of fractions and times
// that may be left out apart).
static void refuses(void **state)
{
	(void)state;
	static const struct {
		const char *format, *text;
	} bad[] = {{"ISO", ""}, {"ISO", "2026-02-29"}, {"ISO", "1900-02-29"}, {"ISO", "2026-04-31"},
		{"ISO", "2026-13-01"}, {"ISO", "2026-00-01"}, {"ISO", "2026-01-00"}, {"ISO", "0000-01-01"},
		{"ISO", "2026-01-01T"}, {"ISO", "2026-01-01T24:00"}, {"ISO", "2026-01-01T10"},
		{"ISO", "2026-01-01T10:60"}, {"ISO", "2026-01-01T10:00:61"}, {"ISO", "2026-01-01T10:00:00."},
		{"ISO", "2026-01-01T10:00:00.5.5"}, {"ISO", "2026-01-01T10:00:00+24:00"},
		{"ISO", "2026-01-01T10:00:00+01:60"}, {"ISO", "2026-01-01T10:00:00+1"},
		{"ISO", "2026-01-01T10:00:00+01:"}, {"ISO", "2026-01-01T10:00:00ZZ"},
		{"ISO", "2026-01-01T10:00:00 "}, {"ISO", " 2026-01-01"}, {"ISO", "2026-1-1"},
		{"ISO", "26-01-01"}, {"unix", ""}, {"unix", "1."}, {"unix", ".5"}, {"unix", "1e9"},
		{"unix", "99999999999999"}, {"unix", "9223372036854775807"}, {"unix-ms", "12a"},
		{"dd.MM.yyyy", "5.07.2026"}, {"dd.MM.yyyy", "05.07.26"}, {"dd.MM.yyyy", "05.07.2026 "},
		{"dd.MM.yyyy", "05/07/2026"}, {"M/d/yyyy h:mm a", "7/5/2026 13:30 AM"},
		{"M/d/yyyy h:mm a", "7/5/2026 0:30 AM"}, {"M/d/yyyy h:mm a", "7/5/2026 1:30 XM"},
		{"d MMM yyyy", "5 Jux 2026"}, {"d MMM yyyy", "5 Ju 2026"}};
	for (size_t i = 0; i < N_TESTS(bad); i++) {
		int64_t ms;
		if (parse(bad[i].format, bad[i].text, &ms, NULL))
			fail_msg("%s reads %s", bad[i].format, bad[i].text);
	}
}

static void bad_formats(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "yyyy", "yyyy-MM", "yyyy-MM-dd yyyy", "yyyy-MM-dd hh:mm",
		"yyyy-MM-dd HH a", "yyyy-MM-dd'T", "yyyyy-MM-dd", "yyy-MM-dd", "yyyy-MM-ddTHH:mm",
		"yyyy-MM-dd H h a", "Unix", "isso",
		"yyyy-MM-dd ------------------------------------------------------------------------"};
	for (size_t i = 0; i < N_TESTS(bad); i++) {
		struct time_format *f;
		struct err e = ERR_NONE;
		assert_int_equal(time_format_compile(sv_from(bad[i]), &f, &e), RC_INPUT);
		assert_null(f);
		assert_true(e.remedy[0] != '\0');
	}
	struct time_format *f;
	mem_fail_at(1);
	assert_int_equal(time_format_compile(SV("ISO"), &f, NULL), RC_NOMEM);
}

static void round_trips(void **state)
{
	(void)state;
	uint64_t seed = 5;
	struct time_format *f;
	assert_int_equal(time_format_compile(SV("ISO"), &f, NULL), RC_OK);
	for (int i = 0; i < 200000; i++) {
		int64_t span = civil_ms(9999, 12, 31, 0, 0) - civil_ms(1, 1, 2, 0, 0), back;
		int64_t ms = civil_ms(1, 1, 2, 0, 0) + (int64_t)(random_next(&seed) % (uint64_t)span);
		char text[40];
		tz_format(berlin, ms, text);
		assert_true(time_parse(f, berlin, sv_from(text), &back, NULL));
		assert_true(back == ms);
	}
	time_format_free(&f);
	time_format_free(&f);
}

static void bounds(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool is_end;
		const char *expected; // NULL: refused
	} cases[] = {
		{"2026-03", false, "2026-03-01T00:00:00+01:00"},
		{"2026-03", true, "2026-04-01T00:00:00+02:00"},
		{"2026-12", true, "2027-01-01T00:00:00+01:00"},
		{"2026-03-29", false, "2026-03-29T00:00:00+01:00"},
		{"2026-03-29", true, "2026-03-30T00:00:00+02:00"},
		{"2026-12-31", true, "2027-01-01T00:00:00+01:00"},
		{"2026", false, "2026-01-01T00:00:00+01:00"},
		{"2026", true, "2027-01-01T00:00:00+01:00"},
		{"2026-Q4", false, "2026-10-01T00:00:00+02:00"},
		{"2026-Q4", true, "2027-01-01T00:00:00+01:00"},
		{"2026-W53", false, "2026-12-28T00:00:00+01:00"},
		{"2026-W53", true, "2027-01-04T00:00:00+01:00"},
		{"2026-03-29T14:30", true, "2026-03-29T14:30:00+02:00"},
		{"2026-03-29 14:30:00Z", false, "2026-03-29T16:30:00+02:00"},
		{"2025-W53", false, NULL},
		{"2026-Q5", false, NULL},
		{"2026-13", false, NULL},
		{"2026-02-29", true, NULL},
		{"2026-", false, NULL},
		{"2026-3", false, NULL},
		{"", false, NULL},
		{"yesterday", false, NULL},
		{"0000", false, NULL},
	};
	for (size_t i = 0; i < N_TESTS(cases); i++) {
		int64_t ms;
		struct err e = ERR_NONE;
		char text[40];
		enum rc rc = time_parse_bound(berlin, sv_from(cases[i].text), cases[i].is_end, &ms, &e);
		assert_int_equal(rc, cases[i].expected ? RC_OK : RC_USAGE);
		if (cases[i].expected)
			assert_string_equal(tz_format(berlin, ms, text), cases[i].expected);
	}
}

// Noise and good texts with bytes changed: whatever is accepted is a time that prints.
static void noise(void **state)
{
	(void)state;
	uint64_t seed = 17;
	static const char alphabet[] = "0123456789-:.,+TZ /aPmJul\xFF";
	for (size_t g = 0; g < N_TESTS(good); g++) {
		struct time_format *f;
		assert_int_equal(time_format_compile(sv_from(good[g].format), &f, NULL), RC_OK);
		size_t len = strlen(good[g].text);
		for (int i = 0; i < 10000; i++) {
			char *text = mem_alloc(len);
			memcpy(text, good[g].text, len);
			size_t n = i % 5 ? len : random_next(&seed) % (len + 1);
			for (int k = 0; k < i % 4; k++)
				text[random_next(&seed) % len] =
					i % 3 ? alphabet[random_next(&seed) % (sizeof(alphabet) - 1)]
					      : (char)random_next(&seed);
			char *exact = mem_alloc(n);
			memcpy(exact, text, n);
			int64_t ms;
			enum tz_kind kind;
			if (time_parse(f, berlin, (struct sv){exact, n}, &ms, &kind)) {
				char out[40];
				tz_format(berlin, ms, out);
				assert_true(strlen(out) < sizeof(out));
				assert_true(kind <= TZ_SKIPPED);
			}
			time_parse_bound(berlin, (struct sv){exact, n}, i % 2, &ms, NULL);
			mem_free(exact);
			mem_free(text);
		}
		time_format_free(&f);
	}
	for (int i = 0; i < 100000; i++) {
		static const char letters[] = "yMdHhmsSazZX'E -:/.";
		char format[20];
		for (size_t k = 0; k < sizeof(format); k++)
			format[k] = i % 8 ? letters[random_next(&seed) % (sizeof(letters) - 1)]
					  : (char)random_next(&seed);
		struct time_format *f;
		time_format_compile((struct sv){format, random_next(&seed) % sizeof(format)}, &f, NULL);
		int64_t ms;
		if (f)
			time_parse(f, berlin, SV("2026-07-05 09:08"), &ms, NULL);
		time_format_free(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts),
		cmocka_unit_test(refuses),
		cmocka_unit_test(bad_formats),
		cmocka_unit_test(round_trips),
		cmocka_unit_test(bounds),
		cmocka_unit_test(noise),
	};
	return cmocka_run_group_tests(tests, open_berlin, close_berlin);
}
