// SPDX-License-Identifier: Apache-2.0
// A writer is killed at random moments of appending, sealing and merging. Everything that it had been told was stored
// is there exactly once, what it had not been told is there whole or not at all, and the directory verifies.
#include "store_kit.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { KILLS = 50, BATCH = 150 };

// Shared with the child: batch i holds the numbers i × BATCH … (i + 1) × BATCH − 1.
struct progress_page {
	_Atomic uint32_t acknowledged; // batches
	_Atomic bool failed;
};

static void write_until_killed(const struct kit *k, struct progress_page *page)
{
	struct err e = ERR_NONE;
	const struct store_options options = {.seal_rows = 700, .compact_in_background = true};
	struct store *s;
	enum rc rc = store_open(k->dir, &options, &s, &e);
	uint32_t first = page->acknowledged;
	for (uint32_t i = first; rc == RC_OK && i < first + 4000; i++) {
		struct batch *b = kit_range(k->design, i * BATCH, BATCH);
		struct append_result r;
		rc = store_append(s, &b, 1, &r, NULL, NULL, &e);
		// The very first batch may have been stored by the one that was killed.
		if (rc == RC_OK && (r.n_added != BATCH && (r.n_added != 0 || i != first)))
			break;
		if (rc == RC_OK)
			page->acknowledged = i + 1;
		batch_free(&b);
		if (rc == RC_OK && i % 9 == 8)
			rc = store_seal(s, &e);
	}
	page->failed = true;
	_exit(1);
}

// Every id that is stored, counted.
static void count_numbers(struct store *s, uint8_t *times, uint32_t n)
{
	struct err e = ERR_NONE;
	struct snapshot *sn;
	kit_ok(snapshot_open(s, &sn, &e), &e);
	struct segment *all = kit_merge(sn);
	struct segment_rows *rows;
	const struct row *row;
	kit_ok(segment_rows_open(all, &rows, &e), &e);
	for (;;) {
		kit_ok(segment_rows_next(rows, &row, &e), &e);
		if (!row)
			break;
		int64_t number = -1;
		struct sv id = row->cold[COLD_ID], text = row->cold[COLD_TEXT]; // "m-17", or "text of 17"
		struct sv digits =
			id.ptr ? (struct sv){id.ptr + 2, id.len - 2} : (struct sv){text.ptr + 8, text.len - 8};
		assert_true(sv_to_i64(digits, &number));
		assert_true(number >= 0 && number < n);
		kit_check_row(snapshot_names(sn), row, (uint32_t)number);
		kit_check_resolved(snapshot_names(sn), row, (uint32_t)number);
		times[number]++;
	}
	segment_rows_close(&rows);
	segment_close(&all);
	snapshot_close(&sn);
}

static void check(struct kit *k, uint32_t acknowledged)
{
	const struct store_options reading = {.read_only = true};
	uint32_t n = (acknowledged + 2) * BATCH;
	uint8_t *times = mem_calloc(n, 1);
	kit_verify(k->dir);
	struct store *s = kit_open(k, &reading, true);
	count_numbers(s, times, n);
	store_close(&s);
	for (uint32_t i = 0; i < acknowledged * BATCH; i++)
		assert_int_equal(times[i], 1);
	for (uint32_t i = acknowledged * BATCH; i < n; i++)
		assert_int_equal(times[i], i < (acknowledged + 1) * BATCH ? times[acknowledged * BATCH] : 0);
	mem_free(times);
}

static void killed_writers_lose_nothing(void **state)
{
	struct kit *k = *state;
	struct progress_page *page =
		mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(page != MAP_FAILED);
	const char *wanted = getenv("CORRIDOR_TEST_KILLS");
	int kills = wanted ? (int)strtol(wanted, NULL, 10) : KILLS;
	uint64_t random = (uint64_t)getpid();
	for (int i = 0; i < kills; i++) {
		// Now and then from the start, so that checking stays cheap and openings are hit as well.
		if (page->acknowledged > 120) {
			kit_create(k);
			page->acknowledged = 0;
		}
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			write_until_killed(k, page);
		random = kit_mix(random + 1);
		usleep((useconds_t)(random % 60000));
		kill(child, SIGKILL);
		int status;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_false(page->failed);
		assert_true(WIFSIGNALED(status));
		check(k, page->acknowledged);
	}
	munmap(page, sizeof(*page));
}

int main(void)
{
	kit_ids_always = true;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(killed_writers_lose_nothing, kit_setup, kit_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
