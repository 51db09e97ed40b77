// SPDX-License-Identifier: Apache-2.0
// Who may do what: users with passwords, sessions, one-time links, keys of programs, the audit trail.
//
// All of it is in access.db beside corridor.db, a file of its own that only its owner may read
// (docs/decisions/access-database.md). Secrets are stored as hashes only: passwords by argon2id, everything that this
// program made up itself (tokens, keys) by BLAKE2b. The one exception are those of webhooks (hooks.h). No function logs
// a secret or puts it into an error.
//
// Threads: every function here may be called from any thread. Three never wait for the disk, so that they may stand in
// the way of each request: access_view_get, what reads a view, and access_session_find (as long as the sessions fit into
// its cache, which they do up to thousands). The functions about passwords compute for about 50 ms; the others wait for
// SQLite. access_open and access_close belong to one thread, before and after all others.
#ifndef CORRIDOR_ACCESS_ACCESS_H
#define CORRIDOR_ACCESS_ACCESS_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/sv.h"

#include <stdbool.h>
#include <stdint.h>

#define ACCESS_EMAIL_MAX 254u     // bytes
#define ACCESS_NAME_MAX 200u      // bytes, of persons, keys, sources and departments
#define ACCESS_PASSWORD_MIN 10u   // characters
#define ACCESS_PASSWORD_MAX 1024u // bytes
#define ACCESS_TOKEN_BYTES 44u    // of a token's text, its NUL included
#define ACCESS_KEY_BYTES 132u     // of a key's text, its NUL included
#define ACCESS_ORIGINS_MAX 32u
#define ACCESS_DEPARTMENTS_MAX 32u

// --- rights and roles: one table (roles.c) ---

enum right {
	RIGHT_LOOK,
	RIGHT_ASK,
	RIGHT_PERSONS,
	RIGHT_SQL,
	RIGHT_SHARE,
	RIGHT_QUARANTINE,
	RIGHT_SEND,
	RIGHT_IMPORT,
	RIGHT_DESIGN,
	RIGHT_ERASE,
	RIGHT_SETTINGS,
	RIGHT_KEYS,
	RIGHT_USERS,
	RIGHT_AUDIT,
	RIGHT_COUNT
};
enum role { ROLE_VIEWER, ROLE_AGENT, ROLE_OWNER, ROLE_MANAGER, ROLE_ADMINISTRATOR, ROLE_COUNT };

// A set of rights is a mask of these bits.
#define RIGHT_BIT(right) (UINT32_C(1) << (right))
#define RIGHTS_ALL (RIGHT_BIT(RIGHT_COUNT) - 1)

struct right_info {
	const char *name, *summary;
};
struct role_info {
	const char *name, *summary;
	uint32_t rights;
};
// The row of the table; never NULL.
const struct right_info *right_info(enum right right);
const struct role_info *role_info(enum role role);
// The role of that name. RC_USAGE with the names that there are.
enum rc role_find(struct sv name, enum role *out, struct err *e);
// "look,ask" as a mask; separated by commas or spaces. RC_USAGE with the names that there are.
enum rc rights_parse(struct sv names, uint32_t *out, struct err *e);
// A mask as "look,ask", in the arena; SV_NONE when out of memory.
struct sv rights_text(uint32_t rights, struct arena *arena);

// --- opening ---

struct access;

struct access_options {
	const struct clock *clock;  // NULL: the system's
	int64_t session_idle_ms;    // a session ends when nothing is asked for so long; 0: 12 h
	int64_t session_longest_ms; // and after this in any case; 0: 7 days
	uint32_t sessions_cached;   // sessions kept in memory; 0: 8,192
};

// Opens (makes, when it is not there) the access database of a data directory. RC_NOT_FOUND: not a data directory.
// Several processes may have it open; what one changes holds for the others after their next access_tend.
enum rc access_open(const char *dir, const struct access_options *options, struct access **out, struct err *e);
// Saves what access_tend would have. NULL is allowed.
void access_close(struct access **a);
// To be called about once a second by one thread: takes over what other processes changed, saves when sessions and keys
// were last used and who failed to sign in, forgets what has expired.
enum rc access_tend(struct access *a, struct err *e);

// Who does it, for the audit trail. Nobody hands out rights that it has not.
struct access_actor {
	int64_t user;      // 0: none of the users
	struct sv who;     // e-mail address, name of the key, or "user@host" of a command
	struct sv address; // of the network; SV_NONE: none
	uint32_t rights;
};

// --- users ---

struct access_user {
	int64_t id;
	struct sv email, name;
	enum role role;
	const struct sv *departments; // that it owns
	uint32_t n_departments;
	bool disabled, has_password;
	int64_t made_ms, password_ms, signed_in_ms; // 0: never
};

// What is to be set; members that are absent (ptr NULL, has_… false) stay.
struct access_user_change {
	struct sv email, name;
	bool has_role, has_disabled, has_departments, disabled;
	enum role role;
	const struct sv *departments;
	uint32_t n_departments;
};

