// SPDX-License-Identifier: Apache-2.0
// The store against a slow model: each interaction once, in order, through every cycle of append, seal, compact and
// reopen; snapshots that stay as they are; who may open what.
#include "store_kit.h"

#include <sys/stat.h>
#include <sys/wait.h>

static uint64_t next(uint64_t *random)
{
	*random += UINT64_C(0x9e3779b97f4a7c15);
	return kit_mix(*random);
}

static void some(struct kit *k, struct store *s, uint64_t *random, uint32_t range)
{
	uint32_t numbers[300];
	uint32_t n = 1 + (uint32_t)(next(random) % 300);
	for (uint32_t i = 0; i < n; i++)
		numbers[i] = (uint32_t)(next(random) % range);
	kit_append(k, s, numbers, n);
}

static void one_cycle(struct kit *k, uint64_t seed, bool foreground)
{
	struct err e = ERR_NONE;
	const struct store_options options = {.seal_rows = 400, .compact_in_background = !foreground};
	uint64_t random = seed;
	kit_create(k);
	struct store *s = kit_open(k, &options, foreground);
	for (int step = 0; step < 40; step++) {
		switch (next(&random) % 12) {
		case 0:
			kit_ok(store_seal(s, &e), &e);
			break;
		case 1:
			kit_ok(store_compact(s, 0, NULL, &e), &e);
			break;
		case 2:
			kit_ok(store_compact(s, 1 + (uint32_t)(next(&random) % 3), NULL, &e), &e);
			break;
		case 3:
			store_close(&s);
			s = kit_open(k, &options, foreground);
			break;
		case 4:
			kit_check(k, s);
			break;
		default:
			some(k, s, &random, 6000);
		}
	}
	kit_check(k, s);
	store_close(&s);
	kit_verify(k->dir);
}

static void random_cycles_agree_with_the_model(void **state)
{
	for (uint64_t seed = 1; seed <= 6; seed++)
		one_cycle(*state, seed, seed % 2 == 0);
}

static void several_batches_one_commit(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct store *s = kit_open(k, NULL, true);
	// The second batch repeats half of the first; the third is all known.
	struct batch *b[3] = {
		kit_range(k->design, 0, 100), kit_range(k->design, 50, 100), kit_range(k->design, 20, 30)};
	struct append_result r[3];
	kit_ok(store_append(s, b, 3, r, NULL, NULL, &e), &e);
	assert_int_equal(r[0].n_added, 100);
	assert_int_equal(r[1].n_added, 50);
	assert_int_equal(r[1].n_duplicates, 50);
	assert_int_equal(r[2].n_added, 0);
	assert_true(r[1].duplicate_bits[0] == (UINT64_C(1) << 50) - 1);
	for (uint32_t i = 0; i < 150; i++)
		kit_push(k, i);
	kit_check(k, s);
	for (int i = 0; i < 3; i++)
		batch_free(&b[i]);
	store_close(&s);
	s = kit_open(k, NULL, true);
	kit_append_range(k, s, 0, 200);
	kit_check(k, s);
	store_close(&s);
}

struct also_context {
	bool fail;
	uint32_t n_added;
};

static enum rc also(void *context, struct db *db, const struct append_result *results, struct err *e)
{
	struct also_context *c = context;
	c->n_added = results[0].n_added;
	enum rc rc = db_exec(db, "CREATE TABLE IF NOT EXISTS mark(x); INSERT INTO mark VALUES(1)", e);
	return rc == RC_OK && c->fail ? err_set(e, RC_INPUT, "refused") : rc;
}

static void a_failed_callback_undoes_everything(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE, refused = ERR_NONE, missing = ERR_NONE;
	struct store *s = kit_open(k, NULL, true);
	struct batch *b = kit_range(k->design, 0, 100);
	struct append_result r;
	struct also_context c = {.fail = true};
	assert_int_equal(store_append(s, &b, 1, &r, also, &c, &refused), RC_INPUT);
	assert_int_equal(c.n_added, 100);
	assert_int_not_equal(db_exec(store_db(s), "SELECT * FROM mark", &missing), RC_OK);
	kit_check(k, s);
	c.fail = false;
	kit_ok(store_append(s, &b, 1, &r, also, &c, &e), &e);
	assert_int_equal(r.n_added, 100);
	kit_ok(db_exec(store_db(s), "SELECT * FROM mark", &e), &e);
	for (uint32_t i = 0; i < 100; i++)
		kit_push(k, i);
	kit_check(k, s);
	batch_free(&b);
	store_close(&s);
	kit_verify(k->dir);
}

