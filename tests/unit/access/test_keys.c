// SPDX-License-Identifier: Apache-2.0
// Keys of programs: making, finding, origins, revoking, expiring, and many threads that look them up while they change.
#include "access_kit.h"

#include "base/pool.h"

#include <stdatomic.h>

static int64_t write_key(struct kit *k, const char *name, const char *source, char text[ACCESS_KEY_BYTES])
{
	int64_t id;
	const struct access_key_change c = {.name = sv_from(name), .source = sv_from(source)};
	k->e = ERR_NONE;
	assert_int_equal(access_key_add(k->a, &kit_root, KEY_WRITE, &c, text, &id, &k->e), RC_OK);
	return id;
}

static bool known(struct kit *k, const char *text)
{
	const struct access_view *view = access_view_get(k->a);
	bool there = access_view_key(view, sv_from(text), k->clock.fixed_ms) != NULL;
	access_view_release(k->a, &view);
	return there;
}

static enum rc try_add(struct kit *k, enum access_key_kind kind, struct access_key_change c)
{
	char text[ACCESS_KEY_BYTES];
	int64_t id;
	k->e = ERR_NONE;
	return access_key_add(k->a, &kit_root, kind, &c, text, &id, &k->e);
}

static void test_write_key(void **state)
{
	struct kit *k = *state;
	char text[ACCESS_KEY_BYTES], other[ACCESS_KEY_BYTES];
	int64_t id = write_key(k, " Shop, web ", "shop", text);
	write_key(k, "App", "app", other);
	assert_string_not_equal(text, other);
	assert_int_equal(strlen(text), 35);
	assert_int_equal(strncmp(text, "cw_", 3), 0);
	assert_false(kit_stored(k, sv_from(text)));
	const struct access_view *view = access_view_get(k->a);
	const struct access_key *key = access_view_key(view, sv_from(text), KIT_START);
	assert_non_null(key);
	assert_int_equal(key->id, id);
	assert_int_equal(key->kind, KEY_WRITE);
	assert_string_equal(key->name.ptr, "Shop, web");
	assert_string_equal(key->source.ptr, "shop");
	assert_memory_equal(key->prefix.ptr, text, 8);
	assert_int_equal(key->prefix.len, 8);
	assert_string_equal(key->made_by.ptr, "root@host");
	assert_int_equal(key->rights, 0);
	text[20] = text[20] == 'a' ? 'b' : 'a';
	assert_null(access_view_key(view, sv_from(text), KIT_START));
	assert_null(access_view_key(view, SV(""), KIT_START));
	assert_null(access_view_key(view, SV_NONE, KIT_START));
	access_view_release(k->a, &view);
}

static void test_revoke(void **state)
{
	struct kit *k = *state;
	char text[ACCESS_KEY_BYTES];
	struct access_key *keys;
	uint32_t n;
	int64_t id = write_key(k, "Shop", "shop", text);
	const struct access_view *held = access_view_get(k->a);
	assert_int_equal(access_key_revoke(k->a, &kit_root, id, &k->e), RC_OK);
	assert_false(known(k, text));
	assert_non_null(access_view_key(held, sv_from(text), KIT_START)); // of a request that is running
	access_view_release(k->a, &held);
	assert_int_equal(access_key_revoke(k->a, &kit_root, id, NULL), RC_NOT_FOUND);
	assert_int_equal(access_key_list(k->a, false, k->arena, &keys, &n, &k->e), RC_OK);
	assert_int_equal(n, 0);
	assert_int_equal(access_key_list(k->a, true, k->arena, &keys, &n, &k->e), RC_OK);
	assert_int_equal(n, 1);
	assert_int_equal(keys[0].revoked_ms, KIT_START);
	kit_reopen(k);
	assert_false(known(k, text));
	const struct access_key_change again = {
		.name = SV("Again"), .source = SV("shop"), .given = sv_from(text)};
	assert_int_equal(try_add(k, KEY_WRITE, again), RC_EXISTS);
}

static void test_given(void **state)
{
	struct kit *k = *state;
	const struct access_key_change good = {
		.name = SV("App"), .source = SV("app"), .given = SV("AbC-123._456789x")};
	assert_int_equal(try_add(k, KEY_WRITE, good), RC_OK);
	assert_true(known(k, "AbC-123._456789x"));
	assert_false(known(k, "abc-123._456789x"));
	assert_int_equal(try_add(k, KEY_WRITE, good), RC_EXISTS);
	static const char *const bad[] = {"AbC-123._456789", "AbC-123._4567 89x", "AbC-123:_456789x"};
	for (size_t i = 0; i < 3; i++) {
		const struct access_key_change c = {
			.name = SV("A"), .source = SV("a"), .given = sv_from(bad[i])};
		assert_int_equal(try_add(k, KEY_WRITE, c), RC_INPUT);
		assert_null(strstr(k->e.message, bad[i]));
	}
}

