// SPDX-License-Identifier: Apache-2.0
// The machine's clock and one that stands still.
#include "base/clock.h"

#include <time.h>

static int64_t read_ns(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_thread_ns(void)
{
	return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

static int64_t system_now_ms(const struct clock *self)
{
	(void)self;
	return read_ns(CLOCK_REALTIME) / 1000000;
}

static int64_t system_monotonic_ns(const struct clock *self)
{
	(void)self;
	return read_ns(CLOCK_MONOTONIC);
}

static int64_t fixed_now_ms(const struct clock *self)
{
	return self->fixed_ms;
}

static int64_t fixed_monotonic_ns(const struct clock *self)
{
	return self->fixed_ms * 1000000;
}

const struct clock *clock_system(void)
{
	static const struct clock system = {.now_ms = system_now_ms, .monotonic_ns = system_monotonic_ns};
	return &system;
}

struct clock clock_fixed(int64_t ms)
{
	return (struct clock){.now_ms = fixed_now_ms, .monotonic_ns = fixed_monotonic_ns, .fixed_ms = ms};
}
