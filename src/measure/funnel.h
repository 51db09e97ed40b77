// SPDX-License-Identifier: Apache-2.0
// Attempts at a funnel within one journey: from an entry, step by step, as far as it goes. Rules are told apart from the
// analysis (funnel.c), so that each product's reading of a funnel is a set of rules.
#ifndef CORRIDOR_MEASURE_FUNNEL_H
#define CORRIDOR_MEASURE_FUNNEL_H

#include "measure/internal.h"

#define FUNNEL_STEPS_MAX 20u
#define FUNNEL_EXCLUSIONS_MAX 11u // with the steps and what must not follow: CLASSES_MAX
#define FUNNEL_NO_WINDOW INT64_MAX

enum funnel_order { FUNNEL_ORDERED, FUNNEL_STRICT_ORDER, FUNNEL_STRICT, FUNNEL_ANY };
enum funnel_repeats { FUNNEL_REPEATS_IGNORE, FUNNEL_REPEATS_END, FUNNEL_REPEATS_END_AT_FIRST };
enum funnel_ties { FUNNEL_TIES_ARRIVAL, FUNNEL_TIES_ANY, FUNNEL_TIES_LATER };

// Classes (bits) are the steps, then the exclusions, then what must not follow.
struct funnel_rules {
	uint32_t n_steps, n_exclusions;
	bool without; // something must not follow the last step
	enum funnel_order order;
	enum funnel_repeats repeats;
	enum funnel_ties ties;
	bool reuse;        // one interaction may stand for several steps
	bool drop;         // an excluded attempt does not count at all (else it ends)
	int64_t window_ms; // from the first step, inclusive
	int64_t newest_ms; // end of what is known, for windows that are not over
	uint32_t exclude_first[FUNNEL_EXCLUSIONS_MAX], exclude_last[FUNNEL_EXCLUSIONS_MAX]; // steps from 1
};
uint32_t funnel_classes(const struct funnel_rules *r);

// The interactions of one journey that are in some class, with the next of each class after each. Grown as needed.
struct funnel_journey {
	uint32_t n;
	const uint32_t *row, *bits;
	const int64_t *at; // by row
	bool overlap;      // some interaction is of several steps
	uint32_t *next;    // n × classes: number of the event, FUNNEL_NONE
	uint32_t *tie;     // by event: first (ANY) or last (LATER) event of the same moment
	uint32_t *steps;   // STRICT: events before this one that are a step
	size_t next_capacity, tie_capacity, steps_capacity;
};
#define FUNNEL_NONE UINT32_MAX
// Takes the events row[0 … n - 1] with their bits (borrowed). RC_NOMEM.
enum rc funnel_journey_read(struct funnel_journey *j, const struct funnel_rules *r, const int64_t *at,
	const uint32_t *row, const uint32_t *bits, uint32_t n, struct err *e);
void funnel_journey_free(struct funnel_journey *j);

struct funnel_attempt {
	uint32_t level; // steps reached; n_steps + 1: and not followed by what must not follow; 0: dropped
	bool open;      // the level is n_steps + 1, and the window for what must not follow is not over
	uint32_t last;  // event of the last step reached
	int64_t at_ms[FUNNEL_STEPS_MAX]; // of each step reached, in the order in which they were
};
// The attempt from event `entry`, which has to be of the first step (FUNNEL_ANY: of any). O(steps × classes), but for
// FUNNEL_ANY on overlapping steps without reuse, which looks at each event in the window.
void funnel_attempt_read(const struct funnel_journey *j, const struct funnel_rules *r, uint32_t entry,
	struct funnel_attempt *out);

// --- the question (funnel_question.c) ---

enum { FUNNEL_COUNT_PERSONS, FUNNEL_COUNT_FIRST, FUNNEL_COUNT_ENTRIES, FUNNEL_COUNT_ATTEMPTS };
enum { FUNNEL_LIST_NOBODY, FUNNEL_LIST_REACHED, FUNNEL_LIST_DROPPED };

struct funnel_plan {
	struct funnel_rules rules;
	struct classes *classes;
	struct sv texts[FUNNEL_STEPS_MAX + 1];
	uint32_t n_levels; // steps, and the one that must not follow
	uint32_t count, list, list_level;
	bool times;
	bool fast; // how far persons get and nothing else: one pass will do
};
// Reads the parameters and asks for columns; the plan lives in run->scratch. RC_USAGE with remedy; RC_NOMEM.
enum rc funnel_question_read(struct run *run, struct funnel_plan **out, struct err *e);

#endif
