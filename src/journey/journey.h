// SPDX-License-Identifier: Apache-2.0
// Interactions at rest, customer by customer. A store is a data directory:
//   corridor.db    SQLite: inbox (batches acknowledged and not yet sealed), catalogue of segments, names,
//   designs segments/*.seg immutable segments: columns sorted by (person, time), memory-mapped, checksummed
//   lock           held by the one process that writes
// One process writes, any number read; readers work on snapshots.
#ifndef CORRIDOR_JOURNEY_JOURNEY_H
#define CORRIDOR_JOURNEY_JOURNEY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "base/progress.h"
#include "base/sv.h"
#include "db/db.h"
#include "design/design.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_NONE 0u // code 0 of every kind of name = absent (for touch points: unmatched)

// Kinds of names; each is a dictionary string ↔ code (from 1), stable for the life of the data directory and
// shared by all segments. NAME_DIMENSION0 + i: the values of the i-th dimension slot.
enum name_kind {
	NAME_TOUCHPOINT,
	NAME_CHANNEL,
	NAME_EVENT,
	NAME_SOURCE,
	NAME_AGENT,
	NAME_LOCATION,
	NAME_MEASURE,   // code = column slot + 1
	NAME_DIMENSION, // code = column slot + 1
	NAME_DIMENSION0 = 8,
	NAME_KINDS = NAME_DIMENSION0 + DESIGN_DIMENSIONS_MAX
};

struct store;
struct names; // a snapshot of the dictionaries

// --- the store ---

struct store_options {
	const struct io *io;       // NULL: the system's
	const struct clock *clock; // NULL: the system's
	bool read_only;
	uint32_t seal_rows;         // head size that triggers sealing; 0: default (2^20)
	uint64_t head_max_bytes;    // or this many bytes of encoded batches; 0: default (192 MiB)
	bool compact_in_background; // a thread merges small segments while the store is open for writing
	// Somebody waits for each append: sealing and merging have a lower priority, and the head may get twice as
	// large before an append waits for the sealing of the one before it.
	bool gives_way;
};

// Makes a data directory with its first design. RC_EXISTS when there is one already. `who` is recorded.
enum rc store_create(
	const char *dir, struct sv design_text, const char *file_name, struct sv who, struct err *e);
// Opens a data directory: RC_NOT_FOUND, RC_VERSION (newer format), RC_BUSY (another writer). Older formats are
// migrated when opened for writing (and refused with the remedy when opened read-only).
enum rc store_open(const char *dir, const struct store_options *options, struct store **out, struct err *e);
// Waits for background work; does not seal. NULL is allowed.
void store_close(struct store **s);
const struct design *store_design(const struct store *s); // the current version
struct db *store_db(struct store *s); // for parts that keep their own tables in corridor.db; see store_alone
uint32_t store_design_version(const struct store *s); // its number
const char *store_dir(const struct store *s);

// --- designs, versioned ---

struct design_version {
	uint32_t version; // from 1
	int64_t at_ms;
	struct sv who, text; // in the arena given
	uint64_t hash;
};
// Adopts a new version (parsed and validated first) and restates the past: every stored interaction is matched
// and its dimensions lifted anew, in the background of readers, crash-safe. *n_changed: interactions whose
// touch point or dimensions changed. The same text again is a no-op (*n_changed = 0).
enum rc store_design_adopt(struct store *s, struct sv text, const char *file_name, struct sv who,
	uint64_t *n_changed, struct progress *progress, struct err *e);
enum rc store_design_versions(
	struct store *s, struct arena *a, struct design_version **out, uint32_t *n, struct err *e);
// What a design would do to the stored past: how many interactions would change their touch point or a dimension, and
// how many each expectation scores. An expectation scores the interactions at its touch point that carry its measure, as
// the analysis `gap` counts them; those of `before` stand where interactions are now, those of `after` where they would be.
struct restate_count {
	const struct design *before, *after;
	uint64_t n_interactions, n_moved;
	uint64_t *n_scored_before, *n_scored_after; // by expectation of `before`, of `after`
	uint64_t *n_carrying; // by measure of `after`: interactions that carry it, anywhere
};
// Dry run of `after`. `before` is what it is compared with: the design in force, or another. Both must outlive *out, whose
// arrays are in the arena.
enum rc store_design_dry_run(struct store *s, const struct design *before, const struct design *after,
	struct arena *a, struct restate_count *out, struct err *e);
