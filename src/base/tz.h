// SPDX-License-Identifier: Apache-2.0
// IANA time zones (data from ICU): local ↔ UTC, calendar buckets, parsing and printing of times.
// All transitions from 1900 to 2200 are read once when the zone is opened; a struct tz is immutable and may be
// shared by threads. Times are Unix milliseconds. "Local ms" = milliseconds since 1970-01-01T00:00 on the
// zone's wall clock.
#ifndef CORRIDOR_BASE_TZ_H
#define CORRIDOR_BASE_TZ_H

#include "base/arena.h"
#include "base/err.h"
#include "base/sv.h"

#include <stdint.h>

#define TIME_NONE INT64_MIN

struct tz;

// Opens "Europe/Berlin", "UTC", …; RC_INPUT with "did you mean" for an unknown name.
enum rc tz_open(struct sv iana_name, struct tz **out, struct err *e);
void tz_free(struct tz **tz);
const char *tz_name(const struct tz *tz);

// Offset from UTC in ms at a UTC instant.
int64_t tz_offset_ms(const struct tz *tz, int64_t utc_ms);
int64_t tz_to_local(const struct tz *tz, int64_t utc_ms);

// How a local time was resolved.
enum tz_kind {
	TZ_UNIQUE,
	TZ_AMBIGUOUS, // the clock showed it twice (autumn): the first, daylight-saving, instant is taken
	TZ_SKIPPED,   // the clock never showed it (spring): moved forward by the length of the gap
};
// UTC of a local time by the rule above (RFC 5545, section 3.3.5).
int64_t tz_to_utc(const struct tz *tz, int64_t local_ms, enum tz_kind *kind);

// Proleptic Gregorian calendar, no zone. month 1-12, day 1-31.
int64_t civil_to_days(int64_t year, unsigned month, unsigned day);
void civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day);

enum tz_unit { TZ_HOUR, TZ_DAY, TZ_WEEK, TZ_MONTH, TZ_QUARTER, TZ_YEAR }; // weeks are ISO 8601, from Monday

// Calendar buckets that cover [from_ms, to_ms).
struct tz_buckets {
	uint32_t n;
	const int64_t *start;   // n+1 UTC boundaries, ascending; bucket i = [start[i], start[i+1])
	const struct sv *label; // n labels: "2026-03-29", "2026-W13", "2026-03", "2026-Q1"
	// Acceleration: guess[(t - start[0]) >> shift] is the bucket of that slot's first instant.
	const uint32_t *guess;
	uint32_t n_guess;
	uint32_t shift;
};
// Computed once per query. RC_LIMIT when there would be more than 1,000,000 buckets.
enum rc tz_buckets_make(const struct tz *tz, enum tz_unit unit, int64_t from_ms, int64_t to_ms, struct arena *a,
	struct tz_buckets *out, struct err *e);
// The bucket of t, UINT32_MAX when outside.
uint32_t tz_bucket_of(const struct tz_buckets *b, int64_t t_ms);

// "2026-03-29T01:59:59.123+01:00" (ms only when not zero) into out[40]; returns out.
char *tz_format(const struct tz *tz, int64_t utc_ms, char *out);
// The same as a member of a JSON object; null for TIME_NONE.
struct json;
void tz_key(struct json *j, const char *key, const struct tz *tz, int64_t utc_ms);

// A compiled time format for parsing, made once, used per row. Format letters as in ICU/Java:
// yyyy yy M MM MMM d dd H HH h hh m mm s ss SSS (1-9 digits of fraction) a z/Z/XXX (offset or Z) E (name of
// the day, not checked) 'literal'; names are English, in any case, short or full; yy is 1969 to 2068. Any other character stands for itself. Special names: "ISO" (RFC 3339 / ISO 8601, T or blank, optional
// fraction, optional offset, date alone = midnight), "unix" (seconds, fraction allowed), "unix-ms".
struct time_format;
enum rc time_format_compile(struct sv format, struct time_format **out, struct err *e);
void time_format_free(struct time_format **f);
// Parses all of s (blanks around it are not accepted). A time without offset is local in tz, which must
// not be NULL. kind may be NULL. Second 60 is the last ms of its minute. Fractions are
// cut to ms. Years 1 to 9999. False when it does not fit or is no real date.
bool time_parse(
	const struct time_format *f, const struct tz *tz, struct sv s, int64_t *utc_ms, enum tz_kind *kind);
// A user's --from/--to: "2026", "2026-Q1", "2026-03", "2026-W13", "2026-03-29", ISO time, in the zone (what
// bucket labels look like). As an end, a date, week, month, quarter or year means the start of the *next* one (so that --from 2026-03 --to 2026-03 is all of March).
enum rc time_parse_bound(const struct tz *tz, struct sv s, bool is_end, int64_t *utc_ms, struct err *e);

#endif
