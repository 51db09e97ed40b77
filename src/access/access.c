// SPDX-License-Identifier: Apache-2.0
// The access database: opening, its tables, changes as transactions, and what has to be done from time to time.
#include "access/internal.h"

#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { ACCESS_MAGIC = 0x61636331, PATH_BYTES = 4096, SESSIONS_CACHED = 8192 };

// Step i takes the schema from version i to i + 1. Never change a step that was released: add one.
// link.user is NULL for the token of the first administrator. The audit trail can only grow.
static const char *const schema[] = {
	"CREATE TABLE user(id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT NOT NULL, fold TEXT NOT NULL "
	"UNIQUE,"
	" name TEXT NOT NULL, role TEXT NOT NULL, password TEXT NOT NULL, made_ms INTEGER NOT NULL,"
	" password_ms INTEGER NOT NULL, signed_in_ms INTEGER NOT NULL, disabled INTEGER NOT NULL) STRICT;"
	"CREATE TABLE user_department(id INTEGER PRIMARY KEY, user INTEGER NOT NULL REFERENCES user,"
	" department TEXT NOT NULL, UNIQUE(user, department)) STRICT;"
	"CREATE TABLE session(id INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE,"
	" user INTEGER NOT NULL REFERENCES user, way INTEGER NOT NULL, made_ms INTEGER NOT NULL,"
	" seen_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, address TEXT NOT NULL,"
	" agent TEXT NOT NULL) STRICT;"
	"CREATE INDEX session_user ON session(user);"
	"CREATE TABLE link(id INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE,"
	" user INTEGER REFERENCES user, made_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL) STRICT;"
	"CREATE TABLE key(id INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE, kind INTEGER NOT "
	"NULL,"
	" prefix TEXT NOT NULL, name TEXT NOT NULL, source TEXT NOT NULL, origins TEXT NOT NULL,"
	" rights TEXT NOT NULL, made_ms INTEGER NOT NULL, made_by TEXT NOT NULL, expires_ms INTEGER NOT NULL,"
	" revoked_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL) STRICT;"
	"CREATE TABLE throttle(id INTEGER PRIMARY KEY, subject BLOB NOT NULL UNIQUE, n INTEGER NOT NULL,"
	" last_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL) STRICT;"
	"CREATE TABLE audit(id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, user INTEGER NOT "
	"NULL,"
	" who TEXT NOT NULL, address TEXT NOT NULL, act TEXT NOT NULL, object TEXT NOT NULL,"
	" detail TEXT NOT NULL) STRICT;"
	"CREATE TRIGGER audit_update BEFORE UPDATE ON audit"
	" BEGIN SELECT RAISE(ABORT, 'the audit trail can only grow'); END;"
	"CREATE TRIGGER audit_delete BEFORE DELETE ON audit"
	" BEGIN SELECT RAISE(ABORT, 'the audit trail can only grow'); END",
	"CREATE TABLE board(id INTEGER PRIMARY KEY AUTOINCREMENT, made_ms INTEGER NOT NULL, title TEXT NOT "
	"NULL,"
	" tiles TEXT NOT NULL, who TEXT NOT NULL) STRICT;"
	"CREATE TABLE share(id INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE,"
	" made_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, path TEXT NOT NULL, title TEXT NOT NULL,"
	" who TEXT NOT NULL) STRICT",
	"CREATE TABLE hook(id INTEGER PRIMARY KEY AUTOINCREMENT, revision INTEGER NOT NULL,"
	" name TEXT NOT NULL UNIQUE, mapping TEXT NOT NULL, style TEXT NOT NULL, header TEXT NOT NULL,"
	" secret TEXT NOT NULL, old_secret TEXT NOT NULL, window_s INTEGER NOT NULL, enabled INTEGER NOT NULL,"
	" made_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL, made_by TEXT NOT NULL) STRICT",
	"ALTER TABLE hook ADD COLUMN program TEXT NOT NULL DEFAULT ''",
	"ALTER TABLE key ADD COLUMN links_email INTEGER NOT NULL DEFAULT 0",
};

int64_t access_now(const struct access *a)
{
	return a->clock->now_ms(a->clock);
}

// --- statements ---

static void bind_all(struct db_stmt *s, const char *format, va_list args)
{
	for (int i = 1; *format; format++, i++) {
		if (*format == 'i')
			db_bind_i64(s, i, va_arg(args, int64_t));
		else if (*format == 't')
			db_bind_text(s, i, va_arg(args, struct sv));
		else
			db_bind_blob(s, i, va_arg(args, struct sv));
	}
}

enum rc run_sql(struct db *db, struct err *e, const char *sql, const char *format, ...)
{
	struct db_stmt *s;
	va_list args;
	enum rc rc = db_prepare(db, sql, &s, e);
	if (rc != RC_OK)
		return rc;
	va_start(args, format);
	bind_all(s, format, args);
	va_end(args);
	return db_run(s, e);
}

