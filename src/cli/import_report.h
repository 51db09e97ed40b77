// SPDX-License-Identifier: Apache-2.0
// What became of every row of an import or a replay, for people and for programs.
#ifndef CORRIDOR_CLI_IMPORT_REPORT_H
#define CORRIDOR_CLI_IMPORT_REPORT_H

#include "cli/look.h"
#include "listen/listen.h"

// Lines per file, and a sum when there are several; files that were not read by name. The numbers add up and the text
// shows how.
void import_report_text(const struct import_report *reports, uint32_t n, bool dry_run, const struct look *look,
	struct buf *out);
// One object: files (array), not_read (their names) and total.
void import_report_json(const struct import_report *reports, uint32_t n, bool dry_run, struct buf *out);

#endif
