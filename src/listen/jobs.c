// SPDX-License-Identifier: Apache-2.0
// The queue of imports. The table (jobs_table.h) has every job; memory has those that wait or run.
//
// States: QUEUED → RUNNING → DONE, FAILED or CANCELLED; QUEUED → CANCELLED; RUNNING → QUEUED when the process ends in good
// order. Each change is written before it is told. A job that was running when the process died is FAILED with the remedy:
// the same file may be what killed it.
//
// Invariants:
//  1. The thread takes the first item that nobody is cancelling, and takes what it ran out of the list itself. Whoever
//     cancels an item that waits takes it out.
//  2. An item in memory is changed only under mu; its texts never change. mu is never held while the table is used, which
//     waits for whoever appends.
#include "listen/jobs_table.h"

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "listen/stream.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BUSY_MS = 100, WHO_BYTES = 320 };

static const char interrupted[] =
	"interrupted, because the server ended: import the same file again; nothing comes in twice";

// A job that waits or runs.
struct item {
	struct job job;
	struct sv map_text;
	struct arena *arena; // of the texts
	bool awaited;        // jobs_run frees it
	bool over;
	bool ended;     // it ran and is being written down: nobody cancels it any more
	bool cancelled; // by `canceller`, which no longer changes
	char canceller[WHO_BYTES];
	struct err err; // what it came to
	struct item *next;
};

struct jobs {
	struct jobs_options o;
	const struct clock *clock;
	struct io plain; // for files of folders
	pthread_mutex_t mu;
	pthread_cond_t changed;
	struct item *first, *last;
	uint32_t n; // in the list, or being written down for it
	bool closing;
	volatile sig_atomic_t cancel;
	struct item *running; // of the thread
	uint64_t n_told;      // interactions of it that were told to `committed`
	struct thread *thread;
};

// --- items ---

static void item_free(struct item **i)
{
	if (*i) {
		arena_free(&(*i)->arena);
		mem_free(*i);
	}
	*i = NULL;
}

static struct item *item_new(struct err *e)
{
	struct item *i = mem_calloc(1, sizeof(*i));
	if (i && !(i->arena = arena_new(JOB_TEXT_MAX)))
		item_free(&i);
	if (!i)
		err_set(e, RC_NOMEM, "out of memory for an import");
	return i;
}

// With its texts, in the arena.
static void job_copy(struct job *to, const struct job *from, struct arena *a)
{
	*to = *from;
	struct sv *const texts[] = {&to->who, &to->name, &to->path, &to->map_name, &to->message};
	for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++)
		*texts[k] = arena_copy(a, text_or_empty(*texts[k]));
}

static void push(struct jobs *j, struct item *i)
{
	if (j->last)
		j->last->next = i;
	else
		j->first = i;
	j->last = i;
	pthread_cond_broadcast(&j->changed);
}

static void take_out(struct jobs *j, struct item *i)
{
	struct item **at = &j->first, *before = NULL;
	while (*at != i) {
		before = *at;
		at = &before->next;
	}
	*at = i->next;
	if (j->last == i)
		j->last = before;
	j->n--;
}

// --- one job ---

static void acknowledged(void *context, const struct import_report *so_far)
{
	struct jobs *j = context;
	pthread_mutex_lock(&j->mu);
	j->running->job.report = *so_far;
	pthread_mutex_unlock(&j->mu);
	if (!j->running->job.dry_run && j->o.committed)
		j->o.committed(j->o.context, (uint32_t)(so_far->n_interactions - j->n_told));
	j->n_told = so_far->n_interactions;
}

static bool is_stopped(struct jobs *j, const struct item *i)
{
	pthread_mutex_lock(&j->mu);
	bool stopped = j->closing || i->cancelled;
	pthread_mutex_unlock(&j->mu);
	return stopped;
}

// Until nothing else needs the store for itself. False: the process is ending, or the job is cancelled.
static bool wait_for_turn(struct jobs *j, const struct item *i)
{
	const struct timespec moment = {.tv_nsec = BUSY_MS * 1000000L};
	while (!is_stopped(j, i)) {
		struct err e = ERR_NONE;
		if (!j->o.begin || j->o.begin(j->o.context, &e) == RC_OK)
			return true;
		nanosleep(&moment, NULL);
	}
	return false;
}

