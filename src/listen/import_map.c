// SPDX-License-Identifier: Apache-2.0
// Mapping the rows of one block into batches.
//
// A row is all or nothing. Mapping itself promises that (nothing is emitted before everything is mapped); what can
// still fail is an interaction that breaks a limit of the store (batch_add: RC_INPUT) after others of the same row
// are in the batch. That is rare, so it is paid for only then: the block is mapped again, with each row first going
// to a batch on trial (`probe`) and only if all of it fits to the real one.
#include "listen/import.h"

#include "base/mem.h"

#include <string.h>

#define REASONS_BYTES_MAX ((size_t)256 << 20)

struct sink {
	struct mapper *m;
	struct import_block *b;
	uint32_t n_of_row; // interactions of the row under way that are in the batch
	bool trial;        // into m->probe
};

enum rc import_block_new(struct import_block **out, struct err *e)
{
	struct import_block *b = mem_calloc(1, sizeof(*b));
	*out = b;
	if (!b)
		return err_set(e, RC_NOMEM, "out of memory for a block of rows");
	b->reasons = buf_new(REASONS_BYTES_MAX);
	b->done = queue_new(1);
	if (b->done && block_new(&b->rows, e) == RC_OK)
		return RC_OK;
	import_block_free(out);
	return err_set(e, RC_NOMEM, "out of memory for a block of rows");
}

void import_block_free(struct import_block **bp)
{
	struct import_block *b = *bp;
	if (!b)
		return;
	for (size_t i = 0; i < b->cap_batches; i++) {
		if (b->batches[i]) {
			batch_free(&b->batches[i]->batch);
			mem_free(b->batches[i]);
		}
	}
	mem_free(b->batches);
	mem_free(b->rejects);
	buf_free(&b->reasons);
	queue_free(&b->done);
	block_free(&b->rows);
	mem_free(b);
	*bp = NULL;
}

enum rc mapper_open(struct mapper *m, const struct mapping *mapping, const struct design *d,
	const struct csv_head *head, struct sv file, const struct clock *clock, struct err *e)
{
	const struct reader_options *o = mapping_reader_options(mapping);
	*m = (struct mapper){.mapping = mapping, .design = d, .options = o, .clock = clock, .file = file};
	m->n_columns = head->n_columns;
	if (o->format == RECORD_NDJSON) {
		m->json = json_parser_new(RECORD_BYTES_MAX);
		if (!m->json)
			return err_set(e, RC_NOMEM, "out of memory for parsing JSON");
	}
	enum rc rc = mapping_bind(mapping, head->columns, head->n_columns, &m->bound, e);
	if (rc != RC_OK)
		mapper_close(m);
	return rc;
}

void mapper_close(struct mapper *m)
{
	mapping_bound_free(&m->bound);
	json_parser_free(&m->json);
	batch_free(&m->probe);
	*m = (struct mapper){0};
}

// Makes batches[n_batches] ready to be filled.
static enum rc next_batch(struct sink *k, struct err *e)
{
	struct import_block *b = k->b;
	if (b->n_batches == b->cap_batches) {
		size_t capacity = b->cap_batches;
		void *p = b->batches;
		if (mem_grow(&p, &capacity, b->cap_batches + 1, sizeof(*b->batches)) != 0)
			return err_set(e, RC_NOMEM, "out of memory for a batch");
		b->batches = p;
		memset(b->batches + b->cap_batches, 0, (capacity - b->cap_batches) * sizeof(*b->batches));
		b->cap_batches = capacity;
	}
	struct import_batch **slot = &b->batches[b->n_batches];
	if (!*slot)
		*slot = mem_calloc(1, sizeof(**slot));
	if (*slot && !(*slot)->batch)
		(*slot)->batch = batch_new(k->m->design);
	if (!*slot || !(*slot)->batch)
		return err_set(e, RC_NOMEM, "out of memory for a batch");
	batch_clear((*slot)->batch);
	memset((*slot)->unmatched, 0, sizeof((*slot)->unmatched));
	b->n_batches++;
	return RC_OK;
}

static enum rc emit_trial(struct sink *k, const struct interaction *x, struct err *e)
{
	enum rc rc = batch_add(k->m->probe, x, e);
	if (rc == RC_LIMIT && batch_count(k->m->probe) > 0) {
		*e = ERR_NONE;
		batch_clear(k->m->probe);
		rc = batch_add(k->m->probe, x, e);
	}
	return rc;
}

static enum rc emit(void *context, const struct interaction *x, struct err *e)
{
	struct sink *k = context;
	struct import_block *b = k->b;
	if (k->trial)
		return emit_trial(k, x, e);
	if (b->n_batches == 0 && next_batch(k, e) != RC_OK)
		return e->rc;
	struct import_batch *ib = b->batches[b->n_batches - 1];
	uint32_t i = batch_count(ib->batch);
	enum rc rc = batch_add(ib->batch, x, e);
	if (rc == RC_LIMIT && i > 0) {
		*e = ERR_NONE;
		if (next_batch(k, e) != RC_OK)
			return e->rc;
		ib = b->batches[b->n_batches - 1];
		i = 0;
		rc = batch_add(ib->batch, x, e);
	}
	if (rc != RC_OK)
		return rc;
	k->n_of_row++;
	b->n_interactions++;
	if (x->touchpoint == TOUCHPOINT_NONE) {
		ib->unmatched[i / 64] |= (uint64_t)1 << i % 64;
		b->n_unmatched++;
	}
	return RC_OK;
}

