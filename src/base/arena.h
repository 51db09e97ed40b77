// SPDX-License-Identifier: Apache-2.0
// Arenas: memory by lifetime. What input sizes comes only from an arena with a cap. Not thread-safe.
#ifndef CORRIDOR_BASE_ARENA_H
#define CORRIDOR_BASE_ARENA_H

#include "base/sv.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena; // magic-checked

// Makes an arena that hands out at most cap_bytes in all (0 = no cap). NULL when out of memory.
struct arena *arena_new(size_t cap_bytes);
// Frees everything and sets *a to NULL; NULL is allowed.
void arena_free(struct arena **a);
// `bytes` zeroed bytes aligned to 16, valid until reset or free. NULL: out of memory or over the cap.
void *arena_alloc(struct arena *a, size_t bytes);
// n × size zeroed; NULL also when the product overflows.
void *arena_array(struct arena *a, size_t n, size_t size);
// A copy that is NUL-terminated (len excludes the NUL). ptr NULL on failure or for an absent view.
struct sv arena_copy(struct arena *a, struct sv s);
// printf into the arena; SV_NONE on failure.
struct sv arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Forgets all that was handed out, keeps the blocks for reuse.
void arena_reset(struct arena *a);
// Did it ever have to refuse (out of memory, over the cap)? So that what is made of many small copies is checked once.
bool arena_refused(const struct arena *a);
// Bytes handed out since the last reset.
size_t arena_used(const struct arena *a);

#endif
