// SPDX-License-Identifier: Apache-2.0
// Opening and closing the server, its counters.
#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"
#include "http/internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAGIC = 0x48545450, BACKLOG = 4096, LOOPS_MAX = 64, LOOPS_DEFAULT = 4, INPUT_EXTRA = 1024 };

static void default_u32(uint32_t *v, uint32_t def)
{
	if (*v == 0)
		*v = def;
}

static void default_size(size_t *v, size_t def)
{
	if (*v == 0)
		*v = def;
}

static void options_default(struct http_options *o)
{
	unsigned cpus = pool_cpus();
	if (o->threads == 0)
		o->threads = cpus < LOOPS_DEFAULT ? cpus : LOOPS_DEFAULT;
	if (o->threads > LOOPS_MAX)
		o->threads = LOOPS_MAX;
	default_size(&o->header_bytes, 16 << 10);
	default_size(&o->body_bytes, 1 << 20);
	default_size(&o->unpacked_bytes, 8 << 20);
	default_size(&o->reply_bytes, 256 << 20);
	default_size(&o->stream_bytes, 256 << 10);
	default_size(&o->bodies_bytes, 512 << 20);
	default_u32(&o->connections, 20000);
	default_u32(&o->connections_per_address, 4096);
	default_u32(&o->header_ms, 10000);
	default_u32(&o->body_ms, 30000);
	default_u32(&o->rate_bytes, 16 << 10);
	default_u32(&o->idle_ms, 75000);
	default_u32(&o->fresh_ms, 500);
	default_u32(&o->write_ms, 30000);
}

static uint32_t sweep_interval(const struct http_options *o)
{
	const uint32_t all[] = {o->header_ms, o->body_ms, o->idle_ms, o->write_ms};
	uint32_t least = 2000;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		least = all[i] < least ? all[i] : least;
	return least / 4 > 10 ? least / 4 : 10;
}

static enum rc trusted_read(struct http_server *s, struct err *e)
{
	s->trusted = mem_calloc(s->o.n_trusted_proxies + 1, sizeof(*s->trusted));
	if (!s->trusted)
		return err_set(e, RC_NOMEM, "no memory for the server");
	for (size_t i = 0; i < s->o.n_trusted_proxies; i++)
		if (!range_read(sv_from(s->o.trusted_proxies[i]), &s->trusted[s->n_trusted++])) {
			enum rc rc = err_set(
				e, RC_USAGE, "'%s' is not an address or a range", s->o.trusted_proxies[i]);
			err_remedy(e, "write it as 10.0.0.0/8 or ::1");
			return rc;
		}
	return RC_OK;
}

static enum rc socket_open(const char *text, int *out, struct err *e)
{
	struct sockaddr_storage sa;
	socklen_t len;
	if (!listen_address(text, &sa, &len)) {
		enum rc rc = err_set(e, RC_USAGE, "'%s' is not an address to listen on", text);
		err_remedy(e, "write it as 127.0.0.1:8080, [::1]:8080, localhost:8080 or *:8080: other names "
			      "are not looked up");
		return rc;
	}
	int on = 1, off = 0, fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(e, RC_IO, errno, "cannot open a socket for %s", text);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (sa.ss_family == AF_INET6) // "*" is IPv4 too
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, text[0] == '*' ? &off : &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sa, len) < 0 || listen(fd, BACKLOG) < 0) {
		enum rc rc = err_errno(e, RC_IO, errno, "cannot listen on %s", text);
		if (errno == EADDRINUSE)
			err_remedy(
				e, "another program listens there: choose another port, or 0 for a free one");
		close(fd);
		return rc;
	}
	*out = fd;
	return RC_OK;
}

static enum rc listener_open(struct http_server *s, const struct http_address *a, struct err *e)
{
	struct listener *l = &s->listeners[s->n_listeners];
	*l = (struct listener){.source.kind = SOURCE_LISTENER, .fd = a->fd, .tls = a->tls};
	if (a->tls && !s->tls)
		return err_set(e, RC_USAGE, "TLS needs a certificate and a key");
	enum rc rc = a->address ? socket_open(a->address, &l->fd, e) : RC_OK;
	if (rc)
		return rc;
	s->n_listeners++;
	int flags = fcntl(l->fd, F_GETFL), listens = 0;
	socklen_t len = sizeof(listens);
	if (flags < 0 || getsockopt(l->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0 || !listens)
		return err_set(e, RC_USAGE, "descriptor %d is not a listening socket", l->fd);
	fcntl(l->fd, F_SETFL, flags | O_NONBLOCK);
	fcntl(l->fd, F_SETFD, FD_CLOEXEC);
	struct sockaddr_storage sa = {0};
	len = sizeof(sa);
	if (getsockname(l->fd, (struct sockaddr *)&sa, &len) < 0)
		return err_errno(e, RC_IO, errno, "cannot ask for the port");
	l->port = ntohs(sa.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)&sa)->sin6_port
						 : ((struct sockaddr_in *)(void *)&sa)->sin_port);
	return RC_OK;
}

