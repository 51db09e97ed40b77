// SPDX-License-Identifier: Apache-2.0
// Reading the inbox before somebody asks, for stores that give way. What comes in a flood while nobody asks would all be
// read by the first question after it, which would be kept waiting. A thread takes a snapshot once much has come that
// none has shown and little more comes: before, the time is better spent on what comes. It does not give way then: whoever
// asks meanwhile waits for it.
#include "base/log.h"
#include "base/pool.h"
#include "journey/store_internal.h"

enum { MUCH_ROWS = 1 << 14, LITTLE_ROWS = 1 << 10, LOOK_MS = 250 };

static uint64_t not_shown(struct store *s)
{
	uint64_t shown = atomic_load(&s->n_shown); // first: never more than what was appended
	return atomic_load(&s->n_appended) - shown;
}

void fresh_appended(struct store *s, uint64_t n_rows)
{
	uint64_t before = atomic_fetch_add(&s->n_appended, n_rows);
	int64_t unseen = (int64_t)(before - atomic_load(&s->n_shown)); // below 0: a snapshot was quicker
	if (!s->freshener || unseen >= MUCH_ROWS || unseen + (int64_t)n_rows < MUCH_ROWS)
		return;
	pthread_mutex_lock(&s->mu);
	pthread_cond_signal(&s->unseen);
	pthread_mutex_unlock(&s->mu);
}

// Did little come for a while? s->mu is held.
static bool is_calm(struct store *s)
{
	uint64_t before = atomic_load(&s->n_appended);
	const struct timespec until = thread_deadline(LOOK_MS);
	while (!s->freshener_ends)
		if (!thread_wait_until(&s->unseen, &s->mu, &until))
			break;
	return atomic_load(&s->n_appended) - before < LITTLE_ROWS;
}

// False: closing.
static bool wait_for_calm(struct store *s)
{
	bool calm = false;
	pthread_mutex_lock(&s->mu);
	while (!s->freshener_ends && !calm) {
		if (not_shown(s) < MUCH_ROWS)
			pthread_cond_wait(&s->unseen, &s->mu);
		else
			calm = is_calm(s);
	}
	bool ends = s->freshener_ends;
	pthread_mutex_unlock(&s->mu);
	return !ends;
}

// A failure is told to whoever asks as well; nothing is tried again until much more has come.
static void freshener_main(void *context)
{
	struct store *s = context;
	while (wait_for_calm(s)) {
		struct err e = ERR_NONE;
		struct snapshot *sn;
		uint64_t n = atomic_load(&s->n_appended);
		if (not_shown(s) < MUCH_ROWS)
			continue; // somebody asked
		if (snapshot_open(s, &sn, &e) != RC_OK) {
			log_err("journey", &e);
			fresh_shown(s, n);
			continue;
		}
		snapshot_close(&sn);
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
