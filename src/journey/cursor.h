// SPDX-License-Identifier: Apache-2.0
// What the files of the cursor share. A cursor works in batches of about SPAN_ROWS rows:
//   pieces  row ranges of chunks that make up the batch (cursor.c: one chunk; cursor_order.c: whole persons)
//   stage   the pieces' columns, decoded one after another
//   filter  the keep mask over the stage; columns other than the predicates' are decoded only if a row is kept
//   order   when several segments contribute: runs of the stage's rows, in the order of (person, at, arrival), are
//           copied together
#ifndef CORRIDOR_JOURNEY_CURSOR_H
#define CORRIDOR_JOURNEY_CURSOR_H

#include "journey/marks.h"
#include "journey/segment.h"

#include <math.h>

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
	uint32_t measure_all[DESIGN_MEASURES_MAX]; // so many first rows of measure_row are 0, 1, 2, …
	uint64_t scaled; // bit i: data of measure slot i are integers over 10^decimals
	uint32_t decimals[DESIGN_MEASURES_MAX], scaled_max[DESIGN_MEASURES_MAX];
	uint64_t *row_person, *locator;
	uint8_t *keep;
	uint64_t bytes_decoded;
	bool counts_lines; // of what is picked
};

// Puts a column (its number, below SEGMENT_COLUMNS) on the list of those to stage; wanting it again changes nothing.
// Before the first stage_reserve: columns wanted later have no room.
void stage_want(struct stage *st, unsigned number);
// Room for n rows; contents are lost.
enum rc stage_reserve(struct stage *st, uint32_t n, struct err *e);
void stage_free(struct stage *st);
// Is it a code column, whose values have 4 bytes?
bool stage_is_code(unsigned number);
// Decodes m rows of the stage, ascending, of a column that is no measure, to its first m places.
enum rc stage_load_picked(struct stage *st, const struct snapshot_segments *segments,
	const struct piece *pieces, uint32_t n, unsigned number, const uint32_t *row, uint32_t m,
	struct err *e);
// Decodes a column of all pieces unless that is done.
enum rc stage_load(struct stage *st, const struct snapshot_segments *segments, const struct piece *pieces,
	uint32_t n, unsigned number, struct err *e);
// The same for a measure whose values may come as integers. They do if they are stored so, all pieces are of one chunk
// and the column was not decoded before.
enum rc stage_load_scaled(struct stage *st, const struct snapshot_segments *segments,
	const struct piece *pieces, uint32_t n, unsigned slot, struct err *e);
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

// Which rows of the batch are of interest.
struct interest_table {
	enum code_column column;
	uint32_t n_codes;
	uint32_t *bits;                   // by code, and one more for all codes beyond
	uint32_t of;                      // the conditions that are on this column
	uint32_t n_few, few[MARKS_EQUAL]; // how many codes have bits; which, if they are not more than that
	uint32_t first_mark;              // of the few's
};
struct interest {
	struct interest_table tables[INTEREST_MAX];
	uint32_t n_tables;
	bool everything; // statistics tell that all rows are, and bits are not asked for
	uint32_t n;
	uint32_t *row, *bits; // rows of the stage, ascending
	uint64_t *any;        // the same as marks
	uint32_t *before;     // how many are before each word of these
	struct mark *marks;   // of the few codes of each table, and of each condition on measures and times
	uint64_t *mark_words; // theirs
	uint32_t n_marks;
	uint32_t mark_of[INTEREST_MAX]; // by such condition
	uint32_t of_measure; // the slot of the measure whose values they are, and nothing else; or UINT32_MAX
	uint32_t *ordered;   // the bits in the order of gathered rows
	size_t capacity, ordered_capacity;
};

struct cursor {
	const struct snapshot_segments *segments;
	struct scan_request request;
	uint64_t scaled; // slots of measures that are staged as integers where they can be
	uint64_t lo, hi;
	struct piece *pieces;
	size_t pieces_capacity;
	uint32_t n_pieces;
	struct stage stage;
	uint32_t segment, chunk, row, row_end; // unordered: position; row == row_end: take the next chunk
	size_t hidden;                         // unordered: the first hidden person not before `row`
	uint32_t hide_from, hide_to;           // unordered: the next rows of the chunk to be passed over
	struct order order;
	struct interest interest;
	struct span span;
	struct sparse_values measures[DESIGN_MEASURES_MAX];
	struct text_place *text_places; // where texts of moved persons' rows are
	size_t text_places_capacity;
	struct cold_cache *texts;
	struct cursor_stats stats;
};

