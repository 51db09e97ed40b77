// SPDX-License-Identifier: Apache-2.0
// The CSV splitter: against a slow machine on random inputs and cuts, and the deviations of the real world one by
// one with hand-written answers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "csv_slow.h"

static uint32_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33);
}

static void check_random(
	const char *alphabet, size_t max_len, const struct csv_dialect *d, uint64_t seed, unsigned n)
{
	char data[600];
	size_t n_letters = strlen(alphabet);
	for (unsigned round = 0; round < n; round++) {
		size_t len = next_random(&seed) % max_len;
		size_t max = 4 + next_random(&seed) % 60;
		size_t window = 2 * (max + 2) + next_random(&seed) % 200;
		for (size_t i = 0; i < len; i++)
			data[i] = alphabet[next_random(&seed) % n_letters];
		// An exact copy, so that a read past the end is seen.
		char *exact = malloc(len ? len : 1);
		memcpy(exact, data, len);
		const char *wrong = slow_check(d, max, window, exact, len);
		free(exact);
		if (wrong)
			fail_msg("%s differs: max %zu window %zu input >%.*s<", wrong, max, window, (int)len,
				data);
	}
}

static void test_random(void **state)
{
	(void)state;
	const struct csv_dialect lf = {',', '"', '\n', false, false}, lf_trim = {',', '"', '\n', true, false};
	const struct csv_dialect cr = {';', '\'', '\r', false, false}, tab = {'\t', '"', '\n', true, false};
	check_random("ab,\"\n", 40, &lf, 1, 60000);
	check_random("abcdefgh,,\"\"\n\r ", 500, &lf, 2, 6000);
	check_random("abcdefgh,,\"\"\n\r \t", 300, &lf_trim, 3, 6000);
	check_random("ab;'\r\n ", 100, &cr, 4, 6000);
	check_random("ab\t\"\n\r ", 100, &tab, 5, 6000);
	check_random("abcdefghijklmnop,\n", 590, &lf, 6, 3000);
	check_random(" \n\",", 200, &lf_trim, 7, 6000);
}

// Records as one text: fields in [], problems as !n, lines in front.
static void render(
	const struct csv_dialect *d, size_t max, const char *data, size_t len, char *out, size_t size)
{
	struct csv_split s = {.dialect = *d, .record_max = max};
	struct csv_record r;
	struct err e = ERR_NONE;
	size_t n = 0;
	out[0] = 0;
	assert_int_equal(csv_window(&s, data, 0, len, 1, true, &e), RC_OK);
	while (csv_next(&s, &r) == CSV_RECORD) {
		assert_int_equal(csv_record_texts(&s, &r, &e), RC_OK);
		n += (size_t)snprintf(out + n, size - n, "%llu", (unsigned long long)r.line);
		if (r.problem != CSV_FINE)
			n += (size_t)snprintf(out + n, size - n, "!%d@%zu", r.problem, r.problem_at);
		for (uint32_t i = 0; r.problem == CSV_FINE && i < r.n_fields; i++)
			n += (size_t)snprintf(out + n, size - n, "[%.*s]", SV_ARG(s.texts[i]));
		n += (size_t)snprintf(out + n, size - n, " ");
	}
	csv_split_free(&s);
}

