// SPDX-License-Identifier: Apache-2.0
// Funnels against a slow implementation that walks each journey row by row, over random logs and random questions with
// every option; and the mistakes that one can make.
#include "fixture.h"

#include "measure/stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka wants these above first
#include <cmocka.h>

#define FIXTURES 12
#define QUESTIONS 3000
#define STEPS_MAX 5

static struct fixture *fixtures[FIXTURES];

static int setup(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < FIXTURES; i++)
		fixtures[i] = fixture_random(500 + i, 30 + i * 40, 1 + i * i / 3);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < FIXTURES; i++)
		fixture_free(&fixtures[i]);
	return 0;
}

// --- filters, twice: as text and as code ---

static const char *const filters[] = {"order", "delivery", "call", "visit", "event = Strange",
	"channel = web, phone", "csat < 3", "product = fibre", "touchpoint = order, call"};
#define N_FILTERS 9u

static bool is_at(const struct log_row *r, const char *touchpoint)
{
	const char *name = row_touchpoint_name(r);
	return name && strcmp(name, touchpoint) == 0;
}

static bool holds(const struct fixture *f, uint32_t filter, const struct log_row *r)
{
	char text[64];
	if (filter < 4)
		return is_at(r, filters[filter]);
	if (filter == 4)
		return strcmp(row_label(f, r, "event", text), "Strange") == 0;
	if (filter == 5)
		return strcmp(row_label(f, r, "channel", text), "web") == 0 ||
		       strcmp(row_label(f, r, "channel", text), "phone") == 0;
	if (filter == 6)
		return r->measure[M_CSAT] < 3.0;
	if (filter == 7)
		return strcmp(row_label(f, r, "product", text), "fibre") == 0;
	return is_at(r, "order") || is_at(r, "call");
}

// --- a question ---

enum { ORDERED, STRICT_ORDER, STRICT, ANY };
enum { ARRIVAL, TIES_ANY, LATER };
enum { IGNORE, END, END_AT_FIRST, DEFAULT };
enum { PERSONS, FIRST, ENTRIES, ATTEMPTS };
static const char *const orders[] = {"ordered", "strict-order", "strict", "any"};
static const char *const all_ties[] = {"arrival", "any", "later"};
static const char *const all_repeats[] = {"ignore", "end", "end-at-first"};
static const char *const counts[] = {"persons", "first", "entries", "attempts"};
static const char *const groupings[] = {NULL, "product", "month", "channel"};

struct question {
	uint32_t n_steps, step[STEPS_MAX], order, ties, repeats, count, by, n_exclusions, without, where,
		threads;
	uint32_t excluded[2], from[2], to[2];
	int64_t window_ms;
	bool reuse, drop, times;
};

static uint32_t below(uint64_t *seed, uint32_t n)
{
	return (uint32_t)(random_next(seed) % n);
}

static struct question question_random(uint64_t *seed)
{
	static const int64_t windows[] = {-1, 1, 3600, 5 * 3600, 100 * 3600, 400 * 3600, 1000 * 3600};
	struct question q = {.n_steps = 1 + below(seed, STEPS_MAX),
		.order = below(seed, 4),
		.ties = below(seed, 3),
		.repeats = below(seed, 4),
		.count = below(seed, 4),
		.by = below(seed, 4),
		.without = N_FILTERS,
		.where = below(seed, 3),
		.threads = below(seed, 2) ? 3 : 1,
		.reuse = below(seed, 3) == 0,
		.drop = below(seed, 2),
		.times = below(seed, 2)};
	for (uint32_t k = 0; k < q.n_steps; k++)
		q.step[k] = below(seed, N_FILTERS);
	q.window_ms = windows[below(seed, 7)] * 1000;
	if (q.order == ANY) {
		q.ties = ARRIVAL;
		q.repeats = DEFAULT;
	}
	if (q.ties == TIES_ANY) {
		q.order = ORDERED;
		q.repeats = DEFAULT;
	}
	q.n_exclusions = q.n_steps > 1 ? below(seed, 5) / 2 : 0;
	for (uint32_t i = 0; i < q.n_exclusions; i++) {
		q.excluded[i] = below(seed, N_FILTERS);
		q.from[i] = 1 + below(seed, q.n_steps - 1);
		q.to[i] = q.from[i] + 1 + below(seed, q.n_steps - q.from[i]);
	}
	if (below(seed, 3) == 0)
		q.without = below(seed, N_FILTERS);
	if (below(seed, 3) == 0) { // the plain question, for which there is another way
		q.order = ORDERED;
		q.ties = ARRIVAL;
		q.repeats = DEFAULT;
		q.count = PERSONS;
		q.by = q.n_exclusions = 0;
		q.without = N_FILTERS;
		q.times = false;
	}
	q.drop = q.drop && q.n_exclusions > 0;
	return q;
}

