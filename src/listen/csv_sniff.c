// SPDX-License-Identifier: Apache-2.0
// What a CSV file does not say about itself: line end, quote, delimiter, and which line is the header.
//
// The header is the first line, among the first HEADER_LINES_MAX, that holds all columns the mapping requires;
// what stands before is junk (titles, download messages) and is reported. Lines are tried one by one as physical
// lines, so that a stray quote in the junk hides nothing. Delimiters are tried in turn; the one that finds a header
// earliest wins. Where nothing is required, the delimiter that cuts most rows into the same number (> 1) of fields.
#include "listen/csv.h"

#include <string.h>

#define HEADER_LINES_MAX 1000u
#define HEADER_BYTES_MAX ((size_t)64 * 1024)
#define SAMPLE_RECORDS 200u

static const char delimiters[] = {',', ';', '\t', '|'};

// What one delimiter makes of the head.
struct trial {
	struct csv_dialect dialect;
	size_t at, next_at; // header record, what follows it
	uint64_t line, next_line;
	uint32_t n_found; // required columns that the header holds
	uint32_t n_fields;
	uint32_t n_alike; // sample records with as many fields as most
	bool any;         // a record was there
};

static char sniff_eol(struct sv head)
{
	if (memchr(head.ptr, '\n', head.len) || !memchr(head.ptr, '\r', head.len))
		return '\n';
	return '\r';
}

// Fields that begin with q (after a delimiter or line end) and those that end with it.
static void count_quotes(struct sv head, char q, size_t *opened, size_t *closed)
{
	static const char edges[] = ",;\t|\n\r";
	*opened = *closed = 0;
	for (const char *p = head.ptr, *end = p + head.len; p < end && (p = memchr(p, q, (size_t)(end - p)));
		p++) {
		*opened += p == head.ptr || memchr(edges, p[-1], 6) != NULL;
		*closed += p + 1 == end || memchr(edges, p[1], 6) != NULL;
	}
}

// The double quote, unless none opens a field and single quotes plainly do.
static char sniff_quote(struct sv head)
{
	size_t opened, closed, opened1, closed1;
	count_quotes(head, '"', &opened, &closed);
	count_quotes(head, '\'', &opened1, &closed1);
	return opened == 0 && opened1 >= 2 && opened1 == closed1 ? '\'' : '"';
}

static uint32_t count_required(
	const struct csv_split *s, uint32_t n_fields, const struct sv *required, uint32_t n)
{
	uint32_t found = 0;
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t f = 0; f < n_fields; f++) {
			if (sv_equal(sv_trim(s->texts[f]), required[i])) {
				found++;
				break;
			}
		}
	}
	return found;
}

// How many of the records from (at, line) on have the commonest number of fields, and which number that is.
static void measure_shape(struct csv_split *s, struct trial *t)
{
	uint32_t n_records = 0, counts[SAMPLE_RECORDS] = {0};
	struct csv_record r;
	csv_rewind(s, t->at, t->line);
	while (n_records < SAMPLE_RECORDS && csv_next(s, &r) == CSV_RECORD)
		counts[n_records++] = r.n_fields;
	for (uint32_t i = 0; i < n_records; i++) {
		uint32_t alike = 0;
		for (uint32_t k = 0; k < n_records; k++)
			alike += counts[k] == counts[i];
		if (counts[i] > 1 && (alike > t->n_alike || (alike == t->n_alike && counts[i] > t->n_fields))) {
			t->n_alike = alike;
			t->n_fields = counts[i];
		}
	}
	t->any = n_records > 0;
}

static void trial_take(
	struct trial *t, const struct csv_split *s, size_t at, const struct csv_record *r, uint32_t n_found)
{
	*t = (struct trial){s->dialect, at, s->at, r->line, s->line, n_found, r->n_fields, t->n_alike, true};
}

// The first line that holds all required columns, or the best one.
static enum rc try_lines(
	struct csv_split *s, struct trial *t, size_t at, const struct sv *required, uint32_t n, struct err *e)
{
	uint64_t line = s->line;
	for (uint32_t i = 0; i < HEADER_LINES_MAX && at < s->len; i++, line++) {
		struct csv_record r;
		csv_rewind(s, at, line);
		if (csv_next(s, &r) == CSV_RECORD && r.line == line) {
			enum rc rc = csv_record_texts(s, &r, e);
			if (rc != RC_OK)
				return rc;
			bool fine = r.problem == CSV_FINE;
			uint32_t found = fine ? count_required(s, r.n_fields, required, n) : 0;
			bool wider = found == t->n_found && found == 0 && r.n_fields > t->n_fields;
			if (fine && (!t->any || found > t->n_found || wider))
				trial_take(t, s, at, &r, found);
			if (found == n)
				return RC_OK;
		}
		const char *q = memchr(s->data + at, s->dialect.eol, s->len - at);
		at = q ? (size_t)(q - s->data) + 1 : s->len;
	}
	return RC_OK;
}

