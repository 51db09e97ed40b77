// SPDX-License-Identifier: Apache-2.0
// The table `promises`: one row a promise, with what became of it. Promises are paired within the journey of one
// person (measure/ledger.h).
#include "sql/vtab.h"

#include "base/mem.h"
#include "measure/ledger.h"

enum {
	PROMISE_PERSON,
	PROMISE_ID,
	PROMISE_MADE_AT,
	PROMISE_DUE,
	PROMISE_KEPT_AT,
	PROMISE_STATUS,
	PROMISE_DELAY,
	PROMISE_TOUCHPOINT,
	PROMISE_KEPT_TOUCHPOINT,
	PROMISE_CHANNEL,
	PROMISE_AGENT
};

static const char columns[] =
	"person TEXT, id TEXT, made_at TEXT, due TEXT, kept_at TEXT, status TEXT, delay REAL, "
	"touchpoint TEXT, kept_touchpoint TEXT, channel TEXT, agent TEXT";

struct promises_cursor {
	sqlite3_vtab_cursor base;
	struct vtab_scan scan;
	const struct span *span;
	struct ledger ledger;
	uint32_t person, entry; // of the span, of the ledger
	int64_t rowid;
	struct arena *arena;
	bool end;
};

static int connect(
	sqlite3 *db, void *source, int argc, const char *const *argv, sqlite3_vtab **out, char **message)
{
	(void)argc;
	(void)argv;
	return vtab_connect(db, source, columns, out, message);
}

static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
	const struct vtab *v = (const struct vtab *)base;
	struct snapshot_stats stats;
	snapshot_stats(v->source->snapshot, &stats);
	return vtab_scan_best_index(base, info, PROMISE_PERSON, (double)stats.n_interactions / 4, 3);
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
	(void)base;
	struct promises_cursor *c = mem_calloc(1, sizeof(*c));
	if (c)
		c->arena = arena_new(0);
	if (!c || !c->arena) {
		mem_free(c);
		return SQLITE_NOMEM;
	}
	*out = &c->base;
	return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
	struct promises_cursor *c = (struct promises_cursor *)base;
	vtab_scan_end(&c->scan);
	ledger_free(&c->ledger);
	arena_free(&c->arena);
	mem_free(c);
	return SQLITE_OK;
}

// Goes on to the next person with a promise, until ledger.entries[entry] is there or all is read.
static int settle(struct promises_cursor *c)
{
	struct err e = ERR_NONE;
	while (c->entry >= c->ledger.n) {
		c->entry = 0;
		c->ledger.n = 0;
		if (c->span && ++c->person < c->span->n_persons) {
			uint32_t first = c->span->person_start[c->person],
				 end = c->span->person_start[c->person + 1];
			if (ledger_read(&c->ledger, c->span, first, end, TIME_NONE, &e) != RC_OK)
				return vtab_fail(c->base.pVtab, &e);
			continue;
		}
		int rc = vtab_scan_next(&c->scan, c->base.pVtab, &c->span);
		if (rc != SQLITE_OK)
			return rc;
		c->person = UINT32_MAX; // ++ makes it the first
		if (!c->span) {
			c->end = true;
			break;
		}
	}
	return SQLITE_OK;
}

static int filter(
	sqlite3_vtab_cursor *base, int number, const char *index, int n_values, sqlite3_value **values)
{
	(void)index;
	(void)n_values;
	struct promises_cursor *c = (struct promises_cursor *)base;
	struct scan_request request = {.ordered = true,
		.columns = {.touchpoint = true,
			.channel = true,
			.agent = true,
			.promise = true,
			.due = true,
			.keeps = true}};
	c->span = NULL;
	c->rowid = 0;
	c->entry = 0;
	c->ledger.n = 0;
	c->end = false;
	int rc = vtab_scan_start(
		&c->scan, base->pVtab, &request, true, number ? values[0] : NULL, number == SCAN_PERSONS);
	return rc == SQLITE_OK ? settle(c) : rc;
}

static int next(sqlite3_vtab_cursor *base)
{
	struct promises_cursor *c = (struct promises_cursor *)base;
	c->rowid++;
	c->entry++;
	return settle(c);
}

static int at_end(sqlite3_vtab_cursor *base)
{
	return ((struct promises_cursor *)base)->end;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
	*out = ((struct promises_cursor *)base)->rowid;
	return SQLITE_OK;
}

