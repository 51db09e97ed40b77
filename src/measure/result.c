// SPDX-License-Identifier: Apache-2.0
// A result as JSON, CSV and Markdown. JSON and CSV carry every number so that it reads back the same.
#include "measure/measure.h"

#include "base/json.h"
#include "base/number.h"

#include <math.h>

// In the order of enum cell_type; these are the type names of the JSON contract.
static const char *const type_names[] = {"text", "count", "number", "ratio", "time", "seconds"};

static const struct cell *cell_at(const struct result *r, uint32_t row, uint32_t column)
{
	return &r->cells[(size_t)row * r->n_columns + column];
}

// --- JSON ---

static void json_cell(struct json *j, const struct cell *c, enum cell_type type)
{
	if (c->null)
		json_null(j);
	else if (type == CELL_TEXT || type == CELL_TIME)
		json_string(j, c->text);
	else if (type == CELL_COUNT)
		json_i64(j, (int64_t)c->number);
	else
		json_double(j, c->number);
}

static void json_columns(struct json *j, const struct result *r)
{
	json_key(j, "columns");
	json_array(j);
	for (uint32_t i = 0; i < r->n_columns; i++) {
		const struct result_column *c = &r->columns[i];
		json_object(j);
		json_key_text(j, "name", c->name);
		json_key_text(j, "type", type_names[c->type]);
		json_key_text(j, "unit", c->unit);
		json_key_text(j, "title", c->title);
		json_key_text(j, "help", c->help);
		json_object_end(j);
	}
	json_array_end(j);
}

static void json_texts(struct json *j, const char *key, const struct sv *texts, uint32_t n)
{
	json_key(j, key);
	json_array(j);
	for (uint32_t i = 0; i < n; i++)
		json_string(j, texts[i]);
	json_array_end(j);
}

enum rc result_write_json(const struct result *r, struct buf *out, struct err *e)
{
	struct json j = json_new(out);
	json_object(&j);
	json_key_text(&j, "analysis", r->analysis->name);
	json_columns(&j, r);
	json_key(&j, "rows");
	json_array(&j);
	for (uint32_t i = 0; i < r->n_rows && out->rc == RC_OK; i++) {
		json_object(&j);
		for (uint32_t k = 0; k < r->n_columns; k++) {
			json_key(&j, r->columns[k].name);
			json_cell(&j, cell_at(r, i, k), r->columns[k].type);
		}
		json_object_end(&j);
	}
	json_array_end(&j);
	json_key_u64(&j, "n", r->n);
	json_key_string(&j, "definition", r->definition);
	json_key(&j, "period");
	json_object(&j);
	json_key_string(&j, "from", r->from);
	json_key_string(&j, "to", r->to);
	json_object_end(&j);
	json_texts(&j, "where", r->where, r->n_where);
	json_key_string(&j, "timezone", r->timezone);
	json_key_string(&j, "currency", r->currency);
	json_texts(&j, "notes", r->notes, r->n_notes);
	json_object_end(&j);
	return buf_check(out, e, "the result");
}

// --- CSV ---

static void csv_cell(struct buf *out, const struct cell *c, enum cell_type type)
{
	char text[NUMBER_TEXT_MAX];
	if (c->null)
		return;
	if (type == CELL_TEXT || type == CELL_TIME)
		buf_csv(out, c->text);
	else if (type == CELL_COUNT)
		buf_put(out, text, number_from_i64((int64_t)c->number, text));
	else
		buf_put(out, text, number_from_double(c->number, text));
}

enum rc result_write_csv(const struct result *r, struct buf *out, struct err *e)
{
	for (uint32_t k = 0; k < r->n_columns; k++) {
		if (k)
			buf_char(out, ',');
		buf_csv(out, sv_from(r->columns[k].name));
	}
	buf_str(out, "\r\n");
	for (uint32_t i = 0; i < r->n_rows && out->rc == RC_OK; i++) {
		for (uint32_t k = 0; k < r->n_columns; k++) {
			if (k)
				buf_char(out, ',');
			csv_cell(out, cell_at(r, i, k), r->columns[k].type);
		}
		buf_str(out, "\r\n");
	}
	return buf_check(out, e, "the result");
}

// --- Markdown ---

static void markdown_text(struct buf *out, struct sv s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (c == '|' || c == '\\' || c == '`' || c == '*' || c == '_' || c == '<' || c == '[')
			buf_char(out, '\\');
		buf_char(out, (unsigned char)c < 0x20 || c == 0x7f ? ' ' : c);
	}
}

static void markdown_cell(struct buf *out, const struct cell *c, const struct result_column *column)
{
	if (c->null)
		return;
	switch (column->type) {
	case CELL_TEXT:
	case CELL_TIME:
		markdown_text(out, c->text);
		return;
	case CELL_COUNT:
		buf_printf(out, "%lld", (long long)c->number);
		return;
	case CELL_RATIO:
		buf_printf(out, "%.*f %%", column->decimals > 2 ? column->decimals - 2 : 0, 100.0 * c->number);
		return;
	case CELL_NUMBER:
	case CELL_SECONDS:
		break;
	}
	buf_printf(out, "%.*f", column->decimals, c->number);
}

enum rc result_write_markdown(const struct result *r, struct buf *out, struct err *e)
{
	for (uint32_t k = 0; k < r->n_columns; k++) {
		buf_str(out, k ? " | " : "| ");
		markdown_text(out, sv_from(r->columns[k].title));
	}
	buf_str(out, " |\n");
	for (uint32_t k = 0; k < r->n_columns; k++) {
		bool text = r->columns[k].type == CELL_TEXT || r->columns[k].type == CELL_TIME;
		buf_str(out, text ? "|---" : "|---:");
	}
	buf_str(out, "|\n");
	for (uint32_t i = 0; i < r->n_rows && out->rc == RC_OK; i++) {
		for (uint32_t k = 0; k < r->n_columns; k++) {
			buf_str(out, k ? " | " : "| ");
			markdown_cell(out, cell_at(r, i, k), &r->columns[k]);
		}
		buf_str(out, " |\n");
	}
	for (uint32_t i = 0; i < r->n_notes; i++) {
		buf_str(out, i ? "- " : "\n- ");
		markdown_text(out, r->notes[i]);
		buf_char(out, '\n');
	}
	return buf_check(out, e, "the result");
}
