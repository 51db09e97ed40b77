// SPDX-License-Identifier: Apache-2.0
// The table `interactions`: a cursor of the store behind a cursor of SQLite. Only columns that the statement uses
// are decoded; what lies in cold blocks is read for the rows that get as far as showing it.
#include "sql/vtab_plan.h"

#include "base/mem.h"

struct interactions_cursor {
	sqlite3_vtab_cursor base;
	struct vtab_scan scan;
	const struct span *span;
	uint32_t row;
	int64_t rowid;
	struct arena *plan_arena, *row_arena;
	uint32_t measure_at[DESIGN_MEASURES_MAX]; // where each sparse column stands in the span
	bool end;
};

static int connect(
	sqlite3 *db, void *source, int argc, const char *const *argv, sqlite3_vtab **out, char **message)
{
	(void)argc;
	(void)argv;
	struct vtab_source *from = source;
	struct err e = ERR_NONE;
	struct arena *scratch = arena_new(64u << 20);
	struct plan *plan = NULL;
	struct sv sql = SV_NONE;
	if (!scratch || plan_make(from->snapshot, scratch, &plan, &sql, &e) != RC_OK) {
		arena_free(&scratch);
		return SQLITE_NOMEM;
	}
	int rc = vtab_connect(db, from, sql.ptr, out, message);
	if (rc == SQLITE_OK) {
		struct vtab *v = (struct vtab *)*out;
		arena_free(&v->arena);
		v->arena = scratch;
		v->plan = plan;
	} else {
		arena_free(&scratch);
	}
	return rc;
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
	(void)base;
	struct interactions_cursor *c = mem_calloc(1, sizeof(*c));
	if (!c)
		return SQLITE_NOMEM;
	c->plan_arena = arena_new(0);
	c->row_arena = arena_new(0);
	*out = &c->base;
	if (c->plan_arena && c->row_arena)
		return SQLITE_OK;
	arena_free(&c->plan_arena);
	arena_free(&c->row_arena);
	mem_free(c);
	return SQLITE_NOMEM;
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
	struct interactions_cursor *c = (struct interactions_cursor *)base;
	vtab_scan_end(&c->scan);
	arena_free(&c->plan_arena);
	arena_free(&c->row_arena);
	mem_free(c);
	return SQLITE_OK;
}

// Goes to the next row that passes the predicates, from c->row on.
static int settle(struct interactions_cursor *c)
{
	for (;;) {
		for (; c->span && c->row < c->span->n; c->row++)
			if (!c->span->keep || c->span->keep[c->row])
				return SQLITE_OK;
		int rc = vtab_scan_next(&c->scan, c->base.pVtab, &c->span);
		if (rc != SQLITE_OK)
			return rc;
		c->row = 0;
		memset(c->measure_at, 0, sizeof(c->measure_at));
		if (!c->span) {
			c->end = true;
			return SQLITE_OK;
		}
	}
}

static bool rows_wanted(uint64_t used)
{
	static const enum field cold[] = {
		FIELD_PERSON, FIELD_ID, FIELD_PROMISE, FIELD_KEEPS, FIELD_TEXT, FIELD_PROPERTIES};
	for (unsigned i = 0; i < sizeof(cold) / sizeof(cold[0]); i++)
		if (plan_uses(used, cold[i]))
			return true;
	return false;
}

static int filter(
	sqlite3_vtab_cursor *base, int number, const char *index, int n_values, sqlite3_value **values)
{
	(void)number;
	struct interactions_cursor *c = (struct interactions_cursor *)base;
	const struct vtab *v = (const struct vtab *)base->pVtab;
	struct plan_scan scan;
	struct err e = ERR_NONE;
	arena_reset(c->plan_arena);
	c->span = NULL;
	c->row = 0;
	c->rowid = 0;
	c->end = false;
	if (plan_request(v, index, n_values, values, c->plan_arena, &scan, &e) != RC_OK)
		return vtab_fail(base->pVtab, &e);
	c->end = scan.nothing;
	if (c->end)
		return SQLITE_OK;
	int rc = vtab_scan_start(
		&c->scan, base->pVtab, &scan.request, rows_wanted(scan.used), scan.persons, scan.persons_in);
	return rc == SQLITE_OK ? settle(c) : rc;
}

static int next(sqlite3_vtab_cursor *base)
{
	struct interactions_cursor *c = (struct interactions_cursor *)base;
	c->row++;
	c->rowid++;
	return settle(c);
}

static int at_end(sqlite3_vtab_cursor *base)
{
	return ((struct interactions_cursor *)base)->end;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
	*out = ((struct interactions_cursor *)base)->rowid;
	return SQLITE_OK;
}

static void result_code(sqlite3_context *context, const struct interactions_cursor *c, enum code_column column,
	enum name_kind kind)
{
	const struct vtab *v = (const struct vtab *)c->base.pVtab;
	const uint32_t *codes = c->span->code[column];
	vtab_result_name(
		context, codes ? names_at(snapshot_names(v->source->snapshot), kind, codes[c->row]) : SV_NONE);
}

static void result_of_touchpoint(sqlite3_context *context, const struct interactions_cursor *c, bool stage)
{
	const struct vtab *v = (const struct vtab *)c->base.pVtab;
	const struct plan *p = v->plan;
	const uint32_t *codes = c->span->code[CODE_TOUCHPOINT];
	uint32_t code = codes ? codes[c->row] : 0;
	vtab_result_name(context, code < p->n_touchpoints ? (stage ? p->stages : p->owners)[code] : SV_NONE);
}

