// SPDX-License-Identifier: Apache-2.0
// Conditions of SQL as predicates of the scan. The index string carries the mask of used columns and, for each
// value that SQLite will hand to xFilter, the column and the operator: "MASK COLUMN.OPERATOR COLUMN.OPERATOR …".
#include "sql/vtab_plan.h"

#include "base/buf.h"

#include <math.h>
#include <stdlib.h>

#define OPERATOR_IN 255

static const struct {
	const char *name, *type;
} fixed[FIELD_FIXED] = {
	[FIELD_AT] = {"at", "TEXT"},
	[FIELD_RECEIVED] = {"received", "TEXT"},
	[FIELD_PERSON] = {"person", "TEXT"},
	[FIELD_TOUCHPOINT] = {"touchpoint", "TEXT"},
	[FIELD_STAGE] = {"stage", "TEXT"},
	[FIELD_OWNER] = {"owner", "TEXT"},
	[FIELD_CHANNEL] = {"channel", "TEXT"},
	[FIELD_EVENT] = {"event", "TEXT"},
	[FIELD_SOURCE] = {"source", "TEXT"},
	[FIELD_AGENT] = {"agent", "TEXT"},
	[FIELD_LOCATION] = {"location", "TEXT"},
	[FIELD_ID] = {"id", "TEXT"},
	[FIELD_PROMISE] = {"promise", "TEXT"},
	[FIELD_DUE] = {"due", "TEXT"},
	[FIELD_KEEPS] = {"keeps", "TEXT"},
	[FIELD_TEXT] = {"text", "TEXT"},
	[FIELD_PROPERTIES] = {"properties", "TEXT"},
	[FIELD_LOCAL] = {"local", "TEXT"},
	[FIELD_AT_MS] = {"at_ms", "INTEGER"},
};

static bool name_taken(struct sv name)
{
	for (int i = 0; i < FIELD_FIXED; i++)
		if (sv_equal_nocase(name, sv_from(fixed[i].name)))
			return true;
	return false;
}

// Dashes are minus in SQL: they become underscores. A name of a fixed column gets the kind in front.
static void put_name(struct buf *sql, struct sv name, const char *kind)
{
	buf_str(sql, ", \"");
	if (name_taken(name))
		buf_printf(sql, "%s_", kind);
	for (size_t i = 0; i < name.len; i++)
		buf_char(sql, name.ptr[i] == '-' || name.ptr[i] == '"' ? '_' : name.ptr[i]);
	buf_char(sql, '"');
}

static void put_columns(const struct design *d, const struct names *names, struct plan *p, struct buf *sql)
{
	for (uint32_t i = 0; i < FIELD_FIXED; i++) {
		p->columns[p->n_columns++] = (struct plan_column){(enum field)i, UINT32_MAX};
		buf_printf(sql, "%s%s %s", i ? ", " : "", fixed[i].name, fixed[i].type);
	}
	for (uint32_t i = 0; i < d->n_dimensions; i++) {
		p->columns[p->n_columns++] =
			(struct plan_column){FIELD_DIMENSION, names_dimension_slot(names, d, i)};
		put_name(sql, d->dimensions[i], "dimension");
		buf_str(sql, " TEXT");
	}
	for (uint32_t i = 0; i < d->n_measures; i++) {
		p->columns[p->n_columns++] =
			(struct plan_column){FIELD_MEASURE, names_measure_slot(names, d, i)};
		put_name(sql, d->measures[i].name, "measure");
		buf_str(sql, " REAL");
	}
}

