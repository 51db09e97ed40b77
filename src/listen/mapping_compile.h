// SPDX-License-Identifier: Apache-2.0
// What the files that compile a mapping share: the table of keys, growing lists, and mistakes with their place.
#ifndef CORRIDOR_LISTEN_MAPPING_COMPILE_H
#define CORRIDOR_LISTEN_MAPPING_COMPILE_H

#include "design/yaml.h"
#include "listen/mapping.h"

#define COMPILE_DEPTH_MAX 16u   // of values in values, conditions in conditions
#define COMPILE_ITEMS_MAX 1024u // columns, rules, items of one list

// Maps of the mapping file, as bits: a key may be known to several.
enum key_context {
	IN_FILE = 1,
	IN_CSV = 2,
	IN_RULE = 4,   // an entry of `interactions:`
	IN_COMMON = 8, // `common:`
	IN_VALUE = 16,
	IN_TIME = 32,
	IN_NUMBER = 64,
	IN_SPLIT = 128,
	IN_PROMISE = 256,
	IN_TEST = 512,
	IN_CONTEXTS = 10, // how many there are
};

enum key {
	KEY_MAPPING,
	KEY_ABOUT,
	KEY_SOURCE,
	KEY_FORMAT,
	KEY_CSV,
	KEY_TIMEZONE,
	KEY_TIMES,
	KEY_EMPTY,
	KEY_TABLES,
	KEY_COMMON,
	KEY_INTERACTIONS,
	KEY_RULE_SOURCE,
	KEY_DELIMITER,
	KEY_QUOTE,
	KEY_HEADER,
	KEY_COLUMNS,
	KEY_SKIP_LINES,
	KEY_ENCODING,
	KEY_CSV_TRIM,
	KEY_WHEN,
	KEY_EACH,
	KEY_EVENT,
	KEY_CUSTOMER,
	KEY_AT,
	KEY_ID,
	KEY_CHANNEL,
	KEY_AGENT,
	KEY_LOCATION,
	KEY_TEXT,
	KEY_PROMISE,
	KEY_KEEPS,
	KEY_MEASURES,
	KEY_PROPERTIES,
	KEY_PROPERTIES_EXCEPT,
	KEY_PROPERTIES_JSON,
	KEY_DIMENSIONS,
	KEY_COLUMN,
	KEY_TEMPLATE,
	KEY_JOIN,
	KEY_SEPARATOR,
	KEY_FIRST,
	KEY_TRIM,
	KEY_SPLIT,
	KEY_REPLACE,
	KEY_CASE,
	KEY_MAP,
	KEY_UNLISTED,
	KEY_DEFAULT,
	KEY_REQUIRED,
	KEY_OPTIONAL,
	KEY_TIME_FORMAT,
	KEY_TIME_ZONE,
	KEY_PLUS,
	KEY_DECIMAL,
	KEY_THOUSANDS,
	KEY_UNIT,
	KEY_SECONDS_BETWEEN,
	KEY_BY,
	KEY_PART,
	KEY_PROMISE_ID,
	KEY_DUE,
	KEY_IS,
	KEY_NOT,
	KEY_AT_LEAST,
	KEY_AT_MOST,
	KEY_ABOVE,
	KEY_BELOW,
	KEY_STARTS,
	KEY_ENDS,
	KEY_CONTAINS,
	KEY_COUNT
};

struct key_info {
	const char *name;
	unsigned contexts;  // bits of enum key_context
	bool required;      // in every context it belongs to
	const char *schema; // JSON Schema of its value
	const char *about;  // one line for editors and the manual
};

extern const struct key_info mapping_keys[KEY_COUNT];

// A growing array of `size`-byte items.
struct list {
	void *items;
	size_t capacity;
	uint32_t n, size;
};

enum list_id {
	LIST_REFS,
	LIST_OPS,
	LIST_PARTS,
	LIST_ITEMS,
	LIST_TIMES,
	LIST_NUMBERS,
	LIST_CONDS,
	LIST_COND_ITEMS,
	LIST_TEXTS,
	LIST_SETS,
	LIST_RULES,
	LIST_COUNT
};

// The values of a map by key; NULL = not given.
struct keys {
	const struct yaml_node *of[KEY_COUNT];
};

