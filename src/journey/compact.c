// SPDX-License-Identifier: Apache-2.0
// Compaction: which neighbours to merge, and swapping the merged segment in with one transaction. The files of the
// merged ones go after the commit; whoever has them open keeps the mapping.
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "journey/merge.h"
#include "journey/overlay.h"

enum { APPLY_AFTER_MS = 60 * 60 * 1000, IDLE_AFTER_MS = 60 * 1000, CLOSING_ROWS_MAX = 1 << 22 };

// --- policy ---

static uint64_t sum_of(const uint64_t *rows, size_t first, size_t n)
{
	uint64_t sum = 0;
	for (size_t i = first; i < first + n; i++)
		sum += rows[i];
	return sum;
}

struct merge_choice merge_choose_target(const uint64_t *rows, size_t n, size_t target)
{
	struct merge_choice best = {0, 0};
	if (n <= target || n < 2)
		return best;
	size_t length = n - target + 1;
	uint64_t least = UINT64_MAX;
	for (size_t first = 0; first + length <= n; first++) {
		uint64_t sum = sum_of(rows, first, length);
		if (sum < least) {
			least = sum;
			best = (struct merge_choice){first, length};
		}
	}
	return best;
}

struct merge_choice merge_choose(const uint64_t *rows, size_t n, unsigned fifths)
{
	uint64_t newer = 0;
	size_t first = n; // the oldest segment that is too small
	for (size_t i = n; i-- > 0; newer += rows[i])
		if (5 * rows[i] < fifths * newer)
			first = i;
	if (n - first > MERGE_RUN_MAX) { // many have come meanwhile: the small ones first
		struct merge_choice c =
			merge_choose_target(rows + first, n - first, n - first - MERGE_RUN_MAX + 1);
		return (struct merge_choice){first + c.first, c.n};
	}
	if (first < n)
		return (struct merge_choice){first, n - first};
	return merge_choose_target(rows, n, MERGE_SEGMENTS_MAX);
}

// --- one merge ---

static enum rc commit_merged(
	struct store *s, const struct segment_list *run, const struct segment_ref *merged, struct err *e)
{
	enum rc rc = back_begin(s, e);
	for (size_t i = 0; rc == RC_OK && i < run->n; i++)
		rc = catalogue_delete(s->back, run->items[i]->entry.id, e);
	if (rc == RC_OK)
		rc = catalogue_insert(s->back, &merged->entry, e);
	return back_end(s, rc, e);
}

// A run of neighbours with what is pending for them.
struct merging {
	struct segment_list run;
	struct overlays *overlays;
	struct segment **segments;
	int64_t *epochs;
};

static void merging_free(struct store *s, struct merging *m)
{
	segment_list_release(s, &m->run);
	overlays_unref(&m->overlays);
	mem_free(m->segments);
	mem_free(m->epochs);
}

// Takes the list over.
static enum rc merging_open(struct store *s, struct segment_list *run, struct merging *m, struct err *e)
{
	*m = (struct merging){.run = *run, .overlays = store_overlays(s)};
	*run = (struct segment_list){0};
	m->segments = mem_calloc(m->run.n, sizeof(*m->segments));
	m->epochs = mem_calloc(m->run.n, sizeof(*m->epochs));
	if (!m->segments || !m->epochs)
		return err_set(e, RC_NOMEM, "out of memory merging segments");
	pthread_mutex_lock(&s->mu);
	for (size_t i = 0; i < m->run.n; i++) {
		m->segments[i] = m->run.items[i]->segment;
		m->epochs[i] = m->run.items[i]->entry.epoch;
	}
	pthread_mutex_unlock(&s->mu);
	return RC_OK;
}

