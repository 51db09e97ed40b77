// SPDX-License-Identifier: Apache-2.0
// What the files of journey/ share and nobody else sees: decoded rows, the segment's writer and reader.
//
// Invariants that everything here keeps:
//  1. Rows of a segment are sorted by (person, at, arrival). Arrival is not stored: it is the position.
//  2. Segments are totally ordered by arrival (catalogue column `ordinal`): on ties in time a row of an earlier
//     segment comes first. Compaction therefore merges only segments that are neighbours in that order.
//  3. A chunk ends at a person's end where possible (CHUNK_ROWS, at most CHUNK_ROWS_MAX); only a person with
//     more than CHUNK_ROWS_MAX - CHUNK_ROWS rows goes over several chunks.
//  4. A segment never changes after it is named in the catalogue.
#ifndef CORRIDOR_JOURNEY_INTERNAL_H
#define CORRIDOR_JOURNEY_INTERNAL_H

#include "journey/journey.h"

#define CHUNK_ROWS 65536u
#define CHUNK_ROWS_MAX 131072u
#define SEGMENT_FORMAT 2u

struct row_measure {
	uint32_t slot;
	double value;
};

// One interaction with the codes of the data directory, as it goes into and comes out of segments.
struct row {
	uint64_t person;
	uint64_t origin; // the person before links moved the row to `person`; 0 = person itself
	uint64_t id_key; // only when writing from the inbox; segments keep keys apart from rows
	int64_t at_ms, received_ms, due_ms;
	uint64_t promise, keeps; // hash64 of the promise id, 0 = none
	uint32_t code[CODE_COLUMNS];
	uint32_t n_measures;
	struct row_measure measures[DESIGN_MEASURES_MAX];
	struct sv cold[COLD_COLUMNS]; // ptr NULL = absent
	// Of this interaction: buf_blob of each "type:value", one after another, the deciding one first. Segments keep
	// the distinct lists of a person once: reading rows back gives a list at the first row (in order of time) that
	// showed it and ptr NULL at the others.
	struct sv identities;
};

// --- segment writer: rows in order, memory bounded by one chunk ---

struct segment_writer;

struct segment_info {
	uint64_t n_rows, n_persons, n_chunks, bytes;
	int64_t first_ms, last_ms;
	uint64_t first_person, last_person;
	uint64_t checksum; // of the footer, kept in the catalogue too
};

// Writes to `path` (must not exist), or to memory when path is NULL.
enum rc segment_writer_new(const struct io *io, const char *path, struct segment_writer **out, struct err *e);
// Rows must come sorted by invariant 1.
enum rc segment_writer_add(struct segment_writer *w, const struct row *row, struct err *e);
// Ends the rows. n_ids: how many keys will follow, at most.
enum rc segment_writer_rows_end(struct segment_writer *w, uint64_t n_ids, struct err *e);
// The keys of message ids, ascending; may be called several times with consecutive runs, after all rows. The first call
// ends the rows if segment_writer_rows_end did not.
enum rc segment_writer_ids(struct segment_writer *w, const uint64_t *keys, size_t n, struct err *e);
// Writes footer and trailer, fsyncs the file (not the directory) and fills info.
enum rc segment_writer_finish(struct segment_writer *w, struct segment_info *info, struct err *e);
// The bytes of a memory segment (after finish); ownership passes to the caller (mem_free).
uint8_t *segment_writer_take(struct segment_writer *w, size_t *bytes);
// Also after failure; removes an unfinished file.
void segment_writer_free(struct segment_writer **w);

// --- segment reader ---

struct segment;

// Maps the file and checks header, trailer and footer. The bytes of a column are checked on first touch
// (RC_CORRUPT then, naming segment, chunk and column), and all of them by segment_verify.
enum rc segment_open(const struct io *io, const char *path, struct segment **out, struct err *e);
// The same of a damaged file that the catalogue tells bytes, rows, chunks and checksum of: the header, the trailer and what
// comes behind it are not needed, since the footer is found and proven by what is known. RC_CORRUPT: no such footer is
// there, so nothing says where chunks are.
enum rc segment_open_known(const struct io *io, const char *path, const struct segment_info *known,
	struct segment **out, struct err *e);