static int64_t due_of(const struct span *span, const struct ledger_entry *p)
{
	return p->made != LEDGER_NONE && span->due ? span->due[p->made] : TIME_NONE;
}

static const char *status_of(const struct span *span, const struct ledger_entry *p, int64_t now_ms)
{
	int64_t due = due_of(span, p);
	if (p->made == LEDGER_NONE)
		return "kept only";
	if (p->kept != LEDGER_NONE && due == TIME_NONE)
		return "answered";
	if (p->kept != LEDGER_NONE)
		return span->at[p->kept] > due ? "broken" : "kept";
	return due != TIME_NONE && due < now_ms ? "overdue" : "open";
}

static int result_id(sqlite3_context *context, struct promises_cursor *c, const struct ledger_entry *p)
{
	const struct vtab *v = (const struct vtab *)c->base.pVtab;
	struct sv id = SV_NONE;
	struct err e = ERR_NONE;
	if (!c->span->locator)
		return SQLITE_OK;
	bool made = p->made != LEDGER_NONE;
	uint64_t locator = c->span->locator[made ? p->made : p->kept];
	arena_reset(c->arena);
	if (snapshot_cold(v->source->snapshot, locator, made ? COLD_PROMISE : COLD_KEEPS, c->arena, &id, &e) !=
		RC_OK)
		return vtab_fail(c->base.pVtab, &e);
	if (id.ptr)
		sqlite3_result_text64(context, id.ptr, id.len, SQLITE_TRANSIENT, SQLITE_UTF8);
	return SQLITE_OK;
}

// The name in a code column of the row where it was made (or kept).
static void result_name(sqlite3_context *context, const struct promises_cursor *c, enum code_column column,
	enum name_kind kind, uint32_t row)
{
	const struct vtab *v = (const struct vtab *)c->base.pVtab;
	const uint32_t *codes = c->span->code[column];
	if (codes && row != LEDGER_NONE)
		vtab_result_name(context, names_at(snapshot_names(v->source->snapshot), kind, codes[row]));
}

static void result_delay(sqlite3_context *context, const struct span *span, const struct ledger_entry *p)
{
	int64_t due = due_of(span, p);
	if (due != TIME_NONE && p->kept != LEDGER_NONE)
		sqlite3_result_double(context, (double)(span->at[p->kept] - due) / 1000);
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *context, int number)
{
	struct promises_cursor *c = (struct promises_cursor *)base;
	const struct vtab *v = (const struct vtab *)base->pVtab;
	const struct ledger_entry *p = &c->ledger.entries[c->entry];
	uint32_t row = p->made != LEDGER_NONE ? p->made : p->kept;
	switch (number) {
	case PROMISE_PERSON:
		vtab_result_person(context, c->span->person[c->person]);
		break;
	case PROMISE_ID:
		return result_id(context, c, p);
	case PROMISE_MADE_AT:
		vtab_result_time(context, p->made != LEDGER_NONE ? c->span->at[p->made] : TIME_NONE);
		break;
	case PROMISE_DUE:
		vtab_result_time(context, due_of(c->span, p));
		break;
	case PROMISE_KEPT_AT:
		vtab_result_time(context, p->kept != LEDGER_NONE ? c->span->at[p->kept] : TIME_NONE);
		break;
	case PROMISE_STATUS:
		sqlite3_result_text(context, status_of(c->span, p, v->source->now_ms), -1, SQLITE_STATIC);
		break;
	case PROMISE_DELAY:
		result_delay(context, c->span, p);
		break;
	case PROMISE_TOUCHPOINT:
		result_name(context, c, CODE_TOUCHPOINT, NAME_TOUCHPOINT, row);
		break;
	case PROMISE_KEPT_TOUCHPOINT:
		result_name(context, c, CODE_TOUCHPOINT, NAME_TOUCHPOINT, p->kept);
		break;
	case PROMISE_CHANNEL:
		result_name(context, c, CODE_CHANNEL, NAME_CHANNEL, row);
		break;
	default:
		result_name(context, c, CODE_AGENT, NAME_AGENT, row);
		break;
	}
	return SQLITE_OK;
}

const sqlite3_module vtab_promises = {
	.iVersion = 1,
	.xConnect = connect,
	.xBestIndex = best_index,
	.xDisconnect = vtab_disconnect,
	.xOpen = open_cursor,
	.xClose = close_cursor,
	.xFilter = filter,
	.xNext = next,
	.xEof = at_end,
	.xColumn = column,
	.xRowid = rowid,
};
