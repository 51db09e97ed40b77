// SPDX-License-Identifier: Apache-2.0
// What the files of this folder share.
//
// Threads: a connection, its exchange and all that hangs on it belong to the thread of its loop. Three things cross
// threads: the mailbox (answers and streams with something to do come in through it), a stream's queue (under its mutex), and
// counters (atomic).
// Memory: an idle connection holds its struct alone; input buffer, exchange and arena are the loop's and are lent to
// connections that have a request under way.
#ifndef CORRIDOR_HTTP_INTERNAL_H
#define CORRIDOR_HTTP_INTERNAL_H

#include "http/http.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

// --- parse.c: bytes to a request ---

enum { HTTP_HEADERS_MAX = 100, HTTP_PARAMS_MAX = 8 };

struct http_field {
	struct sv name, value;
};

// The head of a request. Views into the text that was parsed.
struct request {
	enum http_method method;
	struct sv method_text, target, path, query; // query without "?"; ptr NULL: none
	bool is_1_0, chunked, keep_alive, expects_continue;
	int64_t length; // Content-Length, -1: none
	struct sv host, encoding;
	struct http_field *fields;
	uint32_t n_fields;
};

// Where the head ends. *scan: where to go on (starts at 0), bytes before it were seen. Returns the length of the head with its empty
// line, 0: more bytes are needed, -1: a line ends without CR.
int64_t head_find(struct sv bytes, size_t *scan);
// Reads a whole head; fields go to `fields` of HTTP_HEADERS_MAX. 0, or the status of the refusal with *why.
unsigned request_parse(
	struct sv head, size_t target_max, struct http_field *fields, struct request *out, const char **why);

// The body of Transfer-Encoding: chunked, piece by piece. Zero-initialise.
struct chunks {
	int state;
	uint64_t left;
	uint32_t n_digits, n_extra; // of a size line; bytes of extensions and trailers, which are bounded
};

// Takes bytes of `in` from *used on; *data gets the next piece of the body (empty: none in what there is). False: not well formed.
// *done when the last byte of the body was taken.
bool chunks_next(struct chunks *c, struct sv in, size_t *used, struct sv *data, bool *done);

// --- target.c: paths, queries, cookies ---

// Undoes escapes into the arena. False: a bad escape, or a control character comes out.
bool unescape(struct sv s, bool plus_is_space, struct arena *a, struct sv *out);
// Is each %-escape of s two hexadecimal digits, and none NUL?
bool escapes_valid(struct sv s);
// Can s (unescaped) be part of a path: UTF-8, no segments "." and ".."?
bool path_part_valid(struct sv s);
// The value of a cookie in a Cookie header, SV_NONE when it has none.
struct sv cookie_find(struct sv header, struct sv name);

// --- address.c ---

struct address {
	uint8_t bytes[16]; // IPv4 as ::ffff:a.b.c.d
	bool known;
};

struct range {
	uint8_t bytes[16];
	unsigned bits;
};

// The address in a socket address; not known for other families than IPv4 and IPv6.
struct address address_of(const struct sockaddr_storage *sa);
// Text of an address, without the mapping of IPv4.
void address_text(const struct address *a, char out[INET6_ADDRSTRLEN]);
// Reads "1.2.3.4", "::1", "[::1]:80", "1.2.3.4:80". False: none of them.
bool address_read(struct sv text, struct address *out);
// Reads "10.0.0.0/8" or a single address.
bool range_read(struct sv text, struct range *out);
bool range_has(const struct range *r, size_t n, const struct address *a);
// The asker behind trusted proxies: walks X-Forwarded-For from its end to the first address that is not one of them.
// A list that cannot be read ends the walk at the last address that could.
struct address forwarded_for(struct sv list, const struct range *trusted, size_t n, struct address peer);
// "127.0.0.1:8080", "[::1]:0", "*:80" to what bind takes. False: not of that form.
bool listen_address(const char *text, struct sockaddr_storage *out, socklen_t *len);

// Connections by address.
struct census;
struct census *peers_new(uint32_t limit);
void peers_free(struct census **c);
// False: the address has as many as it may (or there is no memory to count it).
bool peers_enter(struct census *c, const struct address *a);
void peers_leave(struct census *c, const struct address *a);

// --- router.c ---

struct router;

enum { ROUTE_NONE = -1 };

struct route_match {
	int route;        // index, ROUTE_NONE
	unsigned allowed; // bit per method that the path has; 0: no such path
	int any;          // index of some route of the path, ROUTE_NONE
	uint32_t n_params;
	struct http_field params[HTTP_PARAMS_MAX];
};

// Compiles a table, which must outlive the router. RC_USAGE names a row that is wrong or there twice; RC_NOMEM.
enum rc router_new(const struct http_route *routes, size_t n, struct router **out, struct err *e);
void router_free(struct router **r);
// False: the path cannot be one (bad escapes, dot segments …). Parameters are unescaped into the arena.
bool router_find(const struct router *r, enum http_method method, struct sv path, struct arena *a,
	struct route_match *out);

