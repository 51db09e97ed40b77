// SPDX-License-Identifier: Apache-2.0
// The command line against declarations of its own.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/internal.h"

static const struct option leaf_options[] = {
	{.name = "by", .letter = 'b', .type = OPTION_TEXT, .repeated = true, .value = "NAME", .help = ""},
	{.name = "limit",
		.letter = 'n',
		.type = OPTION_INTEGER,
		.value = "N",
		.fallback = "7",
		.min = 0,
		.max = 10,
		.help = ""},
	{.name = "form",
		.type = OPTION_CHOICE,
		.value = "F",
		.choices = "table|json",
		.fallback = "table",
		.help = ""},
	{.name = "list", .letter = 'l', .type = OPTION_FLAG, .help = ""},
	{.name = "map", .letter = 'm', .type = OPTION_FILE, .value = "MAP", .required = true, .help = ""},
};
static const struct command leaf = {.name = "leaf",
	.summary = "",
	.max_operands = 2,
	.operands = "FILE",
	.options = leaf_options,
	.n_options = 5};
static const struct command *const leaves[] = {&leaf, NULL};
static const struct command branch = {.name = "branch", .summary = "", .subcommands = leaves};
static const struct command *const branches[] = {&branch, NULL};
static const struct command root = {.name = "corridor", .summary = "", .subcommands = branches};

struct parsed {
	struct arena *arena;
	struct args args;
	struct err e;
	enum rc rc;
};

static struct parsed parse(const char *const *words)
{
	const char *argv[32] = {"corridor"};
	int argc = 1;
	for (; *words; words++)
		argv[argc++] = *words;
	struct parsed p = {.arena = arena_new(0), .e = ERR_NONE};
	p.rc = args_parse(&root, argc, argv, p.arena, &p.args, &p.e);
	return p;
}

static void all_forms_of_options(void **state)
{
	(void)state;
	static const char *const words[] = {"--quiet", "branch", "leaf", "--by=a", "-b", "b", "-bc", "-ln3",
		"one", "-m", "x.yaml", "--", "--two", NULL};
	struct parsed p = parse(words);
	assert_int_equal(p.rc, RC_OK);
	assert_ptr_equal(p.args.command, &leaf);
	assert_int_equal(p.args.depth, 3);
	struct sv by[4];
	assert_int_equal(args_list(&p.args, "by", by, 4), 3);
	assert_true(sv_equal(by[0], SV("a")) && sv_equal(by[1], SV("b")) && sv_equal(by[2], SV("c")));
	assert_int_equal(args_integer(&p.args, "limit"), 3);
	assert_true(args_flag(&p.args, "list"));
	assert_true(args_flag(&p.args, "quiet"));
	assert_string_equal(args_text(&p.args, "map"), "x.yaml");
	assert_string_equal(args_text(&p.args, "form"), "table");
	assert_false(args_given(&p.args, "form"));
	assert_int_equal(p.args.n_operands, 2);
	assert_string_equal(p.args.operands[0], "one");
	assert_string_equal(p.args.operands[1], "--two");
	arena_free(&p.arena);
}

static void mistakes(void **state)
{
	(void)state;
	static const struct {
		const char *words[8];
		const char *message, *remedy;
	} cases[] = {
		{{"brunch"}, "unknown command brunch", "did you mean branch?"},
		{{"branch", "lef"}, "unknown command branch lef", "did you mean leaf?"},
		{{"branch", "leaf", "--mapp", "x"}, "unknown option --mapp", "did you mean --map?"},
		{{"branch", "leaf", "-x"}, "unknown option -x",
			"corridor branch leaf --help lists the options"},
		{{"branch", "leaf"}, "leaf needs --map MAP", ""},
		{{"branch", "leaf", "-m", "x", "--limit", "11"},
			"--limit: 11 is not a whole number from 0 to 10", ""},
		{{"branch", "leaf", "-m", "x", "--limit", "3x"},
			"--limit: 3x is not a whole number from 0 to 10", ""},
		{{"branch", "leaf", "-m", "x", "--form", "xml"}, "--form: unknown value xml",
			"one of table|json"},
		{{"branch", "leaf", "-m", "x", "--list=1"}, "--list takes no value", ""},
		{{"branch", "leaf", "-m"}, "--map needs a value", "write --map MAP"},
		{{"branch", "leaf", "-m", "x", "1", "2", "3"}, "leaf: too many arguments: 3",
			"corridor branch leaf --help shows what it takes"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct parsed p = parse(cases[i].words);
		assert_int_equal(p.rc, RC_USAGE);
		assert_string_equal(p.e.message, cases[i].message);
		assert_string_equal(p.e.remedy, cases[i].remedy);
		arena_free(&p.arena);
	}
}

static void help_needs_nothing_else(void **state)
{
	(void)state;
	static const char *const words[] = {"branch", "leaf", "--help", NULL};
	struct parsed p = parse(words);
	assert_int_equal(p.rc, RC_OK);
	assert_true(p.args.help);
	arena_free(&p.arena);
}

// Every declared command: names are unique, options too, and no letter stands for two options.
static void declarations_are_sound(const struct command *c, struct arena *arena)
{
	uint32_t n_global;
	const struct option *global = global_options(&n_global);
	for (uint32_t i = 0; i < c->n_options; i++) {
		const struct option *a = &c->options[i];
		assert_non_null(a->help);
		assert_true(a->type == OPTION_FLAG || a->value);
		assert_true((a->type == OPTION_CHOICE) == (a->choices != NULL));
		for (uint32_t k = 0; k < c->n_options + n_global; k++) {
			const struct option *b = k < c->n_options ? &c->options[k] : &global[k - c->n_options];
			if (a == b)
				continue;
			assert_string_not_equal(a->name, b->name);
			assert_true(a->letter == 0 || a->letter != b->letter);
		}
	}
	const struct command *const *list = command_children(c, arena);
	assert_true(list || c->run);
	for (uint32_t i = 0; list && list[i]; i++) {
		for (uint32_t k = 0; k < i; k++)
			assert_string_not_equal(list[i]->name, list[k]->name);
		declarations_are_sound(list[i], arena);
	}
}

static void all_declarations(void **state)
{
	(void)state;
	struct arena *arena = arena_new(0);
	declarations_are_sound(&command_root, arena);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_forms_of_options),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(help_needs_nothing_else),
		cmocka_unit_test(all_declarations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
