// SPDX-License-Identifier: Apache-2.0
// The checksums of tables: they follow every change that this program makes, and find every other one. The other
// changes are made as no damaged disk could make them more cunningly: by SQLite itself, on a connection without our
// triggers, so that every page is in order.
#include "base/mem.h"
#include "db/db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct place {
	char dir[64], path[128], sound[128];
};

static const char *const steps[] = {
	"CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c BLOB, d REAL); CREATE INDEX tb ON t(b);"
	"CREATE TABLE u(id INTEGER PRIMARY KEY AUTOINCREMENT, x, y) ",
	"ALTER TABLE t ADD COLUMN e INTEGER DEFAULT 7",
};
static const char *const other_steps[] = {"CREATE TABLE v(z)"};

static int setup(void **state)
{
	struct place *p = mem_calloc(1, sizeof(*p));
	snprintf(p->dir, sizeof(p->dir), "/tmp/corridor-sums-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/a.db", p->dir);
	snprintf(p->sound, sizeof(p->sound), "%s/sound.db", p->dir);
	*state = p;
	return 0;
}

static void remove_files(const char *path)
{
	static const char *const endings[] = {"", "-wal", "-shm"};
	for (size_t i = 0; i < 3; i++) {
		char name[160];
		snprintf(name, sizeof(name), "%s%s", path, endings[i]);
		unlink(name);
	}
}

static int teardown(void **state)
{
	struct place *p = *state;
	remove_files(p->path);
	remove_files(p->sound);
	rmdir(p->dir);
	mem_free(p);
	return 0;
}

static struct db *open_migrated(const char *path)
{
	struct err e = ERR_NONE;
	struct db *db;
	assert_int_equal(db_open(path, DB_READ_WRITE, &db, &e), RC_OK);
	assert_int_equal(db_migrate(db, "test", steps, 2, &e), RC_OK);
	return db;
}

static void run(struct db *db, const char *sql)
{
	struct err e = ERR_NONE;
	if (db_exec(db, sql, &e) != RC_OK)
		fail_msg("%s: %s", sql, e.message);
}

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

static void check_sound(struct db *db, const char *after)
{
	static const char *const tables[] = {"t", "u", NULL};
	for (size_t i = 0; i < 3; i++) {
		struct err e = ERR_NONE;
		if (db_sums_check(db, tables[i], &e) != RC_OK)
			fail_msg("%s: %s", after, e.message);
	}
}

static void they_follow_every_change(void **state)
{
	struct place *p = *state;
	struct err refused = ERR_NONE;
	struct db *db[2] = {open_migrated(p->path), open_migrated(p->path)};
	static const char *const changes[] = {
		"INSERT INTO t(a, b, c, d) VALUES(1, 'one', x'00ff', 0.5), (2, NULL, x'', -0.0), (3, '', NULL, "
		"3)",
		"INSERT INTO u(x, y) VALUES(1, 'one'), (1.0, x'01'), (NULL, -9223372036854775807), ('', "
		"'\xc3\xa9')",
		"UPDATE t SET b = 'two' WHERE a = 2",
		"UPDATE t SET a = a + 10",
		"UPDATE u SET x = y, y = x",
		"INSERT OR REPLACE INTO t(a, b) VALUES(11, 'again')",
		"INSERT INTO t(a, b) VALUES(11, 'x') ON CONFLICT(a) DO UPDATE SET b = excluded.b, e = e + 1",
		"INSERT OR IGNORE INTO t(a, b) VALUES(11, 'y')",
		"UPDATE OR REPLACE t SET a = 12 WHERE a = 13",
		"DELETE FROM u WHERE id = 4",
		"BEGIN; DELETE FROM u; INSERT INTO u(x) VALUES(7); ROLLBACK",
		"BEGIN; SAVEPOINT s; DELETE FROM t; ROLLBACK TO s; INSERT INTO t(b) VALUES(zeroblob(70000)); "
		"COMMIT",
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"
		" INSERT INTO u(x, y) SELECT i, i * 0.1 FROM n",
		"DELETE FROM u WHERE id % 3 = 0",
		"DELETE FROM t",
		"DELETE FROM u",
		"INSERT INTO u(x) VALUES('after all')",
	};
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		run(db[i % 2], changes[i]);
		check_sound(db[(i + 1) % 2], changes[i]);
		assert_int_equal(one(db[0], "SELECT n FROM checksum WHERE name = 'u'"),
			one(db[0], "SELECT count(*) FROM u"));
		assert_int_equal(one(db[0], "SELECT n FROM checksum WHERE name = 't'"),
			one(db[0], "SELECT count(*) FROM t"));
	}
	assert_int_equal(one(db[0], "SELECT top FROM checksum WHERE name = 'u'"), 1005); // also what is gone
	assert_int_equal(db_exec(db[0], "INSERT INTO t(a) VALUES(1), (1)", &refused), RC_DB);
	check_sound(db[0], "a statement that failed half way");
	db_close(&db[1]);
	db_close(&db[0]);
	struct db *reader;
	struct err e = ERR_NONE;
	assert_int_equal(db_open(p->path, DB_READ_ONLY, &reader, &e), RC_OK);
	check_sound(reader, "reading");
	db_close(&reader);
}

