// SPDX-License-Identifier: Apache-2.0
// A loop: one thread, one epoll. A turn waits, runs what has events, empties the mailbox, runs what had work left, and
// now and then sweeps over all connections for deadlines.
// Connections are watched edge-triggered for reading and writing from the start, so that a request costs no call but its
// recv and its send. Listeners are shared by the loops (EPOLLEXCLUSIVE).
#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"
#include "http/internal.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
	EVENTS = 256,
	ACCEPTS = 32,         // of one listener in a turn, so that running requests are not kept waiting
	KEPT_EXCHANGES = 256, // free ones that a loop keeps
	KEPT_INPUTS = 256,
	QUIESCING_MS = 20,    // from sweep to sweep while the server quiesces
	KEPT_BYTES = 1 << 20, // of a free exchange's buffers
	ARENA_MAX = 64 << 20
};

static void *mail_pointer(struct mail *m, size_t offset)
{
	return (char *)m - offset;
}

void loop_wake(struct loop *l)
{
	uint64_t one = 1;
	ssize_t n =
		write(l->wake, &one, sizeof(one)); // cannot fail but by overflow, when the loop is awake anyhow
	(void)n;
}

void loop_post(struct loop *l, struct mail *m)
{
	// Once the mail is in the box the loop may answer, end and be closed: `posting` keeps it until we are out of here.
	atomic_fetch_add_explicit(&l->posting, 1, memory_order_relaxed);
	struct mail *head = atomic_load_explicit(&l->mailbox, memory_order_relaxed);
	do
		m->next = head;
	while (!atomic_compare_exchange_weak_explicit(
		&l->mailbox, &head, m, memory_order_seq_cst, memory_order_relaxed));
	// Who releases looks into the boxes after having let go (both in one order): this mail is seen there, or here that
	// nobody holds.
	if (!head && atomic_load(&l->server->holds) == 0)
		loop_wake(l);
	atomic_fetch_sub_explicit(&l->posting, 1, memory_order_release);
}

void http_hold(struct http_server *s)
{
	atomic_fetch_add(&s->holds, 1);
}

void http_release(struct http_server *s)
{
	if (atomic_fetch_sub(&s->holds, 1) > 1)
		return;
	for (uint32_t i = 0; i < s->n_loops; i++)
		if (atomic_load(&s->loops[i].mailbox))
			loop_wake(&s->loops[i]);
}

static void mailbox_empty(struct loop *l)
{
	struct mail *m = atomic_exchange_explicit(&l->mailbox, NULL, memory_order_acquire), *in_order = NULL;
	while (m) {
		struct mail *next = m->next;
		m->next = in_order;
		in_order = m;
		m = next;
	}
	while (in_order) {
		m = in_order;
		in_order = m->next;
		if (m->is_stream)
			stream_mail(m);
		else
			conn_answered(
				((struct http_exchange *)mail_pointer(m, offsetof(struct http_exchange, mail)))
					->conn);
	}
}

void loop_again(struct loop *l, struct conn *c)
{
	if (c->again)
		return;
	c->again = true;
	c->next_again = l->again;
	l->again = c;
}

static void again_run(struct loop *l)
{
	struct conn *c = l->again;
	l->again = NULL;
	for (struct conn *i = c; i; i = i->next_again)
		i->again = false;
	while (c) {
		struct conn *next = c->next_again;
		conn_run(c); // frees c at most
		c = next;
	}
}

// --- what the loop lends ---

uint8_t *loop_input_take(struct loop *l)
{
	if (l->n_free_inputs)
		return l->free_inputs[--l->n_free_inputs];
	return mem_alloc(l->server->in_bytes);
}

void loop_input_give(struct loop *l, uint8_t *in)
{
	if (l->n_free_inputs < KEPT_INPUTS)
		l->free_inputs[l->n_free_inputs++] = in;
	else
		mem_free(in);
}

static void exchange_free(struct http_exchange *x)
{
	arena_free(&x->arena);
	buf_free(&x->headers);
	buf_free(&x->out);
	buf_free(&x->head);
	buf_free(&x->body);
	buf_free(&x->unpacked);
	mem_free(x);
}

enum { EXCHANGE_MAGIC = 0x45584348, HEADERS_BYTES_MAX = 64 << 10 };

