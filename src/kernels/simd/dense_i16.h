/* SPDX-License-Identifier: Apache-2.0 */
/* Template: dense convolution of i16 (dfp) with 64-bit sums. A pair of products fits an int32
   unless both are -32768 * -32768; weights that hold -32768 are therefore taken one tap at a time.
   Packed: a flag, then int64 biases [group][panel][LANES], then weights
   [group][panel][k/2][2 LANES]. See lanes.h; the set's file also defines
   widen_add(sum, ivec), which adds LANES int32 to LANES int64 in memory order. */
#include "bytes.h"

typedef struct i16_layout {
    int64_t pairs, group_in, group_out, panels;
    size_t weights_at, bytes; /* bytes 0: too large */
} i16_layout;

enum { I16_FLAG_BYTES = 64 };

static i16_layout i16_layout_of(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    i16_layout l = {.group_in = s->in_c / s->groups, .group_out = s->out_c / s->groups};
    l.pairs = (s->kernel_h * s->kernel_w * l.group_in + 1) / 2;
    l.panels = (l.group_out + LANES - 1) / LANES;
    size_t biases = ork_size_product(LANES * sizeof(int64_t), l.panels, s->groups, 1);
    size_t weights = ork_size_product(LANES * 4, l.pairs, l.panels, s->groups);
    l.weights_at = I16_FLAG_BYTES + ork_align64(biases);
    l.bytes = biases && weights ? l.weights_at + weights : 0;
    return l;
}

bool ISA(ork_i16_dense_supports)(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    return conv->requant.in_zero == 0 && conv->requant.weight_zero == 0 &&
           !conv->requant.weight_zeros && (s->groups == 1 || s->out_c / s->groups * 2 >= LANES);
}

size_t ISA(ork_i16_dense_packed_bytes)(const ork_conv *conv)
{
    return i16_layout_of(conv).bytes;
}

void ISA(ork_i16_dense_pack)(const ork_conv *conv, void *packed)
{
    const ork_conv_shape *s = &conv->shape;
    const i16_layout l = i16_layout_of(conv);
    int64_t *bias = (int64_t *)(void *)((char *)packed + I16_FLAG_BYTES);
    int16_t *to = (int16_t *)(void *)((char *)packed + l.weights_at);
    bool has_lowest = false;
    for (int64_t panel = 0; panel < s->groups * l.panels; panel++) {
        const int64_t base = panel / l.panels * l.group_out;
        for (int64_t lane = 0; lane < LANES; lane++) {
            const int64_t o = panel % l.panels * LANES + lane;
            const bool inside = o < l.group_out;
            *bias++ = inside && conv->bias ? ((const int64_t *)conv->bias)[base + o] : 0;
            for (int64_t k = 0; k < l.pairs * 2; k++) {
                int16_t weight = inside ? centred_weight(conv, base + o, k) : (int16_t)0;
                has_lowest = has_lowest || weight == INT16_MIN;
                to[k / 2 * 2 * LANES + madd_slot((int)lane, (int)(k & 1))] = weight;
            }
        }
        to += l.pairs * 2 * LANES;
    }
    *(int32_t *)packed = has_lowest;
}

size_t ISA(ork_i16_dense_scratch_bytes)(const ork_conv *conv)
{
    return ork_size_product(4, i16_layout_of(conv).pairs, 1, 1);
}

ALWAYS_INLINE void copy_i16(const ork_conv *conv, void *to, const void *from, int64_t count)
{
    (void)conv;
    memcpy(to, from, (size_t)count * sizeof(int16_t));
}

/* One pixel, LANES output channels; sums wrap at 64 bits as the reference's do. */
ALWAYS_INLINE void tile_i16(int64_t pairs, const int16_t *a, const int16_t *b, const int64_t *bias,
                            bool one_by_one, int64_t *sums)
{
    const ivec none = ivec_of(0);
    memcpy(sums, bias, LANES * sizeof(*sums));
    for (int64_t i = 0; i < pairs; i++, b += 2 * LANES) {
        const ivec w = ivec_load((const int32_t *)(const void *)b);
        const int32_t pair = load_word(a + 2 * i);
        if (one_by_one) {
            widen_add(sums, madd(none, ivec_of(pair & 0xffff), w));
            widen_add(sums, madd(none, ivec_of(pair & ~0xffff), w));
        } else {
            widen_add(sums, madd(none, ivec_of(pair), w));
        }
    }
}

/* Sums of `count` channels from `channel` on. The usual shifts are done here: half to even is one
   more where what is cut off, and an odd result's own bit, exceed a half. */
static void requantize_i16(const ork_requant *r, int64_t channel, const int64_t *sums, int16_t *out,
                           int64_t count)
{
    if (r->rule != ORK_RULE_DFP || r->shift < 1 || r->shift > 62) {
        for (int64_t i = 0; i < count; i++)
            out[i] = (int16_t)ork_requant_one(r, ork_requant_multiplier(r, channel + i), sums[i]);
        return;
    }
    const int64_t half = (int64_t)1 << (r->shift - 1), mask = 2 * half - 1;
    for (int64_t i = 0; i < count; i++) {
        const int64_t floored = sums[i] >> r->shift;
        const int64_t value =
            floored + ((sums[i] & mask) + (floored & 1) > half) + (int64_t)r->out_zero;
        out[i] = (int16_t)ork_max64(r->clamp_min, ork_min64(r->clamp_max, value));
    }
}

static void pixel_i16(const ork_conv *conv, const i16_layout *l, const void *packed, int64_t group,
                      const int16_t *a, int16_t *out)
{
    const bool one_by_one = *(const int32_t *)packed;
    for (int64_t panel = 0; panel < l->panels; panel++) {
        const int64_t at = group * l->panels + panel, first = panel * LANES;
        const int64_t *bias =
            (const int64_t *)(const void *)((const char *)packed + I16_FLAG_BYTES) + at * LANES;
        const int16_t *b = (const int16_t *)(const void *)((const char *)packed + l->weights_at) +
                           at * l->pairs * 2 * LANES;
        int64_t sums[LANES];
        if (one_by_one)
            tile_i16(l->pairs, a, b, bias, true, sums);
        else
            tile_i16(l->pairs, a, b, bias, false, sums);
        requantize_i16(&conv->requant, group * l->group_out + first, sums, out + first,
                       ork_min64(LANES, l->group_out - first));
    }
}

void ISA(ork_i16_dense_run)(const ork_conv *conv, const void *packed, const void *in, void *out,
                            int64_t begin, int64_t end, void *scratch)
{
    const ork_conv_shape *s = &conv->shape;
    const i16_layout l = i16_layout_of(conv);
    int16_t *a = scratch;
    window w = window_of(s, begin * s->out_w);
    for (int64_t at = begin * s->out_w; at < end * s->out_w; at++, window_next(s, &w)) {
        for (int64_t group = 0; group < s->groups; group++) {
            a[l.pairs * 2 - 1] = 0; /* the second of a last odd pair */
            gather(conv, (const int16_t *)in + group * l.group_in, sizeof(*a), &w, l.group_in, a,
                   sizeof(*a), 0, copy_i16);
            pixel_i16(conv, &l, packed, group, a,
                      (int16_t *)out + at * s->out_stride + group * l.group_out);
        }
    }
}
