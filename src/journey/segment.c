// SPDX-License-Identifier: Apache-2.0
// Opens segments and guards every way into their bytes.
//
// Why no damaged file can make us read outside it or give a wrong number: header, footer and trailer are checked as
// a whole when the file is opened; then each region's place and exact length follow from the footer, and regions
// must tile the file. A region's bytes are read only after segment_touch checked their checksum and whatever their
// contents must promise (offsets ascending, indices in range, bitmaps that count right). The result of that check is
// kept in an atomic byte: threads may do it twice, never skip it.
#include "base/hash.h"
#include "base/mem.h"
#include "journey/bits.h"
#include "journey/segment_footer.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#define MAGIC_OPEN 0x5e67e27du

static enum rc open_corrupt(const struct segment *s, const char *what, struct err *e)
{
	err_set(e, RC_CORRUPT, "segment %s: %s", s->name, what);
	err_remedy(e, SEGMENT_REMEDY);
	return RC_CORRUPT;
}

const char *segment_column_name(unsigned number, char *out, unsigned size)
{
	static const char *const fixed[COLUMN_CODE0] = {
		"persons", "person starts", "at", "received", "due", "promise", "keeps", "origin"};
	static const char *const codes[CODE_DIMENSION0] = {
		"touchpoint", "channel", "event", "source", "agent", "location"};
	static const char *const cold[COLD_COLUMNS + 1] = {
		"id", "promise id", "keeps id", "text", "properties", "identities"};
	if (number < COLUMN_CODE0)
		snprintf(out, size, "%s", fixed[number]);
	else if (number < COLUMN_CODE0 + CODE_DIMENSION0)
		snprintf(out, size, "%s", codes[number - COLUMN_CODE0]);
	else if (number < COLUMN_COLD0)
		snprintf(out, size, "dimension %u", number - COLUMN_CODE0 - CODE_DIMENSION0);
	else if (number <= COLUMN_IDENTITIES)
		snprintf(out, size, "%s", cold[number - COLUMN_COLD0]);
	else
		snprintf(out, size, "measure %u", number - COLUMN_MEASURE0);
	return out;
}

enum rc segment_corrupt(
	const struct segment *s, uint32_t chunk, unsigned number, const char *what, struct err *e)
{
	char name[32];
	err_set(e, RC_CORRUPT, "segment %s, chunk %u, column %s: %s", s->name, chunk,
		segment_column_name(number, name, sizeof name), what);
	err_remedy(e, SEGMENT_REMEDY);
	return RC_CORRUPT;
}

// --- footer: what must be true before anything else is read ---

// Number of values that are packed one after another in a column.
static uint64_t packed_values(const struct segment_chunk *c, const struct segment_column *column)
{
	if (column->number == COLUMN_PERSON)
		return c->n_persons;
	if (column->number == COLUMN_START)
		return c->n_persons + 1ull;
	return column->flags & COLUMN_SPARSE ? column->n_present : c->n_rows;
}

static bool integer_encoding_fits(const struct segment_column *x, bool plain)
{
	if (x->encoding == ENCODING_DICT)
		return plain && x->n_dict > 0 && x->number == COLUMN_RECEIVED;
	if (x->encoding != ENCODING_PACKED || x->scale != 0)
		return false;
	return x->flags == 0 || x->flags == COLUMN_SPARSE ||
	       (x->flags == COLUMN_FROM_AT && x->number == COLUMN_RECEIVED);
}

static bool measure_encoding_fits(const struct segment_chunk *c, const struct segment_column *x)
{
	if (x->flags != (x->n_present == c->n_rows ? 0 : COLUMN_SPARSE))
		return false;
	return (x->encoding == ENCODING_F64 && x->width == 64) ||
	       (x->encoding == ENCODING_DECIMAL && x->scale <= SEGMENT_DECIMALS_MAX);
}

