/* SPDX-License-Identifier: Apache-2.0 */
/* AVX-512 F, BW, VL and DQ: 32 registers of 16 floats. Shared by the sets that build on them; each
   defines ISA(name) first and madd(sum, x, w) after lanes.h (see there). */
#include <float.h>
#include <immintrin.h>

#define LANES         16
#define ROWS          12
#define PANEL_VECTORS 2
#define SUM_REGISTERS 24
#define HAS_RECIPROCAL
#define HAS_PARTS
#define HAS_SIXTEENTHS

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

ALWAYS_INLINE vec vec_reciprocal(vec x)
{
    const __m512 near = _mm512_rcp14_ps((__m512)x);
    const __m512 off = _mm512_fnmadd_ps((__m512)x, near, _mm512_set1_ps(1));
    return (vec)_mm512_fmadd_ps(near, off, near);
}

ALWAYS_INLINE ivec vec_sixteenths(ivec k)
{
    const __m512i table =
        _mm512_setr_epi32(0x3f800000, 0x3f7daac3, 0x3f7b95c2, 0x3f79c3d3, 0x3f7837f0, 0x3f76f532,
                          0x3f75fed7, 0x3f75583f, 0x3f7504f3, 0x3f7508a4, 0x3f75672a, 0x3f76248c,
                          0x3f7744fd, 0x3f78ccdf, 0x3f7ac0c7, 0x3f7d257d);
    return (ivec)_mm512_permutexvar_epi32((__m512i)k, table);
}

ALWAYS_INLINE vec vec_load_part(const float *from, int64_t count)
{
    return (vec)_mm512_maskz_loadu_ps((__mmask16)(0xffffu >> (LANES - count)), from);
}

ALWAYS_INLINE void vec_store_part(float *to, vec value, int64_t count)
{
    _mm512_mask_storeu_ps(to, (__mmask16)(0xffffu >> (LANES - count)), (__m512)value);
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

/* 2 LANES bytes as int16. */
ALWAYS_INLINE ivec load_words(const uint8_t *from)
{
    return (ivec)_mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)from));
}

/* Bytes through a table of 256. */
#if defined(__AVX512VBMI__)
ALWAYS_INLINE ivec look_up_vector(const uint8_t *table, ivec bytes)
{
    const __m512i x = (__m512i)bytes;
    const __m512i low =
        _mm512_permutex2var_epi8(_mm512_loadu_si512(table), x, _mm512_loadu_si512(table + 64));
    const __m512i high = _mm512_permutex2var_epi8(_mm512_loadu_si512(table + 128), x,
                                                  _mm512_loadu_si512(table + 192));
    return (ivec)_mm512_mask_blend_epi8(_mm512_movepi8_mask(x), low, high);
}
#else
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
#endif

/* The first `count` of 64 bytes, 1 or more. */
ALWAYS_INLINE __mmask64 first_bytes(int64_t count)
{
    return UINT64_MAX >> (64 - count);
}

/* The first `count` bytes, 0 behind them. */
ALWAYS_INLINE ivec load_part(const uint8_t *from, int64_t count)
{
    return (ivec)_mm512_maskz_loadu_epi8(first_bytes(count), from);
}

#define HAS_MAX_BYTES
ALWAYS_INLINE ivec max_bytes(ivec a, ivec b)
{
    return (ivec)_mm512_max_epu8((__m512i)a, (__m512i)b);
}

/* Lane i of the result is the sum of all lanes of parts[i]. */
ALWAYS_INLINE ivec sum_lanes(const ivec parts[LANES])
{
    __m512i pairs[8], fours[4];
    for (int i = 0; i < 8; i++) {
        const __m512i a = (__m512i)parts[2 * i], b = (__m512i)parts[2 * i + 1];
        pairs[i] = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    }
    for (int i = 0; i < 4; i++) {
        const __m512i a = pairs[2 * i], b = pairs[2 * i + 1];
        fours[i] = _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
    }
    const __m512i low = _mm512_add_epi32(_mm512_shuffle_i32x4(fours[0], fours[1], 0x88),
                                         _mm512_shuffle_i32x4(fours[0], fours[1], 0xdd));
    const __m512i high = _mm512_add_epi32(_mm512_shuffle_i32x4(fours[2], fours[3], 0x88),
                                          _mm512_shuffle_i32x4(fours[2], fours[3], 0xdd));
    return (ivec)_mm512_add_epi32(_mm512_shuffle_i32x4(low, high, 0x88),
                                  _mm512_shuffle_i32x4(low, high, 0xdd));
}

