// SPDX-License-Identifier: Apache-2.0
// NDJSON lines: the same lines for every cut into windows as a plain search for line feeds gives; each line through
// the JSON parser and out again must parse again. The first two bytes choose limit and window.
#include "base/json.h"
#include "listen/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct line {
	size_t at, len, next;
	bool is_long;
};

// The line at `at`, blank ones too.
static struct line line_at(const char *p, size_t len, size_t at, size_t max)
{
	size_t end = at;
	while (end < len && p[end] != '\n')
		end++;
	struct line l = {at, end - at, end + 1, end - at > max};
	if (l.is_long)
		l.len = max + 1;
	else if (l.len && p[end - 1] == '\r')
		l.len--;
	return l;
}

static bool is_blank(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != ' ' && p[i] != '\t' && p[i] != '\r')
			return false;
	}
	return true;
}

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "lines differ: %s\n", what);
	abort();
}

static void parse(struct json_parser *parser, struct sv text)
{
	struct json_node root;
	struct err e = ERR_NONE;
	struct buf out = buf_new((size_t)1 << 22);
	if (json_parse(parser, text, &root, &e) == RC_OK) {
		json_serialize(root, &out);
		check(out.rc != RC_OK || json_parse(parser, buf_view(&out), &root, &e) == RC_OK,
			"written JSON does not parse");
	} else {
		check(e.rc == RC_INPUT || e.rc == RC_LIMIT || e.rc == RC_NOMEM, "kind of error");
	}
	buf_free(&out);
}

static void walk(const char *p, size_t len, size_t max, size_t window, struct json_parser *parser)
{
	struct csv_split s = {.record_max = max, .dialect = {.eol = '\n'}};
	struct csv_record r;
	size_t at = 0, expected = 0;
	uint64_t line = 1, expected_line = 1;
	while (at < len) {
		size_t n = len - at < window ? len - at : window;
		s.data = p + at;
		s.at = 0;
		s.len = n;
		s.line = line;
		s.final = at + n == len;
		if (s.skip_line)
			csv_skip_line(&s);
		while (ndjson_next(&s, &r) == CSV_RECORD) {
			struct line l = line_at(p, len, expected, max);
			for (; !l.is_long && is_blank(p + l.at, l.len); expected_line++)
				l = line_at(p, len, l.next, max);
			check(r.raw.ptr == p + l.at && r.raw.len == l.len, "bytes");
			check(r.line == expected_line, "line number");
			check((r.problem == CSV_TOO_LONG) == l.is_long, "too long");
			expected = l.next;
			expected_line++;
			parse(parser, r.raw);
		}
		line = s.line;
		if (s.final)
			break;
		check(s.at > 0, "no progress");
		at += s.at;
	}
	for (; expected < len; expected = line_at(p, len, expected, max).next)
		check(is_blank(p + expected, line_at(p, len, expected, max).len), "a line was left out");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_parser *parser = json_parser_new((size_t)1 << 20);
	if (parser && size >= 2) {
		size_t len = size - 2, max = 1 + data[0];
		char *exact = malloc(len ? len : 1); // so that a read past the end is seen
		if (exact) {
			memcpy(exact, data + 2, len);
			walk(exact, len, max, 2 * (max + 2) + data[1], parser);
		}
		free(exact);
	}
	json_parser_free(&parser);
	return 0;
}
