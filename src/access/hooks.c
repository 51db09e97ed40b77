// SPDX-License-Identifier: Apache-2.0
// Webhooks: one table. Every change is one transaction with its entry of the audit trail, and is in the next view.
// Revisions come from a counter in the table itself: the greatest one plus 1, and a removed webhook leaves none behind
// that could be taken for another's, because its id is never used again.
#include "access/hooks.h"
#include "access/internal.h"

static enum rc no_memory(struct err *e)
{
	return err_set(e, RC_NOMEM, "out of memory for webhooks");
}

static enum rc not_found(struct sv name, struct err *e)
{
	err_set(e, RC_NOT_FOUND, "there is no webhook “%.*s”", SV_ARG(name));
	err_remedy(e, "corridor hook list names all");
	return RC_NOT_FOUND;
}

// --- reading ---

#define HOOK_COLUMNS                                                                                           \
	"SELECT id, revision, name, mapping, style, header, secret, old_secret, window_s, enabled, made_ms,"   \
	" changed_ms, made_by, program FROM hook "

static enum rc read_hook(struct db_stmt *s, struct arena *arena, struct access_hook *h, struct err *e)
{
	*h = (struct access_hook){.id = db_i64(s, 0),
		.revision = db_i64(s, 1),
		.name = arena_copy(arena, db_text(s, 2)),
		.mapping = arena_copy(arena, db_text(s, 3)),
		.style = arena_copy(arena, db_text(s, 4)),
		.header = arena_copy(arena, db_text(s, 5)),
		.window_s = (uint32_t)db_i64(s, 8),
		.enabled = db_i64(s, 9) != 0,
		.made_ms = db_i64(s, 10),
		.changed_ms = db_i64(s, 11),
		.made_by = arena_copy(arena, db_text(s, 12)),
		.program = arena_copy(arena, db_text(s, 13))};
	for (int i = 0; i < (int)HOOK_SECRETS_MAX; i++) {
		struct sv secret = db_text(s, 6 + i);
		if (secret.len)
			h->secrets[h->n_secrets++] = arena_copy(arena, secret);
	}
	return arena_refused(arena) ? no_memory(e) : RC_OK;
}

enum rc hooks_read(struct access *a, struct arena *arena, struct access_hook **out, uint32_t *n, struct err *e)
{
	struct db_stmt *s = NULL;
	bool row = false;
	*n = 0;
	*out = arena_array(arena, HOOKS_MAX, sizeof(**out));
	if (!*out)
		return no_memory(e);
	enum rc rc =
		ask_sql(a->db, &s, &row, e, HOOK_COLUMNS "ORDER BY name LIMIT ?1", "i", (int64_t)HOOKS_MAX);
	while (rc == RC_OK && row && *n < HOOKS_MAX) {
		rc = read_hook(s, arena, &(*out)[(*n)++], e);
		if (rc == RC_OK)
			rc = db_step(s, &row, e);
	}
	if (s)
		db_reset(s);
	return rc;
}

enum rc access_hook_list(
	struct access *a, struct arena *arena, struct access_hook **out, uint32_t *n, struct err *e)
{
	pthread_mutex_lock(&a->db_mu);
	enum rc rc = hooks_read(a, arena, out, n, e);
	pthread_mutex_unlock(&a->db_mu);
	return rc;
}

// db_mu is held.
static enum rc hook_of(
	struct access *a, struct sv name, struct arena *arena, struct access_hook *out, struct err *e)
{
	struct db_stmt *s = NULL;
	bool row = false;
	enum rc rc = ask_sql(a->db, &s, &row, e, HOOK_COLUMNS "WHERE name = ?1", "t", name);
	if (rc == RC_OK)
		rc = row ? read_hook(s, arena, out, e) : not_found(name, e);
	if (s)
		db_reset(s);
	return rc;
}

enum rc access_hook_get(
	struct access *a, struct sv name, struct arena *arena, struct access_hook *out, struct err *e)
{
	pthread_mutex_lock(&a->db_mu);
	enum rc rc = hook_of(a, name, arena, out, e);
	pthread_mutex_unlock(&a->db_mu);
	return rc;
}

// --- checking ---

