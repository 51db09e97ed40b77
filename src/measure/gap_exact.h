// SPDX-License-Identifier: Apache-2.0
// Sums of gaps in whole numbers: values that are stored as integers over a power of ten, against targets and scales that
// are whole in the same unit, add up without rounding, so in any order. Sums become doubles only at the end.
#ifndef CORRIDOR_MEASURE_GAP_EXACT_H
#define CORRIDOR_MEASURE_GAP_EXACT_H

#include "measure/internal.h"

#include <assert.h>

// Sums per group and expectation as doubles; experience is shifted by the target.
enum { SUM_N, SUM_KEPT, SUM_GAP, SUM_GAP2, SUM_X, SUM_X2, N_SUMS };

struct yardstick {
	double target, scale, inverse_scale; // inverse_scale carries the direction's sign
	size_t sums;                         // where its sums are within those of a group
};

// An expectation in whole numbers, as vectors that a value is held against in all lanes (gap_exact.c).
struct whole_yardstick {
	int32_t low[8], high[8], above[8];
	int32_t target;
	bool at_least;
	uint8_t rest[27]; // so that none lies across more cache lines than it must
};
static_assert(sizeof(struct whole_yardstick) == 128, "two cache lines");

// What a group's values at one expectation add up to: d is how much better than the target one is, c that clamped to the
// scale. Squares: lower and upper half.
struct whole_sums {
	uint64_t n, kept;
	int64_t d, c;
	uint64_t d2[2], c2[2];
};

struct exact {
	bool usable; // targets and scales are whole and small enough
	double unit; // 10^decimals
	uint32_t n_slots;
	const struct yardstick *of;
	struct whole_yardstick *at; // by slot, in at_block
	void *at_block;
	uint32_t reach; // no |target| is greater
	uint32_t n_groups, capacity;
	// [group · n_slots + slot]: recent values, packed (gap_exact.c), and all before them.
	uint64_t (*recent)[4];
	void *recent_block;
	struct whole_sums *sums;
	double room; // share of what `recent` can still take, 1 when all is zero
};

#define EXACT_BLOCK 2048u // values at most that are added at a time

// Makes the tables for expectations by slot; sums of yardsticks from `nowhere` on stand for none. x->usable tells whether
// values with so many decimals can be added. RC_NOMEM; exact_free frees what was made, also then.
enum rc exact_open(struct exact *x, const struct yardstick *of, uint32_t n_slots, size_t nowhere,
	uint32_t decimals, struct err *e);
void exact_free(struct exact *x);
// Grows to n_groups groups. RC_NOMEM.
enum rc exact_fit(struct exact *x, uint32_t n_groups, struct err *e);
// Adds n ≤ EXACT_BLOCK values, no |value| > max ≤ SCALED_MAX; slots from n_slots on count as slot 0, groups have been
// fitted to.
void exact_add(struct exact *x, const uint32_t *slot, const int32_t *value, const uint32_t *group, uint32_t n,
	uint32_t max);
// The same without vector instructions, for tests.
void exact_add_plain(struct exact *x, const uint32_t *slot, const int32_t *value, const uint32_t *group,
	uint32_t n, uint32_t max);
// Adds the sums of another one for the same expectations. RC_NOMEM.
enum rc exact_merge(struct exact *into, struct exact *from, struct err *e);
// Moves all to `out`, as doubles. RC_NOMEM.
enum rc exact_round(struct exact *x, struct sums *out, struct err *e);

#endif
