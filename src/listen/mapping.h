// SPDX-License-Identifier: Apache-2.0
// The compiled mapping: what mapping_*.c share. A mapping file is turned once into flat arrays that refer to each
// other by index (no pointers between them), so that a row is mapped by walking arrays:
//
//   refs     the distinct columns (CSV) or paths (NDJSON) that are read, bound once per file to column numbers
//   ops      steps of values: a value is a run of ops; the first step gives a text, the others transform it
//   times    a value read as an instant; a time over a plain column is computed once per row
//   numbers  a value read as a number in the measure's unit
//   conds    conditions
//   sets     properties
//   rules    one per entry of `interactions:`
//
// Invariants: a struct mapping never changes after mapping_parse, so threads share it; everything that a row
// needs lives in struct mapping_bound, one per thread; a text is absent when its ptr is NULL, and texts that
// the mapping counts as empty are absent from the moment they are loaded.
#ifndef CORRIDOR_LISTEN_MAPPING_H
#define CORRIDOR_LISTEN_MAPPING_H

#include "base/arena.h"
#include "base/dict.h"
#include "listen/internal.h"

#define MAPPING_MAGIC 0x4d415050u
#define MAPPING_TEXT_MAX (4u << 20)     // bytes of a mapping file
#define MAPPING_ROW_MAX 4096u           // interactions out of one row
#define MAPPING_SCRATCH_MAX (64u << 20) // bytes of text made for one row
#define MAPPING_JSON_MAX (2u << 20)     // bytes of JSON in a text
#define MAPPING_FORMATS_MAX 16u         // time formats tried in turn
#define NONE32 UINT32_MAX

// Where a ref takes its text from.
enum ref_kind {
	REF_COLUMN,  // CSV column or NDJSON path from the document
	REF_ELEMENT, // NDJSON path from the element that `each:` stands at
	REF_FILE,    // {_file}
	REF_LINE,    // {_line}
	REF_ROW,     // {_row}
	REF_INDEX,   // {_index}: number of the element in `each:`, from 1
};

struct ref {
	enum ref_kind kind;
	struct sv name;        // as written; for REF_ELEMENT without the leading dot ("" = the element itself)
	bool required;         // the column must be in the file
	uint32_t line, column; // of the first mention, for messages
};

struct range {
	uint32_t first, n;
};

enum op_kind {
	OP_CONSTANT, // text
	OP_REF,      // index = ref
	OP_TEMPLATE, // range = parts
	OP_JOIN,     // range = items, text = separator; absent items are left out
	OP_FIRST,    // range = items; the first present one
	OP_SPLIT,    // text = separator, number = part (from 1; negative from the end)
	OP_REPLACE,  // text = what, text2 = by what
	OP_LOWER,
	OP_UPPER,
	OP_TRIM,
	OP_MAP,      // index = table, number = enum unlisted
	OP_DEFAULT,  // text
	OP_REQUIRED, // absent is a mistake; text = what it is, for the message
};

// What becomes of a text that a table has no entry for.
enum unlisted { UNLISTED_REJECT, UNLISTED_KEEP, UNLISTED_ABSENT };

struct op {
	enum op_kind kind;
	int32_t number;
	uint32_t index;
	struct range range;
	struct sv text, text2;
};

// Part of a template: a literal, or a ref when index is not NONE32.
struct part {
	struct sv text;
	uint32_t index;
};

struct value {
	struct range ops; // n = 0: not given
	uint32_t ref;     // the ref it is mostly made of, for messages; NONE32 = none
};

struct table {
	struct sv name; // "" = written in place
	struct dict *keys;
	struct sv *texts; // by code
};

struct formats {
	struct time_format **items;
	struct sv names; // "ISO or dd/MM/yyyy", for messages
	uint32_t n;
};

struct time_spec {
	struct value value;
	uint32_t formats;  // index
	uint32_t zone;     // index into zones; NONE32 = the design's
	int64_t plus_days; // calendar days: keeps the hour of the day
	int64_t plus_ms;
	bool cached; // the value is a plain column of the row
};

struct number_spec {
	struct value value;
	uint32_t from, to;       // times, when it is the seconds between them; else NONE32
	char decimal, thousands; // thousands 0 = none
	double factor;           // to the measure's unit
	bool whole;              // minor units: rounded to whole ones
	uint32_t measure;        // index into design->measures
};

enum cond_kind {
	COND_ALL,
	COND_ANY,
	COND_NOT, // range = items
	COND_PRESENT,
	COND_ABSENT, // index = ref
	COND_IS,     // range = texts, any of them
	COND_STARTS,
	COND_ENDS,
	COND_CONTAINS, // range = texts
	COND_AT_LEAST,
	COND_AT_MOST,
	COND_ABOVE,
	COND_BELOW, // number
};

struct cond {
	enum cond_kind kind;
	uint32_t index;
	struct range range;
	double number;
};

struct property {
	struct sv name;
	struct value value;
};

struct property_set {
	const void *node; // of the YAML tree while compiling: one set per place in the file
	bool all;         // all columns, except…
	struct sv *except;
	uint32_t n_except;
	uint32_t object; // NDJSON: ref of the object that is taken whole; NONE32 = none
	uint32_t json;   // ref of a text that is the JSON object; NONE32 = none
	struct property *items;
	uint32_t n_items;
};

struct identity_spec {
	struct sv type;
	struct value value;
};

// A value for a path of the design that the properties leave open.
struct dimension_spec {
	uint32_t path; // index into design->paths
	struct value value;
};

