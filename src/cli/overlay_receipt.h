// SPDX-License-Identifier: Apache-2.0
// Receipts of erasures and links, as text and as JSON.
#ifndef CORRIDOR_CLI_OVERLAY_RECEIPT_H
#define CORRIDOR_CLI_OVERLAY_RECEIPT_H

#include "cli/internal.h"

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

// Prints what was done: `verb` as in "erased". physical: it is in the bytes of the segments, too. links: what became of
// the others of a file; NULL: there was no file.
enum rc overlay_receipt_put(struct cli *cli, const char *verb, const struct overlay_receipt *r, bool physical,
	const struct receipt_links *links, struct err *e);

#define OPTION_RECEIPT_FORMAT                                                                                  \
	{                                                                                                      \
		.name = "format", .type = OPTION_CHOICE, .value = "FORMAT", .choices = "text|json",            \
		.fallback = "text", .help = "form of the receipt"                                              \
	}

#endif
