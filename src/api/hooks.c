// SPDX-License-Identifier: Apache-2.0
// Setting up webhooks over HTTP. A secret is told once, when it was made here.
#include "api/hook_settings.h"
#include "api/internal.h"
#include "listen/hook_line.h"

static struct etag hook_tag(const struct access_hook *h)
{
	struct etag t = etag_begin("webhook");
	etag_add_number(&t, h->id);
	etag_add_number(&t, h->revision);
	return t;
}

static void write_hook(struct api_call *c, struct json *j, const struct access_hook *h)
{
	const struct signature_style *style = signature_style_find(h->style);
	char token[SIGNATURE_SECRET_BYTES], tag[ETAG_BYTES];
	struct etag t = hook_tag(h);
	json_key_string(j, "name", h->name);
	json_key_string(j, "path", arena_printf(http_arena(c->x), "/hooks/%.*s", SV_ARG(h->name)));
	json_key_string(j, "mapping", h->mapping);
	json_key_string(j, "program", h->program);
	json_key_string(j, "style", h->style);
	json_key_string(j, "header", h->header);
	json_key_u64(j, "window", h->window_s ? h->window_s : SIGNATURE_WINDOW_S);
	json_key_u64(j, "secrets", h->n_secrets);
	json_key_bool(j, "enabled", h->enabled);
	if (style && style->handshake == HANDSHAKE_HUB && h->n_secrets &&
		signature_verify_token(h->secrets[0], token, NULL) == RC_OK)
		json_key_text(j, "verify_token", token);
	tz_key(j, "created", store_design(c->api->store)->tz, h->made_ms);
	tz_key(j, "changed", store_design(c->api->store)->tz, h->changed_ms);
	json_key_string(j, "made_by", h->made_by);
	json_key_string(j, "etag", etag_end(&t, tag));
}

static void write_styles(struct json *j)
{
	uint32_t n;
	const struct signature_style *styles = signature_styles(&n);
	json_key(j, "styles");
	json_array(j);
	for (uint32_t i = 0; i < n; i++) {
		json_object(j);
		json_key_text(j, "name", styles[i].name);
		json_key_text(j, "header", styles[i].header);
		json_key_text(j, "services", styles[i].services);
		json_object_end(j);
	}
	json_array_end(j);
}

enum rc hooks_get(struct api_call *c, struct err *e)
{
	struct access_hook *hooks;
	uint32_t n;
	enum rc rc = access_hook_list(c->api->access, http_arena(c->x), &hooks, &n, e);
	if (rc != RC_OK)
		return rc;
	struct json j = call_items(c);
	for (uint32_t i = 0; i < n; i++) {
		json_object(&j);
		write_hook(c, &j, &hooks[i]);
		json_object_end(&j);
	}
	json_array_end(&j);
	write_styles(&j);
	json_object_end(&j);
	return RC_OK;
}

static enum rc read_change(struct json_node root, struct hook_settings_change *h, struct err *e)
{
	struct access_hook_change *set = &h->set;
	const struct {
		const char *name;
		struct sv *out;
	} texts[] = {{"mapping", &set->mapping}, {"program", &set->program}, {"style", &set->style},
		{"header", &set->header}, {"secret", &set->secret}};
	double window_s = 0;
	enum rc rc = RC_OK;
	*h = (struct hook_settings_change){0};
	for (size_t i = 0; rc == RC_OK && i < sizeof(texts) / sizeof(texts[0]); i++)
		rc = call_string(root, texts[i].name, false, texts[i].out, e);
	set->enabled = call_flag(root, "enabled", &set->has_enabled);
	h->new_secret = call_flag(root, "new_secret", NULL);
	set->forget_secret = call_flag(root, "forget_secret", NULL);
	set->has_window = json_number(json_get(root, SV("window")), &window_s);
	set->window_s = (uint32_t)window_s;
	return rc;
}

