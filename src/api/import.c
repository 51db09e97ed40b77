// SPDX-License-Identifier: Apache-2.0
// Importing files over HTTP: a look at what a mapping makes of an uploaded file, and the jobs that take files in
// (listen/jobs.h), whoever asked for them.
#include "api/internal.h"
#include "api/preview.h"

#include "base/log.h"

#include <stdio.h>

enum { PREVIEW_ROWS = 30, JOBS_SHOWN = 50 };
static const char map_name[] = "the mapping";

// --- hooks of the jobs ---

static enum rc begin(void *context, struct err *e)
{
	return api_act_begin(context, "a file is being imported", e);
}

static void end(void *context)
{
	api_act_end(context);
}

static void over(void *context, const struct job *job)
{
	struct api *a = context;
	struct err e = ERR_NONE;
	char detail[800];
	const struct import_report *r = &job->report;
	const struct access_actor who = {.who = job->who};
	static const char *const acts[JOB_STATES] = {
		[JOB_DONE] = "import.done", [JOB_CANCELLED] = "import.cancelled"};
	const char *act = acts[job->state] ? acts[job->state] : "import.failed";
	snprintf(detail, sizeof(detail),
		"job %lld%s: %llu rows, %llu interactions taken in, %llu known, %llu rows to quarantine%s%.*s",
		(long long)job->id, job->dry_run ? ", dry run" : "", (unsigned long long)r->n_rows,
		(unsigned long long)r->n_interactions, (unsigned long long)r->n_duplicates,
		(unsigned long long)r->n_quarantined, job->message.len ? "; " : "", SV_ARG(job->message));
	if (access_audit_add(a->access, &who, sv_from(act), job->name, sv_from(detail), &e) != RC_OK)
		log_err("api", &e);
	if (job->origin == JOB_UPLOAD && job->state == JOB_DONE && !job->dry_run)
		upload_done(a, job->path);
}

static enum rc open_mailbox(struct api *a, struct err *e)
{
	char dir[API_PATH_BYTES];
	if (snprintf(dir, sizeof(dir), "%s/mailbox", store_dir(a->store)) >= (int)sizeof(dir))
		return err_set(e, RC_IO, "the path of the data directory is too long");
	const struct mailbox_options o = {.dir = dir,
		.jobs = a->jobs,
		.design = store_design(a->store),
		.clock = a->clock,
		.tz = store_design(a->store)->tz};
	enum rc rc = mailbox_config_read(a->o.mailbox, &a->mailbox_config, e);
	return rc == RC_OK ? mailbox_open(a->mailbox_config, &o, &a->mailbox, e) : rc;
}

enum rc import_open(struct api *a, struct err *e)
{
	const struct jobs_options o = {.store = a->store,
		.clock = a->clock,
		.context = a,
		.begin = begin,
		.end = end,
		.committed = live_committed,
		.over = over};
	const struct drop_options watched = {.dirs = a->o.drop_dirs,
		.n_dirs = a->o.n_drop_dirs,
		.clock = a->clock,
		.tz = store_design(a->store)->tz,
		.settle_ms = a->o.drop_settle_ms};
	uploads_sweep(a, true);
	enum rc rc = jobs_open(&o, &a->jobs, e);
	if (rc == RC_OK && watched.n_dirs > 0) {
		struct drop_options with = watched;
		with.jobs = a->jobs;
		rc = drop_open(&with, &a->drop, e);
	}
	return rc == RC_OK && a->o.mailbox ? open_mailbox(a, e) : rc;
}

void import_close(struct api *a)
{
	if (a->jobs)
		jobs_stop(a->jobs);
	drop_close(&a->drop);
	mailbox_close(&a->mailbox);
	mailbox_config_free(&a->mailbox_config);
	jobs_close(&a->jobs);
}

// --- bodies ---

// {"file", "mapping", "dry_run"}; copies live in the call's arena.
struct request {
	char path[API_PATH_BYTES];
	struct sv name, mapping;
	bool dry_run;
};

static enum rc read_request(struct api_call *c, struct request *r, struct err *e)
{
	struct json_parser *parser;
	struct json_node root;
	struct sv token, mapping;
	enum rc rc = call_json(c, &parser, &root, e);
	if (rc != RC_OK)
		return rc;
	rc = call_string(root, "file", true, &token, e);
	if (rc == RC_OK)
		rc = call_string(root, "mapping", true, &mapping, e);
	if (rc == RC_OK)
		rc = upload_find(c->api, token, r->path, e);
	if (rc == RC_OK) {
		const char *slash = strrchr(r->path, '/');
		r->name = sv_from(slash + 1);
		r->mapping = arena_copy(http_arena(c->x), mapping);
		r->dry_run = call_flag(root, "dry_run", NULL);
		if (!r->mapping.ptr)
			rc = err_set(e, RC_NOMEM, "out of memory for a mapping");
	}
	json_parser_free(&parser);
	return rc;
}

