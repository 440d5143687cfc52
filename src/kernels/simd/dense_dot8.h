/* SPDX-License-Identifier: Apache-2.0 */
/* Template: dense convolution of u8 and i8 by an instruction that adds four products of bytes to an
   int32, exact modulo 2^32. Weights are signed bytes, u8 ones less 128; the input's bytes are moved
   by dot_offset(dtype) into the signedness that the instruction wants. With x and w as moved, zx
   and zw the zero points moved likewise, a sum over k terms is sum (x - zx)(w - zw) = sum x w - zw
   sum x + (k zw - sum w) zx of which the last term is added to the bias, and the sum of x is found
   once for a window. What reads padding is zx. Packed: weights [group][panel][k/4][PANEL][4], then
   int32 biases, then zw, of [group][panel][PANEL], then the constants of the requantization. See
   bytes.h; the set's file also defines DOT_SIGNED         1 where the instruction takes the input
   as signed bytes dot(sum, x, w)     adds four products to each lane */
#include "bytes.h"

typedef struct dot8_layout {
    int64_t quads, group_in, group_out, panels, strip; /* panels of one group; strip in pixels */
    bool direct;                                       /* windows are read in place */
    bool has_zero;                                     /* zw is not 0 throughout */
    size_t bias_at, zero_at, requant_at, bytes;        /* bytes 0: too large */
} dot8_layout;

static int32_t dot_offset(ork_dtype dtype)
{
    if (DOT_SIGNED)
        return dtype == ORK_U8 ? -128 : 0;
    return dtype == ORK_I8 ? 128 : 0;
}

static dot8_layout dot8_layout_of(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    dot8_layout l = {.group_in = s->in_c / s->groups, .group_out = s->out_c / s->groups};
    l.quads = (s->kernel_h * s->kernel_w * l.group_in + 3) / 4;
    l.panels = (l.group_out + PANEL - 1) / PANEL;
    l.strip = ork_max64(1, ork_min64(16, 16384 / ork_max64(1, l.quads * ROWS))) * ROWS;
    l.direct = is_pointwise(s) && l.group_in % 4 == 0 && dot_offset(conv->dtype) == 0;
    l.has_zero = conv->weight_dtype == ORK_U8 || conv->requant.weight_zeros ||
                 conv->requant.weight_zero != 0;
    const size_t constants = ork_size_product(PANEL * 4, l.panels, s->groups, 1);
    const size_t requant =
        ork_size_product(PANEL_VECTORS * sizeof(requant_lanes), l.panels, s->groups, 1);
    const size_t weights = ork_size_product(PANEL * 4, l.quads, l.panels, s->groups);
    l.bias_at = weights;
    l.zero_at = l.bias_at + constants;
    l.requant_at = l.zero_at + constants;
    l.bytes = weights && requant ? l.requant_at + requant : 0;
    return l;
}

bool ISA(ork_dot8_dense_supports)(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    const int32_t zero = conv->requant.in_zero + dot_offset(conv->dtype);
    const int32_t least = DOT_SIGNED ? INT8_MIN : 0;
    return requant_supported(&conv->requant) && zero >= least && zero <= least + UINT8_MAX &&
           (s->out_c / s->groups * 4 >= LANES || s->groups == 1);
}

size_t ISA(ork_dot8_dense_packed_bytes)(const ork_conv *conv)
{
    return dot8_layout_of(conv).bytes;
}

/* The weights of one output channel, from its lane of the panel on; its zw and new bias. */
static void dot8_pack_channel(const ork_conv *conv, const dot8_layout *l, int64_t channel,
                              int8_t *to, int32_t *bias, int32_t *zero)
{
    const ork_conv_shape *s = &conv->shape;
    const int64_t k = s->kernel_h * s->kernel_w * l->group_in;
    const int32_t moved = conv->weight_dtype == ORK_U8 ? 128 : 0;
    const int32_t in_zero = conv->requant.in_zero + dot_offset(conv->dtype);
    uint32_t sum = 0;
    for (int64_t i = 0; i < k; i++) {
        const int32_t weight = raw_weight(conv, channel, i) - moved;
        to[i / 4 * PANEL * 4 + i % 4] = (int8_t)weight;
        sum += (uint32_t)weight;
    }
    *zero = ork_requant_weight_zero(&conv->requant, channel) - moved;
    const uint32_t rest = (uint32_t)k * (uint32_t)*zero - sum;
    const int32_t given = conv->bias ? ((const int32_t *)conv->bias)[channel] : 0;
    *bias = (int32_t)((uint32_t)given + rest * (uint32_t)in_zero);
}

