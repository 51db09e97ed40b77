// SPDX-License-Identifier: Apache-2.0
// paths against a slow implementation that spells every session out as text, over random logs and all options.
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
#define STEPS_SHOWN 100

static struct fixture *fixtures[ROUNDS];

static int setup(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ROUNDS; i++) // from many rows of few customers to few rows of many
		fixtures[i] = fixture_random(4000 + i, 15 + i * 31, 1 + i * i);
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
	const char *of, *by, *form, *start, *end, *around;
	bool keep;
	uint32_t depth; // 0: all
	struct slow_counts counts;
	double n_sessions;
};

static bool holds(const struct fixture *f, const struct log_row *x, const char *filter)
{
	char text[64];
	if (strcmp(filter, "channel = web") == 0)
		return strcmp(row_label(f, x, "channel", text), "web") == 0;
	return strcmp(row_label(f, x, "touchpoint", text), filter) == 0;
}

// The labels of rows from → to (down when to < from), without repeats, at most `most`.
struct labels {
	char text[LOG_MAX][24];
	uint32_t n;
};

static void take(const struct fixture *f, const struct question *q, const struct slow_session *s, uint32_t from,
	uint32_t to, struct labels *out)
{
	out->n = 0;
	int step = to < from ? -1 : 1;
	for (int i = (int)from;; i += step) {
		char text[64];
		const char *label = row_label(f, &f->rows[s->row[i]], q->of, text);
		if (out->n == 0 || q->keep || strcmp(out->text[out->n - 1], label) != 0)
			snprintf(out->text[out->n++], 24, "%s", label);
		if (i == (int)to)
			break;
	}
	if (q->depth && out->n > q->depth)
		out->n = q->depth;
}

static void spell(const struct labels *l, uint32_t n, bool reversed, char *out)
{
	size_t used = 0;
	uint32_t shown = n < STEPS_SHOWN ? n : STEPS_SHOWN;
	out[0] = '\0';
	for (uint32_t i = 0; i < shown; i++)
		used += (size_t)snprintf(out + used, SLOW_TEXT - used, "%s%s", i ? " → " : "",
			l->text[reversed ? n - 1 - i : i]);
	if (shown < n)
		snprintf(out + used, SLOW_TEXT - used, " → … (%u more)", n - shown);
}

static int step_of(const struct question *q, uint32_t i, bool back)
{
	return back ? -(int)i : q->around ? (int)i : (int)i + 1;
}

static void count_tree(struct question *q, const char *group, const struct labels *l, bool back)
{
	char path[SLOW_TEXT], key[SLOW_TEXT + 512];
	for (uint32_t i = 0; i < l->n; i++) {
		if (i == 0 && back && q->around)
			continue;
		spell(l, i + 1, back, path);
		snprintf(key, sizeof(key), "%s%d|%s", group, step_of(q, i, back), path);
		struct slow_count *c = slow_count_of(&q->counts, key);
		c->n++;
		c->other += i + 1 == l->n && i + 1 < q->depth;
	}
}

static void count_edges(struct question *q, const char *group, const struct labels *l, bool back)
{
	char key[1024];
	for (uint32_t i = 0; i < l->n && i + 1 < q->depth; i++) {
		const char *next = i + 1 < l->n ? l->text[i + 1] : back ? "(start)" : "(end)";
		snprintf(key, sizeof(key), "%s%d|%s|%s", group, step_of(q, back ? i + 1 : i, back),
			back ? next : l->text[i], back ? l->text[i] : next);
		slow_count_of(&q->counts, key)->n++;
	}
}

static void count_variant(struct question *q, const char *group, const struct labels *l, bool back, int64_t ms)
{
	char path[SLOW_TEXT], key[SLOW_TEXT + 512];
	spell(l, l->n, back, path);
	snprintf(key, sizeof(key), "%s%s", group, path);
	struct slow_count *c = slow_count_of(&q->counts, key);
	c->n++;
	c->other = l->n;
	slow_count_ms(c, ms);
}

static void count_path(struct question *q, const char *group, const struct labels *l, bool back, int64_t ms)
{
	if (strcmp(q->form, "tree") == 0)
		count_tree(q, group, l, back);
	else if (strcmp(q->form, "edges") == 0)
		count_edges(q, group, l, back);
	else
		count_variant(q, group, l, back, ms);
}

static bool find(const struct fixture *f, const struct slow_session *s, const char *filter, uint32_t *at)
{
	while (*at < s->n && !holds(f, &f->rows[s->row[*at]], filter))
		++*at;
	return *at < s->n;
}