// The first record with the commonest shape is the header.
static void try_shape(struct csv_split *s, struct trial *t)
{
	struct csv_record r;
	uint32_t wanted;
	measure_shape(s, t);
	wanted = t->n_fields;
	csv_rewind(s, t->at, t->line);
	for (size_t at = s->at; csv_next(s, &r) == CSV_RECORD; at = s->at) {
		if (wanted > 1 && r.n_fields != wanted)
			continue;
		trial_take(t, s, at, &r, 0);
		return;
	}
}

struct sniffing {
	struct sv head;
	bool final;
	const struct reader_options *o;
	const struct sv *required;
	uint32_t n_required;
	size_t at; // where looking begins (after skip_lines)
	uint64_t line;
};

static enum rc try_delimiter(const struct sniffing *g, struct trial *t, struct err *e)
{
	struct csv_split s = {.dialect = t->dialect, .record_max = HEADER_BYTES_MAX};
	enum rc rc = csv_window(&s, g->head.ptr, g->at, g->head.len, g->line, g->final, e);
	t->at = t->next_at = g->at;
	t->line = t->next_line = g->line;
	if (rc != RC_OK)
		goto out;
	if (!g->o->has_header) {
		measure_shape(&s, t);
	} else if (g->o->skip_lines || g->n_required == 0) {
		struct csv_record r;
		try_shape(&s, t);
		csv_rewind(&s, g->at, g->line);
		if (g->o->skip_lines && csv_next(&s, &r) == CSV_RECORD && csv_record_texts(&s, &r, e) == RC_OK)
			trial_take(t, &s, g->at, &r,
				r.problem == CSV_FINE
					? count_required(&s, r.n_fields, g->required, g->n_required)
					: 0);
	} else {
		rc = try_lines(&s, t, g->at, g->required, g->n_required, e);
	}
out:
	csv_split_free(&s);
	return rc;
}

// Is `a` a better reading of the head than `b`? More required columns, then an earlier line, then the steadier shape.
static bool trial_better(const struct trial *a, const struct trial *b)
{
	if (a->any != b->any)
		return a->any;
	if (a->n_found != b->n_found)
		return a->n_found > b->n_found;
	if (a->n_found > 0 && a->line != b->line)
		return a->line < b->line;
	if (a->n_alike != b->n_alike)
		return a->n_alike > b->n_alike;
	return a->n_fields > b->n_fields;
}

static void note_skipped(const struct sniffing *g, size_t from, size_t to, char eol, struct csv_head *out)
{
	const char *p = g->head.ptr + from, *end = g->head.ptr + to;
	while (p < end) {
		const char *q = memchr(p, eol, (size_t)(end - p));
		struct sv line = sv_trim((struct sv){p, (size_t)((q ? q : end) - p)});
		if (line.len && out->n_skipped++ == 0)
			out->skipped_sample = line;
		p = q ? q + 1 : end;
	}
}

// Passes over o->skip_lines lines.
static void skip_fixed(struct sniffing *g, char eol)
{
	for (uint32_t i = 0; i < g->o->skip_lines && g->at < g->head.len; i++) {
		const char *q = memchr(g->head.ptr + g->at, eol, g->head.len - g->at);
		g->at = q ? (size_t)(q - g->head.ptr) + 1 : g->head.len;
		g->line++;
	}
}

