// SPDX-License-Identifier: Apache-2.0
// Sessions: signing in, finding the session of a request, ending. A session's token is known to the browser only; stored
// is its hash.
//
// A session ends when it was not used for options.session_idle_ms, options.session_longest_ms after it began, when it is
// ended, and when its user is disabled, removed or gets a new password. The time of the last use is kept in memory and
// stored once a minute (access_tend), so that after a crash a session may have up to a minute less.
#include "access/internal.h"

#include "base/mem.h"

enum { TOKEN_LETTERS = ACCESS_TOKEN_BYTES - 1, SAVED_AT_ONCE = 256, BUSY_RETRY_MS = 2000 };

static enum rc no_session(struct err *e)
{
	enum rc rc = err_set(e, RC_DENIED, "you are not signed in, or no longer");
	err_remedy(e, "sign in again");
	return rc;
}

// Puts a session into the cache. What has to go for it may have been used since that was stored. db_mu is held.
static enum rc remember(struct access *a, const struct cached_session *s, struct err *e)
{
	struct cached_session gone;
	if (cache_put(a->cache, s, &gone) || gone.session.seen_ms - gone.saved_ms <= USE_SAVED_MS)
		return RC_OK;
	return run_sql(a->db, e, "UPDATE session SET seen_ms = max(seen_ms, ?1) WHERE id = ?2", "ii",
		gone.session.seen_ms, gone.session.id);
}

// --- beginning ---

// A user who has too many loses the oldest one.
static enum rc drop_oldest(struct access *a, int64_t user, int64_t *dropped, struct err *e)
{
	struct db_stmt *s;
	bool row;
	*dropped = 0;
	enum rc rc = ask_sql(a->db, &s, &row, e,
		"SELECT id FROM session WHERE user = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2", "ii", user,
		(int64_t)SESSIONS_PER_USER);
	if (rc != RC_OK || !row)
		return rc;
	*dropped = db_i64(s, 0);
	db_reset(s);
	return run_sql(a->db, e, "DELETE FROM session WHERE id = ?1", "i", *dropped);
}

static enum rc note_sign_in(
	struct access *a, int64_t user, enum access_way way, const struct access_client *client, struct err *e)
{
	static const char *const ways[] = {"password", "link", "set-up"};
	struct db_stmt *s;
	bool row;
	enum rc rc =
		run_sql(a->db, e, "UPDATE user SET signed_in_ms = ?1 WHERE id = ?2", "ii", access_now(a), user);
	if (rc == RC_OK)
		rc = ask_sql(a->db, &s, &row, e, "SELECT email FROM user WHERE id = ?1", "i", user);
	if (rc == RC_OK && row) {
		const struct access_actor by = {.user = user, .who = db_text(s, 0), .address = client->address};
		rc = audit_put(a, &by, "session.begin", SV_NONE, sv_from(ways[way]), e);
		db_reset(s);
	}
	return rc;
}

enum rc session_insert(struct access *a, int64_t user, const char *password, enum access_way way,
	const struct access_client *client, struct access_signed_in *out, int64_t *dropped, struct err *e)
{
	struct token_hash hash;
	int64_t now = access_now(a);
	token_make(out->token, TOKEN_LETTERS);
	token_hash(sv_from(out->token), &hash);
	struct sv agent = client->agent.ptr && sv_utf8_valid(client->agent, NULL) ? client->agent : SV("");
	out->session = (struct access_session){.user = user,
		.way = way,
		.made_ms = now,
		.seen_ms = now,
		.expires_ms = now + a->options.session_longest_ms};
	enum rc rc = run_sql(a->db, e,
		"INSERT INTO session(hash, user, way, made_ms, seen_ms, expires_ms, address, agent) SELECT ?1, "
		"id, ?3, ?4, ?4, ?5, ?6, ?7 FROM user WHERE id = ?2 AND disabled = 0 AND "
		"(?8 IS NULL OR password = ?8)",
		"biiiittt", (struct sv){(const char *)hash.bytes, HASH_BYTES}, user, (int64_t)way, now,
		out->session.expires_ms,
		client->address.ptr ? text_cut(client->address, ACCESS_NAME_MAX) : SV(""),
		text_cut(agent, AGENT_TEXT_MAX), sv_from(password));
	if (rc == RC_OK && db_changes(a->db) != 1)
		rc = no_session(e);
	if (rc == RC_OK) {
		out->session.id = db_last_id(a->db);
		rc = drop_oldest(a, user, dropped, e);
	}
	if (rc == RC_OK)
		rc = note_sign_in(a, user, way, client, e);
	const struct cached_session c = {.hash = hash, .session = out->session, .saved_ms = now};
	if (rc == RC_OK)
		rc = remember(a, &c, e);
	token_csrf(sv_from(out->token), out->session.csrf);
	return rc;
}

