/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution, written for reading: the meaning of all faster rows. */
#include "../internal.h"

#include <assert.h>

ork_conv_shape ork_conv_shape_fully_connected(int64_t rows, int64_t in_features,
                                              int64_t out_features)
{
    return (ork_conv_shape){
        .batch = 1,
        .in_h = rows,
        .in_w = 1,
        .in_c = in_features,
        .out_h = rows,
        .out_w = 1,
        .out_c = out_features,
        .kernel_h = 1,
        .kernel_w = 1,
        .stride_h = 1,
        .stride_w = 1,
        .dilation_h = 1,
        .dilation_w = 1,
        .groups = 1,
        .in_stride = in_features,
        .out_stride = out_features,
    };
}

ork_conv_kind ork_conv_kind_of(const ork_conv_shape *shape)
{
    bool is_depthwise =
        shape->groups > 1 && shape->groups == shape->in_c && shape->groups == shape->out_c;
    return is_depthwise ? ORK_CONV_DEPTHWISE : ORK_CONV_DENSE;
}

bool ork_ref_supports(const ork_conv *conv)
{
    (void)conv;
    return true;
}

/* Packed: weights as the graph has them, turned to [out_c][in_c/groups][kernel] for TRANSPOSED too,
   less their zero point (f32 or i16); then the bias (f32 or i64). */
static size_t weight_size(const ork_conv *conv)
{
    return conv->dtype == ORK_F32 ? sizeof(float) : sizeof(int16_t);
}

static size_t packed_weights(const ork_conv *conv)
{
    const ork_conv_shape *s = &conv->shape;
    size_t taps = ork_size_product(weight_size(conv), s->kernel_h, s->kernel_w, 1);
    return taps ? ork_align64(ork_size_product(taps, s->out_c, s->in_c / s->groups, 1)) : 0;
}

size_t ork_ref_packed_bytes(const ork_conv *conv)
{
    size_t weights = packed_weights(conv), bias = ork_size_product(8, conv->shape.out_c, 1, 1);
    return weights && bias ? weights + bias : 0;
}

static int32_t load_weight(const ork_conv *conv, int64_t index, int64_t out_channel)
{
    return ork_load_int(conv->weight_dtype, conv->weights, index) -
           ork_requant_weight_zero(&conv->requant, out_channel);
}

/* Index into the graph's weights of output channel o, input channel i inside o's group. */
static int64_t source_index(const ork_conv *conv, int64_t o, int64_t i, int64_t tap)
{
    const ork_conv_shape *s = &conv->shape;
    int64_t taps = s->kernel_h * s->kernel_w;
    int64_t group_in = s->in_c / s->groups, group_out = s->out_c / s->groups;
    if (conv->kind != ORK_CONV_TRANSPOSED)
        return (o * group_in + i) * taps + tap;
    int64_t in_channel = o / group_out * group_in + i;
    return (in_channel * group_out + o % group_out) * taps + tap;
}

void ork_ref_pack(const ork_conv *conv, void *packed)
{
    const ork_conv_shape *s = &conv->shape;
    int64_t taps = s->kernel_h * s->kernel_w, group_in = s->in_c / s->groups, at = 0;
    void *bias = (char *)packed + packed_weights(conv);
    for (int64_t o = 0; o < s->out_c; o++) {
        for (int64_t i = 0; i < group_in; i++) {
            for (int64_t tap = 0; tap < taps; tap++, at++) {
                int64_t from = source_index(conv, o, i, tap);
                if (conv->dtype == ORK_F32)
                    ((float *)packed)[at] = ((const float *)conv->weights)[from];
                else
                    ((int16_t *)packed)[at] = (int16_t)load_weight(conv, from, o);
            }
        }
        if (conv->dtype == ORK_F32)
            ((float *)bias)[o] = conv->bias ? ((const float *)conv->bias)[o] : 0.0f;
        else if (conv->dtype == ORK_I16)
            ((int64_t *)bias)[o] = conv->bias ? ((const int64_t *)conv->bias)[o] : 0;
        else
            ((int64_t *)bias)[o] = conv->bias ? ((const int32_t *)conv->bias)[o] : 0;
    }
}

/* Biases of 8-bit types come from 32 bits: sums stay within 64. */
bool ork_ref_places(const ork_conv *conv, const void *packed)
{
    const int64_t *bias = (const void *)((const char *)packed + packed_weights(conv));
    bool fits = true;
    for (int64_t o = 0; o < conv->shape.out_c; o++)
        fits = fits && bias[o] >= INT32_MIN && bias[o] <= INT32_MAX;
    return fits;
}

size_t ork_ref_scratch_bytes(const ork_conv *conv)
{
    (void)conv;
    return 0;
}

/* The input coordinate that tap `k` of output coordinate `out` reads, or -1 when it reads padding
   or, transposed, nothing. */
static int64_t source(bool transposed, int64_t out, int64_t k, int64_t stride, int64_t dilation,
                      int64_t pad, int64_t size)
{
    int64_t at = transposed ? out + pad - k * dilation : out * stride - pad + k * dilation;
    if (transposed) {
        if (at < 0 || at % stride)
            return -1;
        at /= stride;
    }
    return at < 0 || at >= size ? -1 : at;
}

