// SPDX-License-Identifier: Apache-2.0
// Merging with erasures and links put into the rows. Rows of persons whom the plan hides are left out of the streams;
// those of moved persons come back from a stream of their own, sorted anew. No person is in both.
#include "base/mem.h"
#include "journey/merge.h"
#include "journey/overlay.h"

enum { REPORT_ROWS = 16384, ID_RUN = 4096 };

struct stream {
	struct segment_rows *rows;
	const struct row *row; // NULL: no more
	size_t hidden;         // where the search for the next person goes on
	uint64_t seen;         // the last person looked up
	bool is_hidden, any;
};

struct overlay_merging {
	const struct overlays *o;
	struct segment *const *segments;
	const int64_t *epochs;
	size_t n;
	struct overlay_plan plan;
	struct moved_rows *moved;
	size_t next_moved;
	struct row moved_row;
	bool has_moved;
	struct stream *streams;
};

// The stream's next row that is not hidden.
static enum rc stream_next(struct overlay_merging *m, size_t i, struct err *e)
{
	struct stream *s = &m->streams[i];
	const struct overlay_plan *p = &m->plan;
	for (;;) {
		enum rc rc = segment_rows_next(s->rows, &s->row, e);
		if (rc != RC_OK || !s->row)
			return rc;
		uint64_t person = s->row->person;
		if (!s->any || person != s->seen) {
			s->hidden = hidden_find(p->hidden, p->n_hidden, s->hidden, person);
			s->is_hidden = s->hidden < p->n_hidden && p->hidden[s->hidden].person == person &&
				       m->epochs[i] < p->hidden[s->hidden].before;
			s->seen = person;
			s->any = true;
		}
		if (!s->is_hidden)
			return RC_OK;
	}
}

static enum rc moved_next(struct overlay_merging *m, struct err *e)
{
	uint64_t locator;
	m->has_moved = m->next_moved < moved_rows_count(m->moved);
	return m->has_moved ? moved_rows_get(m->moved, m->next_moved++, &m->moved_row, &locator, e) : RC_OK;
}

static bool before(const struct row *a, const struct row *b)
{
	return a->person != b->person ? a->person < b->person : a->at_ms < b->at_ms;
}

// The lowest row of all streams, the first stream winning ties; n: the moved rows; n + 1: none left.
static size_t lowest(const struct overlay_merging *m)
{
	size_t best = m->n + 1;
	const struct row *row = NULL;
	for (size_t i = 0; i < m->n; i++)
		if (m->streams[i].row && (!row || before(m->streams[i].row, row))) {
			row = m->streams[i].row;
			best = i;
		}
	if (m->has_moved && (!row || before(&m->moved_row, row)))
		best = m->n;
	return best;
}

static enum rc write_rows(
	struct overlay_merging *m, struct segment_writer *w, struct progress *progress, struct err *e)
{
	enum rc rc = moved_next(m, e);
	for (size_t i = 0; rc == RC_OK && i < m->n; i++)
		rc = stream_next(m, i, e);
	for (uint64_t done = 0; rc == RC_OK; done++) {
		size_t i = lowest(m);
		if (i == m->n + 1)
			break;
		rc = segment_writer_add(w, i == m->n ? &m->moved_row : m->streams[i].row, e);
		if (rc == RC_OK)
			rc = i == m->n ? moved_next(m, e) : stream_next(m, i, e);
		if (done % REPORT_ROWS == 0)
			progress_update(progress, done, done);
	}
	return rc;
}

struct id_run {
	struct segment_ids ids;
	uint64_t key; // the next one
};

// Ends the rows; opens the segments' ids.
static enum rc open_ids(const struct overlay_merging *m, struct id_run *runs, size_t *n,
	struct segment_writer *w, struct err *e)
{
	enum rc rc = RC_OK;
	uint64_t n_ids = 0;
	*n = 0;
	for (size_t i = 0; rc == RC_OK && i < m->n; i++) {
		struct id_run *r = &runs[*n];
		rc = segment_ids_open(m->segments[i], &r->ids, e);
		if (rc != RC_OK)
			break;
		n_ids += r->ids.n;
		*n += segment_ids_next(&r->ids, &r->key);
	}
	return rc == RC_OK ? segment_writer_rows_end(w, n_ids, e) : rc;
}

static enum rc write_ids(const struct overlay_merging *m, struct segment_writer *w, struct err *e)
{
	struct id_run *runs = mem_calloc(m->n, sizeof(*runs));
	uint64_t *keys = mem_alloc(ID_RUN * sizeof(*keys));
	size_t n = 0, n_keys = 0;
	enum rc rc =
		runs && keys ? open_ids(m, runs, &n, w, e) : err_set(e, RC_NOMEM, "out of memory merging ids");
	while (rc == RC_OK && n > 0) {
		size_t least = 0;
		for (size_t i = 1; i < n; i++)
			if (runs[i].key < runs[least].key)
				least = i;
		keys[n_keys++] = runs[least].key;
		if (!segment_ids_next(&runs[least].ids, &runs[least].key))
			runs[least] = runs[--n];
		if (n_keys == ID_RUN || n == 0) {
			rc = segment_writer_ids(w, keys, n_keys, e);
			n_keys = 0;
		}
	}
	mem_free(runs);
	mem_free(keys);
	return rc;
}

static enum rc merge_changed(
	struct overlay_merging *m, struct segment_writer *w, struct progress *progress, struct err *e)
{
	m->streams = mem_calloc(m->n, sizeof(*m->streams));
	enum rc rc = m->streams ? moved_rows_sort(m->moved, e)
				: err_set(e, RC_NOMEM, "out of memory merging segments");
	for (size_t i = 0; rc == RC_OK && i < m->n; i++)
		rc = segment_rows_open(m->segments[i], &m->streams[i].rows, e);
	if (rc == RC_OK)
		rc = write_rows(m, w, progress, e);
	if (rc == RC_OK)
		rc = write_ids(m, w, e);
	for (size_t i = 0; m->streams && i < m->n; i++)
		segment_rows_close(&m->streams[i].rows);
	mem_free(m->streams);
	return rc;
}

enum rc overlay_merge(const struct overlays *o, const struct io *io, const char *path,
	struct segment *const *segments, const int64_t *epochs, size_t n, struct segment_writer *w,
	uint64_t *n_erased, struct progress *progress, struct err *e)
{
	struct overlay_merging m = {.o = o, .segments = segments, .epochs = epochs, .n = n};
	struct overlay_count *counts = mem_calloc(n, sizeof(*counts));
	bool changed = false;
	*n_erased = 0;
	enum rc rc = counts ? overlay_plan_make(o, epochs, n, &m.plan, e)
			    : err_set(e, RC_NOMEM, "out of memory merging segments");
	if (rc == RC_OK && m.plan.n_hidden)
		rc = moved_rows_new(io, path, &m.moved, e);
	if (rc == RC_OK && m.plan.n_hidden)
		rc = overlay_collect(o, &m.plan, segments, epochs, n, true, m.moved, counts, e);
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		changed |= counts[i].changed;
		*n_erased += counts[i].n_erased;
	}
	if (rc == RC_OK)
		rc = changed ? merge_changed(&m, w, progress, e) : merge_segments(segments, n, w, progress, e);
	moved_rows_free(&m.moved);
	overlay_plan_free(&m.plan);
	mem_free(counts);
	return rc;
}
