// SPDX-License-Identifier: Apache-2.0
// A look at a file that nobody has described yet: its format, its columns, samples of what is in them.
//
// The rows of the first block (2 MiB unpacked) are read, at most PEEK_ROWS. A first line that holds a time or only
// numbers is no header; bytes that are no UTF-8 are taken for Windows-1252.
#include "listen/peek.h"

#include "listen/import.h"

#include <stdio.h>

enum { HEAD_BYTES = 4096, PATH_DEPTH = 3, WIDE = 64 }; // WIDE: of a file with more columns fewer rows are read
#define ARENA_BYTES_MAX ((size_t)256 << 20)

struct peeking {
	struct arena *arena;
	struct peek_table table;
	struct json_parser *json; // NULL: CSV
	bool bad_utf8;
};

// --- what it is ---

static bool is_xes(struct sv name)
{
	static const struct sv endings[] = {{".xes", 4}, {".xes.gz", 7}, {".xes.zst", 8}};
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (name.len >= endings[i].len &&
			sv_equal_nocase(
				(struct sv){name.ptr + name.len - endings[i].len, endings[i].len}, endings[i]))
			return true;
	return false;
}

static enum rc format_find(const char *path, struct sv name, const char **out, struct err *e)
{
	struct stream *s = NULL;
	char head[HEAD_BYTES];
	size_t got = 0, at = 0;
	*out = "xes";
	if (is_xes(name))
		return RC_OK;
	enum rc rc = stream_open(NULL, path, NULL, &s, e);
	if (rc == RC_OK)
		rc = stream_read(s, head, sizeof(head), &got, e);
	stream_close(&s);
	if (rc != RC_OK)
		return rc;
	if (got >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0)
		at = 3;
	while (at < got && (head[at] == ' ' || head[at] == '\t' || head[at] == '\r' || head[at] == '\n'))
		at++;
	if (at == got)
		return csv_file_empty(e);
	*out = head[at] == '{' || head[at] == '[' ? "ndjson" : head[at] == '<' ? "xes" : "csv";
	return RC_OK;
}

// --- the table ---

static struct peek_values *column_add(struct peeking *p, struct sv name, struct err *e)
{
	struct peek_table *t = &p->table;
	struct peek_values *v = arena_alloc(p->arena, sizeof(*v));
	if (v)
		v->name = arena_copy(p->arena, name);
	if (!v || !v->name.ptr) {
		err_set(e, RC_NOMEM, "out of memory for the columns");
		return NULL;
	}
	t->columns[t->n_columns++] = v;
	return v;
}

static enum rc value_put(struct peeking *p, struct peek_values *v, struct sv text, struct err *e)
{
	struct sv kept = text;
	if (text.len == 0)
		return RC_OK;
	if (kept.len > PEEK_VALUE_BYTES) {
		kept.len = PEEK_VALUE_BYTES;
		while (kept.len > 0 && ((unsigned char)kept.ptr[kept.len] & 0xc0) == 0x80)
			kept.len--;
		v->cut = true;
	}
	v->n_present += v->values[p->table.n_rows].ptr == NULL;
	v->values[p->table.n_rows] = arena_copy(p->arena, kept);
	return v->values[p->table.n_rows].ptr ? RC_OK : err_set(e, RC_NOMEM, "out of memory for the columns");
}

// The column of a path of NDJSON; NULL: there are too many (RC_OK) or no memory.
static struct peek_values *path_column(struct peeking *p, struct sv path, struct err *e)
{
	for (uint32_t i = 0; i < p->table.n_columns; i++)
		if (sv_equal(p->table.columns[i]->name, path))
			return p->table.columns[i];
	return p->table.n_columns < PEEK_COLUMNS_MAX ? column_add(p, path, e) : NULL;
}

