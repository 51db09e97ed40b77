// SPDX-License-Identifier: Apache-2.0
// Coordinates of the report's pictures.
#include "cli/report_chart.h"

#include <math.h>
#include <stdio.h>

#define PATH_MAX_BYTES 65536u
#define PLOT_LEFT 64.0
#define PLOT_RIGHT 444.0
#define PLOT_TOP 14.0
#define PLOT_BOTTOM 116.0
#define LABELS_MOST 6u
#define RANGE_LEAST 0.1 // smaller ups and downs are drawn small

static struct sv kept_path(const struct report *r, struct buf *b)
{
	struct sv path = b->len ? arena_copy(r->arena, buf_view(b)) : SV("");
	buf_free(b);
	return path;
}

static double clamp(double v, double low, double high)
{
	return fmin(fmax(v, low), high);
}

void chart_spark(const struct report *r, const struct report_expectation *x, struct fill *f)
{
	double least = 0, most = 0;
	uint32_t n = 0, first = UINT32_MAX, last = 0;
	for (uint32_t b = 0; b < r->n_buckets; b++) {
		double v = report_margin_of(x->declared, &x->series[b]).value;
		if (!isfinite(v))
			continue;
		least = fmin(least, v);
		most = fmax(most, v);
		first = first == UINT32_MAX ? b : first;
		last = b;
		n++;
	}
	if (n < 2)
		return;
	if (most - least < RANGE_LEAST) {
		double short_of = RANGE_LEAST - (most - least);
		least -= short_of / 2;
		most += short_of / 2;
	}
	struct buf path = buf_new(PATH_MAX_BYTES);
	bool down = false;
	double at_x = 0, at_y = 0;
	for (uint32_t b = 0; b < r->n_buckets; b++) {
		double v = report_margin_of(x->declared, &x->series[b]).value;
		if (!isfinite(v)) {
			down = false;
			continue;
		}
		at_x = 3 + 114.0 * b / (r->n_buckets - 1);
		at_y = 23 - 20 * (v - least) / (most - least);
		buf_printf(&path, "%s%.1f %.1f", down ? "L" : "M", at_x, at_y);
		down = true;
	}
	char from[HUMAN_TEXT_MAX], to[HUMAN_TEXT_MAX];
	fill_printf(f, "spark_words", "margin by %.*s, from %s in %.*s to %s in %.*s", SV_ARG(r->bucket),
		human_number(report_margin_of(x->declared, &x->series[first]).value, 3, from),
		SV_ARG(r->labels[first]),
		human_number(report_margin_of(x->declared, &x->series[last]).value, 3, to),
		SV_ARG(r->labels[last]));
	fill_text(f, "spark", kept_path(r, &path));
	fill_printf(f, "zero_y", "%.1f", 23 - 20 * (0 - least) / (most - least));
	fill_printf(f, "end_x", "%.1f", at_x);
	fill_printf(f, "end_y", "%.1f", at_y);
}

// One value by bucket with its interval: the share where a share is expected, else the mean.
struct trend {
	const struct report *r;
	const struct report_expectation *x;
	bool share;
	double least, most; // of the axis
	double step;        // between ticks
};

static void values_of(const struct trend *t, uint32_t b, double out[3])
{
	const struct report_score *s = &t->x->series[b];
	out[0] = t->share ? s->share : s->experience;
	out[1] = t->share ? s->share_low : s->experience_low;
	out[2] = t->share ? s->share_high : s->experience_high;
	for (int i = 1; i < 3; i++)
		out[i] = isfinite(out[i]) ? out[i] : out[0];
}

static double target_of(const struct trend *t)
{
	return t->share ? t->x->declared->share : t->x->declared->target;
}

// A step of 1, 2 or 5 times a power of ten that gives three to six ticks.
static double nice_step(double range)
{
	double power = pow(10, floor(log10(range / 4)));
	double rest = range / 4 / power;
	return power * (rest <= 1.0 ? 1 : rest <= 2.0 ? 2 : rest <= 5.0 ? 5 : 10);
}

static void axis_make(struct trend *t)
{
	double least = target_of(t), most = least;
	for (uint32_t b = 0; b < t->r->n_buckets; b++) {
		double v[3];
		values_of(t, b, v);
		if (!isfinite(v[0]))
			continue;
		// An interval of a handful of interactions must not squeeze the rest.
		bool few = t->x->series[b].n < 10;
		least = fmin(least, few ? v[0] : v[1]);
		most = fmax(most, few ? v[0] : v[2]);
	}
	if (!(most > least))
		most = least + (least != 0 ? fabs(least) : 1);
	double pad = 0.06 * (most - least);
	t->least = least - pad;
	t->most = most + pad;
	if (t->share) {
		t->least = fmax(t->least, 0);
		t->most = fmin(t->most, 1.01);
	}
	t->step = nice_step(t->most - t->least);
}

static double at_x(const struct trend *t, double b)
{
	double last = t->r->n_buckets > 1 ? t->r->n_buckets - 1 : 1;
	return PLOT_LEFT + (PLOT_RIGHT - PLOT_LEFT) * b / last;
}

