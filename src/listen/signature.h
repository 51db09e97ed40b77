// SPDX-License-Identifier: Apache-2.0
// Signatures of webhooks: did the body come from who has the secret, and lately? Pure functions.
#ifndef CORRIDOR_LISTEN_SIGNATURE_H
#define CORRIDOR_LISTEN_SIGNATURE_H

#include "base/err.h"
#include "base/sv.h"
#include "listen/wire.h" // struct wire_header

#include <stdint.h>

#define SIGNATURE_SECRETS_MAX 2u // the old and the new one while they are changed
#define SIGNATURE_WINDOW_S 300u

enum signature_digest { SIGNATURE_TOKEN, SIGNATURE_SHA1, SIGNATURE_SHA256, SIGNATURE_SHA512 };
enum signature_encoding { SIGNATURE_HEX, SIGNATURE_BASE64 };
// How a service makes sure that an address is a webhook, before it sends anything.
enum signature_handshake {
	HANDSHAKE_NONE,
	HANDSHAKE_SLACK, // a signed body {"type": "url_verification", "challenge"}; the challenge is the answer
	HANDSHAKE_HUB // GET ?hub.mode=subscribe&hub.challenge=…&hub.verify_token=…, likewise (WebSub, Meta)
};
#define SIGNATURE_SECRET_BYTES                                                                                 \
	80u // of a text of signature_secret_make or signature_verify_token, its NUL included
#define SIGNATURE_CHALLENGE_MAX 512u

// How a service signs. A row of the table of styles, or one's own.
struct signature_style {
	const char *name;
	enum signature_digest digest; // SIGNATURE_TOKEN: the header holds the secret itself
	enum signature_encoding encoding;
	const char *header;        // that holds the signature
	const char *prefix;        // of the signature in it: "sha256="; what has another prefix is passed over
	char separator;            // of several signatures in it; 0 = there is one
	const char *signed_text;   // what is signed: %b body, %t time, %i id, all else as it is
	const char *time_header;   // that holds %t; NULL: none
	const char *time_prefix;   // %t stands among the signatures behind this prefix; NULL: it does not
	const char *id_header;     // that holds %i; NULL: none
	const char *secret_prefix; // of a secret that is Base64 behind it; NULL: secrets are texts
	const char *services;      // that sign like this, for the manual
	enum signature_handshake handshake;
};

// The styles of common services; *n rows.
const struct signature_style *signature_styles(uint32_t *n);
// The row of that name, or NULL.
const struct signature_style *signature_style_find(struct sv name);

// Makes a secret: random, written as the style has it.
enum rc signature_secret_make(
	const struct signature_style *style, char out[SIGNATURE_SECRET_BYTES], struct err *e);
// The verify token of HANDSHAKE_HUB: made from the secret, which does not follow from it (addresses are logged).
enum rc signature_verify_token(struct sv secret, char out[SIGNATURE_SECRET_BYTES], struct err *e);
// Is `given` the verify token of one of the secrets?
bool signature_is_verify_token(const struct sv *secrets, uint32_t n_secrets, struct sv given);
// Can a challenge be given back without harm? Letters, digits and - _ . = + / only.
bool signature_challenge_valid(struct sv challenge);

struct signature_check {
	const struct signature_style *style;
	struct sv header; // instead of the style's; empty: that one
	struct sv secrets[SIGNATURE_SECRETS_MAX];
	uint32_t n_secrets;
	uint32_t window_s; // a signed time may be that far from now; 0: SIGNATURE_WINDOW_S
};

// RC_OK: one of the secrets has signed exactly this body, and not too long ago. RC_DENIED: not, e says why (nothing that
// helps to forge one). The time that it takes does not depend on the secret or on how much of a signature is right.
// RC_USAGE: no secret. RC_NOMEM.
enum rc signature_verify(const struct signature_check *s, const struct wire_header *headers, uint32_t n_headers,
	struct sv body, int64_t now_ms, struct err *e);

#endif
