// SPDX-License-Identifier: Apache-2.0
// What is sent and answered, declared once: tables of fields that the OpenAPI document is written from (schema.c), and that
// bodies are checked by before a handler sees them (body.c). The tables themselves are in bodies.c and replies.c.
#ifndef CORRIDOR_API_SCHEMA_H
#define CORRIDOR_API_SCHEMA_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

#include <stddef.h>

// What a field is: one or more of the kinds (none: anything), and what else holds of it.
enum api_what {
	API_STRING = 1,
	API_INTEGER = 2,
	API_NUMBER = 4,
	API_BOOLEAN = 8,
	API_OBJECT = 16,
	API_ARRAY = 32, // of anything
	API_NULL =
		64, // in answers; in bodies that are checked every optional field may be null, which is as left out
	API_KINDS = 127,

	API_REQUIRED = 128,
	API_LIST = 256,      // an array of these
	API_MAP = 512,       // an object whose values are these, under any names
	API_READ_ONLY = 1024 // may be sent back as it was read, and is not looked at
};

// The i-th choice; NULL: there are no more.
typedef const char *api_choices(size_t i);

struct api_schema;

struct api_field {
	const char *name;
	unsigned what;
	const char *help;
	const struct api_schema *of; // of an object: its fields; NULL: any
	api_choices *choices;        // of a text; NULL: any
	double min, max;             // of a number; both 0: any
	uint32_t items_max;          // of a list; 0: any number
	bool above_min;              // min itself is not allowed
	const char *example;
};

// Rows of tables of fields: what every field has, one with what is in it, one with its choices; the end.
#define API_FIELD(n, w, h)                                                                                     \
	{                                                                                                      \
		.name = n, .what = w, .help = h                                                                \
	}
#define API_FIELD_OF(n, w, h, s)                                                                               \
	{                                                                                                      \
		.name = n, .what = w, .help = h, .of = s                                                       \
	}
#define API_FIELD_ONE(n, w, h, c)                                                                              \
	{                                                                                                      \
		.name = n, .what = w, .help = h, .choices = c                                                  \
	}
#define API_END                                                                                                \
	{                                                                                                      \
		.name = NULL                                                                                   \
	}

struct api_schema {
	const char *name; // of the component of the document; NULL: it is written where it is used
	const char *help;
	const struct api_field *fields; // up to a name that is NULL; NULL: nothing is said of what is in it
	unsigned map;                   // it has members of any name, which are of these kinds
	bool checked;                   // a body that is checked before the handler runs; closed, too
	bool closed;                    // no other fields are allowed
	bool array;                     // where it is the whole of a body or an answer, this is a list of them
	const char *content;            // media types, separated by spaces; NULL: application/json
	const struct api_schema *const *either; // up to NULL: it is one of these
};

// Holds an object against the table of its fields. `mistakes` gets a JSON array of { pointer (RFC 6901, into the object),
// detail, remedy }, 20 at most; the texts are made in the arena. RC_INPUT: the first of them.
enum rc schema_check(const struct api_schema *s, struct json_node object, struct arena *arena,
	struct buf *mistakes, struct err *e);
// As JSON Schema (2020-12, as OpenAPI 3.1 has it); components by reference.
void schema_write(struct json *j, const struct api_schema *s);
// Members of a number's schema; none unless min < max.
void schema_write_range(struct json *j, double min, double max, bool above_min);
// The schema of one field; checked: it is of a body that is.
void schema_write_field(struct json *j, const struct api_field *f, bool checked);
// All components that the table of routes refers to, as members of an object.
void schema_write_components(struct json *j);

#endif
