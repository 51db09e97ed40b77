// SPDX-License-Identifier: Apache-2.0
// Paths, queries and cookies: the texts inside of a head that we take apart ourselves.
#include "http/internal.h"

#include <string.h>

static int hex(char ch)
{
	unsigned char c = (unsigned char)ch, low = c | 32;
	return c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

bool escapes_valid(struct sv s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] != '%')
			continue;
		if (s.len - i < 3 || hex(s.ptr[i + 1]) < 0 || hex(s.ptr[i + 2]) < 0)
			return false;
		if (s.ptr[i + 1] == '0' && s.ptr[i + 2] == '0')
			return false;
		i += 2;
	}
	return true;
}

bool unescape(struct sv s, bool plus_is_space, struct arena *a, struct sv *out)
{
	if (s.len == 0 || (!memchr(s.ptr, '%', s.len) && !(plus_is_space && memchr(s.ptr, '+', s.len)))) {
		*out = s;
		return true;
	}
	char *to = arena_alloc(a, s.len + 1);
	if (!to || !escapes_valid(s))
		return false;
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (c == '%') {
			c = (char)(hex(s.ptr[i + 1]) << 4 | hex(s.ptr[i + 2]));
			i += 2;
		} else if (c == '+' && plus_is_space) {
			c = ' ';
		}
		to[n++] = c;
	}
	*out = (struct sv){to, n};
	return true;
}

bool path_part_valid(struct sv s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 127)
			return false;
	if (s.len == 0)
		return true;
	for (struct sv rest = s; rest.ptr;) {
		struct sv one = sv_cut(rest, '/', &rest);
		if (sv_equal(one, SV(".")) || sv_equal(one, SV("..")))
			return false;
	}
	return sv_utf8_valid(s, NULL);
}

struct sv cookie_find(struct sv header, struct sv name)
{
	for (struct sv rest = header; rest.ptr;) {
		struct sv value, one = sv_trim(sv_cut(rest, ';', &rest));
		struct sv key = sv_cut(one, '=', &value);
		if (!value.ptr || !sv_equal(key, name))
			continue;
		if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
			value = (struct sv){value.ptr + 1, value.len - 2};
		return value;
	}
	return SV_NONE;
}

// Parses the query once: pairs of name and value, "a" alone has the empty value.
static void query_read(struct http_exchange *x)
{
	x->query_read = true;
	struct sv q = x->request.query;
	if (q.len == 0)
		return;
	size_t max = 1;
	for (size_t i = 0; i < q.len; i++)
		max += q.ptr[i] == '&';
	x->query = arena_array(x->arena, max, sizeof(*x->query));
	if (!x->query)
		return;
	for (struct sv rest = q; rest.ptr;) {
		struct sv value, one = sv_cut(rest, '&', &rest);
		if (one.len == 0)
			continue;
		struct sv name = sv_cut(one, '=', &value);
		struct http_field f = {SV_NONE, SV("")};
		if (unescape(name, true, x->arena, &f.name) &&
			(!value.ptr || unescape(value, true, x->arena, &f.value)))
			x->query[x->n_query++] = f;
	}
}

bool http_query_at(struct http_exchange *x, size_t k, struct sv *name, struct sv *value)
{
	if (!x->query_read)
		query_read(x);
	if (k >= x->n_query)
		return false;
	*name = x->query[k].name;
	*value = x->query[k].value;
	return true;
}

struct sv http_query(struct http_exchange *x, const char *name, size_t i)
{
	struct sv n, v, wanted = sv_from(name);
	for (size_t k = 0; http_query_at(x, k, &n, &v); k++)
		if (sv_equal(n, wanted) && i-- == 0)
			return v;
	return SV_NONE;
}
