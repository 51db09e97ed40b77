// SPDX-License-Identifier: Apache-2.0
// Reads an array once per pass, one share per thread, in eight independent sums: nothing but loads limits it.
#include "bandwidth.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"

#include <string.h>

#define PASSES 7
#define SUMS 8

struct share {
	const uint64_t *from;
	size_t n; // a multiple of SUMS
	uint64_t sum;
};

static enum rc read_share(void *context, uint32_t i, struct err *e)
{
	(void)e;
	struct share *s = (struct share *)context + i;
	uint64_t sum[SUMS] = {0};
	for (size_t k = 0; k < s->n; k += SUMS)
		for (size_t j = 0; j < SUMS; j++)
			sum[j] += s->from[k + j];
	for (size_t j = 0; j < SUMS; j++)
		s->sum += sum[j];
	return RC_OK;
}

enum rc bandwidth_measure(unsigned threads, size_t bytes, double *bytes_per_s, struct err *e)
{
	size_t n = bytes / sizeof(uint64_t) / threads / SUMS * SUMS;
	uint64_t *all = mem_alloc(n * threads * sizeof(*all));
	struct share *shares = mem_calloc(threads, sizeof(*shares));
	enum rc rc = all && shares ? RC_OK : err_set(e, RC_NOMEM, "out of memory for %zu bytes", bytes);
	*bytes_per_s = 0;
	if (rc == RC_OK)
		memset(all, 1, n * threads * sizeof(*all)); // pages are there before the clock runs
	const struct clock *clock = clock_system();
	for (int pass = 0; pass < PASSES && rc == RC_OK; pass++) {
		for (unsigned t = 0; t < threads; t++)
			shares[t] = (struct share){.from = all + t * n, .n = n};
		int64_t start = clock->monotonic_ns(clock);
		rc = pool_run(threads, threads, read_share, shares, e);
		double seconds = (double)(clock->monotonic_ns(clock) - start) / 1e9;
		volatile uint64_t keep = 0; // the sums are wanted, so the loads cannot be left out
		for (unsigned t = 0; t < threads; t++)
			keep += shares[t].sum;
		(void)keep;
		double speed = (double)(n * threads * sizeof(*all)) / seconds;
		if (speed > *bytes_per_s)
			*bytes_per_s = speed;
	}
	mem_free(shares);
	mem_free(all);
	return rc;
}
