/* SPDX-License-Identifier: Apache-2.0 */
/* AVX-512 F, BW, VL and DQ: 32 registers of 16 floats. Shared by the sets that build on them; each
   defines ISA(name) first and madd(sum, x, w) after lanes.h (see there). */
#include <immintrin.h>

#define LANES         16
#define ROWS          12
#define PANEL_VECTORS 2

#include "../simd/lanes.h"
#include "order.h"

ALWAYS_INLINE vec vec_max(vec a, vec b)
{
    return (vec)_mm512_max_ps((__m512)a, (__m512)b);
}

ALWAYS_INLINE vec vec_min(vec a, vec b)
{
    return (vec)_mm512_min_ps((__m512)a, (__m512)b);
}

ALWAYS_INLINE vec vec_fma(vec sum, vec a, vec b)
{
    return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)sum);
}

/* sum + the pairwise products of 32 int16 */
ALWAYS_INLINE ivec madd(ivec sum, ivec a, ivec b)
{
#if defined(__AVX512VNNI__)
    return (ivec)_mm512_dpwssd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
#else
    return (ivec)_mm512_add_epi32((__m512i)sum, _mm512_madd_epi16((__m512i)a, (__m512i)b));
#endif
}

#include "../simd/requant.h"

/* Eight products, rounded and shifted; the result is in the low halves. */
ALWAYS_INLINE __m512i scale_wide(ork_rule rule, __m512i acc, __m512i mantissa, const int64_t *shift,
                                 const int64_t *offset)
{
    __m512i count = _mm512_loadu_si512(shift);
    __m512i product = _mm512_mul_epi32(acc, mantissa);
    __m512i sum = _mm512_add_epi64(product, _mm512_loadu_si512(offset));
    if (rule == ORK_RULE_PUMA) { /* a negative tie goes down */
        sum = _mm512_add_epi64(sum, _mm512_srai_epi64(product, 63));
    } else if (rule == ORK_RULE_DFP) { /* the tie above an odd number goes up */
        __m512i floored = _mm512_srav_epi64(product, count);
        sum = _mm512_add_epi64(sum, _mm512_and_si512(floored, _mm512_set1_epi64(1)));
    }
    return _mm512_srlv_epi64(sum, count);
}

ALWAYS_INLINE ivec requantize(const ork_requant *r, const requant_lanes *k, ivec accumulators)
{
    __m512i acc = _mm512_max_epi32((__m512i)accumulators, (__m512i)ivec_load(k->low));
    acc = _mm512_min_epi32(acc, (__m512i)ivec_load(k->high));
    __m512i mantissa = (__m512i)ivec_load(k->mantissa);
    __m512i even = scale_wide(r->rule, acc, mantissa, k->shift, k->offset);
    __m512i odd = scale_wide(r->rule, _mm512_srli_epi64(acc, 32), _mm512_srli_epi64(mantissa, 32),
                             k->shift + LANES / 2, k->offset + LANES / 2);
    __m512i value = _mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64(odd, 32));
    value = _mm512_add_epi32(value, (__m512i)ivec_load(k->term));
    value = _mm512_max_epi32(value, _mm512_set1_epi32(r->clamp_min));
    return (ivec)_mm512_min_epi32(value, _mm512_set1_epi32(r->clamp_max));
}

/* 32 numbers of -128 .. 255 to bytes; the sums come as unpacking leaves them: the lower halves of
   each 8 channels in a, the upper ones in b. */
ALWAYS_INLINE void dw_narrow(ivec a, ivec b, uint8_t *to)
{
    __m512i words = _mm512_packs_epi32((__m512i)a, (__m512i)b);
    _mm256_storeu_si256((__m256i *)(void *)to, _mm512_cvtepi16_epi8(words));
}

/* The same for vectors one after the other. */
ALWAYS_INLINE void narrow(ivec a, ivec b, uint8_t *to)
{
    _mm_storeu_si128((__m128i *)(void *)to, _mm512_cvtepi32_epi8((__m512i)a));
    _mm_storeu_si128((__m128i *)(void *)(to + LANES), _mm512_cvtepi32_epi8((__m512i)b));
}

ALWAYS_INLINE void dw_pair(ivec sum[2], const int16_t *x0, const int16_t *x1, const int16_t *w)
{
    __m512i a = _mm512_loadu_si512(x0), b = _mm512_loadu_si512(x1);
    const ivec *weights = (const ivec *)(const void *)w;
    sum[0] = madd(sum[0], (ivec)_mm512_unpacklo_epi16(a, b), weights[0]);
    sum[1] = madd(sum[1], (ivec)_mm512_unpackhi_epi16(a, b), weights[1]);
}

/* 64 entries from `table` on by the low 6 bits. */
ALWAYS_INLINE __m512i look_up_four(const uint8_t *table, __m512i low, __mmask64 bit4,
                                   __mmask64 bit5)
{
    __m512i part[4];
    for (int i = 0; i < 4; i++)
        part[i] = _mm512_broadcast_i32x4(
            _mm_loadu_si128((const __m128i *)(const void *)(table + 16 * i)));
    __m512i lower = _mm512_shuffle_epi8(part[0], low), upper = _mm512_shuffle_epi8(part[2], low);
    lower = _mm512_mask_shuffle_epi8(lower, bit4, part[1], low);
    upper = _mm512_mask_shuffle_epi8(upper, bit4, part[3], low);
    return _mm512_mask_blend_epi8(bit5, lower, upper);
}

ALWAYS_INLINE ivec look_up_vector(const uint8_t *table, ivec bytes)
{
    const __m512i x = (__m512i)bytes, low = _mm512_and_si512(x, _mm512_set1_epi8(15));
    const __mmask64 bit4 = _mm512_test_epi8_mask(x, _mm512_set1_epi8(16));
    const __mmask64 bit5 = _mm512_test_epi8_mask(x, _mm512_set1_epi8(32));
    const __mmask64 bit6 = _mm512_test_epi8_mask(x, _mm512_set1_epi8(64));
    __m512i lower = _mm512_mask_blend_epi8(bit6, look_up_four(table, low, bit4, bit5),
                                           look_up_four(table + 64, low, bit4, bit5));
    __m512i upper = _mm512_mask_blend_epi8(bit6, look_up_four(table + 128, low, bit4, bit5),
                                           look_up_four(table + 192, low, bit4, bit5));
    return (ivec)_mm512_mask_blend_epi8(_mm512_movepi8_mask(x), lower, upper);
}
