// SPDX-License-Identifier: Apache-2.0
// See story.h.
#include "measure/story.h"

#include "base/mem.h"

#include <math.h>

#define STORY_ARENA_BYTES ((size_t)64 << 20)

struct sv story_promise_name(enum story_promise promise)
{
	static const struct sv names[] = {
		[STORY_NO_PROMISE] = {"", 0},
		[STORY_MADE_KEPT] = {"made, kept in time", 18},
		[STORY_MADE_BROKEN] = {"made, kept too late", 19},
		[STORY_MADE_OVERDUE] = {"made, overdue", 13},
		[STORY_MADE_OPEN] = {"made, open", 10},
		[STORY_MADE_ANSWERED] = {"made, answered", 14},
		[STORY_KEEPS] = {"kept", 4},
		[STORY_KEEPS_LATE] = {"kept too late", 13},
	};
	return names[promise];
}

static const enum story_promise made[] = {
	[LEDGER_KEPT] = STORY_MADE_KEPT,
	[LEDGER_BROKEN] = STORY_MADE_BROKEN,
	[LEDGER_OVERDUE] = STORY_MADE_OVERDUE,
	[LEDGER_OPEN] = STORY_MADE_OPEN,
	[LEDGER_ANSWERED] = STORY_MADE_ANSWERED,
};

static void tell_promise(const struct span *span, const struct ledger_entry *x, uint32_t first,
	int64_t as_of_ms, struct story_row *rows)
{
	if (x->made == LEDGER_NONE)
		return;
	int64_t due = span->due[x->made];
	enum ledger_outcome outcome = ledger_outcome_of(span, x, as_of_ms);
	struct story_row *row = &rows[x->made - first];
	row->promise = made[outcome];
	row->due_ms = due;
	row->delay_ms = TIME_NONE; // it may have kept another, told before
	if (x->kept == LEDGER_NONE)
		return;
	int64_t delay = due == TIME_NONE ? TIME_NONE : span->at[x->kept] - due;
	row->delay_ms = delay;
	row = &rows[x->kept - first];
	if (row->promise != STORY_NO_PROMISE)
		return; // it made a promise of its own, which is told first
	row->promise = outcome == LEDGER_BROKEN ? STORY_KEEPS_LATE : STORY_KEEPS;
	row->due_ms = due;
	row->delay_ms = delay;
}

enum rc story_rows(const struct standing_plan *p, const struct span *span, uint32_t first, uint32_t end,
	int64_t as_of_ms, struct story_work *w, struct err *e)
{
	if (mem_grow((void **)&w->rows, &w->capacity, (size_t)(end - first) + 1, sizeof(*w->rows)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for a story");
	double sum = 0.0;
	for (uint32_t i = first; i < end; i++) {
		const struct standing_work *g = &w->standing;
		sum = standing_step(p, sum, i > first ? span->at[i] - span->at[i - 1] : 0, g->gain[i]);
		w->rows[i - first] =
			(struct story_row){.gap = g->n_gaps[i] ? g->gap[i] / g->n_gaps[i] : (double)NAN,
				.index = standing_index(sum),
				.due_ms = TIME_NONE,
				.delay_ms = TIME_NONE};
	}
	enum rc rc = ledger_read(&w->ledger, span, first, end, as_of_ms, e);
	for (uint32_t i = 0; rc == RC_OK && i < w->ledger.n; i++)
		tell_promise(span, &w->ledger.entries[i], first, as_of_ms, w->rows);
	return rc;
}

void story_work_free(struct story_work *w)
{
	standing_work_free(&w->standing);
	ledger_free(&w->ledger);
	mem_free(w->rows);
	*w = (struct story_work){0};
}

// --- reading ---

struct story {
	struct snapshot *snapshot;
	struct arena *arena;
	struct standing_plan *plan;
	struct scan_request request;
	struct story_work work;
	struct cursor *cursor; // of the story at hand, whose span the view shows
	int64_t now_ms;
};

enum rc story_open(struct snapshot *sn, struct story **out, struct err *e)
{
	struct story *s = mem_calloc(1, sizeof(*s));
	*out = NULL;
	if (!s)
		return err_set(e, RC_NOMEM, "out of memory for a story");
	struct snapshot_stats stats;
	snapshot_stats(sn, &stats);
	s->snapshot = sn;
	s->now_ms = stats.last_ms;
	s->work.standing.want_gaps = true;
	s->arena = arena_new(STORY_ARENA_BYTES);
	enum rc rc =
		s->arena ? standing_plan_open(snapshot_design(sn), snapshot_names(sn), s->arena, &s->plan, e)
			 : err_set(e, RC_NOMEM, "out of memory for a story");
	if (rc != RC_OK) {
		story_close(&s);
		return rc;
	}
	s->request = (struct scan_request){.ordered = true,
		.columns = {.received = true,
			.touchpoint = true,
			.channel = true,
			.event = true,
			.source = true,
			.agent = true,
			.location = true,
			.promise = true,
			.due = true,
			.keeps = true}};
	standing_plan_want(s->plan, &s->request.columns);
	*out = s;
	return RC_OK;
}

void story_close(struct story **sp)
{
	struct story *s = *sp;
	if (!s)
		return;
	cursor_close(&s->cursor);
	story_work_free(&s->work);
	arena_free(&s->arena);
	mem_free(s);
	*sp = NULL;
}

enum rc story_read(struct story *s, uint64_t person, struct story_view *out, struct err *e)
{
	static const struct span nobody;
	*out = (struct story_view){.span = &nobody, .standing = {.index = 50.0}};
	cursor_close(&s->cursor);
	const struct span *span;
	enum rc rc = cursor_open(s->snapshot, &s->request, person, person, &s->cursor, e);
	if (rc == RC_OK)
		rc = cursor_next(s->cursor, &span, e);
	if (rc != RC_OK || !span || span->n == 0)
		return rc;
	rc = standing_gains(s->plan, span, &s->work.standing, e);
	if (rc == RC_OK)
		rc = story_rows(s->plan, span, 0, span->n, s->now_ms, &s->work, e);
	if (rc != RC_OK)
		return rc;
	out->span = span;
	out->rows = s->work.rows;
	standing_at(s->plan, span, &s->work.standing, 0, span->n, s->now_ms + 1, &out->standing);
	return RC_OK;
}
