// SPDX-License-Identifier: Apache-2.0
// The import from end to end on a store of its own: sums, duplicates, all formats and numbers of threads, limits,
// interruption, and processes killed at random moments.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "import_support.h"

#include <pthread.h>
#include <sys/wait.h>
#include <time.h>
#include <zlib.h>

static void put_rows(struct work *w, const char *name, unsigned n)
{
	FILE *f = work_file(w, name);
	fprintf(f, "id,user,at,kind,score,agent\n");
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "%u,u%u,2026-03-%02uT10:00:%02u,%s,%u,\n", i, i % 97, 1 + i % 28, i % 60,
			i % 10 == 9 ? "skip" : "call", i % 11);
	fclose(f);
}

static void test_sums(void **state)
{
	struct work *w = *state;
	struct import_report r;
	FILE *f = work_file(w, "in.csv");
	fprintf(f, "Report of \"March\n\nid,user,at,kind,score,agent\n");
	fprintf(f, "1,ann,2026-03-01T10:00:00,call,9,x\n");      // one
	fprintf(f, "2,ann,2026-03-01T11:00:00,both,8,x\n");      // two
	fprintf(f, "\n3,bob,2026-03-02T11:00:00,skip,8,x\n");    // none
	fprintf(f, "4,bob,yesterday,call,8,x\n");                // no time
	fprintf(f, "5,bob,2026-03-02T11:00:00,call,8,x,more\n"); // long
	fprintf(f, "6,bob,2026-03-02T11:00:00,call,,,,\n");      // long, but empty
	fprintf(f, "7,bob,2026-03-02T11:00:00,call\n");          // short
	fprintf(f, "1,ann,2026-03-01T10:00:00,call,9,x\n");      // the first again
	fprintf(f, "8,bob,today,call,8,x\n");                    // no time
	fprintf(f, "9,bob,2026-03-29T02:30:00,call,1,\xff\n");   // not UTF-8
	fprintf(f, "10,bob,2026-03-29T02:30:00,call,1,\n");      // skipped hour in Berlin
	fprintf(f, "11,bob,2026-10-25T02:30:00,other,1,\n");     // ambiguous, and no touch point
	fprintf(f, "12,bob,2026-03-01T10:00:00,call,1,\"open\n");
	fclose(f);
	struct store *s = work_store(w);
	import_one_file(w, s, "in.csv", NULL, RC_OK, &r);
	assert_int_equal(r.n_skipped_lines, 1);
	assert_string_equal(r.skipped_sample, "Report of \"March");
	assert_int_equal(r.n_rows, 13);
	assert_int_equal(r.n_mapped_rows, 7);
	assert_int_equal(r.n_empty_rows, 1);
	assert_int_equal(r.n_quarantined, 5);
	assert_int_equal(r.n_interactions, 7);
	assert_int_equal(r.n_duplicates, 1);
	assert_int_equal(r.n_skipped_times, 1);
	assert_int_equal(r.n_ambiguous_times, 1);
	assert_int_equal(r.n_unmatched, 1);
	assert_int_equal(r.bytes, work_size(w, "in.csv"));
	assert_int_equal(r.n_reasons, 4);
	assert_int_equal(r.reasons[0].n, 2);
	assert_int_equal(r.reasons[0].first_line, 8);
	assert_non_null(strstr(r.reasons[0].reason, "is no time"));
	assert_null(strstr(r.reasons[0].reason, "yesterday"));
	assert_int_equal(work_count(s), 7);
	assert_int_equal(work_quarantined(s), 5);
	// Again: nothing new, the quarantine does not grow.
	import_one_file(w, s, "in.csv", NULL, RC_OK, &r);
	assert_int_equal(r.n_interactions, 0);
	assert_int_equal(r.n_duplicates, 8);
	assert_int_equal(r.n_quarantined, 5);
	assert_int_equal(r.n_unmatched, 0);
	assert_int_equal(work_count(s), 7);
	assert_int_equal(work_quarantined(s), 5);
	// Under another name it is the same file.
	work_copy(w, "in.csv", "other.csv");
	import_one_file(w, s, "other.csv", NULL, RC_OK, &r);
	assert_int_equal(r.n_interactions, 0);
	assert_int_equal(work_quarantined(s), 5);
	assert_int_equal(work_i64(s, "SELECT count(*) FROM import WHERE finished = 1"), 3);
	assert_int_equal(work_i64(s, "SELECT sum(n_interactions) FROM import"), 7);
	store_close(&s);
}

