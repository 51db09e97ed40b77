// SPDX-License-Identifier: Apache-2.0
// The result of an analysis as a table for people: x, x_low and x_high become one column "62.1 % (60.9–63.3)",
// seconds become "2 h 13 min", times those of the brand's zone; the main value gets a bar.
#include "cli/table.h"

#include <math.h>
#include <stdio.h>
#include <unicode/ucurr.h>

#define BAR_WIDTH 15u

// The text in the row's column of that name; SV_NONE when there is no such column.
static struct sv row_text(const struct result *r, uint32_t row, const char *name)
{
	for (uint32_t c = r->n_by; c < r->n_columns; c++)
		if (r->columns[c].type == CELL_TEXT && strcmp(r->columns[c].name, name) == 0) {
			const struct cell *cell = &r->cells[(size_t)row * r->n_columns + c];
			return cell->null ? SV_NONE : cell->text;
		}
	return SV_NONE;
}

static int currency_digits(struct sv currency)
{
	UChar code[4] = {0};
	UErrorCode status = U_ZERO_ERROR;
	for (size_t i = 0; i < 3 && i < currency.len; i++)
		code[i] = (UChar)currency.ptr[i];
	int digits = ucurr_getDefaultFractionDigits(code, &status);
	return U_SUCCESS(status) ? digits : 2;
}

// A number in the unit that its row tells.
static char *in_row_unit(
	const struct result *r, uint32_t row, const struct result_column *c, double v, char *out)
{
	struct sv unit = row_text(r, row, "unit");
	char number[HUMAN_TEXT_MAX];
	if (sv_equal(unit, SV("s")))
		return human_seconds(v, out);
	if (sv_equal(unit, SV("share")))
		return human_ratio(v, 1, out);
	if (sv_equal(unit, SV("minor"))) {
		int digits = currency_digits(r->currency);
		snprintf(out, HUMAN_TEXT_MAX, "%.50s %.*s", human_number(v / pow(10, digits), digits, number),
			SV_ARG(r->currency));
		return out;
	}
	return human_number(v, c->decimals, out);
}

struct sv result_cell_text(
	const struct result *r, const struct tz *tz, uint32_t row, uint32_t column, char *out)
{
	const struct cell *cell = &r->cells[(size_t)row * r->n_columns + column];
	const struct result_column *c = &r->columns[column];
	if (cell->null)
		return SV_NONE;
	switch (c->type) {
	case CELL_TEXT:
		return cell->text;
	case CELL_COUNT:
		return sv_from(human_number(cell->number, 0, out));
	case CELL_NUMBER:
		if (strcmp(c->unit, "unit") == 0)
			return sv_from(in_row_unit(r, row, c, cell->number, out));
		return sv_from(human_number(cell->number, c->decimals, out));
	case CELL_RATIO:
		return sv_from(human_ratio(cell->number, c->decimals > 2 ? c->decimals - 2 : 1, out));
	case CELL_TIME:
		return sv_from(human_time(tz, (int64_t)cell->number, out));
	case CELL_SECONDS:
		return sv_from(human_seconds(cell->number, out));
	}
	return SV_NONE;
}

// Which columns of the result make one column of the table.
struct shown {
	uint32_t value, low, high; // UINT32_MAX = no interval
};

static uint32_t column_named(const struct result *r, const char *name, const char *suffix)
{
	char wanted[128];
	snprintf(wanted, sizeof(wanted), "%s%s", name, suffix);
	for (uint32_t c = r->n_by; c < r->n_columns; c++)
		if (strcmp(r->columns[c].name, wanted) == 0)
			return c;
	return UINT32_MAX;
}

// Nobody asked for what it holds.
static bool left_out(const struct result *r, uint32_t column)
{
	const char *name = r->analysis->on_request;
	if (!name || column < r->n_by || strcmp(r->columns[column].name, name) != 0)
		return false;
	for (uint32_t row = 0; row < r->n_rows; row++)
		if (!r->cells[(size_t)row * r->n_columns + column].null)
			return false;
	return true;
}

