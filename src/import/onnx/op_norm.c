/* SPDX-License-Identifier: Apache-2.0 */
/* Normalization and softmax. */
#include "onnx.h"

/* Inputs with fewer than 4 axes get them, so that a convolution in front, which works on 4, can
   take the scale. */
ORK_ONNX_HANDLER(batch_norm)
{
    if (ork_onnx_int(call, "training_mode", 0) ||
        (call->output_count > 1 && *call->node->outputs.items[1]))
        return ork_build_unsupported(onnx->build, "in training mode") != NULL;
    return ork_onnx_result(call, ork_build_batch_norm(onnx->build, call->in[0], call->in + 1,
                                                      ork_onnx_float(call, "epsilon", 1e-5)));
}

static ork_value *mean_over(ork_onnx *onnx, ork_value *x, const ork_ints *axes)
{
    return x ? ork_build_reduce(onnx->build, ORK_OP_REDUCE_MEAN, x, axes, true) : NULL;
}

static ork_value *square(ork_onnx *onnx, ork_value *x)
{
    return ork_build_add2(onnx->build, ORK_OP_MUL, x, x);
}

/* Mean and 1 / deviation, where somebody wants them. */
static bool layer_norm_numbers(ork_onnx *onnx, ork_onnx_call *call, int first, double epsilon)
{
    ork_value *x = call->in[0];
    ork_ints axes = {0};
    for (int i = first; i < x->type.shape.rank; i++)
        axes.v[axes.count++] = i;
    ork_value *mean = mean_over(onnx, x, &axes);
    ork_value *apart = ork_build_add2(onnx->build, ORK_OP_SUB, x, mean);
    ork_value *variance = mean_over(onnx, square(onnx, apart), &axes);
    variance = ork_onnx_with_number(onnx, ORK_OP_ADD, variance, epsilon);
    call->out[1] = mean;
    call->out[2] = ork_build_add1(onnx->build, ORK_OP_RSQRT, NULL, variance);
    return call->out[2] != NULL;
}

/* Weight and bias of the graph's operator are as large as the axes. */
static ork_value *widened(ork_onnx *onnx, ork_value *x, const ork_shape *shape)
{
    return x ? ork_build_expand(onnx->build, x, shape) : NULL;
}

ORK_ONNX_HANDLER(layer_norm)
{
    int axis;
    ork_value *x = call->in[0];
    const ork_shape *shape = &x->type.shape;
    double epsilon = ork_onnx_float(call, "epsilon", 1e-5);
    if (!ork_onnx_axis(onnx, ork_onnx_int(call, "axis", -1), shape->rank, &axis))
        return false;
    ork_shape part = ork_shape_of(shape->rank - axis, shape->dim + axis);
    ork_attrs attrs = {.layer_norm.axes = part.rank, .layer_norm.epsilon = epsilon};
    ork_value *inputs[] = {x, widened(onnx, call->in[1], &part), widened(onnx, call->in[2], &part)};
    if (!inputs[1] || (call->in[2] && !inputs[2]))
        return false;
    if (call->output_count > 1 && !layer_norm_numbers(onnx, call, axis, epsilon))
        return false;
    return ork_onnx_result(
        call, ork_build_add(onnx->build, ORK_OP_LAYER_NORM, &attrs, inputs, call->in[2] ? 3 : 2));
}

ORK_ONNX_HANDLER(instance_norm)
{
    const ork_shape *shape = &call->in[0]->type.shape;
    return ork_onnx_result(call, ork_build_group_norm(onnx->build, call->in[0],
                                                      shape->rank > 1 ? shape->dim[1] : 1,
                                                      call->in[1], call->in[2],
                                                      ork_onnx_float(call, "epsilon", 1e-5)));
}

/* A number for each group, as one for each of its channels. */
static ork_value *for_channels(ork_onnx *onnx, ork_value *x, int64_t groups, int64_t channels)
{
    if (!x || x->type.shape.rank != 1 || x->type.shape.dim[0] != groups || groups == channels)
        return x;
    ork_shape apart = ork_shape_of(2, (int64_t[]){groups, 1});
    ork_shape wide = ork_shape_of(2, (int64_t[]){groups, channels / groups});
    x = ork_build_expand(onnx->build, ork_build_reshape(onnx->build, x, &apart), &wide);
    return ork_build_reshape_to(onnx->build, x, 1, &channels);
}

/* Up to version 20 weight and bias are for groups, then for channels. */
ORK_ONNX_HANDLER(group_norm)
{
    ork_value *x = call->in[0], *parameters[2];
    int64_t groups = ork_onnx_int(call, "num_groups", 1);
    int64_t channels = x->type.shape.rank > 1 ? x->type.shape.dim[1] : 0;
    if (groups < 1 || channels % groups != 0)
        return ork_build_bad_shape(onnx->build, "%lld channels in %lld groups", (long long)channels,
                                   (long long)groups) != NULL;
    for (int i = 0; i < 2; i++)
        if (!(parameters[i] = for_channels(onnx, call->in[1 + i], groups, channels)))
            return false;
    return ork_onnx_result(call, ork_build_group_norm(onnx->build, x, groups, parameters[0],
                                                      parameters[1],
                                                      ork_onnx_float(call, "epsilon", 1e-5)));
}

