// SPDX-License-Identifier: Apache-2.0
// Signatures of webhooks: the examples that GitHub, Slack and Svix publish, RFC 2202 and RFC 4231, and for the rest
// digests that were computed with Python's hmac. Then everything that must not pass.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "listen/signature.h"

#define SLACK_BODY                                                                                             \
	"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"       \
	"channel_name=foobar"                                                                                  \
	"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2F" \
	"hooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id="         \
	"398738663015."                                                                                        \
	"47445629121.803a0bc887a14d10d2c447fce8b6703c"
#define GITHUB "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
#define STRIPE "7656fc2882a7ca0a651666b36bf2f2f22ee204f54f608f227498a2419f2890b2"
#define JEFE "what do ya want for nothing?"

struct example {
	const char *style, *secret, *body;
	int64_t now_s;
	struct {
		const char *name, *value;
	} headers[3];
};

static const struct example examples[] = {
	{"github", "It's a Secret to Everybody", "Hello, World!", 0,
		{{"x-hub-signature-256", "sha256=" GITHUB}}},
	{"slack", "8f742231b10e8888abcd99yyyzzz85a5", SLACK_BODY, 1531420618,
		{{"X-Slack-Request-Timestamp", "1531420618"},
			{"X-Slack-Signature",
				"v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"}}},
	{"standard", "whsec_plJ3nmyCDGBKInavdOK15jsl", "{\"event_type\":\"ping\",\"data\":{\"success\":true}}",
		1731705121,
		{{"webhook-id", "msg_loFOjxBNrRLzqYUf"}, {"webhook-timestamp", "1731705121"},
			{"webhook-signature",
				"v1,bm9uZQ== v2,x v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="}}},
	{"github-sha1", "Jefe", JEFE, 0,
		{{"X-Hub-Signature", "sha1=effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"}}},
	{"hmac-sha256", "Jefe", JEFE, 0,
		{{"X-Signature", "5BDCC146BF60754E6A042426089575C75A003F089D2739839DEC58B964EC3843"}}},
	{"hmac-sha512", "Jefe", JEFE, 0,
		{{"X-Signature",
			"164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a"
			"6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"}}},
	{"stripe", "whsec_test", "{\"id\":\"evt_1\"}", 1492774577 + 299,
		{{"Stripe-Signature", "t=1492774577,v1=00,v1=" STRIPE ",v0=ff"}}},
	{"shopify", "hush", "{\"id\":820982911946154508}", 0,
		{{"X-Shopify-Hmac-Sha256", "qBvrsZF7RfB1iS6BX6IHqJTp5L911P7intnPeTPsH0I="}}},
	{"zendesk", "dGhpc19zZWNyZXQ=", "{\"a\":1}", 1774792800,
		{{"X-Zendesk-Webhook-Signature-Timestamp", "2026-03-29T14:00:00Z"},
			{"X-Zendesk-Webhook-Signature", "guF+UwXJkGctI3iINi/wNDLWNIySHRZazvKpDKWwNQo="}}},
	{"token", "s3cret", "", 0, {{"X-Webhook-Token", " s3cret "}}},
};
#define EXAMPLES (sizeof(examples) / sizeof(examples[0]))

static enum rc verify(const struct example *x, struct sv secret, struct sv body, int64_t now_s, struct err *e)
{
	struct signature_check s = {
		.style = signature_style_find(sv_from(x->style)), .secrets = {secret}, .n_secrets = 1};
	assert_non_null(s.style);
	struct wire_header headers[3];
	for (uint32_t i = 0; i < 3; i++)
		headers[i] = (struct wire_header){sv_from(x->headers[i].name), sv_from(x->headers[i].value)};
	*e = ERR_NONE;
	return signature_verify(&s, headers, 3, body, now_s * 1000, e);
}

static void published(void **state)
{
	(void)state;
	uint32_t n;
	struct err e;
	signature_styles(&n);
	assert_int_equal(n, EXAMPLES); // an example of each
	for (size_t i = 0; i < EXAMPLES; i++) {
		const struct example *x = &examples[i];
		if (verify(x, sv_from(x->secret), sv_from(x->body), x->now_s, &e) != RC_OK)
			fail_msg("%s: %s", x->style, e.message);
	}
}

// Another secret, another body, a byte more or less, another byte anywhere in the signature.
static void forged(void **state)
{
	(void)state;
	struct err e;
	for (size_t i = 0; i < EXAMPLES; i++) {
		struct example x = examples[i];
		struct sv secret = sv_from(x.secret), body = sv_from(x.body);
		bool token = signature_style_find(sv_from(x.style))->digest == SIGNATURE_TOKEN;
		assert_int_equal(verify(&x, SV("another"), body, x.now_s, &e), RC_DENIED);
		assert_int_equal(
			verify(&x, (struct sv){secret.ptr, secret.len - 1}, body, x.now_s, &e), RC_DENIED);
		if (!token) {
			assert_int_equal(verify(&x, secret, (struct sv){body.ptr, body.len - 1}, x.now_s, &e),
				RC_DENIED);
			assert_int_equal(verify(&x, secret, SV("{}"), x.now_s, &e), RC_DENIED);
		}
		uint32_t at = x.headers[2].value ? 2 : x.headers[1].value ? 1 : 0;
		const char *good = x.headers[at].value;
		char bad[512];
		x.headers[at].value = bad;
		for (size_t k = 0; good[k]; k++) {
			if (sv_equal(sv_from(x.style), SV("standard")) ||
				sv_equal(sv_from(x.style), SV("stripe")))
				break; // several signatures, not all of which matter
			snprintf(bad, sizeof(bad), "%s", good);
			bad[k] = bad[k] == ' ' ? 'x' : (char)(bad[k] ^ 1);
			assert_int_equal(verify(&x, secret, body, x.now_s, &e), RC_DENIED);
		}
		snprintf(bad, sizeof(bad), "%.*s", (int)strlen(good) - 2, good);
		if (!token && !sv_equal(sv_from(x.style), SV("stripe")))
			assert_int_equal(verify(&x, secret, body, x.now_s, &e), RC_DENIED);
		x.headers[at].name = "X-Other";
		assert_int_equal(verify(&x, secret, body, x.now_s, &e), RC_DENIED);
		assert_string_equal(e.message, "the request is not signed");
	}
}

