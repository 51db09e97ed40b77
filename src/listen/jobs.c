// SPDX-License-Identifier: Apache-2.0
// The queue of imports. The table import_job has every job; memory has those that wait or run.
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
//  3. The table is used inside store_alone, since the intake writes at the same time.
#include "listen/jobs.h"

#include "base/io.h"
#include "base/json.h"
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
#define ITEM_TEXT_MAX ((size_t)8 << 20)

static const char *const migrations[] = {
	"CREATE TABLE import_job("
	" id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, began_ms INTEGER NOT NULL,"
	" ended_ms INTEGER NOT NULL, state INTEGER NOT NULL, origin INTEGER NOT NULL, who TEXT NOT NULL,"
	" name TEXT NOT NULL, path TEXT NOT NULL, map_name TEXT NOT NULL, map_text BLOB NOT NULL,"
	" dry_run INTEGER NOT NULL, bytes INTEGER NOT NULL, bytes_read INTEGER NOT NULL, n_rows INTEGER NOT "
	"NULL,"
	" n_mapped_rows INTEGER NOT NULL, n_empty_rows INTEGER NOT NULL, n_quarantined INTEGER NOT NULL,"
	" n_interactions INTEGER NOT NULL, n_duplicates INTEGER NOT NULL, n_unmatched INTEGER NOT NULL,"
	" message TEXT NOT NULL, reasons TEXT NOT NULL) STRICT",
};

#define COLUMNS                                                                                                \
	"id, at_ms, began_ms, ended_ms, state, origin, who, name, path, map_name, dry_run, bytes, bytes_read," \
	" n_rows, n_mapped_rows, n_empty_rows, n_quarantined, n_interactions, n_duplicates, n_unmatched, "     \
	"message,"                                                                                             \
	" reasons"

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

static const char *const state_names[JOB_STATES] = {"queued", "running", "done", "failed", "cancelled"};

const char *job_state_name(enum job_state state)
{
	return state < JOB_STATES ? state_names[state] : "failed";
}

// --- as JSON ---

static void write_counts(struct json *j, const struct import_report *r)
{
	json_key_u64(j, "rows", r->n_rows);
	json_key_u64(j, "mapped", r->n_mapped_rows);
	json_key_u64(j, "empty", r->n_empty_rows);
	json_key_u64(j, "rejected", r->n_quarantined);
	json_key_u64(j, "taken", r->n_interactions);
	json_key_u64(j, "repeated", r->n_duplicates);
	json_key_u64(j, "unmatched", r->n_unmatched);
	json_key_u64(j, "bytes_read", r->bytes);
}

static void write_reasons(struct json *j, const struct import_report *r)
{
	json_array(j);
	for (uint32_t i = 0; i < r->n_reasons; i++) {
		json_object(j);
		json_key_text(j, "reason", r->reasons[i].reason);
		json_key_u64(j, "n", r->reasons[i].n);
		json_key_u64(j, "first_line", r->reasons[i].first_line);
		json_object_end(j);
	}
	json_array_end(j);
}

void job_report_write(struct json *j, const struct import_report *r)
{
	write_counts(j, r);
	json_key(j, "reasons");
	write_reasons(j, r);
}

static void write_time(struct json *j, const char *key, const struct tz *tz, int64_t at_ms)
{
	tz_key(j, key, tz, at_ms ? at_ms : TIME_NONE);
}

void job_write(struct json *j, const struct job *job, const struct tz *tz)
{
	static const char *const origins[] = {[JOB_UPLOAD] = "upload", [JOB_FOLDER] = "folder"};
	char id[24];
	snprintf(id, sizeof(id), "%lld", (long long)job->id);
	json_object(j);
	json_key_text(j, "job", id);
	json_key_text(j, "state", job_state_name(job->state));
	json_key_string(j, "name", job->name);
	json_key_text(j, "origin", origins[job->origin]);
	json_key_string(j, "who", job->who);
	json_key_bool(j, "dry_run", job->dry_run);
	write_time(j, "at", tz, job->at_ms);
	write_time(j, "began", tz, job->began_ms);
	write_time(j, "ended", tz, job->ended_ms);
	write_counts(j, &job->report);
	json_key(j, "reasons");
	if (job->reasons.len)
		json_raw(j, job->reasons);
	else
		write_reasons(j, &job->report);
	json_key_u64(j, "bytes", job->bytes);
	json_key_string(j, "message", job->message.ptr ? job->message : SV(""));
	json_object_end(j);
}

