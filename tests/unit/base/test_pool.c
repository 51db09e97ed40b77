// SPDX-License-Identifier: Apache-2.0
// Threads, queues, and the progress line.
#include "unit.h"

#include "base/pool.h"
#include "base/progress.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

enum { N_TASKS = 1000 };

struct work {
	atomic_uint runs[N_TASKS];
	uint32_t bad_a, bad_b;
};

static enum rc task(void *context, uint32_t i, struct err *e)
{
	struct work *w = context;
	atomic_fetch_add(&w->runs[i], 1);
	if (i == w->bad_a || i == w->bad_b)
		return err_set(e, RC_INPUT, "task %u", i);
	return RC_OK;
}

static void every_task_once(void **state)
{
	(void)state;
	for (unsigned threads = 0; threads <= 9; threads += 3) {
		struct work w = {.bad_a = UINT32_MAX, .bad_b = UINT32_MAX};
		struct err e = ERR_NONE;
		assert_int_equal(pool_run(threads, N_TASKS, task, &w, &e), RC_OK);
		for (unsigned i = 0; i < N_TASKS; i++)
			assert_int_equal(atomic_load(&w.runs[i]), 1);
		assert_int_equal(pool_run(threads, 0, task, &w, &e), RC_OK);
	}
	assert_true(pool_cpus() >= 1);
}

static void lowest_failure_wins(void **state)
{
	(void)state;
	for (int round = 0; round < 200; round++) {
		struct work w = {.bad_a = 40, .bad_b = 41};
		struct err e = ERR_NONE;
		assert_int_equal(pool_run(4, N_TASKS, task, &w, &e), RC_INPUT);
		assert_string_equal(e.message, "task 40");
		for (unsigned i = 0; i <= 40; i++)
			assert_int_equal(atomic_load(&w.runs[i]), 1);
		assert_int_equal(atomic_load(&w.runs[N_TASKS - 1]), 0);
	}
}

static enum rc same_processors(void *context, uint32_t i, struct err *e)
{
	cpu_set_t mine, *all = context;
	if (sched_getaffinity(0, sizeof(mine), &mine) != 0 || !CPU_EQUAL(&mine, all))
		return err_set(e, RC_IO, "task %u may use other processors", i);
	return RC_OK;
}

// Where a thread begins does not bind it: tasks may run wherever the process may, be it on one processor only.
static void tasks_may_run_anywhere(void **state)
{
	(void)state;
	cpu_set_t all, one;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	assert_int_equal(pool_run(4, N_TASKS, same_processors, &all, NULL), RC_OK);
	size_t first = 0;
	while (!CPU_ISSET(first, &all))
		first++;
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	enum rc rc = pool_run(4, N_TASKS, same_processors, &one, NULL);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	assert_int_equal(rc, RC_OK);
}

static void no_memory_is_only_slower(void **state)
{
	(void)state;
	struct work w = {.bad_a = UINT32_MAX, .bad_b = UINT32_MAX};
	mem_fail_at(1);
	assert_int_equal(pool_run(4, N_TASKS, task, &w, NULL), RC_OK);
	mem_fail_at(0);
	assert_int_equal(atomic_load(&w.runs[N_TASKS - 1]), 1);
}

static int items[N_TASKS];

static void produce(void *context)
{
	struct queue *q = context;
	for (int i = 0; i < N_TASKS; i++)
		if (!queue_push(q, &items[i]))
			return;
	queue_close(q);
}

static void queue_in_order(void **state)
{
	(void)state;
	struct queue *q = queue_new(7);
	struct thread *t = thread_start(produce, q);
	assert_non_null(t);
	for (int i = 0; i < N_TASKS; i++)
		assert_ptr_equal(queue_pop(q), &items[i]);
	assert_null(queue_pop(q));
	assert_false(queue_push(q, &items[0]));
	thread_join(&t);
	assert_null(t);
	queue_free(&q);
	queue_free(&q);
}

// A consumer that gives up closes the queue: the producer, waiting for room, is let go.
static void queue_closed_by_consumer(void **state)
{
	(void)state;
	struct queue *q = queue_new(2);
	struct thread *t = thread_start(produce, q);
	assert_ptr_equal(queue_pop(q), &items[0]);
	queue_close(q);
	thread_join(&t);
	unsigned left = 0;
	while (queue_pop(q))
		left++;
	assert_true(left <= 2);
	queue_free(&q);
	mem_fail_at(1);
	assert_null(queue_new(2));
	mem_fail_at(1);
	assert_null(thread_start(produce, NULL));
}

// How often the thread waits by itself in thread_pass, after more than a turn's work.
static long waits_in_pass(void)
{
	struct rusage before, after;
	struct timespec start, now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < 2);
	getrusage(RUSAGE_THREAD, &before);
	thread_pass();
	getrusage(RUSAGE_THREAD, &after);
	return after.ru_nvcsw - before.ru_nvcsw;
}

