// SPDX-License-Identifier: Apache-2.0
// Fields of an interaction that questions can filter and group by. A field that is a name (touch point, channel,
// agent, …) compiles to a code column and, where the design derives it (stage and owner from the touch point, the
// kind from the channel), a table from code to value. One row in `fields` per field.
#include "measure/internal.h"

enum field_derivation {
	FIELD_AS_IS,
	FIELD_TOUCHPOINT,
	FIELD_STAGE,
	FIELD_OWNER,
	FIELD_CHANNEL,
	FIELD_CHANNEL_KIND
};

struct field {
	const char *name;
	enum attribute_kind kind;
	enum code_column column;
	enum name_kind names;
	enum field_derivation derivation;
};

static const struct field fields[] = {
	{"touchpoint", ATTRIBUTE_CODES, CODE_TOUCHPOINT, NAME_TOUCHPOINT, FIELD_TOUCHPOINT},
	{"stage", ATTRIBUTE_CODES, CODE_TOUCHPOINT, NAME_TOUCHPOINT, FIELD_STAGE},
	{"owner", ATTRIBUTE_CODES, CODE_TOUCHPOINT, NAME_TOUCHPOINT, FIELD_OWNER},
	{"channel", ATTRIBUTE_CODES, CODE_CHANNEL, NAME_CHANNEL, FIELD_CHANNEL},
	{"channel-kind", ATTRIBUTE_CODES, CODE_CHANNEL, NAME_CHANNEL, FIELD_CHANNEL_KIND},
	{"event", ATTRIBUTE_CODES, CODE_EVENT, NAME_EVENT, FIELD_AS_IS},
	{"source", ATTRIBUTE_CODES, CODE_SOURCE, NAME_SOURCE, FIELD_AS_IS},
	{"agent", ATTRIBUTE_CODES, CODE_AGENT, NAME_AGENT, FIELD_AS_IS},
	{"location", ATTRIBUTE_CODES, CODE_LOCATION, NAME_LOCATION, FIELD_AS_IS},
	{"at", ATTRIBUTE_TIME, CODE_COLUMNS, NAME_KINDS, FIELD_AS_IS},
	{"customer", ATTRIBUTE_CUSTOMER, CODE_COLUMNS, NAME_KINDS, FIELD_AS_IS},
	{"text", ATTRIBUTE_TEXT, CODE_COLUMNS, NAME_KINDS, FIELD_AS_IS},
};
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

// In the order of enum channel_kind.
static const char *const channel_kinds[] = {"digital", "contact-centre", "in-person", "partner", "public"};
#define N_CHANNEL_KINDS (sizeof(channel_kinds) / sizeof(channel_kinds[0]))

struct suggestion suggestion_new(struct sv wanted)
{
	return (struct suggestion){.wanted = wanted, .best = SV_NONE, .distance = UINT32_MAX};
}

void suggestion_add(struct suggestion *s, struct sv candidate)
{
	unsigned distance = sv_distance(s->wanted, candidate);
	if (distance < s->distance) {
		s->distance = distance;
		s->best = candidate;
	}
}

void suggestion_remedy(const struct suggestion *s, struct err *e, const char *otherwise)
{
	unsigned bound = s->wanted.len < 6 ? 2 : (unsigned)(s->wanted.len / 3);
	if (s->best.ptr && s->distance <= bound)
		err_remedy(e, "did you mean “%.*s”?", SV_ARG(s->best));
	else
		err_remedy(e, "%s", otherwise);
}

// The values of the design's list come first, in its order; names that are in the data and not (or no longer) in
// the design follow in order of code.
struct derived {
	uint32_t *map;
	struct sv *labels;
	uint32_t *rank;
	uint32_t n_values;
};

static enum rc derived_new(
	struct run *run, struct derived *d, uint32_t n_codes, uint32_t n_values, struct err *e)
{
	d->n_values = n_values;
	d->map = arena_array(run->scratch, n_codes, sizeof(*d->map));
	d->labels = arena_array(run->scratch, n_values, sizeof(*d->labels));
	d->rank = arena_array(run->scratch, n_values, sizeof(*d->rank));
	if (!d->map || !d->labels || !d->rank)
		return err_set(e, RC_NOMEM, "out of memory for the names of a field");
	d->labels[0] = SV("(none)");
	d->rank[0] = UINT32_MAX; // absent comes last
	for (uint32_t i = 1; i < n_values; i++)
		d->rank[i] = i;
	return RC_OK;
}

