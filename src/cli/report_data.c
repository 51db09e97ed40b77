// SPDX-License-Identifier: Apache-2.0
// Asks the analyses for the report.
#include "cli/report.h"

#include <math.h>
#include <stdio.h>

struct asking {
	struct snapshot *snapshot;
	const struct report_question *question;
	struct report *report;
	int64_t to_ms; // last instant of the period when an end was given and lies before the newest interaction
};

static enum rc ask(const struct asking *a, const char *analysis, const char *by1, const char *by2,
	const struct query_param *params, uint32_t n_params, struct result **out, struct err *e)
{
	struct query q = {.analysis = sv_from(analysis),
		.from = a->question->from,
		.to = a->question->to,
		.where = a->question->where,
		.n_where = a->question->n_where,
		.params = params,
		.n_params = n_params,
		.threads = a->question->threads};
	if (by1)
		q.by[q.n_by++] = sv_from(by1);
	if (by2)
		q.by[q.n_by++] = sv_from(by2);
	return query_run(a->snapshot, &q, out, e);
}

static const struct cell *cell_of(const struct result *r, uint32_t row, const char *name)
{
	for (uint32_t c = 0; c < r->n_columns; c++)
		if (strcmp(r->columns[c].name, name) == 0)
			return &r->cells[(size_t)row * r->n_columns + c];
	return NULL;
}

static double number_of(const struct result *r, uint32_t row, const char *name)
{
	const struct cell *c = cell_of(r, row, name);
	if (!c || c->null)
		return REPORT_NONE;
	return c->number;
}

static uint64_t count_of(const struct result *r, uint32_t row, const char *name)
{
	double v = number_of(r, row, name);
	return v > 0 ? (uint64_t)v : 0;
}

static struct sv text_of(const struct result *r, uint32_t row, const char *name)
{
	const struct cell *c = cell_of(r, row, name);
	return !c || c->null ? SV_NONE : c->text;
}

static struct report_touchpoint *touchpoint_of(const struct report *r, struct sv name)
{
	uint32_t i = design_touchpoint_find(r->design, name);
	return i == DESIGN_NONE ? NULL : &r->touchpoints[i];
}

static uint32_t bucket_of(const struct report *r, struct sv label)
{
	for (uint32_t i = 0; i < r->n_buckets; i++)
		if (sv_equal(r->labels[i], label))
			return i;
	return UINT32_MAX;
}

static const struct report_score no_score = {.gap = REPORT_NONE,
	.gap_low = REPORT_NONE,
	.gap_high = REPORT_NONE,
	.experience = REPORT_NONE,
	.experience_low = REPORT_NONE,
	.experience_high = REPORT_NONE,
	.share = REPORT_NONE,
	.share_low = REPORT_NONE,
	.share_high = REPORT_NONE};

// Days of the period decide how wide a bucket is, so that a series has some dozen.
static enum tz_unit bucket_unit(int64_t from_ms, int64_t to_ms, struct sv *name)
{
	static const struct {
		double days;
		enum tz_unit unit;
		struct sv name;
	} widths[] = {{2, TZ_HOUR, {"hour", 4}}, {16, TZ_DAY, {"day", 3}}, {120, TZ_WEEK, {"week", 4}},
		{750, TZ_MONTH, {"month", 5}}, {2300, TZ_QUARTER, {"quarter", 7}}, {1e9, TZ_YEAR, {"year", 4}}};
	double days = (double)(to_ms - from_ms) / 86400e3;
	unsigned i = 0;
	while (i < 5 && days > widths[i].days)
		i++;
	*name = widths[i].name;
	return widths[i].unit;
}

static enum rc make_buckets(struct report *r, int64_t from_ms, int64_t to_ms, struct err *e)
{
	struct tz_buckets buckets;
	enum tz_unit unit = bucket_unit(from_ms, to_ms, &r->bucket);
	enum rc rc = tz_buckets_make(r->design->tz, unit, from_ms, to_ms + 1, r->arena, &buckets, e);
	if (rc == RC_OK) {
		r->labels = buckets.label;
		r->n_buckets = buckets.n;
	}
	return rc;
}

// The filters in one line.
static struct sv filters_text(const struct report_question *q, struct arena *arena)
{
	struct sv all = SV("");
	for (uint32_t i = 0; i < q->n_where; i++)
		all = arena_printf(arena, "%.*s%s%.*s", SV_ARG(all), i ? " and " : "", SV_ARG(q->where[i]));
	return all;
}