void ISA(ork_dot8_dense_pack)(const ork_conv *conv, void *packed)
{
    const ork_conv_shape *s = &conv->shape;
    const dot8_layout l = dot8_layout_of(conv);
    int8_t *to = packed;
    int32_t *bias = (int32_t *)(void *)((char *)packed + l.bias_at);
    int32_t *zero = (int32_t *)(void *)((char *)packed + l.zero_at);
    requant_lanes *requant = (requant_lanes *)(void *)((char *)packed + l.requant_at);
    memset(packed, 0, l.requant_at);
    for (int64_t panel = 0; panel < s->groups * l.panels; panel++) {
        const int64_t first = panel % l.panels * PANEL, base = panel / l.panels * l.group_out;
        for (int64_t o = 0; o < ork_min64(PANEL, l.group_out - first); o++)
            dot8_pack_channel(conv, &l, base + first + o, to + o * 4, bias + o, zero + o);
        for (int v = 0; v < PANEL_VECTORS; v++)
            requant_lanes_set(requant++, &conv->requant, base + first + v * LANES,
                              base + l.group_out);
        to += l.quads * PANEL * 4;
        bias += PANEL;
        zero += PANEL;
    }
}

/* Sums of the windows of a strip, then the windows. */
size_t ISA(ork_dot8_dense_scratch_bytes)(const ork_conv *conv)
{
    dot8_layout l = dot8_layout_of(conv);
    size_t sums = ork_align64(ork_size_product(sizeof(int32_t), l.strip, 1, 1));
    size_t windows = ork_size_product(4, l.strip, l.quads, 1);
    return windows ? sums + (l.direct ? 0 : windows) : 0;
}

/* Input bytes moved by dot_offset; a gather_copy. */
ALWAYS_INLINE void copy_dot8(const ork_conv *conv, void *to_data, const void *from, int64_t count)
{
    uint8_t *to = to_data;
    memcpy(to, from, (size_t)count);
    for (int64_t i = 0; dot_offset(conv->dtype) && i < count; i++)
        to[i] ^= 0x80;
}

/* Sum of bytes as the instruction takes them. */
static int32_t dot8_sum(const uint8_t *x, int64_t count)
{
    const ivec ones = ivec_of(0x01010101);
    uint8_t rest[LANES * 4] = {0};
    const int64_t whole = count / (LANES * 4) * (LANES * 4);
    ivec sum = ivec_of(0);
    for (int64_t i = 0; i < whole; i += LANES * 4)
        sum = dot(sum, ivec_load_bytes(x + i), ones);
    memcpy(rest, x + whole, (size_t)(count - whole));
    sum = dot(sum, ivec_load_bytes(rest), ones);
    uint32_t total = 0;
    for (int lane = 0; lane < LANES; lane++)
        total += (uint32_t)sum[lane];
    return (int32_t)total;
}

/* `sums` NULL: zw is 0. */
static void tile_dot8(int64_t quads, const uint8_t *restrict a, int64_t step, int64_t rows,
                      const int8_t *restrict b, const int32_t *bias, const int32_t *zero,
                      const int32_t *sums, int32_t *restrict tile)
{
    ivec sum[ROWS][PANEL_VECTORS];
    const uint8_t *row[ROWS];
    for (int r = 0; r < ROWS; r++)
        row[r] = a + ork_min64(r, rows - 1) * step;
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++) {
        const uvec total = sums ? uvec_of((uint32_t)sums[ork_min64(r, rows - 1)]) : uvec_of(0);
#pragma GCC unroll 16
        for (int v = 0; v < PANEL_VECTORS; v++)
            sum[r][v] = (ivec)((uvec)ivec_load(bias + v * LANES) -
                               (uvec)ivec_load(zero + v * LANES) * total);
    }
    for (int64_t i = 0; i < quads; i++, b += PANEL * 4) {
        ivec w[PANEL_VECTORS];
#pragma GCC unroll 16
        for (int v = 0; v < PANEL_VECTORS; v++)
            w[v] = ivec_load((const int32_t *)(const void *)(b + v * LANES * 4));
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++) {
            ivec x = ivec_of(load_word(row[r] + i * 4));
#pragma GCC unroll 16
            for (int v = 0; v < PANEL_VECTORS; v++)
                sum[r][v] = dot(sum[r][v], x, w[v]);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++) {
#pragma GCC unroll 16
        for (int v = 0; v < PANEL_VECTORS; v++)
            ivec_store(tile + r * PANEL + v * LANES, sum[r][v]);
    }
}

