// SPDX-License-Identifier: Apache-2.0
// Emptying SQLite's -wal file beside those who commit, for stores that give way.
//
// SQLite copies the pages of the file into the database in whichever commit finds 1,000 of them: some ten milliseconds
// in which nobody else can commit. Here a thread copies them as they come. A commit that finds very many does what is
// left, since only then the file starts again from its beginning: under a load without a pause the thread alone would
// never be done.
#include "base/log.h"
#include "base/pool.h"
#include "journey/store_internal.h"

enum { SOME_PAGES = 256 };

// On whichever thread commits.
static void committed(void *context, struct db *db, uint32_t pages)
{
	struct store *s = context;
	struct err e = ERR_NONE;
	if (pages >= WAL_PAGES_MOST) {
		enum rc rc = db_checkpoint_some(db, &e);
		if (rc != RC_OK && rc != RC_BUSY)
			log_err("journey", &e);
		return;
	}
	pthread_mutex_lock(&s->mu);
	if (pages < s->wal_pages) // it began anew
		s->wal_mark = SOME_PAGES;
	s->wal_pages = pages;
	if (pages >= s->wal_mark) {
		s->wal_mark = pages + SOME_PAGES;
		s->empty_wanted = true;
		pthread_cond_signal(&s->full);
	}
	pthread_mutex_unlock(&s->mu);
}

static bool wait_until_full(struct store *s)
{
	pthread_mutex_lock(&s->mu);
	while (!s->empty_wanted && !s->emptier_ends)
		pthread_cond_wait(&s->full, &s->mu);
	bool wanted = s->empty_wanted && !s->emptier_ends;
	s->empty_wanted = false;
	pthread_mutex_unlock(&s->mu);
	return wanted;
}

// With a connection of its own, so that nobody waits for it.
static void emptier_main(void *context)
{
	struct store *s = context;
	while (wait_until_full(s)) {
		struct err e = ERR_NONE;
		pthread_mutex_lock(&s->wal_mu);
		enum rc rc = db_checkpoint_some(s->wal_db, &e);
		pthread_mutex_unlock(&s->wal_mu);
		if (rc != RC_OK && rc != RC_BUSY)
			log_err("journey", &e);
	}
}

void wal_start(struct store *s)
{
	struct err e = ERR_NONE;
	if (db_open(db_path(s->db), DB_READ_WRITE, &s->wal_db, &e) != RC_OK) {
		log_err("journey", &e);
		return;
	}
	s->emptier = thread_start(emptier_main, s);
	if (!s->emptier) {
		db_close(&s->wal_db);
		return;
	}
	s->wal_mark = SOME_PAGES;
	db_on_commit(s->db, committed, s);
	db_on_commit(s->back, committed, s);
}

void wal_stop(struct store *s)
{
	if (!s->emptier)
		return;
	pthread_mutex_lock(&s->mu);
	s->emptier_ends = true;
	pthread_cond_signal(&s->full);
	pthread_mutex_unlock(&s->mu);
	thread_join(&s->emptier);
	db_close(&s->wal_db);
}