// --- unpack.c ---

enum packing { PACKING_NONE, PACKING_ZLIB, PACKING_DEFLATE, PACKING_ZSTD, PACKING_UNKNOWN };

struct unpacker; // of a loop: states that are used again
// NULL: out of memory.
struct unpacker *unpacker_new(void);
void unpacker_free(struct unpacker **u);
// What a Content-Encoding means; absent: PACKING_NONE.
enum packing packing_of(struct sv content_encoding);
// Unpacks all of `in` to the end of `out`. 0, or a status: 400 (not such data, or cut off), 413 (beyond out->max), 503 (no memory).
unsigned unpack(struct unpacker *u, enum packing how, struct sv in, struct buf *out);

// --- tls.c ---

struct tls;
// Loads certificate chain and key (PEM); the paths must outlive it, tls_reload reads them again.
enum rc tls_new(const char *certificate, const char *key, struct tls **out, struct err *e);
void tls_free(struct tls **t);
enum rc tls_reload(struct tls *t, struct err *e);
// A session on a socket; NULL: out of memory.
struct ssl_st *tls_session(struct tls *t, int fd);
void tls_session_free(struct ssl_st **s);

// What a read, write or handshake came to, other than a number of bytes.
enum { WIRE_AGAIN = -1, WIRE_FAILED = -2, WIRE_NEEDS_WRITE = -3, WIRE_NEEDS_READ = -4, WIRE_END = 0 };

// Bytes moved (1 for a handshake that is done), or one of the above.
int64_t tls_accept(struct ssl_st *s);
int64_t tls_read(struct ssl_st *s, void *bytes, size_t n);
int64_t tls_write(struct ssl_st *s, const void *bytes, size_t n);
void tls_goodbye(struct ssl_st *s);

// --- the loop ---

struct loop;

enum source_kind { SOURCE_CONNECTION, SOURCE_LISTENER, SOURCE_MAIL };

// First in whatever epoll watches.
struct source {
	enum source_kind kind;
};

struct listener {
	struct source source;
	int fd;
	bool tls;
	uint16_t port;
};

// Something that another thread wants a loop to look at. Intrusive; at most once in the mailbox.
struct mail {
	struct mail *next;
	bool is_stream;
};

struct counters {
	atomic_uint_fast64_t requests[6], buckets[HTTP_BUCKETS], sum_us;
};

struct loop_counters {
	atomic_uint_fast64_t accepted, refused, timed_out, cut_off, bytes_in, bytes_out, connections, streams,
		waiting;
	struct counters all;
};

// States, and what moves a connection from one to the next (conn_state_set is the one place that does):
//   HANDSHAKE → HEAD            TLS is set up
//   HEAD → BODY                 head read, route found, admitted
//   HEAD, BODY → WAITING        the handler has been called
//   HEAD, BODY → WRITING        refused on the way
//   WAITING → WRITING           http_reply
//   WAITING → STREAMING         http_stream_begin
//   WRITING → HEAD              written; the next request
//   WRITING, STREAMING → LINGER written, and the connection is to end: what the peer still sends is read away, so
//                               that its system does not throw the answer away
//   any → freed (conn_free)     peer gone, deadline, LINGER over. In WAITING the struct stays until http_reply.
enum conn_state {
	CONN_HANDSHAKE,
	CONN_HEAD,
	CONN_BODY,
	CONN_WAITING,
	CONN_WRITING,
	CONN_STREAMING,
	CONN_LINGER,
	CONN_STATES
};

struct conn {
	struct source source;
	enum conn_state state;
	int fd; // -1: gone
	bool readable, writable, peer_ended, closing, lingers, again, trusted, counted, sent_continue, asked;
	struct ssl_st *ssl;
	struct loop *loop;
	struct conn *next, *prev, *next_again;
	int64_t since_ms, deadline_ms; // deadline INT64_MAX: none. Monotonic
	uint64_t progress;             // bytes moved in this state
	struct address address;
	char peer[INET6_ADDRSTRLEN];
	uint8_t *in; // loop->in_bytes of them, or NULL
	size_t in_start, in_end, in_scan;
	struct http_exchange *x;
	struct http_stream *stream;
};

