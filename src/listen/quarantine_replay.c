// SPDX-License-Identifier: Apache-2.0
// Mapping quarantined rows again, with their stored mapping or a mended one.
//
// Invariants:
//  1. Rows are taken in runs of the same imported file, in order of id; each run is one transaction: what is
//     understood is stored and leaves the quarantine, what is not stays with its new reason.
//  2. `after` only grows, so rows that stay are not taken twice.
#include "listen/import.h"

#include "base/mem.h"

#include <stdio.h>

#define RUN_ROWS 4096u
#define RUN_BYTES ((size_t)32 << 20)

// One quarantined row on its way.
struct item {
	int64_t id;
	uint64_t line, number;
	struct sv raw;    // in the run's arena
	struct sv reason; // new; ptr NULL: it was understood
};

// The imported file that rows of a run belong to, as stored.
struct origin {
	int64_t id;
	struct arena *arena;
	struct sv file, map_name, map_text;
	struct csv_head head;
	struct mapping *own; // compiled from map_text, when no other was given
};

struct replay {
	struct store *store;
	const struct import_options *o;
	const struct clock *clock;
	struct mapping *given; // NULL: each row's own
	struct origin origin;
	struct mapper mapper;
	struct import_block *block; // what the run's rows became
	struct commit commit;
	struct arena *arena; // of the run
	struct item *items;  // RUN_ROWS
	uint32_t n_items;
	struct import_report report, next; // committed; with the run under way
	uint64_t n_emitted;
	struct tally *tally;
};

static void origin_free(struct replay *r)
{
	mapper_close(&r->mapper);
	mapping_free(&r->origin.own);
	arena_free(&r->origin.arena);
	r->origin = (struct origin){0};
}

