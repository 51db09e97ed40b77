// SPDX-License-Identifier: Apache-2.0
// Segments: what is written comes back, to the bit; statistics, ids and cold values; whole chunks and giants.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "../seeds.h"
#include "random_rows.h"

#include <unistd.h>

static void sv_expect(struct sv a, struct sv b)
{
	assert_true((a.ptr == NULL) == (b.ptr == NULL));
	assert_true(sv_equal(a, b));
}

static void row_expect(const struct row *a, const struct row *b)
{
	assert_true(a->person == b->person && a->at_ms == b->at_ms && a->received_ms == b->received_ms &&
		    a->due_ms == b->due_ms && a->promise == b->promise && a->keeps == b->keeps);
	assert_memory_equal(a->code, b->code, sizeof a->code);
	assert_int_equal(a->n_measures, b->n_measures);
	for (uint32_t i = 0; i < a->n_measures; i++) {
		assert_int_equal(a->measures[i].slot, b->measures[i].slot);
		assert_memory_equal(&a->measures[i].value, &b->measures[i].value, sizeof(double));
	}
	for (unsigned i = 0; i < COLD_COLUMNS; i++)
		sv_expect(a->cold[i], b->cold[i]);
}

// Reads everything back; identity lists must come at their first showing and not again.
static void rows_expect(const struct rows *rows, const struct segment *s)
{
	struct segment_rows *r;
	struct err e = ERR_NONE;
	const struct row *row;
	assert_int_equal(segment_rows_open(s, &r, &e), RC_OK);
	uint32_t first = 0; // row of the person
	for (uint32_t i = 0; i < rows->n; i++) {
		assert_int_equal(segment_rows_next(r, &row, &e), RC_OK);
		assert_non_null(row);
		row_expect(&rows->items[i], row);
		if (first < i && rows->items[first].person != rows->items[i].person)
			first = i;
		bool shown = false;
		for (uint32_t k = first; k < i; k++)
			shown = shown || sv_equal(rows->items[k].identities, rows->items[i].identities);
		if (row->identities.ptr)
			sv_expect(row->identities, rows->items[i].identities);
		if (rows->n > CHUNK_ROWS)
			first = i + 1; // too many to look back on
		else if (shown)
			assert_null(row->identities.ptr);
		else
			sv_expect(row->identities, rows->items[i].identities);
	}
	assert_int_equal(segment_rows_next(r, &row, &e), RC_OK);
	assert_null(row);
	assert_int_equal(segment_rows_next(r, &row, &e), RC_OK);
	assert_null(row);
	segment_rows_close(&r);
}

static void info_expect(const struct rows *rows, const struct segment *s)
{
	struct segment_info info;
	segment_info_get(s, &info);
	uint64_t n_persons = rows->n > 0;
	int64_t first = rows->n ? rows->items[0].at_ms : TIME_NONE, last = first;
	for (uint32_t i = 1; i < rows->n; i++) {
		n_persons += rows->items[i].person != rows->items[i - 1].person;
		first = rows->items[i].at_ms < first ? rows->items[i].at_ms : first;
		last = rows->items[i].at_ms > last ? rows->items[i].at_ms : last;
	}
	assert_true(info.n_rows == rows->n && info.n_persons == n_persons);
	assert_true(info.first_ms == first && info.last_ms == last);
	if (rows->n) {
		assert_true(info.first_person == rows->items[0].person);
		assert_true(info.last_person == rows->items[rows->n - 1].person);
	}
}

static void ids_expect(const struct rows *rows, const struct segment *s, struct random *r)
{
	struct segment_ids ids;
	uint64_t key, *keys = rows_keys(rows);
	assert_int_equal(segment_ids_open(s, &ids, NULL), RC_OK);
	assert_int_equal(ids.n, rows->n);
	for (uint32_t i = 0; i < rows->n; i++) {
		assert_true(segment_ids_next(&ids, &key));
		assert_true(key == keys[i]);
	}
	assert_false(segment_ids_next(&ids, &key));
	mem_free(keys);
	uint64_t asked[128], bits[2] = {0, 0};
	for (unsigned i = 0; i < 128; i++)
		asked[i] = rows->n && i % 2 ? rows->items[random_below(r, rows->n)].id_key : random_u64(r);
	assert_int_equal(segment_ids_lookup(s, asked, 128, bits), RC_OK);
	for (unsigned i = 0; i < 128; i++)
		assert_true((bits[i / 64] >> (i % 64) & 1) == (rows->n && i % 2));
}

