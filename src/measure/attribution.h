// SPDX-License-Identifier: Apache-2.0
// What the files of the analysis `attribution` share: the Markov chain of journeys towards a conversion.
//
// States of order m are the last m touches (0 = before the first); symbols are touches 1 … n_keys, then conversion and
// null. A transition is one number: (group, state, next symbol) in a positional system of base n_keys + 3.
#ifndef CORRIDOR_MEASURE_ATTRIBUTION_H
#define CORRIDOR_MEASURE_ATTRIBUTION_H

#include "measure/internal.h"

#define MARKOV_TOLERANCE 1e-11 // of the probability of conversion
#define MARKOV_ROUNDS_MAX 50000u

struct markov_shape {
	uint32_t n_keys, order;
	uint64_t base, n_states; // base^order
	uint64_t n_transitions;  // base^(order + 1): of one group
};
// RC_LIMIT: too many states for 64 bits with all groups.
enum rc markov_shape_of(uint32_t n_keys, uint32_t order, struct markov_shape *out, struct err *e);

// How often each transition was seen: an array where the numbers are small, else a hash table.
struct markov_counts {
	double *dense; // n_dense; grown to it at the first count
	uint64_t n_dense;
	uint64_t *key; // transition + 1; 0 = free
	double *count;
	size_t mask, n;
};
// With `dense`, transitions of group 0 only.
void markov_counts_open(struct markov_counts *c, const struct markov_shape *shape, bool dense);
void markov_counts_free(struct markov_counts *c);
// One path of touches (values 0 … n_keys - 1), ending in a conversion or not. RC_NOMEM.
enum rc markov_path(struct markov_counts *c, const struct markov_shape *shape, uint32_t group,
	const uint32_t *touch, uint32_t n, bool converts, struct err *e);
enum rc markov_merge(struct markov_counts *into, const struct markov_counts *from, struct err *e);
// Moves what group g counted to group to[g], for groups below n.
enum rc markov_fold(struct markov_counts *c, const struct markov_shape *shape, const uint32_t *to, uint32_t n,
	struct err *e);
// The removal effect of each key in a group: the share of the probability of conversion that is lost when every step to
// the key leads to null (Anderl et al. 2016). *conversion: that probability with all keys. Absorption probabilities by
// Gauss-Seidel with aggregation, to within MARKOV_TOLERANCE. Keys that were never touched, and all when nothing
// converts, have 0. RC_NOMEM, RC_LIMIT.
enum rc markov_removal(const struct markov_counts *c, const struct markov_shape *shape, uint32_t group,
	double *effect /* n_keys */, double *conversion, struct err *e);

#endif
