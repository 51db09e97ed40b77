// SPDX-License-Identifier: Apache-2.0
// Several filters at once: which rows of a span does any of them hold for, and which. Filters that are conditions on
// one code column become bits in one table per column, so that twenty steps of a funnel on the touch point cost one
// look-up per row; what is left is evaluated filter by filter.
#include "measure/filter.h"

#include "base/mem.h"
#include "measure/code_set.h"

#include <assert.h>

struct class_table {
	enum code_column column;
	uint32_t n_codes;
	uint32_t *bits;      // by code; codes beyond have no bits
	struct code_set set; // the codes that have some, if is_set
	bool is_set;
};

struct classes {
	uint32_t n_tables, n_rest;
	struct class_table tables[CLASSES_MAX];
	struct filter_node *rest[CLASSES_MAX];
	uint32_t rest_bit[CLASSES_MAX];
	struct predicate plain[CLASSES_MAX]; // the filters, if the scan can check all of them
	uint32_t n_plain;                    // 0: it cannot
};

static bool is_table(const struct filter_node *f)
{
	return f->kind == FILTER_CONDITION && !f->never && f->predicate.kind == PREDICATE_CODES &&
	       f->predicate.column != CODE_COLUMNS;
}

static bool is_plain(const struct filter_node *f)
{
	return is_table(f) ||
	       (f->kind == FILTER_CONDITION && !f->never && f->predicate.kind != PREDICATE_CODES &&
		       f->predicate.kind != PREDICATE_PERSON && f->predicate.kind != PREDICATE_TEXT);
}

static struct class_table *table_of(struct run *run, struct classes *c, const struct predicate *p)
{
	for (uint32_t i = 0; i < c->n_tables; i++)
		if (c->tables[i].column == p->column)
			return &c->tables[i];
	struct class_table *t = &c->tables[c->n_tables];
	*t = (struct class_table){.column = p->column, .n_codes = p->n_codes};
	t->bits = arena_array(run->scratch, p->n_codes ? p->n_codes : 1, sizeof(*t->bits));
	if (!t->bits)
		return NULL;
	c->n_tables++;
	return t;
}

enum rc classes_open(
	struct run *run, struct filter_node *const *filters, uint32_t n, struct classes **out, struct err *e)
{
	assert(n <= CLASSES_MAX);
	struct classes *c = arena_alloc(run->scratch, sizeof(*c));
	*out = c;
	if (!c)
		return err_set(e, RC_NOMEM, "out of memory for filters");
	for (uint32_t i = 0; i < n && is_plain(filters[i]); i++)
		c->plain[c->n_plain++] = filters[i]->predicate;
	if (c->n_plain < n)
		c->n_plain = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (!is_table(filters[i])) {
			c->rest_bit[c->n_rest] = 1u << i;
			c->rest[c->n_rest++] = filters[i];
			continue;
		}
		const struct predicate *p = &filters[i]->predicate;
		struct class_table *t = table_of(run, c, p);
		if (!t)
			return err_set(e, RC_NOMEM, "out of memory for filters");
		assert(t->n_codes == p->n_codes);
		for (uint32_t code = 0; code < p->n_codes; code++)
			t->bits[code] |= p->code_wanted[code] ? 1u << i : 0;
	}
	for (uint32_t i = 0; i < c->n_tables; i++) {
		struct class_table *t = &c->tables[i];
		t->is_set = t->n_codes <= CODE_SET_MAX && code_set_has_vectors();
		code_set_make(&t->set, t->bits, t->n_codes);
	}
	return RC_OK;
}

