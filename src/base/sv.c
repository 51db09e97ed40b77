// SPDX-License-Identifier: Apache-2.0
// String views. Nothing here depends on the locale.
#include "base/sv.h"
#include "base/number.h"

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool sv_equal_nocase(struct sv a, struct sv b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.ptr[i]) != lower(b.ptr[i]))
			return false;
	return true;
}

int sv_compare(struct sv a, struct sv b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int order = n ? memcmp(a.ptr, b.ptr, n) : 0;
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool sv_starts(struct sv s, struct sv prefix)
{
	return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

bool sv_ends(struct sv s, struct sv suffix)
{
	return s.len >= suffix.len &&
	       (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct sv sv_trim(struct sv s)
{
	while (s.len > 0 && is_blank(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

struct sv sv_cut(struct sv s, char separator, struct sv *rest)
{
	const char *at = s.len ? memchr(s.ptr, separator, s.len) : NULL;
	if (!at) {
		*rest = SV_NONE;
		return s;
	}
	size_t n = (size_t)(at - s.ptr);
	*rest = (struct sv){at + 1, s.len - n - 1};
	return (struct sv){s.ptr, n};
}

bool sv_to_i64(struct sv s, int64_t *out)
{
	size_t i = 0;
	bool negative = s.len > 0 && s.ptr[0] == '-';
	if (s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+'))
		i = 1;
	if (i == s.len)
		return false;
	int64_t v = 0;
	for (; i < s.len; i++) {
		unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';
		if (digit > 9 || __builtin_mul_overflow(v, 10, &v))
			return false;
		if (__builtin_add_overflow(v, negative ? -(int64_t)digit : (int64_t)digit, &v))
			return false;
	}
	*out = v;
	return true;
}

bool sv_to_double(struct sv s, double *out)
{
	return s.len > 0 && number_to_double(s.ptr, s.len, out);
}

// Optimal string alignment distance: Damerau 1964, Wagner and Fischer 1974, three rows of the table.
unsigned sv_distance(struct sv a, struct sv b)
{
	enum { MAX = 255 };
	if (a.len > MAX || b.len > MAX)
		return sv_equal(a, b) ? 0 : MAX;
	uint16_t rows[3][MAX + 1];
	for (size_t j = 0; j <= b.len; j++)
		rows[0][j] = (uint16_t)j;
	for (size_t i = 1; i <= a.len; i++) {
		uint16_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
		row[0] = (uint16_t)i;
		for (size_t j = 1; j <= b.len; j++) {
			bool same = a.ptr[i - 1] == b.ptr[j - 1];
			unsigned best = above[j - 1] + (same ? 0u : 1u);
			if (above[j] + 1u < best)
				best = above[j] + 1u;
			if (row[j - 1] + 1u < best)
				best = row[j - 1] + 1u;
			if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1] &&
				above2[j - 2] + 1u < best)
				best = above2[j - 2] + 1u;
			row[j] = (uint16_t)best;
		}
	}
	return rows[a.len % 3][b.len];
}

// Length of the well-formed UTF-8 sequence at s[n], 0 when it is ill-formed: Unicode 15, table 3-7.
static size_t sequence(const unsigned char *s, size_t n)
{
	unsigned c = s[0];
	size_t len = c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;
	if (len == 0 || len > n)
		return 0;
	unsigned low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
	unsigned high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((s[i] & 0xC0) != 0x80)
			return 0;
	return len;
}

bool sv_utf8_valid(struct sv s, size_t *bad_offset)
{
	const unsigned char *bytes = (const unsigned char *)s.ptr;
	size_t i = 0;
	while (i < s.len) {
		uint64_t eight;
		if (s.len - i >= sizeof(eight)) {
			memcpy(&eight, bytes + i, sizeof(eight));
			if ((eight & UINT64_C(0x8080808080808080)) == 0) {
				i += sizeof(eight);
				continue;
			}
		}
		if (bytes[i] < 0x80) {
			i++;
			continue;
		}
		size_t n = sequence(bytes + i, s.len - i);
		if (n == 0) {
			if (bad_offset)
				*bad_offset = i;
			return false;
		}
		i += n;
	}
	return true;
}
