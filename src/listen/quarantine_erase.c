// SPDX-License-Identifier: Apache-2.0
// Rows in quarantine that name an erased person. What could not be understood has no fields to look at, so its bytes
// are searched for the values of the person's identities as whole words.
#include "listen/import.h"

#include "base/json.h"
#include "base/mem.h"

#include <strings.h>

// Shorter values stand in too many rows that mean something else.
#define VALUE_SURE_BYTES 4

static bool in_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (unsigned char)c >= 0x80;
}

// Does the value stand in the text, with no letter or digit of a longer word at its ends? ASCII letters of either case
// are the same.
static bool has_word(struct sv text, struct sv value)
{
	if (value.len == 0)
		return false;
	for (size_t i = 0; i + value.len <= text.len; i++) {
		const char *at = text.ptr + i;
		if (strncasecmp(at, value.ptr, value.len) != 0)
			continue;
		bool begins = i == 0 || !in_word(at[0]) || !in_word(at[-1]);
		const char *end = at + value.len;
		bool ends = end == text.ptr + text.len || !in_word(end[-1]) || !in_word(*end);
		if (begins && ends)
			return true;
	}
	return false;
}

struct found {
	int64_t *ids;
	size_t n, capacity;
};

static enum rc search(struct db *db, const struct sv *values, uint32_t n, struct found *found,
	struct quarantine_named *out, struct err *e)
{
	struct db_stmt *q;
	bool row = false;
	enum rc rc = db_prepare(db, "SELECT id, raw FROM quarantine ORDER BY id", &q, e);
	if (rc != RC_OK)
		return rc;
	while ((rc = db_step(q, &row, e)) == RC_OK && row) {
		bool sure = false, unsure = false;
		for (uint32_t i = 0; !sure && i < n; i++)
			if (has_word(db_blob(q, 1), values[i])) {
				sure = values[i].len >= VALUE_SURE_BYTES;
				unsure = true;
			}
		out->n_unsure += unsure && !sure;
		if (!sure)
			continue;
		if (mem_grow((void **)&found->ids, &found->capacity, found->n + 1, sizeof(*found->ids)) != 0) {
			rc = err_set(e, RC_NOMEM, "out of memory for rows of the quarantine");
			break;
		}
		found->ids[found->n++] = db_i64(q, 0);
	}
	db_reset(q);
	return rc;
}

static enum rc remove_found(struct db *db, const struct found *found, struct err *e)
{
	struct db_stmt *q;
	enum rc rc = db_begin(db, e);
	for (size_t i = 0; rc == RC_OK && i < found->n; i++) {
		rc = db_prepare(db, "DELETE FROM quarantine WHERE id = ?1", &q, e);
		if (rc != RC_OK)
			break;
		db_bind_i64(q, 1, found->ids[i]);
		rc = db_run(q, e);
	}
	if (rc == RC_OK)
		rc = db_commit(db, e);
	if (rc != RC_OK)
		db_rollback(db);
	return rc;
}

struct wanted {
	const struct sv *values;
	uint32_t n;
	bool removes;
	struct quarantine_named *out;
};

static enum rc look(void *context, struct db *db, struct err *e)
{
	const struct wanted *w = context;
	struct found found = {0};
	bool exist;
	enum rc rc = import_tables_exist(db, &exist, e);
	if (rc != RC_OK || !exist)
		return rc;
	rc = import_tables(db, e);
	if (rc == RC_OK)
		rc = search(db, w->values, w->n, &found, w->out, e);
	// Their bytes go as well, not only their places in the table.
	if (rc == RC_OK && found.n && w->removes)
		rc = db_exec(db, "PRAGMA secure_delete = ON", e);
	if (rc == RC_OK && found.n && w->removes) {
		rc = remove_found(db, &found, e);
		db_exec(db, "PRAGMA secure_delete = FAST", NULL);
	}
	if (rc == RC_OK)
		w->out->n_removed = found.n;
	mem_free(found.ids);
	return rc;
}

enum rc quarantine_erase(
	struct store *s, const struct sv *values, uint32_t n, struct quarantine_named *out, struct err *e)
{
	*out = (struct quarantine_named){0};
	return store_alone(s, look, &(struct wanted){values, n, true, out}, e);
}

enum rc quarantine_count(
	struct store *s, const struct sv *values, uint32_t n, struct quarantine_named *out, struct err *e)
{
	*out = (struct quarantine_named){0};
	return store_alone(s, look, &(struct wanted){values, n, false, out}, e);
}

void quarantine_named_json(struct json *j, const struct quarantine_named *named)
{
	json_key(j, "quarantine");
	json_object(j);
	json_key_u64(j, "removed", named->n_removed);
	json_key_u64(j, "unsure", named->n_unsure);
	json_object_end(j);
}
