// SPDX-License-Identifier: Apache-2.0
// The queue of imports: one at a time, in order, and what becomes of it when the process ends.
// cmocka wants these before it
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "import_support.h"

#include "base/pool.h"
#include "listen/jobs.h"

#include <stdatomic.h>
#include <time.h>

struct house {
	atomic_int refusals; // that begin still makes; negative: for ever
	atomic_int n_begun, n_inside, n_over;
	atomic_uint_fast64_t n_added;
	int64_t over[100]; // ids, negative when failed
	// Somebody cancels `job` of `jobs` when it has been imported, and when it has been written down.
	struct jobs *jobs;
	atomic_int_fast64_t job;
	bool at_end, at_over;
	enum rc cancelled;
	struct err why;
};

static void cancel_now(struct house *h)
{
	for (int i = 0; i < 60000 && !atomic_load(&h->job); i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	h->why = ERR_NONE;
	h->cancelled = jobs_cancel(h->jobs, atomic_load(&h->job), SV("you"), &h->why);
}

static enum rc begin(void *context, struct err *e)
{
	struct house *h = context;
	if (atomic_load(&h->refusals) != 0) {
		atomic_fetch_sub(&h->refusals, 1);
		return err_set(e, RC_BUSY, "something else is going on");
	}
	atomic_fetch_add(&h->n_begun, 1);
	assert_int_equal(atomic_fetch_add(&h->n_inside, 1), 0);
	return RC_OK;
}

static void end(void *context)
{
	struct house *h = context;
	atomic_fetch_sub(&h->n_inside, 1);
	if (h->at_end)
		cancel_now(h);
}

static void committed(void *context, uint32_t n_added)
{
	struct house *h = context;
	atomic_fetch_add(&h->n_added, n_added);
}

static void over(void *context, const struct job *job)
{
	struct house *h = context;
	int i = atomic_load(&h->n_over);
	if (h->at_over)
		cancel_now(h);
	h->over[i] = job->state == JOB_DONE ? job->id : -job->id;
	atomic_store(&h->n_over, i + 1);
}

static struct jobs *open_jobs(struct house *h, struct store *s)
{
	const struct jobs_options o = {
		.store = s, .context = h, .begin = begin, .end = end, .committed = committed, .over = over};
	struct jobs *j = NULL;
	struct err e = ERR_NONE;
	if (jobs_open(&o, &j, &e) != RC_OK)
		work_fail(&e);
	return j;
}

static void wait_for(atomic_int *what, int n)
{
	for (int i = 0; i < 60000 && atomic_load(what) < n; i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	assert_true(atomic_load(what) >= n);
}

static void put_rows(const struct work *w, const char *name, unsigned first, unsigned n)
{
	FILE *f = work_file(w, name);
	fprintf(f, "id,user,at,kind,score,agent\n");
	for (unsigned i = first; i < first + n; i++)
		fprintf(f, "%u,u%u,2026-03-%02uT10:00:%02u,call,5,\n", i, i % 97, 1 + i % 28, i % 60);
	fclose(f);
}

static struct job_order order_of(const struct work *w, const char *name, char path[300])
{
	return (struct job_order){.origin = JOB_UPLOAD,
		.who = SV("somebody"),
		.name = sv_from(name),
		.path = sv_from(work_path(w, name, path)),
		.map_name = SV("map"),
		.map_text = sv_from(map_csv)};
}

static int64_t add(struct jobs *j, const struct job_order *order)
{
	struct err e = ERR_NONE;
	int64_t id = 0;
	if (jobs_add(j, order, &id, &e) != RC_OK)
		work_fail(&e);
	return id;
}

static struct job get(struct jobs *j, int64_t id, struct arena *a)
{
	struct job job;
	struct err e = ERR_NONE;
	if (jobs_get(j, id, a, &job, &e) != RC_OK)
		work_fail(&e);
	return job;
}

static void test_in_order(void **state)
{
	const struct work *w = *state;
	struct store *s = work_store(w);
	struct house h = {.refusals = 3};
	struct jobs *j = open_jobs(&h, s);
	struct arena *a = arena_new(0);
	struct import_report r = {0};
	struct err e = ERR_NONE;
	char path[300];
	int64_t ids[4];
	put_rows(w, "a.csv", 0, 5000);
	put_rows(w, "b.csv", 4000, 2000);
	struct job_order first = order_of(w, "a.csv", path);
	ids[0] = add(j, &first);
	struct job_order second = order_of(w, "b.csv", path);
	ids[1] = add(j, &second);
	struct job_order missing = order_of(w, "nothing.csv", path);
	ids[2] = add(j, &missing);
	struct job_order dry = order_of(w, "b.csv", path);
	dry.dry_run = true;
	ids[3] = add(j, &dry);
	wait_for(&h.n_over, 4);
	const int64_t wanted[4] = {ids[0], ids[1], -ids[2], ids[3]};
	assert_memory_equal(h.over, wanted, sizeof(wanted));
	assert_int_equal(h.n_begun, 4);
	assert_int_equal(h.n_inside, 0);
	assert_int_equal(h.n_added, 6000);
	assert_int_equal(work_count(s), 6000);
	struct job done = get(j, ids[1], a), failed = get(j, ids[2], a);
	assert_int_equal(done.report.n_interactions, 1000);
	assert_int_equal(done.report.n_duplicates, 1000);
	assert_int_equal(done.bytes, work_size(w, "b.csv"));
	assert_true(done.state == JOB_DONE && done.began_ms >= done.at_ms && done.ended_ms >= done.began_ms);
	assert_true(failed.state == JOB_FAILED);
	assert_non_null(strstr(failed.message.ptr, "nothing.csv"));
	assert_null(strstr(failed.message.ptr, w->dir)); // people know it by its name
	// Waiting for one, and what it came to.
	struct job_order again = order_of(w, "a.csv", path);
	again.origin = JOB_FOLDER;
	assert_int_equal(jobs_run(j, &again, &r, &e), RC_OK);
	assert_int_equal(r.n_duplicates, 5000);
	again.map_text = SV("mapping: 2\n");
	assert_int_equal(jobs_run(j, &again, &r, &e), RC_INPUT);
	struct job *list;
	uint32_t n;
	e = ERR_NONE;
	assert_int_equal(jobs_list(j, INT64_MAX, 3, a, &list, &n, &e), RC_OK);
	assert_int_equal(n, 3);
	assert_true(list[0].state == JOB_FAILED && list[1].state == JOB_DONE && list[2].id == ids[3]);
	assert_int_equal(jobs_get(j, 999, a, list, &e), RC_NOT_FOUND);
	arena_free(&a);
	jobs_close(&j);
	store_close(&s);
}

struct waiter {
	struct jobs *jobs;
	struct job_order order;
	enum rc rc;
};

static void wait_in_run(void *context)
{
	struct waiter *x = context;
	struct import_report r;
	struct err e = ERR_NONE;
	x->rc = jobs_run(x->jobs, &x->order, &r, &e);
}

// The process ends while jobs wait: an upload is taken up by the next one, what a folder asked for is not.
static void test_end(void **state)
{
	const struct work *w = *state;
	struct store *s = work_store(w);
	struct house h = {.refusals = -1};
	struct jobs *j = open_jobs(&h, s);
	struct arena *a = arena_new(0);
	struct err e = ERR_NONE;
	char path[300];
	put_rows(w, "a.csv", 0, 100);
	struct job_order order = order_of(w, "a.csv", path);
	int64_t id = add(j, &order);
	struct waiter x = {j, order, RC_OK};
	x.order.origin = JOB_FOLDER;
	struct thread *t = thread_start(wait_in_run, &x);
	struct job *list;
	uint32_t n = 0;
	while (n < 2)
		assert_int_equal(jobs_list(j, INT64_MAX, 10, a, &list, &n, &e), RC_OK);
	jobs_stop(j);
	thread_join(&t);
	assert_int_equal(x.rc, RC_CANCELLED);
	assert_int_equal(jobs_add(j, &order, &id, &e), RC_CANCELLED);
	jobs_close(&j);
	assert_int_equal(h.n_over, 0);
	assert_int_equal(work_count(s), 0);
	// And one that was killed in the middle.
	e = ERR_NONE;
	assert_int_equal(db_exec(store_db(s),
				 "INSERT INTO import_job SELECT 50, at_ms, 1, 0, 1, 0, who, name, path, "
				 "map_name, map_text,"
				 " 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', '' FROM import_job LIMIT 1",
				 &e),
		RC_OK);
	atomic_store(&h.refusals, 0);
	j = open_jobs(&h, s);
	wait_for(&h.n_over, 1);
	assert_int_equal(h.over[0], id);
	assert_int_equal(work_count(s), 100);
	assert_int_equal(jobs_list(j, INT64_MAX, 10, a, &list, &n, &e), RC_OK);
	assert_int_equal(n, 3);
	assert_true(list[0].id == 50 && list[0].state == JOB_FAILED);
	assert_non_null(strstr(list[0].message.ptr, "interrupted"));
	assert_true(list[1].origin == JOB_FOLDER && list[1].state == JOB_FAILED);
	assert_true(list[2].id == id && list[2].state == JOB_DONE);
	arena_free(&a);
	jobs_close(&j);
	store_close(&s);
}

// Jobs that wait are cancelled while another act keeps the first one from its turn.
static void test_cancel(void **state)
{
	const struct work *w = *state;
	struct store *s = work_store(w);
	struct house h = {.refusals = -1};
	struct jobs *j = open_jobs(&h, s);
	struct arena *a = arena_new(0);
	struct err e = ERR_NONE;
	char path[300];
	put_rows(w, "a.csv", 0, 100);
	struct job_order order = order_of(w, "a.csv", path);
	int64_t first = add(j, &order), second = add(j, &order);
	struct waiter x = {j, order, RC_OK};
	x.order.origin = JOB_FOLDER;
	struct thread *t = thread_start(wait_in_run, &x);
	struct job *list;
	uint32_t n = 0;
	while (n < 3)
		assert_int_equal(jobs_list(j, INT64_MAX, 10, a, &list, &n, &e), RC_OK);
	int64_t third = list[0].id, fourth = add(j, &order);
	// Its row is there a moment before it is in the queue.
	while (jobs_cancel(j, third, SV("somebody else"), &e) != RC_OK) {
		assert_int_equal(e.rc, RC_BUSY);
		e = ERR_NONE;
	}
	thread_join(&t);
	assert_int_equal(x.rc, RC_DENIED); // whoever asked for it is told
	assert_int_equal(jobs_cancel(j, second, SV("you"), &e), RC_OK);
	assert_int_equal(jobs_cancel(j, first, SV("you"), &e), RC_OK); // that is next, and waits for its turn
	wait_for(&h.n_over, 3);
	assert_int_equal(jobs_cancel(j, second, SV("you"), &e), RC_EXISTS);
	e = ERR_NONE;
	assert_int_equal(jobs_cancel(j, 999, SV("you"), &e), RC_NOT_FOUND);
	e = ERR_NONE;
	atomic_store(&h.refusals, 0);
	wait_for(&h.n_over, 4);
	assert_int_equal(h.over[3], fourth);
	assert_int_equal(work_count(s), 100);
	struct job was = get(j, third, a);
	assert_true(was.state == JOB_CANCELLED && was.ended_ms >= was.at_ms);
	assert_non_null(strstr(was.message.ptr, "cancelled by somebody else after 0 rows"));
	assert_true(get(j, first, a).state == JOB_CANCELLED);
	// They stay cancelled, and the last item in the queue is known to be the last.
	jobs_close(&j);
	j = open_jobs(&h, s);
	int64_t fifth = add(j, &order);
	wait_for(&h.n_over, 5);
	assert_int_equal(h.over[4], fifth);
	arena_free(&a);
	jobs_close(&j);
	store_close(&s);
}

// What has passed its last look at whether it is cancelled is done, and says so; what is written down is not cancelled.
static void test_cancel_late(void **state)
{
	const struct work *w = *state;
	struct store *s = work_store(w);
	struct arena *a = arena_new(0);
	char path[300];
	put_rows(w, "a.csv", 0, 100);
	const struct job_order order = order_of(w, "a.csv", path);
	for (int way = 0; way < 3; way++) {
		struct house h = {.at_end = way != 1, .at_over = way == 1};
		struct jobs *j = h.jobs = open_jobs(&h, s);
		int64_t id;
		struct err e = ERR_NONE;
		if (way == 2) { // and whoever asked for it has it done
			struct waiter x = {j, order, RC_CORRUPT};
			struct thread *t = thread_start(wait_in_run, &x);
			struct job *list;
			uint32_t n = 0;
			while (n < 3)
				assert_int_equal(jobs_list(j, INT64_MAX, 10, a, &list, &n, &e), RC_OK);
			atomic_store(&h.job, id = list[0].id);
			thread_join(&t);
			assert_int_equal(x.rc, RC_OK);
		} else {
			atomic_store(&h.job, id = add(j, &order));
			wait_for(&h.n_over, 1);
		}
		struct job was = get(j, id, a);
		while (was.state < JOB_DONE) // told a moment before the list knows
			was = get(j, id, a);
		jobs_close(&j);
		assert_int_equal(h.over[0], id);
		assert_int_equal(h.cancelled, way == 1 ? RC_EXISTS : RC_OK);
		if (way == 1)
			assert_non_null(strstr(h.why.message, "ended"));
		if (was.message.len == 0)
			assert_int_equal(way, 1);
		else
			assert_string_equal(was.message.ptr,
				"cancelled by you, but it was over before it could be stopped");
	}
	assert_int_equal(work_count(s), 100);
	arena_free(&a);
	store_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_in_order, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_end, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_cancel, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_cancel_late, work_open, work_close)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
