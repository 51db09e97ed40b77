// SPDX-License-Identifier: Apache-2.0
// Marks: one bit for each row, 64 to a word, lowest first. Which rows are marked, and with what.
#ifndef CORRIDOR_JOURNEY_MARKS_H
#define CORRIDOR_JOURNEY_MARKS_H

#include "journey/bits.h"

#define MARKS_SLACK 16u // numbers that are written after the last one of a list
#define MARKS_EQUAL 4u  // codes that are looked for at a time

// Rows for which something holds, that has these bits.
struct mark {
	uint64_t *words;
	uint32_t bits;
};

static inline uint32_t marks_words(uint32_t n_rows)
{
	return (n_rows + 63) / 64;
}

// The number of ones; for processors without an instruction that counts them.
static inline uint32_t marks_ones(uint64_t x)
{
	x -= x >> 1 & 0x5555555555555555ull;
	x = (x & 0x3333333333333333ull) + (x >> 2 & 0x3333333333333333ull);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (uint32_t)(x * 0x0101010101010101ull >> 56);
}

// Sets all words for n rows: marks[k] those whose code is wanted[k], k < n_wanted ≤ MARKS_EQUAL.
void marks_equal(
	const uint32_t *code, uint32_t n, const uint32_t *wanted, uint32_t n_wanted, struct mark *marks);
void marks_equal_by(enum vectors v, const uint32_t *code, uint32_t n, const uint32_t *wanted, uint32_t n_wanted,
	struct mark *marks);

// The rows in [first, first + n) that are marked in `bytes` (words as they are in memory, at any address), as
// row - first + add. Returns how many; there is room for n.
uint32_t marks_rows(const uint8_t *bytes, uint32_t first, uint32_t n, uint32_t add, uint32_t *row);
uint32_t marks_rows_by(
	enum vectors v, const uint8_t *bytes, uint32_t first, uint32_t n, uint32_t add, uint32_t *row);

// The rows of n words, and the bits of those marks that they have, if there are marks. before: how many rows are before
// each word. Returns how many; there is room for MARKS_SLACK more.
struct marks_list {
	uint32_t *row, *bits, *before;
};
uint32_t marks_list(const uint64_t *any, uint32_t n_words, const struct mark *marks, uint32_t n_marks,
	const struct marks_list *to);
uint32_t marks_list_by(enum vectors v, const uint64_t *any, uint32_t n_words, const struct mark *marks,
	uint32_t n_marks, const struct marks_list *to);

#endif
