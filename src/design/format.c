// SPDX-License-Identifier: Apache-2.0
// The table of the corridor file's format. The reader, the messages about unknown, missing and misshapen keys,
// and the JSON Schema all come from it. Keys of a section are read in the table's order, so a key stands below
// all those that it refers to.
#include "base/mem.h"
#include "design/internal.h"

#include <stdio.h>

const char *const channel_kind_names[] = {"digital", "contact-centre", "in-person", "partner", "public", NULL};
const char *const repeat_names[] = {"any", "once", NULL};
const char *const weekday_names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL};

#define KEY(text)                                                                                              \
	{                                                                                                      \
		text, sizeof(text) - 1                                                                         \
	}
#define DAY_PATTERN "^(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))?$"

// clang-format off
const struct format_key format_keys[] = {
	{.section = SECTION_TOP, .key = KEY("corridor"), .shapes = SHAPE_NUMBER, .required = true,
		.example = "corridor: 1", .help = "Version of this file format: 1.", .read = read_version},
	{.section = SECTION_TOP, .key = KEY("brand"), .shapes = SHAPE_TEXT, .required = true,
		.example = "brand: Tidewater Telecom", .help = "Name of the brand.", .read = read_brand},
	{.section = SECTION_TOP, .key = KEY("timezone"), .shapes = SHAPE_TEXT, .required = true,
		.example = "timezone: Europe/Berlin",
		.help = "IANA time zone of the brand: days, weeks and months are those of this zone.",
		.read = read_timezone},
	{.section = SECTION_TOP, .key = KEY("currency"), .shapes = SHAPE_TEXT,
		.example = "currency: EUR",
		.help = "ISO 4217 code of the currency; amounts are held in its minor unit. XXX (none) when left out.",
		.read = read_currency},
	{.section = SECTION_TOP, .key = KEY("stages"), .shapes = SHAPE_TEXTS,
		.example = "stages: [awareness, purchase, use, billing, support]",
		.help = "Stages of the relationship, in order. Left out: awareness, discovery, purchase, fulfilment, "
			"onboarding, use, billing, support, renewal, advocacy.",
		.read = read_stages},
	{.section = SECTION_TOP, .key = KEY("hours"), .shapes = SHAPE_NAMED_MAPS, .child = SECTION_HOURS,
		.example = "hours: {weekdays: {mon-fri: [[08:00, 18:00]]}}",
		.help = "Calendars of business hours, by name.", .read = read_hours},
	{.section = SECTION_TOP, .key = KEY("departments"), .shapes = SHAPE_NAMED_MAPS | SHAPE_TEXTS,
		.child = SECTION_DEPARTMENT, .example = "departments: {support: {hours: weekdays}}",
		.help = "Departments that own touch points: a list of names, or a map with their hours.",
		.read = read_departments},
	{.section = SECTION_TOP, .key = KEY("systems"), .shapes = SHAPE_TEXTS,
		.example = "systems: [crm, warehouse]", .help = "Systems that touch points rest on.",
		.read = read_systems},
	{.section = SECTION_TOP, .key = KEY("channels"), .shapes = SHAPE_NAMED_TEXTS | SHAPE_TEXTS,
		.choices = channel_kind_names, .example = "channels: {web: digital, phone: contact-centre}",
		.help = "Channels and their kind. A list may name channels of the default set: web, app, phone, chat, "
			"email, sms, social, review-site, store, self-service, partner, courier, field, post, api.",
		.read = read_channels},
	{.section = SECTION_TOP, .key = KEY("measures"), .shapes = SHAPE_NAMED_MAPS, .child = SECTION_MEASURE,
		.example = "measures: {speed: {unit: Mbit/s, min: 0}}",
		.help = "Numbers that interactions carry besides the built-in nps, csat, ces, rating, wait, duration, "
			"delay, amount, resolved, sentiment, acsi-satisfaction, acsi-expectancy and acsi-ideal.",
		.read = read_measures},
	{.section = SECTION_TOP, .key = KEY("rating"), .shapes = SHAPE_MAP, .child = SECTION_RATING,
		.example = "rating: {min: 1, max: 5}", .help = "Scale of the measure rating; 1 to 5 when left out.",
		.read = read_rating},
	{.section = SECTION_TOP, .key = KEY("acsi"), .shapes = SHAPE_MAP, .child = SECTION_ACSI,
		.example = "acsi: {satisfaction: 2, expectancy: 1, ideal: 1}",
		.help = "Weights of the three items of the ACSI (Fornell et al. 1996); equal when left out.",
		.read = read_acsi},
	{.section = SECTION_TOP, .key = KEY("servqual"), .shapes = SHAPE_NAMED_MAPS, .child = SECTION_SERVQUAL,
		.example = "servqual: {reliability: {expected: rel-should, perceived: rel-is}}",
		.help = "SERVQUAL dimensions (Parasuraman, Zeithaml & Berry 1988): the measure of what was expected "
			"and that of what was perceived.",
		.read = read_servqual},
	{.section = SECTION_TOP, .key = KEY("dimensions"), .shapes = SHAPE_TEXTS | SHAPE_NAMED_MAPS,
		.child = SECTION_DIMENSION, .example = "dimensions: [product, region]",
		.help = "Properties that become columns to group and filter by: a list of names, or a map that says "
			"where they come from.",
		.read = read_dimensions},
	{.section = SECTION_TOP, .key = KEY("touchpoints"), .shapes = SHAPE_NAMED_MAPS, .required = true,
		.child = SECTION_TOUCHPOINT, .example = "touchpoints: {delivery: {stage: fulfilment}}",
		.help = "Touch points, by key. When the rules of several match an interaction, the first in this order "
			"gets it.",
		.read = read_touchpoints},
	{.section = SECTION_TOP, .key = KEY("loyalty"), .shapes = SHAPE_MAP, .child = SECTION_LOYALTY,
		.example = "loyalty: {half-life: 90d, purchases: [order]}",
		.help = "How the experience index forgets, and the rungs of the loyalty ladder.",
		.read = read_loyalty},

	{.section = SECTION_HOURS, .key = KEY("holidays"), .shapes = SHAPE_TEXTS,
		.example = "holidays: [2026-12-25]", .help = "Dates on which nobody works.", .read = read_holidays},
	{.section = SECTION_HOURS, .key = KEY(""), .pattern = DAY_PATTERN, .shapes = SHAPE_SPANS,
		.example = "mon-fri: [[08:00, 12:00], [13:00, 18:00]]",
		.help = "Hours of a day (mon … sun) or of a range of days: local times from and to. A shift may end "
			"after midnight: [22:00, 06:00].",
		.read = read_day},

	{.section = SECTION_DEPARTMENT, .key = KEY("hours"), .shapes = SHAPE_TEXT,
		.example = "hours: weekdays", .help = "A calendar declared under hours.",
		.read = read_department_hours},

	{.section = SECTION_MEASURE, .key = KEY("unit"), .shapes = SHAPE_TEXT, .example = "unit: Mbit/s",
		.help = "Unit of the values: a time unit (ms, s, min, h, d, w), %, the brand's currency (values are "
			"then in its minor unit), or any other. A plain number (1) when left out.",
		.read = read_measure_unit},
	{.section = SECTION_MEASURE, .key = KEY("min"), .shapes = SHAPE_QUANTITY, .example = "min: 0",
		.help = "Smallest value allowed; open when left out.", .read = read_measure_min},
	{.section = SECTION_MEASURE, .key = KEY("max"), .shapes = SHAPE_QUANTITY, .example = "max: 7",
		.help = "Largest value allowed; open when left out.", .read = read_measure_max},

	{.section = SECTION_RATING, .key = KEY("min"), .shapes = SHAPE_NUMBER, .required = true,
		.example = "min: 1", .help = "Worst rating.", .read = read_rating_min},
	{.section = SECTION_RATING, .key = KEY("max"), .shapes = SHAPE_NUMBER, .required = true,
		.example = "max: 5", .help = "Best rating.", .read = read_rating_max},

	{.section = SECTION_ACSI, .key = KEY("satisfaction"), .shapes = SHAPE_NUMBER, .required = true,
		.example = "satisfaction: 1", .help = "Weight of overall satisfaction.",
		.read = read_acsi_satisfaction},
	{.section = SECTION_ACSI, .key = KEY("expectancy"), .shapes = SHAPE_NUMBER, .required = true,
		.example = "expectancy: 1", .help = "Weight of the comparison with what was expected.",
		.read = read_acsi_expectancy},
	{.section = SECTION_ACSI, .key = KEY("ideal"), .shapes = SHAPE_NUMBER, .required = true,
		.example = "ideal: 1", .help = "Weight of the comparison with the ideal.", .read = read_acsi_ideal},

	{.section = SECTION_SERVQUAL, .key = KEY("expected"), .shapes = SHAPE_TEXT, .required = true,
		.example = "expected: reliability-expected", .help = "Measure of what should be.",
		.read = read_servqual_expected},
	{.section = SECTION_SERVQUAL, .key = KEY("perceived"), .shapes = SHAPE_TEXT, .required = true,
		.example = "perceived: reliability-perceived", .help = "Measure of what is.",
		.read = read_servqual_perceived},

	{.section = SECTION_DIMENSION, .key = KEY("from"), .shapes = SHAPE_TEXT,
		.example = "from: properties.order.region",
		.help = "Path of the property; properties.NAME when left out.", .read = read_dimension_from},

	{.section = SECTION_TOUCHPOINT, .key = KEY("name"), .shapes = SHAPE_TEXT,
		.example = "name: Delivery of the order", .help = "Name for people; the key when left out.",
		.read = read_touchpoint_name},
	{.section = SECTION_TOUCHPOINT, .key = KEY("stage"), .shapes = SHAPE_TEXT, .required = true,
		.example = "stage: fulfilment", .help = "One of the stages.", .read = read_touchpoint_stage},
	{.section = SECTION_TOUCHPOINT, .key = KEY("owner"), .shapes = SHAPE_TEXT,
		.example = "owner: logistics", .help = "One of the departments.", .read = read_touchpoint_owner},
	{.section = SECTION_TOUCHPOINT, .key = KEY("systems"), .shapes = SHAPE_TEXTS,
		.example = "systems: [warehouse]", .help = "Systems that it rests on.",
		.read = read_touchpoint_systems},
	{.section = SECTION_TOUCHPOINT, .key = KEY("channels"), .shapes = SHAPE_TEXTS,
		.example = "channels: [courier, store]",
		.help = "Channels that it is designed for. Does not restrict what matches.",
		.read = read_touchpoint_channels},
	{.section = SECTION_TOUCHPOINT, .key = KEY("importance"), .shapes = SHAPE_NUMBER,
		.example = "importance: 3", .help = "Relative weight, 0 to 1000; 1 when left out.",
		.read = read_touchpoint_importance},
	{.section = SECTION_TOUCHPOINT, .key = KEY("after"), .shapes = SHAPE_TEXTS,
		.example = "after: [order]", .help = "Touch points that come before it in the designed order.",
		.read = read_touchpoint_after},
	{.section = SECTION_TOUCHPOINT, .key = KEY("required"), .shapes = SHAPE_TEXT,
		.example = "required: true",
		.help = "true: a journey that gets to a later stage, or to a touch point that is after this one, has to "
			"have been here. false when left out.",
		.read = read_touchpoint_required},
	{.section = SECTION_TOUCHPOINT, .key = KEY("repeat"), .shapes = SHAPE_TEXT, .choices = repeat_names,
		.example = "repeat: once",
		.help = "once: a journey should come here once only. any (when left out): as often as it likes.",
		.read = read_touchpoint_repeat},
	{.section = SECTION_TOUCHPOINT, .key = KEY("match"), .shapes = SHAPE_MAPS, .child = SECTION_RULE,
		.example = "match: [{event: Order Delivered}]",
		.help = "Which interactions happen here: a list of alternatives; all conditions of one must hold.",
		.read = read_touchpoint_match},
	{.section = SECTION_TOUCHPOINT, .key = KEY("expect"), .shapes = SHAPE_NAMED_MAPS,
		.child = SECTION_EXPECTATION,
		.example = "expect: {on-time: {measure: delay, at most: 0, for: 95%}}",
		.help = "What should happen here, by name of the expectation.", .read = read_touchpoint_expect},

	{.section = SECTION_RULE, .key = KEY("event"), .shapes = SHAPE_TEXT | SHAPE_TEXTS,
		.example = "event: Order Delivered",
		.help = "Name of the event. A list means any of them; * at the start or end stands for any text.",
		.read = read_condition},
	{.section = SECTION_RULE, .key = KEY("source"), .shapes = SHAPE_TEXT | SHAPE_TEXTS,
		.example = "source: webshop", .help = "Where the interaction came from.", .read = read_condition},
	{.section = SECTION_RULE, .key = KEY("channel"), .shapes = SHAPE_TEXT | SHAPE_TEXTS,
		.example = "channel: phone", .help = "The channel.", .read = read_condition},
	{.section = SECTION_RULE, .key = KEY("agent"), .shapes = SHAPE_TEXT | SHAPE_TEXTS,
		.example = "agent: dealer-*", .help = "Who represented the brand.", .read = read_condition},
	{.section = SECTION_RULE, .key = KEY("location"), .shapes = SHAPE_TEXT | SHAPE_TEXTS,
		.example = "location: Hamburg", .help = "Where it happened.", .read = read_condition},
	{.section = SECTION_RULE, .key = KEY("properties."), .pattern = "^properties\\..+$",
		.shapes = SHAPE_TEXT | SHAPE_TEXTS, .example = "properties.status: delivered",
		.help = "A property, by its path.", .read = read_condition},

	{.section = SECTION_EXPECTATION, .key = KEY("measure"), .shapes = SHAPE_TEXT, .required = true,
		.example = "measure: wait", .help = "A built-in or declared measure.",
		.read = read_expectation_measure},
	{.section = SECTION_EXPECTATION, .key = KEY("at least"), .shapes = SHAPE_QUANTITY, .one_of = true,
		.example = "at least: 4.2", .help = "Target of a measure of which more is better.",
		.read = read_expectation_target},
	{.section = SECTION_EXPECTATION, .key = KEY("at most"), .shapes = SHAPE_QUANTITY, .one_of = true,
		.example = "at most: 2min", .help = "Target of a measure of which less is better.",
		.read = read_expectation_target},
	{.section = SECTION_EXPECTATION, .key = KEY("for"), .shapes = SHAPE_QUANTITY,
		.example = "for: 95%",
		.help = "Share of the interactions that must meet the target. Left out: the mean must.",
		.read = read_expectation_share},
	{.section = SECTION_EXPECTATION, .key = KEY("scale"), .shapes = SHAPE_QUANTITY,
		.example = "scale: 1d",
		.help = "Distance from the target that counts as a gap of 1. Left out: half the range of a bounded "
			"measure, else the target; for a target of 0 one day, one unit of the currency, or 1.",
		.read = read_expectation_scale},

	{.section = SECTION_LOYALTY, .key = KEY("half-life"), .shapes = SHAPE_QUANTITY,
		.example = "half-life: 90d",
		.help = "Time in which an experience loses half its weight in the experience index; 90 days when left "
			"out.",
		.read = read_loyalty_half_life},
	{.section = SECTION_LOYALTY, .key = KEY("loss-weight"), .shapes = SHAPE_NUMBER,
		.example = "loss-weight: 2",
		.help = "How many times a gap below 0 weighs one above (Kahneman & Tversky 1979); 2 when left out.",
		.read = read_loyalty_loss_weight},
	{.section = SECTION_LOYALTY, .key = KEY("purchases"), .shapes = SHAPE_TEXTS,
		.example = "purchases: [order, renewal]",
		.help = "Touch points that count as a purchase; those of the stages purchase and renewal when left "
			"out.",
		.read = read_loyalty_purchases},
	{.section = SECTION_LOYALTY, .key = KEY("referrals"), .shapes = SHAPE_TEXTS,
		.example = "referrals: [friend-invited]",
		.help = "Touch points that count as a referral; those of the stage advocacy when left out.",
		.read = read_loyalty_referrals},
	{.section = SECTION_LOYALTY, .key = KEY("rungs"), .shapes = SHAPE_NAMED_MAPS, .child = SECTION_RUNG,
		.example = "rungs: {at-risk: {}, loyal: {when: [{measure: purchases, at least: 2}]}}",
		.help = "The loyalty ladder from its lowest rung. A customer stands on the highest rung whose rules all "
			"hold. Left out: at-risk; satisfied (index at least 45); loyal (index at least 50, 2 purchases, "
			"a tenure of 180 days); advocate (index at least 50, latest nps at least 9).",
		.read = read_loyalty_rungs},

	{.section = SECTION_RUNG, .key = KEY("when"), .shapes = SHAPE_MAPS, .child = SECTION_LADDER_RULE,
		.example = "when: [{measure: index, at least: 50}, {measure: tenure, at least: 180d}]",
		.help = "Rules of the rung; all must hold.", .read = read_rung_when},

	{.section = SECTION_LADDER_RULE, .key = KEY("measure"), .shapes = SHAPE_TEXT, .required = true,
		.example = "measure: purchases",
		.help = "index (the experience index, 0 to 100), tenure (time since the first interaction), "
			"interactions, purchases, referrals, or a measure, whose latest value counts.",
		.read = read_ladder_measure},
	{.section = SECTION_LADDER_RULE, .key = KEY("at least"), .shapes = SHAPE_QUANTITY,
		.example = "at least: 2", .help = "Lower bound.", .read = read_ladder_target},
	{.section = SECTION_LADDER_RULE, .key = KEY("at most"), .shapes = SHAPE_QUANTITY,
		.example = "at most: 100", .help = "Upper bound.", .read = read_ladder_target},
};
// clang-format on
const uint32_t n_format_keys = sizeof(format_keys) / sizeof(format_keys[0]);

