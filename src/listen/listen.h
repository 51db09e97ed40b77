// SPDX-License-Identifier: Apache-2.0
// Ways in for files: CSV, NDJSON and XES, plain, gzip or zstd, through a declarative mapping; the quarantine.
#ifndef CORRIDOR_LISTEN_LISTEN_H
#define CORRIDOR_LISTEN_LISTEN_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/progress.h"
#include "base/sv.h"
#include "design/design.h"
#include "journey/journey.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

// --- mapping ---

struct mapping; // compiled mapping file; immutable, shared by threads

// Parses and compiles the text of a mapping file against the design it maps to. e: first mistake with
// file:line:column and remedy.
enum rc mapping_parse(
	struct sv text, const char *file_name, const struct design *d, struct mapping **out, struct err *e);
void mapping_free(struct mapping **m);
// What interactions of a mapping come from where it says nothing else (its key `source`), in the arena, whatever else is
// wrong with the text. SV_NONE: it does not tell.
struct sv mapping_source(struct sv text, struct arena *a);
void mapping_schema_write(struct buf *out); // JSON Schema of mapping files

// --- import ---

struct import_report;
struct hook_settings; // hook_line.h
struct sandbox;       // sandbox/sandbox.h
struct import_options {
	const char *map_name; // for messages and the quarantine
	struct sv map_text;
	const char
		*file_name; // not NULL: what the history and the quarantine call the file, instead of its path
	bool quiet;         // no progress bar
	unsigned threads;   // 0 = all processors
	uint64_t max_quarantined; // stop with RC_LIMIT after so many rejected rows; 0 = never
	bool dry_run;             // map and report only, store nothing
	bool leave_inbox;         // do not seal at the end: others append meanwhile and would wait for it
	const volatile sig_atomic_t
		*cancel;           // not NULL: stop with RC_CANCELLED soon after it is non-zero; what was
				   // acknowledged stays, and running the import again adds the rest
	const struct io *io;       // NULL: the system's
	const struct clock *clock; // NULL: the system's
	// Not NULL: tells how a webhook is set up now (in the arena), for replaying what came in by it. RC_NOT_FOUND:
	// there is none of that name any more.
	enum rc (*hook_find)(
		void *context, struct sv name, struct arena *a, struct hook_settings *out, struct err *e);
	void *hook_context;
	struct sandbox *sandbox; // for programs of webhooks; needed with hook_find
	// Not NULL: told after every commit how far the file at hand has come; those rows are durable.
	void (*acknowledged)(void *context, const struct import_report *so_far);
	void *acknowledged_context;
};

#define IMPORT_REASONS_MAX 12u
#define IMPORT_REASON_OTHER "other reasons"

struct import_reason {
	char reason[160];
	uint64_t n;
	uint64_t first_line;
};

// What happened to every row of one file (or of all): n_rows = n_mapped_rows + n_empty_rows + n_quarantined.
// n_interactions + n_duplicates = interactions that n_mapped_rows gave.
struct import_report {
	char file[256];
	bool was_read;            // it could be opened and fits the mapping
	bool is_whole;            // read to its end
	uint64_t bytes;           // as read (compressed)
	uint64_t n_skipped_lines; // before the header
	char skipped_sample[160]; // the first of them
	uint64_t n_rows;
	uint64_t n_mapped_rows;                      // gave at least one interaction
	uint64_t n_empty_rows;                       // the mapping's conditions made none of them
	uint64_t n_quarantined;                      // could not be understood
	uint64_t n_interactions;                     // stored
	uint64_t n_duplicates;                       // known before
	uint64_t n_ambiguous_times, n_skipped_times; // resolved by the documented rule
	uint64_t n_unmatched;                        // stored without a touch point
	// XES, of what was read: n_rows = n_events - n_pairs when nothing stopped the import.
	bool is_xes;
	uint64_t n_traces, n_events;
	uint64_t n_pairs;                    // start and complete events that made one row
	uint64_t n_lone_starts, n_lone_ends; // without the other (ends: in traces that have starts)
	struct import_reason reasons[IMPORT_REASONS_MAX];
	uint32_t
		n_reasons; // kinds of rejection, most frequent first, then IMPORT_REASON_OTHER; they add up to n_quarantined
	int64_t elapsed_ms;
};

