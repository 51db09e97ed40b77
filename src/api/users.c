// SPDX-License-Identifier: Apache-2.0
// Users, keys and the audit trail over HTTP. Limits, rights and the audit entries themselves are access's.
#include "api/internal.h"

#include <stdio.h>

enum { LINK_LIFETIME_MS = 24 * 3600 * 1000, LIST_MAX = 64, PAGE = 100 };
#define DAY_MS INT64_C(86400000)

// 0: never.
static void write_time(struct json *j, const char *key, const struct tz *tz, int64_t at_ms)
{
	tz_key(j, key, tz, at_ms ? at_ms : TIME_NONE);
}

static void write_list(struct json *j, const char *key, const struct sv *items, uint32_t n)
{
	json_key(j, key);
	json_array(j);
	for (uint32_t i = 0; i < n; i++)
		json_string(j, items[i]);
	json_array_end(j);
}

// A member that must be a list of texts; absent: *n stays.
static enum rc read_list(struct api_call *c, struct json_node object, const char *name, const struct sv **out,
	uint32_t *n, bool *given, struct err *e)
{
	struct json_node list = json_get(object, sv_from(name));
	struct sv *items = arena_array(http_arena(c->x), LIST_MAX, sizeof(*items));
	char scratch[32];
	*given = list.type != JSON_NONE && list.type != JSON_NULL;
	if (!*given)
		return RC_OK;
	if (!items)
		return err_set(e, RC_NOMEM, "out of memory for a request");
	*n = 0;
	for (struct json_iter it = json_iter(list); json_next(&it);) {
		if (*n == LIST_MAX)
			return err_set(e, RC_INPUT, "“%s” has more than %d items", name, LIST_MAX);
		items[(*n)++] = arena_copy(http_arena(c->x), json_text(it.value, scratch));
	}
	*out = items;
	return RC_OK;
}

// --- users ---

// Of what can be set: that a user was seen is no change.
static struct etag user_tag(const struct access_user *u)
{
	struct etag t = etag_begin("user");
	etag_add_number(&t, u->id);
	etag_add(&t, u->name);
	etag_add(&t, u->email);
	etag_add_number(&t, u->role);
	etag_add_number(&t, u->disabled);
	for (uint32_t i = 0; i < u->n_departments; i++)
		etag_add(&t, u->departments[i]);
	return t;
}

static void write_user(struct json *j, const struct access_user *u, const struct tz *tz)
{
	char tag[ETAG_BYTES];
	struct etag t = user_tag(u);
	json_object(j);
	json_key_i64(j, "id", u->id);
	json_key_string(j, "name", u->name);
	json_key_string(j, "email", u->email);
	json_key_text(j, "role", role_info(u->role)->name);
	write_list(j, "departments", u->departments, u->n_departments);
	json_key_bool(j, "disabled", u->disabled);
	json_key_bool(j, "has_password", u->has_password);
	write_time(j, "created", tz, u->made_ms);
	write_time(j, "last_seen", tz, u->signed_in_ms);
	json_key_string(j, "etag", etag_end(&t, tag));
	json_object_end(j);
}

enum rc users_get(struct api_call *c, struct err *e)
{
	struct access_user *users;
	uint32_t n;
	enum rc rc = access_user_list(c->api->access, http_arena(c->x), &users, &n, e);
	if (rc != RC_OK)
		return rc;
	struct json j = call_items(c);
	for (uint32_t i = 0; i < n; i++)
		write_user(&j, &users[i], store_design(c->api->store)->tz);
	json_array_end(&j);
	json_object_end(&j);
	return RC_OK;
}

// The texts of the change live in the parser, or in the call's arena.
static enum rc read_user(struct api_call *c, struct json_node root, struct access_user_change *u, struct err *e)
{
	struct sv role;
	*u = (struct access_user_change){0};
	enum rc rc = call_string(root, "email", false, &u->email, e);
	if (rc == RC_OK)
		rc = call_string(root, "name", false, &u->name, e);
	if (rc == RC_OK)
		rc = call_string(root, "role", false, &role, e);
	if (rc == RC_OK && role.ptr) {
		rc = role_find(role, &u->role, e);
		u->has_role = true;
	}
	if (rc == RC_OK)
		rc = read_list(
			c, root, "departments", &u->departments, &u->n_departments, &u->has_departments, e);
	if (rc == RC_OK && u->has_departments)
		rc = design_departments_check(store_design(c->api->store), u->departments, u->n_departments, e);
	u->disabled = call_flag(root, "disabled", &u->has_disabled);
	return rc;
}

