// SPDX-License-Identifier: Apache-2.0
// Signing in, sessions, one-time links, throttling.
#include "access_kit.h"

static const struct access_client elsewhere = {.address = {"198.51.100.9", 12}, .agent = {NULL, 0}};

static void test_password(void **state)
{
	struct kit *k = *state;
	struct access_signed_in s, t;
	int64_t id = kit_user(k, "a@example.com", ROLE_AGENT);
	s = kit_sign_in(k, " A@Example.com ");
	t = kit_sign_in(k, "a@example.com");
	assert_string_not_equal(s.token, t.token);
	assert_string_not_equal(s.session.csrf, t.session.csrf);
	assert_string_not_equal(s.session.csrf, s.token);
	assert_int_equal(s.session.user, id);
	assert_false(kit_stored(k, sv_from(s.token)));
	assert_false(kit_stored(k, sv_from(s.session.csrf)));
	struct access_session found;
	assert_int_equal(kit_find(k, s.token, &found), RC_OK);
	assert_int_equal(found.id, s.session.id);
	assert_string_equal(found.csrf, s.session.csrf);
	assert_true(access_session_csrf(&found, sv_from(s.session.csrf)));
	assert_false(access_session_csrf(&found, sv_from(t.session.csrf)));
	assert_false(access_session_csrf(&found, SV("")));
	assert_false(access_session_csrf(&found, SV_NONE));
	char wrong[ACCESS_TOKEN_BYTES];
	memcpy(wrong, s.token, sizeof(wrong));
	wrong[5] = wrong[5] == 'x' ? 'y' : 'x';
	assert_false(kit_valid(k, wrong));
	assert_false(kit_valid(k, ""));
	struct access_user u;
	assert_int_equal(access_user_get(k->a, id, k->arena, &u, &k->e), RC_OK);
	assert_int_equal(u.signed_in_ms, KIT_START);
	// Whatever is wrong, the answer is the same.
	assert_int_equal(kit_try(k, "a@example.com", SV("another password"), &s), RC_DENIED);
	struct err first = k->e;
	assert_string_equal(s.token, "");
	assert_int_equal(kit_try(k, "nobody@example.com", KIT_PASSWORD, &s), RC_DENIED);
	assert_string_equal(k->e.message, first.message);
	assert_string_equal(k->e.remedy, first.remedy);
	assert_int_equal(kit_try(k, "not an address", KIT_PASSWORD, &s), RC_DENIED);
	assert_string_equal(k->e.message, first.message);
	assert_int_equal(kit_try(k, "a@example.com", SV(""), &s), RC_DENIED);
}

// The same characters, composed and decomposed.
static void test_unicode(void **state)
{
	struct kit *k = *state;
	struct access_signed_in s;
	int64_t id = kit_user(k, "a@example.com", ROLE_AGENT);
	assert_int_equal(access_user_password(k->a, &kit_root, id,
				 SV("Gr\xC3\xBC\xC3\x9F"
				    "e aus K\xC3\xB6ln"),
				 0, &k->e),
		RC_OK);
	assert_int_equal(kit_try(k, "a@example.com",
				 SV("Gru\xCC\x88\xC3\x9F"
				    "e aus Ko\xCC\x88ln"),
				 &s),
		RC_OK);
	assert_int_equal(kit_try(k, "a@example.com", SV("Gruesse aus Koeln"), &s), RC_DENIED);
}

static void test_no_password(void **state)
{
	struct kit *k = *state;
	int64_t id;
	struct access_signed_in s;
	const struct access_user_change u = {
		.email = SV("a@example.com"), .name = SV("A"), .has_role = true, .role = ROLE_VIEWER};
	assert_int_equal(access_user_add(k->a, &kit_root, &u, SV_NONE, &id, &k->e), RC_OK);
	assert_int_equal(kit_try(k, "a@example.com", SV(""), &s), RC_DENIED);
	assert_int_equal(kit_try(k, "a@example.com", KIT_PASSWORD, &s), RC_DENIED);
}

static void test_expiry(void **state)
{
	struct kit *k = *state;
	kit_user(k, "a@example.com", ROLE_AGENT);
	struct access_signed_in s = kit_sign_in(k, "a@example.com"), t = kit_sign_in(k, "a@example.com");
	// Used every 11 hours it lives for 7 days, unused for 12 hours.
	for (int64_t at = 11 * KIT_HOUR; at < 7 * (int64_t)KIT_DAY; at += 11 * KIT_HOUR) {
		k->clock.fixed_ms = KIT_START + at;
		assert_true(kit_valid(k, s.token));
		if (at == 22 * KIT_HOUR)
			assert_false(kit_valid(k, t.token));
		assert_int_equal(access_tend(k->a, &k->e), RC_OK);
		if (at == 44 * KIT_HOUR)
			kit_reopen(k); // the time of the last use was stored
	}
	k->clock.fixed_ms = KIT_START + 7 * (int64_t)KIT_DAY - 1;
	assert_true(kit_valid(k, s.token));
	k->clock.fixed_ms++;
	assert_false(kit_valid(k, s.token));
	k->clock.fixed_ms += KIT_DAY;
	assert_int_equal(access_tend(k->a, &k->e), RC_OK);
	assert_string_equal(kit_ask(k, "SELECT count(*) FROM session").ptr, "0");
}