enum rc plan_make(
	const struct snapshot *sn, struct arena *arena, struct plan **out, struct sv *sql, struct err *e)
{
	const struct design *d = snapshot_design(sn);
	const struct names *names = snapshot_names(sn);
	uint32_t n_codes = names_count(names, NAME_TOUCHPOINT);
	struct plan *p = arena_alloc(arena, sizeof(*p));
	struct sv *stages = arena_array(arena, n_codes + 1, sizeof(*stages));
	struct sv *owners = arena_array(arena, n_codes + 1, sizeof(*owners));
	if (p)
		p->columns =
			arena_array(arena, FIELD_FIXED + d->n_dimensions + d->n_measures, sizeof(*p->columns));
	if (!p || !stages || !owners || !p->columns)
		return err_set(e, RC_NOMEM, "out of memory for the table interactions");
	for (uint32_t code = 1; code < n_codes; code++) {
		uint32_t i = design_touchpoint_find(d, names_at(names, NAME_TOUCHPOINT, code));
		if (i == DESIGN_NONE)
			continue;
		stages[code] = d->stages[d->touchpoints[i].stage];
		if (d->touchpoints[i].owner != DESIGN_NONE)
			owners[code] = d->departments[d->touchpoints[i].owner];
	}
	p->n_touchpoints = n_codes;
	p->stages = stages;
	p->owners = owners;
	struct buf text = buf_new(1u << 20);
	put_columns(d, names, p, &text);
	buf_char(&text, '\0');
	enum rc rc = buf_check(&text, e, "the columns of the table interactions");
	if (rc == RC_OK)
		*sql = arena_copy(arena, buf_view(&text));
	buf_free(&text);
	*out = p;
	return rc == RC_OK && !sql->ptr ? err_set(e, RC_NOMEM, "out of memory for the table interactions") : rc;
}

bool plan_uses(uint64_t used, uint32_t column)
{
	return used >> (column < 63 ? column : 63) & 1;
}

// --- choosing ---

static bool is_name(enum field f)
{
	return (f >= FIELD_TOUCHPOINT && f <= FIELD_LOCATION) || f == FIELD_DIMENSION;
}

static bool is_range(int op)
{
	return op == SQLITE_INDEX_CONSTRAINT_EQ || op == SQLITE_INDEX_CONSTRAINT_GT ||
	       op == SQLITE_INDEX_CONSTRAINT_GE || op == SQLITE_INDEX_CONSTRAINT_LT ||
	       op == SQLITE_INDEX_CONSTRAINT_LE;
}

static bool can_push(enum field f, int op)
{
	if (is_name(f))
		return op == SQLITE_INDEX_CONSTRAINT_EQ;
	if (f == FIELD_MEASURE)
		return is_range(op) || op == SQLITE_INDEX_CONSTRAINT_ISNOTNULL;
	return (f == FIELD_AT || f == FIELD_AT_MS) && is_range(op);
}

// What a condition leaves of the rows, as a guess for the planner.
static double left_by(enum field f, int op)
{
	if (f == FIELD_PERSON)
		return 1e-6;
	if (is_name(f))
		return 0.1;
	return op == SQLITE_INDEX_CONSTRAINT_EQ ? 0.001 : 0.3;
}

int plan_choose(sqlite3_vtab *base, sqlite3_index_info *info)
{
	const struct vtab *v = (const struct vtab *)base;
	const struct plan *p = v->plan;
	struct snapshot_stats stats;
	snapshot_stats(v->source->snapshot, &stats);
	double rows = (double)stats.n_interactions + 1;
	int n = 0, person = vtab_scan_find(info, FIELD_PERSON);
	struct buf index = buf_new(65536);
	buf_printf(&index, "%llx", (unsigned long long)info->colUsed);
	for (int i = 0; i < info->nConstraint; i++) {
		const struct sqlite3_index_constraint *c = &info->aConstraint[i];
		if (c->iColumn < 0 || (uint32_t)c->iColumn >= p->n_columns)
			continue;
		enum field f = p->columns[c->iColumn].field;
		if (!c->usable || (i != person && !can_push(f, c->op)))
			continue;
		bool in = i == person ? vtab_scan_choose(info, i, ++n)
				      : is_name(f) && sqlite3_vtab_in(info, i, 1) != 0;
		if (i != person)
			info->aConstraintUsage[i].argvIndex = ++n;
		buf_printf(&index, " %d.%d", c->iColumn, in ? OPERATOR_IN : c->op);
		rows *= left_by(f, c->op);
	}
	buf_char(&index, '\0');
	info->idxStr = index.rc == RC_OK ? sqlite3_mprintf("%s", (const char *)index.data) : NULL;
	buf_free(&index);
	if (!info->idxStr)
		return SQLITE_NOMEM;
	info->needToFreeIdxStr = 1;
	info->estimatedRows = rows < 1 ? 1 : (sqlite3_int64)rows;
	info->estimatedCost = rows + 1000;
	return SQLITE_OK;
}

// --- values to predicates ---

