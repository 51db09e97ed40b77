// SPDX-License-Identifier: Apache-2.0
// Files, with every call of the vtable failing in turn; the log's lines; the clock.
#include "unit.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/corridor-test-XXXXXX";

static void path_of(const char *name, char out[256])
{
	snprintf(out, 256, "%s/%s", dir, name);
}

static int make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

// A vtable whose nth call fails; writes are short, so that continuing them is tested as well.
struct fault {
	unsigned n_calls, fail_at;
	int errnum;
};

static bool hit(const struct io *self)
{
	struct fault *f = self->context;
	if (++f->n_calls != f->fail_at)
		return false;
	errno = f->errnum;
	return true;
}

static int fault_open(const struct io *self, const char *path, enum io_mode mode)
{
	return hit(self) ? -1 : io_system()->open(self, path, mode);
}

static int64_t fault_pread(const struct io *self, int fd, void *buf, size_t n, uint64_t offset)
{
	return hit(self) ? -1 : io_system()->pread(self, fd, buf, n < 3 ? n : 3, offset);
}

static int64_t fault_pwrite(const struct io *self, int fd, const void *buf, size_t n, uint64_t offset)
{
	return hit(self) ? -1 : io_system()->pwrite(self, fd, buf, n < 3 ? n : 3, offset);
}

static int fault_fsync(const struct io *self, int fd)
{
	return hit(self) ? -1 : io_system()->fsync(self, fd);
}

static int fault_close(const struct io *self, int fd)
{
	int result = io_system()->close(self, fd);
	return hit(self) ? -1 : result;
}

static int fault_rename(const struct io *self, const char *from, const char *to)
{
	return hit(self) ? -1 : io_system()->rename(self, from, to);
}

static int64_t fault_size(const struct io *self, int fd)
{
	return hit(self) ? -1 : io_system()->size(self, fd);
}

static struct io fault_io(struct fault *f)
{
	struct io io = *io_system();
	io.open = fault_open;
	io.pread = fault_pread;
	io.pwrite = fault_pwrite;
	io.fsync = fault_fsync;
	io.close = fault_close;
	io.rename = fault_rename;
	io.size = fault_size;
	io.context = f;
	return io;
}

static void assert_content(const char *path, const char *expected)
{
	char *text;
	size_t len;
	struct err e = ERR_NONE;
	assert_int_equal(io_read_file(io_system(), path, 1000, &text, &len, &e), RC_OK);
	assert_int_equal(len, strlen(expected));
	assert_string_equal(text, expected);
	mem_free(text);
}

// After a failure at any call the file is the old one or the new one, whole, and no temporary is left.
static void write_file_faults(void **state)
{
	(void)state;
	char path[256], temporary[256];
	path_of("f", path);
	path_of("f.tmp", temporary);
	struct err e = ERR_NONE;
	assert_int_equal(io_write_file(io_system(), path, SV("old"), &e), RC_OK);
	bool replaced = false;
	unsigned n = 1;
	for (;; n++) {
		struct fault f = {.fail_at = n, .errnum = n % 2 ? ENOSPC : EIO};
		struct io io = fault_io(&f);
		struct err fe = ERR_NONE;
		enum rc rc = io_write_file(&io, path, SV("new content"), &fe);
		if (f.n_calls < n) {
			assert_int_equal(rc, RC_OK);
			break;
		}
		struct stat st;
		assert_int_not_equal(stat(temporary, &st), 0);
		// Closing the directory is the last call: the file is durable by then.
		if (rc != RC_OK) {
			assert_int_equal(rc, RC_IO);
			assert_non_null(strstr(fe.message, dir));
		}
		char *text;
		size_t len;
		assert_int_equal(io_read_file(io_system(), path, 1000, &text, &len, &e), RC_OK);
		replaced |= strcmp(text, "new content") == 0;
		assert_true(strcmp(text, replaced ? "new content" : "old") == 0);
		mem_free(text);
	}
	assert_true(n > 9); // open, four short writes, fsync, close, rename, open, fsync, close
	assert_content(path, "new content");
	assert_int_equal(io_system()->unlink(io_system(), path), 0);
}

static void read_file_faults(void **state)
{
	(void)state;
	char path[256], *text;
	size_t len;
	path_of("r", path);
	struct err e = ERR_NONE;
	assert_int_equal(io_write_file(io_system(), path, SV("0123456789"), &e), RC_OK);
	for (unsigned n = 1;; n++) {
		struct fault f = {.fail_at = n, .errnum = EIO};
		struct io io = fault_io(&f);
		struct err fe = ERR_NONE;
		enum rc rc = io_read_file(&io, path, 10, &text, &len, &fe);
		assert_int_equal(rc == RC_OK, text != NULL);
		if (rc == RC_OK) {
			assert_string_equal(text, "0123456789");
			mem_free(text);
		}
		if (f.n_calls < n)
			break;
	}
	assert_int_equal(io_read_file(io_system(), path, 9, &text, &len, &e), RC_LIMIT);
	e = ERR_NONE;
	mem_fail_at(1);
	assert_int_equal(io_read_file(io_system(), path, 10, &text, &len, &e), RC_NOMEM);
	mem_fail_at(0);
	int fd = io_system()->open(io_system(), path, IO_READ);
	char bytes[16];
	e = ERR_NONE;
	assert_int_equal(io_read_all(io_system(), fd, bytes, 5, 3, path, &e), RC_OK);
	assert_memory_equal(bytes, "34567", 5);
	assert_int_equal(io_read_all(io_system(), fd, bytes, 5, 8, path, &e), RC_IO);
	io_system()->close(io_system(), fd);
	assert_int_equal(io_system()->unlink(io_system(), path), 0);
}

