// SPDX-License-Identifier: Apache-2.0
// Streams: plain, gzip and zstd, several members and frames, damage and truncation at every offset; the reader's
// blocks on files larger than a block.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "csv_slow.h"
#include "listen/reader.h"
#include "listen/stream.h"

#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

static char path[64];

static void write_file(const void *bytes, size_t n)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	fclose(f);
}

static size_t gzip_of(const void *in, size_t n, uint8_t *out, size_t room)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)in,
		.avail_in = (unsigned)n,
		.next_out = out,
		.avail_out = (unsigned)room};
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return room - z.avail_out;
}

static size_t zstd_of(const void *in, size_t n, uint8_t *out, size_t room)
{
	size_t made = ZSTD_compress(out, room, in, n, 1);
	assert_false(ZSTD_isError(made));
	return made;
}

typedef size_t packer(const void *in, size_t n, uint8_t *out, size_t room);

// Reads all in pieces of `piece` bytes; returns rc, *n bytes.
static enum rc read_all(size_t piece, char *out, size_t room, size_t *n, struct err *e)
{
	struct stream *s;
	size_t got = 1;
	*n = 0;
	*e = ERR_NONE;
	enum rc rc = stream_open(NULL, path, NULL, &s, e);
	while (rc == RC_OK && got) {
		assert_true(*n + piece <= room);
		rc = stream_read(s, out + *n, piece, &got, e);
		*n += got;
	}
	if (rc == RC_OK)
		assert_true(stream_bytes_used(s) == stream_bytes_total(s));
	stream_close(&s);
	return rc;
}

static char text[300000], out[900000];
static uint8_t packed[900000];

static void fill_text(void)
{
	uint64_t seed = 7;
	for (size_t i = 0; i < sizeof(text); i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		text[i] = "abcdefgh,\n"[(seed >> 33) % 10];
	}
}

static void check_members(packer *pack)
{
	struct err e;
	size_t n, got;
	static const size_t pieces[] = {1000, 4096, 250000};
	fill_text();
	n = pack(text, 100000, packed, sizeof(packed));
	n += pack("", 0, packed + n, sizeof(packed) - n);
	n += pack(text + 100000, sizeof(text) - 100000, packed + n, sizeof(packed) - n);
	write_file(packed, n);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(read_all(pieces[i], out, sizeof(out), &got, &e), RC_OK);
		assert_int_equal(got, sizeof(text));
		assert_memory_equal(out, text, sizeof(text));
	}
}

static void check_truncated(packer *pack)
{
	struct err e;
	size_t got, n = pack(text, 20000, packed, sizeof(packed)), first = n;
	n += pack(text + 20000, 500, packed + n, sizeof(packed) - n);
	for (size_t cut = 9; cut < n; cut += cut < 20 || cut > n - 12 ? 1 : 3989) {
		if (cut == first)
			continue; // a whole file
		char offset[40];
		write_file(packed, cut);
		assert_int_equal(read_all(4096, out, sizeof(out), &got, &e), RC_INPUT);
		assert_memory_equal(out, text, got);
		snprintf(offset, sizeof(offset), "offset %zu ", cut);
		assert_non_null(strstr(e.message, offset));
	}
	// A flipped byte in the middle is an error too (both formats carry checksums or break).
	packed[first / 2] ^= 0x55;
	write_file(packed, n);
	read_all(4096, out, sizeof(out), &got, &e);
}

static void test_gzip(void **state)
{
	struct err e;
	size_t got, n;
	(void)state;
	check_members(gzip_of);
	check_truncated(gzip_of);
	// Zero padding behind the last member is no data; other bytes are damage.
	n = gzip_of(text, 1000, packed, sizeof(packed));
	memset(packed + n, 0, 512);
	write_file(packed, n + 512);
	assert_int_equal(read_all(4096, out, sizeof(out), &got, &e), RC_OK);
	assert_int_equal(got, 1000);
	memcpy(packed + n, "garbage", 7);
	write_file(packed, n + 7);
	assert_int_equal(read_all(4096, out, sizeof(out), &got, &e), RC_INPUT);
	assert_non_null(strstr(e.message, "damaged at or before offset"));
}

static size_t zstd_checked(const void *in, size_t n, uint8_t *to, size_t room)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
	size_t made = ZSTD_compress2(c, to, room, in, n);
	ZSTD_freeCCtx(c);
	assert_false(ZSTD_isError(made));
	return made;
}

static void test_zstd(void **state)
{
	static const uint8_t skippable[] = {0x53, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4};
	struct err e;
	size_t got, n;
	(void)state;
	check_members(zstd_of);
	check_members(zstd_checked);
	check_truncated(zstd_checked);
	memcpy(packed, skippable, sizeof(skippable));
	n = sizeof(skippable) + zstd_of(text, 1000, packed + sizeof(skippable), 5000);
	write_file(packed, n);
	assert_int_equal(read_all(4096, out, sizeof(out), &got, &e), RC_OK);
	assert_int_equal(got, 1000);
}

