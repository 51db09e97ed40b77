// SPDX-License-Identifier: Apache-2.0
// Patterns over the interactions of a journey: text → tree → program (sequence_parse.c, sequence_emit.c), and its run on
// one journey (sequence_match.c). The grammar is in docs/queries.md.
#ifndef CORRIDOR_MEASURE_SEQUENCE_H
#define CORRIDOR_MEASURE_SEQUENCE_H

#include "measure/internal.h"

#define SEQUENCE_TEXT_MAX 8192u
#define SEQUENCE_DEPTH_MAX 32u
#define SEQUENCE_REPEAT_MAX 1000u
#define SEQUENCE_PROGRAM_MAX 4096u
#define SEQUENCE_SLOTS_MAX 8u      // time conditions
#define SEQUENCE_CONDITIONS_MAX 4u // nested time conditions
#define SEQUENCE_GUARDS_MAX 2u     // `not` between two elements
#define SEQUENCE_THREADS_MAX 4096u
#define SEQUENCE_WORK_MAX (UINT64_C(1) << 30) // thread steps on one journey
#define SEQUENCE_ANY UINT32_MAX               // mask of an element that takes every interaction
#define SEQUENCE_NO_TIME INT64_MAX
#define SEQUENCE_SLOT_START 0u // holds the time of the first matched interaction

enum sequence_kind {
	SEQUENCE_EMPTY,
	SEQUENCE_ROW,    // one interaction of `mask`
	SEQUENCE_CHAIN,  // a, then b
	SEQUENCE_EITHER, // a or b
	SEQUENCE_REPEAT, // a, min to max times
	SEQUENCE_TIMED,  // a, each interaction min_ms to max_ms after what `slot` holds
	SEQUENCE_NOT,    // none of `mask` until the next element, for max_ms
	SEQUENCE_GAP,    // before the next element: anything (skip), or nothing
	SEQUENCE_FIRST,
	SEQUENCE_LAST
};
struct sequence_node {
	enum sequence_kind kind;
	struct sequence_node *a, *b;
	uint32_t mask, min, max, slot; // max UINT32_MAX: any number
	int64_t min_ms, max_ms;
	bool skip;
	bool takes; // every match of it has an interaction
	size_t at;  // FIRST, LAST: where it stands in the text
};

enum sequence_op { OP_ROW, OP_SPLIT, OP_JUMP, OP_SAVE, OP_NOT, OP_GAP, OP_FIRST, OP_LAST, OP_MATCH };
struct sequence_condition {
	uint32_t slot;
	int64_t min_ms, max_ms;
};
struct sequence_instruction {
	enum sequence_op op;
	uint32_t mask, a, b; // SPLIT, JUMP: where to; SAVE: a = slot
	int64_t max_ms;      // NOT
	bool skip;           // GAP
	uint8_t live;        // by slot: can be looked at from here on
	uint32_t n_conditions;
	struct sequence_condition conditions[SEQUENCE_CONDITIONS_MAX]; // ROW
};
struct sequence_program {
	struct sequence_instruction *code;
	uint32_t n, n_slots;
	bool skip; // what lies between elements where the pattern does not say
	int8_t better
		[SEQUENCE_SLOTS_MAX]; // +1: a later time in the slot is never worse; -1: an earlier; 0: neither
	uint32_t starts;              // mask of what a match can start with
	bool nullable;                // matches no interaction at all, too
	bool needs_all;               // also interactions of no class count
	uint32_t required[CLASSES_MAX]; // masks of which every match has an interaction
	uint32_t n_required;
};

// The filters that a pattern names; bit i of masks.
struct sequence_names {
	struct sv text[CLASSES_MAX];
	struct filter_node *filter[CLASSES_MAX];
	uint32_t n;
	bool fixed; // they are --event's: the pattern may only number them
};

// Parses a pattern: ours, or ClickHouse's where names are fixed. Nodes in run->scratch. RC_USAGE with position and remedy.
enum rc sequence_parse(struct run *run, struct sv text, struct sequence_names *names, uint32_t *n_slots,
	struct sequence_node **out, struct err *e);
// Makes the program. `skip`: between elements anything may lie. RC_LIMIT: too large.
enum rc sequence_emit(struct run *run, const struct sequence_node *tree, uint32_t n_slots, bool skip,
	struct sequence_program **out, struct err *e);

struct sequence_thread;
struct sequence_threads {
	struct sequence_thread *v;
	size_t capacity;
	uint32_t n;
};
// Threads that are known to lead to no match, by the row before which they stood. It is one row in `every`.
struct sequence_dead_thread;
struct sequence_dead {
	struct sequence_dead_thread *v;
	size_t capacity;
	uint32_t n, every;
	uint32_t *newest; // by row / every: 1 + the one kept last; 0: none
	size_t newest_capacity;
};
// Scratch of one lane.
struct sequence_runner {
	struct sequence_threads now, next, closure;
	uint32_t *left; // by row: masks of it and the rows after it
	size_t left_capacity;
	struct sequence_dead dead; // of the journey
};
void sequence_runner_free(struct sequence_runner *r);

// A journey's rows that count: row numbers and the classes of each.
struct sequence_journey {
	uint32_t n;
	const uint32_t *row, *bits;
	const int64_t *at;            // by row number
	uint32_t first_row, last_row; // of the whole journey
	int64_t newest_ms;
};
struct sequence_match {
	uint32_t start, end; // numbers of the journey's rows
	bool open;           // what must not follow still could
};
// Before the first sequence_match_at on a journey. RC_NOMEM.
enum rc sequence_prepare(struct sequence_runner *r, const struct sequence_journey *j, struct err *e);
// The match that starts exactly at `start` and ends first (longest: last). *found false: there is none. *work counts
// thread steps. RC_LIMIT: more threads or work than allowed; RC_NOMEM.
enum rc sequence_match_at(struct sequence_runner *r, const struct sequence_program *p,
	const struct sequence_journey *j, uint32_t start, bool longest, uint64_t *work,
	struct sequence_match *out, bool *found, struct err *e);
// Can a match start at `start` or later, as far as the classes that are left tell?
bool sequence_can_match(const struct sequence_runner *r, const struct sequence_program *p, uint32_t start);

#endif
