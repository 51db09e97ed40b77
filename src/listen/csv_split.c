// SPDX-License-Identifier: Apache-2.0
// The second pass: a state machine over the offsets that csv_index found. Grammar and guarantees in csv.h.
//
// Invariants:
//  1. pos[next_pos] is the first special byte at or after `at`.
//  2. What is decided about the record at `at` depends only on the record_max + 1 bytes after it (and on where the
//     file ends), never on where the window ends: otherwise the answer is CSV_MORE.
#include "listen/csv.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

// One record under way.
struct walk {
	struct csv_split *s;
	size_t i;       // next position
	size_t start;   // of the record
	size_t stop;    // first byte that is beyond record_max
	uint64_t lines; // line ends inside quoted fields
	struct csv_record *r;
	bool unclosed;
};

bool csv_skip_line(struct csv_split *s)
{
	const char *q = memchr(s->data + s->at, s->dialect.eol, s->len - s->at);
	s->at = q ? (size_t)(q - s->data) + 1 : s->len;
	s->line += q != NULL;
	s->skip_line = !q;
	return q != NULL;
}

enum rc csv_window(
	struct csv_split *s, const char *data, size_t at, size_t len, uint64_t line, bool final, struct err *e)
{
	if (!s->fields)
		s->fields = mem_calloc(RECORD_FIELDS_MAX, sizeof(*s->fields));
	if (!s->texts)
		s->texts = mem_calloc(RECORD_FIELDS_MAX, sizeof(*s->texts));
	if (!s->fields || !s->texts)
		return err_set(e, RC_NOMEM, "out of memory for splitting rows");
	s->data = data;
	s->at = at;
	s->len = len;
	s->line = line;
	s->final = final;
	if (s->skip_line)
		csv_skip_line(s);
	return csv_index(s, e);
}

void csv_rewind(struct csv_split *s, size_t at, uint64_t line)
{
	s->at = at;
	s->line = line;
	s->next_pos = 0;
	s->skip_line = false;
}

void csv_split_free(struct csv_split *s)
{
	mem_free(s->pos);
	mem_free(s->fields);
	mem_free(s->texts);
	mem_free(s->scratch);
	*s = (struct csv_split){0};
}

static bool is_blank(const struct csv_dialect *d, char c)
{
	return (c == ' ' || c == '\t' || (c == '\r' && d->eol != '\r')) && c != d->delimiter;
}

static size_t skip_blanks(const struct csv_split *s, size_t p)
{
	while (p < s->len && is_blank(&s->dialect, s->data[p]))
		p++;
	return p;
}

// Brings next_pos to `at`.
static void pos_sync(struct csv_split *s)
{
	while (s->next_pos < s->n_pos && s->pos[s->next_pos] < s->at)
		s->next_pos++;
}

// Passes over blank lines. False when the window has nothing but blanks from `at` on.
static bool skip_blank_lines(struct csv_split *s)
{
	while (s->at < s->len) {
		char c = s->data[s->at];
		if (c != s->dialect.eol && !is_blank(&s->dialect, c))
			return true;
		size_t p = skip_blanks(s, s->at);
		if (p - s->at > s->record_max)
			return true; // to be rejected as too long
		if (p == s->len || s->data[p] != s->dialect.eol)
			return p < s->len;
		s->at = p + 1;
		s->line++;
	}
	return false;
}

static bool at_kind(const struct walk *w, char c)
{
	return w->s->data[w->s->pos[w->i]] == c;
}

// From text of an unquoted field to the delimiter or line end (or n_pos): quotes are text here.
static void pass_text(struct walk *w)
{
	while (w->i < w->s->n_pos && at_kind(w, w->s->dialect.quote))
		w->i++;
}

// From behind an opening quote to the delimiter or line end that ends the field.
static void pass_quoted(struct walk *w, struct csv_field *f)
{
	const struct csv_split *s = w->s;
	for (; w->i < s->n_pos && s->pos[w->i] < w->stop; w->i++) {
		size_t p = s->pos[w->i];
		if (s->data[p] == s->dialect.eol)
			w->lines++;
		if (s->data[p] != s->dialect.quote)
			continue;
		if (p + 1 < s->len && s->data[p + 1] == s->dialect.quote) {
			f->escaped = true;
			w->i++;
			continue;
		}
		f->end = (uint32_t)p;
		w->i++;
		size_t after = skip_blanks(s, p + 1);
		if (after < s->len && s->data[after] != s->dialect.delimiter &&
			s->data[after] != s->dialect.eol) {
			if (w->r->problem == CSV_FINE) {
				w->r->problem = CSV_TEXT_AFTER_QUOTE;
				w->r->problem_at = after - w->start;
			}
			pass_text(w);
		}
		return;
	}
	w->unclosed = true;
}

