// SPDX-License-Identifier: Apache-2.0
// The bytes of a batch, shared by its writer (batch.c, batch_pack.c) and its reader (batch_view.c); docs/format.md,
// "The database", describes them.
//
// A packed batch is one version byte and a zstd frame (with content checksum) of the image:
//   header    struct batch_header
//   keys      u64 person[n], i64 at[n], u64 id_key[n], u32 length[n] of the records
//   names     lists of strings: six plain kinds, measures, dimensions, then one list of values per dimension
//   records   one after the other
// Codes inside a batch are its own, from 1 in order of the lists; 0 = absent.
#ifndef CORRIDOR_JOURNEY_BATCH_INTERNAL_H
#define CORRIDOR_JOURNEY_BATCH_INTERNAL_H

#include "journey/internal.h"

#include <assert.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "batches are little-endian");

#define BATCH_VERSION 1u
#define BATCH_ROWS_MAX 65536u
#define BATCH_BYTES_MAX (64u << 20)
#define BATCH_IMAGE_MAX (256u << 20) // nothing unpacks to more
#define BATCH_PLAIN_KINDS 6u         // NAME_TOUCHPOINT … NAME_LOCATION
#define BATCH_LISTS_MAX (BATCH_PLAIN_KINDS + 2 + DESIGN_DIMENSIONS_MAX)

// Limits of one interaction, in bytes and ms.
#define NAME_BYTES_MAX 512u
#define TEXT_BYTES_MAX (1u << 20)
#define AT_MIN_MS (-2208988800000) // 1900-01-01
#define AT_MAX_MS 7258118400000    // 2200-01-01, exclusive

struct batch_header {
	uint32_t n, names_bytes;
	uint64_t design_hash, records_bytes;
	uint64_t reserved;
};
static_assert(sizeof(struct batch_header) == 32, "as written");

// Which optional parts a record has, in the order in which they follow the six codes.
enum record_flag {
	RECORD_RECEIVED = 1, // zigzag received − at
	RECORD_DUE = 2,      // zigzag due − at
	RECORD_DIMENSIONS = 4,
	RECORD_MEASURES = 8,
	RECORD_PROMISE = 16,
	RECORD_KEEPS = 32,
	RECORD_ID = 64,
	RECORD_TEXT = 128,
	RECORD_PROPERTIES = 256
};

struct batch_key {
	uint64_t person, id_key;
	int64_t at_ms;
	uint32_t record_bytes;
};

struct batch_name_cache {
	struct sv last; // owned by the dictionary
	uint32_t code;
};

struct batch {
	uint32_t magic;
	uint32_t n;
	const struct design *design;
	struct batch_key *keys;
	size_t keys_capacity;
	struct buf records;
	struct dict *
		names[BATCH_PLAIN_KINDS]; // NAME_TOUCHPOINT is not used: its codes come from the design's index
	struct batch_name_cache last[BATCH_PLAIN_KINDS];
	// From the design's index to the batch's code, and back: used[code − 1].
	uint32_t *touchpoint_code, *touchpoint_used;
	uint32_t n_touchpoints_used;
	uint32_t measure_code[DESIGN_MEASURES_MAX], measure_used[DESIGN_MEASURES_MAX];
	uint32_t n_measures_used;
	uint32_t dimension_code[DESIGN_DIMENSIONS_MAX], dimension_used[DESIGN_DIMENSIONS_MAX];
	uint32_t n_dimensions_used;
	struct dict *values[DESIGN_DIMENSIONS_MAX]; // by the batch's code − 1
	struct buf packed;
	bool is_packed;
	uint8_t *image; // what was packed, until a view takes it; NULL: not packed, or taken
	size_t image_bytes;
	uint64_t duplicate_bits[BATCH_ROWS_MAX / 64];
};

// The packed bytes (packs when that has not been done); valid until the batch changes.
enum rc batch_packed(struct batch *b, struct sv *out, struct err *e);
// Hands the unpacked image of what batch_pack packed to the caller (mem_free), once: later calls, until the batch
// changes, give NULL, and the packed bytes must be unpacked instead.
uint8_t *batch_image_take(struct batch *b, size_t *bytes);
// batch_view_open for an image that need not be unpacked; it becomes the view's, and is freed if that fails.
enum rc batch_view_adopt(uint8_t *image, size_t bytes,
	uint32_t (*code_of)(void *context, enum name_kind kind, struct sv name), void *context,
	struct batch_view **out, struct err *e);

// Does the interaction keep the limits? RC_INPUT says which it breaks. Whether new names are UTF-8 is not looked at.
enum rc interaction_check(const struct design *d, const struct interaction *x, struct err *e);
// What an interaction is known by: the hash of its source and message id, or of its content when it has none.
uint64_t batch_id_key(const struct design *d, const struct interaction *x);
// What a promise is known by; never 0.
uint64_t batch_promise_hash(struct sv id);

// Bytes of the unpacked image that a view holds.
size_t batch_view_bytes(const struct batch_view *v);
// Hash of the design that the rows were resolved with.
uint64_t batch_view_design(const struct batch_view *v);
// Has row i a message id (else its id key is a hash of the content)?
bool batch_view_has_id(const struct batch_view *v, uint32_t i);
// Brings the record of row i towards the processor's cache; some rows before that, where it starts.
void batch_view_prefetch_start(const struct batch_view *v, uint32_t i);
void batch_view_prefetch(const struct batch_view *v, uint32_t i);

#endif
