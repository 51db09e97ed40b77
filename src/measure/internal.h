// SPDX-License-Identifier: Apache-2.0
// What the files of measure/ share: the run of a question, and all that the author of an analysis needs.
//
// How a question runs: query.c reads its words into a struct run; attribute.c, filter.c and group.c compile
// fields, filters and grouping to tables of codes; run.c scans with one lane per thread, which evaluates filters
// and groups before it hands a span to the analysis; rows.c orders the analysis's rows, makes the `(other)` row
// and fills in the --by columns.
//
// Invariants:
//  1. Groups are numbered 0 … run_groups(run) - 1; numbers never change during a run and are the same in all lanes.
//  2. A lane's keep mask holds all filters (those that the scan checks and those that it cannot).
//  3. Order of rows depends on the data only, never on threads or on the order in which groups were found.
#ifndef CORRIDOR_MEASURE_INTERNAL_H
#define CORRIDOR_MEASURE_INTERNAL_H

#include "measure/ledger.h"
#include "measure/measure.h"
#include "measure/stats.h"

#include <math.h>
#include <stddef.h>

#define KEYS_MAX (BY_MAX + 1) // --by and, for analyses by touch point, the touch point
#define GROUPS_MAX (1u << 22)
#define INDEX_OTHER UINT32_MAX // of a row key: the `(other)` row

// --- fields of an interaction that can be filtered and grouped by (attribute.c) ---

enum attribute_kind {
	ATTRIBUTE_CODES,
	ATTRIBUTE_MEASURE,
	ATTRIBUTE_TIME,
	ATTRIBUTE_CUSTOMER,
	ATTRIBUTE_TEXT,         // what was said: there is one, or there is none
	ATTRIBUTE_PERSON,       // a name that the person has (person_field.c)
	ATTRIBUTE_PERSON_NUMBER // a number that the person has; its values are bands
};

// ATTRIBUTE_CODES: a code column and the values that its codes stand for. Values are numbered 0 … n_values - 1;
// value 0 is "absent". map[code] is the value of a code (NULL: the code itself).
struct attribute {
	struct sv name;
	enum attribute_kind kind;
	enum code_column column; // CODE_COLUMNS: nothing stored yet, all rows have value 0
	const uint32_t *map;
	uint32_t n_codes, n_values;
	enum name_kind names;    // where labels come from when `labels` is NULL (value = code)
	const struct sv *labels; // n_values
	const uint32_t *rank;    // order of rows by value; NULL: most frequent first
	bool closed;             // values are declared in the corridor file: an unknown one is a mistake
	uint32_t measure;        // ATTRIBUTE_MEASURE: index in the design
	uint32_t person;         // ATTRIBUTE_PERSON…: number in run->person_fields
	struct sv unit;          // ATTRIBUTE_PERSON_NUMBER
};

// Finds a field by name. RC_USAGE with "did you mean".
enum rc attribute_open(struct run *run, struct sv name, struct attribute *out, struct err *e);
// The value's label; "(none)" or "(unmatched)" for value 0.
struct sv attribute_label(const struct run *run, const struct attribute *a, uint32_t value);

// --- fields of persons (person_field.c) ---

#define PERSON_FIELDS_MAX 16
enum person_fact { PERSON_INDEX, PERSON_LADDER, PERSON_TENURE, PERSON_FIRST, PERSON_LAST };

struct person_fields; // those of a run
struct person_values; // a lane's, for the span at hand
struct lane;
struct suggestion;

// Is it the name of such a field: index, ladder, tenure, first.NAME, last.NAME?
bool person_field_named(struct sv name);
void person_fields_suggest(struct suggestion *s);
// Opens one; run_open then lets the scan hand over whole journeys. RC_USAGE, RC_LIMIT, RC_NOMEM.
enum rc person_field_open(struct run *run, struct sv name, struct attribute *out, struct err *e);
// The field's value for each row of the lane's span; NAN = the person has none. NULL: see e.
const uint32_t *person_field_codes(struct lane *lane, const struct attribute *a, struct err *e);
const double *person_field_numbers(struct lane *lane, const struct attribute *a, struct err *e);
// To be called when the lane gets another span. NULL is fine.
void person_values_forget(struct person_values *v);
void person_values_free(struct person_values **v);

