// SPDX-License-Identifier: Apache-2.0
// All rows of a segment in order, decoded window by window, with their cold values.
#include "base/mem.h"
#include "journey/cursor.h"

#define WINDOW_ROWS 4096u
#define COLD_KINDS (COLD_COLUMNS + 1) // and the identities

// A cold column of the current chunk and its next value.
struct cold_walk {
	struct cold_reader *reader;
	uint32_t row; // of the value; UINT32_MAX = no more
	struct sv value;
};

struct segment_rows {
	const struct segment *s;
	struct segment *only[1]; // the segment as the stage wants it; it is read only
	struct snapshot_segments segments;
	struct piece window;
	uint32_t at; // row in the window
	struct stage stage;
	uint32_t next_value[DESIGN_MEASURES_MAX];
	struct cold_walk cold[COLD_KINDS];
	bool started, hot; // hot: without cold values
	struct row row;
};

enum rc segment_rows_open(const struct segment *s, struct segment_rows **out, struct err *e)
{
	*out = NULL;
	struct segment_rows *r = mem_calloc(1, sizeof *r);
	if (!r)
		return err_set(e, RC_NOMEM, "out of memory for reading a segment");
	r->s = s;
	memcpy(r->only, &s, sizeof s); // drops a const that the stage keeps
	r->segments = (struct snapshot_segments){.items = r->only, .n = 1};
	for (uint32_t i = 0; i < s->n_columns; i++)
		if (segment_column_type(s->columns[i].number) != TYPE_COLD && s->columns[i].number >= COLUMN_AT)
			stage_want(&r->stage, s->columns[i].number);
	r->stage.want_rows = true;
	*out = r;
	return RC_OK;
}

enum rc segment_rows_open_hot(const struct segment *s, struct segment_rows **out, struct err *e)
{
	enum rc rc = segment_rows_open(s, out, e);
	if (!rc)
		(*out)->hot = true;
	return rc;
}

static void cold_close(struct segment_rows *r)
{
	for (unsigned i = 0; i < COLD_KINDS; i++)
		cold_reader_close(&r->cold[i].reader);
}

void segment_rows_close(struct segment_rows **out)
{
	if (!*out)
		return;
	cold_close(*out);
	stage_free(&(*out)->stage);
	mem_free(*out);
	*out = NULL;
}

// From `row` of the chunk on.
static enum rc cold_open(struct segment_rows *r, uint32_t row, struct err *e)
{
	cold_close(r);
	if (r->hot)
		return RC_OK;
	for (unsigned i = 0; i < COLD_KINDS; i++) {
		struct cold_walk *w = &r->cold[i];
		enum rc rc = cold_reader_open(r->s, r->window.chunk, COLUMN_COLD0 + i, &w->reader, e);
		if (!rc && row > 0)
			rc = cold_reader_seek(w->reader, row, e);
		if (!rc)
			rc = cold_reader_next(w->reader, &w->row, &w->value, e);
		if (rc)
			return rc;
	}
	return RC_OK;
}

// Decodes the window after the current one; a window of 0 rows is the end.
static enum rc window_next(struct segment_rows *r, struct err *e)
{
	struct piece *w = &r->window;
	enum rc rc = RC_OK;
	w->first += w->n;
	w->n = 0;
	r->at = 0;
	bool over = w->chunk < r->s->info.n_chunks && w->first == r->s->chunks[w->chunk].n_rows;
	if (over) {
		segment_chunk_forget(r->s, w->chunk);
		w->chunk++;
		w->first = 0;
	}
	if (w->chunk == r->s->info.n_chunks)
		return RC_OK;
	if (over || !r->started)
		rc = cold_open(r, w->first, e);
	r->started = true;
	uint32_t left = r->s->chunks[w->chunk].n_rows - w->first;
	w->n = left < WINDOW_ROWS ? left : WINDOW_ROWS;
	if (!rc)
		rc = stage_reserve(&r->stage, w->n, e);
	for (uint32_t i = 0; !rc && i < r->stage.n_wanted; i++)
		rc = stage_load(&r->stage, &r->segments, w, 1, r->stage.wanted[i], e);
	if (!rc)
		rc = stage_load_rows(&r->stage, &r->segments, w, 1, e);
	memset(r->next_value, 0, sizeof r->next_value);
	return rc;
}

static int64_t integer_at(const struct segment_rows *r, unsigned number)
{
	const int64_t *v = r->stage.data[number];
	return v ? v[r->at] : segment_column_default(number);
}