static void test_end(void **state)
{
	struct kit *k = *state;
	struct access_signed_in s[4];
	struct access_session_item *items;
	uint32_t n;
	int64_t id = kit_user(k, "a@example.com", ROLE_AGENT), other = kit_user(k, "b@example.com", ROLE_AGENT);
	for (int i = 0; i < 4; i++)
		s[i] = kit_sign_in(k, "a@example.com");
	struct access_signed_in b = kit_sign_in(k, "b@example.com");
	assert_int_equal(access_session_end(k->a, &kit_root, other, s[1].session.id, &k->e), RC_NOT_FOUND);
	k->e = ERR_NONE;
	assert_int_equal(access_session_end(k->a, &kit_root, id, s[1].session.id, &k->e), RC_OK);
	assert_false(kit_valid(k, s[1].token));
	assert_int_equal(access_session_list(k->a, id, k->arena, &items, &n, &k->e), RC_OK);
	assert_int_equal(n, 3);
	assert_int_equal(items[0].id, s[3].session.id);
	assert_string_equal(items[0].address.ptr, "192.0.2.7");
	assert_string_equal(items[0].agent.ptr, "Browser/1");
	// A new password leaves the session in which it was set.
	assert_int_equal(
		access_user_password(k->a, &kit_root, id, SV("eleven dry umbrellas"), s[2].session.id, &k->e),
		RC_OK);
	assert_false(kit_valid(k, s[0].token));
	assert_true(kit_valid(k, s[2].token));
	assert_false(kit_valid(k, s[3].token));
	assert_true(kit_valid(k, b.token));
	assert_int_equal(kit_try(k, "a@example.com", SV("eleven dry umbrellas"), &s[3]), RC_OK);
	assert_int_equal(access_session_end_others(k->a, &kit_root, id, s[2].session.id, &k->e), RC_OK);
	assert_true(kit_valid(k, s[2].token));
	assert_false(kit_valid(k, s[3].token));
	assert_true(kit_valid(k, b.token));
	assert_int_equal(access_session_end(k->a, &kit_root, id, 0, &k->e), RC_OK);
	assert_false(kit_valid(k, s[2].token));
	assert_true(kit_valid(k, b.token));
	assert_int_equal(access_user_remove(k->a, &kit_root, other, &k->e), RC_OK);
	assert_false(kit_valid(k, b.token));
}

// More sessions than fit into memory: by links, which are quick.
static void test_small_cache(void **state)
{
	enum { USERS = 4, PER_USER = 12 };
	struct kit *k = *state;
	struct access_signed_in s[USERS][PER_USER];
	char token[ACCESS_TOKEN_BYTES];
	k->options.sessions_cached = 8;
	kit_reopen(k);
	int64_t id[USERS];
	for (int u = 0; u < USERS; u++) {
		struct sv email = arena_printf(k->arena, "u%d@example.com", u);
		const struct access_user_change user = {.email = email, .name = SV("U"), .has_role = true};
		assert_int_equal(access_user_add(k->a, &kit_root, &user, SV_NONE, &id[u], &k->e), RC_OK);
		for (int i = 0; i < PER_USER; i++) {
			assert_int_equal(
				access_link_new(k->a, &kit_root, id[u], KIT_HOUR, token, &k->e), RC_OK);
			assert_int_equal(
				access_link_redeem(k->a, sv_from(token), &kit_client, &s[u][i], &k->e), RC_OK);
		}
	}
	for (int round = 0; round < 4; round++) {
		for (int u = 0; u < USERS; u++)
			for (int i = 0; i < PER_USER; i++)
				assert_true(kit_valid(k, s[u][i].token));
		k->clock.fixed_ms += 10 * KIT_HOUR; // only uses that were stored keep them until then
		assert_int_equal(access_tend(k->a, &k->e), RC_OK);
		if (round % 2)
			kit_reopen(k);
	}
	assert_int_equal(access_session_end(k->a, &kit_root, id[0], 0, &k->e), RC_OK);
	for (int i = 0; i < PER_USER; i++)
		assert_false(kit_valid(k, s[0][i].token));
}

