// SPDX-License-Identifier: Apache-2.0
// XXH3 is inlined from xxHash's header: most of our keys are short, where the call would cost as much.
#define XXH_INLINE_ALL
#include "base/hash.h"

#include <xxhash.h>
#include <zlib.h>

uint64_t hash64(const void *bytes, size_t n)
{
	return XXH3_64bits(bytes, n);
}

uint64_t hash64_seed(const void *bytes, size_t n, uint64_t seed)
{
	return XXH3_64bits_withSeed(bytes, n, seed);
}

uint32_t crc32_of(uint32_t crc, const void *bytes, size_t n)
{
	return n ? (uint32_t)crc32_z(crc, bytes, n) : crc;
}
