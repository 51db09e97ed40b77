// SPDX-License-Identifier: Apache-2.0
// Whether a message is one that a mail program could have made. GMime makes objects of hundreds of bytes out of parts and
// headers of a few bytes, and takes groups of addresses within groups apart by recursion: a message of some hundred kB could
// end the process, one of a few MB take all memory.
//
// What GMime may take for headers is found without taking the message apart, and rather too much than too little: the lines
// at the beginning and behind each line that may be a boundary, up to an empty one; then again, if their type says that
// another message follows. A line may be a boundary if it begins with two dashes and what a header before gives as one; any
// line with two dashes may, once a header gives one in a way that is not plain.
#include "listen/mail.h"

#include <strings.h>

enum {
	PARTS_MAX = 20000,
	HEADERS_MAX = 20000,
	HEADER_BYTES_MAX = 1 << 20, // of all headers
	COLONS_MAX = 500,           // in one header: each may begin a group
	BOUNDARIES_MAX = 32         // told apart
};

struct bounds {
	uint32_t n_parts, n_headers, n_colons, n_boundaries;
	size_t n_header_bytes;
	bool has_begun; // a header has been seen: an empty line ends them
	bool in_headers;
	bool has_message;                     // these headers say that a message follows
	bool has_digest;                      // of messages, wherever
	bool any_boundary;                    // two dashes are enough
	struct sv boundaries[BOUNDARIES_MAX]; // how they begin
	struct sv type;                       // the header Content-Type so far, with its folded lines
};

static bool is_fold(struct sv line)
{
	return line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t');
}

// From where the word is, whatever its case, to the end; ptr NULL: it is nowhere.
static struct sv find_word(struct sv text, const char *word)
{
	size_t len = strlen(word);
	for (size_t i = 0; i + len <= text.len; i++)
		if (strncasecmp(text.ptr + i, word, len) == 0)
			return (struct sv){text.ptr + i, text.len - i};
	return SV_NONE;
}

// A header Content-Type without its parameters: up to the first semicolon that is outside of comments.
static struct sv without_parameters(struct sv header)
{
	uint32_t depth = 0;
	for (size_t i = 0; i < header.len; i++) {
		char c = header.ptr[i];
		if (c == ';' && depth == 0)
			return (struct sv){header.ptr, i};
		if (c == '\\' && depth > 0)
			i++;
		else if (c == '(')
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
	}
	return header;
}

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '_' || c == '.' || c == '+';
}

static size_t skip_blanks(struct sv text, size_t at)
{
	while (at < text.len && strchr(" \t\r\n", text.ptr[at]) && text.ptr[at])
		at++;
	return at;
}

// How the boundary that a header gives begins: the characters that are themselves in quotes as well as without. What else
// is in there is not looked at. ptr NULL: it is not given plainly.
static struct sv boundary_begin(struct sv given)
{
	static const char word[] = "boundary";
	size_t at = sizeof(word) - 1, end;
	at = skip_blanks(given, at);
	if (at == given.len || given.ptr[at] != '=')
		return SV_NONE; // boundary*0=
	at = skip_blanks(given, at + 1);
	at += at < given.len && given.ptr[at] == '"';
	for (end = at; end < given.len && is_plain(given.ptr[end]);)
		end++;
	return end > at ? (struct sv){given.ptr + at, end - at} : SV_NONE;
}

// The header Content-Type is whole.
static void take_type(struct bounds *b)
{
	struct sv type = without_parameters(b->type);
	struct sv given = find_word(b->type, "boundary");
	b->has_message |= find_word(type, "message").ptr != NULL;
	b->has_digest |= find_word(type, "digest").ptr != NULL;
	if (given.ptr) {
		struct sv begin = boundary_begin(given);
		struct sv rest = {given.ptr + 1, given.len - 1};
		bool comments = memchr(b->type.ptr, '(', b->type.len) != NULL;
		if (!begin.ptr || comments || find_word(rest, "boundary").ptr ||
			b->n_boundaries == BOUNDARIES_MAX)
			b->any_boundary = true;
		else
			b->boundaries[b->n_boundaries++] = begin;
	}
	b->type = SV_NONE;
}

static bool may_be_boundary(const struct bounds *b, struct sv line)
{
	if (!sv_starts(line, SV("--")))
		return false;
	bool may = b->any_boundary;
	for (uint32_t i = 0; i < b->n_boundaries && !may; i++)
		may = sv_starts((struct sv){line.ptr + 2, line.len - 2}, b->boundaries[i]);
	return may;
}

static void header_line(struct bounds *b, struct sv line)
{
	b->has_begun = true;
	if (!is_fold(line)) {
		b->n_headers++;
		b->n_colons = 0;
		if (line.len > 12 && strncasecmp(line.ptr, "content-type", 12) == 0)
			b->type = line;
	} else if (b->type.ptr) {
		b->type.len = (size_t)(line.ptr + line.len - b->type.ptr);
	}
	b->n_header_bytes += line.len;
	for (size_t i = 0; i < line.len; i++)
		b->n_colons += line.ptr[i] == ':';
}

static void take_line(struct bounds *b, struct sv line)
{
	bool is_empty = line.len == 0 || (line.len == 1 && line.ptr[0] == '\r');
	if (b->type.ptr && !is_fold(line))
		take_type(b);
	if (may_be_boundary(b, line)) {
		b->n_parts++;
		b->in_headers = true;
		b->has_begun = false; // has_message stays: it may be one more line of the headers
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
