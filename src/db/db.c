// SPDX-License-Identifier: Apache-2.0
// One SQLite connection: opening, statements, transactions.
//
// Invariants:
//  1. A connection is used by one thread at a time (SQLite's own mutex guards against misuse, not against mixing
//     two threads' transactions).
//  2. A cached statement that is not being stepped is reset and holds no read lock.
//  3. A read-only connection cannot change the file: query_only refuses it in the engine, and the authorizer
//     refuses to compile it in the first place.
#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "db/internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { DB_MAGIC = 0x64625f31, BUSY_TIMEOUT_MS = 10000 };

// What a primary result code of SQLite means to us.
static const struct {
	int code;
	enum rc rc;
	const char *remedy;
} meanings[] = {
	{SQLITE_BUSY, RC_BUSY, "another process is writing; try again when it is done"},
	{SQLITE_LOCKED, RC_BUSY, "another process is writing; try again when it is done"},
	{SQLITE_NOMEM, RC_NOMEM, NULL},
	{SQLITE_CORRUPT, RC_CORRUPT, "restore the data directory from a backup"},
	{SQLITE_NOTADB, RC_CORRUPT, "restore the data directory from a backup"},
	{SQLITE_FULL, RC_IO, NULL},
	{SQLITE_IOERR, RC_IO, NULL},
	{SQLITE_CANTOPEN, RC_IO, "check that the file is there and its permissions"},
	{SQLITE_READONLY, RC_IO, "check the permissions of the file and of its directory"},
	{SQLITE_INTERRUPT, RC_CANCELLED, NULL},
	{SQLITE_TOOBIG, RC_LIMIT, NULL},
};

// SQLite says of most calls that fail on a full disk only that they failed.
static bool no_space_left(struct db *db, int code)
{
	int primary = code & 0xff;
	if (primary == SQLITE_FULL)
		return true;
	if ((primary != SQLITE_IOERR && primary != SQLITE_CANTOPEN) || !db || !db->native)
		return false;
	int errnum = sqlite3_system_errno(db->native);
	return errnum == ENOSPC || errnum == EDQUOT;
}

static enum rc fail_full(const struct db *db, struct err *e, const char *what)
{
	struct statvfs fs;
	char room[48] = "";
	if (db && statvfs(db->path, &fs) == 0)
		snprintf(room, sizeof(room), ", %.1f MiB are free",
			(double)fs.f_bavail * (double)fs.f_frsize / (1024.0 * 1024.0));
	enum rc rc = err_set(e, RC_IO, "%s: the disk is full%s (%s)", what, room, db ? db->path : "database");
	err_remedy(e, "free some space, or make the file system larger, and do the same again");
	return rc;
}

enum rc db_fail(struct db *db, int code, struct err *e, const char *what)
{
	if (no_space_left(db, code))
		return fail_full(db, e, what);
	enum rc rc = RC_DB;
	const char *remedy = NULL;
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (meanings[i].code == (code & 0xff)) {
			rc = meanings[i].rc;
			remedy = meanings[i].remedy;
		}
	const char *text = db && db->native && (sqlite3_errcode(db->native) & 0xff) == (code & 0xff)
				   ? sqlite3_errmsg(db->native)
				   : sqlite3_errstr(code);
	rc = err_set(e, rc, "%s: %s (%s)", what, text, db ? db->path : "database");
	if (remedy)
		err_remedy(e, "%s", remedy);
	return rc;
}

// PRAGMAs that only read; the argument of the others would change something.
static bool pragma_reads(const char *name, const char *argument)
{
	static const char *const readers[] = {"table_info", "table_xinfo", "table_list", "index_list",
		"index_info", "index_xinfo", "foreign_key_list", "foreign_key_check", "integrity_check",
		"quick_check"};
	if (!argument)
		return strcmp(name, "incremental_vacuum") != 0 && strcmp(name, "optimize") != 0 &&
		       strcmp(name, "wal_checkpoint") != 0;
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
		if (strcmp(name, readers[i]) == 0)
			return true;
	return false;
}

static int authorize_reading(void *context, int action, const char *first, const char *second,
	const char *schema, const char *trigger)
{
	(void)context;
	(void)schema;
	(void)trigger;
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE:
	case SQLITE_TRANSACTION:
	case SQLITE_SAVEPOINT:
		return SQLITE_OK;
	case SQLITE_FUNCTION:
		return second && strcmp(second, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
	case SQLITE_PRAGMA:
		return first && pragma_reads(first, second) ? SQLITE_OK : SQLITE_DENY;
	default:
		return SQLITE_DENY;
	}
}