static bool encoding_fits(const struct segment_chunk *c, const struct segment_column *x)
{
	bool plain = x->flags == 0 && x->base == 0 && x->multiple == 1 && x->scale == 0;
	bool raw = plain && x->encoding == ENCODING_PACKED;
	if (x->number == COLUMN_PERSON)
		return raw && x->width == 64;
	if (x->number == COLUMN_START)
		return raw && x->width == 32;
	bool always = x->number == COLUMN_AT || x->number == COLUMN_RECEIVED; // stored even when all are 0
	if (x->n_present > c->n_rows || (x->n_present == 0 && !always))
		return false;
	switch (segment_column_type(x->number)) {
	case TYPE_COLD:
		return plain && x->encoding == ENCODING_BLOCKS && x->n_dict > 0 && x->width == 0;
	case TYPE_MEASURE:
		return measure_encoding_fits(c, x);
	case TYPE_INTEGER:
	default:
		return integer_encoding_fits(x, plain);
	}
}

static bool number_known(unsigned number)
{
	return number < COLUMN_CODE0 + CODE_COLUMNS ||
	       (number >= COLUMN_COLD0 && number <= COLUMN_IDENTITIES) ||
	       (number >= COLUMN_MEASURE0 && number < SEGMENT_COLUMNS);
}

static bool column_fits(
	const struct segment_chunk *c, const struct segment_column *x, uint64_t here, uint64_t end)
{
	if (!number_known(x->number) || c->index_of[x->number] || x->encoding >= ENCODINGS ||
		!bits_width_valid(x->width))
		return false;
	if (x->offset != here || x->length > end - here || x->length % SEGMENT_ALIGN || !encoding_fits(c, x))
		return false;
	if (x->encoding == ENCODING_BLOCKS)
		return x->length >= segment_region_length(16 * (uint64_t)x->n_dict);
	uint64_t content = bits_bytes(packed_values(c, x), x->width);
	if (x->flags & COLUMN_SPARSE)
		content += 8 * (uint64_t)segment_bitmap_words(c->n_rows);
	if (x->encoding == ENCODING_DICT)
		content += 8 * (uint64_t)x->n_dict;
	return x->length == segment_region_length(content);
}

// Position in the footer while it is checked.
struct parsing {
	struct segment *s;
	struct rd rd;
	uint64_t here, end; // where the next region must begin; where regions must end
	uint32_t n_columns; // so far
	uint64_t n_rows, n_persons;
};

static bool chunk_counts_fit(const struct parsing *p, const struct segment_chunk *c)
{
	return c->n_rows > 0 && c->n_rows <= CHUNK_ROWS_MAX && c->n_persons > 0 && c->n_persons <= c->n_rows &&
	       c->first_person <= c->last_person && c->first_ms <= c->last_ms &&
	       c->n_columns <= p->s->n_columns - p->n_columns && c->n_columns < SEGMENT_COLUMNS;
}

// The columns that every chunk has.
static bool chunk_complete(const struct segment_chunk *c)
{
	const struct segment_column *at = segment_column_get(c, COLUMN_AT);
	return segment_column_get(c, COLUMN_PERSON) && segment_column_get(c, COLUMN_START) && at &&
	       segment_column_get(c, COLUMN_RECEIVED) && at->min.i == c->first_ms && at->max.i == c->last_ms;
}

// Format 1 counted bytes.
static bool width_in_bits(const struct segment *s, struct segment_column *x)
{
	if (s->format > 1)
		return true;
	bool good = x->width <= 8;
	x->width = (uint8_t)(8 * x->width);
	return good;
}

static bool parse_chunk(struct parsing *p, uint32_t i)
{
	struct segment *s = p->s;
	struct segment_chunk *c = &s->chunks[i];
	if (!footer_get_chunk(&p->rd, c) || !chunk_counts_fit(p, c))
		return false;
	bool follows = i > 0 && s->chunks[i - 1].last_person == c->first_person;
	if (i > 0 && s->chunks[i - 1].last_person > c->first_person)
		return false;
	c->columns = s->columns + p->n_columns;
	c->first_touched = p->n_columns;
	for (uint32_t k = 0; k < c->n_columns; k++) {
		struct segment_column *x = &c->columns[k];
		if (!footer_get_column(&p->rd, x) || !width_in_bits(s, x) ||
			!column_fits(c, x, p->here, p->end))
			return false;
		c->index_of[x->number] = (uint8_t)(k + 1);
		p->here += x->length;
	}
	p->n_columns += c->n_columns;
	p->n_rows += c->n_rows;
	p->n_persons += c->n_persons - (follows ? 1u : 0u);
	return chunk_complete(c);
}

