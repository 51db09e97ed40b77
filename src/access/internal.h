// SPDX-License-Identifier: Apache-2.0
// What the files of access/ share.
//
// Locks, in the order in which they are taken: db_mu (the connection and everything that is read or written over it),
// then one of cache.mu, view_mu, throttle.mu, none of which is held while waiting for anything. Passwords are computed
// with no lock held.
//
// A change is one transaction under db_mu: its rows, its audit entry, and the new view read from it. The view is swapped
// after the commit, which cannot fail, so that memory never says less or more than the file.
#ifndef CORRIDOR_ACCESS_INTERNAL_H
#define CORRIDOR_ACCESS_INTERNAL_H

#include "access/access.h"
#include "access/hooks.h"
#include "db/db.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
	HASH_BYTES = 32, // of tokens and keys
	PASSWORD_HASH_BYTES = 128,
	USERS_MAX = 10000,
	KEYS_MAX = 10000, // that are not revoked
	SESSIONS_PER_USER = 50,
	FOLD_BYTES = 4 * ACCESS_EMAIL_MAX + 1,
	AUDIT_TEXT_MAX = 1000,
	AGENT_TEXT_MAX = 300,
	MINUTE_MS = 60 * 1000,
	HOUR_MS = 60 * MINUTE_MS,
	DAY_MS = 24 * HOUR_MS,
	USE_SAVED_MS = MINUTE_MS // times of use are stored when they are so much newer than what is stored
};

struct token_hash {
	uint8_t bytes[HASH_BYTES];
};

struct throttle;
struct session_cache;

// How many passwords are computed at once, and how many wait for it: each takes 19 MiB and a processor.
struct gate {
	pthread_mutex_t mu;
	pthread_cond_t free;
	unsigned running, waiting;
};

// Audit entries about refused attempts: in which minute, and how many in it.
struct flood {
	int64_t minute;
	unsigned n;
};

struct access {
	uint32_t magic;
	const struct clock *clock;
	struct access_options options;
	struct gate gate;
	struct throttle *throttle;
	struct session_cache *cache;
	pthread_mutex_t db_mu;
	struct db *db;
	int64_t data_version;                // SQLite's, of what the view and the cache say
	struct flood refused, refused_hooks; // under db_mu
	pthread_mutex_t view_mu;
	struct access_view *view;
	bool closing; // times of use are saved now, however new
};

// Unix time in ms, by the clock of the options.
int64_t access_now(const struct access *a);

// --- access.c: changes ---

// Takes db_mu and begins a transaction. RC_OK must be followed by change_end.
enum rc change_begin(struct access *a, struct err *e);
// Ends it: with rc RC_OK it commits, and with `reload` the view is made anew; otherwise all is undone. Gives db_mu back.
// Returns rc or what failed here.
enum rc change_end(struct access *a, enum rc rc, bool reload, struct err *e);
// Runs one statement that returns no rows. `format` has a letter for each value, bound in order: i int64_t, t struct sv
// (text), b struct sv (blob).
enum rc run_sql(struct db *db, struct err *e, const char *sql, const char *format, ...);
// The same; steps once, *row tells whether there is a row; the caller resets *s when there is.
enum rc ask_sql(
	struct db *db, struct db_stmt **s, bool *row, struct err *e, const char *sql, const char *format, ...);

// --- secret.c ---

// Random letters and digits: n of them and a NUL.
void token_make(char *out, size_t n);
void token_hash(struct sv text, struct token_hash *out);
// The token that a session's writing requests must bring, made from the session's own token.
void token_csrf(struct sv token, char out[ACCESS_TOKEN_BYTES]);
// Same bytes? In a time that does not tell where they differ.
bool secret_equal(struct sv a, struct sv b);
void secret_wipe(void *bytes, size_t n);
// A password as stored. RC_INPUT: too short, too long, no UTF-8, or like the other texts given; RC_BUSY.
enum rc password_hash(struct access *a, struct sv password, struct sv email, struct sv name,
	char out[PASSWORD_HASH_BYTES], struct err *e);
// *same: is it the password of this hash? An empty hash takes as long and is never the same. *weak: the hash is of other
// parameters than those of today. RC_BUSY: too many at once.
enum rc password_verify(
	struct access *a, const char *hash, struct sv password, bool *same, bool *weak, struct err *e);
void gate_init(struct gate *g);
void gate_destroy(struct gate *g);

// --- text.c ---

// The text that two spellings of an e-mail address have in common (Unicode case folding, NFC). RC_INPUT: not an address.
enum rc email_fold(struct sv email, char out[FOLD_BYTES], struct err *e);
// A name of something without control characters: trimmed into *out. RC_INPUT names `what`.
enum rc name_check(struct sv name, const char *what, struct sv *out, struct err *e);
// NFC of a valid UTF-8 text into out[size], NUL-terminated; *len bytes. RC_INPUT when it is not UTF-8 or too long.
enum rc text_compose(struct sv text, char *out, size_t size, size_t *len, struct err *e);
// Is it scheme://host[:port] with http or https, or with a leading "*." of the host? RC_INPUT when not.
enum rc origin_check(struct sv origin, struct err *e);
// At most max bytes of it, whole characters.
struct sv text_cut(struct sv text, size_t max);

// --- view.c ---

