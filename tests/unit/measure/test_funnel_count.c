// SPDX-License-Identifier: Apache-2.0
// How far persons get: vectors against plain code, and both against all ways of choosing interactions as steps.
#include "measure/funnel_count.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants these above first
#include <cmocka.h>

#define ROWS_MAX 500u

struct journeys {
	int64_t at[ROWS_MAX];
	uint32_t row[ROWS_MAX + 1], bits[ROWS_MAX], start[ROWS_MAX + 1];
	struct funnel_rows x;
};

static uint64_t random_next(uint64_t *x)
{
	*x = *x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *x >> 33;
}

static void make(struct journeys *j, uint64_t seed)
{
	uint32_t n = 1 + (uint32_t)(random_next(&seed) % ROWS_MAX),
		 n_steps = 2 + (uint32_t)(random_next(&seed) % 4);
	bool single = random_next(&seed) % 2;
	j->x = (struct funnel_rows){.row = j->row,
		.bits = j->bits,
		.at = j->at,
		.person_start = j->start,
		.n_steps = n_steps,
		.window_ms = random_next(&seed) % 4 ? 20 : FUNNEL_NO_WINDOW,
		.reuse = random_next(&seed) % 2};
	for (uint32_t i = 0; i < n; i++) {
		bool begins = i == 0 || random_next(&seed) % 9 == 0;
		if (begins)
			j->start[j->x.n_persons++] = i;
		j->at[i] = begins ? (int64_t)(random_next(&seed) % 9) - 4
				  : j->at[i - 1] + (int64_t)(random_next(&seed) % 8);
		if (random_next(&seed) % 3 == 0)
			continue;
		j->row[j->x.n] = i;
		j->bits[j->x.n++] = single ? 1u << random_next(&seed) % n_steps
					   : (uint32_t)(random_next(&seed) % (1u << n_steps));
	}
	j->start[j->x.n_persons] = n;
	j->row[j->x.n] = UINT32_MAX;
}

// The most steps that entries [i, end) reach, when `k` are and the first was at `first_ms`.
static uint32_t reached(const struct funnel_rows *x, uint32_t i, uint32_t end, uint32_t k, int64_t first_ms)
{
	uint32_t best = k;
	for (; k < x->n_steps && i < end; i++) {
		int64_t at = x->at[x->row[i]];
		if (!(x->bits[i] >> k & 1) || (k && at - first_ms > x->window_ms))
			continue;
		uint32_t n = reached(x, i + !x->reuse, end, k + 1, k ? first_ms : at);
		best = n > best ? n : best;
	}
	return best;
}

static void test_counts(void **state)
{
	(void)state;
	static struct journeys j;
	struct funnel_scratch scratch = {0};
	struct err e = ERR_NONE;
	for (uint32_t round = 0; round < 2000; round++) {
		make(&j, round);
		uint64_t want[FUNNEL_STEPS_MAX + 1] = {0}, plain[FUNNEL_STEPS_MAX + 1] = {0},
						 vectors[FUNNEL_STEPS_MAX + 1] = {0};
		for (uint32_t k = 0, i = 0; k < j.x.n_persons; k++) {
			uint32_t first = i;
			while (j.row[i] < j.start[k + 1])
				i++;
			want[reached(&j.x, first, i, 0, 0)]++;
		}
		funnel_count_plain(&j.x, plain);
		assert_int_equal(funnel_count(&j.x, &scratch, vectors, &e), RC_OK);
		for (uint32_t k = 1; k <= j.x.n_steps; k++) {
			assert_int_equal(plain[k], want[k]);
			assert_int_equal(vectors[k], want[k]);
		}
	}
	funnel_scratch_free(&scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