static bool parse_ids(struct parsing *p)
{
	struct segment *s = p->s;
	if (s->prefix_bits > IDS_PREFIX_BITS_MAX || s->n_ids > UINT32_MAX)
		return false;
	const uint64_t content[ID_REGIONS] = {ids_filter_bytes(s->info.n_rows),
		((1ull << s->prefix_bits) + 1) * 4, bits_bytes(s->n_ids, ids_key_width(s))};
	for (unsigned k = 0; k < ID_REGIONS; k++) {
		const struct segment_region *r = &s->ids[k];
		if (k == REGION_FILTER && s->format > 1) {
			if (r->offset || r->length || r->checksum)
				return false;
			continue;
		}
		if (r->offset != p->here || r->length > p->end - p->here ||
			r->length != segment_region_length(content[k]))
			return false;
		p->here += r->length;
	}
	return p->here == p->end;
}

static enum rc parse_footer(struct segment *s, struct sv footer, uint64_t footer_offset, struct err *e)
{
	struct parsing p = {.s = s, .rd = rd_new(footer), .here = SEGMENT_HEADER_BYTES, .end = footer_offset};
	struct footer_head h;
	if (!footer_get_head(&p.rd, &h))
		return open_corrupt(s, "the footer is too short", e);
	// What is counted must be there: this bounds the allocations below by the size of the file.
	if (h.info.n_chunks > SEGMENT_CHUNKS_MAX || h.info.n_rows > h.info.n_chunks * CHUNK_ROWS_MAX ||
		footer.len != FOOTER_HEAD_BYTES + h.info.n_chunks * FOOTER_CHUNK_BYTES +
				      (uint64_t)h.n_columns * FOOTER_COLUMN_BYTES)
		return open_corrupt(s, "the footer's length does not fit its contents", e);
	s->n_ids = h.n_ids;
	s->prefix_bits = h.prefix_bits;
	memcpy(s->ids, h.ids, sizeof s->ids);
	s->n_columns = h.n_columns;
	uint64_t bytes = s->info.bytes, checksum = s->info.checksum;
	s->info = h.info;
	s->info.bytes = bytes;
	s->info.checksum = checksum;
	s->chunks = mem_calloc((size_t)h.info.n_chunks, sizeof *s->chunks);
	s->columns = mem_calloc(h.n_columns, sizeof *s->columns);
	s->touched = mem_calloc(h.n_columns + (size_t)ID_REGIONS, sizeof *s->touched);
	if (!s->chunks || !s->columns || !s->touched)
		return err_set(e, RC_NOMEM, "out of memory for the directory of segment %s", s->name);
	for (uint32_t i = 0; i < h.info.n_chunks; i++)
		if (!parse_chunk(&p, i))
			return open_corrupt(s, "the footer describes a chunk that cannot be", e);
	if (p.n_columns != h.n_columns || p.n_rows != h.info.n_rows || p.n_persons != h.info.n_persons)
		return open_corrupt(s, "the footer's totals do not fit its chunks", e);
	if (!parse_ids(&p))
		return open_corrupt(s, "the footer describes an id section that cannot be", e);
	return RC_OK;
}

