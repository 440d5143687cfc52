/* SPDX-License-Identifier: Apache-2.0 */
/* Cubic resizing: a product with a matrix of weights along each axis. */
#include "torch.h"

#include <math.h>
#include <string.h>

/* Keys, "Cubic convolution interpolation for digital image processing", 1981, with torch's a. */
static double cubic_weight(double distance)
{
    const double a = -0.75, x = fabs(distance);
    if (x <= 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/* Input pixels for one output pixel; scale is the user's factor, or 0. */
static double step_of(int64_t in, int64_t out, bool align_corners, double scale)
{
    if (align_corners)
        return out > 1 ? (double)(in - 1) / (double)(out - 1) : 0;
    return scale > 0 ? 1 / scale : (double)in / (double)out;
}

/* [in, out]: column o holds what each input adds to output o. Beyond the ends are the ends. */
static ork_value *weights_of(ork_torch *torch, int64_t in, int64_t out, bool align_corners,
                             double scale)
{
    ork_shape shape = ork_shape_of(2, (int64_t[]){in, out});
    double step = step_of(in, out, align_corners, scale);
    void *data;
    ork_value *matrix = ork_build_constant(torch->build, ORK_F32, &shape, &data);
    if (matrix)
        memset(data, 0, (size_t)ork_shape_count(&shape) * sizeof(float));
    for (int64_t o = 0; matrix && o < out; o++) {
        double at = align_corners ? step * (double)o : step * ((double)o + 0.5) - 0.5;
        double first = floor(at) - 1;
        for (int i = 0; i < 4; i++) {
            double place = fmin(fmax(first + i, 0), (double)(in - 1));
            float *weight = (float *)data + (int64_t)place * out + o;
            *weight += (float)cubic_weight(at - first - i);
        }
    }
    return matrix;
}

static ork_value *resize_last(ork_torch *torch, ork_value *x, int64_t size, bool align_corners,
                              double scale)
{
    int64_t in = x->type.shape.dim[3];
    if (size == in && (align_corners || scale <= 0 || scale == 1))
        return x;
    return ork_build_add2(torch->build, ORK_OP_MATMUL, x,
                          weights_of(torch, in, size, align_corners, scale));
}

static ork_torch_value *bicubic(ork_torch *torch, ork_torch_value *input, int64_t size[2],
                                bool align_corners, const double scale[2])
{
    static const int exchanged[] = {0, 1, 3, 2};
    ork_value *x = ork_torch_graph_value(torch, input);
    if (!x || x->type.shape.rank != 4)
        return x ? ork_build_bad_shape(torch->build, "cubic resizing of %d axes",
                                       x->type.shape.rank)
                 : NULL;
    for (int i = 0; i < 2; i++) {
        int64_t in = x->type.shape.dim[2 + i];
        double wanted = size[i] < 0 ? floor((double)in * scale[i]) : (double)size[i];
        if (!(wanted >= 1 && wanted < INT32_MAX) || in < 1)
            return ork_build_bad_shape(torch->build, "cubic resizing of %lld pixels to %g",
                                       (long long)in, wanted);
        size[i] = (int64_t)wanted;
    }
    x = resize_last(torch, x, size[1], align_corners, scale[1]);
    if (x) {
        x = ork_build_transpose(torch->build, x, exchanged);
        x = x ? resize_last(torch, x, size[0], align_corners, scale[0]) : NULL;
        x = ork_build_transpose(torch->build, x, exchanged);
    }
    return ork_torch_tensor(torch, x);
}

static double number_or_0(const ork_torch_value *value)
{
    return ork_torch_is_number(value) ? ork_torch_as_double(value) : 0;
}

/* (x, size, align_corners, scale_h, scale_w) */
ORK_TORCH_HANDLER(bicubic)
{
    int64_t size[2];
    double scale[] = {number_or_0(arg[3]), number_or_0(arg[4])};
    return ork_torch_arg_fixed(torch, arg[1], 2, size)
               ? bicubic(torch, arg[0], size, arg[2]->boolean, scale)
               : NULL;
}

/* (x, size or None, align_corners, factors or None) */
ORK_TORCH_HANDLER(bicubic_by_factors)
{
    int64_t size[2] = {-1, -1};
    double scale[2] = {0, 0};
    if (arg[1]->kind != ORK_TORCH_NONE && !ork_torch_arg_fixed(torch, arg[1], 2, size))
        return NULL;
    if (ork_torch_is_sequence(arg[3]))
        for (size_t i = 0; i < 2 && i < arg[3]->list.count; i++)
            scale[i] = number_or_0(arg[3]->list.items[i]);
    return bicubic(torch, arg[0], size, arg[2]->boolean, scale);
}
