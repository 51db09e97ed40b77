// SPDX-License-Identifier: Apache-2.0
// Columns back to values, in tight loops over runs of rows (bits.c unpacks). Callers have touched the columns.
#include "journey/marks.h"
#include "journey/segment.h"

#include <assert.h>

#define BLOCK 512u // values that go through a buffer on the stack

static_assert(SCALED_DECIMALS_MAX == SEGMENT_DECIMALS_MAX, "scaled values have the decimals that are stored");

// Values [first, first + n) of those packed at p.
static void unpack_u64(
	const uint8_t *p, const struct segment_column *x, uint32_t first, uint32_t n, uint64_t *out)
{
	uint64_t base = (uint64_t)x->base, multiple = x->multiple;
	if (multiple == 1) {
		bits_read_u64(p, x->width, first, n, base, out);
		return;
	}
	bits_read_u64(p, x->width, first, n, 0, out);
	for (uint32_t i = 0; i < n; i++)
		out[i] = base + out[i] * multiple;
}

// The low 32 bits of the same.
static void unpack_u32(
	const uint8_t *p, const struct segment_column *x, uint32_t first, uint32_t n, uint32_t *out)
{
	uint32_t base = (uint32_t)x->base, multiple = (uint32_t)x->multiple;
	if (multiple == 1) {
		bits_read_u32(p, x->width, first, n, base, out);
		return;
	}
	bits_read_u32(p, x->width, first, n, 0, out);
	for (uint32_t i = 0; i < n; i++)
		out[i] = base + out[i] * multiple;
}

// --- presence bitmaps ---

static uint64_t bitmap_word(const uint8_t *bits, uint32_t i)
{
	return load_u64(bits + 8 * (size_t)i);
}

// Bits set in words [first, end).
static inline uint32_t words_count(const uint8_t *bits, uint32_t first, uint32_t end)
{
	uint32_t n = 0;
	for (uint32_t i = first; i < end; i++)
		n += (uint32_t)__builtin_popcountll(bitmap_word(bits, i));
	return n;
}

#if defined(__x86_64__)
__attribute__((target("popcnt"))) static uint32_t words_popcnt(
	const uint8_t *bits, uint32_t first, uint32_t end)
{
	uint32_t n = 0;
	for (uint32_t i = first; i < end; i++)
		n += (uint32_t)__builtin_popcountll(bitmap_word(bits, i));
	return n;
}

static uint32_t bitmap_count(const uint8_t *bits, uint32_t first, uint32_t end)
{
	return vectors_have() != VECTORS_NONE ? words_popcnt(bits, first, end) : words_count(bits, first, end);
}
#else
static uint32_t bitmap_count(const uint8_t *bits, uint32_t first, uint32_t end)
{
	return words_count(bits, first, end);
}
#endif

// Number of rows below `row` that are present.
static uint32_t bitmap_rank(const uint8_t *bits, uint32_t row)
{
	uint32_t words = row / 64, n = bitmap_count(bits, 0, words);
	if (row % 64)
		n += (uint32_t)__builtin_popcountll(bitmap_word(bits, words) & ((1ull << (row % 64)) - 1));
	return n;
}

static const uint8_t *column_bytes(const struct segment *s, const struct segment_column *x)
{
	return s->bytes + x->offset;
}

// --- integers ---

// One packed value of a sparse column.
static int64_t sparse_value(const struct segment_column *x, const uint8_t *values, uint32_t rank)
{
	return (int64_t)((uint64_t)x->base + bits_get(values, x->width, rank) * x->multiple);
}

static void read_sparse_i64(const uint8_t *bits, const struct segment_chunk *c, const struct segment_column *x,
	uint32_t first, uint32_t n, int64_t *out)
{
	int64_t absent = segment_column_default(x->number);
	const uint8_t *values = bits + 8 * (size_t)segment_bitmap_words(c->n_rows);
	uint32_t rank = bitmap_rank(bits, first), row[BLOCK];
	for (uint32_t i = 0; i < n; i++)
		out[i] = absent;
	for (uint32_t from = 0; from < n; from += BLOCK) {
		uint32_t m = marks_rows(bits, first + from, n - from < BLOCK ? n - from : BLOCK, from, row);
		for (uint32_t i = 0; i < m; i++)
			out[row[i]] = sparse_value(x, values, rank++);
	}
}