// Header and trailer; leaves the footer's place in *footer.
static enum rc parse_frame(struct segment *s, struct sv *footer, uint64_t *footer_offset, struct err *e)
{
	if (s->n_bytes < SEGMENT_HEADER_BYTES + FOOTER_HEAD_BYTES + SEGMENT_TRAILER_BYTES)
		return open_corrupt(s, "the file is too short", e);
	if (load_u64(s->bytes) != SEGMENT_MAGIC)
		return open_corrupt(s, "the file does not begin like a segment", e);
	if (load_u64(s->bytes + SEGMENT_HEADER_BYTES - 8) !=
		segment_checksum(s->bytes, SEGMENT_HEADER_BYTES - 8))
		return open_corrupt(s, "the header fails its checksum", e);
	uint32_t version = load_u32(s->bytes + 8);
	s->format = version;
	if (version == 0 || version > SEGMENT_FORMAT) {
		err_set(e, RC_VERSION, "segment %s is of format %u, this program knows %u", s->name, version,
			SEGMENT_FORMAT);
		err_remedy(e, "use the version of corridor that wrote it, or a newer one");
		return RC_VERSION;
	}
	const uint8_t *trailer = s->bytes + s->n_bytes - SEGMENT_TRAILER_BYTES;
	uint64_t offset = load_u64(trailer), length = load_u64(trailer + 8);
	if (load_u64(trailer + 24) != SEGMENT_TRAILER_MAGIC)
		return open_corrupt(s, "the file does not end like a segment (is it cut off?)", e);
	uint64_t end = s->n_bytes - SEGMENT_TRAILER_BYTES;
	if (offset > end || length != end - offset || offset < SEGMENT_HEADER_BYTES || offset % SEGMENT_ALIGN)
		return open_corrupt(s, "the trailer points outside the file", e);
	s->info.bytes = s->n_bytes;
	s->info.checksum = load_u64(trailer + 16);
	if (s->info.checksum != segment_checksum(s->bytes + offset, (size_t)length))
		return open_corrupt(s, "the footer fails its checksum", e);
	*footer = (struct sv){(const char *)s->bytes + offset, (size_t)length};
	*footer_offset = offset;
	return RC_OK;
}

static enum rc segment_parse(struct segment *s, struct err *e)
{
	struct sv footer;
	uint64_t offset;
	enum rc rc = parse_frame(s, &footer, &offset, e);
	return rc ? rc : parse_footer(s, footer, offset, e);
}

// --- a damaged frame ---

// A sound header says which format it is. Else the footer does: only format 1 has a filter.
static enum rc known_format(struct segment *s, uint64_t footer_offset, struct err *e)
{
	uint32_t version = load_u32(s->bytes + 8);
	bool sound = load_u64(s->bytes) == SEGMENT_MAGIC &&
		     load_u64(s->bytes + SEGMENT_HEADER_BYTES - 8) ==
			     segment_checksum(s->bytes, SEGMENT_HEADER_BYTES - 8);
	if (sound && (version == 0 || version > SEGMENT_FORMAT))
		return err_set(e, RC_VERSION, "segment %s is of format %u, this program knows %u", s->name,
			version, SEGMENT_FORMAT);
	struct rd rd = rd_new((struct sv){(const char *)s->bytes + footer_offset, FOOTER_HEAD_BYTES});
	struct footer_head h;
	if (!footer_get_head(&rd, &h))
		return open_corrupt(s, "the footer is too short", e);
	s->format = sound ? version : h.ids[REGION_FILTER].length > 0 ? 1 : 2;
	return RC_OK;
}

// Could the footer be these bytes? Asked before its checksum is, which takes longer.
static bool may_be_footer(
	const struct segment *s, uint64_t offset, uint64_t end, const struct segment_info *known)
{
	struct rd rd = rd_new((struct sv){(const char *)s->bytes + offset, (size_t)(end - offset)});
	struct footer_head h;
	return footer_get_head(&rd, &h) && h.info.n_rows == known->n_rows &&
	       h.info.n_chunks == known->n_chunks &&
	       end - offset == FOOTER_HEAD_BYTES + h.info.n_chunks * FOOTER_CHUNK_BYTES +
				       (uint64_t)h.n_columns * FOOTER_COLUMN_BYTES;
}