static enum rc head_fill(
	const struct sniffing *g, const struct trial *t, struct arena *a, struct csv_head *out, struct err *e)
{
	out->dialect = t->dialect;
	out->body_at = t->at;
	out->body_line = t->line;
	if (!g->o->has_header)
		return csv_columns_number(
			g->o, t->n_fields ? t->n_fields : 1, a, &out->columns, &out->n_columns, e);
	out->header_line = t->line;
	out->body_at = t->next_at;
	out->body_line = t->next_line;
	struct csv_split s = {.dialect = t->dialect, .record_max = HEADER_BYTES_MAX};
	struct csv_record r = {0};
	enum rc rc = csv_window(&s, g->head.ptr, t->at, g->head.len, t->line, g->final, e);
	if (rc == RC_OK && csv_next(&s, &r) == CSV_RECORD)
		out->header_raw = r.raw;
	csv_split_free(&s);
	return rc == RC_OK
		       ? csv_header_parse(out->header_raw, &t->dialect, a, &out->columns, &out->n_columns, e)
		       : rc;
}

enum rc csv_sniff(struct sv head, size_t at, bool final, const struct reader_options *o,
	const struct sv *required, uint32_t n_required, struct arena *a, struct csv_head *out, struct err *e)
{
	struct sniffing g = {head, final, o, required, n_required, at, 1};
	struct sv text = {head.ptr + at, head.len - at};
	struct csv_dialect d = {.trim = o->trim, .latin1 = o->latin1};
	struct trial best = {0};
	*out = (struct csv_head){0};
	d.eol = text.len ? sniff_eol(text) : '\n';
	d.quote = o->quote ? o->quote : sniff_quote(text);
	skip_fixed(&g, d.eol);
	for (uint32_t i = 0; i < (o->delimiter ? 1 : sizeof(delimiters)); i++) {
		struct trial t = {.dialect = d};
		t.dialect.delimiter = o->delimiter ? o->delimiter : delimiters[i];
		enum rc rc = try_delimiter(&g, &t, e);
		if (rc != RC_OK)
			return rc;
		if (i == 0 || trial_better(&t, &best))
			best = t;
	}
	if (!best.any && o->has_header) {
		if (text.len == 0)
			return csv_file_empty(e);
		err_set(e, RC_INPUT, "no line among the first %u can be a header", HEADER_LINES_MAX);
		err_remedy(e,
			"check that this is the right file and its encoding; without a header, say so in the "
			"mapping: csv: {header: false}");
		return RC_INPUT;
	}
	note_skipped(&g, at, best.at, d.eol, out);
	return head_fill(&g, &best, a, out, e);
}

enum rc csv_file_empty(struct err *e)
{
	err_set(e, RC_INPUT, "the file is empty");
	err_remedy(e, "see whether the program that writes it has ended well, or leave the file out");
	return RC_INPUT;
}

enum rc csv_header_parse(struct sv header_raw, const struct csv_dialect *d, struct arena *a,
	struct sv **columns, uint32_t *n_columns, struct err *e)
{
	struct csv_split s = {.dialect = *d, .record_max = HEADER_BYTES_MAX};
	struct csv_record r = {0};
	enum rc rc = csv_window(&s, header_raw.ptr, 0, header_raw.len, 1, true, e);
	if (rc == RC_OK && csv_next(&s, &r) != CSV_RECORD)
		rc = err_set(e, RC_INPUT, "the header line is empty");
	if (rc == RC_OK)
		rc = csv_record_texts(&s, &r, e);
	if (rc == RC_OK && r.problem != CSV_FINE) {
		char why[200];
		csv_problem_describe(&s, &r, why, sizeof(why));
		rc = err_set(e, RC_INPUT, "the header line cannot be read: %s", why);
	}
	if (rc != RC_OK)
		goto out;
	*n_columns = r.n_fields;
	*columns = arena_array(a, r.n_fields, sizeof(**columns));
	for (uint32_t i = 0; *columns && i < r.n_fields; i++)
		(*columns)[i] = arena_copy(a, sv_trim(s.texts[i]));
	if (!*columns)
		rc = err_set(e, RC_NOMEM, "out of memory for the names of %u columns", r.n_fields);
out:
	csv_split_free(&s);
	return rc;
}

enum rc csv_columns_number(const struct reader_options *o, uint32_t n, struct arena *a, struct sv **columns,
	uint32_t *n_columns, struct err *e)
{
	*n_columns = o->n_columns ? o->n_columns : n;
	*columns = arena_array(a, *n_columns, sizeof(**columns));
	if (!*columns)
		return err_set(e, RC_NOMEM, "out of memory for the names of %u columns", *n_columns);
	for (uint32_t i = 0; i < *n_columns; i++)
		(*columns)[i] = o->n_columns ? arena_copy(a, o->columns[i]) : arena_printf(a, "%u", i + 1);
	return RC_OK;
}