struct http_exchange *loop_exchange_take(struct loop *l)
{
	struct http_exchange *x = l->free_exchanges;
	if (x) {
		l->free_exchanges = x->next_free;
		l->n_free_exchanges--;
	} else {
		x = mem_calloc(1, sizeof(*x));
		if (!x)
			return NULL;
		x->arena = arena_new(ARENA_MAX);
		if (!x->arena) {
			mem_free(x);
			return NULL;
		}
		x->magic = EXCHANGE_MAGIC;
		x->loop = l;
		x->headers = buf_new(HEADERS_BYTES_MAX);
		x->head = buf_new(2 * HEADERS_BYTES_MAX);
		x->out = buf_new(l->server->o.reply_bytes);
		x->body = buf_new(0);
		x->unpacked = buf_new(0);
	}
	x->received_ms = clock_system()->now_ms(clock_system());
	x->begun_ns = clock_system()->monotonic_ns(clock_system());
	x->status = 200;
	return x;
}

static void trim(struct buf *b)
{
	if (b->capacity > KEPT_BYTES)
		buf_free(b);
	buf_clear(b);
}

void loop_exchange_give(struct loop *l, struct http_exchange *x)
{
	assert(x->magic == EXCHANGE_MAGIC);
	if (x->reserved)
		atomic_fetch_sub_explicit(&l->server->bodies, x->reserved, memory_order_relaxed);
	if (l->n_free_exchanges == KEPT_EXCHANGES || arena_used(x->arena) > KEPT_BYTES) {
		exchange_free(x);
		return;
	}
	arena_reset(x->arena);
	struct buf *kept[] = {&x->headers, &x->out, &x->head, &x->body, &x->unpacked};
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		trim(kept[i]);
	x->conn = NULL;
	x->request = (struct request){.length = -1};
	x->match = (struct route_match){.route = ROUTE_NONE, .any = ROUTE_NONE};
	x->route = NULL;
	x->peer = SV_NONE;
	x->user = NULL;
	x->chunks = (struct chunks){0};
	x->body_view = x->constant = SV_NONE;
	x->body_max = x->reserved = x->sent = x->n_query = 0;
	x->bytes_in = x->diverted = 0;
	x->sink = NULL;
	x->sink_context = NULL;
	x->packing = PACKING_NONE;
	x->query = NULL;
	x->stream = NULL;
	x->is_tls = x->body_read = x->query_read = x->bad_header = x->answered = x->no_body = false;
	x->next_free = l->free_exchanges;
	l->free_exchanges = x;
	l->n_free_exchanges++;
}

// --- accepting ---

static void listeners_watch(struct loop *l, bool on)
{
	if (l->accepting == on)
		return;
	l->accepting = on;
	for (size_t i = 0; i < l->server->n_listeners; i++) {
		struct listener *n = &l->server->listeners[i];
		struct epoll_event ev = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = &n->source};
		epoll_ctl(l->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, n->fd, &ev);
	}
}

static void listener_accept(struct loop *l, const struct listener *n)
{
	for (int i = 0; i < ACCEPTS; i++) {
		if (atomic_load_explicit(&l->server->quiescing, memory_order_relaxed))
			return; // who waits there is the next server's
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		int fd = accept4(n->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			conn_new(l, fd, &from, n->tls);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			l->accept_paused =
				true; // until the next sweep, or the loop would spin on a listener it cannot serve
			listeners_watch(l, false);
		}
		if (errno != EINTR && errno != ECONNABORTED)
			return;
	}
}

// --- turning ---

static void date_set(struct loop *l)
{
	time_t now = (time_t)(clock_system()->now_ms(clock_system()) / 1000);
	if (now == l->date_s)
		return;
	l->date_s = now;
	struct tm tm;
	gmtime_r(&now, &tm);
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	snprintf(l->date, sizeof(l->date), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
		days + 3 * (tm.tm_wday % 7), tm.tm_mday % 100, months + 3 * (tm.tm_mon % 12),
		(tm.tm_year + 1900) % 10000, tm.tm_hour % 100, tm.tm_min % 100, tm.tm_sec % 100);
}

static void sweep(struct loop *l, bool stopping)
{
	l->swept_ms = l->now_ms;
	bool quiescing = atomic_load_explicit(&l->server->quiescing, memory_order_relaxed);
	if (l->accept_paused) {
		l->accept_paused = false;
		listeners_watch(l, true);
	}
	if (quiescing || stopping)
		listeners_watch(l, false);
	for (struct conn *c = l->first, *next; c; c = next) {
		next = c->next;
		if (stopping && c->fd >= 0)
			conn_free(c);
		else if (c->fd >= 0)
			conn_sweep(c);
	}
}

