// SPDX-License-Identifier: Apache-2.0
// Counts packed paths (paths_census.h) in two steps. While rows are read, a path is written down: into one of 256 logs
// by its hash, or, where its key is small (short paths, most of all sessions), straight into a table by key. At the end
// each log is counted in a table that fits a core's own cache, so threads share nothing, and nothing is merged but
// lists: one large table would be far beyond all caches, each thread would need its own, and they would have to be
// poured into one another by one thread. What was counted is written where the log was, as memory that is had anew
// costs more than all of the counting.
//
// Invariants: the same key is always in the same log; a log holds single paths (records) and counted ones (sums) in any
// order. When a log has grown far beyond the number of different paths, its records are replaced by sums.
#ifndef CORRIDOR_MEASURE_PATHS_LOG_H
#define CORRIDOR_MEASURE_PATHS_LOG_H

#include "measure/paths_census.h"

#define PATH_LOGS 256u
#define PATH_LOG_RECORDS_MAX (UINT64_C(1) << 24) // of all threads together, before records are replaced by sums

struct path_chunk;
struct path_slab;

// Where chunks come from.
struct path_memory {
	struct path_chunk *spare;
	struct path_slab *slabs; // newest first
	size_t left;             // chunks of the newest not used yet
};

// A list of chunks.
struct path_list {
	struct path_chunk *last; // the newest, whose next is the one before; NULL: there is none
	uint32_t n;              // elements in it
	struct path_chunk *first;
};

struct path_dense {
	uint64_t n;
	int64_t ms;
};

struct path_log {
	struct census_shape shape;
	uint32_t key_bits;        // of a record; the others are of its duration
	uint64_t records_max;     // that are kept as they are
	struct path_dense *dense; // by key, for small keys; NULL until needed
	struct path_list records[PATH_LOGS], sums[PATH_LOGS];
	uint64_t n_records, n_sums;
	struct path_memory memory;
};

// records_max: as PATH_LOG_RECORDS_MAX, one thread's share of it.
void path_log_init(struct path_log *l, const struct census_shape *shape, uint64_t records_max);
// Counts n paths, each once; ms[i] is the duration of the i-th (timed shapes; else it is not read). RC_NOMEM, RC_LIMIT.
enum rc path_log_add(struct path_log *l, const uint64_t *key, const int64_t *ms, uint32_t n, struct err *e);
// Moves what is in `from`, of the same shape, to `into`; `from` is empty then.
void path_log_merge(struct path_log *into, struct path_log *from);
// Counts everything, on so many threads, into `out`, an empty table of the same shape, which becomes a list in an order
// that is not determined. It is valid until path_log_free, and nothing may be added to the log any more.
enum rc path_log_count(struct path_log *l, unsigned threads, struct census *out, struct err *e);
void path_log_free(struct path_log *l);

#endif
