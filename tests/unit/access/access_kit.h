// SPDX-License-Identifier: Apache-2.0
// What the tests of access/ share: a directory with an access database, and a clock that stands.
#ifndef CORRIDOR_TESTS_ACCESS_KIT_H
#define CORRIDOR_TESTS_ACCESS_KIT_H

#include "access/access.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KIT_PASSWORD SV("seven wet umbrellas")
#define KIT_START INT64_C(1800000000000)

enum { KIT_MINUTE = 60000, KIT_HOUR = 3600000, KIT_DAY = 86400000 };

struct kit {
	char dir[64], path[96];
	struct clock clock;
	struct access_options options;
	struct access *a;
	struct arena *arena;
	struct err e;
};

static const struct access_actor kit_root = {.who = {"root@host", 9}, .rights = RIGHTS_ALL};
static const struct access_client kit_client = {.address = {"192.0.2.7", 9}, .agent = {"Browser/1", 9}};

static inline void kit_open(struct kit *k)
{
	k->e = ERR_NONE;
	assert_int_equal(access_open(k->dir, &k->options, &k->a, &k->e), RC_OK);
}

static inline void kit_reopen(struct kit *k)
{
	access_close(&k->a);
	kit_open(k);
}

static inline int kit_setup(void **state)
{
	struct kit *k = mem_calloc(1, sizeof(*k));
	char store[96];
	assert_non_null(k);
	snprintf(k->dir, sizeof(k->dir), "/tmp/corridor-access-XXXXXX");
	assert_non_null(mkdtemp(k->dir));
	snprintf(k->path, sizeof(k->path), "%s/access.db", k->dir);
	snprintf(store, sizeof(store), "%s/corridor.db", k->dir);
	FILE *f = fopen(store, "w"); // what makes it a data directory
	assert_non_null(f);
	fclose(f);
	k->clock = clock_fixed(KIT_START);
	k->options.clock = &k->clock;
	k->arena = arena_new(0);
	kit_open(k);
	*state = k;
	return 0;
}

static inline int kit_teardown(void **state)
{
	struct kit *k = *state;
	static const char *const names[] = {"access.db", "access.db-wal", "access.db-shm", "corridor.db"};
	access_close(&k->a);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s/%s", k->dir, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(k->dir), 0);
	arena_free(&k->arena);
	mem_free(k);
	return 0;
}

// A user with KIT_PASSWORD.
static inline int64_t kit_user(struct kit *k, const char *email, enum role role)
{
	int64_t id = 0;
	const struct access_user_change u = {
		.email = sv_from(email), .name = SV("Some Body"), .has_role = true, .role = role};
	k->e = ERR_NONE;
	assert_int_equal(access_user_add(k->a, &kit_root, &u, KIT_PASSWORD, &id, &k->e), RC_OK);
	assert_true(id > 0);
	return id;
}

static inline enum rc kit_try(
	struct kit *k, const char *email, struct sv password, struct access_signed_in *out)
{
	int64_t retry_ms;
	k->e = ERR_NONE;
	return access_sign_in(k->a, sv_from(email), password, &kit_client, out, &retry_ms, &k->e);
}

static inline struct access_signed_in kit_sign_in(struct kit *k, const char *email)
{
	struct access_signed_in s;
	assert_int_equal(kit_try(k, email, KIT_PASSWORD, &s), RC_OK);
	return s;
}

// Is the token a session of somebody?
static inline enum rc kit_find(struct kit *k, const char *token, struct access_session *out)
{
	struct err e = ERR_NONE;
	const struct access_view *view = access_view_get(k->a);
	enum rc rc = access_session_find(k->a, view, sv_from(token), out, &e);
	access_view_release(k->a, &view);
	return rc;
}

static inline bool kit_valid(struct kit *k, const char *token)
{
	struct access_session s;
	enum rc rc = kit_find(k, token, &s);
	assert_true(rc == RC_OK || rc == RC_DENIED);
	return rc == RC_OK;
}

// A text from the database, read without access/; "" when there is none.
static inline struct sv kit_ask(struct kit *k, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *s;
	assert_int_equal(sqlite3_open_v2(k->path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	struct sv text = SV("");
	if (sqlite3_step(s) == SQLITE_ROW) {
		const char *found = (const char *)sqlite3_column_text(s, 0);
		text = arena_copy(k->arena, sv_from(found ? found : ""));
	}
	sqlite3_finalize(s);
	sqlite3_close(db);
	return text;
}

// Are these bytes anywhere in the files?
static inline bool kit_stored(struct kit *k, struct sv bytes)
{
	static const char *const suffixes[] = {"", "-wal"};
	bool found = false;
	for (size_t i = 0; i < 2; i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s%s", k->path, suffixes[i]);
		FILE *f = fopen(path, "r");
		if (!f)
			continue;
		char *all = mem_alloc(16u << 20);
		size_t n = fread(all, 1, 16u << 20, f);
		found |= memmem(all, n, bytes.ptr, bytes.len) != NULL;
		mem_free(all);
		fclose(f);
	}
	return found;
}

#endif
