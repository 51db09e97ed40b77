// SPDX-License-Identifier: Apache-2.0
// The view: users, keys and webhooks as they are in the database at one moment, in memory, never changed. Requests are judged by
// it without touching SQLite. A change makes a new one and swaps it; who holds the old one keeps it until given back.
//
// Only when a key was used last is written into a view, by whoever uses it; the next view takes these times over. What a
// holder of an older view notes after that is lost, which makes a time of use some requests older than it was.
#include "access/internal.h"

#include "base/mem.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

struct access_view {
	struct arena *arena;
	struct access_user *users; // by id
	uint32_t n_users;
	struct key_row *keys; // not revoked, newest first
	uint32_t n_keys;
	uint32_t *slots; // n_slots, a power of two: number of the key + 1, by hash, linear probing
	uint32_t n_slots;
	_Atomic int64_t *used_ms;  // by key
	int64_t *saved_ms;         // of it; under db_mu
	struct access_hook *hooks; // by name
	uint32_t n_hooks;
	uint32_t n_held; // under view_mu; the newest is held by the access itself
};

static enum rc no_memory(struct err *e)
{
	return err_set(e, RC_NOMEM, "out of memory for users and keys");
}

static size_t slot_of(const struct access_view *v, const struct token_hash *hash)
{
	uint64_t first;
	memcpy(&first, hash->bytes, sizeof(first));
	return first & (v->n_slots - 1);
}

static int by_id(const void *a, const void *b)
{
	const struct access_user *x = a, *y = b;
	return x->id < y->id ? -1 : x->id > y->id;
}

static enum rc index_keys(struct access_view *v, const struct access_view *before, struct err *e)
{
	for (v->n_slots = 16; v->n_slots < 2 * v->n_keys;)
		v->n_slots *= 2;
	v->slots = arena_array(v->arena, v->n_slots, sizeof(*v->slots));
	v->used_ms = arena_array(v->arena, v->n_keys + 1, sizeof(*v->used_ms));
	v->saved_ms = arena_array(v->arena, v->n_keys + 1, sizeof(*v->saved_ms));
	if (!v->slots || !v->used_ms || !v->saved_ms)
		return no_memory(e);
	for (uint32_t i = 0; i < v->n_keys; i++) {
		size_t slot = slot_of(v, &v->keys[i].hash);
		while (v->slots[slot])
			slot = (slot + 1) & (v->n_slots - 1);
		v->slots[slot] = i + 1;
		v->saved_ms[i] = v->keys[i].key.used_ms;
		atomic_init(&v->used_ms[i], v->keys[i].key.used_ms);
	}
	for (uint32_t i = 0, j = 0; before && i < v->n_keys; i++) { // both newest first
		while (j < before->n_keys && before->keys[j].key.id > v->keys[i].key.id)
			j++;
		if (j == before->n_keys || before->keys[j].key.id != v->keys[i].key.id)
			continue;
		int64_t used = atomic_load_explicit(&before->used_ms[j], memory_order_relaxed);
		if (used > v->saved_ms[i])
			atomic_init(&v->used_ms[i], used);
	}
	return RC_OK;
}

enum rc view_read(struct access *a, const struct access_view *before, struct access_view **out, struct err *e)
{
	struct access_view *v = mem_calloc(1, sizeof(*v));
	*out = NULL;
	if (!v)
		return no_memory(e);
	v->n_held = 1;
	v->arena = arena_new(64u << 20);
	enum rc rc = v->arena ? users_read(a, 0, SV_NONE, v->arena, &v->users, &v->n_users, e) : no_memory(e);
	if (rc == RC_OK)
		rc = keys_read(a, false, v->arena, &v->keys, &v->n_keys, e);
	if (rc == RC_OK)
		rc = index_keys(v, before, e);
	if (rc == RC_OK)
		rc = hooks_read(a, v->arena, &v->hooks, &v->n_hooks, e);
	if (rc != RC_OK) {
		view_free(&v);
		return rc;
	}
	if (v->n_users)
		qsort(v->users, v->n_users, sizeof(*v->users), by_id);
	*out = v;
	return RC_OK;
}

void view_free(struct access_view **v)
{
	if (!*v)
		return;
	arena_free(&(*v)->arena);
	mem_free(*v);
	*v = NULL;
}

