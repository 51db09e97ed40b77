// SPDX-License-Identifier: Apache-2.0
// What the files of listen/ share: records as the readers hand them over, and the bound mapping.
#ifndef CORRIDOR_LISTEN_INTERNAL_H
#define CORRIDOR_LISTEN_INTERNAL_H

#include "base/json.h"
#include "listen/listen.h"

#define RECORD_FIELDS_MAX 1024

enum record_format { RECORD_CSV, RECORD_NDJSON };

// How a file is to be read; from the mapping's `format:` and `csv:` parts.
struct reader_options {
	enum record_format format;
	bool xes;              // the NDJSON is made of an XES log, see xes.h
	const struct tz *zone; // XES: of times without one
	char delimiter;        // 0 = find out (, ; tab |)
	char quote;            // 0 = find out (" or ')
	bool has_header;       // false: columns are named by `columns`, or 1, 2, 3 …
	uint32_t skip_lines;   // fixed number of lines before the header; else junk is found by looking for the
			       // first line that holds all columns the mapping reads
	const struct sv *columns; // names when there is no header
	uint32_t n_columns;
	bool trim;   // white space around unquoted fields
	bool latin1; // bytes are Windows-1252, converted to UTF-8
};

// One row of a file. Valid only during the mapping call.
struct record {
	uint64_t line;           // 1-based line of the file where it starts
	uint64_t number;         // 1-based row number (without header)
	struct sv file;          // base name of the file
	struct sv raw;           // bytes as received (for the quarantine)
	const struct sv *fields; // CSV: by column number, unquoted
	uint32_t n_fields;
	struct json_node json; // NDJSON: the document (type JSON_NONE for CSV)
};

// A mapping bound to the columns of one file; used by one thread (holds scratch memory).
struct mapping_bound;

// How the mapping wants its files read.
const struct reader_options *mapping_reader_options(const struct mapping *m);
// Names of the columns that the mapping cannot do without (to find the header line), n of them.
const struct sv *mapping_required_columns(const struct mapping *m, uint32_t *n);
// header: column names of the file (NULL for NDJSON). RC_INPUT when a required column is missing ("did you
// mean").
enum rc mapping_bind(const struct mapping *m, const struct sv *header, uint32_t n_columns,
	struct mapping_bound **out, struct err *e);
void mapping_bound_free(struct mapping_bound **b);

struct map_counts {
	uint64_t n_ambiguous_times, n_skipped_times;
};
// Maps one record: calls emit for each interaction it makes (already resolved with design_resolve), in order.
// A row is all or nothing: everything is mapped before the first emit. RC_INPUT with the reason (no line number
// in the message: the caller knows it; constant text per kind of mistake first, then the offending value) when
// the record cannot be understood; *n_emitted is 0 then. Errors of emit are passed on.
enum rc mapping_map(struct mapping_bound *b, const struct record *r, int64_t received_ms,
	enum rc (*emit)(void *context, const struct interaction *x, struct err *e), void *context,
	uint32_t *n_emitted, struct map_counts *counts, struct err *e);

#endif