// --- slowly ---

struct attempt {
	uint32_t level, entry, last; // rows: of the first step, of the last that was reached
	int64_t at[STEPS_MAX];
};

static bool is_step(const struct fixture *f, const struct question *q, uint32_t step, uint32_t row)
{
	return holds(f, q->step[step], &f->rows[row]);
}

static bool is_some_step(const struct fixture *f, const struct question *q, uint32_t row)
{
	for (uint32_t k = 0; k < q->n_steps; k++)
		if (is_step(f, q, k, row))
			return true;
	return false;
}

static bool in_window(const struct fixture *f, const struct question *q, uint32_t entry, uint32_t row)
{
	return q->window_ms < 0 || f->rows[row].at_ms <= f->rows[entry].at_ms + q->window_ms;
}

static bool excluded_between(const struct fixture *f, const struct question *q, uint32_t reached, uint32_t row)
{
	for (uint32_t i = 0; i < q->n_exclusions; i++)
		if (reached >= q->from[i] && reached < q->to[i] && holds(f, q->excluded[i], &f->rows[row]))
			return true;
	return false;
}

// Does a row between two steps end the attempt?
static bool breaks(const struct fixture *f, const struct question *q, uint32_t reached, uint32_t row)
{
	uint32_t repeats = q->repeats != DEFAULT ? q->repeats : q->order == STRICT ? END : IGNORE;
	bool ahead = false, again = false;
	for (uint32_t k = reached + 1; k < q->n_steps; k++)
		ahead = ahead || is_step(f, q, k, row);
	for (uint32_t k = 0; k < reached; k++)
		again = again || is_step(f, q, k, row);
	if (repeats == END && again)
		return true;
	if (repeats == END_AT_FIRST && reached > 1 && is_step(f, q, 0, row))
		return true;
	if (q->order == STRICT_ORDER)
		return ahead;
	return q->order == STRICT && (ahead || !again);
}

// Can steps from … to be at rows of one moment, all of them others and none of those before? Tries all ways.
static bool can_share(const struct fixture *f, const struct question *q, uint32_t from, uint32_t to,
	uint32_t first, uint32_t end, uint32_t *used)
{
	if (from > to)
		return true;
	for (uint32_t x = first; x < end; x++) {
		bool taken = false;
		for (uint32_t i = 0; i < from; i++)
			taken = taken || used[i] == x;
		used[from] = x;
		if (!taken && is_step(f, q, from, x) && can_share(f, q, from + 1, to, first, end, used))
			return true;
	}
	return false;
}

