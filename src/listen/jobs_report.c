// SPDX-License-Identifier: Apache-2.0
// Imports as JSON: for the API, and as reports beside files.
#include "base/io.h"
#include "listen/jobs_table.h"

#include <stdio.h>

static const char *const state_names[JOB_STATES] = {"queued", "running", "done", "failed", "cancelled"};

const char *job_state_name(enum job_state state)
{
	return state < JOB_STATES ? state_names[state] : "failed";
}

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

void job_reasons_write(struct json *j, const struct import_report *r)
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
	job_reasons_write(j, r);
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
		job_reasons_write(j, &job->report);
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
