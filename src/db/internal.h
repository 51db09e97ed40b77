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
};

// A file to be written over by a copy: nothing is set in it, for a page size of its own would refuse the copy's.
enum rc db_open_bare(const char *path, struct db **out, struct err *e);
// Puts SQLite's current error of the connection into e: "<what>: <SQLite's text> (<path>)".
enum rc db_fail(struct db *db, int code, struct err *e, const char *what);

#endif
