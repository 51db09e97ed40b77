// SPDX-License-Identifier: Apache-2.0
// What reads requests: heads, chunks, paths, queries, cookies, forwarded addresses, packed bodies. The first byte chooses; the
// chunk reader must give the same however its input is cut.
#include "http/internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http_route routes[] = {{.path = "/"}, {.path = "/a/{x}"}, {.path = "/a/b/{y}/{z}"},
	{.path = "/a/b/*"}, {.path = "/{q}/b/c"}, {.method = HTTP_POST, .path = "/a/{x}"}};

static void head(struct sv in, struct arena *a)
{
	static struct http_field fields[HTTP_HEADERS_MAX];
	struct request r;
	const char *why = NULL;
	size_t scan = 0;
	int64_t n = head_find(in, &scan);
	if (n <= 0 || request_parse((struct sv){in.ptr, (size_t)n}, 500, fields, &r, &why))
		return;
	if ((r.chunked && r.length >= 0) || !r.path.ptr || (!r.is_1_0 && !r.host.ptr))
		abort();
	for (uint32_t i = 0; i < r.n_fields; i++) {
		if (memchr(r.fields[i].value.ptr, '\n', r.fields[i].value.len))
			abort();
		(void)cookie_find(r.fields[i].value, SV("a"));
	}
	struct sv out;
	if (r.query.ptr && !unescape(r.query, true, a, &out))
		abort(); // request_parse vouched for the escapes
}

static void path(struct sv in, struct arena *a)
{
	struct router *router = NULL;
	struct err e = ERR_NONE;
	struct route_match m;
	if (router_new(routes, sizeof(routes) / sizeof(routes[0]), &router, &e))
		abort();
	if (router_find(router, HTTP_GET, in, a, &m))
		for (uint32_t i = 0; i < m.n_params; i++)
			if (!path_part_valid(m.params[i].value) ||
				memchr(m.params[i].value.ptr, 0, m.params[i].value.len))
				abort();
	router_free(&router);
}

struct outcome {
	uint64_t sum, n;
	bool ok, done;
};

static struct outcome chunked(struct sv in, size_t step)
{
	struct chunks c = {0};
	struct outcome o = {.ok = true};
	for (size_t at = 0; at < in.len && o.ok && !o.done; at += step) {
		struct sv part = {in.ptr + at, in.len - at < step ? in.len - at : step}, got;
		size_t used = 0;
		while (used < part.len && o.ok && !o.done) {
			o.ok = chunks_next(&c, part, &used, &got, &o.done);
			for (size_t i = 0; o.ok && i < got.len; i++, o.n++)
				o.sum = o.sum * 31 + (unsigned char)got.ptr[i];
		}
	}
	return o;
}

static void addresses(struct sv in)
{
	struct range r;
	struct address peer = {.known = true};
	char text[INET6_ADDRSTRLEN];
	if (range_read(SV("::/0"), &r))
		peer = forwarded_for(in, &r, 1, peer);
	address_text(&peer, text);
	(void)range_read(in, &r);
	(void)cookie_find(in, SV("a"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	char *exact = malloc(size); // so that a read past the end is seen
	struct arena *a = arena_new((size_t)16 << 20);
	if (!exact || !a)
		abort();
	memcpy(exact, data + 1, size - 1);
	struct sv in = {exact, size - 1};
	if (data[0] % 8 == 0) {
		head(in, a);
	} else if (data[0] % 8 == 1) {
		path(in, a);
	} else if (data[0] % 8 == 2) {
		struct outcome whole = chunked(in, SIZE_MAX / 2), bytes = chunked(in, 1);
		if (whole.ok != bytes.ok || whole.done != bytes.done || (whole.ok && whole.sum != bytes.sum))
			abort();
	} else if (data[0] % 8 == 3) {
		addresses(in);
	} else {
		struct unpacker *u = unpacker_new();
		struct buf out = buf_new(100000);
		if (u)
			(void)unpack(u, (enum packing)(PACKING_ZLIB + data[0] % 3), in, &out);
		if (out.len > 100000)
			abort();
		buf_free(&out);
		unpacker_free(&u);
	}
	arena_free(&a);
	free(exact);
	return 0;
}
