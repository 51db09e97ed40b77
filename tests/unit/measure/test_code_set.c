// SPDX-License-Identifier: Apache-2.0
// Rows with a code of a set: vectors against plain code, and both against the definition.
#include "measure/code_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
// cmocka wants these above first
#include <cmocka.h>

#define ROWS_MAX 700u

static uint64_t random_next(uint64_t *x)
{
	*x = *x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *x >> 33;
}

static uint32_t random_code(uint64_t *seed, uint32_t n_codes)
{
	static const uint32_t beyond[] = {255, 256, 32767, 65535, 65536, 1u << 31, UINT32_MAX};
	uint64_t x = random_next(seed);
	return x % 10 == 0 ? beyond[x / 10 % 7] : (uint32_t)(x / 10 % (n_codes + 3));
}

static void test_sets(void **state)
{
	(void)state;
	uint64_t seed = 1;
	for (uint32_t round = 0; round < 3000; round++) {
		uint32_t n_codes = 1 + (uint32_t)(random_next(&seed) % CODE_SET_MAX), bits[CODE_SET_MAX];
		uint32_t n = (uint32_t)(random_next(&seed) % ROWS_MAX), every = 1 + round % 9;
		uint32_t code[ROWS_MAX], want[ROWS_MAX], n_want = 0;
		uint32_t row[2][ROWS_MAX + CODE_SET_SLACK];
		struct code_set s;
		for (uint32_t i = 0; i < n_codes; i++)
			bits[i] = random_next(&seed) % every == 0 ? 1u << i % 32 : 0;
		for (uint32_t i = 0; i < n; i++) {
			code[i] = random_code(&seed, n_codes);
			if (code[i] < n_codes && bits[code[i]])
				want[n_want++] = i;
		}
		code_set_make(&s, bits, n_codes);
		assert_int_equal(code_set_rows_plain(&s, code, n, row[0]), n_want);
		assert_int_equal(code_set_rows(&s, code, n, row[1]), n_want);
		for (uint32_t i = 0; i < n_want; i++) {
			assert_int_equal(row[0][i], want[i]);
			assert_int_equal(row[1][i], want[i]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_sets)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
