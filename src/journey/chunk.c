// SPDX-License-Identifier: Apache-2.0
// Gathers the rows of one chunk and turns them into columns. Memory is what the rows of one chunk need; columns
// that no row fills cost nothing. Invariant: a gathered integer column holds the values of rows [0, n) with n at
// most the number of rows; the rest are absent.
#include "base/hash.h"
#include "base/mem.h"
#include "base/pool.h"
#include "journey/segment.h"

#define INTEGER_COLUMNS COLUMN_COLD0 // numbers below are integers (or the person directory)
#define COLD_KINDS (COLD_COLUMNS + 1)
#define LISTS_MAX 16u // identity lists of one person that are remembered, so as not to store them twice

struct integers {
	int64_t *v;
	size_t capacity;
	uint32_t n;
};

struct measures {
	uint32_t *row;
	double *value;
	size_t row_capacity, value_capacity;
	uint32_t n;
};

struct chunk_builder {
	uint32_t n_rows, n_persons;
	uint64_t *persons;
	uint32_t *starts;
	size_t persons_capacity, starts_capacity;
	struct integers integers[INTEGER_COLUMNS];
	struct measures measures[DESIGN_MEASURES_MAX];
	struct cold_writer *cold[COLD_KINDS];
	uint64_t lists[LISTS_MAX]; // hashes of the current person's identity lists
	uint32_t n_lists;
	int64_t *scratch;
	size_t scratch_capacity;
	struct segment_column columns[SEGMENT_COLUMNS];
};

struct chunk_builder *chunk_builder_new(void)
{
	return mem_calloc(1, sizeof(struct chunk_builder));
}

void chunk_builder_free(struct chunk_builder **out)
{
	struct chunk_builder *b = *out;
	if (!b)
		return;
	mem_free(b->persons);
	mem_free(b->starts);
	mem_free(b->scratch);
	for (unsigned i = 0; i < INTEGER_COLUMNS; i++)
		mem_free(b->integers[i].v);
	for (unsigned i = 0; i < DESIGN_MEASURES_MAX; i++) {
		mem_free(b->measures[i].row);
		mem_free(b->measures[i].value);
	}
	for (unsigned i = 0; i < COLD_KINDS; i++)
		cold_writer_free(&b->cold[i]);
	mem_free(b);
	*out = NULL;
}

uint32_t chunk_builder_rows(const struct chunk_builder *b)
{
	return b->n_rows;
}

static int integers_fill(struct integers *c, uint32_t n, int64_t absent)
{
	if (mem_grow((void **)&c->v, &c->capacity, n, sizeof *c->v))
		return -1;
	while (c->n < n)
		c->v[c->n++] = absent;
	return 0;
}

// After rows without a value, or when there is no room.
static int integers_add_late(struct chunk_builder *b, struct integers *c, int64_t value, int64_t absent)
{
	if (integers_fill(c, b->n_rows + 1, absent))
		return -1;
	c->v[b->n_rows] = value;
	return 0;
}

static inline int integers_add(struct chunk_builder *b, unsigned number, int64_t value)
{
	struct integers *c = &b->integers[number];
	int64_t absent = segment_column_default(number);
	if (value == absent && number != COLUMN_AT && number != COLUMN_RECEIVED)
		return 0;
	if (c->n != b->n_rows || c->n >= c->capacity)
		return integers_add_late(b, c, value, absent);
	c->v[c->n++] = value;
	return 0;
}

// Of the codes most are absent: looks at four at a time.
static int codes_add(struct chunk_builder *b, const uint32_t code[CODE_COLUMNS])
{
	unsigned i = 0;
	for (; i + 4 <= CODE_COLUMNS; i += 4) {
		if (!(load_u64(code + i) | load_u64(code + i + 2)))
			continue;
		for (unsigned k = i; k < i + 4; k++)
			if (code[k] && integers_add(b, COLUMN_CODE0 + k, code[k]))
				return -1;
	}
	for (; i < CODE_COLUMNS; i++)
		if (code[i] && integers_add(b, COLUMN_CODE0 + i, code[i]))
			return -1;
	return 0;
}

