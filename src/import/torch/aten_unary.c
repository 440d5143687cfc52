/* SPDX-License-Identifier: Apache-2.0 */
/* Activations and other functions of one element. */
#include "torch.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* param is the operator; integers become floats. */
ORK_TS_HANDLER(unary_float)
{
    ork_value *x = ork_ts_arg_float(ts, arg[0]);
    return x ? ork_ts_tensor(ts, ork_build_add1(ts->build, (ork_op)param, NULL, x)) : NULL;
}

/* param is the operator; the type stays. */
ORK_TS_HANDLER(unary)
{
    if (arg[0]->kind == ORK_TS_INT &&
        (param == ORK_OP_FLOOR || param == ORK_OP_CEIL || param == ORK_OP_ROUND))
        return arg[0];
    if (arg[0]->kind == ORK_TS_FLOAT && (param == ORK_OP_FLOOR || param == ORK_OP_CEIL) &&
        fabs(arg[0]->number) < 9e15) /* math.ceil */
        return ork_ts_int(
            ts, (int64_t)(param == ORK_OP_CEIL ? ceil(arg[0]->number) : floor(arg[0]->number)));
    ork_value *x = ork_ts_graph_value(ts, arg[0]);
    return x ? ork_ts_tensor(ts, ork_build_add1(ts->build, (ork_op)param, NULL, x)) : NULL;
}

ORK_TS_HANDLER(logical_not)
{
    ork_value *x = ork_ts_graph_value(ts, arg[0]);
    x = x ? ork_build_add1(ts->build, ORK_OP_LOGICAL_NOT, NULL, x) : NULL;
    return ork_ts_tensor(ts, ork_build_cast(ts->build, x, ORK_BOOL));
}

static ork_ts_value *with_attrs(ork_ts *ts, ork_ts_value *x, ork_op op, const ork_attrs *attrs)
{
    ork_value *value = ork_ts_arg_float(ts, x);
    return value ? ork_ts_tensor(ts, ork_build_add1(ts->build, op, attrs, value)) : NULL;
}

static ork_ts_value *add_clip(ork_ts *ts, ork_ts_value *x, double low, double high)
{
    ork_attrs attrs = {.clip.low = low, .clip.high = high};
    if (ork_ts_is_number(x))
        return ork_ts_float(ts, fmin(fmax(ork_ts_as_double(x), low), high), x->is_single);
    ork_value *value = ork_ts_graph_value(ts, x);
    return value ? ork_ts_tensor(ts, ork_build_add1(ts->build, ORK_OP_CLIP, &attrs, value)) : NULL;
}

static double number_or(const ork_ts_value *value, double standard)
{
    return value->kind == ORK_TS_NONE ? standard : ork_ts_as_double(value);
}

/* (x, low, high); None is no limit. */
ORK_TS_HANDLER(clip)
{
    double low = number_or(arg[1], -FLT_MAX), high = number_or(arg[2], FLT_MAX);
    if (low == 0 && high == FLT_MAX)
        return ork_ts_op_unary(ts, arg, ORK_OP_RELU);
    return add_clip(ts, arg[0], low, high);
}

/* (x, low, high): each a tensor, or None */
ORK_TS_HANDLER(clip_by_tensors)
{
    ork_ts_value *x = arg[0];
    if (arg[1]->kind != ORK_TS_NONE)
        x = ork_ts_binary(ts, ORK_OP_MAXIMUM, x, arg[1], false);
    if (x && arg[2]->kind != ORK_TS_NONE)
        x = ork_ts_binary(ts, ORK_OP_MINIMUM, x, arg[2], false);
    return x;
}

ORK_TS_HANDLER(clip_low)
{
    return add_clip(ts, arg[0], ork_ts_as_double(arg[1]), FLT_MAX);
}

ORK_TS_HANDLER(clip_high)
{
    return add_clip(ts, arg[0], -FLT_MAX, ork_ts_as_double(arg[1]));
}

ORK_TS_HANDLER(relu6)
{
    return add_clip(ts, arg[0], 0, 6);
}

ORK_TS_HANDLER(leaky_relu)
{
    ork_attrs attrs = {.leaky_relu.alpha = ork_ts_as_double(arg[1])};
    return with_attrs(ts, arg[0], ORK_OP_LEAKY_RELU, &attrs);
}

ORK_TS_HANDLER(gelu)
{
    ork_attrs attrs = {.gelu.approximate = strcmp(arg[1]->text, "tanh") == 0};
    return with_attrs(ts, arg[0], ORK_OP_GELU, &attrs);
}

