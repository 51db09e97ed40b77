// SPDX-License-Identifier: Apache-2.0
// attribution: credits against slow code path by path; the Markov removal effect against a published example, and
// against repeated multiplication of the transition matrix (no linear system in sight).
#include "fixture.h"

#include "base/mem.h"
#include "measure/attribution.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
// cmocka wants these above first
#include <cmocka.h>

#define DAY_MS INT64_C(86400000)

static struct log_row at_hour(uint32_t customer, uint32_t hour, const char *event)
{
	return log_row_new(customer, INT64_C(1772323200000) + (int64_t)hour * 3600000, event);
}

static uint32_t row_for(const struct result *r, const char *key)
{
	for (uint32_t i = 0; i < r->n_rows; i++)
		if (sv_equal(text_at(r, i, "key"), sv_from(key)))
			return i;
	fail_msg("no row %s", key);
	return 0;
}

// The example that introductions to the method use (start > C1 > C2 > C3 > conversion, start > C1 > null,
// start > C2 > C3 > null): 1/3 of journeys convert, removal effects 0.5, 1, 1, so 0.2, 0.4, 0.4 of the conversion.
static void test_published(void **state)
{
	(void)state;
	const struct log_row rows[] = {at_hour(1, 0, "Called"), at_hour(1, 1, "Visited"),
		at_hour(1, 2, "Strange"), at_hour(1, 3, "Ordered"), at_hour(2, 0, "Called"),
		at_hour(3, 0, "Visited"), at_hour(3, 5, "Strange")};
	struct fixture *f = fixture_of(rows, 7);
	struct result *r = ask(f, "attribution", WORDS("conversion=order", "of=event"));
	assert_int_equal(r->n_rows, 3);
	assert_near(number_at(r, row_for(r, "Called"), "removal_effect"), 0.5, 1e-12);
	assert_near(number_at(r, row_for(r, "Visited"), "removal_effect"), 1, 1e-12);
	assert_near(number_at(r, row_for(r, "Strange"), "removal_effect"), 1, 1e-12);
	assert_near(number_at(r, row_for(r, "Called"), "markov"), 0.2, 1e-12);
	assert_near(number_at(r, row_for(r, "Visited"), "markov"), 0.4, 1e-12);
	assert_near(number_at(r, row_for(r, "Strange"), "markov"), 0.4, 1e-12);
	assert_near(number_at(r, row_for(r, "Called"), "first"), 1, 0);
	assert_near(number_at(r, row_for(r, "Strange"), "last"), 1, 0);
	assert_near(number_at(r, row_for(r, "Visited"), "position"), 0.2, 1e-15);
	result_free(&r);
	// Half-lives of an hour: 1, 2 and 3 hours before.
	r = ask(f, "attribution", WORDS("conversion=order", "of=event", "half-life=1h", "model=time-decay"));
	assert_near(number_at(r, row_for(r, "Strange"), "time_decay"), 4.0 / 7, 1e-15);
	assert_near(number_at(r, row_for(r, "Called"), "time_decay"), 1.0 / 7, 1e-15);
	assert_true(isnan(number_at(r, 0, "linear")));
	result_free(&r);
	fixture_free(&f);
}

// --- slow paths ---

#define KEYS 6 // channels, 0 = none
#define PATHS_MAX 600
static const char *const keys[KEYS] = {"(none)", "web", "phone", "dealer", "courier", "fax"};

struct path {
	uint32_t key[400];
	int64_t before_ms[400];
	uint32_t n;
	bool converts;
	double value;
	uint32_t product;
};

struct question {
	bool reuse, web_touches;
	int64_t window_ms, half_life_ms;
	uint32_t order;
};

static bool is_conversion(const struct log_row *r)
{
	return row_touchpoint_name(r) && strcmp(row_touchpoint_name(r), "order") == 0;
}

static bool is_touch(const struct question *q, const struct log_row *r)
{
	return !is_conversion(r) && (!q->web_touches || r->source == 1);
}

