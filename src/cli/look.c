// SPDX-License-Identifier: Apache-2.0
// What a terminal can show, and text in columns.
#include "cli/look.h"

#include <langinfo.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>
#include <unistd.h>

static unsigned terminal_width(int fd)
{
	struct winsize size;
	int64_t columns;
	if (sv_to_i64(sv_from(getenv("COLUMNS")), &columns) && columns >= 20 && columns <= 10000)
		return (unsigned)columns;
	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
		return size.ws_col;
	return 80;
}

static bool terminal_coloured(bool terminal)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	return terminal && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

struct look look_of(FILE *file, const char *colour, bool ascii, unsigned width)
{
	int fd = fileno(file);
	struct look look = {.terminal = fd >= 0 && isatty(fd)};
	look.unicode = !ascii && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	look.colour = terminal_coloured(look.terminal);
	if (strcmp(colour, "always") == 0)
		look.colour = true;
	else if (strcmp(colour, "never") == 0)
		look.colour = false;
	look.width = width ? width : look.terminal ? terminal_width(fd) : 0;
	return look;
}

static const char *const inks[] = {
	[INK_PLAIN] = "",
	[INK_BOLD] = "\x1b[1m",
	[INK_DIM] = "\x1b[2m",
	[INK_GOOD] = "\x1b[36m",
	[INK_BAD] = "\x1b[31m",
	[INK_WARN] = "\x1b[33m",
	[INK_TITLE] = "\x1b[1;34m",
};

const char *ink_on(const struct look *look, enum ink ink)
{
	return look->colour ? inks[ink] : "";
}

const char *ink_off(const struct look *look)
{
	return look->colour ? "\x1b[0m" : "";
}

// Characters that act on a terminal: C0 and C1 controls move its cursor or start its commands, the marks of direction
// (Unicode UAX #9, 2.1-2.4) turn around what stands beside them.
static bool acts(UChar32 c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
	       (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

void text_clean(struct buf *out, struct sv text)
{
	const uint8_t *bytes = (const uint8_t *)text.ptr;
	size_t n = text.len, from = 0;
	if (n == 0)
		return;
	for (size_t i = 0; i < n;) {
		size_t start = i;
		UChar32 c;
		U8_NEXT(bytes, i, n, c);
		if (c >= 0 && !acts(c))
			continue;
		buf_put(out, text.ptr + from, start - from);
		if (c < 0xa0)
			buf_char(out, c < 0 ? '?' : ' ');
		from = i;
	}
	buf_put(out, text.ptr + from, n - from);
}

void ink_put(struct buf *out, const struct look *look, enum ink ink, struct sv text)
{
	buf_str(out, ink_on(look, ink));
	text_clean(out, text);
	if (ink != INK_PLAIN)
		buf_str(out, ink_off(look));
}

const char *glyph(const struct look *look, const char *unicode, const char *ascii)
{
	return look->unicode ? unicode : ascii;
}

static unsigned char_width(UChar32 c)
{
	int8_t type = u_charType(c);
	if (type == U_NON_SPACING_MARK || type == U_ENCLOSING_MARK || type == U_FORMAT_CHAR)
		return 0;
	int32_t wide = u_getIntPropertyValue(c, UCHAR_EAST_ASIAN_WIDTH);
	return wide == U_EA_WIDE || wide == U_EA_FULLWIDTH ? 2 : 1;
}

// Walks while the width stays within max; *used gets the width.
static size_t walk(struct sv text, unsigned max, unsigned *used)
{
	const uint8_t *bytes = (const uint8_t *)text.ptr;
	int32_t n = text.len > INT32_MAX ? INT32_MAX : (int32_t)text.len, i = 0, fits = 0;
	unsigned width = 0;
	while (i < n) {
		UChar32 c;
		U8_NEXT(bytes, i, n, c);
		unsigned w = c < 0 ? 1 : char_width(c);
		if (width + w > max)
			break;
		width += w;
		fits = i;
	}
	*used = width;
	return (size_t)fits;
}

unsigned text_width(struct sv text)
{
	unsigned used = 0;
	walk(text, UINT32_MAX - 2, &used);
	return used;
}

struct sv text_fit(struct sv text, unsigned width)
{
	unsigned used;
	return (struct sv){text.ptr, walk(text, width, &used)};
}

void text_blanks(struct buf *out, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		buf_char(out, ' ');
}

void text_put(struct buf *out, const struct look *look, struct sv text, unsigned width, bool pad)
{
	unsigned used = text_width(text);
	if (used > width) {
		const char *dots = glyph(look, "\xE2\x80\xA6", "~");
		struct sv head = text_fit(text, width ? width - 1 : 0);
		text_clean(out, head);
		if (width)
			buf_str(out, dots);
		used = text_width(head) + (width ? 1 : 0);
	} else {
		text_clean(out, text);
	}
	if (pad && used < width)
		text_blanks(out, width - used);
}

// The next word, with what must not stand alone on the next line: "90 %", "n = 152".
static struct sv next_word(struct sv *rest)
{
	struct sv word = sv_cut(*rest, ' ', rest);
	while (word.len && rest->len &&
		(rest->ptr[0] == '%' || rest->ptr[0] == '=' || sv_ends(word, SV("=")))) {
		struct sv more = sv_cut(*rest, ' ', rest);
		word.len = (size_t)(more.ptr + more.len - word.ptr);
	}
	return word;
}

static void wrap_line(struct buf *out, struct sv line, unsigned indent, unsigned width)
{
	unsigned at = 0;
	struct sv rest = line;
	while (rest.len) {
		struct sv word = next_word(&rest);
		unsigned w = text_width(word);
		if (w == 0)
			continue;
		if (at && indent + at + 1 + w > width) {
			buf_char(out, '\n');
			at = 0;
		}
		if (at == 0)
			text_blanks(out, indent);
		else
			buf_char(out, ' ');
		text_clean(out, word);
		at += w + (at ? 1 : 0);
	}
	buf_char(out, '\n');
}

void text_wrap(struct buf *out, struct sv text, unsigned indent, unsigned width)
{
	struct sv rest = text;
	while (rest.ptr)
		wrap_line(out, sv_cut(rest, '\n', &rest), indent, width);
}
