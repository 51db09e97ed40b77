// SPDX-License-Identifier: Apache-2.0
// The segment format in memory, shared by its writer, reader, verifier and the cursors (docs/format.md has the
// bytes). Little-endian machines only, like the files.
//
// Invariants of an open segment:
//  1. Regions (columns, id sections) tile the file from the header to the footer without holes, each 64-byte
//     aligned and padded, so every byte is under exactly one checksum.
//  2. segment_open has checked that every region is inside the file and has exactly the length that its encoding
//     needs; at least 8 bytes of padding follow the last value, so 8-byte loads never leave the region.
//  3. A region may be decoded only after segment_touch said RC_OK for it (checksum and structure).
#ifndef CORRIDOR_JOURNEY_SEGMENT_H
#define CORRIDOR_JOURNEY_SEGMENT_H

#include "journey/internal.h"

#include <assert.h>
#include <stdatomic.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "segments are read in place: little-endian only");

#define SEGMENT_HEADER_BYTES 64u
#define SEGMENT_TRAILER_BYTES 32u
#define SEGMENT_ALIGN 64u
#define SEGMENT_MAGIC 0x3147455352524f43ull         // "CORRSEG1"
#define SEGMENT_TRAILER_MAGIC 0x31444e4552524f43ull // "CORREND1"
#define SEGMENT_CHUNKS_MAX (1u << 20)               // what a locator can name
#define SEGMENT_COLD_BLOCK (64u * 1024u)            // a block is closed when it holds this many bytes of values
#define SEGMENT_COLD_RAW_MAX (256u * 1024u * 1024u) // no block unpacks to more
#define SEGMENT_DECIMALS_MAX 6u

// Number of a column in a chunk. A column that is missing is absent in all rows of the chunk.
enum segment_column_number {
	COLUMN_PERSON, // u64 person keys of the chunk's person directory, ascending
	COLUMN_START,  // u32 first rows of those persons, and the number of rows at the end
	COLUMN_AT,
	COLUMN_RECEIVED,
	COLUMN_DUE,
	COLUMN_PROMISE,
	COLUMN_KEEPS,
	COLUMN_ORIGIN,     // person keys of rows that a link moved to another person, 0 = not moved
	COLUMN_CODE0 = 8,  // + enum code_column
	COLUMN_COLD0 = 48, // + enum cold
	COLUMN_IDENTITIES = COLUMN_COLD0 + COLD_COLUMNS,
	COLUMN_MEASURE0 = 64, // + measure slot
	SEGMENT_COLUMNS = COLUMN_MEASURE0 + DESIGN_MEASURES_MAX
};
static_assert(COLUMN_CODE0 + (int)CODE_COLUMNS <= COLUMN_COLD0, "code columns fit");
static_assert(COLUMN_IDENTITIES < COLUMN_MEASURE0, "cold columns fit");

enum segment_encoding {
	ENCODING_PACKED,  // base + packed × multiple, packed in `width` bits; width 0: all the same
	ENCODING_DICT,    // packed is an index into n_dict 8-byte values in front of the packed ones
	ENCODING_DECIMAL, // measures: (base + packed × multiple) / 10^scale
	ENCODING_F64,     // measures: raw doubles
	ENCODING_BLOCKS,  // cold values: n_dict zstd blocks
	ENCODINGS
};

enum {
	COLUMN_SPARSE = 1, // a bitmap of the rows that have a value goes in front; only those are packed
	COLUMN_FROM_AT = 2 // the value is relative to the row's `at`
};

// Type of what a column's statistics and values are.
enum segment_column_type { TYPE_INTEGER, TYPE_MEASURE, TYPE_COLD };

static inline enum segment_column_type segment_column_type(unsigned number)
{
	if (number >= COLUMN_MEASURE0)
		return TYPE_MEASURE;
	return number >= COLUMN_COLD0 ? TYPE_COLD : TYPE_INTEGER;
}

// What a row has in an integer column that says nothing about it.
static inline int64_t segment_column_default(unsigned number)
{
	return number == COLUMN_DUE ? TIME_NONE : 0;
}

union segment_value {
	int64_t i;
	double d;
};

