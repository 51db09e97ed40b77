// SPDX-License-Identifier: Apache-2.0
// Users, roles and rights: what is allowed, what is refused, and what is in the file.
#include "access_kit.h"

#include <sodium.h>
#include <sys/stat.h>

// --- the table of rights ---

// Written down a second time, by hand: a slip of a bit must not go unseen.
static const struct {
	enum role role;
	const char *name, *rights;
} expected_roles[] = {
	{ROLE_VIEWER, "viewer", "look,ask"},
	{ROLE_AGENT, "agent", "look,ask,persons"},
	{ROLE_OWNER, "owner", "look,ask,persons,share,quarantine"},
	{ROLE_MANAGER, "manager", "look,ask,persons,sql,share,quarantine,send,import,design,audit"},
	{ROLE_ADMINISTRATOR, "administrator",
		"look,ask,persons,sql,share,quarantine,send,import,design,erase,settings,keys,users,"
		"audit"},
};

static void test_roles(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	assert_int_equal(sizeof(expected_roles) / sizeof(expected_roles[0]), ROLE_COUNT);
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		enum role role;
		uint32_t rights;
		assert_int_equal(role_find(sv_from(expected_roles[i].name), &role, &e), RC_OK);
		assert_int_equal(role, expected_roles[i].role);
		struct sv text = rights_text(role_info(role)->rights, k->arena);
		assert_string_equal(text.ptr, expected_roles[i].rights);
		assert_int_equal(rights_parse(text, &rights, &e), RC_OK);
		assert_int_equal(rights, role_info(role)->rights);
		if (i > 0) // each has what the one before has
			assert_int_equal(role_info((enum role)(i - 1))->rights & ~rights, 0);
	}
	uint32_t rights;
	enum role role;
	assert_int_equal(rights_parse(SV("look ,ask,,"), &rights, &e), RC_OK);
	assert_int_equal(rights, RIGHT_BIT(RIGHT_LOOK) | RIGHT_BIT(RIGHT_ASK));
	assert_int_equal(rights_parse(SV("look,fly"), &rights, &e), RC_USAGE);
	assert_non_null(strstr(e.message, "'fly'"));
	assert_non_null(strstr(e.remedy, "quarantine"));
	e = ERR_NONE;
	assert_int_equal(role_find(SV("Viewer"), &role, &e), RC_USAGE);
}

// The table of docs/access.md is the same.
static void test_page(void **state)
{
	(void)state;
	char line[512];
	unsigned n_found = 0;
	FILE *f = fopen(PAGE, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		for (unsigned r = 0; r < RIGHT_COUNT; r++) {
			char expected[512];
			const struct right_info *info = right_info((enum right)r);
			int len = snprintf(
				expected, sizeof(expected), "| `%s` | %s |", info->name, info->summary);
			for (unsigned i = 0; i < ROLE_COUNT; i++) {
				bool has = role_info((enum role)i)->rights & RIGHT_BIT(r);
				len += snprintf(expected + len, sizeof(expected) - (size_t)len,
					has ? " \xE2\x9C\x93 |" : " |");
			}
			snprintf(expected + len, sizeof(expected) - (size_t)len, "\n");
			n_found += strcmp(line, expected) == 0;
		}
	}
	fclose(f);
	assert_int_equal(n_found, RIGHT_COUNT);
}

// --- adding ---

static enum rc add(struct kit *k, struct sv email, struct sv name, struct sv password)
{
	int64_t id;
	const struct access_user_change u = {
		.email = email, .name = name, .has_role = true, .role = ROLE_AGENT};
	k->e = ERR_NONE;
	return access_user_add(k->a, &kit_root, &u, password, &id, &k->e);
}

