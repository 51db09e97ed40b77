// SPDX-License-Identifier: Apache-2.0
// Unpacking of input files.
//
// Invariants:
//  1. in[in_at, in_len) are the bytes read and not yet used; in_offset is the file offset of in[0].
//  2. `open_member` is true from the first byte of a gzip member or zstd frame until its end: the input may end
//     only while it is false.
//  3. At the end of the input `ended` stays true; reading again gives 0 bytes.
//  4. What is unpacked is known to be right only at the end of its member or frame, where the checksum stands. Who keeps
//     what he reads has files checked whole before (stream_check); of a pipe nobody can know.
#include "listen/stream.h"

#include "base/mem.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define IN_BYTES ((size_t)256 * 1024)
#define POLL_MS 100 // how soon a pipe's reader notices that it should stop
#define ZSTD_WINDOW_LOG 27
#define CHECK_BYTES ((size_t)256 * 1024)

struct stream {
	const struct io *io;
	const volatile sig_atomic_t *cancel;
	char path[256];
	int fd;
	bool own_fd, piped;
	enum stream_kind kind;
	uint8_t *in;
	size_t in_at, in_len;
	uint64_t in_offset, total;
	bool ended, open_member;
	bool checked; // whole, and found to be in order
	bool z_ready;
	z_stream z;
	ZSTD_DStream *zstd;
};

static void *zlib_alloc(void *context, unsigned n, unsigned size)
{
	(void)context;
	return mem_calloc(n, size);
}

static void zlib_free(void *context, void *p)
{
	(void)context;
	mem_free(p);
}

// Waits until a pipe has something to say, so that an interrupted import does not hang on a silent one.
static enum rc wait_readable(struct stream *s, struct err *e)
{
	for (;;) {
		struct pollfd p = {.fd = s->fd, .events = POLLIN};
		if (stop_asked(s->cancel))
			return err_set(e, RC_CANCELLED, "interrupted while waiting for input");
		int r = poll(&p, 1, POLL_MS);
		if (r > 0 || (r < 0 && errno != EINTR))
			return RC_OK;
	}
}

static enum rc read_raw(struct stream *s, uint8_t *to, size_t n, uint64_t offset, size_t *got, struct err *e)
{
	for (;;) {
		if (s->piped && wait_readable(s, e) != RC_OK)
			return e ? e->rc : RC_CANCELLED;
		int64_t r = s->piped ? (int64_t)read(s->fd, to, n) : s->io->pread(s->io, s->fd, to, n, offset);
		if (r >= 0) {
			*got = (size_t)r;
			return RC_OK;
		}
		if (errno == ESPIPE && !s->piped) {
			s->piped = true;
			s->total = 0;
		} else if (errno != EINTR) {
			return err_errno(e, RC_IO, errno, "cannot read %s at offset %llu", s->path,
				(unsigned long long)offset);
		}
	}
}

// Gets more compressed bytes once those at hand are used up. Keeps what is unused at the front.
static enum rc refill(struct stream *s, struct err *e)
{
	size_t rest = s->in_len - s->in_at, got = 0;
	memmove(s->in, s->in + s->in_at, rest);
	s->in_offset += s->in_at;
	s->in_at = 0;
	s->in_len = rest;
	enum rc rc = read_raw(s, s->in + rest, IN_BYTES - rest, s->in_offset + rest, &got, e);
	if (rc != RC_OK)
		return rc;
	s->in_len += got;
	s->ended = got == 0;
	return RC_OK;
}

struct magic {
	const char *bytes;
	unsigned len;
	const char *name, *unpack; // unpack NULL: `kind` is read here
	enum stream_kind kind;
};

static const struct magic magics[] = {
	{"\x1f\x8b", 2, "gzip", NULL, STREAM_GZIP},
	{"\x28\xb5\x2f\xfd", 4, "zstd", NULL, STREAM_ZSTD},
	{"PK\x03\x04", 4, "zip", "unzip -p", STREAM_PLAIN},
	{"\xfd"
	 "7zXZ",
		5, "xz", "xz -dc", STREAM_PLAIN},
	{"BZh", 3, "bzip2", "bzip2 -dc", STREAM_PLAIN},
};

static bool zstd_skippable(const uint8_t *p, size_t n)
{
	return n >= 4 && (p[0] & 0xf0) == 0x50 && p[1] == 0x2a && p[2] == 0x4d && p[3] == 0x18;
}

static enum rc recognise(struct stream *s, struct err *e)
{
	s->kind = zstd_skippable(s->in, s->in_len) ? STREAM_ZSTD : STREAM_PLAIN;
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		const struct magic *m = &magics[i];
		if (s->in_len < m->len || memcmp(s->in, m->bytes, m->len) != 0)
			continue;
		s->kind = m->kind;
		if (m->unpack) {
			err_set(e, RC_INPUT, "%s is a %s archive, which is not read directly", s->path,
				m->name);
			err_remedy(e, "unpack it on the way: %s FILE | corridor import … -", m->unpack);
			return RC_INPUT;
		}
	}
	return RC_OK;
}

