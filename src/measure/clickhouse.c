// SPDX-License-Identifier: Apache-2.0
// Renders an analysis's SQL template for one question; the slots are described in clickhouse.h, one row of `slots`
// each. The question's words are read by run_open, as for the store itself: what SQL asks is what query_run answers.
#include "measure/clickhouse_internal.h"

#include "base/number.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define ARGS_MAX 7u
#define DEPTH_MAX 8u
#define T_TABLE 199u // degrees of freedom whose quantiles are listed; beyond, the series is exact

struct render {
	struct run *run;
	struct buf *out;
	unsigned depth;
	struct err *e;
};

static enum rc expand(struct render *r, struct sv text);

// A mistake in a template, which the unit test of all templates finds.
static enum rc broken(struct render *r, struct sv slot)
{
	return err_set(r->e, RC_CORRUPT, "the SQL template of “%s” has a wrong slot “%.*s”",
		r->run->analysis->name, SV_ARG(slot));
}

// --- keys ---

// pattern: %u is the number of the key.
static void put_keys(struct render *r, const char *before, const char *between, const char *after)
{
	uint32_t n = grouping_keys(r->run);
	for (uint32_t i = 0; i < n; i++)
		buf_printf(r->out, "%s_k%u", i ? between : before, i + 1);
	if (n)
		buf_str(r->out, after);
}

static enum rc slot_keys(struct render *r, const struct sv *args, uint32_t n)
{
	(void)args;
	(void)n;
	put_keys(r, "", ", ", ", ");
	return RC_OK;
}

static enum rc slot_keys_behind(struct render *r, const struct sv *args, uint32_t n)
{
	(void)args;
	(void)n;
	put_keys(r, ", ", ", ", "");
	return RC_OK;
}

static enum rc slot_unpack(struct render *r, const struct sv *args, uint32_t n)
{
	int64_t first;
	(void)n;
	if (!sv_to_i64(args[1], &first))
		return broken(r, args[1]);
	for (uint32_t i = 0; i < grouping_keys(r->run); i++)
		buf_printf(r->out, "%.*s.%u AS _k%u, ", SV_ARG(args[0]), (unsigned)first + i, i + 1);
	return RC_OK;
}

static enum rc slot_group(struct render *r, const struct sv *args, uint32_t n)
{
	if (grouping_keys(r->run) || n)
		buf_str(r->out, "GROUP BY ");
	put_keys(r, "", ", ", n ? ", " : "");
	if (n)
		buf_sv(r->out, args[0]);
	return RC_OK;
}

static enum rc slot_by(struct render *r, const struct sv *args, uint32_t n)
{
	(void)args;
	(void)n;
	for (uint32_t i = 0; i < grouping_keys(r->run); i++) {
		sql_label(r->out, r->run, i);
		buf_str(r->out, " AS ");
		sql_name(r->out, grouping_key_name(r->run, i));
		buf_str(r->out, ", ");
	}
	return RC_OK;
}

static enum rc slot_order(struct render *r, const struct sv *args, uint32_t n)
{
	uint32_t n_keys = grouping_keys(r->run);
	if (n_keys || n)
		buf_str(r->out, "ORDER BY ");
	for (uint32_t i = 0; i < n_keys; i++) {
		buf_str(r->out, i ? ", " : "");
		if (!grouping_is_time(r->run, i))
			buf_printf(r->out, "_k%u = '', ", i + 1);
		buf_printf(r->out, "_k%u", i + 1);
	}
	if (n)
		buf_printf(r->out, "%s%.*s", n_keys ? ", " : "", SV_ARG(args[0]));
	return RC_OK;
}

static enum rc slot_shown(struct render *r, const struct sv *args, uint32_t n)
{
	(void)n;
	buf_sv(r->out, r->run->query->n_by ? args[0] : SV("1"));
	return RC_OK;
}

// --- rows ---

static void put_key_columns(struct render *r)
{
	for (uint32_t i = 0; i < grouping_keys(r->run); i++) {
		buf_str(r->out, ", ");
		sql_key(r->out, r->run, i);
		buf_printf(r->out, " AS _k%u", i + 1);
	}
}

