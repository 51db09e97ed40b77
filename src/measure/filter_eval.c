// SPDX-License-Identifier: Apache-2.0
// Builds filter trees (merging tables of codes on the way), hands to the scan what it can check, and evaluates the
// rest a span at a time, one byte mask per node.
#include "measure/filter.h"

#include <assert.h>

struct filter_node *filter_condition(struct run *run, const struct predicate *p, struct err *e)
{
	struct filter_node *node = arena_alloc(run->scratch, sizeof(*node));
	if (!node) {
		err_set(e, RC_NOMEM, "out of memory for a filter");
		return NULL;
	}
	node->kind = FILTER_CONDITION;
	node->predicate = *p;
	return node;
}

struct filter_node *filter_codes(struct run *run, enum code_column column, uint32_t n_codes, struct err *e)
{
	struct predicate p = {.kind = PREDICATE_CODES, .column = column, .n_codes = n_codes};
	struct filter_node *node = filter_condition(run, &p, e);
	if (!node)
		return NULL;
	node->wanted = arena_alloc(run->scratch, n_codes);
	node->predicate.code_wanted = node->wanted;
	if (!node->wanted) {
		err_set(e, RC_NOMEM, "out of memory for a filter");
		return NULL;
	}
	return node;
}

struct filter_node *filter_person(struct run *run, const struct attribute *a, uint8_t *wanted, double min,
	double max, bool min_open, bool max_open, struct err *e)
{
	struct predicate p = {.min = min, .max = max, .min_open = min_open, .max_open = max_open};
	struct filter_node *node = filter_condition(run, &p, e);
	if (!node)
		return NULL;
	node->kind = FILTER_PERSON;
	node->person = *a;
	node->wanted = wanted;
	return node;
}

static bool is_codes(const struct filter_node *n)
{
	return n->kind == FILTER_CONDITION && n->predicate.kind == PREDICATE_CODES;
}

struct filter_node *filter_not(struct run *run, struct filter_node *a, struct err *e)
{
	if (is_codes(a)) {
		for (uint32_t i = 0; i < a->predicate.n_codes; i++)
			a->wanted[i] = !a->wanted[i];
		return a;
	}
	if (a->kind == FILTER_CONDITION && a->predicate.kind == PREDICATE_TEXT) {
		a->predicate.wanted_absent = !a->predicate.wanted_absent;
		return a;
	}
	if (a->kind == FILTER_NOT)
		return a->a;
	struct filter_node *node = arena_alloc(run->scratch, sizeof(*node));
	if (!node) {
		err_set(e, RC_NOMEM, "out of memory for a filter");
		return NULL;
	}
	node->kind = FILTER_NOT;
	node->a = a;
	return node;
}

struct filter_node *filter_join(
	struct run *run, enum filter_kind kind, struct filter_node *a, struct filter_node *b, struct err *e)
{
	if (is_codes(a) && is_codes(b) && a->predicate.column == b->predicate.column) {
		assert(a->predicate.n_codes == b->predicate.n_codes);
		for (uint32_t i = 0; i < a->predicate.n_codes; i++)
			a->wanted[i] =
				kind == FILTER_AND ? a->wanted[i] & b->wanted[i] : a->wanted[i] | b->wanted[i];
		return a;
	}
	struct filter_node *node = arena_alloc(run->scratch, sizeof(*node));
	if (!node) {
		err_set(e, RC_NOMEM, "out of memory for a filter");
		return NULL;
	}
	node->kind = kind;
	node->a = a;
	node->b = b;
	return node;
}

// --- what the scan checks, and what is left ---

static bool scan_alone_checks(const struct filter_node *node)
{
	return node->predicate.kind == PREDICATE_PERSON || node->predicate.kind == PREDICATE_TEXT;
}

enum rc filter_want(struct run *run, const struct filter_node *node, struct err *e)
{
	if (node->kind == FILTER_PERSON)
		return RC_OK; // opening the field has asked
	if (node->kind != FILTER_CONDITION) {
		enum rc rc = filter_want(run, node->a, e);
		return rc == RC_OK && node->b ? filter_want(run, node->b, e) : rc;
	}
	if (node->predicate.kind == PREDICATE_CODES)
		run_want_code(run, node->predicate.column);
	if (scan_alone_checks(node)) {
		err_set(e, RC_USAGE, "a condition on the %s cannot stand under “or” or “not”, or in a step",
			node->predicate.kind == PREDICATE_TEXT ? "text" : "customer");
		err_remedy(e, "give it as a --where of its own, or join it with “and” only");
		return RC_USAGE;
	}
	return RC_OK;
}

