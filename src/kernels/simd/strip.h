/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers of the matrix-product convolutions: output pixels are numbered through all rows, taken in
   strips, and each pixel's window is laid out as one row of a matrix (ky, kx, channel). */
#ifndef ORK_KERNELS_STRIP_H
#define ORK_KERNELS_STRIP_H

#include "../internal.h"

/* Where output pixel `at` begins: image, and the input coordinates of its first tap. */
typedef struct window {
    int64_t image, y, x;
} window;

static inline window window_of(const ork_conv_shape *s, int64_t at)
{
    int64_t row = at / s->out_w;
    return (window){
        .image = row / s->out_h,
        .y = row % s->out_h * s->stride_h - s->pad_top,
        .x = at % s->out_w * s->stride_w - s->pad_left,
    };
}

/* The pixel after it, without division. */
static inline void window_next(const ork_conv_shape *s, window *w)
{
    w->x += s->stride_w;
    if (w->x < s->out_w * s->stride_w - s->pad_left)
        return;
    w->x = -s->pad_left;
    w->y += s->stride_h;
    if (w->y < s->out_h * s->stride_h - s->pad_top)
        return;
    w->y = -s->pad_top;
    w->image++;
}

/* First tap inside the picture along one axis and how many there are, without a division where all
   are inside. */
static inline void taps_inside(int64_t origin, int64_t kernel, int64_t dilation, int64_t size,
                               int64_t *first, int64_t *count)
{
    *first = 0;
    *count = kernel;
    if (origin >= 0 && origin + (kernel - 1) * dilation < size)
        return;
    *first = origin < 0 ? (-origin + dilation - 1) / dilation : 0;
    int64_t stop = size > origin ? ork_min64(kernel, (size - origin + dilation - 1) / dilation) : 0;
    *count = ork_max64(0, stop - *first);
}

static inline bool is_pointwise(const ork_conv_shape *s)
{
    return s->kernel_h == 1 && s->kernel_w == 1 && s->stride_h == 1 && s->stride_w == 1 &&
           s->pad_top == 0 && s->pad_left == 0 && s->in_h == s->out_h && s->in_w == s->out_w;
}

static inline int64_t round_up(int64_t value, int64_t step)
{
    return (value + step - 1) / step * step;
}

#endif
