// SPDX-License-Identifier: Apache-2.0
// How far persons get through the steps of a funnel, and nothing else: one pass that remembers for each step the latest
// entry from which it was reached (a later entry has the longer window left, so no other can do better).
//
// Invariant: vectors and plain code give the same counts.
#ifndef CORRIDOR_MEASURE_FUNNEL_COUNT_H
#define CORRIDOR_MEASURE_FUNNEL_COUNT_H

#include "measure/funnel.h"

// Interactions that are a step (bit k of bits: step k), ascending by row, and whose they are.
struct funnel_rows {
	uint32_t n;
	const uint32_t *row, *bits; // row[n]: UINT32_MAX
	const int64_t *at;          // by row
	uint32_t n_persons;
	const uint32_t *person_start; // n_persons + 1 rows
	uint32_t n_steps;
	int64_t window_ms;
	bool reuse; // one interaction may be several steps
};

// Room for the vectors' work; all 0 at first.
struct funnel_scratch {
	uint64_t *begins; // a bit for each row that begins a journey
	uint32_t *before; // how many there are before each word of these
	uint8_t *missing; // by person: the steps not reached
	size_t begins_capacity, before_capacity, missing_capacity;
};

// Adds the persons who get to step k, and no further, to counts[k], k from 1 on. RC_NOMEM.
enum rc funnel_count(const struct funnel_rows *x, struct funnel_scratch *s, uint64_t *counts, struct err *e);
void funnel_count_plain(const struct funnel_rows *x, uint64_t *counts);
void funnel_scratch_free(struct funnel_scratch *s);

#endif