ORK_TS_HANDLER(softplus)
{
    ork_attrs attrs = {.softplus.beta = ork_ts_as_double(arg[1]),
                       .softplus.threshold = ork_ts_as_double(arg[2])};
    return with_attrs(ts, arg[0], ORK_OP_SOFTPLUS, &attrs);
}

static ork_ts_value *scaled(ork_ts *ts, ork_ts_value *x, double factor)
{
    if (!x || factor == 1.0)
        return x;
    return ork_ts_binary(ts, ORK_OP_MUL, x, ork_ts_float(ts, factor, false), false);
}

/* scale * (x > 0 ? x : alpha * (exp(x * input_scale) - 1)) */
ORK_TS_HANDLER(elu)
{
    if (ork_ts_as_double(arg[3]) != 1.0)
        return ork_build_unsupported(ts->build, "an input scale");
    ork_attrs attrs = {.elu.alpha = ork_ts_as_double(arg[1])};
    return scaled(ts, with_attrs(ts, arg[0], ORK_OP_ELU, &attrs), ork_ts_as_double(arg[2]));
}

/* Klambauer et al. 2017: constants that keep mean 0 and variance 1. */
ORK_TS_HANDLER(selu)
{
    ork_attrs attrs = {.elu.alpha = 1.6732632423543772848170429916717};
    return scaled(ts, with_attrs(ts, arg[0], ORK_OP_ELU, &attrs),
                  1.0507009873554804934193349852946);
}

/* alpha * elu(x / alpha) */
ORK_TS_HANDLER(celu)
{
    double alpha = ork_ts_as_double(arg[1]);
    ork_attrs attrs = {.elu.alpha = 1.0};
    ork_ts_value *x = scaled(ts, arg[0], 1.0 / alpha);
    return x ? scaled(ts, with_attrs(ts, x, ORK_OP_ELU, &attrs), alpha) : NULL;
}

ORK_TS_HANDLER(log_sigmoid)
{
    ork_attrs attrs = {.softplus.beta = 1, .softplus.threshold = 20};
    ork_ts_value *x = scaled(ts, arg[0], -1);
    return x ? scaled(ts, with_attrs(ts, x, ORK_OP_SOFTPLUS, &attrs), -1) : NULL;
}

/* What sticks out of [-lambda, lambda]. */
ORK_TS_HANDLER(softshrink)
{
    double lambda = ork_ts_as_double(arg[1]);
    ork_ts_value *inside = add_clip(ts, arg[0], -lambda, lambda);
    return inside ? ork_ts_binary(ts, ORK_OP_SUB, arg[0], inside, false) : NULL;
}

static ork_ts_value *choose(ork_ts *ts, ork_ts_value *condition, ork_ts_value *a, ork_ts_value *b)
{
    ork_value *inputs[3];
    if (!condition || !ork_ts_promote(ts, a, b, false, &inputs[1], &inputs[2]))
        return NULL;
    inputs[0] = ork_build_cast(ts->build, ork_ts_graph_value(ts, condition), ORK_BOOL);
    return ork_ts_tensor(ts, ork_build_add(ts->build, ORK_OP_WHERE, NULL, inputs, 3));
}

ORK_TS_HANDLER(hardshrink)
{
    ork_ts_value *size = ork_ts_op_unary(ts, arg, ORK_OP_ABS);
    size = size ? ork_ts_binary(ts, ORK_OP_GREATER, size, arg[1], false) : NULL;
    return choose(ts, size, arg[0], ork_ts_int(ts, 0));
}

/* (x, threshold, value): x > threshold ? x : value */
ORK_TS_HANDLER(threshold)
{
    ork_ts_value *above = ork_ts_binary(ts, ORK_OP_GREATER, arg[0], arg[1], false);
    return choose(ts, above, arg[0], arg[2]);
}

ORK_TS_HANDLER(where)
{
    return choose(ts, arg[0], arg[1], arg[2]);
}

/* The value may not change the tensor's type. */
ORK_TS_HANDLER(masked_fill)
{
    ork_value *x = ork_ts_graph_value(ts, arg[0]), *value = ork_ts_graph_value(ts, arg[2]);
    if (!x || !value)
        return NULL;
    ork_value *inputs[] = {ork_build_cast(ts->build, ork_ts_graph_value(ts, arg[1]), ORK_BOOL),
                           ork_build_cast(ts->build, value, x->type.dtype), x};
    return ork_ts_tensor(ts, ork_build_add(ts->build, ORK_OP_WHERE, NULL, inputs, 3));
}

