// SPDX-License-Identifier: Apache-2.0
// What the journal does to given segments. Persons who were erased and have nothing to do with a pending link are
// only passed over. The others, moved ones, are passed over in all segments, and their rows are put together anew.
#include "base/mem.h"
#include "journey/overlay.h"

#include <stdlib.h>

static enum rc view_nomem(struct err *e)
{
	return err_set(e, RC_NOMEM, "out of memory for erasures and links");
}

// --- plans ---

static int hidden_compare(const void *a, const void *b)
{
	const struct hidden_person *x = a, *y = b;
	return (x->person > y->person) - (x->person < y->person);
}

static int person_compare(const void *a, const void *b)
{
	uint64_t x, y;
	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

static enum rc plan_moved(const struct overlays *o, int64_t least, struct overlay_plan *p, struct err *e)
{
	size_t n = 0;
	for (uint32_t g = 0; g < o->n_groups; g++)
		n += o->groups[g].last_entry > least ? o->groups[g].n : 0;
	p->moved = mem_calloc(n, sizeof(*p->moved));
	if (!p->moved)
		return view_nomem(e);
	for (uint32_t g = 0; g < o->n_groups; g++)
		for (uint32_t i = 0; o->groups[g].last_entry > least && i < o->groups[g].n; i++)
			p->moved[p->n_moved++] = o->group_persons[o->groups[g].first + i];
	qsort(p->moved, p->n_moved, sizeof(*p->moved), person_compare);
	return RC_OK;
}

static bool group_pending(const struct overlays *o, uint64_t person, int64_t least)
{
	const struct linked_person *l = overlays_find(o, person);
	return l && o->groups[l->group].last_entry > least;
}

enum rc overlay_plan_make(
	const struct overlays *o, const int64_t *epochs, size_t n, struct overlay_plan *out, struct err *e)
{
	*out = (struct overlay_plan){0};
	int64_t least = EPOCH_NEWEST;
	for (size_t i = 0; i < n; i++)
		least = epochs[i] < least ? epochs[i] : least;
	if (!o || least >= o->epoch)
		return RC_OK;
	enum rc rc = plan_moved(o, least, out, e);
	if (rc == RC_OK) {
		out->hidden = mem_calloc(out->n_moved + o->n_erased, sizeof(*out->hidden));
		if (!out->hidden)
			rc = view_nomem(e);
	}
	if (rc != RC_OK) {
		overlay_plan_free(out);
		return rc;
	}
	for (size_t i = 0; i < out->n_moved; i++)
		out->hidden[out->n_hidden++] = (struct hidden_person){out->moved[i], EPOCH_NEWEST};
	for (size_t i = 0; i < o->n_erased; i++)
		if (o->erased[i].entry > least && !group_pending(o, o->erased[i].person, least))
			out->hidden[out->n_hidden++] =
				(struct hidden_person){o->erased[i].person, o->erased[i].entry};
	qsort(out->hidden, out->n_hidden, sizeof(*out->hidden), hidden_compare);
	return RC_OK;
}

void overlay_plan_free(struct overlay_plan *p)
{
	mem_free(p->hidden);
	mem_free(p->moved);
	*p = (struct overlay_plan){0};
}

size_t hidden_find(const struct hidden_person *hidden, size_t n, size_t from, uint64_t key)
{
	size_t lo = from, step = 1;
	while (lo + step < n && hidden[lo + step].person < key) {
		lo += step;
		step *= 2;
	}
	size_t hi = lo + step < n ? lo + step : n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (hidden[mid].person < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

// --- counting what is passed over ---

static enum rc count_chunk(const struct segment *s, uint32_t chunk, const struct overlay_plan *p, int64_t epoch,
	struct overlay_count *count, struct err *e)
{
	const struct segment_chunk *c = &s->chunks[chunk];
	size_t h = hidden_find(p->hidden, p->n_hidden, 0, c->first_person);
	if (h == p->n_hidden || p->hidden[h].person > c->last_person)
		return RC_OK;
	enum rc rc = segment_touch(s, chunk, segment_column_always(c, COLUMN_PERSON), e);
	if (rc == RC_OK)
		rc = segment_touch(s, chunk, segment_column_always(c, COLUMN_START), e);
	if (rc != RC_OK)
		return rc;
	const uint64_t *persons = chunk_persons(s, c);
	const uint32_t *starts = chunk_starts(s, c);
	for (; h < p->n_hidden && p->hidden[h].person <= c->last_person; h++) {
		uint64_t person = p->hidden[h].person;
		uint32_t i = chunk_person_find(s, c, person);
		if (i == c->n_persons || persons[i] != person || epoch >= p->hidden[h].before)
			continue;
		uint32_t rows = starts[i + 1] - starts[i];
		bool goes_on = chunk > 0 && s->chunks[chunk - 1].last_person == person;
		count->n_hidden += rows;
		count->n_persons += !goes_on;
		if (p->hidden[h].before != EPOCH_NEWEST) {
			count->n_erased += rows;
			count->changed = true;
		}
	}
	return RC_OK;
}

// --- the rows of moved persons ---

struct carried {
	uint64_t origin;
	struct buf list;
};

struct collecting {
	const struct overlays *o;
	const struct segment *segment;
	uint32_t place;
	int64_t epoch;
	bool cold;
	struct cold_cache *cache; // for prints where the rows come without values
	struct arena *arena;
	struct moved_rows *moved;
	struct overlay_count *count;
	// Identity lists of erased interactions go to their origin's next one.
	struct carried *carried;
	size_t n_carried, carried_capacity;
};

static enum rc interaction_erased(struct collecting *c, const struct row *row, uint64_t origin, uint64_t place,
	bool *erased, struct err *e)
{
	*erased = false;
	if (!overlays_interaction_suspect(c->o, origin, row->at_ms, c->epoch))
		return RC_OK;
	struct sv cold[COLD_COLUMNS];
	enum rc rc = RC_OK;
	memcpy(cold, row->cold, sizeof(cold));
	arena_reset(c->arena);
	for (unsigned i = 0; rc == RC_OK && !c->cold && i < COLD_COLUMNS; i++)
		rc = segment_cold(c->cache, c->segment, (uint32_t)(place >> 28 & (SEGMENT_CHUNKS_MAX - 1)),
			(uint32_t)(place & ((1u << 28) - 1)), (enum cold)i, c->arena, &cold[i], e);
	if (rc == RC_OK)
		*erased = overlays_interaction_erased(
			c->o, origin, row->at_ms, c->epoch, overlay_print(row, cold));
	return rc;
}

static void carried_drop(struct collecting *c, size_t i)
{
	buf_free(&c->carried[i].list);
	c->carried[i] = c->carried[--c->n_carried];
}

// The index of what is carried for an origin; n_carried: nothing.
static size_t carried_find(const struct collecting *c, uint64_t origin)
{
	size_t i = 0;
	while (i < c->n_carried && c->carried[i].origin != origin)
		i++;
	return i;
}

static enum rc carry(struct collecting *c, uint64_t origin, struct sv list, struct err *e)
{
	size_t i = carried_find(c, origin);
	if (!list.ptr)
		return RC_OK;
	if (i == c->n_carried) {
		if (mem_grow((void **)&c->carried, &c->carried_capacity, i + 1, sizeof(*c->carried)) != 0)
			return view_nomem(e);
		c->carried[c->n_carried++] = (struct carried){origin, buf_new(1u << 20)};
	}
	buf_sv(&c->carried[i].list, list);
	return buf_check(&c->carried[i].list, e, "identities");
}

static enum rc collect_row(struct collecting *c, const struct row *found, uint64_t place, struct err *e)
{
	struct row row = *found;
	uint64_t origin = row.origin ? row.origin : row.person;
	bool erased = overlays_person_erased(c->o, origin, c->epoch), alone = false;
	enum rc rc = erased ? RC_OK : interaction_erased(c, &row, origin, place, &alone, e);
	if (rc != RC_OK)
		return rc;
	if (erased || alone) {
		c->count->n_erased++;
		c->count->changed = true;
		return alone ? carry(c, origin, row.identities, e) : RC_OK;
	}
	size_t carried = carried_find(c, origin);
	bool takes = !row.identities.ptr && carried < c->n_carried;
	if (takes)
		row.identities = buf_view(&c->carried[carried].list);
	uint64_t person = overlays_resolve(c->o, origin);
	c->count->changed |= person != row.person;
	rc = moved_rows_add(c->moved, &row, person, c->place, place, (uint64_t)c->place << 48 | place, e);
	if (takes)
		carried_drop(c, carried);
	return rc;
}

static enum rc collect_person(struct collecting *c, struct segment_rows *rows, uint64_t person, struct err *e)
{
	const struct row *row;
	enum rc rc = segment_rows_seek(rows, person, e);
	while (rc == RC_OK && (rc = segment_rows_next(rows, &row, e)) == RC_OK && row && row->person == person)
		rc = collect_row(c, row, segment_rows_place(rows), e);
	while (c->n_carried)
		carried_drop(c, 0);
	return rc;
}

// Does the directory of the segment have the person?
static enum rc has_person(const struct segment *s, uint64_t person, bool *has, struct err *e)
{
	uint32_t i = segment_chunk_find(s, person);
	*has = i < s->info.n_chunks && s->chunks[i].first_person <= person;
	if (!*has)
		return RC_OK;
	enum rc rc = segment_touch(s, i, segment_column_always(&s->chunks[i], COLUMN_PERSON), e);
	if (rc != RC_OK)
		return rc;
	uint32_t p = chunk_person_find(s, &s->chunks[i], person);
	*has = p < s->chunks[i].n_persons && chunk_persons(s, &s->chunks[i])[p] == person;
	return RC_OK;
}

static enum rc collect_segment(struct collecting *c, const struct overlay_plan *p, struct err *e)
{
	struct segment_rows *rows = NULL;
	enum rc rc = RC_OK;
	for (uint32_t i = 0; rc == RC_OK && i < c->segment->info.n_chunks; i++)
		rc = count_chunk(c->segment, i, p, c->epoch, c->count, e);
	if (rc == RC_OK && p->n_moved)
		rc = c->cold ? segment_rows_open(c->segment, &rows, e)
			     : segment_rows_open_hot(c->segment, &rows, e);
	for (size_t i = 0; rc == RC_OK && i < p->n_moved; i++) {
		bool has;
		rc = has_person(c->segment, p->moved[i], &has, e);
		if (rc == RC_OK && has)
			rc = collect_person(c, rows, p->moved[i], e);
	}
	segment_rows_close(&rows);
	return rc;
}

enum rc overlay_collect(const struct overlays *o, const struct overlay_plan *p, struct segment *const *segments,
	const int64_t *epochs, size_t n, bool cold, struct moved_rows *m, struct overlay_count *counts,
	struct err *e)
{
	struct collecting c = {.o = o, .cold = cold, .moved = m};
	c.arena = arena_new(0);
	enum rc rc = c.arena ? RC_OK : view_nomem(e);
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		c.cache = cold_cache_new();
		c.segment = segments[i];
		c.place = (uint32_t)i;
		c.epoch = epochs[i];
		c.count = &counts[i];
		counts[i] = (struct overlay_count){0};
		rc = c.cache ? collect_segment(&c, p, e) : view_nomem(e);
		cold_cache_free(&c.cache);
	}
	mem_free(c.carried);
	arena_free(&c.arena);
	return rc;
}

enum rc overlay_touches(
	const struct overlays *o, int64_t since, const struct segment *s, bool *touches, struct err *e)
{
	enum rc rc = RC_OK;
	*touches = false;
	for (uint32_t g = 0; g < o->n_groups; g++)
		for (uint32_t i = 0;
			rc == RC_OK && !*touches && o->groups[g].last_entry > since && i < o->groups[g].n; i++)
			rc = has_person(s, o->group_persons[o->groups[g].first + i], touches, e);
	for (size_t i = 0; rc == RC_OK && !*touches && i < o->n_erased; i++)
		if (o->erased[i].entry > since)
			rc = has_person(s, o->erased[i].person, touches, e);
	return rc;
}

// --- views ---

static enum rc write_view(struct overlay_view *v, struct moved_rows *m, struct err *e)
{
	struct segment_writer *w = NULL;
	uint8_t *bytes = NULL;
	size_t n = moved_rows_count(m), n_bytes = 0;
	v->locators = mem_calloc(n, sizeof(*v->locators));
	enum rc rc = v->locators ? segment_writer_new(io_system(), NULL, &w, e) : view_nomem(e);
	struct row row;
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		rc = moved_rows_get(m, i, &row, &v->locators[i], e);
		if (rc == RC_OK)
			rc = segment_writer_add(w, &row, e);
	}
	if (rc == RC_OK)
		rc = segment_writer_finish(w, &v->info, e);
	if (rc == RC_OK)
		bytes = segment_writer_take(w, &n_bytes);
	segment_writer_free(&w);
	if (rc == RC_OK)
		rc = segment_open_memory(bytes, n_bytes, &v->segment, e);
	if (rc != RC_OK)
		return rc;
	v->chunk_first = mem_calloc(v->info.n_chunks + 1, sizeof(*v->chunk_first));
	if (!v->chunk_first)
		return view_nomem(e);
	for (uint64_t i = 0; i < v->info.n_chunks; i++)
		v->chunk_first[i + 1] = v->chunk_first[i] + v->segment->chunks[i].n_rows;
	return RC_OK;
}

static enum rc fill_view(struct overlay_view *v, struct segment *const *segments, struct err *e)
{
	struct moved_rows *m = NULL;
	struct overlay_count *counts = mem_calloc(v->n_segments, sizeof(*counts));
	enum rc rc = counts ? moved_rows_new(io_system(), NULL, &m, e) : view_nomem(e);
	if (rc == RC_OK)
		rc = overlay_collect(
			v->overlays, &v->plan, segments, v->epochs, v->n_segments, false, m, counts, e);
	for (size_t i = 0; rc == RC_OK && i < v->n_segments; i++) {
		v->total.n_hidden += counts[i].n_hidden;
		v->total.n_persons += counts[i].n_persons;
		v->total.n_erased += counts[i].n_erased;
	}
	if (rc == RC_OK && moved_rows_count(m) > 0) {
		rc = moved_rows_sort(m, e);
		if (rc == RC_OK)
			rc = write_view(v, m, e);
	}
	moved_rows_free(&m);
	mem_free(counts);
	return rc;
}

// --- the first and the last moment ---

// A chunk that has rows which are passed over, so that its statistics tell too much.
struct veiled {
	uint32_t segment, chunk;
	int64_t first_ms, last_ms;
};

struct ends {
	int64_t first_ms, last_ms; // TIME_NONE: nothing was found yet
	struct veiled *veiled;
	size_t n, capacity;
};

static void ends_add(struct ends *x, int64_t first_ms, int64_t last_ms)
{
	bool none = x->first_ms == TIME_NONE;
	x->first_ms = none || first_ms < x->first_ms ? first_ms : x->first_ms;
	x->last_ms = none || last_ms > x->last_ms ? last_ms : x->last_ms;
}

static bool is_hidden(const struct overlay_view *v, uint32_t segment, uint64_t person)
{
	const struct overlay_plan *p = &v->plan;
	size_t h = hidden_find(p->hidden, p->n_hidden, 0, person);
	return h < p->n_hidden && p->hidden[h].person == person && v->epochs[segment] < p->hidden[h].before;
}

// By the range of its persons: it may be that none of these is in it.
static bool is_veiled(const struct overlay_view *v, uint32_t segment, const struct segment_chunk *c)
{
	const struct overlay_plan *p = &v->plan;
	size_t h = hidden_find(p->hidden, p->n_hidden, 0, c->first_person);
	while (h < p->n_hidden && p->hidden[h].person <= c->last_person)
		if (v->epochs[segment] < p->hidden[h++].before)
			return true;
	return false;
}

// Where nothing is erased, what is passed over is in the view, and the statistics are right.
static enum rc ends_collect(
	struct ends *x, const struct overlay_view *v, struct segment *const *segments, struct err *e)
{
	for (uint32_t i = 0; i < v->n_segments; i++)
		for (uint32_t k = 0; k < segments[i]->info.n_chunks; k++) {
			const struct segment_chunk *c = &segments[i]->chunks[k];
			if (v->total.n_erased == 0 || !is_veiled(v, i, c)) {
				ends_add(x, c->first_ms, c->last_ms);
				continue;
			}
			if (mem_grow((void **)&x->veiled, &x->capacity, x->n + 1, sizeof(*x->veiled)) != 0)
				return view_nomem(e);
			x->veiled[x->n++] = (struct veiled){i, k, c->first_ms, c->last_ms};
		}
	return RC_OK;
}

static enum rc ends_read(struct ends *x, const struct overlay_view *v, const struct veiled *from,
	const struct segment *s, struct err *e)
{
	struct segment_rows *rows = NULL;
	const struct row *row;
	uint64_t person = 0;
	bool hidden = false;
	enum rc rc = segment_rows_open_hot(s, &rows, e);
	if (rc == RC_OK)
		segment_rows_at(rows, from->chunk, 0);
	for (uint32_t i = 0; rc == RC_OK && i < s->chunks[from->chunk].n_rows; i++) {
		rc = segment_rows_next(rows, &row, e);
		if (rc != RC_OK || !row)
			break;
		if (i == 0 || row->person != person)
			hidden = is_hidden(v, from->segment, row->person);
		person = row->person;
		if (!hidden)
			ends_add(x, row->at_ms, row->at_ms);
	}
	segment_rows_close(&rows);
	return rc;
}

static int by_last(const void *a, const void *b)
{
	const struct veiled *x = a, *y = b;
	return (x->last_ms < y->last_ms) - (x->last_ms > y->last_ms);
}

static int by_first(const void *a, const void *b)
{
	const struct veiled *x = a, *y = b;
	return (x->first_ms > y->first_ms) - (x->first_ms < y->first_ms);
}

// Reads only chunks that could have an end: the farthest first, until what was found is farther than the next.
static enum rc find_ends(struct overlay_view *v, struct segment *const *segments, struct err *e)
{
	struct ends x = {TIME_NONE, TIME_NONE, NULL, 0, 0};
	if (v->segment)
		ends_add(&x, v->info.first_ms, v->info.last_ms);
	enum rc rc = ends_collect(&x, v, segments, e);
	if (x.n)
		qsort(x.veiled, x.n, sizeof(*x.veiled), by_last);
	for (size_t i = 0; rc == RC_OK && i < x.n; i++)
		if (x.first_ms == TIME_NONE || x.veiled[i].last_ms > x.last_ms)
			rc = ends_read(&x, v, &x.veiled[i], segments[x.veiled[i].segment], e);
	if (x.n)
		qsort(x.veiled, x.n, sizeof(*x.veiled), by_first);
	for (size_t i = 0; rc == RC_OK && i < x.n; i++)
		if (x.first_ms == TIME_NONE || x.veiled[i].first_ms < x.first_ms)
			rc = ends_read(&x, v, &x.veiled[i], segments[x.veiled[i].segment], e);
	mem_free(x.veiled);
	v->first_ms = x.first_ms;
	v->last_ms = x.last_ms;
	return rc;
}

enum rc overlay_view_make(struct overlays *o, struct segment *const *segments,
	const struct catalogue_entry *entries, size_t n, struct overlay_view **out, struct err *e)
{
	*out = NULL;
	int64_t least = EPOCH_NEWEST;
	for (size_t i = 0; i < n; i++)
		least = entries[i].epoch < least ? entries[i].epoch : least;
	if (!o || least >= o->epoch)
		return RC_OK;
	struct overlay_view *v = mem_calloc(1, sizeof(*v));
	if (!v)
		return view_nomem(e);
	v->refs = 1;
	v->overlays = overlays_ref(o);
	v->n_segments = n;
	v->ids = mem_calloc(n, sizeof(*v->ids));
	v->epochs = mem_calloc(n, sizeof(*v->epochs));
	enum rc rc = v->ids && v->epochs ? RC_OK : view_nomem(e);
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		v->ids[i] = entries[i].id;
		v->epochs[i] = entries[i].epoch;
	}
	if (rc == RC_OK)
		rc = overlay_plan_make(o, v->epochs, n, &v->plan, e);
	if (rc == RC_OK)
		rc = fill_view(v, segments, e);
	if (rc == RC_OK)
		rc = find_ends(v, segments, e);
	if (rc != RC_OK)
		overlay_view_unref(&v);
	*out = v;
	return rc;
}

struct overlay_view *overlay_view_ref(struct overlay_view *v)
{
	if (v)
		atomic_fetch_add(&v->refs, 1);
	return v;
}

void overlay_view_unref(struct overlay_view **view)
{
	struct overlay_view *v = *view;
	*view = NULL;
	if (!v || atomic_fetch_sub(&v->refs, 1) > 1)
		return;
	overlays_unref(&v->overlays);
	overlay_plan_free(&v->plan);
	segment_close(&v->segment);
	mem_free(v->locators);
	mem_free(v->chunk_first);
	mem_free(v->ids);
	mem_free(v->epochs);
	mem_free(v);
}

bool overlay_view_fits(const struct overlay_view *v, const struct catalogue_entry *entries, size_t n)
{
	if (v->n_segments != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (v->ids[i] != entries[i].id || v->epochs[i] != entries[i].epoch)
			return false;
	return true;
}
