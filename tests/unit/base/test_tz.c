// SPDX-License-Identifier: Apache-2.0
// Time zones against the published transition times of the IANA data base, and calendar buckets.
#include "unit.h"

#include "base/arena.h"

#include <stdio.h>

enum { HOUR = 3600000, MINUTE = 60000, DAY = 86400000 };

static struct tz *open_zone(const char *name)
{
	struct tz *tz = NULL;
	struct err e = ERR_NONE;
	assert_int_equal(tz_open(sv_from(name), &tz, &e), RC_OK);
	assert_string_equal(tz_name(tz), name);
	return tz;
}

static void names(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "Berlin", "Europe/Berln", "GMT+5", "Europe/Berlin ", "Mars/Olympus", "\xC3\xA4"};
	for (size_t i = 0; i < N_TESTS(bad); i++) {
		struct tz *tz;
		struct err e = ERR_NONE;
		assert_int_equal(tz_open(sv_from(bad[i]), &tz, &e), RC_INPUT);
		assert_null(tz);
		assert_true(e.remedy[0] != '\0');
		if (i == 1 || i == 2)
			assert_string_equal(e.remedy, "did you mean Europe/Berlin?");
	}
	struct tz *tz = open_zone("UTC");
	assert_int_equal(tz_offset_ms(tz, 0), 0);
	assert_true(tz_to_local(tz, INT64_MAX) == INT64_MAX);
	assert_true(tz_to_utc(tz, INT64_MIN, NULL) == INT64_MIN);
	tz_free(&tz);
	tz_free(&tz);
}

static bool open_work(void)
{
	struct tz *tz;
	bool ok = tz_open(SV("Europe/Berlin"), &tz, NULL) == RC_OK;
	tz_free(&tz);
	return ok;
}

static void faults(void **state)
{
	(void)state;
	fault_each(open_work);
}

static void civil(void **state)
{
	(void)state;
	assert_int_equal(civil_to_days(1970, 1, 1), 0);
	assert_int_equal(civil_to_days(2000, 3, 1), 11017);
	assert_int_equal(civil_to_days(1, 1, 1), -719162);
	assert_int_equal(civil_to_days(0, 3, 1), -719468);
	int64_t days = civil_to_days(-800, 1, 1);
	static const unsigned lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	for (int64_t year = -800; year <= 2800; year++)
		for (unsigned month = 1; month <= 12; month++) {
			bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
			unsigned n = lengths[month - 1] + (month == 2 && leap);
			for (unsigned day = 1; day <= n; day++, days++) {
				int64_t y;
				unsigned m, d;
				assert_true(civil_to_days(year, month, day) == days);
				civil_from_days(days, &y, &m, &d);
				assert_true(y == year && m == month && d == day);
			}
		}
}

// The instants of change: tzdata's rules for the zones, in UTC.
static void transitions(void **state)
{
	(void)state;
	static const struct {
		const char *zone;
		int64_t year;
		unsigned month, day, hour, minute;
		int before_min, after_min;
	} cases[] = {
		{"America/New_York", 2026, 3, 8, 7, 0, -300, -240},
		{"America/New_York", 2026, 11, 1, 6, 0, -240, -300},
		{"Europe/Berlin", 2026, 3, 29, 1, 0, 60, 120},
		{"Europe/Berlin", 2026, 10, 25, 1, 0, 120, 60},
		{"Asia/Kathmandu", 1985, 12, 31, 18, 30, 330, 345},
		{"America/Sao_Paulo", 2018, 11, 4, 3, 0, -180, -120},
		{"America/Sao_Paulo", 2019, 2, 17, 2, 0, -120, -180},
		{"Pacific/Apia", 2011, 12, 30, 10, 0, -600, 840},
		{"Australia/Lord_Howe", 2026, 4, 4, 15, 0, 660, 630},
	};
	for (size_t i = 0; i < N_TESTS(cases); i++) {
		struct tz *tz = open_zone(cases[i].zone);
		int64_t at =
			civil_ms(cases[i].year, cases[i].month, cases[i].day, cases[i].hour, cases[i].minute);
		assert_int_equal(tz_offset_ms(tz, at - 1), cases[i].before_min * MINUTE);
		assert_int_equal(tz_offset_ms(tz, at), cases[i].after_min * MINUTE);
		tz_free(&tz);
	}
}

