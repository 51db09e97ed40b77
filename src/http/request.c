// SPDX-License-Identifier: Apache-2.0
// Reading a request: its head, who asks, its route, whether it may go on, its body.
#include "http/internal.h"

#include <stdio.h>
#include <string.h>

enum { READ_BYTES = 256 << 10 };

// Room behind in_end; what was taken is dropped.
static void input_compact(struct conn *c)
{
	size_t n = c->in_end - c->in_start;
	if (n && c->in_start)
		memmove(c->in, c->in + c->in_start, n);
	c->in_start = 0;
	c->in_end = n;
}

static struct sv input_view(const struct conn *c)
{
	return (struct sv){c->in ? (const char *)c->in + c->in_start : NULL, c->in_end - c->in_start};
}

// Reads into the input buffer. STEP_ON: there are more bytes.
static enum step input_read(struct conn *c)
{
	if (!c->readable)
		return STEP_WAIT;
	input_compact(c);
	int64_t got = conn_read(c, c->in + c->in_end, c->loop->server->in_bytes - c->in_end);
	if (got == WIRE_AGAIN)
		return STEP_WAIT;
	if (got <= 0)
		return STEP_CLOSE;
	c->in_end += (size_t)got;
	return STEP_ON;
}

// --- who asks ---

static bool is_https(struct sv proto)
{
	struct sv last = proto;
	for (struct sv rest = proto; rest.ptr;)
		last = sv_cut(rest, ',', &rest);
	return sv_equal_nocase(sv_trim(last), SV("https"));
}

static void peer_set(struct http_exchange *x)
{
	struct conn *c = x->conn;
	const struct http_server *s = c->loop->server;
	x->peer = sv_from(c->peer);
	x->is_tls = c->ssl != NULL;
	if (!c->trusted)
		return;
	// Several headers of one name are one list, so the last of them was written last, by the proxy that is trusted.
	struct address a = c->address;
	bool proto = false;
	for (uint32_t i = x->request.n_fields; i-- > 0;) {
		const struct http_field *f = &x->fields[i];
		if (sv_equal_nocase(f->name, SV("x-forwarded-for")) &&
			range_has(s->trusted, s->n_trusted, &a)) {
			a = forwarded_for(f->value, s->trusted, s->n_trusted, a);
		} else if (sv_equal_nocase(f->name, SV("x-forwarded-proto")) && !proto) {
			x->is_tls = is_https(f->value);
			proto = true;
		}
	}
	char text[INET6_ADDRSTRLEN];
	address_text(&a, text);
	struct sv copy = arena_copy(x->arena, sv_from(text));
	if (copy.ptr)
		x->peer = copy;
}

// --- answers before the body ---

// The body has not been read: if it is here already it is passed over, else the connection ends with the answer.
static enum step answer_early(struct conn *c)
{
	struct http_exchange *x = c->x;
	int64_t length = x->request.length > 0 ? x->request.length : 0;
	if (!x->request.chunked && (uint64_t)length <= c->in_end - c->in_start)
		c->in_start += (size_t)length;
	else
		c->closing = c->lingers = true;
	if (x->stream) { // begun in `admit`
		conn_state_set(c, CONN_STREAMING);
		c->stream = x->stream;
		stream_attach(c);
		return STEP_ON;
	}
	conn_state_set(c, CONN_WRITING);
	reply_prepare(x);
	return STEP_ON;
}

static enum step refuse_early(struct conn *c, unsigned status, const char *detail)
{
	c->loop->current = c->x;
	http_problem(c->x, status, NULL, NULL, detail);
	c->loop->current = NULL;
	return answer_early(c);
}

static void allow_add(struct http_exchange *x)
{
	unsigned allowed = x->match.allowed | 1u << HTTP_OPTIONS;
	if (allowed & 1u << HTTP_GET)
		allowed |= 1u << HTTP_HEAD;
	char list[80];
	size_t n = 0;
	for (unsigned m = 0; m < HTTP_METHODS; m++)
		if (allowed >> m & 1)
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "",
				http_method_name((enum http_method)m));
	http_header_add(x, "Allow", (struct sv){list, n});
}

