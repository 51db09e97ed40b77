// SPDX-License-Identifier: Apache-2.0
// What verify --repair says.
#ifndef CORRIDOR_CLI_REPAIR_REPORT_H
#define CORRIDOR_CLI_REPAIR_REPORT_H

#include "cli/internal.h"

// Repairs the data directory and prints what was set aside, saved and lost, as text or (--format json) with all
// persons.
enum rc repair_run(struct cli *cli, const char *dir, struct err *e);

#endif
