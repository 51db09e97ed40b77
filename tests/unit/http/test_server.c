// SPDX-License-Identifier: Apache-2.0
// The server over raw sockets: what is answered, refused, cut off; nothing here measures time.
#include "web.h"

#include "base/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <zlib.h>
#include <zstd.h>

struct world {
	struct http_server *s;
	struct queue *later;
	struct thread *worker;
	pthread_mutex_t lock;
	struct http_stream *stream;
	atomic_int logged, turned;
};

static struct world world;

static void echo(struct http_exchange *x, void *context)
{
	(void)context;
	struct sv q = http_query(x, "q", 1), cookie = http_cookie(x, "c");
	buf_printf(http_out(x), "peer=%.*s tls=%d id=%.*s q1=%.*s cookie=%.*s body=[", SV_ARG(http_peer(x)),
		http_is_tls(x), SV_ARG(http_param(x, "id")), SV_ARG(q), SV_ARG(cookie));
	buf_sv(http_out(x), http_body(x));
	buf_str(http_out(x), "]");
	http_reply(x);
}

static void later(struct http_exchange *x, void *context)
{
	(void)context;
	queue_push(world.later, x);
}

static void work(void *context)
{
	(void)context;
	for (struct http_exchange *x; (x = queue_pop(world.later));) {
		buf_printf(http_out(x), "later %.*s", SV_ARG(http_body(x)));
		http_reply(x);
	}
}

// Answers all that are there at once, holding twice.
static void answer_held(struct http_exchange *const *x, size_t n)
{
	http_hold(world.s);
	for (size_t i = 0; i < n; i++) {
		http_hold(world.s);
		buf_printf(http_out(x[i]), "held %.*s", SV_ARG(http_body(x[i])));
		http_reply(x[i]);
		http_release(world.s);
	}
	http_release(world.s);
}

static void turned(void *context)
{
	(void)context;
	atomic_fetch_add(&world.turned, 1);
}

static void events(struct http_exchange *x, void *context)
{
	(void)context;
	pthread_mutex_lock(&world.lock);
	world.stream = http_stream_begin(x, "text/event-stream");
	pthread_mutex_unlock(&world.lock);
}

static void asset(struct http_exchange *x, void *context)
{
	(void)context;
	static const struct http_static s = {
		.content_type = "text/css", .bytes = {"body{}", 6}, .gzip = {"packed", 6}, .etag = "\"v1\""};
	http_reply_static(x, &s);
}

static void smuggle(struct http_exchange *x, void *context)
{
	(void)context;
	http_header_add(x, "X-Back", http_query(x, "q", 0));
	http_reply(x);
}

// As many letters as are asked for, of words that repeat or (noise) of bytes that do not.
static void letters(struct http_exchange *x, void *context)
{
	(void)context;
	int64_t n = 0;
	uint64_t noise = 1;
	bool noisy = http_query(x, "noise", 0).ptr != NULL;
	sv_to_i64(http_query(x, "n", 0), &n);
	for (int64_t i = 0; i < n; i++) {
		noise = noise * 6364136223846793005u + 1442695040888963407u;
		buf_char(http_out(x), noisy ? (char)(noise >> 56) : "delivery "[i % 9]);
	}
	http_pack(x);
	http_reply(x);
}

// What went into a sink.
struct swallowed {
	uint64_t bytes, sum;
};
static atomic_int swallows_over;

static unsigned swallow(void *context, struct sv bytes, const char **why)
{
	struct swallowed *w = context;
	w->bytes += bytes.len;
	for (size_t i = 0; i < bytes.len; i++)
		w->sum += (unsigned char)bytes.ptr[i];
	*why = "it tastes of nothing";
	return memchr(bytes.ptr, '!', bytes.len) ? 507 : 0;
}

static void swallow_over(void *context)
{
	(void)context;
	atomic_fetch_add(&swallows_over, 1);
}

static void swallow_tell(struct http_exchange *x, void *context)
{
	(void)context;
	const struct swallowed *w = http_user(x);
	buf_printf(http_out(x), "swallowed %llu, %llu, %zu", (unsigned long long)w->bytes,
		(unsigned long long)w->sum, http_body(x).len);
	http_reply(x);
}