enum rc job_report_save(const char *path, const char *name, const struct import_report *r,
	const struct err *why, const struct tz *tz, int64_t at_ms, struct err *e)
{
	char to[4096], at[40], text[sizeof(why->message) + sizeof(why->remedy) + sizeof(why->file) + 64];
	struct buf out = buf_new(1 << 20);
	struct json j = json_new(&out);
	if (snprintf(to, sizeof(to), "%s.report.json", path) >= (int)sizeof(to))
		return err_set(e, RC_IO, "the path of %s is too long", name);
	json_object(&j);
	json_key_text(&j, "file", name);
	json_key_text(&j, "at", tz_format(tz, at_ms, at));
	json_key_text(&j, "state", job_state_name(why->rc == RC_OK ? JOB_DONE : JOB_FAILED));
	job_report_write(&j, r);
	json_key_text(&j, "message", why->rc == RC_OK ? "" : err_format(why, text, sizeof(text)));
	json_object_end(&j);
	buf_char(&out, '\n');
	enum rc rc = buf_check(&out, e, "a report");
	if (rc == RC_OK)
		rc = io_write_file(io_system(), to, buf_view(&out), e);
	buf_free(&out);
	return rc;
}

// --- the table ---

// One use of the table inside store_alone.
struct use {
	struct jobs *jobs;
	const struct job *job;
	struct sv map_text;
	int64_t id;
	uint32_t limit;
	struct arena *arena;
	struct job *out;
	uint32_t n;
};

static void bind_counts(struct db_stmt *s, int at, const struct job *job)
{
	const struct import_report *r = &job->report;
	const uint64_t counts[] = {job->bytes, r->bytes, r->n_rows, r->n_mapped_rows, r->n_empty_rows,
		r->n_quarantined, r->n_interactions, r->n_duplicates, r->n_unmatched};
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		db_bind_i64(s, at + (int)i, (int64_t)counts[i]);
}

static struct sv text_or_empty(struct sv s)
{
	return s.ptr ? s : SV("");
}

