// SPDX-License-Identifier: Apache-2.0
// Streams: a writer on any thread, a reader at the other end of a connection. The writer fills `queue` under the lock; the loop
// swaps it with `sending`, which is its own, and writes that. What waits for a slow reader is bounded by twice
// stream_bytes; a writer that meets the bound has the reader cut off, and never waits.
// References: one of the writer (http_stream_end gives it back), one of the connection, one of mail that is on its way.
#include "base/mem.h"
#include "http/internal.h"

#include <stdio.h>

struct http_stream {
	struct mail mail;
	pthread_mutex_t lock;
	struct loop *loop;
	struct conn *conn; // NULL: not there yet, or gone
	bool chunked;
	// under the lock
	struct buf queue;
	bool closed; // no more writing
	bool ended;  // by the writer
	bool cut;    // the reader is too slow
	bool posted;
	unsigned references;
	// of the loop
	struct buf sending;
	size_t sent;
};

static void release(struct http_stream *s) // locked; unlocks
{
	bool last = --s->references == 0;
	pthread_mutex_unlock(&s->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&s->lock);
	buf_free(&s->queue);
	buf_free(&s->sending);
	mem_free(s);
}

struct http_stream *http_stream_begin(struct http_exchange *x, const char *content_type)
{
	struct http_stream *s = mem_calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	pthread_mutex_init(&s->lock, NULL);
	s->mail.is_stream = true;
	s->loop = x->loop;
	s->chunked = !x->request.is_1_0;
	s->references = 2;
	s->queue = buf_new(x->loop->server->o.stream_bytes);
	s->sending = buf_new(x->loop->server->o.stream_bytes + (256 << 10)); // the head goes in too
	x->stream = s;
	http_header_add(x, "Content-Type", sv_from(content_type));
	http_header_add(x, "Cache-Control", SV("no-store"));
	http_header_add(x, "X-Accel-Buffering", SV("no")); // nginx would hold events back
	http_reply(x);
	return s;
}

static void post(struct http_stream *s) // locked
{
	if (s->posted || s->closed)
		return;
	s->posted = true;
	s->references++;
	loop_post(s->loop, &s->mail);
}

enum rc http_stream_write(struct http_stream *s, struct sv bytes)
{
	pthread_mutex_lock(&s->lock);
	enum rc rc = s->cut ? RC_LIMIT : s->closed || s->ended ? RC_CANCELLED : RC_OK;
	if (!rc && bytes.len) {
		if (s->chunked) {
			buf_printf(&s->queue, "%zx\r\n", bytes.len);
			buf_sv(&s->queue, bytes);
			buf_sv(&s->queue, SV("\r\n"));
		} else {
			buf_sv(&s->queue, bytes);
		}
		rc = s->queue.rc;
		s->cut = rc != RC_OK; // a chunk may be in there by half: nothing of it is sent any more
		post(s);
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

void http_stream_end(struct http_stream *s)
{
	pthread_mutex_lock(&s->lock);
	if (s->chunked && !s->cut) {
		buf_sv(&s->queue, SV("0\r\n\r\n"));
		s->cut = s->queue.rc != RC_OK;
	}
	s->ended = true;
	// While the connection is there the loop has to know, even if it said itself that writing is over.
	if (!s->posted && s->conn) {
		s->posted = true;
		s->references++;
		loop_post(s->loop, &s->mail);
	}
	release(s);
}

// --- the loop's side ---

void stream_attach(struct conn *c)
{
	struct http_stream *s = c->stream;
	struct http_exchange *x = c->x;
	reply_prepare(x);
	buf_sv(&s->sending, buf_view(&x->head));
	pthread_mutex_lock(&s->lock);
	s->conn = c;
	pthread_mutex_unlock(&s->lock);
	if (x->no_body) // HEAD
		stream_shut(s);
}

bool stream_pending(const struct http_stream *s)
{
	return s->sent < s->sending.len;
}

// Sends what is there. STEP_ON: the stream is over and all is sent.
enum step stream_step(struct conn *c)
{
	struct http_stream *s = c->stream;
	struct http_exchange *x = c->x;
	for (;;) {
		if (!stream_pending(s)) {
			buf_clear(&s->sending);
			s->sent = 0;
			pthread_mutex_lock(&s->lock);
			struct buf full = s->queue;
			bool ended = s->ended, cut = s->cut;
			if (full.len && !cut && !x->no_body) {
				s->queue = s->sending;
				s->queue.max = full.max;
				s->sending = full;
			}
			pthread_mutex_unlock(&s->lock);
			if (cut) {
				count(&c->loop->counters.cut_off, 1);
				return STEP_CLOSE;
			}
			if (!stream_pending(s)) {
				c->closing |= x->request.is_1_0;
				return ended || x->no_body ? STEP_ON : STEP_WAIT;
			}
			c->since_ms = c->loop->now_ms;
		}
		if (!c->writable)
			return STEP_WAIT;
		struct sv rest = {(const char *)s->sending.data + s->sent, s->sending.len - s->sent};
		int64_t put = conn_write(c, &rest, 1);
		if (put == WIRE_AGAIN)
			return STEP_WAIT;
		if (put < 0)
			return STEP_CLOSE;
		s->sent += (size_t)put;
		x->sent += (size_t)put;
		c->since_ms = c->loop->now_ms;
	}
}

void stream_shut(struct http_stream *s)
{
	pthread_mutex_lock(&s->lock);
	s->closed = true;
	pthread_mutex_unlock(&s->lock);
}

void stream_detach(struct http_stream *s)
{
	pthread_mutex_lock(&s->lock);
	s->conn = NULL;
	s->closed = true;
	release(s);
}

void stream_mail(struct mail *m)
{
	struct http_stream *s = (struct http_stream *)(void *)m; // mail is first
	pthread_mutex_lock(&s->lock);
	s->posted = false;
	struct conn *c = s->conn;
	// A reader that does not read is cut off now, not when it reads again.
	bool cut = s->cut;
	release(s);
	if (c && cut) {
		count(&c->loop->counters.cut_off, 1);
		conn_free(c);
	} else if (c) {
		conn_run(c);
	}
}
