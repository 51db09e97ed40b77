// SPDX-License-Identifier: Apache-2.0
// See funnel_count.h.
#include "measure/funnel_count.h"

#include "base/mem.h"
#include "base/vectors.h"

#include <string.h>

// started[k]: the latest entry from which step k was reached. NEVER is so long ago that no window reaches it.
#define NEVER (INT64_MIN / 4)
#define WINDOW_MAX (INT64_MAX / 8)

static int64_t window_of(const struct funnel_rows *x)
{
	return x->window_ms < WINDOW_MAX ? x->window_ms : WINDOW_MAX;
}

// One interaction, without a branch, for most are unpredictable. From the last step down, so that one interaction is one
// step; up to reuse it.
static inline void advance(
	int64_t *started, int64_t at, uint32_t bits, uint32_t n_steps, int64_t window, bool reuse)
{
	int64_t first = -(int64_t)(bits & 1);
	if (reuse)
		started[0] ^= (started[0] ^ at) & first;
	for (uint32_t i = 1; i < n_steps; i++) {
		uint32_t k = reuse ? i : n_steps - i;
		int64_t reached = -(int64_t)((bits >> k & 1) & (at - started[k - 1] <= window));
		started[k] ^= (started[k] ^ started[k - 1]) & reached;
	}
	if (!reuse)
		started[0] ^= (started[0] ^ at) & first;
}

// Where an interaction can be several steps.
static inline __attribute__((always_inline)) void count_any(
	const struct funnel_rows *x, bool reuse, uint64_t *counts)
{
	const int64_t window = window_of(x);
	for (uint32_t k = 0, i = 0; k < x->n_persons; k++) {
		int64_t started[FUNNEL_STEPS_MAX];
		uint32_t end = x->person_start[k + 1], level = 0;
		for (uint32_t j = 0; j < x->n_steps; j++)
			started[j] = NEVER;
		for (; x->row[i] < end; i++) // ends with a row beyond all
			advance(started, x->at[x->row[i]], x->bits[i], x->n_steps, window, reuse);
		for (uint32_t j = 0; j < x->n_steps; j++)
			level += started[j] != NEVER;
		counts[level]++;
	}
}

// Where each is one: only that step can change. started[k + 1] is that of step k; before the first step stands the
// interaction itself.
static void count_single(const struct funnel_rows *x, uint64_t *counts)
{
	const int64_t window = window_of(x);
	for (uint32_t k = 0, i = 0; k < x->n_persons; k++) {
		int64_t started[FUNNEL_STEPS_MAX + 1];
		uint32_t end = x->person_start[k + 1], level = 0;
		for (uint32_t j = 1; j <= x->n_steps; j++)
			started[j] = NEVER;
		for (; x->row[i] < end; i++) {
			int64_t at = x->at[x->row[i]];
			int step = __builtin_ctz(x->bits[i]);
			started[0] = at;
			int64_t from = started[step], stays = started[step + 1];
			started[step + 1] = at - from <= window ? from : stays;
		}
		for (uint32_t j = 1; j <= x->n_steps; j++)
			level += started[j] != NEVER;
		counts[level]++;
	}
}

static bool are_single(const struct funnel_rows *x)
{
	uint32_t others = 0, none = 0;
	for (uint32_t i = 0; i < x->n; i++) {
		others |= x->bits[i] & (x->bits[i] - 1);
		none |= x->bits[i] == 0;
	}
	return !others && !none;
}

void funnel_count_plain(const struct funnel_rows *x, uint64_t *counts)
{
	if (are_single(x))
		count_single(x, counts);
	else if (x->reuse)
		count_any(x, true, counts);
	else
		count_any(x, false, counts);
}

void funnel_scratch_free(struct funnel_scratch *s)
{
	mem_free(s->begins);
	mem_free(s->before);
	mem_free(s->missing);
	*s = (struct funnel_scratch){0};
}

// --- up to four steps in one vector, all journeys in one loop: where they end is as good as random ---

#define VECTOR_STEPS 4u

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,popcnt")))

// What all interactions have in common, apart from the structures that what is stored might change.
struct reach {
	const uint32_t *row, *bits, *before;
	const int64_t *at;
	const uint64_t *begins;
	uint8_t *missing;
	int64_t lanes[1u << VECTOR_STEPS][VECTOR_STEPS]; // by bits: the steps that may be reached
	__m256i never, window;
};

// A journey after the other. Lane k is started[k].
struct chain {
	__m256i started;
	uint32_t before; // the person of the row before
};

TARGET static inline uint32_t whose(const struct reach *r, uint32_t row)
{
	uint64_t so_far = r->begins[row / 64] & UINT64_MAX >> (63 - row % 64);
	return r->before[row / 64] + (uint32_t)__builtin_popcountll(so_far) - 1;
}

