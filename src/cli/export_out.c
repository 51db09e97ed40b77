// SPDX-License-Identifier: Apache-2.0
// Where an export goes. A file is written under FILE.part and renamed when it is whole and on disk, so that FILE is
// never half an export.
#include "cli/export.h"

#include "base/io.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <zlib.h>

#define CHUNK_BYTES ((size_t)256 * 1024)

struct export_out {
	const struct cli *cli;
	const struct io *io;
	char *path, *part; // NULL: standard output
	int fd;
	uint64_t offset;
	bool gzip;
	z_stream z;
	unsigned char *chunk;
};

static enum rc no_memory(struct err *e)
{
	return err_set(e, RC_NOMEM, "out of memory for the export");
}

static enum rc open_file(struct export_out *o, const char *path, struct err *e)
{
	size_t n = strlen(path);
	o->path = mem_alloc(n + 1);
	o->part = mem_alloc(n + 6);
	if (!o->path || !o->part)
		return no_memory(e);
	memcpy(o->path, path, n + 1);
	memcpy(o->part, path, n);
	memcpy(o->part + n, ".part", 6);
	o->fd = o->io->open(o->io, o->part, IO_CREATE);
	if (o->fd < 0)
		return err_errno(e, RC_IO, errno, "cannot write %s", o->part);
	if (!sv_ends(sv_from(path), SV(".gz")))
		return RC_OK;
	o->chunk = mem_alloc(CHUNK_BYTES);
	// 15 + 16: the largest window, with a gzip header.
	if (!o->chunk || deflateInit2(&o->z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return no_memory(e);
	o->gzip = true;
	return RC_OK;
}

enum rc export_out_open(const struct cli *cli, const char *path, struct export_out **out, struct err *e)
{
	struct export_out *o = mem_calloc(1, sizeof(*o));
	*out = o;
	if (!o)
		return no_memory(e);
	o->cli = cli;
	o->io = io_system();
	o->fd = -1;
	if (!path || open_file(o, path, e) == RC_OK)
		return RC_OK;
	export_out_close(out, false, NULL);
	return e->rc;
}

static enum rc put(struct export_out *o, const void *bytes, size_t n, struct err *e)
{
	enum rc rc = io_write_all(o->io, o->fd, bytes, n, o->offset, o->part, e);
	o->offset += n;
	return rc;
}

static enum rc put_gzip(struct export_out *o, struct sv bytes, int flush, struct err *e)
{
	int z;
	o->z.next_in = (z_const Bytef *)(uintptr_t)bytes.ptr;
	o->z.avail_in = (uInt)bytes.len;
	do {
		o->z.next_out = o->chunk;
		o->z.avail_out = CHUNK_BYTES;
		z = deflate(&o->z, flush);
		if (z == Z_STREAM_ERROR)
			return err_set(e, RC_IO, "cannot compress %s", o->path);
		enum rc rc = put(o, o->chunk, CHUNK_BYTES - o->z.avail_out, e);
		if (rc != RC_OK)
			return rc;
	} while (flush == Z_FINISH ? z != Z_STREAM_END : o->z.avail_out == 0);
	return RC_OK;
}

enum rc export_out_write(struct export_out *o, struct sv bytes, struct err *e)
{
	if (!o->path)
		return cli_write(o->cli, bytes, e);
	return o->gzip ? put_gzip(o, bytes, Z_NO_FLUSH, e) : put(o, bytes.ptr, bytes.len, e);
}

static enum rc finish_file(struct export_out *o, struct err *e)
{
	enum rc rc = o->gzip ? put_gzip(o, SV(""), Z_FINISH, e) : RC_OK;
	if (rc == RC_OK && o->io->fsync(o->io, o->fd) != 0)
		rc = err_errno(e, RC_IO, errno, "cannot write %s", o->part);
	if (rc == RC_OK && o->io->rename(o->io, o->part, o->path) != 0)
		rc = err_errno(e, RC_IO, errno, "cannot rename %s to %s", o->part, o->path);
	return rc == RC_OK ? io_sync_parent(o->io, o->path, e) : rc;
}

enum rc export_out_close(struct export_out **op, bool keep, struct err *e)
{
	struct export_out *o = *op;
	if (!o)
		return RC_OK;
	enum rc rc = keep && o->fd >= 0 ? finish_file(o, e) : RC_OK;
	if (o->gzip)
		deflateEnd(&o->z);
	if (o->fd >= 0)
		o->io->close(o->io, o->fd);
	if (o->fd >= 0 && (!keep || rc != RC_OK))
		o->io->unlink(o->io, o->part);
	mem_free(o->path);
	mem_free(o->part);
	mem_free(o->chunk);
	mem_free(o);
	*op = NULL;
	return rc;
}
