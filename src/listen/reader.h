// SPDX-License-Identifier: Apache-2.0
// Cutting an unpacked file into blocks of whole records, and walking the records of a block.
//
// One thread makes blocks (reader_next), any number walk them (block_next): where a record ends is decided by the
// reader, with the quotes in view; walking a block again gives the same records (see csv.h).
#ifndef CORRIDOR_LISTEN_READER_H
#define CORRIDOR_LISTEN_READER_H

#include "base/arena.h"
#include "base/err.h"
#include "base/io.h"
#include "listen/csv.h"
#include "listen/internal.h"
#include "listen/stream.h"
#include "listen/xes.h"

#include <signal.h>

#define BLOCK_BYTES ((size_t)2 << 20) // at least twice RECORD_BYTES_MAX, so that a block always holds a record
#define REASON_BYTES 400

struct block {
	uint64_t number;   // from 0
	char *data;        // BLOCK_BYTES
	size_t start, len; // whole records lie in data[start, len)
	uint64_t first_line, first_row;
	uint64_t n_rows;
	uint64_t bytes_used;    // of the compressed file, when the block was made
	struct csv_split split; // NDJSON uses only data, len, at, line and record_max of it
};

// What a row turned out to be.
struct block_row {
	uint64_t line, number;
	struct sv raw;
	bool bad; // `reason` says why
	char reason[REASON_BYTES];
	const struct sv *fields; // CSV: n_columns of them; absent ones have ptr NULL
	uint32_t n_fields;
};

struct reader;

// For who keeps the rows: a packed file is checked whole before the first of them (stream_check).
struct reader_check {
	void (*progress)(void *context, uint64_t bytes, uint64_t total); // may be NULL
	void *context;
};

// Opens the file, looks at its head and finds out what it is (byte order mark, dialect, header). `cancel` as in
// stream_open; check NULL: only a look at the first rows. RC_INPUT for what cannot be read at all (UTF-16, archives, no
// header).
enum rc reader_open(const struct io *io, const char *path, const struct reader_options *o,
	const struct sv *required, uint32_t n_required, const volatile sig_atomic_t *cancel,
	const struct reader_check *check, struct reader **out, struct err *e);
void reader_close(struct reader **r);
// What was found out; valid until reader_close. columns is NULL for NDJSON.
const struct csv_head *reader_head(const struct reader *r);
// hash64 of the first 64 KiB (unpacked): the same for the same file under another name.
// XES: what was seen so far, once reading has ended; NULL for other files.
const struct xes_counts *reader_xes_counts(const struct reader *r);
uint64_t reader_head_hash(const struct reader *r);
uint64_t reader_bytes_total(const struct reader *r); // on disk; 0 = unknown
uint64_t reader_bytes_used(const struct reader *r);

// Fills the block with the next records; *done when there are none left (the block is empty then). When reading
// fails, the block still gets the whole records before the failure, and the failure comes with the next call.
enum rc reader_next(struct reader *r, struct block *b, bool *done, struct err *e);

// An empty block with its BLOCK_BYTES, to be filled by reader_next or block_of_row again and again. RC_NOMEM: *out is
// NULL.
enum rc block_new(struct block **out, struct err *e);
// Frees the block and its bytes, which rows of it point into; *b becomes NULL. NULL in *b is fine.
void block_free(struct block **b);
// A block that holds one row as it was received before (from the quarantine).
enum rc block_of_row(struct block *b, const struct reader_options *o, const struct csv_dialect *d,
	struct sv raw, uint64_t line, uint64_t number, struct err *e);
// Before the first block_next, and to walk again.
void block_rewind(struct block *b);
// The next row, *more false at the end. n_columns: of the header; rows with more fields that are not empty are bad.
enum rc block_next(struct block *b, const struct reader_options *o, uint32_t n_columns, struct block_row *row,
	bool *more, struct err *e);

// --- ndjson.c: lines ---

// The next line that is not blank; the same meaning as csv_next. Lines longer than record_max are CSV_TOO_LONG.
enum csv_step ndjson_next(struct csv_split *s, struct csv_record *r);

#endif
