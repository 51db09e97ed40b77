// SPDX-License-Identifier: Apache-2.0
// Rows of interest: of a batch only those go on for which one of a request's conditions holds (scan_request.interest),
// and only at these rows are the other columns decoded. Conditions on codes become bits in one table per column. Marks of
// rows (marks.h) tell where the few codes are that have bits, and where conditions on measures and times hold; the bits of
// tables of many codes are looked up row by row.
#include "base/mem.h"
#include "journey/cursor.h"

#include <math.h>

#define FEW_KEPT 4u // if fewer than every 4th row passes the predicates, all others are left out

static enum rc interest_nomem(struct err *e)
{
	return err_set(e, RC_NOMEM, "out of memory for a scan");
}

static struct interest_table *table_of(struct interest *in, enum code_column column)
{
	for (uint32_t i = 0; i < in->n_tables; i++)
		if (in->tables[i].column == column)
			return &in->tables[i];
	struct interest_table *t = &in->tables[in->n_tables++];
	*t = (struct interest_table){.column = column};
	return t;
}

// Lists the codes that have bits, if they are few.
static void table_few(struct interest_table *t)
{
	uint32_t n = 0;
	for (uint32_t code = 0; code < t->n_codes; code++)
		n += t->bits[code] != 0;
	t->n_few = n;
	for (uint32_t code = 0, k = 0; n <= MARKS_EQUAL && code < t->n_codes; code++)
		if (t->bits[code])
			t->few[k++] = code;
}

static bool is_few(const struct interest_table *t)
{
	return t->n_few <= MARKS_EQUAL;
}

static enum rc marks_open(struct interest *in, const struct scan_request *r, struct err *e)
{
	uint32_t most = r->n_interest + in->n_tables * MARKS_EQUAL;
	in->marks = mem_calloc(most ? most : 1, sizeof *in->marks);
	if (!in->marks)
		return interest_nomem(e);
	for (uint32_t i = 0; i < in->n_tables; i++) {
		struct interest_table *t = &in->tables[i];
		table_few(t);
		t->first_mark = in->n_marks;
		for (uint32_t k = 0; is_few(t) && k < t->n_few; k++)
			in->marks[in->n_marks++].bits = t->bits[t->few[k]];
	}
	for (uint32_t i = 0; i < r->n_interest; i++) {
		if (r->interest[i].kind == PREDICATE_CODES)
			continue;
		in->mark_of[i] = in->n_marks;
		in->marks[in->n_marks++].bits = 1u << i;
	}
	return RC_OK;
}

enum rc interest_open(struct cursor *c, struct err *e)
{
	const struct scan_request *r = &c->request;
	struct interest *in = &c->interest;
	if (r->n_interest > INTEREST_MAX)
		return err_set(e, RC_USAGE, "a scan has more than %u conditions of interest", INTEREST_MAX);
	for (uint32_t i = 0; i < r->n_interest; i++) {
		const struct predicate *p = &r->interest[i];
		assert(p->kind != PREDICATE_PERSON && p->kind != PREDICATE_TEXT);
		if (p->kind != PREDICATE_CODES)
			continue;
		struct interest_table *t = table_of(in, p->column);
		if (p->n_codes >= t->n_codes) {
			uint32_t *bits = mem_realloc(t->bits, (p->n_codes + 1u) * sizeof *bits);
			if (!bits)
				return interest_nomem(e);
			memset(bits + t->n_codes, 0, (p->n_codes + 1u - t->n_codes) * sizeof *bits);
			t->bits = bits;
			t->n_codes = p->n_codes; // and one more for codes beyond, which has no bits
		}
		for (uint32_t code = 0; code < p->n_codes; code++)
			t->bits[code] |= p->code_wanted[code] ? 1u << i : 0;
		t->of |= 1u << i;
	}
	return marks_open(in, r, e);
}

static void arrays_free(struct interest *in)
{
	mem_free(in->row);
	mem_free(in->bits);
	mem_free(in->any);
	mem_free(in->mark_words);
	mem_free(in->before);
	in->row = in->bits = in->before = NULL;
	in->any = in->mark_words = NULL;
	in->capacity = 0;
}

void interest_free(struct interest *in)
{
	for (uint32_t i = 0; i < in->n_tables; i++)
		mem_free(in->tables[i].bits);
	arrays_free(in);
	mem_free(in->marks);
	mem_free(in->ordered);
	*in = (struct interest){0};
}

uint32_t interest_span_rows(const struct scan_request *r, const struct segment_chunk *chunk)
{
	uint64_t n_values = 0;
	for (uint32_t i = 0; i < r->n_interest; i++) {
		const struct predicate *p = &r->interest[i];
		if (p->kind != PREDICATE_MEASURE || p->wanted_absent)
			return SPAN_ROWS;
		const struct segment_column *x = segment_column_get(chunk, COLUMN_MEASURE0 + p->measure_slot);
		n_values += x ? x->n_present : 0;
	}
	return r->n_interest && n_values * 8 <= chunk->n_rows ? CHUNK_ROWS : SPAN_ROWS;
}

