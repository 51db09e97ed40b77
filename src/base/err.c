// SPDX-License-Identifier: Apache-2.0
// Error values: the table of kinds, and filling in. Texts are cut at whole UTF-8 characters, with an ellipsis.
#include "base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct rc_info table[RC_COUNT] = {
	{RC_OK, "ok", 0, "success"},
	{RC_USAGE, "usage", 2, "the command line or a request's parameters are wrong"},
	{RC_INPUT, "input", 3, "a file or message that was given is wrong"},
	{RC_IO, "io", 4, "the operating system refused to read or write"},
	{RC_NOMEM, "nomem", 5, "out of memory, or an allocation beyond the allowed cap"},
	{RC_LIMIT, "limit", 6, "a documented limit was reached"},
	{RC_CORRUPT, "corrupt", 7, "stored data fails its checksum or an invariant"},
	{RC_VERSION, "version", 8, "the data directory is of an unknown format"},
	{RC_BUSY, "busy", 9, "another process holds the write lock"},
	{RC_NOT_FOUND, "not-found", 10, "a named thing does not exist"},
	{RC_EXISTS, "exists", 11, "a thing to be made exists already"},
	{RC_DB, "db", 12, "the relational store failed"},
	{RC_DENIED, "denied", 13, "whoever asks is not known, or may not do this"},
	{RC_CANCELLED, "cancelled", 130, "interrupted by the user"},
};

const struct rc_info *rc_info(enum rc rc)
{
	assert((unsigned)rc < RC_COUNT);
	assert(table[rc].rc == rc);
	return &table[rc];
}

// Ends the text in out[size], which vsnprintf has cut, with an ellipsis after the last whole character.
static void cut(char *out, size_t size)
{
	static const char ellipsis[] = "\xE2\x80\xA6";
	if (size < sizeof(ellipsis))
		return;
	size_t at = size - sizeof(ellipsis);
	while (at > 0 && ((unsigned char)out[at] & 0xC0) == 0x80)
		at--;
	memcpy(out + at, ellipsis, sizeof(ellipsis));
}

// printf at out + used; returns the new length.
__attribute__((format(printf, 4, 0))) static size_t append(
	char *out, size_t size, size_t used, const char *format, va_list args)
{
	if (used + 1 >= size)
		return used;
	int n = vsnprintf(out + used, size - used, format, args);
	if (n < 0) {
		out[used] = '\0';
		return used;
	}
	if ((size_t)n < size - used)
		return used + (size_t)n;
	cut(out, size);
	return strlen(out);
}

__attribute__((format(printf, 4, 5))) static size_t append_f(
	char *out, size_t size, size_t used, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	used = append(out, size, used, format, args);
	va_end(args);
	return used;
}

enum rc err_set(struct err *e, enum rc rc, const char *format, ...)
{
	assert(rc != RC_OK);
	if (!e)
		return rc;
	if (e->rc != RC_OK)
		return e->rc;
	va_list args;
	va_start(args, format);
	append(e->message, sizeof(e->message), 0, format, args);
	va_end(args);
	e->rc = rc;
	return rc;
}

enum rc err_errno(struct err *e, enum rc rc, int errnum, const char *format, ...)
{
	assert(rc != RC_OK);
	if (!e)
		return rc;
	if (e->rc != RC_OK)
		return e->rc;
	va_list args;
	va_start(args, format);
	size_t used = append(e->message, sizeof(e->message), 0, format, args);
	va_end(args);
	char text[128];
	append_f(e->message, sizeof(e->message), used, ": %s", strerror_r(errnum, text, sizeof(text)));
	e->rc = rc;
	return rc;
}

void err_place(struct err *e, const char *file, uint32_t line, uint32_t column)
{
	if (!e || e->rc == RC_OK)
		return;
	if (file && e->file[0] == '\0')
		append_f(e->file, sizeof(e->file), 0, "%s", file);
	if (e->line == 0) {
		e->line = line;
		e->column = column;
	}
}

void err_remedy(struct err *e, const char *format, ...)
{
	if (!e || e->rc == RC_OK || e->remedy[0] != '\0')
		return;
	va_list args;
	va_start(args, format);
	append(e->remedy, sizeof(e->remedy), 0, format, args);
	va_end(args);
}

enum rc err_take(struct err *to, const struct err *from)
{
	if (!to)
		return from->rc;
	if (to->rc == RC_OK)
		*to = *from;
	return to->rc;
}

char *err_format(const struct err *e, char *out, unsigned size)
{
	if (size == 0)
		return out;
	out[0] = '\0';
	size_t used = 0;
	if (e->file[0] != '\0')
		used = append_f(out, size, used, "%s:", e->file);
	if (e->line != 0)
		used = append_f(out, size, used, "%u:", (unsigned)e->line);
	if (e->line != 0 && e->column != 0)
		used = append_f(out, size, used, "%u:", (unsigned)e->column);
	used = append_f(out, size, used, "%s%s", used ? " " : "", e->message);
	if (e->remedy[0] != '\0')
		append_f(out, size, used, "; %s", e->remedy);
	return out;
}