// The path that ends before row `end` of the log (a conversion), or with the person's last row (end = one past it).
static void take_path(const struct fixture *f, const struct question *q, uint32_t first, uint32_t end,
	bool converts, struct path *p)
{
	uint32_t from = first;
	*p = (struct path){.converts = converts};
	for (uint32_t i = first; i < end; i++)
		if (is_conversion(&f->rows[i]) && (!q->reuse || !converts))
			from = i + 1;
	for (uint32_t i = from; i < end; i++) {
		const struct log_row *r = &f->rows[i];
		if (!is_touch(q, r) || (converts && r->at_ms < f->rows[end].at_ms - q->window_ms))
			continue;
		p->before_ms[p->n] = converts ? f->rows[end].at_ms - r->at_ms : 0;
		p->key[p->n++] = r->channel;
		p->product = r->product;
	}
	if (converts) {
		p->value = isnan(f->rows[end].measure[M_WAIT]) ? 0 : f->rows[end].measure[M_WAIT];
		p->product = f->rows[end].product;
	}
}

static uint32_t take_paths(const struct fixture *f, const struct question *q, struct path *paths)
{
	uint32_t n = 0;
	for (uint32_t first = 0, end; first < f->n; first = end) {
		for (end = first; end < f->n && f->rows[end].customer == f->rows[first].customer; end++)
			if (is_conversion(&f->rows[end]))
				take_path(f, q, first, end, true, &paths[n++]);
		take_path(f, q, first, end, false, &paths[n]);
		n += paths[n].n > 0;
		assert_true(n < PATHS_MAX);
	}
	return n;
}

static double share_of(const struct question *q, const struct path *p, const char *model, uint32_t i)
{
	if (strcmp(model, "first") == 0)
		return i == 0;
	if (strcmp(model, "last") == 0)
		return i + 1 == p->n;
	if (strcmp(model, "linear") == 0)
		return 1.0 / p->n;
	if (strcmp(model, "position") == 0) {
		bool edge = i == 0 || i + 1 == p->n;
		return p->n == 1 ? 1.0 : p->n == 2 ? 0.5 : edge ? 0.4 : 0.2 / (p->n - 2);
	}
	double all = 0;
	for (uint32_t k = 0; k < p->n; k++)
		all += pow(0.5, (double)p->before_ms[k] / (double)q->half_life_ms);
	return pow(0.5, (double)p->before_ms[i] / (double)q->half_life_ms) / all;
}

// Probability of conversion without a key (KEYS: with all): the distribution over states, step by step. A state is the
// last `order` touches, 0 for none yet, as digits.
static double walk(const struct path *paths, uint32_t n, uint32_t order, uint32_t without)
{
	enum { BASE = KEYS + 1, STATES = BASE * BASE * BASE };
	static double to[STATES][KEYS + 2], total[STATES];
	static double now[STATES], next[STATES];
	uint32_t states = order == 1 ? BASE : order == 2 ? BASE * BASE : STATES;
	memset(to, 0, sizeof(to));
	memset(total, 0, sizeof(total));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t state = 0;
		if (paths[i].n == 0)
			continue;
		for (uint32_t k = 0; k < paths[i].n; k++) {
			to[state][paths[i].key[k]]++;
			total[state]++;
			state = (state * BASE + paths[i].key[k] + 1) % states;
		}
		to[state][KEYS + !paths[i].converts]++;
		total[state]++;
	}
	memset(now, 0, sizeof(now));
	now[0] = 1;
	double converted = 0, left = 1;
	while (left > 1e-15) {
		memset(next, 0, sizeof(next));
		left = 0;
		for (uint32_t s = 0; s < states; s++) {
			if (now[s] == 0)
				continue;
			converted += now[s] * to[s][KEYS] / total[s];
			for (uint32_t k = 0; k < KEYS; k++)
				if (k != without) {
					next[(s * BASE + k + 1) % states] += now[s] * to[s][k] / total[s];
					left += now[s] * to[s][k] / total[s];
				}
		}
		memcpy(now, next, sizeof(now));
	}
	return converted;
}

