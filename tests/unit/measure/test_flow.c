// SPDX-License-Identifier: Apache-2.0
// flow against a slow implementation that lists transitions session by session, over random logs and all options.
#include "slow_paths.h"

#include "measure/stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants these above first
#include <cmocka.h>

#define ROUNDS 10

static struct fixture *fixtures[ROUNDS];

static int setup(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ROUNDS; i++)
		fixtures[i] = fixture_random(5000 + i, 15 + i * 31, 1 + i * i);
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

struct question {
	const char *of, *by, *show;
	bool ends;
	struct slow_counts counts;  // group|from|to
	struct slow_counts from;    // group|from: what shares are of
	struct slow_counts persons; // group|from|to|customer
	double n_transitions;
};

static void see_one(struct question *q, const struct fixture *f, uint32_t at, const char *from, const char *to,
	const int64_t *ms, uint32_t customer)
{
	char group[256], key[1024];
	slow_group(f, &f->rows[at], q->by, group);
	snprintf(key, sizeof(key), "%s%s|%s", group, from, to);
	struct slow_count *c = slow_count_of(&q->counts, key);
	c->n++;
	if (ms)
		slow_count_ms(c, *ms);
	snprintf(key, sizeof(key), "%s%s|%s|%u", group, from, to, customer);
	struct slow_count *person = slow_count_of(&q->persons, key);
	c->other += person->n == 0;
	person->n++;
	q->n_transitions++;
}

static void see_base(struct question *q, const struct fixture *f, uint32_t at, const char *from)
{
	char group[256], key[1024];
	slow_group(f, &f->rows[at], q->by, group);
	snprintf(key, sizeof(key), "%s%s", group, from);
	slow_count_of(&q->from, key)->n++;
}

static void see_transitions(struct question *q, const struct fixture *f, const struct slow_session *s)
{
	char a[64], b[64];
	uint32_t customer = f->rows[s->row[0]].customer;
	for (uint32_t i = 0; i <= s->n; i++) {
		uint32_t at = s->row[i < s->n ? i : s->n - 1], before = s->row[i ? i - 1 : 0];
		const char *to = i < s->n ? row_label(f, &f->rows[at], q->of, b) : "(end)";
		const char *from = i ? row_label(f, &f->rows[before], q->of, a) : "(start)";
		int64_t ms = f->rows[at].at_ms - f->rows[before].at_ms;
		bool inside = i > 0 && i < s->n;
		see_base(q, f, before, from);
		if (inside || q->ends)
			see_one(q, f, before, from, to, inside ? &ms : NULL, customer);
	}
}

// Looks back from every interaction for the last one at the same place.
static void see_again(struct question *q, const struct fixture *f, const struct slow_session *s, bool loops)
{
	for (uint32_t i = 0; i < s->n; i++) {
		char a[64], b[64];
		const char *here = row_label(f, &f->rows[s->row[i]], q->of, a);
		uint32_t k = i;
		bool again = false;
		while (!again && k-- > 0)
			again = strcmp(row_label(f, &f->rows[s->row[k]], q->of, b), here) == 0;
		bool loop = again && k + 1 == i;
		if (loops || !loop)
			see_base(q, f, s->row[i], here);
		if (!again || loop != loops)
			continue;
		int64_t ms = f->rows[s->row[i]].at_ms - f->rows[s->row[k]].at_ms;
		see_one(q, f, s->row[i], here, here, &ms, f->rows[s->row[i]].customer);
	}
}

static void see(const struct fixture *f, const struct slow_session *s, void *context)
{
	struct question *q = context;
	if (strcmp(q->show, "transitions") == 0)
		see_transitions(q, f, s);
	else
		see_again(q, f, s, strcmp(q->show, "loops") == 0);
}

static void check_times(const struct result *r, uint32_t row, struct slow_count *c, bool quantiles)
{
	double sum = 0, squares = 0;
	for (uint32_t i = 0; i < c->n_ms; i++)
		sum += (double)c->ms[i] / 1000.0;
	double mean = c->n_ms ? sum / c->n_ms : (double)NAN;
	for (uint32_t i = 0; i < c->n_ms; i++)
		squares += ((double)c->ms[i] / 1000.0 - mean) * ((double)c->ms[i] / 1000.0 - mean);
	double half =
		c->n_ms > 1 ? stats_t_quantile(0.975, c->n_ms - 1.0) * sqrt(squares / (c->n_ms - 1.0) / c->n_ms)
			    : (double)NAN;
	assert_near(number_at(r, row, "mean"), mean, 1e-9 * (1 + fabs(mean)));
	assert_near(number_at(r, row, "mean_low"), half > mean ? 0.0 : mean - half, 1e-5 * (1 + fabs(mean)));
	assert_near(number_at(r, row, "mean_high"), mean + half, 1e-5 * (1 + fabs(mean)));
	if (!quantiles)
		return;
	stats_sort_i64(c->ms, c->n_ms);
	assert_near(number_at(r, row, "p50"), stats_quantile_i64(c->ms, c->n_ms, 0.5) / 1000.0, 1e-9);
	assert_near(number_at(r, row, "p90"), stats_quantile_i64(c->ms, c->n_ms, 0.9) / 1000.0, 1e-9);
}

