// SPDX-License-Identifier: Apache-2.0
// From unpacked bytes to blocks of whole records.
//
// Invariants:
//  1. carry[0, n_carry) are the bytes that were read and belong to no block yet; they begin at a record (or, after
//     a line that was too long, inside that line: split.skip_line).
//  2. `line` and `row` are those of the first record in carry.
//  3. A failure of the stream is kept in `failure` until the records before it are handed out.
#include "listen/reader.h"

#include "base/hash.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define HEAD_HASH_BYTES ((size_t)64 * 1024)

struct reader {
	struct stream *stream;
	struct xes *xes;     // NULL: the stream holds the rows themselves
	struct arena *arena; // names of columns, the header row
	struct reader_options options;
	struct csv_head head;
	char *carry;
	size_t n_carry;
	bool at_end; // the stream gave its last byte
	bool skip_line;
	uint64_t line, row, n_blocks, head_hash;
	struct err failure;
};

// --- blocks ---

enum rc block_new(struct block **out, struct err *e)
{
	struct block *b = mem_calloc(1, sizeof(*b));
	*out = b;
	if (b)
		b->data = mem_alloc(BLOCK_BYTES);
	if (b && b->data)
		return RC_OK;
	block_free(out);
	return err_set(e, RC_NOMEM, "out of memory for a block of rows");
}

void block_free(struct block **bp)
{
	struct block *b = *bp;
	if (!b)
		return;
	csv_split_free(&b->split);
	mem_free(b->data);
	mem_free(b);
	*bp = NULL;
}

static enum rc window(struct block *b, const struct reader_options *o, bool final, uint64_t line, struct err *e)
{
	b->split.record_max = RECORD_BYTES_MAX;
	if (o->format == RECORD_CSV)
		return csv_window(&b->split, b->data, 0, b->len, line, final, e);
	b->split.data = b->data;
	b->split.at = 0;
	b->split.len = b->len;
	b->split.line = line;
	b->split.final = final;
	if (b->split.skip_line)
		csv_skip_line(&b->split);
	return RC_OK;
}

static enum csv_step step(struct csv_split *s, enum record_format format, struct csv_record *r)
{
	return format == RECORD_CSV ? csv_next(s, r) : ndjson_next(s, r);
}

void block_rewind(struct block *b)
{
	b->split.final = true;
	b->split.len = b->len;
	while (b->split.n_pos && b->split.pos[b->split.n_pos - 1] >= b->len)
		b->split.n_pos--;
	csv_rewind(&b->split, b->start, b->first_line);
	b->n_rows = 0;
}

enum rc block_of_row(struct block *b, const struct reader_options *o, const struct csv_dialect *d,
	struct sv raw, uint64_t line, uint64_t number, struct err *e)
{
	if (raw.len > BLOCK_BYTES)
		return err_set(e, RC_CORRUPT, "a quarantined row is longer than any row can be");
	memcpy(b->data, raw.ptr, raw.len);
	b->start = 0;
	b->len = raw.len;
	b->first_line = line;
	b->first_row = number;
	b->split.dialect = *d;
	b->split.skip_line = b->split.eof = false;
	enum rc rc = window(b, o, true, line, e);
	block_rewind(b);
	return rc;
}

// Short rows: what is missing is absent. Long rows: what is too much must be empty.
static bool fit_columns(struct csv_split *s, struct csv_record *r, uint32_t n_columns, struct block_row *row)
{
	uint32_t n = r->n_fields;
	while (n > n_columns && s->texts[n - 1].len == 0)
		n--;
	if (n > n_columns) {
		snprintf(row->reason, sizeof(row->reason),
			"the row has more fields than there are columns: %u, not %u", n, n_columns);
		return false;
	}
	for (; n < n_columns && n < RECORD_FIELDS_MAX; n++)
		s->texts[n] = SV_NONE;
	row->fields = s->texts;
	row->n_fields = n;
	return true;
}

// Rows made of an XES log begin with their line and a tab.
static void take_line(struct block_row *row)
{
	uint64_t line = 0;
	size_t n = 0;
	for (; n < row->raw.len && n < 18 && row->raw.ptr[n] >= '0' && row->raw.ptr[n] <= '9'; n++)
		line = line * 10 + (uint64_t)(row->raw.ptr[n] - '0');
	if (n == 0 || n == row->raw.len || row->raw.ptr[n] != '\t')
		return;
	row->line = line;
	row->raw = (struct sv){row->raw.ptr + n + 1, row->raw.len - n - 1};
}