static void see_around(struct question *q, const struct fixture *f, const struct slow_session *s,
	const char *group, uint32_t at, int64_t ms)
{
	static struct labels before, after;
	take(f, q, s, at, s->n - 1, &after);
	take(f, q, s, at, 0, &before);
	if (strcmp(q->form, "variants") != 0) {
		count_path(q, group, &after, false, ms);
		count_path(q, group, &before, true, ms);
		return;
	}
	static struct labels all;
	all.n = 0;
	for (uint32_t i = before.n; i-- > 1;)
		memcpy(all.text[all.n++], before.text[i], 24);
	for (uint32_t i = 0; i < after.n; i++)
		memcpy(all.text[all.n++], after.text[i], 24);
	count_path(q, group, &all, false, ms);
}

static void see(const struct fixture *f, const struct slow_session *s, void *context)
{
	struct question *q = context;
	static struct labels l;
	uint32_t first = 0, last = s->n - 1, anchor = 0;
	if (q->around && !find(f, s, q->around, &anchor))
		return;
	if (q->start && !find(f, s, q->start, &first))
		return;
	if (q->end) {
		last = q->start ? first + 1 : 0;
		if (!find(f, s, q->end, &last))
			return;
	}
	bool back = q->end && !q->start;
	if (!q->around)
		anchor = back ? last : first;
	char group[256];
	slow_group(f, &f->rows[s->row[anchor]], q->by, group);
	int64_t ms = f->rows[s->row[last]].at_ms - f->rows[s->row[first]].at_ms;
	q->n_sessions++;
	if (q->around) {
		see_around(q, f, s, group, anchor, ms);
		return;
	}
	take(f, q, s, anchor, back ? first : last, &l);
	count_path(q, group, &l, back, ms);
}

static int64_t gap_of(const char *const *words)
{
	const char *gap = word_value(words, "gap");
	if (!gap)
		return 30 * 60000;
	return strcmp(gap, "none") == 0 ? -1 : strtoll(gap, NULL, 10) * 3600000; // "12h"
}

static struct question answer(const struct fixture *f, const char *const *words)
{
	const char *depth = word_value(words, "depth"), *form = word_value(words, "form"),
		   *of = word_value(words, "of");
	const char *repeats = word_value(words, "repeats");
	struct question q = {.of = of ? of : "touchpoint",
		.by = word_value(words, "by"),
		.form = form ? form : "tree",
		.start = word_value(words, "start"),
		.end = word_value(words, "end"),
		.around = word_value(words, "around"),
		.keep = repeats && strcmp(repeats, "keep") == 0};
	q.depth = depth ? (uint32_t)strtoul(depth, NULL, 10) : strcmp(q.form, "variants") == 0 ? 0 : 5;
	slow_sessions(f, word_value(words, "where"), gap_of(words), see, &q);
	return q;
}

// --- comparing ---

static void row_key(const struct result *r, uint32_t row, const char *form, char *key, size_t size)
{
	char group[256];
	result_group(r, row, group);
	if (strcmp(form, "tree") == 0)
		snprintf(key, size, "%s%d|%.*s", group, (int)number_at(r, row, "step"),
			SV_ARG(text_at(r, row, "path")));
	else if (strcmp(form, "edges") == 0)
		snprintf(key, size, "%s%d|%.*s|%.*s", group, (int)number_at(r, row, "step"),
			SV_ARG(text_at(r, row, "from")), SV_ARG(text_at(r, row, "to")));
	else
		snprintf(key, size, "%s%.*s", group, SV_ARG(text_at(r, row, "path")));
}

static bool has_other(const char *key)
{
	return strstr(key, "(other)") != NULL;
}

static void check_variant(const struct result *r, uint32_t row, struct slow_count *c, bool quantiles)
{
	double sum = 0;
	for (uint32_t i = 0; i < c->n_ms; i++)
		sum += (double)c->ms[i];
	assert_near(number_at(r, row, "steps"), c->other, 0.0);
	assert_near(number_at(r, row, "mean_duration"), sum / c->n_ms / 1000.0, 1e-9 * (1 + sum / c->n_ms));
	if (!quantiles)
		return;
	stats_sort_i64(c->ms, c->n_ms);
	assert_near(number_at(r, row, "p50_duration"), stats_quantile_i64(c->ms, c->n_ms, 0.5) / 1000.0, 1e-9);
	assert_near(number_at(r, row, "p90_duration"), stats_quantile_i64(c->ms, c->n_ms, 0.9) / 1000.0, 1e-9);
}

