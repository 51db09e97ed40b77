// SPDX-License-Identifier: Apache-2.0
// Decoding of packed numbers. Eight numbers of w bits take w bytes, so the places of numbers within groups of eight
// repeat: one byte shuffle and one shift per vector bring them to their lanes, with the same patterns for all groups
// (in the manner of Lemire & Boytsov 2015, for numbers that lie one after another). With AVX-512 one shuffle brings eight
// or sixteen numbers to their lanes. What begins or ends inside a group is done one by one.
//
// Invariant: at most 8 bytes after the byte in which the last number ends are read.
#include "journey/bits.h"

static void read_u64(
	const uint8_t *p, unsigned width, uint32_t first, uint32_t n, uint64_t base, uint64_t *restrict out)
{
	uint64_t bit = (uint64_t)first * width, mask = bits_mask(width);
	for (uint32_t i = 0; i < n; i++, bit += width) {
		uint64_t v;
		memcpy(&v, p + bit / 8, sizeof v);
		out[i] = base + (v >> (bit % 8) & mask);
	}
}

static void read_u32(
	const uint8_t *p, unsigned width, uint32_t first, uint32_t n, uint32_t base, uint32_t *restrict out)
{
	uint64_t bit = (uint64_t)first * width, mask = bits_mask(width);
	for (uint32_t i = 0; i < n; i++, bit += width) {
		uint64_t v;
		memcpy(&v, p + bit / 8, sizeof v);
		out[i] = base + (uint32_t)(v >> (bit % 8) & mask);
	}
}

#if defined(__x86_64__)
#include <immintrin.h>

// How many of n numbers whole groups make up that may be read by 16-byte loads, the last of which begins `last` bytes
// into its group.
static uint32_t groups_of_eight(unsigned width, uint32_t n, unsigned last)
{
	uint64_t readable = bits_bytes(n, width) + 8;
	if (readable < last + 16)
		return 0;
	uint64_t groups = (readable - last - 16) / width + 1;
	return groups < n / 8 ? (uint32_t)groups * 8 : n / 8 * 8;
}

// For numbers 2k and 2k + 1 of a group: the byte in which the first begins, and the bytes and shifts of both from there.
struct pair {
	unsigned byte, shift[2];
	uint8_t bytes[16];
};

static struct pair pair_of(unsigned width, unsigned k)
{
	unsigned first = 2 * k * width, second = first + width;
	struct pair p = {.byte = first / 8, .shift = {first % 8, second % 8}};
	for (unsigned i = 0; i < 8; i++) {
		p.bytes[i] = (uint8_t)i;
		p.bytes[8 + i] = (uint8_t)(second / 8 - p.byte + i);
	}
	return p;
}

struct lanes {
	__m256i bytes, shift;
};

__attribute__((target("avx2"))) static struct lanes lanes_of(const struct pair *a, const struct pair *b)
{
	return (struct lanes){_mm256_set_m128i(_mm_loadu_si128((const __m128i *)(const void *)b->bytes),
				      _mm_loadu_si128((const __m128i *)(const void *)a->bytes)),
		_mm256_set_epi64x(b->shift[1], b->shift[0], a->shift[1], a->shift[0])};
}

__attribute__((target("avx2"))) static inline __m256i two_loads(const uint8_t *low, const uint8_t *high)
{
	__m128i l = _mm_loadu_si128((const __m128i *)(const void *)low);
	return _mm256_inserti128_si256(
		_mm256_castsi128_si256(l), _mm_loadu_si128((const __m128i *)(const void *)high), 1);
}

