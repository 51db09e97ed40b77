// SPDX-License-Identifier: Apache-2.0
// Buffers, arenas, dictionaries: limits, round trips, and every allocation failing in turn.
#include "unit.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/dict.h"

#include <stdio.h>

static void buf_limit_is_sticky(void **state)
{
	(void)state;
	struct buf b = buf_new(10);
	struct err e = ERR_NONE;
	buf_str(&b, "123456789");
	buf_printf(&b, "%d", 0);
	assert_int_equal(buf_check(&b, &e, "text"), RC_OK);
	buf_char(&b, 'x');
	buf_clear(&b);
	assert_int_equal(b.rc, RC_OK);
	buf_printf(&b, "%s", "12345678901");
	assert_int_equal(b.len, 0); // never a part
	buf_char(&b, 'x');
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_check(&b, &e, "the answer"), RC_LIMIT);
	assert_string_equal(e.message, "the answer is larger than the allowed 10 bytes");
	buf_free(&b);
	buf_str(&b, "again");
	assert_sv(buf_view(&b), "again");
	buf_free(&b);
	assert_sv(buf_view(&b), "");
	struct buf none = buf_new(0);
	buf_put(&none, "", 0);
	assert_int_equal(none.rc, RC_OK);
	assert_null(buf_reserve(&none, SIZE_MAX));
	buf_free(&none);
}

// RFC 4180, section 2: rules 5 to 7.
static void buf_csv_fields(void **state)
{
	(void)state;
	static const struct {
		const char *field, *written;
	} cases[] = {{NULL, ""}, {"", ""}, {"plain text; 1", "plain text; 1"}, {"a,b", "\"a,b\""},
		{"a\nb", "\"a\nb\""}, {"a\rb", "\"a\rb\""}, {"\"", "\"\"\"\""}, {"b\"bb", "\"b\"\"bb\""}};
	struct buf b = buf_new(100);
	for (size_t i = 0; i < N_TESTS(cases); i++) {
		buf_clear(&b);
		buf_csv(&b, sv_from(cases[i].field));
		assert_sv(buf_view(&b), cases[i].written);
	}
	buf_free(&b);
}

static void buf_round_trip(void **state)
{
	(void)state;
	static const uint64_t numbers[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, INT64_MAX, UINT64_MAX};
	struct buf b = buf_new(1 << 20);
	for (size_t i = 0; i < N_TESTS(numbers); i++) {
		buf_varint(&b, numbers[i]);
		buf_zigzag(&b, (int64_t)numbers[i]);
		buf_zigzag(&b, (int64_t)(0 - numbers[i]));
		buf_u64(&b, numbers[i]);
		buf_u32(&b, (uint32_t)numbers[i]);
		buf_u8(&b, (uint8_t)numbers[i]);
	}
	buf_double(&b, -0.1);
	buf_blob(&b, SV("blob"));
	buf_blob(&b, SV_NONE);
	assert_int_equal(b.rc, RC_OK);
	struct rd r = rd_new(buf_view(&b));
	for (size_t i = 0; i < N_TESTS(numbers); i++) {
		assert_true(rd_varint(&r) == numbers[i]);
		assert_true(rd_zigzag(&r) == (int64_t)numbers[i]);
		assert_true(rd_zigzag(&r) == (int64_t)(0 - numbers[i]));
		assert_true(rd_u64(&r) == numbers[i]);
		assert_true(rd_u32(&r) == (uint32_t)numbers[i]);
		assert_true(rd_u8(&r) == (uint8_t)numbers[i]);
	}
	assert_true(rd_double(&r) == -0.1);
	assert_sv(rd_blob(&r), "blob");
	assert_sv(rd_blob(&r), "");
	assert_false(r.bad);
	assert_ptr_equal(r.p, r.end);
	assert_int_equal(rd_u8(&r), 0);
	assert_true(r.bad);
	// Cut anywhere, reading it all ends in `bad` and never beyond the end.
	for (size_t n = 0; n < b.len; n++) {
		struct rd cut = rd_new((struct sv){(const char *)b.data, n});
		for (size_t i = 0; i < N_TESTS(numbers); i++) {
			rd_varint(&cut);
			rd_zigzag(&cut);
			rd_zigzag(&cut);
			rd_u64(&cut);
			rd_u32(&cut);
			rd_u8(&cut);
		}
		rd_double(&cut);
		rd_blob(&cut);
		rd_blob(&cut);
		assert_true(cut.bad);
	}
	buf_free(&b);
}

static void rd_bad_varints(void **state)
{
	(void)state;
	struct rd endless = rd_new(SV("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"));
	assert_int_equal(rd_varint(&endless), 0);
	assert_true(endless.bad);
	struct rd too_big = rd_new(SV("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"));
	rd_varint(&too_big);
	assert_true(too_big.bad);
	struct rd long_blob = rd_new(SV("\x05"
					"abcd"));
	assert_null(rd_blob(&long_blob).ptr);
	assert_true(long_blob.bad);
	struct rd empty = rd_new(SV_NONE);
	assert_int_equal(rd_u64(&empty), 0);
	assert_true(empty.bad);
}

