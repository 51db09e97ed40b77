// SPDX-License-Identifier: Apache-2.0
// Hashes and checksums (xxHash's XXH3, zlib's CRC-32).
#ifndef CORRIDOR_BASE_HASH_H
#define CORRIDOR_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

// XXH3 64 bit of n bytes; stable across versions and machines, so it may be stored.
uint64_t hash64(const void *bytes, size_t n);
// The same with a seed.
uint64_t hash64_seed(const void *bytes, size_t n, uint64_t seed);
// CRC-32 (ISO 3309) of n bytes, continuing from `crc` (0 to start).
uint32_t crc32_of(uint32_t crc, const void *bytes, size_t n);

#endif
