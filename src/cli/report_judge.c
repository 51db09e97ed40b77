// SPDX-License-Identifier: Apache-2.0
// What to repair first, and what was repaired.
//
// An expectation is broken now when the verdict of its latest bucket with data is "broken"; it has been so since the
// first bucket of that run. When no bucket alone has enough data to tell, the whole period decides. It was repaired
// when a run of at least two broken buckets (one, when the period as a whole is broken too) was followed by buckets
// of which none is broken. Urgency = importance × n × shortfall over the run, where shortfall is the
// margin below zero.
#include "cli/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define REPAIRED_RUN_LEAST 2u
#define BUCKET_N_LEAST 10u // fewer interactions say nothing about a bucket

static bool telling(const struct report_score *s)
{
	return s->n >= BUCKET_N_LEAST && s->verdict != VERDICT_NONE;
}

static struct report_score together(const struct report_expectation *x, uint32_t from, uint32_t to)
{
	struct report_score sum = {0};
	double n = 0;
	for (uint32_t b = from; b < to; b++) {
		const struct report_score *s = &x->series[b];
		if (s->n == 0)
			continue;
		double w = (double)s->n;
		sum.gap += w * s->gap;
		sum.experience += w * s->experience;
		sum.share += w * s->share;
		sum.n += s->n;
		n += w;
	}
	sum.gap /= n; // NAN when there is nothing
	sum.experience /= n;
	sum.share /= n;
	sum.gap_low = sum.gap_high = sum.experience_low = sum.experience_high = REPORT_NONE;
	sum.share_low = sum.share_high = REPORT_NONE;
	return sum;
}

// The last run of broken buckets in [0, end); buckets that tell nothing do not end it. False: there is none.
static bool last_run(const struct report_expectation *x, uint32_t n_buckets, uint32_t *from, uint32_t *to)
{
	uint32_t end = n_buckets;
	while (end > 0 && !(telling(&x->series[end - 1]) && x->series[end - 1].verdict == VERDICT_BROKEN))
		end--;
	if (end == 0)
		return false;
	*to = end;
	*from = end - 1;
	for (uint32_t b = end - 1; b-- > 0;) {
		if (!telling(&x->series[b]))
			continue;
		if (x->series[b].verdict != VERDICT_BROKEN)
			break;
		*from = b;
	}
	return true;
}

static uint32_t broken_in(const struct report_expectation *x)
{
	uint32_t n = 0;
	for (uint32_t b = x->from; b < x->to; b++)
		n += telling(&x->series[b]);
	return n;
}

static bool any_after(const struct report_expectation *x, uint32_t n_buckets)
{
	for (uint32_t b = x->to; b < n_buckets; b++)
		if (telling(&x->series[b]))
			return true;
	return false;
}

static void judge_story(const struct report *r, const struct report_touchpoint *t, struct report_expectation *x)
{
	x->story = STORY_NONE;
	bool broken = x->all.verdict == VERDICT_BROKEN && telling(&x->all);
	x->whole = !last_run(x, r->n_buckets, &x->from, &x->to);
	if (x->whole && !broken)
		return;
	if (x->whole) {
		x->from = 0;
		x->to = r->n_buckets;
		x->since = x->all;
		x->story = STORY_BROKEN;
	} else {
		bool over = any_after(x, r->n_buckets);
		if (over && !broken && broken_in(x) < REPAIRED_RUN_LEAST)
			return;
		x->story = over ? STORY_REPAIRED : STORY_BROKEN;
		x->since = together(x, x->from, x->to);
	}
	double shortfall = -report_margin_of(x->declared, &x->since).value;
	x->urgency = t->declared->importance * (double)x->since.n * (shortfall > 0 ? shortfall : 0);
}

// Broken is worse than unclear, unclear than kept; then the lower margin.
static bool worse(const struct report_expectation *a, const struct report_expectation *b)
{
	int story_a = a->story == STORY_BROKEN, story_b = b->story == STORY_BROKEN;
	if (story_a != story_b)
		return story_a > story_b;
	if (a->all.verdict != b->all.verdict)
		return a->all.verdict > b->all.verdict;
	return report_margin_of(a->declared, &a->all).value < report_margin_of(b->declared, &b->all).value;
}

static struct sv sentence(
	const struct report *r, const struct report_touchpoint *t, const struct report_expectation *x)
{
	char answer[HUMAN_TEXT_MAX], n[HUMAN_TEXT_MAX];
	struct sv demand = report_demand(r, x->declared);
	report_answer(r, x->declared, &x->since, answer);
	human_number((double)x->since.n, 0, n);
	struct sv first = r->labels[x->from];
	const char *verb = isnan(x->declared->share) ? " on average" : " of the cases";
	if (x->story == STORY_BROKEN && x->whole)
		return arena_printf(r->arena,
			"%.*s: %s%s against %.*s, n = %s; the interval over the whole period "
			"excludes the target",
			SV_ARG(t->title), answer, verb, SV_ARG(demand), n);
	if (x->story == STORY_BROKEN) {
		const char *evidence = broken_in(x) > 1 ? "every" : "that";
		return arena_printf(r->arena,
			"%.*s: %s%s against %.*s, n = %s, since %.*s; %s %.*s's interval excludes "
			"the target",
			SV_ARG(t->title), answer, verb, SV_ARG(demand), n, SV_ARG(first), evidence,
			SV_ARG(r->bucket));
	}
	struct report_score after = together(x, x->to, r->n_buckets);
	char now[HUMAN_TEXT_MAX], n_now[HUMAN_TEXT_MAX];
	report_answer(r, x->declared, &after, now);
	human_number((double)after.n, 0, n_now);
	char when[128];
	if (x->to == x->from + 1)
		snprintf(when, sizeof(when), "in %.*s", SV_ARG(first));
	else
		snprintf(when, sizeof(when), "from %.*s to %.*s", SV_ARG(first), SV_ARG(r->labels[x->to - 1]));
	return arena_printf(r->arena, "%.*s: %s%s since %.*s (n = %s), after %s %s; %.*s", SV_ARG(t->title),
		now, verb, SV_ARG(r->labels[x->to]), n_now, answer, when, SV_ARG(demand));
}