static void check_markov(const struct result *r, const struct path *paths, uint32_t n, const struct question *q)
{
	double all = walk(paths, n, q->order, KEYS), effect[KEYS], sum = 0, conversions = 0;
	for (uint32_t k = 0; k < KEYS; k++) {
		effect[k] = all > 0 ? 1 - walk(paths, n, q->order, k) / all : 0;
		sum += effect[k];
	}
	for (uint32_t i = 0; i < n; i++)
		conversions += paths[i].converts && paths[i].n > 0;
	for (uint32_t row = 0; row < r->n_rows; row++)
		for (uint32_t k = 0; k < KEYS; k++)
			if (sv_equal(text_at(r, row, "key"), sv_from(keys[k]))) {
				assert_near(number_at(r, row, "removal_effect"), effect[k], 1e-10);
				assert_near(number_at(r, row, "markov"), conversions * effect[k] / sum, 1e-8);
			}
}

static const char *const models[] = {"first", "last", "linear", "time_decay", "position"};

static void check_credits(
	const struct result *r, const struct path *paths, uint32_t n, const struct question *q)
{
	for (uint32_t m = 0; m < 5; m++) {
		double credit[KEYS] = {0}, value[KEYS] = {0};
		char name[32];
		snprintf(name, sizeof(name), "value_%s", models[m]);
		for (uint32_t i = 0; i < n; i++)
			for (uint32_t k = 0; paths[i].converts && k < paths[i].n; k++) {
				double share = share_of(q, &paths[i], models[m], k);
				credit[paths[i].key[k]] += share;
				value[paths[i].key[k]] += share * paths[i].value;
			}
		for (uint32_t row = 0; row < r->n_rows; row++)
			for (uint32_t k = 0; k < KEYS; k++)
				if (sv_equal(text_at(r, row, "key"), sv_from(keys[k]))) {
					assert_near(number_at(r, row, models[m]), credit[k], 1e-9);
					assert_near(number_at(r, row, name), value[k], 1e-6);
				}
	}
}

static void check(const struct fixture *f, const struct question *q, struct path *paths)
{
	char window[40], half_life[40], order[16];
	snprintf(window, sizeof(window), "window=%.0fs", (double)q->window_ms / 1000);
	snprintf(half_life, sizeof(half_life), "half-life=%.0fs", (double)q->half_life_ms / 1000);
	snprintf(order, sizeof(order), "order=%u", q->order);
	const char *words[10] = {"conversion=order", "value=wait", window, half_life, order,
		q->order == 2 ? "threads=3" : "threads=1"};
	uint32_t n_words = 6;
	if (q->reuse)
		words[n_words++] = "reuse=yes";
	if (q->web_touches)
		words[n_words++] = "touch=source = crm";
	words[n_words] = NULL;
	struct result *r = ask(f, "attribution", words);
	uint32_t n = take_paths(f, q, paths);
	double conversions = 0, value = 0;
	for (uint32_t i = 0; i < n; i++) {
		conversions += paths[i].converts;
		value += paths[i].converts ? paths[i].value : 0;
	}
	for (uint32_t m = 0; r->n_rows && m < 5; m++)
		assert_near(column_sum(r, models[m]), conversions, 1e-9); // nothing lost, nothing twice
	assert_near(column_sum(r, "value_linear"), value, 1e-6);
	check_credits(r, paths, n, q);
	if (!q->reuse && conversions > 0) {
		check_markov(r, paths, n, q);
		assert_near(column_sum(r, "markov"), conversions, 1e-9);
	}
	result_free(&r);
}

static void test_random(void **state)
{
	(void)state;
	struct path *paths = mem_calloc(PATHS_MAX, sizeof(*paths));
	assert_non_null(paths);
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct fixture *f = fixture_random(seed, 30 + (uint32_t)seed * 10, 4 + (uint32_t)(seed % 25));
		for (uint32_t i = 0; i < 12; i++) {
			struct question q = {.reuse = i % 4 == 3,
				.web_touches = i & 1,
				.window_ms = i % 3 ? 20 * DAY_MS : 90 * DAY_MS,
				.half_life_ms = i % 5 ? 7 * DAY_MS : DAY_MS / 4,
				.order = 1 + i % 3};
			check(f, &q, paths);
		}
		fixture_free(&f);
	}
	mem_free(paths);
}

