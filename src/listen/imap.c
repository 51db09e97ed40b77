// SPDX-License-Identifier: Apache-2.0
// Commands and answers of IMAP. An answer is a line, or a line that goes on after a literal: "{N}" at its end announces N
// bytes of anything. The answers to a command end with the line that begins with its tag.
#include "listen/imap.h"

#include "base/late.h"
#include "base/mem.h"

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>

enum {
	CONNECT_MS = 30000,
	SILENCE_MS = 60000,
	STOP_LOOK_MS = 200,
	RECEIVE_BYTES = 64 << 10,
	LINE_BYTES_MAX = 1 << 20
};

// What is used of libcurl.
struct curl_calls {
	__typeof__(curl_easy_init) *init;
	__typeof__(curl_easy_setopt) *setopt;
	__typeof__(curl_easy_perform) *perform;
	__typeof__(curl_easy_getinfo) *getinfo;
	__typeof__(curl_easy_send) *send;
	__typeof__(curl_easy_recv) *recv;
	__typeof__(curl_easy_cleanup) *cleanup;
	__typeof__(curl_easy_strerror) *error_text;
};

static const struct late_symbol symbols[] = {
	{"curl_easy_init", offsetof(struct curl_calls, init)},
	{"curl_easy_setopt", offsetof(struct curl_calls, setopt)},
	{"curl_easy_perform", offsetof(struct curl_calls, perform)},
	{"curl_easy_getinfo", offsetof(struct curl_calls, getinfo)},
	{"curl_easy_send", offsetof(struct curl_calls, send)},
	{"curl_easy_recv", offsetof(struct curl_calls, recv)},
	{"curl_easy_cleanup", offsetof(struct curl_calls, cleanup)},
	{"curl_easy_strerror", offsetof(struct curl_calls, error_text)},
};

struct imap {
	struct imap_options o;
	struct curl_calls curl_calls;
	CURL *curl;
	curl_socket_t socket;
	struct buf in; // received and not used up
	size_t at;     // of the answer that is next
	uint32_t tag;
	bool ended; // nothing more can be said
	char why[CURL_ERROR_SIZE];
};

// One answer: its text without literals, and the last literal.
struct answer {
	struct buf text;
	struct sv literal; // ptr NULL: none; valid until the next one
};

// --- bytes ---

static enum rc lost(struct imap *i, struct err *e)
{
	i->ended = true;
	return err_set(e, RC_IO, "the connection to %s was lost", i->o.url);
}

// Until the socket can be read or written.
static enum rc wait_for(struct imap *i, short events, struct err *e)
{
	struct pollfd p = {.fd = i->socket, .events = events};
	for (int waited = 0; waited < SILENCE_MS; waited += STOP_LOOK_MS) {
		if (i->o.stop && atomic_load(i->o.stop))
			return err_set(e, RC_CANCELLED, "the server is ending");
		int n = poll(&p, 1, STOP_LOOK_MS);
		if (n > 0)
			return RC_OK;
		if (n < 0 && errno != EINTR)
			return lost(i, e);
	}
	i->ended = true;
	return err_set(e, RC_IO, "%s has not answered for %d s", i->o.url, SILENCE_MS / 1000);
}

static enum rc receive(struct imap *i, struct err *e)
{
	for (;;) {
		size_t got = 0;
		uint8_t *to = buf_reserve(&i->in, RECEIVE_BYTES);
		if (!to)
			return buf_check(&i->in, e, "an answer of the mail server");
		CURLcode rc = i->curl_calls.recv(i->curl, to, RECEIVE_BYTES, &got);
		if (rc == CURLE_OK && got > 0) {
			i->in.len += got;
			return RC_OK;
		}
		if (rc != CURLE_AGAIN)
			return lost(i, e);
		enum rc waited = wait_for(i, POLLIN, e);
		if (waited != RC_OK)
			return waited;
	}
}

