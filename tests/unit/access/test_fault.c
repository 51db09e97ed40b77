// SPDX-License-Identifier: Apache-2.0
// Each allocation of each call fails once: a call that says that it failed has changed nothing, neither in memory nor in
// the file, so that the same call succeeds afterwards.
#include "access_kit.h"

struct life {
	struct kit *k;
	int64_t user, key;
	char link[ACCESS_TOKEN_BYTES], key_text[ACCESS_KEY_BYTES];
	struct access_signed_in session;
};

static enum rc add_user(struct life *l)
{
	const struct access_user_change u = {
		.email = SV("a@example.com"), .name = SV("A"), .has_role = true, .role = ROLE_ADMINISTRATOR};
	return access_user_add(l->k->a, &kit_root, &u, SV_NONE, &l->user, NULL);
}

static enum rc rename_user(struct life *l)
{
	struct sv departments[] = {SV("billing"), SV("support")};
	const struct access_user_change u = {.name = SV("New Name"),
		.has_departments = true,
		.departments = departments,
		.n_departments = 2};
	return access_user_set(l->k->a, &kit_root, l->user, &u, NULL);
}

static enum rc make_link(struct life *l)
{
	return access_link_new(l->k->a, &kit_root, l->user, KIT_HOUR, l->link, NULL);
}

static enum rc redeem(struct life *l)
{
	return access_link_redeem(l->k->a, sv_from(l->link), &kit_client, &l->session, NULL);
}

static enum rc add_key(struct life *l)
{
	const struct access_key_change c = {.name = SV("Shop"), .source = SV("shop")};
	return access_key_add(l->k->a, &kit_root, KEY_WRITE, &c, l->key_text, &l->key, NULL);
}

static enum rc tend(struct life *l)
{
	return access_tend(l->k->a, NULL);
}

static enum rc revoke_key(struct life *l)
{
	return access_key_revoke(l->k->a, &kit_root, l->key, NULL);
}

static enum rc end_session(struct life *l)
{
	return access_session_end(l->k->a, &kit_root, l->user, l->session.session.id, NULL);
}

// After the first n calls: what requests see, and the rows.
static void check(struct life *l, int n)
{
	struct kit *k = l->k;
	const struct access_view *view = access_view_get(k->a);
	const struct access_user *u = access_view_user(view, 1);
	assert_int_equal(u != NULL, n >= 1);
	if (u)
		assert_int_equal(u->n_departments, n >= 2 ? 2 : 0);
	assert_int_equal(l->key && access_view_key(view, sv_from(l->key_text), KIT_START), n >= 5 && n < 7);
	access_view_release(k->a, &view);
	assert_int_equal(kit_valid(k, l->session.token), n >= 4 && n < 8);
	int rows = (n >= 1) + (n >= 2) + (n >= 3) + (n >= 4) + (n >= 5) + (n >= 7) +
		   (n >= 8); // no entry for tending
	assert_int_equal(kit_ask(k, "SELECT count(*) FROM audit").ptr[0], '0' + rows);
}

static void test_calls(void **state)
{
	enum rc (*const calls[])(struct life * l) = {
		add_user, rename_user, make_link, redeem, add_key, tend, revoke_key, end_session};
	struct life l = {.k = *state};
	for (int i = 0; i < 8; i++) {
		check(&l, i);
		for (uint64_t nth = 1;; nth++) {
			struct life before = l;
			mem_fail_at(nth);
			enum rc rc = calls[i](&l);
			mem_fail_at(0);
			if (rc == RC_OK)
				break;
			assert_int_equal(rc, RC_NOMEM);
			l = before;
			check(&l, i);
		}
	}
	check(&l, 8);
	kit_reopen(l.k);
	check(&l, 8);
}

static void test_opening(void **state)
{
	struct kit *k = *state;
	kit_user(k, "a@example.com", ROLE_AGENT);
	access_close(&k->a);
	for (uint64_t nth = 1;; nth++) {
		struct err e = ERR_NONE;
		mem_fail_at(nth);
		enum rc rc = access_open(k->dir, &k->options, &k->a, &e);
		mem_fail_at(0);
		if (rc == RC_OK)
			break;
		assert_int_equal(rc, RC_NOMEM);
		assert_null(k->a);
	}
	kit_sign_in(k, "a@example.com");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_calls), TEST(test_opening)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
