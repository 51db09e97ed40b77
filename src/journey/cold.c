// SPDX-License-Identifier: Apache-2.0
// Reads cold columns. Invariant: a loaded block has been checked as a whole (it unpacks to the announced size, its
// rows ascend and stay in the chunk, its lengths add up), so values can be handed out without further tests.
#include "base/mem.h"
#include "journey/segment.h"

#include <zstd.h>

struct cold_block {
	uint32_t first_row, n_values, raw, packed; // as in the directory
};

struct cold_reader {
	const struct segment *s;
	uint32_t chunk;
	const struct segment_column *column; // NULL: no values
	uint32_t block;                      // the next one to load
	uint64_t offset;                     // of that block in the region
	uint32_t i, n;                       // next value and number of values of the loaded block
	uint32_t *row, *end;                 // n each; end of the value in `raw`
	size_t row_capacity, end_capacity;
	uint32_t values; // where the first value begins in raw
	uint8_t *raw;
	size_t raw_capacity;
	ZSTD_DCtx *zstd;
};

static struct cold_block block_get(const struct segment *s, const struct segment_column *x, uint32_t i)
{
	const uint8_t *p = s->bytes + x->offset + 16 * (size_t)i;
	return (struct cold_block){load_u32(p), load_u32(p + 4), load_u32(p + 8), load_u32(p + 12)};
}

bool cold_region_sound(const struct segment *s, const struct segment_chunk *c, const struct segment_column *x)
{
	uint64_t bytes = 16 * (uint64_t)x->n_dict, n_values = 0;
	for (uint32_t i = 0; i < x->n_dict; i++) {
		struct cold_block b = block_get(s, x, i);
		if (b.first_row >= c->n_rows || b.n_values == 0 || b.raw > SEGMENT_COLD_RAW_MAX ||
			b.n_values > b.raw || (i > 0 && block_get(s, x, i - 1).first_row >= b.first_row))
			return false;
		bytes += b.packed;
		n_values += b.n_values;
	}
	return n_values == x->n_present && x->length == segment_region_length(bytes);
}

enum rc cold_reader_open(
	const struct segment *s, uint32_t chunk, unsigned number, struct cold_reader **out, struct err *e)
{
	*out = NULL;
	const struct segment_column *x = segment_column_get(&s->chunks[chunk], number);
	enum rc rc = x ? segment_touch(s, chunk, x, e) : RC_OK;
	if (rc)
		return rc;
	struct cold_reader *r = mem_calloc(1, sizeof *r);
	if (!r)
		return err_set(e, RC_NOMEM, "out of memory for reading values");
	r->s = s;
	r->chunk = chunk;
	r->column = x;
	r->offset = x ? 16 * (uint64_t)x->n_dict : 0;
	*out = r;
	return RC_OK;
}

void cold_reader_close(struct cold_reader **out)
{
	struct cold_reader *r = *out;
	if (!r)
		return;
	mem_free(r->row);
	mem_free(r->end);
	mem_free(r->raw);
	ZSTD_freeDCtx(r->zstd);
	mem_free(r);
	*out = NULL;
}

// Rows and ends of the values from the heads of the unpacked block.
static bool block_parse(struct cold_reader *r, const struct cold_block *b, uint32_t row_end)
{
	struct rd rd = rd_new((struct sv){(const char *)r->raw, b->raw});
	if (rd_varint(&rd) != b->n_values)
		return false;
	uint64_t row = 0, length = 0;
	for (uint32_t i = 0; i < b->n_values; i++) {
		uint64_t step = rd_varint(&rd), bytes = rd_varint(&rd);
		if (step > CHUNK_ROWS_MAX || bytes > b->raw || (i > 0 && step == 0))
			return false;
		row += step;
		length += bytes;
		if (row >= row_end || length > b->raw)
			return false;
		r->row[i] = (uint32_t)row;
		r->end[i] = (uint32_t)length;
	}
	r->values = b->raw - (uint32_t)(rd.end - rd.p);
	return !rd.bad && r->row[0] == b->first_row && length == b->raw - r->values;
}