enum rc ask_sql(
	struct db *db, struct db_stmt **s, bool *row, struct err *e, const char *sql, const char *format, ...)
{
	va_list args;
	*row = false;
	enum rc rc = db_prepare(db, sql, s, e);
	if (rc != RC_OK)
		return rc;
	va_start(args, format);
	bind_all(*s, format, args);
	va_end(args);
	return db_step(*s, row, e);
}

// --- changes ---

enum rc change_begin(struct access *a, struct err *e)
{
	assert(a->magic == ACCESS_MAGIC);
	pthread_mutex_lock(&a->db_mu);
	enum rc rc = db_begin(a->db, e);
	if (rc != RC_OK)
		pthread_mutex_unlock(&a->db_mu);
	return rc;
}

enum rc change_end(struct access *a, enum rc rc, bool reload, struct err *e)
{
	struct access_view *fresh = NULL;
	if (rc == RC_OK && reload)
		rc = view_read(a, a->view, &fresh, e);
	if (rc == RC_OK)
		rc = db_commit(a->db, e);
	if (rc != RC_OK) {
		db_rollback(a->db);
		view_free(&fresh);
	} else if (fresh) {
		view_swap(a, fresh);
	}
	pthread_mutex_unlock(&a->db_mu);
	return rc;
}

// --- opening ---

static enum rc path_of(const char *dir, const char *name, char out[PATH_BYTES], struct err *e)
{
	int n = snprintf(out, PATH_BYTES, "%s/%s", dir, name);
	if (n < 0 || n >= PATH_BYTES)
		return err_set(e, RC_LIMIT, "the path of the data directory is too long");
	return RC_OK;
}

// The file gets its mode before SQLite makes it; -wal and -shm follow it.
static enum rc make_private(const char *path, struct err *e)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno != EEXIST)
		return err_errno(e, RC_IO, errno, "cannot create %s", path);
	if (fd >= 0)
		close(fd);
	else if (access(path, R_OK | W_OK) != 0) {
		enum rc rc = err_errno(e, RC_IO, errno, "cannot open %s", path);
		err_remedy(e, "run as the owner of the data directory");
		return rc;
	}
	return RC_OK;
}

static enum rc open_database(const char *dir, struct db **db, struct err *e)
{
	char path[PATH_BYTES], store[PATH_BYTES];
	enum rc rc = path_of(dir, "access.db", path, e);
	if (rc == RC_OK)
		rc = path_of(dir, "corridor.db", store, e);
	if (rc == RC_OK && access(store, F_OK) != 0) {
		rc = err_set(e, RC_NOT_FOUND, "%s is not a data directory (there is no %s)", dir, store);
		err_remedy(e, "make one with: corridor init --data %s --design FILE", dir);
	}
	if (rc == RC_OK)
		rc = make_private(path, e);
	if (rc == RC_OK)
		rc = db_open(path, DB_READ_WRITE, db, e);
	return rc == RC_OK ? db_migrate(*db, "access", schema, sizeof(schema) / sizeof(schema[0]), e) : rc;
}

// Changes when another connection has committed something.
static enum rc read_data_version(struct access *a, int64_t *out, struct err *e)
{
	struct db_stmt *s;
	bool row;
	enum rc rc = ask_sql(a->db, &s, &row, e, "PRAGMA data_version", "");
	if (rc == RC_OK && row) {
		*out = db_i64(s, 0);
		db_reset(s);
	}
	return rc;
}

// Everything that is kept in memory, of one moment (a transaction is open).
static enum rc load(struct access *a, struct err *e)
{
	struct access_view *fresh = NULL;
	enum rc rc = view_read(a, a->view, &fresh, e);
	if (rc == RC_OK) {
		view_swap(a, fresh);
		rc = sessions_load(a, e);
	}
	return rc;
}

static enum rc load_first(struct access *a, struct err *e)
{
	enum rc rc = db_begin(a->db, e);
	if (rc == RC_OK)
		rc = load(a, e);
	if (rc == RC_OK)
		rc = throttle_load(a->throttle, a->db, e);
	db_rollback(a->db); // nothing was written
	return rc == RC_OK ? read_data_version(a, &a->data_version, e) : rc;
}

