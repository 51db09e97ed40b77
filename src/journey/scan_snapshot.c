// SPDX-License-Identifier: Apache-2.0
// What readers ask of a snapshot, over its segments: scans, values by locator, identities.
#include "base/hash.h"
#include "base/mem.h"
#include "journey/cursor.h"

enum rc cursor_open(const struct snapshot *sn, const struct scan_request *r, uint64_t person_lo,
	uint64_t person_hi, struct cursor **out, struct err *e)
{
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

enum rc snapshot_identities(
	struct snapshot *sn, uint64_t person, struct arena *a, struct sv **out, uint32_t *n, struct err *e)
{
	const struct snapshot_segments *all = snapshot_segments(sn);
	struct identity_list list = {.n = 0};
	enum rc rc = RC_OK;
	*out = NULL;
	*n = 0;
	for (uint32_t i = 0; !rc && i < all->n; i++)
		rc = segment_identities(all->items[i], person, a, &list, e);
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
