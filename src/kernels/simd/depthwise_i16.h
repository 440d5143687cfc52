/* SPDX-License-Identifier: Apache-2.0 */
/* Template: depthwise convolution of i16 (dfp) with 64-bit sums, LANES channels at a time; a
   product of two int16 fits an int32. Packed: for each block of LANES channels its int64 biases,
   then its weights as int32 [tap][LANES]. See lanes.h and dense_i16.h. */

typedef int16_t half_vec __attribute__((vector_size(LANES * 2), aligned(2), may_alias));

static size_t dw_i16_block_bytes(const ork_conv *conv)
{
    return ork_align64(LANES * sizeof(int64_t)) +
           ork_align64(ork_size_product(LANES * 4, conv->shape.kernel_h, conv->shape.kernel_w, 1));
}

bool ISA(ork_i16_depthwise_supports)(const ork_conv *conv)
{
    const ork_requant *r = &conv->requant;
    return conv->shape.kernel_h * conv->shape.kernel_w <= 1024 && r->in_zero == 0 &&
           r->weight_zero == 0 && !r->weight_zeros;
}

size_t ISA(ork_i16_depthwise_packed_bytes)(const ork_conv *conv)
{
    return ork_size_product(dw_i16_block_bytes(conv), (conv->shape.out_c + LANES - 1) / LANES, 1,
                            1);
}

void ISA(ork_i16_depthwise_pack)(const ork_conv *conv, void *packed)
{
    const ork_conv_shape *s = &conv->shape;
    const int64_t taps = s->kernel_h * s->kernel_w;
    char *block = packed;
    for (int64_t first = 0; first < s->out_c; first += LANES, block += dw_i16_block_bytes(conv)) {
        int64_t *bias = (int64_t *)(void *)block;
        int32_t *weights = (int32_t *)(void *)(block + ork_align64(LANES * sizeof(int64_t)));
        for (int64_t lane = 0; lane < LANES; lane++) {
            const bool inside = first + lane < s->out_c;
            bias[lane] = inside && conv->bias ? ((const int64_t *)conv->bias)[first + lane] : 0;
            for (int64_t tap = 0; tap < taps; tap++)
                weights[tap * LANES + lane] = inside ? raw_weight(conv, first + lane, tap) : 0;
        }
    }
}

size_t ISA(ork_i16_depthwise_scratch_bytes)(const ork_conv *conv)
{
    (void)conv;
    return 0;
}

/* The first `count` of LANES elements; the others are 0. */
ALWAYS_INLINE ivec load_i16(const int16_t *from, int64_t count)
{
    half_vec part = {0};
    if (count >= LANES)
        memcpy(&part, from, sizeof(part));
    else
        memcpy(&part, from, (size_t)count * sizeof(*from));
    return __builtin_convertvector(part, ivec);
}

static void dw_i16_pixel(const ork_conv *conv, const char *block, const int16_t *image, int64_t y,
                         int64_t x, int16_t *out)
{
    const ork_conv_shape *s = &conv->shape;
    const size_t block_bytes = dw_i16_block_bytes(conv);
    const int64_t line = s->dilation_h * s->in_w * s->in_stride;
    int64_t ky, lines, kx, columns;
    taps_inside(y, s->kernel_h, s->dilation_h, s->in_h, &ky, &lines);
    taps_inside(x, s->kernel_w, s->dilation_w, s->in_w, &kx, &columns);
    const int16_t *in =
        image + ((y + ky * s->dilation_h) * s->in_w + x + kx * s->dilation_w) * s->in_stride;
    for (int64_t c = 0; c < s->out_c; c += LANES, block += block_bytes) {
        const int32_t *w =
            (const int32_t *)(const void *)(block + ork_align64(LANES * sizeof(int64_t)));
        int64_t sums[LANES];
        memcpy(sums, block, sizeof(sums));
        w += (ky * s->kernel_w + kx) * LANES;
        for (int64_t i = 0; i < lines; i++, w += s->kernel_w * LANES) {
            for (int64_t k = 0; k < columns; k++) {
                const int16_t *from = in + i * line + k * s->dilation_w * s->in_stride + c;
                widen_add(sums, load_i16(from, s->out_c - c) * ivec_load(w + k * LANES));
            }
        }
        requantize_i16(&conv->requant, c, sums, out + c, ork_min64(LANES, s->out_c - c));
    }
}

void ISA(ork_i16_depthwise_run)(const ork_conv *conv, const void *packed, const void *in, void *out,
                                int64_t begin, int64_t end, void *scratch)
{
    const ork_conv_shape *s = &conv->shape;
    (void)scratch;
    for (int64_t row = begin; row < end; row++) {
        const int16_t *image =
            (const int16_t *)in + row / s->out_h * s->in_h * s->in_w * s->in_stride;
        const int64_t y = row % s->out_h * s->stride_h - s->pad_top;
        int16_t *to = (int16_t *)out + row * s->out_w * s->out_stride;
        for (int64_t x = 0; x < s->out_w; x++, to += s->out_stride)
            dw_i16_pixel(conv, packed, image, y, x * s->stride_w - s->pad_left, to);
    }
}
