/* SPDX-License-Identifier: Apache-2.0 */
#include "../internal.h"

#include <math.h>

typedef struct window {
    int64_t y0, y1, x0, x1;
} window;

static double real_of(const ork_adaptive_pooling *p, const void *in, int64_t at)
{
    double value = ork_element_get(p->dtype, in, at);
    if (p->dtype == ORK_F32)
        return value;
    return (value - p->in_quant.zero_point) * (double)ork_quant_step(&p->in_quant);
}

static double mean_of(const ork_adaptive_pooling *p, const void *in, int64_t n, const window *w,
                      int64_t channel)
{
    double sum = 0;
    for (int64_t y = w->y0; y < w->y1; y++)
        for (int64_t x = w->x0; x < w->x1; x++)
            sum += real_of(p, in, ((n * p->in_h + y) * p->in_w + x) * p->in_stride + channel);
    return sum / (double)((w->y1 - w->y0) * (w->x1 - w->x0));
}

static void store(const ork_adaptive_pooling *p, void *out, int64_t at, double mean)
{
    if (p->dtype != ORK_F32)
        mean = rint(mean / (double)ork_quant_step(&p->out_quant)) + p->out_quant.zero_point;
    ork_element_set(p->dtype, out, at, mean);
}

void ork_adaptive_pooling_run(const ork_adaptive_pooling *p, const void *in, void *out,
                              int64_t begin, int64_t end)
{
    for (int64_t row = begin; row < end; row++) {
        int64_t n = row / p->out_h, y = row % p->out_h;
        window w = {.y0 = y * p->in_h / p->out_h,
                    .y1 = ((y + 1) * p->in_h + p->out_h - 1) / p->out_h};
        for (int64_t x = 0; x < p->out_w; x++) {
            w.x0 = x * p->in_w / p->out_w;
            w.x1 = ((x + 1) * p->in_w + p->out_w - 1) / p->out_w;
            for (int64_t c = 0; c < p->channels; c++)
                store(p, out, (row * p->out_w + x) * p->out_stride + c, mean_of(p, in, n, &w, c));
        }
    }
}
