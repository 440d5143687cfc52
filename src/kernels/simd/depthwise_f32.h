/* SPDX-License-Identifier: Apache-2.0 */
/* Template: depthwise f32 convolution, LANES channels at a time along a row. Weights are packed
   [block][tap][LANES], the bias of the block before them. See lanes.h. */

static int64_t dw_f32_blocks(const ork_conv *conv)
{
    return (conv->shape.out_c + LANES - 1) / LANES;
}

bool ISA(ork_f32_depthwise_supports)(const ork_conv *conv)
{
    return conv->shape.kernel_h * conv->shape.kernel_w <= 1024;
}

size_t ISA(ork_f32_depthwise_packed_bytes)(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    return ork_size_product(LANES * sizeof(float), s->kernel_h * s->kernel_w + 1,
                            dw_f32_blocks(conv), 1);
}

void ISA(ork_f32_depthwise_pack)(const ork_conv *conv, void *packed)
{
    const ork_conv_shape *s = &conv->shape;
    const float *weights = conv->weights, *bias = conv->bias;
    const int64_t taps = s->kernel_h * s->kernel_w;
    float *to = packed;
    for (int64_t first = 0; first < s->out_c; first += LANES) {
        for (int64_t tap = -1; tap < taps; tap++) {
            for (int64_t c = first; c < first + LANES; c++) {
                float value = 0.0f;
                if (c < s->out_c)
                    value = tap >= 0 ? weights[c * taps + tap] : (bias ? bias[c] : 0.0f);
                *to++ = value;
            }
        }
    }
}

size_t ISA(ork_f32_depthwise_scratch_bytes)(const ork_conv *conv)
{
    (void)conv;
    return 0;
}

/* The windows of a row of outputs for one block of channels. */
typedef struct dw_f32_row {
    const ork_conv_shape *shape;
    const float *line, *weights; /* the first line that windows reach, its taps */
    int64_t lines;               /* that are inside of the picture */
    int64_t channels;            /* of the block: LANES, or fewer in the last */
    vec bias;
} dw_f32_row;

ALWAYS_INLINE vec dw_f32_load(const float *from, int64_t channels)
{
    return channels >= LANES ? vec_load(from) : vec_load_part(from, channels);
}

ALWAYS_INLINE void dw_f32_store(float *to, vec value, int64_t channels)
{
    if (channels >= LANES)
        vec_store(to, value);
    else
        vec_store_part(to, value, channels);
}

/* One pixel, of whose windows some columns may lie outside of the picture. */
static void dw_f32_pixel(const dw_f32_row *row, int64_t x, float *out)
{
    const ork_conv_shape *s = row->shape;
    int64_t kx, columns;
    taps_inside(x, s->kernel_w, s->dilation_w, s->in_w, &kx, &columns);
    const float *in = row->line + (x + kx * s->dilation_w) * s->in_stride;
    const float *w = row->weights + kx * LANES;
    vec sum = row->bias;
    for (int64_t ky = 0; ky < row->lines; ky++) {
        for (int64_t k = 0; k < columns; k++)
            sum = vec_fma(sum, dw_f32_load(in + k * s->dilation_w * s->in_stride, row->channels),
                          vec_load(w + k * LANES));
        in += s->dilation_h * s->in_w * s->in_stride;
        w += s->kernel_w * LANES;
    }
    dw_f32_store(out, sum, row->channels);
}

enum { DW_PIXELS = 4, DW_MOST_COLUMNS = 16 };

/* DW_PIXELS neighbours at a time, all of whose windows are inside of the picture from left to
   right: what they share is loaded once. Gives how many pixels it did of `count`. */
