// SPDX-License-Identifier: Apache-2.0
// Names, literals, filters and keys as SQL for ClickHouse.
//
// Filters are those that the parser compiled: tables of codes become lists of names. A table that wants absence too
// (as != makes it) becomes NOT IN the others, so that names which this store has not met are treated alike.
#include "measure/clickhouse_internal.h"

#include "base/number.h"

#include <inttypes.h>
#include <math.h>

// --- words ---

static void put_escaped(struct buf *out, struct sv text, char quote)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if (c < 0x20 || c == 0x7f) {
			buf_printf(out, "\\x%02X", c);
			continue;
		}
		if (c == (unsigned char)quote || c == '\\')
			buf_char(out, '\\');
		buf_char(out, (char)c);
	}
}

void sql_text(struct buf *out, struct sv text)
{
	buf_char(out, '\'');
	put_escaped(out, text, '\'');
	buf_char(out, '\'');
}

void sql_name(struct buf *out, struct sv name)
{
	buf_char(out, '`');
	put_escaped(out, name, '`');
	buf_char(out, '`');
}

void sql_number(struct buf *out, double v)
{
	char text[NUMBER_TEXT_MAX];
	number_from_double(v, text);
	bool whole = strpbrk(text, ".einf") == NULL;
	buf_printf(out, v < 0 ? "(%s%s)" : "%s%s", text, whole ? "." : "");
}

const char *sql_prefix(struct sv name, const char *kind)
{
	return sv_equal(name, SV("arrival")) || sv_starts(name, SV("_")) ? kind : "";
}

static void put_declared(struct buf *out, struct sv name, const char *kind)
{
	buf_char(out, '`');
	buf_str(out, sql_prefix(name, kind));
	put_escaped(out, name, '`');
	buf_char(out, '`');
}

void sql_measure(struct buf *out, const struct design *d, uint32_t measure)
{
	put_declared(out, d->measures[measure].name, SQL_MEASURE);
}

void sql_dimension(struct buf *out, const struct design *d, uint32_t dimension)
{
	put_declared(out, d->dimensions[dimension], SQL_DIMENSION);
}

// --- filters ---

static const struct {
	const char *name;
	enum name_kind kind;
} code_columns[CODE_DIMENSION0] = {[CODE_TOUCHPOINT] = {"touchpoint", NAME_TOUCHPOINT},
	[CODE_CHANNEL] = {"channel", NAME_CHANNEL},
	[CODE_EVENT] = {"event", NAME_EVENT},
	[CODE_SOURCE] = {"source", NAME_SOURCE},
	[CODE_AGENT] = {"agent", NAME_AGENT},
	[CODE_LOCATION] = {"location", NAME_LOCATION}};

static enum name_kind put_code_column(struct buf *out, const struct run *run, enum code_column column)
{
	if (column < CODE_DIMENSION0) {
		sql_name(out, sv_from(code_columns[column].name));
		return code_columns[column].kind;
	}
	uint32_t slot = (uint32_t)(column - CODE_DIMENSION0);
	for (uint32_t i = 0; i < run->design->n_dimensions; i++)
		if (names_dimension_slot(run->names, run->design, i) == slot)
			sql_dimension(out, run->design, i);
	return (enum name_kind)(NAME_DIMENSION0 + (int)slot);
}

static void put_codes(struct buf *out, const struct run *run, const struct predicate *p)
{
	bool absent = p->n_codes && p->code_wanted[NAME_NONE];
	uint32_t n_listed = 0, n_names = p->n_codes ? p->n_codes - 1 : 0;
	for (uint32_t code = 1; code < p->n_codes; code++)
		n_listed += (p->code_wanted[code] != 0) != absent;
	if (p->column >= CODE_COLUMNS || n_listed == 0) {
		buf_str(out, absent ? "1" : "0");
		return;
	}
	enum name_kind kind = put_code_column(out, run, p->column);
	if (absent && n_listed == n_names) {
		buf_str(out, " = ''");
		return;
	}
	buf_str(out, absent ? " NOT IN (" : " IN (");
	const char *comma = "";
	for (uint32_t code = 1; code < p->n_codes; code++) {
		if ((p->code_wanted[code] != 0) == absent)
			continue;
		buf_str(out, comma);
		sql_text(out, names_at(run->names, kind, code));
		comma = ", ";
	}
	buf_char(out, ')');
}

static void put_measure_range(struct buf *out, const struct run *run, const struct predicate *p)
{
	struct sv name = names_at(run->names, NAME_MEASURE, p->measure_slot + 1);
	uint32_t measure = design_measure_find(run->design, name);
	buf_str(out, "ifNull(");
	const char *and = "";
	if (p->min > (double)-INFINITY) {
		sql_measure(out, run->design, measure);
		buf_str(out, p->min_open ? " > " : " >= ");
		sql_number(out, p->min);
		and = " AND ";
	}
	if (p->max < (double)INFINITY) {
		buf_str(out, and);
		sql_measure(out, run->design, measure);
		buf_str(out, p->max_open ? " < " : " <= ");
		sql_number(out, p->max);
		and = " AND ";
	}
	if (!and[0]) {
		sql_measure(out, run->design, measure);
		buf_str(out, " IS NOT NULL");
	}
	buf_str(out, p->wanted_absent ? ", 1)" : ", 0)");
}

static void put_period(struct buf *out, const struct predicate *p)
{
	if (p->from_ms > INT64_MIN)
		buf_printf(out, "at >= %" PRId64, p->from_ms);
	if (p->to_ms < INT64_MAX)
		buf_printf(out, "%sat < %" PRId64, p->from_ms > INT64_MIN ? " AND " : "", p->to_ms);
	if (p->from_ms == INT64_MIN && p->to_ms == INT64_MAX)
		buf_char(out, '1');
}

