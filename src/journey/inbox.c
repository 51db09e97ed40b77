// SPDX-License-Identifier: Apache-2.0
// The inbox: acknowledged batches as blobs in SQLite, in order of arrival (seq, never used twice).
//
// Rows up to sealed.seq are in a segment and no longer part of it: sealing moves that mark in one small transaction and
// removes the rows afterwards, a few at a time, so that nobody who appends waits for that long. It is always written
// sealed.seq: in a damaged schema a bare seq would be the inbox's.
#include "base/mem.h"
#include "journey/store_internal.h"

enum rc inbox_insert(struct db *db, uint32_t n, struct sv packed, const uint64_t *dropped, uint32_t n_dropped,
	int64_t *seq, struct err *e)
{
	struct db_stmt *s;
	enum rc rc =
		db_prepare(db, "INSERT INTO inbox(n, n_dropped, dropped, bytes) VALUES(?1, ?2, ?3, ?4)", &s, e);
	if (rc != RC_OK)
		return rc;
	struct sv bits = {(const char *)dropped, (n + 63) / 64 * sizeof(uint64_t)};
	db_bind_i64(s, 1, n);
	db_bind_i64(s, 2, n_dropped);
	db_bind_blob(s, 3, n_dropped ? bits : SV_NONE);
	db_bind_blob(s, 4, packed);
	rc = db_run(s, e);
	*seq = db_last_id(db);
	return rc;
}