static double at_y(const struct trend *t, double v)
{
	double y = PLOT_BOTTOM - (PLOT_BOTTOM - PLOT_TOP) * (v - t->least) / (t->most - t->least);
	return clamp(y, PLOT_TOP - 4, PLOT_BOTTOM + 4);
}

static char *value_text(const struct trend *t, double v, char *out)
{
	if (t->share)
		return human_ratio(v, t->step < 0.01 ? 1 : 0, out);
	return report_value(t->r->design, t->x->declared->measure, v, out);
}

static void fill_ticks(const struct trend *t, struct fill *f)
{
	char text[HUMAN_TEXT_MAX];
	double first = ceil(t->least / t->step) * t->step;
	for (int i = 0; i < 8 && first + i * t->step <= t->most; i++) {
		struct fill *tick = fill_item(f, "ticks");
		double v = first + i * t->step, y = at_y(t, v);
		fill_printf(tick, "tick", "%s", report_trim(value_text(t, v, text)));
		fill_printf(tick, "tick_y", "%.1f", y);
		fill_printf(tick, "tick_text_y", "%.1f", y + 3.5);
	}
}

static void fill_line(const struct trend *t, struct fill *f)
{
	struct buf line = buf_new(PATH_MAX_BYTES), band = buf_new(PATH_MAX_BYTES);
	uint32_t n = t->r->n_buckets;
	for (uint32_t b = 0; b < n;) {
		double v[3];
		uint32_t end = b;
		for (; end < n && (values_of(t, end, v), isfinite(v[0])); end++) {
			buf_printf(&line, "%s%.1f %.1f", end == b ? "M" : "L", at_x(t, end), at_y(t, v[0]));
			buf_printf(&band, "%s%.1f %.1f", end == b ? "M" : "L", at_x(t, end), at_y(t, v[2]));
		}
		for (uint32_t back = end; back-- > b;) {
			values_of(t, back, v);
			buf_printf(&band, "L%.1f %.1f", at_x(t, back), at_y(t, v[1]));
		}
		if (end > b)
			buf_char(&band, 'Z');
		b = end + 1;
	}
	fill_text(f, "line", kept_path(t->r, &line));
	fill_text(f, "band", kept_path(t->r, &band));
}

static void fill_dots(const struct trend *t, struct fill *f)
{
	static const char *const states[] = {"none", "kept", "unclear", "broken"};
	for (uint32_t b = 0; b < t->r->n_buckets; b++) {
		char value[HUMAN_TEXT_MAX], n[HUMAN_TEXT_MAX];
		double v[3];
		values_of(t, b, v);
		if (!isfinite(v[0]))
			continue;
		struct fill *dot = fill_item(f, "dots");
		fill_printf(dot, "dot_x", "%.1f", at_x(t, b));
		fill_printf(dot, "dot_y", "%.1f", at_y(t, v[0]));
		fill_text(dot, "dot_state", sv_from(states[t->x->series[b].verdict]));
		fill_printf(dot, "dot_words", "%.*s: %s, n = %s", SV_ARG(t->r->labels[b]),
			value_text(t, v[0], value), human_number((double)t->x->series[b].n, 0, n));
	}
}

static void fill_labels(const struct trend *t, struct fill *f)
{
	uint32_t n = t->r->n_buckets, every = (n + LABELS_MOST - 1) / LABELS_MOST;
	for (uint32_t b = 0; b < n; b += every) {
		struct fill *label = fill_item(f, "labels");
		fill_text(label, "label", t->r->labels[b]);
		fill_printf(label, "label_x", "%.1f", fmin(at_x(t, b), PLOT_RIGHT - 10));
	}
}

// Does the line end above the target? Then the target's text goes below, where it is free.
static bool ends_above(const struct trend *t)
{
	for (uint32_t b = t->r->n_buckets; b-- > 0;) {
		double v[3];
		values_of(t, b, v);
		if (isfinite(v[0]))
			return v[0] >= target_of(t);
	}
	return false;
}

void chart_trend(const struct report *r, const struct report_expectation *x, struct fill *f)
{
	struct trend t = {.r = r, .x = x, .share = !isnan(x->declared->share)};
	char target[HUMAN_TEXT_MAX];
	axis_make(&t);
	fill_ticks(&t, f);
	fill_line(&t, f);
	fill_dots(&t, f);
	fill_labels(&t, f);
	double y = at_y(&t, target_of(&t));
	fill_printf(f, "target_y", "%.1f", y);
	fill_printf(f, "target_text_y", "%.1f", ends_above(&t) ? y + 13 : y - 5);
	fill_printf(f, "target", "%s", report_trim(value_text(&t, target_of(&t), target)));
	fill_printf(f, "chart_words", "by %.*s, with 95 %% intervals, against %s", SV_ARG(r->bucket), target);
	if (x->to > x->from) {
		double half = r->n_buckets > 1 ? 0.5 : 0, from = at_x(&t, x->from - half),
		       to = at_x(&t, x->to - 1 + half);
		from = fmax(from, PLOT_LEFT - 8);
		to = fmin(to, PLOT_RIGHT + 8);
		fill_printf(f, "bad_from", "%.1f", from);
		fill_printf(f, "bad_width", "%.1f", to - from);
	}
}