static void skipped_and_ambiguous(void **state)
{
	(void)state;
	struct tz *tz = open_zone("Europe/Berlin");
	enum tz_kind kind;
	// 02:30 on 29 March 2026 does not exist: 03:30 +02:00.
	assert_true(tz_to_utc(tz, civil_ms(2026, 3, 29, 2, 30), &kind) == civil_ms(2026, 3, 29, 1, 30));
	assert_int_equal(kind, TZ_SKIPPED);
	assert_true(tz_to_utc(tz, civil_ms(2026, 3, 29, 2, 0), &kind) == civil_ms(2026, 3, 29, 1, 0));
	assert_int_equal(kind, TZ_SKIPPED);
	assert_true(tz_to_utc(tz, civil_ms(2026, 3, 29, 3, 0), &kind) == civil_ms(2026, 3, 29, 1, 0));
	assert_int_equal(kind, TZ_UNIQUE);
	assert_true(tz_to_utc(tz, civil_ms(2026, 3, 29, 1, 59), &kind) == civil_ms(2026, 3, 29, 0, 59));
	assert_int_equal(kind, TZ_UNIQUE);
	// 02:30 on 25 October 2026 exists twice: the first, +02:00.
	assert_true(tz_to_utc(tz, civil_ms(2026, 10, 25, 2, 30), &kind) == civil_ms(2026, 10, 25, 0, 30));
	assert_int_equal(kind, TZ_AMBIGUOUS);
	assert_true(tz_to_utc(tz, civil_ms(2026, 10, 25, 3, 0), &kind) == civil_ms(2026, 10, 25, 2, 0));
	assert_int_equal(kind, TZ_UNIQUE);
	assert_true(tz_to_utc(tz, civil_ms(2026, 10, 25, 1, 59), &kind) == civil_ms(2026, 10, 24, 23, 59));
	assert_int_equal(kind, TZ_UNIQUE);
	tz_free(&tz);
	// All of 30 December 2011 was skipped: a day later.
	tz = open_zone("Pacific/Apia");
	assert_true(tz_to_utc(tz, civil_ms(2011, 12, 30, 12, 0), &kind) == civil_ms(2011, 12, 30, 22, 0));
	assert_int_equal(kind, TZ_SKIPPED);
	assert_true(tz_to_local(tz, civil_ms(2011, 12, 30, 22, 0)) == civil_ms(2011, 12, 31, 12, 0));
	tz_free(&tz);
}

static const char *const zones[] = {"UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu",
	"America/Sao_Paulo", "Pacific/Apia", "Australia/Lord_Howe", "Africa/Casablanca", "Africa/Cairo",
	"America/Havana", "Asia/Tehran", "Pacific/Kwajalein", "America/St_Johns", "Africa/Monrovia",
	"Europe/Dublin", "Antarctica/Troll"};

// Against the definition: every quarter of an hour's offset is tried as the answer.
static void to_utc_by_definition(void **state)
{
	(void)state;
	uint64_t seed = 3;
	for (size_t z = 0; z < N_TESTS(zones); z++) {
		struct tz *tz = open_zone(zones[z]);
		int64_t from = civil_ms(1973, 1, 1, 0, 0), span = civil_ms(2060, 1, 1, 0, 0) - from;
		for (int i = 0; i < 4000; i++) {
			int64_t local =
				from + (int64_t)(random_next(&seed) % (uint64_t)(span / MINUTE)) * MINUTE;
			if (i % 2) { // near a change: step to where the offset differs within two days
				int64_t before = tz_offset_ms(tz, local - DAY), k = 0;
				while (k < 400 && tz_offset_ms(tz, local + k * DAY) == before)
					k++;
				local += k * DAY;
			}
			int64_t found[4];
			unsigned n = 0;
			for (int64_t offset = -16 * HOUR; offset <= 16 * HOUR; offset += 15 * MINUTE)
				if (tz_offset_ms(tz, local - offset) == offset) {
					assert_true(n < 4);
					found[n++] = local - offset;
				}
			enum tz_kind kind;
			int64_t utc = tz_to_utc(tz, local, &kind);
			if (n == 0) {
				assert_int_equal(kind, TZ_SKIPPED);
				assert_true(tz_to_local(tz, utc) > local);
				continue;
			}
			assert_int_equal(kind, n == 1 ? TZ_UNIQUE : TZ_AMBIGUOUS);
			assert_true(utc == found[n - 1]); // the largest offset, which is the earliest instant
		}
		tz_free(&tz);
	}
}

