// SPDX-License-Identifier: Apache-2.0
// The matrix of transitions: vectors and plain code against each cell counted by itself.
#include "measure/flow_cells.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
// cmocka wants these above first
#include <cmocka.h>

#define STEPS_MAX 1500u
#define WIDTH_MAX 9u
#define GROUPS_MAX 3u
#define CELLS (GROUPS_MAX * WIDTH_MAX * WIDTH_MAX)
#define FIRST_PERSON 4000000000u // numbers of persons use all 32 bits

struct log {
	uint32_t code[STEPS_MAX], group[STEPS_MAX], start[STEPS_MAX + 1], n_groups;
	int64_t at[STEPS_MAX];
	struct flow_journeys j;
};

static uint64_t random_next(uint64_t *x)
{
	*x = *x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *x >> 33;
}

// Journeys of a few steps, or of many; pauses from none to more than 2^32 ms.
static void make(struct log *l, uint64_t seed)
{
	static const uint64_t pauses[] = {1, 1000, 100000000, UINT64_C(1) << 40};
	uint32_t n = 1 + (uint32_t)(random_next(&seed) % STEPS_MAX),
		 mean = random_next(&seed) % 2 ? 3 : 1 + (uint32_t)(random_next(&seed) % 700);
	l->n_groups = 1 + (uint32_t)(random_next(&seed) % GROUPS_MAX);
	l->j = (struct flow_journeys){.start = l->start,
		.code = l->code,
		.at = l->at,
		.group = random_next(&seed) % 2 ? l->group : NULL,
		.width = 2 + (uint32_t)(random_next(&seed) % (WIDTH_MAX - 1))};
	for (uint32_t i = 0; i < n; i++) {
		bool begins = i == 0 || random_next(&seed) % mean == 0;
		uint64_t pause = random_next(&seed) * random_next(&seed) % pauses[random_next(&seed) % 4];
		if (begins)
			l->start[l->j.n++] = i;
		l->at[i] = begins ? (int64_t)(random_next(&seed) % 1000000) - 500000
				  : l->at[i - 1] + (int64_t)pause;
		l->code[i] = (uint32_t)(random_next(&seed) % (l->j.width - 1));
		l->group[i] = (uint32_t)(random_next(&seed) % l->n_groups);
	}
	l->start[l->j.n] = n;
}

// One cell, by going through all journeys for it alone.
static struct flow_cell count(const struct flow_journeys *j, uint32_t group, uint32_t from, uint32_t to)
{
	struct flow_cell c = {0};
	uint32_t boundary = j->width - 1;
	for (uint32_t k = 0; k < j->n; k++) {
		uint64_t before = c.n;
		for (uint32_t i = j->start[k]; i <= j->start[k + 1]; i++) {
			bool first = i == j->start[k], last = i == j->start[k + 1];
			uint32_t at = first ? i : i - 1; // the step that comes first
			if ((first ? boundary : j->code[at]) != from || (last ? boundary : j->code[i]) != to ||
				(j->group && j->group[at] != group))
				continue;
			int64_t ms = first || last ? 0 : j->at[i] - j->at[at];
			c.n++;
			c.sum_ms += ms;
			c.squares += ((double)ms * 1e-3) * ((double)ms * 1e-3);
		}
		c.minus_persons -= c.n > before;
	}
	return c;
}

static void compare(const struct log *l, const struct flow_cell *cells)
{
	uint32_t width = l->j.width;
	for (uint32_t g = 0; g < (l->j.group ? l->n_groups : 1); g++)
		for (uint32_t i = 0; i < width * width; i++) {
			const struct flow_cell *got = &cells[g * width * width + i];
			struct flow_cell want = count(&l->j, g, i / width, i % width);
			assert_int_equal(got->n, want.n);
			assert_int_equal(got->sum_ms, want.sum_ms);
			assert_memory_equal(&got->squares, &want.squares, sizeof(want.squares));
			assert_int_equal(flow_cell_persons(got), flow_cell_persons(&want));
		}
}

static void test_cells(void **state)
{
	(void)state;
	static struct log l;
	_Alignas(32) static struct flow_cell plain[CELLS], vectors[CELLS];
	for (uint32_t round = 0; round < 400; round++) {
		make(&l, round);
		memset(plain, 0, sizeof(plain));
		memset(vectors, 0, sizeof(vectors));
		assert_int_equal(flow_cells_add_plain(plain, &l.j, FIRST_PERSON), FIRST_PERSON + l.j.n);
		assert_int_equal(flow_cells_add(vectors, &l.j, FIRST_PERSON), FIRST_PERSON + l.j.n);
		compare(&l, plain);
		compare(&l, vectors);
	}
}

// Journeys that come one after another, as spans do: persons of the second are other ones than those of the first.
static void test_spans(void **state)
{
	(void)state;
	static struct log l;
	_Alignas(32) static struct flow_cell once[CELLS], twice[CELLS];
	make(&l, 77);
	uint32_t person = flow_cells_add(once, &l.j, 0);
	person = flow_cells_add(twice, &l.j, flow_cells_add(twice, &l.j, 0));
	assert_int_equal(person, 2 * l.j.n);
	for (uint32_t i = 0; i < CELLS; i++) {
		assert_int_equal(twice[i].n, 2 * once[i].n);
		assert_int_equal(flow_cell_persons(&twice[i]), 2 * flow_cell_persons(&once[i]));
	}
	assert_int_equal(flow_cells_add(twice, &(struct flow_journeys){.width = 2}, person), person);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cells),
		cmocka_unit_test(test_spans),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
