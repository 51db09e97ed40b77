// SPDX-License-Identifier: Apache-2.0
// Arenas: a list of blocks, filled in order. Invariants: blocks before `current` are not written until a reset;
// `used` is what was handed out (rounded up to the alignment) and never exceeds the cap.
#include "base/arena.h"
#include "base/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum { ALIGNMENT = 16, BLOCK_MIN = 4096, BLOCK_MAX = 1 << 20, MAGIC = 0x41524E41 };

struct block {
	struct block *next;
	size_t size, used;
	_Alignas(ALIGNMENT) unsigned char bytes[];
};

struct arena {
	uint32_t magic;
	size_t cap, used;
	size_t next_size; // of the next block that has to be made
	struct block *first, *current;
	bool refused;
};

struct arena *arena_new(size_t cap_bytes)
{
	struct arena *a = mem_calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->magic = MAGIC;
	a->cap = cap_bytes ? cap_bytes : SIZE_MAX;
	a->next_size = BLOCK_MIN;
	return a;
}

void arena_free(struct arena **a)
{
	if (!*a)
		return;
	assert((*a)->magic == MAGIC);
	struct block *b = (*a)->first;
	while (b) {
		struct block *next = b->next;
		mem_free(b);
		b = next;
	}
	(*a)->magic = 0;
	mem_free(*a);
	*a = NULL;
}

// Makes `current` a block with room for n bytes: a kept one if there is one, else a new one.
static bool make_room(struct arena *a, size_t n)
{
	while (a->current && a->current->next) {
		a->current = a->current->next;
		a->current->used = 0;
		if (a->current->size >= n)
			return true;
	}
	size_t size = n > a->next_size ? n : a->next_size;
	if (size > SIZE_MAX - sizeof(struct block))
		return false;
	struct block *b = mem_alloc(sizeof(*b) + size);
	if (!b)
		return false;
	*b = (struct block){.size = size};
	if (a->current)
		a->current->next = b;
	else
		a->first = b;
	a->current = b;
	if (a->next_size < BLOCK_MAX)
		a->next_size *= 2;
	return true;
}

static void *refuse(struct arena *a)
{
	a->refused = true;
	return NULL;
}

bool arena_refused(const struct arena *a)
{
	return a->refused;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
	assert(a->magic == MAGIC);
	if (bytes > SIZE_MAX - ALIGNMENT)
		return refuse(a);
	size_t n = bytes ? (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;
	if (n > a->cap - a->used)
		return refuse(a);
	if (!a->current || a->current->size - a->current->used < n)
		if (!make_room(a, n))
			return refuse(a);
	void *p = a->current->bytes + a->current->used;
	a->current->used += n;
	a->used += n;
	return memset(p, 0, n);
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(n, size, &bytes))
		return refuse(a);
	return arena_alloc(a, bytes);
}

struct sv arena_copy(struct arena *a, struct sv s)
{
	if (!s.ptr || s.len == SIZE_MAX)
		return SV_NONE;
	char *copy = arena_alloc(a, s.len + 1);
	if (!copy)
		return SV_NONE;
	memcpy(copy, s.ptr, s.len);
	return (struct sv){copy, s.len};
}

struct sv arena_printf(struct arena *a, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	struct sv result = SV_NONE;
	int n = vsnprintf(NULL, 0, format, args);
	char *text = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
	if (text && vsnprintf(text, (size_t)n + 1, format, again) == n)
		result = (struct sv){text, (size_t)n};
	va_end(again);
	va_end(args);
	return result;
}

void arena_reset(struct arena *a)
{
	assert(a->magic == MAGIC);
	a->current = a->first;
	if (a->current)
		a->current->used = 0;
	a->used = 0;
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}