/* (x - mean) / deviation */
ORK_ONNX_HANDLER(mean_variance_norm)
{
    ork_ints axes;
    ork_value *x = call->in[0];
    if (!ork_onnx_ints(onnx, call, "axes", &axes))
        return false;
    if (axes.count == 0)
        axes = (ork_ints){.count = 3, .v = {0, 2, 3}};
    if (!ork_onnx_axes(onnx, &axes, x->type.shape.rank, false))
        return false;
    x = ork_build_add2(onnx->build, ORK_OP_SUB, x, mean_over(onnx, x, &axes));
    ork_value *variance = mean_over(onnx, square(onnx, x), &axes);
    variance = ork_onnx_with_number(onnx, ORK_OP_ADD, variance, 1e-18); /* of nothing */
    ork_value *deviation = ork_build_add1(onnx->build, ORK_OP_SQRT, NULL, variance);
    return ork_onnx_result(call, ork_build_add2(onnx->build, ORK_OP_DIV, x, deviation));
}

/* x / norm along an axis; p: 1 or 2 */
ORK_ONNX_HANDLER(lp_norm)
{
    int axis;
    ork_value *x = call->in[0];
    int64_t p = ork_onnx_int(call, "p", 2);
    if (!ork_onnx_axis(onnx, ork_onnx_int(call, "axis", -1), x->type.shape.rank, &axis))
        return false;
    if (p != 1 && p != 2)
        return ork_build_unsupported(onnx->build, "with p = %lld", (long long)p) != NULL;
    ork_ints axes = {.count = 1, .v = {axis}};
    ork_value *norm = p == 1 ? ork_build_add1(onnx->build, ORK_OP_ABS, NULL, x) : square(onnx, x);
    norm = norm ? ork_build_reduce(onnx->build, ORK_OP_REDUCE_SUM, norm, &axes, true) : NULL;
    norm = p == 1 ? norm : ork_build_add1(onnx->build, ORK_OP_SQRT, NULL, norm);
    return ork_onnx_result(call, ork_build_add2(onnx->build, ORK_OP_DIV, x, norm));
}

/* x / (bias + alpha mean of the squares of near channels) ^ beta. The mean is a pooling that has
   the channels for height. */
ORK_ONNX_HANDLER(local_response_norm)
{
    ork_value *x = call->in[0];
    ork_shape shape = x->type.shape;
    int64_t size = ork_onnx_int(call, "size", 1);
    if (shape.rank < 2 || size < 1 || size > INT32_MAX)
        return ork_build_bad_shape(onnx->build, "%lld channels of a tensor with %d axes",
                                   (long long)size, shape.rank) != NULL;
    int64_t dims[] = {shape.dim[0], 1, shape.dim[1], ork_shape_span(&shape, 2, shape.rank)};
    ork_attrs attrs = {.avg_pool2d.kernel.v = {size, 1},
                       .avg_pool2d.stride.v = {1, 1},
                       .avg_pool2d.dilation.v = {1, 1},
                       .avg_pool2d.pad.v = {(size - 1) / 2, 0, size / 2, 0},
                       .avg_pool2d.count_include_pad = true};
    ork_value *mean = ork_build_reshape_to(onnx->build, square(onnx, x), 4, dims);
    mean = ork_build_add1(onnx->build, ORK_OP_AVG_POOL2D, &attrs, mean);
    mean = ork_build_reshape(onnx->build, mean, &shape);
    mean = ork_onnx_with_number(onnx, ORK_OP_MUL, mean, ork_onnx_float(call, "alpha", 1e-4));
    mean = ork_onnx_with_number(onnx, ORK_OP_ADD, mean, ork_onnx_float(call, "bias", 1.0));
    mean = ork_onnx_with_number(onnx, ORK_OP_POW, mean, ork_onnx_float(call, "beta", 0.75));
    return ork_onnx_result(call, ork_build_add2(onnx->build, ORK_OP_DIV, x, mean));
}

static bool add_softmax(ork_onnx *onnx, ork_onnx_call *call, ork_op op, ork_value *x, int axis)
{
    ork_shape shape = call->in[0]->type.shape;
    ork_attrs attrs = {.softmax.axis = axis}; /* log_softmax keeps it at the same place */
    ork_value *y = ork_build_add1(onnx->build, op, &attrs, x);
    return ork_onnx_result(call, ork_build_reshape(onnx->build, y, &shape));
}

ORK_ONNX_HANDLER(softmax)
{
    int axis;
    ork_value *x = call->in[0];
    return ork_onnx_axis(onnx, ork_onnx_int(call, "axis", -1), x->type.shape.rank, &axis) &&
           add_softmax(onnx, call, (ork_op)param, x, axis);
}

/* Before version 13: over all axes from `axis` on at once. */
ORK_ONNX_HANDLER(softmax_flat)
{
    int axis;
    ork_value *x = call->in[0];
    const ork_shape *shape = &x->type.shape;
    if (!ork_onnx_axis(onnx, ork_onnx_int(call, "axis", 1), shape->rank, &axis))
        return false;
    if (axis == shape->rank - 1)
        return add_softmax(onnx, call, (ork_op)param, x, axis);
    int64_t dims[] = {ork_shape_span(shape, 0, axis), ork_shape_span(shape, axis, shape->rank)};
    return add_softmax(onnx, call, (ork_op)param, ork_build_reshape_to(onnx->build, x, 2, dims), 1);
}