static enum rc say(struct imap *i, struct sv bytes, struct err *e)
{
	while (bytes.len > 0) {
		size_t put = 0;
		CURLcode rc = i->curl_calls.send(i->curl, bytes.ptr, bytes.len, &put);
		if (rc == CURLE_AGAIN) {
			enum rc waited = wait_for(i, POLLOUT, e);
			if (waited != RC_OK)
				return waited;
			continue;
		}
		if (rc != CURLE_OK)
			return lost(i, e);
		bytes.ptr += put;
		bytes.len -= put;
	}
	return RC_OK;
}

// --- answers ---

// Where the line that begins at `from` ends, behind CR LF; 0: it is not all there.
static size_t line_end(const struct imap *i, size_t from)
{
	const uint8_t *p = i->in.data + from, *end = i->in.data + i->in.len, *q;
	while (p < end && (q = memchr(p, '\n', (size_t)(end - p)))) {
		if (q > i->in.data + from && q[-1] == '\r')
			return (size_t)(q - i->in.data) + 1;
		p = q + 1;
	}
	return 0;
}

// N of a line that ends with {N}; -1: it does not.
static int64_t literal_of(struct sv line)
{
	int64_t n;
	size_t open = line.len;
	if (line.len < 3 || line.ptr[line.len - 1] != '}')
		return -1;
	while (open > 0 && line.ptr[open - 1] != '{')
		open--;
	if (open == 0 || !sv_to_i64((struct sv){line.ptr + open, line.len - open - 1}, &n) || n < 0)
		return -1;
	return n;
}

// The next whole answer. Literals are taken by their place, since the buffer moves while it grows.
static enum rc next_answer(struct imap *i, struct answer *a, struct err *e)
{
	size_t literal_at = 0, literal_len = 0;
	bool has_literal = false;
	if (i->at > 0) { // what was told is forgotten
		memmove(i->in.data, i->in.data + i->at, i->in.len - i->at);
		i->in.len -= i->at;
		i->at = 0;
	}
	buf_clear(&a->text);
	for (size_t from = 0;;) {
		size_t end;
		while ((end = i->in.len ? line_end(i, from) : 0) == 0) {
			if (i->in.len - from > LINE_BYTES_MAX)
				return err_set(e, RC_INPUT, "%s sends a line without an end", i->o.url);
			enum rc rc = receive(i, e);
			if (rc != RC_OK)
				return rc;
		}
		struct sv line = {(const char *)i->in.data + from, end - 2 - from};
		int64_t n = literal_of(line);
		buf_sv(&a->text, line);
		if (n < 0) {
			i->at = end;
			a->literal = has_literal
					     ? (struct sv){(const char *)i->in.data + literal_at, literal_len}
					     : SV_NONE;
			return buf_check(&a->text, e, "an answer of the mail server");
		}
		if ((uint64_t)n > i->o.message_bytes_max)
			return err_set(e, RC_LIMIT, "%s sends more than %zu bytes at once", i->o.url,
				i->o.message_bytes_max);
		while (i->in.len - end < (size_t)n) {
			enum rc rc = receive(i, e);
			if (rc != RC_OK)
				return rc;
		}
		has_literal = true;
		literal_at = end;
		literal_len = (size_t)n;
		from = end + (size_t)n;
	}
}

typedef enum rc answer_take(void *context, const struct answer *a, struct err *e);

