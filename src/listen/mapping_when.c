// SPDX-License-Identifier: Apache-2.0
// Compiles conditions: {Column: test, …} holds when all tests do, a list when any of its conditions does; all:, any:
// and not: combine. A column of one of these three names is written {all}.
#include "listen/mapping_compile.h"

static enum rc group(struct compiler *c, enum cond_kind kind, const uint32_t *items, uint32_t n, uint32_t *out)
{
	struct cond cond = {.kind = kind, .range = {0, n}};
	if (n == 1 && kind != COND_NOT) {
		*out = items[0];
		return RC_OK;
	}
	enum rc rc = compile_add(c, LIST_COND_ITEMS, items, n, &cond.range.first);
	return rc == RC_OK ? compile_add(c, LIST_CONDS, &cond, 1, out) : rc;
}

static bool counts_as_empty(const struct mapping *m, struct sv text)
{
	bool empty = !text.len;
	for (uint32_t i = 0; i < m->n_empty; i++)
		empty |= sv_equal(m->empty[i], text);
	return empty;
}

static enum rc texts_test(
	struct compiler *c, const struct yaml_node *node, enum cond_kind kind, uint32_t ref, uint32_t *out)
{
	struct cond cond = {.kind = kind, .index = ref};
	struct sv *texts;
	enum rc rc = compile_texts(c, node, "the text to compare with", &texts, &cond.range.n);
	for (uint32_t i = 0; rc == RC_OK && i < cond.range.n; i++) {
		if (!counts_as_empty(c->m, texts[i]))
			continue;
		compile_fail(c, node, "no value is ever \"%.*s\": it counts as absent", SV_ARG(texts[i]));
		err_remedy(c->e, "test for absent, or take it out of `empty`");
		return RC_INPUT;
	}
	if (rc == RC_OK)
		rc = compile_add(c, LIST_TEXTS, texts, cond.range.n, &cond.range.first);
	return rc == RC_OK ? compile_add(c, LIST_CONDS, &cond, 1, out) : rc;
}

static enum rc number_test(
	struct compiler *c, const struct yaml_node *node, enum cond_kind kind, uint32_t ref, uint32_t *out)
{
	struct cond cond = {.kind = kind, .index = ref};
	if (!yaml_to_double(node, &cond.number))
		return compile_fail(c, node, "a number is wanted here");
	return compile_add(c, LIST_CONDS, &cond, 1, out);
}

static enum rc compile_test(struct compiler *c, const struct yaml_node *node, uint32_t ref, uint32_t *out);

static enum rc test_map(struct compiler *c, const struct yaml_node *node, uint32_t ref, uint32_t *out)
{
	static const struct {
		enum key key;
		enum cond_kind kind;
	} tests[] = {{KEY_IS, COND_IS}, {KEY_STARTS, COND_STARTS}, {KEY_ENDS, COND_ENDS},
		{KEY_CONTAINS, COND_CONTAINS}, {KEY_AT_LEAST, COND_AT_LEAST}, {KEY_AT_MOST, COND_AT_MOST},
		{KEY_ABOVE, COND_ABOVE}, {KEY_BELOW, COND_BELOW}, {KEY_NOT, COND_NOT}};
	uint32_t items[sizeof(tests) / sizeof(tests[0])], n = 0;
	struct keys k = {0};
	enum rc rc = compile_keys(c, IN_TEST, node, &k);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]) && rc == RC_OK; i++) {
		const struct yaml_node *at = k.of[tests[i].key];
		if (!at)
			continue;
		if (tests[i].kind == COND_NOT) {
			rc = compile_test(c, at, ref, &items[n]);
			if (rc == RC_OK)
				rc = group(c, COND_NOT, &items[n], 1, &items[n]);
		} else if (tests[i].kind >= COND_AT_LEAST) {
			rc = number_test(c, at, tests[i].kind, ref, &items[n]);
		} else {
			rc = texts_test(c, at, tests[i].kind, ref, &items[n]);
		}
		n++;
	}
	if (rc == RC_OK && !n)
		rc = compile_fail(c, node, "a test is empty");
	return rc == RC_OK ? group(c, COND_ALL, items, n, out) : rc;
}

