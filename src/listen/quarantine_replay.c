// SPDX-License-Identifier: Apache-2.0
// Mapping quarantined rows again, with their stored mapping or a mended one; tracking messages are decoded again, as
// what they came in; bodies of webhooks are mapped as the webhook is now.
//
// Invariants:
//  1. Rows are taken in runs of the same imported file, in order of id; each run is one transaction: what is
//     understood is stored and leaves the quarantine, what is not stays with its new reason.
//  2. The database is used inside store_alone or the transaction, so that others may write meanwhile.
//  3. `after` only grows, so rows that stay are not taken twice.
//  4. What leaves the quarantine between being read and being stored (a person is erased, a row is dropped) is not
//     stored: its run is rolled back and read again without it.
#include "listen/hook_line.h"
#include "listen/import.h"
#include "listen/wire_keep.h"
#include "people/people.h"

#include "base/mem.h"

#include <stdio.h>

#define RUN_ROWS 4096u
#define RUN_BYTES ((size_t)32 << 20)
#define LINKS_AT_ONCE 20000u // what is left is linked by whoever links next

// One quarantined row on its way.
struct item {
	int64_t id;
	uint64_t line, number;
	int64_t at_ms;
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
	bool is_wire;        // tracking messages
	struct wire_origin wire;
	bool is_hook; // bodies of a webhook
	struct hook *hook;
	struct sv hook_program;
	struct err hook_wrong; // why it is NULL
};

// "Both are one person", told by tracking messages.
struct pair {
	struct sv from, to; // in the run's arena
	int64_t at_ms;
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
	// What is to be read, and where it belongs.
	struct quarantine_choice wanted;
	uint32_t at_wanted;
	uint64_t rows_max; // 0: all
	int64_t after, import;
	bool gone; // a row of the run is no longer in the quarantine
	// NULL: it is no preview. Told with the id of the row at hand.
	const struct preview_sink *preview;
	int64_t at_id;
	// Of tracking messages; opened with the first of them.
	struct wire_decoder *decoder;
	struct people *people;
	struct pair *pairs;
	size_t n_pairs, pairs_capacity;
	struct import_report report, next; // committed; with the run under way
	uint64_t n_emitted;
	struct tally *tally;
};

static void origin_free(struct replay *r)
{
	mapper_close(&r->mapper);
	hook_close(&r->origin.hook);
	mapping_free(&r->origin.own);
	arena_free(&r->origin.arena);
	r->origin = (struct origin){0};
}