static enum rc slot_rows(struct render *r, const struct sv *args, uint32_t n)
{
	(void)args;
	(void)n;
	buf_str(r->out, "(SELECT *");
	put_key_columns(r);
	buf_str(r->out, " FROM interactions WHERE ");
	sql_where(r->out, r->run);
	buf_char(r->out, ')');
	return RC_OK;
}

static enum rc slot_all(struct render *r, const struct sv *args, uint32_t n)
{
	(void)args;
	(void)n;
	buf_str(r->out, "(SELECT *, ");
	sql_where(r->out, r->run);
	buf_str(r->out, " AS _keep");
	put_key_columns(r);
	buf_str(r->out, " FROM interactions)");
	return RC_OK;
}

static enum rc slot_ledger(struct render *r, const struct sv *args, uint32_t n)
{
	struct buf *out = r->out;
	buf_str(out,
		"(SELECT countIf(_e.2 = 0) AS _n_made, countIf(_e.2 = 1) AS _n_kept, "
		"argMinIf(_row, (at, arrival), _e.2 = 0) AS _made, argMinIf(_row, (at, arrival), _e.2 = 1) AS "
		"_kept "
		"FROM (SELECT person, at, arrival, tuple(at, due, _keep");
	if (n > 1)
		buf_printf(out, ", %.*s", SV_ARG(args[1]));
	put_keys(r, ", ", ", ", "");
	buf_str(out, ") AS _row, arrayJoin([(promise, 0), (keeps, 1)]) AS _e FROM ");
	slot_all(r, NULL, 0);
	buf_printf(out,
		" WHERE (promise != 0 OR keeps != 0) AND at <= %.*s) WHERE _e.1 != 0 GROUP BY person, _e.1)",
		SV_ARG(args[0]));
	return RC_OK;
}

// --- parameters ---

static const struct param *param_find(const struct run *run, struct sv name)
{
	for (uint32_t i = 0; i < run->analysis->n_params; i++)
		if (sv_equal(name, sv_from(run->analysis->params[i].name)))
			return &run->analysis->params[i];
	return NULL;
}

static enum rc slot_param(struct render *r, const struct sv *args, uint32_t n)
{
	const struct param *p = param_find(r->run, args[0]);
	(void)n;
	if (!p)
		return broken(r, args[0]);
	const struct param_value *v = run_param(r->run, p->name);
	if (!v->present)
		buf_str(r->out, "NULL");
	else if (p->type == PARAM_TIME)
		buf_printf(r->out, "%" PRId64, v->time_ms);
	else if (p->type == PARAM_FLAG)
		buf_char(r->out, v->flag ? '1' : '0');
	else if (p->type == PARAM_INTEGER)
		buf_printf(r->out, "%.0f", v->number);
	else if (p->type == PARAM_NUMBER || p->type == PARAM_DURATION)
		sql_number(r->out, v->number);
	else
		sql_text(r->out, v->text);
	return RC_OK;
}

static enum rc slot_filter(struct render *r, const struct sv *args, uint32_t n)
{
	const struct param *p = param_find(r->run, args[0]);
	(void)n;
	if (!p || p->type != PARAM_FILTER)
		return broken(r, args[0]);
	const struct param_value *v = run_param(r->run, p->name);
	if (v->present)
		sql_filter(r->out, r->run, v->filter);
	else
		buf_char(r->out, '1');
	return RC_OK;
}

// "NAME", "NAME=CHOICE".
static enum rc holds(struct render *r, struct sv condition, bool *out)
{
	struct sv choice, name = sv_cut(condition, '=', &choice);
	const struct param *p = param_find(r->run, name);
	if (!p)
		return broken(r, condition);
	const struct param_value *v = run_param(r->run, p->name);
	*out = choice.ptr ? sv_equal(v->text, choice) : p->type == PARAM_FLAG ? v->flag : v->present;
	return RC_OK;
}

// --- values ---

static enum rc slot_zone(struct render *r, const struct sv *args, uint32_t n)
{
	(void)args;
	(void)n;
	sql_text(r->out, r->run->design->timezone);
	return RC_OK;
}

static enum rc slot_time(struct render *r, const struct sv *args, uint32_t n)
{
	(void)n;
	buf_printf(r->out, "fromUnixTimestamp64Milli(%.*s, ", SV_ARG(args[0]));
	sql_text(r->out, r->run->design->timezone);
	buf_char(r->out, ')');
	return RC_OK;
}