// Every row has the slow count; without a limit every slow count has a row.
static void check(const struct fixture *f, const char *const *words)
{
	static char key[SLOW_TEXT + 512];
	struct question q = answer(f, words);
	struct result *r = ask(f, "paths", words);
	bool tree = strcmp(q.form, "tree") == 0, variants = strcmp(q.form, "variants") == 0;
	const char *top = word_value(words, "top"), *quantiles = word_value(words, "quantiles");
	uint32_t n_found = 0;
	for (uint32_t row = 0; row < r->n_rows; row++) {
		row_key(r, row, q.form, key, sizeof(key));
		if (has_other(key))
			continue;
		struct slow_count *c = slow_count_find(&q.counts, key);
		if (!c)
			fail_msg("there is no path %s", key);
		n_found++;
		assert_near(number_at(r, row, "n"), c->n, 0.0);
		if (tree && !isnan(number_at(r, row, "ended")))
			assert_near(number_at(r, row, "ended"), c->other, 0.0);
		if (variants)
			check_variant(r, row, c, quantiles != NULL);
	}
	if (top && strcmp(top, "0") == 0)
		assert_int_equal(n_found, q.counts.n);
	if (variants && (!q.by || !*q.by))
		assert_near(column_sum(r, "n"), q.n_sessions, 0.0);
	if (variants && r->n_rows && r->n_by == 0)
		assert_near(number_at(r, r->n_rows - 1, "cumulative_share"), 1.0, 1e-12);
	double slow_sum = 0, sum = 0;
	for (uint32_t i = 0; i < q.counts.n; i++)
		slow_sum += q.counts.items[i].n;
	for (uint32_t row = 0; row < r->n_rows; row++)
		sum += number_at(r, row, "n");
	if (!tree) // edges and variants: nothing is lost to (other)
		assert_near(sum, slow_sum, 0.0);
	slow_counts_free(&q.counts);
	result_free(&r);
}

static const char *const forms[] = {"form=tree", "form=edges", "form=variants"};
static const char *const ofs[] = {
	"of=touchpoint", "of=channel", "of=stage", "of=product", "of=event", "of=agent"};
static const char *const gaps[] = {"gap=none", "gap=12h", "gap=100h", "repeats=collapse"};
static const char *const repeats[] = {"repeats=collapse", "repeats=keep"};
static const char *const depths[] = {"depth=1", "depth=2", "depth=3", "depth=7", "depth=20", NULL};
static const char *const ends[][2] = {{NULL, NULL}, {"start=order", NULL}, {"end=delivery", NULL},
	{"start=order", "end=delivery"}, {"start=channel = web", "end=call"}, {"around=call", NULL},
	{"start=visit", "end=visit"}};
static const char *const bys[] = {NULL, "by=channel", "by=month,source"};
static const char *const wheres[] = {NULL, "where=channel != web"};
static const char *const tops[] = {"top=0", "top=3", "top=0"};
#define PICK(list) (list)[random_next(&seed) % (sizeof(list) / sizeof((list)[0]))]

static void all_options(void **state)
{
	(void)state;
	uint64_t seed = 7;
	for (uint32_t k = 0; k < 1500; k++) {
		const char *words[16];
		uint32_t n = 0;
		const char *form = PICK(forms), *gap = PICK(gaps), *repeat = PICK(repeats),
			   *depth = PICK(depths);
		const char *const *end = PICK(ends), *by = PICK(bys), *where = PICK(wheres);
		words[n++] = form;
		words[n++] = PICK(ofs);
		words[n++] = PICK(tops);
		words[n++] = random_next(&seed) % 2 ? "threads=1" : "threads=3";
		if (gap != repeats[0])
			words[n++] = gap;
		if (strncmp(gap, "gap", 3) == 0)
			words[n++] = repeat;
		if (depth)
			words[n++] = depth;
		if (end[0])
			words[n++] = end[0];
		if (end[1])
			words[n++] = end[1];
		if (by)
			words[n++] = by;
		if (where)
			words[n++] = where;
		if (form == forms[2] && random_next(&seed) % 2)
			words[n++] = "quantiles=yes";
		words[n] = NULL;
		check(fixtures[random_next(&seed) % ROUNDS], words);
	}
}

