// SPDX-License-Identifier: Apache-2.0
// Builds the tree from libyaml's events, with an explicit stack of open collections (no recursion).
// Invariants: a frame's children are gathered in a growing array and moved to the arena when it closes; a node is
// complete (its n_nodes final) exactly when it is closed; an alias can only copy a complete node, so the tree is
// free of cycles and every walk over it visits at most YAML_NODES_MAX nodes.
#include "design/yaml.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

struct anchor {
	struct sv name;
	struct yaml_node *node;
	bool open; // its collection has not ended yet
};

struct frame {
	struct yaml_node *node;
	struct yaml_node **children; // map: key, value, key, value, …
	size_t n, capacity;
	int64_t anchor; // index, or -1
};

struct builder {
	struct arena *arena;
	const char *file_name;
	const struct yaml_sink *sink;
	struct err *e;
	bool doubled; // a duplicate key was reported
	yaml_parser_t parser;
	struct frame stack[YAML_DEPTH_MAX];
	uint32_t depth;
	struct anchor *anchors;
	size_t n_anchors, anchors_capacity;
	struct yaml_node *root;
	uint64_t n_nodes;
};

static enum rc no_memory(struct builder *b)
{
	return err_set(b->e, RC_NOMEM, "out of memory while reading %s", b->file_name);
}

static enum rc mistake(
	struct builder *b, uint32_t line, uint32_t column, const char *message, const char *remedy)
{
	if (b->sink)
		b->sink->problem(b->sink->context, line, column, message, remedy);
	enum rc rc = err_set(b->e, RC_INPUT, "%s", message);
	err_place(b->e, b->file_name, line, column);
	err_remedy(b->e, "%s", remedy);
	return rc;
}

static enum rc mistake_at(struct builder *b, const yaml_mark_t *m, const char *message, const char *remedy)
{
	return mistake(b, (uint32_t)m->line + 1, (uint32_t)m->column + 1, message, remedy);
}

// libyaml's wording is for people who know the grammar; what to do about it is ours.
static const struct {
	const char *problem, *message, *remedy;
} syntax_table[] = {
	{"found character that cannot start any token", "this character cannot start a value",
		"put the value in quotes"},
	{"mapping values are not allowed in this context", "a colon is not allowed here",
		"quote a text that contains \": \", or mend the indentation of this line"},
	{"could not find expected ':'", "this line is no \"key: value\"",
		"write a colon and a blank after the key, and indent the lines below a key further than the "
		"key"},
	{"did not find expected key", "this does not continue the map above",
		"give all keys of a map the same indentation, and quote texts that contain special characters"},
	{"did not find expected '-' indicator", "this does not continue the list above",
		"start every item of a list with \"- \" in the same column"},
	{"did not find expected ',' or ']'", "a comma or ] is missing before this",
		"separate the items with commas and close the list with ]"},
	{"did not find expected ',' or '}'", "a comma or } is missing before this",
		"separate the pairs with commas and close the map with }"},
	{"did not find expected node content", "a value is missing here",
		"write the value, or take the comma away"},
	{"block sequence entries are not allowed in this context", "a list item is not allowed here",
		"start the list on a line of its own below the key"},
	{"found unexpected end of stream", "the quoted text has no end", "close the quotes"},
	{"found unexpected document indicator", "--- inside a quoted text", "close the quotes"},
	{"found unknown escape character", "unknown escape after \\",
		"use single quotes, or double the backslash"},
	{"found undefined tag handle", "tags are not supported", "take the !… away"},
	{"did not find expected <document start>", "there is something after the end of the document",
		"mend the indentation, and put no second document in the file"},
	{"control characters are not allowed", "a control character", "save the file as plain UTF-8 text"},
};

// Place of a byte offset, for errors of libyaml's reader, which has no marks yet.
static void place_of_offset(struct sv text, size_t offset, uint32_t *line, uint32_t *column)
{
	*line = 1;
	*column = 1;
	for (size_t i = 0; i < offset && i < text.len; i++) {
		if (text.ptr[i] == '\n') {
			++*line;
			*column = 1;
		} else if (((unsigned char)text.ptr[i] & 0xC0) != 0x80) {
			++*column;
		}
	}
}

