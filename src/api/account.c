// SPDX-License-Identifier: Apache-2.0
// What everybody may do with the own account: choose a password, see and end one's sessions.
#include "api/internal.h"

// --- password ---

// The answer to a present password that may not be: what access says is about signing in.
static enum rc present_refused(
	struct api_call *c, enum rc rc, int64_t retry_ms, const struct err *why, struct err *e)
{
	if (rc == RC_DENIED) {
		err_set(e, RC_DENIED, "the present password is wrong");
		err_remedy(e, "try again; if it is forgotten, an administrator can make a sign-in link");
		return RC_DENIED;
	}
	return rc == RC_LIMIT || rc == RC_BUSY ? session_wait(c, retry_ms, why) : err_take(e, why);
}

// Whoever comes with a link has none yet, or has forgotten it.
static enum rc check_present(struct api_call *c, struct sv old, struct err *e)
{
	struct access_user me;
	struct err why = ERR_NONE;
	int64_t retry_ms = 0;
	enum rc rc = access_user_get(c->api->access, c->user, http_arena(c->x), &me, e);
	if (rc != RC_OK || !me.has_password || c->by_link)
		return rc;
	if (!old.ptr)
		return err_set(e, RC_INPUT, "“old”, the present password, is missing");
	rc = access_password_check(c->api->access, c->user, old, http_peer(c->x), &retry_ms, &why);
	return rc == RC_OK ? RC_OK : present_refused(c, rc, retry_ms, &why, e);
}

enum rc password_set(struct api_call *c, struct err *e)
{
	struct json_parser *parser;
	struct json_node root;
	struct sv old, fresh;
	enum rc rc = call_user(c, e);
	if (rc == RC_OK)
		rc = call_json(c, &parser, &root, e);
	if (rc != RC_OK)
		return rc;
	rc = call_string(root, "old", false, &old, e);
	if (rc == RC_OK)
		rc = call_string(root, "password", true, &fresh, e);
	if (rc == RC_OK)
		rc = check_present(c, old, e);
	if (rc == RC_OK)
		rc = access_user_password(c->api->access, &c->actor, c->user, fresh, c->session, e);
	json_parser_free(&parser);
	if (rc == RC_OK)
		buf_str(http_out(c->x), "{}");
	return rc;
}

// --- sessions ---

static void write_session(struct json *j, const struct api_call *c, const struct access_session_item *s)
{
	static const char *const ways[] = {
		[WAY_PASSWORD] = "password", [WAY_LINK] = "link", [WAY_SETUP] = "set-up"};
	const struct tz *tz = store_design(c->api->store)->tz;
	json_object(j);
	json_key_i64(j, "id", s->id);
	json_key_bool(j, "current", s->id == c->session);
	json_key_text(j, "way", ways[s->way]);
	tz_key(j, "began", tz, s->made_ms);
	tz_key(j, "last_used", tz, s->seen_ms);
	tz_key(j, "expires", tz, s->expires_ms);
	json_key_string(j, "address", s->address);
	json_key_string(j, "agent", s->agent);
	json_object_end(j);
}

enum rc sessions_get(struct api_call *c, struct err *e)
{
	struct access_session_item *items;
	uint32_t n;
	enum rc rc = call_user(c, e);
	if (rc == RC_OK)
		rc = access_session_list(c->api->access, c->user, http_arena(c->x), &items, &n, e);
	if (rc != RC_OK)
		return rc;
	struct json j = call_items(c);
	for (uint32_t i = 0; i < n; i++)
		write_session(&j, c, &items[i]);
	json_array_end(&j);
	json_object_end(&j);
	return RC_OK;
}

enum rc sessions_end(struct api_call *c, struct err *e)
{
	int64_t id = 0;
	enum rc rc = call_user(c, e);
	if (rc == RC_OK)
		rc = call_id(c, "session", &id, e);
	if (rc == RC_OK)
		rc = access_session_end(c->api->access, &c->actor, c->user, id, e);
	if (rc != RC_OK)
		return rc;
	live_session_ended(c->api->live, id);
	buf_str(http_out(c->x), "{}");
	return RC_OK;
}

enum rc sessions_end_others(struct api_call *c, struct err *e)
{
	enum rc rc = call_user(c, e);
	if (rc == RC_OK)
		rc = access_session_end_others(c->api->access, &c->actor, c->user, c->session, e);
	if (rc != RC_OK)
		return rc;
	live_others_ended(c->api->live, c->user, c->session);
	buf_str(http_out(c->x), "{}");
	return RC_OK;
}
