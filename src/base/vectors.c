// SPDX-License-Identifier: Apache-2.0
#include "base/vectors.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static enum vectors of_processor(void)
{
#if defined(__x86_64__)
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi") ||
		!__builtin_cpu_supports("popcnt"))
		return VECTORS_NONE;
	bool all = __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512bw") &&
		   __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
	return all ? VECTORS_AVX512 : VECTORS_AVX2;
#else
	return VECTORS_NONE;
#endif
}

static enum vectors allowed(void)
{
	const char *most = getenv("CORRIDOR_VECTORS");
	return !most || !*most               ? VECTORS_AVX512
	       : strcmp(most, "avx2") == 0   ? VECTORS_AVX2
	       : strcmp(most, "avx512") == 0 ? VECTORS_AVX512
					     : VECTORS_NONE;
}

enum vectors vectors_have(void)
{
	static atomic_int known; // and one more; 0: not looked at yet
	int v = atomic_load_explicit(&known, memory_order_relaxed);
	if (v == 0) {
		enum vectors has = of_processor(), may = allowed();
		v = 1 + (int)(has < may ? has : may);
		atomic_store_explicit(&known, v, memory_order_relaxed);
	}
	return (enum vectors)(v - 1);
}
