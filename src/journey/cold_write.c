// SPDX-License-Identifier: Apache-2.0
// Writes cold columns: values in order of rows, gathered to blocks of about 64 KiB, each a zstd frame.
// A block holds, LEB128 coded: the number of values, for each its row (from the row before, or from 0 for the first)
// and its length; then the values' bytes. The region begins with a directory of 16 bytes per block: first row,
// number of values, unpacked bytes, packed bytes.
#include "base/mem.h"
#include "journey/segment.h"

#include <zstd.h>

#define COLD_LEVEL 1
#define COLD_VALUE_MAX (SEGMENT_COLD_RAW_MAX / 2)

struct cold_writer {
	struct buf heads, values; // of the open block
	struct buf directory, packed;
	uint32_t first_row, last_row, n_block; // of the open block
	uint32_t n_values, n_blocks;
	ZSTD_CCtx *zstd;
};

struct cold_writer *cold_writer_new(void)
{
	struct cold_writer *w = mem_calloc(1, sizeof *w);
	if (!w)
		return NULL;
	w->heads = buf_new(SEGMENT_COLD_RAW_MAX);
	w->values = buf_new(SEGMENT_COLD_RAW_MAX);
	w->directory = buf_new(SIZE_MAX);
	w->packed = buf_new(SIZE_MAX);
	return w;
}

void cold_writer_free(struct cold_writer **w)
{
	if (!*w)
		return;
	buf_free(&(*w)->heads);
	buf_free(&(*w)->values);
	buf_free(&(*w)->directory);
	buf_free(&(*w)->packed);
	ZSTD_freeCCtx((*w)->zstd);
	mem_free(*w);
	*w = NULL;
}

uint32_t cold_writer_count(const struct cold_writer *w)
{
	return w->n_values;
}

static enum rc block_close(struct cold_writer *w, struct err *e)
{
	if (w->n_block == 0)
		return RC_OK;
	struct buf raw = buf_new(SEGMENT_COLD_RAW_MAX);
	buf_varint(&raw, w->n_block);
	buf_sv(&raw, buf_view(&w->heads));
	buf_sv(&raw, buf_view(&w->values));
	enum rc rc = buf_check(&raw, e, "block of values");
	if (rc)
		goto out;
	if (!w->zstd && !(w->zstd = ZSTD_createCCtx())) {
		rc = err_set(e, RC_NOMEM, "out of memory while writing a segment");
		goto out;
	}
	size_t bound = ZSTD_compressBound(raw.len);
	uint8_t *to = buf_reserve(&w->packed, bound);
	if (!to) {
		rc = buf_check(&w->packed, e, "packed values");
		goto out;
	}
	size_t n = ZSTD_compressCCtx(w->zstd, to, bound, raw.data, raw.len, COLD_LEVEL);
	if (ZSTD_isError(n)) {
		rc = err_set(e, RC_NOMEM, "compressing a block of values: %s", ZSTD_getErrorName(n));
		goto out;
	}
	w->packed.len += n;
	buf_u32(&w->directory, w->first_row);
	buf_u32(&w->directory, w->n_block);
	buf_u32(&w->directory, (uint32_t)raw.len);
	buf_u32(&w->directory, (uint32_t)n);
	w->n_blocks++;
	w->n_block = 0;
	buf_clear(&w->heads);
	buf_clear(&w->values);
	rc = buf_check(&w->directory, e, "directory of values");
out:
	buf_free(&raw);
	return rc;
}

enum rc cold_writer_add(struct cold_writer *w, uint32_t row, struct sv value, struct err *e)
{
	if (value.len > COLD_VALUE_MAX)
		return err_set(e, RC_LIMIT, "a value of %zu bytes is more than a segment can hold", value.len);
	if (w->n_block > 0 && w->heads.len + w->values.len + value.len > SEGMENT_COLD_BLOCK) {
		enum rc rc = block_close(w, e);
		if (rc)
			return rc;
	}
	if (w->n_block == 0)
		w->first_row = row;
	buf_varint(&w->heads, w->n_block ? row - w->last_row : row);
	buf_varint(&w->heads, value.len);
	buf_sv(&w->values, value);
	w->last_row = row;
	w->n_block++;
	w->n_values++;
	enum rc rc = buf_check(&w->heads, e, "block of values");
	return rc ? rc : buf_check(&w->values, e, "block of values");
}

enum rc cold_writer_finish(struct cold_writer *w, struct buf *out, struct segment_column *column, struct err *e)
{
	enum rc rc = block_close(w, e);
	if (rc)
		return rc;
	size_t start = out->len;
	column->encoding = ENCODING_BLOCKS;
	column->n_present = w->n_values;
	column->n_dict = w->n_blocks;
	column->multiple = 1;
	buf_sv(out, buf_view(&w->directory));
	buf_sv(out, buf_view(&w->packed));
	encode_finish(out, column, start);
	buf_clear(&w->directory);
	buf_clear(&w->packed);
	w->n_values = w->n_blocks = 0;
	return buf_check(out, e, "segment");
}
