// SPDX-License-Identifier: Apache-2.0
// Sealing: a full head becomes a segment, in a second thread while the next batches go into a fresh head.
//
//   write <id>.seg.tmp → fsync → rename → fsync of the directory → one transaction: catalogue row in, inbox rows out →
//   removing these rows, a few in each transaction; in a store that gives way in those of the appending side, whose
//   commits the removal would hold up otherwise, and what is left when nothing comes any more by the merging thread
//
// A crash before the commit leaves the inbox as it was and a file that nobody names; after it, the segment. Until the
// appending side has seen that the sealer ended, the sealed head stays in memory: its ids are looked up there as well
// as in the segment, so no moment exists at which an id is in neither.
#include "base/log.h"
#include "journey/overlay.h"

#include <time.h>

static enum rc commit_sealed(
	struct store *s, const struct head *h, const struct segment_ref *ref, struct err *e)
{
	enum rc rc = back_begin(s, e);
	if (rc == RC_OK)
		rc = catalogue_insert(s->back, &ref->entry, e);
	if (rc == RC_OK)
		rc = inbox_seal(s->back, h->last_seq, e);
	return back_end(s, rc, e);
}

static enum rc purge_some(struct store *s, int64_t n, bool *left, struct err *e)
{
	enum rc rc = back_begin(s, e);
	if (rc == RC_OK)
		rc = inbox_purge(s->back, n, left, e);
	return back_end(s, rc, e);
}

void seal_purge(struct store *s)
{
	enum { SOME = 512 };
	struct err e = ERR_NONE;
	bool left = atomic_exchange(&s->purge_due, false);
	while (left && e.rc == RC_OK)
		purge_some(s, SOME, &left, &e);
	if (e.rc == RC_OK)
		return;
	atomic_store(&s->purge_due, true);
	log_err("journey", &e);
}

enum rc seal_purge_along(struct store *s, uint32_t n, struct err *e)
{
	bool left = false;
	if (!s->options.gives_way || !atomic_exchange(&s->purge_due, false))
		return RC_OK;
	enum rc rc = inbox_purge(s->db, 2 * (int64_t)n + 2, &left, e);
	if (rc != RC_OK || left)
		atomic_store(&s->purge_due, true);
	return rc;
}

static enum rc seal_head(struct store *s, const struct head *h, struct err *e)
{
	struct segment_draft d;
	bool committing = false;
	struct overlays *links = store_overlays(s);
	enum rc rc = space_for_seal(s, h, e);
	d = (struct segment_draft){0};
	if (rc == RC_OK)
		rc = draft_new(s, &d, e);
	if (rc == RC_OK) {
		d.epoch = links->epoch;
		rc = seal_write(s, h, links, d.writer, e);
	}
	overlays_unref(&links);
	if (rc == RC_OK)
		rc = draft_finish(s, &d, s->next_ordinal, e);
	if (rc == RC_OK)
		rc = catalogue_reserve(s, e);
	if (rc == RC_OK) {
		committing = true;
		rc = commit_sealed(s, h, d.ref, e);
	}
	if (rc != RC_OK) {
		draft_drop(s, &d, !committing);
		return rc;
	}
	s->next_ordinal++;
	catalogue_swap(s, 0, 0, d.ref);
	atomic_store(&s->sealed_seq, h->last_seq);
	inbox_pieces_release_sealed(s);
	atomic_store(&s->purge_due, true);
	compact_wake(s);
	if (!s->options.gives_way)
		seal_purge(s);
	return RC_OK;
}

static void sealer_main(void *context)
{
	struct store *s = context;
	seal_head(s, s->sealing, &s->seal_err);
	atomic_store(&s->sealer_ended, true);
}

static void sealer_thread(void *context)
{
	const struct store *s = context;
	if (s->options.gives_way)
		thread_give_way(store_waits, s);
	sealer_main(context);
}

enum rc seal_wait(struct store *s, struct err *e)
{
	if (!s->sealer && !s->sealing)
		return RC_OK;
	atomic_fetch_add(&s->n_waiting, 1);
	if (s->sealer)
		thread_join(&s->sealer);
	atomic_fetch_sub(&s->n_waiting, 1);
	pthread_mutex_lock(&s->mu);
	struct head *sealed = s->sealing;
	s->sealing = NULL;
	pthread_mutex_unlock(&s->mu);
	head_free(&sealed);
	struct err failed = s->seal_err;
	s->seal_err = ERR_NONE;
	if (failed.rc == RC_OK)
		return RC_OK;
	s->stale = true;
	return err_take(e, &failed);
}