/* One slope, or one per channel (axis 1). */
ORK_TS_HANDLER(prelu)
{
    ork_value *x = ork_ts_graph_value(ts, arg[0]), *slope = ork_ts_graph_value(ts, arg[1]);
    if (!x || !slope)
        return NULL;
    ork_shape shape = {.rank = x->type.shape.rank > 1 ? x->type.shape.rank - 1 : 1};
    for (int i = 0; i < shape.rank; i++)
        shape.dim[i] = i == 0 ? ork_shape_count(&slope->type.shape) : 1;
    slope = ork_build_reshape(ts->build, slope, &shape);
    return ork_ts_tensor(ts, ork_build_add2(ts->build, ORK_OP_PRELU, x, slope));
}

/* Layers that do nothing once training is over, nor ever when p is 0. (x, p, training) */
ORK_TS_HANDLER(dropout)
{
    if (arg[2]->boolean && ork_ts_as_double(arg[1]) != 0)
        ork_log(ts->diag, ORK_LOG_WARNING,
                "%s: dropout was traced in training mode and is left out; call model.eval() before "
                "tracing",
                ork_ts_place(ts));
    return arg[0];
}

/* Without training the slope is the middle of its range. */
ORK_TS_HANDLER(rrelu)
{
    ork_attrs attrs = {.leaky_relu.alpha =
                           (ork_ts_as_double(arg[1]) + ork_ts_as_double(arg[2])) / 2};
    return with_attrs(ts, arg[0], ORK_OP_LEAKY_RELU, &attrs);
}

/* One half of the channels times the sigmoid of the other. */
ORK_TS_HANDLER(glu)
{
    int axis;
    ork_value *x = ork_ts_graph_value(ts, arg[0]);
    if (!x || !ork_ts_arg_axis(ts, arg[1], x->type.shape.rank, &axis))
        return NULL;
    int64_t size = x->type.shape.rank > 0 ? x->type.shape.dim[axis] : 1;
    if (size % 2 != 0)
        return ork_build_bad_shape(ts->build, "halves of %lld channels", (long long)size);
    ork_value *gate = ork_build_slice(ts->build, x, axis, size / 2, size, 1);
    gate = gate ? ork_build_add1(ts->build, ORK_OP_SIGMOID, NULL, gate) : NULL;
    x = ork_build_slice(ts->build, x, axis, 0, size / 2, 1);
    return ork_ts_tensor(ts, ork_build_add2(ts->build, ORK_OP_MUL, x, gate));
}

/* (x, epsilon): log(x / (1 - x)), x kept away from 0 and 1 */
ORK_TS_HANDLER(logit)
{
    double epsilon = number_or(arg[1], 0);
    ork_ts_value *x = epsilon > 0 ? add_clip(ts, arg[0], epsilon, 1 - epsilon) : arg[0];
    ork_ts_value *rest = x ? ork_ts_binary(ts, ORK_OP_SUB, ork_ts_int(ts, 1), x, true) : NULL;
    x = rest ? ork_ts_binary(ts, ORK_OP_DIV, x, rest, true) : NULL;
    return x ? ork_ts_op_unary_float(ts, &x, ORK_OP_LOG) : NULL;
}

/* (x, for NaN, for infinity, for minus infinity) */
ORK_TS_HANDLER(nan_to_num)
{
    ork_ts_value *is_nan = ork_ts_binary(ts, ORK_OP_NOT_EQUAL, arg[0], arg[0], false);
    ork_ts_value *high = ork_ts_float(ts, number_or(arg[2], (double)FLT_MAX), false);
    ork_ts_value *low = ork_ts_float(ts, number_or(arg[3], -(double)FLT_MAX), false);
    ork_ts_value *infinity = ork_ts_float(ts, (double)INFINITY, false);
    ork_ts_value *above = ork_ts_binary(ts, ORK_OP_EQUAL, arg[0], infinity, false);
    infinity = ork_ts_float(ts, -(double)INFINITY, false);
    ork_ts_value *below = ork_ts_binary(ts, ORK_OP_EQUAL, arg[0], infinity, false);
    ork_ts_value *y = choose(ts, above, high, arg[0]);
    y = y ? choose(ts, below, low, y) : NULL;
    return y ? choose(ts, is_nan, ork_ts_float(ts, number_or(arg[1], 0), false), y) : NULL;
}

/* (x, decimals) */
ORK_TS_HANDLER(round_decimals)
{
    double factor = pow(10, ork_ts_as_double(arg[1]));
    ork_ts_value *x = scaled(ts, arg[0], factor);
    x = x ? ork_ts_op_unary_float(ts, &x, ORK_OP_ROUND) : NULL;
    return x ? ork_ts_binary(ts, ORK_OP_DIV, x, ork_ts_float(ts, factor, false), true) : NULL;
}