// Whoever may put files into a folder can put something else in their place while they wait: a link to what only the
// server may read, or a pipe on which it would wait for ever.
static int open_plain(const struct io *self, const char *path, enum io_mode mode)
{
	struct stat st;
	if (mode != IO_READ)
		return io_system()->open(self, path, mode);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)))
		return fd;
	close(fd);
	errno = ENOTSUP;
	return -1;
}

static enum rc import_item(struct jobs *j, struct item *i, struct import_report *report, struct err *e)
{
	const char *path = i->job.path.ptr;
	const struct import_options o = {
		.map_name = i->job.map_name.ptr,
		.map_text = i->map_text,
		.file_name = i->job.name.ptr,
		.quiet = true,
		.threads = 1, // those who ask and those who send want the processors, too
		.max_quarantined = JOBS_QUARANTINE_MAX,
		.dry_run = i->job.dry_run,
		.leave_inbox = true,
		.cancel = &j->cancel,
		.io = i->job.origin == JOB_FOLDER ? &j->plain : NULL,
		.clock = j->clock,
		.acknowledged = acknowledged,
		.acknowledged_context = j,
	};
	j->n_told = 0;
	return import_files(j->o.store, &o, &path, 1, report, e);
}

void job_name_instead(char *text, struct sv path, struct sv name)
{
	char *at = path.len > name.len ? strstr(text, path.ptr) : NULL;
	if (at) {
		memmove(at + name.len, at + path.len, strlen(at + path.len) + 1);
		memcpy(at, name.ptr, name.len);
	}
}

static enum rc cancelled_err(const struct item *i, const struct import_report *r, struct err *e)
{
	err_set(e, RC_DENIED, "cancelled by %s after %llu rows%s", i->canceller, (unsigned long long)r->n_rows,
		i->job.dry_run ? ", of which nothing was written" : "");
	if (!i->job.dry_run)
		err_remedy(e,
			"what was taken in stays; the same file may be imported again, nothing comes in twice");
	return e->rc;
}

// From here on nobody cancels it. Stopped by whom? Somebody's cancelling becomes an error of its own.
static enum rc name_canceller(struct jobs *j, struct item *i, const struct import_report *report, enum rc rc)
{
	pthread_mutex_lock(&j->mu);
	bool cancelled = i->cancelled;
	i->ended = true;
	pthread_mutex_unlock(&j->mu);
	if (!cancelled || rc != RC_CANCELLED)
		return rc;
	i->err = ERR_NONE;
	return cancelled_err(i, report, &i->err);
}

// What the job is now, once it has ended. Stopped because the process ends: the next one takes it up again.
static struct job settled(struct jobs *j, const struct item *i, const struct import_report *report, enum rc rc)
{
	char text[sizeof(i->err.message) + sizeof(i->err.remedy) + sizeof(i->err.file) + 64];
	struct job job = i->job;
	bool again = rc == RC_CANCELLED && job.origin == JOB_UPLOAD;
	job.message = SV("");
	if (rc == RC_CANCELLED && !again) {
		job.message = sv_from(interrupted);
	} else if (rc != RC_OK && !again) {
		err_format(&i->err, text, sizeof(text));
		job_name_instead(text, job.path, job.name);
		job.message = arena_copy(i->arena, sv_from(text));
	} else if (rc == RC_OK && i->cancelled) {
		job.message = arena_printf(
			i->arena, "cancelled by %s, but it was over before it could be stopped", i->canceller);
	}
	if (report->n_rows >= job.report.n_rows)
		job.report = *report;
	job.state = rc == RC_OK ? JOB_DONE : again ? JOB_QUEUED : rc == RC_DENIED ? JOB_CANCELLED : JOB_FAILED;
	job.ended_ms = again ? 0 : j->clock->now_ms(j->clock);
	return job;
}