static void attempt_in_order(
	const struct fixture *f, const struct question *q, uint32_t entry, uint32_t end, struct attempt *a)
{
	uint32_t used[STEPS_MAX] = {entry}, n = 1;
	a->at[0] = f->rows[entry].at_ms;
	while (n < q->n_steps) {
		uint32_t last = used[n - 1], first = last + 1, x;
		int64_t at = f->rows[last].at_ms;
		if (q->ties == TIES_ANY)
			while (first > 0 && f->rows[first - 1].customer == f->rows[last].customer &&
				f->rows[first - 1].at_ms == at)
				first--;
		if (q->ties == ARRIVAL && q->reuse)
			first = last;
		for (x = first; x < end; x++) {
			bool taken = false;
			for (uint32_t i = 0; i < n && !q->reuse; i++)
				taken = taken || used[i] == x;
			if (!taken && is_step(f, q, n, x) && (q->ties != LATER || f->rows[x].at_ms > at))
				break;
		}
		if (q->ties == TIES_ANY && !q->reuse && (x == end || f->rows[x].at_ms > at)) {
			uint32_t others[STEPS_MAX], same = first, from = n;
			memcpy(others, used, sizeof(others));
			while (same < end && f->rows[same].at_ms == at)
				same++;
			while (from > 1 && f->rows[used[from - 1]].at_ms == at)
				from--;
			if (can_share(f, q, from, n, first, same, others)) {
				memcpy(used, others, sizeof(others));
				x = used[n];
				last = used[n - 1];
			}
		}
		bool reached = x < end && in_window(f, q, entry, x), broken = false, excluded = false;
		for (uint32_t y = last + 1; y < end && (!reached || y < x) && in_window(f, q, entry, y); y++) {
			if (q->ties == LATER && f->rows[y].at_ms == at)
				continue;
			excluded = excluded || excluded_between(f, q, n, y);
			broken = broken || breaks(f, q, n, y);
		}
		if (excluded && q->drop)
			return;
		if (!reached || excluded || broken)
			break;
		a->at[n] = f->rows[x].at_ms;
		used[n++] = x;
	}
	a->level = n;
	a->last = used[n - 1];
	bool followed = q->without == N_FILTERS;
	int64_t at = f->rows[used[n - 1]].at_ms;
	for (uint32_t y = used[n - 1] + 1; y < end && !followed; y++)
		followed = holds(f, q->without, &f->rows[y]) &&
			   (q->window_ms < 0 || f->rows[y].at_ms <= at + q->window_ms);
	if (n == q->n_steps && !followed)
		a->level++;
}

// The most steps that rows entry … last can cover: all sets of steps that can be covered, row by row.
static uint32_t most_steps(const struct fixture *f, const struct question *q, uint32_t entry, uint32_t last)
{
	bool can[1u << STEPS_MAX] = {true};
	for (uint32_t x = entry; x <= last; x++)
		for (uint32_t set = 1u << q->n_steps; set-- > 0;)
			for (uint32_t k = 0; k < q->n_steps && can[set]; k++)
				if (is_step(f, q, k, x))
					can[set | 1u << k] = true;
	uint32_t most = 0;
	for (uint32_t set = 0; set < 1u << q->n_steps; set++)
		if (can[set] && (uint32_t)__builtin_popcount(set) > most)
			most = (uint32_t)__builtin_popcount(set);
	return most;
}

static uint32_t most_reused(const struct fixture *f, const struct question *q, uint32_t entry, uint32_t last)
{
	uint32_t set = 0;
	for (uint32_t x = entry; x <= last; x++)
		for (uint32_t k = 0; k < q->n_steps; k++)
			set |= is_step(f, q, k, x) ? 1u << k : 0;
	return (uint32_t)__builtin_popcount(set);
}

static void attempt_in_any_order(
	const struct fixture *f, const struct question *q, uint32_t entry, uint32_t end, struct attempt *a)
{
	uint32_t n = 0, last = entry;
	for (uint32_t x = entry; x < end && in_window(f, q, entry, x); x++) {
		uint32_t most = (q->reuse ? most_reused : most_steps)(f, q, entry, x);
		bool excluded = x != entry && n < q->n_steps && most == n && excluded_between(f, q, n, x);
		if (excluded && q->drop)
			return;
		if (excluded)
			break;
		while (n < most) {
			a->at[n++] = f->rows[x].at_ms;
			last = x;
		}
	}
	a->level = n;
	a->last = last;
	bool followed = q->without == N_FILTERS;
	for (uint32_t y = last + 1; y < end && !followed; y++)
		followed = holds(f, q->without, &f->rows[y]) &&
			   (q->window_ms < 0 || f->rows[y].at_ms <= f->rows[last].at_ms + q->window_ms);
	if (n == q->n_steps && !followed)
		a->level++;
}