// One column of one chunk, as in the footer.
struct segment_column {
	uint8_t number, encoding, flags, width, scale;
	uint32_t n_present, n_dict;
	uint64_t offset, length; // of the region, padding included
	int64_t base;
	uint64_t multiple;
	uint64_t checksum;
	union segment_value min, max; // integers: over all rows; measures: over the present values
};

struct segment_chunk {
	uint32_t n_rows, n_persons;
	uint64_t first_person, last_person;
	int64_t first_ms, last_ms;
	uint32_t n_columns;
	uint32_t first_touched; // index of its first column in segment->touched
	struct segment_column *columns;
	uint8_t index_of[SEGMENT_COLUMNS]; // index into columns + 1, 0 = missing
};

struct segment_region {
	uint64_t offset, length, checksum;
};

enum { REGION_FILTER, REGION_PREFIX, REGION_KEYS, ID_REGIONS }; // the filter is format 1's; not read any more

struct segment {
	uint32_t magic;
	const struct io *io; // NULL: in memory
	uint8_t *owned;      // the bytes, when in memory
	void *mapped;
	const uint8_t *bytes;
	size_t n_bytes;
	char name[128];  // for messages
	uint32_t format; // as in the header
	struct segment_info info;
	uint64_t n_ids;
	uint32_t prefix_bits;
	struct segment_region ids[ID_REGIONS];
	struct segment_chunk *chunks;
	struct segment_column *columns;
	_Atomic uint8_t *touched; // 1 = checked and sound; per column, then per id region
	uint32_t n_columns;
};

static inline const struct segment_column *segment_column_get(const struct segment_chunk *c, unsigned number)
{
	unsigned i = c->index_of[number];
	return i ? &c->columns[i - 1] : NULL;
}

// A column that every chunk has (persons, starts, at, received).
static inline const struct segment_column *segment_column_always(const struct segment_chunk *c, unsigned number)
{
	return &c->columns[c->index_of[number] - 1];
}

static inline uint64_t segment_align(uint64_t n)
{
	return (n + SEGMENT_ALIGN - 1) / SEGMENT_ALIGN * SEGMENT_ALIGN;
}

// Number of 8-byte words of a presence bitmap.
static inline uint32_t segment_bitmap_words(uint32_t n_rows)
{
	return (n_rows + 63) / 64;
}

// Length of a region that holds `content` bytes: room for an 8-byte load at the end, aligned.
static inline uint64_t segment_region_length(uint64_t content)
{
	return segment_align(content + 8);
}