static void test_most_sessions(void **state)
{
	struct kit *k = *state;
	struct access_signed_in s[55];
	char token[ACCESS_TOKEN_BYTES];
	int64_t id = kit_user(k, "a@example.com", ROLE_VIEWER);
	for (int i = 0; i < 55; i++) {
		assert_int_equal(access_link_new(k->a, &kit_root, id, KIT_HOUR, token, &k->e), RC_OK);
		assert_int_equal(access_link_redeem(k->a, sv_from(token), &kit_client, &s[i], &k->e), RC_OK);
	}
	for (int i = 0; i < 55; i++)
		assert_int_equal(kit_valid(k, s[i].token), i >= 5);
}

// --- links ---

static void test_links(void **state)
{
	struct kit *k = *state;
	char token[ACCESS_TOKEN_BYTES], late[ACCESS_TOKEN_BYTES];
	struct access_signed_in s, t;
	int64_t id = kit_user(k, "a@example.com", ROLE_AGENT);
	assert_int_equal(access_link_new(k->a, &kit_root, id + 1, KIT_HOUR, token, &k->e), RC_NOT_FOUND);
	assert_int_equal(access_link_new(k->a, &kit_root, 0, KIT_HOUR, token, NULL), RC_NOT_FOUND);
	assert_int_equal(access_link_new(k->a, &kit_root, id, 0, token, NULL), RC_USAGE);
	assert_int_equal(access_link_new(k->a, &kit_root, id, 8 * (int64_t)KIT_DAY, token, NULL), RC_USAGE);
	k->e = ERR_NONE;
	assert_int_equal(access_link_new(k->a, &kit_root, id, KIT_HOUR, token, &k->e), RC_OK);
	assert_int_equal(access_link_new(k->a, &kit_root, id, KIT_HOUR, late, &k->e), RC_OK);
	assert_false(kit_stored(k, sv_from(token)));
	k->clock.fixed_ms += KIT_HOUR - 1;
	assert_int_equal(access_link_redeem(k->a, sv_from(token), &kit_client, &s, &k->e), RC_OK);
	assert_int_equal(s.session.way, WAY_LINK);
	assert_true(kit_valid(k, s.token));
	assert_int_equal(access_link_redeem(k->a, sv_from(token), &kit_client, &t, NULL), RC_DENIED);
	k->clock.fixed_ms++;
	assert_int_equal(access_link_redeem(k->a, sv_from(late), &kit_client, &t, &k->e), RC_DENIED);
	assert_non_null(strstr(k->e.message, "expired"));
	k->e = ERR_NONE;
	// A new password and disabling make links void.
	assert_int_equal(access_link_new(k->a, &kit_root, id, KIT_HOUR, token, &k->e), RC_OK);
	assert_int_equal(
		access_user_password(k->a, &kit_root, id, SV("eleven dry umbrellas"), 0, &k->e), RC_OK);
	assert_int_equal(access_link_redeem(k->a, sv_from(token), &kit_client, &t, NULL), RC_DENIED);
	assert_int_equal(access_link_redeem(k->a, SV("x"), &kit_client, &t, NULL), RC_DENIED);
	const struct access_user_change off = {.has_disabled = true, .disabled = true};
	assert_int_equal(access_user_set(k->a, &kit_root, id, &off, &k->e), RC_OK);
	assert_int_equal(access_link_new(k->a, &kit_root, id, KIT_HOUR, token, NULL), RC_USAGE);
}

// --- throttling ---

static enum rc from(struct kit *k, const char *email, struct sv password, struct sv address, int64_t *retry_ms)
{
	struct access_signed_in s;
	const struct access_client client = {.address = address, .agent = SV_NONE};
	k->e = ERR_NONE;
	return access_sign_in(k->a, sv_from(email), password, &client, &s, retry_ms, &k->e);
}

static void test_account_throttle(void **state)
{
	struct kit *k = *state;
	int64_t retry_ms;
	kit_user(k, "a@example.com", ROLE_AGENT);
	// Five for nothing, each from somewhere else; then 1 s, 2 s, 4 s, …, at most 5 minutes.
	for (int i = 0; i < 5; i++) {
		struct sv address = arena_printf(k->arena, "203.0.113.%d", i);
		assert_int_equal(from(k, "a@example.com", SV("wrong password"), address, &retry_ms), RC_DENIED);
		assert_int_equal(retry_ms, 0);
	}
	int64_t expected[] = {1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000, 256000, 300000, 300000};
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		struct sv address = arena_printf(k->arena, "203.0.113.%d", (int)(10 + i));
		assert_int_equal(from(k, "A@example.com", KIT_PASSWORD, address, &retry_ms), RC_LIMIT);
		assert_int_equal(retry_ms, expected[i]);
		k->clock.fixed_ms += expected[i];
		if (i == 3)
			kit_reopen(k); // is remembered
		assert_int_equal(from(k, "a@example.com", SV("wrong password"), address, &retry_ms), RC_DENIED);
	}
	assert_int_equal(
		from(k, "b@example.com", SV("wrong password"), SV("203.0.113.99"), &retry_ms), RC_DENIED);
	k->clock.fixed_ms += 300000;
	assert_int_equal(from(k, "a@example.com", KIT_PASSWORD, SV("203.0.113.99"), &retry_ms), RC_OK);
	for (int i = 0; i < 4; i++) // forgotten with the success
		assert_int_equal(from(k, "a@example.com", SV("wrong password"), SV("203.0.113.99"), &retry_ms),
			RC_DENIED);
	assert_int_equal(from(k, "a@example.com", KIT_PASSWORD, SV("203.0.113.99"), &retry_ms), RC_OK);
}