static void snapshots_stay_as_they_are(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	const struct store_options options = {.seal_rows = 1000};
	struct store *s = kit_open(k, &options, true);
	struct snapshot *sn[6];
	size_t n[6];
	for (uint32_t i = 0; i < 6; i++) {
		kit_append_range(k, s, i * 300, 300);
		if (i == 3)
			kit_ok(store_compact(s, 1, NULL, &e), &e);
		if (i == 4)
			kit_ok(store_seal(s, &e), &e);
		kit_ok(snapshot_open(s, &sn[i], &e), &e);
		n[i] = k->n_model;
	}
	kit_ok(store_seal(s, &e), &e);
	kit_ok(store_compact(s, 1, NULL, &e), &e);
	for (uint32_t i = 0; i < 6; i++) {
		kit_check_snapshot(k, sn[i], n[i], kit_check_resolved);
		snapshot_close(&sn[i]);
	}
	struct snapshot *last;
	struct snapshot_stats stats;
	kit_ok(snapshot_open(s, &last, &e), &e);
	snapshot_stats(last, &stats);
	assert_int_equal(stats.n_segments, 1);
	assert_int_equal(stats.n_in_inbox, 0);
	assert_true(stats.first_ms >= 1700000000000 && stats.last_ms < 1700000000000 + 50000);
	snapshot_close(&last);
	store_close(&s);
}

static int64_t version_now(struct store *s)
{
	struct err e = ERR_NONE;
	struct snapshot *sn;
	kit_ok(snapshot_open(s, &sn, &e), &e);
	int64_t version = snapshot_version(sn);
	snapshot_close(&sn);
	return version;
}

// What was computed of a snapshot may be given again as long as the version is the same.
static void whatever_changes_data_changes_the_version(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct store *s = kit_open(k, NULL, true);
	struct arena *a = arena_new(0);
	struct overlay_receipt receipt;
	int64_t last = version_now(s);
	assert_int_equal(version_now(s), last);
	for (uint32_t i = 0; i < 20; i++) {
		kit_append_range(k, s, i, 1);
		assert_int_not_equal(version_now(s), last);
		last = version_now(s);
		assert_int_equal(version_now(s), last);
	}
	kit_ok(store_link(s, SV("user:a"), SV("user:b"), SV("tester"), a, &receipt, &e), &e);
	assert_int_not_equal(version_now(s), last);
	last = version_now(s);
	kit_ok(store_unlink(s, SV("user:a"), SV("tester"), a, &receipt, &e), &e);
	assert_int_not_equal(version_now(s), last);
	last = version_now(s);
	const uint64_t person = 1;
	kit_ok(store_erase_persons(s, &person, 1, SV("tester"), a, &receipt, &e), &e);
	assert_int_not_equal(version_now(s), last);
	last = version_now(s);
	assert_int_equal(version_now(s), last);
	arena_free(&a);
	store_close(&s);
}

static void one_writer_many_readers(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE, busy = ERR_NONE, usage = ERR_NONE;
	const struct store_options reading = {.read_only = true};
	struct store *writer = kit_open(k, NULL, true), *other = NULL, *reader;
	kit_append_range(k, writer, 0, 500);
	assert_int_equal(store_open(k->dir, NULL, &other, &busy), RC_BUSY);
	assert_null(other);
	char pid[32];
	snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
	assert_non_null(strstr(busy.message, pid));
	reader = kit_open(k, &reading, true);
	kit_check(k, reader);
	kit_append_range(k, writer, 500, 500);
	kit_ok(store_seal(writer, &e), &e);
	kit_check(k, reader);
	assert_int_equal(store_seal(reader, &usage), RC_USAGE);
	store_close(&reader);
	store_close(&writer);
	kit_ok(store_open(k->dir, NULL, &writer, &e), &e);
	store_close(&writer);
}

// Reads as somebody who may not write. 0: there were n interactions.
static int read_as_guest(const char *dir, uint64_t n)
{
	struct err e = ERR_NONE;
	const struct store_options reading = {.read_only = true};
	struct store *s;
	struct snapshot *sn;
	struct snapshot_stats stats;
	if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
		return 2;
	if (store_open(dir, &reading, &s, &e) != RC_OK || snapshot_open(s, &sn, &e) != RC_OK)
		return 3;
	snapshot_stats(sn, &stats);
	snapshot_close(&sn);
	store_close(&s);
	// Who may not write is told who may.
	struct err refused = ERR_NONE;
	if (store_open(dir, NULL, &s, &refused) != RC_IO || !strstr(refused.remedy, "owner"))
		return 5;
	return stats.n_interactions == n ? 0 : 4;
}

