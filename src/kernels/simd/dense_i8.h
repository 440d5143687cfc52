/* SPDX-License-Identifier: Apache-2.0 */
/* Template: dense convolution of u8 and i8 as a matrix product, exact modulo 2^32. Inputs and
   weights less their zero points fit 16 bits, so that padding is plain 0 and nothing is left to
   correct; pairs of products are added at once. Packed: int16 weights
   [group][panel][k/2][PANEL][2], then int32 biases [group][panel][PANEL], then the constants of the
   requantization. See bytes.h. */
#include "bytes.h"

typedef struct i8_layout {
    int64_t pairs, group_in, group_out, panels, strip; /* panels of one group; strip in pixels */
    size_t bias_at, requant_at, bytes;                 /* bytes 0: too large */
} i8_layout;

static i8_layout i8_layout_of(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    i8_layout l = {.group_in = s->in_c / s->groups, .group_out = s->out_c / s->groups};
    l.pairs = (s->kernel_h * s->kernel_w * l.group_in + 1) / 2;
    l.panels = (l.group_out + PANEL - 1) / PANEL;
    l.strip = ork_max64(1, ork_min64(16, 16384 / ork_max64(1, l.pairs * ROWS))) * ROWS;
    size_t weights = ork_size_product(PANEL * 4, l.pairs, l.panels, s->groups);
    size_t rest =
        ork_size_product(PANEL * 4 + PANEL_VECTORS * sizeof(requant_lanes), l.panels, s->groups, 1);
    l.bias_at = weights;
    l.requant_at = weights + ork_size_product(PANEL * 4, l.panels, s->groups, 1);
    l.bytes = weights && rest ? weights + rest : 0;
    return l;
}

bool ISA(ork_i8_dense_supports)(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    return bytes_supported(conv) && (s->out_c / s->groups * 4 >= LANES || s->groups == 1);
}

size_t ISA(ork_i8_dense_packed_bytes)(const ork_conv *conv)
{
    return i8_layout_of(conv).bytes;
}

void ISA(ork_i8_dense_pack)(const ork_conv *conv, void *packed)
{
    const ork_conv_shape *s = &conv->shape;
    const i8_layout l = i8_layout_of(conv);
    int16_t *to = packed;
    int32_t *bias = (int32_t *)(void *)((char *)packed + l.bias_at);
    requant_lanes *requant = (requant_lanes *)(void *)((char *)packed + l.requant_at);
    for (int64_t panel = 0; panel < s->groups * l.panels; panel++) {
        const int64_t group = panel / l.panels, first = panel % l.panels * PANEL;
        const int64_t base = group * l.group_out;
        for (int64_t i = 0; i < l.pairs * PANEL; i++) {
            const int64_t o = first + i % PANEL, k = i / PANEL * 2, lane = i % LANES;
            int16_t *vector = to + (i - lane) * 2;
            for (int odd = 0; odd < 2; odd++)
                vector[madd_slot((int)lane, odd)] =
                    o < l.group_out ? centred_weight(conv, base + o, k + odd) : (int16_t)0;
        }
        to += l.pairs * PANEL * 2;
        for (int64_t o = first; o < first + PANEL; o++)
            *bias++ = conv->bias && o < l.group_out ? ((const int32_t *)conv->bias)[base + o] : 0;
        requant_panel_set(requant, PANEL_VECTORS, &conv->requant, base + first,
                          base + ork_min64(first + PANEL, l.group_out));
        requant += PANEL_VECTORS;
    }
}

size_t ISA(ork_i8_dense_scratch_bytes)(const ork_conv *conv)
{
    i8_layout l = i8_layout_of(conv);
    return ork_size_product(4, l.strip, l.pairs, 1);
}

