/* SPDX-License-Identifier: Apache-2.0 */
/* NEON with fused multiply-add: registers of 4 floats, 32 of them on aarch64 and 16 on armhf.
   Shared by the sets that build on it; each defines ISA(name) first. */
#include <arm_neon.h>

#define LANES         4
#define PANEL_VECTORS 2
#if defined(__aarch64__)
    #define ROWS          8
    #define SUM_REGISTERS 24
#else
    #define ROWS          4
    #define SUM_REGISTERS 12
#endif

#include "../simd/lanes.h"

ALWAYS_INLINE vec vec_max(vec a, vec b)
{
    return (vec)vmaxq_f32((float32x4_t)a, (float32x4_t)b);
}

ALWAYS_INLINE vec vec_min(vec a, vec b)
{
    return (vec)vminq_f32((float32x4_t)a, (float32x4_t)b);
}

/* armhf compilers take vectors of floats apart unless told in these words */
ALWAYS_INLINE vec vec_fma(vec sum, vec a, vec b)
{
    return (vec)vfmaq_f32((float32x4_t)sum, (float32x4_t)a, (float32x4_t)b);
}

/* Pairs of weights: four channels of the first tap, then of the second. */
static inline int madd_slot(int lane, int odd)
{
    return odd * LANES + lane;
}

ALWAYS_INLINE ivec madd(ivec sum, ivec x, ivec w)
{
    int16x4_t pair = vget_low_s16((int16x8_t)x);
    int32x4_t first = vmlal_lane_s16((int32x4_t)sum, vget_low_s16((int16x8_t)w), pair, 0);
    return (ivec)vmlal_lane_s16(first, vget_high_s16((int16x8_t)w), pair, 1);
}

/* 2 LANES bytes as int16. */
ALWAYS_INLINE ivec load_words(const uint8_t *from)
{
    return (ivec)vmovl_u8(vld1_u8(from));
}

static inline int wide_slot(int lane)
{
    return lane;
}

static inline int dw_lane(int channel)
{
    return channel;
}

static inline int dw_slot(int channel, int odd)
{
    return odd * 2 * LANES + channel;
}

ALWAYS_INLINE void dw_pair(ivec sum[2], const int16_t *x0, const int16_t *x1, const int16_t *w)
{
    int16x8_t a = vld1q_s16(x0), b = vld1q_s16(x1);
    int16x8_t wa = vld1q_s16(w), wb = vld1q_s16(w + 2 * LANES);
    int32x4_t low = vmlal_s16((int32x4_t)sum[0], vget_low_s16(a), vget_low_s16(wa));
    int32x4_t high = vmlal_s16((int32x4_t)sum[1], vget_high_s16(a), vget_high_s16(wa));
    sum[0] = (ivec)vmlal_s16(low, vget_low_s16(b), vget_low_s16(wb));
    sum[1] = (ivec)vmlal_s16(high, vget_high_s16(b), vget_high_s16(wb));
}

/* Eight numbers of -128 .. 255 to bytes. */
ALWAYS_INLINE void narrow(ivec a, ivec b, uint8_t *to)
{
    int16x8_t words = vcombine_s16(vmovn_s32((int32x4_t)a), vmovn_s32((int32x4_t)b));
    vst1_u8(to, vreinterpret_u8_s8(vmovn_s16(words)));
}

ALWAYS_INLINE void dw_narrow(ivec a, ivec b, uint8_t *to)
{
    narrow(a, b, to);
}

#include "../simd/requant.h"

/* Two products, rounded and shifted; the result is in the low halves. */
ALWAYS_INLINE int32x2_t scale_wide(ork_rule rule, int32x2_t acc, int32x2_t mantissa,
                                   const int64_t *shift, const int64_t *offset)
{
    int64x2_t count = vsubq_s64(vdupq_n_s64(0), vld1q_s64(shift));
    int64x2_t product = vmull_s32(acc, mantissa);
    int64x2_t sum = vaddq_s64(product, vld1q_s64(offset));
    if (rule == ORK_RULE_PUMA) /* a negative tie goes down */
        sum = vaddq_s64(sum, vshrq_n_s64(product, 63));
    else if (rule == ORK_RULE_DFP) /* the tie above an odd number goes up */
        sum = vaddq_s64(sum, vandq_s64(vshlq_s64(product, count), vdupq_n_s64(1)));
    return vmovn_s64(vshlq_s64(sum, count));
}

ALWAYS_INLINE ivec requantize(const ork_requant *r, const requant_lanes *k, ivec accumulators)
{
    int32x4_t acc = vmaxq_s32((int32x4_t)accumulators, vld1q_s32(k->low));
    acc = vminq_s32(acc, vld1q_s32(k->high));
    int32x4_t mantissa = vld1q_s32(k->mantissa);
    int32x2_t low =
        scale_wide(r->rule, vget_low_s32(acc), vget_low_s32(mantissa), k->shift, k->offset);
    int32x2_t high = scale_wide(r->rule, vget_high_s32(acc), vget_high_s32(mantissa),
                                k->shift + LANES / 2, k->offset + LANES / 2);
    int32x4_t value = vaddq_s32(vcombine_s32(low, high), vld1q_s32(k->term));
    value = vmaxq_s32(value, vdupq_n_s32(r->clamp_min));
    return (ivec)vminq_s32(value, vdupq_n_s32(r->clamp_max));
}

/* An index beyond a part of the table leaves the byte as it was. */
#if defined(__aarch64__)
ALWAYS_INLINE ivec look_up_vector(const uint8_t *table, ivec bytes)
{
    const uint8x16_t x = (uint8x16_t)bytes;
    uint8x16_t found = vqtbl4q_u8(vld1q_u8_x4(table), x);
    for (uint8_t at = 64; at; at = (uint8_t)(at + 64))
        found = vqtbx4q_u8(found, vld1q_u8_x4(table + at), vsubq_u8(x, vdupq_n_u8(at)));
    return (ivec)found;
}
#else
ALWAYS_INLINE ivec look_up_vector(const uint8_t *table, ivec bytes)
{
    const uint8x16_t x = (uint8x16_t)bytes;
    uint8x8_t low = vdup_n_u8(0), high = low;
    for (int at = 0; at < 256; at += 32) {
        const uint8x8x4_t part = {{vld1_u8(table + at), vld1_u8(table + at + 8),
                                   vld1_u8(table + at + 16), vld1_u8(table + at + 24)}};
        const uint8x16_t index = vsubq_u8(x, vdupq_n_u8((uint8_t)at));
        low = vtbx4_u8(low, part, vget_low_u8(index));
        high = vtbx4_u8(high, part, vget_high_u8(index));
    }
    return (ivec)vcombine_u8(low, high);
}
#endif