static enum rc compile_test(struct compiler *c, const struct yaml_node *node, uint32_t ref, uint32_t *out)
{
	if (node->kind == YAML_IS_MAP) {
		if (c->depth == COMPILE_DEPTH_MAX)
			return compile_fail(
				c, node, "conditions are nested more than %u deep", COMPILE_DEPTH_MAX);
		c->depth++;
		enum rc rc = test_map(c, node, ref, out);
		c->depth--;
		return rc;
	}
	bool present = node->kind == YAML_IS_SCALAR && !node->quoted && sv_equal(node->scalar, SV("present"));
	bool absent = node->kind == YAML_IS_SCALAR && !node->quoted && sv_equal(node->scalar, SV("absent"));
	if (present || absent) {
		struct cond cond = {.kind = present ? COND_PRESENT : COND_ABSENT, .index = ref};
		return compile_add(c, LIST_CONDS, &cond, 1, out);
	}
	return texts_test(c, node, COND_IS, ref, out);
}

static enum rc compile_list(
	struct compiler *c, const struct yaml_node *node, enum cond_kind kind, uint32_t *out)
{
	if (node->kind != YAML_IS_LIST || !node->n || node->n > COMPILE_ITEMS_MAX)
		return compile_fail(c, node, "a list of conditions is wanted here");
	uint32_t *items = arena_array(c->m->arena, node->n, sizeof(*items));
	if (!items)
		return compile_no_memory(c);
	for (uint32_t i = 0; i < node->n; i++) {
		enum rc rc = compile_condition(c, node->items[i], &items[i]);
		if (rc != RC_OK)
			return rc;
	}
	return group(c, kind, items, node->n, out);
}

// One pair of a condition: all, any, not, or a column with its test.
static enum rc compile_pair(
	struct compiler *c, const struct yaml_node *key, const struct yaml_node *node, uint32_t *out)
{
	struct sv name = key->scalar;
	if (sv_equal(name, SV("all")))
		return compile_list(c, node, COND_ALL, out);
	if (sv_equal(name, SV("any")))
		return compile_list(c, node, COND_ANY, out);
	if (sv_equal(name, SV("not"))) {
		enum rc rc = compile_condition(c, node, out);
		return rc == RC_OK ? group(c, COND_NOT, out, 1, out) : rc;
	}
	if (name.len > 2 && name.ptr[0] == '{' && name.ptr[name.len - 1] == '}')
		name = (struct sv){name.ptr + 1, name.len - 2};
	uint32_t ref;
	enum rc rc = compile_ref(c, key, name, false, &ref);
	return rc == RC_OK ? compile_test(c, node, ref, out) : rc;
}

static enum rc compile_pairs(struct compiler *c, const struct yaml_node *node, uint32_t *out)
{
	uint32_t *items = arena_array(c->m->arena, node->n, sizeof(*items));
	if (!items)
		return compile_no_memory(c);
	for (uint32_t i = 0; i < node->n; i++) {
		enum rc rc = compile_pair(c, node->keys[i], node->items[i], &items[i]);
		if (rc != RC_OK)
			return rc;
	}
	return group(c, COND_ALL, items, node->n, out);
}

enum rc compile_condition(struct compiler *c, const struct yaml_node *node, uint32_t *out)
{
	if (c->depth == COMPILE_DEPTH_MAX)
		return compile_fail(c, node, "conditions are nested more than %u deep", COMPILE_DEPTH_MAX);
	c->depth++;
	enum rc rc;
	if (node->kind == YAML_IS_LIST)
		rc = compile_list(c, node, COND_ANY, out);
	else if (node->kind == YAML_IS_MAP && node->n && node->n <= COMPILE_ITEMS_MAX)
		rc = compile_pairs(c, node, out);
	else
		rc = compile_fail(
			c, node, "a condition must be a map like {Column: test}, not %s", yaml_kind_name(node));
	c->depth--;
	return rc;
}
