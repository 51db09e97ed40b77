// SPDX-License-Identifier: Apache-2.0
// Files: the operating system behind struct io, and helpers that work on any vtable. Every call is retried
// after EINTR by the system's vtable; helpers turn errno into an error value that names the path.
#include "base/io.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { FILE_MODE = 0640, DIR_MODE = 0750, PATH_BYTES = 4096 };

static const char empty_map; // what a file of no bytes maps to

static int system_open(const struct io *self, const char *path, enum io_mode mode)
{
	static const int flags[] = {
		[IO_READ] = O_RDONLY,
		[IO_CREATE] = O_RDWR | O_CREAT | O_TRUNC,
		[IO_CREATE_NEW] = O_RDWR | O_CREAT | O_EXCL,
		[IO_READ_WRITE] = O_RDWR | O_CREAT,
	};
	(void)self;
	int fd;
	do
		fd = open(path, flags[mode] | O_CLOEXEC, FILE_MODE);
	while (fd < 0 && errno == EINTR);
	return fd;
}

// A pipe or terminal has no offsets: it is read in order.
static int64_t system_pread(const struct io *self, int fd, void *buf, size_t n, uint64_t offset)
{
	(void)self;
	ssize_t got;
	do {
		got = pread(fd, buf, n, (off_t)offset);
		if (got < 0 && errno == ESPIPE)
			got = read(fd, buf, n);
	} while (got < 0 && errno == EINTR);
	return got;
}

static int64_t system_pwrite(const struct io *self, int fd, const void *buf, size_t n, uint64_t offset)
{
	(void)self;
	ssize_t put;
	do {
		put = pwrite(fd, buf, n, (off_t)offset);
		if (put < 0 && errno == ESPIPE)
			put = write(fd, buf, n);
	} while (put < 0 && errno == EINTR);
	return put;
}

static int system_fsync(const struct io *self, int fd)
{
	(void)self;
	int result;
	do
		result = fsync(fd);
	while (result < 0 && errno == EINTR);
	return result;
}

static void system_write_back(const struct io *self, int fd, uint64_t offset, size_t n)
{
	(void)self;
	sync_file_range(fd, (off_t)offset, (off_t)n, SYNC_FILE_RANGE_WRITE);
}

// Not retried: after EINTR Linux has closed the descriptor all the same.
static int system_close(const struct io *self, int fd)
{
	(void)self;
	return close(fd) < 0 && errno != EINTR ? -1 : 0;
}

static int system_rename(const struct io *self, const char *from, const char *to)
{
	(void)self;
	return rename(from, to);
}

static int system_unlink(const struct io *self, const char *path)
{
	(void)self;
	return unlink(path);
}

static int system_mkdir(const struct io *self, const char *path)
{
	(void)self;
	return mkdir(path, DIR_MODE);
}

static void *system_map(const struct io *self, int fd, size_t bytes)
{
	(void)self;
	if (bytes == 0)
		return (void *)(uintptr_t)&empty_map;
	return mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
}

static int system_unmap(const struct io *self, void *p, size_t bytes)
{
	(void)self;
	return bytes == 0 ? 0 : munmap(p, bytes);
}

static int64_t system_size(const struct io *self, int fd)
{
	(void)self;
	struct stat st;
	return fstat(fd, &st) < 0 ? -1 : (int64_t)st.st_size;
}

static int64_t system_free_bytes(const struct io *self, const char *dir)
{
	(void)self;
	struct statvfs fs;
	if (statvfs(dir, &fs) != 0)
		return -1;
	uint64_t bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	return bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
}

const struct io *io_system(void)
{
	static const struct io system = {
		.open = system_open,
		.pread = system_pread,
		.pwrite = system_pwrite,
		.fsync = system_fsync,
		.write_back = system_write_back,
		.close = system_close,
		.rename = system_rename,
		.unlink = system_unlink,
		.mkdir = system_mkdir,
		.map = system_map,
		.unmap = system_unmap,
		.size = system_size,
		.free_bytes = system_free_bytes,
	};
	return &system;
}