enum rc block_next(struct block *b, const struct reader_options *o, uint32_t n_columns, struct block_row *row,
	bool *more, struct err *e)
{
	struct csv_record r;
	*more = step(&b->split, o->format, &r) == CSV_RECORD;
	if (!*more)
		return RC_OK;
	row->line = r.line;
	row->number = b->first_row + b->n_rows++;
	row->raw = r.raw;
	if (o->xes)
		take_line(row);
	row->fields = NULL;
	row->n_fields = 0;
	if (o->format == RECORD_CSV) {
		enum rc rc = csv_record_texts(&b->split, &r, e);
		if (rc != RC_OK)
			return rc;
	}
	row->bad = r.problem != CSV_FINE;
	if (row->bad)
		csv_problem_describe(&b->split, &r, row->reason, sizeof(row->reason));
	else if (o->format == RECORD_CSV)
		row->bad = !fit_columns(&b->split, &r, n_columns, row);
	return RC_OK;
}

// --- the reader ---

// Tops carry up to BLOCK_BYTES. A failure is kept for later.
static void fill(struct reader *r)
{
	size_t got = 0;
	if (r->at_end)
		return;
	char *to = r->carry + r->n_carry;
	size_t n = BLOCK_BYTES - r->n_carry;
	enum rc rc = r->xes ? xes_read(r->xes, to, n, &got, &r->failure)
			    : stream_read(r->stream, to, n, &got, &r->failure);
	r->n_carry += got;
	r->at_end = rc != RC_OK || r->n_carry < BLOCK_BYTES;
}

static void drop_front(struct reader *r, size_t n)
{
	memmove(r->carry, r->carry + n, r->n_carry - n);
	r->n_carry -= n;
}

// Byte order marks: UTF-8's is passed over, the others name what is to be done.
static enum rc check_mark(const struct reader *r, size_t *at, struct err *e)
{
	const unsigned char *p = (const unsigned char *)r->carry;
	size_t n = r->n_carry;
	*at = n >= 3 && p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf ? 3 : 0;
	bool little = n >= 2 && ((p[0] == 0xff && p[1] == 0xfe) || (p[0] && !p[1]));
	bool big = n >= 2 && ((p[0] == 0xfe && p[1] == 0xff) || (!p[0] && p[1]));
	if (!little && !big)
		return RC_OK;
	err_set(e, RC_INPUT, "the file is in UTF-16, which is not read directly");
	err_remedy(e, "convert it on the way: iconv -f UTF-16%s -t UTF-8 FILE | corridor import … -",
		little ? "LE" : "BE");
	return RC_INPUT;
}

static enum rc head_csv(
	struct reader *r, size_t at, const struct sv *required, uint32_t n_required, struct err *e)
{
	struct sv head = {r->carry, r->n_carry};
	enum rc rc = csv_sniff(head, at, r->at_end, &r->options, required, n_required, r->arena, &r->head, e);
	if (rc != RC_OK)
		return rc;
	// The views into carry must outlive it.
	if (r->head.header_raw.ptr)
		r->head.header_raw = arena_copy(r->arena, r->head.header_raw);
	if (r->head.skipped_sample.ptr)
		r->head.skipped_sample = arena_copy(r->arena, r->head.skipped_sample);
	return RC_OK;
}

static enum rc head_ndjson(struct reader *r, size_t at, struct err *e)
{
	size_t p = at;
	while (p < r->n_carry && strchr(" \t\r\n", r->carry[p]) && r->carry[p])
		p++;
	r->head.body_at = at;
	r->head.body_line = 1;
	r->head.dialect.eol = '\n';
	if (p == r->n_carry || r->carry[p] != '[')
		return RC_OK;
	err_set(e, RC_INPUT, "the file is one JSON array, not one JSON object per line");
	err_remedy(e, "make lines of it: jq -c '.[]' FILE | corridor import … -");
	return RC_INPUT;
}

