// SPDX-License-Identifier: Apache-2.0
// Quantities as people write them, and back to text. Units of time convert into each other; money is written in
// the brand's currency and held in its minor unit; % stands for hundredths of a plain number; any other unit may
// be left out or repeated as declared. A bare number of seconds or money is refused unless it is 0: it would not
// say of what.
#include "design/internal.h"

#include "base/number.h"

#include <math.h>
#include <stdio.h>
#include <unicode/ucurr.h>

static const struct {
	struct sv name;
	double seconds;
} time_units[] = {{{"w", 1}, 604800}, {{"d", 1}, 86400}, {{"h", 1}, 3600}, {{"min", 3}, 60}, {{"s", 1}, 1},
	{{"ms", 2}, 0.001}};
#define N_TIME_UNITS (sizeof(time_units) / sizeof(time_units[0]))

double unit_seconds(struct sv unit)
{
	for (size_t i = 0; i < N_TIME_UNITS; i++)
		if (sv_equal(time_units[i].name, unit))
			return time_units[i].seconds;
	return 0;
}

bool currency_digits(struct sv code, uint32_t *digits)
{
	if (code.len != 3)
		return false;
	UChar name[4] = {0};
	for (int i = 0; i < 3; i++) {
		if (code.ptr[i] < 'A' || code.ptr[i] > 'Z')
			return false;
		name[i] = (UChar)code.ptr[i];
	}
	if (ucurr_getNumericCode(name) == 0)
		return false;
	UErrorCode status = U_ZERO_ERROR;
	int32_t n = ucurr_getDefaultFractionDigits(name, &status);
	if (U_FAILURE(status) || n < 0)
		return false;
	*digits = (uint32_t)n;
	return true;
}

