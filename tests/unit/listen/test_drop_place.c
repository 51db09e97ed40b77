// SPDX-License-Identifier: Apache-2.0
// Where dropped files go: whatever is there, the place that is chosen writes over nothing of anybody's.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/io.h"
#include "listen/drop_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW INT64_C(1774792800000) // 2026-03-29T14:00:00Z
#define STAMP "20260329T140000Z-"
#define LATER "20260329T140001Z-"
#define A_REPORT                                                                                               \
	"{\"file\":\"a\",\"at\":\"2026-03-01T00:00:00Z\",\"state\":\"done\",\"rows\":1,\"message\":\"\"}\n"

static int make_folder(void **state)
{
	char *dir = strdup("/tmp/corridor-place-XXXXXX");
	*state = dir;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char path[PATH_MAX];
	DIR *d = opendir(*state);
	for (const struct dirent *entry; (entry = readdir(d));) {
		snprintf(path, sizeof(path), "%s/%s", (const char *)*state, entry->d_name);
		unlink(path);
		rmdir(path);
	}
	closedir(d);
	rmdir(*state);
	free(*state);
	return 0;
}

static void put(const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX];
	struct err e = ERR_NONE;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(io_write_file(io_system(), path, sv_from(text), &e), RC_OK);
}

static void assert_goes(const char *dir, const char *name, bool has_mapping, const char *to)
{
	char got[DROP_PATH_BYTES];
	struct err e = ERR_NONE;
	if (drop_place(dir, name, has_mapping, NOW, got, &e) != RC_OK)
		fail_msg("%s: %s", name, e.message);
	assert_string_equal(got + strlen(dir) + 1, to);
}

static void keeps_names_that_are_free(void **state)
{
	assert_goes(*state, "a", false, "a");
	assert_goes(*state, "a.csv", true, "a.csv");
	put(*state, "a.csv", "x");
	assert_goes(*state, "a.csv", false, STAMP "a.csv");
	put(*state, STAMP "a.csv", "x");
	assert_goes(*state, "a.csv", false, LATER "a.csv");
	assert_goes(*state, "b.csv", false, "b.csv");
	// A mapping that is there is written over by nobody's.
	put(*state, "b.csv.yaml", "mapping: 1\n");
	assert_goes(*state, "b.csv", false, "b.csv");
	assert_goes(*state, "b.csv", true, STAMP "b.csv");
}

static void reports_and_files_with_names_of_reports(void **state)
{
	char path[PATH_MAX];
	// Ours, and what it tells of is gone: the new one takes its place.
	put(*state, "a.report.json", A_REPORT);
	assert_goes(*state, "a", false, "a");
	// It is no place for a file of this name, though.
	assert_goes(*state, "a.report.json", false, STAMP "a.report.json");
	// A dropped file that reads as a report has one of its own.
	put(*state, "a.report.json.report.json", A_REPORT);
	assert_goes(*state, "a", false, STAMP "a");
	// What does not read as one is none.
	static const char *const others[] = {"", "x", "call,customer\n1,2\n", "{}", "{\"file\":\"b\"}",
		"{\"file\":1,\"at\":\"\",\"state\":\"\",\"message\":\"\"}", "[]"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		put(*state, "b.report.json", others[i]);
		assert_goes(*state, "b", false, STAMP "b");
	}
	snprintf(path, sizeof(path), "%s/c.report.json", (const char *)*state);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_goes(*state, "c", false, STAMP "c");
	snprintf(path, sizeof(path), "%s/d.report.json", (const char *)*state);
	assert_int_equal(symlink("/nothing/there", path), 0);
	assert_goes(*state, "d", false, STAMP "d");
	snprintf(path, sizeof(path), "%s/e.report.json", (const char *)*state);
	assert_int_equal(mkfifo(path, 0700), 0);
	assert_goes(*state, "e", false, STAMP "e"); // and does not wait for somebody to write to it
	snprintf(path, sizeof(path), "%s/f", (const char *)*state);
	assert_int_equal(symlink("/nothing/there", path), 0);
	assert_goes(*state, "f", false, STAMP "f");
}

static void long_names(void **state)
{
	static const char *const letters[] = {"x", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x9A\x9A", "\x80"};
	char name[NAME_MAX + 1], got[DROP_PATH_BYTES], first[DROP_PATH_BYTES];
	struct err e = ERR_NONE;
	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		for (size_t len = 225; len <= NAME_MAX; len++) {
			size_t n = 0, each = strlen(letters[i]);
			while (n + each + 7 <= len) {
				memcpy(name + n, letters[i], each);
				n += each;
			}
			memset(name + n, 'y', len - 7 - n);
			memcpy(name + len - 7, ".csv.gz", 8);
			assert_int_equal(drop_place(*state, name, true, NOW, got, &e), RC_OK);
			const char *base = got + strlen(*state) + 1;
			assert_true(strlen(base) + strlen(".report.json.tmp") <= NAME_MAX);
			assert_true(strlen(base) > 225 || strcmp(base, name) == 0);
			assert_int_equal(strcmp(base, name) == 0, len <= 239);
			assert_string_equal(base + strlen(base) - 7, ".csv.gz");
			assert_true(letters[i][0] == '\x80' || sv_utf8_valid(sv_from(base), NULL));
		}
	// Such names may become the same.
	memset(name, 'x', NAME_MAX);
	name[NAME_MAX] = 0;
	assert_int_equal(drop_place(*state, name, false, NOW, first, &e), RC_OK);
	put(*state, first + strlen(*state) + 1, "x");
	name[210] = 'y';
	assert_int_equal(drop_place(*state, name, false, NOW, got, &e), RC_OK);
	assert_string_not_equal(first, got);
	assert_memory_equal(got + strlen(*state) + 1, STAMP "xxx", sizeof(STAMP) + 2);
	put(*state, got + strlen(*state) + 1, "x"); // it is a name that can be used
}

static void a_folder_that_cannot_be_looked_at(void **state)
{
	char got[DROP_PATH_BYTES], path[PATH_MAX];
	struct err e = ERR_NONE;
	put(*state, "file", "x");
	snprintf(path, sizeof(path), "%s/file", (const char *)*state);
	assert_int_equal(drop_place(path, "a", false, NOW, got, &e), RC_IO);
	assert_true(strstr(e.message, "cannot look for") != NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keeps_names_that_are_free, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(
			reports_and_files_with_names_of_reports, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(long_names, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_looked_at, make_folder, remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