// What a change that design_diff found between the two designs means for past interactions: their number in *n. An
// expectation that is new or changed scores them anew, one that is gone scores them no longer, and a measure whose range or
// unit changed is carried by them.
enum restate_effect { RESTATE_NONE, RESTATE_RESCORED, RESTATE_UNSCORED, RESTATE_CARRIED };
enum restate_effect restate_effect_of(
	const struct restate_count *count, const struct design_change *change, uint64_t *n);
// The name of an effect in JSON ("rescored"); NULL for RESTATE_NONE.
const char *restate_effect_name(enum restate_effect effect);

// --- writing ---

struct batch; // encoded interactions, self-contained (carries its own names); used by one thread at a time

// For interactions resolved with `design` (must outlive the batch). NULL when out of memory.
struct batch *batch_new(const struct design *design);
void batch_free(struct batch **b);
// Encodes one interaction (copied). RC_INPUT: a field breaks a limit (name too long, no identity, …; e says
// which); the batch is unchanged then. RC_LIMIT: batch is full (at most 65,536 interactions or 64 MiB): append
// it first.
enum rc batch_add(struct batch *b, const struct interaction *x, struct err *e);
uint32_t batch_count(const struct batch *b);
size_t batch_bytes(const struct batch *b);
void batch_clear(struct batch *b);
// Optional, to be called by the producing thread: compresses now, so that the writer need not.
enum rc batch_pack(struct batch *b, struct err *e);

struct append_result {
	uint32_t n_added, n_duplicates;
	// Bit i set: the i-th interaction of the batch was a duplicate. Valid until the next append of the
	// batch.
	const uint64_t *duplicate_bits;
};
// Durable when it returns RC_OK (one SQLite transaction, fsync'd). `also` (may be NULL) runs inside the same
// transaction with the store's db: import checkpoints, quarantine rows. Several batches: one commit; none: only
// what `also` does.
enum rc store_append(struct store *s, struct batch **batches, uint32_t n, struct append_result *results /* n */,
	enum rc (*also)(void *context, struct db *db, const struct append_result *results, struct err *e),
	void *context, struct err *e);
// Who appends again and again in a store that gives way calls this between two appends, when it owes nobody an answer:
// so that sealing and merging, which get little of a busy processor, are not left behind until an append has to wait for
// all of their work. Waits, at most 0.1 s, for a multiple of used_ns, the processor time (clock_thread_ns) of the last
// append: the larger, the farther they are behind; not at all when they are not.
void store_pace(const struct store *s, int64_t used_ns);
// Runs `act` with the database of store_db while nobody else uses it: what other parts do with their own tables goes
// through here, or through `also`, once several threads write. What it returns is returned.
enum rc store_alone(struct store *s, enum rc (*act)(void *context, struct db *db, struct err *e), void *context,
	struct err *e);
// Two persons that are one, by an identity of each ("type:value"): see store_link.
struct person_link {
	struct sv from, to;
};
enum link_outcome {
	LINK_MADE,
	LINK_KNOWN,     // the same two are linked already
	LINK_TAKEN,     // from is linked to somebody else
	LINK_CIRCLE,    // to follows from, or is the same
	LINK_MALFORMED, // one is not an identity
};
// Many links, taken in this order; `outcomes` (n, the caller's) tells what became of each.
struct linking {
	const struct person_link *links;
	uint32_t n;
	struct sv who;
	enum link_outcome *outcomes;
};
// store_append with links in the same transaction: both are durable, or neither. The interactions of the call are
// under the persons that its links give. Links that are not allowed are left out and fail nothing (outcomes). How many
// stored interactions a link moved is not counted. linking may be NULL.
enum rc store_append_linking(struct store *s, struct batch **batches, uint32_t n,
	struct append_result *results /* n */, const struct linking *linking,
	enum rc (*also)(void *context, struct db *db, const struct append_result *results, struct err *e),
	void *context, struct err *e);

// --- loading in bulk: sorted interactions straight into segments ---

struct store_load;
struct load_run; // what becomes one segment; used by one thread at a time
// Takes an empty store for itself until store_load_end: nobody else appends, seals, merges or adopts. RC_EXISTS when
// it holds interactions. Runs may then be written by several threads side by side.
enum rc store_load_begin(struct store *s, struct store_load **out, struct err *e);
// After all runs are finished or freed. NULL in *l is fine.
void store_load_end(struct store_load **l);
// Gives a name its code ahead of the runs, so that codes do not depend on which run comes first. Thread-safe.
enum rc store_load_name(
	struct store_load *l, enum name_kind kind, struct sv name, uint32_t *code, struct err *e);
