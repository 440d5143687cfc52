/* SPDX-License-Identifier: Apache-2.0 */
/* Template: depthwise convolution of u8 and i8 by an instruction that adds four products of bytes
   to an int32: four taps of a channel at once.

   Pixels and channels of an output row are one flat row of bytes, and so are those of the lines in
   scratch: what a tap adds to byte i of the output comes from byte i of the line, from some
   distance on. Blocks of BLOCK_BYTES flat bytes are computed together, whatever the number of
   channels; weights repeat after `period` blocks. Lines have their padding around them and are kept
   for the rows that read them too. With strides, a line is kept as `stride_w` lines of every
   stride_w-th pixel, so that neighbours of the output are neighbours there.

   As in dense_dot8.h the input's bytes become unsigned ones. A weight less its zero point, of -255
   to 255, is the sum of up to DW8_PARTS signed bytes, of which the first mostly does. A tap is
   taken once for each of its parts that is not 0 throughout a block, so that nine taps mostly still
   make three quads.

   Packed: for each block of a period a dw8_block, then its weights [quad][vector][lane][4]. Lanes
   are in the order in which interleave(...) leaves them. See bytes.h; the set's file also defines
     dot(sum, x, w)                   adds four products to each lane
     interleave(taps, which, at, quads)  bytes from `at` on of four taps, those of a channel side by
                                      side
     interleaved_byte(vector, lane)   which byte of the block it is then
     requantize_rows, store_bytes     which take them in this order */
#include "bytes.h"

enum {
    BLOCK_VECTORS = 4,
    BLOCK_BYTES = BLOCK_VECTORS * LANES,
    DW8_MOST_TAPS = 256,
    DW8_PARTS = 3,
    DW8_WEIGHTS = 4 * BLOCK_BYTES, /* of a quad */
};

typedef struct dw8_block {
    int32_t bias[BLOCK_BYTES];
    requant_lanes requant[BLOCK_VECTORS];
    int64_t taken;                           /* taps */
    int16_t taps[DW8_PARTS * DW8_MOST_TAPS]; /* four to a quad */
} dw8_block;

typedef struct dw8_layout {
    int64_t channels; /* in lines: those of the picture, or a few more */
    int64_t period, taps, flat;
    int64_t slots, line_pixels, phase_bytes, line_bytes;
    size_t block_bytes, row_at, lines_at, scratch_bytes; /* of scratch: 0 where it is too large */
} dw8_layout;

static int64_t greatest_divisor(int64_t a, int64_t b)
{
    return b ? greatest_divisor(b, a % b) : a;
}

/* Periods would be long for some numbers of channels: these get up to 15 more. */
static int64_t dw8_channels(int64_t channels)
{
    return greatest_divisor(channels, BLOCK_BYTES) >= 8 ? channels : round_up(channels, 16);
}

static dw8_layout dw8_layout_of(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    dw8_layout l = {.channels = dw8_channels(s->in_c)};
    l.period = l.channels / greatest_divisor(l.channels, BLOCK_BYTES);
    l.taps = s->kernel_h * s->kernel_w;
    l.flat = s->out_w * l.channels;
    l.slots = (s->kernel_h - 1) * s->dilation_h + 1;
    l.line_pixels = (s->out_w - 1) * s->stride_w + (s->kernel_w - 1) * s->dilation_w + 1;
    const int64_t phase_pixels = (l.line_pixels + s->stride_w - 1) / s->stride_w;
    l.phase_bytes = round_up(phase_pixels * l.channels + BLOCK_BYTES, 64);
    l.line_bytes = s->stride_w * l.phase_bytes;
    l.block_bytes =
        ork_align64(sizeof(dw8_block)) + (size_t)(DW8_PARTS * l.taps + 3) / 4 * DW8_WEIGHTS;
    l.row_at = ork_align64((size_t)l.slots * sizeof(int64_t));
    l.lines_at = l.row_at + ork_align64((size_t)l.flat);
    const size_t lines = ork_size_product(1, l.slots, l.line_bytes, 1);
    l.scratch_bytes = lines ? l.lines_at + lines : 0;
    return l;
}

