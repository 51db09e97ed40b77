// SPDX-License-Identifier: Apache-2.0
// The stage of a cursor: columns of a batch, decoded into arrays that are reused from batch to batch.
#include "base/mem.h"
#include "journey/cursor.h"

#define ROWS_MIN 64u // one customer's journey must cost little

bool stage_is_code(unsigned number)
{
	return number >= COLUMN_CODE0 && number < COLUMN_COLD0;
}

static size_t value_bytes(unsigned number)
{
	return stage_is_code(number) ? 4 : 8;
}

void stage_want(struct stage *st, unsigned number)
{
	if (st->is_wanted[number])
		return;
	st->is_wanted[number] = true;
	st->wanted[st->n_wanted++] = (uint8_t)number;
}

static void stage_release(struct stage *st)
{
	for (unsigned i = 0; i < SEGMENT_COLUMNS; i++) {
		mem_free(st->data[i]);
		st->data[i] = NULL;
	}
	for (unsigned i = 0; i < DESIGN_MEASURES_MAX; i++) {
		mem_free(st->measure_row[i]);
		st->measure_row[i] = NULL;
	}
	mem_free(st->row_person);
	mem_free(st->locator);
	mem_free(st->keep);
	st->row_person = st->locator = NULL;
	st->keep = NULL;
	memset(st->measure_all, 0, sizeof st->measure_all);
	st->capacity = 0;
}

void stage_free(struct stage *st)
{
	stage_release(st);
}

static bool stage_allocate(struct stage *st, size_t capacity)
{
	size_t rows = capacity + STAGE_SLACK;
	st->keep = mem_alloc(rows);
	bool good = st->keep != NULL;
	for (uint32_t i = 0; good && i < st->n_wanted; i++) {
		unsigned number = st->wanted[i];
		st->data[number] = mem_alloc(rows * value_bytes(number));
		good = st->data[number] != NULL;
		if (good && number >= COLUMN_MEASURE0) {
			uint32_t **row = &st->measure_row[number - COLUMN_MEASURE0];
			*row = mem_alloc(rows * sizeof **row);
			good = *row != NULL;
		}
	}
	if (good && st->want_rows) {
		st->row_person = mem_alloc(rows * sizeof *st->row_person);
		st->locator = mem_alloc(rows * sizeof *st->locator);
		good = st->row_person && st->locator;
	}
	return good;
}

enum rc stage_reserve(struct stage *st, uint32_t n, struct err *e)
{
	memset(st->loaded, 0, sizeof st->loaded);
	st->scaled = 0;
	st->n = n;
	if (n <= st->capacity)
		return RC_OK;
	size_t rows = n < ROWS_MIN ? ROWS_MIN : n + (size_t)n / 4;
	stage_release(st);
	if (!stage_allocate(st, rows)) {
		stage_release(st);
		return err_set(e, RC_NOMEM, "out of memory for a scan of %u rows at once", n);
	}
	st->capacity = rows;
	return RC_OK;
}

// What n rows of a column take as they are packed: of a sparse one the presence of each, and its share of the values.
static uint64_t bytes_of_rows(const struct segment_column *x, const struct segment_chunk *c, uint32_t n)
{
	if (!(x->flags & COLUMN_SPARSE))
		return ((uint64_t)n * x->width + 7) / 8;
	return (n + 7) / 8 + ((uint64_t)n * x->n_present / c->n_rows * x->width + 7) / 8;
}

// A column that the decoding of `number` reads must be sound.
static enum rc touch(const struct segment *s, uint32_t chunk, unsigned number, struct err *e)
{
	const struct segment_column *x = segment_column_get(&s->chunks[chunk], number);
	enum rc rc = x ? segment_touch(s, chunk, x, e) : RC_OK;
	if (!rc && x && (x->flags & COLUMN_FROM_AT))
		rc = touch(s, chunk, COLUMN_AT, e);
	return rc;
}

enum rc stage_load(struct stage *st, const struct snapshot_segments *segments, const struct piece *pieces,
	uint32_t n, unsigned number, struct err *e)
{
	if (st->loaded[number])
		return RC_OK;
	uint32_t n_values = 0; // of a measure
	for (uint32_t i = 0; i < n; i++) {
		const struct piece *p = &pieces[i];
		const struct segment *s = segments->items[p->segment];
		const struct segment_chunk *c = &s->chunks[p->chunk];
		const struct segment_column *x = segment_column_get(c, number);
		enum rc rc = touch(s, p->chunk, number, e);
		if (rc)
			return rc;
		if (number >= COLUMN_MEASURE0)
			st->measure_all[number - COLUMN_MEASURE0] = 0;
		if (number >= COLUMN_MEASURE0)
			n_values += chunk_read_measure(s, c, number, p->first, p->n, p->to,
				st->measure_row[number - COLUMN_MEASURE0] + n_values,
				(double *)st->data[number] + n_values);
		else if (stage_is_code(number))
			chunk_read_u32(s, c, number, p->first, p->n, (uint32_t *)st->data[number] + p->to);
		else
			chunk_read_i64(s, c, number, p->first, p->n, (int64_t *)st->data[number] + p->to);
		st->bytes_decoded += x ? bytes_of_rows(x, c, p->n) : 0;
	}
	if (number >= COLUMN_MEASURE0)
		st->measure_n[number - COLUMN_MEASURE0] = n_values;
	st->loaded[number] = true;
	return RC_OK;
}

static bool is_one_chunk(const struct piece *pieces, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
		if (pieces[i].chunk != pieces[0].chunk || pieces[i].segment != pieces[0].segment)
			return false;
	return n > 0;
}

