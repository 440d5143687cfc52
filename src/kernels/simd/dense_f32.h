/* SPDX-License-Identifier: Apache-2.0 */
/* Template: dense f32 convolution as a matrix product whose left side, the windows, is read where
   it lies: in the picture, or, where windows leave it, in copies of its lines with their borders.
   Rows of the product are output pixels in their order, whatever lines they belong to. Packed: for
   each group and panel (tile_f32.h) its bias, then its weights [k][panel]; k runs over (ky, kx,
   channel). */
#include "tile_f32.h"

/* About what the second-level cache holds beside a panel of weights. */
enum { F32_STRIP = 65536, F32_LEAST_PIXELS = 64 }; /* floats, pixels */

typedef struct f32_layout {
    int64_t k, group_in, group_out;
    f32_panels panels; /* of a group */
    bool in_place;     /* no window leaves the picture */
    int64_t width;     /* of a line, with its borders */
    int64_t rows;      /* output rows whose lines are copied together */
    int64_t lines;     /* that these read */
    f32_runs runs;
} f32_layout;

static bool stays_inside(const ork_conv_shape *s)
{
    return s->pad_top == 0 && s->pad_left == 0 &&
           (s->out_h - 1) * s->stride_h + (s->kernel_h - 1) * s->dilation_h < s->in_h &&
           (s->out_w - 1) * s->stride_w + (s->kernel_w - 1) * s->dilation_w < s->in_w;
}

static f32_layout f32_layout_of(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    f32_layout l = {.group_in = s->in_c / s->groups,
                    .group_out = s->out_c / s->groups,
                    .in_place = stays_inside(s),
                    .width = s->in_w};
    l.k = s->kernel_h * s->kernel_w * l.group_in;
    l.panels = f32_panels_of(l.group_out);
    if (!l.in_place)
        l.width = (s->out_w - 1) * s->stride_w + (s->kernel_w - 1) * s->dilation_w + 1;
    const int64_t least = (F32_LEAST_PIXELS + s->out_w - 1) / s->out_w;
    const int64_t fit = F32_STRIP / (l.width * l.group_in) - (s->kernel_h - 1) * s->dilation_h;
    l.rows = ork_min64(s->out_h, ork_max64(least, fit / s->stride_h));
    if (l.in_place && l.panels.count == 1) /* nothing is read twice */
        l.rows = s->out_h;
    l.lines = (l.rows - 1) * s->stride_h + (s->kernel_h - 1) * s->dilation_h + 1;
    const int64_t pixel = l.in_place ? s->in_stride : l.group_in;
    l.runs = (f32_runs){s->kernel_h, s->kernel_w, l.group_in, s->dilation_h * l.width * pixel,
                        s->dilation_w * pixel};
    if (s->dilation_w == 1 && pixel == l.group_in) { /* taps beside each other are one run */
        l.runs.length *= s->kernel_w;
        l.runs.columns = 1;
    }
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
        const int64_t first = f32_panel_begin(&l.panels, at) * LANES;
        const int64_t width = f32_panel_vectors(&l.panels, at) * LANES;
        for (int64_t k = -1; k < l.k; k++) {
            for (int64_t o = first; o < first + width; o++) {
                const int64_t channel = group * l.group_out + o;
                float value = 0.0f;
                if (o < l.group_out && k < 0)
                    value = bias ? bias[channel] : 0.0f;
                else if (o < l.group_out)
                    value =
                        weights[(channel * l.group_in + k % l.group_in) * taps + k / l.group_in];
                *to++ = value;
            }
        }
    }
}

size_t ISA(ork_f32_dense_scratch_bytes)(const ork_conv *conv)
{
    const f32_layout l = f32_layout_of(conv);
    return l.in_place ? 0 : ork_size_product(sizeof(float), l.lines, l.width, l.group_in);
}

/* The input of one group that output rows from `row` on read, all of one image. */
static void copy_lines(const ork_conv *conv, const f32_layout *l, const float *image, int64_t row,
                       int64_t rows, float *to)
{
    const ork_conv_shape *s = &conv->shape;
    const int64_t floats = l->width * l->group_in;
    const int64_t first = row * s->stride_h - s->pad_top, left = ork_min64(s->pad_left, l->width);
    const int64_t inside = ork_max64(0, ork_min64(s->in_w, l->width - left));
    const int64_t lines = (rows - 1) * s->stride_h + (s->kernel_h - 1) * s->dilation_h + 1;
    for (int64_t y = first; y < first + lines; y++, to += floats) {
        const float *from = image + y * s->in_w * s->in_stride;
        float *at = to + left * l->group_in;
        if (y < 0 || y >= s->in_h) {
            memset(to, 0, (size_t)floats * sizeof(float));
            continue;
        }
        memset(to, 0, (size_t)(left * l->group_in) * sizeof(float));
        const bool whole = s->in_stride == l->group_in;
        const int64_t runs = whole ? 1 : inside, length = l->group_in * (whole ? inside : 1);
        for (int64_t i = 0; i < runs; i++, at += length, from += s->in_stride)
            memcpy(at, from, (size_t)length * sizeof(float));
        memset(at, 0, (size_t)(to + floats - at) * sizeof(float));
    }
}

/* All panels of one group for output rows of one image, or of several where windows lie in place.
   `lines` holds what the first of them reads. */
static void rows_f32(const ork_conv *conv, const f32_layout *l, const float *packed,
                     const float *lines, int64_t rows, float *out)
{
    const ork_conv_shape *s = &conv->shape;
    const int64_t pixel = l->in_place ? s->in_stride : l->group_in;
    const int64_t x_step = s->stride_w * pixel, y_step = s->stride_h * l->width * pixel;
    f32_product product = {.runs = l->runs, .activation = &conv->activation};
    for (int64_t panel = 0; panel < l->panels.count; panel++) {
        const int64_t first = f32_panel_begin(&l->panels, panel) * LANES;
        const int64_t vectors = f32_panel_vectors(&l->panels, panel);
        product.bias = packed + first * (l->k + 1);
        product.right = product.bias + vectors * LANES;
        product.channels = ork_min64(vectors * LANES, l->group_out - first);
        const float *at = lines;
        float *to = out + first;
        int64_t x = 0, taken;
        for (int64_t rest = rows * s->out_w; rest > 0; rest -= taken) {
            const float *left[F32_ROWS];
            float *right[F32_ROWS];
            taken = f32_next_rows(vectors, rest);
            for (int64_t r = 0; r < taken; r++, to += s->out_stride) {
                left[r] = at;
                right[r] = to;
                at += x_step;
                if (++x == s->out_w) {
                    x = 0;
                    at += y_step - s->out_w * x_step;
                }
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
        rows = ork_min64(l.rows, ork_min64(end - row, s->out_h - y));
        for (int64_t group = 0; group < s->groups; group++) {
            const float *image = (const float *)in_data +
                                 row / s->out_h * s->in_h * s->in_w * s->in_stride +
                                 group * l.group_in;
            const float *lines = image + y * s->stride_h * s->in_w * s->in_stride;
            if (!l.in_place) {
                copy_lines(conv, &l, image, y, rows, scratch);
                lines = scratch;
            }
            rows_f32(conv, &l, (const float *)packed + group * l.panels.vectors * LANES * (l.k + 1),
                     lines, rows,
                     (float *)out_data + row * s->out_w * s->out_stride + group * l.group_out);
        }
    }
}
