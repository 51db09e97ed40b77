// SPDX-License-Identifier: Apache-2.0
// Cursors: batches of rows from the segments of a snapshot. See cursor.h for the stages of a batch.
//
// Invariants: a chunk is left out only when its statistics (checked with the footer) say that no row passes;
// a range of persons is honoured to the row, so cursors over neighbouring ranges share nothing and miss nothing.
#include "journey/cursor.h"
#include "base/mem.h"
#include "journey/overlay.h"

// Rows of several segments are put in order by time, so at is needed then.
static bool wants_at(const struct scan_request *r, const struct snapshot_segments *segments)
{
	return !r->columns.no_at || (r->ordered && segments->n > 1);
}

static void want_columns(struct stage *st, const struct scan_columns *w, bool at)
{
	const struct {
		bool wanted;
		unsigned number;
	} fixed[] = {{at, COLUMN_AT}, {w->received, COLUMN_RECEIVED}, {w->due, COLUMN_DUE},
		{w->promise, COLUMN_PROMISE}, {w->keeps, COLUMN_KEEPS},
		{w->touchpoint, COLUMN_CODE0 + CODE_TOUCHPOINT}, {w->channel, COLUMN_CODE0 + CODE_CHANNEL},
		{w->event, COLUMN_CODE0 + CODE_EVENT}, {w->source, COLUMN_CODE0 + CODE_SOURCE},
		{w->agent, COLUMN_CODE0 + CODE_AGENT}, {w->location, COLUMN_CODE0 + CODE_LOCATION}};
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		if (fixed[i].wanted)
			stage_want(st, fixed[i].number);
	for (unsigned i = 0; i < DESIGN_DIMENSIONS_MAX; i++)
		if (w->dimensions >> i & 1)
			stage_want(st, COLUMN_CODE0 + CODE_DIMENSION0 + i);
	for (unsigned i = 0; i < DESIGN_MEASURES_MAX; i++)
		if (w->measures >> i & 1)
			stage_want(st, COLUMN_MEASURE0 + i);
}

// Predicates' columns are staged too; a predicate on a person narrows the range.
static enum rc want_predicates(struct cursor *c, const struct predicate *list, uint32_t n, struct err *e)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct predicate *p = &list[i];
		if (p->kind == PREDICATE_PERSON) {
			uint64_t person = overlays_resolve(c->segments->overlays, p->person);
			c->lo = person > c->lo ? person : c->lo;
			c->hi = person < c->hi ? person : c->hi;
		} else if (p->kind == PREDICATE_CODES) {
			if (p->column >= CODE_COLUMNS)
				return err_set(e, RC_USAGE, "there is no code column %u", (unsigned)p->column);
			stage_want(&c->stage, COLUMN_CODE0 + p->column);
		} else if (p->kind == PREDICATE_TIME) {
			stage_want(&c->stage, COLUMN_AT);
		} else if (p->kind == PREDICATE_MEASURE) {
			if (p->measure_slot >= DESIGN_MEASURES_MAX)
				return err_set(e, RC_USAGE, "there is no measure slot %u", p->measure_slot);
			stage_want(&c->stage, COLUMN_MEASURE0 + p->measure_slot);
		}
	}
	return RC_OK;
}

// Conditions of interest other than that there is a value are held against values themselves, and so are their bits.
static uint64_t scaled_slots(const struct scan_request *r)
{
	uint64_t slots = r->ordered || r->interest_bits ? 0 : r->columns.scaled & r->columns.measures;
	for (uint32_t i = 0; i < r->n_interest; i++)
		if (r->interest[i].kind == PREDICATE_MEASURE && !predicate_asks_presence(&r->interest[i]))
			slots &= ~(1ull << r->interest[i].measure_slot);
	return slots;
}

