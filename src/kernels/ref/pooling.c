/* SPDX-License-Identifier: Apache-2.0 */
#include "../internal.h"

#include <assert.h>

/* The part of a window that lies inside: taps [first, last) along one axis. */
typedef struct span {
    int64_t origin, first, last;
} span;

static span span_of(int64_t out, int64_t stride, int64_t pad, int64_t kernel, int64_t dilation,
                    int64_t size)
{
    span s = {.origin = out * stride - pad};
    s.first = s.origin < 0 ? (-s.origin + dilation - 1) / dilation : 0;
    int64_t inside = size - s.origin; /* taps k with k*dilation < inside */
    s.last = inside <= 0 ? 0 : ork_min64(kernel, (inside + dilation - 1) / dilation);
    return s;
}

static int64_t span_count(const span *s)
{
    return ork_max64(0, s->last - s->first);
}

int64_t ork_average_divisor(const ork_pooling *p, int64_t y, int64_t x, int64_t taps)
{
    if (p->divisor)
        return p->divisor;
    if (!p->count_include_pad)
        return ork_max64(1, taps);
    int64_t height = ork_min64(y + p->kernel_h, p->in_h + p->pad_bottom) - y;
    int64_t width = ork_min64(x + p->kernel_w, p->in_w + p->pad_right) - x;
    return ork_max64(1, height * width);
}

static int32_t finish_max(const ork_pooling *p, int32_t best)
{
    if (p->dtype == ORK_I16) {
        int32_t shift = p->in_quant.fraction_length - p->out_quant.fraction_length;
        bool is_dfp = p->in_quant.scheme == ORK_SCHEME_DFP;
        return is_dfp ? ork_saturate_even(ldexp(best, -shift), INT16_MIN, INT16_MAX, 0) : best;
    }
    if (!p->table)
        return best;
    uint8_t entry = p->table[(uint8_t)best];
    return p->dtype == ORK_U8 ? (int32_t)entry : (int32_t)(int8_t)entry;
}

static void pixel_int(const ork_pooling *p, const void *in, int64_t image, const span *v,
                      const span *h, void *out, int64_t out_at)
{
    int64_t count = p->divisor ? p->divisor : p->kernel_h * p->kernel_w;
    int32_t fraction, weight = ork_average_weight(p->requant.rule, count, &fraction), lowest, high;
    ork_dtype_range(p->dtype, &lowest, &high);
    for (int64_t c = 0; c < p->channels; c++) {
        int32_t best = lowest;
        int64_t sum = 0;
        for (int64_t ky = v->first; ky < v->last; ky++) {
            for (int64_t kx = h->first; kx < h->last; kx++) {
                int64_t y = v->origin + ky * p->dilation_h, x = h->origin + kx * p->dilation_w;
                int32_t q =
                    ork_load_int(p->dtype, in, ((image + y) * p->in_w + x) * p->in_stride + c);
                best = q > best ? q : best;
                sum += q - p->requant.in_zero;
            }
        }
        sum *= weight;
        if (p->dtype != ORK_I16)
            sum = (int32_t)(uint32_t)(uint64_t)sum; /* an int32 accumulator, as in a convolution */
        int32_t result = p->is_max ? finish_max(p, best)
                                   : ork_requant_one(&p->requant, p->requant.multiplier, sum);
        ork_store_int(p->dtype, out, out_at + c, result);
    }
}

static void pixel_f32(const ork_pooling *p, const float *in, int64_t image, const span *v,
                      const span *h, float *out)
{
    double count =
        (double)ork_average_divisor(p, v->origin, h->origin, span_count(v) * span_count(h));
    for (int64_t c = 0; c < p->channels; c++) {
        float best = -INFINITY;
        double sum = 0;
        for (int64_t ky = v->first; ky < v->last; ky++) {
            for (int64_t kx = h->first; kx < h->last; kx++) {
                int64_t y = v->origin + ky * p->dilation_h, x = h->origin + kx * p->dilation_w;
                float value = in[((image + y) * p->in_w + x) * p->in_stride + c];
                best = value > best || isnan(value) ? value : best;
                sum += (double)value;
            }
        }
        out[c] = p->is_max ? best : (float)(sum / count);
    }
}

void ork_pooling_ref(const ork_pooling *p, const void *in, void *out, int64_t begin, int64_t end)
{
    assert(p->is_max || (p->dilation_h == 1 && p->dilation_w == 1));
    for (int64_t row = begin; row < end; row++) {
        int64_t image = row / p->out_h * p->in_h;
        span v =
            span_of(row % p->out_h, p->stride_h, p->pad_top, p->kernel_h, p->dilation_h, p->in_h);
        for (int64_t x = 0; x < p->out_w; x++) {
            span h = span_of(x, p->stride_w, p->pad_left, p->kernel_w, p->dilation_w, p->in_w);
            int64_t out_at = (row * p->out_w + x) * p->out_stride;
            if (p->dtype == ORK_F32)
                pixel_f32(p, in, image, &v, &h, (float *)out + out_at);
            else
                pixel_int(p, in, image, &v, &h, out, out_at);
        }
    }
}
