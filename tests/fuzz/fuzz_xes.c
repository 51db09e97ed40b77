// SPDX-License-Identifier: Apache-2.0
// XES: any bytes give rows or an error with its place, the same for all sizes of reads; a row is a line that begins with
// a number and is JSON (unless the file holds rows already), and no event is in two rows. The first byte chooses the
// size of reads.
#include "base/json.h"
#include "listen/xes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUT_MAX ((size_t)8 << 20)

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "XES: %s\n", what);
	abort();
}

// A file that is memory.
struct memory {
	const uint8_t *data;
	size_t size;
};

static int mem_open(const struct io *io, const char *path, enum io_mode mode)
{
	(void)io;
	(void)path;
	(void)mode;
	return 3;
}

static int64_t mem_pread(const struct io *io, int fd, void *buf, size_t n, uint64_t offset)
{
	const struct memory *m = io->context;
	(void)fd;
	if (offset >= m->size)
		return 0;
	if (n > m->size - offset)
		n = m->size - offset;
	memcpy(buf, m->data + offset, n);
	return (int64_t)n;
}

static int64_t mem_size(const struct io *io, int fd)
{
	(void)fd;
	return (int64_t)((const struct memory *)io->context)->size;
}

static int mem_close(const struct io *io, int fd)
{
	(void)io;
	(void)fd;
	return 0;
}

static size_t read_all(const struct io *io, const struct tz *utc, size_t step, char *out,
	struct xes_counts *counts, struct err *e)
{
	struct stream *s = NULL;
	struct xes *x = NULL;
	size_t len = 0, got = 0;
	if (stream_open(io, "log.xes", NULL, &s, e) != RC_OK)
		return 0;
	if (xes_open(s, "log.xes", utc, &x, e) == RC_OK) {
		enum rc rc;
		do {
			rc = xes_read(x, out + len, step, &got, e);
			len += got;
		} while (rc == RC_OK && got == step && len + step <= OUT_MAX);
		*counts = *xes_counts(x);
	}
	xes_close(&x);
	stream_close(&s);
	return len;
}

static void check_rows(const char *out, size_t len, const struct xes_counts *c)
{
	struct json_parser *parser = json_parser_new((size_t)2 << 20);
	struct json_node root;
	uint64_t n = 0;
	check(len == 0 || out[len - 1] == '\n', "half a row");
	for (size_t at = 0; parser && at < len; n++) {
		const char *end = memchr(out + at, '\n', len - at), *tab = memchr(out + at, '\t', len - at);
		struct err e = ERR_NONE;
		check(tab && tab < end && out[at] >= '1' && out[at] <= '9', "a row without its line");
		enum rc rc = json_parse(parser, (struct sv){tab + 1, (size_t)(end - tab) - 1}, &root, &e);
		// A nested corridor:json may hold anything; the row is rejected then.
		check(rc != RC_OK || root.type == JSON_OBJECT, "a row that is no object");
		at = (size_t)(end - out) + 1;
	}
	check(c->n_pairs * 2 + c->n_lone_starts + c->n_lone_ends <= c->n_events, "counts");
	check(n <= c->n_events, "more rows than events");
	json_parser_free(&parser);
}

// Both ways of reading, and what must hold.
static void compare(const struct memory *m, size_t step, const struct tz *utc, char *one, char *two)
{
	struct err e = ERR_NONE, e2 = ERR_NONE;
	struct xes_counts c = {0}, c2 = {0};
	struct io io = {.open = mem_open,
		.pread = mem_pread,
		.close = mem_close,
		.size = mem_size,
		.context = (void *)(uintptr_t)m};
	uint8_t first = m->data[0];
	bool rows = first == '{' || first == ' ' || first == '\n' || first == '\r' || first == '\t';
	bool packed = first == 0x1f || first == 0x28;
	size_t n = read_all(&io, utc, 65536, one, &c, &e), n2 = read_all(&io, utc, step, two, &c2, &e2);
	check(e.rc == RC_OK || e.rc == RC_INPUT || e.rc == RC_LIMIT || e.rc == RC_NOMEM, "kind of error");
	if (n + 65536 > OUT_MAX)
		return;
	check(n == n2 && memcmp(one, two, n) == 0 && e.rc == e2.rc, "depends on the size of reads");
	if (!rows && !packed)
		check_rows(one, n, &c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char *one, *two;
	static struct tz *utc;
	struct err e = ERR_NONE;
	one = one ? one : malloc(OUT_MAX);
	two = two ? two : malloc(OUT_MAX);
	if (!utc)
		tz_open(SV("UTC"), &utc, &e);
	if (size < 2 || size > 1 << 20 || !one || !two || !utc)
		return 0;
	struct memory m = {data + 1, size - 1};
	compare(&m, 1 + (size_t)data[0] * 8, utc, one, two);
	return 0;
}
