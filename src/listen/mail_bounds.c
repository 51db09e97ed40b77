// SPDX-License-Identifier: Apache-2.0
// Whether a message is one that a mail program could have made. GMime makes objects of hundreds of bytes out of parts and
// headers of a few bytes, and takes groups of addresses within groups apart by recursion: a message of some hundred kB could
// end the process, one of a few MB take all memory.
//
// What GMime may take for headers is found without taking the message apart, and rather too much than too little: the lines
// at the beginning and behind each line that begins with two dashes, up to an empty one; then again, if they say that
// another message follows.
#include "listen/mail.h"

#include <strings.h>

enum {
	PARTS_MAX = 20000,
	HEADERS_MAX = 20000,
	HEADER_BYTES_MAX = 1 << 20, // of all headers
	COLONS_MAX = 500            // in one header: each may begin a group
};

struct bounds {
	uint32_t n_parts, n_headers, n_colons;
	size_t n_header_bytes;
	bool has_begun;           // a header has been seen: an empty line ends them
	bool in_headers, in_type; // in_type: the header is one of the kind of content
	bool has_message;         // these headers say that a message follows
	bool has_digest;          // of messages, wherever
};

static bool mentions(struct sv line, const char *word)
{
	size_t len = strlen(word);
	for (size_t i = 0; i + len <= line.len; i++)
		if (strncasecmp(line.ptr + i, word, len) == 0)
			return true;
	return false;
}

static void header_line(struct bounds *b, struct sv line)
{
	b->has_begun = true;
	if (line.ptr[0] != ' ' && line.ptr[0] != '\t') {
		b->n_headers++;
		b->n_colons = 0;
		b->in_type = line.len > 12 && strncasecmp(line.ptr, "content-type", 12) == 0;
	}
	b->n_header_bytes += line.len;
	for (size_t i = 0; i < line.len; i++)
		b->n_colons += line.ptr[i] == ':';
	b->has_message |= b->in_type && mentions(line, "message");
	b->has_digest |= b->in_type && mentions(line, "digest");
}

static void take_line(struct bounds *b, struct sv line)
{
	bool is_empty = line.len == 0 || (line.len == 1 && line.ptr[0] == '\r');
	if (sv_starts(line, SV("--"))) {
		b->n_parts++;
		b->in_headers = true;
		b->has_begun = b->has_message = false;
	} else if (b->in_headers && !is_empty) {
		header_line(b, line);
	} else if (b->has_begun) {
		b->in_headers = b->has_message || b->has_digest;
		b->has_begun = b->has_message = false;
	}
}

enum rc mail_bounds(struct sv message, struct err *e)
{
	struct bounds b = {.in_headers = true};
	for (struct sv rest = message; rest.ptr && rest.len;) {
		take_line(&b, sv_cut(rest, '\n', &rest));
		if (b.n_parts > PARTS_MAX)
			return err_set(e, RC_LIMIT, "the message has more than %d parts", PARTS_MAX);
		if (b.n_headers > HEADERS_MAX)
			return err_set(e, RC_LIMIT, "the message has more than %d headers", HEADERS_MAX);
		if (b.n_header_bytes > HEADER_BYTES_MAX)
			return err_set(
				e, RC_LIMIT, "the message has headers of more than %d bytes", HEADER_BYTES_MAX);
		if (b.n_colons > COLONS_MAX)
			return err_set(
				e, RC_LIMIT, "a header of the message has more than %d colons", COLONS_MAX);
	}
	return RC_OK;
}
