// SPDX-License-Identifier: Apache-2.0
// The corridor map in one answer: experience, volume and promises of every touch point, with their course over time.
//
// All of it is asked of one snapshot, so that the numbers fit together. What is an expectation, a touch point or a
// bucket of time comes from the corridor file and the period; the analyses only fill in numbers, found by their names.
#include "api/alerts.h"
#include "measure/stats.h"

#include <stdlib.h>

enum { BUCKETS_MAX = 1000, DAYS_BY_DAY = 45, DAYS_BY_WEEK = 200 };
#define DAY_MS INT64_C(86400000)

static const struct bucket_unit {
	const char *name;
	enum tz_unit unit;
} units[] = {
	{"day", TZ_DAY}, {"week", TZ_WEEK}, {"month", TZ_MONTH}, {"quarter", TZ_QUARTER}, {"year", TZ_YEAR}};
enum { UNIT_DAY, UNIT_WEEK, UNIT_MONTH };

enum answer { GAP, GAP_BEFORE, GAP_COURSE, VOLUME_COURSE, CUSTOMERS, PROMISES, N_ANSWERS };

struct overview {
	struct api_call *c;
	struct snapshot *snapshot;
	const struct design *design;
	const struct bucket_unit *unit;
	struct tz_buckets buckets;
	struct result *r[N_ANSWERS];
	// Rows of the answers, -1: none. By expectation; by expectation × bucket; by touch point.
	int64_t *gap_row, *before_row, *course_row, *promise_row;
	struct alert_facts alerts;
	double *volume; // by touch point (the last: none) × bucket
	uint64_t unmatched;
};

// --- reading answers ---

static void write_cell(struct json *j, const struct result *r, int64_t row, const char *name)
{
	const struct cell *c = answer_cell(r, row, name);
	if (!c)
		json_null(j);
	else if (c->text.ptr)
		json_string(j, c->text);
	else
		json_double(j, c->number);
}

static void write_member(struct json *j, const struct result *r, int64_t row, const char *name)
{
	json_key(j, name);
	write_cell(j, r, row, name);
}

static uint32_t bucket_of(const struct overview *o, struct sv label)
{
	uint32_t low = 0, high = o->buckets.n;
	while (low < high) { // labels of one unit are in order of their bytes
		uint32_t middle = low + (high - low) / 2;
		int order = sv_compare(o->buckets.label[middle], label);
		if (order == 0)
			return middle;
		low = order < 0 ? middle + 1 : low;
		high = order < 0 ? high : middle;
	}
	return UINT32_MAX;
}

static uint32_t expectation_of(const struct design *d, struct sv touchpoint, struct sv name)
{
	uint32_t t = design_touchpoint_find(d, touchpoint);
	for (uint32_t i = 0; t != DESIGN_NONE && i < d->touchpoints[t].n_expectations; i++)
		if (sv_equal(d->expectations[d->touchpoints[t].first_expectation + i].name, name))
			return d->touchpoints[t].first_expectation + i;
	return DESIGN_NONE;
}

// --- asking ---

static enum rc ask(struct overview *o, enum answer which, const struct query *base, const char *analysis,
	const char *const *by, struct err *e)
{
	struct query q = *base;
	static const struct query_param customers = {{"customers", 9}, {"true", 4}};
	q.analysis = sv_from(analysis);
	q.params = which == CUSTOMERS ? &customers : NULL;
	q.n_params = which == CUSTOMERS;
	for (q.n_by = 0; by[q.n_by]; q.n_by++)
		q.by[q.n_by] = sv_from(by[q.n_by]);
	return query_run(o->snapshot, &q, &o->r[which], e);
}

static enum rc ask_all(struct overview *o, const struct query *q, struct err *e)
{
	const char *unit = o->unit->name;
	const struct {
		enum answer which;
		const char *analysis, *by[3];
	} questions[] = {{GAP_COURSE, "gap", {unit}}, {VOLUME_COURSE, "volume", {"touchpoint", unit}},
		{CUSTOMERS, "volume", {NULL}}, {PROMISES, "promises", {"touchpoint"}}};
	enum rc rc = RC_OK;
	for (size_t i = 0; rc == RC_OK && i < sizeof(questions) / sizeof(questions[0]); i++)
		rc = ask(o, questions[i].which, q, questions[i].analysis, questions[i].by, e);
	return rc;
}