static enum rc slot_seconds(struct render *r, const struct sv *args, uint32_t n)
{
	(void)n;
	buf_printf(r->out, "if(isFinite(%.*s), %.*s / 1000, NULL) AS %.*s", SV_ARG(args[1]), SV_ARG(args[1]),
		SV_ARG(args[0]));
	return RC_OK;
}

static enum rc no_memory(struct render *r)
{
	return err_set(r->e, RC_NOMEM, "out of memory for SQL");
}

// V[i] + (h - i)·(V[i + 1] - V[i]) with h = (n - 1)·p; arrays count from 1 and give 0 beyond their end.
static enum rc slot_quantile(struct render *r, const struct sv *args, uint32_t n)
{
	const char *v = args[1].ptr; // of the arena, so they end in NUL
	struct sv text = arena_printf(r->run->scratch, "((length(%s) - 1) * %s)", v, args[2].ptr);
	const char *h = text.ptr;
	(void)n;
	if (!h)
		return no_memory(r);
	buf_printf(r->out,
		"if(empty(%s), NULL, (%s[toUInt64(floor(%s)) + 1] + (%s - floor(%s)) * (%s[toUInt64(ceil(%s)) "
		"+ 1] - %s[toUInt64(floor(%s)) + 1])) / 1000) AS %s",
		v, v, h, h, h, v, h, v, h, args[0].ptr);
	return RC_OK;
}

// Wilson (1927), as stats_wilson.
static enum rc slot_share(struct render *r, const struct sv *args, uint32_t n)
{
	char z[NUMBER_TEXT_MAX], squared[NUMBER_TEXT_MAX];
	const char *k = arena_printf(r->run->scratch, "(%s)", args[1].ptr).ptr;
	const char *of = arena_printf(r->run->scratch, "(%s)", args[2].ptr).ptr;
	(void)n;
	if (!k || !of)
		return no_memory(r);
	number_from_double(STATS_Z95, z);
	number_from_double(STATS_Z95 * STATS_Z95, squared);
	buf_printf(r->out, "if(%s > 0, %s / %s, NULL) AS %s, ", of, k, of, args[0].ptr);
	for (int high = 0; high < 2; high++)
		buf_printf(r->out,
			"multiIf(%s <= 0, NULL, %s %s %s, %s, (%s / %s + %s / (2 * %s) %c %s * sqrt(%s / %s * "
			"(1 "
			"- %s / %s) / %s + %s / (4. * %s * %s))) / (1 + %s / %s)) AS %s_%s%s",
			of, k, high ? ">=" : "<=", high ? of : "0", high ? "1" : "0", k, of, squared, of,
			high ? '+' : '-', z, k, of, k, of, of, squared, of, of, squared, of, args[0].ptr,
			high ? "high" : "low", high ? "" : ", ");
	return RC_OK;
}

// Student's t at 0.975 for n - 1 degrees of freedom: _t lists the small ones; beyond, Abramowitz & Stegun 26.7.5.
static void put_t(struct buf *out, const char *n)
{
	const double x = STATS_Z95, s = x * x;
	const double g[4] = {x * (s + 1.0) / 4.0, x * ((5.0 * s + 16.0) * s + 3.0) / 96.0,
		x * (((3.0 * s + 19.0) * s + 17.0) * s - 15.0) / 384.0,
		x * ((((79.0 * s + 776.0) * s + 1482.0) * s - 1920.0) * s - 945.0) / 92160.0};
	buf_printf(out, "if(%s <= %u, _t[toUInt64(%s - 1)], ", n, T_TABLE + 1, n);
	sql_number(out, x);
	for (int i = 0; i < 4; i++) {
		buf_str(out, " + ");
		sql_number(out, g[i]);
		buf_printf(out, " / pow(%s - 1, %d)", n, i + 1);
	}
	buf_char(out, ')');
}