static void tile_i8(int64_t pairs, const int16_t *restrict a, int64_t rows,
                    const int16_t *restrict b, const int32_t *bias, int32_t *restrict tile)
{
    ivec sum[ROWS][PANEL_VECTORS];
    const int16_t *row[ROWS];
    for (int r = 0; r < ROWS; r++)
        row[r] = a + ork_min64(r, rows - 1) * pairs * 2;
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++) {
#pragma GCC unroll 16
        for (int v = 0; v < PANEL_VECTORS; v++)
            sum[r][v] = ivec_load(bias + v * LANES);
    }
    for (int64_t i = 0; i < pairs; i++, b += PANEL * 2) {
        ivec w[PANEL_VECTORS];
#pragma GCC unroll 16
        for (int v = 0; v < PANEL_VECTORS; v++)
            w[v] = ivec_load((const int32_t *)(const void *)(b + v * LANES * 2));
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++) {
            ivec x = ivec_of(load_word(row[r] + i * 2));
#pragma GCC unroll 16
            for (int v = 0; v < PANEL_VECTORS; v++)
                sum[r][v] = madd(sum[r][v], x, w[v]);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++) {
#pragma GCC unroll 16
        for (int v = 0; v < PANEL_VECTORS; v++)
            ivec_store(tile + r * PANEL + v * LANES, sum[r][v]);
    }
}

/* All output channels of one group for `pixels` windows. */
static void strip_i8(const ork_conv *conv, const i8_layout *l, const void *packed, int64_t group,
                     const int16_t *a, int64_t pixels, uint8_t *out)
{
    for (int64_t panel = 0; panel < l->panels; panel++) {
        const int64_t at = group * l->panels + panel;
        const int16_t *b = (const int16_t *)packed + at * l->pairs * PANEL * 2;
        const int32_t *bias =
            (const int32_t *)(const void *)((const char *)packed + l->bias_at) + at * PANEL;
        const requant_lanes *requant =
            (const requant_lanes *)(const void *)((const char *)packed + l->requant_at) +
            at * PANEL_VECTORS;
        int64_t channels = ork_min64(PANEL, l->group_out - panel * PANEL);
        for (int64_t p = 0; p < pixels; p += ROWS) {
            int32_t tile[ROWS * PANEL] __attribute__((aligned(64)));
            int64_t rows = ork_min64(ROWS, pixels - p);
            tile_i8(l->pairs, a + p * l->pairs * 2, rows, b, bias, tile);
            store_tile_bytes(conv, requant, tile, rows,
                             out + p * conv->shape.out_stride + panel * PANEL, channels);
        }
    }
}

/* Lays out the windows of `pixels` output pixels from `at` on. */
static void windows_i8(const ork_conv *conv, const i8_layout *l, const uint8_t *in, int64_t at,
                       int64_t pixels, int16_t *to)
{
    const ork_conv_shape *s = &conv->shape;
    const int64_t k = s->kernel_h * s->kernel_w * l->group_in, step = l->pairs * 2;
    if (is_pointwise(s) && s->in_stride == l->group_in && k == step) {
        widen(conv, to, in + at * step, pixels * step);
        return;
    }
    window w = window_of(s, at);
    for (int64_t p = 0; p < pixels; p++, window_next(s, &w), to += step) {
        gather(conv, in, 1, &w, l->group_in, to, sizeof(*to), 0, widen);
        if (k & 1)
            to[k] = 0;
    }
}

void ISA(ork_i8_dense_run)(const ork_conv *conv, const void *packed, const void *in_data,
                           void *out_data, int64_t begin, int64_t end, void *scratch)
{
    const ork_conv_shape *s = &conv->shape;
    const i8_layout l = i8_layout_of(conv);
    const int64_t last = end * s->out_w;
    for (int64_t at = begin * s->out_w; at < last; at += l.strip) {
        const int64_t pixels = ork_min64(l.strip, last - at);
        for (int64_t group = 0; group < s->groups; group++) {
            windows_i8(conv, &l, (const uint8_t *)in_data + group * l.group_in, at, pixels,
                       scratch);
            strip_i8(conv, &l, packed, group, scratch, pixels,
                     (uint8_t *)out_data + at * s->out_stride + group * l.group_out);
        }
    }
}
