// SPDX-License-Identifier: Apache-2.0
// Composites of many rows at a time.
#include "measure/group_vector.h"

#include "base/vectors.h"

bool group_steps_make(const struct tz_buckets *b, struct group_steps *out)
{
	*out = (struct group_steps){.start = b->start[0], .n = b->n - 1};
	if (b->n == 0 || out->n > GROUP_STEPS_MAX)
		return false;
	uint64_t all = UINT64_C(1) << 40;
	for (uint32_t i = 1; i < b->n; i++)
		all |= (uint64_t)(b->start[i] - b->start[0]);
	out->shift = (uint32_t)__builtin_ctzll(all);
	if ((uint64_t)(b->start[b->n] - b->start[0]) >> out->shift > INT32_MAX)
		return false;
	for (uint32_t i = 0; i < out->n; i++)
		out->before[i] = (int32_t)((b->start[i + 1] - b->start[0]) >> out->shift) - 1;
	return true;
}

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx2"))) static inline __m256i load(const void *p)
{
	return _mm256_loadu_si256(p);
}

// The codes of two registers of eight: the fourth bit chooses between them.
__attribute__((target("avx2"))) static uint32_t lookup_avx2(
	const struct group_lookup *l, const uint32_t *code, uint32_t n, bool first, uint32_t *out)
{
	const __m256i low = load(l->value), high = load(l->value + 8),
		      last = _mm256_set1_epi32((int32_t)l->n_codes - 1),
		      old = _mm256_set1_epi32(first ? 0 : -1);
	uint32_t i = 0;
	for (; i + 8 <= n; i += 8) {
		__m256i c = load(code + i);
		c = _mm256_and_si256(c, _mm256_cmpeq_epi32(_mm256_min_epu32(c, last), c));
		__m256i a = _mm256_permutevar8x32_epi32(low, c), b = _mm256_permutevar8x32_epi32(high, c);
		__m256i v = _mm256_castps_si256(_mm256_blendv_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b),
			_mm256_castsi256_ps(_mm256_slli_epi32(c, 28))));
		v = _mm256_add_epi32(v, _mm256_and_si256(load(out + i), old));
		_mm256_storeu_si256((void *)(out + i), v);
	}
	return i;
}

// Eight moments as numbers of steps->shift.
__attribute__((target("avx2"))) static inline __m256i eight_times(
	const int64_t *at, __m256i start, __m128i shift)
{
	__m256i a = _mm256_srl_epi64(_mm256_sub_epi64(load(at), start), shift);
	__m256i b = _mm256_srl_epi64(_mm256_sub_epi64(load(at + 4), start), shift);
	__m256 low = _mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), 0x88);
	return _mm256_permute4x64_epi64(_mm256_castps_si256(low), 0xd8);
}

__attribute__((target("avx2"))) static uint32_t steps_avx2(
	const struct group_steps *s, const int64_t *at, uint32_t n, uint32_t stride, bool first, uint32_t *out)
{
	const __m256i start = _mm256_set1_epi64x(s->start), strides = _mm256_set1_epi32((int32_t)stride),
		      old = _mm256_set1_epi32(first ? 0 : -1);
	const __m128i shift = _mm_cvtsi32_si128((int)s->shift);
	__m256i before[GROUP_STEPS_MAX];
	for (uint32_t k = 0; k < s->n; k++)
		before[k] = _mm256_set1_epi32(s->before[k]);
	uint32_t i = 0;
	for (; i + 16 <= n; i += 16) {
		__m256i t = eight_times(at + i, start, shift), u = eight_times(at + i + 8, start, shift);
		__m256i a = _mm256_setzero_si256(), b = a;
		for (uint32_t k = 0; k < s->n; k++) {
			a = _mm256_sub_epi32(a, _mm256_cmpgt_epi32(t, before[k]));
			b = _mm256_sub_epi32(b, _mm256_cmpgt_epi32(u, before[k]));
		}
		a = _mm256_add_epi32(_mm256_mullo_epi32(a, strides), _mm256_and_si256(load(out + i), old));
		b = _mm256_add_epi32(_mm256_mullo_epi32(b, strides), _mm256_and_si256(load(out + i + 8), old));
		_mm256_storeu_si256((void *)(out + i), a);
		_mm256_storeu_si256((void *)(out + i + 8), b);
	}
	return i;
}

