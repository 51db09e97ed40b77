// SPDX-License-Identifier: Apache-2.0
// Printing the rows of a SQL statement. JSON, CSV and Markdown stream: memory does not grow with the rows.
#include "cli/sql_print.h"

#include "base/json.h"
#include "base/number.h"
#include "cli/table.h"

#define FLUSH_BYTES (256u << 10)
#define ROW_BYTES_MAX (256u << 20)

struct printing {
	const struct cli *cli;
	sqlite3_stmt *statement;
	struct buf out;
	struct json json;
	struct table table;
	struct arena *arena; // of the table's texts
	int n_columns;
	uint64_t n_rows;
};

// One way of printing.
struct printer {
	void (*begin)(struct printing *p);
	void (*row)(struct printing *p);
	enum rc (*end)(struct printing *p, struct err *e);
};

static struct sv column_text(const struct printing *p, int c, char scratch[NUMBER_TEXT_MAX])
{
	int type = sqlite3_column_type(p->statement, c);
	if (type == SQLITE_NULL)
		return SV_NONE;
	if (type == SQLITE_FLOAT) {
		unsigned n = number_from_double(sqlite3_column_double(p->statement, c), scratch);
		return (struct sv){scratch, n};
	}
	const unsigned char *text = sqlite3_column_text(p->statement, c);
	return text ? (struct sv){(const char *)text, (size_t)sqlite3_column_bytes(p->statement, c)} : SV_NONE;
}

static bool is_number(int type)
{
	return type == SQLITE_INTEGER || type == SQLITE_FLOAT;
}

// --- table ---

static void table_begin(struct printing *p)
{
	p->table = table_new(p->arena, (uint32_t)p->n_columns);
	for (int c = 0; c < p->n_columns && p->table.rc == RC_OK; c++) {
		struct sv name = arena_copy(p->arena, sv_from(sqlite3_column_name(p->statement, c)));
		table_column_set(&p->table, (uint32_t)c, name.ptr ? name.ptr : "", TABLE_RIGHT);
		p->table.columns[c].shrink = true;
	}
}

static void table_add(struct printing *p)
{
	uint32_t row = table_row(&p->table);
	for (int c = 0; c < p->n_columns && p->table.rc == RC_OK; c++) {
		char scratch[NUMBER_TEXT_MAX];
		struct sv text = column_text(p, c, scratch);
		if (!is_number(sqlite3_column_type(p->statement, c)) && text.ptr)
			p->table.columns[c].align = TABLE_LEFT;
		if (text.ptr) {
			text = arena_copy(p->arena, text);
			p->table.rc = text.ptr ? p->table.rc : RC_NOMEM;
		}
		table_text(&p->table, row, (uint32_t)c, text, INK_PLAIN);
	}
}

static enum rc table_end(struct printing *p, struct err *e)
{
	enum rc rc = table_put(&p->table, &p->cli->look, &p->out, e);
	table_free(&p->table);
	return rc;
}

// --- JSON ---

static void json_begin(struct printing *p)
{
	p->json = json_new(&p->out);
	json_object(&p->json);
	json_key(&p->json, "columns");
	json_array(&p->json);
	for (int c = 0; c < p->n_columns; c++) {
		json_object(&p->json);
		json_key_text(&p->json, "name", sqlite3_column_name(p->statement, c));
		json_object_end(&p->json);
	}
	json_array_end(&p->json);
	json_key(&p->json, "rows");
	json_array(&p->json);
}

static void json_row(struct printing *p)
{
	json_object(&p->json);
	for (int c = 0; c < p->n_columns; c++) {
		char scratch[NUMBER_TEXT_MAX];
		json_key(&p->json, sqlite3_column_name(p->statement, c));
		int type = sqlite3_column_type(p->statement, c);
		if (type == SQLITE_INTEGER)
			json_i64(&p->json, sqlite3_column_int64(p->statement, c));
		else if (type == SQLITE_FLOAT)
			json_double(&p->json, sqlite3_column_double(p->statement, c));
		else
			json_string(&p->json, column_text(p, c, scratch));
	}
	json_object_end(&p->json);
}

