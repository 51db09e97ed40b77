// SPDX-License-Identifier: Apache-2.0
// What the files of `corridor export` share: interactions one by one with all that is known of them, and the forms
// in which they are written. Each form has a mapping (export_mapping.c) with which an import gives the same
// interactions again.
#ifndef CORRIDOR_CLI_EXPORT_H
#define CORRIDOR_CLI_EXPORT_H

#include "base/tz.h"
#include "cli/internal.h"
#include "measure/measure.h"

// One interaction. Views are valid until the next one.
struct export_row {
	bool first;                                       // of its person's
	struct sv customer;                               // the identity that decides who it was, "type:value"
	struct sv identities[INTERACTION_IDENTITIES_MAX]; // to be told with this one: customer and some more
	uint32_t n_identities;
	struct sv id, event, source, channel, touchpoint, stage, owner, agent, location;
	struct sv promise, keeps, text, properties;
	int64_t at_ms, received_ms, due_ms;          // TIME_NONE = none
	double measures[DESIGN_MEASURES_MAX];        // by measure of the design; NAN = none
	struct sv dimensions[DESIGN_DIMENSIONS_MAX]; // by dimension of the design
};

// Where interactions come from.
struct export_rows;
// Those that q's from, to and where leave, journey by journey. RC_USAGE for bad filters; RC_NOMEM.
enum rc export_rows_open(struct snapshot *sn, const struct query *q, struct export_rows **out, struct err *e);
// The next one; *row NULL at the end.
enum rc export_rows_next(struct export_rows *x, const struct export_row **row, struct err *e);
void export_rows_close(struct export_rows **x);

// What a form needs to know: which measures and dimensions (by index in the design) have values.
struct export_shape {
	const struct design *design;
	struct tz *utc;
	bool measures[DESIGN_MEASURES_MAX], dimensions[DESIGN_DIMENSIONS_MAX];
};

struct export_format {
	const char *name;
	const char *endings; // of file names, each with a blank behind
	void (*begin)(const struct export_shape *s, struct buf *out);
	void (*row)(const struct export_shape *s, const struct export_row *row, struct buf *out);
	void (*end)(const struct export_shape *s, bool any, struct buf *out);
};
extern const struct export_format export_xes, export_csv, export_ndjson;

// "2026-03-29T01:59:59.123Z" into out[40].
struct sv export_time(const struct export_shape *s, int64_t at_ms, char out[40]);
// All identities of the row as one text: the only one as it is, else a JSON list.
void export_identities(const struct export_row *row, struct buf *out);

// The mapping file that reads an export of this form back.
void export_mapping(const struct export_shape *s, const struct export_format *f, struct buf *out);

// Where an export goes: a file, gzip when its name ends in .gz, or standard output.
struct export_out;
// path NULL: standard output. The file appears under its name when export_out_close has been told so. RC_NOMEM, RC_IO.
enum rc export_out_open(const struct cli *cli, const char *path, struct export_out **out, struct err *e);
enum rc export_out_write(struct export_out *o, struct sv bytes, struct err *e);
// Finishes and frees. keep: the file gets its name, durably; else nothing of it is left.
enum rc export_out_close(struct export_out **o, bool keep, struct err *e);

#endif
