// SPDX-License-Identifier: Apache-2.0
// What touch points refer to: stages, departments, systems, channels, measures and dimensions, with their defaults.
#include "design/internal.h"

#include <math.h>
#include <stdio.h>

static const struct sv default_stages[] = {{"awareness", 9}, {"discovery", 9}, {"purchase", 8},
	{"fulfilment", 10}, {"onboarding", 10}, {"use", 3}, {"billing", 7}, {"support", 7}, {"renewal", 7},
	{"advocacy", 8}};

static const struct design_channel default_channels[] = {
	{{"web", 3}, CHANNEL_DIGITAL},
	{{"app", 3}, CHANNEL_DIGITAL},
	{{"phone", 5}, CHANNEL_CONTACT_CENTRE},
	{{"chat", 4}, CHANNEL_CONTACT_CENTRE},
	{{"email", 5}, CHANNEL_DIGITAL},
	{{"sms", 3}, CHANNEL_DIGITAL},
	{{"social", 6}, CHANNEL_PUBLIC},
	{{"review-site", 11}, CHANNEL_PUBLIC},
	{{"store", 5}, CHANNEL_IN_PERSON},
	{{"self-service", 12}, CHANNEL_DIGITAL},
	{{"partner", 7}, CHANNEL_PARTNER},
	{{"courier", 7}, CHANNEL_PARTNER},
	{{"field", 5}, CHANNEL_IN_PERSON},
	{{"post", 4}, CHANNEL_DIGITAL},
	{{"api", 3}, CHANNEL_DIGITAL},
};

// NPS is asked from 0 to 10, CSAT from 1 to 5, CES 2.0 from 1 to 7, the ACSI items from 1 to 10.
static const struct {
	struct sv name, unit;
	double min, max;
} builtin[] = {
	{{"nps", 3}, {"1", 1}, 0, 10},
	{{"csat", 4}, {"1", 1}, 1, 5},
	{{"ces", 3}, {"1", 1}, 1, 7},
	{{"rating", 6}, {"1", 1}, 1, 5},
	{{"wait", 4}, {"s", 1}, 0, HUGE_VAL},
	{{"duration", 8}, {"s", 1}, 0, HUGE_VAL},
	{{"delay", 5}, {"s", 1}, -HUGE_VAL, HUGE_VAL},
	{{"amount", 6}, {"minor", 5}, -HUGE_VAL, HUGE_VAL},
	{{"resolved", 8}, {"1", 1}, 0, 1},
	{{"sentiment", 9}, {"1", 1}, -1, 1},
	{{"acsi-satisfaction", 17}, {"1", 1}, 1, 10},
	{{"acsi-expectancy", 15}, {"1", 1}, 1, 10},
	{{"acsi-ideal", 10}, {"1", 1}, 1, 10},
};
#define N_BUILTIN (sizeof(builtin) / sizeof(builtin[0]))
#define BUILTIN_RATING 3

uint32_t design_builtin_count(void)
{
	return N_BUILTIN;
}

void design_defaults(struct reader *r)
{
	struct design *d = r->d;
	d->currency = SV("XXX");
	d->currency_digits = 2;
	d->rating_min = builtin[BUILTIN_RATING].min;
	d->rating_max = builtin[BUILTIN_RATING].max;
	for (int i = 0; i < 3; i++)
		d->acsi_weights[i] = 1.0 / 3;
	d->n_stages = sizeof(default_stages) / sizeof(default_stages[0]);
	d->n_channels = sizeof(default_channels) / sizeof(default_channels[0]);
	d->stages = reader_array(r, d->n_stages, sizeof(*d->stages));
	d->channels = reader_array(r, d->n_channels, sizeof(*d->channels));
	d->measures = reader_array(r, DESIGN_MEASURES_MAX, sizeof(*d->measures));
	d->paths = reader_array(r, DESIGN_PATHS_MAX, sizeof(*d->paths));
	d->dimensions = reader_array(r, DESIGN_DIMENSIONS_MAX, sizeof(*d->dimensions));
	d->dimension_path = reader_array(r, DESIGN_DIMENSIONS_MAX, sizeof(*d->dimension_path));
	if (r->nomem)
		return;
	memcpy(d->stages, default_stages, sizeof(default_stages));
	memcpy(d->channels, default_channels, sizeof(default_channels));
	for (uint32_t i = 0; i < N_BUILTIN; i++)
		d->measures[i] = (struct design_measure){builtin[i].name, builtin[i].unit, builtin[i].min,
			builtin[i].max, isfinite(builtin[i].min) && isfinite(builtin[i].max)};
	d->n_measures = N_BUILTIN;
}