// Each date of the period once, in order, whatever the clock did; hours by day.
static void assert_days(const struct tz *tz, struct sv from, struct sv to, const char *skipped_date)
{
	struct arena *a = arena_new(0);
	struct err e = ERR_NONE;
	struct tz_buckets b;
	int64_t from_ms, to_ms;
	assert_int_equal(time_parse_bound(tz, from, false, &from_ms, &e), RC_OK);
	assert_int_equal(time_parse_bound(tz, to, true, &to_ms, &e), RC_OK);
	assert_int_equal(tz_buckets_make(tz, TZ_DAY, from_ms, to_ms, a, &b, &e), RC_OK);
	int64_t year;
	unsigned month, day;
	civil_from_days(tz_to_local(tz, from_ms) / DAY, &year, &month, &day);
	int64_t days = civil_to_days(year, month, day);
	assert_true(b.start[0] == from_ms);
	assert_true(b.start[b.n] == to_ms);
	for (uint32_t i = 0; i < b.n; i++, days++) {
		char expected[32];
		for (;; days++) {
			civil_from_days(days, &year, &month, &day);
			snprintf(expected, sizeof(expected), "%04d-%02u-%02u", (int)year, month, day);
			if (!skipped_date || strcmp(expected, skipped_date) != 0)
				break;
		}
		assert_sv(b.label[i], expected);
		assert_true(tz_to_local(tz, b.start[i]) / DAY == days);
		assert_true(tz_to_local(tz, b.start[i] - 1) / DAY < days);
	}
	arena_free(&a);
}

static int64_t length_of(const struct tz_buckets *b, const char *label)
{
	for (uint32_t i = 0; i < b->n; i++)
		if (sv_equal(b->label[i], sv_from(label)))
			return b->start[i + 1] - b->start[i];
	fail_msg("no bucket %s", label);
	return 0;
}

static struct tz_buckets make(
	const struct tz *tz, enum tz_unit unit, const char *from, const char *to, struct arena *a)
{
	struct err e = ERR_NONE;
	struct tz_buckets b;
	int64_t from_ms, to_ms;
	assert_int_equal(time_parse_bound(tz, sv_from(from), false, &from_ms, &e), RC_OK);
	assert_int_equal(time_parse_bound(tz, sv_from(to), true, &to_ms, &e), RC_OK);
	assert_int_equal(tz_buckets_make(tz, unit, from_ms, to_ms, a, &b, &e), RC_OK);
	return b;
}

static void days(void **state)
{
	(void)state;
	for (size_t z = 0; z < N_TESTS(zones); z++) {
		struct tz *tz = open_zone(zones[z]);
		assert_days(tz, SV("2026"), SV("2026"), NULL);
		assert_days(tz, SV("1985-11-03"), SV("2026"),
			strcmp(zones[z], "Pacific/Apia") == 0        ? "2011-12-30"
			: strcmp(zones[z], "Pacific/Kwajalein") == 0 ? "1993-08-21"
								     : NULL);
		tz_free(&tz);
	}
}

static void lengths_of_days(void **state)
{
	(void)state;
	struct arena *a = arena_new(0);
	static const struct {
		const char *zone, *day;
		int64_t minutes;
	} cases[] = {
		{"America/New_York", "2026-03-08", 23 * 60},
		{"America/New_York", "2026-11-01", 25 * 60},
		{"America/New_York", "2026-03-09", 24 * 60},
		{"Europe/Berlin", "2026-03-29", 23 * 60},
		{"Europe/Berlin", "2026-10-25", 25 * 60},
		{"Asia/Kathmandu", "1985-12-31", 24 * 60},
		{"Asia/Kathmandu", "1986-01-01", 24 * 60 - 15},
		{"Asia/Kathmandu", "2026-03-29", 24 * 60},
		{"America/Sao_Paulo", "2018-11-04", 23 * 60},
		{"America/Sao_Paulo", "2019-02-16", 25 * 60},
		{"America/Sao_Paulo", "2019-02-17", 24 * 60},
		{"Pacific/Apia", "2011-12-29", 24 * 60},
		{"Pacific/Apia", "2011-12-31", 24 * 60},
		{"Australia/Lord_Howe", "2026-04-05", 24 * 60 + 30},
	};
	for (size_t i = 0; i < N_TESTS(cases); i++) {
		struct tz *tz = open_zone(cases[i].zone);
		char year[5] = {0};
		memcpy(year, cases[i].day, 4);
		struct tz_buckets b = make(tz, TZ_DAY, year, year, a);
		assert_int_equal(length_of(&b, cases[i].day), cases[i].minutes * MINUTE);
		tz_free(&tz);
	}
	struct tz *tz = open_zone("America/Sao_Paulo");
	struct tz_buckets b = make(tz, TZ_DAY, "2018-11-04", "2018-11-04", a);
	char text[40];
	assert_int_equal(b.n, 1);
	assert_string_equal(tz_format(tz, b.start[0], text), "2018-11-04T01:00:00-02:00");
	tz_free(&tz);
	arena_free(&a);
}