static void read_sparse_u32(const uint8_t *bits, const struct segment_chunk *c, const struct segment_column *x,
	uint32_t first, uint32_t n, uint32_t *out)
{
	const uint8_t *values = bits + 8 * (size_t)segment_bitmap_words(c->n_rows);
	uint32_t rank = bitmap_rank(bits, first), row[BLOCK];
	memset(out, 0, n * sizeof *out);
	for (uint32_t from = 0; from < n; from += BLOCK) {
		uint32_t m = marks_rows(bits, first + from, n - from < BLOCK ? n - from : BLOCK, from, row);
		for (uint32_t i = 0; i < m; i++)
			out[row[i]] = (uint32_t)sparse_value(x, values, rank++);
	}
}

static void read_dict(
	const uint8_t *dict, const struct segment_column *x, uint32_t first, uint32_t n, int64_t *out)
{
	const uint8_t *p = dict + 8 * (size_t)x->n_dict;
	uint32_t index[BLOCK];
	for (uint32_t from = 0; from < n; from += BLOCK) {
		uint32_t m = n - from < BLOCK ? n - from : BLOCK;
		bits_read_u32(p, x->width, first + from, m, 0, index);
		for (uint32_t i = 0; i < m; i++)
			out[from + i] = (int64_t)load_u64(dict + 8 * (size_t)index[i]);
	}
}

static void read_from_at(const struct segment *s, const struct segment_chunk *c, const struct segment_column *x,
	uint32_t first, uint32_t n, int64_t *out)
{
	uint64_t delta[BLOCK];
	chunk_read_i64(s, c, COLUMN_AT, first, n, out);
	for (uint32_t from = 0; from < n; from += BLOCK) {
		uint32_t m = n - from < BLOCK ? n - from : BLOCK;
		unpack_u64(column_bytes(s, x), x, first + from, m, delta);
		for (uint32_t i = 0; i < m; i++)
			out[from + i] = (int64_t)((uint64_t)out[from + i] + delta[i]);
	}
}

void chunk_read_i64(const struct segment *s, const struct segment_chunk *c, unsigned number, uint32_t first,
	uint32_t n, int64_t *out)
{
	const struct segment_column *x = segment_column_get(c, number);
	if (!x) {
		int64_t absent = segment_column_default(number);
		for (uint32_t i = 0; i < n; i++)
			out[i] = absent;
	} else if (x->flags & COLUMN_SPARSE) {
		read_sparse_i64(column_bytes(s, x), c, x, first, n, out);
	} else if (x->encoding == ENCODING_DICT) {
		read_dict(column_bytes(s, x), x, first, n, out);
	} else if (x->flags & COLUMN_FROM_AT) {
		read_from_at(s, c, x, first, n, out);
	} else {
		unpack_u64(column_bytes(s, x), x, first, n, (uint64_t *)out);
	}
}

void chunk_read_u32(const struct segment *s, const struct segment_chunk *c, unsigned number, uint32_t first,
	uint32_t n, uint32_t *out)
{
	const struct segment_column *x = segment_column_get(c, number);
	if (!x)
		memset(out, 0, n * sizeof *out);
	else if (x->flags & COLUMN_SPARSE)
		read_sparse_u32(column_bytes(s, x), c, x, first, n, out);
	else
		unpack_u32(column_bytes(s, x), x, first, n, out);
}

// --- integers at chosen rows ---

