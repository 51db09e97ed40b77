// SPDX-License-Identifier: Apache-2.0
// Paths that are written down and counted at the end, against a sorted list of all of them.
#include "measure/paths_log.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
// cmocka wants these above first
#include <cmocka.h>

#define LOGS 3u // as of three threads

struct paths {
	uint64_t *key;
	int64_t *ms;
	uint32_t n;
};

static uint64_t random_next(uint64_t *x)
{
	*x = *x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *x >> 33;
}

// Of up to `depth` steps of 8 bits, of n_codes codes; every hundredth takes years, and some take as long as just fits.
static void paths_make(struct paths *p, uint32_t n, uint32_t depth, uint32_t n_codes, uint64_t seed)
{
	*p = (struct paths){mem_calloc(n, sizeof(*p->key)), mem_calloc(n, sizeof(*p->ms)), n};
	assert_non_null(p->key);
	assert_non_null(p->ms);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t steps = 1 + (uint32_t)(random_next(&seed) % depth);
		for (uint32_t k = 0; k < steps; k++)
			p->key[i] |= (1 + random_next(&seed) % n_codes) << 8 * k;
		p->ms[i] = (int64_t)(random_next(&seed) % 1000);
		if (i % 100 == 7)
			p->ms[i] = (INT64_C(1) << 36) + i;
		if (i % 100 == 9)
			p->ms[i] = (INT64_C(1) << 24) - (int64_t)(i % 2);
	}
}

static int compare_keys(const void *x, const void *y)
{
	const struct census_sum *a = x, *b = y;
	return (a->key > b->key) - (a->key < b->key);
}

// Equal keys of a sorted list become one.
static uint32_t join(struct census_sum *x, uint32_t n)
{
	uint32_t m = 0;
	qsort(x, n, sizeof(*x), compare_keys);
	for (uint32_t i = 0; i < n; i++) {
		if (m && x[m - 1].key == x[i].key) {
			x[m - 1].n += x[i].n;
			x[m - 1].ms += x[i].ms;
		} else {
			x[m++] = x[i];
		}
	}
	return m;
}

static void same(const struct paths *p, const struct census *t, bool timed)
{
	struct census_sum *want = mem_calloc(p->n, sizeof(*want));
	struct census_sum *got = mem_calloc((size_t)t->n_used + 1, sizeof(*got));
	assert_non_null(want);
	assert_non_null(got);
	for (uint32_t i = 0; i < p->n; i++)
		want[i] = (struct census_sum){p->key[i], 1, timed ? p->ms[i] : 0};
	uint32_t n = join(want, p->n), m = 0;
	for (uint64_t i = 0; i < census_slots(t); i++)
		if (census_key(t, i)) {
			assert_true(m < t->n_used);
			got[m++] = (struct census_sum){census_key(t, i), census_n(t, i), census_ms(t, i)};
		}
	assert_int_equal(m, t->n_used);
	assert_int_equal(m, n); // each once
	qsort(got, m, sizeof(*got), compare_keys);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(got[i].key, want[i].key);
		assert_int_equal(got[i].n, want[i].n);
		assert_int_equal(got[i].ms, want[i].ms);
	}
	mem_free(want);
	mem_free(got);
}

static void check(uint32_t n, uint32_t depth, uint32_t n_codes, bool timed, uint64_t records_max)
{
	struct paths p;
	struct err e = ERR_NONE;
	struct census_shape shape = census_shape_for(n_codes, depth, 1, timed);
	struct path_log log[LOGS];
	assert_int_equal(shape.code_bits, 8);
	paths_make(&p, n, depth, n_codes, n + depth);
	for (uint32_t k = 0; k < LOGS; k++) {
		path_log_init(&log[k], &shape, records_max);
		for (uint32_t i = n / LOGS * k, end = k + 1 < LOGS ? n / LOGS * (k + 1) : n; i < end; i += 777)
			assert_int_equal(path_log_add(&log[k], p.key + i, timed ? p.ms + i : NULL,
						 end - i < 777 ? end - i : 777, &e),
				RC_OK);
	}
	for (uint32_t k = 1; k < LOGS; k++)
		path_log_merge(&log[0], &log[k]);
	for (unsigned threads = 1; threads <= 3; threads += 2) {
		struct census t = {.shape = shape};
		if (threads == 1) {
			assert_int_equal(path_log_count(&log[0], threads, &t, &e), RC_OK);
		} else { // the same again, by more threads
			path_log_free(&log[0]);
			assert_int_equal(path_log_add(&log[0], p.key, p.ms, n, &e), RC_OK);
			assert_int_equal(path_log_count(&log[0], threads, &t, &e), RC_OK);
		}
		same(&p, &t, timed);
		census_free(&t);
	}
	path_log_free(&log[0]);
	mem_free(p.key);
	mem_free(p.ms);
}

static void test_counts(void **state)
{
	(void)state;
	static const uint32_t n[] = {1, 5, 3000, 200000};
	for (uint32_t i = 0; i < sizeof(n) / sizeof(n[0]); i++) {
		check(n[i], 2, 50, true, PATH_LOG_RECORDS_MAX);
		check(n[i], 5, 9, true, PATH_LOG_RECORDS_MAX);
		check(n[i], 7, 200, true, PATH_LOG_RECORDS_MAX);
		check(n[i], 7, 200, false, PATH_LOG_RECORDS_MAX);
	}
}

// Records are replaced by sums again and again.
static void test_replaced(void **state)
{
	(void)state;
	check(200000, 5, 4, true, 1000);
	check(200000, 5, 200, true, 1000);
	check(200000, 6, 30, false, 20000);
}

static void test_nothing(void **state)
{
	(void)state;
	struct err e = ERR_NONE;
	struct census_shape shape = census_shape_for(20, 5, 1, true);
	struct census t = {.shape = shape};
	struct path_log a, b;
	path_log_init(&a, &shape, 10);
	path_log_init(&b, &shape, 10);
	path_log_merge(&a, &b);
	assert_int_equal(path_log_count(&a, 2, &t, &e), RC_OK);
	assert_int_equal(census_slots(&t), 0);
	path_log_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts), cmocka_unit_test(test_replaced), cmocka_unit_test(test_nothing)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