enum rc cursor_open_segments(const struct snapshot_segments *segments, const struct scan_request *r,
	uint64_t person_lo, uint64_t person_hi, struct cursor **out, struct err *e)
{
	*out = NULL;
	struct cursor *c = mem_calloc(1, sizeof *c);
	if (!c)
		return err_set(e, RC_NOMEM, "out of memory for a scan");
	c->segments = segments;
	c->request = *r;
	c->lo = person_lo;
	c->hi = person_hi;
	want_columns(&c->stage, &r->columns, wants_at(r, segments));
	enum rc rc = want_predicates(c, r->predicates, r->n_predicates, e);
	if (!rc)
		rc = want_predicates(c, r->interest, r->n_interest, e);
	if (!rc)
		rc = interest_open(c, e);
	c->scaled = scaled_slots(r);
	if (!rc && r->ordered && c->lo <= c->hi)
		rc = order_open(c, e);
	c->order.out = c->stage;
	if (rc)
		cursor_close(&c);
	*out = c;
	return rc;
}

void cursor_want_rows(struct cursor *c)
{
	assert(c->stage.capacity == 0); // before the first cursor_next
	c->stage.want_rows = c->order.out.want_rows = true;
}

void cursor_count_lines(struct cursor *c)
{
	assert(c->stage.capacity == 0); // before the first cursor_next
	c->stage.counts_lines = true;
}

void cursor_close(struct cursor **out)
{
	struct cursor *c = *out;
	if (!c)
		return;
	order_free(&c->order);
	interest_free(&c->interest);
	stage_free(&c->stage);
	cold_cache_free(&c->texts);
	mem_free(c->text_places);
	mem_free(c->pieces);
	mem_free(c);
	*out = NULL;
}

void cursor_stats(const struct cursor *c, struct cursor_stats *out)
{
	*out = c->stats;
	out->bytes_decoded = c->stage.bytes_decoded;
}

// --- unordered: chunk by chunk ---

// Has the plan persons within the chunk? c->hidden is the first of them.
static bool hides_in_chunk(struct cursor *c, const struct segment_chunk *chunk)
{
	if (!c->segments->view)
		return false;
	const struct overlay_plan *p = &c->segments->view->plan;
	c->hidden = hidden_find(p->hidden, p->n_hidden, 0, chunk->first_person);
	return c->hidden < p->n_hidden && p->hidden[c->hidden].person <= chunk->last_person;
}

// Finds the next rows of the chunk, at or after c->row, that are passed over. Its directory has been touched.
static void hidden_next(struct cursor *c, const struct segment *s)
{
	const struct segment_chunk *chunk = &s->chunks[c->chunk];
	const struct overlay_plan *p = &c->segments->view->plan;
	const uint64_t *persons = chunk_persons(s, chunk);
	const uint32_t *starts = chunk_starts(s, chunk);
	int64_t epoch = c->segments->epochs[c->segment];
	c->hide_from = c->hide_to = chunk->n_rows;
	for (; c->hidden < p->n_hidden && p->hidden[c->hidden].person <= chunk->last_person; c->hidden++) {
		const struct hidden_person *h = &p->hidden[c->hidden];
		uint32_t i = epoch < h->before ? chunk_person_find(s, chunk, h->person) : chunk->n_persons;
		if (i == chunk->n_persons || persons[i] != h->person || starts[i + 1] <= c->row)
			continue;
		c->hide_from = starts[i];
		c->hide_to = starts[i + 1];
		return;
	}
}

// The rows of the current chunk that belong to persons in [lo, hi].
static enum rc chunk_range(struct cursor *c, const struct segment *s, struct err *e)
{
	const struct segment_chunk *chunk = &s->chunks[c->chunk];
	c->row = 0;
	c->row_end = c->hide_from = c->hide_to = chunk->n_rows;
	bool hides = hides_in_chunk(c, chunk);
	if (chunk->first_person >= c->lo && chunk->last_person <= c->hi && !hides)
		return RC_OK;
	enum rc rc = segment_touch(s, c->chunk, segment_column_always(chunk, COLUMN_PERSON), e);
	if (!rc)
		rc = segment_touch(s, c->chunk, segment_column_always(chunk, COLUMN_START), e);
	if (rc)
		return rc;
	const uint32_t *starts = chunk_starts(s, chunk);
	c->row = starts[chunk_person_find(s, chunk, c->lo)];
	if (c->hi < chunk->last_person)
		c->row_end = starts[chunk_person_find(s, chunk, c->hi + 1)];
	if (hides)
		hidden_next(c, s);
	return RC_OK;
}

