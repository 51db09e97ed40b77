// SPDX-License-Identifier: Apache-2.0
// Merging neighbouring segments: rows streamed through a heap of readers ordered by (person, at, place in the
// catalogue), so ties keep the order of arrival; ids likewise.
#include "journey/merge.h"
#include "base/mem.h"

struct source {
	struct segment_rows *rows;
	const struct row *row; // the next one; NULL at the end
	struct segment_ids ids;
	uint64_t id; // the next one
	uint32_t place;
};

static bool row_before(const struct source *a, const struct source *b)
{
	if (a->row->person != b->row->person)
		return a->row->person < b->row->person;
	return a->row->at_ms != b->row->at_ms ? a->row->at_ms < b->row->at_ms : a->place < b->place;
}

static bool id_before(const struct source *a, const struct source *b)
{
	return a->id < b->id;
}

// A binary heap of pointers into the sources.
struct heap {
	struct source **items;
	size_t n;
	bool (*before)(const struct source *a, const struct source *b);
};

static void sift_down(struct heap *h, size_t i)
{
	struct source *x = h->items[i];
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= h->n)
			break;
		if (child + 1 < h->n && h->before(h->items[child + 1], h->items[child]))
			child++;
		if (!h->before(h->items[child], x))
			break;
		h->items[i] = h->items[child];
		i = child;
	}
	h->items[i] = x;
}

static void heapify(struct heap *h)
{
	for (size_t i = h->n / 2; i-- > 0;)
		sift_down(h, i);
}

// After the top has moved on: `done` = it has nothing left.
static void heap_next(struct heap *h, bool done)
{
	if (done)
		h->items[0] = h->items[--h->n];
	if (h->n > 0)
		sift_down(h, 0);
}

static enum rc merge_rows(struct heap *h, struct source *sources, size_t n, struct segment_writer *w,
	struct progress *progress, struct err *e)
{
	enum { REPORT_ROWS = 16384 };
	enum rc rc = RC_OK;
	h->n = 0;
	h->before = row_before;
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		rc = segment_rows_next(sources[i].rows, &sources[i].row, e);
		if (rc == RC_OK && sources[i].row)
			h->items[h->n++] = &sources[i];
	}
	if (rc != RC_OK)
		return rc;
	heapify(h);
	for (uint64_t done = 0; h->n > 0; done++) {
		struct source *top = h->items[0];
		rc = segment_writer_add(w, top->row, e);
		if (rc == RC_OK)
			rc = segment_rows_next(top->rows, &top->row, e);
		if (rc != RC_OK)
			return rc;
		heap_next(h, !top->row);
		if (done % REPORT_ROWS == 0)
			progress_update(progress, done, done);
	}
	return RC_OK;
}

static enum rc merge_ids(
	struct heap *h, struct source *sources, size_t n, struct segment_writer *w, struct err *e)
{
	enum { RUN = 4096 };
	uint64_t *run = mem_alloc(RUN * sizeof(*run));
	if (!run)
		return err_set(e, RC_NOMEM, "out of memory merging ids");
	size_t n_run = 0;
	uint64_t n_ids = 0;
	for (size_t i = 0; i < n; i++)
		n_ids += sources[i].ids.n;
	enum rc rc = segment_writer_rows_end(w, n_ids, e);
	h->n = 0;
	h->before = id_before;
	for (size_t i = 0; rc == RC_OK && i < n; i++)
		if (segment_ids_next(&sources[i].ids, &sources[i].id))
			h->items[h->n++] = &sources[i];
	heapify(h);
	while (rc == RC_OK && h->n > 0) {
		struct source *top = h->items[0];
		run[n_run++] = top->id;
		heap_next(h, !segment_ids_next(&top->ids, &top->id));
		if (n_run == RUN || h->n == 0) {
			rc = segment_writer_ids(w, run, n_run, e);
			n_run = 0;
		}
	}
	mem_free(run);
	return rc;
}

static enum rc open_sources(struct segment *const *segments, size_t n, struct source *sources, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		sources[i].place = (uint32_t)i;
		enum rc rc = segment_ids_open(segments[i], &sources[i].ids, e);
		if (rc == RC_OK)
			rc = segment_rows_open(segments[i], &sources[i].rows, e);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

enum rc merge_segments(struct segment *const *segments, size_t n, struct segment_writer *w,
	struct progress *progress, struct err *e)
{
	struct source *sources = mem_calloc(n, sizeof(*sources));
	struct heap heap = {.items = mem_calloc(n, sizeof(struct source *))};
	enum rc rc = sources && heap.items ? open_sources(segments, n, sources, e)
					   : err_set(e, RC_NOMEM, "out of memory merging segments");
	if (rc == RC_OK)
		rc = merge_rows(&heap, sources, n, w, progress, e);
	if (rc == RC_OK)
		rc = merge_ids(&heap, sources, n, w, e);
	for (size_t i = 0; sources && i < n; i++)
		segment_rows_close(&sources[i].rows);
	mem_free(sources);
	mem_free(heap.items);
	return rc;
}

enum rc segment_ids_copy(const struct segment *s, struct segment_writer *w, struct err *e)
{
	enum { RUN = 4096 };
	uint64_t run[RUN];
	struct segment_ids ids;
	enum rc rc = segment_ids_open(s, &ids, e);
	if (rc == RC_OK)
		rc = segment_writer_rows_end(w, ids.n, e);
	for (size_t n = RUN; rc == RC_OK && n == RUN;) {
		for (n = 0; n < RUN && segment_ids_next(&ids, &run[n]);)
			n++;
		rc = segment_writer_ids(w, run, n, e);
	}
	return rc;
}
