// SPDX-License-Identifier: Apache-2.0
// Analyses: each is declared once in one file (`const struct analysis analysis_x`) and listed in registry.c.
// CLI flags, tables, JSON, CSV and the manual come from that declaration.
#ifndef CORRIDOR_MEASURE_MEASURE_H
#define CORRIDOR_MEASURE_MEASURE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/sv.h"
#include "design/design.h"
#include "journey/journey.h"

#include <stdbool.h>
#include <stdint.h>

#define BY_MAX 4

// --- declaration ---

enum param_type {
	PARAM_STRING,
	PARAM_NUMBER,
	PARAM_INTEGER,
	PARAM_FLAG,
	PARAM_CHOICE,
	PARAM_DURATION,
	PARAM_TIME,
	PARAM_FILTER // the name of a touch point, or a filter as for --where
};

struct param {
	const char *name; // flag without dashes: "as-of"
	enum param_type type;
	const char *value;   // default as text, NULL = none
	const char *choices; // PARAM_CHOICE: "elapsed|wall"
	double min, max;     // numbers
	const char *help;    // one line
	bool required;
	bool repeated; // may be given several times; their order counts
};

enum cell_type { CELL_TEXT, CELL_COUNT, CELL_NUMBER, CELL_RATIO, CELL_TIME, CELL_SECONDS };

struct result_column {
	const char *name;  // JSON key: "share_kept_low"
	const char *title; // table heading: "kept ≥"
	enum cell_type type;
	const char *unit; // "s", "1", "points", "" …; "unit": the row's column `unit` tells it
	int decimals;     // in tables; JSON and CSV carry full precision
	const char *help; // one line for the manual
};

struct run;  // one execution: snapshot, parameters, filters, grouping (internal.h)
struct lane; // one thread's share of a run (internal.h)

// To write one: docs/queries.md, "Adding an analysis".
struct analysis {
	const char *name;       // "gap"
	const char *summary;    // one line
	const char *definition; // the exact formula(s) with source, a few sentences
	const char *example;    // arguments that an example cannot do without; NULL = none
	const char *chart;      // default picture: "bars", "line", "table", …
	const struct param *params;
	uint32_t n_params;
	const struct result_column *columns; // after the --by columns
	uint32_t n_columns;
	const char *on_request; // a column that only a parameter fills; tables leave it out when it is empty
	bool ordered;           // needs whole journeys
	bool all_rows;          // ordered: also rows outside the filter (see scan_request); lane->keep tells
	bool large_state;       // as in struct kernel: tables that grow with the data
	bool by_touchpoint; // the first --by column is always the touch point, and finish sets it (row_touchpoint)
	// Checks parameters, asks for columns (run_want_*), makes its plan (run->plan, in run->arena). May be NULL.
	enum rc (*prepare)(struct run *run, struct err *e);
	// State of one thread; NULL = out of memory.
	void *(*state_new)(struct run *run);
	enum rc (*add)(struct lane *lane, void *state, const struct span *span, struct err *e);
	// In order of person range.
	enum rc (*merge)(struct run *run, void *into, void *from, struct err *e);
	void (*state_free)(struct run *run, void *state);
	// Adds what group g holds to group to[g] and empties g, for each of the n groups with to[g] != g: makes the
	// `(other)` row. NULL: what a limit cuts off is only counted in a note.
	enum rc (*fold)(struct run *run, void *state, const uint32_t *to, uint32_t n, struct err *e);
	// Writes rows (result_row) from the merged state. May be called twice, with a fold between.
	enum rc (*finish)(struct run *run, void *state, struct err *e);
	// The same question as SQL for ClickHouse: a template, see clickhouse.h. NULL: there is none.
	const char *clickhouse;
	const char *const *clickhouse_parts; // what {part:0}, {part:1} … in it stand for
	uint32_t n_clickhouse_parts;
};

// NULL-terminated list of all analyses, and lookup (NULL when unknown).
const struct analysis *const *analysis_list(void);
const struct analysis *analysis_find(struct sv name);