struct giving {
	bool hurry;
	long waits, in_a_hurry;
};

static bool hurries(const void *context)
{
	return ((const struct giving *)context)->hurry;
}

static void give_way(void *context)
{
	struct giving *g = context;
	thread_give_way(hurries, g);
	g->waits = waits_in_pass();
	g->hurry = true;
	g->in_a_hurry = waits_in_pass();
}

static void passing(void **state)
{
	(void)state;
	struct giving g = {0};
	struct thread *t = thread_start(give_way, &g);
	assert_non_null(t);
	thread_join(&t);
	assert_true(g.waits >= 1);
	assert_int_equal(g.in_a_hurry, 0);
	assert_int_equal(waits_in_pass(), 0); // who does not give way
}

struct waiting {
	pthread_mutex_t mu;
	pthread_cond_t cond;
	bool woken;
};

static void wake(void *context)
{
	struct waiting *w = context;
	pthread_mutex_lock(&w->mu);
	w->woken = true;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->mu);
}

static void waiting_for_a_while(void **state)
{
	(void)state;
	struct waiting w = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
	struct timespec before, until;
	clock_gettime(CLOCK_MONOTONIC, &before);
	until = thread_deadline(2999);
	assert_true(until.tv_nsec >= 0 && until.tv_nsec < 1000000000);
	int64_t ms = (until.tv_sec - before.tv_sec) * 1000 + (until.tv_nsec - before.tv_nsec) / 1000000;
	assert_true(ms >= 2999 && ms < 60000);
	pthread_mutex_lock(&w.mu);
	until = thread_deadline(1);
	while (thread_wait_until(&w.cond, &w.mu, &until))
		;
	assert_false(w.woken);
	until = thread_deadline(60000);
	struct thread *t = thread_start(wake, &w);
	while (!w.woken)
		assert_true(thread_wait_until(&w.cond, &w.mu, &until));
	pthread_mutex_unlock(&w.mu);
	thread_join(&t);
}

static void progress_texts(void **state)
{
	(void)state;
	char out[32];
	assert_string_equal(progress_amount(0, out, sizeof(out)), "0");
	assert_string_equal(progress_amount(999, out, sizeof(out)), "999");
	assert_string_equal(progress_amount(1234, out, sizeof(out)), "1.2k");
	assert_string_equal(progress_amount(9990, out, sizeof(out)), "10k");
	assert_string_equal(progress_amount(349600, out, sizeof(out)), "350k");
	assert_string_equal(progress_amount(999600, out, sizeof(out)), "1.0M");
	assert_string_equal(progress_duration(7.4, out, sizeof(out)), "0:07");
	assert_string_equal(progress_duration(750, out, sizeof(out)), "12:30");
	assert_string_equal(progress_duration(3723, out, sizeof(out)), "1:02:03");
}

static void progress_lines(void **state)
{
	(void)state;
	char line[256];
	progress_line("import", "bytes", 1000, 500, 1200, 10, 80, line, sizeof(line));
	assert_string_equal(
		line, "import [###############----------------]  50%  1.2k rows  120 rows/s  0:10 left");
	progress_line("import", "bytes", 0, 2000, 0, 61, 80, line, sizeof(line));
	assert_string_equal(line, "import 2.0k bytes  1:01");
	// Just short of the end is not the end.
	progress_line("x", "bytes", 1000, 999, 0, 0, 80, line, sizeof(line));
	assert_non_null(strstr(line, " 99%"));
	assert_non_null(strstr(line, "-]"));
	for (int columns = 10; columns < 200; columns++)
		for (uint64_t done = 0; done <= 1000; done += 100) {
			int n = progress_line(
				"a label", "bytes", 1000, done, done * 1000, 100, columns, line, sizeof(line));
			assert_true(n < columns);
			assert_int_equal(strlen(line), n);
		}
	// Not a terminal, or no memory: nothing happens.
	struct progress *p = progress_new("x", 10, "bytes", true);
	progress_update(p, 5, 5);
	progress_finish(&p);
	assert_null(p);
	mem_fail_at(1);
	p = progress_new("x", 10, "bytes", true);
	assert_null(p);
	progress_update(p, 5, 5);
	progress_finish(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_task_once),
		cmocka_unit_test(lowest_failure_wins),
		cmocka_unit_test(tasks_may_run_anywhere),
		cmocka_unit_test(no_memory_is_only_slower),
		cmocka_unit_test(queue_in_order),
		cmocka_unit_test(queue_closed_by_consumer),
		cmocka_unit_test(passing),
		cmocka_unit_test(waiting_for_a_while),
		cmocka_unit_test(progress_texts),
		cmocka_unit_test(progress_lines),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
