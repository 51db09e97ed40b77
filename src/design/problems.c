// SPDX-License-Identifier: Apache-2.0
// Mistakes found in a corridor file, and the small checks that every part of the reader uses.
#include "base/mem.h"
#include "design/internal.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void problems_add(struct design_problems *p, bool *nomem, const struct design_problem *item)
{
	p->n_errors += !item->warning;
	if (p->n >= DESIGN_PROBLEMS_MAX) {
		// An error is worth more than a warning: without one in the list, nobody would know why.
		for (uint32_t i = 0; i < p->n && !item->warning; i++)
			if (p->items[i].warning) {
				p->items[i] = *item;
				return;
			}
		return;
	}
	void *items = p->items;
	size_t capacity = p->capacity;
	if (mem_grow(&items, &capacity, p->n + 1, sizeof(*p->items)) != 0) {
		*nomem = true;
		return;
	}
	p->items = items;
	p->capacity = (uint32_t)capacity;
	p->items[p->n++] = *item;
}

void design_problems_free(struct design_problems *p)
{
	mem_free(p->items);
	*p = (struct design_problems){0};
}

// By place; errors before warnings at one place.
static int problem_order(const void *a, const void *b)
{
	const struct design_problem *pa = a, *pb = b;
	if (pa->line != pb->line)
		return pa->line < pb->line ? -1 : 1;
	if (pa->column != pb->column)
		return pa->column < pb->column ? -1 : 1;
	if (pa->warning != pb->warning)
		return pa->warning ? 1 : -1;
	return strcmp(pa->message, pb->message);
}

void problems_sort(struct design_problems *p)
{
	if (p->n > 1)
		qsort(p->items, p->n, sizeof(*p->items), problem_order);
}

__attribute__((format(printf, 5, 0))) static void add(struct reader *r, const struct yaml_node *at,
	bool warning, const char *remedy, const char *format, va_list args)
{
	struct design_problem item = {.line = at->line, .column = at->column, .warning = warning};
	vsnprintf(item.message, sizeof(item.message), format, args);
	snprintf(item.remedy, sizeof(item.remedy), "%s", remedy);
	problems_add(r->problems, &r->nomem, &item);
}

void reader_problem(struct reader *r, const struct yaml_node *at, const char *remedy, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	add(r, at, false, remedy, format, args);
	va_end(args);
}

void reader_warning(struct reader *r, const struct yaml_node *at, const char *remedy, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	add(r, at, true, remedy, format, args);
	va_end(args);
}

void *reader_array(struct reader *r, size_t n, size_t size)
{
	void *p = arena_array(r->a, n ? n : 1, size);
	if (!p)
		r->nomem = true;
	return p;
}

struct sv reader_copy(struct reader *r, struct sv s)
{
	struct sv copy = arena_copy(r->a, s);
	if (!copy.ptr)
		r->nomem = true;
	return copy;
}

// The name closest to `wrong` when it is close enough to be a slip of the finger.
static struct sv nearest(struct sv wrong, const struct sv *names, uint32_t n)
{
	struct sv best = SV_NONE;
	unsigned best_distance = wrong.len < 4 ? 2 : (unsigned)(wrong.len / 3) + 1;
	for (uint32_t i = 0; i < n && wrong.len <= DESIGN_NAME_MAX_BYTES; i++) {
		if (names[i].len > wrong.len + best_distance || wrong.len > names[i].len + best_distance)
			continue;
		unsigned distance = sv_equal_nocase(wrong, names[i]) ? 0 : sv_distance(wrong, names[i]);
		if (distance < best_distance) {
			best_distance = distance;
			best = names[i];
		}
	}
	return best;
}

const char *remedy_names(
	char out[REMEDY_MAX], struct sv wrong, const struct sv *names, uint32_t n, const char *none)
{
	struct sv best = nearest(wrong, names, n);
	if (best.ptr) {
		snprintf(out, REMEDY_MAX, "did you mean \"%.*s\"?", SV_ARG(best));
		return out;
	}
	if (n == 0) {
		snprintf(out, REMEDY_MAX, "%s", none);
		return out;
	}
	size_t used = (size_t)snprintf(out, REMEDY_MAX, "use %s", n == 1 ? "" : "one of ");
	for (uint32_t i = 0; i < n; i++) {
		bool last = i + 1 == n;
		if (used + names[i].len + 8 > REMEDY_MAX) {
			snprintf(out + used, REMEDY_MAX - used, "…");
			break;
		}
		used += (size_t)snprintf(
			out + used, REMEDY_MAX - used, "%.*s%s", SV_ARG(names[i]), last ? "" : ", ");
	}
	return out;
}

