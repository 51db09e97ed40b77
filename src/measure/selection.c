// SPDX-License-Identifier: Apache-2.0
// Interactions by period and filters, for those who want the interactions and not numbers about them. It is the run
// of a question with an analysis that has no parameters, groups or rows: only its filters are used.
#include "measure/internal.h"

#include "base/mem.h"

static const struct analysis nothing = {
	.name = "selection", .definition = "", .ordered = true, .all_rows = false};
static const struct analysis nothing_unordered = {.name = "selection", .definition = ""};

struct selection {
	struct query query;
	struct run *run;
	struct cursor *cursor;
	struct lane lane; // only for its masks
};

static void want(struct scan_columns *to, const struct scan_columns *more)
{
	to->received |= more->received;
	to->touchpoint |= more->touchpoint;
	to->channel |= more->channel;
	to->event |= more->event;
	to->source |= more->source;
	to->agent |= more->agent;
	to->location |= more->location;
	to->promise |= more->promise;
	to->due |= more->due;
	to->keeps |= more->keeps;
	to->dimensions |= more->dimensions;
	to->measures |= more->measures;
}

static enum rc open_as(struct snapshot *sn, const struct query *q, const struct scan_columns *columns,
	const struct analysis *as, struct selection **out, struct err *e)
{
	struct selection *s = mem_calloc(1, sizeof(*s));
	*out = s;
	if (!s)
		return err_set(e, RC_NOMEM, "out of memory for selecting interactions");
	s->query = (struct query){.from = q->from, .to = q->to, .where = q->where, .n_where = q->n_where};
	enum rc rc = run_open_as(sn, &s->query, as, &s->run, e);
	if (rc == RC_OK) {
		s->lane.run = s->run;
		want(&s->run->request.columns, columns);
		rc = cursor_open(sn, &s->run->request, 0, UINT64_MAX, &s->cursor, e);
	}
	if (rc == RC_OK)
		cursor_want_rows(s->cursor);
	else
		selection_close(out);
	return rc;
}

enum rc selection_open(struct snapshot *sn, const struct query *q, const struct scan_columns *columns,
	struct selection **out, struct err *e)
{
	return open_as(sn, q, columns, &nothing, out, e);
}

enum rc selection_open_rows(struct snapshot *sn, const struct query *q, const struct scan_columns *columns,
	struct selection **out, struct err *e)
{
	return open_as(sn, q, columns, &nothing_unordered, out, e);
}

enum rc selection_next(struct selection *s, const struct span **span, const uint8_t **keep, struct err *e)
{
	*keep = NULL;
	enum rc rc = cursor_next(s->cursor, span, e);
	if (rc != RC_OK || !*span || (*span)->n == 0)
		return rc;
	s->lane.span = *span;
	rc = lane_filter(&s->lane, e);
	*keep = s->lane.keep;
	return rc;
}

bool selection_of_person(const struct selection *s)
{
	return s->run->result->of_person;
}

void selection_close(struct selection **sp)
{
	struct selection *s = *sp;
	if (!s)
		return;
	cursor_close(&s->cursor);
	lane_masks_free(&s->lane);
	run_close(&s->run);
	mem_free(s);
	*sp = NULL;
}
