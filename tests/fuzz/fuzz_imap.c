// SPDX-License-Identifier: Apache-2.0
// What a mail server says. However its bytes come, they make the same answers; an answer is no more than what was said, and
// numbers in it are within their bounds.
#include "listen/imap_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LITERAL_MAX 2000u

struct seen {
	uint64_t sum;
	size_t n, used;
	enum rc rc;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "imap: %s\n", what);
	abort();
}

static void add(struct seen *s, struct sv text)
{
	s->sum = s->sum * 31 + text.len + (text.ptr != NULL);
	for (size_t i = 0; i < text.len; i++)
		s->sum = s->sum * 31 + (unsigned char)text.ptr[i];
}

static void read_values(struct seen *s, struct sv text)
{
	uint32_t n = 0, last = 0;
	uint64_t size = 0;
	size_t left = text.len + 1;
	if (imap_says_validity(text, &n)) {
		check(n > 0, "a validity of nothing");
		s->sum += n;
	}
	if (imap_says_exists(text, &n))
		s->sum += 3 * (uint64_t)n;
	if (imap_says_size(text, &size))
		check(size <= INT64_MAX, "a size");
	for (uint32_t place = 0; place < 4; place++)
		if (imap_says_uid(text, place, &n))
			s->sum += 5 * (uint64_t)n + place;
	for (struct sv rest = text; imap_says_found(&rest, &last);) {
		check(rest.len < left, "a number that takes nothing");
		left = rest.len;
		s->sum = s->sum * 31 + last;
	}
	char quoted[1024];
	struct err e = ERR_NONE;
	if (imap_quote(text, quoted, &e) == RC_OK)
		check(strlen(quoted) >= text.len + 2 && !strpbrk(quoted, "\r\n"), "a name that is no string");
}

// By `at_once` bytes; the reader sees a copy that ends where they end.
static struct seen take(const char *bytes, size_t size, size_t at_once)
{
	struct imap_reader r = imap_reader_new(LITERAL_MAX);
	struct seen s = {0};
	struct err e = ERR_NONE;
	for (size_t have = 0; have < size && s.rc == RC_OK;) {
		have = have + at_once < size ? have + at_once : size;
		char *exact = malloc(have);
		if (!exact)
			break;
		memcpy(exact, bytes, have);
		for (size_t used = 1; used && s.rc == RC_OK;) {
			struct imap_answer a = {SV_NONE, SV_NONE};
			const struct sv in = {exact + s.used, have - s.used};
			s.rc = imap_read(&r, in, &a, &used, &e);
			if (s.rc != RC_OK || !used)
				break;
			check(used <= in.len && a.text.len + a.literal.len + 2 <= used, "more than was said");
			check(a.literal.len <= LITERAL_MAX, "a literal that is too long");
			s.used += used;
			s.n++;
			add(&s, a.text);
			add(&s, a.literal);
			read_values(&s, a.text);
		}
		free(exact);
	}
	check(s.rc == RC_OK || s.rc == RC_LIMIT, "kind of error");
	imap_reader_free(&r);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	const char *bytes = (const char *)data + 1;
	struct seen whole = take(bytes, size - 1, size - 1), parts = take(bytes, size - 1, 1 + data[0] % 64u);
	check(whole.rc == parts.rc && whole.sum == parts.sum && whole.n == parts.n && whole.used == parts.used,
		"the same bytes give something else when they come one after the other");
	return 0;
}
