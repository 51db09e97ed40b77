// SPDX-License-Identifier: Apache-2.0
// Predicates: first on the statistics of chunks, then on decoded columns. Invariant: what statistics decide is what
// the rows would have decided. PREDICATE_PERSON is not seen here: the cursor narrows its range of persons by it.
// PREDICATE_TEXT is on a cold column: only where the values stand is read, by unpacking their blocks. So it comes last, for
// the rows that the others left. Rows of moved persons (overlay_view.c) have their texts in other segments.
#include "journey/cursor.h"

#include "base/mem.h"
#include "journey/overlay.h"

#include <stdlib.h>

// A row of moved persons: where its values are stored, and its number in the stage.
struct text_place {
	uint64_t locator;
	uint32_t row;
};

// Are the rows of a segment without their texts, which are in other segments?
static bool texts_elsewhere(const struct cursor *c, uint32_t segment)
{
	const struct snapshot_segments *all = c->segments;
	return all->view && all->view->segment && segment == all->view_at;
}

static enum verdict time_verdict(const struct predicate *p, const struct segment_chunk *c)
{
	if (c->last_ms < p->from_ms || c->first_ms >= p->to_ms)
		return PASS_NONE;
	return c->first_ms >= p->from_ms && c->last_ms < p->to_ms ? PASS_ALL : PASS_SOME;
}

static bool code_wanted(const struct predicate *p, uint32_t code)
{
	return code < p->n_codes && p->code_wanted[code];
}

static enum verdict codes_verdict(const struct predicate *p, const struct segment_chunk *c)
{
	const struct segment_column *x = segment_column_get(c, COLUMN_CODE0 + p->column);
	if (!x)
		return code_wanted(p, NAME_NONE) ? PASS_ALL : PASS_NONE;
	uint64_t min = (uint64_t)x->min.i, max = (uint64_t)x->max.i, n_wanted = 0;
	for (uint64_t code = min; code <= max && code < p->n_codes; code++)
		n_wanted += p->code_wanted[code] != 0;
	if (n_wanted == 0)
		return PASS_NONE;
	return n_wanted == max - min + 1 ? PASS_ALL : PASS_SOME;
}

static enum verdict measure_verdict(const struct predicate *p, const struct segment_chunk *c)
{
	const struct segment_column *x = segment_column_get(c, COLUMN_MEASURE0 + p->measure_slot);
	if (!x)
		return p->wanted_absent ? PASS_ALL : PASS_NONE;
	bool below = p->min_open ? x->max.d <= p->min : x->max.d < p->min;
	bool above = p->max_open ? x->min.d >= p->max : x->min.d > p->max;
	bool all = predicate_value_passes(p, x->min.d) && predicate_value_passes(p, x->max.d);
	bool full = x->n_present == c->n_rows;
	if ((below || above) && (full || !p->wanted_absent))
		return PASS_NONE;
	return all && (full || p->wanted_absent) ? PASS_ALL : PASS_SOME;
}

static enum verdict text_verdict(const struct predicate *p, const struct segment_chunk *c)
{
	const struct segment_column *x = segment_column_get(c, COLUMN_COLD0 + COLD_TEXT);
	uint32_t n_texts = x ? x->n_present : 0;
	if (n_texts > 0 && n_texts < c->n_rows)
		return PASS_SOME;
	return (n_texts == 0) == p->wanted_absent ? PASS_ALL : PASS_NONE;
}

static enum verdict chunk_verdict(
	const struct cursor *c, const struct predicate *p, uint32_t segment, uint32_t chunk)
{
	const struct segment_chunk *x = &c->segments->items[segment]->chunks[chunk];
	switch (p->kind) {
	case PREDICATE_TIME:
		return time_verdict(p, x);
	case PREDICATE_CODES:
		return codes_verdict(p, x);
	case PREDICATE_MEASURE:
		return measure_verdict(p, x);
	case PREDICATE_TEXT:
		return texts_elsewhere(c, segment) ? PASS_SOME : text_verdict(p, x);
	case PREDICATE_PERSON:
	default:
		return PASS_ALL;
	}
}

