/* SPDX-License-Identifier: Apache-2.0 */
/* AVX2 and FMA: 16 registers of 8 floats. */
#include <float.h>
#include <immintrin.h>

#define LANES         8
#define ROWS          6
#define PANEL_VECTORS 2
#define SUM_REGISTERS 12
#define ISA(name)     name##_avx2

#include "../simd/lanes.h"
#include "order.h"

ALWAYS_INLINE vec vec_max(vec a, vec b)
{
    return (vec)_mm256_max_ps((__m256)a, (__m256)b);
}

ALWAYS_INLINE vec vec_min(vec a, vec b)
{
    return (vec)_mm256_min_ps((__m256)a, (__m256)b);
}

ALWAYS_INLINE vec vec_fma(vec sum, vec a, vec b)
{
    return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)sum);
}

#include "../simd/requant.h"

/* sum + the pairwise products of 16 int16 */
ALWAYS_INLINE ivec madd(ivec sum, ivec a, ivec b)
{
    return (ivec)_mm256_add_epi32((__m256i)sum, _mm256_madd_epi16((__m256i)a, (__m256i)b));
}

/* Four products, rounded and shifted; the result is in the low halves. */
ALWAYS_INLINE __m256i scale_wide(ork_rule rule, __m256i acc, __m256i mantissa, const int64_t *shift,
                                 const int64_t *offset)
{
    __m256i count = _mm256_loadu_si256((const __m256i *)(const void *)shift);
    __m256i product = _mm256_mul_epi32(acc, mantissa);
    __m256i sum =
        _mm256_add_epi64(product, _mm256_loadu_si256((const __m256i *)(const void *)offset));
    if (rule == ORK_RULE_PUMA) { /* a negative tie goes down */
        sum = _mm256_add_epi64(sum, _mm256_cmpgt_epi64(_mm256_setzero_si256(), product));
    } else if (rule == ORK_RULE_DFP) { /* the tie above an odd number goes up */
        __m256i floored = _mm256_srlv_epi64(
            _mm256_add_epi64(product, _mm256_set1_epi64x((int64_t)1 << 62)), count);
        sum = _mm256_add_epi64(sum, _mm256_and_si256(floored, _mm256_set1_epi64x(1)));
    }
    return _mm256_srlv_epi64(sum, count);
}

ALWAYS_INLINE ivec requantize(const ork_requant *r, const requant_lanes *k, ivec accumulators)
{
    __m256i acc = _mm256_max_epi32((__m256i)accumulators, (__m256i)ivec_load(k->low));
    acc = _mm256_min_epi32(acc, (__m256i)ivec_load(k->high));
    __m256i mantissa = (__m256i)ivec_load(k->mantissa);
    __m256i even = scale_wide(r->rule, acc, mantissa, k->shift, k->offset);
    __m256i odd = scale_wide(r->rule, _mm256_srli_epi64(acc, 32), _mm256_srli_epi64(mantissa, 32),
                             k->shift + LANES / 2, k->offset + LANES / 2);
    __m256i value = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
    value = _mm256_add_epi32(value, (__m256i)ivec_load(k->term));
    value = _mm256_max_epi32(value, _mm256_set1_epi32(r->clamp_min));
    return (ivec)_mm256_min_epi32(value, _mm256_set1_epi32(r->clamp_max));
}

/* 16 numbers of -128 .. 255 to bytes; the sums come as unpacking leaves them: a's and b's lower
   halves, then the upper ones. */
ALWAYS_INLINE void dw_narrow(ivec a, ivec b, uint8_t *to)
{
    __m256i words = _mm256_packs_epi32((__m256i)a, (__m256i)b);
    words = _mm256_and_si256(words, _mm256_set1_epi16(0xff));
    __m128i bytes =
        _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128((__m128i *)(void *)to, bytes);
}

/* The same for vectors one after the other. */
ALWAYS_INLINE void narrow(ivec a, ivec b, uint8_t *to)
{
    dw_narrow((ivec)_mm256_permute2x128_si256((__m256i)a, (__m256i)b, 0x20),
              (ivec)_mm256_permute2x128_si256((__m256i)a, (__m256i)b, 0x31), to);
}

ALWAYS_INLINE void dw_pair(ivec sum[2], const int16_t *x0, const int16_t *x1, const int16_t *w)
{
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)x0);
    __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)x1);
    const ivec *weights = (const ivec *)(const void *)w;
    sum[0] = madd(sum[0], (ivec)_mm256_unpacklo_epi16(a, b), weights[0]);
    sum[1] = madd(sum[1], (ivec)_mm256_unpackhi_epi16(a, b), weights[1]);
}