// The column of the first tab in the white space that starts the line, or of a tab at `column`; 0 = none.
static uint32_t tab_column(struct sv text, uint32_t line, uint32_t column)
{
	size_t at = 0;
	for (uint32_t l = 1; l < line && at < text.len; at++)
		if (text.ptr[at] == '\n')
			l++;
	uint32_t c = 1;
	for (; at < text.len && (text.ptr[at] == ' ' || text.ptr[at] == '\t'); at++, c++)
		if (text.ptr[at] == '\t')
			return c;
	at += column > c ? column - c : 0;
	return at < text.len && text.ptr[at] == '\t' ? column : 0;
}

static enum rc syntax_error(struct builder *b, struct sv text)
{
	const yaml_parser_t *p = &b->parser;
	if (p->error == YAML_MEMORY_ERROR)
		return no_memory(b);
	uint32_t line = (uint32_t)p->problem_mark.line + 1, column = (uint32_t)p->problem_mark.column + 1;
	if (p->error == YAML_READER_ERROR) {
		place_of_offset(text, p->problem_offset, &line, &column);
		bool control = p->problem && strstr(p->problem, "control");
		return mistake(b, line, column, control ? "a control character" : "these bytes are no UTF-8",
			"save the file as plain UTF-8 text");
	}
	uint32_t tab = tab_column(text, line, column);
	if (tab)
		return mistake(b, line, tab, "a tab character in the indentation", "indent with blanks");
	const char *problem = p->problem ? p->problem : "syntax error";
	const char *message = NULL, *remedy = "check quotes, brackets and indentation around this place";
	for (size_t i = 0; i < sizeof(syntax_table) / sizeof(syntax_table[0]) && !message; i++) {
		if (strcmp(problem, syntax_table[i].problem) == 0) {
			message = syntax_table[i].message;
			remedy = syntax_table[i].remedy;
		}
	}
	char text_of[256];
	if (!message)
		snprintf(text_of, sizeof(text_of), "no valid YAML: %s", problem);
	else if (p->context && p->context_mark.line + 1 < line)
		snprintf(text_of, sizeof(text_of), "%s (begun in line %u)", message,
			(unsigned)p->context_mark.line + 1);
	else
		snprintf(text_of, sizeof(text_of), "%s", message);
	return mistake(b, line, column, text_of, remedy);
}

static struct yaml_node *node_new(struct builder *b, enum yaml_kind kind, const yaml_mark_t *m)
{
	struct yaml_node *node = arena_alloc(b->arena, sizeof(*node));
	if (!node)
		return NULL;
	node->kind = kind;
	node->line = (uint32_t)m->line + 1;
	node->column = (uint32_t)m->column + 1;
	node->n_nodes = 1;
	return node;
}

static enum rc anchor_add(struct builder *b, const yaml_char_t *name, struct yaml_node *node, bool open,
	int64_t *index, const yaml_mark_t *m)
{
	*index = -1;
	if (!name)
		return RC_OK;
	if (b->n_anchors >= YAML_ANCHORS_MAX)
		return mistake_at(b, m, "more than 1000 anchors", "use fewer & anchors");
	struct sv copy = arena_copy(b->arena, sv_from((const char *)name));
	void *grown = b->anchors;
	if (!copy.ptr || mem_grow(&grown, &b->anchors_capacity, b->n_anchors + 1, sizeof(*b->anchors)) != 0)
		return no_memory(b);
	b->anchors = grown;
	*index = (int64_t)b->n_anchors;
	b->anchors[b->n_anchors++] = (struct anchor){copy, node, open};
	return RC_OK;
}