static enum rc block_load(struct cold_reader *r, struct err *e)
{
	const struct segment_column *x = r->column;
	struct cold_block b = block_get(r->s, x, r->block);
	r->n = r->i = 0;
	if (mem_grow((void **)&r->row, &r->row_capacity, b.n_values, sizeof *r->row) ||
		mem_grow((void **)&r->end, &r->end_capacity, b.n_values, sizeof *r->end) ||
		mem_grow((void **)&r->raw, &r->raw_capacity, b.raw, 1) ||
		(!r->zstd && !(r->zstd = ZSTD_createDCtx())))
		return err_set(e, RC_NOMEM, "out of memory for reading values");
	const uint8_t *packed = r->s->bytes + x->offset + r->offset;
	size_t n = ZSTD_decompressDCtx(r->zstd, r->raw, b.raw, packed, b.packed);
	uint32_t row_end = r->block + 1 < x->n_dict ? block_get(r->s, x, r->block + 1).first_row
						    : r->s->chunks[r->chunk].n_rows;
	if (ZSTD_isError(n) || n != b.raw || !block_parse(r, &b, row_end))
		return segment_corrupt(r->s, r->chunk, x->number, "a block of values does not unpack", e);
	r->n = b.n_values;
	r->block++;
	r->offset += b.packed;
	return RC_OK;
}

enum rc cold_reader_seek(struct cold_reader *r, uint32_t row, struct err *e)
{
	if (!r->column)
		return RC_OK;
	r->block = 0;
	r->offset = 16 * (uint64_t)r->column->n_dict;
	while (r->block + 1 < r->column->n_dict && block_get(r->s, r->column, r->block + 1).first_row <= row)
		r->offset += block_get(r->s, r->column, r->block++).packed;
	enum rc rc = block_load(r, e);
	while (!rc && r->i < r->n && r->row[r->i] < row)
		r->i++;
	return rc;
}

enum rc cold_reader_next(struct cold_reader *r, uint32_t *row, struct sv *value, struct err *e)
{
	*row = UINT32_MAX;
	*value = SV_NONE;
	if (!r->column)
		return RC_OK;
	if (r->i == r->n) {
		if (r->block == r->column->n_dict)
			return RC_OK;
		enum rc rc = block_load(r, e);
		if (rc)
			return rc;
	}
	uint32_t start = r->values + (r->i ? r->end[r->i - 1] : 0), end = r->values + r->end[r->i];
	*row = r->row[r->i];
	*value = (struct sv){(const char *)r->raw + start, end - start};
	r->i++;
	return RC_OK;
}

// Is `row` within what the loaded block holds or would hold?
static bool block_covers(const struct cold_reader *r, uint32_t row)
{
	return r->n > 0 && row >= r->row[0] &&
	       (r->block == r->column->n_dict || row < block_get(r->s, r->column, r->block).first_row);
}

static enum rc value_at(struct cold_reader *r, uint32_t row, struct sv *out, struct err *e)
{
	*out = SV_NONE;
	if (!r->column)
		return RC_OK;
	enum rc rc = block_covers(r, row) ? RC_OK : cold_reader_seek(r, row, e);
	if (rc)
		return rc;
	uint32_t low = 0, high = r->n;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (r->row[middle] < row)
			low = middle + 1;
		else
			high = middle;
	}
	r->i = low;
	uint32_t found;
	struct sv value;
	if (low == r->n)
		return RC_OK;
	rc = cold_reader_next(r, &found, &value, e);
	if (!rc && found == row)
		*out = value;
	return rc;
}

struct cold_cache {
	struct cold_reader *readers[COLD_COLUMNS + 1]; // and the identities
};

struct cold_cache *cold_cache_new(void)
{
	return mem_calloc(1, sizeof(struct cold_cache));
}

void cold_cache_free(struct cold_cache **cache)
{
	if (!*cache)
		return;
	for (unsigned i = 0; i < COLD_COLUMNS + 1; i++)
		cold_reader_close(&(*cache)->readers[i]);
	mem_free(*cache);
	*cache = NULL;
}

