// SPDX-License-Identifier: Apache-2.0
// Dictionary: strings ↔ dense codes 0, 1, 2, … in order of first appearance. Owns copies of the strings.
// Not thread-safe for adding; lookups may run in parallel while nobody adds.
#ifndef CORRIDOR_BASE_DICT_H
#define CORRIDOR_BASE_DICT_H

#include "base/sv.h"

#include <stdint.h>

#define DICT_NONE UINT32_MAX

struct dict;

// An empty dictionary for at most max_entries strings. NULL when out of memory.
struct dict *dict_new(uint32_t max_entries);
void dict_free(struct dict **d);
// The code of s, adding it when new. DICT_NONE: out of memory or full.
uint32_t dict_add(struct dict *d, struct sv s);
// The code of s, or DICT_NONE.
uint32_t dict_find(const struct dict *d, struct sv s);
// The string of a code (valid for the dictionary's life, NUL-terminated); SV_NONE when there is none.
struct sv dict_at(const struct dict *d, uint32_t code);
uint32_t dict_count(const struct dict *d);
// Forgets all strings, keeps memory.
void dict_clear(struct dict *d);

#endif
