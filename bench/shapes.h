/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes of convolutions, as benchmarks list them. */
#ifndef ORK_BENCH_SHAPES_H
#define ORK_BENCH_SHAPES_H

#include "kernels/kernels.h"

/* Of a square picture and a square kernel, which reaches beyond the picture by half its size. */
static inline ork_conv_shape square_convolution(int64_t groups, int64_t in_c, int64_t in_size,
                                                int64_t out_c, int64_t kernel, int64_t stride)
{
    const int64_t out_size = (in_size + kernel / 2 * 2 - kernel) / stride + 1;
    return (ork_conv_shape){.batch = 1,
                            .in_h = in_size,
                            .in_w = in_size,
                            .in_c = in_c,
                            .out_h = out_size,
                            .out_w = out_size,
                            .out_c = out_c,
                            .kernel_h = kernel,
                            .kernel_w = kernel,
                            .stride_h = stride,
                            .stride_w = stride,
                            .dilation_h = 1,
                            .dilation_w = 1,
                            .pad_top = kernel / 2,
                            .pad_left = kernel / 2,
                            .groups = groups,
                            .in_stride = in_c,
                            .out_stride = out_c};
}

#endif
