/* SPDX-License-Identifier: Apache-2.0 */
#define ISA(name) name##_avx512
#include "lanes16.h"

/* LANES int32 to LANES int64. */
ALWAYS_INLINE void widen_add(int64_t *sums, ivec more)
{
    __m512i low = _mm512_cvtepi32_epi64(_mm512_castsi512_si256((__m512i)more));
    __m512i high = _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64((__m512i)more, 1));
    _mm512_storeu_si512(sums, _mm512_add_epi64(_mm512_loadu_si512(sums), low));
    _mm512_storeu_si512(sums + 8, _mm512_add_epi64(_mm512_loadu_si512(sums + 8), high));
}

#include "../simd/activation.h"
#include "../simd/convert.h"
#include "../simd/dense_f32.h"
#include "../simd/dense_i16.h"
#include "../simd/dense_i8.h"
#include "../simd/depthwise_f32.h"
#include "../simd/depthwise_i16.h"
#include "../simd/depthwise_i8.h"
#include "../simd/elements.h"
#include "../simd/matmul.h"
#include "../simd/peak.h"
#include "../simd/pooling.h"
#include "../simd/winograd_f32.h"
