// SPDX-License-Identifier: Apache-2.0
// The import: files to interactions in the store.
//
//   reader thread ──work──▶ mapper threads ──block->done──▶ writer (the caller's thread)
//        ▲  └──────────────────order──────────────────────────▲     │
//        └──────────────────────spare───────────────────────────────┘
//
// Invariants:
//  1. A fixed number of blocks goes round, so memory is bounded and no push ever waits.
//  2. `order` has the blocks in the order of the file; the writer waits for each to be mapped, so interactions
//     arrive in the order of the file whatever the number of mappers.
//  3. The writer commits a group of blocks in one transaction: interactions, quarantined rows, the history's row.
//     The report counts only what is committed.
//  4. After `stop` is set, no block is committed; the threads drain and end.
#include "listen/import.h"

#include "base/mem.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define MAPPERS_MAX 16u
#define GROUP_BLOCKS 8u
#define GROUP_INTERACTIONS 200000u
// A group that is being committed, and for each mapper one to map and one that waits for its turn.
#define BLOCKS_OF(mappers) (GROUP_BLOCKS + 2 * (mappers))
#define BLOCKS_MAX BLOCKS_OF(MAPPERS_MAX)

// One call of import_files.
struct run {
	struct store *store;
	const struct import_options *o;
	const struct clock *clock;
	struct mapping *mapping;
	struct progress *progress;
	uint64_t bytes_before, rows_before; // of the files that are done
	uint64_t n_quarantined;             // of all files
};

struct pipeline;

// What a mapping thread is given.
struct mapper_job {
	struct pipeline *p;
	struct mapper *m;
};

struct pipeline {
	struct run *run;
	struct reader *reader;
	struct import_file file;
	struct queue *spare, *work, *order;
	struct import_block *blocks[BLOCKS_MAX];
	struct mapper mappers[MAPPERS_MAX];
	struct mapper_job jobs[MAPPERS_MAX];
	struct thread *threads[MAPPERS_MAX + 1];
	uint32_t n_blocks, n_mappers, n_threads;
	atomic_bool stop;
	struct err read_err;
	// Of the writer:
	struct import_block *group[GROUP_BLOCKS];
	uint32_t n_group;
	uint64_t n_group_interactions, n_emitted;
	struct import_report report;
	struct tally *tally;
	int64_t started_ns;
};

static void read_blocks(void *context)
{
	struct pipeline *p = context;
	struct import_block *b;
	bool done = false;
	while (!atomic_load(&p->stop) && (b = queue_pop(p->spare))) {
		if (reader_next(p->reader, b->rows, &done, &p->read_err) != RC_OK || done)
			break;
		queue_push(p->order, b);
		queue_push(p->work, b);
	}
	queue_close(p->work);
	queue_close(p->order);
}

static void map_blocks(void *context)
{
	struct mapper_job *job = context;
	struct import_block *b;
	while ((b = queue_pop(job->p->work))) {
		b->err = ERR_NONE;
		if (!atomic_load(&job->p->stop))
			import_block_map(job->m, b, &b->err);
		queue_push(b->done, b);
	}
}

static int64_t elapsed_ms(const struct pipeline *p)
{
	const struct clock *c = p->run->clock;
	return (c->monotonic_ns(c) - p->started_ns) / 1000000;
}

// --- committing a group ---

struct group_commit {
	struct pipeline *p;
	struct commit commit;
	struct import_report next; // the report once the group is in
};

// Runs inside the transaction of the group's interactions.
static enum rc save_group(void *context, struct db *db, const struct append_result *results, struct err *e)
{
	struct group_commit *g = context;
	struct pipeline *p = g->p;
	int64_t now_ms = p->run->clock->now_ms(p->run->clock);
	commit_count(&g->commit, results, &g->next);
	enum rc rc = import_file_save(db, &p->file, &g->next, false, e);
	for (uint32_t i = 0; i < p->n_group && rc == RC_OK; i++) {
		const struct import_block *b = p->group[i];
		for (size_t k = 0; k < b->n_rejects && rc == RC_OK; k++)
			rc = quarantine_add(
				db, &p->file, &b->rejects[k], reject_reason(b, &b->rejects[k]), now_ms, e);
	}
	return rc;
}

static enum rc store_group(struct pipeline *p, struct group_commit *g, struct err *e)
{
	const struct import_file before = p->file;
	struct commit *c = &g->commit;
	enum rc rc = commit_collect(c, p->group, p->n_group, e);
	int64_t used_ns = clock_thread_ns();
	if (rc == RC_OK)
		rc = store_append(p->run->store, c->batches, c->n_batches, c->results, save_group, g, e);
	if (rc == RC_OK)
		store_pace(p->run->store, clock_thread_ns() - used_ns);
	else
		p->file = before;
	return rc;
}