static enum rc make_period(struct asking *a, struct err *e)
{
	struct report *r = a->report;
	const struct tz *tz = r->design->tz;
	struct snapshot_stats stats;
	snapshot_stats(a->snapshot, &stats);
	int64_t from = stats.first_ms, to = stats.last_ms, bound;
	enum rc rc = RC_OK;
	if (a->question->from.len) {
		rc = query_bound(tz, "from", a->question->from, false, &bound, e);
		from = rc == RC_OK && bound > from ? bound : from;
	}
	if (rc == RC_OK && a->question->to.len) {
		rc = query_bound(tz, "to", a->question->to, true, &bound, e);
		if (rc == RC_OK && bound - 1 < to)
			to = a->to_ms = bound - 1;
	}
	if (rc != RC_OK)
		return rc;
	char first[HUMAN_TEXT_MAX], last[HUMAN_TEXT_MAX];
	if (stats.n_interactions == 0 || to < from) {
		r->period = SV("no time");
		r->bucket = SV("month");
		return RC_OK;
	}
	r->period = arena_printf(r->arena, "%s to %s", human_date(tz, from, first), human_date(tz, to, last));
	return make_buckets(r, from, to, e);
}

static enum rc ask_customers(const struct asking *a, struct err *e)
{
	static const struct query_param customers = {{"customers", 9}, {"true", 4}};
	struct result *result = NULL;
	enum rc rc = ask(a, "volume", NULL, NULL, &customers, 1, &result, e);
	if (rc == RC_OK && result->n_rows) {
		a->report->n = result->n;
		a->report->n_customers = count_of(result, 0, "customers");
	}
	result_free(&result);
	return rc;
}

static enum rc make_touchpoints(struct report *r, struct err *e)
{
	const struct design *d = r->design;
	r->n_touchpoints = d->n_touchpoints;
	r->touchpoints = arena_array(r->arena, (size_t)d->n_touchpoints + 1, sizeof(*r->touchpoints));
	if (!r->touchpoints)
		return err_set(e, RC_NOMEM, "out of memory for the report");
	for (uint32_t t = 0; t < d->n_touchpoints; t++) {
		const struct design_touchpoint *from = &d->touchpoints[t];
		struct report_touchpoint *to = &r->touchpoints[t];
		to->declared = from;
		to->title = from->title;
		to->stage = d->stages[from->stage];
		to->owner = from->owner == DESIGN_NONE ? SV("") : d->departments[from->owner];
		to->promises = no_score;
		to->n_expectations = from->n_expectations;
		to->expectations =
			arena_array(r->arena, (size_t)from->n_expectations + 1, sizeof(*to->expectations));
		for (uint32_t i = 0; to->expectations && i < from->n_expectations; i++) {
			struct report_expectation *x = &to->expectations[i];
			x->declared = &d->expectations[from->first_expectation + i];
			x->all = no_score;
			x->series = arena_array(r->arena, (size_t)r->n_buckets + 1, sizeof(*x->series));
			for (uint32_t b = 0; x->series && b < r->n_buckets; b++)
				x->series[b] = no_score;
			if (!x->series)
				return err_set(e, RC_NOMEM, "out of memory for the report");
		}
		if (!to->expectations)
			return err_set(e, RC_NOMEM, "out of memory for the report");
	}
	return RC_OK;
}

static enum rc ask_volume(const struct asking *a, struct err *e)
{
	struct result *result = NULL;
	enum rc rc = ask(a, "volume", "touchpoint", NULL, NULL, 0, &result, e);
	for (uint32_t i = 0; rc == RC_OK && i < result->n_rows; i++) {
		struct report_touchpoint *t = touchpoint_of(a->report, text_of(result, i, "touchpoint"));
		if (t)
			t->n = count_of(result, i, "interactions");
		else
			a->report->n_unmatched += count_of(result, i, "interactions");
	}
	result_free(&result);
	return rc;
}

static enum verdict verdict_of(struct sv text)
{
	if (sv_equal(text, SV("kept")))
		return VERDICT_KEPT;
	if (sv_equal(text, SV("broken")))
		return VERDICT_BROKEN;
	return sv_starts(text, SV("no detectable")) ? VERDICT_UNCLEAR : VERDICT_NONE;
}

static struct report_score score_of(const struct result *r, uint32_t row)
{
	return (struct report_score){.n = count_of(r, row, "n"),
		.gap = number_of(r, row, "gap"),
		.gap_low = number_of(r, row, "gap_low"),
		.gap_high = number_of(r, row, "gap_high"),
		.experience = number_of(r, row, "experience"),
		.experience_low = number_of(r, row, "experience_low"),
		.experience_high = number_of(r, row, "experience_high"),
		.share = number_of(r, row, "share_kept"),
		.share_low = number_of(r, row, "share_kept_low"),
		.share_high = number_of(r, row, "share_kept_high"),
		.verdict = verdict_of(text_of(r, row, "verdict"))};
}

