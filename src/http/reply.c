// SPDX-License-Identifier: Apache-2.0
// Answers: what a handler says, how it is written, and what is counted and logged when it is over.
#include "base/clock.h"
#include "base/json.h"
#include "http/internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { JOINED_BYTES = 16 << 10, EXCHANGE_MAGIC = 0x45584348 };

const uint32_t http_bucket_us[HTTP_BUCKETS - 1] = {
	100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000};

const char *status_text(unsigned status)
{
	static const struct {
		unsigned status;
		const char *text;
	} known[] = {{200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"},
		{206, "Partial Content"}, {301, "Moved Permanently"}, {302, "Found"}, {303, "See Other"},
		{304, "Not Modified"}, {307, "Temporary Redirect"}, {308, "Permanent Redirect"},
		{400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
		{405, "Method Not Allowed"}, {406, "Not Acceptable"}, {408, "Request Timeout"},
		{409, "Conflict"}, {410, "Gone"}, {411, "Length Required"}, {412, "Precondition Failed"},
		{413, "Content Too Large"}, {414, "URI Too Long"}, {415, "Unsupported Media Type"},
		{416, "Range Not Satisfiable"}, {417, "Expectation Failed"}, {421, "Misdirected Request"},
		{422, "Unprocessable Content"}, {425, "Too Early"}, {428, "Precondition Required"},
		{429, "Too Many Requests"}, {431, "Request Header Fields Too Large"},
		{499, "Client Closed Request"}, {500, "Internal Server Error"}, {501, "Not Implemented"},
		{502, "Bad Gateway"}, {503, "Service Unavailable"}, {504, "Gateway Timeout"},
		{505, "HTTP Version Not Supported"}, {507, "Insufficient Storage"}};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].status == status)
			return known[i].text;
	return status >= 500 ? "Server Error" : status >= 400 ? "Client Error" : "Other";
}

// --- what a handler says ---

void http_status_set(struct http_exchange *x, unsigned status)
{
	x->status = status >= 200 && status <= 599 ? status : 500;
}

static bool header_clean(struct sv s)
{
	for (size_t i = 0; i < s.len; i++)
		if (((unsigned char)s.ptr[i] < ' ' && s.ptr[i] != '\t') || s.ptr[i] == 127)
			return false;
	return true;
}

void http_header_add(struct http_exchange *x, const char *name, struct sv value)
{
	if (!header_clean(sv_from(name)) || !header_clean(value)) {
		x->bad_header = true;
		return;
	}
	buf_str(&x->headers, name);
	buf_sv(&x->headers, SV(": "));
	buf_sv(&x->headers, value);
	buf_sv(&x->headers, SV("\r\n"));
}

struct buf *http_out(struct http_exchange *x)
{
	return &x->out;
}

bool exchange_current(const struct http_exchange *x)
{
	return pthread_equal(pthread_self(), x->loop->id) && x->loop->current == x;
}

void http_reply(struct http_exchange *x)
{
	assert(x->magic == EXCHANGE_MAGIC && x->conn && !x->answered);
	if (exchange_current(x))
		x->answered = true;
	else // the loop notes it when the mail comes
		loop_post(x->loop, &x->mail);
}

void http_reply_json(struct http_exchange *x)
{
	http_header_add(x, "Content-Type", SV("application/json"));
	http_reply(x);
}

void http_reply_empty(struct http_exchange *x, unsigned status)
{
	http_status_set(x, status);
	buf_clear(&x->out);
	http_reply(x);
}

static void security_headers(struct http_exchange *x, const char *csp, const char *resource_policy)
{
	const struct {
		const char *name, *value;
	} fixed[] = {{"X-Content-Type-Options", "nosniff"}, {"Referrer-Policy", "same-origin"},
		{"Cross-Origin-Opener-Policy", "same-origin"},
		{"Cross-Origin-Resource-Policy", resource_policy},
		{"Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()"}};
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		http_header_add(x, fixed[i].name, sv_from(fixed[i].value));
	http_header_add(x, "Content-Security-Policy",
		sv_from(csp ? csp : "default-src 'none'; frame-ancestors 'none'"));
	if (x->is_tls)
		http_header_add(x, "Strict-Transport-Security", SV("max-age=31536000"));
}

