// SPDX-License-Identifier: Apache-2.0
// Interactions without a message id are known by their content: what differs in one field is another interaction,
// however much else is alike, before sealing and after; and segments of format 1 still tell what they hold.
#include "store_kit.h"

#include "journey/segment.h"

#include <stdio.h>

static void base_fill(struct interaction *x)
{
	memset(x, 0, sizeof(*x));
	x->identities[0] = (struct identity){SV("user"), SV("u1")};
	x->identities[1] = (struct identity){SV("email"), SV("u1@example.org")};
	x->n_identities = 2;
	x->source = SV("shop");
	x->event = SV("Delivered");
	x->channel = SV("web");
	x->at_ms = x->received_ms = INT64_C(1700000000000);
	x->due_ms = TIME_NONE;
	x->touchpoint = 0;
	x->measures[x->n_measures++] = (struct measure_value){1, 4};
}

// Variants that differ from the base in one thing each; false when there are no more.
static bool variant_fill(unsigned i, struct interaction *x)
{
	base_fill(x);
	switch (i) {
	case 0:
		return true;
	case 1:
		x->identities[0].value = SV("u2");
		return true;
	case 2:
		x->at_ms++;
		return true;
	case 3:
		x->source = SV("call centre");
		return true;
	case 4:
		x->event = SV("Call");
		return true;
	case 5:
		x->channel = SV("phone");
		return true;
	case 6:
		x->agent = SV("a7");
		return true;
	case 7:
		x->location = SV("Jena");
		return true;
	case 8:
		x->text = SV("late");
		return true;
	case 9:
		x->properties = SV("{\"product\":\"p1\"}");
		return true;
	case 10:
		x->promise = SV("p-1");
		x->due_ms = x->at_ms + 1000;
		return true;
	case 11:
		x->promise = SV("p-1");
		x->due_ms = x->at_ms + 2000;
		return true;
	case 12:
		x->keeps = SV("p-1");
		return true;
	case 13:
		x->measures[0].value = -0.0;
		return true;
	case 14:
		x->measures[0].value = 0;
		return true;
	case 15:
		x->n_measures = 0;
		return true;
	case 16:
		x->measures[0].measure = 6;
		return true;
	case 17:
		x->measures[x->n_measures++] = (struct measure_value){6, 1};
		return true;
	case 18:
		x->dimensions[0] = SV("p1");
		x->paths[0] = SV("p1");
		return true;
	case 19:
		x->identities[1].value = SV("other@example.org");
		return true;
	case 20:
		x->id = SV("m-1");
		return true;
	default:
		return false;
	}
}

enum { VARIANTS = 21 };

static struct batch *variants_batch(const struct kit *k, int64_t later_ms)
{
	struct err e = ERR_NONE;
	struct batch *b = batch_new(k->design);
	struct interaction *x = mem_calloc(1, sizeof(*x));
	assert_true(b && x);
	for (unsigned i = 0; variant_fill(i, x); i++) {
		x->received_ms += later_ms;
		kit_ok(batch_add(b, x, &e), &e);
	}
	assert_int_equal(batch_count(b), VARIANTS);
	mem_free(x);
	return b;
}

static void expect_added(struct kit *k, struct store *s, uint32_t n_added, int64_t later_ms)
{
	struct err e = ERR_NONE;
	struct append_result r;
	struct batch *b = variants_batch(k, later_ms);
	kit_ok(store_append(s, &b, 1, &r, NULL, NULL, &e), &e);
	assert_int_equal(r.n_added, n_added);
	assert_int_equal(r.n_duplicates, VARIANTS - n_added);
	batch_free(&b);
}

static void one_field_makes_another_interaction(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct store *s = kit_open(k, NULL, true);
	expect_added(k, s, VARIANTS, 0);
	expect_added(k, s, 0, 1000); // received later: the same
	kit_ok(store_seal(s, &e), &e);
	expect_added(k, s, 0, 2000); // now known by what the segment holds
	store_close(&s);
	kit_verify(k->dir);
	s = kit_open(k, NULL, true);
	expect_added(k, s, 0, 3000);
	store_close(&s);
}

