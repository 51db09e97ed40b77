// SPDX-License-Identifier: Apache-2.0
// The inbox as readers see it: a few memory segments, each of which covers a run of inbox rows. What has arrived since
// the last snapshot becomes a new piece; pieces of a like size become one when there are too many of them. So an
// interaction costs a snapshot soon after it came little, and is encoded only a few times until it is sealed. What is too
// much for one piece becomes several, which as many threads make as there are processors.
//
// Invariants:
//  1. Pieces are in order of arrival, without a gap: together they cover the inbox rows from the first to the last seq.
//  2. A piece's rows are under the persons that the links of the moment give: when links have changed that concern a
//     person of it, it is made anew.
//  3. Sizes fall by steps: at most FAN_OUT pieces of each size class since the last full one. A piece is full, and left
//     alone, with PIECE_ROWS_MAX; the batch that filled it may go beyond.
#include "base/mem.h"
#include "base/pool.h"
#include "journey/overlay.h"

enum { FAN_OUT = 8, FIRST_CLASS_ROWS = 64, PIECE_ROWS_MAX = 1 << 17 };

// A piece to be: one that is there already (ref), or the rows to make it of (head, read in the transaction).
struct piece_plan {
	struct inbox_piece piece;
	struct head *head;
};

struct inbox_news {
	struct piece_plan *plans;
	size_t n, capacity;
};

void inbox_news_free(struct inbox_news **news)
{
	struct inbox_news *w = *news;
	*news = NULL;
	if (!w)
		return;
	for (size_t i = 0; i < w->n; i++)
		head_free(&w->plans[i].head);
	mem_free(w->plans);
	mem_free(w);
}

void inbox_pieces_clear(struct store *s, struct inbox_pieces *p)
{
	for (size_t i = 0; i < p->n; i++)
		pool_release(s, &p->items[i].ref);
	mem_free(p->items);
	*p = (struct inbox_pieces){0};
}

