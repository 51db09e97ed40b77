// SPDX-License-Identifier: Apache-2.0
// How many rows of a word are marked is as good as random: no branch depends on it.
#include "journey/marks.h"

static uint64_t load_word(const uint8_t *bytes, uint32_t w)
{
	uint64_t word;
	memcpy(&word, bytes + 8 * (size_t)w, sizeof word);
	return word;
}

// Of word w the marks in [first, end).
static inline uint64_t word_within(uint64_t word, uint32_t w, uint32_t first, uint32_t end)
{
	if (w == first / 64)
		word &= UINT64_MAX << (first % 64);
	if (end - w * 64 < 64)
		word &= (1ull << (end - w * 64)) - 1;
	return word;
}

// --- equal codes ---

// Rows from `first` on, which begins a word.
static void equal_plain(const uint32_t *code, uint32_t first, uint32_t n, const uint32_t *wanted,
	uint32_t n_wanted, struct mark *marks)
{
	for (; first < n; first += 64) {
		uint32_t m = n - first < 64 ? n - first : 64;
		for (uint32_t k = 0; k < n_wanted; k++) {
			uint64_t word = 0;
			for (uint32_t i = 0; i < m; i++)
				word |= (uint64_t)(code[first + i] == wanted[k]) << i;
			marks[k].words[first / 64] = word;
		}
	}
}

#if defined(__x86_64__)
#include <immintrin.h>

// Which of 16 codes are x.
static inline uint64_t equal_16(const uint32_t *code, __m128i x)
{
	const __m128i *p = (const __m128i *)(const void *)code;
	__m128i a = _mm_cmpeq_epi32(_mm_loadu_si128(p), x), b = _mm_cmpeq_epi32(_mm_loadu_si128(p + 1), x);
	__m128i c = _mm_cmpeq_epi32(_mm_loadu_si128(p + 2), x), d = _mm_cmpeq_epi32(_mm_loadu_si128(p + 3), x);
	return (uint64_t)_mm_movemask_epi8(_mm_packs_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d)));
}

// With what every such processor has. Returns how many rows it did: whole words.
static uint32_t equal_sse2(
	const uint32_t *code, uint32_t n, const uint32_t *wanted, uint32_t n_wanted, struct mark *marks)
{
	for (uint32_t first = 0; first + 64 <= n; first += 64)
		for (uint32_t k = 0; k < n_wanted; k++) {
			__m128i x = _mm_set1_epi32((int)wanted[k]);
			uint64_t word = 0;
			for (uint32_t i = 0; i < 64; i += 16)
				word |= equal_16(code + first + i, x) << i;
			marks[k].words[first / 64] = word;
		}
	return n / 64 * 64;
}

#define AVX512 "avx512f,avx512bw,popcnt"

__attribute__((target(AVX512))) static uint32_t equal_avx512(
	const uint32_t *code, uint32_t n, const uint32_t *wanted, uint32_t n_wanted, struct mark *marks)
{
	for (uint32_t first = 0; first + 64 <= n; first += 64) {
		const __m512i a = _mm512_loadu_si512(code + first), b = _mm512_loadu_si512(code + first + 16),
			      c = _mm512_loadu_si512(code + first + 32),
			      d = _mm512_loadu_si512(code + first + 48);
		for (uint32_t k = 0; k < n_wanted; k++) {
			__m512i x = _mm512_set1_epi32((int)wanted[k]);
			__mmask32 low =
				_mm512_kunpackw(_mm512_cmpeq_epi32_mask(b, x), _mm512_cmpeq_epi32_mask(a, x));
			__mmask32 high =
				_mm512_kunpackw(_mm512_cmpeq_epi32_mask(d, x), _mm512_cmpeq_epi32_mask(c, x));
			marks[k].words[first / 64] = _mm512_kunpackd(high, low);
		}
	}
	return n / 64 * 64;
}

// Sixteen rows at a time: those that are marked come first. Compressed in a register: into memory it would be slow.
__attribute__((target(AVX512))) static uint32_t list_avx512(const uint64_t *any, uint32_t n_words,
	const struct mark *marks, uint32_t n_marks, const struct marks_list *to)
{
	const __m512i numbers = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
	uint32_t found = 0;
	for (uint32_t w = 0; w < n_words; w++) {
		const uint64_t word = any[w];
		to->before[w] = found;
		for (uint32_t i = 0; word && i < 64; i += 16) {
			const __mmask16 some = (__mmask16)(word >> i);
			__m512i row = _mm512_add_epi32(numbers, _mm512_set1_epi32((int)(w * 64 + i)));
			_mm512_storeu_si512(to->row + found, _mm512_maskz_compress_epi32(some, row));
			__m512i bits = _mm512_setzero_si512();
			for (uint32_t k = 0; k < n_marks; k++)
				bits = _mm512_mask_or_epi32(bits, (__mmask16)(marks[k].words[w] >> i), bits,
					_mm512_set1_epi32((int)marks[k].bits));
			if (n_marks)
				_mm512_storeu_si512(to->bits + found, _mm512_maskz_compress_epi32(some, bits));
			found += (uint32_t)__builtin_popcount(some);
		}
	}
	return found;
}