static void test_add(void **state)
{
	struct kit *k = *state;
	struct access_user *users, one;
	uint32_t n;
	const struct access_view *view = access_view_get(k->a);
	assert_true(access_view_is_new(view));
	struct sv departments[] = {SV("logistics"), SV(" billing "), SV("billing")};
	int64_t id;
	const struct access_user_change u = {.email = SV(" Stra\xC3\x9F"
							 "e@Example.COM "),
		.name = SV(" \xE6\x9D\x8E \xE5\xB0\x8F\xE9\xBE\x99 "),
		.has_role = true,
		.role = ROLE_OWNER,
		.has_departments = true,
		.departments = departments,
		.n_departments = 3};
	assert_int_equal(access_user_add(k->a, &kit_root, &u, SV_NONE, &id, &k->e), RC_OK);
	assert_true(access_view_is_new(view)); // a view does not change
	access_view_release(k->a, &view);
	assert_null(view);
	assert_int_equal(access_user_find(k->a, SV("STRASSE@example.com"), k->arena, &one, &k->e), RC_OK);
	assert_int_equal(one.id, id);
	assert_string_equal(one.email.ptr, "Stra\xC3\x9F"
					   "e@Example.COM");
	assert_string_equal(one.name.ptr, "\xE6\x9D\x8E \xE5\xB0\x8F\xE9\xBE\x99");
	assert_int_equal(one.role, ROLE_OWNER);
	assert_int_equal(one.n_departments, 2);
	assert_string_equal(one.departments[0].ptr, "billing");
	assert_string_equal(one.departments[1].ptr, "logistics");
	assert_false(one.has_password);
	assert_int_equal(one.made_ms, KIT_START);
	assert_int_equal(add(k, SV("strasse@EXAMPLE.com"), SV("x"), SV_NONE), RC_EXISTS);
	assert_int_equal(add(k, SV("a@example.com"), SV("A"), SV_NONE), RC_OK);
	assert_int_equal(access_user_list(k->a, k->arena, &users, &n, &k->e), RC_OK);
	assert_int_equal(n, 2);
	assert_string_equal(users[0].email.ptr, "a@example.com");
	view = access_view_get(k->a);
	assert_non_null(access_view_user(view, id));
	assert_null(access_view_user(view, id + 100));
	access_view_release(k->a, &view);
}