static int by_urgency(const void *a, const void *b)
{
	const struct report_finding *x = a, *y = b;
	if (x->expectation->urgency > y->expectation->urgency)
		return -1;
	return x->expectation->urgency < y->expectation->urgency;
}

static void judge_touchpoint(struct report *r, struct report_touchpoint *t)
{
	for (uint32_t i = 0; i < t->n_expectations; i++) {
		struct report_expectation *x = &t->expectations[i];
		if (x->all.n == 0) {
			r->n_unmeasured++;
			continue;
		}
		judge_story(r, t, x);
		if (!t->worst || worse(x, t->worst))
			t->worst = x;
		r->n_scored++;
		r->n_kept += x->all.verdict == VERDICT_KEPT;
		r->n_broken += x->all.verdict == VERDICT_BROKEN;
		r->n_unclear += x->all.verdict == VERDICT_UNCLEAR;
		struct report_margin m = report_margin_of(x->declared, &x->all);
		if (telling(&x->all) && isfinite(m.low) && isfinite(m.high))
			r->scale = fmax(r->scale, fmax(fabs(m.low), fabs(m.high)));
	}
}

static void collect(struct report *r, enum story story, struct report_finding *out, uint32_t *n)
{
	*n = 0;
	for (uint32_t t = 0; t < r->n_touchpoints; t++)
		for (uint32_t i = 0; i < r->touchpoints[t].n_expectations; i++) {
			const struct report_expectation *x = &r->touchpoints[t].expectations[i];
			if (x->story == story)
				out[(*n)++] = (struct report_finding){&r->touchpoints[t], x, SV_NONE};
		}
	qsort(out, *n, sizeof(*out), by_urgency);
	for (uint32_t i = 0; i < *n; i++)
		out[i].sentence = sentence(r, out[i].touchpoint, out[i].expectation);
}

// The worse verdict first, then the lower margin, then as the file has them; without data last.
static int by_badness(const void *a, const void *b)
{
	const struct report_touchpoint *x = *(const struct report_touchpoint *const *)a;
	const struct report_touchpoint *y = *(const struct report_touchpoint *const *)b;
	if (!x->worst != !y->worst)
		return x->worst ? -1 : 1;
	if (x->worst && x->worst->all.verdict != y->worst->all.verdict)
		return x->worst->all.verdict > y->worst->all.verdict ? -1 : 1;
	double mx = x->worst ? report_margin_of(x->worst->declared, &x->worst->all).value : 0;
	double my = y->worst ? report_margin_of(y->worst->declared, &y->worst->all).value : 0;
	if (mx < my || mx > my)
		return mx < my ? -1 : 1;
	return (x > y) - (x < y);
}

static void stage_add(struct report_stage *s, const struct report_touchpoint *t)
{
	s->touchpoints[s->n_touchpoints++] = t;
	if (t->worst && t->worst->all.verdict > s->worst)
		s->worst = t->worst->all.verdict;
	for (uint32_t i = 0; i < t->n_expectations; i++) {
		const struct report_score *x = &t->expectations[i].all;
		if (x->n == 0)
			continue;
		double before = s->n ? s->share * (double)s->n : 0;
		s->n += x->n;
		s->share = (before + x->share * (double)x->n) / (double)s->n;
	}
}

static enum rc judge_stages(struct report *r, struct err *e)
{
	uint32_t n = r->design->n_stages;
	r->stages = arena_array(r->arena, (size_t)n + 1, sizeof(*r->stages));
	if (!r->stages)
		return err_set(e, RC_NOMEM, "out of memory for the report");
	for (uint32_t i = 0; i < n; i++) {
		struct report_stage *s = &r->stages[i];
		*s = (struct report_stage){.name = r->design->stages[i], .share = REPORT_NONE};
		s->touchpoints = arena_array(r->arena, (size_t)r->n_touchpoints + 1, sizeof(*s->touchpoints));
		if (!s->touchpoints)
			return err_set(e, RC_NOMEM, "out of memory for the report");
		for (uint32_t t = 0; t < r->n_touchpoints; t++)
			if (r->touchpoints[t].declared->stage == i)
				stage_add(s, &r->touchpoints[t]);
		qsort(s->touchpoints, s->n_touchpoints, sizeof(*s->touchpoints), by_badness);
	}
	return RC_OK;
}

enum rc report_judge(struct report *r, struct err *e)
{
	uint32_t n = 0;
	r->scale = 0.05;
	r->n_scored = r->n_kept = r->n_broken = r->n_unclear = r->n_unmeasured = 0;
	for (uint32_t t = 0; t < r->n_touchpoints; t++) {
		n += r->touchpoints[t].n_expectations;
		judge_touchpoint(r, &r->touchpoints[t]);
	}
	r->repair = arena_array(r->arena, n + 1, sizeof(*r->repair));
	r->repaired = arena_array(r->arena, n + 1, sizeof(*r->repaired));
	if (!r->repair || !r->repaired)
		return err_set(e, RC_NOMEM, "out of memory for the report");
	collect(r, STORY_BROKEN, r->repair, &r->n_repair);
	collect(r, STORY_REPAIRED, r->repaired, &r->n_repaired);
	return judge_stages(r, e);
}
