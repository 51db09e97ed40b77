// SPDX-License-Identifier: Apache-2.0
// The relational store: SQLite now; parts keep their own tables and SQL, this floor knows only how to open,
// prepare, run and migrate.
#ifndef CORRIDOR_DB_DB_H
#define CORRIDOR_DB_DB_H

#include "base/err.h"
#include "base/sv.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct db;
struct db_stmt;

// DB_IMMUTABLE: read-only, of a file that nobody changes as long as it is open and that has no -wal file; needs no
// permission to write beside it.
// DB_ALONE: read-only, of a file that no other process has open meanwhile (RC_BUSY as long as one has, and for others as
// long as this one reads); connections of this process share it. What SQLite keeps in the -shm file is in memory, so that
// nothing need be written; a -wal file is read.
enum db_mode { DB_READ_WRITE, DB_READ_ONLY, DB_IMMUTABLE, DB_ALONE };

// Opens (read-write: creates) the file with WAL, synchronous=FULL, foreign keys, a busy time-out of 10 s.
// Read-only connections cannot write (query_only and the authorizer).
enum rc db_open(const char *path, enum db_mode mode, struct db **out, struct err *e);
// Is there a -wal file beside it that holds something? True also when the system does not say.
bool db_has_wal(const char *path);
void db_close(struct db **db);
// The path that it was opened with.
enum db_mode db_mode_of(const struct db *db);
const char *db_path(const struct db *db);
// The native sqlite3 * (for backup and virtual tables).
void *db_native(struct db *db);

// Runs statements without parameters or results.
enum rc db_exec(struct db *db, const char *sql, struct err *e);
enum rc db_begin(struct db *db, struct err *e); // BEGIN IMMEDIATE (read-only: a read snapshot)
enum rc db_commit(struct db *db, struct err *e);
void db_rollback(struct db *db); // no-op outside a transaction
// Transactions of this connection begin when nobody else's runs that was given the same mutex; the connections of a
// process that write so need not try again and again, as SQLite lets them.
void db_take_turns(struct db *db, pthread_mutex_t *turn);
// Moves what the -wal file holds into the database file, durably, and empties it: the file alone is the database then.
// RC_BUSY: others are reading or writing.
enum rc db_checkpoint(struct db *db, struct err *e);
// The same as far as it goes without anybody waiting for it. RC_BUSY: somebody is at it.
enum rc db_checkpoint_some(struct db *db, struct err *e);
// After each commit of this connection `committed` is told how many pages the -wal file has, and cares for that instead
// of SQLite, which empties it in every commit that finds 1,000 pages. It may use db, but not in a transaction.
void db_on_commit(
	struct db *db, void (*committed)(void *context, struct db *db, uint32_t pages), void *context);

// Prepared statements, cached per connection by the SQL text's address content; reset when fetched again.
enum rc db_prepare(struct db *db, const char *sql, struct db_stmt **out, struct err *e);
void db_bind_i64(struct db_stmt *s, int index, int64_t v); // index from 1
void db_bind_double(struct db_stmt *s, int index, double v);
void db_bind_text(
	struct db_stmt *s, int index, struct sv v); // SV_NONE binds NULL; bytes must live until the step
void db_bind_blob(struct db_stmt *s, int index, struct sv v);
void db_bind_null(struct db_stmt *s, int index);
// Advances: *row true = a row is there, false = done (statement reset).
enum rc db_step(struct db_stmt *s, bool *row, struct err *e);
// Steps a statement that returns no rows, then resets.
enum rc db_run(struct db_stmt *s, struct err *e);
void db_reset(struct db_stmt *s);
int64_t db_i64(struct db_stmt *s, int column); // column from 0
double db_double(struct db_stmt *s, int column);
struct sv db_text(struct db_stmt *s, int column); // valid until the next step; SV_NONE for NULL
struct sv db_blob(struct db_stmt *s, int column);
bool db_is_null(struct db_stmt *s, int column);
int64_t db_last_id(struct db *db);
int64_t db_changes(struct db *db);

// Is a table (NULL: every table, and the schema) as it was written? Reads all of it and compares with the sums that
// db_migrate set up. RC_CORRUPT with the remedy; RC_OK also for an older database, which has no sums.
enum rc db_sums_check(struct db *db, const char *table, struct err *e);

// Migrations: `steps[i]` takes the schema named `part` from version i to i+1; all that are missing run in one
// transaction. RC_VERSION: the database's version of `part` is above n_steps; RC_CORRUPT: there are steps to be run, and
// the tables are not as they were written (db_sums_check). A connection that may write must have gone through this: it
// keeps the checksums of the tables from then on.
enum rc db_migrate(struct db *db, const char *part, const char *const *steps, uint32_t n_steps, struct err *e);

// Online copy to a new file, consistent while others write.
enum rc db_backup(struct db *db, const char *to_path, struct err *e);
// PRAGMA integrity_check; RC_CORRUPT with SQLite's first complaint.
enum rc db_check(struct db *db, struct err *e);

#endif
