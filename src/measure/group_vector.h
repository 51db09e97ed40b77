// SPDX-License-Identifier: Apache-2.0
// Composites of many rows at a time (group.c), with vector instructions where the processor has them: keys of few codes
// and times in few buckets, which are most questions. All functions that add return how many of the n rows they did,
// from the first on; 0 where there are no such instructions.
#ifndef CORRIDOR_MEASURE_GROUP_VECTOR_H
#define CORRIDOR_MEASURE_GROUP_VECTOR_H

#include "measure/internal.h"

#define GROUP_LOOKUP_CODES 16u
#define GROUP_STEPS_MAX 24u

// A table of few codes.
struct group_lookup {
	uint32_t n_codes;                   // codes from here on count as 0
	uint32_t value[GROUP_LOOKUP_CODES]; // what a code adds
};
// out[i] = (first ? 0 : out[i]) + value of code[i].
uint32_t group_lookup_add(
	const struct group_lookup *l, const uint32_t *code, uint32_t n, bool first, uint32_t *out);

// Boundaries of few buckets as 32-bit numbers, in the greatest power of two of milliseconds that all of them are
// multiples of: the bucket of a moment is how many it has passed.
struct group_steps {
	int64_t start;
	uint32_t shift, n;
	int32_t before[GROUP_STEPS_MAX]; // the last number before each boundary
};
// False: there are too many buckets, or their range is too wide.
bool group_steps_make(const struct tz_buckets *b, struct group_steps *out);
// out[i] = (first ? 0 : out[i]) + bucket of at[i] · stride; what is in no bucket gets any.
uint32_t group_steps_add(
	const struct group_steps *s, const int64_t *at, uint32_t n, uint32_t stride, bool first, uint32_t *out);

#endif
