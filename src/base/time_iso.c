// SPDX-License-Identifier: Apache-2.0
// Reading times, the parts: digits, fractions, offsets, ISO 8601 / RFC 3339, Unix numbers. No locale, no
// allocation, one pass: this runs once per imported row.
#include "base/internal.h"

bool time_read_digits(const char **p, const char *end, unsigned n, unsigned *out)
{
	if ((size_t)(end - *p) < n)
		return false;
	unsigned v = 0;
	for (unsigned i = 0; i < n; i++) {
		unsigned digit = (unsigned)(unsigned char)(*p)[i] - '0';
		if (digit > 9)
			return false;
		v = v * 10 + digit;
	}
	*p += n;
	*out = v;
	return true;
}

bool time_read_fraction(const char **p, const char *end, unsigned *ms)
{
	const char *start = *p;
	unsigned v = 0, scale = 100;
	while (*p < end && (unsigned)(unsigned char)**p - '0' <= 9) {
		v += ((unsigned)(unsigned char)**p - '0') * scale;
		scale /= 10;
		++*p;
	}
	*ms = v;
	return *p > start;
}

bool time_read_offset(const char **p, const char *end, int64_t *offset_ms)
{
	if (*p == end)
		return false;
	char sign = **p;
	++*p;
	if (sign == 'Z' || sign == 'z') {
		*offset_ms = 0;
		return true;
	}
	unsigned part[3] = {0};
	if ((sign != '+' && sign != '-') || !time_read_digits(p, end, 2, &part[0]))
		return false;
	bool colon = *p < end && **p == ':';
	for (unsigned i = 1; i < 3; i++) {
		const char *at = *p;
		if (colon && (at == end || *at++ != ':'))
			break;
		if (!time_read_digits(&at, end, 2, &part[i]))
			break;
		*p = at;
	}
	if (part[0] > 23 || part[1] > 59 || part[2] > 59)
		return false;
	int64_t ms = part[0] * MS_PER_HOUR + part[1] * MS_PER_MINUTE + part[2] * MS_PER_SECOND;
	*offset_ms = sign == '-' ? -ms : ms;
	return true;
}

// hh:mm[:ss[.fraction]]
static bool read_clock(const char **p, const char *end, struct time_fields *f)
{
	if (!time_read_digits(p, end, 2, &f->hour) || *p == end || *(*p)++ != ':' ||
		!time_read_digits(p, end, 2, &f->minute))
		return false;
	if (*p == end || **p != ':')
		return true;
	++*p;
	if (!time_read_digits(p, end, 2, &f->second))
		return false;
	if (*p == end || (**p != '.' && **p != ','))
		return true;
	++*p;
	return time_read_fraction(p, end, &f->ms);
}

bool time_parse_iso(struct sv s, struct time_fields *out)
{
	const char *p = s.ptr, *end = p + s.len;
	unsigned year;
	*out = (struct time_fields){0};
	if (s.len < 10 || !time_read_digits(&p, end, 4, &year) || *p++ != '-' ||
		!time_read_digits(&p, end, 2, &out->month) || *p++ != '-' ||
		!time_read_digits(&p, end, 2, &out->day))
		return false;
	out->year = year;
	if (p == end)
		return true;
	if (*p != 'T' && *p != ' ' && *p != 't')
		return false;
	p++;
	if (!read_clock(&p, end, out))
		return false;
	if (p == end)
		return true;
	if (*p == ' ')
		p++;
	out->has_offset = time_read_offset(&p, end, &out->offset_ms);
	return out->has_offset && p == end;
}

bool time_from_fields(const struct time_fields *f, const struct tz *tz, int64_t *utc_ms, enum tz_kind *kind)
{
	if (f->year < 1 || f->month < 1 || f->month > 12 || f->day < 1 || f->day > 31 || f->hour > 23 ||
		f->minute > 59 || f->second > 60)
		return false;
	if (f->day > 28 && f->day > days_in_month(f->year, f->month))
		return false;
	// A leap second is the last millisecond of its minute: it must not move into the next day.
	unsigned second = f->second == 60 ? 59 : f->second, ms = f->second == 60 ? 999 : f->ms;
	int64_t of_day = ((int64_t)f->hour * 60 + f->minute) * MS_PER_MINUTE + second * MS_PER_SECOND + ms;
	int64_t local = civil_to_days(f->year, f->month, f->day) * MS_PER_DAY + of_day;
	if (f->has_offset) {
		*utc_ms = local - f->offset_ms;
		if (kind)
			*kind = TZ_UNIQUE;
		return true;
	}
	*utc_ms = tz_to_utc(tz, local, kind);
	return true;
}