enum rc access_open(const char *dir, const struct access_options *options, struct access **out, struct err *e)
{
	*out = NULL;
	if (sodium_init() < 0)
		return err_set(e, RC_IO, "libsodium finds no source of random numbers");
	struct access *a = mem_calloc(1, sizeof(*a));
	if (!a)
		return err_set(e, RC_NOMEM, "out of memory opening the access database");
	a->magic = ACCESS_MAGIC;
	if (options)
		a->options = *options;
	a->clock = a->options.clock ? a->options.clock : clock_system();
	if (!a->options.session_idle_ms)
		a->options.session_idle_ms = 12 * HOUR_MS;
	if (!a->options.session_longest_ms)
		a->options.session_longest_ms = (int64_t)7 * DAY_MS;
	if (!a->options.sessions_cached)
		a->options.sessions_cached = SESSIONS_CACHED;
	pthread_mutex_init(&a->db_mu, NULL);
	pthread_mutex_init(&a->view_mu, NULL);
	gate_init(&a->gate);
	a->cache = cache_new(a->options.sessions_cached);
	a->throttle = throttle_new(a->clock);
	enum rc rc = a->cache && a->throttle
			     ? RC_OK
			     : err_set(e, RC_NOMEM, "out of memory opening the access database");
	if (rc == RC_OK)
		rc = open_database(dir, &a->db, e);
	if (rc == RC_OK)
		rc = load_first(a, e);
	if (rc != RC_OK)
		access_close(&a);
	*out = a;
	return rc;
}

void access_close(struct access **access)
{
	struct access *a = *access;
	if (!a)
		return;
	assert(a->magic == ACCESS_MAGIC);
	struct err e = ERR_NONE;
	a->closing = true;
	if (a->db && a->view && access_tend(a, &e) != RC_OK)
		log_err("access", &e);
	view_free(&a->view);
	cache_free(&a->cache);
	throttle_free(&a->throttle);
	db_close(&a->db);
	gate_destroy(&a->gate);
	pthread_mutex_destroy(&a->view_mu);
	pthread_mutex_destroy(&a->db_mu);
	a->magic = 0;
	mem_free(a);
	*access = NULL;
}

// --- from time to time ---

// Takes over what another process has committed. db_mu is held.
static enum rc catch_up(struct access *a, struct err *e)
{
	int64_t version = 0;
	enum rc rc = read_data_version(a, &version, e);
	if (rc != RC_OK || version == a->data_version)
		return rc;
	rc = db_begin(a->db, e);
	if (rc == RC_OK)
		rc = load(a, e);
	db_rollback(a->db);
	// The number from before the reading: what was committed in between is found the next time.
	if (rc == RC_OK)
		a->data_version = version;
	return rc;
}

static enum rc expired(struct access *a, bool *any, struct err *e)
{
	struct db_stmt *s;
	int64_t now = access_now(a);
	enum rc rc = ask_sql(a->db, &s, any, e,
		"SELECT 1 WHERE EXISTS(SELECT 1 FROM session WHERE expires_ms <= ?1 OR seen_ms <= ?2) OR "
		"EXISTS(SELECT 1 FROM link WHERE expires_ms <= ?1) OR "
		"EXISTS(SELECT 1 FROM throttle WHERE until_ms <= ?1 AND last_ms <= ?3)",
		"iii", now, now - a->options.session_idle_ms - HOUR_MS, now - DAY_MS);
	if (rc == RC_OK && *any)
		db_reset(s);
	return rc;
}

static enum rc remove_expired(struct access *a, struct err *e)
{
	int64_t now = access_now(a);
	// An hour later than they end: the time of the last use may not have been saved.
	enum rc rc = run_sql(a->db, e, "DELETE FROM session WHERE expires_ms <= ?1 OR seen_ms <= ?2", "ii", now,
		now - a->options.session_idle_ms - HOUR_MS);
	if (rc == RC_OK)
		rc = run_sql(a->db, e, "DELETE FROM link WHERE expires_ms <= ?1", "i", now);
	if (rc == RC_OK)
		rc = run_sql(a->db, e, "DELETE FROM throttle WHERE until_ms <= ?1 AND last_ms <= ?2", "ii", now,
			now - DAY_MS);
	return rc;
}

enum rc access_tend(struct access *a, struct err *e)
{
	assert(a->magic == ACCESS_MAGIC);
	bool any = false;
	pthread_mutex_lock(&a->db_mu);
	enum rc rc = sessions_save(a, e); // first: catching up reads the sessions anew
	if (rc == RC_OK)
		rc = catch_up(a, e);
	if (rc == RC_OK)
		rc = expired(a, &any, e);
	any |= view_has_unsaved(a) || throttle_has_unsaved(a->throttle);
	if (rc == RC_OK && any) {
		rc = db_begin(a->db, e);
		if (rc == RC_OK)
			rc = remove_expired(a, e);
		if (rc == RC_OK)
			rc = view_save_uses(a, e);
		if (rc == RC_OK)
			rc = throttle_save(a->throttle, a->db, e);
		if (rc == RC_OK)
			rc = db_commit(a->db, e);
		if (rc != RC_OK)
			db_rollback(a->db);
	}
	pthread_mutex_unlock(&a->db_mu);
	return rc;
}