static enum rc unpacker_start(struct stream *s, struct err *e)
{
	if (s->kind == STREAM_GZIP) {
		s->z.zalloc = zlib_alloc;
		s->z.zfree = zlib_free;
		if (inflateInit2(&s->z, 15 + 16) != Z_OK)
			return err_set(e, RC_NOMEM, "out of memory for unpacking %s", s->path);
		s->z_ready = true;
	}
	if (s->kind == STREAM_ZSTD) {
		s->zstd = ZSTD_createDStream();
		if (!s->zstd ||
			ZSTD_isError(ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG)))
			return err_set(e, RC_NOMEM, "out of memory for unpacking %s", s->path);
	}
	return RC_OK;
}

enum rc stream_open(const struct io *io, const char *path, const volatile sig_atomic_t *cancel,
	struct stream **out, struct err *e)
{
	enum rc rc = RC_OK;
	bool standard = strcmp(path, "-") == 0;
	struct stream *s = mem_calloc(1, sizeof(*s));
	*out = NULL;
	if (!s)
		return err_set(e, RC_NOMEM, "out of memory for opening %s", path);
	s->io = io ? io : io_system();
	s->cancel = cancel;
	snprintf(s->path, sizeof(s->path), "%s", standard ? "standard input" : path);
	s->fd = standard ? STDIN_FILENO : s->io->open(s->io, path, IO_READ);
	s->own_fd = !standard && s->fd >= 0;
	s->piped = standard; // its position may be anywhere: read on from there
	if (s->fd < 0) {
		rc = err_errno(e, errno == ENOENT ? RC_NOT_FOUND : RC_IO, errno, "cannot open %s", path);
		err_remedy(e, rc == RC_NOT_FOUND
				      ? "give the path of a file that is there, or - for standard input"
				      : "give a file that may be read");
		goto out;
	}
	if (s->own_fd) {
		int64_t size = s->io->size(s->io, s->fd);
		s->total = size > 0 ? (uint64_t)size : 0;
	}
	s->in = mem_alloc(IN_BYTES);
	if (!s->in) {
		rc = err_set(e, RC_NOMEM, "out of memory for reading %s", s->path);
		goto out;
	}
	while (s->in_len < 8 && !s->ended && rc == RC_OK)
		rc = refill(s, e);
	if (rc == RC_OK)
		rc = recognise(s, e);
	if (rc == RC_OK)
		rc = unpacker_start(s, e);
out:
	if (rc != RC_OK)
		stream_close(&s);
	*out = s;
	return rc;
}

bool stream_rereadable(const struct stream *s)
{
	return s->own_fd && !s->piped && s->total > 0;
}

static enum rc damaged(struct stream *s, const char *what, struct err *e)
{
	const char *name = s->kind == STREAM_GZIP ? "gzip" : "zstd";
	err_set(e, RC_INPUT, "%s is damaged at or before offset %llu: %s", s->path,
		(unsigned long long)(s->in_offset + s->in_at), what);
	if (s->checked)
		err_remedy(e, "it was in order when it was checked: it changed meanwhile, or the disk fails; "
			      "rows taken from it may be wrong");
	else if (stream_rereadable(s))
		err_remedy(e, "fetch the file again; nothing of it was taken");
	else
		err_remedy(e,
			"rows taken from it may be wrong, since %s tells of damage only behind it: erase them "
			"or go back to a backup, then fetch the file again and import it by its name: files "
			"are checked before anything is taken",
			name);
	return RC_INPUT;
}

static enum rc truncated(struct stream *s, struct err *e)
{
	err_set(e, RC_INPUT, "%s ends early: the compressed data stops at offset %llu in the middle of a %s",
		s->path, (unsigned long long)(s->in_offset + s->in_len),
		s->kind == STREAM_GZIP ? "member" : "frame");
	err_remedy(e, stream_rereadable(s) && !s->checked
			      ? "fetch the whole file again; nothing of it was taken"
			      : "fetch the whole file again; importing it again adds only what is missing");
	return RC_INPUT;
}

static size_t plain_some(struct stream *s, uint8_t *to, size_t n)
{
	size_t have = s->in_len - s->in_at;
	size_t take = have < n ? have : n;
	memcpy(to, s->in + s->in_at, take);
	s->in_at += take;
	return take;
}

// Between members: zero padding (tapes) is passed over; anything else must be another member.
static enum rc gzip_between(struct stream *s, struct err *e)
{
	while (s->in_at < s->in_len && s->in[s->in_at] == 0)
		s->in_at++;
	if (s->in_at == s->in_len)
		return RC_OK;
	if (s->in[s->in_at] != 0x1f)
		return damaged(s, "neither another gzip member nor the end", e);
	if (inflateReset(&s->z) != Z_OK)
		return err_set(e, RC_NOMEM, "out of memory for unpacking %s", s->path);
	s->open_member = true;
	return RC_OK;
}

