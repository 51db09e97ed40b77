// SPDX-License-Identifier: Apache-2.0
// The audit trail: complete, only growing, page by page, and not to be flooded.
#include "access_kit.h"

static void test_pages(void **state)
{
	struct kit *k = *state;
	struct access_audit *rows;
	uint32_t n;
	int64_t next = 0, expected = 25;
	for (int i = 1; i <= 25; i++) {
		k->clock.fixed_ms = KIT_START + i;
		const struct access_actor by = {
			.user = i, .who = i % 2 ? SV("odd") : SV("even"), .address = SV("192.0.2.1")};
		struct sv object = arena_printf(k->arena, "o%d", i);
		assert_int_equal(access_audit_add(k->a, &by, i % 5 ? SV("design.publish") : SV("import"),
					 object, SV("d"), &k->e),
			RC_OK);
	}
	unsigned pages = 0;
	do {
		assert_int_equal(
			access_audit_page(k->a, NULL, next, 7, k->arena, &rows, &n, &next, &k->e), RC_OK);
		for (uint32_t i = 0; i < n; i++, expected--) {
			assert_int_equal(rows[i].user, expected);
			assert_int_equal(rows[i].at_ms, KIT_START + expected);
			assert_string_equal(rows[i].who.ptr, expected % 2 ? "odd" : "even");
			assert_string_equal(rows[i].address.ptr, "192.0.2.1");
			assert_string_equal(
				rows[i].object.ptr, arena_printf(k->arena, "o%d", (int)expected).ptr);
			assert_string_equal(rows[i].detail.ptr, "d");
		}
		pages++;
	} while (next);
	assert_int_equal(expected, 0);
	assert_int_equal(pages, 4);
	// A page that ends exactly at the end has nothing behind it.
	assert_int_equal(access_audit_page(k->a, NULL, 0, 25, k->arena, &rows, &n, &next, &k->e), RC_OK);
	assert_int_equal(n, 25);
	assert_int_equal(next, 0);
	const struct access_audit_filter even = {.who = SV("even"), .act = SV("design.")},
					 some = {.from_ms = KIT_START + 3, .to_ms = KIT_START + 6},
					 none = {.act = SV("design")};
	assert_int_equal(access_audit_page(k->a, &even, 0, 100, k->arena, &rows, &n, &next, &k->e), RC_OK);
	assert_int_equal(n, 10); // 12 even ones, 10 and 20 are imports
	assert_int_equal(access_audit_page(k->a, &some, 0, 100, k->arena, &rows, &n, &next, &k->e), RC_OK);
	assert_int_equal(n, 3);
	assert_int_equal(access_audit_page(k->a, &none, 0, 100, k->arena, &rows, &n, &next, &k->e), RC_OK);
	assert_int_equal(n, 0);
	assert_int_equal(access_audit_page(k->a, NULL, 0, 0, k->arena, &rows, &n, &next, NULL), RC_USAGE);
	assert_int_equal(access_audit_page(k->a, NULL, 0, 1001, k->arena, &rows, &n, &next, NULL), RC_USAGE);
}

static void test_only_grows(void **state)
{
	struct kit *k = *state;
	sqlite3 *db;
	kit_user(k, "a@example.com", ROLE_VIEWER);
	assert_int_equal(sqlite3_open(k->path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "UPDATE audit SET who = 'nobody'", NULL, NULL, NULL), SQLITE_CONSTRAINT);
	assert_int_equal(sqlite3_exec(db, "DELETE FROM audit", NULL, NULL, NULL), SQLITE_CONSTRAINT);
	sqlite3_close(db);
	assert_string_equal(kit_ask(k, "SELECT act || ' ' || object || ' ' || detail FROM audit").ptr,
		"user.add a@example.com viewer");
}

// Each act of access/ leaves its entry, and a refused one leaves none.
static void test_acts(void **state)
{
	struct kit *k = *state;
	char token[ACCESS_TOKEN_BYTES], text[ACCESS_KEY_BYTES];
	struct access_signed_in s;
	int64_t key;
	int64_t a = kit_user(k, "a@example.com", ROLE_ADMINISTRATOR),
		id = kit_user(k, "b@example.com", ROLE_VIEWER);
	s = kit_sign_in(k, "b@example.com");
	assert_int_equal(access_session_end(k->a, &kit_root, id, s.session.id, &k->e), RC_OK);
	assert_int_equal(access_link_new(k->a, &kit_root, id, KIT_HOUR, token, &k->e), RC_OK);
	assert_int_equal(access_link_redeem(k->a, sv_from(token), &kit_client, &s, &k->e), RC_OK);
	const struct access_key_change c = {.name = SV("Shop"), .source = SV("shop")},
				       renamed = {.name = SV("Till")};
	assert_int_equal(access_key_add(k->a, &kit_root, KEY_WRITE, &c, text, &key, &k->e), RC_OK);
	assert_int_equal(access_key_set(k->a, &kit_root, key, &renamed, &k->e), RC_OK);
	assert_int_equal(access_key_revoke(k->a, &kit_root, key, &k->e), RC_OK);
	assert_int_equal(access_user_remove(k->a, &kit_root, a, NULL), RC_USAGE);
	const struct access_user_change name = {.name = SV("New")};
	assert_int_equal(access_user_set(k->a, &kit_root, id, &name, &k->e), RC_OK);
	assert_int_equal(
		access_user_password(k->a, &kit_root, id, SV("eleven dry umbrellas"), 0, &k->e), RC_OK);
	assert_int_equal(access_user_remove(k->a, &kit_root, id, &k->e), RC_OK);
	assert_string_equal(kit_ask(k, "SELECT group_concat(act, ' ') FROM audit").ptr,
		"user.add user.add session.begin session.end link.make session.begin key.add key.change "
		"key.revoke "
		"user.change user.password user.remove");
	assert_string_equal(
		kit_ask(k, "SELECT who || ' ' || address FROM audit WHERE act = 'session.begin'").ptr,
		"b@example.com 192.0.2.7");
	assert_string_equal(kit_ask(k, "SELECT who || ' ' || address FROM audit WHERE act = 'user.remove'").ptr,
		"root@host ");
	assert_false(kit_stored(k, sv_from(text)));
	assert_false(kit_stored(k, sv_from(token)));
	assert_false(kit_stored(k, SV("eleven dry umbrellas")));
}

static void test_flood(void **state)
{
	struct kit *k = *state;
	struct access_signed_in s;
	for (int i = 0; i < 100; i++)
		assert_int_equal(access_link_redeem(k->a, SV("x"), &kit_client, &s, NULL), RC_DENIED);
	assert_string_equal(kit_ask(k, "SELECT count(*) FROM audit").ptr, "30");
	k->clock.fixed_ms += KIT_MINUTE;
	assert_int_equal(access_link_redeem(k->a, SV("x"), &kit_client, &s, NULL), RC_DENIED);
	assert_string_equal(
		kit_ask(k, "SELECT group_concat(detail, '; ') FROM (SELECT detail FROM audit WHERE id > 30)")
			.ptr,
		"70 more in a minute before; wrong sign-in link");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pages), TEST(test_only_grows), TEST(test_acts), TEST(test_flood)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
