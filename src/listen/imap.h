// SPDX-License-Identifier: Apache-2.0
// As much of IMAP (RFC 3501, RFC 6851) as taking attachments from a folder needs. libcurl connects, checks the server's
// certificate and signs in; the few commands are ours, because libcurl's own way of reading a message marks it as seen.
#ifndef CORRIDOR_LISTEN_IMAP_H
#define CORRIDOR_LISTEN_IMAP_H

#include "base/buf.h"
#include "base/err.h"

#include <stdatomic.h>

struct imap;

struct imap_options {
	const char *url; // imaps://host, imaps://host:port, imap://host (STARTTLS)
	const char *user, *password;
	const char *ca_file; // PEM; NULL: those that the system trusts
	bool plain;          // imap:// without TLS
	size_t message_bytes_max;
	const atomic_bool *stop; // when it becomes true, waiting ends with RC_CANCELLED
};

// RC_NOT_FOUND with the remedy: libcurl is not installed.
enum rc imap_available(struct err *e);
// Connects and signs in. RC_DENIED: user or password; RC_IO: the server cannot be reached, or is not who it should be.
enum rc imap_open(const struct imap_options *o, struct imap **out, struct err *e);
// NULL is allowed.
void imap_close(struct imap **i);
// Opens a folder. RC_NOT_FOUND: there is none of that name. *validity: numbers of messages mean the same as long as it is the same.
enum rc imap_select(struct imap *i, struct sv folder, uint32_t *validity, struct err *e);
// The numbers (UIDs) above `after` of messages that are not marked as seen, ascending, the first `max` of them.
enum rc imap_unseen(struct imap *i, uint32_t after, uint32_t *uids, uint32_t max, uint32_t *n, struct err *e);
// A whole message, which is not marked by that. RC_LIMIT: it is larger than message_bytes_max. RC_NOT_FOUND: it is gone.
enum rc imap_fetch(struct imap *i, uint32_t uid, struct buf *out, struct err *e);
// Marks it as seen; flagged as well when somebody should look at it.
enum rc imap_mark(struct imap *i, uint32_t uid, bool flagged, struct err *e);
// Moves it to another folder.
enum rc imap_move(struct imap *i, uint32_t uid, struct sv folder, struct err *e);

#endif