static void test_api_key(void **state)
{
	struct kit *k = *state;
	char text[ACCESS_KEY_BYTES];
	int64_t id;
	const struct access_actor manager = {
		.user = 7, .who = SV("m@example.com"), .rights = role_info(ROLE_MANAGER)->rights};
	struct access_key_change c = {.name = SV("Nightly"),
		.has_rights = true,
		.rights = RIGHT_BIT(RIGHT_ASK) | RIGHT_BIT(RIGHT_USERS),
		.has_expires = true,
		.expires_ms = KIT_START + KIT_DAY};
	assert_int_equal(access_key_add(k->a, &manager, KEY_API, &c, text, &id, &k->e), RC_DENIED);
	assert_string_equal(text, "");
	c.rights = RIGHT_BIT(RIGHT_ASK);
	k->e = ERR_NONE;
	assert_int_equal(access_key_add(k->a, &manager, KEY_API, &c, text, &id, &k->e), RC_OK);
	assert_int_equal(strncmp(text, "ca_", 3), 0);
	assert_int_equal(strlen(text), 46);
	const struct access_view *view = access_view_get(k->a);
	assert_int_equal(access_view_key(view, sv_from(text), KIT_START)->rights, RIGHT_BIT(RIGHT_ASK));
	assert_non_null(access_view_key(view, sv_from(text), KIT_START + KIT_DAY - 1));
	assert_null(access_view_key(view, sv_from(text), KIT_START + KIT_DAY));
	access_view_release(k->a, &view);
	const struct access_key_change more = {.has_rights = true, .rights = RIGHTS_ALL},
				       forever = {.has_expires = true, .expires_ms = 0},
				       origin = {.source = SV("x")};
	assert_int_equal(access_key_set(k->a, &manager, id, &more, NULL), RC_DENIED);
	assert_int_equal(access_key_set(k->a, &manager, id, &origin, NULL), RC_INPUT);
	assert_int_equal(access_key_set(k->a, &manager, id, &forever, &k->e), RC_OK);
	assert_int_equal(access_key_set(k->a, &kit_root, id, &more, &k->e), RC_OK);
	assert_int_equal(access_key_revoke(k->a, &manager, id, NULL), RC_DENIED); // it has more rights now
	k->clock.fixed_ms += 2 * KIT_DAY;
	assert_true(known(k, text));
	// What does not go together.
	c.has_expires = true;
	c.expires_ms = KIT_START;
	assert_int_equal(try_add(k, KEY_API, c), RC_INPUT);
	assert_int_equal(try_add(k, KEY_API, (struct access_key_change){.name = SV("x")}), RC_INPUT);
	assert_int_equal(try_add(k, KEY_WRITE, (struct access_key_change){.name = SV("x")}), RC_INPUT);
	assert_int_equal(try_add(k, KEY_WRITE, (struct access_key_change){.source = SV("x")}), RC_INPUT);
	assert_int_equal(try_add(k, KEY_WRITE,
				 (struct access_key_change){
					 .name = SV("x"), .source = SV("x"), .has_rights = true, .rights = 1}),
		RC_INPUT);
}

// --- web origins ---

// A key made when there were more rights keeps those that there are.
static void test_old_right(void **state)
{
	struct kit *k = *state;
	char text[ACCESS_KEY_BYTES];
	int64_t id;
	const struct access_key_change ask = {.name = SV("nightly"),
		.has_rights = true,
		.rights = RIGHT_BIT(RIGHT_LOOK) | RIGHT_BIT(RIGHT_ASK)};
	assert_int_equal(access_key_add(k->a, &kit_root, KEY_API, &ask, text, &id, &k->e), RC_OK);
	kit_ask(k, "UPDATE key SET rights = 'look,export,ask'");
	kit_reopen(k);
	const struct access_view *view = access_view_get(k->a);
	const struct access_key *key = access_view_key(view, sv_from(text), KIT_START);
	assert_non_null(key);
	assert_int_equal(key->rights, ask.rights);
	access_view_release(k->a, &view);
}

