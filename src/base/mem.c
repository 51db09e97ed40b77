// SPDX-License-Identifier: Apache-2.0
// The one place that calls malloc. Invariant: every block that mem_free gets came from here.
// The two counters are the only process-wide mutable state: they exist for tests and are atomic.
#include "base/mem.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#define HUGE_PAGE ((uintptr_t)1 << 21)
#define PAGE ((uintptr_t)1 << 12)

static atomic_uint_fast64_t n_allocations;
static atomic_uint_fast64_t fail_countdown; // 0 = off; the allocation that brings it from 1 to 0 fails

// Counts an allocation; true when it is the one that a test wants to fail.
static bool must_fail(void)
{
	atomic_fetch_add_explicit(&n_allocations, 1, memory_order_relaxed);
	uint_fast64_t left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);
	while (left != 0)
		if (atomic_compare_exchange_weak(&fail_countdown, &left, left - 1))
			return left == 1;
	return false;
}

void *mem_alloc(size_t bytes)
{
	if (must_fail())
		return NULL;
	return malloc(bytes ? bytes : 1);
}

void *mem_calloc(size_t n, size_t size)
{
	if (must_fail())
		return NULL;
	size_t bytes;
	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return calloc(bytes ? bytes : 1, 1);
}

// Where there are no huge pages, the advice changes nothing.
static void advise_huge(void *p, size_t bytes)
{
	uintptr_t first = ((uintptr_t)p + PAGE - 1) & ~(PAGE - 1), end = ((uintptr_t)p + bytes) & ~(PAGE - 1);
	if (p && bytes >= 2 * HUGE_PAGE)
		(void)madvise((void *)first, end - first, MADV_HUGEPAGE);
}

// Fresh from the system and not touched yet, as calloc takes blocks of this size; where it is not, the advice comes too
// late, and changes nothing.
void *mem_calloc_large(size_t n, size_t size)
{
	void *p = mem_calloc(n, size);
	advise_huge(p, n * size);
	return p;
}

void *mem_alloc_large(size_t bytes)
{
	void *p = mem_alloc(bytes);
	advise_huge(p, bytes);
	return p;
}

void *mem_realloc(void *p, size_t bytes)
{
	if (must_fail())
		return NULL;
	return realloc(p, bytes ? bytes : 1);
}

int mem_grow(void **p, size_t *capacity, size_t need, size_t size)
{
	if (need <= *capacity)
		return 0;
	size_t wanted = *capacity < 8 ? 8 : *capacity;
	if (__builtin_mul_overflow(wanted, 2, &wanted) || wanted < need)
		wanted = need;
	size_t bytes;
	if (__builtin_mul_overflow(wanted, size, &bytes))
		return -1;
	void *grown = mem_realloc(*p, bytes);
	if (!grown)
		return -1;
	*p = grown;
	*capacity = wanted;
	return 0;
}

void mem_retain(size_t bytes)
{
#ifdef __GLIBC__
	int limit = bytes > INT_MAX ? INT_MAX : (int)bytes;
	mallopt(M_TRIM_THRESHOLD, limit);
	mallopt(M_MMAP_THRESHOLD, limit);
#else
	(void)bytes;
#endif
}

void mem_give_back(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

void mem_free(void *p)
{
	free(p);
}

void mem_fail_at(uint64_t nth)
{
	atomic_store(&fail_countdown, nth);
}

uint64_t mem_count(void)
{
	return atomic_load(&n_allocations);
}

uint64_t mem_file_resident(void)
{
	unsigned long long total, resident, shared = 0; // pages
	FILE *f = fopen("/proc/self/statm", "re");
	if (!f)
		return 0;
	if (fscanf(f, "%llu %llu %llu", &total, &resident, &shared) != 3)
		shared = 0;
	fclose(f);
	return shared * (uint64_t)sysconf(_SC_PAGESIZE);
}
