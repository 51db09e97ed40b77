// SPDX-License-Identifier: Apache-2.0
// The promise ledger of one journey: which interaction made a promise and which kept it.
#ifndef CORRIDOR_MEASURE_LEDGER_H
#define CORRIDOR_MEASURE_LEDGER_H

#include "base/err.h"
#include "journey/journey.h"

#include <stddef.h>
#include <stdint.h>

#define LEDGER_NONE UINT32_MAX

// What became of one promise: rows of the span.
struct ledger_entry {
	uint32_t made; // first row that made it, or LEDGER_NONE
	uint32_t kept; // first row that kept it, or LEDGER_NONE
	uint32_t n_made, n_kept;
};
struct ledger {
	struct ledger_event *events;
	size_t capacity;
	struct ledger_entry *entries;
	size_t entries_capacity;
	uint32_t n;
};
// Fills ledger->entries[0 … n) with the promises of rows [first, end), one journey, in order of their first row.
// Rows later than as_of_ms have not happened (TIME_NONE: all have).
enum rc ledger_read(struct ledger *l, const struct span *span, uint32_t first, uint32_t end, int64_t as_of_ms,
	struct err *e);
void ledger_free(struct ledger *l);

enum ledger_outcome {
	LEDGER_KEPT,    // in time
	LEDGER_BROKEN,  // kept after its due time
	LEDGER_OVERDUE, // not kept, and its due time has passed
	LEDGER_OPEN,    // not kept, and its due time has not passed, or there is none
	LEDGER_ANSWERED // kept; there was no due time
};
// What became of an entry's promise, which must have been made.
enum ledger_outcome ledger_outcome_of(const struct span *span, const struct ledger_entry *x, int64_t as_of_ms);

#endif