bool filter_chunk_possible(const struct cursor *c, uint32_t segment, uint32_t chunk)
{
	for (uint32_t i = 0; i < c->request.n_predicates; i++)
		if (chunk_verdict(c, &c->request.predicates[i], segment, chunk) == PASS_NONE)
			return false;
	return true;
}

static void keep_times(const struct predicate *p, const int64_t *at, uint32_t n, uint8_t *restrict keep)
{
	int64_t from = p->from_ms, to = p->to_ms;
	for (uint32_t i = 0; i < n; i++)
		keep[i] &= (uint8_t)((at[i] >= from) & (at[i] < to));
}

static void keep_codes(const struct predicate *p, const uint32_t *code, uint32_t n, uint8_t *restrict keep)
{
	const uint8_t *wanted = p->code_wanted;
	uint32_t n_codes = p->n_codes;
	if (n_codes == 0)
		memset(keep, 0, n);
	for (uint32_t i = 0; n_codes && i < n; i++) { // no branch that depends on the data
		uint32_t known = code[i] < n_codes ? code[i] : 0;
		keep[i] &= (uint8_t)((wanted[known] != 0) & (code[i] < n_codes));
	}
}

static void keep_measures(const struct predicate *p, const uint32_t *row, const double *value,
	uint32_t n_values, uint32_t n, uint8_t *restrict keep)
{
	uint32_t next = 0; // first row that the values have not decided
	for (uint32_t i = 0; i < n_values; i++) {
		if (!p->wanted_absent)
			memset(keep + next, 0, row[i] - next);
		keep[row[i]] &= (uint8_t)predicate_value_passes(p, value[i]);
		next = row[i] + 1;
	}
	if (!p->wanted_absent)
		memset(keep + next, 0, n - next);
}

static enum rc keep_piece_texts(
	const struct segment *s, const struct piece *p, bool wanted_absent, uint8_t *keep, struct err *e)
{
	struct cold_reader *reader;
	struct sv text;
	uint32_t row, next = p->first, end = p->first + p->n; // next: the first row that is not decided
	enum rc rc = cold_reader_open(s, p->chunk, COLUMN_COLD0 + COLD_TEXT, &reader, e);
	if (rc == RC_OK)
		rc = cold_reader_seek(reader, p->first, e);
	while (rc == RC_OK && next < end && (rc = cold_reader_next(reader, &row, &text, e)) == RC_OK) {
		uint32_t stop = row < end ? row : end;
		if (!wanted_absent)
			memset(keep + next - p->first, 0, stop - next);
		else if (row < end)
			keep[row - p->first] = 0;
		next = stop + 1;
	}
	cold_reader_close(&reader);
	return rc;
}

static int text_place_compare(const void *a, const void *b)
{
	const struct text_place *x = a, *y = b;
	return (x->locator > y->locator) - (x->locator < y->locator);
}

// A piece of moved persons' rows. They are looked up in the order in which they are stored: values that are packed
// together are unpacked once then.
static enum rc keep_moved_texts(struct cursor *c, const struct piece *p, bool wanted_absent, struct err *e)
{
	const struct overlay_view *v = c->segments->view;
	const uint64_t *locators = v->locators + v->chunk_first[p->chunk] + p->first;
	uint8_t *keep = c->stage.keep + p->to;
	uint32_t n = 0;
	enum rc rc = RC_OK;
	if (!c->texts)
		c->texts = cold_cache_new();
	if (!c->texts ||
		mem_grow((void **)&c->text_places, &c->text_places_capacity, p->n, sizeof *c->text_places))
		return err_set(e, RC_NOMEM, "out of memory for a scan");
	for (uint32_t i = 0; i < p->n; i++)
		if (keep[i])
			c->text_places[n++] = (struct text_place){locators[i], i};
	qsort(c->text_places, n, sizeof *c->text_places, text_place_compare);
	for (uint32_t i = 0; rc == RC_OK && i < n; i++) {
		struct sv text;
		uint64_t at = c->text_places[i].locator;
		rc = segment_cold_view(c->texts, c->segments->items[locator_segment(at)], locator_chunk(at),
			locator_row(at), COLUMN_COLD0 + COLD_TEXT, &text, e);
		keep[c->text_places[i].row] = !text.ptr == wanted_absent;
	}
	return rc;
}

