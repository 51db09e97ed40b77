// SPDX-License-Identifier: Apache-2.0
// Error values, allocation and string views.
#include "unit.h"

#include "base/err.h"
#include "base/hash.h"
#include "base/number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

static void err_first_wins(void **state)
{
	(void)state;
	struct err e = ERR_NONE;
	assert_int_equal(err_set(&e, RC_INPUT, "row %d is bad", 7), RC_INPUT);
	assert_int_equal(err_set(&e, RC_IO, "later"), RC_INPUT);
	assert_int_equal(err_errno(&e, RC_IO, ENOSPC, "later"), RC_INPUT);
	assert_string_equal(e.message, "row 7 is bad");
	err_place(&e, "a.csv", 3, 9);
	err_place(&e, "b.csv", 4, 10);
	err_remedy(&e, "quote it");
	err_remedy(&e, "never mind");
	char text[200];
	assert_string_equal(err_format(&e, text, sizeof(text)), "a.csv:3:9: row 7 is bad; quote it");
	struct err other = ERR_NONE;
	assert_int_equal(err_take(&other, &e), RC_INPUT);
	assert_string_equal(other.message, "row 7 is bad");
	assert_int_equal(err_set(NULL, RC_BUSY, "nobody listens"), RC_BUSY);
}

static void err_without_place(void **state)
{
	(void)state;
	struct err e = ERR_NONE;
	err_errno(&e, RC_IO, ENOSPC, "cannot write %s", "x");
	char text[100];
	assert_string_equal(err_format(&e, text, sizeof(text)), "cannot write x: No space left on device");
	struct err unset = ERR_NONE;
	err_place(&unset, "f", 1, 1);
	err_remedy(&unset, "nothing to mend");
	assert_string_equal(unset.file, "");
	assert_string_equal(unset.remedy, "");
}

// However long, and wherever the cut falls in a character: valid UTF-8 that ends in an ellipsis.
static void err_cut_with_ellipsis(void **state)
{
	(void)state;
	for (int ascii = 505; ascii < 515; ascii++) {
		struct err e = ERR_NONE;
		err_set(&e, RC_INPUT, "%0*d\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", ascii, 0);
		struct sv m = sv_from(e.message);
		assert_true(m.len < sizeof(e.message));
		assert_true(sv_utf8_valid(m, NULL));
		assert_true(sv_ends(m, SV("\xE2\x80\xA6")));
	}
	struct err e = ERR_NONE;
	err_set(&e, RC_INPUT, "%0511d", 0);
	assert_int_equal(strlen(e.message), 511);
	assert_false(sv_ends(sv_from(e.message), SV("\xE2\x80\xA6")));
	char small[8];
	assert_string_equal(err_format(&e, small, sizeof(small)), "0000\xE2\x80\xA6");
}

static void rc_table(void **state)
{
	(void)state;
	for (unsigned a = 0; a < RC_COUNT; a++)
		for (unsigned b = 0; b < a; b++) {
			assert_string_not_equal(rc_info((enum rc)a)->name, rc_info((enum rc)b)->name);
			assert_int_not_equal(rc_info((enum rc)a)->exit_code, rc_info((enum rc)b)->exit_code);
		}
	assert_int_equal(rc_info(RC_OK)->exit_code, 0);
}

static void mem_faults(void **state)
{
	(void)state;
	mem_fail_at(2);
	void *a = mem_alloc(0);
	assert_non_null(a);
	assert_null(mem_alloc(8));
	void *c = mem_calloc(3, 5);
	assert_non_null(c);
	for (int i = 0; i < 15; i++)
		assert_int_equal(((char *)c)[i], 0);
	mem_free(a);
	mem_free(c);
	mem_free(NULL);
	assert_null(mem_calloc(SIZE_MAX / 2, 3));
}

static void mem_grow_keeps(void **state)
{
	(void)state;
	void *p = NULL;
	size_t capacity = 0, before = 0;
	for (size_t n = 1; n <= 1000; n++) {
		assert_int_equal(mem_grow(&p, &capacity, n, sizeof(int)), 0);
		assert_true(capacity >= n);
		assert_true(capacity == before || capacity >= 2 * before);
		before = capacity;
		((int *)p)[n - 1] = (int)n;
	}
	assert_int_equal(mem_grow(&p, &capacity, SIZE_MAX / 2, 4), -1);
	mem_fail_at(1);
	assert_int_equal(mem_grow(&p, &capacity, capacity + 1, sizeof(int)), -1);
	for (int n = 1; n <= 1000; n++)
		assert_int_equal(((int *)p)[n - 1], n);
	mem_free(p);
}

