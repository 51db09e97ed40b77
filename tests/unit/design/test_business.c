// SPDX-License-Identifier: Apache-2.0
// Business time against worked examples (the cases of Intrepidd/working_hours, spec/working_hours/computation_spec.rb,
// MIT, restated), and against counting minute by minute across daylight saving, holidays, breaks and night shifts.
#include "base/mem.h"
#include "design/business.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka wants these above first
#include <cmocka.h>

#define DAY_MS INT64_C(86400000)

static const char usual[] = "{mon-fri: [[09:00, 17:00]]}", round_mondays[] = "{mon: [[00:00, 24:00]]}",
		  breaks[] = "{mon: [[07:00, 12:00], [13:00, 18:00]]}",
		  may_day[] = "{mon-fri: [[09:00, 17:00]], holidays: [2014-05-01]}";

struct world {
	struct design *design;
	struct arena *arena;
	struct business business;
};

static int64_t at(const char *text)
{
	struct time_format *iso;
	int64_t ms = TIME_NONE;
	assert_int_equal(time_format_compile(SV("ISO"), &iso, NULL), RC_OK);
	assert_true(time_parse(iso, NULL, sv_from(text), &ms, NULL));
	time_format_free(&iso);
	return ms;
}

static struct world world_of(const char *tz, const char *hours, int64_t from, int64_t to)
{
	char text[1024];
	struct err e = ERR_NONE;
	struct world w = {.arena = arena_new(1 << 28)};
	snprintf(text, sizeof(text),
		"corridor: 1\nbrand: B\ntimezone: %s\ncurrency: EUR\nstages: [s]\nchannels: {web: digital}\n"
		"hours: {open: %s}\ntouchpoints:\n  t: {stage: s, match: [{event: E}]}\n",
		tz, hours);
	if (design_parse(sv_from(text), "test", &w.design, NULL, &e) != RC_OK)
		fail_msg("%s", e.message);
	assert_int_equal(
		business_make(&w.design->hours[0], w.design->tz, from, to, w.arena, &w.business, &e), RC_OK);
	return w;
}

static void world_end(struct world *w)
{
	design_free(&w->design);
	arena_free(&w->arena);
}

static void test_between(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b, *hours;
		int64_t s;
	} cases[] = {
		{"2014-04-07T08:00:00Z", "2014-04-07T08:00:00Z", usual, 0},
		{"2014-04-11T20:00:00Z", "2014-04-14T05:00:00Z", usual, 0},
		{"2014-04-13T09:10:24Z", "2014-04-14T09:10:24Z", usual, 624},
		{"2014-04-07T10:00:00Z", "2014-04-07T15:00:00Z", usual, 18000},
		{"2014-04-07T15:00:00Z", "2014-04-07T10:00:00Z", usual, -18000},
		{"2014-04-07T07:00:00Z", "2014-04-07T20:00:00Z", usual, 28800},
		{"2014-04-06T12:00:00Z", "2016-04-06T12:00:00Z", round_mondays, 9072000},
		{"2014-04-07T11:59:00Z", "2014-04-07T13:01:00Z", breaks, 120},
		{"2014-04-07T11:00:00Z", "2014-04-14T13:00:00Z", breaks, 39600},
		{"2014-04-07T01:00:00-09:00", "2014-04-07T15:00:00-04:00", usual, 25200},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t a = at(cases[i].a), b = at(cases[i].b);
		struct world w = world_of("UTC", cases[i].hours, a < b ? a : b, (a < b ? b : a) + 1);
		assert_int_equal(business_between(&w.business, a, b), cases[i].s * 1000);
		world_end(&w);
	}
}

