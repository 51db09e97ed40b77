// SPDX-License-Identifier: Apache-2.0
// Repair, export and loading as operations of the fault tests.
#include "operations.h"

#include "../unit/journey/store_kit.h"

#include "base/hash.h"
#include "journey/segment.h"

#include <fcntl.h>

enum { SEGMENT_MAX = 1 << 20 };

// --- repair ---

static void segment_path_of(const struct world *w, const char *dir, const char *folder, char out[400])
{
	snprintf(out, 400, "%s/%s/%s", dir, folder, w->damage.name);
}

static uint64_t hash_of_file(const char *path)
{
	static char bytes[SEGMENT_MAX];
	size_t n = world_file(path, bytes, sizeof(bytes));
	return n == SIZE_MAX ? 0 : hash64(bytes, n);
}

// The file may have a name in either folder, or one in each.
void damage_toggle(const struct world *w, const char *dir)
{
	static const char *const folders[] = {"segments", "damaged"};
	uint8_t byte;
	for (size_t i = 0; i < 2; i++) {
		char path[400];
		segment_path_of(w, dir, folders[i], path);
		int fd = open(path, O_RDWR);
		if (fd < 0)
			continue;
		assert_int_equal(pread(fd, &byte, 1, (off_t)w->damage.at), 1);
		byte ^= w->damage.mask;
		assert_int_equal(pwrite(fd, &byte, 1, (off_t)w->damage.at), 1);
		close(fd);
		return;
	}
}

static void damage(struct world *w, struct world_state *state, uint64_t at)
{
	char path[400];
	struct err e = ERR_NONE;
	struct verify_report report;
	w->damage.at = at;
	w->damage.mask = 0x10;
	damage_toggle(w, w->dir);
	segment_path_of(w, w->dir, "segments", path);
	w->damage.hash = hash_of_file(path);
	state->damaged = true;
	assert_int_equal(store_verify(w->dir, &report, NULL, &e), RC_CORRUPT);
}

// The first segment; names what will be damaged.
static struct segment *first_segment(struct world *w)
{
	char path[400];
	struct err e = ERR_NONE;
	struct segment *s;
	snprintf(w->damage.name, sizeof(w->damage.name), "%012x.seg", 1u);
	segment_path_of(w, w->dir, "segments", path);
	kit_ok(segment_open(io_system(), path, &s, &e), &e);
	return s;
}

void setup_damaged_keys(struct world *w, struct world_state *state)
{
	struct segment *s = first_segment(w);
	uint64_t at = s->ids[REGION_KEYS].offset;
	segment_close(&s);
	damage(w, state, at);
}

void setup_damaged_chunk(struct world *w, struct world_state *state)
{
	struct segment *s = first_segment(w);
	assert_int_equal(s->info.n_chunks, 1);
	const struct segment_column *x = segment_column_get(&s->chunks[0], COLUMN_AT);
	uint64_t at = x ? x->offset : 0;
	assert_true(at > 0);
	segment_close(&s);
	damage(w, state, at);
}

void setup_damaged_footer(struct world *w, struct world_state *state)
{
	struct segment *s = first_segment(w);
	uint64_t at = s->ids[REGION_KEYS].offset + s->ids[REGION_KEYS].length;
	segment_close(&s);
	damage(w, state, at + 3);
}

void setup_damaged_trailer(struct world *w, struct world_state *state)
{
	struct segment *s = first_segment(w);
	struct segment_info info;
	segment_info_get(s, &info);
	segment_close(&s);
	damage(w, state, info.bytes - 1);
}

void setup_damaged_header(struct world *w, struct world_state *state)
{
	struct segment *s = first_segment(w);
	segment_close(&s);
	damage(w, state, 8);
}

enum rc do_repair(struct world *w, struct err *e)
{
	static const char *const words[] = {"verify", "--repair", "--format", "json", NULL};
	return world_command(w, words, e);
}

void expect_repair(struct world_state *state)
{
	state->damaged = false;
}