// Sends a command and hands over its answers. RC_INPUT with the server's words when it refuses.
static enum rc command(struct imap *i, answer_take *take, void *context, struct err *e, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

static enum rc command(struct imap *i, answer_take *take, void *context, struct err *e, const char *format, ...)
{
	char text[2048], tag[16];
	struct answer a = {.text = buf_new(LINE_BYTES_MAX)};
	va_list args;
	if (i->ended)
		return err_set(e, RC_IO, "the connection to %s was lost", i->o.url);
	int n = snprintf(tag, sizeof(tag), "C%u ", ++i->tag);
	va_start(args, format);
	int m = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (m < 0 || (size_t)m + 3 > sizeof(text))
		return err_set(e, RC_INPUT, "the folder's name is too long");
	text[m] = '\r';
	text[m + 1] = '\n';
	enum rc rc = say(i, (struct sv){tag, (size_t)n}, e);
	if (rc == RC_OK)
		rc = say(i, (struct sv){text, (size_t)m + 2}, e);
	while (rc == RC_OK && (rc = next_answer(i, &a, e)) == RC_OK) {
		struct sv line = buf_view(&a.text);
		if (sv_starts(line, (struct sv){tag, (size_t)n})) {
			struct sv said = {line.ptr + n, line.len - (size_t)n};
			if (!sv_starts(said, SV("OK")))
				rc = err_set(e, RC_INPUT, "%s answers: %.*s", i->o.url, SV_ARG(said));
			break;
		}
		if (sv_starts(line, SV("* BYE"))) {
			i->ended = true;
			rc = err_set(e, RC_IO, "%s ends the connection: %.*s", i->o.url, SV_ARG(line));
		} else if (take) {
			rc = take(context, &a, e);
		}
	}
	if (rc != RC_OK && rc != RC_INPUT)
		i->ended = true; // what is still to come would be taken for the answer to the next command
	buf_free(&a.text);
	return rc;
}

// --- opening ---

static enum rc refusal(struct imap *i, CURLcode code, struct err *e)
{
	const char *why = i->why[0] ? i->why : i->curl_calls.error_text(code);
	if (code == CURLE_ABORTED_BY_CALLBACK) {
		err_set(e, RC_CANCELLED, "the server is ending");
	} else if (code == CURLE_LOGIN_DENIED) {
		err_set(e, RC_DENIED, "%s does not let %s in: %s", i->o.url, i->o.user, why);
		err_remedy(e, "correct user and password of the mailbox file");
	} else if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) {
		err_set(e, RC_IO, "the certificate of %s cannot be trusted: %s", i->o.url, why);
		err_remedy(e, "name the file of its authority in the mailbox file: certificate authority: …");
	} else if (code == CURLE_USE_SSL_FAILED) {
		err_set(e, RC_IO, "%s offers no TLS: %s", i->o.url, why);
		err_remedy(e, "use imaps://, or on the same machine tls: none");
	} else {
		err_set(e, RC_IO, "%s cannot be reached: %s", i->o.url, why);
		err_remedy(e, "it is tried again in a while");
	}
	return e ? e->rc : RC_IO;
}

static enum rc imap_load(struct curl_calls *calls, struct err *e)
{
	return late_load("libcurl.so.4", "libcurl4", symbols, sizeof(symbols) / sizeof(symbols[0]), calls, e);
}

enum rc imap_available(struct err *e)
{
	struct curl_calls calls;
	return imap_load(&calls, e);
}

// Asked about once a second while it connects.
static int is_stopped(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct imap *i = context;
	(void)a, (void)b, (void)c, (void)d;
	return i->o.stop && atomic_load(i->o.stop);
}

