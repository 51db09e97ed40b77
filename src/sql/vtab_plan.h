// SPDX-License-Identifier: Apache-2.0
// The table `interactions`: its columns, and conditions of SQL as predicates of the scan.
#ifndef CORRIDOR_SQL_VTAB_PLAN_H
#define CORRIDOR_SQL_VTAB_PLAN_H

#include "sql/vtab.h"

// What a column shows.
enum field {
	FIELD_AT,
	FIELD_RECEIVED,
	FIELD_PERSON,
	FIELD_TOUCHPOINT,
	FIELD_STAGE,
	FIELD_OWNER,
	FIELD_CHANNEL,
	FIELD_EVENT,
	FIELD_SOURCE,
	FIELD_AGENT,
	FIELD_LOCATION,
	FIELD_ID,
	FIELD_PROMISE,
	FIELD_DUE,
	FIELD_KEEPS,
	FIELD_TEXT,
	FIELD_PROPERTIES,
	FIELD_LOCAL,
	FIELD_AT_MS,
	FIELD_FIXED, // number of the fields above
	FIELD_DIMENSION = FIELD_FIXED,
	FIELD_MEASURE,
};

struct plan_column {
	enum field field;
	uint32_t slot; // dimension or measure slot; UINT32_MAX = nothing of it is stored
};

// Columns in their order: the fixed ones, dimensions, measures. Fixed and dimensions stay below 63, where SQLite's
// mask of used columns is exact.
struct plan {
	uint32_t n_columns;
	struct plan_column *columns;
	uint32_t n_touchpoints;  // codes, 0 = unmatched
	const struct sv *stages; // by touch point code
	const struct sv *owners;
};

// The columns as SQL, and the plan, in the arena.
enum rc plan_make(
	const struct snapshot *sn, struct arena *arena, struct plan **out, struct sv *sql, struct err *e);
// xBestIndex.
int plan_choose(sqlite3_vtab *base, sqlite3_index_info *info);
// What xFilter scans.
struct plan_scan {
	struct scan_request request;
	uint64_t used;          // mask of used columns
	bool nothing;           // the conditions can never hold
	sqlite3_value *persons; // of the condition on the person, for vtab_scan_start; NULL: there is none
	bool persons_in;
};
// From the chosen index and its values. Everything is in the arena.
enum rc plan_request(const struct vtab *v, const char *index, int n_values, sqlite3_value **values,
	struct arena *arena, struct plan_scan *out, struct err *e);
// Does the mask of used columns hold this one?
bool plan_uses(uint64_t used, uint32_t column);

#endif
