// SPDX-License-Identifier: Apache-2.0
// The only place that calls malloc. Allocations can fail (return NULL); callers turn that into RC_NOMEM.
// Tests make the Nth allocation fail.
#ifndef CORRIDOR_BASE_MEM_H
#define CORRIDOR_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

// Allocates `bytes` (uninitialised), or NULL. Free with mem_free. bytes may be 0 (returns a unique pointer).
void *mem_alloc(size_t bytes);
// Allocates n × size zeroed bytes, or NULL (also when the product overflows).
void *mem_calloc(size_t n, size_t size);
// The same for tables that are large and used all over: in huge pages where the system has them, which are had and found
// many times faster.
void *mem_calloc_large(size_t n, size_t size);
// As mem_alloc, for memory that is filled from its beginning: only what is written to is had, from some size on in huge
// pages.
void *mem_alloc_large(size_t bytes);
// Resizes like realloc; on failure returns NULL and the old block stays.
void *mem_realloc(void *p, size_t bytes);
// Grows *p, an array of *capacity elements of `size` bytes, so that it holds at least `need` elements,
// at least doubling. Returns 0, or -1 when out of memory (array unchanged).
int mem_grow(void **p, size_t *capacity, size_t need, size_t size);
// Frees; NULL is allowed.
void mem_free(void *p);

// For a process that answers many questions: keeps up to `bytes` of freed memory for the next allocations instead of
// giving it back, because a page had anew costs microseconds. Once, at the start; does nothing where malloc cannot.
void mem_retain(size_t bytes);

// Gives freed memory back to the system, also what mem_retain keeps and what lies between memory in use. Takes
// milliseconds: for when there is nothing else to do. Does nothing where malloc cannot.
void mem_give_back(void);

// Bytes of mapped files that are resident in this process just now, 0 when the system does not tell. They are clean
// and the kernel takes them back when it needs memory, but they count in the process's resident size.
uint64_t mem_file_resident(void);

// Fault injection for tests: the nth allocation from now (1 = the next) fails once; 0 = off.
void mem_fail_at(uint64_t nth);
// Number of allocations made by this process so far.
uint64_t mem_count(void);

#endif