// The route that a preflight asks about.
static const struct http_route *preflight_route(struct http_exchange *x)
{
	const struct http_options *o = &x->loop->server->o;
	struct sv wanted = http_header(x, "access-control-request-method");
	struct route_match m;
	for (unsigned i = 0; wanted.ptr && i < HTTP_METHODS; i++)
		if (sv_equal(wanted, sv_from(http_method_name((enum http_method)i))) &&
			router_find(
				x->loop->server->router, (enum http_method)i, x->request.path, x->arena, &m) &&
			m.route != ROUTE_NONE)
			return &o->routes[m.route];
	return &o->routes[x->match.any];
}

static enum step no_route(struct conn *c)
{
	struct http_exchange *x = c->x;
	const struct http_options *o = &c->loop->server->o;
	bool options = x->request.method == HTTP_OPTIONS;
	bool asterisk = options && sv_equal(x->request.path, SV("*"));
	bool nothing = !x->match.allowed || (!options && &o->routes[x->match.any] == o->fallback);
	if (nothing && !asterisk)
		return refuse_early(c, 404, "there is nothing at this path");
	if (!asterisk)
		allow_add(x);
	if (!options)
		return refuse_early(c, 405, "this path has other methods; Allow lists them");
	c->loop->current = x;
	if (!asterisk && o->preflight)
		o->preflight(x, preflight_route(x), o->context);
	if (!x->answered)
		http_reply_empty(x, 204);
	c->loop->current = NULL;
	return answer_early(c);
}

// --- going on ---

static enum step handle(struct conn *c)
{
	struct http_exchange *x = c->x;
	if (atomic_load(&c->loop->server->cut)) {
		reply_refuse(x, 503, "the server is ending", true);
		return STEP_ON;
	}
	x->body_read = true;
	conn_state_set(c, CONN_WAITING);
	c->loop->current = x;
	x->route->handle(x, c->loop->server->o.context);
	c->loop->current = NULL;
	if (!x->answered)
		return STEP_WAIT; // an answer from another thread comes by mail, even if it is here already
	if (x->stream) {
		conn_state_set(c, CONN_STREAMING);
		c->stream = x->stream;
		stream_attach(c);
		return STEP_ON;
	}
	conn_state_set(c, CONN_WRITING);
	reply_prepare(x);
	return STEP_ON;
}

static enum step admit(struct conn *c)
{
	struct http_exchange *x = c->x;
	const struct http_options *o = &c->loop->server->o;
	if (x->match.route == ROUTE_NONE)
		return no_route(c);
	x->route = &o->routes[x->match.route];
	x->body_max = x->route->body_max ? x->route->body_max : o->body_bytes;
	x->packing = packing_of(x->request.encoding);
	if (o->admit) {
		c->loop->current = x;
		bool on = o->admit(x, x->route, o->context);
		c->loop->current = NULL;
		if (!on)
			return x->answered ? answer_early(c)
					   : refuse_early(c, 500, "the request was left unanswered");
	}
	if (x->packing == PACKING_UNKNOWN) {
		http_header_add(x, "Accept-Encoding", SV("gzip, deflate, zstd"));
		return refuse_early(c, 415, "the body's coding is not one of gzip, deflate, zstd");
	}
	if (x->sink && x->packing != PACKING_NONE)
		return refuse_early(c, 415, "a file is sent as it is, without Content-Encoding");
	if (x->request.length > (int64_t)x->body_max)
		return refuse_early(c, 413, "the body is larger than this path takes");
	if (!x->request.chunked && x->request.length <= 0)
		return handle(c);
	conn_state_set(c, CONN_BODY);
	c->sent_continue = false;
	return STEP_ON;
}

static enum step request_begin(struct conn *c, size_t n)
{
	struct loop *l = c->loop;
	struct http_exchange *x = c->x = loop_exchange_take(l);
	if (!x)
		return STEP_CLOSE;
	x->conn = c;
	c->asked = true;
	struct sv head = arena_copy(x->arena, (struct sv){(const char *)c->in + c->in_start, n});
	c->in_start += n;
	c->in_scan = 0;
	const char *why = "";
	unsigned status =
		head.ptr ? request_parse(head, l->server->o.header_bytes / 2, x->fields, &x->request, &why)
			 : 503;
	peer_set(x);
	x->no_body = x->request.method == HTTP_HEAD && x->request.method_text.len;
	if (status) { // where the next request would begin is not sure
		reply_refuse(x, status, why, true);
		return STEP_ON;
	}
	if (!router_find(l->server->router, x->request.method, x->request.path, x->arena, &x->match))
		return refuse_early(c, 400, "the path has bad escapes, control characters, or dot segments");
	return admit(c);
}

