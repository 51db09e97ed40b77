// SPDX-License-Identifier: Apache-2.0
// Numbers of a fixed width in bits, one after another, lowest bit first: how segments pack integers. Widths are 0 to
// BITS_WIDTH_MAX, or 64, so that any number is one unaligned 8-byte load, a shift and a mask away; 8 bytes must be
// readable from the byte in which it begins.
#ifndef CORRIDOR_JOURNEY_BITS_H
#define CORRIDOR_JOURNEY_BITS_H

#include "base/vectors.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define BITS_WIDTH_MAX 57u // 64 less the 7 bits of the first byte that may belong to the number before

// The least width that holds v.
static inline unsigned bits_width(uint64_t v)
{
	unsigned width = v ? 64 - (unsigned)__builtin_clzll(v) : 0;
	return width > BITS_WIDTH_MAX ? 64 : width;
}

static inline bool bits_width_valid(unsigned width)
{
	return width <= BITS_WIDTH_MAX || width == 64;
}

static inline uint64_t bits_mask(unsigned width)
{
	return width ? UINT64_MAX >> (64 - width) : 0;
}

// Bytes that n numbers take.
static inline uint64_t bits_bytes(uint64_t n, unsigned width)
{
	return (n * width + 7) / 8;
}

// The i-th number from p.
static inline uint64_t bits_get(const uint8_t *p, unsigned width, uint64_t i)
{
	uint64_t v, bit = i * width;
	memcpy(&v, p + bit / 8, sizeof v);
	return v >> (bit % 8) & bits_mask(width);
}

// Packs numbers one by one into memory with 8 bytes to spare.
struct bits_writer {
	uint8_t *to;
	uint64_t word; // the bits that are not yet in memory
	unsigned n;    // how many, below 64
};

// v < 2^width.
static inline void bits_put(struct bits_writer *w, uint64_t v, unsigned width)
{
	w->word |= v << w->n;
	w->n += width;
	if (w->n < 64)
		return;
	memcpy(w->to, &w->word, 8);
	w->to += 8;
	w->n -= 64;
	w->word = w->n ? v >> (width - w->n) : 0;
}

// Writes what is left of the last bytes.
static inline void bits_flush(struct bits_writer *w)
{
	memcpy(w->to, &w->word, 8);
	w->to += (w->n + 7) / 8;
	w->word = 0;
	w->n = 0;
}

// out[i] = base + the (first + i)-th number from p, modulo 2^64 or 2^32 (there `width` may be more than 32; the low
// bits count). Uses vectors where the processor has them.
void bits_read_u64(const uint8_t *p, unsigned width, uint32_t first, uint32_t n, uint64_t base, uint64_t *out);
void bits_read_u32(const uint8_t *p, unsigned width, uint32_t first, uint32_t n, uint32_t base, uint32_t *out);
// The same with no more than these vectors, which the processor must have: to be compared with each other.
void bits_read_u64_by(enum vectors v, const uint8_t *p, unsigned width, uint32_t first, uint32_t n,
	uint64_t base, uint64_t *out);
void bits_read_u32_by(enum vectors v, const uint8_t *p, unsigned width, uint32_t first, uint32_t n,
	uint32_t base, uint32_t *out);

#endif
