// SPDX-License-Identifier: Apache-2.0
// See slow_paths.h.
#include "slow_paths.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
// cmocka wants these above first
#include <cmocka.h>

void slow_sessions(const struct fixture *f, const char *where, int64_t gap_ms,
	void (*see)(const struct fixture *f, const struct slow_session *s, void *context), void *context)
{
	struct slow_session *s = mem_calloc(1, sizeof(*s));
	assert_non_null(s);
	for (uint32_t i = 0; i <= f->n; i++) {
		char text[64];
		const struct log_row *x = &f->rows[i];
		if (i < f->n && where && strcmp(row_label(f, x, "channel", text), "web") == 0)
			continue;
		const struct log_row *last = s->n ? &f->rows[s->row[s->n - 1]] : NULL;
		bool ends = last && (i == f->n || x->customer != last->customer ||
					    (gap_ms >= 0 && x->at_ms - last->at_ms > gap_ms));
		if (ends) {
			see(f, s, context);
			s->n = 0;
		}
		if (i < f->n)
			s->row[s->n++] = i;
	}
	mem_free(s);
}

struct slow_count *slow_count_find(const struct slow_counts *c, const char *text)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (strcmp(c->items[i].text, text) == 0)
			return &c->items[i];
	return NULL;
}

struct slow_count *slow_count_of(struct slow_counts *c, const char *text)
{
	struct slow_count *found = slow_count_find(c, text);
	if (found)
		return found;
	size_t capacity = c->capacity;
	assert_int_equal(mem_grow((void **)&c->items, &capacity, (size_t)c->n + 1, sizeof(*c->items)), 0);
	c->capacity = (uint32_t)capacity;
	struct slow_count *x = &c->items[c->n++];
	*x = (struct slow_count){.text = mem_alloc(strlen(text) + 1)};
	assert_non_null(x->text);
	memcpy(x->text, text, strlen(text) + 1);
	return x;
}

void slow_count_ms(struct slow_count *c, int64_t ms)
{
	size_t capacity = c->capacity_ms;
	assert_int_equal(mem_grow((void **)&c->ms, &capacity, (size_t)c->n_ms + 1, sizeof(*c->ms)), 0);
	c->capacity_ms = (uint32_t)capacity;
	c->ms[c->n_ms++] = ms;
}

void slow_counts_free(struct slow_counts *c)
{
	for (uint32_t i = 0; i < c->n; i++) {
		mem_free(c->items[i].text);
		mem_free(c->items[i].ms);
	}
	mem_free(c->items);
	*c = (struct slow_counts){0};
}

const char *word_value(const char *const *words, const char *name)
{
	size_t n = strlen(name);
	for (; *words; words++)
		if (strncmp(*words, name, n) == 0 && (*words)[n] == '=')
			return *words + n + 1;
	return NULL;
}

void slow_group(const struct fixture *f, const struct log_row *x, const char *by, char out[256])
{
	out[0] = '\0';
	size_t used = 0;
	struct sv rest = sv_from(by);
	while (by && rest.ptr) {
		char name[32], text[64];
		struct sv field = sv_cut(rest, ',', &rest);
		snprintf(name, sizeof(name), "%.*s", SV_ARG(field));
		used += (size_t)snprintf(out + used, 256 - used, "%s|", row_label(f, x, name, text));
	}
}

void result_group(const struct result *r, uint32_t row, char out[256])
{
	out[0] = '\0';
	size_t used = 0;
	for (uint32_t i = 0; i < r->n_by; i++)
		used += (size_t)snprintf(
			out + used, 256 - used, "%.*s|", SV_ARG(r->cells[(size_t)row * r->n_columns + i].text));
}
