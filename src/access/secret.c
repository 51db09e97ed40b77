// SPDX-License-Identifier: Apache-2.0
// Secrets: random tokens, their hashes, and passwords. All cryptography is libsodium's.
//
// Tokens and keys have at least 190 random bits, so that a plain BLAKE2b of them cannot be guessed back; passwords are
// guessable and get argon2id with t=2 and 19 MiB (OWASP's minimum), about 50 ms.
#include "access/internal.h"

#include <assert.h>
#include <sodium.h>

enum {
	ARGON_PASSES = 2,
	ARGON_BYTES = 19 << 20,
	GATE_RUNNING = 2,
	GATE_WAITING = 32,
	PASSWORD_BYTES = ACCESS_PASSWORD_MAX * 3 + 1 // NFC of a text is at most three times as long
};

static_assert(PASSWORD_HASH_BYTES >= crypto_pwhash_STRBYTES, "a hash has room");
static_assert(HASH_BYTES == crypto_generichash_BYTES, "a hash has room");
static_assert(
	ACCESS_TOKEN_BYTES >= sodium_base64_ENCODED_LEN(HASH_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
	"a token has room");

// --- tokens ---

void token_make(char *out, size_t n)
{
	static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	for (size_t i = 0; i < n; i++)
		out[i] = letters[randombytes_uniform(sizeof(letters) - 1)];
	out[n] = '\0';
}

void token_hash(struct sv text, struct token_hash *out)
{
	crypto_generichash(out->bytes, sizeof(out->bytes), (const unsigned char *)(text.ptr ? text.ptr : ""),
		text.len, NULL, 0);
}

void token_csrf(struct sv token, char out[ACCESS_TOKEN_BYTES])
{
	static const char purpose[] = "corridor: token against cross-site requests";
	uint8_t bytes[HASH_BYTES];
	crypto_generichash(bytes, sizeof(bytes), (const unsigned char *)(token.ptr ? token.ptr : ""), token.len,
		(const unsigned char *)purpose, sizeof(purpose) - 1);
	sodium_bin2base64(
		out, ACCESS_TOKEN_BYTES, bytes, sizeof(bytes), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool secret_equal(struct sv a, struct sv b)
{
	return a.len == b.len && a.len > 0 && sodium_memcmp(a.ptr, b.ptr, a.len) == 0;
}

void secret_wipe(void *bytes, size_t n)
{
	sodium_memzero(bytes, n);
}

// --- how many at once ---

void gate_init(struct gate *g)
{
	pthread_mutex_init(&g->mu, NULL);
	pthread_cond_init(&g->free, NULL);
}

void gate_destroy(struct gate *g)
{
	pthread_cond_destroy(&g->free);
	pthread_mutex_destroy(&g->mu);
}

static enum rc gate_enter(struct gate *g, struct err *e)
{
	enum rc rc = RC_OK;
	pthread_mutex_lock(&g->mu);
	if (g->running >= GATE_RUNNING && g->waiting >= GATE_WAITING) {
		rc = err_set(e, RC_BUSY, "too many people are signing in at once");
		err_remedy(e, "try again in a few seconds");
	} else {
		g->waiting++;
		while (g->running >= GATE_RUNNING)
			pthread_cond_wait(&g->free, &g->mu);
		g->waiting--;
		g->running++;
	}
	pthread_mutex_unlock(&g->mu);
	return rc;
}

static void gate_leave(struct gate *g)
{
	pthread_mutex_lock(&g->mu);
	g->running--;
	pthread_cond_signal(&g->free);
	pthread_mutex_unlock(&g->mu);
}

// --- passwords ---

static size_t characters(struct sv s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
	return n;
}

static bool one_letter(struct sv s)
{
	for (size_t i = 1; i < s.len; i++)
		if (s.ptr[i] != s.ptr[0])
			return false;
	return true;
}

static enum rc too_weak(struct err *e, const char *why)
{
	enum rc rc = err_set(e, RC_INPUT, "the password %s", why);
	err_remedy(e, "take at least %u characters, best a few words that do not belong together",
		ACCESS_PASSWORD_MIN);
	return rc;
}

static enum rc check(struct sv password, struct sv email, struct sv name, struct err *e)
{
	struct sv rest, local = sv_cut(email, '@', &rest);
	if (password.len > ACCESS_PASSWORD_MAX)
		return err_set(e, RC_INPUT, "the password is longer than %u bytes", ACCESS_PASSWORD_MAX);
	if (!sv_utf8_valid(password, NULL))
		return err_set(e, RC_INPUT, "the password is not UTF-8");
	if (characters(password) < ACCESS_PASSWORD_MIN)
		return too_weak(e, "is too short");
	if (memchr(password.ptr, '\0', password.len))
		return err_set(e, RC_INPUT, "the password has a zero byte in it");
	if (one_letter(password))
		return too_weak(e, "is one character again and again");
	if (sv_equal_nocase(password, email) || sv_equal_nocase(password, local) ||
		sv_equal_nocase(password, name))
		return too_weak(e, "is the user's e-mail address or name");
	return RC_OK;
}

enum rc password_hash(struct access *a, struct sv password, struct sv email, struct sv name,
	char out[PASSWORD_HASH_BYTES], struct err *e)
{
	char text[PASSWORD_BYTES];
	size_t len = 0;
	enum rc rc = check(password, email, name, e);
	if (rc == RC_OK) // the same characters can be typed as different bytes
		rc = text_compose(password, text, sizeof(text), &len, e);
	if (rc == RC_OK)
		rc = gate_enter(&a->gate, e);
	if (rc != RC_OK)
		goto out;
	memset(out, 0, PASSWORD_HASH_BYTES);
	if (crypto_pwhash_str_alg(out, text, len, ARGON_PASSES, ARGON_BYTES, crypto_pwhash_ALG_ARGON2ID13) != 0)
		rc = err_set(e, RC_NOMEM, "out of memory computing a password's hash");
	gate_leave(&a->gate);
out:
	secret_wipe(text, sizeof(text));
	return rc;
}

enum rc password_verify(
	struct access *a, const char *hash, struct sv password, bool *same, bool *weak, struct err *e)
{
	// Of a password that nobody has: what is compared when there is no such user.
	static const char nobody[] = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdCBvZiBub2JvZHkhIQ$"
				     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
	char text[PASSWORD_BYTES], stored[crypto_pwhash_STRBYTES] = "";
	size_t len = 0;
	*same = *weak = false;
	// Nothing that could be a password; computed all the same.
	if (password.len > ACCESS_PASSWORD_MAX ||
		text_compose(password, text, sizeof(text), &len, NULL) != RC_OK)
		len = 0;
	struct sv source = sv_from(*hash ? hash : nobody);
	memcpy(stored, source.ptr, source.len < sizeof(stored) ? source.len : sizeof(stored) - 1);
	enum rc rc = gate_enter(&a->gate, e);
	if (rc == RC_OK) {
		*same = crypto_pwhash_str_verify(stored, text, len) == 0 && *hash && len > 0;
		*weak = *same && crypto_pwhash_str_needs_rehash(stored, ARGON_PASSES, ARGON_BYTES) != 0;
		gate_leave(&a->gate);
	}
	secret_wipe(text, sizeof(text));
	return rc;
}