// Reads users and keys over the connection (db_mu is held). `before`: the view whose uses of keys are taken over.
enum rc view_read(struct access *a, const struct access_view *before, struct access_view **out, struct err *e);
void view_swap(struct access *a, struct access_view *fresh);
void view_free(struct access_view **v);
// Saves when keys were used last, in the transaction that is open.
enum rc view_save_uses(struct access *a, struct err *e);
bool view_has_unsaved(const struct access *a);
// When the key was used last, as far as the view knows; 0: not in it.
int64_t view_used_ms(const struct access_view *v, int64_t key);

// --- roles.c ---

// A mask of what rights_text once wrote; rights that there are no longer are left out, so that their keys can be read.
uint32_t rights_known(struct sv names);

// --- users.c, keys.c ---

// All users, or the one with this number, or the one whose folded e-mail address it is. db_mu is held.
enum rc users_read(struct access *a, int64_t id, struct sv fold, struct arena *arena, struct access_user **out,
	uint32_t *n, struct err *e);
// Inserts a user in the transaction that is open; `hash` is "" for none.
enum rc user_insert(struct access *a, const struct access_actor *by, const struct access_user_change *u,
	const char *hash, int64_t *id, struct err *e);
// Texts of a user to be made or changed; trimmed in place.
enum rc user_check(struct access_user_change *u, struct err *e);
// RC_DENIED: the actor lacks some of them.
enum rc must_have_rights(const struct access_actor *by, uint32_t rights, const char *what, struct err *e);

struct key_row {
	struct access_key key;
	struct token_hash hash;
};
// Keys, newest first; without `revoked` those that are not. db_mu is held.
enum rc keys_read(
	struct access *a, bool revoked, struct arena *arena, struct key_row **out, uint32_t *n, struct err *e);

// --- session_cache.c ---

struct cached_session {
	struct token_hash hash;
	struct access_session session;
	int64_t saved_ms; // seen_ms as stored
	bool used;
};

// For at least `capacity` sessions. NULL: out of memory.
struct session_cache *cache_new(uint32_t capacity);
void cache_free(struct session_cache **c);
// Finds a session by its token's hash and notes that it was seen at now_ms. *sure: when it is not there, is it nowhere?
bool cache_find(struct session_cache *c, const struct token_hash *hash, int64_t now_ms, int64_t idle_ms,
	struct access_session *out, bool *sure);
// False: another session was given up for it, which is in *gave_up then.
bool cache_put(struct session_cache *c, const struct cached_session *s, struct cached_session *gave_up);
// Removes those of the user (but `keep`), or the one session (user 0).
void cache_remove(struct session_cache *c, int64_t user, int64_t session, int64_t keep);
// Removes all; then nothing is sure until cache_complete is told that all sessions have been put and none given up.
void cache_clear(struct session_cache *c);
void cache_complete(struct session_cache *c);
// Up to max sessions whose time of last use is newer than what is stored by more than `newer_ms`; they count as stored
// then.
uint32_t cache_unsaved(struct session_cache *c, int64_t newer_ms, struct cached_session *out, uint32_t max);

// --- sessions.c ---

// Inserts a session in the transaction that is open, for the user whose password hash is still this one (NULL: whatever
// it is); gives the session, which is in the cache too, and the one that had to go for it (0: none). RC_DENIED: no such
// user any more.
enum rc session_insert(struct access *a, int64_t user, const char *password, enum access_way way,
	const struct access_client *client, struct access_signed_in *out, int64_t *dropped, struct err *e);
// After the end of that transaction: puts the cache right, whether it was committed or failed. Returns rc.
enum rc session_settle(struct access *a, enum rc rc, struct access_signed_in *s, int64_t dropped);
enum rc sessions_load(struct access *a, struct err *e);
enum rc sessions_save(struct access *a, struct err *e);
// Removes the user's sessions (but `keep`) and links, in the transaction that is open.
enum rc sessions_drop(struct access *a, int64_t user, int64_t keep, struct err *e);

// --- throttle.c ---

// NULL: out of memory.
struct throttle *throttle_new(const struct clock *clock);
void throttle_free(struct throttle **t);
// Counts an attempt for the account and from the address. Returns how long to wait, in ms; 0: go on. An attempt that is
// refused is not counted.
int64_t throttle_take(struct throttle *t, struct sv account, struct sv address);
// The attempt succeeded.
void throttle_forget(struct throttle *t, struct sv account, struct sv address);
enum rc throttle_load(struct throttle *t, struct db *db, struct err *e);
enum rc throttle_save(struct throttle *t, struct db *db, struct err *e);
bool throttle_has_unsaved(struct throttle *t);

// --- audit.c ---

// In the transaction that is open.
enum rc audit_put(struct access *a, const struct access_actor *by, const char *act, struct sv object,
	struct sv detail, struct err *e);
// An entry of which a flood is counted, not listed one by one. Has a transaction of its own; what fails is logged.
void audit_flooded(struct access *a, struct flood *f, const struct access_actor *by, const char *act,
	struct sv object, const char *why);
// The same of a refused attempt to get in.
void audit_refused(struct access *a, struct sv who, struct sv address, const char *why);

// --- hooks.c ---

// All webhooks by name. db_mu is held.
enum rc hooks_read(struct access *a, struct arena *arena, struct access_hook **out, uint32_t *n, struct err *e);

#endif
