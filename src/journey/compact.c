// SPDX-License-Identifier: Apache-2.0
// Compaction: which neighbours to merge, and swapping the merged segment in with one transaction. The files of the
// merged ones go after the commit; whoever has them open keeps the mapping.
#include "base/log.h"
#include "base/mem.h"
#include "journey/merge.h"
#include "journey/store_internal.h"

enum { RUN_MIN = 4, SEGMENTS_MAX = 16 };

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

// The longest run around the newest segments in which nothing is larger than `largest`.
static struct merge_choice run_up_to(const uint64_t *rows, size_t n, uint64_t largest)
{
	struct merge_choice best = {0, 0};
	for (size_t i = 0; i < n;) {
		size_t first = i;
		while (i < n && rows[i] <= largest)
			i++;
		uint64_t sum = sum_of(rows, first, i - first), most = 0;
		for (size_t k = first; k < i; k++)
			most = rows[k] > most ? rows[k] : most;
		if (i - first >= RUN_MIN && most <= sum - most)
			best = (struct merge_choice){first, i - first};
		i += i == first;
	}
	return best;
}

struct merge_choice merge_choose(const uint64_t *rows, size_t n)
{
	uint64_t most = 0;
	for (size_t i = 0; i < n; i++)
		most = rows[i] > most ? rows[i] : most;
	// Small ones first: sizes in steps of 4 up to the largest.
	for (uint64_t largest = 1024;; largest *= 4) {
		struct merge_choice c = run_up_to(rows, n, largest);
		if (c.n || largest >= most)
			return c.n || n <= SEGMENTS_MAX ? c : merge_choose_target(rows, n, n - RUN_MIN + 1);
	}
}

// --- one merge ---

static enum rc commit_merged(
	struct store *s, const struct segment_list *run, const struct segment_ref *merged, struct err *e)
{
	pthread_mutex_lock(&s->back_mu);
	enum rc rc = db_begin(s->back, e);
	for (size_t i = 0; rc == RC_OK && i < run->n; i++)
		rc = catalogue_delete(s->back, run->items[i]->entry.id, e);
	if (rc == RC_OK)
		rc = catalogue_insert(s->back, &merged->entry, e);
	if (rc == RC_OK)
		rc = db_commit(s->back, e);
	if (rc != RC_OK)
		db_rollback(s->back);
	pthread_mutex_unlock(&s->back_mu);
	return rc;
}

static enum rc write_merged(
	const struct segment_list *run, struct segment_writer *w, struct progress *progress, struct err *e)
{
	struct segment **segments = mem_calloc(run->n, sizeof(*segments));
	if (!segments)
		return err_set(e, RC_NOMEM, "out of memory merging segments");
	for (size_t i = 0; i < run->n; i++)
		segments[i] = run->items[i]->segment;
	enum rc rc = merge_segments(segments, run->n, w, progress, e);
	mem_free(segments);
	return rc;
}

static enum rc merge_run(
	struct store *s, const struct segment_list *run, struct progress *progress, struct err *e)
{
	struct segment_draft d;
	bool committing = false;
	int64_t first_id = run->items[0]->entry.id;
	enum rc rc = draft_new(s, &d, e);
	if (rc == RC_OK)
		rc = write_merged(run, d.writer, progress, e);
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

// One merge if one is called for; *done when not. compact_mu is held.
static enum rc compact_once(
	struct store *s, uint32_t target, struct progress *progress, bool *done, struct err *e)
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
	struct merge_choice c = target ? merge_choose_target(rows, list.n, target) : merge_choose(rows, list.n);
	mem_free(rows);
	*done = c.n == 0;
	if (!*done) {
		narrow(s, &list, c);
		rc = merge_run(s, &list, progress, e);
	}
	segment_list_release(s, &list);
	return rc;
}

enum rc store_compact(struct store *s, uint32_t target, struct progress *progress, struct err *e)
{
	enum rc rc = store_must_write(s, e);
	bool done = false;
	while (rc == RC_OK && !done) {
		pthread_mutex_lock(&s->compact_mu);
		rc = compact_once(s, target, progress, &done, e);
		pthread_mutex_unlock(&s->compact_mu);
	}
	return rc;
}

// --- in the background ---

static bool wait_for_work(struct store *s)
{
	pthread_mutex_lock(&s->mu);
	while (!s->compact_wanted && !atomic_load(&s->closing))
		pthread_cond_wait(&s->wake, &s->mu);
	s->compact_wanted = false;
	pthread_mutex_unlock(&s->mu);
	return !atomic_load(&s->closing);
}

// After a failure nothing is tried until the next seal: the old segments are all there.
static void compactor_main(void *context)
{
	struct store *s = context;
	while (wait_for_work(s)) {
		struct err e = ERR_NONE;
		bool done = false;
		while (!done && e.rc == RC_OK && !atomic_load(&s->closing)) {
			pthread_mutex_lock(&s->compact_mu);
			compact_once(s, 0, NULL, &done, &e);
			pthread_mutex_unlock(&s->compact_mu);
		}
		if (e.rc != RC_OK)
			log_err("journey", &e);
	}
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
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->mu);
	thread_join(&s->compactor);
}
