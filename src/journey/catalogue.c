// SPDX-License-Identifier: Apache-2.0
// The catalogue: which segments there are, in order of arrival, as rows of the table `segment`; and the pool of the
// segments that this process has open.
//
// Invariants:
//  1. A segment id is never given to two files that a catalogue has named.
//  2. The pool has at most one open segment per id; it is closed with its last reference. Removing the file of an
//     open segment is harmless: the mapping stays.
#include "base/log.h"
#include "base/mem.h"
#include "journey/overlay.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum rc segment_path(const char *dir, int64_t id, const char *suffix, char out[STORE_PATH_BYTES], struct err *e)
{
	int n = snprintf(
		out, STORE_PATH_BYTES, "%s/segments/%012llx.seg%s", dir, (unsigned long long)id, suffix);
	if (n < 0 || n >= STORE_PATH_BYTES)
		return err_set(e, RC_LIMIT, "the path of the data directory is too long");
	return RC_OK;
}

// --- the table ---

static void entry_from_row(struct db_stmt *s, struct catalogue_entry *c)
{
	*c = (struct catalogue_entry){
		.id = db_i64(s, 0),
		.ordinal = db_i64(s, 1),
		.info =
			{
				.n_rows = (uint64_t)db_i64(s, 2),
				.n_persons = (uint64_t)db_i64(s, 3),
				.n_chunks = (uint64_t)db_i64(s, 4),
				.bytes = (uint64_t)db_i64(s, 5),
				.first_ms = db_i64(s, 6),
				.last_ms = db_i64(s, 7),
				.first_person = (uint64_t)db_i64(s, 8),
				.last_person = (uint64_t)db_i64(s, 9),
				.checksum = (uint64_t)db_i64(s, 10),
			},
		.epoch = db_i64(s, 11),
	};
}

enum rc catalogue_read(struct db *db, struct catalogue_entry **out, size_t *n, struct err *e)
{
	*out = NULL;
	*n = 0;
	struct db_stmt *s = NULL;
	void *items = NULL;
	size_t capacity = 0;
	bool row = false;
	enum rc rc = db_sums_check(db, "segment", e);
	// NOT INDEXED: the sums are about the table, a damaged index could still leave a segment out.
	if (rc == RC_OK)
		rc = db_prepare(db,
			"SELECT id, ordinal, n_rows, n_persons, n_chunks, bytes, first_ms, last_ms, "
			"first_person, "
			"last_person,"
			" checksum, epoch FROM segment NOT INDEXED ORDER BY ordinal",
			&s, e);
	while (rc == RC_OK && (rc = db_step(s, &row, e)) == RC_OK && row) {
		if (mem_grow(&items, &capacity, *n + 1, sizeof(**out)) != 0)
			rc = err_set(e, RC_NOMEM, "out of memory for the catalogue");
		else
			entry_from_row(s, (struct catalogue_entry *)items + (*n)++);
	}
	if (s)
		db_reset(s);
	if (rc != RC_OK) {
		mem_free(items);
		*n = 0;
		return rc;
	}
	*out = items;
	return RC_OK;
}

enum rc catalogue_insert(struct db *db, const struct catalogue_entry *c, struct err *e)
{
	struct db_stmt *s;
	enum rc rc = db_prepare(db,
		"INSERT INTO segment(id, ordinal, n_rows, n_persons, n_chunks, bytes, first_ms, last_ms, "
		"first_person,"
		" last_person, checksum, epoch) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
		&s, e);
	if (rc != RC_OK)
		return rc;
	const int64_t values[] = {c->id, c->ordinal, (int64_t)c->info.n_rows, (int64_t)c->info.n_persons,
		(int64_t)c->info.n_chunks, (int64_t)c->info.bytes, c->info.first_ms, c->info.last_ms,
		(int64_t)c->info.first_person, (int64_t)c->info.last_person, (int64_t)c->info.checksum,
		c->epoch};
	for (int i = 0; i < (int)(sizeof(values) / sizeof(values[0])); i++)
		db_bind_i64(s, i + 1, values[i]);
	return db_run(s, e);
}

