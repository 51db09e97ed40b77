// SPDX-License-Identifier: Apache-2.0
// When one message of a batch is no valid JSON, the batch as a whole is none, but the other messages must not be lost
// with it. Brackets and quotes are enough to find where each of them starts and ends. Only used when the parser has
// refused the body, so it need not be fast; it must be linear and never read past the end.
#include "listen/wire_decoder.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static struct sv skip_blanks(struct sv s)
{
	while (s.len && is_blank(*s.ptr)) {
		s.ptr++;
		s.len--;
	}
	return s;
}

// Bytes of the string that starts at the quote s[0], with both quotes; 0 when it has no end.
static size_t string_bytes(struct sv s)
{
	for (size_t i = 1; i < s.len; i++) {
		if (s.ptr[i] == '\\')
			i++;
		else if (s.ptr[i] == '"')
			return i + 1;
	}
	return 0;
}

// Bytes of the value that s starts with; 0 when it has no end.
static size_t value_bytes(struct sv s)
{
	size_t depth = 0;
	for (size_t i = 0; i < s.len;) {
		char c = s.ptr[i];
		if (c == '"') {
			size_t n = string_bytes((struct sv){s.ptr + i, s.len - i});
			if (!n || !depth)
				return n;
			i += n;
			continue;
		}
		bool closes = c == '}' || c == ']';
		if (depth == 0 && (closes || c == ',' || is_blank(c)))
			return i;
		depth += c == '{' || c == '[';
		depth -= closes;
		i++;
		if (closes && depth == 0)
			return i;
	}
	return 0;
}

static struct sv behind(struct sv s, size_t n)
{
	return (struct sv){s.ptr + n, s.len - n};
}

struct wire_split wire_split(struct sv text)
{
	text = skip_blanks(text);
	bool starts = text.len && (text.ptr[0] == '{' || text.ptr[0] == '[');
	return (struct wire_split){.rest = starts ? skip_blanks(behind(text, 1)) : text,
		.is_object = starts && text.ptr[0] == '{',
		.bad = !starts};
}

static bool split_fail(struct wire_split *s)
{
	s->bad = true;
	return false;
}

bool wire_split_next(struct wire_split *s, struct sv *key, struct sv *raw)
{
	const char closing = s->is_object ? '}' : ']';
	*key = *raw = SV_NONE;
	if (s->bad || s->done)
		return false;
	if (!s->rest.len)
		return split_fail(s);
	if (s->rest.ptr[0] == closing) {
		s->done = true;
		s->rest = skip_blanks(behind(s->rest, 1));
		return false;
	}
	if (s->is_object) {
		size_t n = s->rest.ptr[0] == '"' ? string_bytes(s->rest) : 0;
		if (!n)
			return split_fail(s);
		*key = (struct sv){s->rest.ptr, n};
		s->rest = skip_blanks(behind(s->rest, n));
		if (!s->rest.len || s->rest.ptr[0] != ':')
			return split_fail(s);
		s->rest = skip_blanks(behind(s->rest, 1));
	}
	size_t n = value_bytes(s->rest);
	if (!n)
		return split_fail(s);
	*raw = (struct sv){s->rest.ptr, n};
	s->rest = skip_blanks(behind(s->rest, n));
	if (s->rest.len && s->rest.ptr[0] == ',')
		s->rest = skip_blanks(behind(s->rest, 1));
	else if (!s->rest.len || s->rest.ptr[0] != closing)
		return split_fail(s);
	return true;
}

// --- surrogates ---

// The code unit of the escape "\uXXXX" that s starts with; 0 when it starts with none.
static unsigned escaped_unit(struct sv s)
{
	unsigned v = 0;
	if (s.len < 6 || s.ptr[0] != '\\' || s.ptr[1] != 'u')
		return 0;
	for (size_t i = 2; i < 6; i++) {
		unsigned c = (unsigned char)s.ptr[i], low = c | 0x20;
		if (c >= '0' && c <= '9')
			v = v * 16 + c - '0';
		else if (low >= 'a' && low <= 'f')
			v = v * 16 + low - 'a' + 10;
		else
			return 0;
	}
	return v;
}

// A text that was cut in the middle of an emoji ends with half of it; JSON.stringify writes the half as an escape.
bool wire_mend_surrogates(struct sv text, struct buf *out)
{
	bool any = false;
	buf_clear(out);
	for (size_t i = 0; i < text.len;) {
		struct sv rest = behind(text, i);
		const char *next = memchr(rest.ptr, '\\', rest.len);
		size_t plain = next ? (size_t)(next - rest.ptr) : rest.len;
		buf_put(out, rest.ptr, plain);
		i += plain;
		if (!next)
			break;
		rest = behind(text, i);
		unsigned unit = escaped_unit(rest);
		unsigned second = unit ? escaped_unit(behind(rest, 6)) : 0;
		size_t n = unit ? 6 : rest.len < 2 ? rest.len : 2;
		bool pair = unit >= 0xD800 && unit < 0xDC00 && second >= 0xDC00 && second < 0xE000;
		bool alone = !pair && unit >= 0xD800 && unit < 0xE000;
		if (pair)
			n = 12;
		if (alone)
			buf_str(out, "\\uFFFD");
		else
			buf_put(out, rest.ptr, n);
		any |= alone;
		i += n;
	}
	return any && out->rc == RC_OK;
}

// --- percent ---

static int hex(char c)
{
	char low = (char)(c | 0x20);
	return c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

struct sv wire_percent_decode(struct sv s, bool plus, char *out)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		bool escape = c == '%' && i + 2 < s.len && hex(s.ptr[i + 1]) >= 0 && hex(s.ptr[i + 2]) >= 0;
		if (escape) {
			c = (char)(hex(s.ptr[i + 1]) * 16 + hex(s.ptr[i + 2]));
			i += 2;
		} else if (plus && c == '+') {
			c = ' ';
		}
		out[n++] = c;
	}
	return (struct sv){out, n};
}