// Collects the nearest of several candidates to a name that was not found.
struct suggestion {
	struct sv wanted, best;
	unsigned distance;
};
struct suggestion suggestion_new(struct sv wanted);
void suggestion_add(struct suggestion *s, struct sv candidate);
// Adds "did you mean “x”?" as the remedy of e when something is near, else `otherwise`.
void suggestion_remedy(const struct suggestion *s, struct err *e, const char *otherwise);

// --- filters (filter.c, filter_eval.c) ---

struct filter_node;

// Parses one expression (grammar in docs/queries.md) to a tree in run->arena and asks for its columns.
enum rc filter_parse(struct run *run, struct sv text, struct filter_node **out, struct err *e);
// Splits a tree that must hold into predicates for the scan (added to run) and what is left over (run->residual).
enum rc filter_add(struct run *run, struct filter_node *node, struct err *e);
// Asks for the columns that filter_mask will need.
enum rc filter_want(struct run *run, const struct filter_node *node, struct err *e);
// Writes 1/0 per row of the lane's span to out.
enum rc filter_mask(struct lane *lane, const struct filter_node *node, uint8_t *out, struct err *e);

// --- parameters (query.c) ---

struct param_value {
	bool given;   // by the user, not by default
	bool present; // there is a value at all
	struct sv text;
	double number; // PARAM_NUMBER, PARAM_INTEGER; PARAM_DURATION in seconds
	bool flag;
	uint32_t choice;            // PARAM_CHOICE: index in `choices`
	int64_t time_ms;            // PARAM_TIME, else TIME_NONE
	struct filter_node *filter; // PARAM_FILTER; its columns are asked for
	struct param_value *next;   // of a repeated parameter, in the order given
};
// Reads query->params into run->params by the analysis's declaration. RC_USAGE.
enum rc params_parse(struct run *run, struct err *e);
// The value of a declared parameter (of a repeated one the first; `present` false when there is none); asking for
// another is a bug.
const struct param_value *run_param(const struct run *run, const char *name);
// How many values a repeated parameter has.
uint32_t run_param_count(const struct run *run, const char *name);
// Reads the name of a touch point or a filter expression, and asks for its columns. `what` names the place in
// messages: "--step". RC_USAGE with "did you mean"; RC_NOMEM.
enum rc filter_open(struct run *run, const char *what, struct sv text, struct filter_node **out, struct err *e);

// --- the run ---

struct grouping;  // group.c
struct row_store; // rows.c

#define PREDICATES_MAX 32

struct run {
	const struct analysis *analysis;
	const struct query *query;
	struct snapshot *snapshot;
	const struct design *design;
	const struct names *names;
	struct snapshot_stats stats;
	struct arena *arena;   // the result's: what must outlive the run
	struct arena *scratch; // freed with the run
	struct param_value *params;
	struct scan_request request;
	struct predicate predicates[PREDICATES_MAX];
	struct filter_node *residual;        // NULL: the predicates say it all
	struct person_fields *person_fields; // NULL: none is asked for
	struct grouping *grouping;
	struct row_store *rows;
	int64_t from_ms, to_ms; // period asked for, TIME_NONE = open
	void *plan;             // the analysis's own, in scratch
	// The columns after those of --by: the analysis's, unless `prepare` puts others here.
	const struct result_column *columns;
	uint32_t n_columns;
	struct result *result;
	uint64_t n;            // interactions that passed the filters
	struct err note_error; // first failure to keep a note
	size_t n_notes_capacity;
};

// Opens everything that does not depend on the analysis; query_run is this, the scan and the rows.
enum rc run_open(struct snapshot *sn, const struct query *q, struct run **out, struct err *e);
// The same for an analysis that is given instead of named.
enum rc run_open_as(struct snapshot *sn, const struct query *q, const struct analysis *analysis,
	struct run **out, struct err *e);
void run_close(struct run **run);

// Asks for a code column; CODE_COLUMNS (nothing stored yet) asks for nothing.
void run_want_code(struct run *run, enum code_column column);
// Asks for the values of a measure (index in the design). False: none is stored yet, there is nothing to look at.
bool run_want_measure(struct run *run, uint32_t measure);
// To be called last in `prepare` by an analysis that looks only at rows with a measure it asked for: the scan then hands
// over only these where it can. Does nothing if filters or fields of persons need all rows.
void run_narrow_to_measures(struct run *run);
// Can the scan tell rows of interest, without anything else that needs all rows?
bool run_can_narrow(const struct run *run);
// Its sparse values in a span; n = 0 when none are stored.
const struct sparse_values *run_measure(const struct run *run, const struct span *span, uint32_t measure);
// A line of evidence beside the numbers.
void run_note(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));
// "2026-03-01T00:00+01:00" in the brand's zone, in run->arena.
struct sv run_time_text(struct run *run, int64_t at_ms);

