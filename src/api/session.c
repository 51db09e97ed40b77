// SPDX-License-Identifier: Apache-2.0
// Signing in and out, the first user, one-time links.
#include "api/internal.h"

#include "base/version.h"

#include <stdio.h>

static struct access_client client_of(struct http_exchange *x)
{
	return (struct access_client){http_peer(x), http_header(x, "User-Agent")};
}

int64_t session_newest_ms(struct api *a)
{
	struct snapshot *sn;
	struct snapshot_stats stats = {.last_ms = TIME_NONE};
	int64_t now = a->clock->now_ms(a->clock);
	if (snapshot_open(a->store, &sn, NULL) == RC_OK) {
		snapshot_stats(sn, &stats);
		snapshot_close(&sn);
	}
	return stats.last_ms == TIME_NONE || stats.last_ms > now ? now : stats.last_ms;
}

static void write_data(struct json *j, struct api_call *c)
{
	struct snapshot *sn;
	struct snapshot_stats stats;
	char text[40];
	json_key(j, "data");
	json_object(j);
	if (snapshot_open(c->api->store, &sn, NULL) == RC_OK) {
		snapshot_stats(sn, &stats);
		int64_t now = c->api->clock->now_ms(c->api->clock);
		const struct {
			const char *name;
			int64_t at_ms;
		} ends[] = {{"first", stats.first_ms}, {"last", stats.last_ms > now ? now : stats.last_ms}};
		for (unsigned i = 0; i < 2; i++) {
			if (stats.first_ms == TIME_NONE) {
				json_key_text(j, ends[i].name, NULL);
				continue;
			}
			tz_format(snapshot_design(sn)->tz, ends[i].at_ms, text);
			json_key_text(j, ends[i].name, text);
		}
		json_key_u64(j, "n", stats.n_interactions);
		snapshot_close(&sn);
	}
	json_object_end(j);
}

bool session_by_link(const struct access_session *session, const struct access_user *user)
{
	return session->way == WAY_LINK && user->password_ms <= session->made_ms;
}

bool session_wants_password(const struct api *a, const struct access_user *user)
{
	return !user->has_password && user->id != a->o.no_password_for;
}

// What the pages ask for: "wanted" of whoever has none and would be locked out when the session ends; "reset" tells that the
// present one need not be known; those of --link-for are asked for nothing.
static const char *password_state(
	const struct api_call *c, const struct access_session *session, const struct access_user *user)
{
	if (!user->has_password)
		return session_wants_password(c->api, user) ? "wanted" : "optional";
	return user->id != c->api->o.no_password_for && session_by_link(session, user) ? "reset" : "set";
}

static void write_rights(struct json *j, uint32_t rights)
{
	json_key(j, "rights");
	json_array(j);
	for (unsigned r = 0; r < RIGHT_COUNT; r++)
		if (rights & RIGHT_BIT(r))
			json_string(j, sv_from(right_info((enum right)r)->name));
	json_array_end(j);
}

// The session of the cookie. What the user may see of the data is not told to strangers.
enum rc session_get(struct api_call *c, struct err *e)
{
	(void)e;
	const struct access_view *view = access_view_get(c->api->access);
	const struct design *d = store_design(c->api->store);
	// A shared page is the same for everybody.
	bool shared = http_header(c->x, SHARE_HEADER).ptr != NULL;
	struct sv token = shared ? SV_NONE : http_cookie(c->x, "corridor");
	struct access_session session;
	const struct access_user *user = NULL;
	if (token.ptr && access_session_find(c->api->access, view, token, &session, NULL) == RC_OK)
		user = access_view_user(view, session.user);
	struct json j = json_new(http_out(c->x));
	json_object(&j);
	json_key(&j, "user");
	if (user) {
		json_object(&j);
		json_key_i64(&j, "id", user->id);
		json_key_string(&j, "name", user->name);
		json_key_string(&j, "email", user->email);
		json_key_text(&j, "role", role_info(user->role)->name);
		json_key_text(&j, "password", password_state(c, &session, user));
		write_rights(&j, role_info(user->role)->rights);
		json_key(&j, "departments");
		json_array(&j);
		for (uint32_t i = 0; i < user->n_departments; i++)
			json_string(&j, user->departments[i]);
		json_array_end(&j);
		json_object_end(&j);
	} else {
		json_null(&j);
	}
	json_key_text(&j, "csrf", user ? session.csrf : NULL);
	json_key_bool(&j, "setup", access_view_is_new(view));
	json_key_string(&j, "brand", d->brand);
	json_key_string(&j, "timezone", d->timezone);
	json_key_string(&j, "currency", d->currency);
	json_key_text(&j, "version", corridor_version());
	if (user)
		write_data(&j, c);
	json_object_end(&j);
	access_view_release(c->api->access, &view);
	return RC_OK;
}

