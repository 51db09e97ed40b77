// SPDX-License-Identifier: Apache-2.0
// Names of a design: finding things by them, writing measures under them. Touch points, which may be many, by an
// open-addressing table of indices that is at most half full; the others, of which there are few, by looking through them.
#include "base/hash.h"
#include "base/json.h"
#include "design/internal.h"

struct design_names {
	uint32_t *slots; // index of a touch point, or DESIGN_NONE
	uint32_t mask;
};

struct design_names *design_names_index(struct arena *a, const struct design *d)
{
	struct design_names *index = arena_alloc(a, sizeof(*index));
	if (!index)
		return NULL;
	uint32_t size = 4;
	while (size < d->n_touchpoints * 2)
		size *= 2;
	index->mask = size - 1;
	index->slots = arena_array(a, size, sizeof(*index->slots));
	if (!index->slots)
		return NULL;
	memset(index->slots, 0xff, size * sizeof(*index->slots));
	for (uint32_t i = 0; i < d->n_touchpoints; i++) {
		struct sv name = d->touchpoints[i].name;
		uint32_t at = (uint32_t)hash64(name.ptr, name.len) & index->mask;
		while (index->slots[at] != DESIGN_NONE)
			at = (at + 1) & index->mask;
		index->slots[at] = i;
	}
	return index;
}

uint32_t design_names_find(const struct design_names *index, const struct design *d, struct sv name)
{
	if (!index || !name.ptr)
		return DESIGN_NONE;
	uint32_t at = (uint32_t)hash64(name.ptr, name.len) & index->mask;
	for (; index->slots[at] != DESIGN_NONE; at = (at + 1) & index->mask)
		if (sv_equal(d->touchpoints[index->slots[at]].name, name))
			return index->slots[at];
	return DESIGN_NONE;
}

uint32_t design_touchpoint_find(const struct design *d, struct sv name)
{
	return design_names_find(d->touchpoint_names, d, name);
}

uint32_t design_channel_find(const struct design *d, struct sv name)
{
	for (uint32_t i = 0; i < d->n_channels; i++)
		if (sv_equal(d->channels[i].name, name))
			return i;
	return DESIGN_NONE;
}

uint32_t design_measure_find(const struct design *d, struct sv name)
{
	for (uint32_t i = 0; i < d->n_measures; i++)
		if (sv_equal(d->measures[i].name, name))
			return i;
	return DESIGN_NONE;
}

static uint32_t find(const struct sv *names, uint32_t n, struct sv name)
{
	for (uint32_t i = 0; i < n; i++)
		if (sv_equal(names[i], name))
			return i;
	return DESIGN_NONE;
}

uint32_t design_dimension_find(const struct design *d, struct sv name)
{
	return find(d->dimensions, d->n_dimensions, name);
}

uint32_t design_stage_find(const struct design *d, struct sv name)
{
	return find(d->stages, d->n_stages, name);
}

uint32_t design_path_find(const struct design *d, struct sv path)
{
	return find(d->paths, d->n_paths, path);
}

void interaction_measures_put(struct json *j, const struct design *d, const struct interaction *x)
{
	json_key(j, "measures");
	json_object(j);
	for (uint32_t i = 0; i < x->n_measures; i++) {
		json_key_sv(j, d->measures[x->measures[i].measure].name);
		json_double(j, x->measures[i].value);
	}
	json_object_end(j);
}

enum rc design_departments_check(
	const struct design *d, const struct sv *departments, uint32_t n, struct err *e)
{
	for (uint32_t i = 0; i < n; i++) {
		struct sv name = sv_trim(departments[i]);
		char remedy[REMEDY_MAX];
		if (find(d->departments, d->n_departments, name) != DESIGN_NONE)
			continue;
		err_set(e, RC_INPUT, "the corridor file has no department '%.*s'",
			(int)(name.len < 60 ? name.len : 60), name.ptr);
		err_remedy(e, "%s",
			remedy_names(remedy, name, d->departments, d->n_departments,
				"declare it under departments: in the corridor file first"));
		return RC_INPUT;
	}
	return RC_OK;
}