static void test_dry_run(void **state)
{
	struct work *w = *state;
	struct import_report r;
	struct import_options o = work_options(w);
	put_rows(w, "in.csv", 1000);
	struct store *s = work_store(w);
	o.dry_run = true;
	import_one_file(w, s, "in.csv", &o, RC_OK, &r);
	assert_int_equal(r.n_rows, 1000);
	assert_int_equal(r.n_interactions, 900);
	assert_int_equal(r.n_empty_rows, 100);
	assert_int_equal(work_count(s), 0);
	store_close(&s);
}

// Several blocks, gzip, 1 to 3 mappers: the same sums and the same order.
static void test_large(void **state)
{
	struct work *w = *state;
	struct import_report r;
	const unsigned n = 100000;
	put_rows(w, "in.csv", n);
	work_gzip(w, "in.csv", "in.csv.gz");
	for (unsigned threads = 1; threads <= 3; threads++) {
		struct import_options o = work_options(w);
		struct store *s = work_store(w);
		o.threads = threads;
		import_one_file(w, s, threads == 2 ? "in.csv.gz" : "in.csv", &o, RC_OK, &r);
		assert_int_equal(r.n_rows, n);
		assert_int_equal(r.n_interactions, n / 10 * 9);
		assert_int_equal(r.n_empty_rows, n / 10);
		assert_int_equal(r.n_quarantined, 0);
		assert_int_equal(work_count(s), n / 10 * 9);
		import_one_file(w, s, "in.csv", &o, RC_OK, &r);
		assert_int_equal(r.n_interactions, 0);
		assert_int_equal(r.n_duplicates, n / 10 * 9);
		store_close(&s);
		work_clear(w);
	}
}

// An interaction that breaks a limit of the store takes its whole row with it, and no other row.
static void test_all_or_nothing(void **state)
{
	struct work *w = *state;
	struct import_report r;
	FILE *f = work_file(w, "in.csv");
	fprintf(f, "id,user,at,kind,score,agent\n");
	for (int i = 0; i < 3000; i++)
		fprintf(f, "%d,u,2026-03-01T10:00:00,both,5,%0*d\n", i, i % 3 == 2 ? 600 : 3, i % 5);
	fclose(f);
	struct store *s = work_store(w);
	import_one_file(w, s, "in.csv", NULL, RC_OK, &r);
	assert_int_equal(r.n_rows, 3000);
	assert_int_equal(r.n_mapped_rows, 2000);
	assert_int_equal(r.n_quarantined, 1000);
	assert_int_equal(r.n_interactions, 4000);
	assert_int_equal(r.n_reasons, 1);
	assert_int_equal(r.reasons[0].first_line, 4);
	assert_int_equal(work_count(s), 4000);
	store_close(&s);
}

static void test_ndjson(void **state)
{
	struct work *w = *state;
	struct import_report r;
	struct import_options o = work_options(w);
	FILE *f = work_file(w, "in.ndjson");
	fprintf(f, "{\"id\":1,\"user\":\"ann\",\"at\":\"2026-03-01T10:00:00Z\",\"kind\":\"call\"}\n\n");
	fprintf(f, "{\"id\":2,\"user\":\"ann\",\"at\":\"2026-03-01T10:00:00Z\",\"kind\":}\n");
	fprintf(f, "[1,2]\n");
	fprintf(f, "{\"id\":3,\"user\":\"ann\",\"at\":\"2026-03-01T10:00:00Z\",\"kind\":\"skip\"}\r\n");
	fprintf(f, "{\"id\":4,\"user\":\"b\xc3\xb6\",\"at\":\"2026-03-01T10:00:00Z\",\"kind\":\"call\"}");
	fclose(f);
	o.map_text = sv_from(map_ndjson);
	struct store *s = work_store(w);
	import_one_file(w, s, "in.ndjson", &o, RC_OK, &r);
	assert_int_equal(r.n_rows, 5);
	assert_int_equal(r.n_mapped_rows, 2);
	assert_int_equal(r.n_empty_rows, 1);
	assert_int_equal(r.n_quarantined, 2);
	assert_int_equal(work_count(s), 2);
	import_one_file(w, s, "in.ndjson", &o, RC_OK, &r);
	assert_int_equal(r.n_interactions, 0);
	assert_int_equal(work_quarantined(s), 2);
	store_close(&s);
}

static void test_limits(void **state)
{
	struct work *w = *state;
	struct import_report r;
	struct import_options o = work_options(w);
	FILE *f = work_file(w, "in.csv");
	fprintf(f, "id,user,at,kind,score,agent\n");
	for (int i = 0; i < 50; i++)
		fprintf(f, "%d,u,%s,call,5,\n", i, i % 2 ? "never" : "2026-03-01T10:00:00");
	fclose(f);
	struct store *s = work_store(w);
	o.max_quarantined = 10;
	import_one_file(w, s, "in.csv", &o, RC_LIMIT, &r);
	assert_int_equal(r.n_quarantined, 25);
	assert_int_equal(work_count(s), 25); // what was acknowledged stays
	store_close(&s);
}

