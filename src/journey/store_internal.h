// SPDX-License-Identifier: Apache-2.0
// The store from inside: what its files share.
//
// Invariants:
//  1. SQLite is the truth. names, head and catalogue in memory are what a reload would give; after any failure that
//     leaves them in doubt `stale` is set, and the next write reloads them first.
//  2. Every acknowledged interaction is in exactly one place: an inbox row or one segment of the catalogue. It moves
//     from one to the other in one transaction (seal.c, compact.c, restate.c).
//  3. Files in segments/ that the catalogue does not name are left over from a crash; the next writer removes them.
//
// Threads and locks, in the order in which they are taken:
//   append_mu   one appending, sealing or adopting caller at a time; guards active, names, stale, sealer
//   compact_mu  one merge at a time (background or on demand); adopting a design takes it too
//   snap_mu     the reader's connection and what snapshots share
//   mu          short: catalogue, pool of open segments, designs, numbers to give out, flags, and (with append_mu) what
//               changes of active and sealing
//   back_mu     the second writing connection, for the background threads' transactions
//   turn_mu     whose transaction it is, of the two writing connections (db_take_turns)
#ifndef CORRIDOR_JOURNEY_STORE_INTERNAL_H
#define CORRIDOR_JOURNEY_STORE_INTERNAL_H

#include "base/dict.h"
#include "base/pool.h"
#include "journey/batch_internal.h"

#include <pthread.h>
#include <stdatomic.h>

#define STORE_PATH_BYTES 4096
#define SEAL_ROWS_DEFAULT (1u << 20)
#define HEAD_BYTES_DEFAULT (192u << 20)
#define PIECE_ROWS_LEAST 64u
#define HEAD_PIECES 32u       // of the inbox as readers see it, in a head that is full
#define HEAD_VIEWS_MAX 65536u // a head with so many batches is sealed; an inbox may hold more
#define SNAPSHOT_TRIES 5
#define SNAPSHOT_SEGMENTS_MAX                                                                                  \
	65000u // what a locator can name, without the inbox's pieces and what lies over the segments

// --- names.c ---

struct names {
	atomic_uint refs;
	struct dict *dicts[NAME_KINDS]; // NULL: no name of that kind yet; code = dictionary's code + 1
	int64_t max_id;                 // of the table name: tells two states apart
};

// Empty dictionaries with one reference, the caller's. NULL when out of memory.
struct names *names_new(void);
// One more reference; returns n. Names that are shared are no longer written to.
struct names *names_ref(struct names *n);
// Gives a reference back and sets *n to NULL (NULL is fine); the last one frees.
void names_unref(struct names **n);
// All names of the table, as names_new with max_id set; *out is NULL after a failure. RC_NOMEM, RC_CORRUPT for
// an unknown kind or a gap in the codes, and what the database reports.
enum rc names_load(struct db *db, struct names **out, struct err *e);
// The highest id of the table, 0 when it is empty.
enum rc names_max_id(struct db *db, int64_t *out, struct err *e);
// The code of a name, given out when it is new. RC_LIMIT: no slot left (measures, dimensions).
enum rc names_code(struct names *n, enum name_kind kind, struct sv name, uint32_t *code, struct err *e);
// Writes the names of each kind whose codes are above saved[kind].
enum rc names_save(struct db *db, const struct names *n, const uint32_t saved[NAME_KINDS], struct err *e);
// How many codes of each kind are given out.
void names_counts(const struct names *n, uint32_t counts[NAME_KINDS]);

// --- catalogue.c ---

struct catalogue_entry {
	int64_t id, ordinal;
	int64_t epoch; // journal entries up to this one are in its rows (overlay.h)
	struct segment_info info;
};

// An open segment, shared by the catalogue and snapshots. id 0: a piece of the inbox in memory, not in the pool.
struct segment_ref {
	struct catalogue_entry entry;
	uint32_t refs; // under store.mu
	struct segment *segment;
};

struct segment_list {
	struct segment_ref **items; // by ordinal
	size_t n, capacity;
};

