/* SPDX-License-Identifier: Apache-2.0 */
/* Template: depthwise convolution of u8 and i8, BLOCK channels at a time, two taps at once. Input
   lines less their zero point are kept in scratch as int16 with zeros around them, so that the
   inner loop knows no borders; a line is widened once for all the output rows that read it.
   Packed: for each block its int32 biases, the constants of its requantization and int16 weights
   [tap/2][DW_PAIR]. See lanes.h; the set's file also defines
     dw_lane(channel)            where a channel's sum lies in the two vectors of a block
     dw_slot(channel, odd)       where its weight lies in a pair of taps
     dw_pair(sum, x0, x1, w)     adds two taps of a block */
#include "bytes.h"

enum { BLOCK = 2 * LANES, DW_PAIR = 2 * BLOCK, DW_MAX_TAPS = 1024 };

typedef struct dw_layout {
    int64_t blocks, pairs, slots, line_pixels, line; /* line in int16 */
    size_t block_bytes;                              /* 0: too large */
} dw_layout;

static dw_layout dw_layout_of(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    dw_layout l = {.blocks = (s->out_c + BLOCK - 1) / BLOCK};
    l.pairs = (s->kernel_h * s->kernel_w + 1) / 2;
    l.slots = (s->kernel_h - 1) * s->dilation_h + 1;
    l.line_pixels = (s->out_w - 1) * s->stride_w + (s->kernel_w - 1) * s->dilation_w + 1;
    l.line = l.line_pixels * l.blocks * BLOCK;
    l.block_bytes = BLOCK * 4 + 2 * sizeof(requant_lanes) +
                    ork_align64((size_t)l.pairs * DW_PAIR * sizeof(int16_t));
    return l;
}

bool ISA(ork_i8_depthwise_supports)(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    return bytes_supported(conv) && s->kernel_h * s->kernel_w <= DW_MAX_TAPS &&
           s->dilation_h <= DW_MAX_TAPS && s->dilation_w <= DW_MAX_TAPS;
}

size_t ISA(ork_i8_depthwise_packed_bytes)(const ork_conv *conv)
{
    dw_layout l = dw_layout_of(conv);
    return ork_size_product(l.block_bytes, l.blocks, 1, 1);
}

void ISA(ork_i8_depthwise_pack)(const ork_conv *conv, void *packed)
{
    const ork_conv_shape *s = &conv->shape;
    const dw_layout l = dw_layout_of(conv);
    const int64_t taps = s->kernel_h * s->kernel_w;
    memset(packed, 0, l.block_bytes * (size_t)l.blocks);
    for (int64_t c = 0; c < l.blocks * BLOCK; c++) {
        char *block = (char *)packed + l.block_bytes * (size_t)(c / BLOCK);
        int32_t *bias = (int32_t *)(void *)block;
        requant_lanes *requant = (requant_lanes *)(void *)(bias + BLOCK);
        int16_t *weights = (int16_t *)(void *)(requant + 2);
        const int channel = (int)(c % BLOCK), lane = dw_lane(channel);
        const int64_t source = ork_min64(c, s->out_c - 1);
        const ork_requant one = ork_requant_of(&conv->requant, source);
        requant_set(&requant[lane / LANES], lane % LANES, &one, one.multiplier);
        if (c >= s->out_c)
            continue;
        if (conv->bias)
            bias[lane] = ((const int32_t *)conv->bias)[c];
        for (int64_t tap = 0; tap < taps; tap++)
            weights[tap / 2 * DW_PAIR + dw_slot(channel, (int)(tap & 1))] =
                centred_weight(conv, c, tap);
    }
}

/* The line held by each slot, then the slots. */
size_t ISA(ork_i8_depthwise_scratch_bytes)(const ork_conv *conv)
{
    dw_layout l = dw_layout_of(conv);
    size_t held = ork_align64(ork_size_product(sizeof(int64_t), l.slots, 1, 1));
    size_t line = ork_size_product(sizeof(int16_t) * BLOCK, l.line_pixels, l.blocks, 1);
    size_t lines = line ? ork_size_product(line, l.slots, 1, 1) : 0;
    return lines ? held + lines : 0;
}