// The sum is of the rows, whichever way they came; and of all that is in them.
static void equal_tables_have_equal_sums(void **state)
{
	struct place *p = *state;
	struct db *a = open_migrated(p->path), *b = open_migrated(p->sound);
	run(a, "INSERT INTO t(a, b, c) VALUES(1, 'x', x'0102'), (2, 'y', NULL), (3, 'z', x'03')");
	run(b, "INSERT INTO t(a, b, c) VALUES(9, 'z', x'03'), (2, 'w', NULL); DELETE FROM t WHERE a = 2;"
	       "INSERT INTO t(a, b) VALUES(2, 'y'); UPDATE t SET a = 3 WHERE a = 9;"
	       "INSERT INTO t(a, b, c) VALUES(1, 'x', x'0102')");
	static const char sum[] = "SELECT sum FROM checksum WHERE name = 't'";
	int64_t same = one(a, sum);
	assert_int_equal(same, one(b, sum));
	// From one field into the next, another type, another sign: all other sums.
	static const char *const others[] = {"UPDATE t SET b = 'xx', c = x'02' WHERE a = 1",
		"UPDATE t SET b = 'x', c = CAST(x'0102' AS TEXT) WHERE a = 1", "UPDATE t SET d = 0 WHERE a = 2",
		"UPDATE t SET d = NULL, e = NULL WHERE a = 2", "UPDATE t SET e = x'' WHERE a = 2",
		"UPDATE t SET e = '' WHERE a = 2"};
	int64_t seen[sizeof(others) / sizeof(others[0])];
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		run(b, others[i]);
		seen[i] = one(b, sum);
		assert_int_not_equal(seen[i], same);
		for (size_t k = 0; k < i; k++)
			if (seen[k] == seen[i])
				fail_msg("%s: the sum of %s", others[i], others[k]);
	}
	db_close(&a);
	db_close(&b);
}

// --- changes by others ---

static void copy_file(const char *from, const char *to)
{
	static char bytes[1 << 20];
	remove_files(to);
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
	assert_true(in && out);
	size_t n = fread(bytes, 1, sizeof(bytes), in);
	assert_true(n > 0 && n < sizeof(bytes));
	assert_int_equal(fwrite(bytes, 1, n, out), n);
	fclose(in);
	assert_int_equal(fclose(out), 0);
}