// Splits the number off the front: digits, sign, point, exponent. rest has no blanks around it.
static bool split_number(struct sv s, double *v, struct sv *rest)
{
	size_t i = 0;
	if (i < s.len && (s.ptr[i] == '+' || s.ptr[i] == '-'))
		i++;
	while (i < s.len && ((s.ptr[i] >= '0' && s.ptr[i] <= '9') || s.ptr[i] == '.'))
		i++;
	if (i + 1 < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E')) {
		size_t j = i + 1 + (s.ptr[i + 1] == '-' || s.ptr[i + 1] == '+');
		if (j < s.len && s.ptr[j] >= '0' && s.ptr[j] <= '9')
			for (i = j; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9';)
				i++;
	}
	*rest = sv_trim((struct sv){s.ptr + i, s.len - i});
	return sv_to_double((struct sv){s.ptr, i}, v);
}

// "1h 30min" in seconds: units strictly from large to small, only the first number may be negative.
static bool parse_duration(struct sv text, double *seconds)
{
	double total = 0, last = HUGE_VAL, sign = 1;
	struct sv rest = sv_trim(text);
	bool first = true;
	if (rest.len > 0 && rest.ptr[0] == '-') {
		sign = -1;
		rest = (struct sv){rest.ptr + 1, rest.len - 1};
	}
	while (rest.len > 0) {
		double v;
		struct sv after;
		if ((rest.ptr[0] < '0' || rest.ptr[0] > '9') && rest.ptr[0] != '.')
			return false;
		if (!split_number(rest, &v, &after))
			return false;
		size_t unit_len = 0;
		while (unit_len < after.len && after.ptr[unit_len] >= 'a' && after.ptr[unit_len] <= 'z')
			unit_len++;
		double factor = unit_seconds((struct sv){after.ptr, unit_len});
		if (factor == 0 && first && after.len == 0 && v == 0)
			factor = 1;
		if (factor == 0 || factor >= last)
			return false;
		total += v * factor;
		last = factor;
		first = false;
		rest = sv_trim((struct sv){after.ptr + unit_len, after.len - unit_len});
	}
	if (first)
		return false;
	*seconds = sign * total;
	return true;
}

static enum rc time_quantity(struct sv text, struct sv unit, double *out, struct err *e)
{
	double seconds;
	if (!parse_duration(text, &seconds)) {
		err_set(e, RC_INPUT, "\"%.*s\" is no duration", SV_ARG(text));
		err_remedy(e, "write a number with one of ms, s, min, h, d, w: 45s, 2min, 1h 30min");
		return RC_INPUT;
	}
	*out = sv_equal(unit, SV("s")) ? seconds : seconds / unit_seconds(unit);
	return RC_OK;
}

static enum rc money_quantity(const struct design *d, struct sv text, double *out, struct err *e)
{
	double v;
	struct sv code, number = text;
	if (sv_starts(text, d->currency)) // "EUR 12.50"
		number = sv_trim((struct sv){text.ptr + d->currency.len, text.len - d->currency.len});
	bool before = number.ptr != text.ptr;
	bool fine = split_number(number, &v, &code) &&
		    (before ? code.len == 0 : sv_equal(code, d->currency) || (code.len == 0 && v == 0));
	if (!fine) {
		err_set(e, RC_INPUT, "\"%.*s\" is no amount of %.*s", SV_ARG(text), SV_ARG(d->currency));
		err_remedy(e, "write the number and the currency: %s %.*s", d->currency_digits ? "12.50" : "12",
			SV_ARG(d->currency));
		return RC_INPUT;
	}
	double minor = v * pow(10, d->currency_digits);
	if (fabs(minor - round(minor)) > 1e-6 * fmax(1, fabs(minor)) * 1e-3) {
		err_set(e, RC_INPUT, "\"%.*s\" has too many decimals", SV_ARG(text));
		err_remedy(e, "%.*s has %u", SV_ARG(d->currency), (unsigned)d->currency_digits);
		return RC_INPUT;
	}
	*out = round(minor);
	return RC_OK;
}

static enum rc plain_quantity(struct sv text, struct sv unit, double *out, struct err *e)
{
	double v;
	struct sv rest;
	bool plain = sv_equal(unit, SV("1")), percent = sv_equal(unit, SV("%"));
	if (split_number(text, &v, &rest)) {
		if (rest.len == 0 || (!plain && sv_equal(rest, unit))) {
			*out = v;
			return RC_OK;
		}
		if (plain && sv_equal(rest, SV("%"))) {
			*out = v / 100;
			return RC_OK;
		}
	}
	if (plain || percent) {
		err_set(e, RC_INPUT, "\"%.*s\" is no number", SV_ARG(text));
		err_remedy(e, "write a plain number or a share: 4.2, 95%%");
	} else {
		err_set(e, RC_INPUT, "\"%.*s\" is no number of %.*s", SV_ARG(text), SV_ARG(unit));
		err_remedy(e, "write a plain number, or one with the unit: 4.2, 4.2 %.*s", SV_ARG(unit));
	}
	return RC_INPUT;
}

enum rc design_quantity_parse(
	const struct design *d, struct sv text, struct sv unit, double *out, struct err *e)
{
	struct sv s = sv_trim(text);
	double v = 0;
	enum rc rc;
	if (unit_seconds(unit) > 0)
		rc = time_quantity(s, unit, &v, e);
	else if (sv_equal(unit, SV("minor")))
		rc = money_quantity(d, s, &v, e);
	else
		rc = plain_quantity(s, unit, &v, e);
	if (rc == RC_OK && !isfinite(v)) {
		rc = err_set(e, RC_INPUT, "\"%.*s\" is too large", SV_ARG(text));
		err_remedy(e, "write a smaller number");
	}
	if (rc == RC_OK)
		*out = v == 0 ? 0 : v; // no negative zero
	return rc;
}

// The largest unit that leaves at most three decimals of a duration.
static struct sv print_time(struct arena *a, double seconds)
{
	char number[NUMBER_TEXT_MAX];
	if (seconds == 0)
		return arena_copy(a, SV("0"));
	for (size_t i = 0; i < N_TIME_UNITS; i++) {
		double n = seconds / time_units[i].seconds;
		if (fabs(n) < 1 || n != round(n))
			continue;
		number_from_double(n, number);
		return arena_printf(a, "%s%.*s", number, SV_ARG(time_units[i].name));
	}
	number_from_double(seconds, number);
	return arena_printf(a, "%ss", number);
}

struct sv design_quantity_print(const struct design *d, struct arena *a, struct sv unit, double value)
{
	char number[NUMBER_TEXT_MAX];
	if (unit_seconds(unit) > 0)
		return print_time(a, value * unit_seconds(unit));
	if (sv_equal(unit, SV("minor")))
		return arena_printf(a, "%.*f %.*s", (int)d->currency_digits,
			value / pow(10, d->currency_digits), SV_ARG(d->currency));
	number_from_double(value, number);
	if (sv_equal(unit, SV("1")))
		return arena_copy(a, sv_from(number));
	return arena_printf(a, "%s %.*s", number, SV_ARG(unit));
}
