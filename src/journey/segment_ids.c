// SPDX-License-Identifier: Apache-2.0
// The ids of a segment: a blocked Bloom filter (12 bits per key, 7 probes in one 64-byte block; Putze, Sanders &
// Singler 2007), an index over the keys' leading bits, the sorted keys. Keys are hashes, hence spread evenly; if
// they are not, answers stay exact and only take longer.
#include "journey/segment.h"

#define BLOOM_BITS_PER_KEY 12u
#define BLOOM_PROBES 7u // of 9 bits each, from one 64-bit product
#define KEYS_PER_PREFIX 64u
#define PREFIX_BITS_MAX 24u
#define PREFETCH_KEYS 16u

uint64_t ids_bloom_blocks(uint64_t n_rows)
{
	return (n_rows * BLOOM_BITS_PER_KEY + 511) / 512 + 1;
}

uint32_t ids_prefix_bits(uint64_t n_rows)
{
	uint32_t bits = 0;
	while (bits < PREFIX_BITS_MAX && (n_rows >> bits) > KEYS_PER_PREFIX)
		bits++;
	return bits;
}

// Block by the leading bits, so that ascending keys fill ascending blocks; probes by a product of all bits.
static uint64_t bloom_block(uint64_t n_blocks, uint64_t key)
{
	return (key >> 32) * n_blocks >> 32; // n_blocks < 2^32: a segment has at most 2^37 rows
}

static uint64_t bloom_probes(uint64_t key)
{
	key ^= key >> 32;
	key *= 0x9E3779B97F4A7C15ull;
	return key ^ key >> 29;
}

void ids_bloom_add(uint8_t *bloom, uint64_t n_blocks, uint64_t key)
{
	uint8_t *block = bloom + 64 * bloom_block(n_blocks, key);
	uint64_t probes = bloom_probes(key);
	for (unsigned i = 0; i < BLOOM_PROBES; i++, probes >>= 9)
		block[(probes & 511) / 8] |= (uint8_t)(1u << (probes & 7));
}

bool ids_bloom_has(const uint8_t *bloom, uint64_t n_blocks, uint64_t key)
{
	const uint8_t *block = bloom + 64 * bloom_block(n_blocks, key);
	uint64_t probes = bloom_probes(key);
	unsigned all = 1;
	for (unsigned i = 0; i < BLOOM_PROBES; i++, probes >>= 9)
		all &= (unsigned)block[(probes & 511) / 8] >> (probes & 7);
	return all & 1;
}

static bool key_found(const uint64_t *keys, uint32_t lo, uint32_t hi, uint64_t key)
{
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (keys[mid] < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return keys[lo] == key;
}

enum rc segment_ids_lookup(const struct segment *s, const uint64_t *keys, size_t n, uint64_t *bits)
{
	if (s->n_ids == 0)
		return RC_OK;
	enum rc rc = segment_touch_ids(s, NULL);
	if (rc)
		return rc;
	const uint8_t *bloom = s->bytes + s->ids[REGION_BLOOM].offset;
	const uint32_t *prefix = (const uint32_t *)(const void *)(s->bytes + s->ids[REGION_PREFIX].offset);
	const uint64_t *all = (const uint64_t *)(const void *)(s->bytes + s->ids[REGION_KEYS].offset);
	uint64_t n_blocks = ids_bloom_blocks(s->info.n_rows);
	for (size_t i = 0; i < n; i++) {
		if (i + PREFETCH_KEYS < n) // the filter is larger than the caches: overlap the waits
			__builtin_prefetch(bloom + 64 * bloom_block(n_blocks, keys[i + PREFETCH_KEYS]));
		if (!ids_bloom_has(bloom, n_blocks, keys[i]))
			continue;
		uint64_t p = ids_prefix(keys[i], s->prefix_bits);
		uint32_t lo = prefix[p], hi = prefix[p + 1];
		if (lo < hi && key_found(all, lo, hi - 1, keys[i]))
			bits[i / 64] |= 1ull << (i % 64);
	}
	return RC_OK;
}

const uint64_t *segment_ids(const struct segment *s, size_t *n)
{
	*n = 0;
	if (segment_touch_ids(s, NULL))
		return NULL;
	*n = (size_t)s->n_ids;
	return (const uint64_t *)(const void *)(s->bytes + s->ids[REGION_KEYS].offset);
}
