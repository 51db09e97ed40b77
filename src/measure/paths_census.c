// SPDX-License-Identifier: Apache-2.0
// See paths_census.h.
#include "measure/paths_census.h"

#include "base/hash.h"
#include "base/mem.h"

#include <assert.h>
#include <string.h>

#define SLOTS_FIRST_LOG2 14u
// A table grows eightfold up to so many slots (16 to 24 MB), twofold beyond.
#define SLOTS_EIGHTFOLD_LOG2 20u
#define PREFETCH_AHEAD 24u

struct census_shape census_shape_for(uint32_t n_codes, uint32_t depth, uint64_t n_groups, bool timed)
{
	struct census_shape s = {.depth = depth, .timed = timed, .code_bits = 1};
	while (s.code_bits < 32 && (UINT64_C(1) << s.code_bits) <= n_codes)
		s.code_bits++;
	while (s.group_bits < 63 && (UINT64_C(1) << s.group_bits) < n_groups)
		s.group_bits++;
	s.packed = depth && (uint64_t)s.code_bits * depth + s.group_bits <= 63;
	if (s.packed && s.code_bits < 8 && UINT64_C(8) * depth + s.group_bits <= 63)
		s.code_bits = 8; // whole bytes are made faster
	return s;
}

static inline uint64_t slot_of(const struct census *t, uint64_t key)
{
	return census_spread(key) >> t->shift;
}

void census_free(struct census *t)
{
	mem_free(t->slot);
	mem_free(t->sum_ms);
	mem_free(t->place);
	mem_free(t->page);
	mem_free(t->codes);
	*t = (struct census){.shape = t->shape};
}

enum rc census_check(uint64_t n_paths, struct err *e)
{
	if (n_paths <= CENSUS_PATHS_MAX)
		return RC_OK;
	err_set(e, RC_LIMIT, "more than %llu different paths", (unsigned long long)CENSUS_PATHS_MAX);
	err_remedy(e, "give a smaller --depth, a coarser --of (stage, channel), or filter with --where");
	return RC_LIMIT;
}

// Free slots go on from the home of a key, at the end of the table from its start.
static uint64_t free_slot(const struct census *t, uint64_t key)
{
	uint64_t mask = census_slots(t) - 1, i = slot_of(t, key);
	while (t->slot[i].key)
		i = (i + 1) & mask;
	return i;
}

static enum rc resize(struct census *t, uint32_t log2, struct err *e)
{
	struct census old = *t;
	uint64_t n_old = census_slots(t), n = UINT64_C(1) << log2;
	t->shift = 64 - log2;
	t->n_slots = n;
	t->slot = mem_calloc_large(n, sizeof(*t->slot));
	t->sum_ms = t->shape.timed ? mem_calloc_large(n, sizeof(*t->sum_ms)) : NULL;
	t->place = t->shape.packed ? NULL : mem_calloc_large(n, sizeof(*t->place));
	if (!t->slot || (t->shape.timed && !t->sum_ms) || (!t->shape.packed && !t->place)) {
		mem_free(t->slot);
		mem_free(t->sum_ms);
		mem_free(t->place);
		*t = old;
		return err_set(
			e, RC_NOMEM, "out of memory for %llu different paths", (unsigned long long)old.n_used);
	}
	for (uint64_t i = 0; i < n_old; i++) {
		if (!old.slot[i].key)
			continue;
		uint64_t to = free_slot(t, old.slot[i].key);
		t->slot[to] = old.slot[i];
		if (t->sum_ms)
			t->sum_ms[to] = old.sum_ms[i];
		if (t->place)
			t->place[to] = old.place[i];
	}
	mem_free(old.slot);
	mem_free(old.sum_ms);
	mem_free(old.place);
	return RC_OK;
}

// Room for n more paths.
static enum rc reserve(struct census *t, uint64_t n, struct err *e)
{
	assert(!t->page);
	uint32_t log2 = t->slot ? 64 - t->shift : SLOTS_FIRST_LOG2;
	if (census_check(t->n_used, e) != RC_OK)
		return RC_LIMIT;
	while (2 * (t->n_used + n) > UINT64_C(1) << log2)
		log2++;
	if (t->slot && log2 == 64 - t->shift)
		return RC_OK;
	if (t->slot && log2 < SLOTS_EIGHTFOLD_LOG2)
		log2 = log2 + 2 < SLOTS_EIGHTFOLD_LOG2 ? log2 + 2 : SLOTS_EIGHTFOLD_LOG2;
	return resize(t, log2, e);
}

