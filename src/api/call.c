// SPDX-License-Identifier: Apache-2.0
// What handlers share: reading bodies and parameters.
#include "api/internal.h"

#include <stdio.h>

enum { WHERE_MAX = 32, PARAMS_MAX = 128, BODY_JSON_MAX = 64 << 20 };

enum rc call_json(struct api_call *c, struct json_parser **parser, struct json_node *root, struct err *e)
{
	*parser = c->parser;
	*root = c->root;
	c->parser = NULL;
	if (*parser)
		return RC_OK;
	*parser = json_parser_new(BODY_JSON_MAX);
	if (!*parser)
		return err_set(e, RC_NOMEM, "out of memory for a request");
	enum rc rc = json_parse(*parser, http_body(c->x), root, e);
	if (rc == RC_OK && root->type != JSON_OBJECT)
		rc = err_set(e, RC_INPUT, "the body must be a JSON object");
	if (rc != RC_OK)
		json_parser_free(parser);
	return rc;
}

enum rc call_user(const struct api_call *c, struct err *e)
{
	if (c->user)
		return RC_OK;
	err_set(e, RC_DENIED, "a key has no account: this is for users who are signed in");
	err_remedy(e, "sign in with e-mail address and password");
	return RC_DENIED;
}

struct json call_items(struct api_call *c)
{
	struct json j = json_new(http_out(c->x));
	json_object(&j);
	json_key(&j, "items");
	json_array(&j);
	return j;
}

void call_next(struct api_call *c, struct json *j, bool more, int64_t id)
{
	json_key(j, "next");
	if (more)
		json_string(j, arena_printf(http_arena(c->x), "%lld", (long long)id));
	else
		json_null(j);
}

enum rc call_string(struct json_node object, const char *name, bool required, struct sv *out, struct err *e)
{
	struct json_node n = json_get(object, sv_from(name));
	char scratch[32];
	*out = SV_NONE;
	if (n.type == JSON_NONE || n.type == JSON_NULL) {
		if (required)
			return err_set(e, RC_INPUT, "“%s” is missing", name);
		return RC_OK;
	}
	if (n.type != JSON_STRING)
		return err_set(e, RC_INPUT, "“%s” must be a text", name);
	*out = json_text(n, scratch);
	return RC_OK;
}

bool call_flag(struct json_node object, const char *name, bool *given)
{
	struct json_node n = json_get(object, sv_from(name));
	char scratch[32];
	if (given)
		*given = n.type == JSON_BOOL;
	return n.type == JSON_BOOL && sv_equal(json_text(n, scratch), SV("true"));
}

enum rc call_integer(struct api_call *c, const char *name, int64_t min, int64_t max, int64_t fallback,
	int64_t *out, struct err *e)
{
	struct sv text = http_query(c->x, name, 0);
	*out = fallback;
	if (text.len == 0)
		return RC_OK;
	if (!sv_to_i64(text, out) || *out < min || *out > max)
		return err_set(e, RC_USAGE, "%s=%.*s: a whole number from %lld to %lld is expected", name,
			SV_ARG(text), (long long)min, (long long)max);
	return RC_OK;
}

enum rc call_id(struct api_call *c, const char *name, int64_t *out, struct err *e)
{
	struct sv text = http_param(c->x, name);
	if (!sv_to_i64(text, out) || *out <= 0)
		return err_set(e, RC_NOT_FOUND, "there is no %s “%.*s”", name, SV_ARG(text));
	return RC_OK;
}

enum rc call_act(struct api_call *c, const char *name,
	enum rc (*act)(struct access *a, const struct access_actor *by, int64_t id, struct err *e),
	struct err *e)
{
	int64_t id;
	enum rc rc = call_id(c, name, &id, e);
	if (rc == RC_OK)
		rc = act(c->api->access, &c->actor, id, e);
	buf_str(http_out(c->x), "{}");
	return rc;
}

static bool in_list(struct sv name, const char *const *list)
{
	for (; list && *list; list++)
		if (sv_equal(name, sv_from(*list)))
			return true;
	return false;
}

struct asked {
	struct query *q;
	struct sv *where;
	struct query_param *params;
	bool by_given;
};

static enum rc take_by(struct query *q, struct sv value, struct err *e)
{
	for (struct sv rest = value; rest.ptr;) {
		struct sv name = sv_trim(sv_cut(rest, ',', &rest));
		if (name.len == 0)
			continue;
		if (q->n_by == BY_MAX)
			return err_set(e, RC_USAGE, "by= takes at most %d names", BY_MAX);
		q->by[q->n_by++] = name;
	}
	return RC_OK;
}

static enum rc take_pair(struct asked *a, struct sv name, struct sv value, struct err *e)
{
	struct query *q = a->q;
	int64_t number;
	if (sv_equal(name, SV("by")))
		return take_by(q, value, e);
	if (sv_equal(name, SV("from"))) {
		q->from = value;
	} else if (sv_equal(name, SV("to"))) {
		q->to = value;
	} else if (sv_equal(name, SV("where"))) {
		if (q->n_where == WHERE_MAX)
			return err_set(e, RC_USAGE, "there are more than %d filters", WHERE_MAX);
		if (value.len > 0)
			a->where[q->n_where++] = value;
	} else if (sv_equal(name, SV("limit"))) {
		if (!sv_to_i64(value, &number) || number < 0 || number > UINT32_MAX)
			return err_set(e, RC_USAGE, "limit=%.*s: a whole number is expected", SV_ARG(value));
		q->limit = (uint32_t)number;
	} else {
		if (q->n_params == PARAMS_MAX)
			return err_set(e, RC_USAGE, "there are more than %d parameters", PARAMS_MAX);
		a->params[q->n_params++] = (struct query_param){name, value};
	}
	return RC_OK;
}

enum rc call_query(struct api_call *c, struct query *q, const char *const *known, struct err *e)
{
	struct arena *arena = http_arena(c->x);
	struct asked a = {.q = q,
		.where = arena_array(arena, WHERE_MAX, sizeof(*a.where)),
		.params = arena_array(arena, PARAMS_MAX, sizeof(*a.params))};
	struct sv name, value;
	if (!a.where || !a.params)
		return err_set(e, RC_NOMEM, "out of memory for a question");
	q->where = a.where;
	q->params = a.params;
	enum rc rc = RC_OK;
	for (size_t k = 0; rc == RC_OK && http_query_at(c->x, k, &name, &value); k++)
		if (!in_list(name, known))
			rc = take_pair(&a, name, value, e);
	return rc;
}