enum rc session_settle(struct access *a, enum rc rc, struct access_signed_in *s, int64_t dropped)
{
	int64_t gone = rc == RC_OK ? dropped : s->session.id;
	if (gone)
		cache_remove(a->cache, 0, gone, 0);
	if (rc != RC_OK)
		secret_wipe(s, sizeof(*s));
	return rc;
}

// --- signing in ---

struct account {
	int64_t id;
	bool disabled;
	char hash[PASSWORD_HASH_BYTES]; // "" for none
};

static enum rc read_account(struct access *a, struct sv fold, int64_t id, struct account *out, struct err *e)
{
	struct db_stmt *s;
	bool row;
	*out = (struct account){.id = 0};
	pthread_mutex_lock(&a->db_mu);
	enum rc rc = ask_sql(a->db, &s, &row, e,
		fold.ptr ? "SELECT id, disabled, password FROM user WHERE fold = ?1 AND ?2 = 0"
			 : "SELECT id, disabled, password FROM user WHERE id = ?2 AND ?1 IS NULL",
		"ti", fold, id);
	if (rc == RC_OK && row) {
		struct sv hash = db_text(s, 2);
		out->id = db_i64(s, 0);
		out->disabled = db_i64(s, 1) != 0;
		if (hash.len < sizeof(out->hash))
			memcpy(out->hash, hash.ptr, hash.len);
		db_reset(s);
	}
	pthread_mutex_unlock(&a->db_mu);
	return rc;
}

static enum rc too_often(int64_t wait_ms, int64_t *retry_ms, struct err *e)
{
	long long seconds = (wait_ms + 999) / 1000;
	*retry_ms = wait_ms;
	enum rc rc = err_set(e, RC_LIMIT, "there were too many failed attempts to sign in");
	err_remedy(e, "wait %lld second%s, or ask an administrator for a sign-in link", seconds,
		seconds == 1 ? "" : "s");
	return rc;
}

static enum rc wrong(struct err *e)
{
	enum rc rc = err_set(e, RC_DENIED, "the e-mail address or the password is wrong");
	err_remedy(e, "try again, or ask an administrator for a sign-in link");
	return rc;
}

// Is this the account's password? The attempt is counted first, so that many at once do not slip through.
static enum rc try_password(struct access *a, const struct account *account, struct sv subject,
	struct sv address, struct sv password, bool *weak, int64_t *retry_ms, struct err *e)
{
	bool same = false;
	*weak = false;
	*retry_ms = 0;
	int64_t wait_ms = throttle_take(a->throttle, subject, address);
	if (wait_ms > 0) {
		audit_refused(a, subject, address, "too many attempts");
		return too_often(wait_ms, retry_ms, e);
	}
	enum rc rc = password_verify(a, account->hash, password, &same, weak, e);
	if (rc == RC_BUSY)
		*retry_ms = BUSY_RETRY_MS;
	if (rc != RC_OK)
		return rc;
	if (!same || !account->id || account->disabled) {
		audit_refused(a, subject, address, account->disabled ? "disabled" : "wrong password");
		return wrong(e);
	}
	throttle_forget(a->throttle, subject, address);
	return RC_OK;
}

