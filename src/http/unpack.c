// SPDX-License-Identifier: Apache-2.0
// Bodies with Content-Encoding, unpacked up to a bound: what a bomb costs is the bound, not what it claims.
#include "base/mem.h"
#include "http/internal.h"

#include <zlib.h>
#include <zstd.h>

enum { STEP_BYTES = 64 << 10, ZSTD_WINDOW_LOG = 23 }; // RFC 8878: 8 MiB is what a receiver must take

struct unpacker {
	z_stream z;
	bool z_ready;
	ZSTD_DCtx *zstd;
};

struct unpacker *unpacker_new(void)
{
	return mem_calloc(1, sizeof(struct unpacker));
}

void unpacker_free(struct unpacker **u)
{
	if (!*u)
		return;
	if ((*u)->z_ready)
		inflateEnd(&(*u)->z);
	ZSTD_freeDCtx((*u)->zstd);
	mem_free(*u);
	*u = NULL;
}

enum packing packing_of(struct sv s)
{
	static const struct {
		struct sv name;
		enum packing packing;
	} known[] = {{{"gzip", 4}, PACKING_ZLIB}, {{"x-gzip", 6}, PACKING_ZLIB},
		{{"deflate", 7}, PACKING_DEFLATE}, {{"zstd", 4}, PACKING_ZSTD}, {{"identity", 8}, PACKING_NONE},
		{{"", 0}, PACKING_NONE}};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (sv_equal_nocase(s, known[i].name))
			return known[i].packing;
	return PACKING_UNKNOWN;
}

// Room for the next piece: as much as the bound leaves, and one byte more so that reaching it is told from passing it.
static size_t room(struct buf *out)
{
	size_t left = out->max - out->len;
	return left < STEP_BYTES ? left : STEP_BYTES;
}

// gzip (several members after each other are one text) and zlib; "deflate" is zlib by the standard, and raw with some clients.
static unsigned unpack_zlib(struct unpacker *u, int window, struct sv in, struct buf *out)
{
	if (!u->z_ready && inflateInit2(&u->z, window) != Z_OK)
		return 503;
	u->z_ready = true;
	if (inflateReset2(&u->z, window) != Z_OK)
		return 503;
	u->z.next_in = (Bytef *)(uintptr_t)in.ptr;
	u->z.avail_in = (uInt)in.len;
	for (;;) {
		Bytef last[1];
		size_t n = room(out);
		uint8_t *to = n ? buf_reserve(out, n) : last;
		if (!to)
			return out->rc == RC_LIMIT ? 413 : 503;
		u->z.next_out = to;
		u->z.avail_out = n ? (uInt)n : 1;
		int rc = inflate(&u->z, Z_NO_FLUSH);
		size_t got = (size_t)(u->z.next_out - to);
		if (n == 0 && got)
			return 413;
		out->len += got;
		if (rc == Z_STREAM_END) {
			if (u->z.avail_in == 0)
				return 0;
			if (window < 0 || inflateReset2(&u->z, window) != Z_OK)
				return 400;
		} else if (rc != Z_OK || (u->z.avail_in == 0 && u->z.avail_out)) {
			return rc == Z_MEM_ERROR ? 503 : 400; // what was cut off ends in Z_BUF_ERROR
		}
	}
}

static unsigned unpack_zstd(struct unpacker *u, struct sv in, struct buf *out)
{
	if (!u->zstd) {
		u->zstd = ZSTD_createDCtx();
		if (!u->zstd)
			return 503;
		ZSTD_DCtx_setParameter(u->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
	}
	ZSTD_DCtx_reset(u->zstd, ZSTD_reset_session_only);
	ZSTD_inBuffer from = {in.ptr, in.len, 0};
	for (;;) {
		char last[1];
		size_t n = room(out);
		void *where = n ? (void *)buf_reserve(out, n) : last;
		if (!where)
			return out->rc == RC_LIMIT ? 413 : 503;
		ZSTD_outBuffer to = {where, n ? n : 1, 0};
		size_t rc = ZSTD_decompressStream(u->zstd, &to, &from);
		if (ZSTD_isError(rc))
			return 400;
		if (n == 0 && to.pos)
			return 413;
		out->len += to.pos;
		if (from.pos == from.size && rc == 0)
			return 0;
		if (from.pos == from.size && to.pos < to.size)
			return 400; // a frame is cut off
	}
}

unsigned unpack(struct unpacker *u, enum packing how, struct sv in, struct buf *out)
{
	if (in.len == 0)
		return 0;
	if (how == PACKING_ZSTD)
		return unpack_zstd(u, in, out);
	bool raw = how == PACKING_DEFLATE &&
		   !((in.ptr[0] & 15) == 8 && in.len > 1 &&
			   ((unsigned char)in.ptr[0] * 256u + (unsigned char)in.ptr[1]) % 31 == 0);
	return unpack_zlib(u, how == PACKING_ZLIB ? 16 + MAX_WBITS : raw ? -MAX_WBITS : MAX_WBITS, in, out);
}