// Its end is known from the file's length, its beginning is at a multiple of 64 before that.
static enum rc known_footer(
	const struct segment *s, const struct segment_info *known, uint64_t *offset, struct err *e)
{
	const uint64_t least = SEGMENT_HEADER_BYTES + FOOTER_HEAD_BYTES;
	if (known->bytes < least + SEGMENT_TRAILER_BYTES || known->bytes - SEGMENT_TRAILER_BYTES > s->n_bytes ||
		known->n_chunks > SEGMENT_CHUNKS_MAX)
		return open_corrupt(s, "the file is too short", e);
	const uint64_t end = known->bytes - SEGMENT_TRAILER_BYTES;
	const uint64_t most = FOOTER_HEAD_BYTES +
			      known->n_chunks * (FOOTER_CHUNK_BYTES + SEGMENT_COLUMNS * FOOTER_COLUMN_BYTES);
	uint64_t at = (end - FOOTER_HEAD_BYTES) / SEGMENT_ALIGN * SEGMENT_ALIGN;
	for (; at >= SEGMENT_HEADER_BYTES && end - at <= most; at -= SEGMENT_ALIGN)
		if (may_be_footer(s, at, end, known) &&
			segment_checksum(s->bytes + at, (size_t)(end - at)) == known->checksum) {
			*offset = at;
			return RC_OK;
		}
	return open_corrupt(s, "the footer fails its checksum", e);
}

static enum rc segment_parse_known(struct segment *s, const struct segment_info *known, struct err *e)
{
	uint64_t offset = 0;
	enum rc rc = known_footer(s, known, &offset, e);
	if (!rc)
		rc = known_format(s, offset, e);
	if (rc)
		return rc;
	s->info.bytes = known->bytes;
	s->info.checksum = known->checksum;
	const uint64_t end = known->bytes - SEGMENT_TRAILER_BYTES;
	return parse_footer(s, (struct sv){(const char *)s->bytes + offset, (size_t)(end - offset)}, offset, e);
}

// --- opening and closing ---

static enum rc segment_map(struct segment *s, const char *path, struct err *e)
{
	int fd = s->io->open(s->io, path, IO_READ);
	if (fd < 0)
		return err_errno(
			e, errno == ENOENT ? RC_NOT_FOUND : RC_IO, errno, "cannot open segment %s", path);
	enum rc rc = RC_OK;
	int64_t size = s->io->size(s->io, fd);
	if (size < 0)
		rc = err_errno(e, RC_IO, errno, "cannot get the size of segment %s", path);
	else if (size == 0)
		rc = open_corrupt(s, "the file is empty", e);
	if (!rc) {
		void *p = s->io->map(s->io, fd, (size_t)size);
		if (!p || p == (void *)-1) { // MAP_FAILED
			rc = err_errno(e, RC_IO, errno, "cannot map segment %s", path);
		} else {
			s->mapped = p;
			s->bytes = p;
			s->n_bytes = (size_t)size;
		}
	}
	s->io->close(s->io, fd); // the mapping stays; nothing was written that closing could lose
	return rc;
}

// known NULL: the file tells all by itself.
static enum rc open_file(const struct io *io, const char *path, const struct segment_info *known,
	struct segment **out, struct err *e)
{
	*out = NULL;
	struct segment *s = mem_calloc(1, sizeof *s);
	if (!s)
		return err_set(e, RC_NOMEM, "out of memory for segment %s", path);
	s->magic = MAGIC_OPEN;
	s->io = io ? io : io_system();
	const char *slash = strrchr(path, '/');
	snprintf(s->name, sizeof s->name, "%s", slash ? slash + 1 : path);
	enum rc rc = segment_map(s, path, e);
	if (!rc)
		rc = known ? segment_parse_known(s, known, e) : segment_parse(s, e);
	if (rc)
		segment_close(&s);
	*out = s;
	return rc;
}

enum rc segment_open(const struct io *io, const char *path, struct segment **out, struct err *e)
{
	return open_file(io, path, NULL, out, e);
}