struct rule {
	uint32_t line; // in the mapping file
	uint32_t when; // cond, NONE32 = always
	uint32_t each; // ref of the array, NONE32 = once per row
	struct value event, id, source, channel, agent, location, text, promise, keeps;
	bool channel_known; // every value that channel can have is declared
	uint32_t at, due;   // times
	struct identity_spec identities[INTERACTION_IDENTITIES_MAX];
	uint32_t n_identities;
	struct value *whole; // identities as type:value, or JSON lists of them; then n_identities is 0
	uint32_t n_whole;
	uint32_t *numbers;
	uint32_t n_numbers;
	uint32_t properties; // set, NONE32 = none
	struct dimension_spec *dimensions;
	uint32_t n_dimensions;
};

struct mapping {
	uint32_t magic;
	const struct design *design;
	struct arena *arena; // owns everything but what follows in the next four lines
	struct table *tables;
	uint32_t n_tables;
	struct formats *formats;
	struct tz **zones;
	uint32_t n_formats, n_zones;
	struct sv source;
	struct sv file_name;
	uint32_t zone; // default, NONE32 = the design's
	struct reader_options reader;
	struct sv *empty; // texts besides "" that count as absent
	uint32_t n_empty;
	uint64_t empty_lengths; // bit l: one of them has l bytes (bit 63: 63 or more)
	struct ref *refs;
	struct op *ops;
	struct part *parts;
	struct value *items; // of join and first
	struct time_spec *times;
	struct number_spec *numbers;
	struct cond *conds;
	uint32_t *cond_items;
	struct sv *texts; // of conditions
	struct property_set *sets;
	struct rule *rules;
	uint32_t n_refs, n_ops, n_parts, n_items, n_times, n_numbers, n_conds, n_cond_items, n_texts, n_sets,
		n_rules;
	struct sv *required;
	uint32_t n_required;
};

// --- one thread's memory for one file ---

// A property as it is written per row: the JSON text of its name, and where its value comes from.
struct bound_property {
	struct sv key;      // `"name":`
	struct sv name;     // of the property
	struct value value; // when it is neither a column nor a ref
	uint32_t column;    // field number of the file, NONE32 = by ref or value
	uint32_t ref;       // NDJSON: plain ref, keeps its JSON type; NONE32 = by value
};

// A design path that a property set gives.
struct bound_path {
	uint32_t path;     // index into design->paths
	uint32_t property; // index into the bound properties, NONE32 = from the object
	struct sv rest;    // further path inside the property or object; empty = the property itself
};

struct bound_set {
	struct bound_property *items;
	uint32_t n_items;
	struct bound_path *paths;
	uint32_t n_paths;
	uint64_t row;            // serial of the row that the following were made for
	size_t at, len;          // of the JSON text in mapping_bound.properties
	struct sv *texts;        // per item
	struct json_node *nodes; // per item
	struct sv *path_texts;   // per path
};

struct slot {
	struct interaction x;
	size_t properties_at,
		properties_len; // in mapping_bound.properties, which may move while a row is mapped
};

struct cached_time {
	uint64_t row; // serial of the row it was computed for
	int64_t at_ms;
};

struct mapping_bound {
	uint32_t magic;
	const struct mapping *m;
	struct arena *arena;   // lives with it
	struct arena *scratch; // reset per row
	uint32_t *columns;     // field number per ref, NONE32 = not in the file
	uint32_t n_columns;    // of the header
	struct bound_set *sets;
	// The row in hand:
	const struct record *record;
	uint64_t row;            // serial
	struct sv *texts;        // per ref
	struct json_node *nodes; // per ref, NDJSON
	char (*digits)[32];      // per ref: text of JSON numbers
	char line_digits[32], row_digits[32], index_digits[32];
	struct json_node element;
	uint64_t element_index;
	struct cached_time *times;
	struct map_counts counts;
	struct slot *slots;
	size_t n_slots, capacity;
	struct buf properties;
	struct buf json; // scratch for containers written as text
	// For JSON in texts: properties, identities. NULL unless the mapping has such.
	struct json_parser *property_parser, *identity_parser;
};

// --- mapping_eval.c ---

// Loads the texts of all refs of the row (element refs excepted), or of the element in hand.
enum rc mapping_load(struct mapping_bound *b, bool element, struct err *e);
// Checks a text as it came in: absent when it counts as empty; RC_INPUT when it is no UTF-8.
enum rc mapping_text_check(const struct mapping *m, struct sv name, struct sv *text, struct err *e);
// Text of a value; absent = SV_NONE. Valid until the next row.
enum rc mapping_text(struct mapping_bound *b, const struct value *v, struct sv *out, struct err *e);
// TIME_NONE when absent.
enum rc mapping_time(struct mapping_bound *b, uint32_t time, int64_t *out, struct err *e);
// *present false when absent.
enum rc mapping_number(
	struct mapping_bound *b, const struct number_spec *n, double *out, bool *present, struct err *e);
enum rc mapping_cond(struct mapping_bound *b, uint32_t cond, bool *out, struct err *e);
// v in the measure's unit. Where the factor is one over a whole number (ms to s) it divides by that, because the
// quotient is the double nearest to the decimal: 12,345 ms are 12.345 s and not 12.345000000000001.
double mapping_number_scale(double v, double factor);
// Reads text[len] as a number with these separators; thousands 0 = none. False when it is none.
bool mapping_number_parse(struct sv text, char decimal, char thousands, double *out);
// The first bytes of a text, printable, for messages; out[100]. Returns out.
const char *mapping_shown(struct sv s, char out[100]);

// --- mapping_properties.c ---

// Binds all property sets to the columns of the file.
enum rc mapping_sets_bind(struct mapping_bound *b, const struct sv *header, struct err *e);
// Writes the properties of the row in hand as JSON text and fills the design's paths in slot->x. Unless `fresh`,
// what an earlier rule made of the same set and row is used again.
enum rc mapping_properties(struct mapping_bound *b, uint32_t set, bool fresh, struct slot *slot, struct err *e);

#endif
