/* SPDX-License-Identifier: Apache-2.0 */
#include "../internal.h"

int32_t ork_quantize_one(float value, ork_dtype dtype, const ork_quant *quant)
{
    int32_t min, max, zero = ork_quant_zero(quant);
    ork_dtype_range(dtype, &min, &max);
    /* dividing by a power of two and multiplying by its inverse are the same */
    float scaled = value / (float)ork_quant_step64(quant);
    return ork_saturate_even(rint((double)scaled) + zero, min, max, zero);
}

float ork_dequantize_one(int32_t q, const ork_quant *quant)
{
    return (float)(q - ork_quant_zero(quant)) * (float)ork_quant_step64(quant);
}

typedef struct range {
    int32_t min, max;
} range;

/* Integer to integer. The tensor processor works with 15 mantissa bits; between dynamic fixed
   points it only shifts. */
static int32_t convert_int(const ork_convert *c, int32_t q, range r)
{
    const ork_quant *in = &c->in_quant, *out = &c->out_quant;
    int32_t d = q - ork_quant_zero(in);
    if (in->scheme != ORK_SCHEME_AFFINE && out->scheme != ORK_SCHEME_AFFINE)
        return ork_saturate_even(d * ork_quant_step64(in) / ork_quant_step64(out), r.min, r.max, 0);
    if (in->scheme == ORK_SCHEME_AFFINE && out->scheme == ORK_SCHEME_AFFINE)
        return ork_tp_copy(d, in->scale / out->scale, out->zero_point, r.min, r.max);
    if (in->scheme == ORK_SCHEME_AFFINE) {
        double value = ork_near15(d * ork_near15((double)in->scale));
        return ork_saturate_even(value / ork_quant_step64(out), r.min, r.max, 0);
    }
    return ork_tp_store(d * ork_quant_step64(in), out->scale, out->zero_point, r.min, r.max);
}

static void convert_element(const ork_convert *c, const void *in, int64_t from, void *out,
                            int64_t to, range r)
{
    bool from_float = c->in_dtype == ORK_F32, to_float = c->out_dtype == ORK_F32;
    if (from_float && to_float)
        ((float *)out)[to] = ((const float *)in)[from];
    else if (from_float)
        ork_store_int(c->out_dtype, out, to,
                      ork_quantize_one(((const float *)in)[from], c->out_dtype, &c->out_quant));
    else if (to_float)
        ((float *)out)[to] = ork_dequantize_one(ork_load_int(c->in_dtype, in, from), &c->in_quant);
    else
        ork_store_int(c->out_dtype, out, to,
                      convert_int(c, ork_load_int(c->in_dtype, in, from), r));
}

void ork_convert_ref(const ork_convert *c, const void *in, void *out, int64_t begin, int64_t end)
{
    range r = {0, 0};
    if (c->out_dtype != ORK_F32)
        ork_dtype_range(c->out_dtype, &r.min, &r.max);
    for (int64_t row = begin; row < end; row++) {
        for (int64_t i = 0; i < c->length; i++)
            convert_element(c, in, row * c->in_stride + i, out, row * c->out_stride + i, r);
    }
}