// A new user: email, name and role must be given. An absent password: the user signs in with a link and sets one.
// RC_EXISTS: the e-mail address is taken (case does not count). RC_INPUT: a text breaks a limit, the password is too
// weak. RC_DENIED: the role has rights that the actor lacks.
enum rc access_user_add(struct access *a, const struct access_actor *by, const struct access_user_change *user,
	struct sv password, int64_t *id, struct err *e);
// All users by e-mail address, in the arena.
enum rc access_user_list(
	struct access *a, struct arena *arena, struct access_user **out, uint32_t *n, struct err *e);
// One of them. RC_NOT_FOUND.
enum rc access_user_get(
	struct access *a, int64_t id, struct arena *arena, struct access_user *out, struct err *e);
enum rc access_user_find(
	struct access *a, struct sv email, struct arena *arena, struct access_user *out, struct err *e);
// RC_NOT_FOUND, RC_EXISTS, RC_INPUT and RC_DENIED as above; RC_USAGE: no administrator would be left. Disabling ends the
// user's sessions.
enum rc access_user_set(struct access *a, const struct access_actor *by, int64_t id,
	const struct access_user_change *change, struct err *e);
// Sets the password and ends all sessions of the user but `keep_session` (0: none is kept), and all its links.
enum rc access_user_password(struct access *a, const struct access_actor *by, int64_t id, struct sv password,
	int64_t keep_session, struct err *e);
// Is this the user's password? RC_DENIED: no. Counts as an attempt to sign in, and is refused like one.
enum rc access_password_check(
	struct access *a, int64_t id, struct sv password, struct sv address, int64_t *retry_ms, struct err *e);
// Removes a user with sessions and links; keys that it made stay. RC_NOT_FOUND, RC_USAGE, RC_DENIED as above.
enum rc access_user_remove(struct access *a, const struct access_actor *by, int64_t id, struct err *e);

// --- the view: users, keys and webhooks (hooks.h) at one moment, in memory ---

struct access_view;

// The newest view; it does not change while it is held. Give it back with access_view_release.
const struct access_view *access_view_get(struct access *a);
void access_view_release(struct access *a, const struct access_view **view);
// No user is there yet: the first one has to be set up.
bool access_view_is_new(const struct access_view *view);
// NULL: there is none, or it is disabled. Valid as long as the view.
const struct access_user *access_view_user(const struct access_view *view, int64_t id);

// --- signing in ---

enum access_way { WAY_PASSWORD, WAY_LINK, WAY_SETUP };

struct access_session {
	int64_t id, user;
	enum access_way way;
	int64_t made_ms, seen_ms, expires_ms; // expires_ms: whatever is asked for until then
	char csrf[ACCESS_TOKEN_BYTES];        // must come with each request that writes
};

struct access_signed_in {
	struct access_session session;
	char token[ACCESS_TOKEN_BYTES]; // for the cookie; nobody has it but the browser
};

// Where it comes from, as told to the user in its list of sessions.
struct access_client {
	struct sv address, agent; // network address; User-Agent (cut when it is long)
};

// RC_DENIED: e-mail address or password is wrong (which one is not told). RC_LIMIT: too many attempts for the account or
// from the address, *retry_ms tells how long to wait. RC_BUSY: too many at once, *retry_ms as well.
enum rc access_sign_in(struct access *a, struct sv email, struct sv password,
	const struct access_client *client, struct access_signed_in *out, int64_t *retry_ms, struct err *e);
// The session of a token, and notes that it was used. RC_DENIED: there is none, it has expired, or its user is gone or
// disabled in this view.
enum rc access_session_find(struct access *a, const struct access_view *view, struct sv token,
	struct access_session *out, struct err *e);
// Is `given` the session's CSRF token? In constant time.
bool access_session_csrf(const struct access_session *session, struct sv given);

struct access_session_item {
	int64_t id, made_ms, seen_ms, expires_ms;
	enum access_way way;
	struct sv address, agent;
};
// The sessions of a user, newest first, in the arena.
enum rc access_session_list(struct access *a, int64_t user, struct arena *arena,
	struct access_session_item **out, uint32_t *n, struct err *e);
// Ends one session of the user, or with session 0 all of them. RC_NOT_FOUND: the user has no such session.
enum rc access_session_end(
	struct access *a, const struct access_actor *by, int64_t user, int64_t session, struct err *e);
// Ends all sessions of the user but `keep`.
enum rc access_session_end_others(
	struct access *a, const struct access_actor *by, int64_t user, int64_t keep, struct err *e);

// --- the first user, and one-time links ---

// A token with which the first administrator can be made, as long as there are no users; an earlier one is void.
// Holds for a day. RC_EXISTS: there are users.
enum rc access_setup_token(struct access *a, char token[ACCESS_TOKEN_BYTES], struct err *e);
// Would access_setup take this token? RC_DENIED: it is unknown, used up or expired. RC_EXISTS: there are users.
enum rc access_setup_check(
	struct access *a, struct sv token, const struct access_client *client, struct err *e);
