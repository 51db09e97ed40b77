// SPDX-License-Identifier: Apache-2.0
// What happens to segments when things break: every byte flipped, every length cut, every write and allocation
// failing once. Nothing may crash, and no damage may give other rows than those written.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "journey/cursor.h"

#include "random_rows.h"

#include <errno.h>
#include <unistd.h>

struct written {
	struct rows rows;
	uint8_t *bytes;
	size_t n;
};

static struct written written_make(uint32_t n_rows, unsigned flavour)
{
	struct random r = {flavour};
	struct rows_shape shape = {.n_rows = n_rows, .n_persons = 5, .spread = true, .flavour = flavour};
	struct written w = {.rows = rows_random(&r, &shape)};
	struct segment_info info;
	struct err e = ERR_NONE;
	assert_int_equal(rows_write(&w.rows, NULL, NULL, &w.bytes, &w.n, &info, &e), RC_OK);
	return w;
}

static void written_free(struct written *w)
{
	rows_free(&w->rows);
	mem_free(w->bytes);
}

// Opens a copy of the first n bytes with one bit of `flip` changed (SIZE_MAX: none).
static enum rc damaged_open(
	const struct written *w, size_t n, size_t flip, unsigned bit, struct segment **s, struct err *e)
{
	uint8_t *copy = mem_alloc(n);
	assert_non_null(copy);
	memcpy(copy, w->bytes, n);
	if (flip != SIZE_MAX)
		copy[flip] ^= (uint8_t)(1u << bit);
	return segment_open_memory(copy, n, s, e);
}

// Reads rows until the end or an error; what comes must be what was written.
static enum rc rows_read(const struct written *w, const struct segment *s, struct err *e)
{
	struct segment_rows *r;
	enum rc rc = segment_rows_open(s, &r, e);
	uint32_t i = 0;
	while (!rc) {
		const struct row *row;
		rc = segment_rows_next(r, &row, e);
		if (rc || !row)
			break;
		const struct row *old = &w->rows.items[i++];
		assert_true(row->person == old->person && row->at_ms == old->at_ms);
		assert_memory_equal(row->code, old->code, sizeof row->code);
		assert_int_equal(row->n_measures, old->n_measures);
		for (uint32_t k = 0; k < row->n_measures; k++)
			assert_memory_equal(&row->measures[k].value, &old->measures[k].value, sizeof(double));
		for (unsigned k = 0; k < COLD_COLUMNS; k++)
			assert_true(sv_equal(row->cold[k], old->cold[k]));
	}
	assert_true(rc || i == w->rows.n);
	segment_rows_close(&r);
	return rc;
}

// Scans touch point and measures in order; sums must be the written ones.
static enum rc scan_read(const struct written *w, struct segment *s, struct err *e)
{
	const struct snapshot_segments all = {.items = &s, .n = 1};
	struct scan_request request = {
		.ordered = true, .columns = {.touchpoint = true, .measures = UINT64_MAX}};
	struct cursor *c;
	uint64_t codes = 0, expected = 0, n_values = 0, n_expected = 0;
	enum rc rc = cursor_open_segments(&all, &request, 0, UINT64_MAX, &c, e);
	while (!rc) {
		const struct span *span;
		rc = cursor_next(c, &span, e);
		if (rc || !span)
			break;
		for (uint32_t i = 0; i < span->n; i++)
			codes += span->code[CODE_TOUCHPOINT][i];
		for (unsigned slot = 0; slot < DESIGN_MEASURES_MAX; slot++)
			n_values += span->measures[slot].n;
	}
	cursor_close(&c);
	for (uint32_t i = 0; i < w->rows.n; i++) {
		expected += w->rows.items[i].code[CODE_TOUCHPOINT];
		n_expected += w->rows.items[i].n_measures;
	}
	assert_true(rc || (codes == expected && n_values == n_expected));
	return rc;
}

static enum rc ids_read(const struct written *w, const struct segment *s)
{
	uint64_t bits[2] = {0, 0}, keys[64];
	uint32_t n = w->rows.n < 64 ? w->rows.n : 64;
	for (uint32_t i = 0; i < n; i++)
		keys[i] = w->rows.items[i].id_key;
	enum rc rc = segment_ids_lookup(s, keys, n, bits);
	for (uint32_t i = 0; !rc && i < n; i++)
		assert_true(bits[i / 64] >> (i % 64) & 1);
	return rc;
}

