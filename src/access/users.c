// SPDX-License-Identifier: Apache-2.0
// Users: adding, changing, removing.
//
// Invariants:
//  1. Once there is an administrator who can sign in (enabled), there always is one.
//  2. E-mail addresses are different after case folding.
//  3. Nobody makes, changes or becomes a user with rights that the one who does it lacks.
//  4. With a new password, or disabled, a user has no old sessions and links any more.
#include "access/internal.h"

#include "base/buf.h"
#include "base/mem.h"

// --- reading ---

static enum rc no_memory(struct err *e)
{
	return err_set(e, RC_NOMEM, "out of memory for users");
}

static enum rc read_departments(struct access *a, struct access_user *u, struct arena *arena, struct err *e)
{
	struct db_stmt *s = NULL;
	bool row;
	enum rc rc = ask_sql(a->db, &s, &row, e,
		"SELECT department FROM user_department WHERE user = ?1 ORDER BY department", "i", u->id);
	struct sv *names =
		rc == RC_OK && row ? arena_array(arena, ACCESS_DEPARTMENTS_MAX, sizeof(*names)) : NULL;
	if (rc == RC_OK && row && !names)
		rc = no_memory(e);
	for (; rc == RC_OK && row && u->n_departments < ACCESS_DEPARTMENTS_MAX; rc = db_step(s, &row, e)) {
		names[u->n_departments] = arena_copy(arena, db_text(s, 0));
		if (!names[u->n_departments++].ptr) {
			rc = no_memory(e);
			break;
		}
	}
	if (s)
		db_reset(s);
	u->departments = names;
	return rc;
}

static enum rc read_user(struct db_stmt *s, struct arena *arena, struct access_user *u, struct err *e)
{
	*u = (struct access_user){.id = db_i64(s, 0),
		.email = arena_copy(arena, db_text(s, 1)),
		.name = arena_copy(arena, db_text(s, 2)),
		.has_password = db_i64(s, 4) != 0,
		.made_ms = db_i64(s, 5),
		.password_ms = db_i64(s, 6),
		.signed_in_ms = db_i64(s, 7),
		.disabled = db_i64(s, 8) != 0};
	if (!u->email.ptr || !u->name.ptr)
		return no_memory(e);
	return role_find(db_text(s, 3), &u->role, e);
}

#define COLUMNS                                                                                                \
	"SELECT id, email, name, role, password <> '', made_ms, password_ms, signed_in_ms, disabled FROM "     \
	"user "

enum rc users_read(struct access *a, int64_t id, struct sv fold, struct arena *arena, struct access_user **out,
	uint32_t *n, struct err *e)
{
	static const char all[] = COLUMNS "WHERE ?1 = 0 AND ?2 IS NULL ORDER BY fold",
			  one[] = COLUMNS "WHERE id = ?1 AND ?2 IS NULL",
			  named[] = COLUMNS "WHERE ?1 = 0 AND fold = ?2";
	struct access_user *rows = NULL;
	size_t n_rows = 0, capacity = 0;
	struct db_stmt *s = NULL;
	bool row = false;
	enum rc rc = ask_sql(a->db, &s, &row, e, fold.ptr ? named : id ? one : all, "it", id, fold);
	while (rc == RC_OK && row) {
		if (mem_grow((void **)&rows, &capacity, n_rows + 1, sizeof(*rows)) != 0)
			rc = no_memory(e);
		if (rc == RC_OK)
			rc = read_user(s, arena, &rows[n_rows], e);
		if (rc == RC_OK)
			rc = read_departments(a, &rows[n_rows++], arena, e);
		if (rc == RC_OK)
			rc = db_step(s, &row, e);
	}
	if (s)
		db_reset(s);
	*out = rc == RC_OK ? arena_array(arena, n_rows + 1, sizeof(*rows)) : NULL;
	*n = (uint32_t)n_rows;
	if (*out && n_rows)
		memcpy(*out, rows, n_rows * sizeof(*rows));
	else if (rc == RC_OK && !*out)
		rc = no_memory(e);
	mem_free(rows);
	return rc;
}

enum rc access_user_list(
	struct access *a, struct arena *arena, struct access_user **out, uint32_t *n, struct err *e)
{
	pthread_mutex_lock(&a->db_mu);
	enum rc rc = users_read(a, 0, SV_NONE, arena, out, n, e);
	pthread_mutex_unlock(&a->db_mu);
	return rc;
}