// With today's parameters; if that fails, the next time.
static void renew_hash(struct access *a, struct account *account, struct sv password)
{
	struct err e = ERR_NONE;
	char fresh[PASSWORD_HASH_BYTES];
	if (password_hash(a, password, SV("@"), SV(""), fresh, &e) != RC_OK || change_begin(a, &e) != RC_OK)
		return;
	enum rc rc = run_sql(a->db, &e, "UPDATE user SET password = ?1 WHERE id = ?2 AND password = ?3", "tit",
		sv_from(fresh), account->id, sv_from(account->hash));
	if (change_end(a, rc, false, &e) == RC_OK)
		memcpy(account->hash, fresh, sizeof(fresh));
}

static enum rc begin_session(struct access *a, const struct account *account, const char *hash,
	enum access_way way, const struct access_client *client, struct access_signed_in *out, struct err *e)
{
	enum rc rc = change_begin(a, e);
	if (rc != RC_OK)
		return rc;
	int64_t dropped = 0;
	rc = session_insert(a, account->id, hash, way, client, out, &dropped, e);
	return session_settle(a, change_end(a, rc, false, e), out, dropped);
}

enum rc access_sign_in(struct access *a, struct sv email, struct sv password,
	const struct access_client *client, struct access_signed_in *out, int64_t *retry_ms, struct err *e)
{
	char fold[FOLD_BYTES];
	struct account account;
	bool weak;
	*retry_ms = 0;
	*out = (struct access_signed_in){.token = ""};
	// What cannot be an address is nobody's; it is treated like one that is nobody's.
	if (email_fold(sv_trim(email), fold, NULL) != RC_OK)
		fold[0] = '\0';
	enum rc rc = read_account(a, sv_from(fold), 0, &account, e);
	if (rc == RC_OK)
		rc = try_password(a, &account, sv_from(fold), client->address, password, &weak, retry_ms, e);
	if (rc == RC_OK && weak)
		renew_hash(a, &account, password);
	if (rc == RC_OK)
		rc = begin_session(a, &account, account.hash, WAY_PASSWORD, client, out, e);
	secret_wipe(&account, sizeof(account));
	return rc;
}

enum rc access_password_check(
	struct access *a, int64_t id, struct sv password, struct sv address, int64_t *retry_ms, struct err *e)
{
	struct account account;
	struct access_user user;
	bool weak;
	char fold[FOLD_BYTES] = "";
	*retry_ms = 0;
	struct arena *arena = arena_new(1u << 20);
	enum rc rc = arena ? access_user_get(a, id, arena, &user, e) : err_set(e, RC_NOMEM, "out of memory");
	if (rc == RC_OK)
		rc = email_fold(user.email, fold, e);
	if (rc == RC_OK)
		rc = read_account(a, SV_NONE, id, &account, e);
	if (rc == RC_OK) {
		rc = try_password(a, &account, sv_from(fold), address, password, &weak, retry_ms, e);
		secret_wipe(&account, sizeof(account));
	}
	arena_free(&arena);
	return rc;
}

// --- finding ---

static enum rc look_up(struct access *a, const struct token_hash *hash, int64_t now_ms,
	struct cached_session *out, bool *found, struct err *e)
{
	struct db_stmt *s;
	enum rc rc = ask_sql(a->db, &s, found, e,
		"SELECT id, user, way, made_ms, seen_ms, expires_ms FROM session WHERE hash = ?1", "b",
		(struct sv){(const char *)hash->bytes, HASH_BYTES});
	if (rc != RC_OK || !*found)
		return rc;
	*out = (struct cached_session){.hash = *hash,
		.session = {.id = db_i64(s, 0),
			.user = db_i64(s, 1),
			.way = (enum access_way)db_i64(s, 2),
			.made_ms = db_i64(s, 3),
			.seen_ms = db_i64(s, 4),
			.expires_ms = db_i64(s, 5)}};
	out->saved_ms = out->session.seen_ms;
	db_reset(s);
	struct cached_session seen = *out;
	if (now_ms - seen.session.seen_ms < a->options.session_idle_ms && now_ms > seen.session.seen_ms)
		seen.session.seen_ms = now_ms;
	return remember(a, &seen, e);
}