// Scalars of an object and of the objects in it; a list, and what is deeper, is passed over, as are names that a path cannot hold.
static enum rc take_object(
	struct peeking *p, struct json_node object, struct sv prefix, unsigned depth, struct err *e)
{
	enum rc rc = RC_OK;
	char scratch[32];
	for (struct json_iter it = json_iter(object); rc == RC_OK && json_next(&it);) {
		if (it.key.len == 0 || memchr(it.key.ptr, '.', it.key.len))
			continue;
		struct sv path = prefix.len
					 ? arena_printf(p->arena, "%.*s.%.*s", SV_ARG(prefix), SV_ARG(it.key))
					 : it.key;
		if (!path.ptr)
			return err_set(e, RC_NOMEM, "out of memory for the columns");
		if (it.value.type == JSON_OBJECT && depth < PATH_DEPTH)
			rc = take_object(p, it.value, path, depth + 1, e);
		if (it.value.type == JSON_OBJECT || it.value.type == JSON_ARRAY)
			continue;
		struct peek_values *v = path_column(p, path, e);
		if (v)
			rc = value_put(p, v, json_text(it.value, scratch), e);
		else if (e->rc != RC_OK)
			rc = e->rc;
	}
	return rc;
}

static enum rc take_row(struct peeking *p, const struct block_row *row, struct err *e)
{
	enum rc rc = RC_OK;
	struct json_node root;
	struct err why = ERR_NONE;
	if (row->bad) {
		p->bad_utf8 |= strstr(row->reason, "UTF-8") != NULL;
		return RC_OK;
	}
	if (p->json) {
		rc = json_parse(p->json, row->raw, &root, &why);
		if (rc == RC_NOMEM)
			return err_take(e, &why);
		if (rc != RC_OK || root.type != JSON_OBJECT)
			return RC_OK; // the import will say what is wrong with it
		rc = take_object(p, root, SV(""), 1, e);
	}
	for (uint32_t i = 0; rc == RC_OK && !p->json && i < row->n_fields && i < p->table.n_columns; i++)
		rc = value_put(p, p->table.columns[i], sv_trim(row->fields[i]), e);
	p->table.n_rows++;
	return rc;
}

static enum rc read_rows(struct peeking *p, struct reader *r, const struct reader_options *o, struct err *e)
{
	struct block *block = NULL;
	struct block_row row;
	bool done = false;
	const struct csv_head *head = reader_head(r);
	uint32_t n = head->n_columns < PEEK_COLUMNS_MAX ? head->n_columns : PEEK_COLUMNS_MAX;
	enum rc rc = RC_OK;
	for (uint32_t i = 0; rc == RC_OK && i < n; i++)
		rc = column_add(p, head->columns[i], e) ? RC_OK : RC_NOMEM;
	if (rc == RC_OK)
		rc = block_new(&block, e);
	if (rc == RC_OK)
		rc = reader_next(r, block, &done, e);
	if (rc == RC_OK && !done)
		block_rewind(block);
	uint32_t max_rows = n > WIDE ? PEEK_ROWS * WIDE / n : PEEK_ROWS;
	for (bool more = !done; rc == RC_OK && more && p->table.n_rows < max_rows;) {
		rc = block_next(block, o, head->n_columns, &row, &more, e);
		if (rc == RC_OK && more)
			rc = take_row(p, &row, e);
	}
	block_free(&block);
	return rc;
}

// Is a text a time in one of the commonest forms?
static enum rc is_time(struct sv text, const struct tz *zone, bool *out, struct err *e)
{
	static const char *const forms[] = {
		"ISO", "dd.MM.yyyy", "dd.MM.yyyy HH:mm", "MM/dd/yyyy", "dd/MM/yyyy HH:mm"};
	enum rc rc = RC_OK;
	*out = false;
	for (size_t k = 0; k < sizeof(forms) / sizeof(forms[0]) && rc == RC_OK && !*out; k++) {
		struct time_format *f = NULL;
		int64_t at_ms;
		rc = time_format_compile(sv_from(forms[k]), &f, e);
		*out = rc == RC_OK && time_parse(f, zone, text, &at_ms, NULL);
		time_format_free(&f);
	}
	return rc;
}

// Is a line of names one of values? Names are neither times nor all numbers.
static enum rc looks_like_values(const struct peek_table *t, const struct tz *zone, bool *out, struct err *e)
{
	uint32_t n_numbers = 0;
	double number;
	enum rc rc = RC_OK;
	*out = false;
	for (uint32_t i = 0; rc == RC_OK && i < t->n_columns && !*out; i++) {
		struct sv name = t->columns[i]->name;
		n_numbers += sv_to_double(name, &number);
		if (name.len > 7)
			rc = is_time(name, zone, out, e);
	}
	*out |= t->n_columns > 0 && n_numbers == t->n_columns;
	return rc;
}