static struct report_expectation *expectation_of(
	const struct report *r, const struct result *result, uint32_t row)
{
	struct report_touchpoint *t = touchpoint_of(r, text_of(result, row, "touchpoint"));
	struct sv name = text_of(result, row, "expectation");
	for (uint32_t i = 0; t && i < t->n_expectations; i++)
		if (sv_equal(t->expectations[i].declared->name, name))
			return &t->expectations[i];
	return NULL;
}

static enum rc ask_gaps(const struct asking *a, struct err *e)
{
	struct report *r = a->report;
	struct result *all = NULL, *series = NULL;
	char width[16];
	snprintf(width, sizeof(width), "%.*s", SV_ARG(r->bucket));
	enum rc rc = ask(a, "gap", "touchpoint", NULL, NULL, 0, &all, e);
	for (uint32_t i = 0; rc == RC_OK && i < all->n_rows; i++) {
		struct report_expectation *x = expectation_of(r, all, i);
		if (x)
			x->all = score_of(all, i);
	}
	if (rc == RC_OK)
		rc = ask(a, "gap", "touchpoint", width, NULL, 0, &series, e);
	for (uint32_t i = 0; rc == RC_OK && i < series->n_rows; i++) {
		struct report_expectation *x = expectation_of(r, series, i);
		uint32_t b = bucket_of(r, text_of(series, i, width));
		if (x && b != UINT32_MAX)
			x->series[b] = score_of(series, i);
	}
	result_free(&all);
	result_free(&series);
	return rc;
}

// What is wrong with the data itself: one line each.
static enum rc ask_quality(const struct asking *a, struct err *e)
{
	struct report *r = a->report;
	struct result *result = NULL;
	enum rc rc = ask(a, "quality", NULL, NULL, NULL, 0, &result, e);
	if (rc == RC_OK)
		r->findings = arena_array(r->arena, (size_t)result->n_rows + 1, sizeof(*r->findings));
	if (rc == RC_OK && !r->findings)
		rc = err_set(e, RC_NOMEM, "out of memory for the report");
	for (uint32_t i = 0; rc == RC_OK && i < result->n_rows; i++) {
		char n[HUMAN_TEXT_MAX], of[HUMAN_TEXT_MAX], share[HUMAN_TEXT_MAX];
		struct sv finding = text_of(result, i, "finding"), advice = text_of(result, i, "advice");
		r->findings[r->n_findings++] = arena_printf(r->arena, "%.*s: %s of %s (%s). %.*s",
			SV_ARG(finding), human_number(number_of(result, i, "n"), 0, n),
			human_number(number_of(result, i, "of"), 0, of),
			human_ratio(number_of(result, i, "share"), 2, share), SV_ARG(advice));
	}
	result_free(&result);
	return rc;
}

static bool named_agent(struct sv agent)
{
	return agent.len > 0 && agent.ptr[0] != '('; // "(none)", "(other)"
}

// The ledger as it stood at the end of the period; without an end, as it stands.
static uint32_t as_of_param(const struct asking *a, char at[40], struct query_param *out)
{
	if (a->to_ms == TIME_NONE)
		return 0;
	*out = (struct query_param){SV("as-of"), sv_from(tz_format(a->report->design->tz, a->to_ms, at))};
	return 1;
}

// Promises as a score: n are those that were due, share is kept in time; there is no gap.
static struct report_score promises_score_of(const struct result *r, uint32_t row)
{
	struct report_score s = no_score;
	s.n = count_of(r, row, "kept") + count_of(r, row, "broken") + count_of(r, row, "overdue");
	s.share = number_of(r, row, "share_kept");
	s.share_low = number_of(r, row, "share_kept_low");
	s.share_high = number_of(r, row, "share_kept_high");
	return s;
}

// The rows of gap or promises by touchpoint and agent: counted in the first pass, added in the second.
static void take_agents(struct report *r, const struct result *result, bool promises, int pass)
{
	for (uint32_t i = 0; i < result->n_rows; i++) {
		struct sv agent = text_of(result, i, "agent");
		struct report_touchpoint *t = touchpoint_of(r, text_of(result, i, "touchpoint"));
		const struct report_expectation *x = promises ? NULL : expectation_of(r, result, i);
		if (!t || !named_agent(agent) || (!promises && !x))
			continue;
		struct report_score score = promises ? promises_score_of(result, i) : score_of(result, i);
		if (pass == 0)
			report_agents_count(r, x ? &x->all : &t->promises, &score);
		else
			report_agents_add(r, t, x, agent, &score);
	}
}

