// SPDX-License-Identifier: Apache-2.0
// Laying out tables.
#include "cli/table.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

#define GAP 2u           // blanks between columns
#define SHRINK_LEAST 16u // no text column gets narrower than this

struct table table_new(struct arena *arena, uint32_t n_columns)
{
	struct table t = {.arena = arena, .n_columns = n_columns};
	t.columns = arena_array(arena, n_columns ? n_columns : 1, sizeof(*t.columns));
	t.rc = t.columns ? RC_OK : RC_NOMEM;
	return t;
}

void table_free(struct table *t)
{
	mem_free(t->cells);
	t->cells = NULL;
	t->n_rows = 0;
	t->capacity_rows = 0;
}

void table_column_set(struct table *t, uint32_t column, const char *title, enum table_align align)
{
	if (t->rc == RC_OK)
		t->columns[column] = (struct table_column){
			.title = sv_from(title), .align = align, .shrink = align == TABLE_LEFT};
}

uint32_t table_row(struct table *t)
{
	void *cells = t->cells;
	size_t row_bytes = sizeof(*t->cells) * (t->n_columns ? t->n_columns : 1);
	if (t->rc == RC_OK && mem_grow(&cells, &t->capacity_rows, (size_t)t->n_rows + 1, row_bytes) != 0)
		t->rc = RC_NOMEM;
	if (t->rc != RC_OK)
		return 0;
	t->cells = cells;
	memset(&t->cells[(size_t)t->n_rows * t->n_columns], 0, row_bytes);
	return t->n_rows++;
}

void table_text(struct table *t, uint32_t row, uint32_t column, struct sv text, enum ink ink)
{
	if (t->rc == RC_OK)
		t->cells[(size_t)row * t->n_columns + column] = (struct table_cell){text, ink};
}

void table_printf(struct table *t, uint32_t row, uint32_t column, const char *format, ...)
{
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	struct sv copy = arena_copy(t->arena, sv_from(text));
	if (!copy.ptr)
		t->rc = RC_NOMEM;
	table_text(t, row, column, copy, INK_PLAIN);
}

struct layout {
	unsigned *width; // by column; 0 = left out
	bool cut, dropped;
};

static const struct table_cell *cell_at(const struct table *t, uint32_t row, uint32_t column)
{
	return &t->cells[(size_t)row * t->n_columns + column];
}

static unsigned natural_width(const struct table *t, uint32_t column)
{
	unsigned w = text_width(t->columns[column].title);
	for (uint32_t r = 0; r < t->n_rows; r++) {
		unsigned cell = text_width(cell_at(t, r, column)->text);
		w = cell > w ? cell : w;
	}
	return w ? w : 1;
}

static unsigned total_width(const struct table *t, const struct layout *l)
{
	unsigned total = 0;
	for (uint32_t c = 0; c < t->n_columns; c++)
		total += l->width[c] ? l->width[c] + (total ? GAP : 0) : 0;
	return total;
}

static void drop_extras(const struct table *t, struct layout *l, unsigned width)
{
	for (uint32_t c = t->n_columns; c-- > 0 && total_width(t, l) > width;)
		if (t->columns[c].extra)
			l->width[c] = 0;
}

// Narrows the widest text column, a column of the terminal at a time.
static void shrink(const struct table *t, struct layout *l, unsigned width)
{
	while (total_width(t, l) > width) {
		uint32_t widest = UINT32_MAX;
		for (uint32_t c = 0; c < t->n_columns; c++)
			if (t->columns[c].shrink && l->width[c] > SHRINK_LEAST &&
				(widest == UINT32_MAX || l->width[c] > l->width[widest]))
				widest = c;
		if (widest == UINT32_MAX)
			return;
		l->width[widest]--;
		l->cut = true;
	}
}

// The width when every text is as narrow as it may get.
static unsigned narrowest(const struct table *t, const struct layout *l)
{
	unsigned total = 0;
	for (uint32_t c = 0; c < t->n_columns; c++) {
		unsigned w = l->width[c];
		w = t->columns[c].shrink && w > SHRINK_LEAST ? SHRINK_LEAST : w;
		total += w ? w + (total ? GAP : 0) : 0;
	}
	return total;
}

// Leaves out columns from the right, those to be kept last.
static void drop(const struct table *t, struct layout *l, unsigned width)
{
	for (int keep = 0; keep < 2; keep++)
		for (uint32_t c = t->n_columns; c-- > 1 && narrowest(t, l) > width;)
			if (l->width[c] && t->columns[c].keep == keep) {
				l->width[c] = 0;
				l->dropped = true;
			}
}