bool reader_name_ok(struct reader *r, const struct yaml_node *node, const char *what)
{
	if (node->kind != YAML_IS_SCALAR) {
		reader_problem(r, node, "write the name as a plain word", "the %s must be a text, not %s", what,
			yaml_kind_name(node));
		return false;
	}
	struct sv s = node->scalar;
	if (sv_trim(s).len == 0) {
		reader_problem(r, node, "write the name", "an empty name of a %s", what);
		return false;
	}
	if (s.len > DESIGN_NAME_MAX_BYTES) {
		reader_problem(r, node, "shorten it", "the name of a %s is longer than %d bytes", what,
			DESIGN_NAME_MAX_BYTES);
		return false;
	}
	for (size_t i = 0; i < s.len; i++) {
		if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f) {
			reader_problem(r, node, "write it in one line",
				"a control character in the name of a %s", what);
			return false;
		}
	}
	return true;
}

void reader_names(
	struct reader *r, const struct yaml_node *list, const char *what, struct sv **names, uint32_t *n)
{
	*n = 0;
	uint32_t limit = list->n;
	if (limit > DESIGN_LIST_MAX) {
		reader_problem(r, list, "shorten the list", "more than %d names in a list", DESIGN_LIST_MAX);
		limit = DESIGN_LIST_MAX;
	}
	*names = reader_array(r, limit, sizeof(**names));
	const struct yaml_node **kept = mem_calloc(limit, sizeof(const struct yaml_node *));
	if (!kept)
		r->nomem = true;
	for (uint32_t i = 0; i < limit && !r->nomem; i++) {
		const struct yaml_node *node = list->items[i];
		if (!reader_name_ok(r, node, what))
			continue;
		uint32_t same = 0;
		while (same < *n && !sv_equal(kept[same]->scalar, node->scalar))
			same++;
		if (same < *n) {
			reader_problem(r, node, "keep one of them",
				"duplicate %s \"%s\", first given in line %u", what, node->scalar.ptr,
				(unsigned)kept[same]->line);
			continue;
		}
		kept[*n] = node;
		(*names)[(*n)++] = reader_copy(r, node->scalar);
	}
	mem_free(kept);
}

bool reader_number(
	struct reader *r, const struct yaml_node *node, const char *what, double min, double max, double *out)
{
	double v;
	if (node->kind != YAML_IS_SCALAR || !sv_to_double(node->scalar, &v)) {
		reader_problem(r, node, "write a plain number such as 1.5", "%s is no number", what);
		return false;
	}
	if (!(v >= min && v <= max)) {
		char remedy[REMEDY_MAX];
		if (isfinite(max))
			snprintf(remedy, sizeof(remedy), "write a number from %g to %g", min, max);
		else
			snprintf(remedy, sizeof(remedy), "write a number of at least %g", min);
		reader_problem(r, node, remedy, "%s is out of range: %g", what, v);
		return false;
	}
	*out = v;
	return true;
}

bool reader_quantity(struct reader *r, const struct yaml_node *node, struct sv unit, double *out)
{
	struct err e = ERR_NONE;
	if (design_quantity_parse(r->d, node->scalar, unit, out, &e) == RC_OK)
		return true;
	reader_problem(r, node, e.remedy, "%s", e.message);
	return false;
}

uint32_t reader_find(
	struct reader *r, const struct yaml_node *node, const char *what, const struct sv *names, uint32_t n)
{
	if (node->kind != YAML_IS_SCALAR) {
		reader_problem(
			r, node, "write a name", "the %s must be a text, not %s", what, yaml_kind_name(node));
		return DESIGN_NONE;
	}
	for (uint32_t i = 0; i < n; i++)
		if (sv_equal(names[i], node->scalar))
			return i;
	char remedy[REMEDY_MAX], none[REMEDY_MAX];
	if (r->problems->n_errors >= DESIGN_PROBLEMS_MAX) { // nobody will read the remedy
		r->problems->n_errors++;
		return DESIGN_NONE;
	}
	snprintf(none, sizeof(none), "declare it under %ss", what);
	reader_problem(r, node, remedy_names(remedy, node->scalar, names, n, none), "unknown %s \"%s\"", what,
		node->scalar.ptr);
	return DESIGN_NONE;
}
