// SPDX-License-Identifier: Apache-2.0
// Every flipped byte is found. Each byte of each file of a small data directory is changed (all its bits, or one):
// in a segment verification finds it, always; in corridor.db it finds it, or the byte means nothing (space that SQLite
// does not use): then every table holds what it held. Whoever does not verify but opens and reads gets an error or the
// right answer, never a wrong one. A bigger directory is damaged at random places.
#include "world.h"

#include "../unit/journey/store_kit.h"

#include "base/hash.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

struct flips {
	struct world *w;
	struct world_state state;
	uint64_t content; // of all tables
	uint64_t n, n_found, n_harmless, n_unread;
	bool small; // the contents are compared row by row
};

// One number over all rows of all tables; 0 when they cannot be read. The sums themselves are left out, with the
// sequence of their table: they are what finds, not what is found. Names of tables mean the same in capitals.
static uint64_t content_of(const char *dir)
{
	char path[300];
	sqlite3 *db = NULL;
	sqlite3_stmt *tables = NULL;
	uint64_t hash = 1;
	snprintf(path, sizeof(path), "%s/corridor.db", dir);
	int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_prepare_v2(db,
			"SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'checksum' ORDER BY "
			"name COLLATE NOCASE",
			-1, &tables, NULL);
	while (code == SQLITE_OK && (code = sqlite3_step(tables)) == SQLITE_ROW) {
		char sql[300];
		sqlite3_stmt *rows = NULL;
		const char *name = (const char *)sqlite3_column_text(tables, 0);
		bool sequences = sqlite3_stricmp(name, "sqlite_sequence") == 0; // whose own rowids mean nothing
		snprintf(sql, sizeof(sql), "SELECT %s, * FROM \"%s\"%s", sequences ? "0" : "rowid", name,
			sequences ? " WHERE name IN (SELECT name FROM sqlite_schema) AND name <> 'checksum'"
				  : "");
		code = sqlite3_prepare_v2(db, sql, -1, &rows, NULL);
		while (code == SQLITE_OK && (code = sqlite3_step(rows)) == SQLITE_ROW) {
			for (int i = 0; i < sqlite3_column_count(rows); i++) {
				uint64_t type = (uint64_t)sqlite3_column_type(rows, i);
				const void *bytes = sqlite3_column_blob(rows, i);
				size_t n = (size_t)sqlite3_column_bytes(rows, i);
				hash = hash64_seed(&type, sizeof(type), hash);
				hash = hash64_seed(bytes ? bytes : "", n, hash);
			}
			code = SQLITE_OK;
		}
		code = code == SQLITE_DONE ? SQLITE_OK : code;
		sqlite3_finalize(rows);
	}
	sqlite3_finalize(tables);
	sqlite3_close(db);
	return code == SQLITE_DONE ? hash : 0;
}

// Reads everything without verifying first: an error, or exactly what was written.
static void read_anyway(struct flips *f, const char *place)
{
	struct err e = ERR_NONE;
	struct store *s = NULL;
	struct snapshot *sn = NULL;
	const struct store_options options = {.read_only = true};
	enum rc rc = store_open(f->w->dir, &options, &s, &e);
	if (rc == RC_OK)
		rc = snapshot_open(s, &sn, &e);
	const char *wrong = rc == RC_OK && f->small ? world_compare_snapshot(f->w, &f->state, sn) : NULL;
	snapshot_close(&sn);
	store_close(&s);
	f->n_unread += rc != RC_OK || wrong;
	if (wrong && strncmp(wrong, "cannot be", 9) != 0)
		fail_msg("%s: read without verifying: %s", place, wrong);
}

static void flip(struct flips *f, const char *path, int fd, uint64_t at, uint8_t mask)
{
	uint8_t byte, changed;
	char place[400];
	struct err e = ERR_NONE;
	struct verify_report report;
	assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
	changed = byte ^ mask;
	assert_int_equal(pwrite(fd, &changed, 1, (off_t)at), 1);
	snprintf(place, sizeof(place), "%s, byte %llu, %02x for %02x", path, (unsigned long long)at, changed,
		byte);
	bool database = strstr(path, "corridor.db") != NULL;
	enum rc rc = store_verify(f->w->dir, &report, NULL, &e);
	f->n++;
	f->n_found += rc != RC_OK;
	if (rc == RC_OK && !database)
		fail_msg("%s: not found", place);
	if (rc == RC_OK && content_of(f->w->dir) != f->content)
		fail_msg("%s: not found, and the tables hold something else", place);
	f->n_harmless += rc == RC_OK;
	if (rc != RC_OK)
		read_anyway(f, place);
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
	// What readers and writers leave beside a damaged database says nothing about the sound one.
	char beside[400];
	snprintf(beside, sizeof(beside), "%s/corridor.db-wal", f->w->dir);
	unlink(beside);
	snprintf(beside, sizeof(beside), "%s/corridor.db-shm", f->w->dir);
	unlink(beside);
}

// In the midst of zeros, as there are many in the unused space of SQLite's pages: one of 64 stands for all.
static bool is_empty(const uint8_t *bytes, uint64_t n, uint64_t at)
{
	enum { AROUND = 12 };
	for (uint64_t i = at < AROUND ? 0 : at - AROUND; i < n && i <= at + AROUND; i++)
		if (bytes[i])
			return false;
	return at % 64 != 0;
}