static bool is_entry(const struct fixture *f, const struct question *q, uint32_t row)
{
	char text[64];
	const char *wanted = q->where == 1 ? "shop" : "crm";
	if (q->where && strcmp(row_label(f, &f->rows[row], "source", text), wanted) != 0)
		return false;
	return q->order == ANY ? is_some_step(f, q, row) : is_step(f, q, 0, row);
}

// All attempts that count, in order of customers.
static uint32_t attempts_of(const struct fixture *f, const struct question *q, struct attempt *out)
{
	uint32_t n = 0;
	for (uint32_t first = 0, end; first < f->n; first = end) {
		struct attempt best = {.level = 0};
		int64_t busy = INT64_MIN;
		uint32_t seen = 0, through = 0; // rows up to the last step of the attempt before
		for (end = first; end < f->n && f->rows[end].customer == f->rows[first].customer; end++)
			;
		for (uint32_t i = first; i < end; i++) {
			struct attempt a = {.level = 0, .entry = i};
			if (!is_entry(f, q, i) ||
				(q->count == ATTEMPTS && seen && (i < through || f->rows[i].at_ms <= busy)))
				continue;
			(q->order == ANY ? attempt_in_any_order : attempt_in_order)(f, q, i, end, &a);
			if (q->count == FIRST && seen++)
				continue;
			seen++;
			through = a.level >= q->n_steps ? a.last + 1 : 0;
			busy = a.level >= q->n_steps ? INT64_MIN
			       : q->window_ms < 0    ? INT64_MAX
						     : f->rows[i].at_ms + q->window_ms;
			if (q->count >= ENTRIES && a.level)
				out[n++] = a;
			else if (a.level > best.level)
				best = a;
		}
		if (q->count < ENTRIES && best.level)
			out[n++] = best;
	}
	return n;
}

// --- comparing ---

struct text_words {
	char text[32][96];
	const char *word[33];
	uint32_t n;
};

__attribute__((format(printf, 2, 3))) static void say(struct text_words *w, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(w->text[w->n], sizeof(w->text[0]), format, args);
	va_end(args);
	w->word[w->n] = w->text[w->n];
	w->n++;
}

static void put_words(const struct question *q, struct text_words *w)
{
	*w = (struct text_words){.n = 0};
	for (uint32_t k = 0; k < q->n_steps; k++)
		say(w, "step=%s", filters[q->step[k]]);
	for (uint32_t i = 0; i < q->n_exclusions; i++) {
		if (q->from[i] == 1 && q->to[i] == q->n_steps)
			say(w, "exclude=%s", filters[q->excluded[i]]);
		else
			say(w, "exclude=%s between %u and %u", filters[q->excluded[i]], q->from[i], q->to[i]);
	}
	if (q->without < N_FILTERS)
		say(w, "without=%s", filters[q->without]);
	if (q->window_ms >= 0)
		say(w, "window=%llds", (long long)q->window_ms / 1000);
	say(w, "order=%s", orders[q->order]);
	if (q->repeats != DEFAULT)
		say(w, "repeats=%s", all_repeats[q->repeats]);
	say(w, "ties=%s", all_ties[q->ties]);
	say(w, "count=%s", counts[q->count]);
	say(w, "excluded=%s", q->drop ? "drop" : "end");
	if (q->reuse)
		say(w, "reuse=true");
	if (q->times)
		say(w, "times=true");
	if (q->by)
		say(w, "by=%s", groupings[q->by]);
	if (q->where)
		say(w, "where=source = %s", q->where == 1 ? "shop" : "crm");
	say(w, "threads=%u", q->threads);
}

static int by_value(const void *x, const void *y)
{
	int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
	return (a > b) - (a < b);
}

