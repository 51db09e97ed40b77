// SPDX-License-Identifier: Apache-2.0
// SQL over HTTP: one statement, reading only, with bounds on time, rows and bytes. At most half of the workers run SQL at
// the same time, so that a heavy statement does not keep everybody from asking.
#include "api/internal.h"

#include "base/pool.h"
#include "sql/sql.h"

enum { ROWS = 1000, TIME_MAX_MS = 30000 };
#define ANSWER_BYTES_MAX ((size_t)32 << 20)
#define VALUE_BYTES_MAX ((uint64_t)16 << 20)

struct asked {
	struct api_call *c;
	struct sql *sql;
	sqlite3_stmt *statement;
	uint64_t limit;
	struct json json;
	int n_columns;
	uint8_t *types; // by column: what the values were so far
	bool truncated;
};

enum { SEEN_NOTHING, SEEN_INTEGER, SEEN_NUMBER, SEEN_TEXT };

static bool stopping(void *api)
{
	return atomic_load(&((struct api *)api)->stopping);
}

static void write_value(struct asked *a, int column)
{
	sqlite3_stmt *s = a->statement;
	uint8_t *seen = &a->types[column];
	switch (sqlite3_column_type(s, column)) {
	case SQLITE_INTEGER:
		json_i64(&a->json, sqlite3_column_int64(s, column));
		*seen = *seen < SEEN_INTEGER ? SEEN_INTEGER : *seen;
		break;
	case SQLITE_FLOAT:
		json_double(&a->json, sqlite3_column_double(s, column));
		*seen = *seen < SEEN_NUMBER ? SEEN_NUMBER : *seen;
		break;
	case SQLITE_NULL:
		json_null(&a->json);
		break;
	default: {
		const unsigned char *text = sqlite3_column_text(s, column);
		json_string(&a->json, (struct sv){(const char *)text, (size_t)sqlite3_column_bytes(s, column)});
		*seen = SEEN_TEXT;
	}
	}
}

static enum rc write_rows(struct asked *a, struct err *e)
{
	uint64_t n = 0;
	bool row = true;
	enum rc rc = RC_OK;
	json_key(&a->json, "rows");
	json_array(&a->json);
	while ((rc = sql_step(a->sql, a->statement, &row, e)) == RC_OK && row) {
		a->truncated = n == a->limit || http_out(a->c->x)->len > ANSWER_BYTES_MAX;
		if (a->truncated)
			break;
		json_array(&a->json);
		for (int i = 0; i < a->n_columns; i++)
			write_value(a, i);
		json_array_end(&a->json);
		n++;
	}
	json_array_end(&a->json);
	return rc;
}

static void write_columns(struct asked *a)
{
	static const char *const types[] = {[SEEN_NOTHING] = "null",
		[SEEN_INTEGER] = "integer",
		[SEEN_NUMBER] = "number",
		[SEEN_TEXT] = "text"};
	json_key(&a->json, "columns");
	json_array(&a->json);
	for (int i = 0; i < a->n_columns; i++) {
		json_object(&a->json);
		json_key_text(&a->json, "name", sqlite3_column_name(a->statement, i));
		json_key_text(&a->json, "type", types[a->types[i]]);
		json_object_end(&a->json);
	}
	json_array_end(&a->json);
}

static enum rc answer(struct asked *a, struct err *e)
{
	const struct clock *clock = clock_system();
	int64_t start = clock->monotonic_ns(clock);
	a->n_columns = sqlite3_column_count(a->statement);
	a->types = arena_alloc(http_arena(a->c->x), (size_t)a->n_columns + 1);
	if (!a->types)
		return err_set(e, RC_NOMEM, "out of memory for the rows");
	a->json = json_new(http_out(a->c->x));
	json_object(&a->json);
	enum rc rc = write_rows(a, e);
	if (rc != RC_OK)
		return rc;
	write_columns(a);
	json_key_bool(&a->json, "truncated", a->truncated);
	json_key_i64(&a->json, "elapsed_ms", (clock->monotonic_ns(clock) - start) / 1000000);
	json_object_end(&a->json);
	return RC_OK;
}

// One statement, and nothing behind it.
static enum rc prepare(struct asked *a, struct sv text, struct err *e)
{
	const char *tail = text.ptr;
	enum rc rc = RC_OK;
	while (rc == RC_OK && *tail && !a->statement)
		rc = sql_prepare(a->sql, text, &tail, &a->statement, e);
	if (rc == RC_OK && !a->statement)
		rc = err_set(e, RC_USAGE, "there is no statement in it");
	while (rc == RC_OK && *tail) {
		sqlite3_stmt *second;
		rc = sql_prepare(a->sql, text, &tail, &second, e);
		if (rc == RC_OK && second)
			rc = err_set(e, RC_USAGE, "only one statement at a time is answered");
		sqlite3_finalize(second);
	}
	return rc;
}

static enum rc run(struct api_call *c, struct sv text, uint64_t limit, struct err *e)
{
	struct asked a = {.c = c, .limit = limit};
	struct snapshot *sn;
	enum rc rc = snapshot_open(c->api->store, &sn, e);
	const struct sql_options o = {.snapshot = sn,
		.timeout_ms = TIME_MAX_MS,
		.memory_bytes = VALUE_BYTES_MAX,
		.cancelled = stopping,
		.context = c->api};
	if (rc == RC_OK)
		rc = sql_open(&o, &a.sql, e);
	if (rc == RC_OK)
		rc = prepare(&a, text, e);
	if (rc == RC_OK)
		rc = answer(&a, e);
	if (rc == RC_LIMIT)
		err_remedy(e, "narrow it, for example with WHERE at >= …");
	sqlite3_finalize(a.statement);
	sql_close(&a.sql);
	snapshot_close(&sn);
	return rc;
}

static bool take_place(struct api *a)
{
	unsigned threads = a->o.threads ? a->o.threads : pool_cpus();
	unsigned most = threads > 3 ? threads / 2 : 1;
	if (atomic_fetch_add(&a->n_sql, 1) < most)
		return true;
	atomic_fetch_sub(&a->n_sql, 1);
	return false;
}

enum rc sql_post(struct api_call *c, struct err *e)
{
	struct json_parser *parser;
	struct json_node root;
	struct sv text;
	double limit = ROWS;
	enum rc rc = call_json(c, &parser, &root, e);
	if (rc != RC_OK)
		return rc;
	rc = call_string(root, "sql", true, &text, e);
	json_number(json_get(root, SV("limit")), &limit);
	if (rc == RC_OK && memchr(text.ptr, 0, text.len))
		rc = err_set(e, RC_INPUT, "“sql” holds a NUL");
	struct sv own = rc == RC_OK ? arena_copy(http_arena(c->x), text) : SV_NONE;
	json_parser_free(&parser);
	if (rc == RC_OK && !own.ptr)
		rc = err_set(e, RC_NOMEM, "out of memory for a statement");
	if (rc == RC_OK && !take_place(c->api))
		rc = err_set(e, RC_BUSY, "another statement runs; try again in a moment");
	if (rc != RC_OK)
		return rc;
	rc = run(c, own, (uint64_t)limit, e);
	atomic_fetch_sub(&c->api->n_sql, 1);
	return rc;
}