static inline uint64_t load_u64(const void *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static inline uint32_t load_u32(const void *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

// XXH3, chained over pieces of 1 MiB, so that it can be computed while writing. `so_far` 0 at the start;
// every piece but the last must have exactly SEGMENT_CHECKSUM_PIECE bytes.
#define SEGMENT_CHECKSUM_PIECE (1u << 20)
uint64_t segment_checksum(const void *bytes, size_t n);

// --- encode.c ---

// Encodes n integers (all rows) into `out` and fills everything of *column but number and offset. `at` (n values,
// may be NULL) offers itself as the base of COLUMN_FROM_AT. Errors are sticky in `out`; `scratch` holds n values.
void encode_integers(struct buf *out, struct segment_column *column, const int64_t *v, uint32_t n,
	int64_t absent, const int64_t *at, int64_t *scratch);
// The same for a measure: n_present values at ascending rows of n_rows.
void encode_measure(struct buf *out, struct segment_column *column, const uint32_t *row, const double *value,
	uint32_t n_present, uint32_t n_rows, int64_t *scratch);
// Values of 8 or 4 bytes as they are.
void encode_raw(struct buf *out, struct segment_column *column, const void *values, uint32_t n, unsigned bytes);
// Pads the region that started at `start`, fills length and checksum.
void encode_finish(struct buf *out, struct segment_column *column, size_t start);

// Order-preserving statistics helper: 10^scale as a double (scale ≤ SEGMENT_DECIMALS_MAX).
double segment_power_of_ten(unsigned scale);

// --- cold_write.c: values that are read only when asked for ---

struct cold_writer;
// Collects the values of one cold column of one chunk and packs them block by block. NULL when out of memory.
struct cold_writer *cold_writer_new(void);
// Frees the writer and what was not finished; *w becomes NULL. NULL in *w is fine.
void cold_writer_free(struct cold_writer **w);
// Rows ascending. The bytes are copied. RC_LIMIT for a value that no block could hold.
enum rc cold_writer_add(struct cold_writer *w, uint32_t row, struct sv value, struct err *e);
uint32_t cold_writer_count(const struct cold_writer *w);
// Writes the region (directory and blocks) and forgets the values.
enum rc cold_writer_finish(
	struct cold_writer *w, struct buf *out, struct segment_column *column, struct err *e);

// --- cold.c ---

// Walks the values of one cold column of a chunk in order of rows.
struct cold_reader;
enum rc cold_reader_open(
	const struct segment *s, uint32_t chunk, unsigned number, struct cold_reader **out, struct err *e);
void cold_reader_close(struct cold_reader **r);
// Places the reader before the first value at or after `row`.
enum rc cold_reader_seek(struct cold_reader *r, uint32_t row, struct err *e);
// *row UINT32_MAX at the end. The value is valid until the next call.
enum rc cold_reader_next(struct cold_reader *r, uint32_t *row, struct sv *value, struct err *e);
// The last block read of each kind of value, so that asking row by row unpacks each block once. One thread at a time.
struct cold_cache;
struct cold_cache *cold_cache_new(void); // NULL: out of memory
void cold_cache_free(struct cold_cache **cache);
// The value of a row, copied into the arena; SV_NONE when absent.
enum rc segment_cold(struct cold_cache *cache, const struct segment *s, uint32_t chunk, uint32_t row,
	enum cold what, struct arena *a, struct sv *out, struct err *e);
// The same of any cold column, the identities too, not copied: valid until the cache is asked for this column again.
enum rc segment_cold_view(struct cold_cache *cache, const struct segment *s, uint32_t chunk, uint32_t row,
	unsigned number, struct sv *out, struct err *e);
// Appends the distinct identities of a person ("type:value", copied into the arena) that are not yet in *list.
// *list is an array of the caller's (mem_free), grown by mem_grow.
struct identity_list {
	struct sv *items;
	size_t capacity;
	uint32_t n;
};
// `wanted` (NULL: all) chooses among the person's encoded lists.
enum rc segment_identities(const struct segment *s, uint64_t person,
	bool (*wanted)(void *context, struct sv list), void *context, struct arena *a,
	struct identity_list *list, struct err *e);
// The structure of a cold region (directory inside the region, rows ascending); no block is unpacked.
bool cold_region_sound(
	const struct segment *s, const struct segment_chunk *c, const struct segment_column *column);

// --- chunk.c: rows to columns ---

struct chunk_builder;
// An empty builder, used for one chunk after another; it keeps its memory between them. NULL when out of memory.
struct chunk_builder *chunk_builder_new(void);
// Frees the builder and the rows that were not finished; *b becomes NULL. NULL in *b is fine.
void chunk_builder_free(struct chunk_builder **b);
// Copies a row. Rows come in order of (person, at, arrival). RC_CORRUPT: a measure slot that does not exist or comes
// twice; RC_NOMEM; RC_LIMIT as cold_writer_add. After a failure the builder can only be freed.
enum rc chunk_builder_add(struct chunk_builder *b, const struct row *row, struct err *e);
// Rows added since the last finish.
uint32_t chunk_builder_rows(const struct chunk_builder *b);
// Appends all regions to `out` (offsets in columns count from `at_offset`, which is where out begins in the file)
// and fills *chunk; its columns array is the builder's until the next add. Empties the builder.
enum rc chunk_builder_finish(struct chunk_builder *b, struct buf *out, uint64_t at_offset,
	struct segment_chunk *chunk, struct err *e);

// --- segment.c ---

// What to do about a damaged segment.
#define SEGMENT_REMEDY                                                                                         \
	"run corridor verify --repair, which saves what is sound, or restore the data directory from a backup"

// Checks checksum and structure of a column on first touch. RC_CORRUPT names segment, chunk and column.
enum rc segment_touch(
	const struct segment *s, uint32_t chunk, const struct segment_column *column, struct err *e);
enum rc segment_touch_ids(const struct segment *s, struct err *e);
// Does that for a new segment before somebody who waits looks for ids in it; `stay`: its pages are there for them, too.
enum rc segment_ids_warm(const struct segment *s, bool stay, struct err *e);
// "at", "touchpoint", "measure 3", …: for messages.
const char *segment_column_name(unsigned number, char *out, unsigned size);
enum rc segment_corrupt(
	const struct segment *s, uint32_t chunk, unsigned number, const char *what, struct err *e);

// Locators of rows: segment 16 bits, chunk 20, row 28.
static inline uint64_t locator_make(uint32_t segment, uint32_t chunk, uint32_t row)
{
	return (uint64_t)segment << 48 | (uint64_t)chunk << 28 | row;
}
static inline uint32_t locator_segment(uint64_t locator)
{
	return (uint32_t)(locator >> 48);
}
static inline uint32_t locator_chunk(uint64_t locator)
{
	return locator >> 28 & (SEGMENT_CHUNKS_MAX - 1);
}
static inline uint32_t locator_row(uint64_t locator)
{
	return locator & ((1u << 28) - 1);
}

// --- segment_ids.c ---

#define IDS_PREFIX_BITS_MAX 24u

// Bits of the prefix index for n keys.
uint32_t ids_prefix_bits(uint64_t n_keys);
// Bits in which a key is kept: those that the prefix does not tell (all 64 in format 1 and where that saves nothing).
unsigned ids_key_width(const struct segment *s);
unsigned ids_low_bits(uint32_t prefix_bits);
// Length of format 1's filter.
uint64_t ids_filter_bytes(uint64_t n_rows);
static inline uint64_t ids_prefix(uint64_t key, uint32_t bits)
{
	return bits ? key >> (64 - bits) : 0;
}

// --- chunk_read.c: columns to values; columns must have been touched ---

// Rows [first, first + n) of an integer column into 8-byte values; a missing column gives its default.
void chunk_read_i64(const struct segment *s, const struct segment_chunk *c, unsigned number, uint32_t first,
	uint32_t n, int64_t *out);
// The same of a code column.
void chunk_read_u32(const struct segment *s, const struct segment_chunk *c, unsigned number, uint32_t first,
	uint32_t n, uint32_t *out);
// The same of n rows, ascending: row[i] + shift modulo 2^32.
void chunk_pick_i64(const struct segment *s, const struct segment_chunk *c, unsigned number,
	const uint32_t *row, uint32_t shift, uint32_t n, int64_t *out);
void chunk_pick_u32(const struct segment *s, const struct segment_chunk *c, unsigned number,
	const uint32_t *row, uint32_t shift, uint32_t n, uint32_t *out);
// The present values of a measure among rows [first, first + n): row[i] = row - first + add, value[i]. Returns how
// many.
uint32_t chunk_read_measure(const struct segment *s, const struct segment_chunk *c, unsigned number,
	uint32_t first, uint32_t n, uint32_t add, uint32_t *row, double *value);
// Is a measure stored as small integers over 10^scale? *max: no magnitude of these is greater (at most SCALED_MAX).
bool chunk_measure_is_scaled(const struct segment_column *x, uint32_t *max);
// chunk_read_measure for such a column: the integers. row NULL: not asked for.
uint32_t chunk_read_scaled(const struct segment *s, const struct segment_chunk *c, unsigned number,
	uint32_t first, uint32_t n, uint32_t add, uint32_t *row, int32_t *scaled);
// The person directory, in place.
static inline const uint64_t *chunk_persons(const struct segment *s, const struct segment_chunk *c)
{
	return (const uint64_t *)(const void *)(s->bytes + segment_column_always(c, COLUMN_PERSON)->offset);
}
static inline const uint32_t *chunk_starts(const struct segment *s, const struct segment_chunk *c)
{
	return (const uint32_t *)(const void *)(s->bytes + segment_column_always(c, COLUMN_START)->offset);
}
// Index of the first person ≥ key in the chunk's directory (n_persons when there is none).
uint32_t chunk_person_find(const struct segment *s, const struct segment_chunk *c, uint64_t key);
// Index of the first chunk whose last person is ≥ key (n_chunks when there is none).
uint32_t segment_chunk_find(const struct segment *s, uint64_t key);
// The chunk will not be read again soon: its pages need not stay in the process. What is read all the same comes back.
void segment_chunk_forget(const struct segment *s, uint32_t chunk);
// The same for bytes [from, to) of the file, as far as whole pages of 64 KiB go; 0, UINT64_MAX: for all.
void segment_forget(const struct segment *s, uint64_t from, uint64_t to);

#endif