static void test_kinds(void **state)
{
	struct err e;
	size_t got;
	(void)state;
	write_file("", 0);
	assert_int_equal(read_all(10, out, sizeof(out), &got, &e), RC_OK);
	assert_int_equal(got, 0);
	write_file("a", 1);
	assert_int_equal(read_all(10, out, sizeof(out), &got, &e), RC_OK);
	assert_int_equal(got, 1);
	write_file("PK\x03\x04 and so on", 14);
	assert_int_equal(read_all(10, out, sizeof(out), &got, &e), RC_INPUT);
	assert_non_null(strstr(e.remedy, "unzip -p"));
	unlink(path);
	assert_int_equal(read_all(10, out, sizeof(out), &got, &e), RC_NOT_FOUND);
}

static uint64_t checked_bytes;

static void note_checked(void *context, uint64_t bytes, uint64_t total)
{
	(void)context;
	assert_true(bytes >= checked_bytes && bytes <= total);
	checked_bytes = bytes;
}

// Checked whole first, a file gives all its bytes afterwards, or none if one of its members is damaged.
static void check_whole(packer *pack)
{
	struct stream *s;
	struct err e = ERR_NONE;
	size_t got;
	fill_text();
	size_t first = pack(text, 100000, packed, sizeof(packed));
	size_t n = first + pack(text + 100000, sizeof(text) - 100000, packed + first, sizeof(packed) - first);
	write_file(packed, n);
	assert_int_equal(stream_open(NULL, path, NULL, &s, &e), RC_OK);
	checked_bytes = 0;
	assert_int_equal(stream_check(s, note_checked, NULL, &e), RC_OK);
	assert_int_equal(checked_bytes, n);
	assert_int_equal(stream_bytes_used(s), 0);
	assert_int_equal(stream_read(s, out, sizeof(out), &got, &e), RC_OK);
	assert_int_equal(got, sizeof(text));
	assert_memory_equal(out, text, sizeof(text));
	stream_close(&s);
	for (size_t at = 12; at + 7 < n; at += n / 19) {
		char zeroed[7];
		memcpy(zeroed, packed + at, sizeof(zeroed));
		memset(packed + at, 0, sizeof(zeroed));
		write_file(packed, n);
		e = ERR_NONE;
		assert_int_equal(stream_open(NULL, path, NULL, &s, &e), RC_OK);
		assert_int_equal(stream_check(s, NULL, NULL, &e), RC_INPUT);
		assert_non_null(strstr(e.remedy, "nothing of it was taken"));
		stream_close(&s);
		memcpy(packed + at, zeroed, sizeof(zeroed));
	}
	write_file(packed, n - 3);
	e = ERR_NONE;
	assert_int_equal(stream_open(NULL, path, NULL, &s, &e), RC_OK);
	assert_int_equal(stream_check(s, NULL, NULL, &e), RC_INPUT);
	assert_non_null(strstr(e.message, "ends early"));
	assert_non_null(strstr(e.remedy, "nothing of it was taken"));
	stream_close(&s);
}

static void test_check(void **state)
{
	volatile sig_atomic_t cancel = 0;
	struct stream *s;
	struct err e = ERR_NONE;
	size_t got;
	(void)state;
	check_whole(gzip_of);
	check_whole(zstd_checked);
	// It may take a while: whoever interrupts it does not wait.
	write_file(packed, gzip_of(text, sizeof(text), packed, sizeof(packed)));
	assert_int_equal(stream_open(NULL, path, &cancel, &s, &e), RC_OK);
	cancel = 1;
	assert_int_equal(stream_check(s, NULL, NULL, &e), RC_CANCELLED);
	stream_close(&s);
	// What is not packed has nothing to check.
	write_file("id,at\n", 6);
	e = ERR_NONE;
	assert_int_equal(stream_open(NULL, path, &cancel, &s, &e), RC_OK);
	assert_int_equal(stream_check(s, NULL, NULL, &e), RC_OK);
	assert_int_equal(stream_read(s, out, 10, &got, &e), RC_OK);
	assert_int_equal(got, 6);
	stream_close(&s);
}

