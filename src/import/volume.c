/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution and pooling over three axes, by those over two: chips know no others. Tensors are
   N, C, D, H, W. */
#include "build.h"

#include <string.h>

static ork_value *as_slices(ork_build *build, ork_value *x)
{
    if (!x)
        return NULL;
    ork_shape s = x->type.shape;
    x = ork_build_transpose(build, x, (int[]){0, 2, 1, 3, 4});
    return ork_build_reshape_to(build, x, 4,
                                (int64_t[]){s.dim[0] * s.dim[2], s.dim[1], s.dim[3], s.dim[4]});
}

static ork_value *pad_axis(ork_build *build, ork_value *x, int axis, int64_t before, int64_t after)
{
    if (!x || (before == 0 && after == 0))
        return x;
    ork_attrs attrs = {0};
    attrs.pad.before.count = attrs.pad.after.count = x->type.shape.rank;
    attrs.pad.before.v[axis] = before;
    attrs.pad.after.v[axis] = after;
    return ork_build_add1(build, ORK_OP_PAD, &attrs, x);
}

/* The part of the weight for one place of the depth: O, I, H, W. */
static ork_value *weight_at(ork_build *build, ork_value *weight, int64_t at)
{
    const int64_t *d = weight->type.shape.dim;
    ork_value *part = ork_build_slice(build, weight, 2, at, at + 1, 1);
    return ork_build_reshape_to(build, part, 4, (int64_t[]){d[0], d[1], d[3], d[4]});
}

static ork_attrs plane_attrs(const ork_volume *v, bool is_transposed)
{
    ork_attrs attrs = {.conv2d.groups = v->groups};
    if (is_transposed)
        attrs = (ork_attrs){.conv_transpose2d.groups = v->groups};
    for (int i = 0; i < 2; i++) { /* both keep these at the same places */
        attrs.conv2d.stride.v[i] = v->stride[1 + i];
        attrs.conv2d.dilation.v[i] = v->dilation[1 + i];
        attrs.conv2d.pad.v[i] = v->pad[1 + i];
        attrs.conv2d.pad.v[2 + i] = v->pad[4 + i];
        if (is_transposed)
            attrs.conv_transpose2d.output_pad.v[i] = v->output_pad[1 + i];
    }
    return attrs;
}

static bool fits(ork_build *build, const ork_value *x, const ork_value *weight, const ork_volume *v)
{
    if (!x || !weight)
        return false;
    if (x->type.shape.rank != 5 || weight->type.shape.rank != 5 || v->stride[0] < 1 ||
        v->dilation[0] < 1 || v->pad[0] < 0 || v->pad[3] < 0)
        return ork_build_bad_shape(build, "a convolution over three axes") != NULL;
    return true;
}

static ork_value *conv_plane(ork_build *build, ork_op op, ork_value *x, ork_value *weight,
                             ork_value *bias, const ork_attrs *attrs)
{
    ork_value *inputs[] = {x, weight, bias};
    return ork_build_add(build, op, attrs, inputs, bias ? 3 : 2);
}

/* N D slices of O, H, W as N, O, D, H, W */
static ork_value *as_volume(ork_build *build, ork_value *slices, int64_t batch)
{
    if (!slices)
        return NULL;
    const int64_t *d = slices->type.shape.dim;
    ork_value *y =
        ork_build_reshape_to(build, slices, 5, (int64_t[]){batch, d[0] / batch, d[1], d[2], d[3]});
    return ork_build_transpose(build, y, (int[]){0, 2, 1, 3, 4});
}

/* The sum over the kernel's depth of convolutions of the slices that each place of it sees. */
ork_value *ork_build_conv3d(ork_build *build, ork_value *x, ork_value *weight, ork_value *bias,
                            const ork_volume *v)
{
    if (!fits(build, x, weight, v))
        return NULL;
    int64_t batch = x->type.shape.dim[0], taps = weight->type.shape.dim[2];
    x = pad_axis(build, x, 2, v->pad[0], v->pad[3]);
    int64_t room = x ? x->type.shape.dim[2] - v->dilation[0] * (taps - 1) : 0;
    if (!x || room < 1 || batch < 1)
        return x ? ork_build_bad_shape(build, "the kernel is deeper than the input") : NULL;
    ork_attrs attrs = plane_attrs(v, false);
    ork_value *sum = NULL;
    for (int64_t i = 0; i < taps; i++) {
        int64_t begin = i * v->dilation[0];
        ork_value *seen = ork_build_slice(build, x, 2, begin, begin + room, v->stride[0]);
        ork_value *y = conv_plane(build, ORK_OP_CONV2D, as_slices(build, seen),
                                  weight_at(build, weight, i), i == 0 ? bias : NULL, &attrs);
        sum = sum ? ork_build_add2(build, ORK_OP_ADD, sum, y) : y;
        if (!sum)
            return NULL;
    }
    return as_volume(build, sum, batch);
}

/* `stride - 1` zeros behind each slice but the last: N, O, D, H, W. */
static ork_value *spread_depth(ork_build *build, ork_value *x, int64_t stride)
{
    if (!x || stride == 1)
        return x;
    const ork_shape s = x->type.shape;
    int64_t wide[] = {s.dim[0], s.dim[1], s.dim[2], 1, s.dim[3], s.dim[4]};
    int64_t flat[] = {s.dim[0], s.dim[1], s.dim[2] * stride, s.dim[3], s.dim[4]};
    x = pad_axis(build, ork_build_reshape_to(build, x, 6, wide), 3, 0, stride - 1);
    x = ork_build_reshape_to(build, x, 5, flat);
    return ork_build_slice(build, x, 2, 0, (s.dim[2] - 1) * stride + 1, 1);
}