void expect_repair_lost(struct world_state *state)
{
	state->damaged = false;
	for (uint32_t i = 0; i < WORLD_SEALED; i++)
		state->there[i] = false;
}

// Not a byte of the damaged file is given up.
const char *check_repair(const struct world *w, bool succeeded)
{
	char kept[400], path[400];
	segment_path_of(w, w->dir, "damaged", kept);
	segment_path_of(w, w->dir, "segments", path);
	if (hash_of_file(kept) != w->damage.hash && (succeeded || hash_of_file(path) != w->damage.hash))
		return "the damaged segment is not kept";
	return NULL;
}

// --- export ---

enum rc do_export_csv(struct world *w, struct err *e)
{
	const char *const words[] = {"export", "--format", "csv", "--output", w->file, NULL};
	return world_command(w, words, e);
}

enum rc do_export_xes(struct world *w, struct err *e)
{
	static const char *const words[] = {"export", "--format", "xes", NULL};
	return world_command(w, words, e);
}

// All of it, or no such file.
const char *check_export(const struct world *w, bool succeeded)
{
	return succeeded || access(w->file, F_OK) == 0 ? world_same(w, w->file) : NULL;
}

// --- loading ---

static int by_person(const void *a, const void *b)
{
	return kit_compare(a, b);
}

// The numbers in the order in which they are loaded.
static void load_order(struct kit_expected order[N_FIRST])
{
	for (uint32_t i = 0; i < N_FIRST; i++) {
		struct interaction x;
		struct kit_texts t;
		world_interaction(i, &x, &t);
		order[i] = (struct kit_expected){
			person_of(x.identities[0].type, x.identities[0].value), x.at_ms, i, i};
	}
	qsort(order, N_FIRST, sizeof(*order), by_person);
}

static enum rc fill_run(
	struct load_run *r, const struct kit_expected *order, uint64_t middle, bool upper, struct err *e)
{
	enum rc rc = RC_OK;
	for (uint32_t i = 0; rc == RC_OK && i < N_FIRST; i++) {
		struct interaction x;
		struct kit_texts t;
		bool added;
		if ((order[i].person >= middle) != upper)
			continue;
		world_interaction(order[i].number, &x, &t);
		rc = load_run_add(r, &x, &added, e);
		if (rc == RC_OK && !added)
			rc = err_set(e, RC_EXISTS, "number %u was there already", order[i].number);
	}
	return rc;
}

static enum rc load(struct store_load *l, struct err *e)
{
	struct kit_expected order[N_FIRST];
	struct load_run *runs[2] = {NULL, NULL};
	load_order(order);
	uint64_t middle = order[N_FIRST / 2].person;
	enum rc rc = RC_OK;
	for (uint32_t i = 0; rc == RC_OK && i < 2; i++) {
		rc = load_run_new(l, i, &runs[i], e);
		if (rc == RC_OK)
			rc = fill_run(runs[i], order, middle, i == 1, e);
	}
	for (uint32_t i = 0; rc == RC_OK && i < 2; i++)
		rc = load_run_finish(&runs[i], e);
	load_run_free(&runs[0]);
	load_run_free(&runs[1]);
	return rc;
}

// Two runs; what is left of them once something is there comes by appending.
enum rc do_load(struct world *w, struct store *s, struct err *e)
{
	struct store_load *l = NULL;
	struct err why = ERR_NONE;
	enum rc rc = store_load_begin(s, &l, &why);
	if (rc == RC_EXISTS)
		return world_append(w, s, 0, N_FIRST, e);
	if (rc != RC_OK)
		return err_take(e, &why);
	rc = load(l, e);
	store_load_end(&l);
	return rc;
}

void expect_load(struct world_state *state)
{
	for (uint32_t i = 0; i < N_FIRST; i++)
		state->there[i] = true;
}

void expect_load_partly(struct world_state *state)
{
	struct kit_expected order[N_FIRST];
	load_order(order);
	for (uint32_t i = 0; i < N_FIRST; i++)
		if (order[i].person < order[N_FIRST / 2].person)
			state->there[order[i].number] = true;
}
