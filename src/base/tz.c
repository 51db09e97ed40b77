// SPDX-License-Identifier: Apache-2.0
// A zone is a list of segments of constant offset, read once from ICU; everything after that is arithmetic and
// needs no ICU. Invariants: segments ascend without gaps, neighbours differ in offset, the first starts at
// INT64_MIN and a sentinel ends the list at INT64_MAX; a struct tz never changes once it is open.
#include "base/internal.h"
#include "base/mem.h"

#include <assert.h>
#include <string.h>
#include <unicode/ucal.h>
#include <unicode/uenum.h>

enum { MAGIC = 0x545A4F4E, SLOT_SHIFT = 32, N_SEGMENTS_MAX = 4096 }; // a slot is 2^32 ms, about 50 days

#define ZONE_START_MS INT64_C(-2208988800000) // 1900-01-01
#define ZONE_END_MS INT64_C(7258118400000)    // 2200-01-01

// A zone name in UTF-16; false when it cannot be one.
static bool widen(struct sv name, UChar *out, size_t size)
{
	if (name.len == 0 || name.len >= size)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.ptr[i];
		if (c <= 0x20 || c >= 0x7F)
			return false;
		out[i] = c;
	}
	out[name.len] = 0;
	return true;
}

// Is this the name of a zone in ICU's data (not one that ICU makes up, as "GMT+5")?
static bool is_known(const UChar *name)
{
	UChar canonical[128];
	UBool is_system = 0;
	UErrorCode status = U_ZERO_ERROR;
	ucal_getCanonicalTimeZoneID(name, -1, canonical, 128, &is_system, &status);
	return U_SUCCESS(status) && is_system;
}

static enum rc unknown_zone(struct sv name, struct err *e)
{
	err_set(e, RC_INPUT, "\"%.*s\" is not a time zone", (int)(name.len < 80 ? name.len : 80),
		name.ptr ? name.ptr : "");
	UErrorCode status = U_ZERO_ERROR;
	UEnumeration *zones = ucal_openTimeZones(&status);
	char best[64] = "";
	unsigned best_distance = 255;
	int32_t n = 0;
	const char *zone;
	while (U_SUCCESS(status) && (zone = uenum_next(zones, &n, &status)) != NULL) {
		const char *city = strrchr(zone, '/');
		unsigned distance = sv_distance(name, (struct sv){zone, (size_t)n});
		unsigned of_city = city ? sv_distance(name, sv_from(city + 1)) : 255;
		if (of_city < distance)
			distance = of_city;
		if (distance < best_distance && (size_t)n < sizeof(best)) {
			best_distance = distance;
			memcpy(best, zone, (size_t)n + 1);
		}
	}
	uenum_close(zones);
	if (best_distance <= 1 + name.len / 4)
		err_remedy(e, "did you mean %s?", best);
	else
		err_remedy(e, "use an IANA name such as Europe/Berlin or UTC");
	return RC_INPUT;
}

// Appends a segment unless the offset stays what it is.
static bool add_segment(struct tz *tz, size_t *capacity, int64_t start_ms, int64_t offset_ms)
{
	if (tz->n > 0 && tz->segment[tz->n - 1].offset_ms == offset_ms)
		return true;
	void *segments = tz->segment;
	if (tz->n >= N_SEGMENTS_MAX ||
		mem_grow(&segments, capacity, (size_t)tz->n + 2, sizeof(*tz->segment)) != 0)
		return false;
	tz->segment = segments;
	tz->segment[tz->n++] = (struct tz_segment){start_ms, offset_ms};
	tz->segment[tz->n] = (struct tz_segment){INT64_MAX, offset_ms};
	return true;
}

static int64_t icu_offset_ms(UCalendar *calendar, UErrorCode *status)
{
	return (int64_t)ucal_get(calendar, UCAL_ZONE_OFFSET, status) +
	       ucal_get(calendar, UCAL_DST_OFFSET, status);
}

// All transitions of the calendar's zone between ZONE_START_MS and ZONE_END_MS.
static bool read_segments(struct tz *tz, UCalendar *calendar, UErrorCode *status)
{
	size_t capacity = 0;
	UDate at = (UDate)ZONE_START_MS;
	ucal_setMillis(calendar, at, status);
	if (!add_segment(tz, &capacity, INT64_MIN, icu_offset_ms(calendar, status)))
		return false;
	while (ucal_getTimeZoneTransitionDate(calendar, UCAL_TZ_TRANSITION_NEXT, &at, status) &&
		U_SUCCESS(*status) && at < (UDate)ZONE_END_MS) {
		ucal_setMillis(calendar, at, status);
		if (!add_segment(tz, &capacity, (int64_t)at, icu_offset_ms(calendar, status)))
			return false;
	}
	return true;
}

// The slots that make finding a segment a look-up.
static bool make_slots(struct tz *tz)
{
	tz->offset_min_ms = tz->offset_max_ms = tz->segment[0].offset_ms;
	for (uint32_t i = 1; i < tz->n; i++) {
		int64_t offset = tz->segment[i].offset_ms;
		tz->offset_min_ms = offset < tz->offset_min_ms ? offset : tz->offset_min_ms;
		tz->offset_max_ms = offset > tz->offset_max_ms ? offset : tz->offset_max_ms;
	}
	size_t n = (size_t)((ZONE_END_MS - ZONE_START_MS) >> SLOT_SHIFT) + 1;
	tz->slots_start_ms = ZONE_START_MS;
	tz->slots_end_ms = ZONE_START_MS + ((int64_t)n << SLOT_SHIFT);
	tz->slot = mem_calloc(n, sizeof(*tz->slot));
	if (!tz->slot)
		return false;
	uint32_t k = 0;
	for (size_t i = 0; i < n; i++) {
		int64_t first = tz->slots_start_ms + ((int64_t)i << SLOT_SHIFT);
		while (tz->segment[k + 1].start_ms <= first)
			k++;
		tz->slot[i] = (uint16_t)k;
	}
	return true;
}