// Eight at a time, whether there are as many or not. Returns the words that it did, as long as there is room; *m: rows
// found.
__attribute__((target("bmi,popcnt"))) static uint32_t rows_bmi(
	const uint8_t *bytes, uint32_t first, uint32_t n, uint32_t add, uint32_t *row, uint32_t *m)
{
	uint32_t found = 0, end = first + n, w = first / 64;
	for (; w * 64 < end && found + 64 + MARKS_SLACK <= n; w++) {
		uint64_t word = word_within(load_word(bytes, w), w, first, end);
		uint32_t at = w * 64 - first + add, here = (uint32_t)__builtin_popcountll(word);
		for (uint32_t done = 0; done < here; done += 8)
			for (uint32_t k = 0; k < 8; k++) {
				row[found + done + k] = at + (uint32_t)_tzcnt_u64(word);
				word = _blsr_u64(word);
			}
		found += here;
	}
	*m = found;
	return w - first / 64;
}

// The same, sixteen rows at a time.
__attribute__((target(AVX512))) static uint32_t rows_avx512(
	const uint8_t *bytes, uint32_t first, uint32_t n, uint32_t add, uint32_t *row, uint32_t *m)
{
	const __m512i numbers = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
	uint32_t found = 0, end = first + n, w = first / 64;
	for (; w * 64 < end && found + 64 + MARKS_SLACK <= n; w++) {
		const uint64_t word = word_within(load_word(bytes, w), w, first, end);
		for (uint32_t i = 0; word && i < 64; i += 16) {
			const __mmask16 some = (__mmask16)(word >> i);
			__m512i at =
				_mm512_add_epi32(numbers, _mm512_set1_epi32((int)(w * 64 + i - first + add)));
			_mm512_storeu_si512(row + found, _mm512_maskz_compress_epi32(some, at));
			found += (uint32_t)__builtin_popcount(some);
		}
	}
	*m = found;
	return w - first / 64;
}
#else
static uint32_t equal_sse2(
	const uint32_t *code, uint32_t n, const uint32_t *wanted, uint32_t n_wanted, struct mark *marks)
{
	(void)code, (void)n, (void)wanted, (void)n_wanted, (void)marks;
	return 0;
}
#define equal_avx512 equal_sse2
#endif

void marks_equal_by(enum vectors v, const uint32_t *code, uint32_t n, const uint32_t *wanted, uint32_t n_wanted,
	struct mark *marks)
{
	uint32_t done = v == VECTORS_AVX512 ? equal_avx512(code, n, wanted, n_wanted, marks)
					    : equal_sse2(code, n, wanted, n_wanted, marks);
	equal_plain(code, done, n, wanted, n_wanted, marks);
}

void marks_equal(
	const uint32_t *code, uint32_t n, const uint32_t *wanted, uint32_t n_wanted, struct mark *marks)
{
	marks_equal_by(vectors_have(), code, n, wanted, n_wanted, marks);
}

// --- lists of rows ---

// Four at a time, whether there are as many or not, while there is room.
uint32_t marks_rows_by(
	enum vectors v, const uint8_t *bytes, uint32_t first, uint32_t n, uint32_t add, uint32_t *restrict row)
{
	uint32_t m = 0, end = first + n, w = first / 64;
#if defined(__x86_64__)
	if (v != VECTORS_NONE)
		w += v == VECTORS_AVX512 ? rows_avx512(bytes, first, n, add, row, &m)
					 : rows_bmi(bytes, first, n, add, row, &m);
#endif
	(void)v;
	for (; w * 64 < end; w++) {
		uint64_t word = word_within(load_word(bytes, w), w, first, end);
		uint32_t at = w * 64 - first + add, here = marks_ones(word), done = 0;
		for (; done < here && m + done + 4 <= n; done += 4)
			for (uint32_t k = 0; k < 4; k++) {
				row[m + done + k] = at + (uint32_t)__builtin_ctzll(word | 1ull << 63);
				word &= word - 1;
			}
		for (; done < here; done++, word &= word - 1)
			row[m + done] = at + (uint32_t)__builtin_ctzll(word);
		m += here;
	}
	return m;
}

uint32_t marks_rows(const uint8_t *bytes, uint32_t first, uint32_t n, uint32_t add, uint32_t *row)
{
	return marks_rows_by(vectors_have(), bytes, first, n, add, row);
}

static uint32_t list_plain(const uint64_t *any, uint32_t n_words, const struct mark *marks, uint32_t n_marks,
	const struct marks_list *to)
{
	uint32_t found = 0;
	for (uint32_t w = 0; w < n_words; w++) {
		uint64_t word = any[w];
		uint32_t n = marks_ones(word), *restrict row = to->row + found;
		to->before[w] = found;
		for (uint32_t done = 0; done < n; done += 8)
			for (uint32_t k = 0; k < 8; k++) {
				row[done + k] = w * 64 + (uint32_t)__builtin_ctzll(word | 1ull << 63);
				word &= word - 1;
			}
		for (uint32_t i = 0; n_marks && i < n; i++) {
			uint32_t bits = 0;
			for (uint32_t k = 0; k < n_marks; k++)
				bits |= -(uint32_t)(marks[k].words[w] >> row[i] % 64 & 1) & marks[k].bits;
			to->bits[found + i] = bits;
		}
		found += n;
	}
	return found;
}

uint32_t marks_list_by(enum vectors v, const uint64_t *any, uint32_t n_words, const struct mark *marks,
	uint32_t n_marks, const struct marks_list *to)
{
#if defined(__x86_64__)
	if (v == VECTORS_AVX512)
		return list_avx512(any, n_words, marks, n_marks, to);
#endif
	(void)v;
	return list_plain(any, n_words, marks, n_marks, to);
}

uint32_t marks_list(const uint64_t *any, uint32_t n_words, const struct mark *marks, uint32_t n_marks,
	const struct marks_list *to)
{
	return marks_list_by(vectors_have(), any, n_words, marks, n_marks, to);
}
