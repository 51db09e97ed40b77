// SPDX-License-Identifier: Apache-2.0
// What a handler can ask of its exchange.
#include "http/internal.h"

enum http_method http_method_of(const struct http_exchange *x)
{
	return x->request.method;
}

const char *http_method_name(enum http_method method)
{
	static const char *const names[HTTP_METHODS] = {
		"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
	return names[method];
}

struct sv http_path(const struct http_exchange *x)
{
	return x->request.path;
}

struct sv http_target(const struct http_exchange *x)
{
	return x->request.target;
}

struct sv http_param(const struct http_exchange *x, const char *name)
{
	for (uint32_t i = 0; i < x->match.n_params; i++)
		if (sv_equal(x->match.params[i].name, sv_from(name)))
			return x->match.params[i].value;
	return SV_NONE;
}

struct sv http_header(const struct http_exchange *x, const char *name)
{
	struct sv wanted = sv_from(name);
	for (uint32_t i = 0; i < x->request.n_fields; i++)
		if (x->fields[i].name.len == wanted.len && sv_equal_nocase(x->fields[i].name, wanted))
			return x->fields[i].value;
	return SV_NONE;
}

struct sv http_cookie(const struct http_exchange *x, const char *name)
{
	for (uint32_t i = 0; i < x->request.n_fields; i++) {
		if (!sv_equal_nocase(x->fields[i].name, SV("cookie")))
			continue;
		struct sv v = cookie_find(x->fields[i].value, sv_from(name));
		if (v.ptr)
			return v;
	}
	return SV_NONE;
}

struct sv http_body(const struct http_exchange *x)
{
	return x->body_read && x->body_view.ptr ? x->body_view : SV("");
}

struct sv http_peer(const struct http_exchange *x)
{
	return x->peer;
}

void http_divert(struct http_exchange *x, const struct http_sink *sink, void *context)
{
	x->sink = sink;
	x->sink_context = context;
}

bool http_is_tls(const struct http_exchange *x)
{
	return x->is_tls;
}

struct sv http_host(const struct http_exchange *x)
{
	return x->request.host;
}

int64_t http_received_ms(const struct http_exchange *x)
{
	return x->received_ms;
}

const struct http_route *http_route_of(const struct http_exchange *x)
{
	return x->route;
}

struct arena *http_arena(struct http_exchange *x)
{
	return x->arena;
}

void *http_context(const struct http_exchange *x)
{
	return x->loop->server->o.context;
}

void http_user_set(struct http_exchange *x, void *user)
{
	x->user = user;
}

void *http_user(const struct http_exchange *x)
{
	return x->user;
}