// The slot of a packed key; a free one becomes its own.
static inline uint64_t claim(struct census *t, uint64_t key, uint64_t mask)
{
	uint64_t i = slot_of(t, key);
	while (t->slot[i].key != key) {
		if (t->slot[i].key == 0) {
			t->slot[i].key = key;
			t->n_used++;
			break;
		}
		i = (i + 1) & mask;
	}
	return i;
}

enum rc census_add_packed(struct census *t, const uint64_t *key, const int64_t *ms, uint32_t n, struct err *e)
{
	assert(t->shape.packed && n <= CENSUS_BATCH);
	enum rc rc = reserve(t, n, e);
	if (rc != RC_OK)
		return rc;
	uint64_t mask = census_slots(t) - 1;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t ahead = i + PREFETCH_AHEAD < n ? i + PREFETCH_AHEAD : i;
		uint64_t home = slot_of(t, key[ahead]);
		__builtin_prefetch(&t->slot[home], 1);
		if (t->sum_ms)
			__builtin_prefetch(&t->sum_ms[home], 1);
		uint64_t slot = claim(t, key[i], mask);
		t->slot[slot].n++;
		if (t->sum_ms)
			t->sum_ms[slot] += ms[i];
	}
	return RC_OK;
}

enum rc census_add_sums(struct census *t, const struct census_sum *x, uint32_t n, struct err *e)
{
	assert(t->shape.packed && n <= CENSUS_BATCH);
	enum rc rc = reserve(t, n, e);
	if (rc != RC_OK)
		return rc;
	uint64_t mask = census_slots(t) - 1;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t slot = claim(t, x[i].key, mask);
		t->slot[slot].n += x[i].n;
		if (t->sum_ms)
			t->sum_ms[slot] += x[i].ms;
	}
	return RC_OK;
}

void census_clear(struct census *t)
{
	assert(t->shape.packed);
	if (!t->n_used)
		return;
	memset(t->slot, 0, t->n_slots * sizeof(*t->slot));
	if (t->sum_ms)
		memset(t->sum_ms, 0, t->n_slots * sizeof(*t->sum_ms));
	t->n_used = 0;
}

enum rc census_count(struct census *t, uint64_t key, uint64_t n, struct err *e)
{
	assert(t->shape.packed && key);
	enum rc rc = reserve(t, 1, e);
	if (rc == RC_OK)
		t->slot[claim(t, key, census_slots(t) - 1)].n += n;
	return rc;
}

uint64_t census_get(const struct census *t, uint64_t key)
{
	if (!t->slot)
		return 0;
	uint64_t mask = census_slots(t) - 1, i = slot_of(t, key);
	while (t->slot[i].key && t->slot[i].key != key)
		i = (i + 1) & mask;
	return t->slot[i].n;
}

// --- paths kept beside their hashes ---

static bool same_path(const struct census *t, uint64_t slot, uint32_t group, const uint32_t *code, uint32_t n)
{
	const uint32_t *p = t->codes + t->place[slot];
	return p[0] == group && p[1] == n && memcmp(p + 2, code, n * sizeof(*code)) == 0;
}