static enum rc json_finish(struct printing *p, struct err *e)
{
	(void)e;
	json_array_end(&p->json);
	json_key_u64(&p->json, "n", p->n_rows);
	json_object_end(&p->json);
	buf_char(&p->out, '\n');
	return RC_OK;
}

// --- CSV (RFC 4180) ---

static void csv_begin(struct printing *p)
{
	for (int c = 0; c < p->n_columns; c++) {
		buf_str(&p->out, c ? "," : "");
		buf_csv(&p->out, sv_from(sqlite3_column_name(p->statement, c)));
	}
	buf_str(&p->out, "\r\n");
}

static void csv_row(struct printing *p)
{
	for (int c = 0; c < p->n_columns; c++) {
		char scratch[NUMBER_TEXT_MAX];
		buf_str(&p->out, c ? "," : "");
		buf_csv(&p->out, column_text(p, c, scratch));
	}
	buf_str(&p->out, "\r\n");
}

static enum rc nothing_more(struct printing *p, struct err *e)
{
	(void)p;
	(void)e;
	return RC_OK;
}

// --- Markdown ---

static void markdown_field(struct buf *out, struct sv text)
{
	buf_char(out, ' ');
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c == '|' || c == '\\')
			buf_char(out, '\\');
		buf_char(out, (unsigned char)c < 0x20 || c == 0x7f ? ' ' : c);
	}
	buf_str(out, " |");
}

static void markdown_begin(struct printing *p)
{
	buf_char(&p->out, '|');
	for (int c = 0; c < p->n_columns; c++)
		markdown_field(&p->out, sv_from(sqlite3_column_name(p->statement, c)));
	buf_str(&p->out, "\n|");
	for (int c = 0; c < p->n_columns; c++)
		buf_str(&p->out, " --- |");
	buf_char(&p->out, '\n');
}

static void markdown_row(struct printing *p)
{
	buf_char(&p->out, '|');
	for (int c = 0; c < p->n_columns; c++) {
		char scratch[NUMBER_TEXT_MAX];
		markdown_field(&p->out, column_text(p, c, scratch));
	}
	buf_char(&p->out, '\n');
}

static const struct printer printers[] = {
	[SQL_TABLE] = {table_begin, table_add, table_end},
	[SQL_JSON] = {json_begin, json_row, json_finish},
	[SQL_CSV] = {csv_begin, csv_row, nothing_more},
	[SQL_MARKDOWN] = {markdown_begin, markdown_row, nothing_more},
};

static enum rc flush(struct printing *p, size_t at_least, struct err *e)
{
	if (p->out.len < at_least)
		return RC_OK;
	enum rc rc = cli_write_buf(p->cli, &p->out, e);
	buf_clear(&p->out);
	return rc;
}

enum rc sql_print(const struct cli *cli, struct sql *sql, sqlite3_stmt *statement, enum sql_format format,
	uint64_t limit, struct err *e)
{
	const struct printer *printer = &printers[format];
	struct printing p = {.cli = cli, .statement = statement, .out = buf_new(ROW_BYTES_MAX)};
	p.arena = arena_new(0);
	if (!p.arena)
		return err_set(e, RC_NOMEM, "out of memory for the rows");
	p.n_columns = sqlite3_column_count(statement);
	printer->begin(&p);
	enum rc rc = RC_OK;
	bool more = false;
	for (;;) {
		bool row;
		rc = sql_step(sql, statement, &row, e);
		if (rc != RC_OK || !row)
			break;
		if (limit && p.n_rows == limit) {
			more = true;
			break;
		}
		printer->row(&p);
		p.n_rows++;
		if ((rc = flush(&p, FLUSH_BYTES, e)) != RC_OK)
			break;
	}
	if (rc == RC_OK)
		rc = printer->end(&p, e);
	if (rc == RC_OK)
		rc = flush(&p, 0, e);
	table_free(&p.table);
	buf_free(&p.out);
	arena_free(&p.arena);
	if (more)
		message_warning(cli, "only the first %llu rows are shown; --limit 0 shows all",
			(unsigned long long)limit);
	return rc;
}