// Touch points and channels: declared ones by the design's order, then strangers.
static enum rc derive_declared(struct run *run, enum name_kind kind, uint32_t n_declared,
	struct sv (*declared)(const struct design *d, uint32_t i),
	uint32_t (*find)(const struct design *d, struct sv name), struct derived *d, struct err *e)
{
	uint32_t n_codes = names_count(run->names, kind);
	n_codes = n_codes ? n_codes : 1;
	if (derived_new(run, d, n_codes, n_declared + n_codes, e) != RC_OK)
		return e->rc;
	for (uint32_t i = 0; i < n_declared; i++)
		d->labels[i + 1] = declared(run->design, i);
	uint32_t next = n_declared + 1;
	for (uint32_t code = 1; code < n_codes; code++) {
		struct sv name = names_at(run->names, kind, code);
		uint32_t i = find(run->design, name);
		d->map[code] = i != DESIGN_NONE ? i + 1 : next;
		if (i == DESIGN_NONE)
			d->labels[next++] = name;
	}
	d->n_values = next;
	return RC_OK;
}

static struct sv touchpoint_name(const struct design *d, uint32_t i)
{
	return d->touchpoints[i].name;
}

static struct sv channel_name(const struct design *d, uint32_t i)
{
	return d->channels[i].name;
}

static struct sv stage_name(const struct design *d, uint32_t i)
{
	return d->stages[i];
}

static struct sv department_name(const struct design *d, uint32_t i)
{
	return d->departments[i];
}

static struct sv channel_kind_name(const struct design *d, uint32_t i)
{
	(void)d;
	return sv_from(channel_kinds[i]);
}

static uint32_t touchpoint_stage(const struct design *d, struct sv name)
{
	uint32_t i = design_touchpoint_find(d, name);
	return i == DESIGN_NONE ? DESIGN_NONE : d->touchpoints[i].stage;
}

static uint32_t touchpoint_owner(const struct design *d, struct sv name)
{
	uint32_t i = design_touchpoint_find(d, name);
	return i == DESIGN_NONE ? DESIGN_NONE : d->touchpoints[i].owner;
}

static uint32_t channel_kind_of(const struct design *d, struct sv name)
{
	uint32_t i = design_channel_find(d, name);
	return i == DESIGN_NONE ? DESIGN_NONE : (uint32_t)d->channels[i].kind;
}

// Stage, owner, kind: what the design says of the name behind the code.
static enum rc derive_attribute(struct run *run, enum name_kind kind, uint32_t n,
	uint32_t (*of)(const struct design *d, struct sv name),
	struct sv (*label)(const struct design *d, uint32_t i), struct derived *d, struct err *e)
{
	uint32_t n_codes = names_count(run->names, kind);
	n_codes = n_codes ? n_codes : 1;
	if (derived_new(run, d, n_codes, n + 1, e) != RC_OK)
		return e->rc;
	for (uint32_t i = 0; i < n; i++)
		d->labels[i + 1] = label(run->design, i);
	for (uint32_t code = 1; code < n_codes; code++) {
		uint32_t i = of(run->design, names_at(run->names, kind, code));
		d->map[code] = i < n ? i + 1 : 0;
	}
	return RC_OK;
}

static enum rc derive(struct run *run, enum field_derivation derivation, struct derived *d, struct err *e)
{
	const struct design *design = run->design;
	switch (derivation) {
	case FIELD_TOUCHPOINT:
		derive_declared(run, NAME_TOUCHPOINT, design->n_touchpoints, touchpoint_name,
			design_touchpoint_find, d, e);
		if (d->labels)
			d->labels[0] = SV("(unmatched)");
		return e->rc;
	case FIELD_CHANNEL:
		return derive_declared(
			run, NAME_CHANNEL, design->n_channels, channel_name, design_channel_find, d, e);
	case FIELD_STAGE:
		return derive_attribute(
			run, NAME_TOUCHPOINT, design->n_stages, touchpoint_stage, stage_name, d, e);
	case FIELD_OWNER:
		return derive_attribute(
			run, NAME_TOUCHPOINT, design->n_departments, touchpoint_owner, department_name, d, e);
	case FIELD_CHANNEL_KIND:
		return derive_attribute(
			run, NAME_CHANNEL, N_CHANNEL_KINDS, channel_kind_of, channel_kind_name, d, e);
	case FIELD_AS_IS:
		break;
	}
	return RC_OK;
}

