// SPDX-License-Identifier: Apache-2.0
// Merging of segments that are neighbours in order of arrival.
#ifndef CORRIDOR_JOURNEY_MERGE_H
#define CORRIDOR_JOURNEY_MERGE_H

#include "journey/internal.h"

// Writes all rows and ids of the segments (in order of arrival) to w, in order. Memory: one chunk per segment.
// progress counts rows.
enum rc merge_segments(struct segment *const *segments, size_t n, struct segment_writer *w,
	struct progress *progress, struct err *e);

// Ends the rows of w and gives it all ids of a segment.
enum rc segment_ids_copy(const struct segment *s, struct segment_writer *w, struct err *e);

// Which neighbours to merge next: a run [first, first + n) of the segments with these row counts, n 0 = none.
struct merge_choice {
	size_t first, n;
};
// The store's own policy: a run of at least 4 segments of which none is larger than the others together. The sizes
// that are left then grow geometrically towards the past, so their number is of the order of the logarithm of the
// rows; a hard bound of 16 holds for the rest. Every row is rewritten about
// 1.5 log4(rows / smallest segment) times.
struct merge_choice merge_choose(const uint64_t *rows, size_t n);
// To get down to `target` segments with one merge: the cheapest run.
struct merge_choice merge_choose_target(const uint64_t *rows, size_t n, size_t target);

#endif