static bool scan_can_check(const struct run *run, const struct filter_node *node)
{
	if (node->kind != FILTER_CONDITION || node->never || run->request.n_predicates >= PREDICATES_MAX)
		return false;
	return node->predicate.kind != PREDICATE_CODES || node->predicate.column != CODE_COLUMNS;
}

// Customer and text can only be checked by the scan.
enum rc filter_add(struct run *run, struct filter_node *node, struct err *e)
{
	if (node->kind == FILTER_AND) {
		enum rc rc = filter_add(run, node->a, e);
		return rc == RC_OK ? filter_add(run, node->b, e) : rc;
	}
	if (scan_can_check(run, node)) {
		run->predicates[run->request.n_predicates++] = node->predicate;
		return RC_OK;
	}
	enum rc rc = filter_want(run, node, e);
	if (rc != RC_OK)
		return rc;
	run->residual = run->residual ? filter_join(run, FILTER_AND, run->residual, node, e) : node;
	return run->residual ? RC_OK : RC_NOMEM;
}

// --- evaluation ---

static void mask_codes(const struct span *span, const struct predicate *p, uint8_t *out)
{
	const uint32_t *code = p->column < CODE_COLUMNS ? span->code[p->column] : NULL;
	if (!code) {
		memset(out, p->n_codes ? p->code_wanted[0] : 0, span->n);
		return;
	}
	for (uint32_t i = 0; i < span->n; i++)
		out[i] = code[i] < p->n_codes ? p->code_wanted[code[i]] : 0;
}

static bool within(const struct predicate *p, double x)
{
	bool above = p->min_open ? x > p->min : x >= p->min;
	bool below = p->max_open ? x < p->max : x <= p->max;
	return above && below;
}

static enum rc mask_person(struct lane *lane, const struct filter_node *node, uint8_t *out, struct err *e)
{
	uint32_t n = lane->span->n;
	if (node->wanted) {
		const uint32_t *code = person_field_codes(lane, &node->person, e);
		for (uint32_t i = 0; code && i < n; i++)
			out[i] = node->wanted[code[i]];
		return code ? RC_OK : e->rc;
	}
	const double *number = person_field_numbers(lane, &node->person, e);
	for (uint32_t i = 0; number && i < n; i++)
		out[i] = within(&node->predicate, number[i]);
	return number ? RC_OK : e->rc;
}

static void mask_measure(const struct span *span, const struct predicate *p, uint8_t *out)
{
	memset(out, 0, span->n);
	const struct sparse_values *values = &span->measures[p->measure_slot];
	for (uint32_t i = 0; i < values->n; i++) {
		out[values->row[i]] = within(p, values->value[i]);
	}
}

static void mask_condition(const struct span *span, const struct filter_node *node, uint8_t *out)
{
	const struct predicate *p = &node->predicate;
	if (node->never) {
		memset(out, 0, span->n);
		return;
	}
	switch (p->kind) {
	case PREDICATE_CODES:
		mask_codes(span, p, out);
		return;
	case PREDICATE_MEASURE:
		mask_measure(span, p, out);
		return;
	case PREDICATE_TIME:
		for (uint32_t i = 0; i < span->n; i++)
			out[i] = span->at[i] >= p->from_ms && span->at[i] < p->to_ms;
		return;
	case PREDICATE_PERSON:
	case PREDICATE_TEXT:
		break;
	}
	assert(!"conditions on the customer and on texts are the scan's");
}

#define FIRST_MASK 8u // slots below are the analyses'

static enum rc mask_node(
	struct lane *lane, const struct filter_node *node, uint32_t slot, uint8_t *out, struct err *e)
{
	uint32_t n = lane->span->n;
	if (node->kind == FILTER_CONDITION) {
		mask_condition(lane->span, node, out);
		return RC_OK;
	}
	if (node->kind == FILTER_PERSON)
		return mask_person(lane, node, out, e);
	enum rc rc = mask_node(lane, node->a, slot, out, e);
	if (rc != RC_OK)
		return rc;
	if (node->kind == FILTER_NOT) {
		for (uint32_t i = 0; i < n; i++)
			out[i] = !out[i];
		return RC_OK;
	}
	uint8_t *right = lane_mask(lane, slot, e);
	if (!right)
		return RC_NOMEM;
	rc = mask_node(lane, node->b, slot + 1, right, e);
	if (rc != RC_OK)
		return rc;
	if (node->kind == FILTER_AND)
		for (uint32_t i = 0; i < n; i++)
			out[i] &= right[i];
	else
		for (uint32_t i = 0; i < n; i++)
			out[i] |= right[i];
	return RC_OK;
}

enum rc filter_mask(struct lane *lane, const struct filter_node *node, uint8_t *out, struct err *e)
{
	return mask_node(lane, node, FIRST_MASK, out, e);
}