// Groups add up to the whole; so does what a limit cuts off.
static void test_groups(void **state)
{
	(void)state;
	struct fixture *f = fixture_random(12, 900, 80);
	struct result *all = ask(f, "attribution", WORDS("conversion=order"));
	struct result *r = ask(f, "attribution", WORDS("conversion=order", "by=product", "threads=3"));
	static const char *const exact[] = {"touches", "first", "last", "linear", "markov"};
	for (uint32_t i = 0; i < 5; i++)
		assert_near(column_sum(r, exact[i]), column_sum(all, exact[i]), 1e-8);
	// Markov of a group is that of the question with a filter.
	struct result *one = ask(f, "attribution", WORDS("conversion=order", "where=product = fibre"));
	for (uint32_t i = 0; i < one->n_rows; i++)
		for (uint32_t k = 0; k < r->n_rows; k++)
			if (sv_equal(text_at(r, k, "product"), SV("fibre")) &&
				sv_equal(text_at(r, k, "key"), text_at(one, i, "key")))
				assert_near(number_at(r, k, "markov"), number_at(one, i, "markov"), 1e-9);
	result_free(&one);
	result_free(&r);
	r = ask(f, "attribution", WORDS("conversion=order", "limit=2"));
	assert_int_equal(r->n_rows, 4); // two, (other), (direct)
	for (uint32_t i = 0; i < 5; i++)
		assert_near(column_sum(r, exact[i]), column_sum(all, exact[i]), 1e-8);
	result_free(&r);
	r = ask(f, "attribution", WORDS("conversion=order", "by=product,agent", "limit=9"));
	assert_near(column_sum(r, "first"), column_sum(all, "first"), 1e-8);
	assert_near(column_sum(r, "markov"), column_sum(all, "markov"), 1e-8);
	result_free(&r);
	result_free(&all);
	fixture_free(&f);
}

// What only those touch who never convert takes nothing away when it is not there, not a trace of rounding: it is no row.
static void test_without_effect(void **state)
{
	(void)state;
	static struct log_row rows[LOG_MAX];
	uint64_t seed = 41;
	uint32_t n = 0;
	for (uint32_t customer = 1; customer <= 90; customer++) {
		bool never = customer % 3 == 0;
		uint32_t touches = 1 + (uint32_t)(random_next(&seed) % 9);
		for (uint32_t i = 0; i < touches; i++)
			rows[n++] = log_row_new(customer, INT64_C(1772323200000) + i * 60000,
				never                    ? "Delivered"
				: random_next(&seed) % 2 ? "Called"
							 : "Visited");
		if (!never && random_next(&seed) % 7)
			rows[n++] = log_row_new(customer, INT64_C(1772323200000) + touches * 60000, "Ordered");
	}
	struct fixture *f = fixture_of(rows, n);
	for (uint32_t order = 1; order <= 3; order++) {
		char word[] = "order=0";
		word[sizeof(word) - 2] = (char)('0' + order);
		struct result *r = ask(f, "attribution", WORDS("conversion=order", "of=touchpoint", word));
		bool seen = false;
		for (uint32_t i = 0; i < r->n_rows; i++) {
			assert_false(sv_equal(text_at(r, i, "key"), SV("delivery")));
			seen |= sv_equal(text_at(r, i, "key"), SV("call")) &&
				number_at(r, i, "removal_effect") > 0.1;
		}
		assert_true(seen);
		result_free(&r);
	}
	fixture_free(&f);
}

static void test_mistakes(void **state)
{
	(void)state;
	struct fixture *f = fixture_random(3, 50, 10);
	ask_wrong(f, "attribution", WORDS("conversion=order", "of=nps"), "not a name");
	ask_wrong(f, "attribution", WORDS("conversion=order", "of=chanel"), "channel");
	ask_wrong(f, "attribution", WORDS("conversion=order", "value=wiat"), "wait");
	ask_wrong(f, "attribution", WORDS("conversion=order", "order=4"), "outside");
	ask_wrong(f, "attribution", WORDS("conversion=order", "model=markov", "reuse=yes"), "--reuse");
	ask_wrong(f, "attribution", WORDS("conversion=order", "model=last", "order=2"), "--model markov");
	ask_wrong(f, "attribution", WORDS("conversion=order", "model=markov", "half-life=1d"),
		"--model time-decay");
	ask_wrong(f, "attribution", WORDS("of=channel"), "--conversion");
	fixture_free(&f);
	f = fixture_of(NULL, 0);
	struct result *r = ask(f, "attribution", WORDS("conversion=order"));
	assert_int_equal(r->n_rows, 0);
	result_free(&r);
	fixture_free(&f);
}

