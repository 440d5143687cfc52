/* SPDX-License-Identifier: Apache-2.0 */
/* Template: conversions that quantised networks run: between f32 and u8 or i16, and between dynamic
   fixed points of 16 bits; the others go to the reference. The compiler makes the vectors; there is
   nothing to contract. */
#include <stdlib.h>

static void quantize_row_u8(const float *restrict in, uint8_t *restrict out, int64_t length,
                            float scale, float zero)
{
    for (int64_t i = 0; i < length; i++) {
        float value = rintf(in[i] / scale) + zero;
        value = value != value ? zero : value;
        value = value > 0.0f ? value : 0.0f;
        out[i] = (uint8_t)(int32_t)(value < 255.0f ? value : 255.0f);
    }
}

static void dequantize_row_u8(const uint8_t *restrict in, float *restrict out, int64_t length,
                              float scale, int32_t zero)
{
    for (int64_t i = 0; i < length; i++)
        out[i] = (float)(in[i] - zero) * scale;
}

static void convert_u8(const ork_convert *c, const void *in, void *out, int64_t from, int64_t to)
{
    const bool to_bytes = c->in_dtype == ORK_F32;
    const ork_quant *quant = to_bytes ? &c->out_quant : &c->in_quant;
    const float scale = (float)ork_quant_step64(quant);
    const int32_t zero = ork_quant_zero(quant);
    if (to_bytes)
        quantize_row_u8((const float *)in + from, (uint8_t *)out + to, c->length, scale,
                        (float)zero);
    else
        dequantize_row_u8((const uint8_t *)in + from, (float *)out + to, c->length, scale, zero);
}

/* A whole number of 16 bits, half to even; not a number is 0. */
ALWAYS_INLINE int16_t nearest_i16(float value)
{
    value = value != value ? 0.0f : rintf(value);
    value = value > -32768.0f ? value : -32768.0f;
    return (int16_t)(int32_t)(value < 32767.0f ? value : 32767.0f);
}

static void quantize_row_i16(const float *restrict in, int16_t *restrict out, int64_t length,
                             float factor)
{
    for (int64_t i = 0; i < length; i++)
        out[i] = nearest_i16(in[i] * factor);
}

static void dequantize_row_i16(const int16_t *restrict in, float *restrict out, int64_t length,
                               float factor)
{
    for (int64_t i = 0; i < length; i++)
        out[i] = (float)in[i] * factor;
}

static void shift_row_i16(const int16_t *restrict in, int16_t *restrict out, int64_t length,
                          float factor)
{
    for (int64_t i = 0; i < length; i++)
        out[i] = nearest_i16((float)in[i] * factor);
}

/* Floats have no step of their own, whatever their quantization says. */
static double step_of(ork_dtype dtype, const ork_quant *quant)
{
    return dtype == ORK_F32 ? 1.0 : ork_quant_step64(quant);
}

/* Steps are powers of two: floats hold their ratio and its products with 16 bits. */
static void convert_i16(const ork_convert *c, const void *in, void *out, int64_t from, int64_t to)
{
    const float factor =
        (float)(step_of(c->in_dtype, &c->in_quant) / step_of(c->out_dtype, &c->out_quant));
    if (c->in_dtype == ORK_F32)
        quantize_row_i16((const float *)in + from, (int16_t *)out + to, c->length, factor);
    else if (c->out_dtype == ORK_F32)
        dequantize_row_i16((const int16_t *)in + from, (float *)out + to, c->length, factor);
    else
        shift_row_i16((const int16_t *)in + from, (int16_t *)out + to, c->length, factor);
}

static bool is_fixed_point(ork_dtype dtype, const ork_quant *quant)
{
    return dtype == ORK_F32 || (dtype == ORK_I16 && quant->scheme != ORK_SCHEME_AFFINE &&
                                ork_quant_zero(quant) == 0 && abs(quant->fraction_length) < 50);
}

void ISA(ork_convert)(const ork_convert *c, const void *in, void *out, int64_t begin, int64_t end)
{
    const bool bytes = (c->in_dtype == ORK_F32 && c->out_dtype == ORK_U8) ||
                       (c->in_dtype == ORK_U8 && c->out_dtype == ORK_F32);
    const bool fixed = (c->in_dtype == ORK_I16 || c->out_dtype == ORK_I16) &&
                       is_fixed_point(c->in_dtype, &c->in_quant) &&
                       is_fixed_point(c->out_dtype, &c->out_quant);
    if (!bytes && !fixed) {
        ork_convert_ref(c, in, out, begin, end);
        return;
    }
    for (int64_t row = begin; row < end; row++)
        (bytes ? convert_u8 : convert_i16)(c, in, out, row * c->in_stride, row * c->out_stride);
}
