// SPDX-License-Identifier: Apache-2.0
// TLS: requests, large bodies both ways, a plain client at a TLS port, and a reload under open connections.
#include "web.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdatomic.h>

static char folder[] = "/tmp/corridor-tls-XXXXXX", certificate[64], key[64];

static void certificate_write(long serial)
{
	EVP_PKEY *k = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	assert_non_null(k);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, k);
	X509_NAME_add_entry_by_txt(
		X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	assert_true(X509_sign(x, k, EVP_sha256()) > 0);
	FILE *f = fopen(certificate, "w");
	assert_non_null(f);
	PEM_write_X509(f, x);
	fclose(f);
	f = fopen(key, "w");
	assert_non_null(f);
	PEM_write_PrivateKey(f, k, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	X509_free(x);
	EVP_PKEY_free(k);
}

static void echo(struct http_exchange *x, void *context)
{
	(void)context;
	buf_printf(http_out(x), "tls=%d ", http_is_tls(x));
	buf_sv(http_out(x), http_body(x));
	http_reply(x);
}

static atomic_uint_fast64_t told; // bytes of bodies in the access log

static void note(const struct http_log_line *line, void *context)
{
	(void)context;
	atomic_fetch_add(&told, line->bytes_out);
}

static SSL *tls_dial(SSL_CTX *c, uint16_t port)
{
	SSL *s = SSL_new(c);
	assert_int_equal(SSL_set_fd(s, dial_port(port)), 1);
	assert_int_equal(SSL_connect(s), 1);
	return s;
}

static void tls_close(SSL *s)
{
	int fd = SSL_get_fd(s);
	SSL_free(s);
	close(fd);
}

static long serial_of(SSL *s)
{
	X509 *x = SSL_get1_peer_certificate(s);
	long n = ASN1_INTEGER_get(X509_get_serialNumber(x));
	X509_free(x);
	return n;
}

// A POST of n bytes, whose answer must have them all.
static void ask(SSL *s, size_t n)
{
	char head[128], *body = mem_alloc(n), *in = mem_alloc(n + 4096);
	for (size_t i = 0; i < n; i++)
		body[i] = (char)('a' + i % 26);
	int len = snprintf(
		head, sizeof(head), "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", n);
	assert_int_equal(SSL_write(s, head, len), len);
	for (size_t at = 0; at < n;) {
		int put = SSL_write(s, body + at, (int)(n - at));
		assert_true(put > 0);
		at += (size_t)put;
	}
	size_t got = 0, need = 0;
	const char *text = NULL;
	while (!need || got < need) {
		int more = SSL_read(s, in + got, (int)(n + 4095 - got));
		assert_true(more > 0);
		got += (size_t)more;
		in[got] = 0;
		if (!need && (text = strstr(in, "\r\n\r\n")))
			need = (size_t)(text - in) + 4 + 6 + n;
	}
	assert_int_equal(got, need);
	assert_memory_equal(text + 4, "tls=1 ", 6);
	assert_memory_equal(text + 10, body, n);
	mem_free(body);
	mem_free(in);
}

static void test_tls(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(certificate, sizeof(certificate), "%s/cert.pem", folder);
	snprintf(key, sizeof(key), "%s/key.pem", folder);
	certificate_write(1);
	const struct http_route routes[] = {{HTTP_POST, "/echo", 8 << 20, echo, NULL}};
	const struct http_address addresses[] = {
		{.address = "127.0.0.1:0", .tls = true}, {.address = "127.0.0.1:0"}};
	struct http_options o = {.addresses = addresses,
		.n_addresses = 2,
		.threads = 2,
		.routes = routes,
		.n_routes = 1,
		.log = note,
		.tls_certificate = certificate,
		.tls_key = key};
	struct http_server *server;
	struct err e = ERR_NONE;
	if (http_open(&o, &server, &e))
		fail_msg("%s", e.message);
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());
	SSL *first = tls_dial(c, http_port(server, 0));
	static const size_t sizes[] = {1, 0, 1000, 16384, 16385, 300000, 5 << 20, 3};
	uint64_t sent = 0;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		ask(first, sizes[i]);
		sent += 6 + sizes[i];
	}
	for (int i = 0; i < 1000 && atomic_load(&told) < sent; i++)
		usleep(1000); // the line comes after the answer
	assert_int_equal(atomic_load(&told), sent);
	assert_int_equal(serial_of(first), 1);
	int fd = dial_port(http_port(server, 0)); // plain at the TLS port
	say_text(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_true(hear(fd, NULL)->ended);
	close(fd);
	certificate_write(2);
	assert_int_equal(http_reload_tls(server, &e), RC_OK);
	SSL *second = tls_dial(c, http_port(server, 0));
	ask(second, 10);
	ask(first, 10);
	assert_int_equal(serial_of(second), 2);
	FILE *f = fopen(key, "w");
	fclose(f);
	assert_int_equal(http_reload_tls(server, &e), RC_INPUT); // the old ones stay
	SSL *third = tls_dial(c, http_port(server, 0));
	ask(third, 10);
	assert_int_equal(serial_of(third), 2);
	assert_true(http_quiesce(server, 20000));
	tls_close(first);
	tls_close(second);
	tls_close(third);
	SSL_CTX_free(c);
	http_close(&server);
	unlink(certificate);
	unlink(key);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_tls)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