// Each run has a number of its own, from 0; the segments' order follows them, whichever is finished first.
enum rc load_run_new(struct store_load *l, uint32_t number, struct load_run **out, struct err *e);
// Interactions (resolved with the store's design) come in order of person_of their first identity, then time; no
// person may be in two runs (RC_USAGE). A good size is 2^20 to 2^23. Nothing is kept in memory but a chunk. *added
// false: the same content at the same time was there already. RC_INPUT as batch_add; after any failure but this the
// run can only be freed.
enum rc load_run_add(struct load_run *r, const struct interaction *x, bool *added, struct err *e);
// Makes the run durable, all or nothing, and frees it. RC_EXISTS: a message id comes twice, in this run or in one
// finished before. An empty run leaves nothing.
enum rc load_run_finish(struct load_run **r, struct err *e);
// Throws the run away. NULL in *r is fine.
void load_run_free(struct load_run **r);

// Turns the whole inbox into segments now. No-op when it is empty.
enum rc store_seal(struct store *s, struct err *e);
// Merges segments until at most `target` are left (0: by the store's own policy).
enum rc store_compact(struct store *s, uint32_t target, struct progress *progress, struct err *e);

// --- reading ---

struct snapshot; // immutable view: segments and inbox at one moment
// Opens a view of the store as it is now; writers go on beside it. Close it before the store.
enum rc snapshot_open(struct store *s, struct snapshot **out, struct err *e);
void snapshot_close(struct snapshot **sn);
const struct design *snapshot_design(const struct snapshot *sn);
const struct names *snapshot_names(const struct snapshot *sn);

// Two snapshots of one opened store with the same version show the same data. The other way round is not so: sealing and
// merging make another version of the same data.
int64_t snapshot_version(const struct snapshot *sn);

// The dictionaries, by kind and code.
uint32_t names_count(const struct names *n, enum name_kind kind);                // highest code + 1
struct sv names_at(const struct names *n, enum name_kind kind, uint32_t code);   // SV_NONE for NAME_NONE
uint32_t names_find(const struct names *n, enum name_kind kind, struct sv name); // NAME_NONE when unknown
// Column slots of design's measures/dimensions in this data directory; UINT32_MAX = none stored yet.
uint32_t names_measure_slot(const struct names *n, const struct design *d, uint32_t measure);
uint32_t names_dimension_slot(const struct names *n, const struct design *d, uint32_t dimension);

struct snapshot_stats {
	uint64_t n_interactions, n_persons_upper; // persons counted per segment (a person in two counts twice)
	uint64_t n_segments, n_in_inbox, bytes_on_disk;
	int64_t first_ms, last_ms; // TIME_NONE when empty
};
// Totals from the catalogue; cheap.
void snapshot_stats(const struct snapshot *sn, struct snapshot_stats *out);

// --- scanning ---

// Which columns a scan decodes; at, unless no_at is set (it may come all the same).
struct scan_columns {
	bool no_at;
	bool received, touchpoint, channel, event, source, agent, location, promise, due, keeps;
	uint32_t dimensions; // bit i: dimension slot i
	uint64_t measures;   // bit i: measure slot i
	uint64_t scaled;     // those of which the values may come as integers (sparse_values.scaled)
};

enum code_column {
	CODE_TOUCHPOINT,
	CODE_CHANNEL,
	CODE_EVENT,
	CODE_SOURCE,
	CODE_AGENT,
	CODE_LOCATION,
	CODE_DIMENSION0,
	CODE_COLUMNS = CODE_DIMENSION0 + DESIGN_DIMENSIONS_MAX
};

// A condition on rows; all of a request's must hold. Used for skipping whole chunks and for the keep mask.
enum predicate_kind { PREDICATE_TIME, PREDICATE_CODES, PREDICATE_MEASURE, PREDICATE_PERSON, PREDICATE_TEXT };
struct predicate {
	enum predicate_kind kind;
	int64_t from_ms, to_ms;     // TIME: from ≤ at < to
	enum code_column column;    // CODES
	const uint8_t *code_wanted; // CODES: one byte per code, n_codes of them; codes beyond are not wanted
	uint32_t n_codes;
	uint32_t measure_slot; // MEASURE: present and min ≤ value ≤ max (or absent, when wanted_absent)
	double min, max;
	bool min_open, max_open; // exclusive bounds
	bool wanted_absent;      // TEXT: rows without a text are wanted, else those with one
	uint64_t person;         // PERSON
};