static enum rc must_find(struct access *a, int64_t id, struct sv fold, struct sv asked, struct arena *arena,
	struct access_user *out, struct err *e)
{
	struct access_user *found;
	uint32_t n;
	*out = (struct access_user){.id = 0};
	enum rc rc = users_read(a, id, fold, arena, &found, &n, e);
	if (rc != RC_OK)
		return rc;
	if (n == 1 && (id || fold.ptr)) {
		*out = found[0];
		return RC_OK;
	}
	rc = fold.ptr ? err_set(e, RC_NOT_FOUND, "there is no user %.*s", (int)asked.len, asked.ptr)
		      : err_set(e, RC_NOT_FOUND, "there is no user of number %lld", (long long)id);
	err_remedy(e, "corridor user list names all");
	return rc;
}

// In the transaction or under the lock of the caller.
static enum rc user_of(
	struct access *a, int64_t id, struct arena *arena, struct access_user *out, struct err *e)
{
	return must_find(a, id, SV_NONE, SV_NONE, arena, out, e);
}

enum rc access_user_get(
	struct access *a, int64_t id, struct arena *arena, struct access_user *out, struct err *e)
{
	pthread_mutex_lock(&a->db_mu);
	enum rc rc = user_of(a, id, arena, out, e);
	pthread_mutex_unlock(&a->db_mu);
	return rc;
}

enum rc access_user_find(
	struct access *a, struct sv email, struct arena *arena, struct access_user *out, struct err *e)
{
	char fold[FOLD_BYTES];
	enum rc rc = email_fold(email, fold, e);
	if (rc != RC_OK)
		return rc;
	pthread_mutex_lock(&a->db_mu);
	rc = must_find(a, 0, sv_from(fold), email, arena, out, e);
	pthread_mutex_unlock(&a->db_mu);
	return rc;
}

// --- what is allowed ---

enum rc must_have_rights(const struct access_actor *by, uint32_t rights, const char *what, struct err *e)
{
	if (!(rights & ~by->rights))
		return RC_OK;
	enum rc rc = err_set(e, RC_DENIED, "%s has rights that you lack", what);
	err_remedy(e, "ask an administrator");
	return rc;
}

static enum rc must_outrank(const struct access_actor *by, const struct access_user *u, struct err *e)
{
	return by->user == u->id ? RC_OK : must_have_rights(by, role_info(u->role)->rights, "the user", e);
}

// After the change, in its transaction: is there still somebody who can administrate?
static enum rc must_keep_administrator(struct access *a, struct err *e)
{
	struct db_stmt *s;
	bool row;
	enum rc rc = ask_sql(a->db, &s, &row, e,
		"SELECT 1 FROM user WHERE role = 'administrator' AND disabled = 0 LIMIT 1", "");
	if (rc == RC_OK && row) {
		db_reset(s);
	} else if (rc == RC_OK) {
		rc = err_set(e, RC_USAGE, "nobody could administrate any more: this is the last administrator");
		err_remedy(e, "make somebody else administrator first");
	}
	return rc;
}

enum rc user_check(struct access_user_change *u, struct err *e)
{
	char fold[FOLD_BYTES];
	enum rc rc = RC_OK;
	if (u->email.ptr) {
		u->email = sv_trim(u->email);
		rc = email_fold(u->email, fold, e);
	}
	if (rc == RC_OK && u->name.ptr)
		rc = name_check(u->name, "name", &u->name, e);
	if (rc == RC_OK && u->n_departments > ACCESS_DEPARTMENTS_MAX)
		rc = err_set(e, RC_INPUT, "more than %u departments", ACCESS_DEPARTMENTS_MAX);
	for (uint32_t i = 0; rc == RC_OK && u->has_departments && i < u->n_departments; i++) {
		struct sv trimmed;
		rc = name_check(u->departments[i], "department", &trimmed, e);
	}
	return rc;
}

// --- writing ---

static enum rc must_be_free(struct access *a, int64_t id, const char *fold, struct sv email, struct err *e)
{
	struct db_stmt *s;
	bool row;
	enum rc rc = ask_sql(
		a->db, &s, &row, e, "SELECT 1 FROM user WHERE fold = ?1 AND id <> ?2", "ti", sv_from(fold), id);
	if (rc == RC_OK && row) {
		db_reset(s);
		rc = err_set(e, RC_EXISTS, "there is a user %.*s already", (int)email.len, email.ptr);
		err_remedy(e, "change that one, or take another e-mail address");
	}
	return rc;
}

static enum rc set_departments(struct access *a, int64_t id, const struct access_user_change *u, struct err *e)
{
	enum rc rc = run_sql(a->db, e, "DELETE FROM user_department WHERE user = ?1", "i", id);
	for (uint32_t i = 0; rc == RC_OK && i < u->n_departments; i++)
		rc = run_sql(a->db, e,
			"INSERT INTO user_department(user, department) SELECT ?1, ?2 WHERE NOT EXISTS(SELECT 1 "
			"FROM user_department WHERE user = ?1 AND department = ?2)",
			"it", id, sv_trim(u->departments[i]));
	return rc;
}