// --- which rows ---

static enum rc interest_fit(struct interest *in, uint32_t n, struct err *e)
{
	if (n <= in->capacity)
		return RC_OK;
	arrays_free(in);
	size_t rows = n + (size_t)n / 4 + 64, words = rows / 64 + 1;
	in->row = mem_alloc((rows + MARKS_SLACK) * sizeof *in->row);
	in->bits = mem_alloc((rows + MARKS_SLACK) * sizeof *in->bits);
	in->any = mem_alloc(words * sizeof *in->any);
	in->mark_words = mem_alloc((in->n_marks * words + 1) * sizeof *in->mark_words);
	in->before = mem_alloc(words * sizeof *in->before);
	bool good = in->row && in->bits && in->any && in->mark_words && in->before;
	for (uint32_t k = 0; good && k < in->n_marks; k++)
		in->marks[k].words = in->mark_words + k * words;
	in->capacity = good ? rows - 1 : 0;
	return good ? RC_OK : interest_nomem(e);
}

// Marks the rows whose code has bits in a table of many codes.
static void mark_codes(const struct interest_table *t, const uint32_t *code, uint32_t n, uint64_t *any)
{
	const uint32_t *table = t->bits;
	uint32_t n_codes = t->n_codes;
	for (uint32_t first = 0; first < n; first += 64) {
		uint32_t m = n - first < 64 ? n - first : 64;
		uint64_t word = 0;
		for (uint32_t i = 0; i < m; i++) {
			uint32_t x = code[first + i];
			word |= (uint64_t)(table[x < n_codes ? x : n_codes] != 0) << i;
		}
		any[first / 64] |= word;
	}
}

static void mark_times(const struct predicate *p, const int64_t *at, uint32_t n, uint64_t *marks)
{
	for (uint32_t first = 0; first < n; first += 64) {
		uint32_t m = n - first < 64 ? n - first : 64;
		uint64_t word = 0;
		for (uint32_t i = 0; i < m; i++)
			word |= (uint64_t)((at[first + i] >= p->from_ms) & (at[first + i] < p->to_ms)) << i;
		marks[first / 64] = word;
	}
}

// Costs as much as there are values.
static void mark_measure(const struct stage *st, const struct predicate *condition, uint64_t *restrict marks)
{
	const struct predicate p = *condition;
	const uint32_t *row = st->measure_row[p.measure_slot], n = st->measure_n[p.measure_slot];
	const double *value = st->data[COLUMN_MEASURE0 + p.measure_slot];
	bool all_pass = st->scaled >> p.measure_slot & 1; // else values are as they are
	memset(marks, p.wanted_absent ? 0xff : 0, marks_words(st->n) * sizeof *marks);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t passes = all_pass || predicate_value_passes(&p, value[i]), bit = row[i] % 64;
		marks[row[i] / 64] = (marks[row[i] / 64] & ~(1ull << bit)) | passes << bit;
	}
}

// Of the marked rows only those that passed the predicates.
static void marks_keep(uint64_t *any, uint32_t n_words, const uint8_t *keep)
{
	for (uint32_t w = 0; w < n_words; w++)
		for (uint64_t left = any[w]; left; left &= left - 1)
			if (!keep[w * 64 + (uint32_t)__builtin_ctzll(left)])
				any[w] &= ~(left & -left);
}

// --- which conditions hold for them ---

static void bits_of_codes(const struct interest_table *t, const uint32_t *code, const struct interest *in)
{
	const uint32_t *table = t->bits, *row = in->row;
	uint32_t n_codes = t->n_codes, n = in->n, *restrict bits = in->bits;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t x = code[row[i]];
		bits[i] |= table[x < n_codes ? x : n_codes];
	}
}

static bool is_measure_asked(const struct scan_request *r, const struct predicate *p)
{
	return predicate_asks_presence(p) && !(r->columns.measures & ~(1ull << p->measure_slot));
}

// A single condition, which holds for all values of the only measure asked for: these tell the rows.
static enum rc rows_of_measure(struct cursor *c, uint32_t k, struct err *e)
{
	struct interest *in = &c->interest;
	const struct stage *st = &c->stage;
	unsigned slot = c->request.interest[k].measure_slot;
	enum rc rc = cursor_load(c, COLUMN_MEASURE0 + slot, e);
	if (rc)
		return rc;
	in->n = st->measure_n[slot];
	in->of_measure = slot;
	memcpy(in->row, st->measure_row[slot], in->n * sizeof *in->row);
	for (uint32_t i = 0; c->request.interest_bits && i < in->n; i++)
		in->bits[i] = 1u << k;
	return RC_OK;
}

