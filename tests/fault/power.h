// SPDX-License-Identifier: Apache-2.0
// What a power failure may leave of a directory. The model is told every change in order (fault_os.h) and knows what
// fsync has made durable; of the rest each change may be there or not:
//
//  - a write after the file's last fsync is kept, dropped, or torn at sectors of 512 or 4,096 bytes;
//  - a change of a directory (create, rename, link, remove) after its last fsync is kept or dropped whole, either each
//    for itself or, as journalling file systems do, all up to some moment;
//  - files and directories are independent of each other;
//  - writes before an fsync that failed are never made durable by a later one, only by being written again.
//
// The contents of a new file are durable with its fsync, its name with that of the directory.
#ifndef CORRIDOR_TESTS_FAULT_POWER_H
#define CORRIDOR_TESTS_FAULT_POWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct power;

// Begins to record the changes below `root`, which the watched calls make; what is there already is durable.
struct power *power_record(const char *root);
// Ends the recording.
void power_stop(struct power *p);
void power_free(struct power **p);
// Number of changes that were recorded. A crash point c in 0 … n: the first c of them have happened.
size_t power_changes(const struct power *p);
// The value of the last mark before a crash point; 0: none.
uint64_t power_mark_at(const struct power *p, size_t crash);
// Does anything differ between the crash points c - 1 and c?
bool power_matters(const struct power *p, size_t crash);

enum power_luck { POWER_ALL_DROPPED, POWER_ALL_KEPT, POWER_RANDOM };
// Builds in the empty directory `to` what may be left at a crash point.
void power_build(const struct power *p, size_t crash, enum power_luck luck, uint64_t seed, const char *to);

#endif
