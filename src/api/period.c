// SPDX-License-Identifier: Apache-2.0
// Periods as the addresses of pages carry them ("90d", "12m", "all", "2026-03", "2026-03..2026-05"), and whether a
// question keeps to those that a page asks about: its own and the one it is compared with. web/src/base/period.ts reads
// the same words. Relative periods are whole days, or months of which the first is whole, of the brand's zone and end with the
// day of the newest interaction; a page that was opened the day before still counts from there.
#include "api/internal.h"

#define DAY_MS INT64_C(86400000)
#define PERIOD_DEFAULT SV("12m")

// Both days are included, counted from 1970-01-01; INT64_MIN and INT64_MAX are open ends.
struct days {
	int64_t first, last;
};
static const struct days all_days = {INT64_MIN, INT64_MAX};

static int64_t day_of(const struct tz *tz, int64_t at_ms)
{
	int64_t local = tz_to_local(tz, at_ms);
	return local / DAY_MS - (local % DAY_MS < 0);
}

static int64_t month_before(int64_t day, int64_t n)
{
	int64_t year;
	unsigned month, of_month;
	civil_from_days(day, &year, &month, &of_month);
	int64_t months = year * 12 + month - 1 - n;
	return civil_to_days(months / 12, (unsigned)(months % 12) + 1, 1);
}

static int64_t year_before(int64_t day)
{
	int64_t year;
	unsigned month, of_month;
	civil_from_days(day, &year, &month, &of_month);
	return civil_to_days(year - 1, month, month == 2 && of_month == 29 ? 28 : of_month);
}

// "90d", "12m"
static bool read_relative(struct sv text, int64_t anchor, struct days *out)
{
	int64_t n;
	char unit = text.len > 1 && text.len < 6 ? text.ptr[text.len - 1] : 0;
	if ((unit != 'd' && unit != 'm') || text.ptr[0] < '0' || text.ptr[0] > '9' ||
		!sv_to_i64((struct sv){text.ptr, text.len - 1}, &n))
		return false;
	n = n > 1 ? n : 1;
	*out = (struct days){unit == 'd' ? anchor + 1 - n : month_before(anchor, n - 1), anchor};
	return true;
}

// "2026", "2026-03", "2026-03-29"
static bool read_part(const struct tz *tz, struct sv text, struct days *out)
{
	int64_t from, to;
	struct err why = ERR_NONE;
	if (text.len != 4 && text.len != 7 && text.len != 10)
		return false;
	if (time_parse_bound(tz, text, false, &from, &why) != RC_OK ||
		time_parse_bound(tz, text, true, &to, &why) != RC_OK)
		return false;
	*out = (struct days){day_of(tz, from), day_of(tz, to - 1)};
	return true;
}

// "2026-03", "2026-03..2026-05", "2026-03..", "..2026-05"
static bool read_absolute(const struct tz *tz, struct sv text, struct days *out)
{
	size_t dots = 0;
	while (dots < text.len && (text.ptr[dots] != '.' || dots + 1 == text.len || text.ptr[dots + 1] != '.'))
		dots++;
	if (dots == text.len)
		return read_part(tz, text, out);
	struct sv from = {text.ptr, dots}, to = {text.ptr + dots + 2, text.len - dots - 2};
	struct days first = all_days, last = all_days;
	if ((!from.len && !to.len) || (from.len && !read_part(tz, from, &first)) ||
		(to.len && !read_part(tz, to, &last)))
		return false;
	*out = (struct days){first.first, last.last};
	return true;
}

// Text that is no period counts as the default, which SV_NONE is too.
static struct days read_period(const struct tz *tz, struct sv text, int64_t anchor)
{
	struct days d;
	if (sv_equal(text, SV("all")))
		return all_days;
	if (read_relative(text, anchor, &d) || read_absolute(tz, text, &d))
		return d;
	read_relative(PERIOD_DEFAULT, anchor, &d);
	return d;
}

// The period that "vs=" puts beside another; the same one when it compares segments, or nothing.
static struct days read_compared(const struct tz *tz, struct sv vs, const struct days *d, int64_t anchor)
{
	bool open = d->first == INT64_MIN || d->last == INT64_MAX;
	if (sv_equal(vs, SV("previous")) && !open)
		return (struct days){2 * d->first - d->last - 1, d->first - 1};
	if (sv_equal(vs, SV("year")) && !open)
		return (struct days){year_before(d->first), year_before(d->last)};
	if (sv_starts(vs, SV("period:")))
		return read_period(tz, (struct sv){vs.ptr + 7, vs.len - 7}, anchor);
	return *d;
}

// --- what is asked ---

// Every value of from (to) lies within; there is one unless the end is open.
static bool bound_kept(struct api_call *c, const struct tz *tz, const char *name, bool is_end, int64_t day)
{
	enum tz_kind kind;
	struct err why = ERR_NONE;
	struct sv text;
	if (day == (is_end ? INT64_MAX : INT64_MIN))
		return true;
	int64_t bound = tz_to_utc(tz, (is_end ? day + 1 : day) * DAY_MS, &kind), at;
	size_t n = 0;
	for (; (text = http_query(c->x, name, n)).ptr; n++)
		if (time_parse_bound(tz, text, is_end, &at, &why) != RC_OK ||
			(is_end ? at > bound : at < bound))
			return false;
	return n > 0;
}

static bool kept_within(struct api_call *c, const struct tz *tz, const struct days *d)
{
	return bound_kept(c, tz, "from", false, d->first) && bound_kept(c, tz, "to", true, d->last);
}

bool period_kept(struct api_call *c, struct sv query, bool before)
{
	const struct tz *tz = store_design(c->api->store)->tz;
	int64_t at = session_newest_ms(c->api);
	struct sv period = SV_NONE, vs = SV_NONE;
	for (struct sv rest = query; rest.ptr;) {
		struct sv value, pair = sv_cut(rest, '&', &rest), name = sv_cut(pair, '=', &value);
		struct sv *to = sv_equal(name, SV("period")) ? &period : sv_equal(name, SV("vs")) ? &vs : NULL;
		if (to && !to->ptr)
			*to = query_unescape(http_arena(c->x), value);
	}
	for (int64_t back = 0; back < 2; back++) {
		int64_t anchor = day_of(tz, at) - back;
		struct days own = read_period(tz, period, anchor);
		struct days other = read_compared(tz, before ? SV("previous") : vs, &own, anchor);
		if ((!before && kept_within(c, tz, &own)) || kept_within(c, tz, &other))
			return true;
	}
	return false;
}