// The i-th interaction. All steps advance from what was before it, as if from the last step down.
TARGET static inline void chain_add(struct chain *c, const struct reach *r, uint32_t i)
{
	uint32_t row = r->row[i], person = whose(r, row);
	__m256i begins = _mm256_set1_epi64x(-(int64_t)(person != c->before));
	__m256i at = _mm256_set1_epi64x(r->at[row]);
	__m256i may = _mm256_loadu_si256((const __m256i *)(const void *)r->lanes[r->bits[i]]);
	__m256i started = _mm256_blendv_epi8(c->started, r->never, begins);
	// Before the first step stands the interaction itself.
	__m256i from = _mm256_blend_epi32(_mm256_permute4x64_epi64(started, 0x90), at, 3);
	__m256i late = _mm256_cmpgt_epi64(_mm256_sub_epi64(at, from), r->window);
	c->started = _mm256_blendv_epi8(started, from, _mm256_andnot_si256(late, may));
	r->missing[person] =
		(uint8_t)_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(c->started, r->never)));
	c->before = person;
}

// Each interaction has to wait for the one before it in the journey: so two chains are worked at in turn, of the first
// half of the journeys and of the rest.
TARGET static void reach(const struct funnel_rows *x, const struct funnel_scratch *s)
{
	struct reach r = {.row = x->row,
		.bits = x->bits,
		.before = s->before,
		.at = x->at,
		.begins = s->begins,
		.missing = s->missing,
		.never = _mm256_set1_epi64x(NEVER),
		.window = _mm256_set1_epi64x(window_of(x))};
	for (uint32_t bits = 0; bits < 1u << VECTOR_STEPS; bits++)
		for (uint32_t k = 0; k < VECTOR_STEPS; k++)
			r.lanes[bits][k] = -(int64_t)(bits >> k & 1);
	uint32_t n = x->n, middle = n / 2;
	while (middle > 0 && middle < n && whose(&r, x->row[middle]) == whose(&r, x->row[middle - 1]))
		middle++;
	struct chain a = {r.never, UINT32_MAX}, b = a;
	uint32_t i = 0, k = middle;
	for (; i < middle && k < n; i++, k++) {
		chain_add(&a, &r, i);
		chain_add(&b, &r, k);
	}
	for (; i < middle; i++)
		chain_add(&a, &r, i);
	for (; k < n; k++)
		chain_add(&b, &r, k);
}

// How many journeys begin before each word.
TARGET static void count_begins(struct funnel_scratch *s, uint32_t words)
{
	for (uint32_t w = 0, n = 0; w < words; w++) {
		s->before[w] = n;
		n += (uint32_t)__builtin_popcountll(s->begins[w]);
	}
}
#else
static void reach(const struct funnel_rows *x, const struct funnel_scratch *s)
{
	(void)x, (void)s;
}

static void count_begins(struct funnel_scratch *s, uint32_t words)
{
	(void)s, (void)words;
}
#endif

static enum rc scratch_fit(const struct funnel_rows *x, struct funnel_scratch *s, struct err *e)
{
	uint32_t words = x->person_start[x->n_persons] / 64 + 1;
	if (mem_grow((void **)&s->begins, &s->begins_capacity, words, sizeof(*s->begins)) != 0 ||
		mem_grow((void **)&s->before, &s->before_capacity, words, sizeof(*s->before)) != 0 ||
		mem_grow((void **)&s->missing, &s->missing_capacity, x->n_persons, 1) != 0)
		return err_set(e, RC_NOMEM, "out of memory for a funnel");
	memset(s->begins, 0, words * sizeof(*s->begins));
	memset(s->missing, (1u << VECTOR_STEPS) - 1, x->n_persons);
	for (uint32_t k = 0; k < x->n_persons; k++)
		s->begins[x->person_start[k] / 64] |= UINT64_C(1) << x->person_start[k] % 64;
	count_begins(s, words);
	return RC_OK;
}

enum rc funnel_count(const struct funnel_rows *x, struct funnel_scratch *s, uint64_t *counts, struct err *e)
{
	bool single = !x->reuse || are_single(x);
	if (x->n_steps > VECTOR_STEPS || !single || !x->n_persons || vectors_have() == VECTORS_NONE) {
		funnel_count_plain(x, counts);
		return RC_OK;
	}
	if (scratch_fit(x, s, e) != RC_OK)
		return RC_NOMEM;
	reach(x, s);
	uint64_t missing[1u << VECTOR_STEPS] = {0};
	for (uint32_t k = 0; k < x->n_persons; k++)
		missing[s->missing[k]]++;
	for (uint32_t set = 0; set < 1u << VECTOR_STEPS; set++)
		counts[VECTOR_STEPS - (uint32_t)__builtin_popcount(set)] += missing[set];
	return RC_OK;
}
