// SPDX-License-Identifier: Apache-2.0
// Repair: a segment that fails its verification is set aside, what its sound chunks hold goes to a new segment.
//
//   link the file into damaged/ → write the salvaged rows as a segment → one transaction: the old row of the catalogue
//   out, the new one in, a row of damaged_segment in → remove the damaged file from segments/
//
// A crash before the commit leaves the old state and files that nobody names; after it, at most a second name of the
// damaged file, which the next writer removes. The new segment knows the message ids of its own rows only, so that the
// lost ones come in again when they are imported again.
#include "base/hash.h"
#include "base/mem.h"
#include "journey/merge.h"
#include "journey/overlay.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

struct repair {
	struct store *store;
	struct names *names;
	struct catalogue_entry *entries;
	size_t n_entries;
	struct segment **segments; // sound ones, by entry
	bool *damaged;
	struct arena *arena;
	struct repaired_segment *list;
	struct progress *progress;
	struct repair_report *out;
};

// One damaged segment.
struct patient {
	const struct catalogue_entry *entry;
	struct segment *segment; // NULL: its footer cannot be read, so nobody knows where its chunks are
	bool *sound;             // by chunk
	struct lost_person *persons;
	size_t n_persons, persons_capacity;
	uint64_t *keys; // ids of the salvaged rows
	size_t n_keys, keys_capacity;
	struct segment_draft draft;
	struct repaired_segment *out;
};

static enum rc repair_nomem(struct err *e)
{
	return err_set(e, RC_NOMEM, "out of memory repairing a data directory");
}

static bool matches(const struct segment *s, const struct catalogue_entry *entry)
{
	struct segment_info info;
	segment_info_get(s, &info);
	return info.checksum == entry->info.checksum && info.n_rows == entry->info.n_rows;
}

// A frame that is damaged hides no chunks as long as the footer is what the catalogue knows it to be.
static enum rc open_without_frame(struct repair *r, size_t i, const char *path, struct err *e)
{
	struct err hidden = ERR_NONE;
	enum rc rc = segment_open_known(r->store->io, path, &r->entries[i].info, &r->segments[i], &hidden);
	return rc == RC_OK || rc == RC_CORRUPT || rc == RC_VERSION ? RC_OK : err_take(e, &hidden);
}

// Opens and verifies; *out NULL when nothing in it can be trusted. RC_NOMEM and the like are failures, damage is not.
static enum rc examine(struct repair *r, size_t i, struct err *problem, struct err *e)
{
	char path[STORE_PATH_BYTES];
	struct segment **s = &r->segments[i];
	enum rc rc = segment_path(r->store->dir, r->entries[i].id, "", path, e);
	if (rc != RC_OK)
		return rc;
	rc = segment_open(r->store->io, path, s, problem);
	if (rc == RC_OK && !matches(*s, &r->entries[i])) {
		segment_close(s);
		rc = err_set(problem, RC_CORRUPT, "%s is not the segment that the catalogue means", path);
	}
	if (rc == RC_OK)
		rc = segment_verify(*s, problem);
	r->damaged[i] = rc == RC_CORRUPT || rc == RC_NOT_FOUND || rc == RC_VERSION;
	if (rc == RC_CORRUPT && !*s)
		return open_without_frame(r, i, path, e);
	return rc == RC_OK || r->damaged[i] ? RC_OK : err_take(e, problem);
}

// --- who is lost ---

// Identities from wherever they are still readable.
static void find_identities(
	struct repair *r, const struct segment *own, uint64_t person, struct lost_person *out)
{
	struct identity_list list = {.n = 0};
	struct err ignored = ERR_NONE;
	if (own)
		segment_identities(own, person, NULL, NULL, r->arena, &list, &ignored);
	for (size_t i = 0; list.n == 0 && i < r->n_entries; i++)
		if (r->segments[i] && !r->damaged[i])
			segment_identities(r->segments[i], person, NULL, NULL, r->arena, &list,
				&(struct err){.rc = RC_OK});
	struct sv *copy = list.n ? arena_array(r->arena, list.n, sizeof(*copy)) : NULL;
	if (copy)
		memcpy(copy, list.items, list.n * sizeof(*copy));
	out->identities = copy;
	out->n_identities = copy ? list.n : 0;
	mem_free(list.items);
}

// n 0: nobody knows how many.
static enum rc lose_person(struct patient *p, uint64_t person, uint64_t n, struct err *e)
{
	if (p->n_persons && p->persons[p->n_persons - 1].person == person) {
		struct lost_person *last = &p->persons[p->n_persons - 1];
		last->n_interactions = n && last->n_interactions ? last->n_interactions + n : 0;
		return RC_OK;
	}
	if (mem_grow((void **)&p->persons, &p->persons_capacity, p->n_persons + 1, sizeof(*p->persons)) != 0)
		return repair_nomem(e);
	p->persons[p->n_persons++] = (struct lost_person){.person = person, .n_interactions = n};
	return RC_OK;
}

