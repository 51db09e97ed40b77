// SPDX-License-Identifier: Apache-2.0
// Sums of gaps in whole numbers.
//
// What a value v adds is one vector of four numbers, so that it costs one load and one store: v, v clamped to what is
// within the scale of the target, and the squares of both. The number of values is above bit COUNT_SHIFT of the first;
// how many are above a limit (that of which the target is kept, or broken) is above that of the second. Differences to
// the target are made of these sums. Invariants of `recent`: with |v| + |target| for v, sums are below 2^41, values less
// than 2^21, squares below 2^62; what could go beyond is moved to `sums` before.
#include "measure/gap_exact.h"

#include "base/mem.h"
#include "base/vectors.h"

#include <string.h>

enum { PACKED_V, PACKED_C, PACKED_V2, PACKED_C2, N_PACKED };
static_assert(N_PACKED == 4, "what a value adds fills a vector");

#define CACHE_LINE 64u
#define COUNT_SHIFT 42u
#define ROOM_VALUES ((double)(UINT32_C(1) << 21))
#define ROOM_SUM ((double)(UINT64_C(1) << 41))
#define ROOM_SQUARES ((double)(UINT64_C(1) << 62))

// v in units of 1 / unit, if it is the very double that a stored value of so many units is.
static bool whole(double v, double unit, int32_t *out)
{
	double nearest = round(v * unit);
	if (!(fabs(nearest) < (double)SCALED_MAX) || memcmp(&(double){nearest / unit}, &v, sizeof v) != 0)
		return false;
	*out = (int32_t)nearest;
	return true;
}

// Lanes are v, v, c, c, v, v, c, c; limits to be above are in the second ones, for the upper halves of 64 bits.
static bool yardstick_whole(const struct yardstick *y, double unit, struct whole_yardstick *out)
{
	int32_t target, scale;
	if (!whole(y->target, unit, &target) || !whole(y->scale, unit, &scale) || scale <= 0)
		return false;
	int32_t low = target - scale, high = target + scale, never = INT32_MAX, always = INT32_MIN;
	*out = (struct whole_yardstick){.low = {always, always, low, low, always, always, low, low},
		.high = {never, never, high, high, never, never, high, high},
		.above = {never, always, never, target, never, never, never, never},
		.target = target,
		.at_least = y->inverse_scale > 0.0};
	out->above[3] -= out->at_least; // kept: not less than the target; else broken: more than it
	return true;
}

enum rc exact_open(struct exact *x, const struct yardstick *of, uint32_t n_slots, size_t nowhere,
	uint32_t decimals, struct err *e)
{
	static const double units[SCALED_DECIMALS_MAX + 1] = {1, 10, 100, 1e3, 1e4, 1e5, 1e6};
	*x = (struct exact){.unit = units[decimals], .n_slots = n_slots, .of = of, .room = 1.0};
	x->at_block = mem_calloc((size_t)n_slots + 1, sizeof(*x->at));
	if (!x->at_block)
		return err_set(e, RC_NOMEM, "out of memory for expectations");
	x->at = (void *)(((uintptr_t)x->at_block + CACHE_LINE - 1) & ~(uintptr_t)(CACHE_LINE - 1));
	for (uint32_t slot = 0; slot < n_slots; slot++) {
		if (of[slot].sums >= nowhere)
			continue;
		if (!yardstick_whole(&of[slot], x->unit, &x->at[slot]))
			return RC_OK;
		int32_t target = x->at[slot].target;
		uint32_t reach = (uint32_t)(target < 0 ? -target : target);
		x->reach = reach > x->reach ? reach : x->reach;
	}
	x->usable = true;
	return RC_OK;
}

void exact_free(struct exact *x)
{
	mem_free(x->at_block);
	mem_free(x->recent_block);
	mem_free(x->sums);
	*x = (struct exact){0};
}

enum rc exact_fit(struct exact *x, uint32_t n_groups, struct err *e)
{
	if (n_groups <= x->capacity) {
		x->n_groups = n_groups > x->n_groups ? n_groups : x->n_groups;
		return RC_OK;
	}
	uint32_t capacity = n_groups > 2 * x->capacity ? n_groups : 2 * x->capacity;
	size_t cells = (size_t)capacity * x->n_slots, have = (size_t)x->n_groups * x->n_slots;
	const size_t bytes = sizeof(*x->recent);
	// Untouched pages cost nothing. One element more, so that no cell lies across cache lines.
	void *block = mem_calloc(cells + 1, bytes);
	struct whole_sums *sums = mem_calloc(cells ? cells : 1, sizeof(*sums));
	if (!block || !sums) {
		mem_free(block);
		mem_free(sums);
		return err_set(e, RC_NOMEM, "out of memory for %u groups", n_groups);
	}
	uint64_t(*recent)[4] = (void *)(((uintptr_t)block + bytes - 1) / bytes * bytes);
	if (have > 0) {
		memcpy(recent, x->recent, have * bytes);
		memcpy(sums, x->sums, have * sizeof(*sums));
	}
	mem_free(x->recent_block);
	mem_free(x->sums);
	x->recent_block = block;
	x->recent = recent;
	x->sums = sums;
	x->capacity = capacity;
	x->n_groups = n_groups;
	return RC_OK;
}

