// SPDX-License-Identifier: Apache-2.0
// Progress of long work on standard error; draws only when that is a terminal. Thread-safe to update.
#ifndef CORRIDOR_BASE_PROGRESS_H
#define CORRIDOR_BASE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress;

// `label` is drawn in front; total in `unit`s (for example bytes of input), 0 = unknown (a counter, no bar).
// quiet = never draw. NULL when out of memory; all functions accept NULL.
struct progress *progress_new(const char *label, uint64_t total, const char *unit, bool quiet);
// Absolute amounts done so far; redraws at most ten times a second. `items` is shown beside (rows).
void progress_update(struct progress *p, uint64_t done, uint64_t items);
// Clears the line, for something else to be drawn; the next update draws it again.
void progress_clear(struct progress *p);
// Clears the line and frees.
void progress_finish(struct progress **p);

// The parts, for other output and for tests; each writes into out[size].
// A count in at most five characters: "0", "999", "1.2k", "350k", "12M".
char *progress_amount(double v, char *out, unsigned size);
// "0:07", "12:30", "1:02:03".
char *progress_duration(double seconds, char *out, unsigned size);
// One line narrower than `columns`, as drawn. Returns its length.
int progress_line(const char *label, const char *unit, uint64_t total, uint64_t done, uint64_t items,
	double elapsed_s, int columns, char *out, unsigned size);

#endif
