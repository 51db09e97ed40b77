// SPDX-License-Identifier: Apache-2.0
// Errors are values. A function that can fail returns enum rc and fills the caller's struct err with
// what happened, where (file:line:column of the *input* if there is one) and what would put it right.
// The first error wins: setting an error that is already set keeps the first. Log once, at the boundary.
#ifndef CORRIDOR_BASE_ERR_H
#define CORRIDOR_BASE_ERR_H

#include <stdbool.h>
#include <stdint.h>

// Kinds of failure. The table in err.c gives each its name, process exit code and meaning.
enum rc {
	RC_OK = 0,
	RC_USAGE,     // the command line or a request's parameters are wrong
	RC_INPUT,     // a file or message that we were given is wrong
	RC_IO,        // the operating system refused to read or write
	RC_NOMEM,     // out of memory, or an allocation beyond the allowed cap
	RC_LIMIT,     // a documented limit was reached
	RC_CORRUPT,   // stored data fails its checksum or an invariant
	RC_VERSION,   // the data directory is of a format that we do not know
	RC_BUSY,      // another process holds the write lock
	RC_NOT_FOUND, // a named thing does not exist
	RC_EXISTS,    // a thing to be made exists already
	RC_DB,        // the relational store failed
	RC_DENIED,    // whoever asks is not known, or may not do this
	RC_CANCELLED, // the user interrupted
	RC_COUNT
};

// One error: kind, place, message, remedy. Plain value; zero-initialise with ERR_NONE.
struct err {
	enum rc rc;
	uint32_t line, column; // 1-based place in `file`; 0 = unknown
	char file[256];        // input file name; empty = no place
	char message[512];     // what is wrong, without a trailing period
	char remedy[384];      // what to do about it; may be empty
};

#define ERR_NONE ((struct err){.rc = RC_OK})

// What is fixed about a kind of failure.
struct rc_info {
	enum rc rc;
	const char *name;    // "usage", "input", …
	int exit_code;       // of the process
	const char *meaning; // one line for the manual
};

// The row of the error table for `rc`; never NULL.
const struct rc_info *rc_info(enum rc rc);

// Sets e (unless it is set already) to kind `rc` with a printf-style message. Over-long messages are cut
// at the buffer's end with an ellipsis. Returns the rc that e holds afterwards, so that callers write
// `return err_set(e, RC_IO, …)`. e may be NULL: then only rc is returned.
enum rc err_set(struct err *e, enum rc rc, const char *format, ...) __attribute__((format(printf, 3, 4)));

// err_set with the text of an errno value appended after ": ".
enum rc err_errno(struct err *e, enum rc rc, int errnum, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

// Adds the place to a set error that has none yet. file may be NULL (keep).
void err_place(struct err *e, const char *file, uint32_t line, uint32_t column);

// Adds what to do to a set error that has no remedy yet.
void err_remedy(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Copies `from` into `to` unless `to` is set already. Returns the rc that `to` holds afterwards.
enum rc err_take(struct err *to, const struct err *from);

// Writes "file:line:column: message; remedy" (parts that are missing are left out) into out[size].
// Returns out.
char *err_format(const struct err *e, char *out, unsigned size);

#endif