static void group_done(struct pipeline *p, const struct group_commit *g)
{
	struct run *run = p->run;
	run->n_quarantined += g->next.n_quarantined - p->report.n_quarantined;
	p->report = g->next;
	p->n_emitted += p->n_group_interactions;
	for (uint32_t i = 0; i < p->n_group; i++) {
		const struct import_block *b = p->group[i];
		for (size_t k = 0; k < b->n_rejects; k++)
			tally_add(p->tally, reject_reason(b, &b->rejects[k]), b->rejects[k].line);
	}
	report_check(&p->report, p->n_emitted);
	progress_update(
		run->progress, run->bytes_before + p->report.bytes, run->rows_before + p->report.n_rows);
	if (run->o->acknowledged)
		run->o->acknowledged(run->o->acknowledged_context, &p->report);
}

static enum rc check_limits(const struct pipeline *p, struct err *e)
{
	const struct import_options *o = p->run->o;
	if (stop_asked(o->cancel)) {
		err_set(e, RC_CANCELLED, "interrupted after %llu rows of %s",
			(unsigned long long)p->report.n_rows, p->file.path);
		err_remedy(e, "what was imported stays; run the same import again to add the rest");
		return RC_CANCELLED;
	}
	if (o->max_quarantined && p->run->n_quarantined > o->max_quarantined) {
		err_set(e, RC_LIMIT, "%llu rows could not be understood, more than the %llu allowed",
			(unsigned long long)p->run->n_quarantined, (unsigned long long)o->max_quarantined);
		err_remedy(
			e, "look at `corridor quarantine list`, mend the mapping, then replay or import again");
		return RC_LIMIT;
	}
	return RC_OK;
}

static enum rc commit_group(struct pipeline *p, struct err *e)
{
	struct group_commit g = {.p = p, .next = p->report};
	enum rc rc = RC_OK;
	g.next.elapsed_ms = elapsed_ms(p);
	for (uint32_t i = 0; i < p->n_group; i++) {
		report_add_rows(&g.next, p->group[i]);
		g.next.bytes = p->group[i]->rows->bytes_used;
	}
	if (p->run->o->dry_run) {
		for (uint32_t i = 0; i < p->n_group; i++)
			g.next.n_unmatched += p->group[i]->n_unmatched;
		g.next.n_interactions += p->n_group_interactions;
	} else {
		rc = store_group(p, &g, e);
	}
	if (rc == RC_OK)
		group_done(p, &g);
	for (uint32_t i = 0; i < p->n_group; i++)
		queue_push(p->spare, p->group[i]);
	p->n_group = 0;
	p->n_group_interactions = 0;
	commit_free(&g.commit);
	return rc == RC_OK ? check_limits(p, e) : rc;
}

// --- the writer ---

static enum rc take_block(struct pipeline *p, struct import_block *b, struct err *e)
{
	if (b->err.rc != RC_OK)
		return err_take(e, &b->err);
	p->group[p->n_group++] = b;
	p->n_group_interactions += b->n_interactions;
	bool full = p->n_group == GROUP_BLOCKS || p->n_group_interactions >= GROUP_INTERACTIONS;
	return full ? commit_group(p, e) : RC_OK;
}

static void halt(struct pipeline *p)
{
	atomic_store(&p->stop, true);
	queue_close(p->spare);
}

static enum rc write_blocks(struct pipeline *p, struct err *e)
{
	struct import_block *b;
	enum rc rc = RC_OK;
	while ((b = queue_pop(p->order))) {
		queue_pop(b->done);
		if (rc == RC_OK)
			rc = take_block(p, b, e);
		if (rc != RC_OK)
			halt(p);
	}
	if (rc == RC_OK && p->n_group)
		rc = commit_group(p, e);
	return rc;
}

static void join_all(struct pipeline *p)
{
	for (uint32_t i = 0; i < p->n_threads; i++)
		thread_join(&p->threads[i]);
	p->n_threads = 0;
}

