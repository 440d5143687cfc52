/* SPDX-License-Identifier: Apache-2.0 */
/* Template: depthwise convolution of u8 and i8, BLOCK channels at a time, two taps at once. Input
   lines less their zero point are kept in scratch as int16 with zeros around them, so that the
   inner loop knows no borders; a line is widened once for all the output rows that read it.
   Packed: for each block its int32 biases, the constants of its requantization and int16 weights
   [tap/2][DW_PAIR]. See lanes.h; the set's file also defines
     dw_lane(channel)            where a channel's sum lies in the two vectors of a block
     dw_slot(channel, odd)       where its weight lies in a pair of taps
     dw_pair(sum, x0, x1, w)     adds two taps of a block
     DW_LEAST_CHANNELS           below, another set's row is better
     and with HAS_QUICK_REQUANTIZE
     dw_store_two(bytes, ...)    stores two pixels of a block as requantize_rows leaves them */
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
    return s->out_c >= DW_LEAST_CHANNELS && bytes_supported(conv) &&
           s->kernel_h * s->kernel_w <= DW_MAX_TAPS && s->dilation_h <= DW_MAX_TAPS &&
           s->dilation_w <= DW_MAX_TAPS;
}

size_t ISA(ork_i8_depthwise_packed_bytes)(const ork_conv *conv)
{
    dw_layout l = dw_layout_of(conv);
    return ork_size_product(l.block_bytes, l.blocks, 1, 1);
}

static void dw_prove(const ork_conv *conv, char *block)
{
#if defined(HAS_QUICK_REQUANTIZE)
    if (!conv->requant.multipliers && !conv->requant.out_zeros)
        prove_requant((requant_lanes *)(void *)(block + BLOCK * sizeof(int32_t)), 2, &conv->requant,
                      conv->requant.multiplier);
#else
    (void)conv;
    (void)block;
#endif
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
    for (int64_t b = 0; b < l.blocks; b++)
        dw_prove(conv, (char *)packed + l.block_bytes * (size_t)b);
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
    const int64_t left = ork_min64(s->pad_left, l->line_pixels);
    const int64_t real = ork_max64(0, ork_min64(l->line_pixels - left, s->in_w));
    const uint8_t *from = in + (image * s->in_h + y) * s->in_w * s->in_stride;
    memset(line, 0, (size_t)(left * channels) * sizeof(*line));
    line += left * channels;
    if (s->in_stride == channels && s->in_c == channels)
        widen(conv, line, from, real * channels);
    for (int64_t x = 0; (s->in_stride != channels || s->in_c != channels) && x < real; x++) {
        widen(conv, line + x * channels, from + x * s->in_stride, s->in_c);
        memset(line + x * channels + s->in_c, 0, (size_t)(channels - s->in_c) * sizeof(*line));
    }
    memset(line + real * channels, 0,
           (size_t)((l->line_pixels - left - real) * channels) * sizeof(*line));
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

/* One pixel of a block, of whose channels `count` are stored. */
static void dw_store(const ork_requant *r, const requant_lanes *requant, const ivec sum[2],
                     uint8_t *out, int64_t count)
{
    uint8_t bytes[BLOCK];
    dw_narrow(requantize(r, &requant[0], sum[0]), requantize(r, &requant[1], sum[1]), bytes);
    if (count >= BLOCK)
        memcpy(out, bytes, BLOCK);
    else
        memcpy(out, bytes, (size_t)count);
}

/* Two pixels of a block, the same one where there is no other. */
ALWAYS_INLINE void dw_store_both(const ork_requant *r, const requant_lanes *requant,
                                 const ivec sum[4], bool sure, uint8_t *out, uint8_t *second,
                                 int64_t count)
{
#if defined(HAS_QUICK_REQUANTIZE)
    ivec bytes;
    if (requantize_rows(r, requant, sum, 2, 2, false, sure, &bytes)) {
        dw_store_two(bytes, out, second, count);
        return;
    }
#endif
    (void)sure;
    dw_store(r, requant, sum, out, count);
    dw_store(r, requant, sum + 2, second, count);
}

/* A row of one block, pixels `step` numbers apart. Whether requantization is sure, and the number
   of pairs for the usual kernels, are known where this is inlined. */
ALWAYS_INLINE void dw_block(const ork_conv *conv, const char *block, const int16_t *const *taps,
                            int64_t c, int64_t step, int64_t pairs, bool sure, uint8_t *out)
{
    const ork_conv_shape *s = &conv->shape;
    const int32_t *bias = (const int32_t *)(const void *)block;
    const requant_lanes *requant = (const requant_lanes *)(const void *)(bias + BLOCK);
    const int16_t *w = (const int16_t *)(const void *)(requant + 2);
    ork_requant plain = conv->requant;
    plain.table = NULL; /* rows as a whole */
    for (int64_t x = 0; x < s->out_w; x += 2) {
        const bool two = x + 1 < s->out_w;
        const int64_t at = x * step + c, next = two ? at + step : at;
        uint8_t *to = out + x * s->out_stride + c;
        ivec sum[4] = {ivec_load(bias), ivec_load(bias + LANES), ivec_load(bias),
                       ivec_load(bias + LANES)};
        for (int64_t i = 0; i < pairs; i++) {
            dw_pair(sum, taps[2 * i] + at, taps[2 * i + 1] + at, w + i * DW_PAIR);
            dw_pair(sum + 2, taps[2 * i] + next, taps[2 * i + 1] + next, w + i * DW_PAIR);
        }
        dw_store_both(&plain, requant, sum, sure, to, two ? to + s->out_stride : to, s->out_c - c);
    }
}

static void dw_row(const ork_conv *conv, const dw_layout *l, const char *packed,
                   const int16_t *const *taps, uint8_t *out)
{
    const int64_t step = conv->shape.stride_w * l->blocks * BLOCK;
    for (int64_t b = 0; b < l->blocks; b++, packed += l->block_bytes) {
        const bool sure =
            ((const requant_lanes *)(const void *)(packed + BLOCK * sizeof(int32_t)))->sure;
        if (sure && l->pairs == 5)
            dw_block(conv, packed, taps, b * BLOCK, step, 5, true, out);
        else if (sure)
            dw_block(conv, packed, taps, b * BLOCK, step, l->pairs, true, out);
        else if (l->pairs == 5)
            dw_block(conv, packed, taps, b * BLOCK, step, 5, false, out);
        else
            dw_block(conv, packed, taps, b * BLOCK, step, l->pairs, false, out);
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
        uint8_t *line = (uint8_t *)out + row * s->out_w * s->out_stride;
        dw_find_taps(conv, &l, in, row, scratch, taps);
        dw_row(conv, &l, packed, taps, line);
        for (int64_t i = 0; conv->requant.table && i < runs; i++)
            look_up(conv->requant.table, line + i * s->out_stride, line + i * s->out_stride,
                    length);
    }
}
