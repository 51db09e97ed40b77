// SPDX-License-Identifier: Apache-2.0
// Steps of journeys, for flow, paths and conformance: the interactions that pass the filters, journey by journey, each
// as a small number (its touch point, channel, event, … as --of says) with its time.
//
// Invariants: codes are below key.n_codes; rows that the filters take away are no steps, so what stood on both sides of
// them is next to each other; a journey here has at least one step.
#ifndef CORRIDOR_MEASURE_PATHS_STEPS_H
#define CORRIDOR_MEASURE_PATHS_STEPS_H

#include "measure/internal.h"

#define STEP_OF_HELP                                                                                           \
	"what a step is: touchpoint, channel, channel-kind, event, stage, owner, source, agent, location or "  \
	"a "                                                                                                   \
	"dimension"

struct step_key {
	struct attribute attribute;
	bool mapped;      // codes are the attribute's values; else codes of the column, each a value of its own
	uint32_t n_codes; // at least 1
};

struct steps {
	uint32_t n, n_journeys;
	const uint32_t *code;
	const int64_t *at;
	const uint32_t *row;    // in the span; NULL: step i is row i
	const uint32_t *start;  // n_journeys + 1 step numbers
	const uint64_t *person; // n_journeys
	// Scratch of the above where they are not the span's.
	uint32_t *code_scratch, *row_scratch, *start_scratch;
	int64_t *at_scratch;
	uint64_t *person_scratch;
	size_t code_capacity, row_capacity, start_capacity, at_capacity, person_capacity;
};

// Finds the field that steps are of (the parameter --of) and asks for its column. RC_USAGE: it is unknown or not a name.
enum rc step_key_open(struct run *run, struct sv name, struct step_key *out, struct err *e);
// The name of a code, and whether code a is listed before code b (by the corridor file, else by name).
struct sv step_label(const struct run *run, const struct step_key *k, uint32_t code);
bool step_before(const struct run *run, const struct step_key *k, uint32_t a, uint32_t b);
// Reads a parameter that is a duration or "none" (INT64_MAX). RC_USAGE.
enum rc step_gap_open(struct run *run, const char *param, int64_t *gap_ms, struct err *e);
// The steps of the lane's span; valid until the next call or span. RC_NOMEM.
enum rc steps_read(struct lane *lane, const struct step_key *k, struct steps *s, struct err *e);
// The groups of chosen steps, by the rows they are; one group 0 when the question has none. NULL: see e. Valid until the
// next call of this or of lane_group_rows. `scratch` holds what it needs between.
const uint32_t *steps_groups(struct lane *lane, const struct steps *s, const uint32_t *step, uint32_t n,
	uint32_t **scratch, size_t *capacity, struct err *e);
void steps_free(struct steps *s);

static inline uint32_t step_row(const struct steps *s, uint32_t step)
{
	return s->row ? s->row[step] : step;
}

#endif
