// SPDX-License-Identifier: Apache-2.0
// Rows whose code is one of a set, found 64 at a time: a byte of a code's low half tells in which high halves it is
// wanted, so a row costs the same however many codes are wanted.
//
// Invariant: what vectors and plain code write is the same (but for the slack at the end of arrays).
#ifndef CORRIDOR_MEASURE_CODE_SET_H
#define CORRIDOR_MEASURE_CODE_SET_H

#include <stdbool.h>
#include <stdint.h>

#define CODE_SET_MAX 255u  // codes; higher ones are in no set
#define CODE_SET_SLACK 16u // elements beyond n that arrays have room for

struct code_set {
	uint8_t high[2][16]; // by the low half of a code: a bit for each of 8 high halves
};
// The codes below n_codes (at most CODE_SET_MAX) whose bits are not 0.
void code_set_make(struct code_set *s, const uint32_t *bits, uint32_t n_codes);
// Can sets be looked up by vectors here? Without them a loop over a table by code is faster.
bool code_set_has_vectors(void);
// The rows i < n with a code of the set, ascending; returns how many.
uint32_t code_set_rows(const struct code_set *s, const uint32_t *code, uint32_t n, uint32_t *row);
// The same without vectors.
uint32_t code_set_rows_plain(const struct code_set *s, const uint32_t *code, uint32_t n, uint32_t *row);

#endif