struct making {
	const struct vtab *v;
	const struct plan *plan;
	struct arena *arena;
	struct scan_request *request;
	struct predicate *predicates;
	bool *nothing;
};

static struct sv value_text(sqlite3_value *value)
{
	const unsigned char *text = sqlite3_value_text(value);
	return text ? (struct sv){(const char *)text, (size_t)sqlite3_value_bytes(value)} : SV_NONE;
}

static enum code_column code_column_of(const struct plan_column *c)
{
	static const enum code_column columns[] = {
		[FIELD_TOUCHPOINT] = CODE_TOUCHPOINT,
		[FIELD_STAGE] = CODE_TOUCHPOINT,
		[FIELD_OWNER] = CODE_TOUCHPOINT,
		[FIELD_CHANNEL] = CODE_CHANNEL,
		[FIELD_EVENT] = CODE_EVENT,
		[FIELD_SOURCE] = CODE_SOURCE,
		[FIELD_AGENT] = CODE_AGENT,
		[FIELD_LOCATION] = CODE_LOCATION,
	};
	return c->field == FIELD_DIMENSION ? (enum code_column)(CODE_DIMENSION0 + c->slot) : columns[c->field];
}

static enum name_kind name_kind_of(const struct plan_column *c)
{
	return c->field == FIELD_DIMENSION ? (enum name_kind)(NAME_DIMENSION0 + c->slot)
					   : (enum name_kind)code_column_of(c);
}

static void want(const struct making *m, const struct plan_column *c, sqlite3_value *value, uint8_t *wanted,
	uint32_t n_codes)
{
	struct sv text = value_text(value);
	if (!text.ptr)
		return;
	if (c->field == FIELD_STAGE || c->field == FIELD_OWNER) {
		const struct sv *of = c->field == FIELD_STAGE ? m->plan->stages : m->plan->owners;
		for (uint32_t code = 1; code < n_codes; code++)
			if (of[code].ptr && sv_equal(of[code], text))
				wanted[code] = 1;
		return;
	}
	uint32_t code = names_find(snapshot_names(m->v->source->snapshot), name_kind_of(c), text);
	if (code != NAME_NONE && code < n_codes)
		wanted[code] = 1;
}

static enum rc push_name(
	struct making *m, const struct plan_column *c, int op, sqlite3_value *value, struct err *e)
{
	if (c->field == FIELD_DIMENSION && c->slot == UINT32_MAX) {
		*m->nothing = true;
		return RC_OK;
	}
	uint32_t n_codes = names_count(snapshot_names(m->v->source->snapshot), name_kind_of(c));
	uint8_t *wanted = arena_alloc(m->arena, n_codes + 1);
	if (!wanted)
		return err_set(e, RC_NOMEM, "out of memory for a condition");
	sqlite3_value *one = value;
	if (op == OPERATOR_IN) {
		int rc = sqlite3_vtab_in_first(value, &one);
		for (; rc == SQLITE_OK && one; rc = sqlite3_vtab_in_next(value, &one))
			want(m, c, one, wanted, n_codes);
	} else {
		want(m, c, one, wanted, n_codes);
	}
	m->predicates[m->request->n_predicates++] = (struct predicate){.kind = PREDICATE_CODES,
		.column = code_column_of(c),
		.code_wanted = wanted,
		.n_codes = n_codes};
	*m->nothing |= !memchr(wanted, 1, n_codes);
	return RC_OK;
}

static void push_measure(struct making *m, const struct plan_column *c, int op, sqlite3_value *value)
{
	struct predicate p = {.kind = PREDICATE_MEASURE,
		.measure_slot = c->slot,
		.min = -(double)INFINITY,
		.max = (double)INFINITY};
	int type = sqlite3_value_numeric_type(value);
	if (c->slot == UINT32_MAX) {
		*m->nothing = true;
		return;
	}
	if (op != SQLITE_INDEX_CONSTRAINT_ISNOTNULL) {
		if (type != SQLITE_INTEGER && type != SQLITE_FLOAT)
			return; // a text: left to SQLite
		double x = sqlite3_value_double(value);
		bool lower = op == SQLITE_INDEX_CONSTRAINT_GT || op == SQLITE_INDEX_CONSTRAINT_GE;
		bool upper = op == SQLITE_INDEX_CONSTRAINT_LT || op == SQLITE_INDEX_CONSTRAINT_LE;
		if (!upper)
			p.min = x;
		if (!lower)
			p.max = x;
		p.min_open = op == SQLITE_INDEX_CONSTRAINT_GT;
		p.max_open = op == SQLITE_INDEX_CONSTRAINT_LT;
	}
	m->predicates[m->request->n_predicates++] = p;
}

