// SPDX-License-Identifier: Apache-2.0
// Values, demands and evidence in words.
#include "cli/report.h"

#include <math.h>
#include <stdio.h>

struct report_margin report_margin_of(const struct expectation *x, const struct report_score *s)
{
	if (!isnan(x->share))
		return (struct report_margin){
			s->share - x->share, s->share_low - x->share, s->share_high - x->share};
	double value = (s->experience - x->target) / x->scale, low = (s->experience_low - x->target) / x->scale,
	       high = (s->experience_high - x->target) / x->scale;
	if (x->direction == EXPECT_AT_LEAST)
		return (struct report_margin){value, low, high};
	return (struct report_margin){-value, -high, -low};
}

static bool is_ratio(const struct design_measure *m)
{
	return sv_equal(m->unit, SV("1")) && m->min >= 0 && m->max <= 1;
}

char *report_value(const struct design *d, uint32_t measure, double v, char *out)
{
	const struct design_measure *m = &d->measures[measure];
	char number[HUMAN_TEXT_MAX];
	if (sv_equal(m->unit, SV("s")))
		return human_seconds(v, out);
	if (is_ratio(m))
		return human_ratio(v, 1, out);
	if (sv_equal(m->unit, SV("minor"))) {
		human_number(v / pow(10, d->currency_digits), (int)d->currency_digits, number);
		snprintf(out, HUMAN_TEXT_MAX, "%.50s %.*s", number, SV_ARG(d->currency));
		return out;
	}
	human_number(v, fabs(v) >= 1000 ? 0 : 2, number);
	if (sv_equal(m->unit, SV("1")) || m->unit.len == 0 || m->unit.len > 10)
		snprintf(out, HUMAN_TEXT_MAX, "%s", number);
	else
		snprintf(out, HUMAN_TEXT_MAX, "%.50s %.*s", number, SV_ARG(m->unit));
	return out;
}

// "4.20" → "4.2", "95.0 %" → "95 %": targets are written as people wrote them.
char *report_trim(char *text)
{
	char *point = strchr(text, '.');
	if (!point)
		return text;
	char *end = point + 1 + strspn(point + 1, "0123456789"), *keep = end;
	while (keep > point + 1 && keep[-1] == '0')
		keep--;
	if (keep == point + 1)
		keep = point;
	memmove(keep, end, strlen(end) + 1);
	return text;
}

struct sv report_demand(const struct report *r, const struct expectation *x)
{
	char target[HUMAN_TEXT_MAX], share[HUMAN_TEXT_MAX];
	report_trim(report_value(r->design, x->measure, x->target, target));
	struct sv measure = r->design->measures[x->measure].name;
	const char *direction = x->direction == EXPECT_AT_LEAST ? "at least" : "at most";
	if (isnan(x->share))
		return arena_printf(r->arena, "%.*s %s %s", SV_ARG(measure), direction, target);
	report_trim(human_ratio(x->share, 1, share));
	return arena_printf(r->arena, "%.*s %s %s for %s", SV_ARG(measure), direction, target, share);
}

struct sv report_demand_short(const struct report *r, const struct look *look, const struct expectation *x)
{
	char target[HUMAN_TEXT_MAX];
	report_trim(report_value(r->design, x->measure, x->target, target));
	const char *direction = x->direction == EXPECT_AT_LEAST ? glyph(look, "\xE2\x89\xA5", ">=")
								: glyph(look, "\xE2\x89\xA4", "<=");
	return arena_printf(
		r->arena, "%.*s %s %s", SV_ARG(r->design->measures[x->measure].name), direction, target);
}

char *report_answer(
	const struct report *r, const struct expectation *x, const struct report_score *s, char *out)
{
	if (isnan(x->share))
		return report_value(r->design, x->measure, s->experience, out);
	return human_ratio(s->share, 1, out);
}