enum rc seal_room(struct store *s, struct head *h, struct err *e)
{
	uint32_t rows = s->options.seal_rows < SEAL_ROWS_DEFAULT ? s->options.seal_rows : SEAL_ROWS_DEFAULT;
	return s->options.gives_way ? id_set_reserve(&h->ids, rows, e) : RC_OK;
}

enum { BEHIND_ALL = 1000 }; // so far that an append has to wait until they are done

void seal_behind(struct store *s)
{
	const struct head *h = s->active;
	double rows = 0;
	if (!s->options.gives_way)
		return;
	bool sealing = s->sealing && !atomic_load(&s->sealer_ended);
	if (sealing && h->n_rows > s->options.seal_rows)
		rows = (double)(h->n_rows - s->options.seal_rows) / s->options.seal_rows;
	double segments = compact_behind(s), most = rows > segments ? rows : segments;
	atomic_store(&s->late, (sealing && h->n_rows > s->options.seal_rows / 2) || most > 0);
	atomic_store(&s->behind, most < 1 ? (unsigned)(most * BEHIND_ALL) : BEHIND_ALL);
}

// Appending uses half of the processor or so, the rest goes to who receives and decodes: with this steepness half of the
// time is theirs when a fifth of the way is gone, four fifths after half of it.
void store_pace(const struct store *s, int64_t used_ns)
{
	const double steepness = 8, longest_ns = 1e8;
	double gone = (double)atomic_load(&s->behind) / BEHIND_ALL;
	double wait_ns = gone < 1 ? steepness * gone / (1 - gone) * (double)used_ns : longest_ns;
	if (wait_ns >= 1)
		nanosleep(
			&(struct timespec){.tv_nsec = (long)(wait_ns < longest_ns ? wait_ns : longest_ns - 1)},
			NULL);
}

static bool is_full(const struct store *s, const struct head *h, uint32_t times)
{
	return h->n_rows >= (uint64_t)s->options.seal_rows * times ||
	       h->bytes >= s->options.head_max_bytes * times || h->n_views >= HEAD_VIEWS_MAX;
}

enum rc seal_rotate(struct store *s, bool even_if_small, struct err *e)
{
	if (s->sealing && atomic_load(&s->sealer_ended)) {
		enum rc rc = seal_wait(s, e);
		if (rc != RC_OK)
			return rc;
	}
	struct head *h = s->active;
	bool busy = s->sealing && s->options.gives_way;
	if (h->n_views == 0 || (!is_full(s, h, busy ? 2 : 1) && !even_if_small))
		return RC_OK;
	enum rc rc = seal_wait(s, e);
	if (rc != RC_OK)
		return rc;
	compact_make_room(s);
	struct head *fresh = head_new();
	if (!fresh)
		return err_set(e, RC_NOMEM, "out of memory for the head");
	rc = seal_room(s, fresh, e);
	if (rc != RC_OK) {
		head_free(&fresh);
		return rc;
	}
	pthread_mutex_lock(&s->mu);
	s->sealing = s->active;
	s->active = fresh;
	atomic_store(&s->boundary, s->sealing->last_seq);
	atomic_store(&s->sealer_ended, false);
	pthread_mutex_unlock(&s->mu);
	if (!s->foreground && !even_if_small)
		s->sealer = thread_start(sealer_thread, s);
	if (s->sealer)
		return RC_OK;
	sealer_main(s);
	return seal_wait(s, e);
}

void seal_left_over(struct store *s)
{
	struct err e = ERR_NONE;
	if (is_full(s, s->active, 1) && seal_rotate(s, true, &e) != RC_OK)
		log_err("journey", &e);
}

enum rc store_seal(struct store *s, struct err *e)
{
	enum rc rc = store_must_write(s, e);
	if (rc != RC_OK)
		return rc;
	pthread_mutex_lock(&s->append_mu);
	rc = store_reload(s, e);
	if (rc == RC_OK)
		rc = seal_wait(s, e);
	if (rc == RC_OK)
		rc = seal_rotate(s, true, e);
	pthread_mutex_unlock(&s->append_mu);
	return rc;
}
