/* SPDX-License-Identifier: Apache-2.0 */
/* Normalization and softmax. */
#include "torchscript.h"

static ork_value *or_filled(ork_ts *ts, ork_ts_value *tensor, int64_t channels, double number)
{
    ork_shape shape = ork_shape_of(1, &channels);
    if (tensor->kind == ORK_TS_NONE)
        return ork_build_filled(ts->build, ORK_F32, &shape, number);
    return ork_ts_graph_value(ts, tensor);
}

static bool has_channels(ork_ts *ts, const ork_value *value, int64_t channels)
{
    if (value->type.shape.rank == 1 && value->type.shape.dim[0] == channels)
        return true;
    return ork_build_bad_shape(ts->build, "a parameter does not have %lld channels",
                               (long long)channels) != NULL;
}

/* arg: weight, bias, mean, variance. Inputs with fewer than 4 axes get them, so that a convolution
   in front, which works on 4, can take the scale. */
static ork_ts_value *add_batch_norm(ork_ts *ts, ork_ts_value *input, ork_ts_value **arg, double eps)
{
    static const double standard[] = {1, 0, 0, 1};
    ork_value *x = ork_ts_graph_value(ts, input), *inputs[5];
    if (!x || x->type.shape.rank < 2)
        return x ? ork_build_bad_shape(ts->build, "an input without channels") : NULL;
    ork_shape shape = x->type.shape;
    for (int i = 0; i < 4; i++) {
        inputs[1 + i] = or_filled(ts, arg[i], shape.dim[1], standard[i]);
        if (!inputs[1 + i] || !has_channels(ts, inputs[1 + i], shape.dim[1]))
            return NULL;
    }
    int64_t dims[] = {shape.dim[0], shape.dim[1], 1, shape.rank == 3 ? shape.dim[2] : 1};
    inputs[0] = shape.rank < 4 ? ork_build_reshape_to(ts->build, x, 4, dims) : x;
    ork_attrs attrs = {.batch_norm.epsilon = eps};
    ork_value *y = ork_build_add(ts->build, ORK_OP_BATCH_NORM, &attrs, inputs, 5);
    return ork_ts_tensor(ts, ork_build_reshape(ts->build, y, &shape));
}

/* (x, weight, bias, mean, variance, training, momentum, eps, ...) */
ORK_TS_HANDLER(batch_norm)
{
    bool training = arg[5]->boolean;
    if (training || arg[3]->kind == ORK_TS_NONE || arg[4]->kind == ORK_TS_NONE) {
        ork_build_unsupported(ts->build,
                              "batch normalization with statistics of the batch at hand");
        ork_why(ts->diag,
                "the model was traced in training mode, or the layer keeps no statistics");
        ork_fix(ts->diag, "call model.eval() before torch.jit.trace");
        return NULL;
    }
    return add_batch_norm(ts, arg[0], arg + 1, ork_ts_as_double(arg[7]));
}

/* Multiplies by weight and adds bias along `axis`. */
static ork_value *scale_and_shift(ork_ts *ts, ork_value *x, ork_ts_value *weight,
                                  ork_ts_value *bias, int axis)
{
    ork_shape shape = {.rank = x->type.shape.rank - axis};
    for (int i = 0; i < shape.rank; i++)
        shape.dim[i] = i == 0 ? x->type.shape.dim[axis] : 1;
    ork_ts_value *parameters[] = {weight, bias};
    for (int i = 0; x && i < 2; i++) {
        if (parameters[i]->kind == ORK_TS_NONE)
            continue;
        ork_value *factor = ork_ts_graph_value(ts, parameters[i]);
        factor = ork_build_reshape(ts->build, factor, &shape);
        x = factor ? ork_build_add2(ts->build, i == 0 ? ORK_OP_MUL : ORK_OP_ADD, x, factor) : NULL;
    }
    return x;
}

/* Normalizes groups of channels: a layer norm over all that a group holds. */
static ork_ts_value *add_group_norm(ork_ts *ts, ork_ts_value *input, int64_t groups,
                                    ork_ts_value *weight, ork_ts_value *bias, double eps)
{
    ork_value *x = ork_ts_graph_value(ts, input);
    if (!x || x->type.shape.rank < 2)
        return x ? ork_build_bad_shape(ts->build, "an input without channels") : NULL;
    ork_shape shape = x->type.shape;
    if (groups < 1 || shape.dim[1] % groups != 0 || ork_shape_count(&shape) == 0)
        return ork_build_bad_shape(ts->build, "%lld channels in %lld groups",
                                   (long long)shape.dim[1], (long long)groups);
    int64_t rows = shape.dim[0] * groups;
    int64_t dims[] = {rows, ork_shape_count(&shape) / rows};
    ork_attrs attrs = {.layer_norm.axes = 1, .layer_norm.epsilon = eps};
    ork_value *y = ork_build_add1(ts->build, ORK_OP_LAYER_NORM, &attrs,
                                  ork_build_reshape_to(ts->build, x, 2, dims));
    y = ork_build_reshape(ts->build, y, &shape);
    return ork_ts_tensor(ts, y ? scale_and_shift(ts, y, weight, bias, 1) : NULL);
}

ORK_TS_HANDLER(group_norm)
{
    return add_group_norm(ts, arg[0], ork_ts_as_int(arg[1]), arg[2], arg[3],
                          ork_ts_as_double(arg[4]));
}

/* (x, weight, bias, mean, variance, use_input_stats, momentum, eps, ...) */
ORK_TS_HANDLER(instance_norm)
{
    double eps = ork_ts_as_double(arg[7]);
    if (!arg[5]->boolean)
        return add_batch_norm(ts, arg[0], arg + 1, eps);
    ork_shape shape = ork_ts_shape(arg[0]);
    return add_group_norm(ts, arg[0], shape.rank > 1 ? shape.dim[1] : 1, arg[1], arg[2], eps);
}

/* (x, normalized_shape, weight, bias, eps, ...) */
ORK_TS_HANDLER(layer_norm)
{
    ork_shape normalized;
    ork_value *x = ork_ts_graph_value(ts, arg[0]);
    if (!x || !ork_ts_arg_shape(ts, arg[1], &normalized))
        return NULL;
    if (normalized.rank < 1 || normalized.rank > x->type.shape.rank)
        return ork_build_bad_shape(ts->build, "normalization over %d of %d axes", normalized.rank,
                                   x->type.shape.rank);
    ork_value *inputs[3] = {x};
    for (int i = 0; i < 2; i++)
        if (arg[2 + i]->kind != ORK_TS_NONE &&
            !(inputs[1 + i] = ork_ts_graph_value(ts, arg[2 + i])))
            return NULL;
    int count = inputs[2] ? 3 : inputs[1] ? 2 : 1;
    ork_attrs attrs = {.layer_norm.axes = normalized.rank,
                       .layer_norm.epsilon = ork_ts_as_double(arg[4])};
    return ork_ts_tensor(ts, ork_build_add(ts->build, ORK_OP_LAYER_NORM, &attrs, inputs, count));
}

/* param is the operator. */
ORK_TS_HANDLER(softmax)
{
    int axis;
    ork_value *x = ork_ts_arg_float(ts, arg[0]);
    if (!x || !ork_ts_arg_axis(ts, arg[1], x->type.shape.rank, &axis))
        return NULL;
    ork_attrs attrs = {.softmax.axis = axis}; /* log_softmax keeps it at the same place */
    return ork_ts_tensor(ts, ork_build_add1(ts->build, (ork_op)param, &attrs, x));
}
