// SPDX-License-Identifier: Apache-2.0
// scan DIR [ROWS [SEGMENTS [ROUNDS]]]: what a scan costs below the analyses. Makes segments of about 20 rows a person
// in DIR (kept for the next run), then times, with the files in memory: an ordered scan of time and touch point on
// one and two threads, the same unordered, all columns, and opening one journey.
#include "base/mem.h"
#include "journey/cursor.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double cpu_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void fail(const struct err *e)
{
	fprintf(stderr, "scan: %s\n", e->message);
	exit(EXIT_FAILURE);
}

// Every SEGMENTS-th run of time: each person has rows in each segment.
static void make(const char *path, uint64_t rows, uint32_t part, uint32_t parts)
{
	struct err e = ERR_NONE;
	struct segment_writer *w;
	struct segment_info info;
	struct row *row = mem_calloc(1, sizeof *row);
	uint64_t persons = rows / 20, step = UINT64_MAX / (persons + 1);
	if (!row || segment_writer_new(NULL, path, &w, &e))
		fail(&e);
	row->due_ms = TIME_NONE;
	row->n_measures = 1;
	for (uint64_t p = 0; p < persons; p++) {
		uint64_t z = mix(p * parts + part);
		row->person = (p + 1) * step;
		row->at_ms = INT64_C(1700000000000) + (int64_t)part * 15000000000 / parts;
		for (uint32_t i = 0; i < 20 / parts; i++) {
			z = mix(z + i + 1);
			row->at_ms += (int64_t)(z % UINT64_C(600000000));
			row->received_ms = row->at_ms;
			row->code[CODE_TOUCHPOINT] = row->code[CODE_EVENT] = 1 + (uint32_t)(z >> 40) % 64;
			row->code[CODE_CHANNEL] = 1 + (uint32_t)(z >> 50) % 8;
			row->code[CODE_SOURCE] = 1;
			row->measures[0] = (struct row_measure){0, (double)(z >> 44)};
			if (segment_writer_add(w, row, &e))
				fail(&e);
		}
	}
	if (segment_writer_finish(w, &info, &e))
		fail(&e);
	segment_writer_free(&w);
	mem_free(row);
}

struct sum {
	uint64_t rows, persons, check;
};

static void *sum_new(void *context)
{
	(void)context;
	return mem_calloc(1, sizeof(struct sum));
}

static enum rc sum_add(void *context, void *state, const struct span *span, struct err *e)
{
	(void)context, (void)e;
	struct sum *s = state;
	s->rows += span->n;
	s->persons += span->n_persons;
	s->check += span->code[CODE_TOUCHPOINT] ? span->code[CODE_TOUCHPOINT][span->n - 1] : 0;
	return RC_OK;
}

static enum rc sum_merge(void *context, void *into, void *from, struct err *e)
{
	(void)context, (void)e;
	struct sum *a = into;
	const struct sum *b = from;
	a->rows += b->rows;
	a->persons += b->persons;
	a->check += b->check;
	return RC_OK;
}

static void sum_free(void *context, void *state)
{
	(void)context;
	mem_free(state);
}

static void time_scan(const char *what, const struct snapshot_segments *all, const struct scan_request *r,
	unsigned threads, int rounds)
{
	const struct kernel k = {
		.state_new = sum_new, .add = sum_add, .merge = sum_merge, .state_free = sum_free};
	struct err e = ERR_NONE;
	double best = 1e300, best_cpu = 1e300;
	uint64_t rows = 0;
	for (int i = 0; i < rounds; i++) {
		void *state;
		double start = now_ms(), cpu = cpu_ms();
		if (scan_segments(all, r, &k, threads, &state, &e))
			fail(&e);
		double ms = now_ms() - start;
		cpu = cpu_ms() - cpu;
		best_cpu = cpu < best_cpu ? cpu : best_cpu;
		best = ms < best ? ms : best;
		rows = ((struct sum *)state)->rows;
		mem_free(state);
	}
	printf("%-40s %u threads %9.2f ms, processors %9.2f ms, %6.2f ns a row\n", what, threads, best,
		best_cpu, best_cpu * 1e6 / (double)rows);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void time_journeys(const struct snapshot_segments *all, const struct scan_request *r, uint64_t persons)
{
	enum { N = 2001 };
	static double us[N];
	struct err e = ERR_NONE;
	uint64_t step = UINT64_MAX / (persons + 1), rows = 0;
	for (int i = 0; i < N; i++) {
		uint64_t person = (mix((uint64_t)i + 99) % persons + 1) * step;
		struct cursor *c;
		const struct span *span;
		double start = now_ms();
		if (cursor_open_segments(all, r, person, person, &c, &e))
			fail(&e);
		while (cursor_next(c, &span, &e) == RC_OK && span)
			rows += span->n;
		cursor_close(&c);
		us[i] = (now_ms() - start) * 1e3;
	}
	qsort(us, N, sizeof us[0], by_size);
	printf("%-40s p50 %.2f us, p99 %.2f us (%.1f rows)\n", "one journey, all hot columns", us[N / 2],
		us[N * 99 / 100], (double)rows / N);
}

int main(int argc, char **argv)
{
	uint64_t rows = argc > 2 ? strtoull(argv[2], NULL, 10) : 10000000;
	uint32_t n = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 1;
	int rounds = argc > 4 ? (int)strtol(argv[4], NULL, 10) : 5;
	struct err e = ERR_NONE;
	struct segment *items[20];
	if (argc < 2 || n == 0 || n > 20 || rows < 20)
		return EXIT_FAILURE;
	for (uint32_t i = 0; i < n; i++) {
		char path[4096];
		snprintf(path, sizeof path, "%s/%llu-%u-%u.seg", argv[1], (unsigned long long)rows, n, i);
		if (access(path, R_OK) != 0)
			make(path, rows, i, n);
		double start = now_ms();
		if (segment_open(NULL, path, &items[i], &e))
			fail(&e);
		printf("opened in %.2f ms, %.2f bytes a row\n", now_ms() - start,
			(double)items[i]->info.bytes / (double)items[i]->info.n_rows);
	}
	const struct snapshot_segments all = {.items = items, .n = n};
	struct scan_request r = {.ordered = true, .columns = {.touchpoint = true}};
	time_scan("ordered, at and touchpoint, first", &all, &r, 2, 1);
	time_scan("ordered, at and touchpoint", &all, &r, 1, rounds);
	time_scan("ordered, at and touchpoint", &all, &r, 2, rounds);
	r.ordered = false;
	time_scan("unordered, at and touchpoint", &all, &r, 1, rounds);
	time_scan("unordered, at and touchpoint", &all, &r, 2, rounds);
	r = (struct scan_request){.ordered = true,
		.columns = {.touchpoint = true,
			.channel = true,
			.event = true,
			.source = true,
			.received = true,
			.measures = 1}};
	time_scan("ordered, all columns", &all, &r, 2, rounds);
	time_journeys(&all, &r, rows / 20);
	for (uint32_t i = 0; i < n; i++)
		segment_close(&items[i]);
	return EXIT_SUCCESS;
}