// Rows of the table segment: reads all, in order of ordinal, into an array that the caller frees (mem_free; NULL when
// there are none); adds one; removes one by its id (none with this id: no error). The writes belong into the caller's
// transaction. RC_NOMEM, and what the database reports.
enum rc catalogue_read(struct db *db, struct catalogue_entry **out, size_t *n, struct err *e);
enum rc catalogue_insert(struct db *db, const struct catalogue_entry *entry, struct err *e);
// RC_CORRUPT when the table does not have it.
enum rc catalogue_delete(struct db *db, int64_t id, struct err *e);
// States that a segment has all journal entries up to `epoch` in its rows.
enum rc catalogue_set_epoch(struct db *db, int64_t id, int64_t epoch, struct err *e);
// "dir/segments/<id>.seg<suffix>"; RC_LIMIT when it does not fit.
enum rc segment_path(
	const char *dir, int64_t id, const char *suffix, char out[STORE_PATH_BYTES], struct err *e);
// A reference to the open segment of an entry. RC_NOT_FOUND: the file is gone (merged away in the meantime).
enum rc pool_acquire(
	struct store *s, const struct catalogue_entry *entry, struct segment_ref **out, struct err *e);
// Finishes a writer to memory: what it has written, open, with one reference and id 0. *out is NULL after a failure.
enum rc pool_memory(struct segment_writer *w, struct segment_ref **out, struct err *e);
void pool_ref(struct store *s, struct segment_ref *ref);
void pool_release(struct store *s, struct segment_ref **ref);
// What RC_NOT_FOUND of a segment is once nobody can have merged it away: RC_CORRUPT with the remedy. Other failures
// stay as they are. Returns what failed->rc is then.
enum rc segment_missing(struct err *failed);
// All entries opened, and room in the list for n_more; on failure none. RC_NOT_FOUND as above.
enum rc pool_acquire_all(struct store *s, const struct catalogue_entry *entries, size_t n, size_t n_more,
	struct segment_list *out, struct err *e);
// The writer's current segments, each with a reference.
enum rc catalogue_copy(struct store *s, struct segment_list *out, struct err *e);
void segment_list_release(struct store *s, struct segment_list *list);
// The next unused segment id.
int64_t catalogue_next_id(struct store *s);
// Writes segments: made as <id>.seg.tmp, to be filled by the caller, then published or abandoned.
struct segment_draft {
	int64_t id;
	int64_t epoch; // for the catalogue; draft_new: the newest, for rows that the links of the moment were put into
	struct segment_writer *writer;
	struct segment_ref *ref; // after finish: open, with one reference
	bool named;              // the file has its final name
};
enum rc draft_new(struct store *s, struct segment_draft *d, struct err *e);
// Durable under its final name and open. ordinal goes into the entry.
enum rc draft_finish(struct store *s, struct segment_draft *d, int64_t ordinal, struct err *e);
// Forgets the draft; `remove` unlinks its file as well (not after a failed COMMIT, which may yet be durable).
void draft_drop(struct store *s, struct segment_draft *d, bool remove);
// Removes files of a data directory that the catalogue does not name.
enum rc catalogue_sweep(
	const struct io *io, const char *dir, const struct catalogue_entry *entries, size_t n, struct err *e);
// In one step: takes n_out segments, the first of which has the id first_id, out of the catalogue and puts `in` there;
// first_id 0: at the end. The caller's reference of `in` passes to the catalogue. Needs room: call catalogue_reserve
// before the commit.
void catalogue_swap(struct store *s, int64_t first_id, size_t n_out, struct segment_ref *in);
enum rc catalogue_reserve(struct store *s, struct err *e);
// Removes the files of segments that are no longer in the catalogue (failure is only logged: the sweep will do it).
void catalogue_unlink(struct store *s, int64_t id);

// --- head.c ---

struct id_set {
	uint64_t *slots; // 0 = free
	size_t n, capacity;
};

// A batch in the inbox.
struct head_view {
	struct batch_view *view;
	uint64_t *dropped;     // bit i set = row i was a duplicate; NULL = none
	int64_t seq;           // of its inbox row
	uint32_t n_rows;       // without duplicates
	uint32_t packed_bytes; // in the database
};

