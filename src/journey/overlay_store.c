// SPDX-License-Identifier: Apache-2.0
// Adding erasures to the journal, and what adding shares. All of it runs with append_mu held: nothing is appended or
// sealed meanwhile. Merging goes on; what it has begun with an older journal stays pending in the merged segment.
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "journey/overlay_act.h"

#include <stdlib.h>

enum rc act_nomem(struct err *e)
{
	return err_set(e, RC_NOMEM, "out of memory for erasures and links");
}

void act_end(struct act *a)
{
	segment_list_release(a->store, &a->segments);
	overlays_unref(&a->overlays);
	mem_free(a->items);
	mem_free(a->epochs);
	pthread_mutex_unlock(&a->store->append_mu);
}

static enum rc act_segments(struct act *a, struct err *e)
{
	struct store *s = a->store;
	enum rc rc = catalogue_copy(s, &a->segments, e);
	if (rc != RC_OK)
		return rc;
	a->items = mem_calloc(a->segments.n, sizeof(*a->items));
	a->epochs = mem_calloc(a->segments.n, sizeof(*a->epochs));
	if (!a->items || !a->epochs)
		return act_nomem(e);
	pthread_mutex_lock(&s->mu);
	for (size_t i = 0; i < a->segments.n; i++) {
		a->items[i] = a->segments.items[i]->segment;
		a->epochs[i] = a->segments.items[i]->entry.epoch;
	}
	pthread_mutex_unlock(&s->mu);
	return RC_OK;
}

enum rc act_begin(struct store *s, bool seals, struct act *a, struct err *e)
{
	*a = (struct act){.store = s};
	pthread_mutex_lock(&s->append_mu);
	enum rc rc = store_reload(s, e);
	if (rc == RC_OK)
		rc = seal_wait(s, e);
	bool any = rc == RC_OK && seals && s->active->n_rows > 0;
	if (rc == RC_OK && seals)
		rc = seal_rotate(s, true, e);
	if (rc == RC_OK)
		rc = act_segments(a, e);
	if (rc == RC_OK && any && a->segments.n)
		a->sealed = a->segments.items[a->segments.n - 1]->entry.id;
	a->overlays = store_overlays(s);
	return rc;
}

static enum rc entries_commit(struct store *s, struct overlay_entry *entries, size_t n,
	const struct erase_beside *beside, struct err *e)
{
	struct db_stmt *q;
	enum rc rc = db_begin(s->db, e);
	if (rc == RC_OK && beside)
		rc = beside->act(beside->context, s->db, e);
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		rc = overlay_insert(s->db, &entries[i], e);
		if (rc != RC_OK || entries[i].kind != OVERLAY_ERASE)
			continue;
		rc = db_prepare(s->db,
			"UPDATE overlay SET from_identity = NULL, to_identity = NULL WHERE person = ?1 OR "
			"target = ?1",
			&q, e);
		if (rc != RC_OK)
			continue;
		db_bind_i64(q, 1, (int64_t)entries[i].person);
		rc = db_run(q, e);
	}
	if (rc == RC_OK)
		rc = db_commit(s->db, e);
	if (rc != RC_OK)
		db_rollback(s->db);
	return rc;
}

enum rc act_commit(struct act *a, struct overlay_entry *entries, size_t n, const struct erase_beside *beside,
	struct err *e)
{
	struct store *s = a->store;
	enum rc rc = beside ? db_exec(s->db, "PRAGMA secure_delete = ON", e) : RC_OK;
	if (rc == RC_OK)
		rc = entries_commit(s, entries, n, beside, e);
	if (beside)
		db_exec(s->db, "PRAGMA secure_delete = FAST", NULL);
	bool links = true;
	for (size_t i = 0; i < n; i++)
		links &= entries[i].kind == OVERLAY_LINK;
	if (rc == RC_OK)
		rc = links ? store_overlays_extend(s, entries, n, e) : store_overlays_reload(s, e);
	if (rc != RC_OK)
		s->stale = true;
	compact_wake(s);
	return rc;
}

