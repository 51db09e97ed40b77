// SPDX-License-Identifier: Apache-2.0
// JSON out: a writer on a bounded buffer that places commas and escapes; JSON in: simdjson behind a thin shim.
#ifndef CORRIDOR_BASE_JSON_H
#define CORRIDOR_BASE_JSON_H

#include "base/buf.h"
#include "base/err.h"
#include "base/sv.h"

#include <stdbool.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 64

struct json {
	struct buf *out;
	uint32_t depth;
	bool need_comma[JSON_DEPTH_MAX];
	bool after_key;
};

// A writer that appends to `out`; the calls below open and close containers and write members in order.
struct json json_new(struct buf *out);
void json_object(struct json *j);
void json_object_end(struct json *j);
void json_array(struct json *j);
void json_array_end(struct json *j);
void json_key(struct json *j, const char *key);
void json_key_sv(struct json *j, struct sv key);
// Invalid UTF-8 is replaced by U+FFFD. SV_NONE writes null.
void json_string(struct json *j, struct sv s);
void json_i64(struct json *j, int64_t v);
void json_u64(struct json *j, uint64_t v);
// Shortest form that reads back to the same double; NaN and infinities are null.
void json_double(struct json *j, double v);
void json_bool(struct json *j, bool v);
void json_null(struct json *j);
// Already valid JSON text, as it is.
void json_raw(struct json *j, struct sv text);
// A whole member of an object: json_key, then the value as its function above writes it. A text that is NULL is null.
void json_key_string(struct json *j, const char *key, struct sv s);
void json_key_text(struct json *j, const char *key, const char *s);
void json_key_i64(struct json *j, const char *key, int64_t v);
void json_key_u64(struct json *j, const char *key, uint64_t v);
void json_key_double(struct json *j, const char *key, double v);
void json_key_bool(struct json *j, const char *key, bool v);

// --- reading ---
enum json_type {
	JSON_NONE,
	JSON_NULL,
	JSON_BOOL,
	JSON_INT,
	JSON_UINT,
	JSON_DOUBLE,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

struct json_parser; // owns the parsed document; one per thread

// A node of the document last parsed by its parser; invalid after the next parse.
struct json_node {
	const struct json_parser *parser;
	uint64_t tape[2]; // opaque
	enum json_type type;
	uint32_t place; // opaque; 0 = json_walk cannot start here
};

// max_bytes bounds a document. NULL when out of memory.
struct json_parser *json_parser_new(size_t max_bytes);
void json_parser_free(struct json_parser **p);
// Parses one document (validated UTF-8, nesting ≤ JSON_DEPTH_MAX). The text is copied.
// RC_INPUT names what is wrong (an integer beyond 64 bits is), RC_LIMIT: too large or too deep.
enum rc json_parse(struct json_parser *p, struct sv text, struct json_node *root, struct err *e);
// Member of an object; type JSON_NONE when absent or not an object.
struct json_node json_get(struct json_node object, struct sv key);
// "a.b.c" path through objects (a number steps into an array). JSON_NONE when absent.
struct json_node json_path(struct json_node root, struct sv path);
// Iterating: for (struct json_iter it = json_iter(node); json_next(&it);) uses it.key (objects) and it.value.
struct json_iter {
	struct sv key;
	struct json_node value;
	uint64_t state[4]; // opaque
	bool is_object;    // opaque
};
struct json_iter json_iter(struct json_node container);
bool json_next(struct json_iter *it);
// Walking: as iterating, but several members at a time and each with the bytes that it was received as. Only of the
// root that json_parse_to_walk gave, and of nodes that a walk gave.
enum rc json_parse_to_walk(struct json_parser *p, struct sv text, struct json_node *root, struct err *e);
struct json_member {
	struct sv key;          // of an object's member, unescaped; SV_NONE in an array
	struct json_node value; // can be walked in turn
	struct sv raw;          // the value as received, a view into the parser
	struct sv member;       // of an object's member: key, colon and value as received
};
struct json_walk {
	struct json_node container; // opaque, all of it
	uint64_t state[4];
	uint32_t place;
};
struct json_walk json_walk(struct json_node container); // a scalar has no members
// The next members, at most `max`, into out. Returns how many; 0 = there are no more.
uint32_t json_walk_next(struct json_walk *w, struct json_member *out, uint32_t max);
// Scalars. json_text gives strings as they are (view into the parser), and numbers and booleans as their text
// written into scratch[32]; SV_NONE for null, containers, absent.
struct sv json_text(struct json_node n, char scratch[32]);
bool json_number(struct json_node n, double *out);
// The node as JSON text again, minified, appended to out.
void json_serialize(struct json_node n, struct buf *out);

#endif