// Over bytes in memory, which the segment then owns.
enum rc segment_open_memory(uint8_t *bytes, size_t n, struct segment **out, struct err *e);
void segment_close(struct segment **s);
void segment_info_get(const struct segment *s, struct segment_info *out);
// Which of the n keys are in the segment: sets bit i of `bits` (does not clear any). Keys in any order.
// RC_CORRUPT (bits unchanged) when the id section fails its checksum: nothing can be told apart then.
enum rc segment_ids_lookup(const struct segment *s, const uint64_t *keys, size_t n, uint64_t *bits);
// All keys in ascending order, for merging and verifying. RC_CORRUPT when the id section fails its checksum.
struct segment_ids {
	const struct segment *s;
	uint64_t next, n; // keys handed out; in all
	uint64_t prefix;  // of the next key
};
enum rc segment_ids_open(const struct segment *s, struct segment_ids *out, struct err *e);
// False at the end.
bool segment_ids_next(struct segment_ids *ids, uint64_t *key);
// Every checksum, sort order, ranges of codes, statistics against contents. RC_CORRUPT with the first mismatch.
enum rc segment_verify(const struct segment *s, struct err *e);
// The same of one chunk alone.
enum rc segment_verify_chunk(const struct segment *s, uint32_t chunk, struct err *e);

// All rows in order, decoded; for compaction, restating and verification.
struct segment_rows;
enum rc segment_rows_open(const struct segment *s, struct segment_rows **out, struct err *e);
// Without values that are read only when asked for: cold and identities are absent in all rows.
enum rc segment_rows_open_hot(const struct segment *s, struct segment_rows **out, struct err *e);
// Goes to the first row of the first person ≥ `person`, forwards or backwards.
enum rc segment_rows_seek(struct segment_rows *r, uint64_t person, struct err *e);
// Goes to a row of a chunk, which must be there.
void segment_rows_at(struct segment_rows *r, uint32_t chunk, uint32_t row);
// The locator of the row handed out last, as in segment 0.
uint64_t segment_rows_place(const struct segment_rows *r);
// *row NULL at the end; valid until the next call.
enum rc segment_rows_next(struct segment_rows *r, const struct row **row, struct err *e);
void segment_rows_close(struct segment_rows **r);

// --- batches (batch.c) as the head and the inbox see them ---

// A packed batch read back: rows by number, with codes of the data directory.
struct batch_view;
// `text` is the packed blob of an inbox row. Remaps the batch's own names to codes through `code_of`
// (NAME_NONE result = the name is unknown: RC_CORRUPT).
enum rc batch_view_open(struct sv packed,
	uint32_t (*code_of)(void *context, enum name_kind kind, struct sv name), void *context,
	struct batch_view **out, struct err *e);
void batch_view_close(struct batch_view **v);
uint32_t batch_view_count(const struct batch_view *v);
// Sort keys of all rows (arrays of count, owned by the view).
const uint64_t *batch_view_persons(const struct batch_view *v);
const int64_t *batch_view_times(const struct batch_view *v);
const uint64_t *batch_view_id_keys(const struct batch_view *v);
// Decodes row i; views point into the batch.
enum rc batch_view_row(const struct batch_view *v, uint32_t i, struct row *out, struct err *e);

// --- what a snapshot is made of (snapshot.c), for cursors ---

struct snapshot_segments {
	struct segment **items; // in arrival order; the head (inbox) is the last, as a memory segment
	uint32_t n;
	// Pending erasures and links (overlay.h); all NULL when there are none.
	const struct overlays *overlays;
	struct overlay_view *view;
	uint32_t view_at;      // where items has the rows of moved persons (view->segment), if there are any
	const int64_t *epochs; // n
};
// Valid for the snapshot's life.
const struct snapshot_segments *snapshot_segments(const struct snapshot *sn);
// The snapshot's own cache for reading texts and the like, made at first use. NULL: out of memory.
struct cold_cache *snapshot_cold_cache(struct snapshot *sn);

#endif