static enum step refuse_head(struct conn *c, unsigned status, const char *why)
{
	c->x = loop_exchange_take(c->loop);
	if (!c->x)
		return STEP_CLOSE;
	c->x->conn = c;
	peer_set(c->x);
	reply_refuse(c->x, status, why, true);
	return STEP_ON;
}

enum step request_step(struct conn *c)
{
	struct loop *l = c->loop;
	const struct http_options *o = &l->server->o;
	bool idle = c->in_start == c->in_end;
	if (idle && !c->readable) {
		if (c->in)
			loop_input_give(l, c->in);
		c->in = NULL;
		c->in_start = c->in_end = c->in_scan = 0;
		return STEP_WAIT;
	}
	if (!c->in && !(c->in = loop_input_take(l)))
		return STEP_CLOSE;
	struct sv bytes = input_view(c);
	if (c->in_scan == 0 &&
		sv_starts(bytes, SV("\r\n"))) { // some clients end bodies with a line end that is not theirs
		c->in_start += 2;
		return STEP_ON;
	}
	int64_t n = head_find(bytes, &c->in_scan);
	if (n < 0 && bytes.len <= o->header_bytes)
		return refuse_head(c, 400, "a line of the head ends without CR");
	if (n > (int64_t)o->header_bytes || (n <= 0 && bytes.len >= o->header_bytes)) {
		bool in_target = !memchr(bytes.ptr, '\n', bytes.len);
		return refuse_head(c, in_target ? 414 : 431,
			in_target ? "the target is too long" : "the headers are too large");
	}
	if (n > 0)
		return request_begin(c, (size_t)n);
	enum step step = input_read(c);
	if (step == STEP_ON && idle) {
		c->since_ms = l->now_ms;
		c->deadline_ms = l->now_ms + o->header_ms;
	}
	return step == STEP_WAIT && idle ? STEP_ON : step; // STEP_ON: gives the buffer back
}

// --- bodies ---

// The body's bytes so far grow by n: false when all bodies together would be too much.
static bool body_reserve(struct http_exchange *x, size_t n)
{
	struct http_server *s = x->loop->server;
	if (atomic_fetch_add_explicit(&s->bodies, n, memory_order_relaxed) + n > s->o.bodies_bytes) {
		atomic_fetch_sub_explicit(&s->bodies, n, memory_order_relaxed);
		return false;
	}
	x->reserved += n;
	return true;
}

static enum step refuse_body(struct conn *c, unsigned status, const char *why)
{
	if (status == 503)
		http_header_add(c->x, "Retry-After", SV("5"));
	reply_refuse(c->x, status, why, true);
	return STEP_ON;
}

static enum step body_done(struct conn *c, struct sv body)
{
	struct http_exchange *x = c->x;
	const struct http_options *o = &c->loop->server->o;
	x->bytes_in = x->sink ? x->diverted : body.len;
	x->body_view = body;
	if (x->packing == PACKING_NONE)
		return handle(c);
	x->unpacked.max = x->body_max > o->unpacked_bytes ? x->body_max : o->unpacked_bytes;
	unsigned status = unpack(c->loop->unpacker, x->packing, body, &x->unpacked);
	if (!status && !body_reserve(x, x->unpacked.len))
		status = 503;
	if (status == 503)
		http_header_add(x, "Retry-After", SV("5"));
	if (status) {
		reply_refuse(x, status,
			status == 413   ? "the body is too large when it is unpacked"
			: status == 400 ? "the body is not what Content-Encoding says, or is cut off"
					: "the server holds as many bodies as it can",
			false);
		return STEP_ON;
	}
	x->body_view = x->unpacked.len ? buf_view(&x->unpacked) : SV("");
	return handle(c);
}

// Bytes of a body that goes elsewhere. 0, or the status of the refusal.
static unsigned divert(struct http_exchange *x, struct sv bytes, const char **why)
{
	*why = "the body is larger than this path takes";
	if (bytes.len > x->body_max - x->diverted)
		return 413;
	x->diverted += bytes.len;
	return x->sink->take(x->sink_context, bytes, why);
}