static void dw_fill_line(const ork_conv *conv, const dw_layout *l, const uint8_t *in, int64_t image,
                         int64_t y, int16_t *line)
{
    const ork_conv_shape *s = &conv->shape;
    const int64_t channels = l->blocks * BLOCK;
    if (y < 0 || y >= s->in_h) {
        memset(line, 0, (size_t)l->line * sizeof(*line));
        return;
    }
    for (int64_t i = 0; i < l->line_pixels; i++, line += channels) {
        int64_t x = i - s->pad_left;
        int64_t real = x >= 0 && x < s->in_w ? s->in_c : 0;
        const uint8_t *from = in + ((image * s->in_h + y) * s->in_w + x) * s->in_stride;
        if (real)
            widen(conv, line, from, real);
        for (int64_t c = real; c < channels; c++)
            line[c] = 0;
    }
}

/* Where each tap of the row's first pixel lies; an odd one is repeated (its weight is 0). */
static void dw_find_taps(const ork_conv *conv, const dw_layout *l, const uint8_t *in, int64_t row,
                         void *scratch, const int16_t **taps)
{
    const ork_conv_shape *s = &conv->shape;
    int64_t *held = scratch, count = s->kernel_h * s->kernel_w;
    int16_t *lines =
        (int16_t *)(void *)((char *)scratch + ork_align64((size_t)l->slots * sizeof(int64_t)));
    for (int64_t ky = 0; ky < s->kernel_h; ky++) {
        /* lines are numbered through all images, those above the picture included */
        const int64_t y = row % s->out_h * s->stride_h - s->pad_top + ky * s->dilation_h;
        const int64_t image = row / s->out_h;
        const int64_t number = image * (s->out_h * s->stride_h + l->slots) + y + s->pad_top;
        int16_t *line = lines + number % l->slots * l->line;
        if (held[number % l->slots] != number) {
            dw_fill_line(conv, l, in, image, y, line);
            held[number % l->slots] = number;
        }
        for (int64_t kx = 0; kx < s->kernel_w; kx++)
            *taps++ = line + kx * s->dilation_w * l->blocks * BLOCK;
    }
    if (count & 1)
        *taps = taps[-1];
}

/* The number of pairs is a constant where this is inlined for the usual kernels. */
ALWAYS_INLINE void dw_pixel(const ork_conv *conv, const dw_layout *l, const char *block,
                            const int16_t *const *taps, int64_t at, int64_t pairs, uint8_t *out)
{
    for (int64_t c = 0; c < conv->shape.out_c; c += BLOCK, block += l->block_bytes) {
        const int32_t *bias = (const int32_t *)(const void *)block;
        const requant_lanes *requant = (const requant_lanes *)(const void *)(bias + BLOCK);
        const int16_t *w = (const int16_t *)(const void *)(requant + 2);
        ivec sum[2] = {ivec_load(bias), ivec_load(bias + LANES)};
        for (int64_t i = 0; i < pairs; i++)
            dw_pair(sum, taps[2 * i] + at + c, taps[2 * i + 1] + at + c, w + i * DW_PAIR);
        uint8_t bytes[BLOCK];
        dw_narrow(requantize(&conv->requant, &requant[0], sum[0]),
                  requantize(&conv->requant, &requant[1], sum[1]), bytes);
        if (c + BLOCK <= conv->shape.out_c)
            memcpy(out + c, bytes, BLOCK);
        else
            memcpy(out + c, bytes, (size_t)(conv->shape.out_c - c));
    }
}

void ISA(ork_i8_depthwise_run)(const ork_conv *conv, const void *packed, const void *in, void *out,
                               int64_t begin, int64_t end, void *scratch)
{
    const ork_conv_shape *s = &conv->shape;
    const dw_layout l = dw_layout_of(conv);
    const int16_t *taps[DW_MAX_TAPS + 1];
    const bool gaps = s->out_stride != s->out_c;
    const int64_t runs = gaps ? s->out_w : 1, length = gaps ? s->out_c : s->out_w * s->out_c;
    for (int64_t i = 0; i < l.slots; i++)
        ((int64_t *)scratch)[i] = -1;
    for (int64_t row = begin; row < end; row++) {
        uint8_t *line = (uint8_t *)out + row * s->out_w * s->out_stride, *to = line;
        dw_find_taps(conv, &l, in, row, scratch, taps);
        for (int64_t x = 0; x < s->out_w; x++, to += s->out_stride) {
            int64_t at = x * s->stride_w * l.blocks * BLOCK;
            if (l.pairs == 5)
                dw_pixel(conv, &l, packed, taps, at, 5, to);
            else
                dw_pixel(conv, &l, packed, taps, at, l.pairs, to);
        }
        for (int64_t i = 0; conv->requant.table && i < runs; i++)
            look_up(conv->requant.table, line + i * s->out_stride, line + i * s->out_stride,
                    length);
    }
}
