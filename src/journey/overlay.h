// SPDX-License-Identifier: Apache-2.0
// Erasures and links of persons as overlays over immutable segments: the journal (table overlay) as a whole
// (overlay.c), what it does to given segments (overlay_view.c), and writing it into them (overlay_merge.c).
//
// Every journal entry has an id; ids rise. Every segment has an epoch: the entries up to it are in its bytes, or do
// not concern it because it arrived later. So an entry is pending for the segments whose epoch is below its id, and
// costs nothing once there are none. The inbox always has the newest epoch: an erasure seals it first, and rows of
// the inbox are put under the persons that the links of the moment give.
//
// Invariants:
//  1. A row's origin is the person that its deciding identity gives; links and their undoing never change it. The
//     person that it is stored under is what the links gave at the segment's epoch.
//  2. A row is erased in a segment if an erasure of its origin, or of it alone, has an id above the segment's epoch.
//  3. Persons that links have ever brought together are a group. Stored persons of a row are of its origin's group.
#ifndef CORRIDOR_JOURNEY_OVERLAY_H
#define CORRIDOR_JOURNEY_OVERLAY_H

#include "journey/segment.h"
#include "journey/store_internal.h"

#define EPOCH_NEWEST INT64_MAX // of what no entry is pending for: the inbox

enum overlay_kind { OVERLAY_ERASE = 1, OVERLAY_LINK, OVERLAY_UNLINK, OVERLAY_ERASE_INTERACTION };

// --- overlay.c: the journal ---

struct linked_person {
	uint64_t person, root; // root: whom its interactions belong to now
	uint64_t parent;       // what it was linked to itself; = person when it is not
	uint32_t group;
};

struct erased_person {
	uint64_t person;
	int64_t entry; // the last one
};

struct erased_interaction {
	uint64_t person; // origin
	int64_t at_ms;
	uint64_t print;
	int64_t entry;
};

struct person_group {
	int64_t last_entry; // the last link, unlink or erasure of a single interaction
	uint32_t first, n;  // persons: overlays.group_persons[first … first + n)
};

// The journal at one moment. Shared and never changed.
struct overlays {
	atomic_uint refs;
	int64_t epoch; // the highest id
	int64_t since; // erasures up to this id are left out: every segment has them in its bytes
	struct linked_person *linked; // by person: all that a link or the erasure of an interaction names
	size_t n_linked;
	struct erased_person *erased; // by person
	size_t n_erased;
	struct erased_interaction *interactions; // by person, then at
	size_t n_interactions;
	struct person_group *groups;
	uint32_t n_groups;
	uint64_t *group_persons;
};

struct overlay_entry {
	enum overlay_kind kind;
	int64_t at_ms; // when it was made
	struct sv who;
	uint64_t person, target;
	int64_t interaction_ms;
	uint64_t print;
	struct sv from, to; // identities as given; SV_NONE for erasures
	uint64_t n_rows;    // interactions that it concerned, or JOURNAL_NOT_COUNTED
	int64_t id;         // set by overlay_insert
};
// Everything that is pending for a segment of the catalogue, or for one of the epoch `least` (INT64_MAX: for none beside
// the catalogue's), and all links. RC_NOMEM and what the database reports.
enum rc overlays_load(struct db *db, int64_t least, struct overlays **out, struct err *e);
// The same after links were added to the journal, without reading it: entries of kind OVERLAY_LINK only, allowed ones,
// in order, with their ids. What overlays_load gives, but that groups which became part of others stay as empty ones.
enum rc overlays_extend(const struct overlays *o, const struct overlay_entry *entries, size_t n,
	struct overlays **out, struct err *e);
struct overlays *overlays_ref(struct overlays *o); // NULL is fine
void overlays_unref(struct overlays **o);
// The highest id of the journal (0: none), and the least epoch of the catalogue (EPOCH_NEWEST: no segments).
enum rc overlays_state(struct db *db, int64_t *last, int64_t *least_epoch, struct err *e);
// Whom the interactions of a person belong to now. o may be NULL.
const struct linked_person *overlays_find(const struct overlays *o, uint64_t person);
static inline uint64_t overlays_resolve(const struct overlays *o, uint64_t person)
{
	const struct linked_person *l = o && o->n_linked ? overlays_find(o, person) : NULL;
	return l ? l->root : person;
}
// Is the person erased in a segment of this epoch?
bool overlays_person_erased(const struct overlays *o, uint64_t origin, int64_t epoch);
// Is a single interaction of that person and time erased in a segment of this epoch? Then its print decides.
bool overlays_interaction_suspect(const struct overlays *o, uint64_t origin, int64_t at_ms, int64_t epoch);
bool overlays_interaction_erased(
	const struct overlays *o, uint64_t origin, int64_t at_ms, int64_t epoch, uint64_t print);
// Is a row of a segment of this epoch not erased? Its cold values must be there. o may be NULL.
bool overlays_row_there(const struct overlays *o, const struct row *row, int64_t epoch);
// What an interaction is known by in the journal: everything of it but touch point, dimensions, person and identities,
// which may be stated anew. cold: COLD_COLUMNS values.
uint64_t overlay_print(const struct row *row, const struct sv *cold);

