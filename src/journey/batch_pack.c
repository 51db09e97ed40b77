// SPDX-License-Identifier: Apache-2.0
// A filled batch becomes the bytes of an inbox row: the image is put together and compressed (zstd level -3, with
// content checksum) in the thread that made the batch. The level is a fast one because an inbox row lives shortly.
#include "base/dict.h"
#include "base/mem.h"
#include "journey/batch_internal.h"

#include <zstd.h>

enum { ZSTD_LEVEL = -3, KEY_BYTES = 28 };

static void put_dict(struct buf *out, const struct dict *d)
{
	uint32_t n = dict_count(d);
	buf_varint(out, n);
	for (uint32_t i = 0; i < n; i++)
		buf_blob(out, dict_at(d, i));
}

static void put_names(struct buf *out, const struct batch *b)
{
	const struct design *d = b->design;
	buf_varint(out, b->n_touchpoints_used);
	for (uint32_t i = 0; i < b->n_touchpoints_used; i++)
		buf_blob(out, d->touchpoints[b->touchpoint_used[i]].name);
	for (uint32_t k = NAME_CHANNEL; k < BATCH_PLAIN_KINDS; k++)
		put_dict(out, b->names[k]);
	buf_varint(out, b->n_measures_used);
	for (uint32_t i = 0; i < b->n_measures_used; i++)
		buf_blob(out, d->measures[b->measure_used[i]].name);
	buf_varint(out, b->n_dimensions_used);
	for (uint32_t i = 0; i < b->n_dimensions_used; i++)
		buf_blob(out, d->dimensions[b->dimension_used[i]]);
	for (uint32_t i = 0; i < b->n_dimensions_used; i++) {
		if (b->values[i])
			put_dict(out, b->values[i]);
		else
			buf_varint(out, 0);
	}
}

// The four key columns, one after the other.
static void put_keys(uint8_t *to, const struct batch *b)
{
	size_t n = b->n;
	for (size_t i = 0; i < n; i++) {
		const struct batch_key *k = &b->keys[i];
		memcpy(to + 8 * i, &k->person, 8);
		memcpy(to + 8 * (n + i), &k->at_ms, 8);
		memcpy(to + 8 * (2 * n + i), &k->id_key, 8);
		memcpy(to + 24 * n + 4 * i, &k->record_bytes, 4);
	}
}

// header | keys | names | records, allocated to size: it lives on as the memory of the head.
static enum rc make_image(struct batch *b, struct err *e)
{
	struct buf names = buf_new(BATCH_IMAGE_MAX);
	put_names(&names, b);
	enum rc rc = buf_check(&names, e, "the names of a batch");
	struct batch_header header = {.n = b->n,
		.names_bytes = (uint32_t)names.len,
		.design_hash = b->design->hash,
		.records_bytes = b->records.len};
	size_t bytes = sizeof(header) + (size_t)b->n * KEY_BYTES + names.len + b->records.len;
	if (rc == RC_OK && bytes > BATCH_IMAGE_MAX)
		rc = err_set(
			e, RC_LIMIT, "a batch of %zu bytes; at most %u are allowed", bytes, BATCH_IMAGE_MAX);
	uint8_t *image = rc == RC_OK ? mem_alloc(bytes) : NULL;
	if (rc == RC_OK && !image)
		rc = err_set(e, RC_NOMEM, "out of memory for a batch of %zu bytes", bytes);
	if (rc == RC_OK) {
		uint8_t *to = image;
		memcpy(to, &header, sizeof(header));
		put_keys(to += sizeof(header), b);
		memcpy(to += (size_t)b->n * KEY_BYTES, names.data, names.len);
		if (b->records.len)
			memcpy(to + names.len, b->records.data, b->records.len);
		mem_free(b->image);
		b->image = image;
		b->image_bytes = bytes;
	}
	buf_free(&names);
	return rc;
}

// Into memory for the worst case, of which only what is filled is ever touched, then cut to size.
static enum rc compress(struct batch *b, struct err *e)
{
	size_t most = ZSTD_compressBound(b->image_bytes);
	ZSTD_CCtx *zstd = ZSTD_createCCtx();
	enum rc rc = RC_OK;
	buf_free(&b->packed);
	buf_u8(&b->packed, BATCH_VERSION);
	uint8_t *to = buf_reserve(&b->packed, most);
	if (!to)
		rc = buf_check(&b->packed, e, "a packed batch");
	else if (!zstd)
		rc = err_set(e, RC_NOMEM, "out of memory packing a batch");
	if (rc == RC_OK) {
		ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
		ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
		size_t n = ZSTD_compress2(zstd, to, most, b->image, b->image_bytes);
		if (ZSTD_isError(n))
			rc = err_set(e, RC_NOMEM, "cannot compress a batch: %s", ZSTD_getErrorName(n));
		else
			b->packed.len += n;
	}
	ZSTD_freeCCtx(zstd);
	b->is_packed = rc == RC_OK;
	return rc;
}

enum rc batch_pack(struct batch *b, struct err *e)
{
	if (b->is_packed)
		return RC_OK;
	enum rc rc = make_image(b, e);
	return rc == RC_OK ? compress(b, e) : rc;
}

enum rc batch_packed(struct batch *b, struct sv *out, struct err *e)
{
	enum rc rc = batch_pack(b, e);
	*out = rc == RC_OK ? buf_view(&b->packed) : SV_NONE;
	return rc;
}

uint8_t *batch_image_take(struct batch *b, size_t *bytes)
{
	uint8_t *image = b->is_packed ? b->image : NULL;
	*bytes = image ? b->image_bytes : 0;
	if (image)
		b->image = NULL;
	return image;
}