static void a_directory_that_may_not_be_written_can_be_read(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct store *s = kit_open(k, NULL, true);
	kit_append_range(k, s, 0, 300);
	kit_ok(store_seal(s, &e), &e);
	kit_append_range(k, s, 300, 50);
	store_close(&s);
	static const char *const names[] = {
		"corridor.db", "lock", "segments/000000000001.seg", "segments", "."};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s/%s", k->dir, names[i]);
		assert_int_equal(chmod(path, i < 3 ? 0444 : 0555), 0);
	}
	int status = 0;
	pid_t child = fork();
	if (child == 0)
		_exit(read_as_guest(k->dir, 350));
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	char segments[128];
	snprintf(segments, sizeof(segments), "%s/segments", k->dir);
	assert_true(chmod(k->dir, 0755) == 0 && chmod(segments, 0755) == 0);
}

// 0: the whole is in order, but for a database that others may not read.
static int verify_as_guest(const char *dir)
{
	struct err e = ERR_NONE;
	struct verify_report report;
	if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
		return 2;
	if (store_verify(dir, &report, NULL, &e) != RC_OK || report.n_problems)
		return 3;
	if (report.n_notes != 1 || !strstr(report.notes[0], "access.db") || !strstr(report.notes[0], "owner"))
		return 4;
	return report.n_interactions == 300 ? 0 : 5;
}

static void what_may_not_be_read_is_not_damaged(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct store *s = kit_open(k, NULL, true);
	struct db *db;
	char path[128];
	kit_append_range(k, s, 0, 300);
	kit_ok(store_seal(s, &e), &e);
	store_close(&s);
	snprintf(path, sizeof(path), "%s/access.db", k->dir);
	kit_ok(db_open(path, DB_READ_WRITE, &db, &e), &e);
	kit_ok(db_exec(db, "CREATE TABLE t(x)", &e), &e);
	db_close(&db);
	kit_verify(k->dir);
	assert_int_equal(chmod(path, geteuid() == 0 ? 0600 : 0), 0);
	static const char *const names[] = {
		"corridor.db", "lock", "segments/000000000001.seg", "segments", "."};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", k->dir, names[i]);
		assert_int_equal(chmod(path, i < 3 ? 0644 : 0755), 0);
	}
	int status = 0;
	pid_t child = fork();
	if (child == 0)
		_exit(verify_as_guest(k->dir));
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void doors_that_stay_shut(void **state)
{
	struct kit *k = *state;
	struct err missing = ERR_NONE, exists = ERR_NONE, newer = ERR_NONE, newer_reading = ERR_NONE,
		   e = ERR_NONE;
	struct store *s;
	assert_int_equal(store_open("/tmp/corridor-is-not-here", NULL, &s, &missing), RC_NOT_FOUND);
	assert_non_null(strstr(missing.remedy, "init"));
	assert_int_equal(
		store_create(k->dir, sv_from(kit_design_text), "test.yaml", SV("x"), &exists), RC_EXISTS);
	struct db *db;
	char path[128];
	snprintf(path, sizeof(path), "%s/corridor.db", k->dir);
	kit_ok(db_open(path, DB_READ_WRITE, &db, &e), &e);
	kit_ok(db_exec(db, "UPDATE schema_version SET version = 99 WHERE part = 'journey'", &e), &e);
	db_close(&db);
	const struct store_options reading = {.read_only = true};
	assert_int_equal(store_open(k->dir, NULL, &s, &newer), RC_VERSION);
	assert_non_null(strstr(newer.message, "newer"));
	assert_int_equal(store_open(k->dir, &reading, &s, &newer_reading), RC_VERSION);
	struct err bad = ERR_NONE;
	assert_int_equal(
		store_create("/tmp/corridor-never-made", SV("corridor: nonsense"), "bad.yaml", SV("x"), &bad),
		RC_INPUT);
	assert_int_not_equal(access("/tmp/corridor-never-made", F_OK), 0);
}

