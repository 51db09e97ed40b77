// SPDX-License-Identifier: Apache-2.0
// Connections: what moves their states (see internal.h), reading and writing with and without TLS, deadlines.
#include "base/mem.h"
#include "http/internal.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

enum { STEPS = 64, LINGER_MS = 2000, LINGER_MAX = 4 << 20 };

// --- coming and going ---

static bool conn_admit(struct conn *c)
{
	struct http_server *s = c->loop->server;
	c->trusted = range_has(s->trusted, s->n_trusted, &c->address);
	if (atomic_fetch_add_explicit(&s->n_connections, 1, memory_order_relaxed) >= s->o.connections ||
		atomic_load_explicit(&s->quiescing, memory_order_relaxed))
		return false;
	if (c->trusted || !c->address.known)
		return true;
	c->counted = peers_enter(s->census, &c->address);
	return c->counted;
}

// For a connection that is over a limit: said if that costs nothing.
static void turn_away(int fd)
{
#define PROBLEM                                                                                                \
	"{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\"detail\":\"as many "     \
	"connections "                                                                                         \
	"are open as are taken, from here or in all, or the server is ending: try again in a moment\"}"
	char text[512];
	int n = snprintf(text, sizeof(text),
		"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Type: "
		"application/problem+json\r\n"
		"Content-Length: %zu\r\nConnection: close\r\n\r\n" PROBLEM,
		sizeof(PROBLEM) - 1);
	(void)send(fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
#undef PROBLEM
}

void conn_new(struct loop *l, int fd, const struct sockaddr_storage *from, bool tls)
{
	struct conn *c = mem_calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		return;
	}
	c->source.kind = SOURCE_CONNECTION;
	c->loop = l;
	c->fd = fd;
	c->writable = true;
	c->address = address_of(from);
	c->next = l->first;
	if (l->first)
		l->first->prev = c;
	l->first = c;
	count(&l->counters.accepted, 1);
	count(&l->counters.connections, 1);
	conn_state_set(c, tls ? CONN_HANDSHAKE : CONN_HEAD);
	c->deadline_ms = l->now_ms + l->server->o.header_ms;
	bool admitted = conn_admit(c);
	if (!admitted) {
		count(&l->counters.refused, 1);
		if (!tls)
			turn_away(fd);
	}
	address_text(&c->address, c->peer);
	if (admitted && tls)
		admitted = (c->ssl = tls_session(l->server->tls, fd)) != NULL;
	int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = &c->source};
	if (!admitted || epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		conn_free(c);
}

static void socket_end(struct conn *c)
{
	struct http_server *s = c->loop->server;
	if (c->ssl) {
		tls_goodbye(c->ssl);
		tls_session_free(&c->ssl);
	}
	if (c->fd >= 0) {
		close(c->fd);
		atomic_fetch_sub_explicit(&s->n_connections, 1, memory_order_release); // for http_quiesce
		if (c->counted)
			peers_leave(s->census, &c->address);
	}
	c->fd = -1;
	c->counted = false;
}

static void again_remove(struct conn *c)
{
	for (struct conn **p = &c->loop->again; c->again && *p; p = &(*p)->next_again)
		if (*p == c) {
			*p = c->next_again;
			c->again = false;
			break;
		}
}

void conn_free(struct conn *c)
{
	struct loop *l = c->loop;
	again_remove(c);
	socket_end(c);
	if (c->state == CONN_WAITING)
		return; // somebody works on its exchange: conn_answered frees
	if (c->stream) {
		stream_detach(c->stream);
		c->stream = NULL;
	}
	if (c->x)
		exchange_finish(c->x);
	conn_state_set(c, CONN_STATES);
	if (c->in)
		loop_input_give(l, c->in);
	if (c->prev)
		c->prev->next = c->next;
	else
		l->first = c->next;
	if (c->next)
		c->next->prev = c->prev;
	atomic_fetch_sub_explicit(&l->counters.connections, 1, memory_order_relaxed);
	mem_free(c);
}

void conn_state_set(struct conn *c, enum conn_state state)
{
	struct loop *l = c->loop;
	const struct http_options *o = &l->server->o;
	atomic_uint_fast64_t *const gauges[CONN_STATES] = {
		[CONN_WAITING] = &l->counters.waiting, [CONN_STREAMING] = &l->counters.streams};
	if (gauges[c->state])
		atomic_fetch_sub_explicit(gauges[c->state], 1, memory_order_relaxed);
	c->state = state;
	c->since_ms = l->now_ms;
	c->progress = 0;
	c->deadline_ms = INT64_MAX;
	if (state == CONN_STATES)
		return;
	if (gauges[state])
		count(gauges[state], 1);
	if (state == CONN_HANDSHAKE)
		c->deadline_ms = l->now_ms + o->header_ms;
	else if (state == CONN_HEAD)
		c->deadline_ms = l->now_ms + (c->in_end > c->in_start ? o->header_ms : o->idle_ms);
	else if (state == CONN_LINGER)
		c->deadline_ms = l->now_ms + LINGER_MS;
}

