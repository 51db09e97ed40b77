// SPDX-License-Identifier: Apache-2.0
// Requests from bytes, after RFC 9112, without its leniencies: what two parsers could read in two ways is refused
// (bare LF, white space before a colon, folded lines, several lengths, a length beside chunks, any coding but chunked), because a proxy
// in front may have read it the other way.
#include "http/internal.h"

#include <string.h>

enum { LINES_MAX_CHUNK_EXTRA = 4096 };

static bool is_token(unsigned char c)
{
	static const uint64_t set[2] = {0x03ff6cfa00000000u, 0x57ffffffc7fffffeu};
	return c < 128 && (set[c >> 6] >> (c & 63) & 1);
}

int64_t head_find(struct sv bytes, size_t *scan)
{
	while (*scan < bytes.len) {
		const char *from = bytes.ptr + *scan;
		const char *lf = memchr(from, '\n', bytes.len - *scan);
		if (!lf) {
			*scan = bytes.len;
			return 0;
		}
		size_t at = (size_t)(lf - bytes.ptr);
		if (at == 0 || bytes.ptr[at - 1] != '\r')
			return -1;
		*scan = at + 1;
		if (at >= 3 && bytes.ptr[at - 2] == '\n')
			return (int64_t)at + 1;
	}
	return 0;
}

static bool method_read(struct sv text, enum http_method *out)
{
	for (unsigned m = 0; m < HTTP_METHODS; m++)
		if (sv_equal(text, sv_from(http_method_name((enum http_method)m)))) {
			*out = (enum http_method)m;
			return true;
		}
	return false;
}

// Origin form, absolute form (its authority is dropped: Host decides nothing here), or "*" for OPTIONS.
static bool target_split(struct request *r)
{
	struct sv t = r->target;
	for (size_t i = 0; i < t.len; i++)
		if ((unsigned char)t.ptr[i] <= ' ' || (unsigned char)t.ptr[i] >= 127)
			return false;
	static const struct sv schemes[] = {{"http://", 7}, {"https://", 8}};
	for (size_t i = 0; i < 2; i++)
		if (t.len > schemes[i].len && sv_equal_nocase((struct sv){t.ptr, schemes[i].len}, schemes[i])) {
			t.ptr += schemes[i].len;
			t.len -= schemes[i].len;
			size_t n = 0;
			while (n < t.len && t.ptr[n] != '/' && t.ptr[n] != '?')
				n++;
			t.ptr += n;
			t.len -= n;
			if (t.len == 0 || t.ptr[0] == '?')
				return false;
			break;
		}
	if (t.len == 1 && t.ptr[0] == '*' && r->method == HTTP_OPTIONS) {
		r->path = t;
		return true;
	}
	if (t.len == 0 || t.ptr[0] != '/' || memchr(t.ptr, '#', t.len))
		return false;
	const char *q = memchr(t.ptr, '?', t.len);
	r->path = (struct sv){t.ptr, q ? (size_t)(q - t.ptr) : t.len};
	if (q)
		r->query = (struct sv){q + 1, t.len - r->path.len - 1};
	return escapes_valid(t);
}

static unsigned line_read(struct sv line, size_t target_max, struct request *r, const char **why)
{
	*why = "the request line is not METHOD TARGET HTTP/1.1";
	struct sv rest, version;
	r->method_text = sv_cut(line, ' ', &rest);
	r->target = sv_cut(rest, ' ', &version);
	if (r->method_text.len == 0 || !r->target.ptr || !version.ptr)
		return 400;
	for (size_t i = 0; i < r->method_text.len; i++)
		if (!is_token((unsigned char)r->method_text.ptr[i])) {
			r->method_text = SV_NONE;
			return 400;
		}
	if (sv_equal(version, SV("HTTP/1.0"))) {
		r->is_1_0 = true;
	} else if (!sv_equal(version, SV("HTTP/1.1"))) {
		bool other = version.len == 8 && sv_starts(version, SV("HTTP/")) && version.ptr[6] == '.';
		*why = "only HTTP/1.1 is spoken here";
		return other ? 505 : 400;
	}
	r->keep_alive = !r->is_1_0;
	if (!method_read(r->method_text, &r->method)) {
		*why = "the method is not known";
		return 501;
	}
	if (r->target.len > target_max) {
		*why = "the target is too long";
		return 414;
	}
	*why = "the target is not a path with valid escapes";
	return target_split(r) ? 0 : 400;
}

