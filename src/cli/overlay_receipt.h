// SPDX-License-Identifier: Apache-2.0
// Receipts of erasures and links, as text and as JSON.
#ifndef CORRIDOR_CLI_OVERLAY_RECEIPT_H
#define CORRIDOR_CLI_OVERLAY_RECEIPT_H

#include "cli/internal.h"

// Prints what was done: `verb` as in "erased". physical: it is in the bytes of the segments, too.
enum rc overlay_receipt_put(
	struct cli *cli, const char *verb, const struct overlay_receipt *r, bool physical, struct err *e);

#define OPTION_RECEIPT_FORMAT                                                                                  \
	{                                                                                                      \
		.name = "format", .type = OPTION_CHOICE, .value = "FORMAT", .choices = "text|json",            \
		.fallback = "text", .help = "form of the receipt"                                              \
	}

#endif
