/* SPDX-License-Identifier: Apache-2.0 */
/* Operators along one axis, all float32 with sums in binary64. */
#include "../internal.h"

static void softmax(const float *in, float *out, int64_t length, int64_t step, bool is_log)
{
    float greatest = -INFINITY;
    double sum = 0;
    for (int64_t i = 0; i < length; i++)
        greatest = in[i * step] > greatest ? in[i * step] : greatest;
    for (int64_t i = 0; i < length; i++) {
        float power = expf(in[i * step] - greatest);
        sum += (double)power;
        if (!is_log)
            out[i * step] = power;
    }
    double log_sum = log(sum);
    for (int64_t i = 0; i < length; i++) {
        out[i * step] = is_log ? (float)((double)(in[i * step] - greatest) - log_sum)
                               : (float)((double)out[i * step] / sum);
    }
}

void ork_softmax_run(const ork_axis *axis, bool is_log, const float *in, float *out, int64_t begin,
                     int64_t end)
{
    for (int64_t i = begin; i < end; i++) {
        int64_t at = i / axis->inner * axis->length * axis->inner + i % axis->inner;
        softmax(in + at, out + at, axis->length, axis->inner, is_log);
    }
}

void ork_softmax_int_run(const ork_softmax_int *s, const void *in, void *out, int64_t begin,
                         int64_t end, float *scratch)
{
    const ork_axis *axis = &s->axis;
    for (int64_t i = begin; i < end; i++) {
        int64_t at = i / axis->inner * axis->length * axis->inner + i % axis->inner;
        for (int64_t k = 0; k < axis->length; k++)
            scratch[k] =
                ork_dequantize_one(ork_load_int(s->dtype, in, at + k * axis->inner), &s->in_quant);
        softmax(scratch, scratch, axis->length, 1, s->is_log);
        for (int64_t k = 0; k < axis->length; k++)
            ork_store_int(s->dtype, out, at + k * axis->inner,
                          ork_quantize_one(scratch[k], s->dtype, &s->out_quant));
    }
}

void ork_batch_norm_run(const ork_batch_norm *norm, const float *in, float *out, int64_t begin,
                        int64_t end)
{
    for (int64_t row = begin; row < end; row++) {
        int64_t c = row % norm->channels;
        double factor = (double)norm->scale[c] / sqrt((double)norm->variance[c] + norm->epsilon);
        for (int64_t i = row * norm->inner; i < (row + 1) * norm->inner; i++)
            out[i] =
                (float)(((double)in[i] - (double)norm->mean[c]) * factor + (double)norm->bias[c]);
    }
}

void ork_layer_norm_run(const ork_layer_norm *norm, const float *in, float *out, int64_t begin,
                        int64_t end)
{
    for (int64_t row = begin; row < end; row++) {
        const float *from = in + row * norm->length;
        float *to = out + row * norm->length;
        double mean = 0, variance = 0;
        for (int64_t i = 0; i < norm->length; i++)
            mean += (double)from[i];
        mean /= (double)norm->length;
        for (int64_t i = 0; i < norm->length; i++)
            variance += ((double)from[i] - mean) * ((double)from[i] - mean);
        variance /= (double)norm->length;
        double inverse = 1 / sqrt(variance + (double)norm->epsilon);
        for (int64_t i = 0; i < norm->length; i++) {
            double value = ((double)from[i] - mean) * inverse;
            to[i] = (float)(value * (norm->factor ? (double)norm->factor[i] : 1) +
                            (norm->offset ? (double)norm->offset[i] : 0));
        }
    }
}
