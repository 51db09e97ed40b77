// SPDX-License-Identifier: Apache-2.0
// Checks a body by the table of its fields before the handler sees it, so that handlers look only at what it means; and the
// names of parameters, so that a mistyped one is not passed over and everything answered instead of a part.
//
// Up to MISTAKES_MAX mistakes are told, each with its place, a JSON pointer (RFC 6901); the first is the error. A field
// that may be left out may be null instead.
#include "api/internal.h"

#include <math.h>
#include <stdio.h>

enum { MISTAKES_MAX = 20, POINTER_BYTES = 512, NAME_SHOWN = 80 };

struct check {
	struct arena *arena;
	struct json json; // the list of mistakes
	uint32_t n;
	char at[POINTER_BYTES]; // the place that is looked at
	size_t at_len;
	struct err *e;
};

// --- places ---

// One step down; the place before is at_len as it was. Of a long name its beginning is told, in whole characters.
static void step(struct check *k, struct sv name)
{
	size_t n = k->at_len, shown = name.len;
	if (shown > NAME_SHOWN)
		for (shown = NAME_SHOWN; shown > 0 && ((unsigned char)name.ptr[shown] & 0xc0) == 0x80;)
			shown--;
	if (n + 2 * shown + 2 >= POINTER_BYTES)
		return;
	k->at[n++] = '/';
	for (size_t i = 0; i < shown; i++) {
		if (name.ptr[i] == '~' || name.ptr[i] == '/') {
			k->at[n++] = '~';
			k->at[n++] = name.ptr[i] == '~' ? '0' : '1';
		} else {
			k->at[n++] = name.ptr[i];
		}
	}
	k->at_len = n;
}

static void step_item(struct check *k, uint32_t i)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", i);
	step(k, (struct sv){text, (size_t)len});
}

// --- telling ---

static void mistake(struct check *k, struct sv wrong, struct sv remedy)
{
	const struct sv at = {k->at, k->at_len};
	if (k->n++ < MISTAKES_MAX) {
		json_object(&k->json);
		json_key_string(&k->json, "pointer", at);
		json_key_string(&k->json, "detail", wrong);
		json_key_string(&k->json, "remedy", remedy);
		json_object_end(&k->json);
	}
	if (k->e->rc == RC_OK) {
		const struct sv shown = {k->at + 1, k->at_len - 1};
		err_set(k->e, RC_INPUT, "“%.*s” %.*s", SV_ARG(shown), SV_ARG(wrong));
		err_remedy(k->e, "%.*s", SV_ARG(remedy));
	}
}

static const char *word_of(unsigned what, bool several)
{
	static const struct {
		unsigned kind;
		const char *one, *several;
	} words[] = {{API_STRING, "a text", "texts"}, {API_INTEGER, "a whole number", "whole numbers"},
		{API_NUMBER, "a number", "numbers"}, {API_BOOLEAN, "true or false", "true or false"},
		{API_OBJECT, "an object", "objects"}, {API_ARRAY, "a list", "lists"}};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (what & words[i].kind)
			return several ? words[i].several : words[i].one;
	return "a value";
}

// "a list of texts: HELP"; of one of its items "a text".
static struct sv wanted(const struct check *k, const struct api_field *f, bool whole)
{
	bool list = whole && f->what & API_LIST;
	const char *help = whole && f->help ? f->help : "";
	return arena_printf(k->arena, "%s%s%s%s", list ? "a list of " : "", word_of(f->what, list),
		*help ? ": " : "", help);
}

static struct sv choices_of(const struct check *k, const struct api_field *f)
{
	struct sv text = SV("one of ");
	for (size_t i = 0; f->choices(i); i++)
		text = arena_printf(k->arena, "%.*s%s%s", SV_ARG(text), i ? ", " : "", f->choices(i));
	return text;
}

static struct sv names_of(const struct check *k, const struct api_schema *s)
{
	struct sv text = SV("what can be given: ");
	bool first = true;
	for (const struct api_field *f = s->fields; f->name; f++) {
		if (f->what & API_READ_ONLY)
			continue;
		text = arena_printf(k->arena, "%.*s%s%s", SV_ARG(text), first ? "" : ", ", f->name);
		first = false;
	}
	return text;
}

// --- checking ---

static unsigned kinds_of(struct json_node n)
{
	double v = 0;
	switch (n.type) {
	case JSON_STRING:
		return API_STRING;
	case JSON_BOOL:
		return API_BOOLEAN;
	case JSON_INT:
	case JSON_UINT:
		return API_INTEGER | API_NUMBER;
	case JSON_DOUBLE:
		return json_number(n, &v) && v == floor(v) ? API_INTEGER | API_NUMBER : API_NUMBER;
	case JSON_OBJECT:
		return API_OBJECT;
	case JSON_ARRAY:
		return API_ARRAY;
	case JSON_NONE:
	case JSON_NULL:
		break;
	}
	return API_NULL;
}

static void check_choice(struct check *k, const struct api_field *f, struct json_node n)
{
	char scratch[32];
	struct sv text = json_text(n, scratch);
	for (size_t i = 0; f->choices(i); i++)
		if (sv_equal(text, sv_from(f->choices(i))))
			return;
	mistake(k, SV("is none of what it can be"), choices_of(k, f));
}

static void check_range(struct check *k, const struct api_field *f, struct json_node n)
{
	double v;
	if (json_number(n, &v) && (f->above_min ? v > f->min : v >= f->min) && v <= f->max)
		return;
	struct sv wrong = arena_printf(k->arena, "must be %s %s %.15g %s %.15g", word_of(f->what, false),
		f->above_min ? "above" : "from", f->min, f->above_min ? "and at most" : "to", f->max);
	mistake(k, wrong, sv_from(f->help));
}

