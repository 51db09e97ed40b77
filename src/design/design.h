// SPDX-License-Identifier: Apache-2.0
// The corridor file (DESIGN section 6), parsed, validated and compiled. Immutable after design_parse, so it may
// be shared by threads. All names and texts live as long as the design.
#ifndef CORRIDOR_DESIGN_DESIGN_H
#define CORRIDOR_DESIGN_DESIGN_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/sv.h"
#include "base/tz.h"
#include "design/interaction.h"

#include <stdbool.h>
#include <stdint.h>

#define DESIGN_NONE UINT32_MAX

enum channel_kind {
	CHANNEL_DIGITAL,
	CHANNEL_CONTACT_CENTRE,
	CHANNEL_IN_PERSON,
	CHANNEL_PARTNER,
	CHANNEL_PUBLIC
};

struct design_channel {
	struct sv name;
	enum channel_kind kind;
};

// A number that interactions carry. Built in (always there, in this order): nps csat ces rating wait duration
// delay amount resolved sentiment acsi-satisfaction acsi-expectancy acsi-ideal; then the declared ones.
struct design_measure {
	struct sv name;
	struct sv unit;  // "s", "minor" (of the currency), "1" (ratio or count), or as declared
	double min, max; // allowed range; values outside are rejected by the importer. ±INFINITY = open
	bool bounded;    // both ends finite: default gap scale is half the range
};

enum expect_direction { EXPECT_AT_LEAST, EXPECT_AT_MOST };

// One designed expectation at a touch point. Gap of a value x: clamp(d·(x − target)/scale, −1, 1), d = +1 for
// at least, −1 for at most.
struct expectation {
	struct sv name;
	uint32_t touchpoint, measure;
	enum expect_direction direction;
	double target;
	double scale;  // > 0; the default of DESIGN section 7 applied
	double share;  // `for:` 0..1; NAN when the expectation is on the mean and not on a share
	uint32_t line; // in the corridor file
};

struct design_touchpoint {
	struct sv name;     // key in the file
	struct sv title;    // `name:`, or the key
	uint32_t stage;     // index into stages
	uint32_t owner;     // index into departments, or DESIGN_NONE
	double importance;  // relative weight, default 1
	uint32_t *channels; // indices into channels
	uint32_t n_channels;
	struct sv *systems;
	uint32_t n_systems;
	uint32_t first_expectation, n_expectations; // in design->expectations
	uint32_t *after; // `after:` the designed predecessors, indices into touchpoints; free of cycles
	uint32_t n_after;
	bool required;        // `required:` a journey that gets past it has to go through it
	bool once;            // `repeat: once`: once per journey; otherwise as often as one likes
	struct sv match_text; // the match rules in a canonical form (equal meaning, equal text); "" = none
	uint32_t line;
};

// A span of opening hours in minutes from the midnight that starts `weekday` (0 = Monday). to_min may go beyond
// 1440: the shift ends on the next day. Spans of one calendar are ascending and do not overlap.
struct design_span {
	uint32_t weekday, from_min, to_min;
};
struct design_hours {
	struct sv name;
	struct design_span *spans;
	uint32_t n_spans;
	int64_t *holidays; // days since 1970-01-01, ascending, on which no span starts
	uint32_t n_holidays;
};

// SERVQUAL pair: an expectation and a perception both asked, by measure index.
struct design_servqual {
	struct sv dimension; // tangibles, reliability, responsiveness, assurance, empathy or own
	uint32_t expected, perceived;
};

// What a person's history is held against on the loyalty ladder.
enum standing_fact {
	FACT_INDEX,        // the experience index, 0 … 100
	FACT_TENURE,       // seconds since the first interaction
	FACT_INTERACTIONS, // how many so far
	FACT_PURCHASES,    // interactions at touch points that count as a purchase
	FACT_REFERRALS,    // … as a referral
	FACT_MEASURE       // the latest value of a measure
};
// min ≤ fact ≤ max; a measure that was never given fulfils nothing.
struct ladder_rule {
	enum standing_fact fact;
	uint32_t measure; // FACT_MEASURE, else DESIGN_NONE
	double min, max;
};
struct ladder_rung {
	struct sv name;
	struct ladder_rule *rules; // all must hold
	uint32_t n_rules;
};
// How the experience index and the loyalty ladder are computed (DESIGN section 7). A person stands on the highest rung
// whose rules hold, or on none when not even those of the lowest do (it usually has none).
struct design_loyalty {
	double half_life_s, loss_weight;
	uint8_t *is_purchase, *is_referral; // by touch point
	struct ladder_rung *rungs;          // from the lowest
	uint32_t n_rungs;
};

struct design_match; // the compiled match rules
struct design_names; // names of touch points by hash

