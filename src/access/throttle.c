// SPDX-License-Identifier: Apache-2.0
// Failed attempts to sign in, by account and by network address. After a few free ones each costs twice the time of the
// one before, up to a bound that is low for accounts (anybody can fail in another's name) and higher for addresses. They
// are forgotten an hour after the last one, those of an account also with the first success.
//
// Counters are in memory, in sets of 8 chosen by the subject's hash; a full set gives up the least. Those that make
// somebody wait are in the table too, so that restarting the program does not help an attacker. A subject is stored as
// a hash: the table tells nothing about addresses and accounts that do not exist.
#include "access/internal.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <sodium.h>

enum { WAYS = 8, SETS = 1024, SUBJECT_BYTES = 16, FORGET_MS = HOUR_MS, SAVE_MAX = 256 };

struct counter {
	uint8_t subject[SUBJECT_BYTES];
	uint32_t n; // failures; 0: a free place
	int64_t last_ms, until_ms;
	bool unsaved;
};

struct throttle {
	const struct clock *clock;
	pthread_mutex_t mu;
	struct counter counters[SETS][WAYS];
};

static const struct policy {
	const char *key; // of the hash, 16 bytes
	uint32_t n_free;
	int64_t longest_ms;
} policies[] = {{"corridor account", 5, 5 * MINUTE_MS}, {"corridor address", 20, 15 * MINUTE_MS}};
enum { ACCOUNT, ADDRESS, N_POLICIES };

struct throttle *throttle_new(const struct clock *clock)
{
	struct throttle *t = mem_calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->clock = clock;
	pthread_mutex_init(&t->mu, NULL);
	return t;
}

void throttle_free(struct throttle **t)
{
	if (!*t)
		return;
	pthread_mutex_destroy(&(*t)->mu);
	mem_free(*t);
	*t = NULL;
}

// What counts as one address: of IPv6 the network of 64 bits, which is what one customer of a provider has.
static size_t network_of(struct sv address, uint8_t out[ACCESS_NAME_MAX])
{
	char text[INET6_ADDRSTRLEN] = "";
	struct in6_addr six;
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	if (address.len < sizeof(text))
		memcpy(text, address.ptr, address.len);
	if (inet_pton(AF_INET6, text, &six) == 1 && memcmp(&six, mapped, sizeof(mapped)) != 0) {
		memcpy(out, &six, 8);
		return 8;
	}
	address = text_cut(address, ACCESS_NAME_MAX);
	memcpy(out, address.ptr, address.len);
	return address.len;
}

static void subject_of(int policy, struct sv text, uint8_t out[SUBJECT_BYTES])
{
	uint8_t network[ACCESS_NAME_MAX];
	size_t len = policy == ADDRESS ? network_of(text, network) : 0;
	const void *bytes = policy == ADDRESS ? (const void *)network : text.ptr;
	crypto_generichash(out, SUBJECT_BYTES, bytes, policy == ADDRESS ? len : text.len,
		(const unsigned char *)policies[policy].key, SUBJECT_BYTES);
}

// The subject's counter, or where it can be. A counter whose last failure is long ago begins anew.
static struct counter *counter_of(struct throttle *t, const uint8_t subject[SUBJECT_BYTES], int64_t now)
{
	uint64_t first;
	memcpy(&first, subject, sizeof(first));
	struct counter *set = t->counters[first % SETS], *place = &set[0];
	for (int i = 0; i < WAYS; i++) {
		if (set[i].n && now - set[i].last_ms > FORGET_MS && set[i].until_ms <= now)
			set[i].n = 0;
		if (set[i].n && memcmp(set[i].subject, subject, SUBJECT_BYTES) == 0)
			return &set[i];
		if (set[i].n < place->n)
			place = &set[i];
	}
	*place = (struct counter){.n = 0};
	memcpy(place->subject, subject, SUBJECT_BYTES);
	return place;
}

static int64_t penalty(const struct policy *p, uint32_t n)
{
	uint32_t doublings = n < p->n_free ? 0 : n - p->n_free;
	int64_t ms = doublings < 20 ? (int64_t)1000 << doublings : p->longest_ms;
	return n < p->n_free ? 0 : ms < p->longest_ms ? ms : p->longest_ms;
}