struct compiler {
	struct mapping *m;
	const struct design *d;
	struct err *e;
	const char *file_name;
	bool in_each;  // compiling a rule with `each`
	bool row_only; // what was compiled since it was set reads nothing of an element
	uint32_t depth;
	uint32_t default_formats;
	struct keys defaults; // of the format, before `common:`
	struct list lists[LIST_COUNT];
};

// --- mapping_compile.c ---

// Sets the error with its place in the file and returns RC_INPUT.
enum rc compile_fail(struct compiler *c, const struct yaml_node *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
enum rc compile_no_memory(struct compiler *c);
// Adds "did you mean" for the nearest of n names, else the list of them, as remedy.
void compile_remedy_names(struct compiler *c, struct sv name,
	struct sv (*name_at)(const void *names, uint32_t i), const void *names, uint32_t n);
// Reads a map whose keys must be known in `context`; those given are set in *out, others stay as they are.
enum rc compile_keys(
	struct compiler *c, enum key_context context, const struct yaml_node *map, struct keys *out);
// Appends n items; *first = index of the first.
enum rc compile_add(struct compiler *c, enum list_id list, const void *items, uint32_t n, uint32_t *first);
// A text that must be there and be a scalar.
enum rc compile_text(struct compiler *c, const struct yaml_node *node, const char *what, struct sv *out);
// A scalar or a list of scalars; *out in the mapping's arena.
enum rc compile_texts(
	struct compiler *c, const struct yaml_node *node, const char *what, struct sv **out, uint32_t *n);
enum rc compile_bool(struct compiler *c, const struct yaml_node *node, const char *what, bool *out);
enum rc compile_whole(struct compiler *c, const struct yaml_node *node, const char *what, int32_t min,
	int32_t max, int32_t *out);

// --- mapping_value.c ---

// A column (path) by name, added when new.
enum rc compile_ref(
	struct compiler *c, const struct yaml_node *at, struct sv name, bool optional, uint32_t *out);
// A value: a template, or a map. `what` names it in messages.
enum rc compile_value(struct compiler *c, const struct yaml_node *node, const char *what, struct value *out);
// As a map whose keys are read already.
enum rc compile_value_keys(struct compiler *c, const struct yaml_node *node, const struct keys *k,
	const char *what, struct value *out);
// Is it the same text for all rows?
bool compile_is_constant(const struct compiler *c, const struct value *v);
// A value that must depend on the row.
enum rc compile_varying(
	struct compiler *c, const struct yaml_node *node, const char *what, const char *why, struct value *out);
const struct op *compile_op(const struct compiler *c, uint32_t i);

// --- mapping_number.c: times and numbers ---

// Each compiles a node to an entry of the mapping's tables and gives its index: RC_INPUT with the place in the file,
// RC_NOMEM.
// A zone by name ("Europe/Berlin"). Each zone and each list of formats is kept once.
enum rc compile_zone(struct compiler *c, const struct yaml_node *node, uint32_t *out);
// One time format or a list of alternatives, tried in order; node NULL: ISO.
enum rc compile_formats(struct compiler *c, const struct yaml_node *node, uint32_t *out);
// A time: a value, or a map of a value with format, timezone, plus. `what` names it in messages.
enum rc compile_time(struct compiler *c, const struct yaml_node *node, const char *what, uint32_t *out);
// The number that becomes a measure (index in the design): a value, or a map of a value with decimal, thousands, unit,
// or `seconds between`. The factor to the measure's own unit is worked out here.
enum rc compile_number(struct compiler *c, const struct yaml_node *node, uint32_t measure, uint32_t *out);

// --- mapping_when.c ---

// A condition: a map of columns with their tests and of all:, any:, not:, which must all hold, or a list of such, of
// which one must. *out is its index. RC_INPUT with the place in the file, also for nesting beyond COMPILE_DEPTH_MAX.
enum rc compile_condition(struct compiler *c, const struct yaml_node *node, uint32_t *out);

// --- mapping_table.c ---

// `tables:` of the file.
enum rc compile_tables(struct compiler *c, const struct yaml_node *node);
// A table by name, or written in place.
enum rc compile_table(struct compiler *c, const struct yaml_node *node, uint32_t *out);
void mapping_tables_free(struct mapping *m);

// --- mapping_rule.c ---

// An entry of `interactions:` becomes the next rule; `common` gives the keys that it does not set itself. RC_INPUT with
// the place in the file, RC_NOMEM.
enum rc compile_rule(struct compiler *c, const struct yaml_node *node, const struct keys *common);

#endif
