// SPDX-License-Identifier: Apache-2.0
// The JSON writer. Invariant: need_comma[d] tells, for the container at depth d, whether a value stands in it
// already. Misuse (a value without a key, unbalanced ends) is a bug and asserts; a full buffer is the buffer's
// sticky error.
#include "base/json.h"
#include "base/number.h"

#include <assert.h>
#include <math.h>

struct json json_new(struct buf *out)
{
	return (struct json){.out = out};
}

// The comma before a value or key, if one belongs there.
static void separate(struct json *j)
{
	if (j->after_key) {
		j->after_key = false;
		return;
	}
	if (j->depth == 0)
		return;
	if (j->need_comma[j->depth - 1])
		buf_char(j->out, ',');
	j->need_comma[j->depth - 1] = true;
}

static void begin(struct json *j, char bracket)
{
	separate(j);
	assert(j->depth < JSON_DEPTH_MAX);
	j->need_comma[j->depth++] = false;
	buf_char(j->out, bracket);
}

static void end(struct json *j, char bracket)
{
	assert(j->depth > 0 && !j->after_key);
	j->depth--;
	buf_char(j->out, bracket);
}

void json_object(struct json *j)
{
	begin(j, '{');
}

void json_object_end(struct json *j)
{
	end(j, '}');
}

void json_array(struct json *j)
{
	begin(j, '[');
}

void json_array_end(struct json *j)
{
	end(j, ']');
}

// Does this byte need more than copying?
static bool is_special(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\' || c >= 0x80;
}

static void escape(struct buf *out, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char letters[] = "btn\0fr"; // of U+0008 to U+000D
	char text[6] = {'\\', (char)c, '0', '0', 0, 0};
	size_t n = 2;
	if (c >= 8 && c <= 13 && letters[c - 8]) {
		text[1] = letters[c - 8];
	} else if (c < 0x20) {
		text[1] = 'u';
		text[4] = hex[c >> 4];
		text[5] = hex[c & 15];
		n = 6;
	}
	buf_put(out, text, n);
}

// Bytes of s from i on that can be copied as they are.
static size_t plain_run(struct sv s, size_t i)
{
	size_t start = i;
	while (i < s.len && !is_special((unsigned char)s.ptr[i]))
		i++;
	return i - start;
}

// The bytes of s[i..] that are not ASCII: copied if well-formed, else one byte becomes U+FFFD. Returns how
// many.
static size_t put_wide(struct buf *out, struct sv s, size_t i)
{
	size_t n = 1;
	while (i + n < s.len && (unsigned char)s.ptr[i + n] >= 0x80)
		n++;
	size_t bad;
	if (sv_utf8_valid((struct sv){s.ptr + i, n}, &bad)) {
		buf_put(out, s.ptr + i, n);
		return n;
	}
	buf_put(out, s.ptr + i, bad);
	buf_str(out, "\xEF\xBF\xBD");
	return bad + 1;
}

static void quoted(struct buf *out, struct sv s)
{
	buf_char(out, '"');
	for (size_t i = 0; i < s.len;) {
		size_t n = plain_run(s, i);
		buf_put(out, s.ptr + i, n);
		i += n;
		if (i == s.len)
			break;
		unsigned char c = (unsigned char)s.ptr[i];
		if (c >= 0x80) {
			i += put_wide(out, s, i);
		} else {
			escape(out, c);
			i++;
		}
	}
	buf_char(out, '"');
}

void json_key(struct json *j, const char *key)
{
	json_key_sv(j, sv_from(key));
}

void json_key_sv(struct json *j, struct sv key)
{
	assert(j->depth > 0 && !j->after_key);
	separate(j);
	quoted(j->out, key);
	buf_char(j->out, ':');
	j->after_key = true;
}

void json_string(struct json *j, struct sv s)
{
	if (!s.ptr) {
		json_null(j);
		return;
	}
	separate(j);
	quoted(j->out, s);
}

void json_i64(struct json *j, int64_t v)
{
	char text[NUMBER_TEXT_MAX];
	unsigned n = number_from_i64(v, text);
	json_raw(j, (struct sv){text, n});
}

void json_u64(struct json *j, uint64_t v)
{
	char text[NUMBER_TEXT_MAX];
	unsigned n = number_from_u64(v, text);
	json_raw(j, (struct sv){text, n});
}

void json_double(struct json *j, double v)
{
	if (!isfinite(v)) {
		json_null(j);
		return;
	}
	char text[NUMBER_TEXT_MAX];
	unsigned n = number_from_double(v, text);
	json_raw(j, (struct sv){text, n});
}

void json_bool(struct json *j, bool v)
{
	json_raw(j, v ? SV("true") : SV("false"));
}

void json_null(struct json *j)
{
	json_raw(j, SV("null"));
}

void json_raw(struct json *j, struct sv text)
{
	separate(j);
	buf_sv(j->out, text);
}

void json_key_string(struct json *j, const char *key, struct sv s)
{
	json_key(j, key);
	json_string(j, s);
}

void json_key_text(struct json *j, const char *key, const char *s)
{
	json_key_string(j, key, sv_from(s));
}

void json_key_i64(struct json *j, const char *key, int64_t v)
{
	json_key(j, key);
	json_i64(j, v);
}

void json_key_u64(struct json *j, const char *key, uint64_t v)
{
	json_key(j, key);
	json_u64(j, v);
}

void json_key_double(struct json *j, const char *key, double v)
{
	json_key(j, key);
	json_double(j, v);
}

void json_key_bool(struct json *j, const char *key, bool v)
{
	json_key(j, key);
	json_bool(j, v);
}