// Rows that are sealed and still there (a process that died, a purge that failed), and the pages that the inbox left in
// the database, still hold what was erased: they go back to the file system, and so does the log. Readers may keep the
// log; then it goes with the next writer that closes.
static void give_back(struct store *s)
{
	struct err e = ERR_NONE;
	enum rc rc = inbox_purge(s->db, INT64_MAX, NULL, &e);
	if (rc == RC_OK)
		rc = db_exec(s->db, "PRAGMA incremental_vacuum", &e);
	pthread_mutex_lock(&s->wal_mu);
	if (rc == RC_OK)
		rc = db_exec(s->db, "PRAGMA wal_checkpoint(TRUNCATE)", &e);
	pthread_mutex_unlock(&s->wal_mu);
	if (rc != RC_OK)
		log_err("journey", &e);
}

// --- counting ---

static int person_compare(const void *a, const void *b)
{
	uint64_t x, y;
	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

size_t persons_sort(uint64_t *items, size_t n)
{
	size_t m = 0;
	qsort(items, n, sizeof(*items), person_compare);
	for (size_t i = 0; i < n; i++)
		if (m == 0 || items[m - 1] != items[i])
			items[m++] = items[i];
	return m;
}

size_t persons_find(const uint64_t *sorted, size_t n, uint64_t person)
{
	const uint64_t *found = n ? bsearch(&person, sorted, n, sizeof(person), person_compare) : NULL;
	return found ? (size_t)(found - sorted) : n;
}

static enum rc receipt_fill(const struct act *a, const uint64_t *counts, uint64_t n_inbox, struct arena *arena,
	struct overlay_receipt *out, struct err *e)
{
	struct receipt_segment *list = arena_array(arena, a->segments.n + 2, sizeof(*list));
	if (!list)
		return act_nomem(e);
	*out = (struct overlay_receipt){.segments = list};
	for (size_t i = 0; i < a->segments.n; i++) {
		int64_t id = a->segments.items[i]->entry.id;
		if (counts[i] == 0)
			continue;
		list[out->n_segments++] = (struct receipt_segment){id, counts[i], id == a->sealed};
		out->n_interactions += counts[i];
	}
	if (n_inbox)
		list[out->n_segments++] = (struct receipt_segment){0, n_inbox, true};
	out->n_interactions += n_inbox;
	return RC_OK;
}

// Interactions of the roots that are in the inbox.
static uint64_t count_inbox(const struct act *a, const uint64_t *roots, size_t n_roots, uint64_t *by_root)
{
	const struct head *h = a->store->active;
	uint64_t n = 0;
	for (size_t v = 0; v < h->n_views; v++) {
		const uint64_t *persons = batch_view_persons(h->views[v].view);
		uint32_t rows = batch_view_count(h->views[v].view);
		for (uint32_t i = 0; i < rows; i++) {
			size_t at = persons_find(roots, n_roots, overlays_resolve(a->overlays, persons[i]));
			if (at == n_roots || head_dropped(h, v, i))
				continue;
			n++;
			if (by_root)
				by_root[at]++;
		}
	}
	return n;
}

enum rc act_count(const struct act *a, const struct family *f, uint64_t *by_root, struct arena *arena,
	struct overlay_receipt *out, struct err *e)
{
	const struct overlay_plan plan = {.moved = f->stored, .n_moved = f->n_stored};
	struct overlay_count *unused = mem_calloc(a->segments.n, sizeof(*unused));
	uint64_t *counts = mem_calloc(a->segments.n, sizeof(*counts));
	struct moved_rows *m = NULL;
	enum rc rc = unused && counts ? moved_rows_new(io_system(), NULL, &m, e) : act_nomem(e);
	if (rc == RC_OK)
		rc = overlay_collect(
			a->overlays, &plan, a->items, a->epochs, a->segments.n, false, m, unused, e);
	if (rc == RC_OK)
		rc = moved_rows_sort(m, e);
	for (size_t i = 0; rc == RC_OK && i < moved_rows_count(m); i++) {
		struct row row;
		uint64_t locator;
		rc = moved_rows_get(m, i, &row, &locator, e);
		size_t at = rc == RC_OK ? persons_find(f->roots, f->n_roots, row.person) : f->n_roots;
		if (at == f->n_roots)
			continue;
		counts[locator >> 48]++;
		if (by_root)
			by_root[at]++;
	}
	if (rc == RC_OK)
		rc = receipt_fill(a, counts, count_inbox(a, f->roots, f->n_roots, by_root), arena, out, e);
	moved_rows_free(&m);
	mem_free(unused);
	mem_free(counts);
	return rc;
}

// --- persons ---

void family_free(struct family *f)
{
	mem_free(f->roots);
	mem_free(f->members);
	mem_free(f->stored);
}

enum rc family_find(
	const struct overlays *o, const uint64_t *persons, size_t n, struct family *f, struct err *e)
{
	size_t most = n;
	for (size_t i = 0; i < n; i++) {
		const struct linked_person *l = overlays_find(o, persons[i]);
		most += l ? o->groups[l->group].n : 0;
	}
	*f = (struct family){.roots = mem_calloc(n, sizeof(uint64_t)),
		.members = mem_calloc(most, sizeof(uint64_t)),
		.stored = mem_calloc(most, sizeof(uint64_t))};
	if (!f->roots || !f->members || !f->stored)
		return act_nomem(e);
	for (size_t i = 0; i < n; i++) {
		const struct linked_person *l = overlays_find(o, persons[i]);
		uint64_t root = l ? l->root : persons[i];
		f->roots[f->n_roots++] = root;
		f->members[f->n_members++] = root;
		f->stored[f->n_stored++] = root;
		for (uint32_t k = 0; l && k < o->groups[l->group].n; k++) {
			uint64_t other = o->group_persons[o->groups[l->group].first + k];
			f->stored[f->n_stored++] = other;
			if (other != root && overlays_resolve(o, other) == root)
				f->members[f->n_members++] = other;
		}
	}
	f->n_roots = persons_sort(f->roots, f->n_roots);
	f->n_members = persons_sort(f->members, f->n_members);
	f->n_stored = persons_sort(f->stored, f->n_stored);
	return RC_OK;
}

static enum rc erase_persons(struct act *a, const uint64_t *persons, uint32_t n, struct sv who,
	const struct erase_beside *beside, struct arena *arena, struct overlay_receipt *out, struct err *e)
{
	struct family f = {0};
	struct overlay_entry *entries = NULL;
	enum rc rc = family_find(a->overlays, persons, n, &f, e);
	if (rc == RC_OK)
		rc = act_count(a, &f, NULL, arena, out, e);
	if (rc == RC_OK && !(entries = mem_calloc(f.n_members, sizeof(*entries))))
		rc = act_nomem(e);
	for (size_t i = 0; rc == RC_OK && i < f.n_members; i++)
		entries[i] = (struct overlay_entry){.kind = OVERLAY_ERASE,
			.at_ms = a->store->clock->now_ms(a->store->clock),
			.who = who,
			.person = f.members[i],
			.n_rows = i == 0 ? out->n_interactions : 0};
	if (rc == RC_OK && f.n_members)
		rc = act_commit(a, entries, f.n_members, beside, e);
	if (rc == RC_OK && f.n_members) {
		out->entry = entries[f.n_members - 1].id;
		out->n_persons = f.n_members;
		give_back(a->store);
	}
	mem_free(entries);
	family_free(&f);
	return rc;
}

enum rc store_erase_persons(struct store *s, const uint64_t *persons, uint32_t n, struct sv who,
	struct arena *arena, struct overlay_receipt *out, struct err *e)
{
	return store_erase_persons_beside(s, persons, n, who, NULL, arena, out, e);
}

enum rc store_erase_persons_beside(struct store *s, const uint64_t *persons, uint32_t n, struct sv who,
	const struct erase_beside *beside, struct arena *arena, struct overlay_receipt *out, struct err *e)
{
	struct act a;
	*out = (struct overlay_receipt){0};
	enum rc rc = store_must_write(s, e);
	if (rc != RC_OK)
		return rc;
	rc = act_begin(s, true, &a, e);
	if (rc == RC_OK)
		rc = erase_persons(&a, persons, n, who, beside, arena, out, e);
	act_end(&a);
	return rc;
}

// --- single interactions ---

struct erasing {
	struct overlay_entry *entries;
	uint64_t *counts; // by segment of the act; NULL: not counted
	size_t n, capacity;
};

static enum rc erasing_add(
	struct erasing *x, const struct row *row, struct sv who, int64_t now_ms, struct err *e)
{
	if (mem_grow((void **)&x->entries, &x->capacity, x->n + 1, sizeof(*x->entries)) != 0)
		return act_nomem(e);
	x->entries[x->n++] = (struct overlay_entry){.kind = OVERLAY_ERASE_INTERACTION,
		.at_ms = now_ms,
		.who = who,
		.person = row->origin ? row->origin : row->person,
		.interaction_ms = row->at_ms,
		.print = overlay_print(row, row->cold),
		.n_rows = 1};
	return RC_OK;
}

static enum rc commit_interactions(struct act *a, struct erasing *x, struct overlay_receipt *out, struct err *e)
{
	enum rc rc = x->n ? act_commit(a, x->entries, x->n, NULL, e) : RC_OK;
	if (rc != RC_OK || x->n == 0)
		return rc;
	out->entry = x->entries[x->n - 1].id;
	uint64_t *persons = mem_calloc(x->n, sizeof(*persons));
	for (size_t i = 0; persons && i < x->n; i++)
		persons[i] = overlays_resolve(a->overlays, x->entries[i].person);
	out->n_persons = persons ? persons_sort(persons, x->n) : 0;
	mem_free(persons);
	give_back(a->store);
	return RC_OK;
}

struct looking {
	const struct act *act;
	const struct interaction_name *names;
	uint32_t n_names;
	bool *found;
	struct sv who;
	int64_t now_ms;
	const struct names *codes;
	struct erasing *out;
};

static enum rc take_match(
	struct looking *l, size_t segment, uint32_t chunk, uint32_t at, uint32_t name, struct err *e)
{
	struct segment_rows *rows = NULL;
	const struct row *row = NULL;
	enum rc rc = segment_rows_open(l->act->items[segment], &rows, e);
	if (rc == RC_OK) {
		segment_rows_at(rows, chunk, at);
		rc = segment_rows_next(rows, &row, e);
	}
	if (rc == RC_OK && row && overlays_row_there(l->act->overlays, row, l->act->epochs[segment]) &&
		sv_equal(names_at(l->codes, NAME_SOURCE, row->code[CODE_SOURCE]), l->names[name].source)) {
		l->found[name] = true;
		l->out->counts[segment]++;
		rc = erasing_add(l->out, row, l->who, l->now_ms, e);
	}
	segment_rows_close(&rows);
	return rc;
}

static enum rc look_in_chunk(struct looking *l, size_t segment, uint32_t chunk, struct err *e)
{
	struct cold_reader *r = NULL;
	uint32_t at = 0;
	enum rc rc = cold_reader_open(l->act->items[segment], chunk, COLUMN_COLD0 + COLD_ID, &r, e);
	while (rc == RC_OK) {
		struct sv id;
		rc = cold_reader_next(r, &at, &id, e);
		if (rc != RC_OK || at == UINT32_MAX)
			break;
		for (uint32_t i = 0; rc == RC_OK && i < l->n_names; i++)
			if (sv_equal(id, l->names[i].id))
				rc = take_match(l, segment, chunk, at, i, e);
	}
	cold_reader_close(&r);
	return rc;
}

static uint64_t name_key(const struct interaction_name *name)
{
	struct buf b = buf_new(1u << 20);
	buf_sv(&b, name->source);
	buf_char(&b, '\0');
	buf_sv(&b, name->id);
	uint64_t key = hash64(b.data, b.len);
	buf_free(&b);
	return key;
}

// Ids tell which segments are worth reading.
static enum rc look_for_names(struct looking *l, const uint64_t *keys, uint64_t *bits, struct err *e)
{
	enum rc rc = RC_OK;
	size_t words = (l->n_names + 63) / 64;
	for (size_t i = 0; rc == RC_OK && i < l->act->segments.n; i++) {
		const struct segment *s = l->act->items[i];
		memset(bits, 0, words * sizeof(*bits));
		if (segment_ids_lookup(s, keys, l->n_names, bits) != RC_OK)
			return err_set(e, RC_CORRUPT, "the ids of segment %012llx are damaged",
				(unsigned long long)l->act->segments.items[i]->entry.id);
		bool any = false;
		for (size_t w = 0; w < words; w++)
			any |= bits[w] != 0;
		for (uint32_t c = 0; rc == RC_OK && any && c < s->info.n_chunks; c++)
			rc = look_in_chunk(l, i, c, e);
	}
	for (uint32_t i = 0; rc == RC_OK && i < l->n_names; i++)
		if (!l->found[i])
			rc = err_set(e, RC_NOT_FOUND, "there is no interaction %.*s of the source %.*s",
				SV_ARG(l->names[i].id), SV_ARG(l->names[i].source));
	return rc;
}

enum rc store_erase_interactions(struct store *s, const struct interaction_name *names, uint32_t n,
	struct sv who, struct arena *arena, struct overlay_receipt *out, struct err *e)
{
	struct act a;
	struct erasing x = {0};
	*out = (struct overlay_receipt){0};
	enum rc rc = store_must_write(s, e);
	if (rc != RC_OK)
		return rc;
	rc = act_begin(s, true, &a, e);
	struct looking l = {
		&a, names, n, mem_calloc(n, sizeof(bool)), who, s->clock->now_ms(s->clock), s->names, &x};
	uint64_t *keys = mem_calloc(n, sizeof(*keys)), *bits = mem_calloc((n + 63) / 64, sizeof(*bits));
	x.counts = mem_calloc(a.segments.n, sizeof(*x.counts));
	if (rc == RC_OK && !(l.found && keys && bits && x.counts))
		rc = act_nomem(e);
	for (uint32_t i = 0; rc == RC_OK && i < n; i++)
		keys[i] = name_key(&names[i]);
	if (rc == RC_OK)
		rc = look_for_names(&l, keys, bits, e);
	if (rc == RC_OK)
		rc = receipt_fill(&a, x.counts, 0, arena, out, e);
	if (rc == RC_OK)
		rc = commit_interactions(&a, &x, out, e);
	mem_free(l.found);
	mem_free(keys);
	mem_free(bits);
	mem_free(x.counts);
	mem_free(x.entries);
	act_end(&a);
	return rc;
}

static enum rc add_located(const struct snapshot_segments *all, uint64_t locator, struct erasing *x,
	struct sv who, int64_t now_ms, struct err *e)
{
	uint64_t segment = locator >> 48, chunk = locator >> 28 & (SEGMENT_CHUNKS_MAX - 1);
	uint64_t at = locator & ((1u << 28) - 1);
	if (segment >= all->n || chunk >= all->items[segment]->info.n_chunks ||
		at >= all->items[segment]->chunks[chunk].n_rows)
		return err_set(e, RC_NOT_FOUND, "there is no interaction at this place of the snapshot");
	struct segment_rows *rows = NULL;
	const struct row *row = NULL;
	enum rc rc = segment_rows_open(all->items[segment], &rows, e);
	if (rc == RC_OK) {
		segment_rows_at(rows, (uint32_t)chunk, (uint32_t)at);
		rc = segment_rows_next(rows, &row, e);
	}
	if (rc == RC_OK && row)
		rc = erasing_add(x, row, who, now_ms, e);
	segment_rows_close(&rows);
	return rc;
}

enum rc store_erase_rows(struct store *s, const struct snapshot *sn, const uint64_t *locators, uint64_t n,
	struct sv who, struct arena *arena, struct overlay_receipt *out, struct err *e)
{
	struct act a;
	struct erasing x = {0};
	(void)arena;
	*out = (struct overlay_receipt){0};
	enum rc rc = store_must_write(s, e);
	if (rc != RC_OK)
		return rc;
	rc = act_begin(s, true, &a, e);
	for (uint64_t i = 0; rc == RC_OK && i < n; i++)
		rc = add_located(snapshot_segments(sn), locators[i], &x, who, s->clock->now_ms(s->clock), e);
	out->n_interactions = x.n;
	if (rc == RC_OK)
		rc = commit_interactions(&a, &x, out, e);
	mem_free(x.entries);
	act_end(&a);
	return rc;
}