// Headers that decide how the message is read. Each returns 0 or the status of a refusal.
static unsigned on_host(struct request *r, struct sv v, const char **why)
{
	*why = "there must be one Host";
	if (r->host.ptr)
		return 400;
	for (size_t i = 0; i < v.len; i++)
		if (v.ptr[i] == ' ' || v.ptr[i] == '\t' || v.ptr[i] == ',' || v.ptr[i] == '/')
			return 400;
	r->host = v;
	return 0;
}

static unsigned on_length(struct request *r, struct sv v, const char **why)
{
	*why = "there must be one Content-Length, a whole number";
	if (r->length >= 0 || v.len == 0 || v.len > 18)
		return 400;
	int64_t n = 0;
	for (size_t i = 0; i < v.len; i++) {
		if (v.ptr[i] < '0' || v.ptr[i] > '9')
			return 400;
		n = n * 10 + (v.ptr[i] - '0');
	}
	r->length = n;
	return 0;
}

static unsigned on_transfer(struct request *r, struct sv v, const char **why)
{
	*why = "Transfer-Encoding can only be chunked, once";
	if (r->chunked || r->is_1_0)
		return 400;
	if (!sv_equal_nocase(v, SV("chunked")))
		return 501;
	r->chunked = true;
	return 0;
}

static unsigned on_connection(struct request *r, struct sv v, const char **why)
{
	(void)why;
	for (struct sv rest = v, one; rest.ptr;) {
		one = sv_trim(sv_cut(rest, ',', &rest));
		if (sv_equal_nocase(one, SV("close")))
			r->keep_alive = false;
	}
	return 0;
}

static unsigned on_expect(struct request *r, struct sv v, const char **why)
{
	*why = "the only expectation that can be met is 100-continue";
	if (!sv_equal_nocase(v, SV("100-continue")))
		return 417;
	r->expects_continue = !r->is_1_0;
	return 0;
}

static unsigned on_encoding(struct request *r, struct sv v, const char **why)
{
	*why = "there must be one Content-Encoding at most";
	if (r->encoding.ptr)
		return 415;
	r->encoding = v;
	return 0;
}

static const struct {
	struct sv name;
	unsigned (*read)(struct request *r, struct sv value, const char **why);
} framing[] = {
	{{"host", 4}, on_host},
	{{"content-length", 14}, on_length},
	{{"transfer-encoding", 17}, on_transfer},
	{{"connection", 10}, on_connection},
	{{"expect", 6}, on_expect},
	{{"content-encoding", 16}, on_encoding},
};

static unsigned field_read(struct sv line, struct request *r, const char **why)
{
	*why = "a header is not NAME: VALUE";
	size_t n = 0;
	while (n < line.len && is_token((unsigned char)line.ptr[n]))
		n++;
	if (n == 0 || n == line.len || line.ptr[n] != ':')
		return 400;
	struct http_field f = {{line.ptr, n}, {line.ptr + n + 1, line.len - n - 1}};
	for (size_t i = 0; i < f.value.len; i++) {
		unsigned char c = (unsigned char)f.value.ptr[i];
		if ((c < ' ' && c != '\t') || c == 127)
			return 400;
	}
	f.value = sv_trim(f.value);
	if (r->n_fields == HTTP_HEADERS_MAX) {
		*why = "there are too many headers";
		return 431;
	}
	r->fields[r->n_fields++] = f;
	for (size_t i = 0; i < sizeof(framing) / sizeof(framing[0]); i++)
		if (framing[i].name.len == n && sv_equal_nocase(f.name, framing[i].name))
			return framing[i].read(r, f.value, why);
	return 0;
}

