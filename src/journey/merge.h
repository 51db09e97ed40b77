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
// The store's own policy: a segment with fewer rows than `fifths` / 5 times all newer ones together is merged with
// them, and there are never more than MERGE_SEGMENTS_MAX when nothing is left to merge. What a segment and all newer
// ones hold grows by 1.6 with each segment towards the past (MERGE_WRITING), so their number is of the order of the
// logarithm of the rows, and so is how often a row is rewritten. For 10^9 rows sealed by 2^20: at most 10 segments, 5.6
// on average, and each row rewritten 4.1 times on average (simulated by the tests). One merge takes MERGE_RUN_MAX
// segments at most: it holds a chunk of each in memory.
struct merge_choice merge_choose(const uint64_t *rows, size_t n, unsigned fifths);
// MERGE_WRITING: while there is work. MERGE_IDLE: when there has been none for a while: then all that is newer than a
// segment is at most an eighth of it.
enum { MERGE_WRITING = 3, MERGE_IDLE = 40, MERGE_SEGMENTS_MAX = 12, MERGE_RUN_MAX = 16 };
// Nothing is sealed on top of so many segments while a thread is merging: whoever appends waits for it. So no scan meets
// more of them, unless merging fails or they were loaded in bulk.
enum { SEGMENTS_MOST = 24 };
// To get down to `target` segments with one merge: the cheapest run.
struct merge_choice merge_choose_target(const uint64_t *rows, size_t n, size_t target);

#endif