// The gaps in as much time before the period, for what got worse. A share tells nothing of that time.
static enum rc ask_before(struct overview *o, const struct query *q, struct err *e)
{
	const struct result *r = o->r[GAP];
	struct snapshot_stats stats;
	struct query before = *q;
	char from[40], to[40];
	snapshot_stats(o->snapshot, &stats);
	if (o->c->share || r->from_ms == TIME_NONE || stats.first_ms == TIME_NONE ||
		r->from_ms <= stats.first_ms)
		return RC_OK;
	int64_t end = r->to_ms == TIME_NONE || r->to_ms > stats.last_ms ? stats.last_ms + 1 : r->to_ms;
	if (end <= r->from_ms)
		return RC_OK;
	before.from = sv_from(tz_format(o->design->tz, r->from_ms - (end - r->from_ms), from));
	before.to = sv_from(tz_format(o->design->tz, r->from_ms, to));
	return ask(o, GAP_BEFORE, &before, "gap", (const char *const[]){NULL}, e);
}

// --- the period and its buckets ---

static enum rc choose_unit(struct overview *o, int64_t from_ms, int64_t to_ms, struct err *e)
{
	struct sv name = http_query(o->c->x, "bucket", 0);
	int64_t days = (to_ms - from_ms) / DAY_MS;
	o->unit = &units[days <= DAYS_BY_DAY ? UNIT_DAY : days <= DAYS_BY_WEEK ? UNIT_WEEK : UNIT_MONTH];
	if (name.len == 0)
		return RC_OK;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (sv_equal(name, sv_from(units[i].name))) {
			o->unit = &units[i];
			return RC_OK;
		}
	return err_set(e, RC_USAGE, "bucket=%.*s: day, week, month, quarter or year is expected", SV_ARG(name));
}

// An open end of the period is where the data ends.
static enum rc open_buckets(struct overview *o, struct err *e)
{
	struct snapshot_stats stats;
	snapshot_stats(o->snapshot, &stats);
	const struct result *r = o->r[GAP];
	bool empty = stats.first_ms == TIME_NONE;
	int64_t now = o->c->api->clock->now_ms(o->c->api->clock);
	int64_t from = r->from_ms != TIME_NONE ? r->from_ms : empty ? now - DAY_MS : stats.first_ms;
	int64_t to = r->to_ms != TIME_NONE ? r->to_ms : (empty ? now : stats.last_ms) + 1;
	if (to <= from)
		to = from + 1;
	enum rc rc = choose_unit(o, from, to, e);
	if (rc == RC_OK)
		rc = tz_buckets_make(
			o->design->tz, o->unit->unit, from, to, http_arena(o->c->x), &o->buckets, e);
	if (rc == RC_OK && o->buckets.n > BUCKETS_MAX)
		rc = err_set(e, RC_USAGE, "the period has %u buckets (%s), more than %u: take a longer bucket",
			o->buckets.n, o->unit->name, (unsigned)BUCKETS_MAX);
	return rc;
}

// --- finding rows ---

static int64_t *no_rows(struct overview *o, size_t n)
{
	int64_t *rows = arena_array(http_arena(o->c->x), n + 1, sizeof(*rows));
	for (size_t i = 0; rows && i < n; i++)
		rows[i] = -1;
	return rows;
}

static void find_expectations(const struct design *d, const struct result *r, int64_t *row)
{
	for (uint32_t i = 0; r && i < r->n_rows; i++) {
		uint32_t x =
			expectation_of(d, answer_text(r, i, "touchpoint"), answer_text(r, i, "expectation"));
		if (x != DESIGN_NONE)
			row[x] = i;
	}
}

static void find_gaps(struct overview *o)
{
	const struct result *course = o->r[GAP_COURSE];
	find_expectations(o->design, o->r[GAP], o->gap_row);
	find_expectations(o->design, o->r[GAP_BEFORE], o->before_row);
	for (uint32_t i = 0; i < course->n_rows; i++) {
		uint32_t x = expectation_of(
			o->design, answer_text(course, i, "touchpoint"), answer_text(course, i, "expectation"));
		uint32_t b = bucket_of(o, answer_text(course, i, o->unit->name));
		if (x != DESIGN_NONE && b != UINT32_MAX)
			o->course_row[(size_t)x * o->buckets.n + b] = i;
	}
}

static void find_volumes(struct overview *o)
{
	const struct result *r = o->r[VOLUME_COURSE];
	for (uint32_t i = 0; i < r->n_rows; i++) {
		uint32_t t = design_touchpoint_find(o->design, answer_text(r, i, "touchpoint"));
		uint32_t b = bucket_of(o, answer_text(r, i, o->unit->name));
		double n = answer_number(r, i, "interactions", 0);
		if (t == DESIGN_NONE)
			o->unmatched += (uint64_t)n;
		else if (b != UINT32_MAX)
			o->volume[(size_t)t * o->buckets.n + b] += n;
	}
}