// Adds the job, and forgets the oldest that are over.
static enum rc insert(void *context, struct db *db, struct err *e)
{
	struct use *u = context;
	const struct job *job = u->job;
	struct db_stmt *s;
	enum rc rc = db_prepare(db,
		"INSERT INTO import_job(at_ms, began_ms, ended_ms, state, origin, who, name, path, map_name,"
		" map_text, dry_run, message, bytes, bytes_read, n_rows, n_mapped_rows, n_empty_rows,"
		" n_quarantined, n_interactions, n_duplicates, n_unmatched, reasons)"
		" VALUES(?1, 0, 0, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, '', ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,"
		" ?18, '')",
		&s, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(s, 1, job->at_ms);
	db_bind_i64(s, 2, job->state);
	db_bind_i64(s, 3, job->origin);
	const struct sv texts[] = {job->who, job->name, job->path, job->map_name};
	for (int i = 0; i < 4; i++)
		db_bind_text(s, 4 + i, text_or_empty(texts[i]));
	db_bind_blob(s, 8, text_or_empty(u->map_text));
	db_bind_i64(s, 9, job->dry_run);
	bind_counts(s, 10, job);
	rc = db_run(s, e);
	u->id = rc == RC_OK ? db_last_id(db) : 0;
	if (rc == RC_OK)
		rc = db_prepare(db,
			"DELETE FROM import_job WHERE state >= ?1 AND id <= (SELECT id FROM import_job"
			" WHERE state >= ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
			&s, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(s, 1, JOB_DONE);
	db_bind_i64(s, 2, JOBS_KEPT);
	return db_run(s, e);
}

// Of a job that is over the mapping is no longer needed.
static enum rc update(void *context, struct db *db, struct err *e)
{
	struct use *u = context;
	struct db_stmt *s;
	struct buf reasons = buf_new(1 << 16);
	struct json j = json_new(&reasons);
	write_reasons(&j, &u->job->report);
	enum rc rc = db_prepare(db,
		"UPDATE import_job SET state = ?2, began_ms = ?3, ended_ms = ?4, message = ?5, bytes = ?6,"
		" bytes_read = ?7, n_rows = ?8, n_mapped_rows = ?9, n_empty_rows = ?10, n_quarantined = ?11,"
		" n_interactions = ?12, n_duplicates = ?13, n_unmatched = ?14,"
		" reasons = ?16, map_text = CASE WHEN ?2 >= ?15 THEN x'' ELSE map_text END WHERE id = ?1",
		&s, e);
	if (rc != RC_OK)
		goto out;
	db_bind_i64(s, 1, u->job->id);
	db_bind_i64(s, 2, u->job->state);
	db_bind_i64(s, 3, u->job->began_ms);
	db_bind_i64(s, 4, u->job->ended_ms);
	db_bind_text(s, 5, text_or_empty(u->job->message));
	bind_counts(s, 6, u->job);
	db_bind_i64(s, 15, JOB_DONE);
	db_bind_text(s, 16, reasons.rc == RC_OK ? buf_view(&reasons) : SV(""));
	rc = db_run(s, e);
out:
	buf_free(&reasons);
	return rc;
}

static enum rc read_job(struct db_stmt *s, struct arena *a, struct job *job, struct err *e)
{
	*job = (struct job){.id = db_i64(s, 0),
		.at_ms = db_i64(s, 1),
		.began_ms = db_i64(s, 2),
		.ended_ms = db_i64(s, 3),
		.state = (enum job_state)db_i64(s, 4),
		.origin = (enum job_origin)db_i64(s, 5),
		.who = arena_copy(a, db_text(s, 6)),
		.name = arena_copy(a, db_text(s, 7)),
		.path = arena_copy(a, db_text(s, 8)),
		.map_name = arena_copy(a, db_text(s, 9)),
		.dry_run = db_i64(s, 10) != 0,
		.bytes = (uint64_t)db_i64(s, 11),
		.message = arena_copy(a, db_text(s, 20)),
		.reasons = arena_copy(a, db_text(s, 21))};
	struct import_report *r = &job->report;
	uint64_t *const counts[] = {&r->bytes, &r->n_rows, &r->n_mapped_rows, &r->n_empty_rows,
		&r->n_quarantined, &r->n_interactions, &r->n_duplicates, &r->n_unmatched};
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		*counts[i] = (uint64_t)db_i64(s, 12 + (int)i);
	return arena_refused(a) ? err_set(e, RC_NOMEM, "out of memory for the imports") : RC_OK;
}

// The newest at or below u->id.
static enum rc select_jobs(void *context, struct db *db, struct err *e)
{
	struct use *u = context;
	struct db_stmt *s;
	bool row = false;
	u->n = 0;
	u->out = arena_array(u->arena, u->limit, sizeof(*u->out));
	if (!u->out)
		return err_set(e, RC_NOMEM, "out of memory for the imports");
	enum rc rc = db_prepare(
		db, "SELECT " COLUMNS " FROM import_job WHERE id <= ?1 ORDER BY id DESC LIMIT ?2", &s, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(s, 1, u->id);
	db_bind_i64(s, 2, u->limit);
	while (rc == RC_OK && (rc = db_step(s, &row, e)) == RC_OK && row && u->n < u->limit)
		rc = read_job(s, u->arena, &u->out[u->n++], e);
	db_reset(s);
	return rc;
}

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
	if (i && !(i->arena = arena_new(ITEM_TEXT_MAX)))
		item_free(&i);
	if (!i)
		err_set(e, RC_NOMEM, "out of memory for an import");
	return i;
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

static enum rc put(struct jobs *j, const struct job *job, struct err *e)
{
	struct use u = {.jobs = j, .job = job};
	return store_alone(j->o.store, update, &u, e);
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
		rc = put(j, &i->job, &i->err);
		if (rc == RC_OK)
			rc = import_item(j, i, &report, &i->err);
		if (j->o.end)
			j->o.end(j->o.context);
	} else {
		rc = err_set(&i->err, RC_CANCELLED, "%s", interrupted);
	}
	rc = name_canceller(j, i, &report, rc);
	const struct job job = settled(j, i, &report, rc);
	if (put(j, &job, &failed) != RC_OK)
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
	struct use u = {.job = &i->job, .map_text = i->map_text};
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
		rc = store_alone(j->o.store, insert, &u, e);
		pthread_mutex_lock(&j->mu);
		if (rc == RC_OK) {
			*id = i->job.id = u.id;
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
	enum rc rc = put(j, &job, e);
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
	struct arena *a = arena_new(ITEM_TEXT_MAX);
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
			*out = i->job;
			struct sv *const texts[] = {
				&out->who, &out->name, &out->path, &out->map_name, &out->message};
			for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++)
				*texts[k] = arena_copy(a, text_or_empty(*texts[k]));
			found = true;
		}
	pthread_mutex_unlock(&j->mu);
	return found;
}

enum rc jobs_get(struct jobs *j, int64_t id, struct arena *a, struct job *out, struct err *e)
{
	struct use u = {.id = id, .limit = 1, .arena = a};
	if (find_item(j, id, a, out))
		return arena_refused(a) ? err_set(e, RC_NOMEM, "out of memory for an import") : RC_OK;
	enum rc rc = store_alone(j->o.store, select_jobs, &u, e);
	if (rc == RC_OK && (u.n == 0 || u.out[0].id != id))
		rc = err_set(e, RC_NOT_FOUND, "there is no import %lld", (long long)id);
	if (rc == RC_OK)
		*out = u.out[0];
	return rc;
}

enum rc jobs_list(struct jobs *j, uint32_t limit, struct arena *a, struct job **out, uint32_t *n, struct err *e)
{
	struct use u = {.id = INT64_MAX, .limit = limit, .arena = a};
	enum rc rc = store_alone(j->o.store, select_jobs, &u, e);
	for (uint32_t i = 0; rc == RC_OK && i < u.n; i++)
		if (u.out[i].state < JOB_DONE)
			find_item(j, u.out[i].id, a, &u.out[i]);
	if (rc == RC_OK && arena_refused(a))
		rc = err_set(e, RC_NOMEM, "out of memory for the imports");
	*out = u.out;
	*n = u.n;
	return rc;
}

// --- opening and closing ---

// A job that waits into memory.
static enum rc load_item(struct jobs *j, struct db_stmt *s, struct err *e)
{
	struct item *i = item_new(e);
	if (!i)
		return RC_NOMEM;
	enum rc rc = read_job(s, i->arena, &i->job, e);
	i->job.reasons = SV_NONE; // it has not run yet
	i->map_text = arena_copy(i->arena, text_or_empty(db_blob(s, 22)));
	if (rc == RC_OK && !i->map_text.ptr)
		rc = err_set(e, RC_NOMEM, "out of memory for an import");
	if (rc == RC_OK) {
		push(j, i);
		j->n++;
	} else {
		item_free(&i);
	}
	return rc;
}

// Marks what ran, or waited on behalf of somebody who asks again, as interrupted; loads the others.
static enum rc recover(void *context, struct db *db, struct err *e)
{
	struct use *u = context;
	struct jobs *j = u->jobs;
	struct db_stmt *s;
	bool row = false;
	enum rc rc = db_migrate(db, "import_job", migrations, sizeof(migrations) / sizeof(migrations[0]), e);
	if (rc == RC_OK)
		rc = db_prepare(db,
			"UPDATE import_job SET state = ?1, message = ?2, ended_ms = ?3, map_text = x''"
			" WHERE state = ?4 OR (state = ?5 AND origin <> ?6)",
			&s, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(s, 1, JOB_FAILED);
	db_bind_text(s, 2, sv_from(interrupted));
	db_bind_i64(s, 3, j->clock->now_ms(j->clock));
	db_bind_i64(s, 4, JOB_RUNNING);
	db_bind_i64(s, 5, JOB_QUEUED);
	db_bind_i64(s, 6, JOB_UPLOAD);
	rc = db_run(s, e);
	if (rc == RC_OK)
		rc = db_prepare(
			db, "SELECT " COLUMNS ", map_text FROM import_job WHERE state = ?1 ORDER BY id", &s, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(s, 1, JOB_QUEUED);
	while (rc == RC_OK && (rc = db_step(s, &row, e)) == RC_OK && row)
		rc = load_item(j, s, e);
	db_reset(s);
	return rc;
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
	struct use u = {.jobs = j};
	enum rc rc = store_alone(j->o.store, recover, &u, e);
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
