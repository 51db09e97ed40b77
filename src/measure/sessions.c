// SPDX-License-Identifier: Apache-2.0
// See sessions.h.
#include "measure/sessions.h"

#include "base/vectors.h"
#include "journey/marks.h"

#include <string.h>

void session_tables_make(struct session_tables *t)
{
	for (uint32_t set = 0; set < 256; set++) {
		uint32_t n = 0;
		t->members[set] = t->before[set] = 0;
		for (uint64_t row = 0; row < 8; row++) {
			t->before[set] |= (uint64_t)n << 8 * row;
			if (set >> row & 1)
				t->members[set] |= row << 8 * n++;
		}
	}
}

// --- one row after the other ---

static void mark_journeys(
	uint32_t n, const uint32_t *start, uint32_t n_journeys, uint8_t *bits, uint8_t *journeys)
{
	memset(bits, 0, n / 8 + 1);
	for (uint32_t k = 0; k < n_journeys; k++)
		bits[start[k] / 8] |= (uint8_t)(1u << start[k] % 8);
	if (journeys)
		memcpy(journeys, bits, n / 8 + 1);
}

static void mark_rows(const int64_t *at, uint32_t from, uint32_t end, int64_t gap_ms, uint8_t *bits)
{
	for (uint32_t i = from ? from : 1; i < end; i++)
		bits[i / 8] |= (uint8_t)((uint32_t)(at[i] - at[i - 1] > gap_ms) << i % 8);
}

static inline void squeeze_rows(const uint32_t *code, uint32_t from, uint32_t end, const uint8_t *bits,
	bool collapse, struct session_steps *out)
{
	uint32_t n_steps = out->n_steps, n_sessions = out->n_sessions;
	for (uint32_t i = from; i < end; i++) {
		uint32_t begins = bits[i / 8] >> i % 8 & 1, previous = code[i ? i - 1 : 0];
		out->step[n_steps] = (uint8_t)(code[i] + 1);
		out->first_row[n_sessions] = i;
		out->first_step[n_sessions] = n_steps;
		n_steps += begins | (uint32_t)(!collapse || code[i] != previous);
		n_sessions += begins;
	}
	out->n_steps = n_steps;
	out->n_sessions = n_sessions;
}

static uint32_t list_rows(const uint8_t *bits, uint32_t from, uint32_t end, uint32_t n_listed, uint32_t *row)
{
	for (uint32_t i = from; i < end; i++) {
		row[n_listed] = i;
		n_listed += bits[i / 8] >> i % 8 & 1;
	}
	return n_listed;
}

uint32_t sessions_rows_plain(const uint8_t *bits, uint32_t n, uint32_t *row)
{
	uint32_t n_listed = list_rows(bits, 0, n, 0, row);
	row[n_listed] = n;
	return n_listed;
}

static void squeeze_end(struct session_steps *out, uint32_t n)
{
	out->first_row[out->n_sessions] = n;
	out->first_step[out->n_sessions] = out->n_steps;
}

void sessions_mark_plain(const int64_t *at, uint32_t n, const uint32_t *start, uint32_t n_journeys,
	int64_t gap_ms, uint8_t *bits, uint8_t *journeys)
{
	mark_journeys(n, start, n_journeys, bits, journeys);
	mark_rows(at, 0, n, gap_ms, bits);
}

void sessions_squeeze_plain(
	const uint32_t *code, uint32_t n, const uint8_t *bits, bool collapse, struct session_steps *out)
{
	out->n_sessions = out->n_steps = 0;
	squeeze_rows(code, 0, n, bits, collapse, out);
	squeeze_end(out, n);
}

// --- eight rows at a time ---

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,popcnt")))

TARGET static inline __m256i load(const void *p)
{
	return _mm256_loadu_si256((const __m256i *)p);
}

TARGET static inline uint32_t four_gaps(const int64_t *at, __m256i gap)
{
	__m256i pause = _mm256_sub_epi64(load(at), load(at - 1));
	return (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(pause, gap)));
}

// Rows [8, n), n a multiple of 8.
TARGET static void mark_eights(const int64_t *at, uint32_t n, int64_t gap_ms, uint8_t *bits)
{
	const __m256i gap = _mm256_set1_epi64x(gap_ms);
	for (uint32_t i = 8; i < n; i += 8)
		bits[i / 8] |= (uint8_t)(four_gaps(at + i, gap) | four_gaps(at + i + 4, gap) << 4);
}

#define AVX512 "avx512f"

__attribute__((target(AVX512))) static void mark_eights_avx512(
	const int64_t *at, uint32_t n, int64_t gap_ms, uint8_t *bits)
{
	const __m512i gap = _mm512_set1_epi64(gap_ms);
	for (uint32_t i = 8; i < n; i += 8) {
		__m512i pause = _mm512_sub_epi64(_mm512_loadu_si512(at + i), _mm512_loadu_si512(at + i - 1));
		bits[i / 8] |= (uint8_t)_mm512_cmpgt_epi64_mask(pause, gap);
	}
}

// Codes + 1 of eight rows as bytes.
TARGET static inline __m128i eight_steps(__m256i codes)
{
	const __m256i low = _mm256_set1_epi32(0x0c080400);
	__m256i x = _mm256_shuffle_epi8(codes, low);
	__m128i y = _mm_unpacklo_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
	return _mm_add_epi8(y, _mm_set1_epi8(1));
}

