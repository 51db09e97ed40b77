// SPDX-License-Identifier: Apache-2.0
// The access log: a line of JSON per request on standard output. What lets somebody in stands in some addresses (write keys,
// tokens of handshakes, one-time links, shares): of addresses that are open to whoever has such a secret, the log has the
// names alone.
#include "api/internal.h"

#include <stdio.h>

// “a=1&b=2” as “a=…&b=…”.
static void names_put(struct buf *out, struct sv query)
{
	for (bool first = true; query.ptr; first = false) {
		struct sv value, pair = sv_cut(query, '&', &query), name = sv_cut(pair, '=', &value);
		buf_char(out, first ? '?' : '&');
		buf_sv(out, name);
		buf_str(out, value.ptr ? "=…" : "");
	}
}

// Of pages the first segment of the path, and assets; else the path, or the route's pattern if it has a key in it.
static void path_put(struct buf *out, const struct http_route *route, struct sv path)
{
	struct sv rest;
	bool page = route && sv_equal(sv_from(route->path), SV("/*"));
	if (!page) {
		buf_sv(out, route && strstr(route->path, "{write_key}") ? sv_from(route->path) : path);
	} else if (!sv_starts(path, SV("/")) || sv_starts(path, SV("/assets/"))) {
		buf_sv(out, path);
	} else {
		sv_cut((struct sv){path.ptr + 1, path.len - 1}, '/', &rest);
		buf_sv(out, (struct sv){path.ptr, path.len - (rest.ptr ? rest.len : 0)});
		buf_str(out, rest.ptr && rest.len ? "…" : "");
	}
}

void access_log(const struct http_log_line *line, void *context)
{
	(void)context;
	struct buf out = buf_new(1 << 16), target = buf_new(1 << 16);
	const struct api_row *row = line->route ? line->route->data : NULL;
	struct http_log_line shown = *line;
	if (!row || row->auth != AUTH_USER) {
		struct sv query, path = sv_cut(line->target, '?', &query);
		path_put(&target, line->route, path);
		names_put(&target, query);
		shown.target = buf_view(&target);
	}
	http_log_json(&out, &shown);
	fwrite(out.data, 1, out.len, stdout);
	fflush(stdout);
	buf_free(&target);
	buf_free(&out);
}
