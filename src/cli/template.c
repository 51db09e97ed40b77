// SPDX-License-Identifier: Apache-2.0
// Filling templates. Everything that goes into a page is escaped; only assets of the program go in as they are.
#include "cli/template.h"

#include <stdarg.h>
#include <stdio.h>

#define DEPTH_MAX 16

struct fill_value {
	const char *name;
	struct sv text;            // of a text
	struct fill *first, *last; // of a list
	struct fill_value *next;
};

struct fill {
	struct arena *arena;
	const struct fill *parent;
	struct fill *next; // in its list
	struct fill_value *values;
	bool *failed; // shared by all of a page
};

struct fill *fill_new(struct arena *arena)
{
	struct fill *f = arena_alloc(arena, sizeof(*f));
	bool *failed = arena_alloc(arena, sizeof(*failed));
	if (!f || !failed)
		return NULL;
	f->arena = arena;
	f->failed = failed;
	return f;
}

bool fill_ok(const struct fill *f)
{
	return f && !*f->failed;
}

static struct fill_value *value_of(struct fill *f, const char *name)
{
	for (struct fill_value *v = f->values; v; v = v->next)
		if (strcmp(v->name, name) == 0)
			return v;
	struct fill_value *v = arena_alloc(f->arena, sizeof(*v));
	if (!v) {
		*f->failed = true;
		return NULL;
	}
	v->name = name;
	v->next = f->values;
	f->values = v;
	return v;
}

void fill_text(struct fill *f, const char *name, struct sv text)
{
	struct fill_value *v = f ? value_of(f, name) : NULL;
	if (v)
		v->text = text;
}

void fill_printf(struct fill *f, const char *name, const char *format, ...)
{
	char text[2048];
	if (!f)
		return;
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	struct sv copy = arena_copy(f->arena, sv_from(text));
	if (n < 0 || (size_t)n >= sizeof(text) || !copy.ptr)
		*f->failed = true;
	fill_text(f, name, copy);
}

void fill_flag(struct fill *f, const char *name, bool condition)
{
	if (condition)
		fill_text(f, name, SV("1"));
}

struct fill *fill_item(struct fill *f, const char *name)
{
	struct fill_value *v = f ? value_of(f, name) : NULL;
	if (!v)
		return NULL;
	struct fill *item = arena_alloc(f->arena, sizeof(*item));
	if (!item) {
		*f->failed = true;
		return NULL;
	}
	item->arena = f->arena;
	item->parent = f;
	item->failed = f->failed;
	if (v->last)
		v->last->next = item;
	else
		v->first = item;
	v->last = item;
	return item;
}

static const struct fill_value *lookup(const struct fill *f, struct sv name)
{
	for (; f; f = f->parent)
		for (const struct fill_value *v = f->values; v; v = v->next)
			if (sv_equal(sv_from(v->name), name))
				return v;
	return NULL;
}

static void put_escaped(struct buf *out, struct sv text)
{
	for (size_t i = 0; i < text.len; i++) {
		switch (text.ptr[i]) {
		case '&':
			buf_str(out, "&amp;");
			break;
		case '<':
			buf_str(out, "&lt;");
			break;
		case '>':
			buf_str(out, "&gt;");
			break;
		case '"':
			buf_str(out, "&quot;");
			break;
		case '\'':
			buf_str(out, "&#39;");
			break;
		default:
			buf_char(out, text.ptr[i]);
		}
	}
}

struct filling {
	struct sv text;
	size_t at;
	struct sv (*asset)(struct sv name);
	struct buf *out;
};

static enum rc mistake(const struct filling *t, struct err *e, const char *what)
{
	uint32_t line = 1;
	for (size_t i = 0; i < t->at && i < t->text.len; i++)
		line += t->text.ptr[i] == '\n';
	err_set(e, RC_INPUT, "%s", what);
	err_place(e, "template", line, 0);
	return RC_INPUT;
}

// The next tag from t->at on; puts the text before it when `quiet` is false. False at the end of the template.
static bool next_tag(struct filling *t, bool quiet, char *kind, struct sv *name)
{
	size_t start = t->at;
	while (t->at + 1 < t->text.len && !(t->text.ptr[t->at] == '{' && t->text.ptr[t->at + 1] == '{'))
		t->at++;
	bool found = t->at + 1 < t->text.len;
	if (!found)
		t->at = t->text.len;
	if (!quiet)
		buf_sv(t->out, (struct sv){t->text.ptr + start, t->at - start});
	if (!found)
		return false;
	size_t end = t->at + 2;
	while (end + 1 < t->text.len && !(t->text.ptr[end] == '}' && t->text.ptr[end + 1] == '}'))
		end++;
	struct sv tag = sv_trim((struct sv){t->text.ptr + t->at + 2, end - t->at - 2});
	*kind = tag.len && strchr("#^/>", tag.ptr[0]) ? tag.ptr[0] : '=';
	*name = *kind == '=' ? tag : sv_trim((struct sv){tag.ptr + 1, tag.len - 1});
	t->at = end + 2 < t->text.len ? end + 2 : t->text.len;
	return true;
}

static enum rc fill_block(struct filling *t, const struct fill *values, struct sv until, bool quiet,
	unsigned depth, struct err *e);

// {{#name}} and {{^name}}: the block is walked once for each item, or once in silence.
static enum rc section(struct filling *t, const struct fill *values, struct sv name, bool inverted, bool quiet,
	unsigned depth, struct err *e)
{
	const struct fill_value *v = lookup(values, name);
	bool full = v && (v->first || v->text.len);
	size_t start = t->at;
	if (quiet || inverted == full)
		return fill_block(t, values, name, true, depth + 1, e);
	if (!v || !v->first)
		return fill_block(t, values, name, false, depth + 1, e);
	enum rc rc = RC_OK;
	for (const struct fill *item = v->first; item && rc == RC_OK; item = item->next) {
		t->at = start;
		rc = fill_block(t, item, name, false, depth + 1, e);
	}
	return rc;
}

static enum rc fill_block(struct filling *t, const struct fill *values, struct sv until, bool quiet,
	unsigned depth, struct err *e)
{
	char kind;
	struct sv name;
	if (depth > DEPTH_MAX)
		return mistake(t, e, "sections are nested too deeply");
	while (next_tag(t, quiet, &kind, &name)) {
		enum rc rc = RC_OK;
		if (kind == '/')
			return sv_equal(name, until) ? RC_OK
						     : mistake(t, e, "a section is closed that is not open");
		if (kind == '#' || kind == '^') {
			rc = section(t, values, name, kind == '^', quiet, depth, e);
		} else if (quiet) {
			continue;
		} else if (kind == '>') {
			buf_sv(t->out, t->asset(name));
		} else {
			const struct fill_value *v = lookup(values, name);
			put_escaped(t->out, v ? v->text : SV_NONE);
		}
		if (rc != RC_OK)
			return rc;
	}
	return until.len ? mistake(t, e, "a section is not closed") : RC_OK;
}

enum rc template_fill(struct sv text, const struct fill *values, struct sv (*asset)(struct sv name),
	struct buf *out, struct err *e)
{
	if (!fill_ok(values))
		return err_set(e, RC_NOMEM, "out of memory for the page");
	struct filling t = {.text = text, .asset = asset, .out = out};
	enum rc rc = fill_block(&t, values, SV(""), false, 0, e);
	return rc == RC_OK ? buf_check(out, e, "the page") : rc;
}
