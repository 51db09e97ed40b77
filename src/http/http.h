// SPDX-License-Identifier: Apache-2.0
// An HTTP/1.1 server: epoll loops, one thread each, TLS, routes, deferred answers and streams. It knows nothing of
// the domain. docs/decisions/http-server.md says why it is our own.
//
// The life of an exchange, one request and its answer:
//   head read and checked → route found → `admit` → body read and unpacked → `handle` → http_reply → written, logged
// `admit` and `handle` run on the loop's thread and must not block: what takes long is handed to another thread, which
// calls http_reply when it is done. Until http_reply the exchange belongs to whoever handles it, one thread at a time;
// after it to the server, and no pointer from it is valid any more. Each exchange is answered exactly once.
// Views (struct sv) given out by an exchange live as long as the exchange.
#ifndef CORRIDOR_HTTP_HTTP_H
#define CORRIDOR_HTTP_HTTP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/sv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_METHODS
};

struct http_server;
struct http_exchange;
struct http_stream;

// --- Routes ---

// One row of a route table. path: literal segments, {name} for one segment that is not empty, a last * for the rest,
// which may be empty ("/assets/*"; its parameter is called "*"). Where several paths fit, the first segment that differs
// decides: literal before {name} before *. A path without the method that is asked for is 405 with Allow; HEAD is made from GET, and
// OPTIONS from the methods there are, unless the table has rows for them.
struct http_route {
	enum http_method method;
	const char *path;
	size_t body_max; // bytes as sent; 0: http_options.body_bytes
	void (*handle)(struct http_exchange *x, void *context);
	const void *data; // the caller's: rights, documentation, CORS
};

// --- Opening ---

// Where to listen: "127.0.0.1:8080", "[::1]:0" (0: a free port), "*:8080" (all addresses), or an inherited socket.
struct http_address {
	const char *address; // NULL: fd
	int fd;              // a listening socket; the server closes it
	bool tls;
};

// One line of the access log. The views live until the hook returns.
struct http_log_line {
	int64_t received_ms; // Unix time
	struct sv method;    // "-" when the request could not be read
	struct sv target, peer, user_agent;
	const struct http_route *route; // NULL: none was found
	unsigned status;
	uint64_t bytes_in, bytes_out, duration_us; // bytes of the bodies as sent
};

// Numbers that are 0 take the default that is given. Routes, context and strings must outlive the server.
struct http_options {
	const struct http_address *addresses;
	size_t n_addresses;
	unsigned threads;                      // loops; default: the processors, at most 4
	const char *tls_certificate, *tls_key; // PEM files; both or none
	const char *const
		*trusted_proxies; // "10.0.0.0/8", "::1": whose X-Forwarded-For and -Proto are believed
	size_t n_trusted_proxies;
	const struct http_route *routes;
	size_t n_routes;
	const struct http_route *
		fallback; // the row for paths that no other has: other methods are 404 there, not 405. NULL: none
	void *context;    // given to every hook and handler

	size_t header_bytes;   // request line and headers, 16 KiB → 431 (414 for the target, half of it)
	size_t body_bytes;     // of a body as sent, 1 MiB → 413
	size_t unpacked_bytes; // of a compressed body unpacked, 8 MiB (at least the route's body_max) → 413
	size_t reply_bytes;    // of an answer's body, 256 MiB → 500
	size_t stream_bytes;   // that wait for a slow reader of a stream, 256 KiB → cut off
	size_t bodies_bytes;   // of all bodies being read or worked on, 512 MiB → 503 with Retry-After
	uint32_t connections;  // 20,000; what is above is refused with 503
	uint32_t connections_per_address; // 4,096; IPv6 by /64; trusted proxies are free
	uint32_t header_ms,
		body_ms;     // 10 s, 30 s: for the whole of it → 408. Bodies get a second more for every
	uint32_t rate_bytes; // 16 KiB (this many) received; so do answers for what the peer has taken
	uint32_t idle_ms;    // 75 s between requests
	uint32_t write_ms;   // 30 s for an answer to be taken
	uint32_t
		fresh_ms; // 0.5 s: when the server quiesces, a connection so young may bring its first request still

	// Before the body is read. True: go on. False: it has answered (http_problem, http_reply) before it returned. NULL: all go on.
	bool (*admit)(struct http_exchange *x, const struct http_route *route, void *context);
	// OPTIONS without a route of its own, for http_cors: `route` is the one of Access-Control-Request-Method, or any
	// of that path. The server answers 204 with Allow afterwards. May be NULL.
	void (*preflight)(struct http_exchange *x, const struct http_route *route, void *context);
	// After every turn of a loop, on its thread: what the handlers of the turn gathered can be passed on. May be NULL.
	void (*turned)(void *context);
	// After every answer, on the loops' threads at the same time. May be NULL.
	void (*log)(const struct http_log_line *line, void *context);
};