// Batches that are in the inbox, with their ids. Rows are in order of arrival.
struct head {
	atomic_uint refs;
	struct head *owner; // a slice: whose the batches are
	struct head_view *views;
	size_t n_views, capacity;
	uint64_t n_rows, bytes;
	uint64_t packed_bytes; // in the database
	int64_t last_seq;      // of the inbox rows that it covers: all up to this one
	struct id_set ids;
};

// An empty head with one reference. NULL when out of memory.
struct head *head_new(void);
// Gives a reference back; the last one frees the head with its views and bitmaps. *h becomes NULL. NULL in *h is fine.
void head_free(struct head **h);
// Makes room so that head_push cannot fail.
enum rc head_reserve(struct head *h, uint32_t n_views, struct err *e);
// Takes the view and the bitmap. ids are not touched.
void head_push(struct head *h, const struct head_view *v);
bool head_dropped(const struct head *h, size_t view, uint32_t row);
// Room for n more ids without a rehash.
enum rc id_set_reserve(struct id_set *set, size_t n, struct err *e);
// False when it was there already. Needs room.
bool id_set_add(struct id_set *set, uint64_t key);
bool id_set_has(const struct id_set *set, uint64_t key);
void id_set_prefetch(const struct id_set *set, uint64_t key);
// Views [first, end) of a head.
struct view_range {
	size_t first, end;
};
// These batches as a head without ids, which holds a reference to h: they are h's.
enum rc head_slice(struct head *h, struct view_range views, struct head **out, struct err *e);
// The first view after an inbox row; n_views: there is none.
size_t head_view_after(const struct head *h, int64_t seq);
// How many interactions they have that are no duplicates.
uint64_t head_rows(const struct head *h, struct view_range views);
// Their rows in order and their ids into a writer (sorting is done here). Rows go under the persons that the links give
// (NULL: none).
struct overlays;
enum rc head_write(const struct head *h, struct view_range views, const struct overlays *links,
	struct segment_writer *w, struct err *e);
// The same as a segment in memory, with one reference.
enum rc head_segment(const struct head *h, struct view_range views, const struct overlays *links,
	const struct io *io, struct segment_ref **out, struct err *e);

// --- sort.c ---

struct row_key {
	uint64_t person;
	int64_t at_ms;
	uint64_t row; // arrival: rising
};

// Sorts by (person, at, row); persons are hashes. RC_NOMEM.
enum rc row_keys_sort(struct row_key *keys, size_t n, struct err *e);
// Sorts hashes ascending.
enum rc id_keys_sort(uint64_t *keys, size_t n, struct err *e);

// --- duplicates.c ---

// Which rows of a batch are in one of the segments: sets bit i of `bits` (does not clear any). A row with a message id
// is known by that; one without by its content, which includes person and time, so it is compared with the person's
// rows at that time. RC_CORRUPT with the remedy: a segment is damaged, nothing can be told.
struct person_links {
	// All persons that rows of this one may be stored under, itself among them: *n of them, valid until the search is
	// over. *n = 0: under itself only.
	const uint64_t *(*stored)(void *context, uint64_t person, uint32_t *n); // NULL: no links
	void *context;
};
enum rc duplicates_find(const struct segment_list *segments, const struct batch_view *v,
	const struct person_links *links, uint64_t *bits, struct err *e);

// --- inbox.c ---

// Adds a packed batch of n interactions, in the caller's transaction. `dropped` has a bit for each of them (a bit set =
// a duplicate, n_dropped in all) and is not looked at when n_dropped is 0. *seq: where it stands in the order of
// arrival. Fails with what the database reports.
enum rc inbox_insert(struct db *db, uint32_t n, struct sv packed, const uint64_t *dropped, uint32_t n_dropped,
	int64_t *seq, struct err *e);
// The rows up to and with last_seq are in a segment: from here on nobody sees them, in the caller's transaction.
enum rc inbox_seal(struct db *db, int64_t last_seq, struct err *e);
// Removes at most n of the rows that nobody sees any more. *left: there may be others; may be NULL.
enum rc inbox_purge(struct db *db, int64_t n, bool *left, struct err *e);
// Rows of the inbox as a head: those with first ≤ seq ≤ last, until there are most_rows interactions or more, without the
// set of ids; all, with the ids, held against the table's sums. Names must be known already.
enum rc inbox_load(struct db *db, struct names *names, int64_t first, int64_t last, uint64_t most_rows,
	struct head **out, struct err *e);