// A pipe has no size and cannot be read by offset.
static void test_pipe(void **state)
{
	struct stream *s;
	struct err e = ERR_NONE;
	size_t got;
	int ends[2], keep = dup(STDIN_FILENO);
	(void)state;
	assert_int_equal(pipe(ends), 0);
	size_t n = gzip_of("some text", 9, packed, sizeof(packed));
	assert_int_equal(write(ends[1], packed, n), n);
	close(ends[1]);
	dup2(ends[0], STDIN_FILENO);
	assert_int_equal(stream_open(NULL, "-", NULL, &s, &e), RC_OK);
	assert_int_equal(stream_kind(s), STREAM_GZIP);
	assert_int_equal(stream_bytes_total(s), 0);
	assert_int_equal(stream_read(s, out, 100, &got, &e), RC_OK);
	assert_int_equal(got, 9);
	assert_memory_equal(out, "some text", 9);
	assert_int_equal(stream_bytes_used(s), n);
	stream_close(&s);
	close(ends[0]);
	// It cannot be read twice: not checked, but damage says what that means.
	packed[n - 6] ^= 1; // of the checksum
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], packed, n), n);
	close(ends[1]);
	dup2(ends[0], STDIN_FILENO);
	assert_int_equal(stream_open(NULL, "-", NULL, &s, &e), RC_OK);
	assert_int_equal(stream_check(s, NULL, NULL, &e), RC_OK);
	assert_int_equal(stream_read(s, out, 100, &got, &e), RC_INPUT);
	assert_int_equal(got, 9);
	assert_non_null(strstr(e.remedy, "rows taken from it may be wrong"));
	assert_non_null(strstr(e.remedy, "import it by its name"));
	stream_close(&s);
	close(ends[0]);
	e = ERR_NONE;
	// A silent pipe lets go when it is told to.
	volatile sig_atomic_t cancel = 1;
	assert_int_equal(pipe(ends), 0);
	dup2(ends[0], STDIN_FILENO);
	assert_int_equal(stream_open(NULL, "-", &cancel, &s, &e), RC_CANCELLED);
	close(ends[0]);
	close(ends[1]);
	dup2(keep, STDIN_FILENO);
	close(keep);
}

// --- the reader ---

static enum rc open_reader(const struct reader_options *o, struct reader **r, struct err *e)
{
	*e = ERR_NONE;
	return reader_open(NULL, path, o, NULL, 0, NULL, NULL, r, e);
}

static void test_marks(void **state)
{
	struct reader_options o = {.format = RECORD_CSV, .has_header = true};
	struct reader *r;
	struct err e;
	(void)state;
	write_file("\xef\xbb\xbfid,at\n1,2\n", 13);
	assert_int_equal(open_reader(&o, &r, &e), RC_OK);
	assert_int_equal(reader_head(r)->n_columns, 2);
	assert_true(sv_equal(reader_head(r)->columns[0], SV("id")));
	reader_close(&r);
	write_file("\xff\xfei\0d\0", 6);
	assert_int_equal(open_reader(&o, &r, &e), RC_INPUT);
	assert_string_equal(
		e.message, "the file is in UTF-16, which is not read directly"); // its name is the place
	assert_string_equal(e.file, path);
	assert_non_null(strstr(e.remedy, "iconv -f UTF-16LE"));
	write_file("\0i\0d", 4);
	assert_int_equal(open_reader(&o, &r, &e), RC_INPUT);
	assert_non_null(strstr(e.remedy, "iconv -f UTF-16BE"));
	o.format = RECORD_NDJSON;
	write_file(" \n[{\"a\":1}]", 11);
	assert_int_equal(open_reader(&o, &r, &e), RC_INPUT);
	assert_non_null(strstr(e.remedy, "jq -c '.[]'"));
}

// Rows of a file by blocks, as a mapper sees them, against the slow machine on the whole text.
static void check_blocks(const char *data, size_t n, const struct slow *slow, size_t first, bool header)
{
	struct reader_options o = {.format = RECORD_CSV, .has_header = header};
	struct reader *r;
	struct block *b;
	struct err e;
	uint64_t i = 0;
	bool done = false, more;
	assert_int_equal(open_reader(&o, &r, &e), RC_OK);
	assert_int_equal(block_new(&b, &e), RC_OK);
	while (reader_next(r, b, &done, &e) == RC_OK && !done) {
		struct block_row row;
		uint64_t n_rows = b->n_rows;
		for (block_rewind(b); block_next(b, &o, 1024, &row, &more, &e) == RC_OK && more; i++) {
			const struct slow_record *w = &slow->records[i + first];
			assert_true(i + first < slow->n);
			assert_int_equal(row.line, w->line);
			assert_int_equal(row.number, i + 1);
			assert_int_equal(row.bad, w->problem != CSV_FINE);
			assert_int_equal(row.raw.len, w->raw_len);
			assert_memory_equal(row.raw.ptr, data + w->raw_at, w->raw_len);
		}
		assert_int_equal(b->n_rows, n_rows);
	}
	assert_int_equal(e.rc, RC_OK);
	assert_int_equal(i + first, slow->n);
	assert_int_equal(reader_bytes_used(r), n);
	block_free(&b);
	reader_close(&r);
}