/* The sum over the kernel's depth of transposed convolutions, each put where its place goes. */
ork_value *ork_build_conv_transpose3d(ork_build *build, ork_value *x, ork_value *weight,
                                      ork_value *bias, const ork_volume *v)
{
    if (!fits(build, x, weight, v))
        return NULL;
    int64_t batch = x->type.shape.dim[0], taps = weight->type.shape.dim[2];
    int64_t reach = v->dilation[0] * (taps - 1), depth;
    if (batch < 1 || x->type.shape.dim[2] < 1)
        return ork_build_bad_shape(build, "an empty input");
    ork_attrs attrs = plane_attrs(v, true);
    ork_value *slices = as_slices(build, x), *sum = NULL;
    for (int64_t i = 0; i < taps; i++) {
        ork_value *y = conv_plane(build, ORK_OP_CONV_TRANSPOSE2D, slices,
                                  weight_at(build, weight, i), NULL, &attrs);
        y = spread_depth(build, as_volume(build, y, batch), v->stride[0]);
        int64_t before = i * v->dilation[0];
        y = pad_axis(build, y, 2, before, reach - before + v->output_pad[0]);
        sum = sum ? ork_build_add2(build, ORK_OP_ADD, sum, y) : y;
        if (!sum)
            return NULL;
    }
    depth = sum->type.shape.dim[2];
    if (v->pad[0] + v->pad[3] >= depth)
        return ork_build_bad_shape(build, "the output would be empty");
    sum = ork_build_slice(build, sum, 2, v->pad[0], depth - v->pad[3], 1);
    if (!bias || !sum)
        return sum;
    bias = ork_build_reshape_to(build, bias, 4, (int64_t[]){sum->type.shape.dim[1], 1, 1, 1});
    return ork_build_add2(build, ORK_OP_ADD, sum, bias);
}

/* ---- pooling: over the planes, then over the depth ---- */

ork_value *ork_build_planes(ork_build *build, ork_value *x)
{
    if (!x)
        return NULL;
    const int64_t *d = x->type.shape.dim;
    int rank = x->type.shape.rank;
    if (rank != 5 && rank != 4)
        return ork_build_bad_shape(build, "an input with %d axes, not 5", rank);
    int64_t planes = rank == 5 ? d[0] * d[1] : d[0];
    const int64_t *size = d + rank - 3;
    return ork_build_reshape_to(build, x, 4, (int64_t[]){planes, size[0], size[1], size[2]});
}

ork_value *ork_build_columns(ork_build *build, ork_value *planes)
{
    if (!planes)
        return NULL;
    const int64_t *d = planes->type.shape.dim;
    return ork_build_reshape_to(build, planes, 4, (int64_t[]){d[0], 1, d[1], d[2] * d[3]});
}

ork_value *ork_build_from_columns(ork_build *build, ork_value *columns, const ork_value *planes,
                                  const ork_shape *shape)
{
    if (!columns)
        return NULL;
    ork_shape result = *shape;
    int64_t *size = result.dim + result.rank - 3;
    size[0] = columns->type.shape.dim[2];
    size[1] = planes->type.shape.dim[2];
    size[2] = planes->type.shape.dim[3];
    return ork_build_reshape(build, columns, &result);
}

ork_value *ork_build_pool3d(ork_build *build, ork_op op, ork_value *x, const ork_volume *v)
{
    ork_value *planes = ork_build_planes(build, x);
    ork_attrs flat = {0}, deep = {0};
    for (int i = 0; i < 2; i++) { /* both pools keep these at the same places */
        flat.max_pool2d.kernel.v[i] = v->kernel[1 + i];
        flat.max_pool2d.stride.v[i] = v->stride[1 + i];
        flat.max_pool2d.dilation.v[i] = v->dilation[1 + i];
        flat.max_pool2d.pad.v[i] = v->pad[1 + i];
        flat.max_pool2d.pad.v[2 + i] = v->pad[4 + i];
        deep.max_pool2d.kernel.v[i] = i == 0 ? v->kernel[0] : 1;
        deep.max_pool2d.stride.v[i] = i == 0 ? v->stride[0] : 1;
        deep.max_pool2d.dilation.v[i] = i == 0 ? v->dilation[0] : 1;
    }
    deep.max_pool2d.pad.v[0] = v->pad[0];
    deep.max_pool2d.pad.v[2] = v->pad[3];
    flat.max_pool2d.ceil_mode = deep.max_pool2d.ceil_mode = v->ceil_mode;
    if (op == ORK_OP_AVG_POOL2D) {
        flat.avg_pool2d.count_include_pad = deep.avg_pool2d.count_include_pad =
            v->count_include_pad;
        flat.avg_pool2d.divisor = v->divisor;
        deep.avg_pool2d.divisor = v->divisor != 0;
    }
    planes = planes ? ork_build_add1(build, op, &flat, planes) : NULL;
    ork_value *columns = ork_build_columns(build, planes);
    columns = columns ? ork_build_add1(build, op, &deep, columns) : NULL;
    return ork_build_from_columns(build, columns, planes, x ? &x->type.shape : NULL);
}