static enum rc configure(struct db *db, struct err *e)
{
	// Batches are large values: large pages make them cheaper to write. Of a file that exists they cannot change.
	// What is deleted is written over where that costs no further page; Debian's SQLite would write every page of it
	// once more.
	static const char writing[] =
		"PRAGMA page_size=16384; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;"
		"PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY;"
		"PRAGMA recursive_triggers=ON; PRAGMA secure_delete=FAST;";
	static const char reading[] = "PRAGMA foreign_keys=ON; PRAGMA query_only=ON;";
	sqlite3_extended_result_codes(db->native, 1);
	sqlite3_busy_timeout(db->native, BUSY_TIMEOUT_MS);
	sqlite3_db_config(db->native, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	int code = sums_functions(db->native);
	if (code != SQLITE_OK)
		return db_fail(db, code, e, "cannot open the database");
	enum rc rc = db_exec(db, db->mode == DB_READ_WRITE ? writing : reading, e);
	if (rc == RC_OK && db->mode != DB_READ_WRITE)
		sqlite3_set_authorizer(db->native, authorize_reading, NULL);
	return rc;
}

// The file's own mode, before SQLite makes it for everybody to read; -wal and -shm follow it.
static void make_private(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd >= 0)
		close(fd);
}

// SQLite's name of a file that does not change.
static enum rc immutable_uri(const char *path, struct buf *uri)
{
	buf_str(uri, "file:");
	for (; *path; path++) {
		if (strchr("%?#", *path))
			buf_printf(uri, "%%%02x", (unsigned char)*path);
		else
			buf_put(uri, path, 1);
	}
	buf_put(uri, "?immutable=1", sizeof("?immutable=1"));
	return uri->rc;
}

