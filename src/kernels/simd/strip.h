/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers of the matrix-product convolutions: output pixels are numbered through all rows, taken in
   strips, and each pixel's window is laid out as one row of a matrix (ky, kx, channel). */
#ifndef ORK_KERNELS_STRIP_H
#define ORK_KERNELS_STRIP_H

#include "lanes.h"

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

/* Copies `count` neighbouring elements of the input as the window wants them. */
typedef void gather_copy(const ork_conv *conv, void *to, const void *from, int64_t count);

/* One window of `channels`, of which one image line may come in one copy. Elements take in_size
   bytes in the input and to_size in the window; what reads padding becomes bytes of `padding`. */
ALWAYS_INLINE void gather(const ork_conv *conv, const void *in_data, int64_t in_size,
                          const window *w, int64_t channels, void *window_data, int64_t to_size,
                          int padding, gather_copy *copy)
{
    const ork_conv_shape *s = &conv->shape;
    const char *in = in_data;
    char *to = window_data;
    const bool whole = s->dilation_w == 1 && s->in_stride == channels && w->x >= 0 &&
                       w->x + s->kernel_w <= s->in_w;
    for (int64_t ky = 0; ky < s->kernel_h; ky++, to += s->kernel_w * channels * to_size) {
        const int64_t y = w->y + ky * s->dilation_h;
        const int64_t line = (w->image * s->in_h + y) * s->in_w;
        if (y < 0 || y >= s->in_h) {
            memset(to, padding, (size_t)(s->kernel_w * channels * to_size));
            continue;
        }
        if (whole) {
            copy(conv, to, in + (line + w->x) * s->in_stride * in_size, s->kernel_w * channels);
            continue;
        }
        for (int64_t kx = 0; kx < s->kernel_w; kx++) {
            const int64_t x = w->x + kx * s->dilation_w;
            char *tap = to + kx * channels * to_size;
            if (x < 0 || x >= s->in_w)
                memset(tap, padding, (size_t)(channels * to_size));
            else
                copy(conv, tap, in + (line + x) * s->in_stride * in_size, channels);
        }
    }
}

static inline int64_t round_up(int64_t value, int64_t step)
{
    return (value + step - 1) / step * step;
}

#endif