static enum rc write_merged(struct store *s, const struct merging *m, struct segment_draft *d,
	struct progress *progress, struct err *e)
{
	char path[STORE_PATH_BYTES];
	uint64_t n_erased;
	d->epoch = m->overlays->epoch;
	enum rc rc = segment_path(s->dir, d->id, ".moved", path, e);
	if (rc == RC_OK)
		rc = overlay_merge(m->overlays, s->io, path, m->segments, m->epochs, m->run.n, d->writer,
			&n_erased, progress, e);
	return rc;
}

static uint64_t run_bytes(const struct segment_list *run)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < run->n; i++)
		bytes += run->items[i]->entry.info.bytes;
	return bytes;
}

static enum rc merge_run(struct store *s, const struct merging *m, struct progress *progress, struct err *e)
{
	const struct segment_list *run = &m->run;
	struct segment_draft d = {0};
	bool committing = false;
	int64_t first_id = run->items[0]->entry.id;
	enum rc rc = space_for_rewrite(s, run_bytes(run), "merging segments", e);
	if (rc == RC_OK)
		rc = draft_new(s, &d, e);
	if (rc == RC_OK)
		rc = write_merged(s, m, &d, progress, e);
	if (rc == RC_OK)
		rc = draft_finish(s, &d, run->items[0]->entry.ordinal, e);
	if (rc == RC_OK)
		rc = catalogue_reserve(s, e);
	if (rc == RC_OK) {
		committing = true;
		rc = commit_merged(s, run, d.ref, e);
	}
	if (rc != RC_OK) {
		draft_drop(s, &d, !committing);
		return rc;
	}
	catalogue_swap(s, first_id, run->n, d.ref);
	pthread_cond_broadcast(&s->merged);
	for (size_t i = 0; i < run->n; i++)
		catalogue_unlink(s, run->items[i]->entry.id);
	return RC_OK;
}

// Keeps of a copy of the catalogue only the chosen run.
static void narrow(struct store *s, struct segment_list *list, struct merge_choice c)
{
	for (size_t i = 0; i < list->n; i++)
		if (i < c.first || i >= c.first + c.n)
			pool_release(s, &list->items[i]);
	memmove(list->items, list->items + c.first, c.n * sizeof(list->items[0]));
	list->n = c.n;
}

// --- what is pending ---

// Only the catalogue changes: nothing of the segment is concerned by what was pending.
static enum rc note_epoch(struct store *s, struct segment_ref *ref, int64_t epoch, struct err *e)
{
	enum rc rc = back_begin(s, e);
	if (rc == RC_OK)
		rc = catalogue_set_epoch(s->back, ref->entry.id, epoch, e);
	rc = back_end(s, rc, e);
	if (rc == RC_OK) {
		pthread_mutex_lock(&s->mu);
		ref->entry.epoch = epoch;
		pthread_mutex_unlock(&s->mu);
	}
	return rc;
}

// Is anything in the segment concerned? Looks at persons, and at the rows of those that links moved.
static enum rc is_concerned(const struct merging *m, bool *concerned, struct err *e)
{
	struct overlay_plan plan;
	struct overlay_count count = {0};
	struct moved_rows *moved = NULL;
	enum rc rc = overlay_plan_make(m->overlays, m->epochs, 1, &plan, e);
	if (rc == RC_OK)
		rc = moved_rows_new(io_system(), NULL, &moved, e);
	if (rc == RC_OK)
		rc = overlay_collect(m->overlays, &plan, m->segments, m->epochs, 1, false, moved, &count, e);
	moved_rows_free(&moved);
	overlay_plan_free(&plan);
	*concerned = count.changed;
	return rc;
}

static enum rc apply_to(struct store *s, struct merging *m, struct progress *progress, struct err *e)
{
	bool concerned;
	enum rc rc = is_concerned(m, &concerned, e);
	if (rc != RC_OK)
		return rc;
	return concerned ? merge_run(s, m, progress, e) : note_epoch(s, m->run.items[0], m->overlays->epoch, e);
}

