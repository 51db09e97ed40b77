// SPDX-License-Identifier: Apache-2.0
// String views: bytes that somebody else owns. Not NUL-terminated. ptr NULL = absent (differs from empty).
#ifndef CORRIDOR_BASE_SV_H
#define CORRIDOR_BASE_SV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sv {
	const char *ptr;
	size_t len;
};

#define SV(literal) ((struct sv){(literal), sizeof(literal) - 1})
#define SV_NONE ((struct sv){NULL, 0})
// For printf: ("%.*s", SV_ARG(v))
#define SV_ARG(v) (int)(v).len, ((v).ptr ? (v).ptr : "")

// A view of a NUL-terminated string (NULL gives SV_NONE).
static inline struct sv sv_from(const char *s)
{
	struct sv v = {s, s ? strlen(s) : 0}; // no compound literal: C++ reads this header too
	return v;
}

// Same bytes? Absent equals empty.
static inline bool sv_equal(struct sv a, struct sv b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

// Same bytes, ASCII case ignored.
bool sv_equal_nocase(struct sv a, struct sv b);
// Order by bytes, shorter first on a common prefix: <0, 0, >0.
int sv_compare(struct sv a, struct sv b);
bool sv_starts(struct sv s, struct sv prefix);
bool sv_ends(struct sv s, struct sv suffix);
// Without ASCII white space at both ends.
struct sv sv_trim(struct sv s);
// Splits at the first `separator`: returns the part before, *rest the part after (SV_NONE when there is none).
struct sv sv_cut(struct sv s, char separator, struct sv *rest);
// Whole view as a decimal integer / number in the C locale. False when it is not one or out of range.
bool sv_to_i64(struct sv s, int64_t *out);
bool sv_to_double(struct sv s, double *out);
// Levenshtein distance (insert, delete, replace, swap of neighbours = 1), for "did you mean"; caps at 255.
unsigned sv_distance(struct sv a, struct sv b);
// Is it valid UTF-8 (no surrogates, no overlong forms)? *bad_offset (may be NULL) gets the first bad byte.
bool sv_utf8_valid(struct sv s, size_t *bad_offset);

#endif