static void check_times(const struct result *r, uint32_t row, const char *prefix, int64_t *v, uint32_t n)
{
	char name[64];
	double sum = 0;
	if (n)
		qsort(v, n, sizeof(*v), by_value);
	for (uint32_t i = 0; i < n; i++)
		sum += (double)v[i];
	snprintf(name, sizeof(name), "%s_mean", prefix);
	assert_near(number_at(r, row, name), n ? sum / n / 1000.0 : (double)NAN, 1e-6 * (1 + fabs(sum)));
	snprintf(name, sizeof(name), "%s_p75", prefix);
	double place = 0.75 * (n - 1.0);
	uint32_t low = n ? (uint32_t)place : 0, high = n && low + 1 < n ? low + 1 : low;
	assert_near(number_at(r, row, name),
		n ? ((double)v[low] + (place - low) * (double)(v[high] - v[low])) / 1000.0 : (double)NAN, 1e-6);
}

static void check_row(const struct fixture *f, const struct question *q, const struct result *r, uint32_t row,
	const struct attempt *a, uint32_t n_attempts)
{
	static int64_t previous[LOG_MAX], first[LOG_MAX];
	uint32_t step = (uint32_t)number_at(r, row, "step"), n[3] = {0}, n_times = 0;
	char text[64];
	for (uint32_t i = 0; i < n_attempts; i++) {
		if (q->by && !sv_equal(text_at(r, row, groupings[q->by]),
				     sv_from(row_label(f, &f->rows[a[i].entry], groupings[q->by], text))))
			continue;
		n[0] += a[i].level >= 1;
		n[1] += a[i].level + 1 >= step;
		n[2] += a[i].level >= step;
		if (a[i].level >= step && step > 1 && step <= q->n_steps) {
			previous[n_times] = a[i].at[step - 1] - a[i].at[step - 2];
			first[n_times++] = a[i].at[step - 1] - a[i].at[0];
		}
	}
	assert_near(number_at(r, row, "n"), n[2], 0);
	assert_near(number_at(r, row, "share"), n[0] ? (double)n[2] / n[0] : (double)NAN, 1e-12);
	if (step == 1)
		return;
	assert_near(number_at(r, row, "dropped"), n[1] - n[2], 0);
	assert_near(number_at(r, row, "share_previous"), n[1] ? (double)n[2] / n[1] : (double)NAN, 1e-12);
	if (!q->times || step > q->n_steps)
		return;
	check_times(r, row, "previous", previous, n_times);
	check_times(r, row, "first", first, n_times);
}

// The list of those who reached a step: each customer once per group, with the earliest entry.
static void check_list(const struct fixture *f, const struct question *q, const struct text_words *w,
	uint32_t level, bool dropped, const struct attempt *a, uint32_t n_attempts)
{
	struct text_words words = *w;
	for (uint32_t i = 0; i < words.n; i++)
		words.word[i] = words.text[i];
	say(&words, "persons=%s:%u", dropped ? "dropped" : "reached", level);
	struct result *r = ask(f, "funnel", words.word);
	double times = 0;
	for (uint32_t row = 0; row < r->n_rows; row++) {
		uint32_t n = 0;
		int64_t at = INT64_MAX;
		char text[64];
		for (uint32_t i = 0; i < n_attempts; i++) {
			const struct log_row *x = &f->rows[a[i].entry];
			snprintf(text, sizeof(text), "user:c-%u", x->customer);
			if (!sv_equal(text_at(r, row, "customer"), sv_from(text)) ||
				(dropped ? a[i].level + 1 != level : a[i].level < level))
				continue;
			if (q->by && !sv_equal(text_at(r, row, groupings[q->by]),
					     sv_from(row_label(f, x, groupings[q->by], text))))
				continue;
			n++;
			at = x->at_ms < at ? x->at_ms : at;
		}
		assert_near(number_at(r, row, "times"), n, 0);
		assert_near(number_at(r, row, "at"), (double)at, 0);
		times += n;
	}
	uint32_t all = 0;
	for (uint32_t i = 0; i < n_attempts; i++)
		all += dropped ? a[i].level + 1 == level : a[i].level >= level;
	assert_near(times, all, 0);
	result_free(&r);
}

