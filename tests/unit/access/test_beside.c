// SPDX-License-Identifier: Apache-2.0
// The access database beside a store: changes while it appends, in the backup, and under verification.
#include "access_kit.h"

#include "base/pool.h"
#include "journey/journey.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>

static const char design_text[] =
	"corridor: 1\nbrand: T\ntimezone: UTC\ncurrency: EUR\nstages: [use]\n"
	"channels: {web: digital}\ntouchpoints:\n  visit: {stage: use, match: [{event: Visit}]}\n";

struct place {
	struct kit kit;
	char copy[96], root[64];
};

static int setup(void **state)
{
	struct place *p = mem_calloc(1, sizeof(*p));
	struct kit *k = &p->kit;
	struct err e = ERR_NONE;
	snprintf(p->root, sizeof(p->root), "/tmp/corridor-beside-XXXXXX");
	assert_non_null(mkdtemp(p->root));
	assert_true(snprintf(k->dir, sizeof(k->dir), "%s/d", p->root) < (int)sizeof(k->dir));
	snprintf(p->copy, sizeof(p->copy), "%s/copy", p->root);
	snprintf(k->path, sizeof(k->path), "%s/access.db", k->dir);
	assert_int_equal(store_create(k->dir, sv_from(design_text), "c", SV("t"), &e), RC_OK);
	k->clock = clock_fixed(KIT_START);
	k->options.clock = &k->clock;
	k->arena = arena_new(0);
	kit_open(k);
	*state = p;
	return 0;
}

static void remove_tree(const char *path)
{
	DIR *d = opendir(path);
	for (struct dirent *entry; d && (entry = readdir(d));) {
		char inner[512];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
		if (unlink(inner) != 0)
			remove_tree(inner);
	}
	if (d)
		closedir(d);
	rmdir(path);
}

static int teardown(void **state)
{
	struct place *p = *state;
	access_close(&p->kit.a);
	arena_free(&p->kit.arena);
	remove_tree(p->root);
	mem_free(p);
	return 0;
}

// --- while the store appends ---

struct appending {
	struct store *store;
	_Atomic bool stop;
	_Atomic uint64_t n;
};

static void append(void *context)
{
	struct appending *w = context;
	struct batch *batch = batch_new(store_design(w->store));
	struct err e = ERR_NONE;
	for (uint64_t k = 0; !atomic_load(&w->stop);) {
		batch_clear(batch);
		for (int i = 0; i < 100; i++, k++) {
			char id[32], user[32];
			snprintf(id, sizeof(id), "m%llu", (unsigned long long)k);
			snprintf(user, sizeof(user), "u%llu", (unsigned long long)(k % 500));
			struct interaction x = {.id = sv_from(id),
				.source = SV("s"),
				.event = SV("Visit"),
				.channel = SV("web"),
				.identities = {{SV("user"), sv_from(user)}},
				.n_identities = 1,
				.at_ms = KIT_START + (int64_t)k,
				.received_ms = KIT_START + (int64_t)k,
				.due_ms = TIME_NONE};
			if (batch_add(batch, &x, &e) != RC_OK)
				abort();
		}
		struct append_result result;
		if (store_append(w->store, &batch, 1, &result, NULL, NULL, &e) != RC_OK)
			abort();
		atomic_fetch_add(&w->n, result.n_added);
	}
	batch_free(&batch);
}