static enum rc must_have_room(struct access *a, struct err *e)
{
	struct db_stmt *s;
	bool row;
	enum rc rc = ask_sql(a->db, &s, &row, e, "SELECT count(*) FROM user", "");
	if (rc == RC_OK && row) {
		if (db_i64(s, 0) >= USERS_MAX)
			rc = err_set(e, RC_LIMIT, "there are %d users already", (int)USERS_MAX);
		db_reset(s);
	}
	return rc;
}

enum rc user_insert(struct access *a, const struct access_actor *by, const struct access_user_change *u,
	const char *hash, int64_t *id, struct err *e)
{
	char fold[FOLD_BYTES];
	int64_t now = access_now(a), password_ms = *hash ? now : 0;
	enum rc rc = email_fold(u->email, fold, e);
	if (rc == RC_OK)
		rc = must_have_rights(by, role_info(u->role)->rights, "that role", e);
	if (rc == RC_OK)
		rc = must_have_room(a, e);
	if (rc == RC_OK)
		rc = must_be_free(a, 0, fold, u->email, e);
	if (rc == RC_OK)
		rc = run_sql(a->db, e,
			"INSERT INTO user(email, fold, name, role, password, made_ms, password_ms, "
			"signed_in_ms, disabled) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, 0)",
			"tttttii", u->email, sv_from(fold), u->name, sv_from(role_info(u->role)->name),
			sv_from(hash), now, password_ms);
	if (rc == RC_OK) {
		*id = db_last_id(a->db);
		rc = set_departments(a, *id, u, e);
	}
	return rc == RC_OK ? audit_put(a, by, "user.add", u->email, sv_from(role_info(u->role)->name), e) : rc;
}

enum rc access_user_add(struct access *a, const struct access_actor *by, const struct access_user_change *user,
	struct sv password, int64_t *id, struct err *e)
{
	char hash[PASSWORD_HASH_BYTES] = "";
	struct access_user_change u = *user;
	if (!u.email.ptr || !u.name.ptr || !u.has_role)
		return err_set(e, RC_INPUT, "a user needs an e-mail address, a name and a role");
	enum rc rc = user_check(&u, e);
	if (rc == RC_OK && password.ptr)
		rc = password_hash(a, password, u.email, u.name, hash, e);
	if (rc == RC_OK)
		rc = change_begin(a, e);
	if (rc != RC_OK)
		return rc;
	return change_end(a, user_insert(a, by, &u, hash, id, e), true, e);
}

static enum rc set_identity(
	struct access *a, const struct access_user *old, const struct access_user_change *u, struct err *e)
{
	char fold[FOLD_BYTES];
	struct sv email = u->email.ptr ? u->email : old->email;
	enum rc rc = email_fold(email, fold, e);
	if (rc == RC_OK)
		rc = must_be_free(a, old->id, fold, email, e);
	if (rc != RC_OK)
		return rc;
	int64_t disabled = u->has_disabled ? u->disabled : old->disabled;
	return run_sql(a->db, e,
		"UPDATE user SET email = ?1, fold = ?2, name = ?3, role = ?4, disabled = ?5 WHERE id = ?6",
		"ttttii", email, sv_from(fold), u->name.ptr ? u->name : old->name,
		sv_from(role_info(u->has_role ? u->role : old->role)->name), disabled, old->id);
}

// "email name role=owner departments=2 disabled": which members were given, for the audit trail.
static enum rc note_change(struct access *a, const struct access_actor *by, const struct access_user *old,
	const struct access_user_change *u, struct err *e)
{
	struct buf text = buf_new(4096);
	if (u->email.ptr && !sv_equal(u->email, old->email))
		buf_printf(&text, "e-mail was %.*s; ", SV_ARG(old->email));
	if (u->name.ptr && !sv_equal(u->name, old->name))
		buf_str(&text, "name; ");
	if (u->has_role && u->role != old->role)
		buf_printf(&text, "role %s, was %s; ", role_info(u->role)->name, role_info(old->role)->name);
	if (u->has_departments)
		buf_str(&text, "departments; ");
	if (u->has_disabled && u->disabled != old->disabled)
		buf_str(&text, u->disabled ? "disabled; " : "enabled; ");
	struct sv detail = buf_view(&text);
	detail.len -= detail.len ? 2 : 0;
	enum rc rc = buf_check(&text, e, "an audit entry");
	if (rc == RC_OK)
		rc = audit_put(a, by, "user.change", u->email.ptr ? u->email : old->email,
			detail.ptr ? detail : SV("nothing"), e);
	buf_free(&text);
	return rc;
}

