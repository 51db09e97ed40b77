// SPDX-License-Identifier: Apache-2.0
// Between the kernel of the analysis conformance (conformance.c), the designed corridor as it needs it
// (conformance_model.c) and its rows (conformance_rows.c). Nobody else includes this.
#ifndef CORRIDOR_MEASURE_CONFORMANCE_H
#define CORRIDOR_MEASURE_CONFORMANCE_H

#include "measure/paths_steps.h"

enum deviation { SKIPPED, REPEATED, OUT_OF_ORDER, WRONG_CHANNEL, UNMATCHED, ANY_DEVIATION, N_DEVIATIONS };
extern const char *const deviation_names[N_DEVIATIONS];

// A touch point of the model. Touch points are numbered as in the design; number n_touchpoints is "unmatched".
struct model_touchpoint {
	uint32_t stage;
	bool once;
	const uint8_t *channel; // by channel code: designed for; NULL: for any
	const uint32_t *after,
		*before; // touch points that have to come before it; those that it has to come before
	uint32_t n_after, n_before;
};

struct model {
	struct model_touchpoint *touchpoints; // n_touchpoints + 1
	uint32_t n_touchpoints;
	uint32_t *touchpoint_of; // by code
	uint32_t n_codes, n_channel_codes;
	uint32_t *required, n_required;
	bool looks_ahead; // once or after are used: the first visits of a journey have to be known
};

// Reads the model from the design. RC_NOMEM.
enum rc model_open(struct run *run, const struct step_key *key, struct model *out, struct err *e);

// Sums per group, in this order: per touch point (and unmatched) the interactions by their deviations (the bits of
// REPEATED, OUT_OF_ORDER and WRONG_CHANNEL, so that judging takes one addition) and the skips; OVERALL; SCORES per
// deviation and for all.
#define COUNT_KINDS 8u
enum { COUNT_SKIPPED = COUNT_KINDS, N_COUNTS };
enum { ALL_JOURNEYS, ALL_PERFECT, ALL_FITNESS, ALL_SQUARES, N_ALL };
enum { SCORE_JOURNEYS, SCORE_N, SCORE_SUM, SCORE_SQUARES, N_SCORE };

enum conformance_show { SHOW_TOUCHPOINTS, SHOW_JOURNEYS, SHOW_SCORES };

struct conformance_plan {
	struct step_key key;
	struct model model;
	int64_t gap_ms;
	enum conformance_show show;
	bool ignore_unmatched, list_persons;
	enum deviation persons; // ANY_DEVIATION + 1: those without any
	uint32_t score;         // measure
	bool has_score;
	uint32_t first_all, first_score,
		width; // where the blocks of sums start, and how wide they are together
};

// Points result columns to those of the plan's rows.
enum rc conformance_columns(struct run *run, struct err *e);
enum rc conformance_rows(struct run *run, const struct sums *sums, struct err *e);
extern const struct result_column conformance_all_columns[];
#define CONFORMANCE_N_COLUMNS 31u

#endif