enum rc stage_load_scaled(struct stage *st, const struct snapshot_segments *segments,
	const struct piece *pieces, uint32_t n, unsigned slot, struct err *e)
{
	unsigned number = COLUMN_MEASURE0 + slot;
	if (st->loaded[number] || !is_one_chunk(pieces, n))
		return stage_load(st, segments, pieces, n, number, e);
	const struct segment *s = segments->items[pieces[0].segment];
	const struct segment_chunk *c = &s->chunks[pieces[0].chunk];
	const struct segment_column *x = segment_column_get(c, number);
	if (!x || !chunk_measure_is_scaled(x, &st->scaled_max[slot]))
		return stage_load(st, segments, pieces, n, number, e);
	enum rc rc = touch(s, pieces[0].chunk, number, e);
	if (rc)
		return rc;
	uint32_t n_values = 0;
	bool all = n == 1 && !(x->flags & COLUMN_SPARSE) && pieces[0].to == 0; // as in the batch before
	bool same = all && st->measure_all[slot] >= pieces[0].n;
	if (!same)
		st->measure_all[slot] = all ? pieces[0].n : 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct piece *p = &pieces[i];
		n_values += chunk_read_scaled(s, c, number, p->first, p->n, p->to,
			same ? NULL : st->measure_row[slot] + n_values, (int32_t *)st->data[number] + n_values);
		st->bytes_decoded += bytes_of_rows(x, c, p->n);
	}
	st->measure_n[slot] = n_values;
	st->scaled |= 1ull << slot;
	st->decimals[slot] = x->scale;
	st->loaded[number] = true;
	return RC_OK;
}

// The cache lines in which values of `width` bits lie.
static uint64_t lines_of(const uint32_t *row, uint32_t shift, uint32_t n, unsigned width)
{
	enum { LINE_BITS = 512 };
	uint64_t lines = 0, before = UINT64_MAX;
	for (uint32_t i = 0; width && i < n; i++) {
		uint64_t bit = (uint64_t)(uint32_t)(row[i] + shift) * width, first = bit / LINE_BITS,
			 last = (bit + width - 1) / LINE_BITS;
		lines += (first != before) + (last != first);
		before = last;
	}
	return lines;
}

// What is read for n chosen values: of a sparse column the lines with their presence, a bit each, and as much as n
// values take, which lie together; of one that is kept as the difference to the time the time as well.
static uint64_t bytes_of_picked(const struct stage *st, const struct segment_chunk *c,
	const struct segment_column *x, const uint32_t *row, uint32_t shift, uint32_t n)
{
	const unsigned line = 64;
	const struct segment_column *at = x->flags & COLUMN_FROM_AT ? segment_column_get(c, COLUMN_AT) : NULL;
	uint64_t packed = ((uint64_t)n * x->width + 7) / 8;
	uint64_t more = at ? bytes_of_picked(st, c, at, row, shift, n) : 0;
	if (!st->counts_lines)
		return packed + more;
	if (x->flags & COLUMN_SPARSE)
		return line * lines_of(row, shift, n, 1) + packed + more;
	return line * lines_of(row, shift, n, x->width) + more;
}

enum rc stage_load_picked(struct stage *st, const struct snapshot_segments *segments,
	const struct piece *pieces, uint32_t n, unsigned number, const uint32_t *row, uint32_t m, struct err *e)
{
	uint32_t done = 0;
	for (uint32_t i = 0; i < n && done < m; i++) {
		const struct piece *p = &pieces[i];
		const struct segment *s = segments->items[p->segment];
		const struct segment_chunk *c = &s->chunks[p->chunk];
		const struct segment_column *x = segment_column_get(c, number);
		uint32_t end = m;
		if (i + 1 < n)
			for (end = done; end < m && row[end] < p->to + p->n;)
				end++;
		if (end == done)
			continue;
		enum rc rc = touch(s, p->chunk, number, e);
		if (rc)
			return rc;
		// row - to + first, modulo 2^32
		uint32_t shift = p->first - p->to;
		if (stage_is_code(number))
			chunk_pick_u32(s, c, number, row + done, shift, end - done,
				(uint32_t *)st->data[number] + done);
		else
			chunk_pick_i64(s, c, number, row + done, shift, end - done,
				(int64_t *)st->data[number] + done);
		st->bytes_decoded += x ? bytes_of_picked(st, c, x, row + done, shift, end - done) : 0;
		done = end;
	}
	st->loaded[number] = true;
	return RC_OK;
}

// Index of the person that row `row` of the chunk belongs to.
static uint32_t person_of_row(const uint32_t *starts, uint32_t n_persons, uint32_t row)
{
	uint32_t lo = 0, hi = n_persons - 1;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo + 1) / 2;
		if (starts[mid] <= row)
			lo = mid;
		else
			hi = mid - 1;
	}
	return lo;
}

enum rc stage_load_rows(struct stage *st, const struct snapshot_segments *segments, const struct piece *pieces,
	uint32_t n, struct err *e)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct piece *p = &pieces[i];
		const struct segment *s = segments->items[p->segment];
		const struct segment_chunk *c = &s->chunks[p->chunk];
		enum rc rc = touch(s, p->chunk, COLUMN_PERSON, e);
		if (!rc)
			rc = touch(s, p->chunk, COLUMN_START, e);
		if (rc)
			return rc;
		const uint64_t *persons = chunk_persons(s, c);
		const uint32_t *starts = chunk_starts(s, c);
		uint32_t k = person_of_row(starts, c->n_persons, p->first);
		for (uint32_t row = p->first; row < p->first + p->n; row++) {
			k += row == starts[k + 1];
			uint32_t to = p->to + row - p->first;
			st->row_person[to] = persons[k];
			st->locator[to] = locator_make(p->segment, p->chunk, row);
		}
	}
	return RC_OK;
}
