// SPDX-License-Identifier: Apache-2.0
// HMAC (RFC 2104) over the body, by what the table says of each service's way to write it down. The digests come from
// libcrypto, and so does the comparison, whose time depends on the lengths alone.
#include "listen/signature.h"

#include "base/buf.h"
#include "base/tz.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <limits.h>

#define TEXT_MAX (64u << 20) // of what is signed
#define HEADER_MAX 4096u     // a signature that is longer is none
#define TOKEN_MAX 1024u

static const struct signature_style styles[] = {
	{"github", SIGNATURE_SHA256, SIGNATURE_HEX, "X-Hub-Signature-256", "sha256=", 0, "%b", NULL, NULL, NULL,
		NULL, "GitHub, Meta, and many that follow WebSub", HANDSHAKE_HUB},
	{"github-sha1", SIGNATURE_SHA1, SIGNATURE_HEX, "X-Hub-Signature", "sha1=", 0, "%b", NULL, NULL, NULL,
		NULL, "Intercom, older senders", HANDSHAKE_HUB},
	{"stripe", SIGNATURE_SHA256, SIGNATURE_HEX, "Stripe-Signature", "v1=", ',', "%t.%b", NULL, "t=", NULL,
		NULL, "Stripe, and others with their own header", HANDSHAKE_NONE},
	{"shopify", SIGNATURE_SHA256, SIGNATURE_BASE64, "X-Shopify-Hmac-Sha256", "", 0, "%b", NULL, NULL, NULL,
		NULL, "Shopify; WooCommerce with the header X-WC-Webhook-Signature", HANDSHAKE_NONE},
	{"slack", SIGNATURE_SHA256, SIGNATURE_HEX, "X-Slack-Signature", "v0=", 0, "v0:%t:%b",
		"X-Slack-Request-Timestamp", NULL, NULL, NULL, "Slack", HANDSHAKE_SLACK},
	{"zendesk", SIGNATURE_SHA256, SIGNATURE_BASE64, "X-Zendesk-Webhook-Signature", "", 0, "%t%b",
		"X-Zendesk-Webhook-Signature-Timestamp", NULL, NULL, NULL, "Zendesk", HANDSHAKE_NONE},
	{"standard", SIGNATURE_SHA256, SIGNATURE_BASE64, "webhook-signature", "v1,", ' ', "%i.%t.%b",
		"webhook-timestamp", NULL, "webhook-id", "whsec_", "Standard Webhooks: Svix and its customers",
		HANDSHAKE_NONE},
	{"hmac-sha256", SIGNATURE_SHA256, SIGNATURE_HEX, "X-Signature", "", 0, "%b", NULL, NULL, NULL, NULL,
		"anything with a plain hexadecimal HMAC", HANDSHAKE_NONE},
	{"hmac-sha512", SIGNATURE_SHA512, SIGNATURE_HEX, "X-Signature", "", 0, "%b", NULL, NULL, NULL, NULL,
		"the same with SHA-512", HANDSHAKE_NONE},
	{"token", SIGNATURE_TOKEN, SIGNATURE_HEX, "X-Webhook-Token", "", 0, "", NULL, NULL, NULL, NULL,
		"services that send a secret along: GitLab with X-Gitlab-Token", HANDSHAKE_NONE},
};

const struct signature_style *signature_styles(uint32_t *n)
{
	*n = sizeof(styles) / sizeof(styles[0]);
	return styles;
}

const struct signature_style *signature_style_find(struct sv name)
{
	for (size_t i = 0; i < sizeof(styles) / sizeof(styles[0]); i++) {
		if (sv_equal(name, sv_from(styles[i].name)))
			return &styles[i];
	}
	return NULL;
}

// --- secrets ---

static void hex_write(const unsigned char *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[2 * n] = '\0';
}

enum rc signature_secret_make(
	const struct signature_style *style, char out[SIGNATURE_SECRET_BYTES], struct err *e)
{
	unsigned char bytes[32];
	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return err_set(e, RC_IO, "there is no source of random numbers");
	size_t prefix = style->secret_prefix ? strlen(style->secret_prefix) : 0;
	if (prefix) {
		memcpy(out, style->secret_prefix, prefix);
		EVP_EncodeBlock((unsigned char *)out + prefix, bytes, sizeof(bytes));
	} else {
		hex_write(bytes, sizeof(bytes), out);
	}
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return RC_OK;
}

enum rc signature_verify_token(struct sv secret, char out[SIGNATURE_SECRET_BYTES], struct err *e)
{
	static const unsigned char what[] = "hub.verify_token";
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	if (secret.len > INT_MAX ||
		!HMAC(EVP_sha256(), secret.ptr, (int)secret.len, what, sizeof(what) - 1, bytes, &n))
		return err_set(e, RC_NOMEM, "out of memory for a verify token");
	hex_write(bytes, 16, out);
	return RC_OK;
}