enum rc inbox_load_all(struct db *db, struct names *names, struct head **out, struct err *e);
// The first and the last seq; 0: it is empty.
enum rc inbox_range(struct db *db, int64_t *first, int64_t *last, struct err *e);
// How many interactions came after `seq`.
enum rc inbox_rows_after(struct db *db, int64_t seq, int64_t *n, struct err *e);

// --- inbox_pieces.c: the inbox for readers ---

struct overlays;

struct inbox_piece {
	struct segment_ref *ref;
	int64_t first_seq, last_seq; // inbox rows that it covers
	int64_t n_rows, bytes;       // bytes: in the database
	int64_t epoch;               // links up to this entry of the journal are in it
};
struct inbox_pieces {
	struct inbox_piece *items;
	size_t n, capacity;
};
struct inbox_news; // what the pieces are to become
// In a read transaction of s->reader (snap_mu held): finds out what has changed since s->inbox_seen was made and reads what
// is needed for it. *out is NULL after a failure.
enum rc inbox_pieces_read(
	struct store *s, struct names *names, const struct overlays *o, struct inbox_news **out, struct err *e);
// Brings the pieces that the news were read for (snap_mu held since) to the new state; after a failure they are as they
// were.
enum rc inbox_pieces_take(struct store *s, struct inbox_pieces *p, struct inbox_news *news,
	const struct overlays *o, struct err *e);
void inbox_news_free(struct inbox_news **news); // NULL in *news is fine
void inbox_pieces_clear(struct store *s, struct inbox_pieces *p);
// Adds a piece that continues what they cover, which ended with the row `seen` (0: they were none). *added false, and
// the reference stays the caller's: somebody has read that by now, or it is sealed.
enum rc inbox_pieces_add(
	struct store *s, int64_t seen, const struct inbox_piece *piece, bool *added, struct err *e);
// Gives back those of the rows up to s->sealed_seq: nobody sees them any more.
void inbox_pieces_release_sealed(struct store *s);
// Gives all back: the next question reads the inbox anew. After a failure, for which one of them may be the reason.
void inbox_pieces_forget(struct store *s);
// The last inbox row that they cover, 0: none.
int64_t inbox_pieces_last(struct store *s);
// The pieces with nothing but rows from first_seq to last_seq, in which the links are that `links` has; with a reference
// each, to be given back by inbox_pieces_clear.
enum rc inbox_pieces_within(struct store *s, int64_t first_seq, int64_t last_seq, const struct overlays *links,
	struct inbox_pieces *out, struct err *e);

// --- designs.c ---

struct design_entry {
	uint32_t version;
	struct design *design;
	struct design_entry *next;
};

// The version (0: the newest) as a parsed design that lives as long as the store.
enum rc designs_get(struct store *s, struct db *db, uint32_t version, struct design_entry **out, struct err *e);
// Puts a design that has just become the newest into the store's list and makes it current.
void designs_adopt(struct store *s, struct design_entry *entry);
// Writes a version of the design to the table, in the caller's transaction: when, by whom, its hash, its text. Fails
// with what the database reports, also when the version is there already.
enum rc designs_insert(struct db *db, uint32_t version, int64_t at_ms, struct sv who, uint64_t hash,
	struct sv text, struct err *e);

// --- snapshot.c ---

// The segments of a snapshot with their catalogue entries; the inbox's pieces are the last, with id 0.
const struct segment_list *snapshot_refs(const struct snapshot *sn);

// --- wal.c: the -wal file is emptied beside those who commit ---

#define WAL_PAGES_MOST 4096u // with so many the commit itself does what is left

// Without the thread (memory) those who commit empty it, as SQLite does by itself.
void wal_start(struct store *s);
void wal_stop(struct store *s);

// --- fresh.c: the inbox is read before somebody asks ---