static void hours(void **state)
{
	(void)state;
	struct arena *a = arena_new(0);
	struct tz *tz = open_zone("Europe/Berlin");
	struct tz_buckets b = make(tz, TZ_HOUR, "2026-03-29", "2026-03-29", a);
	assert_int_equal(b.n, 23);
	assert_sv(b.label[1], "2026-03-29 01:00 +01:00");
	assert_sv(b.label[2], "2026-03-29 03:00 +02:00");
	b = make(tz, TZ_HOUR, "2026-10-25", "2026-10-25", a);
	assert_int_equal(b.n, 25);
	assert_sv(b.label[2], "2026-10-25 02:00 +02:00");
	assert_sv(b.label[3], "2026-10-25 02:00 +01:00");
	tz_free(&tz);
	tz = open_zone("Australia/Lord_Howe"); // half an hour back at 02:00
	b = make(tz, TZ_HOUR, "2026-04-05", "2026-04-05", a);
	assert_int_equal(b.n, 25);
	assert_sv(b.label[1], "2026-04-05 01:00 +11:00");
	assert_sv(b.label[2], "2026-04-05 01:00 +10:30");
	assert_int_equal(b.start[3] - b.start[2], 30 * MINUTE);
	tz_free(&tz);
	tz = open_zone("Asia/Kathmandu");
	b = make(tz, TZ_HOUR, "2026-03-29T10:20", "2026-03-29T12:00", a);
	assert_int_equal(b.n, 2);
	assert_sv(b.label[0], "2026-03-29 10:00 +05:45");
	tz_free(&tz);
	arena_free(&a);
}

static void weeks_months_quarters_years(void **state)
{
	(void)state;
	struct arena *a = arena_new(0);
	struct tz *tz = open_zone("America/New_York");
	struct tz_buckets b = make(tz, TZ_WEEK, "2026-12-24", "2027-01-05", a);
	static const char *const weeks[] = {"2026-W52", "2026-W53", "2027-W01"};
	assert_int_equal(b.n, 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_sv(b.label[i], weeks[i]);
		assert_int_equal(b.start[i + 1] - b.start[i], 7 * DAY);
	}
	// ISO 8601's own examples: 2005-01-01 is in 2004-W53, 2008-12-29 in 2009-W01, 2010-01-03 in 2009-W53.
	b = make(tz, TZ_WEEK, "2005-01-01", "2005-01-01", a);
	assert_sv(b.label[0], "2004-W53");
	b = make(tz, TZ_WEEK, "2008-12-29", "2008-12-29", a);
	assert_sv(b.label[0], "2009-W01");
	b = make(tz, TZ_WEEK, "2010-01-03", "2010-01-03", a);
	assert_sv(b.label[0], "2009-W53");
	b = make(tz, TZ_WEEK, "2026-W10", "2026-W10", a);
	assert_int_equal(b.n, 1);
	assert_sv(b.label[0], "2026-W10");
	assert_int_equal(b.start[1] - b.start[0], 7 * DAY - HOUR); // 2 to 8 March, with the change of clocks
	b = make(tz, TZ_MONTH, "2025-12-31", "2026-03-01", a);
	assert_int_equal(b.n, 4);
	assert_sv(b.label[0], "2025-12");
	assert_sv(b.label[3], "2026-03");
	assert_int_equal(b.start[4] - b.start[3], 31 * (int64_t)DAY - HOUR);
	b = make(tz, TZ_QUARTER, "2025-12-31", "2026-Q4", a);
	assert_int_equal(b.n, 5);
	assert_sv(b.label[0], "2025-Q4");
	assert_sv(b.label[1], "2026-Q1");
	assert_sv(b.label[4], "2026-Q4");
	b = make(tz, TZ_YEAR, "1999-05", "2001-01-01", a);
	assert_int_equal(b.n, 3);
	assert_sv(b.label[1], "2000");
	assert_int_equal(b.start[2] - b.start[1], 366 * (int64_t)DAY);
	tz_free(&tz);
	arena_free(&a);
}