enum rc segment_open_known(const struct io *io, const char *path, const struct segment_info *known,
	struct segment **out, struct err *e)
{
	return open_file(io, path, known, out, e);
}

enum rc segment_open_memory(uint8_t *bytes, size_t n, struct segment **out, struct err *e)
{
	*out = NULL;
	struct segment *s = mem_calloc(1, sizeof *s);
	if (!s) {
		mem_free(bytes);
		return err_set(e, RC_NOMEM, "out of memory for a segment in memory");
	}
	s->magic = MAGIC_OPEN;
	s->owned = bytes;
	s->bytes = bytes;
	s->n_bytes = n;
	snprintf(s->name, sizeof s->name, "(in memory)");
	enum rc rc = segment_parse(s, e);
	if (rc)
		segment_close(&s);
	*out = s;
	return rc;
}

void segment_close(struct segment **out)
{
	struct segment *s = *out;
	if (!s)
		return;
	assert(s->magic == MAGIC_OPEN);
	s->magic = 0;
	if (s->mapped)
		s->io->unmap(s->io, s->mapped, s->n_bytes);
	mem_free(s->owned);
	mem_free(s->chunks);
	mem_free(s->columns);
	mem_free(s->touched);
	mem_free(s);
	*out = NULL;
}

void segment_forget(const struct segment *s, uint64_t from, uint64_t to)
{
	const uint64_t page = 65536;
	if (!s->mapped || s->io != io_system())
		return;
	from = (from + page - 1) / page * page;
	to = to < s->n_bytes ? to / page * page : s->n_bytes;
	if (from < to)
		madvise((uint8_t *)s->mapped + from, (size_t)(to - from), MADV_DONTNEED);
}

void segment_chunk_forget(const struct segment *s, uint32_t chunk)
{
	const struct segment_chunk *c = &s->chunks[chunk];
	const struct segment_column *last = &c->columns[c->n_columns - 1];
	segment_forget(s, c->columns[0].offset, last->offset + last->length);
}

void segment_info_get(const struct segment *s, struct segment_info *out)
{
	*out = s->info;
}

// --- first touch ---

static bool persons_sound(const struct segment *s, const struct segment_chunk *c)
{
	const uint64_t *p = chunk_persons(s, c);
	bool ascending = p[0] == c->first_person && p[c->n_persons - 1] == c->last_person;
	for (uint32_t i = 1; i < c->n_persons; i++)
		ascending &= p[i - 1] < p[i];
	return ascending;
}

static bool starts_sound(const struct segment *s, const struct segment_chunk *c)
{
	const uint32_t *p = chunk_starts(s, c);
	bool ascending = p[0] == 0 && p[c->n_persons] == c->n_rows;
	for (uint32_t i = 0; i < c->n_persons; i++)
		ascending &= p[i] < p[i + 1];
	return ascending;
}

static bool bitmap_sound(const struct segment *s, const struct segment_chunk *c, const struct segment_column *x)
{
	const uint8_t *bits = s->bytes + x->offset;
	uint32_t words = segment_bitmap_words(c->n_rows), n = 0;
	for (uint32_t i = 0; i < words; i++)
		n += (uint32_t)__builtin_popcountll(load_u64(bits + 8 * (size_t)i));
	uint64_t last = load_u64(bits + 8 * (size_t)(words - 1));
	return n == x->n_present && (c->n_rows % 64 == 0 || last >> (c->n_rows % 64) == 0);
}

static bool dict_sound(const struct segment *s, const struct segment_chunk *c, const struct segment_column *x)
{
	const uint8_t *p = s->bytes + x->offset + 8 * (size_t)x->n_dict;
	uint64_t max = 0;
	for (uint32_t i = 0; x->width && i < c->n_rows; i++) {
		uint64_t index = bits_get(p, x->width, i);
		max = index > max ? index : max;
	}
	return max < x->n_dict;
}

