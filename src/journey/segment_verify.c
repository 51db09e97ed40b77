// SPDX-License-Identifier: Apache-2.0
// Checks a whole segment: every checksum, then that what the footer says of the contents is true of them, and that
// rows are in order. What passes here can be scanned without surprise.
#include "base/mem.h"
#include "journey/cursor.h"

struct verifying {
	const struct segment *s;
	uint32_t chunk;
	int64_t *values;
	uint32_t *rows;
	double *doubles;
};

static enum rc integers_verify(const struct verifying *v, const struct segment_column *x, struct err *e)
{
	const struct segment_chunk *c = &v->s->chunks[v->chunk];
	chunk_read_i64(v->s, c, x->number, 0, c->n_rows, v->values);
	int64_t min = v->values[0], max = min, absent = segment_column_default(x->number);
	uint32_t n = 0;
	for (uint32_t i = 0; i < c->n_rows; i++) {
		min = v->values[i] < min ? v->values[i] : min;
		max = v->values[i] > max ? v->values[i] : max;
		n += v->values[i] != absent;
	}
	if (min != x->min.i || max != x->max.i || n != x->n_present)
		return segment_corrupt(v->s, v->chunk, x->number, "its statistics do not fit its values", e);
	if (x->number >= COLUMN_CODE0 && (min < 0 || max > UINT32_MAX))
		return segment_corrupt(v->s, v->chunk, x->number, "a code is out of range", e);
	if (x->number != COLUMN_AT)
		return RC_OK;
	const uint32_t *starts = chunk_starts(v->s, c);
	for (uint32_t p = 0; p < c->n_persons; p++)
		for (uint32_t i = starts[p] + 1; i < starts[p + 1]; i++)
			if (v->values[i - 1] > v->values[i])
				return segment_corrupt(
					v->s, v->chunk, x->number, "rows are not in order of time", e);
	return RC_OK;
}

static enum rc measure_verify(const struct verifying *v, const struct segment_column *x, struct err *e)
{
	const struct segment_chunk *c = &v->s->chunks[v->chunk];
	uint32_t n = chunk_read_measure(v->s, c, x->number, 0, c->n_rows, 0, v->rows, v->doubles);
	bool inside = n == x->n_present, min = false, max = false;
	for (uint32_t i = 0; i < n; i++) {
		double d = v->doubles[i];
		inside &= d >= x->min.d && d <= x->max.d;
		min |= d == x->min.d;
		max |= d == x->max.d;
	}
	if (!inside || !min || !max)
		return segment_corrupt(v->s, v->chunk, x->number, "its statistics do not fit its values", e);
	return RC_OK;
}

static enum rc cold_verify(const struct verifying *v, const struct segment_column *x, struct err *e)
{
	struct cold_reader *r;
	enum rc rc = cold_reader_open(v->s, v->chunk, x->number, &r, e);
	for (uint32_t row = 0; !rc && row != UINT32_MAX;) {
		struct sv value;
		rc = cold_reader_next(r, &row, &value, e);
	}
	cold_reader_close(&r);
	return rc;
}

static enum rc chunk_verify(const struct verifying *v, struct err *e)
{
	const struct segment_chunk *c = &v->s->chunks[v->chunk];
	enum rc rc = RC_OK;
	for (uint32_t i = 0; !rc && i < c->n_columns; i++)
		rc = segment_touch(v->s, v->chunk, &c->columns[i], e);
	for (uint32_t i = 0; !rc && i < c->n_columns; i++) {
		const struct segment_column *x = &c->columns[i];
		if (x->number < COLUMN_AT)
			continue;
		switch (segment_column_type(x->number)) {
		case TYPE_INTEGER:
			rc = integers_verify(v, x, e);
			break;
		case TYPE_MEASURE:
			rc = measure_verify(v, x, e);
			break;
		case TYPE_COLD:
			rc = cold_verify(v, x, e);
			break;
		}
	}
	return rc;
}

