// SPDX-License-Identifier: Apache-2.0
// Checksums of what tables hold. SQLite finds most damage to its pages, but not a changed value: a flipped bit in a
// name, a number or a bitmap reads as another one. So the table `checksum` has for each table how many rows it has,
// the sum of all rows' XXH3 and the highest rowid ever; and for the schema the sum of its entries.
//
// Invariants:
//  1. Triggers of each writing connection change a table's sums with its rows, in the same transaction. They are TEMP
//     triggers, since they need a function that only this program has.
//  2. Whoever changes the schema (db_migrate) computes all sums anew in the same transaction.
//  3. Both the row "checksum" of schema_version and the table itself are there, or neither is: an older database,
//     which has no sums until it is opened for writing. One change of a byte cannot take away both.
#include "base/buf.h"
#include "base/hash.h"
#include "db/internal.h"

#include <stdio.h>
#include <string.h>

enum { SQL_MAX = 1 << 16, NAME_MAX_BYTES = 128 };

static const char tables_sql[] =
	"SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' "
	"AND name <> 'checksum' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name";

static const char summed_sql[] = "SELECT name FROM checksum WHERE name <> 'sqlite_schema' ORDER BY name";

// The entries of the schema that belong to tables with sums.
#define SCHEMA_ENTRIES                                                                                         \
	"FROM main.sqlite_schema WHERE tbl_name = 'checksum' OR tbl_name IN (SELECT name FROM checksum)"

// --- the functions ---

// Type, length and bytes of each value; integers and reals as their 8 bytes.
static bool hash_values(int n, sqlite3_value **values, uint64_t *out)
{
	uint64_t hash = 0;
	for (int i = 0; i < n; i++) {
		struct {
			uint64_t type, length;
			int64_t integer;
			double real;
		} head = {.type = (uint64_t)sqlite3_value_type(values[i])};
		const void *bytes = NULL;
		if (head.type == SQLITE_INTEGER)
			head.integer = sqlite3_value_int64(values[i]);
		else if (head.type == SQLITE_FLOAT)
			head.real = sqlite3_value_double(values[i]);
		else if (head.type != SQLITE_NULL) {
			bytes = sqlite3_value_blob(values[i]);
			head.length = (uint64_t)sqlite3_value_bytes(values[i]);
			if (head.length && !bytes)
				return false; // out of memory
		}
		hash = hash64_seed(&head, sizeof(head), hash);
		if (bytes && head.length)
			hash = hash64_seed(bytes, (size_t)head.length, hash);
	}
	*out = hash;
	return true;
}

// corridor_sum(sum, sign, values…): sum + sign × hash, modulo 2^64.
static void sum_function(sqlite3_context *context, int n, sqlite3_value **values)
{
	uint64_t sum = (uint64_t)sqlite3_value_int64(values[0]), hash;
	if (!hash_values(n - 2, values + 2, &hash)) {
		sqlite3_result_error_nomem(context);
		return;
	}
	sqlite3_result_int64(context, (int64_t)(sqlite3_value_int64(values[1]) < 0 ? sum - hash : sum + hash));
}

// corridor_total(values…): the sum over all rows.
static void total_step(sqlite3_context *context, int n, sqlite3_value **values)
{
	uint64_t *sum = sqlite3_aggregate_context(context, sizeof(*sum)), hash;
	if (sum && hash_values(n, values, &hash))
		*sum += hash;
	else
		sqlite3_result_error_nomem(context);
}

static void total_final(sqlite3_context *context)
{
	uint64_t *sum = sqlite3_aggregate_context(context, 0);
	sqlite3_result_int64(context, sum ? (int64_t)*sum : 0);
}

