/* SPDX-License-Identifier: Apache-2.0 */
/* Layers over depth, height and width, in operators over height and width. Shapes are N C D H W. */
#include "build.h"

#include <string.h>

static bool is_volume(ork_build *build, const ork_value *x)
{
    return x->type.shape.rank == 5 ||
           ork_build_bad_shape(build, "a tensor with %d axes, not 5", x->type.shape.rank) != NULL;
}

/* Zeros before and after the depth. */
static ork_value *pad_depth(ork_build *build, ork_value *x, int64_t before, int64_t after)
{
    if (!x || (before == 0 && after == 0))
        return x;
    ork_attrs attrs = {.pad.before.count = 5, .pad.after.count = 5};
    attrs.pad.before.v[2] = before;
    attrs.pad.after.v[2] = after;
    return ork_build_add1(build, ORK_OP_PAD, &attrs, x);
}

/* Each slice of the window's depth as channels beside those of the others: [N, C, D, H, W] becomes
   [N outputs, C slices, H, W]. */
static ork_value *windows_as_channels(ork_build *build, ork_value *x, int64_t slices,
                                      int64_t outputs, int64_t stride, int64_t dilation)
{
    static const int depth_out[] = {0, 3, 1, 2, 4, 5};
    const ork_shape s = x->type.shape;
    int64_t apart[] = {s.dim[0], s.dim[1], 1, outputs, s.dim[3], s.dim[4]};
    int64_t pictures[] = {s.dim[0] * outputs, s.dim[1] * slices, s.dim[3], s.dim[4]};
    ork_value **parts = ORK_NEW_ARRAY(build->arena, ork_value *, (size_t)slices);
    for (int64_t k = 0; k < slices; k++) {
        int64_t begin = k * dilation;
        parts[k] = ork_build_slice(build, x, 2, begin, begin + (outputs - 1) * stride + 1, stride);
        parts[k] = ork_build_reshape_to(build, parts[k], 6, apart);
    }
    x = ork_build_concat(build, parts, (int)slices, 2);
    return ork_build_reshape_to(build, ork_build_transpose(build, x, depth_out), 4, pictures);
}

static ork_attrs conv_attrs(const ork_window3d *w, int64_t groups)
{
    ork_attrs attrs = {.conv2d.groups = groups};
    memcpy(attrs.conv2d.stride.v, w->stride + 1, 2 * sizeof(int64_t));
    memcpy(attrs.conv2d.dilation.v, w->dilation + 1, 2 * sizeof(int64_t));
    memcpy(attrs.conv2d.pad.v, w->before + 1, 2 * sizeof(int64_t));
    memcpy(attrs.conv2d.pad.v + 2, w->after + 1, 2 * sizeof(int64_t));
    return attrs;
}

/* A convolution of pictures whose channels are those of all slices of the window. */
ork_value *ork_build_conv3d(ork_build *build, ork_value *x, ork_value *weight, ork_value *bias,
                            const ork_window3d *w, int64_t groups)
{
    static const int channels_out[] = {0, 2, 1, 3, 4};
    if (!x || !weight || !is_volume(build, x) || !is_volume(build, weight))
        return NULL;
    const ork_shape s = x->type.shape, k = weight->type.shape;
    int64_t room = s.dim[2] + w->before[0] + w->after[0] - w->dilation[0] * (k.dim[2] - 1) - 1;
    if (room < 0 || w->stride[0] < 1 || w->dilation[0] < 1 || k.dim[2] < 1)
        return ork_build_bad_shape(build, "a kernel deeper than its input");
    int64_t outputs = room / w->stride[0] + 1;
    x = pad_depth(build, x, w->before[0], w->after[0]);
    x = x ? windows_as_channels(build, x, k.dim[2], outputs, w->stride[0], w->dilation[0]) : NULL;
    int64_t flat[] = {k.dim[0], k.dim[1] * k.dim[2], k.dim[3], k.dim[4]};
    ork_attrs attrs = conv_attrs(w, groups);
    ork_value *inputs[] = {x, ork_build_reshape_to(build, weight, 4, flat), bias};
    ork_value *y = ork_build_add(build, ORK_OP_CONV2D, &attrs, inputs, bias ? 3 : 2);
    if (!y)
        return NULL;
    int64_t volume[] = {s.dim[0], outputs, k.dim[0], y->type.shape.dim[2], y->type.shape.dim[3]};
    return ork_build_transpose(build, ork_build_reshape_to(build, y, 5, volume), channels_out);
}

/* What one slice of the kernel gives, where it lies among the outputs: slice k of depth d goes to
   d * stride + k * dilation. */
static ork_value *spread_depth(ork_build *build, ork_value *y, const ork_window3d *w,
                               int64_t before, int64_t after)
{
    const ork_shape s = y->type.shape;
    int64_t stride = w->stride[0], depth = s.dim[2];
    if (stride > 1) {
        ork_attrs attrs = {.pad.before.count = 6, .pad.after.count = 6};
        attrs.pad.after.v[3] = stride - 1;
        y = ork_build_reshape_to(build, y, 6,
                                 (int64_t[]){s.dim[0], s.dim[1], depth, 1, s.dim[3], s.dim[4]});
        y = y ? ork_build_add1(build, ORK_OP_PAD, &attrs, y) : NULL;
        y = ork_build_reshape_to(
            build, y, 5, (int64_t[]){s.dim[0], s.dim[1], depth * stride, s.dim[3], s.dim[4]});
        y = ork_build_slice(build, y, 2, 0, (depth - 1) * stride + 1, 1);
    }
    return pad_depth(build, y, before, after);
}