enum rc catalogue_delete(struct db *db, int64_t id, struct err *e)
{
	struct db_stmt *s;
	enum rc rc = db_prepare(db, "DELETE FROM segment WHERE id = ?1", &s, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(s, 1, id);
	rc = db_run(s, e);
	if (rc == RC_OK && db_changes(db) != 1)
		rc = err_set(e, RC_CORRUPT, "the catalogue no longer has the segment %012llx",
			(unsigned long long)id);
	return rc;
}

enum rc catalogue_set_epoch(struct db *db, int64_t id, int64_t epoch, struct err *e)
{
	struct db_stmt *s;
	enum rc rc = db_prepare(db, "UPDATE segment SET epoch = ?2 WHERE id = ?1", &s, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(s, 1, id);
	db_bind_i64(s, 2, epoch);
	return db_run(s, e);
}

// --- the pool ---

static struct segment_ref *pool_find(struct store *s, int64_t id)
{
	for (size_t i = 0; i < s->pool.n; i++)
		if (s->pool.items[i]->entry.id == id)
			return s->pool.items[i];
	return NULL;
}

static int list_grow(struct segment_list *list, size_t extra)
{
	return mem_grow((void **)&list->items, &list->capacity, list->n + extra, sizeof(list->items[0]));
}

// Opens the file of an entry and holds it against the catalogue.
static enum rc open_ref(
	struct store *s, const struct catalogue_entry *entry, struct segment_ref **out, struct err *e)
{
	char path[STORE_PATH_BYTES];
	*out = NULL;
	enum rc rc = segment_path(s->dir, entry->id, "", path, e);
	if (rc != RC_OK)
		return rc;
	struct segment_ref *ref = mem_calloc(1, sizeof(*ref));
	if (!ref)
		return err_set(e, RC_NOMEM, "out of memory opening a segment");
	*ref = (struct segment_ref){.entry = *entry, .refs = 1};
	rc = segment_open(s->io, path, &ref->segment, e);
	struct segment_info info = {0};
	if (rc == RC_OK)
		segment_info_get(ref->segment, &info);
	if (rc == RC_OK && (info.checksum != entry->info.checksum || info.n_rows != entry->info.n_rows)) {
		rc = err_set(e, RC_CORRUPT, "%s is not the segment that the catalogue means", path);
		err_remedy(e, SEGMENT_REMEDY);
	}
	if (rc != RC_OK) {
		segment_close(&ref->segment);
		mem_free(ref);
		return rc;
	}
	*out = ref;
	return RC_OK;
}

enum rc segment_missing(struct err *failed)
{
	if (failed->rc == RC_NOT_FOUND) {
		failed->rc = RC_CORRUPT;
		err_remedy(failed,
			"restore it from a backup; without one, corridor verify --repair saves the others");
	}
	return failed->rc;
}

static enum rc pool_add(struct store *s, struct segment_ref *ref, struct err *e)
{
	if (list_grow(&s->pool, 1) != 0)
		return err_set(e, RC_NOMEM, "out of memory opening a segment");
	s->pool.items[s->pool.n++] = ref;
	return RC_OK;
}

static void ref_free(struct segment_ref *ref)
{
	segment_close(&ref->segment);
	mem_free(ref);
}

enum rc pool_acquire(
	struct store *s, const struct catalogue_entry *entry, struct segment_ref **out, struct err *e)
{
	enum rc rc = RC_OK;
	pthread_mutex_lock(&s->mu);
	struct segment_ref *ref = pool_find(s, entry->id);
	if (ref) {
		ref->refs++;
	} else {
		rc = open_ref(s, entry, &ref, e);
		if (rc == RC_OK) {
			rc = pool_add(s, ref, e);
			if (rc != RC_OK) {
				ref_free(ref);
				ref = NULL;
			}
		}
	}
	pthread_mutex_unlock(&s->mu);
	*out = ref;
	return rc;
}

enum rc pool_memory(struct segment_writer *w, struct segment_ref **out, struct err *e)
{
	struct segment_ref *ref = *out = mem_calloc(1, sizeof(*ref));
	if (!ref)
		return err_set(e, RC_NOMEM, "out of memory for a segment");
	ref->refs = 1;
	enum rc rc = segment_writer_finish(w, &ref->entry.info, e);
	if (rc == RC_OK) {
		size_t n_bytes = 0;
		uint8_t *bytes = segment_writer_take(w, &n_bytes);
		rc = segment_open_memory(bytes, n_bytes, &ref->segment, e);
	}
	if (rc != RC_OK) {
		mem_free(ref);
		*out = NULL;
	}
	return rc;
}

void pool_ref(struct store *s, struct segment_ref *ref)
{
	pthread_mutex_lock(&s->mu);
	ref->refs++;
	pthread_mutex_unlock(&s->mu);
}

// Drops a reference with mu held; true when the caller has to free it.
static bool unref_locked(struct store *s, struct segment_ref *ref)
{
	assert(ref->refs > 0);
	if (--ref->refs > 0)
		return false;
	for (size_t i = 0; i < s->pool.n; i++)
		if (s->pool.items[i] == ref) {
			s->pool.items[i] = s->pool.items[--s->pool.n];
			break;
		}
	return true;
}

void pool_release(struct store *s, struct segment_ref **ref)
{
	struct segment_ref *r = *ref;
	*ref = NULL;
	if (!r)
		return;
	pthread_mutex_lock(&s->mu);
	bool last = unref_locked(s, r);
	pthread_mutex_unlock(&s->mu);
	if (last)
		ref_free(r);
}

void segment_list_release(struct store *s, struct segment_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		pool_release(s, &list->items[i]);
	mem_free(list->items);
	*list = (struct segment_list){0};
}

enum rc pool_acquire_all(struct store *s, const struct catalogue_entry *entries, size_t n, size_t n_more,
	struct segment_list *out, struct err *e)
{
	*out = (struct segment_list){0};
	if (list_grow(out, n + n_more) != 0)
		return err_set(e, RC_NOMEM, "out of memory for the catalogue");
	enum rc rc = RC_OK;
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		rc = pool_acquire(s, &entries[i], &out->items[out->n], e);
		if (rc == RC_OK)
			out->n++;
	}
	if (rc != RC_OK)
		segment_list_release(s, out);
	return rc;
}

// --- the writer's catalogue ---

enum rc catalogue_copy(struct store *s, struct segment_list *out, struct err *e)
{
	*out = (struct segment_list){0};
	enum rc rc = RC_OK;
	pthread_mutex_lock(&s->mu);
	if (list_grow(out, s->catalogue.n) != 0)
		rc = err_set(e, RC_NOMEM, "out of memory for the catalogue");
	for (size_t i = 0; rc == RC_OK && i < s->catalogue.n; i++) {
		s->catalogue.items[i]->refs++;
		out->items[out->n++] = s->catalogue.items[i];
	}
	pthread_mutex_unlock(&s->mu);
	return rc;
}

int64_t catalogue_next_id(struct store *s)
{
	pthread_mutex_lock(&s->mu);
	int64_t id = s->next_id++;
	pthread_mutex_unlock(&s->mu);
	return id;
}

enum rc catalogue_reserve(struct store *s, struct err *e)
{
	pthread_mutex_lock(&s->mu);
	int failed = list_grow(&s->catalogue, 2); // a merge and a seal may both be about to commit
	pthread_mutex_unlock(&s->mu);
	return failed ? err_set(e, RC_NOMEM, "out of memory for the catalogue") : RC_OK;
}

void catalogue_swap(struct store *s, int64_t first_id, size_t n_out, struct segment_ref *in)
{
	struct segment_list closing = {0};
	pthread_mutex_lock(&s->mu);
	struct segment_list *c = &s->catalogue;
	size_t at = first_id ? 0 : c->n;
	while (at < c->n && first_id && c->items[at]->entry.id != first_id)
		at++;
	assert(at + n_out <= c->n && c->n - n_out + 1 <= c->capacity);
	for (size_t i = at; i < at + n_out; i++)
		if (unref_locked(s, c->items[i]) && list_grow(&closing, 1) == 0)
			closing.items[closing.n++] = c->items[i];
	memmove(c->items + at + 1, c->items + at + n_out, (c->n - at - n_out) * sizeof(c->items[0]));
	c->items[at] = in;
	c->n = c->n - n_out + 1;
	pthread_mutex_unlock(&s->mu);
	for (size_t i = 0; i < closing.n; i++)
		ref_free(closing.items[i]);
	mem_free(closing.items);
}

void catalogue_unlink(struct store *s, int64_t id)
{
	char path[STORE_PATH_BYTES];
	if (segment_path(s->dir, id, "", path, NULL) == RC_OK && s->io->unlink(s->io, path) != 0)
		log_write(
			LOG_WARN, "journey", "cannot remove the merged segment %s; the next start will", path);
}

// Is `name` a file of ours that the catalogue does not know? "<id>.seg", "<id>.seg.tmp" and "<id>.seg.moved" are ours.
static bool is_orphan(const char *name, const struct catalogue_entry *entries, size_t n)
{
	char *end;
	unsigned long long id = strtoull(name, &end, 16);
	if (end == name || strncmp(end, ".seg", 4) != 0)
		return false;
	if (strcmp(end, ".seg.moved") == 0)
		return true;
	for (size_t i = 0; i < n; i++)
		if (entries[i].id == (int64_t)id && strcmp(end, ".seg") == 0)
			return false;
	return strcmp(end, ".seg") == 0 || strcmp(end, ".seg.tmp") == 0;
}

enum rc catalogue_sweep(
	const struct io *io, const char *dir, const struct catalogue_entry *entries, size_t n, struct err *e)
{
	char segments[STORE_PATH_BYTES];
	enum rc rc = store_path(dir, "segments", segments, e);
	if (rc != RC_OK)
		return rc;
	DIR *d = opendir(segments);
	if (!d)
		return err_errno(e, RC_IO, errno, "cannot list %s", segments);
	for (struct dirent *entry; (entry = readdir(d));) {
		char path[STORE_PATH_BYTES + sizeof(entry->d_name) + 1];
		snprintf(path, sizeof(path), "%s/%s", segments, entry->d_name);
		if (is_orphan(entry->d_name, entries, n) && io->unlink(io, path) != 0) {
			rc = err_errno(e, RC_IO, errno, "cannot remove the unfinished segment %s", path);
			break;
		}
	}
	closedir(d);
	return rc;
}

// --- drafts ---

enum rc draft_new(struct store *s, struct segment_draft *d, struct err *e)
{
	char path[STORE_PATH_BYTES];
	struct overlays *o = store_overlays(s);
	*d = (struct segment_draft){.id = catalogue_next_id(s), .epoch = o ? o->epoch : 0};
	overlays_unref(&o);
	enum rc rc = segment_path(s->dir, d->id, ".tmp", path, e);
	return rc == RC_OK ? segment_writer_new(s->io, path, &d->writer, e) : rc;
}

enum rc draft_finish(struct store *s, struct segment_draft *d, int64_t ordinal, struct err *e)
{
	char from[STORE_PATH_BYTES], to[STORE_PATH_BYTES], dir[STORE_PATH_BYTES];
	struct catalogue_entry entry = {.id = d->id, .ordinal = ordinal, .epoch = d->epoch};
	enum rc rc = segment_path(s->dir, d->id, ".tmp", from, e);
	if (rc == RC_OK)
		rc = segment_path(s->dir, d->id, "", to, e);
	if (rc == RC_OK)
		rc = store_path(s->dir, "segments", dir, e);
	if (rc == RC_OK)
		rc = segment_writer_finish(d->writer, &entry.info, e);
	if (rc != RC_OK)
		return rc;
	if (s->io->rename(s->io, from, to) != 0)
		return err_errno(e, RC_IO, errno, "cannot rename %s", from);
	segment_writer_free(&d->writer);
	d->named = true;
	rc = io_sync_dir(s->io, dir, e);
	if (rc == RC_OK)
		rc = pool_acquire(s, &entry, &d->ref, e);
	return rc == RC_OK ? segment_ids_warm(d->ref->segment, s->options.gives_way, e) : rc;
}

void draft_drop(struct store *s, struct segment_draft *d, bool remove)
{
	char path[STORE_PATH_BYTES];
	segment_writer_free(&d->writer);
	pool_release(s, &d->ref);
	if (d->named && remove && segment_path(s->dir, d->id, "", path, NULL) == RC_OK)
		s->io->unlink(s->io, path);
}
