// SPDX-License-Identifier: Apache-2.0
// What the files of design/ share: the table of the format, the reader that walks it, and the match rules between
// reading and compiling.
#ifndef CORRIDOR_DESIGN_INTERNAL_H
#define CORRIDOR_DESIGN_INTERNAL_H

#include "design/design.h"
#include "design/yaml.h"

#define DESIGN_FORMAT_VERSION 1
#define DESIGN_ARENA_BYTES ((size_t)256 << 20)
#define DESIGN_TOUCHPOINTS_MAX 10000
#define DESIGN_RULES_MAX 20000
#define DESIGN_LIST_MAX 1000 // stages, systems, channels, departments, calendars
#define DESIGN_NAME_MAX_BYTES 128
#define DESIGN_PATTERN_MAX_BYTES 255
#define DESIGN_PROBLEMS_MAX 100
#define SECONDS_PER_DAY 86400.0

// ---- reading ----

// State of one design_parse. Mistakes are collected; only out of memory is sticky and ends everything.
struct reader {
	struct design *d;
	struct arena *a; // the design's
	struct design_problems *problems;
	bool nomem;
	const struct yaml_node *root;
	struct rule *rules; // in file order, which is the order of precedence
	uint32_t n_rules, rules_capacity;
};

// A mistake (or warning) at a node. The remedy is a sentence without its period; "" = none.
void reader_problem(struct reader *r, const struct yaml_node *at, const char *remedy, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void reader_warning(struct reader *r, const struct yaml_node *at, const char *remedy, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void problems_add(struct design_problems *p, bool *nomem, const struct design_problem *item);
void problems_sort(struct design_problems *p);

// Arena memory with the sticky flag; never NULL-checked by callers that test r->nomem before use.
void *reader_array(struct reader *r, size_t n, size_t size);
struct sv reader_copy(struct reader *r, struct sv s);

// Writes "did you mean …?" or "use one of …" (or `none` when there are no names) into out. Returns out.
#define REMEDY_MAX 256
const char *remedy_names(
	char out[REMEDY_MAX], struct sv wrong, const struct sv *names, uint32_t n, const char *none);

// A text that may be a name: not empty, not too long, no control characters. Reports.
bool reader_name_ok(struct reader *r, const struct yaml_node *node, const char *what);
// A list of different names, at most DESIGN_LIST_MAX; `what` is the singular. Mistakes are left out of the result.
void reader_names(
	struct reader *r, const struct yaml_node *list, const char *what, struct sv **names, uint32_t *n);
// A number between the bounds; reports otherwise.
bool reader_number(
	struct reader *r, const struct yaml_node *node, const char *what, double min, double max, double *out);
// A quantity of a unit; reports otherwise.
bool reader_quantity(struct reader *r, const struct yaml_node *node, struct sv unit, double *out);
// The index of a name in names[n], reported when unknown; DESIGN_NONE then.
uint32_t reader_find(
	struct reader *r, const struct yaml_node *node, const char *what, const struct sv *names, uint32_t n);

// ---- the table of the format ----

enum section {
	SECTION_TOP,
	SECTION_HOURS,
	SECTION_DEPARTMENT,
	SECTION_MEASURE,
	SECTION_RATING,
	SECTION_ACSI,
	SECTION_SERVQUAL,
	SECTION_DIMENSION,
	SECTION_TOUCHPOINT,
	SECTION_RULE,
	SECTION_EXPECTATION,
	SECTION_LOYALTY,
	SECTION_RUNG,
	SECTION_LADDER_RULE,
	SECTION_COUNT
};

// What a value may look like; several bits = any of them.
enum shape {
	SHAPE_TEXT = 1,
	SHAPE_NUMBER = 2,
	SHAPE_QUANTITY = 4,     // number, or text with a unit
	SHAPE_TEXTS = 8,        // list of texts
	SHAPE_MAP = 16,         // keys of the child section
	SHAPE_NAMED_MAPS = 32,  // own names → maps of the child section
	SHAPE_NAMED_TEXTS = 64, // own names → texts
	SHAPE_MAPS = 128,       // list of maps of the child section
	SHAPE_SPANS = 256,      // [from, to], or a list of these
};

struct format_key {
	enum section section;
	struct sv key;
	unsigned shapes; // of enum shape
	bool required;
	bool one_of; // exactly one of the section's keys marked so must be there
	enum section child;
	const char *pattern; // not NULL: any key that starts with `key` fits; a regular expression for editors
	const char *const *choices; // texts allowed, NULL-terminated, or NULL
	const char *example;        // of the whole line
	const char *help;
	// Takes the value over into the design. target: what the section's maps are read into.
	void (*read)(
		struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target);
};

extern const struct format_key format_keys[];
extern const uint32_t n_format_keys;

// Reads a map by the table: unknown and missing keys and wrong shapes are reported, every other key's read() is
// called in the order of the table. parent: the node to blame for missing keys.
void format_read(struct reader *r, enum section s, const struct yaml_node *parent, const struct yaml_node *map,
	void *target);
// Human name of a section ("a touch point").
const char *format_section_name(enum section s);

extern const char *const channel_kind_names[]; // by enum channel_kind, NULL-terminated
extern const char *const repeat_names[];       // NULL-terminated
extern const char *const weekday_names[];      // mon … sun, NULL-terminated

// read() functions of the table.
#define FORMAT_READ(name)                                                                                      \
	void name(struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
FORMAT_READ(read_version);
FORMAT_READ(read_brand);
FORMAT_READ(read_timezone);
FORMAT_READ(read_currency);
FORMAT_READ(read_stages);
FORMAT_READ(read_systems);
FORMAT_READ(read_channels);
FORMAT_READ(read_hours);
FORMAT_READ(read_holidays);
FORMAT_READ(read_day);
FORMAT_READ(read_departments);
FORMAT_READ(read_department_hours);
FORMAT_READ(read_measures);
FORMAT_READ(read_measure_unit);
FORMAT_READ(read_measure_min);
FORMAT_READ(read_measure_max);
FORMAT_READ(read_rating);
FORMAT_READ(read_rating_min);
FORMAT_READ(read_rating_max);
FORMAT_READ(read_acsi);
FORMAT_READ(read_acsi_satisfaction);
FORMAT_READ(read_acsi_expectancy);
FORMAT_READ(read_acsi_ideal);
FORMAT_READ(read_servqual);
FORMAT_READ(read_servqual_expected);
FORMAT_READ(read_servqual_perceived);
FORMAT_READ(read_dimensions);
FORMAT_READ(read_dimension_from);
FORMAT_READ(read_touchpoints);
FORMAT_READ(read_touchpoint_name);
FORMAT_READ(read_touchpoint_stage);
FORMAT_READ(read_touchpoint_owner);
FORMAT_READ(read_touchpoint_systems);
FORMAT_READ(read_touchpoint_channels);
FORMAT_READ(read_touchpoint_importance);
FORMAT_READ(read_touchpoint_after);
FORMAT_READ(read_touchpoint_required);
FORMAT_READ(read_touchpoint_repeat);
FORMAT_READ(read_touchpoint_match);
FORMAT_READ(read_touchpoint_expect);
FORMAT_READ(read_condition);
FORMAT_READ(read_expectation_measure);
FORMAT_READ(read_expectation_target);
FORMAT_READ(read_expectation_share);
FORMAT_READ(read_expectation_scale);
FORMAT_READ(read_loyalty);
FORMAT_READ(read_loyalty_half_life);
FORMAT_READ(read_loyalty_loss_weight);
FORMAT_READ(read_loyalty_purchases);
FORMAT_READ(read_loyalty_referrals);
FORMAT_READ(read_loyalty_rungs);
FORMAT_READ(read_rung_when);
FORMAT_READ(read_ladder_measure);
FORMAT_READ(read_ladder_target);

// Sets up the built-in measures, and the defaults that hold when a key is left out.
void design_defaults(struct reader *r);
// Fills in what the section `loyalty` leaves out; after all touch points are known.
void loyalty_defaults(struct reader *r);
// Number of built-in measures.
uint32_t design_builtin_count(void);
// The index of a property path, added when new; DESIGN_NONE when reported as wrong or over the limit.
uint32_t reader_path(struct reader *r, const struct yaml_node *at, struct sv path);
// Puts the touch points' predecessors into an order; a cycle is reported.
void touchpoints_check_order(struct reader *r, const struct yaml_node *touchpoints);

// ---- quantities ----

// Factor of a time unit to seconds, 0 when it is none.
double unit_seconds(struct sv unit);
// Minor unit digits of an ISO 4217 code; false when there is no such currency.
bool currency_digits(struct sv code, uint32_t *digits);

// ---- match rules ----

enum pattern_kind { PATTERN_EXACT, PATTERN_PREFIX, PATTERN_SUFFIX };
struct pattern {
	enum pattern_kind kind;
	struct sv text; // without the star
};
// All patterns of one condition are alternatives. Exact ones come first, sorted by (length, bytes).
struct condition {
	uint32_t field;  // 0-4: event, source, channel, agent, location; 5+i: paths[i]
	uint32_t offset; // of the field's struct sv in struct interaction
	struct pattern *patterns;
	uint32_t n, n_exact;
};
struct rule {
	uint32_t touchpoint;
	struct condition *conditions; // sorted by field, one each
	uint32_t n;
	uint32_t line, column;
};

#define FIELDS_FIXED 5
extern const struct sv field_names[FIELDS_FIXED];

// Sorts the conditions and patterns of a rule into the canonical order.
void rule_sort(struct rule *rule);
// Appends "{event: [a, b], properties.x: c*}".
void rule_print(const struct design *d, const struct rule *rule, struct buf *out);
// Does every interaction that fits `narrow` fit `wide` too? (Decided condition by condition.)
bool rule_covers(const struct rule *wide, const struct rule *narrow);
// Builds the decision structure in the arena; rules must live as long. RC_NOMEM.
enum rc match_compile(const struct rule *rules, uint32_t n, struct arena *a, struct design_match **out);
// The first rule before `rule` that covers it; DESIGN_NONE = it can win.
uint32_t match_shadow(const struct design_match *m, uint32_t rule);

// ---- the example, from template.yaml ----

extern const unsigned char template_yaml[];
extern const size_t template_yaml_len;

// ---- names by hash ----

// An index over names[0..n), which must outlive it. NULL: out of memory.
struct design_names *design_names_index(struct arena *a, const struct design *d);
uint32_t design_names_find(const struct design_names *index, const struct design *d, struct sv name);

#endif