enum rc access_session_find(struct access *a, const struct access_view *view, struct sv token,
	struct access_session *out, struct err *e)
{
	struct token_hash hash;
	struct cached_session found = {.used = false};
	int64_t now = access_now(a);
	bool sure = false;
	*out = (struct access_session){.id = 0};
	if (token.len != TOKEN_LETTERS)
		return no_session(e);
	token_hash(token, &hash);
	bool there = cache_find(a->cache, &hash, now, a->options.session_idle_ms, &found.session, &sure);
	if (!there && !sure) {
		pthread_mutex_lock(&a->db_mu);
		enum rc rc = look_up(a, &hash, now, &found, &there, e);
		pthread_mutex_unlock(&a->db_mu);
		if (rc != RC_OK)
			return rc;
	}
	if (!there || now >= found.session.expires_ms ||
		now - found.session.seen_ms >= a->options.session_idle_ms ||
		!access_view_user(view, found.session.user))
		return no_session(e);
	*out = found.session;
	token_csrf(token, out->csrf);
	return RC_OK;
}

bool access_session_csrf(const struct access_session *session, struct sv given)
{
	return secret_equal(sv_from(session->csrf), given);
}

// --- lists and ends ---

static enum rc read_item(struct db_stmt *s, struct arena *arena, struct access_session_item *out, struct err *e)
{
	*out = (struct access_session_item){.id = db_i64(s, 0),
		.way = (enum access_way)db_i64(s, 1),
		.made_ms = db_i64(s, 2),
		.seen_ms = db_i64(s, 3),
		.expires_ms = db_i64(s, 4),
		.address = arena_copy(arena, db_text(s, 5)),
		.agent = arena_copy(arena, db_text(s, 6))};
	return out->address.ptr && out->agent.ptr ? RC_OK : err_set(e, RC_NOMEM, "out of memory for sessions");
}

enum rc access_session_list(struct access *a, int64_t user, struct arena *arena,
	struct access_session_item **out, uint32_t *n, struct err *e)
{
	struct db_stmt *s = NULL;
	bool row = false;
	int64_t now = access_now(a);
	*n = 0;
	*out = arena_array(arena, SESSIONS_PER_USER, sizeof(**out));
	if (!*out)
		return err_set(e, RC_NOMEM, "out of memory for sessions");
	pthread_mutex_lock(&a->db_mu);
	enum rc rc = ask_sql(a->db, &s, &row, e,
		"SELECT id, way, made_ms, seen_ms, expires_ms, address, agent FROM session WHERE user = ?1 AND "
		"expires_ms > ?2 AND seen_ms > ?3 ORDER BY id DESC LIMIT ?4",
		"iiii", user, now, now - a->options.session_idle_ms, (int64_t)SESSIONS_PER_USER);
	while (rc == RC_OK && row) {
		rc = read_item(s, arena, &(*out)[(*n)++], e);
		if (rc == RC_OK)
			rc = db_step(s, &row, e);
	}
	if (s)
		db_reset(s);
	pthread_mutex_unlock(&a->db_mu);
	return rc;
}

enum rc sessions_drop(struct access *a, int64_t user, int64_t keep, struct err *e)
{
	enum rc rc = run_sql(a->db, e, "DELETE FROM session WHERE user = ?1 AND id <> ?2", "ii", user, keep);
	return rc == RC_OK ? run_sql(a->db, e, "DELETE FROM link WHERE user = ?1", "i", user) : rc;
}

