// SPDX-License-Identifier: Apache-2.0
// Ways in over the network: the bodies of tracking SDKs, CloudEvents and our own interactions, on their way to the
// intake. Who sends is known by a write key: in HTTP basic, a header, the query, or the body. Interactions as they are may
// also come with an API key that has the right.
//
// Answers: 200 when everything is durable (also when single messages went to the quarantine: SDKs throw a batch away
// when it is answered with 400); 400 for a body that is no JSON at all; 401 for an unknown key; 429 with Retry-After
// when more comes than can be stored, which every SDK that can retry does.
#include "api/internal.h"

#include "base/log.h"

#include <sodium.h>
#include <stdio.h>

enum { RETRY_AFTER_S = 1 };

// With credentials, because browsers send beacons so; nobody is known by a cookie here, only by a write key.
static const struct http_cors any_site = {
	.credentials = true,
	.methods = "GET, POST, OPTIONS",
	.expose = "Retry-After",
	.max_age_s = 86400,
};

void track_cors(struct http_exchange *x)
{
	http_cors(x, &any_site);
}

// One request on its way; in its exchange's arena.
struct arrival {
	struct api_call *call;
	const char *file; // for the quarantine
	const char *body; // of the answer; NULL: by the native protocol
	const char *type; // of it
	struct wire_result result;
	struct buf rejected; // native: JSON of what was not understood
	struct json json;
	bool denied;
};

// --- who sends ---

// The user part of HTTP basic.
static struct sv basic_user(struct http_exchange *x)
{
	struct sv value = http_header(x, "Authorization");
	if (!sv_starts(value, SV("Basic ")))
		return SV_NONE;
	value = sv_trim((struct sv){value.ptr + 6, value.len - 6});
	char *text = arena_alloc(http_arena(x), value.len + 1);
	size_t len;
	if (!text || sodium_base642bin((unsigned char *)text, value.len, value.ptr, value.len, NULL, &len, NULL,
			     sodium_base64_VARIANT_ORIGINAL) != 0)
		return SV_NONE;
	struct sv rest;
	return sv_cut((struct sv){text, len}, ':', &rest);
}

static struct sv key_of_request(struct http_exchange *x)
{
	struct sv rest, key = basic_user(x);
	if (key.len == 0)
		key = sv_cut(http_header(x, "X-Write-Key"), ':', &rest);
	if (key.len == 0)
		key = http_query(x, "writeKey", 0);
	if (key.len == 0)
		key = sv_trim(http_header(x, "Authorization"));
	if (sv_starts(key, SV("Bearer ")))
		key = sv_trim((struct sv){key.ptr + 7, key.len - 7});
	return key;
}

static enum rc deny(struct arrival *a, const char *why, struct err *e)
{
	a->denied = true;
	err_set(e, RC_DENIED, "%s", why);
	err_remedy(e, "make one with: corridor key add --source NAME, or under Settings, Keys");
	return RC_DENIED;
}