static void lose_unnamed(struct repaired_segment *out, uint64_t n, uint64_t first_person, uint64_t last_person)
{
	out->unnamed_first_person = out->n_unnamed ? out->unnamed_first_person : first_person;
	out->unnamed_last_person = last_person;
	out->n_unnamed += n;
	out->persons_known = out->n_unnamed == 0;
}

static enum rc lose_chunk(struct patient *p, uint32_t chunk, struct err *e)
{
	const struct segment *s = p->segment;
	const struct segment_chunk *c = &s->chunks[chunk];
	struct repaired_segment *out = p->out;
	bool first = out->n_lost == 0;
	out->n_lost += c->n_rows;
	out->lost_first_ms = first || c->first_ms < out->lost_first_ms ? c->first_ms : out->lost_first_ms;
	out->lost_last_ms = first || c->last_ms > out->lost_last_ms ? c->last_ms : out->lost_last_ms;
	out->lost_first_person = first ? c->first_person : out->lost_first_person;
	out->lost_last_person = c->last_person;
	if (segment_touch(s, chunk, segment_column_always(c, COLUMN_PERSON), NULL) != RC_OK) {
		lose_unnamed(out, c->n_rows, c->first_person, c->last_person);
		return RC_OK;
	}
	bool counted = segment_touch(s, chunk, segment_column_always(c, COLUMN_START), NULL) == RC_OK;
	const uint64_t *persons = chunk_persons(s, c);
	const uint32_t *starts = chunk_starts(s, c);
	enum rc rc = RC_OK;
	for (uint32_t i = 0; rc == RC_OK && i < c->n_persons; i++)
		rc = lose_person(p, persons[i], counted ? starts[i + 1] - starts[i] : 0, e);
	return rc;
}

static void lose_all(struct patient *p)
{
	const struct segment_info *info = &p->entry->info;
	p->out->n_lost = info->n_rows;
	p->out->lost_first_ms = info->first_ms;
	p->out->lost_last_ms = info->last_ms;
	p->out->lost_first_person = info->first_person;
	p->out->lost_last_person = info->last_person;
	lose_unnamed(p->out, info->n_rows, info->first_person, info->last_person);
}

// --- what can be saved ---

static enum rc keep_id(struct repair *r, struct patient *p, const struct row *row, struct err *e)
{
	if (!row->cold[COLD_ID].ptr || row->cold[COLD_ID].len == 0)
		return RC_OK;
	if (mem_grow((void **)&p->keys, &p->keys_capacity, p->n_keys + 1, sizeof(*p->keys)) != 0)
		return repair_nomem(e);
	struct buf b = buf_new(1u << 20);
	buf_sv(&b, names_at(r->names, NAME_SOURCE, row->code[CODE_SOURCE]));
	buf_char(&b, '\0');
	buf_sv(&b, row->cold[COLD_ID]);
	enum rc rc = buf_check(&b, e, "a message id");
	if (rc == RC_OK)
		p->keys[p->n_keys++] = hash64(b.data, b.len);
	buf_free(&b);
	return rc;
}

static enum rc salvage_chunk(struct repair *r, struct patient *p, uint32_t chunk, struct err *e)
{
	struct segment_rows *rows = NULL;
	const struct row *row = NULL;
	enum rc rc = segment_rows_open(p->segment, &rows, e);
	if (rc == RC_OK)
		segment_rows_at(rows, chunk, 0);
	for (uint32_t i = 0; rc == RC_OK && i < p->segment->chunks[chunk].n_rows; i++) {
		rc = segment_rows_next(rows, &row, e);
		if (rc == RC_OK && !row)
			rc = err_set(e, RC_CORRUPT, "a chunk ends too early");
		if (rc == RC_OK)
			rc = segment_writer_add(p->draft.writer, row, e);
		if (rc == RC_OK)
			rc = keep_id(r, p, row, e);
	}
	segment_rows_close(&rows);
	p->out->n_salvaged += rc == RC_OK ? p->segment->chunks[chunk].n_rows : 0;
	return rc;
}

static enum rc write_ids(struct patient *p, struct err *e)
{
	enum rc rc = id_keys_sort(p->keys, p->n_keys, e);
	return rc == RC_OK ? segment_writer_ids(p->draft.writer, p->keys, p->n_keys, e) : rc;
}