// --- bytes ---

int64_t conn_read(struct conn *c, void *bytes, size_t n)
{
	int64_t got;
	if (c->ssl) {
		got = tls_read(c->ssl, bytes, n);
		if (got == WIRE_NEEDS_READ)
			c->readable = false;
		else if (got == WIRE_NEEDS_WRITE)
			c->writable = false;
	} else {
		do
			got = recv(c->fd, bytes, n, 0);
		while (got < 0 && errno == EINTR);
		if (got < 0)
			got = errno == EAGAIN ? WIRE_NEEDS_READ : WIRE_FAILED;
		// A short read has emptied the socket: the next byte makes an event.
		if (got == WIRE_NEEDS_READ || (got > 0 && (size_t)got < n && !c->peer_ended))
			c->readable = false;
	}
	if (got > 0) {
		count(&c->loop->counters.bytes_in, (uint64_t)got);
		c->progress += (uint64_t)got;
	}
	return got <= WIRE_NEEDS_WRITE ? WIRE_AGAIN : got;
}

static int64_t write_plain(struct conn *c, const struct sv *parts, size_t n)
{
	struct iovec v[3];
	size_t total = 0, k = 0;
	for (size_t i = 0; i < n && k < 3; i++)
		if (parts[i].len) {
			v[k++] = (struct iovec){(void *)(uintptr_t)parts[i].ptr, parts[i].len};
			total += parts[i].len;
		}
	struct msghdr m = {.msg_iov = v, .msg_iovlen = k};
	ssize_t put;
	do
		put = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (put < 0 && errno == EINTR);
	if (put < 0 && errno != EAGAIN)
		return WIRE_FAILED;
	if (put < 0 || (size_t)put < total)
		c->writable = false;
	return put < 0 ? WIRE_AGAIN : put;
}

int64_t conn_write(struct conn *c, const struct sv *parts, size_t n)
{
	int64_t put = 0;
	if (!c->ssl) {
		put = write_plain(c, parts, n);
	} else {
		while (n > 1 && parts->len == 0)
			parts++, n--;
		put = tls_write(c->ssl, parts->ptr, parts->len);
		if (put == WIRE_NEEDS_WRITE)
			c->writable = false;
		else if (put == WIRE_NEEDS_READ)
			c->readable = c->writable = false;
		if (put <= WIRE_NEEDS_WRITE)
			put = WIRE_AGAIN;
	}
	if (put > 0) {
		count(&c->loop->counters.bytes_out, (uint64_t)put);
		c->progress += (uint64_t)put;
	}
	return put;
}

// --- steps ---

static enum step handshake_step(struct conn *c)
{
	int64_t rc = tls_accept(c->ssl);
	if (rc > 0) {
		int64_t deadline = c->deadline_ms; // what is left of it is for the first head
		conn_state_set(c, CONN_HEAD);
		c->deadline_ms = deadline;
		c->readable = true; // the head may have come with the last of the handshake
		return STEP_ON;
	}
	if (rc == WIRE_NEEDS_READ)
		c->readable = false;
	return rc == WIRE_NEEDS_READ || rc == WIRE_NEEDS_WRITE ? STEP_WAIT : STEP_CLOSE;
}

static enum step waiting_step(struct conn *c)
{
	(void)c;
	return STEP_WAIT;
}

// After an answer: the next request, or the end.
static enum step after_answer(struct conn *c)
{
	bool more = !c->closing;
	exchange_finish(c->x);
	if (more) {
		conn_state_set(c, CONN_HEAD);
		return STEP_ON;
	}
	if (!c->lingers)
		return STEP_CLOSE;
	if (c->ssl)
		tls_goodbye(c->ssl);
	shutdown(c->fd, SHUT_WR);
	conn_state_set(c, CONN_LINGER);
	return STEP_ON;
}

static enum step writing_step(struct conn *c)
{
	struct http_exchange *x = c->x;
	struct sv body = x->no_body ? SV_NONE : x->constant.ptr ? x->constant : buf_view(&x->out);
	size_t head = x->head.len, total = head + body.len;
	while (x->sent < total) {
		if (!c->writable)
			return STEP_WAIT;
		size_t in_head = x->sent < head ? x->sent : head, in_body = x->sent - in_head;
		struct sv parts[2] = {{(const char *)x->head.data + in_head, head - in_head},
			{body.ptr ? body.ptr + in_body : NULL, body.len - in_body}};
		int64_t put = conn_write(c, parts, 2);
		if (put == WIRE_AGAIN)
			return STEP_WAIT;
		if (put < 0)
			return STEP_CLOSE;
		x->sent += (size_t)put;
	}
	return after_answer(c);
}

