// SPDX-License-Identifier: Apache-2.0
// The head: batches that are in the inbox and not yet in a segment, in memory, with the set of their ids.
//
// Invariants:
//  1. Views are in order of arrival (inbox.seq); the row's number (view << 16 | row) rises with arrival.
//  2. ids holds the id of every row that was not dropped; n_rows counts those.
#include "base/mem.h"
#include "base/pool.h"
#include "journey/overlay.h"

struct head *head_new(void)
{
	return mem_calloc(1, sizeof(struct head));
}

void head_free(struct head **head)
{
	struct head *h = *head;
	if (!h)
		return;
	for (size_t i = 0; i < h->n_views; i++) {
		batch_view_close(&h->views[i]);
		mem_free(h->dropped[i]);
	}
	mem_free(h->views);
	mem_free(h->dropped);
	mem_free(h->ids.slots);
	mem_free(h);
	*head = NULL;
}

enum rc head_reserve(struct head *h, uint32_t n_views, struct err *e)
{
	size_t need = h->n_views + n_views;
	if (mem_grow((void **)&h->views, &h->views_capacity, need, sizeof(h->views[0])) != 0 ||
		mem_grow((void **)&h->dropped, &h->dropped_capacity, need, sizeof(h->dropped[0])) != 0)
		return err_set(e, RC_NOMEM, "out of memory for the head");
	return RC_OK;
}

void head_push(struct head *h, struct batch_view *v, uint64_t *dropped, uint32_t n_dropped, int64_t seq)
{
	assert(h->n_views < h->views_capacity && h->n_views < h->dropped_capacity);
	h->views[h->n_views] = v;
	h->dropped[h->n_views++] = dropped;
	h->n_rows += batch_view_count(v) - n_dropped;
	h->bytes += batch_view_bytes(v);
	h->last_seq = seq;
}

bool head_dropped(const struct head *h, size_t view, uint32_t row)
{
	const uint64_t *bits = h->dropped[view];
	return bits && (bits[row / 64] >> (row % 64) & 1);
}

// --- ids: open addressing, at most five eighths full ---

// 0 marks a free slot, so the key 0 is kept as another constant.
static inline uint64_t stored(uint64_t key)
{
	return key ? key : UINT64_C(0x9e3779b97f4a7c15);
}

enum rc id_set_reserve(struct id_set *set, size_t n, struct err *e)
{
	// At most five eighths full: not half, so that a head of as many rows as are sealed, and the batch that goes over
	// it, has not doubled its set just before the end.
	size_t wanted = set->capacity ? set->capacity : 1024;
	while (wanted / 8 * 5 < set->n + n)
		wanted *= 2;
	if (wanted == set->capacity)
		return RC_OK;
	uint64_t *slots = mem_calloc(wanted, sizeof(uint64_t));
	if (!slots)
		return err_set(e, RC_NOMEM, "out of memory for the ids of the head");
	for (size_t i = 0; i < set->capacity; i++) {
		if (!set->slots[i])
			continue;
		size_t at = set->slots[i] & (wanted - 1);
		while (slots[at])
			at = (at + 1) & (wanted - 1);
		slots[at] = set->slots[i];
	}
	mem_free(set->slots);
	set->slots = slots;
	set->capacity = wanted;
	return RC_OK;
}

bool id_set_add(struct id_set *set, uint64_t key)
{
	assert(set->n < set->capacity / 8 * 5);
	key = stored(key);
	size_t at = key & (set->capacity - 1);
	while (set->slots[at]) {
		if (set->slots[at] == key)
			return false;
		at = (at + 1) & (set->capacity - 1);
	}
	set->slots[at] = key;
	set->n++;
	return true;
}

bool id_set_has(const struct id_set *set, uint64_t key)
{
	if (set->capacity == 0)
		return false;
	key = stored(key);
	for (size_t at = key & (set->capacity - 1); set->slots[at]; at = (at + 1) & (set->capacity - 1))
		if (set->slots[at] == key)
			return true;
	return false;
}

void id_set_prefetch(const struct id_set *set, uint64_t key)
{
	if (set->capacity)
		__builtin_prefetch(&set->slots[stored(key) & (set->capacity - 1)]);
}

// --- writing in order ---

static struct row_key *sort_keys(const struct head *h, const struct overlays *links, struct err *e)
{
	struct row_key *keys = mem_alloc(h->n_rows * sizeof(*keys));
	if (!keys) {
		err_set(e, RC_NOMEM, "out of memory sorting %llu interactions", (unsigned long long)h->n_rows);
		return NULL;
	}
	size_t n = 0;
	for (size_t v = 0; v < h->n_views; v++) {
		const uint64_t *persons = batch_view_persons(h->views[v]);
		const int64_t *times = batch_view_times(h->views[v]);
		uint32_t rows = batch_view_count(h->views[v]);
		thread_pass();
		for (uint32_t i = 0; i < rows; i++)
			if (!head_dropped(h, v, i))
				keys[n++] = (struct row_key){
					overlays_resolve(links, persons[i]), times[i], (uint64_t)v << 16 | i};
	}
	assert(n == h->n_rows);
	if (row_keys_sort(keys, n, e) == RC_OK)
		return keys;
	mem_free(keys);
	return NULL;
}

static enum rc write_rows(
	const struct head *h, const struct overlays *links, struct segment_writer *w, struct err *e)
{
	enum { AHEAD = 12 };
	struct row_key *keys = sort_keys(h, links, e);
	if (!keys)
		return RC_NOMEM;
	enum rc rc = RC_OK;
	struct row row;
	for (uint64_t i = 0; rc == RC_OK && i < h->n_rows; i++) {
		if (i + 2 * AHEAD < h->n_rows)
			batch_view_prefetch_start(
				h->views[keys[i + 2 * AHEAD].row >> 16], keys[i + 2 * AHEAD].row & 0xffff);
		if (i + AHEAD < h->n_rows)
			batch_view_prefetch(h->views[keys[i + AHEAD].row >> 16], keys[i + AHEAD].row & 0xffff);
		rc = batch_view_row(h->views[keys[i].row >> 16], keys[i].row & 0xffff, &row, e);
		if (rc == RC_OK && row.person != keys[i].person) {
			row.origin = row.person;
			row.person = keys[i].person;
		}
		if (rc == RC_OK)
			rc = segment_writer_add(w, &row, e);
	}
	mem_free(keys);
	return rc;
}

static enum rc write_ids(const struct head *h, struct segment_writer *w, struct err *e)
{
	uint64_t *ids = mem_alloc(h->n_rows * sizeof(*ids));
	if (!ids)
		return err_set(e, RC_NOMEM, "out of memory sorting %llu ids", (unsigned long long)h->n_rows);
	size_t n = 0;
	for (size_t v = 0; v < h->n_views; v++) {
		const uint64_t *keys = batch_view_id_keys(h->views[v]);
		uint32_t rows = batch_view_count(h->views[v]);
		thread_pass();
		for (uint32_t i = 0; i < rows; i++)
			if (!head_dropped(h, v, i) && batch_view_has_id(h->views[v], i))
				ids[n++] = keys[i];
	}
	enum rc rc = id_keys_sort(ids, n, e);
	if (rc == RC_OK)
		rc = segment_writer_rows_end(w, n, e);
	if (rc == RC_OK)
		rc = segment_writer_ids(w, ids, n, e);
	mem_free(ids);
	return rc;
}

enum rc head_write(const struct head *h, const struct overlays *links, struct segment_writer *w, struct err *e)
{
	enum rc rc = write_rows(h, links, w, e);
	return rc == RC_OK ? write_ids(h, w, e) : rc;
}
