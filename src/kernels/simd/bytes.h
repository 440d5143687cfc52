/* SPDX-License-Identifier: Apache-2.0 */
/* Template: what the convolutions of u8 and i8 have in common. See lanes.h and requant.h; the set's
   file also defines
     narrow(a, b, to)             stores 2 LANES numbers as bytes
     look_up_vector(table, x)     4 LANES bytes through a table of 256 */
#ifndef ORK_KERNELS_BYTES_H
#define ORK_KERNELS_BYTES_H

#include "strip.h"

static inline bool bytes_supported(const ork_conv *conv)
{
    const ork_requant *r = &conv->requant;
    return r->in_zero >= -255 && r->in_zero <= 255 && requant_supported(r);
}

/* Weight of tap-and-channel k of output channel `channel` as it is; 0 from the end on. */
static inline int32_t raw_weight(const ork_conv *conv, int64_t channel, int64_t k)
{
    const ork_conv_shape *s = &conv->shape;
    const int64_t taps = s->kernel_h * s->kernel_w, group_in = s->in_c / s->groups;
    int64_t at = (channel * group_in + k % group_in) * taps + k / group_in;
    return k < taps * group_in ? ork_load_int(conv->weight_dtype, conv->weights, at) : 0;
}

/* The same less its zero point. */
static inline int16_t centred_weight(const ork_conv *conv, int64_t channel, int64_t k)
{
    const ork_conv_shape *s = &conv->shape;
    if (k >= s->kernel_h * s->kernel_w * (s->in_c / s->groups))
        return 0;
    return (int16_t)(raw_weight(conv, channel, k) -
                     ork_requant_weight_zero(&conv->requant, channel));
}

/* Input bytes less the zero point; a gather_copy. */
ALWAYS_INLINE void widen(const ork_conv *conv, void *restrict to_data,
                         const void *restrict from_data, int64_t count)
{
    int16_t *restrict to = to_data;
    const uint8_t *restrict from = from_data;
    const int16_t zero = (int16_t)conv->requant.in_zero;
    if (conv->dtype == ORK_I8)
        for (int64_t i = 0; i < count; i++)
            to[i] = (int16_t)((int8_t)from[i] - zero);
    else
        for (int64_t i = 0; i < count; i++)
            to[i] = (int16_t)(from[i] - zero);
}

/* Four bytes, whatever the alignment. */
ALWAYS_INLINE int32_t load_word(const void *from)
{
    int32_t word;
    memcpy(&word, from, sizeof(word));
    return word;
}

/* to[i] = table[from[i]]; from may be to. */
static inline void look_up(const uint8_t *table, const uint8_t *from, uint8_t *to, int64_t count)
{
    enum { BYTES = LANES * 4 };
    ivec rest;
    int64_t i = 0;
    for (; i + BYTES <= count; i += BYTES)
        ivec_store_bytes(to + i, look_up_vector(table, ivec_load_bytes(from + i)));
    if (i == count)
        return;
    memset(&rest, 0, sizeof(rest));
    memcpy(&rest, from + i, (size_t)(count - i));
    rest = look_up_vector(table, rest);
    memcpy(to + i, &rest, (size_t)(count - i));
}

/* 2 LANES accumulators at a time to bytes; constants repeat after `vectors` (even) of LANES. */
static inline void requantize_bytes(const ork_requant *r, const requant_lanes *constants,
                                    int vectors, const int32_t *from, uint8_t *to, int64_t count)
{
    for (int64_t i = 0; i < count; i += 2 * LANES) {
        const int v = (int)(i / LANES % vectors);
        ivec low = requantize(r, &constants[v], ivec_load(from + i));
        ivec high = requantize(r, &constants[v + 1], ivec_load(from + i + LANES));
        narrow(low, high, to + i);
    }
    if (r->table)
        look_up(r->table, to, to, count);
}

static inline void store_tile_bytes(const ork_conv *conv, const requant_lanes *requant,
                                    const int32_t *tile, int64_t rows, uint8_t *out,
                                    int64_t channels)
{
    uint8_t bytes[ROWS * PANEL];
    requantize_bytes(&conv->requant, requant, PANEL_VECTORS, tile, bytes, rows * PANEL);
    for (int64_t r = 0; r < rows; r++, out += conv->shape.out_stride) {
        if (channels == PANEL)
            memcpy(out, bytes + r * PANEL, PANEL);
        else
            memcpy(out, bytes + r * PANEL, (size_t)channels);
    }
}

#endif