// list: the text of a JSON list, which is one more member; SV_NONE: none.
static void problem_put(struct http_exchange *x, unsigned status, const char *type, const char *title,
	const char *detail, const char *name, struct sv list)
{
	http_status_set(x, status);
	http_header_add(x, "Content-Type", SV("application/problem+json"));
	security_headers(x, NULL, "same-origin");
	buf_clear(&x->out);
	struct json j = json_new(&x->out);
	json_object(&j);
	json_key_text(&j, "type", type ? type : "about:blank");
	json_key_text(&j, "title", title ? title : status_text(x->status));
	json_key_u64(&j, "status", x->status);
	if (detail)
		json_key_text(&j, "detail", detail);
	if (list.ptr) {
		json_key(&j, name);
		json_raw(&j, list);
	}
	json_object_end(&j);
}

static void problem_write(
	struct http_exchange *x, unsigned status, const char *type, const char *title, const char *detail)
{
	problem_put(x, status, type, title, detail, NULL, SV_NONE);
}

void http_problem(
	struct http_exchange *x, unsigned status, const char *type, const char *title, const char *detail)
{
	problem_write(x, status, type, title, detail);
	http_reply(x);
}

void http_problem_list(struct http_exchange *x, const struct err *e, const char *name, struct sv list)
{
	static const unsigned of[RC_COUNT] = {[RC_USAGE] = 400,
		[RC_INPUT] = 400,
		[RC_LIMIT] = 413,
		[RC_BUSY] = 503,
		[RC_DENIED] = 403,
		[RC_NOT_FOUND] = 404,
		[RC_EXISTS] = 409,
		[RC_CANCELLED] = 499,
		[RC_NOMEM] = 503};
	unsigned status = e->rc < RC_COUNT && of[e->rc] ? of[e->rc] : 500;
	char text[sizeof(e->message) + sizeof(e->remedy) + sizeof(e->file) + 64];
	if (status == 503)
		http_header_add(x, "Retry-After", SV("1"));
	bool theirs = status < 500 || e->rc == RC_BUSY;
	problem_put(x, status, NULL, NULL, theirs ? err_format(e, text, sizeof(text)) : NULL, name, list);
	http_reply(x);
}

void http_problem_err(struct http_exchange *x, const struct err *e)
{
	http_problem_list(x, e, NULL, SV_NONE);
}

void reply_refuse(struct http_exchange *x, unsigned status, const char *detail, bool last)
{
	if (last)
		x->conn->closing = x->conn->lingers = true;
	problem_write(x, status, NULL, NULL, detail);
	x->answered = true;
	conn_state_set(x->conn, CONN_WRITING);
	reply_prepare(x);
}

// --- conditional answers ---

static struct sv etag_core(struct sv s)
{
	s = sv_trim(s);
	return sv_starts(s, SV("W/")) ? (struct sv){s.ptr + 2, s.len - 2} : s;
}

static bool etag_named(struct sv list, struct sv etag)
{
	struct sv core = etag_core(etag);
	for (struct sv rest = list; rest.ptr;) {
		struct sv one = sv_cut(rest, ',', &rest);
		if (sv_equal(etag_core(one), core) || sv_equal(sv_trim(one), SV("*")))
			return true;
	}
	return false;
}

bool http_etag(struct http_exchange *x, struct sv etag)
{
	http_header_add(x, "ETag", etag);
	return etag_named(http_header(x, "if-none-match"), etag);
}

bool http_if_match(const struct http_exchange *x, struct sv etag)
{
	struct sv asked = http_header(x, "if-match");
	return !asked.ptr || etag_named(asked, etag);
}

