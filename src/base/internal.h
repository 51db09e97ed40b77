// SPDX-License-Identifier: Apache-2.0
// What the files of base that deal with time share. Only for this folder.
#ifndef CORRIDOR_BASE_INTERNAL_H
#define CORRIDOR_BASE_INTERNAL_H

#include "base/tz.h"

#include <stdbool.h>

#define MS_PER_SECOND INT64_C(1000)
#define MS_PER_MINUTE INT64_C(60000)
#define MS_PER_HOUR INT64_C(3600000)
#define MS_PER_DAY INT64_C(86400000)

// Times that calendars are made for: years 1 to 9999.
#define CALENDAR_MIN_MS INT64_C(-62135596800000)
#define CALENDAR_MAX_MS INT64_C(253402300800000)

// Time with one offset from UTC: [start_ms, start of the next segment).
struct tz_segment {
	int64_t start_ms; // UTC; INT64_MIN for the first
	int64_t offset_ms;
};

struct tz {
	uint32_t magic;
	char name[64];
	uint32_t n;                 // of segments, at least 1
	struct tz_segment *segment; // n, ascending, then one that starts at INT64_MAX
	int64_t offset_min_ms, offset_max_ms;
	// slot[(t - slots_start_ms) >> TZ_SLOT_SHIFT] is the segment of that slot's first instant.
	int64_t slots_start_ms, slots_end_ms;
	uint16_t *slot;
};

// The segment of a UTC instant.
uint32_t tz_segment_of(const struct tz *tz, int64_t utc_ms);
// The first instant at which the zone's wall clock shows local_ms or later: where a day begins.
int64_t tz_first_showing(const struct tz *tz, int64_t local_ms);

// n / d rounded down; d > 0.
static inline int64_t floor_div(int64_t n, int64_t d)
{
	int64_t q = n / d;
	return n % d < 0 ? q - 1 : q;
}

// Writes v in exactly `width` decimal digits; returns the end.
char *put_digits(char *out, uint64_t v, unsigned width);
// "2026-03-29"; years beyond 0 to 9999 get a sign (ISO 8601, expanded). At most 22 characters; returns the end.
char *put_date(char *out, int64_t days);
// "+01:00", with seconds if there are any.
char *put_offset(char *out, int64_t offset_ms);

// Monday of ISO week 1 of a week-numbering year, and the year and week (1-53) of a day: ISO 8601-1, 4.2.2.
int64_t iso_week1_days(int64_t year);
void iso_week_of(int64_t days, int64_t *year, unsigned *week);
// Day of the week, 0 = Monday.
static inline unsigned weekday_of(int64_t days)
{
	int64_t d = (days + 3) % 7; // 1970-01-01 was a Thursday
	return (unsigned)(d < 0 ? d + 7 : d);
}
// 28 to 31.
unsigned days_in_month(int64_t year, unsigned month);

// A time as it is read: the calendar's fields, and an offset if one was given.
struct time_fields {
	int64_t year;
	unsigned month, day, hour, minute, second; // second 60 is a leap second
	unsigned ms;
	bool has_offset;
	int64_t offset_ms;
};

// A date that exists and a time of day that exists become a UTC instant.
bool time_from_fields(const struct time_fields *f, const struct tz *tz, int64_t *utc_ms, enum tz_kind *kind);
// Reads an offset, "Z", "+01", "+0100", "+01:00" or "+01:00:00", at *p and moves *p behind it.
bool time_read_offset(const char **p, const char *end, int64_t *offset_ms);
// Reads 1 or more digits after the decimal sign at *p as milliseconds (further digits are cut).
bool time_read_fraction(const char **p, const char *end, unsigned *ms);
// Exactly `n` digits at *p (n <= 9).
bool time_read_digits(const char **p, const char *end, unsigned n, unsigned *out);
bool time_parse_iso(struct sv s, struct time_fields *out);
// Seconds (or ms) since 1970 as a decimal number.
bool time_parse_unix(struct sv s, int64_t ms_per_unit, int64_t *utc_ms);

#endif
