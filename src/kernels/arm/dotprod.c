/* SPDX-License-Identifier: Apache-2.0 */
/* What gains by SDOT, which adds four products of signed bytes to each lane. */
#define ISA(name)  name##_dotprod
#define DOT_SIGNED 1
#define HAS_DOT
#include "lanes4.h"

ALWAYS_INLINE ivec dot(ivec sum, ivec x, ivec w)
{
    return (ivec)vdotq_s32((int32x4_t)sum, (int8x16_t)x, (int8x16_t)w);
}

#include "../simd/dense_dot8.h"
#include "../simd/peak.h"
