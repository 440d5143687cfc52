/* SPDX-License-Identifier: Apache-2.0 */
/* AVX2 and FMA: 16 registers of 8 floats. */
#include <immintrin.h>

#define LANES         8
#define ROWS          6
#define PANEL_VECTORS 2
#define ISA(name)     name##_avx2

#include "../simd/lanes.h"

ALWAYS_INLINE vec vec_max(vec a, vec b)
{
    return (vec)_mm256_max_ps((__m256)a, (__m256)b);
}

ALWAYS_INLINE vec vec_min(vec a, vec b)
{
    return (vec)_mm256_min_ps((__m256)a, (__m256)b);
}

#include "../simd/activation.h"
#include "../simd/dense_f32.h"
#include "../simd/depthwise_f32.h"