struct http_exchange {
	uint32_t magic;
	struct mail mail;
	struct conn *conn;
	struct loop *loop;
	struct http_exchange *next_free;
	struct arena *arena;
	struct request request;
	struct http_field fields[HTTP_HEADERS_MAX];
	struct route_match match;
	const struct http_route *route;
	struct sv peer;
	bool is_tls;
	int64_t received_ms, begun_ns;
	void *user;
	// body
	struct chunks chunks;
	struct buf body, unpacked;
	struct sv body_view;
	size_t body_max, reserved; // reserved: bytes counted in server->bodies
	uint64_t bytes_in;
	enum packing packing;
	bool body_read;
	const struct http_sink *sink; // NULL: into memory
	void *sink_context;
	uint64_t diverted; // bytes that went there
	// query, parsed when asked for
	bool query_read;
	struct http_field *query;
	size_t n_query;
	// answer
	unsigned status;
	struct buf headers, out, head;
	struct sv constant;        // instead of out
	bool bad_header, answered; // answered: in the loop's thread, while the handler runs
	bool no_body;              // HEAD
	size_t head_bytes;         // of head without a body that was joined to it
	size_t sent;
	struct http_stream *stream;
};

struct loop {
	struct http_server *server;
	int epoll, wake;
	struct source mail_source;
	struct thread *thread;
	pthread_t id;
	_Atomic(struct mail *) mailbox;
	atomic_bool stop;
	atomic_uint posting;           // threads inside loop_post
	atomic_uint turns;             // that it has begun
	struct conn *first;            // all connections
	struct conn *again;            // those with work left that no event will announce
	struct http_exchange *current; // whose handler runs
	struct http_exchange *free_exchanges;
	uint32_t n_free_exchanges;
	uint8_t **free_inputs;
	uint32_t n_free_inputs;
	struct unpacker *unpacker;
	int64_t now_ms, swept_ms, date_s;
	char date[48];
	uint8_t away[64 << 10];        // where what nobody reads would go
	bool accepting, accept_paused; // listeners are watched; not, for want of descriptors
	struct loop_counters counters;
	struct counters *routes; // per route
};

struct http_server {
	uint32_t magic;
	struct http_options o;
	struct router *router;
	struct tls *tls;
	struct range *trusted;
	size_t n_trusted;
	struct census *census;
	struct listener *listeners;
	size_t n_listeners;
	struct loop *loops;
	uint32_t n_loops;
	size_t in_bytes;
	uint32_t sweep_ms;
	atomic_uint holds; // http_hold
	atomic_bool quiescing;
	atomic_bool cut; // no handler is called any more
	atomic_uint_fast64_t n_connections, bodies;
};

static inline void count(atomic_uint_fast64_t *c, uint64_t n) // by the loop's thread alone
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

// loop.c
enum rc loop_open(struct loop *l, struct http_server *s, struct err *e);
enum rc loop_start(struct loop *l, struct err *e);
void loop_close(struct loop *l);
void loop_wake(struct loop *l);
// Puts mail into the loop's box, and wakes it up unless that is held; from any thread.
void loop_post(struct loop *l, struct mail *m);
// Runs c again in this turn or the next.
void loop_again(struct loop *l, struct conn *c);
uint8_t *loop_input_take(struct loop *l);
void loop_input_give(struct loop *l, uint8_t *in);
struct http_exchange *loop_exchange_take(struct loop *l);
void loop_exchange_give(struct loop *l, struct http_exchange *x);

// connection.c
void conn_new(struct loop *l, int fd, const struct sockaddr_storage *from, bool tls);
// Goes on with c as far as it can.
void conn_run(struct conn *c);
void conn_free(struct conn *c);
// After http_reply or http_stream_begin, by mail or in the handler: what is written next.
void conn_answered(struct conn *c);
// Ends c when its deadline is over, or when it is idle and the server quiesces. May free c.
void conn_sweep(struct conn *c);
void conn_state_set(struct conn *c, enum conn_state state);
int64_t conn_read(struct conn *c, void *bytes, size_t n);
int64_t conn_write(struct conn *c, const struct sv *parts, size_t n);
// Go on; nothing more can be read or written just now; the connection is over.
enum step { STEP_ON, STEP_WAIT, STEP_CLOSE };

// request.c
enum step request_step(struct conn *c); // CONN_HEAD
enum step body_step(struct conn *c);    // CONN_BODY

// reply.c
// Makes the head of the answer; the exchange is not to be changed afterwards.
void reply_prepare(struct http_exchange *x);
// A refusal by the server itself: status, detail; the connection ends with it when `last`.
void reply_refuse(struct http_exchange *x, unsigned status, const char *detail, bool last);
const char *status_text(unsigned status);
// Counts and logs an exchange that is over.
void exchange_finish(struct http_exchange *x);
// Answered, while its handler was running on the loop's thread?
bool exchange_current(const struct http_exchange *x);

// stream.c
// The loop takes the stream of c's exchange over, its head first.
void stream_attach(struct conn *c);
enum step stream_step(struct conn *c); // CONN_STREAMING
// No more writing from now on.
void stream_shut(struct http_stream *s);
// The connection is gone.
void stream_detach(struct http_stream *s);
// The loop has seen its mail.
void stream_mail(struct mail *m);
// Are there bytes that the reader has not taken?
bool stream_pending(const struct http_stream *s);

#endif