struct design {
	struct sv brand, timezone, currency;
	uint32_t currency_digits; // minor unit digits (EUR 2, JPY 0)
	struct tz *tz;
	struct sv *stages;
	uint32_t n_stages;
	struct sv *departments;
	uint32_t *department_hours; // index into hours, or DESIGN_NONE
	uint32_t n_departments;
	struct design_hours *hours;
	uint32_t n_hours;
	struct sv *systems;
	uint32_t n_systems;
	struct design_channel *channels;
	uint32_t n_channels;
	struct design_measure *measures;
	uint32_t n_measures;
	struct sv *dimensions; // declared dimension names
	uint32_t n_dimensions;
	uint32_t *
		dimension_path; // index into paths that a dimension is lifted from (properties.<name> by default)
	struct design_touchpoint *touchpoints;
	uint32_t n_touchpoints;
	struct expectation *expectations; // grouped by touch point
	uint32_t n_expectations;
	struct design_servqual *servqual;
	uint32_t n_servqual;
	double acsi_weights[3]; // sum 1; equal unless given
	double rating_min, rating_max;
	struct design_loyalty loyalty;
	struct sv *paths; // property paths ("properties.status") that match rules and dimensions read
	uint32_t n_paths;
	struct design_match *match;
	struct design_names *touchpoint_names;
	uint64_t hash;       // hash64 of the file's bytes
	struct arena *arena; // owns everything
};

// All mistakes found in one file, in order of line; at most 100 are kept.
struct design_problem {
	uint32_t line, column;
	char message[256];
	char remedy[256];
	bool warning; // does not make the file invalid
};
struct design_problems {
	struct design_problem *items;
	uint32_t n, capacity, n_errors;
};
void design_problems_free(struct design_problems *p);

// Parses and validates the text of a corridor file (at most 4 MiB). file_name is used in messages only.
// problems (may be NULL) receives every mistake and warning; e the first mistake with file:line:column and
// remedy. On success *out is the design (design_free).
enum rc design_parse(struct sv text, const char *file_name, struct design **out,
	struct design_problems *problems, struct err *e);
void design_free(struct design **d);

// Finds touch point and dimensions of an interaction from its event, source, channel, agent, location and
// paths[]. Cost does not grow with the number of touch points. Thread-safe.
void design_resolve(const struct design *d, struct interaction *x);
// Its measures as a member of a JSON object: "measures": {"wait": 12.5}.
struct json;
void interaction_measures_put(struct json *j, const struct design *d, const struct interaction *x);

// Index by name, or DESIGN_NONE.
uint32_t design_touchpoint_find(const struct design *d, struct sv name);
uint32_t design_channel_find(const struct design *d, struct sv name);
uint32_t design_measure_find(const struct design *d, struct sv name);
uint32_t design_dimension_find(const struct design *d, struct sv name);
uint32_t design_stage_find(const struct design *d, struct sv name);
uint32_t design_path_find(const struct design *d, struct sv path);
// Are these departments of the corridor file (spaces around them do not count)? RC_INPUT: one is not; the remedy has the
// nearest, or those that there are.
enum rc design_departments_check(
	const struct design *d, const struct sv *departments, uint32_t n, struct err *e);

// "index", "nps", … and the unit of a rule's bounds.
struct sv design_fact_name(const struct design *d, const struct ladder_rule *rule);
struct sv design_fact_unit(const struct design *d, const struct ladder_rule *rule);

// A quantity as people write it in corridor files: "2min", "95%", "4.2", "12.50 EUR", "1h 30min", converted to the
// measure's unit (seconds, ratio, minor units). RC_INPUT with the units that would fit.
enum rc design_quantity_parse(
	const struct design *d, struct sv text, struct sv unit, double *out, struct err *e);

// A value of a unit as text for people and for design_quantity_parse: "2min", "12.50 EUR", "4.2 Mbit/s". SV_NONE when
// out of memory.
struct sv design_quantity_print(const struct design *d, struct arena *a, struct sv unit, double value);

// Semantic difference of two designs.
enum design_change_kind { CHANGE_ADDED, CHANGE_REMOVED, CHANGE_CHANGED };
struct design_change {
	enum design_change_kind kind;
	struct sv touchpoint; // "" = the corridor as a whole
	struct sv what;       // "expectation on-time", "match rules", "stage", …
	struct sv before, after;
};
struct design_changes {
	struct design_change *items; // in the arena given
	uint32_t n;
	bool matching_changed; // some interactions may move to another touch point
	bool lifting_changed;  // dimensions to be lifted anew
};
enum rc design_diff(const struct design *before, const struct design *after, struct arena *a,
	struct design_changes *out, struct err *e);

// JSON Schema (draft 2020-12) of the corridor file, derived from the same table that the parser uses.
void design_schema_write(struct buf *out);

// A commented example corridor file for `corridor init` without --design.
struct sv design_template(void);

#endif