/* Finishes an accumulator of channel o. */
static int32_t finish(const ork_conv *conv, int64_t o, int64_t accumulator)
{
    const ork_requant requant = ork_requant_of(&conv->requant, o);
    int32_t q = ork_requant_one(&requant, requant.multiplier, accumulator);
    if (!requant.table)
        return q;
    assert(conv->dtype == ORK_U8 || conv->dtype == ORK_I8);
    uint8_t entry = requant.table[(uint8_t)q];
    return conv->dtype == ORK_U8 ? (int32_t)entry : (int32_t)(int8_t)entry;
}

/* f32 sums in binary64, so that it can judge the others. 8-bit sums wrap at 32 bits as the chips'
   do; i16 sums have 64. Unsigned, because wrapping is meant. */
#define FINISH_F32(conv, o, sum)     ork_activate(&(conv)->activation, (float)(sum))
#define FINISH_8(type, conv, o, sum) (type) finish(conv, o, (int32_t)(sum))
#define FINISH_U8(conv, o, sum)      FINISH_8(uint8_t, conv, o, sum)
#define FINISH_I8(conv, o, sum)      FINISH_8(int8_t, conv, o, sum)
#define FINISH_I16(conv, o, sum)     (int16_t) finish(conv, o, (int64_t)(sum))

#define PRODUCT_F32(x, zero, w) ((double)(x) * (double)(w))
#define PRODUCT_8(x, zero, w)   ((uint32_t)((x) - (zero)) * (uint32_t)(w))
#define PRODUCT_I16(x, zero, w) ((uint64_t)((int64_t)((x) - (zero)) * (w)))

#define DEFINE_RUN(name, type, weight_type, bias_type, sum_type, PRODUCT, FINISH)                  \
    /* One output channel of one pixel; pixel is its first input image. */                         \
    static sum_type sum_##name(const ork_conv *conv, const type *image, const weight_type *w,      \
                               int64_t y, int64_t x, sum_type sum)                                 \
    {                                                                                              \
        const ork_conv_shape *s = &conv->shape;                                                    \
        const bool transposed = conv->kind == ORK_CONV_TRANSPOSED;                                 \
        const int32_t zero = conv->requant.in_zero;                                                \
        const int64_t taps = s->kernel_h * s->kernel_w;                                            \
        (void)zero;                                                                                \
        for (int64_t ky = 0; ky < s->kernel_h; ky++) {                                             \
            int64_t in_y =                                                                         \
                source(transposed, y, ky, s->stride_h, s->dilation_h, s->pad_top, s->in_h);        \
            for (int64_t kx = 0; in_y >= 0 && kx < s->kernel_w; kx++) {                            \
                int64_t in_x =                                                                     \
                    source(transposed, x, kx, s->stride_w, s->dilation_w, s->pad_left, s->in_w);   \
                const type *pixel = image + (in_y * s->in_w + in_x) * s->in_stride;                \
                const weight_type *tap = w + ky * s->kernel_w + kx;                                \
                for (int64_t i = 0; in_x >= 0 && i < s->in_c / s->groups; i++)                     \
                    sum += PRODUCT(pixel[i], zero, tap[i * taps]);                                 \
            }                                                                                      \
        }                                                                                          \
        return sum;                                                                                \
    }                                                                                              \
    void ork_ref_run_##name(const ork_conv *conv, const void *packed, const void *in_data,         \
                            void *out_data, int64_t begin, int64_t end, void *scratch)             \
    {                                                                                              \
        const ork_conv_shape *s = &conv->shape;                                                    \
        const type *in = in_data;                                                                  \
        type *out = out_data;                                                                      \
        const weight_type *weights = packed;                                                       \
        const bias_type *bias =                                                                    \
            (const bias_type *)(const void *)((const char *)packed + packed_weights(conv));        \
        const int64_t group_in = s->in_c / s->groups, group_out = s->out_c / s->groups;            \
        const int64_t size = group_in * s->kernel_h * s->kernel_w;                                 \
        (void)scratch;                                                                             \
        for (int64_t row = begin; row < end; row++) {                                              \
            for (int64_t x = 0; x < s->out_w; x++) {                                               \
                type *pixel = out + (row * s->out_w + x) * s->out_stride;                          \
                for (int64_t o = 0; o < s->out_c; o++) {                                           \
                    const type *image = in + row / s->out_h * s->in_h * s->in_w * s->in_stride +   \
                                        o / group_out * group_in;                                  \
                    sum_type sum = sum_##name(conv, image, weights + o * size, row % s->out_h, x,  \
                                              (sum_type)bias[o]);                                  \
                    pixel[o] = FINISH(conv, o, sum);                                               \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }

DEFINE_RUN(f32, float, float, float, double, PRODUCT_F32, FINISH_F32)
DEFINE_RUN(u8, uint8_t, int16_t, int64_t, uint32_t, PRODUCT_8, FINISH_U8)
DEFINE_RUN(i8, int8_t, int16_t, int64_t, uint32_t, PRODUCT_8, FINISH_I8)
DEFINE_RUN(i16, int16_t, int16_t, int64_t, uint64_t, PRODUCT_I16, FINISH_I16)
