// SPDX-License-Identifier: Apache-2.0
// Tables of fields as JSON Schema.
#include "api/internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { COMPONENTS_MAX = 160 };

static void write_ref(struct json *j, const char *name)
{
	char ref[128];
	snprintf(ref, sizeof(ref), "#/components/schemas/%s", name);
	json_key_text(j, "$ref", ref);
}

// --- one field ---

static const struct {
	unsigned kind;
	const char *name;
} kinds[] = {{API_STRING, "string"}, {API_INTEGER, "integer"}, {API_NUMBER, "number"}, {API_BOOLEAN, "boolean"},
	{API_OBJECT, "object"}, {API_ARRAY, "array"}, {API_NULL, "null"}};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static void write_type(struct json *j, unsigned what)
{
	unsigned set = what & API_KINDS;
	if (!set)
		return;
	json_key(j, "type");
	bool several = (set & (set - 1)) != 0;
	if (several)
		json_array(j);
	for (unsigned i = 0; i < KINDS; i++)
		if (set & kinds[i].kind)
			json_string(j, sv_from(kinds[i].name));
	if (several)
		json_array_end(j);
}

static void write_choices(struct json *j, const struct api_field *f, unsigned what)
{
	json_key(j, "enum");
	json_array(j);
	for (size_t i = 0; f->choices(i); i++)
		json_string(j, sv_from(f->choices(i)));
	if (what & API_NULL)
		json_null(j);
	json_array_end(j);
}

// A number in the document without a fraction where it has none.
static void write_limit(struct json *j, const char *key, double v)
{
	json_key(j, key);
	if (v >= -9e15 && v <= 9e15 && v == (double)(int64_t)v)
		json_i64(j, (int64_t)v);
	else
		json_double(j, v);
}

void schema_write_range(struct json *j, double min, double max, bool above_min)
{
	if (min >= max)
		return;
	write_limit(j, above_min ? "exclusiveMinimum" : "minimum", min);
	write_limit(j, "maximum", max);
}

static void write_members(struct json *j, const struct api_schema *s);

static void write_of(struct json *j, const struct api_schema *s)
{
	if (s->name)
		write_ref(j, s->name);
	else
		write_members(j, s);
}

// Of one value: what the field itself is, or each of its items.
static void write_value(struct json *j, const struct api_field *f, unsigned what)
{
	if (f->of && what & API_NULL) {
		json_key(j, "anyOf");
		json_array(j);
		json_object(j);
		write_of(j, f->of);
		json_object_end(j);
		json_raw(j, SV("{\"type\":\"null\"}"));
		json_array_end(j);
		return;
	}
	if (f->of) {
		write_of(j, f->of);
		return;
	}
	write_type(j, what);
	if (f->choices)
		write_choices(j, f, what);
	schema_write_range(j, f->min, f->max, f->above_min);
	if (f->example) {
		json_key(j, "examples");
		json_array(j);
		json_string(j, sv_from(f->example));
		json_array_end(j);
	}
}

void schema_write_field(struct json *j, const struct api_field *f, bool checked)
{
	unsigned null = checked && !(f->what & API_REQUIRED) ? API_NULL : 0;
	json_object(j);
	if (f->what & (API_LIST | API_MAP)) {
		write_type(j, (f->what & API_LIST ? API_ARRAY : API_OBJECT) | null);
		if (f->items_max)
			json_key_u64(j, "maxItems", f->items_max);
		json_key(j, f->what & API_LIST ? "items" : "additionalProperties");
		json_object(j);
		write_value(j, f, f->what);
		json_object_end(j);
	} else {
		write_value(j, f, f->what & API_KINDS ? f->what | null : 0);
	}
	if (f->help)
		json_key_text(j, "description", f->help);
	if (f->what & API_READ_ONLY)
		json_key_bool(j, "readOnly", true);
	json_object_end(j);
}

// --- an object ---

static void write_fields(struct json *j, const struct api_schema *s)
{
	uint32_t n_required = 0;
	json_key_text(j, "type", "object");
	json_key(j, "properties");
	json_object(j);
	for (const struct api_field *f = s->fields; f->name; f++) {
		json_key(j, f->name);
		schema_write_field(j, f, s->checked);
		n_required += (f->what & API_REQUIRED) != 0;
	}
	json_object_end(j);
	if (n_required) {
		json_key(j, "required");
		json_array(j);
		for (const struct api_field *f = s->fields; f->name; f++)
			if (f->what & API_REQUIRED)
				json_string(j, sv_from(f->name));
		json_array_end(j);
	}
	if (s->checked || s->closed)
		json_key_bool(j, "additionalProperties", false);
}

static void write_either(struct json *j, const struct api_schema *s)
{
	json_key(j, "oneOf");
	json_array(j);
	for (size_t i = 0; s->either[i]; i++)
		schema_write(j, s->either[i]);
	json_array_end(j);
}

static void write_map(struct json *j, unsigned what)
{
	json_key_text(j, "type", "object");
	json_key(j, "additionalProperties");
	json_object(j);
	write_type(j, what);
	json_object_end(j);
}

// What stands between the braces; of a component not its name.
static void write_members(struct json *j, const struct api_schema *s)
{
	if (s->either)
		write_either(j, s);
	else if (s->fields)
		write_fields(j, s);
	else if (s->map)
		write_map(j, s->map);
}

void schema_write(struct json *j, const struct api_schema *s)
{
	json_object(j);
	if (s->array) {
		json_key_text(j, "type", "array");
		json_key(j, "items");
		json_object(j);
	}
	write_of(j, s);
	if (s->array)
		json_object_end(j);
	json_object_end(j);
}

// --- components ---

struct components {
	const struct api_schema *found[COMPONENTS_MAX];
	uint32_t n;
};

static bool is_found(const struct components *c, const struct api_schema *s)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (strcmp(c->found[i]->name, s->name) == 0)
			return true;
	return false;
}

// s, and what it refers to.
static void find(struct components *c, const struct api_schema *s)
{
	if (!s || (s->name && is_found(c, s)))
		return;
	if (s->name) {
		assert(c->n < COMPONENTS_MAX);
		c->found[c->n++] = s;
	}
	for (size_t i = 0; s->either && s->either[i]; i++)
		find(c, s->either[i]);
	for (const struct api_field *f = s->fields; f && f->name; f++)
		find(c, f->of);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(
		(*(const struct api_schema *const *)a)->name, (*(const struct api_schema *const *)b)->name);
}

void schema_write_components(struct json *j)
{
	struct components c = {.n = 0};
	find(&c, &reply_problem);
	find(&c, &reply_native_refused);
	for (size_t i = 0; i < api_n_rows; i++) {
		find(&c, api_rows[i].body);
		find(&c, api_rows[i].answer);
	}
	qsort(c.found, c.n, sizeof(struct api_schema *), by_name);
	for (uint32_t i = 0; i < c.n; i++) {
		json_key(j, c.found[i]->name);
		json_object(j);
		if (c.found[i]->help)
			json_key_text(j, "description", c.found[i]->help);
		write_members(j, c.found[i]);
		json_object_end(j);
	}
}
