// SPDX-License-Identifier: Apache-2.0
// What the files of the cursor share. A cursor works in batches of about SPAN_ROWS rows:
//   pieces  row ranges of chunks that make up the batch (cursor.c: one chunk; cursor_order.c: whole persons)
//   stage   the pieces' columns, decoded one after another
//   filter  the keep mask over the stage; columns other than the predicates' are decoded only if a row is kept
//   order   when several segments contribute: runs of the stage's rows, in the order of (person, at, arrival), are
//           copied together
#ifndef CORRIDOR_JOURNEY_CURSOR_H
#define CORRIDOR_JOURNEY_CURSOR_H

#include "journey/segment.h"

#define SPAN_ROWS 8192u
#define STAGE_SLACK 16u // values after the last that may be read and written: runs are copied in blocks

struct piece {
	uint32_t segment, chunk;
	uint32_t first, n; // rows of the chunk
	uint32_t to;       // where they begin in the stage
};

// Decoded columns, by column number; NULL = not wanted. Code columns hold uint32_t, measures double (with their
// rows in measure_row), all others 8 bytes.
struct stage {
	uint8_t wanted[SEGMENT_COLUMNS]; // list of column numbers
	uint32_t n_wanted;
	bool is_wanted[SEGMENT_COLUMNS], loaded[SEGMENT_COLUMNS];
	bool want_rows;
	size_t capacity; // rows
	uint32_t n;
	void *data[SEGMENT_COLUMNS];
	uint32_t *measure_row[DESIGN_MEASURES_MAX];
	uint32_t measure_n[DESIGN_MEASURES_MAX];
	uint64_t *row_person, *locator;
	uint8_t *keep;
	uint64_t bytes_decoded;
};

// Puts a column (its number, below SEGMENT_COLUMNS) on the list of those to stage; wanting it again changes nothing.
// Before the first stage_reserve: columns wanted later have no room.
void stage_want(struct stage *st, unsigned number);
// Room for n rows; contents are lost.
enum rc stage_reserve(struct stage *st, uint32_t n, struct err *e);
void stage_free(struct stage *st);
// Decodes a column of all pieces unless that is done.
enum rc stage_load(struct stage *st, const struct snapshot_segments *segments, const struct piece *pieces,
	uint32_t n, unsigned number, struct err *e);
// Persons and locators of all rows.
enum rc stage_load_rows(struct stage *st, const struct snapshot_segments *segments, const struct piece *pieces,
	uint32_t n, struct err *e);

// One segment in an ordered scan: the next person.
struct lane {
	uint32_t segment;
	uint32_t chunk, person, n_persons; // position; n_persons of the chunk
	const uint64_t *persons;
	const uint32_t *starts;
	uint64_t key;
	bool done;
	size_t hidden;        // of the plan: the first hidden person ≥ key
	uint64_t next_hidden; // that person, where it is hidden in this segment
	bool any_hidden;      // is there one?
	uint32_t end;         // of its persons in the section
};

// A person's rows from one lane in a section: at most SECTION_ROWS_MAX.
struct entry {
	uint64_t key;
	uint16_t from, n; // from: counted from the section's first row in the stage
	uint32_t piece;   // of the section
};
#define SECTION_ROWS_MAX (SPAN_ROWS + SPAN_ROWS / 4)
static_assert(SECTION_ROWS_MAX <= UINT16_MAX, "rows of a section have 16 bits");

// Rows that follow one another in the stage, within a piece, and in the answer.
struct run {
	uint32_t from, n, piece; // from: row of the stage
};

// Where rows of the next lane follow in a person: the run that begins with them.
struct shared {
	uint32_t run, person;
};

// The ordered batch before it is decoded.
struct order {
	struct lane *lanes; // in order of arrival; those that are done leave
	uint32_t n_lanes;
	struct entry *entries; // of a section, and as much to spare
	uint32_t *cut;         // where the lanes' lists of entries begin
	uint64_t *person;
	uint32_t *person_start; // n_persons + 1
	struct run *runs;
	struct shared *shared;
	struct run *merged, *parts; // while persons' rows are merged by time
	uint32_t *next;             // a measure's next value, by piece
	size_t entries_capacity, person_capacity, person_start_capacity, runs_capacity, shared_capacity,
		merged_capacity, parts_capacity, next_capacity;
	uint32_t n_persons, n_runs, n_shared, n_merged;
	struct stage out; // gathered
};

struct cursor {
	const struct snapshot_segments *segments;
	struct scan_request request;
	uint64_t lo, hi;
	struct piece *pieces;
	size_t pieces_capacity;
	uint32_t n_pieces;
	struct stage stage;
	uint32_t segment, chunk, row, row_end; // unordered: position; row == row_end: take the next chunk
	size_t hidden;                         // unordered: the first hidden person not before `row`
	uint32_t hide_from, hide_to;           // unordered: the next rows of the chunk to be passed over
	struct order order;
	struct span span;
	struct sparse_values measures[DESIGN_MEASURES_MAX];
	struct cursor_stats stats;
};

// A cursor over given segments, which must outlive it (tests, and cursor_open over a snapshot's).
enum rc cursor_open_segments(const struct snapshot_segments *segments, const struct scan_request *r,
	uint64_t person_lo, uint64_t person_hi, struct cursor **out, struct err *e);
enum rc scan_segments(const struct snapshot_segments *segments, const struct scan_request *r,
	const struct kernel *k, unsigned threads, void **state, struct err *e);

// --- cursor_filter.c ---

// May the chunk hold a row that passes all predicates?
bool filter_chunk_possible(const struct scan_request *r, const struct segment_chunk *c);
// Loads what the predicates need and fills stage->keep; *n_keep = stage->n without touching keep when statistics
// tell that all rows pass.
enum rc filter_stage(struct cursor *c, uint32_t *n_keep, struct err *e);

// --- cursor_order.c ---

// Makes a lane for each segment that has something to scan in [c->lo, c->hi], placed on its first person. RC_NOMEM, or
// what touching the segments reports; order_free releases what was made, also after a failure.
enum rc order_open(struct cursor *c, struct err *e);
// Frees everything inside (not o itself, which is part of the cursor), the gathered stage too.
void order_free(struct order *o);
// Collects the next batch of persons into pieces and entries; 0 persons at the end.
enum rc order_collect(struct cursor *c, struct err *e);
// Does more than one segment contribute to the batch? Then its rows must be gathered.
bool order_is_mixed(const struct cursor *c);

// --- cursor_gather.c ---

// Gathers all loaded columns of the stage into order.out (keep too, if use_keep).
enum rc order_gather(struct cursor *c, bool use_keep, struct err *e);

#endif