const char *format_section_name(enum section s)
{
	static const char *const names[SECTION_COUNT] = {"the corridor file", "a calendar of hours",
		"a department", "a measure", "rating", "acsi", "a servqual dimension", "a dimension",
		"a touch point", "a match rule", "an expectation", "loyalty", "a rung", "a rule of a rung"};
	return names[s];
}

static const struct {
	enum shape shape;
	const char *name;
} shape_names[] = {
	{SHAPE_TEXT, "a text"},
	{SHAPE_NUMBER, "a number"},
	{SHAPE_QUANTITY, "a quantity"},
	{SHAPE_TEXTS, "a list of texts"},
	{SHAPE_MAP, "a map"},
	{SHAPE_NAMED_MAPS, "a map of names"},
	{SHAPE_NAMED_TEXTS, "a map of names"},
	{SHAPE_MAPS, "a list of maps"},
	{SHAPE_SPANS, "a list of [from, to]"},
};

static bool all_items_are(const struct yaml_node *node, enum yaml_kind kind)
{
	for (uint32_t i = 0; i < node->n; i++)
		if (node->items[i]->kind != kind)
			return false;
	return true;
}

static bool shape_fits(unsigned shapes, const struct yaml_node *node)
{
	double v;
	switch (node->kind) {
	case YAML_IS_SCALAR:
		if (yaml_is_null(node))
			return (shapes & SHAPE_MAP) != 0;
		return (shapes & (SHAPE_TEXT | SHAPE_QUANTITY)) != 0 ||
		       ((shapes & SHAPE_NUMBER) && sv_to_double(node->scalar, &v));
	case YAML_IS_LIST:
		return ((shapes & SHAPE_TEXTS) && all_items_are(node, YAML_IS_SCALAR)) ||
		       ((shapes & SHAPE_MAPS) && all_items_are(node, YAML_IS_MAP)) || (shapes & SHAPE_SPANS);
	case YAML_IS_MAP:
		return (shapes & (SHAPE_MAP | SHAPE_NAMED_MAPS)) != 0 ||
		       ((shapes & SHAPE_NAMED_TEXTS) && all_items_are(node, YAML_IS_SCALAR));
	}
	return false;
}

