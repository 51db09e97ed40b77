// SPDX-License-Identifier: Apache-2.0
// Migrations and care of a database: versions of parts' schemas, online backup, integrity check.
//
// Invariant: schema_version(part) says how many of the part's steps have run; it changes in the same transaction
// as the schema itself, so a crash leaves either the old schema and number or the new ones.
#include "db/internal.h"

static enum rc version_of(struct db *db, const char *part, uint32_t *version, struct err *e)
{
	*version = 0;
	struct db_stmt *s;
	bool row;
	enum rc rc = db_prepare(
		db, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_version'", &s, e);
	if (rc == RC_OK)
		rc = db_step(s, &row, e);
	if (rc != RC_OK || !row)
		return rc;
	db_reset(s);
	rc = db_prepare(db, "SELECT version FROM schema_version WHERE part = ?1", &s, e);
	if (rc != RC_OK)
		return rc;
	db_bind_text(s, 1, sv_from(part));
	rc = db_step(s, &row, e);
	if (rc == RC_OK && row)
		*version = (uint32_t)db_i64(s, 0);
	db_reset(s);
	return rc;
}

static enum rc too_new(struct db *db, const char *part, uint32_t version, uint32_t known, struct err *e)
{
	enum rc rc = err_set(e, RC_VERSION, "%s is of a newer format (%s %u; this program knows up to %u)",
		db_path(db), part, version, known);
	err_remedy(e, "use the version of corridor that wrote it, or a newer one");
	return rc;
}

static enum rc run_steps(struct db *db, const char *part, const char *const *steps, uint32_t from,
	uint32_t n_steps, struct err *e)
{
	struct db_stmt *s;
	enum rc rc = db_exec(db,
		"CREATE TABLE IF NOT EXISTS schema_version(part TEXT PRIMARY KEY, version INTEGER NOT NULL) "
		"STRICT",
		e);
	for (uint32_t i = from; rc == RC_OK && i < n_steps; i++)
		rc = db_exec(db, steps[i], e);
	if (rc == RC_OK)
		rc = db_prepare(db,
			"INSERT INTO schema_version(part, version) VALUES(?1, ?2) "
			"ON CONFLICT(part) DO UPDATE SET version = excluded.version",
			&s, e);
	if (rc != RC_OK)
		return rc;
	db_bind_text(s, 1, sv_from(part));
	db_bind_i64(s, 2, n_steps);
	return db_run(s, e);
}

// The remedy is a command that needs no file.
static enum rc too_old(struct db *db, const char *part, uint32_t version, uint32_t n_steps, struct err *e)
{
	const char *path = db_path(db), *slash = strrchr(path, '/');
	int n = slash ? (int)(slash - path) : 1;
	err_set(e, RC_VERSION, "%s is of an older format (%s %u; this program works on %u)", path, part,
		version, n_steps);
	err_remedy(e,
		"run corridor seal --data %.*s, or another command that writes, once to bring it up to date", n,
		slash ? path : ".");
	return RC_VERSION;
}

enum rc db_migrate(struct db *db, const char *part, const char *const *steps, uint32_t n_steps, struct err *e)
{
	uint32_t version;
	bool summed = true;
	enum rc rc = version_of(db, part, &version, e);
	if (rc == RC_OK && db->mode == DB_READ_WRITE)
		rc = sums_exist(db, &summed, e);
	if (rc != RC_OK)
		return rc;
	if (version == n_steps && summed)
		return db->mode == DB_READ_WRITE ? sums_watch(db, e) : RC_OK;
	if (version > n_steps)
		return too_new(db, part, version, n_steps, e);
	if (db->mode != DB_READ_WRITE)
		return too_old(db, part, version, n_steps, e);
	rc = db_begin(db, e);
	if (rc == RC_OK)
		rc = version_of(db, part, &version, e); // another connection may have been faster
	if (rc == RC_OK && version > n_steps)
		rc = too_new(db, part, version, n_steps, e);
	if (rc == RC_OK && summed) // the new sums must not be those of damage
		rc = db_sums_check(db, NULL, e);
	if (rc == RC_OK)
		rc = sums_unwatch(db, e);
	if (rc == RC_OK)
		rc = run_steps(db, part, steps, version, n_steps, e);
	if (rc == RC_OK)
		rc = sums_renew(db, e);
	if (rc == RC_OK)
		rc = sums_watch(db, e);
	if (rc == RC_OK)
		rc = db_commit(db, e);
	if (rc != RC_OK)
		db_rollback(db);
	return rc;
}

enum rc db_backup(struct db *db, const char *to_path, struct err *e)
{
	struct db *to = NULL;
	enum rc rc = db_open_bare(to_path, &to, e);
	if (rc != RC_OK)
		return rc;
	sqlite3_backup *backup = sqlite3_backup_init(to->native, "main", db->native, "main");
	if (!backup) {
		rc = db_fail(to, sqlite3_extended_errcode(to->native), e, "cannot begin the copy");
	} else {
		int code = sqlite3_backup_step(backup, -1);
		int finished = sqlite3_backup_finish(backup);
		if (code != SQLITE_DONE || finished != SQLITE_OK)
			rc = db_fail(to, code != SQLITE_DONE ? code : finished, e, "cannot copy the database");
	}
	db_close(&to);
	return rc;
}

enum rc db_check(struct db *db, struct err *e)
{
	struct db_stmt *s;
	bool row;
	enum rc rc = db_prepare(db, "PRAGMA integrity_check(1)", &s, e);
	if (rc != RC_OK)
		return rc;
	rc = db_step(s, &row, e);
	if (rc == RC_OK && (!row || !sv_equal(db_text(s, 0), SV("ok")))) {
		struct sv text = row ? db_text(s, 0) : SV_NONE;
		rc = err_set(e, RC_CORRUPT, "%s is damaged: %.*s", db_path(db), SV_ARG(text));
		err_remedy(e, "restore the data directory from a backup");
	}
	db_reset(s);
	return rc;
}
