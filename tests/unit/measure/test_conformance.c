// SPDX-License-Identifier: Apache-2.0
// conformance against a slow implementation that reads the fixture's corridor as a table and looks at every pair of
// interactions of a journey; and journeys judged by hand.
#include "slow_paths.h"

#include "base/mem.h"
#include "measure/stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants these above first
#include <cmocka.h>

#define ROUNDS 12

static struct fixture *fixtures[ROUNDS];

static int setup(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ROUNDS; i++)
		fixtures[i] = fixture_random(6000 + i, 15 + i * 31, 1 + i * i);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ROUNDS; i++)
		fixture_free(&fixtures[i]);
	return 0;
}

// --- the slow way ---

// The corridor of fixture.c, in its order; the last is "unmatched".
static const struct {
	const char *name;
	int stage;
	const char *channels[3], *after;
	bool once, required;
} model[] = {{"order", 0, {"web", "dealer"}, "visit", false, true},
	{"delivery", 1, {"courier"}, NULL, true, false}, {"call", 2, {"phone"}, NULL, false, false},
	{"visit", 0, {"web"}, NULL, false, true}, {"(unmatched)", 0, {NULL}, NULL, false, false}};
#define N_MODEL 4

enum { SKIPPED, REPEATED, OUT_OF_ORDER, WRONG_CHANNEL, UNMATCHED, ANY, N_KINDS };
static const char *const kind_names[N_KINDS] = {
	"skipped", "repeated", "out of order", "wrong channel", "unmatched", "any deviation"};
static const char *const list_names[N_KINDS + 1] = {
	"skipped", "repeated", "out-of-order", "wrong-channel", "unmatched", "any", "none"};

struct group {
	char name[256];
	double n[N_MODEL + 1], conforming[N_MODEL + 1], count[N_MODEL + 1][N_KINDS];
	double fitness[LOG_MAX], perfect;
	uint32_t n_journeys;
	double with[N_KINDS], score[LOG_MAX]; // NAN: no answer
	bool deviates[LOG_MAX][N_KINDS];
};

struct question {
	const char *by;
	bool ignore;
	int measure;
	struct group *groups;
	uint32_t n_groups;
	struct slow_counts listed[N_KINDS + 1]; // customers
};

static uint32_t model_of(const struct fixture *f, const struct log_row *x)
{
	char text[64];
	for (uint32_t i = 0; i < N_MODEL; i++)
		if (strcmp(row_label(f, x, "touchpoint", text), model[i].name) == 0)
			return i;
	return N_MODEL;
}

static bool wrong_channel(const struct fixture *f, const struct log_row *x, uint32_t t)
{
	char text[64];
	const char *channel = row_label(f, x, "channel", text);
	if (strcmp(channel, "(none)") == 0)
		return false;
	for (uint32_t i = 0; i < 3 && model[t].channels[i]; i++)
		if (strcmp(model[t].channels[i], channel) == 0)
			return false;
	return true;
}

static void judge(const struct fixture *f, const struct slow_session *s, uint32_t i, bool out[N_KINDS])
{
	const struct log_row *x = &f->rows[s->row[i]];
	uint32_t t = model_of(f, x);
	bool before_seen = false, before_comes = false;
	int last_stage = -1;
	for (uint32_t k = 0; k < s->n; k++) {
		uint32_t u = model_of(f, &f->rows[s->row[k]]);
		if (u == N_MODEL)
			continue;
		bool is_after = model[t].after && strcmp(model[t].after, model[u].name) == 0;
		before_seen |= is_after && k < i;
		before_comes |= is_after && k > i;
		out[REPEATED] |= k < i && u == t && model[t].once;
		last_stage = k < i ? model[u].stage : last_stage;
	}
	out[WRONG_CHANNEL] = wrong_channel(f, x, t);
	out[OUT_OF_ORDER] = model[t].stage < last_stage || (before_comes && !before_seen);
}

static bool skips(const struct fixture *f, const struct slow_session *s, uint32_t t)
{
	bool past = false;
	for (uint32_t k = 0; k < s->n; k++) {
		uint32_t u = model_of(f, &f->rows[s->row[k]]);
		if (u == t)
			return false;
		if (u != N_MODEL)
			past |= model[u].stage > model[t].stage ||
				(model[u].after && strcmp(model[u].after, model[t].name) == 0);
	}
	return past && model[t].required;
}

static struct group *group_of(struct question *q, const char *name)
{
	for (uint32_t i = 0; i < q->n_groups; i++)
		if (strcmp(q->groups[i].name, name) == 0)
			return &q->groups[i];
	q->groups = mem_realloc(q->groups, (q->n_groups + 1) * sizeof(*q->groups));
	assert_non_null(q->groups);
	struct group *g = &q->groups[q->n_groups++];
	memset(g, 0, sizeof(*g));
	snprintf(g->name, sizeof(g->name), "%s", name);
	return g;
}