static void report_shape(struct reader *r, const struct format_key *row, const struct yaml_node *key,
	const struct yaml_node *value)
{
	char wanted[128] = "";
	size_t used = 0;
	for (size_t i = 0; i < sizeof(shape_names) / sizeof(shape_names[0]); i++)
		if (row->shapes & shape_names[i].shape)
			used += (size_t)snprintf(wanted + used, sizeof(wanted) - used, "%s%s",
				used ? " or " : "", shape_names[i].name);
	char remedy[REMEDY_MAX];
	snprintf(remedy, sizeof(remedy), "write for example %s", row->example);
	const char *got = yaml_kind_name(value);
	if (value->kind == YAML_IS_SCALAR && !yaml_is_null(value))
		reader_problem(r, value, remedy, "%s must be %s, not \"%s\"", key->scalar.ptr, wanted,
			value->scalar.ptr);
	else if ((value->kind == YAML_IS_LIST && (row->shapes & (SHAPE_TEXTS | SHAPE_MAPS))) ||
		 (value->kind == YAML_IS_MAP && (row->shapes & SHAPE_NAMED_TEXTS)))
		reader_problem(
			r, value, remedy, "%s must be %s: an item of the wrong kind", key->scalar.ptr, wanted);
	else
		reader_problem(r, value, remedy, "%s must be %s, not %s", key->scalar.ptr, wanted, got);
}