static void other_designs_are_refused(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE, wrong = ERR_NONE;
	struct design *other;
	char text[2048];
	snprintf(text, sizeof(text), "%s# another\n", kit_design_text);
	kit_ok(design_parse(sv_from(text), "other.yaml", &other, NULL, &e), &e);
	struct store *s = kit_open(k, NULL, true);
	struct batch *b = kit_range(other, 0, 10);
	struct append_result r;
	assert_int_equal(store_append(s, &b, 1, &r, NULL, NULL, &wrong), RC_USAGE);
	batch_free(&b);
	store_close(&s);
	design_free(&other);
}

static void leftovers_of_a_crash_are_removed(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct store *s = kit_open(k, NULL, true);
	kit_append_range(k, s, 0, 500);
	kit_ok(store_seal(s, &e), &e);
	store_close(&s);
	static const char *const names[] = {"000000000777.seg", "000000000778.seg.tmp", "notes.txt"};
	char path[3][128];
	for (int i = 0; i < 3; i++) {
		snprintf(path[i], sizeof(path[i]), "%s/segments/%s", k->dir, names[i]);
		FILE *f = fopen(path[i], "w");
		assert_non_null(f);
		fputs("left over", f);
		fclose(f);
	}
	s = kit_open(k, NULL, true);
	assert_int_not_equal(access(path[0], F_OK), 0);
	assert_int_not_equal(access(path[1], F_OK), 0);
	assert_int_equal(access(path[2], F_OK), 0);
	kit_check(k, s);
	store_close(&s);
}

// A store's segments, of which only the numbers of rows count, and merges that take time.
struct sizes {
	uint64_t rows[4096], written, total;
	size_t n, most, longest;
	struct merge_choice merging; // n 0: none
	double left;                 // rows of it still to be written
};

static void merge_end(struct sizes *s)
{
	struct merge_choice c = s->merging;
	uint64_t sum = 0;
	for (size_t j = c.first; j < c.first + c.n; j++)
		sum += s->rows[j];
	s->rows[c.first] = sum;
	memmove(s->rows + c.first + 1, s->rows + c.first + c.n, (s->n - c.first - c.n) * sizeof(*s->rows));
	s->n -= c.n - 1;
	s->written += sum;
	s->longest = c.n > s->longest ? c.n : s->longest;
	s->merging.n = 0;
}

// One seal arrives, then rows are merged until `speed` times as many are written (0: all that is called for).
static void seal_arrives(struct sizes *s, uint64_t rows, unsigned fifths, double speed)
{
	s->rows[s->n++] = rows;
	s->total += rows;
	double budget = speed > 0 ? speed * (double)rows : 1e300;
	for (;;) {
		if (s->merging.n == 0) {
			s->merging = merge_choose(s->rows, s->n, fifths);
			if (s->merging.n == 0)
				break;
			s->left = 0;
			for (size_t j = s->merging.first; j < s->merging.first + s->merging.n; j++)
				s->left += (double)s->rows[j];
		}
		if (s->left > budget) {
			s->left -= budget;
			break;
		}
		budget -= s->left;
		merge_end(s);
	}
	s->most = s->n > s->most ? s->n : s->most;
}

static void merging_keeps_few_segments(void **state)
{
	(void)state;
	const uint64_t seal = 1 << 20;
	// 10^9 rows: the bounds that merge.h states.
	struct sizes s = {.n = 0};
	while (s.total < 1000000000)
		seal_arrives(&s, seal, MERGE_WRITING, 0);
	print_message("at once: %zu segments, each row written %.2f times\n", s.most,
		(double)s.written / (double)s.total);
	assert_true(s.most <= 10 && 10 * s.written <= 42 * s.total);
	// Merging writes 100 times as many rows as arrive meanwhile: seals wait for the large merges.
	s = (struct sizes){.n = 0};
	while (s.total < 1000000000)
		seal_arrives(&s, seal, MERGE_WRITING, 100);
	print_message("in time: %zu segments\n", s.most);
	assert_true(s.most <= MERGE_SEGMENTS_MAX);
	// As fast as an import: many wait, and a merge still takes few of them at a time.
	s = (struct sizes){.n = 0};
	while (s.total < 1000000000)
		seal_arrives(&s, seal, MERGE_WRITING, 4);
	for (int i = 0; i < 2000 && merge_choose(s.rows, s.n, MERGE_WRITING).n > 0; i++)
		seal_arrives(&s, 1, MERGE_WRITING, 0);
	print_message("import: %zu segments, then %zu; runs of %zu, %.2f times\n", s.most, s.n, s.longest,
		(double)s.written / (double)s.total);
	assert_true(s.longest <= MERGE_RUN_MAX && s.n <= MERGE_SEGMENTS_MAX);
	// Seals of any size: never more than the maximum, and what a row costs stays logarithmic.
	uint64_t random = 7;
	s = (struct sizes){.n = 0};
	for (int i = 0; i < 4000; i++) {
		random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
		seal_arrives(&s, 1 + (random >> 44) % (i % 3 ? 1000 : seal), MERGE_WRITING, 0);
	}
	print_message("any size: %zu segments, each row written %.2f times\n", s.most,
		(double)s.written / (double)s.total);
	assert_true(s.most <= MERGE_SEGMENTS_MAX && s.written <= 12 * s.total);
}