static void test_unreadable(void **state)
{
	struct work *w = *state;
	struct import_report r[3];
	struct import_options o = work_options(w);
	struct err e = ERR_NONE;
	put_rows(w, "a.csv", 20000);
	work_gzip(w, "a.csv", "a.csv.gz");
	char a[300], b[300], c[300];
	const char *paths[] = {work_path(w, "a.csv", a), work_path(w, "b.csv", b), work_path(w, "a.csv.gz", c)};
	struct store *s = work_store(w);
	// The first file is in, the second is not there.
	assert_int_equal(import_files(s, &o, paths, 3, r, &e), RC_NOT_FOUND);
	assert_int_equal(r[0].n_interactions, 18000);
	assert_int_equal(r[1].n_rows, 0);
	assert_true(r[0].was_read && r[0].is_whole);
	assert_false(r[1].was_read || r[2].was_read);
	assert_string_equal(r[2].file, c);
	assert_non_null(strstr(e.remedy, "a file that is there"));
	assert_int_equal(work_count(s), 18000);
	store_close(&s);
	work_clear(w);
	// A truncated file is refused whole, since it is checked before its first row is taken.
	assert_int_equal(truncate(c, (off_t)work_size(w, "a.csv.gz") / 2), 0);
	s = work_store(w);
	e = import_one_file(w, s, "a.csv.gz", NULL, RC_INPUT, r);
	assert_non_null(strstr(e.remedy, "nothing of it was taken"));
	assert_int_equal(r->n_rows, 0);
	assert_int_equal(work_count(s), 0);
	// A column is missing: the message says which and where.
	FILE *f = work_file(w, "d.csv");
	fprintf(f, "junk\nid,user,when,kind,score,agent\n1,2,3,4,5,6\n");
	fclose(f);
	e = import_one_file(w, s, "d.csv", NULL, RC_INPUT, r);
	assert_non_null(strstr(e.message, "\"at\""));
	assert_non_null(strstr(e.message, "d.csv, header in line 2"));
	store_close(&s);
}

// Zeroes in the middle of a packed file: what comes after them is garbage that looks like rows, until the end tells.
static void test_damaged(void **state)
{
	struct work *w = *state;
	struct import_report r;
	struct import_options o = work_options(w);
	char path[300];
	put_rows(w, "a.csv", 100000);
	work_gzip(w, "a.csv", "a.csv.gz");
	long middle = (long)work_size(w, "a.csv.gz") / 2;
	FILE *f = fopen(work_path(w, "a.csv.gz", path), "r+b");
	assert_non_null(f);
	assert_int_equal(fseek(f, middle, SEEK_SET), 0);
	assert_int_equal(fwrite("\0\0\0\0\0\0\0", 1, 7, f), 7);
	fclose(f);
	struct store *s = work_store(w);
	for (int dry = 0; dry < 2; dry++) {
		o.dry_run = dry;
		struct err e = import_one_file(w, s, "a.csv.gz", &o, RC_INPUT, &r);
		assert_non_null(strstr(e.message, "a.csv.gz is damaged at or before offset "));
		assert_non_null(strstr(e.remedy, "nothing of it was taken"));
		assert_false(r.was_read);
		assert_int_equal(r.n_rows, 0);
	}
	assert_int_equal(work_count(s), 0);
	import_one_file(w, s, "a.csv", NULL, RC_OK, &r);
	assert_int_equal(work_quarantined(s), 0);
	assert_int_equal(work_i64(s, "SELECT count(*) FROM import"), 1);
	store_close(&s);
}

