// SPDX-License-Identifier: Apache-2.0
// Webhooks as they are kept: limits, secrets while they change, the view, the audit trail, floods of refusals.
#include "access_kit.h"

#include "access/hooks.h"

static enum rc add(struct kit *k, const char *name, struct access_hook_change c)
{
	k->e = ERR_NONE;
	return access_hook_add(k->a, &kit_root, sv_from(name), &c, &k->e);
}

static enum rc set(struct kit *k, const char *name, struct access_hook_change c)
{
	k->e = ERR_NONE;
	return access_hook_set(k->a, &kit_root, sv_from(name), &c, &k->e);
}

static struct access_hook_change usual(void)
{
	return (struct access_hook_change){
		.mapping = SV("mapping: 1\n"), .style = SV("github"), .secret = SV("hush-hush")};
}

// The webhook in the view of this moment, copied.
static bool find(struct kit *k, const char *name, struct access_hook *out)
{
	const struct access_view *view = access_view_get(k->a);
	const struct access_hook *h = access_view_hook(view, sv_from(name));
	if (h) {
		*out = *h;
		for (uint32_t i = 0; i < h->n_secrets; i++)
			out->secrets[i] = arena_copy(k->arena, h->secrets[i]);
		out->mapping = arena_copy(k->arena, h->mapping);
	}
	access_view_release(k->a, &view);
	return h != NULL;
}

static void test_kept(void **state)
{
	struct kit *k = *state;
	struct access_hook h, other;
	assert_int_equal(add(k, "shop", usual()), RC_OK);
	assert_int_equal(add(k, "a", usual()), RC_OK);
	assert_int_equal(add(k, "zz-9_x", usual()), RC_OK);
	assert_true(find(k, "shop", &h));
	assert_true(h.enabled && h.n_secrets == 1 && h.window_s == 0 && h.header.len == 0);
	assert_string_equal(h.secrets[0].ptr, "hush-hush");
	assert_int_equal(h.made_ms, KIT_START);
	assert_false(find(k, "sho", &other) || find(k, "shop2", &other) || find(k, "", &other));
	assert_true(find(k, "a", &other) && find(k, "zz-9_x", &other));
	kit_reopen(k);
	assert_true(find(k, "shop", &other));
	assert_int_equal(other.revision, h.revision);
	assert_int_equal(access_hook_remove(k->a, &kit_root, SV("shop"), &k->e), RC_OK);
	assert_false(find(k, "shop", &h));
	assert_int_equal(access_hook_remove(k->a, &kit_root, SV("shop"), &k->e), RC_NOT_FOUND);
	assert_int_equal(set(k, "shop", usual()), RC_NOT_FOUND);
	// Made again it is another one.
	assert_int_equal(add(k, "shop", usual()), RC_OK);
	assert_true(find(k, "shop", &h));
	assert_true(h.id != other.id);
}

static void test_changed(void **state)
{
	struct kit *k = *state;
	struct access_hook h, before;
	assert_int_equal(add(k, "shop", usual()), RC_OK);
	assert_true(find(k, "shop", &before));
	assert_int_equal(set(k, "shop", (struct access_hook_change){.secret = SV("second-secret")}), RC_OK);
	assert_true(find(k, "shop", &h));
	assert_true(h.revision > before.revision);
	assert_int_equal(h.n_secrets, 2);
	assert_string_equal(h.secrets[0].ptr, "second-secret");
	assert_string_equal(h.secrets[1].ptr, "hush-hush");
	assert_string_equal(h.mapping.ptr, "mapping: 1\n");
	assert_int_equal(set(k, "shop", (struct access_hook_change){.secret = SV("third-secret")}), RC_OK);
	assert_true(find(k, "shop", &h));
	assert_string_equal(h.secrets[1].ptr, "second-secret"); // the first one is gone
	assert_int_equal(set(k, "shop", (struct access_hook_change){.forget_secret = true}), RC_OK);
	assert_true(find(k, "shop", &h));
	assert_int_equal(h.n_secrets, 1);
	assert_string_equal(h.secrets[0].ptr, "third-secret");
	before = h;
	assert_int_equal(set(k, "shop",
				 (struct access_hook_change){.mapping = SV("mapping: 1 # changed"),
					 .has_enabled = true,
					 .has_window = true,
					 .window_s = 60,
					 .header = SV("X-Sign")}),
		RC_OK);
	assert_true(find(k, "shop", &h));
	assert_true(!h.enabled && h.window_s == 60 && h.revision > before.revision);
	assert_string_equal(h.mapping.ptr, "mapping: 1 # changed");
	assert_int_equal(h.program.len, 0);
	assert_int_equal(set(k, "shop", (struct access_hook_change){.program = SV(".")}), RC_OK);
	assert_true(find(k, "shop", &h));
	assert_int_equal(h.program.len, 1);
	assert_int_equal(set(k, "shop", (struct access_hook_change){.program = SV("")}), RC_OK);
	assert_true(find(k, "shop", &h));
	assert_int_equal(h.program.len, 0);
}

