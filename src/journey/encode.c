// SPDX-License-Identifier: Apache-2.0
// Encoders of segment columns. Each tries the encodings that fit, computes their sizes from one pass over the
// values and writes the smallest. Invariants: decoding gives back every bit (doubles too: -0.0 and 0.1 differ from
// what an integer over a power of ten gives unless the quotient is the very same double); subtraction and addition
// are modulo 2^64, so the whole range of int64 is covered.
#include "base/hash.h"
#include "journey/bits.h"
#include "journey/segment.h"

#include <math.h>

#define DICT_MAX 4096u    // distinct values
#define DICT_SLOTS 8192u  // of the hash table that finds them; a power of two
#define MULTIPLE_SAVES 4u // bits: a multiple costs a multiplication per value, so it must be worth it

uint64_t segment_checksum(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	uint64_t sum = 0;
	do {
		size_t piece = n < SEGMENT_CHECKSUM_PIECE ? n : SEGMENT_CHECKSUM_PIECE;
		sum = hash64_seed(p, piece, sum);
		p += piece;
		n -= piece;
	} while (n > 0);
	return sum;
}

double segment_power_of_ten(unsigned scale)
{
	static const double powers[SEGMENT_DECIMALS_MAX + 1] = {1, 10, 100, 1e3, 1e4, 1e5, 1e6};
	return powers[scale];
}

// How values pack: base + packed × multiple.
struct packing {
	int64_t base;
	uint64_t multiple;
	unsigned width;
	uint64_t bytes;
};

static uint64_t common_divisor(const int64_t *v, uint32_t n, int64_t base)
{
	uint64_t g = 0;
	for (uint32_t i = 0; i < n && g != 1; i++) {
		uint64_t d = (uint64_t)v[i] - (uint64_t)base;
		while (d) {
			uint64_t rest = g % d;
			if (g == 0) {
				g = d;
				break;
			}
			g = d;
			d = rest;
		}
	}
	return g ? g : 1;
}

static void range_of(const int64_t *v, uint32_t n, int64_t *min, int64_t *max)
{
	int64_t lo = n ? v[0] : 0, hi = lo;
	for (uint32_t i = 1; i < n; i++) {
		lo = v[i] < lo ? v[i] : lo;
		hi = v[i] > hi ? v[i] : hi;
	}
	*min = lo;
	*max = hi;
}

static struct packing packing_of(const int64_t *v, uint32_t n)
{
	int64_t min, max;
	range_of(v, n, &min, &max);
	uint64_t range = (uint64_t)max - (uint64_t)min;
	struct packing p = {.base = min, .multiple = 1, .width = bits_width(range)};
	if (p.width > MULTIPLE_SAVES) {
		uint64_t g = common_divisor(v, n, min);
		if (bits_width(range / g) + MULTIPLE_SAVES <= p.width) {
			p.width = bits_width(range / g);
			p.multiple = g;
		}
	}
	p.bytes = bits_bytes(n, p.width);
	return p;
}

static void pack(
	struct buf *out, struct segment_column *column, const struct packing *p, const int64_t *v, uint32_t n)
{
	column->base = p->base;
	column->multiple = p->multiple;
	column->width = (uint8_t)p->width;
	uint8_t *to = buf_reserve(out, (size_t)p->bytes + 8);
	if (!to)
		return;
	struct bits_writer w = {.to = to};
	for (uint32_t i = 0; p->width && i < n; i++) {
		uint64_t d = (uint64_t)v[i] - (uint64_t)p->base;
		bits_put(&w, p->multiple == 1 ? d : d / p->multiple, p->width);
	}
	bits_flush(&w);
	out->len += (size_t)p->bytes;
}

static void put_bitmap(struct buf *out, const uint32_t *row, uint32_t n_present, uint32_t n_rows)
{
	size_t bytes = 8 * (size_t)segment_bitmap_words(n_rows);
	uint8_t *bits = buf_reserve(out, bytes);
	if (!bits)
		return;
	memset(bits, 0, bytes);
	for (uint32_t i = 0; i < n_present; i++)
		bits[row[i] / 8] |= (uint8_t)(1u << (row[i] % 8));
	out->len += bytes;
}

// --- dictionaries of few distinct values ---

struct dict_build {
	uint16_t slot[DICT_SLOTS]; // index + 1
	int64_t values[DICT_MAX];
	uint32_t n;
};

// Index of v, added if new; DICT_MAX when there are too many.
static uint32_t dict_index(struct dict_build *d, int64_t v)
{
	uint64_t h = ((uint64_t)v * 0x9E3779B97F4A7C15ull) >> 40;
	for (;; h++) {
		uint16_t *slot = &d->slot[h % DICT_SLOTS];
		if (*slot && d->values[*slot - 1] == v)
			return *slot - 1u;
		if (*slot)
			continue;
		if (d->n == DICT_MAX)
			return DICT_MAX;
		d->values[d->n++] = v;
		*slot = (uint16_t)d->n;
		return d->n - 1;
	}
}

// Tries a dictionary; true when it was written because it is smaller than `limit` bytes.
static bool encode_dict(struct buf *out, struct segment_column *column, const int64_t *v, uint32_t n,
	uint64_t limit, int64_t *scratch)
{
	struct dict_build d = {.n = 0};
	for (uint32_t i = 0; i < n; i++) {
		uint32_t index = dict_index(&d, v[i]);
		if (index == DICT_MAX)
			return false;
		scratch[i] = index;
	}
	struct packing p = {.multiple = 1, .width = bits_width(d.n - 1)};
	p.bytes = bits_bytes(n, p.width);
	if (8 * (uint64_t)d.n + p.bytes >= limit)
		return false;
	column->encoding = ENCODING_DICT;
	column->n_dict = d.n;
	buf_put(out, d.values, 8 * (size_t)d.n);
	pack(out, column, &p, scratch, n);
	return true;
}