enum rc imap_open(const struct imap_options *o, struct imap **out, struct err *e)
{
	struct imap *i = *out = mem_calloc(1, sizeof(*i));
	if (!i)
		return err_set(e, RC_NOMEM, "out of memory for the mailbox");
	const struct curl_calls *call = &i->curl_calls;
	enum rc rc = imap_load(&i->curl_calls, e);
	CURL *c = rc == RC_OK ? call->init() : NULL;
	if (!c) {
		mem_free(i);
		*out = NULL;
		return rc != RC_OK ? rc : err_set(e, RC_NOMEM, "out of memory for the mailbox");
	}
	i->o = *o;
	i->curl = c;
	i->in = buf_new(o->message_bytes_max + LINE_BYTES_MAX + (size_t)RECEIVE_BYTES);
	call->setopt(c, CURLOPT_URL, o->url);
	call->setopt(c, CURLOPT_PROTOCOLS_STR, "imap,imaps");
	call->setopt(c, CURLOPT_USERNAME, o->user);
	call->setopt(c, CURLOPT_PASSWORD, o->password);
	call->setopt(c, CURLOPT_USE_SSL, o->plain ? (long)CURLUSESSL_NONE : (long)CURLUSESSL_ALL);
	if (o->ca_file)
		call->setopt(c, CURLOPT_CAINFO, o->ca_file);
	call->setopt(c, CURLOPT_CONNECT_ONLY, 1L); // after signing in the connection is ours
	call->setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	call->setopt(c, CURLOPT_TIMEOUT_MS, (long)SILENCE_MS);
	call->setopt(c, CURLOPT_NOSIGNAL, 1L);
	call->setopt(c, CURLOPT_PROXY, "");
	call->setopt(c, CURLOPT_NOPROGRESS, 0L);
	call->setopt(c, CURLOPT_XFERINFOFUNCTION, is_stopped);
	call->setopt(c, CURLOPT_XFERINFODATA, i);
	call->setopt(c, CURLOPT_ERRORBUFFER, i->why);
	CURLcode code = call->perform(c);
	if (code == CURLE_OK)
		code = call->getinfo(c, CURLINFO_ACTIVESOCKET, &i->socket);
	if (code == CURLE_OK && i->socket != CURL_SOCKET_BAD)
		return RC_OK;
	rc = refusal(i, code, e);
	i->ended = true;
	imap_close(out);
	return rc;
}

void imap_close(struct imap **imap)
{
	struct imap *i = *imap;
	*imap = NULL;
	if (!i)
		return;
	if (!i->ended)
		command(i, NULL, NULL, NULL, "LOGOUT"); // BYE is what it says to that
	i->curl_calls.cleanup(i->curl);
	buf_free(&i->in);
	mem_free(i);
}

// --- commands ---

// A name as a quoted string.
static enum rc quote(struct sv name, char out[1024], struct err *e)
{
	size_t n = 0;
	out[n++] = '"';
	for (size_t k = 0; k < name.len && n + 4 < 1024; k++) {
		unsigned char c = (unsigned char)name.ptr[k];
		if (c < ' ' || c >= 127) {
			err_set(e, RC_INPUT, "the folder's name %.*s has a letter beyond ASCII", SV_ARG(name));
			err_remedy(e, "write it as the mail server does, in modified UTF-7 (RFC 3501, 5.1.3)");
			return RC_INPUT;
		}
		if (c == '"' || c == '\\')
			out[n++] = '\\';
		out[n++] = (char)c;
	}
	out[n++] = '"';
	out[n] = 0;
	return RC_OK;
}

static enum rc take_validity(void *context, const struct answer *a, struct err *e)
{
	static const struct sv key = {"* OK [UIDVALIDITY ", 18};
	struct sv line = buf_view(&a->text), rest;
	int64_t v;
	(void)e;
	if (!sv_starts(line, key))
		return RC_OK;
	if (sv_to_i64(sv_cut((struct sv){line.ptr + key.len, line.len - key.len}, ']', &rest), &v) && v > 0 &&
		v <= UINT32_MAX)
		*(uint32_t *)context = (uint32_t)v;
	return RC_OK;
}

enum rc imap_select(struct imap *i, struct sv folder, uint32_t *validity, struct err *e)
{
	char name[1024];
	struct err why = ERR_NONE;
	*validity = 0;
	enum rc rc = quote(folder, name, e);
	if (rc != RC_OK)
		return rc;
	rc = command(i, take_validity, validity, &why, "SELECT %s", name);
	if (rc == RC_INPUT) {
		err_set(e, RC_NOT_FOUND, "the folder %.*s cannot be opened: %s", SV_ARG(folder), why.message);
		err_remedy(e, "correct folder: in the mailbox file");
		return RC_NOT_FOUND;
	}
	return rc == RC_OK ? RC_OK : err_take(e, &why);
}

struct numbers {
	uint32_t after, *uids, max, n;
};

