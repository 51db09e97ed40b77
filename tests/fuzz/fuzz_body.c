// SPDX-License-Identifier: Apache-2.0
// Bodies of the management API against the tables of their fields: the first byte chooses the route, the rest is the body.
// Whatever comes, it is in order or has mistakes, up to 20, each at a place that the body has (or that is missing there),
// and what is told of them is JSON.
#include "api/internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { MISTAKES_MAX = 20, NAME_WHOLE = 80, SCHEMAS_MAX = 200 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "body: %s\n", what);
	abort();
}

static uint32_t find_schemas(const struct api_schema **out)
{
	uint32_t n = 0;
	for (size_t i = 0; i < api_n_rows && n < SCHEMAS_MAX; i++)
		if (api_rows[i].body && api_rows[i].body->checked)
			out[n++] = api_rows[i].body;
	return n;
}

// The member or item that one step of a pointer leads to. *cut: the name may be the beginning of one.
static struct json_node step(struct json_node from, struct sv part, bool *cut)
{
	char name[2 * NAME_WHOLE + 1];
	size_t n = 0;
	for (size_t i = 0; i < part.len && n < sizeof(name) - 1; i++) {
		bool escaped = part.ptr[i] == '~' && i + 1 < part.len;
		name[n++] = escaped ? (part.ptr[++i] == '0' ? '~' : '/') : part.ptr[i];
	}
	name[n] = 0;
	*cut |= n + 4 > NAME_WHOLE;
	if (from.type == JSON_OBJECT)
		return json_get(from, (struct sv){name, n});
	struct json_iter it = json_iter(from);
	for (long i = strtol(name, NULL, 10); i >= 0; i--)
		check(json_next(&it), "a place that the list does not have");
	return it.value;
}

static void check_mistake(struct json_node root, struct json_node mistake)
{
	char scratch[32];
	struct sv pointer = json_text(json_get(mistake, SV("pointer")), scratch),
		  detail = json_text(json_get(mistake, SV("detail")), scratch);
	bool cut = false;
	check(pointer.len && pointer.ptr[0] == '/' && detail.len, "a mistake without place or reason");
	while (pointer.len && !cut) {
		size_t end = 1;
		while (end < pointer.len && pointer.ptr[end] != '/')
			end++;
		check(root.type == JSON_OBJECT || root.type == JSON_ARRAY, "a place below a scalar");
		root = step(root, (struct sv){pointer.ptr + 1, end - 1}, &cut);
		pointer = (struct sv){pointer.ptr + end, pointer.len - end};
	}
	bool missing = sv_equal(detail, SV("is missing"));
	check(cut || missing == (root.type == JSON_NONE || root.type == JSON_NULL) || !missing,
		"something that is there is missing");
	check(cut || missing || root.type != JSON_NONE, "a mistake where nothing is");
}

static void check_mistakes(struct json_parser *parser, struct json_node root, struct sv text, bool any)
{
	struct json_node list;
	struct err e = ERR_NONE;
	uint32_t n = 0;
	check(json_parse(parser, text, &list, &e) == RC_OK && list.type == JSON_ARRAY,
		"the mistakes are no list");
	for (struct json_iter it = json_iter(list); json_next(&it); n++)
		check_mistake(root, it.value);
	check(n <= MISTAKES_MAX && (n > 0) == any, "how many mistakes there are");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct api_schema *schemas[SCHEMAS_MAX];
	static uint32_t n_schemas;
	static struct json_parser *parser, *again;
	static struct arena *arena;
	if (!n_schemas) {
		n_schemas = find_schemas(schemas);
		parser = json_parser_new((size_t)64 << 20);
		again = json_parser_new((size_t)64 << 20);
		arena = arena_new((size_t)64 << 20);
		check(n_schemas > 10, "there are too few routes with bodies");
	}
	if (!size || !parser || !again || !arena)
		return 0;
	char *exact = malloc(size); // so that a read past the end is seen
	if (!exact)
		return 0;
	memcpy(exact, data + 1, size - 1);
	struct json_node root;
	struct err e = ERR_NONE;
	if (json_parse(parser, (struct sv){exact, size - 1}, &root, &e) == RC_OK && root.type == JSON_OBJECT) {
		struct buf mistakes = buf_new((size_t)1 << 20);
		enum rc rc = schema_check(schemas[data[0] % n_schemas], root, arena, &mistakes, &e);
		check(rc == RC_OK || rc == RC_INPUT, "kind of error");
		check(rc == RC_OK || (e.message[0] && e.rc == rc), "an error without words");
		check(mistakes.rc == RC_OK, "the mistakes have no room");
		check_mistakes(again, root, buf_view(&mistakes), rc != RC_OK);
		buf_free(&mistakes);
		arena_reset(arena);
	}
	free(exact);
	return 0;
}
