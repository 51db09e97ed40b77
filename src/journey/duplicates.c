// SPDX-License-Identifier: Apache-2.0
// Which interactions of a batch are in a segment already. Those with a message id are looked up by the hash of it.
// Segments keep nothing for those without: what has the same content has the same person and the same time, so the
// batch's rows, sorted by person, walk along the segment's persons, and the few that meet a row of their person at
// their time are compared with it field by field.
//
// Invariants:
//  1. A row without a message id is dropped only if all that was stored of it is found again: codes, measures,
//     promises, text, properties, and its list of identities among those of the person. (A chunk keeps a person's
//     lists once, so which list came with which row is not compared.) The time of receipt does not count.
//  2. Touch point and dimensions follow from the other fields if there are properties; they are compared if not,
//     because then they can be all that tells two rows apart.
#include "base/mem.h"
#include "journey/segment.h"
#include "journey/store_internal.h"

struct search {
	const struct batch_view *view;
	const struct person_links *links;
	// Rows with a message id: keys and row numbers; found: a bit each.
	uint64_t *keys, *found;
	uint32_t *row;
	uint32_t n_keys;
	// The others, by person and time; under every person that links may have put them.
	struct row_key *rows;
	size_t n_rows, rows_capacity;
	int64_t first_ms, last_ms; // of them
	struct cold_cache *cold;
	uint64_t *bits;
};

static void search_free(struct search *q)
{
	mem_free(q->keys);
	mem_free(q->found);
	mem_free(q->row);
	mem_free(q->rows);
	cold_cache_free(&q->cold);
}

// A row of the batch without message id.
static enum rc add_row(struct search *q, uint64_t person, int64_t at_ms, uint32_t i, struct err *e)
{
	uint32_t n = 0;
	const uint64_t *stored = q->links->stored ? q->links->stored(q->links->context, person, &n) : NULL;
	if (n == 0) {
		stored = &person;
		n = 1;
	}
	if (mem_grow((void **)&q->rows, &q->rows_capacity, q->n_rows + n, sizeof(*q->rows)) != 0)
		return err_set(e, RC_NOMEM, "out of memory looking for duplicates");
	for (uint32_t k = 0; k < n; k++)
		q->rows[q->n_rows++] = (struct row_key){stored[k], at_ms, i};
	q->first_ms = at_ms < q->first_ms ? at_ms : q->first_ms;
	q->last_ms = at_ms > q->last_ms ? at_ms : q->last_ms;
	return RC_OK;
}