static void kinds_of_failure(void **state)
{
	(void)state;
	char path[256], *text;
	size_t len;
	path_of("none/f", path);
	struct err e = ERR_NONE;
	assert_int_equal(io_read_file(io_system(), path, 10, &text, &len, &e), RC_NOT_FOUND);
	assert_non_null(strstr(e.message, path));
	e = ERR_NONE;
	assert_int_equal(io_write_file(io_system(), path, SV("x"), &e), RC_NOT_FOUND);
	path_of("d", path);
	e = ERR_NONE;
	assert_int_equal(io_make_dir(io_system(), path, &e), RC_OK);
	assert_int_equal(io_make_dir(io_system(), path, &e), RC_OK);
	assert_int_equal(io_sync_dir(io_system(), path, &e), RC_OK);
	assert_int_equal(rmdir(path), 0);
}

// Whoever may write to the folder may put a link there: nothing is written through it.
static void write_file_follows_no_link(void **state)
{
	(void)state;
	char path[256], temporary[256], elsewhere[256];
	struct err e = ERR_NONE;
	path_of("f", path);
	path_of("f.tmp", temporary);
	path_of("elsewhere", elsewhere);
	assert_int_equal(io_write_file(io_system(), elsewhere, SV("not yours"), &e), RC_OK);
	assert_int_equal(symlink(elsewhere, temporary), 0);
	assert_int_equal(symlink(elsewhere, path), 0);
	assert_int_equal(io_write_file(io_system(), path, SV("new"), &e), RC_OK);
	struct stat st;
	assert_true(lstat(path, &st) == 0 && S_ISREG(st.st_mode));
	assert_content(path, "new");
	assert_content(elsewhere, "not yours");
	assert_int_equal(lstat(temporary, &st), -1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(elsewhere), 0);
}

static void map_of_nothing(void **state)
{
	(void)state;
	const struct io *io = io_system();
	char path[256];
	path_of("empty", path);
	struct err e = ERR_NONE;
	assert_int_equal(io_write_file(io, path, SV_NONE, &e), RC_OK);
	assert_content(path, "");
	int fd = io->open(io, path, IO_READ);
	void *p = io->map(io, fd, 0);
	assert_non_null(p);
	assert_true(p != MAP_FAILED);
	assert_int_equal(io->unmap(io, p, 0), 0);
	assert_int_equal(io->size(io, fd), 0);
	io->close(io, fd);
	assert_int_equal(io->open(io, path, IO_CREATE_NEW), -1);
	assert_int_equal(io->unlink(io, path), 0);
}

static void read_from_pipe(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "piped", 5), 5);
	close(ends[1]);
	char path[64];
	snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
	assert_content(path, "piped");
	close(ends[0]);
}

// What the log wrote to standard error while `work` ran.
static void capture(void (*work)(void), char *out, size_t size)
{
	char path[256];
	path_of("log", path);
	FILE *file = fopen(path, "w+");
	assert_non_null(file);
	int saved = dup(STDERR_FILENO);
	dup2(fileno(file), STDERR_FILENO);
	work();
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	size_t n = fread(out, 1, size - 1, file);
	out[n] = '\0';
	fclose(file);
	unlink(path);
}

static void log_some(void)
{
	log_write(LOG_INFO, "base", "not shown");
	log_write(LOG_WARN, "base", "a \"quoted\"\n%s", "line");
	struct err e = ERR_NONE;
	err_set(&e, RC_INPUT, "bad row");
	err_place(&e, "a.csv", 3, 0);
	err_remedy(&e, "mend it");
	log_err("listen", &e);
}

static void log_lines_are_json(void **state)
{
	(void)state;
	char text[4096], scratch[32];
	uint64_t allocations = mem_count();
	capture(log_some, text, sizeof(text));
	assert_int_equal(mem_count(), allocations);
	struct sv rest, first = sv_cut(sv_from(text), '\n', &rest);
	struct sv end, second = sv_cut(rest, '\n', &end);
	assert_int_equal(end.len, 0);
	struct json_parser *p = json_parser_new(4096);
	struct json_node root;
	struct err e = ERR_NONE;
	assert_int_equal(json_parse(p, first, &root, &e), RC_OK);
	assert_sv(json_text(json_get(root, SV("message")), scratch), "a \"quoted\"\nline");
	assert_sv(json_text(json_get(root, SV("level")), scratch), "warning");
	assert_int_equal(json_text(json_get(root, SV("at")), scratch).len, 24);
	assert_int_equal(json_parse(p, second, &root, &e), RC_OK);
	assert_sv(json_text(json_get(root, SV("part")), scratch), "listen");
	assert_sv(json_text(json_get(root, SV("kind")), scratch), "input");
	assert_sv(json_text(json_get(root, SV("line")), scratch), "3");
	assert_sv(json_text(json_get(root, SV("remedy")), scratch), "mend it");
	json_parser_free(&p);
}

static void clocks(void **state)
{
	(void)state;
	struct clock c = clock_fixed(1234);
	assert_int_equal(c.now_ms(&c), 1234);
	c.fixed_ms = 5678;
	assert_int_equal(c.now_ms(&c), 5678);
	assert_int_equal(c.monotonic_ns(&c), INT64_C(5678000000));
	assert_true(clock_system()->now_ms(clock_system()) > INT64_C(1700000000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(write_file_faults),
		cmocka_unit_test(read_file_faults),
		cmocka_unit_test(kinds_of_failure),
		cmocka_unit_test(write_file_follows_no_link),
		cmocka_unit_test(map_of_nothing),
		cmocka_unit_test(read_from_pipe),
		cmocka_unit_test(log_lines_are_json),
		cmocka_unit_test(clocks),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