/* See requant.h; what is below 2 QUICK_MARGIN in the result is doubtful. */
ALWAYS_INLINE __m512 requantize_quick(ork_rule rule, const requant_lanes *k, ivec accumulators,
                                      __m512i *to)
{
    const __m512i acc = (__m512i)accumulators;
    const __m512 factor = (__m512)vec_load(k->factor), real = _mm512_cvtepi32_ps(acc);
    if (rule == ORK_RULE_DFP) {
        *to = _mm512_cvtps_epi32(_mm512_mul_ps(real, factor));
        return _mm512_maskz_mov_ps(
            _mm512_cmple_epu32_mask(_mm512_abs_epi32(acc), _mm512_set1_epi32(1 << 24)), factor);
    }
    const __m512 t = _mm512_fmadd_ps(real, factor, (__m512)vec_load(k->start));
    *to = _mm512_cvt_roundps_epi32(t, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    return _mm512_sub_ps(t, _mm512_cvtepi32_ps(*to));
}

ALWAYS_INLINE __m512i requantize_sure(const requant_lanes *k, ivec accumulators)
{
    const __m512 t = _mm512_fmadd_ps(_mm512_cvtepi32_ps((__m512i)accumulators),
                                     (__m512)vec_load(k->factor), (__m512)vec_load(k->start));
    return _mm512_cvt_roundps_epi32(t, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}

/* Up to four vectors of sums, those of `rows` pixels, to as many bytes; false when some lane needs
   more care. Packing works inside each 128 bits: four bytes of each vector come out side by side.
   That is mended, unless the sums come as interleave(...) leaves them: then it is the order wanted.
   `sure` is known where it is inlined; bytes come out as signed ones then. */
#define HAS_QUICK_REQUANTIZE
ALWAYS_INLINE bool requantize_rows(const ork_requant *r, const requant_lanes *k, const ivec *sums,
                                   int vectors, int rows, bool in_order, bool sure, ivec *to)
{
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512i v[4] = {0}, bytes;
    __m512 rest = _mm512_set1_ps(1);
#pragma GCC unroll 4
    for (int i = 0; i < vectors * rows; i++) {
        if (sure)
            v[i] = requantize_sure(k, sums[i]); /* one for all */
        else
            rest = _mm512_min_ps(rest, requantize_quick(r->rule, &k[i % vectors], sums[i], &v[i]));
    }
    const __m512i low = _mm512_packs_epi32(v[0], v[1]), high = _mm512_packs_epi32(v[2], v[3]);
    if (sure || quick_is_signed(r))
        bytes = _mm512_packs_epi16(low, high);
    else
        bytes = _mm512_packus_epi16(low, high);
    if (sure && !quick_is_signed(r))
        bytes = _mm512_xor_si512(bytes, _mm512_set1_epi8(INT8_MIN));
    if (in_order)
        bytes = _mm512_permutexvar_epi32(order, bytes);
    *to = (ivec)bytes;
    if (r->table)
        *to = look_up_vector(r->table, *to);
    const float least = r->rule == ORK_RULE_DFP ? FLT_MIN : 2 * QUICK_MARGIN;
    return sure || _mm512_cmp_ps_mask(rest, _mm512_set1_ps(least), _CMP_LT_OQ) == 0;
}

/* Two pixels of depthwise_i8.h, whose channels come by eights, in turn; `count` of each, 1 or more,
   are stored. */
ALWAYS_INLINE void dw_store_two(ivec bytes, uint8_t *first, uint8_t *second, int64_t count)
{
    const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    const __m512i apart = _mm512_permutexvar_epi64(order, (__m512i)bytes);
    const __mmask32 mask = UINT32_MAX >> (count < 2 * LANES ? 2 * LANES - count : 0);
    _mm256_mask_storeu_epi8(first, mask, _mm512_castsi512_si256(apart));
    _mm256_mask_storeu_epi8(second, mask, _mm512_extracti64x4_epi64(apart, 1));
}

/* The bytes of a and b as int16, side by side, in the order of interleave(...). */
ALWAYS_INLINE void pair_bytes(ivec a, ivec b, ivec pairs[4])
{
    const __m512i none = _mm512_setzero_si512();
    const __m512i low = _mm512_unpacklo_epi8((__m512i)a, (__m512i)b);
    const __m512i high = _mm512_unpackhi_epi8((__m512i)a, (__m512i)b);
    pairs[0] = (ivec)_mm512_unpacklo_epi8(low, none);
    pairs[1] = (ivec)_mm512_unpackhi_epi8(low, none);
    pairs[2] = (ivec)_mm512_unpacklo_epi8(high, none);
    pairs[3] = (ivec)_mm512_unpackhi_epi8(high, none);
}

static inline int interleaved_byte(int vector, int lane)
{
    return lane / 4 * 16 + vector * 4 + lane % 4;
}

/* The bytes of `rows` pixels, 16 `vectors` each; `channels` of a pixel are stored. */
ALWAYS_INLINE void store_bytes(ivec bytes, int vectors, int rows, uint8_t *to, int64_t step,
                               int64_t channels)
{
    const __m512i x = (__m512i)bytes;
    const __mmask64 mask = first_bytes(channels);
    _mm512_mask_storeu_epi8(to, mask, x);
    if (rows == 4) {
        _mm512_mask_storeu_epi8(to + step, mask, _mm512_alignr_epi64(x, x, 2));
        _mm512_mask_storeu_epi8(to + 2 * step, mask, _mm512_alignr_epi64(x, x, 4));
        _mm512_mask_storeu_epi8(to + 3 * step, mask, _mm512_alignr_epi64(x, x, 6));
    } else if (rows == 2 && vectors == 2) {
        _mm512_mask_storeu_epi8(to + step, mask, _mm512_alignr_epi64(x, x, 4));
    } else if (rows > 1) { /* two or three of one vector */
        _mm512_mask_storeu_epi8(to + step, mask, _mm512_alignr_epi64(x, x, 2));
        if (rows == 3)
            _mm512_mask_storeu_epi8(to + 2 * step, mask, _mm512_alignr_epi64(x, x, 4));
    }
}