// Each variant alone in a segment: all the others are still others.
static void no_variant_hides_another(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct interaction *x = mem_calloc(1, sizeof(*x));
	assert_non_null(x);
	for (unsigned i = 0; i < VARIANTS; i++) {
		kit_create(k);
		struct store *s = kit_open(k, NULL, true);
		struct append_result r;
		struct batch *b = batch_new(k->design);
		assert_non_null(b);
		variant_fill(i, x);
		kit_ok(batch_add(b, x, &e), &e);
		kit_ok(store_append(s, &b, 1, &r, NULL, NULL, &e), &e);
		batch_free(&b);
		kit_ok(store_seal(s, &e), &e);
		expect_added(k, s, VARIANTS - 1, 0);
		store_close(&s);
	}
	mem_free(x);
}

// A file written by the first version: 399 interactions, 200 of them with message id and text.
static void format_1_is_read_and_merged(void **state)
{
	(void)state;
	struct err e = ERR_NONE;
	struct segment *old, *merged;
	kit_ok(segment_open(NULL, FIXTURES "/format1.seg", &old, &e), &e);
	kit_ok(segment_verify(old, &e), &e);
	assert_int_equal(old->format, 1);
	assert_int_equal(old->info.n_rows, 399);
	struct segment *sources[1] = {old};
	struct segment_writer *w;
	struct segment_info info;
	kit_ok(segment_writer_new(NULL, NULL, &w, &e), &e);
	kit_ok(merge_segments(sources, 1, w, NULL, &e), &e);
	kit_ok(segment_writer_finish(w, &info, &e), &e);
	size_t n;
	uint8_t *bytes = segment_writer_take(w, &n);
	segment_writer_free(&w);
	kit_ok(segment_open_memory(bytes, n, &merged, &e), &e);
	kit_ok(segment_verify(merged, &e), &e);
	assert_int_equal(merged->format, 2);
	assert_true(info.bytes < old->info.bytes);
	struct segment_rows *a, *b;
	const struct row *x, *y;
	uint64_t n_text = 0, sum_ms = 0;
	kit_ok(segment_rows_open(old, &a, &e), &e);
	kit_ok(segment_rows_open(merged, &b, &e), &e);
	for (uint64_t i = 0; i < info.n_rows; i++) {
		kit_ok(segment_rows_next(a, &x, &e), &e);
		kit_ok(segment_rows_next(b, &y, &e), &e);
		assert_true(x->person == y->person && x->at_ms == y->at_ms && x->received_ms == y->received_ms);
		assert_memory_equal(x->code, y->code, sizeof(x->code));
		assert_int_equal(x->n_measures, y->n_measures);
		assert_memory_equal(x->measures, y->measures, x->n_measures * sizeof(x->measures[0]));
		for (unsigned c = 0; c < COLD_COLUMNS; c++)
			assert_true(sv_equal(x->cold[c], y->cold[c]));
		assert_true(sv_equal(x->identities, y->identities));
		n_text += x->cold[COLD_TEXT].ptr != NULL;
		for (uint32_t m = 0; m < x->n_measures; m++)
			sum_ms += x->measures[m].value > 0 ? (uint64_t)x->measures[m].value : 0;
	}
	assert_int_equal(n_text, 200);
	assert_true(sum_ms > 0);
	struct segment_ids of_old, of_merged;
	uint64_t key, same;
	kit_ok(segment_ids_open(old, &of_old, &e), &e);
	kit_ok(segment_ids_open(merged, &of_merged, &e), &e);
	while (segment_ids_next(&of_old, &key)) {
		uint64_t bit = 0;
		assert_true(segment_ids_next(&of_merged, &same) && same == key);
		assert_int_equal(segment_ids_lookup(old, &key, 1, &bit), RC_OK);
		assert_int_equal(segment_ids_lookup(merged, &key, 1, &bit), RC_OK);
		assert_int_equal(bit, 1);
	}
	assert_false(segment_ids_next(&of_merged, &same));
	segment_rows_close(&a);
	segment_rows_close(&b);
	segment_close(&old);
	segment_close(&merged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_field_makes_another_interaction, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(no_variant_hides_another, kit_setup, kit_teardown),
		cmocka_unit_test(format_1_is_read_and_merged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
