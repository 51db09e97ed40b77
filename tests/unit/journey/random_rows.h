// SPDX-License-Identifier: Apache-2.0
// Random rows for the tests of segments and cursors, and segments in memory made of them. Header only: each test
// program is one file.
#ifndef CORRIDOR_TEST_RANDOM_ROWS_H
#define CORRIDOR_TEST_RANDOM_ROWS_H

#include "base/arena.h"
#include "base/mem.h"
#include "journey/segment.h"

#include <stdio.h>
#include <stdlib.h>

struct random {
	uint64_t state;
};

// splitmix64 (Steele, Lea & Flood 2014).
static inline uint64_t random_u64(struct random *r)
{
	uint64_t z = (r->state += 0x9E3779B97F4A7C15ull);
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return z ^ (z >> 31);
}

static inline uint32_t random_below(struct random *r, uint32_t n)
{
	return (uint32_t)(random_u64(r) % n);
}

struct rows {
	struct row *items;
	uint32_t n;
	struct arena *arena;
};

// How one column behaves in a generated segment.
struct rows_shape {
	uint32_t n_rows, n_persons;
	bool spread;      // person keys over the whole range, else 1…n_persons
	unsigned flavour; // picks time ranges, sparsities and number formats
};

static inline int64_t random_time(struct random *r, unsigned flavour)
{
	const int64_t day = 86400000, base = 1700000000000;
	switch (flavour % 6) {
	case 0:
		return base + (int64_t)(random_u64(r) % (uint64_t)(365 * day));
	case 1:
		return base + (int64_t)random_below(r, 100); // many ties
	case 2:
		return base + 1000 * (int64_t)random_below(r, 1000000); // whole seconds
	case 3:
		return (int64_t)random_u64(r); // everything that fits
	case 4:
		return random_below(r, 2) ? INT64_MIN + random_below(r, 3) : INT64_MAX - random_below(r, 3);
	default:
		return 0;
	}
}

static inline double random_value(struct random *r, unsigned slot, unsigned flavour)
{
	static const double odd[] = {-0.0, 0.0, 1e300, -1e300, 0.1, 5e-324, 9007199254740993.0, 1e15 + 0.5};
	switch ((slot + flavour) % 7) {
	case 0:
		return random_below(r, 11);
	case 1:
		return (double)(int32_t)random_u64(r);
	case 2:
		return random_below(r, 100000) / 100.0;
	case 3:
		return odd[random_below(r, 8)];
	case 4:
		return (double)random_u64(r) / 3.0;
	case 5:
		return 4.5;
	default:
		return 1000.0 * random_below(r, 50) - 20000.0;
	}
}

static inline struct sv random_text(struct random *r, struct arena *a, uint32_t max)
{
	uint32_t n = random_below(r, max + 1);
	char *p = arena_alloc(a, n + 1u);
	if (!p)
		abort();
	for (uint32_t i = 0; i < n; i++)
		p[i] = (char)('a' + random_below(r, 6));
	return (struct sv){p, n};
}

static inline struct sv random_identities(struct random *r, struct arena *a, uint64_t person)
{
	struct buf b = buf_new(1000);
	char text[64];
	snprintf(text, sizeof text, "user:%llu", (unsigned long long)person);
	buf_blob(&b, sv_from(text));
	if (random_below(r, 2)) {
		snprintf(text, sizeof text, "card:%llu-%u", (unsigned long long)person, random_below(r, 3));
		buf_blob(&b, sv_from(text));
	}
	struct sv copy = arena_copy(a, buf_view(&b));
	buf_free(&b);
	return copy;
}

static inline void random_row(
	struct random *r, struct arena *a, const struct rows_shape *shape, struct row *row)
{
	unsigned flavour = shape->flavour;
	row->at_ms = random_time(r, flavour);
	switch (flavour / 2 % 4) {
	case 0:
		row->received_ms = 1700000000000 + 60000 * (int64_t)random_below(r, 20); // few, far apart
		break;
	case 1:
		row->received_ms = (int64_t)((uint64_t)row->at_ms + random_below(r, 200)); // soon after
		break;
	case 2:
		row->received_ms = 1700000000123;
		break;
	default:
		row->received_ms = (int64_t)random_u64(r);
	}
	row->due_ms = random_below(r, 20) == 0 ? random_time(r, flavour) : TIME_NONE;
	row->promise = random_below(r, 20) == 0 ? random_u64(r) : 0;
	row->keeps = random_below(r, 50) == 0 ? random_u64(r) : 0;
	static const uint32_t n_codes[] = {1, 5, 300, 70000, UINT32_MAX};
	for (unsigned i = 0; i < CODE_COLUMNS; i++) {
		uint32_t n = n_codes[(i + flavour) % 5];
		if ((i + flavour) % 11 == 7)
			continue; // missing
		if ((i + flavour) % 7 != 3 || random_below(r, 30) == 0)
			row->code[i] = random_below(r, n) + (uint32_t)(flavour % 2);
	}
	for (unsigned slot = 0; slot < 12; slot++)
		if (slot % 4 == 0 || random_below(r, slot % 4 == 1 ? 20 : 3) == 0)
			row->measures[row->n_measures++] =
				(struct row_measure){slot * 5 % 64, random_value(r, slot, flavour)};
	for (unsigned i = 1; i < row->n_measures; i++) // rows come back in order of slots
		for (unsigned k = i; k > 0 && row->measures[k - 1].slot > row->measures[k].slot; k--) {
			struct row_measure swap = row->measures[k];
			row->measures[k] = row->measures[k - 1];
			row->measures[k - 1] = swap;
		}
	if (flavour % 3 != 0)
		for (unsigned i = 0; i < COLD_COLUMNS; i++)
			if (i == 0 || random_below(r, 4) == 0)
				row->cold[i] = random_text(r, a, i == COLD_TEXT ? 300 : 20);
}