static void check_object(struct check *k, const struct api_schema *s, struct json_node object);

// One value: what the field is, or an item of its list.
static void check_value(struct check *k, const struct api_field *f, struct json_node n, bool whole)
{
	if (f->what & API_KINDS && !(kinds_of(n) & f->what)) {
		struct sv what = wanted(k, f, false);
		mistake(k, arena_printf(k->arena, "must be %.*s", SV_ARG(what)), wanted(k, f, whole));
		return;
	}
	if (f->choices)
		check_choice(k, f, n);
	if (f->min < f->max)
		check_range(k, f, n);
	if (f->of)
		check_object(k, f->of, n);
}

static void check_list(struct check *k, const struct api_field *f, struct json_node list)
{
	uint32_t i = 0;
	size_t back = k->at_len;
	if (list.type != JSON_ARRAY) {
		struct sv right = wanted(k, f, true);
		mistake(k, arena_printf(k->arena, "must be a list of %s", word_of(f->what, true)), right);
		return;
	}
	for (struct json_iter it = json_iter(list); k->n < MISTAKES_MAX && json_next(&it); i++) {
		if (f->items_max && i == f->items_max) {
			mistake(k, arena_printf(k->arena, "has more than %u items", f->items_max),
				SV("send them in several requests"));
			return;
		}
		step_item(k, i);
		check_value(k, f, it.value, false);
		k->at_len = back;
	}
}

static void check_field(struct check *k, const struct api_field *f, struct json_node n)
{
	bool absent = n.type == JSON_NONE || n.type == JSON_NULL;
	size_t back = k->at_len;
	if (f->what & API_READ_ONLY || (absent && !(f->what & API_REQUIRED)))
		return;
	step(k, sv_from(f->name));
	if (absent)
		mistake(k, SV("is missing"), wanted(k, f, true));
	else if (f->what & API_LIST)
		check_list(k, f, n);
	else
		check_value(k, f, n, true);
	k->at_len = back;
}

static bool has_field(const struct api_schema *s, struct sv name)
{
	const struct api_field *f = s->fields;
	while (f->name && !sv_equal(name, sv_from(f->name)))
		f++;
	return f->name != NULL;
}

static void check_object(struct check *k, const struct api_schema *s, struct json_node object)
{
	size_t back = k->at_len;
	for (struct json_iter it = json_iter(object); k->n < MISTAKES_MAX && json_next(&it);) {
		if (has_field(s, it.key))
			continue;
		step(k, it.key);
		mistake(k, SV("is not known here"), names_of(k, s));
		k->at_len = back;
	}
	for (const struct api_field *f = s->fields; f->name; f++)
		check_field(k, f, json_get(object, sv_from(f->name)));
}

enum rc schema_check(const struct api_schema *s, struct json_node object, struct arena *arena,
	struct buf *mistakes, struct err *e)
{
	struct check k = {.arena = arena, .json = json_new(mistakes), .e = e};
	json_array(&k.json);
	check_object(&k, s, object);
	json_array_end(&k.json);
	return k.n > 0 ? e->rc : RC_OK;
}

enum rc body_check(struct api_call *c, struct err *e)
{
	if (!c->row->body || !c->row->body->checked)
		return RC_OK;
	struct json_parser *parser;
	struct json_node root;
	enum rc rc = call_json(c, &parser, &root, e);
	if (rc != RC_OK)
		return rc;
	struct buf mistakes = buf_new((size_t)1 << 20);
	rc = schema_check(c->row->body, root, http_arena(c->x), &mistakes, e);
	if (rc != RC_OK && mistakes.rc == RC_OK)
		c->mistakes = arena_copy(http_arena(c->x), buf_view(&mistakes));
	buf_free(&mistakes);
	if (rc != RC_OK) {
		json_parser_free(&parser);
		return rc;
	}
	c->parser = parser;
	c->root = root;
	return RC_OK;
}

// --- parameters ---

static const struct api_field *param_find(const struct api_field *params, struct sv name)
{
	for (const struct api_field *f = params; f && f->name; f++)
		if (sv_equal(name, sv_from(f->name)))
			return f;
	return NULL;
}

static enum rc param_unknown(struct api_call *c, struct sv name, struct err *e)
{
	struct sv all = SV_NONE;
	for (const struct api_field *f = c->row->params; f && f->name; f++)
		all = arena_printf(http_arena(c->x), "%.*s%s%s", SV_ARG(all), all.len ? ", " : "", f->name);
	err_set(e, RC_USAGE, "there is no parameter “%.*s” here", SV_ARG(name));
	if (all.len)
		err_remedy(e, "what can be given: %.*s", SV_ARG(all));
	else
		err_remedy(e, "leave it out: this path takes none");
	return RC_USAGE;
}

enum rc params_check(struct api_call *c, struct err *e)
{
	struct sv name, value;
	if (c->row->auth != AUTH_USER ||
		c->row->handle == query_get) // its parameters are those of the analysis
		return RC_OK;
	bool question = param_find(c->row->params, SV("where")); // bounds given twice must both hold
	for (size_t i = 0; http_query_at(c->x, i, &name, &value); i++) {
		const struct api_field *f = param_find(c->row->params, name);
		if (!f)
			return param_unknown(c, name, e);
		if (!question && !(f->what & API_LIST) && http_query(c->x, f->name, 1).ptr) {
			err_set(e, RC_USAGE, "“%s” is given twice", f->name);
			err_remedy(e, "give it once");
			return RC_USAGE;
		}
	}
	return RC_OK;
}
