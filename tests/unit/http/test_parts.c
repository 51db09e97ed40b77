// SPDX-License-Identifier: Apache-2.0
// The parts that read untrusted text, without a socket: heads, chunks, routes, addresses, cookies, packed bodies.
#include "web.h"

#include "http/internal.h"

#include <zlib.h>
#include <zstd.h>

static unsigned parse(const char *text, struct request *r)
{
	static struct http_field fields[HTTP_HEADERS_MAX];
	const char *why;
	struct sv bytes = sv_from(text);
	size_t scan = 0;
	int64_t n = head_find(bytes, &scan);
	if (n < 0)
		return 400;
	assert_true(n > 0);
	return request_parse((struct sv){text, (size_t)n}, 1000, fields, r, &why);
}

static void test_heads(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		unsigned status;
	} cases[] = {
		{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
		{"GET /a%20b?x=%41 HTTP/1.1\r\nhOsT: a\r\n\r\n", 0},
		{"GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n", 0},
		{"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 0},
		{"GET / HTTP/1.0\r\n\r\n", 0},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 0},
		{"GET / HTTP/1.1\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
		{"GET / HTTP/1.1\nHost: a\n\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nX: b\x01\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n", 400},
		{"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET /\r\nHost: a\r\n\r\n", 400},
		{"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
		{"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET /?a=%0 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
		{"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0b"
		 "chunked\r\n\r\n",
			400},
		{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
		 "chunked\r\n\r\n",
			400},
		{"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: a\r\nExpect: cake\r\n\r\n", 417},
	};
	struct request r;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (parse(cases[i].text, &r) != cases[i].status)
			fail_msg("%s: %u is expected", cases[i].text, cases[i].status);
	assert_int_equal(parse("POST /a/b?c=d HTTP/1.1\r\nHost: h\r\nContent-Length:  12 \r\nConnection: x, "
			       "Close\r\n\r\n",
				 &r),
		0);
	assert_true(sv_equal(r.path, SV("/a/b")) && sv_equal(r.query, SV("c=d")) && sv_equal(r.host, SV("h")));
	assert_true(r.length == 12 && !r.keep_alive && r.n_fields == 3 && r.method == HTTP_POST);
	assert_int_equal(parse("GET https://h/x?y HTTP/1.1\r\nHost: h\r\n\r\n", &r), 0);
	assert_true(sv_equal(r.path, SV("/x")) && sv_equal(r.query, SV("y")));
}

// Chunks, cut at every place: the outcome must not depend on how bytes arrive.
static void chunks_all(const char *text, const char *body, bool ok)
{
	size_t n = strlen(text);
	for (size_t cut = 0; cut <= n; cut++) {
		struct chunks c = {0};
		char got[256];
		size_t len = 0;
		bool fine = true, done = false;
		for (int half = 0; half < 2 && fine && !done; half++) {
			struct sv in = half ? (struct sv){text + cut, n - cut} : (struct sv){text, cut}, data;
			size_t used = 0;
			while (fine && !done && used < in.len) {
				fine = chunks_next(&c, in, &used, &data, &done);
				if (fine && data.len) {
					memcpy(got + len, data.ptr, data.len);
					len += data.len;
				}
			}
		}
		assert_int_equal(fine && done, ok);
		if (ok) {
			assert_int_equal(len, strlen(body));
			assert_memory_equal(got, body, len);
		}
	}
}

static void test_chunks(void **state)
{
	(void)state;
	chunks_all("3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n", "abc0123456789", true);
	chunks_all("0\r\nTrailer: x\r\n\r\n", "", true);
	chunks_all("3\nabc\r\n0\r\n\r\n", "", false);
	chunks_all("3\r\nabcd\r\n0\r\n\r\n", "", false);
	chunks_all("\r\n", "", false);
	chunks_all("-1\r\n", "", false);
	chunks_all("0x3\r\nabc\r\n0\r\n\r\n", "", false);
	chunks_all("ffffffffffffffff\r\n", "", false);
	chunks_all("3\r\nabc\n0\r\n\r\n", "", false);
}

static void nothing(struct http_exchange *x, void *context)
{
	(void)context;
	http_reply(x);
}

static void test_routes(void **state)
{
	(void)state;
	const struct http_route routes[] = {{HTTP_GET, "/", 0, nothing, NULL},
		{HTTP_GET, "/a", 0, nothing, NULL}, {HTTP_POST, "/a", 0, nothing, NULL},
		{HTTP_GET, "/a/{id}", 0, nothing, NULL}, {HTTP_GET, "/a/me", 0, nothing, NULL},
		{HTTP_DELETE, "/a/{key}/b/{other}", 0, nothing, NULL},
		{HTTP_GET, "/assets/*", 0, nothing, NULL}, {HTTP_GET, "/a/me/x", 0, nothing, NULL}};
	static const struct {
		enum http_method method;
		const char *path;
		int route;
		const char *name, *value;
		bool bad;
	} cases[] = {{HTTP_GET, "/", 0, NULL, NULL, false}, {HTTP_GET, "/a", 1, NULL, NULL, false},
		{HTTP_HEAD, "/a", 1, NULL, NULL, false}, {HTTP_POST, "/a", 2, NULL, NULL, false},
		{HTTP_GET, "/a/b%2Fc%20d", 3, "id", "b/c d", false}, {HTTP_GET, "/a/me", 4, NULL, NULL, false},
		{HTTP_DELETE, "/a/me/b/7", 5, "key", "me", false},
		{HTTP_DELETE, "/a/x/b/7", 5, "other", "7", false},
		{HTTP_GET, "/assets/x/y%20z.js", 6, "*", "x/y z.js", false},
		{HTTP_GET, "/assets/", 6, "*", "", false}, {HTTP_GET, "/assets", 6, "*", "", false},
		{HTTP_GET, "/a/", ROUTE_NONE, NULL, NULL, false},
		{HTTP_PUT, "/a", ROUTE_NONE, NULL, NULL, false},
		{HTTP_GET, "/none", ROUTE_NONE, NULL, NULL, false},
		{HTTP_GET, "/assets/../x", 0, NULL, NULL, true},
		{HTTP_GET, "/assets/..%2fx", 0, NULL, NULL, true},
		{HTTP_GET, "/assets/%2e%2e/x", 0, NULL, NULL, true}, {HTTP_GET, "/a/%0a", 0, NULL, NULL, true},
		{HTTP_GET, "/a/%ff", 0, NULL, NULL, true}};
	struct router *r;
	struct err e = ERR_NONE;
	struct arena *a = arena_new(0);
	assert_int_equal(router_new(routes, sizeof(routes) / sizeof(routes[0]), &r, &e), RC_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct route_match m;
		bool ok = router_find(r, cases[i].method, sv_from(cases[i].path), a, &m);
		if (ok == cases[i].bad || (ok && m.route != cases[i].route))
			fail_msg("%s: route %d", cases[i].path, m.route);
		bool found = cases[i].name == NULL;
		for (uint32_t k = 0; ok && k < m.n_params && cases[i].name; k++)
			found |= sv_equal(m.params[k].name, sv_from(cases[i].name)) &&
				 sv_equal(m.params[k].value, sv_from(cases[i].value));
		if (!found)
			fail_msg("%s: no %s", cases[i].path, cases[i].name);
	}
	router_free(&r);
	const struct http_route wrong[] = {{HTTP_GET, "a", 0, nothing, NULL},
		{HTTP_GET, "/*/b", 0, nothing, NULL}, {HTTP_GET, "/{}", 0, nothing, NULL},
		{HTTP_GET, "/a{b}", 0, nothing, NULL}};
	for (size_t i = 0; i < 4; i++) {
		e = ERR_NONE;
		assert_int_equal(router_new(&wrong[i], 1, &r, &e), RC_USAGE);
	}
	const struct http_route twice[] = {
		{HTTP_GET, "/{a}", 0, nothing, NULL}, {HTTP_GET, "/{b}", 0, nothing, NULL}};
	e = ERR_NONE;
	assert_int_equal(router_new(twice, 2, &r, &e), RC_USAGE);
	arena_free(&a);
}

static void test_addresses(void **state)
{
	(void)state;
	struct range trusted[2];
	assert_true(range_read(SV("10.0.0.0/8"), &trusted[0]) && range_read(SV("2001:db8::/33"), &trusted[1]));
	assert_false(range_read(SV("10.0.0.0/33"), &trusted[0]) || range_read(SV("ten"), &trusted[0]));
	static const struct {
		const char *peer, *list, *wanted;
	} cases[] = {{"10.1.1.1", "1.2.3.4", "1.2.3.4"}, {"9.1.1.1", "1.2.3.4", "9.1.1.1"},
		{"10.1.1.1", "6.6.6.6, 1.2.3.4, 10.2.2.2", "1.2.3.4"}, {"10.1.1.1", "x, 10.9.9.9", "10.9.9.9"},
		{"10.1.1.1", "", "10.1.1.1"}, {"2001:db8:7fff::1", "[2a00::1]:443", "2a00::1"},
		{"2001:db8:8000::1", "1.1.1.1", "2001:db8:8000::1"}, {"10.1.1.1", "1.2.3.4:5678", "1.2.3.4"},
		{"10.1.1.1", "unknown", "10.1.1.1"}, {"10.1.1.1", "10.2.2.2,10.3.3.3", "10.2.2.2"}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct address peer;
		char text[INET6_ADDRSTRLEN];
		assert_true(address_read(sv_from(cases[i].peer), &peer));
		peer = forwarded_for(sv_from(cases[i].list), trusted, 2, peer);
		address_text(&peer, text);
		assert_string_equal(text, cases[i].wanted);
	}
	struct census *c = peers_new(2);
	struct address a[1000];
	for (uint32_t i = 0; i < 1000; i++) {
		a[i] = (struct address){.known = true};
		memcpy(a[i].bytes, (uint8_t[8]){0x20, 1, 0, 0, (uint8_t)(i >> 8), (uint8_t)i}, 8);
		assert_true(peers_enter(c, &a[i]));
		a[i].bytes[15] = 9; // the same /64
		assert_true(peers_enter(c, &a[i]));
		assert_false(peers_enter(c, &a[i]));
	}
	for (uint32_t i = 0; i < 1000; i += 2)
		peers_leave(c, &a[i]);
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(peers_enter(c, &a[i]), i % 2 == 0);
		peers_leave(c, &a[i]);
	}
	peers_free(&c);
	assert_true(sv_equal(cookie_find(SV("a=1; bc=\"2\";  c=3=4"), SV("bc")), SV("2")));
	assert_true(sv_equal(cookie_find(SV("a=1; bc=2; c=3=4"), SV("c")), SV("3=4")));
	assert_null(cookie_find(SV("abc=1; d"), SV("d")).ptr);
}

static void test_unpack(void **state)
{
	(void)state;
	static uint8_t plain[100000], packed[110000];
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)("abcdefgh"[i * i / 7 % 8]);
	static const int windows[] = {31, 15, -15};
	struct unpacker *u = unpacker_new();
	struct buf out = buf_new(sizeof(plain));
	for (int how = 0; how < 4; how++) {
		size_t n;
		if (how < 3) {
			z_stream z = {0};
			assert_int_equal(
				deflateInit2(&z, 6, Z_DEFLATED, windows[how], 8, Z_DEFAULT_STRATEGY), Z_OK);
			z.next_in = plain, z.avail_in = sizeof(plain);
			z.next_out = packed, z.avail_out = sizeof(packed);
			assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
			n = z.total_out;
			deflateEnd(&z);
		} else {
			n = ZSTD_compress(packed, sizeof(packed), plain, sizeof(plain), 3);
		}
		enum packing p = how == 0 ? PACKING_ZLIB : how < 3 ? PACKING_DEFLATE : PACKING_ZSTD;
		struct sv in = {(const char *)packed, n};
		out.max = sizeof(plain); // exactly what it takes
		buf_clear(&out);
		assert_int_equal(unpack(u, p, in, &out), 0);
		assert_int_equal(out.len, sizeof(plain));
		assert_memory_equal(out.data, plain, sizeof(plain));
		out.max = sizeof(plain) - 1;
		buf_clear(&out);
		assert_int_equal(unpack(u, p, in, &out), 413);
		out.max = sizeof(plain);
		for (size_t cut = 1; cut < n; cut += 1 + n / 50) {
			buf_clear(&out);
			assert_int_equal(unpack(u, p, (struct sv){in.ptr, cut}, &out), 400);
		}
		buf_clear(&out);
		assert_int_equal(unpack(u, p, SV("this is not packed at all"), &out), 400);
	}
	buf_free(&out);
	unpacker_free(&u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_heads), cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_routes), cmocka_unit_test(test_addresses), cmocka_unit_test(test_unpack)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
