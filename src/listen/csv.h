// SPDX-License-Identifier: Apache-2.0
// Comma-separated values as RFC 4180 and the real world have them: splitting a window of bytes into records.
//
// The grammar, where RFC 4180 is silent or often broken:
//  - A quote opens a quoted field only as the field's first byte (with `trim`: after blanks); elsewhere it is text.
//  - After the closing quote only blanks may follow; other text makes the row unreadable (CSV_TEXT_AFTER_QUOTE).
//  - A record whose quote is not closed, or that is longer than record_max, is rejected as its first physical line
//    only, and reading goes on at the next line: one bad quote costs one row and not the file. At the end of the file
//    the rest is taken for one row that was cut off, when n_columns is known and no line of the rest is a row.
//  - Lines of blanks only are no records. Lines end with the dialect's eol; before a line feed a carriage return is
//    part of the line end.
// These rules do not look back, so any cut between two records gives the same records.
#ifndef CORRIDOR_LISTEN_CSV_H
#define CORRIDOR_LISTEN_CSV_H

#include "base/arena.h"
#include "base/err.h"
#include "base/sv.h"
#include "listen/internal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_BYTES_MAX ((size_t)1 << 20)

struct csv_dialect {
	char delimiter, quote, eol; // eol: '\n' (also for CRLF) or '\r'
	bool trim, latin1;
};

enum csv_problem {
	CSV_FINE,
	CSV_UNCLOSED_QUOTE,
	CSV_TEXT_AFTER_QUOTE, // at = byte in the row
	CSV_TOO_LONG,
	CSV_TOO_MANY_FIELDS,
	CSV_NUL,      // at = byte in the row, from 0
	CSV_BAD_UTF8, // at = byte in the row, from 0
};

enum csv_step {
	CSV_RECORD, // one record is there
	CSV_MORE,   // the rest of the window is no whole record; `at` is where it begins
	CSV_END,    // nothing is left (final windows only)
};

struct csv_field {
	uint32_t start, end;  // in the window, without quotes
	bool quoted, escaped; // escaped: holds doubled quotes
};

struct csv_record {
	uint64_t line;     // physical line of the file where it starts
	struct sv raw;     // without the line end; of a too long line the first record_max + 1 bytes
	uint32_t n_fields; // may exceed RECORD_FIELDS_MAX (then the problem says so)
	enum csv_problem problem;
	size_t problem_at;
};

// A window of bytes being split. Zero-initialise, set dialect and record_max, then csv_window().
struct csv_split {
	struct csv_dialect dialect;
	size_t record_max;
	bool final;         // nothing comes after the window
	bool eof;           // the window ends where the file ends
	uint32_t n_columns; // fields of a whole row; 0 = unknown
	const char *data;
	size_t len, at; // at: where the next record begins
	uint64_t line;  // its line
	bool skip_line; // the rest of a too long line is to be passed over
	uint32_t *pos;  // offsets of delimiters, quotes and line ends in the window
	size_t n_pos, cap_pos, next_pos;
	bool has_high, has_nul;   // the window has bytes ≥ 0x80, = 0
	struct csv_field *fields; // RECORD_FIELDS_MAX
	struct sv *texts;         // RECORD_FIELDS_MAX, by csv_record_texts
	char *scratch;            // unescaped and converted fields of one record
};

// Puts data[at, len) before the splitter as a new window whose first line is `line`. RC_NOMEM.
enum rc csv_window(
	struct csv_split *s, const char *data, size_t at, size_t len, uint64_t line, bool final, struct err *e);
// Passes over the rest of a line that was too long. False when its end is not in the window.
bool csv_skip_line(struct csv_split *s);
// Goes back to (at, line) in the same window.
void csv_rewind(struct csv_split *s, size_t at, uint64_t line);
// The next record: where it is and how many fields it has.
enum csv_step csv_next(struct csv_split *s, struct csv_record *r);
// The fields of the record just found as UTF-8 texts in s->texts (valid until the next call); checks NUL and UTF-8
// and sets r->problem. A record with a problem has no texts. RC_NOMEM.
enum rc csv_record_texts(struct csv_split *s, struct csv_record *r, struct err *e);
void csv_split_free(struct csv_split *s);
// The problem in words, constant text before the first colon.
void csv_problem_describe(const struct csv_split *s, const struct csv_record *r, char *out, size_t size);

// Fills s->pos for the window; SSE2 where there is, bytes otherwise. (csv_index.c)
enum rc csv_index(struct csv_split *s, struct err *e);

// --- what a file's head says (csv_sniff.c) ---

struct csv_head {
	struct csv_dialect dialect;
	size_t body_at;       // offset of the first record after the header
	uint64_t body_line;   // and its line
	uint64_t header_line; // where the header begins; 0 when there is none
	struct sv header_raw; // the header row as received; SV_NONE when there is none
	struct sv *columns;   // names, trimmed, in the arena
	uint32_t n_columns;
	uint64_t n_skipped;       // lines before the header
	struct sv skipped_sample; // the first of them that is not blank
};

// RC_INPUT for a file without a byte, with the remedy.
enum rc csv_file_empty(struct err *e);
// Finds line end, delimiter, quote and header in head[len] (from `at`: after a byte order mark). required: columns
// that the header must hold. When no line holds all, the best one is returned (binding to it then explains what is
// missing). RC_INPUT when there is no record at all and a header is wanted.
enum rc csv_sniff(struct sv head, size_t at, bool final, const struct reader_options *o,
	const struct sv *required, uint32_t n_required, struct arena *a, struct csv_head *out, struct err *e);
// Names of the columns in a header row as received (also for replaying); same arena.
enum rc csv_header_parse(struct sv header_raw, const struct csv_dialect *d, struct arena *a,
	struct sv **columns, uint32_t *n_columns, struct err *e);
// The names when there is no header: the given ones, or "1", "2", … n.
enum rc csv_columns_number(const struct reader_options *o, uint32_t n, struct arena *a, struct sv **columns,
	uint32_t *n_columns, struct err *e);

#endif