bool signature_is_verify_token(const struct sv *secrets, uint32_t n_secrets, struct sv given)
{
	char token[SIGNATURE_SECRET_BYTES];
	bool same = false;
	for (uint32_t i = 0; i < n_secrets; i++) {
		if (signature_verify_token(secrets[i], token, NULL) == RC_OK)
			same |= given.len == strlen(token) && CRYPTO_memcmp(given.ptr, token, given.len) == 0;
	}
	return same;
}

bool signature_challenge_valid(struct sv challenge)
{
	static const char signs[] = "-_.=+/";
	for (size_t i = 0; i < challenge.len; i++) {
		unsigned char c = (unsigned char)challenge.ptr[i], low = c | 0x20;
		if (!(c >= '0' && c <= '9') && !(low >= 'a' && low <= 'z') &&
			!memchr(signs, c, sizeof(signs) - 1))
			return false;
	}
	return challenge.len > 0 && challenge.len <= SIGNATURE_CHALLENGE_MAX;
}

// --- headers ---

struct request {
	const struct wire_header *headers;
	uint32_t n_headers;
	struct sv body, time, id, signatures;
};

static struct sv header_of(const struct request *r, struct sv name)
{
	for (uint32_t i = 0; i < r->n_headers; i++) {
		if (name.len && sv_equal_nocase(r->headers[i].name, name))
			return sv_trim(r->headers[i].value);
	}
	return SV_NONE;
}

static struct sv behind_prefix(struct sv s, const char *prefix)
{
	struct sv p = sv_from(prefix);
	return sv_starts(s, p) ? (struct sv){s.ptr + p.len, s.len - p.len} : SV_NONE;
}

// The next of the signatures, trimmed; false when there are no more.
static bool next_item(const struct signature_style *style, struct sv *rest, struct sv *item)
{
	if (!rest->ptr)
		return false;
	if (style->separator) {
		*item = sv_trim(sv_cut(*rest, style->separator, rest));
	} else {
		*item = *rest;
		*rest = SV_NONE;
	}
	return true;
}

static struct sv time_of(const struct signature_style *style, const struct request *r)
{
	struct sv rest = r->signatures, item;
	if (style->time_header)
		return header_of(r, sv_from(style->time_header));
	while (style->time_prefix && next_item(style, &rest, &item)) {
		struct sv found = behind_prefix(item, style->time_prefix);
		if (found.ptr)
			return found;
	}
	return SV_NONE;
}

static enum rc denied(struct err *e, const char *message, const char *remedy)
{
	err_set(e, RC_DENIED, "%s", message);
	err_remedy(e, "%s", remedy);
	return RC_DENIED;
}

// A signed time near now: what was recorded cannot be played again later.
static enum rc time_check(const struct signature_check *s, struct sv text, int64_t now_ms, struct err *e)
{
	struct time_format *iso = NULL;
	int64_t at, window_ms = (int64_t)(s->window_s ? s->window_s : SIGNATURE_WINDOW_S) * 1000;
	bool found = sv_to_i64(text, &at) && at > 0 && at < INT64_MAX / 1000;
	if (found) {
		at *= 1000;
	} else if (text.len > 10 && text.ptr[text.len - 1] == 'Z') {
		enum rc rc = time_format_compile(SV("ISO"), &iso, e);
		if (rc != RC_OK)
			return rc;
		found = time_parse(iso, NULL, text, &at, NULL);
		time_format_free(&iso);
	}
	if (!found)
		return denied(
			e, "the signature carries no time", "send the time header that the service signs with");
	if (at < now_ms - window_ms || at > now_ms + window_ms)
		return denied(e, "the signature is too old or of the future",
			"send it again; if it is always so, set the clocks right or widen the window");
	return RC_OK;
}

// --- digests ---

static enum rc text_make(
	const struct signature_style *style, const struct request *r, struct buf *out, struct err *e)
{
	for (const char *p = style->signed_text; *p; p++) {
		if (*p != '%') {
			buf_char(out, *p);
			continue;
		}
		p++;
		buf_sv(out, *p == 'b' ? r->body : *p == 't' ? r->time : r->id);
	}
	return buf_check(out, e, "a signed body");
}

static const EVP_MD *digest_of(const struct signature_style *style)
{
	return style->digest == SIGNATURE_SHA1     ? EVP_sha1()
	       : style->digest == SIGNATURE_SHA512 ? EVP_sha512()
						   : EVP_sha256();
}

// Base64 with its padding. Returns the number of bytes, 0 when it is none or does not fit.
static size_t base64_read(struct sv text, unsigned char *out, size_t room)
{
	unsigned char bytes[256];
	if (!text.len || text.len % 4 || text.len / 4 * 3 > sizeof(bytes))
		return 0;
	int n = EVP_DecodeBlock(bytes, (const unsigned char *)text.ptr, (int)text.len);
	size_t padding = (text.ptr[text.len - 1] == '=') + (size_t)(text.ptr[text.len - 2] == '=');
	if (n < (int)padding || (size_t)n - padding > room)
		return 0;
	memcpy(out, bytes, (size_t)n - padding);
	return (size_t)n - padding;
}