// Starts listening; the loops run when it returns, and *out is set before they do. RC_USAGE: an address, a proxy range or a route is wrong; RC_IO: the
// system refuses (the message names the address); RC_INPUT: certificate or key; RC_NOMEM.
enum rc http_open(const struct http_options *options, struct http_server **out, struct err *e);
// Between the two, answers that other threads than a loop's give are put down, and their loops wake up at the end: for who
// answers many at once. They nest, on any thread; what others answer meanwhile waits as well. Not after http_close.
void http_hold(struct http_server *s);
void http_release(struct http_server *s);
// The port of address i.
uint16_t http_port(const struct http_server *s, size_t i);
// Accepts no more (what is not accepted yet is left to whoever else listens there, or will); idle connections are closed,
// but those that are fresh and have asked nothing yet, running exchanges end and close theirs, streams are ended. Waits until
// all are gone or timeout_ms is over; true: all are gone. False: what is still being received will be answered with 503.
// No handler is called from then on. May be called again.
bool http_quiesce(struct http_server *s, uint32_t timeout_ms);
// Shuts what is left, waits for exchanges that somebody still owes an answer, frees all; *s is NULL then. NULL is allowed.
void http_close(struct http_server **s);
// Reads certificate and key again; new connections get the new ones. On failure the old ones stay.
enum rc http_reload_tls(struct http_server *s, struct err *e);
// The sockets that systemd hands over (LISTEN_FDS, LISTEN_PID), at most `max` into fds; their number. Takes the
// variables out of the environment: once, before threads are started.
size_t http_inherited(int *fds, size_t max);

// --- Counters ---

#define HTTP_BUCKETS 15
// Upper bounds of the histogram's buckets in microseconds; the last holds the rest.
extern const uint32_t http_bucket_us[HTTP_BUCKETS - 1];

struct http_route_stats {
	uint64_t requests[6]; // by first digit of the status; [0] is not used
	uint64_t buckets[HTTP_BUCKETS], sum_us;
};

struct http_stats {
	uint64_t connections, streams;         // open now
	uint64_t waiting;                      // exchanges that somebody owes an answer
	uint64_t bodies_bytes;                 // of bodies held now
	uint64_t accepted, refused, timed_out; // connections since the start; refused: by a limit
	uint64_t cut_off;                      // streams whose reader was too slow
	uint64_t bytes_in, bytes_out;          // on the wire, without TLS
	struct http_route_stats all;           // with what found no route
};

// Sums over the loops; each counter is exact, all together are not from one instant.
void http_stats(const struct http_server *s, struct http_stats *out);
// The same for row i of the route table.
void http_route_stats(const struct http_server *s, size_t i, struct http_route_stats *out);

// --- The request ---

// The method; for HEAD it is HEAD, also where the row is GET's.
enum http_method http_method_of(const struct http_exchange *x);
// "GET" …
const char *http_method_name(enum http_method method);
// The path as sent, without the query; no escapes undone. http_target has the query too.
struct sv http_path(const struct http_exchange *x);
struct sv http_target(const struct http_exchange *x);
// What stands at {name} of the route, or at * (name "*"), unescaped: valid UTF-8, no control characters, no segments "." and
// "..". SV_NONE: the route has no such name.
struct sv http_param(const struct http_exchange *x, const char *name);
// The i-th value (from 0) of a name in the query, unescaped ("+" is a space). SV_NONE: no more.
struct sv http_query(struct http_exchange *x, const char *name, size_t i);
// The k-th pair of the query, for those that take any name. False: no more.
bool http_query_at(struct http_exchange *x, size_t k, struct sv *name, struct sv *value);
// A header's value (the first of that name, case ignored), trimmed. SV_NONE: absent.
struct sv http_header(const struct http_exchange *x, const char *name);
// A cookie's value. SV_NONE: absent.
struct sv http_cookie(const struct http_exchange *x, const char *name);
// The whole body, unpacked by Content-Encoding (gzip, deflate, zstd). Empty in `admit`.
struct sv http_body(const struct http_exchange *x);
// Where the bytes of a body go instead of into memory: for uploads. Both are called on the loop's thread and must not
// wait for long.
struct http_sink {
	// The next bytes, as sent. 0: taken; else the status of the refusal, with *why.
	unsigned (*take)(void *context, struct sv bytes, const char **why);
	// Once, when the exchange is over, whether the body was read to its end and handled or not.
	void (*over)(void *context);
};
// To be called in `admit`, which must not answer afterwards. http_body is empty then. A body with Content-Encoding is refused (415).
void http_divert(struct http_exchange *x, const struct http_sink *sink, void *context);
// Who asks: an address as text. With a trusted proxy in between the last address of X-Forwarded-For that is not a
// trusted proxy.
struct sv http_peer(const struct http_exchange *x);
// Over TLS, here or, says a trusted proxy, in front of it.
bool http_is_tls(const struct http_exchange *x);
// The value of Host.
struct sv http_host(const struct http_exchange *x);
// When the head was complete: Unix time in ms.
int64_t http_received_ms(const struct http_exchange *x);
// The row of the route table; NULL in the log of what found none.
const struct http_route *http_route_of(const struct http_exchange *x);
// Memory that lives as long as the exchange (capped at 64 MiB).
struct arena *http_arena(struct http_exchange *x);
// The context of the options.
void *http_context(const struct http_exchange *x);
// A value of the caller's, from `admit` to the handler, say. NULL at first.
void http_user_set(struct http_exchange *x, void *user);
void *http_user(const struct http_exchange *x);

