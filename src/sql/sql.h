// SPDX-License-Identifier: Apache-2.0
// Read-only SQL over a snapshot: SQLite with the virtual tables of vtab.h and nothing else in it. Statements only read,
// cannot attach or load anything, and can be stopped.
#ifndef CORRIDOR_SQL_SQL_H
#define CORRIDOR_SQL_SQL_H

#include "base/err.h"
#include "base/sv.h"
#include "journey/journey.h"

#include <sqlite3.h>
#include <stdbool.h>

struct sql; // one connection; one thread at a time

struct sql_options {
	struct snapshot *snapshot; // must outlive the connection; one thread's
	int64_t timeout_ms;        // of all statements together, from sql_open; 0: none
	uint64_t memory_bytes;     // a value may be so long; 0: 256 MiB
	// Asked now and then: true stops the statement. May be NULL.
	bool (*cancelled)(void *context);
	void *context;
};

// Promises are judged as of the newest interaction. RC_DB, RC_NOMEM.
enum rc sql_open(const struct sql_options *options, struct sql **out, struct err *e);
// NULL is allowed.
void sql_close(struct sql **s);

// Prepares the statement at *tail (NUL-terminated, in `text`) and moves *tail behind it. *out NULL: only a comment or a
// blank was left. The caller finalizes it before sql_close. RC_USAGE with the place in the text.
enum rc sql_prepare(struct sql *s, struct sv text, const char **tail, sqlite3_stmt **out, struct err *e);
// The next row. RC_USAGE: the statement fails; RC_LIMIT: the time is up; RC_CANCELLED; errors of the store as they are.
enum rc sql_step(struct sql *s, sqlite3_stmt *statement, bool *row, struct err *e);

#endif