bool http_accepts_encoding(const struct http_exchange *x, const char *coding)
{
	for (struct sv rest = http_header(x, "accept-encoding"); rest.ptr;) {
		struct sv weight, one = sv_cut(rest, ',', &rest);
		struct sv name = sv_trim(sv_cut(one, ';', &weight));
		if (!sv_equal_nocase(name, sv_from(coding)) && !sv_equal(name, SV("*")))
			continue;
		double q = 1;
		weight = sv_trim(weight);
		if (weight.len > 2 && sv_to_double((struct sv){weight.ptr + 2, weight.len - 2}, &q) && q <= 0)
			return false;
		return true;
	}
	return false;
}

void http_reply_static(struct http_exchange *x, const struct http_static *s)
{
	http_header_add(x, "Content-Type", sv_from(s->content_type));
	http_header_add(x, "Cache-Control", sv_from(s->cache_control ? s->cache_control : "no-cache"));
	bool fresh = false;
	if (s->gzip.ptr)
		http_header_add(x, "Vary", SV("Accept-Encoding"));
	if (s->etag) {
		// Two codings under one tag: only a weak one may stand for both.
		struct sv tag = s->gzip.ptr ? arena_printf(x->arena, "W/%s", s->etag) : sv_from(s->etag);
		fresh = http_etag(x, tag);
	}
	if (fresh) {
		http_reply_empty(x, 304);
		return;
	}
	bool packed = s->gzip.ptr && http_accepts_encoding(x, "gzip");
	if (packed)
		http_header_add(x, "Content-Encoding", SV("gzip"));
	x->constant = packed ? s->gzip : s->bytes;
	http_reply(x);
}

// --- headers for browsers ---

bool http_cors(struct http_exchange *x, const struct http_cors *cors)
{
	struct sv origin = http_header(x, "origin");
	bool any = cors->origins == NULL, found = any;
	if (!any || cors->credentials)
		http_header_add(x, "Vary", SV("Origin"));
	if (!origin.ptr)
		return true;
	for (size_t i = 0; i < cors->n_origins && !found; i++)
		found = sv_equal_nocase(sv_from(cors->origins[i]), origin);
	if (!found)
		return false;
	http_header_add(x, "Access-Control-Allow-Origin", any && !cors->credentials ? SV("*") : origin);
	if (cors->credentials)
		http_header_add(x, "Access-Control-Allow-Credentials", SV("true"));
	if (x->request.method != HTTP_OPTIONS || !http_header(x, "access-control-request-method").ptr) {
		if (cors->expose)
			http_header_add(x, "Access-Control-Expose-Headers", sv_from(cors->expose));
		return true;
	}
	struct sv asked = http_header(x, "access-control-request-headers");
	if (cors->methods)
		http_header_add(x, "Access-Control-Allow-Methods", sv_from(cors->methods));
	if (cors->headers || asked.ptr)
		http_header_add(
			x, "Access-Control-Allow-Headers", cors->headers ? sv_from(cors->headers) : asked);
	char age[16];
	snprintf(age, sizeof(age), "%u", cors->max_age_s);
	if (cors->max_age_s)
		http_header_add(x, "Access-Control-Max-Age", sv_from(age));
	return true;
}

void http_security_headers(struct http_exchange *x, const char *csp)
{
	security_headers(x, csp, "same-origin");
}

void http_security_headers_framed(struct http_exchange *x, const char *csp)
{
	security_headers(x, csp, "cross-origin");
}

// --- writing ---

static void number_put(struct buf *b, size_t n)
{
	char digits[24], *p = digits + sizeof(digits);
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	buf_put(b, p, (size_t)(digits + sizeof(digits) - p));
}

// What cannot be sent as it is becomes a 500.
static void replace_broken(struct http_exchange *x)
{
	if (!x->bad_header && !x->headers.rc && !x->out.rc)
		return;
	x->bad_header = false;
	x->constant = SV_NONE;
	buf_clear(&x->headers);
	problem_write(
		x, 500, NULL, NULL, "the answer could not be made: it is too large, or not fit to be sent");
}

