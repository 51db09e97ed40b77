// SPDX-License-Identifier: Apache-2.0
// Nothing that is fed to the parser may crash it, and every failed allocation is reported without a leak
// (the sanitizer build finds both).
#include "support.h"

#include "base/mem.h"

#include <string.h>

static uint64_t rng_next(uint64_t *s)
{
	uint64_t z = (*s += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

// Parses; a refusal must say why, a success must resolve.
static bool feed(struct sv text)
{
	struct design *d = NULL;
	struct design_problems p = {0};
	struct err e = ERR_NONE;
	enum rc rc = design_parse(text, "f.yaml", &d, &p, &e);
	assert_true(rc == RC_OK || rc == RC_INPUT);
	if (rc == RC_OK) {
		struct interaction x;
		memset(&x, 0, sizeof(x));
		x.event = SV("Order Delivered");
		x.channel = SV("web");
		design_resolve(d, &x);
		assert_true(x.touchpoint == TOUCHPOINT_NONE || x.touchpoint < d->n_touchpoints);
	} else {
		assert_null(d);
		assert_true(p.n_errors > 0);
		assert_true(e.message[0] != '\0' && e.line > 0);
	}
	design_problems_free(&p);
	design_free(&d);
	return rc == RC_OK;
}

static void test_random_bytes(void **state)
{
	(void)state;
	static const char likely[] = "abc:-[]{}*&,'\"#\n\n  \t0123 |>%!?@";
	uint64_t seed = 1;
	char text[300];
	for (int round = 0; round < 3000; round++) {
		size_t n = rng_next(&seed) % sizeof(text);
		for (size_t i = 0; i < n; i++)
			text[i] = rng_next(&seed) % 8 ? likely[rng_next(&seed) % (sizeof(likely) - 1)]
						      : (char)rng_next(&seed);
		feed((struct sv){text, n});
	}
}

// Bytes of the example changed, pieces of it copied elsewhere or cut out.
static void test_mutations(void **state)
{
	(void)state;
	struct sv original = design_template();
	static char text[32768];
	assert_true(original.len < sizeof(text));
	uint64_t seed = 2;
	uint32_t n_accepted = 0, n_rounds = 600;
	for (uint32_t round = 0; round < n_rounds; round++) {
		memcpy(text, original.ptr, original.len);
		size_t n = original.len, from = rng_next(&seed) % n, to = rng_next(&seed) % n;
		size_t piece = rng_next(&seed) % 40;
		piece = piece < n - from ? piece : n - from;
		piece = piece < n - to ? piece : n - to;
		switch (rng_next(&seed) % 3) {
		case 0:
			memmove(text + to, text + from, piece);
			break;
		case 1:
			memmove(text + from, text + from + piece, n - from - piece);
			n -= piece;
			break;
		default:
			text[from] = (char)rng_next(&seed);
		}
		n_accepted += feed((struct sv){text, n});
	}
	assert_in_range(n_accepted, n_rounds / 20, n_rounds * 19 / 20);
}

static const char small[] =
	HEAD "stages: [use]\nhours: {w: {mon: [08:00, 09:00], holidays: [2026-01-01]}}\n"
	     "departments: {d: {hours: w}}\nsystems: [s]\nchannels: {web: digital}\n"
	     "measures: {m: {unit: d}, n: {min: 0}}\nservqual: {q: {expected: m, perceived: n}}\n"
	     "dimensions: [p]\ntouchpoints:\n"
	     "  t: {stage: use, owner: d, systems: [s], channels: [web], match: [&r {event: [a, 'b*']}],\n"
	     "      expect: {e: {measure: m, at most: 1d, for: 90%}}}\n"
	     "  u: {stage: use, after: [t], match: [*r]}\n";

static void test_allocation_failures(void **state)
{
	(void)state;
	struct design *d = NULL;
	uint64_t n_failed = 0;
	for (uint64_t nth = 1;; nth++) {
		struct design_problems p = {0};
		struct err e = ERR_NONE;
		mem_fail_at(nth);
		enum rc rc = design_parse(sv_from(small), "f.yaml", &d, &p, &e);
		mem_fail_at(0);
		design_problems_free(&p);
		if (rc == RC_OK)
			break;
		assert_int_equal(rc, RC_NOMEM);
		assert_int_equal(e.rc, RC_NOMEM);
		assert_null(d);
		n_failed++;
	}
	assert_true(n_failed > 10);
	design_free(&d);
}

static void test_diff_allocation_failures(void **state)
{
	(void)state;
	struct design *before = parse_ok(sv_from(small));
	struct design *after = parse_ok(design_template());
	for (uint64_t nth = 1;; nth++) {
		struct design_changes changes;
		mem_fail_at(nth);
		struct arena *a = arena_new(0);
		enum rc rc = a ? design_diff(before, after, a, &changes, NULL) : RC_NOMEM;
		mem_fail_at(0);
		arena_free(&a);
		if (rc == RC_OK)
			break;
		assert_int_equal(rc, RC_NOMEM);
	}
	design_free(&before);
	design_free(&after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_allocation_failures),
		cmocka_unit_test(test_diff_allocation_failures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