enum rc segment_cold_view(struct cold_cache *cache, const struct segment *s, uint32_t chunk, uint32_t row,
	unsigned number, struct sv *out, struct err *e)
{
	*out = SV_NONE;
	struct cold_reader **slot = &cache->readers[number - COLUMN_COLD0];
	if (*slot && ((*slot)->s != s || (*slot)->chunk != chunk))
		cold_reader_close(slot);
	enum rc rc = *slot ? RC_OK : cold_reader_open(s, chunk, number, slot, e);
	if (!rc)
		rc = value_at(*slot, row, out, e);
	if (rc)
		cold_reader_close(slot);
	return rc;
}

enum rc segment_cold(struct cold_cache *cache, const struct segment *s, uint32_t chunk, uint32_t row,
	enum cold what, struct arena *a, struct sv *out, struct err *e)
{
	struct sv value;
	*out = SV_NONE;
	enum rc rc = segment_cold_view(cache, s, chunk, row, COLUMN_COLD0 + (unsigned)what, &value, e);
	if (!rc && value.ptr) {
		*out = arena_copy(a, value);
		if (!out->ptr)
			rc = err_set(e, RC_NOMEM, "out of memory for a value of %zu bytes", value.len);
	}
	return rc;
}

// --- identities ---

static enum rc identities_add(
	struct sv encoded, struct arena *a, struct identity_list *list, bool *sound, struct err *e)
{
	struct rd rd = rd_new(encoded);
	while (rd.p < rd.end) {
		struct sv identity = rd_blob(&rd);
		*sound = !rd.bad;
		if (rd.bad)
			return RC_OK;
		bool known = false;
		for (uint32_t i = 0; i < list->n && !known; i++)
			known = sv_equal(list->items[i], identity);
		if (known)
			continue;
		struct sv copy = arena_copy(a, identity);
		if (!copy.ptr || mem_grow((void **)&list->items, &list->capacity, list->n + 1u, sizeof copy))
			return err_set(e, RC_NOMEM, "out of memory for the identities of a person");
		list->items[list->n++] = copy;
	}
	return RC_OK;
}

// Which lists of identities are asked for.
struct list_choice {
	bool (*wanted)(void *context, struct sv list);
	void *context;
};

static enum rc chunk_identities(const struct segment *s, uint32_t chunk, uint32_t first, uint32_t end,
	const struct list_choice *choice, struct arena *a, struct identity_list *list, struct err *e)
{
	struct cold_reader *r;
	enum rc rc = cold_reader_open(s, chunk, COLUMN_IDENTITIES, &r, e);
	if (!rc)
		rc = cold_reader_seek(r, first, e);
	while (!rc) {
		uint32_t row;
		struct sv value;
		bool sound = true;
		rc = cold_reader_next(r, &row, &value, e);
		if (rc || row >= end)
			break;
		if (choice->wanted && !choice->wanted(choice->context, value))
			continue;
		rc = identities_add(value, a, list, &sound, e);
		if (!rc && !sound)
			rc = segment_corrupt(s, chunk, COLUMN_IDENTITIES, "an identity list is cut off", e);
	}
	cold_reader_close(&r);
	return rc;
}

enum rc segment_identities(const struct segment *s, uint64_t person,
	bool (*wanted)(void *context, struct sv list), void *context, struct arena *a,
	struct identity_list *list, struct err *e)
{
	const struct list_choice choice = {wanted, context};
	for (uint32_t i = segment_chunk_find(s, person); i < s->info.n_chunks; i++) {
		const struct segment_chunk *c = &s->chunks[i];
		if (c->first_person > person)
			break;
		enum rc rc = segment_touch(s, i, segment_column_always(c, COLUMN_PERSON), e);
		if (!rc)
			rc = segment_touch(s, i, segment_column_always(c, COLUMN_START), e);
		if (rc)
			return rc;
		uint32_t p = chunk_person_find(s, c, person);
		if (p == c->n_persons || chunk_persons(s, c)[p] != person)
			continue;
		const uint32_t *starts = chunk_starts(s, c);
		rc = chunk_identities(s, i, starts[p], starts[p + 1], &choice, a, list, e);
		if (rc)
			return rc;
	}
	return RC_OK;
}