ALWAYS_INLINE int64_t dw_f32_inside(const int kernel, const int stride, const int64_t channels,
                                    const dw_f32_row *row, int64_t x, int64_t count, float *out)
{
    const ork_conv_shape *s = row->shape;
    const int64_t line_step = s->dilation_h * s->in_w * s->in_stride;
    const float *in = row->line + x * s->in_stride;
    int64_t done = 0;
    for (; done + DW_PIXELS <= count; done += DW_PIXELS) {
        const float *from = in, *w = row->weights;
        vec sum[DW_PIXELS], pixels[DW_MOST_COLUMNS];
#pragma GCC unroll 4
        for (int p = 0; p < DW_PIXELS; p++)
            sum[p] = row->bias;
        for (int64_t ky = 0; ky < row->lines; ky++, from += line_step, w += kernel * LANES) {
#pragma GCC unroll 16
            for (int k = 0; k < (DW_PIXELS - 1) * stride + kernel; k++)
                pixels[k] = dw_f32_load(from + k * s->in_stride, channels);
#pragma GCC unroll 8
            for (int k = 0; k < kernel; k++) {
                const vec tap = vec_load(w + k * LANES);
#pragma GCC unroll 4
                for (int p = 0; p < DW_PIXELS; p++)
                    sum[p] = vec_fma(sum[p], pixels[p * stride + k], tap);
            }
        }
#pragma GCC unroll 4
        for (int p = 0; p < DW_PIXELS; p++, out += s->out_stride)
            dw_f32_store(out, sum[p], channels);
        in += DW_PIXELS * stride * s->in_stride;
    }
    return done;
}

#define DW_F32_CASE(kernel, stride)                                                                \
    if (s->kernel_w == kernel && s->stride_w == stride)                                            \
        return row->channels == LANES                                                              \
                   ? dw_f32_inside(kernel, stride, LANES, row, x, count, out)                      \
                   : dw_f32_inside(kernel, stride, row->channels, row, x, count, out);

static int64_t dw_f32_neighbours(const dw_f32_row *row, int64_t x, int64_t count, float *out)
{
    const ork_conv_shape *s = row->shape;
    if (s->dilation_w != 1)
        return 0;
    DW_F32_CASE(3, 1)
    DW_F32_CASE(3, 2)
    DW_F32_CASE(5, 1)
    DW_F32_CASE(5, 2)
    return 0;
}

static void dw_f32_pixels(const dw_f32_row *row, float *out)
{
    const ork_conv_shape *s = row->shape;
    const int64_t before = (s->pad_left + s->stride_w - 1) / s->stride_w;
    const int64_t room = s->in_w - s->kernel_w + s->pad_left; /* the last place of a whole window */
    const int64_t inside = room < 0 ? 0 : ork_min64(s->out_w, room / s->stride_w + 1);
    int64_t at = 0;
    while (at < s->out_w) {
        const int64_t x = at * s->stride_w - s->pad_left;
        int64_t done = 0;
        if (at >= before && at < inside)
            done = dw_f32_neighbours(row, x, inside - at, out + at * s->out_stride);
        if (done == 0) {
            dw_f32_pixel(row, x, out + at * s->out_stride);
            done = 1;
        }
        at += done;
    }
}

void ISA(ork_f32_depthwise_run)(const ork_conv *conv, const void *packed, const void *in, void *out,
                                int64_t begin, int64_t end, void *scratch)
{
    const ork_conv_shape *s = &conv->shape;
    const int64_t block = (s->kernel_h * s->kernel_w + 1) * LANES;
    (void)scratch;
    for (int64_t i = begin; i < end; i++) {
        const float *image = (const float *)in + i / s->out_h * s->in_h * s->in_w * s->in_stride;
        const int64_t y = i % s->out_h * s->stride_h - s->pad_top;
        const float *weights = packed;
        float *to = (float *)out + i * s->out_w * s->out_stride;
        int64_t ky, lines;
        taps_inside(y, s->kernel_h, s->dilation_h, s->in_h, &ky, &lines);
        const float *line = image + (y + ky * s->dilation_h) * s->in_w * s->in_stride;
        for (int64_t c = 0; c < s->out_c; c += LANES, weights += block) {
            const dw_f32_row row = {s,
                                    line + c,
                                    weights + LANES + ky * s->kernel_w * LANES,
                                    lines,
                                    ork_min64(LANES, s->out_c - c),
                                    vec_load(weights)};
            dw_f32_pixels(&row, to + c);
        }
        const bool gaps = s->out_stride != s->out_c;
        const int64_t runs = gaps ? s->out_w : 1, length = gaps ? s->out_c : s->out_w * s->out_c;
        for (int64_t r = 0; r < runs; r++)
            activate_row(&conv->activation, to + r * s->out_stride, to + r * s->out_stride, length);
    }
}