static size_t hex_read(struct sv text, unsigned char *out, size_t room)
{
	if (text.len % 2 || text.len / 2 > room)
		return 0;
	for (size_t i = 0; i < text.len; i++) {
		unsigned c = (unsigned char)text.ptr[i], low = c | 0x20;
		bool digit = c >= '0' && c <= '9', letter = low >= 'a' && low <= 'f';
		if (!digit && !letter)
			return 0;
		unsigned v = digit ? c - '0' : low - 'a' + 10;
		out[i / 2] = (unsigned char)(i % 2 ? out[i / 2] | v : v << 4);
	}
	return text.len / 2;
}

// The bytes of a secret: a text, or Base64 behind the style's prefix.
static struct sv secret_bytes(const struct signature_style *style, struct sv secret, unsigned char room[256])
{
	struct sv inner = style->secret_prefix ? behind_prefix(secret, style->secret_prefix) : SV_NONE;
	size_t n = base64_read(inner, room, 256);
	return n ? (struct sv){(const char *)room, n} : secret;
}

static bool is_signed_by(
	const struct signature_style *style, const struct request *r, struct sv text, struct sv secret)
{
	unsigned char room[256], want[EVP_MAX_MD_SIZE], got[EVP_MAX_MD_SIZE];
	unsigned n_want = 0;
	struct sv rest = r->signatures, item, key = secret_bytes(style, secret, room);
	if (key.len > INT_MAX || !HMAC(digest_of(style), key.ptr, (int)key.len, (const unsigned char *)text.ptr,
					 text.len, want, &n_want))
		return false;
	bool same = false;
	while (next_item(style, &rest, &item)) {
		struct sv found = behind_prefix(item, style->prefix);
		size_t n = style->encoding == SIGNATURE_HEX ? hex_read(found, got, sizeof(got))
							    : base64_read(found, got, sizeof(got));
		same |= n == n_want && CRYPTO_memcmp(got, want, n) == 0;
	}
	OPENSSL_cleanse(room, sizeof(room));
	return same;
}

// Tokens of different lengths are compared by their digests, so that the time does not tell the length.
static bool is_token(struct sv got, struct sv secret)
{
	unsigned char a[EVP_MAX_MD_SIZE], b[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	if (!got.len || got.len > TOKEN_MAX || !EVP_Digest(got.ptr, got.len, a, &n, EVP_sha256(), NULL) ||
		!EVP_Digest(secret.ptr, secret.len, b, &n, EVP_sha256(), NULL))
		return false;
	return CRYPTO_memcmp(a, b, n) == 0;
}

// --- the check ---

static enum rc secrets_check(const struct signature_check *s, struct err *e)
{
	bool usable = s->style && s->n_secrets && s->n_secrets <= SIGNATURE_SECRETS_MAX;
	for (uint32_t i = 0; usable && i < s->n_secrets; i++)
		usable = s->secrets[i].len > 0;
	if (usable)
		return RC_OK;
	err_set(e, RC_USAGE, "the webhook has no secret to check signatures with");
	err_remedy(e, "set one");
	return RC_USAGE;
}

enum rc signature_verify(const struct signature_check *s, const struct wire_header *headers, uint32_t n_headers,
	struct sv body, int64_t now_ms, struct err *e)
{
	struct request r = {.headers = headers, .n_headers = n_headers, .body = body};
	enum rc rc = secrets_check(s, e);
	if (rc != RC_OK)
		return rc;
	const struct signature_style *style = s->style;
	r.signatures = header_of(&r, s->header.len ? s->header : sv_from(style->header));
	if (!r.signatures.len || r.signatures.len > HEADER_MAX)
		return denied(
			e, "the request is not signed", "let the service sign with the secret of this webhook");
	bool same = false;
	if (style->digest == SIGNATURE_TOKEN) {
		for (uint32_t i = 0; i < s->n_secrets; i++)
			same |= is_token(r.signatures, s->secrets[i]);
	} else {
		bool timed = style->time_header || style->time_prefix;
		struct buf text = buf_new(TEXT_MAX);
		r.time = time_of(style, &r);
		r.id = style->id_header ? header_of(&r, sv_from(style->id_header)) : SV_NONE;
		rc = timed ? time_check(s, r.time, now_ms, e) : RC_OK;
		if (rc == RC_OK)
			rc = text_make(style, &r, &text, e);
		for (uint32_t i = 0; rc == RC_OK && i < s->n_secrets; i++)
			same |= is_signed_by(style, &r, buf_view(&text), s->secrets[i]);
		buf_free(&text);
	}
	if (rc != RC_OK || same)
		return rc;
	return denied(
		e, "the signature is not that of this body and secret", "compare the secret on both sides");
}
