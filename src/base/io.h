// SPDX-License-Identifier: Apache-2.0
// Every file access goes through one small vtable; tests inject torn writes, ENOSPC, EIO, failed fsync.
// All functions return RC_OK or fill e with RC_IO / RC_NOT_FOUND / RC_EXISTS naming the path.
#ifndef CORRIDOR_BASE_IO_H
#define CORRIDOR_BASE_IO_H

#include "base/err.h"
#include "base/sv.h"

#include <stddef.h>
#include <stdint.h>

enum io_mode { IO_READ, IO_CREATE, IO_CREATE_NEW, IO_READ_WRITE }; // IO_CREATE truncates, _NEW must not exist

// The raw calls, errno style: -1 (or MAP_FAILED) and errno on failure.
struct io {
	int (*open)(const struct io *self, const char *path, enum io_mode mode);
	int64_t (*pread)(const struct io *self, int fd, void *buf, size_t n, uint64_t offset);
	int64_t (*pwrite)(const struct io *self, int fd, const void *buf, size_t n, uint64_t offset);
	int (*fsync)(const struct io *self, int fd);
	// Begins to bring these bytes to the disk, waiting for nothing and promising nothing: the fsync that comes, and those
	// of others, then have less to wait for. May be NULL.
	void (*write_back)(const struct io *self, int fd, uint64_t offset, size_t n);
	int (*close)(const struct io *self, int fd);
	int (*rename)(const struct io *self, const char *from, const char *to);
	int (*unlink)(const struct io *self, const char *path);
	int (*mkdir)(const struct io *self, const char *path);
	void *(*map)(const struct io *self, int fd, size_t bytes); // read-only, shared
	int (*unmap)(const struct io *self, void *p, size_t bytes);
	int64_t (*size)(const struct io *self, int fd);
	int64_t (*free_bytes)(
		const struct io *self, const char *dir); // that this process may use; NULL: unlimited
	void *context;                                   // of a test's vtable
};

// The operating system; static.
const struct io *io_system(void);

// Helpers on top of any vtable.

// Writes all n bytes at offset (short writes are continued).
enum rc io_write_all(const struct io *io, int fd, const void *bytes, size_t n, uint64_t offset,
	const char *path, struct err *e);
// Reads exactly n bytes; fewer is RC_IO.
enum rc io_read_all(
	const struct io *io, int fd, void *bytes, size_t n, uint64_t offset, const char *path, struct err *e);
// The whole file, at most max_bytes (more is RC_LIMIT), into *out (mem_free it), NUL-terminated, length *len.
enum rc io_read_file(
	const struct io *io, const char *path, size_t max_bytes, char **out, size_t *len, struct err *e);
// Durable replacement: writes path.tmp, fsync, rename, fsync of the directory.
enum rc io_write_file(const struct io *io, const char *path, struct sv bytes, struct err *e);
// fsync of a directory.
enum rc io_sync_dir(const struct io *io, const char *dir, struct err *e);
// RC_IO when less than `needed` bytes are free on the file system of the directory, with the place, both numbers and
// the remedy; `what` needs them ("merging segments"). RC_OK when the system does not say.
enum rc io_need_space(const struct io *io, const char *dir, uint64_t needed, const char *what, struct err *e);
// Is there something of this name? RC_IO when the system does not say: then it may be there.
enum rc io_exists(const char *path, bool *yes, struct err *e);
// fsync of the directory that the name is in, so that the name is durable.
enum rc io_sync_parent(const struct io *io, const char *path, struct err *e);
// mkdir that accepts an existing directory; its name is durable (the parent is synced).
enum rc io_make_dir(const struct io *io, const char *dir, struct err *e);

#endif
