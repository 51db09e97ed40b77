// SPDX-License-Identifier: Apache-2.0
// Resolving against a reference that tries every rule in order, on random rules and interactions; precedence,
// wildcards, dimensions; rules that can never win.
#include "support.h"

#include <string.h>

// SplitMix64 (Steele, Lea & Flood 2014), so that every run sees the same cases.
static uint64_t rng_next(uint64_t *s)
{
	uint64_t z = (*s += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint32_t below(uint64_t *s, uint32_t n)
{
	return (uint32_t)(rng_next(s) % n);
}

#define FIELDS 8
#define RULES 60
#define PATTERNS 3

static const char *const keys[FIELDS] = {
	"event", "source", "channel", "agent", "location", "properties.a", "properties.b", "properties.a.b"};
// Few and overlapping words, so that wildcards and precedence matter.
static const char *const words[] = {"a", "ab", "abc", "b", "bc", "c", "ca", "cab", "aab", "bab", "x y", "abab"};
#define WORDS (sizeof(words) / sizeof(words[0]))

struct reference {
	uint32_t touchpoint;
	uint32_t n_patterns[FIELDS]; // 0 = no condition
	char patterns[FIELDS][PATTERNS][16];
};

static bool fits(const char *pattern, const char *value)
{
	size_t n = strlen(pattern), m = strlen(value);
	if (m == 0)
		return false;
	if (pattern[n - 1] == '*')
		return m >= n - 1 && memcmp(pattern, value, n - 1) == 0;
	if (pattern[0] == '*')
		return m >= n - 1 && memcmp(pattern + 1, value + m - (n - 1), n - 1) == 0;
	return strcmp(pattern, value) == 0;
}

static bool rule_fits(const struct reference *r, const char *const *values)
{
	for (int f = 0; f < FIELDS; f++) {
		bool any = r->n_patterns[f] == 0;
		for (uint32_t p = 0; p < r->n_patterns[f] && !any; p++)
			any = fits(r->patterns[f][p], values[f]);
		if (!any)
			return false;
	}
	return true;
}

static void make_pattern(uint64_t *s, char out[16])
{
	const char *word = words[below(s, WORDS)];
	switch (below(s, 8)) {
	case 0:
		snprintf(out, 16, "%s*", word);
		break;
	case 1:
		snprintf(out, 16, "*%s", word);
		break;
	case 2:
		snprintf(out, 16, "%s", below(s, 4) == 0 ? "*" : word);
		break;
	default:
		snprintf(out, 16, "%s", word);
	}
}

static uint32_t make_rules(uint64_t *s, struct reference *rules, struct buf *text)
{
	uint32_t n = 1 + below(s, RULES), touchpoint = 0;
	buf_str(text, HEAD "touchpoints:\n");
	for (uint32_t i = 0; i < n; i++) {
		struct reference *r = &rules[i];
		memset(r, 0, sizeof(*r));
		bool first = i == 0 || below(s, 2) == 0;
		if (first)
			buf_printf(text, "  t%u:\n    stage: use\n    match:\n", (unsigned)touchpoint++);
		r->touchpoint = touchpoint - 1;
		buf_str(text, "      - {");
		uint32_t n_conditions = 1 + below(s, 3), used = 0;
		for (uint32_t c = 0; c < n_conditions; c++) {
			uint32_t f = below(s, FIELDS);
			if (r->n_patterns[f] > 0)
				continue;
			r->n_patterns[f] = 1 + below(s, PATTERNS);
			buf_printf(text, "%s%s: [", used++ ? ", " : "", keys[f]);
			for (uint32_t p = 0; p < r->n_patterns[f]; p++) {
				make_pattern(s, r->patterns[f][p]);
				buf_printf(text, "%s'%s'", p ? ", " : "", r->patterns[f][p]);
			}
			buf_char(text, ']');
		}
		buf_str(text, "}\n");
	}
	return n;
}

static void fill(const struct design *d, const char *const *values, struct interaction *x)
{
	memset(x, 0, sizeof(*x));
	x->event = sv_from(values[0]);
	x->source = sv_from(values[1]);
	x->channel = sv_from(values[2]);
	x->agent = sv_from(values[3]);
	x->location = sv_from(values[4]);
	for (int f = 5; f < FIELDS; f++) {
		uint32_t path = design_path_find(d, sv_from(keys[f]));
		if (path != DESIGN_NONE && values[f][0])
			x->paths[path] = sv_from(values[f]);
	}
}

static void test_reference(void **state)
{
	(void)state;
	uint64_t seed = 42;
	static struct reference rules[RULES];
	struct buf text = buf_new(1 << 20);
	uint32_t n_matched = 0, n_unmatched = 0;
	for (int round = 0; round < 300; round++) {
		buf_clear(&text);
		uint32_t n = make_rules(&seed, rules, &text);
		struct design *d = parse_ok(buf_view(&text));
		for (int k = 0; k < 200; k++) {
			const char *values[FIELDS];
			for (int f = 0; f < FIELDS; f++)
				values[f] = below(&seed, 3) == 0 ? "" : words[below(&seed, WORDS)];
			struct interaction x;
			fill(d, values, &x);
			design_resolve(d, &x);
			uint32_t expected = TOUCHPOINT_NONE;
			for (uint32_t i = 0; i < n && expected == TOUCHPOINT_NONE; i++)
				if (rule_fits(&rules[i], values))
					expected = rules[i].touchpoint;
			assert_int_equal(x.touchpoint, expected);
			n_matched += expected != TOUCHPOINT_NONE;
			n_unmatched += expected == TOUCHPOINT_NONE;
		}
		design_free(&d);
	}
	assert_in_range(n_matched, 10000, 59000);
	assert_in_range(n_unmatched, 1000, 59000);
	buf_free(&text);
}

// A rule is warned of only if it truly never wins; checked by trying all single-field values and many random ones.
static void test_shadow_is_true(void **state)
{
	(void)state;
	uint64_t seed = 7;
	static struct reference rules[RULES];
	struct buf text = buf_new(1 << 20);
	uint32_t n_warned = 0;
	for (int round = 0; round < 100; round++) {
		buf_clear(&text);
		uint32_t n = make_rules(&seed, rules, &text);
		struct design *d = NULL;
		struct design_problems p = {0};
		assert_int_equal(design_parse(buf_view(&text), "f.yaml", &d, &p, NULL), RC_OK);
		bool wins[RULES] = {false};
		for (int k = 0; k < 5000; k++) {
			const char *values[FIELDS];
			for (int f = 0; f < FIELDS; f++)
				values[f] = below(&seed, 3) == 0 ? "" : words[below(&seed, WORDS)];
			uint32_t i = 0;
			while (i < n && !rule_fits(&rules[i], values))
				i++;
			if (i < n)
				wins[i] = true;
		}
		// Each rule is on a line of its own: the i-th line that starts with "      - ".
		uint32_t line = 5, i = 0;
		for (struct sv rest = buf_view(&text), l; i < n && rest.ptr;) {
			l = sv_cut(rest, '\n', &rest);
			(void)l;
			line++;
			if (!sv_starts(rest, SV("      - ")))
				continue;
			uint32_t file_line = line - 4;
			for (uint32_t w = 0; w < p.n; w++)
				if (p.items[w].line == file_line) {
					n_warned++;
					assert_false(wins[i]);
				}
			i++;
		}
		design_problems_free(&p);
		design_free(&d);
	}
	assert_true(n_warned > 50);
	buf_free(&text);
}

static uint32_t n_shadow_warnings(const char *rules)
{
	char text[1024];
	snprintf(text, sizeof(text), HEAD "touchpoints:\n  t:\n    stage: use\n    match: %s\n", rules);
	struct design *d = NULL;
	struct design_problems p = {0};
	assert_int_equal(design_parse(sv_from(text), "f.yaml", &d, &p, NULL), RC_OK);
	uint32_t n = p.n;
	design_problems_free(&p);
	design_free(&d);
	return n;
}

static void test_shadow(void **state)
{
	(void)state;
	assert_int_equal(n_shadow_warnings("[{event: a}, {event: a}]"), 1);
	assert_int_equal(n_shadow_warnings("[{event: a}, {event: b}]"), 0);
	assert_int_equal(n_shadow_warnings("[{event: a}, {event: a, source: b}]"), 1);
	assert_int_equal(n_shadow_warnings("[{event: a, source: b}, {event: a}]"), 0);
	assert_int_equal(n_shadow_warnings("[{event: 'a*'}, {event: [ab, ac]}]"), 1);
	assert_int_equal(n_shadow_warnings("[{event: 'a*'}, {event: [ab, bc]}]"), 0);
	assert_int_equal(n_shadow_warnings("[{event: 'a*'}, {event: 'ab*'}]"), 1);
	assert_int_equal(n_shadow_warnings("[{event: 'ab*'}, {event: 'a*'}]"), 0);
	assert_int_equal(n_shadow_warnings("[{event: '*a'}, {event: '*ba'}]"), 1);
	assert_int_equal(n_shadow_warnings("[{event: '*a'}, {event: 'a*'}]"), 0);
	assert_int_equal(n_shadow_warnings("[{event: '*'}, {event: '*a'}, {event: 'a*'}, {event: a}]"), 3);
	assert_int_equal(n_shadow_warnings("[{event: [a, b]}, {event: b, channel: c}]"), 1);
	assert_int_equal(n_shadow_warnings("[{source: s}, {event: b, source: s}]"), 1);
}

static void test_dimensions(void **state)
{
	(void)state;
	struct design *d = parse_ok(SV(HEAD "dimensions: {product: , region: {from: properties.a.r}}\n"
					    "touchpoints: {t: {stage: use, match: [{properties.k: v}]}}\n"));
	struct interaction x;
	memset(&x, 0, sizeof(x));
	x.paths[design_path_find(d, SV("properties.a.r"))] = SV("north");
	x.paths[design_path_find(d, SV("properties.k"))] = SV("v");
	design_resolve(d, &x);
	assert_int_equal(x.touchpoint, 0);
	assert_null(x.dimensions[design_dimension_find(d, SV("product"))].ptr);
	assert_sv(x.dimensions[design_dimension_find(d, SV("region"))], "north");
	design_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference),
		cmocka_unit_test(test_shadow_is_true),
		cmocka_unit_test(test_shadow),
		cmocka_unit_test(test_dimensions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