// Puts a complete node into the collection that is open, or makes it the root.
static enum rc attach(struct builder *b, struct yaml_node *node)
{
	b->n_nodes += node->n_nodes;
	if (b->n_nodes > YAML_NODES_MAX)
		return mistake(b, node->line, node->column,
			"the file has more than 1000000 values, aliases expanded",
			"use fewer * aliases of anchors that hold aliases");
	if (b->depth == 0) {
		b->root = node;
		return RC_OK;
	}
	struct frame *f = &b->stack[b->depth - 1];
	if (f->node->kind == YAML_IS_MAP && f->n % 2 == 0 && node->kind != YAML_IS_SCALAR)
		return mistake(
			b, node->line, node->column, "a key must be a text", "write the key as a plain word");
	void *grown = f->children;
	if (mem_grow(&grown, &f->capacity, f->n + 1, sizeof(*f->children)) != 0)
		return no_memory(b);
	f->children = grown;
	f->children[f->n++] = node;
	f->node->n_nodes += node->n_nodes;
	return RC_OK;
}

static enum rc on_scalar(struct builder *b, const yaml_event_t *ev)
{
	struct yaml_node *node = node_new(b, YAML_IS_SCALAR, &ev->start_mark);
	if (!node)
		return no_memory(b);
	node->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	node->scalar =
		arena_copy(b->arena, (struct sv){(const char *)ev->data.scalar.value, ev->data.scalar.length});
	if (!node->scalar.ptr)
		return no_memory(b);
	if (ev->data.scalar.tag)
		return mistake_at(b, &ev->start_mark, "tags are not supported", "take the !… away");
	int64_t index;
	enum rc rc = anchor_add(b, ev->data.scalar.anchor, node, false, &index, &ev->start_mark);
	return rc != RC_OK ? rc : attach(b, node);
}

static enum rc on_alias(struct builder *b, const yaml_event_t *ev)
{
	struct sv name = sv_from((const char *)ev->data.alias.anchor);
	const struct anchor *found = NULL;
	for (size_t i = b->n_anchors; i-- > 0 && !found;)
		if (sv_equal(b->anchors[i].name, name))
			found = &b->anchors[i];
	char message[256];
	if (!found) {
		snprintf(message, sizeof(message), "the alias *%.100s has no anchor above it", name.ptr);
		return mistake_at(b, &ev->start_mark, message, "define it with & before its first use");
	}
	if (found->open) {
		snprintf(message, sizeof(message), "a cycle: *%.100s stands inside of &%.100s itself", name.ptr,
			name.ptr);
		return mistake_at(b, &ev->start_mark, message, "take the alias away");
	}
	struct yaml_node *copy = node_new(b, found->node->kind, &ev->start_mark);
	if (!copy)
		return no_memory(b);
	uint32_t line = copy->line, column = copy->column;
	*copy = *found->node;
	copy->line = line;
	copy->column = column;
	return attach(b, copy);
}

static enum rc on_open(struct builder *b, const yaml_event_t *ev, enum yaml_kind kind, const yaml_char_t *name,
	const yaml_char_t *tag)
{
	if (b->depth >= YAML_DEPTH_MAX)
		return mistake_at(b, &ev->start_mark, "nested deeper than 64 levels", "flatten the file");
	if (tag)
		return mistake_at(b, &ev->start_mark, "tags are not supported", "take the !… away");
	struct yaml_node *node = node_new(b, kind, &ev->start_mark);
	if (!node)
		return no_memory(b);
	int64_t index;
	enum rc rc = anchor_add(b, name, node, true, &index, &ev->start_mark);
	if (rc == RC_OK)
		b->stack[b->depth++] = (struct frame){.node = node, .anchor = index};
	return rc;
}

static int key_order(const void *a, const void *b)
{
	const struct yaml_node *const *ka = a, *const *kb = b;
	int order = sv_compare((*ka)->scalar, (*kb)->scalar);
	if (order != 0)
		return order;
	if ((*ka)->line != (*kb)->line)
		return (*ka)->line < (*kb)->line ? -1 : 1;
	return (*ka)->column < (*kb)->column ? -1 : (*ka)->column > (*kb)->column;
}

struct doubled {
	const struct yaml_node *again, *first;
};

static int place_order(const void *a, const void *b)
{
	const struct yaml_node *ka = ((const struct doubled *)a)->again,
			       *kb = ((const struct doubled *)b)->again;
	if (ka->line != kb->line)
		return ka->line < kb->line ? -1 : 1;
	return ka->column < kb->column ? -1 : ka->column > kb->column;
}

