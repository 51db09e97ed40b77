// SPDX-License-Identifier: Apache-2.0
// See fixture.h.
#include "fixture.h"

#include "base/mem.h"

#include <ftw.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
// cmocka wants these above first
#include <cmocka.h>

static const char corridor[] =
	"corridor: 1\n"
	"brand: Test\n"
	"timezone: America/New_York\n"
	"currency: EUR\n"
	"stages: [before, during, after]\n"
	"hours: {always: {mon-sun: [[00:00, 24:00]]}, office: {mon-fri: [[09:00, 17:00]]}}\n"
	"departments: {sales: {hours: always}, logistics: {hours: always}}\n"
	"channels: {web: digital, phone: contact-centre, dealer: partner, courier: partner}\n"
	"measures:\n"
	"  rel-expected: {min: 1, max: 7}\n"
	"  rel-perceived: {min: 1, max: 7}\n"
	"rating: {min: 1, max: 5}\n"
	"servqual: {reliability: {expected: rel-expected, perceived: rel-perceived}}\n"
	"dimensions: [product]\n"
	"touchpoints:\n"
	"  order:\n"
	"    stage: before\n"
	"    owner: sales\n"
	"    channels: [web, dealer]\n"
	"    required: true\n"
	"    after: [visit]\n"
	"    match: [{event: Ordered}]\n"
	"    expect:\n"
	"      easy: {measure: ces, at least: 5.5}\n"
	"      quick: {measure: duration, at most: 15min, for: 85%}\n"
	"  delivery:\n"
	"    stage: during\n"
	"    owner: logistics\n"
	"    channels: [courier]\n"
	"    repeat: once\n"
	"    importance: 4\n"
	"    match: [{event: Delivered}]\n"
	"    expect:\n"
	"      happy: {measure: csat, at least: 4.2}\n"
	"      quick: {measure: duration, at most: 1h, for: 50%}\n"
	"      easy: {measure: ces, at least: 3}\n"
	"  call:\n"
	"    stage: after\n"
	"    channels: [phone]\n"
	"    match: [{event: Called}]\n"
	"    expect:\n"
	"      soon: {measure: wait, at most: 2min, for: 80%}\n"
	"  visit:\n"
	"    stage: before\n"
	"    owner: sales\n"
	"    channels: [web]\n"
	"    required: true\n"
	"    match: [{event: Visited}]\n"
	"loyalty:\n"
	"  half-life: 20d\n"
	"  loss-weight: 2.5\n"
	"  purchases: [order, delivery]\n"
	"  referrals: [visit]\n"
	"  rungs:\n"
	"    low: {}\n"
	"    middle: {when: [{measure: index, at least: 30}, {measure: interactions, at least: 3}]}\n"
	"    high: {when: [{measure: tenure, at least: 10d}, {measure: purchases, at least: 2, at most: 9}]}\n"
	"    top: {when: [{measure: nps, at least: 7}, {measure: referrals, at least: 1}, {measure: index, at "
	"most: "
	"80}]}\n";

const char *const measure_names[N_M] = {"nps", "csat", "ces", "rating", "wait", "duration", "acsi-satisfaction",
	"acsi-expectancy", "acsi-ideal", "rel-expected", "rel-perceived"};

static const struct {
	const char *event, *touchpoint, *stage, *owner;
} events[] = {{"Ordered", "order", "before", "sales"}, {"Delivered", "delivery", "during", "logistics"},
	{"Called", "call", "after", NULL}, {"Visited", "visit", "before", "sales"},
	{"Strange", NULL, NULL, NULL}};
#define N_EVENTS 5
static const char *const channels[] = {NULL, "web", "phone", "dealer", "courier", "fax"};
static const char *const channel_kinds[] = {NULL, "digital", "contact-centre", "partner", "partner", NULL};
#define N_CHANNELS 6
static const char *const products[] = {NULL, "fibre", "mobile", "mobile plus"};
#define N_PRODUCTS 4
static const char *const sources[] = {"shop", "crm"};