// Imports files ("-" = standard input) in order. reports[n_files], each with its file's name. Stops at the first file that
// cannot be read; what was acknowledged stays, and the reports of those that nothing was read of say so (was_read).
// Running it again adds nothing that is there.
enum rc import_files(struct store *s, const struct import_options *o, const char *const *paths,
	uint32_t n_files, struct import_report *reports, struct err *e);

// What is told of the first rows of a file, in their order.
struct preview_sink {
	void *context;
	enum rc (*interaction)(void *context, uint64_t line, const struct interaction *x, struct err *e);
	enum rc (*reject)(void *context, uint64_t line, struct sv reason, struct err *e);
};
// Maps the first rows (at most max_rows) and stores nothing; of the options only io, clock and the mapping count.
// *n_rows: how many there were. *about_mapping after RC_INPUT: the mapping has a mistake, or does not fit the file, with
// the place in it; false: the file cannot be read.
enum rc import_preview(const struct design *d, const struct import_options *o, const char *path,
	uint32_t max_rows, const struct preview_sink *sink, uint32_t *n_rows, bool *about_mapping,
	struct err *e);

// --- a file nobody has told anything about (peek.c, guess.c) ---

#define PEEK_SAMPLES 4u

struct peek_column {
	struct sv name; // NDJSON, XES: the path
	struct sv samples[PEEK_SAMPLES];
	uint32_t n_samples; // different ones that are not empty
};
struct import_peek {
	const char *format; // "csv", "ndjson", "xes"
	struct peek_column *columns;
	uint32_t n_columns;
	struct sv mapping; // a guess; where nothing could be guessed it says so in a comment and is incomplete
};
// Looks at the first rows of a file; `name` is what it is called. Everything in the arena. RC_INPUT with the remedy for what
// cannot be read.
enum rc import_peek(const char *path, struct sv name, const struct design *d, struct arena *a,
	struct import_peek *out, struct err *e);

// --- quarantine ---

struct quarantine_item {
	uint64_t id;
	int64_t at_ms;
	struct sv file, map_name, reason, raw; // raw row as received
	struct sv header;                      // of the file, as received; empty when it has none
	uint64_t line;
};
struct quarantine_group {
	struct sv file, map_name, reason;
	uint64_t n, first_id, last_id;
	int64_t last_at_ms;
};
// The constant part of a reason, as groups have it: what stands before ": ". Behind that may be values of the row.
struct sv reason_kind(struct sv reason);
// Which rows: those that agree with everything that is given, or those with the ids.
struct quarantine_choice {
	const int64_t *ids; // ascending, n_ids of them; NULL: by what follows, of which what is empty fits all
	uint32_t n_ids;
	struct sv file;                     // its path as imported or its name without folders
	struct sv source, map_name, reason; // as file, map_name and reason of a group
};
// Groups by file, mapping and reason, newest first, in the arena. Others may append meanwhile.
enum rc quarantine_groups(
	struct store *s, struct arena *a, struct quarantine_group **out, uint32_t *n, struct err *e);
// The newest chosen items below the id `before` (0: from the newest), at most `limit`, newest first, in the arena;
// *total: of all that are chosen. The ids of the choice do not count. Others may append meanwhile. The header is left out.
enum rc quarantine_page(struct store *s, const struct quarantine_choice *choice, uint64_t before,
	uint32_t limit, struct arena *a, struct quarantine_item **out, uint32_t *n, uint64_t *total,
	struct err *e);
// What the newest of the chosen rows was read with.
enum quarantine_kind { QUARANTINE_FILE, QUARANTINE_WEBHOOK, QUARANTINE_TRACKING };
struct quarantine_reading {
	enum quarantine_kind kind;
	struct sv name;    // of the mapping; of the webhook
	struct sv mapping; // of a file: its text; else empty
	struct sv header;  // of the file, as received; empty when it has none
};
// In the arena. RC_NOT_FOUND: no row is chosen. Others may append meanwhile.
enum rc quarantine_reading(struct store *s, const struct quarantine_choice *choice, struct arena *a,
	struct quarantine_reading *out, struct err *e);