static bool row_takes(const struct format_key *row, struct sv key)
{
	return row->pattern ? sv_starts(key, row->key) && key.len > row->key.len : sv_equal(row->key, key);
}

// The row of the table for a key; exact keys come before patterns. NULL = unknown.
static const struct format_key *row_find(enum section s, struct sv key)
{
	const struct format_key *found = NULL;
	for (uint32_t i = 0; i < n_format_keys; i++)
		if (format_keys[i].section == s && row_takes(&format_keys[i], key) &&
			(!found || found->pattern))
			found = &format_keys[i];
	return found;
}

static void report_unknown(struct reader *r, enum section s, const struct yaml_node *key)
{
	struct sv names[32];
	uint32_t n = 0;
	if (r->problems->n_errors >= DESIGN_PROBLEMS_MAX) { // nobody will read it
		r->problems->n_errors++;
		return;
	}
	for (uint32_t i = 0; i < n_format_keys && n < sizeof(names) / sizeof(names[0]); i++)
		if (format_keys[i].section == s && !format_keys[i].pattern)
			names[n++] = format_keys[i].key;
	char remedy[REMEDY_MAX];
	if (sv_equal(key->scalar, SV("<<")))
		snprintf(remedy, sizeof(remedy), "merge keys are not supported: repeat the keys");
	else
		remedy_names(remedy, key->scalar, names, n, "take it away");
	reader_problem(r, key, remedy, "unknown key \"%s\" in %s", key->scalar.ptr, format_section_name(s));
}