static enum rc ask_agents(const struct asking *a, struct err *e)
{
	struct report *r = a->report;
	struct result *gaps = NULL, *all = NULL, *promises = NULL;
	char at[40];
	struct query_param as_of;
	uint32_t n_params = as_of_param(a, at, &as_of);
	enum rc rc = ask(a, "gap", "touchpoint", "agent", NULL, 0, &gaps, e);
	if (rc == RC_OK)
		rc = ask(a, "promises", "touchpoint", NULL, &as_of, n_params, &all, e);
	if (rc == RC_OK)
		rc = ask(a, "promises", "touchpoint", "agent", &as_of, n_params, &promises, e);
	for (uint32_t i = 0; rc == RC_OK && i < all->n_rows; i++) {
		struct report_touchpoint *t = touchpoint_of(r, text_of(all, i, "touchpoint"));
		if (t)
			t->promises = promises_score_of(all, i);
	}
	for (int pass = 0; rc == RC_OK && pass < 2; pass++) {
		take_agents(r, gaps, false, pass);
		take_agents(r, promises, true, pass);
	}
	report_agents_judge(r);
	result_free(&gaps);
	result_free(&all);
	result_free(&promises);
	return rc;
}

static enum rc ask_promises(const struct asking *a, struct err *e)
{
	struct report *r = a->report;
	struct report_promises *p = &r->promises;
	struct result *all = NULL, *series = NULL;
	char width[16];
	snprintf(width, sizeof(width), "%.*s", SV_ARG(r->bucket));
	char at[40];
	struct query_param as_of;
	uint32_t n_params = as_of_param(a, at, &as_of);
	enum rc rc = ask(a, "promises", NULL, NULL, &as_of, n_params, &all, e);
	if (rc == RC_OK && all->n_rows) {
		p->made = count_of(all, 0, "made");
		p->kept = count_of(all, 0, "kept");
		p->broken = count_of(all, 0, "broken");
		p->overdue = count_of(all, 0, "overdue");
		p->open = count_of(all, 0, "open");
		p->answered = count_of(all, 0, "answered");
		p->share = number_of(all, 0, "share_kept");
		p->share_low = number_of(all, 0, "share_kept_low");
		p->share_high = number_of(all, 0, "share_kept_high");
	}
	for (uint32_t i = 0; rc == RC_OK && i < all->n_notes; i++)
		if (sv_starts(all->notes[i], SV("as of ")))
			p->as_of = arena_copy(r->arena, all->notes[i]);
	p->series = arena_array(r->arena, (size_t)r->n_buckets + 1, sizeof(*p->series));
	if (rc == RC_OK && !p->series)
		rc = err_set(e, RC_NOMEM, "out of memory for the report");
	for (uint32_t b = 0; p->series && b < r->n_buckets; b++)
		p->series[b] = REPORT_NONE;
	if (rc == RC_OK)
		rc = ask(a, "promises", width, NULL, &as_of, n_params, &series, e);
	for (uint32_t i = 0; rc == RC_OK && i < series->n_rows; i++) {
		uint32_t b = bucket_of(r, text_of(series, i, width));
		if (b != UINT32_MAX)
			p->series[b] = number_of(series, i, "share_kept");
	}
	result_free(&all);
	result_free(&series);
	return rc;
}

enum rc report_make(struct snapshot *sn, const struct report_question *q, struct arena *arena,
	struct report **out, struct err *e)
{
	struct report *r = arena_alloc(arena, sizeof(*r));
	if (!r)
		return err_set(e, RC_NOMEM, "out of memory for the report");
	r->arena = arena;
	r->design = snapshot_design(sn);
	r->filters = filters_text(q, arena);
	r->promises.share = r->promises.share_low = r->promises.share_high = REPORT_NONE;
	struct asking a = {.snapshot = sn, .question = q, .report = r, .to_ms = TIME_NONE};
	enum rc rc = make_period(&a, e);
	if (rc == RC_OK)
		rc = make_touchpoints(r, e);
	if (rc == RC_OK)
		rc = ask_customers(&a, e);
	if (rc == RC_OK)
		rc = ask_volume(&a, e);
	if (rc == RC_OK)
		rc = ask_gaps(&a, e);
	if (rc == RC_OK)
		rc = ask_agents(&a, e);
	if (rc == RC_OK)
		rc = ask_promises(&a, e);
	if (rc == RC_OK)
		rc = ask_quality(&a, e);
	if (rc == RC_OK)
		rc = report_judge(r, e);
	*out = r;
	return rc;
}
