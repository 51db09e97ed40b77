// SPDX-License-Identifier: Apache-2.0
// Filling templates.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/template.h"

static struct sv asset(struct sv name)
{
	return sv_equal(name, SV("x.css")) ? SV("a > b {}") : SV("");
}

static void expect(const char *template, const struct fill *f, const char *text)
{
	struct buf out = buf_new(65536);
	struct err e = ERR_NONE;
	assert_int_equal(template_fill(sv_from(template), f, asset, &out, &e), RC_OK);
	buf_char(&out, '\0');
	assert_string_equal((const char *)out.data, text);
	buf_free(&out);
}

static void values_and_sections(void **state)
{
	(void)state;
	struct arena *arena = arena_new(0);
	struct fill *f = fill_new(arena);
	fill_text(f, "name", SV("<b>\"K & S\"</b>'"));
	fill_flag(f, "yes", true);
	fill_flag(f, "no", false);
	for (int i = 0; i < 3; i++) {
		struct fill *item = fill_item(f, "list");
		fill_printf(item, "i", "%d", i);
		if (i == 1)
			fill_text(fill_item(item, "inner"), "i", SV("deep"));
	}
	expect("{{name}} {{nothing}}", f, "&lt;b&gt;&quot;K &amp; S&quot;&lt;/b&gt;&#39; ");
	expect("{{#yes}}y{{/yes}}{{#no}}n{{/no}}{{^no}}not{{/no}}{{^yes}}x{{/yes}}", f, "ynot");
	expect("[{{#list}}{{i}}{{#inner}}({{i}}){{/inner}},{{/list}}]", f, "[0,1(deep),2,]");
	expect("{{^list}}empty{{/list}}", f, "");
	expect("{{>x.css}}", f, "a > b {}");
	expect("{ {x} }} {{", f, "{ {x} }} ");
	arena_free(&arena);
}

static void mistakes(void **state)
{
	(void)state;
	static const char *const templates[] = {"\n{{#a}}", "\n{{/a}}", "\n{{#yes}}{{/no}}"};
	struct arena *arena = arena_new(0);
	struct fill *f = fill_new(arena);
	fill_flag(f, "yes", true);
	for (size_t i = 0; i < 3; i++) {
		struct buf out = buf_new(65536);
		struct err e = ERR_NONE;
		assert_int_equal(template_fill(sv_from(templates[i]), f, asset, &out, &e), RC_INPUT);
		assert_int_equal(e.line, 2);
		buf_free(&out);
	}
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_and_sections),
		cmocka_unit_test(mistakes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
