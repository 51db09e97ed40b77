// SPDX-License-Identifier: Apache-2.0
// ETags: of answers, so that who asks again is told in a few bytes that nothing has changed; and of things that are
// edited, so that nobody undoes unknowingly what somebody else did meanwhile.
//
// An answer's ETag is a hash of its bytes, which api_finish makes of every answer in JSON to a GET: rights, filters and
// versions are in it by themselves. A handler that can name what its answer depends on before it is made says so with
// etag_answer and is spared the rest. All are weak, because answers may be packed.
// A thing's ETag is a hash of what can be set of it. It stands in lists as the member "etag", since there things have no
// address of their own to be read at, and comes back in If-Match.
#include "api/internal.h"

#include "base/version.h"

#include <stdio.h>

struct etag etag_begin(const char *what)
{
	struct etag t;
	crypto_generichash_init(&t.state, NULL, 0, ETAG_HASH_BYTES);
	etag_add(&t, sv_from(what));
	return t;
}

void etag_add(struct etag *t, struct sv part)
{
	etag_add_number(t, (int64_t)part.len); // so that no two lists of parts are the same bytes
	crypto_generichash_update(&t->state, (const unsigned char *)part.ptr, part.len);
}

void etag_add_number(struct etag *t, int64_t number)
{
	crypto_generichash_update(&t->state, (const unsigned char *)&number, sizeof(number));
}

struct sv etag_end(struct etag *t, char out[ETAG_BYTES])
{
	unsigned char hash[ETAG_HASH_BYTES];
	char hex[2 * ETAG_HASH_BYTES + 1];
	crypto_generichash_final(&t->state, hash, sizeof(hash));
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	int len = snprintf(out, ETAG_BYTES, "\"%s\"", hex);
	return (struct sv){out, (size_t)len};
}

bool etag_is_told(const struct api_row *row)
{
	bool data = row->auth == AUTH_USER && row->handle != live_stream && row->handle != metrics;
	return row->method == HTTP_GET && (data || row->handle == openapi);
}

bool etag_is_asked(const struct api_row *row)
{
	return row->handle == boards_set || row->handle == hooks_set || row->handle == users_set ||
	       row->handle == design_publish;
}

bool etag_answer(struct api_call *c, struct etag *t)
{
	char strong[ETAG_BYTES], weak[ETAG_BYTES + 2];
	etag_end(t, strong);
	int len = snprintf(weak, sizeof(weak), "W/%s", strong);
	c->tagged = true;
	c->fresh = http_etag(c->x, (struct sv){weak, (size_t)len});
	return c->fresh;
}

void etag_answer_bytes(struct api_call *c)
{
	if (c->tagged || !etag_is_told(c->row))
		return;
	struct etag t = etag_begin("answer");
	etag_add(&t, buf_view(http_out(c->x)));
	etag_answer(c, &t);
}

enum rc etag_match(struct api_call *c, struct etag *t, const char *what, struct err *e)
{
	char now[ETAG_BYTES];
	if (http_if_match(c->x, etag_end(t, now)))
		return RC_OK;
	c->stale = true;
	err_set(e, RC_EXISTS, "%s has been changed since it was read", what);
	err_remedy(e,
		"read it again and make the change to what it is now; without If-Match it is made in any case");
	return RC_EXISTS;
}

struct etag etag_of_design(int64_t version)
{
	struct etag t = etag_begin("design");
	etag_add(&t, sv_from(corridor_version())); // which may tell it in another way
	etag_add_number(&t, version);
	return t;
}