static void cold_expect(const struct rows *rows, const struct segment *s, struct random *r)
{
	struct arena *a = arena_new(0);
	struct err e = ERR_NONE;
	struct cold_cache *cache = cold_cache_new();
	assert_non_null(a);
	assert_non_null(cache);
	for (unsigned k = 0; rows->n && k < 40; k++) { // anywhere, then from somewhere on in order
		uint32_t i = k < 20 ? random_below(r, rows->n) : (rows->n / 3 + k) % rows->n, chunk = 0,
			 row = i;
		while (row >= s->chunks[chunk].n_rows)
			row -= s->chunks[chunk++].n_rows;
		unsigned what = random_below(r, COLD_COLUMNS);
		struct sv value;
		assert_int_equal(segment_cold(cache, s, chunk, row, what, a, &value, &e), RC_OK);
		sv_expect(value, rows->items[i].cold[what]);
	}
	cold_cache_free(&cache);
	arena_free(&a);
}

static void all_expect(struct random *r, const struct rows_shape *shape)
{
	struct rows rows = rows_random(r, shape);
	struct segment *s = rows_segment(&rows);
	struct err e = ERR_NONE;
	rows_expect(&rows, s);
	info_expect(&rows, s);
	ids_expect(&rows, s, r);
	cold_expect(&rows, s, r);
	if (segment_verify(s, &e))
		fail_msg("verify: %s", e.message);
	segment_close(&s);
	rows_free(&rows);
}

static void small_segments_come_back(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 2000; seed += seeds_step()) {
		struct random r = {seed};
		struct rows_shape shape = {.n_rows = random_below(&r, seed % 10 ? 40 : 700),
			.n_persons = 1 + random_below(&r, 20),
			.spread = seed % 2,
			.flavour = (unsigned)seed % 168};
		all_expect(&r, &shape);
	}
}

static void big_segments_come_back(void **state)
{
	(void)state;
	for (unsigned flavour = 1; flavour < 6; flavour += 2) {
		struct random r = {flavour};
		struct rows_shape shape = {
			.n_rows = 150000, .n_persons = 9000, .spread = true, .flavour = flavour};
		all_expect(&r, &shape);
	}
}

static void giants_go_over_chunks(void **state)
{
	(void)state;
	struct random r = {7};
	struct rows_shape shape = {.n_rows = 300000, .n_persons = 1, .spread = true, .flavour = 6};
	all_expect(&r, &shape);
	shape = (struct rows_shape){.n_rows = 260000, .n_persons = 2, .spread = true, .flavour = 6};
	all_expect(&r, &shape);
}

static void chunks_end_at_persons(void **state)
{
	(void)state;
	struct random r = {11};
	struct rows_shape shape = {.n_rows = 200000, .n_persons = 400, .spread = true, .flavour = 0};
	struct rows rows = rows_random(&r, &shape);
	struct segment *s = rows_segment(&rows);
	assert_int_equal(s->info.n_chunks, 4); // 65,536 rows and the rest of a person of about 500
	for (uint32_t i = 0; i + 1 < s->info.n_chunks; i++) {
		assert_true(s->chunks[i].n_rows >= CHUNK_ROWS && s->chunks[i].n_rows < CHUNK_ROWS + 1000);
		assert_true(s->chunks[i].last_person < s->chunks[i + 1].first_person);
	}
	segment_close(&s);
	rows_free(&rows);
}

// One chunk with a measure of given values; what encoding was chosen, and do the values come back?
static void measure_expect(
	const double *value, uint32_t n, enum segment_encoding encoding, unsigned width, unsigned scale)
{
	struct rows rows = {.n = n, .items = mem_calloc(n, sizeof *rows.items)};
	assert_non_null(rows.items);
	for (uint32_t i = 0; i < n; i++) {
		rows.items[i] =
			(struct row){.person = 1, .at_ms = (int64_t)i, .id_key = i, .due_ms = TIME_NONE};
		rows.items[i].n_measures = 1;
		rows.items[i].measures[0] = (struct row_measure){3, value[i]};
	}
	struct segment *s = rows_segment(&rows);
	const struct segment_column *x = column_of(s, COLUMN_MEASURE0 + 3);
	assert_int_equal(x->encoding, encoding);
	assert_int_equal(x->width, width);
	assert_int_equal(x->scale, scale);
	rows_expect(&rows, s);
	segment_close(&s);
	mem_free(rows.items);
}