struct scan_request {
	bool ordered; // whole journeys in time order, ties in arrival order (but of persons that were linked later:
		      // docs/decisions/overlays.md); otherwise rows as they come
	bool all_rows; // ordered: hand over also rows that fail the predicates (keep[] tells)
	struct scan_columns columns;
	const struct predicate *predicates;
	uint32_t n_predicates;
	// If there are any (at most INTEREST_MAX, none on a person or a text): only rows come for which at least one of these holds,
	// and other columns are decoded at these rows only. Persons without such a row do not come.
	const struct predicate *interest;
	uint32_t n_interest;
	bool interest_bits; // tell which of them hold
};
#define INTEREST_MAX 32u

// The present values of one measure in a span: row[i] ascending. Where the request allows it and they are stored in this
// way, they are scaled[i] / 10^decimals instead, and `value` is NULL.
struct sparse_values {
	uint32_t n;
	const uint32_t *row;
	const double *value;
	const int32_t *scaled;
	uint32_t decimals;
	uint32_t scaled_max; // no |scaled[i]| is greater; at most SCALED_MAX
};
#define SCALED_MAX (1u << 24)
#define SCALED_DECIMALS_MAX 6u

// A run of rows with the columns asked for (others NULL). When `ordered`: whole journeys, person by person.
struct span {
	uint32_t n;
	const int64_t *at;
	const int64_t *received;
	const uint32_t *code[CODE_COLUMNS];
	const struct sparse_values *measures; // by measure slot (only slots asked for are filled)
	const uint64_t *promise, *keeps;      // hash of the promise's id; 0 = none
	const int64_t *due;                   // TIME_NONE = none
	const uint8_t *keep;                  // NULL: every row passes the predicates; else 1/0 per row
	uint32_t n_keep;
	uint32_t n_left_out;          // rows that pass the predicates and are of no interest; then n may be 0
	const uint32_t *interest;     // interest_bits: per row, bit i: interest[i] holds
	uint32_t n_persons;           // ordered only
	const uint64_t *person;       // n_persons
	const uint32_t *person_start; // n_persons + 1 row numbers
	const uint64_t *row_person;   // unordered: per row when cursor_want_rows() was called, else NULL
	const uint64_t *locator;      // per row, for snapshot_cold; per cursor_want_rows(), else NULL
};

// Pull: one cursor = one thread. person range [lo, hi] inclusive splits the work (0, UINT64_MAX = all).
struct cursor;
enum rc cursor_open(const struct snapshot *sn, const struct scan_request *r, uint64_t person_lo,
	uint64_t person_hi, struct cursor **out, struct err *e);
// Also give person per row and locators in spans (costs a little).
void cursor_want_rows(struct cursor *c);
// Of single values that are picked bytes_decoded counts the cache lines in which they lie, which is what moves through
// memory, instead of their own bits (costs time). Before the first cursor_next.
void cursor_count_lines(struct cursor *c);
// The next span (valid until the next call); *span NULL at the end.
enum rc cursor_next(struct cursor *c, const struct span **span, struct err *e);
void cursor_close(struct cursor **c);
// What a cursor has read: for tests' budgets and EXPLAIN.
struct cursor_stats {
	uint64_t chunks_read, chunks_skipped, bytes_decoded, rows;
};
void cursor_stats(const struct cursor *c, struct cursor_stats *out);

// Push: kernels with state per thread over the parallel scan.
struct kernel {
	void *context;
	void *(*state_new)(void *context); // NULL = out of memory
	enum rc (*add)(void *context, void *state, const struct span *span, struct err *e);
	enum rc (*merge)(
		void *context, void *into, void *from, struct err *e); // called in order of person range
	void (*state_free)(void *context, void *state);
	// Merging costs much: one state per thread, no more, which gets parts of the range in any order, and merge is
	// called in any order. The answer must not depend on it.
	bool large_state;
};
// Runs the kernel on `threads` threads; *state gets the merged state (kernel's state_free frees it).
enum rc snapshot_scan(const struct snapshot *sn, const struct scan_request *r, const struct kernel *k,
	unsigned threads, void **state, struct err *e);