static enum rc origin_read(struct replay *r, int64_t import, struct err *e)
{
	struct origin *o = &r->origin;
	struct db_stmt *q = NULL;
	bool row = false;
	struct db *db = store_db(r->store);
	enum rc rc = db_prepare(db,
		"SELECT i.file, i.map_name, m.text, i.delimiter, i.quote, i.eol, i.n_columns, i.header"
		" FROM import i JOIN import_mapping m ON m.id = i.mapping WHERE i.id = ?1",
		&q, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(q, 1, import);
	rc = db_step(q, &row, e);
	if (rc == RC_OK && row) {
		o->file = arena_copy(o->arena, db_text(q, 0));
		o->map_name = arena_copy(o->arena, db_text(q, 1));
		o->map_text = arena_copy(o->arena, db_blob(q, 2));
		o->head.dialect.delimiter = (char)db_i64(q, 3);
		o->head.dialect.quote = (char)db_i64(q, 4);
		o->head.dialect.eol = (char)db_i64(q, 5);
		o->head.n_columns = (uint32_t)db_i64(q, 6);
		if (!db_is_null(q, 7))
			o->head.header_raw = arena_copy(o->arena, db_blob(q, 7));
		if (!o->file.ptr || !o->map_name.ptr || !o->map_text.ptr)
			rc = err_set(e, RC_NOMEM, "out of memory for replaying");
	} else if (rc == RC_OK) {
		rc = err_set(e, RC_CORRUPT, "the quarantine names an import that is not in the history");
	}
	db_reset(q);
	return rc;
}

// The dialect of the file, as far as the mapping does not say otherwise; and with it the columns.
static enum rc origin_columns(struct origin *o, const struct reader_options *ro, struct err *e)
{
	struct csv_dialect *d = &o->head.dialect;
	if (ro->format != RECORD_CSV)
		return RC_OK;
	d->delimiter = ro->delimiter ? ro->delimiter : d->delimiter;
	d->quote = ro->quote ? ro->quote : d->quote;
	d->trim = ro->trim;
	d->latin1 = ro->latin1;
	if (ro->has_header && o->head.header_raw.ptr)
		return csv_header_parse(
			o->head.header_raw, d, o->arena, &o->head.columns, &o->head.n_columns, e);
	return csv_columns_number(ro, o->head.n_columns, o->arena, &o->head.columns, &o->head.n_columns, e);
}

static enum rc origin_open(struct replay *r, int64_t import, struct err *e)
{
	struct origin *o = &r->origin;
	const struct design *d = store_design(r->store);
	if (o->id == import)
		return RC_OK;
	origin_free(r);
	o->arena = arena_new((size_t)64 << 20);
	if (!o->arena)
		return err_set(e, RC_NOMEM, "out of memory for replaying");
	enum rc rc = origin_read(r, import, e);
	if (rc == RC_OK && !r->given)
		rc = mapping_parse(o->map_text, o->map_name.ptr, d, &o->own, e);
	const struct mapping *m = r->given ? r->given : o->own;
	if (rc == RC_OK)
		rc = origin_columns(o, mapping_reader_options(m), e);
	if (rc == RC_OK)
		rc = mapper_open(&r->mapper, m, d, &o->head, o->file, r->clock, e);
	if (rc == RC_OK)
		o->id = import;
	return rc;
}

// The rows after `after` that belong to the same import as the first of them.
static enum rc read_run(struct replay *r, struct sv file, int64_t after, int64_t *import, struct err *e)
{
	struct db_stmt *q = NULL;
	bool more = false;
	enum rc rc = db_prepare(store_db(r->store),
		"SELECT q.id, q.import, q.line, q.number, q.raw FROM quarantine q JOIN import i ON i.id = "
		"q.import"
		" WHERE q.id > ?2 AND (?1 IS NULL OR i.path = ?1 OR i.file = ?1) ORDER BY q.id LIMIT ?3",
		&q, e);
	r->n_items = 0;
	arena_reset(r->arena);
	if (rc != RC_OK)
		return rc;
	if (file.len)
		db_bind_text(q, 1, file);
	else
		db_bind_null(q, 1);
	db_bind_i64(q, 2, after);
	db_bind_i64(q, 3, RUN_ROWS);
	while ((rc = db_step(q, &more, e)) == RC_OK && more && arena_used(r->arena) < RUN_BYTES) {
		if (r->n_items && db_i64(q, 1) != *import)
			break;
		*import = db_i64(q, 1);
		struct item *it = &r->items[r->n_items++];
		*it = (struct item){db_i64(q, 0), (uint64_t)db_i64(q, 2), (uint64_t)db_i64(q, 3),
			arena_copy(r->arena, db_blob(q, 4)), SV_NONE};
		if (!it->raw.ptr) {
			rc = err_set(e, RC_NOMEM, "out of memory for replaying");
			break;
		}
	}
	db_reset(q);
	return rc;
}

// The item as the mapping's reader sees it now. It must still be one row.
static enum rc read_item(struct replay *r, const struct item *it, struct block_row *row, struct err *e)
{
	struct block *b = r->block->rows;
	const struct reader_options *o = r->mapper.options;
	bool first, second = false;
	enum rc rc = block_of_row(b, o, &r->origin.head.dialect, it->raw, it->line, it->number, e);
	if (rc == RC_OK)
		rc = block_next(b, o, r->mapper.n_columns, row, &first, e);
	if (rc == RC_OK && first && !row->bad)
		rc = block_next(b, o, r->mapper.n_columns, row, &second, e);
	if (rc == RC_OK && first && !second) {
		block_rewind(b);
		rc = block_next(b, o, r->mapper.n_columns, row, &first, e);
	} else if (rc == RC_OK) {
		*row = (struct block_row){.line = it->line, .number = it->number, .raw = it->raw, .bad = true};
		snprintf(row->reason, sizeof(row->reason), "with this mapping the row reads as %s",
			second ? "several rows" : "nothing");
	}
	return rc;
}

// Maps one item into the run's block; a rejected one gets its new reason.
static enum rc map_item(struct replay *r, struct item *it, struct err *row_err, struct err *e)
{
	struct import_block *b = r->block;
	struct block_row row = {0};
	size_t n_rejects = b->n_rejects;
	bool again;
	enum rc rc = read_item(r, it, &row, e);
	if (rc == RC_OK)
		rc = import_row_map(&r->mapper, b, &row, r->clock->now_ms(r->clock), true, row_err, &again, e);
	if (rc != RC_OK || b->n_rejects == n_rejects)
		return rc;
	it->reason = arena_copy(r->arena, reject_reason(b, &b->rejects[n_rejects]));
	return it->reason.ptr ? RC_OK : err_set(e, RC_NOMEM, "out of memory for replaying");
}

// Runs inside the transaction that stores what was understood.
static enum rc settle(void *context, struct db *db, const struct append_result *results, struct err *e)
{
	struct replay *r = context;
	struct db_stmt *q;
	enum rc rc = RC_OK;
	commit_count(&r->commit, results, &r->next);
	for (uint32_t i = 0; i < r->n_items && rc == RC_OK; i++) {
		const struct item *it = &r->items[i];
		rc = it->reason.ptr
			     ? db_prepare(
				       db, "UPDATE quarantine SET kind = ?2, reason = ?3 WHERE id = ?1", &q, e)
			     : db_prepare(db, "DELETE FROM quarantine WHERE id = ?1", &q, e);
		if (rc != RC_OK)
			break;
		db_bind_i64(q, 1, it->id);
		if (it->reason.ptr) {
			db_bind_text(q, 2, reason_kind(it->reason));
			db_bind_text(q, 3, it->reason);
		}
		rc = db_run(q, e);
	}
	return rc;
}

static enum rc replay_run(struct replay *r, struct err *e)
{
	struct err row_err = ERR_NONE;
	struct import_block *b = r->block;
	enum rc rc = RC_OK;
	import_block_clear(b);
	for (uint32_t i = 0; i < r->n_items && rc == RC_OK; i++)
		rc = map_item(r, &r->items[i], &row_err, e);
	if (rc == RC_OK)
		rc = import_block_pack(b, e);
	if (rc == RC_OK)
		rc = commit_collect(&r->commit, &b, 1, e);
	if (rc != RC_OK)
		return rc;
	r->next = r->report;
	report_add_rows(&r->next, b);
	for (uint32_t i = 0; i < r->n_items; i++)
		r->next.bytes += r->items[i].raw.len;
	if (r->o->dry_run) {
		r->next.n_interactions += b->n_interactions;
		r->next.n_unmatched += b->n_unmatched;
	} else {
		rc = store_append(
			r->store, r->commit.batches, r->commit.n_batches, r->commit.results, settle, r, e);
	}
	commit_free(&r->commit);
	if (rc != RC_OK)
		return rc;
	r->report = r->next;
	r->n_emitted += b->n_interactions;
	for (size_t i = 0; i < b->n_rejects; i++)
		tally_add(r->tally, reject_reason(b, &b->rejects[i]), b->rejects[i].line);
	report_check(&r->report, r->n_emitted);
	return RC_OK;
}

static enum rc replay_all(struct replay *r, struct sv file, struct err *e)
{
	int64_t after = 0, import = 0;
	for (;;) {
		enum rc rc = read_run(r, file, after, &import, e);
		if (rc != RC_OK || r->n_items == 0)
			return rc;
		if (r->o->cancel && *r->o->cancel)
			return err_set(e, RC_CANCELLED, "interrupted; what was understood so far is stored");
		after = r->items[r->n_items - 1].id;
		rc = origin_open(r, import, e);
		if (rc == RC_OK)
			rc = replay_run(r, e);
		if (rc != RC_OK)
			return rc;
	}
}

enum rc quarantine_replay(struct store *s, struct sv file, const struct import_options *o,
	struct import_report *report, struct err *e)
{
	struct replay *r = mem_calloc(1, sizeof(*r));
	enum rc rc;
	*report = (struct import_report){0};
	if (!r)
		return err_set(e, RC_NOMEM, "out of memory for replaying");
	r->store = s;
	r->o = o;
	r->clock = o->clock ? o->clock : clock_system();
	int64_t started_ns = r->clock->monotonic_ns(r->clock);
	r->tally = tally_new();
	r->arena = arena_new(0);
	r->items = mem_calloc(RUN_ROWS, sizeof(*r->items));
	rc = r->tally && r->arena && r->items ? import_block_new(&r->block, e)
					      : err_set(e, RC_NOMEM, "out of memory for replaying");
	if (rc == RC_OK)
		rc = import_tables(store_db(s), e);
	if (rc == RC_OK && o->map_text.len)
		rc = mapping_parse(
			o->map_text, o->map_name ? o->map_name : "mapping", store_design(s), &r->given, e);
	if (rc == RC_OK)
		rc = replay_all(r, file, e);
	if (r->tally)
		tally_report(r->tally, &r->report);
	r->report.elapsed_ms = (r->clock->monotonic_ns(r->clock) - started_ns) / 1000000;
	snprintf(
		r->report.file, sizeof(r->report.file), "%.*s", SV_ARG(file.len ? file : SV("the quarantine")));
	*report = r->report;
	commit_free(&r->commit);
	origin_free(r);
	mapping_free(&r->given);
	import_block_free(&r->block);
	arena_free(&r->arena);
	mem_free(r->items);
	tally_free(&r->tally);
	mem_free(r);
	return rc;
}
