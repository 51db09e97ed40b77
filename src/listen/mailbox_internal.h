// SPDX-License-Identifier: Apache-2.0
// A mailbox file, read.
#ifndef CORRIDOR_LISTEN_MAILBOX_INTERNAL_H
#define CORRIDOR_LISTEN_MAILBOX_INTERNAL_H

#include "listen/mailbox.h"

#include "base/arena.h"

#define MAILBOX_RULES_MAX 64u

// Attachments whose name fits the pattern, and their mapping.
struct mailbox_rule {
	const char *pattern; // as of a shell, case ignored
	struct sv map_name, map_text;
};

struct mailbox_config {
	struct arena *arena;
	const char *server, *user, *password, *ca_file; // ca_file NULL: the system's authorities
	struct sv folder, move_to;                      // move_to absent: marked as seen
	bool plain;
	int64_t every_ms;
	struct mailbox_rule rules[MAILBOX_RULES_MAX];
	uint32_t n_rules;
	const char *from[MAILBOX_RULES_MAX]; // senders, as patterns; none: all
	uint32_t n_from;
};

#endif
