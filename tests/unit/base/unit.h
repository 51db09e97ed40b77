// SPDX-License-Identifier: Apache-2.0
// What the unit tests of base share: cmocka, random numbers with a fixed seed, instants from civil times.
#ifndef CORRIDOR_TESTS_UNIT_H
#define CORRIDOR_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/sv.h"
#include "base/tz.h"

#define N_TESTS(tests) (sizeof(tests) / sizeof((tests)[0]))

// xorshift64*: Vigna 2016.
static inline uint64_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

// A local civil time as ms; the instant itself for offset 0.
static inline int64_t civil_ms(int64_t year, unsigned month, unsigned day, unsigned hour, unsigned minute)
{
	return civil_to_days(year, month, day) * 86400000 + ((int64_t)hour * 60 + minute) * 60000;
}

static inline void assert_sv(struct sv got, const char *expected)
{
	char text[256];
	assert_true(got.len < sizeof(text));
	if (got.len)
		memcpy(text, got.ptr, got.len);
	text[got.len] = '\0';
	assert_string_equal(text, expected);
}

// Runs `work` with the 1st, 2nd, … allocation failing until it passes without a failure having fired.
// `work` returns whether it succeeded, and must have released everything either way.
static inline void fault_each(bool (*work)(void))
{
	for (uint64_t n = 1;; n++) {
		assert_true(n < 100000);
		mem_fail_at(n);
		uint64_t before = mem_count();
		bool ok = work();
		bool fired = mem_count() - before >= n;
		mem_fail_at(0);
		if (!fired) {
			assert_true(ok);
			assert_true(n > 1);
			return;
		}
		assert_false(ok);
	}
}

#endif
