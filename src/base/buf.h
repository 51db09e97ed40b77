// SPDX-License-Identifier: Apache-2.0
// Growing byte buffers with a mandatory maximum and a sticky error: write all, check once.
// Too big is an error, never a truncation.
#ifndef CORRIDOR_BASE_BUF_H
#define CORRIDOR_BASE_BUF_H

#include "base/err.h"
#include "base/sv.h"

#include <stdint.h>

struct buf {
	uint8_t *data;
	size_t len, capacity, max;
	enum rc rc; // sticky: RC_OK, RC_NOMEM or RC_LIMIT
};

// An empty buffer that will hold at most max_bytes. Allocates nothing yet.
struct buf buf_new(size_t max_bytes);
// Frees the bytes; the buffer can be used again with the same maximum.
void buf_free(struct buf *b);
// Length 0, keeps memory, clears the error.
void buf_clear(struct buf *b);
// Makes room for `extra` bytes after len and returns where they go (caller writes, then adds to b->len);
// NULL with the sticky error set when that is not possible.
uint8_t *buf_reserve(struct buf *b, size_t extra);
// Copies n bytes, the bytes of s (also none), a C string without its end, one character. What fails is in the sticky error.
void buf_put(struct buf *b, const void *bytes, size_t n);
void buf_sv(struct buf *b, struct sv s);
void buf_str(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
// A field of CSV (RFC 4180): in quotes when it has a quote, comma or line end in it, its quotes doubled.
void buf_csv(struct buf *b, struct sv field);
// As printf(3).
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Fixed-width little-endian integers and LEB128 varints (zigzag for signed).
void buf_u8(struct buf *b, uint8_t v);
void buf_u32(struct buf *b, uint32_t v);
void buf_u64(struct buf *b, uint64_t v);
void buf_varint(struct buf *b, uint64_t v);
void buf_zigzag(struct buf *b, int64_t v);
void buf_double(struct buf *b, double v);
// varint length, then the bytes.
void buf_blob(struct buf *b, struct sv s);
// The bytes so far as a view (valid until the next write).
struct sv buf_view(const struct buf *b);
// RC_OK, or puts the sticky error into e with a message naming `what` and the maximum.
enum rc buf_check(const struct buf *b, struct err *e, const char *what);

// The reading side: a bounded cursor with a sticky error; reads past the end give 0 / SV_NONE and set bad.
struct rd {
	const uint8_t *p, *end;
	bool bad;
};

static inline struct rd rd_new(struct sv s)
{
	const uint8_t *p = (const uint8_t *)s.ptr;
	struct rd r = {p, s.len ? p + s.len : p, false};
	return r;
}
// Fixed-width little-endian integers and LEB128 varints, the reverse of buf_u8 ….
uint8_t rd_u8(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);
uint64_t rd_varint(struct rd *r);
int64_t rd_zigzag(struct rd *r);
double rd_double(struct rd *r);
// varint length, then that many bytes as a view into the input.
struct sv rd_blob(struct rd *r);
struct sv rd_bytes(struct rd *r, size_t n);

#endif