static enum rc salvage(struct repair *r, struct patient *p, struct err *e)
{
	enum rc rc = space_for_rewrite(r->store, p->entry->info.bytes, "repairing a segment", e);
	if (rc == RC_OK)
		rc = draft_new(r->store, &p->draft, e);
	p->draft.epoch = p->entry->epoch;
	// Where nothing is lost, the ids of what was erased stay as well. Else nobody knows them from those of what is lost,
	// which must be able to come in again.
	bool keep_all = p->out->n_lost == 0 && segment_touch_ids(p->segment, NULL) == RC_OK;
	for (uint32_t c = 0; rc == RC_OK && c < p->segment->info.n_chunks; c++)
		if (p->sound[c])
			rc = salvage_chunk(r, p, c, e);
	if (rc == RC_OK)
		rc = keep_all ? segment_ids_copy(p->segment, p->draft.writer, e) : write_ids(p, e);
	return rc == RC_OK ? draft_finish(r->store, &p->draft, p->entry->ordinal, e) : rc;
}

// --- setting aside ---

// The damaged file gets a second name in damaged/.
static enum rc set_aside(struct repair *r, struct patient *p, struct err *e)
{
	char from[STORE_PATH_BYTES], dir[STORE_PATH_BYTES], to[STORE_PATH_BYTES + 32];
	enum rc rc = segment_path(r->store->dir, p->entry->id, "", from, e);
	if (rc == RC_OK)
		rc = store_path(r->store->dir, "damaged", dir, e);
	bool there = false;
	if (rc == RC_OK)
		rc = io_exists(from, &there, e);
	if (rc != RC_OK || !there)
		return rc; // a file that is gone need not be kept
	rc = io_make_dir(r->store->io, dir, e);
	if (rc != RC_OK)
		return rc;
	snprintf(to, sizeof(to), "%s/%012llx.seg", dir, (unsigned long long)p->entry->id);
	if (link(from, to) != 0 && errno != EEXIST)
		return err_errno(e, RC_IO, errno, "cannot keep %s as %s", from, to);
	p->out->moved_to = arena_copy(r->arena, sv_from(to));
	return io_sync_dir(r->store->io, dir, e);
}

static enum rc note_damaged(struct db *db, const struct patient *p, int64_t now_ms, struct err *e)
{
	struct db_stmt *q;
	const struct segment_info *info = &p->entry->info;
	enum rc rc = db_prepare(db,
		"INSERT OR REPLACE INTO damaged_segment(id, at_ms, ordinal, n_rows, n_persons, bytes, "
		"first_ms, "
		"last_ms, first_person, last_person, n_salvaged, problem)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
		&q, e);
	if (rc != RC_OK)
		return rc;
	const int64_t values[] = {p->entry->id, now_ms, p->entry->ordinal, (int64_t)info->n_rows,
		(int64_t)info->n_persons, (int64_t)info->bytes, info->first_ms, info->last_ms,
		(int64_t)info->first_person, (int64_t)info->last_person, (int64_t)p->out->n_salvaged};
	for (int i = 0; i < (int)(sizeof(values) / sizeof(values[0])); i++)
		db_bind_i64(q, i + 1, values[i]);
	db_bind_text(q, 12, p->out->problem);
	return db_run(q, e);
}

static enum rc commit(struct repair *r, struct patient *p, struct err *e)
{
	struct store *s = r->store;
	enum rc rc = db_begin(s->db, e);
	if (rc == RC_OK)
		rc = catalogue_delete(s->db, p->entry->id, e);
	if (rc == RC_OK && p->draft.ref)
		rc = catalogue_insert(s->db, &p->draft.ref->entry, e);
	if (rc == RC_OK)
		rc = note_damaged(s->db, p, s->clock->now_ms(s->clock), e);
	if (rc == RC_OK)
		rc = db_commit(s->db, e);
	if (rc != RC_OK)
		db_rollback(s->db);
	return rc;
}

static enum rc examine_chunks(struct patient *p, bool *any, struct err *e)
{
	enum rc rc = RC_OK;
	for (uint32_t c = 0; rc == RC_OK && c < p->segment->info.n_chunks; c++) {
		struct err problem = ERR_NONE;
		enum rc found = segment_verify_chunk(p->segment, c, &problem);
		p->sound[c] = found == RC_OK;
		*any |= p->sound[c];
		if (found != RC_OK)
			rc = found == RC_CORRUPT ? lose_chunk(p, c, e) : err_take(e, &problem);
	}
	return rc;
}

