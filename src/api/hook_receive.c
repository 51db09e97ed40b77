// SPDX-License-Identifier: Apache-2.0
// Webhooks over HTTP: who signed the body? Then it goes through the webhook's mapping into the intake, and the answer
// says that it is durable.
//
// 200 also when nothing could be made of the body: it is in the quarantine then, with the webhook's name. Whoever cannot
// sign learns nothing but that (401); what was wrong is in the audit trail.
#include "api/hook_settings.h"
#include "api/internal.h"

// One body on its way; in its exchange's arena.
struct hook_arrival {
	struct api_call *call;
	struct wire_result result;
};

static enum rc unknown(struct err *e)
{
	return err_set(e, RC_NOT_FOUND, "there is no webhook of this name, or it is disabled");
}

// The webhook of the path, or NULL.
static const struct access_hook *hook_of(struct api_call *c, const struct access_view *view)
{
	const struct access_hook *h = access_view_hook(view, http_param(c->x, "name"));
	return h && h->enabled ? h : NULL;
}

// --- who sends ---

static enum rc check_signature(
	struct api_call *c, const struct access_hook *h, const struct signature_style *style, struct err *e)
{
	const char *const names[] = {
		h->header.len ? h->header.ptr : style->header, style->time_header, style->id_header};
	struct wire_header headers[3];
	uint32_t n = 0;
	struct signature_check check = {
		.style = style, .header = h->header, .n_secrets = h->n_secrets, .window_s = h->window_s};
	for (uint32_t i = 0; i < h->n_secrets; i++)
		check.secrets[i] = h->secrets[i];
	for (unsigned i = 0; i < 3; i++) {
		struct sv value = names[i] ? http_header(c->x, names[i]) : SV_NONE;
		if (value.ptr)
			headers[n++] = (struct wire_header){sv_from(names[i]), value};
	}
	return signature_verify(&check, headers, n, http_body(c->x), http_received_ms(c->x), e);
}

static enum rc refuse(struct api_call *c, const struct err *why)
{
	atomic_fetch_add(&c->api->n_hooks_refused, 1);
	access_hook_refused(c->api->access, http_param(c->x, "name"), http_peer(c->x), why->message);
	http_problem(c->x, 401, NULL, NULL, "the signature is missing, wrong or too old");
	return API_ANSWERED;
}

// --- handshakes ---

static enum rc answer_challenge(struct api_call *c, struct sv challenge)
{
	http_security_headers(c->x, NULL);
	http_header_add(c->x, "Content-Type", SV("text/plain; charset=utf-8"));
	buf_sv(http_out(c->x), challenge);
	http_reply(c->x);
	return API_ANSWERED;
}

// The challenge of a signed handshake, in the call's arena; SV_NONE: it is none.
static struct sv challenge_of(struct api_call *c, const struct signature_style *style)
{
	struct json_parser *parser;
	struct json_node root;
	struct err ignored = ERR_NONE;
	char scratch[32];
	struct sv challenge = SV_NONE;
	if (style->handshake != HANDSHAKE_SLACK || call_json(c, &parser, &root, &ignored) != RC_OK)
		return SV_NONE;
	if (sv_equal(json_text(json_get(root, SV("type")), scratch), SV("url_verification")))
		challenge = arena_copy(http_arena(c->x), json_text(json_get(root, SV("challenge")), scratch));
	json_parser_free(&parser);
	return signature_challenge_valid(challenge) ? challenge : SV_NONE;
}

// GET /hooks/{name}: the handshake of WebSub. All else is not found.
enum rc hook_verify(struct api_call *c, struct err *e)
{
	struct sv challenge = http_query(c->x, "hub.challenge", 0);
	const struct access_view *view = access_view_get(c->api->access);
	const struct access_hook *h = hook_of(c, view);
	const struct signature_style *style = h ? signature_style_find(h->style) : NULL;
	bool same =
		style && style->handshake == HANDSHAKE_HUB &&
		sv_equal(http_query(c->x, "hub.mode", 0), SV("subscribe")) &&
		signature_challenge_valid(challenge) &&
		signature_is_verify_token(h->secrets, h->n_secrets, http_query(c->x, "hub.verify_token", 0));
	access_view_release(c->api->access, &view);
	return same ? answer_challenge(c, challenge) : unknown(e);
}

