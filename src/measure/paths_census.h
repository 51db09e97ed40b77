// SPDX-License-Identifier: Apache-2.0
// How often each path occurs: a hash table from paths to counts that is fast when it is far larger than the caches.
//
// A path is a group and up to `depth` codes. Where group and codes fit 63 bits they are the key itself (first step in
// the lowest bits, code + 1, so that 0 is "no more steps"; the group on top). Where they do not, the key is a hash and
// the path itself is kept beside it and compared at every meeting: counts are exact in both.
//
// Invariants: slots are ordered by the key's hash (its high bits), so that merging and growing go through both tables
// from front to back; at most half of the slots are used; key 0 is a free slot. A list has its
// paths, each once, and free slots in no order: nothing can be found or counted in it.
#ifndef CORRIDOR_MEASURE_PATHS_CENSUS_H
#define CORRIDOR_MEASURE_PATHS_CENSUS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CENSUS_PATHS_MAX (UINT64_C(1) << 25) // different paths in a table
#define CENSUS_CODES_MAX (UINT64_C(1) << 28) // codes of paths kept beside their hashes
#define CENSUS_BATCH 4096u                   // paths that may be added at once

struct census_slot {
	uint64_t key;
	uint64_t n;
};

// A slot of a list.
struct census_sum {
	uint64_t key;
	uint64_t n;
	int64_t ms;
};
#define CENSUS_PAGE 64u
struct census_page {
	const struct census_sum *slot;
	uint64_t most; // n of its most frequent path
};

// What a table is made for.
struct census_shape {
	uint32_t code_bits; // of code + 1
	uint32_t depth;     // packed: steps of a path, at most
	uint32_t group_bits;
	bool packed;
	bool timed; // the durations of paths are summed
};

struct census {
	struct census_shape shape;
	struct census_slot *slot;
	int64_t *sum_ms;          // by slot, when timed
	uint64_t *place;          // by slot, when not packed: where its path starts in `codes`
	uint32_t shift;           // 64 - log2(slots)
	struct census_page *page; // a list's slots, CENSUS_PAGE at a time; it has no `slot` and `sum_ms`
	uint64_t list_n;          // of a list: n of all paths
	int64_t list_ms;
	uint64_t n_slots, n_used;
	uint32_t *codes; // group, number of steps, steps
	size_t n_codes, codes_capacity;
};

// The shape for paths of at most `depth` steps (0: any number) with codes below n_codes and groups below n_groups.
struct census_shape census_shape_for(uint32_t n_codes, uint32_t depth, uint64_t n_groups, bool timed);

static inline uint64_t census_pack(
	const struct census_shape *s, uint32_t group, const uint32_t *code, uint32_t n)
{
	uint64_t key = (uint64_t)group << (s->code_bits * s->depth);
	for (uint32_t i = 0; i < n; i++)
		key |= (uint64_t)(code[i] + 1) << (s->code_bits * i);
	return key;
}

// Fibonacci hashing (Knuth, TAOCP 6.4) after a mix that brings the high bits down: steps in low and groups in high bits
// both reach the slot number, which is the hash's highest bits.
static inline uint64_t census_spread(uint64_t key)
{
	key ^= key >> 32;
	return key * UINT64_C(0x9e3779b97f4a7c15);
}

// Counts n (at most CENSUS_BATCH) packed paths, each once; ms[i] is the duration of the i-th (timed tables).
enum rc census_add_packed(struct census *t, const uint64_t *key, const int64_t *ms, uint32_t n, struct err *e);
// Counts packed paths that were counted before, n (at most CENSUS_BATCH) different ones.
enum rc census_add_sums(struct census *t, const struct census_sum *x, uint32_t n, struct err *e);
// Empties a table of packed paths, which keeps its memory.
void census_clear(struct census *t);
// RC_LIMIT: so many different paths are too many.
enum rc census_check(uint64_t n_paths, struct err *e);
// Counts a path n times, taking `ms` in all; *slot (may be NULL) is where, valid until the next add. RC_NOMEM; RC_LIMIT:
// there are too many different paths.
enum rc census_add_path(struct census *t, uint32_t group, const uint32_t *code, uint32_t n_steps, uint64_t n,
	int64_t ms, struct err *e);
enum rc census_merge(struct census *into, const struct census *from, struct err *e);
// Moves the paths of each group g with to[g] != g to group to[g]. n_groups: groups that there are now.
enum rc census_fold(struct census *t, const uint32_t *to, uint32_t n, struct err *e);
void census_free(struct census *t);

static inline uint64_t census_slots(const struct census *t)
{
	return t->n_slots;
}

static inline const struct census_sum *census_listed(const struct census *t, uint64_t slot)
{
	return &t->page[slot / CENSUS_PAGE].slot[slot % CENSUS_PAGE];
}

// What a slot holds: its key (0: it is free), how many, and how long in all.
static inline uint64_t census_key(const struct census *t, uint64_t slot)
{
	return t->page ? census_listed(t, slot)->key : t->slot[slot].key;
}

static inline uint64_t census_n(const struct census *t, uint64_t slot)
{
	return t->page ? census_listed(t, slot)->n : t->slot[slot].n;
}

static inline int64_t census_ms(const struct census *t, uint64_t slot)
{
	return t->page ? census_listed(t, slot)->ms : t->sum_ms ? t->sum_ms[slot] : 0;
}

// The path in a used slot: its group and steps. Packed ones are written to `scratch` (room for shape.depth), others
// are where they are kept. Returns the steps.
const uint32_t *census_path(
	const struct census *t, uint64_t slot, uint32_t *scratch, uint32_t *group, uint32_t *n_steps);

// --- plain counts by key: a table of CENSUS_PLAIN ---

#define CENSUS_PLAIN ((struct census){.shape = {.code_bits = 63, .depth = 1, .packed = true}})

// Adds n to the count of a key that is not 0.
enum rc census_count(struct census *t, uint64_t key, uint64_t n, struct err *e);
// The count of a key, 0 when it was never counted.
uint64_t census_get(const struct census *t, uint64_t key);

#endif
