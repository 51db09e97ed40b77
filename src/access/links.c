// SPDX-License-Identifier: Apache-2.0
// One-time tokens: the one that makes the first administrator, and links with which a user signs in once. Of a token its
// hash is stored; using it and what it does are one transaction, so that it works once.
#include "access/internal.h"

enum { TOKEN_LETTERS = ACCESS_TOKEN_BYTES - 1 };

static enum rc insert_link(
	struct access *a, struct sv user_id, int64_t lifetime_ms, char token[ACCESS_TOKEN_BYTES], struct err *e)
{
	struct token_hash hash;
	int64_t now = access_now(a);
	token_make(token, TOKEN_LETTERS);
	token_hash(sv_from(token), &hash);
	return run_sql(a->db, e,
		"INSERT INTO link(hash, user, made_ms, expires_ms) VALUES(?1, CAST(?2 AS INTEGER), ?3, ?4)",
		"btii", (struct sv){(const char *)hash.bytes, HASH_BYTES}, user_id, now, now + lifetime_ms);
}

// Takes a token that still holds; it is gone then. *user 0: the one for the first administrator.
static enum rc take_link(struct access *a, struct sv token, int64_t *user, struct err *e)
{
	struct token_hash hash;
	struct db_stmt *s;
	bool row = false;
	token_hash(token, &hash);
	struct sv bytes = {(const char *)hash.bytes, HASH_BYTES};
	enum rc rc = ask_sql(a->db, &s, &row, e,
		"SELECT coalesce(user, 0) FROM link WHERE hash = ?1 AND expires_ms > ?2", "bi", bytes,
		access_now(a));
	if (rc == RC_OK && !row) {
		rc = err_set(e, RC_DENIED, "this link is not known, used up or expired");
		err_remedy(e, "ask for a new one");
	}
	if (rc != RC_OK)
		return rc;
	*user = db_i64(s, 0);
	db_reset(s);
	return run_sql(a->db, e, "DELETE FROM link WHERE hash = ?1", "b", bytes);
}

// --- the first administrator ---

static enum rc must_be_new(struct access *a, struct err *e)
{
	struct db_stmt *s;
	bool row;
	enum rc rc = ask_sql(a->db, &s, &row, e, "SELECT 1 FROM user LIMIT 1", "");
	if (rc == RC_OK && row) {
		db_reset(s);
		rc = err_set(e, RC_EXISTS, "the first user is set up already");
		err_remedy(e, "sign in, or ask an administrator for a sign-in link");
	}
	return rc;
}

enum rc access_setup_token(struct access *a, char token[ACCESS_TOKEN_BYTES], struct err *e)
{
	enum rc rc = change_begin(a, e);
	if (rc != RC_OK)
		return rc;
	rc = must_be_new(a, e);
	if (rc == RC_OK)
		rc = run_sql(a->db, e, "DELETE FROM link WHERE user IS NULL", "");
	if (rc == RC_OK)
		rc = insert_link(a, SV_NONE, DAY_MS, token, e);
	rc = change_end(a, rc, false, e);
	if (rc != RC_OK)
		secret_wipe(token, ACCESS_TOKEN_BYTES);
	return rc;
}

static enum rc make_first(struct access *a, struct sv token, const struct access_user_change *u,
	const char *hash, const struct access_client *client, struct access_signed_in *out, struct err *e)
{
	const struct access_actor by = {.who = u->email, .address = client->address, .rights = RIGHTS_ALL};
	int64_t user = 0, id = 0;
	enum rc rc = must_be_new(a, e);
	if (rc == RC_OK)
		rc = take_link(a, token, &user, e);
	if (rc == RC_OK && user != 0)
		rc = err_set(e, RC_DENIED, "this link is not for the first user");
	if (rc == RC_OK)
		rc = user_insert(a, &by, u, hash, &id, e);
	int64_t dropped; // none: there were no sessions
	return rc == RC_OK ? session_insert(a, id, NULL, WAY_SETUP, client, out, &dropped, e) : rc;
}

// Asks before the password is computed, which is work that not everybody may cause.
static enum rc must_be_good(struct access *a, struct sv token, struct err *e)
{
	int64_t user;
	enum rc rc = change_begin(a, e);
	if (rc != RC_OK)
		return rc;
	rc = must_be_new(a, e);
	if (rc == RC_OK)
		rc = take_link(a, token, &user, e);
	db_rollback(a->db);
	pthread_mutex_unlock(&a->db_mu);
	return rc;
}