static void test_address_throttle(void **state)
{
	struct kit *k = *state;
	int64_t retry_ms;
	kit_user(k, "a@example.com", ROLE_AGENT);
	for (int i = 0; i < 20; i++) { // the same network of 64 bits
		struct sv address = arena_printf(k->arena, "2001:db8:1:2::%x", i + 1);
		struct sv email = arena_printf(k->arena, "nobody%d@example.com", i);
		assert_int_equal(from(k, email.ptr, SV("wrong password"), address, &retry_ms), RC_DENIED);
	}
	assert_int_equal(
		from(k, "a@example.com", KIT_PASSWORD, SV("2001:db8:1:2:ffff::1"), &retry_ms), RC_LIMIT);
	assert_int_equal(retry_ms, 1000);
	assert_non_null(strstr(k->e.remedy, "wait 1 second,"));
	assert_int_equal(from(k, "a@example.com", KIT_PASSWORD, SV("2001:db8:1:3::1"), &retry_ms), RC_OK);
	// An hour after the last one all is forgotten, also where it is stored.
	assert_int_equal(access_tend(k->a, &k->e), RC_OK);
	assert_string_equal(kit_ask(k, "SELECT count(*) FROM throttle").ptr, "1");
	k->clock.fixed_ms += KIT_HOUR + 1;
	assert_int_equal(
		from(k, "a@example.com", SV("wrong password"), SV("2001:db8:1:2::5"), &retry_ms), RC_DENIED);
	assert_int_equal(from(k, "a@example.com", KIT_PASSWORD, SV("2001:db8:1:2::5"), &retry_ms), RC_OK);
	k->clock.fixed_ms += 2 * (int64_t)KIT_DAY;
	assert_int_equal(access_tend(k->a, &k->e), RC_OK);
	assert_string_equal(kit_ask(k, "SELECT count(*) FROM throttle").ptr, "0");
}

static void test_own_password(void **state)
{
	struct kit *k = *state;
	int64_t retry_ms, id = kit_user(k, "a@example.com", ROLE_AGENT);
	assert_int_equal(
		access_password_check(k->a, id, KIT_PASSWORD, elsewhere.address, &retry_ms, &k->e), RC_OK);
	for (int i = 0; i < 5; i++)
		assert_int_equal(access_password_check(
					 k->a, id, SV("wrong password"), elsewhere.address, &retry_ms, NULL),
			RC_DENIED);
	assert_int_equal(
		access_password_check(k->a, id, KIT_PASSWORD, elsewhere.address, &retry_ms, NULL), RC_LIMIT);
	assert_int_equal(access_password_check(k->a, id + 1, KIT_PASSWORD, elsewhere.address, &retry_ms, NULL),
		RC_NOT_FOUND);
}

// --- another process ---

static void test_other_process(void **state)
{
	struct kit *k = *state;
	struct access *other;
	struct access_signed_in s;
	int64_t id = kit_user(k, "a@example.com", ROLE_AGENT), b = kit_user(k, "b@example.com", ROLE_AGENT);
	struct access_signed_in stays = kit_sign_in(k, "b@example.com");
	s = kit_sign_in(k, "a@example.com");
	assert_int_equal(access_open(k->dir, &k->options, &other, &k->e), RC_OK);
	const struct access_user_change manager = {.has_role = true, .role = ROLE_MANAGER};
	assert_int_equal(access_user_set(other, &kit_root, b, &manager, &k->e), RC_OK);
	assert_int_equal(access_user_remove(other, &kit_root, id, &k->e), RC_OK);
	assert_int_equal(access_tend(k->a, &k->e), RC_OK);
	assert_false(kit_valid(k, s.token));
	assert_true(kit_valid(k, stays.token));
	const struct access_view *view = access_view_get(k->a);
	assert_int_equal(access_view_user(view, b)->role, ROLE_MANAGER);
	access_view_release(k->a, &view);
	access_close(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_password), TEST(test_unicode), TEST(test_no_password),
		TEST(test_expiry), TEST(test_end), TEST(test_small_cache), TEST(test_most_sessions),
		TEST(test_links), TEST(test_account_throttle), TEST(test_address_throttle),
		TEST(test_own_password), TEST(test_other_process)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