static void close_journey(struct question *q, const struct fixture *f, const struct slow_session *s,
	struct group *g, bool any[N_KINDS], double n, double conforming)
{
	double skipped = 0, answers = 0, sum = 0;
	for (uint32_t t = 0; t < N_MODEL; t++)
		if (skips(f, s, t)) {
			g->count[t][SKIPPED]++;
			any[SKIPPED] = true;
			skipped++;
		}
	if (n + skipped == 0)
		return;
	for (uint32_t i = 0; i < s->n; i++)
		if (!isnan(f->rows[s->row[i]].measure[q->measure])) {
			sum += f->rows[s->row[i]].measure[q->measure];
			answers++;
		}
	for (uint32_t k = 0; k < ANY; k++)
		any[ANY] |= any[k];
	char customer[32];
	snprintf(customer, sizeof(customer), "user:c-%u", f->rows[s->row[0]].customer);
	for (uint32_t k = 0; k < N_KINDS; k++) {
		g->with[k] += any[k];
		g->deviates[g->n_journeys][k] = any[k];
		if (any[k])
			slow_count_of(&q->listed[k], customer)->n++;
	}
	if (!any[ANY])
		slow_count_of(&q->listed[N_KINDS], customer)->n++;
	g->perfect += !any[ANY];
	g->score[g->n_journeys] = answers ? sum / answers : (double)NAN;
	g->fitness[g->n_journeys++] = conforming / (n + skipped);
}

static void see(const struct fixture *f, const struct slow_session *s, void *context)
{
	struct question *q = context;
	char name[256];
	slow_group(f, &f->rows[s->row[0]], q->by, name);
	struct group *g = group_of(q, name);
	bool any[N_KINDS] = {false};
	double n = 0, conforming = 0;
	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t t = model_of(f, &f->rows[s->row[i]]);
		bool kinds[N_KINDS] = {false}, deviates = false;
		if (t == N_MODEL && q->ignore)
			continue;
		if (t == N_MODEL)
			kinds[UNMATCHED] = true;
		else
			judge(f, s, i, kinds);
		for (uint32_t k = 0; k < N_KINDS; k++) {
			deviates |= kinds[k];
			any[k] |= kinds[k];
			g->count[t][k] += kinds[k];
		}
		g->n[t]++;
		g->conforming[t] += !deviates;
		n++;
		conforming += !deviates;
	}
	close_journey(q, f, s, g, any, n, conforming);
}

// --- comparing ---

static struct group *group_at(struct question *q, const struct result *r, uint32_t row)
{
	char name[256];
	result_group(r, row, name);
	return group_of(q, name);
}

static void check_touchpoints(struct question *q, const struct result *r)
{
	double n = 0, slow_n = 0;
	for (uint32_t row = 0; row < r->n_rows; row++) {
		struct group *g = group_at(q, r, row);
		uint32_t t = 0;
		while (!sv_equal(text_at(r, row, "at"), sv_from(model[t].name)))
			t++;
		assert_near(number_at(r, row, "n"), g->n[t], 0.0);
		struct estimate w = stats_wilson(g->conforming[t], g->n[t] + g->count[t][SKIPPED]);
		assert_near(number_at(r, row, "fitness"), w.value, 1e-12);
		assert_near(number_at(r, row, "fitness_low"), w.low, 1e-12);
		n += g->n[t] + g->count[t][SKIPPED];
		if (t == N_MODEL)
			continue;
		assert_near(number_at(r, row, "skipped"), g->count[t][SKIPPED], 0.0);
		assert_near(number_at(r, row, "repeated"), g->count[t][REPEATED], 0.0);
		assert_near(number_at(r, row, "out_of_order"), g->count[t][OUT_OF_ORDER], 0.0);
		assert_near(number_at(r, row, "wrong_channel"), g->count[t][WRONG_CHANNEL], 0.0);
	}
	for (uint32_t i = 0; i < q->n_groups; i++)
		for (uint32_t t = 0; t <= N_MODEL; t++)
			slow_n += q->groups[i].n[t] + q->groups[i].count[t][SKIPPED];
	assert_near(n, slow_n, 0.0);
}

static struct estimate mean_of(const double *v, uint32_t n)
{
	double sum = 0, squares = 0;
	for (uint32_t i = 0; i < n; i++)
		sum += v[i];
	double mean = n ? sum / n : (double)NAN;
	for (uint32_t i = 0; i < n; i++)
		squares += (v[i] - mean) * (v[i] - mean);
	double half = n > 1 ? stats_t_quantile(0.975, n - 1.0) * sqrt(squares / (n - 1.0) / n) : (double)NAN;
	return (struct estimate){mean, mean - half, mean + half};
}

