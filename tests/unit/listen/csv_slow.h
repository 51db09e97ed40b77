// SPDX-License-Identifier: Apache-2.0
// The grammar of listen/csv.h as a plain machine over one byte at a time and the whole input: what the fast splitter
// is compared with, by the unit tests and by the fuzz target. Written from the grammar, not from the splitter.
#ifndef CORRIDOR_TESTS_CSV_SLOW_H
#define CORRIDOR_TESTS_CSV_SLOW_H

#include "listen/csv.h"
#include "listen/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct slow_record {
	uint64_t line;
	size_t raw_at, raw_len;
	enum csv_problem problem;
	uint32_t n_fields;
	size_t texts_at; // in slow.texts: each field NUL-terminated and preceded by '|'
	size_t texts_len;
};

struct slow {
	struct slow_record *records;
	size_t n, capacity;
	char *texts;
	size_t n_texts, cap_texts;
	char *field;
	size_t cap_field;
};

static inline void slow_put(struct slow *s, char c)
{
	if (s->n_texts == s->cap_texts) {
		s->cap_texts = s->cap_texts ? 2 * s->cap_texts : 1024;
		s->texts = realloc(s->texts, s->cap_texts);
	}
	s->texts[s->n_texts++] = c;
}

static inline struct slow_record *slow_add(struct slow *s)
{
	if (s->n == s->capacity) {
		s->capacity = s->capacity ? 2 * s->capacity : 64;
		s->records = realloc(s->records, s->capacity * sizeof(*s->records));
	}
	s->records[s->n] = (struct slow_record){.texts_at = s->n_texts};
	return &s->records[s->n++];
}

static inline void slow_free(struct slow *s)
{
	free(s->records);
	free(s->texts);
	free(s->field);
	memset(s, 0, sizeof(*s));
}

static inline int slow_blank(const struct csv_dialect *d, char c)
{
	if (c == d->delimiter)
		return 0;
	return c == ' ' || c == '\t' || (c == '\r' && d->eol == '\n');
}

enum slow_state { AT_START, IN_TEXT, IN_QUOTES, BEHIND_QUOTE };

// One field's text without the blanks that do not belong to it.
static inline void slow_text(struct slow *s, const struct csv_dialect *d, const char *p, size_t n, int quoted)
{
	if (d->trim && !quoted) {
		while (n && slow_blank(d, p[0])) {
			p++;
			n--;
		}
		while (n && slow_blank(d, p[n - 1]))
			n--;
	}
	slow_put(s, '|');
	for (size_t i = 0; i < n; i++)
		slow_put(s, p[i]);
}

// Room for the field under way, kept from record to record.
static inline char *slow_field(struct slow *s, size_t room)
{
	if (room > s->cap_field) {
		free(s->field);
		s->field = malloc(room);
		s->cap_field = room;
	}
	return s->field;
}

// The record at p; returns where the next begins.
static inline size_t slow_one(struct slow *s, const struct csv_dialect *d, size_t max, const char *data,
	size_t len, size_t p, uint64_t *line)
{
	struct slow_record *r = slow_add(s);
	enum slow_state state = AT_START;
	char *field = slow_field(s, len + 1);
	size_t n = 0, i = p;
	uint64_t lines = 0;
	int quoted = 0, open_quote = 0;
	r->line = *line;
	for (;; i++) {
		int end = i == len, c = end ? 0 : data[i];
		open_quote = state == IN_QUOTES;
		if (state == IN_QUOTES && !end) {
			if (c == d->quote && i + 1 < len && data[i + 1] == d->quote)
				field[n++] = data[i++];
			else if (c == d->quote)
				state = BEHIND_QUOTE;
			else
				field[n++] = (char)c;
			lines += c == d->eol;
			continue;
		}
		if (end || c == d->delimiter || c == d->eol) {
			if ((end || c == d->eol) && !quoted && d->eol == '\n' && n && field[n - 1] == '\r')
				n--;
			slow_text(s, d, field, n, quoted);
			r->n_fields++;
			if (end || c == d->eol)
				break;
			n = 0;
			quoted = 0;
			state = AT_START;
		} else if (state == AT_START && c == d->quote) {
			state = IN_QUOTES;
			quoted = 1;
			n = 0;
		} else if (state == AT_START && d->trim && slow_blank(d, (char)c)) {
			field[n++] = (char)c;
		} else if (state == BEHIND_QUOTE && slow_blank(d, (char)c)) {
			continue;
		} else {
			if (state == BEHIND_QUOTE && r->problem == CSV_FINE)
				r->problem = CSV_TEXT_AFTER_QUOTE;
			state = IN_TEXT;
			if (!quoted)
				field[n++] = (char)c;
		}
	}
	r->texts_len = s->n_texts - r->texts_at;
	size_t end = i;
	if (open_quote || end - p > max) {
		for (end = p; end < len && data[end] != d->eol; end++)
			;
		r->problem = end - p > max ? CSV_TOO_LONG : CSV_UNCLOSED_QUOTE;
		r->n_fields = 0;
		lines = 0;
	} else if (r->n_fields > RECORD_FIELDS_MAX && r->problem == CSV_FINE) {
		r->problem = CSV_TOO_MANY_FIELDS;
	}
	r->raw_at = p;
	r->raw_len = end - p > max ? max + 1 : end - p;
	if (end - p <= max && end > p && data[end - 1] == '\r' && d->eol == '\n')
		r->raw_len--;
	*line += lines + (end < len);
	return end < len ? end + 1 : end;
}

