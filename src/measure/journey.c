// SPDX-License-Identifier: Apache-2.0
// Analysis: one customer's whole story over all channels, with gaps, promises and the running experience index. The
// scan is narrowed to the one person, so only one lane ever sees rows; verbatims and ids are read afterwards.
#include "measure/internal.h"
#include "measure/story.h"

#include "base/mem.h"

#include <stdlib.h>

static const struct param params[] = {
	{.name = "customer",
		.type = PARAM_STRING,
		.required = true,
		.help = "whose story: an identity as TYPE:VALUE, for example user:u-17"},
	{.name = "as-of",
		.type = PARAM_TIME,
		.help = "moment at which promises are judged; the newest interaction of all when left out"},
};

enum {
	AT,
	TOUCHPOINT,
	STAGE,
	CHANNEL,
	EVENT,
	AGENT,
	VALUES,
	GAP,
	INDEX,
	PROMISE,
	DUE,
	DELAY,
	TEXT,
	SOURCE,
	LOCATION,
	ID,
	N_COLUMNS
};
static const struct result_column columns[N_COLUMNS] = {
	[AT] = {"at", "at", CELL_TIME, "", 0, "when it happened"},
	[TOUCHPOINT] = {"touchpoint", "touch point", CELL_TEXT, "", 0, "where in the corridor"},
	[STAGE] = {"stage", "stage", CELL_TEXT, "", 0, "stage of the touch point"},
	[CHANNEL] = {"channel", "channel", CELL_TEXT, "", 0, "how"},
	[EVENT] = {"event", "event", CELL_TEXT, "", 0, "the source's name for it"},
	[AGENT] = {"agent", "agent", CELL_TEXT, "", 0, "who represented the brand"},
	[VALUES] = {"values", "values", CELL_TEXT, "", 0, "its measures"},
	[GAP] = {"gap", "gap", CELL_NUMBER, "1", 2, "mean gap over the expectations that its measures answer"},
	[INDEX] = {"index", "index", CELL_NUMBER, "points", 1,
		"experience index right after it, 0 to 100; 50 = as expected"},
	[PROMISE] = {"promise", "promise", CELL_TEXT, "", 0, "what became of a promise made or kept here"},
	[DUE] = {"due", "due", CELL_TIME, "", 0, "when that promise was due"},
	[DELAY] = {"delay", "delay", CELL_SECONDS, "s", 0, "kept less due; below 0 is early"},
	[TEXT] = {"text", "text", CELL_TEXT, "", 0, "what the customer said"},
	[SOURCE] = {"source", "source", CELL_TEXT, "", 0, "where it was received from"},
	[LOCATION] = {"location", "location", CELL_TEXT, "", 0, "where it happened"},
	[ID] = {"id", "id", CELL_TEXT, "", 0, "message id in the source"},
};

static const struct {
	uint32_t column;
	const char *field;
} names_shown[] = {{TOUCHPOINT, "touchpoint"}, {STAGE, "stage"}, {CHANNEL, "channel"}, {EVENT, "event"},
	{AGENT, "agent"}, {SOURCE, "source"}, {LOCATION, "location"}};
#define N_NAMES (sizeof(names_shown) / sizeof(names_shown[0]))

struct plan {
	struct standing_plan *standing;
	struct attribute names[N_NAMES];
	int64_t as_of_ms;
};

struct told {
	int64_t at_ms;
	uint32_t group, row; // row of the journey
	uint32_t value[N_NAMES];
	struct story_row story;
};

struct measured {
	uint32_t row, measure;
	double value;
};

struct state {
	struct story_work work;
	struct told *told;
	struct measured *measured;
	size_t told_capacity, measured_capacity;
	uint32_t n_told, n_measured, n_rows;
	struct standing standing; // as of now
};

static enum rc narrow(struct run *run, struct sv text, struct err *e)
{
	struct sv value, type = sv_cut(text, ':', &value);
	if (!type.len || !value.len) {
		err_set(e, RC_USAGE, "--customer “%.*s” is no identity", SV_ARG(text));
		err_remedy(e, "write TYPE:VALUE, for example user:u-17");
		return RC_USAGE;
	}
	if (run->request.n_predicates == PREDICATES_MAX)
		return err_set(e, RC_LIMIT, "more than %u conditions", PREDICATES_MAX - 1);
	run->predicates[run->request.n_predicates++] =
		(struct predicate){.kind = PREDICATE_PERSON, .person = person_of(type, value)};
	return RC_OK;
}

static enum rc prepare(struct run *run, struct err *e)
{
	struct plan *plan = arena_alloc(run->scratch, sizeof(*plan));
	if (!plan)
		return err_set(e, RC_NOMEM, "out of memory for a story");
	run->plan = plan;
	const struct param_value *as_of = run_param(run, "as-of");
	plan->as_of_ms = as_of->time_ms != TIME_NONE ? as_of->time_ms : run->stats.last_ms;
	enum rc rc = narrow(run, run_param(run, "customer")->text, e);
	if (rc == RC_OK)
		rc = standing_plan_open(run->design, run->names, run->scratch, &plan->standing, e);
	for (size_t i = 0; rc == RC_OK && i < N_NAMES; i++) {
		rc = attribute_open(run, sv_from(names_shown[i].field), &plan->names[i], e);
		if (rc == RC_OK)
			run_want_code(run, plan->names[i].column);
	}
	if (rc != RC_OK)
		return rc;
	for (uint32_t m = 0; m < run->design->n_measures; m++)
		run_want_measure(run, m);
	struct scan_columns *c = &run->request.columns;
	c->touchpoint = c->promise = c->due = c->keeps = true;
	standing_plan_want(plan->standing, c);
	return RC_OK;
}

