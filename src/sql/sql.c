// SPDX-License-Identifier: Apache-2.0
// The connection: an empty database in memory with the virtual tables. What keeps it read-only, each by itself: there is
// nothing to write to, query_only, and an authorizer that names what is allowed.
#include "sql/sql.h"

#include "base/clock.h"
#include "base/mem.h"
#include "sql/vtab.h"

#define VALUE_BYTES_MAX (256u << 20)
#define TICK_STEPS 2000 // of SQLite's machine between two looks at the clock

static const char only_reading[] = "only reading is allowed: SELECT, WITH, VALUES, EXPLAIN";

struct sql {
	struct sql_options o;
	struct vtab_source source;
	sqlite3 *db;
	int64_t deadline_ns; // 0: none
	bool timed_out;
};

static int authorize(
	void *context, int action, const char *a, const char *b, const char *database, const char *inner)
{
	(void)context;
	(void)database;
	(void)inner;
	static const char *const pragmas[] = {"table_info", "table_xinfo", "table_list", "function_list"};
	switch (action) {
	case SQLITE_CREATE_TABLE: // how a virtual table declares its columns; query_only keeps out all others
		return a && strcmp(a, "x") == 0 ? SQLITE_OK : SQLITE_DENY;
	case SQLITE_INSERT:
	case SQLITE_UPDATE:
		return a && strcmp(a, "sqlite_master") == 0 ? SQLITE_OK : SQLITE_DENY;
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_FUNCTION:
		return b && sqlite3_stricmp(b, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
	case SQLITE_PRAGMA:
		for (unsigned i = 0; i < sizeof(pragmas) / sizeof(pragmas[0]); i++)
			if (a && sqlite3_stricmp(a, pragmas[i]) == 0)
				return SQLITE_OK;
		return SQLITE_DENY;
	default:
		return SQLITE_DENY;
	}
}

static int tick(void *context)
{
	struct sql *s = context;
	if (s->o.cancelled && s->o.cancelled(s->o.context))
		return 1;
	const struct clock *clock = clock_system();
	if (s->deadline_ns && clock->monotonic_ns(clock) > s->deadline_ns)
		s->timed_out = true;
	return s->timed_out;
}

static enum rc connect(struct sql *s, struct err *e)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX;
	if (sqlite3_open_v2(":memory:", &s->db, flags, NULL) != SQLITE_OK)
		return err_set(
			e, RC_DB, "cannot open SQLite: %s", s->db ? sqlite3_errmsg(s->db) : "out of memory");
	uint64_t bytes = s->o.memory_bytes ? s->o.memory_bytes : VALUE_BYTES_MAX;
	sqlite3_limit(s->db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, bytes < VALUE_BYTES_MAX ? (int)bytes : (int)VALUE_BYTES_MAX);
	enum rc rc = vtab_register(s->db, &s->source, e);
	// Sorting may need more than memory holds.
	if (rc == RC_OK &&
		sqlite3_exec(s->db, "PRAGMA temp_store = FILE; PRAGMA query_only = ON", NULL, NULL, NULL))
		rc = err_set(e, RC_DB, "cannot make the connection read-only: %s", sqlite3_errmsg(s->db));
	sqlite3_set_authorizer(s->db, authorize, NULL);
	sqlite3_progress_handler(s->db, TICK_STEPS, tick, s);
	return rc;
}

enum rc sql_open(const struct sql_options *options, struct sql **out, struct err *e)
{
	struct sql *s = *out = mem_calloc(1, sizeof(*s));
	struct snapshot_stats stats;
	const struct clock *clock = clock_system();
	if (!s)
		return err_set(e, RC_NOMEM, "out of memory for SQL");
	s->o = *options;
	snapshot_stats(s->o.snapshot, &stats);
	s->source = (struct vtab_source){.snapshot = s->o.snapshot, .now_ms = stats.last_ms};
	if (s->o.timeout_ms)
		s->deadline_ns = clock->monotonic_ns(clock) + s->o.timeout_ms * INT64_C(1000000);
	enum rc rc = connect(s, e);
	if (rc != RC_OK)
		sql_close(out);
	return rc;
}

void sql_close(struct sql **sp)
{
	struct sql *s = *sp;
	*sp = NULL;
	if (!s)
		return;
	sqlite3_close(s->db);
	mem_free(s);
}

// What the tables reported, which SQLite knows as a text only.
static enum rc own_error(struct sql *s, struct err *e)
{
	enum rc rc = s->source.failed.rc;
	if (rc != RC_OK)
		err_take(e, &s->source.failed);
	return rc;
}

enum rc sql_prepare(struct sql *s, struct sv text, const char **tail, sqlite3_stmt **out, struct err *e)
{
	*out = NULL;
	if (sqlite3_prepare_v2(s->db, *tail, -1, out, tail) == SQLITE_OK)
		return RC_OK;
	if (own_error(s, e) != RC_OK)
		return e ? e->rc : RC_DB;
	enum rc kind = sqlite3_errcode(s->db) == SQLITE_NOMEM ? RC_NOMEM : RC_USAGE;
	int offset = sqlite3_error_offset(s->db);
	err_set(e, kind, "%s", sqlite3_errmsg(s->db));
	if (sqlite3_errcode(s->db) == SQLITE_AUTH) {
		err_remedy(e, only_reading);
	} else if (offset >= 0 && (size_t)offset <= text.len) {
		uint32_t line = 1, column = 1;
		for (int i = 0; i < offset; i++) {
			column = text.ptr[i] == '\n' ? 1 : column + 1;
			line += text.ptr[i] == '\n';
		}
		err_place(e, "sql", line, column);
	}
	return kind;
}

enum rc sql_step(struct sql *s, sqlite3_stmt *statement, bool *row, struct err *e)
{
	int code = sqlite3_step(statement);
	*row = code == SQLITE_ROW;
	if (code == SQLITE_ROW || code == SQLITE_DONE)
		return RC_OK;
	if (code == SQLITE_INTERRUPT && s->timed_out)
		return err_set(e, RC_LIMIT, "the statement took longer than %lld s",
			(long long)(s->o.timeout_ms / 1000));
	if (code == SQLITE_INTERRUPT)
		return err_set(e, RC_CANCELLED, "the statement was interrupted");
	if (own_error(s, e) != RC_OK)
		return e ? e->rc : RC_DB;
	if (code == SQLITE_READONLY) {
		err_set(e, RC_USAGE, "not authorized");
		err_remedy(e, only_reading);
		return RC_USAGE;
	}
	enum rc kind = code == SQLITE_NOMEM ? RC_NOMEM : code == SQLITE_CORRUPT_VTAB ? RC_CORRUPT : RC_USAGE;
	return err_set(e, kind, "%s", sqlite3_errmsg(s->db));
}
