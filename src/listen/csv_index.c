// SPDX-License-Identifier: Apache-2.0
// The first pass over a window: offsets of all bytes that may have a meaning (delimiter, quote, line end), 64 bytes
// at a time. The second pass (csv_split.c) then never looks at ordinary text.
#include "listen/csv.h"

#include "base/mem.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

// Room for n more positions.
static bool pos_room(struct csv_split *s, size_t n)
{
	void *p = s->pos;
	bool ok = mem_grow(&p, &s->cap_pos, s->n_pos + n, sizeof(*s->pos)) == 0;
	s->pos = p;
	return ok;
}

static void index_bytes(struct csv_split *s, size_t from, size_t to)
{
	const struct csv_dialect *d = &s->dialect;
	for (size_t i = from; i < to; i++) {
		char c = s->data[i];
		s->has_high |= (c & 0x80) != 0;
		s->has_nul |= c == 0;
		if (c == d->delimiter || c == d->quote || c == d->eol)
			s->pos[s->n_pos++] = (uint32_t)i;
	}
}

#if defined(__SSE2__)
struct seen {
	__m128i any, least; // bitwise or, unsigned minimum of all bytes
};

static inline uint64_t mask16(__m128i v, __m128i delimiter, __m128i quote, __m128i eol, struct seen *seen)
{
	__m128i hit = _mm_or_si128(
		_mm_or_si128(_mm_cmpeq_epi8(v, delimiter), _mm_cmpeq_epi8(v, quote)), _mm_cmpeq_epi8(v, eol));
	seen->any = _mm_or_si128(seen->any, v);
	seen->least = _mm_min_epu8(seen->least, v);
	return (uint64_t)(uint32_t)_mm_movemask_epi8(hit);
}

// Indexes whole groups of 64 bytes; returns where it stopped.
static size_t index_wide(struct csv_split *s, size_t from)
{
	const __m128i delimiter = _mm_set1_epi8(s->dialect.delimiter);
	const __m128i quote = _mm_set1_epi8(s->dialect.quote);
	const __m128i eol = _mm_set1_epi8(s->dialect.eol);
	struct seen seen = {_mm_setzero_si128(), _mm_set1_epi8((char)0xff)};
	size_t i = from, n = s->n_pos;
	for (; i + 64 <= s->len && n + 64 <= s->cap_pos; i += 64) {
		const char *p = s->data + i;
		uint64_t m = 0;
		for (unsigned k = 0; k < 4; k++) {
			__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * k));
			m |= mask16(v, delimiter, quote, eol, &seen) << (16 * k);
		}
		while (m) {
			s->pos[n++] = (uint32_t)i + (uint32_t)__builtin_ctzll(m);
			m &= m - 1;
		}
	}
	s->n_pos = n;
	s->has_high |= _mm_movemask_epi8(seen.any) != 0;
	s->has_nul |= _mm_movemask_epi8(_mm_cmpeq_epi8(seen.least, _mm_setzero_si128())) != 0;
	return i;
}
#else
static size_t index_wide(struct csv_split *s, size_t from)
{
	size_t to = from + 64 <= s->len ? from + 64 : from;
	index_bytes(s, from, to);
	return to;
}
#endif

enum rc csv_index(struct csv_split *s, struct err *e)
{
	size_t i = s->at;
	s->n_pos = s->next_pos = 0;
	s->has_high = s->has_nul = false;
	while (s->len - i >= 64) {
		if (!pos_room(s, 64))
			return err_set(e, RC_NOMEM, "out of memory for splitting a block of rows");
		i = index_wide(s, i);
	}
	if (!pos_room(s, s->len - i))
		return err_set(e, RC_NOMEM, "out of memory for splitting a block of rows");
	index_bytes(s, i, s->len);
	return RC_OK;
}
