// SPDX-License-Identifier: Apache-2.0
// The footer as bytes. Fixed sizes, little-endian; reserved bytes are zero and checked, so that a later format can
// use them.
#include "journey/segment_footer.h"

void footer_put_head(struct buf *out, const struct footer_head *h)
{
	size_t start = out->len;
	const struct segment_info *i = &h->info;
	const uint64_t words[] = {i->n_rows, i->n_persons, i->n_chunks, (uint64_t)i->first_ms,
		(uint64_t)i->last_ms, i->first_person, i->last_person, h->n_ids};
	for (size_t w = 0; w < sizeof words / sizeof *words; w++)
		buf_u64(out, words[w]);
	buf_u32(out, h->prefix_bits);
	buf_u32(out, h->n_columns);
	for (unsigned w = 0; w < 3; w++)
		buf_u64(out, 0);
	for (unsigned k = 0; k < ID_REGIONS; k++) {
		buf_u64(out, h->ids[k].offset);
		buf_u64(out, h->ids[k].length);
		buf_u64(out, h->ids[k].checksum);
	}
	assert(out->rc != RC_OK || out->len - start == FOOTER_HEAD_BYTES);
}

bool footer_get_head(struct rd *r, struct footer_head *h)
{
	uint64_t words[8];
	for (size_t w = 0; w < 8; w++)
		words[w] = rd_u64(r);
	h->info = (struct segment_info){.n_rows = words[0],
		.n_persons = words[1],
		.n_chunks = words[2],
		.first_ms = (int64_t)words[3],
		.last_ms = (int64_t)words[4],
		.first_person = words[5],
		.last_person = words[6]};
	h->n_ids = words[7];
	h->prefix_bits = rd_u32(r);
	h->n_columns = rd_u32(r);
	uint64_t reserved = 0;
	for (unsigned w = 0; w < 3; w++)
		reserved |= rd_u64(r);
	for (unsigned k = 0; k < ID_REGIONS; k++) {
		h->ids[k].offset = rd_u64(r);
		h->ids[k].length = rd_u64(r);
		h->ids[k].checksum = rd_u64(r);
	}
	return !r->bad && reserved == 0;
}

static void put_column(struct buf *out, const struct segment_column *c)
{
	size_t start = out->len;
	const uint8_t bytes[8] = {c->number, c->encoding, c->flags, c->width, c->scale, 0, 0, 0};
	buf_put(out, bytes, sizeof bytes);
	buf_u32(out, c->n_present);
	buf_u32(out, c->n_dict);
	const uint64_t words[] = {c->offset, c->length, (uint64_t)c->base, c->multiple, c->checksum};
	for (size_t w = 0; w < sizeof words / sizeof *words; w++)
		buf_u64(out, words[w]);
	buf_put(out, &c->min, 8);
	buf_put(out, &c->max, 8);
	assert(out->rc != RC_OK || out->len - start == FOOTER_COLUMN_BYTES);
}

bool footer_get_column(struct rd *r, struct segment_column *c)
{
	*c = (struct segment_column){.number = rd_u8(r)};
	c->encoding = rd_u8(r);
	c->flags = rd_u8(r);
	c->width = rd_u8(r);
	c->scale = rd_u8(r);
	unsigned reserved = rd_u8(r);
	reserved |= rd_u8(r);
	reserved |= rd_u8(r);
	c->n_present = rd_u32(r);
	c->n_dict = rd_u32(r);
	c->offset = rd_u64(r);
	c->length = rd_u64(r);
	c->base = (int64_t)rd_u64(r);
	c->multiple = rd_u64(r);
	c->checksum = rd_u64(r);
	c->min.i = (int64_t)rd_u64(r);
	c->max.i = (int64_t)rd_u64(r);
	return !r->bad && reserved == 0;
}

void footer_put_chunk(struct buf *out, const struct segment_chunk *c)
{
	size_t start = out->len;
	buf_u32(out, c->n_rows);
	buf_u32(out, c->n_persons);
	const uint64_t words[] = {c->first_person, c->last_person, (uint64_t)c->first_ms, (uint64_t)c->last_ms};
	for (size_t w = 0; w < sizeof words / sizeof *words; w++)
		buf_u64(out, words[w]);
	buf_u32(out, c->n_columns);
	buf_u32(out, 0);
	assert(out->rc != RC_OK || out->len - start == FOOTER_CHUNK_BYTES);
	for (uint32_t i = 0; i < c->n_columns; i++)
		put_column(out, &c->columns[i]);
}

bool footer_get_chunk(struct rd *r, struct segment_chunk *c)
{
	*c = (struct segment_chunk){.n_rows = rd_u32(r)};
	c->n_persons = rd_u32(r);
	c->first_person = rd_u64(r);
	c->last_person = rd_u64(r);
	c->first_ms = (int64_t)rd_u64(r);
	c->last_ms = (int64_t)rd_u64(r);
	c->n_columns = rd_u32(r);
	uint32_t reserved = rd_u32(r);
	return !r->bad && reserved == 0;
}
