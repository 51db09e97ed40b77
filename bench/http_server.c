// SPDX-License-Identifier: Apache-2.0
// The server with nothing behind it, for bench/http_load: what HTTP itself costs.
//   http_server PORT [deferred]   POST /now is answered at once, with "deferred" by another thread, in lots
#include "base/pool.h"
#include "http/http.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct world {
	bool deferred;
	struct queue *queue;
};

static void answer(struct http_exchange *x)
{
	buf_sv(http_out(x), SV("{\"success\":true}"));
	http_reply_json(x);
}

static void handle(struct http_exchange *x, void *context)
{
	struct world *w = context;
	if (w->deferred)
		queue_push(w->queue, x);
	else
		answer(x);
}

static void work(void *context)
{
	struct world *w = context;
	for (struct http_exchange *x; (x = queue_pop(w->queue));)
		answer(x);
}

int main(int argc, char **argv)
{
	struct world w = {.deferred = argc > 2 && strcmp(argv[2], "deferred") == 0, .queue = queue_new(65536)};
	const struct http_route routes[] = {{.method = HTTP_POST, .path = "/now", .handle = handle},
		{.method = HTTP_GET, .path = "/now", .handle = handle}};
	char where[64];
	snprintf(where, sizeof(where), "127.0.0.1:%s", argc > 1 ? argv[1] : "0");
	const struct http_address address = {.address = where};
	const struct http_options o = {.addresses = &address,
		.n_addresses = 1,
		.threads = 1,
		.routes = routes,
		.n_routes = 2,
		.connections_per_address = 20000,
		.context = &w};
	struct http_server *s;
	struct err e = ERR_NONE;
	char text[1024];
	if (!w.queue || http_open(&o, &s, &e)) {
		fprintf(stderr, "%s\n", err_format(&e, text, sizeof(text)));
		return 1;
	}
	struct thread *worker = thread_start(work, &w);
	printf("%u\n", http_port(s, 0));
	fflush(stdout);
	sigset_t stop;
	int signal;
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	sigwait(&stop, &signal);
	http_quiesce(s, 1000);
	http_close(&s);
	queue_close(w.queue);
	thread_join(&worker);
	queue_free(&w.queue);
	return 0;
}