/* All output channels of one group for `pixels` windows, `step` bytes apart. */
static void strip_dot8(const ork_conv *conv, const dot8_layout *l, const void *packed,
                       int64_t group, const uint8_t *a, int64_t step, const int32_t *sums,
                       int64_t pixels, uint8_t *out)
{
    const char *base = packed;
    for (int64_t panel = 0; panel < l->panels; panel++) {
        const int64_t at = group * l->panels + panel;
        const int8_t *b = (const int8_t *)packed + at * l->quads * PANEL * 4;
        const int32_t *bias = (const int32_t *)(const void *)(base + l->bias_at) + at * PANEL;
        const int32_t *zero = (const int32_t *)(const void *)(base + l->zero_at) + at * PANEL;
        const requant_lanes *requant =
            (const requant_lanes *)(const void *)(base + l->requant_at) + at * PANEL_VECTORS;
        const int64_t channels = ork_min64(PANEL, l->group_out - panel * PANEL);
        for (int64_t p = 0; p < pixels; p += ROWS) {
            int32_t tile[ROWS * PANEL] __attribute__((aligned(64)));
            const int64_t rows = ork_min64(ROWS, pixels - p);
            tile_dot8(l->quads, a + p * step, step, rows, b, bias, zero, sums ? sums + p : NULL,
                      tile);
            store_tile_bytes(conv, requant, tile, rows,
                             out + p * conv->shape.out_stride + panel * PANEL, channels);
        }
    }
}

/* Lays out the windows of `pixels` output pixels from `at` on. */
static void dot8_windows(const ork_conv *conv, const dot8_layout *l, const uint8_t *in, int64_t at,
                         int64_t pixels, uint8_t *to)
{
    const ork_conv_shape *s = &conv->shape;
    const int64_t k = s->kernel_h * s->kernel_w * l->group_in, step = l->quads * 4;
    const int padding = (conv->requant.in_zero + dot_offset(conv->dtype)) & 0xff;
    window w = window_of(s, at);
    for (int64_t p = 0; p < pixels; p++, window_next(s, &w), to += step) {
        gather(conv, in, 1, &w, l->group_in, to, 1, padding, copy_dot8);
        for (int64_t i = k; i < step; i++)
            to[i] = 0;
    }
}

void ISA(ork_dot8_dense_run)(const ork_conv *conv, const void *packed, const void *in_data,
                             void *out_data, int64_t begin, int64_t end, void *scratch)
{
    const ork_conv_shape *s = &conv->shape;
    const dot8_layout l = dot8_layout_of(conv);
    const int64_t last = end * s->out_w, step = l.direct ? s->in_stride : l.quads * 4;
    const uint8_t *in = in_data;
    int32_t *sums = l.has_zero ? scratch : NULL;
    uint8_t *windows = (uint8_t *)scratch + ork_align64((size_t)l.strip * sizeof(*sums));
    for (int64_t at = begin * s->out_w; at < last; at += l.strip) {
        const int64_t pixels = ork_min64(l.strip, last - at);
        for (int64_t group = 0; group < s->groups; group++) {
            const uint8_t *a = windows;
            if (l.direct)
                a = in + at * s->in_stride + group * l.group_in;
            else
                dot8_windows(conv, &l, in + group * l.group_in, at, pixels, windows);
            for (int64_t p = 0; sums && p < pixels; p++)
                sums[p] = dot8_sum(a + p * step, l.quads * 4);
            strip_dot8(conv, &l, packed, group, a, step, sums, pixels,
                       (uint8_t *)out_data + at * s->out_stride + group * l.group_out);
        }
    }
}