// Time between two sweeps: less while somebody waits for the last connections to go.
static uint32_t sweep_ms(const struct loop *l)
{
	uint32_t ms = l->server->sweep_ms;
	return ms > QUIESCING_MS && atomic_load_explicit(&l->server->quiescing, memory_order_relaxed)
		       ? QUIESCING_MS
		       : ms;
}

static void event_run(struct loop *l, const struct epoll_event *ev)
{
	struct source *source = ev->data.ptr;
	if (source->kind == SOURCE_LISTENER) {
		listener_accept(l, (const struct listener *)(const void *)source);
		return;
	}
	if (source->kind == SOURCE_MAIL)
		return; // the box is looked at in every turn
	struct conn *c = (struct conn *)(void *)source;
	if (c->fd < 0)
		return;
	if (ev->events & (EPOLLHUP | EPOLLERR)) {
		conn_free(c);
		return;
	}
	if (ev->events & EPOLLIN)
		c->readable = true;
	if (ev->events & EPOLLRDHUP)
		c->readable = c->peer_ended = true;
	if (ev->events & EPOLLOUT)
		c->writable = true;
	conn_run(c);
}

static void loop_run(void *context)
{
	struct loop *l = context;
	sigset_t all;
	sigfillset(
		&all); // signals are for the main thread; a write to a closed socket is an error, not a signal
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	l->id = pthread_self();
	thread_be_prompt();
	struct epoll_event events[EVENTS];
	for (;;) {
		atomic_fetch_add(&l->turns, 1);
		bool stop = atomic_load_explicit(&l->stop, memory_order_acquire);
		uint32_t every_ms = sweep_ms(l);
		int n = epoll_wait(l->epoll, events, EVENTS, l->again ? 0 : stop ? 10 : (int)every_ms);
		l->now_ms = clock_system()->monotonic_ns(clock_system()) / 1000000;
		date_set(l);
		for (int i = 0; i < n; i++)
			event_run(l, &events[i]);
		again_run(l);
		mailbox_empty(l);
		if (l->server->o.turned)
			l->server->o.turned(l->server->o.context);
		if (stop || l->now_ms - l->swept_ms >= every_ms ||
			(l->accepting && atomic_load_explicit(&l->server->quiescing, memory_order_relaxed)))
			sweep(l, stop);
		if (stop && !l->first)
			break;
	}
	mailbox_empty(l);
}

enum rc loop_open(struct loop *l, struct http_server *s, struct err *e)
{
	l->server = s;
	l->mail_source.kind = SOURCE_MAIL;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.ptr = &l->mail_source};
	if (l->epoll < 0 || l->wake < 0 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->wake, &ev) < 0)
		return err_errno(e, RC_IO, errno, "cannot make an event loop");
	l->unpacker = unpacker_new();
	l->free_inputs = mem_calloc(KEPT_INPUTS, sizeof(*l->free_inputs));
	l->routes = mem_calloc(s->o.n_routes + 1, sizeof(*l->routes));
	if (!l->unpacker || !l->free_inputs || !l->routes)
		return err_set(e, RC_NOMEM, "no memory for an event loop");
	l->now_ms = clock_system()->monotonic_ns(clock_system()) / 1000000;
	date_set(l);
	return RC_OK;
}

enum rc loop_start(struct loop *l, struct err *e)
{
	listeners_watch(l, true);
	l->thread = thread_start(loop_run, l);
	return l->thread ? RC_OK : err_set(e, RC_IO, "cannot start a thread of the server");
}

void loop_close(struct loop *l)
{
	if (l->thread) {
		atomic_store_explicit(&l->stop, true, memory_order_release);
		loop_wake(l);
		thread_join(&l->thread);
	}
	while (atomic_load_explicit(&l->posting, memory_order_acquire))
		sched_yield();
	while (l->free_exchanges) {
		struct http_exchange *next = l->free_exchanges->next_free;
		exchange_free(l->free_exchanges);
		l->free_exchanges = next;
	}
	for (uint32_t i = 0; i < l->n_free_inputs; i++)
		mem_free(l->free_inputs[i]);
	mem_free(l->free_inputs);
	mem_free(l->routes);
	unpacker_free(&l->unpacker);
	if (l->epoll >= 0)
		close(l->epoll);
	if (l->wake >= 0)
		close(l->wake);
}
