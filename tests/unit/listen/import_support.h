// SPDX-License-Identifier: Apache-2.0
// What the tests of import and quarantine share: a folder with a data directory and input files, a small corridor
// and mappings.
#ifndef CORRIDOR_TESTS_IMPORT_SUPPORT_H
#define CORRIDOR_TESTS_IMPORT_SUPPORT_H

#include "base/arena.h"
#include "listen/import.h"
#include "listen/listen.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static const char corridor[] = "corridor: 1\n"
			       "brand: Test\n"
			       "timezone: Europe/Berlin\n"
			       "currency: EUR\n"
			       "stages: [support]\n"
			       "channels: {phone: contact-centre}\n"
			       "touchpoints:\n"
			       "  call: {stage: support, match: [{event: Call}]}\n"
			       "  after: {stage: support, match: [{event: After}]}\n";

// call: one interaction; both: two, the second with the agent; other: one without touch point; skip: none.
#define MAP_BODY                                                                                               \
	"mapping: 1\n"                                                                                         \
	"source: test\n"                                                                                       \
	"format: %s\n"                                                                                         \
	"common:\n"                                                                                            \
	"  customer: {user: \"{user}\"}\n"                                                                     \
	"  channel: phone\n"                                                                                   \
	"interactions:\n"                                                                                      \
	"  - {when: {kind: [call, both]}, event: Call, id: \"{id}\", at: \"{at}\", measures: {nps: "           \
	"\"{score}\"}}\n"                                                                                      \
	"  - {when: {kind: both}, event: After, id: \"{id}/2\", at: \"{at}\", agent: \"{agent}\"}\n"           \
	"  - {when: {kind: other}, event: Other, id: \"{id}/3\", at: \"{at}\"}\n"

static char map_csv[2000], map_ndjson[2000];

struct work {
	char dir[100];
};

static inline int work_open(void **state)
{
	struct work *w = calloc(1, sizeof(*w));
	snprintf(map_csv, sizeof(map_csv), MAP_BODY, "csv");
	snprintf(map_ndjson, sizeof(map_ndjson), MAP_BODY, "ndjson");
	snprintf(w->dir, sizeof(w->dir), "/tmp/corridor-import-XXXXXX");
	*state = w;
	return mkdtemp(w->dir) ? 0 : -1;
}

static inline int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline char *work_path(const struct work *w, const char *name, char out[300])
{
	snprintf(out, 300, "%s/%s", w->dir, name);
	return out;
}

// Removes the data directory.
static inline void work_clear(const struct work *w)
{
	char path[300];
	nftw(work_path(w, "data", path), remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline int work_close(void **state)
{
	struct work *w = *state;
	nftw(w->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	free(w);
	return 0;
}

static inline FILE *work_file(const struct work *w, const char *name)
{
	char path[300];
	FILE *f = fopen(work_path(w, name, path), "wb");
	assert_non_null(f);
	return f;
}

static inline uint64_t work_size(const struct work *w, const char *name)
{
	char path[300];
	struct stat st;
	assert_int_equal(stat(work_path(w, name, path), &st), 0);
	return (uint64_t)st.st_size;
}

static inline void work_copy(const struct work *w, const char *from, const char *to)
{
	char path[300], bytes[65536];
	FILE *in = fopen(work_path(w, from, path), "rb"), *out = work_file(w, to);
	assert_non_null(in);
	for (size_t n; (n = fread(bytes, 1, sizeof(bytes), in)) > 0;)
		assert_int_equal(fwrite(bytes, 1, n, out), n);
	fclose(in);
	fclose(out);
}

static inline void work_gzip(const struct work *w, const char *from, const char *to)
{
	char path[300], bytes[65536];
	FILE *in = fopen(work_path(w, from, path), "rb");
	gzFile out = gzopen(work_path(w, to, path), "wb1");
	assert_true(in && out);
	for (size_t n; (n = fread(bytes, 1, sizeof(bytes), in)) > 0;)
		assert_int_equal(gzwrite(out, bytes, (unsigned)n), (int)n);
	fclose(in);
	gzclose(out);
}

static inline void work_fail(const struct err *e)
{
	char text[1400];
	fail_msg("%s", err_format(e, text, sizeof(text)));
}

// Opens the data directory for writing; makes it when it is not there.
static inline struct store *work_store(const struct work *w)
{
	char path[300];
	struct store *s = NULL;
	struct err e = ERR_NONE;
	struct store_options o = {.seal_rows = 50000};
	struct stat st;
	work_path(w, "data", path);
	if (stat(path, &st) != 0 &&
		store_create(path, sv_from(corridor), "corridor.yaml", SV("test"), &e) != RC_OK)
		work_fail(&e);
	if (store_open(path, &o, &s, &e) != RC_OK)
		work_fail(&e);
	return s;
}

static inline struct import_options work_options(const struct work *w)
{
	(void)w;
	return (struct import_options){
		.map_name = "map.yaml", .map_text = sv_from(map_csv), .quiet = true, .threads = 2};
}

// Imports one file of the folder; fails the test unless it ends with `want`.
static inline struct err import_one_file(const struct work *w, struct store *s, const char *name,
	const struct import_options *o, enum rc want, struct import_report *r)
{
	char path[300];
	struct err e = ERR_NONE;
	struct import_options plain = work_options(w);
	const char *p = work_path(w, name, path);
	enum rc rc = import_files(s, o ? o : &plain, &p, 1, r, &e);
	if (rc != want && rc != RC_OK)
		work_fail(&e);
	assert_int_equal(rc, want);
	assert_int_equal(r->n_rows, r->n_mapped_rows + r->n_empty_rows + r->n_quarantined);
	return e;
}

// Interactions in the store.
static inline uint64_t work_count(struct store *s)
{
	struct snapshot *sn;
	struct snapshot_stats stats;
	struct err e = ERR_NONE;
	if (snapshot_open(s, &sn, &e) != RC_OK)
		work_fail(&e);
	snapshot_stats(sn, &stats);
	snapshot_close(&sn);
	return stats.n_interactions;
}

static inline int64_t work_i64(struct store *s, const char *sql)
{
	struct db_stmt *q;
	struct err e = ERR_NONE;
	bool row = false;
	if (db_prepare(store_db(s), sql, &q, &e) != RC_OK || db_step(q, &row, &e) != RC_OK)
		work_fail(&e);
	assert_true(row);
	int64_t v = db_i64(q, 0);
	db_reset(q);
	return v;
}

static inline int64_t work_quarantined(struct store *s)
{
	return work_i64(s, "SELECT count(*) FROM quarantine");
}

#endif
