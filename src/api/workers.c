// SPDX-License-Identifier: Apache-2.0
// Threads for handlers that take long: questions, uploads, passwords. Calls wait in a bounded queue in order of arrival.
#include "api/internal.h"

#include "base/mem.h"
#include "base/pool.h"

#include <pthread.h>

enum { WAITING_MAX = 1024 };

struct workers {
	pthread_mutex_t mu;
	pthread_cond_t work;
	struct api_call *waiting[WAITING_MAX];
	size_t first, n;
	bool closing;
	struct thread **threads;
	unsigned n_threads;
};

static struct api_call *next_call(struct workers *w)
{
	struct api_call *c = NULL;
	pthread_mutex_lock(&w->mu);
	while (w->n == 0 && !w->closing)
		pthread_cond_wait(&w->work, &w->mu);
	if (w->n > 0) {
		c = w->waiting[w->first];
		w->first = (w->first + 1) % WAITING_MAX;
		w->n--;
	}
	pthread_mutex_unlock(&w->mu);
	return c;
}

static void work(void *context)
{
	struct api_call *c;
	while ((c = next_call(context)) != NULL) {
		struct err e = ERR_NONE;
		enum rc rc = api_run(c, &e);
		api_finish(c, rc, &e);
	}
}

enum rc workers_open(unsigned threads, struct workers **out, struct err *e)
{
	threads = threads ? threads : pool_cpus();
	struct workers *w = *out = mem_calloc(1, sizeof(*w));
	if (!w)
		return err_set(e, RC_NOMEM, "out of memory for the workers");
	pthread_mutex_init(&w->mu, NULL);
	pthread_cond_init(&w->work, NULL);
	w->threads = mem_calloc(threads, sizeof(*w->threads));
	for (; w->threads && w->n_threads < threads; w->n_threads++)
		if (!(w->threads[w->n_threads] = thread_start(work, w)))
			break;
	if (w->n_threads == threads)
		return RC_OK;
	workers_close(out);
	return err_set(e, RC_NOMEM, "no threads could be started for the workers");
}

void workers_close(struct workers **workers)
{
	struct workers *w = *workers;
	*workers = NULL;
	if (!w)
		return;
	pthread_mutex_lock(&w->mu);
	w->closing = true;
	pthread_cond_broadcast(&w->work);
	pthread_mutex_unlock(&w->mu);
	for (unsigned i = 0; i < w->n_threads; i++)
		thread_join(&w->threads[i]);
	mem_free(w->threads);
	pthread_cond_destroy(&w->work);
	pthread_mutex_destroy(&w->mu);
	mem_free(w);
}

bool workers_take(struct workers *w, struct api_call *c)
{
	pthread_mutex_lock(&w->mu);
	bool room = w->n < WAITING_MAX && !w->closing;
	if (room) {
		w->waiting[(w->first + w->n++) % WAITING_MAX] = c;
		pthread_cond_signal(&w->work);
	}
	pthread_mutex_unlock(&w->mu);
	return room;
}