static enum rc change_user(struct access *a, const struct access_actor *by, int64_t id,
	const struct access_user_change *u, struct arena *arena, struct err *e)
{
	struct access_user old;
	enum rc rc = user_of(a, id, arena, &old, e);
	if (rc == RC_OK)
		rc = must_outrank(by, &old, e);
	if (rc == RC_OK && u->has_role)
		rc = must_have_rights(by, role_info(u->role)->rights, "that role", e);
	if (rc == RC_OK)
		rc = set_identity(a, &old, u, e);
	if (rc == RC_OK && u->has_departments)
		rc = set_departments(a, id, u, e);
	if (rc == RC_OK && old.role == ROLE_ADMINISTRATOR && !old.disabled)
		rc = must_keep_administrator(a, e);
	if (rc == RC_OK && u->has_disabled && u->disabled)
		rc = sessions_drop(a, id, 0, e);
	return rc == RC_OK ? note_change(a, by, &old, u, e) : rc;
}

enum rc access_user_set(struct access *a, const struct access_actor *by, int64_t id,
	const struct access_user_change *change, struct err *e)
{
	struct access_user_change u = *change;
	struct arena *arena = arena_new(1u << 20);
	enum rc rc = arena ? user_check(&u, e) : no_memory(e);
	if (rc == RC_OK)
		rc = change_begin(a, e);
	if (rc == RC_OK) {
		rc = change_user(a, by, id, &u, arena, e);
		rc = change_end(a, rc, true, e);
		if (rc == RC_OK && u.has_disabled && u.disabled)
			cache_remove(a->cache, id, 0, 0);
	}
	arena_free(&arena);
	return rc;
}

static enum rc set_password(struct access *a, const struct access_actor *by, const struct access_user *u,
	const char *hash, int64_t keep, struct err *e)
{
	enum rc rc = run_sql(a->db, e, "UPDATE user SET password = ?1, password_ms = ?2 WHERE id = ?3", "tii",
		sv_from(hash), access_now(a), u->id);
	if (rc == RC_OK)
		rc = sessions_drop(a, u->id, keep, e);
	return rc == RC_OK ? audit_put(a, by, "user.password", u->email, SV_NONE, e) : rc;
}

enum rc access_user_password(struct access *a, const struct access_actor *by, int64_t id, struct sv password,
	int64_t keep_session, struct err *e)
{
	char hash[PASSWORD_HASH_BYTES], fold[FOLD_BYTES];
	struct access_user u, again;
	struct arena *arena = arena_new(1u << 20);
	enum rc rc = arena ? access_user_get(a, id, arena, &u, e) : no_memory(e);
	if (rc == RC_OK)
		rc = must_outrank(by, &u, e);
	if (rc == RC_OK)
		rc = password_hash(a, password, u.email, u.name, hash, e);
	if (rc == RC_OK)
		rc = change_begin(a, e);
	if (rc == RC_OK) {
		rc = user_of(a, id, arena, &again, e); // it may have been changed meanwhile
		if (rc == RC_OK)
			rc = must_outrank(by, &again, e);
		if (rc == RC_OK)
			rc = set_password(a, by, &again, hash, keep_session, e);
		rc = change_end(a, rc, true, e);
		if (rc == RC_OK) {
			cache_remove(a->cache, id, 0, keep_session);
			if (email_fold(again.email, fold, NULL) == RC_OK)
				throttle_forget(a->throttle, sv_from(fold), SV_NONE);
		}
	}
	secret_wipe(hash, sizeof(hash));
	arena_free(&arena);
	return rc;
}

static enum rc remove_user(
	struct access *a, const struct access_actor *by, int64_t id, struct arena *arena, struct err *e)
{
	struct access_user u;
	enum rc rc = user_of(a, id, arena, &u, e);
	if (rc == RC_OK)
		rc = must_outrank(by, &u, e);
	if (rc == RC_OK)
		rc = sessions_drop(a, id, 0, e);
	if (rc == RC_OK)
		rc = run_sql(a->db, e, "DELETE FROM user_department WHERE user = ?1", "i", id);
	if (rc == RC_OK)
		rc = run_sql(a->db, e, "DELETE FROM user WHERE id = ?1", "i", id);
	if (rc == RC_OK && u.role == ROLE_ADMINISTRATOR && !u.disabled)
		rc = must_keep_administrator(a, e);
	return rc == RC_OK ? audit_put(a, by, "user.remove", u.email, SV_NONE, e) : rc;
}

enum rc access_user_remove(struct access *a, const struct access_actor *by, int64_t id, struct err *e)
{
	struct arena *arena = arena_new(1u << 20);
	enum rc rc = arena ? change_begin(a, e) : no_memory(e);
	if (rc == RC_OK) {
		rc = change_end(a, remove_user(a, by, id, arena, e), true, e);
		if (rc == RC_OK)
			cache_remove(a->cache, id, 0, 0);
	}
	arena_free(&arena);
	return rc;
}