// One input buffer at a time, so that other connections have their turn.
static enum step diverted_step(struct conn *c)
{
	struct http_exchange *x = c->x;
	uint64_t left = (uint64_t)x->request.length - x->diverted;
	struct sv in = input_view(c);
	const char *why;
	if (in.len > left)
		in.len = (size_t)left;
	unsigned status = in.len ? divert(x, in, &why) : 0;
	c->in_start += in.len;
	if (status)
		return refuse_body(c, status, why);
	return left == in.len ? body_done(c, SV("")) : input_read(c);
}

// The next piece of a chunked body. 0, or the status of the refusal.
static unsigned chunk_take(struct http_exchange *x, struct sv data, const char **why)
{
	if (x->sink)
		return divert(x, data, why);
	*why = "the server holds as many bodies as it can";
	if (!body_reserve(x, data.len))
		return 503;
	buf_sv(&x->body, data);
	*why = "the body is larger than this path takes";
	return x->body.rc == RC_OK ? 0 : x->body.rc == RC_LIMIT ? 413 : 503;
}

static enum step chunked_step(struct conn *c)
{
	struct http_exchange *x = c->x;
	x->body.max = x->body_max;
	for (;;) {
		struct sv in = input_view(c), data;
		size_t used = 0;
		bool done = false, ok = true;
		unsigned status = 0;
		const char *why = NULL;
		while (ok && !done && !status && used < in.len) {
			ok = chunks_next(&x->chunks, in, &used, &data, &done);
			if (ok && data.len)
				status = chunk_take(x, data, &why);
		}
		c->in_start += used;
		if (!ok)
			return refuse_body(c, 400, "the body's chunks are not well formed");
		if (status)
			return refuse_body(c, status, why);
		if (done)
			return body_done(c, x->body.len ? buf_view(&x->body) : SV(""));
		enum step step = input_read(c);
		if (step != STEP_ON)
			return step;
	}
}

// A body that the input buffer can hold stays there; a larger one is read into its own, which grows as bytes come, not as they are
// announced.
static enum step length_step(struct conn *c)
{
	struct http_exchange *x = c->x;
	size_t length = (size_t)x->request.length;
	struct sv in = input_view(c);
	if (length <= c->loop->server->in_bytes) {
		if (in.len < length)
			return input_read(c);
		c->in_start += length;
		return body_done(c, (struct sv){in.ptr, length});
	}
	x->body.max = x->body_max;
	if (in.len) {
		if (!body_reserve(x, in.len))
			return refuse_body(c, 503, "the server holds as many bodies as it can");
		buf_sv(&x->body, in);
		c->in_start += in.len;
	}
	while (x->body.len < length && !x->body.rc) {
		if (!c->readable)
			return STEP_WAIT;
		size_t want = length - x->body.len < READ_BYTES ? length - x->body.len : READ_BYTES;
		uint8_t *to = buf_reserve(&x->body, want);
		if (!to)
			break;
		int64_t got = conn_read(c, to, want);
		if (got == WIRE_AGAIN)
			return STEP_WAIT;
		if (got <= 0)
			return STEP_CLOSE;
		if (!body_reserve(x, (size_t)got))
			return refuse_body(c, 503, "the server holds as many bodies as it can");
		x->body.len += (size_t)got;
	}
	if (x->body.rc)
		return refuse_body(c, 503, "the server is out of memory");
	return body_done(c, buf_view(&x->body));
}

enum step body_step(struct conn *c)
{
	struct http_exchange *x = c->x;
	if (x->request.expects_continue && !c->sent_continue && c->in_start == c->in_end) {
		const struct sv go_on = SV("HTTP/1.1 100 Continue\r\n\r\n");
		if (conn_write(c, &go_on, 1) != (int64_t)go_on.len)
			return STEP_CLOSE; // 25 bytes fit, or nobody is there
		c->progress = 0;
	}
	c->sent_continue = true;
	if (!c->in && !(c->in = loop_input_take(c->loop)))
		return STEP_CLOSE;
	return x->request.chunked ? chunked_step(c) : x->sink ? diverted_step(c) : length_step(c);
}