static void test_deviations(void **state)
{
	static const struct {
		const char *in;
		size_t len; // 0: to the NUL
		struct csv_dialect d;
		const char *out;
	} cases[] = {
		{"a,b\n1,2\n", 0, {',', '"', '\n', false, false}, "1[a][b] 2[1][2] "},
		{"a,b\r\n1,2\r\n", 0, {',', '"', '\n', false, false}, "1[a][b] 2[1][2] "},
		{"a,b\r1,2", 0, {',', '"', '\r', false, false}, "1[a][b] 2[1][2] "},
		{"a,b\n1,2", 0, {',', '"', '\n', false, false}, "1[a][b] 2[1][2] "},
		{"\"a,b\",\"c\nd\"\r\n\"x\"\r\n", 0, {',', '"', '\n', false, false}, "1[a,b][c\nd] 3[x] "},
		{"\"say \"\"hi\"\"\",\"\"\n", 0, {',', '"', '\n', false, false}, "1[say \"hi\"][] "},
		{"5\" pipe,it's \"so\"\n", 0, {',', '"', '\n', false, false}, "1[5\" pipe][it's \"so\"] "},
		{"a;'b;c';d\n", 0, {';', '\'', '\n', false, false}, "1[a][b;c][d] "},
		{"a\tb c\t\n\t\t\n", 0, {'\t', '"', '\n', false, false}, "1[a][b c][] 2[][][] "},
		{"a|b\n\n   \n\r\nc|d\n", 0, {'|', '"', '\n', false, false}, "1[a][b] 5[c][d] "},
		{" a , \"b , c\" \n", 0, {',', '"', '\n', true, false}, "1[a][b , c] "},
		{" a , \"b , c\" \n", 0, {',', '"', '\n', false, false}, "1[ a ][ \"b ][ c\" ] "},
		{"\"a\" ,\"b\"x,c\n1,2\n", 0, {',', '"', '\n', false, false}, "1!2@8 2[1][2] "},
		{"1,\"open\n2,b\n3,c\n", 0, {',', '"', '\n', false, false}, "1!1@0 2[2][b] 3[3][c] "},
		{"1,a\0b\n2,b\n", 10, {',', '"', '\n', false, false}, "1!5@3 2[2][b] "},
		{"1,a\xe9z\n2,\xc3\xa9\n", 0, {',', '"', '\n', false, false}, "1!6@3 2[2][\xc3\xa9] "},
		{"1,a\xe9\x80\n", 0, {',', '"', '\n', false, true}, "1[1][a\xc3\xa9\xe2\x82\xac] "},
		{"\"\x93q\"\"\x94\"\n", 0, {',', '"', '\n', false, true}, "1[\xe2\x80\x9cq\"\xe2\x80\x9d] "},
		{",,\n", 0, {',', '"', '\n', false, false}, "1[][][] "},
		{"", 0, {',', '"', '\n', false, false}, ""},
		{"\n \n", 0, {',', '"', '\n', false, false}, ""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char out[400];
		size_t len = cases[i].len ? cases[i].len : strlen(cases[i].in);
		render(&cases[i].d, 100, cases[i].in, len, out, sizeof(out));
		assert_string_equal(out, cases[i].out);
	}
}

static void test_limits(void **state)
{
	static char data[RECORD_FIELDS_MAX * 2 + 200];
	const struct csv_dialect d = {',', '"', '\n', false, false};
	char out[400];
	(void)state;
	render(&d, 5, "123456,7\n1,2\n", 13, out, sizeof(out));
	assert_string_equal(out, "1!3@0 2[1][2] ");
	// A record of several lines that is too long goes with its first line only.
	render(&d, 8, "1,\"a\nbcdefg\"\n2,3\n", 17, out, sizeof(out));
	assert_string_equal(out, "1!1@0 2[bcdefg\"] 3[2][3] ");
	memset(data, ',', RECORD_FIELDS_MAX);
	memcpy(data + RECORD_FIELDS_MAX, "\n1,2\n", 5);
	render(&d, 5000, data, RECORD_FIELDS_MAX + 5, out, sizeof(out));
	assert_string_equal(out, "1!4@0 2[1][2] ");
	memmove(data + RECORD_FIELDS_MAX - 1, data + RECORD_FIELDS_MAX, 5); // one field less: just fits
	struct csv_split s = {.dialect = d, .record_max = 5000};
	struct csv_record r;
	struct err e = ERR_NONE;
	assert_int_equal(csv_window(&s, data, 0, RECORD_FIELDS_MAX + 4, 1, true, &e), RC_OK);
	assert_int_equal(csv_next(&s, &r), CSV_RECORD);
	assert_int_equal(r.problem, CSV_FINE);
	assert_int_equal(r.n_fields, RECORD_FIELDS_MAX);
	csv_split_free(&s);
}

// At the end of the file an open quote takes the rest along when none of it is a row.
static void test_cut_off(void **state)
{
	static const struct {
		const char *in;
		uint32_t n_columns, n_records;
		size_t raw_len; // of the second record
	} cases[] = {
		{"1,a\n2,\"text that\n\ngoes on, and, on\nand ends", 2, 2, 39},
		{"1,a\n2,\"text that\ngoes on\n3,b\n", 2, 4, 12},
		{"1,a\n2,\"text that\ngoes on\n3,x,y\n", 2, 2, 27},
		{"1,a\n2,\"text that", 2, 2, 12},
		{"1,a\n2,\"text that\ngoes on", 0, 3, 12},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct csv_split s = {.dialect = {',', '"', '\n', false, false},
			.record_max = 100,
			.eof = true,
			.n_columns = cases[i].n_columns};
		struct csv_record r;
		struct err e = ERR_NONE;
		uint32_t n = 0;
		assert_int_equal(csv_window(&s, cases[i].in, 0, strlen(cases[i].in), 1, true, &e), RC_OK);
		for (; csv_next(&s, &r) == CSV_RECORD; n++) {
			if (n != 1)
				continue;
			assert_int_equal(r.problem, CSV_UNCLOSED_QUOTE);
			assert_int_equal(r.raw.len, cases[i].raw_len);
		}
		assert_int_equal(n, cases[i].n_records);
		csv_split_free(&s);
	}
}

struct head_case {
	const char *in;
	char delimiter; // forced
	uint32_t skip_lines;
	bool no_header;
	const char *required[3];
	const char *out; // delimiter, quote, eol as letters; columns; body line; skipped lines and sample
};

static void check_head(const struct head_case *c)
{
	struct reader_options o = {
		.delimiter = c->delimiter, .has_header = !c->no_header, .skip_lines = c->skip_lines};
	struct arena *a = arena_new(0);
	struct csv_head h;
	struct err e = ERR_NONE;
	struct sv required[3];
	uint32_t n = 0;
	char out[600];
	for (; n < 3 && c->required[n]; n++)
		required[n] = sv_from(c->required[n]);
	enum rc rc = csv_sniff(sv_from(c->in), 0, true, &o, required, n, a, &h, &e);
	if (rc != RC_OK) {
		snprintf(out, sizeof(out), "%s", rc_info(rc)->name);
	} else {
		size_t k = (size_t)snprintf(out, sizeof(out), "%c%c%c", h.dialect.delimiter, h.dialect.quote,
			h.dialect.eol == '\n' ? 'n' : 'r');
		for (uint32_t i = 0; i < h.n_columns; i++)
			k += (size_t)snprintf(out + k, sizeof(out) - k, "[%.*s]", SV_ARG(h.columns[i]));
		snprintf(out + k, sizeof(out) - k, " body %llu skipped %llu %.*s",
			(unsigned long long)h.body_line, (unsigned long long)h.n_skipped,
			SV_ARG(h.skipped_sample));
	}
	assert_string_equal(out, c->out);
	arena_free(&a);
}

static void test_heads(void **state)
{
	static const struct head_case cases[] = {
		{"id,at,x\n1,2,3\n", 0, 0, false, {"id", "at"}, ",\"n[id][at][x] body 2 skipped 0 "},
		{"id;at;x,y\n1;2;3\n", 0, 0, false, {"id", "at"}, ";\"n[id][at][x,y] body 2 skipped 0 "},
		{"id\tat\r\n1\t2\r\n", 0, 0, false, {"at"}, "\t\"n[id][at] body 2 skipped 0 "},
		{"id|at\r1|2\r", 0, 0, false, {"at"}, "|\"r[id][at] body 2 skipped 0 "},
		{"Archive: \"x.zip\n  inflating: y\n\nid,at\n1,2\n", 0, 0, false, {"id", "at"},
			",\"n[id][at] body 5 skipped 2 Archive: \"x.zip"},
		{"\"id\",\" at \",\"free\ntext\"\n1,2,3\n", 0, 0, false, {"id", "at"},
			",\"n[id][at][free\ntext] body 3 skipped 0 "},
		{"'id';'at'\n'1';'2'\n", 0, 0, false, {"id", "at"}, ";'n[id][at] body 2 skipped 0 "},
		// Nothing required: the delimiter that gives the steadiest rows.
		{"a b, c;d\n1;2\n3;4\n", 0, 0, false, {0}, ";\"n[a b, c][d] body 2 skipped 0 "},
		// The required column is missing: the best line is taken, so that binding can say what lacks.
		{"title\nid,at,x\n1,2,3\n", 0, 0, false, {"id", "At"},
			",\"n[id][at][x] body 3 skipped 1 title"},
		{"junk\njunk,id\nid,at\n", 0, 2, false, {"id"}, ",\"n[id][at] body 4 skipped 2 junk"},
		{"1,2,3\n4,5,6\n", 0, 0, true, {"2"}, ",\"n[1][2][3] body 1 skipped 0 "},
		{"id,at;x\n", ';', 0, false, {"x"}, ";\"n[id,at][x] body 2 skipped 0 "},
		{"", 0, 0, false, {"x"}, "input"},
		{"\n\n", 0, 0, false, {"x"}, "input"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_head(&cases[i]);
}

static void test_header_far_down(void **state)
{
	struct reader_options o = {.has_header = true};
	struct sv required[] = {SV("id"), SV("at")};
	struct arena *a = arena_new(0);
	struct csv_head h;
	struct err e = ERR_NONE;
	char *in = malloc(20000);
	(void)state;
	for (unsigned lines = 998; lines < 1003; lines++) { // junk lines before the header
		size_t n = 0;
		for (unsigned i = 0; i < lines; i++)
			n += (size_t)snprintf(in + n, 20000 - n, "junk %u,\"x\n", i);
		n += (size_t)snprintf(in + n, 20000 - n, "id,at\n1,2\n");
		e = ERR_NONE;
		enum rc rc = csv_sniff((struct sv){in, n}, 0, true, &o, required, 2, a, &h, &e);
		bool found = rc == RC_OK && h.n_columns == 2 && sv_equal(h.columns[0], SV("id"));
		assert_int_equal(found, lines < 1000);
	}
	free(in);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_deviations),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_header_far_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
