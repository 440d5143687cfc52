/* SPDX-License-Identifier: Apache-2.0 */
/* What gains by AVX-512 VNNI: products of bytes four at a time, and of int16 added at once. None of
   the forms used here saturates. */
#define ISA(name)  name##_vnni
#define DOT_SIGNED 0
#define HAS_DOT
#include "lanes16.h"

ALWAYS_INLINE ivec dot(ivec sum, ivec x, ivec w)
{
    return (ivec)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)x, (__m512i)w);
}

#include "../simd/dense_dot8.h"
#include "../simd/depthwise_i8.h"
#include "../simd/peak.h"
