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
	struct head *h = mem_calloc(1, sizeof(*h));
	if (h)
		atomic_init(&h->refs, 1);
	return h;
}

void head_free(struct head **head)
{
	struct head *h = *head;
	*head = NULL;
	if (!h || atomic_fetch_sub(&h->refs, 1) > 1)
		return;
	for (size_t i = 0; !h->owner && i < h->n_views; i++) {
		batch_view_close(&h->views[i].view);
		mem_free(h->views[i].dropped);
	}
	head_free(&h->owner);
	mem_free(h->views);
	mem_free(h->ids.slots);
	mem_free(h);
}

enum rc head_reserve(struct head *h, uint32_t n_views, struct err *e)
{
	if (mem_grow((void **)&h->views, &h->capacity, h->n_views + n_views, sizeof(h->views[0])) != 0)
		return err_set(e, RC_NOMEM, "out of memory for the head");
	return RC_OK;
}

void head_push(struct head *h, const struct head_view *v)
{
	assert(h->n_views < h->capacity);
	h->views[h->n_views++] = *v;
	h->n_rows += v->n_rows;
	h->bytes += batch_view_bytes(v->view);
	h->packed_bytes += v->packed_bytes;
	h->last_seq = v->seq;
}

enum rc head_slice(struct head *h, struct view_range views, struct head **out, struct err *e)
{
	struct head *slice = *out = head_new();
	if (!slice)
		return err_set(e, RC_NOMEM, "out of memory for the head");
	enum rc rc = head_reserve(slice, (uint32_t)(views.end - views.first), e);
	if (rc != RC_OK) {
		head_free(out);
		return rc;
	}
	for (size_t v = views.first; v < views.end; v++)
		head_push(slice, &h->views[v]);
	atomic_fetch_add(&h->refs, 1);
	slice->owner = h;
	return RC_OK;
}

size_t head_view_after(const struct head *h, int64_t seq)
{
	size_t low = 0, high = h->n_views;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (h->views[middle].seq <= seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool head_dropped(const struct head *h, size_t view, uint32_t row)
{
	const uint64_t *bits = h->views[view].dropped;
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

uint64_t head_rows(const struct head *h, struct view_range views)
{
	uint64_t n = 0;
	for (size_t v = views.first; v < views.end; v++)
		n += h->views[v].n_rows;
	return n;
}

static struct row_key *sort_keys(const struct head *h, struct view_range views, uint64_t n_rows,
	const struct overlays *links, struct err *e)
{
	struct row_key *keys = mem_alloc(n_rows * sizeof(*keys));
	if (!keys) {
		err_set(e, RC_NOMEM, "out of memory sorting %llu interactions", (unsigned long long)n_rows);
		return NULL;
	}
	size_t n = 0;
	for (size_t v = views.first; v < views.end; v++) {
		const uint64_t *persons = batch_view_persons(h->views[v].view);
		const int64_t *times = batch_view_times(h->views[v].view);
		uint32_t rows = batch_view_count(h->views[v].view);
		thread_pass();
		for (uint32_t i = 0; i < rows; i++)
			if (!head_dropped(h, v, i))
				keys[n++] = (struct row_key){
					overlays_resolve(links, persons[i]), times[i], (uint64_t)v << 16 | i};
	}
	assert(n == n_rows);
	if (row_keys_sort(keys, n, e) == RC_OK)
		return keys;
	mem_free(keys);
	return NULL;
}

static enum rc write_rows(const struct head *h, struct view_range views, uint64_t n_rows,
	const struct overlays *links, struct segment_writer *w, struct err *e)
{
	enum { AHEAD = 12 };
	struct row_key *keys = sort_keys(h, views, n_rows, links, e);
	if (!keys)
		return RC_NOMEM;
	enum rc rc = RC_OK;
	struct row row;
	for (uint64_t i = 0; rc == RC_OK && i < n_rows; i++) {
		if (i + 2 * AHEAD < n_rows)
			batch_view_prefetch_start(
				h->views[keys[i + 2 * AHEAD].row >> 16].view, keys[i + 2 * AHEAD].row & 0xffff);
		if (i + AHEAD < n_rows)
			batch_view_prefetch(
				h->views[keys[i + AHEAD].row >> 16].view, keys[i + AHEAD].row & 0xffff);
		rc = batch_view_row(h->views[keys[i].row >> 16].view, keys[i].row & 0xffff, &row, e);
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

static enum rc write_ids(
	const struct head *h, struct view_range views, uint64_t n_rows, struct segment_writer *w, struct err *e)
{
	uint64_t *ids = mem_alloc(n_rows * sizeof(*ids));
	if (!ids)
		return err_set(e, RC_NOMEM, "out of memory sorting %llu ids", (unsigned long long)n_rows);
	size_t n = 0;
	for (size_t v = views.first; v < views.end; v++) {
		const uint64_t *keys = batch_view_id_keys(h->views[v].view);
		uint32_t rows = batch_view_count(h->views[v].view);
		thread_pass();
		for (uint32_t i = 0; i < rows; i++)
			if (!head_dropped(h, v, i) && batch_view_has_id(h->views[v].view, i))
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

enum rc head_write(const struct head *h, struct view_range views, const struct overlays *links,
	struct segment_writer *w, struct err *e)
{
	uint64_t n_rows = head_rows(h, views);
	enum rc rc = write_rows(h, views, n_rows, links, w, e);
	return rc == RC_OK ? write_ids(h, views, n_rows, w, e) : rc;
}

enum rc head_segment(const struct head *h, struct view_range views, const struct overlays *links,
	const struct io *io, struct segment_ref **out, struct err *e)
{
	struct segment_writer *w = NULL;
	*out = NULL;
	enum rc rc = segment_writer_new(io, NULL, &w, e);
	if (rc == RC_OK)
		rc = head_write(h, views, links, w, e);
	if (rc == RC_OK)
		rc = pool_memory(w, out, e);
	segment_writer_free(&w);
	return rc;
}