// --- preview ---

enum rc import_preview_post(struct api_call *c, struct err *e)
{
	struct request r;
	struct err why = ERR_NONE;
	uint32_t n_rows = 0;
	bool about_mapping = false;
	enum rc rc = read_request(c, &r, e);
	if (rc != RC_OK)
		return rc;
	struct preview p;
	const struct import_options o = {.map_name = map_name, .map_text = r.mapping, .clock = c->api->clock};
	const struct preview_sink sink = preview_begin(&p, store_design(c->api->store), UINT32_MAX, "line");
	rc = import_preview(p.design, &o, r.path, PREVIEW_ROWS, &sink, &n_rows, &about_mapping, &why);
	if (rc == RC_OK || about_mapping) {
		rc = RC_OK;
		struct json j = json_new(http_out(c->x));
		json_object(&j);
		json_key_u64(&j, "rows", n_rows);
		preview_write(&j, &p, &why);
		json_object_end(&j);
	} else {
		upload_name_error(sv_from(r.path), r.name, &why);
		rc = err_take(e, &why);
	}
	preview_end(&p);
	return rc;
}

// --- jobs ---

// A mapping with a mistake is told at once, and no job begins.
static enum rc check_mapping(struct api_call *c, const struct request *r, struct err *e)
{
	struct mapping *m = NULL;
	enum rc rc = mapping_parse(r->mapping, map_name, store_design(c->api->store), &m, e);
	mapping_free(&m);
	return rc;
}

enum rc import_start(struct api_call *c, struct err *e)
{
	struct request r;
	int64_t id = 0;
	char text[24];
	enum rc rc = read_request(c, &r, e);
	if (rc == RC_OK)
		rc = check_mapping(c, &r, e);
	if (rc != RC_OK)
		return rc;
	const struct job_order order = {.origin = JOB_UPLOAD,
		.who = c->actor.who,
		.name = r.name,
		.path = sv_from(r.path),
		.map_name = sv_from(map_name),
		.map_text = r.mapping,
		.dry_run = r.dry_run};
	rc = access_audit_add(
		c->api->access, &c->actor, SV("import.start"), r.name, r.dry_run ? SV("dry run") : SV(""), e);
	if (rc == RC_OK)
		rc = jobs_add(c->api->jobs, &order, &id, e);
	if (rc != RC_OK)
		return rc;
	snprintf(text, sizeof(text), "%lld", (long long)id);
	struct json j = json_new(http_out(c->x));
	json_object(&j);
	json_key_text(&j, "job", text);
	json_object_end(&j);
	http_status_set(c->x, 202);
	return RC_OK;
}

enum rc import_job_get(struct api_call *c, struct err *e)
{
	int64_t id;
	struct job job;
	enum rc rc = call_id(c, "job", &id, e);
	if (rc == RC_OK)
		rc = jobs_get(c->api->jobs, id, http_arena(c->x), &job, e);
	if (rc != RC_OK)
		return rc;
	struct json j = json_new(http_out(c->x));
	job_write(&j, &job, store_design(c->api->store)->tz);
	return RC_OK;
}

// The answer is the import as it is now: one that runs goes on until it has stored what it is at.
enum rc import_job_cancel(struct api_call *c, struct err *e)
{
	int64_t id;
	struct job job;
	char detail[40];
	enum rc rc = call_id(c, "job", &id, e);
	if (rc == RC_OK)
		rc = jobs_get(c->api->jobs, id, http_arena(c->x), &job, e);
	if (rc == RC_OK)
		rc = jobs_cancel(c->api->jobs, id, c->actor.who, e);
	if (rc != RC_OK)
		return rc;
	snprintf(detail, sizeof(detail), "job %lld", (long long)id);
	rc = access_audit_add(c->api->access, &c->actor, SV("import.cancel"), job.name, sv_from(detail), e);
	return rc == RC_OK ? import_job_get(c, e) : rc;
}

enum rc import_jobs_get(struct api_call *c, struct err *e)
{
	int64_t limit, before;
	struct job *jobs;
	uint32_t n;
	enum rc rc = call_integer(c, "limit", 1, 500, JOBS_SHOWN, &limit, e);
	if (rc == RC_OK)
		rc = call_integer(c, "before", 0, INT64_MAX, 0, &before, e);
	if (rc == RC_OK)
		rc = jobs_list(c->api->jobs, before ? before : INT64_MAX, (uint32_t)limit, http_arena(c->x),
			&jobs, &n, e);
	if (rc != RC_OK)
		return rc;
	struct json j = call_items(c);
	for (uint32_t i = 0; i < n; i++)
		job_write(&j, &jobs[i], store_design(c->api->store)->tz);
	json_array_end(&j);
	call_next(c, &j, n == limit && jobs[n - 1].id > 1, n ? jobs[n - 1].id : 0);
	json_object_end(&j);
	return RC_OK;
}