int sums_functions(sqlite3 *native)
{
	int code = sqlite3_create_function_v2(native, "corridor_sum", -1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
		NULL, sum_function, NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_create_function_v2(native, "corridor_total", -1,
			SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, NULL, total_step, total_final, NULL);
	return code;
}

// --- a table's columns as SQL ---

// "<prefix>rowid, <prefix>column, …" of a table.
static enum rc put_columns(struct db *db, const char *table, const char *prefix, struct buf *out, struct err *e)
{
	char sql[NAME_MAX_BYTES + 32];
	struct db_stmt *s;
	bool row = false;
	snprintf(sql, sizeof(sql), "PRAGMA main.table_info(\"%s\")", table);
	enum rc rc = db_prepare(db, sql, &s, e);
	if (rc != RC_OK)
		return rc;
	buf_printf(out, "%srowid", prefix);
	while ((rc = db_step(s, &row, e)) == RC_OK && row) {
		struct sv name = db_text(s, 1);
		buf_printf(out, ", %s\"%.*s\"", prefix, SV_ARG(name));
	}
	db_reset(s);
	return rc;
}

static enum rc run_buf(struct db *db, struct buf *sql, enum rc rc, struct err *e)
{
	if (rc == RC_OK) {
		buf_put(sql, "", 1);
		rc = buf_check(sql, e, "statement");
	}
	if (rc == RC_OK)
		rc = db_exec(db, (const char *)sql->data, e);
	buf_free(sql);
	return rc;
}

// --- keeping them ---

static enum rc add_trigger(struct db *db, const char *table, const char *event, struct err *e)
{
	bool in = *event != 'D', out = *event != 'I';
	struct buf sql = buf_new(SQL_MAX);
	buf_printf(&sql,
		"CREATE TEMP TRIGGER IF NOT EXISTS \"sum_%s_%s\" AFTER %s ON main.\"%s\" BEGIN UPDATE checksum "
		"SET ",
		event, table, event, table);
	if (in != out)
		buf_printf(&sql, "n = n %c 1, ", in ? '+' : '-');
	if (in)
		buf_str(&sql, "top = max(top, NEW.rowid), ");
	buf_printf(&sql, "sum = %s", in ? "corridor_sum(" : "");
	buf_str(&sql, out ? "corridor_sum(sum, -1, " : "sum");
	enum rc rc = out ? put_columns(db, table, "OLD.", &sql, e) : RC_OK;
	buf_str(&sql, out && in ? ")" : "");
	buf_str(&sql, in ? ", 1, " : "");
	if (rc == RC_OK && in)
		rc = put_columns(db, table, "NEW.", &sql, e);
	buf_printf(&sql, ") WHERE name = '%s'; END", table);
	return run_buf(db, &sql, rc, e);
}

static enum rc add_sums(struct db *db, const char *table, struct err *e)
{
	struct buf sql = buf_new(SQL_MAX);
	buf_printf(
		&sql, "INSERT INTO checksum(name, n, sum, top) SELECT '%s', count(*), corridor_total(", table);
	enum rc rc = put_columns(db, table, "", &sql, e);
	buf_printf(&sql,
		"), max(coalesce(max(rowid), 0), coalesce((SELECT seq FROM sqlite_sequence WHERE name = '%s'), "
		"0)) "
		"FROM main.\"%s\" NOT INDEXED",
		table, table);
	return run_buf(db, &sql, rc, e);
}

// Calls f for each table; the list is read first, since f changes things.
static enum rc each_table(struct db *db, const char *list_sql,
	enum rc (*f)(struct db *db, const char *table, struct err *e), struct err *e)
{
	struct buf names = buf_new(SQL_MAX);
	struct db_stmt *s;
	bool row = false;
	enum rc rc = db_prepare(db, list_sql, &s, e);
	while (rc == RC_OK && (rc = db_step(s, &row, e)) == RC_OK && row) {
		struct sv name = db_text(s, 0);
		if (name.len == 0 || name.len >= NAME_MAX_BYTES || memchr(name.ptr, '"', name.len) ||
			memchr(name.ptr, '\'', name.len) || memchr(name.ptr, 0, name.len))
			rc = err_set(e, RC_CORRUPT, "%s has a table with a strange name", db_path(db));
		buf_sv(&names, name);
		buf_put(&names, "", 1);
	}
	if (rc == RC_OK)
		rc = buf_check(&names, e, "list of tables");
	for (size_t at = 0; rc == RC_OK && at < names.len; at += strlen((const char *)names.data + at) + 1)
		rc = f(db, (const char *)names.data + at, e);
	buf_free(&names);
	return rc;
}

static enum rc add_triggers(struct db *db, const char *table, struct err *e)
{
	enum rc rc = add_trigger(db, table, "INSERT", e);
	if (rc == RC_OK)
		rc = add_trigger(db, table, "UPDATE", e);
	return rc == RC_OK ? add_trigger(db, table, "DELETE", e) : rc;
}

enum rc sums_watch(struct db *db, struct err *e)
{
	return each_table(db, tables_sql, add_triggers, e);
}

static enum rc drop_triggers(struct db *db, const char *table, struct err *e)
{
	static const char *const events[] = {"INSERT", "UPDATE", "DELETE"};
	enum rc rc = RC_OK;
	for (size_t i = 0; rc == RC_OK && i < sizeof(events) / sizeof(events[0]); i++) {
		struct buf sql = buf_new(SQL_MAX);
		buf_printf(&sql, "DROP TRIGGER IF EXISTS temp.\"sum_%s_%s\"", events[i], table);
		rc = run_buf(db, &sql, rc, e);
	}
	return rc;
}

enum rc sums_unwatch(struct db *db, struct err *e)
{
	return each_table(db, tables_sql, drop_triggers, e);
}

enum rc sums_renew(struct db *db, struct err *e)
{
	// The table of sequences is there once a table needs it; this one makes sure of it.
	enum rc rc = db_exec(db,
		"CREATE TABLE IF NOT EXISTS checksum(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL "
		"UNIQUE,"
		" n INTEGER NOT NULL, sum INTEGER NOT NULL, top INTEGER NOT NULL) STRICT;"
		"DELETE FROM checksum;"
		"INSERT INTO schema_version(part, version) VALUES('checksum', 1) ON CONFLICT(part) DO NOTHING",
		e);
	if (rc == RC_OK)
		rc = each_table(db, tables_sql, add_sums, e);
	if (rc == RC_OK)
		rc = db_exec(db,
			"INSERT INTO checksum(name, n, sum, top) SELECT 'sqlite_schema', count(*), "
			"corridor_total(type, name, tbl_name, sql), 0 " SCHEMA_ENTRIES,
			e);
	return rc;
}

// --- checking them ---

static enum rc there(struct db *db, const char *sql, bool *yes, struct err *e)
{
	struct db_stmt *s;
	enum rc rc = db_prepare(db, sql, &s, e);
	*yes = false;
	if (rc == RC_OK)
		rc = db_step(s, yes, e);
	if (rc == RC_OK && *yes)
		db_reset(s);
	return rc;
}

enum rc sums_exist(struct db *db, bool *yes, struct err *e)
{
	bool table = false, version = false, any = false;
	*yes = false;
	enum rc rc = there(
		db, "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = 'checksum'", &table, e);
	if (rc == RC_OK)
		rc = there(db,
			"SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = 'schema_version'",
			&any, e);
	if (rc == RC_OK && any)
		rc = there(db, "SELECT 1 FROM schema_version WHERE part = 'checksum'", &version, e);
	if (rc == RC_OK && table != version) {
		rc = err_set(e, RC_CORRUPT, "%s is damaged: the table of checksums is lost", db_path(db));
		err_remedy(e, "restore the data directory from a backup");
	}
	*yes = table;
	return rc;
}

static enum rc damaged(struct db *db, const char *table, struct err *e)
{
	enum rc rc = err_set(
		e, RC_CORRUPT, "%s is damaged: the table %s is not as it was written", db_path(db), table);
	err_remedy(e, "restore the data directory from a backup");
	return rc;
}

// One statement, so that all of it is of one moment.
static enum rc compare(struct db *db, struct buf *sql, const char *table, enum rc rc, struct err *e)
{
	struct db_stmt *s;
	bool row = false;
	buf_put(sql, "", 1);
	if (rc == RC_OK)
		rc = buf_check(sql, e, "statement");
	if (rc == RC_OK)
		rc = db_prepare(db, (const char *)sql->data, &s, e);
	if (rc == RC_OK)
		rc = db_step(s, &row, e);
	if (rc == RC_OK && (!row || db_i64(s, 0) != 1))
		rc = damaged(db, table, e);
	if (row)
		db_reset(s);
	buf_free(sql);
	return rc;
}

// Of a table with AUTOINCREMENT the highest rowid ever is what SQLite's own table of sequences says, and without an
// entry there rowids would be given again.
static enum rc check_table(struct db *db, const char *table, struct err *e)
{
	struct buf sql = buf_new(SQL_MAX);
	buf_printf(&sql,
		"SELECT count(*) = 1 AND min(c.n = t.n AND c.sum = t.sum AND c.top >= t.top AND "
		"c.top = coalesce((SELECT seq FROM sqlite_sequence WHERE name = '%s'), "
		"(SELECT 0 FROM main.sqlite_schema WHERE name = '%s' AND sql LIKE '%%AUTOINCREMENT%%'), "
		"c.top)) "
		"FROM checksum c, (SELECT count(*) AS n, corridor_total(",
		table, table);
	enum rc rc = put_columns(db, table, "", &sql, e);
	buf_printf(&sql,
		") AS sum, coalesce(max(rowid), 0) AS top FROM main.\"%s\" NOT INDEXED) t WHERE c.name = '%s'",
		table, table);
	return compare(db, &sql, table, rc, e);
}

static enum rc check_schema(struct db *db, struct err *e)
{
	struct buf sql = buf_new(SQL_MAX);
	buf_str(&sql, "SELECT count(*) = 1 AND min(c.n = t.n AND c.sum = t.sum) FROM checksum c, (SELECT "
		      "count(*) AS n, "
		      "corridor_total(type, name, tbl_name, sql) AS sum " SCHEMA_ENTRIES
		      ") t WHERE c.name = 'sqlite_schema'");
	return compare(db, &sql, "of the schema", RC_OK, e);
}

enum rc db_sums_check(struct db *db, const char *table, struct err *e)
{
	bool exist;
	enum rc rc = sums_exist(db, &exist, e);
	if (rc != RC_OK || !exist)
		return rc;
	if (table)
		return check_table(db, table, e);
	rc = check_schema(db, e);
	return rc == RC_OK ? each_table(db, summed_sql, check_table, e) : rc;
}