static enum rc run_threads(struct pipeline *p, struct err *e)
{
	bool all = true;
	enum rc rc;
	for (uint32_t i = 0; i < p->n_mappers && all; i++) {
		p->jobs[i] = (struct mapper_job){p, &p->mappers[i]};
		p->threads[p->n_threads] = thread_start(map_blocks, &p->jobs[i]);
		all = p->threads[p->n_threads] != NULL;
		p->n_threads += all;
	}
	if (all) {
		p->threads[p->n_threads] = thread_start(read_blocks, p);
		all = p->threads[p->n_threads] != NULL;
		p->n_threads += all;
	}
	if (all) {
		rc = write_blocks(p, e);
	} else {
		rc = err_set(e, RC_NOMEM, "cannot start a thread for the import");
		halt(p);
		queue_close(p->work);
	}
	join_all(p);
	return rc;
}

// --- one file ---

static enum rc make_threads_ready(struct pipeline *p, struct err *e)
{
	const struct import_options *o = p->run->o;
	unsigned threads = o->threads ? o->threads : pool_cpus();
	enum rc rc = RC_OK;
	p->n_mappers = threads < MAPPERS_MAX ? threads : MAPPERS_MAX;
	p->n_blocks = BLOCKS_OF(p->n_mappers);
	p->spare = queue_new(p->n_blocks);
	p->work = queue_new(p->n_blocks);
	p->order = queue_new(p->n_blocks);
	p->tally = tally_new();
	if (!p->spare || !p->work || !p->order || !p->tally)
		return err_set(e, RC_NOMEM, "out of memory for the import");
	for (uint32_t i = 0; i < p->n_blocks && rc == RC_OK; i++) {
		rc = import_block_new(&p->blocks[i], e);
		if (rc == RC_OK)
			queue_push(p->spare, p->blocks[i]);
	}
	for (uint32_t i = 0; i < p->n_mappers && rc == RC_OK; i++)
		rc = mapper_open(&p->mappers[i], p->run->mapping, store_design(p->run->store), p->file.head,
			sv_from(p->file.name), p->run->clock, e);
	return rc;
}

static void pipeline_free(struct pipeline *p)
{
	for (uint32_t i = 0; i < p->n_mappers; i++)
		mapper_close(&p->mappers[i]);
	for (uint32_t i = 0; i < p->n_blocks; i++)
		import_block_free(&p->blocks[i]);
	queue_free(&p->spare);
	queue_free(&p->work);
	queue_free(&p->order);
	tally_free(&p->tally);
	reader_close(&p->reader);
	mem_free(p);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash && slash[1] ? slash + 1 : path;
}

static void file_known(struct pipeline *p, const char *path)
{
	const struct csv_head *h = reader_head(p->reader);
	const struct import_options *o = p->run->o;
	bool standard = strcmp(path, "-") == 0;
	const char *known = o->file_name ? o->file_name : path;
	p->file = (struct import_file){.path = standard ? "standard input" : known,
		.name = standard ? "standard input" : base_name(known),
		.map_name = o->map_name ? o->map_name : "",
		.map_text = o->map_text,
		.head_hash = reader_head_hash(p->reader),
		.head = h,
		.format = mapping_reader_options(p->run->mapping)->format,
		.at_ms = p->run->clock->now_ms(p->run->clock)};
	p->report.n_skipped_lines = h->n_skipped;
	snprintf(p->report.skipped_sample, sizeof(p->report.skipped_sample), "%.*s", SV_ARG(h->skipped_sample));
}

// The last word on a file in the history.
static enum rc save_last(void *context, struct db *db, const struct append_result *results, struct err *e)
{
	struct pipeline *p = context;
	(void)results;
	return import_file_save(db, &p->file, &p->report, true, e);
}

// A mapping that does not fit a file names its own line as the place; the message names the file's.
static void name_file(const struct pipeline *p, const struct err *why, struct err *e)
{
	err_set(e, why->rc, "%s, header in line %llu: %s", p->file.path,
		(unsigned long long)p->file.head->header_line, why->message);
	err_place(e, why->file[0] ? why->file : NULL, why->line, why->column);
	err_remedy(e, "%s", why->remedy);
}

static void count_events(struct pipeline *p)
{
	const struct xes_counts *c = reader_xes_counts(p->reader);
	struct import_report *r = &p->report;
	if (!c)
		return;
	r->is_xes = true;
	r->n_traces = c->n_traces;
	r->n_events = c->n_events;
	r->n_pairs = c->n_pairs;
	r->n_lone_starts = c->n_lone_starts;
	r->n_lone_ends = c->n_lone_ends;
}

struct check {
	struct run *run;
	struct progress *progress; // NULL until the first bytes are looked at
};

