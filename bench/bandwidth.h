// SPDX-License-Identifier: Apache-2.0
// The speed of memory, which no scan can beat.
#ifndef CORRIDOR_BENCH_BANDWIDTH_H
#define CORRIDOR_BENCH_BANDWIDTH_H

#include "base/err.h"

#include <stddef.h>

// Bytes per second at which `threads` threads read an array of `bytes` that no cache holds, best of several passes.
// RC_NOMEM.
enum rc bandwidth_measure(unsigned threads, size_t bytes, double *bytes_per_s, struct err *e);

#endif