// What kind of failure an errno value is.
static enum rc kind_of(int errnum)
{
	return errnum == ENOENT ? RC_NOT_FOUND : errnum == EEXIST ? RC_EXISTS : RC_IO;
}

static enum rc fail(struct err *e, int errnum, const char *verb, const char *path)
{
	err_errno(e, kind_of(errnum), errnum, "cannot %s %s", verb, path);
	if (errnum == ENOSPC || errnum == EDQUOT)
		err_remedy(e, "free some disk space and try again");
	else if (errnum == EACCES || errnum == EPERM || errnum == EROFS)
		err_remedy(e, "check the permissions of the file and of its directory");
	return e ? e->rc : kind_of(errnum);
}

enum rc io_write_all(const struct io *io, int fd, const void *bytes, size_t n, uint64_t offset,
	const char *path, struct err *e)
{
	const char *from = bytes;
	while (n > 0) {
		int64_t put = io->pwrite(io, fd, from, n, offset);
		if (put <= 0)
			return fail(e, put < 0 ? errno : ENOSPC, "write to", path);
		from += put;
		n -= (size_t)put;
		offset += (uint64_t)put;
	}
	return RC_OK;
}

enum rc io_read_all(
	const struct io *io, int fd, void *bytes, size_t n, uint64_t offset, const char *path, struct err *e)
{
	char *to = bytes;
	while (n > 0) {
		int64_t got = io->pread(io, fd, to, n, offset);
		if (got < 0)
			return fail(e, errno, "read", path);
		if (got == 0)
			return err_set(e, RC_IO, "cannot read %s: it ends at byte %llu, %zu bytes too early",
				path, (unsigned long long)offset, n);
		to += got;
		n -= (size_t)got;
		offset += (uint64_t)got;
	}
	return RC_OK;
}

// Reads to the end of the file into a growing block; the file's size is only a hint (pipes have none).
static enum rc read_to_end(const struct io *io, int fd, const char *path, size_t hint, size_t max_bytes,
	char **out, size_t *len, struct err *e)
{
	size_t capacity = 0, n = 0;
	void *data = NULL;
	for (;;) {
		size_t need =
			n + 2 > hint + 2 ? n + 2 : hint + 2; // the terminator, and one byte to see the end
		if (n + 1 >= capacity && mem_grow(&data, &capacity, need, 1) != 0) {
			mem_free(data);
			return err_set(e, RC_NOMEM, "out of memory reading %s", path);
		}
		int64_t got = io->pread(io, fd, (char *)data + n, capacity - n - 1, n);
		if (got < 0) {
			int errnum = errno;
			mem_free(data);
			return fail(e, errnum, "read", path);
		}
		if (got == 0)
			break;
		n += (size_t)got;
		if (n > max_bytes) {
			mem_free(data);
			return err_set(e, RC_LIMIT, "%s is larger than the allowed %zu bytes", path, max_bytes);
		}
	}
	((char *)data)[n] = '\0';
	*out = data;
	*len = n;
	return RC_OK;
}

enum rc io_read_file(
	const struct io *io, const char *path, size_t max_bytes, char **out, size_t *len, struct err *e)
{
	*out = NULL;
	*len = 0;
	int fd = io->open(io, path, IO_READ);
	if (fd < 0)
		return fail(e, errno, "open", path);
	enum rc rc;
	int64_t size = io->size(io, fd);
	if (size < 0)
		rc = fail(e, errno, "read", path);
	else if ((uint64_t)size > max_bytes)
		rc = err_set(e, RC_LIMIT, "%s is larger than the allowed %zu bytes", path, max_bytes);
	else
		rc = read_to_end(io, fd, path, (size_t)size, max_bytes, out, len, e);
	io->close(io, fd);
	return rc;
}

// The directory part of a path into out[size]: "." when there is none. False when it does not fit.
static bool parent_of(const char *path, char *out, size_t size)
{
	size_t len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	const char *slash = memrchr(path, '/', len);
	size_t n = !slash ? 1 : slash == path ? 1 : (size_t)(slash - path);
	if (n >= size)
		return false;
	memcpy(out, slash ? path : ".", n);
	out[n] = '\0';
	return true;
}