static uint32_t shown_make(const struct result *r, struct shown *out)
{
	uint32_t n = 0;
	for (uint32_t c = 0; c < r->n_columns; c++) {
		bool bound = left_out(r, c);
		for (uint32_t k = 0; k < n; k++)
			bound |= out[k].low == c || out[k].high == c;
		// "at most" is said in the target's cell.
		bound |= strcmp(r->columns[c].name, "direction") == 0 &&
			 column_named(r, "target", "") != UINT32_MAX;
		if (bound)
			continue;
		struct shown s = {c, UINT32_MAX, UINT32_MAX};
		if (c >= r->n_by) {
			bool value = strcmp(r->columns[c].name, "value") == 0;
			s.low = column_named(r, value ? "" : r->columns[c].name, value ? "low" : "_low");
			s.high = column_named(r, value ? "" : r->columns[c].name, value ? "high" : "_high");
		}
		if (s.low == UINT32_MAX || s.high == UINT32_MAX)
			s.low = s.high = UINT32_MAX;
		out[n++] = s;
	}
	return n;
}

static bool unit_told(const struct result_column *c)
{
	return c->type != CELL_NUMBER || !c->unit || !c->unit[0] || strcmp(c->unit, "1") == 0 ||
	       strcmp(c->unit, "unit") == 0;
}

static struct sv heading(const struct result *r, struct arena *a, const struct shown *s)
{
	const struct result_column *c = &r->columns[s->value];
	const char *title = c->title && c->title[0] ? c->title : c->name;
	return unit_told(c) ? sv_from(title) : arena_printf(a, "%s (%s)", title, c->unit);
}

// A bound without its unit: "60.9" of "60.9 %".
static struct sv bound_text(
	const struct result *r, const struct tz *tz, uint32_t row, uint32_t column, char *out)
{
	struct sv s = result_cell_text(r, tz, row, column, out);
	return sv_ends(s, SV(" %")) ? (struct sv){s.ptr, s.len - 2} : s;
}

// Widest text of one column of the result, to align the parts of an interval.
static unsigned widest(const struct result *r, const struct tz *tz, uint32_t column)
{
	unsigned w = 0;
	char text[HUMAN_TEXT_MAX];
	for (uint32_t row = 0; row < r->n_rows; row++) {
		unsigned cell = text_width(bound_text(r, tz, row, column, text));
		w = cell > w ? cell : w;
	}
	return w;
}

static bool is_null(const struct result *r, uint32_t row, uint32_t column)
{
	return r->cells[(size_t)row * r->n_columns + column].null;
}

static struct sv interval_text(const struct result *r, const struct tz *tz, const struct look *look,
	struct arena *a, const struct shown *s, uint32_t row, unsigned low_width, unsigned high_width)
{
	char value[HUMAN_TEXT_MAX], low[HUMAN_TEXT_MAX], high[HUMAN_TEXT_MAX];
	struct sv v = result_cell_text(r, tz, row, s->value, value);
	bool seconds =
		r->columns[s->value].type == CELL_SECONDS || strcmp(r->columns[s->value].unit, "unit") == 0;
	const char *dash = glyph(look, seconds ? " \xE2\x80\x93 " : "\xE2\x80\x93", seconds ? " .. " : "..");
	unsigned total = low_width + high_width + 3 + text_width(sv_from(dash)); // " (", ")"
	struct buf b = buf_new(1024);
	buf_sv(&b, v);
	if (is_null(r, row, s->low) || is_null(r, row, s->high)) {
		text_blanks(&b, total);
	} else {
		struct sv l = bound_text(r, tz, row, s->low, low), h = bound_text(r, tz, row, s->high, high);
		text_blanks(&b, 1 + (low_width - text_width(l)));
		buf_char(&b, '(');
		buf_sv(&b, l);
		buf_str(&b, dash);
		buf_sv(&b, h);
		buf_char(&b, ')');
		text_blanks(&b, high_width - text_width(h));
	}
	struct sv text = v.ptr ? arena_copy(a, buf_view(&b)) : SV_NONE;
	buf_free(&b);
	return text;
}

