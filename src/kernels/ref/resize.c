/* SPDX-License-Identifier: Apache-2.0 */
#include "../internal.h"

/* Coordinates are float32, as the frameworks compute them. */
static float coordinate(const ork_resize *r, int64_t out, int64_t in_size, int64_t out_size,
                        float step)
{
    float x = (float)out;
    if (step == 0.0f)
        step = (float)in_size / (float)out_size;
    switch (r->coordinates) {
    case ORK_RESIZE_HALF_PIXEL:
        return (x + 0.5f) * step - 0.5f;
    case ORK_RESIZE_PYTORCH_HALF_PIXEL:
        return out_size > 1 ? (x + 0.5f) * step - 0.5f : 0.0f;
    case ORK_RESIZE_ALIGN_CORNERS:
        return out_size > 1 ? x * ((float)(in_size - 1) / (float)(out_size - 1)) : 0.0f;
    case ORK_RESIZE_TF_HALF_PIXEL:
        return (x + 0.5f) * step;
    case ORK_RESIZE_ASYMMETRIC:
        break;
    }
    return x * step;
}

static int64_t nearest(const ork_resize *r, int64_t out, int64_t in_size, int64_t out_size,
                       float step)
{
    float x = coordinate(r, out, in_size, out_size, step);
    switch (r->rounding) {
    case ORK_RESIZE_FLOOR:
        x = floorf(x);
        break;
    case ORK_RESIZE_CEIL:
        x = ceilf(x);
        break;
    case ORK_RESIZE_ROUND_PREFER_FLOOR:
        x = ceilf(x - 0.5f);
        break;
    case ORK_RESIZE_ROUND_PREFER_CEIL:
        x = floorf(x + 0.5f);
        break;
    }
    return x > 0.0f ? ork_min64(in_size - 1, (int64_t)x) : 0;
}

/* Two neighbours and the share of the second. */
typedef struct blend {
    int64_t low, high;
    float share;
} blend;

static blend blend_of(const ork_resize *r, int64_t out, int64_t in_size, int64_t out_size,
                      float step)
{
    float x = coordinate(r, out, in_size, out_size, step);
    x = x > 0.0f ? x : 0.0f;
    blend b = {.low = ork_min64(in_size - 1, (int64_t)x)};
    b.high = ork_min64(in_size - 1, b.low + 1);
    b.share = ork_min64(in_size - 1, (int64_t)x) == (int64_t)x ? x - (float)b.low : 0.0f;
    return b;
}

static void linear_f32(const ork_resize *r, const float *top, const float *bottom, blend v, blend h,
                       float *out)
{
    int64_t left = h.low * r->in_stride, right = h.high * r->in_stride;
    for (int64_t c = 0; c < r->channels; c++) {
        float upper = top[left + c] * (1.0f - h.share) + top[right + c] * h.share;
        float lower = bottom[left + c] * (1.0f - h.share) + bottom[right + c] * h.share;
        out[c] = upper * (1.0f - v.share) + lower * v.share;
    }
}

static void linear_int(const ork_resize *r, const void *in, int64_t top, int64_t bottom, blend v,
                       blend h, void *out, int64_t to)
{
    double ratio = ork_quant_step64(&r->in_quant) / ork_quant_step64(&r->out_quant);
    int32_t min, max, in_zero = ork_quant_zero(&r->in_quant), zero = ork_quant_zero(&r->out_quant);
    double x = (double)h.share, y = (double)v.share;
    ork_dtype_range(r->dtype, &min, &max);
    for (int64_t c = 0; c < r->channels; c++) {
        int64_t left = h.low * r->in_stride + c, right = h.high * r->in_stride + c;
        double upper = (ork_load_int(r->dtype, in, top + left) - in_zero) * (1 - x) +
                       (ork_load_int(r->dtype, in, top + right) - in_zero) * x;
        double lower = (ork_load_int(r->dtype, in, bottom + left) - in_zero) * (1 - x) +
                       (ork_load_int(r->dtype, in, bottom + right) - in_zero) * x;
        double value = (upper * (1 - y) + lower * y) * ratio;
        ork_store_int(r->dtype, out, to + c, ork_saturate_even(rint(value) + zero, min, max, zero));
    }
}

static void linear_row(const ork_resize *r, const void *in, void *out, int64_t row)
{
    int64_t image = row / r->out_h * r->in_h, line = r->in_w * r->in_stride;
    blend v = blend_of(r, row % r->out_h, r->in_h, r->out_h, r->step_h);
    int64_t top = (image + v.low) * line, bottom = (image + v.high) * line;
    for (int64_t x = 0; x < r->out_w; x++) {
        blend h = blend_of(r, x, r->in_w, r->out_w, r->step_w);
        int64_t to = (row * r->out_w + x) * r->out_stride;
        if (r->dtype == ORK_F32)
            linear_f32(r, (const float *)in + top, (const float *)in + bottom, v, h,
                       (float *)out + to);
        else
            linear_int(r, in, top, bottom, v, h, out, to);
    }
}

static void nearest_row(const ork_resize *r, const char *in, char *out, int64_t row)
{
    size_t size = ork_dtype_table[r->dtype].size;
    int64_t y = row / r->out_h * r->in_h + nearest(r, row % r->out_h, r->in_h, r->out_h, r->step_h);
    for (int64_t x = 0; x < r->out_w; x++) {
        int64_t from = y * r->in_w + nearest(r, x, r->in_w, r->out_w, r->step_w);
        memcpy(out + (size_t)((row * r->out_w + x) * r->out_stride) * size,
               in + (size_t)(from * r->in_stride) * size, (size_t)r->channels * size);
    }
}

void ork_resize_run(const ork_resize *resize, const void *in, void *out, int64_t begin, int64_t end)
{
    for (int64_t row = begin; row < end; row++) {
        if (resize->is_linear)
            linear_row(resize, in, out, row);
        else
            nearest_row(resize, in, out, row);
    }
}