static enum rc search_open(struct search *q, struct err *e)
{
	uint32_t n = batch_view_count(q->view);
	q->keys = mem_alloc(n * sizeof(*q->keys));
	q->found = mem_alloc((n + 63) / 64 * sizeof(*q->found));
	q->row = mem_alloc(n * sizeof(*q->row));
	q->rows = mem_alloc(n * sizeof(*q->rows));
	q->rows_capacity = n;
	q->cold = cold_cache_new();
	if (!q->keys || !q->found || !q->row || !q->rows || !q->cold)
		return err_set(e, RC_NOMEM, "out of memory looking for duplicates");
	const uint64_t *persons = batch_view_persons(q->view), *keys = batch_view_id_keys(q->view);
	const int64_t *times = batch_view_times(q->view);
	q->first_ms = INT64_MAX;
	q->last_ms = INT64_MIN;
	for (uint32_t i = 0; i < n; i++) {
		if (batch_view_has_id(q->view, i)) {
			q->row[q->n_keys] = i;
			q->keys[q->n_keys++] = keys[i];
			continue;
		}
		enum rc rc = add_row(q, persons[i], times[i], i, e);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

// --- is this row the one in the segment? ---

struct place {
	const struct segment *s;
	uint32_t chunk, row;
	uint32_t first, end; // rows of the person in the chunk
	uint64_t person;
};

static const struct segment_chunk *chunk_of(const struct place *p)
{
	return &p->s->chunks[p->chunk];
}

static enum rc touch(const struct place *p, unsigned number, struct err *e)
{
	const struct segment_column *x = segment_column_get(chunk_of(p), number);
	return x ? segment_touch(p->s, p->chunk, x, e) : RC_OK;
}

static enum rc same_integer(const struct place *p, unsigned number, int64_t value, bool *same, struct err *e)
{
	enum rc rc = *same ? touch(p, number, e) : RC_OK;
	if (rc || !*same)
		return rc;
	int64_t stored;
	chunk_read_i64(p->s, chunk_of(p), number, p->row, 1, &stored);
	*same = stored == value;
	return RC_OK;
}

// A row that a link moved has its own person as its origin.
static enum rc same_person(const struct place *p, const struct row *r, bool *same, struct err *e)
{
	int64_t origin = p->person == r->person ? 0 : (int64_t)r->person;
	return same_integer(p, COLUMN_ORIGIN, origin, same, e);
}

static enum rc same_codes(const struct place *p, const struct row *r, bool *same, struct err *e)
{
	bool lifted = !r->cold[COLD_PROPERTIES].ptr;
	enum rc rc = RC_OK;
	for (unsigned i = 0; !rc && *same && i < CODE_COLUMNS; i++)
		if (lifted || (i != CODE_TOUCHPOINT && i < CODE_DIMENSION0))
			rc = same_integer(p, COLUMN_CODE0 + i, r->code[i], same, e);
	return rc;
}

static enum rc same_measures(const struct place *p, const struct row *r, bool *same, struct err *e)
{
	uint32_t n = 0;
	const struct segment_chunk *c = chunk_of(p);
	for (uint32_t k = 0; *same && k < c->n_columns; k++) {
		unsigned number = c->columns[k].number;
		if (segment_column_type(number) != TYPE_MEASURE)
			continue;
		enum rc rc = touch(p, number, e);
		if (rc)
			return rc;
		uint32_t row;
		double value;
		if (!chunk_read_measure(p->s, c, number, p->row, 1, 0, &row, &value))
			continue;
		uint32_t i = 0;
		while (i < r->n_measures && r->measures[i].slot != number - COLUMN_MEASURE0)
			i++;
		*same = i < r->n_measures && memcmp(&r->measures[i].value, &value, sizeof value) == 0;
		n++;
	}
	*same = *same && n == r->n_measures;
	return RC_OK;
}

static enum rc same_cold(
	const struct place *p, struct cold_cache *cold, const struct row *r, bool *same, struct err *e)
{
	for (unsigned i = 0; *same && i < COLD_COLUMNS; i++) {
		struct sv stored;
		enum rc rc = segment_cold_view(cold, p->s, p->chunk, p->row, COLUMN_COLD0 + i, &stored, e);
		if (rc)
			return rc;
		*same = sv_equal(stored, r->cold[i]); // an empty value is not stored
	}
	return RC_OK;
}

static enum rc same_identities(
	const struct place *p, struct cold_cache *cold, const struct row *r, bool *same, struct err *e)
{
	bool found = !*same;
	for (uint32_t row = p->first; !found && row < p->end; row++) {
		struct sv stored;
		enum rc rc = segment_cold_view(cold, p->s, p->chunk, row, COLUMN_IDENTITIES, &stored, e);
		if (rc)
			return rc;
		found = stored.ptr && sv_equal(stored, r->identities);
	}
	*same = *same && found;
	return RC_OK;
}

static enum rc row_same(
	const struct place *p, struct cold_cache *cold, const struct row *r, bool *same, struct err *e)
{
	*same = true;
	enum rc rc = same_person(p, r, same, e);
	if (!rc)
		rc = same_codes(p, r, same, e);
	if (!rc && r->promise) // what is due without a promise is not part of the content
		rc = same_integer(p, COLUMN_DUE, r->due_ms, same, e);
	if (!rc)
		rc = same_measures(p, r, same, e);
	if (!rc)
		rc = same_cold(p, cold, r, same, e);
	return rc ? rc : same_identities(p, cold, r, same, e);
}

// --- along a segment ---

static int64_t at_of(const struct place *p, uint32_t row)
{
	int64_t at;
	chunk_read_i64(p->s, chunk_of(p), COLUMN_AT, row, 1, &at);
	return at;
}

// Compares a row of the batch with the person's rows at its time.
static enum rc person_search(struct search *q, struct place *p, const struct row_key *key, struct err *e)
{
	uint32_t lo = p->first, hi = p->end;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (at_of(p, mid) < key->at_ms)
			lo = mid + 1;
		else
			hi = mid;
	}
	struct row row;
	bool decoded = false, same = false;
	for (p->row = lo; !same && p->row < p->end && at_of(p, p->row) == key->at_ms; p->row++) {
		enum rc rc = decoded ? RC_OK : batch_view_row(q->view, (uint32_t)key->row, &row, e);
		if (!rc)
			rc = row_same(p, q->cold, &row, &same, e);
		if (rc)
			return rc;
		decoded = true;
	}
	if (same)
		q->bits[key->row / 64] |= UINT64_C(1) << (key->row % 64);
	return RC_OK;
}

// Index of the first person ≥ key from `from` on: persons asked for ascend, so it is often near.
static uint32_t person_gallop(const uint64_t *persons, uint32_t from, uint32_t n, uint64_t key)
{
	uint32_t step = 1, lo = from;
	while (lo + step < n && persons[lo + step] < key) {
		lo += step;
		step *= 2;
	}
	uint32_t hi = lo + step < n ? lo + step : n;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (persons[mid] < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

// Rows [from, …) of the search whose person can be in the chunk; *next is the first one after it.
static enum rc chunk_search(
	struct search *q, const struct segment *s, uint32_t chunk, size_t from, size_t *next, struct err *e)
{
	const struct segment_chunk *c = &s->chunks[chunk];
	size_t i = from;
	uint32_t person = 0;
	bool touched = false;
	enum rc rc = RC_OK;
	for (; !rc && i < q->n_rows && q->rows[i].person <= c->last_person; i++) {
		const struct row_key *key = &q->rows[i];
		struct place p = {.s = s, .chunk = chunk};
		if (key->person < c->first_person || key->at_ms < c->first_ms || key->at_ms > c->last_ms)
			continue;
		if (!touched) {
			rc = touch(&p, COLUMN_PERSON, e);
			if (!rc)
				rc = touch(&p, COLUMN_START, e);
			if (!rc)
				rc = touch(&p, COLUMN_AT, e);
			touched = true;
		}
		if (rc)
			break;
		const uint64_t *persons = chunk_persons(s, c);
		const uint32_t *starts = chunk_starts(s, c);
		person = person_gallop(persons, person, c->n_persons, key->person);
		if (persons[person] != key->person) // there is one: key ≤ the chunk's last
			continue;
		p.person = key->person;
		p.first = starts[person];
		p.end = starts[person + 1];
		rc = person_search(q, &p, key, e);
	}
	// A person that goes on in the next chunk is looked for there again.
	while (i > from && q->rows[i - 1].person == c->last_person)
		i--;
	*next = i;
	return rc;
}

static enum rc content_search(struct search *q, const struct segment *s, struct err *e)
{
	enum rc rc = RC_OK;
	uint32_t chunk = 0;
	for (size_t i = 0; !rc && i < q->n_rows;) {
		uint32_t found = segment_chunk_find(s, q->rows[i].person);
		chunk = found > chunk ? found : chunk;
		if (chunk >= s->info.n_chunks)
			break;
		rc = chunk_search(q, s, chunk++, i, &i, e);
	}
	return rc;
}

static enum rc segment_search(struct search *q, const struct segment *s, struct err *e)
{
	if (q->n_keys > 0) {
		memset(q->found, 0, (q->n_keys + 63) / 64 * sizeof(*q->found));
		if (segment_ids_lookup(s, q->keys, q->n_keys, q->found) != RC_OK)
			return err_set(e, RC_CORRUPT, "its ids fail their checksum");
	}
	for (uint32_t i = 0; i < q->n_keys; i++)
		if (q->found[i / 64] >> (i % 64) & 1)
			q->bits[q->row[i] / 64] |= UINT64_C(1) << (q->row[i] % 64);
	bool meets = q->n_rows > 0 && q->first_ms <= s->info.last_ms && q->last_ms >= s->info.first_ms;
	return meets ? content_search(q, s, e) : RC_OK;
}

enum rc duplicates_find(const struct segment_list *segments, const struct batch_view *v,
	const struct person_links *links, uint64_t *bits, struct err *e)
{
	struct search q = {.view = v, .links = links, .bits = bits};
	if (segments->n == 0)
		return RC_OK;
	enum rc rc = search_open(&q, e);
	if (!rc)
		rc = row_keys_sort(q.rows, q.n_rows, e);
	for (size_t i = 0; !rc && i < segments->n; i++) {
		struct err why = ERR_NONE;
		rc = segment_search(&q, segments->items[i]->segment, &why);
		if (rc == RC_CORRUPT) {
			err_set(e, rc, "cannot tell duplicates, segment %012llx is damaged: %s",
				(unsigned long long)segments->items[i]->entry.id, why.message);
			err_remedy(e, SEGMENT_REMEDY);
		} else if (rc) {
			err_take(e, &why);
		}
	}
	search_free(&q);
	return rc;
}