enum rc inbox_seal(struct db *db, int64_t last_seq, struct err *e)
{
	struct db_stmt *s;
	enum rc rc = db_prepare(db, "UPDATE sealed SET seq = max(seq, ?1)", &s, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(s, 1, last_seq);
	rc = db_run(s, e);
	if (rc == RC_OK && db_changes(db) != 1)
		rc = err_set(e, RC_CORRUPT, "the inbox is damaged: it does not know what is sealed");
	return rc;
}

enum rc inbox_purge(struct db *db, int64_t n, bool *left, struct err *e)
{
	struct db_stmt *s;
	enum rc rc = db_prepare(db,
		"DELETE FROM inbox WHERE seq IN (SELECT seq FROM inbox WHERE seq <= (SELECT sealed.seq FROM "
		"sealed) "
		"ORDER BY seq LIMIT ?1)",
		&s, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(s, 1, n);
	rc = db_run(s, e);
	if (left)
		*left = rc == RC_OK && db_changes(db) == n;
	return rc;
}

static uint32_t known_code(void *context, enum name_kind kind, struct sv name)
{
	return names_find(context, kind, name);
}

// The bitmap of a row, copied, and how many bits are set in it.
static enum rc copy_dropped(struct sv blob, uint32_t n, uint64_t **out, uint32_t *n_dropped, struct err *e)
{
	*out = NULL;
	*n_dropped = 0;
	if (!blob.ptr)
		return RC_OK;
	size_t words = (n + 63) / 64;
	if (blob.len != words * sizeof(uint64_t))
		return err_set(
			e, RC_CORRUPT, "the inbox is damaged: a bitmap of duplicates has %zu bytes", blob.len);
	*out = mem_alloc(words * sizeof(uint64_t));
	if (!*out)
		return err_set(e, RC_NOMEM, "out of memory for the head");
	memcpy(*out, blob.ptr, blob.len);
	for (size_t i = 0; i < words; i++)
		*n_dropped += (uint32_t)__builtin_popcountll((*out)[i]);
	return RC_OK;
}

static enum rc load_ids(struct head *h, size_t view, struct err *e)
{
	const uint64_t *keys = batch_view_id_keys(h->views[view].view);
	uint32_t n = batch_view_count(h->views[view].view);
	enum rc rc = id_set_reserve(&h->ids, n, e);
	for (uint32_t i = 0; rc == RC_OK && i < n; i++)
		if (!head_dropped(h, view, i) && !id_set_add(&h->ids, keys[i]))
			return err_set(e, RC_CORRUPT, "the inbox is damaged: an interaction is in it twice");
	return rc;
}

static enum rc load_row(struct db_stmt *s, struct names *names, bool with_ids, struct head *h, struct err *e)
{
	struct batch_view *v = NULL;
	uint64_t *dropped = NULL;
	uint32_t n_dropped = 0;
	enum rc rc = batch_view_open(db_blob(s, 3), known_code, names, &v, e);
	if (rc == RC_OK && batch_view_count(v) != (uint32_t)db_i64(s, 1))
		rc = err_set(e, RC_CORRUPT, "the inbox is damaged: a batch has %u rows instead of %lld",
			batch_view_count(v), (long long)db_i64(s, 1));
	if (rc == RC_OK)
		rc = copy_dropped(db_blob(s, 2), batch_view_count(v), &dropped, &n_dropped, e);
	if (rc == RC_OK && n_dropped > batch_view_count(v))
		rc = err_set(e, RC_CORRUPT, "the inbox is damaged: more duplicates than rows");
	if (rc == RC_OK)
		rc = head_reserve(h, 1, e);
	if (rc != RC_OK) {
		batch_view_close(&v);
		mem_free(dropped);
		return rc;
	}
	head_push(h, &(struct head_view){v, dropped, db_i64(s, 0), batch_view_count(v) - n_dropped,
			     (uint32_t)db_blob(s, 3).len});
	return with_ids ? load_ids(h, h->n_views - 1, e) : RC_OK;
}

// The damage is one batch's; the others and all segments may well be whole.
static void name_batch(const struct err *why, int64_t seq, struct err *e)
{
	err_set(e, why->rc, "batch %lld: %s", (long long)seq, why->message);
	err_remedy(e, "%s", why->remedy);
}

// The rows with first ≤ seq ≤ last as a head, up to the one that makes most_rows interactions full.
static enum rc load_rows(struct db *db, struct names *names, int64_t first, int64_t last, uint64_t most_rows,
	bool with_ids, struct head **out, struct err *e)
{
	*out = NULL;
	struct head *h = head_new();
	if (!h)
		return err_set(e, RC_NOMEM, "out of memory for the head");
	struct db_stmt *s = NULL;
	bool row = false;
	enum rc rc = db_prepare(db,
		"SELECT seq, n, dropped, bytes FROM inbox WHERE seq BETWEEN ?1 AND ?2 "
		"AND seq > (SELECT sealed.seq FROM sealed) ORDER BY seq",
		&s, e);
	if (rc == RC_OK) {
		db_bind_i64(s, 1, first);
		db_bind_i64(s, 2, last);
	}
	while (rc == RC_OK && h->n_rows < most_rows && (rc = db_step(s, &row, e)) == RC_OK && row) {
		struct err why = ERR_NONE;
		rc = load_row(s, names, with_ids, h, &why);
		if (rc != RC_OK)
			name_batch(&why, db_i64(s, 0), e);
	}
	if (s)
		db_reset(s);
	if (rc != RC_OK)
		head_free(&h);
	*out = h;
	return rc;
}

enum rc inbox_load(struct db *db, struct names *names, int64_t first, int64_t last, uint64_t most_rows,
	struct head **out, struct err *e)
{
	return load_rows(db, names, first, last, most_rows, false, out, e);
}

enum rc inbox_load_all(struct db *db, struct names *names, struct head **out, struct err *e)
{
	*out = NULL;
	enum rc rc = db_sums_check(db, "sealed", e);
	if (rc == RC_OK)
		rc = load_rows(db, names, 0, INT64_MAX, UINT64_MAX, true, out, e);
	if (rc == RC_OK) // last, since a batch that cannot be read says more
		rc = db_sums_check(db, "inbox", e);
	if (rc != RC_OK)
		head_free(out);
	return rc;
}

enum rc inbox_range(struct db *db, int64_t *first, int64_t *last, struct err *e)
{
	struct db_stmt *s;
	bool row;
	enum rc rc = db_sums_check(db, "sealed", e); // a wrong mark would hide rows, or show them twice
	if (rc != RC_OK)
		return rc;
	// Each by itself: together they would read the whole table.
	rc = db_prepare(db,
		"SELECT coalesce((SELECT min(seq) FROM inbox WHERE seq > (SELECT sealed.seq FROM sealed)), 0),"
		" coalesce((SELECT max(seq) FROM inbox WHERE seq > (SELECT sealed.seq FROM sealed)), 0)",
		&s, e);
	if (rc == RC_OK)
		rc = db_step(s, &row, e);
	if (rc != RC_OK)
		return rc;
	*first = db_i64(s, 0);
	*last = db_i64(s, 1);
	db_reset(s);
	return RC_OK;
}

enum rc inbox_rows_after(struct db *db, int64_t seq, int64_t *n, struct err *e)
{
	struct db_stmt *s;
	bool row;
	enum rc rc = db_prepare(db,
		"SELECT coalesce(sum(n - n_dropped), 0) FROM inbox WHERE seq > max(?1, (SELECT sealed.seq FROM "
		"sealed))",
		&s, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(s, 1, seq);
	rc = db_step(s, &row, e);
	*n = rc == RC_OK ? db_i64(s, 0) : 0;
	db_reset(s);
	return rc;
}
