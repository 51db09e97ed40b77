// SPDX-License-Identifier: Apache-2.0
// Sums of gaps in whole numbers.
//
// What a value adds is one vector of four numbers, so that it costs one load and one store: d and c with one more value
// above bit COUNT_SHIFT (of c only if the value is kept), d², c². Invariants of `recent`: |Σd| and |Σc| < 2^41, less than
// 2^21 values, squares < 2^62; what could go beyond is moved to `sums` before.
#include "measure/gap_exact.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

enum { PACKED_D, PACKED_C, PACKED_D2, PACKED_C2, N_PACKED };
static_assert(N_PACKED == 4, "what a value adds fills a vector");

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

static bool yardstick_whole(const struct yardstick *y, double unit, struct whole_yardstick *out)
{
	int32_t target, scale;
	if (!whole(y->target, unit, &target) || !whole(y->scale, unit, &scale) || scale <= 0)
		return false;
	bool more_is_better = y->inverse_scale > 0.0;
	int32_t flip = more_is_better ? 0 : -1, from = more_is_better ? target : -1 - target; // ~v = -1 - v
	*out = (struct whole_yardstick){.flip = {flip, flip, flip, flip},
		.from = {from, from, from, from},
		.low = {INT32_MIN, -scale, INT32_MIN, -scale},
		.high = {INT32_MAX, scale, INT32_MAX, scale}};
	return true;
}

enum rc exact_open(struct exact *x, const struct yardstick *of, uint32_t n_slots, size_t nowhere,
	uint32_t decimals, struct err *e)
{
	static const double units[SCALED_DECIMALS_MAX + 1] = {1, 10, 100, 1e3, 1e4, 1e5, 1e6};
	*x = (struct exact){.unit = units[decimals], .n_slots = n_slots, .of = of, .room = 1.0};
	x->at = mem_calloc((size_t)n_slots + 1, sizeof(*x->at));
	if (!x->at)
		return err_set(e, RC_NOMEM, "out of memory for expectations");
	for (uint32_t slot = 0; slot < n_slots; slot++) {
		if (of[slot].sums >= nowhere)
			continue;
		if (!yardstick_whole(&of[slot], x->unit, &x->at[slot]))
			return RC_OK;
		int32_t from = x->at[slot].from[0];
		uint32_t reach = (uint32_t)(from < 0 ? -from : from);
		x->reach = reach > x->reach ? reach : x->reach;
	}
	x->usable = true;
	return RC_OK;
}

void exact_free(struct exact *x)
{
	mem_free(x->at);
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

static void settle(struct exact *x)
{
	for (size_t i = 0; i < (size_t)x->n_groups * x->n_slots; i++) {
		uint64_t *r = x->recent[i];
		struct whole_sums *to = &x->sums[i];
		int64_t d, c;
		if (r[PACKED_D] == 0)
			continue; // no value: one has a count
		to->n += unpack(r[PACKED_D], &d);
		to->kept += unpack(r[PACKED_C], &c);
		to->d += d;
		to->c += c;
		square_add(to->d2, r[PACKED_D2], 0);
		square_add(to->c2, r[PACKED_C2], 0);
		memset(r, 0, sizeof(x->recent[i]));
	}
	x->room = 1.0;
}

// Makes room for n values, none of a greater magnitude than max.
static void make_room(struct exact *x, uint32_t n, uint32_t max)
{
	assert(n <= EXACT_BLOCK && max <= SCALED_MAX);
	double d = (double)max + x->reach + 1.0, need = 1.0 / ROOM_VALUES;
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
		int64_t d = (value[i] ^ y->flip[1]) - y->from[1], c = d;
		c = c < y->high[1] ? c : y->high[1];
		c = c > y->low[1] ? c : y->low[1];
		a[PACKED_D] += (uint64_t)d + (UINT64_C(1) << COUNT_SHIFT);
		a[PACKED_C] += (uint64_t)c + ((uint64_t)(c >= 0) << COUNT_SHIFT);
		a[PACKED_D2] += (uint64_t)(d * d);
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

__attribute__((target("avx2"))) static inline __m128i lanes(const int32_t *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

// d, c, d, c times 1, 1, d, c; and the counts where a lane is above -∞, -1, ∞, ∞.
__attribute__((target("avx2"))) static void add_avx2(struct exact *x, const uint32_t *restrict slot,
	const int32_t *restrict value, const uint32_t *restrict group, uint32_t n)
{
	const struct whole_yardstick *restrict at = x->at;
	uint64_t(*recent)[4] = x->recent;
	uint32_t cell[EXACT_BLOCK], known[EXACT_BLOCK], n_slots = x->n_slots, signs = 0;
	const __m256i ones = _mm256_set1_epi64x(1), counts = _mm256_set1_epi64x(INT64_C(1) << COUNT_SHIFT),
		      above = _mm256_set_epi64x(INT64_MAX, INT64_MAX, -1, INT64_MIN);
	for (uint32_t i = 0; i < n; i++) {
		cell[i] = group[i] * n_slots + slot[i];
		signs |= slot[i] | (n_slots - 1 - slot[i]);
	}
	if (signs >> 31) { // some slot is not below n_slots
		for (uint32_t i = 0; i < n; i++) {
			known[i] = slot[i] < n_slots ? slot[i] : 0;
			cell[i] = group[i] * n_slots + known[i];
		}
		slot = known;
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct whole_yardstick *y = &at[slot[i]];
		__m128i d = _mm_set1_epi32(value[i]);
		d = _mm_sub_epi32(_mm_xor_si128(d, lanes(y->flip)), lanes(y->from));
		d = _mm_max_epi32(_mm_min_epi32(d, lanes(y->high)), lanes(y->low));
		__m256i wide = _mm256_cvtepi32_epi64(d);
		__m256i added = _mm256_mul_epi32(wide, _mm256_blend_epi32(ones, wide, 0xf0));
		added = _mm256_add_epi64(added, _mm256_and_si256(counts, _mm256_cmpgt_epi64(wide, above)));
		__m256i *a = (__m256i *)(void *)recent[cell[i]];
		_mm256_store_si256(a, _mm256_add_epi64(_mm256_load_si256(a), added));
	}
}

void exact_add(struct exact *x, const uint32_t *slot, const int32_t *value, const uint32_t *group, uint32_t n,
	uint32_t max)
{
	make_room(x, n, max);
	if (__builtin_cpu_supports("avx2") && x->n_slots <= INT32_MAX &&
		(uint64_t)x->n_groups * x->n_slots <= UINT32_MAX)
		add_avx2(x, slot, value, group, n);
	else
		add_plain(x, slot, value, group, n);
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
