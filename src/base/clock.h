// SPDX-License-Identifier: Apache-2.0
// Time behind a small vtable, so that tests decide what time it is.
#ifndef CORRIDOR_BASE_CLOCK_H
#define CORRIDOR_BASE_CLOCK_H

#include <stdint.h>

struct clock {
	int64_t (*now_ms)(const struct clock *self);       // Unix time in ms
	int64_t (*monotonic_ns)(const struct clock *self); // for durations
	int64_t fixed_ms;                                  // of clock_fixed
};

// Processor time that the calling thread has used, in ns: what it waited for is not in it.
int64_t clock_thread_ns(void);
// The machine's clock; static.
const struct clock *clock_system(void);
// A clock that stands at `ms` until somebody changes its fixed_ms.
struct clock clock_fixed(int64_t ms);

#endif
