// SPDX-License-Identifier: Apache-2.0
// Calendar buckets. A day (week, month, …) begins at the first instant at which the wall clock shows its date or
// a later one: at 01:00 where midnight was skipped, and a date that the clock never showed has no bucket. An
// hour begins where the clock shows a full hour and wherever the clock changes, so that an hour which is passed
// twice is two buckets. Invariants: boundaries ascend strictly; start[0] <= from < start[1]; start[n] >= to.
#include "base/internal.h"

#include <assert.h>

enum { N_BUCKETS_MAX = 1000000, LABEL_MAX = 32 };

static int64_t local_day_of(const struct tz *tz, int64_t utc_ms)
{
	return floor_div(tz_to_local(tz, utc_ms), MS_PER_DAY);
}

static int64_t month_start(int64_t year, int64_t month_from_0)
{
	int64_t y = year + floor_div(month_from_0, 12);
	return civil_to_days(y, (unsigned)(month_from_0 - floor_div(month_from_0, 12) * 12) + 1, 1);
}

// First day of the period that holds `day`, or of the one that is `step` (0 or 1) periods later.
static int64_t period_start(enum tz_unit unit, int64_t day, int64_t step)
{
	int64_t year;
	unsigned month, day_of_month;
	civil_from_days(day, &year, &month, &day_of_month);
	switch (unit) {
	case TZ_WEEK:
		return day - weekday_of(day) + 7 * step;
	case TZ_MONTH:
		return month_start(year, (int64_t)month - 1 + step);
	case TZ_QUARTER:
		return month_start(year, ((int64_t)month - 1) / 3 * 3 + 3 * step);
	case TZ_YEAR:
		return civil_to_days(year + step, 1, 1);
	case TZ_HOUR:
	case TZ_DAY:
		break;
	}
	return day + step;
}

// Start of the hour that holds t, or of the next one.
static int64_t hour_boundary(const struct tz *tz, int64_t t, bool next)
{
	uint32_t k = tz_segment_of(tz, t);
	int64_t local = t + tz->segment[k].offset_ms;
	int64_t into = local - floor_div(local, MS_PER_HOUR) * MS_PER_HOUR;
	if (next) {
		int64_t at = t - into + MS_PER_HOUR;
		return at < tz->segment[k + 1].start_ms ? at : tz->segment[k + 1].start_ms;
	}
	int64_t at = t - into;
	return at > tz->segment[k].start_ms ? at : tz->segment[k].start_ms;
}

// The boundary after `boundary`. Dates that the clock skipped altogether are stepped over.
static int64_t next_boundary(const struct tz *tz, enum tz_unit unit, int64_t boundary)
{
	if (unit == TZ_HOUR)
		return hour_boundary(tz, boundary, true);
	int64_t day = local_day_of(tz, boundary);
	for (;;) {
		day = period_start(unit, day, 1);
		int64_t at = tz_first_showing(tz, day * MS_PER_DAY);
		if (at > boundary)
			return at;
	}
}

static int64_t first_boundary(const struct tz *tz, enum tz_unit unit, int64_t from_ms)
{
	if (unit == TZ_HOUR)
		return hour_boundary(tz, from_ms, false);
	int64_t at = tz_first_showing(tz, period_start(unit, local_day_of(tz, from_ms), 0) * MS_PER_DAY);
	// Where the clock went back over midnight, the day before is shown again after its bucket has ended.
	for (int64_t next; (next = next_boundary(tz, unit, at)) <= from_ms;)
		at = next;
	return at;
}

