// SPDX-License-Identifier: Apache-2.0
// The footer as bytes: written and parsed side by side, so that they cannot drift.
#ifndef CORRIDOR_JOURNEY_SEGMENT_FOOTER_H
#define CORRIDOR_JOURNEY_SEGMENT_FOOTER_H

#include "journey/segment.h"

#define FOOTER_HEAD_BYTES (96u + ID_REGIONS * 24u)
#define FOOTER_CHUNK_BYTES 48u
#define FOOTER_COLUMN_BYTES 72u

// What stands in front of the chunk directory. info.bytes and info.checksum are not in it.
struct footer_head {
	struct segment_info info;
	uint64_t n_ids;
	uint32_t prefix_bits;
	uint32_t n_columns; // of all chunks
	struct segment_region ids[ID_REGIONS];
};

// Append the head (FOOTER_HEAD_BYTES), or a chunk of the directory (FOOTER_CHUNK_BYTES) followed by its columns
// (FOOTER_COLUMN_BYTES each). Errors are sticky in `out`.
void footer_put_head(struct buf *out, const struct footer_head *h);
void footer_put_chunk(struct buf *out, const struct segment_chunk *c);
// The reverse, one part at a time. False when the bytes end too early or a reserved byte is not zero.
bool footer_get_head(struct rd *r, struct footer_head *h);
bool footer_get_chunk(struct rd *r, struct segment_chunk *c); // without its columns
bool footer_get_column(struct rd *r, struct segment_column *c);

#endif