// --- The answer ---

// 200 unless set.
void http_status_set(struct http_exchange *x, unsigned status);
// Adds a header. A name or value with control characters, which input could have smuggled in, makes the answer 500.
// Date, Content-Length, Transfer-Encoding and Connection are the server's.
void http_header_add(struct http_exchange *x, const char *name, struct sv value);
// The body so far, to write to. It is sent by http_reply.
struct buf *http_out(struct http_exchange *x);
// Answers. From any thread; in a thread other than the loop's x is gone when this returns.
void http_reply(struct http_exchange *x);
// Answers with JSON bytes in http_out: sets the content type, then http_reply.
void http_reply_json(struct http_exchange *x);
// Packs what http_out has, with zstd or gzip, when it is longer than 1 kB and the asker takes it, and says so in the headers. It
// takes some ms a MB, in the thread that calls: right before http_reply. Not for answers in which a secret stands beside what
// an asker can choose: the length of the packed bytes would tell it, letter by letter (BREACH: Gluck, Harris & Prado 2013).
void http_pack(struct http_exchange *x);
// Answers with `status` and nothing else.
void http_reply_empty(struct http_exchange *x, unsigned status);
// Answers with a problem (RFC 9457, application/problem+json) in place of what http_out has. type: a URI or NULL ("about:blank"); title:
// NULL takes the status's; detail may be NULL. Headers that were added stay.
void http_problem(
	struct http_exchange *x, unsigned status, const char *type, const char *title, const char *detail);
// Answers with an error of ours: kinds become 400, 403, 404, 409, 413, 429, 499 or 500; the detail is message and remedy for those
// the asker can mend.
void http_problem_err(struct http_exchange *x, const struct err *e);
// The same with one more member, the text of a JSON list. SV_NONE: without.
void http_problem_list(struct http_exchange *x, const struct err *e, const char *name, struct sv list);

// Bytes that outlive the server. gzip may be NULL; it is taken when the asker accepts it and it is there.
struct http_static {
	const char *content_type, *cache_control; // cache_control NULL: "no-cache"
	struct sv bytes, gzip;
	const char *etag; // with quotes; NULL: none
};

// Answers with a constant, or 304 when the asker has it.
void http_reply_static(struct http_exchange *x, const struct http_static *s);
// Sets ETag (given with its quotes). True: If-None-Match names it, and the answer is to be http_reply_empty(x, 304).
bool http_etag(struct http_exchange *x, struct sv etag);
// May something that is now at this ETag (with its quotes) be changed: is there no If-Match, or does it name it? Weak ones count
// as well, because what packs answers on the way makes them weak.
bool http_if_match(const struct http_exchange *x, struct sv etag);
// Does Accept-Encoding allow this coding ("gzip")?
bool http_accepts_encoding(const struct http_exchange *x, const char *coding);

// Which other sites' pages may call.
struct http_cors {
	const char *const *origins; // "https://shop.example"; NULL: any
	size_t n_origins;
	const char *methods, *headers,
		*expose; // lists for the headers of that name; headers NULL: whatever is asked for
	bool credentials;
	uint32_t max_age_s;
};

// Adds what CORS asks for, also for a preflight. False: there is an Origin and it is not allowed (nothing but Vary was added).
bool http_cors(struct http_exchange *x, const struct http_cors *cors);
// The usual headers of a page. csp: the Content-Security-Policy, NULL: one that allows nothing (for data).
void http_security_headers(struct http_exchange *x, const char *csp);
// The same for a page that other sites may show in a frame, if its policy (frame-ancestors) allows it.
void http_security_headers_framed(struct http_exchange *x, const char *csp);

// The line as JSON with a line end.
void http_log_json(struct buf *out, const struct http_log_line *line);

// --- Streams ---

// Answers with a stream, say of server-sent events; x is gone then. That nobody listens any more is told to who writes:
// there is no call back, which could meet a writer that ends the stream at that moment. NULL: out of memory; x is still to
// be answered.
struct http_stream *http_stream_begin(struct http_exchange *x, const char *content_type);
// Queues bytes (none: only asks); never blocks; from any thread. RC_OK; RC_LIMIT: the reader is too slow and is cut off;
// RC_CANCELLED: the peer is gone, was cut off, or the server quiesces; RC_NOMEM. Not RC_OK: the stream is still to be ended.
enum rc http_stream_write(struct http_stream *stream, struct sv bytes);
// Ends the stream, after what is queued; the pointer is gone. Once, by whoever writes.
void http_stream_end(struct http_stream *stream);

#endif