// n_rows were committed.
void fresh_appended(struct store *s, uint64_t n_rows);
// A snapshot shows everything up to the n-th row that was ever appended.
void fresh_shown(struct store *s, uint64_t n_appended);
// Without the thread (memory) the first who asks reads it all.
void fresh_start(struct store *s);
void fresh_stop(struct store *s);

// --- space.c: refusing before the disk is full ---

// Each checks that there is room in the data directory for what it names and for what must always be possible beside
// it: sealing the inbox. RC_IO with numbers and remedy.
// Whether opening for writing failed for want of it.
enum rc space_for_opening(const struct store *s, struct err *e);
// batch_bytes: unpacked.
enum rc space_for_append(const struct store *s, uint64_t batch_bytes, struct err *e);
enum rc space_for_seal(const struct store *s, const struct head *h, struct err *e);
// For rewriting segments of so many bytes.
enum rc space_for_rewrite(const struct store *s, uint64_t bytes, const char *what, struct err *e);

// --- the store ---

struct overlay_view;

struct store {
	uint32_t magic;
	char *dir;
	const struct io *io;
	const struct clock *clock;
	struct store_options options;
	int lock_fd;
	struct db *db, *back, *reader;
	enum db_mode read_mode; // of connections that read
	pthread_mutex_t append_mu, compact_mu, snap_mu, mu, back_mu, turn_mu;
	pthread_cond_t wake;   // with mu: compactor
	pthread_cond_t merged; // with mu: there are fewer segments, or the compactor has ended its work
	bool foreground;       // no threads of its own: for deterministic tests

	struct design_entry *designs; // all that were parsed, newest first
	_Atomic(struct design_entry *) current;

	struct names *names; // the writer's, growing
	uint32_t names_saved[NAME_KINDS];
	struct head *active;
	struct head *sealing; // freed by the appending side when the sealer has ended
	bool stale;
	struct thread *sealer;
	atomic_bool sealer_ended;
	atomic_bool purge_due; // rows of the inbox may be sealed and still there
	atomic_uint behind;    // of sealing and merging, in thousandths, after the last append (seal_behind)
	atomic_bool late;      // they will be behind soon, or are
	atomic_uint n_waiting; // for a seal or a merge to end
	atomic_int_fast64_t boundary;   // the last inbox row of the newest head that is not active any more
	atomic_int_fast64_t sealed_seq; // the last inbox row that was sealed since the store was opened
	struct err seal_err;

	struct segment_list catalogue; // the writer's
	struct overlays *overlays;     // the writer's journal, under mu
	struct segment_list pool;      // all open segments, any order; holds no references
	int64_t next_id, next_ordinal;

	struct thread *compactor;
	bool compact_wanted, compacting; // asked to look for work; at it
	struct thread *emptier;          // of the -wal file; NULL: whoever commits does it
	pthread_cond_t full;             // with mu: of the emptier
	struct db *wal_db;               // its connection
	pthread_mutex_t wal_mu; // while it empties: SQLite lets nobody else do so then, and does not say so
	bool empty_wanted, emptier_ends;
	struct thread *freshener; // of the inbox as readers see it; NULL: whoever asks reads it
	pthread_cond_t unseen;    // with mu: of the freshener
	bool freshener_ends;
	bool freshener_hurries; // its own: it holds what others wait for
	atomic_uint n_ahead;    // pieces that it made of batches
	// What is too much for one piece of the inbox becomes several that have so many rows or more, but less than twice
	// as many.
	uint32_t piece_rows;
	atomic_uint_fast64_t n_appended,
		n_shown; // rows since the store was opened, and how many of them a snapshot has shown
	uint32_t wal_pages, wal_mark; // in the file after the last commit; with so many the emptier is called
	atomic_bool closing;

	// What the last snapshot found, shared with the next (under snap_mu).
	struct names *names_seen;
	struct inbox_pieces inbox_seen;
	struct overlays *overlays_seen;
	struct overlay_view *view_seen; // NULL: nothing was pending, or not looked
	int64_t view_epoch; // no entry of the journal between the view and this one concerns its segments
};

extern const char *const store_schema[];
extern const uint32_t store_schema_steps;