static void test_add(void **state)
{
	(void)state;
	static const struct {
		const char *from;
		int64_t s;
		const char *tz, *hours, *to;
	} cases[] = {
		{"1991-11-15T14:00:42Z", 7200, "UTC", usual, "1991-11-15T16:00:42Z"},
		{"1991-11-18T14:00:42Z", -25200, "UTC", usual, "1991-11-15T15:00:42Z"},
		{"1991-11-15T07:00:00Z", 10800, "Asia/Tokyo", usual, "1991-11-18T11:00:00+09:00"},
		{"1991-11-11T05:00:00Z", 21600, "UTC", breaks, "1991-11-11T14:00:00Z"},
		{"1991-11-15T16:30:42Z", 2700, "UTC", usual, "1991-11-18T09:15:42Z"},
		{"1991-11-15T16:59:42Z", 120, "UTC", usual, "1991-11-18T09:01:42Z"},
		{"2014-04-07T23:59:30Z", 60, "UTC", round_mondays, "2014-04-14T00:00:30Z"},
		{"1991-11-15T15:00:00Z", 7200, "UTC", usual, "1991-11-15T17:00:00Z"},
		{"1991-11-18T10:00:00Z", -3600, "UTC", usual, "1991-11-18T09:00:00Z"},
		{"1991-11-16T10:00:00Z", 0, "UTC", usual, "1991-11-16T10:00:00Z"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t from = at(cases[i].from);
		struct world w = world_of(cases[i].tz, cases[i].hours, from - 30 * DAY_MS, from + 30 * DAY_MS);
		assert_int_equal(business_add(&w.business, from, cases[i].s * 1000), at(cases[i].to));
		assert_int_equal(business_add(&w.business, from, 366 * DAY_MS), TIME_NONE);
		assert_int_equal(business_add(&w.business, from, -366 * DAY_MS), TIME_NONE);
		world_end(&w);
	}
}

static void test_next_and_open(void **state)
{
	(void)state;
	static const struct {
		const char *from, *hours, *to;
	} cases[] = {
		{"2014-05-01T12:00:00Z", may_day, "2014-05-02T09:00:00Z"},
		{"2014-06-01T12:00:00Z", usual, "2014-06-02T09:00:00Z"},
		{"2014-04-07T08:59:00Z", usual, "2014-04-07T09:00:00Z"},
		{"2014-04-07T17:00:00Z", usual, "2014-04-08T09:00:00Z"},
		{"2014-04-07T12:00:00Z", breaks, "2014-04-07T13:00:00Z"},
		{"2014-04-07T00:00:00-09:00", usual, "2014-04-07T09:00:00Z"},
		{"2014-04-07T22:00:00+02:00", usual, "2014-04-08T09:00:00Z"},
		{"2014-04-07T09:00:00Z", usual, "2014-04-07T09:00:00Z"},
		{"2014-04-07T16:59:00Z", usual, "2014-04-07T16:59:00Z"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t from = at(cases[i].from), to = at(cases[i].to);
		struct world w = world_of("UTC", cases[i].hours, from, from + 30 * DAY_MS);
		assert_int_equal(business_next(&w.business, from), to);
		assert_int_equal(business_is_open(&w.business, from), from == to);
		assert_int_equal(business_next(&w.business, from + 60 * DAY_MS), TIME_NONE);
		world_end(&w);
	}
}

// Is the minute that begins at `ms` within the calendar? By the clock on the wall, minute by minute; a night shift
// belongs to the day on which it started.
static bool open_by_clock(const struct design *d, int64_t ms)
{
	const struct design_hours *h = &d->hours[0];
	int64_t local = tz_to_local(d->tz, ms), day = local / DAY_MS;
	uint32_t minute = (uint32_t)(local % DAY_MS / 60000);
	for (uint32_t i = 0; i < h->n_spans; i++)
		for (uint32_t back = 0; back < 2; back++) {
			int64_t start_day = day - back;
			bool holiday = false;
			for (uint32_t k = 0; k < h->n_holidays; k++)
				holiday |= h->holidays[k] == start_day;
			uint32_t since = minute + back * 1440;
			if (!holiday && h->spans[i].weekday == (uint32_t)((start_day + 3) % 7) &&
				since >= h->spans[i].from_min && since < h->spans[i].to_min)
				return true;
		}
	return false;
}

static void test_against_the_clock(void **state)
{
	(void)state;
	static const char *const zones[] = {"Europe/Berlin", "America/New_York", "Asia/Kathmandu"};
	static const char *const calendars[] = {usual, breaks,
		"{mon-sat: [[22:00, 06:00]], sun: [[08:00, 12:00]], holidays: [2025-03-28, 2025-10-25]}"};
	const int64_t from = at("2025-01-01T00:00:00Z"), days = 365;
	for (size_t z = 0; z < 3; z++)
		for (size_t c = 0; c < 3; c++) {
			struct world w = world_of(zones[z], calendars[c], from, from + days * DAY_MS);
			int64_t counted = 0;
			for (int64_t ms = from; ms < from + days * DAY_MS; ms += 60000) {
				bool open = open_by_clock(w.design, ms);
				if (open != business_is_open(&w.business, ms))
					fail_msg("%s, calendar %zu, minute %lld", zones[z], c, (long long)ms);
				counted += open ? 60000 : 0;
				if (ms % (7 * 3600000) == 0)
					assert_int_equal(
						business_between(&w.business, from, ms + 60000), counted);
			}
			world_end(&w);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_between),
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_next_and_open),
		cmocka_unit_test(test_against_the_clock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