static void test_appending(void **state)
{
	struct place *p = *state;
	struct kit *k = &p->kit;
	static struct appending w;
	const struct store_options options = {.seal_rows = 5000, .compact_in_background = true};
	struct err e = ERR_NONE;
	struct verify_report report;
	w = (struct appending){.store = NULL};
	assert_int_equal(store_open(k->dir, &options, &w.store, &e), RC_OK);
	struct thread *thread = thread_start(append, &w);
	assert_non_null(thread);
	for (int i = 0; i < 40 || atomic_load(&w.n) < 10000; i++) {
		char text[ACCESS_KEY_BYTES];
		int64_t id;
		const struct access_key_change c = {.name = SV("n"), .source = SV("s")};
		assert_int_equal(access_key_add(k->a, &kit_root, KEY_WRITE, &c, text, &id, &k->e), RC_OK);
		if (i % 2)
			assert_int_equal(access_key_revoke(k->a, &kit_root, id, &k->e), RC_OK);
		assert_int_equal(access_tend(k->a, &k->e), RC_OK);
	}
	// Both go on while a copy is made.
	assert_int_equal(store_backup(w.store, p->copy, false, NULL, &e), RC_OK);
	atomic_store(&w.stop, true);
	thread_join(&thread);
	store_close(&w.store);
	assert_int_equal(store_verify(k->dir, &report, NULL, &e), RC_OK);
	assert_true(report.n_interactions == atomic_load(&w.n));
}

// --- backup ---

static void test_backup(void **state)
{
	struct place *p = *state;
	struct kit *k = &p->kit;
	struct store *store;
	struct stat st;
	char file[128];
	const struct store_options options = {.read_only = true};
	struct err e = ERR_NONE;
	kit_user(k, "a@example.com", ROLE_MANAGER);
	assert_int_equal(store_open(k->dir, &options, &store, &e), RC_OK);
	assert_int_equal(store_backup(store, p->copy, false, NULL, &e), RC_OK);
	store_close(&store);
	snprintf(file, sizeof(file), "%s/access.db", p->copy);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	access_close(&k->a);
	assert_int_equal(access_open(p->copy, &k->options, &k->a, &k->e), RC_OK);
	struct access_signed_in s = kit_sign_in(k, "a@example.com");
	assert_true(kit_valid(k, s.token));
}

// What cannot be copied leaves nothing behind.
static void test_backup_fails(void **state)
{
	struct place *p = *state;
	struct store *store;
	char other[128];
	const struct store_options options = {.read_only = true};
	struct err e = ERR_NONE;
	snprintf(other, sizeof(other), "%s/zzz.db", p->kit.dir);
	FILE *f = fopen(other, "w");
	assert_non_null(f);
	for (int i = 0; i < 5000; i++)
		fputs("this is no database ", f);
	fclose(f);
	assert_int_equal(store_open(p->kit.dir, &options, &store, &e), RC_OK);
	assert_int_equal(store_backup(store, p->copy, false, NULL, &e), RC_CORRUPT);
	store_close(&store);
	assert_non_null(strstr(e.message, "zzz.db"));
	assert_int_not_equal(access(p->copy, F_OK), 0);
}

// --- verification ---

static int64_t find(const char *path, struct sv bytes)
{
	char *all = mem_alloc(16u << 20);
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	size_t n = fread(all, 1, 16u << 20, f);
	fclose(f);
	const char *at = memmem(all, n, bytes.ptr, bytes.len);
	int64_t offset = at ? at - all : -1;
	mem_free(all);
	return offset;
}

static void test_verify(void **state)
{
	struct place *p = *state;
	struct kit *k = &p->kit;
	struct verify_report report;
	struct err e = ERR_NONE;
	kit_user(k, "viewer@example.com", ROLE_VIEWER);
	access_close(&k->a); // nothing is left in the -wal file
	assert_int_equal(store_verify(k->dir, &report, NULL, &e), RC_OK);
	int64_t at = find(k->path, SV("Some Body"));
	assert_true(at > 0);
	int fd = open(k->path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "s", 1, at), 1); // still a sound page, but not what was written
	close(fd);
	assert_int_equal(store_verify(k->dir, &report, NULL, &e), RC_CORRUPT);
	assert_int_equal(report.n_problems, 1);
	assert_non_null(strstr(report.problems[0], "access.db"));
	assert_non_null(strstr(report.problems[0], "user"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_appending), TEST(test_backup), TEST(test_backup_fails), TEST(test_verify)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