static void numbers_take_the_bytes_they_need(void **state)
{
	(void)state;
	measure_expect((double[]){0, 10, 7}, 3, ENCODING_DECIMAL, 4, 0);
	measure_expect((double[]){0.1, 0.3, 25.5}, 3, ENCODING_DECIMAL, 8, 1); // 0 … 254
	measure_expect((double[]){19.99, -3.5}, 2, ENCODING_DECIMAL, 1, 2);    // one multiple apart: 2349
	measure_expect((double[]){19.99, -3.5, 19.98}, 3, ENCODING_DECIMAL, 12, 2);
	measure_expect((double[]){5, 5, 5}, 3, ENCODING_DECIMAL, 0, 0);
	measure_expect((double[]){-0.0, 1}, 2, ENCODING_F64, 64, 0);
	measure_expect((double[]){1e300, 1}, 2, ENCODING_F64, 64, 0);
	measure_expect((double[]){1.0 / 3, 1}, 2, ENCODING_F64, 64, 0);
	measure_expect((double[]){9007199254740992.0, -9007199254740992.0, 1}, 3, ENCODING_DECIMAL, 55, 0);
	measure_expect((double[]){9007199254740994.0, 1}, 2, ENCODING_F64, 64, 0);
}

// The mark of the format: a row of a usual import without message ids.
static void rows_cost_few_bytes(void **state)
{
	(void)state;
	struct random r = {5};
	struct rows rows = {.n = 200000, .items = mem_calloc(200000, sizeof(struct row))};
	assert_non_null(rows.items);
	for (uint32_t i = 0; i < rows.n; i++) {
		struct row *row = &rows.items[i];
		row->person = (1 + random_below(&r, 10000)) * 0x9E3779B97F4A7C15ull;
		row->id_key = random_u64(&r);
		row->at_ms = 1700000000000 + (int64_t)(random_u64(&r) % 31536000000ull);
		row->received_ms = 1700000000000 + 1000 * (int64_t)random_below(&r, 200);
		row->due_ms = TIME_NONE;
		row->code[CODE_TOUCHPOINT] = 1 + random_below(&r, 30);
		row->code[CODE_CHANNEL] = 1 + random_below(&r, 8);
		row->code[CODE_EVENT] = 1 + random_below(&r, 40);
		row->code[CODE_SOURCE] = 3;
		if (random_below(&r, 20) == 0)
			row->measures[row->n_measures++] = (struct row_measure){0, random_below(&r, 11)};
		if (random_below(&r, 12) == 0)
			row->measures[row->n_measures++] = (struct row_measure){1, random_below(&r, 600)};
		row->measures[row->n_measures++] = (struct row_measure){7, (double)(random_u64(&r) >> 32)};
	}
	qsort(rows.items, rows.n, sizeof *rows.items, row_compare);
	uint32_t n_ids = rows_ids;
	rows_ids = 0;
	struct segment *s = rows_segment(&rows);
	double bytes = (double)s->info.bytes / rows.n;
	segment_close(&s);
	rows_ids = n_ids;
	s = rows_segment(&rows);
	double with_ids = (double)s->info.bytes / rows.n;
	print_message("%.2f bytes per interaction, %.2f with a message id\n", bytes, with_ids);
	assert_true(bytes < 13 && with_ids < bytes + 7);
	segment_close(&s);
	mem_free(rows.items);
}

static void received_is_small(void **state)
{
	(void)state;
	struct random r = {3};
	struct rows_shape shape = {.n_rows = 60000, .n_persons = 3000, .spread = true, .flavour = 0};
	struct rows rows = rows_random(&r, &shape); // 20 distinct times
	struct segment *s = rows_segment(&rows);
	const struct segment_column *x = column_of(s, COLUMN_RECEIVED);
	assert_int_equal(x->width, 5);
	segment_close(&s);
	for (uint32_t i = 0; i < rows.n; i++)
		rows.items[i].received_ms = rows.items[i].at_ms + random_below(&r, 60000);
	s = rows_segment(&rows);
	x = column_of(s, COLUMN_RECEIVED);
	assert_int_equal(x->flags, COLUMN_FROM_AT);
	assert_int_equal(x->width, 16);
	rows_expect(&rows, s);
	segment_close(&s);
	rows_free(&rows);
}

