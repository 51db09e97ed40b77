// SPDX-License-Identifier: Apache-2.0
// Answers of mail servers: the examples of RFC 3501, bytes that come in pieces, and what no server should say.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "listen/imap_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Answers and literals, one a line, however the bytes come.
static void read_all(struct sv bytes, size_t at_once, struct buf *out)
{
	struct imap_reader r = imap_reader_new(1000);
	struct err e = ERR_NONE;
	size_t begin = 0;
	buf_clear(out);
	for (size_t have = 0; have < bytes.len;) {
		have = have + at_once < bytes.len ? have + at_once : bytes.len;
		for (size_t used = 1; used;) {
			struct imap_answer a;
			enum rc rc = imap_read(&r, (struct sv){bytes.ptr + begin, have - begin}, &a, &used, &e);
			if (rc != RC_OK) {
				buf_printf(out, "%s\n", e.message);
				imap_reader_free(&r);
				return;
			}
			if (!used)
				break;
			begin += used;
			buf_sv(out, a.text);
			if (a.literal.ptr)
				buf_printf(out, "|%.*s", SV_ARG(a.literal));
			buf_char(out, '\n');
		}
	}
	buf_printf(out, "%zu left\n", bytes.len - begin);
	imap_reader_free(&r);
}

static void assert_answers(const char *bytes, const char *answers)
{
	struct buf out = buf_new(10000);
	for (size_t at_once = 1; at_once <= strlen(bytes) + 1; at_once++) {
		read_all(sv_from(bytes), at_once, &out);
		if (!sv_equal(buf_view(&out), sv_from(answers)))
			fail_msg("%s\nby %zu:\n%.*s", bytes, at_once, SV_ARG(buf_view(&out)));
	}
	buf_free(&out);
}

static void lines_and_literals(void **state)
{
	(void)state;
	assert_answers("", "0 left\n");
	assert_answers("* OK hello\r\n", "* OK hello\n0 left\n");
	assert_answers("* OK hello\r\nC1 OK\r\n* rest", "* OK hello\nC1 OK\n6 left\n");
	assert_answers("* a\nb\rc\r\n", "* a\nb\rc\n0 left\n"); // only both together end a line
	assert_answers("\r\n\n\r\n", "\n\n\n0 left\n");
	assert_answers("* 1 FETCH (BODY[] {12}\r\nab\r\nC1 OK\r\n!)\r\nC1 OK\r\n",
		"* 1 FETCH (BODY[] {12})|ab\r\nC1 OK\r\n!\nC1 OK\n0 left\n");
	assert_answers("a {0}\r\n\r\n", "a {0}|\n0 left\n");
	assert_answers("a {2}\r\nxy{3}\r\nzzz {1} b\r\n", "a {2}{3} {1} b|zzz\n0 left\n");
	assert_answers("a {5}\r\nxy", "9 left\n");
	assert_answers("a {}\r\nb {x}\r\nc {-1}\r\nd {1 }\r\n", "a {}\nb {x}\nc {-1}\nd {1 }\n0 left\n");
	assert_answers("a {1000}\r\n", "10 left\n");
	assert_answers("a {1001}\r\n", "the mail server sends more than 1000 bytes at once\n");
	assert_answers("a {9223372036854775807}\r\n", "the mail server sends more than 1000 bytes at once\n");
	assert_answers("a {9223372036854775808}\r\n", "a {9223372036854775808}\n0 left\n"); // no number
}

static void lines_without_an_end(void **state)
{
	(void)state;
	struct buf out = buf_new(4 << 20);
	char *line = malloc(IMAP_LINE_BYTES_MAX + 1);
	memset(line, 'x', IMAP_LINE_BYTES_MAX + 1);
	const size_t at_once[] = {1000, 65536, IMAP_LINE_BYTES_MAX + 1};
	for (size_t i = 0; i < 3; i++) {
		read_all((struct sv){line, IMAP_LINE_BYTES_MAX + 1}, at_once[i], &out);
		assert_true(sv_equal(
			buf_view(&out), SV("the mail server sends a line of more than 1048576 bytes\n")));
	}
	memcpy(line + IMAP_LINE_BYTES_MAX - 2, "\r\n", 2);
	for (size_t i = 0; i < 3; i++) {
		read_all((struct sv){line, IMAP_LINE_BYTES_MAX}, at_once[i], &out);
		assert_int_equal(out.len, IMAP_LINE_BYTES_MAX - 2 + strlen("\n0 left\n"));
	}
	// Lines that go on behind literals are one answer, with the same bound.
	buf_clear(&out);
	struct buf bytes = buf_new(4 << 20);
	for (unsigned i = 0; i < 300; i++) {
		buf_put(&bytes, line, 4000);
		buf_str(&bytes, "{0}\r\n");
	}
	read_all(buf_view(&bytes), bytes.len, &out);
	assert_true(sv_starts(buf_view(&out), SV("an answer of the mail server")));
	buf_free(&bytes);
	buf_free(&out);
	free(line);
}