enum rc access_setup_check(struct access *a, struct sv token, const struct access_client *client, struct err *e)
{
	struct err why = ERR_NONE;
	enum rc rc = must_be_good(a, token, &why);
	if (rc == RC_DENIED) {
		audit_refused(a, SV_NONE, client->address, "wrong set-up link");
		why = ERR_NONE;
		err_set(&why, RC_DENIED, "this set-up link is not known, used up or expired");
		err_remedy(&why, "start the server again: it prints a new one");
	}
	return rc == RC_OK ? RC_OK : err_take(e, &why);
}

enum rc access_setup(struct access *a, struct sv token, struct sv name, struct sv email, struct sv password,
	const struct access_client *client, struct access_signed_in *out, struct err *e)
{
	char hash[PASSWORD_HASH_BYTES];
	struct access_user_change u = {.email = email.ptr ? email : SV(""),
		.name = name.ptr ? name : SV(""),
		.has_role = true,
		.role = ROLE_ADMINISTRATOR};
	*out = (struct access_signed_in){.token = ""};
	enum rc rc = access_setup_check(a, token, client, e);
	if (rc == RC_OK)
		rc = user_check(&u, e);
	if (rc == RC_OK)
		rc = password_hash(a, password, u.email, u.name, hash, e);
	if (rc == RC_OK)
		rc = change_begin(a, e);
	if (rc != RC_OK)
		return rc;
	rc = change_end(a, make_first(a, token, &u, hash, client, out, e), true, e);
	return session_settle(a, rc, out, 0);
}

// --- links to sign in ---

static enum rc make_link(struct access *a, const struct access_actor *by, int64_t user, int64_t lifetime_ms,
	char token[ACCESS_TOKEN_BYTES], struct arena *arena, struct err *e)
{
	struct access_user *u;
	uint32_t n;
	enum rc rc = users_read(a, user, SV_NONE, arena, &u, &n, e);
	if (rc == RC_OK && n != 1)
		rc = err_set(e, RC_NOT_FOUND, "there is no user of number %lld", (long long)user);
	if (rc == RC_OK && by->user != user)
		rc = must_have_rights(by, role_info(u->role)->rights, "the user", e);
	if (rc == RC_OK && u->disabled) {
		rc = err_set(e, RC_USAGE, "the user %.*s is disabled", SV_ARG(u->email));
		err_remedy(e, "enable it first");
	}
	if (rc != RC_OK)
		return rc;
	struct sv id = arena_printf(arena, "%lld", (long long)user);
	rc = id.ptr ? insert_link(a, id, lifetime_ms, token, e)
		    : err_set(e, RC_NOMEM, "out of memory for a link");
	return rc == RC_OK ? audit_put(a, by, "link.make", u->email, SV_NONE, e) : rc;
}

enum rc access_link_new(struct access *a, const struct access_actor *by, int64_t user, int64_t lifetime_ms,
	char token[ACCESS_TOKEN_BYTES], struct err *e)
{
	if (user <= 0)
		return err_set(e, RC_NOT_FOUND, "there is no user of number %lld", (long long)user);
	if (lifetime_ms <= 0 || lifetime_ms > (int64_t)7 * DAY_MS)
		return err_set(e, RC_USAGE, "a sign-in link holds for at most 7 days");
	struct arena *arena = arena_new(1u << 20);
	enum rc rc = arena ? change_begin(a, e) : err_set(e, RC_NOMEM, "out of memory for a link");
	if (rc == RC_OK)
		rc = change_end(a, make_link(a, by, user, lifetime_ms, token, arena, e), false, e);
	if (rc != RC_OK)
		secret_wipe(token, ACCESS_TOKEN_BYTES);
	arena_free(&arena);
	return rc;
}

enum rc access_link_redeem(struct access *a, struct sv token, const struct access_client *client,
	struct access_signed_in *out, struct err *e)
{
	int64_t user = 0, dropped = 0;
	*out = (struct access_signed_in){.token = ""};
	enum rc rc = change_begin(a, e);
	if (rc != RC_OK)
		return rc;
	rc = take_link(a, token, &user, e);
	if (rc == RC_OK && user == 0)
		rc = err_set(e, RC_DENIED, "this link sets up the first user");
	if (rc == RC_OK)
		rc = session_insert(a, user, NULL, WAY_LINK, client, out, &dropped, e);
	rc = session_settle(a, change_end(a, rc, false, e), out, dropped);
	if (rc == RC_DENIED)
		audit_refused(a, SV_NONE, client->address, "wrong sign-in link");
	return rc;
}