static void check(const struct fixture *f, const char *const *words)
{
	const char *of = word_value(words, "of"), *show = word_value(words, "show"),
		   *gap = word_value(words, "gap");
	struct question q = {.of = of ? of : "touchpoint",
		.by = word_value(words, "by"),
		.show = show ? show : "transitions",
		.ends = word_value(words, "ends") != NULL};
	int64_t gap_ms = gap ? strtoll(gap, NULL, 10) * 3600000 : -1;
	slow_sessions(f, word_value(words, "where"), gap_ms, see, &q);
	struct result *r = ask(f, "flow", words);
	uint32_t n_found = 0;
	for (uint32_t row = 0; row < r->n_rows; row++) {
		char group[256], key[1024];
		result_group(r, row, group);
		snprintf(key, sizeof(key), "%s%.*s|%.*s", group, SV_ARG(text_at(r, row, "from")),
			SV_ARG(text_at(r, row, "to")));
		if (strstr(key, "(other)"))
			continue;
		struct slow_count *c = slow_count_find(&q.counts, key);
		if (!c)
			fail_msg("there is no transition %s", key);
		n_found++;
		assert_near(number_at(r, row, "n"), c->n, 0.0);
		assert_near(number_at(r, row, "persons"), c->other, 0.0);
		snprintf(key, sizeof(key), "%s%.*s", group, SV_ARG(text_at(r, row, "from")));
		struct slow_count *base = slow_count_find(&q.from, key);
		assert_non_null(base);
		assert_near(number_at(r, row, "share"), c->n / base->n, 1e-12);
		check_times(r, row, c, word_value(words, "quantiles") != NULL && c->n_ms);
	}
	const char *top = word_value(words, "top");
	if (strcmp(top, "0") == 0)
		assert_int_equal(n_found, q.counts.n);
	assert_near(column_sum(r, "n"), q.n_transitions, 0.0);
	slow_counts_free(&q.counts);
	slow_counts_free(&q.from);
	slow_counts_free(&q.persons);
	result_free(&r);
}

static const char *const shows[] = {"show=transitions", "show=loops", "show=rework", "ends=yes"};
static const char *const ofs[] = {
	"of=touchpoint", "of=channel", "of=stage", "of=product", "of=event", "of=agent"};
static const char *const gaps[] = {NULL, "gap=12h", "gap=100h"};
static const char *const bys[] = {NULL, "by=channel", "by=month,source", "by=agent,day,touchpoint,channel"};
static const char *const wheres[] = {NULL, "where=channel != web"};
static const char *const tops[] = {"top=0", "top=3"};
static const char *const quantiles[] = {NULL, "quantiles=yes"};
#define PICK(list) (list)[random_next(&seed) % (sizeof(list) / sizeof((list)[0]))]

static void all_options(void **state)
{
	(void)state;
	uint64_t seed = 11;
	for (uint32_t k = 0; k < 1000; k++) {
		const char *words[16];
		uint32_t n = 0;
		words[n++] = PICK(shows);
		words[n++] = PICK(ofs);
		words[n++] = PICK(tops);
		words[n++] = random_next(&seed) % 2 ? "threads=1" : "threads=3";
		const char *more[] = {PICK(gaps), PICK(bys), PICK(wheres), PICK(quantiles)};
		for (size_t i = 0; i < 4; i++)
			if (more[i])
				words[n++] = more[i];
		words[n] = NULL;
		check(fixtures[random_next(&seed) % ROUNDS], words);
	}
}

// With start and end, everything that leaves a place is one of its interactions: shares add up to 1.
static void adds_up(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct result *r = ask(fixtures[i], "flow", WORDS("ends=yes", "top=0"));
		for (uint32_t a = 0; a < r->n_rows; a++) {
			double share = 0;
			for (uint32_t b = 0; b < r->n_rows; b++)
				if (sv_equal(text_at(r, a, "from"), text_at(r, b, "from")))
					share += number_at(r, b, "share");
			assert_near(share, 1.0, 1e-12);
		}
		result_free(&r);
		r = ask(fixtures[i], "flow", WORDS("by=agent", "limit=8", "top=0", "quantiles=yes"));
		struct result *whole = ask(fixtures[i], "flow", WORDS("top=0"));
		assert_near(column_sum(r, "n"), column_sum(whole, "n"), 0.0);
		result_free(&r);
		result_free(&whole);
	}
}

static void mistakes(void **state)
{
	(void)state;
	ask_wrong(fixtures[0], "flow", WORDS("of=csat"), "not a name");
	ask_wrong(fixtures[0], "flow", WORDS("show=loop"), "did you mean “loops”?");
	ask_wrong(fixtures[0], "flow", WORDS("show=loops", "ends=yes"), "--ends");
	ask_wrong(fixtures[0], "flow", WORDS("gap=x"), "whole journeys");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_options), cmocka_unit_test(adds_up), cmocka_unit_test(mistakes)};
	return cmocka_run_group_tests(tests, setup, teardown);
}
