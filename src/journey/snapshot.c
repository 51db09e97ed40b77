// SPDX-License-Identifier: Apache-2.0
// Snapshots: one SQLite read transaction gives catalogue, names, design and inbox as they are together at one moment;
// the inbox becomes memory segments (inbox_pieces.c), the last in order of arrival.
//
// Invariants:
//  1. A snapshot holds a reference to everything that it shows: nothing in it changes or goes away.
//  2. Between reading the catalogue and opening its files a merge may remove some: then the whole is read again.
#include "base/mem.h"
#include "journey/overlay.h"

struct snapshot {
	struct store *store;
	struct segment_list refs;
	struct snapshot_segments segments;
	struct names *names;
	const struct design *design;
	struct snapshot_stats stats;
	struct cold_cache *cold; // NULL until first used
	struct overlays *overlays;
	int64_t *epochs;
	int64_t version;
};

// --- what the transaction reads ---

struct reading {
	int64_t version; // changes with what any other connection commits
	struct catalogue_entry *entries;
	size_t n_entries;
	struct design_entry *design;
	struct names *names;
	struct inbox_news *inbox;
	struct overlays *overlays;
	struct overlay_view *view; // NULL: nothing is pending
};

static void reading_free(struct reading *r)
{
	mem_free(r->entries);
	names_unref(&r->names);
	inbox_news_free(&r->inbox);
	overlay_view_unref(&r->view);
	overlays_unref(&r->overlays);
	*r = (struct reading){0};
}

static enum rc open_reader(struct store *s, struct err *e)
{
	if (s->reader)
		return RC_OK;
	enum rc rc = db_open(db_path(s->db), s->read_mode, &s->reader, e);
	if (rc == RC_OK)
		rc = db_migrate(s->reader, "journey", store_schema, store_schema_steps, e);
	if (rc != RC_OK)
		db_close(&s->reader);
	return rc;
}

static enum rc read_names(struct store *s, struct reading *r, struct err *e)
{
	int64_t max_id;
	enum rc rc = names_max_id(s->reader, &max_id, e);
	if (rc != RC_OK)
		return rc;
	if (!s->names_seen || s->names_seen->max_id != max_id) {
		struct names *fresh;
		rc = names_load(s->reader, &fresh, e);
		if (rc != RC_OK)
			return rc;
		names_unref(&s->names_seen);
		s->names_seen = fresh;
	}
	r->names = names_ref(s->names_seen);
	return RC_OK;
}

// Erasures that all segments have are not read, so that a journal read earlier may have more, but never less.
static enum rc read_overlays(struct store *s, struct reading *r, struct err *e)
{
	int64_t last, least;
	enum rc rc = overlays_state(s->reader, &last, &least, e);
	const struct overlays *seen = s->overlays_seen;
	if (rc == RC_OK && (!seen || seen->epoch != last || seen->since > least)) {
		struct overlays *fresh = store_overlays(s); // a writer's, which may be of this moment
		if (!fresh || fresh->epoch != last || fresh->since > least) {
			overlays_unref(&fresh);
			rc = overlays_load(s->reader, INT64_MAX, &fresh, e);
		}
		if (rc != RC_OK)
			return rc;
		overlays_unref(&s->overlays_seen);
		s->overlays_seen = fresh;
	}
	r->overlays = rc == RC_OK ? overlays_ref(s->overlays_seen) : NULL;
	return rc;
}

static enum rc read_version(struct store *s, struct reading *r, struct err *e)
{
	struct db_stmt *stmt;
	bool row = false;
	enum rc rc = db_prepare(s->reader, "PRAGMA data_version", &stmt, e);
	if (rc == RC_OK)
		rc = db_step(stmt, &row, e);
	if (rc != RC_OK || !row)
		return rc;
	r->version = db_i64(stmt, 0);
	db_reset(stmt);
	return RC_OK;
}

static enum rc read_all(struct store *s, struct reading *r, struct err *e)
{
	enum rc rc = catalogue_read(s->reader, &r->entries, &r->n_entries, e);
	if (rc == RC_OK) // after the first reading, with which the transaction's view begins
		rc = read_version(s, r, e);
	if (rc == RC_OK)
		rc = designs_get(s, s->reader, 0, &r->design, e);
	if (rc == RC_OK)
		rc = read_names(s, r, e);
	if (rc == RC_OK)
		rc = read_overlays(s, r, e);
	if (rc == RC_OK)
		rc = inbox_pieces_read(s, r->names, r->overlays, &r->inbox, e);
	return rc;
}