static void flip_file(struct flips *f, const char *path, uint64_t step, uint64_t seed)
{
	struct stat st;
	int fd = open(path, O_RDWR);
	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	uint64_t n = (uint64_t)st.st_size, before = f->n, found = f->n_found, harmless = f->n_harmless;
	uint8_t *bytes = mem_alloc(n);
	assert_true(bytes && pread(fd, bytes, n, 0) == st.st_size);
	for (uint64_t at = 0, place = seed % step; at < n; at++) {
		if (is_empty(bytes, n, at) || ++place % step != 0)
			continue;
		flip(f, path, fd, at, 0xff);
		if (step < 4 || at % 2)
			flip(f, path, fd, at, (uint8_t)(1u << kit_mix(at + seed) % 8));
	}
	mem_free(bytes);
	close(fd);
	print_message("%s, %lld bytes: %llu flips, %llu found, %llu without meaning\n", strrchr(path, '/') + 1,
		(long long)st.st_size, (unsigned long long)(f->n - before),
		(unsigned long long)(f->n_found - found), (unsigned long long)(f->n_harmless - harmless));
}

// Every bit of the index that orders the catalogue: few bytes, and what is read through an index is not what the
// checksums of its table are about.
static void flip_catalogue_order(struct flips *f, const char *path)
{
	static const char sql[] =
		"SELECT (rootpage - 1) * page_size, page_size FROM sqlite_schema, pragma_page_size "
		"WHERE name = 'sqlite_autoindex_segment_1'";
	sqlite3 *db = NULL;
	sqlite3_stmt *place = NULL;
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &place, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(place), SQLITE_ROW);
	uint64_t first = (uint64_t)sqlite3_column_int64(place, 0), n = (uint64_t)sqlite3_column_int64(place, 1);
	sqlite3_finalize(place);
	sqlite3_close(db);
	int fd = open(path, O_RDWR);
	uint64_t before = f->n;
	for (uint64_t at = first; at < first + n; at++) {
		uint8_t byte;
		assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
		for (unsigned bit = 0; byte && bit < 8; bit++)
			flip(f, path, fd, at, (uint8_t)(1u << bit));
	}
	close(fd);
	print_message("order of the catalogue: %llu flips\n", (unsigned long long)(f->n - before));
	assert_true(f->n > before);
}

static void flip_segments(struct flips *f, uint64_t step, uint64_t seed)
{
	char path[600];
	snprintf(path, sizeof(path), "%s/segments", f->w->dir);
	DIR *d = opendir(path);
	assert_non_null(d);
	for (struct dirent *entry; (entry = readdir(d));) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/segments/%s", f->w->dir, entry->d_name);
		flip_file(f, path, step, seed);
	}
	closedir(d);
}

// CORRIDOR_FAULT_ONLY: segments, order, database or big.
static bool wanted(const char *part)
{
	const char *only = getenv("CORRIDOR_FAULT_ONLY");
	return !only || strcmp(only, part) == 0;
}

// With rows in every table.
static void every_byte_of_a_small_directory(void **state)
{
	struct flips f = {.w = *state, .small = true};
	uint64_t seed = world_setting("CORRIDOR_FAULT_SEED", 1);
	world_prepare_all(f.w, &f.state);
	assert_null(world_compare(f.w, f.w->dir, &f.state));
	f.content = content_of(f.w->dir);
	assert_true(f.content != 0);
	if (wanted("segments"))
		flip_segments(&f, world_step(17), seed);
	char path[300];
	snprintf(path, sizeof(path), "%s/corridor.db", f.w->dir);
	if (wanted("order"))
		flip_catalogue_order(&f, path);
	if (wanted("database"))
		flip_file(&f, path, world_step(23), seed);
	assert_true(f.n_found > 0 || wanted("big"));
	assert_null(world_compare(f.w, f.w->dir, &f.state));
}

// 60,000 interactions in two segments and the inbox.
static void random_bytes_of_a_big_directory(void **state)
{
	struct flips f = {.w = *state};
	struct err e = ERR_NONE;
	uint64_t seed = world_setting("CORRIDOR_FAULT_SEED", 1);
	if (!wanted("big"))
		return;
	world_prepare(f.w, NULL, &f.state);
	struct store *s = world_open(f.w, &e);
	for (uint32_t i = 0; i < 6; i++) {
		kit_ok(world_append(f.w, s, 1000 + i * 10000, 10000, &e), &e);
		if (i == 1 || i == 4)
			kit_ok(store_seal(s, &e), &e);
	}
	store_close(&s);
	f.content = content_of(f.w->dir);
	uint64_t step = world_setting("CORRIDOR_FAULT_ALL", 0) ? 499 : 4999 * world_step(1);
	flip_segments(&f, step, seed);
	char path[300];
	snprintf(path, sizeof(path), "%s/corridor.db", f.w->dir);
	flip_file(&f, path, step, seed);
}

static int setup(void **state)
{
	static struct world w;
	world_new(&w);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	world_free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_byte_of_a_small_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(random_bytes_of_a_big_directory, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