static inline void slow_run(
	struct slow *s, const struct csv_dialect *d, size_t max, const char *data, size_t len)
{
	uint64_t line = 1;
	size_t p = 0;
	s->n = s->n_texts = 0;
	while (p < len) {
		size_t q = p;
		while (q < len && slow_blank(d, data[q]))
			q++;
		if (q - p <= max && (q == len || data[q] == d->eol)) {
			line += q < len;
			p = q + 1;
			continue;
		}
		p = slow_one(s, d, max, data, len, p, &line);
	}
}

// NULL when the next record of the fast splitter is the slow one's; else what differs.
static inline const char *slow_compare(
	const struct slow *s, size_t i, const char *data, struct csv_split *fast, struct csv_record *r)
{
	struct err e = ERR_NONE;
	if (i >= s->n)
		return "a record too many";
	const struct slow_record *w = &s->records[i];
	if (r->line != w->line)
		return "line";
	if (r->raw.len != w->raw_len || memcmp(r->raw.ptr, data + w->raw_at, w->raw_len) != 0)
		return "raw";
	if (r->problem != w->problem)
		return "problem";
	if (r->n_fields != w->n_fields)
		return "number of fields";
	if (r->problem != CSV_FINE)
		return NULL;
	if (csv_record_texts(fast, r, &e) != RC_OK)
		return "memory";
	if (r->problem != CSV_FINE || (fast->dialect.latin1 && fast->has_high))
		return NULL; // NUL, UTF-8 and other encodings are not the machine's matter
	const char *t = s->texts + w->texts_at, *end = t + w->texts_len;
	for (uint32_t f = 0; f < r->n_fields; f++) {
		size_t n = fast->texts[f].len;
		if (t == end || *t++ != '|' || (size_t)(end - t) < n || memcmp(t, fast->texts[f].ptr, n) != 0)
			return "text";
		t += n;
	}
	return t == end ? NULL : "text";
}

// Splits data in windows of `window` bytes (more than max) the way the reader does, walks each block of whole records
// again as a mapper does, and compares everything with the slow machine. NULL: all the same.
static inline const char *slow_check(
	const struct csv_dialect *d, size_t max, size_t window, const char *data, size_t len)
{
	struct slow slow = {0};
	struct csv_split reader = {.dialect = *d, .record_max = max},
			 mapper = {.dialect = *d, .record_max = max};
	struct csv_record r;
	struct err e = ERR_NONE;
	const char *wrong = NULL;
	size_t at = 0, i = 0;
	uint64_t line = 1;
	slow_run(&slow, d, max, data, len);
	while (at < len && !wrong) {
		size_t n = len - at < window ? len - at : window;
		if (csv_window(&reader, data + at, 0, n, line, at + n == len, &e) != RC_OK)
			wrong = "memory";
		size_t start = reader.at;
		uint64_t first_line = reader.line;
		while (csv_next(&reader, &r) == CSV_RECORD)
			;
		size_t used = reader.at;
		if (csv_window(&mapper, data + at, start, used, first_line, true, &e) != RC_OK)
			wrong = "memory";
		while (!wrong && csv_next(&mapper, &r) == CSV_RECORD)
			wrong = slow_compare(&slow, i++, data, &mapper, &r);
		line = reader.line;
		if (at + n == len)
			break;
		if (used == 0 && !wrong)
			wrong = "no progress";
		at += used;
	}
	if (!wrong && i != slow.n)
		wrong = "a record too few";
	slow_free(&slow);
	csv_split_free(&reader);
	csv_split_free(&mapper);
	return wrong;
}

#endif