// The label of the bucket that begins at `start`, into out[LABEL_MAX]; returns its length.
static size_t label_of(const struct tz *tz, enum tz_unit unit, int64_t start, char *out)
{
	int64_t local = tz_to_local(tz, start), day = floor_div(local, MS_PER_DAY), year;
	unsigned month, week;
	char *date_end = put_date(out, day);
	char *year_end = date_end - 6; // before "-MM-DD"
	switch (unit) {
	case TZ_HOUR:
		*date_end++ = ' ';
		date_end = put_digits(date_end, (uint64_t)(local - day * MS_PER_DAY) / 3600000, 2);
		memcpy(date_end, ":00 ", 4);
		return (size_t)(put_offset(date_end + 4, local - start) - out);
	case TZ_DAY:
		return (size_t)(date_end - out);
	case TZ_WEEK:
		iso_week_of(day, &year, &week);
		year_end = put_digits(out, (uint64_t)year, 4);
		*year_end++ = '-';
		*year_end++ = 'W';
		return (size_t)(put_digits(year_end, week, 2) - out);
	case TZ_MONTH:
		return (size_t)(date_end - 3 - out);
	case TZ_QUARTER:
		month = (unsigned)(year_end[1] - '0') * 10 + (unsigned)(year_end[2] - '0');
		year_end[1] = 'Q';
		year_end[2] = (char)('1' + (month - 1) / 3);
		return (size_t)(year_end + 3 - out);
	case TZ_YEAR:
		break;
	}
	return (size_t)(year_end - out);
}

// Slots of 2^shift ms, about four a bucket, so that a look-up steps over few buckets.
static bool make_guesses(struct tz_buckets *b, const int64_t *start, struct arena *a)
{
	uint64_t span = (uint64_t)(start[b->n] - start[0]);
	b->shift = 0;
	while ((span - 1) >> b->shift >= (uint64_t)b->n * 4 + 16)
		b->shift++;
	b->n_guess = (uint32_t)((span - 1) >> b->shift) + 1;
	uint32_t *guess = arena_array(a, b->n_guess, sizeof(*guess));
	if (!guess)
		return false;
	uint32_t k = 0;
	for (uint32_t i = 0; i < b->n_guess; i++) {
		int64_t first = start[0] + (int64_t)((uint64_t)i << b->shift);
		while (start[k + 1] <= first)
			k++;
		guess[i] = k;
	}
	b->guess = guess;
	return true;
}

static enum rc no_memory(struct err *e)
{
	return err_set(e, RC_NOMEM, "out of memory for calendar buckets");
}

enum rc tz_buckets_make(const struct tz *tz, enum tz_unit unit, int64_t from_ms, int64_t to_ms, struct arena *a,
	struct tz_buckets *out, struct err *e)
{
	*out = (struct tz_buckets){0};
	if (from_ms > to_ms || from_ms < CALENDAR_MIN_MS || to_ms > CALENDAR_MAX_MS)
		return err_set(e, RC_INPUT,
			"calendar buckets need a period that runs forward, within years 1 to 9999");
	int64_t first = from_ms < to_ms ? first_boundary(tz, unit, from_ms) : from_ms, at = first;
	uint32_t n = 0;
	while (at < to_ms) {
		if (n == N_BUCKETS_MAX) {
			err_set(e, RC_LIMIT, "the period has more than %d calendar buckets", N_BUCKETS_MAX);
			err_remedy(e, "choose a longer unit or a shorter period");
			return e ? e->rc : RC_LIMIT;
		}
		at = next_boundary(tz, unit, at);
		n++;
	}
	int64_t *start = arena_array(a, (size_t)n + 1, sizeof(*start));
	struct sv *label = arena_array(a, n, sizeof(*label));
	char *text = arena_array(a, n, LABEL_MAX);
	if (!start || !label || !text)
		return no_memory(e);
	start[0] = first;
	for (uint32_t i = 0; i < n; i++) {
		start[i + 1] = next_boundary(tz, unit, start[i]);
		assert(start[i + 1] > start[i]);
		char *to = text + (size_t)i * LABEL_MAX;
		label[i] = (struct sv){to, label_of(tz, unit, start[i], to)};
	}
	out->n = n;
	out->start = start;
	out->label = label;
	if (n > 0 && !make_guesses(out, start, a))
		return no_memory(e);
	return RC_OK;
}

uint32_t tz_bucket_of(const struct tz_buckets *b, int64_t t_ms)
{
	if (b->n == 0 || t_ms < b->start[0] || t_ms >= b->start[b->n])
		return UINT32_MAX;
	uint32_t k = b->guess[(uint64_t)(t_ms - b->start[0]) >> b->shift];
	while (b->start[k + 1] <= t_ms)
		k++;
	return k;
}
