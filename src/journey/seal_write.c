// SPDX-License-Identifier: Apache-2.0
// What a sealed head is written from. Readers have most of its rows already, sorted and encoded, as pieces of the inbox:
// to merge these costs a third of making them of the batches a second time. What no piece has, the newest rows as a rule,
// becomes one in passing.
#include "base/mem.h"
#include "journey/merge.h"
#include "journey/overlay.h"

// In order of arrival.
struct parts {
	struct segment_ref **refs;
	struct segment **segments;
	size_t n;
};

static void parts_free(struct store *s, struct parts *p)
{
	for (size_t i = 0; i < p->n; i++)
		pool_release(s, &p->refs[i]);
	mem_free(p->refs);
	mem_free(p->segments);
}

// Takes the reference.
static void part_add(struct parts *p, struct segment_ref *ref)
{
	p->refs[p->n] = ref;
	p->segments[p->n++] = ref->segment;
}

struct sealing {
	struct store *s;
	const struct head *h;
	const struct overlays *links;
};

static enum rc add_views(const struct sealing *x, struct parts *p, struct view_range views, struct err *e)
{
	struct segment_ref *ref = NULL;
	if (head_rows(x->h, views) == 0)
		return RC_OK;
	enum rc rc = head_segment(x->h, views, x->links, x->s->io, &ref, e);
	if (rc == RC_OK)
		part_add(p, ref);
	return rc;
}

// The pieces, and what lies between them and after them.
static enum rc collect(const struct sealing *x, struct inbox_pieces *pieces, struct parts *p, struct err *e)
{
	enum rc rc = RC_OK;
	size_t view = 0;
	p->refs = mem_calloc(2 * pieces->n + 1, sizeof(struct segment_ref *));
	p->segments = mem_calloc(2 * pieces->n + 1, sizeof(struct segment *));
	if (!p->refs || !p->segments)
		return err_set(e, RC_NOMEM, "out of memory sealing");
	for (size_t i = 0; rc == RC_OK && i < pieces->n; i++) {
		struct inbox_piece *piece = &pieces->items[i];
		struct view_range gap = {view, head_view_after(x->h, piece->first_seq - 1)};
		struct view_range same = {gap.end, head_view_after(x->h, piece->last_seq)};
		if ((int64_t)head_rows(x->h, same) != piece->n_rows)
			continue; // never, or both are not of the same rows: the batches are the truth
		rc = add_views(x, p, gap, e);
		if (rc == RC_OK && piece->n_rows > 0) {
			part_add(p, piece->ref);
			piece->ref = NULL;
		}
		view = same.end;
	}
	return rc == RC_OK ? add_views(x, p, (struct view_range){view, x->h->n_views}, e) : rc;
}

static int64_t rows_of(const struct inbox_pieces *p)
{
	int64_t n = 0;
	for (size_t i = 0; i < p->n; i++)
		n += p->items[i].n_rows;
	return n;
}

enum rc seal_write(struct store *s, const struct head *h, const struct overlays *links,
	struct segment_writer *w, struct err *e)
{
	const struct sealing x = {s, h, links};
	struct inbox_pieces pieces = {0};
	struct parts parts = {0};
	enum rc rc = inbox_pieces_within(s, h->views[0].seq, h->last_seq, links, &pieces, e);
	if (rc == RC_OK && 2 * (uint64_t)rows_of(&pieces) < h->n_rows) {
		rc = head_write(h, (struct view_range){0, h->n_views}, links, w, e);
	} else if (rc == RC_OK) {
		rc = collect(&x, &pieces, &parts, e);
		if (rc == RC_OK)
			rc = merge_segments(parts.segments, parts.n, w, NULL, e);
	}
	parts_free(s, &parts);
	inbox_pieces_clear(s, &pieces);
	return rc;
}