static bool column_sound(const struct segment *s, const struct segment_chunk *c, const struct segment_column *x)
{
	if (x->number == COLUMN_PERSON)
		return persons_sound(s, c);
	if (x->number == COLUMN_START)
		return starts_sound(s, c);
	if (x->encoding == ENCODING_BLOCKS)
		return cold_region_sound(s, c, x);
	if (x->encoding == ENCODING_DICT)
		return dict_sound(s, c, x);
	return !(x->flags & COLUMN_SPARSE) || bitmap_sound(s, c, x);
}

enum rc segment_touch(const struct segment *s, uint32_t chunk, const struct segment_column *x, struct err *e)
{
	const struct segment_chunk *c = &s->chunks[chunk];
	_Atomic uint8_t *touched = &s->touched[c->first_touched + (uint32_t)(x - c->columns)];
	if (atomic_load_explicit(touched, memory_order_relaxed))
		return RC_OK;
	if (segment_checksum(s->bytes + x->offset, (size_t)x->length) != x->checksum)
		return segment_corrupt(s, chunk, x->number, "fails its checksum", e);
	if (!column_sound(s, c, x))
		return segment_corrupt(s, chunk, x->number, "contradicts itself", e);
	atomic_store_explicit(touched, 1, memory_order_relaxed);
	return RC_OK;
}

static bool prefix_sound(const struct segment *s)
{
	const uint32_t *prefix = (const uint32_t *)(const void *)(s->bytes + s->ids[REGION_PREFIX].offset);
	uint64_t n = 1ull << s->prefix_bits;
	bool ascending = prefix[0] == 0 && prefix[n] == s->n_ids;
	for (uint64_t i = 0; i < n; i++)
		ascending &= prefix[i] <= prefix[i + 1];
	return ascending;
}

// segment_checksum of a region that may be large: what was read need not stay.
static uint64_t region_checksum(const struct segment *s, const struct segment_region *r)
{
	const uint64_t forget = 64ull << 20; // a multiple of the checksum's pieces
	uint64_t sum = 0, at = 0;
	do {
		uint64_t piece =
			r->length - at < SEGMENT_CHECKSUM_PIECE ? r->length - at : SEGMENT_CHECKSUM_PIECE;
		sum = hash64_seed(s->bytes + r->offset + at, (size_t)piece, sum);
		at += piece;
		if (at % forget == 0)
			segment_forget(s, r->offset + at - forget, r->offset + at);
	} while (at < r->length);
	return sum;
}

enum rc segment_touch_ids(const struct segment *s, struct err *e)
{
	_Atomic uint8_t *touched = &s->touched[s->n_columns];
	if (atomic_load_explicit(touched, memory_order_relaxed))
		return RC_OK;
	for (unsigned k = 0; k < ID_REGIONS; k++)
		if (s->ids[k].length > 0 && region_checksum(s, &s->ids[k]) != s->ids[k].checksum)
			return open_corrupt(s, "the id section fails its checksum", e);
	if (!prefix_sound(s))
		return open_corrupt(s, "the id section contradicts itself", e);
	atomic_store_explicit(touched, 1, memory_order_relaxed);
	return RC_OK;
}

uint32_t segment_chunk_find(const struct segment *s, uint64_t key)
{
	uint32_t lo = 0, hi = (uint32_t)s->info.n_chunks;
	// Keys are hashes, so chunks cut their range into about equal parts: begin near where the key should be.
	uint32_t guess = (uint32_t)((key >> 32) * hi >> 32), step = 1;
	if (hi == 0 || s->chunks[guess].last_person < key) {
		lo = hi ? guess + 1 : 0;
		while (lo + step < hi && s->chunks[lo + step - 1].last_person < key) {
			lo += step;
			step *= 2;
		}
		hi = lo + step < hi ? lo + step : hi;
	} else {
		hi = guess;
		while (hi > step && s->chunks[hi - step].last_person >= key) {
			hi -= step;
			step *= 2;
		}
		lo = hi > step ? hi - step : 0;
	}
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (s->chunks[mid].last_person < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}