unsigned request_parse(
	struct sv head, size_t target_max, struct http_field *fields, struct request *out, const char **why)
{
	*out = (struct request){.length = -1, .fields = fields};
	struct sv rest = head;
	for (bool first = true;; first = false) {
		const char *lf = memchr(rest.ptr, '\n', rest.len); // head_find saw to it that CR stands before
		if (!lf) {
			*why = "the head has no end";
			return 400;
		}
		struct sv line = {rest.ptr, (size_t)(lf - rest.ptr) - 1};
		rest.len -= line.len + 2;
		rest.ptr += line.len + 2;
		if (line.len == 0 && !first)
			break;
		unsigned status = first ? line_read(line, target_max, out, why) : field_read(line, out, why);
		if (status)
			return status;
	}
	*why = "a request has either Content-Length or Transfer-Encoding";
	if (out->chunked && out->length >= 0)
		return 400;
	*why = "Host is missing";
	return out->host.ptr || out->is_1_0 ? 0 : 400;
}

// --- chunks ---

enum { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER, TRAILER_TEXT, TRAILER_LF, END_LF };

static int hex_digit(unsigned char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

// A byte of the line with the size. Extensions are read over.
static bool size_byte(struct chunks *c, unsigned char b)
{
	int digit = c->state == SIZE ? hex_digit(b) : -1;
	if (digit >= 0) {
		c->left = c->left << 4 | (unsigned)digit;
		return ++c->n_digits <= 15;
	}
	if (c->n_digits == 0)
		return false;
	if (b == '\r') {
		c->state = SIZE_LF;
		return true;
	}
	if (c->state == SIZE && b != ';' && b != ' ' && b != '\t')
		return false;
	c->state = EXTENSION;
	return (b >= ' ' || b == '\t') && ++c->n_extra <= LINES_MAX_CHUNK_EXTRA;
}

// A byte of what follows the last chunk: trailers, which are read over, and the empty line.
static bool trailer_byte(struct chunks *c, unsigned char b)
{
	if (c->state == TRAILER && b == '\r') {
		c->state = END_LF;
		return true;
	}
	if (b == '\r')
		c->state = TRAILER_LF;
	else if (b < ' ' && b != '\t')
		return false;
	else
		c->state = TRAILER_TEXT;
	return ++c->n_extra <= LINES_MAX_CHUNK_EXTRA;
}

static bool line_end(struct chunks *c, unsigned char b, bool *done)
{
	switch (c->state) {
	case SIZE_LF:
		c->state = c->left ? DATA : TRAILER;
		break;
	case DATA_CR:
		c->state = DATA_LF;
		return b == '\r';
	case DATA_LF:
		c->state = SIZE;
		c->n_digits = 0;
		break;
	case TRAILER_LF:
		c->state = TRAILER;
		break;
	default:
		*done = true;
		break;
	}
	return b == '\n';
}

bool chunks_next(struct chunks *c, struct sv in, size_t *used, struct sv *data, bool *done)
{
	*data = (struct sv){in.ptr, 0};
	*done = false;
	while (*used < in.len && !*done) {
		if (c->state == DATA) {
			size_t n = in.len - *used < c->left ? in.len - *used : (size_t)c->left;
			*data = (struct sv){in.ptr + *used, n};
			*used += n;
			c->left -= n;
			if (c->left == 0)
				c->state = DATA_CR;
			return true;
		}
		unsigned char b = (unsigned char)in.ptr[(*used)++];
		bool ok = c->state == SIZE || c->state == EXTENSION         ? size_byte(c, b)
			  : c->state == TRAILER || c->state == TRAILER_TEXT ? trailer_byte(c, b)
									    : line_end(c, b, done);
		if (!ok)
			return false;
	}
	return true;
}
