// SPDX-License-Identifier: Apache-2.0
// Fields that parameters name (--of, --match), lists of parameters, and calendar buckets as SQL for ClickHouse.
//
// Calendar buckets that are counted with are consecutive numbers: days since 1970, ISO weeks since that of 1970-01-01,
// months, quarters and years since year 0.
#include "measure/clickhouse_internal.h"

#include "measure/paths_steps.h"

#include <inttypes.h>

// --- calendar ---

#define EPOCH "toDate32('1970-01-01')"

// %X: a date, %N: the number of a bucket.
static const struct {
	const char *unit, *number, *date, *label;
	int64_t days; // of a bucket when time is counted in whole days
} calendar[] = {
	{"day", "toInt64(toInt32(%X))", "addDays(" EPOCH ", %N)", "toString(%X)", 1},
	{"week", "toInt64(floor((toInt32(%X) + 3) / 7))", "addDays(" EPOCH ", %N * 7 - 3)",
		"concat(leftPad(toString(intDiv(toYearWeek(%X, 3), 100)), 4, '0'), '-W', "
		"leftPad(toString(toYearWeek(%X, 3) % 100), 2, '0'))",
		7},
	{"month", "toInt64(toYear(%X) * 12 + toMonth(%X) - 1)", "addMonths(" EPOCH ", %N - 23640)",
		"substring(toString(%X), 1, 7)", 30},
	{"quarter", "toInt64(toYear(%X) * 4 + toQuarter(%X) - 1)", "addMonths(" EPOCH ", %N * 3 - 23640)",
		"concat(substring(toString(%X), 1, 4), '-Q', toString(toQuarter(%X)))", 91},
	{"year", "toInt64(toYear(%X))", "addYears(" EPOCH ", %N - 1970)", "substring(toString(%X), 1, 4)", 365},
};
#define N_CALENDAR (sizeof(calendar) / sizeof(calendar[0]))

static size_t calendar_find(struct sv unit)
{
	size_t i = 0;
	while (i < N_CALENDAR && !sv_equal(unit, sv_from(calendar[i].unit)))
		i++;
	return i;
}

// what: 'X' or 'N', the place that `value` fills.
static void put_filled(struct buf *out, const char *pattern, char what, struct sv value)
{
	for (const char *p = pattern; *p; p++) {
		if (p[0] == '%' && p[1] == what) {
			buf_sv(out, value);
			p++;
		} else {
			buf_char(out, *p);
		}
	}
}

static void put_date(struct buf *out, size_t unit, struct sv number)
{
	put_filled(out, calendar[unit].date, 'N', number);
}

static void put_of_date(struct buf *out, const char *pattern, struct buf *date)
{
	put_filled(out, pattern, 'X', buf_view(date));
	if (date->rc != RC_OK)
		out->rc = date->rc;
	buf_free(date);
}

bool sql_calendar(
	struct buf *out, const struct run *run, enum calendar_sql what, struct sv unit, struct sv value)
{
	size_t u = calendar_find(unit);
	if (u == N_CALENDAR)
		return false;
	struct buf date = buf_new(1u << 24);
	switch (what) {
	case CALENDAR_OF_TIME:
		buf_printf(&date, "toDate32(fromUnixTimestamp64Milli(%.*s, ", SV_ARG(value));
		sql_text(&date, run->design->timezone);
		buf_str(&date, "))");
		put_of_date(out, calendar[u].number, &date);
		return true;
	case CALENDAR_OF_DAY:
		put_date(&date, 0, value);
		put_of_date(out, calendar[u].number, &date);
		return true;
	case CALENDAR_LABEL:
		put_date(&date, u, value);
		put_of_date(out, calendar[u].label, &date);
		return true;
	case CALENDAR_FIRST_DAY:
		buf_str(out, "toInt32(");
		put_date(out, u, value);
		buf_char(out, ')');
		break;
	case CALENDAR_START:
		buf_str(out, "toDateTime64(");
		put_date(out, u, value);
		buf_str(out, ", 0, ");
		sql_text(out, run->design->timezone);
		buf_char(out, ')');
		break;
	case CALENDAR_LENGTH:
		buf_printf(out, "%" PRId64, calendar[u].days * 86400000);
		break;
	}
	buf_free(&date);
	return true;
}

// --- fields ---

static void put_field(struct buf *out, const struct run *run, struct sv name)
{
	uint32_t dimension = design_dimension_find(run->design, name);
	buf_str(out, "toString(");
	if (dimension != DESIGN_NONE)
		sql_dimension(out, run->design, dimension);
	else
		sql_name(out, name);
	buf_char(out, ')');
}

static void put_rank(struct buf *out, const struct run *run, const struct attribute *a, struct sv value)
{
	if (!a->rank) {
		buf_printf(out, "%.*s = '', %.*s", SV_ARG(value), SV_ARG(value));
		return;
	}
	buf_printf(out, "transform(%.*s, [''", SV_ARG(value));
	for (uint32_t i = 1; i < a->n_values; i++) {
		buf_str(out, ", ");
		sql_text(out, attribute_label(run, a, i));
	}
	buf_printf(out, "], [%u", a->rank[0]);
	for (uint32_t i = 1; i < a->n_values; i++)
		buf_printf(out, ", %u", a->rank[i]);
	buf_str(out, "], 4294967295)");
}

enum rc sql_field(
	struct buf *out, struct run *run, enum field_sql what, struct sv name, struct sv value, struct err *e)
{
	struct attribute a;
	if (what == FIELD_COLUMN) {
		put_field(out, run, name);
		return RC_OK;
	}
	enum rc rc = attribute_open(run, name, &a, e);
	if (rc != RC_OK)
		return rc;
	if (what == FIELD_ORDER) {
		put_rank(out, run, &a, value);
		return RC_OK;
	}
	buf_printf(out, "if(%.*s = '', ", SV_ARG(value));
	sql_text(out, attribute_label(run, &a, 0));
	buf_printf(out, ", %.*s)", SV_ARG(value));
	return RC_OK;
}

void sql_strata(struct buf *out, const struct run *run, struct sv list, struct sv tenure, struct sv prior)
{
	struct sv rest = sv_equal(sv_trim(list), SV("none")) ? SV_NONE : list;
	buf_char(out, '0');
	while (rest.ptr) {
		struct sv name = sv_trim(sv_cut(rest, ',', &rest));
		buf_str(out, ", ");
		if (sv_equal(name, SV("tenure")))
			buf_sv(out, tenure);
		else if (sv_equal(name, SV("prior")))
			buf_sv(out, prior);
		else if (!sql_time_unit(out, run, name))
			put_field(out, run, name);
	}
}

// --- parameters ---

enum rc sql_gap(struct buf *out, struct run *run, const char *param, struct err *e)
{
	int64_t ms;
	enum rc rc = step_gap_open(run, param, &ms, e);
	if (rc == RC_OK)
		buf_printf(out, "%" PRId64, ms);
	return rc;
}

void sql_filters(struct buf *out, const struct run *run, const char *param)
{
	const char *comma = "[";
	for (const struct param_value *v = run_param(run, param); v; v = v->next, comma = ", ") {
		buf_printf(out, "%stoUInt8(", comma);
		sql_filter(out, run, v->filter);
		buf_char(out, ')');
	}
	buf_char(out, ']');
}

void sql_texts(struct buf *out, const struct run *run, const char *param)
{
	const char *comma = "[";
	for (const struct param_value *v = run_param(run, param); v; v = v->next, comma = ", ") {
		buf_str(out, comma);
		sql_text(out, v->text);
	}
	buf_char(out, ']');
}
