// SPDX-License-Identifier: Apache-2.0
// Mail messages: attachments of one that is built here, names of files, and messages that somebody built to do harm, each of
// which would take all of the stack, the memory or the time of whoever takes it apart.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "listen/mail.h"

#include <stdio.h>
#include <string.h>

struct parts {
	struct buf text; // "NAME=BYTES;" of each, the sender before
	uint32_t n;
};

static bool take_from(void *context, struct sv address)
{
	struct parts *p = context;
	buf_printf(&p->text, "%.*s:", SV_ARG(address));
	return true;
}

static enum rc take_part(void *context, struct sv name, struct sv bytes, struct err *e)
{
	struct parts *p = context;
	(void)e;
	p->n++;
	if (bytes.len < 100)
		buf_printf(&p->text, "%.*s=%.*s;", SV_ARG(name), SV_ARG(bytes));
	else
		buf_printf(&p->text, "%.*s=%zu bytes;", SV_ARG(name), bytes.len);
	return RC_OK;
}

static void assert_taken(const struct buf *message, const char *expected)
{
	struct err e = ERR_NONE;
	struct parts p = {buf_new(1 << 20), 0};
	const struct mail_sink sink = {&p, take_from, take_part};
	if (mail_read(buf_view(message), &sink, &e) != RC_OK)
		fail_msg("%s", e.message);
	if (!sv_equal(buf_view(&p.text), sv_from(expected)))
		fail_msg("%.*s", SV_ARG(buf_view(&p.text)));
	buf_free(&p.text);
}

// Before GMime sees it.
static void assert_refused(struct buf *message, const char *why)
{
	struct err e = ERR_NONE;
	struct parts p = {buf_new(1 << 20), 0};
	const struct mail_sink sink = {&p, take_from, take_part};
	assert_int_equal(message->rc, RC_OK);
	assert_int_equal(mail_read(buf_view(message), &sink, &e), RC_LIMIT);
	assert_non_null(strstr(e.message, why));
	assert_int_equal(p.text.len, 0);
	buf_free(&p.text);
	buf_clear(message);
}

static void repeat(struct buf *b, const char *text, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		buf_str(b, text);
}

#define MIXED "From: P <p@b.example>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"

static void attachments(void **state)
{
	(void)state;
	struct buf b = buf_new(16 << 20);
	buf_str(&b, MIXED "text\r\n--b\r\n\r\nhello\r\n--b\r\nContent-Type: text/csv; name=a.csv\r\n\r\n1,2\r\n"
			  "--b\r\nContent-Disposition: attachment; filename*=utf-8''M%C3%A4rz.csv\r\n"
			  "Content-Transfer-Encoding: base64\r\n\r\nYSxi\r\n--b--\r\n");
	assert_taken(&b, "p@b.example:a.csv=1,2;M\xC3\xA4rz.csv=a,b;");
	buf_clear(&b);
	buf_str(&b, "Subject: x\n\nbody");
	assert_taken(&b, ":");
	// Lines of a file are not headers, however many there are and whatever is in them.
	buf_clear(&b);
	buf_str(&b, MIXED "--b\r\nContent-Type: text/csv; name=a.csv\r\n\r\n");
	repeat(&b, "c-1:u-1:2026-03-01T10:00:00Z\r\n", 50000);
	repeat(&b, "a:", 1000);
	buf_str(&b, "\r\n\r\n");
	repeat(&b, "d-1:u-1:2026-03-01T10:00:00Z\r\n", 50000);
	buf_str(&b, "--b--\r\n");
	assert_taken(&b, "p@b.example:a.csv=3002002 bytes;");
	// As many recipients as a list has.
	buf_clear(&b);
	buf_str(&b, "From: a@b.example\r\nTo: ");
	repeat(&b, "somebody with a name <somebody@partner.example>,\r\n ", 2000);
	buf_str(&b, "last@c.example\r\n\r\n");
	assert_taken(&b, "a@b.example:");
	buf_free(&b);
}

// What an attachment is called says nothing of what it is, and its lines are not headers whatever they begin with.
static void large(void **state)
{
	(void)state;
	static const char *const types[] = {"text/csv; name=\"messages.csv\"", "text/csv; name=\"digest.csv\"",
		"text/csv;\r\n name=\"daily-digest-of-messages.csv\"",
		"text/csv\r\n\t(a \\) b; (c) d;)\r\n ; name=message.csv",
		"text/csv; x=\"multipart/digest\"; name=a.csv"};
	static const char *const names[] = {
		"messages.csv", "digest.csv", "daily-digest-of-messages.csv", "message.csv", "a.csv"};
	struct buf b = buf_new(16 << 20);
	char expected[100];
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		buf_clear(&b);
		buf_printf(&b, MIXED "--b\r\nContent-Type: %s\r\nContent-Transfer-Encoding: base64\r\n\r\n",
			types[i]);
		repeat(&b, "YzoxLHU6MSwyMDI2LTAzLTAxVDEwOjAwOjAwWixjYWxsLDUsYWdlbnRz\r\n",
			50000); // 42 bytes each
		buf_str(&b, "--b--\r\n");
		snprintf(expected, sizeof(expected), "p@b.example:%s=2100000 bytes;", names[i]);
		assert_taken(&b, expected);
	}
	static const char *const boundaries[] = {"b", "\"b\"", "\r\n \"b\"", "b; x=y"};
	for (size_t i = 0; i < sizeof(boundaries) / sizeof(boundaries[0]); i++) {
		buf_clear(&b);
		buf_printf(&b,
			"From: p@b.example\r\nContent-Type: multipart/mixed; boundary=%s\r\n\r\n"
			"--b\r\nContent-Type: text/csv; name=a.csv\r\n\r\n--\r\n--;none\r\n",
			boundaries[i]);
		repeat(&b, "--;c:1,u:1,2026-03-01T10:00:00Z,call,9\r\n", 50000); // 40 bytes each
		buf_str(&b, "--b--\r\n");
		assert_taken(&b, "p@b.example:a.csv=2000011 bytes;");
	}
	buf_free(&b);
}