void read_version(struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	double v = 0;
	(void)key;
	(void)target;
	if (sv_to_double(value->scalar, &v) && v == DESIGN_FORMAT_VERSION)
		return;
	reader_problem(r, value,
		v > DESIGN_FORMAT_VERSION ? "use a newer corridor program, or write corridor: 1"
					  : "write corridor: 1",
		"format version %s is not supported", value->scalar.ptr);
}

void read_brand(struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)key;
	struct design *d = target;
	if (reader_name_ok(r, value, "brand"))
		d->brand = reader_copy(r, value->scalar);
}

void read_timezone(struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)key;
	struct design *d = target;
	struct err e = ERR_NONE;
	enum rc rc = tz_open(value->scalar, &d->tz, &e);
	if (rc == RC_NOMEM)
		r->nomem = true;
	else if (rc != RC_OK)
		reader_problem(r, value, e.remedy[0] ? e.remedy : "write an IANA name such as Europe/Berlin",
			"%s", e.message);
	else
		d->timezone = reader_copy(r, value->scalar);
}

void read_currency(struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)key;
	struct design *d = target;
	d->currency =
		reader_copy(r, value->scalar); // a wrong one too, so that amounts in it are not called wrong
	if (!currency_digits(value->scalar, &d->currency_digits))
		reader_problem(r, value, "write the ISO 4217 code: three capital letters such as EUR",
			"unknown currency \"%s\"", value->scalar.ptr);
}

void read_stages(struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct design *d = target;
	reader_names(r, value, "stage", &d->stages, &d->n_stages);
	if (value->n == 0)
		reader_problem(
			r, key, "name at least one, or leave the key out", "the list of stages is empty");
}

void read_systems(struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)key;
	struct design *d = target;
	reader_names(r, value, "system", &d->systems, &d->n_systems);
}

// `channels: [web, phone]`: names of the default set.
static void channels_of_list(struct reader *r, const struct yaml_node *list, struct design *d)
{
	struct sv known[sizeof(default_channels) / sizeof(default_channels[0])], *names;
	uint32_t n_known = sizeof(known) / sizeof(known[0]), n;
	for (uint32_t i = 0; i < n_known; i++)
		known[i] = default_channels[i].name;
	reader_names(r, list, "channel", &names, &n);
	d->channels = reader_array(r, list->n, sizeof(*d->channels));
	d->n_channels = 0;
	for (uint32_t i = 0; i < list->n && d->n_channels < n && !r->nomem; i++) {
		uint32_t at = 0;
		while (at < n_known && !sv_equal(known[at], list->items[i]->scalar))
			at++;
		if (at < n_known && design_channel_find(d, known[at]) == DESIGN_NONE)
			d->channels[d->n_channels++] = default_channels[at];
		else if (at == n_known)
			reader_problem(r, list->items[i],
				"write a map that gives its kind: digital, contact-centre, in-person, partner "
				"or public",
				"the channel \"%s\" has no default kind", list->items[i]->scalar.ptr);
	}
}