static enum rc rows_fit(struct class_rows *r, uint32_t n, struct err *e)
{
	r->n = 0;
	if (mem_grow((void **)&r->row, &r->row_capacity, (size_t)n + CODE_SET_SLACK, sizeof(*r->row)) != 0 ||
		mem_grow((void **)&r->bits, &r->bits_capacity, (size_t)n + 1, sizeof(*r->bits)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for filters");
	return RC_OK;
}

static uint32_t find_by_set(const struct class_table *t, const uint32_t *code, uint32_t n,
	uint32_t *restrict row, uint32_t *restrict bits)
{
	uint32_t found = code_set_rows(&t->set, code, n, row);
	for (uint32_t i = 0; i < found; i++)
		bits[i] = t->bits[code[row[i]]];
	return found;
}

// The usual case in one pass. Without a branch: most rows are unpredictable.
static uint32_t find_by_table(const struct class_table *t, const uint32_t *code, uint32_t n,
	uint32_t *restrict row, uint32_t *restrict bits)
{
	if (t->is_set)
		return find_by_set(t, code, n, row, bits);
	uint32_t found = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t b = code[i] < t->n_codes ? t->bits[code[i]] : 0;
		row[found] = i;
		bits[found] = b;
		found += b != 0;
	}
	return found;
}

// bits[i] of every row, then only the rows that have some.
static enum rc find_by_all(struct lane *lane, const struct classes *c, struct class_rows *out, struct err *e)
{
	const struct span *span = lane->span;
	memset(out->bits, 0, span->n * sizeof(*out->bits));
	for (uint32_t k = 0; k < c->n_tables; k++) {
		const struct class_table *t = &c->tables[k];
		const uint32_t *code = span->code[t->column];
		for (uint32_t i = 0; i < span->n; i++)
			out->bits[i] |= code[i] < t->n_codes ? t->bits[code[i]] : 0;
	}
	for (uint32_t k = 0; k < c->n_rest; k++) {
		uint8_t *mask = lane_mask(lane, 0, e);
		if (!mask)
			return RC_NOMEM;
		enum rc rc = filter_mask(lane, c->rest[k], mask, e);
		if (rc != RC_OK)
			return rc;
		for (uint32_t i = 0; i < span->n; i++)
			out->bits[i] |= mask[i] ? c->rest_bit[k] : 0;
	}
	uint32_t found = 0;
	for (uint32_t i = 0; i < span->n; i++) {
		uint32_t b = out->bits[i];
		out->row[found] = i;
		out->bits[found] = b;
		found += b != 0;
	}
	out->n = found;
	return RC_OK;
}

void classes_narrow(struct run *run, const struct classes *c)
{
	if (c->n_plain == 0 || !run_can_narrow(run))
		return;
	run->request.interest = c->plain;
	run->request.n_interest = c->n_plain;
	run->request.interest_bits = true;
	run->request.columns.measures = 0;
}

// The scan has found them.
static void find_told(const struct span *span, struct class_rows *out)
{
	out->n = span->n;
	for (uint32_t i = 0; i < span->n; i++)
		out->row[i] = i;
	if (span->n)
		memcpy(out->bits, span->interest, span->n * sizeof(*out->bits));
}

enum rc classes_find(
	struct lane *lane, const struct classes *c, bool kept, struct class_rows *out, struct err *e)
{
	const struct span *span = lane->span;
	enum rc rc = rows_fit(out, span->n, e);
	if (rc != RC_OK)
		return rc;
	if (span->interest)
		find_told(span, out);
	else if (c->n_tables == 1 && c->n_rest == 0)
		out->n = find_by_table(
			&c->tables[0], span->code[c->tables[0].column], span->n, out->row, out->bits);
	else if ((rc = find_by_all(lane, c, out, e)) != RC_OK)
		return rc;
	if (!kept || !lane->keep)
		return RC_OK;
	uint32_t found = 0;
	for (uint32_t k = 0; k < out->n; k++) {
		out->row[found] = out->row[k];
		out->bits[found] = out->bits[k];
		found += lane->keep[out->row[k]] != 0;
	}
	out->n = found;
	return RC_OK;
}

void class_rows_free(struct class_rows *r)
{
	mem_free(r->row);
	mem_free(r->bits);
	*r = (struct class_rows){0};
}