static enum rc find_rows(struct overview *o, struct err *e)
{
	const struct design *d = o->design;
	o->gap_row = no_rows(o, d->n_expectations);
	o->before_row = no_rows(o, d->n_expectations);
	o->course_row = no_rows(o, (size_t)d->n_expectations * o->buckets.n);
	o->promise_row = no_rows(o, d->n_touchpoints);
	o->volume = arena_array(
		http_arena(o->c->x), (size_t)d->n_touchpoints * o->buckets.n + 1, sizeof(*o->volume));
	if (!o->gap_row || !o->before_row || !o->course_row || !o->promise_row || !o->volume)
		return err_set(e, RC_NOMEM, "out of memory for the overview");
	find_gaps(o);
	find_volumes(o);
	for (uint32_t i = 0; i < o->r[PROMISES]->n_rows; i++) {
		uint32_t t = design_touchpoint_find(d, answer_text(o->r[PROMISES], i, "touchpoint"));
		if (t != DESIGN_NONE)
			o->promise_row[t] = i;
	}
	o->alerts = (struct alert_facts){.arena = http_arena(o->c->x),
		.design = d,
		.gap = o->r[GAP],
		.before = o->r[GAP_BEFORE],
		.promises = o->r[PROMISES],
		.gap_row = o->gap_row,
		.before_row = o->before_row,
		.promise_row = o->promise_row};
	o->alerts.widen = alerts_widening(&o->alerts);
	return RC_OK;
}

// --- writing ---

static void write_course(struct json *j, const struct overview *o, uint32_t x)
{
	static const char *const series[] = {"n", "gap", "experience", "share_kept", "verdict"};
	json_key(j, "trend");
	json_object(j);
	for (size_t s = 0; s < sizeof(series) / sizeof(series[0]); s++) {
		json_key(j, series[s]);
		json_array(j);
		for (uint32_t b = 0; b < o->buckets.n; b++)
			write_cell(j, o->r[GAP_COURSE], o->course_row[(size_t)x * o->buckets.n + b], series[s]);
		json_array_end(j);
	}
	json_object_end(j);
}

static void write_expectation(struct json *j, const struct overview *o, uint32_t x)
{
	static const char *const columns[] = {"gap", "gap_low", "gap_high", "experience", "experience_low",
		"experience_high", "share_kept", "share_kept_low", "share_kept_high"};
	const struct expectation *x_of = &o->design->expectations[x];
	const struct result *r = o->r[GAP];
	int64_t row = o->gap_row[x];
	json_object(j);
	json_key_string(j, "key", x_of->name);
	json_key_string(j, "measure", o->design->measures[x_of->measure].name);
	json_key_string(j, "unit", o->design->measures[x_of->measure].unit);
	json_key_double(j, "n", answer_number(r, row, "n", 0));
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		write_member(j, r, row, columns[i]);
	json_key_double(j, "target", x_of->target);
	json_key_text(j, "direction", x_of->direction == EXPECT_AT_LEAST ? "at least" : "at most");
	json_key_double(j, "scale", x_of->scale);
	json_key_double(j, "share_target", x_of->share);
	struct sv verdict = answer_text(r, row, "verdict");
	json_key_string(j, "verdict", verdict.len ? verdict : SV("no data"));
	write_course(j, o, x);
	json_object_end(j);
}

static void write_promises(struct json *j, const struct result *r, int64_t row)
{
	static const char *const columns[] = {
		"made", "kept", "broken", "overdue", "open", "share_kept", "share_kept_low", "share_kept_high"};
	json_key(j, "promises");
	if (answer_number(r, row, "made", 0) <= 0) {
		json_null(j);
		return;
	}
	json_object(j);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		write_member(j, r, row, columns[i]);
	json_object_end(j);
}

// Each promise was made at one touch point or at none, so those of the rows are all.
static void write_all_promises(struct json *j, const struct result *r)
{
	static const char *const counts[] = {"made", "kept", "broken", "overdue", "open"};
	enum { MADE, KEPT, BROKEN, OVERDUE, OPEN, COUNTS };
	double sum[COUNTS] = {0};
	for (uint32_t row = 0; row < r->n_rows; row++)
		for (size_t i = 0; i < COUNTS; i++)
			sum[i] += answer_number(r, row, counts[i], 0);
	json_key(j, "promises");
	if (sum[MADE] <= 0) {
		json_null(j);
		return;
	}
	struct estimate share = stats_wilson(sum[KEPT], sum[KEPT] + sum[BROKEN] + sum[OVERDUE]);
	json_object(j);
	for (size_t i = 0; i < COUNTS; i++)
		json_key_double(j, counts[i], sum[i]);
	json_key_double(j, "share_kept", share.value);
	json_key_double(j, "share_kept_low", share.low);
	json_key_double(j, "share_kept_high", share.high);
	json_object_end(j);
}