static void funnels(void **state)
{
	(void)state;
	static struct attempt a[LOG_MAX];
	uint64_t seed = 77;
	for (uint32_t i = 0; i < QUESTIONS; i++) {
		const struct fixture *f = fixtures[i % FIXTURES];
		struct question q = question_random(&seed);
		struct text_words w;
		uint32_t n_attempts = attempts_of(f, &q, a), levels = q.n_steps + (q.without < N_FILTERS);
		put_words(&q, &w);
		struct result *r = ask(f, "funnel", w.word);
		uint32_t sum = 0;
		for (uint32_t row = 0; row < r->n_rows; row++) {
			check_row(f, &q, r, row, a, n_attempts);
			if (number_at(r, row, "step") == 1.0)
				sum += (uint32_t)number_at(r, row, "n");
		}
		assert_int_equal(sum, n_attempts);
		assert_int_equal(r->n_rows % levels, 0);
		result_free(&r);
		if (i % 4 == 0)
			check_list(f, &q, &w, 1 + below(&seed, levels), false, a, n_attempts);
		else if (i % 4 == 1 && levels > 1)
			check_list(f, &q, &w, 2 + below(&seed, levels - 1), true, a, n_attempts);
	}
}

// What --limit cuts off of groups is one exact row per step; of a list, the rest is told.
static void limits(void **state)
{
	(void)state;
	const struct fixture *f = fixtures[FIXTURES - 1];
	struct result *all = ask(f, "funnel", WORDS("step=visit", "step=call", "by=channel", "times=true"));
	struct result *some =
		ask(f, "funnel", WORDS("step=visit", "step=call", "by=channel", "times=true", "limit=4"));
	assert_int_equal(some->n_rows, 6);
	assert_true(sv_equal(text_at(some, 4, "channel"), SV("(other)")));
	assert_near(column_sum(some, "n"), column_sum(all, "n"), 0);
	assert_near(column_sum(some, "dropped"), column_sum(all, "dropped"), 0);
	struct result *list =
		ask(f, "funnel", WORDS("step=visit", "step=call", "persons=reached:1", "limit=3"));
	struct result *whole = ask(f, "funnel", WORDS("step=visit", "step=call", "persons=reached:1"));
	assert_int_equal(list->n_rows, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_true(sv_equal(text_at(list, i, "customer"), text_at(whole, i, "customer")));
	char note[64];
	snprintf(note, sizeof(note), "%u customers in all", whole->n_rows);
	assert_true(sv_starts(list->notes[list->n_notes - 1], sv_from(note)));
	result_free(&all);
	result_free(&some);
	result_free(&list);
	result_free(&whole);
}

static void mistakes(void **state)
{
	(void)state;
	const struct fixture *f = fixtures[0];
	ask_wrong(f, "funnel", WORDS("window=1d"), "--step is missing");
	ask_wrong(f, "funnel", WORDS("step=ordr", "step=call"), "order");
	ask_wrong(f, "funnel", WORDS("step=order", "step=call", "order=any", "ties=later"), "no meaning");
	ask_wrong(f, "funnel", WORDS("step=order", "step=call", "ties=any", "order=strict"), "--ties arrival");
	ask_wrong(f, "funnel", WORDS("step=order", "step=call", "exclude=visit between 2 and 3"), "1 to 2");
	ask_wrong(f, "funnel", WORDS("step=order", "step=call", "exclude=visit between 1 and"), "");
	ask_wrong(f, "funnel", WORDS("step=order", "step=call", "excluded=drop"), "give --exclude");
	ask_wrong(f, "funnel", WORDS("step=order", "step=call", "persons=reached:3"), "dropped:2");
	ask_wrong(f, "funnel", WORDS("step=order", "step=call", "persons=dropped:1"), "dropped:2");
	ask_wrong(f, "funnel", WORDS("step=order", "step=call", "window=0s"), "outside");
	struct text_words w = {.n = 0};
	for (uint32_t i = 0; i < 21; i++)
		say(&w, "step=order");
	ask_wrong(f, "funnel", w.word, "at most 20");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(funnels),
		cmocka_unit_test(limits),
		cmocka_unit_test(mistakes),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
