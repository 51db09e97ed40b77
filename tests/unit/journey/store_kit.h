// SPDX-License-Identifier: Apache-2.0
// What the tests of the store share: interactions that follow from a number, a slow model of what the store must
// hold, and the comparison of both row by row. Row k of the model is the k-th interaction that was taken in.
#ifndef CORRIDOR_TESTS_STORE_KIT_H
#define CORRIDOR_TESTS_STORE_KIT_H

#include "base/mem.h"
#include "journey/merge.h"
#include "journey/store_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define KIT_PERSONS 37u
#define KIT_TIMES 50u

static const char kit_design_text[] = "corridor: 1\n"
				      "brand: Test\n"
				      "timezone: Europe/Berlin\n"
				      "currency: EUR\n"
				      "stages: [purchase, use]\n"
				      "channels: {web: digital, phone: contact-centre}\n"
				      "dimensions: [product]\n"
				      "touchpoints:\n"
				      "  delivery:\n"
				      "    stage: purchase\n"
				      "    match: [{event: Delivered}]\n"
				      "  call:\n"
				      "    stage: use\n"
				      "    match: [{event: Call}]\n";

static bool kit_ids_always; // every interaction has a message id (else half of them)

struct kit {
	char dir[64];
	struct design *design;
	uint32_t *model; // numbers in order of arrival
	size_t n_model, model_capacity;
	size_t *place; // by number: where in the model it may be, 1 the first; 0: nowhere
	size_t places;
};

static inline uint64_t kit_mix(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ x >> 33;
}

static inline void kit_ok(enum rc rc, const struct err *e)
{
	char text[1200];
	if (rc != RC_OK)
		fail_msg("%s: %s", rc_info(rc)->name, err_format(e, text, sizeof(text)));
}

// The texts that an interaction's views point to.
struct kit_texts {
	char id[32], who[32], product[32], properties[64], text[64], promise[32];
};

// Interaction number n: everything follows from n. Few persons and times, so that there are many ties.
static inline void kit_interaction(uint32_t n, struct interaction *x, struct kit_texts *t)
{
	uint64_t h = kit_mix(n);
	memset(x, 0, sizeof(*x));
	snprintf(t->id, sizeof(t->id), "m-%u", n);
	snprintf(t->who, sizeof(t->who), "u%u", (unsigned)(h % KIT_PERSONS));
	snprintf(t->product, sizeof(t->product), "p%u", (unsigned)((h >> 8) % 5));
	snprintf(t->properties, sizeof(t->properties), "{\"product\":\"%s\",\"plan\":\"q%u\"}", t->product,
		(unsigned)((h >> 12) % 3));
	snprintf(t->text, sizeof(t->text), "text of %u", n);
	snprintf(t->promise, sizeof(t->promise), "promise-%u", n);
	x->id = sv_from(t->id);
	x->identities[0] = (struct identity){SV("user"), sv_from(t->who)};
	x->n_identities = 1;
	x->source = SV("shop");
	x->event = h >> 20 & 1 ? SV("Delivered") : h >> 21 & 1 ? SV("Call") : SV("Other");
	x->channel = h >> 22 & 1 ? SV("web") : SV("phone");
	x->at_ms = INT64_C(1700000000000) + (int64_t)(h >> 24 & 0xffff) % KIT_TIMES * 1000;
	x->received_ms = x->at_ms + (int64_t)n;
	x->due_ms = TIME_NONE;
	x->touchpoint = h >> 20 & 1 ? 0 : h >> 21 & 1 ? 1 : TOUCHPOINT_NONE;
	x->dimensions[0] = sv_from(t->product);
	x->properties = sv_from(t->properties);
	if (h >> 40 & 1) {
		x->measures[x->n_measures++] = (struct measure_value){1, (double)(1 + (h >> 41) % 5)};
		x->measures[x->n_measures++] =
			(struct measure_value){6, (double)(int64_t)(h >> 44 & 0xff) / 4 - 10};
	}
	if (h >> 56 & 1 && !kit_ids_always) // known by its content, which the text makes its own
		x->id = SV_NONE;
	if (h >> 52 & 1 || !x->id.ptr)
		x->text = sv_from(t->text);
	if (h >> 53 & 1) {
		x->promise = sv_from(t->promise);
		x->due_ms = x->at_ms + 86400000;
	} else if (h >> 54 & 1) {
		x->keeps = sv_from(t->promise);
	}
}

