// SPDX-License-Identifier: Apache-2.0
// driver DATA: Corridor inside of a process that stays, as its peers are measured. It opens the data directory once,
// answers {"open_ms": …, "interactions": …}, then reads one command a line, fields separated by tabs:
//   run THREADS ANALYSIS [KEY=VALUE]…      {"ms": …, "csv": "…"}: query_run and the answer as CSV in memory
//   bytes ANALYSIS [KEY=VALUE]…            {"bytes": …, "rows": …}: that its scan reads from memory
//   memory THREADS ANALYSIS [KEY=VALUE]…   {"peak_kib": …}: anonymous memory at its highest above that before
//   story TYPE:VALUE                       {"ms": …, "rows": …}: story_read, with gaps and running experience index
//   bandwidth THREADS BYTES                {"bytes_per_s": …}
// KEY is by, where, from, to, limit or a parameter of the analysis. Every answer is one line of JSON; the first failure
// ends the process with a message on standard error.
#include "bandwidth.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/pool.h"
#include "measure/internal.h" // run_open: the scan that a question makes
#include "measure/story.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE_MAX_BYTES 65536
#define FIELDS_MAX 64
#define ANSWER_MAX ((size_t)1 << 30)

struct driver {
	struct store *store;
	struct snapshot *snapshot;
	struct story *story;
	struct sv fields[FIELDS_MAX];
	uint32_t n_fields;
	struct buf csv, out;
};

// A question from fields first…: analysis, then KEY=VALUE.
struct question {
	struct query query;
	struct sv where[FIELDS_MAX];
	struct query_param params[FIELDS_MAX];
};

static double now_ms(void)
{
	const struct clock *clock = clock_system();
	return (double)clock->monotonic_ns(clock) / 1e6;
}

static unsigned unsigned_of(struct sv text)
{
	char digits[24];
	snprintf(digits, sizeof digits, "%.*s", SV_ARG(text));
	return (unsigned)strtoul(digits, NULL, 10);
}

static void by_split(struct query *q, struct sv text)
{
	q->n_by = 0;
	for (struct sv rest = text; rest.ptr && q->n_by < BY_MAX;)
		q->by[q->n_by++] = sv_cut(rest, ',', &rest);
}

static enum rc question_read(const struct driver *d, uint32_t first, struct question *out, struct err *e)
{
	memset(out, 0, sizeof *out);
	struct query *q = &out->query;
	q->where = out->where;
	q->params = out->params;
	q->threads = 1;
	if (first >= d->n_fields)
		return err_set(e, RC_USAGE, "a question needs the name of an analysis");
	q->analysis = d->fields[first];
	for (uint32_t i = first + 1; i < d->n_fields; i++) {
		struct sv value, key = sv_cut(d->fields[i], '=', &value);
		if (sv_equal(key, SV("by")))
			by_split(q, value);
		else if (sv_equal(key, SV("where")))
			out->where[q->n_where++] = value;
		else if (sv_equal(key, SV("from")))
			q->from = value;
		else if (sv_equal(key, SV("to")))
			q->to = value;
		else if (sv_equal(key, SV("limit")))
			q->limit = unsigned_of(value);
		else
			out->params[q->n_params++] = (struct query_param){key, value};
	}
	return RC_OK;
}

static enum rc do_run(struct driver *d, struct json *j, struct err *e)
{
	struct question question;
	struct result *result = NULL;
	enum rc rc = question_read(d, 2, &question, e);
	if (rc != RC_OK)
		return rc;
	question.query.threads = unsigned_of(d->fields[1]);
	buf_clear(&d->csv);
	double start = now_ms();
	rc = query_run(d->snapshot, &question.query, &result, e);
	if (rc == RC_OK)
		rc = result_write_csv(result, &d->csv, e);
	double ms = now_ms() - start;
	if (rc == RC_OK) {
		json_key_double(j, "ms", ms);
		json_key_string(j, "csv", buf_view(&d->csv));
	}
	result_free(&result);
	return rc;
}

static enum rc do_bytes(struct driver *d, struct json *j, struct err *e)
{
	struct question question;
	struct run *run = NULL;
	struct cursor *cursor = NULL;
	enum rc rc = question_read(d, 1, &question, e);
	if (rc == RC_OK)
		rc = run_open(d->snapshot, &question.query, &run, e);
	if (rc == RC_OK)
		rc = cursor_open(d->snapshot, &run->request, 0, UINT64_MAX, &cursor, e);
	if (rc == RC_OK)
		cursor_count_lines(cursor);
	const struct span *span = NULL;
	do {
		if (rc == RC_OK)
			rc = cursor_next(cursor, &span, e);
	} while (rc == RC_OK && span);
	if (rc == RC_OK) {
		struct cursor_stats stats;
		cursor_stats(cursor, &stats);
		json_key_u64(j, "bytes", stats.bytes_decoded);
		json_key_u64(j, "rows", stats.rows);
	}
	cursor_close(&cursor);
	run_close(&run);
	return rc;
}