static void *state_new(struct run *run)
{
	(void)run;
	struct state *s = mem_calloc(1, sizeof(*s));
	if (s)
		s->work.standing.want_gaps = true;
	return s;
}

static void state_free(struct run *run, void *p)
{
	(void)run;
	struct state *s = p;
	story_work_free(&s->work);
	mem_free(s->told);
	mem_free(s->measured);
	mem_free(s);
}

static enum rc keep_values(struct state *s, struct lane *lane, uint32_t measure, struct err *e)
{
	const struct sparse_values *v = run_measure(lane->run, lane->span, measure);
	for (uint32_t i = 0; i < v->n; i++) {
		if (mem_grow((void **)&s->measured, &s->measured_capacity, (size_t)s->n_measured + 1,
			    sizeof(*s->measured)) != 0)
			return err_set(e, RC_NOMEM, "out of memory for a story");
		s->measured[s->n_measured++] = (struct measured){v->row[i], measure, v->value[i]};
	}
	return RC_OK;
}

static uint32_t value_of(const struct attribute *a, const struct span *span, uint32_t row)
{
	const uint32_t *codes = a->column < CODE_COLUMNS ? span->code[a->column] : NULL;
	uint32_t code = codes && codes[row] < a->n_codes ? codes[row] : 0;
	return a->map ? a->map[code] : code;
}

static enum rc add(struct lane *lane, void *p, const struct span *span, struct err *e)
{
	struct state *s = p;
	const struct plan *plan = lane->run->plan;
	const uint32_t *group = lane_group(lane, e);
	enum rc rc = group ? standing_gains(plan->standing, span, &s->work.standing, e) : e->rc;
	if (rc == RC_OK)
		rc = story_rows(plan->standing, span, 0, span->n, plan->as_of_ms, &s->work, e);
	for (uint32_t m = 0; rc == RC_OK && m < lane->run->design->n_measures; m++)
		rc = keep_values(s, lane, m, e);
	if (rc == RC_OK &&
		mem_grow((void **)&s->told, &s->told_capacity, (size_t)span->n + 1, sizeof(*s->told)) != 0)
		rc = err_set(e, RC_NOMEM, "out of memory for a story");
	if (rc != RC_OK)
		return rc;
	standing_at(plan->standing, span, &s->work.standing, 0, span->n, lane->run->stats.last_ms + 1,
		&s->standing);
	s->n_rows = span->n;
	for (uint32_t i = 0; i < span->n; i++) {
		if (!lane_keeps(lane, i))
			continue;
		struct told *t = &s->told[s->n_told++];
		*t = (struct told){span->at[i], group[i], i, {0}, s->work.rows[i]};
		for (size_t k = 0; k < N_NAMES; k++)
			t->value[k] = value_of(&plan->names[k], span, i);
	}
	return RC_OK;
}

// Only the lane that had the person has something.
static enum rc merge(struct run *run, void *into, void *from, struct err *e)
{
	(void)run;
	(void)e;
	struct state *a = into, *b = from, swap = *a;
	if (b->n_rows) {
		*a = *b;
		*b = swap;
	}
	return RC_OK;
}

static int measured_compare(const void *x, const void *y)
{
	const struct measured *a = x, *b = y;
	if (a->row != b->row)
		return a->row < b->row ? -1 : 1;
	return (a->measure > b->measure) - (a->measure < b->measure);
}

// "csat 2, wait 2min 10s".
static enum rc values_text(
	struct run *run, const struct state *s, uint32_t row, uint32_t *next, struct sv *out, struct err *e)
{
	struct buf b = buf_new((size_t)1 << 16);
	while (*next < s->n_measured && s->measured[*next].row < row)
		(*next)++;
	for (const char *comma = ""; *next < s->n_measured && s->measured[*next].row == row;
		(*next)++, comma = ", ") {
		const struct design_measure *m = &run->design->measures[s->measured[*next].measure];
		struct sv value =
			design_quantity_print(run->design, run->scratch, m->unit, s->measured[*next].value);
		buf_printf(&b, "%s%.*s %.*s", comma, SV_ARG(m->name), SV_ARG(value));
	}
	enum rc rc = buf_check(&b, e, "values of an interaction");
	*out = rc == RC_OK && b.len ? arena_copy(run->arena, buf_view(&b)) : SV_NONE;
	buf_free(&b);
	return rc;
}

static enum rc cold_cell(struct run *run, uint64_t locator, enum cold what, struct cell *c, struct err *e)
{
	struct sv text;
	enum rc rc = snapshot_cold(run->snapshot, locator, what, run->arena, &text, e);
	if (rc == RC_OK)
		cell_text(c, text);
	return rc;
}