// Puts what is pending into the oldest segment that does not have it; *done: there is none.
static enum rc apply_once(struct store *s, struct progress *progress, bool *done, struct err *e)
{
	struct segment_list list;
	struct merging m;
	struct overlays *o = store_overlays(s);
	enum rc rc = catalogue_copy(s, &list, e);
	size_t at = 0;
	pthread_mutex_lock(&s->mu);
	while (rc == RC_OK && at < list.n && list.items[at]->entry.epoch >= o->epoch)
		at++;
	pthread_mutex_unlock(&s->mu);
	overlays_unref(&o);
	*done = rc != RC_OK || at == list.n;
	if (!*done) {
		narrow(s, &list, (struct merge_choice){at, 1});
		rc = merging_open(s, &list, &m, e);
		if (rc == RC_OK)
			rc = apply_to(s, &m, progress, e);
		merging_free(s, &m);
	}
	segment_list_release(s, &list);
	return rc;
}

// Is an entry of the journal pending and old enough to be put into segments on its own? Until then merges that come
// anyway take it along, and one rewriting serves many entries.
static enum rc is_due(struct store *s, bool *due, struct err *e)
{
	struct db_stmt *q;
	bool row;
	*due = false;
	pthread_mutex_lock(&s->back_mu);
	enum rc rc = db_prepare(s->back,
		"SELECT 1 FROM overlay WHERE id > (SELECT min(epoch) FROM segment) AND at_ms <= ?1 LIMIT 1", &q,
		e);
	if (rc == RC_OK) {
		db_bind_i64(q, 1, s->clock->now_ms(s->clock) - APPLY_AFTER_MS);
		rc = db_step(q, due, e);
		row = *due;
		if (rc == RC_OK && row)
			db_reset(q);
	}
	pthread_mutex_unlock(&s->back_mu);
	return rc;
}

// One merge if one is called for; *done when not. compact_mu is held.
static enum rc compact_once(
	struct store *s, uint32_t target, unsigned fifths, struct progress *progress, bool *done, struct err *e)
{
	struct segment_list list;
	enum rc rc = catalogue_copy(s, &list, e);
	if (rc != RC_OK)
		return rc;
	uint64_t *rows = mem_calloc(list.n, sizeof(*rows));
	if (!rows) {
		segment_list_release(s, &list);
		return err_set(e, RC_NOMEM, "out of memory for the catalogue");
	}
	for (size_t i = 0; i < list.n; i++)
		rows[i] = list.items[i]->entry.info.n_rows;
	struct merge_choice c =
		target ? merge_choose_target(rows, list.n, target) : merge_choose(rows, list.n, fifths);
	// Whoever closes the store waits for small merges only, so that an import leaves none of them behind.
	if (atomic_load(&s->closing) && sum_of(rows, c.first, c.n) > CLOSING_ROWS_MAX)
		c.n = 0;
	mem_free(rows);
	*done = c.n == 0;
	if (!*done) {
		struct merging m;
		narrow(s, &list, c);
		rc = merging_open(s, &list, &m, e);
		if (rc == RC_OK)
			rc = merge_run(s, &m, progress, e);
		merging_free(s, &m);
	}
	segment_list_release(s, &list);
	return rc;
}

enum rc store_compact(struct store *s, uint32_t target, struct progress *progress, struct err *e)
{
	enum rc rc = store_must_write(s, e);
	for (int step = 0; step < 2; step++) {
		bool done = false;
		while (rc == RC_OK && !done) {
			compact_lock(s);
			rc = step == 0 ? compact_once(s, target, MERGE_IDLE, progress, &done, e)
				       : apply_once(s, progress, &done, e);
			pthread_mutex_unlock(&s->compact_mu);
		}
	}
	return rc;
}

void compact_lock(struct store *s)
{
	atomic_fetch_add(&s->n_waiting, 1);
	pthread_mutex_lock(&s->compact_mu);
	atomic_fetch_sub(&s->n_waiting, 1);
}