static enum rc open_field(struct run *run, const struct field *f, struct attribute *a, struct err *e)
{
	a->kind = f->kind;
	a->column = f->column;
	a->names = f->names;
	if (f->kind != ATTRIBUTE_CODES)
		return RC_OK;
	a->n_codes = names_count(run->names, f->names);
	a->n_codes = a->n_codes ? a->n_codes : 1;
	a->n_values = a->n_codes;
	if (f->derivation == FIELD_AS_IS)
		return RC_OK;
	struct derived d = {0};
	struct err local = ERR_NONE;
	if (derive(run, f->derivation, &d, &local) != RC_OK)
		return err_take(e, &local);
	a->map = d.map;
	a->labels = d.labels;
	a->rank = d.rank;
	a->n_values = d.n_values;
	a->closed = true;
	return RC_OK;
}

static void open_dimension(struct run *run, uint32_t dimension, struct attribute *a)
{
	uint32_t slot = names_dimension_slot(run->names, run->design, dimension);
	a->kind = ATTRIBUTE_CODES;
	a->column = CODE_COLUMNS;
	a->n_codes = a->n_values = 1;
	a->names = NAME_DIMENSION0;
	if (slot == UINT32_MAX)
		return;
	a->column = (enum code_column)(CODE_DIMENSION0 + (int)slot);
	a->names = (enum name_kind)(NAME_DIMENSION0 + (int)slot);
	a->n_codes = names_count(run->names, a->names);
	a->n_codes = a->n_codes ? a->n_codes : 1;
	a->n_values = a->n_codes;
}

static enum rc unknown_field(const struct run *run, struct sv name, struct err *e)
{
	struct suggestion s = suggestion_new(name);
	for (size_t i = 0; i < N_FIELDS; i++)
		suggestion_add(&s, sv_from(fields[i].name));
	for (uint32_t i = 0; i < run->design->n_dimensions; i++)
		suggestion_add(&s, run->design->dimensions[i]);
	for (uint32_t i = 0; i < run->design->n_measures; i++)
		suggestion_add(&s, run->design->measures[i].name);
	person_fields_suggest(&s);
	err_set(e, RC_USAGE, "unknown field “%.*s”", SV_ARG(name));
	suggestion_remedy(&s, e,
		"fields: touchpoint stage owner channel channel-kind event source agent location at customer "
		"text, "
		"the dimensions and measures of the corridor file, and of the person index ladder tenure "
		"first.NAME "
		"last.NAME");
	return RC_USAGE;
}

enum rc attribute_open(struct run *run, struct sv name, struct attribute *out, struct err *e)
{
	*out = (struct attribute){.name = name, .column = CODE_COLUMNS};
	for (size_t i = 0; i < N_FIELDS; i++)
		if (sv_equal(name, sv_from(fields[i].name)))
			return open_field(run, &fields[i], out, e);
	uint32_t dimension = design_dimension_find(run->design, name);
	if (dimension != DESIGN_NONE) {
		open_dimension(run, dimension, out);
		return RC_OK;
	}
	uint32_t measure = design_measure_find(run->design, name);
	if (measure == DESIGN_NONE)
		return person_field_named(name) ? person_field_open(run, name, out, e)
						: unknown_field(run, name, e);
	out->kind = ATTRIBUTE_MEASURE;
	out->measure = measure;
	return RC_OK;
}

struct sv attribute_label(const struct run *run, const struct attribute *a, uint32_t value)
{
	if (a->labels)
		return value < a->n_values ? a->labels[value] : SV_NONE;
	return value == 0 ? SV("(none)") : names_at(run->names, a->names, value);
}