// --- bodies ---

static void durable(void *context, const struct intake_result *result)
{
	struct hook_arrival *a = context;
	struct http_exchange *x = a->call->x;
	if (result->rc != RC_OK) {
		struct err e = *result->err;
		api_intake_problem(x, &e);
		return;
	}
	struct json j = json_new(http_out(x));
	json_object(&j);
	json_key_u64(&j, "interactions", a->result.n_interactions);
	json_key_u64(&j, "rejected", a->result.n_rejected);
	json_object_end(&j);
	http_security_headers(x, NULL);
	http_reply_json(x);
}

// made: what the webhook's program made of the body; refused: why it made nothing.
static enum rc deliver(
	struct api_call *c, struct hook_line *line, struct sv made, const char *refused, struct err *e)
{
	struct hook_arrival *a = arena_alloc(http_arena(c->x), sizeof(*a));
	struct sv file = arena_printf(http_arena(c->x), "hooks/%.*s", SV_ARG(hook_line_name(line)));
	if (!a || !file.ptr)
		return err_set(e, RC_NOMEM, "out of memory for a request");
	*a = (struct hook_arrival){.call = c};
	const struct intake_delivery d = {.body = http_body(c->x),
		.context = {.received_ms = http_received_ms(c->x), .batch_bytes_max = HOOK_BODY_MAX},
		.hook = line,
		.made = made,
		.refused = refused,
		.file = file.ptr,
		.done = durable,
		.done_context = a};
	struct intake *intake = c->api->intake;
	atomic_fetch_add(&c->api->n_hooks_taken, 1);
	enum rc rc = intake_deliver(intake, &d, &a->result, e); // RC_OK: a and c may be gone
	if (rc == RC_OK)
		return API_ANSWERED;
	if (rc == RC_LIMIT && a->result.n_rejected > 0) // the quarantine is full: to be sent again
		e->rc = RC_BUSY;
	api_intake_problem(c->x, e);
	return API_ANSWERED;
}

// A program that makes nothing of the body costs nothing: the body is kept with the reason.
static enum rc run_program(struct api_call *c, struct hook_line *line, struct err *e)
{
	struct sv program = hook_line_program(line);
	struct buf made = buf_new(SANDBOX_OUTPUT_MAX);
	struct err why = ERR_NONE;
	enum rc rc = hook_program_run(c->api->sandbox, program, http_body(c->x), &made, &why);
	if (rc == RC_OK)
		rc = deliver(c, line, buf_view(&made), NULL, e);
	else if (rc == RC_INPUT || rc == RC_LIMIT)
		rc = deliver(c, line, SV_NONE, why.message, e);
	else {
		api_intake_problem(c->x, &why);
		rc = API_ANSWERED;
	}
	buf_free(&made);
	return rc;
}

// POST /hooks/{name}
enum rc hook_receive(struct api_call *c, struct err *e)
{
	struct hook_line *line = NULL;
	struct err why = ERR_NONE;
	struct hook_lines *lines = c->api->hook_lines; // after the answer c is gone
	const struct access_view *view = access_view_get(c->api->access);
	const struct access_hook *h = hook_of(c, view);
	const struct signature_style *style = h ? signature_style_find(h->style) : NULL;
	enum rc rc = style ? check_signature(c, h, style, &why) : unknown(e);
	if (rc == RC_OK) {
		const struct hook_settings settings = hook_settings_of(h);
		rc = hook_lines_take(lines, &settings, &line, e);
	}
	access_view_release(c->api->access, &view);
	if (rc == RC_DENIED)
		return refuse(c, &why);
	if (rc != RC_OK)
		return e->rc ? rc : err_take(e, &why);
	struct sv challenge = challenge_of(c, style);
	if (challenge.ptr)
		rc = answer_challenge(c, challenge);
	else if (hook_line_program(line).len)
		rc = run_program(c, line, e);
	else
		rc = deliver(c, line, SV_NONE, NULL, e);
	hook_line_release(lines, &line);
	return rc;
}
