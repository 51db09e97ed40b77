// SPDX-License-Identifier: Apache-2.0
// Reading the inbox before somebody asks, for stores that give way. What comes in a flood while nobody asks would all be
// read by the first question after it, which would be kept waiting. So whenever there are the rows of a whole piece that
// no snapshot has shown, or some of it and little more comes, a thread makes the piece, of the batches that are in memory
// still. Nothing is done in vain by that: sealing merges the pieces (seal_write.c).
//
// It holds no lock meanwhile, but for the first piece. Who asks in between reads these rows itself, and the piece is
// thrown away.
#include "base/log.h"
#include "base/pool.h"
#include "journey/overlay.h"

// VIEWS_MOST: what copies them holds a lock that everybody needs.
enum { LITTLE_ROWS = 1 << 10, LOOK_MS = 250, VIEWS_MOST = 4096, REST_MS = 10000 };

static uint64_t not_shown(struct store *s)
{
	uint64_t shown = atomic_load(&s->n_shown), appended = atomic_load(&s->n_appended);
	return appended > shown ? appended - shown : 0; // what was shown before it was counted
}

// Half a piece: what little is left to whoever asks.
static bool is_much(struct store *s)
{
	return not_shown(s) >= s->piece_rows / 2;
}

void fresh_appended(struct store *s, uint64_t n_rows)
{
	uint64_t before = atomic_fetch_add(&s->n_appended, n_rows);
	int64_t unseen = (int64_t)(before - atomic_load(&s->n_shown)); // below 0: a snapshot was quicker
	int64_t now = unseen + (int64_t)n_rows, whole = s->piece_rows;
	bool much = unseen < whole / 2 && now >= whole / 2, piece = unseen < whole && now >= whole;
	if (!s->freshener || (!much && !piece))
		return;
	pthread_mutex_lock(&s->mu);
	pthread_cond_signal(&s->unseen);
	pthread_mutex_unlock(&s->mu);
}

// Is there a whole piece now, or did little come for a while? s->mu is held.
static bool is_due(struct store *s)
{
	uint64_t before = atomic_load(&s->n_appended);
	const struct timespec until = thread_deadline(LOOK_MS);
	while (!s->freshener_ends && not_shown(s) < s->piece_rows)
		if (!thread_wait_until(&s->unseen, &s->mu, &until))
			return atomic_load(&s->n_appended) - before < LITTLE_ROWS;
	return true;
}

// False: closing.
static bool wait_until_due(struct store *s)
{
	bool due = false;
	pthread_mutex_lock(&s->mu);
	while (!s->freshener_ends && !due) {
		if (!is_much(s))
			pthread_cond_wait(&s->unseen, &s->mu);
		else
			due = is_due(s);
	}
	bool ends = s->freshener_ends;
	pthread_mutex_unlock(&s->mu);
	return !ends;
}

// The batches after the inbox row `seen`, of one head: those of a piece, or some more when too few would be left. *out
// NULL: they are not in memory, or there are none.
static enum rc take_unseen(struct store *s, int64_t seen, struct head **out, struct err *e)
{
	enum rc rc = RC_OK;
	*out = NULL;
	pthread_mutex_lock(&s->mu);
	bool sealing = s->sealing && !atomic_load(&s->sealer_ended) && s->sealing->last_seq > seen;
	struct head *h = sealing ? s->sealing : s->active;
	struct view_range views = {head_view_after(h, seen), 0};
	uint64_t n_rows = 0;
	size_t piece_end = 0;
	const size_t most = h->n_views - views.first < VIEWS_MOST ? h->n_views : views.first + VIEWS_MOST;
	for (views.end = views.first; views.end < most && n_rows < 2 * s->piece_rows; views.end++) {
		n_rows += h->views[views.end].n_rows;
		if (piece_end == 0 && n_rows >= s->piece_rows)
			piece_end = views.end + 1;
	}
	if (n_rows >= 2 * s->piece_rows)
		views.end = piece_end;
	if (views.end > views.first && h->views[views.first].seq == seen + 1)
		rc = head_slice(h, views, out, e);
	pthread_mutex_unlock(&s->mu);
	return rc;
}

// Makes a piece of batches, which are what follows the inbox row `seen`.
static enum rc add_piece(struct store *s, int64_t seen, const struct head *h, struct err *e)
{
	bool added = false;
	struct overlays *links = store_overlays(s);
	struct inbox_piece piece = {.first_seq = h->views[0].seq,
		.last_seq = h->last_seq,
		.n_rows = (int64_t)h->n_rows,
		.bytes = (int64_t)h->packed_bytes,
		.epoch = links->epoch};
	enum rc rc = head_segment(h, (struct view_range){0, h->n_views}, links, s->io, &piece.ref, e);
	overlays_unref(&links);
	if (rc == RC_OK)
		rc = inbox_pieces_add(s, seen, &piece, &added, e);
	if (added)
		atomic_fetch_add(&s->n_ahead, 1);
	else
		pool_release(s, &piece.ref);
	return rc;
}

static enum rc read_ahead(struct store *s, struct err *e)
{
	struct head *h = NULL;
	struct snapshot *sn = NULL;
	int64_t seen = inbox_pieces_last(s);
	enum rc rc = seen > 0 ? take_unseen(s, seen, &h, e) : RC_OK;
	if (rc == RC_OK && h)
		rc = add_piece(s, seen, h, e);
	// The first ones, or what was sealed before it was seen, or what must be loaded again.
	if (rc == RC_OK && !h) {
		s->freshener_hurries = true;
		rc = snapshot_open(s, &sn, e);
		s->freshener_hurries = false;
	}
	snapshot_close(&sn);
	head_free(&h);
	return rc;
}

static bool hurries(const void *store)
{
	const struct store *s = store;
	return s->freshener_hurries;
}

static void rest(struct store *s)
{
	const struct timespec until = thread_deadline(REST_MS);
	pthread_mutex_lock(&s->mu);
	while (!s->freshener_ends && thread_wait_until(&s->unseen, &s->mu, &until))
		;
	pthread_mutex_unlock(&s->mu);
}

// A failure is told to whoever asks as well.
static void freshener_main(void *context)
{
	struct store *s = context;
	thread_take_breaks(hurries, s); // at low priority it would leave most to whoever asks when much comes
	while (wait_until_due(s)) {
		struct err e = ERR_NONE;
		if (!is_much(s))
			continue; // somebody asked
		if (read_ahead(s, &e) != RC_OK) {
			log_err("journey", &e);
			rest(s);
		}
	}
}

void fresh_shown(struct store *s, uint64_t n_appended)
{
	uint64_t before = atomic_load(&s->n_shown);
	while (before < n_appended && !atomic_compare_exchange_weak(&s->n_shown, &before, n_appended))
		;
}

void fresh_start(struct store *s)
{
	atomic_store(&s->n_appended, s->active->n_rows);
	s->freshener = thread_start(freshener_main, s);
	if (!s->freshener)
		log_write(LOG_WARN, "journey", "cannot start the thread that reads ahead of questions");
}

void fresh_stop(struct store *s)
{
	if (!s->freshener)
		return;
	pthread_mutex_lock(&s->mu);
	s->freshener_ends = true;
	pthread_cond_signal(&s->unseen);
	pthread_mutex_unlock(&s->mu);
	thread_join(&s->freshener);
}
