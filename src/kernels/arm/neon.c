/* SPDX-License-Identifier: Apache-2.0 */
#define ISA(name) name##_neon
#include "lanes4.h"

/* LANES int32 to LANES int64. */
ALWAYS_INLINE void widen_add(int64_t *sums, ivec more)
{
    vst1q_s64(sums, vaddw_s32(vld1q_s64(sums), vget_low_s32((int32x4_t)more)));
    vst1q_s64(sums + 2, vaddw_s32(vld1q_s64(sums + 2), vget_high_s32((int32x4_t)more)));
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