// Adds an entry, in the caller's transaction.
enum rc overlay_insert(struct db *db, struct overlay_entry *entry, struct err *e);

// --- overlay_links.c: what is allowed ---

// Decides every link of l (sets its outcomes) and makes the entries of those that are to be made, to be inserted in
// this order. *entries is the caller's to free, also after a failure. RC_NOMEM.
enum rc links_decide(const struct overlays *o, const struct linking *l, int64_t now_ms,
	struct overlay_entry **entries, size_t *n_entries, struct err *e);

// --- overlay_view.c: what is pending for given segments ---

// A stored person whose rows a scan passes over in segments with an epoch below `before`.
struct hidden_person {
	uint64_t person;
	int64_t before;
};

struct overlay_plan {
	struct hidden_person *hidden; // by person
	size_t n_hidden;
	uint64_t *moved; // ascending: hidden everywhere, and their rows are put together anew
	size_t n_moved;
};

// What is pending for segments with these epochs. An empty plan: nothing.
enum rc overlay_plan_make(
	const struct overlays *o, const int64_t *epochs, size_t n, struct overlay_plan *out, struct err *e);
void overlay_plan_free(struct overlay_plan *p);
// Index of the first hidden person ≥ key, looked for from index `from` on in steps that double.
size_t hidden_find(const struct hidden_person *hidden, size_t n, size_t from, uint64_t key);

// Rows in a new order, for memory segments and merges.
struct moved_rows;
enum rc moved_rows_new(const struct io *io, const char *path, struct moved_rows **out, struct err *e);
void moved_rows_free(struct moved_rows **m);
// A copy of the row for `person`; place and number order rows of the same person and time.
enum rc moved_rows_add(struct moved_rows *m, const struct row *row, uint64_t person, uint32_t place,
	uint64_t number, uint64_t locator, struct err *e);
// No more are added; rows can be had in order of (person, at, place, number).
enum rc moved_rows_sort(struct moved_rows *m, struct err *e);
size_t moved_rows_count(const struct moved_rows *m);
// Row i; its views are valid until m is freed.
enum rc moved_rows_get(struct moved_rows *m, size_t i, struct row *row, uint64_t *locator, struct err *e);

// What the plan's rows of one segment come to.
struct overlay_count {
	uint64_t n_hidden;  // rows that a scan passes over
	uint64_t n_erased;  // of these, the ones that are gone
	uint64_t n_persons; // stored persons that a scan passes over
	bool changed;       // a row of the segment is erased or belongs to another person now
};
// Reads the rows of moved persons in all segments and adds those that are not erased to m. counts: one per segment,
// with the hidden persons as well. cold: with texts and identities.
enum rc overlay_collect(const struct overlays *o, const struct overlay_plan *p, struct segment *const *segments,
	const int64_t *epochs, size_t n, bool cold, struct moved_rows *m, struct overlay_count *counts,
	struct err *e);

// What lies over the file segments of a snapshot. Shared by snapshots of the same catalogue and journal.
struct overlay_view {
	atomic_uint refs;
	struct overlays *overlays;
	struct overlay_plan plan;
	struct segment *segment; // the moved persons' rows; NULL: none
	struct segment_info info;
	uint64_t *locators;    // of its rows: where the interaction is stored
	uint64_t *chunk_first; // number of the first row of each of its chunks
	struct overlay_count total;
	int64_t first_ms, last_ms; // of all that is there in the segments, moved or not; TIME_NONE: nothing is
	int64_t *ids, *epochs;     // the segments that it is made for
	size_t n_segments;
};
// *out is NULL when nothing is pending. segments: opened, in order; entries: their rows of the catalogue.
enum rc overlay_view_make(struct overlays *o, struct segment *const *segments,
	const struct catalogue_entry *entries, size_t n, struct overlay_view **out, struct err *e);
struct overlay_view *overlay_view_ref(struct overlay_view *v);
void overlay_view_unref(struct overlay_view **v);
// Are these the segments, with the epochs, that it was made for?
bool overlay_view_fits(const struct overlay_view *v, const struct catalogue_entry *entries, size_t n);
// Does an entry of the journal after `since` concern a person who has rows in the segment (of any epoch)?
enum rc overlay_touches(
	const struct overlays *o, int64_t since, const struct segment *s, bool *touches, struct err *e);

// --- overlay_merge.c: making it physical ---

// merge_segments with everything that is pending put into the rows; the merged segment's epoch is o->epoch. Ids stay,
// those of erased interactions as well: they must not come in again. *n_erased rows are gone. `path` names a file for
// the moved rows, which is removed.
enum rc overlay_merge(const struct overlays *o, const struct io *io, const char *path,
	struct segment *const *segments, const int64_t *epochs, size_t n, struct segment_writer *w,
	uint64_t *n_erased, struct progress *progress, struct err *e);

#endif