// Makes the administrator and signs in. RC_DENIED: wrong or expired token. RC_EXISTS, RC_INPUT as access_user_add.
enum rc access_setup(struct access *a, struct sv token, struct sv name, struct sv email, struct sv password,
	const struct access_client *client, struct access_signed_in *out, struct err *e);
// A token with which somebody can sign in as the user, once, until lifetime_ms from now (at most 7 days).
// RC_NOT_FOUND, RC_USAGE (the user is disabled), RC_DENIED as above.
enum rc access_link_new(struct access *a, const struct access_actor *by, int64_t user, int64_t lifetime_ms,
	char token[ACCESS_TOKEN_BYTES], struct err *e);
// Signs in with such a token, which is void then. RC_DENIED: it is unknown, used up or expired.
enum rc access_link_redeem(struct access *a, struct sv token, const struct access_client *client,
	struct access_signed_in *out, struct err *e);

// --- keys of programs ---

// Write keys send interactions over the tracking protocol (they stand in web pages, everybody can read them); API keys
// stand for a program that has rights.
enum access_key_kind { KEY_WRITE, KEY_API };

struct access_key {
	int64_t id;
	enum access_key_kind kind;
	struct sv prefix;         // the first characters, to recognise it by
	struct sv name;           // what it is for
	struct sv source;         // write keys: the source of what comes with it
	const struct sv *origins; // write keys: web origins that may use it; none: all may
	uint32_t n_origins;
	bool links_email; // write keys of servers: what comes with it tells whose an e-mail address is
	uint32_t rights;  // API keys
	int64_t made_ms, expires_ms, revoked_ms, used_ms; // 0: never
	struct sv made_by;
};

// What is to be made or set; members that are absent (ptr NULL, has_… false) stay.
struct access_key_change {
	struct sv name, source;
	bool has_origins, has_rights, has_expires, has_links_email, links_email;
	const struct sv *origins; // "https://shop.example", "https://*.example.com", "http://localhost:3000"
	uint32_t n_origins;
	uint32_t rights;
	int64_t expires_ms;
	struct sv
		given; // a new write key: this text instead of a random one (16 to 128 letters, digits, - . _)
};

// Makes a key; its text is given this once. A write key needs name and source, an API key name and rights. A write key
// with origins cannot link e-mail addresses: everybody can read it.
// RC_INPUT: a text breaks a limit. RC_EXISTS: the given key is there already. RC_DENIED: rights that the actor lacks.
enum rc access_key_add(struct access *a, const struct access_actor *by, enum access_key_kind kind,
	const struct access_key_change *key, char text[ACCESS_KEY_BYTES], int64_t *id, struct err *e);
// All keys, newest first, in the arena; without `revoked` those that have not been revoked.
enum rc access_key_list(struct access *a, bool revoked, struct arena *arena, struct access_key **out,
	uint32_t *n, struct err *e);
// RC_NOT_FOUND (also of a revoked one), RC_INPUT, RC_DENIED.
enum rc access_key_set(struct access *a, const struct access_actor *by, int64_t id,
	const struct access_key_change *change, struct err *e);
// From now on the key is unknown. RC_NOT_FOUND (also of a revoked one), RC_DENIED.
enum rc access_key_revoke(struct access *a, const struct access_actor *by, int64_t id, struct err *e);
// The key of that text, NULL: unknown, revoked, expired. Valid as long as the view. Notes that it was used.
const struct access_key *access_view_key(const struct access_view *view, struct sv text, int64_t now_ms);
// May a page of this origin use the key?
bool access_key_origin(const struct access_key *key, struct sv origin);

// --- the audit trail ---

struct access_audit {
	int64_t id, at_ms, user; // user 0: none
	struct sv who, address, act, object, detail;
};
struct access_audit_filter {
	struct sv act;          // this act, or with a dot at the end all that begin so ("user."); SV_NONE: all
	struct sv who;          // SV_NONE: all
	int64_t from_ms, to_ms; // from ≤ at < to; 0: open
};

// Adds an entry: acts of other parts ("design.publish", "import", "person.erase"). The parts in this header write theirs
// themselves, in the transaction of the act. Texts are cut at 1,000 bytes.
enum rc access_audit_add(struct access *a, const struct access_actor *by, struct sv act, struct sv object,
	struct sv detail, struct err *e);
// The newest entries below the id `before` (0: from the newest), at most `limit` (1 to 1,000), in the arena. *next: what
// to give as `before` for those that follow; 0: there are none.
enum rc access_audit_page(struct access *a, const struct access_audit_filter *filter, int64_t before,
	uint32_t limit, struct arena *arena, struct access_audit **out, uint32_t *n, int64_t *next,
	struct err *e);

#endif
