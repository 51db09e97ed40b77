// SPDX-License-Identifier: Apache-2.0
// Where sessions begin within journeys, and their steps without repeats, for eight rows at a time: a session is a
// quarter of the rows at random, so whatever branches on it is mispredicted more often than it is right.
//
// Invariant: what vectors and plain code write is the same to the byte (but for the slack at the end of arrays).
#ifndef CORRIDOR_MEASURE_SESSIONS_H
#define CORRIDOR_MEASURE_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#define SESSIONS_SLACK 16u // elements beyond n that arrays have room for

// By a set of eight rows, a bit each: the numbers of its members one after another, a byte each, and for each row how
// many members come before it.
struct session_tables {
	uint64_t members[256], before[256];
};
void session_tables_make(struct session_tables *t);

// Sets bit i % 8 of bits[i / 8] for each row i < n that begins a journey (start: n_journeys row numbers) or comes more
// than gap_ms after the row before it, and clears the others. journeys, if not NULL, gets those alone that begin a
// journey. Room for n / 8 + 1 bytes in each.
void sessions_mark(const int64_t *at, uint32_t n, const uint32_t *start, uint32_t n_journeys, int64_t gap_ms,
	uint8_t *bits, uint8_t *journeys);

// Writes the rows i < n whose bits are set, and n behind them; room for n + SESSIONS_SLACK. Returns how many there are.
uint32_t sessions_rows(const struct session_tables *t, const uint8_t *bits, uint32_t n, uint32_t *row);

// Sessions as they are written: session k begins with row first_row[k] and step first_step[k]; both have one element
// more, where the last session ends. step: code + 1 of each step, as a byte. All with room for n + SESSIONS_SLACK.
struct session_steps {
	uint32_t n_sessions, n_steps;
	uint32_t *first_row, *first_step;
	uint8_t *step;
};
// Codes are at most 254; row 0 begins a session. collapse: equal codes in a row are one step.
void sessions_squeeze(const struct session_tables *t, const uint32_t *code, uint32_t n, const uint8_t *bits,
	bool collapse, struct session_steps *out);

// The same without vectors.
void sessions_mark_plain(const int64_t *at, uint32_t n, const uint32_t *start, uint32_t n_journeys,
	int64_t gap_ms, uint8_t *bits, uint8_t *journeys);
uint32_t sessions_rows_plain(const uint8_t *bits, uint32_t n, uint32_t *row);
void sessions_squeeze_plain(
	const uint32_t *code, uint32_t n, const uint8_t *bits, bool collapse, struct session_steps *out);

#endif
