/* SPDX-License-Identifier: Apache-2.0 */
/* AVX-512 VNNI: products of bytes four at a time, and of int16 added at once. None of the forms
   used here saturates. Each file that includes this defines ISA(name) first. */
#define DOT_SIGNED  0
#define DOT_ELEMENT 1
#include "tiles.h"
#define HAS_DOT
enum { WINO_LEAST_CHANNELS = 32 };
#include "lanes16.h"

ALWAYS_INLINE ivec dot(ivec sum, ivec x, ivec w)
{
    return (ivec)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)x, (__m512i)w);
}

/* Unpacking works inside each 128 bits of a register: 0 to 3 of these go to the first vector, 4 to
   7 to the second and so on. */
ALWAYS_INLINE void interleave(const uint8_t *const *taps, const int16_t *which, int64_t at,
                              ivec quads[4])
{
    const __m512i a = _mm512_loadu_si512(taps[which[0]] + at);
    const __m512i b = _mm512_loadu_si512(taps[which[1]] + at);
    const __m512i c = _mm512_loadu_si512(taps[which[2]] + at);
    const __m512i d = _mm512_loadu_si512(taps[which[3]] + at);
    const __m512i ab_low = _mm512_unpacklo_epi8(a, b), ab_high = _mm512_unpackhi_epi8(a, b);
    const __m512i cd_low = _mm512_unpacklo_epi8(c, d), cd_high = _mm512_unpackhi_epi8(c, d);
    quads[0] = (ivec)_mm512_unpacklo_epi16(ab_low, cd_low);
    quads[1] = (ivec)_mm512_unpackhi_epi16(ab_low, cd_low);
    quads[2] = (ivec)_mm512_unpacklo_epi16(ab_high, cd_high);
    quads[3] = (ivec)_mm512_unpackhi_epi16(ab_high, cd_high);
}

/* Groups of four bytes are brought apart first, so that unpacking leaves them in order. */
ALWAYS_INLINE void stack(const uint8_t *const lines[4], int64_t at, ivec quads[4])
{
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512i apart[4];
    for (int i = 0; i < 4; i++)
        apart[i] = _mm512_permutexvar_epi32(order, _mm512_loadu_si512(lines[i] + at));
    const __m512i ab_low = _mm512_unpacklo_epi8(apart[0], apart[1]);
    const __m512i ab_high = _mm512_unpackhi_epi8(apart[0], apart[1]);
    const __m512i cd_low = _mm512_unpacklo_epi8(apart[2], apart[3]);
    const __m512i cd_high = _mm512_unpackhi_epi8(apart[2], apart[3]);
    quads[0] = (ivec)_mm512_unpacklo_epi16(ab_low, cd_low);
    quads[1] = (ivec)_mm512_unpackhi_epi16(ab_low, cd_low);
    quads[2] = (ivec)_mm512_unpacklo_epi16(ab_high, cd_high);
    quads[3] = (ivec)_mm512_unpackhi_epi16(ab_high, cd_high);
}

#include "../simd/dense_dot8.h"
#include "../simd/depthwise_dot8.h"
#include "../simd/depthwise_dot8_lines.h"
#include "../simd/peak.h"
#include "../simd/winograd_i8.h"