// What is read only when asked for.
enum cold { COLD_ID, COLD_PROMISE, COLD_KEEPS, COLD_TEXT, COLD_PROPERTIES, COLD_COLUMNS };
// The value at a locator, copied into the arena; SV_NONE when absent. Cheapest in the order of the scan; one thread
// at a time per snapshot.
enum rc snapshot_cold(
	struct snapshot *sn, uint64_t locator, enum cold what, struct arena *a, struct sv *out, struct err *e);
// The identities of a person, "type:value" each; the first is the deciding one.
enum rc snapshot_identities(
	struct snapshot *sn, uint64_t person, struct arena *a, struct sv **out, uint32_t *n, struct err *e);
// Whom the interactions of a person belong to: the person itself, unless it is linked to another one. Scans of a single
// person [p, p], predicates on a person and snapshot_identities ask this themselves.
uint64_t snapshot_person_resolve(const struct snapshot *sn, uint64_t person);
// The person that an identity stands for: hash64 of "type:value".
uint64_t person_of(struct sv type, struct sv value);

// --- erasing and linking ---
//
// Stored interactions are never edited: erasures and links are entries of a journal that every snapshot opened from
// then on honours. Merging segments makes them physical: by itself after an hour while a writer is open, or with
// store_compact. What stays of an erased interaction is the 64-bit hash of its message id, so that it cannot come in
// again, and the journal's entry: the person's key, a hash of the content, when and by whom.

struct receipt_segment {
	int64_t id; // of the segment; 0: the inbox
	uint64_t n_interactions;
	bool was_inbox; // they were in the inbox until now, or are
};
struct overlay_receipt {
	int64_t entry; // the journal's (last) entry; 0: there was nothing to do
	uint64_t n_persons, n_interactions;
	const struct receipt_segment *segments; // that hold them, in the arena given
	uint32_t n_segments;
};
// Erases all interactions of persons, and of all who are linked to the same person, up to this moment. What arrives
// later is new (unless it is known by its message id). The inbox is sealed first. Texts of identities in the journal go
// as well. Unknown persons are fine (n_interactions 0; persons_erase refuses them). `who` is recorded. RC_USAGE on a store opened for reading.
enum rc store_erase_persons(struct store *s, const uint64_t *persons, uint32_t n, struct sv who,
	struct arena *arena, struct overlay_receipt *out, struct err *e);
// The same with something else that is to be erased in the same transaction: all of it is, or nothing. `act` gets the
// store's database inside the transaction; what it deletes is overwritten. NULL: nothing else.
struct erase_beside {
	enum rc (*act)(void *context, struct db *db, struct err *e);
	void *context;
};
enum rc store_erase_persons_beside(struct store *s, const uint64_t *persons, uint32_t n, struct sv who,
	const struct erase_beside *beside, struct arena *arena, struct overlay_receipt *out, struct err *e);
struct interaction_name {
	struct sv source, id;
};
// Erases single interactions by source and message id. RC_NOT_FOUND, and nothing is erased, when one is not there.
enum rc store_erase_interactions(struct store *s, const struct interaction_name *names, uint32_t n,
	struct sv who, struct arena *arena, struct overlay_receipt *out, struct err *e);
// The same by locators of a snapshot of this store (of a scan with any filter).
enum rc store_erase_rows(struct store *s, const struct snapshot *sn, const uint64_t *locators, uint64_t n,
	struct sv who, struct arena *arena, struct overlay_receipt *out, struct err *e);
// From now on the interactions of `from` ("type:value"), those that arrive later too, belong to the person of `to`.
// Links make chains: whoever is linked to `from` follows. RC_EXISTS: from is linked to somebody else already; RC_USAGE:
// to follows from, or is the same. Linking the same two again changes nothing (entry 0).
enum rc store_link(struct store *s, struct sv from, struct sv to, struct sv who, struct arena *arena,
	struct overlay_receipt *out, struct err *e);
// Many links in one transaction, as store_link would make them one after another; each is an entry of the journal and
// can be undone alone. Links that are not allowed are left out (outcomes). The receipt is of all that were made; entry
// 0: none was.
enum rc store_link_all(struct store *s, const struct linking *l, struct arena *arena,
	struct overlay_receipt *out, struct err *e);
// Why a link was not made, as store_link says it; RC_OK for LINK_MADE and LINK_KNOWN.
enum rc link_outcome_rc(enum link_outcome outcome, const struct person_link *link, struct err *e);
// Undoes the link of `from`: its interactions are its own again. RC_NOT_FOUND: it is not linked.
enum rc store_unlink(struct store *s, struct sv from, struct sv who, struct arena *arena,
	struct overlay_receipt *out, struct err *e);