static void test_blocks(void **state)
{
	const struct csv_dialect d = {',', '"', '\n', false, false};
	size_t n = 0, room = (size_t)9 << 20;
	char *data = malloc(room);
	struct slow slow = {0};
	uint64_t seed = 3;
	(void)state;
	n += (size_t)snprintf(data, room, "a,b,c\n"); // the first record and the longest shape of the head
	while (n < room - 3000000) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		unsigned k = (unsigned)(seed >> 33) % 20000;
		if (k == 0) { // a line that is too long
			memset(data + n, 'x', 1200000);
			n += 1200000;
			data[n++] = '\n';
		} else if (k == 1) {
			n += (size_t)snprintf(data + n, room - n, "1,\"never closed, but in this line,2\n");
		} else if (k < 2000) {
			n += (size_t)snprintf(data + n, room - n, "%u,\"over\ntwo lines\",\"\"\"\"\r\n", k);
		} else {
			n += (size_t)snprintf(data + n, room - n, "%u,plain %u,%u\n", k, k * 7, k % 13);
		}
	}
	memset(data + n, 'y', 2500000); // longer than a block, at the end, without a line end
	n += 2500000;
	slow_run(&slow, &d, RECORD_BYTES_MAX, data, n);
	write_file(data, n);
	check_blocks(data, n, &slow, 1, true);
	slow_free(&slow);
	free(data);
}

static void test_ndjson(void **state)
{
	struct reader_options o = {.format = RECORD_NDJSON};
	struct reader *r;
	struct block *b;
	struct block_row row;
	struct err e;
	size_t n = 0, size = 5000000;
	char *data = malloc(size);
	bool done, more;
	uint64_t n_rows = 0, n_bad = 0;
	(void)state;
	n += (size_t)snprintf(data, size, "\xef\xbb\xbf{\"a\":1}\r\n\n  \n{\"a\":2}\n");
	memset(data + n, 'z', 4000000); // too long, over two blocks
	n += 4000000;
	n += (size_t)snprintf(data + n, size - n, "\n{\"a\":3}");
	write_file(data, n);
	assert_int_equal(open_reader(&o, &r, &e), RC_OK);
	assert_int_equal(block_new(&b, &e), RC_OK);
	static const uint64_t lines[] = {1, 4, 5, 6};
	while (reader_next(r, b, &done, &e) == RC_OK && !done) {
		for (block_rewind(b); block_next(b, &o, 0, &row, &more, &e) == RC_OK && more; n_rows++) {
			assert_true(n_rows < 4);
			assert_int_equal(row.line, lines[n_rows]);
			n_bad += row.bad;
			if (!row.bad) {
				assert_int_equal(row.raw.len, 7);
				assert_int_equal(row.raw.ptr[0], '{');
			}
		}
	}
	assert_int_equal(n_rows, 4);
	assert_int_equal(n_bad, 1);
	block_free(&b);
	reader_close(&r);
	free(data);
}

// Rows before a truncation are read; half a row is not; the error comes after them.
static void test_truncated_rows(void **state)
{
	struct reader_options o = {.format = RECORD_CSV, .has_header = true};
	struct reader *r;
	struct block *b;
	struct block_row row;
	struct err e;
	bool done = false, more;
	uint64_t n_rows = 0;
	size_t n = 0;
	(void)state;
	n = (size_t)snprintf(out, sizeof(out), "a,b\n");
	for (int i = 0; i < 20000; i++)
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%d,%d\n", i, i * 31 % 977);
	size_t made = gzip_of(out, n, packed, sizeof(packed));
	write_file(packed, made / 2);
	assert_int_equal(open_reader(&o, &r, &e), RC_OK);
	assert_int_equal(block_new(&b, &e), RC_OK);
	while (reader_next(r, b, &done, &e) == RC_OK && !done) {
		for (block_rewind(b); block_next(b, &o, 2, &row, &more, &e) == RC_OK && more; n_rows++) {
			char want[40];
			snprintf(want, sizeof(want), "%d,%d", (int)n_rows, (int)n_rows * 31 % 977);
			assert_true(sv_equal(row.raw, sv_from(want)));
		}
	}
	assert_int_equal(e.rc, RC_INPUT);
	assert_true(n_rows > 1000 && n_rows < 19000);
	block_free(&b);
	reader_close(&r);
}

static int make_path(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/corridor-stream-XXXXXX");
	int fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int drop_path(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gzip),
		cmocka_unit_test(test_zstd),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_ndjson),
		cmocka_unit_test(test_truncated_rows),
	};
	return cmocka_run_group_tests(tests, make_path, drop_path);
}