// Of a sparse column; ranks are counted on from row to row.
static void pick_sparse_i64(const uint8_t *bits, const struct segment_chunk *c, const struct segment_column *x,
	const uint32_t *row, uint32_t shift, uint32_t n, int64_t *out)
{
	const uint8_t *values = bits + 8 * (size_t)segment_bitmap_words(c->n_rows);
	int64_t absent = segment_column_default(x->number);
	uint32_t word = 0, rank = 0; // bits before `word`
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = row[i] + shift;
		rank += bitmap_count(bits, word, at / 64);
		word = at / 64;
		uint64_t here = bitmap_word(bits, word);
		uint32_t before = (uint32_t)__builtin_popcountll(here & ((1ull << (at % 64)) - 1));
		out[i] = here >> (at % 64) & 1 ? sparse_value(x, values, rank + before) : absent;
	}
}

#define PICK_AHEAD 48u // values; their lines are fetched meanwhile

static inline void fetch_ahead(
	const uint8_t *p, unsigned width, const uint32_t *row, uint32_t shift, uint32_t i, uint32_t n)
{
	uint32_t ahead = i + PICK_AHEAD < n ? i + PICK_AHEAD : n - 1;
	__builtin_prefetch(p + (uint64_t)(row[ahead] + shift) * width / 8);
}

static void pick_packed(const uint8_t *p, const struct segment_column *x, const uint32_t *row, uint32_t shift,
	uint32_t n, uint64_t *out)
{
	uint64_t base = (uint64_t)x->base, multiple = x->multiple;
	unsigned width = x->width;
	for (uint32_t i = 0; i < n; i++) {
		fetch_ahead(p, width, row, shift, i, n);
		out[i] = base + bits_get(p, width, (uint32_t)(row[i] + shift)) * multiple;
	}
}

void chunk_pick_i64(const struct segment *s, const struct segment_chunk *c, unsigned number,
	const uint32_t *row, uint32_t shift, uint32_t n, int64_t *out)
{
	const struct segment_column *x = segment_column_get(c, number);
	if (!x) {
		for (uint32_t i = 0; i < n; i++)
			out[i] = segment_column_default(number);
		return;
	}
	const uint8_t *p = column_bytes(s, x);
	if (x->flags & COLUMN_SPARSE) {
		pick_sparse_i64(p, c, x, row, shift, n, out);
	} else if (x->encoding == ENCODING_DICT) {
		for (uint32_t i = 0; i < n; i++) {
			uint64_t index =
				bits_get(p + 8 * (size_t)x->n_dict, x->width, (uint32_t)(row[i] + shift));
			out[i] = (int64_t)load_u64(p + 8 * index);
		}
	} else if (x->flags & COLUMN_FROM_AT) {
		chunk_pick_i64(s, c, COLUMN_AT, row, shift, n, out);
		for (uint32_t i = 0; i < n; i++)
			out[i] = (int64_t)((uint64_t)out[i] +
					   (uint64_t)sparse_value(x, p, (uint32_t)(row[i] + shift)));
	} else {
		pick_packed(p, x, row, shift, n, (uint64_t *)out);
	}
}

void chunk_pick_u32(const struct segment *s, const struct segment_chunk *c, unsigned number,
	const uint32_t *row, uint32_t shift, uint32_t n, uint32_t *out)
{
	const struct segment_column *x = segment_column_get(c, number);
	if (!x) {
		memset(out, 0, n * sizeof *out);
	} else if (x->flags & COLUMN_SPARSE) {
		int64_t block[BLOCK];
		for (uint32_t from = 0; from < n; from += BLOCK) {
			uint32_t m = n - from < BLOCK ? n - from : BLOCK;
			pick_sparse_i64(column_bytes(s, x), c, x, row + from, shift, m, block);
			for (uint32_t i = 0; i < m; i++)
				out[from + i] = (uint32_t)block[i];
		}
	} else {
		const uint8_t *p = column_bytes(s, x);
		uint32_t base = (uint32_t)x->base, multiple = (uint32_t)x->multiple;
		unsigned width = x->width;
		for (uint32_t i = 0; i < n; i++) {
			fetch_ahead(p, width, row, shift, i, n);
			out[i] = base + (uint32_t)bits_get(p, width, (uint32_t)(row[i] + shift)) * multiple;
		}
	}
}

