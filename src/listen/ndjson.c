// SPDX-License-Identifier: Apache-2.0
// NDJSON is lines: one JSON text each, ended by a line feed (a carriage return before it belongs to the end). The
// texts themselves are parsed where they are mapped.
#include "listen/reader.h"

#include <string.h>

static bool blank_line(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	return p == end;
}

enum csv_step ndjson_next(struct csv_split *s, struct csv_record *r)
{
	while (s->at < s->len) {
		const char *p = s->data + s->at, *window_end = s->data + s->len;
		const char *q = memchr(p, '\n', s->len - s->at);
		const char *end = q ? q : window_end;
		bool is_long = (size_t)(end - p) > s->record_max;
		if (!q && !s->final && !is_long)
			return CSV_MORE;
		*r = (struct csv_record){.line = s->line, .problem = is_long ? CSV_TOO_LONG : CSV_FINE};
		s->at = (size_t)(end - s->data) + (q != NULL);
		s->line += q != NULL;
		s->skip_line = !q && !s->final;
		if (!is_long && blank_line(p, end))
			continue;
		r->raw = (struct sv){p, is_long ? s->record_max + 1 : (size_t)(end - p)};
		if (!is_long && r->raw.ptr[r->raw.len - 1] == '\r')
			r->raw.len--;
		return CSV_RECORD;
	}
	return s->final ? CSV_END : CSV_MORE;
}
