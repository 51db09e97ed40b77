// SPDX-License-Identifier: Apache-2.0
// Adding to the matrix of transitions.
//
// Stores limit it, not arithmetic: a cell has five numbers. So a transition is a vector of all five that is added with
// one load and one store. Blocks of steps are worked at without a branch, because lengths of journeys are as good as
// random: the step that begins a journey is a transition from the boundary.
#include "measure/flow_cells.h"

#include "base/vectors.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

// Called with a constant NULL for the usual question, without groups, which then has no trace of them.
static inline uint32_t add_plain(
	struct flow_cell *cells, const struct flow_journeys *j, const uint32_t *group, uint32_t person)
{
	const uint32_t width = j->width, area = width * width;
	for (uint32_t k = 0; k < j->n; k++) {
		uint32_t first = j->start[k], end = j->start[k + 1], from = j->code[first];
		int64_t then = j->at[first];
		person++;
		flow_cell_add(
			cells + (group ? group[first] * area : 0) + (width - 1) * width + from, 0, person);
		for (uint32_t i = first + 1; i < end; i++) {
			uint32_t to = j->code[i];
			int64_t now = j->at[i];
			flow_cell_add(cells + (group ? group[i - 1] * area : 0) + from * width + to, now - then,
				person);
			from = to;
			then = now;
		}
		flow_cell_add(
			cells + (group ? group[end - 1] * area : 0) + from * width + width - 1, 0, person);
	}
	return person;
}

uint32_t flow_cells_add_plain(struct flow_cell *cells, const struct flow_journeys *j, uint32_t person)
{
	return j->group ? add_plain(cells, j, j->group, person) : add_plain(cells, j, NULL, person);
}

#if defined(__x86_64__)
#include <immintrin.h>

#define BLOCK 256u // steps at a time: all that is made of them stays in the first cache

static_assert(sizeof(struct flow_cell) == 32 && offsetof(struct flow_cell, stamp) == 0 &&
		      offsetof(struct flow_cell, minus_persons) == 4 && offsetof(struct flow_cell, n) == 8 &&
		      offsetof(struct flow_cell, sum_ms) == 16 && offsetof(struct flow_cell, squares) == 24,
	"a cell is a vector");

// Steps as transitions to them.
struct block {
	const int64_t *at;     // of the first; there is one before it
	uint32_t cell[BLOCK];  // bytes
	int64_t begins[BLOCK]; // -1: the step begins a journey; else 0
};

__attribute__((target("avx2"))) static inline __m256i load(const void *p)
{
	return _mm256_loadu_si256(p);
}

// Steps from `first`, at least 1, on. `journey` is the first that begins there or later; returns the first that begins
// after them.
__attribute__((target("avx2"))) static inline uint32_t block_make(struct block *b,
	const struct flow_journeys *j, const uint32_t *group, uint32_t first, uint32_t n, uint32_t journey)
{
	const uint32_t *to = j->code + first, *from = to - 1, width = j->width, area = width * width,
		       size = sizeof(struct flow_cell);
	b->at = j->at + first;
	for (uint32_t i = 0; i < n; i++)
		b->cell[i] = (from[i] * width + to[i]) * size;
	if (group)
		for (uint32_t i = 0; i < n; i++)
			b->cell[i] += group[first + i - 1] * area * size;
	for (; journey < j->n && j->start[journey] < first + n; journey++) {
		uint32_t i = j->start[journey] - first;
		b->cell[i] = ((group ? group[first + i] * area : 0) + (width - 1) * width + to[i]) * size;
		b->begins[i] = -1;
	}
	return journey;
}

// The squares of four times in seconds. A number below 2^63 is halves of 32 bits, to which exponents are or-ed, so that
// each is a double plus a constant; all but the last sum is exact.
__attribute__((target("avx2"))) static inline __m256i squares_of(__m256i ms)
{
	const __m256d low_one = _mm256_set1_pd(0x1p52), high_one = _mm256_set1_pd(0x1p84),
		      ones = _mm256_set1_pd(0x1p84 + 0x1p52);
	__m256i low = _mm256_blend_epi32(ms, _mm256_castpd_si256(low_one), 0xaa),
		high = _mm256_or_si256(_mm256_srli_epi64(ms, 32), _mm256_castpd_si256(high_one));
	__m256d x = _mm256_add_pd(_mm256_sub_pd(_mm256_castsi256_pd(high), ones), _mm256_castsi256_pd(low));
	x = _mm256_mul_pd(x, _mm256_set1_pd(1e-3));
	return _mm256_castpd_si256(_mm256_mul_pd(x, x));
}

// `what` is (person, -1, minus ms, square): the square is added, the rest subtracted, and the person takes the place of
// the stamp. It borrows from minus_persons if the stamp is less.
__attribute__((target("avx2"))) static inline void cell_add(
	struct flow_cell *cells, uint32_t offset, __m256i what)
{
	__m256i *cell = (__m256i *)(void *)((char *)cells + offset), old = _mm256_load_si256(cell);
	__m256i squares =
		_mm256_castpd_si256(_mm256_add_pd(_mm256_castsi256_pd(old), _mm256_castsi256_pd(what)));
	__m256i sums = _mm256_blend_epi32(_mm256_sub_epi64(old, what), squares, 0xc0);
	_mm256_store_si256(cell, _mm256_blend_epi32(sums, what, 0x01));
}

