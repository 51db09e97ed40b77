// SPDX-License-Identifier: Apache-2.0
// The relational floor: statements, transactions, read-only connections, migrations, backup, failures.
#include "base/mem.h"
#include "db/db.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
	char dir[64], path[128], copy[128];
};

static void make_path(char *out, size_t size, const char *dir, const char *name)
{
	assert_true((size_t)snprintf(out, size, "%s/%s", dir, name) < size);
}

static int setup(void **state)
{
	struct place *p = mem_calloc(1, sizeof(*p));
	snprintf(p->dir, sizeof(p->dir), "/tmp/corridor-db-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	make_path(p->path, sizeof(p->path), p->dir, "a.db");
	make_path(p->copy, sizeof(p->copy), p->dir, "b.db");
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	static const char *const names[] = {"a.db", "a.db-wal", "a.db-shm", "b.db", "b.db-wal", "b.db-shm"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[128];
		make_path(path, sizeof(path), p->dir, names[i]);
		unlink(path);
	}
	rmdir(p->dir);
	mem_free(p);
	return 0;
}

static const char *const steps[] = {
	"CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c BLOB, d REAL); CREATE INDEX tb ON t(b)",
	"ALTER TABLE t ADD COLUMN e INTEGER DEFAULT 7",
};

static int64_t one(struct db *db, const char *sql)
{
	struct err e = ERR_NONE;
	struct db_stmt *s;
	bool row;
	assert_int_equal(db_prepare(db, sql, &s, &e), RC_OK);
	assert_int_equal(db_step(s, &row, &e), RC_OK);
	assert_true(row);
	int64_t v = db_i64(s, 0);
	db_reset(s);
	return v;
}

static enum rc add(struct db *db, int64_t a, struct sv b, struct sv c, struct err *e)
{
	struct db_stmt *s;
	enum rc rc = db_prepare(db, "INSERT INTO t(a, b, c, d) VALUES(?1, ?2, ?3, ?4)", &s, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(s, 1, a);
	db_bind_text(s, 2, b);
	db_bind_blob(s, 3, c);
	db_bind_double(s, 4, 0.25);
	return db_run(s, e);
}

static struct db *open_migrated(struct place *p)
{
	struct err e = ERR_NONE;
	struct db *db;
	assert_int_equal(db_open(p->path, DB_READ_WRITE, &db, &e), RC_OK);
	assert_int_equal(db_migrate(db, "test", steps, 2, &e), RC_OK);
	return db;
}

static void values_come_back(void **state)
{
	struct err e = ERR_NONE;
	struct db *db = open_migrated(*state);
	assert_int_equal(add(db, 1, SV("x\0y"), SV("\0\1\2"), &e), RC_OK);
	assert_int_equal(db_last_id(db), 1);
	assert_int_equal(add(db, 2, SV_NONE, SV(""), &e), RC_OK);
	struct db_stmt *s;
	bool row;
	assert_int_equal(db_prepare(db, "SELECT a, b, c, d, e FROM t ORDER BY a", &s, &e), RC_OK);
	assert_int_equal(db_step(s, &row, &e), RC_OK);
	assert_true(row && sv_equal(db_text(s, 1), SV("x\0y")) && sv_equal(db_blob(s, 2), SV("\0\1\2")));
	assert_true(db_double(s, 3) == 0.25);
	assert_int_equal(db_i64(s, 4), 7);
	assert_int_equal(db_step(s, &row, &e), RC_OK);
	assert_true(row && db_is_null(s, 1) && db_text(s, 1).ptr == NULL);
	assert_true(db_blob(s, 2).ptr != NULL && db_blob(s, 2).len == 0);
	assert_int_equal(db_step(s, &row, &e), RC_OK);
	assert_false(row);
	assert_int_equal(add(db, 1, SV("again"), SV_NONE, &e), RC_DB);
	assert_non_null(strstr(e.message, "UNIQUE"));
	db_close(&db);
	assert_null(db);
}

static void settings_are_durable_ones(void **state)
{
	struct db *db = open_migrated(*state);
	assert_int_equal(one(db, "PRAGMA synchronous"), 2);
	assert_int_equal(one(db, "PRAGMA foreign_keys"), 1);
	struct err e = ERR_NONE;
	struct db_stmt *s;
	bool row;
	assert_int_equal(db_prepare(db, "PRAGMA journal_mode", &s, &e), RC_OK);
	assert_int_equal(db_step(s, &row, &e), RC_OK);
	assert_true(sv_equal(db_text(s, 0), SV("wal")));
	db_close(&db);
}

static void rollback_undoes(void **state)
{
	struct err e = ERR_NONE;
	struct db *db = open_migrated(*state);
	assert_int_equal(db_begin(db, &e), RC_OK);
	assert_int_equal(add(db, 1, SV("a"), SV_NONE, &e), RC_OK);
	db_rollback(db);
	db_rollback(db);
	assert_int_equal(one(db, "SELECT count(*) FROM t"), 0);
	assert_int_equal(db_begin(db, &e), RC_OK);
	assert_int_equal(add(db, 1, SV("a"), SV_NONE, &e), RC_OK);
	assert_int_equal(db_commit(db, &e), RC_OK);
	assert_int_equal(one(db, "SELECT count(*) FROM t"), 1);
	db_close(&db);
}

// Whose transaction it is, is told by the mutex: taken at the beginning, given back whatever the end.
static void transactions_take_turns(void **state)
{
	struct err e = ERR_NONE;
	pthread_mutex_t turn;
	pthread_mutex_init(&turn, NULL);
	struct db *db = open_migrated(*state), *other;
	assert_int_equal(db_open(db_path(db), DB_READ_WRITE, &other, &e), RC_OK);
	db_take_turns(db, &turn);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(db_begin(db, &e), RC_OK);
		assert_int_equal(pthread_mutex_trylock(&turn), EBUSY);
		assert_int_equal(add(db, 1, SV("a"), SV_NONE, &e), RC_OK);
		if (i == 0)
			db_rollback(db);
		else
			assert_int_equal(db_commit(db, &e), RC_OK);
		db_rollback(db); // nothing runs: nothing to give back
		assert_int_equal(pthread_mutex_trylock(&turn), 0);
		pthread_mutex_unlock(&turn);
	}
	// One that takes no turns is in the way, and does not wait for long.
	sqlite3_busy_timeout(db_native(db), 1);
	assert_int_equal(db_begin(other, &e), RC_OK);
	assert_int_equal(db_begin(db, &e), RC_BUSY);
	assert_int_equal(pthread_mutex_trylock(&turn), 0);
	pthread_mutex_unlock(&turn);
	db_rollback(other);
	db_close(&other);
	db_close(&db);
	pthread_mutex_destroy(&turn);
}

static void reader_cannot_write_and_sees_a_snapshot(void **state)
{
	struct place *p = *state;
	struct err e = ERR_NONE;
	struct db *db = open_migrated(p), *reader;
	assert_int_equal(db_open(p->path, DB_READ_ONLY, &reader, &e), RC_OK);
	static const char *const writes[] = {"INSERT INTO t(a) VALUES(9)", "CREATE TABLE u(a)", "DROP TABLE t",
		"PRAGMA query_only=OFF", "ATTACH '/tmp/x' AS x", "PRAGMA user_version=3", "VACUUM",
		"CREATE TEMP TABLE v(a)", "SELECT load_extension('x')"};
	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
		struct err refused = ERR_NONE;
		assert_int_not_equal(db_exec(reader, writes[i], &refused), RC_OK);
		assert_true(refused.message[0] != '\0');
	}
	assert_int_equal(db_begin(reader, &e), RC_OK);
	assert_int_equal(add(db, 1, SV("a"), SV_NONE, &e), RC_OK);
	assert_int_equal(one(reader, "SELECT count(*) FROM t"), 0);
	assert_int_equal(db_commit(reader, &e), RC_OK);
	assert_int_equal(one(reader, "SELECT count(*) FROM t"), 1);
	db_close(&reader);
	db_close(&db);
	struct err missing = ERR_NONE;
	assert_int_equal(db_open("/nonexistent/x.db", DB_READ_ONLY, &db, &missing), RC_NOT_FOUND);
}

