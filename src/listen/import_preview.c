// SPDX-License-Identifier: Apache-2.0
// What a mapping makes of the first rows of a file, before anything is stored. A row is all or nothing here as in the
// import: it goes to a batch on trial first, which finds out what the store would refuse.
#include "listen/import.h"

struct preview {
	struct mapper mapper;
	const struct preview_sink *sink;
	struct batch *trial;
	uint64_t line;
	int64_t now_ms;
};

static enum rc emit_trial(void *context, const struct interaction *x, struct err *e)
{
	struct preview *p = context;
	enum rc rc = batch_add(p->trial, x, e);
	if (rc == RC_LIMIT && batch_count(p->trial)) {
		*e = ERR_NONE;
		batch_clear(p->trial);
		rc = batch_add(p->trial, x, e);
	}
	return rc;
}

static enum rc emit(void *context, const struct interaction *x, struct err *e)
{
	struct preview *p = context;
	return p->sink->interaction(p->sink->context, p->line, x, e);
}

static enum rc take_row(struct preview *p, const struct block_row *row, struct err *e)
{
	struct err why = ERR_NONE;
	struct map_counts times = {0};
	struct record record;
	uint32_t n = 0;
	p->line = row->line;
	if (row->bad)
		return p->sink->reject(p->sink->context, row->line, sv_from(row->reason), e);
	batch_clear(p->trial);
	enum rc rc = mapper_record(&p->mapper, row, &record, &why);
	if (rc == RC_OK)
		rc = mapping_map(p->mapper.bound, &record, p->now_ms, emit_trial, p, &n, &times, &why);
	if (rc == RC_INPUT || rc == RC_LIMIT)
		return p->sink->reject(p->sink->context, row->line, sv_from(why.message), e);
	if (rc != RC_OK)
		return err_take(e, &why);
	return mapping_map(p->mapper.bound, &record, p->now_ms, emit, p, &n, &times, e);
}

static enum rc take_rows(
	struct preview *p, struct reader *r, uint32_t max_rows, uint32_t *n_rows, struct err *e)
{
	struct block *block = NULL;
	struct block_row row;
	bool done = false, more = true;
	enum rc rc = block_new(&block, e);
	while (rc == RC_OK && *n_rows < max_rows) {
		rc = reader_next(r, block, &done, e);
		if (rc != RC_OK || done)
			break;
		block_rewind(block);
		for (more = true; rc == RC_OK && more && *n_rows < max_rows;) {
			rc = block_next(block, p->mapper.options, p->mapper.n_columns, &row, &more, e);
			if (rc == RC_OK && more) {
				++*n_rows;
				rc = take_row(p, &row, e);
			}
		}
	}
	block_free(&block);
	return rc;
}

enum rc import_preview(const struct design *d, const struct import_options *o, const char *path,
	uint32_t max_rows, const struct preview_sink *sink, uint32_t *n_rows, bool *about_mapping,
	struct err *e)
{
	const struct clock *clock = o->clock ? o->clock : clock_system();
	struct preview p = {.sink = sink, .now_ms = clock->now_ms(clock)};
	struct mapping *mapping = NULL;
	struct reader *reader = NULL;
	uint32_t n_required;
	const char *slash = strrchr(path, '/');
	*n_rows = 0;
	enum rc rc = mapping_parse(o->map_text, o->map_name ? o->map_name : "mapping", d, &mapping, e);
	*about_mapping = rc != RC_OK;
	if (rc != RC_OK)
		return rc;
	const struct sv *required = mapping_required_columns(mapping, &n_required);
	rc = reader_open(
		o->io, path, mapping_reader_options(mapping), required, n_required, NULL, NULL, &reader, e);
	if (rc == RC_OK) {
		rc = mapper_open(&p.mapper, mapping, d, reader_head(reader), sv_from(slash ? slash + 1 : path),
			clock, e);
		*about_mapping = rc != RC_OK;
	}
	if (rc == RC_OK && !(p.trial = batch_new(d)))
		rc = err_set(e, RC_NOMEM, "out of memory for a preview");
	if (rc == RC_OK)
		rc = take_rows(&p, reader, max_rows, n_rows, e);
	if (p.mapper.mapping)
		mapper_close(&p.mapper);
	batch_free(&p.trial);
	reader_close(&reader);
	mapping_free(&mapping);
	return rc;
}
