// SPDX-License-Identifier: Apache-2.0
// Packed numbers: what is written comes back for every width, from every row on, by vectors and one by one.
#include "journey/bits.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define N 203u

static uint64_t next(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	return z ^ (z >> 31);
}

// The bits one by one, lowest first.
static uint64_t slow_get(const uint8_t *p, unsigned width, uint32_t i)
{
	uint64_t v = 0;
	for (unsigned k = 0; k < width; k++) {
		uint64_t bit = (uint64_t)i * width + k;
		v |= (uint64_t)(p[bit / 8] >> (bit % 8) & 1) << k;
	}
	return v;
}

static void width_check(unsigned width)
{
	uint64_t v[N], state = width, bytes = bits_bytes(N, width);
	uint8_t *p = mem_alloc(bytes + 8); // exactly what may be read: sanitizers see more
	uint8_t packed[8 * N + 16];
	assert_non_null(p);
	struct bits_writer w = {.to = packed};
	for (uint32_t i = 0; i < N; i++) {
		v[i] = next(&state) & bits_mask(width);
		bits_put(&w, v[i], width);
	}
	bits_flush(&w);
	assert_int_equal(w.to - packed, bytes);
	memcpy(p, packed, bytes);
	memset(p + bytes, 0xff, 8);
	for (uint32_t i = 0; i < N; i++) {
		assert_true(slow_get(p, width, i) == v[i]);
		assert_true(bits_get(p, width, i) == v[i]);
	}
	const uint64_t base = UINT64_C(0xfedcba9876543210);
	for (uint32_t first = 0; first < 20; first++)
		for (uint32_t n = 0; n <= N - first; n += n < 40 ? 1 : 23) {
			uint64_t a[N];
			uint32_t b[N];
			bits_read_u64(p, width, first, n, base, a);
			bits_read_u32(p, width, first, n, (uint32_t)base, b);
			for (uint32_t i = 0; i < n; i++)
				assert_true(a[i] == base + v[first + i] && b[i] == (uint32_t)a[i]);
			for (enum vectors k = VECTORS_NONE; k <= vectors_have(); k++) {
				uint64_t c[N + 1];
				uint32_t d[N + 1];
				c[n] = d[n] = 17;
				bits_read_u64_by(k, p, width, first, n, base, c);
				bits_read_u32_by(k, p, width, first, n, (uint32_t)base, d);
				assert_memory_equal(a, c, n * sizeof *a);
				assert_memory_equal(b, d, n * sizeof *b);
				assert_true(c[n] == 17 && d[n] == 17); // nothing is written beyond
			}
		}
	mem_free(p);
}

static void every_width_comes_back(void **state)
{
	(void)state;
	for (unsigned width = 0; width <= BITS_WIDTH_MAX; width++)
		width_check(width);
	width_check(64);
}

static void widths_are_the_least(void **state)
{
	(void)state;
	assert_int_equal(bits_width(0), 0);
	assert_int_equal(bits_width(1), 1);
	assert_int_equal(bits_width(255), 8);
	assert_int_equal(bits_width(256), 9);
	assert_int_equal(bits_width((UINT64_C(1) << 57) - 1), 57);
	assert_int_equal(bits_width(UINT64_C(1) << 57), 64);
	assert_true(bits_width_valid(57) && !bits_width_valid(58) && bits_width_valid(64));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_width_comes_back),
		cmocka_unit_test(widths_are_the_least),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