static void what_nobody_changes_needs_nothing_beside_it(void **state)
{
	struct place *p = *state;
	struct err e = ERR_NONE, refused = ERR_NONE, missing = ERR_NONE;
	struct db *db = open_migrated(p);
	struct stat status;
	assert_int_equal(add(db, 1, SV("a"), SV_NONE, &e), RC_OK);
	assert_int_equal(stat(p->path, &status), 0);
	assert_int_equal(status.st_mode & 0007, 0); // not for everybody
	db_close(&db);
	// A name that means something in SQLite's URIs.
	char odd[256], shm[300];
	snprintf(odd, sizeof(odd), "%s-50%%41?mode=memory#x", p->path);
	snprintf(shm, sizeof(shm), "%s-shm", odd);
	assert_int_equal(rename(p->path, odd), 0);
	assert_int_equal(db_open(odd, DB_IMMUTABLE, &db, &e), RC_OK);
	assert_int_equal(db_begin(db, &e), RC_OK);
	assert_int_equal(one(db, "SELECT count(*) FROM t"), 1);
	assert_int_equal(db_commit(db, &e), RC_OK);
	assert_int_not_equal(db_exec(db, "INSERT INTO t(a) VALUES(9)", &refused), RC_OK);
	assert_int_not_equal(access(shm, F_OK), 0);
	db_close(&db);
	assert_int_equal(rename(odd, p->path), 0);
	assert_int_equal(db_open("/nonexistent/x.db", DB_IMMUTABLE, &db, &missing), RC_NOT_FOUND);
}