static bool instant_of(enum field f, sqlite3_value *value, int64_t *ms)
{
	if (f == FIELD_AT_MS) {
		*ms = sqlite3_value_int64(value);
		return sqlite3_value_type(value) == SQLITE_INTEGER && *ms > INT64_MIN + 2 &&
		       *ms < INT64_MAX - 2;
	}
	struct sv text = sqlite3_value_type(value) == SQLITE_TEXT ? value_text(value) : SV_NONE;
	return text.ptr && vtab_time_of(text.ptr, ms);
}

static void push_time(struct making *m, const struct plan_column *c, int op, sqlite3_value *value)
{
	int64_t ms;
	if (!instant_of(c->field, value, &ms))
		return;
	struct predicate p = {.kind = PREDICATE_TIME, .from_ms = INT64_MIN + 1, .to_ms = INT64_MAX};
	if (op != SQLITE_INDEX_CONSTRAINT_LT && op != SQLITE_INDEX_CONSTRAINT_LE)
		p.from_ms = ms;
	if (op != SQLITE_INDEX_CONSTRAINT_GT && op != SQLITE_INDEX_CONSTRAINT_GE)
		p.to_ms = ms + 1;
	m->predicates[m->request->n_predicates++] = p;
}

static void columns_wanted(const struct plan *p, uint64_t used, struct scan_columns *out)
{
	bool *const flags[FIELD_FIXED] = {
		[FIELD_RECEIVED] = &out->received,
		[FIELD_TOUCHPOINT] = &out->touchpoint,
		[FIELD_STAGE] = &out->touchpoint,
		[FIELD_OWNER] = &out->touchpoint,
		[FIELD_CHANNEL] = &out->channel,
		[FIELD_EVENT] = &out->event,
		[FIELD_SOURCE] = &out->source,
		[FIELD_AGENT] = &out->agent,
		[FIELD_LOCATION] = &out->location,
		[FIELD_PROMISE] = &out->promise,
		[FIELD_DUE] = &out->due,
		[FIELD_KEEPS] = &out->keeps,
	};
	for (uint32_t i = 0; i < p->n_columns; i++) {
		const struct plan_column *c = &p->columns[i];
		if (!plan_uses(used, i))
			continue;
		if (i < FIELD_FIXED) {
			if (flags[i])
				*flags[i] = true;
		} else if (c->slot != UINT32_MAX && c->field == FIELD_DIMENSION) {
			out->dimensions |= UINT32_C(1) << c->slot;
		} else if (c->slot != UINT32_MAX) {
			out->measures |= UINT64_C(1) << c->slot;
		}
	}
}

enum rc plan_request(const struct vtab *v, const char *index, int n_values, sqlite3_value **values,
	struct arena *arena, struct plan_scan *out, struct err *e)
{
	struct making m = {
		.v = v, .plan = v->plan, .arena = arena, .request = &out->request, .nothing = &out->nothing};
	char *at;
	*out = (struct plan_scan){0};
	out->used = strtoull(index, &at, 16);
	m.predicates = arena_array(arena, (size_t)n_values + 1, sizeof(*m.predicates));
	if (!m.predicates)
		return err_set(e, RC_NOMEM, "out of memory for the conditions");
	enum rc rc = RC_OK;
	for (int i = 0; i < n_values && rc == RC_OK; i++) {
		unsigned long column = strtoul(at, &at, 10);
		int op = (int)strtoul(at + 1, &at, 10);
		const struct plan_column *c = &m.plan->columns[column];
		if (is_name(c->field))
			rc = push_name(&m, c, op, values[i], e);
		else if (c->field == FIELD_MEASURE)
			push_measure(&m, c, op, values[i]);
		else if (c->field == FIELD_PERSON) {
			out->persons = values[i];
			out->persons_in = op == OPERATOR_IN;
		} else
			push_time(&m, c, op, values[i]);
	}
	out->request.predicates = m.predicates;
	columns_wanted(m.plan, out->used, &out->request.columns);
	return rc;
}
