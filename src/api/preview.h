// SPDX-License-Identifier: Apache-2.0
// What rows would become, as JSON: of a file before it is imported, and of rows in the quarantine.
#ifndef CORRIDOR_API_PREVIEW_H
#define CORRIDOR_API_PREVIEW_H

#include "base/json.h"
#include "listen/listen.h"

struct preview {
	const struct design *design;
	const char *row_key; // what a rejected row is named by: its line, its id
	uint32_t most;       // interactions that are written, and rejects; others are only counted
	struct buf items, rejected;
	struct json items_json, rejected_json;
	uint64_t n_interactions, n_rejected;
};

// Begins one, and gives what is to be told of the rows. The preview must outlive it, and be ended.
struct preview_sink preview_begin(
	struct preview *p, const struct design *d, uint32_t most, const char *row_key);
// Adds “problems” (of the mapping: one, or none when its rc is RC_OK), “items” and “rejected” to an object. Once.
void preview_write(struct json *j, struct preview *p, const struct err *problem);
void preview_end(struct preview *p);

#endif