static void migrations_go_forward_only(void **state)
{
	struct place *p = *state;
	struct err e = ERR_NONE;
	struct db *db, *reader;
	assert_int_equal(db_open(p->path, DB_READ_WRITE, &db, &e), RC_OK);
	assert_int_equal(db_migrate(db, "test", steps, 1, &e), RC_OK);
	assert_int_equal(add(db, 1, SV("a"), SV_NONE, &e), RC_OK);
	assert_int_equal(db_open(p->path, DB_READ_ONLY, &reader, &e), RC_OK);
	struct err older = ERR_NONE, newer = ERR_NONE, broken = ERR_NONE;
	assert_int_equal(db_migrate(reader, "test", steps, 2, &older), RC_VERSION);
	char remedy[256]; // a command that needs no file
	const char *slash = strrchr(p->path, '/');
	snprintf(remedy, sizeof(remedy), "corridor seal --data %.*s,", (int)(slash - p->path), p->path);
	assert_non_null(strstr(older.remedy, remedy));
	assert_int_equal(db_migrate(db, "test", steps, 2, &e), RC_OK);
	assert_int_equal(one(db, "SELECT e FROM t"), 7);
	assert_int_equal(db_migrate(db, "test", steps, 1, &newer), RC_VERSION);
	assert_non_null(strstr(newer.message, "newer"));
	assert_int_equal(db_migrate(reader, "test", steps, 2, &e), RC_OK);
	static const char *const bad[] = {"CREATE TABLE z(a)", "CREATE TABLE z(a)"};
	assert_int_equal(db_migrate(db, "other", bad, 2, &broken), RC_DB);
	assert_int_equal(one(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'z'"), 0);
	db_close(&reader);
	db_close(&db);
}

// Pages as they were before: the copy has them too.
static void backup_of_other_pages_is_whole(void **state)
{
	struct place *p = *state;
	struct err e = ERR_NONE;
	sqlite3 *native;
	assert_int_equal(sqlite3_open(p->path, &native), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(native, "PRAGMA page_size=4096; PRAGMA journal_mode=WAL", NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(native);
	struct db *db = open_migrated(p), *copy;
	assert_int_equal(one(db, "PRAGMA page_size"), 4096);
	assert_int_equal(add(db, 1, SV("abc"), SV_NONE, &e), RC_OK);
	assert_int_equal(db_backup(db, p->copy, &e), RC_OK);
	assert_int_equal(db_open(p->copy, DB_READ_ONLY, &copy, &e), RC_OK);
	assert_int_equal(one(copy, "SELECT count(*) FROM t"), 1);
	db_close(&copy);
	db_close(&db);
}

static void backup_is_whole(void **state)
{
	struct place *p = *state;
	struct err e = ERR_NONE;
	struct db *db = open_migrated(p), *copy;
	for (int64_t i = 0; i < 1000; i++)
		assert_int_equal(add(db, i, SV("abc"), SV("0123456789"), &e), RC_OK);
	assert_int_equal(db_backup(db, p->copy, &e), RC_OK);
	assert_int_equal(add(db, 5000, SV("later"), SV_NONE, &e), RC_OK);
	assert_int_equal(db_open(p->copy, DB_READ_ONLY, &copy, &e), RC_OK);
	assert_int_equal(db_check(copy, &e), RC_OK);
	assert_int_equal(one(copy, "SELECT count(*) FROM t"), 1000);
	db_close(&copy);
	db_close(&db);
}

static void damage_is_reported(void **state)
{
	struct place *p = *state;
	struct err e = ERR_NONE;
	struct db *db = open_migrated(p);
	for (int64_t i = 0; i < 2000; i++)
		assert_int_equal(add(db, i, SV("abcdefgh"), SV("0123456789"), &e), RC_OK);
	db_close(&db);
	FILE *f = fopen(p->path, "r+b");
	assert_non_null(f);
	char junk[3000];
	memset(junk, 0x5a, sizeof(junk));
	fseek(f, 16384 * 3, SEEK_SET); // the beginning of a page of rows
	fwrite(junk, 1, sizeof(junk), f);
	fclose(f);
	assert_int_equal(db_open(p->path, DB_READ_ONLY, &db, &e), RC_OK);
	assert_int_equal(db_check(db, &e), RC_CORRUPT);
	assert_true(e.remedy[0] != '\0');
	db_close(&db);
}

static void every_allocation_may_fail(void **state)
{
	struct place *p = *state;
	struct db *made = open_migrated(p);
	db_close(&made);
	for (uint64_t n = 1;; n++) {
		struct err e = ERR_NONE;
		struct db *db = NULL;
		uint64_t before = mem_count();
		mem_fail_at(n);
		enum rc rc = db_open(p->path, DB_READ_WRITE, &db, &e);
		if (rc == RC_OK)
			rc = add(db, (int64_t)n, SV("a"), SV_NONE, &e);
		mem_fail_at(0);
		bool fired = mem_count() - before >= n;
		db_close(&db);
		assert_int_equal(rc, fired ? RC_NOMEM : RC_OK);
		if (!fired)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(values_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(settings_are_durable_ones, setup, teardown),
		cmocka_unit_test_setup_teardown(rollback_undoes, setup, teardown),
		cmocka_unit_test_setup_teardown(transactions_take_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(reader_cannot_write_and_sees_a_snapshot, setup, teardown),
		cmocka_unit_test_setup_teardown(migrations_go_forward_only, setup, teardown),
		cmocka_unit_test_setup_teardown(what_nobody_changes_needs_nothing_beside_it, setup, teardown),
		cmocka_unit_test_setup_teardown(backup_of_other_pages_is_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(backup_is_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(damage_is_reported, setup, teardown),
		cmocka_unit_test_setup_teardown(every_allocation_may_fail, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