static void test_limits(void **state)
{
	struct kit *k = *state;
	static char long_text[ACCESS_NAME_MAX + 2], long_password[ACCESS_PASSWORD_MAX + 2];
	memset(long_text, 'x', sizeof(long_text) - 1);
	for (size_t i = 0; i + 1 < sizeof(long_password); i++)
		long_password[i] = "abc"[i % 3];
	static const char *const addresses[] = {"", "a", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\n", "\xff@b"};
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		// what is trimmed is fine: only the inner ones are wrong
		struct sv address = sv_from(addresses[i]);
		if (!sv_equal(address, SV("a@b\n")))
			assert_int_equal(add(k, address, SV("N"), SV_NONE), RC_INPUT);
	}
	struct sv at = arena_printf(k->arena, "%s@example.com", long_text);
	assert_int_equal(add(k, arena_printf(k->arena, "%s%s", at.ptr, long_text), SV("N"), SV_NONE), RC_INPUT);
	static const char *const names[] = {
		"", "   ", "a\tb", "a\x1b[0m", "\xc2\x9b", "a\xe2\x80\xaetxt", "\xc3"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(add(k, SV("n@example.com"), sv_from(names[i]), SV_NONE), RC_INPUT);
	assert_int_equal(add(k, SV("n@example.com"), sv_from(long_text), SV_NONE), RC_INPUT);
	static const char *const passwords[] = {"", "too short",
		"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", "aaaaaaaaaaaaaaa",
		"SOMEBODYELSE@example.com", "somebodyelse", "Some Body Else",
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"};
	for (size_t i = 0; i < sizeof(passwords) / sizeof(passwords[0]); i++)
		assert_int_equal(
			add(k, SV("somebodyelse@example.com"), SV("Some Body Else"), sv_from(passwords[i])),
			RC_INPUT);
	assert_int_equal(add(k, SV("n@example.com"), SV("N"), sv_from(long_password)), RC_INPUT);
	long_password[ACCESS_PASSWORD_MAX] = '\0';
	assert_int_equal(add(k, SV("n@example.com"), SV("N"), sv_from(long_password)), RC_OK);
	const struct access_user_change no_role = {.email = SV("m@example.com"), .name = SV("M")};
	int64_t id;
	assert_int_equal(access_user_add(k->a, &kit_root, &no_role, SV_NONE, &id, NULL), RC_INPUT);
}

// --- what is stored ---

static void test_stored(void **state)
{
	struct kit *k = *state;
	struct stat st;
	kit_user(k, "a@example.com", ROLE_VIEWER);
	struct sv hash = kit_ask(k, "SELECT password FROM user");
	assert_true(sv_starts(hash, SV("$argon2id$v=19$m=19456,t=2,p=1$")));
	assert_int_equal(crypto_pwhash_str_verify(hash.ptr, KIT_PASSWORD.ptr, KIT_PASSWORD.len), 0);
	assert_false(kit_stored(k, KIT_PASSWORD));
	assert_true(kit_stored(k, SV("a@example.com"))); // the search itself works
	assert_int_equal(stat(k->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_no_directory(void **state)
{
	(void)state;
	struct access *a;
	struct err e = ERR_NONE;
	assert_int_equal(access_open("/nowhere/at/all", NULL, &a, &e), RC_NOT_FOUND);
	assert_null(a);
	assert_non_null(strstr(e.remedy, "corridor init"));
}

// --- changing ---

static enum rc change(struct kit *k, const struct access_actor *by, int64_t id, struct access_user_change u)
{
	k->e = ERR_NONE;
	return access_user_set(k->a, by, id, &u, &k->e);
}

#define ROLE(r) ((struct access_user_change){.has_role = true, .role = (r)})
#define DISABLED(d) ((struct access_user_change){.has_disabled = true, .disabled = (d)})

static void test_last_administrator(void **state)
{
	struct kit *k = *state;
	int64_t a = kit_user(k, "a@example.com", ROLE_ADMINISTRATOR),
		b = kit_user(k, "b@example.com", ROLE_VIEWER);
	assert_int_equal(change(k, &kit_root, a, ROLE(ROLE_MANAGER)), RC_USAGE);
	assert_int_equal(change(k, &kit_root, a, DISABLED(true)), RC_USAGE);
	assert_int_equal(access_user_remove(k->a, &kit_root, a, &k->e), RC_USAGE);
	assert_int_equal(change(k, &kit_root, a, ROLE(ROLE_ADMINISTRATOR)), RC_OK);
	assert_int_equal(change(k, &kit_root, b, ROLE(ROLE_ADMINISTRATOR)), RC_OK);
	assert_int_equal(change(k, &kit_root, b, DISABLED(true)), RC_OK);
	assert_int_equal(change(k, &kit_root, a, DISABLED(true)), RC_USAGE); // b cannot sign in
	assert_int_equal(change(k, &kit_root, b, DISABLED(false)), RC_OK);
	assert_int_equal(access_user_remove(k->a, &kit_root, a, &k->e), RC_OK);
	assert_int_equal(access_user_remove(k->a, &kit_root, a, &k->e), RC_NOT_FOUND);
}

static void test_escalation(void **state)
{
	struct kit *k = *state;
	int64_t admin = kit_user(k, "a@example.com", ROLE_ADMINISTRATOR),
		viewer = kit_user(k, "v@example.com", ROLE_VIEWER), id;
	const struct access_actor half = {.user = 99,
		.who = SV("key half"),
		.rights = role_info(ROLE_AGENT)->rights | RIGHT_BIT(RIGHT_USERS)};
	char token[ACCESS_TOKEN_BYTES];
	const struct access_user_change u = {
		.email = SV("x@example.com"), .name = SV("X"), .has_role = true, .role = ROLE_MANAGER};
	assert_int_equal(access_user_add(k->a, &half, &u, SV_NONE, &id, &k->e), RC_DENIED);
	assert_int_equal(change(k, &half, viewer, ROLE(ROLE_ADMINISTRATOR)), RC_DENIED);
	assert_int_equal(change(k, &half, admin, DISABLED(true)), RC_DENIED);
	assert_int_equal(change(k, &half, viewer, ROLE(ROLE_AGENT)), RC_OK);
	assert_int_equal(access_user_password(k->a, &half, admin, SV("a stolen account"), 0, NULL), RC_DENIED);
	assert_int_equal(access_link_new(k->a, &half, admin, KIT_HOUR, token, NULL), RC_DENIED);
	assert_int_equal(access_user_remove(k->a, &half, admin, NULL), RC_DENIED);
	assert_int_equal(access_link_new(k->a, &half, viewer, KIT_HOUR, token, NULL), RC_OK);
	// One's own account is one's own.
	const struct access_actor self = {.user = viewer, .who = SV("v@example.com"), .rights = 0};
	assert_int_equal(change(k, &self, viewer, (struct access_user_change){.name = SV("New Name")}), RC_OK);
	assert_int_equal(change(k, &self, viewer, ROLE(ROLE_MANAGER)), RC_DENIED);
}

static void test_change(void **state)
{
	struct kit *k = *state;
	struct access_user u;
	int64_t a = kit_user(k, "a@example.com", ROLE_ADMINISTRATOR),
		b = kit_user(k, "b@example.com", ROLE_VIEWER);
	assert_int_equal(
		change(k, &kit_root, b, (struct access_user_change){.email = SV("A@EXAMPLE.COM")}), RC_EXISTS);
	assert_int_equal(
		change(k, &kit_root, b, (struct access_user_change){.email = SV("B@example.com")}), RC_OK);
	assert_int_equal(change(k, &kit_root, a + b + 1, ROLE(ROLE_VIEWER)), RC_NOT_FOUND);
	struct sv one = SV("support");
	assert_int_equal(change(k, &kit_root, b,
				 (struct access_user_change){.has_departments = true,
					 .departments = &one,
					 .n_departments = 1,
					 .has_role = true,
					 .role = ROLE_OWNER}),
		RC_OK);
	assert_int_equal(access_user_get(k->a, b, k->arena, &u, &k->e), RC_OK);
	assert_string_equal(u.email.ptr, "B@example.com");
	assert_string_equal(u.name.ptr, "Some Body");
	assert_int_equal(u.n_departments, 1);
	assert_string_equal(kit_ask(k, "SELECT detail FROM audit ORDER BY id DESC").ptr,
		"role owner, was viewer; departments");
	struct access_signed_in s = kit_sign_in(k, "b@EXAMPLE.com");
	assert_true(kit_valid(k, s.token));
	assert_int_equal(change(k, &kit_root, b, DISABLED(true)), RC_OK);
	assert_false(kit_valid(k, s.token));
	struct access_signed_in again;
	assert_int_equal(kit_try(k, "b@example.com", KIT_PASSWORD, &again), RC_DENIED);
	assert_int_equal(change(k, &kit_root, b, DISABLED(false)), RC_OK);
	assert_false(kit_valid(k, s.token)); // it was ended, not paused
	kit_reopen(k);
	assert_int_equal(access_user_find(k->a, SV("b@example.com"), k->arena, &u, &k->e), RC_OK);
	assert_int_equal(u.n_departments, 1);
	assert_int_equal(access_user_remove(k->a, &kit_root, b, &k->e), RC_OK);
	assert_string_equal(kit_ask(k, "SELECT count(*) FROM user_department").ptr, "0");
}

// --- the first user ---

static void test_setup(void **state)
{
	struct kit *k = *state;
	char first[ACCESS_TOKEN_BYTES], second[ACCESS_TOKEN_BYTES];
	struct access_signed_in s;
	struct sv email = SV("boss@example.com"), name = SV("Boss");
	assert_int_equal(access_setup_token(k->a, first, &k->e), RC_OK);
	assert_int_equal(access_setup_token(k->a, second, &k->e), RC_OK);
	assert_int_equal(strlen(second), ACCESS_TOKEN_BYTES - 1);
	assert_false(kit_stored(k, sv_from(second)));
	assert_int_equal(access_setup(k->a, sv_from(first), name, email, KIT_PASSWORD, &kit_client, &s, &k->e),
		RC_DENIED);
	assert_int_equal(
		access_setup(k->a, SV(""), name, email, KIT_PASSWORD, &kit_client, &s, NULL), RC_DENIED);
	assert_int_equal(
		access_setup(k->a, sv_from(second), name, email, SV("short"), &kit_client, &s, NULL), RC_INPUT);
	k->clock.fixed_ms += KIT_DAY;
	assert_int_equal(access_setup(k->a, sv_from(second), name, email, KIT_PASSWORD, &kit_client, &s, NULL),
		RC_DENIED);
	k->clock.fixed_ms -= 1;
	k->e = ERR_NONE;
	assert_int_equal(access_link_redeem(k->a, sv_from(second), &kit_client, &s, NULL), RC_DENIED);
	assert_int_equal(
		access_setup(k->a, sv_from(second), name, email, KIT_PASSWORD, &kit_client, &s, &k->e), RC_OK);
	assert_int_equal(s.session.way, WAY_SETUP);
	assert_true(kit_valid(k, s.token));
	assert_int_equal(access_setup(k->a, sv_from(second), name, email, KIT_PASSWORD, &kit_client, &s, NULL),
		RC_EXISTS);
	assert_int_equal(access_setup_token(k->a, first, NULL), RC_EXISTS);
	struct access_user u;
	assert_int_equal(access_user_find(k->a, email, k->arena, &u, &k->e), RC_OK);
	assert_int_equal(u.role, ROLE_ADMINISTRATOR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_roles, kit_setup, kit_teardown),
		cmocka_unit_test(test_page),
		cmocka_unit_test_setup_teardown(test_add, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_limits, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_stored, kit_setup, kit_teardown),
		cmocka_unit_test(test_no_directory),
		cmocka_unit_test_setup_teardown(test_last_administrator, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_escalation, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_change, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(test_setup, kit_setup, kit_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