static bool admit(struct http_exchange *x, const struct http_route *route, void *context)
{
	static const struct http_sink sink = {swallow, swallow_over};
	(void)context;
	if (route->handle == swallow_tell) {
		struct swallowed *w = arena_alloc(http_arena(x), sizeof(*w));
		http_user_set(x, w);
		http_divert(x, &sink, w);
		return true;
	}
	if (!route->data || http_header(x, "authorization").ptr)
		return true;
	http_problem(x, 401, NULL, NULL, "who are you?");
	return false;
}

static void preflight(struct http_exchange *x, const struct http_route *route, void *context)
{
	(void)context;
	static const char *const origins[] = {"https://shop.example"};
	const struct http_cors cors = {.origins = origins, .n_origins = 1, .methods = "POST", .max_age_s = 600};
	if (route->method == HTTP_POST)
		http_cors(x, &cors);
}

static void note(const struct http_log_line *line, void *context)
{
	(void)context;
	struct buf b = buf_new(1 << 16);
	http_log_json(&b, line);
	assert_true(b.len > 2 && b.data[b.len - 1] == '\n');
	buf_free(&b);
	atomic_fetch_add(&world.logged, 1);
}

// 412 unless If-Match is absent or names "v1".
static void guarded(struct http_exchange *x, void *context)
{
	(void)context;
	http_reply_empty(x, http_if_match(x, SV("\"v1\"")) ? 204 : 412);
}

static const struct http_route routes[] = {{HTTP_GET, "/echo/{id}", 0, echo, NULL},
	{HTTP_POST, "/echo/{id}", 0, echo, NULL}, {HTTP_POST, "/small", 10, echo, NULL},
	{HTTP_POST, "/big", 3 << 20, echo, NULL}, {HTTP_POST, "/later", 0, later, NULL},
	{HTTP_POST, "/closed", 0, echo, "closed"}, {HTTP_GET, "/events", 0, events, NULL},
	{HTTP_GET, "/asset", 0, asset, NULL}, {HTTP_GET, "/smuggle", 0, smuggle, NULL},
	{HTTP_POST, "/swallow", 100 << 20, swallow_tell, NULL}, {HTTP_GET, "/letters", 0, letters, NULL},
	{HTTP_PUT, "/guarded", 0, guarded, NULL}, {HTTP_GET, "/pages/*", 0, asset, NULL}};

static void open_with(struct http_options o)
{
	static const struct http_address address = {.address = "127.0.0.1:0"};
	struct err e = ERR_NONE;
	if (!o.addresses) {
		o.addresses = &address;
		o.n_addresses = 1;
	}
	o.threads = 2;
	o.routes = routes;
	o.n_routes = sizeof(routes) / sizeof(routes[0]);
	o.fallback = &routes[o.n_routes - 1];
	o.admit = admit;
	o.preflight = preflight;
	o.log = note;
	o.turned = turned;
	pthread_mutex_init(&world.lock, NULL);
	world.later = queue_new(1024);
	world.worker = thread_start(work, NULL);
	enum rc rc = http_open(&o, &world.s, &e);
	if (rc)
		fail_msg("%s", e.message);
}

static void close_world(void)
{
	http_close(&world.s);
	queue_close(world.later);
	thread_join(&world.worker);
	queue_free(&world.later);
}

static int dial(void)
{
	return dial_port(http_port(world.s, 0));
}

// One request on a connection of its own; the answer up to the end of the connection.
static struct answer *ask(const char *text)
{
	int fd = dial();
	say_text(fd, text);
	struct answer *a = hear(fd, NULL);
	close(fd);
	return a;
}

#define CLOSE "Host: a\r\nConnection: close\r\n"

