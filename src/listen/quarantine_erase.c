// SPDX-License-Identifier: Apache-2.0
// Rows in quarantine that name an erased person. What could not be understood has no fields to look at, so its bytes
// are searched for the values of the person's identities as whole words.
//
// There may be a million rows, and whoever appends waits while the database is used: rows are copied there, some at a time,
// and searched afterwards. Those that are found go in one transaction at the end; a row that somebody replays in between is
// an interaction by then, which the store erases.
#include "listen/import.h"

#include "base/json.h"
#include "base/mem.h"

#include <strings.h>

// Shorter values stand in too many rows that mean something else.
#define VALUE_SURE_BYTES 4
#define SLICE_ROWS 1000u
#define SLICE_BYTES ((size_t)1 << 20)

static bool in_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (unsigned char)c >= 0x80;
}

static char other_case(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ? (char)(c ^ 0x20) : c;
}

// Does the value stand in the text, with no letter or digit of a longer word at its ends? ASCII letters of either case
// are the same.
static bool has_word(struct sv text, struct sv value)
{
	if (value.len == 0)
		return false;
	char first = other_case(value.ptr[0]);
	for (size_t i = 0; i + value.len <= text.len; i++) {
		const char *at = text.ptr + i;
		if ((at[0] != value.ptr[0] && at[0] != first) || strncasecmp(at, value.ptr, value.len) != 0)
			continue;
		bool begins = i == 0 || !in_word(at[0]) || !in_word(at[-1]);
		const char *end = at + value.len;
		bool ends = end == text.ptr + text.len || !in_word(end[-1]) || !in_word(*end);
		if (begins && ends)
			return true;
	}
	return false;
}

struct row {
	int64_t id;
	struct sv raw;
};

struct search {
	const struct sv *values;
	uint32_t n;
	struct quarantine_found *out;
	size_t capacity;
	int64_t after;       // rows up to this one have been searched
	struct arena *arena; // of the rows at hand
	struct row *rows;
	uint32_t n_rows;
};

// The next rows; none: that was all.
static enum rc read_slice(void *context, struct db *db, struct err *e)
{
	struct search *x = context;
	struct db_stmt *q;
	bool row = false;
	enum rc rc = import_tables_exist(db, &row, e);
	if (rc != RC_OK || !row)
		return rc;
	rc = db_prepare(db, "SELECT id, raw FROM quarantine WHERE id > ?1 ORDER BY id LIMIT ?2", &q, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(q, 1, x->after);
	db_bind_i64(q, 2, SLICE_ROWS);
	while (arena_used(x->arena) < SLICE_BYTES && (rc = db_step(q, &row, e)) == RC_OK && row) {
		struct row *r = &x->rows[x->n_rows++];
		struct sv raw = db_blob(q, 1);
		*r = (struct row){db_i64(q, 0), raw.len ? arena_copy(x->arena, raw) : SV("")};
		if (!r->raw.ptr) {
			rc = err_set(e, RC_NOMEM, "out of memory for rows of the quarantine");
			break;
		}
	}
	db_reset(q);
	return rc;
}

static enum rc search_row(struct search *x, const struct row *r, struct err *e)
{
	bool sure = false, unsure = false;
	for (uint32_t i = 0; !sure && i < x->n; i++)
		if (has_word(r->raw, x->values[i])) {
			sure = x->values[i].len >= VALUE_SURE_BYTES;
			unsure = true;
		}
	x->out->n_unsure += unsure && !sure;
	if (!sure)
		return RC_OK;
	if (mem_grow((void **)&x->out->ids, &x->capacity, x->out->n + 1, sizeof(*x->out->ids)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for rows of the quarantine");
	x->out->ids[x->out->n++] = r->id;
	return RC_OK;
}

static enum rc search_all(struct store *s, struct search *x, struct err *e)
{
	enum rc rc = RC_OK;
	x->arena = arena_new((size_t)1 << 30);
	x->rows = mem_calloc(SLICE_ROWS, sizeof(*x->rows));
	if (!x->arena || !x->rows)
		rc = err_set(e, RC_NOMEM, "out of memory for rows of the quarantine");
	while (rc == RC_OK) {
		x->n_rows = 0;
		arena_reset(x->arena);
		rc = store_alone(s, read_slice, x, e);
		if (rc != RC_OK || x->n_rows == 0)
			break;
		x->after = x->rows[x->n_rows - 1].id;
		for (uint32_t i = 0; rc == RC_OK && i < x->n_rows; i++)
			rc = search_row(x, &x->rows[i], e);
	}
	mem_free(x->rows);
	arena_free(&x->arena);
	return rc;
}

// Of an older program's data directory: rows that go are counted.
static enum rc tables_renew(void *context, struct db *db, struct err *e)
{
	bool exist;
	(void)context;
	enum rc rc = import_tables_exist(db, &exist, e);
	return rc == RC_OK && exist ? import_tables(db, e) : rc;
}

enum rc quarantine_find(
	struct store *s, const struct sv *values, uint32_t n, struct quarantine_found *out, struct err *e)
{
	struct search x = {.values = values, .n = n, .out = out};
	*out = (struct quarantine_found){0};
	enum rc rc = store_alone(s, tables_renew, NULL, e);
	return rc == RC_OK ? search_all(s, &x, e) : rc;
}

enum rc quarantine_found_remove(
	struct db *db, const struct quarantine_found *found, uint64_t *n_removed, struct err *e)
{
	struct db_stmt *q;
	enum rc rc = RC_OK;
	*n_removed = 0;
	for (size_t i = 0; rc == RC_OK && i < found->n; i++) {
		rc = db_prepare(db, "DELETE FROM quarantine WHERE id = ?1", &q, e);
		if (rc != RC_OK)
			break;
		db_bind_i64(q, 1, found->ids[i]);
		rc = db_run(q, e);
		*n_removed += rc == RC_OK ? (uint64_t)db_changes(db) : 0;
	}
	return rc;
}

void quarantine_named_json(struct json *j, const struct quarantine_named *named)
{
	json_key(j, "quarantine");
	json_object(j);
	json_key_u64(j, "removed", named->n_removed);
	json_key_u64(j, "unsure", named->n_unsure);
	json_object_end(j);
}
