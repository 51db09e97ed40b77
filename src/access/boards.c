// SPDX-License-Identifier: Apache-2.0
// Dashboards and shares: two small tables. Every change is one transaction with its entry of the audit trail.
#include "access/boards.h"
#include "access/internal.h"

enum { TOKEN_LETTERS = ACCESS_TOKEN_BYTES - 1 };
#define LIFETIME_MAX_MS ((int64_t)366 * DAY_MS)

static struct sv number_text(struct arena *arena, int64_t n)
{
	return arena_printf(arena, "%lld", (long long)n);
}

static enum rc not_found(const char *what, int64_t id, struct err *e)
{
	return err_set(e, RC_NOT_FOUND, "there is no %s %lld", what, (long long)id);
}

// RC_LIMIT: there are `most` rows.
static enum rc has_room(struct access *a, const char *count, uint32_t most, const char *what, struct err *e)
{
	struct db_stmt *s;
	bool row;
	enum rc rc = ask_sql(a->db, &s, &row, e, count, "i", access_now(a));
	if (rc != RC_OK)
		return rc;
	int64_t n = db_i64(s, 0);
	db_reset(s);
	return n < (int64_t)most ? RC_OK
				 : err_set(e, RC_LIMIT, "there are %u %s already: remove some", most, what);
}

// --- dashboards ---

static enum rc read_board(struct db_stmt *s, struct arena *arena, struct access_board *b, struct err *e)
{
	*b = (struct access_board){db_i64(s, 0), db_i64(s, 1), arena_copy(arena, db_text(s, 2)),
		arena_copy(arena, db_text(s, 3)), arena_copy(arena, db_text(s, 4))};
	return arena_refused(arena) ? err_set(e, RC_NOMEM, "out of memory for the dashboards") : RC_OK;
}

enum rc access_board_list(
	struct access *a, struct arena *arena, struct access_board **out, uint32_t *n, struct err *e)
{
	struct db_stmt *s = NULL;
	bool row = false;
	*n = 0;
	*out = arena_array(arena, BOARDS_MAX, sizeof(**out));
	if (!*out)
		return err_set(e, RC_NOMEM, "out of memory for the dashboards");
	pthread_mutex_lock(&a->db_mu);
	enum rc rc = ask_sql(a->db, &s, &row, e,
		"SELECT id, made_ms, title, tiles, who FROM board ORDER BY id LIMIT ?1", "i",
		(int64_t)BOARDS_MAX);
	while (rc == RC_OK && row && *n < BOARDS_MAX) {
		rc = read_board(s, arena, &(*out)[(*n)++], e);
		if (rc == RC_OK)
			rc = db_step(s, &row, e);
	}
	if (s)
		db_reset(s);
	pthread_mutex_unlock(&a->db_mu);
	return rc;
}

enum rc access_board_get(
	struct access *a, int64_t id, struct arena *arena, struct access_board *out, struct err *e)
{
	struct db_stmt *s;
	bool row;
	pthread_mutex_lock(&a->db_mu);
	enum rc rc = ask_sql(
		a->db, &s, &row, e, "SELECT id, made_ms, title, tiles, who FROM board WHERE id = ?1", "i", id);
	if (rc == RC_OK && row) {
		rc = read_board(s, arena, out, e);
		db_reset(s);
	} else if (rc == RC_OK) {
		rc = not_found("dashboard", id, e);
	}
	pthread_mutex_unlock(&a->db_mu);
	return rc;
}

static enum rc put_board(struct access *a, const struct access_actor *by, int64_t *id, struct sv title,
	struct sv tiles, struct err *e)
{
	bool is_new = *id == 0;
	enum rc rc = RC_OK;
	if (is_new) {
		rc = has_room(a, "SELECT count(*) FROM board WHERE ?1", BOARDS_MAX, "dashboards", e);
		if (rc == RC_OK)
			rc = run_sql(a->db, e,
				"INSERT INTO board(made_ms, title, tiles, who) VALUES(?1, ?2, ?3, ?4)", "ittt",
				access_now(a), title, tiles, by->who.ptr ? by->who : SV(""));
		*id = rc == RC_OK ? db_last_id(a->db) : 0;
	} else {
		rc = run_sql(a->db, e, "UPDATE board SET title = ?2, tiles = ?3 WHERE id = ?1", "itt", *id,
			title, tiles);
		if (rc == RC_OK && db_changes(a->db) == 0)
			rc = not_found("dashboard", *id, e);
	}
	return rc == RC_OK ? audit_put(a, by, is_new ? "dashboard.add" : "dashboard.set", title, SV_NONE, e)
			   : rc;
}

enum rc access_board_put(struct access *a, const struct access_actor *by, int64_t *id, struct sv title,
	struct sv tiles, struct err *e)
{
	enum rc rc = name_check(title.ptr ? title : SV(""), "the title", &title, e);
	if (rc == RC_OK && tiles.len > BOARD_TILES_BYTES_MAX)
		rc = err_set(e, RC_INPUT, "the dashboard is larger than %u bytes", BOARD_TILES_BYTES_MAX);
	if (rc == RC_OK)
		rc = change_begin(a, e);
	return rc == RC_OK ? change_end(a, put_board(a, by, id, title, tiles, e), false, e) : rc;
}

