// SPDX-License-Identifier: Apache-2.0
// What the files of db/ share.
#ifndef CORRIDOR_DB_INTERNAL_H
#define CORRIDOR_DB_INTERNAL_H

#include "db/db.h"

#include <sqlite3.h>

struct db_stmt {
	struct db *db;
	sqlite3_stmt *native;
	char *sql;
	uint64_t hash;
	int bind_rc; // the first failed bind, reported by the next step
};

struct db {
	uint32_t magic;
	sqlite3 *native;
	char *path;
	enum db_mode mode;
	struct db_stmt **stmts;
	size_t n_stmts, stmts_capacity;
	void (*committed)(void *context, struct db *db, uint32_t pages); // with db_on_commit
	void *committed_context;
	uint32_t pages;        // of the -wal file after a commit, until `committed` is told; 0: it knows
	pthread_mutex_t *turn; // with db_take_turns
	bool has_turn;
};

// A file to be written over by a copy: nothing is set in it, for a page size of its own would refuse the copy's.
enum rc db_open_bare(const char *path, struct db **out, struct err *e);
// --- sums.c ---

// Gives a connection the functions that the sums need. SQLite's result code.
int sums_functions(sqlite3 *native);
// From now on this connection's changes of any table change its sums; no longer. What fails there fails here.
enum rc sums_watch(struct db *db, struct err *e);
enum rc sums_unwatch(struct db *db, struct err *e);
// Computes all sums, in the caller's transaction.
enum rc sums_renew(struct db *db, struct err *e);
// Does the database have sums? RC_CORRUPT: it had.
enum rc sums_exist(struct db *db, bool *yes, struct err *e);

// Puts SQLite's current error of the connection into e: "<what>: <SQLite's text> (<path>)".
enum rc db_fail(struct db *db, int code, struct err *e, const char *what);

#endif