static void bucket_of_agrees(void **state)
{
	(void)state;
	uint64_t seed = 11;
	struct arena *a = arena_new(0);
	for (size_t z = 0; z < N_TESTS(zones); z++) {
		struct tz *tz = open_zone(zones[z]);
		for (enum tz_unit unit = TZ_HOUR; unit <= TZ_YEAR; unit++) {
			arena_reset(a);
			struct err e = ERR_NONE;
			struct tz_buckets b;
			int64_t from = civil_ms(1990, 1, 1, 0, 0) +
				       (int64_t)(random_next(&seed) % (40 * 365 * (uint64_t)DAY));
			int64_t to =
				from + (int64_t)(random_next(&seed) % (unit == TZ_HOUR ? 400 * (uint64_t)DAY
										       : 9000 * (uint64_t)DAY));
			assert_int_equal(tz_buckets_make(tz, unit, from, to, a, &b, &e), RC_OK);
			assert_true(b.start[0] <= from && from < b.start[1]);
			assert_true(b.start[b.n] >= to && b.start[b.n - 1] < to);
			uint64_t span = (uint64_t)(b.start[b.n] - b.start[0]);
			for (int i = 0; i < 300; i++) {
				int64_t t =
					b.start[0] + (int64_t)(random_next(&seed) % (span + 2 * HOUR)) - HOUR;
				if (i % 3 == 0)
					t = b.start[random_next(&seed) % (b.n + 1)] - (i % 2);
				uint32_t k = UINT32_MAX;
				for (uint32_t j = 0; j < b.n; j++)
					if (t >= b.start[j] && t < b.start[j + 1])
						k = j;
				assert_int_equal(tz_bucket_of(&b, t), k);
			}
			assert_int_equal(tz_bucket_of(&b, INT64_MIN), UINT32_MAX);
			assert_int_equal(tz_bucket_of(&b, INT64_MAX), UINT32_MAX);
		}
		tz_free(&tz);
	}
	arena_free(&a);
}

static void bucket_limits(void **state)
{
	(void)state;
	struct arena *a = arena_new(0);
	struct tz *tz = open_zone("Europe/Berlin");
	struct tz_buckets b;
	struct err e = ERR_NONE;
	int64_t hour = HOUR;
	assert_int_equal(tz_buckets_make(tz, TZ_HOUR, 0, 1000000 * hour, a, &b, &e), RC_OK);
	assert_int_equal(tz_buckets_make(tz, TZ_HOUR, 0, 1000000 * hour + 1, a, &b, &e), RC_LIMIT);
	e = ERR_NONE;
	assert_int_equal(tz_buckets_make(tz, TZ_DAY, 5, 5, a, &b, &e), RC_OK);
	assert_int_equal(b.n, 0);
	assert_int_equal(tz_bucket_of(&b, 5), UINT32_MAX);
	assert_int_equal(tz_buckets_make(tz, TZ_DAY, 5, 4, a, &b, &e), RC_INPUT);
	e = ERR_NONE;
	assert_int_equal(tz_buckets_make(tz, TZ_DAY, INT64_MIN, INT64_MAX, a, &b, &e), RC_INPUT);
	e = ERR_NONE;
	struct arena *small = arena_new(10000);
	assert_int_equal(tz_buckets_make(tz, TZ_HOUR, 0, 1000 * hour, small, &b, &e), RC_NOMEM);
	arena_free(&small);
	// The whole calendar, in the widest units.
	e = ERR_NONE;
	assert_int_equal(
		tz_buckets_make(tz, TZ_YEAR, civil_ms(1, 1, 1, 0, 0), civil_ms(10000, 1, 1, 0, 0), a, &b, &e),
		RC_OK);
	assert_true(b.n >= 9999);
	tz_free(&tz);
	arena_free(&a);
}

static void formats(void **state)
{
	(void)state;
	char text[40];
	struct tz *tz = open_zone("Europe/Berlin");
	assert_string_equal(
		tz_format(tz, civil_ms(2026, 3, 29, 0, 59) + 59123, text), "2026-03-29T01:59:59.123+01:00");
	assert_string_equal(tz_format(tz, civil_ms(2026, 3, 29, 1, 0), text), "2026-03-29T03:00:00+02:00");
	tz_format(tz, INT64_MIN, text);
	assert_true(strlen(text) < 40);
	tz_format(tz, INT64_MAX, text);
	assert_true(strlen(text) < 40);
	tz_free(&tz);
	tz = open_zone("UTC");
	assert_string_equal(tz_format(tz, -1, text), "1969-12-31T23:59:59.999+00:00");
	assert_string_equal(tz_format(tz, INT64_MAX, text), "+292278994-08-17T07:12:55.807+00:00");
	tz_free(&tz);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(faults),
		cmocka_unit_test(civil),
		cmocka_unit_test(transitions),
		cmocka_unit_test(skipped_and_ambiguous),
		cmocka_unit_test(to_utc_by_definition),
		cmocka_unit_test(days),
		cmocka_unit_test(lengths_of_days),
		cmocka_unit_test(hours),
		cmocka_unit_test(weeks_months_quarters_years),
		cmocka_unit_test(bucket_of_agrees),
		cmocka_unit_test(bucket_limits),
		cmocka_unit_test(formats),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