enum rc tz_open(struct sv iana_name, struct tz **out, struct err *e)
{
	*out = NULL;
	UChar name[64];
	if (!widen(iana_name, name, 64) || !is_known(name))
		return unknown_zone(iana_name, e);
	enum rc rc = RC_OK;
	UErrorCode status = U_ZERO_ERROR;
	UCalendar *calendar = ucal_open(name, -1, "en_US_POSIX", UCAL_GREGORIAN, &status);
	struct tz *tz = mem_calloc(1, sizeof(*tz));
	if (tz)
		tz->magic = MAGIC;
	if (U_FAILURE(status)) {
		rc = err_set(
			e, RC_INPUT, "cannot read time zone %.*s: %s", SV_ARG(iana_name), u_errorName(status));
		goto out;
	}
	if (!tz || !read_segments(tz, calendar, &status) || !make_slots(tz)) {
		rc = err_set(e, RC_NOMEM, "out of memory reading time zone %.*s", SV_ARG(iana_name));
		goto out;
	}
	if (U_FAILURE(status)) {
		rc = err_set(
			e, RC_INPUT, "cannot read time zone %.*s: %s", SV_ARG(iana_name), u_errorName(status));
		goto out;
	}
	memcpy(tz->name, iana_name.ptr, iana_name.len);
	*out = tz;
	tz = NULL;
out:
	if (calendar)
		ucal_close(calendar);
	tz_free(&tz);
	return rc;
}

void tz_free(struct tz **tz)
{
	if (!*tz)
		return;
	assert((*tz)->magic == MAGIC);
	(*tz)->magic = 0;
	mem_free((*tz)->slot);
	mem_free((*tz)->segment);
	mem_free(*tz);
	*tz = NULL;
}

const char *tz_name(const struct tz *tz)
{
	return tz->name;
}

uint32_t tz_segment_of(const struct tz *tz, int64_t utc_ms)
{
	if (utc_ms < tz->slots_start_ms)
		return 0;
	if (utc_ms >= tz->slots_end_ms)
		return tz->n - 1;
	uint32_t k = tz->slot[(uint64_t)(utc_ms - tz->slots_start_ms) >> SLOT_SHIFT];
	while (tz->segment[k + 1].start_ms <= utc_ms)
		k++;
	return k;
}

int64_t tz_offset_ms(const struct tz *tz, int64_t utc_ms)
{
	return tz->segment[tz_segment_of(tz, utc_ms)].offset_ms;
}

// Sums stay within int64_t: times at the very ends of the range stop there.
static int64_t add_clamped(int64_t a, int64_t b)
{
	int64_t sum;
	if (__builtin_add_overflow(a, b, &sum))
		return b > 0 ? INT64_MAX : INT64_MIN;
	return sum;
}

int64_t tz_to_local(const struct tz *tz, int64_t utc_ms)
{
	return add_clamped(utc_ms, tz_offset_ms(tz, utc_ms));
}

// The earliest segment in which the wall clock can show local_ms or later is that of local - offset_max: every
// segment before it ends at or before that instant.
int64_t tz_to_utc(const struct tz *tz, int64_t local_ms, enum tz_kind *kind)
{
	enum tz_kind unused;
	if (!kind)
		kind = &unused;
	int64_t latest = add_clamped(local_ms, -tz->offset_min_ms);
	uint32_t k = tz_segment_of(tz, add_clamped(local_ms, -tz->offset_max_ms));
	*kind = TZ_UNIQUE;
	if (tz->segment[k + 1].start_ms > latest) // no change of the clock near by: the usual case
		return add_clamped(local_ms, -tz->segment[k].offset_ms);
	int64_t found = 0;
	bool is_found = false;
	for (uint32_t i = k; i < tz->n && tz->segment[i].start_ms <= latest; i++) {
		int64_t utc = add_clamped(local_ms, -tz->segment[i].offset_ms);
		if (utc < tz->segment[i].start_ms || utc >= tz->segment[i + 1].start_ms)
			continue;
		if (is_found) {
			*kind = TZ_AMBIGUOUS;
			return found;
		}
		found = utc;
		is_found = true;
	}
	if (is_found)
		return found;
	// In a gap: the offset before it, so that the clock's reading moves forward by the gap's length.
	*kind = TZ_SKIPPED;
	while (k + 1 < tz->n &&
		add_clamped(local_ms, -tz->segment[k + 1].offset_ms) >= tz->segment[k + 1].start_ms)
		k++;
	return add_clamped(local_ms, -tz->segment[k].offset_ms);
}

int64_t tz_first_showing(const struct tz *tz, int64_t local_ms)
{
	for (uint32_t k = tz_segment_of(tz, add_clamped(local_ms, -tz->offset_max_ms));; k++) {
		int64_t utc = add_clamped(local_ms, -tz->segment[k].offset_ms);
		if (utc < tz->segment[k].start_ms)
			utc = tz->segment[k].start_ms;
		if (k + 1 >= tz->n || utc < tz->segment[k + 1].start_ms)
			return utc;
	}
}
