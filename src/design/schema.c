// SPDX-License-Identifier: Apache-2.0
// The format as a JSON Schema (draft 2020-12) for editors, derived from the table in format.c.
#include "base/json.h"
#include "design/internal.h"

static const char *const def_names[SECTION_COUNT] = {NULL, "hours", "department", "measure", "rating", "acsi",
	"servqual", "dimension", "touchpoint", "rule", "expectation", "loyalty", "rung", "ladder-rule"};

// {"type": […]} for a value that YAML may read as one of several types.
static void types(struct json *j, const char *const *names)
{
	json_object(j);
	json_key(j, "type");
	json_array(j);
	for (; *names; names++)
		json_string(j, sv_from(*names));
	json_array_end(j);
	json_object_end(j);
}

static void text_schema(struct json *j, const char *const *choices)
{
	static const char *const scalar[] = {"string", "number", "boolean", NULL};
	if (!choices) {
		types(j, scalar);
		return;
	}
	json_object(j);
	json_key(j, "enum");
	json_array(j);
	for (; *choices; choices++)
		json_string(j, sv_from(*choices));
	json_array_end(j);
	json_object_end(j);
}

static void reference(struct json *j, enum section child)
{
	char ref[64] = "#/$defs/";
	size_t at = strlen(ref);
	for (const char *p = def_names[child]; *p && at + 1 < sizeof(ref); p++)
		ref[at++] = *p;
	ref[at] = '\0';
	json_object(j);
	json_key_text(j, "$ref", ref);
	json_object_end(j);
}

static bool has_required(enum section s)
{
	for (uint32_t i = 0; i < n_format_keys; i++)
		if (format_keys[i].section == s && (format_keys[i].required || format_keys[i].one_of))
			return true;
	return false;
}

static void named(struct json *j, const struct format_key *row, bool maps)
{
	static const char *const null_only[] = {"null", NULL};
	json_object(j);
	json_key_text(j, "type", "object");
	json_key(j, "additionalProperties");
	if (!maps) {
		text_schema(j, row->choices);
	} else if (has_required(row->child)) {
		reference(j, row->child);
	} else {
		json_object(j);
		json_key(j, "anyOf");
		json_array(j);
		reference(j, row->child);
		types(j, null_only);
		json_array_end(j);
		json_object_end(j);
	}
	json_object_end(j);
}

static void list_open(struct json *j)
{
	json_object(j);
	json_key_text(j, "type", "array");
	json_key(j, "items");
}

static void span(struct json *j)
{
	list_open(j);
	json_object(j);
	json_key_text(j, "type", "string");
	json_key_text(j, "pattern", "^([01]?[0-9]|2[0-4]):[0-5][0-9]$");
	json_object_end(j);
	json_key_u64(j, "minItems", 2);
	json_key_u64(j, "maxItems", 2);
	json_object_end(j);
}

static void shape_schema(struct json *j, const struct format_key *row, enum shape shape)
{
	static const char *const quantity[] = {"number", "string", NULL}, *const number[] = {"number", NULL};
	switch (shape) {
	case SHAPE_TEXT:
		text_schema(j, row->choices);
		break;
	case SHAPE_NUMBER:
		types(j, number);
		break;
	case SHAPE_QUANTITY:
		types(j, quantity);
		break;
	case SHAPE_TEXTS:
		list_open(j);
		text_schema(j, NULL);
		json_object_end(j);
		break;
	case SHAPE_MAP:
		reference(j, row->child);
		break;
	case SHAPE_NAMED_MAPS:
	case SHAPE_NAMED_TEXTS:
		named(j, row, shape == SHAPE_NAMED_MAPS);
		break;
	case SHAPE_MAPS:
		list_open(j);
		reference(j, row->child);
		json_object_end(j);
		break;
	case SHAPE_SPANS:
		json_object(j);
		json_key(j, "anyOf");
		json_array(j);
		span(j);
		list_open(j);
		span(j);
		json_object_end(j);
		json_array_end(j);
		json_object_end(j);
		break;
	}
}

static void row_schema(struct json *j, const struct format_key *row)
{
	json_object(j);
	json_key_text(j, "description", row->help);
	json_key(j, "anyOf");
	json_array(j);
	for (unsigned shape = SHAPE_TEXT; shape <= SHAPE_SPANS; shape *= 2)
		if (row->shapes & shape)
			shape_schema(j, row, (enum shape)shape);
	json_array_end(j);
	json_object_end(j);
}

// "properties" or "patternProperties" of a section.
static void keys_schema(struct json *j, enum section s, bool patterns)
{
	json_key(j, patterns ? "patternProperties" : "properties");
	json_object(j);
	for (uint32_t i = 0; i < n_format_keys; i++) {
		const struct format_key *row = &format_keys[i];
		if (row->section != s || (row->pattern != NULL) != patterns)
			continue;
		if (patterns)
			json_key(j, row->pattern);
		else
			json_key_sv(j, row->key);
		row_schema(j, row);
	}
	json_object_end(j);
}

static void required_schema(struct json *j, enum section s)
{
	json_key(j, "required");
	json_array(j);
	bool one_of = false;
	for (uint32_t i = 0; i < n_format_keys; i++) {
		if (format_keys[i].section == s && format_keys[i].required)
			json_string(j, format_keys[i].key);
		one_of |= format_keys[i].section == s && format_keys[i].one_of;
	}
	json_array_end(j);
	if (!one_of)
		return;
	json_key(j, "oneOf");
	json_array(j);
	for (uint32_t i = 0; i < n_format_keys; i++) {
		if (format_keys[i].section != s || !format_keys[i].one_of)
			continue;
		json_object(j);
		json_key(j, "required");
		json_array(j);
		json_string(j, format_keys[i].key);
		json_array_end(j);
		json_object_end(j);
	}
	json_array_end(j);
}

static void section_schema(struct json *j, enum section s)
{
	json_key_text(j, "type", "object");
	keys_schema(j, s, false);
	keys_schema(j, s, true);
	required_schema(j, s);
	json_key_bool(j, "additionalProperties", false);
}

void design_schema_write(struct buf *out)
{
	struct json j = json_new(out);
	json_object(&j);
	json_key_text(&j, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_key_text(&j, "title", "Corridor file");
	json_key_text(&j, "description",
		"The designed corridor of a brand: stages, touch points, owners, promises and expectations.");
	section_schema(&j, SECTION_TOP);
	json_key(&j, "$defs");
	json_object(&j);
	for (int s = SECTION_TOP + 1; s < SECTION_COUNT; s++) {
		json_key(&j, def_names[s]);
		json_object(&j);
		section_schema(&j, (enum section)s);
		json_object_end(&j);
	}
	json_object_end(&j);
	json_object_end(&j);
}
