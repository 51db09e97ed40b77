// SPDX-License-Identifier: Apache-2.0
// Batches: what goes in comes out, limits are told, damage is found, allocations may fail.
#include "base/hash.h"
#include "store_kit.h"

static uint32_t give_code(void *context, enum name_kind kind, struct sv name)
{
	uint32_t code;
	return names_code(context, kind, name, &code, NULL) == RC_OK ? code : NAME_NONE;
}

static uint32_t no_code(void *context, enum name_kind kind, struct sv name)
{
	(void)context;
	(void)kind;
	(void)name;
	return NAME_NONE;
}

static void rows_come_back(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct names *names = names_new();
	uint32_t taken;
	// The data directory's codes differ from the batch's own.
	kit_ok(names_code(names, NAME_EVENT, SV("Earlier"), &taken, &e), &e);
	struct batch *b = kit_range(k->design, 0, 3000);
	struct sv packed;
	struct batch_view *v;
	assert_int_equal(batch_count(b), 3000);
	kit_ok(batch_packed(b, &packed, &e), &e);
	assert_true(packed.len < batch_bytes(b));
	kit_ok(batch_view_open(packed, give_code, names, &v, &e), &e);
	assert_int_equal(batch_view_count(v), 3000);
	assert_true(batch_view_design(v) == k->design->hash);
	for (uint32_t i = 0; i < 3000; i++) {
		struct row row;
		struct kit_texts t;
		struct interaction x;
		kit_interaction(i, &x, &t);
		kit_ok(batch_view_row(v, i, &row, &e), &e);
		kit_check_row(names, &row, i);
		kit_check_resolved(names, &row, i);
		assert_true(row.person == batch_view_persons(v)[i] && row.at_ms == batch_view_times(v)[i]);
		char key[64], who[64];
		int n = snprintf(key, sizeof(key), "shop%c%s", 0, t.id);
		assert_true(row.id_key == hash64(key, (size_t)n) && row.id_key == batch_view_id_keys(v)[i]);
		n = snprintf(who, sizeof(who), "user:%s", t.who);
		assert_true(row.person == hash64(who, (size_t)n));
		struct rd r = rd_new(row.identities);
		assert_true(sv_equal(rd_blob(&r), (struct sv){who, (size_t)n}) && r.p == r.end);
		if (row.promise)
			assert_true(row.promise == hash64(t.promise, strlen(t.promise)));
	}
	batch_view_close(&v);
	batch_free(&b);
	names_unref(&names);
}

static void cleared_batches_start_anew(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct batch *b = kit_range(k->design, 0, 100), *fresh = kit_range(k->design, 500, 50);
	struct sv packed, expected;
	kit_ok(batch_packed(b, &packed, &e), &e);
	batch_clear(b);
	assert_int_equal(batch_count(b), 0);
	struct interaction x;
	for (uint32_t i = 0; i < 50; i++) {
		struct kit_texts t;
		kit_interaction(500 + i, &x, &t);
		kit_ok(batch_add(b, &x, &e), &e);
	}
	kit_ok(batch_packed(b, &packed, &e), &e);
	kit_ok(batch_packed(fresh, &expected, &e), &e);
	assert_true(sv_equal(packed, expected));
	batch_free(&b);
	batch_free(&fresh);
}

static void refuse(struct batch *b, const struct interaction *x, const char *word)
{
	struct err e = ERR_NONE;
	uint32_t n = batch_count(b);
	size_t bytes = batch_bytes(b);
	assert_int_equal(batch_add(b, x, &e), RC_INPUT);
	if (!strstr(e.message, word))
		fail_msg("\"%s\" does not mention %s", e.message, word);
	assert_true(batch_count(b) == n && batch_bytes(b) == bytes);
}