static void every_flipped_byte_is_found(void **state)
{
	(void)state;
	for (unsigned flavour = 1; flavour < 9; flavour += 7) {
		struct written w = written_make(60, flavour);
		for (size_t i = 0; i < w.n; i++) {
			struct segment *s;
			struct err e = ERR_NONE;
			enum rc rc = damaged_open(&w, w.n, i, (unsigned)(i % 8), &s, &e);
			if (rc) {
				assert_true(rc == RC_CORRUPT && e.rc == RC_CORRUPT && e.message[0]);
				continue;
			}
			enum rc rows = rows_read(&w, s, &e);
			enum rc ids = ids_read(&w, s);
			e = ERR_NONE;
			enum rc scan = scan_read(&w, s, &e);
			e = ERR_NONE;
			assert_true(rows == RC_CORRUPT || ids == RC_CORRUPT);
			assert_true(scan == RC_OK || scan == RC_CORRUPT);
			assert_int_equal(segment_verify(s, &e), RC_CORRUPT);
			segment_close(&s);
		}
		written_free(&w);
	}
}

static void every_cut_is_found(void **state)
{
	(void)state;
	struct written w = written_make(30, 1);
	for (size_t n = 0; n < w.n; n++) {
		struct segment *s;
		struct err e = ERR_NONE;
		assert_int_equal(damaged_open(&w, n, SIZE_MAX, 0, &s, &e), RC_CORRUPT);
		assert_null(s);
	}
	written_free(&w);
}

static void newer_formats_are_refused(void **state)
{
	(void)state;
	struct written w = written_make(3, 0);
	uint32_t version = SEGMENT_FORMAT + 1;
	memcpy(w.bytes + 8, &version, sizeof version);
	uint64_t sum = segment_checksum(w.bytes, SEGMENT_HEADER_BYTES - 8);
	memcpy(w.bytes + SEGMENT_HEADER_BYTES - 8, &sum, sizeof sum);
	struct segment *s;
	struct err e = ERR_NONE;
	assert_int_equal(damaged_open(&w, w.n, SIZE_MAX, 0, &s, &e), RC_VERSION);
	written_free(&w);
}

// --- the operating system refuses ---

// Passes calls on; the one that brings `left` to 0 fails. context of the vtable.
struct faults {
	int left;
	bool torn; // a failing write writes half
	int n_files;
};

static bool fault(const struct io *self)
{
	struct faults *f = self->context;
	return f->left > 0 && --f->left == 0;
}

static int fault_open(const struct io *self, const char *path, enum io_mode mode)
{
	if (fault(self)) {
		errno = EMFILE;
		return -1;
	}
	int fd = io_system()->open(io_system(), path, mode);
	((struct faults *)self->context)->n_files += fd >= 0;
	return fd;
}

static int64_t fault_pwrite(const struct io *self, int fd, const void *buf, size_t n, uint64_t offset)
{
	if (fault(self)) {
		if (((struct faults *)self->context)->torn)
			io_system()->pwrite(io_system(), fd, buf, n / 2, offset);
		errno = ENOSPC;
		return -1;
	}
	return io_system()->pwrite(
		io_system(), fd, buf, n > 1000 ? n - 1000 : n, offset); // short writes are usual
}

static int fault_fsync(const struct io *self, int fd)
{
	if (fault(self)) {
		errno = EIO;
		return -1;
	}
	return io_system()->fsync(io_system(), fd);
}

static int fault_close(const struct io *self, int fd)
{
	((struct faults *)self->context)->n_files--;
	int rc = io_system()->close(io_system(), fd);
	if (fault(self)) {
		errno = EIO;
		return -1;
	}
	return rc;
}

static int fault_unlink(const struct io *self, const char *path)
{
	(void)self;
	return io_system()->unlink(io_system(), path);
}

static int64_t fault_size(const struct io *self, int fd)
{
	if (fault(self)) {
		errno = EIO;
		return -1;
	}
	return io_system()->size(io_system(), fd);
}

static void *fault_map(const struct io *self, int fd, size_t bytes)
{
	if (fault(self)) {
		errno = ENOMEM;
		return (void *)-1; // MAP_FAILED
	}
	return io_system()->map(io_system(), fd, bytes);
}

static int fault_unmap(const struct io *self, void *p, size_t bytes)
{
	(void)self;
	return io_system()->unmap(io_system(), p, bytes);
}

static struct io faulty_io(struct faults *f)
{
	return (struct io){.open = fault_open,
		.pwrite = fault_pwrite,
		.fsync = fault_fsync,
		.close = fault_close,
		.unlink = fault_unlink,
		.size = fault_size,
		.map = fault_map,
		.unmap = fault_unmap,
		.context = f};
}