static void test_answers(void **state)
{
	(void)state;
	open_with((struct http_options){0});
	static const struct {
		const char *text;
		int status;
		const char *has;
	} cases[] = {
		{"GET /echo/a%20b?q=1&q=x%2By HTTP/1.1\r\n" CLOSE "Cookie: b=1; c=2\r\n\r\n", 200,
			"id=a b q1=x+y cookie=2"},
		{"GET /nothing HTTP/1.1\r\n" CLOSE "\r\n", 404, "application/problem+json"},
		{"PUT /echo/1 HTTP/1.1\r\n" CLOSE "\r\n", 405, "Allow: GET, HEAD, POST, OPTIONS\r\n"},
		{"OPTIONS /echo/1 HTTP/1.1\r\n" CLOSE "\r\n", 204, "Allow: GET, HEAD, POST, OPTIONS\r\n"},
		{"OPTIONS * HTTP/1.1\r\n" CLOSE "\r\n", 204, ""},
		{"OPTIONS /small HTTP/1.1\r\n" CLOSE
		 "Origin: https://shop.example\r\nAccess-Control-Request-Method: POST\r\n"
		 "Access-Control-Request-Headers: x-a\r\n\r\n",
			204, "Access-Control-Allow-Headers: x-a"},
		{"GET /echo/1 HTTP/1.0\r\n\r\n", 200, "Connection: close"},
		{"POST /small HTTP/1.1\r\n" CLOSE "Content-Length: 11\r\n\r\n12345678901", 413, ""},
		{"POST /small HTTP/1.1\r\n" CLOSE
		 "Transfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n",
			413, ""},
		{"POST /small HTTP/1.1\r\n" CLOSE "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
			200, "body=[abc]"},
		{"POST /small HTTP/1.1\r\n" CLOSE "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400,
			"not well formed"},
		{"POST /small HTTP/1.1\r\n" CLOSE "Content-Encoding: br\r\nContent-Length: 1\r\n\r\nx", 415,
			"gzip, deflate, zstd"},
		{"POST /small HTTP/1.1\r\n" CLOSE "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", 400,
			""},
		{"POST /closed HTTP/1.1\r\n" CLOSE "Content-Length: 3\r\n\r\nabc", 401, "who are you?"},
		{"POST /closed HTTP/1.1\r\n" CLOSE "Authorization: x\r\nContent-Length: 3\r\n\r\nabc", 200,
			"[abc]"},
		{"GET /asset HTTP/1.1\r\n" CLOSE "\r\n", 200, "body{}"},
		{"GET /asset HTTP/1.1\r\n" CLOSE "Accept-Encoding: br, gzip\r\n\r\n", 200, "packed"},
		{"GET /asset HTTP/1.1\r\n" CLOSE "Accept-Encoding: gzip;q=0\r\n\r\n", 200, "body{}"},
		{"GET /asset HTTP/1.1\r\n" CLOSE "If-None-Match: \"x\", W/\"v1\"\r\n\r\n", 304,
			"ETag: W/\"v1\""},
		{"PUT /guarded HTTP/1.1\r\n" CLOSE "\r\n", 204, ""},
		{"PUT /guarded HTTP/1.1\r\n" CLOSE "If-Match: \"v1\"\r\n\r\n", 204, ""},
		{"PUT /guarded HTTP/1.1\r\n" CLOSE "If-Match: \"v0\", W/\"v1\"\r\n\r\n", 204, ""},
		{"PUT /guarded HTTP/1.1\r\n" CLOSE "If-Match: *\r\n\r\n", 204, ""},
		{"PUT /guarded HTTP/1.1\r\n" CLOSE "If-Match: \"v2\"\r\n\r\n", 412, ""},
		{"PUT /guarded HTTP/1.1\r\n" CLOSE "If-Match: v1\r\n\r\n", 412, ""},
		{"PUT /guarded HTTP/1.1\r\n" CLOSE "If-Match:\r\n\r\n", 412, ""},
		{"GET /pages/any HTTP/1.1\r\n" CLOSE "\r\n", 200, "body{}"},
		{"POST /pages/any HTTP/1.1\r\n" CLOSE "\r\n", 404, "nothing at this path"},
		{"OPTIONS /pages/any HTTP/1.1\r\n" CLOSE "\r\n", 204, "Allow: GET, HEAD, OPTIONS\r\n"},
		{"GET /smuggle?q=a%0d%0aSet-Cookie:%20x=1 HTTP/1.1\r\n" CLOSE "\r\n", 500, ""},
		{"POST /later HTTP/1.1\r\n" CLOSE "Content-Length: 2\r\n\r\nhi", 200, "later hi"},
		{"GET / HTTP/1.1\nHost: a\n\n", 400, "without CR"},
		{"garbage\r\n\r\n", 400, ""},
		{"POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: "
		 "chunked\r\n\r\n0\r\n\r\nGET /echo/1 "
		 "HTTP/1.1\r\nHost: a\r\n\r\n",
			400, ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct answer *a = ask(cases[i].text);
		if (a->status != cases[i].status || !strstr(a->bytes, cases[i].has))
			fail_msg("%s\n-- gave --\n%s", cases[i].text, a->bytes);
		assert_int_equal(occurrences(a->bytes, "HTTP/1.1 "), 1);
		assert_null(strstr(a->bytes, "Set-Cookie"));
	}
	struct answer *a = ask("HEAD /echo/1 HTTP/1.1\r\n" CLOSE "\r\n");
	assert_int_equal(a->status, 200);
	assert_string_equal(strstr(a->bytes, "\r\n\r\n"), "\r\n\r\n");
	assert_null(strstr(a->bytes, "Content-Length: 0\r\n"));
	struct http_stats st;
	http_stats(world.s, &st);
	uint64_t n = 0;
	for (int i = 0; i < 6; i++)
		n += st.all.requests[i];
	assert_int_equal(n, sizeof(cases) / sizeof(cases[0]) + 1);
	assert_int_equal(n, atomic_load(&world.logged));
	struct http_route_stats rs;
	http_route_stats(world.s, 4, &rs);
	assert_int_equal(rs.requests[2], 1);
	close_world();
}

// What the packed body of an answer unpacks to; its length.
static size_t unpacked(const struct answer *a, bool zstd, char *out, size_t room)
{
	const char *body = strstr(a->bytes, "\r\n\r\n") + 4;
	size_t packed = a->len - (size_t)(body - a->bytes);
	if (zstd) {
		size_t n = ZSTD_decompress(out, room, body, packed);
		assert_false(ZSTD_isError(n));
		return n;
	}
	z_stream z = {.next_in = (Bytef *)(uintptr_t)body,
		.avail_in = (uInt)packed,
		.next_out = (Bytef *)out,
		.avail_out = (uInt)room};
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.avail_in, 0);
	inflateEnd(&z);
	return z.total_out;
}