static enum rc keep_path(
	struct census *t, uint64_t slot, uint32_t group, const uint32_t *code, uint32_t n, struct err *e)
{
	size_t need = t->n_codes + n + 2;
	if (need > CENSUS_CODES_MAX) {
		err_set(e, RC_LIMIT, "the different paths have more than %llu steps together",
			(unsigned long long)CENSUS_CODES_MAX);
		err_remedy(e, "give a --depth, a shorter --gap or a coarser --of, or filter with --where");
		return RC_LIMIT;
	}
	if (mem_grow((void **)&t->codes, &t->codes_capacity, need, sizeof(*t->codes)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for %zu steps of different paths", need);
	t->place[slot] = t->n_codes;
	t->codes[t->n_codes] = group;
	t->codes[t->n_codes + 1] = n;
	memcpy(t->codes + t->n_codes + 2, code, n * sizeof(*code));
	t->n_codes = need;
	return RC_OK;
}

static enum rc add_kept(struct census *t, uint64_t key, uint32_t group, const uint32_t *code, uint32_t n_steps,
	uint64_t *slot, struct err *e)
{
	uint64_t mask = census_slots(t) - 1, i = slot_of(t, key);
	for (; t->slot[i].key; i = (i + 1) & mask)
		if (t->slot[i].key == key && same_path(t, i, group, code, n_steps)) {
			*slot = i;
			return RC_OK;
		}
	enum rc rc = keep_path(t, i, group, code, n_steps, e);
	if (rc != RC_OK)
		return rc;
	t->slot[i].key = key;
	t->n_used++;
	*slot = i;
	return RC_OK;
}

enum rc census_add_path(struct census *t, uint32_t group, const uint32_t *code, uint32_t n_steps, uint64_t n,
	int64_t ms, struct err *e)
{
	enum rc rc = reserve(t, 1, e);
	if (rc != RC_OK)
		return rc;
	uint64_t slot;
	if (t->shape.packed) {
		slot = claim(t, census_pack(&t->shape, group, code, n_steps), census_slots(t) - 1);
	} else {
		uint64_t key = hash64_seed(code, n_steps * sizeof(*code), group);
		rc = add_kept(t, key ? key : 1, group, code, n_steps, &slot, e);
		if (rc != RC_OK)
			return rc;
	}
	t->slot[slot].n += n;
	if (t->sum_ms)
		t->sum_ms[slot] += ms;
	return RC_OK;
}

// --- whole tables ---

const uint32_t *census_path(
	const struct census *t, uint64_t slot, uint32_t *scratch, uint32_t *group, uint32_t *n_steps)
{
	if (!t->shape.packed) {
		const uint32_t *p = t->codes + t->place[slot];
		*group = p[0];
		*n_steps = p[1];
		return p + 2;
	}
	uint64_t key = census_key(t, slot), mask = (UINT64_C(1) << t->shape.code_bits) - 1;
	uint32_t n = 0;
	for (; n < t->shape.depth && (key & mask) != 0; n++) {
		scratch[n] = (uint32_t)(key & mask) - 1;
		key >>= t->shape.code_bits;
	}
	*n_steps = n;
	*group = (uint32_t)(census_key(t, slot) >> (t->shape.code_bits * t->shape.depth));
	return scratch;
}

static enum rc merge_packed(struct census *into, const struct census *from, struct err *e)
{
	enum rc rc = reserve(into, from->n_used, e);
	if (rc != RC_OK)
		return rc;
	uint64_t n = census_slots(from), mask = census_slots(into) - 1;
	for (uint64_t i = 0; i < n; i++) {
		if (!from->slot[i].key)
			continue;
		uint64_t slot = claim(into, from->slot[i].key, mask);
		into->slot[slot].n += from->slot[i].n;
		if (into->sum_ms)
			into->sum_ms[slot] += from->sum_ms[i];
	}
	return census_check(into->n_used, e);
}

enum rc census_merge(struct census *into, const struct census *from, struct err *e)
{
	if (!from->n_used)
		return RC_OK;
	if (into->shape.packed)
		return merge_packed(into, from, e);
	uint64_t n = census_slots(from);
	enum rc rc = RC_OK;
	for (uint64_t i = 0; rc == RC_OK && i < n; i++) {
		if (!from->slot[i].key)
			continue;
		const uint32_t *p = from->codes + from->place[i];
		rc = census_add_path(
			into, p[0], p + 2, p[1], from->slot[i].n, from->sum_ms ? from->sum_ms[i] : 0, e);
	}
	return rc;
}

enum rc census_fold(struct census *t, const uint32_t *to, uint32_t n, struct err *e)
{
	struct census folded = {.shape = t->shape};
	uint32_t scratch[64];
	uint64_t slots = census_slots(t);
	enum rc rc = RC_OK;
	for (uint64_t i = 0; rc == RC_OK && i < slots; i++) {
		if (!census_key(t, i))
			continue;
		uint32_t group, n_steps;
		const uint32_t *code = census_path(t, i, scratch, &group, &n_steps);
		rc = census_add_path(&folded, group < n ? to[group] : group, code, n_steps, census_n(t, i),
			census_ms(t, i), e);
	}
	if (rc == RC_OK) {
		census_free(t);
		*t = folded;
	} else {
		census_free(&folded);
	}
	return rc;
}