// A cursor over given segments, which must outlive it (tests, and cursor_open over a snapshot's).
enum rc cursor_open_segments(const struct snapshot_segments *segments, const struct scan_request *r,
	uint64_t person_lo, uint64_t person_hi, struct cursor **out, struct err *e);
enum rc scan_segments(const struct snapshot_segments *segments, const struct scan_request *r,
	const struct kernel *k, unsigned threads, void **state, struct err *e);

// stage_load of a column of the batch; of a measure as integers where the request allows it.
enum rc cursor_load(struct cursor *c, unsigned number, struct err *e);

// --- cursor_filter.c ---

enum verdict { PASS_NONE, PASS_SOME, PASS_ALL };
// What statistics say about all pieces of the batch together.
enum verdict filter_stage_verdict(const struct cursor *c, const struct predicate *p);
// Does a value pass a condition on a measure?
static inline bool predicate_value_passes(const struct predicate *p, double v)
{
	return (p->min_open ? v > p->min : v >= p->min) & (p->max_open ? v < p->max : v <= p->max);
}
// Does a condition hold for all values of a measure, and for nothing else?
static inline bool predicate_asks_presence(const struct predicate *p)
{
	return p->kind == PREDICATE_MEASURE && !p->wanted_absent && !p->min_open && !p->max_open &&
	       p->min == (double)-INFINITY && p->max == (double)INFINITY;
}
// The column that a condition is on.
unsigned predicate_column(const struct predicate *p);
// May the chunk hold a row that passes all predicates?
bool filter_chunk_possible(const struct cursor *c, uint32_t segment, uint32_t chunk);
// Loads what the predicates need and fills stage->keep; *n_keep = stage->n without touching keep when statistics
// tell that all rows pass.
enum rc filter_stage(struct cursor *c, uint32_t *n_keep, struct err *e);

// --- cursor_interest.c ---

// The number of a stage row among the rows of interest; in->n when it is not one of them.
static inline uint32_t interest_rank(const struct interest *in, uint32_t row)
{
	uint64_t word = in->any[row / 64], bit = 1ull << (row % 64);
	return word & bit ? in->before[row / 64] + marks_ones(word & (bit - 1)) : in->n;
}

// How many rows of interest are before a row of the stage, which had n rows. popcnt: the processor counts ones itself, in
// functions that are compiled for it.
static inline uint32_t interest_before_by(const struct interest *in, uint32_t row, uint32_t n, bool popcnt)
{
	if (row >= n)
		return in->n;
	uint64_t below = in->any[row / 64] & ((1ull << (row % 64)) - 1);
	return in->before[row / 64] + (popcnt ? (uint32_t)__builtin_popcountll(below) : marks_ones(below));
}
static inline uint32_t interest_before(const struct interest *in, uint32_t row, uint32_t n)
{
	return interest_before_by(in, row, n, false);
}

// Compiles request.interest. RC_USAGE, RC_NOMEM.
enum rc interest_open(struct cursor *c, struct err *e);
void interest_free(struct interest *in);
// Unordered: how many rows of the chunk should make a span.
uint32_t interest_span_rows(const struct scan_request *r, const struct segment_chunk *chunk);
// After filter_stage: finds the rows (or everything).
enum rc interest_find(struct cursor *c, uint32_t n_keep, struct err *e);
// After order_gather: puts the bits into the order of the rows.
enum rc interest_order(struct cursor *c, struct err *e);

// --- cursor_pick.c ---

// Loads all columns at these rows and makes them the batch. Persons and locators of all rows have been loaded, if they
// are wanted. *n_keep becomes that of the rows of interest.
enum rc interest_load(struct cursor *c, bool mixed, uint32_t *n_keep, struct err *e);

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
