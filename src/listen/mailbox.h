// SPDX-License-Identifier: Apache-2.0
// A folder of mail that is looked at from time to time: attachments whose names fit are imported, and their message is
// marked as seen, or moved, when that is durable.
#ifndef CORRIDOR_LISTEN_MAILBOX_H
#define CORRIDOR_LISTEN_MAILBOX_H

#include "listen/jobs.h"

struct mailbox_config;

// Reads a mailbox file (docs/serve.md), and the password and mappings that it names. RC_INPUT with place and remedy.
enum rc mailbox_config_read(const char *path, struct mailbox_config **out, struct err *e);
void mailbox_config_free(struct mailbox_config **c);

struct mailbox;

struct mailbox_options {
	const char *
		dir; // where attachments lie while they are imported, and stay when they cannot be: made when missing
	struct jobs *jobs;
	const struct design *design; // that mappings are checked against at the start
	const struct clock *clock;   // NULL: the system's
	const struct tz *tz;         // of times in reports
};

// Starts the thread that looks; config must outlive it. A server that cannot be reached is tried again; it fails nothing here.
enum rc mailbox_open(const struct mailbox_config *config, const struct mailbox_options *options,
	struct mailbox **out, struct err *e);
// After jobs_stop. NULL is allowed.
void mailbox_close(struct mailbox **m);

#endif