// --- adding ---

static void square_add(uint64_t to[2], uint64_t low, uint64_t high)
{
	to[0] += low;
	to[1] += high + (to[0] < low);
}

// A count and a sum that share 64 bits: the sum is what is nearest to 0.
static uint64_t unpack(uint64_t packed, int64_t *sum)
{
	uint64_t n = (packed + (UINT64_C(1) << (COUNT_SHIFT - 1))) >> COUNT_SHIFT;
	*sum = (int64_t)(packed - (n << COUNT_SHIFT));
	return n;
}

// Σ(v - t)² of n values, by their sum and the sum of their squares. What goes beyond 64 bits on the way cancels.
static uint64_t squares_around(uint64_t squares, int64_t sum, uint64_t n, int64_t t)
{
	return squares - 2 * (uint64_t)t * (uint64_t)sum + n * (uint64_t)(t * t);
}

static void settle(struct exact *x)
{
	for (size_t i = 0; i < (size_t)x->n_groups * x->n_slots; i++) {
		uint64_t *r = x->recent[i];
		if (r[PACKED_V] == 0)
			continue; // no value: one has a count
		const struct whole_yardstick *y = &x->at[i % x->n_slots];
		struct whole_sums *to = &x->sums[i];
		int64_t v, c, t = y->target, sign = y->at_least ? 1 : -1;
		uint64_t n = unpack(r[PACKED_V], &v), above = unpack(r[PACKED_C], &c);
		to->n += n;
		to->kept += y->at_least ? above : n - above;
		to->d += sign * (v - (int64_t)n * t);
		to->c += sign * (c - (int64_t)n * t);
		square_add(to->d2, squares_around(r[PACKED_V2], v, n, t), 0);
		square_add(to->c2, squares_around(r[PACKED_C2], c, n, t), 0);
		memset(r, 0, sizeof(x->recent[i]));
	}
	x->room = 1.0;
}

// Makes room for n values, none of a greater magnitude than max.
static void make_room(struct exact *x, uint32_t n, uint32_t max)
{
	assert(n <= EXACT_BLOCK && max <= SCALED_MAX);
	double d = (double)max + x->reach, need = 1.0 / ROOM_VALUES;
	need = d / ROOM_SUM > need ? d / ROOM_SUM : need;
	need = d * d / ROOM_SQUARES > need ? d * d / ROOM_SQUARES : need;
	if (n * need >= x->room)
		settle(x);
	x->room -= n * need;
}

static void add_plain(
	struct exact *x, const uint32_t *slot, const int32_t *value, const uint32_t *group, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = slot[i] < x->n_slots ? slot[i] : 0;
		const struct whole_yardstick *y = &x->at[at];
		uint64_t *a = x->recent[(size_t)group[i] * x->n_slots + at];
		int64_t v = value[i], c = v;
		v = v < y->high[0] ? v : y->high[0]; // no expectation: all limits are 0
		v = v > y->low[0] ? v : y->low[0];
		c = c < y->high[2] ? c : y->high[2];
		c = c > y->low[2] ? c : y->low[2];
		a[PACKED_V] += (uint64_t)v + ((uint64_t)(v > y->above[1]) << COUNT_SHIFT);
		a[PACKED_C] += (uint64_t)c + ((uint64_t)(c > y->above[3]) << COUNT_SHIFT);
		a[PACKED_V2] += (uint64_t)(v * v);
		a[PACKED_C2] += (uint64_t)(c * c);
	}
}

void exact_add_plain(struct exact *x, const uint32_t *slot, const int32_t *value, const uint32_t *group,
	uint32_t n, uint32_t max)
{
	make_room(x, n, max);
	add_plain(x, slot, value, group, n);
}

#if defined(__x86_64__)
#include <immintrin.h>

#define BLOCK 256u // values at a time: what is made of them stays in the first cache

__attribute__((target("avx2"))) static inline __m256i load(const void *p)
{
	return _mm256_load_si256(p);
}

