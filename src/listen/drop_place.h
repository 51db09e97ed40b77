// SPDX-License-Identifier: Apache-2.0
// Where a dropped file goes when it is over with: a name in done/ or failed/.
#ifndef CORRIDOR_LISTEN_DROP_PLACE_H
#define CORRIDOR_LISTEN_DROP_PLACE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define DROP_PATH_BYTES 4096

// The path of a file in the folder `sub`: SUB/NAME, else SUB/TIME-NAME. Nothing is there under this name, nor under it
// with .yaml behind when the file has a mapping of its own, nor with .report.json, but for the report of an earlier file of
// this name that is no longer there. A name that leaves no room for these endings is shortened in its middle; out is to be
// taken as it is. RC_IO: the folder cannot be looked at, or the path is too long.
enum rc drop_place(const char *sub, const char *name, bool has_mapping, int64_t now_ms,
	char out[DROP_PATH_BYTES], struct err *e);

#endif
