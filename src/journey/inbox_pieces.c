// SPDX-License-Identifier: Apache-2.0
// The inbox as readers see it: a few memory segments, each of which covers a run of inbox rows. What has arrived since
// the last snapshot becomes a new piece; pieces of a like size are merged when there are too many of them. So an
// interaction costs a snapshot soon after it came little, is encoded once, and is merged only a few times until it is
// sealed, which is one more merge (seal_write.c). What is too much for one piece becomes several, which as many threads
// make as there are processors.
//
// Invariants:
//  1. Pieces are in order of arrival, without a gap: together they cover the inbox rows from the first to the last seq.
//  2. A piece's rows are under the persons that the links of the moment give: when links have changed that concern a
//     person of it, it is made anew.
//  3. Sizes fall by steps: at most FAN_OUT pieces of each size class since the last full one. A piece is full, and left
//     alone, with FULL_ROWS.
//  4. No piece goes beyond the row where a head ended, unless the head ended while it was read: so sealing a head takes
//     whole pieces away.
#include "base/mem.h"
#include "base/pool.h"
#include "journey/merge.h"
#include "journey/overlay.h"

enum { FAN_OUT = 8, FIRST_CLASS_ROWS = 64, FULL_ROWS = 1 << 15 };

// A piece to be: one that is there already (ref), or the rows to make it of (head, read in the transaction).
struct piece_plan {
	struct inbox_piece piece;
	struct head *head;
};

