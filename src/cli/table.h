// SPDX-License-Identifier: Apache-2.0
// Tables for people: columns as wide as their cells, cut to the terminal's width where they must be, and the
// reader is told what was cut.
#ifndef CORRIDOR_CLI_TABLE_H
#define CORRIDOR_CLI_TABLE_H

#include "base/tz.h"
#include "cli/look.h"
#include "measure/measure.h"

enum table_align { TABLE_LEFT, TABLE_RIGHT };

struct table_column {
	struct sv title;
	enum table_align align;
	bool shrink; // text that may be cut with an ellipsis
	bool extra;  // goes first when the terminal is too narrow (bars), without being missed
	bool keep;   // goes last, after those to its left
};

struct table_cell {
	struct sv text; // SV_NONE: nothing there, shown as a dash
	enum ink ink;
};

// Texts belong to the arena that the table was made in.
struct table {
	struct arena *arena;
	struct table_column *columns;
	uint32_t n_columns;
	struct table_cell *cells;
	uint32_t n_rows;
	size_t capacity_rows;
	enum rc rc; // sticky: RC_OK or RC_NOMEM
};

// A table whose columns the caller fills in. Check table->rc at the end; table_free after use.
struct table table_new(struct arena *arena, uint32_t n_columns);
void table_free(struct table *t);
void table_column_set(struct table *t, uint32_t column, const char *title, enum table_align align);
// Appends an empty row; its cells are set with table_text. Returns its number.
uint32_t table_row(struct table *t);
void table_text(struct table *t, uint32_t row, uint32_t column, struct sv text, enum ink ink);
void table_printf(struct table *t, uint32_t row, uint32_t column, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
// Writes heading, rule and rows. What does not fit is said in a line below.
enum rc table_put(const struct table *t, const struct look *look, struct buf *out, struct err *e);
// The same, or the sentence `none` when there are no rows; then frees the table.
enum rc table_finish(
	struct table *t, const struct look *look, const char *none, struct buf *out, struct err *e);

// The result of an analysis as a table with its period and n above and its notes and definition below.
enum rc result_put(const struct result *r, const struct look *look, struct buf *out, struct err *e);
// One cell of a result as people read it, into out[HUMAN_TEXT_MAX] (texts are returned as they are).
struct sv result_cell_text(
	const struct result *r, const struct tz *tz, uint32_t row, uint32_t column, char *out);

#endif
