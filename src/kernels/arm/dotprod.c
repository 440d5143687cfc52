/* SPDX-License-Identifier: Apache-2.0 */
/* What gains by SDOT, which adds four products of signed bytes to each lane. */
#define ISA(name)   name##_dotprod
#define DOT_SIGNED  1
#define DOT_ELEMENT 1
#define DOT_ROWS    8
#define DOT_VECTORS 2
#define DOT_EACH_TILE(tile)                                                                        \
    tile(1, 1) tile(1, 2) tile(1, 3) tile(1, 4) tile(1, 5) tile(1, 6) tile(1, 7) tile(1, 8)        \
        tile(2, 1) tile(2, 2) tile(2, 3) tile(2, 4) tile(2, 5) tile(2, 6) tile(2, 7) tile(2, 8)
#define DOT_MOST_ROWS                                                                              \
    {                                                                                              \
        0, 8, 8                                                                                    \
    }
#define HAS_DOT
#include "lanes4.h"

ALWAYS_INLINE ivec dot(ivec sum, ivec x, ivec w)
{
    return (ivec)vdotq_s32((int32x4_t)sum, (int8x16_t)x, (int8x16_t)w);
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

/* Lane i of the result is the sum of all lanes of parts[i]. */
ALWAYS_INLINE ivec sum_lanes(const ivec parts[LANES])
{
    const int32x4_t low = vpaddq_s32((int32x4_t)parts[0], (int32x4_t)parts[1]);
    const int32x4_t high = vpaddq_s32((int32x4_t)parts[2], (int32x4_t)parts[3]);
    return (ivec)vpaddq_s32(low, high);
}

#include "../simd/dense_dot8.h"
#include "../simd/peak.h"
