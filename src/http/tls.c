// SPDX-License-Identifier: Apache-2.0
// TLS by OpenSSL: 1.2 and newer, HTTP/1.1 by ALPN. A reload swaps the context; sessions under way keep the old one.
#include "base/mem.h"
#include "http/internal.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

struct tls {
	pthread_mutex_t lock; // around `context`
	SSL_CTX *context;
	const char *certificate, *key;
};

static int choose_protocol(SSL *s, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
	unsigned in_len, void *context)
{
	(void)s;
	(void)context;
	static const unsigned char ours[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
	unsigned char *found;
	if (SSL_select_next_proto(&found, out_len, ours, sizeof(ours), in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = found;
	return SSL_TLSEXT_ERR_OK;
}

static enum rc refuse(struct err *e, const char *what, const char *path)
{
	char text[160];
	ERR_error_string_n(ERR_peek_last_error(), text, sizeof(text));
	ERR_clear_error();
	enum rc rc = err_set(e, RC_INPUT, "%s %s cannot be used: %s", what, path, text);
	err_remedy(e, "give a certificate chain and its private key as PEM files that the server may read");
	return rc;
}

static enum rc context_new(const char *certificate, const char *key, SSL_CTX **out, struct err *e)
{
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());
	if (!c)
		return err_set(e, RC_NOMEM, "no memory for TLS");
	SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
	SSL_CTX_set_options(
		c, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(c,
		SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_alpn_select_cb(c, choose_protocol, NULL);
	enum rc rc = RC_OK;
	if (SSL_CTX_use_certificate_chain_file(c, certificate) != 1)
		rc = refuse(e, "certificate", certificate);
	else if (SSL_CTX_use_PrivateKey_file(c, key, SSL_FILETYPE_PEM) != 1 ||
		 SSL_CTX_check_private_key(c) != 1)
		rc = refuse(e, "key", key);
	if (rc) {
		SSL_CTX_free(c);
		return rc;
	}
	*out = c;
	return RC_OK;
}

enum rc tls_new(const char *certificate, const char *key, struct tls **out, struct err *e)
{
	struct tls *t = mem_calloc(1, sizeof(*t));
	if (!t)
		return err_set(e, RC_NOMEM, "no memory for TLS");
	t->certificate = certificate;
	t->key = key;
	enum rc rc = context_new(certificate, key, &t->context, e);
	if (rc) {
		mem_free(t);
		return rc;
	}
	pthread_mutex_init(&t->lock, NULL);
	*out = t;
	return RC_OK;
}

void tls_free(struct tls **t)
{
	if (!*t)
		return;
	SSL_CTX_free((*t)->context);
	pthread_mutex_destroy(&(*t)->lock);
	mem_free(*t);
	*t = NULL;
}

enum rc tls_reload(struct tls *t, struct err *e)
{
	SSL_CTX *fresh;
	enum rc rc = context_new(t->certificate, t->key, &fresh, e);
	if (rc)
		return rc;
	pthread_mutex_lock(&t->lock);
	SSL_CTX *old = t->context;
	t->context = fresh;
	pthread_mutex_unlock(&t->lock);
	SSL_CTX_free(old);
	return RC_OK;
}

struct ssl_st *tls_session(struct tls *t, int fd)
{
	pthread_mutex_lock(&t->lock);
	SSL *s = SSL_new(t->context);
	pthread_mutex_unlock(&t->lock);
	if (s && SSL_set_fd(s, fd) != 1) {
		SSL_free(s);
		s = NULL;
	}
	if (s)
		SSL_set_accept_state(s);
	return s;
}

void tls_session_free(struct ssl_st **s)
{
	SSL_free(*s);
	*s = NULL;
}

static int64_t outcome(SSL *s, int rc)
{
	if (rc > 0)
		return rc;
	switch (SSL_get_error(s, rc)) {
	case SSL_ERROR_WANT_READ:
		return WIRE_NEEDS_READ;
	case SSL_ERROR_WANT_WRITE:
		return WIRE_NEEDS_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return WIRE_END;
	default:
		SSL_set_quiet_shutdown(s, 1); // after a failure there is no goodbye
		return WIRE_FAILED;
	}
}

static int bounded(size_t n)
{
	return n > 1 << 30 ? 1 << 30 : (int)n;
}

int64_t tls_accept(struct ssl_st *s)
{
	ERR_clear_error();
	return outcome(s, SSL_accept(s));
}

int64_t tls_read(struct ssl_st *s, void *bytes, size_t n)
{
	ERR_clear_error();
	return outcome(s, SSL_read(s, bytes, bounded(n)));
}

int64_t tls_write(struct ssl_st *s, const void *bytes, size_t n)
{
	ERR_clear_error();
	return outcome(s, SSL_write(s, bytes, bounded(n)));
}

void tls_goodbye(struct ssl_st *s)
{
	ERR_clear_error();
	(void)SSL_shutdown(s);
	ERR_clear_error();
}
