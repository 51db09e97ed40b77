// SPDX-License-Identifier: Apache-2.0
// Folders that are watched: what is put there is imported, with the mapping that lies beside it, and moved to done/ or
// failed/ with a report.
#ifndef CORRIDOR_LISTEN_DROP_H
#define CORRIDOR_LISTEN_DROP_H

#include "listen/jobs.h"

#define DROP_DIRS_MAX 16u
#define DROP_SETTLE_MS 5000

struct drop;

struct drop_options {
	const char *const *dirs;
	size_t n_dirs; // at most DROP_DIRS_MAX
	struct jobs *jobs;
	const struct clock *clock; // NULL: the system's
	const struct tz *tz;       // of times in reports
	int64_t settle_ms; // a file that was not moved in is whole when it has not changed for so long; 0: DROP_SETTLE_MS
};

// Makes done/ and failed/ in each folder and starts the thread that watches. RC_NOT_FOUND, RC_IO with the remedy: a folder
// is not there, or cannot be written to.
enum rc drop_open(const struct drop_options *options, struct drop **out, struct err *e);
// After jobs_stop: what is being imported is left where it is, for the next process. NULL is allowed.
void drop_close(struct drop **d);

// The mapping for a file that lies at `path`: NAME.yaml, then without .gz or .zst, then without the ending as well, then
// mapping.yaml of the folder; XES logs do without. In the arena. RC_NOT_FOUND with the remedy. own: it is NAME.yaml.
enum rc drop_mapping(
	const char *path, struct arena *a, struct sv *name, struct sv *text, bool *own, struct err *e);

#endif
