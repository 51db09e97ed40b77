// SPDX-License-Identifier: Apache-2.0
// Interactions for an export, from a selection of the store. Memory: one span and one person's identities.
//
// The store knows which identities a person has, not with which interaction each came. They are told with the
// person's interactions in their order, the deciding one always and up to seven more with each, so that an import of
// the export finds them all in the same order.
#include "cli/export.h"

#include "base/mem.h"

#include <math.h>

struct export_rows {
	struct snapshot *snapshot;
	const struct design *design;
	const struct names *names;
	struct selection *selection;
	const struct span *span;
	const uint8_t *keep;
	uint32_t at, person; // next row, and the person of the span that it belongs to
	bool person_begun;
	uint64_t last_person;
	bool any_person;
	uint32_t measure_at[DESIGN_MEASURES_MAX]; // by slot: where its sparse column stands
	uint32_t measure_slot[DESIGN_MEASURES_MAX], dimension_slot[DESIGN_DIMENSIONS_MAX];
	struct sv *identities; // of the person
	uint32_t n_identities, n_told;
	struct arena *person_arena, *row_arena;
	struct export_row row;
};

static struct scan_columns columns_of(struct export_rows *x)
{
	struct scan_columns c = {.received = true,
		.touchpoint = true,
		.channel = true,
		.event = true,
		.source = true,
		.agent = true,
		.location = true,
		.promise = true,
		.due = true,
		.keeps = true};
	for (uint32_t i = 0; i < x->design->n_measures; i++) {
		x->measure_slot[i] = names_measure_slot(x->names, x->design, i);
		if (x->measure_slot[i] < DESIGN_MEASURES_MAX)
			c.measures |= UINT64_C(1) << x->measure_slot[i];
	}
	for (uint32_t i = 0; i < x->design->n_dimensions; i++) {
		x->dimension_slot[i] = names_dimension_slot(x->names, x->design, i);
		if (x->dimension_slot[i] < DESIGN_DIMENSIONS_MAX)
			c.dimensions |= 1u << x->dimension_slot[i];
	}
	return c;
}

enum rc export_rows_open(struct snapshot *sn, const struct query *q, struct export_rows **out, struct err *e)
{
	struct export_rows *x = mem_calloc(1, sizeof(*x));
	*out = x;
	if (!x)
		return err_set(e, RC_NOMEM, "out of memory for the export");
	x->snapshot = sn;
	x->design = snapshot_design(sn);
	x->names = snapshot_names(sn);
	x->person_arena = arena_new(0);
	x->row_arena = arena_new(0);
	struct scan_columns columns = columns_of(x);
	enum rc rc = x->person_arena && x->row_arena ? selection_open(sn, q, &columns, &x->selection, e)
						     : err_set(e, RC_NOMEM, "out of memory for the export");
	if (rc != RC_OK)
		export_rows_close(out);
	return rc;
}

void export_rows_close(struct export_rows **xp)
{
	struct export_rows *x = *xp;
	if (!x)
		return;
	selection_close(&x->selection);
	arena_free(&x->person_arena);
	arena_free(&x->row_arena);
	mem_free(x);
	*xp = NULL;
}

// Goes to the next selected row; x->span NULL at the end.
static enum rc settle(struct export_rows *x, struct err *e)
{
	for (;;) {
		while (x->span && x->at < x->span->n && x->keep && !x->keep[x->at])
			x->at++;
		if (x->span && x->at < x->span->n)
			return RC_OK;
		enum rc rc = selection_next(x->selection, &x->span, &x->keep, e);
		if (rc != RC_OK || !x->span)
			return rc;
		x->at = x->person = 0;
		memset(x->measure_at, 0, sizeof(x->measure_at));
	}
}

static enum rc person_open(struct export_rows *x, struct err *e)
{
	while (x->at >= x->span->person_start[x->person + 1])
		x->person++;
	uint64_t person = x->span->person[x->person];
	x->row.first = !x->any_person || person != x->last_person;
	if (!x->row.first)
		return RC_OK;
	x->any_person = true;
	x->last_person = person;
	x->n_told = 1;
	arena_reset(x->person_arena);
	enum rc rc =
		snapshot_identities(x->snapshot, person, x->person_arena, &x->identities, &x->n_identities, e);
	if (rc == RC_OK && x->n_identities == 0)
		rc = err_set(e, RC_CORRUPT, "a person has no identity; see corridor verify");
	return rc;
}