bool time_parse_unix(struct sv s, int64_t ms_per_unit, int64_t *utc_ms)
{
	struct sv fraction;
	struct sv whole = sv_cut(s, '.', &fraction);
	int64_t v;
	if (!sv_to_i64(whole, &v) || __builtin_mul_overflow(v, ms_per_unit, &v))
		return false;
	if (fraction.ptr) {
		const char *p = fraction.ptr, *end = p + fraction.len;
		unsigned ms;
		if (!time_read_fraction(&p, end, &ms) || p != end)
			return false;
		if (ms_per_unit == 1000)
			v += whole.ptr[0] == '-' ? -(int64_t)ms : (int64_t)ms;
	}
	if (v < CALENDAR_MIN_MS || v >= CALENDAR_MAX_MS)
		return false;
	*utc_ms = v;
	return true;
}

// A run of days, the last one excluded.
struct days {
	int64_t first, after;
};

static struct days days_of_months(unsigned year, unsigned month, unsigned n_months)
{
	unsigned after = month + n_months;
	return (struct days){civil_to_days(year, month, 1),
		after > 12 ? civil_to_days((int64_t)year + 1, after - 12, 1) : civil_to_days(year, after, 1)};
}

// The rest of "2026-03" or "2026-03-29" after the year's hyphen.
static bool parse_month_or_day(const char *p, const char *end, unsigned year, struct days *out)
{
	unsigned month, day;
	if (!time_read_digits(&p, end, 2, &month) || month < 1 || month > 12)
		return false;
	*out = days_of_months(year, month, 1);
	if (p == end)
		return true;
	if (*p++ != '-' || !time_read_digits(&p, end, 2, &day) || p != end)
		return false;
	if (day < 1 || day > days_in_month(year, month))
		return false;
	out->first += (int64_t)day - 1;
	out->after = out->first + 1;
	return true;
}

// "2026", "2026-03", "2026-Q1", "2026-W13", "2026-03-29": the days of the period.
static bool parse_period(struct sv s, struct days *out)
{
	const char *p = s.ptr, *end = p + s.len;
	unsigned year, n;
	if (!time_read_digits(&p, end, 4, &year) || year == 0)
		return false;
	if (p == end) {
		*out = days_of_months(year, 1, 12);
		return true;
	}
	if (*p++ != '-' || p == end)
		return false;
	if (*p != 'Q' && *p != 'W')
		return parse_month_or_day(p, end, year, out);
	bool is_week = *p++ == 'W';
	if (!time_read_digits(&p, end, is_week ? 2 : 1, &n) || n == 0 || p != end)
		return false;
	if (!is_week) {
		*out = days_of_months(year, n > 4 ? 1 : (n - 1) * 3 + 1, 3);
		return n <= 4;
	}
	out->first = iso_week1_days(year) + 7 * ((int64_t)n - 1);
	out->after = out->first + 7;
	return out->after <= iso_week1_days((int64_t)year + 1);
}

enum rc time_parse_bound(const struct tz *tz, struct sv s, bool is_end, int64_t *utc_ms, struct err *e)
{
	struct days days;
	struct time_fields fields;
	if (s.len > 0 && parse_period(s, &days)) {
		*utc_ms = tz_first_showing(tz, (is_end ? days.after : days.first) * MS_PER_DAY);
		return RC_OK;
	}
	if (s.len > 10 && time_parse_iso(s, &fields) && time_from_fields(&fields, tz, utc_ms, NULL))
		return RC_OK;
	err_set(e, RC_USAGE, "\"%.*s\" is not a time", (int)(s.len < 80 ? s.len : 80), s.ptr ? s.ptr : "");
	err_remedy(e, "write 2026-03, 2026-03-29, 2026-W13, 2026-Q1 or 2026-03-29T14:30, with +01:00 or Z if "
		      "need be");
	return e ? e->rc : RC_USAGE;
}
