// SPDX-License-Identifier: Apache-2.0
// Numbers, durations and times as people read them, and small pictures of numbers in one line.
#include "cli/look.h"

#include <math.h>
#include <stdio.h>

char *human_number(double v, int decimals, char *out)
{
	char plain[400];
	snprintf(plain, sizeof(plain), "%.*f", decimals, v);
	size_t len = strlen(plain);
	if (!isfinite(v) || len > 44) {
		snprintf(out, HUMAN_TEXT_MAX, "%g", v);
		return out;
	}
	const char *digits = plain + (plain[0] == '-');
	size_t whole = strcspn(digits, ".");
	bool zero = strspn(digits, "0.") == strlen(digits);
	size_t at = 0;
	if (plain[0] == '-' && !zero) // no "-0.0"
		out[at++] = '-';
	for (size_t i = 0; i < whole; i++) {
		if (i && (whole - i) % 3 == 0)
			out[at++] = ',';
		out[at++] = digits[i];
	}
	snprintf(out + at, HUMAN_TEXT_MAX - at, "%s", digits + whole);
	return out;
}

char *human_ratio(double ratio, int decimals, char *out)
{
	char number[HUMAN_TEXT_MAX];
	snprintf(out, HUMAN_TEXT_MAX, "%.40s %%", human_number(100 * ratio, decimals, number));
	return out;
}

char *human_seconds(double seconds, char *out)
{
	static const struct {
		double seconds;
		const char *name;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
	double s = fabs(seconds);
	const char *sign = seconds < 0 ? "-" : "";
	if (!isfinite(seconds)) {
		snprintf(out, HUMAN_TEXT_MAX, "%g", seconds);
		return out;
	}
	if (s < 9.995) {
		bool whole = fabs(s - round(s)) < 0.005;
		snprintf(out, HUMAN_TEXT_MAX, "%s%.*f s", s < 0.005 ? "" : sign, whole ? 0 : 2, s);
		return out;
	}
	for (unsigned i = 0; i < 4; i++) {
		if (i < 3 && s < units[i].seconds - (i ? 0.5 * units[i + 1].seconds : 1800))
			continue;
		double small = i < 3 ? units[i + 1].seconds : 1;
		double total = round(s / small), per = units[i].seconds / small;
		double big = floor(total / per), rest = total - big * per;
		char number[HUMAN_TEXT_MAX];
		human_number(big, 0, number);
		if (rest > 0 && i < 3 && big < 1000)
			snprintf(out, HUMAN_TEXT_MAX, "%s%.30s %s %.0f %s", sign, number, units[i].name, rest,
				units[i + 1].name);
		else
			snprintf(out, HUMAN_TEXT_MAX, "%s%.30s %s", sign, number, units[i].name);
		break;
	}
	return out;
}

static void local_text(const struct tz *tz, int64_t ms, bool date_only, char *out)
{
	int64_t local = tz_to_local(tz, ms);
	int64_t days = local / 86400000, rest = local % 86400000;
	if (rest < 0) {
		rest += 86400000;
		days--;
	}
	int64_t year;
	unsigned month, day;
	civil_from_days(days, &year, &month, &day);
	unsigned minutes = (unsigned)(rest / 60000), s = (unsigned)(rest / 1000 % 60);
	int at = snprintf(out, HUMAN_TEXT_MAX, "%04lld-%02u-%02u", (long long)year, month, day);
	if (date_only || at < 0)
		return;
	at += snprintf(out + at, (size_t)(HUMAN_TEXT_MAX - at), " %02u:%02u", minutes / 60, minutes % 60);
	if (s)
		snprintf(out + at, (size_t)(HUMAN_TEXT_MAX - at), ":%02u", s);
}

char *human_time(const struct tz *tz, int64_t ms, char *out)
{
	local_text(tz, ms, false, out);
	return out;
}

char *human_date(const struct tz *tz, int64_t ms, char *out)
{
	local_text(tz, ms, true, out);
	return out;
}

char *human_bytes(uint64_t bytes, char *out)
{
	static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB", "EB"};
	double v = (double)bytes;
	unsigned i = 0;
	for (; v >= 999.5 && i < 6; i++)
		v /= 1000;
	snprintf(out, HUMAN_TEXT_MAX, "%.*f %s", i && v < 10 ? 1 : 0, v, units[i]);
	return out;
}

static const char *const eighths[] = {"", "\xE2\x96\x8F", "\xE2\x96\x8E", "\xE2\x96\x8D", "\xE2\x96\x8C",
	"\xE2\x96\x8B", "\xE2\x96\x8A", "\xE2\x96\x89", "\xE2\x96\x88"};

void bar_put(struct buf *out, const struct look *look, double ratio, unsigned width)
{
	if (!(ratio > 0))
		ratio = 0;
	if (ratio > 1)
		ratio = 1;
	unsigned steps = look->unicode ? 8 : 1;
	unsigned filled = (unsigned)lround(ratio * width * steps);
	if (filled == 0 && ratio > 0)
		filled = 1;
	for (unsigned i = 0; i < filled / steps; i++)
		buf_str(out, glyph(look, eighths[8], "#"));
	buf_str(out, look->unicode ? eighths[filled % steps] : "");
	text_blanks(out, width - (filled + steps - 1) / steps);
}

void bar_put_centred(struct buf *out, const struct look *look, double value, unsigned width)
{
	unsigned half = (width - 1) / 2;
	double size = fabs(value) > 1 ? 1 : fabs(value);
	unsigned filled = isfinite(value) ? (unsigned)lround(size * half) : 0;
	if (filled == 0 && size >= 0.005)
		filled = 1;
	const char *block = glyph(look, "\xE2\x96\xA0", "#");
	text_blanks(out, value < 0 ? half - filled : half);
	for (unsigned i = 0; value < 0 && i < filled; i++)
		buf_str(out, block);
	buf_str(out, glyph(look, "\xE2\x94\x82", "|"));
	for (unsigned i = 0; value > 0 && i < filled; i++)
		buf_str(out, block);
	text_blanks(out, value > 0 ? half - filled : half);
}

void spark_put(struct buf *out, const struct look *look, const double *values, uint32_t n, double range_least)
{
	static const char *const tall[] = {"\xE2\x96\x81", "\xE2\x96\x82", "\xE2\x96\x83", "\xE2\x96\x84",
		"\xE2\x96\x85", "\xE2\x96\x86", "\xE2\x96\x87", "\xE2\x96\x88"};
	static const char *const flat[] = {"_", "_", ".", ".", "-", "-", "=", "="};
	double least = (double)INFINITY, most = -(double)INFINITY;
	for (uint32_t i = 0; i < n; i++) {
		if (!isfinite(values[i]))
			continue;
		least = values[i] < least ? values[i] : least;
		most = values[i] > most ? values[i] : most;
	}
	double short_of = range_least - (most - least);
	if (short_of > 0) {
		least -= short_of / 2;
		most += short_of / 2;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (!isfinite(values[i])) {
			buf_char(out, ' ');
			continue;
		}
		double at = most > least ? (values[i] - least) / (most - least) : 0.5;
		unsigned step = (unsigned)(at * 7.999);
		buf_str(out, glyph(look, tall[step], flat[step]));
	}
}
