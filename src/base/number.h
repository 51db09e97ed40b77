// SPDX-License-Identifier: Apache-2.0
// Numbers as text, whatever the locale (C++17's <charconv>).
#ifndef CORRIDOR_BASE_NUMBER_H
#define CORRIDOR_BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NUMBER_TEXT_MAX 32

// The shortest text that reads back to the same double ("0.1", "3000000", "1e+23"; "nan", "inf", "-inf"; with an
// exponent from 1e16 on and below 1e-5 only) into out, NUL-terminated. Returns its length.
unsigned number_from_double(double v, char out[NUMBER_TEXT_MAX]);
// A decimal integer into out, NUL-terminated. Returns its length.
unsigned number_from_i64(int64_t v, char out[NUMBER_TEXT_MAX]);
unsigned number_from_u64(uint64_t v, char out[NUMBER_TEXT_MAX]);
// Reads all of text[len] as a finite decimal number, correctly rounded; a leading + is allowed. False when it
// is not one, or when its size is beyond a double's range.
bool number_to_double(const char *text, size_t len, double *out);

#endif