void read_channels(struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct design *d = target;
	if (value->n == 0)
		reader_problem(r, key, "name at least one, or leave the key out", "there are no channels");
	if (value->kind == YAML_IS_LIST) {
		channels_of_list(r, value, d);
		return;
	}
	struct sv kinds[8];
	uint32_t n_kinds = 0;
	for (; channel_kind_names[n_kinds]; n_kinds++)
		kinds[n_kinds] = sv_from(channel_kind_names[n_kinds]);
	uint32_t limit = value->n < DESIGN_LIST_MAX ? value->n : DESIGN_LIST_MAX;
	if (value->n > limit)
		reader_problem(r, value, "use fewer channels", "more than %d channels", DESIGN_LIST_MAX);
	d->channels = reader_array(r, limit, sizeof(*d->channels));
	d->n_channels = 0;
	for (uint32_t i = 0; i < limit && !r->nomem; i++) {
		if (!reader_name_ok(r, value->keys[i], "channel"))
			continue;
		uint32_t kind = reader_find(r, value->items[i], "kind of channel", kinds, n_kinds);
		d->channels[d->n_channels++] = (struct design_channel){reader_copy(r, value->keys[i]->scalar),
			kind == DESIGN_NONE ? CHANNEL_DIGITAL : (enum channel_kind)kind};
	}
}

void read_departments(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct design *d = target;
	(void)key;
	if (value->kind == YAML_IS_LIST) {
		reader_names(r, value, "department", &d->departments, &d->n_departments);
		d->department_hours = reader_array(r, d->n_departments, sizeof(*d->department_hours));
		for (uint32_t i = 0; i < d->n_departments && !r->nomem; i++)
			d->department_hours[i] = DESIGN_NONE;
		return;
	}
	uint32_t limit = value->n < DESIGN_LIST_MAX ? value->n : DESIGN_LIST_MAX;
	if (value->n > limit)
		reader_problem(r, value, "use fewer departments", "more than %d departments", DESIGN_LIST_MAX);
	d->departments = reader_array(r, limit, sizeof(*d->departments));
	d->department_hours = reader_array(r, limit, sizeof(*d->department_hours));
	for (uint32_t i = 0; i < limit && !r->nomem; i++) {
		if (!reader_name_ok(r, value->keys[i], "department"))
			continue;
		uint32_t at = d->n_departments++;
		d->departments[at] = reader_copy(r, value->keys[i]->scalar);
		d->department_hours[at] = DESIGN_NONE;
		format_read(r, SECTION_DEPARTMENT, value->keys[i], value->items[i], &d->department_hours[at]);
	}
}

void read_department_hours(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	uint32_t *hours = target;
	(void)key;
	struct sv *names = reader_array(r, r->d->n_hours, sizeof(*names));
	if (r->nomem)
		return;
	for (uint32_t i = 0; i < r->d->n_hours; i++)
		names[i] = r->d->hours[i].name;
	for (uint32_t i = 0; i < r->d->n_hours; i++)
		if (sv_equal(names[i], value->scalar)) {
			*hours = i;
			return;
		}
	char remedy[REMEDY_MAX];
	reader_problem(r, value,
		remedy_names(remedy, value->scalar, names, r->d->n_hours, "declare the calendar under hours"),
		"unknown hours \"%s\"", value->scalar.ptr);
}

// Filters, groups and SQL name fields, measures and dimensions side by side, so no two of them may share a name.
static bool column_name_free(struct reader *r, const struct yaml_node *key, const char *what)
{
	static const char *const fields[] = {"id", "person", "at", "received", "touchpoint", "stage", "owner",
		"channel", "channel-kind", "event", "source", "agent", "location", "promise", "due", "keeps",
		"text", "properties", "hour", "day", "week", "month", "quarter", "year"};
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (sv_equal_nocase(sv_from(fields[i]), key->scalar)) {
			reader_problem(r, key, "choose another name",
				"a %s cannot be called \"%s\": that is a field of every interaction", what,
				key->scalar.ptr);
			return false;
		}
	}
	return true;
}

void read_measures(struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct design *d = target;
	(void)key;
	for (uint32_t i = 0; i < value->n && !r->nomem; i++) {
		const struct yaml_node *name = value->keys[i];
		if (!reader_name_ok(r, name, "measure") || !column_name_free(r, name, "measure"))
			continue;
		if (design_measure_find(d, name->scalar) != DESIGN_NONE) {
			reader_problem(r, name, "take it away, or choose another name",
				"the measure \"%s\" is built in", name->scalar.ptr);
			continue;
		}
		if (d->n_measures == DESIGN_MEASURES_MAX) {
			reader_problem(r, name, "use fewer", "more than %d measures, with the built-in ones",
				DESIGN_MEASURES_MAX);
			return;
		}
		struct design_measure *m = &d->measures[d->n_measures++];
		*m = (struct design_measure){reader_copy(r, name->scalar), SV("1"), -HUGE_VAL, HUGE_VAL, false};
		format_read(r, SECTION_MEASURE, name, value->items[i], m);
		m->bounded = isfinite(m->min) && isfinite(m->max);
		if (m->min >= m->max)
			reader_problem(r, name, "make max larger than min", "the range of \"%s\" is empty",
				name->scalar.ptr);
	}
}