uint64_t random_next(uint64_t *seed)
{
	*seed += 0x9e3779b97f4a7c15u;
	uint64_t z = *seed;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint32_t below(uint64_t *seed, uint32_t n)
{
	return (uint32_t)(random_next(seed) % n);
}

struct log_row log_row_new(uint32_t customer, int64_t at_ms, const char *event)
{
	struct log_row r = {.customer = customer, .at_ms = at_ms, .received_ms = at_ms, .due_ms = TIME_NONE};
	for (uint32_t i = 0; i < N_M; i++)
		r.measure[i] = (double)NAN;
	for (uint32_t i = 0; i < N_EVENTS; i++)
		if (strcmp(events[i].event, event) == 0)
			r.event = i;
	return r;
}

static void random_measures(uint64_t *seed, struct log_row *r)
{
	static const struct {
		double low;
		uint32_t n;
	} ranges[N_M] = {{0, 11}, {1, 5}, {1, 7}, {1, 5}, {0, 300}, {0, 5000}, {1, 10}, {1, 10}, {1, 10},
		{1, 7}, {1, 7}};
	for (uint32_t i = 0; i < N_M; i++)
		if (below(seed, 3) == 0)
			r->measure[i] = ranges[i].low + (double)below(seed, ranges[i].n);
	if (below(seed, 4) == 0)
		for (uint32_t i = M_ACSI1; i <= M_ACSI3; i++)
			r->measure[i] = 1.0 + (double)below(seed, 10);
}

struct log_row log_row_random(uint64_t *seed, uint32_t n_customers)
{
	const int64_t start = INT64_C(1772323200000); // 2026-03-01T00:00Z, a week before the clocks change
	uint32_t grid = below(seed, 2) ? 1 : 100;     // hours; the coarse grid makes times coincide
	int64_t at = start + (int64_t)below(seed, 2000 / grid) * grid * 3600000;
	struct log_row r = log_row_new(1 + below(seed, n_customers), at, events[below(seed, N_EVENTS)].event);
	r.received_ms = at + (int64_t)below(seed, 1000) - (below(seed, 20) == 0 ? 3600000 : 0);
	r.channel = below(seed, N_CHANNELS);
	r.agent = below(seed, 8);
	r.product = below(seed, N_PRODUCTS);
	r.source = below(seed, 2);
	random_measures(seed, &r);
	if (below(seed, 3) == 0) {
		r.promise = 1 + below(seed, 6);
		if (below(seed, 5))
			r.due_ms = at + (int64_t)below(seed, 400 / grid) * grid * 3600000;
	}
	if (below(seed, 3) == 0)
		r.keeps = 1 + below(seed, 6);
	return r;
}

bool log_row_said(const struct log_row *r)
{
	return (r->at_ms / 3600000 * 5 + r->event + r->channel) % 7 == 3;
}

static enum rc add_row(const struct design *d, struct batch *b, const struct log_row *r, struct err *e)
{
	char text[7][64];
	struct interaction x = {
		.at_ms = r->at_ms, .received_ms = r->received_ms, .due_ms = TIME_NONE, .n_identities = 1};
	snprintf(text[0], 64, "m-%u", r->arrival);
	snprintf(text[1], 64, "c-%u", r->customer);
	snprintf(text[2], 64, "agent-%u", r->agent);
	uint32_t of = r->promises_of ? r->promises_of : r->customer;
	snprintf(text[3], 64, "p-%u-%u", of, r->promise);
	snprintf(text[4], 64, "p-%u-%u", of, r->keeps);
	snprintf(text[6], 64, "said %u", r->arrival);
	x.id = sv_from(text[0]);
	x.text = log_row_said(r) ? sv_from(text[6]) : SV_NONE;
	x.identities[0] = (struct identity){SV("user"), sv_from(text[1])};
	x.event = sv_from(events[r->event].event);
	x.source = sv_from(sources[r->source]);
	x.channel = sv_from(channels[r->channel]);
	x.agent = r->agent ? sv_from(text[2]) : SV_NONE;
	x.promise = r->promise ? sv_from(text[3]) : SV_NONE;
	x.due_ms = r->promise ? r->due_ms : TIME_NONE;
	x.keeps = r->keeps ? sv_from(text[4]) : SV_NONE;
	uint32_t path = design_path_find(d, SV("properties.product"));
	if (path != DESIGN_NONE && r->product)
		x.paths[path] = sv_from(products[r->product]);
	for (uint32_t i = 0; i < N_M; i++)
		if (!isnan(r->measure[i]))
			x.measures[x.n_measures++] = (struct measure_value){
				design_measure_find(d, sv_from(measure_names[i])), r->measure[i]};
	design_resolve(d, &x);
	return batch_add(b, &x, e);
}

static void must(enum rc rc, const struct err *e)
{
	char text[1024];
	if (rc != RC_OK)
		fail_msg("%s", err_format(e, text, sizeof(text)));
}

static int by_journey(const void *x, const void *y)
{
	const struct log_row *a = x, *b = y;
	if (a->customer != b->customer)
		return a->customer < b->customer ? -1 : 1;
	if (a->at_ms != b->at_ms)
		return a->at_ms < b->at_ms ? -1 : 1;
	return (a->arrival > b->arrival) - (a->arrival < b->arrival);
}

// Appended in four batches; sealed after the first, the second and the third, so that there are several segments
// and an inbox.
struct fixture *fixture_of(const struct log_row *rows, uint32_t n)
{
	struct err e = ERR_NONE;
	struct fixture *f = mem_calloc(1, sizeof(*f));
	assert_non_null(f);
	assert_true(n <= LOG_MAX);
	if (n)
		memcpy(f->rows, rows, n * sizeof(*rows));
	f->n = n;
	for (uint32_t i = 0; i < n; i++)
		f->rows[i].arrival = i;
	snprintf(f->dir, sizeof(f->dir), "/tmp/corridor-measure-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	must(design_parse(sv_from(corridor), "test.yaml", &f->design, NULL, &e), &e);
	must(store_create(f->dir, sv_from(corridor), "test.yaml", SV("test"), &e), &e);
	must(store_open(f->dir, NULL, &f->store, &e), &e);
	struct batch *b = batch_new(f->design);
	assert_non_null(b);
	for (uint32_t part = 0; part < 4; part++) {
		for (uint32_t i = n * part / 4; i < n * (part + 1) / 4; i++)
			must(add_row(f->design, b, &f->rows[i], &e), &e);
		struct append_result result;
		if (batch_count(b) == 0)
			continue;
		must(store_append(f->store, &b, 1, &result, NULL, NULL, &e), &e);
		assert_int_equal(result.n_duplicates, 0);
		batch_clear(b);
		if (part < 3)
			must(store_seal(f->store, &e), &e);
	}
	batch_free(&b);
	must(snapshot_open(f->store, &f->snapshot, &e), &e);
	qsort(f->rows, n, sizeof(*f->rows), by_journey);
	return f;
}

void fixture_append(struct fixture *f, const struct log_row *rows, uint32_t n)
{
	struct err e = ERR_NONE;
	struct append_result result;
	struct batch *b = batch_new(f->design);
	assert_non_null(b);
	for (uint32_t i = 0; i < n; i++)
		must(add_row(f->design, b, &rows[i], &e), &e);
	must(store_append(f->store, &b, 1, &result, NULL, NULL, &e), &e);
	assert_int_equal(result.n_duplicates, 0);
	batch_free(&b);
	snapshot_close(&f->snapshot);
	must(snapshot_open(f->store, &f->snapshot, &e), &e);
}

struct fixture *fixture_random(uint64_t seed, uint32_t n, uint32_t n_customers)
{
	struct log_row *rows = mem_calloc(n + 1, sizeof(*rows));
	assert_non_null(rows);
	for (uint32_t i = 0; i < n; i++)
		rows[i] = log_row_random(&seed, n_customers);
	struct fixture *f = fixture_of(rows, n);
	mem_free(rows);
	return f;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
	(void)info;
	(void)type;
	(void)walk;
	return remove(path);
}

void fixture_free(struct fixture **p)
{
	struct fixture *f = *p;
	snapshot_close(&f->snapshot);
	store_close(&f->store);
	design_free(&f->design);
	nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	mem_free(f);
	*p = NULL;
}

// --- labels ---

const char *row_touchpoint_name(const struct log_row *r)
{
	return events[r->event].touchpoint;
}

static const char *or_none(const char *s)
{
	return s ? s : "(none)";
}

const char *row_label(const struct fixture *f, const struct log_row *r, const char *by, char out[64])
{
	if (strcmp(by, "touchpoint") == 0)
		return events[r->event].touchpoint ? events[r->event].touchpoint : "(unmatched)";
	if (strcmp(by, "stage") == 0)
		return or_none(events[r->event].stage);
	if (strcmp(by, "owner") == 0)
		return or_none(events[r->event].owner);
	if (strcmp(by, "channel") == 0)
		return or_none(channels[r->channel]);
	if (strcmp(by, "channel-kind") == 0)
		return or_none(channel_kinds[r->channel]);
	if (strcmp(by, "event") == 0)
		return events[r->event].event;
	if (strcmp(by, "source") == 0)
		return sources[r->source];
	if (strcmp(by, "product") == 0)
		return or_none(products[r->product]);
	if (strcmp(by, "agent") == 0) {
		snprintf(out, 64, r->agent ? "agent-%u" : "(none)", r->agent);
		return out;
	}
	int64_t year, local = tz_to_local(f->design->tz, r->at_ms);
	unsigned month, day;
	civil_from_days(local / 86400000, &year, &month, &day);
	if (strcmp(by, "month") == 0)
		snprintf(out, 64, "%04d-%02u", (int)year, month);
	else
		snprintf(out, 64, "%04d-%02u-%02u", (int)year, month, day);
	return out;
}

// --- questions ---

struct words {
	struct query q;
	struct sv where[16];
	struct query_param params[64];
};

static void read_words(struct words *w, const char *analysis, const char *const *words)
{
	*w = (struct words){.q = {.analysis = sv_from(analysis), .where = w->where, .params = w->params}};
	for (; *words; words++) {
		struct sv value, name = sv_cut(sv_from(*words), '=', &value);
		int64_t number;
		if (sv_equal(name, SV("by")))
			while (value.ptr)
				w->q.by[w->q.n_by++] = sv_cut(value, ',', &value);
		else if (sv_equal(name, SV("where")))
			w->where[w->q.n_where++] = value;
		else if (sv_equal(name, SV("from")))
			w->q.from = value;
		else if (sv_equal(name, SV("to")))
			w->q.to = value;
		else if (sv_equal(name, SV("limit")))
			w->q.limit = sv_to_i64(value, &number) ? (uint32_t)number : 0;
		else if (sv_equal(name, SV("threads")))
			w->q.threads = sv_to_i64(value, &number) ? (unsigned)number : 0;
		else
			w->params[w->q.n_params++] = (struct query_param){name, value};
	}
}

struct result *ask(const struct fixture *f, const char *analysis, const char *const *words)
{
	struct words w;
	struct result *r = NULL;
	struct err e = ERR_NONE;
	read_words(&w, analysis, words);
	must(query_run(f->snapshot, &w.q, &r, &e), &e);
	assert_non_null(r);
	return r;
}

void ask_wrong(const struct fixture *f, const char *analysis, const char *const *words, const char *wanted)
{
	struct words w;
	struct result *r = NULL;
	struct err e = ERR_NONE;
	read_words(&w, analysis, words);
	enum rc rc = query_run(f->snapshot, &w.q, &r, &e);
	assert_null(r);
	if (rc != RC_USAGE || (!strstr(e.message, wanted) && !strstr(e.remedy, wanted)))
		fail_msg("“%s”, “%s” does not say “%s”", e.message, e.remedy, wanted);
}

uint32_t column_of(const struct result *r, const char *name)
{
	for (uint32_t i = 0; i < r->n_columns; i++)
		if (strcmp(r->columns[i].name, name) == 0)
			return i;
	fail_msg("no column %s", name);
	return 0;
}

double number_at(const struct result *r, uint32_t row, const char *column)
{
	assert_true(row < r->n_rows);
	const struct cell *c = &r->cells[(size_t)row * r->n_columns + column_of(r, column)];
	return c->null ? (double)NAN : c->number;
}

struct sv text_at(const struct result *r, uint32_t row, const char *column)
{
	assert_true(row < r->n_rows);
	const struct cell *c = &r->cells[(size_t)row * r->n_columns + column_of(r, column)];
	return c->null ? SV_NONE : c->text;
}

uint32_t row_of(const struct result *r, const char *const *labels, uint32_t n)
{
	for (uint32_t i = 0; i < r->n_rows; i++) {
		bool same = true;
		for (uint32_t k = 0; k < n; k++)
			same = same &&
			       sv_equal(r->cells[(size_t)i * r->n_columns + k].text, sv_from(labels[k]));
		if (same)
			return i;
	}
	return UINT32_MAX;
}

double column_sum(const struct result *r, const char *column)
{
	double sum = 0.0;
	for (uint32_t i = 0; i < r->n_rows; i++)
		sum += isnan(number_at(r, i, column)) ? 0.0 : number_at(r, i, column);
	return sum;
}

void assert_near(double got, double wanted, double tolerance)
{
	if (isnan(got) && isnan(wanted))
		return;
	if (!(fabs(got - wanted) <= tolerance))
		fail_msg("%.17g is not %.17g ± %g", got, wanted, tolerance);
}
