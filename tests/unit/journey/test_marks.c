// SPDX-License-Identifier: Apache-2.0
// Marks against plain loops, with every kind of vectors that the processor has: any number of rows from any row on, dense,
// sparse, all and none.
#include "journey/marks.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { ROWS = 400, WORDS = 7, MARKS = 3, UNTOUCHED = 0x5a5a5a5a };

static uint64_t next(uint64_t *state)
{
	uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

// One in `rare` rows is marked; 0: none, 1: all.
static void words_fill(uint64_t *words, uint64_t rare, uint64_t *state)
{
	memset(words, 0, WORDS * sizeof *words);
	for (uint32_t i = 0; i < WORDS * 64; i++)
		words[i / 64] |= (uint64_t)(rare && next(state) % rare == 0) << i % 64;
}

static void rows_check(const uint8_t *bytes, uint32_t first, uint32_t n, uint32_t add)
{
	uint32_t expected[ROWS], found = 0;
	for (uint32_t i = 0; i < n; i++)
		if (bytes[(first + i) / 8] >> (first + i) % 8 & 1)
			expected[found++] = i + add;
	for (enum vectors v = VECTORS_NONE; v <= vectors_have(); v++) {
		uint32_t *row = mem_alloc((n + 1) * sizeof *row);
		assert_non_null(row);
		row[n] = UNTOUCHED;
		assert_int_equal(marks_rows_by(v, bytes, first, n, add, row), found);
		assert_memory_equal(row, expected, found * sizeof *row);
		assert_int_equal(row[n], UNTOUCHED);
		mem_free(row);
	}
}

static void rows_are_found(void **state)
{
	(void)state;
	uint64_t words[WORDS], random = 1;
	static const uint64_t rare[] = {0, 1, 2, 9, 30};
	uint8_t *bytes = mem_alloc(sizeof words + 1);
	assert_non_null(bytes);
	for (unsigned k = 0; k < 5; k++)
		for (uint32_t first = 0; first < 130; first += first < 5 ? 1 : 61) {
			words_fill(words, rare[k], &random);
			memcpy(bytes + 1, words, sizeof words); // at any address
			for (uint32_t n = 0; first + n <= ROWS; n += n < 10 ? 1 : 37)
				rows_check(bytes + 1, first, n, first * 3);
		}
	mem_free(bytes);
}

static void list_check(const uint64_t *any, const struct mark *marks, uint32_t n_marks)
{
	for (enum vectors v = VECTORS_NONE; v <= vectors_have(); v++) {
		uint32_t row[WORDS * 64 + MARKS_SLACK], bits[WORDS * 64 + MARKS_SLACK], before[WORDS];
		uint32_t found = 0;
		bits[0] = UNTOUCHED;
		uint32_t n =
			marks_list_by(v, any, WORDS, marks, n_marks, &(struct marks_list){row, bits, before});
		for (uint32_t i = 0; i < WORDS * 64; i++) {
			uint32_t expected = 0;
			if (i % 64 == 0)
				assert_int_equal(before[i / 64], found);
			if (!(any[i / 64] >> i % 64 & 1))
				continue;
			for (uint32_t k = 0; k < n_marks; k++)
				expected |= marks[k].words[i / 64] >> i % 64 & 1 ? marks[k].bits : 0;
			assert_int_equal(row[found], i);
			if (n_marks)
				assert_int_equal(bits[found], expected);
			found++;
		}
		assert_int_equal(n, found);
		if (n_marks == 0)
			assert_int_equal(bits[0], UNTOUCHED);
	}
}

static void lists_have_their_bits(void **state)
{
	(void)state;
	uint64_t words[MARKS][WORDS], any[WORDS], random = 2;
	struct mark marks[MARKS];
	static const uint64_t rare[] = {0, 1, 2, 9, 30};
	for (unsigned round = 0; round < 125; round++) {
		const uint64_t each[MARKS] = {rare[round % 5], rare[round / 5 % 5], rare[round / 25]};
		memset(any, 0, sizeof any);
		for (uint32_t k = 0; k < MARKS; k++) {
			words_fill(words[k], each[k], &random);
			marks[k] = (struct mark){words[k], 5u << k};
			for (uint32_t w = 0; w < WORDS; w++)
				any[w] |= words[k][w];
		}
		any[WORDS - 1] &= 0xffff; // as where the rows end
		for (uint32_t n = 0; n <= MARKS; n++)
			list_check(any, marks, n);
	}
}

static void equal_check(const uint32_t *code, uint32_t n, const uint32_t *wanted, uint32_t n_wanted)
{
	for (enum vectors v = VECTORS_NONE; v <= vectors_have(); v++) {
		uint64_t words[MARKS_EQUAL][WORDS];
		struct mark marks[MARKS_EQUAL];
		memset(words, 0xaa, sizeof words);
		for (uint32_t k = 0; k < MARKS_EQUAL; k++)
			marks[k].words = words[k];
		marks_equal_by(v, code, n, wanted, n_wanted, marks);
		for (uint32_t k = 0; k < n_wanted; k++)
			for (uint32_t i = 0; i < marks_words(n) * 64; i++)
				assert_int_equal(words[k][i / 64] >> i % 64 & 1, i < n && code[i] == wanted[k]);
	}
}

static void equal_codes_are_marked(void **state)
{
	(void)state;
	uint64_t random = 3;
	static const uint32_t wanted[MARKS_EQUAL] = {3, 0, UINT32_MAX, 6};
	for (uint32_t n = 0; n <= ROWS; n += n < 70 ? 1 : 13) {
		uint32_t *code =
			mem_alloc((n + 1) * sizeof *code); // exactly what may be read: sanitizers see more
		assert_non_null(code);
		for (uint32_t i = 0; i < n; i++)
			code[i] = next(&random) % 9 ? (uint32_t)(next(&random) % 8) : UINT32_MAX;
		for (uint32_t k = 0; k <= MARKS_EQUAL; k++)
			equal_check(code, n, wanted, k);
		mem_free(code);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(rows_are_found),
		cmocka_unit_test(lists_have_their_bits), cmocka_unit_test(equal_codes_are_marked)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