// --- a lane: one thread's share (run.c) ---

struct group_cache;

struct lane {
	struct run *run;
	void *state;             // the analysis's
	const struct span *span; // the one at hand
	const uint8_t *keep;     // per row 1/0: passes all filters; NULL: all rows do
	uint32_t n_keep;
	uint32_t n_groups; // groups known so far: fit accumulators to it before adding (after lane_group*)
	uint64_t n;        // interactions that passed so far
	// Scratch, grown to the largest span:
	uint8_t **masks;
	uint32_t n_masks;
	uint8_t *keep_scratch;
	uint32_t *group;
	uint32_t *group_rows;
	size_t rows_capacity, group_rows_capacity, mask_rows_capacity;
	bool group_ready;
	struct group_cache *cache;
	struct person_values *persons; // NULL until asked for
};

// Evaluates the question's filters on lane->span: sets keep and n_keep.
enum rc lane_filter(struct lane *lane, struct err *e);
void lane_masks_free(struct lane *lane);
// The group of each row of the span (rows that fail the filters get any valid group). NULL: see e.
const uint32_t *lane_group(struct lane *lane, struct err *e);
// The groups of n chosen rows, for sparse measures. Valid until the next call.
const uint32_t *lane_group_rows(struct lane *lane, const uint32_t *row, uint32_t n, struct err *e);
// Scratch for one mask of the span's rows; `slot` tells several apart (0 … 6 are free for analyses).
uint8_t *lane_mask(struct lane *lane, uint32_t slot, struct err *e);

static inline bool lane_keeps(const struct lane *lane, uint32_t row)
{
	return !lane->keep || lane->keep[row] != 0;
}

// --- classes (classes.c): several filters at once, for analyses that look for particular interactions ---

#define CLASSES_MAX 32u

struct classes;

// Compiles n filters (at most CLASSES_MAX; trees from filter_open) to tables by code column where they are conditions
// on names, in run->scratch. RC_NOMEM.
enum rc classes_open(
	struct run *run, struct filter_node *const *filters, uint32_t n, struct classes **out, struct err *e);

// The rows of a span for which at least one filter holds, ascending; bit i of bits[k]: filter i holds for row[k].
// Belongs to an analysis's state; grown as needed.
struct class_rows {
	uint32_t n;
	uint32_t *row, *bits;
	size_t row_capacity, bits_capacity;
};
// Finds them in the lane's span. `kept`: rows that fail the question's filters are left out. RC_NOMEM.
enum rc classes_find(
	struct lane *lane, const struct classes *c, bool kept, struct class_rows *out, struct err *e);
// To be called last in `prepare` by an analysis that looks at no other rows than those that classes_find finds, and at no
// values of measures: lets the scan hand over only these, where all filters are plain conditions. Does nothing otherwise.
void classes_narrow(struct run *run, const struct classes *c);
void class_rows_free(struct class_rows *r);

// --- grouping (group.c) ---

// Compiles the touch point (for analyses by it) and the query's --by fields to run->grouping and asks for their columns.
// RC_USAGE: a field is unknown or given twice, or there are too many; RC_LIMIT: more than 2^64 combinations; RC_NOMEM.
enum rc grouping_open(struct run *run, struct err *e);
// Frees what does not live in the run's arenas. Fine when grouping_open failed or was not called.
void grouping_close(struct run *run);
// Not to be asked while lanes run. Includes the folded group once there is one.
uint32_t run_groups(const struct run *run);
// The values of a group's --by fields; INDEX_OTHER everywhere for the folded group.
void grouping_decode(const struct run *run, uint32_t group, uint32_t index[KEYS_MAX]);
// The number of --by columns and their fields.
uint32_t grouping_keys(const struct run *run);
struct sv grouping_key_name(const struct run *run, uint32_t key);
struct sv grouping_label(const struct run *run, uint32_t key, uint32_t index);
// Number of values of a key and their order (NULL: most frequent first, or in time).
uint32_t grouping_values(const struct run *run, uint32_t key, const uint32_t **rank);
bool grouping_is_time(const struct run *run, uint32_t key);
// Adds the group that others are folded to, the last one, and returns its number.
uint32_t grouping_other(const struct run *run);
bool run_group_is_other(const struct run *run, uint32_t group);
struct group_cache *group_cache_new(const struct run *run);
void group_cache_free(struct group_cache **c);