/* 2 LANES bytes as int16. */
ALWAYS_INLINE ivec load_words(const uint8_t *from)
{
    return (ivec)_mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)from));
}

/* Sixteen entries from `table` on by the low halves of the bytes, or the sixteen after them where
   the bit tested is set. */
ALWAYS_INLINE __m256i look_up_two(const uint8_t *table, __m256i low, __m256i bit4)
{
    const __m128i *part = (const __m128i *)(const void *)table;
    __m256i first = _mm256_broadcastsi128_si256(_mm_loadu_si128(part));
    __m256i second = _mm256_broadcastsi128_si256(_mm_loadu_si128(part + 1));
    return _mm256_blendv_epi8(_mm256_shuffle_epi8(first, low), _mm256_shuffle_epi8(second, low),
                              bit4);
}

ALWAYS_INLINE __m256i look_up_four(const uint8_t *table, __m256i low, __m256i bit4, __m256i bit5)
{
    return _mm256_blendv_epi8(look_up_two(table, low, bit4), look_up_two(table + 32, low, bit4),
                              bit5);
}

/* Bits are tested where they stand highest in a byte. */
ALWAYS_INLINE ivec look_up_vector(const uint8_t *table, ivec bytes)
{
    const __m256i x = (__m256i)bytes, low = _mm256_and_si256(x, _mm256_set1_epi8(15));
    const __m256i bit4 = _mm256_slli_epi16(x, 3), bit5 = _mm256_slli_epi16(x, 2);
    const __m256i bit6 = _mm256_slli_epi16(x, 1);
    __m256i lower = _mm256_blendv_epi8(look_up_four(table, low, bit4, bit5),
                                       look_up_four(table + 64, low, bit4, bit5), bit6);
    __m256i upper = _mm256_blendv_epi8(look_up_four(table + 128, low, bit4, bit5),
                                       look_up_four(table + 192, low, bit4, bit5), bit6);
    return (ivec)_mm256_blendv_epi8(lower, upper, x);
}

/* The first `count` bytes, 0 behind them. */
ALWAYS_INLINE ivec load_part(const uint8_t *from, int64_t count)
{
    ivec part = ivec_of(0);
    if (count == 4 * LANES)
        return ivec_load_bytes(from);
    memcpy(&part, from, (size_t)count);
    return part;
}

#define HAS_MAX_BYTES
ALWAYS_INLINE ivec max_bytes(ivec a, ivec b)
{
    return (ivec)_mm256_max_epu8((__m256i)a, (__m256i)b);
}

/* See requant.h; what is below 2 QUICK_MARGIN in the result is doubtful. */
ALWAYS_INLINE __m256 requantize_quick(ork_rule rule, const requant_lanes *k, ivec accumulators,
                                      __m256i *to)
{
    const __m256i acc = (__m256i)accumulators, large = _mm256_set1_epi32(1 << 24);
    const __m256 factor = (__m256)vec_load(k->factor), real = _mm256_cvtepi32_ps(acc);
    if (rule == ORK_RULE_DFP) {
        const __m256i small = _mm256_and_si256(
            _mm256_cmpgt_epi32(large, acc),
            _mm256_cmpgt_epi32(_mm256_add_epi32(large, acc), _mm256_setzero_si256()));
        *to = _mm256_cvtps_epi32(_mm256_mul_ps(real, factor));
        return _mm256_and_ps(_mm256_castsi256_ps(small), factor);
    }
    const __m256 t = _mm256_fmadd_ps(real, factor, (__m256)vec_load(k->start));
    const __m256 floored = _mm256_floor_ps(t);
    *to = _mm256_cvtps_epi32(floored);
    return _mm256_sub_ps(t, floored);
}

ALWAYS_INLINE __m256i requantize_sure(const requant_lanes *k, ivec accumulators)
{
    const __m256 t = _mm256_fmadd_ps(_mm256_cvtepi32_ps((__m256i)accumulators),
                                     (__m256)vec_load(k->factor), (__m256)vec_load(k->start));
    return _mm256_cvtps_epi32(_mm256_floor_ps(t));
}