static void tamper(const char *path, const char *sql)
{
	sqlite3 *native;
	char *why = NULL;
	assert_int_equal(sqlite3_open(path, &native), SQLITE_OK);
	if (sqlite3_exec(native, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
	sqlite3_close(native);
}

static void make_sound(struct place *p)
{
	struct db *db = open_migrated(p->sound);
	run(db, "INSERT INTO t(a, b, c, d) VALUES(1, 'one', x'0011223344', 0.5), (2, 'two', x'', 2), (3, NULL, "
		"NULL, 1)");
	run(db, "INSERT INTO u(x, y) VALUES(1, 'p'), (2, 'q'), (3, 'r')");
	check_sound(db, "nothing");
	db_close(&db);
}

static enum rc check_copy(const struct place *p, const char *table, struct err *e)
{
	struct db *db;
	assert_int_equal(db_open(p->path, DB_READ_ONLY, &db, e), RC_OK);
	enum rc rc = db_sums_check(db, table, e);
	db_close(&db);
	return rc;
}

static void every_other_change_is_found(void **state)
{
	struct place *p = *state;
	static const char *const changes[] = {
		"UPDATE t SET b = 'onf' WHERE a = 1",
		"UPDATE t SET b = 'one ' WHERE a = 1",
		"UPDATE t SET b = NULL WHERE a = 1",
		"UPDATE t SET b = '' WHERE a = 3",
		"UPDATE t SET d = 0.5000000000000001 WHERE a = 1",
		"UPDATE t SET e = 8 WHERE a = 2",
		"UPDATE t SET a = 4 WHERE a = 3",
		"UPDATE u SET x = CASE id WHEN 1 THEN 2 WHEN 2 THEN 1 ELSE 3 END", // two rows change places
		"UPDATE u SET x = 1.0 WHERE id = 1",
		"UPDATE u SET x = '1' WHERE id = 1",
		"UPDATE u SET y = x'70' WHERE id = 1",
		"DELETE FROM u WHERE id = 3",
		"DELETE FROM u",
		"INSERT INTO u(x, y) VALUES(4, 's')",
		"INSERT INTO u(id, x, y) VALUES(0, NULL, NULL)",
		"UPDATE sqlite_sequence SET seq = 2 WHERE name = 'u'", // ids would be given again
		"UPDATE sqlite_sequence SET seq = 4 WHERE name = 'u'",
		"UPDATE sqlite_sequence SET name = 'w' WHERE name = 'u'",
		"DELETE FROM sqlite_sequence",
		"UPDATE schema_version SET version = 1 WHERE part = 'test'",
		"UPDATE checksum SET n = n + 1 WHERE name = 't'",
		"UPDATE checksum SET sum = sum + 1 WHERE name = 't'",
		"UPDATE checksum SET top = top - 1 WHERE name = 'u'",
		"UPDATE checksum SET sum = sum + 1 WHERE name = 'sqlite_schema'",
		"UPDATE checksum SET name = 'w' WHERE name = 'u'",
		"DELETE FROM checksum WHERE name = 't'",
		"DELETE FROM checksum WHERE name = 'sqlite_schema'",
		"DELETE FROM checksum",
		"DROP TABLE checksum",
		"DELETE FROM schema_version WHERE part = 'checksum'",
		"DROP INDEX tb",
		"DROP TABLE u",
		"ALTER TABLE t RENAME COLUMN e TO f",
		"CREATE TRIGGER bad AFTER INSERT ON t BEGIN DELETE FROM u; END",
	};
	make_sound(p);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct err e = ERR_NONE;
		copy_file(p->sound, p->path);
		tamper(p->path, changes[i]);
		if (check_copy(p, NULL, &e) != RC_CORRUPT)
			fail_msg("%s: not found", changes[i]);
		assert_true(e.message[0] && e.remedy[0]);
	}
	// Of the table that is asked for, and of no other.
	struct err e = ERR_NONE;
	copy_file(p->sound, p->path);
	tamper(p->path, "UPDATE t SET e = 8");
	assert_int_equal(check_copy(p, "u", &e), RC_OK);
	assert_int_equal(check_copy(p, "t", &e), RC_CORRUPT);
	assert_non_null(strstr(e.message, "table t "));
}

static void every_bit_of_a_value_counts(void **state)
{
	struct place *p = *state;
	make_sound(p);
	for (unsigned bit = 0; bit < 5 * 8; bit++) {
		struct err e = ERR_NONE;
		char sql[80];
		uint64_t value = UINT64_C(0x0011223344) ^ UINT64_C(1) << bit;
		snprintf(
			sql, sizeof(sql), "UPDATE t SET c = x'%010llx' WHERE a = 1", (unsigned long long)value);
		copy_file(p->sound, p->path);
		tamper(p->path, sql);
		assert_int_equal(check_copy(p, "t", &e), RC_CORRUPT);
	}
}

// A new table, or a new column, makes new sums of all: what is wrong by then must not be taken for right.
static void a_migration_does_not_hide_damage(void **state)
{
	struct place *p = *state;
	make_sound(p);
	for (int other = 0; other < 2; other++) {
		struct err e = ERR_NONE;
		struct db *db;
		copy_file(p->sound, p->path);
		assert_int_equal(db_open(p->path, DB_READ_WRITE, &db, &e), RC_OK);
		assert_int_equal(db_migrate(db, "other", other_steps, 1, &e), RC_OK);
		assert_int_equal(db_sums_check(db, NULL, &e), RC_OK);
		db_close(&db);
		copy_file(p->sound, p->path);
		tamper(p->path, other ? "UPDATE u SET x = 5 WHERE id = 1" : "DELETE FROM t WHERE a = 2");
		assert_int_equal(db_open(p->path, DB_READ_WRITE, &db, &e), RC_OK);
		assert_int_equal(db_migrate(db, "other", other_steps, 1, &e), RC_CORRUPT);
		assert_non_null(strstr(e.message, other ? "table u " : "table t "));
		assert_int_equal(one(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'v'"), 0);
		db_close(&db);
		struct err still = ERR_NONE;
		assert_int_equal(check_copy(p, NULL, &still), RC_CORRUPT);
	}
}

// Of a version before the sums: in order until a writer comes, summed from then on.
static void an_older_database_gets_them(void **state)
{
	struct place *p = *state;
	struct err e = ERR_NONE;
	tamper(p->path,
		"PRAGMA journal_mode=WAL;"
		"CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c BLOB, d REAL); CREATE INDEX tb ON t(b);"
		"CREATE TABLE u(id INTEGER PRIMARY KEY AUTOINCREMENT, x, y);"
		"CREATE TABLE schema_version(part TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT;"
		"INSERT INTO schema_version VALUES('test', 1); INSERT INTO t(a, b) VALUES(5, 'five')");
	assert_int_equal(check_copy(p, NULL, &e), RC_OK);
	struct db *db = open_migrated(p->path);
	check_sound(db, "older");
	assert_int_equal(one(db, "SELECT e FROM t"), 7);
	db_close(&db);
	tamper(p->path, "UPDATE t SET b = 'six'");
	assert_int_equal(check_copy(p, NULL, &e), RC_CORRUPT);
}

static void every_allocation_may_fail(void **state)
{
	struct place *p = *state;
	make_sound(p);
	for (uint64_t n = 1;; n++) {
		struct err e = ERR_NONE;
		struct db *db = NULL;
		copy_file(p->sound, p->path);
		uint64_t before = mem_count();
		mem_fail_at(n);
		enum rc rc = db_open(p->path, DB_READ_WRITE, &db, &e);
		if (rc == RC_OK)
			rc = db_migrate(db, "other", other_steps, 1, &e);
		if (rc == RC_OK)
			rc = db_exec(db, "UPDATE u SET x = x + 1", &e);
		if (rc == RC_OK)
			rc = db_sums_check(db, NULL, &e);
		mem_fail_at(0);
		bool fired = mem_count() - before >= n;
		db_close(&db);
		assert_int_equal(rc, fired ? RC_NOMEM : RC_OK);
		struct err after = ERR_NONE;
		assert_int_equal(check_copy(p, NULL, &after), RC_OK);
		if (!fired)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(they_follow_every_change, setup, teardown),
		cmocka_unit_test_setup_teardown(equal_tables_have_equal_sums, setup, teardown),
		cmocka_unit_test_setup_teardown(every_other_change_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(every_bit_of_a_value_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(a_migration_does_not_hide_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(an_older_database_gets_them, setup, teardown),
		cmocka_unit_test_setup_teardown(every_allocation_may_fail, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
