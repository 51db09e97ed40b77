// SPDX-License-Identifier: Apache-2.0
// For those who run it: health, readiness, metrics in Prometheus' text format.
#include "api/internal.h"

#include "base/version.h"

static enum rc plain(struct api_call *c, unsigned status, const char *text)
{
	http_status_set(c->x, status);
	http_security_headers(c->x, NULL);
	http_header_add(c->x, "Content-Type", SV("text/plain; charset=utf-8"));
	http_header_add(c->x, "Cache-Control", SV("no-store"));
	buf_str(http_out(c->x), text);
	http_reply(c->x);
	return API_ANSWERED;
}

// The process answers.
enum rc health(struct api_call *c, struct err *e)
{
	(void)e;
	return plain(c, 200, "ok\n");
}

// It can answer questions: the store opens a snapshot.
enum rc ready(struct api_call *c, struct err *e)
{
	struct snapshot *sn;
	enum rc rc = snapshot_open(c->api->store, &sn, e);
	if (rc != RC_OK)
		return plain(c, 503, "the store cannot be read\n");
	snapshot_close(&sn);
	return plain(c, 200, "ready\n");
}

// --- metrics ---

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP corridor_%s %s\n# TYPE corridor_%s %s\n", name, help, name, type);
}

static void value(struct buf *out, const char *name, const char *type, const char *help, double v)
{
	head(out, name, type, help);
	buf_printf(out, "corridor_%s %.17g\n", name, v);
}

static void write_store(struct buf *out, const struct snapshot_stats *s)
{
	value(out, "interactions", "gauge", "Interactions stored.", (double)s->n_interactions);
	value(out, "inbox_interactions", "gauge", "Interactions that are not in a segment yet.",
		(double)s->n_in_inbox);
	value(out, "segments", "gauge", "Segments.", (double)s->n_segments);
	value(out, "store_bytes", "gauge", "Bytes of segments and inbox on disk.", (double)s->bytes_on_disk);
}

static void write_intake(struct buf *out, struct intake *intake)
{
	struct intake_stats s;
	intake_stats(intake, &s);
	value(out, "intake_commits_total", "counter", "Transactions that made interactions durable.",
		(double)s.commits);
	value(out, "intake_commit_seconds_total", "counter", "Time that they took.", (double)s.commit_us / 1e6);
	value(out, "intake_failed_total", "counter", "Transactions that failed.", (double)s.failed);
	value(out, "intake_deliveries_total", "counter", "Bodies that were taken in.", (double)s.deliveries);
	value(out, "intake_interactions_total", "counter", "Interactions stored.", (double)s.interactions);
	value(out, "intake_duplicates_total", "counter", "Interactions that were known.", (double)s.duplicates);
	value(out, "intake_rejects_total", "counter", "Messages that were not understood.", (double)s.rejects);
	value(out, "intake_refused_total", "counter", "Bodies sent back because too much was waiting.",
		(double)s.refused);
	value(out, "intake_waiting_bytes", "gauge", "Bytes that wait for the disk.", (double)s.waiting_bytes);
	value(out, "links_total", "counter", "Identities linked by tracking.", (double)s.links_made);
	value(out, "links_waiting", "gauge", "Pairs of identities that wait to be linked.",
		(double)s.links_waiting);
}

static void write_sandbox(struct buf *out, struct sandbox *sandbox)
{
	struct sandbox_stats s;
	sandbox_stats(sandbox, &s);
	value(out, "programs_run_total", "counter", "Bodies that programs of webhooks were run on.",
		(double)s.runs);
	value(out, "programs_failed_total", "counter", "Those of which a program made nothing.",
		(double)s.failures);
	value(out, "programs_ended_total", "counter", "Processes that had to be ended because of a program.",
		(double)s.ended);
}

static void write_http(struct buf *out, const struct http_stats *s)
{
	value(out, "http_connections", "gauge", "Connections open.", (double)s->connections);
	value(out, "http_streams", "gauge", "Live pages.", (double)s->streams);
	value(out, "http_waiting", "gauge", "Requests being worked on.", (double)s->waiting);
	value(out, "http_accepted_total", "counter", "Connections accepted.", (double)s->accepted);
	value(out, "http_connections_refused_total", "counter", "Connections refused by a limit.",
		(double)s->refused);
	value(out, "http_timed_out_total", "counter", "Connections closed because they were too slow.",
		(double)s->timed_out);
	value(out, "http_bytes_in_total", "counter", "Bytes received.", (double)s->bytes_in);
	value(out, "http_bytes_out_total", "counter", "Bytes sent.", (double)s->bytes_out);
}

static void write_route(struct buf *out, const struct api_row *row, const struct http_route_stats *s)
{
	const char *method = http_method_name(row->method);
	for (unsigned class = 1; class < 6; class ++)
		if (s->requests[class])
			buf_printf(out,
				"corridor_http_requests_total{method=\"%s\",route=\"%s\",status=\"%uxx\"} "
				"%llu\n",
				method, row->path, class, (unsigned long long)s->requests[class]);
}

static void write_durations(struct buf *out, const struct http_route_stats *s)
{
	uint64_t n = 0;
	head(out, "http_request_seconds", "histogram", "Time from the head of a request to its answer.");
	for (unsigned i = 0; i < HTTP_BUCKETS; i++) {
		n += s->buckets[i];
		if (i < HTTP_BUCKETS - 1)
			buf_printf(out, "corridor_http_request_seconds_bucket{le=\"%g\"} %llu\n",
				http_bucket_us[i] / 1e6, (unsigned long long)n);
	}
	buf_printf(out, "corridor_http_request_seconds_bucket{le=\"+Inf\"} %llu\n", (unsigned long long)n);
	buf_printf(out, "corridor_http_request_seconds_sum %.9g\ncorridor_http_request_seconds_count %llu\n",
		(double)s->sum_us / 1e6, (unsigned long long)n);
}

enum rc metrics(struct api_call *c, struct err *e)
{
	struct api *a = c->api;
	struct buf *out = http_out(c->x);
	struct snapshot *sn;
	struct snapshot_stats stats;
	struct http_stats http;
	enum rc rc = snapshot_open(a->store, &sn, e);
	if (rc != RC_OK)
		return rc;
	snapshot_stats(sn, &stats);
	snapshot_close(&sn);
	head(out, "info", "gauge", "Version of the program.");
	buf_printf(out, "corridor_info{version=\"%s\"} 1\n", corridor_version());
	value(out, "start_time_seconds", "gauge", "When the server was started.", (double)a->started_ms / 1e3);
	write_store(out, &stats);
	write_intake(out, a->intake);
	value(out, "hooks_taken_total", "counter", "Bodies of webhooks that were rightly signed.",
		(double)atomic_load(&a->n_hooks_taken));
	value(out, "hooks_refused_total", "counter", "Bodies of webhooks whose signature was missing or wrong.",
		(double)atomic_load(&a->n_hooks_refused));
	http_stats(a->server, &http);
	write_sandbox(out, a->sandbox);
	write_http(out, &http);
	head(out, "http_requests_total", "counter", "Requests answered.");
	for (size_t i = 0; i < api_n_rows; i++) {
		struct http_route_stats s;
		http_route_stats(a->server, i, &s);
		write_route(out, &api_rows[i], &s);
	}
	write_durations(out, &http.all);
	http_security_headers(c->x, NULL);
	http_header_add(c->x, "Cache-Control", SV("no-store"));
	http_header_add(c->x, "Content-Type", SV("text/plain; version=0.0.4; charset=utf-8"));
	http_reply(c->x);
	return API_ANSWERED;
}