// --- measures ---

static void unpack_decimals(
	const struct segment_column *x, const uint8_t *p, uint32_t first, uint32_t n, double *restrict out)
{
	double power = segment_power_of_ten(x->scale);
	bool small = x->width <= 24 && x->multiple == 1 && x->base >= INT32_MIN && x->base <= INT32_MAX / 2;
	for (uint32_t from = 0; from < n; from += BLOCK) {
		uint32_t m = n - from < BLOCK ? n - from : BLOCK;
		if (small) { // 32-bit integers convert in vectors
			uint32_t v[BLOCK];
			bits_read_u32(p, x->width, first + from, m, (uint32_t)x->base, v);
			for (uint32_t i = 0; i < m; i++)
				out[i] = (int32_t)v[i];
		} else {
			uint64_t v[BLOCK];
			unpack_u64(p, x, first + from, m, v);
			for (uint32_t i = 0; i < m; i++)
				out[i] = (double)(int64_t)v[i];
		}
		if (x->scale)
			for (uint32_t i = 0; i < m; i++)
				out[i] /= power;
		out += m;
	}
}

// The rows that have a value; *p: where values are, *rank: the number of the first. Returns how many.
static uint32_t measure_rows(const struct segment *s, const struct segment_chunk *c,
	const struct segment_column *x, uint32_t first, uint32_t n, uint32_t add, uint32_t *row,
	const uint8_t **p, uint32_t *rank)
{
	*p = column_bytes(s, x);
	*rank = first;
	if (x->flags & COLUMN_SPARSE) {
		const uint8_t *bits = *p;
		*rank = bitmap_rank(bits, first);
		*p += 8 * (size_t)segment_bitmap_words(c->n_rows);
		return marks_rows(bits, first, n, add, row);
	}
	for (uint32_t i = 0; row && i < n; i++)
		row[i] = add + i;
	return n;
}

uint32_t chunk_read_measure(const struct segment *s, const struct segment_chunk *c, unsigned number,
	uint32_t first, uint32_t n, uint32_t add, uint32_t *row, double *value)
{
	const struct segment_column *x = segment_column_get(c, number);
	if (!x)
		return 0;
	const uint8_t *p;
	uint32_t rank, m = measure_rows(s, c, x, first, n, add, row, &p, &rank);
	if (x->encoding == ENCODING_DECIMAL)
		unpack_decimals(x, p, rank, m, value);
	else
		memcpy(value, p + rank * sizeof *value, m * sizeof *value);
	return m;
}

bool chunk_measure_is_scaled(const struct segment_column *x, uint32_t *max)
{
	int64_t limit = SCALED_MAX, end;
	if (x->encoding != ENCODING_DECIMAL || x->width > 24 || x->multiple > SCALED_MAX || x->base < -limit ||
		x->base > limit)
		return false;
	end = x->base + (int64_t)bits_mask(x->width) * (int64_t)x->multiple;
	if (end > limit)
		return false;
	*max = (uint32_t)(-x->base > end ? -x->base : end);
	return true;
}

uint32_t chunk_read_scaled(const struct segment *s, const struct segment_chunk *c, unsigned number,
	uint32_t first, uint32_t n, uint32_t add, uint32_t *row, int32_t *scaled)
{
	const struct segment_column *x = segment_column_get(c, number);
	if (!x)
		return 0;
	const uint8_t *p;
	uint32_t rank, m = measure_rows(s, c, x, first, n, add, row, &p, &rank);
	unpack_u32(p, x, rank, m, (uint32_t *)scaled);
	return m;
}

// --- persons ---

uint32_t chunk_person_find(const struct segment *s, const struct segment_chunk *c, uint64_t key)
{
	const uint64_t *p = chunk_persons(s, c);
	uint32_t lo = 0, hi = c->n_persons;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (p[mid] < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}