static enum rc read_state(struct store *s, struct reading *r, struct err *e)
{
	enum rc rc = open_reader(s, e);
	if (rc == RC_OK)
		rc = db_begin(s->reader, e);
	if (rc != RC_OK)
		return rc;
	rc = read_all(s, r, e);
	db_rollback(s->reader);
	return rc;
}

// --- what lies over the segments ---

// Does an entry of the journal that the view does not know concern a row of its segments?
static enum rc view_concerned(const struct store *s, const struct snapshot *sn, const struct reading *r,
	bool *concerned, struct err *e)
{
	*concerned = false;
	enum rc rc = RC_OK;
	for (size_t i = 0; rc == RC_OK && !*concerned && i < r->n_entries; i++)
		rc = overlay_touches(r->overlays, s->view_epoch, sn->refs.items[i]->segment, concerned, e);
	return rc;
}

// The view may stay as long as its segments are the same and new entries of the journal concern none of them: links of
// persons who are in the inbox only come all the time.
static enum rc refresh_view(struct store *s, const struct snapshot *sn, struct reading *r, struct err *e)
{
	bool concerned = false;
	enum rc rc = RC_OK;
	if (s->view_seen && !overlay_view_fits(s->view_seen, r->entries, r->n_entries))
		overlay_view_unref(&s->view_seen);
	if (s->view_seen && s->view_epoch != r->overlays->epoch)
		rc = view_concerned(s, sn, r, &concerned, e);
	if (concerned)
		overlay_view_unref(&s->view_seen);
	if (rc == RC_OK && !s->view_seen) {
		struct segment **segments = mem_calloc(r->n_entries, sizeof(*segments));
		if (!segments)
			return err_set(e, RC_NOMEM, "out of memory for a snapshot");
		for (size_t i = 0; i < r->n_entries; i++)
			segments[i] = sn->refs.items[i]->segment;
		rc = overlay_view_make(r->overlays, segments, r->entries, r->n_entries, &s->view_seen, e);
		mem_free(segments);
	}
	if (rc == RC_OK)
		s->view_epoch = r->overlays->epoch;
	r->view = overlay_view_ref(s->view_seen);
	return rc;
}

// --- putting it together ---

static void count_segment(struct snapshot_stats *st, const struct segment_info *info)
{
	if (info->n_rows == 0)
		return;
	st->n_interactions += info->n_rows;
	st->n_persons_upper += info->n_persons;
}

static void count_time(struct snapshot_stats *st, int64_t first_ms, int64_t last_ms)
{
	if (first_ms == TIME_NONE)
		return;
	if (st->first_ms == TIME_NONE || first_ms < st->first_ms)
		st->first_ms = first_ms;
	if (st->last_ms == TIME_NONE || last_ms > st->last_ms)
		st->last_ms = last_ms;
}

static void count_all(struct snapshot *sn, const struct reading *r, const struct inbox_pieces *inbox)
{
	struct snapshot_stats *st = &sn->stats;
	*st = (struct snapshot_stats){
		.n_segments = r->n_entries,
		.first_ms = TIME_NONE,
		.last_ms = TIME_NONE,
	};
	for (size_t i = 0; i < inbox->n; i++) {
		st->n_in_inbox += (uint64_t)inbox->items[i].n_rows;
		st->bytes_on_disk += (uint64_t)inbox->items[i].bytes;
	}
	for (size_t i = 0; i < sn->refs.n; i++) {
		const struct segment_info *info = &sn->refs.items[i]->entry.info;
		count_segment(st, info);
		if (i >= r->n_entries || !r->view)
			count_time(st, info->first_ms, info->last_ms);
		st->bytes_on_disk += i < r->n_entries ? sn->refs.items[i]->entry.info.bytes : 0;
	}
	if (!r->view)
		return;
	st->n_interactions -= r->view->total.n_hidden;
	st->n_persons_upper -= r->view->total.n_persons;
	count_segment(st, &r->view->info);
	count_time(st, r->view->first_ms, r->view->last_ms);
}

