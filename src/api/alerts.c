// SPDX-License-Identifier: Apache-2.0
// Finds alerts and says each in words, with its numbers.
//
//   missed   the mean is worse than the target, and its 95 % interval lies wholly on that side
//   share    too few interactions meet the target: Wilson's interval lies wholly below the share expected
//   worse    worse than in as much time before: the interval of the difference lies wholly below 0, and the difference is
//            at least RELEVANT, so that many interactions do not make an alert of nothing
//   overdue  promises that are due and not answered
// The interval of a difference comes from those of its two numbers (square-and-add: Newcombe 1998, method 10, for shares;
// Zou & Donner 2008 for means).
#include "api/alerts.h"

#include "measure/stats.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>

enum { N_MIN = 10 };  // values on either side of a comparison
#define RELEVANT 0.02 // of shares; of means in scales of the expectation

// An expectation's answer in one period: the share that meets the target, or the mean.
struct score {
	double n, value, low, high;
};

static struct score score_of(const struct result *r, int64_t row, bool is_share)
{
	const char *const *name =
		is_share ? (const char *const[]){"share_kept", "share_kept_low", "share_kept_high"}
			 : (const char *const[]){"experience", "experience_low", "experience_high"};
	return (struct score){answer_number(r, row, "n", 0), answer_number(r, row, name[0], (double)NAN),
		answer_number(r, row, name[1], (double)NAN), answer_number(r, row, name[2], (double)NAN)};
}

// Turned and scaled so that more is better and 1 is a share of 1 or a scale.
static struct score margin_of(struct score s, const struct expectation *x)
{
	double unit = isnan(x->share) ? x->scale : 1.0;
	if (isnan(x->share) && x->direction == EXPECT_AT_MOST)
		return (struct score){s.n, -s.value / unit, -s.high / unit, -s.low / unit};
	return (struct score){s.n, s.value / unit, s.low / unit, s.high / unit};
}

static bool can_compare(struct score a, struct score b)
{
	return a.n >= N_MIN && b.n >= N_MIN && !isnan(a.low) && !isnan(b.low);
}

static bool is_worse(struct score now, struct score before, double widen)
{
	double above = now.high - now.value, below = before.value - before.low;
	double difference = now.value - before.value;
	return difference <= -RELEVANT && difference + widen * sqrt(above * above + below * below) < 0;
}

double alerts_widening(const struct alert_facts *f)
{
	uint32_t n = 0;
	for (uint32_t x = 0; f->before && x < f->design->n_expectations; x++) {
		bool is_share = !isnan(f->design->expectations[x].share);
		n += can_compare(score_of(f->gap, f->gap_row[x], is_share),
			score_of(f->before, f->before_row[x], is_share));
	}
	return n ? stats_normal_quantile(1.0 - 0.025 / n) / STATS_Z95 : 1.0;
}

// --- in words ---

static struct sv percent(struct arena *a, double ratio)
{
	return arena_printf(a, "%.1f %%", 100.0 * ratio);
}

// "1h 30min" as it reads in a sentence: "1 h 30 min"; 0 has a unit too.
static struct sv spaced(struct arena *a, struct sv text)
{
	struct buf out = buf_new(256);
	for (size_t i = 0; i < text.len; i++) {
		bool unit_begins =
			i > 0 && isalpha((unsigned char)text.ptr[i]) && isdigit((unsigned char)text.ptr[i - 1]);
		if (unit_begins)
			buf_char(&out, ' ');
		buf_char(&out, text.ptr[i]);
	}
	if (sv_equal(text, SV("0")))
		buf_str(&out, " s");
	struct sv copy = arena_copy(a, buf_view(&out));
	buf_free(&out);
	return copy;
}

static struct sv printed(const struct alert_facts *f, struct sv unit, double v)
{
	struct sv text = design_quantity_print(f->design, f->arena, unit, v);
	return sv_equal(unit, SV("s")) ? spaced(f->arena, text) : text;
}

// What a value is rounded to: money to minor units, times to days, hours, minutes or seconds by their size, small numbers to two
// digits, so that they are not 0.
static double grain(struct sv unit, double v)
{
	static const double times[][2] = {{864000, 86400}, {36000, 3600}, {3600, 60}, {10, 1}};
	double size = fabs(v);
	if (sv_equal(unit, SV("minor")))
		return 1;
	for (size_t i = 0; sv_equal(unit, SV("s")) && i < sizeof(times) / sizeof(times[0]); i++)
		if (size >= times[i][0])
			return times[i][1];
	return size >= 1e-12 && size < 0.01 ? pow(10, floor(log10(size)) - 1) : 0.01;
}

// A value as it reads in a sentence: rounded, a share where the measure goes from 0 to 1.
static struct sv quantity(const struct alert_facts *f, const struct expectation *x, double v)
{
	const struct design_measure *m = &f->design->measures[x->measure];
	if (m->min == 0.0 && m->max == 1.0)
		return percent(f->arena, v);
	// Steps below 1 are taken as wholes of their inverse, which is exact; 0 is added so that there is no -0.
	double step = grain(m->unit, v), inverse = step < 1 ? round(1 / step) : 1 / step;
	double rounded = (step < 1 ? round(v * inverse) / inverse : round(v / step) * step) + 0.0;
	return printed(f, m->unit, rounded);
}

static struct sv shown(const struct alert_facts *f, const struct expectation *x, double v)
{
	return isnan(x->share) ? quantity(f, x, v) : percent(f->arena, v);
}

