// SPDX-License-Identifier: Apache-2.0
// Commands of IMAP. The answers to a command end with the line that begins with its tag.
#include "listen/imap.h"

#include "base/late.h"
#include "base/mem.h"
#include "listen/imap_answer.h"

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	CONNECT_MS = 30000,
	SILENCE_MS = 60000,
	STOP_LOOK_MS = 200,
	RECEIVE_BYTES = 64 << 10,
	SEARCHED_AT_ONCE = 40000, // messages: their numbers take less than half of a line
	FOUND_MAX = 1 << 20
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
	struct imap_reader reader;
	uint32_t tag;
	uint32_t exists; // messages in the folder when it was opened
	bool ended;      // nothing more can be said
	char why[CURL_ERROR_SIZE];
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
	while (!i->o.stop || !atomic_load(i->o.stop)) {
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
	return err_set(e, RC_CANCELLED, "the server is ending");
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

// The next whole answer, valid until the next one.
static enum rc next_answer(struct imap *i, struct imap_answer *a, struct err *e)
{
	size_t used = 0;
	if (i->at > 0) { // what was told is forgotten
		memmove(i->in.data, i->in.data + i->at, i->in.len - i->at);
		i->in.len -= i->at;
		i->at = 0;
	}
	for (;;) {
		enum rc rc = imap_read(&i->reader, buf_view(&i->in), a, &used, e);
		if (rc == RC_OK && used == 0)
			rc = receive(i, e);
		i->at = used;
		if (rc != RC_OK || used)
			return rc;
	}
}

typedef enum rc answer_take(void *context, const struct imap_answer *a, struct err *e);

// Sends a command and hands over its answers. RC_INPUT with the server's words when it refuses.
static enum rc command(struct imap *i, answer_take *take, void *context, struct err *e, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

static enum rc command(struct imap *i, answer_take *take, void *context, struct err *e, const char *format, ...)
{
	char text[2048], tag[16];
	struct imap_answer a;
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
		struct sv line = a.text;
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
	i->in = buf_new(o->message_bytes_max + IMAP_LINE_BYTES_MAX + (size_t)RECEIVE_BYTES);
	i->reader = imap_reader_new(o->message_bytes_max);
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
	imap_reader_free(&i->reader);
	mem_free(i);
}

// --- commands ---

struct selected {
	uint32_t validity, exists;
};

static enum rc take_selected(void *context, const struct imap_answer *a, struct err *e)
{
	struct selected *s = context;
	(void)e;
	if (!imap_says_validity(a->text, &s->validity))
		imap_says_exists(a->text, &s->exists);
	return RC_OK;
}

enum rc imap_select(struct imap *i, struct sv folder, uint32_t *validity, struct err *e)
{
	char name[1024];
	struct err why = ERR_NONE;
	struct selected selected = {0, 0};
	*validity = 0;
	enum rc rc = imap_quote(folder, name, e);
	if (rc != RC_OK)
		return rc;
	rc = command(i, take_selected, &selected, &why, "SELECT %s", name);
	if (rc == RC_INPUT) {
		err_set(e, RC_NOT_FOUND, "the folder %.*s cannot be opened: %s", SV_ARG(folder), why.message);
		err_remedy(e, "correct folder: in the mailbox file");
		return RC_NOT_FOUND;
	}
	*validity = selected.validity;
	i->exists = selected.exists;
	return rc == RC_OK ? RC_OK : err_take(e, &why);
}

struct found {
	uint32_t first, last, *uids;
	size_t n, capacity;
};

static enum rc take_found(void *context, const struct imap_answer *a, struct err *e)
{
	struct found *f = context;
	uint32_t uid;
	if (!sv_starts(a->text, SV("* SEARCH")))
		return RC_OK;
	for (struct sv rest = a->text; imap_says_found(&rest, &uid);) {
		if (uid < f->first || uid > f->last)
			continue;
		if (f->n == FOUND_MAX)
			return err_set(e, RC_LIMIT, "the mail server finds too many messages");
		if (mem_grow((void **)&f->uids, &f->capacity, f->n + 1, sizeof(*f->uids)) != 0)
			return err_set(e, RC_NOMEM, "out of memory for the mailbox");
		f->uids[f->n++] = uid;
	}
	return RC_OK;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

// What is unseen in a range of numbers, ascending; last UINT32_MAX: to the end. The last message is in every range that ends
// with *, so take_found compares as well.
static enum rc search(struct imap *i, uint32_t first, uint32_t last, struct found *f, struct err *e)
{
	char to[16] = "*";
	if (last != UINT32_MAX)
		snprintf(to, sizeof(to), "%u", last);
	f->first = first;
	f->last = last;
	f->n = 0;
	enum rc rc = command(i, take_found, f, e, "UID SEARCH UID %u:%s UNSEEN UNDELETED", first, to);
	if (f->n > 1)
		qsort(f->uids, f->n, sizeof(*f->uids), by_number);
	return rc;
}

struct placed {
	uint32_t place, uid;
};

static enum rc take_placed(void *context, const struct imap_answer *a, struct err *e)
{
	struct placed *p = context;
	(void)e;
	imap_says_uid(a->text, p->place, &p->uid);
	return RC_OK;
}

// A folder of many messages is searched by parts, since one answer may have a line of any length: the numbers that stand at
// every SEARCHED_AT_ONCEth place are asked for, and lie between the parts.
enum rc imap_unseen(struct imap *i, uint32_t after, uint32_t *uids, uint32_t max, uint32_t *n, struct err *e)
{
	struct found f = {.n = 0};
	struct placed p = {.place = SEARCHED_AT_ONCE};
	enum rc rc = RC_OK;
	*n = 0;
	for (bool more = after < UINT32_MAX; rc == RC_OK && more && *n < max; p.place += SEARCHED_AT_ONCE) {
		p.uid = 0;
		if (p.place < i->exists)
			rc = command(i, take_placed, &p, e, "FETCH %u (UID)", p.place);
		more = p.uid && p.uid < UINT32_MAX;
		if (rc != RC_OK || (more && p.uid <= after))
			continue;
		rc = search(i, after + 1, more ? p.uid : UINT32_MAX, &f, e);
		for (size_t k = 0; rc == RC_OK && k < f.n && *n < max; k++)
			uids[(*n)++] = f.uids[k];
		after = p.uid;
	}
	mem_free(f.uids);
	return rc;
}

struct fetched {
	struct buf *out;
	bool found;
	uint64_t size;
};

static enum rc take_size(void *context, const struct imap_answer *a, struct err *e)
{
	struct fetched *f = context;
	(void)e;
	f->found |= imap_says_size(a->text, &f->size);
	return RC_OK;
}

static enum rc take_body(void *context, const struct imap_answer *a, struct err *e)
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
	if (rc == RC_OK && size.found && size.size > i->o.message_bytes_max) {
		err_set(e, RC_LIMIT, "the message has %llu bytes, more than the %zu that are taken",
			(unsigned long long)size.size, i->o.message_bytes_max);
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
	enum rc rc = imap_quote(folder, name, e);
	if (rc == RC_OK)
		rc = imap_mark(i, uid, false, e);
	return rc == RC_OK ? command(i, NULL, NULL, e, "UID MOVE %u %s", uid, name) : rc;
}