// --- the chain alone ---

enum { TOUCHES = 9, BASE = TOUCHES + 3, STATES = BASE * BASE * BASE };

// Plain iteration over all states that there could be, until nothing changes.
static double slow_conversion(const double *times, uint32_t n_states, uint32_t removed)
{
	static double x[STATES];
	memset(x, 0, sizeof(x));
	for (double change = 1.0; change > 1e-15;) {
		change = 0.0;
		for (uint32_t k = 0; k < n_states; k++) {
			double sum = 0.0, next = 0.0;
			for (uint32_t symbol = 1; symbol < BASE; symbol++) {
				double t = times[k * BASE + symbol];
				sum += t;
				if (symbol == TOUCHES + 1)
					next += t;
				else if (symbol <= TOUCHES && symbol != removed)
					next += t * x[n_states == BASE ? symbol
								       : k % (n_states / BASE) * BASE + symbol];
			}
			next = sum > 0.0 ? next / sum : 0.0;
			change = fmax(change, fabs(next - x[k]));
			x[k] = next;
		}
	}
	return x[0];
}

static uint32_t below(uint64_t *random, uint32_t n)
{
	*random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((*random >> 33) % n);
}

// Paths with habits of the third order, some long and repetitive, so that the chain is far from one of the first order.
static uint32_t make_touches(uint64_t *random, uint32_t touch[200], bool *converts)
{
	uint32_t n = 0, stay = 2 + below(random, 40);
	do {
		uint32_t k = below(random, TOUCHES);
		if (n >= 3 && below(random, 3))
			k = (touch[n - 1] + 2 * touch[n - 2] + 5 * touch[n - 3]) % TOUCHES;
		if (n >= 1 && below(random, 4) == 0)
			k = touch[n - 1];
		touch[n++] = k;
	} while (n < 200 && below(random, stay));
	*converts = below(random, 10) < 1 + touch[n - 1] % 4 + (n > 2 ? touch[n - 3] % 3 : 0);
	return n;
}

static void removals_agree_with_plain_iteration(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 12; seed++) {
		struct err e = ERR_NONE;
		struct markov_shape shape;
		struct markov_counts c;
		uint64_t random = seed;
		double effect[TOUCHES], conversion;
		static double times[STATES * BASE];
		memset(times, 0, sizeof(times));
		assert_int_equal(markov_shape_of(TOUCHES, 1 + seed % 3, &shape, &e), RC_OK);
		markov_counts_open(&c, &shape, seed % 2);
		for (uint32_t i = 0; i < (seed < 7 ? 40u : 3000u); i++) {
			uint32_t touch[200], at = 0;
			bool converts;
			uint32_t n = make_touches(&random, touch, &converts);
			assert_int_equal(markov_path(&c, &shape, 0, touch, n, converts, &e), RC_OK);
			for (uint32_t k = 0; k < n; k++) {
				times[at * BASE + touch[k] + 1] += 1.0;
				at = (uint32_t)(at % (shape.n_states / BASE) * BASE) + touch[k] + 1;
			}
			times[at * BASE + TOUCHES + (converts ? 1 : 2)] += 1.0;
		}
		assert_int_equal(markov_removal(&c, &shape, 0, effect, &conversion, &e), RC_OK);
		double all = slow_conversion(times, (uint32_t)shape.n_states, 0);
		assert_true(all > 0.0);
		assert_near(conversion, all, 1e-10);
		for (uint32_t k = 0; k < TOUCHES; k++)
			assert_near(effect[k],
				fmax(1.0 - slow_conversion(times, (uint32_t)shape.n_states, k + 1) / all, 0.0),
				1e-9);
		markov_counts_free(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_without_effect),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(removals_agree_with_plain_iteration),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