static void merging_takes_the_small_ones(void **state)
{
	(void)state;
	// Many very small ones among large ones do not drag the large ones along.
	const uint64_t mixed[] = {50000000, 100, 120, 90, 110};
	struct merge_choice c = merge_choose(mixed, 5, MERGE_WRITING);
	assert_true(c.first == 1 && c.n == 4);
	// Each as large as all newer ones together: they stay.
	const uint64_t halves[] = {8, 4, 2, 1, 1};
	assert_int_equal(merge_choose(halves, 5, MERGE_WRITING).n, 0);
	c = merge_choose(halves, 5, MERGE_IDLE);
	assert_true(c.first == 0 && c.n == 5);
	// What an import leaves is merged when there is time, unless it is very small against the rest.
	const uint64_t left[] = {4194304, 805696}, little[] = {4787512, 212488};
	assert_int_equal(merge_choose(left, 2, MERGE_WRITING).n, 0);
	assert_int_equal(merge_choose(left, 2, MERGE_IDLE).n, 2);
	assert_int_equal(merge_choose(little, 2, MERGE_IDLE).n, 0);
	c = merge_choose_target(mixed, 5, 1);
	assert_true(c.first == 0 && c.n == 5);
	c = merge_choose_target(mixed, 5, 4);
	assert_true(c.first == 3 && c.n == 2);
	assert_int_equal(merge_choose(NULL, 0, MERGE_WRITING).n, 0);
}

static void sorting_is_right(void **state)
{
	(void)state;
	struct err e = ERR_NONE;
	static const size_t sizes[] = {0, 1, 2, 23, 24, 25, 1000, 50000};
	for (size_t c = 0; c < 3 * sizeof(sizes) / sizeof(sizes[0]); c++) {
		size_t n = sizes[c / 3];
		uint64_t persons = c % 3 == 0 ? 1 : c % 3 == 1 ? 50 : 1000000;
		struct row_key *keys = mem_calloc(n, sizeof(*keys));
		uint64_t *ids = mem_calloc(n, sizeof(*ids)), random = c;
		for (size_t i = 0; i < n; i++) {
			keys[i] = (struct row_key){
				kit_mix(next(&random) % persons), (int64_t)(next(&random) % 97) - 50, i};
			ids[i] = next(&random);
		}
		kit_ok(row_keys_sort(keys, n, &e), &e);
		kit_ok(id_keys_sort(ids, n, &e), &e);
		bool *seen = mem_calloc(n, sizeof(*seen));
		for (size_t i = 0; i < n; i++) {
			assert_false(seen[keys[i].row]);
			seen[keys[i].row] = true;
			if (i == 0)
				continue;
			const struct row_key *a = &keys[i - 1], *b = &keys[i];
			assert_true(
				a->person < b->person ||
				(a->person == b->person &&
					(a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->row < b->row))));
			assert_true(ids[i - 1] <= ids[i]);
		}
		mem_free(seen);
		mem_free(keys);
		mem_free(ids);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_cycles_agree_with_the_model, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(several_batches_one_commit, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(a_failed_callback_undoes_everything, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(snapshots_stay_as_they_are, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(
			whatever_changes_data_changes_the_version, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(one_writer_many_readers, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(
			a_directory_that_may_not_be_written_can_be_read, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(what_may_not_be_read_is_not_damaged, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(doors_that_stay_shut, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(other_designs_are_refused, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(leftovers_of_a_crash_are_removed, kit_setup, kit_teardown),
		cmocka_unit_test(merging_keeps_few_segments),
		cmocka_unit_test(merging_takes_the_small_ones),
		cmocka_unit_test(sorting_is_right),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