// v, c, v, c times 1, 1, v, c; and the counts.
__attribute__((target("avx2"))) static void add_avx2(struct exact *x, const uint32_t *restrict slot,
	const int32_t *restrict value, const uint32_t *restrict group, uint32_t n)
{
	const uint32_t n_slots = x->n_slots, cell_bytes = sizeof(*x->recent), yard_bytes = sizeof(*x->at);
	const char *at = (const char *)x->at;
	char *recent = (char *)x->recent;
	uint32_t cell[BLOCK], yard[BLOCK];
	const __m256i ones = _mm256_set1_epi32(1), counts = _mm256_set1_epi32(1 << (COUNT_SHIFT - 32));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t s = slot[i] < n_slots ? slot[i] : 0;
		cell[i] = (group[i] * n_slots + s) * cell_bytes;
		yard[i] = s * yard_bytes;
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct whole_yardstick *y = (const void *)(at + yard[i]);
		__m256i v = _mm256_set1_epi32(value[i]);
		v = _mm256_max_epi32(_mm256_min_epi32(v, load(y->high)), load(y->low));
		__m256i added = _mm256_mul_epi32(v, _mm256_blend_epi32(ones, v, 0xf0));
		added = _mm256_add_epi64(
			added, _mm256_and_si256(counts, _mm256_cmpgt_epi32(v, load(y->above))));
		void *to = recent + cell[i];
		_mm256_store_si256(to, _mm256_add_epi64(load(to), added));
	}
}

void exact_add(struct exact *x, const uint32_t *slot, const int32_t *value, const uint32_t *group, uint32_t n,
	uint32_t max)
{
	make_room(x, n, max);
	uint64_t n_cells = (uint64_t)x->n_groups * x->n_slots;
	if (vectors_have() == VECTORS_NONE || n_cells > UINT32_MAX / sizeof(*x->recent) ||
		x->n_slots > UINT32_MAX / sizeof(*x->at)) {
		add_plain(x, slot, value, group, n);
		return;
	}
	for (uint32_t i = 0; i < n; i += BLOCK)
		add_avx2(x, slot + i, value + i, group + i, n - i < BLOCK ? n - i : BLOCK);
}
#else
void exact_add(struct exact *x, const uint32_t *slot, const int32_t *value, const uint32_t *group, uint32_t n,
	uint32_t max)
{
	exact_add_plain(x, slot, value, group, n, max);
}
#endif

// --- all together ---

enum rc exact_merge(struct exact *into, struct exact *from, struct err *e)
{
	uint32_t n_groups = from->n_groups > into->n_groups ? from->n_groups : into->n_groups;
	enum rc rc = exact_fit(into, n_groups, e);
	if (rc != RC_OK)
		return rc;
	settle(from);
	for (size_t i = 0; i < (size_t)from->n_groups * from->n_slots; i++) {
		struct whole_sums *to = &into->sums[i];
		const struct whole_sums *a = &from->sums[i];
		to->n += a->n;
		to->kept += a->kept;
		to->d += a->d;
		to->c += a->c;
		square_add(to->d2, a->d2[0], a->d2[1]);
		square_add(to->c2, a->c2[0], a->c2[1]);
	}
	return RC_OK;
}

static double square_round(const uint64_t v[2])
{
	return (double)v[1] * 18446744073709551616.0 + (double)v[0]; // 2^64
}

enum rc exact_round(struct exact *x, struct sums *out, struct err *e)
{
	enum rc rc = sums_fit(out, x->n_groups, e);
	if (rc != RC_OK)
		return rc;
	settle(x);
	for (uint32_t g = 0; g < x->n_groups; g++)
		for (uint32_t slot = 0; slot < x->n_slots; slot++) {
			const struct yardstick *y = &x->of[slot];
			struct whole_sums *a = &x->sums[(size_t)g * x->n_slots + slot];
			if (a->n == 0)
				continue;
			double *to = out->v + (size_t)g * out->width + y->sums, unit = x->unit,
			       scale = round(y->scale * unit), sign = y->inverse_scale > 0.0 ? 1.0 : -1.0;
			to[SUM_N] += (double)a->n;
			to[SUM_KEPT] += (double)a->kept;
			to[SUM_GAP] += (double)a->c / scale;
			to[SUM_GAP2] += square_round(a->c2) / (scale * scale);
			to[SUM_X] += sign * (double)a->d / unit;
			to[SUM_X2] += square_round(a->d2) / (unit * unit);
			*a = (struct whole_sums){0};
		}
	return RC_OK;
}