static void test_packed(void **state)
{
	(void)state;
	open_with((struct http_options){0});
	enum { LONG = 100000 };
	static char text[LONG + 1];
	static const struct {
		const char *takes, *coding; // coding: of the answer, NULL: none
	} cases[] = {{"gzip", "gzip"}, {"gzip, deflate, br, zstd", "zstd"}, {"zstd;q=0, gzip;q=0.5", "gzip"},
		{"br", NULL}, {"identity", NULL}, {"*;q=0", NULL}, {"gzip;q=0", NULL}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char asked[256], told[64];
		snprintf(asked, sizeof(asked),
			"GET /letters?n=%d HTTP/1.1\r\n" CLOSE "Accept-Encoding: %s\r\n\r\n", LONG,
			cases[i].takes);
		struct answer *a = ask(asked);
		assert_int_equal(a->status, 200);
		assert_non_null(strstr(a->bytes, "Vary: Accept-Encoding\r\n"));
		if (!cases[i].coding) {
			assert_null(strstr(a->bytes, "Content-Encoding"));
			assert_non_null(strstr(a->bytes, "Content-Length: 100000\r\n"));
			continue;
		}
		snprintf(told, sizeof(told), "Content-Encoding: %s\r\n", cases[i].coding);
		assert_non_null(strstr(a->bytes, told));
		assert_true(a->len < LONG / 10);
		assert_int_equal(unpacked(a, strcmp(cases[i].coding, "zstd") == 0, text, sizeof(text)), LONG);
		for (size_t k = 0; k < LONG; k++)
			assert_int_equal(text[k], "delivery "[k % 9]);
	}
	// What is short, or does not get shorter, goes as it is.
	const char *as_it_is[] = {"n=1024", "n=40000&noise=1"};
	for (size_t i = 0; i < 2; i++) {
		char asked[256];
		snprintf(asked, sizeof(asked),
			"GET /letters?%s HTTP/1.1\r\n" CLOSE "Accept-Encoding: gzip, zstd\r\n\r\n",
			as_it_is[i]);
		struct answer *a = ask(asked);
		assert_int_equal(a->status, 200);
		assert_null(strstr(a->bytes, "Content-Encoding"));
	}
	close_world();
}