static void sv_basics(void **state)
{
	(void)state;
	struct sv rest;
	assert_sv(sv_trim(SV(" \t a b\r\n")), "a b");
	assert_sv(sv_trim(SV("  ")), "");
	assert_sv(sv_cut(SV("a.b.c"), '.', &rest), "a");
	assert_sv(rest, "b.c");
	assert_sv(sv_cut(SV("a."), '.', &rest), "a");
	assert_non_null(rest.ptr);
	assert_sv(sv_cut(SV("abc"), '.', &rest), "abc");
	assert_null(rest.ptr);
	assert_true(sv_equal(SV_NONE, SV("")));
	assert_true(sv_equal_nocase(SV("Ab-Z"), SV("aB-z")));
	assert_false(sv_equal_nocase(SV("@"), SV("`")));
	assert_true(sv_compare(SV("a"), SV("ab")) < 0);
	assert_true(sv_compare(SV("b"), SV("ab")) > 0);
	assert_true(sv_compare(SV("\xff"), SV("a")) > 0);
	assert_int_equal(sv_compare(SV_NONE, SV("")), 0);
	assert_true(
		sv_starts(SV("abc"), SV("ab")) && !sv_starts(SV("a"), SV("ab")) && sv_starts(SV("a"), SV_NONE));
	assert_true(sv_ends(SV("abc"), SV("bc")) && !sv_ends(SV("c"), SV("bc")));
}

static void sv_integers(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool ok;
		int64_t value;
	} cases[] = {{"0", true, 0}, {"-9223372036854775808", true, INT64_MIN},
		{"9223372036854775807", true, INT64_MAX}, {"9223372036854775808", false, 0},
		{"-9223372036854775809", false, 0}, {"+12", true, 12}, {"", false, 0}, {"-", false, 0},
		{"1 ", false, 0}, {"0x10", false, 0}, {"1.0", false, 0}};
	for (size_t i = 0; i < N_TESTS(cases); i++) {
		int64_t v = 0;
		assert_int_equal(sv_to_i64(sv_from(cases[i].text), &v), cases[i].ok);
		assert_true(v == cases[i].value);
	}
}

static void sv_doubles(void **state)
{
	(void)state;
	double v = 0;
	assert_true(sv_to_double(SV("+0.1"), &v) && v == 0.1);
	assert_true(sv_to_double(SV("-1e-7"), &v) && v == -1e-7);
	assert_true(sv_to_double(SV("1.7976931348623157e308"), &v) && v == 1.7976931348623157e308);
	static const char *const bad[] = {"", "+", "+-1", "nan", "inf", "1e999", "1,5", "1 ", "0x1p3", "1e"};
	for (size_t i = 0; i < N_TESTS(bad); i++)
		assert_false(sv_to_double(sv_from(bad[i]), &v));
	char text[NUMBER_TEXT_MAX];
	number_from_double(5e-324, text);
	assert_string_equal(text, "5e-324");
	number_from_double(0.1 + 0.2, text);
	assert_string_equal(text, "0.30000000000000004");
	number_from_double(123456789012345678901.0, text);
	assert_string_equal(text, "1.2345678901234568e+20");
	number_from_double(-1e15, text);
	assert_string_equal(text, "-1000000000000000");
	number_from_double(3e6, text);
	assert_string_equal(text, "3000000");
	number_from_double(-0.00002, text);
	assert_string_equal(text, "-0.00002");
	number_from_double(0.000002, text);
	assert_string_equal(text, "2e-06");
	uint64_t seed = 1;
	for (int i = 0; i < 100000; i++) {
		uint64_t bits = random_next(&seed);
		double d, back;
		memcpy(&d, &bits, sizeof(d));
		if (!isfinite(d))
			continue;
		unsigned n = number_from_double(d, text);
		assert_true(n < 26 && sv_to_double((struct sv){text, n}, &back) && back == d);
	}
}

