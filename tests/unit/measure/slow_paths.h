// SPDX-License-Identifier: Apache-2.0
// For the tests of flow, paths and conformance: sessions as lists of labels, cut and walked in the plainest way, and
// counts by text.
#ifndef CORRIDOR_TESTS_MEASURE_SLOW_PATHS_H
#define CORRIDOR_TESTS_MEASURE_SLOW_PATHS_H

#include "fixture.h"

#define SLOW_TEXT 16384

// One session: rows of the log, all of one customer, in order.
struct slow_session {
	uint32_t row[LOG_MAX];
	uint32_t n;
};

// A count by text, with the values that came with it.
struct slow_count {
	char *text;
	double n, other; // other: a second count, as the test likes
	int64_t *ms;
	uint32_t n_ms, capacity_ms;
};
struct slow_counts {
	struct slow_count *items;
	uint32_t n, capacity;
};

// Calls `see` for every session of the rows for which `where` holds: channel != web, or all rows when NULL. gap_ms < 0:
// whole journeys.
void slow_sessions(const struct fixture *f, const char *where, int64_t gap_ms,
	void (*see)(const struct fixture *f, const struct slow_session *s, void *context), void *context);
// The count of a text; made with 0 when it is new.
struct slow_count *slow_count_of(struct slow_counts *c, const char *text);
// The same, NULL when there is none.
struct slow_count *slow_count_find(const struct slow_counts *c, const char *text);
void slow_count_ms(struct slow_count *c, int64_t ms);
void slow_counts_free(struct slow_counts *c);
// The value of a word NAME=VALUE among words; NULL when it is not there.
const char *word_value(const char *const *words, const char *name);
// "channel|month" of a row for by=channel,month; "" for NULL.
void slow_group(const struct fixture *f, const struct log_row *x, const char *by, char out[256]);
// The same of a row of a result.
void result_group(const struct result *r, uint32_t row, char out[256]);

#endif
