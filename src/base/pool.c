// SPDX-License-Identifier: Apache-2.0
// Threads. pool_run: tasks are handed out in order of i under one counter, so when task i fails every task
// before it has been started and will finish; the failure of the lowest i is therefore the one reported,
// whatever the number of threads. queue: a ring with two conditions.
#include "base/pool.h"
#include "base/mem.h"

#include <assert.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

unsigned pool_cpus(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
		return (unsigned)CPU_COUNT(&set);
	long n = sysconf(_SC_NPROCESSORS_ONLN); // more processors than cpu_set_t has bits
	return n > 0 ? (unsigned)n : 1;
}

struct run {
	enum rc (*task)(void *context, uint32_t i, struct err *e);
	void *context;
	uint32_t n;
	atomic_uint_fast64_t next;
	atomic_bool stop;
	cpu_set_t allowed;    // processors
	pthread_mutex_t lock; // of the two below
	uint32_t failed_i;    // lowest task that failed; n = none
	struct err error;
};

static void run_tasks(struct run *run)
{
	while (!atomic_load_explicit(&run->stop, memory_order_acquire)) {
		uint64_t i = atomic_fetch_add(&run->next, 1);
		if (i >= run->n)
			break;
		struct err e = ERR_NONE;
		enum rc rc = run->task(run->context, (uint32_t)i, &e);
		if (rc == RC_OK)
			continue;
		atomic_store(&run->stop, true);
		pthread_mutex_lock(&run->lock);
		if (i < run->failed_i) {
			run->failed_i = (uint32_t)i;
			run->error = e;
			run->error.rc = rc;
		}
		pthread_mutex_unlock(&run->lock);
	}
}

static void *run_thread(void *arg)
{
	struct run *run = arg;
	pthread_setaffinity_np(
		pthread_self(), sizeof(run->allowed), &run->allowed); // begun: from now on anywhere
	run_tasks(run);
	return NULL;
}

// Starts a thread on another processor than this one, which has tasks of its own to do. Left to itself the scheduler
// puts it here whenever the others look busy at that moment, and moves it only many milliseconds later.
static bool start_elsewhere(struct run *run, pthread_t *id)
{
	cpu_set_t others = run->allowed;
	int here = sched_getcpu();
	pthread_attr_t attr;
	if (here < 0 || here >= CPU_SETSIZE || CPU_COUNT(&others) < 2 || pthread_attr_init(&attr) != 0)
		return false;
	CPU_CLR((size_t)here, &others);
	bool started = pthread_attr_setaffinity_np(&attr, sizeof(others), &others) == 0 &&
		       pthread_create(id, &attr, run_thread, run) == 0;
	pthread_attr_destroy(&attr);
	return started;
}

enum rc pool_run(unsigned threads, uint32_t n, enum rc (*task)(void *context, uint32_t i, struct err *e),
	void *context, struct err *e)
{
	struct run run = {.task = task, .context = context, .n = n, .failed_i = n};
	pthread_mutex_init(&run.lock, NULL);
	if (sched_getaffinity(0, sizeof(run.allowed), &run.allowed) != 0)
		CPU_ZERO(
			&run.allowed); // more processors than the set has bits: threads are left where they are
	unsigned extra = threads > n ? n : threads;
	extra = extra > 1 ? extra - 1 : 0;
	// Fewer threads than asked for is slower, not wrong: neither allocation nor creation has to succeed.
	pthread_t *ids = extra ? mem_calloc(extra, sizeof(*ids)) : NULL;
	unsigned started = 0;
	while (ids && started < extra &&
		(start_elsewhere(&run, &ids[started]) ||
			pthread_create(&ids[started], NULL, run_thread, &run) == 0))
		started++;
	run_tasks(&run);
	for (unsigned i = 0; i < started; i++)
		pthread_join(ids[i], NULL);
	mem_free(ids);
	pthread_mutex_destroy(&run.lock);
	return run.error.rc == RC_OK ? RC_OK : err_take(e, &run.error);
}

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t not_full, not_empty;
	bool closed;
	size_t capacity, n, head; // items are ring[head .. head + n)
	void *ring[];
};

struct queue *queue_new(size_t capacity)
{
	assert(capacity > 0);
	size_t bytes;
	if (__builtin_mul_overflow(capacity, sizeof(void *), &bytes) || bytes > SIZE_MAX - sizeof(struct queue))
		return NULL;
	struct queue *q = mem_calloc(1, sizeof(*q) + bytes);
	if (!q)
		return NULL;
	q->capacity = capacity;
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->not_full, NULL);
	pthread_cond_init(&q->not_empty, NULL);
	return q;
}

