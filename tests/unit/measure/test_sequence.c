// SPDX-License-Identifier: Apache-2.0
// Patterns against a slow matcher that tries all ways, by recursion over a tree of its own, on random logs and random
// patterns; and the mistakes that one can make in a pattern.
#include "../seeds.h"
#include "fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka wants these above first
#include <cmocka.h>

#define FIXTURES 15
#define LONG_FIXTURES 5 // the last: few customers with long journeys
#define PATTERNS 3000
#define NODES_MAX 64

static struct fixture *fixtures[FIXTURES];

static int setup(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < FIXTURES - LONG_FIXTURES; i++)
		fixtures[i] = fixture_random(900 + i, 20 + i * 15, 3 + i * 3);
	for (uint32_t i = FIXTURES - LONG_FIXTURES; i < FIXTURES; i++)
		fixtures[i] = fixture_random(900 + i, 60 + i * 5, 1 + i % 2);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < FIXTURES; i++)
		fixture_free(&fixtures[i]);
	return 0;
}

static uint32_t below(uint64_t *seed, uint32_t n)
{
	return (uint32_t)(random_next(seed) % n);
}

// --- patterns, as trees and as text ---

enum kind { ROW, CHAIN, EITHER, REPEAT, WITHIN, AFTER, NOT, GAP, LAST };
struct node {
	enum kind kind;
	uint32_t a, b, filter, min, max; // max 99: any number
	int64_t hours;                   // -1: no time
	bool skip, of_start;
};
static struct node nodes[NODES_MAX];
static uint32_t n_nodes;

static const char *const filters[] = {
	"order", "delivery", "{event = Called}", "'visit'", "{channel = web, phone}", "."};
#define N_FILTERS 6u

static bool holds(const struct fixture *f, uint32_t filter, uint32_t row)
{
	static const char *const names[] = {"order", "delivery", "call", "visit"};
	const struct log_row *r = &f->rows[row];
	char text[64];
	if (filter < 4)
		return row_touchpoint_name(r) && strcmp(row_touchpoint_name(r), names[filter]) == 0;
	if (filter == 4)
		return strcmp(row_label(f, r, "channel", text), "web") == 0 ||
		       strcmp(row_label(f, r, "channel", text), "phone") == 0;
	return true;
}

static uint32_t node(struct node n)
{
	assert_true(n_nodes < NODES_MAX);
	nodes[n_nodes] = n;
	return n_nodes++;
}

static uint32_t random_tree(uint64_t *seed, uint32_t depth)
{
	static const int64_t times[] = {0, 1, 30, 100, 300, 700};
	uint32_t what = depth ? below(seed, 12) : 0;
	struct node n = {.kind = ROW, .filter = below(seed, N_FILTERS), .hours = times[below(seed, 6)]};
	if (what < 4)
		return node(n);
	n.a = random_tree(seed, depth - 1);
	if (what < 7) {
		n.kind = CHAIN;
		n.b = random_tree(seed, depth - 1);
		uint32_t between = below(seed, 6);
		if (between == 0) {
			n.a = node((struct node){.kind = CHAIN,
				.a = n.a,
				.b = node((struct node){.kind = GAP, .skip = below(seed, 2)})});
		} else if (between == 1) {
			n.a = node((struct node){.kind = CHAIN,
				.a = n.a,
				.b = node((struct node){.kind = NOT,
					.filter = below(seed, N_FILTERS - 1),
					.hours = below(seed, 2) ? n.hours : -1})});
		}
	} else if (what == 7) {
		n.kind = EITHER;
		n.b = random_tree(seed, depth - 1);
	} else if (what == 8) {
		n.kind = REPEAT;
		n.min = below(seed, 3);
		n.max = below(seed, 2) ? 99 : n.min + below(seed, 3);
	} else {
		n.kind = what == 9 ? AFTER : WITHIN;
		n.of_start = below(seed, 4) == 0;
	}
	return node(n);
}

