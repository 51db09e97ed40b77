// SPDX-License-Identifier: Apache-2.0
// The YAML tree: places, aliases, and every bound on what a hostile file may cost.
#include "support.h"

#include "design/yaml.h"

#include <string.h>

static const struct yaml_node *parse(struct arena *a, struct sv text, struct err *e)
{
	struct yaml_node *root;
	*e = ERR_NONE;
	yaml_parse(text, "f.yaml", a, NULL, &root, e);
	return root;
}

static void test_places(void **state)
{
	(void)state;
	struct arena *a = arena_new(YAML_ARENA_BYTES);
	struct err e;
	const struct yaml_node *root =
		parse(a, SV("# comment\nähre: [1, \"2\",\n  ~]\nmap:\n  at most: 2min\n"), &e);
	assert_non_null(root);
	assert_int_equal(root->kind, YAML_IS_MAP);
	assert_int_equal(root->n, 2);
	const struct yaml_node *list = yaml_get(root, SV("ähre"));
	assert_int_equal(list->kind, YAML_IS_LIST);
	assert_int_equal(list->line, 2);
	assert_int_equal(list->column, 7); // characters, not bytes
	assert_int_equal(list->n, 3);
	assert_false(list->items[0]->quoted);
	assert_true(list->items[1]->quoted);
	assert_true(yaml_is_null(list->items[2]));
	assert_int_equal(list->items[2]->line, 3);
	assert_int_equal(list->items[2]->column, 3);
	const struct yaml_node *most = yaml_get(yaml_get(root, SV("map")), SV("at most"));
	assert_sv(most->scalar, "2min");
	assert_int_equal(most->line, 5);
	assert_int_equal(most->column, 12);
	assert_int_equal(yaml_get_key(root, SV("map"))->line, 4);
	assert_null(yaml_get(root, SV("nothing")));
	assert_null(yaml_get(list, SV("nothing")));
	arena_free(&a);
}

static void test_scalars(void **state)
{
	(void)state;
	struct arena *a = arena_new(YAML_ARENA_BYTES);
	struct err e;
	const struct yaml_node *root = parse(a, SV("[yes, 'yes', 1.5e2, '1', null, \"\", No, x]"), &e);
	bool b;
	double v;
	assert_true(yaml_to_bool(root->items[0], &b) && b);
	assert_false(yaml_to_bool(root->items[1], &b));
	assert_true(yaml_to_double(root->items[2], &v) && v == 150);
	assert_false(yaml_to_double(root->items[3], &v));
	assert_true(yaml_is_null(root->items[4]));
	assert_false(yaml_is_null(root->items[5]));
	assert_true(yaml_to_bool(root->items[6], &b) && !b);
	assert_string_equal(yaml_kind_name(root->items[7]), "a text");
	assert_string_equal(yaml_kind_name(root->items[4]), "nothing");
	assert_string_equal(yaml_kind_name(root), "a list");
	arena_free(&a);
}

static void test_aliases(void **state)
{
	(void)state;
	struct arena *a = arena_new(YAML_ARENA_BYTES);
	struct err e;
	const struct yaml_node *root = parse(a, SV("a: &x {b: [1, 2]}\nc: *x\n"), &e);
	assert_non_null(root);
	const struct yaml_node *copy = yaml_get(root, SV("c"));
	assert_int_equal(copy->line, 2);
	assert_int_equal(copy->column, 4);
	assert_int_equal(yaml_get(copy, SV("b"))->n, 2);
	// root, two keys, and twice {map, key, list, 1, 2}
	assert_int_equal(root->n_nodes, 13);
	arena_free(&a);
}

static void assert_refused(struct sv text, uint32_t line, uint32_t column, const char *message)
{
	struct arena *a = arena_new(YAML_ARENA_BYTES);
	struct err e;
	parse(a, text, &e);
	assert_int_equal(e.rc, RC_INPUT);
	if (!strstr(e.message, message))
		fail_msg("expected \"%s\" in \"%s\"", message, e.message);
	assert_int_equal(e.line, line);
	assert_int_equal(e.column, column);
	assert_true(e.remedy[0] != '\0');
	arena_free(&a);
}

static void test_refused(void **state)
{
	(void)state;
	assert_refused(SV(""), 1, 1, "the file is empty");
	assert_refused(SV("# only a comment\n"), 1, 1, "the file is empty");
	assert_refused(SV("a: &x [1, *x]\n"), 1, 11, "cycle");
	assert_refused(SV("a: *x\n"), 1, 4, "no anchor");
	assert_refused(SV("a: 1\nb: 2\na: 3\n"), 3, 1, "duplicate key \"a\", first given in line 1");
	assert_refused(SV("a:\n\tb: 1\n"), 2, 1, "tab character");
	assert_refused(SV("a: b: c\n"), 1, 5, "colon");
	assert_refused(SV("a: [1, 2\nb: 3\n"), 2, 2, "begun in line 1");
	assert_refused(SV("a: \"b\n"), 2, 1, "no end");
	assert_refused(SV("a: \xff\n"), 1, 4, "UTF-8");
	assert_refused(SV("x: y\na: \x01\n"), 2, 4, "control character");
	assert_refused(SV("a: 1\n---\nb: 2\n"), 2, 1, "second document");
	assert_refused(SV("a: !!int 1\n"), 1, 4, "tags");
	assert_refused(SV("? [a]\n: 1\n"), 1, 3, "a key must be a text");
	assert_refused(SV("a: @b\n"), 1, 4, "cannot start");
}

static void test_all_duplicates(void **state)
{
	(void)state;
	// The first value wins, so that the rest of the file can be checked too.
	struct arena *a = arena_new(YAML_ARENA_BYTES);
	struct err e;
	const struct yaml_node *root = parse(a, SV("a: 1\nb: 2\na: 3\na: 4\nb: 5\n"), &e);
	assert_int_equal(e.rc, RC_INPUT);
	assert_int_equal(e.line, 3);
	assert_non_null(root);
	assert_int_equal(root->n, 2);
	assert_sv(yaml_get(root, SV("a"))->scalar, "1");
	assert_sv(yaml_get(root, SV("b"))->scalar, "2");
	arena_free(&a);
}

static void test_bounds(void **state)
{
	(void)state;
	char deep[200];
	memset(deep, '[', sizeof(deep));
	assert_refused((struct sv){deep, 100}, 1, YAML_DEPTH_MAX + 1, "nested deeper");

	// Ten levels of ten aliases each: 10^10 nodes when expanded.
	char laughs[2000];
	size_t n = (size_t)snprintf(laughs, sizeof(laughs), "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
	for (int i = 1; i < 10; i++) {
		n += (size_t)snprintf(laughs + n, sizeof(laughs) - n, "a%d: &a%d [", i, i);
		for (int k = 0; k < 10; k++)
			n += (size_t)snprintf(laughs + n, sizeof(laughs) - n, "%s*a%d", k ? ", " : "", i - 1);
		n += (size_t)snprintf(laughs + n, sizeof(laughs) - n, "]\n");
	}
	struct arena *a = arena_new(YAML_ARENA_BYTES);
	struct err e;
	assert_null(parse(a, (struct sv){laughs, n}, &e));
	assert_non_null(strstr(e.message, "more than 1000000 values"));
	arena_free(&a);

	static char large[YAML_TEXT_MAX_BYTES + 1];
	memset(large, ' ', sizeof(large));
	assert_refused((struct sv){large, sizeof(large)}, 1, 1, "larger than 4 MiB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_scalars),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_all_duplicates),
		cmocka_unit_test(test_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