// Goes to the next chunk that may have rows; c->segment == n at the end.
static enum rc chunk_next(struct cursor *c, struct err *e)
{
	while (c->segment < c->segments->n) {
		const struct segment *s = c->segments->items[c->segment];
		uint32_t from = c->chunk; // one more than the chunk just done, 0 at the start of a segment
		if (from == 0)
			from = segment_chunk_find(s, c->lo);
		if (c->lo > c->hi || from >= s->info.n_chunks || s->chunks[from].first_person > c->hi) {
			c->segment++;
			c->chunk = 0;
			continue;
		}
		c->chunk = from;
		if (!filter_chunk_possible(c, c->segment, from)) {
			c->stats.chunks_skipped++;
			c->chunk++;
			continue;
		}
		enum rc rc = chunk_range(c, s, e);
		if (rc)
			return rc;
		if (c->row < c->row_end) {
			c->stats.chunks_read++;
			return RC_OK;
		}
		c->chunk++;
	}
	return RC_OK;
}

// Passes over hidden rows at the position; false when the chunk has no more rows.
static bool rows_pass(struct cursor *c)
{
	while (c->row < c->row_end && c->row >= c->hide_from) {
		c->row = c->hide_to < c->row_end ? c->hide_to : c->row_end;
		hidden_next(c, c->segments->items[c->segment]);
	}
	return c->row < c->row_end;
}

// The next pieces of one chunk, of at most interest_span_rows rows; n_pieces 0 at the end.
static enum rc pieces_next(struct cursor *c, struct err *e)
{
	c->n_pieces = 0;
	while (c->row == c->row_end || !rows_pass(c)) {
		c->chunk += c->row_end > 0; // there was a chunk
		c->row = c->row_end = c->hide_from = c->hide_to = 0;
		enum rc rc = chunk_next(c, e);
		if (rc)
			return rc;
		if (c->segment == c->segments->n)
			return stage_reserve(&c->stage, 0, e);
	}
	uint32_t n = 0;
	const uint32_t span_rows =
		interest_span_rows(&c->request, &c->segments->items[c->segment]->chunks[c->chunk]);
	while (n < span_rows && rows_pass(c)) {
		if (mem_grow((void **)&c->pieces, &c->pieces_capacity, c->n_pieces + 1u, sizeof *c->pieces))
			return err_set(e, RC_NOMEM, "out of memory for a scan");
		uint32_t end = c->hide_from < c->row_end ? c->hide_from : c->row_end, left = span_rows - n;
		uint32_t rows = end - c->row < left ? end - c->row : left;
		c->pieces[c->n_pieces++] = (struct piece){c->segment, c->chunk, c->row, rows, n};
		c->row += rows;
		n += rows;
	}
	return stage_reserve(&c->stage, n, e);
}

// --- spans ---

static bool wants_bits(const struct cursor *c)
{
	return c->request.n_interest > 0 && c->request.interest_bits;
}

static void span_fill(struct cursor *c, const struct stage *st, uint32_t n_keep)
{
	struct span *span = &c->span;
	*span = (struct span){.n = st->n, .n_keep = n_keep, .measures = c->measures};
	span->at = st->data[COLUMN_AT];
	span->received = st->data[COLUMN_RECEIVED];
	span->due = st->data[COLUMN_DUE];
	span->promise = st->data[COLUMN_PROMISE];
	span->keeps = st->data[COLUMN_KEEPS];
	for (unsigned i = 0; i < CODE_COLUMNS; i++)
		span->code[i] = st->data[COLUMN_CODE0 + i];
	for (unsigned i = 0; i < DESIGN_MEASURES_MAX; i++) {
		bool scaled = st->scaled >> i & 1;
		void *data = st->data[COLUMN_MEASURE0 + i];
		c->measures[i] = (struct sparse_values){.n = st->measure_n[i],
			.row = st->measure_row[i],
			.value = scaled ? NULL : data,
			.scaled = scaled ? data : NULL,
			.decimals = st->decimals[i],
			.scaled_max = st->scaled_max[i]};
	}
	span->keep = n_keep < st->n ? st->keep : NULL;
	span->row_person = st->row_person;
	span->locator = st->locator;
	if (wants_bits(c))
		span->interest = st == &c->stage ? c->interest.bits : c->interest.ordered;
	if (c->request.ordered) {
		span->n_persons = c->order.n_persons;
		span->person = c->order.person;
		span->person_start = c->order.person_start;
	}
}

