// SPDX-License-Identifier: Apache-2.0
// Repair: what a damaged segment's sound chunks hold is saved, what is lost is told exactly, and importing the original
// again adds back just that.
#include "store_kit.h"

#include "base/hash.h"
#include "journey/segment.h"

#include <sys/stat.h>

#define ROWS 150000u
#define BATCH 50000u

static uint32_t import_all(struct kit *k, struct store *s)
{
	struct err e = ERR_NONE;
	uint32_t added = 0;
	for (uint32_t first = 0; first < ROWS; first += BATCH) {
		struct batch *b = kit_range(k->design, first, BATCH);
		struct append_result r;
		kit_ok(store_append(s, &b, 1, &r, NULL, NULL, &e), &e);
		added += r.n_added;
		batch_free(&b);
	}
	return added;
}

static uint64_t stored(const struct kit *k)
{
	struct err e = ERR_NONE;
	const struct store_options reading = {.read_only = true};
	struct store *s;
	struct snapshot *sn;
	struct snapshot_stats stats;
	kit_ok(store_open(k->dir, &reading, &s, &e), &e);
	kit_ok(snapshot_open(s, &sn, &e), &e);
	snapshot_stats(sn, &stats);
	snapshot_close(&sn);
	store_close(&s);
	return stats.n_interactions;
}

static void fill(struct kit *k)
{
	struct err e = ERR_NONE;
	kit_create(k);
	struct store *s = kit_open(k, NULL, true);
	assert_int_equal(import_all(k, s), ROWS);
	kit_ok(store_seal(s, &e), &e);
	store_close(&s);
}

static void segment_file(const struct kit *k, int id, char *path, size_t size)
{
	snprintf(path, size, "%s/segments/%012x.seg", k->dir, (unsigned)id);
}

static void flip(const char *path, uint64_t offset)
{
	FILE *f = fopen(path, "r+b");
	assert_non_null(f);
	fseek(f, (long)offset, SEEK_SET);
	int c = fgetc(f);
	fseek(f, (long)offset, SEEK_SET);
	fputc(c ^ 0x20, f);
	fclose(f);
}

// Where a region lies: a column of a chunk, or (chunk UINT32_MAX) the keys.
static uint64_t place_of(
	const char *path, uint32_t chunk, unsigned number, uint32_t *n_rows, uint32_t *n_persons)
{
	struct err e = ERR_NONE;
	struct segment *s;
	kit_ok(segment_open(io_system(), path, &s, &e), &e);
	uint64_t offset;
	if (chunk == UINT32_MAX) {
		offset = s->ids[REGION_KEYS].offset;
	} else {
		assert_true(chunk < s->info.n_chunks);
		const struct segment_column *x = segment_column_get(&s->chunks[chunk], number);
		offset = x ? x->offset : 0;
		assert_true(offset > 0);
		*n_rows = s->chunks[chunk].n_rows;
		*n_persons = s->chunks[chunk].n_persons;
	}
	segment_close(&s);
	return offset;
}

static void check_repaired(struct kit *k, uint64_t n_lost)
{
	struct err e = ERR_NONE;
	kit_verify(k->dir);
	assert_int_equal(stored(k), ROWS - n_lost);
	struct store *s = kit_open(k, NULL, true);
	assert_int_equal(import_all(k, s), n_lost); // all else is known
	kit_ok(store_seal(s, &e), &e);
	store_close(&s);
	assert_int_equal(stored(k), ROWS);
	kit_verify(k->dir);
}

