// SPDX-License-Identifier: Apache-2.0
// The examples on their whole files, through the importer into a store: every row accounted for, the numbers of the
// data's own notes, and nothing added by a second import. Skipped where the data is not at hand.
#include "mapping_test.h"

#include "base/io.h"
#include "base/mem.h"

#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_MAX (1u << 20)

static const struct example {
	const char *name, *file; // folder in examples/, file in shared/data/
	uint64_t n_rows, n_interactions, n_ambiguous;
} examples[] = {
	// 121,245 requests, 101,371 closed; one time in the hour that was shown twice on 2015-11-01.
	{"boston311", "boston311/boston311_2015.csv.gz", 121245, 121245 + 101371, 1},
	{"cfpb", "cfpb/complaints_sample.csv.gz", 6623, 2 * 6623, 0},
	{"ecom", "ecom/ecom.csv.gz", 31106, 31106, 0}, // 30 exact doubles among them
};

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

// To be freed with mem_free.
static char *read_example(const char *name, const char *file)
{
	char path[512], *text;
	size_t n;
	struct err e = ERR_NONE;
	snprintf(path, sizeof(path), "%s/%s/%s", EXAMPLES_DIR, name, file);
	if (io_read_file(io_system(), path, FILE_MAX, &text, &n, &e) != RC_OK)
		fail_msg("%s", e.message);
	return text;
}

static void import(const char *dir, const struct example *x, const char *path, struct sv map, bool again)
{
	struct err e = ERR_NONE;
	struct store *s = NULL;
	struct store_options so = {0};
	struct import_options o = {.map_name = "mapping.yaml", .map_text = map, .quiet = true, .threads = 2};
	struct import_report r = {0};
	char out[1400];
	if (store_open(dir, &so, &s, &e) != RC_OK || import_files(s, &o, &path, 1, &r, &e) != RC_OK)
		fail_msg("%s: %s", x->name, err_format(&e, out, sizeof(out)));
	store_close(&s);
	assert_int_equal(r.n_rows, x->n_rows);
	assert_int_equal(r.n_mapped_rows, x->n_rows);
	assert_int_equal(r.n_quarantined, 0);
	assert_int_equal(r.n_empty_rows, 0);
	assert_int_equal(r.n_interactions, again ? 0 : x->n_interactions);
	assert_int_equal(r.n_duplicates, again ? x->n_interactions : 0);
	assert_int_equal(r.n_ambiguous_times, x->n_ambiguous);
	assert_int_equal(r.n_skipped_times, 0);
	assert_int_equal(r.n_unmatched, 0);
}

static void whole_files(void **state)
{
	const char *shared = getenv("CORRIDOR_SHARED");
	char dir[] = "/tmp/corridor-import-XXXXXX", path[512], data[64];
	(void)state;
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		const struct example *x = &examples[i];
		struct err e = ERR_NONE;
		snprintf(path, sizeof(path), "%s/data/%s", shared ? shared : EXAMPLES_DIR "/../../shared",
			x->file);
		if (access(path, R_OK) != 0) {
			print_message("skipped: %s is not there\n", path);
			continue;
		}
		snprintf(data, sizeof(data), "%s/%s", dir, x->name);
		char *design = read_example(x->name, "corridor.yaml");
		char *map = read_example(x->name, "mapping.yaml");
		assert_int_equal(store_create(data, sv_from(design), "corridor.yaml", SV("test"), &e), RC_OK);
		import(data, x, path, sv_from(map), false);
		import(data, x, path, sv_from(map), true);
		mem_free(design);
		mem_free(map);
	}
	assert_int_equal(nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(whole_files)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