// Does a page of a browser send it? Whatever key it has, it may have come from anybody.
static bool from_browser(struct http_exchange *x)
{
	static const char *const names[] = {"Origin", "Referer", "Sec-Fetch-Site", "Sec-Fetch-Mode"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (http_header(x, names[i]).ptr)
			return true;
	return false;
}

// An API key stands for its program: what comes with it is of a source of its name.
static enum rc allow_program(
	struct arrival *a, const struct access_key *key, struct wire_context *c, struct err *e)
{
	if (a->call->row->handle != track_native)
		return deny(a, "this is an API key: the tracking protocols take a write key", e);
	if (!(key->rights & RIGHT_BIT(RIGHT_SEND))) {
		err_set(e, RC_DENIED, "this needs the right “%s” (%s)", right_info(RIGHT_SEND)->name,
			right_info(RIGHT_SEND)->summary);
		err_remedy(e, "make an API key with that right, or a write key");
		return RC_DENIED;
	}
	c->source = arena_copy(http_arena(a->call->x), key->name);
	return c->source.ptr ? RC_OK : err_set(e, RC_NOMEM, "out of memory for a request");
}

static enum rc allow(struct arrival *a, struct sv text, struct wire_context *c, struct err *e)
{
	struct http_exchange *x = a->call->x;
	struct access *access = a->call->api->access;
	if (text.len == 0)
		return deny(a,
			"there is no write key: neither in HTTP basic, nor in X-Write-Key, the query or the "
			"body",
			e);
	const struct access_view *view = access_view_get(access);
	const struct access_key *key = access_view_key(view, text, http_received_ms(x));
	enum rc rc = RC_OK;
	if (key && key->kind == KEY_API)
		rc = allow_program(a, key, c, e);
	else if (!key)
		rc = deny(a, "the write key is unknown, revoked or expired", e);
	else if (http_header(x, "Origin").ptr && !access_key_origin(key, http_header(x, "Origin")))
		rc = deny(a, "the write key may not be used by pages of this origin", e);
	if (rc == RC_OK && key->kind == KEY_WRITE) {
		c->source = arena_copy(http_arena(x), key->source);
		c->links_email = key->links_email && !from_browser(x);
	}
	access_view_release(access, &view);
	return rc;
}

static enum rc allow_by_body(void *context, struct sv key, struct wire_context *c, struct err *e)
{
	return allow(context, key, c, e);
}

// --- answers ---

static void answer_problem(struct arrival *a, struct err *e)
{
	struct http_exchange *x = a->call->x;
	if (a->denied) {
		http_header_add(x, "WWW-Authenticate", SV("Basic realm=\"write key\""));
		http_problem(x, 401, NULL, NULL, e->message);
		return;
	}
	api_intake_problem(x, e);
}

void api_intake_problem(struct http_exchange *x, struct err *e)
{
	if (e->rc == RC_BUSY || e->rc == RC_IO || e->rc == RC_DB || e->rc == RC_NOMEM) {
		api_retry_after(x, RETRY_AFTER_S);
		http_problem(x, e->rc == RC_BUSY ? 429 : 503, NULL, NULL, e->message);
		return;
	}
	http_problem_err(x, e);
}

// When nothing was taken, the receipt is a problem with more members.
static void answer_native(struct arrival *a)
{
	struct http_exchange *x = a->call->x;
	struct json j = json_new(http_out(x));
	bool none = a->result.n_interactions == 0 && a->result.n_rejected > 0;
	json_array_end(&a->json);
	json_object(&j);
	if (none) {
		json_key_text(&j, "type", "about:blank");
		json_key_text(&j, "title", "Unprocessable Content");
		json_key_u64(&j, "status", 422);
		json_key_text(&j, "detail", "nothing was taken: “problems” has a reason for each interaction");
	}
	json_key_u64(&j, "accepted", a->result.n_interactions);
	json_key_u64(&j, "rejected", a->result.n_rejected);
	json_key(&j, "problems");
	json_raw(&j, buf_view(&a->rejected));
	json_object_end(&j);
	http_status_set(x, none ? 422 : a->result.n_rejected ? 207 : 200);
	http_header_add(x, "Content-Type", none ? SV("application/problem+json") : SV("application/json"));
	http_reply(x);
}

static void durable(void *context, const struct intake_result *result)
{
	struct arrival *a = context;
	struct http_exchange *x = a->call->x;
	struct buf rejected = a->rejected; // after the answer a is gone
	if (result->rc != RC_OK) {
		struct err e = *result->err;
		answer_problem(a, &e);
	} else if (!a->body) {
		answer_native(a);
	} else {
		buf_str(http_out(x), a->body);
		http_header_add(x, "Content-Type", sv_from(a->type));
		http_reply(x);
	}
	buf_free(&rejected);
}

// --- what they have in common ---

static const char *file_of(struct api_call *c)
{
	struct sv text = arena_printf(http_arena(c->x), "tracking%.*s", SV_ARG(http_path(c->x)));
	return text.ptr ? text.ptr : "tracking";
}

static struct arrival *arrival_new(struct api_call *c, const char *body, const char *type, struct err *e)
{
	struct arrival *a = arena_alloc(http_arena(c->x), sizeof(*a));
	if (!a) {
		err_set(e, RC_NOMEM, "out of memory for a request");
		return NULL;
	}
	*a = (struct arrival){.call = c, .file = file_of(c), .body = body, .type = type};
	return a;
}

// Hands the body over. From here on a (and the exchange) may be gone at any moment: RC_OK is all that is known.
static enum rc deliver(struct arrival *a, struct intake_delivery *d, struct err *e)
{
	struct http_exchange *x = a->call->x;
	struct sv key = key_of_request(x);
	d->context.received_ms = http_received_ms(x);
	d->context.message_bytes_max = a->call->api->o.limits.message_bytes;
	d->context.batch_bytes_max = a->call->api->o.limits.batch_bytes;
	d->file = a->file;
	d->gathered = !a->call->row->slow; // on a loop's thread: the loop goes on at the end of its turn
	d->done = durable;
	d->done_context = a;
	enum rc rc = RC_OK;
	if (key.len > 0)
		rc = allow(a, key, &d->context, e);
	else
		d->authorize = allow_by_body;
	struct api *api = a->call->api;
	bool gathered = d->gathered;
	if (rc == RC_OK)
		rc = intake_deliver(api->intake, d, &a->result, e);
	if (gathered)
		atomic_store(&api->gathered, true);
	if (rc == RC_OK)
		return API_ANSWERED;
	struct buf rejected = a->rejected;
	answer_problem(a, e);
	buf_free(&rejected);
	return API_ANSWERED;
}

static const char *answer_of(enum wire_kind kind, const char **type)
{
	*type = "application/json";
	if (kind == WIRE_POSTHOG)
		return "{\"status\":1}";
	if (kind == WIRE_SNOWPLOW) {
		*type = "text/plain";
		return "ok";
	}
	return "{\"success\":true}";
}

// Segment's specification (also RudderStack's), PostHog, Snowplow.
enum rc track(struct api_call *c, struct err *e)
{
	enum wire_kind kind = (enum wire_kind)c->row->subject;
	const char *type, *body = answer_of(kind, &type);
	struct arrival *a = arrival_new(c, body, type, e);
	if (!a)
		return RC_NOMEM;
	struct intake_delivery d = {.kind = kind, .body = http_body(c->x)};
	return deliver(a, &d, e);
}

// /api/s/{type} and /api/s/s2s/{type}: Segment's message with its type in the path.
enum rc track_jitsu(struct api_call *c, struct err *e)
{
	static const struct {
		const char *name;
		enum wire_kind kind;
	} types[] = {{"track", WIRE_SEGMENT_TRACK}, {"identify", WIRE_SEGMENT_IDENTIFY},
		{"page", WIRE_SEGMENT_PAGE}, {"screen", WIRE_SEGMENT_SCREEN}, {"group", WIRE_SEGMENT_GROUP},
		{"alias", WIRE_SEGMENT_ALIAS}, {"batch", WIRE_SEGMENT_BATCH}};
	struct sv name = http_param(c->x, "type");
	struct intake_delivery d = {.kind = WIRE_KINDS, .body = http_body(c->x)};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (sv_equal(name, sv_from(types[i].name)))
			d.kind = types[i].kind;
	if (d.kind == WIRE_KINDS)
		return err_set(e, RC_NOT_FOUND, "there is no message type “%.*s”", SV_ARG(name));
	struct arrival *a = arrival_new(c, "{\"ok\":true}", "application/json", e);
	return a ? deliver(a, &d, e) : RC_NOMEM;
}

// Snowplow's GET: the event in the query.
enum rc track_pixel(struct api_call *c, struct err *e)
{
	struct sv target = http_target(c->x), query = SV_NONE;
	sv_cut(target, '?', &query);
	struct arrival *a = arrival_new(c, "ok", "text/plain", e);
	struct intake_delivery d = {.kind = WIRE_SNOWPLOW_GET, .body = query};
	return a ? deliver(a, &d, e) : RC_NOMEM;
}

// --- CloudEvents ---

static struct sv media_type(struct http_exchange *x)
{
	struct sv rest;
	return sv_trim(sv_cut(http_header(x, "Content-Type"), ';', &rest));
}

enum { CE_ATTRIBUTES = 64 };

// The attributes that a binary event can have: those of the specification and the extensions that we read.
static uint32_t binary_headers(struct http_exchange *x, struct wire_header *out)
{
	static const char *const names[] = {"ce-id", "ce-source", "ce-type", "ce-specversion", "ce-subject",
		"ce-time", "ce-datacontenttype", "ce-dataschema", "ce-partitionkey", "content-type"};
	uint32_t n = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct sv value = http_header(x, names[i]);
		if (value.ptr)
			out[n++] = (struct wire_header){sv_from(names[i]), value};
	}
	return n;
}