static void check_journeys(struct question *q, const struct result *r)
{
	double n = 0, slow_n = 0;
	for (uint32_t row = 0; row < r->n_rows; row++) {
		struct group *g = group_at(q, r, row);
		struct estimate m = mean_of(g->fitness, g->n_journeys);
		assert_near(number_at(r, row, "journeys"), g->n_journeys, 0.0);
		assert_near(number_at(r, row, "conforming_journeys"), g->perfect, 0.0);
		assert_near(number_at(r, row, "fitness"), m.value, 1e-9);
		assert_near(number_at(r, row, "fitness_low"), m.low < 0.0 ? 0.0 : m.low, 1e-6);
		assert_near(number_at(r, row, "fitness_high"), m.high > 1.0 ? 1.0 : m.high, 1e-6);
		assert_near(number_at(r, row, "with_skipped"), g->with[SKIPPED], 0.0);
		assert_near(number_at(r, row, "with_repeated"), g->with[REPEATED], 0.0);
		assert_near(number_at(r, row, "with_out_of_order"), g->with[OUT_OF_ORDER], 0.0);
		assert_near(number_at(r, row, "with_wrong_channel"), g->with[WRONG_CHANNEL], 0.0);
		assert_near(number_at(r, row, "with_unmatched"), g->with[UNMATCHED], 0.0);
		n += g->n_journeys;
	}
	for (uint32_t i = 0; i < q->n_groups; i++)
		slow_n += q->groups[i].n_journeys;
	assert_near(n, slow_n, 0.0);
}

static void check_scores(struct question *q, const struct result *r)
{
	static double v[2][LOG_MAX];
	const double least = q->measure == M_CSAT ? 1.0 : 0.0, most = q->measure == M_CSAT ? 5.0 : 10.0;
	for (uint32_t row = 0; row < r->n_rows; row++) {
		struct group *g = group_at(q, r, row);
		uint32_t kind = 0, n[2] = {0, 0};
		while (!sv_equal(text_at(r, row, "deviation"), sv_from(kind_names[kind])))
			kind++;
		for (uint32_t i = 0; i < g->n_journeys; i++)
			if (!isnan(g->score[i])) {
				uint32_t side = g->deviates[i][kind] ? 0 : 1;
				v[side][n[side]++] = g->score[i];
			}
		struct estimate with = mean_of(v[0], n[0]), without = mean_of(v[1], n[1]);
		assert_near(number_at(r, row, "journeys"), g->with[kind], 0.0);
		assert_near(number_at(r, row, "n_with"), n[0], 0.0);
		assert_near(number_at(r, row, "n_without"), n[1], 0.0);
		assert_near(number_at(r, row, "mean_with"), with.value, 1e-9);
		assert_near(number_at(r, row, "mean_with_low"), with.low < least ? least : with.low, 1e-5);
		assert_near(number_at(r, row, "mean_with_high"), with.high > most ? most : with.high, 1e-5);
		assert_near(number_at(r, row, "mean_without"), without.value, 1e-9);
		assert_near(number_at(r, row, "difference"), with.value - without.value, 1e-9);
		if (n[0] < 2 || n[1] < 2)
			continue;
		// Standard errors from the half widths of the two intervals.
		double se = (with.high - with.value) / stats_t_quantile(0.975, n[0] - 1.0);
		double sf = (without.high - without.value) / stats_t_quantile(0.975, n[1] - 1.0);
		double a = se * se, b = sf * sf;
		if (a + b < 1e-9)
			continue;
		double df = (a + b) * (a + b) / (a * a / (n[0] - 1.0) + b * b / (n[1] - 1.0));
		assert_near(number_at(r, row, "difference_high") - number_at(r, row, "difference"),
			stats_t_quantile(0.975, df) * sqrt(a + b), 1e-5);
	}
}

static void check_list(const struct slow_counts *wanted, const struct result *r)
{
	assert_int_equal(r->n_rows, wanted->n);
	for (uint32_t row = 0; row < r->n_rows; row++) {
		char customer[64];
		snprintf(customer, sizeof(customer), "%.*s", SV_ARG(text_at(r, row, "customer")));
		struct slow_count *c = slow_count_find(wanted, customer);
		assert_non_null(c);
		assert_near(number_at(r, row, "times"), c->n, 0.0);
	}
}