static void take_identities(struct export_rows *x)
{
	struct export_row *r = &x->row;
	r->customer = r->identities[0] = x->identities[0];
	r->n_identities = 1;
	while (r->n_identities < INTERACTION_IDENTITIES_MAX && x->n_told < x->n_identities)
		r->identities[r->n_identities++] = x->identities[x->n_told++];
}

static struct sv name_of(const struct export_rows *x, enum code_column column, enum name_kind kind)
{
	const uint32_t *codes = x->span->code[column];
	return codes ? names_at(x->names, kind, codes[x->at]) : SV_NONE;
}

static void take_names(struct export_rows *x)
{
	struct export_row *r = &x->row;
	const struct design *d = x->design;
	r->touchpoint = name_of(x, CODE_TOUCHPOINT, NAME_TOUCHPOINT);
	r->channel = name_of(x, CODE_CHANNEL, NAME_CHANNEL);
	r->event = name_of(x, CODE_EVENT, NAME_EVENT);
	r->source = name_of(x, CODE_SOURCE, NAME_SOURCE);
	r->agent = name_of(x, CODE_AGENT, NAME_AGENT);
	r->location = name_of(x, CODE_LOCATION, NAME_LOCATION);
	r->stage = r->owner = SV_NONE;
	uint32_t t = r->touchpoint.len ? design_touchpoint_find(d, r->touchpoint) : DESIGN_NONE;
	if (t != DESIGN_NONE) {
		r->stage = d->stages[d->touchpoints[t].stage];
		if (d->touchpoints[t].owner != DESIGN_NONE)
			r->owner = d->departments[d->touchpoints[t].owner];
	}
	for (uint32_t i = 0; i < d->n_dimensions; i++) {
		uint32_t slot = x->dimension_slot[i];
		r->dimensions[i] = slot < DESIGN_DIMENSIONS_MAX
					   ? name_of(x, (enum code_column)(CODE_DIMENSION0 + slot),
						     (enum name_kind)(NAME_DIMENSION0 + slot))
					   : SV_NONE;
	}
}

static double measure_of(struct export_rows *x, uint32_t slot)
{
	if (slot >= DESIGN_MEASURES_MAX || !x->span->measures)
		return (double)NAN;
	const struct sparse_values *values = &x->span->measures[slot];
	uint32_t *at = &x->measure_at[slot];
	while (*at < values->n && values->row[*at] < x->at)
		++*at;
	return *at < values->n && values->row[*at] == x->at ? values->value[*at] : (double)NAN;
}

static enum rc take_cold(struct export_rows *x, struct err *e)
{
	struct export_row *r = &x->row;
	const struct span *span = x->span;
	const struct {
		enum cold what;
		struct sv *out;
		bool wanted;
	} fields[] = {{COLD_ID, &r->id, true},
		{COLD_PROMISE, &r->promise, span->promise && span->promise[x->at]},
		{COLD_KEEPS, &r->keeps, span->keeps && span->keeps[x->at]}, {COLD_TEXT, &r->text, true},
		{COLD_PROPERTIES, &r->properties, true}};
	enum rc rc = RC_OK;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]) && rc == RC_OK; i++) {
		*fields[i].out = SV_NONE;
		if (fields[i].wanted)
			rc = snapshot_cold(x->snapshot, span->locator[x->at], fields[i].what, x->row_arena,
				fields[i].out, e);
	}
	return rc;
}

enum rc export_rows_next(struct export_rows *x, const struct export_row **row, struct err *e)
{
	*row = NULL;
	enum rc rc = settle(x, e);
	if (rc != RC_OK || !x->span)
		return rc;
	arena_reset(x->row_arena);
	rc = person_open(x, e);
	if (rc == RC_OK)
		rc = take_cold(x, e);
	if (rc != RC_OK)
		return rc;
	struct export_row *r = &x->row;
	take_identities(x);
	take_names(x);
	for (uint32_t i = 0; i < x->design->n_measures; i++)
		r->measures[i] = measure_of(x, x->measure_slot[i]);
	r->at_ms = x->span->at[x->at];
	r->received_ms = x->span->received ? x->span->received[x->at] : TIME_NONE;
	r->due_ms = x->span->due ? x->span->due[x->at] : TIME_NONE;
	x->at++;
	*row = r;
	return RC_OK;
}
