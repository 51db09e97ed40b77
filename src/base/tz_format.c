// SPDX-License-Identifier: Apache-2.0
// Printing of times, and the calendar's small change: ISO weeks, lengths of months.
#include "base/internal.h"
#include "base/json.h"

char *put_digits(char *out, uint64_t v, unsigned width)
{
	for (unsigned i = width; i-- > 0; v /= 10)
		out[i] = (char)('0' + v % 10);
	return out + width;
}

char *put_date(char *out, int64_t days)
{
	int64_t year;
	unsigned month, day;
	civil_from_days(days, &year, &month, &day);
	uint64_t size = year < 0 ? (uint64_t)-year : (uint64_t)year;
	unsigned width = 4;
	if (year < 0 || year > 9999)
		*out++ = year < 0 ? '-' : '+';
	for (uint64_t rest = size / 10000; rest > 0; rest /= 10)
		width++;
	out = put_digits(out, size, width);
	*out++ = '-';
	out = put_digits(out, month, 2);
	*out++ = '-';
	return put_digits(out, day, 2);
}

char *put_offset(char *out, int64_t offset_ms)
{
	uint64_t s = (uint64_t)(offset_ms < 0 ? -offset_ms : offset_ms) / 1000;
	*out++ = offset_ms < 0 ? '-' : '+';
	out = put_digits(out, s / 3600, 2);
	*out++ = ':';
	out = put_digits(out, s / 60 % 60, 2);
	if (s % 60) {
		*out++ = ':';
		out = put_digits(out, s % 60, 2);
	}
	return out;
}

char *tz_format(const struct tz *tz, int64_t utc_ms, char *out)
{
	int64_t local = tz_to_local(tz, utc_ms);
	int64_t days = floor_div(local, MS_PER_DAY);
	uint64_t of_day =
		(uint64_t)local - (uint64_t)days * MS_PER_DAY; // unsigned: INT64_MIN's day starts before it
	char *p = put_date(out, days);
	*p++ = 'T';
	p = put_digits(p, of_day / 3600000, 2);
	*p++ = ':';
	p = put_digits(p, of_day / 60000 % 60, 2);
	*p++ = ':';
	p = put_digits(p, of_day / 1000 % 60, 2);
	if (of_day % 1000) {
		*p++ = '.';
		p = put_digits(p, of_day % 1000, 3);
	}
	p = put_offset(p, local - utc_ms);
	*p = '\0';
	return out;
}

int64_t iso_week1_days(int64_t year)
{
	int64_t jan4 = civil_to_days(year, 1, 4); // always in week 1
	return jan4 - weekday_of(jan4);
}

void iso_week_of(int64_t days, int64_t *year, unsigned *week)
{
	unsigned month, day;
	int64_t thursday = days - weekday_of(days) + 3; // a week belongs to the year of its Thursday
	civil_from_days(thursday, year, &month, &day);
	*week = (unsigned)((thursday - civil_to_days(*year, 1, 1)) / 7) + 1;
}

unsigned days_in_month(int64_t year, unsigned month)
{
	static const unsigned char lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return month == 2 && leap ? 29 : lengths[month - 1];
}

void tz_key(struct json *j, const char *key, const struct tz *tz, int64_t utc_ms)
{
	char text[40];
	json_key_text(j, key, utc_ms == TIME_NONE ? NULL : tz_format(tz, utc_ms, text));
}