static void replayed(void **state)
{
	(void)state;
	struct err e;
	for (size_t i = 0; i < EXAMPLES; i++) {
		const struct example *x = &examples[i];
		int64_t signed_s = sv_equal(sv_from(x->style), SV("stripe")) ? 1492774577 : x->now_s;
		if (!x->now_s)
			continue;
		struct sv secret = sv_from(x->secret), body = sv_from(x->body);
		assert_int_equal(verify(x, secret, body, signed_s + 300, &e), RC_OK);
		assert_int_equal(verify(x, secret, body, signed_s - 300, &e), RC_OK);
		assert_int_equal(verify(x, secret, body, signed_s + 301, &e), RC_DENIED);
		assert_int_equal(verify(x, secret, body, signed_s - 301, &e), RC_DENIED);
		assert_string_equal(e.message, "the signature is too old or of the future");
	}
	struct example x = examples[1];
	x.headers[0].value = "later";
	assert_int_equal(verify(&x, sv_from(x.secret), sv_from(x.body), x.now_s, &e), RC_DENIED);
	assert_string_equal(e.message, "the signature carries no time");
}

static void settings(void **state)
{
	(void)state;
	struct err e = ERR_NONE;
	struct wire_header h = {SV("X-Gitlab-Token"), SV("b")};
	struct signature_check s = {.style = signature_style_find(SV("token")),
		.header = SV("x-gitlab-token"),
		.secrets = {SV("a"), SV("b")},
		.n_secrets = 2};
	// While a secret is changed, the old and the new one count; so does a header of one's own.
	assert_int_equal(signature_verify(&s, &h, 1, SV(""), 0, &e), RC_OK);
	s.n_secrets = 1;
	assert_int_equal(signature_verify(&s, &h, 1, SV(""), 0, &e), RC_DENIED);
	s = (struct signature_check){.style = signature_style_find(SV("github")), .n_secrets = 1};
	e = ERR_NONE;
	assert_int_equal(signature_verify(&s, &h, 1, SV(""), 0, &e), RC_USAGE);
	s.n_secrets = 0;
	e = ERR_NONE;
	assert_int_equal(signature_verify(&s, &h, 1, SV(""), 0, &e), RC_USAGE);
	assert_null(signature_style_find(SV("nobody")));
}

static void secrets_and_handshakes(void **state)
{
	(void)state;
	struct err e = ERR_NONE;
	char a[SIGNATURE_SECRET_BYTES], b[SIGNATURE_SECRET_BYTES];
	uint32_t n;
	const struct signature_style *styles = signature_styles(&n);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(signature_secret_make(&styles[i], a, &e), RC_OK);
		assert_int_equal(signature_secret_make(&styles[i], b, &e), RC_OK);
		assert_string_not_equal(a, b);
		bool prefixed = styles[i].secret_prefix != NULL;
		assert_int_equal(strlen(a), prefixed ? 6 + 44 : 64);
		assert_int_equal(strncmp(a, "whsec_", 6) == 0, prefixed);
	}
	// HMAC-SHA256 of "hub.verify_token", computed with Python's hmac.
	assert_int_equal(signature_verify_token(SV("hush-hush"), a, &e), RC_OK);
	assert_string_equal(a, "0accab33f21d4ca0db85be4a4a2ff858");
	const struct sv secrets[] = {SV("another"), SV("hush-hush")};
	assert_true(signature_is_verify_token(secrets, 2, sv_from(a)));
	assert_false(signature_is_verify_token(secrets, 1, sv_from(a)));
	assert_false(signature_is_verify_token(secrets, 2, SV("")));
	assert_false(signature_is_verify_token(secrets, 2, SV("hush-hush")));
	assert_false(signature_is_verify_token(secrets, 2, (struct sv){a, strlen(a) - 1}));
	static char long_one[SIGNATURE_CHALLENGE_MAX + 1];
	memset(long_one, 'a', sizeof(long_one));
	assert_true(signature_challenge_valid(SV("1158201444")));
	assert_true(signature_challenge_valid(SV("aZ09-_.=+/")));
	assert_true(signature_challenge_valid((struct sv){long_one, SIGNATURE_CHALLENGE_MAX}));
	assert_false(signature_challenge_valid((struct sv){long_one, sizeof(long_one)}));
	assert_false(signature_challenge_valid(SV("")));
	assert_false(signature_challenge_valid(SV("<b>")));
	assert_false(signature_challenge_valid(SV("a b")));
	assert_false(signature_challenge_valid((struct sv){"a\0", 2}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published),
		cmocka_unit_test(forged),
		cmocka_unit_test(replayed),
		cmocka_unit_test(settings),
		cmocka_unit_test(secrets_and_handshakes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
