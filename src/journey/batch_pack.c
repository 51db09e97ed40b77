// SPDX-License-Identifier: Apache-2.0
// A filled batch becomes the bytes of an inbox row: the image is put together and compressed (zstd level 1, with
// content checksum) in the thread that made the batch.
#include "base/dict.h"
#include "journey/batch_internal.h"

#include <zstd.h>

enum { ZSTD_LEVEL = 1 };

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
static void put_keys(struct buf *out, const struct batch *b)
{
	size_t n = b->n;
	uint8_t *to = buf_reserve(out, n * 28);
	if (!to)
		return;
	for (size_t i = 0; i < n; i++) {
		const struct batch_key *k = &b->keys[i];
		memcpy(to + 8 * i, &k->person, 8);
		memcpy(to + 8 * (n + i), &k->at_ms, 8);
		memcpy(to + 8 * (2 * n + i), &k->id_key, 8);
		memcpy(to + 24 * n + 4 * i, &k->record_bytes, 4);
	}
	out->len += n * 28;
}

static void put_image(struct buf *image, const struct batch *b)
{
	struct batch_header header = {
		.n = b->n, .design_hash = b->design->hash, .records_bytes = b->records.len};
	buf_put(image, &header, sizeof(header));
	put_keys(image, b);
	size_t before = image->len;
	put_names(image, b);
	header.names_bytes = (uint32_t)(image->len - before);
	if (image->rc == RC_OK)
		memcpy(image->data, &header, sizeof(header));
	buf_sv(image, buf_view(&b->records));
}

static enum rc compress(struct batch *b, struct sv image, struct err *e)
{
	buf_clear(&b->packed);
	buf_u8(&b->packed, BATCH_VERSION);
	size_t most = ZSTD_compressBound(image.len);
	uint8_t *to = buf_reserve(&b->packed, most);
	if (!to)
		return buf_check(&b->packed, e, "a packed batch");
	ZSTD_CCtx_setParameter(b->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
	ZSTD_CCtx_setParameter(b->zstd, ZSTD_c_checksumFlag, 1);
	size_t n = ZSTD_compress2(b->zstd, to, most, image.ptr, image.len);
	if (ZSTD_isError(n))
		return err_set(e, RC_NOMEM, "cannot compress a batch: %s", ZSTD_getErrorName(n));
	b->packed.len += n;
	b->is_packed = true;
	return RC_OK;
}

enum rc batch_pack(struct batch *b, struct err *e)
{
	if (b->is_packed)
		return RC_OK;
	struct buf image = buf_new(BATCH_IMAGE_MAX);
	put_image(&image, b);
	enum rc rc = buf_check(&image, e, "a batch");
	if (rc == RC_OK)
		rc = compress(b, buf_view(&image), e);
	buf_free(&image);
	return rc;
}

enum rc batch_packed(struct batch *b, struct sv *out, struct err *e)
{
	enum rc rc = batch_pack(b, e);
	*out = rc == RC_OK ? buf_view(&b->packed) : SV_NONE;
	return rc;
}