static void row_measures(struct segment_rows *r)
{
	struct row *row = &r->row;
	row->n_measures = 0;
	for (unsigned slot = 0; slot < DESIGN_MEASURES_MAX; slot++) {
		uint32_t k = r->next_value[slot];
		if (k == r->stage.measure_n[slot] || r->stage.measure_row[slot][k] != r->at)
			continue;
		const double *value = r->stage.data[COLUMN_MEASURE0 + slot];
		row->measures[row->n_measures++] = (struct row_measure){slot, value[k]};
		r->next_value[slot]++;
	}
}

static enum rc row_cold(struct segment_rows *r, struct err *e)
{
	uint32_t here = r->window.first + r->at;
	r->row.identities = SV_NONE;
	memset(r->row.cold, 0, sizeof r->row.cold);
	for (unsigned i = 0; i < COLD_KINDS && !r->hot; i++) {
		struct cold_walk *w = &r->cold[i];
		// The value at the row handed out before is used up only now: it lives in the reader's block.
		if (w->row != UINT32_MAX && w->row < here) {
			enum rc rc = cold_reader_next(w->reader, &w->row, &w->value, e);
			if (rc)
				return rc;
		}
		struct sv value = w->row == here ? w->value : SV_NONE;
		if (i < COLD_COLUMNS)
			r->row.cold[i] = value;
		else
			r->row.identities = value;
	}
	return RC_OK;
}

enum rc segment_rows_next(struct segment_rows *r, const struct row **out, struct err *e)
{
	*out = NULL;
	if (r->at == r->window.n) {
		enum rc rc = window_next(r, e);
		if (rc || r->window.n == 0)
			return rc;
	}
	struct row *row = &r->row;
	row->person = r->stage.row_person[r->at];
	row->origin = (uint64_t)integer_at(r, COLUMN_ORIGIN);
	row->at_ms = integer_at(r, COLUMN_AT);
	row->received_ms = integer_at(r, COLUMN_RECEIVED);
	row->due_ms = integer_at(r, COLUMN_DUE);
	row->promise = (uint64_t)integer_at(r, COLUMN_PROMISE);
	row->keeps = (uint64_t)integer_at(r, COLUMN_KEEPS);
	for (unsigned i = 0; i < CODE_COLUMNS; i++) {
		const uint32_t *code = r->stage.data[COLUMN_CODE0 + i];
		row->code[i] = code ? code[r->at] : NAME_NONE;
	}
	row_measures(r);
	enum rc rc = row_cold(r, e);
	if (rc)
		return rc;
	r->at++;
	*out = row;
	return RC_OK;
}

// The first row of the first person ≥ `person`; chunk n_chunks when there is none.
static enum rc person_row(
	const struct segment *s, uint64_t person, uint32_t *chunk, uint32_t *row, struct err *e)
{
	*chunk = segment_chunk_find(s, person);
	*row = 0;
	if (*chunk == s->info.n_chunks || s->chunks[*chunk].first_person >= person)
		return RC_OK;
	const struct segment_chunk *c = &s->chunks[*chunk];
	enum rc rc = segment_touch(s, *chunk, segment_column_always(c, COLUMN_PERSON), e);
	if (!rc)
		rc = segment_touch(s, *chunk, segment_column_always(c, COLUMN_START), e);
	if (!rc)
		*row = chunk_starts(s, c)[chunk_person_find(s, c, person)];
	return rc;
}

enum rc segment_rows_seek(struct segment_rows *r, uint64_t person, struct err *e)
{
	uint32_t chunk, row;
	struct piece *w = &r->window;
	enum rc rc = person_row(r->s, person, &chunk, &row, e);
	if (rc)
		return rc;
	bool here = r->started && chunk == w->chunk && row >= w->first + r->at;
	if (here && row < w->first + w->n && r->hot) {
		r->at = row - w->first;
		for (unsigned slot = 0; slot < DESIGN_MEASURES_MAX; slot++)
			while (r->next_value[slot] < r->stage.measure_n[slot] &&
				r->stage.measure_row[slot][r->next_value[slot]] < r->at)
				r->next_value[slot]++;
		return RC_OK;
	}
	// Values a little ahead are read past; those of another block are sought.
	for (const struct row *skipped; here && row - (w->first + r->at) < WINDOW_ROWS;) {
		if (row == w->first + r->at)
			return RC_OK;
		rc = segment_rows_next(r, &skipped, e);
		if (rc || w->first + r->at == row)
			return rc;
	}
	segment_rows_at(r, chunk, row);
	return RC_OK;
}

void segment_rows_at(struct segment_rows *r, uint32_t chunk, uint32_t row)
{
	r->window = (struct piece){.chunk = chunk, .first = row};
	r->at = 0;
	r->started = false;
}

uint64_t segment_rows_place(const struct segment_rows *r)
{
	return locator_make(0, r->window.chunk, r->window.first + r->at - 1);
}