enum rc track_cloudevent(struct api_call *c, struct err *e)
{
	struct sv type = media_type(c->x);
	struct arrival *a = arrival_new(c, "", "text/plain", e);
	struct wire_header *headers = arena_array(http_arena(c->x), CE_ATTRIBUTES, sizeof(*headers));
	if (!a || !headers)
		return err_set(e, RC_NOMEM, "out of memory for a request");
	struct intake_delivery d = {.body = http_body(c->x)};
	if (sv_equal_nocase(type, SV("application/cloudevents+json"))) {
		d.kind = WIRE_CLOUDEVENT;
	} else if (sv_equal_nocase(type, SV("application/cloudevents-batch+json"))) {
		d.kind = WIRE_CLOUDEVENT_BATCH;
	} else {
		d.kind = WIRE_CLOUDEVENT_BINARY;
		d.context.headers = headers;
		d.context.n_headers = binary_headers(c->x, headers);
	}
	return deliver(a, &d, e);
}

// --- our own ---

static void not_understood(void *context, uint32_t index, struct sv reason)
{
	struct arrival *a = context;
	json_object(&a->json);
	json_key_u64(&a->json, "index", index);
	json_key_string(&a->json, "reason", reason);
	json_object_end(&a->json);
}

enum rc track_native(struct api_call *c, struct err *e)
{
	struct arrival *a = arrival_new(c, NULL, NULL, e);
	if (!a)
		return RC_NOMEM;
	a->rejected = buf_new((size_t)16 << 20);
	a->json = json_new(&a->rejected);
	json_array(&a->json);
	struct intake_delivery d = {.kind = WIRE_NATIVE, .body = http_body(c->x), .reject = not_understood};
	return deliver(a, &d, e);
}

