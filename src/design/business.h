// SPDX-License-Identifier: Apache-2.0
// Business time: what of a stretch of time lies within a calendar's hours (design.h), in the brand's zone.
// A calendar is laid out once, span by span, for the time that matters; daylight saving is in the spans then.
#ifndef CORRIDOR_DESIGN_BUSINESS_H
#define CORRIDOR_DESIGN_BUSINESS_H

#include "base/tz.h"
#include "design/design.h"

// Spans of business time, ascending, apart from each other. In the arena that it was made in.
struct business {
	const int64_t *start, *end; // Unix ms
	const int64_t *before;      // n + 1: business ms before each span; the last: all of them
	size_t n;
};

// The spans that reach into [from_ms, to_ms). A day of `holidays` has none that starts on it. RC_LIMIT when there are
// more than ten million, RC_NOMEM.
enum rc business_make(const struct design_hours *h, const struct tz *tz, int64_t from_ms, int64_t to_ms,
	struct arena *a, struct business *out, struct err *e);

// Is it business time? The end of a span is not.
bool business_is_open(const struct business *b, int64_t at_ms);
// Business ms from one moment to another, both within what was laid out; negative when `to` is the earlier one.
int64_t business_between(const struct business *b, int64_t from_ms, int64_t to_ms);
// at_ms, or the start of the next span if it is not business time then. TIME_NONE: none was laid out.
int64_t business_next(const struct business *b, int64_t at_ms);
// The first moment at which so much business time has gone since at_ms; ms < 0: the last moment from which so much goes
// until at_ms. TIME_NONE: beyond what was laid out.
int64_t business_add(const struct business *b, int64_t at_ms, int64_t ms);

#endif