// Anonymous memory of this process: what is not a mapped file.
static uint64_t anonymous_kib(void)
{
	char line[256];
	unsigned long long kib = 0;
	FILE *f = fopen("/proc/self/status", "r");
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "RssAnon: %llu", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

struct watch {
	atomic_bool done;
	uint64_t peak_kib;
};

static void watch_run(void *context)
{
	struct watch *w = context;
	while (!atomic_load(&w->done)) {
		uint64_t kib = anonymous_kib();
		if (kib > w->peak_kib)
			w->peak_kib = kib;
		nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
	}
}

static enum rc do_memory(struct driver *d, struct json *j, struct err *e)
{
	uint64_t before = anonymous_kib();
	struct watch watch = {.peak_kib = before};
	struct thread *thread = thread_start(watch_run, &watch);
	if (!thread)
		return err_set(e, RC_NOMEM, "cannot start the thread that watches memory");
	struct buf answer = buf_new(ANSWER_MAX);
	struct json unused = json_new(&answer);
	json_object(&unused);
	enum rc rc = do_run(d, &unused, e);
	atomic_store(&watch.done, true);
	thread_join(&thread);
	buf_free(&answer);
	if (rc == RC_OK)
		json_key_u64(j, "peak_kib", watch.peak_kib - before);
	return rc;
}

static enum rc do_story(struct driver *d, struct json *j, struct err *e)
{
	struct sv value, type = sv_cut(d->fields[1], ':', &value);
	struct story_view view;
	double start = now_ms();
	enum rc rc = story_read(d->story, person_of(type, value), &view, e);
	if (rc != RC_OK)
		return rc;
	json_key_double(j, "ms", now_ms() - start);
	json_key_u64(j, "rows", view.span->n);
	return RC_OK;
}

static enum rc do_bandwidth(struct driver *d, struct json *j, struct err *e)
{
	double speed = 0;
	unsigned threads = unsigned_of(d->fields[1]), bytes = d->n_fields > 2 ? unsigned_of(d->fields[2]) : 0;
	if (threads == 0 || bytes == 0)
		return err_set(e, RC_USAGE, "bandwidth needs a number of threads and of bytes");
	enum rc rc = bandwidth_measure(threads, bytes, &speed, e);
	if (rc == RC_OK)
		json_key_double(j, "bytes_per_s", speed);
	return rc;
}

static enum rc do_line(struct driver *d, struct json *j, struct err *e)
{
	static const struct {
		const char *name;
		uint32_t least; // fields
		enum rc (*run)(struct driver *d, struct json *j, struct err *e);
	} commands[] = {
		{"run", 3, do_run},
		{"bytes", 2, do_bytes},
		{"memory", 3, do_memory},
		{"story", 2, do_story},
		{"bandwidth", 3, do_bandwidth},
	};
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (sv_equal(d->fields[0], sv_from(commands[i].name)) && d->n_fields >= commands[i].least)
			return commands[i].run(d, j, e);
	return err_set(e, RC_USAGE, "unknown command “%.*s”", SV_ARG(d->fields[0]));
}

// Writes the answer as one line and empties it.
static enum rc answer_send(struct buf *out, struct err *e)
{
	buf_char(out, '\n');
	enum rc rc = buf_check(out, e, "the answer");
	if (rc == RC_OK && (fwrite(out->data, 1, out->len, stdout) != out->len || fflush(stdout) != 0))
		rc = err_set(e, RC_IO, "cannot write the answer");
	buf_clear(out);
	return rc;
}

static enum rc driver_open(struct driver *d, const char *dir, struct err *e)
{
	struct store_options options = {.read_only = true};
	double start = now_ms();
	enum rc rc = store_open(dir, &options, &d->store, e);
	if (rc == RC_OK)
		rc = snapshot_open(d->store, &d->snapshot, e);
	double opened = now_ms();
	if (rc == RC_OK)
		rc = story_open(d->snapshot, &d->story, e);
	if (rc != RC_OK)
		return rc;
	struct snapshot_stats stats;
	snapshot_stats(d->snapshot, &stats);
	struct json j = json_new(&d->out);
	json_object(&j);
	json_key_double(&j, "open_ms", opened - start);
	json_key_u64(&j, "interactions", stats.n_interactions);
	json_key_u64(&j, "segments", stats.n_segments);
	json_object_end(&j);
	return answer_send(&d->out, e);
}

static enum rc driver_serve(struct driver *d, struct err *e)
{
	static char line[LINE_MAX_BYTES];
	enum rc rc = RC_OK;
	while (rc == RC_OK && fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = '\0';
		d->n_fields = 0;
		for (struct sv rest = sv_from(line); rest.ptr && d->n_fields < FIELDS_MAX;)
			d->fields[d->n_fields++] = sv_cut(rest, '\t', &rest);
		struct json j = json_new(&d->out);
		json_object(&j);
		rc = do_line(d, &j, e);
		json_object_end(&j);
		if (rc == RC_OK)
			rc = answer_send(&d->out, e);
	}
	return rc;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: driver DATA\n");
		return 2;
	}
	struct err e = ERR_NONE;
	static struct driver d;
	mem_retain((size_t)256 << 20);
	d.csv = buf_new(ANSWER_MAX);
	d.out = buf_new(ANSWER_MAX);
	enum rc rc = driver_open(&d, argv[1], &e);
	if (rc == RC_OK)
		rc = driver_serve(&d, &e);
	if (rc != RC_OK)
		fprintf(stderr, "driver: %s%s%s\n", e.message, e.remedy[0] ? "; " : "", e.remedy);
	story_close(&d.story);
	snapshot_close(&d.snapshot);
	store_close(&d.store);
	buf_free(&d.csv);
	buf_free(&d.out);
	return rc == RC_OK ? 0 : 1;
}
