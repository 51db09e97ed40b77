// SPDX-License-Identifier: Apache-2.0
// The tables of listen in corridor.db: which files were imported with which mapping, and the quarantine.
//
// Invariants:
//  1. A row of `import` and the quarantine rows that it adds are written in the transaction that stores the
//     interactions of the same rows: each row of a file is in the store or in the quarantine, never in both or
//     neither.
//  2. Header and dialect are kept with the file, so that a quarantined row can be read without the file.
#include "listen/import.h"

#include "base/hash.h"

static const char *const migrations[] = {
	"CREATE TABLE import_mapping("
	" id INTEGER PRIMARY KEY, hash INTEGER NOT NULL UNIQUE, text BLOB NOT NULL) STRICT;"
	"CREATE TABLE import("
	" id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, path TEXT NOT NULL, file TEXT NOT NULL,"
	" head_hash INTEGER NOT NULL, mapping INTEGER NOT NULL REFERENCES import_mapping(id), map_name TEXT "
	"NOT NULL,"
	" format INTEGER NOT NULL, delimiter INTEGER NOT NULL, quote INTEGER NOT NULL, eol INTEGER NOT NULL,"
	" n_columns INTEGER NOT NULL, header BLOB,"
	" bytes INTEGER NOT NULL, n_rows INTEGER NOT NULL, n_mapped_rows INTEGER NOT NULL,"
	" n_empty_rows INTEGER NOT NULL, n_quarantined INTEGER NOT NULL, n_interactions INTEGER NOT NULL,"
	" n_duplicates INTEGER NOT NULL, elapsed_ms INTEGER NOT NULL, finished INTEGER NOT NULL) STRICT;"
	"CREATE TABLE quarantine("
	" id INTEGER PRIMARY KEY AUTOINCREMENT, import INTEGER NOT NULL REFERENCES import(id),"
	" at_ms INTEGER NOT NULL, line INTEGER NOT NULL, number INTEGER NOT NULL, raw_hash INTEGER NOT NULL,"
	" kind TEXT NOT NULL, reason TEXT NOT NULL, raw BLOB NOT NULL) STRICT;"
	"CREATE INDEX quarantine_raw ON quarantine(raw_hash, line);"
	"CREATE INDEX quarantine_import ON quarantine(import);",
	// Rows are counted by file and reason without looking at them.
	"CREATE INDEX quarantine_kind ON quarantine(import, kind);"
	"DROP INDEX quarantine_import;",
};

enum rc import_tables(struct db *db, struct err *e)
{
	return db_migrate(db, "listen", migrations, sizeof(migrations) / sizeof(migrations[0]), e);
}

enum rc import_tables_exist(struct db *db, bool *exist, struct err *e)
{
	struct db_stmt *s;
	enum rc rc = db_prepare(
		db, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'quarantine'", &s, e);
	*exist = false;
	if (rc == RC_OK)
		rc = db_step(s, exist, e);
	if (rc == RC_OK)
		db_reset(s);
	return rc;
}

static enum rc mapping_save(struct db *db, struct sv text, int64_t *id, struct err *e)
{
	struct db_stmt *s;
	bool row = false;
	int64_t hash = (int64_t)hash64(text.ptr, text.len);
	enum rc rc = db_prepare(db, "INSERT OR IGNORE INTO import_mapping(hash, text) VALUES(?1, ?2)", &s, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(s, 1, hash);
	db_bind_blob(s, 2, text);
	rc = db_run(s, e);
	if (rc == RC_OK)
		rc = db_prepare(db, "SELECT id FROM import_mapping WHERE hash = ?1", &s, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(s, 1, hash);
	rc = db_step(s, &row, e);
	*id = row ? db_i64(s, 0) : 0;
	db_reset(s);
	return rc;
}

static enum rc file_insert(struct db *db, struct import_file *f, struct err *e)
{
	struct db_stmt *s;
	const struct csv_head *h = f->head;
	enum rc rc = mapping_save(db, f->map_text, &f->mapping_id, e);
	if (rc == RC_OK)
		rc = db_prepare(db,
			"INSERT INTO import(at_ms, path, file, head_hash, mapping, map_name, format, "
			"delimiter, quote, eol,"
			" n_columns, header, bytes, n_rows, n_mapped_rows, n_empty_rows, n_quarantined, "
			"n_interactions,"
			" n_duplicates, elapsed_ms, finished)"
			" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
			&s, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(s, 1, f->at_ms);
	db_bind_text(s, 2, sv_from(f->path));
	db_bind_text(s, 3, sv_from(f->name));
	db_bind_i64(s, 4, (int64_t)f->head_hash);
	db_bind_i64(s, 5, f->mapping_id);
	db_bind_text(s, 6, sv_from(f->map_name));
	db_bind_i64(s, 7, f->format);
	db_bind_i64(s, 8, (unsigned char)h->dialect.delimiter);
	db_bind_i64(s, 9, (unsigned char)h->dialect.quote);
	db_bind_i64(s, 10, (unsigned char)h->dialect.eol);
	db_bind_i64(s, 11, h->n_columns);
	db_bind_blob(s, 12, h->header_raw);
	rc = db_run(s, e);
	if (rc == RC_OK)
		f->id = db_last_id(db);
	return rc;
}

enum rc import_file_save(
	struct db *db, struct import_file *f, const struct import_report *r, bool finished, struct err *e)
{
	struct db_stmt *s;
	enum rc rc = f->id ? RC_OK : file_insert(db, f, e);
	if (rc == RC_OK)
		rc = db_prepare(db,
			"UPDATE import SET bytes = ?2, n_rows = ?3, n_mapped_rows = ?4, n_empty_rows = ?5,"
			" n_quarantined = ?6, n_interactions = ?7, n_duplicates = ?8, elapsed_ms = ?9, "
			"finished = ?10"
			" WHERE id = ?1",
			&s, e);
	if (rc != RC_OK)
		return rc;
	const uint64_t values[] = {r->bytes, r->n_rows, r->n_mapped_rows, r->n_empty_rows, r->n_quarantined,
		r->n_interactions, r->n_duplicates, (uint64_t)r->elapsed_ms, finished};
	db_bind_i64(s, 1, f->id);
	for (int i = 0; i < 9; i++)
		db_bind_i64(s, i + 2, (int64_t)values[i]);
	return db_run(s, e);
}

enum rc quarantine_add(struct db *db, const struct import_file *f, const struct reject *r, struct sv reason,
	int64_t at_ms, struct err *e)
{
	struct db_stmt *s;
	enum rc rc = db_prepare(db,
		"INSERT INTO quarantine(import, at_ms, line, number, raw_hash, kind, reason, raw)"
		" SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE NOT EXISTS (SELECT 1 FROM quarantine q JOIN "
		"import i"
		" ON i.id = q.import WHERE q.raw_hash = ?5 AND q.line = ?3 AND i.mapping = ?9"
		" AND (i.path = ?10 OR i.head_hash = ?11))",
		&s, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(s, 1, f->id);
	db_bind_i64(s, 2, at_ms);
	db_bind_i64(s, 3, (int64_t)r->line);
	db_bind_i64(s, 4, (int64_t)r->number);
	db_bind_i64(s, 5, (int64_t)hash64(r->raw.ptr, r->raw.len));
	db_bind_text(s, 6, reason_kind(reason));
	db_bind_text(s, 7, reason);
	db_bind_blob(s, 8, r->raw);
	db_bind_i64(s, 9, f->mapping_id);
	db_bind_text(s, 10, sv_from(f->path));
	db_bind_i64(s, 11, (int64_t)f->head_hash);
	return db_run(s, e);
}