static enum rc check_name(struct sv name, struct err *e)
{
	bool fits = name.len >= 1 && name.len <= HOOK_NAME_MAX;
	for (size_t i = 0; fits && i < name.len; i++) {
		char c = name.ptr[i];
		fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (i > 0 && (c == '-' || c == '_'));
	}
	if (fits)
		return RC_OK;
	err_set(e, RC_INPUT, "“%.*s” cannot be the name of a webhook", SV_ARG(name));
	err_remedy(e, "it stands in an address: 1 to %u of a-z, 0-9, - and _, a letter or digit first",
		HOOK_NAME_MAX);
	return RC_INPUT;
}

// Absent is fine.
static enum rc check_text(struct sv text, size_t min, size_t max, const char *what, struct err *e)
{
	if (!text.ptr)
		return RC_OK;
	if (text.len < min || text.len > max)
		return err_set(e, RC_INPUT, "%s has %zu to %zu bytes", what, min, max);
	if (!sv_utf8_valid(text, NULL) || memchr(text.ptr, '\0', text.len))
		return err_set(e, RC_INPUT, "%s is no text in UTF-8", what);
	return RC_OK;
}

static enum rc check_visible(struct sv text, const char *what, struct err *e)
{
	for (size_t i = 0; text.ptr && i < text.len; i++)
		if ((unsigned char)text.ptr[i] <= ' ' || (unsigned char)text.ptr[i] > '~')
			return err_set(e, RC_INPUT,
				"%s is of letters, digits and signs of ASCII, without spaces", what);
	return RC_OK;
}

static enum rc check_change(const struct access_hook_change *h, struct err *e)
{
	enum rc rc = check_text(h->mapping, 1, HOOK_MAPPING_BYTES_MAX, "the mapping of a webhook", e);
	if (rc == RC_OK)
		rc = check_text(h->program, 0, HOOK_PROGRAM_BYTES_MAX, "the program of a webhook", e);
	if (rc == RC_OK)
		rc = check_text(h->style, 1, HOOK_STYLE_MAX, "the style of a webhook's signatures", e);
	if (rc == RC_OK)
		rc = check_text(h->header, 0, HOOK_HEADER_MAX, "the header of a webhook's signatures", e);
	if (rc == RC_OK)
		rc = check_visible(h->header, "the header of a webhook's signatures", e);
	if (rc == RC_OK)
		rc = check_text(h->secret, HOOK_SECRET_MIN, HOOK_SECRET_MAX, "the secret of a webhook", e);
	if (rc == RC_OK)
		rc = check_visible(h->secret, "the secret of a webhook", e);
	if (rc == RC_OK && h->has_window && h->window_s > HOOK_WINDOW_MAX_S)
		rc = err_set(e, RC_INPUT, "a signed time may be at most a day (%u s) off", HOOK_WINDOW_MAX_S);
	return rc;
}

// --- writing ---

static enum rc must_fit(struct access *a, struct sv name, struct err *e)
{
	struct db_stmt *s;
	bool row;
	enum rc rc = ask_sql(a->db, &s, &row, e,
		"SELECT count(*), count(CASE WHEN name = ?1 THEN 1 END) FROM hook", "t", name);
	if (rc != RC_OK || !row)
		return rc;
	int64_t n = db_i64(s, 0), taken = db_i64(s, 1);
	db_reset(s);
	if (taken) {
		err_set(e, RC_EXISTS, "there is a webhook “%.*s” already", SV_ARG(name));
		err_remedy(e, "change it with corridor hook set, or take another name");
		return RC_EXISTS;
	}
	return n < (int64_t)HOOKS_MAX
		       ? RC_OK
		       : err_set(e, RC_LIMIT, "there are %u webhooks already: remove some", HOOKS_MAX);
}

#define NEXT_REVISION "(SELECT coalesce(max(revision), 0) + 1 FROM hook)"

static enum rc add_hook(struct access *a, const struct access_actor *by, struct sv name,
	const struct access_hook_change *h, struct err *e)
{
	int64_t now = access_now(a);
	enum rc rc = must_fit(a, name, e);
	if (rc == RC_OK)
		rc = run_sql(a->db, e,
			"INSERT INTO hook(revision, name, mapping, style, header, secret, old_secret, "
			"window_s, enabled, made_ms, changed_ms, made_by, program) VALUES(" NEXT_REVISION
			", ?1, ?2, ?3, ?4, ?5, '', ?6, ?7, ?8, ?8, ?9, ?10)",
			"tttttiiitt", name, h->mapping, h->style, h->header.ptr ? h->header : SV(""), h->secret,
			(int64_t)(h->has_window ? h->window_s : 0),
			(int64_t)(h->has_enabled ? h->enabled : true), now,
			by->who.ptr ? text_cut(by->who, ACCESS_NAME_MAX) : SV(""),
			h->program.ptr ? h->program : SV(""));
	return rc == RC_OK ? audit_put(a, by, "hook.add", name, h->style, e) : rc;
}