void read_measure_unit(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct design_measure *m = target;
	(void)key;
	struct sv unit = sv_trim(value->scalar);
	uint32_t digits;
	bool digit = unit.len > 0 && (unit.ptr[0] == '.' || (unit.ptr[0] >= '0' && unit.ptr[0] <= '9'));
	if (sv_equal(unit, r->d->currency))
		m->unit = SV("minor");
	else if (currency_digits(unit, &digits))
		reader_problem(r, value, "write the brand's currency, or convert before import",
			"bad unit: %s is not the currency of this corridor, %s", unit.ptr, r->d->currency.ptr);
	else if (unit.len == 0 || unit.len > 32 || (digit && !sv_equal(unit, SV("1"))))
		reader_problem(r, value,
			"write a time unit (ms, s, min, h, d, w), %, the currency, or a word such as Mbit/s",
			"bad unit \"%s\"", value->scalar.ptr);
	else
		m->unit = reader_copy(r, unit);
}

void read_measure_min(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct design_measure *m = target;
	(void)key;
	reader_quantity(r, value, m->unit, &m->min);
}

void read_measure_max(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct design_measure *m = target;
	(void)key;
	reader_quantity(r, value, m->unit, &m->max);
}

void read_rating(struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct design *d = target;
	format_read(r, SECTION_RATING, key, value, d);
	if (d->rating_min >= d->rating_max)
		reader_problem(r, key, "make max larger than min", "the scale of rating is empty");
	d->measures[BUILTIN_RATING].min = d->rating_min;
	d->measures[BUILTIN_RATING].max = d->rating_max;
}

void read_rating_min(struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)key;
	struct design *d = target;
	reader_number(r, value, "min", -1e9, 1e9, &d->rating_min);
}

void read_rating_max(struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)key;
	struct design *d = target;
	reader_number(r, value, "max", -1e9, 1e9, &d->rating_max);
}

void read_acsi(struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct design *d = target;
	format_read(r, SECTION_ACSI, key, value, d->acsi_weights);
	double sum = d->acsi_weights[0] + d->acsi_weights[1] + d->acsi_weights[2];
	if (!(sum > 0))
		reader_problem(
			r, key, "give at least one item a weight above 0", "the weights of acsi are all 0");
	for (int i = 0; i < 3 && sum > 0; i++)
		d->acsi_weights[i] /= sum;
}

void read_acsi_satisfaction(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)key;
	double *weights = target;
	reader_number(r, value, "a weight", 0, 1000, &weights[0]);
}

void read_acsi_expectancy(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)key;
	double *weights = target;
	reader_number(r, value, "a weight", 0, 1000, &weights[1]);
}

void read_acsi_ideal(struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)key;
	double *weights = target;
	reader_number(r, value, "a weight", 0, 1000, &weights[2]);
}

void read_servqual(struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct design *d = target;
	(void)key;
	uint32_t limit = value->n < DESIGN_MEASURES_MAX ? value->n : DESIGN_MEASURES_MAX;
	if (value->n > limit)
		reader_problem(r, value, "use fewer", "more than %d servqual dimensions", DESIGN_MEASURES_MAX);
	d->servqual = reader_array(r, limit, sizeof(*d->servqual));
	for (uint32_t i = 0; i < limit && !r->nomem; i++) {
		if (!reader_name_ok(r, value->keys[i], "servqual dimension"))
			continue;
		struct design_servqual pair = {
			reader_copy(r, value->keys[i]->scalar), DESIGN_NONE, DESIGN_NONE};
		format_read(r, SECTION_SERVQUAL, value->keys[i], value->items[i], &pair);
		if (pair.expected == pair.perceived && pair.expected != DESIGN_NONE)
			reader_problem(r, value->keys[i], "ask both: what should be, and what is",
				"expected and perceived are the same measure");
		d->servqual[d->n_servqual++] = pair;
	}
}

