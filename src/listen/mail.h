// SPDX-License-Identifier: Apache-2.0
// The attachments of a mail message (RFC 5322, MIME), by GMime.
#ifndef CORRIDOR_LISTEN_MAIL_H
#define CORRIDOR_LISTEN_MAIL_H

#include "base/err.h"
#include "base/sv.h"

#define MAIL_NAME_BYTES_MAX 200

struct mail_sink {
	void *context;
	// The sender's address, once, before the parts. False: the message is not wanted.
	bool (*from)(void *context, struct sv address);
	// A part with a file name (UTF-8, not yet checked to be a good one): its bytes, decoded.
	enum rc (*part)(void *context, struct sv name, struct sv bytes, struct err *e);
};

// RC_NOT_FOUND with the remedy: GMime is not installed. Before the first mail_read.
enum rc mail_available(struct err *e);
// Takes a message apart. RC_INPUT: it is none; RC_LIMIT: mail_bounds; otherwise errors of the sink.
enum rc mail_read(struct sv message, const struct mail_sink *sink, struct err *e);

// RC_LIMIT: it has more parts or headers than is good for whoever takes it apart. (mail_bounds.c)
enum rc mail_bounds(struct sv message, struct err *e);
// The name of a part as that of a file: without folders. False: it cannot be one.
bool mail_file_name(struct sv given, char out[MAIL_NAME_BYTES_MAX + 1]);

#endif