static void a_damaged_chunk_is_what_is_lost(void **state)
{
	struct kit *k = *state;
	static const unsigned columns[] = {COLUMN_AT, COLUMN_COLD0 + COLD_ID, COLUMN_IDENTITIES};
	for (size_t c = 0; c < sizeof(columns) / sizeof(columns[0]); c++) {
		struct err e = ERR_NONE;
		struct arena *a = arena_new(0);
		struct repair_report report;
		struct verify_report bad;
		char path[128];
		uint32_t n_rows = 0, n_persons = 0;
		fill(k);
		segment_file(k, 1, path, sizeof(path));
		flip(path, place_of(path, 1, columns[c], &n_rows, &n_persons) + 3);
		struct err ignored = ERR_NONE;
		assert_int_equal(store_verify(k->dir, &bad, NULL, &ignored), RC_CORRUPT);
		kit_ok(store_repair(k->dir, a, &report, NULL, &e), &e);
		assert_int_equal(report.n_segments, 1);
		assert_int_equal(report.n_lost, n_rows);
		const struct repaired_segment *s = &report.segments[0];
		assert_int_equal(s->n_salvaged, ROWS - n_rows);
		assert_true(s->persons_known);
		assert_int_equal(s->n_persons, n_persons);
		uint64_t sum = 0;
		for (uint32_t i = 0; i < s->n_persons; i++) {
			sum += s->persons[i].n_interactions;
			for (uint32_t w = 0; w < s->persons[i].n_identities; w++)
				assert_true(hash64(s->persons[i].identities[w].ptr,
						    s->persons[i].identities[w].len) == s->persons[i].person);
			if (columns[c] != COLUMN_IDENTITIES)
				assert_int_equal(s->persons[i].n_identities, 1);
		}
		assert_int_equal(sum, n_rows);
		assert_true(access(path, F_OK) != 0 && s->moved_to.ptr);
		check_repaired(k, n_rows);
		kit_ok(store_repair(k->dir, a, &report, NULL, &e), &e); // nothing more to do
		assert_int_equal(report.n_segments, 0);
		arena_free(&a);
	}
}

static void without_its_footer_all_is_lost(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct arena *a = arena_new(0);
	struct repair_report report;
	struct stat st;
	char path[128];
	fill(k);
	segment_file(k, 1, path, sizeof(path));
	assert_int_equal(stat(path, &st), 0);
	flip(path, (uint64_t)st.st_size - 100);
	kit_ok(store_repair(k->dir, a, &report, NULL, &e), &e);
	assert_int_equal(report.n_lost, ROWS);
	assert_false(report.segments[0].persons_known);
	assert_true(report.segments[0].lost_first_ms >= 1700000000000);
	check_repaired(k, ROWS);
	arena_free(&a);
}

static void damaged_ids_lose_nothing(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct arena *a = arena_new(0);
	struct repair_report report;
	char path[128];
	uint32_t n;
	fill(k);
	segment_file(k, 1, path, sizeof(path));
	flip(path, place_of(path, UINT32_MAX, 0, &n, &n) + 100);
	kit_ok(store_repair(k->dir, a, &report, NULL, &e), &e);
	assert_int_equal(report.n_segments, 1);
	assert_int_equal(report.n_lost, 0);
	check_repaired(k, 0);
	arena_free(&a);
}

static void a_missing_file_is_told(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct arena *a = arena_new(0);
	struct repair_report report;
	char path[128];
	fill(k);
	segment_file(k, 1, path, sizeof(path));
	unlink(path);
	kit_ok(store_repair(k->dir, a, &report, NULL, &e), &e);
	assert_int_equal(report.n_lost, ROWS);
	assert_null(report.segments[0].moved_to.ptr);
	check_repaired(k, ROWS);
	arena_free(&a);
}

static void a_damaged_database_needs_a_backup(void **state)
{
	struct kit *k = *state;
	struct arena *a = arena_new(0);
	struct repair_report report;
	char path[128];
	fill(k);
	snprintf(path, sizeof(path), "%s/corridor.db", k->dir);
	for (uint64_t at = 0; at < 4000; at += 40) {
		struct err e = ERR_NONE;
		flip(path, 100 + at * 8);
		enum rc rc = store_repair(k->dir, a, &report, NULL, &e);
		if (rc != RC_OK)
			assert_true(e.message[0] && e.remedy[0]);
		if (rc != RC_OK && rc != RC_CORRUPT && rc != RC_DB)
			fail_msg("%s: %s", rc_info(rc)->name, e.message);
		flip(path, 100 + at * 8);
	}
	kit_verify(k->dir);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_damaged_chunk_is_what_is_lost, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(without_its_footer_all_is_lost, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(damaged_ids_lose_nothing, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(a_missing_file_is_told, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(a_damaged_database_needs_a_backup, kit_setup, kit_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