// Reasons add up to what was rejected, however many kinds of them there are; values make no kind.
static void test_reasons(void **state)
{
	struct work *w = *state;
	struct import_report r;
	struct tally *t = tally_new();
	char reason[100];
	uint64_t n = 0;
	FILE *f = work_file(w, "in.csv");
	fprintf(f, "id,user,at,kind,score,agent\n");
	for (int i = 0; i < 30; i++)
		fprintf(f, "%d,ann,9%03d-12-31T10:00:00,call,9,x\n", i, i);
	fclose(f);
	struct store *s = work_store(w);
	import_one_file(w, s, "in.csv", NULL, RC_OK, &r);
	assert_int_equal(r.n_quarantined, 30);
	assert_int_equal(r.n_reasons, 1);
	assert_int_equal(r.reasons[0].n, 30);
	assert_string_equal(r.reasons[0].reason, "at is outside the years 1900 to 2199");
	assert_int_equal(work_i64(s, "SELECT count(DISTINCT kind) FROM quarantine"), 1);
	assert_int_equal(work_i64(s, "SELECT count(DISTINCT reason) FROM quarantine"), 30);
	store_close(&s);
	// As many kinds as there is room for are told each; with more, those that are left as one.
	for (uint32_t kinds = 1; kinds <= 1500; kinds += kinds < 14 ? 1 : 743) {
		tally_free(&t);
		t = tally_new();
		assert_non_null(t);
		for (uint32_t i = 0; i < kinds; i++)
			for (uint32_t k = 0; k <= kinds - i && k < 20; k++) {
				snprintf(reason, sizeof(reason), "kind %u: %u", i, k);
				tally_add(t, sv_from(reason), 1000 - i % 1000);
			}
		tally_report(t, &r);
		n = 0;
		uint64_t all = 0;
		for (uint32_t i = 0; i < kinds; i++)
			all += kinds - i + 1 < 20 ? kinds - i + 1 : 20;
		for (uint32_t i = 0; i < r.n_reasons; i++)
			n += r.reasons[i].n;
		assert_int_equal(n, all);
		assert_int_equal(r.n_reasons, kinds < IMPORT_REASONS_MAX ? kinds : IMPORT_REASONS_MAX);
		assert_int_equal(strcmp(r.reasons[r.n_reasons - 1].reason, IMPORT_REASON_OTHER) == 0,
			kinds > IMPORT_REASONS_MAX);
		if (kinds == IMPORT_REASONS_MAX + 1)
			assert_int_equal(r.reasons[r.n_reasons - 1].first_line, 1000 - IMPORT_REASONS_MAX);
	}
	tally_free(&t);
}

// A clock that interrupts the import when the writer (the test's own thread) looks at it to commit for the first time.
struct interrupting_clock {
	struct clock clock;
	volatile sig_atomic_t cancel;
	pthread_t writer;
	int calls;
};

static int64_t interrupting_now(const struct clock *self)
{
	struct interrupting_clock *c = (struct interrupting_clock *)(uintptr_t)self;
	if (pthread_equal(c->writer, pthread_self()) && ++c->calls == 2)
		c->cancel = 1;
	return 1800000000000;
}

static void test_cancel(void **state)
{
	struct work *w = *state;
	struct import_report r;
	struct import_options o = work_options(w);
	struct interrupting_clock clock = {.clock = *clock_system(), .writer = pthread_self()};
	clock.clock.now_ms = interrupting_now;
	put_rows(w, "in.csv", 400000);
	struct store *s = work_store(w);
	o.threads = 1;
	o.clock = &clock.clock;
	o.cancel = &clock.cancel;
	import_one_file(w, s, "in.csv", &o, RC_CANCELLED, &r);
	assert_true(r.n_rows > 0 && r.n_rows < 400000);
	assert_int_equal(work_count(s), r.n_interactions);
	uint64_t first = r.n_interactions;
	o = work_options(w);
	import_one_file(w, s, "in.csv", &o, RC_OK, &r);
	assert_int_equal(r.n_duplicates, first);
	assert_int_equal(work_count(s), 360000);
	store_close(&s);
}

static void kill_after(struct work *w, const char *path, long ns)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct import_options o = work_options(w);
		struct import_report r;
		struct err e = ERR_NONE;
		struct store *s = work_store(w);
		_exit(import_files(s, &o, &path, 1, &r, &e) == RC_OK ? 0 : 1);
	}
	struct timespec t = {0, ns};
	nanosleep(&t, NULL);
	kill(pid, SIGKILL);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
}

// Killed at random moments, the import is simply run again: every row is there exactly once, stored or quarantined.
static void test_kill(void **state)
{
	struct work *w = *state;
	struct import_report r;
	char path[300];
	const unsigned n = 60000;
	FILE *f = work_file(w, "in.csv");
	fprintf(f, "id,user,at,kind,score,agent\n");
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "%u,u%u,%s,call,%u,\n", i, i % 997, i % 100 ? "2026-03-01T10:00:00" : "never",
			i % 11);
	fclose(f);
	work_path(w, "in.csv", path);
	uint64_t seed = 12345;
	for (int round = 0; round < 20; round++) {
		if (round % 5 == 0)
			work_clear(w);
		struct store *s = work_store(w);
		store_close(&s);
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		kill_after(w, path, (long)((seed >> 33) % 200) * 1000000);
		if (round % 5 < 3)
			continue; // kill it again over what is there
		s = work_store(w);
		import_one_file(w, s, "in.csv", NULL, RC_OK, &r);
		assert_int_equal(r.n_rows, n);
		assert_int_equal(work_count(s), n - n / 100);
		assert_int_equal(work_quarantined(s), n / 100);
		store_close(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sums, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_dry_run, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_large, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_all_or_nothing, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_ndjson, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_limits, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_unreadable, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_damaged, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_reasons, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_cancel, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_kill, work_open, work_close),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