static enum rc gzip_some(struct stream *s, uint8_t *to, size_t n, size_t *made, struct err *e)
{
	if (!s->open_member) {
		enum rc rc = gzip_between(s, e);
		if (rc != RC_OK || !s->open_member)
			return rc;
	}
	s->z.next_in = s->in + s->in_at;
	s->z.avail_in = (unsigned)(s->in_len - s->in_at);
	s->z.next_out = to;
	s->z.avail_out = (unsigned)(n > 1u << 30 ? 1u << 30 : n);
	unsigned room = s->z.avail_out;
	int r = inflate(&s->z, Z_NO_FLUSH);
	s->in_at = s->in_len - s->z.avail_in;
	*made = room - s->z.avail_out;
	if (r == Z_STREAM_END)
		s->open_member = false;
	else if (r != Z_OK && r != Z_BUF_ERROR)
		return r == Z_MEM_ERROR ? err_set(e, RC_NOMEM, "out of memory for unpacking %s", s->path)
					: damaged(s, s->z.msg ? s->z.msg : "not gzip data", e);
	return RC_OK;
}

static enum rc zstd_some(struct stream *s, uint8_t *to, size_t n, size_t *made, struct err *e)
{
	ZSTD_inBuffer in = {s->in + s->in_at, s->in_len - s->in_at, 0};
	ZSTD_outBuffer out = {to, n, 0};
	size_t r = ZSTD_decompressStream(s->zstd, &out, &in);
	if (ZSTD_isError(r))
		return damaged(s, ZSTD_getErrorName(r), e);
	// A call that neither takes nor gives anything says nothing new about where we are.
	if (in.pos || out.pos)
		s->open_member = r != 0;
	s->in_at += in.pos;
	*made = out.pos;
	return RC_OK;
}

enum rc stream_read(struct stream *s, void *buf, size_t n, size_t *got, struct err *e)
{
	uint8_t *to = buf;
	enum rc rc = RC_OK;
	*got = 0;
	while (*got < n && rc == RC_OK) {
		size_t made = 0, before = s->in_at;
		if (s->kind == STREAM_PLAIN)
			made = plain_some(s, to + *got, n - *got);
		else if (s->kind == STREAM_GZIP)
			rc = gzip_some(s, to + *got, n - *got, &made, e);
		else
			rc = zstd_some(s, to + *got, n - *got, &made, e);
		*got += made;
		if (rc != RC_OK || made || s->in_at != before)
			continue;
		if (s->ended)
			return s->open_member ? truncated(s, e) : RC_OK;
		rc = refill(s, e);
	}
	return rc;
}

// Back to the first byte, as stream_open left it.
static enum rc start_again(struct stream *s, struct err *e)
{
	s->in_at = s->in_len = 0;
	s->in_offset = 0;
	s->ended = s->open_member = false;
	if (s->kind == STREAM_ZSTD)
		ZSTD_DCtx_reset(s->zstd, ZSTD_reset_session_only);
	else if (inflateReset(&s->z) != Z_OK)
		return err_set(e, RC_NOMEM, "out of memory for unpacking %s", s->path);
	return RC_OK;
}

enum rc stream_check(struct stream *s, void (*progress)(void *context, uint64_t bytes, uint64_t total),
	void *context, struct err *e)
{
	enum rc rc = RC_OK;
	size_t got = CHECK_BYTES;
	if (s->kind == STREAM_PLAIN || !stream_rereadable(s))
		return RC_OK;
	uint8_t *scratch = mem_alloc(CHECK_BYTES);
	if (!scratch)
		return err_set(e, RC_NOMEM, "out of memory for checking %s", s->path);
	while (rc == RC_OK && got == CHECK_BYTES) {
		if (stop_asked(s->cancel))
			rc = err_set(e, RC_CANCELLED,
				"interrupted while %s was checked; nothing of it was taken", s->path);
		else
			rc = stream_read(s, scratch, CHECK_BYTES, &got, e);
		if (progress)
			progress(context, stream_bytes_used(s), s->total);
	}
	mem_free(scratch);
	if (rc == RC_OK)
		rc = start_again(s, e);
	s->checked = rc == RC_OK;
	return rc;
}

enum stream_kind stream_kind(const struct stream *s)
{
	return s->kind;
}

uint64_t stream_bytes_used(const struct stream *s)
{
	return s->in_offset + s->in_at;
}

uint64_t stream_bytes_total(const struct stream *s)
{
	return s->total;
}

void stream_close(struct stream **sp)
{
	struct stream *s = *sp;
	if (!s)
		return;
	if (s->z_ready)
		inflateEnd(&s->z);
	ZSTD_freeDStream(s->zstd);
	if (s->own_fd)
		s->io->close(s->io, s->fd);
	mem_free(s->in);
	mem_free(s);
	*sp = NULL;
}
