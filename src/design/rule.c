// SPDX-License-Identifier: Apache-2.0
// Match rules by themselves: canonical order, text form, and which rule covers which.
#include "design/internal.h"

#include <stdlib.h>

const struct sv field_names[FIELDS_FIXED] = {
	{"event", 5}, {"source", 6}, {"channel", 7}, {"agent", 5}, {"location", 8}};

static int pattern_order(const void *a, const void *b)
{
	const struct pattern *pa = a, *pb = b;
	if (pa->kind != pb->kind)
		return pa->kind < pb->kind ? -1 : 1;
	if (pa->text.len != pb->text.len)
		return pa->text.len < pb->text.len ? -1 : 1;
	return sv_compare(pa->text, pb->text);
}

static int condition_order(const void *a, const void *b)
{
	const struct condition *ca = a, *cb = b;
	return ca->field < cb->field ? -1 : ca->field > cb->field;
}

static void condition_sort(struct condition *c)
{
	if (c->n > 1)
		qsort(c->patterns, c->n, sizeof(*c->patterns), pattern_order);
	uint32_t kept = 0;
	c->n_exact = 0;
	for (uint32_t i = 0; i < c->n; i++) {
		if (kept > 0 && pattern_order(&c->patterns[kept - 1], &c->patterns[i]) == 0)
			continue;
		c->n_exact += c->patterns[i].kind == PATTERN_EXACT;
		c->patterns[kept++] = c->patterns[i];
	}
	c->n = kept;
}

void rule_sort(struct rule *rule)
{
	for (uint32_t i = 0; i < rule->n; i++)
		condition_sort(&rule->conditions[i]);
	if (rule->n > 1)
		qsort(rule->conditions, rule->n, sizeof(*rule->conditions), condition_order);
}

static void pattern_print(const struct pattern *p, struct buf *out)
{
	if (p->kind == PATTERN_SUFFIX)
		buf_char(out, '*');
	buf_sv(out, p->text);
	if (p->kind == PATTERN_PREFIX)
		buf_char(out, '*');
}

void rule_print(const struct design *d, const struct rule *rule, struct buf *out)
{
	buf_char(out, '{');
	for (uint32_t i = 0; i < rule->n; i++) {
		const struct condition *c = &rule->conditions[i];
		buf_str(out, i ? ", " : "");
		buf_sv(out,
			c->field < FIELDS_FIXED ? field_names[c->field] : d->paths[c->field - FIELDS_FIXED]);
		buf_str(out, c->n == 1 ? ": " : ": [");
		for (uint32_t k = 0; k < c->n; k++) {
			buf_str(out, k ? ", " : "");
			pattern_print(&c->patterns[k], out);
		}
		buf_str(out, c->n == 1 ? "" : "]");
	}
	buf_char(out, '}');
}

static bool pattern_covers(const struct pattern *wide, const struct pattern *narrow)
{
	if (wide->kind == PATTERN_PREFIX && wide->text.len == 0)
		return true;
	if (wide->kind != narrow->kind && narrow->kind != PATTERN_EXACT)
		return false;
	if (wide->kind == PATTERN_EXACT)
		return sv_equal(wide->text, narrow->text);
	return wide->kind == PATTERN_PREFIX ? sv_starts(narrow->text, wide->text)
					    : sv_ends(narrow->text, wide->text);
}

static bool condition_covers(const struct condition *wide, const struct condition *narrow)
{
	for (uint32_t i = 0; i < narrow->n; i++) {
		bool covered = false;
		for (uint32_t k = 0; k < wide->n && !covered; k++)
			covered = pattern_covers(&wide->patterns[k], &narrow->patterns[i]);
		if (!covered)
			return false;
	}
	return true;
}

bool rule_covers(const struct rule *wide, const struct rule *narrow)
{
	uint32_t k = 0;
	for (uint32_t i = 0; i < wide->n; i++) {
		while (k < narrow->n && narrow->conditions[k].field < wide->conditions[i].field)
			k++;
		if (k == narrow->n || narrow->conditions[k].field != wide->conditions[i].field ||
			!condition_covers(&wide->conditions[i], &narrow->conditions[k]))
			return false;
	}
	return true;
}