static void harmful(void **state)
{
	(void)state;
	struct buf b = buf_new(64 << 20);
	buf_str(&b, "From: ");
	repeat(&b, "a:", 200000);
	assert_refused(&b, "colons");
	buf_str(&b, "\n\nX: 1\nTo: "); // folded, behind empty lines
	repeat(&b, "a:\n ", 200000);
	assert_refused(&b, "colons");
	buf_str(&b, "From: a@b\nContent-Type: Message/rfc822\n\n\nFrom: ");
	repeat(&b, "a:", 200000);
	assert_refused(&b, "colons");
	buf_str(&b, "From: a@b\nContent-Type:\n (c) message (c)/rfc822\nno header\nFrom: ");
	repeat(&b, "a:", 200000);
	assert_refused(&b, "colons");
	buf_str(&b, "Content-Type: multipart/digest; boundary=b\n\n--b\n\nFrom: ");
	repeat(&b, "a:", 200000);
	assert_refused(&b, "colons");
	buf_str(&b, MIXED
		"--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\nContent-Type: message/rfc822\n\nCc: ");
	repeat(&b, "a:", 200000);
	assert_refused(&b, "colons");
	buf_str(&b, MIXED);
	repeat(&b, "--b\n\n", 1000000);
	assert_refused(&b, "parts");
	repeat(&b, "a:b\n", 1000000);
	assert_refused(&b, "headers");
	buf_str(&b, "Content-Type: message/rfc822\n\n");
	repeat(&b, "a:b\n", 1000000);
	assert_refused(&b, "headers");
	buf_str(&b, "From: ");
	repeat(&b, "a@b,", 1000000);
	assert_refused(&b, "bytes");
	// Types behind comments, and boundaries that are given in all the ways there are.
	buf_str(&b, "Content-Type: (a;\\);(;);)\n (;)message/rfc822; name=a.csv\n\nFrom: ");
	repeat(&b, "a:", 200000);
	assert_refused(&b, "colons");
	buf_str(&b, "Content-Type: message/rfc822; boundary=x\n--x\nA: b\n\nFrom: ");
	repeat(&b, "a:", 200000);
	assert_refused(&b, "colons");
	static const char *const given[] = {"boundary=b c", "boundary=\"b c\"", "Boundary = \"b c\"",
		"boundary=\n \"b c\"", "boundary=\"\\b c\"", "boundary*0=b; boundary*1=\" c\"",
		"boundary*=utf-8''b%20c", "boundary=(x)\"b c\"", "boundary=x; boundary=\"b c\"",
		"boundary=?us-ascii?q?b=20c?=", "x=\"boundary=q\"; boundary=\"b c\""};
	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		buf_printf(&b,
			"Content-Type: multipart/mixed; %s\n\n--b c\nContent-Type: message/rfc822\n\nFrom: ",
			given[i]);
		repeat(&b, "a:", 200000);
		assert_refused(&b, "colons");
	}
	for (unsigned i = 0; i < 100000; i++)
		buf_printf(&b, "Content-Type: multipart/mixed; boundary=b%u\n\n--b%u\n", i, i);
	assert_refused(&b, "headers");
	buf_free(&b);
}

static void assert_named(struct sv given, const char *name)
{
	char out[MAIL_NAME_BYTES_MAX + 1];
	bool is = mail_file_name(given, out);
	if (is != (name != NULL) || (is && strcmp(out, name) != 0))
		fail_msg("%.*s: %s", SV_ARG(given), is ? out : "none");
}

static void names(void **state)
{
	(void)state;
	char longest[MAIL_NAME_BYTES_MAX + 2];
	memset(longest, 'x', sizeof(longest));
	longest[MAIL_NAME_BYTES_MAX] = 0;
	assert_named(SV("a.csv"), "a.csv");
	assert_named(SV("../../etc/passwd"), "passwd");
	assert_named(SV("C:\\calls\\M\xC3\xA4rz.csv"), "M\xC3\xA4rz.csv");
	assert_named(sv_from(longest), longest);
	longest[MAIL_NAME_BYTES_MAX] = 'x';
	assert_named((struct sv){longest, MAIL_NAME_BYTES_MAX + 1}, NULL);
	static const struct sv none[] = {{"", 0}, {"..", 2}, {".a", 2}, {"a/", 2}, {"a\\", 2}, {"a\nb", 3},
		{"a\0b", 3}, {"\xFF", 1}, {"a\x7f", 2}};
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_named(none[i], NULL);
}

int main(void)
{
	struct err e = ERR_NONE;
	if (mail_available(&e) != RC_OK) {
		printf("skipped: %s\n", e.message);
		return 0;
	}
	const struct CMUnitTest tests[] = {cmocka_unit_test(attachments), cmocka_unit_test(large),
		cmocka_unit_test(harmful), cmocka_unit_test(names)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