static void put_predicate(struct buf *out, const struct run *run, const struct predicate *p)
{
	switch (p->kind) {
	case PREDICATE_TIME:
		put_period(out, p);
		break;
	case PREDICATE_CODES:
		put_codes(out, run, p);
		break;
	case PREDICATE_MEASURE:
		put_measure_range(out, run, p);
		break;
	case PREDICATE_TEXT: // query_clickhouse_sql refuses it
		break;
	case PREDICATE_PERSON:
		buf_printf(out, "person = %" PRIu64, p->person);
		break;
	}
}

void sql_filter(struct buf *out, const struct run *run, const struct filter_node *node)
{
	buf_str(out, node->kind == FILTER_NOT ? "(NOT " : "(");
	if (node->kind != FILTER_CONDITION)
		sql_filter(out, run, node->a);
	else if (node->never)
		buf_char(out, '0');
	else
		put_predicate(out, run, &node->predicate);
	if (node->kind == FILTER_AND || node->kind == FILTER_OR) {
		buf_str(out, node->kind == FILTER_AND ? " AND " : " OR ");
		sql_filter(out, run, node->b);
	}
	buf_char(out, ')');
}

void sql_where(struct buf *out, const struct run *run)
{
	const char *and = "";
	for (uint32_t i = 0; i < run->request.n_predicates; i++, and = " AND ") {
		buf_str(out, and);
		buf_char(out, '(');
		put_predicate(out, run, &run->predicates[i]);
		buf_char(out, ')');
	}
	if (run->residual) {
		buf_str(out, and);
		sql_filter(out, run, run->residual);
	} else if (!run->request.n_predicates) {
		buf_char(out, '1');
	}
}

// --- keys ---

#define LOCAL "fromUnixTimestamp64Milli(at, %Z)"
#define OFFSET "timezoneOffset(" LOCAL ")"
#define YEAR "leftPad(toString(intDiv(%K, 100)), 4, '0')"
#define PART "toString(%K % 100)"

// Calendar buckets as numbers that ascend with time, and their labels (%Z: the zone, %K: the number). An hour carries
// its offset from UTC, so that one that is passed twice is two.
static const struct {
	const char *name, *bucket, *label;
} units[] = {
	{"hour", "toInt64(floor((at + " OFFSET " * 1000) / 3600000)) * 262144 + " OFFSET " + 131072",
		"concat(formatDateTime(toDateTime64(bitShiftRight(%K, 18) * 3600, 0, 'UTC'), '%Y-%m-%d %H'), "
		"':00 ', "
		"if(bitAnd(%K, 262143) < 131072, '-', '+'), "
		"formatDateTime(toDateTime(abs(toInt32(bitAnd(%K, 262143)) - 131072), 'UTC'), '%H:%i'))"},
	{"day", "toDate32(" LOCAL ")", "toString(%K)"},
	{"week", "toYearWeek(" LOCAL ", 3)", "concat(" YEAR ", '-W', leftPad(" PART ", 2, '0'))"},
	{"month", "toYYYYMM(" LOCAL ")", "concat(" YEAR ", '-', leftPad(" PART ", 2, '0'))"},
	{"quarter", "toYear(" LOCAL ") * 100 + toQuarter(" LOCAL ")", "concat(" YEAR ", '-Q', " PART ")"},
	{"year", "toYear(" LOCAL ")", "leftPad(toString(%K), 4, '0')"},
};
#define N_UNITS (sizeof(units) / sizeof(units[0]))

static void put_pattern(struct buf *out, const struct run *run, const char *pattern, uint32_t key)
{
	for (const char *p = pattern; *p; p++) {
		if (p[0] == '%' && p[1] == 'Z') {
			sql_text(out, run->design->timezone);
			p++;
		} else if (p[0] == '%' && p[1] == 'K') {
			buf_printf(out, "_k%u", key + 1);
			p++;
		} else {
			buf_char(out, *p);
		}
	}
}

static size_t unit_of(const struct run *run, uint32_t key)
{
	size_t i = 0;
	while (i < N_UNITS && !sv_equal(grouping_key_name(run, key), sv_from(units[i].name)))
		i++;
	return i;
}

bool sql_time_unit(struct buf *out, const struct run *run, struct sv name)
{
	for (size_t i = 0; i < N_UNITS; i++)
		if (sv_equal(name, sv_from(units[i].name))) {
			put_pattern(out, run, units[i].bucket, 0);
			return true;
		}
	return false;
}

void sql_key(struct buf *out, const struct run *run, uint32_t key)
{
	struct sv name = grouping_key_name(run, key);
	uint32_t dimension = design_dimension_find(run->design, name);
	if (grouping_is_time(run, key))
		put_pattern(out, run, units[unit_of(run, key)].bucket, key);
	else if (dimension != DESIGN_NONE)
		sql_dimension(out, run->design, dimension);
	else
		sql_name(out, name);
}

void sql_label(struct buf *out, const struct run *run, uint32_t key)
{
	if (grouping_is_time(run, key)) {
		put_pattern(out, run, units[unit_of(run, key)].label, key);
		return;
	}
	bool touchpoint = sv_equal(grouping_key_name(run, key), SV("touchpoint"));
	buf_printf(out, "if(_k%u = '', '%s', toString(_k%u))", key + 1, touchpoint ? "(unmatched)" : "(none)",
		key + 1);
}