static inline int row_compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	if (x->person != y->person)
		return x->person < y->person ? -1 : 1;
	if (x->at_ms != y->at_ms)
		return x->at_ms < y->at_ms ? -1 : 1;
	return (x->id_key > y->id_key) - (x->id_key < y->id_key);
}

// Sorted rows; id_key is random (and breaks ties of the sort).
static inline struct rows rows_random(struct random *r, const struct rows_shape *shape)
{
	struct rows rows = {.n = shape->n_rows, .arena = arena_new(0)};
	rows.items = mem_calloc(rows.n, sizeof *rows.items);
	if (!rows.items || !rows.arena)
		abort();
	for (uint32_t i = 0; i < rows.n; i++) {
		struct row *row = &rows.items[i];
		uint64_t p = 1 + random_below(r, shape->n_persons);
		row->person = shape->spread ? p * 0x9E3779B97F4A7C15ull : p;
		row->id_key = random_u64(r);
		random_row(r, rows.arena, shape, row);
		if (shape->flavour % 3 != 0)
			row->identities = random_identities(r, rows.arena, row->person);
	}
	qsort(rows.items, rows.n, sizeof *rows.items, row_compare);
	return rows;
}

static inline void rows_free(struct rows *rows)
{
	mem_free(rows->items);
	arena_free(&rows->arena);
}

static inline int key_compare(const void *a, const void *b)
{
	uint64_t x, y;
	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return (x > y) - (x < y);
}

static inline uint64_t *rows_keys(const struct rows *rows)
{
	uint64_t *keys = mem_calloc(rows->n, sizeof *keys);
	if (!keys)
		abort();
	for (uint32_t i = 0; i < rows->n; i++)
		keys[i] = rows->items[i].id_key;
	qsort(keys, rows->n, sizeof *keys, key_compare);
	return keys;
}

// How many of the rows' keys are written (the first ones in order of keys).
static uint32_t rows_ids = UINT32_MAX;

// Writes all rows and keys. The writer is freed; in memory *bytes and *n get the segment.
static inline enum rc rows_write(const struct rows *rows, const struct io *io, const char *path,
	uint8_t **bytes, size_t *n, struct segment_info *info, struct err *e)
{
	struct segment_writer *w;
	enum rc rc = segment_writer_new(io, path, &w, e);
	for (uint32_t i = 0; !rc && i < rows->n; i++)
		rc = segment_writer_add(w, &rows->items[i], e);
	uint64_t *keys = rows_keys(rows);
	uint32_t n_keys = rows->n < rows_ids ? rows->n : rows_ids, half = n_keys / 3;
	if (!rc)
		rc = segment_writer_rows_end(w, n_keys, e);
	if (!rc)
		rc = segment_writer_ids(w, keys, half, e);
	if (!rc)
		rc = segment_writer_ids(w, keys + half, n_keys - half, e);
	mem_free(keys);
	if (!rc)
		rc = segment_writer_finish(w, info, e);
	if (!rc && !path)
		*bytes = segment_writer_take(w, n);
	segment_writer_free(&w);
	return rc;
}

// A column of the first chunk that must be there.
static inline const struct segment_column *column_of(const struct segment *s, unsigned number)
{
	const struct segment_column *x = segment_column_get(&s->chunks[0], number);
	if (!x)
		abort();
	return x;
}

static inline struct segment *rows_segment(const struct rows *rows)
{
	uint8_t *bytes = NULL;
	size_t n = 0;
	struct segment_info info;
	struct segment *s = NULL;
	struct err e = ERR_NONE;
	enum rc rc = rows_write(rows, NULL, NULL, &bytes, &n, &info, &e);
	if (!rc)
		rc = segment_open_memory(bytes, n, &s, &e);
	if (rc) {
		fprintf(stderr, "segment of random rows: %s\n", e.message);
		abort();
	}
	return s;
}

#endif
