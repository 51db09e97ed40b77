// SPDX-License-Identifier: Apache-2.0
// Sessions in memory: sets of 8, chosen by the token's hash; a full set gives up the session that was not seen for
// longest. What is here is in the database too; the other way round only as long as nothing was given up (`complete`),
// and then a token that is not here is nobody's, without asking SQLite.
#include "access/internal.h"

#include "base/mem.h"

#include <sodium.h>

enum { WAYS = 8 };

struct session_cache {
	pthread_mutex_t mu;
	struct cached_session *slots;
	size_t n_sets; // a power of two
	bool complete;
};

struct session_cache *cache_new(uint32_t capacity)
{
	struct session_cache *c = mem_calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	for (c->n_sets = 1; c->n_sets * WAYS < capacity;)
		c->n_sets *= 2;
	c->slots = mem_calloc(c->n_sets * WAYS, sizeof(*c->slots));
	if (!c->slots) {
		mem_free(c);
		return NULL;
	}
	pthread_mutex_init(&c->mu, NULL);
	return c;
}

void cache_free(struct session_cache **c)
{
	if (!*c)
		return;
	pthread_mutex_destroy(&(*c)->mu);
	mem_free((*c)->slots);
	mem_free(*c);
	*c = NULL;
}

static struct cached_session *set_of(struct session_cache *c, const struct token_hash *hash)
{
	uint64_t first;
	memcpy(&first, hash->bytes, sizeof(first));
	return &c->slots[(first & (c->n_sets - 1)) * WAYS];
}

bool cache_find(struct session_cache *c, const struct token_hash *hash, int64_t now_ms, int64_t idle_ms,
	struct access_session *out, bool *sure)
{
	bool found = false;
	pthread_mutex_lock(&c->mu);
	struct cached_session *set = set_of(c, hash);
	for (int i = 0; i < WAYS && !found; i++) {
		struct cached_session *s = &set[i];
		if (!s->used || sodium_memcmp(s->hash.bytes, hash->bytes, HASH_BYTES) != 0)
			continue;
		found = true;
		*out = s->session; // as it was before this request, for whoever judges it
		bool alive = now_ms < s->session.expires_ms && now_ms - s->session.seen_ms < idle_ms;
		if (alive && now_ms > s->session.seen_ms)
			s->session.seen_ms = now_ms;
	}
	*sure = c->complete;
	pthread_mutex_unlock(&c->mu);
	return found;
}

bool cache_put(struct session_cache *c, const struct cached_session *s, struct cached_session *gave_up)
{
	pthread_mutex_lock(&c->mu);
	struct cached_session *set = set_of(c, &s->hash), *victim = NULL;
	for (int i = 0; i < WAYS; i++) {
		if (set[i].used && set[i].session.id == s->session.id) {
			victim = &set[i];
			break;
		}
		if (!victim ||
			(victim->used && (!set[i].used || set[i].session.seen_ms < victim->session.seen_ms)))
			victim = &set[i];
	}
	bool full = victim->used && victim->session.id != s->session.id;
	if (full) {
		c->complete = false;
		*gave_up = *victim;
	}
	*victim = *s;
	victim->used = true;
	pthread_mutex_unlock(&c->mu);
	return !full;
}

void cache_remove(struct session_cache *c, int64_t user, int64_t session, int64_t keep)
{
	pthread_mutex_lock(&c->mu);
	for (size_t i = 0; i < c->n_sets * WAYS; i++) {
		const struct access_session *s = &c->slots[i].session;
		if (c->slots[i].used && s->id != keep && (session ? s->id == session : s->user == user))
			secret_wipe(&c->slots[i], sizeof(c->slots[i]));
	}
	pthread_mutex_unlock(&c->mu);
}

void cache_clear(struct session_cache *c)
{
	pthread_mutex_lock(&c->mu);
	secret_wipe(c->slots, c->n_sets * WAYS * sizeof(*c->slots));
	c->complete = false;
	pthread_mutex_unlock(&c->mu);
}

void cache_complete(struct session_cache *c)
{
	pthread_mutex_lock(&c->mu);
	c->complete = true;
	pthread_mutex_unlock(&c->mu);
}

uint32_t cache_unsaved(struct session_cache *c, int64_t newer_ms, struct cached_session *out, uint32_t max)
{
	uint32_t n = 0;
	pthread_mutex_lock(&c->mu);
	for (size_t i = 0; i < c->n_sets * WAYS && n < max; i++) {
		struct cached_session *s = &c->slots[i];
		if (s->used && s->session.seen_ms - s->saved_ms > newer_ms) {
			out[n++] = *s;
			s->saved_ms = s->session.seen_ms;
		}
	}
	pthread_mutex_unlock(&c->mu);
	return n;
}
