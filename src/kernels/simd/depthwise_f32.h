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

/* Sum of `columns` taps of `lines` kernel rows, all inside the picture. */
ALWAYS_INLINE vec dw_f32_sum(vec sum, const float *in, const float *w, int64_t lines,
                             int64_t columns, int64_t line_step, int64_t column_step,
                             int64_t w_line)
{
    for (int64_t ky = 0; ky < lines; ky++, in += line_step, w += w_line) {
        for (int64_t kx = 0; kx < columns; kx++)
            sum += vec_load(in + kx * column_step) * vec_load(w + kx * LANES);
    }
    return sum;
}

/* The same for the last channels, fewer than LANES. */
static vec dw_f32_sum_part(vec sum, const float *in, const float *w, int64_t lines, int64_t columns,
                           int64_t line_step, int64_t column_step, int64_t w_line, int64_t channels)
{
    for (int64_t ky = 0; ky < lines; ky++, in += line_step, w += w_line) {
        for (int64_t kx = 0; kx < columns; kx++) {
            float part[LANES] = {0};
            memcpy(part, in + kx * column_step, (size_t)channels * sizeof(float));
            sum += vec_load(part) * vec_load(w + kx * LANES);
        }
    }
    return sum;
}

static void dw_f32_pixel(const ork_conv *conv, const float *packed, const float *image, int64_t y,
                         int64_t x, float *out)
{
    const ork_conv_shape *s = &conv->shape;
    const int64_t line = s->in_w * s->in_stride, block = (s->kernel_h * s->kernel_w + 1) * LANES;
    int64_t ky, lines, kx, columns;
    taps_inside(y, s->kernel_h, s->dilation_h, s->in_h, &ky, &lines);
    taps_inside(x, s->kernel_w, s->dilation_w, s->in_w, &kx, &columns);
    const float *in =
        image + (y + ky * s->dilation_h) * line + (x + kx * s->dilation_w) * s->in_stride;
    const int64_t w_line = s->kernel_w * LANES, w_first = LANES + (ky * s->kernel_w + kx) * LANES;
    const int64_t line_step = s->dilation_h * line, column_step = s->dilation_w * s->in_stride;
    int64_t c = 0;
    for (; c + LANES <= s->out_c; c += LANES, packed += block) {
        vec sum = vec_load(packed);
        if (lines == 3 && columns == 3)
            sum = dw_f32_sum(sum, in + c, packed + w_first, 3, 3, line_step, column_step, w_line);
        else
            sum = dw_f32_sum(sum, in + c, packed + w_first, lines, columns, line_step, column_step,
                             w_line);
        vec_store(out + c, sum);
    }
    if (c < s->out_c) {
        vec sum = dw_f32_sum_part(vec_load(packed), in + c, packed + w_first, lines, columns,
                                  line_step, column_step, w_line, s->out_c - c);
        memcpy(out + c, &sum, (size_t)(s->out_c - c) * sizeof(float));
    }
}

void ISA(ork_f32_depthwise_run)(const ork_conv *conv, const void *packed, const void *in, void *out,
                                int64_t begin, int64_t end, void *scratch)
{
    const ork_conv_shape *s = &conv->shape;
    (void)scratch;
    for (int64_t row = begin; row < end; row++) {
        const float *image = (const float *)in + row / s->out_h * s->in_h * s->in_w * s->in_stride;
        int64_t y = row % s->out_h * s->stride_h - s->pad_top;
        float *to = (float *)out + row * s->out_w * s->out_stride;
        for (int64_t x = 0; x < s->out_w; x++)
            dw_f32_pixel(conv, packed, image, y, x * s->stride_w - s->pad_left,
                         to + x * s->out_stride);
        const bool gaps = s->out_stride != s->out_c;
        const int64_t runs = gaps ? s->out_w : 1, length = gaps ? s->out_c : s->out_w * s->out_c;
        for (int64_t i = 0; i < runs; i++)
            activate_row(&conv->activation, to + i * s->out_stride, to + i * s->out_stride, length);
    }
}