static enum rc slot_mean(struct render *r, const struct sv *args, uint32_t n)
{
	const char *sum = args[2].ptr, *squares = args[3].ptr;
	const char *of = arena_printf(r->run->scratch, "(%s)", args[1].ptr).ptr;
	const char *mean = arena_printf(r->run->scratch, "(%s + %s / (%s))", args[4].ptr, sum, args[1].ptr).ptr;
	if (!of || !mean)
		return no_memory(r);
	buf_printf(r->out, "if(%s > 0, %s, NULL) AS %s", of, mean, args[0].ptr);
	for (int high = 0; high < 2; high++) {
		buf_printf(r->out, ", if(%s > 1, ", of);
		bool within = n > 5u + (uint32_t)high; // as stats_within, from args[5], up to args[6] or open
		if (within)
			buf_printf(r->out, high ? "max2(%s, min2(%s, " : "min2(%s, max2(%s, ", mean,
				args[high ? 6 : 5].ptr);
		buf_printf(r->out, "%s %c sqrt(max2(0, %s - %s * %s / %s) / (%s - 1) / %s) * ", mean,
			high ? '+' : '-', squares, sum, sum, of, of, of);
		put_t(r->out, of);
		buf_printf(
			r->out, "%s, NULL) AS %s_%s", within ? "))" : "", args[0].ptr, high ? "high" : "low");
	}
	return RC_OK;
}

static enum rc slot_design(struct render *r, const struct sv *args, uint32_t n)
{
	(void)n;
	return sql_design(r->out, r->run, args[0]) ? RC_OK : broken(r, args[0]);
}

static enum rc put_calendar(struct render *r, enum calendar_sql what, const struct sv *args, struct sv value)
{
	const struct param *p = param_find(r->run, args[0]);
	struct sv unit = p ? run_param(r->run, p->name)->text : args[0];
	return sql_calendar(r->out, r->run, what, unit, value) ? RC_OK : broken(r, args[0]);
}

static enum rc slot_bucket(struct render *r, const struct sv *args, uint32_t n)
{
	(void)n;
	return put_calendar(r, CALENDAR_OF_TIME, args, args[1]);
}

static enum rc slot_bucket_of_day(struct render *r, const struct sv *args, uint32_t n)
{
	(void)n;
	return put_calendar(r, CALENDAR_OF_DAY, args, args[1]);
}

static enum rc slot_bucket_label(struct render *r, const struct sv *args, uint32_t n)
{
	(void)n;
	return put_calendar(r, CALENDAR_LABEL, args, args[1]);
}

static enum rc slot_bucket_start(struct render *r, const struct sv *args, uint32_t n)
{
	(void)n;
	return put_calendar(r, CALENDAR_START, args, args[1]);
}

static enum rc slot_bucket_day(struct render *r, const struct sv *args, uint32_t n)
{
	(void)n;
	return put_calendar(r, CALENDAR_FIRST_DAY, args, args[1]);
}

static enum rc slot_bucket_ms(struct render *r, const struct sv *args, uint32_t n)
{
	(void)n;
	return put_calendar(r, CALENDAR_LENGTH, args, SV_NONE);
}

static enum rc put_field_of(struct render *r, enum field_sql what, const struct sv *args, struct sv value)
{
	const struct param *p = param_find(r->run, args[0]);
	if (!p)
		return broken(r, args[0]);
	return sql_field(r->out, r->run, what, run_param(r->run, p->name)->text, value, r->e);
}

static enum rc slot_field(struct render *r, const struct sv *args, uint32_t n)
{
	(void)n;
	return put_field_of(r, FIELD_COLUMN, args, SV_NONE);
}

static enum rc slot_label(struct render *r, const struct sv *args, uint32_t n)
{
	(void)n;
	return put_field_of(r, FIELD_LABEL, args, args[1]);
}

static enum rc slot_rank(struct render *r, const struct sv *args, uint32_t n)
{
	(void)n;
	return put_field_of(r, FIELD_ORDER, args, args[1]);
}

static void put_bound(struct buf *out, int64_t ms, const char *open)
{
	if (ms == TIME_NONE)
		buf_str(out, open);
	else
		buf_printf(out, "%" PRId64, ms);
}

static enum rc slot_from(struct render *r, const struct sv *args, uint32_t n)
{
	(void)args;
	(void)n;
	put_bound(r->out, r->run->from_ms, "-9223372036854775808");
	return RC_OK;
}