static void test_limits(void **state)
{
	struct kit *k = *state;
	static char long_text[HOOK_MAPPING_BYTES_MAX + 2];
	memset(long_text, 'x', sizeof(long_text) - 1);
	static const char *const names[] = {"", "-a", "_a", "A", "a b", "a/b", "../a", "\xC3\xA4"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(add(k, names[i], usual()), RC_INPUT);
	struct access_hook_change c[13];
	for (size_t i = 0; i < 13; i++)
		c[i] = usual();
	c[0].mapping = SV_NONE;
	c[1].style = SV_NONE;
	c[2].secret = SV_NONE;
	c[3].secret = SV("seven77");
	c[4].secret = (struct sv){long_text, HOOK_SECRET_MAX + 1};
	c[5].secret = SV("two words here");
	c[6].mapping = (struct sv){long_text, HOOK_MAPPING_BYTES_MAX + 1};
	c[7].mapping = SV("\xFF");
	c[8].header = SV("X Y");
	c[9].header = SV("X\nY");
	c[10].has_window = true;
	c[10].window_s = HOOK_WINDOW_MAX_S + 1;
	c[11].mapping = (struct sv){"a\0b", 3};
	c[12].program = (struct sv){long_text, HOOK_PROGRAM_BYTES_MAX + 1};
	for (size_t i = 0; i < 13; i++)
		assert_int_equal(add(k, "shop", c[i]), RC_INPUT);
	assert_int_equal(add(k, "shop", usual()), RC_OK);
	assert_int_equal(add(k, "shop", usual()), RC_EXISTS);
	for (size_t i = 3; i < 13; i++)
		assert_int_equal(set(k, "shop", c[i]), RC_INPUT);
	char name[16];
	for (unsigned i = 1; i < HOOKS_MAX; i++) {
		snprintf(name, sizeof(name), "h%u", i);
		assert_int_equal(add(k, name, usual()), RC_OK);
	}
	assert_int_equal(add(k, "one-more", usual()), RC_LIMIT);
	struct access_hook *hooks;
	uint32_t n;
	assert_int_equal(access_hook_list(k->a, k->arena, &hooks, &n, &k->e), RC_OK);
	assert_int_equal(n, HOOKS_MAX);
	for (uint32_t i = 1; i < n; i++)
		assert_true(sv_compare(hooks[i - 1].name, hooks[i].name) < 0);
}

static uint32_t audited(struct kit *k, const char *act)
{
	struct access_audit *rows;
	uint32_t n;
	int64_t next;
	const struct access_audit_filter f = {.act = sv_from(act)};
	assert_int_equal(access_audit_page(k->a, &f, 0, 1000, k->arena, &rows, &n, &next, &k->e), RC_OK);
	for (uint32_t i = 0; i < n; i++)
		assert_null(strstr(rows[i].detail.ptr, "hush-hush"));
	return n;
}

static void test_audited(void **state)
{
	struct kit *k = *state;
	struct access_signed_in s;
	assert_int_equal(add(k, "shop", usual()), RC_OK);
	assert_int_equal(set(k, "shop", usual()), RC_OK);
	assert_int_equal(access_hook_remove(k->a, &kit_root, SV("shop"), &k->e), RC_OK);
	assert_int_equal(audited(k, "hook."), 3);
	// A flood of forged bodies is cut short, and hides nobody who tries to sign in.
	for (int i = 0; i < 100; i++)
		access_hook_refused(k->a, SV("shop"), SV("192.0.2.9"), "wrong");
	assert_int_equal(audited(k, "hook.refused"), 30);
	kit_user(k, "a@example.com", ROLE_VIEWER);
	assert_int_equal(kit_try(k, "a@example.com", SV("not the password"), &s), RC_DENIED);
	assert_int_equal(audited(k, "session.refused"), 1);
	k->clock.fixed_ms += KIT_MINUTE;
	access_hook_refused(k->a, SV("shop"), SV("192.0.2.9"), "wrong");
	assert_int_equal(audited(k, "hook.refused"), 32); // with the one that counts the other 70
}

// What another process changes is known after the next access_tend.
static void test_beside(void **state)
{
	struct kit *k = *state;
	struct access *other;
	struct access_hook h;
	const struct access_hook_change c = usual();
	assert_int_equal(access_open(k->dir, &k->options, &other, &k->e), RC_OK);
	assert_int_equal(access_hook_add(other, &kit_root, SV("shop"), &c, &k->e), RC_OK);
	assert_false(find(k, "shop", &h));
	assert_int_equal(access_tend(k->a, &k->e), RC_OK);
	assert_true(find(k, "shop", &h));
	access_close(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_kept), TEST(test_changed), TEST(test_limits), TEST(test_audited), TEST(test_beside)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