static void let_go(struct access *a, struct access_view *v)
{
	pthread_mutex_lock(&a->view_mu);
	assert(v->n_held > 0);
	bool last = --v->n_held == 0;
	pthread_mutex_unlock(&a->view_mu);
	if (last)
		view_free(&v);
}

void view_swap(struct access *a, struct access_view *fresh)
{
	pthread_mutex_lock(&a->view_mu);
	struct access_view *old = a->view;
	a->view = fresh;
	pthread_mutex_unlock(&a->view_mu);
	if (old)
		let_go(a, old);
}

const struct access_view *access_view_get(struct access *a)
{
	pthread_mutex_lock(&a->view_mu);
	struct access_view *v = a->view;
	v->n_held++;
	pthread_mutex_unlock(&a->view_mu);
	return v;
}

void access_view_release(struct access *a, const struct access_view **view)
{
	if (*view)
		let_go(a, (struct access_view *)(uintptr_t)*view);
	*view = NULL;
}

bool access_view_is_new(const struct access_view *view)
{
	return view->n_users == 0;
}

const struct access_user *access_view_user(const struct access_view *view, int64_t id)
{
	uint32_t lo = 0, hi = view->n_users;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (view->users[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	bool there = lo < view->n_users && view->users[lo].id == id && !view->users[lo].disabled;
	return there ? &view->users[lo] : NULL;
}

const struct access_hook *access_view_hook(const struct access_view *view, struct sv name)
{
	uint32_t lo = 0, hi = view->n_hooks;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (sv_compare(view->hooks[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < view->n_hooks && sv_equal(view->hooks[lo].name, name) ? &view->hooks[lo] : NULL;
}

const struct access_key *access_view_key(const struct access_view *view, struct sv text, int64_t now_ms)
{
	enum { USE_NOTED_MS = 1000 }; // a key used by all threads is not written to by each request
	struct token_hash hash;
	if (text.len == 0 || text.len >= ACCESS_KEY_BYTES)
		return NULL;
	token_hash(text, &hash);
	for (size_t slot = slot_of(view, &hash); view->slots[slot]; slot = (slot + 1) & (view->n_slots - 1)) {
		uint32_t i = view->slots[slot] - 1;
		const struct access_key *key = &view->keys[i].key;
		if (sodium_memcmp(view->keys[i].hash.bytes, hash.bytes, HASH_BYTES) != 0)
			continue;
		if (key->expires_ms && key->expires_ms <= now_ms)
			return NULL;
		if (now_ms - atomic_load_explicit(&view->used_ms[i], memory_order_relaxed) >= USE_NOTED_MS)
			atomic_store_explicit(&view->used_ms[i], now_ms, memory_order_relaxed);
		return key;
	}
	return NULL;
}

// --- times of use ---

int64_t view_used_ms(const struct access_view *v, int64_t key)
{
	for (uint32_t i = 0; i < v->n_keys; i++)
		if (v->keys[i].key.id == key)
			return atomic_load_explicit(&v->used_ms[i], memory_order_relaxed);
	return 0;
}

static bool unsaved(const struct access *a, uint32_t i, int64_t *used)
{
	*used = atomic_load_explicit(&a->view->used_ms[i], memory_order_relaxed);
	return *used - a->view->saved_ms[i] > (a->closing ? 0 : USE_SAVED_MS);
}

bool view_has_unsaved(const struct access *a)
{
	int64_t used;
	for (uint32_t i = 0; i < a->view->n_keys; i++)
		if (unsaved(a, i, &used))
			return true;
	return false;
}

enum rc view_save_uses(struct access *a, struct err *e)
{
	enum rc rc = RC_OK;
	for (uint32_t i = 0; rc == RC_OK && i < a->view->n_keys; i++) {
		int64_t used;
		if (!unsaved(a, i, &used))
			continue;
		rc = run_sql(a->db, e, "UPDATE key SET used_ms = max(used_ms, ?1) WHERE id = ?2", "ii", used,
			a->view->keys[i].key.id);
		// Should the commit fail, the time of use is stored with the next one a minute later.
		a->view->saved_ms[i] = used;
	}
	return rc;
}