static void sv_distances(void **state)
{
	(void)state;
	assert_int_equal(sv_distance(SV("kitten"), SV("sitting")), 3);
	assert_int_equal(sv_distance(SV("Berlin"), SV("Belrin")), 1);
	assert_int_equal(sv_distance(SV("ca"), SV("abc")), 3); // optimal string alignment, not full Damerau
	assert_int_equal(sv_distance(SV(""), SV("abc")), 3);
	assert_int_equal(sv_distance(SV_NONE, SV_NONE), 0);
	char a[300];
	memset(a, 'a', sizeof(a));
	assert_int_equal(sv_distance((struct sv){a, 300}, SV("b")), 255);
	assert_int_equal(sv_distance((struct sv){a, 255}, SV("b")), 255);
}

// A slow decoder written from RFC 3629: every sequence is decoded, then its length is checked.
static bool slow_utf8_valid(struct sv s, size_t *bad)
{
	for (size_t i = 0; i < s.len;) {
		unsigned char c = (unsigned char)s.ptr[i];
		unsigned n = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 0;
		uint32_t point = n == 1 ? c : n == 0 ? 0 : c & (0x7Fu >> n);
		*bad = i;
		if (n == 0 || i + n > s.len)
			return false;
		for (unsigned k = 1; k < n; k++) {
			unsigned char next = (unsigned char)s.ptr[i + k];
			if (next >> 6 != 2)
				return false;
			point = point << 6 | (next & 0x3F);
		}
		unsigned shortest = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
		if (shortest != n || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
			return false;
		i += n;
	}
	return true;
}

static void sv_utf8(void **state)
{
	(void)state;
	size_t bad = 99;
	assert_true(sv_utf8_valid(SV_NONE, NULL));
	assert_true(sv_utf8_valid(SV("plain text, longer than a word, \xE2\x82\xAC"), NULL));
	assert_false(sv_utf8_valid(SV("12345678\xED\xA0\x80"), &bad)); // a surrogate
	assert_int_equal(bad, 8);
	assert_false(sv_utf8_valid(SV("a\xC0\x80"), &bad)); // overlong
	assert_int_equal(bad, 1);
	assert_false(sv_utf8_valid(SV("\xF4\x90\x80\x80"), NULL)); // beyond U+10FFFF
	assert_false(sv_utf8_valid(SV("ab\xE2\x82"), NULL));
	uint64_t seed = 42;
	static const unsigned char lead[] = {0xC2, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0x80, 0xA0, 0xBF, 'a'};
	for (int i = 0; i < 300000; i++) {
		char bytes[24];
		size_t n = random_next(&seed) % sizeof(bytes);
		for (size_t k = 0; k < n; k++) {
			uint64_t r = random_next(&seed);
			bytes[k] = (char)(r & 256 ? lead[(r >> 16) % sizeof(lead)] : r & 512 ? r : 'x');
		}
		struct sv s = {bytes, n};
		size_t slow_bad = 0, fast_bad = 0;
		bool valid = slow_utf8_valid(s, &slow_bad);
		assert_int_equal(sv_utf8_valid(s, &fast_bad), valid);
		if (!valid)
			assert_int_equal(fast_bad, slow_bad);
	}
}

static void hashes(void **state)
{
	(void)state;
	assert_true(crc32_of(0, "123456789", 9) == 0xCBF43926); // the check value of CRC-32
	assert_true(crc32_of(crc32_of(0, "1234", 4), "56789", 5) == 0xCBF43926);
	assert_true(hash64("", 0) == UINT64_C(0x2D06800538D394C2)); // XXH3's published value
	assert_true(hash64("a", 1) != hash64_seed("a", 1, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(err_first_wins),
		cmocka_unit_test(err_without_place),
		cmocka_unit_test(err_cut_with_ellipsis),
		cmocka_unit_test(rc_table),
		cmocka_unit_test(mem_faults),
		cmocka_unit_test(mem_grow_keeps),
		cmocka_unit_test(sv_basics),
		cmocka_unit_test(sv_integers),
		cmocka_unit_test(sv_doubles),
		cmocka_unit_test(sv_distances),
		cmocka_unit_test(sv_utf8),
		cmocka_unit_test(hashes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