static int open_native(struct db *db)
{
	if (db->mode == DB_IMMUTABLE) {
		struct buf uri = buf_new(64u << 10);
		int code = SQLITE_NOMEM;
		if (immutable_uri(db->path, &uri) == RC_OK)
			code = sqlite3_open_v2((const char *)uri.data, &db->native,
				SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
		buf_free(&uri);
		return code;
	}
	if (db->mode == DB_READ_WRITE)
		make_private(db->path);
	// Also a reader opens read-write where it may: it needs the -shm file of a WAL database.
	int flags = SQLITE_OPEN_FULLMUTEX | SQLITE_OPEN_READWRITE;
	return sqlite3_open_v2(db->path, &db->native,
		flags | (db->mode == DB_READ_WRITE ? SQLITE_OPEN_CREATE : 0),
		db->mode == DB_ALONE ? "unix-excl" : NULL);
}

static enum rc open_as(const char *path, enum db_mode mode, bool bare, struct db **out, struct err *e)
{
	*out = NULL;
	size_t len = strlen(path);
	struct db *db = mem_calloc(1, sizeof(*db));
	char *copy = mem_alloc(len + 1);
	if (!db || !copy) {
		mem_free(db);
		mem_free(copy);
		return err_set(e, RC_NOMEM, "out of memory opening %s", path);
	}
	memcpy(copy, path, len + 1);
	*db = (struct db){.magic = DB_MAGIC, .path = copy, .mode = mode};
	enum rc rc = RC_OK;
	int code = open_native(db);
	if (code != SQLITE_OK) {
		if (code == SQLITE_CANTOPEN && mode != DB_READ_WRITE)
			rc = err_set(e, RC_NOT_FOUND, "cannot open %s", path);
		else
			rc = db_fail(db, code, e, "cannot open the database");
		goto out;
	}
	if (!bare)
		rc = configure(db, e);
out:
	if (rc != RC_OK)
		db_close(&db);
	*out = db;
	return rc;
}

enum rc db_open(const char *path, enum db_mode mode, struct db **out, struct err *e)
{
	return open_as(path, mode, false, out, e);
}

bool db_has_wal(const char *path)
{
	struct buf name = buf_new(64u << 10);
	struct stat st;
	buf_str(&name, path);
	buf_put(&name, "-wal", sizeof("-wal"));
	bool none = name.rc == RC_OK &&
		    (stat((const char *)name.data, &st) == 0 ? st.st_size == 0 : errno == ENOENT);
	buf_free(&name);
	return !none;
}

enum rc db_open_bare(const char *path, struct db **out, struct err *e)
{
	return open_as(path, DB_READ_WRITE, true, out, e);
}

void db_close(struct db **db)
{
	if (!db || !*db)
		return;
	struct db *d = *db;
	assert(d->magic == DB_MAGIC);
	for (size_t i = 0; i < d->n_stmts; i++) {
		sqlite3_finalize(d->stmts[i]->native);
		mem_free(d->stmts[i]->sql);
		mem_free(d->stmts[i]);
	}
	mem_free(d->stmts);
	sqlite3_close_v2(d->native);
	mem_free(d->path);
	d->magic = 0;
	mem_free(d);
	*db = NULL;
}

enum db_mode db_mode_of(const struct db *db)
{
	return db->mode;
}

const char *db_path(const struct db *db)
{
	return db->path;
}

void *db_native(struct db *db)
{
	return db->native;
}

enum rc db_exec(struct db *db, const char *sql, struct err *e)
{
	assert(db->magic == DB_MAGIC);
	int code = sqlite3_exec(db->native, sql, NULL, NULL, NULL);
	return code == SQLITE_OK ? RC_OK : db_fail(db, code, e, "database statement failed");
}

void db_take_turns(struct db *db, pthread_mutex_t *turn)
{
	db->turn = turn;
}

static void end_turn(struct db *db)
{
	if (db->has_turn)
		pthread_mutex_unlock(db->turn);
	db->has_turn = false;
}

static void tell_committed(struct db *db)
{
	uint32_t pages = db->pages;
	db->pages = 0;
	if (pages)
		db->committed(db->committed_context, db, pages);
}

enum rc db_begin(struct db *db, struct err *e)
{
	// A deferred transaction takes its snapshot with the first read, so a read is part of beginning.
	if (db->mode != DB_READ_WRITE) {
		enum rc rc = db_exec(db, "BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1", e);
		if (rc != RC_OK)
			db_rollback(db);
		return rc;
	}
	if (db->turn)
		pthread_mutex_lock(db->turn);
	db->has_turn = db->turn != NULL;
	enum rc rc = db_exec(db, "BEGIN IMMEDIATE", e);
	if (rc != RC_OK)
		end_turn(db);
	return rc;
}

enum rc db_commit(struct db *db, struct err *e)
{
	enum rc rc = db_exec(db, "COMMIT", e);
	if (rc == RC_OK)
		end_turn(db);
	tell_committed(db);
	return rc;
}

void db_rollback(struct db *db)
{
	assert(db->magic == DB_MAGIC);
	for (size_t i = 0; i < db->n_stmts; i++)
		sqlite3_reset(db->stmts[i]->native);
	if (!sqlite3_get_autocommit(db->native))
		sqlite3_exec(db->native, "ROLLBACK", NULL, NULL, NULL);
	end_turn(db);
}

enum rc db_checkpoint(struct db *db, struct err *e)
{
	assert(db->magic == DB_MAGIC);
	int code = sqlite3_wal_checkpoint_v2(db->native, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	return code == SQLITE_OK ? RC_OK : db_fail(db, code, e, "cannot empty the -wal file");
}

enum rc db_checkpoint_some(struct db *db, struct err *e)
{
	assert(db->magic == DB_MAGIC);
	int code = sqlite3_wal_checkpoint_v2(db->native, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return code == SQLITE_OK ? RC_OK : db_fail(db, code, e, "cannot empty the -wal file");
}

static int wal_hook(void *context, sqlite3 *native, const char *schema, int pages)
{
	(void)native;
	struct db *db = context;
	if (strcmp(schema, "main") != 0)
		return SQLITE_OK;
	db->pages = (uint32_t)pages;
	if (!db->has_turn) // others do not wait for what is done about it
		tell_committed(db);
	return SQLITE_OK;
}

void db_on_commit(struct db *db, void (*committed)(void *context, struct db *db, uint32_t pages), void *context)
{
	assert(db->magic == DB_MAGIC);
	db->committed = committed;
	db->committed_context = context;
	sqlite3_wal_hook(db->native, wal_hook, db);
}

static struct db_stmt *stmt_new(struct db *db, const char *sql, uint64_t hash)
{
	if (mem_grow((void **)&db->stmts, &db->stmts_capacity, db->n_stmts + 1, sizeof(struct db_stmt *)) != 0)
		return NULL;
	size_t len = strlen(sql);
	struct db_stmt *s = mem_calloc(1, sizeof(*s));
	char *copy = mem_alloc(len + 1);
	if (!s || !copy) {
		mem_free(s);
		mem_free(copy);
		return NULL;
	}
	memcpy(copy, sql, len + 1);
	*s = (struct db_stmt){.db = db, .sql = copy, .hash = hash};
	return s;
}

enum rc db_prepare(struct db *db, const char *sql, struct db_stmt **out, struct err *e)
{
	assert(db->magic == DB_MAGIC);
	*out = NULL;
	uint64_t hash = hash64(sql, strlen(sql));
	for (size_t i = 0; i < db->n_stmts; i++) {
		struct db_stmt *s = db->stmts[i];
		if (s->hash == hash && strcmp(s->sql, sql) == 0) {
			db_reset(s);
			sqlite3_clear_bindings(s->native);
			*out = s;
			return RC_OK;
		}
	}
	struct db_stmt *s = stmt_new(db, sql, hash);
	if (!s)
		return err_set(e, RC_NOMEM, "out of memory preparing a statement");
	int code = sqlite3_prepare_v3(db->native, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->native, NULL);
	if (code != SQLITE_OK) {
		enum rc rc = db_fail(db, code, e, "cannot prepare a database statement");
		mem_free(s->sql);
		mem_free(s);
		return rc;
	}
	db->stmts[db->n_stmts++] = s;
	*out = s;
	return RC_OK;
}

static void bound(struct db_stmt *s, int code)
{
	if (code != SQLITE_OK && s->bind_rc == SQLITE_OK)
		s->bind_rc = code;
}

void db_bind_i64(struct db_stmt *s, int index, int64_t v)
{
	bound(s, sqlite3_bind_int64(s->native, index, v));
}

void db_bind_double(struct db_stmt *s, int index, double v)
{
	bound(s, sqlite3_bind_double(s->native, index, v));
}

void db_bind_text(struct db_stmt *s, int index, struct sv v)
{
	if (v.ptr)
		bound(s, sqlite3_bind_text64(s->native, index, v.ptr, v.len, SQLITE_STATIC, SQLITE_UTF8));
	else
		db_bind_null(s, index);
}

void db_bind_blob(struct db_stmt *s, int index, struct sv v)
{
	if (v.ptr)
		bound(s, sqlite3_bind_blob64(s->native, index, v.ptr, v.len, SQLITE_STATIC));
	else
		db_bind_null(s, index);
}

void db_bind_null(struct db_stmt *s, int index)
{
	bound(s, sqlite3_bind_null(s->native, index));
}

enum rc db_step(struct db_stmt *s, bool *row, struct err *e)
{
	*row = false;
	int code = s->bind_rc != SQLITE_OK ? s->bind_rc : sqlite3_step(s->native);
	if (code == SQLITE_ROW) {
		*row = true;
		return RC_OK;
	}
	enum rc rc = code == SQLITE_DONE ? RC_OK : db_fail(s->db, code, e, "database statement failed");
	db_reset(s);
	return rc;
}

enum rc db_run(struct db_stmt *s, struct err *e)
{
	bool row;
	enum rc rc = db_step(s, &row, e);
	db_reset(s);
	return rc;
}

void db_reset(struct db_stmt *s)
{
	sqlite3_reset(s->native);
	s->bind_rc = SQLITE_OK;
}

int64_t db_i64(struct db_stmt *s, int column)
{
	return sqlite3_column_int64(s->native, column);
}

double db_double(struct db_stmt *s, int column)
{
	return sqlite3_column_double(s->native, column);
}

struct sv db_text(struct db_stmt *s, int column)
{
	const char *text = (const char *)sqlite3_column_text(s->native, column);
	return text ? (struct sv){text, (size_t)sqlite3_column_bytes(s->native, column)} : SV_NONE;
}

struct sv db_blob(struct db_stmt *s, int column)
{
	if (db_is_null(s, column))
		return SV_NONE;
	const char *bytes = sqlite3_column_blob(s->native, column); // NULL for a blob of no bytes
	return (struct sv){bytes ? bytes : "", (size_t)sqlite3_column_bytes(s->native, column)};
}

bool db_is_null(struct db_stmt *s, int column)
{
	return sqlite3_column_type(s->native, column) == SQLITE_NULL;
}

int64_t db_last_id(struct db *db)
{
	return sqlite3_last_insert_rowid(db->native);
}

int64_t db_changes(struct db *db)
{
	return sqlite3_changes64(db->native);
}
