/* SPDX-License-Identifier: Apache-2.0 */
/* Template: between f32 and u8, the two conversions that every quantised network runs; the others
   go to the reference. The compiler makes the vectors; there is nothing to contract. */

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

void ISA(ork_convert)(const ork_convert *c, const void *in, void *out, int64_t begin, int64_t end)
{
    const bool to_bytes = c->in_dtype == ORK_F32 && c->out_dtype == ORK_U8;
    if (!to_bytes && (c->in_dtype != ORK_U8 || c->out_dtype != ORK_F32)) {
        ork_convert_ref(c, in, out, begin, end);
        return;
    }
    const ork_quant *quant = to_bytes ? &c->out_quant : &c->in_quant;
    const float scale = (float)ork_quant_step64(quant);
    for (int64_t row = begin; row < end; row++) {
        const int64_t from = row * c->in_stride, to = row * c->out_stride;
        if (to_bytes)
            quantize_row_u8((const float *)in + from, (uint8_t *)out + to, c->length, scale,
                            (float)ork_quant_zero(quant));
        else
            dequantize_row_u8((const uint8_t *)in + from, (float *)out + to, c->length, scale,
                              ork_quant_zero(quant));
    }
}