static void put(char **out, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(char **out, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	*out += vsnprintf(*out, 200, format, args);
	va_end(args);
}

static void put_tree(char **out, uint32_t id)
{
	const struct node *n = &nodes[id];
	if (n->kind == ROW) {
		put(out, "%s ", filters[n->filter]);
	} else if (n->kind == CHAIN) {
		put_tree(out, n->a);
		put_tree(out, n->b);
	} else if (n->kind == NOT) {
		put(out, "not %s ", filters[n->filter]);
		if (n->hours >= 0)
			put(out, "within %lldh ", (long long)n->hours);
	} else if (n->kind == GAP) {
		put(out, n->skip ? "... " : "~ ");
	} else if (n->kind == LAST) {
		put(out, "$ ");
	} else {
		put(out, "(");
		put_tree(out, n->a);
		if (n->kind == EITHER) {
			put(out, "|");
			put_tree(out, n->b);
		}
		put(out, ")");
		if (n->kind == REPEAT && n->max == 99 && n->min < 2)
			put(out, n->min ? "+ " : "* ");
		else if (n->kind == REPEAT && n->max == 99)
			put(out, "{%u,} ", n->min);
		else if (n->kind == REPEAT && n->min == 0 && n->max == 1)
			put(out, "? ");
		else if (n->kind == REPEAT)
			put(out, "{%u,%u} ", n->min, n->max);
		else if (n->kind != EITHER)
			put(out, "%s %lldh%s ", n->kind == WITHIN ? "within" : "after", (long long)n->hours,
				n->of_start ? " of start" : "");
	}
}

// --- slowly: continuations on a list of what is still to be matched ---

struct todo {                 // a linked list
	uint32_t node, times; // times: of a REPEAT, how often it was done
	uint32_t taken;       // of a REPEAT: 1 + the row matched last when it was done last
	int end_of;           // 1 + the index of a condition that ends here; 0: none
	const struct todo *next;
};
struct limit {
	int64_t from_ms, min_ms, max_ms;
	bool on;
};
struct ways {
	const struct fixture *f;
	uint32_t start, first, end;
	bool skip_default, skip, any_row;
	uint32_t last; // row matched last; until then the start
	int64_t newest_ms;
	struct limit limits[NODES_MAX];
	uint32_t n_limits, n_guards;
	struct {
		uint32_t filter;
		int64_t until_ms;
	} guards[8];
};
struct ends { // what all ways together have found
	uint64_t work;
	bool at[LOG_MAX], sure[LOG_MAX], any; // sure: nothing that must not come still could
};
#define WORK_MAX 300000u

static void try_ways(struct ways w_copy, const struct todo *t, struct ends *all);

static bool guarded(const struct ways *w, uint32_t row)
{
	for (uint32_t i = 0; i < w->n_guards; i++)
		if (w->f->rows[row].at_ms <= w->guards[i].until_ms && holds(w->f, w->guards[i].filter, row))
			return true;
	return false;
}

static void try_row(const struct ways *w, const struct node *n, const struct todo *next, struct ends *all)
{
	uint32_t from = w->any_row ? w->last + 1 : w->start;
	for (uint32_t row = from; row < w->end; row++) {
		bool ok = holds(w->f, n->filter, row);
		for (uint32_t i = 0; i < w->n_limits; i++) {
			int64_t gap = w->f->rows[row].at_ms - w->limits[i].from_ms;
			if (w->limits[i].on &&
				((gap < w->limits[i].min_ms && w->any_row) || gap > w->limits[i].max_ms))
				ok = false;
		}
		if (ok) {
			struct ways x = *w;
			x.last = row;
			x.any_row = true;
			x.skip = w->skip_default;
			x.n_guards = 0;
			try_ways(x, next, all);
		}
		if (!w->any_row || !w->skip || guarded(w, row))
			return;
	}
}

static void try_end(const struct ways *w, struct ends *all)
{
	for (uint32_t row = w->last + 1; row < w->end; row++)
		if (guarded(w, row))
			return;
	bool sure = true;
	for (uint32_t i = 0; i < w->n_guards; i++)
		sure = sure && w->guards[i].until_ms <= w->newest_ms;
	all->any = true;
	all->at[w->last] = true;
	all->sure[w->last] |= sure;
}

static void try_ways(struct ways w, const struct todo *t, struct ends *all)
{
	if (++all->work > WORK_MAX)
		return;
	while (t && t->end_of) {
		w.limits[t->end_of - 1].on = false;
		t = t->next;
	}
	if (!t) {
		try_end(&w, all);
		return;
	}
	const struct node *n = &nodes[t->node];
	struct todo a = {.node = n->a, .next = t->next}, b = {.node = n->b, .next = t->next};
	int64_t now = w.f->rows[w.any_row ? w.last : w.start].at_ms;
	switch (n->kind) {
	case ROW:
		try_row(&w, n, t->next, all);
		return;
	case CHAIN:
		a.next = &b;
		try_ways(w, &a, all);
		return;
	case EITHER:
		try_ways(w, &a, all);
		try_ways(w, &b, all);
		return;
	case REPEAT: {
		uint32_t taken = w.any_row ? w.last + 1 : 0;
		struct todo again = {.node = t->node, .times = t->times + 1, .taken = taken, .next = t->next};
		if (t->times >= n->min)
			try_ways(w, t->next, all);
		a.next = &again;
		if ((t->times < n->max || n->max == 99) &&
			(t->times < 12 || taken > t->taken)) // nothing, again and again
			try_ways(w, &a, all);
		return;
	}
	case WITHIN:
	case AFTER: {
		struct limit *x = &w.limits[w.n_limits++];
		*x = (struct limit){.from_ms = n->of_start ? w.f->rows[w.start].at_ms : now,
			.min_ms = n->kind == AFTER ? n->hours * 3600000 : INT64_MIN,
			.max_ms = n->kind == WITHIN ? n->hours * 3600000 : INT64_MAX,
			.on = true};
		struct todo over = {.end_of = (int)w.n_limits, .next = t->next};
		a.next = &over;
		if (w.n_limits < NODES_MAX)
			try_ways(w, &a, all);
		return;
	}
	case NOT:
		w.guards[w.n_guards].filter = n->filter;
		w.guards[w.n_guards++].until_ms = n->hours < 0 ? INT64_MAX : now + n->hours * 3600000;
		if (w.n_guards < 8)
			try_ways(w, t->next, all);
		return;
	case GAP:
		w.skip = n->skip;
		try_ways(w, t->next, all);
		return;
	case LAST:
		if (w.any_row && w.last + 1 == w.end)
			try_ways(w, t->next, all);
		return;
	}
}

struct wanted {
	uint32_t persons, matches;
	double seconds;
	uint32_t open;
	bool too_much;
};

static struct wanted count_slowly(
	const struct fixture *f, uint32_t tree, bool skip, bool longest, bool matches, bool from_first)
{
	static struct ends all;
	struct wanted wanted = {.persons = 0};
	int64_t newest = INT64_MIN;
	for (uint32_t i = 0; i < f->n; i++)
		newest = f->rows[i].at_ms > newest ? f->rows[i].at_ms : newest;
	for (uint32_t first = 0, end; first < f->n; first = end) {
		uint32_t n = 0;
		for (end = first; end < f->n && f->rows[end].customer == f->rows[first].customer; end++)
			;
		for (uint32_t i = first; i < end && !(from_first && i > first) && (matches || !n); i++) {
			struct ways w = {.f = f,
				.start = i,
				.last = i,
				.newest_ms = newest,
				.first = first,
				.end = end,
				.skip_default = skip,
				.skip = skip};
			struct todo t = {.node = tree};
			memset(&all, 0, sizeof(all));
			try_ways(w, &t, &all);
			wanted.too_much |= all.work > WORK_MAX;
			if (!all.any || wanted.too_much)
				continue;
			uint32_t last = longest ? end - 1 : i;
			while (!all.at[last])
				last += longest ? UINT32_MAX : 1;
			wanted.seconds += (double)(f->rows[last].at_ms - f->rows[i].at_ms) / 1000.0;
			wanted.open += !all.sure[last];
			n++;
			i = last;
		}
		wanted.persons += n > 0;
		wanted.matches += n;
	}
	return wanted;
}

// For how many matches what must not follow could still do so: a note tells.
static uint32_t open_of(const struct result *r)
{
	for (size_t k = 0; k < r->n_notes; k++)
		if (sv_starts(r->notes[k], SV("for ")))
			return (uint32_t)strtoul(r->notes[k].ptr + strlen("for "), NULL, 10);
	return 0;
}

static void patterns(void **state)
{
	(void)state;
	uint64_t seed = 4711;
	uint32_t compared = 0;
	for (uint32_t i = 0; i < PATTERNS / seeds_step(); i++) {
		const struct fixture *f =
			fixtures[i % 8 ? i % (FIXTURES - LONG_FIXTURES) : FIXTURES - 1 - i / 8 % LONG_FIXTURES];
		char pattern[8000] = "pattern=", *out = pattern + strlen(pattern);
		bool first = below(&seed, 6) == 0, skip = below(&seed, 3), longest = below(&seed, 3) == 0;
		bool matches = below(&seed, 2);
		n_nodes = 0;
		uint32_t tree = random_tree(&seed, 3);
		if (below(&seed, 5) == 0)
			tree = node((struct node){.kind = CHAIN,
				.a = tree,
				.b = node((struct node){.kind = NOT,
					.filter = below(&seed, N_FILTERS - 1),
					.hours = below(&seed, 2) ? 200 : -1})});
		else if (below(&seed, 8) == 0)
			tree = node((struct node){
				.kind = CHAIN, .a = tree, .b = node((struct node){.kind = LAST})});
		if (first)
			put(&out, "^");
		put_tree(&out, tree);
		struct wanted wanted = count_slowly(f, tree, skip, longest, matches, first);
		if (wanted.too_much)
			continue;
		struct query_param params[] = {{SV("pattern"), sv_from(pattern + strlen("pattern="))},
			{SV("between"), skip ? SV("any") : SV("none")},
			{SV("extent"), longest ? SV("longest") : SV("shortest")},
			{SV("count"), matches ? SV("matches") : SV("persons")}};
		struct query q = {
			.analysis = SV("sequence"), .params = params, .n_params = 4, .threads = i % 2 ? 3 : 1};
		struct result *r = NULL;
		struct err e = ERR_NONE;
		enum rc rc = query_run(f->snapshot, &q, &r, &e);
		if (rc == RC_USAGE) // refused: begins with `not`, too many conditions
			continue;
		if (rc != RC_OK)
			fail_msg("%s: %s", pattern, e.message);
		double mean = number_at(r, 0, "mean");
		uint32_t open = open_of(r);
		if (open != wanted.open)
			fail_msg("%s (skip %d, longest %d, matches %d): %u open, not %u", pattern, skip,
				longest, matches, open, wanted.open);
		if (number_at(r, 0, "persons") != wanted.persons ||
			number_at(r, 0, "matches") != wanted.matches ||
			(wanted.matches && !(fabs(mean - wanted.seconds / wanted.matches) < 1e-3)))
			fail_msg("%s (skip %d, longest %d, matches %d): %g persons, %g matches, mean %g; not "
				 "%u, %u, %g",
				pattern, skip, longest, matches, number_at(r, 0, "persons"),
				number_at(r, 0, "matches"), mean, wanted.persons, wanted.matches,
				wanted.seconds / wanted.matches);
		compared++;
		result_free(&r);
	}
	assert_true(compared > PATTERNS / seeds_step() / 2);
}

// --- groups, lists ---

static void groups(void **state)
{
	(void)state;
	const struct fixture *f = fixtures[FIXTURES - LONG_FIXTURES - 1];
	struct result *all = ask(f, "sequence", WORDS("pattern=visit ... call", "count=persons"));
	struct result *by = ask(f, "sequence", WORDS("pattern=visit ... call", "count=persons", "by=channel"));
	struct result *some = ask(f, "sequence", WORDS("pattern=visit ... call", "by=channel", "limit=2"));
	struct result *list = ask(f, "sequence", WORDS("pattern=visit ... call", "persons=true"));
	assert_near(column_sum(by, "persons"), number_at(all, 0, "persons"), 0);
	assert_near(column_sum(by, "share"), number_at(all, 0, "share"), 1e-12);
	assert_near(column_sum(some, "matches"), number_at(all, 0, "matches"), 0);
	assert_near(list->n_rows, number_at(all, 0, "persons"), 0);
	result_free(&all);
	result_free(&by);
	result_free(&some);
	result_free(&list);
}

static void mistakes(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *wanted;
	} wrong[] = {{"order (call", "position 7: this parenthesis is not closed"},
		{"order call)", "position 11"}, {"order | * call", "nothing here to repeat"},
		{"ordr call", "order"}, {"order {channel = }", "position 7"},
		{"order {channel = web", "not closed"},
		{"order call within", "position 18: here should be a duration"},
		{"order call within 3 parsecs", "duration"}, {"order call within 3d of end", "of start"},
		{"order{5,2}", "number of times"}, {"order{2000}", "up to 1000"},
		{"order{99999999999}", "up to 1000"}, {"order{1,99999999999999999999}", "up to 1000"},
		{"(order{100}){100}", "too large"}, {"not order", "begin with `not`"},
		{"(?1)", "nothing here to repeat"}, {"order & call", "means nothing"}, {"'order", "same quote"},
		{"order not", "ends too early"}, {"order ^ call", "position 7: ^ is the beginning"},
		{"order $ call", "position 7: $ is the end"},
		{"(order | call+) (^ call | call)", "position 18: ^"}, {"(call $){2,3}", "position 7: $"},
		{"order ^", "position 7"}, {"$ order within 3d", "position 1: $"},
		{"((((((((((((((((((((((((((((((((((order))))))))))))))))))))))))))))))))))", "32 levels"}};
	char text[200];
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), "pattern=%s", wrong[i].pattern);
		ask_wrong(fixtures[0], "sequence", WORDS(text), wrong[i].wanted);
	}
	static const char *const right[] = {"pattern=(^ order | call) call", "pattern=order* ^ call",
		"pattern=(call $)+", "pattern=^ ... order not call $", "pattern=... ^ order"};
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		struct result *r = ask(fixtures[0], "sequence", WORDS(right[i]));
		result_free(&r);
	}
	ask_wrong(fixtures[0], "sequence", WORDS("pattern=(?2)", "event=order"), "no such --event");
	ask_wrong(fixtures[0], "sequence", WORDS("pattern=(?1)(?t<5)", "event=order"), "at the end");
	ask_wrong(fixtures[0], "sequence", WORDS("pattern=order (?1)", "event=order"), "position 1");
}