static void run_item(struct jobs *j, struct item *i)
{
	struct import_report report = {0};
	struct err failed = ERR_NONE;
	enum rc rc;
	i->err = ERR_NONE;
	if (wait_for_turn(j, i)) {
		pthread_mutex_lock(&j->mu);
		i->job.state = JOB_RUNNING;
		i->job.began_ms = j->clock->now_ms(j->clock);
		pthread_mutex_unlock(&j->mu);
		rc = job_table_put(j->o.store, &i->job, &i->err);
		if (rc == RC_OK)
			rc = import_item(j, i, &report, &i->err);
		if (j->o.end)
			j->o.end(j->o.context);
	} else {
		rc = err_set(&i->err, RC_CANCELLED, "%s", interrupted);
	}
	rc = name_canceller(j, i, &report, rc);
	const struct job job = settled(j, i, &report, rc);
	if (job_table_put(j->o.store, &job, &failed) != RC_OK)
		log_err("listen", &failed);
	if (job.state == JOB_FAILED && rc != RC_CANCELLED)
		log_err("listen", &i->err);
	if (job.state != JOB_QUEUED && j->o.over)
		j->o.over(j->o.context, &job);
	pthread_mutex_lock(&j->mu); // told when all of it is done
	i->job = job;
	pthread_mutex_unlock(&j->mu);
}

static struct item *first_waiting(const struct jobs *j)
{
	struct item *i = j->first;
	while (i && i->cancelled)
		i = i->next;
	return i;
}

static struct item *next_item(struct jobs *j)
{
	struct item *i;
	pthread_mutex_lock(&j->mu);
	while (!(i = first_waiting(j)) && !j->closing)
		pthread_cond_wait(&j->changed, &j->mu);
	if (j->closing)
		i = NULL;
	else
		stop_set(&j->cancel, false); // of the one before
	j->running = i;
	pthread_mutex_unlock(&j->mu);
	return i;
}

static void work(void *context)
{
	struct jobs *j = context;
	struct item *i;
	while ((i = next_item(j))) {
		run_item(j, i);
		pthread_mutex_lock(&j->mu);
		j->running = NULL;
		take_out(j, i);
		i->over = true;
		bool awaited = i->awaited;
		pthread_cond_broadcast(&j->changed);
		pthread_mutex_unlock(&j->mu);
		if (!awaited)
			item_free(&i);
	}
}

// --- asking for one ---

