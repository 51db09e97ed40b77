// SPDX-License-Identifier: Apache-2.0
// Imports one after another, on a thread of their own, while others append to the store: what was asked for is written
// down, so that after a restart it goes on or is said to have been interrupted. Importing again adds nothing twice.
#ifndef CORRIDOR_LISTEN_JOBS_H
#define CORRIDOR_LISTEN_JOBS_H

#include "base/json.h"
#include "listen/listen.h"

#define JOBS_QUARANTINE_MAX 100000u // rows of one import that go to quarantine before it stops
#define JOBS_WAITING_MAX 1000u
#define JOBS_KEPT 1000u // that are over

enum job_state {
	JOB_QUEUED,
	JOB_RUNNING,
	JOB_DONE,
	JOB_FAILED,
	JOB_CANCELLED,
	JOB_STATES
}; // over from JOB_DONE on
// Where the file comes from. Those of a folder are asked for again by whoever watches it, so they do not outlive the
// process.
enum job_origin { JOB_UPLOAD, JOB_FOLDER };

struct job {
	int64_t id, at_ms, began_ms, ended_ms; // 0: not yet
	enum job_state state;
	enum job_origin origin;
	struct sv who, name, path, map_name;
	bool dry_run;
	struct import_report report; // so far
	uint64_t bytes;              // of the file
	struct sv message;           // why it failed or who cancelled it, with the remedy
	struct sv reasons;           // JSON, of one that is over; SV_NONE: the report has them
};

// What is to be imported. All is copied.
struct job_order {
	enum job_origin origin;
	struct sv who, name, path; // name: as people call it
	struct sv map_name, map_text;
	bool dry_run;
};

struct jobs_options {
	struct store *store;
	const struct clock *clock; // NULL: the system's
	void *context;
	// Before and after each job; RC_BUSY from the first: it is asked again in a moment.
	enum rc (*begin)(void *context, struct err *e);
	void (*end)(void *context);
	// After each commit.
	void (*committed)(void *context, uint32_t n_added);
	// A job is over: done, failed or cancelled.
	void (*over)(void *context, const struct job *job);
};

struct jobs;

// Opens the table, takes up again what waited when the last process ended, and starts the thread. Whatever ran then is
// marked as interrupted.
enum rc jobs_open(const struct jobs_options *options, struct jobs **out, struct err *e);
// Stops what runs, which is taken up again by the next process, and frees. Nobody may call anything meanwhile or later.
// NULL is allowed.
void jobs_close(struct jobs **j);
// jobs_close is near: what waits in jobs_run returns.
void jobs_stop(struct jobs *j);

// Puts an import in the queue. RC_BUSY: too many wait.
enum rc jobs_add(struct jobs *j, const struct job_order *order, int64_t *id, struct err *e);
// The same, and waits until it is over; what it came to is returned. RC_CANCELLED: the process is ending. RC_DENIED:
// somebody cancelled it.
enum rc jobs_run(struct jobs *j, const struct job_order *order, struct import_report *report, struct err *e);
// Cancels a job that waits, or has the one that runs stop after the rows that it is storing; what was stored stays; one
// that is over before it sees that is JOB_DONE, and its message says so. `who`: for the message. RC_NOT_FOUND; RC_EXISTS: it is over, or being cancelled; RC_BUSY: not in the queue yet.
enum rc jobs_cancel(struct jobs *j, int64_t id, struct sv who, struct err *e);
// One job, in the arena. RC_NOT_FOUND.
enum rc jobs_get(struct jobs *j, int64_t id, struct arena *a, struct job *out, struct err *e);
// The newest with an id below `before`, at most `limit`, newest first, in the arena.
enum rc jobs_list(struct jobs *j, int64_t before, uint32_t limit, struct arena *a, struct job **out,
	uint32_t *n, struct err *e);

// Puts the name that people gave the file in place of its path, in a text with room for what it holds.
void job_name_instead(char *text, struct sv path, struct sv name);
const char *job_state_name(enum job_state state);
// The members of a job, with what became of the rows: for the API and for reports beside files. A report alone: job_report_write.
void job_write(struct json *out, const struct job *job, const struct tz *tz);
void job_report_write(struct json *out, const struct import_report *r);
// Writes it as PATH.report.json, durably. why: what the import came to; name: of the file.
enum rc job_report_save(const char *path, const char *name, const struct import_report *r,
	const struct err *why, const struct tz *tz, int64_t at_ms, struct err *e);

#endif
