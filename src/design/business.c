// SPDX-License-Identifier: Apache-2.0
// See business.h.
#include "design/business.h"

#define DAY_MS INT64_C(86400000)
#define MINUTE_MS INT64_C(60000)
#define SPANS_MOST 10000000u

static int64_t day_of(const struct tz *tz, int64_t at_ms)
{
	int64_t local = tz_to_local(tz, at_ms);
	return local / DAY_MS - (local % DAY_MS < 0);
}

static uint32_t weekday_of(int64_t day)
{
	return (uint32_t)(((day + 3) % 7 + 7) % 7); // 1970-01-01 was a Thursday
}

static bool is_holiday(const struct design_hours *h, int64_t day)
{
	uint32_t low = 0, high = h->n_holidays;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (h->holidays[middle] < day)
			low = middle + 1;
		else
			high = middle;
	}
	return low < h->n_holidays && h->holidays[low] == day;
}

enum rc business_make(const struct design_hours *h, const struct tz *tz, int64_t from_ms, int64_t to_ms,
	struct arena *a, struct business *out, struct err *e)
{
	// What starts the day before may reach into the first day.
	int64_t first = day_of(tz, from_ms) - 1, last = to_ms > from_ms ? day_of(tz, to_ms - 1) : first;
	uint64_t most = (uint64_t)(last - first + 1) * h->n_spans;
	*out = (struct business){0};
	if (most > SPANS_MOST)
		return err_set(
			e, RC_LIMIT, "the calendar “%.*s” has too many hours in this time", SV_ARG(h->name));
	int64_t *start = arena_array(a, (size_t)most + 1, sizeof(*start)),
		*end = arena_array(a, (size_t)most + 1, sizeof(*end)),
		*before = arena_array(a, (size_t)most + 1, sizeof(*before));
	if (!start || !end || !before)
		return err_set(e, RC_NOMEM, "out of memory for business hours");
	size_t n = 0;
	before[0] = 0;
	for (int64_t day = first; day <= last; day++) {
		uint32_t weekday = weekday_of(day);
		for (uint32_t i = 0; i < h->n_spans && !is_holiday(h, day); i++) {
			const struct design_span *s = &h->spans[i];
			enum tz_kind kind;
			if (s->weekday != weekday)
				continue;
			start[n] = tz_to_utc(tz, day * DAY_MS + s->from_min * MINUTE_MS, &kind);
			end[n] = tz_to_utc(tz, day * DAY_MS + s->to_min * MINUTE_MS, &kind);
			if (n && start[n] < end[n - 1])
				start[n] = end[n - 1];
			if (end[n] <= start[n]) // the clock skipped all of it
				continue;
			before[n + 1] = before[n] + end[n] - start[n];
			n++;
		}
	}
	*out = (struct business){start, end, before, n};
	return RC_OK;
}

// The first span that ends after at_ms; n: none.
static size_t span_at(const struct business *b, int64_t at_ms)
{
	size_t low = 0, high = b->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (b->end[middle] <= at_ms)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

// Business time from the first span to at_ms.
static int64_t gone_at(const struct business *b, int64_t at_ms)
{
	size_t i = span_at(b, at_ms);
	return b->before[i] + (i < b->n && at_ms > b->start[i] ? at_ms - b->start[i] : 0);
}

bool business_is_open(const struct business *b, int64_t at_ms)
{
	size_t i = span_at(b, at_ms);
	return i < b->n && b->start[i] <= at_ms;
}

int64_t business_between(const struct business *b, int64_t from_ms, int64_t to_ms)
{
	return gone_at(b, to_ms) - gone_at(b, from_ms);
}

int64_t business_next(const struct business *b, int64_t at_ms)
{
	size_t i = span_at(b, at_ms);
	if (i == b->n)
		return TIME_NONE;
	return at_ms > b->start[i] ? at_ms : b->start[i];
}

int64_t business_add(const struct business *b, int64_t at_ms, int64_t ms)
{
	if (ms == 0)
		return at_ms;
	int64_t wanted = gone_at(b, at_ms) + ms;
	// Forwards the end of a span is such a moment, backwards the start of the next one.
	size_t low = 0, high = b->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int64_t gone = b->before[middle + 1];
		if (ms > 0 ? gone < wanted : gone <= wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low == b->n || wanted < 0 ? TIME_NONE : b->start[low] + wanted - b->before[low];
}