static struct layout layout_make(const struct table *t, const struct look *look)
{
	struct layout l = {.width = arena_array(t->arena, t->n_columns, sizeof(unsigned))};
	if (!l.width)
		return l;
	for (uint32_t c = 0; c < t->n_columns; c++)
		l.width[c] = natural_width(t, c);
	if (look->width && total_width(t, &l) > look->width) {
		drop_extras(t, &l, look->width);
		drop(t, &l, look->width);
		shrink(t, &l, look->width);
	}
	return l;
}

static void put_cell(const struct look *look, struct buf *out, struct sv text, unsigned width,
	const struct table_column *column, enum ink ink, bool last)
{
	unsigned w = text_width(text);
	if (column->align == TABLE_RIGHT && w < width)
		text_blanks(out, width - w);
	buf_str(out, ink_on(look, ink));
	text_put(out, look, text, width, column->align == TABLE_LEFT && !last);
	if (ink != INK_PLAIN)
		buf_str(out, ink_off(look));
}

static void put_rule(const struct table *t, const struct layout *l, const struct look *look, struct buf *out)
{
	buf_str(out, ink_on(look, INK_DIM));
	for (unsigned i = total_width(t, l); i > 0; i--)
		buf_str(out, glyph(look, "\xE2\x94\x80", "-"));
	buf_str(out, ink_off(look));
	buf_char(out, '\n');
}

static uint32_t last_shown(const struct table *t, const struct layout *l)
{
	uint32_t last = 0;
	for (uint32_t c = 0; c < t->n_columns; c++)
		last = l->width[c] ? c : last;
	return last;
}

static void put_row(const struct table *t, const struct layout *l, const struct look *look, struct buf *out,
	uint32_t row, bool heading)
{
	uint32_t last = last_shown(t, l);
	for (uint32_t c = 0; c <= last; c++) {
		if (l->width[c] == 0)
			continue;
		if (c)
			text_blanks(out, GAP);
		const struct table_column *column = &t->columns[c];
		if (heading) {
			put_cell(look, out, column->title, l->width[c], column, INK_BOLD, c == last);
			continue;
		}
		const struct table_cell *cell = cell_at(t, row, c);
		struct sv text = cell->text;
		if (!text.ptr)
			text = column->extra ? SV("") : sv_from(glyph(look, "\xE2\x80\x93", "-"));
		put_cell(look, out, text, l->width[c], column, cell->text.ptr ? cell->ink : INK_DIM, c == last);
	}
	buf_char(out, '\n');
}

static void put_losses(const struct table *t, const struct layout *l, const struct look *look, struct buf *out)
{
	struct buf line = buf_new(65536);
	if (l->cut)
		buf_str(&line, "Texts are cut to the width of the terminal.");
	if (l->dropped) {
		buf_printf(&line, "%sNot shown for want of width:", l->cut ? " " : "");
		bool first = true;
		for (uint32_t c = 0; c < t->n_columns; c++)
			if (l->width[c] == 0 && !t->columns[c].extra) {
				buf_printf(&line, "%s %.*s", first ? "" : ",", SV_ARG(t->columns[c].title));
				first = false;
			}
		buf_char(&line, '.');
	}
	if (line.len) {
		buf_str(&line, " --format csv has everything.");
		text_wrap(out, buf_view(&line), 0, look->width ? look->width : 100);
	}
	buf_free(&line);
}

enum rc table_put(const struct table *t, const struct look *look, struct buf *out, struct err *e)
{
	struct layout l = {0};
	if (t->rc == RC_OK)
		l = layout_make(t, look);
	if (!l.width)
		return err_set(e, RC_NOMEM, "out of memory for a table");
	put_row(t, &l, look, out, 0, true);
	put_rule(t, &l, look, out);
	for (uint32_t r = 0; r < t->n_rows; r++)
		put_row(t, &l, look, out, r, false);
	put_losses(t, &l, look, out);
	return RC_OK;
}

enum rc table_finish(struct table *t, const struct look *look, const char *none, struct buf *out, struct err *e)
{
	enum rc rc = RC_OK;
	if (t->rc == RC_OK && t->n_rows == 0)
		buf_str(out, none);
	else
		rc = table_put(t, look, out, e);
	table_free(t);
	return rc;
}
