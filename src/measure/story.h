// SPDX-License-Identifier: Apache-2.0
// One customer's whole story: every interaction with its gap, the experience index after it, and what became of the
// promises. For whoever has the customer before them; reading one takes microseconds.
#ifndef CORRIDOR_MEASURE_STORY_H
#define CORRIDOR_MEASURE_STORY_H

#include "measure/ledger.h"
#include "measure/standing.h"

#include <stdbool.h>

enum story_promise {
	STORY_NO_PROMISE,
	STORY_MADE_KEPT,     // a promise was made here, and kept in time
	STORY_MADE_BROKEN,   // … kept too late
	STORY_MADE_OVERDUE,  // … is not kept, and its due time has passed
	STORY_MADE_OPEN,     // … is not kept yet
	STORY_MADE_ANSWERED, // … without a due time, was kept
	STORY_KEEPS,         // an earlier promise was kept here, in time or without a due time
	STORY_KEEPS_LATE
};
// "made, kept in time", …; "" for none.
struct sv story_promise_name(enum story_promise promise);

// What is known of one interaction beyond its columns.
struct story_row {
	double gap;   // mean gap over the expectations that its measures answer; NAN = none
	double index; // the experience index right after it
	enum story_promise promise;
	int64_t due_ms;   // of the promise made or kept here; TIME_NONE = none
	int64_t delay_ms; // kept − due, where both are known; TIME_NONE otherwise
};

// Scratch of one thread; zero at first, story_work_free at the end.
struct story_work {
	struct standing_work standing;
	struct ledger ledger;
	struct story_row *rows;
	size_t capacity;
};
// Fills work->rows[0 … end - first) for the journey in rows [first, end) of a span whose gains are in work->standing
// (standing_gains, want_gaps set). Promises are judged as of as_of_ms. RC_NOMEM.
enum rc story_rows(const struct standing_plan *p, const struct span *span, uint32_t first, uint32_t end,
	int64_t as_of_ms, struct story_work *w, struct err *e);
void story_work_free(struct story_work *w);

// Reads stories, one after the other, from a snapshot that must outlive it; one thread's.
struct story;
enum rc story_open(struct snapshot *sn, struct story **out, struct err *e);
void story_close(struct story **s);
struct story_view {
	const struct span *span; // n = 0: the person is not known
	const struct story_row *rows;
	struct standing standing; // as of now: after the last interaction of all customers
};
// Valid until the next call.
enum rc story_read(struct story *s, uint64_t person, struct story_view *out, struct err *e);

#endif