#define JOURNAL_NOT_COUNTED UINT64_MAX
struct journal_entry {
	int64_t id, at_ms;
	struct sv kind;          // "erase", "link", "unlink", "erase-interaction"
	struct sv who, from, to; // identities of links, SV_NONE where they were erased
	uint64_t person, target;
	uint64_t owner; // whom the person's interactions belong to now, if the store is open for writing
	uint64_t n_interactions; // that it concerned; JOURNAL_NOT_COUNTED: a link that came with interactions
	bool applied;            // in the bytes of all segments
	bool in_force;           // a link that was not undone
};
// The journal's entries after `after` (0: from the first), at most `limit`, in order; in the arena.
enum rc store_journal(struct store *s, int64_t after, uint32_t limit, struct arena *arena,
	struct journal_entry **out, uint32_t *n, struct err *e);
// The newest entries below the id `before` (0: from the newest), at most `limit`, newest first, in the arena; with a
// `person` (may be NULL) those of this one and of all whom links have ever brought together with it. Others may append
// meanwhile.
enum rc store_journal_page(struct store *s, const uint64_t *person, int64_t before, uint32_t limit,
	struct arena *arena, struct journal_entry **out, uint32_t *n, struct err *e);
// Does a link of the journal, undone or not, hold the text of this person's identity? Others may append meanwhile.
enum rc store_journal_names(struct store *s, uint64_t person, bool *out, struct err *e);
// A receipt's members, in an object that is open. verb: "erased"; physical: it is in the bytes of the segments, too.
struct json;
void overlay_receipt_json(struct json *j, const char *verb, const struct overlay_receipt *r, bool physical);

// --- care ---

struct verify_report {
	uint64_t n_segments, n_chunks, n_interactions, n_in_inbox, bytes;
	uint32_t n_problems;
	char problems[16][256]; // the first ones
	bool repairable;        // some of them are damaged segments, which store_repair sets aside
	uint32_t n_notes;
	char notes
		[4]
		[512]; // the first of what could not be looked at, for want of permission: no problems of the data
};
// Checks every checksum and invariant of a data directory. RC_CORRUPT when something is wrong (report says
// what).
enum rc store_verify(const char *dir, struct verify_report *report, struct progress *progress, struct err *e);
// What verification with repair set aside.
struct lost_person {
	uint64_t person;
	uint64_t n_interactions;     // lost of this person; 0: nobody knows how many
	const struct sv *identities; // as far as they are still readable
	uint32_t n_identities;
};
struct repaired_segment {
	int64_t id;
	struct sv problem, moved_to; // moved_to: the damaged file; SV_NONE: there was none
	uint64_t n_interactions, n_salvaged, n_lost;
	int64_t lost_first_ms, lost_last_ms; // of what was lost
	uint64_t lost_first_person, lost_last_person;
	bool persons_known; // false: not those of all
	uint64_t
		n_unnamed; // lost of persons within a range, nobody knows of which; the others are those of `persons`
	uint64_t unnamed_first_person, unnamed_last_person;
	const struct lost_person *persons;
	uint32_t n_persons;
};
struct repair_report {
	const struct repaired_segment *segments; // in the arena given
	uint32_t n_segments;
	uint64_t n_salvaged, n_lost;
};
// Sets every damaged segment aside: its file goes to damaged/, its row of the catalogue to the table damaged_segment,
// and the interactions of its sound chunks to a new segment, in one transaction. The lost ones can be imported again
// from where they came: all others are known. Needs the writer's lock (RC_BUSY). RC_CORRUPT: the database itself is
// damaged; only a backup helps. What is not in segments is not looked at.
enum rc store_repair(const char *dir, struct arena *arena, struct repair_report *out, struct progress *progress,
	struct err *e);
// A consistent copy into a new or empty directory while others write: the catalogue by SQLite's backup, segments byte
// by byte; `link`: by hard link where the file system can (damage to the bytes then reaches both). The copy is
// verified. RC_USAGE: the directory is inside the store's own; RC_EXISTS: it is not empty; RC_CORRUPT: the source (or,
// if it says so, the copy) is damaged. After a failure nothing of the copy is left.
enum rc store_backup(struct store *s, const char *to_dir, bool link, struct progress *progress, struct err *e);

#endif