// A person that goes on in the next chunk must go on later.
static enum rc neighbours_verify(const struct verifying *v, struct err *e)
{
	const struct segment_chunk *c = &v->s->chunks[v->chunk], *before = c - 1;
	if (v->chunk == 0 || before->last_person != c->first_person)
		return RC_OK;
	int64_t last, first;
	chunk_read_i64(v->s, before, COLUMN_AT, before->n_rows - 1, 1, &last);
	chunk_read_i64(v->s, c, COLUMN_AT, 0, 1, &first);
	if (last > first)
		return segment_corrupt(v->s, v->chunk, COLUMN_AT, "rows are not in order of time", e);
	return RC_OK;
}

static enum rc ids_verify(const struct segment *s, struct err *e)
{
	struct segment_ids ids;
	enum rc rc = segment_ids_open(s, &ids, e);
	if (rc)
		return rc;
	uint64_t n_with_id = 0;
	for (uint64_t i = 0; i < s->info.n_chunks; i++) {
		const struct segment_column *x = segment_column_get(&s->chunks[i], COLUMN_COLD0 + COLD_ID);
		n_with_id += x ? x->n_present : 0;
	}
	if (s->n_ids < n_with_id) // more where interactions were erased
		return err_set(e, RC_CORRUPT, "segment %s: %llu id keys for %llu message ids", s->name,
			(unsigned long long)s->n_ids, (unsigned long long)n_with_id);
	uint64_t key, last = 0;
	while (segment_ids_next(&ids, &key)) {
		if (key < last || ids_prefix(key, s->prefix_bits) != ids.prefix)
			return err_set(e, RC_CORRUPT, "segment %s: id key %llu is not where it should be",
				s->name, (unsigned long long)ids.next - 1);
		last = key;
	}
	return RC_OK;
}

static enum rc totals_verify(const struct segment *s, struct err *e)
{
	if (s->info.n_chunks == 0)
		return RC_OK;
	int64_t first = s->chunks[0].first_ms, last = s->chunks[0].last_ms;
	for (uint64_t i = 1; i < s->info.n_chunks; i++) {
		first = s->chunks[i].first_ms < first ? s->chunks[i].first_ms : first;
		last = s->chunks[i].last_ms > last ? s->chunks[i].last_ms : last;
	}
	if (first != s->info.first_ms || last != s->info.last_ms ||
		s->chunks[0].first_person != s->info.first_person ||
		s->chunks[s->info.n_chunks - 1].last_person != s->info.last_person)
		return err_set(e, RC_CORRUPT, "segment %s: the footer's totals do not fit its chunks", s->name);
	return RC_OK;
}

enum rc segment_verify(const struct segment *s, struct err *e)
{
	struct verifying v = {.s = s};
	v.values = mem_alloc(CHUNK_ROWS_MAX * sizeof *v.values);
	v.rows = mem_alloc(CHUNK_ROWS_MAX * sizeof *v.rows);
	v.doubles = mem_alloc(CHUNK_ROWS_MAX * sizeof *v.doubles);
	enum rc rc = RC_OK;
	if (!v.values || !v.rows || !v.doubles)
		rc = err_set(e, RC_NOMEM, "out of memory for verifying a segment");
	for (; !rc && v.chunk < s->info.n_chunks; v.chunk++) {
		rc = chunk_verify(&v, e);
		if (!rc)
			rc = neighbours_verify(&v, e);
	}
	if (!rc)
		rc = totals_verify(s, e);
	if (!rc)
		rc = ids_verify(s, e);
	mem_free(v.values);
	mem_free(v.rows);
	mem_free(v.doubles);
	return rc;
}

enum rc segment_verify_chunk(const struct segment *s, uint32_t chunk, struct err *e)
{
	struct verifying v = {.s = s, .chunk = chunk};
	v.values = mem_alloc(CHUNK_ROWS_MAX * sizeof *v.values);
	v.rows = mem_alloc(CHUNK_ROWS_MAX * sizeof *v.rows);
	v.doubles = mem_alloc(CHUNK_ROWS_MAX * sizeof *v.doubles);
	enum rc rc = v.values && v.rows && v.doubles
			     ? chunk_verify(&v, e)
			     : err_set(e, RC_NOMEM, "out of memory for verifying a segment");
	mem_free(v.values);
	mem_free(v.rows);
	mem_free(v.doubles);
	return rc;
}