static void test_origins(void **state)
{
	struct kit *k = *state;
	static const struct {
		const char *origin;
		bool allowed;
	} expected[] = {{"https://shop.example", true}, {"HTTPS://Shop.Example", true},
		{"http://shop.example", false}, {"https://shop.example:8443", false},
		{"https://shop.example.evil", false}, {"https://www.corp.example", true},
		{"https://a.b.corp.example", true}, {"https://corp.example", false},
		{"https://evilcorp.example", false}, {"https://.corp.example", false},
		{"http://localhost:3000", true}, {"http://localhost:3001", false}, {"null", false},
		{"", false}};
	static const char *const bad[] = {"shop.example", "https://", "https://shop.example/",
		"ftp://shop.example", "https://shop.example:0", "https://shop.example:x", "https://*",
		"https://a.*.example", "https://sh op", "https://shop.example https://b"};
	struct sv allowed[] = {
		SV("https://shop.example"), SV("https://*.corp.example"), SV("http://localhost:3000")};
	char text[ACCESS_KEY_BYTES];
	int64_t id = write_key(k, "Shop", "shop", text);
	const struct access_view *view = access_view_get(k->a);
	assert_true(access_key_origin(
		access_view_key(view, sv_from(text), KIT_START), SV("https://anywhere.example")));
	access_view_release(k->a, &view);
	const struct access_key_change c = {.has_origins = true, .origins = allowed, .n_origins = 3};
	assert_int_equal(access_key_set(k->a, &kit_root, id, &c, &k->e), RC_OK);
	kit_reopen(k);
	view = access_view_get(k->a);
	const struct access_key *key = access_view_key(view, sv_from(text), KIT_START);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		if (access_key_origin(key, sv_from(expected[i].origin)) != expected[i].allowed)
			fail_msg("%s", expected[i].origin);
	access_view_release(k->a, &view);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sv one = sv_from(bad[i]);
		const struct access_key_change wrong = {.has_origins = true, .origins = &one, .n_origins = 1};
		if (access_key_set(k->a, &kit_root, id, &wrong, NULL) != RC_INPUT)
			fail_msg("%s", bad[i]);
	}
	const struct access_key_change none = {.has_origins = true};
	assert_int_equal(access_key_set(k->a, &kit_root, id, &none, &k->e), RC_OK);
	view = access_view_get(k->a);
	assert_true(access_key_origin(
		access_view_key(view, sv_from(text), KIT_START), SV("https://anywhere.example")));
	access_view_release(k->a, &view);
}

// --- when it was used ---

static int64_t listed_use(struct kit *k, int64_t id)
{
	struct access_key *keys;
	uint32_t n;
	assert_int_equal(access_key_list(k->a, true, k->arena, &keys, &n, &k->e), RC_OK);
	for (uint32_t i = 0; i < n; i++)
		if (keys[i].id == id)
			return keys[i].used_ms;
	fail();
	return -1;
}

static void test_used(void **state)
{
	struct kit *k = *state;
	char a[ACCESS_KEY_BYTES], b[ACCESS_KEY_BYTES], c[ACCESS_KEY_BYTES];
	int64_t a_id = write_key(k, "A", "a", a), b_id = write_key(k, "B", "b", b);
	assert_int_equal(listed_use(k, a_id), 0);
	assert_true(known(k, a));
	assert_int_equal(listed_use(k, a_id), KIT_START);
	k->clock.fixed_ms += 5000;
	assert_true(known(k, a));
	write_key(k, "C", "c", c); // a new view
	assert_int_equal(access_key_revoke(k->a, &kit_root, b_id, &k->e), RC_OK);
	assert_int_equal(listed_use(k, a_id), KIT_START + 5000);
	assert_int_equal(listed_use(k, b_id), 0);
	kit_reopen(k);
	assert_int_equal(listed_use(k, a_id), KIT_START + 5000);
	k->clock.fixed_ms += 61000;
	assert_true(known(k, a));
	assert_int_equal(access_tend(k->a, &k->e), RC_OK);
	assert_string_equal(kit_ask(k, "SELECT used_ms FROM key WHERE name = 'A'").ptr, "1800000066000");
}

// --- threads ---

enum { KEYS = 8, READERS = 3, ROUNDS = 60 };

struct race {
	struct kit *kit;
	char text[KEYS][ACCESS_KEY_BYTES];
	char session[ACCESS_TOKEN_BYTES];
	_Atomic uint64_t n_found;
	_Atomic bool stop;
};