static void fill_column(const struct result *r, const struct tz *tz, const struct look *look, struct table *t,
	uint32_t column, const struct shown *s)
{
	bool interval = s->low != UINT32_MAX, target = strcmp(r->columns[s->value].name, "target") == 0;
	unsigned low = 0, high = 0;
	if (interval) {
		low = widest(r, tz, s->low);
		high = widest(r, tz, s->high);
	}
	for (uint32_t row = 0; row < r->n_rows; row++) {
		char text[HUMAN_TEXT_MAX];
		struct sv v = interval ? interval_text(r, tz, look, t->arena, s, row, low, high)
				       : result_cell_text(r, tz, row, s->value, text);
		struct sv direction = target ? row_text(r, row, "direction") : SV_NONE;
		if (direction.len && v.len)
			v = arena_printf(t->arena, "%.*s %.*s", SV_ARG(direction), SV_ARG(v));
		if (!interval && v.ptr == text)
			v = arena_copy(t->arena, v);
		table_text(t, row, column, v, INK_PLAIN);
	}
}

// The column that a bar is drawn for: the one named as the analysis, else the first ratio or number with an
// interval, else the first ratio, number or count.
static uint32_t main_column(const struct result *r, const struct shown *shown, uint32_t n)
{
	uint32_t best = UINT32_MAX;
	int best_score = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct result_column *c = &r->columns[shown[i].value];
		if (shown[i].value < r->n_by || c->type == CELL_TEXT || c->type == CELL_TIME)
			continue;
		int score = 1;
		if (c->type != CELL_COUNT)
			score = shown[i].low != UINT32_MAX ? 3 : 2;
		if (strcmp(c->name, r->analysis->name) == 0)
			score = 4;
		if (score > best_score) {
			best = shown[i].value;
			best_score = score;
		}
	}
	return best;
}

static void fill_bars(
	const struct result *r, const struct look *look, struct table *t, uint32_t bars, uint32_t value)
{
	double most = 0;
	bool negative = strcmp(r->columns[value].name, "gap") == 0;
	for (uint32_t row = 0; row < r->n_rows; row++) {
		const struct cell *c = &r->cells[(size_t)row * r->n_columns + value];
		most = !c->null && fabs(c->number) > most ? fabs(c->number) : most;
		negative |= !c->null && c->number < 0;
	}
	if (r->columns[value].type == CELL_RATIO && most <= 1)
		most = 1;
	for (uint32_t row = 0; row < r->n_rows && most > 0; row++) {
		const struct cell *c = &r->cells[(size_t)row * r->n_columns + value];
		if (c->null)
			continue;
		struct buf b = buf_new(256);
		if (negative)
			bar_put_centred(&b, look, c->number / most, BAR_WIDTH);
		else
			bar_put(&b, look, c->number / most, BAR_WIDTH);
		enum ink ink = negative && c->number < 0 ? INK_BAD : INK_GOOD;
		table_text(t, row, bars, arena_copy(t->arena, buf_view(&b)), ink);
		buf_free(&b);
	}
}

static void put_head(const struct result *r, const struct tz *tz, const struct look *look, struct buf *out)
{
	char from[HUMAN_TEXT_MAX], to[HUMAN_TEXT_MAX], n[HUMAN_TEXT_MAX];
	ink_put(out, look, INK_TITLE, sv_from(r->analysis->name));
	buf_printf(out, ": %s\n", r->analysis->summary);
	buf_printf(out, "n = %s interactions", human_number((double)r->n, 0, n));
	if (r->from_ms != TIME_NONE)
		buf_printf(out, " from %s", human_time(tz, r->from_ms, from));
	if (r->to_ms != TIME_NONE)
		buf_printf(out, " until %s", human_time(tz, r->to_ms, to));
	if (r->from_ms == TIME_NONE && r->to_ms == TIME_NONE)
		buf_str(out, " of all times");
	buf_printf(out, " (%.*s)", SV_ARG(r->timezone));
	for (uint32_t i = 0; i < r->n_where; i++) {
		buf_str(out, i ? " and " : ", only ");
		text_clean(out, r->where[i]);
	}
	buf_str(out, "\n\n");
}