enum rc import_block_reject(
	struct import_block *b, const struct block_row *row, const char *reason, struct err *e)
{
	void *p = b->rejects;
	if (mem_grow(&p, &b->cap_rejects, b->n_rejects + 1, sizeof(*b->rejects)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for the quarantine of a block");
	b->rejects = p;
	struct reject *r = &b->rejects[b->n_rejects++];
	*r = (struct reject){row->line, row->number, row->raw, b->reasons.len, strlen(reason)};
	buf_put(&b->reasons, reason, r->reason_len);
	return buf_check(&b->reasons, e, "the reasons of rejected rows");
}

enum rc import_block_add(
	struct import_block *b, const struct design *d, const struct interaction *x, struct err *e)
{
	struct mapper m = {.design = d};
	struct sink k = {.m = &m, .b = b};
	return emit(&k, x, e);
}

struct sv reject_reason(const struct import_block *b, const struct reject *r)
{
	return (struct sv){(const char *)b->reasons.data + r->reason_at, r->reason_len};
}

enum rc mapper_record(struct mapper *m, const struct block_row *row, struct record *r, struct err *e)
{
	*r = (struct record){.line = row->line,
		.number = row->number,
		.file = m->file,
		.raw = row->raw,
		.fields = row->fields,
		.n_fields = row->n_fields};
	if (m->options->format == RECORD_CSV)
		return RC_OK;
	enum rc rc = json_parse(m->json, row->raw, &r->json, e);
	if (rc == RC_OK && r->json.type != JSON_OBJECT)
		rc = err_set(e, RC_INPUT, "the line is JSON but no object");
	return rc;
}

enum rc import_row_map(struct mapper *m, struct import_block *b, const struct block_row *row, int64_t now_ms,
	bool careful, struct err *row_err, bool *again, struct err *e)
{
	struct sink k = {.m = m, .b = b, .trial = careful};
	struct map_counts times = {0};
	struct record record;
	uint32_t n = 0;
	*again = false;
	b->n_rows++;
	if (row->bad)
		return import_block_reject(b, row, row->reason, e);
	if (careful && !m->probe)
		m->probe = batch_new(m->design);
	if (careful && !m->probe)
		return err_set(e, RC_NOMEM, "out of memory for a batch");
	enum rc rc = mapper_record(m, row, &record, row_err);
	if (rc == RC_OK)
		rc = mapping_map(m->bound, &record, now_ms, emit, &k, &n, &times, row_err);
	if (rc == RC_OK && careful) {
		k.trial = false;
		times = (struct map_counts){0};
		rc = mapping_map(m->bound, &record, now_ms, emit, &k, &n, &times, row_err);
	}
	if (rc == RC_OK) {
		b->n_mapped_rows += n > 0;
		b->n_empty_rows += n == 0;
		b->times.n_ambiguous_times += times.n_ambiguous_times;
		b->times.n_skipped_times += times.n_skipped_times;
		return RC_OK;
	}
	*again = k.n_of_row > 0;
	rc = rc == RC_INPUT || rc == RC_LIMIT ? import_block_reject(b, row, row_err->message, e)
					      : err_take(e, row_err);
	*row_err = ERR_NONE;
	return rc;
}

void import_block_clear(struct import_block *b)
{
	b->n_batches = b->n_rejects = 0;
	b->n_rows = b->n_mapped_rows = b->n_empty_rows = b->n_interactions = b->n_unmatched = 0;
	b->times = (struct map_counts){0};
	buf_clear(&b->reasons);
}

static enum rc map_all(struct mapper *m, struct import_block *b, bool careful, bool *again, struct err *e)
{
	struct block_row row;
	struct err row_err = ERR_NONE;
	int64_t now_ms = m->clock->now_ms(m->clock);
	import_block_clear(b);
	block_rewind(b->rows);
	*again = false;
	for (bool more = true; !*again;) {
		enum rc rc = block_next(b->rows, m->options, m->n_columns, &row, &more, e);
		if (rc == RC_OK && more)
			rc = import_row_map(m, b, &row, now_ms, careful, &row_err, again, e);
		if (rc != RC_OK || !more)
			return rc;
	}
	return RC_OK;
}

enum rc import_block_pack(struct import_block *b, struct err *e)
{
	enum rc rc = RC_OK;
	for (size_t i = 0; rc == RC_OK && i < b->n_batches; i++)
		rc = batch_count(b->batches[i]->batch) ? batch_pack(b->batches[i]->batch, e) : RC_OK;
	return rc;
}

enum rc import_block_map(struct mapper *m, struct import_block *b, struct err *e)
{
	bool again;
	enum rc rc = map_all(m, b, false, &again, e);
	if (rc == RC_OK && again)
		rc = map_all(m, b, true, &again, e);
	return rc == RC_OK ? import_block_pack(b, e) : rc;
}