// Keys 0 to 3 are always there; of the others, a key that is found is the right one.
static void read_all(void *context)
{
	struct race *r = context;
	while (!atomic_load(&r->stop)) {
		const struct access_view *view = access_view_get(r->kit->a);
		for (int i = 0; i < KEYS; i++) {
			const struct access_key *key = access_view_key(view, sv_from(r->text[i]), KIT_START);
			if (!key && i < KEYS / 2)
				abort();
			if (key && (key->name.len != 2 || key->name.ptr[1] != '0' + i))
				abort();
			atomic_fetch_add(&r->n_found, key != NULL);
		}
		struct access_session s;
		if (access_session_find(r->kit->a, view, sv_from(r->session), &s, NULL) != RC_OK)
			abort();
		access_view_release(r->kit->a, &view);
	}
}

static void test_threads(void **state)
{
	struct kit *k = *state;
	static struct race r;
	struct thread *threads[READERS];
	char token[ACCESS_TOKEN_BYTES], link[ACCESS_TOKEN_BYTES], name[] = "k0";
	struct access_signed_in s;
	r.kit = k;
	int64_t user = kit_user(k, "a@example.com", ROLE_AGENT);
	assert_int_equal(access_link_new(k->a, &kit_root, user, KIT_HOUR, token, &k->e), RC_OK);
	assert_int_equal(access_link_redeem(k->a, sv_from(token), &kit_client, &s, &k->e), RC_OK);
	memcpy(r.session, s.token, sizeof(s.token));
	for (int i = 0; i < KEYS; i++) {
		name[1] = (char)('0' + i);
		write_key(k, name, "s", r.text[i]);
	}
	for (int i = 0; i < READERS; i++)
		assert_non_null(threads[i] = thread_start(read_all, &r));
	for (int i = 0; i < ROUNDS || atomic_load(&r.n_found) < 1000; i++) {
		char text[ACCESS_KEY_BYTES];
		int64_t id = write_key(k, "x", "s", text);
		assert_int_equal(access_tend(k->a, &k->e), RC_OK);
		assert_int_equal(access_key_revoke(k->a, &kit_root, id, &k->e), RC_OK);
		assert_int_equal(access_link_new(k->a, &kit_root, user, KIT_HOUR, link, &k->e), RC_OK);
	}
	atomic_store(&r.stop, true);
	for (int i = 0; i < READERS; i++)
		thread_join(&threads[i]);
}

// A key that everybody can read is not believed about e-mail addresses.
static void test_links_email(void **state)
{
	struct kit *k = *state;
	char text[ACCESS_KEY_BYTES];
	int64_t id;
	const struct sv origin = SV("https://shop.example");
	struct access_key_change c = {
		.name = SV("CRM"), .source = SV("crm"), .has_links_email = true, .links_email = true};
	assert_int_equal(access_key_add(k->a, &kit_root, KEY_WRITE, &c, text, &id, &k->e), RC_OK);
	const struct access_view *view = access_view_get(k->a);
	assert_true(access_view_key(view, sv_from(text), KIT_START)->links_email);
	access_view_release(k->a, &view);
	const struct access_key_change origins = {.has_origins = true, .origins = &origin, .n_origins = 1};
	assert_int_equal(access_key_set(k->a, &kit_root, id, &origins, &k->e), RC_INPUT);
	const struct access_key_change off = {.has_links_email = true};
	k->e = ERR_NONE;
	assert_int_equal(access_key_set(k->a, &kit_root, id, &off, &k->e), RC_OK);
	assert_int_equal(access_key_set(k->a, &kit_root, id, &origins, &k->e), RC_OK);
	assert_int_equal(
		access_key_set(k->a, &kit_root, id,
			&(struct access_key_change){.has_links_email = true, .links_email = true}, &k->e),
		RC_INPUT);
	view = access_view_get(k->a);
	assert_false(access_view_key(view, sv_from(text), KIT_START)->links_email);
	access_view_release(k->a, &view);
	c.has_origins = true;
	c.origins = &origin;
	c.n_origins = 1;
	assert_int_equal(try_add(k, KEY_WRITE, c), RC_INPUT);
	assert_int_equal(try_add(k, KEY_API,
				 (struct access_key_change){.name = SV("x"),
					 .has_rights = true,
					 .rights = RIGHT_BIT(RIGHT_LOOK),
					 .has_links_email = true,
					 .links_email = true}),
		RC_INPUT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_write_key), TEST(test_revoke), TEST(test_given),
		TEST(test_api_key), TEST(test_old_right), TEST(test_origins), TEST(test_used),
		TEST(test_links_email), TEST(test_threads)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
