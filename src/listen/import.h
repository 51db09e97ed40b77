// SPDX-License-Identifier: Apache-2.0
// What the files of the import share: a block of rows on its way from the file to the store, and the tables.
#ifndef CORRIDOR_LISTEN_IMPORT_H
#define CORRIDOR_LISTEN_IMPORT_H

#include "base/buf.h"
#include "base/dict.h"
#include "base/json.h"
#include "base/pool.h"
#include "journey/journey.h"
#include "listen/internal.h"
#include "listen/listen.h"
#include "listen/reader.h"

#define BATCH_ROWS_MAX 65536u // of batch_add

// --- one block, mapped (import_map.c) ---

// A row that goes to quarantine. raw is a view into the block.
struct reject {
	uint64_t line, number;
	struct sv raw;
	size_t reason_at, reason_len; // in import_block.reasons
};

struct import_batch {
	struct batch *batch;
	uint64_t unmatched[BATCH_ROWS_MAX / 64]; // bit i: the i-th interaction has no touch point
};

struct import_block {
	struct block *rows;
	struct queue *done; // the mapper pushes the block when it is mapped
	struct import_batch **batches;
	size_t n_batches, cap_batches; // n_batches are filled; spare ones stay for the next block
	struct reject *rejects;
	size_t n_rejects, cap_rejects;
	struct buf reasons;
	uint64_t n_rows, n_mapped_rows, n_empty_rows, n_interactions, n_unmatched;
	struct map_counts times;
	struct err err; // mapping itself failed (memory)
};

// The state of one mapping thread.
struct mapper {
	const struct mapping *mapping;
	const struct design *design;
	const struct reader_options *options;
	const struct clock *clock;
	struct sv file;
	uint32_t n_columns;
	struct mapping_bound *bound;
	struct json_parser *json;
	struct batch *probe; // takes rows on trial, see import_map.c
};

// A block for mapping, empty, with room for the reader's rows and a queue of its own. RC_NOMEM: *out is NULL.
enum rc import_block_new(struct import_block **out, struct err *e);
// Frees the block with its rows, batches and rejects; *b becomes NULL. NULL in *b is fine.
void import_block_free(struct import_block **b);
// Binds a mapping to the columns of a file. The design and the mapping must outlive the mapper.
enum rc mapper_open(struct mapper *m, const struct mapping *mapping, const struct design *d,
	const struct csv_head *head, struct sv file, const struct clock *clock, struct err *e);
void mapper_close(struct mapper *m);
// A row as the mapping takes it. RC_INPUT: it is no JSON object.
enum rc mapper_record(struct mapper *m, const struct block_row *row, struct record *r, struct err *e);
// Maps all rows of b->rows into b's batches and rejects; what b held before is forgotten.
enum rc import_block_map(struct mapper *m, struct import_block *b, struct err *e);
// The same step by step: forget what b holds, map row by row, pack. careful: a row that breaks a limit of the store
// leaves nothing behind; without, *again says that it did and that all must be mapped again with careful. row_err is
// the caller's scratch, empty before and after (clearing it for each row would cost more than mapping some rows).
void import_block_clear(struct import_block *b);
enum rc import_row_map(struct mapper *m, struct import_block *b, const struct block_row *row, int64_t now_ms,
	bool careful, struct err *row_err, bool *again, struct err *e);
enum rc import_block_pack(struct import_block *b, struct err *e);
// For what is not mapped: adds an interaction that is resolved with d; puts a row to the rejects. A row in it counts in
// n_rows, and if it gave an interaction in n_mapped_rows, when the caller says so.
enum rc import_block_add(
	struct import_block *b, const struct design *d, const struct interaction *x, struct err *e);
enum rc import_block_reject(
	struct import_block *b, const struct block_row *row, const char *reason, struct err *e);
// The batches with something in them and the counts of what became of them when they are stored: for one commit of
// several blocks.
struct commit {
	struct import_batch **from;
	struct batch **batches; // of `from`
	struct append_result *results;
	uint32_t n_batches;
};
enum rc commit_collect(struct commit *c, struct import_block *const *blocks, uint32_t n_blocks, struct err *e);
void commit_free(struct commit *c);
// Adds stored, known and unmatched interactions to the report.
void commit_count(const struct commit *c, const struct append_result *results, struct import_report *r);
struct sv reject_reason(const struct import_block *b, const struct reject *r);

// --- reports (import_report.c) ---

// Kinds of rejection with their counts.
struct tally;
struct tally *tally_new(void); // NULL when out of memory
void tally_free(struct tally **t);
void tally_add(struct tally *t, struct sv reason, uint64_t line);
// The most frequent kinds into the report, those it has no room for as one: they add up to all that were rejected.
void tally_report(const struct tally *t, struct import_report *r);
// Adds a mapped block's counts of rows (not of interactions).
void report_add_rows(struct import_report *r, const struct import_block *b);
// Holds the sums that struct import_report promises.
void report_check(const struct import_report *r, uint64_t n_emitted);

// --- tables (import_tables.c) ---

// The file being imported, as the history keeps it.
struct import_file {
	int64_t id, mapping_id;             // rows in the tables; 0 = not there yet
	const char *path, *name, *map_name; // name: without folders
	struct sv map_text;
	uint64_t head_hash;
	const struct csv_head *head;
	enum record_format format;
	int64_t at_ms;
};

// Makes or migrates the tables.
enum rc import_tables(struct db *db, struct err *e);
// Are the tables there? (A read-only store may never have seen an import.)
enum rc import_tables_exist(struct db *db, bool *exist, struct err *e);
// Writes the file's row of the history, new or again. Inside a transaction; ids are set on success.
enum rc import_file_save(
	struct db *db, struct import_file *f, const struct import_report *r, bool finished, struct err *e);
// Puts a row into the quarantine unless the same row of the same file with the same mapping is there.
enum rc quarantine_add(struct db *db, const struct import_file *f, const struct reject *r, struct sv reason,
	int64_t at_ms, struct err *e);

// --- a choice in SQL (quarantine.c) ---

// Conditions on `import i` and on `quarantine`, whose parameters ?1 … ?4 quarantine_choice_bind gives.
#define CHOSEN_IMPORT                                                                                          \
	"(?1 = '' OR i.path = ?1 OR i.file = ?1) AND (?2 = '' OR i.path = ?2) AND (?3 = '' OR i.map_name = "   \
	"?3)"
#define CHOSEN_KIND "(?4 = '' OR kind = ?4)"
void quarantine_choice_bind(struct db_stmt *q, const struct quarantine_choice *choice);

#endif