// Numbers from a byte boundary, width 1 to 57. Returns how many were read.
__attribute__((target("avx2"))) static uint32_t read_u64_avx2(
	const uint8_t *p, unsigned width, uint32_t n, uint64_t base, uint64_t *restrict out)
{
	const struct pair a = pair_of(width, 0), b = pair_of(width, 1), c = pair_of(width, 2),
			  d = pair_of(width, 3);
	const struct lanes low = lanes_of(&a, &b), high = lanes_of(&c, &d);
	const __m256i mask = _mm256_set1_epi64x((int64_t)bits_mask(width)),
		      bases = _mm256_set1_epi64x((int64_t)base);
	uint32_t whole = groups_of_eight(width, n, d.byte);
	for (uint32_t i = 0; i < whole; i += 8, p += width) {
		__m256i x = _mm256_shuffle_epi8(two_loads(p, p + b.byte), low.bytes);
		__m256i y = _mm256_shuffle_epi8(two_loads(p + c.byte, p + d.byte), high.bytes);
		x = _mm256_and_si256(_mm256_srlv_epi64(x, low.shift), mask);
		y = _mm256_and_si256(_mm256_srlv_epi64(y, high.shift), mask);
		_mm256_storeu_si256((__m256i *)(void *)(out + i), _mm256_add_epi64(x, bases));
		_mm256_storeu_si256((__m256i *)(void *)(out + i + 4), _mm256_add_epi64(y, bases));
	}
	return whole;
}

#define QUAD_WIDTH_MAX 25u // four numbers and the bits before them lie in 4 bytes each

__attribute__((target("avx2"))) static uint32_t read_u32_avx2(
	const uint8_t *p, unsigned width, uint32_t n, uint32_t base, uint32_t *restrict out)
{
	unsigned half = 4 * width / 8; // where the fifth number begins
	uint8_t bytes[32];
	uint32_t shifts[8];
	for (unsigned k = 0; k < 8; k++) {
		unsigned bit = k * width, byte = bit / 8 - (k < 4 ? 0 : half);
		shifts[k] = bit % 8;
		for (unsigned i = 0; i < 4; i++)
			bytes[4 * k + i] = (uint8_t)(byte + i);
	}
	const __m256i places = _mm256_loadu_si256((const __m256i *)(const void *)bytes),
		      shift = _mm256_loadu_si256((const __m256i *)(const void *)shifts),
		      mask = _mm256_set1_epi32((int32_t)bits_mask(width)),
		      bases = _mm256_set1_epi32((int32_t)base);
	uint32_t whole = groups_of_eight(width, n, half);
	for (uint32_t i = 0; i < whole; i += 8, p += width) {
		__m256i x = _mm256_shuffle_epi8(two_loads(p, p + half), places);
		x = _mm256_and_si256(_mm256_srlv_epi32(x, shift), mask);
		_mm256_storeu_si256((__m256i *)(void *)(out + i), _mm256_add_epi32(x, bases));
	}
	return whole;
}

#define FETCH_AHEAD 1024 // bytes: what a processor fetches by itself ends with each page of memory
#define AVX512 "avx512f,avx512bw,avx512vbmi"

// Which bytes hold each number of as many as fill a vector, `size` bytes for each.
static void places_make(uint8_t bytes[64], unsigned size, unsigned width)
{
	for (unsigned i = 0; i < 64; i++)
		bytes[i] = (uint8_t)(i / size * width / 8 + i % size);
}

// As read_u64_avx2: eight numbers are `width` bytes, and no others are read.
__attribute__((target(AVX512))) static uint32_t read_u64_avx512(
	const uint8_t *p, unsigned width, uint32_t n, uint64_t base, uint64_t *restrict out)
{
	uint8_t bytes[64];
	uint64_t shifts[8];
	places_make(bytes, 8, width);
	for (unsigned k = 0; k < 8; k++)
		shifts[k] = k * width % 8;
	const __m512i places = _mm512_loadu_si512(bytes), shift = _mm512_loadu_si512(shifts),
		      mask = _mm512_set1_epi64((int64_t)bits_mask(width)),
		      bases = _mm512_set1_epi64((int64_t)base);
	const __mmask64 group = bits_mask(width);
	for (uint32_t i = 0; i + 8 <= n; i += 8, p += width) {
		__builtin_prefetch(p + FETCH_AHEAD);
		__m512i x = _mm512_permutexvar_epi8(places, _mm512_maskz_loadu_epi8(group, p));
		x = _mm512_and_si512(_mm512_srlv_epi64(x, shift), mask);
		_mm512_storeu_si512(out + i, _mm512_add_epi64(x, bases));
	}
	return n / 8 * 8;
}