// --- asking ---

struct query_param {
	struct sv name, value;
};

// A question in words, as the CLI or the API received it.
struct query {
	struct sv analysis;
	struct sv by[BY_MAX];   // "touchpoint", "channel", "stage", "owner", "event", "source", "agent",
				// "location",
	uint32_t n_by;          // a declared dimension, or "hour", "day", "week", "month", "quarter", "year"
	struct sv from, to;     // --from/--to as text (time_parse_bound), empty = open
	const struct sv *where; // filter expressions, all must hold; grammar in docs/queries.md
	uint32_t n_where;
	const struct query_param *params;
	uint32_t n_params;
	uint32_t limit;   // rows; 0 = all. What is cut off is summed in an `other` row where the analysis can,
			  // else counted in a note
	unsigned threads; // 0 = all processors
};

// A bound of a period as text, of the named option; empty: TIME_NONE. is_end: the end of what it names (time_parse_bound).
// RC_USAGE names the option.
enum rc query_bound(
	const struct tz *tz, const char *option, struct sv text, bool is_end, int64_t *out, struct err *e);

// --- the answer ---

struct cell {
	bool null;
	double number;  // counts, numbers, ratios, seconds; times as Unix ms
	struct sv text; // CELL_TEXT; CELL_TIME: ISO time in the brand's zone
};

// Everything in it lives as long as the result, also when snapshot, query and design are gone.
struct result {
	const struct analysis *analysis;
	struct result_column *columns; // --by columns first
	uint32_t n_columns, n_by;
	struct cell *cells; // n_rows × n_columns
	uint32_t n_rows;
	uint64_t n;             // interactions that passed the filters
	int64_t from_ms, to_ms; // the period that was asked for (TIME_NONE = open)
	struct sv from, to;     // the same as ISO time in the brand's zone; SV_NONE = open
	struct sv *where;       // the filters, as they were asked
	uint32_t n_where;
	bool of_person; // a filter picks one customer: what is told is about somebody
	struct sv definition;
	struct sv *notes; // data-quality findings, what was cut off, resolved defaults ("as of …")
	uint32_t n_notes;
	struct sv timezone, currency;
	struct arena *arena; // owns all
};
// Runs a question on a snapshot. RC_USAGE: unknown analysis, parameter, dimension ("did you mean"), bad filter.
enum rc query_run(struct snapshot *sn, const struct query *q, struct result **out, struct err *e);
void result_free(struct result **r);

// --- interactions themselves ---

// The interactions that a period and filters leave, journey by journey, in bounded memory: for exports.
struct selection;
// Takes from, to and where of q, whose texts must live as long as the selection. `columns`: what spans shall have
// besides what the filters need. RC_USAGE as query_run.
enum rc selection_open(struct snapshot *sn, const struct query *q, const struct scan_columns *columns,
	struct selection **out, struct err *e);
// The same with rows as they come, which is cheaper: spans have row_person instead of persons, unless a filter needs
// whole journeys.
enum rc selection_open_rows(struct snapshot *sn, const struct query *q, const struct scan_columns *columns,
	struct selection **out, struct err *e);
// The next span with locators, and which of its rows were selected (NULL: all); both valid until the next call. *span
// NULL at the end.
enum rc selection_next(struct selection *s, const struct span **span, const uint8_t **keep, struct err *e);
// Does a filter pick one customer?
bool selection_of_person(const struct selection *s);
// Frees it; NULL in *s is fine. Before the snapshot.
void selection_close(struct selection **s);

// One JSON object: columns (name, type, unit), rows (objects), n, definition, period, notes.
enum rc result_write_json(const struct result *r, struct buf *out, struct err *e);
// RFC 4180, header line of column names, empty = null.
enum rc result_write_csv(const struct result *r, struct buf *out, struct err *e);
// GitHub-flavoured Markdown table.
enum rc result_write_markdown(const struct result *r, struct buf *out, struct err *e);

#endif