static void identities_are_gathered(void **state)
{
	(void)state;
	struct random r = {31};
	struct rows_shape shape = {.n_rows = 400, .n_persons = 5, .flavour = 1};
	struct rows rows = rows_random(&r, &shape);
	struct segment *s = rows_segment(&rows);
	struct arena *a = arena_new(0);
	struct err e = ERR_NONE;
	for (uint64_t person = 0; person < 7; person++) {
		struct identity_list list = {.n = 0};
		assert_int_equal(segment_identities(s, person, NULL, NULL, a, &list, &e), RC_OK);
		// With 80 rows each, a person has shown the user and all three cards.
		assert_int_equal(list.n, person >= 1 && person <= 5 ? 4 : 0);
		if (list.n) {
			char text[32];
			snprintf(text, sizeof text, "user:%u", (unsigned)person);
			assert_true(sv_equal(list.items[0], sv_from(text)));
		}
		mem_free(list.items);
	}
	arena_free(&a);
	segment_close(&s);
	rows_free(&rows);
}

static void files_are_what_memory_is(void **state)
{
	(void)state;
	struct random r = {77};
	struct rows_shape shape = {.n_rows = 150000, .n_persons = 5000, .spread = true, .flavour = 2};
	struct rows rows = rows_random(&r, &shape);
	char path[64];
	snprintf(path, sizeof path, "/tmp/corridor-test-%ld.seg", (long)getpid());
	unlink(path);
	struct segment_info info, again;
	struct err e = ERR_NONE;
	assert_int_equal(rows_write(&rows, NULL, path, NULL, NULL, &info, &e), RC_OK);
	uint8_t *bytes = NULL;
	size_t n = 0;
	assert_int_equal(rows_write(&rows, NULL, NULL, &bytes, &n, &again, &e), RC_OK);
	char *file;
	size_t file_n;
	assert_int_equal(io_read_file(io_system(), path, 1u << 30, &file, &file_n, &e), RC_OK);
	assert_true(file_n == n && memcmp(file, bytes, n) == 0);
	assert_true(info.checksum == again.checksum && info.bytes == n);
	mem_free(file);
	mem_free(bytes);
	struct segment *s;
	assert_int_equal(segment_open(NULL, path, &s, &e), RC_OK);
	assert_int_equal(segment_verify(s, &e), RC_OK);
	rows_expect(&rows, s);
	segment_close(&s);
	// A file in the way is not overwritten.
	assert_int_equal(rows_write(&rows, NULL, path, NULL, NULL, &info, &e), RC_IO);
	unlink(path);
	e = ERR_NONE;
	assert_int_equal(segment_open(NULL, path, &s, &e), RC_NOT_FOUND);
	rows_free(&rows);
}

static void order_is_demanded(void **state)
{
	(void)state;
	struct segment_writer *w;
	struct err e = ERR_NONE;
	assert_int_equal(segment_writer_new(NULL, NULL, &w, &e), RC_OK);
	struct row row = {.person = 5, .at_ms = 10, .due_ms = TIME_NONE};
	assert_int_equal(segment_writer_add(w, &row, &e), RC_OK);
	row.at_ms = 9;
	assert_int_equal(segment_writer_add(w, &row, &e), RC_CORRUPT);
	segment_writer_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_segments_come_back),
		cmocka_unit_test(big_segments_come_back),
		cmocka_unit_test(giants_go_over_chunks),
		cmocka_unit_test(chunks_end_at_persons),
		cmocka_unit_test(numbers_take_the_bytes_they_need),
		cmocka_unit_test(rows_cost_few_bytes),
		cmocka_unit_test(received_is_small),
		cmocka_unit_test(identities_are_gathered),
		cmocka_unit_test(files_are_what_memory_is),
		cmocka_unit_test(order_is_demanded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