/* One slice of the kernel over all depths of x. */
static ork_value *transposed_slice(ork_build *build, ork_value *pictures, ork_value *weight,
                                   int64_t slice, const ork_attrs *attrs, const ork_shape *x)
{
    static const int channels_out[] = {0, 2, 1, 3, 4};
    const ork_shape k = weight->type.shape;
    ork_value *part = ork_build_slice(build, weight, 2, slice, slice + 1, 1);
    int64_t flat[] = {k.dim[0], k.dim[1], k.dim[3], k.dim[4]};
    ork_value *inputs[] = {pictures, ork_build_reshape_to(build, part, 4, flat)};
    ork_value *y = ork_build_add(build, ORK_OP_CONV_TRANSPOSE2D, attrs, inputs, 2);
    if (!y)
        return NULL;
    const int64_t *d = y->type.shape.dim;
    int64_t volume[] = {x->dim[0], x->dim[2], d[1], d[2], d[3]};
    return ork_build_transpose(build, ork_build_reshape_to(build, y, 5, volume), channels_out);
}

/* A sum over the slices of the kernel. */
ork_value *ork_build_conv_transpose3d(ork_build *build, ork_value *x, ork_value *weight,
                                      ork_value *bias, const ork_window3d *w,
                                      const int64_t output_pad[3], int64_t groups)
{
    static const int depth_out[] = {0, 2, 1, 3, 4};
    if (!x || !weight || !is_volume(build, x) || !is_volume(build, weight))
        return NULL;
    const ork_shape s = x->type.shape, k = weight->type.shape;
    int64_t reach = w->dilation[0] * (k.dim[2] - 1);
    int64_t length = (s.dim[2] - 1) * w->stride[0] + reach + 1 + output_pad[0];
    if (w->stride[0] < 1 || w->dilation[0] < 1 || length - w->before[0] - w->after[0] < 1)
        return ork_build_bad_shape(build, "the output would be empty");
    ork_attrs attrs = conv_attrs(w, groups); /* both convolutions begin with the same attributes */
    memcpy(attrs.conv_transpose2d.output_pad.v, output_pad + 1, 2 * sizeof(int64_t));
    int64_t flat[] = {s.dim[0] * s.dim[2], s.dim[1], s.dim[3], s.dim[4]};
    ork_value *pictures =
        ork_build_reshape_to(build, ork_build_transpose(build, x, depth_out), 4, flat);
    ork_value *sum = NULL;
    for (int64_t i = 0; pictures && i < k.dim[2]; i++) {
        ork_value *part = transposed_slice(build, pictures, weight, i, &attrs, &s);
        int64_t before = i * w->dilation[0];
        part = part ? spread_depth(build, part, w, before, reach - before + output_pad[0]) : NULL;
        sum = i == 0 ? part : ork_build_add2(build, ORK_OP_ADD, sum, part);
        if (!sum)
            return NULL;
    }
    sum = ork_build_slice(build, sum, 2, w->before[0], length - w->after[0], 1);
    if (!bias)
        return sum;
    int64_t channels[] = {ork_shape_count(&bias->type.shape), 1, 1, 1};
    return ork_build_add2(build, ORK_OP_ADD, sum, ork_build_reshape_to(build, bias, 4, channels));
}

/* Pools over height and width, then over depth, which has height and width beside it. */
ork_value *ork_build_pool3d(ork_build *build, ork_op op, ork_value *x, const int64_t kernel[3],
                            const ork_window3d *w, bool ceil_mode, bool count_include_pad)
{
    if (!x || !is_volume(build, x))
        return NULL;
    const ork_shape s = x->type.shape;
    ork_attrs across = {0}, along = {0}; /* both kinds of pooling begin with the same attributes */
    for (int i = 0; i < 2; i++) {
        across.max_pool2d.kernel.v[i] = kernel[1 + i];
        across.max_pool2d.stride.v[i] = w->stride[1 + i];
        across.max_pool2d.dilation.v[i] = w->dilation[1 + i];
        across.max_pool2d.pad.v[i] = w->before[1 + i];
        across.max_pool2d.pad.v[2 + i] = w->after[1 + i];
        along.max_pool2d.kernel.v[i] = i ? 1 : kernel[0];
        along.max_pool2d.stride.v[i] = i ? 1 : w->stride[0];
        along.max_pool2d.dilation.v[i] = i ? 1 : w->dilation[0];
    }
    along.max_pool2d.pad.v[0] = w->before[0];
    along.max_pool2d.pad.v[2] = w->after[0];
    across.max_pool2d.ceil_mode = along.max_pool2d.ceil_mode = ceil_mode;
    if (op == ORK_OP_AVG_POOL2D)
        across.avg_pool2d.count_include_pad = along.avg_pool2d.count_include_pad =
            count_include_pad;
    x = ork_build_reshape_to(build, x, 4,
                             (int64_t[]){s.dim[0], s.dim[1] * s.dim[2], s.dim[3], s.dim[4]});
    x = x ? ork_build_add1(build, op, &across, x) : NULL;
    if (!x)
        return NULL;
    int64_t height = x->type.shape.dim[2], width = x->type.shape.dim[3];
    x = ork_build_reshape_to(build, x, 4,
                             (int64_t[]){s.dim[0], s.dim[1], s.dim[2], height * width});
    x = ork_build_add1(build, op, &along, x);
    return x ? ork_build_reshape_to(
                   build, x, 5,
                   (int64_t[]){s.dim[0], s.dim[1], x->type.shape.dim[2], height, width})
             : NULL;
}
