// SPDX-License-Identifier: Apache-2.0
// Keys of programs. A key's text is random letters behind a prefix that tells its kind ("cw_" write, "ca_" API) or, for
// write keys that stand in pages and apps already, given. Stored is its hash, and the first letters to recognise it by.
// Revoked keys stay in the list as history; their hashes are never found again.
#include "access/internal.h"

#include "base/buf.h"
#include "base/mem.h"

enum {
	WRITE_LETTERS = 32,
	API_LETTERS = 43,
	PREFIX_LETTERS = 8,
	GIVEN_MIN = 16,
	GIVEN_MAX = 128,
	ORIGIN_MAX = 300
};

static enum rc no_memory(struct err *e)
{
	return err_set(e, RC_NOMEM, "out of memory for keys");
}

// --- reading ---

// Origins are stored with a space between them.
static enum rc read_origins(struct sv text, struct arena *arena, struct access_key *k, struct err *e)
{
	struct sv *list = arena_array(arena, ACCESS_ORIGINS_MAX, sizeof(*list));
	struct sv rest = arena_copy(arena, text);
	if (!list || !rest.ptr)
		return no_memory(e);
	while (rest.len && k->n_origins < ACCESS_ORIGINS_MAX)
		list[k->n_origins++] = sv_cut(rest, ' ', &rest);
	k->origins = list;
	return RC_OK;
}

static enum rc read_key(struct db_stmt *s, struct arena *arena, struct key_row *out, struct err *e)
{
	struct sv hash = db_blob(s, 1);
	struct access_key *k = &out->key;
	*k = (struct access_key){.id = db_i64(s, 0),
		.kind = db_i64(s, 2) == KEY_API ? KEY_API : KEY_WRITE,
		.prefix = arena_copy(arena, db_text(s, 3)),
		.name = arena_copy(arena, db_text(s, 4)),
		.source = arena_copy(arena, db_text(s, 5)),
		.made_ms = db_i64(s, 8),
		.made_by = arena_copy(arena, db_text(s, 9)),
		.expires_ms = db_i64(s, 10),
		.revoked_ms = db_i64(s, 11),
		.used_ms = db_i64(s, 12),
		.links_email = db_i64(s, 13) != 0};
	if (!k->prefix.ptr || !k->name.ptr || !k->source.ptr || !k->made_by.ptr)
		return no_memory(e);
	if (hash.len != HASH_BYTES)
		return err_set(
			e, RC_CORRUPT, "the access database is damaged: a key's hash has %zu bytes", hash.len);
	memcpy(out->hash.bytes, hash.ptr, HASH_BYTES);
	k->rights = rights_known(db_text(s, 7));
	struct sv origins = db_text(s, 6);
	return origins.len ? read_origins(origins, arena, k, e) : RC_OK;
}