// The field at `from`. Returns where its delimiter or line end is (len: the window ended, or the quote is open).
static size_t walk_field(struct walk *w, size_t from, struct csv_field *f)
{
	const struct csv_split *s = w->s;
	size_t q = s->dialect.trim ? skip_blanks(s, from) : from;
	*f = (struct csv_field){.start = (uint32_t)from};
	if (q < s->len && s->data[q] == s->dialect.quote) {
		w->i++;
		f->start = (uint32_t)q + 1;
		f->quoted = true;
		pass_quoted(w, f);
	} else {
		pass_text(w);
	}
	size_t end = w->unclosed || w->i == s->n_pos ? s->len : s->pos[w->i];
	if (!f->quoted)
		f->end = (uint32_t)end;
	return end;
}

// Is one of the lines from `at` on a row of its own?
static bool has_row(const struct csv_split *s, size_t at)
{
	struct csv_split lines = {.dialect = s->dialect, .record_max = s->record_max};
	struct csv_record r;
	struct err e = ERR_NONE;
	bool found = csv_window(&lines, s->data, at, s->len, 1, true, &e) != RC_OK; // no memory: be careful
	while (!found && at < s->len) {
		const char *q = memchr(s->data + at, s->dialect.eol, s->len - at);
		size_t next = q ? (size_t)(q - s->data) + 1 : s->len;
		csv_rewind(&lines, at, 1);
		found = csv_next(&lines, &r) == CSV_RECORD && r.problem == CSV_FINE && lines.at <= next &&
			r.n_fields == s->n_columns;
		at = next;
	}
	csv_split_free(&lines);
	return found;
}

// A quote is open to the end of the file: was the last row cut off?
static bool is_cut_off(const struct csv_split *s, size_t start)
{
	if (!s->eof || s->n_columns < 2 || s->len - start > s->record_max)
		return false;
	const char *q = memchr(s->data + start, s->dialect.eol, s->len - start);
	return q && !has_row(s, (size_t)(q - s->data) + 1);
}

static enum csv_step take_rest(struct csv_split *s, size_t start, struct csv_record *r)
{
	r->problem = CSV_UNCLOSED_QUOTE;
	r->n_fields = 0;
	r->raw = (struct sv){s->data + start, s->len - start};
	s->at = s->len;
	s->next_pos = s->n_pos;
	return CSV_RECORD;
}

// A record that is too long or never closed: only its first line goes.
static enum csv_step reject_line(struct csv_split *s, size_t start, struct csv_record *r)
{
	const char *q = memchr(s->data + start, s->dialect.eol, s->len - start);
	size_t end = q ? (size_t)(q - s->data) : s->len;
	bool is_long = end - start > s->record_max;
	r->problem = is_long ? CSV_TOO_LONG : CSV_UNCLOSED_QUOTE;
	r->n_fields = 0;
	s->at = q ? end + 1 : s->len;
	s->line += q != NULL;
	s->skip_line = !q && !s->final;
	if (is_long)
		end = start + s->record_max + 1;
	else if (end > start && s->data[end - 1] == '\r' && s->dialect.eol == '\n')
		end--;
	r->raw = (struct sv){s->data + start, end - start};
	pos_sync(s);
	return CSV_RECORD;
}

// The record of n fields that ends at `end`.
static void accept(struct walk *w, size_t end, uint32_t n)
{
	struct csv_split *s = w->s;
	struct csv_record *r = w->r;
	s->at = end < s->len ? end + 1 : end;
	s->line += w->lines + (end < s->len);
	s->next_pos = w->i;
	bool crlf = s->dialect.eol == '\n' && end > w->start && s->data[end - 1] == '\r';
	if (n <= RECORD_FIELDS_MAX && !s->fields[n - 1].quoted)
		s->fields[n - 1].end -= crlf;
	r->raw = (struct sv){s->data + w->start, end - w->start - crlf};
	r->n_fields = n;
	if (n > RECORD_FIELDS_MAX && r->problem == CSV_FINE)
		r->problem = CSV_TOO_MANY_FIELDS;
}

enum csv_step csv_next(struct csv_split *s, struct csv_record *r)
{
	if ((s->skip_line && !csv_skip_line(s)) || !skip_blank_lines(s))
		return s->final ? CSV_END : CSV_MORE;
	pos_sync(s);
	struct walk w = {.s = s, .i = s->next_pos, .start = s->at, .stop = s->at + s->record_max + 1, .r = r};
	size_t end, from = s->at;
	uint32_t n = 0;
	bool last;
	*r = (struct csv_record){.line = s->line};
	do {
		struct csv_field spare;
		end = walk_field(&w, from, n < RECORD_FIELDS_MAX ? &s->fields[n] : &spare);
		n++;
		last = end == s->len || s->data[end] == s->dialect.eol;
		w.i += end < s->len;
		from = end + 1;
	} while (!last);
	if (end == s->len && !s->final && s->len - w.start <= s->record_max)
		return CSV_MORE;
	if (w.unclosed && is_cut_off(s, w.start))
		return take_rest(s, w.start, r);
	if (w.unclosed || end - w.start > s->record_max)
		return reject_line(s, w.start, r);
	accept(&w, end, n);
	return CSV_RECORD;
}

// --- texts ---