enum rc reader_open(const struct io *io, const char *path, const struct reader_options *o,
	const struct sv *required, uint32_t n_required, const volatile sig_atomic_t *cancel,
	const struct reader_check *check, struct reader **out, struct err *e)
{
	size_t at = 0;
	const char *shown = strcmp(path, "-") == 0 ? "standard input" : path;
	struct reader *r = mem_calloc(1, sizeof(*r));
	enum rc rc = RC_OK;
	*out = NULL;
	if (!r)
		return err_set(e, RC_NOMEM, "out of memory for reading %s", path);
	r->options = *o;
	r->arena = arena_new((size_t)64 << 20);
	r->carry = mem_alloc(BLOCK_BYTES);
	rc = r->arena && r->carry ? stream_open(io, path, cancel, &r->stream, e)
				  : err_set(e, RC_NOMEM, "out of memory for reading %s", path);
	if (rc == RC_OK && check)
		rc = stream_check(r->stream, check->progress, check->context, e);
	if (rc == RC_OK && o->xes)
		rc = xes_open(r->stream, shown, o->zone, &r->xes, e);
	if (rc != RC_OK)
		goto out;
	fill(r);
	r->head_hash = hash64(r->carry, r->n_carry < HEAD_HASH_BYTES ? r->n_carry : HEAD_HASH_BYTES);
	if (r->n_carry == 0 &&
		r->failure.rc != RC_OK) { // nothing to look at: the failure is all there is to say
		rc = err_take(e, &r->failure);
		goto out;
	}
	rc = check_mark(r, &at, e);
	if (rc == RC_OK)
		rc = o->format == RECORD_CSV ? head_csv(r, at, required, n_required, e) : head_ndjson(r, at, e);
	if (rc != RC_OK) {
		err_place(e, shown, 0, 0);
		goto out;
	}
	drop_front(r, r->head.body_at);
	r->line = r->head.body_line;
	r->row = 1;
out:
	if (rc != RC_OK)
		reader_close(&r);
	*out = r;
	return rc;
}

void reader_close(struct reader **rp)
{
	struct reader *r = *rp;
	if (!r)
		return;
	xes_close(&r->xes);
	stream_close(&r->stream);
	arena_free(&r->arena);
	mem_free(r->carry);
	mem_free(r);
	*rp = NULL;
}

const struct csv_head *reader_head(const struct reader *r)
{
	return &r->head;
}

const struct xes_counts *reader_xes_counts(const struct reader *r)
{
	return r->xes ? xes_counts(r->xes) : NULL;
}

uint64_t reader_head_hash(const struct reader *r)
{
	return r->head_hash;
}

uint64_t reader_bytes_total(const struct reader *r)
{
	return stream_bytes_total(r->stream);
}

uint64_t reader_bytes_used(const struct reader *r)
{
	return stream_bytes_used(r->stream);
}

enum rc reader_next(struct reader *r, struct block *b, bool *done, struct err *e)
{
	struct csv_record record;
	char *filled;
	fill(r);
	*done = r->n_carry == 0;
	b->n_rows = 0;
	if (*done)
		return r->failure.rc == RC_OK ? RC_OK : err_take(e, &r->failure);
	// The block takes the bytes, the reader the block's memory; what is left over is copied back.
	filled = r->carry;
	r->carry = b->data;
	b->data = filled;
	b->len = r->n_carry;
	b->number = r->n_blocks++;
	b->first_row = r->row;
	b->bytes_used = stream_bytes_used(r->stream);
	b->split.dialect = r->head.dialect;
	b->split.skip_line = r->skip_line;
	b->split.eof = r->at_end && r->failure.rc == RC_OK;
	b->split.n_columns = r->head.n_columns;
	// After a failure the last line may be half of one: it is no record.
	enum rc rc = window(b, &r->options, b->split.eof, r->line, e);
	if (rc != RC_OK)
		return rc;
	b->start = b->split.at;
	b->first_line = b->split.line;
	while (step(&b->split, r->options.format, &record) == CSV_RECORD)
		b->n_rows++;
	r->n_carry = b->len - b->split.at;
	memcpy(r->carry, b->data + b->split.at, r->n_carry);
	b->len = b->split.at;
	r->line = b->split.line;
	r->row += b->n_rows;
	r->skip_line = b->split.skip_line;
	if (r->at_end) // blank lines, or half a line before a failure
		r->n_carry = 0;
	return RC_OK;
}