static void put_foot(const struct result *r, const struct look *look, struct buf *out)
{
	unsigned width = look->width && look->width < 100 ? look->width : 100;
	for (uint32_t i = 0; i < r->n_notes; i++) {
		if (i == 0)
			buf_char(out, '\n');
		ink_put(out, look, INK_WARN, SV("note:"));
		struct buf block = buf_new(1u << 20);
		text_wrap(&block, r->notes[i], 6, width);
		struct sv lines = buf_view(&block);
		buf_sv(out, lines.len > 5 ? (struct sv){lines.ptr + 5, lines.len - 5} : lines);
		buf_free(&block);
	}
	if (r->definition.len) {
		buf_char(out, '\n');
		buf_str(out, ink_on(look, INK_DIM));
		text_wrap(out, r->definition, 0, width);
		buf_str(out, ink_off(look));
	}
}

// What says the most stays when columns must go: keys, n, the main value, and texts such as the verdict.
static bool kept_longest(const struct result *r, uint32_t column, uint32_t main_value)
{
	const struct result_column *c = &r->columns[column];
	return column < r->n_by || column == main_value || strcmp(c->name, "n") == 0 ||
	       (c->type == CELL_TEXT && strcmp(c->name, "unit") != 0);
}

static enum rc put_table(const struct result *r, const struct tz *tz, const struct look *look, struct arena *a,
	struct buf *out, struct err *e)
{
	struct shown *shown = arena_array(a, r->n_columns ? r->n_columns : 1, sizeof(*shown));
	if (!shown)
		return err_set(e, RC_NOMEM, "out of memory for a table");
	uint32_t n = shown_make(r, shown);
	uint32_t main_value = main_column(r, shown, n);
	bool bars = look->width && main_value != UINT32_MAX && r->n_rows > 1;
	struct table t = table_new(a, n + bars);
	for (uint32_t row = 0; row < r->n_rows; row++)
		table_row(&t);
	for (uint32_t i = 0; i < n && t.rc == RC_OK; i++) {
		bool text = r->columns[shown[i].value].type == CELL_TEXT;
		struct sv title = heading(r, a, &shown[i]);
		t.columns[i] = (struct table_column){.title = title,
			.align = text ? TABLE_LEFT : TABLE_RIGHT,
			.shrink = text,
			.keep = kept_longest(r, shown[i].value, main_value)};
		fill_column(r, tz, look, &t, i, &shown[i]);
	}
	if (bars && t.rc == RC_OK) {
		t.columns[n] = (struct table_column){.title = SV(""), .extra = true};
		fill_bars(r, look, &t, n, main_value);
	}
	enum rc rc = table_put(&t, look, out, e);
	table_free(&t);
	return rc;
}

enum rc result_put(const struct result *r, const struct look *look, struct buf *out, struct err *e)
{
	struct tz *tz = NULL;
	struct arena *a = arena_new(0);
	enum rc rc = a ? tz_open(r->timezone, &tz, e) : err_set(e, RC_NOMEM, "out of memory for a table");
	if (rc == RC_OK) {
		put_head(r, tz, look, out);
		if (r->n_rows)
			rc = put_table(r, tz, look, a, out, e);
		else
			buf_str(out, "(no rows: nothing in the data matches the question)\n");
		put_foot(r, look, out);
	}
	tz_free(&tz);
	arena_free(&a);
	return rc;
}
