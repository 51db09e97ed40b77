// SPDX-License-Identifier: Apache-2.0
// Where sessions begin and their steps: vectors against plain code, and both against the definition.
#include "measure/sessions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants these above first
#include <cmocka.h>

#define ROWS_MAX 300u
#define ROUNDS 3000u
#define GAP_MS 1000

struct rows {
	int64_t at[ROWS_MAX];
	uint32_t code[ROWS_MAX], start[ROWS_MAX + 1];
	uint32_t n, n_journeys;
};

struct written {
	uint8_t bits[ROWS_MAX / 8 + 1], journeys[ROWS_MAX / 8 + 1], step[ROWS_MAX + SESSIONS_SLACK];
	uint32_t first_row[ROWS_MAX + SESSIONS_SLACK], first_step[ROWS_MAX + SESSIONS_SLACK];
	uint32_t row[ROWS_MAX + SESSIONS_SLACK], n_rows;
	struct session_steps s;
};

static uint64_t random_next(uint64_t *x)
{
	*x = *x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *x >> 33;
}

static void rows_make(struct rows *r, uint64_t seed)
{
	uint32_t n_codes = seed % 3 == 0 ? 255 : 3;
	r->n = 1 + (uint32_t)(random_next(&seed) % ROWS_MAX);
	r->n_journeys = 0;
	for (uint32_t i = 0; i < r->n; i++) {
		bool begins = i == 0 || random_next(&seed) % 10 == 0;
		if (begins)
			r->start[r->n_journeys++] = i;
		// Pauses of the gap exactly and of one more; a journey may begin before the last one ended.
		r->at[i] = begins ? (int64_t)(random_next(&seed) % 5000)
				  : r->at[i - 1] + (int64_t)(random_next(&seed) % 3) * (GAP_MS / 2) +
					    (int64_t)(random_next(&seed) % 2);
		r->code[i] = (uint32_t)(random_next(&seed) % n_codes);
	}
	r->start[r->n_journeys] = r->n;
}

static void prepare(struct written *w)
{
	memset(w, 0xaa, sizeof(*w));
	w->s = (struct session_steps){.first_row = w->first_row, .first_step = w->first_step, .step = w->step};
}

static bool begins_journey(const struct rows *r, uint32_t i)
{
	for (uint32_t k = 0; k < r->n_journeys; k++)
		if (r->start[k] == i)
			return true;
	return false;
}

static bool begins_at(const struct rows *r, uint32_t i)
{
	return begins_journey(r, i) || r->at[i] - r->at[i - 1] > GAP_MS;
}

static void check(const struct rows *r, const struct written *w, bool collapse)
{
	uint32_t n_sessions = 0, n_steps = 0;
	for (uint32_t i = 0; i < r->n; i++) {
		bool begins = begins_at(r, i);
		assert_int_equal(w->bits[i / 8] >> i % 8 & 1, begins);
		if (begins) {
			assert_int_equal(w->first_row[n_sessions], i);
			assert_int_equal(w->row[n_sessions], i);
			assert_int_equal(w->first_step[n_sessions], n_steps);
			n_sessions++;
		}
		if (begins || !collapse || r->code[i] != r->code[i - 1])
			assert_int_equal(w->step[n_steps++], r->code[i] + 1);
	}
	assert_int_equal(w->s.n_sessions, n_sessions);
	assert_int_equal(w->s.n_steps, n_steps);
	assert_int_equal(w->first_row[n_sessions], r->n);
	assert_int_equal(w->n_rows, n_sessions);
	assert_int_equal(w->row[n_sessions], r->n);
	assert_int_equal(w->first_step[n_sessions], n_steps);
}

static void both_ways(void **state)
{
	(void)state;
	struct session_tables tables;
	session_tables_make(&tables);
	static struct rows r;
	static struct written fast, plain;
	for (uint64_t round = 0; round < ROUNDS; round++) {
		rows_make(&r, round);
		bool collapse = round & 1;
		prepare(&fast);
		prepare(&plain);
		sessions_mark(
			r.at, r.n, r.start, r.n_journeys, GAP_MS, fast.bits, round % 3 ? fast.journeys : NULL);
		fast.n_rows = sessions_rows(&tables, fast.bits, r.n, fast.row);
		sessions_squeeze(&tables, r.code, r.n, fast.bits, collapse, &fast.s);
		sessions_mark_plain(r.at, r.n, r.start, r.n_journeys, GAP_MS, plain.bits, plain.journeys);
		plain.n_rows = sessions_rows_plain(plain.bits, r.n, plain.row);
		sessions_squeeze_plain(r.code, r.n, plain.bits, collapse, &plain.s);
		check(&r, &fast, collapse);
		check(&r, &plain, collapse);
		for (uint32_t i = 0; i < r.n; i++)
			assert_int_equal(plain.journeys[i / 8] >> i % 8 & 1, begins_journey(&r, i));
		if (round % 3)
			assert_memory_equal(fast.journeys, plain.journeys, r.n / 8 + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(both_ways)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