static enum rc write_link(struct api_call *c, int64_t user, struct json *j, struct err *e)
{
	char token[ACCESS_TOKEN_BYTES];
	enum rc rc = access_link_new(c->api->access, &c->actor, user, LINK_LIFETIME_MS, token, e);
	if (rc == RC_OK)
		json_key_string(j, "link", arena_printf(http_arena(c->x), "/sign-in/%s", token));
	return rc;
}

enum rc users_add(struct api_call *c, struct err *e)
{
	struct json_parser *parser;
	struct json_node root;
	struct access_user_change u;
	struct sv password;
	int64_t id = 0;
	enum rc rc = call_json(c, &parser, &root, e);
	if (rc != RC_OK)
		return rc;
	rc = read_user(c, root, &u, e);
	if (rc == RC_OK)
		rc = call_string(root, "password", false, &password, e);
	if (rc == RC_OK)
		rc = access_user_add(c->api->access, &c->actor, &u, password, &id, e);
	json_parser_free(&parser);
	if (rc != RC_OK)
		return rc;
	struct json j = json_new(http_out(c->x));
	json_object(&j);
	json_key_i64(&j, "id", id);
	rc = write_link(c, id, &j, e);
	json_object_end(&j);
	http_status_set(c->x, 201);
	return rc;
}

static enum rc set_after_look(
	struct api_call *c, int64_t id, const struct access_user_change *change, struct err *e)
{
	struct access_user user;
	enum rc rc = access_user_get(c->api->access, id, http_arena(c->x), &user, e);
	if (rc != RC_OK)
		return rc;
	struct etag now = user_tag(&user);
	rc = etag_match(c, &now, "the user", e);
	return rc == RC_OK ? access_user_set(c->api->access, &c->actor, id, change, e) : rc;
}

enum rc users_set(struct api_call *c, struct err *e)
{
	struct json_parser *parser;
	struct json_node root;
	struct access_user_change u;
	struct access_user now;
	int64_t id;
	enum rc rc = call_id(c, "user", &id, e);
	if (rc == RC_OK)
		rc = call_json(c, &parser, &root, e);
	if (rc != RC_OK)
		return rc;
	rc = read_user(c, root, &u, e);
	pthread_mutex_lock(&c->api->edits);
	if (rc == RC_OK)
		rc = set_after_look(c, id, &u, e);
	pthread_mutex_unlock(&c->api->edits);
	json_parser_free(&parser);
	if (rc == RC_OK)
		rc = access_user_get(c->api->access, id, http_arena(c->x), &now, e);
	if (rc != RC_OK)
		return rc;
	struct json j = json_new(http_out(c->x));
	write_user(&j, &now, store_design(c->api->store)->tz);
	return RC_OK;
}

enum rc users_remove(struct api_call *c, struct err *e)
{
	return call_act(c, "user", access_user_remove, e);
}

enum rc users_link(struct api_call *c, struct err *e)
{
	int64_t id;
	enum rc rc = call_id(c, "user", &id, e);
	if (rc != RC_OK)
		return rc;
	struct json j = json_new(http_out(c->x));
	json_object(&j);
	rc = write_link(c, id, &j, e);
	json_object_end(&j);
	return rc;
}

// --- keys ---

static void write_key(struct json *j, const struct access_key *k, const struct tz *tz)
{
	json_object(j);
	json_key_i64(j, "id", k->id);
	json_key_text(j, "kind", k->kind == KEY_WRITE ? "write" : "api");
	json_key_string(j, "name", k->name);
	json_key_string(j, "prefix", k->prefix);
	json_key_string(j, "source", k->source);
	write_list(j, "origins", k->origins, k->n_origins);
	json_key_bool(j, "links_email", k->links_email);
	json_key(j, "rights");
	json_array(j);
	for (unsigned r = 0; r < RIGHT_COUNT; r++)
		if (k->rights & RIGHT_BIT(r))
			json_string(j, sv_from(right_info((enum right)r)->name));
	json_array_end(j);
	write_time(j, "created", tz, k->made_ms);
	write_time(j, "expires", tz, k->expires_ms);
	write_time(j, "revoked", tz, k->revoked_ms);
	write_time(j, "last_used", tz, k->used_ms);
	json_key_string(j, "made_by", k->made_by);
	json_object_end(j);
}

