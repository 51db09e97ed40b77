// SPDX-License-Identifier: Apache-2.0
// Reading a corridor file: YAML tree → table of the format → design → compiled match rules. All mistakes are
// collected, so that one run of the program shows them all; a design comes out only when there are no errors.
#include "design/design.h"

#include "base/hash.h"
#include "base/mem.h"
#include "design/internal.h"

#include <stdio.h>

struct sink_context {
	struct design_problems *problems;
	bool *nomem;
};

static void take_yaml_problem(
	void *context, uint32_t line, uint32_t column, const char *message, const char *remedy)
{
	struct sink_context *c = context;
	struct design_problem item = {.line = line, .column = column};
	snprintf(item.message, sizeof(item.message), "%s", message);
	snprintf(item.remedy, sizeof(item.remedy), "%s", remedy);
	problems_add(c->problems, c->nomem, &item);
}

// Rules that an earlier one always beats.
static void warn_shadowed(struct reader *r)
{
	for (uint32_t i = 0; i < r->n_rules && !r->nomem && r->problems->n < DESIGN_PROBLEMS_MAX; i++) {
		uint32_t by = match_shadow(r->d->match, i);
		if (by == DESIGN_NONE)
			continue;
		const struct rule *rule = &r->rules[i], *winner = &r->rules[by];
		struct yaml_node at = {.line = rule->line, .column = rule->column};
		reader_warning(r, &at,
			"take it away, make the earlier rule narrower, or put this touch point above",
			"this rule never wins: the one of \"%s\" in line %u matches all that it does",
			r->d->touchpoints[winner->touchpoint].name.ptr, (unsigned)winner->line);
	}
}

static void read_tree(struct reader *r)
{
	if (r->root->kind != YAML_IS_MAP) {
		reader_problem(r, r->root, "start with corridor: 1", "a corridor file is a map of keys, not %s",
			yaml_kind_name(r->root));
		return;
	}
	design_defaults(r);
	if (!r->nomem)
		format_read(r, SECTION_TOP, r->root, r->root, r->d);
	if (!r->nomem)
		loyalty_defaults(r);
	if (!r->nomem && match_compile(r->rules, r->n_rules, r->a, &r->d->match) != RC_OK)
		r->nomem = true;
	if (!r->nomem)
		warn_shadowed(r);
}

// Sets e to the first error of the list.
static enum rc first_error(const struct design_problems *p, const char *file_name, struct err *e)
{
	for (uint32_t i = 0; i < p->n; i++) {
		if (p->items[i].warning)
			continue;
		enum rc rc = err_set(e, RC_INPUT, "%s", p->items[i].message);
		err_place(e, file_name, p->items[i].line, p->items[i].column);
		err_remedy(e, "%s", p->items[i].remedy);
		return rc;
	}
	return RC_OK;
}

// The design without its content; NULL when out of memory.
static struct design *design_new(struct sv text)
{
	struct arena *a = arena_new(DESIGN_ARENA_BYTES);
	struct design *d = a ? arena_alloc(a, sizeof(*d)) : NULL;
	if (!d) {
		arena_free(&a);
		return NULL;
	}
	d->arena = a;
	d->hash = hash64(text.ptr, text.len);
	return d;
}

enum rc design_parse(struct sv text, const char *file_name, struct design **out,
	struct design_problems *problems, struct err *e)
{
	struct design_problems own = {0};
	struct reader r = {.problems = problems ? problems : &own};
	struct arena *tree = arena_new(YAML_ARENA_BYTES);
	struct yaml_node *root = NULL;
	struct sink_context context = {r.problems, &r.nomem};
	struct yaml_sink sink = {take_yaml_problem, &context};
	enum rc rc = RC_NOMEM;
	*out = NULL;
	r.d = design_new(text);
	if (r.d && tree) {
		r.a = r.d->arena;
		rc = yaml_parse(text, file_name, tree, &sink, &root, NULL);
		r.root = root;
		if (root)
			read_tree(&r);
		problems_sort(r.problems);
		if (rc != RC_NOMEM)
			rc = first_error(r.problems, file_name, e);
	}
	if (r.nomem)
		rc = RC_NOMEM;
	if (rc == RC_NOMEM)
		err_set(e, RC_NOMEM, "out of memory while reading %s", file_name);
	if (rc == RC_OK)
		*out = r.d;
	else
		design_free(&r.d);
	arena_free(&tree);
	design_problems_free(&own);
	return rc;
}

void design_free(struct design **d)
{
	if (!*d)
		return;
	struct arena *a = (*d)->arena;
	tz_free(&(*d)->tz);
	*d = NULL;
	arena_free(&a);
}