bool ISA(ork_dot8_depthwise_supports)(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    const int32_t zero = conv->requant.in_zero + byte_offset(conv->dtype);
    return requant_supported(&conv->requant) && zero >= 0 && zero <= UINT8_MAX &&
           s->kernel_h * s->kernel_w <= DW8_MOST_TAPS && s->stride_w <= DW8_MOST_TAPS &&
           s->dilation_h <= DW8_MOST_TAPS && s->dilation_w <= DW8_MOST_TAPS;
}

size_t ISA(ork_dot8_depthwise_packed_bytes)(const ork_conv *conv)
{
    const dw8_layout l = dw8_layout_of(conv);
    return ork_size_product(l.block_bytes, l.period, 1, 1);
}

/* ---- packing ---- */

/* A part of a tap's weight; 0 for channels that only lines have. */
static int8_t dw8_weight(const ork_conv *conv, int64_t channel, int64_t tap, int64_t part)
{
    int64_t weight = channel < conv->shape.in_c ? centred_weight(conv, channel, tap) : 0, taken = 0;
    for (int64_t i = 0; i <= part; i++) {
        weight -= taken;
        taken = ork_max64(INT8_MIN, ork_min64(INT8_MAX, weight));
    }
    return (int8_t)taken;
}

/* Channel of a lane of a vector of a block. */
static int64_t dw8_channel(const dw8_layout *l, int64_t block, int vector, int lane)
{
    return (block * BLOCK_BYTES + interleaved_byte(vector, lane)) % l->channels;
}

/* Adds a part of a tap to a block when one of its weights is not 0. */
static void dw8_take_tap(const ork_conv *conv, const dw8_layout *l, int64_t block, int64_t tap,
                         int64_t part, dw8_block *packed, int8_t *weights)
{
    bool any = false;
    int8_t *to = weights + packed->taken / 4 * DW8_WEIGHTS + packed->taken % 4;
    for (int i = 0; i < BLOCK_BYTES; i++) {
        const int64_t channel = dw8_channel(l, block, i / LANES, i % LANES);
        to[i * 4] = dw8_weight(conv, channel, tap, part);
        any = any || to[i * 4];
    }
    if (any)
        packed->taps[packed->taken++] = (int16_t)tap;
}

/* The sum of weights times the input's zero point is taken from the bias. */
static int32_t dw8_bias(const ork_conv *conv, int64_t channel)
{
    const int32_t in_zero = conv->requant.in_zero + byte_offset(conv->dtype);
    uint32_t sum = conv->bias ? (uint32_t)((const int32_t *)conv->bias)[channel] : 0;
    for (int64_t tap = 0; tap < conv->shape.kernel_h * conv->shape.kernel_w; tap++)
        sum -= (uint32_t)centred_weight(conv, channel, tap) * (uint32_t)in_zero;
    return (int32_t)sum;
}

/* Bias and requantization of a channel, or of the last where only lines have it. */
static void dw8_set_lane(const ork_conv *conv, int64_t channel, dw8_block *block, int lane)
{
    channel = ork_min64(channel, conv->shape.in_c - 1);
    block->bias[lane] = dw8_bias(conv, channel);
    const ork_requant one = ork_requant_of(&conv->requant, channel);
    requant_set(&block->requant[lane / LANES], lane % LANES, &one, one.multiplier);
}

static void dw8_prove(const ork_conv *conv, dw8_block *block)
{
    if (!conv->requant.multipliers && !conv->requant.out_zeros)
        prove_requant(block->requant, BLOCK_VECTORS, &conv->requant, conv->requant.multiplier);
}

void ISA(ork_dot8_depthwise_pack)(const ork_conv *conv, void *packed)
{
    const dw8_layout l = dw8_layout_of(conv);
    memset(packed, 0, l.block_bytes * (size_t)l.period);
    for (int64_t b = 0; b < l.period; b++) {
        dw8_block *block = (dw8_block *)(void *)((char *)packed + (size_t)b * l.block_bytes);
        int8_t *weights = (int8_t *)block + ork_align64(sizeof(dw8_block));
        for (int i = 0; i < BLOCK_BYTES; i++)
            dw8_set_lane(conv, dw8_channel(&l, b, i / LANES, i % LANES), block, i);
        dw8_prove(conv, block);
        for (int64_t tap = 0; tap < DW8_PARTS * l.taps; tap++)
            dw8_take_tap(conv, &l, b, tap % l.taps, tap / l.taps, block, weights);
    }
}