// The segments, what lies over them, the inbox.
static enum rc lay_out(struct snapshot *sn, struct store *s, struct reading *r, struct err *e)
{
	for (size_t i = 0; i < s->inbox_seen.n; i++) {
		if (s->inbox_seen.items[i].n_rows == 0)
			continue; // all duplicates
		pool_ref(s, s->inbox_seen.items[i].ref);
		sn->refs.items[sn->refs.n++] = s->inbox_seen.items[i].ref; // pool_acquire_all has left room
	}
	struct snapshot_segments *all = &sn->segments;
	all->items = mem_calloc(sn->refs.n + 1, sizeof(struct segment *));
	sn->epochs = mem_calloc(sn->refs.n + 1, sizeof(*sn->epochs));
	if (!all->items || !sn->epochs)
		return err_set(e, RC_NOMEM, "out of memory for a snapshot");
	all->epochs = sn->epochs;
	for (size_t i = 0; i < sn->refs.n; i++) {
		if (i == r->n_entries && r->view && r->view->segment)
			all->n++;
		sn->epochs[all->n] = i < r->n_entries ? r->entries[i].epoch : EPOCH_NEWEST;
		all->items[all->n++] = sn->refs.items[i]->segment;
	}
	all->overlays = sn->overlays = overlays_ref(r->overlays);
	all->view = overlay_view_ref(r->view);
	if (r->view && r->view->segment) {
		all->view_at = (uint32_t)r->n_entries;
		all->n = all->n > all->view_at ? all->n : all->view_at + 1;
		all->items[all->view_at] = r->view->segment;
		sn->epochs[all->view_at] = EPOCH_NEWEST;
	}
	count_all(sn, r, &s->inbox_seen);
	sn->names = names_ref(r->names);
	sn->design = r->design->design;
	sn->version = r->version;
	return RC_OK;
}

static enum rc try_open(struct store *s, struct snapshot *sn, struct err *e)
{
	struct reading r = {0};
	enum rc rc = read_state(s, &r, e);
	if (rc == RC_OK)
		rc = inbox_pieces_take(s, &s->inbox_seen, r.inbox, r.overlays, e);
	if (rc == RC_OK)
		rc = pool_acquire_all(s, r.entries, r.n_entries, s->inbox_seen.n, &sn->refs, e);
	if (rc == RC_OK && r.n_entries > SNAPSHOT_SEGMENTS_MAX) {
		rc = err_set(e, RC_LIMIT, "there are %zu segments; a query can read %u", r.n_entries,
			SNAPSHOT_SEGMENTS_MAX);
		err_remedy(e, "merge them with: corridor compact --data %s", s->dir);
	}
	if (rc == RC_OK)
		rc = refresh_view(s, sn, &r, e);
	if (rc == RC_OK)
		rc = lay_out(sn, s, &r, e);
	reading_free(&r);
	return rc;
}

enum rc snapshot_open(struct store *s, struct snapshot **out, struct err *e)
{
	*out = NULL;
	struct snapshot *sn = mem_calloc(1, sizeof(*sn));
	if (!sn)
		return err_set(e, RC_NOMEM, "out of memory for a snapshot");
	sn->store = s;
	struct err failed = ERR_NONE;
	pthread_mutex_lock(&s->snap_mu);
	uint64_t n_appended = atomic_load(&s->n_appended);
	for (int i = 0; i < SNAPSHOT_TRIES; i++) {
		failed = ERR_NONE;
		if (try_open(s, sn, &failed) != RC_NOT_FOUND)
			break;
	}
	if (failed.rc == RC_OK)
		fresh_shown(s, n_appended);
	pthread_mutex_unlock(&s->snap_mu);
	if (failed.rc != RC_OK) {
		snapshot_close(&sn);
		segment_missing(&failed);
		return err_take(e, &failed);
	}
	*out = sn;
	return RC_OK;
}

void snapshot_close(struct snapshot **snapshot)
{
	struct snapshot *sn = *snapshot;
	if (!sn)
		return;
	cold_cache_free(&sn->cold);
	segment_list_release(sn->store, &sn->refs);
	names_unref(&sn->names);
	overlay_view_unref(&sn->segments.view);
	overlays_unref(&sn->overlays);
	mem_free(sn->segments.items);
	mem_free(sn->epochs);
	mem_free(sn);
	*snapshot = NULL;
}

const struct design *snapshot_design(const struct snapshot *sn)
{
	return sn->design;
}

int64_t snapshot_version(const struct snapshot *sn)
{
	return sn->version;
}

const struct names *snapshot_names(const struct snapshot *sn)
{
	return sn->names;
}

struct cold_cache *snapshot_cold_cache(struct snapshot *sn)
{
	if (!sn->cold)
		sn->cold = cold_cache_new();
	return sn->cold;
}

const struct snapshot_segments *snapshot_segments(const struct snapshot *sn)
{
	return &sn->segments;
}

const struct segment_list *snapshot_refs(const struct snapshot *sn)
{
	return &sn->refs;
}

void snapshot_stats(const struct snapshot *sn, struct snapshot_stats *out)
{
	*out = sn->stats;
}

uint64_t snapshot_person_resolve(const struct snapshot *sn, uint64_t person)
{
	return overlays_resolve(sn->overlays, person);
}