enum rc access_hook_add(struct access *a, const struct access_actor *by, struct sv name,
	const struct access_hook_change *h, struct err *e)
{
	enum rc rc = check_name(name, e);
	if (rc == RC_OK && (!h->mapping.ptr || !h->style.ptr || !h->secret.ptr))
		rc = err_set(e, RC_INPUT, "a webhook needs a mapping, a style of signatures and a secret");
	if (rc == RC_OK)
		rc = check_change(h, e);
	if (rc == RC_OK)
		rc = change_begin(a, e);
	return rc == RC_OK ? change_end(a, add_hook(a, by, name, h, e), true, e) : rc;
}

// What was changed, for the audit trail; never a secret.
static struct sv change_text(const struct access_hook_change *h, struct arena *arena)
{
	return arena_printf(arena, "%s%s%s%s%s%s%s%s", h->mapping.ptr ? "mapping " : "",
		h->program.ptr ? "program " : "", h->style.ptr ? "style " : "", h->header.ptr ? "header " : "",
		h->secret.ptr ? "secret " : "", h->forget_secret ? "old secret forgotten " : "",
		h->has_window ? "window " : "",
		!h->has_enabled ? ""
		: h->enabled    ? "enabled"
				: "disabled");
}

static enum rc set_hook(struct access *a, const struct access_actor *by, struct sv name,
	const struct access_hook_change *h, struct arena *arena, struct err *e)
{
	// In a row's UPDATE the right sides are those of before: a new secret moves the one before to the second place.
	enum rc rc = run_sql(a->db, e,
		"UPDATE hook SET revision = " NEXT_REVISION ", mapping = coalesce(?2, mapping),"
		" style = coalesce(?3, style), header = coalesce(?4, header), secret = coalesce(?5, secret),"
		" old_secret = CASE WHEN ?6 THEN '' WHEN ?5 IS NOT NULL THEN secret ELSE old_secret END,"
		" window_s = CASE WHEN ?7 THEN ?8 ELSE window_s END,"
		" enabled = CASE WHEN ?9 THEN ?10 ELSE enabled END, changed_ms = ?11,"
		" program = coalesce(?12, program) WHERE name = ?1",
		"tttttiiiiiit", name, h->mapping, h->style, h->header, h->secret, (int64_t)h->forget_secret,
		(int64_t)h->has_window, (int64_t)h->window_s, (int64_t)h->has_enabled, (int64_t)h->enabled,
		access_now(a), h->program);
	if (rc == RC_OK && db_changes(a->db) == 0)
		rc = not_found(name, e);
	struct sv what = change_text(h, arena);
	if (rc == RC_OK && !what.ptr)
		rc = no_memory(e);
	return rc == RC_OK ? audit_put(a, by, "hook.change", name, sv_trim(what), e) : rc;
}

enum rc access_hook_set(struct access *a, const struct access_actor *by, struct sv name,
	const struct access_hook_change *change, struct err *e)
{
	enum rc rc = check_change(change, e);
	if (rc != RC_OK)
		return rc;
	struct arena *arena = arena_new(4096);
	rc = arena ? change_begin(a, e) : no_memory(e);
	if (rc == RC_OK)
		rc = change_end(a, set_hook(a, by, name, change, arena, e), true, e);
	arena_free(&arena);
	return rc;
}

enum rc access_hook_remove(struct access *a, const struct access_actor *by, struct sv name, struct err *e)
{
	enum rc rc = change_begin(a, e);
	if (rc != RC_OK)
		return rc;
	rc = run_sql(a->db, e, "DELETE FROM hook WHERE name = ?1", "t", name);
	if (rc == RC_OK && db_changes(a->db) == 0)
		rc = not_found(name, e);
	if (rc == RC_OK)
		rc = audit_put(a, by, "hook.remove", name, SV_NONE, e);
	return change_end(a, rc, true, e);
}

void access_hook_refused(struct access *a, struct sv name, struct sv address, const char *why)
{
	const struct access_actor by = {.address = address};
	audit_flooded(a, &a->refused_hooks, &by, "hook.refused", name, why);
}