// Windows-1252 0x80-0x9f; bytes that it leaves undefined are control characters, as in the WHATWG encoding standard.
static const uint16_t cp1252[32] = {0x20ac, 0x81, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030,
	0x160, 0x2039, 0x152, 0x8d, 0x17d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
	0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0x9d, 0x17e, 0x178};

static char *put_cp1252(char *to, unsigned char c)
{
	unsigned u = c >= 0x80 && c < 0xa0 ? cp1252[c - 0x80] : c;
	if (u < 0x80) {
		*to++ = (char)u;
	} else if (u < 0x800) {
		*to++ = (char)(0xc0 | u >> 6);
		*to++ = (char)(0x80 | (u & 0x3f));
	} else {
		*to++ = (char)(0xe0 | u >> 12);
		*to++ = (char)(0x80 | (u >> 6 & 0x3f));
		*to++ = (char)(0x80 | (u & 0x3f));
	}
	return to;
}

// Copies a field with doubled quotes or foreign letters; returns where the copy ends.
static char *rewrite_field(const struct csv_split *s, const struct csv_field *f, char *to)
{
	for (uint32_t p = f->start; p < f->end; p++) {
		char c = s->data[p];
		if (f->escaped && c == s->dialect.quote)
			p++;
		to = s->dialect.latin1 ? put_cp1252(to, (unsigned char)c) : (*to = c, to + 1);
	}
	return to;
}

static void trim_field(const struct csv_split *s, struct csv_field *f)
{
	while (f->start < f->end && is_blank(&s->dialect, s->data[f->start]))
		f->start++;
	while (f->end > f->start && is_blank(&s->dialect, s->data[f->end - 1]))
		f->end--;
}

static bool check_bytes(const struct csv_split *s, struct csv_record *r)
{
	const char *nul = s->has_nul ? memchr(r->raw.ptr, 0, r->raw.len) : NULL;
	if (nul) {
		r->problem = CSV_NUL;
		r->problem_at = (size_t)(nul - r->raw.ptr);
	} else if (s->has_high && !s->dialect.latin1 && !sv_utf8_valid(r->raw, &r->problem_at)) {
		r->problem = CSV_BAD_UTF8;
	}
	return r->problem == CSV_FINE;
}

enum rc csv_record_texts(struct csv_split *s, struct csv_record *r, struct err *e)
{
	if (r->problem != CSV_FINE || !check_bytes(s, r))
		return RC_OK;
	bool convert = s->dialect.latin1 && s->has_high;
	char *to = s->scratch;
	for (uint32_t i = 0; i < r->n_fields; i++) {
		struct csv_field *f = &s->fields[i];
		if (s->dialect.trim && !f->quoted)
			trim_field(s, f);
		s->texts[i] = (struct sv){s->data + f->start, f->end - f->start};
		if (!f->escaped && !convert)
			continue;
		if (!to) // three bytes of UTF-8 for a byte of Windows-1252 at most
			to = s->scratch = mem_alloc(3 * s->record_max + 1);
		if (!to)
			return err_set(e, RC_NOMEM, "out of memory for reading a row");
		char *end = rewrite_field(s, f, to);
		s->texts[i] = (struct sv){to, (size_t)(end - to)};
		to = end;
	}
	return RC_OK;
}

static void describe_utf8(const struct csv_record *r, char *out, size_t size)
{
	snprintf(out, size,
		"invalid UTF-8: byte 0x%02X at offset %zu of the row; if the file is Windows-1252, say "
		"`encoding: windows-1252` in the mapping's csv part",
		(unsigned)(unsigned char)r->raw.ptr[r->problem_at], r->problem_at);
}

void csv_problem_describe(const struct csv_split *s, const struct csv_record *r, char *out, size_t size)
{
	static const char *const text[] = {
		[CSV_FINE] = "fine",
		[CSV_UNCLOSED_QUOTE] = "a quoted field is not closed",
		[CSV_TEXT_AFTER_QUOTE] = "text follows a closing quote",
		[CSV_TOO_LONG] = "the row is too long",
		[CSV_TOO_MANY_FIELDS] = "the row has too many fields",
		[CSV_NUL] = "NUL byte",
		[CSV_BAD_UTF8] = "invalid UTF-8",
	};
	if (r->problem == CSV_BAD_UTF8)
		describe_utf8(r, out, size);
	else if (r->problem == CSV_UNCLOSED_QUOTE)
		snprintf(out, size, "%s: neither within %zu bytes nor before the end of the file",
			text[r->problem], s->record_max);
	else if (r->problem == CSV_TOO_LONG)
		snprintf(out, size, "%s: more than %zu bytes; the first of them are kept", text[r->problem],
			s->record_max);
	else if (r->problem == CSV_TOO_MANY_FIELDS)
		snprintf(out, size, "%s: %u; at most %u are read", text[r->problem], r->n_fields,
			RECORD_FIELDS_MAX);
	else
		snprintf(out, size, "%s: at offset %zu of the row", text[r->problem], r->problem_at);
}