static enum rc slot_to(struct render *r, const struct sv *args, uint32_t n)
{
	(void)args;
	(void)n;
	put_bound(r->out, r->run->to_ms, "9223372036854775807");
	return RC_OK;
}

static enum rc slot_ms(struct render *r, const struct sv *args, uint32_t n)
{
	const struct param *p = param_find(r->run, args[0]);
	(void)n;
	if (!p || p->type != PARAM_DURATION)
		return broken(r, args[0]);
	const struct param_value *v = run_param(r->run, p->name);
	put_bound(r->out, v->present ? llround(v->number * 1000.0) : TIME_NONE, "9223372036854775807");
	return RC_OK;
}

static enum rc slot_gap(struct render *r, const struct sv *args, uint32_t n)
{
	const struct param *p = param_find(r->run, args[0]);
	(void)n;
	return p ? sql_gap(r->out, r->run, p->name, r->e) : broken(r, args[0]);
}

static enum rc slot_filters(struct render *r, const struct sv *args, uint32_t n)
{
	const struct param *p = param_find(r->run, args[0]);
	(void)n;
	if (!p || p->type != PARAM_FILTER || !p->repeated)
		return broken(r, args[0]);
	sql_filters(r->out, r->run, p->name);
	return RC_OK;
}

static enum rc slot_texts(struct render *r, const struct sv *args, uint32_t n)
{
	const struct param *p = param_find(r->run, args[0]);
	(void)n;
	if (!p)
		return broken(r, args[0]);
	sql_texts(r->out, r->run, p->name);
	return RC_OK;
}

static enum rc slot_strata(struct render *r, const struct sv *args, uint32_t n)
{
	const struct param *p = param_find(r->run, args[0]);
	(void)n;
	if (!p)
		return broken(r, args[0]);
	const struct param_value *v = run_param(r->run, p->name);
	sql_strata(r->out, r->run, v->present ? v->text : args[1], args[2], args[3]);
	return RC_OK;
}

static enum rc slot_measure(struct render *r, const struct sv *args, uint32_t n)
{
	const struct param *p = param_find(r->run, args[0]);
	uint32_t measure =
		p ? design_measure_find(r->run->design, run_param(r->run, p->name)->text) : DESIGN_NONE;
	(void)n;
	if (measure == DESIGN_NONE)
		return broken(r, args[0]);
	sql_measure(r->out, r->run->design, measure);
	return RC_OK;
}

// For what is used twice, and because compilers need not take literals longer than 4095 characters.
static enum rc slot_part(struct render *r, const struct sv *args, uint32_t n)
{
	int64_t i;
	(void)n;
	if (!sv_to_i64(args[0], &i) || i < 0 || i >= r->run->analysis->n_clickhouse_parts)
		return broken(r, args[0]);
	return expand(r, sv_from(r->run->analysis->clickhouse_parts[i]));
}

static enum rc slot_refuse(struct render *r, const struct sv *args, uint32_t n)
{
	const struct param *p = param_find(r->run, args[0]);
	if (!p)
		return broken(r, args[0]);
	struct sv text = p->type == PARAM_FLAG ? SV_NONE : run_param(r->run, p->name)->text;
	err_set(r->e, RC_USAGE, "%s with --%s%s%.*s has no SQL", r->run->analysis->name, p->name,
		text.len ? " " : "", SV_ARG(text));
	err_remedy(r->e, "ask it without --sql%s%.*s", n > 1 ? ", or " : "", SV_ARG(n > 1 ? args[1] : SV("")));
	return RC_USAGE;
}

// --- the template ---