// --- what browser SDKs ask for when they load ---

static bool key_is_known(struct api_call *c, struct sv text)
{
	const struct access_view *view = access_view_get(c->api->access);
	const struct access_key *key = access_view_key(view, text, http_received_ms(c->x));
	bool known = key && key->kind == KEY_WRITE;
	access_view_release(c->api->access, &view);
	return known;
}

static enum rc settings_problem(struct api_call *c)
{
	http_problem(c->x, 404, NULL, NULL, "the write key is unknown, revoked or expired");
	return API_ANSWERED;
}

static enum rc settings_answer(struct api_call *c)
{
	http_header_add(c->x, "Cache-Control", SV("max-age=300"));
	http_reply_json(c->x);
	return API_ANSWERED;
}

// GET /v1/projects/{key}/settings
enum rc track_settings(struct api_call *c, struct err *e)
{
	(void)e;
	struct sv key = http_param(c->x, "write_key"), host = http_host(c->x);
	if (!key_is_known(c, key))
		return settings_problem(c);
	struct json j = json_new(http_out(c->x));
	json_object(&j);
	json_key(&j, "integrations");
	json_object(&j);
	json_key(&j, "Segment.io");
	json_object(&j);
	json_key_string(&j, "apiKey", key);
	struct sv api = arena_printf(http_arena(c->x), "%.*s/v1", SV_ARG(host));
	json_key_string(&j, "apiHost", api);
	json_key_text(&j, "protocol", http_is_tls(c->x) ? "https" : "http");
	json_key(&j, "unbundledIntegrations");
	json_array(&j);
	json_array_end(&j);
	json_key_bool(&j, "addBundledMetadata", true);
	json_object_end(&j);
	json_object_end(&j);
	json_key(&j, "plan");
	json_object(&j);
	json_key(&j, "track");
	json_object(&j);
	json_key(&j, "__default");
	json_object(&j);
	json_key_bool(&j, "enabled", true);
	json_object_end(&j);
	json_object_end(&j);
	json_object_end(&j);
	json_key(&j, "edgeFunction");
	json_object(&j);
	json_object_end(&j);
	json_object_end(&j);
	return settings_answer(c);
}

// GET /sourceConfig
enum rc track_source_config(struct api_call *c, struct err *e)
{
	(void)e;
	struct sv key = key_of_request(c->x);
	if (!key_is_known(c, key))
		return settings_problem(c);
	struct json j = json_new(http_out(c->x));
	json_object(&j);
	json_key(&j, "source");
	json_object(&j);
	json_key_string(&j, "id", key);
	json_key_text(&j, "name", "corridor");
	json_key_string(&j, "writeKey", key);
	json_key_bool(&j, "enabled", true);
	json_key_text(&j, "workspaceId", "corridor");
	json_key(&j, "config");
	json_object(&j);
	json_key(&j, "statsCollection");
	json_object(&j);
	json_object_end(&j);
	json_object_end(&j);
	json_key(&j, "destinations");
	json_array(&j);
	json_array_end(&j);
	json_object_end(&j);
	json_object_end(&j);
	return settings_answer(c);
}