// The next person if a journey begins.
__attribute__((target("avx2"))) static inline __m128i person_next(__m128i person, const int64_t *begins)
{
	return _mm_sub_epi64(person, _mm_loadl_epi64((const __m128i *)(const void *)begins));
}

// Adds a block. `p` is (the person before, -1); returns the same of the last.
__attribute__((target("avx2"))) static inline __m128i block_add(
	struct flow_cell *cells, const struct block *b, uint32_t n, __m128i p)
{
	uint32_t i = 0;
	for (; i + 4 <= n; i += 4) {
		__m256i ms = _mm256_sub_epi64(load(b->at + i), load(b->at + i - 1));
		ms = _mm256_andnot_si256(load(b->begins + i), ms);
		__m256i minus_ms = _mm256_sub_epi64(_mm256_setzero_si256(), ms), squares = squares_of(ms);
		__m256i even = _mm256_unpacklo_epi64(minus_ms, squares),
			odd = _mm256_unpackhi_epi64(minus_ms, squares);
		p = person_next(p, b->begins + i);
		cell_add(cells, b->cell[i], _mm256_set_m128i(_mm256_castsi256_si128(even), p));
		p = person_next(p, b->begins + i + 1);
		cell_add(cells, b->cell[i + 1], _mm256_set_m128i(_mm256_castsi256_si128(odd), p));
		p = person_next(p, b->begins + i + 2);
		cell_add(cells, b->cell[i + 2], _mm256_blend_epi32(_mm256_castsi128_si256(p), even, 0xf0));
		p = person_next(p, b->begins + i + 3);
		cell_add(cells, b->cell[i + 3], _mm256_blend_epi32(_mm256_castsi128_si256(p), odd, 0xf0));
	}
	for (; i < n; i++) {
		p = person_next(p, b->begins + i);
		flow_cell_add(cells + b->cell[i] / sizeof(*cells),
			b->begins[i] ? 0 : b->at[i] - b->at[(ptrdiff_t)i - 1], (uint32_t)_mm_cvtsi128_si32(p));
	}
	return p;
}

// The last steps of journeys: to the boundary, once for a person.
static inline void ends_add(struct flow_cell *cells, const struct flow_journeys *j, const uint32_t *group)
{
	const uint32_t width = j->width, area = width * width;
	const __m128i once = _mm_set_epi64x(-1, INT64_C(1) << 32);
	for (uint32_t k = 0; k < j->n; k++) {
		uint32_t i = j->start[k + 1] - 1;
		__m128i *cell = (__m128i *)(void *)(cells + (group ? group[i] * area : 0) + j->code[i] * width +
						    width - 1);
		_mm_store_si128(cell, _mm_sub_epi64(_mm_load_si128(cell), once));
	}
}

__attribute__((target("avx2"))) static inline uint32_t add_avx2(
	struct flow_cell *cells, const struct flow_journeys *j, const uint32_t *group, uint32_t person)
{
	if (j->n == 0)
		return person;
	struct block b;
	memset(b.begins, 0, sizeof(b.begins));
	uint32_t n = j->start[j->n], width = j->width, journey = 1;
	uint32_t boundary = (group ? group[0] * width * width : 0) + (width - 1) * width;
	flow_cell_add(cells + boundary + j->code[0], 0, person + 1);
	__m128i last = _mm_set_epi64x(-1, person + 1);
	for (uint32_t first = 1; first < n; first += BLOCK) {
		uint32_t m = n - first < BLOCK ? n - first : BLOCK,
			 end = block_make(&b, j, group, first, m, journey);
		last = block_add(cells, &b, m, last);
		for (; journey < end; journey++)
			b.begins[j->start[journey] - first] = 0;
	}
	ends_add(cells, j, group);
	return person + j->n;
}

__attribute__((target("avx2"))) static uint32_t add_of_one_group(
	struct flow_cell *cells, const struct flow_journeys *j, uint32_t person)
{
	return add_avx2(cells, j, NULL, person);
}

__attribute__((target("avx2"))) static uint32_t add_of_groups(
	struct flow_cell *cells, const struct flow_journeys *j, uint32_t person)
{
	return add_avx2(cells, j, j->group, person);
}

uint32_t flow_cells_add(struct flow_cell *cells, const struct flow_journeys *j, uint32_t person)
{
	if (vectors_have() == VECTORS_NONE)
		return flow_cells_add_plain(cells, j, person);
	return j->group ? add_of_groups(cells, j, person) : add_of_one_group(cells, j, person);
}
#else
uint32_t flow_cells_add(struct flow_cell *cells, const struct flow_journeys *j, uint32_t person)
{
	return flow_cells_add_plain(cells, j, person);
}
#endif
