// SPDX-License-Identifier: Apache-2.0
// How many of their random cases tests try: all, but under a sanitizer, which takes several times as long and looks for
// other mistakes than wrong answers, every fifth. With CORRIDOR_TEST_ALL=1 all of them there as well.
#ifndef CORRIDOR_TESTS_SEEDS_H
#define CORRIDOR_TESTS_SEEDS_H

#include <stdint.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SEEDS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SEEDS_SANITIZED 1
#endif
#endif
#ifndef SEEDS_SANITIZED
#define SEEDS_SANITIZED 0
#endif

// From one seed to the next. Five, because what a seed stands for mostly repeats every 2, 3, 4, 7 or 9.
static inline uint64_t seeds_step(void)
{
	return SEEDS_SANITIZED && !getenv("CORRIDOR_TEST_ALL") ? 5 : 1;
}

#endif
