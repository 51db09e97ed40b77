// SPDX-License-Identifier: Apache-2.0
// What readers ask of a snapshot, over its segments: scans, values by locator, identities.
#include "base/hash.h"
#include "base/mem.h"
#include "journey/cursor.h"
#include "journey/overlay.h"

enum rc cursor_open(const struct snapshot *sn, const struct scan_request *r, uint64_t person_lo,
	uint64_t person_hi, struct cursor **out, struct err *e)
{
	if (person_lo == person_hi)
		person_lo = person_hi = snapshot_person_resolve(sn, person_lo);
	return cursor_open_segments(snapshot_segments(sn), r, person_lo, person_hi, out, e);
}

enum rc snapshot_scan(const struct snapshot *sn, const struct scan_request *r, const struct kernel *k,
	unsigned threads, void **state, struct err *e)
{
	return scan_segments(snapshot_segments(sn), r, k, threads, state, e);
}

enum rc snapshot_cold(
	struct snapshot *sn, uint64_t locator, enum cold what, struct arena *a, struct sv *out, struct err *e)
{
	const struct snapshot_segments *all = snapshot_segments(sn);
	uint64_t segment = locator >> 48, chunk = locator >> 28 & (SEGMENT_CHUNKS_MAX - 1);
	uint64_t row = locator & ((1u << 28) - 1);
	*out = SV_NONE;
	if (segment >= all->n || chunk >= all->items[segment]->info.n_chunks ||
		row >= all->items[segment]->chunks[chunk].n_rows)
		return err_set(e, RC_NOT_FOUND, "there is no interaction at this place of the snapshot");
	struct cold_cache *cache = snapshot_cold_cache(sn);
	if (!cache)
		return err_set(e, RC_NOMEM, "out of memory for reading values");
	return segment_cold(cache, all->items[segment], (uint32_t)chunk, (uint32_t)row, what, a, out, e);
}

// Which identity lists of a segment are those of a person.
struct whose {
	const struct overlays *overlays;
	uint64_t person;
	int64_t epoch; // of the segment
};

static bool list_wanted(void *context, struct sv list)
{
	const struct whose *w = context;
	struct rd r = rd_new(list);
	struct sv first = rd_blob(&r);
	if (r.bad)
		return true; // the reader of the list will say so
	uint64_t origin = hash64(first.ptr, first.len);
	return overlays_resolve(w->overlays, origin) == w->person &&
	       !overlays_person_erased(w->overlays, origin, w->epoch);
}

// The persons that rows of `person` may be stored under: its group, or itself.
static void stored_persons(const struct overlays *o, const uint64_t *person, const uint64_t **out, uint32_t *n)
{
	const struct linked_person *l = o && o->n_linked ? overlays_find(o, *person) : NULL;
	*out = l ? o->group_persons + o->groups[l->group].first : person;
	*n = l ? o->groups[l->group].n : 1;
}

enum rc snapshot_identities(
	struct snapshot *sn, uint64_t person, struct arena *a, struct sv **out, uint32_t *n, struct err *e)
{
	const struct snapshot_segments *all = snapshot_segments(sn);
	struct identity_list list = {.n = 0};
	enum rc rc = RC_OK;
	*out = NULL;
	*n = 0;
	person = snapshot_person_resolve(sn, person);
	struct whose whose = {.overlays = all->overlays, .person = person};
	const uint64_t *stored;
	uint32_t n_stored;
	stored_persons(all->overlays, &person, &stored, &n_stored);
	for (uint32_t i = 0; !rc && i < all->n; i++) {
		if (all->view && all->view->segment && i == all->view_at)
			continue; // its identities are in the others
		whose.epoch = all->epochs ? all->epochs[i] : EPOCH_NEWEST;
		for (uint32_t k = 0; !rc && k < n_stored; k++)
			rc = segment_identities(all->items[i], stored[k], all->overlays ? list_wanted : NULL,
				&whose, a, &list, e);
	}
	for (uint32_t i = 1; i < list.n; i++) // the person's own deciding identity first
		if (hash64(list.items[i].ptr, list.items[i].len) == person) {
			struct sv own = list.items[i];
			memmove(list.items + 1, list.items, i * sizeof own);
			list.items[0] = own;
		}
	if (!rc && list.n > 0) {
		*out = arena_array(a, list.n, sizeof **out);
		if (*out)
			memcpy(*out, list.items, list.n * sizeof **out);
		else
			rc = err_set(e, RC_NOMEM, "out of memory for the identities of a person");
		*n = *out ? list.n : 0;
	}
	mem_free(list.items);
	return rc;
}