enum rc keys_get(struct api_call *c, struct err *e)
{
	struct access_key *keys;
	uint32_t n;
	enum rc rc = access_key_list(c->api->access, true, http_arena(c->x), &keys, &n, e);
	if (rc != RC_OK)
		return rc;
	struct json j = call_items(c);
	for (uint32_t i = 0; i < n; i++)
		write_key(&j, &keys[i], store_design(c->api->store)->tz);
	json_array_end(&j);
	json_object_end(&j);
	return RC_OK;
}

// "days": it ends after so many; without them, or with null, when it is revoked.
static void read_key_days(struct api_call *c, struct json_node root, struct access_key_change *k)
{
	double n;
	k->has_expires = json_number(json_get(root, SV("days")), &n);
	if (k->has_expires)
		k->expires_ms = c->api->clock->now_ms(c->api->clock) + (int64_t)(n * (double)DAY_MS);
}

static enum rc read_key(struct api_call *c, struct json_node root, enum access_key_kind *kind,
	struct access_key_change *k, struct err *e)
{
	struct sv text, rights;
	*k = (struct access_key_change){0};
	enum rc rc = call_string(root, "kind", false, &text, e);
	*kind = sv_equal(text, SV("api")) ? KEY_API : KEY_WRITE;
	if (rc == RC_OK)
		rc = call_string(root, "name", false, &k->name, e);
	if (rc == RC_OK)
		rc = call_string(root, "source", false, &k->source, e);
	if (rc == RC_OK)
		rc = call_string(root, "key", false, &k->given, e);
	if (rc == RC_OK)
		rc = call_string(root, "rights", false, &rights, e);
	read_key_days(c, root, k);
	k->links_email = k->has_links_email = call_flag(root, "links_email", NULL);
	if (rc == RC_OK && rights.ptr) {
		k->has_rights = true;
		rc = rights_parse(rights, &k->rights, e);
	}
	return rc == RC_OK ? read_list(c, root, "origins", &k->origins, &k->n_origins, &k->has_origins, e) : rc;
}

enum rc keys_add(struct api_call *c, struct err *e)
{
	struct json_parser *parser;
	struct json_node root;
	struct access_key_change k;
	enum access_key_kind kind;
	char text[ACCESS_KEY_BYTES];
	int64_t id;
	enum rc rc = call_json(c, &parser, &root, e);
	if (rc != RC_OK)
		return rc;
	rc = read_key(c, root, &kind, &k, e);
	if (rc == RC_OK)
		rc = access_key_add(c->api->access, &c->actor, kind, &k, text, &id, e);
	json_parser_free(&parser);
	if (rc != RC_OK)
		return rc;
	struct json j = json_new(http_out(c->x));
	json_object(&j);
	json_key_i64(&j, "id", id);
	json_key_text(&j, "key", text);
	json_object_end(&j);
	http_status_set(c->x, 201);
	return RC_OK;
}

enum rc keys_revoke(struct api_call *c, struct err *e)
{
	return call_act(c, "key", access_key_revoke, e);
}

// --- the audit trail ---

enum rc audit_get(struct api_call *c, struct err *e)
{
	int64_t before, limit, next;
	struct access_audit *items;
	uint32_t n;
	struct access_audit_filter filter = {
		.act = http_query(c->x, "what", 0), .who = http_query(c->x, "who", 0)};
	enum rc rc = call_integer(c, "before", 0, INT64_MAX, 0, &before, e);
	if (rc == RC_OK)
		rc = call_integer(c, "limit", 1, 1000, PAGE, &limit, e);
	if (rc == RC_OK)
		rc = access_audit_page(c->api->access, &filter, before, (uint32_t)limit, http_arena(c->x),
			&items, &n, &next, e);
	if (rc != RC_OK)
		return rc;
	struct json j = call_items(c);
	for (uint32_t i = 0; i < n; i++) {
		json_object(&j);
		json_key_i64(&j, "id", items[i].id);
		write_time(&j, "at", store_design(c->api->store)->tz, items[i].at_ms);
		json_key_string(&j, "who", items[i].who);
		json_key_string(&j, "from", items[i].address);
		json_key_string(&j, "what", items[i].act);
		json_key_string(&j, "on", items[i].object);
		json_key_string(&j, "detail", items[i].detail);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_key(&j, "next");
	if (next)
		json_i64(&j, next);
	else
		json_null(&j);
	json_object_end(&j);
	return RC_OK;
}
