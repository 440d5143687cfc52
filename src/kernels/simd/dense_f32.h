/* SPDX-License-Identifier: Apache-2.0 */
/* Template: dense f32 convolution as a matrix product (tile_f32.h) of windows (lines.h) and
   weights. Packed: for each group and panel its bias, then its weights [k][panel]; k runs over (ky,
   kx, channel). */
#include "tile_f32.h"

enum { F32_STRIP = 65536 }; /* about what the second-level cache holds beside a panel of weights */

typedef struct f32_layout {
    int64_t k, group_out;
    panels panels; /* of a group */
    line_layout lines;
} f32_layout;

static f32_layout f32_layout_of(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    f32_layout l = {.k = s->kernel_h * s->kernel_w * (s->in_c / s->groups),
                    .group_out = s->out_c / s->groups};
    l.panels = panels_of(l.group_out, F32_VECTORS);
    l.lines = line_layout_of(s, 1, F32_STRIP, l.panels.count > 1);
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
    const f32_layout l = f32_layout_of(conv);
    return ork_size_product(LANES * sizeof(float), l.k + 1, l.panels.vectors, conv->shape.groups);
}

void ISA(ork_f32_dense_pack)(const ork_conv *conv, void *packed)
{
    const ork_conv_shape *s = &conv->shape;
    const f32_layout l = f32_layout_of(conv);
    const float *weights = conv->weights, *bias = conv->bias;
    const int64_t taps = s->kernel_h * s->kernel_w;
    float *to = packed;
    for (int64_t panel = 0; panel < s->groups * l.panels.count; panel++) {
        const int64_t group = panel / l.panels.count, at = panel % l.panels.count;
        const int64_t first = panel_begin(&l.panels, at) * LANES;
        const int64_t width = panel_vectors(&l.panels, at) * LANES;
        for (int64_t k = -1; k < l.k; k++) {
            for (int64_t o = first; o < first + width; o++) {
                const int64_t channel = group * l.group_out + o;
                float value = 0.0f;
                if (o < l.group_out && k < 0)
                    value = bias ? bias[channel] : 0.0f;
                else if (o < l.group_out)
                    value = weights[(channel * l.lines.depth + k % l.lines.depth) * taps +
                                    k / l.lines.depth];
                *to++ = value;
            }
        }
    }
}

size_t ISA(ork_f32_dense_scratch_bytes)(const ork_conv *conv)
{
    const f32_layout l = f32_layout_of(conv);
    return line_scratch_bytes(&l.lines, sizeof(float));
}

/* All panels of one group for output rows of one image, whose windows begin in `in`. */
static void rows_f32(const ork_conv *conv, const f32_layout *l, const float *packed,
                     const float *in, int64_t rows, float *out)
{
    const ork_conv_shape *s = &conv->shape;
    f32_product product = {.runs = l->lines.runs, .activation = &conv->activation};
    for (int64_t panel = 0; panel < l->panels.count; panel++) {
        const int64_t first = panel_begin(&l->panels, panel) * LANES;
        const int64_t vectors = panel_vectors(&l->panels, panel);
        product.bias = packed + first * (l->k + 1);
        product.right = product.bias + vectors * LANES;
        product.channels = ork_min64(vectors * LANES, l->group_out - first);
        window_walk walk = window_walk_of(s, &l->lines);
        float *to = out + first;
        for (int64_t rest = rows * s->out_w, taken; rest > 0; rest -= taken) {
            const float *left[F32_ROWS];
            float *right[F32_ROWS];
            taken = next_rows(f32_rows(vectors), rest);
            for (int64_t r = 0; r < taken; r++, to += s->out_stride) {
                left[r] = in + window_walk_next(&walk);
                right[r] = to;
            }
            f32_tiles[vectors][taken](&product, left, right);
        }
    }
}

void ISA(ork_f32_dense_run)(const ork_conv *conv, const void *packed, const void *in_data,
                            void *out_data, int64_t begin, int64_t end, void *scratch)
{
    const ork_conv_shape *s = &conv->shape;
    const f32_layout l = f32_layout_of(conv);
    int64_t rows;
    for (int64_t row = begin; row < end; row += rows) {
        const int64_t y = row % s->out_h;
        rows = ork_min64(l.lines.rows, ork_min64(end - row, s->out_h - y));
        for (int64_t group = 0; group < s->groups; group++) {
            const float *image = (const float *)in_data +
                                 row / s->out_h * s->in_h * s->in_w * s->in_stride +
                                 group * l.lines.depth;
            const float *in = image + y * s->stride_h * s->in_w * s->in_stride;
            if (!l.lines.in_place) {
                copy_lines(s, &l.lines, sizeof(float), (const char *)image, y, rows, scratch);
                in = scratch;
            }
            rows_f32(conv, &l, (const float *)packed + group * l.panels.vectors * LANES * (l.k + 1),
                     in, rows,
                     (float *)out_data + row * s->out_w * s->out_stride + group * l.group_out);
        }
    }
}