static struct sv demand(const struct alert_facts *f, const struct expectation *x)
{
	const struct design_measure *m = &f->design->measures[x->measure];
	bool is_ratio = m->min == 0.0 && m->max == 1.0;
	struct sv measure = m->name, target = is_ratio ? arena_printf(f->arena, "%g %%", 100.0 * x->target)
						       : quantity(f, x, x->target);
	return arena_printf(f->arena, "%.*s %s %.*s", SV_ARG(measure),
		x->direction == EXPECT_AT_LEAST ? "at least" : "at most", SV_ARG(target));
}

// "12,345"
static struct sv count(struct arena *a, double n)
{
	char digits[32], text[48];
	int len = snprintf(digits, sizeof(digits), "%.0f", n), at = 0;
	for (int i = 0; i < len; i++) {
		text[at++] = digits[i];
		if ((len - i) % 3 == 1 && i + 1 < len)
			text[at++] = ',';
	}
	return arena_copy(a, (struct sv){text, (size_t)at});
}

static struct sv missed_text(const struct alert_facts *f, const struct expectation *x, struct score s)
{
	struct sv value = shown(f, x, s.value), low = shown(f, x, s.low), high = shown(f, x, s.high);
	struct sv wanted = demand(f, x), n = count(f->arena, s.n),
		  measure = f->design->measures[x->measure].name;
	if (!isnan(x->share))
		return arena_printf(f->arena,
			"%.*s in %.*s of cases (95 %% interval %.*s to %.*s, n %.*s); %g %% are expected",
			SV_ARG(wanted), SV_ARG(value), SV_ARG(low), SV_ARG(high), SV_ARG(n), 100.0 * x->share);
	return arena_printf(f->arena,
		"%.*s is %.*s on average (95 %% interval %.*s to %.*s, n %.*s); expected: %.*s",
		SV_ARG(measure), SV_ARG(value), SV_ARG(low), SV_ARG(high), SV_ARG(n), SV_ARG(wanted));
}

static struct sv worse_text(
	const struct alert_facts *f, const struct expectation *x, struct score now, struct score before)
{
	struct sv a = shown(f, x, now.value), b = shown(f, x, before.value), wanted = demand(f, x);
	struct sv n = count(f->arena, now.n), n_before = count(f->arena, before.n);
	return arena_printf(f->arena, "%.*s: %.*s, after %.*s in as much time before (n %.*s and %.*s)",
		SV_ARG(wanted), SV_ARG(a), SV_ARG(b), SV_ARG(n), SV_ARG(n_before));
}

// --- writing ---

static void write_score(struct json *j, const char *key, struct score s)
{
	json_key(j, key);
	json_object(j);
	json_key_double(j, "n", s.n);
	json_key_double(j, "value", s.value);
	json_key_double(j, "low", s.low);
	json_key_double(j, "high", s.high);
	json_object_end(j);
}

static void write_head(struct json *j, const char *kind, struct sv expectation, struct sv text)
{
	json_object(j);
	json_key_text(j, "kind", kind);
	json_key_string(j, "expectation", expectation);
	json_key_string(j, "text", text);
}

static void write_missed(struct json *j, const struct alert_facts *f, uint32_t index)
{
	const struct expectation *x = &f->design->expectations[index];
	bool is_share = !isnan(x->share);
	if (!sv_equal(answer_text(f->gap, f->gap_row[index], "verdict"), SV("broken")))
		return;
	struct score s = score_of(f->gap, f->gap_row[index], is_share);
	write_head(j, is_share ? "share" : "missed", x->name, missed_text(f, x, s));
	write_score(j, "now", s);
	json_key_double(j, "expected", is_share ? x->share : x->target);
	json_object_end(j);
}

static void write_worse(struct json *j, const struct alert_facts *f, uint32_t index)
{
	const struct expectation *x = &f->design->expectations[index];
	if (!f->before)
		return;
	struct score now = score_of(f->gap, f->gap_row[index], !isnan(x->share)),
		     before = score_of(f->before, f->before_row[index], !isnan(x->share));
	if (!can_compare(now, before) || !is_worse(margin_of(now, x), margin_of(before, x), f->widen))
		return;
	write_head(j, "worse", x->name, worse_text(f, x, now, before));
	write_score(j, "now", now);
	write_score(j, "before", before);
	json_object_end(j);
}

static void write_overdue(struct json *j, const struct alert_facts *f, uint32_t touchpoint)
{
	int64_t row = f->promise_row[touchpoint];
	double overdue = answer_number(f->promises, row, "overdue", 0);
	double made = answer_number(f->promises, row, "made", 0);
	if (overdue <= 0)
		return;
	write_head(j, "overdue", SV_NONE,
		arena_printf(f->arena, "%.0f of %.0f promises made here are overdue: due, and not answered",
			overdue, made));
	json_key_double(j, "overdue", overdue);
	json_key_double(j, "made", made);
	json_object_end(j);
}

void alerts_write(struct json *j, const struct alert_facts *f, uint32_t touchpoint)
{
	const struct design_touchpoint *t = &f->design->touchpoints[touchpoint];
	json_array(j);
	for (uint32_t i = 0; i < t->n_expectations; i++)
		write_missed(j, f, t->first_expectation + i);
	for (uint32_t i = 0; i < t->n_expectations; i++)
		write_worse(j, f, t->first_expectation + i);
	write_overdue(j, f, touchpoint);
	json_array_end(j);
}
