// SPDX-License-Identifier: Apache-2.0
// The table import_job: every import that was asked for, the newest JOBS_KEPT of those that are over.
#include "listen/jobs_table.h"

#include "db/db.h"

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

// One use of the table inside store_alone.
struct use {
	const struct job *job;
	struct sv map_text;
	int64_t id;
	uint32_t limit;
	struct arena *arena;
	struct job *out;
	uint32_t n;
	const struct job_recovery *recovery;
};

static void bind_counts(struct db_stmt *s, int at, const struct job *job)
{
	const struct import_report *r = &job->report;
	const uint64_t counts[] = {job->bytes, r->bytes, r->n_rows, r->n_mapped_rows, r->n_empty_rows,
		r->n_quarantined, r->n_interactions, r->n_duplicates, r->n_unmatched};
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		db_bind_i64(s, at + (int)i, (int64_t)counts[i]);
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
	job_reasons_write(&j, &u->job->report);
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

// Tells the job at which s stands, with its mapping.
static enum rc tell(const struct job_recovery *r, struct db_stmt *s, struct arena *a, struct err *e)
{
	struct job job;
	enum rc rc = read_job(s, a, &job, e);
	job.reasons = SV_NONE; // it has not run yet
	return rc == RC_OK ? r->waits(r->context, &job, db_blob(s, 22), e) : rc;
}

static enum rc recover(void *context, struct db *db, struct err *e)
{
	const struct job_recovery *r = ((struct use *)context)->recovery;
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
	db_bind_text(s, 2, r->message);
	db_bind_i64(s, 3, r->now_ms);
	db_bind_i64(s, 4, JOB_RUNNING);
	db_bind_i64(s, 5, JOB_QUEUED);
	db_bind_i64(s, 6, JOB_UPLOAD);
	rc = db_run(s, e);
	if (rc == RC_OK)
		rc = db_prepare(
			db, "SELECT " COLUMNS ", map_text FROM import_job WHERE state = ?1 ORDER BY id", &s, e);
	if (rc != RC_OK)
		return rc;
	struct arena *a = arena_new(JOB_TEXT_MAX);
	if (!a)
		rc = err_set(e, RC_NOMEM, "out of memory for the imports");
	db_bind_i64(s, 1, JOB_QUEUED);
	while (rc == RC_OK && (rc = db_step(s, &row, e)) == RC_OK && row) {
		arena_reset(a);
		rc = tell(r, s, a, e);
	}
	db_reset(s);
	arena_free(&a);
	return rc;
}

// --- inside store_alone, since the intake writes at the same time ---

enum rc job_table_recover(struct store *store, const struct job_recovery *r, struct err *e)
{
	struct use u = {.recovery = r};
	return store_alone(store, recover, &u, e);
}

enum rc job_table_add(
	struct store *store, const struct job *job, struct sv map_text, int64_t *id, struct err *e)
{
	struct use u = {.job = job, .map_text = map_text};
	enum rc rc = store_alone(store, insert, &u, e);
	*id = u.id;
	return rc;
}

enum rc job_table_put(struct store *store, const struct job *job, struct err *e)
{
	struct use u = {.job = job};
	return store_alone(store, update, &u, e);
}

enum rc job_table_list(struct store *store, int64_t up_to, uint32_t limit, struct arena *a, struct job **out,
	uint32_t *n, struct err *e)
{
	struct use u = {.id = up_to, .limit = limit, .arena = a};
	enum rc rc = store_alone(store, select_jobs, &u, e);
	*out = u.out;
	*n = u.n;
	return rc;
}
