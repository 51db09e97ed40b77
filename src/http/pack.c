// SPDX-License-Identifier: Apache-2.0
// Answers packed for the way, with what the asker takes: zstd, else gzip.
#include "http/internal.h"

#include <limits.h>
#include <zlib.h>
#include <zstd.h>

// Levels: an answer is packed once for one asker, so speed counts more than the last percent.
enum { PACK_BYTES_MIN = 1024, ZSTD_LEVEL = 3, GZIP_LEVEL = 4, GZIP_WINDOW = 15 + 16, GZIP_MEMORY = 8 };

static bool pack_zstd(struct sv in, struct buf *out)
{
	size_t most = ZSTD_compressBound(in.len);
	uint8_t *to = buf_reserve(out, most);
	if (!to)
		return false;
	size_t n = ZSTD_compress(to, most, in.ptr, in.len, ZSTD_LEVEL);
	out->len += ZSTD_isError(n) ? 0 : n;
	return !ZSTD_isError(n);
}

static bool pack_gzip(struct sv in, struct buf *out)
{
	z_stream z = {.zalloc = NULL};
	if (in.len > UINT_MAX / 2 ||
		deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	size_t most = deflateBound(&z, (uLong)in.len);
	uint8_t *to = buf_reserve(out, most);
	bool done = false;
	if (to) {
		z.next_in = (Bytef *)(uintptr_t)in.ptr;
		z.avail_in = (uInt)in.len;
		z.next_out = to;
		z.avail_out = (uInt)most;
		done = deflate(&z, Z_FINISH) == Z_STREAM_END;
		out->len += done ? z.total_out : 0;
	}
	deflateEnd(&z);
	return done;
}

void http_pack(struct http_exchange *x)
{
	struct sv in = buf_view(&x->out);
	if (x->out.rc != RC_OK || in.len <= PACK_BYTES_MIN)
		return;
	http_header_add(x, "Vary", SV("Accept-Encoding"));
	bool zstd = http_accepts_encoding(x, "zstd");
	if (!zstd && !http_accepts_encoding(x, "gzip"))
		return;
	struct buf packed = buf_new(x->out.max);
	bool good = zstd ? pack_zstd(in, &packed) : pack_gzip(in, &packed);
	if (!good || packed.len >= in.len) { // it goes as it is
		buf_free(&packed);
		return;
	}
	http_header_add(x, "Content-Encoding", zstd ? SV("zstd") : SV("gzip"));
	buf_free(&x->out);
	x->out = packed;
}
