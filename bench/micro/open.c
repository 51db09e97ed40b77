// SPDX-License-Identifier: Apache-2.0
// open DIR: how long a data directory takes to open, and one customer's journey after that, first and then warm.
#include "journey/internal.h"
#include "journey/segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double clock_ms(clockid_t which)
{
	struct timespec t;
	clock_gettime(which, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double journey_ms(const struct snapshot *sn, uint64_t person, uint64_t *rows)
{
	const struct scan_request r = {.ordered = true,
		.columns = {.received = true,
			.touchpoint = true,
			.channel = true,
			.event = true,
			.source = true,
			.agent = true,
			.location = true,
			.due = true,
			.promise = true,
			.keeps = true,
			.dimensions = UINT32_MAX,
			.measures = UINT64_MAX}};
	struct err e = ERR_NONE;
	struct cursor *c;
	const struct span *span;
	double start = now_ms();
	if (cursor_open(sn, &r, person, person, &c, &e)) {
		fprintf(stderr, "open: %s\n", e.message);
		exit(EXIT_FAILURE);
	}
	while (cursor_next(c, &span, &e) == RC_OK && span)
		*rows += span->n;
	cursor_close(&c);
	return now_ms() - start;
}

int main(int argc, char **argv)
{
	enum { N = 2001 };
	static double cold[N], warm[N];
	struct err e = ERR_NONE;
	struct store *s;
	struct snapshot *sn;
	const struct store_options options = {.read_only = true};
	double start = now_ms(), cpu = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
	if (argc != 2 || store_open(argv[1], &options, &s, &e) || snapshot_open(s, &sn, &e)) {
		fprintf(stderr, "open: %s\n", argc == 2 ? e.message : "one data directory");
		return EXIT_FAILURE;
	}
	printf("opened in %.2f ms, %.2f ms of them on the processor\n", now_ms() - start,
		clock_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu);
	const struct snapshot_segments *all = snapshot_segments(sn);
	uint64_t rows = 0;
	for (uint32_t i = 0; i < N && all->n > 0; i++) {
		const struct segment *g = all->items[i % all->n];
		uint64_t person = g->chunks[i / all->n * 7919 % g->info.n_chunks].first_person;
		cold[i] = journey_ms(sn, person, &rows);
		warm[i] = journey_ms(sn, person, &rows);
	}
	qsort(cold, N, sizeof cold[0], by_size);
	qsort(warm, N, sizeof warm[0], by_size);
	printf("a journey, all hot columns: first p50 %.1f us, p99 %.1f us; again p50 %.1f us, p99 %.1f us "
	       "(%.0f rows)\n",
		cold[N / 2] * 1e3, cold[N * 99 / 100] * 1e3, warm[N / 2] * 1e3, warm[N * 99 / 100] * 1e3,
		(double)rows / (2.0 * N));
	snapshot_close(&sn);
	store_close(&s);
	return EXIT_SUCCESS;
}