static enum rc server_open(struct http_server *s, struct err *e)
{
	enum rc rc = router_new(s->o.routes, s->o.n_routes, &s->router, e);
	if (!rc)
		rc = trusted_read(s, e);
	if (!rc && s->o.tls_certificate)
		rc = tls_new(
			s->o.tls_certificate, s->o.tls_key ? s->o.tls_key : s->o.tls_certificate, &s->tls, e);
	if (rc)
		return rc;
	s->census = peers_new(s->o.connections_per_address);
	s->listeners = mem_calloc(s->o.n_addresses + 1, sizeof(*s->listeners));
	s->loops = mem_calloc(s->o.threads, sizeof(*s->loops));
	if (!s->census || !s->listeners || !s->loops)
		return err_set(e, RC_NOMEM, "no memory for the server");
	for (size_t i = 0; i < s->o.n_addresses && !rc; i++)
		rc = listener_open(s, &s->o.addresses[i], e);
	for (uint32_t i = 0; i < s->o.threads && !rc; i++) {
		s->n_loops++;
		s->loops[i].epoll = s->loops[i].wake = -1;
		rc = loop_open(&s->loops[i], s, e);
	}
	for (uint32_t i = 0; i < s->n_loops && !rc; i++)
		rc = loop_start(&s->loops[i], e);
	return rc;
}

enum rc http_open(const struct http_options *options, struct http_server **out, struct err *e)
{
	struct http_server *s = *out = mem_calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, RC_NOMEM, "no memory for the server");
	s->magic = MAGIC;
	s->o = *options;
	options_default(&s->o);
	s->in_bytes = s->o.header_bytes + INPUT_EXTRA;
	s->sweep_ms = sweep_interval(&s->o);
	enum rc rc = server_open(s, e);
	if (rc)
		http_close(out);
	return rc;
}

uint16_t http_port(const struct http_server *s, size_t i)
{
	return i < s->n_listeners ? s->listeners[i].port : 0;
}

// Until each loop has begun another turn: what it did before is over, and it has seen what we set before.
static void loops_pass(struct http_server *s)
{
	for (uint32_t i = 0; i < s->n_loops; i++) {
		struct loop *l = &s->loops[i];
		unsigned turns = atomic_load(&l->turns);
		while (atomic_load(&l->turns) == turns) {
			loop_wake(l);
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		}
	}
}

bool http_quiesce(struct http_server *s, uint32_t timeout_ms)
{
	atomic_store(&s->quiescing, true);
	for (uint32_t i = 0; i < s->n_loops; i++)
		loop_wake(&s->loops[i]);
	const struct clock *clock = clock_system();
	int64_t end_ns = clock->monotonic_ns(clock) + (int64_t)timeout_ms * 1000000;
	while (atomic_load(&s->n_connections) && clock->monotonic_ns(clock) < end_ns)
		nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	atomic_store(&s->cut, true);
	loops_pass(s);
	return atomic_load(&s->n_connections) == 0;
}

void http_close(struct http_server **out)
{
	struct http_server *s = *out;
	if (!s)
		return;
	assert(s->magic == MAGIC);
	atomic_store(&s->quiescing, true);
	for (uint32_t i = 0; i < s->n_loops; i++)
		loop_close(&s->loops[i]);
	for (size_t i = 0; i < s->n_listeners; i++)
		close(s->listeners[i].fd);
	peers_free(&s->census);
	router_free(&s->router);
	tls_free(&s->tls);
	mem_free(s->trusted);
	mem_free(s->listeners);
	mem_free(s->loops);
	s->magic = 0;
	mem_free(s);
	*out = NULL;
}

enum rc http_reload_tls(struct http_server *s, struct err *e)
{
	return s->tls ? tls_reload(s->tls, e) : RC_OK;
}

size_t http_inherited(int *fds, size_t max)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
	int64_t of = 0, count_of = 0;
	bool ours =
		pid && n && sv_to_i64(sv_from(pid), &of) && of == getpid() && sv_to_i64(sv_from(n), &count_of);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (!ours || count_of <= 0)
		return 0;
	size_t taken = (uint64_t)count_of < max ? (size_t)count_of : max;
	for (size_t i = 0; i < taken; i++)
		fds[i] = 3 + (int)i; // SD_LISTEN_FDS_START
	return taken;
}

// --- counters ---

static uint64_t get(const atomic_uint_fast64_t *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

static void sum(const struct counters *c, struct http_route_stats *out)
{
	for (size_t i = 0; i < 6; i++)
		out->requests[i] += get(&c->requests[i]);
	for (size_t i = 0; i < HTTP_BUCKETS; i++)
		out->buckets[i] += get(&c->buckets[i]);
	out->sum_us += get(&c->sum_us);
}

void http_stats(const struct http_server *s, struct http_stats *out)
{
	*out = (struct http_stats){.bodies_bytes = get(&s->bodies)};
	for (uint32_t i = 0; i < s->n_loops; i++) {
		const struct loop_counters *c = &s->loops[i].counters;
		out->connections += get(&c->connections);
		out->streams += get(&c->streams);
		out->waiting += get(&c->waiting);
		out->accepted += get(&c->accepted);
		out->refused += get(&c->refused);
		out->timed_out += get(&c->timed_out);
		out->cut_off += get(&c->cut_off);
		out->bytes_in += get(&c->bytes_in);
		out->bytes_out += get(&c->bytes_out);
		sum(&c->all, &out->all);
	}
}

void http_route_stats(const struct http_server *s, size_t i, struct http_route_stats *out)
{
	*out = (struct http_route_stats){0};
	for (uint32_t k = 0; k < s->n_loops && i < s->o.n_routes; k++)
		sum(&s->loops[k].routes[i], out);
}
