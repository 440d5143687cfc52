/* SPDX-License-Identifier: Apache-2.0 */
/* Template: dense f32 convolution as a matrix product. A tile is ROWS pixels by PANEL = LANES *
   PANEL_VECTORS output channels, kept in registers over the whole sum; weights are packed
   [group][panel][k][PANEL], the bias after them. See lanes.h. */
#include "strip.h"

typedef struct f32_layout {
    int64_t k, group_in, group_out, panels; /* panels of one group */
    int64_t strip;                          /* pixels */
    bool direct;                            /* windows are read in place */
} f32_layout;

static f32_layout f32_layout_of(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    f32_layout l = {.group_in = s->in_c / s->groups, .group_out = s->out_c / s->groups};
    l.k = s->kernel_h * s->kernel_w * l.group_in;
    l.panels = (l.group_out + PANEL - 1) / PANEL;
    l.direct = is_pointwise(s);
    /* about 64 KiB of windows, that stay in the second-level cache for all panels */
    l.strip = ork_max64(1, ork_min64(16, 16384 / ork_max64(1, l.k * ROWS))) * ROWS;
    return l;
}

bool ISA(ork_f32_dense_supports)(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    /* a panel mostly empty is slower than the plain loop is */
    return s->out_c / s->groups * 4 >= LANES || s->groups == 1;
}

size_t ISA(ork_f32_dense_packed_bytes)(const ork_conv *conv)
{
    f32_layout l = f32_layout_of(conv);
    size_t panel = ork_size_product(PANEL * sizeof(float), l.k + 1, 1, 1);
    return panel ? ork_size_product(panel, l.panels, conv->shape.groups, 1) : 0;
}

void ISA(ork_f32_dense_pack)(const ork_conv *conv, void *packed)
{
    const ork_conv_shape *s = &conv->shape;
    f32_layout l = f32_layout_of(conv);
    const float *weights = conv->weights, *bias = conv->bias;
    const int64_t taps = s->kernel_h * s->kernel_w;
    float *to = packed, *to_bias = to + s->groups * l.panels * PANEL * l.k;
    for (int64_t panel = 0; panel < s->groups * l.panels; panel++) {
        int64_t first = panel % l.panels * PANEL;
        for (int64_t i = 0; i < l.k * PANEL; i++) {
            int64_t k = i / PANEL, o = first + i % PANEL;
            int64_t channel = panel / l.panels * l.group_out + o;
            bool inside = o < l.group_out;
            *to++ = inside
                        ? weights[(channel * l.group_in + k % l.group_in) * taps + k / l.group_in]
                        : 0.0f;
            if (k == 0)
                *to_bias++ = inside && bias ? bias[channel] : 0.0f;
        }
    }
}

size_t ISA(ork_f32_dense_scratch_bytes)(const ork_conv *conv)
{
    f32_layout l = f32_layout_of(conv);
    return l.direct ? 0 : ork_size_product(sizeof(float), l.strip, l.k, 1);
}

ALWAYS_INLINE void copy_floats(const ork_conv *conv, void *to_data, const void *from_data,
                               int64_t count)
{
    float *to = to_data;
    const float *from = from_data;
    int64_t i = 0;
    (void)conv;
    for (; i + LANES <= count; i += LANES)
        vec_store(to + i, vec_load(from + i));
    if (i < count && count >= LANES) {
        vec_store(to + count - LANES, vec_load(from + count - LANES));
        return;
    }
    for (; i < count; i++)
        to[i] = from[i];
}

/* tile = bias + a b, with `rows` rows of a, `step` floats apart. */
static void tile_f32(int64_t k, const float *restrict a, int64_t step, int64_t rows,
                     const float *restrict b, const float *bias, float *restrict tile)
{
    vec sum[ROWS][PANEL_VECTORS];
    const float *row[ROWS];
    for (int r = 0; r < ROWS; r++)
        row[r] = a + ork_min64(r, rows - 1) * step;
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++) {
#pragma GCC unroll 16
        for (int v = 0; v < PANEL_VECTORS; v++)
            sum[r][v] = vec_load(bias + v * LANES);
    }
    for (int64_t i = 0; i < k; i++, b += PANEL) {
        vec w[PANEL_VECTORS];
#pragma GCC unroll 16
        for (int v = 0; v < PANEL_VECTORS; v++)
            w[v] = vec_load(b + v * LANES);
#pragma GCC unroll 16
        for (int r = 0; r < ROWS; r++) {
            vec x = vec_of(row[r][i]);
#pragma GCC unroll 16
            for (int v = 0; v < PANEL_VECTORS; v++)
                sum[r][v] = vec_fma(sum[r][v], x, w[v]);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++) {
#pragma GCC unroll 16
        for (int v = 0; v < PANEL_VECTORS; v++)
            vec_store(tile + r * PANEL + v * LANES, sum[r][v]);
    }
}

static void store_tile_f32(const ork_conv *conv, float *tile, int64_t rows, float *out,
                           int64_t channels)
{
    activate_vectors(&conv->activation, tile, rows * PANEL);
    for (int64_t r = 0; r < rows; r++, tile += PANEL, out += conv->shape.out_stride) {
        if (channels == PANEL)
            for (int v = 0; v < PANEL_VECTORS; v++)
                vec_store(out + v * LANES, vec_load(tile + v * LANES));
        else
            memcpy(out, tile, (size_t)channels * sizeof(float));
    }
}

/* All output channels of one group for `pixels` windows. */
static void strip_f32(const ork_conv *conv, const f32_layout *l, const float *packed, int64_t group,
                      const float *a, int64_t step, int64_t pixels, float *out)
{
    const int64_t all = conv->shape.groups * l->panels;
    for (int64_t panel = 0; panel < l->panels; panel++) {
        int64_t at = group * l->panels + panel;
        const float *b = packed + at * l->k * PANEL;
        const float *bias = packed + all * l->k * PANEL + at * PANEL;
        int64_t channels = ork_min64(PANEL, l->group_out - panel * PANEL);
        for (int64_t p = 0; p < pixels; p += ROWS) {
            float tile[ROWS * PANEL] __attribute__((aligned(64)));
            int64_t rows = ork_min64(ROWS, pixels - p);
            tile_f32(l->k, a + p * step, step, rows, b, bias, tile);
            store_tile_f32(conv, tile, rows, out + p * conv->shape.out_stride + panel * PANEL,
                           channels);
        }
    }
}

void ISA(ork_f32_dense_run)(const ork_conv *conv, const void *packed, const void *in_data,
                            void *out_data, int64_t begin, int64_t end, void *scratch)
{
    const ork_conv_shape *s = &conv->shape;
    const f32_layout l = f32_layout_of(conv);
    const float *in = in_data;
    float *out = out_data;
    const int64_t last = end * s->out_w;
    for (int64_t at = begin * s->out_w; at < last; at += l.strip) {
        int64_t pixels = ork_min64(l.strip, last - at);
        for (int64_t group = 0; group < s->groups; group++) {
            float *to = out + at * s->out_stride + group * l.group_out;
            if (l.direct) {
                strip_f32(conv, &l, packed, group, in + at * s->in_stride + group * l.group_in,
                          s->in_stride, pixels, to);
                continue;
            }
            window w = window_of(s, at);
            for (int64_t p = 0; p < pixels; p++, window_next(s, &w))
                gather(conv, in + group * l.group_in, sizeof(float), &w, l.group_in,
                       (float *)scratch + p * l.k, sizeof(float), 0, copy_floats);
            strip_f32(conv, &l, packed, group, scratch, l.k, pixels, to);
        }
    }
}
