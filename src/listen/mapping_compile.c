// SPDX-License-Identifier: Apache-2.0
// Tools of the compiler: mistakes with their place and remedy, maps with known keys, growing lists.
#include "listen/mapping_compile.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

enum rc compile_fail(struct compiler *c, const struct yaml_node *at, const char *format, ...)
{
	char message[512];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	err_set(c->e, RC_INPUT, "%s", message);
	if (at)
		err_place(c->e, c->file_name, at->line, at->column);
	return RC_INPUT;
}

enum rc compile_no_memory(struct compiler *c)
{
	err_set(c->e, RC_NOMEM, "out of memory for the mapping");
	return RC_NOMEM;
}

void compile_remedy_names(struct compiler *c, struct sv name,
	struct sv (*name_at)(const void *names, uint32_t i), const void *names, uint32_t n)
{
	char list[256];
	size_t len = 0;
	struct sv best = SV_NONE;
	unsigned distance = 1 + (unsigned)name.len / 3;
	for (uint32_t i = 0; i < n; i++) {
		struct sv s = name_at(names, i);
		unsigned d = sv_equal_nocase(s, name) ? 0 : sv_distance(s, name);
		if (d <= distance && (d < distance || !best.ptr)) {
			best = s;
			distance = d;
		}
		if (len + s.len + 3 < sizeof(list))
			len += (size_t)snprintf(
				list + len, sizeof(list) - len, "%s%.*s", i ? ", " : "", SV_ARG(s));
	}
	if (best.ptr)
		err_remedy(c->e, "did you mean \"%.*s\"?", SV_ARG(best));
	else if (n)
		err_remedy(c->e, "known are: %.*s", (int)len, list);
}

struct key_names {
	enum key_context context;
};

// The i-th key of a context; SV("") past the end.
static struct sv key_name(const void *names, uint32_t i)
{
	const struct key_names *k = names;
	for (int at = 0; at < KEY_COUNT; at++) {
		if ((mapping_keys[at].contexts & (unsigned)k->context) && i-- == 0)
			return sv_from(mapping_keys[at].name);
	}
	return SV("");
}

static uint32_t key_count(enum key_context context)
{
	uint32_t n = 0;
	for (int i = 0; i < KEY_COUNT; i++)
		n += (mapping_keys[i].contexts & (unsigned)context) != 0;
	return n;
}

static int key_find(enum key_context context, struct sv name)
{
	for (int i = 0; i < KEY_COUNT; i++) {
		if ((mapping_keys[i].contexts & (unsigned)context) &&
			sv_equal(sv_from(mapping_keys[i].name), name))
			return i;
	}
	return -1;
}

enum rc compile_keys(
	struct compiler *c, enum key_context context, const struct yaml_node *map, struct keys *out)
{
	if (map->kind != YAML_IS_MAP)
		return compile_fail(c, map, "a map is wanted here, not %s", yaml_kind_name(map));
	for (uint32_t i = 0; i < map->n; i++) {
		int key = key_find(context, map->keys[i]->scalar);
		if (key >= 0) {
			out->of[key] = map->items[i];
			continue;
		}
		compile_fail(c, map->keys[i], "unknown key \"%.*s\"", SV_ARG(map->keys[i]->scalar));
		if (map->n == 1 && yaml_is_null(map->items[0]) && context >= IN_VALUE) {
			err_remedy(c->e, "a template that starts with { needs quotes: \"{%.*s}\"",
				SV_ARG(map->keys[i]->scalar));
		} else {
			struct key_names names = {context};
			compile_remedy_names(c, map->keys[i]->scalar, key_name, &names, key_count(context));
		}
		return RC_INPUT;
	}
	for (int i = 0; i < KEY_COUNT; i++) {
		const struct key_info *k = &mapping_keys[i];
		if (k->required && (k->contexts & (unsigned)context) && !out->of[i]) {
			compile_fail(c, map, "the key \"%s\" is missing", k->name);
			err_remedy(c->e, "%s: %s", k->name, k->about);
			return RC_INPUT;
		}
	}
	return RC_OK;
}

enum rc compile_add(struct compiler *c, enum list_id list, const void *items, uint32_t n, uint32_t *first)
{
	struct list *l = &c->lists[list];
	if (mem_grow(&l->items, &l->capacity, (size_t)l->n + n + 1, l->size))
		return compile_no_memory(c);
	if (n)
		memcpy((char *)l->items + (size_t)l->n * l->size, items, (size_t)n * l->size);
	*first = l->n;
	l->n += n;
	return RC_OK;
}

enum rc compile_text(struct compiler *c, const struct yaml_node *node, const char *what, struct sv *out)
{
	if (node->kind != YAML_IS_SCALAR || yaml_is_null(node)) {
		compile_fail(c, node, "%s must be a text, not %s", what,
			yaml_is_null(node) ? "nothing" : yaml_kind_name(node));
		if (node->kind == YAML_IS_MAP && node->n == 1 && yaml_is_null(node->items[0]))
			err_remedy(c->e, "a template that starts with { needs quotes: \"{%.*s}\"",
				SV_ARG(node->keys[0]->scalar));
		return RC_INPUT;
	}
	*out = node->scalar;
	return RC_OK;
}

enum rc compile_texts(
	struct compiler *c, const struct yaml_node *node, const char *what, struct sv **out, uint32_t *n)
{
	bool one = node->kind != YAML_IS_LIST;
	if (!one && node->n > COMPILE_ITEMS_MAX)
		return compile_fail(c, node, "%s has more than %u items", what, COMPILE_ITEMS_MAX);
	*n = one ? 1 : node->n;
	*out = arena_array(c->m->arena, *n + 1, sizeof(**out));
	if (!*out)
		return compile_no_memory(c);
	for (uint32_t i = 0; i < *n; i++) {
		enum rc rc = compile_text(c, one ? node : node->items[i], what, &(*out)[i]);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

enum rc compile_bool(struct compiler *c, const struct yaml_node *node, const char *what, bool *out)
{
	if (!node || yaml_to_bool(node, out))
		return RC_OK;
	return compile_fail(c, node, "%s must be true or false", what);
}

enum rc compile_whole(struct compiler *c, const struct yaml_node *node, const char *what, int32_t min,
	int32_t max, int32_t *out)
{
	int64_t v;
	if (!node)
		return RC_OK;
	if (node->kind != YAML_IS_SCALAR || !sv_to_i64(node->scalar, &v) || v < min || v > max)
		return compile_fail(c, node, "%s must be a whole number from %d to %d", what, min, max);
	*out = (int32_t)v;
	return RC_OK;
}