// Rows of moved persons are named by where they are stored.
static void locators_of_view(struct cursor *c)
{
	const struct overlay_view *v = c->segments->view;
	for (uint32_t i = 0; v->segment && i < c->n_pieces; i++) {
		const struct piece *p = &c->pieces[i];
		if (p->segment == c->segments->view_at)
			memcpy(c->stage.locator + p->to, v->locators + v->chunk_first[p->chunk] + p->first,
				p->n * sizeof(*v->locators));
	}
}

enum rc cursor_load(struct cursor *c, unsigned number, struct err *e)
{
	if (number >= COLUMN_MEASURE0 && c->scaled >> (number - COLUMN_MEASURE0) & 1)
		return stage_load_scaled(
			&c->stage, c->segments, c->pieces, c->n_pieces, number - COLUMN_MEASURE0, e);
	return stage_load(&c->stage, c->segments, c->pieces, c->n_pieces, number, e);
}

// Decodes all columns of the collected pieces (unless only some rows will be wanted), persons and locators.
static enum rc batch_load(struct cursor *c, bool narrow, struct err *e)
{
	struct stage *st = &c->stage;
	enum rc rc = RC_OK;
	for (uint32_t i = 0; !rc && !narrow && i < st->n_wanted; i++)
		rc = cursor_load(c, st->wanted[i], e);
	if (!rc && st->want_rows)
		rc = stage_load_rows(st, c->segments, c->pieces, c->n_pieces, e);
	if (!rc && st->want_rows && c->segments->view)
		locators_of_view(c);
	return rc;
}

static enum rc batch_order(struct cursor *c, uint32_t n_keep, struct err *e)
{
	enum rc rc = order_gather(c, n_keep < c->stage.n, e);
	return !rc && wants_bits(c) ? interest_order(c, e) : rc;
}

// Decodes, filters and orders the collected pieces. *kept false: nothing to hand over.
static enum rc batch_read(struct cursor *c, bool *kept, struct err *e)
{
	struct stage *st = &c->stage;
	uint32_t n_keep;
	enum rc rc = filter_stage(c, &n_keep, e);
	*kept = n_keep > 0 || (c->request.ordered && c->request.all_rows);
	if (rc || !*kept)
		return rc;
	uint32_t n_passed = n_keep;
	bool mixed = c->request.ordered && order_is_mixed(c);
	bool narrow = c->request.n_interest > 0;
	if (narrow) {
		rc = interest_find(c, n_keep, e);
		narrow = !c->interest.everything;
	}
	if (!rc)
		rc = batch_load(c, narrow, e);
	if (!rc && narrow)
		rc = interest_load(c, mixed, &n_keep, e);
	mixed = mixed && st->n > 0;
	if (!rc && mixed)
		rc = batch_order(c, n_keep, e);
	if (rc)
		return rc;
	span_fill(c, mixed ? &c->order.out : st, n_keep);
	c->span.n_left_out = n_passed - n_keep;
	*kept = st->n > 0 || c->span.n_left_out > 0;
	return RC_OK;
}

enum rc cursor_next(struct cursor *c, const struct span **span, struct err *e)
{
	*span = NULL;
	for (bool kept = false; !kept;) {
		enum rc rc = c->request.ordered ? order_collect(c, e) : pieces_next(c, e);
		if (rc)
			return rc;
		if (c->n_pieces == 0)
			return RC_OK;
		rc = batch_read(c, &kept, e);
		if (rc)
			return rc;
	}
	c->stats.rows += c->span.n;
	*span = &c->span;
	return RC_OK;
}
