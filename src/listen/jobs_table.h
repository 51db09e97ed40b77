// SPDX-License-Identifier: Apache-2.0
// Where the queue of imports is written down. What the files of the queue share (jobs.c, jobs_table.c, jobs_report.c).
#ifndef CORRIDOR_LISTEN_JOBS_TABLE_H
#define CORRIDOR_LISTEN_JOBS_TABLE_H

#include "base/arena.h"
#include "listen/jobs.h"

#define JOB_TEXT_MAX ((size_t)8 << 20) // of all texts of a job together

static inline struct sv text_or_empty(struct sv s)
{
	return s.ptr ? s : SV("");
}

// What becomes of the jobs that the last process left behind.
struct job_recovery {
	int64_t now_ms;
	struct sv
		message; // of those that ran, or waited on behalf of somebody who asks again: they have failed
	// Each of the others, oldest first; the texts are there during the call only.
	enum rc (*waits)(void *context, const struct job *job, struct sv map_text, struct err *e);
	void *context;
};

// Makes the table if there is none, and tells what waits. What `waits` reports, or RC_IO …
enum rc job_table_recover(struct store *store, const struct job_recovery *r, struct err *e);
// Adds a job, whose id is *id, and forgets the oldest that are over.
enum rc job_table_add(
	struct store *store, const struct job *job, struct sv map_text, int64_t *id, struct err *e);
// Writes what a job is now. Of one that is over the mapping is no longer kept.
enum rc job_table_put(struct store *store, const struct job *job, struct err *e);
// The newest with ids up to `up_to`, at most `limit`, newest first, in the arena.
enum rc job_table_list(struct store *store, int64_t up_to, uint32_t limit, struct arena *a, struct job **out,
	uint32_t *n, struct err *e);

// The reasons for which rows were rejected, as an array.
void job_reasons_write(struct json *j, const struct import_report *r);

#endif
