// SPDX-License-Identifier: Apache-2.0
// A tiny filler of text templates (the part of Mustache that a report needs):
//   {{name}}               the text of name, escaped for HTML
//   {{#name}}…{{/name}}    once for each item of the list name, or once when name is a text that is not empty
//   {{^name}}…{{/name}}    when name is absent, an empty text or an empty list
//   {{>name}}              another asset as it is
// Names are looked up in the item, then in what contains it.
#ifndef CORRIDOR_CLI_TEMPLATE_H
#define CORRIDOR_CLI_TEMPLATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/sv.h"

struct fill; // values for a template, in an arena

// Values without any; NULL when out of memory. All functions accept NULL and do nothing then.
struct fill *fill_new(struct arena *arena);
// Sets a text (view is kept, not copied).
void fill_text(struct fill *f, const char *name, struct sv text);
void fill_printf(struct fill *f, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
// Sets a text when the condition holds.
void fill_flag(struct fill *f, const char *name, bool condition);
// Appends an item to the list `name` and returns it.
struct fill *fill_item(struct fill *f, const char *name);
// Did everything fit into memory?
bool fill_ok(const struct fill *f);

// Fills the template into out. RC_INPUT names the line of a mistake in the template (a bug of the program).
enum rc template_fill(struct sv text, const struct fill *values, struct sv (*asset)(struct sv name),
	struct buf *out, struct err *e);

#endif