static void limits_are_told(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct batch *b = kit_range(k->design, 0, 3);
	struct kit_texts t;
	struct interaction good, x;
	kit_interaction(7, &good, &t);
	char *big = mem_calloc(1, TEXT_BYTES_MAX + 1);
	memset(big, 'x', TEXT_BYTES_MAX + 1);
	const struct sv long_name = {big, NAME_BYTES_MAX + 1}, longest_name = {big, NAME_BYTES_MAX};
	const struct sv long_text = {big, TEXT_BYTES_MAX + 1};
	const struct {
		size_t offset;
		struct sv value;
		const char *word;
	} cases[] = {
		{offsetof(struct interaction, source), long_name, "source"},
		{offsetof(struct interaction, event), long_name, "event"},
		{offsetof(struct interaction, channel), long_name, "channel"},
		{offsetof(struct interaction, agent), long_name, "agent"},
		{offsetof(struct interaction, location), long_name, "location"},
		{offsetof(struct interaction, id), long_name, "id"},
		{offsetof(struct interaction, promise), long_name, "promise"},
		{offsetof(struct interaction, keeps), long_name, "keeps"},
		{offsetof(struct interaction, text), long_text, "text"},
		{offsetof(struct interaction, properties), long_text, "properties"},
		{offsetof(struct interaction, dimensions), long_name, "dimension"},
		{offsetof(struct interaction, event), SV("bad \xff name"), "UTF-8"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		x = good;
		memcpy((char *)&x + cases[i].offset, &cases[i].value, sizeof(struct sv));
		refuse(b, &x, cases[i].word);
	}
	x = good;
	x.n_identities = 0;
	refuse(b, &x, "customer");
	x = good;
	x.identities[0].value = SV("");
	refuse(b, &x, "customer");
	x = good;
	x.identities[0].value = long_name;
	refuse(b, &x, "identity");
	x = good;
	x.at_ms = AT_MIN_MS - 1;
	refuse(b, &x, "at is outside");
	x.at_ms = AT_MAX_MS;
	refuse(b, &x, "at is outside");
	x = good;
	x.n_measures = 1;
	x.measures[0] = (struct measure_value){0, (double)NAN};
	refuse(b, &x, "not a number");
	x.n_measures = 2;
	x.measures[0] = x.measures[1] = (struct measure_value){0, 1};
	refuse(b, &x, "twice");
	x = good;
	x.event = longest_name;
	x.text = (struct sv){big, TEXT_BYTES_MAX};
	x.at_ms = AT_MAX_MS - 1;
	kit_ok(batch_add(b, &x, &e), &e);
	assert_int_equal(batch_count(b), 4);
	mem_free(big);
	batch_free(&b);
}

static void full_is_full(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE, full = ERR_NONE;
	struct batch *b = kit_range(k->design, 0, BATCH_ROWS_MAX);
	struct interaction x;
	struct kit_texts t;
	kit_interaction(1, &x, &t);
	assert_int_equal(batch_add(b, &x, &full), RC_LIMIT);
	batch_clear(b);
	char *big = mem_alloc(TEXT_BYTES_MAX);
	memset(big, 'y', TEXT_BYTES_MAX);
	x.text = (struct sv){big, TEXT_BYTES_MAX};
	enum rc rc;
	while ((rc = batch_add(b, &x, &e)) == RC_OK)
		assert_true(batch_bytes(b) <= BATCH_BYTES_MAX + (1u << 20));
	assert_int_equal(rc, RC_LIMIT);
	assert_true(batch_count(b) >= 60);
	mem_free(big);
	batch_free(&b);
}

static uint64_t key_of(struct kit *k, const struct interaction *x)
{
	struct err e = ERR_NONE;
	struct batch *b = batch_new(k->design);
	kit_ok(batch_add(b, x, &e), &e);
	uint64_t key = b->keys[0].id_key;
	batch_free(&b);
	return key;
}

static void content_names_what_has_no_id(void **state)
{
	struct kit *k = *state;
	struct kit_texts t;
	struct interaction a, b;
	kit_interaction(3, &a, &t);
	uint64_t with_id = key_of(k, &a);
	a.id = SV_NONE;
	b = a;
	b.received_ms += 5000;
	uint64_t key = key_of(k, &a);
	assert_true(key != with_id && key == key_of(k, &b));
	b = a;
	b.at_ms++;
	assert_true(key != key_of(k, &b));
	b = a;
	b.event = SV("Another");
	assert_true(key != key_of(k, &b));
	b = a;
	b.text = SV("another");
	assert_true(key != key_of(k, &b));
	b = a;
	b.identities[0].value = SV("somebody");
	assert_true(key != key_of(k, &b));
	b = a;
	b.n_measures = 1;
	b.measures[0] = (struct measure_value){2, 6};
	assert_true(key != key_of(k, &b));
	// The order in which measures are given says nothing.
	a.n_measures = b.n_measures = 2;
	a.measures[0] = b.measures[1] = (struct measure_value){2, 6};
	a.measures[1] = b.measures[0] = (struct measure_value){3, 1};
	assert_true(key_of(k, &a) == key_of(k, &b));
	// Another source, same id: another interaction.
	kit_interaction(3, &a, &t);
	a.source = SV("other");
	assert_true(key_of(k, &a) != with_id);
}

static void damage_never_passes(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct names *names = names_new();
	struct batch *b = kit_range(k->design, 0, 300);
	struct sv packed;
	struct batch_view *v;
	kit_ok(batch_packed(b, &packed, &e), &e);
	char *copy = mem_alloc(packed.len);
	for (size_t i = 0; i < packed.len; i += 1 + i / 40) {
		struct err damage = ERR_NONE;
		memcpy(copy, packed.ptr, packed.len);
		copy[i] ^= (char)(1 << (i % 8));
		enum rc rc = batch_view_open((struct sv){copy, packed.len}, give_code, names, &v, &damage);
		assert_true(rc == RC_CORRUPT || rc == RC_VERSION);
		assert_null(v);
	}
	for (size_t n = 0; n < packed.len; n += 1 + n / 10) {
		struct err damage = ERR_NONE;
		assert_int_equal(
			batch_view_open((struct sv){packed.ptr, n}, give_code, names, &v, &damage), RC_CORRUPT);
	}
	struct err unknown = ERR_NONE;
	assert_int_equal(batch_view_open(packed, no_code, NULL, &v, &unknown), RC_CORRUPT);
	mem_free(copy);
	batch_free(&b);
	names_unref(&names);
}

static void every_allocation_may_fail(void **state)
{
	struct kit *k = *state;
	struct interaction x;
	struct kit_texts t;
	kit_interaction(5, &x, &t);
	bool fired = true;
	for (uint64_t n = 1; fired; n++) {
		struct err e = ERR_NONE;
		struct names *names = names_new();
		struct batch_view *v = NULL;
		struct sv packed;
		uint64_t before = mem_count();
		mem_fail_at(n);
		struct batch *b = batch_new(k->design);
		enum rc rc = b ? batch_add(b, &x, &e) : RC_NOMEM;
		if (rc == RC_OK)
			rc = batch_packed(b, &packed, &e);
		if (rc == RC_OK)
			rc = batch_view_open(packed, give_code, names, &v, &e);
		mem_fail_at(0);
		fired = mem_count() - before >= n;
		if (!fired)
			kit_ok(rc, &e);
		else
			assert_int_not_equal(rc, RC_OK);
		batch_view_close(&v);
		batch_free(&b);
		names_unref(&names);
	}
}

int main(void)
{
	kit_ids_always = true;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows_come_back, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(cleared_batches_start_anew, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(limits_are_told, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(full_is_full, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(content_names_what_has_no_id, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(damage_never_passes, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(every_allocation_may_fail, kit_setup, kit_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