// A line of its own, since the file's bytes count once more when its rows are read.
static void show_check(void *context, uint64_t bytes, uint64_t total)
{
	struct check *c = context;
	if (!c->progress) {
		progress_clear(c->run->progress);
		c->progress = progress_new("check", total, "bytes", c->run->o->quiet);
	}
	progress_update(c->progress, bytes, 0);
}

static enum rc open_checked(struct run *run, const char *path, struct reader **out, struct err *e)
{
	uint32_t n_required;
	const struct sv *required = mapping_required_columns(run->mapping, &n_required);
	struct check c = {.run = run};
	const struct reader_check check = {.progress = show_check, .context = &c};
	enum rc rc = reader_open(run->o->io, path, mapping_reader_options(run->mapping), required, n_required,
		run->o->cancel, &check, out, e);
	progress_finish(&c.progress);
	return rc;
}

static enum rc import_one(struct run *run, const char *path, struct import_report *report, struct err *e)
{
	struct pipeline *p = mem_calloc(1, sizeof(*p));
	if (!p)
		return err_set(e, RC_NOMEM, "out of memory for the import");
	p->run = run;
	p->started_ns = run->clock->monotonic_ns(run->clock);
	snprintf(p->report.file, sizeof(p->report.file), "%s", path);
	enum rc rc = open_checked(run, path, &p->reader, e);
	if (rc == RC_OK) {
		struct err why = ERR_NONE;
		file_known(p, path);
		rc = make_threads_ready(p, &why);
		p->report.was_read = rc == RC_OK;
		if (rc != RC_OK)
			name_file(p, &why, e);
	}
	if (rc == RC_OK)
		rc = run_threads(p, e);
	if (rc == RC_OK && p->read_err.rc != RC_OK)
		rc = err_take(e, &p->read_err);
	if (p->reader && rc == RC_OK)
		p->report.bytes = reader_bytes_used(p->reader);
	if (p->reader)
		count_events(p);
	p->report.elapsed_ms = elapsed_ms(p);
	if (p->tally)
		tally_report(p->tally, &p->report);
	// An import that stopped is in the history as unfinished, with what it had committed.
	if (rc == RC_OK && !run->o->dry_run)
		rc = store_append(run->store, NULL, 0, NULL, save_last, p, e);
	p->report.is_whole = rc == RC_OK;
	*report = p->report;
	pipeline_free(p);
	return rc;
}

// --- all files ---

// Bytes of all files; 0 when one of them is a pipe or cannot be asked.
static uint64_t total_bytes(const struct import_options *o, const char *const *paths, uint32_t n)
{
	const struct io *io = o->io ? o->io : io_system();
	uint64_t total = 0;
	for (uint32_t i = 0; i < n; i++) {
		int fd = strcmp(paths[i], "-") == 0 ? -1 : io->open(io, paths[i], IO_READ);
		if (fd < 0)
			return 0;
		int64_t size = io->size(io, fd);
		io->close(io, fd);
		if (size <= 0)
			return 0;
		total += (uint64_t)size;
	}
	return total;
}

static enum rc make_tables(void *context, struct db *db, struct err *e)
{
	(void)context;
	return import_tables(db, e);
}

enum rc import_files(struct store *s, const struct import_options *o, const char *const *paths,
	uint32_t n_files, struct import_report *reports, struct err *e)
{
	struct run run = {.store = s, .o = o, .clock = o->clock ? o->clock : clock_system()};
	const char *map_name = o->map_name ? o->map_name : "mapping";
	memset(reports, 0, n_files * sizeof(*reports));
	for (uint32_t i = 0; i < n_files; i++)
		snprintf(reports[i].file, sizeof(reports[i].file), "%s", paths[i]);
	enum rc rc = mapping_parse(o->map_text, map_name, store_design(s), &run.mapping, e);
	if (rc == RC_OK && !o->dry_run)
		rc = store_alone(s, make_tables, NULL, e);
	if (rc != RC_OK)
		goto out;
	run.progress = progress_new("import", total_bytes(o, paths, n_files), "bytes", o->quiet);
	for (uint32_t i = 0; i < n_files && rc == RC_OK; i++) {
		rc = import_one(&run, paths[i], &reports[i], e);
		run.bytes_before += reports[i].bytes;
		run.rows_before += reports[i].n_rows;
		progress_update(run.progress, run.bytes_before, run.rows_before);
	}
	if (rc == RC_OK && !o->dry_run && !o->leave_inbox)
		rc = store_seal(s, e);
out:
	progress_finish(&run.progress);
	mapping_free(&run.mapping);
	return rc;
}
