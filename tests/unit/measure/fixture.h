// SPDX-License-Identifier: Apache-2.0
// For the tests of measure: a small corridor, random logs of interactions, a real store made of them, and access to
// results by column name. The log is kept beside the store so that slow, independent code can answer the same
// questions.
#ifndef CORRIDOR_TESTS_MEASURE_FIXTURE_H
#define CORRIDOR_TESTS_MEASURE_FIXTURE_H

#include "journey/journey.h"
#include "measure/measure.h"

#define LOG_MAX 4000

enum {
	M_NPS,
	M_CSAT,
	M_CES,
	M_RATING,
	M_WAIT,
	M_DURATION,
	M_ACSI1,
	M_ACSI2,
	M_ACSI3,
	M_EXPECTED,
	M_PERCEIVED,
	N_M
};
extern const char *const measure_names[N_M];

struct log_row {
	uint32_t customer; // 1 …
	int64_t at_ms, received_ms;
	uint32_t event;                           // into events[]: decides the touch point
	uint32_t channel, agent, product, source; // 0 = absent
	uint32_t promise, keeps;                  // number of a promise, 0 = none
	uint32_t promises_of;                     // whose promises these are; 0: the customer's
	int64_t due_ms;
	double measure[N_M]; // NAN = absent
	uint32_t arrival;
};

struct fixture {
	char dir[64];
	struct design *design;
	struct store *store;
	struct snapshot *snapshot;
	struct log_row rows[LOG_MAX]; // in order of (customer, at, arrival): journeys
	uint32_t n;
};

uint64_t random_next(uint64_t *seed);
// A random interaction of one of n_customers, and a store of n of them, partly sealed, partly in the inbox.
struct log_row log_row_random(uint64_t *seed, uint32_t n_customers);
struct fixture *fixture_random(uint64_t seed, uint32_t n, uint32_t n_customers);
// A store of the rows given (arrival is filled in).
struct fixture *fixture_of(const struct log_row *rows, uint32_t n);
// More rows into the store, with arrivals of their own; f->rows does not hold them.
void fixture_append(struct fixture *f, const struct log_row *rows, uint32_t n);
void fixture_free(struct fixture **f);
// Has it a text? "said ARRIVAL" is it.
bool log_row_said(const struct log_row *r);
struct log_row log_row_new(uint32_t customer, int64_t at_ms, const char *event);

// The label of a row for a --by field: touchpoint, stage, owner, channel, channel-kind, event, agent, product, month,
// day, source.
const char *row_label(const struct fixture *f, const struct log_row *r, const char *by, char out[64]);
const char *row_touchpoint_name(const struct log_row *r); // NULL = unmatched

// Runs a question; words are "by=a,b" "where=…" "from=…" "to=…" "limit=…" "threads=…", anything else NAME=VALUE is a
// parameter. NULL-terminated. Fails the test unless it succeeds.
struct result *ask(const struct fixture *f, const char *analysis, const char *const *words);
// The same, expecting a mistake: RC_USAGE, with `wanted` somewhere in message or remedy.
void ask_wrong(const struct fixture *f, const char *analysis, const char *const *words, const char *wanted);
uint32_t column_of(const struct result *r, const char *name);
double number_at(const struct result *r, uint32_t row, const char *column); // NAN = null
struct sv text_at(const struct result *r, uint32_t row, const char *column);
// The only row whose first cells are these labels (n_by of them); UINT32_MAX when there is none.
uint32_t row_of(const struct result *r, const char *const *labels, uint32_t n);
double column_sum(const struct result *r, const char *column);
void assert_near(double got, double wanted, double tolerance); // both NAN is near
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

#endif