static void test_pipelines(void **state)
{
	(void)state;
	open_with((struct http_options){0});
	int fd = dial();
	static char text[100000];
	size_t n = 0;
	for (int i = 0; i < 300; i++) // answers of both kinds must come in order
		n += (size_t)snprintf(text + n, sizeof(text) - n,
			"POST /%s HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n<%03d>",
			i % 3 ? "echo/x" : "later", i);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "GET /echo/last HTTP/1.1\r\n" CLOSE "\r\n");
	say(fd, text, n);
	struct answer *a = hear(fd, NULL);
	assert_int_equal(occurrences(a->bytes, "HTTP/1.1 200"), 301);
	const char *at = a->bytes;
	for (int i = 0; i < 300; i++) {
		char mark[8];
		snprintf(mark, sizeof(mark), "<%03d>", i);
		assert_non_null(at = strstr(at, mark));
	}
	close(fd);
	// byte by byte, and a peer that shuts its side
	fd = dial();
	const char *slow = "POST /echo/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
	for (const char *p = slow; *p; p++)
		say(fd, p, 1);
	shutdown(fd, SHUT_WR);
	a = hear(fd, NULL);
	assert_non_null(strstr(a->bytes, "[abc]"));
	close(fd);
	// 100-continue
	fd = dial();
	say_text(fd, "POST /echo/1 HTTP/1.1\r\n" CLOSE "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	hear(fd, "100 Continue\r\n\r\n");
	say_text(fd, "xyz");
	hear(fd, "[xyz]");
	close(fd);
	close_world();
}