static void report_missing(struct reader *r, const struct format_key *row, const struct yaml_node *parent)
{
	char remedy[REMEDY_MAX];
	snprintf(remedy, sizeof(remedy), "add for example %s", row->example);
	if (row->section == SECTION_TOP)
		reader_problem(r, parent, remedy, "the key \"%s\" is missing", row->key.ptr);
	else
		reader_problem(r, parent, remedy, "%s needs the key \"%s\"", format_section_name(row->section),
			row->key.ptr);
}

// Reads the pairs of the map that belong to one row of the table.
static void read_row(struct reader *r, const struct format_key *row, const struct yaml_node *parent,
	const struct yaml_node *map, void *target)
{
	bool present = false;
	for (uint32_t i = 0; i < map->n && !r->nomem; i++) {
		if (!row_takes(row, map->keys[i]->scalar) ||
			row_find(row->section, map->keys[i]->scalar) != row)
			continue;
		present = true;
		if (shape_fits(row->shapes, map->items[i]))
			row->read(r, map->keys[i], map->items[i], target);
		else
			report_shape(r, row, map->keys[i], map->items[i]);
	}
	if (row->required && !present)
		report_missing(r, row, parent);
}

void format_read(struct reader *r, enum section s, const struct yaml_node *parent, const struct yaml_node *map,
	void *target)
{
	static const struct yaml_node nothing = {.kind = YAML_IS_MAP};
	if (yaml_is_null(map))
		map = &nothing;
	if (map->kind != YAML_IS_MAP) {
		reader_problem(r, map, "write a map: one \"key: value\" per line, indented",
			"%s must be a map, not %s", format_section_name(s), yaml_kind_name(map));
		return;
	}
	for (uint32_t i = 0; i < map->n && !r->nomem; i++)
		if (!row_find(s, map->keys[i]->scalar))
			report_unknown(r, s, map->keys[i]);
	for (uint32_t i = 0; i < n_format_keys && !r->nomem; i++)
		if (format_keys[i].section == s)
			read_row(r, &format_keys[i], parent, map, target);
}