static enum rc plan_add(struct inbox_news *w, const struct inbox_piece *piece, struct err *e)
{
	if (mem_grow((void **)&w->plans, &w->capacity, w->n + 1, sizeof(*w->plans)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for the inbox");
	w->plans[w->n++] = (struct piece_plan){.piece = *piece};
	return RC_OK;
}

// What of the pieces can stay: the sealed ones go, those that were sealed in part or that new links concern are to be
// made anew.
static enum rc plan_kept(struct inbox_news *w, const struct inbox_pieces *have, int64_t first_seq,
	const struct overlays *o, struct err *e)
{
	enum rc rc = RC_OK;
	for (size_t i = 0; rc == RC_OK && i < have->n; i++) {
		struct inbox_piece piece = have->items[i];
		bool touches = false;
		if (piece.last_seq < first_seq)
			continue;
		if (piece.epoch != o->epoch)
			rc = overlay_touches(o, piece.epoch, piece.ref->segment, &touches, e);
		if (touches || piece.first_seq < first_seq)
			piece.ref = NULL;
		if (piece.first_seq < first_seq)
			piece.first_seq = first_seq;
		piece.epoch = o->epoch;
		if (rc == RC_OK)
			rc = plan_add(w, &piece, e);
	}
	return rc;
}

static unsigned size_class(int64_t n_rows)
{
	unsigned class = 0;
	for (int64_t limit = FIRST_CLASS_ROWS; n_rows >= limit; limit *= FAN_OUT)
		class ++;
	return class;
}

// Makes one piece of the last ones when there are too many of their size.
static void plan_merges(struct inbox_news *w)
{
	while (w->n > 0) {
		struct inbox_piece *last = &w->plans[w->n - 1].piece;
		unsigned class = size_class(last->n_rows);
		size_t first = w->n;
		int64_t n_rows = 0;
		while (first > 0 && size_class(w->plans[first - 1].piece.n_rows) <= class &&
			w->plans[first - 1].piece.n_rows < PIECE_ROWS_MAX)
			n_rows += w->plans[--first].piece.n_rows;
		if (w->n - first <= FAN_OUT)
			return;
		last->first_seq = w->plans[first].piece.first_seq;
		last->n_rows = n_rows;
		last->ref = NULL;
		w->plans[first].piece = *last;
		w->n = first + 1;
	}
}

// Reads the rows of a piece that is to be made, as one or several.
static enum rc piece_read(
	struct inbox_news *w, struct inbox_piece piece, struct db *db, struct names *names, struct err *e)
{
	const int64_t last = piece.last_seq;
	for (bool more = true; more;) {
		struct head *h;
		enum rc rc = inbox_load(db, names, piece.first_seq, last, PIECE_ROWS_MAX, &h, e);
		if (rc != RC_OK)
			return rc;
		more = h->n_rows >= PIECE_ROWS_MAX && h->last_seq < last;
		piece.last_seq = more ? h->last_seq : last;
		piece.n_rows = (int64_t)h->n_rows;
		piece.bytes = (int64_t)h->packed_bytes;
		rc = plan_add(w, &piece, e);
		if (rc != RC_OK) {
			head_free(&h);
			return rc;
		}
		w->plans[w->n - 1].head = h;
		piece.first_seq = piece.last_seq + 1;
	}
	return RC_OK;
}

// Reads the rows of the pieces that are to be made. When none stays, everything is held against the table's sums; later
// the checksum of each batch has to do, since the sums would cost reading the whole inbox for every snapshot.
static enum rc plan_read(struct inbox_news *w, struct db *db, struct names *names, struct err *e)
{
	bool all = true;
	enum rc rc = RC_OK;
	struct inbox_news planned = *w;
	*w = (struct inbox_news){0};
	for (size_t i = 0; rc == RC_OK && i < planned.n; i++) {
		const struct inbox_piece *piece = &planned.plans[i].piece;
		all = all && !piece->ref;
		rc = piece->ref ? plan_add(w, piece, e) : piece_read(w, *piece, db, names, e);
	}
	mem_free(planned.plans);
	// Last, since a batch that cannot be read says more.
	return rc == RC_OK && all ? db_sums_check(db, "inbox", e) : rc;
}

enum rc inbox_pieces_read(const struct inbox_pieces *have, struct db *db, struct names *names,
	const struct overlays *o, struct inbox_news **out, struct err *e)
{
	int64_t first, last, n_new = 0;
	struct inbox_news *w = *out = mem_calloc(1, sizeof(*w));
	if (!w)
		return err_set(e, RC_NOMEM, "out of memory for the inbox");
	enum rc rc = inbox_range(db, &first, &last, e);
	int64_t seen = have->n ? have->items[have->n - 1].last_seq : 0;
	if (rc == RC_OK && last > 0)
		rc = plan_kept(w, have, first, o, e);
	if (rc == RC_OK && last > seen)
		rc = inbox_rows_after(db, seen, &n_new, e);
	if (rc == RC_OK && last > seen)
		rc = plan_add(w,
			&(struct inbox_piece){.first_seq = first > seen ? first : seen + 1,
				.last_seq = last,
				.n_rows = n_new,
				.epoch = o->epoch},
			e);
	if (rc == RC_OK && last > seen)
		plan_merges(w);
	if (rc == RC_OK)
		rc = plan_read(w, db, names, e);
	if (rc != RC_OK)
		inbox_news_free(out);
	return rc;
}

static enum rc make_segment(const struct store *s, const struct piece_plan *plan, const struct overlays *o,
	struct segment_ref *ref, struct err *e)
{
	struct segment_writer *w = NULL;
	uint8_t *bytes = NULL;
	size_t n_bytes = 0;
	enum rc rc = segment_writer_new(s->io, NULL, &w, e);
	if (rc == RC_OK)
		rc = head_write(plan->head, o, w, e);
	if (rc == RC_OK)
		rc = segment_writer_finish(w, &ref->entry.info, e);
	if (rc == RC_OK)
		bytes = segment_writer_take(w, &n_bytes);
	segment_writer_free(&w);
	return rc == RC_OK ? segment_open_memory(bytes, n_bytes, &ref->segment, e) : rc;
}

struct making {
	const struct store *s;
	const struct overlays *overlays;
	struct piece_plan **plans; // those to be made
	uint32_t n;
};

static enum rc make_piece(void *context, uint32_t i, struct err *e)
{
	const struct making *m = context;
	struct piece_plan *plan = m->plans[i];
	struct segment_ref *ref = mem_calloc(1, sizeof(*ref));
	if (!ref)
		return err_set(e, RC_NOMEM, "out of memory for the inbox");
	ref->refs = 1;
	enum rc rc = make_segment(m->s, plan, m->overlays, ref, e);
	head_free(&plan->head);
	if (rc != RC_OK)
		mem_free(ref);
	else
		plan->piece.ref = ref;
	return rc;
}

// Either all plans get their segment, those that are there already another reference to it, or none has one.
static enum rc make_pieces(struct store *s, struct inbox_news *w, const struct overlays *o, struct err *e)
{
	struct making m = {s, o, mem_calloc(w->n + 1, sizeof(*m.plans)), 0};
	if (!m.plans)
		return err_set(e, RC_NOMEM, "out of memory for the inbox");
	for (size_t i = 0; i < w->n; i++)
		if (w->plans[i].head)
			m.plans[m.n++] = &w->plans[i];
		else
			pool_ref(s, w->plans[i].piece.ref);
	enum rc rc = pool_run(pool_cpus(), m.n, make_piece, &m, e);
	for (size_t i = 0; rc != RC_OK && i < w->n; i++)
		pool_release(s, &w->plans[i].piece.ref);
	mem_free(m.plans);
	return rc;
}

enum rc inbox_pieces_take(
	struct store *s, struct inbox_pieces *p, struct inbox_news *w, const struct overlays *o, struct err *e)
{
	struct inbox_pieces next = {0};
	if (mem_grow((void **)&next.items, &next.capacity, w->n + 1, sizeof(*next.items)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for the inbox");
	enum rc rc = make_pieces(s, w, o, e);
	if (rc != RC_OK) {
		mem_free(next.items);
		return rc;
	}
	for (next.n = 0; next.n < w->n; next.n++)
		next.items[next.n] = w->plans[next.n].piece;
	inbox_pieces_clear(s, p);
	*p = next;
	return RC_OK;
}