static uint32_t find_measure(struct reader *r, const struct yaml_node *value)
{
	struct sv names[DESIGN_MEASURES_MAX];
	for (uint32_t i = 0; i < r->d->n_measures; i++)
		names[i] = r->d->measures[i].name;
	return reader_find(r, value, "measure", names, r->d->n_measures);
}

void read_servqual_expected(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)key;
	struct design_servqual *pair = target;
	pair->expected = find_measure(r, value);
}

void read_servqual_perceived(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)key;
	struct design_servqual *pair = target;
	pair->perceived = find_measure(r, value);
}

void read_expectation_measure(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)key;
	struct expectation *x = target;
	x->measure = find_measure(r, value);
}

uint32_t reader_path(struct reader *r, const struct yaml_node *at, struct sv path)
{
	struct design *d = r->d;
	struct sv rest = path;
	bool fine = sv_starts(path, SV("properties.")) && path.len <= DESIGN_PATTERN_MAX_BYTES;
	while (fine && rest.ptr)
		fine = sv_cut(rest, '.', &rest).len > 0;
	if (!fine) {
		reader_problem(r, at, "write properties.NAME, or properties.NAME.NAME for a nested one",
			"\"%.100s\" is no path of a property", path.ptr);
		return DESIGN_NONE;
	}
	uint32_t found = design_path_find(d, path);
	if (found != DESIGN_NONE)
		return found;
	if (d->n_paths == DESIGN_PATHS_MAX) {
		reader_problem(r, at, "use fewer",
			"more than %d different properties in match rules and dimensions", DESIGN_PATHS_MAX);
		return DESIGN_NONE;
	}
	d->paths[d->n_paths] = reader_copy(r, path);
	return r->nomem ? DESIGN_NONE : d->n_paths++;
}

static void read_dimension(struct reader *r, const struct yaml_node *key, const struct yaml_node *value)
{
	struct design *d = r->d;
	if (!reader_name_ok(r, key, "dimension") || !column_name_free(r, key, "dimension"))
		return;
	if (design_measure_find(d, key->scalar) != DESIGN_NONE) {
		reader_problem(r, key, "choose another name and give the property with {from: properties.…}",
			"the dimension \"%s\" has the name of a measure", key->scalar.ptr);
		return;
	}
	if (design_dimension_find(d, key->scalar) != DESIGN_NONE) {
		reader_problem(r, key, "keep one of them", "duplicate dimension \"%s\"", key->scalar.ptr);
		return;
	}
	if (d->n_dimensions == DESIGN_DIMENSIONS_MAX) {
		reader_problem(r, key, "use fewer", "more than %d dimensions", DESIGN_DIMENSIONS_MAX);
		return;
	}
	struct sv from = SV_NONE;
	if (value)
		format_read(r, SECTION_DIMENSION, key, value, &from);
	if (r->nomem)
		return;
	if (!from.ptr)
		from = arena_printf(r->a, "properties.%s", key->scalar.ptr);
	if (!from.ptr) {
		r->nomem = true;
		return;
	}
	const struct yaml_node *at = value && yaml_get(value, SV("from")) ? yaml_get(value, SV("from")) : key;
	uint32_t path = reader_path(r, at, from);
	if (path == DESIGN_NONE)
		return;
	d->dimension_path[d->n_dimensions] = path;
	d->dimensions[d->n_dimensions++] = reader_copy(r, key->scalar);
}

void read_dimensions(struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)key;
	(void)target;
	bool list = value->kind == YAML_IS_LIST;
	for (uint32_t i = 0; i < value->n && !r->nomem; i++)
		read_dimension(r, list ? value->items[i] : value->keys[i], list ? NULL : value->items[i]);
}

void read_dimension_from(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)key;
	struct sv *from = target;
	*from = reader_copy(r, value->scalar);
}