// Marks the rows of all tables; a mark that none of `some` needs stays empty.
static enum rc tables_mark(struct cursor *c, uint32_t some, struct err *e)
{
	struct interest *in = &c->interest;
	struct stage *st = &c->stage;
	for (uint32_t i = 0; i < in->n_tables; i++) {
		const struct interest_table *t = &in->tables[i];
		struct mark *marks = in->marks + t->first_mark;
		if (!(t->of & some)) {
			for (uint32_t k = 0; is_few(t) && k < t->n_few; k++)
				memset(marks[k].words, 0, marks_words(st->n) * sizeof *marks[k].words);
			continue;
		}
		enum rc rc = cursor_load(c, COLUMN_CODE0 + t->column, e);
		if (rc)
			return rc;
		const uint32_t *code = st->data[COLUMN_CODE0 + t->column];
		if (is_few(t))
			marks_equal(code, st->n, t->few, t->n_few, marks);
		else
			mark_codes(t, code, st->n, in->any);
	}
	return RC_OK;
}

// The same for conditions on measures and times.
static enum rc values_mark(struct cursor *c, uint32_t some, struct err *e)
{
	struct stage *st = &c->stage;
	for (uint32_t i = 0; i < c->request.n_interest; i++) {
		const struct predicate *p = &c->request.interest[i];
		uint64_t *marks = c->interest.marks[c->interest.mark_of[i]].words;
		if (p->kind == PREDICATE_CODES)
			continue;
		if (!(some >> i & 1)) {
			memset(marks, 0, marks_words(st->n) * sizeof *marks);
			continue;
		}
		enum rc rc = cursor_load(c, predicate_column(p), e);
		if (rc)
			return rc;
		if (p->kind == PREDICATE_TIME)
			mark_times(p, st->data[COLUMN_AT], st->n, marks);
		else
			mark_measure(st, p, marks);
	}
	return RC_OK;
}

// `some`: the conditions that statistics do not exclude.
static enum rc rows_find(struct cursor *c, uint32_t some, const uint8_t *keep, struct err *e)
{
	struct interest *in = &c->interest;
	const struct stage *st = &c->stage;
	uint32_t n_words = marks_words(st->n);
	memset(in->any, 0, n_words * sizeof *in->any);
	enum rc rc = tables_mark(c, some, e);
	if (!rc)
		rc = values_mark(c, some, e);
	if (rc)
		return rc;
	for (uint32_t k = 0; k < in->n_marks; k++)
		for (uint32_t w = 0; w < n_words; w++)
			in->any[w] |= in->marks[k].words[w];
	if (st->n % 64)
		in->any[n_words - 1] &= (1ull << (st->n % 64)) - 1;
	if (keep)
		marks_keep(in->any, n_words, keep);
	bool bits = c->request.interest_bits;
	in->n = marks_list(in->any, n_words, in->marks, bits ? in->n_marks : 0,
		&(struct marks_list){in->row, in->bits, in->before});
	if (bits && in->n_marks == 0)
		memset(in->bits, 0, in->n * sizeof *in->bits);
	for (uint32_t i = 0; bits && i < in->n_tables; i++)
		if (!is_few(&in->tables[i]) && in->tables[i].of & some)
			bits_of_codes(&in->tables[i], st->data[COLUMN_CODE0 + in->tables[i].column], in);
	return RC_OK;
}

enum rc interest_find(struct cursor *c, uint32_t n_keep, struct err *e)
{
	const struct scan_request *r = &c->request;
	struct interest *in = &c->interest;
	uint32_t some = 0, all = 0;
	in->n = 0;
	for (uint32_t i = 0; i < r->n_interest; i++) {
		enum verdict v = filter_stage_verdict(c, &r->interest[i]);
		some |= v != PASS_NONE ? 1u << i : 0;
		all |= v == PASS_ALL ? 1u << i : 0;
	}
	bool few = !r->all_rows && n_keep < c->stage.n / FEW_KEPT;
	in->everything = all && !r->interest_bits && !few;
	if (in->everything || !some)
		return RC_OK;
	enum rc rc = interest_fit(in, c->stage.n, e);
	if (rc)
		return rc;
	const uint8_t *keep = n_keep < c->stage.n && !r->all_rows ? c->stage.keep : NULL;
	uint32_t k = (uint32_t)__builtin_ctz(some);
	in->of_measure = UINT32_MAX;
	if (!keep && !r->ordered && some == 1u << k && is_measure_asked(r, &r->interest[k]))
		return rows_of_measure(c, k, e);
	return rows_find(c, some, keep, e);
}

enum rc interest_order(struct cursor *c, struct err *e)
{
	struct interest *in = &c->interest;
	if (mem_grow((void **)&in->ordered, &in->ordered_capacity, in->n + 1u, sizeof *in->ordered))
		return interest_nomem(e);
	uint32_t *to = in->ordered;
	for (uint32_t r = 0; r < c->order.n_runs; r++) {
		const struct run *run = &c->order.runs[r];
		memcpy(to, in->bits + run->from, run->n * sizeof *to);
		to += run->n;
	}
	return RC_OK;
}