static enum rc report_doubled(struct builder *b, const struct doubled *d)
{
	char message[256];
	snprintf(message, sizeof(message), "duplicate key \"%.100s\", first given in line %u",
		d->again->scalar.ptr, (unsigned)d->first->line);
	enum rc rc =
		mistake(b, d->again->line, d->again->column, message, "keep one of them, or rename the other");
	b->doubled = true;
	return rc == RC_NOMEM ? rc : RC_OK;
}

// Finds doubled keys in the sorted keys and marks them; returns how many.
static uint32_t find_doubled(struct yaml_node *const *sorted, uint32_t n, struct doubled *out)
{
	const struct yaml_node *first = sorted[0];
	uint32_t n_doubled = 0;
	for (uint32_t i = 1; i < n; i++) {
		if (!sv_equal(sorted[i]->scalar, first->scalar)) {
			first = sorted[i];
			continue;
		}
		sorted[i]->n = 1; // a scalar's n is unused: marks the key as doubled until it is dropped
		out[n_doubled++] = (struct doubled){sorted[i], first};
	}
	return n_doubled;
}

static void drop_marked(struct yaml_node *map)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < map->n; i++) {
		if (map->keys[i]->n == 1) {
			map->keys[i]->n = 0;
			continue;
		}
		map->keys[kept] = map->keys[i];
		map->items[kept++] = map->items[i];
	}
	map->n = kept;
}

// Finds doubled keys by sorting, reports them in order of place and drops the later ones from the map.
static enum rc drop_doubled(struct builder *b, struct yaml_node *map)
{
	if (map->n < 2)
		return RC_OK;
	struct yaml_node **sorted = mem_alloc(map->n * sizeof(struct yaml_node *));
	struct doubled *doubled = mem_alloc(map->n * sizeof(*doubled));
	enum rc rc = RC_OK;
	if (sorted && doubled) {
		memcpy(sorted, map->keys, map->n * sizeof(struct yaml_node *));
		qsort(sorted, map->n, sizeof(struct yaml_node *), key_order);
		uint32_t n_doubled = find_doubled(sorted, map->n, doubled);
		if (n_doubled > 0) {
			qsort(doubled, n_doubled, sizeof(*doubled), place_order);
			drop_marked(map);
		}
		for (uint32_t i = 0; i < n_doubled && rc == RC_OK; i++)
			rc = report_doubled(b, &doubled[i]);
	} else {
		rc = no_memory(b);
	}
	mem_free(sorted);
	mem_free(doubled);
	return rc;
}

static enum rc on_close(struct builder *b)
{
	struct frame *f = &b->stack[--b->depth];
	struct yaml_node *node = f->node;
	bool map = node->kind == YAML_IS_MAP;
	node->n = (uint32_t)(map ? f->n / 2 : f->n);
	node->items = arena_array(b->arena, node->n, sizeof(struct yaml_node *));
	node->keys = map ? arena_array(b->arena, node->n, sizeof(struct yaml_node *)) : NULL;
	bool failed = node->n > 0 && (!node->items || (map && !node->keys));
	for (uint32_t i = 0; i < node->n && !failed; i++) {
		node->items[i] = f->children[map ? 2 * i + 1 : i];
		if (map)
			node->keys[i] = f->children[2 * i];
	}
	mem_free(f->children);
	f->children = NULL;
	if (failed)
		return no_memory(b);
	if (f->anchor >= 0)
		b->anchors[f->anchor].open = false;
	// The children are counted already; attach adds the whole subtree again.
	b->n_nodes -= node->n_nodes - 1;
	enum rc rc = map ? drop_doubled(b, node) : RC_OK;
	return rc != RC_OK ? rc : attach(b, node);
}