static void write_touchpoint(struct json *j, const struct overview *o, uint32_t t)
{
	const struct design_touchpoint *p = &o->design->touchpoints[t];
	const double *volume = &o->volume[(size_t)t * o->buckets.n];
	double n = 0;
	json_object(j);
	json_key_string(j, "key", p->name);
	json_key(j, "volume");
	json_array(j);
	for (uint32_t b = 0; b < o->buckets.n; b++) {
		n += volume[b];
		json_double(j, volume[b]);
	}
	json_array_end(j);
	json_key_double(j, "n", n);
	json_key(j, "expectations");
	json_array(j);
	for (uint32_t i = 0; i < p->n_expectations; i++)
		write_expectation(j, o, p->first_expectation + i);
	json_array_end(j);
	write_promises(j, o->r[PROMISES], o->promise_row[t]);
	json_key(j, "alerts");
	alerts_write(j, &o->alerts, t);
	json_object_end(j);
}

static void write_texts(struct json *j, const char *key, const struct sv *items, uint32_t n)
{
	json_key(j, key);
	json_array(j);
	for (uint32_t i = 0; i < n; i++)
		json_string(j, items[i]);
	json_array_end(j);
}

// To a share of one touch point it is told what part of all its interactions are, but nothing of who and where the others
// were.
static void write_frame(struct json *j, const struct overview *o, bool whole)
{
	const struct result *gap = o->r[GAP], *customers = o->r[CUSTOMERS];
	json_key(j, "period");
	json_object(j);
	json_key_string(j, "from", gap->from);
	json_key_string(j, "to", gap->to);
	json_object_end(j);
	write_texts(j, "where", gap->where, gap->n_where);
	json_key_string(j, "timezone", gap->timezone);
	json_key_string(j, "currency", gap->currency);
	json_key_text(j, "bucket", o->unit->name);
	write_texts(j, "labels", o->buckets.label, o->buckets.n);
	json_key_u64(j, "n", customers->n);
	if (whole) {
		json_key_double(
			j, "customers", answer_number(customers, customers->n_rows ? 0 : -1, "customers", 0));
		json_key_u64(j, "unmatched", o->unmatched);
	}
	json_key_string(j, "definition", gap->definition);
	write_texts(j, "notes", gap->notes, gap->n_notes);
}

// To a share of one touch point only that one is told.
static void write_overview(const struct overview *o)
{
	struct json j = json_new(http_out(o->c->x));
	uint32_t only = share_touchpoint(o->c, o->design);
	json_object(&j);
	write_frame(&j, o, only == DESIGN_NONE);
	json_key(&j, "touchpoints");
	json_array(&j);
	for (uint32_t t = 0; t < o->design->n_touchpoints; t++)
		if (only == DESIGN_NONE || only == t)
			write_touchpoint(&j, o, t);
	json_array_end(&j);
	if (only == DESIGN_NONE)
		write_all_promises(&j, o->r[PROMISES]);
	else
		write_promises(&j, o->r[PROMISES], -1);
	json_object_end(&j);
}

// A filter on one customer makes it a story: as in interactions.c.
static enum rc keep_own(struct overview *o, struct query *q, struct err *e)
{
	enum told told = persons_told(o->c);
	if (told == TOLD_ALL || !o->r[GAP]->of_person)
		return RC_OK;
	result_free(&o->r[GAP]);
	if (told == TOLD_NONE)
		return persons_denied(e);
	enum rc rc = own_narrow(o->c, o->design, q, e);
	return rc == RC_OK ? ask(o, GAP, q, "gap", (const char *const[]){NULL}, e) : rc;
}

enum rc overview_get(struct api_call *c, struct err *e)
{
	static const char *const known[] = {"bucket", NULL};
	struct overview o = {.c = c};
	struct query q = {.threads = 0};
	enum rc rc = call_query(c, &q, known, e);
	if (rc == RC_OK)
		rc = snapshot_open(c->api->store, &o.snapshot, e);
	if (rc == RC_OK) {
		o.design = snapshot_design(o.snapshot);
		rc = ask(&o, GAP, &q, "gap", (const char *const[]){NULL}, e);
	}
	if (rc == RC_OK)
		rc = keep_own(&o, &q, e);
	if (rc == RC_OK)
		rc = open_buckets(&o, e);
	if (rc == RC_OK)
		rc = ask_before(&o, &q, e);
	if (rc == RC_OK)
		rc = ask_all(&o, &q, e);
	if (rc == RC_OK)
		rc = find_rows(&o, e);
	if (rc == RC_OK)
		write_overview(&o);
	for (size_t i = 0; i < N_ANSWERS; i++)
		result_free(&o.r[i]);
	snapshot_close(&o.snapshot);
	return rc;
}