int64_t throttle_take(struct throttle *t, struct sv account, struct sv address)
{
	const struct sv texts[N_POLICIES] = {account, address};
	uint8_t subjects[N_POLICIES][SUBJECT_BYTES];
	int64_t wait_ms = 0, now = t->clock->now_ms(t->clock);
	for (int i = 0; i < N_POLICIES; i++)
		if (texts[i].len)
			subject_of(i, texts[i], subjects[i]);
	pthread_mutex_lock(&t->mu);
	for (int i = 0; i < N_POLICIES; i++) {
		const struct counter *c = texts[i].len ? counter_of(t, subjects[i], now) : NULL;
		if (c && c->until_ms - now > wait_ms)
			wait_ms = c->until_ms - now;
	}
	for (int i = 0; i < N_POLICIES && wait_ms == 0; i++) {
		if (!texts[i].len)
			continue;
		struct counter *c = counter_of(t, subjects[i], now);
		int64_t ms = penalty(&policies[i], ++c->n);
		c->last_ms = now;
		c->until_ms = ms ? now + ms : 0;
		c->unsaved |= ms > 0;
	}
	pthread_mutex_unlock(&t->mu);
	return wait_ms;
}

void throttle_forget(struct throttle *t, struct sv account, struct sv address)
{
	const struct sv texts[N_POLICIES] = {account, address};
	uint8_t subject[SUBJECT_BYTES];
	int64_t now = t->clock->now_ms(t->clock);
	for (int i = 0; i < N_POLICIES; i++) {
		if (!texts[i].len)
			continue;
		subject_of(i, texts[i], subject);
		pthread_mutex_lock(&t->mu);
		struct counter *c = counter_of(t, subject, now);
		c->unsaved |= c->until_ms > 0;
		c->until_ms = 0; // it had passed before this attempt
		c->n = i == ACCOUNT || c->n == 0 ? 0 : c->n - 1;
		pthread_mutex_unlock(&t->mu);
	}
}

// --- the table ---

enum rc throttle_load(struct throttle *t, struct db *db, struct err *e)
{
	struct db_stmt *s = NULL;
	bool row = false;
	int64_t now = t->clock->now_ms(t->clock);
	enum rc rc = ask_sql(
		db, &s, &row, e, "SELECT subject, n, last_ms, until_ms FROM throttle ORDER BY last_ms", "");
	for (; rc == RC_OK && row; rc = db_step(s, &row, e)) {
		struct sv subject = db_blob(s, 0);
		if (subject.len != SUBJECT_BYTES)
			continue;
		struct counter *c = counter_of(t, (const uint8_t *)subject.ptr, now);
		c->n = (uint32_t)db_i64(s, 1);
		c->last_ms = db_i64(s, 2);
		c->until_ms = db_i64(s, 3);
	}
	if (s)
		db_reset(s);
	return rc;
}

bool throttle_has_unsaved(struct throttle *t)
{
	bool any = false;
	pthread_mutex_lock(&t->mu);
	for (int i = 0; i < SETS * WAYS && !any; i++)
		any = t->counters[i / WAYS][i % WAYS].unsaved;
	pthread_mutex_unlock(&t->mu);
	return any;
}

static uint32_t take_unsaved(struct throttle *t, struct counter *out)
{
	uint32_t n = 0;
	pthread_mutex_lock(&t->mu);
	for (int i = 0; i < SETS * WAYS && n < SAVE_MAX; i++) {
		struct counter *c = &t->counters[i / WAYS][i % WAYS];
		if (!c->unsaved)
			continue;
		out[n++] = *c;
		c->unsaved = false;
	}
	pthread_mutex_unlock(&t->mu);
	return n;
}

enum rc throttle_save(struct throttle *t, struct db *db, struct err *e)
{
	struct counter some[SAVE_MAX];
	enum rc rc = RC_OK;
	uint32_t n = SAVE_MAX;
	while (rc == RC_OK && n == SAVE_MAX) {
		n = take_unsaved(t, some);
		for (uint32_t i = 0; rc == RC_OK && i < n; i++) {
			struct sv subject = {(const char *)some[i].subject, SUBJECT_BYTES};
			rc = some[i].n
				     ? run_sql(db, e,
					       "INSERT INTO throttle(subject, n, last_ms, until_ms) VALUES(?1, "
					       "?2, ?3, ?4) ON CONFLICT(subject) DO UPDATE SET n = excluded.n, "
					       "last_ms = excluded.last_ms, until_ms = excluded.until_ms",
					       "biii", subject, (int64_t)some[i].n, some[i].last_ms,
					       some[i].until_ms)
				     : run_sql(db, e, "DELETE FROM throttle WHERE subject = ?1", "b", subject);
		}
	}
	return rc;
}