// Locators of the journey's rows, in scratch.
static enum rc locators_read(struct run *run, uint32_t n, uint64_t **out, struct err *e)
{
	struct cursor *cursor;
	struct scan_request request = {.ordered = true,
		.all_rows = true,
		.predicates = run->predicates,
		.n_predicates = run->request.n_predicates};
	uint64_t *locator = arena_array(run->scratch, n + (size_t)1, sizeof(*locator));
	*out = locator;
	if (!locator)
		return err_set(e, RC_NOMEM, "out of memory for a story");
	enum rc rc = cursor_open(run->snapshot, &request, 0, UINT64_MAX, &cursor, e);
	if (rc != RC_OK)
		return rc;
	cursor_want_rows(cursor);
	for (uint32_t done = 0; rc == RC_OK;) {
		const struct span *span;
		rc = cursor_next(cursor, &span, e);
		if (rc != RC_OK || !span)
			break;
		for (uint32_t i = 0; i < span->n && done < n; i++)
			locator[done++] = span->locator[i];
	}
	cursor_close(&cursor);
	return rc;
}

static enum rc write_row(
	struct run *run, const struct told *t, struct sv values, uint64_t locator, struct err *e)
{
	const struct plan *plan = run->plan;
	struct cell *c = result_row(run, t->group, 1.0, e);
	if (!c)
		return e->rc;
	cell_time(run, &c[AT], t->at_ms);
	for (size_t k = 0; k < N_NAMES; k++) {
		bool none = t->value[k] == 0 && names_shown[k].column != TOUCHPOINT;
		struct sv label = arena_copy(run->arena, attribute_label(run, &plan->names[k], t->value[k]));
		cell_text(&c[names_shown[k].column], none ? SV_NONE : label);
	}
	cell_text(&c[VALUES], values);
	cell_number(&c[GAP], t->story.gap);
	cell_number(&c[INDEX], t->story.index);
	struct sv promise = story_promise_name(t->story.promise);
	cell_text(&c[PROMISE], promise.len ? promise : SV_NONE);
	cell_time(run, &c[DUE], t->story.due_ms);
	cell_number(
		&c[DELAY], t->story.delay_ms == TIME_NONE ? (double)NAN : (double)t->story.delay_ms / 1000.0);
	enum rc rc = cold_cell(run, locator, COLD_TEXT, &c[TEXT], e);
	return rc == RC_OK ? cold_cell(run, locator, COLD_ID, &c[ID], e) : rc;
}

static void note_standing(struct run *run, const struct state *s)
{
	const struct design_loyalty *l = &run->design->loyalty;
	const struct standing *x = &s->standing;
	struct sv rung = x->rung ? l->rungs[x->rung - 1].name : SV("no rung");
	run_note(run, "now: experience index %.1f, %.*s on the loyalty ladder, customer for %.0f days",
		x->index, SV_ARG(rung), x->tenure_s / 86400.0);
}

static enum rc finish(struct run *run, void *p, struct err *e)
{
	struct state *s = p;
	if (s->n_rows == 0) {
		run_note(run, "no interaction of this customer is known");
		return RC_OK;
	}
	uint64_t *locator;
	enum rc rc = locators_read(run, s->n_rows, &locator, e);
	if (s->n_measured)
		qsort(s->measured, s->n_measured, sizeof(*s->measured), measured_compare);
	uint32_t next = 0;
	for (uint32_t i = 0; rc == RC_OK && i < s->n_told; i++) {
		const struct told *t = &s->told[i];
		struct sv values;
		rc = values_text(run, s, t->row, &next, &values, e);
		if (rc == RC_OK)
			rc = write_row(run, t, values, locator[t->row], e);
	}
	if (rc == RC_OK)
		note_standing(run, s);
	return rc;
}

const struct analysis analysis_journey = {
	.name = "journey",
	.example = "--customer user:u-17",
	.summary = "One customer's whole story: every interaction, its gap, promises, and the experience index "
		   "after it",
	.definition =
		"Interactions in time order over all channels (ties in order of arrival). gap: mean over the "
		"expectations of the touch point that the interaction's measures answer (as in the analysis "
		"gap). "
		"index: 100/(1 + e^−S), S = Σ w·v(g)·2^(−Δt/h) over all gaps g so far, Δt since then, h the "
		"half-life (90 days unless the corridor file says otherwise), w the touch point's importance "
		"relative to the mean of those with expectations, v(g) = g for g ≥ 0 and λ·g below, λ = 2 "
		"unless "
		"the corridor file says otherwise (Kahneman & Tversky 1979). 50 is as expected. --from, --to "
		"and "
		"--where choose what is shown; the index counts everything.",
	.chart = "timeline",
	.params = params,
	.n_params = sizeof(params) / sizeof(params[0]),
	.columns = columns,
	.n_columns = N_COLUMNS,
	.ordered = true,
	.all_rows = true,
	.prepare = prepare,
	.state_new = state_new,
	.add = add,
	.merge = merge,
	.state_free = state_free,
	.finish = finish,
};