static void result_measure(sqlite3_context *context, struct interactions_cursor *c, uint32_t slot)
{
	if (slot >= DESIGN_MEASURES_MAX)
		return;
	const struct sparse_values *values = &c->span->measures[slot];
	uint32_t *at = &c->measure_at[slot];
	while (*at < values->n && values->row[*at] < c->row)
		++*at;
	if (*at < values->n && values->row[*at] == c->row)
		sqlite3_result_double(context, values->value[*at]);
}

static int result_cold(sqlite3_context *context, struct interactions_cursor *c, enum cold what)
{
	const struct vtab *v = (const struct vtab *)c->base.pVtab;
	struct sv value = SV_NONE;
	struct err e = ERR_NONE;
	if (!c->span->locator)
		return SQLITE_OK;
	arena_reset(c->row_arena);
	if (snapshot_cold(v->source->snapshot, c->span->locator[c->row], what, c->row_arena, &value, &e) !=
		RC_OK)
		return vtab_fail(c->base.pVtab, &e);
	if (value.ptr)
		sqlite3_result_text64(context, value.ptr, value.len, SQLITE_TRANSIENT, SQLITE_UTF8);
	return SQLITE_OK;
}

static int result_fixed(sqlite3_context *context, struct interactions_cursor *c, enum field field)
{
	static const enum cold cold[FIELD_FIXED] = {[FIELD_ID] = COLD_ID,
		[FIELD_PROMISE] = COLD_PROMISE,
		[FIELD_KEEPS] = COLD_KEEPS,
		[FIELD_TEXT] = COLD_TEXT,
		[FIELD_PROPERTIES] = COLD_PROPERTIES};
	const struct vtab *v = (const struct vtab *)c->base.pVtab;
	const struct span *span = c->span;
	if (field == FIELD_AT)
		vtab_result_time(context, span->at[c->row]);
	else if (field == FIELD_AT_MS)
		sqlite3_result_int64(context, span->at[c->row]);
	else if (field == FIELD_LOCAL)
		vtab_result_local(context, snapshot_design(v->source->snapshot)->tz, span->at[c->row]);
	else if (field == FIELD_RECEIVED)
		vtab_result_time(context, span->received ? span->received[c->row] : TIME_NONE);
	else if (field == FIELD_DUE)
		vtab_result_time(context, span->due ? span->due[c->row] : TIME_NONE);
	else if (field == FIELD_PERSON && span->row_person)
		vtab_result_person(context, span->row_person[c->row]);
	else if (field == FIELD_STAGE || field == FIELD_OWNER)
		result_of_touchpoint(context, c, field == FIELD_STAGE);
	else if (field == FIELD_PROMISE && !(span->promise && span->promise[c->row]))
		return SQLITE_OK;
	else if (field == FIELD_KEEPS && !(span->keeps && span->keeps[c->row]))
		return SQLITE_OK;
	else if (field != FIELD_PERSON)
		return result_cold(context, c, cold[field]);
	return SQLITE_OK;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *context, int number)
{
	static const enum code_column codes[FIELD_FIXED] = {[FIELD_TOUCHPOINT] = CODE_TOUCHPOINT,
		[FIELD_CHANNEL] = CODE_CHANNEL,
		[FIELD_EVENT] = CODE_EVENT,
		[FIELD_SOURCE] = CODE_SOURCE,
		[FIELD_AGENT] = CODE_AGENT,
		[FIELD_LOCATION] = CODE_LOCATION};
	static const enum name_kind kinds[FIELD_FIXED] = {[FIELD_TOUCHPOINT] = NAME_TOUCHPOINT,
		[FIELD_CHANNEL] = NAME_CHANNEL,
		[FIELD_EVENT] = NAME_EVENT,
		[FIELD_SOURCE] = NAME_SOURCE,
		[FIELD_AGENT] = NAME_AGENT,
		[FIELD_LOCATION] = NAME_LOCATION};
	struct interactions_cursor *c = (struct interactions_cursor *)base;
	const struct plan *p = ((const struct vtab *)base->pVtab)->plan;
	const struct plan_column *of = &p->columns[number];
	if (of->field == FIELD_MEASURE) {
		result_measure(context, c, of->slot);
	} else if (of->field == FIELD_DIMENSION) {
		if (of->slot != UINT32_MAX)
			result_code(context, c, (enum code_column)(CODE_DIMENSION0 + of->slot),
				(enum name_kind)(NAME_DIMENSION0 + of->slot));
	} else if (of->field == FIELD_TOUCHPOINT || codes[of->field] != CODE_TOUCHPOINT) {
		result_code(context, c, codes[of->field], kinds[of->field]);
	} else {
		return result_fixed(context, c, of->field);
	}
	return SQLITE_OK;
}

const sqlite3_module vtab_interactions = {
	.iVersion = 1,
	.xConnect = connect,
	.xBestIndex = plan_choose,
	.xDisconnect = vtab_disconnect,
	.xOpen = open_cursor,
	.xClose = close_cursor,
	.xFilter = filter,
	.xNext = next,
	.xEof = at_end,
	.xColumn = column,
	.xRowid = rowid,
};
