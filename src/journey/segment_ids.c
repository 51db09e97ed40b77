// SPDX-License-Identifier: Apache-2.0
// The message ids of a segment as 64-bit hashes: an index over the keys' leading bits, and for each key in ascending
// order the bits that the index does not tell. Keys are hashes, hence spread evenly: about 16 share a prefix, and a
// lookup waits for memory twice, which asking for many at once overlaps. If keys are not even, answers stay exact and
// only take longer.
//
// Format 1 has the whole keys, those of interactions without a message id too, and a filter that is not read any more.
#include "journey/bits.h"
#include "journey/segment.h"

#include <sys/mman.h>

#define KEYS_PER_PREFIX 16u
#define PREFETCH_KEYS 12u
#define FORGET_KEYS (UINT64_C(1) << 23) // a walk keeps about so many keys in the process

uint32_t ids_prefix_bits(uint64_t n_keys)
{
	uint32_t bits = 0;
	while (bits < IDS_PREFIX_BITS_MAX && (n_keys >> bits) > KEYS_PER_PREFIX)
		bits++;
	return bits;
}

unsigned ids_low_bits(uint32_t prefix_bits)
{
	return 64 - prefix_bits <= BITS_WIDTH_MAX ? 64 - prefix_bits : 64;
}

unsigned ids_key_width(const struct segment *s)
{
	return s->format == 1 ? 64 : ids_low_bits(s->prefix_bits);
}

uint64_t ids_filter_bytes(uint64_t n_rows)
{
	return ((n_rows * 12 + 511) / 512 + 1) * 64;
}

static const uint32_t *prefix_index(const struct segment *s)
{
	return (const uint32_t *)(const void *)(s->bytes + s->ids[REGION_PREFIX].offset);
}

// Where the key is or would be among the low bits at `keys`.
static bool key_found(const uint8_t *keys, unsigned width, uint32_t lo, uint32_t hi, uint64_t low)
{
	uint32_t end = hi;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (bits_get(keys, width, mid) < low)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < end && bits_get(keys, width, lo) == low;
}

enum rc segment_ids_lookup(const struct segment *s, const uint64_t *keys, size_t n, uint64_t *bits)
{
	if (s->n_ids == 0)
		return RC_OK;
	enum rc rc = segment_touch_ids(s, NULL);
	if (rc)
		return rc;
	const uint32_t *prefix = prefix_index(s);
	const uint8_t *all = s->bytes + s->ids[REGION_KEYS].offset;
	unsigned width = ids_key_width(s);
	for (size_t i = 0; i < n; i++) {
		if (i + 2 * PREFETCH_KEYS < n)
			__builtin_prefetch(&prefix[ids_prefix(keys[i + 2 * PREFETCH_KEYS], s->prefix_bits)]);
		if (i + PREFETCH_KEYS < n) {
			uint64_t first = prefix[ids_prefix(keys[i + PREFETCH_KEYS], s->prefix_bits)];
			__builtin_prefetch(all + first * width / 8);
			__builtin_prefetch(all + first * width / 8 + 64);
		}
		uint64_t p = ids_prefix(keys[i], s->prefix_bits);
		if (key_found(all, width, prefix[p], prefix[p + 1], keys[i] & bits_mask(width)))
			bits[i / 64] |= 1ull << (i % 64);
	}
	return RC_OK;
}

enum rc segment_ids_warm(const struct segment *s, bool stay, struct err *e)
{
	const size_t page = 4096, most = (size_t)64 << 20;
	enum rc rc = s->n_ids ? segment_touch_ids(s, e) : RC_OK;
	if (rc || !stay || !s->mapped || s->io != io_system())
		return rc;
	for (unsigned k = REGION_PREFIX; k <= REGION_KEYS; k++) {
		const struct segment_region *r = &s->ids[k];
		size_t from = r->offset / page * page, n = (size_t)(r->offset + r->length) - from;
		if (r->length && n <= most)
			madvise((uint8_t *)s->mapped + from, n,
				MADV_POPULATE_READ); // older kernels: page by page, later
	}
	return RC_OK;
}

enum rc segment_ids_open(const struct segment *s, struct segment_ids *out, struct err *e)
{
	*out = (struct segment_ids){.s = s};
	enum rc rc = segment_touch_ids(s, e);
	if (!rc)
		out->n = s->n_ids;
	return rc;
}

bool segment_ids_next(struct segment_ids *ids, uint64_t *key)
{
	const struct segment *s = ids->s;
	if (ids->next == ids->n)
		return false;
	const uint32_t *prefix = prefix_index(s);
	while (prefix[ids->prefix + 1] <= ids->next)
		ids->prefix++;
	unsigned width = ids_key_width(s);
	if (ids->next % FORGET_KEYS == 0 && ids->next > 0) {
		uint64_t here = s->ids[REGION_KEYS].offset + ids->next * width / 8;
		segment_forget(s, here - FORGET_KEYS * width / 8, here);
	}
	*key = bits_get(s->bytes + s->ids[REGION_KEYS].offset, width, ids->next++);
	if (width < 64)
		*key |= ids->prefix << width;
	return true;
}
