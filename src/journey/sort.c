// SPDX-License-Identifier: Apache-2.0
// Sorting of a head. Persons and ids are hashes, so their top bits split the keys into even, small buckets in one
// stable pass; a bucket is sorted by insertion, or merged when a person has very many interactions.
#include "base/mem.h"
#include "base/pool.h"
#include "journey/store_internal.h"

enum { BUCKET_BITS_MAX = 16, INSERTION_MAX = 24 };

// In loops over keys.
static inline void pass_at(size_t i)
{
	enum { TURN_KEYS = 4096 };
	if (i % TURN_KEYS == 0)
		thread_pass();
}

// In loops over buckets, which have 8 to 32 keys as a rule.
static inline void pass_at_bucket(size_t b)
{
	pass_at(b * 16);
}

// Bits so that a bucket has about 8 keys.
static unsigned bits_for(size_t n)
{
	unsigned bits = 1;
	while (bits < BUCKET_BITS_MAX && (n >> bits) > 8)
		bits++;
	return bits;
}

static inline bool before(const struct row_key *a, const struct row_key *b)
{
	if (a->person != b->person)
		return a->person < b->person;
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->row < b->row;
}

static void insertion(struct row_key *k, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct row_key x = k[i];
		size_t j = i;
		for (; j > 0 && before(&x, &k[j - 1]); j--)
			k[j] = k[j - 1];
		k[j] = x;
	}
}

static void merge(const struct row_key *from, size_t a, size_t middle, size_t end, struct row_key *to)
{
	size_t b = middle;
	for (size_t i = a; i < end; i++)
		to[i] = a < middle && (b >= end || !before(&from[b], &from[a])) ? from[a++] : from[b++];
}

// Bottom-up merge sort with scratch of n keys; the result is in k.
static void merge_sort(struct row_key *k, struct row_key *scratch, size_t n)
{
	for (size_t i = 0; i < n; i += INSERTION_MAX)
		insertion(k + i, n - i < INSERTION_MAX ? n - i : INSERTION_MAX);
	struct row_key *from = k, *to = scratch;
	for (size_t run = INSERTION_MAX; run < n; run *= 2) {
		for (size_t i = 0; i < n; i += 2 * run) {
			size_t middle = i + run < n ? i + run : n, end = i + 2 * run < n ? i + 2 * run : n;
			merge(from, i, middle, end, to);
		}
		struct row_key *swap = from;
		from = to;
		to = swap;
	}
	if (from != k)
		memcpy(k, from, n * sizeof(*k));
}

// Turns counts per bucket into first positions.
static void prefix_sums(uint32_t *start, size_t n_buckets)
{
	uint32_t at = 0;
	for (size_t i = 0; i < n_buckets; i++) {
		uint32_t count = start[i];
		start[i] = at;
		at += count;
	}
}

enum rc row_keys_sort(struct row_key *keys, size_t n, struct err *e)
{
	unsigned bits = bits_for(n);
	size_t n_buckets = (size_t)1 << bits;
	struct row_key *scratch = mem_alloc(n * sizeof(*keys));
	uint32_t *end = mem_calloc(n_buckets, sizeof(uint32_t));
	if (!scratch || !end) {
		mem_free(scratch);
		mem_free(end);
		return err_set(e, RC_NOMEM, "out of memory sorting %zu interactions", n);
	}
	for (size_t i = 0; i < n; i++) {
		pass_at(i);
		end[keys[i].person >> (64 - bits)]++;
	}
	prefix_sums(end, n_buckets);
	for (size_t i = 0; i < n; i++) {
		pass_at(i);
		scratch[end[keys[i].person >> (64 - bits)]++] = keys[i];
	}
	// Now end[b] is where bucket b ends; keys is the scratch of the long ones.
	uint32_t at = 0;
	for (size_t b = 0; b < n_buckets; b++) {
		uint32_t count = end[b] - at;
		pass_at_bucket(b);
		if (count <= INSERTION_MAX)
			insertion(scratch + at, count);
		else
			merge_sort(scratch + at, keys + at, count);
		at = end[b];
	}
	memcpy(keys, scratch, n * sizeof(*keys));
	mem_free(scratch);
	mem_free(end);
	return RC_OK;
}

static void insertion_ids(uint64_t *k, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		uint64_t x = k[i];
		size_t j = i;
		for (; j > 0 && x < k[j - 1]; j--)
			k[j] = k[j - 1];
		k[j] = x;
	}
}

// Ids are distinct hashes: buckets stay small.
enum rc id_keys_sort(uint64_t *keys, size_t n, struct err *e)
{
	if (n == 0)
		return RC_OK; // there may be no array at all
	unsigned bits = bits_for(n);
	size_t n_buckets = (size_t)1 << bits;
	uint64_t *scratch = mem_alloc(n * sizeof(*keys));
	uint32_t *end = mem_calloc(n_buckets, sizeof(uint32_t));
	if (!scratch || !end) {
		mem_free(scratch);
		mem_free(end);
		return err_set(e, RC_NOMEM, "out of memory sorting %zu ids", n);
	}
	for (size_t i = 0; i < n; i++) {
		pass_at(i);
		end[keys[i] >> (64 - bits)]++;
	}
	prefix_sums(end, n_buckets);
	for (size_t i = 0; i < n; i++) {
		pass_at(i);
		scratch[end[keys[i] >> (64 - bits)]++] = keys[i];
	}
	uint32_t at = 0;
	for (size_t b = 0; b < n_buckets; b++) {
		pass_at_bucket(b);
		insertion_ids(scratch + at, end[b] - at);
		at = end[b];
	}
	memcpy(keys, scratch, n * sizeof(*keys));
	mem_free(scratch);
	mem_free(end);
	return RC_OK;
}
