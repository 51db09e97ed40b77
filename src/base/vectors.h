// SPDX-License-Identifier: Apache-2.0
// Which instructions over many numbers at once this processor has.
#ifndef CORRIDOR_BASE_VECTORS_H
#define CORRIDOR_BASE_VECTORS_H

// AVX2; or AVX-512 as processors have it since 2019 (F, BW, DQ, VL, VBMI). Each with those that count and find ones.
enum vectors { VECTORS_NONE, VECTORS_AVX2, VECTORS_AVX512 };

// What the processor has, and all below it. The environment's CORRIDOR_VECTORS=none or =avx2 allows no more than that: to
// test what other processors do. From any thread.
enum vectors vectors_have(void);

#endif