static void arena_cap_and_reset(void **state)
{
	(void)state;
	struct arena *a = arena_new(100000);
	assert_non_null(a);
	size_t used = 0;
	for (int round = 0; round < 3; round++) {
		used = 0;
		for (unsigned i = 0; i < 200; i++) {
			unsigned char *p = arena_alloc(a, i);
			assert_non_null(p);
			assert_int_equal((uintptr_t)p % 16, 0);
			for (unsigned k = 0; k < i; k++)
				assert_int_equal(p[k], 0);
			memset(p, 0xAA, i);
			used += i ? (i + 15) / 16 * 16 : 16;
		}
		assert_int_equal(arena_used(a), used);
		assert_null(arena_alloc(a, 100000));
		assert_null(arena_alloc(a, SIZE_MAX));
		assert_null(arena_array(a, SIZE_MAX / 2, 3));
		assert_non_null(arena_alloc(a, 100000 - used - 100000 % 16));
		uint64_t allocations = mem_count();
		arena_reset(a);
		assert_int_equal(arena_used(a), 0);
		assert_int_equal(mem_count(), allocations);
	}
	uint64_t allocations = mem_count();
	for (unsigned i = 0; i < 200; i++)
		assert_non_null(arena_alloc(a, i));
	assert_int_equal(mem_count(), allocations); // kept blocks are reused
	arena_free(&a);
	assert_null(a);
	arena_free(&a);
}

static void arena_texts(void **state)
{
	(void)state;
	struct arena *a = arena_new(0);
	struct sv copy = arena_copy(a, (struct sv){"abcdef", 3});
	assert_string_equal(copy.ptr, "abc");
	assert_null(arena_copy(a, SV_NONE).ptr);
	assert_non_null(arena_copy(a, SV("")).ptr);
	assert_sv(arena_printf(a, "%s-%d", "x", 5), "x-5");
	assert_non_null(arena_alloc(a, 5 << 20));
	arena_free(&a);
}

static bool arena_work(void)
{
	struct arena *a = arena_new(0);
	bool ok = a != NULL;
	for (unsigned i = 0; ok && i < 60; i++)
		ok = arena_alloc(a, i * 500) && arena_printf(a, "%u", i).ptr;
	arena_free(&a);
	return ok;
}

static bool buf_work(void)
{
	struct buf b = buf_new(1 << 20);
	for (unsigned i = 0; i < 10000; i++)
		buf_printf(&b, "%u,", i);
	bool ok = b.rc == RC_OK;
	assert_int_equal(b.rc, ok ? RC_OK : RC_NOMEM);
	buf_free(&b);
	return ok;
}

// However an addition fails, everything that was added before is still there, and adding goes on after it.
static bool dict_work(void)
{
	struct dict *d = dict_new(1000000);
	if (!d)
		return false;
	bool ok = true;
	char name[300];
	for (uint32_t i = 0; i < 2000; i++) {
		int n = snprintf(name, sizeof(name), "%0*u", (int)(i % 200) + 6, i);
		struct sv s = {name, (size_t)n};
		uint32_t code = dict_add(d, s);
		if (code == DICT_NONE) {
			ok = false;
			assert_int_equal(dict_find(d, s), DICT_NONE);
			code = dict_add(d, s);
		}
		assert_int_equal(code, i);
	}
	for (uint32_t i = 0; i < 2000; i++) {
		int n = snprintf(name, sizeof(name), "%0*u", (int)(i % 200) + 6, i);
		assert_int_equal(dict_find(d, (struct sv){name, (size_t)n}), i);
		assert_string_equal(dict_at(d, i).ptr, name);
	}
	dict_free(&d);
	return ok;
}

static void faults(void **state)
{
	(void)state;
	fault_each(arena_work);
	fault_each(buf_work);
	fault_each(dict_work);
}

static void dict_codes(void **state)
{
	(void)state;
	struct dict *d = dict_new(3);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(dict_add(d, SV("b")), 0);
		assert_int_equal(dict_add(d, SV("")), 1);
		assert_int_equal(dict_add(d, SV("b\0c")), 2);
		assert_int_equal(dict_add(d, SV("b")), 0);
		assert_int_equal(dict_add(d, SV_NONE), 1);
		assert_int_equal(dict_add(d, SV("full")), DICT_NONE);
		assert_int_equal(dict_find(d, SV("full")), DICT_NONE);
		assert_int_equal(dict_count(d), 3);
		assert_int_equal(dict_at(d, 2).len, 3);
		assert_null(dict_at(d, 3).ptr);
		assert_null(dict_at(d, DICT_NONE).ptr);
		dict_clear(d);
		assert_int_equal(dict_count(d), 0);
		assert_int_equal(dict_find(d, SV("b")), DICT_NONE);
	}
	dict_free(&d);
	dict_free(&d);
}

static void dict_many(void **state)
{
	(void)state;
	struct dict *d = dict_new(DICT_NONE);
	enum { N = 200000 };
	for (uint32_t round = 0; round < 2; round++) {
		for (uint64_t i = 0; i < N; i++)
			assert_int_equal(dict_add(d, (struct sv){(const char *)&i, sizeof(i)}), i);
		for (uint64_t i = 0; i < N; i += 7) {
			assert_int_equal(dict_find(d, (struct sv){(const char *)&i, sizeof(i)}), i);
			assert_memory_equal(dict_at(d, (uint32_t)i).ptr, &i, sizeof(i));
		}
		uint64_t missing = N;
		assert_int_equal(dict_find(d, (struct sv){(const char *)&missing, sizeof(missing)}), DICT_NONE);
		dict_clear(d);
	}
	char *big = mem_calloc(1, 1 << 20);
	assert_int_equal(dict_add(d, (struct sv){big, 1 << 20}), 0);
	assert_int_equal(dict_add(d, (struct sv){big, (1 << 20) - 1}), 1);
	assert_int_equal(dict_at(d, 0).len, 1 << 20);
	mem_free(big);
	dict_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buf_limit_is_sticky),
		cmocka_unit_test(buf_csv_fields),
		cmocka_unit_test(buf_round_trip),
		cmocka_unit_test(rd_bad_varints),
		cmocka_unit_test(arena_cap_and_reset),
		cmocka_unit_test(arena_texts),
		cmocka_unit_test(dict_codes),
		cmocka_unit_test(dict_many),
		cmocka_unit_test(faults),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
