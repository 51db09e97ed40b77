// SPDX-License-Identifier: Apache-2.0
// Receipts of erasures and links, as text and as JSON.
#ifndef CORRIDOR_CLI_OVERLAY_RECEIPT_H
#define CORRIDOR_CLI_OVERLAY_RECEIPT_H

#include "cli/internal.h"
#include "listen/listen.h"

// A line of a file of links that was not made.
struct left_out {
	uint32_t line;
	struct sv reason;
};

struct receipt_links {
	uint32_t n_known; // were made before
	const struct left_out *left_out;
	uint32_t n_left_out;
};

// What a receipt tells beside the interactions; NULL where there is nothing to tell.
struct receipt_more {
	const struct receipt_links *links;         // the others of a file
	const struct quarantine_named *quarantine; // rows that name erased persons
};

// Prints what was done: `verb` as in "erased". physical: it is in the bytes of the segments, too.
enum rc overlay_receipt_put(struct cli *cli, const char *verb, const struct overlay_receipt *r, bool physical,
	const struct receipt_more *more, struct err *e);

#define OPTION_RECEIPT_FORMAT                                                                                  \
	{                                                                                                      \
		.name = "format", .type = OPTION_CHOICE, .value = "FORMAT", .choices = "text|json",            \
		.fallback = "text", .help = "form of the receipt"                                              \
	}

#endif