static enum step streaming_step(struct conn *c)
{
	if (c->peer_ended)
		return STEP_CLOSE;
	enum step step = stream_step(c);
	if (step != STEP_ON)
		return step;
	stream_detach(c->stream);
	c->stream = NULL;
	return after_answer(c);
}

// What still comes is thrown away by the kernel, uncopied (tcp(7), MSG_TRUNC), and a buffer's worth a turn only: it may be
// megabytes, and others wait for their answers.
static enum step linger_step(struct conn *c)
{
	struct loop *l = c->loop;
	if (!c->readable)
		return STEP_WAIT;
	ssize_t n = recv(c->fd, l->away, sizeof(l->away), MSG_TRUNC);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		return STEP_CLOSE;
	c->progress += n > 0 ? (uint64_t)n : 0;
	if (c->progress >= LINGER_MAX)
		return STEP_CLOSE;
	if (n < 0 ? errno == EAGAIN : (size_t)n < sizeof(l->away) && !c->peer_ended)
		c->readable = false;
	else
		loop_again(l, c);
	return STEP_WAIT;
}

static enum step (*const steps[CONN_STATES])(struct conn *c) = {
	[CONN_HANDSHAKE] = handshake_step,
	[CONN_HEAD] = request_step,
	[CONN_BODY] = body_step,
	[CONN_WAITING] = waiting_step,
	[CONN_WRITING] = writing_step,
	[CONN_STREAMING] = streaming_step,
	[CONN_LINGER] = linger_step,
};

void conn_run(struct conn *c)
{
	for (int i = 0; i < STEPS; i++) {
		enum step step = steps[c->state](c);
		if (step == STEP_WAIT)
			return;
		if (step == STEP_CLOSE) {
			conn_free(c);
			return;
		}
	}
	loop_again(c->loop, c);
}

void conn_answered(struct conn *c)
{
	struct http_exchange *x = c->x;
	bool gone = c->fd < 0;
	x->answered = true;
	if (x->stream) {
		conn_state_set(c, CONN_STREAMING);
		c->stream = x->stream;
		stream_attach(c);
	} else {
		conn_state_set(c, CONN_WRITING);
		reply_prepare(x);
	}
	if (gone)
		conn_free(c);
	else
		conn_run(c);
}

// --- deadlines ---

static int64_t deadline_of(const struct conn *c)
{
	const struct http_options *o = &c->loop->server->o;
	int64_t earned = (int64_t)(c->progress * 1000 / o->rate_bytes);
	switch (c->state) {
	case CONN_BODY:
		return c->since_ms + o->body_ms + earned;
	case CONN_WRITING:
		return c->since_ms + o->write_ms + earned;
	case CONN_STREAMING: // since_ms is when its reader last took something
		return stream_pending(c->stream) ? c->since_ms + o->write_ms : INT64_MAX;
	case CONN_HANDSHAKE:
	case CONN_HEAD:
	case CONN_WAITING:
	case CONN_LINGER:
	case CONN_STATES:
		break;
	}
	return c->deadline_ms;
}

void conn_sweep(struct conn *c)
{
	struct loop *l = c->loop;
	bool idle = c->state == CONN_HEAD && c->in_start == c->in_end;
	if (atomic_load_explicit(&l->server->quiescing, memory_order_relaxed)) {
		bool fresh = !c->asked && l->now_ms - c->since_ms < l->server->o.fresh_ms;
		if ((idle && !fresh) || c->state == CONN_LINGER) {
			conn_free(c);
			return;
		}
		if (c->state == CONN_STREAMING) {
			c->closing = true;
			stream_shut(c->stream);
		}
	}
	if (l->now_ms < deadline_of(c))
		return;
	if (c->state == CONN_STREAMING)
		count(&l->counters.cut_off, 1);
	else if (!idle && c->state != CONN_LINGER)
		count(&l->counters.timed_out, 1);
	if (idle || (c->state != CONN_HEAD && c->state != CONN_BODY)) {
		conn_free(c);
		return;
	}
	if (!c->x)
		c->x = loop_exchange_take(l);
	if (!c->x) {
		conn_free(c);
		return;
	}
	c->x->conn = c;
	reply_refuse(c->x, 408, "the request did not come in time", true);
	conn_run(c);
}