// A pattern that makes backtracking take for ever takes no time.
static void no_explosion(void **state)
{
	(void)state;
	struct log_row rows[400];
	for (uint32_t i = 0; i < 400; i++)
		rows[i] = log_row_new(1, INT64_C(1772323200000) + i * 1000, "Ordered");
	struct fixture *f = fixture_of(rows, 400);
	struct result *r = ask(f, "sequence",
		WORDS("pattern=((order*)*)* (order|order order)+ order{30,60} ~ call | order{200} $",
			"count=matches"));
	assert_near(number_at(r, 0, "matches"), 1, 0);
	result_free(&r);
	// Repetitions of repetitions are no more than one of them.
	r = ask(f, "sequence", WORDS("pattern=((order++++++++++ order+)+++++++++){2,}++++++++ $"));
	assert_near(number_at(r, 0, "matches"), 1, 0);
	result_free(&r);
	fixture_free(&f);
}

// What one start has found to lead nowhere, the next does not follow again: a journey of 60,000 interactions, of which
// each could begin a match and none does, stays far below the steps that are allowed on one.
static void long_journeys(void **state)
{
	(void)state;
	static struct log_row rows[60000];
	uint32_t n = sizeof(rows) / sizeof(rows[0]);
	int64_t at = INT64_C(1772323200000);
	for (uint32_t i = 0; i < n; i++) {
		rows[i] = log_row_new(1, at + i * 1000,
			i == n - 2   ? "Delivered"
			: i == n - 1 ? "Called"
				     : "Ordered");
		rows[i].arrival = 10 + i;
	}
	struct log_row first = log_row_new(1, at - 1000, "Ordered");
	struct fixture *f = fixture_of(&first, 1);
	fixture_append(f, rows, n);
	static const struct {
		const char *pattern;
		double matches;
	} asked[] = {{"pattern=order not call", 0}, {"pattern=order not delivery call", 0},
		{"pattern=order call delivery", 0}, {"pattern=order order within 2s call delivery", 0},
		{"pattern=order not visit", 59999}, {"pattern=order not visit not {event = Viewed} call", 1}};
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		struct result *r = ask(f, "sequence", WORDS(asked[i].pattern, "count=matches"));
		assert_near(number_at(r, 0, "matches"), asked[i].matches, 0);
		result_free(&r);
	}
	// The last end is looked for in the whole journey; what would have ended later is known from then on.
	struct result *r = ask(f, "sequence",
		WORDS("pattern=order ~ (order | . call delivery)", "extent=longest", "count=matches"));
	assert_near(number_at(r, 0, "matches"), 29999, 0);
	result_free(&r);
	fixture_free(&f);
}

// A match is open when every way to it is.
static void certain_before_open(void **state)
{
	(void)state;
	struct log_row rows[3];
	for (uint32_t i = 0; i < 3; i++)
		rows[i] = log_row_new(1, INT64_C(1772323200000) + i * 1000, i == 1 ? "Visited" : "Ordered");
	struct fixture *f = fixture_of(rows, 3);
	static const struct {
		const char *pattern;
		uint32_t open;
	} asked[] = {{"pattern=order visit not call", 1}, {"pattern=order visit not call within 1h", 1},
		{"pattern=order (visit not call | visit)", 0},
		{"pattern=(order visit not call | order+ visit)", 0},
		{"pattern=(order visit not call | order+ visit not call within 1h)", 1},
		{"pattern=(order visit not call | order+ visit not delivery within 1s)", 0}};
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		struct result *r = ask(f, "sequence", WORDS(asked[i].pattern));
		assert_near(number_at(r, 0, "matches"), 1, 0);
		assert_int_equal(open_of(r), asked[i].open);
		result_free(&r);
	}
	fixture_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns),
		cmocka_unit_test(groups),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(no_explosion),
		cmocka_unit_test(long_journeys),
		cmocka_unit_test(certain_before_open),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