static inline void kit_remove_tree(const char *path)
{
	DIR *d = opendir(path);
	for (struct dirent *entry; d && (entry = readdir(d));) {
		char sub[1024];
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		int len = snprintf(sub, sizeof(sub), "%s/%s", path, entry->d_name);
		if (len < 0 || (size_t)len >= sizeof(sub))
			continue;
		if (unlink(sub) != 0)
			kit_remove_tree(sub);
	}
	if (d)
		closedir(d);
	rmdir(path);
}

static inline void kit_create(struct kit *k)
{
	struct err e = ERR_NONE;
	kit_remove_tree(k->dir);
	kit_ok(store_create(k->dir, sv_from(kit_design_text), "test.yaml", SV("tester"), &e), &e);
	k->n_model = 0;
}

static inline int kit_setup(void **state)
{
	struct err e = ERR_NONE;
	struct kit *k = mem_calloc(1, sizeof(*k));
	// Many fsyncs: in memory where that is possible. What is tested is processes that die, not machines.
	snprintf(k->dir, sizeof(k->dir), "%s/corridor-store-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(k->dir));
	kit_ok(design_parse(sv_from(kit_design_text), "test.yaml", &k->design, NULL, &e), &e);
	kit_create(k);
	*state = k;
	return 0;
}

static inline int kit_teardown(void **state)
{
	struct kit *k = *state;
	kit_remove_tree(k->dir);
	design_free(&k->design);
	mem_free(k->model);
	mem_free(k->place);
	mem_free(k);
	return 0;
}

static inline struct store *kit_open(struct kit *k, const struct store_options *options, bool foreground)
{
	struct err e = ERR_NONE;
	struct store *s;
	kit_ok(store_open(k->dir, options, &s, &e), &e);
	s->foreground = foreground;
	return s;
}

// A batch of the numbers given.
static inline struct batch *kit_batch(const struct design *d, const uint32_t *numbers, size_t n)
{
	struct err e = ERR_NONE;
	struct batch *b = batch_new(d);
	struct interaction *x = mem_calloc(1, sizeof(*x));
	assert_true(b && x);
	for (size_t i = 0; i < n; i++) {
		struct kit_texts t;
		kit_interaction(numbers[i], x, &t);
		kit_ok(batch_add(b, x, &e), &e);
	}
	mem_free(x);
	return b;
}

static inline struct batch *kit_range(const struct design *d, uint32_t first, uint32_t n)
{
	uint32_t *numbers = mem_alloc(n * sizeof(*numbers));
	for (uint32_t i = 0; i < n; i++)
		numbers[i] = first + i;
	struct batch *b = kit_batch(d, numbers, n);
	mem_free(numbers);
	return b;
}

static inline bool kit_has(const struct kit *k, uint32_t number)
{
	size_t place = number < k->places ? k->place[number] : 0;
	return place > 0 && place <= k->n_model && k->model[place - 1] == number;
}

static inline void kit_push(struct kit *k, uint32_t number)
{
	assert_int_equal(
		mem_grow((void **)&k->model, &k->model_capacity, k->n_model + 1, sizeof(k->model[0])), 0);
	k->model[k->n_model++] = number;
	size_t before = k->places;
	assert_int_equal(mem_grow((void **)&k->place, &k->places, number + 1u, sizeof(k->place[0])), 0);
	memset(k->place + before, 0, (k->places - before) * sizeof(k->place[0]));
	k->place[number] = k->n_model;
}

// Appends numbers to store and model, and holds the counts and bits of duplicates against the model.
static inline void kit_append(struct kit *k, struct store *s, const uint32_t *numbers, uint32_t n)
{
	struct err e = ERR_NONE;
	struct append_result r;
	struct batch *b = kit_batch(k->design, numbers, n);
	kit_ok(store_append(s, &b, 1, &r, NULL, NULL, &e), &e);
	uint32_t added = 0;
	for (uint32_t i = 0; i < n; i++) {
		bool known = kit_has(k, numbers[i]);
		assert_int_equal(r.duplicate_bits[i / 64] >> (i % 64) & 1, known);
		if (!known) {
			kit_push(k, numbers[i]);
			added++;
		}
	}
	assert_int_equal(r.n_added, added);
	assert_int_equal(r.n_duplicates, n - added);
	batch_free(&b);
}

static inline void kit_append_range(struct kit *k, struct store *s, uint32_t first, uint32_t n)
{
	uint32_t *numbers = mem_alloc(n * sizeof(*numbers));
	for (uint32_t i = 0; i < n; i++)
		numbers[i] = first + i;
	kit_append(k, s, numbers, n);
	mem_free(numbers);
}

// --- comparing ---

struct kit_expected {
	uint64_t person;
	int64_t at_ms;
	size_t arrival;
	uint32_t number;
};

static inline int kit_compare(const void *left, const void *right)
{
	const struct kit_expected *a = left, *b = right;
	if (a->person != b->person)
		return a->person < b->person ? -1 : 1;
	if (a->at_ms != b->at_ms)
		return a->at_ms < b->at_ms ? -1 : 1;
	return a->arrival < b->arrival ? -1 : 1;
}

static inline void kit_check_row(const struct names *names, const struct row *row, uint32_t number)
{
	struct interaction *x = mem_calloc(1, sizeof(*x));
	struct kit_texts t;
	kit_interaction(number, x, &t);
	if (!sv_equal(row->cold[COLD_ID], x->id))
		fail_msg("expected %s, found %.*s", t.id, SV_ARG(row->cold[COLD_ID]));
	assert_true(row->at_ms == x->at_ms && row->received_ms == x->received_ms && row->due_ms == x->due_ms);
	assert_true(row->person == person_of(x->identities[0].type, x->identities[0].value));
	assert_true(sv_equal(names_at(names, NAME_EVENT, row->code[CODE_EVENT]), x->event));
	assert_true(sv_equal(names_at(names, NAME_CHANNEL, row->code[CODE_CHANNEL]), x->channel));
	assert_true(sv_equal(names_at(names, NAME_SOURCE, row->code[CODE_SOURCE]), x->source));
	assert_true(row->code[CODE_AGENT] == 0 && row->code[CODE_LOCATION] == 0);
	assert_true(sv_equal(row->cold[COLD_TEXT], x->text));
	assert_true(sv_equal(row->cold[COLD_PROPERTIES], x->properties));
	assert_true(
		sv_equal(row->cold[COLD_PROMISE], x->promise) && (row->promise != 0) == (x->promise.len != 0));
	assert_true(sv_equal(row->cold[COLD_KEEPS], x->keeps) && (row->keeps != 0) == (x->keeps.len != 0));
	assert_int_equal(row->n_measures, x->n_measures);
	for (uint32_t i = 0; i < x->n_measures; i++) {
		static const char *const measure[] = {"csat", "delay"};
		bool found = false;
		for (uint32_t m = 0; m < row->n_measures; m++)
			if (sv_equal(names_at(names, NAME_MEASURE, row->measures[m].slot + 1),
				    sv_from(measure[i])))
				found = row->measures[m].value == x->measures[i].value;
		assert_true(found);
	}
	mem_free(x);
}

static inline struct sv kit_touchpoint(const struct names *names, const struct row *row)
{
	return names_at(names, NAME_TOUCHPOINT, row->code[CODE_TOUCHPOINT]);
}

static inline struct sv kit_dimension(const struct names *names, const struct row *row, const char *dimension)
{
	uint32_t code = names_find(names, NAME_DIMENSION, sv_from(dimension));
	if (code == NAME_NONE)
		return SV_NONE;
	return names_at(
		names, (enum name_kind)(NAME_DIMENSION0 + code - 1), row->code[CODE_DIMENSION0 + code - 1]);
}

// The touch point and dimension by the design of this file.
static inline void kit_check_resolved(const struct names *names, const struct row *row, uint32_t number)
{
	struct interaction *x = mem_calloc(1, sizeof(*x));
	struct kit_texts t;
	static const char *const touchpoints[] = {"delivery", "call"};
	kit_interaction(number, x, &t);
	struct sv expected = x->touchpoint == TOUCHPOINT_NONE ? SV_NONE : sv_from(touchpoints[x->touchpoint]);
	assert_true(sv_equal(kit_touchpoint(names, row), expected));
	assert_true(sv_equal(kit_dimension(names, row, "product"), x->dimensions[0]));
	mem_free(x);
}

// All segments of a snapshot in one memory segment.
static inline struct segment *kit_merge(const struct snapshot *sn)
{
	struct err e = ERR_NONE;
	struct segment_writer *w;
	struct segment_info info;
	struct segment *all = NULL;
	const struct snapshot_segments *list = snapshot_segments(sn);
	kit_ok(segment_writer_new(io_system(), NULL, &w, &e), &e);
	kit_ok(merge_segments(list->items, list->n, w, NULL, &e), &e);
	kit_ok(segment_writer_finish(w, &info, &e), &e);
	size_t n;
	uint8_t *bytes = segment_writer_take(w, &n);
	segment_writer_free(&w);
	kit_ok(segment_open_memory(bytes, n, &all, &e), &e);
	return all;
}

typedef void kit_row_check(const struct names *names, const struct row *row, uint32_t number);

// Holds a snapshot against the first n of the model: every row, in order, exactly once.
static inline void kit_check_snapshot(
	const struct kit *k, const struct snapshot *sn, size_t n, kit_row_check *resolved)
{
	struct snapshot_stats stats;
	snapshot_stats(sn, &stats);
	assert_int_equal(stats.n_interactions, n);
	struct kit_expected *expected = mem_alloc((n + 1) * sizeof(*expected));
	struct interaction *x = mem_calloc(1, sizeof(*x));
	for (size_t i = 0; i < n; i++) {
		struct kit_texts t;
		kit_interaction(k->model[i], x, &t);
		expected[i] = (struct kit_expected){
			person_of(x->identities[0].type, x->identities[0].value), x->at_ms, i, k->model[i]};
	}
	mem_free(x);
	qsort(expected, n, sizeof(*expected), kit_compare);
	struct err e = ERR_NONE;
	struct segment *all = kit_merge(sn);
	struct segment_rows *rows;
	const struct row *row;
	kit_ok(segment_rows_open(all, &rows, &e), &e);
	for (size_t i = 0; i < n; i++) {
		kit_ok(segment_rows_next(rows, &row, &e), &e);
		assert_non_null(row);
		kit_check_row(snapshot_names(sn), row, expected[i].number);
		resolved(snapshot_names(sn), row, expected[i].number);
	}
	kit_ok(segment_rows_next(rows, &row, &e), &e);
	assert_null(row);
	segment_rows_close(&rows);
	segment_close(&all);
	mem_free(expected);
}

static inline void kit_check(const struct kit *k, struct store *s)
{
	struct err e = ERR_NONE;
	struct snapshot *sn;
	kit_ok(snapshot_open(s, &sn, &e), &e);
	kit_check_snapshot(k, sn, k->n_model, kit_check_resolved);
	snapshot_close(&sn);
}

static inline void kit_verify(const char *dir)
{
	struct err e = ERR_NONE;
	struct verify_report report;
	kit_ok(store_verify(dir, &report, NULL, &e), &e);
	assert_int_equal(report.n_problems, 0);
}

#endif