// Path of corridor.db, segments, lock: "dir/name".
enum rc store_path(const char *dir, const char *name, char out[STORE_PATH_BYTES], struct err *e);
// Brings the memory to what SQLite says (append_mu held, compact_mu not). No-op unless stale.
enum rc store_reload(struct store *s, struct err *e);
// Opens for writing without reading what is stored: the lock and the database, for repairs. Close with store_close.
enum rc store_open_bare(const char *dir, struct store **out, struct err *e);
// A reference to the writer's journal as it is now.
struct overlays *store_overlays(struct store *s);
// Reads the journal again after a change (append_mu held).
enum rc store_overlays_reload(struct store *s, struct err *e);
// The same where links were added, without reading (append_mu held). After a failure nothing has changed.
struct overlay_entry;
enum rc store_overlays_extend(struct store *s, const struct overlay_entry *entries, size_t n, struct err *e);
// Writer only: RC_USAGE on a store that was opened for reading.
enum rc store_must_write(const struct store *s, struct err *e);

// companions.c: databases of other parts in the same directory
// Calls f with the name and path of each. RC_LIMIT: too many.
enum rc companions_each(const char *dir,
	enum rc (*f)(void *context, const char *name, const char *path, struct err *e), void *context,
	struct err *e);
// Opens one for reading and looks that it can be read; `mode` is that of the store's reading connections.
enum rc companion_open(const char *path, enum db_mode mode, struct db **db, struct err *e);
// Copies them to an empty directory, durably, with their modes.
enum rc companions_copy(struct store *s, const char *to_dir, struct err *e);
void companions_remove(const char *dir);
// backup.c: a database file with what SQLite puts beside it.
void database_remove(const char *path);

// store.c: a transaction of the second writing connection, with back_mu held from its beginning to its end.
enum rc back_begin(struct store *s, struct err *e);
// Commits it if all went well so far (rc), else undoes it. Call it also when back_begin failed; returns rc or why the commit
// failed.
enum rc back_end(struct store *s, enum rc rc, struct err *e);

// seal_write.c: all of a head's rows and ids into a writer, by merging what readers have of it already, or from the
// batches.
enum rc seal_write(struct store *s, const struct head *h, const struct overlays *links,
	struct segment_writer *w, struct err *e);

// seal.c (append_mu held)
// Hands a full head to the sealer; waits for the one before. Fails with what failed there.
enum rc seal_rotate(struct store *s, bool even_if_small, struct err *e);
// Notes for store_pace how far the threads that give way are behind.
void seal_behind(struct store *s);
// Removes rows of the inbox that are sealed, in transactions of the second connection; a failure is logged, and what is left
// goes later, or when the store is closed.
void seal_purge(struct store *s);
// The same in the caller's transaction of an append of n rows, in a store that gives way: some more than n.
enum rc seal_purge_along(struct store *s, uint32_t n, struct err *e);
// Gives a head's set of ids room for all that comes until it is full, in a store that gives way: to grow the set later
// means to move all of it while somebody waits. RC_NOMEM.
enum rc seal_room(struct store *s, struct head *h, struct err *e);
// On opening a store that gives way: seals an inbox that a process left full, before anything is added. One that dies again
// and again before its sealer has ended would have to load ever more. A failure is logged.
void seal_left_over(struct store *s);
// Waits for the sealer.
enum rc seal_wait(struct store *s, struct err *e);

// compact.c
// Starts the thread that merges segments, with a first look for work; when that fails, it is logged and the store goes
// on without.
void compact_start(struct store *s);
// Sets `closing` and waits for the thread, which ends the merge under way first. No-op without a thread.
void compact_stop(struct store *s);
// Tells the thread that the catalogue has changed.
void compact_wake(struct store *s);
// Waits until there is room for one more segment, or nothing comes of waiting: no thread is merging. append_mu is held.
void compact_make_room(struct store *s);
// Locks compact_mu; a merge under way does not pause meanwhile.
void compact_lock(struct store *s);
// For threads that give way: does anybody wait for what they do, or will somebody soon?
bool store_waits(const void *store);
// How far the compactor is behind: 0 not, 1 so far that compact_make_room waits.
double compact_behind(struct store *s);

#endif
