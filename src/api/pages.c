// SPDX-License-Identifier: Apache-2.0
// The web pages: files by their path, and the one page for every view.
#include "api/internal.h"

#include "web/assets.h"

#define POLICY(ancestors)                                                                                      \
	"default-src 'self'; img-src 'self' data:; frame-ancestors " ancestors                                 \
	"; base-uri 'none'; form-action 'self'"

// Whoever has a shared link may read its page, so that a frame around it tells nobody more; and nobody is signed in
// there (see admit_share), so that a frame leads nobody to click what he does not see. All other pages stay out of frames.
static void page_headers(struct http_exchange *x)
{
	if (sv_starts(http_path(x), SV("/shared/")))
		http_security_headers_framed(x, POLICY("*"));
	else
		http_security_headers(x, POLICY("'self'"));
}

static enum rc reply_asset(struct api_call *c, const struct web_asset *a)
{
	const struct http_static s = {
		.content_type = a->type,
		.cache_control = a->immutable ? "public, max-age=31536000, immutable" : NULL,
		.bytes = {(const char *)a->bytes, a->n_bytes},
		.gzip = {(const char *)a->gzip, a->n_gzip},
		.etag = a->etag,
	};
	page_headers(c->x);
	http_reply_static(c->x, &s);
	return API_ANSWERED;
}

// GET of anything that no other route has: a file, or a view for those who want a page.
enum rc page(struct api_call *c, struct err *e)
{
	struct sv path = http_path(c->x);
	const struct web_asset *a = web_asset_find(path);
	if (a)
		return reply_asset(c, a);
	struct sv accept = http_header(c->x, "Accept");
	// Whoever looks whether the site is there need not say what for.
	bool wants_page = sv_equal(path, SV("/")) ||
			  (accept.ptr && accept.len >= 9 && memmem(accept.ptr, accept.len, "text/html", 9));
	static const struct sv elsewhere[] = {
		{"/api/", 5}, {"/v1/", 4}, {"/hooks/", 7}, {"/assets/", 8}, {"/s/", 3}};
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		wants_page = wants_page && !sv_starts(path, elsewhere[i]);
	if (wants_page)
		return reply_asset(c, web_asset_page());
	return err_set(e, RC_NOT_FOUND, "there is nothing at %.*s", SV_ARG(path));
}
