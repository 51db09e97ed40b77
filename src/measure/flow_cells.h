// SPDX-License-Identifier: Apache-2.0
// The matrix of transitions (flow.c): how often one code follows another, how long after, and for how many persons.
//
// Invariant: vectors and plain code give the same sums, to the bit.
#ifndef CORRIDOR_MEASURE_FLOW_CELLS_H
#define CORRIDOR_MEASURE_FLOW_CELLS_H

#include <stdint.h>

#define FLOW_CELLS_MAX (1u << 21) // of a matrix

// A vector of 32 bytes, and aligned like one. The order of its members is that of the vectors in flow_cells.c.
struct flow_cell {
	uint32_t stamp; // the last person counted; persons are numbered from 1 on, ascending
	uint32_t
		minus_persons; // modulo 2^32: taking a person from (minus_persons, stamp) borrows if it is a new one
	uint64_t n;
	int64_t sum_ms;
	double squares; // of seconds
};

static inline uint32_t flow_cell_persons(const struct flow_cell *c)
{
	return 0 - c->minus_persons;
}

static inline void flow_cell_add(struct flow_cell *c, int64_t ms, uint32_t person)
{
	double seconds = (double)ms * 1e-3;
	c->minus_persons -= c->stamp != person;
	c->stamp = person;
	c->n++;
	c->sum_ms += ms;
	c->squares += seconds * seconds;
}

// Journeys whose transitions are counted: from the boundary (code width - 1) to the first step, from step to step, from
// the last to the boundary. The group is that of the step that comes first.
struct flow_journeys {
	uint32_t n;
	const uint32_t *start; // n + 1 step numbers, the first 0; no journey is empty
	const uint32_t *code;  // by step, below width - 1
	const int64_t *at;     // by step, not falling within a journey
	const uint32_t *group; // by step; NULL: all 0
	uint32_t width;        // cells are [group][from][to], width of each of the last two
};

// Adds all transitions. Persons are numbered on from `person`, the last before; returns the last.
uint32_t flow_cells_add(struct flow_cell *cells, const struct flow_journeys *j, uint32_t person);
uint32_t flow_cells_add_plain(struct flow_cell *cells, const struct flow_journeys *j, uint32_t person);

#endif