static void what_answers_say(void **state)
{
	(void)state;
	uint32_t n = 0;
	uint64_t size = 0;
	assert_true(imap_says_validity(SV("* OK [UIDVALIDITY 3857529045] UIDs valid"), &n) && n == 3857529045u);
	assert_false(imap_says_validity(SV("* OK [UIDVALIDITY 0] no"), &n));
	assert_false(imap_says_validity(SV("* OK [UIDVALIDITY 4294967296] no"), &n));
	assert_false(imap_says_validity(SV("* OK [UIDNEXT 4392] Predicted next UID"), &n));
	assert_true(imap_says_exists(SV("* 172 EXISTS"), &n) && n == 172);
	assert_false(imap_says_exists(SV("* 1 RECENT"), &n));
	assert_false(imap_says_exists(SV("* EXISTS"), &n));
	assert_false(imap_says_exists(SV("* 99999999999 EXISTS"), &n));
	assert_int_equal(n, 172);
	assert_true(
		imap_says_size(SV("* 12 FETCH (UID 5 RFC822.SIZE 44827 FLAGS ())"), &size) && size == 44827);
	assert_false(imap_says_size(SV("* 12 FETCH (RFC822.SIZE )"), &size));
	assert_false(imap_says_size(SV_NONE, &size));
	assert_true(imap_says_uid(SV("* 23 FETCH (FLAGS (\\Seen) UID 4827313)"), 23, &n) && n == 4827313);
	assert_true(imap_says_uid(SV("* 23 FETCH (UID 7)"), 23, &n) && n == 7);
	assert_false(imap_says_uid(SV("* 23 FETCH (UID 7)"), 24, &n));
	assert_false(imap_says_uid(SV("* 23 FETCH (FLAGS ())"), 23, &n));
	assert_false(imap_says_uid(SV("* 23 EXPUNGE"), 23, &n));
}

static void assert_found(const char *text, const char *found)
{
	struct buf out = buf_new(1000);
	uint32_t uid;
	for (struct sv rest = sv_from(text); imap_says_found(&rest, &uid);)
		buf_printf(&out, "%u ", uid);
	if (!sv_equal(buf_view(&out), sv_from(found)))
		fail_msg("%s: %.*s", text, SV_ARG(buf_view(&out)));
	buf_free(&out);
}

static void what_a_search_finds(void **state)
{
	(void)state;
	assert_found("* SEARCH 2 84 882", "2 84 882 ");
	assert_found("* SEARCH", "");
	assert_found("* SEARCH ", "");
	assert_found("* SEARCH  5   3 ", "5 3 ");
	assert_found("* SEARCH 4294967295 4294967296 1", "4294967295 ");
	assert_found("* SEARCH 1 (MODSEQ 917162500)", "1 ");
	assert_found("* SEARCHES 1", "");
	assert_found("* SORT 2 84", "");
}

static void names(void **state)
{
	(void)state;
	char out[1024], name[1100];
	struct err e = ERR_NONE;
	assert_int_equal(imap_quote(SV("In \"the\" b\\x"), out, &e), RC_OK);
	assert_string_equal(out, "\"In \\\"the\\\" b\\\\x\"");
	assert_int_equal(imap_quote(SV("a\r\nC2 LOGOUT"), out, &e), RC_INPUT);
	e = ERR_NONE;
	assert_int_equal(imap_quote(SV("M\xC3\xA4rz"), out, &e), RC_INPUT);
	assert_non_null(strstr(e.remedy, "UTF-7"));
	memset(name, '"', sizeof(name));
	e = ERR_NONE;
	for (size_t n = 500; n < 520; n++) {
		enum rc rc = imap_quote((struct sv){name, n}, out, &e);
		assert_true(rc == RC_INPUT || (rc == RC_OK && strlen(out) == 2 * n + 2));
	}
	assert_int_equal(e.rc, RC_INPUT); // it is not cut
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_and_literals),
		cmocka_unit_test(lines_without_an_end),
		cmocka_unit_test(what_answers_say),
		cmocka_unit_test(what_a_search_finds),
		cmocka_unit_test(names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
