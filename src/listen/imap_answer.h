// SPDX-License-Identifier: Apache-2.0
// Answers of an IMAP server (RFC 3501, 7), as bytes become them: pure functions, since what a mail server says is not
// believed.
#ifndef CORRIDOR_LISTEN_IMAP_ANSWER_H
#define CORRIDOR_LISTEN_IMAP_ANSWER_H

#include "base/buf.h"
#include "base/err.h"

#define IMAP_LINE_BYTES_MAX ((size_t)1 << 20)

// One answer.
struct imap_answer {
	struct sv text;    // its lines without literals
	struct sv literal; // the last one; ptr NULL: there is none
};

// How far the answer that is next has been read.
struct imap_reader {
	size_t literal_bytes_max;
	struct buf text;
	size_t from, looked; // where its next line begins, and how far its end has been looked for
	size_t literal_at, literal_len;
	bool has_literal;
};

// Allocates nothing yet. literal_bytes_max: what a literal may have.
struct imap_reader imap_reader_new(size_t literal_bytes_max);
// Frees what it keeps; it is not to be used any more.
void imap_reader_free(struct imap_reader *r);
// The answer at the beginning of what was received and not used yet; until it is whole (*used 0), the next call gets the
// same bytes and more. *used: the bytes of the answer, which is valid until the next call. RC_LIMIT: a line of more than
// IMAP_LINE_BYTES_MAX, or a literal of more than literal_bytes_max; RC_NOMEM.
enum rc imap_read(struct imap_reader *r, struct sv bytes, struct imap_answer *out, size_t *used, struct err *e);

// What answers say. False: this one does not.
bool imap_says_validity(struct sv text, uint32_t *validity); // * OK [UIDVALIDITY 7]
bool imap_says_exists(struct sv text, uint32_t *n);          // * 172 EXISTS
bool imap_says_size(struct sv text, uint64_t *bytes);        // * 3 FETCH (UID 9 RFC822.SIZE 44827)
// Of the message at this place (from 1) of the folder: * 3 FETCH (UID 9).
bool imap_says_uid(struct sv text, uint32_t place, uint32_t *uid);
// The next number of an answer to a search, * SEARCH 2 84 882: *rest is the text at first. False: no more.
bool imap_says_found(struct sv *rest, uint32_t *uid);

// A name as a quoted string. RC_INPUT with the remedy: it has letters beyond ASCII, or is too long.
enum rc imap_quote(struct sv name, char out[1024], struct err *e);

#endif