static enum rc remove_row(struct access *a, const struct access_actor *by, const char *sql, const char *act,
	const char *what, int64_t id, struct err *e)
{
	enum rc rc = change_begin(a, e);
	if (rc != RC_OK)
		return rc;
	rc = run_sql(a->db, e, sql, "ii", id, access_now(a));
	if (rc == RC_OK && db_changes(a->db) == 0)
		rc = not_found(what, id, e);
	struct arena *arena = arena_new(4096);
	struct sv number = arena ? number_text(arena, id) : SV_NONE;
	if (rc == RC_OK)
		rc = audit_put(a, by, act, number, SV_NONE, e);
	arena_free(&arena);
	return change_end(a, rc, false, e);
}

enum rc access_board_remove(struct access *a, const struct access_actor *by, int64_t id, struct err *e)
{
	return remove_row(
		a, by, "DELETE FROM board WHERE id = ?1 AND ?2", "dashboard.remove", "dashboard", id, e);
}

// --- shares ---

static enum rc read_share(struct db_stmt *s, struct arena *arena, struct access_share *x, struct err *e)
{
	*x = (struct access_share){db_i64(s, 0), db_i64(s, 1), db_i64(s, 2), arena_copy(arena, db_text(s, 3)),
		arena_copy(arena, db_text(s, 4)), arena_copy(arena, db_text(s, 5))};
	return arena_refused(arena) ? err_set(e, RC_NOMEM, "out of memory for the shares") : RC_OK;
}

enum rc access_share_list(
	struct access *a, struct arena *arena, struct access_share **out, uint32_t *n, struct err *e)
{
	struct db_stmt *s = NULL;
	bool row = false;
	*n = 0;
	*out = arena_array(arena, SHARES_MAX, sizeof(**out));
	if (!*out)
		return err_set(e, RC_NOMEM, "out of memory for the shares");
	pthread_mutex_lock(&a->db_mu);
	enum rc rc = ask_sql(a->db, &s, &row, e,
		"SELECT id, made_ms, expires_ms, path, title, who FROM share WHERE expires_ms > ?1"
		" ORDER BY id DESC LIMIT ?2",
		"ii", access_now(a), (int64_t)SHARES_MAX);
	while (rc == RC_OK && row && *n < SHARES_MAX) {
		rc = read_share(s, arena, &(*out)[(*n)++], e);
		if (rc == RC_OK)
			rc = db_step(s, &row, e);
	}
	if (s)
		db_reset(s);
	pthread_mutex_unlock(&a->db_mu);
	return rc;
}

static enum rc add_share(struct access *a, const struct access_actor *by, const struct access_share *x,
	struct sv token, struct err *e)
{
	struct token_hash hash;
	token_hash(token, &hash);
	enum rc rc = run_sql(a->db, e, "DELETE FROM share WHERE expires_ms <= ?1", "i", x->made_ms);
	if (rc == RC_OK)
		rc = has_room(a, "SELECT count(*) FROM share WHERE expires_ms > ?1", SHARES_MAX, "shares", e);
	if (rc == RC_OK)
		rc = run_sql(a->db, e,
			"INSERT INTO share(hash, made_ms, expires_ms, path, title, who)"
			" VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
			"biittt", (struct sv){(const char *)hash.bytes, HASH_BYTES}, x->made_ms, x->expires_ms,
			x->path, x->title, by->who.ptr ? by->who : SV(""));
	return rc == RC_OK ? audit_put(a, by, "share.add", x->path, x->title, e) : rc;
}

enum rc access_share_add(struct access *a, const struct access_actor *by, struct sv path, struct sv title,
	int64_t lifetime_ms, char token[ACCESS_TOKEN_BYTES], int64_t *expires_ms, struct err *e)
{
	struct access_share x = {.made_ms = access_now(a), .path = path};
	if (path.len == 0 || path.len > SHARE_PATH_MAX || path.ptr[0] != '/' || !sv_utf8_valid(path, NULL))
		return err_set(e, RC_INPUT, "the path of a share begins with / and has at most %u bytes",
			SHARE_PATH_MAX);
	if (lifetime_ms <= 0 || lifetime_ms > LIFETIME_MAX_MS)
		return err_set(e, RC_USAGE, "a share holds for at most a year");
	enum rc rc = name_check(title.ptr ? title : SV(""), "the title", &x.title, e);
	if (rc == RC_OK)
		rc = change_begin(a, e);
	if (rc != RC_OK)
		return rc;
	token_make(token, TOKEN_LETTERS);
	*expires_ms = x.expires_ms = x.made_ms + lifetime_ms;
	rc = change_end(a, add_share(a, by, &x, sv_from(token), e), false, e);
	if (rc != RC_OK)
		secret_wipe(token, ACCESS_TOKEN_BYTES);
	return rc;
}

enum rc access_share_end(struct access *a, const struct access_actor *by, int64_t id, struct err *e)
{
	return remove_row(
		a, by, "DELETE FROM share WHERE id = ?1 AND expires_ms > ?2", "share.end", "share", id, e);
}

enum rc access_share_find(
	struct access *a, struct sv token, struct arena *arena, struct access_share *out, struct err *e)
{
	struct token_hash hash;
	struct db_stmt *s = NULL;
	bool row = false;
	token_hash(token, &hash);
	pthread_mutex_lock(&a->db_mu);
	enum rc rc = ask_sql(a->db, &s, &row, e,
		"SELECT id, made_ms, expires_ms, path, title, who FROM share WHERE hash = ?1 AND expires_ms > "
		"?2",
		"bi", (struct sv){(const char *)hash.bytes, HASH_BYTES}, access_now(a));
	if (rc == RC_OK && row)
		rc = read_share(s, arena, out, e);
	else if (rc == RC_OK)
		rc = err_set(e, RC_DENIED, "this link is not known, was ended or has expired");
	if (s)
		db_reset(s);
	pthread_mutex_unlock(&a->db_mu);
	return rc;
}
