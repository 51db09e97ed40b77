// SPDX-License-Identifier: Apache-2.0
// See code_set.h.
#include "measure/code_set.h"

#include "base/vectors.h"
#include "journey/marks.h"

#include <string.h>

void code_set_make(struct code_set *s, const uint32_t *bits, uint32_t n_codes)
{
	memset(s, 0, sizeof(*s));
	for (uint32_t code = 0; code < n_codes && code < CODE_SET_MAX; code++)
		if (bits[code])
			s->high[code / 128][code % 16] |= (uint8_t)(1u << code / 16 % 8);
}

static bool has(const struct code_set *s, uint32_t code)
{
	return code < CODE_SET_MAX && (s->high[code / 128][code % 16] >> (code / 16 % 8) & 1);
}

static uint32_t rows_from(
	const struct code_set *s, const uint32_t *code, uint32_t first, uint32_t n, uint32_t *row)
{
	uint32_t found = 0;
	for (uint32_t i = first; i < n; i++) {
		row[found] = i;
		found += has(s, code[i]);
	}
	return found;
}

uint32_t code_set_rows_plain(const struct code_set *s, const uint32_t *code, uint32_t n, uint32_t *row)
{
	return rows_from(s, code, 0, n, row);
}

#if defined(__x86_64__)
#include <immintrin.h>

#define BLOCK 4096u // rows
#define TARGET __attribute__((target("avx2")))

TARGET static inline __m256i twice(const uint8_t *p)
{
	return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)p));
}

// Codes as bytes, those beyond as 255.
TARGET static inline __m256i bytes_of_32(const uint32_t *code)
{
	const __m256i most = _mm256_set1_epi32(255), order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
	const __m256i *p = (const __m256i *)(const void *)code;
	__m256i a = _mm256_min_epu32(_mm256_loadu_si256(p), most),
		b = _mm256_min_epu32(_mm256_loadu_si256(p + 1), most),
		c = _mm256_min_epu32(_mm256_loadu_si256(p + 2), most),
		d = _mm256_min_epu32(_mm256_loadu_si256(p + 3), most);
	__m256i x = _mm256_packus_epi16(_mm256_packus_epi32(a, b), _mm256_packus_epi32(c, d));
	return _mm256_permutevar8x32_epi32(x, order);
}

// A shuffle gives 0 where the index has its top bit set, so each half of the codes has a table of its own.
TARGET static inline uint32_t members_of_32(const uint32_t *code, __m256i low_half, __m256i high_half)
{
	const __m256i bit = _mm256_setr_epi8(1, 2, 4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128, 1, 2,
			      4, 8, 16, 32, 64, -128, 1, 2, 4, 8, 16, 32, 64, -128),
		      four_bits = _mm256_set1_epi8(15), top = _mm256_set1_epi8(-128);
	__m256i x = bytes_of_32(code);
	__m256i sets = _mm256_or_si256(
		_mm256_shuffle_epi8(low_half, x), _mm256_shuffle_epi8(high_half, _mm256_xor_si256(x, top)));
	__m256i own = _mm256_shuffle_epi8(bit, _mm256_and_si256(_mm256_srli_epi16(x, 4), four_bits));
	__m256i is_in = _mm256_cmpeq_epi8(_mm256_and_si256(sets, own), own);
	return (uint32_t)_mm256_movemask_epi8(is_in);
}

// Rows [0, n), n a multiple of 64.
TARGET static uint32_t rows_of_words(const struct code_set *s, const uint32_t *code, uint32_t n, uint32_t *row)
{
	const __m256i low = twice(s->high[0]), high = twice(s->high[1]);
	uint64_t words[BLOCK / 64];
	uint32_t found = 0;
	for (uint32_t first = 0; first < n; first += BLOCK) {
		uint32_t m = n - first < BLOCK ? n - first : BLOCK;
		for (uint32_t i = 0; i < m; i += 64)
			words[i / 64] = members_of_32(code + first + i, low, high) |
					(uint64_t)members_of_32(code + first + i + 32, low, high) << 32;
		found += marks_rows((const uint8_t *)words, 0, m, first, row + found);
	}
	return found;
}

#else
static uint32_t rows_of_words(const struct code_set *s, const uint32_t *code, uint32_t n, uint32_t *row)
{
	(void)s, (void)code, (void)n, (void)row;
	return 0;
}

#endif

bool code_set_has_vectors(void)
{
	return vectors_have() != VECTORS_NONE;
}

uint32_t code_set_rows(const struct code_set *s, const uint32_t *code, uint32_t n, uint32_t *row)
{
	if (!code_set_has_vectors())
		return code_set_rows_plain(s, code, n, row);
	uint32_t found = rows_of_words(s, code, n / 64 * 64, row);
	return found + rows_from(s, code, n / 64 * 64, n, row + found);
}