static enum rc read_table(struct peeking *p, const char *path, const struct design *d, bool has_header,
	bool latin1, struct err *e)
{
	bool csv = strcmp(p->table.format, "csv") == 0, xes = strcmp(p->table.format, "xes") == 0;
	const struct reader_options o = {.format = csv ? RECORD_CSV : RECORD_NDJSON,
		.xes = xes,
		.zone = d->tz,
		.has_header = has_header,
		.latin1 = latin1};
	struct reader *r = NULL;
	p->table.has_header = has_header;
	p->table.latin1 = latin1;
	p->table.n_columns = p->table.n_rows = 0;
	p->bad_utf8 = false;
	p->table.columns = arena_array(p->arena, PEEK_COLUMNS_MAX, sizeof(*p->table.columns));
	if (!p->table.columns)
		return err_set(e, RC_NOMEM, "out of memory for the columns");
	enum rc rc = reader_open(NULL, path, &o, NULL, 0, NULL, NULL, &r, e);
	if (rc == RC_OK)
		rc = read_rows(p, r, &o, e);
	reader_close(&r);
	return rc;
}

static enum rc read_file(struct peeking *p, const char *path, const struct design *d, struct err *e)
{
	bool csv = strcmp(p->table.format, "csv") == 0;
	struct err why = ERR_NONE;
	bool bare = false;
	enum rc rc = read_table(p, path, d, true, false, &why);
	bool in_header = rc == RC_INPUT && strstr(why.message, "invalid UTF-8");
	if (csv && (in_header || (rc == RC_OK && p->bad_utf8)))
		rc = read_table(p, path, d, true, true, e);
	else if (rc != RC_OK)
		return err_take(e, &why);
	if (rc == RC_OK && csv)
		rc = looks_like_values(&p->table, d->tz, &bare, e);
	if (rc == RC_OK && bare)
		rc = read_table(p, path, d, false, p->table.latin1, e);
	return rc;
}

// --- telling ---

static void samples_find(const struct peek_values *v, uint32_t n_rows, struct arena *a, struct peek_column *out)
{
	out->name = arena_copy(a, v->name);
	for (uint32_t i = 0; i < n_rows && out->n_samples < PEEK_SAMPLES; i++) {
		bool known = v->values[i].ptr == NULL;
		for (uint32_t k = 0; k < out->n_samples && !known; k++)
			known = sv_equal(out->samples[k], v->values[i]);
		if (!known)
			out->samples[out->n_samples++] = arena_copy(a, v->values[i]);
	}
}

static enum rc tell(const struct peek_table *t, struct sv name, const struct design *d, struct arena *a,
	struct import_peek *out, struct err *e)
{
	out->format = t->format;
	out->n_columns = t->n_columns;
	out->columns = arena_array(a, (size_t)t->n_columns + 1, sizeof(*out->columns));
	out->mapping = mapping_guess(t, name, d, a);
	for (uint32_t i = 0; out->columns && i < t->n_columns; i++)
		samples_find(t->columns[i], t->n_rows, a, &out->columns[i]);
	if (!out->columns || !out->mapping.ptr || arena_refused(a))
		return err_set(e, RC_NOMEM, "out of memory for a look at the file");
	return RC_OK;
}

enum rc import_peek(const char *path, struct sv name, const struct design *d, struct arena *a,
	struct import_peek *out, struct err *e)
{
	struct peeking p = {.arena = NULL};
	*out = (struct import_peek){0};
	enum rc rc = format_find(path, name, &p.table.format, e);
	if (rc != RC_OK)
		return rc;
	p.arena = arena_new(ARENA_BYTES_MAX);
	if (strcmp(p.table.format, "csv") != 0)
		p.json = json_parser_new(RECORD_BYTES_MAX);
	if (!p.arena || (strcmp(p.table.format, "csv") != 0 && !p.json))
		rc = err_set(e, RC_NOMEM, "out of memory for a look at the file");
	if (rc == RC_OK)
		rc = read_file(&p, path, d, e);
	if (rc == RC_OK)
		rc = tell(&p.table, name, d, a, out, e);
	json_parser_free(&p.json);
	arena_free(&p.arena);
	return rc;
}