/* Blocks whose taps are among `taps`, each taken as often as it has parts at most. */
static bool dw8_blocks_are_safe(const char *packed, int64_t blocks, size_t block_bytes,
                                int64_t taps)
{
    bool safe = true;
    for (int64_t b = 0; b < blocks; b++) {
        const dw8_block *block =
            (const dw8_block *)(const void *)(packed + (size_t)b * block_bytes);
        safe = safe && block->taken >= 0 && block->taken <= DW8_PARTS * taps;
        for (int i = 0; i < DW8_PARTS * DW8_MOST_TAPS; i++)
            safe = safe && block->taps[i] >= 0 && block->taps[i] < taps;
    }
    return safe;
}

bool ISA(ork_dot8_depthwise_places)(const ork_conv *conv, const void *packed)
{
    const dw8_layout l = dw8_layout_of(conv);
    return dw8_blocks_are_safe(packed, l.period, l.block_bytes, l.taps);
}

/* ---- lines in scratch ---- */

/* The line held by each slot, a flat row of the output, then the slots. */
size_t ISA(ork_dot8_depthwise_scratch_bytes)(const ork_conv *conv)
{
    return dw8_layout_of(conv).scratch_bytes;
}

/* How many of the first `pixels` pixels of a line belong to a phase. */
static int64_t dw8_places(int64_t pixels, int64_t phase, int64_t stride)
{
    return pixels > phase ? (pixels - phase - 1) / stride + 1 : 0;
}

static void dw8_fill_line(const ork_conv *conv, const dw8_layout *l, const uint8_t *image,
                          int64_t y, uint8_t *line)
{
    const ork_conv_shape *s = &conv->shape;
    const bool moved = byte_offset(conv->dtype) != 0;
    const int padding = (conv->requant.in_zero + byte_offset(conv->dtype)) & 0xff;
    const bool inside = y >= 0 && y < s->in_h;
    const int64_t left = inside ? ork_min64(s->pad_left, l->line_pixels) : l->line_pixels;
    const int64_t end = left + ork_max64(0, ork_min64(l->line_pixels - left, s->in_w));
    const uint8_t *from = image + y * s->in_w * s->in_stride;
    for (int64_t phase = 0; phase < s->stride_w; phase++) {
        /* pixels phase, phase + stride_w and so on of the line: padding, then the picture's */
        const int64_t before = dw8_places(left, phase, s->stride_w);
        const int64_t count = dw8_places(end, phase, s->stride_w) - before;
        const int64_t all = dw8_places(l->line_pixels, phase, s->stride_w);
        uint8_t *to = line + phase * l->phase_bytes;
        memset(to, padding, (size_t)(before * l->channels));
        to += before * l->channels;
        if (count > 0)
            copy_pixels(moved, to, l->channels,
                        from + (phase + before * s->stride_w - left) * s->in_stride,
                        s->stride_w * s->in_stride, count, s->in_c);
        memset(to + count * l->channels, padding, (size_t)((all - before - count) * l->channels));
    }
}

/* The line of the picture wanted by a row of the kernel, which is filled when it is not there yet.
   Lines are numbered through all images, those above the picture included. */
static const uint8_t *dw8_line(const ork_conv *conv, const dw8_layout *l, const uint8_t *in,
                               int64_t image, int64_t from_top, void *scratch)
{
    const ork_conv_shape *s = &conv->shape;
    int64_t *held = scratch;
    const int64_t number = image * (s->out_h * s->stride_h + l->slots) + from_top;
    const int64_t slot = number % l->slots;
    uint8_t *line = (uint8_t *)scratch + l->lines_at + slot * l->line_bytes;
    if (held[slot] != number)
        dw8_fill_line(conv, l, in + image * s->in_h * s->in_w * s->in_stride, from_top - s->pad_top,
                      line);
    held[slot] = number;
    return line;
}