static void set_cookie(struct api_call *c, const char *token, int64_t seconds)
{
	struct sv value =
		arena_printf(http_arena(c->x), "corridor=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%lld%s",
			token, (long long)seconds, http_is_tls(c->x) ? "; Secure" : "");
	http_header_add(c->x, "Set-Cookie", value);
}

static enum rc signed_in(struct api_call *c, const struct access_signed_in *in)
{
	int64_t now = c->api->clock->now_ms(c->api->clock);
	set_cookie(c, in->token, (in->session.expires_ms - now) / 1000);
	struct json j = json_new(http_out(c->x));
	json_object(&j);
	json_key_text(&j, "csrf", in->session.csrf);
	json_object_end(&j);
	return RC_OK;
}

enum rc session_begin(struct api_call *c, struct err *e)
{
	struct json_parser *parser;
	struct json_node root;
	struct sv email, password;
	struct access_signed_in in;
	int64_t retry_ms = 0;
	enum rc rc = call_json(c, &parser, &root, e);
	if (rc != RC_OK)
		return rc;
	rc = call_string(root, "email", true, &email, e);
	if (rc == RC_OK)
		rc = call_string(root, "password", true, &password, e);
	const struct access_client client = client_of(c->x);
	if (rc == RC_OK)
		rc = access_sign_in(c->api->access, email, password, &client, &in, &retry_ms, e);
	json_parser_free(&parser);
	if (rc == RC_LIMIT || rc == RC_BUSY)
		return session_wait(c, retry_ms, e);
	return rc == RC_OK ? signed_in(c, &in) : rc;
}

enum rc session_wait(struct api_call *c, int64_t retry_ms, const struct err *e)
{
	char text[sizeof(e->message) + sizeof(e->remedy) + 64];
	api_retry_after(c->x, retry_ms > 1000 ? (unsigned)((retry_ms + 999) / 1000) : 1);
	http_problem(c->x, e->rc == RC_LIMIT ? 429 : 503, NULL, NULL, err_format(e, text, sizeof(text)));
	return API_ANSWERED;
}

enum rc session_end(struct api_call *c, struct err *e)
{
	enum rc rc = call_user(c, e);
	if (rc == RC_OK)
		rc = access_session_end(c->api->access, &c->actor, c->user, c->session, e);
	if (rc != RC_OK)
		return rc;
	live_session_ended(c->api->live, c->session);
	set_cookie(c, "", 0);
	buf_str(http_out(c->x), "{}");
	return RC_OK;
}

enum rc session_setup(struct api_call *c, struct err *e)
{
	static const char *const names[] = {"token", "name", "email", "password"};
	struct sv values[4];
	struct json_parser *parser;
	struct json_node root;
	struct access_signed_in in;
	enum rc rc = call_json(c, &parser, &root, e);
	if (rc != RC_OK)
		return rc;
	for (unsigned i = 0; rc == RC_OK && i < 4; i++)
		rc = call_string(root, names[i], true, &values[i], e);
	const struct access_client client = client_of(c->x);
	if (rc == RC_OK)
		rc = access_setup(c->api->access, values[0], values[1], values[2], values[3], &client, &in, e);
	json_parser_free(&parser);
	return rc == RC_OK ? signed_in(c, &in) : rc;
}

// Of a body that is a token and nothing else, which lives as long as the parser.
static enum rc read_token(struct api_call *c, struct json_parser **parser, struct sv *token, struct err *e)
{
	struct json_node root;
	enum rc rc = call_json(c, parser, &root, e);
	if (rc != RC_OK)
		return rc;
	rc = call_string(root, "token", true, token, e);
	if (rc != RC_OK)
		json_parser_free(parser);
	return rc;
}

// Before somebody fills in the form.
enum rc session_setup_check(struct api_call *c, struct err *e)
{
	struct json_parser *parser;
	struct sv token;
	enum rc rc = read_token(c, &parser, &token, e);
	if (rc != RC_OK)
		return rc;
	const struct access_client client = client_of(c->x);
	rc = access_setup_check(c->api->access, token, &client, e);
	json_parser_free(&parser);
	if (rc == RC_OK)
		buf_str(http_out(c->x), "{}");
	return rc;
}

enum rc session_link(struct api_call *c, struct err *e)
{
	struct json_parser *parser;
	struct access_signed_in in;
	struct sv token;
	enum rc rc = read_token(c, &parser, &token, e);
	if (rc != RC_OK)
		return rc;
	const struct access_client client = client_of(c->x);
	rc = access_link_redeem(c->api->access, token, &client, &in, e);
	json_parser_free(&parser);
	return rc == RC_OK ? signed_in(c, &in) : rc;
}