struct inbox_news {
	struct piece_plan *plans;
	size_t n, capacity;
	int64_t boundary;    // the inbox row where a head ended: no piece goes beyond
	uint32_t piece_rows; // see store
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

static int64_t last_of(const struct inbox_pieces *p)
{
	return p->n ? p->items[p->n - 1].last_seq : 0;
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

// Reads the rows of a piece that is to be made, as one or several of like size.
static enum rc piece_read(
	struct inbox_news *w, struct inbox_piece piece, struct db *db, struct names *names, struct err *e)
{
	const int64_t last = piece.last_seq;
	const int64_t n_parts = piece.n_rows / w->piece_rows;
	const uint64_t most = n_parts > 1 ? (uint64_t)((piece.n_rows + n_parts - 1) / n_parts) : UINT64_MAX;
	for (bool more = true; more;) {
		struct head *h;
		enum rc rc = inbox_load(db, names, piece.first_seq, last, most, &h, e);
		if (rc != RC_OK)
			return rc;
		more = h->n_rows >= most && h->last_seq < last;
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
	*w = (struct inbox_news){.boundary = planned.boundary, .piece_rows = planned.piece_rows};
	for (size_t i = 0; rc == RC_OK && i < planned.n; i++) {
		const struct inbox_piece *piece = &planned.plans[i].piece;
		all = all && !piece->ref;
		rc = piece->ref ? plan_add(w, piece, e) : piece_read(w, *piece, db, names, e);
	}
	mem_free(planned.plans);
	// Last, since a batch that cannot be read says more.
	return rc == RC_OK && all ? db_sums_check(db, "inbox", e) : rc;
}

// What has come since: the rows [first, last], about n_rows of them. How many lie before the boundary and how many after
// is not asked: it would only make the pieces' sizes more alike.
static enum rc plan_new(
	struct inbox_news *w, int64_t first, int64_t last, int64_t n_rows, int64_t epoch, struct err *e)
{
	struct inbox_piece piece = {.first_seq = first, .last_seq = last, .n_rows = n_rows, .epoch = epoch};
	if (first <= w->boundary && w->boundary < last) {
		piece.last_seq = w->boundary;
		enum rc rc = plan_add(w, &piece, e);
		if (rc != RC_OK)
			return rc;
		piece.first_seq = w->boundary + 1;
		piece.last_seq = last;
	}
	return plan_add(w, &piece, e);
}

enum rc inbox_pieces_read(
	struct store *s, struct names *names, const struct overlays *o, struct inbox_news **out, struct err *e)
{
	const struct inbox_pieces *have = &s->inbox_seen;
	struct db *db = s->reader;
	int64_t first, last, n_new = 0;
	struct inbox_news *w = *out = mem_calloc(1, sizeof(*w));
	if (!w)
		return err_set(e, RC_NOMEM, "out of memory for the inbox");
	w->boundary = atomic_load(&s->boundary);
	w->piece_rows = s->piece_rows;
	enum rc rc = inbox_range(db, &first, &last, e);
	int64_t seen = last_of(have);
	if (rc == RC_OK && last > 0)
		rc = plan_kept(w, have, first, o, e);
	if (rc == RC_OK && last > seen)
		rc = inbox_rows_after(db, seen, &n_new, e);
	if (rc == RC_OK && last > seen)
		rc = plan_new(w, first > seen ? first : seen + 1, last, n_new, o->epoch, e);
	if (rc == RC_OK)
		rc = plan_read(w, db, names, e);
	if (rc != RC_OK)
		inbox_news_free(out);
	return rc;
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
	const struct view_range all = {0, plan->head->n_views};
	enum rc rc = head_segment(plan->head, all, m->overlays, m->s->io, &plan->piece.ref, e);
	head_free(&plan->head);
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

// --- merging ---

static unsigned size_class(int64_t n_rows)
{
	unsigned class = 0;
	for (int64_t limit = FIRST_CLASS_ROWS; n_rows >= limit; limit *= FAN_OUT)
		class ++;
	return class;
}

// The first of the last pieces that are to be one, because there are too many of their size; p->n: there are not.
static size_t merge_from(const struct inbox_pieces *p, int64_t boundary)
{
	size_t first = p->n;
	unsigned class = size_class(p->items[p->n - 1].n_rows);
	while (first > 0) {
		const struct inbox_piece *before = &p->items[first - 1];
		bool ends_head =
			first < p->n && before->last_seq <= boundary && boundary < p->items[first].first_seq;
		if (size_class(before->n_rows) > class || before->n_rows >= FULL_ROWS || ends_head)
			break;
		first--;
	}
	return p->n - first > FAN_OUT ? first : p->n;
}

static enum rc merge_pieces(
	struct store *s, const struct inbox_piece *pieces, size_t n, struct segment_ref **out, struct err *e)
{
	struct segment_writer *w = NULL;
	*out = NULL;
	struct segment **segments = mem_calloc(n, sizeof(*segments));
	if (!segments)
		return err_set(e, RC_NOMEM, "out of memory for the inbox");
	for (size_t i = 0; i < n; i++)
		segments[i] = pieces[i].ref->segment;
	enum rc rc = segment_writer_new(s->io, NULL, &w, e);
	if (rc == RC_OK)
		rc = merge_segments(segments, n, w, NULL, e);
	if (rc == RC_OK)
		rc = pool_memory(w, out, e);
	segment_writer_free(&w);
	mem_free(segments);
	return rc;
}

// Makes one piece of the last ones as long as there are too many of their size.
static enum rc gather(struct store *s, struct inbox_pieces *p, int64_t boundary, struct err *e)
{
	while (p->n > 0) {
		size_t first = merge_from(p, boundary);
		if (first == p->n)
			return RC_OK;
		struct inbox_piece one = p->items[first];
		enum rc rc = merge_pieces(s, &p->items[first], p->n - first, &one.ref, e);
		if (rc != RC_OK)
			return rc;
		one.last_seq = p->items[p->n - 1].last_seq;
		one.n_rows = one.bytes = 0;
		for (size_t i = first; i < p->n; i++) {
			one.n_rows += p->items[i].n_rows;
			one.bytes += p->items[i].bytes;
			pool_release(s, &p->items[i].ref);
		}
		p->items[first] = one;
		p->n = first + 1;
	}
	return RC_OK;
}

enum rc inbox_pieces_take(
	struct store *s, struct inbox_pieces *p, struct inbox_news *w, const struct overlays *o, struct err *e)
{
	struct inbox_pieces next = {0};
	if (mem_grow((void **)&next.items, &next.capacity, w->n + 1, sizeof(*next.items)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for the inbox");
	enum rc rc = make_pieces(s, w, o, e);
	for (; rc == RC_OK && next.n < w->n; next.n++)
		next.items[next.n] = w->plans[next.n].piece;
	if (rc == RC_OK)
		rc = gather(s, &next, w->boundary, e);
	if (rc != RC_OK) {
		inbox_pieces_clear(s, &next);
		return rc;
	}
	inbox_pieces_clear(s, p);
	*p = next;
	return RC_OK;
}

// --- made elsewhere ---

int64_t inbox_pieces_last(struct store *s)
{
	pthread_mutex_lock(&s->snap_mu);
	int64_t last = last_of(&s->inbox_seen);
	pthread_mutex_unlock(&s->snap_mu);
	return last;
}

void inbox_pieces_release_sealed(struct store *s)
{
	struct inbox_pieces *p = &s->inbox_seen;
	size_t n = 0;
	pthread_mutex_lock(&s->snap_mu);
	while (n < p->n && p->items[n].last_seq <= atomic_load(&s->sealed_seq))
		pool_release(s, &p->items[n++].ref);
	if (n > 0)
		memmove(p->items, p->items + n, (p->n - n) * sizeof(*p->items));
	p->n -= n;
	pthread_mutex_unlock(&s->snap_mu);
}

void inbox_pieces_forget(struct store *s)
{
	pthread_mutex_lock(&s->snap_mu);
	inbox_pieces_clear(s, &s->inbox_seen);
	pthread_mutex_unlock(&s->snap_mu);
}

enum rc inbox_pieces_add(
	struct store *s, int64_t seen, const struct inbox_piece *piece, bool *added, struct err *e)
{
	enum rc rc = RC_OK;
	struct inbox_pieces *p = &s->inbox_seen;
	pthread_mutex_lock(&s->snap_mu);
	*added = last_of(p) == seen && piece->last_seq > atomic_load(&s->sealed_seq);
	if (*added && mem_grow((void **)&p->items, &p->capacity, p->n + 1, sizeof(*p->items)) != 0) {
		*added = false;
		rc = err_set(e, RC_NOMEM, "out of memory for the inbox");
	}
	if (*added) {
		p->items[p->n++] = *piece;
		fresh_shown(s, atomic_load(&s->n_shown) + (uint64_t)piece->n_rows);
	}
	pthread_mutex_unlock(&s->snap_mu);
	return rc;
}

// --- for sealing ---

static enum rc release_touched(
	struct store *s, struct inbox_pieces *p, const struct overlays *links, struct err *e)
{
	enum rc rc = RC_OK;
	size_t kept = 0;
	for (size_t i = 0; i < p->n; i++) {
		struct inbox_piece *piece = &p->items[i];
		bool touches = false;
		if (rc == RC_OK && piece->epoch != links->epoch)
			rc = overlay_touches(links, piece->epoch, piece->ref->segment, &touches, e);
		if (touches)
			pool_release(s, &piece->ref);
		else
			p->items[kept++] = *piece;
	}
	p->n = kept;
	return rc;
}

enum rc inbox_pieces_within(struct store *s, int64_t first_seq, int64_t last_seq, const struct overlays *links,
	struct inbox_pieces *out, struct err *e)
{
	*out = (struct inbox_pieces){0};
	pthread_mutex_lock(&s->snap_mu);
	const struct inbox_pieces *all = &s->inbox_seen;
	bool room = mem_grow((void **)&out->items, &out->capacity, all->n + 1, sizeof(*out->items)) == 0;
	for (size_t i = 0; room && i < all->n; i++) {
		const struct inbox_piece *piece = &all->items[i];
		if (piece->first_seq < first_seq || piece->last_seq > last_seq || piece->epoch > links->epoch)
			continue;
		pool_ref(s, piece->ref);
		out->items[out->n++] = *piece;
	}
	pthread_mutex_unlock(&s->snap_mu);
	if (!room)
		return err_set(e, RC_NOMEM, "out of memory for the inbox");
	enum rc rc = release_touched(s, out, links, e);
	if (rc != RC_OK)
		inbox_pieces_clear(s, out);
	return rc;
}
