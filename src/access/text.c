// SPDX-License-Identifier: Apache-2.0
// What people type: names, e-mail addresses, passwords, web origins. Unicode is ICU's.
#include "access/internal.h"

#include <string.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

enum { UNITS_MAX = 3 * ACCESS_PASSWORD_MAX + 1 };

struct sv text_cut(struct sv text, size_t max)
{
	if (text.len <= max)
		return text;
	while (max > 0 && ((unsigned char)text.ptr[max] & 0xc0) == 0x80)
		max--;
	return (struct sv){text.ptr, max};
}

// Letters that act on a terminal or hide what follows: C0, DEL, C1, and the marks that turn the direction of writing.
static bool has_control(struct sv s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i], d = i + 1 < s.len ? (unsigned char)s.ptr[i + 1] : 0,
			      f = i + 2 < s.len ? (unsigned char)s.ptr[i + 2] : 0;
		if (c < 0x20 || c == 0x7f || (c == 0xc2 && d < 0xa0))
			return true;
		if (c == 0xe2 &&
			((d == 0x80 && f >= 0xaa && f <= 0xae) || (d == 0x81 && f >= 0xa6 && f <= 0xa9)))
			return true;
	}
	return false;
}

enum rc name_check(struct sv name, const char *what, struct sv *out, struct err *e)
{
	*out = sv_trim(name);
	if (out->len == 0)
		return err_set(e, RC_INPUT, "the %s is empty", what);
	if (out->len > ACCESS_NAME_MAX)
		return err_set(e, RC_INPUT, "the %s is longer than %u bytes", what, ACCESS_NAME_MAX);
	if (!sv_utf8_valid(*out, NULL))
		return err_set(e, RC_INPUT, "the %s is not UTF-8", what);
	if (has_control(*out))
		return err_set(e, RC_INPUT, "the %s has control characters in it", what);
	return RC_OK;
}

// --- Unicode ---

static bool to_units(struct sv s, UChar *out, int32_t max, int32_t *n)
{
	UErrorCode code = U_ZERO_ERROR;
	if (s.len > INT32_MAX)
		return false;
	u_strFromUTF8(out, max, n, s.ptr ? s.ptr : "", (int32_t)s.len, &code);
	return U_SUCCESS(code);
}

static bool to_utf8(const UChar *s, int32_t n, char *out, size_t size, size_t *len)
{
	UErrorCode code = U_ZERO_ERROR;
	int32_t written = 0;
	u_strToUTF8(out, (int32_t)size, &written, s, n, &code);
	*len = (size_t)written;
	return U_SUCCESS(code) && (size_t)written < size;
}

static bool nfc(const UChar *s, int32_t n, UChar *out, int32_t max, int32_t *out_n)
{
	UErrorCode code = U_ZERO_ERROR;
	const UNormalizer2 *normalizer = unorm2_getNFCInstance(&code);
	*out_n = U_SUCCESS(code) ? unorm2_normalize(normalizer, s, n, out, max, &code) : 0;
	return U_SUCCESS(code);
}

enum rc text_compose(struct sv text, char *out, size_t size, size_t *len, struct err *e)
{
	UChar units[UNITS_MAX], composed[UNITS_MAX];
	int32_t n = 0, n_composed = 0;
	*len = 0;
	bool fits = to_units(text, units, UNITS_MAX, &n) && nfc(units, n, composed, UNITS_MAX, &n_composed) &&
		    to_utf8(composed, n_composed, out, size, len);
	secret_wipe(units, sizeof(units));
	secret_wipe(composed, sizeof(composed));
	return fits ? RC_OK : err_set(e, RC_INPUT, "the text is not UTF-8, or too long");
}

enum rc email_fold(struct sv email, char out[FOLD_BYTES], struct err *e)
{
	struct sv domain, local = sv_cut(email, '@', &domain), more;
	if (email.len > ACCESS_EMAIL_MAX)
		return err_set(e, RC_INPUT, "the e-mail address is longer than %u bytes", ACCESS_EMAIL_MAX);
	sv_cut(domain, '@', &more);
	if (local.len == 0 || domain.len == 0 || more.ptr || !sv_utf8_valid(email, NULL) ||
		has_control(email) || memchr(email.ptr, ' ', email.len)) {
		enum rc rc = err_set(e, RC_INPUT, "this is not an e-mail address");
		err_remedy(e, "it looks like name@example.com");
		return rc;
	}
	UChar units[ACCESS_EMAIL_MAX + 1], folded[4 * ACCESS_EMAIL_MAX], composed[4 * ACCESS_EMAIL_MAX];
	int32_t n = 0, n_folded = 0, n_composed = 0;
	size_t len = 0;
	UErrorCode code = U_ZERO_ERROR;
	bool fits = to_units(email, units, ACCESS_EMAIL_MAX + 1, &n);
	if (fits)
		n_folded = u_strFoldCase(folded, 4 * ACCESS_EMAIL_MAX, units, n, U_FOLD_CASE_DEFAULT, &code);
	if (!fits || U_FAILURE(code) || !nfc(folded, n_folded, composed, 4 * ACCESS_EMAIL_MAX, &n_composed) ||
		!to_utf8(composed, n_composed, out, FOLD_BYTES, &len))
		return err_set(e, RC_INPUT, "the e-mail address is too long");
	return RC_OK;
}

// --- web origins ---

static bool is_host(struct sv host)
{
	if (host.len == 0 || host.len > 253)
		return false;
	for (size_t i = 0; i < host.len; i++) {
		char c = host.ptr[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
			    c == '.' || c == '[' || c == ']' || c == ':'))
			return false;
	}
	return true;
}

enum rc origin_check(struct sv origin, struct err *e)
{
	struct sv host = SV_NONE;
	int64_t port = 1;
	if (sv_starts(origin, SV("https://")))
		host = (struct sv){origin.ptr + 8, origin.len - 8};
	else if (sv_starts(origin, SV("http://")))
		host = (struct sv){origin.ptr + 7, origin.len - 7};
	if (sv_starts(host, SV("*.")))
		host = (struct sv){host.ptr + 2, host.len - 2};
	if (host.len && host.ptr[0] != '[') {
		struct sv digits;
		host = sv_cut(host, ':', &digits);
		if (digits.ptr && (!sv_to_i64(digits, &port) || port < 1 || port > 65535))
			host = SV_NONE;
	}
	if (is_host(host))
		return RC_OK;
	enum rc rc = err_set(e, RC_INPUT, "'%.*s' is not a web origin",
		(int)(origin.len < 80 ? origin.len : 80), origin.ptr ? origin.ptr : "");
	err_remedy(e, "it looks like https://shop.example, https://*.example.com or http://localhost:3000");
	return rc;
}

bool access_key_origin(const struct access_key *key, struct sv origin)
{
	for (uint32_t i = 0; i < key->n_origins; i++) {
		struct sv rest, scheme = sv_cut(key->origins[i], '*', &rest);
		if (!rest.ptr ? sv_equal_nocase(key->origins[i], origin)
			      : origin.len > scheme.len + rest.len &&
					sv_equal_nocase((struct sv){origin.ptr, scheme.len}, scheme) &&
					sv_equal_nocase(
						(struct sv){origin.ptr + origin.len - rest.len, rest.len},
						rest))
			return true;
	}
	return key->n_origins == 0;
}