void queue_free(struct queue **q)
{
	if (!*q)
		return;
	pthread_cond_destroy(&(*q)->not_empty);
	pthread_cond_destroy(&(*q)->not_full);
	pthread_mutex_destroy(&(*q)->lock);
	mem_free(*q);
	*q = NULL;
}

bool queue_push(struct queue *q, void *item)
{
	pthread_mutex_lock(&q->lock);
	while (!q->closed && q->n == q->capacity)
		pthread_cond_wait(&q->not_full, &q->lock);
	bool taken = !q->closed;
	if (taken) {
		q->ring[(q->head + q->n) % q->capacity] = item;
		q->n++;
		pthread_cond_signal(&q->not_empty);
	}
	pthread_mutex_unlock(&q->lock);
	return taken;
}

void *queue_pop(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	while (!q->closed && q->n == 0)
		pthread_cond_wait(&q->not_empty, &q->lock);
	void *item = NULL;
	if (q->n > 0) {
		item = q->ring[q->head];
		q->head = (q->head + 1) % q->capacity;
		q->n--;
		pthread_cond_signal(&q->not_full);
	}
	pthread_mutex_unlock(&q->lock);
	return item;
}

void queue_close(struct queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->closed = true;
	pthread_cond_broadcast(&q->not_full);
	pthread_cond_broadcast(&q->not_empty);
	pthread_mutex_unlock(&q->lock);
}

struct thread {
	pthread_t id;
	void (*fn)(void *context);
	void *context;
};

static void *thread_main(void *arg)
{
	struct thread *t = arg;
	t->fn(t->context);
	return NULL;
}

struct thread *thread_start(void (*fn)(void *context), void *context)
{
	struct thread *t = mem_alloc(sizeof(*t));
	if (!t)
		return NULL;
	t->fn = fn;
	t->context = context;
	if (pthread_create(&t->id, NULL, thread_main, t) != 0) {
		mem_free(t);
		return NULL;
	}
	return t;
}

// The kernel's struct sched_attr, which the C library does not declare yet.
struct scheduling {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t slice_ns, deadline_ns, period_ns;
};

void thread_be_prompt(void)
{
	struct scheduling s = {.size = sizeof(s), .policy = SCHED_OTHER, .slice_ns = 100000};
	s.nice = getpriority(PRIO_PROCESS, (id_t)gettid());
	syscall(SYS_sched_setattr, 0, &s, 0);
}

struct timespec thread_deadline(uint64_t after_ms)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += (long)(after_ms % 1000) * 1000000;
	t.tv_sec += (time_t)(after_ms / 1000) + t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

bool thread_wait_until(pthread_cond_t *cond, pthread_mutex_t *mu, const struct timespec *deadline)
{
	return pthread_cond_clockwait(cond, mu, CLOCK_MONOTONIC, deadline) == 0;
}

// Of a thread that gives way: when its turn began, and what tells it to hurry.
static _Thread_local struct {
	bool gives_way;
	int64_t began_ns;
	bool (*hurries)(const void *context);
	const void *context;
} turn;

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

void thread_give_way(bool (*hurries)(const void *context), const void *context)
{
	// Linux has a priority per thread, though POSIX has one per process. To lower it is always allowed.
	enum { LESS = 10 };
	setpriority(PRIO_PROCESS, (id_t)gettid(), LESS);
	thread_take_breaks(hurries, context);
}

void thread_take_breaks(bool (*hurries)(const void *context), const void *context)
{
	prctl(PR_SET_TIMERSLACK, 1); // short pauses are not made longer
	turn.gives_way = true;
	turn.began_ns = now_ns();
	turn.hurries = hurries;
	turn.context = context;
}

void thread_pass(void)
{
	// A thread of low priority that runs is not interrupted before the kernel's next tick, 4 ms as a rule. The turn goes
	// by the clock, not by what was worked: who had to wait for the processor passes it on soon.
	enum { TURN_NS = 200000, PAUSE_NS = 150000 };
	if (!turn.gives_way)
		return;
	if (now_ns() - turn.began_ns < TURN_NS)
		return;
	if (!turn.hurries || !turn.hurries(turn.context))
		nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
	turn.began_ns = now_ns();
}

void thread_join(struct thread **t)
{
	if (!*t)
		return;
	pthread_join((*t)->id, NULL);
	mem_free(*t);
	*t = NULL;
}
