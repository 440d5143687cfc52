/* SPDX-License-Identifier: Apache-2.0 */
/* Template: what the convolutions of u8 and i8 have in common. See lanes.h and requant.h; the set's
   file also defines
     narrow(a, b, to)             stores 2 LANES numbers as bytes
   and with HAS_QUICK_REQUANTIZE
     requantize_rows(...)         4 vectors of accumulators to 4 LANES bytes; false when some lane
   needs more care store_bytes(...)             stores them look_up_vector(table, x)     4 LANES
   bytes through a table of 256 */
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

/* What makes a type's bytes unsigned ones. */
static inline int32_t byte_offset(ork_dtype dtype)
{
    return dtype == ORK_I8 ? 128 : 0;
}

/* For a few bytes faster than memcpy, which does not know that they are few. */
ALWAYS_INLINE void copy_short(uint8_t *restrict to, const uint8_t *restrict from, int64_t count)
{
    for (; count >= 16; count -= 16, to += 16, from += 16)
        memcpy(to, from, 16);
    if (count == 0)
        return;
    if (count & 8) {
        memcpy(to, from, 8);
        to += 8;
        from += 8;
    }
    if (count & 4) {
        memcpy(to, from, 4);
        to += 4;
        from += 4;
    }
    for (int64_t i = 0; i < (count & 3); i++)
        to[i] = from[i];
}

/* Copies bytes, with their highest bit turned when `moved`: signed ones become unsigned or the
   other way. */
static inline void copy_moved(bool moved, uint8_t *restrict to, const uint8_t *restrict from,
                              int64_t count)
{
    if (!moved && count < 256)
        copy_short(to, from, count);
    else if (!moved)
        memcpy(to, from, (size_t)count);
    for (int64_t i = 0; moved && i < count; i++)
        to[i] = from[i] ^ 0x80;
}

/* `count` pixels of `channels` bytes, some bytes apart; usual numbers of channels are constants. */
static inline void copy_pixels(bool moved, uint8_t *to, int64_t to_step, const uint8_t *from,
                               int64_t from_step, int64_t count, int64_t channels)
{
    if (to_step == channels && from_step == channels) {
        copy_moved(moved, to, from, count * channels);
        return;
    }
#define COPY_EACH(copy)                                                                            \
    for (int64_t i = 0; i < count; i++, to += to_step, from += from_step)                          \
    copy
    if (moved)
        COPY_EACH(copy_moved(true, to, from, channels));
    else if (channels == 16)
        COPY_EACH(memcpy(to, from, 16));
    else if (channels == 32)
        COPY_EACH(memcpy(to, from, 32));
    else if (channels == 64)
        COPY_EACH(memcpy(to, from, 64));
    else
        COPY_EACH(copy_short(to, from, channels));
#undef COPY_EACH
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

enum { MOST_ROW_VECTORS = 4 };

/* One pixel of store_rows; `sums` have one vector more when their number is odd. */
static __attribute__((noinline)) void store_row_exact(const ork_requant *r,
                                                      const requant_lanes *constants,
                                                      const int32_t *sums, int vectors, uint8_t *to,
                                                      int64_t channels)
{
    uint8_t bytes[MOST_ROW_VECTORS * LANES];
    const int pairs = (vectors + 1) / 2;
    for (int i = 0; i < pairs; i++) {
        const requant_lanes *second = &constants[2 * i + 1 < vectors ? 2 * i + 1 : 2 * i];
        narrow(requantize(r, &constants[2 * i], ivec_load(sums + 2 * i * LANES)),
               requantize(r, second, ivec_load(sums + (2 * i + 1) * LANES)), bytes + 2 * i * LANES);
    }
    if (r->table)
        look_up(r->table, bytes, bytes, channels);
    memcpy(to, bytes, (size_t)channels);
}

/* The accumulators of `rows` pixels, `vectors` each and MOST_ROW_VECTORS in all at most, to bytes,
   of which each pixel stores `channels`; pixels are `step` bytes apart. Numbers of vectors and rows
   are known where it is inlined. */
ALWAYS_INLINE void store_rows(const ork_requant *r, const requant_lanes *constants,
                              const ivec *sums, int vectors, int rows, uint8_t *to, int64_t step,
                              int64_t channels)
{
#if defined(HAS_QUICK_REQUANTIZE)
    ivec bytes;
    const bool good = requantize_rows(r, constants, sums, vectors, rows, true, &bytes);
    store_bytes(bytes, vectors, rows, to, step, channels);
    if (good)
        return;
#endif
    for (int row = 0; row < rows; row++) {
        int32_t copy[MOST_ROW_VECTORS * LANES] __attribute__((aligned(64)));
        for (int v = 0; v < MOST_ROW_VECTORS; v++)
            ivec_store(copy + v * LANES, v < vectors ? sums[row * vectors + v] : ivec_of(0));
        store_row_exact(r, constants, copy, vectors, to + row * step, channels);
    }
}

static inline void store_tile_bytes(const ork_conv *conv, const requant_lanes *requant,
                                    const int32_t *tile, int64_t rows, uint8_t *out,
                                    int64_t channels)
{
    const int64_t step = conv->shape.out_stride;
    enum { TOGETHER = MOST_ROW_VECTORS / PANEL_VECTORS };
    ivec sums[MOST_ROW_VECTORS];
    int64_t r = 0;
    for (; r + TOGETHER <= rows; r += TOGETHER) {
        for (int v = 0; v < MOST_ROW_VECTORS; v++)
            sums[v] = ivec_load(tile + r * PANEL + v * LANES);
        store_rows(&conv->requant, requant, sums, PANEL_VECTORS, TOGETHER, out + r * step, step,
                   channels);
    }
    for (; r < rows; r++) {
        for (int v = 0; v < PANEL_VECTORS; v++)
            sums[v] = ivec_load(tile + r * PANEL + v * LANES);
        store_rows(&conv->requant, requant, sums, PANEL_VECTORS, 1, out + r * step, step, channels);
    }
}

#endif