static enum rc treat(struct repair *r, struct patient *p, struct err *e)
{
	bool any = false, committing = false;
	enum rc rc = RC_OK;
	if (!p->segment) {
		lose_all(p);
	} else {
		p->sound = mem_calloc(p->segment->info.n_chunks + 1, sizeof(bool));
		rc = p->sound ? examine_chunks(p, &any, e) : repair_nomem(e);
		any |= p->out->n_lost == 0; // without interactions it has ids
	}
	if (rc == RC_OK)
		rc = set_aside(r, p, e);
	if (rc == RC_OK && any)
		rc = salvage(r, p, e);
	for (size_t i = 0; rc == RC_OK && i < p->n_persons; i++)
		find_identities(r, p->segment, p->persons[i].person, &p->persons[i]);
	if (rc == RC_OK && p->n_persons) {
		struct lost_person *list = arena_array(r->arena, p->n_persons, sizeof(*list));
		if (list)
			memcpy(list, p->persons, p->n_persons * sizeof(*list));
		else
			rc = repair_nomem(e);
		p->out->persons = list;
		p->out->n_persons = list ? (uint32_t)p->n_persons : 0;
	}
	if (rc == RC_OK) {
		committing = true;
		rc = commit(r, p, e);
	}
	draft_drop(r->store, &p->draft, rc != RC_OK && !committing);
	if (rc == RC_OK && p->out->moved_to.ptr)
		catalogue_unlink(r->store, p->entry->id);
	return rc;
}

static enum rc treat_entry(struct repair *r, size_t i, const struct err *problem, struct err *e)
{
	const struct catalogue_entry *entry = &r->entries[i];
	struct repaired_segment *out = &r->list[r->out->n_segments++];
	struct patient p = {.entry = entry, .segment = r->segments[i], .out = out};
	*out = (struct repaired_segment){.id = entry->id,
		.problem = arena_copy(r->arena, sv_from(problem->message)),
		.n_interactions = entry->info.n_rows,
		.persons_known = true};
	enum rc rc = treat(r, &p, e);
	r->out->n_salvaged += out->n_salvaged;
	r->out->n_lost += out->n_lost;
	mem_free(p.sound);
	mem_free(p.persons);
	mem_free(p.keys);
	return rc;
}

static enum rc repair_all(struct repair *r, struct err *e)
{
	struct err *problems = mem_calloc(r->n_entries, sizeof(*problems));
	enum rc rc = problems ? RC_OK : repair_nomem(e);
	for (size_t i = 0; rc == RC_OK && i < r->n_entries; i++) {
		rc = examine(r, i, &problems[i], e);
		progress_update(r->progress, i + 1, i + 1);
	}
	for (size_t i = 0; rc == RC_OK && i < r->n_entries; i++)
		if (r->damaged[i])
			rc = treat_entry(r, i, &problems[i], e);
	mem_free(problems);
	return rc;
}

static enum rc repair_open(struct repair *r, struct err *e)
{
	struct store *s = r->store;
	struct db_stmt *q;
	bool row = false;
	enum rc rc = db_check(s->db, e);
	if (rc == RC_OK)
		rc = names_load(s->db, &r->names, e);
	if (rc == RC_OK)
		rc = catalogue_read(s->db, &r->entries, &r->n_entries, e);
	if (rc == RC_OK)
		rc = catalogue_sweep(s->io, s->dir, r->entries, r->n_entries, e);
	if (rc == RC_OK)
		rc = db_prepare(s->db, "SELECT seq FROM sqlite_sequence WHERE name = 'segment'", &q, e);
	if (rc == RC_OK)
		rc = db_step(q, &row, e);
	if (rc != RC_OK)
		return rc;
	if (row) {
		s->next_id = db_i64(q, 0) + 1;
		db_reset(q);
	}
	r->segments = mem_calloc(r->n_entries, sizeof(struct segment *));
	r->damaged = mem_calloc(r->n_entries, sizeof(bool));
	r->list = arena_array(r->arena, r->n_entries + 1, sizeof(*r->list));
	return r->segments && r->damaged && r->list ? RC_OK : repair_nomem(e);
}

enum rc store_repair(const char *dir, struct arena *arena, struct repair_report *out, struct progress *progress,
	struct err *e)
{
	*out = (struct repair_report){0};
	struct repair r = {.arena = arena, .progress = progress, .out = out};
	struct err failed = ERR_NONE;
	enum rc rc = store_open_bare(dir, &r.store, &failed);
	if (rc == RC_OK)
		rc = repair_open(&r, &failed);
	if (rc == RC_OK)
		rc = repair_all(&r, &failed);
	if (rc == RC_CORRUPT || rc == RC_DB)
		err_remedy(
			&failed, "the database cannot be repaired: restore the data directory from a backup");
	out->segments = r.list;
	for (size_t i = 0; r.segments && i < r.n_entries; i++)
		segment_close(&r.segments[i]);
	mem_free(r.segments);
	mem_free(r.damaged);
	mem_free(r.entries);
	names_unref(&r.names);
	store_close(&r.store);
	return rc == RC_OK ? RC_OK : err_take(e, &failed);
}