static enum rc on_event(struct builder *b, const yaml_event_t *ev)
{
	switch ((int)ev->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (b->root)
			return mistake_at(b, &ev->start_mark, "a second document starts here",
				"put only one document in the file");
		return RC_OK;
	case YAML_SCALAR_EVENT:
		return on_scalar(b, ev);
	case YAML_ALIAS_EVENT:
		return on_alias(b, ev);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(
			b, ev, YAML_IS_LIST, ev->data.sequence_start.anchor, ev->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return on_open(b, ev, YAML_IS_MAP, ev->data.mapping_start.anchor, ev->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_close(b);
	default:
		return RC_OK;
	}
}

static enum rc read_events(struct builder *b, struct sv text)
{
	enum rc rc = RC_OK;
	for (bool more = true; more && rc == RC_OK;) {
		yaml_event_t ev;
		if (!yaml_parser_parse(&b->parser, &ev))
			return syntax_error(b, text);
		more = ev.type != YAML_STREAM_END_EVENT;
		rc = on_event(b, &ev);
		yaml_event_delete(&ev);
	}
	if (rc == RC_OK && !b->root)
		rc = mistake(b, 1, 1, "the file is empty",
			"start from the one that corridor init --template prints");
	return rc;
}

enum rc yaml_parse(struct sv text, const char *file_name, struct arena *a, const struct yaml_sink *sink,
	struct yaml_node **root, struct err *e)
{
	*root = NULL;
	struct err own = ERR_NONE; // the caller's e may be NULL or set
	struct builder *b = mem_calloc(1, sizeof(*b));
	if (!b)
		return err_set(e, RC_NOMEM, "out of memory while reading %s", file_name);
	b->arena = a;
	b->file_name = file_name;
	b->sink = sink;
	b->e = &own;
	enum rc rc;
	if (text.len > YAML_TEXT_MAX_BYTES) {
		rc = mistake(b, 1, 1, "the file is larger than 4 MiB",
			"split it, or remove what does not belong here");
	} else if (!yaml_parser_initialize(&b->parser)) {
		rc = no_memory(b);
	} else {
		yaml_parser_set_encoding(&b->parser, YAML_UTF8_ENCODING);
		yaml_parser_set_input_string(
			&b->parser, (const unsigned char *)(text.ptr ? text.ptr : ""), text.len);
		rc = read_events(b, text);
		yaml_parser_delete(&b->parser);
	}
	if (rc == RC_OK)
		*root = b->root;
	if (rc == RC_OK && b->doubled)
		rc = own.rc;
	for (uint32_t i = 0; i < b->depth; i++)
		mem_free(b->stack[i].children);
	mem_free(b->anchors);
	mem_free(b);
	if (rc != RC_OK)
		err_take(e, &own);
	return rc;
}

static uint32_t key_index(const struct yaml_node *map, struct sv key)
{
	if (!map || map->kind != YAML_IS_MAP)
		return UINT32_MAX;
	for (uint32_t i = 0; i < map->n; i++)
		if (sv_equal(map->keys[i]->scalar, key))
			return i;
	return UINT32_MAX;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, struct sv key)
{
	uint32_t i = key_index(map, key);
	return i == UINT32_MAX ? NULL : map->items[i];
}

const struct yaml_node *yaml_get_key(const struct yaml_node *map, struct sv key)
{
	uint32_t i = key_index(map, key);
	return i == UINT32_MAX ? NULL : map->keys[i];
}

bool yaml_is_null(const struct yaml_node *node)
{
	if (!node)
		return true;
	if (node->kind != YAML_IS_SCALAR || node->quoted)
		return false;
	return node->scalar.len == 0 || sv_equal(node->scalar, SV("~")) ||
	       sv_equal_nocase(node->scalar, SV("null"));
}

bool yaml_to_bool(const struct yaml_node *node, bool *out)
{
	static const struct {
		struct sv word;
		bool value;
	} words[] = {{{"true", 4}, true}, {{"false", 5}, false}, {{"yes", 3}, true}, {{"no", 2}, false},
		{{"on", 2}, true}, {{"off", 3}, false}};
	if (!node || node->kind != YAML_IS_SCALAR || node->quoted)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (sv_equal_nocase(node->scalar, words[i].word)) {
			*out = words[i].value;
			return true;
		}
	}
	return false;
}

bool yaml_to_double(const struct yaml_node *node, double *out)
{
	return node && node->kind == YAML_IS_SCALAR && !node->quoted && sv_to_double(node->scalar, out);
}

const char *yaml_kind_name(const struct yaml_node *node)
{
	static const char *const names[] = {"a text", "a list", "a map"};
	return yaml_is_null(node) ? "nothing" : names[node->kind];
}