// The rows of a cut tree make a whole: a node is its shown children, (other) and those that ended.
static void tree_adds_up(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct result *r = ask(fixtures[i], "paths", WORDS("top=7", "gap=none"));
		double first = 0;
		for (uint32_t a = 0; a < r->n_rows; a++) {
			struct sv path = text_at(r, a, "path");
			double step = number_at(r, a, "step"), children = 0;
			first += step == 1 ? number_at(r, a, "n") : 0;
			uint32_t n = 0;
			for (uint32_t b = 0; b < r->n_rows; b++)
				if (number_at(r, b, "step") == step + 1 &&
					sv_starts(text_at(r, b, "path"), path) &&
					strncmp(text_at(r, b, "path").ptr + path.len, " → ", 5) == 0) {
					children += number_at(r, b, "n");
					assert_near(number_at(r, b, "share"),
						number_at(r, b, "n") / number_at(r, a, "n"), 1e-12);
					n++;
				}
			if (n)
				assert_near(children + number_at(r, a, "ended"), number_at(r, a, "n"), 0.0);
		}
		double customers = 0;
		for (uint32_t a = 0; a < fixtures[i]->n; a++)
			customers +=
				a == 0 || fixtures[i]->rows[a].customer != fixtures[i]->rows[a - 1].customer;
		assert_near(first, customers, 0.0);
		result_free(&r);
	}
}

// Folding groups into (other) loses nothing.
static void folded(void **state)
{
	(void)state;
	for (uint32_t i = 4; i < ROUNDS; i++) {
		struct result *r = ask(fixtures[i], "paths",
			WORDS("by=agent", "limit=6", "form=variants", "top=3", "gap=12h", "quantiles=yes"));
		struct result *whole = ask(fixtures[i], "paths", WORDS("form=variants", "top=0", "gap=12h"));
		assert_near(column_sum(r, "n"), column_sum(whole, "n"), 0.0);
		result_free(&r);
		result_free(&whole);
	}
}

// A hand-made journey: every form by heart.
static void by_hand(void **state)
{
	(void)state;
	const int64_t t = INT64_C(1772323200000), min = 60000;
	struct log_row rows[] = {
		log_row_new(1, t, "Visited"),
		log_row_new(1, t + min, "Visited"),
		log_row_new(1, t + 2 * min, "Ordered"),
		log_row_new(1, t + 40 * min, "Called"), // a new session
		log_row_new(2, t, "Visited"),
		log_row_new(2, t + 30 * min, "Ordered"), // exactly the gap: the same session
		log_row_new(2, t + 31 * min, "Delivered"),
	};
	struct fixture *f = fixture_of(rows, 7);
	struct result *r = ask(f, "paths", WORDS("form=variants"));
	assert_int_equal(r->n_rows, 3);
	// Equal counts: in the corridor's order, where order comes before call and visit comes last.
	assert_true(sv_equal(text_at(r, 0, "path"), SV("call")));
	assert_true(sv_equal(text_at(r, 1, "path"), SV("visit → order")));
	assert_true(sv_equal(text_at(r, 2, "path"), SV("visit → order → delivery")));
	assert_near(number_at(r, 1, "mean_duration"), 120.0, 1e-12);
	assert_near(number_at(r, 2, "mean_duration"), 1860.0, 1e-12);
	result_free(&r);
	r = ask(f, "paths", WORDS("end=order"));
	assert_int_equal(r->n_rows, 2);
	assert_true(sv_equal(text_at(r, 1, "path"), SV("visit → order")));
	assert_near(number_at(r, 1, "step"), -1.0, 0.0);
	assert_near(number_at(r, 1, "n"), 2.0, 0.0);
	result_free(&r);
	fixture_free(&f);
}

static void mistakes(void **state)
{
	(void)state;
	const struct fixture *f = fixtures[0];
	ask_wrong(f, "paths", WORDS("of=nps"), "not a name");
	ask_wrong(f, "paths", WORDS("of=chanel"), "did you mean “channel”?");
	ask_wrong(f, "paths", WORDS("gap=soon"), "30min");
	ask_wrong(f, "paths", WORDS("depth=21"), "outside 1 to 20");
	ask_wrong(f, "paths", WORDS("around=order", "end=call"), "--around");
	ask_wrong(f, "paths", WORDS("quantiles=yes"), "--form variants");
	ask_wrong(f, "paths", WORDS("start=ordr"), "did you mean “order”?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(all_options), cmocka_unit_test(tree_adds_up),
		cmocka_unit_test(folded), cmocka_unit_test(by_hand), cmocka_unit_test(mistakes)};
	return cmocka_run_group_tests(tests, setup, teardown);
}
