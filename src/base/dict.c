// SPDX-License-Identifier: Apache-2.0
// Strings to dense codes: open addressing with linear probing over slots of 8 bytes, at most half full.
// Invariants: slot.code_plus_1 is 0 for an empty slot; slot.tag is the high half of the string's hash (the low
// half gives the place); strings live in blocks that never move, so that views stay valid.
#include "base/dict.h"
#include "base/hash.h"
#include "base/mem.h"

#include <assert.h>

enum { MAGIC = 0x44494354, SLOTS_MIN = 64, BLOCK_BYTES = 64 * 1024 };

struct slot {
	uint32_t tag, code_plus_1;
};

struct entry {
	const char *text;
	uint64_t hash;
	uint32_t len;
};

struct block {
	struct block *next;
	size_t size, used;
	char bytes[];
};

struct dict {
	uint32_t magic, max_entries;
	size_t n_entries, capacity;
	struct entry *entries;
	struct slot *slots;
	size_t n_slots; // a power of two
	struct block *first, *current;
};

struct dict *dict_new(uint32_t max_entries)
{
	struct dict *d = mem_calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->magic = MAGIC;
	d->max_entries = max_entries < DICT_NONE ? max_entries : DICT_NONE - 1;
	d->n_slots = SLOTS_MIN;
	d->slots = mem_calloc(d->n_slots, sizeof(*d->slots));
	if (!d->slots)
		dict_free(&d);
	return d;
}

void dict_free(struct dict **d)
{
	if (!*d)
		return;
	assert((*d)->magic == MAGIC);
	struct block *b = (*d)->first;
	while (b) {
		struct block *next = b->next;
		mem_free(b);
		b = next;
	}
	mem_free((*d)->slots);
	mem_free((*d)->entries);
	(*d)->magic = 0;
	mem_free(*d);
	*d = NULL;
}

// The slot that holds s, or the empty one where it belongs.
static struct slot *probe(const struct dict *d, struct sv s, uint64_t hash)
{
	size_t mask = d->n_slots - 1;
	uint32_t tag = (uint32_t)(hash >> 32);
	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct slot *slot = &d->slots[i];
		if (slot->code_plus_1 == 0)
			return slot;
		if (slot->tag != tag)
			continue;
		const struct entry *entry = &d->entries[slot->code_plus_1 - 1];
		if (entry->len == s.len && (s.len == 0 || memcmp(entry->text, s.ptr, s.len) == 0))
			return slot;
	}
}

static bool grow_slots(struct dict *d)
{
	size_t n = d->n_slots * 2;
	struct slot *slots = mem_calloc(n, sizeof(*slots));
	if (!slots)
		return false;
	for (size_t code = 0; code < d->n_entries; code++) {
		uint64_t hash = d->entries[code].hash;
		size_t i = hash & (n - 1);
		while (slots[i].code_plus_1 != 0)
			i = (i + 1) & (n - 1);
		slots[i] = (struct slot){(uint32_t)(hash >> 32), (uint32_t)code + 1};
	}
	mem_free(d->slots);
	d->slots = slots;
	d->n_slots = n;
	return true;
}

// n bytes that stay where they are.
static char *text_alloc(struct dict *d, size_t n)
{
	while (!d->current || d->current->size - d->current->used < n) {
		struct block *next = d->current ? d->current->next : d->first;
		if (!next) {
			size_t size = n > BLOCK_BYTES ? n : BLOCK_BYTES;
			next = mem_alloc(sizeof(*next) + size);
			if (!next)
				return NULL;
			*next = (struct block){.size = size};
			if (d->current)
				d->current->next = next;
			else
				d->first = next;
		}
		next->used = 0;
		d->current = next;
	}
	char *text = d->current->bytes + d->current->used;
	d->current->used += n;
	return text;
}

uint32_t dict_add(struct dict *d, struct sv s)
{
	assert(d->magic == MAGIC);
	uint64_t hash = hash64(s.ptr, s.len);
	struct slot *slot = probe(d, s, hash);
	if (slot->code_plus_1 != 0)
		return slot->code_plus_1 - 1;
	if (d->n_entries >= d->max_entries || s.len >= UINT32_MAX)
		return DICT_NONE;
	void *entries = d->entries;
	if (mem_grow(&entries, &d->capacity, d->n_entries + 1, sizeof(*d->entries)) != 0)
		return DICT_NONE;
	d->entries = entries;
	if ((d->n_entries + 1) * 2 > d->n_slots) {
		if (!grow_slots(d))
			return DICT_NONE;
		slot = probe(d, s, hash);
	}
	char *text = text_alloc(d, s.len + 1);
	if (!text)
		return DICT_NONE;
	if (s.len)
		memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	uint32_t code = (uint32_t)d->n_entries++;
	d->entries[code] = (struct entry){text, hash, (uint32_t)s.len};
	*slot = (struct slot){(uint32_t)(hash >> 32), code + 1};
	return code;
}

uint32_t dict_find(const struct dict *d, struct sv s)
{
	const struct slot *slot = probe(d, s, hash64(s.ptr, s.len));
	return slot->code_plus_1 ? slot->code_plus_1 - 1 : DICT_NONE;
}

struct sv dict_at(const struct dict *d, uint32_t code)
{
	if (code >= d->n_entries)
		return SV_NONE;
	return (struct sv){d->entries[code].text, d->entries[code].len};
}

uint32_t dict_count(const struct dict *d)
{
	return (uint32_t)d->n_entries;
}

void dict_clear(struct dict *d)
{
	assert(d->magic == MAGIC);
	memset(d->slots, 0, d->n_slots * sizeof(*d->slots));
	d->n_entries = 0;
	d->current = NULL;
}