/* As in lanes16.h. */
#define HAS_QUICK_REQUANTIZE
ALWAYS_INLINE bool requantize_rows(const ork_requant *r, const requant_lanes *k, const ivec *sums,
                                   int vectors, int rows, bool in_order, bool sure, ivec *to)
{
    __m256i v[4] = {0}, bytes;
    __m256 rest = _mm256_set1_ps(1);
#pragma GCC unroll 4
    for (int i = 0; i < vectors * rows; i++) {
        if (sure)
            v[i] = requantize_sure(k, sums[i]); /* one for all */
        else
            rest = _mm256_min_ps(rest, requantize_quick(r->rule, &k[i % vectors], sums[i], &v[i]));
    }
    const __m256i low = _mm256_packs_epi32(v[0], v[1]), high = _mm256_packs_epi32(v[2], v[3]);
    if (sure || quick_is_signed(r))
        bytes = _mm256_packs_epi16(low, high);
    else
        bytes = _mm256_packus_epi16(low, high);
    if (sure && !quick_is_signed(r))
        bytes = _mm256_xor_si256(bytes, _mm256_set1_epi8(INT8_MIN));
    if (in_order)
        bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    *to = (ivec)bytes;
    if (r->table)
        *to = look_up_vector(r->table, *to);
    const float least = r->rule == ORK_RULE_DFP ? FLT_MIN : 2 * QUICK_MARGIN;
    return sure || _mm256_movemask_ps(_mm256_cmp_ps(rest, _mm256_set1_ps(least), _CMP_LT_OQ)) == 0;
}

/* Two pixels of depthwise_i8.h, whose channels come by eights, in turn; `count` of each are stored.
 */
ALWAYS_INLINE void dw_store_two(ivec bytes, uint8_t *first, uint8_t *second, int64_t count)
{
    const __m256i apart = _mm256_permute4x64_epi64((__m256i)bytes, 0xd8);
    uint8_t both[4 * LANES];
    if (count >= 2 * LANES) {
        _mm_storeu_si128((__m128i *)(void *)first, _mm256_castsi256_si128(apart));
        _mm_storeu_si128((__m128i *)(void *)second, _mm256_extracti128_si256(apart, 1));
        return;
    }
    _mm256_storeu_si256((__m256i *)(void *)both, apart);
    memcpy(first, both, (size_t)count);
    memcpy(second, both + 2 * LANES, (size_t)count);
}

ALWAYS_INLINE void pair_bytes(ivec a, ivec b, ivec pairs[4])
{
    const __m256i none = _mm256_setzero_si256();
    const __m256i low = _mm256_unpacklo_epi8((__m256i)a, (__m256i)b);
    const __m256i high = _mm256_unpackhi_epi8((__m256i)a, (__m256i)b);
    pairs[0] = (ivec)_mm256_unpacklo_epi8(low, none);
    pairs[1] = (ivec)_mm256_unpackhi_epi8(low, none);
    pairs[2] = (ivec)_mm256_unpacklo_epi8(high, none);
    pairs[3] = (ivec)_mm256_unpackhi_epi8(high, none);
}

/* The bytes of `rows` pixels, LANES `vectors` each; `channels` of a pixel are stored. */
ALWAYS_INLINE void store_bytes(ivec bytes, int vectors, int rows, uint8_t *to, int64_t step,
                               int64_t channels)
{
    uint8_t buffer[4 * LANES];
    ivec_store_bytes(buffer, bytes);
    for (int row = 0; row < rows; row++) {
        if (channels == vectors * LANES)
            memcpy(to + row * step, buffer + row * vectors * LANES, (size_t)(vectors * LANES));
        else
            memcpy(to + row * step, buffer + row * vectors * LANES, (size_t)channels);
    }
}

#define DOT_ELEMENT 2
#define DOT_ROWS    12
#define DOT_VECTORS 2
#define DOT_EACH_TILE(tile)                                                                        \
    tile(1, 1) tile(1, 2) tile(1, 3) tile(1, 4) tile(1, 5) tile(1, 6) tile(1, 7) tile(1, 8)        \
        tile(1, 9) tile(1, 10) tile(1, 11) tile(1, 12) tile(2, 1) tile(2, 2) tile(2, 3) tile(2, 4) \
            tile(2, 5) tile(2, 6)
#define DOT_MOST_ROWS                                                                              \
    {                                                                                              \
        0, 12, 6                                                                                   \
    }
enum { WINO_LEAST_CHANNELS = 16, DW_LEAST_CHANNELS = 1 };
#include "../simd/activation.h"
#include "../simd/convert.h"
#include "../simd/dense_dot8.h"
#include "../simd/dense_f32.h"
#include "../simd/depthwise_f32.h"
#include "../simd/depthwise_i16.h"
#include "../simd/depthwise_i8.h"
#include "../simd/elements.h"
#include "../simd/matmul.h"
#include "../simd/peak.h"
#include "../simd/pooling.h"
#include "../simd/winograd_f32.h"
#include "../simd/winograd_i8.h"