static const struct slot {
	const char *name;
	enum rc (*put)(struct render *r, const struct sv *args, uint32_t n);
	uint32_t n_least, n_most;
} slots[] = {
	{"rows", slot_rows, 0, 0},
	{"all", slot_all, 0, 0},
	{"keys", slot_keys, 0, 0},
	{",keys", slot_keys_behind, 0, 0},
	{"unpack", slot_unpack, 2, 2},
	{"group", slot_group, 0, 1},
	{"by", slot_by, 0, 0},
	{"order", slot_order, 0, 1},
	{"shown", slot_shown, 1, 1},
	{"zone", slot_zone, 0, 0},
	{"param", slot_param, 1, 1},
	{"filter", slot_filter, 1, 1},
	{"ledger", slot_ledger, 1, 2},
	{"time", slot_time, 1, 1},
	{"seconds", slot_seconds, 2, 2},
	{"quantile", slot_quantile, 3, 3},
	{"share", slot_share, 3, 3},
	{"mean", slot_mean, 5, 7},
	{"design", slot_design, 1, 1},
	{"bucket", slot_bucket, 2, 2},
	{"bucket-of-day", slot_bucket_of_day, 2, 2},
	{"bucket-label", slot_bucket_label, 2, 2},
	{"bucket-start", slot_bucket_start, 2, 2},
	{"bucket-day", slot_bucket_day, 2, 2},
	{"bucket-ms", slot_bucket_ms, 1, 1},
	{"field", slot_field, 1, 1},
	{"label", slot_label, 2, 2},
	{"rank", slot_rank, 2, 2},
	{"from", slot_from, 0, 0},
	{"to", slot_to, 0, 0},
	{"ms", slot_ms, 1, 1},
	{"gap", slot_gap, 1, 1},
	{"filters", slot_filters, 1, 1},
	{"texts", slot_texts, 1, 1},
	{"strata", slot_strata, 4, 4},
	{"measure", slot_measure, 1, 1},
	{"part", slot_part, 1, 1},
	{"refuse", slot_refuse, 1, 2},
};

// The length of the slot at the start of text, braces included; 0 when it does not end.
static size_t slot_length(struct sv text)
{
	unsigned depth = 0;
	for (size_t i = 0; i < text.len; i++) {
		depth += text.ptr[i] == '{';
		depth -= text.ptr[i] == '}';
		if (depth == 0)
			return i + 1;
	}
	return 0;
}

static struct sv rest_from(struct sv text, size_t at)
{
	return (struct sv){text.ptr + at, text.len - at};
}

// An argument may hold slots itself.
static enum rc expand_argument(struct render *r, struct sv text, struct sv *out)
{
	struct buf inner = buf_new(1u << 26), *outer = r->out;
	r->out = &inner;
	enum rc rc = expand(r, text);
	r->out = outer;
	if (rc == RC_OK)
		rc = buf_check(&inner, r->e, "SQL");
	if (rc == RC_OK) {
		*out = arena_copy(r->run->scratch, inner.len ? buf_view(&inner) : SV(""));
		if (!out->ptr)
			rc = err_set(r->e, RC_NOMEM, "out of memory for SQL");
	}
	buf_free(&inner);
	return rc;
}

// Cuts at the next `|` outside of braces.
static struct sv cut_argument(struct sv text, struct sv *rest)
{
	unsigned depth = 0;
	for (size_t i = 0; i < text.len; i++) {
		depth += text.ptr[i] == '{';
		depth -= text.ptr[i] == '}';
		if (text.ptr[i] == '|' && depth == 0) {
			*rest = rest_from(text, i + 1);
			return (struct sv){text.ptr, i};
		}
	}
	*rest = SV_NONE;
	return text;
}

static enum rc put_slot(struct render *r, struct sv inside)
{
	struct sv rest, name = sv_cut(inside, ':', &rest), args[ARGS_MAX];
	uint32_t n = 0;
	while (rest.ptr) {
		if (n == ARGS_MAX)
			return broken(r, inside);
		enum rc rc = expand_argument(r, cut_argument(rest, &rest), &args[n++]);
		if (rc != RC_OK)
			return rc;
	}
	for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++)
		if (sv_equal(name, sv_from(slots[i].name)) && n >= slots[i].n_least && n <= slots[i].n_most)
			return slots[i].put(r, args, n);
	return broken(r, inside);
}

// text starts with {if:…}: its two branches and what comes after {end}.
static bool split_if(struct sv text, struct sv *yes, struct sv *no, struct sv *rest)
{
	size_t start = slot_length(text), at = start, other = 0;
	unsigned depth = 1;
	while (at < text.len) {
		struct sv here = rest_from(text, at);
		size_t length = here.ptr[0] == '{' ? slot_length(here) : 1;
		if (length == 0)
			return false;
		depth += sv_starts(here, SV("{if:"));
		depth -= sv_starts(here, SV("{end}"));
		if (depth == 1 && sv_starts(here, SV("{else}")))
			other = at;
		if (depth == 0) {
			size_t yes_end = other ? other : at, no_start = other ? other + strlen("{else}") : at;
			*yes = (struct sv){text.ptr + start, yes_end - start};
			*no = (struct sv){text.ptr + no_start, at - no_start};
			*rest = rest_from(text, at + length);
			return true;
		}
		at += length;
	}
	return false;
}