static enum rc origin_read(void *context, struct db *db, struct err *e)
{
	struct replay *r = context;
	struct origin *o = &r->origin;
	struct db_stmt *q = NULL;
	bool row = false;
	enum rc rc = db_prepare(db,
		"SELECT i.file, i.map_name, m.text, i.delimiter, i.quote, i.eol, i.n_columns, i.header"
		" FROM import i JOIN import_mapping m ON m.id = i.mapping WHERE i.id = ?1",
		&q, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(q, 1, r->import);
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
		if (!o->file.ptr || !o->map_name.ptr || !o->map_text.ptr ||
			(!o->head.header_raw.ptr && !db_is_null(q, 7)))
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

static enum rc wire_open(struct replay *r, struct err *e)
{
	r->origin.is_wire = true;
	if (!r->decoder && !(r->decoder = wire_decoder_new()))
		return err_set(e, RC_NOMEM, "out of memory for replaying");
	enum rc rc = r->people ? RC_OK : people_open(r->store, r->clock, &r->people, e);
	return rc == RC_OK ? wire_origin_read(r->origin.map_text, r->origin.arena, &r->origin.wire, e) : rc;
}

// A webhook that is gone, or whose mapping does not fit, leaves its bodies where they are, with that as the reason.
static enum rc origin_hook(struct replay *r, struct sv name, struct err *e)
{
	struct origin *o = &r->origin;
	struct hook_settings settings = {0};
	struct err why = ERR_NONE;
	enum rc rc = RC_OK;
	o->is_hook = true;
	if (!name.ptr)
		return err_set(e, RC_NOMEM, "out of memory for replaying");
	if (!r->given && !r->o->hook_find)
		rc = err_set(&why, RC_NOT_FOUND, "the webhook “%.*s” is not known here", SV_ARG(name));
	else if (!r->given)
		rc = r->o->hook_find(r->o->hook_context, name, o->arena, &settings, &why);
	else if (r->o->hook_find) // only its program, if it is there
		r->o->hook_find(r->o->hook_context, name, o->arena, &settings, NULL);
	o->hook_program = settings.program;
	if (rc == RC_OK && !r->given)
		rc = mapping_parse(settings.mapping, "mapping", store_design(r->store), &o->own, &why);
	if (rc == RC_OK)
		rc = hook_open(r->given ? r->given : o->own, store_design(r->store), name, &o->hook, &why);
	o->hook_wrong = why;
	if (rc == RC_INPUT && r->given && r->preview) // told with its place, instead of with each body
		return err_take(e, &why);
	return rc == RC_OK || rc == RC_INPUT || rc == RC_NOT_FOUND ? RC_OK : err_take(e, &why);
}

static enum rc origin_open(struct replay *r, struct err *e)
{
	struct sv hook;
	struct origin *o = &r->origin;
	const struct design *d = store_design(r->store);
	if (o->id == r->import)
		return RC_OK;
	origin_free(r);
	o->arena = arena_new((size_t)64 << 20);
	if (!o->arena)
		return err_set(e, RC_NOMEM, "out of memory for replaying");
	enum rc rc = store_alone(r->store, origin_read, r, e);
	if (rc == RC_OK && wire_origin_is(o->map_text)) {
		rc = wire_open(r, e);
		o->id = rc == RC_OK ? r->import : 0;
		return rc;
	}
	if (rc == RC_OK && hook_origin_read(o->map_text, o->arena, &hook)) {
		rc = origin_hook(r, hook, e);
		o->id = rc == RC_OK ? r->import : 0;
		return rc;
	}
	if (rc == RC_OK && !r->given && o->map_text.len == 0)
		rc = err_set(e, RC_INPUT, "of the messages of %.*s it is not known how they came in",
			SV_ARG(o->file));
	if (rc == RC_OK && !r->given)
		rc = mapping_parse(o->map_text, o->map_name.ptr, d, &o->own, e);
	const struct mapping *m = r->given ? r->given : o->own;
	if (rc == RC_OK)
		rc = origin_columns(o, mapping_reader_options(m), e);
	if (rc == RC_OK)
		rc = mapper_open(&r->mapper, m, d, &o->head, o->file, r->clock, e);
	if (rc == RC_OK)
		o->id = r->import;
	return rc;
}

static enum rc take_row(struct replay *r, struct db_stmt *q, struct err *e)
{
	r->import = db_i64(q, 1);
	struct item *it = &r->items[r->n_items++];
	*it = (struct item){db_i64(q, 0), (uint64_t)db_i64(q, 2), (uint64_t)db_i64(q, 3), db_i64(q, 5),
		arena_copy(r->arena, db_blob(q, 4)), SV_NONE};
	return it->raw.ptr ? RC_OK : err_set(e, RC_NOMEM, "out of memory for replaying");
}

#define ROWS_SQL                                                                                               \
	"SELECT q.id, q.import, q.line, q.number, q.raw, q.at_ms FROM quarantine q JOIN import i"              \
	" ON i.id = q.import WHERE "

static uint32_t run_rows(const struct replay *r)
{
	uint64_t left = r->rows_max ? r->rows_max - r->report.n_rows : RUN_ROWS;
	return left < RUN_ROWS ? (uint32_t)left : RUN_ROWS;
}

// The rows after `after` that belong to the same import as the first of them.
static enum rc read_run(void *context, struct db *db, struct err *e)
{
	struct replay *r = context;
	struct db_stmt *q = NULL;
	bool more = false;
	enum rc rc = db_prepare(db,
		ROWS_SQL "q.id > ?5 AND " CHOSEN_IMPORT " AND " CHOSEN_KIND " ORDER BY q.id LIMIT ?6", &q, e);
	if (rc != RC_OK)
		return rc;
	quarantine_choice_bind(q, &r->wanted);
	db_bind_i64(q, 5, r->after);
	db_bind_i64(q, 6, run_rows(r));
	while ((rc = db_step(q, &more, e)) == RC_OK && more && arena_used(r->arena) < RUN_BYTES) {
		if (r->n_items && db_i64(q, 1) != r->import)
			break;
		if ((rc = take_row(r, q, e)) != RC_OK)
			break;
	}
	db_reset(q);
	return rc;
}

// The same of rows that are named; those that are gone are left out.
static enum rc read_named(void *context, struct db *db, struct err *e)
{
	struct replay *r = context;
	struct db_stmt *q = NULL;
	enum rc rc = db_prepare(db, ROWS_SQL "q.id = ?1", &q, e);
	while (rc == RC_OK && r->at_wanted < r->wanted.n_ids && r->n_items < run_rows(r) &&
		arena_used(r->arena) < RUN_BYTES) {
		bool there;
		if (r->at_wanted > 0 && r->wanted.ids[r->at_wanted] == r->wanted.ids[r->at_wanted - 1]) {
			r->at_wanted++;
			continue;
		}
		db_bind_i64(q, 1, r->wanted.ids[r->at_wanted]);
		rc = db_step(q, &there, e);
		if (rc == RC_OK && there && r->n_items && db_i64(q, 1) != r->import)
			break;
		if (rc == RC_OK && there)
			rc = take_row(r, q, e);
		db_reset(q);
		r->at_wanted++;
	}
	if (q)
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

static enum rc show(void *context, const struct interaction *x, struct err *e)
{
	struct replay *r = context;
	return r->preview->interaction(r->preview->context, (uint64_t)r->at_id, x, e);
}

// In a preview what the row became is told once it is known that all of it can be stored.
static enum rc show_row(struct replay *r, const struct block_row *row, struct err *e)
{
	struct map_counts times = {0};
	struct record record;
	uint32_t n;
	enum rc rc = mapper_record(&r->mapper, row, &record, e);
	return rc == RC_OK ? mapping_map(r->mapper.bound, &record, r->clock->now_ms(r->clock), show, r, &n,
				     &times, e)
			   : rc;
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
	if (rc == RC_OK && r->preview && b->n_rejects == n_rejects)
		rc = show_row(r, &row, e);
	if (rc != RC_OK || b->n_rejects == n_rejects)
		return rc;
	it->reason = arena_copy(r->arena, reject_reason(b, &b->rejects[n_rejects]));
	return it->reason.ptr ? RC_OK : err_set(e, RC_NOMEM, "out of memory for replaying");
}

// --- tracking messages ---

struct decoding {
	struct replay *r;
	struct sv reason; // in the run's arena; ptr NULL: understood
};

static enum rc decoded(void *context, uint32_t index, const struct interaction *x, struct err *e)
{
	(void)index;
	struct decoding *d = context;
	enum rc rc = import_block_add(d->r->block, store_design(d->r->store), x, e);
	return rc == RC_OK && d->r->preview ? show(d->r, x, e) : rc;
}

static enum rc decoded_link(void *context, const struct wire_link *l, struct err *e)
{
	struct replay *r = ((struct decoding *)context)->r;
	if (mem_grow((void **)&r->pairs, &r->pairs_capacity, r->n_pairs + 1, sizeof(*r->pairs)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for replaying");
	struct pair *p = &r->pairs[r->n_pairs++];
	*p = (struct pair){arena_printf(r->arena, "%.*s:%.*s", SV_ARG(l->from.type), SV_ARG(l->from.value)),
		arena_printf(r->arena, "%.*s:%.*s", SV_ARG(l->to.type), SV_ARG(l->to.value)), l->at_ms};
	return p->from.ptr && p->to.ptr ? RC_OK : err_set(e, RC_NOMEM, "out of memory for replaying");
}

static enum rc not_decoded(void *context, uint32_t index, struct sv raw, struct sv reason, struct err *e)
{
	(void)index;
	(void)raw;
	struct decoding *d = context;
	d->reason = arena_copy(d->r->arena, reason);
	return d->reason.ptr ? RC_OK : err_set(e, RC_NOMEM, "out of memory for replaying");
}

// The message came when it was put into the quarantine, as far as anybody knows.
static enum rc decode_item(struct replay *r, struct item *it, struct err *row_err, struct err *e)
{
	struct import_block *b = r->block;
	struct decoding d = {.r = r};
	const struct wire_sink sink = {&d, decoded, decoded_link, not_decoded};
	const struct wire_context c = {.design = store_design(r->store),
		.source = r->origin.wire.source,
		.channel = r->origin.wire.channel,
		.links_email = r->origin.wire.links_email,
		.received_ms = it->at_ms};
	struct buf body = buf_new((size_t)1 << 30);
	struct wire_result result;
	enum wire_kind kind;
	wire_again(&body, &r->origin.wire, it->raw, &kind);
	enum rc rc = buf_check(&body, e, "a message");
	if (rc == RC_OK)
		rc = wire_decode(r->decoder, kind, buf_view(&body), &c, &sink, &result, row_err);
	buf_free(&body);
	b->n_rows++;
	if (rc == RC_INPUT || rc == RC_LIMIT)
		rc = not_decoded(&d, 0, it->raw, sv_from(row_err->message), e);
	else if (rc != RC_OK)
		rc = err_take(e, row_err);
	*row_err = ERR_NONE;
	if (rc != RC_OK)
		return rc;
	it->reason = d.reason;
	b->n_mapped_rows += !d.reason.ptr;
	const struct block_row row = {.line = it->line, .number = it->number, .raw = it->raw};
	return d.reason.ptr ? import_block_reject(b, &row, d.reason.ptr, e) : RC_OK;
}

// --- bodies of webhooks ---

static enum rc hook_item(struct replay *r, struct item *it, struct err *e)
{
	struct import_block *b = r->block;
	struct decoding d = {.r = r};
	const struct wire_sink sink = {&d, decoded, decoded_link, not_decoded};
	struct hook_result result = {0};
	char reason[1400];
	b->n_rows++;
	uint32_t first = it->number ? (uint32_t)it->number - 1 : 0;
	struct buf made = buf_new(SANDBOX_OUTPUT_MAX);
	struct err why = r->origin.hook_wrong;
	struct sv program = r->origin.hook_program, body = it->raw;
	enum rc rc = RC_OK;
	if (r->origin.hook && program.len) {
		rc = hook_program_run(r->o->sandbox, program, it->raw, &made, &why);
		body = buf_view(&made);
	}
	if (rc != RC_OK && rc != RC_INPUT)
		err_take(e, &why);
	else if (why.rc != RC_OK)
		rc = not_decoded(&d, 0, it->raw, sv_from(err_format(&why, reason, sizeof(reason))), e);
	else
		rc = hook_decode_whole(r->origin.hook, body, it->raw, first,
			program.len ? SANDBOX_OUTPUT_MAX : it->raw.len + 1, it->at_ms, &sink, &result, e);
	buf_free(&made);
	if (rc != RC_OK)
		return rc;
	it->reason = d.reason;
	b->n_mapped_rows += !d.reason.ptr && result.n_interactions > 0;
	b->n_empty_rows += !d.reason.ptr && result.n_interactions == 0;
	const struct block_row row = {.line = it->line, .number = it->number, .raw = it->raw};
	return d.reason.ptr ? import_block_reject(b, &row, d.reason.ptr, e) : RC_OK;
}

static enum rc take_item(struct replay *r, struct item *it, struct err *row_err, struct err *e)
{
	enum rc rc;
	r->at_id = it->id;
	if (r->origin.is_wire)
		rc = decode_item(r, it, row_err, e);
	else
		rc = r->origin.is_hook ? hook_item(r, it, e) : map_item(r, it, row_err, e);
	if (rc == RC_OK && r->preview && it->reason.ptr)
		rc = r->preview->reject(r->preview->context, (uint64_t)it->id, it->reason, e);
	return rc;
}

// --- a run of rows ---

// Runs inside the transaction that stores what was understood.
static enum rc settle(void *context, struct db *db, const struct append_result *results, struct err *e)
{
	struct replay *r = context;
	struct db_stmt *q;
	enum rc rc = RC_OK;
	commit_count(&r->commit, results, &r->next);
	for (size_t i = 0; i < r->n_pairs && rc == RC_OK; i++)
		rc = people_pair(r->people, db, r->pairs[i].from, r->pairs[i].to, r->pairs[i].at_ms, e);
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
		if (rc == RC_OK && db_changes(db) == 0) {
			r->gone = true;
			rc = err_set(e, RC_BUSY, "row %lld left the quarantine meanwhile", (long long)it->id);
		}
	}
	return rc;
}

static enum rc replay_run(struct replay *r, struct err *e)
{
	struct err row_err = ERR_NONE;
	struct import_block *b = r->block;
	enum rc rc = RC_OK;
	import_block_clear(b);
	r->n_pairs = 0;
	for (uint32_t i = 0; i < r->n_items && rc == RC_OK; i++)
		rc = take_item(r, &r->items[i], &row_err, e);
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

// One run. False in *there: rows of it were gone when it was to be stored, so that nothing of it is.
static enum rc replay_present(struct replay *r, bool *there, struct err *e)
{
	struct err why = ERR_NONE;
	r->gone = false;
	enum rc rc = replay_run(r, &why);
	*there = !r->gone;
	if (r->gone && r->people)
		people_failed(r->people);
	return r->gone || rc == RC_OK ? RC_OK : err_take(e, &why);
}

static enum rc replay_all(struct replay *r, struct err *e)
{
	for (;;) {
		uint32_t at_wanted = r->at_wanted;
		bool there = false;
		r->n_items = 0;
		arena_reset(r->arena);
		if (r->rows_max && r->report.n_rows >= r->rows_max)
			return RC_OK;
		enum rc rc = store_alone(r->store, r->wanted.ids ? read_named : read_run, r, e);
		if (rc != RC_OK || r->n_items == 0)
			return rc;
		if (stop_asked(r->o->cancel))
			return err_set(e, RC_CANCELLED, "interrupted; what was understood so far is stored");
		int64_t last = r->items[r->n_items - 1].id;
		rc = origin_open(r, e);
		if (rc == RC_OK)
			rc = replay_present(r, &there, e);
		if (rc != RC_OK)
			return rc;
		if (there)
			r->after = last;
		else
			r->at_wanted = at_wanted;
	}
}

static enum rc make_tables(void *context, struct db *db, struct err *e)
{
	(void)context;
	return import_tables(db, e);
}

static enum rc replay(struct store *s, const struct quarantine_choice *choice, const struct import_options *o,
	uint32_t max_rows, const struct preview_sink *sink, struct import_report *report, struct err *e)
{
	struct replay *r = mem_calloc(1, sizeof(*r));
	enum rc rc;
	*report = (struct import_report){0};
	if (!r)
		return err_set(e, RC_NOMEM, "out of memory for replaying");
	r->store = s;
	r->o = o;
	r->wanted = *choice;
	r->rows_max = max_rows;
	r->preview = sink;
	r->clock = o->clock ? o->clock : clock_system();
	int64_t started_ns = r->clock->monotonic_ns(r->clock);
	r->tally = tally_new();
	r->arena = arena_new(0);
	r->items = mem_calloc(RUN_ROWS, sizeof(*r->items));
	rc = r->tally && r->arena && r->items ? import_block_new(&r->block, e)
					      : err_set(e, RC_NOMEM, "out of memory for replaying");
	if (rc == RC_OK)
		rc = store_alone(s, make_tables, NULL, e);
	if (rc == RC_OK && o->map_text.len)
		rc = mapping_parse(
			o->map_text, o->map_name ? o->map_name : "mapping", store_design(s), &r->given, e);
	if (rc == RC_OK)
		rc = replay_all(r, e);
	struct people_linked linked;
	if (rc == RC_OK && !o->dry_run && r->people && people_waiting(r->people) > 0)
		rc = people_link(r->people, LINKS_AT_ONCE, &linked, e);
	if (r->tally)
		tally_report(r->tally, &r->report);
	r->report.was_read = r->report.is_whole = rc == RC_OK;
	r->report.elapsed_ms = (r->clock->monotonic_ns(r->clock) - started_ns) / 1000000;
	snprintf(r->report.file, sizeof(r->report.file), "%.*s",
		SV_ARG(choice->file.len ? choice->file : SV("the quarantine")));
	*report = r->report;
	commit_free(&r->commit);
	origin_free(r);
	mapping_free(&r->given);
	import_block_free(&r->block);
	arena_free(&r->arena);
	wire_decoder_free(&r->decoder);
	people_close(&r->people);
	mem_free(r->pairs);
	mem_free(r->items);
	tally_free(&r->tally);
	mem_free(r);
	return rc;
}

enum rc quarantine_replay(struct store *s, struct sv file, const struct import_options *o,
	struct import_report *report, struct err *e)
{
	const struct quarantine_choice of_file = {.file = file};
	return replay(s, &of_file, o, 0, NULL, report, e);
}

enum rc quarantine_replay_chosen(struct store *s, const struct quarantine_choice *choice,
	const struct import_options *o, struct import_report *report, struct err *e)
{
	return replay(s, choice, o, 0, NULL, report, e);
}

enum rc quarantine_preview(struct store *s, const struct quarantine_choice *choice, uint32_t max_rows,
	const struct import_options *o, const struct preview_sink *sink, struct import_report *report,
	struct err *e)
{
	struct import_options dry = *o;
	dry.dry_run = true;
	return replay(s, choice, &dry, max_rows, sink, report, e);
}
