// SPDX-License-Identifier: Apache-2.0
// The table `people`: one row a person, with identities and the first and last interaction.
#include "sql/vtab.h"

#include "base/json.h"
#include "base/mem.h"

enum { PEOPLE_PERSON, PEOPLE_IDENTITIES, PEOPLE_FIRST, PEOPLE_LAST, PEOPLE_N };

struct people_cursor {
	sqlite3_vtab_cursor base;
	struct vtab_scan scan;
	const struct span *span;
	uint32_t person; // of the span
	int64_t rowid;
	struct arena *arena;
	bool end;
};

static int connect(
	sqlite3 *db, void *source, int argc, const char *const *argv, sqlite3_vtab **out, char **message)
{
	(void)argc;
	(void)argv;
	return vtab_connect(
		db, source, "person TEXT, identities TEXT, first TEXT, last TEXT, n INTEGER", out, message);
}

// A condition on the person is pushed down.
static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
	const struct vtab *v = (const struct vtab *)base;
	struct snapshot_stats stats;
	snapshot_stats(v->source->snapshot, &stats);
	return vtab_scan_best_index(base, info, PEOPLE_PERSON, (double)stats.n_persons_upper, 0);
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
	(void)base;
	struct people_cursor *c = mem_calloc(1, sizeof(*c));
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
	struct people_cursor *c = (struct people_cursor *)base;
	vtab_scan_end(&c->scan);
	arena_free(&c->arena);
	mem_free(c);
	return SQLITE_OK;
}

static int next_span(struct people_cursor *c)
{
	int rc;
	do
		rc = vtab_scan_next(&c->scan, c->base.pVtab, &c->span);
	while (rc == SQLITE_OK && c->span && c->span->n_persons == 0);
	c->person = 0;
	c->end = !c->span;
	return rc;
}

static int filter(
	sqlite3_vtab_cursor *base, int number, const char *index, int n_values, sqlite3_value **values)
{
	(void)index;
	(void)n_values;
	struct people_cursor *c = (struct people_cursor *)base;
	struct scan_request request = {.ordered = true};
	c->rowid = 0;
	c->end = false;
	int rc = vtab_scan_start(
		&c->scan, base->pVtab, &request, false, number ? values[0] : NULL, number == SCAN_PERSONS);
	return rc == SQLITE_OK ? next_span(c) : rc;
}

static int next(sqlite3_vtab_cursor *base)
{
	struct people_cursor *c = (struct people_cursor *)base;
	c->rowid++;
	return ++c->person < c->span->n_persons ? SQLITE_OK : next_span(c);
}

static int at_end(sqlite3_vtab_cursor *base)
{
	return ((struct people_cursor *)base)->end;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
	*out = ((struct people_cursor *)base)->rowid;
	return SQLITE_OK;
}

static int result_identities(sqlite3_context *context, struct people_cursor *c, uint64_t person)
{
	const struct vtab *v = (const struct vtab *)c->base.pVtab;
	struct sv *list = NULL;
	uint32_t n = 0;
	struct err e = ERR_NONE;
	arena_reset(c->arena);
	if (snapshot_identities(v->source->snapshot, person, c->arena, &list, &n, &e) != RC_OK)
		return vtab_fail(c->base.pVtab, &e);
	struct buf out = buf_new(1u << 20);
	struct json j = json_new(&out);
	json_array(&j);
	for (uint32_t i = 0; i < n; i++)
		json_string(&j, list[i]);
	json_array_end(&j);
	struct sv text = buf_view(&out);
	sqlite3_result_text64(context, text.ptr, text.len, SQLITE_TRANSIENT, SQLITE_UTF8);
	buf_free(&out);
	return SQLITE_OK;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *context, int number)
{
	struct people_cursor *c = (struct people_cursor *)base;
	uint32_t from = c->span->person_start[c->person], to = c->span->person_start[c->person + 1];
	switch (number) {
	case PEOPLE_PERSON:
		vtab_result_person(context, c->span->person[c->person]);
		break;
	case PEOPLE_IDENTITIES:
		return result_identities(context, c, c->span->person[c->person]);
	case PEOPLE_FIRST:
		vtab_result_time(context, c->span->at[from]);
		break;
	case PEOPLE_LAST:
		vtab_result_time(context, c->span->at[to - 1]);
		break;
	default:
		sqlite3_result_int64(context, to - from);
		break;
	}
	return SQLITE_OK;
}

const sqlite3_module vtab_people = {
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