// --- columns ---

// Only the rows that have a value, if that is smaller than `limit`.
static bool encode_sparse(struct buf *out, struct segment_column *column, const int64_t *v, uint32_t n,
	int64_t absent, uint64_t limit, int64_t *scratch)
{
	uint32_t m = 0;
	for (uint32_t i = 0; i < n; i++)
		if (v[i] != absent)
			scratch[m++] = v[i];
	struct packing p = packing_of(scratch, m);
	uint64_t bitmap = 8 * (uint64_t)segment_bitmap_words(n);
	if (bitmap + p.bytes >= limit)
		return false;
	column->flags |= COLUMN_SPARSE;
	uint8_t *bits = buf_reserve(out, (size_t)bitmap);
	if (!bits)
		return true;
	memset(bits, 0, (size_t)bitmap);
	for (uint32_t i = 0; i < n; i++)
		bits[i / 8] |= (uint8_t)((unsigned)(v[i] != absent) << (i % 8));
	out->len += (size_t)bitmap;
	pack(out, column, &p, scratch, m);
	return true;
}

void encode_integers(struct buf *out, struct segment_column *column, const int64_t *v, uint32_t n,
	int64_t absent, const int64_t *at, int64_t *scratch)
{
	size_t start = out->len;
	column->encoding = ENCODING_PACKED;
	range_of(v, n, &column->min.i, &column->max.i);
	for (uint32_t i = 0; i < n; i++)
		column->n_present += v[i] != absent;
	struct packing plain = packing_of(v, n);
	bool done = false;
	if (at && plain.width > 8) {
		for (uint32_t i = 0; i < n; i++)
			scratch[i] = (int64_t)((uint64_t)v[i] - (uint64_t)at[i]);
		struct packing relative = packing_of(scratch, n);
		uint64_t best = relative.bytes < plain.bytes ? relative.bytes : plain.bytes;
		done = encode_dict(out, column, v, n, best, scratch);
		if (!done && relative.bytes < plain.bytes) {
			for (uint32_t i = 0; i < n; i++) // encode_dict used the scratch
				scratch[i] = (int64_t)((uint64_t)v[i] - (uint64_t)at[i]);
			column->flags |= COLUMN_FROM_AT;
			pack(out, column, &relative, scratch, n);
			done = true;
		}
	}
	if (!done && column->n_present < n && plain.width > 0)
		done = encode_sparse(out, column, v, n, absent, plain.bytes, scratch);
	if (!done)
		pack(out, column, &plain, v, n);
	encode_finish(out, column, start);
}

// v as an integer over 10^scale, if that gives back the very same double.
static bool decimal_of(double v, double power, int64_t *out)
{
	double scaled = v * power;
	if (!(fabs(scaled) <= 9007199254740992.0)) // 2^53; NaN fails too
		return false;
	int64_t m = (int64_t)(scaled + copysign(0.5, scaled));
	double back = (double)m / power;
	*out = m;
	return memcmp(&back, &v, sizeof v) == 0;
}

// The smallest scale that fits all values, with the integers in `out`; false when none does.
static bool decimals_of(const double *value, uint32_t n, uint8_t *scale, int64_t *out)
{
	uint32_t good = 0; // values [0, good) fit *scale
	*scale = 0;
	while (good < n) {
		if (decimal_of(value[good], segment_power_of_ten(*scale), &out[good])) {
			good++;
			continue;
		}
		if (*scale == SEGMENT_DECIMALS_MAX)
			return false;
		++*scale;
		good = 0;
	}
	return true;
}

void encode_measure(struct buf *out, struct segment_column *column, const uint32_t *row, const double *value,
	uint32_t n_present, uint32_t n_rows, int64_t *scratch)
{
	size_t start = out->len;
	column->n_present = n_present;
	column->min.d = (double)INFINITY;
	column->max.d = -(double)INFINITY;
	for (uint32_t i = 0; i < n_present; i++) {
		column->min.d = value[i] < column->min.d ? value[i] : column->min.d;
		column->max.d = value[i] > column->max.d ? value[i] : column->max.d;
	}
	if (n_present < n_rows) {
		column->flags |= COLUMN_SPARSE;
		put_bitmap(out, row, n_present, n_rows);
	}
	struct packing p = {.width = 64};
	if (decimals_of(value, n_present, &column->scale, scratch))
		p = packing_of(scratch, n_present);
	if (p.width < 64) {
		column->encoding = ENCODING_DECIMAL;
		pack(out, column, &p, scratch, n_present);
	} else {
		column->encoding = ENCODING_F64;
		column->scale = 0;
		column->multiple = 1;
		column->width = 64;
		buf_put(out, value, 8 * (size_t)n_present);
	}
	encode_finish(out, column, start);
}

void encode_raw(struct buf *out, struct segment_column *column, const void *values, uint32_t n, unsigned bytes)
{
	size_t start = out->len;
	column->encoding = ENCODING_PACKED;
	column->width = (uint8_t)(8 * bytes);
	column->multiple = 1;
	column->n_present = n;
	buf_put(out, values, (size_t)bytes * n);
	encode_finish(out, column, start);
}

void encode_finish(struct buf *out, struct segment_column *column, size_t start)
{
	size_t content = out->len - start, length = (size_t)segment_region_length(content);
	uint8_t *padding = buf_reserve(out, length - content);
	if (!padding)
		return;
	memset(padding, 0, length - content);
	out->len += length - content;
	column->length = length;
	column->checksum = segment_checksum(out->data + start, length);
}