static enum rc expand_if(struct render *r, struct sv text, struct sv *rest)
{
	struct sv yes, no, condition = {text.ptr + strlen("{if:"), slot_length(text) - strlen("{if:}")};
	bool chosen = false;
	if (!split_if(text, &yes, &no, rest))
		return broken(r, text);
	enum rc rc = holds(r, condition, &chosen);
	return rc == RC_OK ? expand(r, chosen ? yes : no) : rc;
}

static enum rc expand(struct render *r, struct sv text)
{
	if (++r->depth > DEPTH_MAX)
		return broken(r, text);
	enum rc rc = RC_OK;
	while (rc == RC_OK && text.len) {
		const char *brace = memchr(text.ptr, '{', text.len);
		size_t plain = brace ? (size_t)(brace - text.ptr) : text.len;
		buf_put(r->out, text.ptr, plain);
		text = rest_from(text, plain);
		size_t length = text.len ? slot_length(text) : 0;
		if (text.len && !length)
			rc = broken(r, text);
		else if (sv_starts(text, SV("{if:")))
			rc = expand_if(r, text, &text);
		else if (length) {
			rc = put_slot(r, (struct sv){text.ptr + 1, length - 2});
			text = rest_from(text, length);
		}
	}
	r->depth--;
	return rc;
}

// --- the statement ---

static void put_question(struct render *r)
{
	const struct query *q = r->run->query;
	buf_printf(r->out, "-- %s", r->run->analysis->name);
	for (uint32_t i = 0; i < grouping_keys(r->run); i++) {
		buf_str(r->out, i ? ", " : " by ");
		sql_name(r->out, grouping_key_name(r->run, i));
	}
	for (uint32_t i = 0; i < q->n_where; i++) {
		buf_str(r->out, i ? " and " : " where ");
		sql_text(r->out, q->where[i]);
	}
	buf_str(r->out, q->limit ? "; all rows: --limit has no SQL\n" : "\n");
}

static void put_t_table(struct buf *out)
{
	buf_str(out, "WITH [");
	for (uint32_t df = 1; df <= T_TABLE; df++) {
		buf_str(out, df > 1 ? ", " : "");
		sql_number(out, stats_t_quantile(0.975, df));
	}
	buf_str(out, "] AS _t\n");
}

enum rc query_clickhouse_sql(struct snapshot *sn, const struct query *q, struct buf *out, struct err *e)
{
	struct err local = ERR_NONE;
	struct run *run;
	if (run_open(sn, q, &run, &local) != RC_OK)
		return err_take(e, &local);
	const char *template = run->analysis->clickhouse;
	struct render r = {.run = run, .out = out, .e = &local};
	enum rc rc = RC_OK;
	if (!template) {
		rc = err_set(&local, RC_USAGE, "the analysis “%s” has no SQL", run->analysis->name);
		err_remedy(&local, "ask it without --sql");
	}
	if (rc == RC_OK && run->person_fields) {
		rc = err_set(&local, RC_USAGE,
			"fields of the person (index, ladder, tenure, first., last.) have no SQL");
		err_remedy(&local, "ask it without --sql, or without these fields");
	}
	for (uint32_t i = 0; rc == RC_OK && i < run->request.n_predicates; i++)
		if (run->predicates[i].kind == PREDICATE_TEXT) {
			rc = err_set(&local, RC_USAGE,
				"filters on the text have no SQL: texts are not in the table");
			err_remedy(&local, "ask it without --sql, or without this filter");
		}
	if (rc == RC_OK) {
		put_question(&r);
		if (strstr(template, "{mean:"))
			put_t_table(out);
		rc = expand(&r, sv_from(template));
		buf_char(out, '\n');
	}
	if (rc == RC_OK)
		rc = buf_check(out, &local, "SQL");
	run_close(&run);
	return rc == RC_OK ? RC_OK : err_take(e, &local);
}