// How many rows and messages of each source are in the quarantine, in the arena. A source may be there several times; those
// of a webhook are under its name, since its mapping is kept elsewhere; what came in in a way that can no longer be read has
// an empty name. Others may append meanwhile.
struct quarantine_source {
	struct sv name;
	uint64_t n;
	bool is_hook; // name: of a webhook
};
enum rc quarantine_sources(
	struct store *s, struct arena *a, struct quarantine_source **out, uint32_t *n, struct err *e);
// Removes the chosen items of those that are there when it begins; *n_dropped: how many, also when it fails in between. Others
// may append meanwhile.
enum rc quarantine_drop_chosen(
	struct store *s, const struct quarantine_choice *choice, uint64_t *n_dropped, struct err *e);
// Items with id > after, at most `limit`; file empty = of all files.
enum rc quarantine_items(struct store *s, struct sv file, uint64_t after, uint32_t limit, struct arena *a,
	struct quarantine_item **out, uint32_t *n, struct err *e);
// Maps the items again (with their stored mapping, or map_text when given); what is understood now is stored
// and leaves the quarantine in the same transaction. Tracking messages are decoded again, without a mapping; bodies of
// webhooks are mapped as the webhook is now (hook_find), or with map_text. Others may append meanwhile.
enum rc quarantine_replay(struct store *s, struct sv file, const struct import_options *o,
	struct import_report *report, struct err *e);
// The same of the chosen items; those that are not there are left out.
enum rc quarantine_replay_chosen(struct store *s, const struct quarantine_choice *choice,
	const struct import_options *o, struct import_report *report, struct err *e);
// What the oldest of the chosen items, at most max_rows, would become, told to the sink with the item's id as its line;
// nothing is stored. report: as of a replay. RC_INPUT: map_text has a mistake, with its place, or does not fit the rows.
enum rc quarantine_preview(struct store *s, const struct quarantine_choice *choice, uint32_t max_rows,
	const struct import_options *o, const struct preview_sink *sink, struct import_report *report,
	struct err *e);
// Removes items (one by id, or all of a file when id = 0; file empty and id 0 = all). *n_dropped. RC_NOT_FOUND when an id or
// a file is given and there is nothing of it.
enum rc quarantine_drop(struct store *s, struct sv file, uint64_t id, uint64_t *n_dropped, struct err *e);
struct quarantine_named {
	uint64_t n_removed;
	uint64_t n_unsure; // hold only a value of less than 4 bytes, which may mean something else: they stay
};
// Finds the items in whose bytes one of the values (of identities, without type) stands as a whole word: what is before
// and after it is no ASCII letter, digit, underscore or byte from 0x80 on, unless the value itself has none there. ASCII
// letters of either case are the same. Values that are written otherwise in the row (escaped, in another format) are not
// found. Others may append meanwhile. out->ids is the caller's to free (mem_free), also after a failure.
struct quarantine_found {
	int64_t *ids; // ascending
	size_t n;
	uint64_t n_unsure; // as of quarantine_named
};
enum rc quarantine_find(
	struct store *s, const struct sv *values, uint32_t n, struct quarantine_found *out, struct err *e);
// Removes those that are still there, inside a transaction of the store's database.
enum rc quarantine_found_remove(
	struct db *db, const struct quarantine_found *found, uint64_t *n_removed, struct err *e);
struct json;
// The member "quarantine" of a receipt, in an object that is open.
void quarantine_named_json(struct json *j, const struct quarantine_named *named);

// --- erasing persons ---

struct persons_erasing {
	const struct sv *identities; // "type:value"
	uint32_t n;
	bool keep_quarantine; // leave the rows in quarantine that name the persons
	struct sv who;        // for the journal
};
// Erases persons as store_erase_persons does (receipt in the arena), and in the same transaction what else is kept of them: rows
// in quarantine in which the value of one of their identities stands, and pairs of identities (people.h). Others may append
// meanwhile.
// RC_USAGE: not an identity. RC_NOT_FOUND: nothing is kept of one of them; then nobody is erased.
enum rc persons_erase(struct store *s, const struct persons_erasing *x, struct arena *a,
	struct overlay_receipt *out, struct quarantine_named *named, struct err *e);

#endif