// Writes and syncs a new file of these bytes. What is there under that name is removed and not written to: it may be a link.
static enum rc write_new(const struct io *io, const char *path, struct sv bytes, struct err *e)
{
	int fd = io->open(io, path, IO_CREATE_NEW);
	if (fd < 0 && errno == EEXIST && io->unlink(io, path) == 0)
		fd = io->open(io, path, IO_CREATE_NEW);
	if (fd < 0)
		return fail(e, errno, "create", path);
	enum rc rc = io_write_all(io, fd, bytes.ptr, bytes.len, 0, path, e);
	if (rc == RC_OK && io->fsync(io, fd) != 0)
		rc = fail(e, errno, "sync", path);
	if (io->close(io, fd) != 0 && rc == RC_OK)
		rc = fail(e, errno, "close", path);
	return rc;
}

enum rc io_write_file(const struct io *io, const char *path, struct sv bytes, struct err *e)
{
	char temporary[PATH_BYTES], dir[PATH_BYTES];
	int n = snprintf(temporary, sizeof(temporary), "%s.tmp", path);
	if (n < 0 || (size_t)n >= sizeof(temporary) || !parent_of(path, dir, sizeof(dir)))
		return fail(e, ENAMETOOLONG, "write to", path);
	enum rc rc = write_new(io, temporary, bytes, e);
	if (rc == RC_OK && io->rename(io, temporary, path) != 0)
		rc = fail(e, errno, "replace", path);
	if (rc != RC_OK) {
		io->unlink(io, temporary);
		return rc;
	}
	return io_sync_dir(io, dir, e);
}

enum rc io_sync_dir(const struct io *io, const char *dir, struct err *e)
{
	int fd = io->open(io, dir, IO_READ);
	if (fd < 0)
		return fail(e, errno, "open directory", dir);
	enum rc rc = io->fsync(io, fd) != 0 ? fail(e, errno, "sync directory", dir) : RC_OK;
	io->close(io, fd);
	return rc;
}

enum rc io_exists(const char *path, bool *yes, struct err *e)
{
	*yes = access(path, F_OK) == 0;
	return *yes || errno == ENOENT || errno == ENOTDIR ? RC_OK : fail(e, errno, "look for", path);
}

enum rc io_sync_parent(const struct io *io, const char *path, struct err *e)
{
	char parent[PATH_BYTES];
	if (!parent_of(path, parent, sizeof(parent)))
		return fail(e, ENAMETOOLONG, "sync the directory of", path);
	int fd = io->open(io, parent, IO_READ);
	if (fd < 0 && errno == EACCES) // may be searched and written, but not read
		return RC_OK;
	if (fd < 0)
		return fail(e, errno, "open directory", parent);
	enum rc rc = io->fsync(io, fd) != 0 ? fail(e, errno, "sync directory", parent) : RC_OK;
	io->close(io, fd);
	return rc;
}

// The name of a directory is durable once its parent is synced. Also one that is there may have been made a moment ago.
enum rc io_make_dir(const struct io *io, const char *dir, struct err *e)
{
	if (io->mkdir(io, dir) != 0 && errno != EEXIST)
		return fail(e, errno, "make directory", dir);
	return io_sync_parent(io, dir, e);
}

enum rc io_need_space(const struct io *io, const char *dir, uint64_t needed, const char *what, struct err *e)
{
	int64_t available = io->free_bytes ? io->free_bytes(io, dir) : -1;
	if (available < 0 || (uint64_t)available >= needed)
		return RC_OK;
	const double mib = 1024.0 * 1024.0;
	err_set(e, RC_IO, "the disk of %s is %sfull: %s needs %.1f MiB and %.1f MiB are free", dir,
		available ? "nearly " : "", what, (double)needed / mib, (double)available / mib);
	err_remedy(e, "free some space, or make the file system larger, and do the same again; what was "
		      "acknowledged is stored, and queries go on");
	return RC_IO;
}