static enum rc keep_texts(struct cursor *c, const struct predicate *p, struct err *e)
{
	enum rc rc = RC_OK;
	for (uint32_t i = 0; rc == RC_OK && i < c->n_pieces; i++) {
		struct piece piece = c->pieces[i];
		uint8_t *keep = c->stage.keep + piece.to;
		const uint8_t *first = memchr(keep, 1, piece.n);
		if (!first)
			continue;
		piece.first += (uint32_t)(first - keep);
		piece.n -= (uint32_t)(first - keep);
		while (first[piece.n - 1] == 0)
			piece.n--;
		piece.to += (uint32_t)(first - keep);
		if (texts_elsewhere(c, piece.segment))
			rc = keep_moved_texts(c, &piece, p->wanted_absent, e);
		else
			rc = keep_piece_texts(c->segments->items[piece.segment], &piece, p->wanted_absent,
				c->stage.keep + piece.to, e);
	}
	return rc;
}

unsigned predicate_column(const struct predicate *p)
{
	switch (p->kind) {
	case PREDICATE_CODES:
		return COLUMN_CODE0 + p->column;
	case PREDICATE_MEASURE:
		return COLUMN_MEASURE0 + p->measure_slot;
	case PREDICATE_TIME:
	case PREDICATE_PERSON:
	case PREDICATE_TEXT:
	default:
		return COLUMN_AT;
	}
}

static void keep_apply(const struct predicate *p, struct stage *st)
{
	void *data = st->data[predicate_column(p)];
	if (p->kind == PREDICATE_TIME)
		keep_times(p, data, st->n, st->keep);
	else if (p->kind == PREDICATE_CODES)
		keep_codes(p, data, st->n, st->keep);
	else
		keep_measures(p, st->measure_row[p->measure_slot], data, st->measure_n[p->measure_slot], st->n,
			st->keep);
}

enum verdict filter_stage_verdict(const struct cursor *c, const struct predicate *p)
{
	enum verdict all = PASS_SOME;
	for (uint32_t i = 0; i < c->n_pieces; i++) {
		const struct piece *piece = &c->pieces[i];
		if (i > 0 && piece->chunk == piece[-1].chunk && piece->segment == piece[-1].segment)
			continue;
		enum verdict v = chunk_verdict(c, p, piece->segment, piece->chunk);
		if (v == PASS_SOME || (i > 0 && v != all))
			return PASS_SOME;
		all = v;
	}
	return all;
}

// Applies the predicates on texts, or the others. *masked: is `keep` filled in? *none: nothing passes.
static enum rc apply_all(struct cursor *c, bool texts, bool *masked, bool *none, struct err *e)
{
	struct stage *st = &c->stage;
	enum rc rc = RC_OK;
	for (uint32_t i = 0; rc == RC_OK && i < c->request.n_predicates && !*none; i++) {
		const struct predicate *p = &c->request.predicates[i];
		if (p->kind == PREDICATE_PERSON || (p->kind == PREDICATE_TEXT) != texts)
			continue;
		enum verdict v = filter_stage_verdict(c, p);
		if (v == PASS_ALL)
			continue;
		if (!*masked)
			memset(st->keep, 1, st->n);
		*masked = true;
		*none = v == PASS_NONE;
		if (v == PASS_NONE)
			memset(st->keep, 0, st->n);
		else if (texts)
			rc = keep_texts(c, p, e);
		else if ((rc = stage_load(st, c->segments, c->pieces, c->n_pieces, predicate_column(p), e)) ==
			 RC_OK)
			keep_apply(p, st);
	}
	return rc;
}

enum rc filter_stage(struct cursor *c, uint32_t *n_keep, struct err *e)
{
	struct stage *st = &c->stage;
	bool masked = false, none = false;
	enum rc rc = apply_all(c, false, &masked, &none, e);
	if (rc == RC_OK)
		rc = apply_all(c, true, &masked, &none, e);
	*n_keep = none ? 0 : st->n;
	if (masked && !none) {
		uint32_t n = 0;
		for (uint32_t i = 0; i < st->n; i++)
			n += st->keep[i];
		*n_keep = n;
	}
	return rc;
}