void reply_prepare(struct http_exchange *x)
{
	struct conn *c = x->conn;
	const struct http_server *s = x->loop->server;
	replace_broken(x);
	if (!x->request.keep_alive || atomic_load_explicit(&s->quiescing, memory_order_relaxed))
		c->closing = true;
	struct sv body = x->constant.ptr ? x->constant : buf_view(&x->out);
	bool bodiless = x->status == 204 || x->status == 304;
	struct buf *h = &x->head;
	buf_sv(h, SV("HTTP/1.1 "));
	number_put(h, x->status);
	buf_char(h, ' ');
	buf_str(h, status_text(x->status));
	buf_sv(h, SV("\r\nDate: "));
	buf_str(h, x->loop->date);
	buf_sv(h, SV("\r\n"));
	buf_sv(h, buf_view(&x->headers));
	if (x->stream) {
		if (!x->request.is_1_0)
			buf_sv(h, SV("Transfer-Encoding: chunked\r\n"));
	} else if (!bodiless) {
		buf_sv(h, SV("Content-Length: "));
		number_put(h, body.len);
		buf_sv(h, SV("\r\n"));
	}
	if (c->closing)
		buf_sv(h, SV("Connection: close\r\n"));
	buf_sv(h, SV("\r\n"));
	if (h->rc) { // out of memory for a few hundred bytes: nothing can be said
		c->closing = true;
		x->no_body = true;
		h->len = 0;
		return;
	}
	x->head_bytes = h->len;
	if (bodiless)
		x->no_body = true;
	if (!x->no_body && !x->stream && c->ssl && body.len <= JOINED_BYTES && buf_reserve(h, body.len)) {
		buf_sv(h, body); // one record, one packet
		x->no_body = true;
	}
}

// --- the end ---

static void counters_add(struct counters *c, unsigned status, uint64_t us)
{
	size_t b = 0;
	while (b < HTTP_BUCKETS - 1 && us > http_bucket_us[b])
		b++;
	count(&c->requests[status / 100], 1);
	count(&c->buckets[b], 1);
	count(&c->sum_us, us);
}

void exchange_finish(struct http_exchange *x)
{
	struct loop *l = x->loop;
	const struct http_options *o = &l->server->o;
	struct conn *c = x->conn;
	int64_t now_ns = clock_system()->monotonic_ns(clock_system());
	uint64_t us = (uint64_t)(now_ns - x->begun_ns) / 1000;
	bool taken = x->answered && x->sent > 0;
	unsigned status = taken ? x->status : 499;
	counters_add(&l->counters.all, status, us);
	if (x->route)
		counters_add(&l->routes[x->route - o->routes], status, us);
	if (o->log) {
		struct http_log_line line = {.received_ms = x->received_ms,
			.method = x->request.method_text.len ? x->request.method_text : SV("-"),
			.target = x->request.target.ptr ? x->request.target : SV(""),
			.peer = x->peer.ptr ? x->peer : sv_from(c->peer),
			.user_agent = http_header(x, "user-agent"),
			.route = x->route,
			.status = status,
			.bytes_in = x->bytes_in,
			.bytes_out = x->sent > x->head_bytes ? x->sent - x->head_bytes : 0,
			.duration_us = us};
		o->log(&line, o->context);
	}
	if (x->sink)
		x->sink->over(x->sink_context);
	c->x = NULL;
	loop_exchange_give(l, x);
}

void http_log_json(struct buf *out, const struct http_log_line *line)
{
	struct json j = json_new(out);
	json_object(&j);
	json_key_i64(&j, "at", line->received_ms);
	json_key_string(&j, "method", line->method);
	json_key_string(&j, "target", line->target);
	json_key_text(&j, "route", line->route ? line->route->path : NULL);
	json_key_u64(&j, "status", line->status);
	json_key_string(&j, "peer", line->peer);
	json_key_string(&j, "agent", line->user_agent);
	json_key_u64(&j, "bytes_in", line->bytes_in);
	json_key_u64(&j, "bytes_out", line->bytes_out);
	json_key_u64(&j, "us", line->duration_us);
	json_object_end(&j);
	buf_char(out, '\n');
}