static void test_bodies(void **state)
{
	(void)state;
	open_with((struct http_options){.unpacked_bytes = 1 << 20});
	size_t n = (size_t)3 << 20;
	char *big = mem_alloc(n), head[256];
	memset(big, 'x', n);
	int fd = dial();
	say(fd, head,
		(size_t)snprintf(
			head, sizeof(head), "POST /big HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", n));
	say(fd, big, n);
	char wanted[64];
	snprintf(wanted, sizeof(wanted), "Content-Length: ");
	assert_int_equal(hear(fd, wanted)->status, 200);
	close(fd);
	// a bomb: 64 MiB of zeros in 64 kB
	static uint8_t packed[1 << 17];
	static uint8_t zeros[1 << 20];
	z_stream z = {0};
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_out = packed;
	z.avail_out = sizeof(packed);
	for (int i = 0; i < 64; i++) {
		z.next_in = zeros;
		z.avail_in = sizeof(zeros);
		deflate(&z, i == 63 ? Z_FINISH : Z_NO_FLUSH);
	}
	fd = dial();
	say(fd, head,
		(size_t)snprintf(head, sizeof(head),
			"POST /echo/1 HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: "
			"%zu\r\n\r\n",
			(size_t)z.total_out));
	say(fd, (const char *)packed, z.total_out);
	assert_int_equal(hear(fd, "unpacked")->status, 413);
	say_text(fd, "GET /echo/2 HTTP/1.1\r\n" CLOSE "\r\n"); // the connection is still good
	hear(fd, "id=2");
	close(fd);
	deflateEnd(&z);
	// announced too large: the answer comes though the body is still being sent
	fd = dial();
	say_text(fd, "POST /small HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
	say(fd, big, 200000);
	assert_int_equal(hear(fd, NULL)->status, 413);
	close(fd);
	// the head
	fd = dial();
	say_text(fd, "GET /echo/1 HTTP/1.1\r\nHost: a\r\nX: ");
	say(fd, big, 40000);
	assert_int_equal(hear(fd, NULL)->status, 431);
	close(fd);
	fd = dial();
	say_text(fd, "GET /");
	say(fd, big, 40000);
	assert_int_equal(hear(fd, NULL)->status, 414);
	close(fd);
	mem_free(big);
	close_world();
}

static void wait_for(atomic_int *what, int n)
{
	for (int i = 0; i < 20000 && atomic_load(what) < n; i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	assert_true(atomic_load(what) >= n);
}

// A body that goes elsewhere: all of it and nothing but it, whatever the pieces; over is told once, whatever the end.
static void test_diverted(void **state)
{
	(void)state;
	enum { N = 40 << 20 };
	open_with((struct http_options){.bodies_bytes = 1 << 20});
	atomic_store(&swallows_over, 0);
	assert_non_null(strstr(ask("POST /swallow HTTP/1.1\r\n" CLOSE "Content-Length: 3\r\n\r\nabc")->bytes,
		"swallowed 3, 294, 0"));
	assert_non_null(strstr(ask("POST /swallow HTTP/1.1\r\n" CLOSE "Transfer-Encoding: chunked\r\n\r\n"
				   "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
				       ->bytes,
		"swallowed 3, 294, 0"));
	assert_non_null(strstr(ask("POST /swallow HTTP/1.1\r\n" CLOSE "Content-Length: 0\r\n\r\n")->bytes,
		"swallowed 0, 0, 0"));
	// The request behind it on the same connection is not swallowed with it.
	struct answer *a = ask("POST /swallow HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
			       "GET /echo/7 HTTP/1.1\r\n" CLOSE "\r\n");
	assert_non_null(strstr(a->bytes, "swallowed 3, 294, 0"));
	assert_non_null(strstr(a->bytes, "id=7"));
	assert_int_equal(ask("POST /swallow HTTP/1.1\r\n" CLOSE "Content-Length: 3\r\n\r\nab!")->status, 507);
	assert_int_equal(
		ask("POST /swallow HTTP/1.1\r\n" CLOSE "Content-Length: 104857601\r\n\r\n")->status, 413);
	assert_int_equal(
		ask("POST /swallow HTTP/1.1\r\n" CLOSE "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc")
			->status,
		415);
	assert_int_equal(atomic_load(&swallows_over), 7);
	// More than all bodies may hold in memory.
	char *big = mem_alloc(N), head[200], wanted[100];
	memset(big, 'a', N);
	int fd = dial();
	snprintf(head, sizeof(head), "POST /swallow HTTP/1.1\r\n" CLOSE "Content-Length: %d\r\n\r\n", N);
	say_text(fd, head);
	say(fd, big, N);
	snprintf(wanted, sizeof(wanted), "swallowed %d, %lld, 0", N, 97LL * N);
	hear(fd, wanted);
	close(fd);
	fd = dial(); // broken off
	say_text(fd, head);
	say(fd, big, N / 2);
	close(fd);
	mem_free(big);
	wait_for(&swallows_over, 9);
	close_world();
	assert_int_equal(atomic_load(&swallows_over), 9);
}

static void test_slow(void **state)
{
	(void)state;
	open_with((struct http_options){
		.header_ms = 200, .body_ms = 200, .idle_ms = 200, .write_ms = 300, .rate_bytes = 1000000});
	static const char *const starts[] = {
		"GET / HTTP/1.1\r\nX: ", "POST /echo/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n",
		"POST /echo/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n"};
	for (size_t i = 0; i < 3; i++) { // bytes drip in, the deadline stands
		int fd = dial();
		say_text(fd, starts[i]);
		struct pollfd p = {.fd = fd, .events = POLLIN};
		for (int k = 0; k < 1000 && poll(&p, 1, 20) == 0; k++)
			say(fd, "x", 1);
		assert_int_equal(hear(fd, NULL)->status, 408);
		close(fd);
	}
	int fd = dial(); // silent: closed without a word
	assert_int_equal(hear(fd, NULL)->len, 0);
	close(fd);
	fd = dial(); // idle after an answer
	say_text(fd, "GET /echo/1 HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(hear(fd, NULL)->ended);
	close(fd);
	struct http_stats st;
	http_stats(world.s, &st);
	assert_int_equal(st.timed_out, 3);
	close_world();
}

static struct http_stream *stream_now(void)
{
	for (;;) {
		pthread_mutex_lock(&world.lock);
		struct http_stream *s = world.stream;
		pthread_mutex_unlock(&world.lock);
		if (s)
			return s;
	}
}

static void stream_end(struct http_stream *s)
{
	pthread_mutex_lock(&world.lock);
	world.stream = NULL;
	pthread_mutex_unlock(&world.lock);
	http_stream_end(s);
}

// Ends the stream as soon as nobody listens any more.
static void *stream_over(void *stream)
{
	while (http_stream_write(stream, SV("")) == RC_OK)
		nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
	stream_end(stream);
	return NULL;
}

// Until the server has taken n connections since it was opened: one that still waits to be accepted is not its own yet.
static void wait_accepted(uint64_t n)
{
	struct http_stats st;
	do {
		nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
		http_stats(world.s, &st);
	} while (st.accepted < n);
}

static void test_streams(void **state)
{
	(void)state;
	open_with((struct http_options){.stream_bytes = 100000});
	int fd = dial();
	say_text(fd, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
	struct http_stream *s = stream_now();
	assert_int_equal(http_stream_write(s, SV("data: 1\n\n")), RC_OK);
	hear(fd, "9\r\ndata: 1\n\n\r\n");
	assert_int_equal(http_stream_write(s, SV("")), RC_OK); // nothing: no chunk, which would end the answer
	stream_end(s);
	hear(fd, "0\r\n\r\n");
	say_text(fd, "GET /echo/1 HTTP/1.1\r\nHost: a\r\n\r\n"); // the connection goes on
	hear(fd, "id=1");
	// a reader that does not read is cut off
	say_text(fd, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
	s = stream_now();
	static char lot[5000];
	memset(lot, 'y', sizeof(lot));
	enum rc rc = RC_OK;
	for (int i = 0; i < 1000000 && rc == RC_OK; i++)
		rc = http_stream_write(s, (struct sv){lot, sizeof(lot)});
	assert_int_equal(rc, RC_LIMIT);
	assert_int_equal(http_stream_write(s, SV("")), RC_LIMIT);
	stream_end(s);
	struct http_stats st;
	do
		http_stats(world.s, &st);
	while (st.cut_off == 0);
	close(fd);
	// one that goes away is noticed
	fd = dial();
	say_text(fd, "GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
	s = stream_now();
	close(fd);
	stream_over(s);
	// HEAD, HTTP/1.0 and quiescing
	fd = dial();
	say_text(fd, "HEAD /events HTTP/1.1\r\nHost: a\r\n\r\n");
	hear(fd, "\r\n\r\n");
	stream_over(stream_now());
	close(fd);
	fd = dial();
	say_text(fd, "GET /events HTTP/1.0\r\n\r\n");
	s = stream_now();
	assert_int_equal(http_stream_write(s, SV("plain")), RC_OK);
	hear(fd, "\r\n\r\nplain");
	int idle = dial();
	wait_accepted(5); // or the server leaves it to the next one, unanswered
	pthread_t writer;
	assert_int_equal(pthread_create(&writer, NULL, stream_over, s), 0);
	assert_true(http_quiesce(world.s, 20000));
	pthread_join(writer, NULL);
	assert_true(hear(idle, NULL)->ended);
	close(idle);
	close(fd);
	do
		http_stats(world.s, &st);
	while (st.streams || st.waiting); // counted after the connections are gone
	assert_int_equal(st.cut_off, 1);
	close_world();
}

static void test_limits(void **state)
{
	(void)state;
	static const char *const proxies[] = {"10.0.0.0/8"};
	open_with((struct http_options){
		.connections_per_address = 5, .trusted_proxies = proxies, .n_trusted_proxies = 1});
	int fds[5];
	for (int i = 0; i < 5; i++) {
		fds[i] = dial();
		say_text(fds[i], "GET /echo/1 HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: "
				 "1.2.3.4\r\nX-Forwarded-Proto: https\r\n\r\n");
		hear(fds[i], "peer=127.0.0.1 tls=0"); // not from a trusted proxy
	}
	int fd = dial();
	assert_int_equal(hear(fd, "\"status\":503")->status, 503);
	close(fd);
	close(fds[0]);
	for (int i = 0; i < 1000; i++) { // a place is free once the server saw it go
		fd = dial();
		say_text(fd, "GET /echo/1 HTTP/1.1\r\n" CLOSE "\r\n");
		int status = hear(fd, NULL)->status;
		close(fd);
		if (status == 200)
			break;
		assert_true(status == 503 || status == 0);
		assert_true(i < 999);
	}
	for (int i = 1; i < 5; i++)
		close(fds[i]);
	close_world();
	static const char *const here[] = {"127.0.0.0/8"};
	open_with((struct http_options){
		.connections_per_address = 1, .trusted_proxies = here, .n_trusted_proxies = 1});
	for (int i = 0; i < 3; i++) {
		fds[i] = dial();
		say_text(fds[i], "GET /echo/1 HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6, 1.2.3.4\r\n"
				 "X-Forwarded-Proto: https\r\n\r\n");
		hear(fds[i], "peer=1.2.3.4 tls=1");
	}
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	// In any order; and the last of several was written by the proxy.
	int more = dial();
	say_text(more, "GET /echo/1 HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n"
		       "X-Forwarded-For: 1.2.3.4\r\n\r\n");
	hear(more, "peer=1.2.3.4 tls=1");
	say_text(more, "GET /echo/1 HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n"
		       "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: http\r\n\r\n");
	hear(more, "peer=1.2.3.4 tls=0");
	close(more);
	close_world();
}

// Many answered at once by another thread, over connections of several loops.
static void test_held(void **state)
{
	(void)state;
	enum { N = 20 };
	int fds[N];
	struct http_exchange *held[N];
	atomic_store(&world.turned, 0);
	open_with((struct http_options){0});
	queue_close(world.later);
	thread_join(&world.worker);
	queue_free(&world.later);
	world.later = queue_new(N);
	for (int i = 0; i < N; i++) {
		fds[i] = dial();
		say_text(fds[i], "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nz");
	}
	for (int i = 0; i < N; i++)
		held[i] = queue_pop(world.later);
	answer_held(held, N);
	for (int i = 0; i < N; i++) {
		hear(fds[i], "held z");
		close(fds[i]);
	}
	assert_true(atomic_load(&world.turned) > 0);
	world.worker = thread_start(work, NULL);
	close_world();
}

// Deferred answers whose askers are gone, and an inherited socket.
static void test_gone(void **state)
{
	(void)state;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in any = {.sin_family = AF_INET};
	any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(fd, 1000), 0); // a full one costs a second and more
	const struct http_address address = {.fd = fd};
	open_with((struct http_options){.addresses = &address, .n_addresses = 1});
	for (int i = 0; i < 200; i++) {
		int c = dial();
		say_text(c, "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx");
		if (i % 2) {
			struct linger now = {1, 0};
			setsockopt(c, SOL_SOCKET, SO_LINGER, &now, sizeof(now)); // a reset
		}
		close(c);
	}
	assert_int_equal(ask("POST /later HTTP/1.1\r\n" CLOSE "Content-Length: 1\r\n\r\ny")->status, 200);
	assert_true(http_quiesce(world.s, 20000));
	struct http_stats st;
	http_stats(world.s, &st);
	assert_int_equal(st.bodies_bytes, 0);
	close_world();
	struct err e = ERR_NONE;
	const struct http_address wrong = {.address = "nowhere"};
	const struct http_options o = {.addresses = &wrong, .n_addresses = 1};
	struct http_server *s;
	assert_int_equal(http_open(&o, &s, &e), RC_USAGE);
	assert_null(s);
}

// What is still being received when waiting is over gets an answer, but reaches no handler: what they need may be gone.
static void test_cut(void **state)
{
	(void)state;
	open_with((struct http_options){0});
	int fd = dial();
	say_text(fd, "POST /echo/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
	say_text(fd, "d");
	struct http_stats st;
	do
		http_stats(world.s, &st);
	while (st.bytes_in == 0);
	assert_false(http_quiesce(world.s, 1));
	say_text(fd, "ef");
	assert_int_equal(hear(fd, NULL)->status, 503);
	close(fd);
	assert_true(http_quiesce(world.s, 20000));
	close_world();
}

// A connection that was accepted just before the server quiesces is not closed under its first request.
static void test_fresh(void **state)
{
	(void)state;
	open_with((struct http_options){.fresh_ms = 60000});
	int fresh = dial(), used = dial();
	say_text(used, "GET /asset HTTP/1.1\r\nHost: a\r\n\r\n");
	hear(used, "\r\n\r\n");
	wait_accepted(2);
	assert_false(http_quiesce(world.s, 1));
	assert_true(hear(used, NULL)->ended);
	say_text(fresh, "GET /asset HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(hear(fresh, NULL)->status, 503); // not in time for a handler, but answered
	close(used);
	close(fresh);
	assert_true(http_quiesce(world.s, 20000));
	close_world();
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers), cmocka_unit_test(test_packed),
		cmocka_unit_test(test_pipelines), cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_diverted), cmocka_unit_test(test_slow), cmocka_unit_test(test_streams),
		cmocka_unit_test(test_limits), cmocka_unit_test(test_cut), cmocka_unit_test(test_fresh),
		cmocka_unit_test(test_held), cmocka_unit_test(test_gone)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