static uint64_t file_bytes(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

static enum rc item_of(
	struct jobs *j, const struct job_order *order, bool awaited, struct item **out, struct err *e)
{
	struct item *i = *out = item_new(e);
	if (!i)
		return RC_NOMEM;
	struct arena *a = i->arena;
	i->job = (struct job){.at_ms = j->clock->now_ms(j->clock),
		.state = JOB_QUEUED,
		.origin = order->origin,
		.who = arena_copy(a, text_or_empty(order->who)),
		.name = arena_copy(a, text_or_empty(order->name)),
		.path = arena_copy(a, text_or_empty(order->path)),
		.map_name = arena_copy(a, text_or_empty(order->map_name)),
		.dry_run = order->dry_run,
		.message = SV("")};
	i->map_text = arena_copy(a, text_or_empty(order->map_text));
	i->awaited = awaited;
	if (arena_refused(a)) {
		item_free(out);
		return err_set(e, RC_LIMIT, "the mapping is too large");
	}
	i->job.bytes = file_bytes(i->job.path.ptr);
	return RC_OK;
}

static enum rc enqueue(struct jobs *j, const struct job_order *order, bool awaited, struct item **out,
	int64_t *id, struct err *e)
{
	struct item *i;
	enum rc rc = item_of(j, order, awaited, &i, e);
	if (!i)
		return rc;
	pthread_mutex_lock(&j->mu);
	if (j->closing)
		rc = err_set(e, RC_CANCELLED, "%s", interrupted);
	else if (j->n >= JOBS_WAITING_MAX)
		rc = err_set(
			e, RC_BUSY, "%u imports wait already: try again when some are done", JOBS_WAITING_MAX);
	else
		j->n++;
	pthread_mutex_unlock(&j->mu);
	if (rc == RC_OK) {
		rc = job_table_add(j->o.store, &i->job, i->map_text, id, e);
		pthread_mutex_lock(&j->mu);
		if (rc == RC_OK) {
			i->job.id = *id;
			*out = i;
			push(j, i);
		} else {
			j->n--;
		}
		pthread_mutex_unlock(&j->mu);
	}
	if (rc != RC_OK)
		item_free(&i);
	return rc;
}

enum rc jobs_add(struct jobs *j, const struct job_order *order, int64_t *id, struct err *e)
{
	struct item *unused; // it is the thread's, which may be done with it already
	return enqueue(j, order, false, &unused, id, e);
}

enum rc jobs_run(struct jobs *j, const struct job_order *order, struct import_report *report, struct err *e)
{
	struct item *i;
	int64_t id;
	enum rc rc = enqueue(j, order, true, &i, &id, e);
	if (rc != RC_OK)
		return rc;
	pthread_mutex_lock(&j->mu);
	while (!i->over && !(j->closing && j->running != i))
		pthread_cond_wait(&j->changed, &j->mu);
	bool over = i->over;
	i->awaited = false; // jobs_close frees it, if it never ran
	pthread_mutex_unlock(&j->mu);
	if (!over)
		return err_set(e, RC_CANCELLED, "%s", interrupted);
	*report = i->job.report;
	rc = i->err.rc == RC_OK ? RC_OK : err_take(e, &i->err);
	item_free(&i);
	return rc;
}

// --- cancelling ---

// One that nobody else takes any more, since it is marked.
static enum rc cancel_waiting(struct jobs *j, struct item *i, struct err *e)
{
	struct err why = ERR_NONE;
	char text[sizeof(why.message) + sizeof(why.remedy) + sizeof(why.file) + 64];
	struct job job = i->job;
	cancelled_err(i, &job.report, &why);
	job.state = JOB_CANCELLED;
	job.ended_ms = j->clock->now_ms(j->clock);
	job.message = sv_from(err_format(&why, text, sizeof(text)));
	enum rc rc = job_table_put(j->o.store, &job, e);
	if (rc == RC_OK && j->o.over)
		j->o.over(j->o.context, &job);
	pthread_mutex_lock(&j->mu);
	bool awaited = i->awaited;
	if (rc == RC_OK) {
		take_out(j, i);
		err_take(&i->err, &why);
		i->over = true;
	} else {
		i->cancelled = false; // it goes on waiting
	}
	pthread_cond_broadcast(&j->changed);
	pthread_mutex_unlock(&j->mu);
	if (rc == RC_OK && !awaited)
		item_free(&i);
	return rc;
}

enum rc jobs_cancel(struct jobs *j, int64_t id, struct sv who, struct err *e)
{
	bool mine = false, waits = false, ended = false;
	pthread_mutex_lock(&j->mu);
	struct item *i = j->first;
	while (i && i->job.id != id)
		i = i->next;
	if (i && i->ended) {
		ended = true;
	} else if (i && !i->cancelled) {
		mine = i->cancelled = true;
		waits = i != j->running;
		snprintf(i->canceller, sizeof(i->canceller), "%.*s", SV_ARG(who));
		if (!waits)
			stop_set(&j->cancel, true);
	}
	pthread_mutex_unlock(&j->mu);
	if (mine)
		return waits ? cancel_waiting(j, i, e) : RC_OK;
	if (ended)
		return err_set(e, RC_EXISTS, "import %lld has just ended", (long long)id);
	if (i)
		return err_set(e, RC_EXISTS, "import %lld is being cancelled", (long long)id);
	struct arena *a = arena_new(JOB_TEXT_MAX);
	struct job job;
	enum rc rc = a ? jobs_get(j, id, a, &job, e) : err_set(e, RC_NOMEM, "out of memory for an import");
	if (rc == RC_OK && job.state < JOB_DONE)
		rc = err_set(
			e, RC_BUSY, "import %lld is only now being put in the queue; try again", (long long)id);
	else if (rc == RC_OK)
		rc = err_set(e, RC_EXISTS, "import %lld is over: %s", (long long)id, job_state_name(job.state));
	arena_free(&a);
	return rc;
}

// --- telling ---

// Of those that wait or run memory knows more than the table.
static bool find_item(struct jobs *j, int64_t id, struct arena *a, struct job *out)
{
	bool found = false;
	pthread_mutex_lock(&j->mu);
	for (struct item *i = j->first; i && !found; i = i->next)
		if (i->job.id == id) {
			job_copy(out, &i->job, a);
			found = true;
		}
	pthread_mutex_unlock(&j->mu);
	return found;
}

enum rc jobs_get(struct jobs *j, int64_t id, struct arena *a, struct job *out, struct err *e)
{
	struct job *found;
	uint32_t n;
	if (find_item(j, id, a, out))
		return arena_refused(a) ? err_set(e, RC_NOMEM, "out of memory for an import") : RC_OK;
	enum rc rc = job_table_list(j->o.store, id, 1, a, &found, &n, e);
	if (rc == RC_OK && (n == 0 || found->id != id))
		rc = err_set(e, RC_NOT_FOUND, "there is no import %lld", (long long)id);
	if (rc == RC_OK)
		*out = *found;
	return rc;
}

enum rc jobs_list(struct jobs *j, int64_t before, uint32_t limit, struct arena *a, struct job **out,
	uint32_t *n, struct err *e)
{
	enum rc rc = job_table_list(j->o.store, before - 1, limit, a, out, n, e);
	for (uint32_t i = 0; rc == RC_OK && i < *n; i++)
		if ((*out)[i].state < JOB_DONE)
			find_item(j, (*out)[i].id, a, &(*out)[i]);
	if (rc == RC_OK && arena_refused(a))
		rc = err_set(e, RC_NOMEM, "out of memory for the imports");
	return rc;
}

// --- opening and closing ---

// A job that waits, into memory.
static enum rc load_item(void *context, const struct job *job, struct sv map_text, struct err *e)
{
	struct jobs *j = context;
	struct item *i = item_new(e);
	if (!i)
		return RC_NOMEM;
	job_copy(&i->job, job, i->arena);
	i->map_text = arena_copy(i->arena, text_or_empty(map_text));
	if (arena_refused(i->arena)) {
		item_free(&i);
		return err_set(e, RC_NOMEM, "out of memory for an import");
	}
	push(j, i);
	j->n++;
	return RC_OK;
}

enum rc jobs_open(const struct jobs_options *options, struct jobs **out, struct err *e)
{
	struct jobs *j = *out = mem_calloc(1, sizeof(*j));
	if (!j)
		return err_set(e, RC_NOMEM, "out of memory for the imports");
	j->o = *options;
	j->plain = *io_system();
	j->plain.open = open_plain;
	j->clock = options->clock ? options->clock : clock_system();
	pthread_mutex_init(&j->mu, NULL);
	pthread_cond_init(&j->changed, NULL);
	const struct job_recovery left = {j->clock->now_ms(j->clock), sv_from(interrupted), load_item, j};
	enum rc rc = job_table_recover(j->o.store, &left, e);
	if (rc == RC_OK && !(j->thread = thread_start(work, j)))
		rc = err_set(e, RC_NOMEM, "no thread could be started for the imports");
	if (rc != RC_OK)
		jobs_close(out);
	return rc;
}

void jobs_stop(struct jobs *j)
{
	pthread_mutex_lock(&j->mu);
	j->closing = true;
	stop_set(&j->cancel, true);
	pthread_cond_broadcast(&j->changed);
	pthread_mutex_unlock(&j->mu);
}

void jobs_close(struct jobs **jobs)
{
	struct jobs *j = *jobs;
	*jobs = NULL;
	if (!j)
		return;
	jobs_stop(j);
	if (j->thread)
		thread_join(&j->thread);
	while (j->first) {
		struct item *i = j->first;
		take_out(j, i);
		item_free(&i);
	}
	pthread_cond_destroy(&j->changed);
	pthread_mutex_destroy(&j->mu);
	mem_free(j);
}
