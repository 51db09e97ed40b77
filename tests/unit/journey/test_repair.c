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

static uint64_t size_of(const char *path)
{
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_size;
}

static void append_bytes(const char *path, size_t n)
{
	FILE *f = fopen(path, "ab");
	assert_non_null(f);
	for (size_t i = 0; i < n; i++)
		fputc('x', f);
	fclose(f);
}

enum frame_damage {
	HEADER_MAGIC,
	HEADER_FORMAT,
	HEADER_SUM,
	TAIL_2,
	TAIL_4096,
	TRAILER_OFFSET,
	TRAILER_SUM,
	CUT,
	FRAMES
};

static void damage_frame(const char *path, enum frame_damage what, uint64_t n_bytes)
{
	static const uint64_t header[] = {3, 8, 60};
	if (what <= HEADER_SUM)
		flip(path, header[what]);
	else if (what == TAIL_2 || what == TAIL_4096)
		append_bytes(path, what == TAIL_2 ? 2 : 4096);
	else if (what == CUT) // in the midst of the trailer
		assert_int_equal(truncate(path, (off_t)n_bytes - 20), 0);
	else
		flip(path, n_bytes - SEGMENT_TRAILER_BYTES + (what == TRAILER_OFFSET ? 1u : 17u));
}

static void a_damaged_frame_loses_nothing(void **state)
{
	struct kit *k = *state;
	fill(k);
	for (int what = 0; what < FRAMES; what++) {
		struct err e = ERR_NONE, bad = ERR_NONE;
		struct arena *a = arena_new(0);
		struct repair_report report;
		struct verify_report found;
		char path[128];
		segment_file(k, what + 1, path, sizeof(path)); // what the repair before has made
		damage_frame(path, (enum frame_damage)what, size_of(path));
		assert_int_equal(store_verify(k->dir, &found, NULL, &bad), RC_CORRUPT);
		kit_ok(store_repair(k->dir, a, &report, NULL, &e), &e);
		assert_int_equal(report.n_segments, 1);
		assert_int_equal(report.n_lost, 0);
		assert_int_equal(report.n_salvaged, ROWS);
		assert_true(report.segments[0].persons_known && report.segments[0].moved_to.ptr);
		arena_free(&a);
	}
	check_repaired(k, 0);
}

static void beside_a_damaged_frame_chunks_are_still_checked(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct arena *a = arena_new(0);
	struct repair_report report;
	char path[128];
	uint32_t n_rows = 0, n_persons = 0;
	fill(k);
	segment_file(k, 1, path, sizeof(path));
	flip(path, place_of(path, 1, COLUMN_AT, &n_rows, &n_persons) + 3);
	flip(path, 60);
	append_bytes(path, 2);
	kit_ok(store_repair(k->dir, a, &report, NULL, &e), &e);
	assert_int_equal(report.n_lost, n_rows);
	assert_int_equal(report.segments[0].n_persons, n_persons);
	check_repaired(k, n_rows);
	arena_free(&a);
}

// Another segment under this one's name is no matter how sound not what the catalogue means.
static void a_footer_is_taken_only_if_the_catalogue_knows_it(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE, mismatch = ERR_NONE;
	char path[128];
	fill(k);
	segment_file(k, 1, path, sizeof(path));
	const uint64_t n_bytes = size_of(path);
	struct segment *s;
	struct segment_info info;
	kit_ok(segment_open(io_system(), path, &s, &e), &e);
	segment_info_get(s, &info);
	segment_close(&s);
	kit_ok(segment_open_known(io_system(), path, &info, &s, &e), &e);
	kit_ok(segment_verify(s, &e), &e);
	segment_close(&s);
	const struct segment_info wrong[] = {{.bytes = 0}, {.bytes = n_bytes + 64}, {.bytes = n_bytes - 64},
		{.bytes = n_bytes}, {.bytes = UINT64_MAX, .n_chunks = UINT64_MAX}};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		mismatch = ERR_NONE;
		assert_int_equal(segment_open_known(io_system(), path, &wrong[i], &s, &mismatch), RC_CORRUPT);
	}
	info.checksum ^= 1;
	mismatch = ERR_NONE;
	assert_int_equal(segment_open_known(io_system(), path, &info, &s, &mismatch), RC_CORRUPT);
}

// Persons are named chunk by chunk: where their column is damaged, only their range is known.
static void persons_of_other_chunks_are_named(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct arena *a = arena_new(0);
	struct repair_report report;
	char path[128];
	uint32_t n_rows[2], n_persons[2];
	fill(k);
	segment_file(k, 1, path, sizeof(path));
	flip(path, place_of(path, 0, COLUMN_PERSON, &n_rows[0], &n_persons[0]) + 3);
	flip(path, place_of(path, 1, COLUMN_START, &n_rows[1], &n_persons[1]) + 3);
	kit_ok(store_repair(k->dir, a, &report, NULL, &e), &e);
	const struct repaired_segment *s = &report.segments[0];
	assert_int_equal(s->n_lost, n_rows[0] + n_rows[1]);
	assert_false(s->persons_known);
	assert_int_equal(s->n_unnamed, n_rows[0]);
	assert_int_equal(s->n_persons, n_persons[1]);
	assert_true(s->unnamed_first_person == s->lost_first_person &&
		    s->unnamed_last_person < s->persons[0].person &&
		    s->persons[s->n_persons - 1].person == s->lost_last_person);
	for (uint32_t i = 0; i < s->n_persons; i++)
		assert_int_equal(s->persons[i].n_interactions, 0);
	check_repaired(k, s->n_lost);
	arena_free(&a);
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
	assert_int_equal(report.segments[0].n_unnamed, ROWS);
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

static int64_t erase_and_merge(struct store *s, struct arena *a)
{
	struct err e = ERR_NONE;
	struct overlay_receipt receipt;
	uint64_t person = hash64("user:u1", 7);
	kit_ok(store_erase_persons(s, &person, 1, SV("tester"), a, &receipt, &e), &e);
	assert_true(receipt.n_interactions > 0);
	kit_ok(store_compact(s, 1, NULL, &e), &e);
	return s->catalogue.items[0]->entry.id;
}

// What was erased stays known, so that it does not come in again.
static void erased_ids_are_not_forgotten(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct arena *a = arena_new(0);
	struct repair_report report;
	char path[128];
	fill(k);
	struct store *s = kit_open(k, NULL, true);
	erase_and_merge(s, a);
	uint64_t n_again = import_all(k, s); // those without a message id
	assert_true(n_again < ROWS / 50);
	int64_t id = erase_and_merge(s, a);
	store_close(&s);
	segment_file(k, (int)id, path, sizeof(path));
	flip(path, 60);
	kit_ok(store_repair(k->dir, a, &report, NULL, &e), &e);
	assert_int_equal(report.n_segments, 1);
	assert_int_equal(report.n_lost, 0);
	s = kit_open(k, NULL, true);
	assert_int_equal(import_all(k, s), n_again);
	store_close(&s);
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
		cmocka_unit_test_setup_teardown(a_damaged_frame_loses_nothing, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(
			beside_a_damaged_frame_chunks_are_still_checked, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(
			a_footer_is_taken_only_if_the_catalogue_knows_it, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(persons_of_other_chunks_are_named, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(without_its_footer_all_is_lost, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(damaged_ids_lose_nothing, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(erased_ids_are_not_forgotten, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(a_missing_file_is_told, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(a_damaged_database_needs_a_backup, kit_setup, kit_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
