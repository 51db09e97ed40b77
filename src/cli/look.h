// SPDX-License-Identifier: Apache-2.0
// How text looks on the reader's terminal: its width in columns, colours, and numbers the way people read them.
#ifndef CORRIDOR_CLI_LOOK_H
#define CORRIDOR_CLI_LOOK_H

#include "base/tz.h"
#include "cli/internal.h"

#define HUMAN_TEXT_MAX 64

// What the file's terminal can show. `colour` is "auto", "always" or "never"; width 0 = find out.
struct look look_of(FILE *file, const char *colour, bool ascii, unsigned width);

// Columns that a UTF-8 text takes: combining marks none, East Asian wide characters and emoji two (UAX #11).
unsigned text_width(struct sv text);
// The longest prefix that fits into `width` columns.
struct sv text_fit(struct sv text, unsigned width);
// The text, or its beginning and an ellipsis when it is wider than `width`; padded with blanks when `pad`.
void text_put(struct buf *out, const struct look *look, struct sv text, unsigned width, bool pad);
void text_blanks(struct buf *out, unsigned n);
// Text of others as it may reach a terminal: control characters become blanks, marks of direction are left out, what is
// not UTF-8 becomes "?". The functions here that lay out text do it by themselves.
void text_clean(struct buf *out, struct sv text);
// Words broken at blanks into lines of at most `width` columns, each behind `indent` blanks; newlines in the
// text stay.
void text_wrap(struct buf *out, struct sv text, unsigned indent, unsigned width);

// Numbers as people read them; all write into out[HUMAN_TEXT_MAX] and return it.
// "12,300.50"
char *human_number(double v, int decimals, char *out);
// "62.1 %" of a ratio
char *human_ratio(double ratio, int decimals, char *out);
// "2 h 13 min", "3 d 4 h", "1.25 s", "-45 s" of seconds; two units at most
char *human_seconds(double seconds, char *out);
// "2026-03-29 01:59" in the zone; with seconds when they are not zero
char *human_time(const struct tz *tz, int64_t ms, char *out);
// "2026-03-29" in the zone
char *human_date(const struct tz *tz, int64_t ms, char *out);
// "1.4 GB"
char *human_bytes(uint64_t bytes, char *out);

// A bar for `ratio` of the whole (0..1), `width` columns, padded: eighths of a block, or '#' without Unicode.
void bar_put(struct buf *out, const struct look *look, double ratio, unsigned width);
// A bar from the middle: -1..1, left for negative.
void bar_put_centred(struct buf *out, const struct look *look, double value, unsigned width);
// One character a value, scaled to the least and greatest of them (to range_least around their middle, when they
// are nearer than that); NAN leaves a blank.
void spark_put(struct buf *out, const struct look *look, const double *values, uint32_t n, double range_least);

#endif