enum rc access_session_end(
	struct access *a, const struct access_actor *by, int64_t user, int64_t session, struct err *e)
{
	enum rc rc = change_begin(a, e);
	if (rc != RC_OK)
		return rc;
	rc = session ? run_sql(a->db, e, "DELETE FROM session WHERE user = ?1 AND id = ?2", "ii", user, session)
		     : run_sql(a->db, e, "DELETE FROM session WHERE user = ?1", "i", user);
	if (rc == RC_OK && session && db_changes(a->db) == 0)
		rc = err_set(e, RC_NOT_FOUND, "there is no such session of this user");
	if (rc == RC_OK)
		rc = audit_put(a, by, "session.end", SV_NONE, session ? SV_NONE : SV("all"), e);
	rc = change_end(a, rc, false, e);
	if (rc == RC_OK)
		cache_remove(a->cache, session ? 0 : user, session, 0);
	return rc;
}

enum rc access_session_end_others(
	struct access *a, const struct access_actor *by, int64_t user, int64_t keep, struct err *e)
{
	enum rc rc = change_begin(a, e);
	if (rc != RC_OK)
		return rc;
	rc = run_sql(a->db, e, "DELETE FROM session WHERE user = ?1 AND id <> ?2", "ii", user, keep);
	if (rc == RC_OK)
		rc = audit_put(a, by, "session.end", SV_NONE, SV("all others"), e);
	rc = change_end(a, rc, false, e);
	if (rc == RC_OK)
		cache_remove(a->cache, user, 0, keep);
	return rc;
}

// --- memory and the table ---

enum rc sessions_load(struct access *a, struct err *e)
{
	struct db_stmt *s = NULL;
	bool row = false, all = true;
	cache_clear(a->cache);
	enum rc rc = ask_sql(a->db, &s, &row, e,
		"SELECT id, user, way, made_ms, seen_ms, expires_ms, hash FROM session WHERE expires_ms > ?1 "
		"AND "
		"seen_ms > ?2 ORDER BY seen_ms",
		"ii", access_now(a), access_now(a) - a->options.session_idle_ms);
	for (; rc == RC_OK && row; rc = db_step(s, &row, e)) {
		struct cached_session c = {.session = {.id = db_i64(s, 0),
						   .user = db_i64(s, 1),
						   .way = (enum access_way)db_i64(s, 2),
						   .made_ms = db_i64(s, 3),
						   .seen_ms = db_i64(s, 4),
						   .expires_ms = db_i64(s, 5)},
			.saved_ms = db_i64(s, 4)};
		struct sv hash = db_blob(s, 6);
		if (hash.len != HASH_BYTES)
			continue;
		memcpy(c.hash.bytes, hash.ptr, HASH_BYTES);
		struct cached_session gone; // has just been read
		all &= cache_put(a->cache, &c, &gone);
	}
	if (s)
		db_reset(s);
	if (rc == RC_OK && all)
		cache_complete(a->cache);
	return rc;
}

enum rc sessions_save(struct access *a, struct err *e)
{
	struct cached_session some[SAVED_AT_ONCE];
	enum rc rc = RC_OK;
	uint32_t n = SAVED_AT_ONCE;
	while (rc == RC_OK && n == SAVED_AT_ONCE) {
		n = cache_unsaved(a->cache, a->closing ? 0 : USE_SAVED_MS, some, SAVED_AT_ONCE);
		if (n == 0)
			break;
		rc = db_begin(a->db, e);
		for (uint32_t i = 0; rc == RC_OK && i < n; i++)
			rc = run_sql(a->db, e, "UPDATE session SET seen_ms = max(seen_ms, ?1) WHERE id = ?2",
				"ii", some[i].session.seen_ms, some[i].session.id);
		if (rc == RC_OK)
			rc = db_commit(a->db, e);
		if (rc != RC_OK)
			db_rollback(a->db);
	}
	return rc;
}