#define AVX512 "avx512f,avx512dq"

// Sixteen moments at a time; what a step adds is added where the moment is beyond it.
__attribute__((target(AVX512))) static uint32_t steps_avx512(
	const struct group_steps *s, const int64_t *at, uint32_t n, uint32_t stride, bool first, uint32_t *out)
{
	const __m512i start = _mm512_set1_epi64(s->start), strides = _mm512_set1_epi32((int32_t)stride);
	const __m128i shift = _mm_cvtsi32_si128((int)s->shift);
	__m512i before[GROUP_STEPS_MAX];
	for (uint32_t k = 0; k < s->n; k++)
		before[k] = _mm512_set1_epi32(s->before[k]);
	uint32_t i = 0;
	for (; i + 16 <= n; i += 16) {
		__m512i a = _mm512_srl_epi64(_mm512_sub_epi64(_mm512_loadu_si512(at + i), start), shift);
		__m512i b = _mm512_srl_epi64(_mm512_sub_epi64(_mm512_loadu_si512(at + i + 8), start), shift);
		__m512i t = _mm512_inserti32x8(
			_mm512_castsi256_si512(_mm512_cvtepi64_epi32(a)), _mm512_cvtepi64_epi32(b), 1);
		__m512i sum = first ? _mm512_setzero_si512() : _mm512_loadu_si512(out + i);
		for (uint32_t k = 0; k < s->n; k++)
			sum = _mm512_mask_add_epi32(sum, _mm512_cmpgt_epi32_mask(t, before[k]), sum, strides);
		_mm512_storeu_si512(out + i, sum);
	}
	return i;
}

// All codes there can be are in one register.
__attribute__((target(AVX512))) static uint32_t lookup_avx512(
	const struct group_lookup *l, const uint32_t *code, uint32_t n, bool first, uint32_t *out)
{
	const __m512i value = _mm512_loadu_si512(l->value), codes = _mm512_set1_epi32((int32_t)l->n_codes);
	uint32_t i = 0;
	for (; i + 16 <= n; i += 16) {
		__m512i c = _mm512_loadu_si512(code + i);
		c = _mm512_maskz_mov_epi32(_mm512_cmplt_epu32_mask(c, codes), c); // none of them: the first
		__m512i v = _mm512_permutexvar_epi32(c, value);
		if (!first)
			v = _mm512_add_epi32(v, _mm512_loadu_si512(out + i));
		_mm512_storeu_si512(out + i, v);
	}
	return i;
}
#else
#define lookup_avx512 lookup_avx2
#define steps_avx512 steps_avx2

static uint32_t lookup_avx2(
	const struct group_lookup *l, const uint32_t *code, uint32_t n, bool first, uint32_t *out)
{
	(void)l, (void)code, (void)n, (void)first, (void)out;
	return 0;
}

static uint32_t steps_avx2(
	const struct group_steps *s, const int64_t *at, uint32_t n, uint32_t stride, bool first, uint32_t *out)
{
	(void)s, (void)at, (void)n, (void)stride, (void)first, (void)out;
	return 0;
}
#endif

uint32_t group_lookup_add(
	const struct group_lookup *l, const uint32_t *code, uint32_t n, bool first, uint32_t *out)
{
	enum vectors v = vectors_have();
	return v == VECTORS_NONE     ? 0
	       : v == VECTORS_AVX512 ? lookup_avx512(l, code, n, first, out)
				     : lookup_avx2(l, code, n, first, out);
}

uint32_t group_steps_add(
	const struct group_steps *s, const int64_t *at, uint32_t n, uint32_t stride, bool first, uint32_t *out)
{
	enum vectors v = vectors_have();
	return v == VECTORS_NONE     ? 0
	       : v == VECTORS_AVX512 ? steps_avx512(s, at, n, stride, first, out)
				     : steps_avx2(s, at, n, stride, first, out);
}