/* Where each tap of the row's first byte lies. */
static void dw8_find_taps(const ork_conv *conv, const dw8_layout *l, const uint8_t *in, int64_t row,
                          void *scratch, const uint8_t **taps)
{
    const ork_conv_shape *s = &conv->shape;
    const int64_t image = row / s->out_h, top = row % s->out_h * s->stride_h;
    for (int64_t ky = 0; ky < s->kernel_h; ky++) {
        const uint8_t *line = dw8_line(conv, l, in, image, top + ky * s->dilation_h, scratch);
        int64_t phase = 0;
        for (int64_t kx = 0; kx < s->kernel_w; kx++) {
            *taps++ = line + phase * l->phase_bytes;
            for (phase += s->dilation_w; phase >= s->stride_w; phase -= s->stride_w)
                line += l->channels;
        }
    }
}

/* ---- running ---- */

static __attribute__((noinline)) void dw8_store_exact(const ork_requant *r, const dw8_block *block,
                                                      const int32_t *sums, uint8_t *to,
                                                      int64_t count)
{
    uint8_t bytes[BLOCK_BYTES];
    store_row_exact(r, block->requant, sums, BLOCK_VECTORS, bytes, BLOCK_BYTES);
    for (int i = 0; i < BLOCK_BYTES; i++)
        if (interleaved_byte(i / LANES, i % LANES) < count)
            to[interleaved_byte(i / LANES, i % LANES)] = bytes[i];
}

/* `count` bytes of the output from byte `at` of the flat row on. */
ALWAYS_INLINE void dw8_block_run(const ork_conv *conv, const dw8_block *block,
                                 const uint8_t *const *taps, int64_t at, uint8_t *to, int64_t count)
{
    const int8_t *w = (const int8_t *)block + ork_align64(sizeof(*block));
    ivec sums[BLOCK_VECTORS];
    for (int v = 0; v < BLOCK_VECTORS; v++)
        sums[v] = ivec_load(block->bias + v * LANES);
    for (int64_t i = 0; i < block->taken; i += 4, w += DW8_WEIGHTS) {
        ivec quads[BLOCK_VECTORS];
        interleave(taps, block->taps + i, at, quads);
        for (int v = 0; v < BLOCK_VECTORS; v++)
            sums[v] = dot(sums[v], quads[v],
                          ivec_load((const int32_t *)(const void *)(w + v * 4 * LANES)));
    }
    ivec bytes;
    if (block->requant->sure) {
        requantize_rows(&conv->requant, block->requant, sums, BLOCK_VECTORS, 1, false, true,
                        &bytes);
        store_bytes(bytes, BLOCK_VECTORS, 1, to, 0, count);
        return;
    }
    const bool good = requantize_rows(&conv->requant, block->requant, sums, BLOCK_VECTORS, 1, false,
                                      false, &bytes);
    store_bytes(bytes, BLOCK_VECTORS, 1, to, 0, count);
    if (good)
        return;
    int32_t copy[BLOCK_BYTES] __attribute__((aligned(64)));
    for (int v = 0; v < BLOCK_VECTORS; v++)
        ivec_store(copy + v * LANES, sums[v]);
    dw8_store_exact(&conv->requant, block, copy, to, count);
}

void ISA(ork_dot8_depthwise_run)(const ork_conv *conv, const void *packed, const void *in,
                                 void *out, int64_t begin, int64_t end, void *scratch)
{
    const ork_conv_shape *s = &conv->shape;
    const dw8_layout l = dw8_layout_of(conv);
    const uint8_t *taps[DW8_MOST_TAPS];
    const bool flat = s->out_stride == l.channels && s->out_c == l.channels;
    for (int64_t i = 0; i < l.slots; i++)
        ((int64_t *)scratch)[i] = -1;
    for (int64_t row = begin; row < end; row++) {
        uint8_t *line = (uint8_t *)out + row * s->out_w * s->out_stride;
        uint8_t *to = flat ? line : (uint8_t *)scratch + l.row_at;
        dw8_find_taps(conv, &l, in, row, scratch, taps);
        for (int64_t at = 0, b = 0; at < l.flat;
             at += BLOCK_BYTES, b = b + 1 < l.period ? b + 1 : 0)
            dw8_block_run(
                conv,
                (const dw8_block *)(const void *)((const char *)packed + (size_t)b * l.block_bytes),
                taps, at, to + at, ork_min64(BLOCK_BYTES, l.flat - at));
        if (!flat)
            copy_pixels(false, line, s->out_stride, to, l.channels, s->out_w, s->out_c);
    }
}