// Sixteen numbers of at most QUAD_WIDTH_MAX bits, twice `width` bytes.
__attribute__((target(AVX512))) static uint32_t read_u32_avx512(
	const uint8_t *p, unsigned width, uint32_t n, uint32_t base, uint32_t *restrict out)
{
	uint8_t bytes[64];
	uint32_t shifts[16];
	places_make(bytes, 4, width);
	for (unsigned k = 0; k < 16; k++)
		shifts[k] = k * width % 8;
	const __m512i places = _mm512_loadu_si512(bytes), shift = _mm512_loadu_si512(shifts),
		      mask = _mm512_set1_epi32((int32_t)bits_mask(width)),
		      bases = _mm512_set1_epi32((int32_t)base);
	const __mmask64 group = bits_mask(2 * width);
	for (uint32_t i = 0; i + 16 <= n; i += 16, p += 2 * width) {
		__m512i x = _mm512_permutexvar_epi8(places, _mm512_maskz_loadu_epi8(group, p));
		x = _mm512_and_si512(_mm512_srlv_epi32(x, shift), mask);
		_mm512_storeu_si512(out + i, _mm512_add_epi32(x, bases));
	}
	return n / 16 * 16;
}

#else
#define QUAD_WIDTH_MAX 25u

static uint32_t read_u64_avx2(const uint8_t *p, unsigned width, uint32_t n, uint64_t base, uint64_t *out)
{
	(void)p, (void)width, (void)n, (void)base, (void)out;
	return 0;
}

static uint32_t read_u32_avx2(const uint8_t *p, unsigned width, uint32_t n, uint32_t base, uint32_t *out)
{
	(void)p, (void)width, (void)n, (void)base, (void)out;
	return 0;
}
#define read_u64_avx512 read_u64_avx2
#define read_u32_avx512 read_u32_avx2
#endif

// Numbers before the next group of eight.
static uint32_t before_group(uint32_t first, uint32_t n)
{
	uint32_t m = (8 - first % 8) % 8;
	return m < n ? m : n;
}

void bits_read_u64_by(enum vectors v, const uint8_t *p, unsigned width, uint32_t first, uint32_t n,
	uint64_t base, uint64_t *out)
{
	if (width == 0) {
		for (uint32_t i = 0; i < n; i++)
			out[i] = base;
		return;
	}
	if (width == 64) {
		for (uint32_t i = 0; i < n; i++) {
			uint64_t x;
			memcpy(&x, p + 8 * ((uint64_t)first + i), sizeof x);
			out[i] = base + x;
		}
		return;
	}
	uint32_t done = v == VECTORS_NONE ? 0 : before_group(first, n);
	read_u64(p, width, first, done, base, out);
	const uint8_t *group = p + ((uint64_t)first + done) / 8 * width;
	if (v == VECTORS_AVX512)
		done += read_u64_avx512(group, width, n - done, base, out + done);
	else if (v == VECTORS_AVX2 && done < n)
		done += read_u64_avx2(group, width, n - done, base, out + done);
	read_u64(p, width, first + done, n - done, base, out + done);
}

void bits_read_u32_by(enum vectors v, const uint8_t *p, unsigned width, uint32_t first, uint32_t n,
	uint32_t base, uint32_t *out)
{
	if (width == 0) {
		for (uint32_t i = 0; i < n; i++)
			out[i] = base;
		return;
	}
	v = width <= QUAD_WIDTH_MAX ? v : VECTORS_NONE;
	uint32_t done = v == VECTORS_NONE ? 0 : before_group(first, n);
	read_u32(p, width, first, done, base, out);
	const uint8_t *group = p + ((uint64_t)first + done) / 8 * width;
	if (v == VECTORS_AVX512)
		done += read_u32_avx512(group, width, n - done, base, out + done);
	else if (v == VECTORS_AVX2 && done < n)
		done += read_u32_avx2(group, width, n - done, base, out + done);
	read_u32(p, width, first + done, n - done, base, out + done);
}

void bits_read_u64(const uint8_t *p, unsigned width, uint32_t first, uint32_t n, uint64_t base, uint64_t *out)
{
	bits_read_u64_by(vectors_have(), p, width, first, n, base, out);
}

void bits_read_u32(const uint8_t *p, unsigned width, uint32_t first, uint32_t n, uint32_t base, uint32_t *out)
{
	bits_read_u32_by(vectors_have(), p, width, first, n, base, out);
}