static enum rc take_numbers(void *context, const struct answer *a, struct err *e)
{
	struct numbers *u = context;
	struct sv line = buf_view(&a->text), rest;
	(void)e;
	if (!sv_starts(line, SV("* SEARCH")))
		return RC_OK;
	for (rest = (struct sv){line.ptr + 8, line.len - 8}; rest.ptr && u->n < u->max;) {
		int64_t v;
		if (sv_to_i64(sv_trim(sv_cut(rest, ' ', &rest)), &v) && v > u->after && v <= UINT32_MAX)
			u->uids[u->n++] = (uint32_t)v;
	}
	return RC_OK;
}

// The last message is in every range that ends with *, so take_numbers compares as well. Servers answer in ascending order.
enum rc imap_unseen(struct imap *i, uint32_t after, uint32_t *uids, uint32_t max, uint32_t *n, struct err *e)
{
	struct numbers u = {after, uids, max, 0};
	if (after == UINT32_MAX) {
		*n = 0;
		return RC_OK;
	}
	enum rc rc = command(i, take_numbers, &u, e, "UID SEARCH UID %u:* UNSEEN UNDELETED", after + 1);
	*n = u.n;
	return rc;
}

struct fetched {
	struct buf *out;
	bool found;
	int64_t size;
};

static enum rc take_size(void *context, const struct answer *a, struct err *e)
{
	struct fetched *f = context;
	struct sv line = buf_view(&a->text), rest;
	static const char key[] = "RFC822.SIZE ";
	(void)e;
	const char *at = memmem(line.ptr, line.len, key, sizeof(key) - 1);
	if (!at)
		return RC_OK;
	struct sv tail = {at + sizeof(key) - 1, (size_t)(line.ptr + line.len - at) - (sizeof(key) - 1)};
	size_t n = 0;
	while (n < tail.len && tail.ptr[n] >= '0' && tail.ptr[n] <= '9')
		n++;
	rest = (struct sv){tail.ptr, n};
	f->found |= sv_to_i64(rest, &f->size);
	return RC_OK;
}

static enum rc take_body(void *context, const struct answer *a, struct err *e)
{
	struct fetched *f = context;
	if (!a->literal.ptr || f->found)
		return RC_OK;
	f->found = true;
	buf_sv(f->out, a->literal);
	return buf_check(f->out, e, "a message");
}

enum rc imap_fetch(struct imap *i, uint32_t uid, struct buf *out, struct err *e)
{
	struct fetched size = {.size = 0}, body = {.out = out};
	enum rc rc = command(i, take_size, &size, e, "UID FETCH %u (RFC822.SIZE)", uid);
	if (rc == RC_OK && size.found && (uint64_t)size.size > i->o.message_bytes_max) {
		err_set(e, RC_LIMIT, "the message has %lld bytes, more than the %zu that are taken",
			(long long)size.size, i->o.message_bytes_max);
		err_remedy(e, "bring the file in another way: the page Import, or the folder of --drop");
		return RC_LIMIT;
	}
	if (rc == RC_OK && size.found)
		rc = command(i, take_body, &body, e, "UID FETCH %u (BODY.PEEK[])", uid);
	if (rc == RC_OK && !body.found)
		rc = err_set(e, RC_NOT_FOUND, "message %u is gone", uid);
	return rc;
}

enum rc imap_mark(struct imap *i, uint32_t uid, bool flagged, struct err *e)
{
	return command(
		i, NULL, NULL, e, "UID STORE %u +FLAGS.SILENT (\\Seen%s)", uid, flagged ? " \\Flagged" : "");
}

enum rc imap_move(struct imap *i, uint32_t uid, struct sv folder, struct err *e)
{
	char name[1024];
	enum rc rc = quote(folder, name, e);
	if (rc == RC_OK)
		rc = imap_mark(i, uid, false, e);
	return rc == RC_OK ? command(i, NULL, NULL, e, "UID MOVE %u %s", uid, name) : rc;
}