static int measure_add(struct chunk_builder *b, const struct row_measure *x)
{
	struct measures *m = &b->measures[x->slot];
	bool full = m->n >= m->row_capacity || m->n >= m->value_capacity;
	if (full && (mem_grow((void **)&m->row, &m->row_capacity, m->n + 1u, sizeof *m->row) ||
			    mem_grow((void **)&m->value, &m->value_capacity, m->n + 1u, sizeof *m->value)))
		return -1;
	m->row[m->n] = b->n_rows;
	m->value[m->n++] = x->value;
	return 0;
}

static int person_add(struct chunk_builder *b, uint64_t person)
{
	if (b->n_persons > 0 && b->persons[b->n_persons - 1] == person)
		return 0;
	if (mem_grow((void **)&b->persons, &b->persons_capacity, b->n_persons + 1u, sizeof *b->persons) ||
		mem_grow((void **)&b->starts, &b->starts_capacity, b->n_persons + 2u, sizeof *b->starts))
		return -1;
	b->persons[b->n_persons] = person;
	b->starts[b->n_persons++] = b->n_rows;
	b->n_lists = 0;
	return 0;
}

static enum rc cold_add(struct chunk_builder *b, unsigned kind, struct sv value, struct err *e)
{
	if (!value.ptr)
		return RC_OK;
	if (!b->cold[kind] && !(b->cold[kind] = cold_writer_new()))
		return err_set(e, RC_NOMEM, "out of memory while writing a segment");
	return cold_writer_add(b->cold[kind], b->n_rows, value, e);
}

// Has the current person shown this identity list before in this chunk?
static bool list_known(struct chunk_builder *b, struct sv list)
{
	uint64_t h = hash64(list.ptr, list.len);
	for (uint32_t i = 0; i < b->n_lists; i++)
		if (b->lists[i] == h)
			return true;
	if (b->n_lists < LISTS_MAX)
		b->lists[b->n_lists++] = h;
	return false;
}

static int row_add(struct chunk_builder *b, const struct row *r)
{
	if (person_add(b, r->person) || integers_add(b, COLUMN_AT, r->at_ms) ||
		integers_add(b, COLUMN_RECEIVED, r->received_ms) || integers_add(b, COLUMN_DUE, r->due_ms) ||
		integers_add(b, COLUMN_PROMISE, (int64_t)r->promise) ||
		integers_add(b, COLUMN_KEEPS, (int64_t)r->keeps) ||
		integers_add(b, COLUMN_ORIGIN, (int64_t)r->origin))
		return -1;
	if (codes_add(b, r->code))
		return -1;
	for (uint32_t i = 0; i < r->n_measures; i++)
		if (measure_add(b, &r->measures[i]))
			return -1;
	return 0;
}

enum rc chunk_builder_add(struct chunk_builder *b, const struct row *r, struct err *e)
{
	for (uint32_t i = 0; i < r->n_measures; i++) {
		uint32_t slot = r->measures[i].slot;
		bool twice = slot < DESIGN_MEASURES_MAX && b->measures[slot].n > 0 &&
			     b->measures[slot].row[b->measures[slot].n - 1] == b->n_rows;
		for (uint32_t j = 0; j < i; j++)
			twice = twice || r->measures[j].slot == slot;
		if (slot >= DESIGN_MEASURES_MAX || twice)
			return err_set(e, RC_CORRUPT, "a row has measure slot %u %s", slot,
				twice ? "twice" : "beyond the last one");
	}
	if (row_add(b, r))
		return err_set(e, RC_NOMEM, "out of memory while writing a segment");
	for (unsigned i = 0; i < COLD_COLUMNS; i++) {
		enum rc rc = cold_add(b, i, r->cold[i], e);
		if (rc)
			return rc;
	}
	if (r->identities.ptr && !list_known(b, r->identities)) {
		enum rc rc = cold_add(b, COLD_COLUMNS, r->identities, e);
		if (rc)
			return rc;
	}
	b->n_rows++;
	return RC_OK;
}