static void check(const struct fixture *f, const char *const *words)
{
	const char *show = word_value(words, "show"), *gap = word_value(words, "gap"),
		   *score = word_value(words, "score"), *persons = word_value(words, "persons"),
		   *unmatched = word_value(words, "unmatched");
	struct question q = {.by = word_value(words, "by"),
		.ignore = unmatched && strcmp(unmatched, "ignore") == 0,
		.measure = score && strcmp(score, "csat") == 0 ? M_CSAT : M_NPS};
	slow_sessions(f, word_value(words, "where"), gap ? strtoll(gap, NULL, 10) * 3600000 : -1, see, &q);
	struct result *r = ask(f, "conformance", words);
	for (uint32_t k = 0; persons && k <= N_KINDS; k++)
		if (strcmp(persons, list_names[k]) == 0)
			check_list(&q.listed[k], r);
	if (!persons && !show)
		check_touchpoints(&q, r);
	else if (!persons && strcmp(show, "journeys") == 0)
		check_journeys(&q, r);
	else if (!persons)
		check_scores(&q, r);
	for (uint32_t k = 0; k <= N_KINDS; k++)
		slow_counts_free(&q.listed[k]);
	mem_free(q.groups);
	result_free(&r);
}

static const char *const shows[] = {NULL, "show=journeys", "show=scores"};
static const char *const gaps[] = {NULL, "gap=12h", "gap=100h"};
static const char *const bys[] = {NULL, "by=channel", "by=month,source"};
static const char *const wheres[] = {NULL, "where=channel != web"};
static const char *const unmatched[] = {NULL, "unmatched=ignore"};
static const char *const scores[] = {NULL, "score=csat"};
#define PICK(list) (list)[random_next(&seed) % (sizeof(list) / sizeof((list)[0]))]

static void all_options(void **state)
{
	(void)state;
	uint64_t seed = 13;
	for (uint32_t k = 0; k < 1000; k++) {
		const char *words[16];
		char persons[64];
		uint32_t n = 0;
		words[n++] = random_next(&seed) % 2 ? "threads=1" : "threads=3";
		bool list = random_next(&seed) % 4 == 0;
		const char *more[] = {PICK(shows), PICK(gaps), list ? NULL : PICK(bys), PICK(wheres),
			PICK(unmatched), PICK(scores)};
		for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
			if (more[i])
				words[n++] = more[i];
		snprintf(
			persons, sizeof(persons), "persons=%s", list_names[random_next(&seed) % (N_KINDS + 1)]);
		if (list)
			words[n++] = persons;
		words[n] = NULL;
		check(fixtures[random_next(&seed) % ROUNDS], words);
	}
}

static void by_hand(void **state)
{
	(void)state;
	const int64_t t = INT64_C(1772323200000), h = 3600000;
	struct log_row rows[] = {
		log_row_new(1, t, "Visited"), // as designed
		log_row_new(1, t + h, "Ordered"),
		log_row_new(1, t + 2 * h, "Delivered"),
		log_row_new(1, t + 3 * h, "Called"),
		log_row_new(2, t, "Visited"), // skips order, has two deliveries, goes back once and stays there
		log_row_new(2, t + h, "Delivered"),
		log_row_new(2, t + 2 * h, "Delivered"),
		log_row_new(2, t + 3 * h, "Visited"),
		log_row_new(2, t + 4 * h, "Visited"),
		log_row_new(3, t, "Ordered"), // visit comes too late
		log_row_new(3, t + h, "Visited"),
	};
	struct fixture *f = fixture_of(rows, sizeof(rows) / sizeof(rows[0]));
	struct result *r = ask(f, "conformance", WORDS("show=journeys"));
	assert_near(number_at(r, 0, "journeys"), 3.0, 0.0);
	assert_near(number_at(r, 0, "conforming_journeys"), 1.0, 0.0);
	// 4/4; 3 of 5 conform and 1 is skipped: 3/6; 1/2.
	assert_near(number_at(r, 0, "fitness"), (1.0 + 0.5 + 0.5) / 3.0, 1e-12);
	result_free(&r);
	r = ask(f, "conformance", WORDS("persons=skipped"));
	assert_int_equal(r->n_rows, 1);
	assert_true(sv_equal(text_at(r, 0, "customer"), SV("user:c-2")));
	result_free(&r);
	fixture_free(&f);
}

static void folded(void **state)
{
	(void)state;
	struct result *r = ask(fixtures[8], "conformance", WORDS("by=agent", "limit=20"));
	struct result *whole = ask(fixtures[8], "conformance", WORDS("by=agent"));
	assert_near(column_sum(r, "n"), column_sum(whole, "n"), 0.0);
	assert_near(column_sum(r, "skipped"), column_sum(whole, "skipped"), 0.0);
	result_free(&r);
	result_free(&whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_options), cmocka_unit_test(by_hand), cmocka_unit_test(folded)};
	return cmocka_run_group_tests(tests, setup, teardown);
}
