// SPDX-License-Identifier: Apache-2.0
// Links between persons and what comes in beside them: an interaction is known whatever links did to its person, and
// many links at once are what one by one gives.
#include "store_kit.h"

enum { NUMBERS = 160 };

static uint32_t below(uint64_t *random, uint32_t n)
{
	*random += UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(kit_mix(*random) % n);
}

static struct sv user(char text[32], uint32_t who)
{
	snprintf(text, 32, "user:u%u", who);
	return sv_from(text);
}

// --- what is known stays known ---

static void expect_known(struct kit *k, struct store *s)
{
	struct err e = ERR_NONE;
	struct append_result r;
	struct batch *b = kit_range(k->design, 0, NUMBERS);
	kit_ok(store_append(s, &b, 1, &r, NULL, NULL, &e), &e);
	assert_int_equal(r.n_added, 0);
	batch_free(&b);
}

// Half of the interactions have no message id: they are looked for under whichever person links have put them.
static void links_hide_no_duplicate(void **state)
{
	struct kit *k = *state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct err e = ERR_NONE;
		uint64_t random = seed;
		struct overlay_receipt receipt;
		kit_create(k);
		struct store *s = kit_open(k, NULL, true);
		struct arena *a = arena_new(0);
		kit_append_range(k, s, 0, NUMBERS);
		kit_ok(store_seal(s, &e), &e);
		for (int step = 0; step < 30; step++) {
			char from[32], to[32];
			struct err ignored = ERR_NONE;
			uint32_t what = below(&random, 8), x = below(&random, 6), y = below(&random, 6);
			if (what < 4)
				store_link(s, user(from, x), user(to, y), SV("t"), a, &receipt, &ignored);
			else if (what < 6)
				store_unlink(s, user(from, x), SV("t"), a, &receipt, &ignored);
			else if (what == 6)
				kit_ok(store_compact(s, 1, NULL, &e), &e);
			else
				expect_known(k, s);
		}
		expect_known(k, s);
		arena_free(&a);
		store_close(&s);
		kit_verify(k->dir);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(links_hide_no_duplicate, kit_setup, kit_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