static void test_path(char *path, size_t n)
{
	snprintf(path, n, "/tmp/corridor-fault-%ld.seg", (long)getpid());
	unlink(path);
}

static void every_failing_call_is_reported(void **state)
{
	(void)state;
	char path[64];
	test_path(path, sizeof path);
	struct written w = written_make(2000, 1);
	for (int torn = 0; torn < 2; torn++)
		for (int nth = 1;; nth++) {
			struct faults f = {.left = nth, .torn = torn};
			struct io io = faulty_io(&f);
			struct segment_info info;
			struct err e = ERR_NONE;
			enum rc rc = rows_write(&w.rows, &io, path, NULL, NULL, &info, &e);
			assert_int_equal(f.n_files, 0);
			if (rc) {
				assert_int_equal(rc, RC_IO);
				assert_int_equal(access(path, F_OK), -1); // nothing is left behind
				continue;
			}
			struct segment *s;
			rc = segment_open(&io, path, &s, &e);
			if (rc) {
				assert_int_equal(rc, RC_IO);
				assert_null(s);
			} else {
				assert_int_equal(segment_verify(s, &e), RC_OK);
				segment_close(&s);
			}
			assert_int_equal(f.n_files, 0);
			unlink(path);
			if (f.left > 0) // no call was left to fail
				break;
		}
	written_free(&w);
}

// --- memory runs out ---

static enum rc write_and_read(const struct written *w, struct err *e)
{
	uint8_t *bytes = NULL;
	size_t n = 0;
	struct segment_info info;
	struct segment *s = NULL;
	struct segment_writer *writer;
	enum rc rc = segment_writer_new(NULL, NULL, &writer, e);
	for (uint32_t i = 0; !rc && i < w->rows.n; i++)
		rc = segment_writer_add(writer, &w->rows.items[i], e);
	for (uint32_t i = 0; !rc && i < w->rows.n; i++) {
		const uint64_t key = (uint64_t)i << 56;
		rc = segment_writer_ids(writer, &key, 1, e);
	}
	if (!rc)
		rc = segment_writer_finish(writer, &info, e);
	if (!rc)
		bytes = segment_writer_take(writer, &n);
	segment_writer_free(&writer);
	if (!rc)
		rc = segment_open_memory(bytes, n, &s, e);
	if (!rc)
		rc = rows_read(w, s, e);
	if (!rc)
		rc = scan_read(w, s, e);
	if (!rc) {
		// Two lanes, so that rows are gathered.
		struct segment *both[2] = {s, s};
		const struct snapshot_segments all = {.items = both, .n = 2};
		struct scan_request request = {.ordered = true, .columns = {.channel = true, .measures = 1}};
		struct cursor *c;
		const struct span *span = NULL;
		rc = cursor_open_segments(&all, &request, 0, UINT64_MAX, &c, e);
		do {
			rc = rc ? rc : cursor_next(c, &span, e);
		} while (!rc && span);
		cursor_close(&c);
	}
	struct arena *a = arena_new(0);
	struct sv value;
	if (!rc && !a)
		rc = err_set(e, RC_NOMEM, "arena");
	struct cold_cache *cache = rc ? NULL : cold_cache_new();
	if (!rc)
		rc = cache ? segment_cold(cache, s, 0, 0, COLD_ID, a, &value, e)
			   : err_set(e, RC_NOMEM, "cache");
	cold_cache_free(&cache);
	struct identity_list list = {.n = 0};
	if (!rc)
		rc = segment_identities(s, w->rows.items[0].person, NULL, NULL, a, &list, e);
	mem_free(list.items);
	arena_free(&a);
	if (!rc)
		rc = segment_verify(s, e);
	segment_close(&s);
	return rc;
}

static void every_failing_allocation_is_reported(void **state)
{
	(void)state;
	struct written w = written_make(100, 1);
	uint64_t nth = 1;
	for (;; nth++) {
		struct err e = ERR_NONE;
		uint64_t before = mem_count();
		mem_fail_at(nth);
		enum rc rc = write_and_read(&w, &e);
		uint64_t made = mem_count() - before;
		mem_fail_at(0);
		if (made < nth) {
			assert_int_equal(rc, RC_OK);
			break;
		}
		assert_int_equal(rc, RC_NOMEM);
	}
	assert_true(nth > 100);
	written_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_flipped_byte_is_found),
		cmocka_unit_test(every_cut_is_found),
		cmocka_unit_test(newer_formats_are_refused),
		cmocka_unit_test(every_failing_call_is_reported),
		cmocka_unit_test(every_failing_allocation_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