// --- columns ---

struct finishing {
	struct chunk_builder *b;
	struct buf *out;
	uint64_t start; // length of out at the start of the chunk
	uint64_t at_offset;
	struct segment_chunk *chunk;
};

static struct segment_column *column_new(struct finishing *f, unsigned number)
{
	struct segment_column *column = &f->b->columns[f->chunk->n_columns++];
	*column = (struct segment_column){
		.number = (uint8_t)number, .multiple = 1, .offset = f->at_offset + (f->out->len - f->start)};
	f->chunk->index_of[number] = (uint8_t)f->chunk->n_columns;
	return column;
}

static enum rc integers_finish(struct finishing *f, unsigned number, struct err *e)
{
	struct chunk_builder *b = f->b;
	struct integers *c = &b->integers[number];
	if (c->n == 0)
		return RC_OK;
	int64_t absent = segment_column_default(number);
	if (integers_fill(c, b->n_rows, absent))
		return err_set(e, RC_NOMEM, "out of memory while writing a segment");
	const int64_t *at = number == COLUMN_RECEIVED ? b->integers[COLUMN_AT].v : NULL;
	encode_integers(f->out, column_new(f, number), c->v, b->n_rows, absent, at, b->scratch);
	return RC_OK;
}

static void chunk_describe(struct chunk_builder *b, struct segment_chunk *chunk)
{
	*chunk = (struct segment_chunk){.n_rows = b->n_rows,
		.n_persons = b->n_persons,
		.first_person = b->persons[0],
		.last_person = b->persons[b->n_persons - 1],
		.columns = b->columns};
}

static void builder_clear(struct chunk_builder *b)
{
	b->n_rows = b->n_persons = b->n_lists = 0;
	for (unsigned i = 0; i < INTEGER_COLUMNS; i++)
		b->integers[i].n = 0;
	for (unsigned i = 0; i < DESIGN_MEASURES_MAX; i++)
		b->measures[i].n = 0;
}

enum rc chunk_builder_finish(struct chunk_builder *b, struct buf *out, uint64_t at_offset,
	struct segment_chunk *chunk, struct err *e)
{
	if (mem_grow((void **)&b->scratch, &b->scratch_capacity, b->n_rows, sizeof *b->scratch))
		return err_set(e, RC_NOMEM, "out of memory while writing a segment");
	chunk_describe(b, chunk);
	struct finishing f = {b, out, out->len, at_offset, chunk};
	b->starts[b->n_persons] = b->n_rows;
	encode_raw(out, column_new(&f, COLUMN_PERSON), b->persons, b->n_persons, 8);
	encode_raw(out, column_new(&f, COLUMN_START), b->starts, b->n_persons + 1, 4);
	for (unsigned i = COLUMN_AT; i < INTEGER_COLUMNS; i++) {
		thread_pass();
		enum rc rc = integers_finish(&f, i, e);
		if (rc)
			return rc;
	}
	for (unsigned i = 0; i < COLD_KINDS; i++)
		if (b->cold[i] && cold_writer_count(b->cold[i]) > 0) {
			thread_pass();
			enum rc rc = cold_writer_finish(b->cold[i], out, column_new(&f, COLUMN_COLD0 + i), e);
			if (rc)
				return rc;
		}
	for (unsigned i = 0; i < DESIGN_MEASURES_MAX; i++) {
		const struct measures *m = &b->measures[i];
		if (m->n > 0)
			encode_measure(out, column_new(&f, COLUMN_MEASURE0 + i), m->row, m->value, m->n,
				b->n_rows, b->scratch);
	}
	enum rc rc = buf_check(out, e, "segment");
	if (rc)
		return rc;
	const struct segment_column *at = segment_column_always(chunk, COLUMN_AT);
	chunk->first_ms = at->min.i;
	chunk->last_ms = at->max.i;
	builder_clear(b);
	return RC_OK;
}
