// SPDX-License-Identifier: Apache-2.0
// What adding to the journal shares: erasures (overlay_store.c) and links (overlay_links.c).
#ifndef CORRIDOR_JOURNEY_OVERLAY_ACT_H
#define CORRIDOR_JOURNEY_OVERLAY_ACT_H

#include "journey/overlay.h"

// From act_begin to act_end append_mu is held: nothing is appended or sealed meanwhile.
struct act {
	struct store *store;
	struct overlays *overlays; // before the act
	struct segment_list segments;
	struct segment **items;
	int64_t *epochs;
	int64_t sealed; // the segment that the inbox became; 0: it was empty
};

// An erasure seals the inbox, so that what is there now can be told from what arrives later. act_end also after a
// failure.
enum rc act_begin(struct store *s, bool seals, struct act *a, struct err *e);
void act_end(struct act *a);
// Writes the entries in one transaction, sets their ids, and makes the journal in memory the new one. `beside` (may be
// NULL) is done in the transaction, what it deletes is overwritten.
enum rc act_commit(struct act *a, struct overlay_entry *entries, size_t n, const struct erase_beside *beside,
	struct err *e);
enum rc act_nomem(struct err *e);

// Sorts persons, each once; returns how many are left.
size_t persons_sort(uint64_t *items, size_t n);
// Index of a person among sorted ones; n: it is not there.
size_t persons_find(const uint64_t *sorted, size_t n, uint64_t person);

// Roots of the persons, everyone who belongs to them now, and everyone whose key their rows may be stored under; all
// sorted.
struct family {
	uint64_t *roots, *members, *stored;
	size_t n_roots, n_members, n_stored;
};
// Free it also after a failure.
enum rc family_find(
	const struct overlays *o, const uint64_t *persons, size_t n, struct family *f, struct err *e);
void family_free(struct family *f);
// How many interactions of the roots there are in each segment and in the inbox. by_root (may be NULL) gets them by
// root: n_roots, zeroed by the caller.
enum rc act_count(const struct act *a, const struct family *f, uint64_t *by_root, struct arena *arena,
	struct overlay_receipt *out, struct err *e);

#endif