enum rc keys_read(
	struct access *a, bool revoked, struct arena *arena, struct key_row **out, uint32_t *n, struct err *e)
{
	struct key_row *rows = NULL;
	size_t n_rows = 0, capacity = 0;
	struct db_stmt *s = NULL;
	bool row = false;
	enum rc rc = ask_sql(a->db, &s, &row, e,
		"SELECT id, hash, kind, prefix, name, source, origins, rights, made_ms, made_by, expires_ms, "
		"revoked_ms, used_ms, links_email FROM key WHERE revoked_ms = 0 OR ?1 ORDER BY id DESC",
		"i", (int64_t)revoked);
	while (rc == RC_OK && row) {
		if (mem_grow((void **)&rows, &capacity, n_rows + 1, sizeof(*rows)) != 0)
			rc = no_memory(e);
		if (rc == RC_OK)
			rc = read_key(s, arena, &rows[n_rows++], e);
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

enum rc access_key_list(struct access *a, bool revoked, struct arena *arena, struct access_key **out,
	uint32_t *n, struct err *e)
{
	struct key_row *rows;
	pthread_mutex_lock(&a->db_mu);
	enum rc rc = keys_read(a, revoked, arena, &rows, n, e);
	pthread_mutex_unlock(&a->db_mu);
	if (rc != RC_OK)
		return rc;
	*out = arena_array(arena, *n + 1, sizeof(**out));
	if (!*out)
		return no_memory(e);
	const struct access_view *view = access_view_get(a);
	for (uint32_t i = 0; i < *n; i++) {
		(*out)[i] = rows[i].key;
		int64_t used = view_used_ms(view, rows[i].key.id);
		if (used > rows[i].key.used_ms)
			(*out)[i].used_ms = used;
	}
	access_view_release(a, &view);
	return RC_OK;
}

// --- checking ---

static enum rc check_given(struct sv given, struct err *e)
{
	static const char other[] = "-._";
	bool fits = given.len >= GIVEN_MIN && given.len <= GIVEN_MAX;
	for (size_t i = 0; fits && i < given.len; i++) {
		char c = given.ptr[i];
		fits = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		       memchr(other, c, sizeof(other) - 1);
	}
	return fits ? RC_OK
		    : err_set(e, RC_INPUT, "a write key has %d to %d letters, digits or - . _", (int)GIVEN_MIN,
			      (int)GIVEN_MAX);
}

static enum rc check_change(struct access_key_change *k, struct err *e)
{
	enum rc rc = k->name.ptr ? name_check(k->name, "name of the key", &k->name, e) : RC_OK;
	if (rc == RC_OK && k->source.ptr)
		rc = name_check(k->source, "source", &k->source, e);
	if (rc == RC_OK && k->has_origins && k->n_origins > ACCESS_ORIGINS_MAX)
		rc = err_set(e, RC_INPUT, "more than %u web origins", ACCESS_ORIGINS_MAX);
	for (uint32_t i = 0; rc == RC_OK && k->has_origins && i < k->n_origins; i++)
		rc = origin_check(k->origins[i], e);
	return rc;
}

// What keys of a kind do not have.
static enum rc check_kind(enum access_key_kind kind, const struct access_key_change *k, struct err *e)
{
	if (kind == KEY_API && (k->source.ptr || k->has_origins || k->given.ptr || k->has_links_email))
		return err_set(
			e, RC_INPUT, "source, origins, a given text and e-mail addresses are for write keys");
	if (kind == KEY_API && k->has_rights && k->rights == 0)
		return err_set(e, RC_INPUT, "an API key needs at least one right");
	if (kind == KEY_WRITE && k->has_rights)
		return err_set(e, RC_INPUT, "rights are for API keys; a write key only sends interactions");
	return RC_OK;
}

// As it will be: what can be read in a page is not believed about e-mail addresses.
static enum rc check_trust(bool links_email, uint32_t n_origins, struct err *e)
{
	if (!links_email || n_origins == 0)
		return RC_OK;
	err_set(e, RC_INPUT, "a key for web pages cannot link e-mail addresses: everybody can read it");
	err_remedy(e, "make another key, without origins, for your servers");
	return RC_INPUT;
}

static enum rc check_new(
	const struct access *a, enum access_key_kind kind, const struct access_key_change *k, struct err *e)
{
	if (!k->name.ptr)
		return err_set(e, RC_INPUT, "a key needs a name that tells what it is for");
	if (kind == KEY_WRITE && !k->source.ptr)
		return err_set(e, RC_INPUT, "a write key needs the source of what comes with it");
	if (kind == KEY_API && !k->has_rights)
		return err_set(e, RC_INPUT, "an API key needs at least one right");
	if (k->has_expires && k->expires_ms && k->expires_ms <= access_now(a))
		return err_set(e, RC_INPUT, "the key would have expired already");
	enum rc rc = check_kind(kind, k, e);
	if (rc == RC_OK)
		rc = check_trust(k->links_email, k->has_origins ? k->n_origins : 0, e);
	return rc == RC_OK && k->given.ptr ? check_given(k->given, e) : rc;
}

// --- writing ---

static void join_origins(const struct access_key_change *k, struct buf *out)
{
	for (uint32_t i = 0; k->has_origins && i < k->n_origins; i++) {
		if (out->len)
			buf_char(out, ' ');
		buf_sv(out, k->origins[i]);
	}
}

static enum rc must_have_room(struct access *a, struct err *e)
{
	struct db_stmt *s;
	bool row;
	enum rc rc = ask_sql(a->db, &s, &row, e, "SELECT count(*) FROM key WHERE revoked_ms = 0", "");
	if (rc == RC_OK && row) {
		if (db_i64(s, 0) >= KEYS_MAX) {
			rc = err_set(e, RC_LIMIT, "there are %d keys already", (int)KEYS_MAX);
			err_remedy(e, "revoke keys that are not used any more");
		}
		db_reset(s);
	}
	return rc;
}

static enum rc must_be_free(struct access *a, struct sv hash, struct err *e)
{
	struct db_stmt *s;
	bool row;
	enum rc rc = ask_sql(a->db, &s, &row, e, "SELECT 1 FROM key WHERE hash = ?1", "b", hash);
	if (rc == RC_OK && row) {
		db_reset(s);
		rc = err_set(e, RC_EXISTS, "this key is there already, or was and is revoked");
		err_remedy(e, "make a new one");
	}
	return rc;
}

static void make_text(enum access_key_kind kind, struct sv given, char text[ACCESS_KEY_BYTES])
{
	memset(text, 0, ACCESS_KEY_BYTES);
	if (given.ptr) {
		memcpy(text, given.ptr, given.len);
		return;
	}
	memcpy(text, kind == KEY_API ? "ca_" : "cw_", 3);
	token_make(text + 3, kind == KEY_API ? API_LETTERS : WRITE_LETTERS);
}

static enum rc insert_key(struct access *a, const struct access_actor *by, enum access_key_kind kind,
	const struct access_key_change *k, const char *text, int64_t *id, struct arena *arena, struct err *e)
{
	struct token_hash hash;
	struct buf origins = buf_new(ACCESS_ORIGINS_MAX * ORIGIN_MAX);
	token_hash(sv_from(text), &hash);
	struct sv bytes = {(const char *)hash.bytes, HASH_BYTES};
	struct sv rights = rights_text(kind == KEY_API ? k->rights : 0, arena);
	join_origins(k, &origins);
	enum rc rc = rights.ptr ? buf_check(&origins, e, "the list of origins") : no_memory(e);
	if (rc == RC_OK && kind == KEY_API)
		rc = must_have_rights(by, k->rights, "the key", e);
	if (rc == RC_OK)
		rc = must_have_room(a, e);
	if (rc == RC_OK)
		rc = must_be_free(a, bytes, e);
	struct sv list = buf_view(&origins);
	if (rc == RC_OK)
		rc = run_sql(a->db, e,
			"INSERT INTO key(hash, kind, prefix, name, source, origins, rights, made_ms, made_by, "
			"expires_ms, revoked_ms, used_ms, links_email) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, "
			"?9, ?10, 0, 0, ?11)",
			"bitttttitii", bytes, (int64_t)kind, (struct sv){text, PREFIX_LETTERS}, k->name,
			k->source.ptr ? k->source : SV(""), list.ptr ? list : SV(""), rights, access_now(a),
			by->who.ptr ? text_cut(by->who, ACCESS_NAME_MAX) : SV(""), k->expires_ms,
			(int64_t)k->links_email);
	if (rc == RC_OK) {
		*id = db_last_id(a->db);
		rc = audit_put(a, by, "key.add", k->name, kind == KEY_API ? rights : k->source, e);
	}
	buf_free(&origins);
	return rc;
}

enum rc access_key_add(struct access *a, const struct access_actor *by, enum access_key_kind kind,
	const struct access_key_change *key, char text[ACCESS_KEY_BYTES], int64_t *id, struct err *e)
{
	struct access_key_change k = *key;
	enum rc rc = check_change(&k, e);
	if (rc == RC_OK)
		rc = check_new(a, kind, &k, e);
	if (rc != RC_OK)
		return rc;
	struct arena *arena = arena_new(1u << 20);
	make_text(kind, k.given, text);
	rc = arena ? change_begin(a, e) : no_memory(e);
	if (rc == RC_OK)
		rc = change_end(a, insert_key(a, by, kind, &k, text, id, arena, e), true, e);
	if (rc != RC_OK)
		secret_wipe(text, ACCESS_KEY_BYTES);
	arena_free(&arena);
	return rc;
}

static enum rc key_of(struct access *a, int64_t id, struct arena *arena, struct access_key *out, struct err *e)
{
	struct key_row *rows;
	uint32_t n;
	enum rc rc = keys_read(a, false, arena, &rows, &n, e);
	for (uint32_t i = 0; rc == RC_OK && i < n; i++)
		if (rows[i].key.id == id) {
			*out = rows[i].key;
			return RC_OK;
		}
	if (rc == RC_OK) {
		rc = err_set(
			e, RC_NOT_FOUND, "there is no key of number %lld, or it is revoked", (long long)id);
		err_remedy(e, "corridor key list names all");
	}
	return rc;
}

static enum rc update_key(
	struct access *a, int64_t id, const struct access_key_change *k, struct sv rights, struct err *e)
{
	struct buf origins = buf_new(ACCESS_ORIGINS_MAX * ORIGIN_MAX);
	join_origins(k, &origins);
	struct sv list = buf_view(&origins);
	enum rc rc = buf_check(&origins, e, "the list of origins");
	if (rc == RC_OK)
		rc = run_sql(a->db, e,
			"UPDATE key SET name = coalesce(?1, name), source = coalesce(?2, source), origins = "
			"coalesce(?3, origins), rights = coalesce(?4, rights), expires_ms = CASE WHEN ?5 THEN "
			"?6 "
			"ELSE expires_ms END, links_email = CASE WHEN ?8 THEN ?9 ELSE links_email END WHERE id "
			"= ?7",
			"ttttiiiii", k->name, k->source,
			!k->has_origins ? SV_NONE
			: list.ptr      ? list
					: SV(""),
			rights, (int64_t)k->has_expires, k->expires_ms, id, (int64_t)k->has_links_email,
			(int64_t)k->links_email);
	buf_free(&origins);
	return rc;
}

static enum rc change_key(struct access *a, const struct access_actor *by, int64_t id,
	const struct access_key_change *k, struct arena *arena, struct err *e)
{
	struct access_key old = {.id = 0};
	enum rc rc = key_of(a, id, arena, &old, e);
	if (rc == RC_OK)
		rc = must_have_rights(by, old.rights | (k->has_rights ? k->rights : 0), "the key", e);
	if (rc == RC_OK)
		rc = check_kind(old.kind, k, e);
	if (rc == RC_OK)
		rc = check_trust(k->has_links_email ? k->links_email : old.links_email,
			k->has_origins ? k->n_origins : old.n_origins, e);
	struct sv rights = k->has_rights ? rights_text(k->rights, arena) : SV_NONE;
	if (rc == RC_OK && k->has_rights && !rights.ptr)
		rc = no_memory(e);
	if (rc == RC_OK)
		rc = update_key(a, id, k, rights, e);
	return rc == RC_OK ? audit_put(a, by, "key.change", k->name.ptr ? k->name : old.name, rights, e) : rc;
}

enum rc access_key_set(struct access *a, const struct access_actor *by, int64_t id,
	const struct access_key_change *change, struct err *e)
{
	struct access_key_change k = *change;
	enum rc rc = check_change(&k, e);
	if (rc != RC_OK)
		return rc;
	struct arena *arena = arena_new(64u << 20);
	rc = arena ? change_begin(a, e) : no_memory(e);
	if (rc == RC_OK)
		rc = change_end(a, change_key(a, by, id, &k, arena, e), true, e);
	arena_free(&arena);
	return rc;
}

static enum rc revoke_key(
	struct access *a, const struct access_actor *by, int64_t id, struct arena *arena, struct err *e)
{
	struct access_key old = {.id = 0};
	enum rc rc = key_of(a, id, arena, &old, e);
	if (rc == RC_OK)
		rc = must_have_rights(by, old.rights, "the key", e);
	if (rc == RC_OK)
		rc = run_sql(a->db, e, "UPDATE key SET revoked_ms = ?1 WHERE id = ?2", "ii", access_now(a), id);
	return rc == RC_OK ? audit_put(a, by, "key.revoke", old.name, old.prefix, e) : rc;
}

enum rc access_key_revoke(struct access *a, const struct access_actor *by, int64_t id, struct err *e)
{
	struct arena *arena = arena_new(64u << 20);
	enum rc rc = arena ? change_begin(a, e) : no_memory(e);
	if (rc == RC_OK)
		rc = change_end(a, revoke_key(a, by, id, arena, e), true, e);
	arena_free(&arena);
	return rc;
}