// The webhook as it is now, with the secret if one was made.
static enum rc answer(struct api_call *c, struct sv name, const char *made, struct err *e)
{
	struct access_hook h;
	enum rc rc = access_hook_get(c->api->access, name, http_arena(c->x), &h, e);
	if (rc != RC_OK)
		return rc;
	struct json j = json_new(http_out(c->x));
	json_object(&j);
	write_hook(c, &j, &h);
	if (made[0])
		json_key_text(&j, "secret", made);
	json_object_end(&j);
	return RC_OK;
}

enum rc hooks_add(struct api_call *c, struct err *e)
{
	struct json_parser *parser;
	struct json_node root;
	struct hook_settings_change h;
	struct sv name;
	char made[SIGNATURE_SECRET_BYTES];
	enum rc rc = call_json(c, &parser, &root, e);
	if (rc != RC_OK)
		return rc;
	rc = call_string(root, "name", true, &name, e);
	if (rc == RC_OK)
		rc = read_change(root, &h, e);
	if (rc == RC_OK)
		rc = hook_settings_add(c->api->access, &c->actor, store_design(c->api->store), c->api->sandbox,
			name, &h, made, e);
	if (rc == RC_OK)
		rc = answer(c, name, made, e);
	json_parser_free(&parser);
	if (rc == RC_OK)
		http_status_set(c->x, 201);
	return rc;
}

static enum rc set_after_look(struct api_call *c, struct sv name, const struct hook_settings_change *change,
	char made[SIGNATURE_SECRET_BYTES], struct err *e)
{
	struct access_hook h;
	enum rc rc = access_hook_get(c->api->access, name, http_arena(c->x), &h, e);
	if (rc != RC_OK)
		return rc;
	struct etag now = hook_tag(&h);
	rc = etag_match(c, &now, "the webhook", e);
	return rc == RC_OK ? hook_settings_set(c->api->access, &c->actor, store_design(c->api->store),
				     c->api->sandbox, name, change, made, e)
			   : rc;
}

enum rc hooks_set(struct api_call *c, struct err *e)
{
	struct json_parser *parser;
	struct json_node root;
	struct hook_settings_change h;
	struct sv name = http_param(c->x, "hook");
	char made[SIGNATURE_SECRET_BYTES];
	enum rc rc = call_json(c, &parser, &root, e);
	if (rc != RC_OK)
		return rc;
	rc = read_change(root, &h, e);
	pthread_mutex_lock(&c->api->edits);
	if (rc == RC_OK)
		rc = set_after_look(c, name, &h, made, e);
	pthread_mutex_unlock(&c->api->edits);
	json_parser_free(&parser);
	return rc == RC_OK ? answer(c, name, made, e) : rc;
}

enum rc hooks_remove(struct api_call *c, struct err *e)
{
	enum rc rc = access_hook_remove(c->api->access, &c->actor, http_param(c->x, "hook"), e);
	buf_str(http_out(c->x), "{}");
	return rc;
}

// {"body", "mapping", "program"}: what would the body become, with these or the webhook's own? Nothing is stored.
enum rc hooks_test(struct api_call *c, struct err *e)
{
	struct json_parser *parser;
	struct json_node root;
	struct access_hook h;
	struct hook_settings s = {.name = http_param(c->x, "hook")};
	struct sv body;
	enum rc rc = call_json(c, &parser, &root, e);
	if (rc != RC_OK)
		return rc;
	rc = call_string(root, "body", true, &body, e);
	if (rc == RC_OK)
		rc = call_string(root, "mapping", false, &s.mapping, e);
	if (rc == RC_OK)
		rc = call_string(root, "program", false, &s.program, e);
	if (rc == RC_OK && !s.mapping.ptr) {
		rc = access_hook_get(c->api->access, s.name, http_arena(c->x), &h, e);
		s.mapping = rc == RC_OK ? h.mapping : SV_NONE;
		s.program = rc == RC_OK && !s.program.ptr ? h.program : s.program;
	}
	if (rc == RC_OK)
		rc = hook_try(&s, c->api->sandbox, store_design(c->api->store), body, HOOK_BODY_MAX,
			http_received_ms(c->x), http_out(c->x), e);
	json_parser_free(&parser);
	return rc;
}