TARGET static inline __m256i eight_bytes(const uint64_t *p)
{
	return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p));
}

// Rows [8, n), n a multiple of 8. All eight elements are written; those that count come first.
TARGET static void squeeze_eights(const struct session_tables *t, const uint32_t *code, uint32_t n,
	const uint8_t *bits, bool collapse, struct session_steps *out)
{
	uint32_t n_steps = out->n_steps, n_sessions = out->n_sessions;
	for (uint32_t i = 8; i < n; i += 8) {
		uint32_t begins = bits[i / 8], taken = 255;
		__m256i codes = load(code + i);
		if (collapse) {
			__m256i same = _mm256_cmpeq_epi32(codes, load(code + i - 1));
			taken = ((uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(same)) ^ 255) | begins;
		}
		__m128i members = _mm_loadl_epi64((const __m128i *)(const void *)&t->members[taken]);
		_mm_storel_epi64((__m128i *)(void *)(out->step + n_steps),
			_mm_shuffle_epi8(eight_steps(codes), members));
		__m256i first = eight_bytes(&t->members[begins]),
			place = _mm256_permutevar8x32_epi32(eight_bytes(&t->before[taken]), first);
		_mm256_storeu_si256((__m256i *)(void *)(out->first_row + n_sessions),
			_mm256_add_epi32(first, _mm256_set1_epi32((int32_t)i)));
		_mm256_storeu_si256((__m256i *)(void *)(out->first_step + n_sessions),
			_mm256_add_epi32(place, _mm256_set1_epi32((int32_t)n_steps)));
		n_steps += (uint32_t)__builtin_popcount(taken);
		n_sessions += (uint32_t)__builtin_popcount(begins);
	}
	out->n_steps = n_steps;
	out->n_sessions = n_sessions;
}

// Rows [0, n), n a multiple of 8.
TARGET static uint32_t list_eights(
	const struct session_tables *t, const uint8_t *bits, uint32_t n, uint32_t *row)
{
	uint32_t n_listed = 0;
	for (uint32_t i = 0; i < n; i += 8) {
		uint32_t set = bits[i / 8];
		_mm256_storeu_si256((__m256i *)(void *)(row + n_listed),
			_mm256_add_epi32(eight_bytes(&t->members[set]), _mm256_set1_epi32((int32_t)i)));
		n_listed += (uint32_t)__builtin_popcount(set);
	}
	return n_listed;
}

#else
#define mark_eights_avx512 mark_eights
static void mark_eights(const int64_t *at, uint32_t n, int64_t gap_ms, uint8_t *bits)
{
	(void)at, (void)n, (void)gap_ms, (void)bits;
}

static void squeeze_eights(const struct session_tables *t, const uint32_t *code, uint32_t n,
	const uint8_t *bits, bool collapse, struct session_steps *out)
{
	(void)t, (void)code, (void)n, (void)bits, (void)collapse, (void)out;
}

static uint32_t list_eights(const struct session_tables *t, const uint8_t *bits, uint32_t n, uint32_t *row)
{
	(void)t, (void)bits, (void)n, (void)row;
	return 0;
}

#endif

static bool have_vectors(void)
{
	return vectors_have() != VECTORS_NONE;
}

void sessions_mark(const int64_t *at, uint32_t n, const uint32_t *start, uint32_t n_journeys, int64_t gap_ms,
	uint8_t *bits, uint8_t *journeys)
{
	if (n < 16 || !have_vectors()) {
		sessions_mark_plain(at, n, start, n_journeys, gap_ms, bits, journeys);
		return;
	}
	uint32_t whole = n / 8 * 8;
	mark_journeys(n, start, n_journeys, bits, journeys);
	mark_rows(at, 0, 8, gap_ms, bits);
	(vectors_have() == VECTORS_AVX512 ? mark_eights_avx512 : mark_eights)(at, whole, gap_ms, bits);
	mark_rows(at, whole, n, gap_ms, bits);
}

void sessions_squeeze(const struct session_tables *t, const uint32_t *code, uint32_t n, const uint8_t *bits,
	bool collapse, struct session_steps *out)
{
	if (n < 16 || !have_vectors()) {
		sessions_squeeze_plain(code, n, bits, collapse, out);
		return;
	}
	uint32_t whole = n / 8 * 8;
	out->n_sessions = out->n_steps = 0;
	squeeze_rows(code, 0, 8, bits, collapse, out);
	squeeze_eights(t, code, whole, bits, collapse, out);
	squeeze_rows(code, whole, n, bits, collapse, out);
	squeeze_end(out, n);
}

uint32_t sessions_rows(const struct session_tables *t, const uint8_t *bits, uint32_t n, uint32_t *row)
{
	if (!have_vectors())
		return sessions_rows_plain(bits, n, row);
	bool words = vectors_have() == VECTORS_AVX512;
	uint32_t whole = words ? n / 64 * 64 : n / 8 * 8,
		 n_listed = words ? marks_rows(bits, 0, whole, 0, row) : list_eights(t, bits, whole, row);
	n_listed = list_rows(bits, whole, n, n_listed, row);
	row[n_listed] = n;
	return n_listed;
}