bool store_waits(const void *store)
{
	const struct store *s = store;
	return atomic_load_explicit(&s->late, memory_order_relaxed) ||
	       atomic_load_explicit(&s->n_waiting, memory_order_relaxed) > 0;
}

// --- in the background ---

// Waits until something was sealed or erased (*idle false), or, with `may_idle`, for a while at most. False: closing,
// and nothing came before.
static bool wait_for_work(struct store *s, bool may_idle, bool *idle)
{
	const struct timespec until = thread_deadline(IDLE_AFTER_MS);
	bool late = false;
	pthread_mutex_lock(&s->mu);
	while (!s->compact_wanted && !late && !atomic_load(&s->closing)) {
		if (may_idle)
			late = !thread_wait_until(&s->wake, &s->mu, &until);
		else
			pthread_cond_wait(&s->wake, &s->mu);
	}
	*idle = !s->compact_wanted;
	s->compacting = s->compact_wanted;
	s->compact_wanted = false;
	pthread_mutex_unlock(&s->mu);
	return !*idle || !atomic_load(&s->closing);
}

// After a failure nothing is tried until the next seal: the old segments are all there.
static void compactor_main(void *context)
{
	struct store *s = context;
	bool idle = true; // nothing more was to do even then
	if (s->options.gives_way)
		thread_give_way(store_waits, s);
	while (wait_for_work(s, !idle, &idle)) {
		struct err e = ERR_NONE;
		bool done = false;
		while (!done && e.rc == RC_OK) {
			pthread_mutex_lock(&s->compact_mu);
			compact_once(s, 0, idle ? MERGE_IDLE : MERGE_WRITING, NULL, &done, &e);
			bool due = false;
			if (done && e.rc == RC_OK && !atomic_load(&s->closing))
				is_due(s, &due, &e);
			if (due && e.rc == RC_OK)
				apply_once(s, NULL, &done, &e);
			pthread_mutex_unlock(&s->compact_mu);
		}
		if (e.rc != RC_OK)
			log_err("journey", &e);
		if (idle && s->options.gives_way) {
			seal_purge(s);
			mem_give_back(); // what a flood needed
		}
		pthread_mutex_lock(&s->mu);
		s->compacting = false;
		pthread_cond_broadcast(&s->merged);
		pthread_mutex_unlock(&s->mu);
	}
}

void compact_make_room(struct store *s)
{
	atomic_fetch_add(&s->n_waiting, 1);
	pthread_mutex_lock(&s->mu);
	while (s->compactor && s->catalogue.n >= SEGMENTS_MOST && (s->compact_wanted || s->compacting))
		pthread_cond_wait(&s->merged, &s->mu);
	pthread_mutex_unlock(&s->mu);
	atomic_fetch_sub(&s->n_waiting, 1);
}

double compact_behind(struct store *s)
{
	// Fewer are nothing to slow anybody down for.
	const double some = SEGMENTS_MOST * 3 / 4.0, left = SEGMENTS_MOST - some;
	pthread_mutex_lock(&s->mu);
	bool busy = s->compactor && (s->compact_wanted || s->compacting);
	double over = ((double)s->catalogue.n - some) / left;
	pthread_mutex_unlock(&s->mu);
	return busy && over > 0 ? over : 0;
}

void compact_start(struct store *s)
{
	s->compact_wanted = true;
	s->compactor = thread_start(compactor_main, s);
	if (!s->compactor)
		log_write(LOG_WARN, "journey", "cannot start the thread that merges segments");
}

void compact_wake(struct store *s)
{
	pthread_mutex_lock(&s->mu);
	s->compact_wanted = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->mu);
}

void compact_stop(struct store *s)
{
	if (!s->compactor)
		return;
	pthread_mutex_lock(&s->mu);
	atomic_store(&s->closing, true);
	atomic_fetch_add(&s->n_waiting, 1);
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->mu);
	thread_join(&s->compactor);
}