// --- accumulators ---

// `width` sums per group, all zero at first. Counts are exact up to 2^53.
struct sums {
	double *v;
	uint32_t n_groups, width;
	size_t capacity;
};
// Grows to n_groups groups. Cheap when large enough.
enum rc sums_fit(struct sums *s, uint32_t n_groups, struct err *e);
void sums_free(struct sums *s);
enum rc sums_merge(struct sums *into, const struct sums *from, struct err *e);
enum rc sums_fold(struct sums *s, const uint32_t *to, uint32_t n, uint32_t n_groups, struct err *e);
// The sums of a group from number `first` on (a block of at most SUMS_BLOCK_MAX); zeros when nothing was added.
#define SUMS_BLOCK_MAX 64u
const double *sums_at(const struct sums *s, uint32_t group, uint32_t first);

// A log of (group, value) samples for exact quantiles.
struct samples {
	uint32_t *group;
	int64_t *value;
	size_t n, group_capacity, value_capacity;
	uint64_t *start; // after samples_sort: n_groups + 1
	uint32_t n_groups;
	bool sorted;
};
enum rc samples_add(struct samples *s, uint32_t group, int64_t value, struct err *e);
void samples_free(struct samples *s);
enum rc samples_merge(struct samples *into, const struct samples *from, struct err *e);
void samples_fold(struct samples *s, const uint32_t *to, uint32_t n);
// Brings each group's values together, ascending.
enum rc samples_sort(struct samples *s, uint32_t n_groups, struct err *e);
const int64_t *samples_of(const struct samples *s, uint32_t group, size_t *n);

// --- lists of persons (persons.c) ---

struct person_row {
	uint64_t person;
	int64_t at_ms; // earliest
	uint32_t group, times;
};
// Belongs to an analysis's state.
struct persons {
	struct person_row *rows;
	size_t n, capacity;
	uint64_t n_persons, last; // different persons added, and the last of them
};
// To be called by `prepare`: the rows of the result are persons, with the columns customer, at, times.
void persons_open(struct run *run);
// Counts a person in a group (of the interaction that counts); a person's adds come one after the other. Adding it again
// counts one more time and keeps the earliest moment. Only as many as --limit are kept. RC_NOMEM.
enum rc persons_add(struct persons *p, const struct run *run, uint64_t person, uint32_t group, int64_t at_ms,
	struct err *e);
enum rc persons_merge(struct persons *into, const struct persons *from, struct err *e);
void persons_free(struct persons *p);
// Writes the rows in order of the person's key, and a note of how many persons there are in all.
enum rc persons_rows(struct run *run, struct persons *p, struct err *e);

// --- rows of the result (rows.c) ---

// A new row for a group: returns the cells of the analysis's own columns, all null; valid until the next row.
// `weight` orders groups of fields without an order of their own (use n). NULL: see e.
struct cell *result_row(struct run *run, uint32_t group, double weight, struct err *e);
// Analyses by touch point: sets the touch point of the last row (index in the design).
void row_touchpoint(struct run *run, uint32_t touchpoint);
// Does a group deserve a row? Groups with something in them do, and the only group of an ungrouped question.
bool run_group_shown(const struct run *run, uint32_t group, double n);
void cell_number(struct cell *c, double v); // NAN and infinities become null
// v must live as long as the result: a literal, or a copy in run->arena.
void cell_text(struct cell *c, struct sv v);
void cell_time(struct run *run, struct cell *c, int64_t at_ms);
void cell_estimate(struct cell *value, struct cell *low, struct cell *high, struct estimate v);
enum rc rows_open(struct run *run, struct err *e);
void rows_close(struct run *run);
uint32_t rows_count(const struct run *run);
void rows_clear(struct run *run);
// Sorts rows.
enum rc rows_sort(struct run *run, struct err *e);
// After rows_sort: which groups to fold so that at most `limit` rows are left. to[] for n = run_groups groups.
// *cut false: nothing to cut.
enum rc rows_cut(struct run *run, uint32_t limit, uint32_t *to, uint32_t n, bool *cut, struct err *e);
// Puts sorted rows into run->result, at most `limit` of them (0 = all), the rest counted in a note.
enum rc rows_finish(struct run *run, uint32_t limit, struct err *e);

#endif
