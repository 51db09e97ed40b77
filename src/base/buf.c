// SPDX-License-Identifier: Apache-2.0
// Growing byte buffers and the bounded reading cursor. Invariants: len <= capacity <= max; data has room for
// capacity + 1 bytes (vsnprintf's terminator); after an error nothing more is written.
#include "base/buf.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

struct buf buf_new(size_t max_bytes)
{
	return (struct buf){.max = max_bytes < SIZE_MAX / 4 ? max_bytes : SIZE_MAX / 4};
}

void buf_free(struct buf *b)
{
	mem_free(b->data);
	*b = (struct buf){.max = b->max};
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->rc = RC_OK;
}

uint8_t *buf_reserve(struct buf *b, size_t extra)
{
	if (b->rc != RC_OK)
		return NULL;
	if (b->data && extra <= b->capacity - b->len)
		return b->data + b->len;
	if (extra > b->max - b->len) {
		b->rc = RC_LIMIT;
		return NULL;
	}
	size_t wanted = b->capacity < 64 ? 128 : b->capacity * 2;
	if (wanted < b->len + extra)
		wanted = b->len + extra;
	if (wanted > b->max)
		wanted = b->max;
	uint8_t *grown = mem_realloc(b->data, wanted + 1);
	if (!grown) {
		b->rc = RC_NOMEM;
		return NULL;
	}
	b->data = grown;
	b->capacity = wanted;
	return b->data + b->len;
}

void buf_put(struct buf *b, const void *bytes, size_t n)
{
	uint8_t *to = n ? buf_reserve(b, n) : NULL;
	if (!to)
		return;
	memcpy(to, bytes, n);
	b->len += n;
}

void buf_sv(struct buf *b, struct sv s)
{
	buf_put(b, s.ptr, s.len);
}

void buf_str(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_char(struct buf *b, char c)
{
	buf_u8(b, (uint8_t)c);
}

void buf_csv(struct buf *b, struct sv field)
{
	bool quote = false;
	for (size_t i = 0; i < field.len; i++)
		quote |= field.ptr[i] == '"' || field.ptr[i] == ',' || field.ptr[i] == '\n' ||
			 field.ptr[i] == '\r';
	if (!quote) {
		buf_sv(b, field);
		return;
	}
	buf_char(b, '"');
	for (size_t i = 0; i < field.len; i++) {
		if (field.ptr[i] == '"')
			buf_char(b, '"');
		buf_char(b, field.ptr[i]);
	}
	buf_char(b, '"');
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, format, args);
	uint8_t *to = n > 0 ? buf_reserve(b, (size_t)n) : NULL;
	if (to && vsnprintf((char *)to, (size_t)n + 1, format, again) == n)
		b->len += (size_t)n;
	va_end(again);
	va_end(args);
}

void buf_u8(struct buf *b, uint8_t v)
{
	uint8_t *to = buf_reserve(b, 1);
	if (!to)
		return;
	*to = v;
	b->len++;
}

// n little-endian bytes of v.
static void little_endian(struct buf *b, uint64_t v, unsigned n)
{
	uint8_t *to = buf_reserve(b, n);
	if (!to)
		return;
	for (unsigned i = 0; i < n; i++)
		to[i] = (uint8_t)(v >> (8 * i));
	b->len += n;
}

void buf_u32(struct buf *b, uint32_t v)
{
	little_endian(b, v, 4);
}

void buf_u64(struct buf *b, uint64_t v)
{
	little_endian(b, v, 8);
}

void buf_varint(struct buf *b, uint64_t v)
{
	size_t n = (63 - (size_t)__builtin_clzll(v | 1)) / 7 + 1;
	uint8_t *to = buf_reserve(b, n);
	if (!to)
		return;
	for (size_t i = 1; i < n; i++, v >>= 7)
		*to++ = (uint8_t)(v | 0x80);
	*to = (uint8_t)v;
	b->len += n;
}

void buf_zigzag(struct buf *b, int64_t v)
{
	buf_varint(b, ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0));
}

void buf_double(struct buf *b, double v)
{
	uint64_t bits;
	memcpy(&bits, &v, sizeof(bits));
	buf_u64(b, bits);
}

void buf_blob(struct buf *b, struct sv s)
{
	buf_varint(b, s.len);
	buf_sv(b, s);
}

struct sv buf_view(const struct buf *b)
{
	return (struct sv){b->data ? (const char *)b->data : "", b->len};
}

enum rc buf_check(const struct buf *b, struct err *e, const char *what)
{
	if (b->rc == RC_OK)
		return RC_OK;
	if (b->rc == RC_NOMEM)
		return err_set(e, RC_NOMEM, "out of memory for %s", what);
	return err_set(e, b->rc, "%s is larger than the allowed %zu bytes", what, b->max);
}

struct sv rd_bytes(struct rd *r, size_t n)
{
	if (r->bad || n > (size_t)(r->end - r->p)) {
		r->bad = true;
		return SV_NONE;
	}
	struct sv s = {r->p ? (const char *)r->p : "", n};
	if (n)
		r->p += n;
	return s;
}

static uint64_t read_little_endian(struct rd *r, unsigned n)
{
	struct sv s = rd_bytes(r, n);
	uint64_t v = 0;
	for (size_t i = 0; i < s.len; i++)
		v |= (uint64_t)(unsigned char)s.ptr[i] << (8 * i);
	return v;
}

uint8_t rd_u8(struct rd *r)
{
	return (uint8_t)read_little_endian(r, 1);
}

uint32_t rd_u32(struct rd *r)
{
	return (uint32_t)read_little_endian(r, 4);
}

uint64_t rd_u64(struct rd *r)
{
	return read_little_endian(r, 8);
}

uint64_t rd_varint(struct rd *r)
{
	uint64_t v = 0;
	const uint8_t *p = r->p;
	for (unsigned shift = 0; !r->bad && shift < 64 && p < r->end; shift += 7) {
		uint8_t byte = *p++;
		if (shift == 63 && byte > 1)
			break;
		v |= (uint64_t)(byte & 0x7F) << shift;
		if (byte < 0x80) {
			r->p = p;
			return v;
		}
	}
	r->bad = true;
	return 0;
}

int64_t rd_zigzag(struct rd *r)
{
	uint64_t v = rd_varint(r);
	return (int64_t)((v >> 1) ^ (v & 1 ? UINT64_MAX : 0));
}

double rd_double(struct rd *r)
{
	uint64_t bits = rd_u64(r);
	double v;
	memcpy(&v, &bits, sizeof(v));
	return v;
}

struct sv rd_blob(struct rd *r)
{
	uint64_t n = rd_varint(r);
	if (n > SIZE_MAX) {
		r->bad = true;
		return SV_NONE;
	}
	return r->bad ? SV_NONE : rd_bytes(r, (size_t)n);
}
