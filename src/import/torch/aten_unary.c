/* SPDX-License-Identifier: Apache-2.0 */
/* Activations and other functions of one element. */
#include "torch.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* param is the operator; integers become floats. */
ORK_TORCH_HANDLER(unary_float)
{
    ork_value *x = ork_torch_arg_float(torch, arg[0]);
    return x ? ork_torch_tensor(torch, ork_build_add1(torch->build, (ork_op)param, NULL, x)) : NULL;
}

/* param is the operator; the type stays. */
ORK_TORCH_HANDLER(unary)
{
    if (arg[0]->kind == ORK_TORCH_INT &&
        (param == ORK_OP_FLOOR || param == ORK_OP_CEIL || param == ORK_OP_ROUND))
        return arg[0];
    if (arg[0]->kind == ORK_TORCH_FLOAT && (param == ORK_OP_FLOOR || param == ORK_OP_CEIL) &&
        fabs(arg[0]->number) < 9e15) /* math.ceil */
        return ork_torch_int(
            torch, (int64_t)(param == ORK_OP_CEIL ? ceil(arg[0]->number) : floor(arg[0]->number)));
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    return x ? ork_torch_tensor(torch, ork_build_add1(torch->build, (ork_op)param, NULL, x)) : NULL;
}

ORK_TORCH_HANDLER(logical_not)
{
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    x = x ? ork_build_add1(torch->build, ORK_OP_LOGICAL_NOT, NULL, x) : NULL;
    return ork_torch_tensor(torch, ork_build_cast(torch->build, x, ORK_BOOL));
}

static ork_torch_value *with_attrs(ork_torch *torch, ork_torch_value *x, ork_op op,
                                   const ork_attrs *attrs)
{
    ork_value *value = ork_torch_arg_float(torch, x);
    return value ? ork_torch_tensor(torch, ork_build_add1(torch->build, op, attrs, value)) : NULL;
}

static ork_torch_value *add_clip(ork_torch *torch, ork_torch_value *x, double low, double high)
{
    ork_attrs attrs = {.clip.low = low, .clip.high = high};
    if (ork_torch_is_number(x))
        return ork_torch_float(torch, fmin(fmax(ork_torch_as_double(x), low), high), x->is_single);
    ork_value *value = ork_torch_graph_value(torch, x);
    return value ? ork_torch_tensor(torch, ork_build_add1(torch->build, ORK_OP_CLIP, &attrs, value))
                 : NULL;
}

static double number_or(const ork_torch_value *value, double standard)
{
    return value->kind == ORK_TORCH_NONE ? standard : ork_torch_as_double(value);
}

/* (x, low, high); None is no limit. */
ORK_TORCH_HANDLER(clip)
{
    double low = number_or(arg[1], -FLT_MAX), high = number_or(arg[2], FLT_MAX);
    if (low == 0 && high == FLT_MAX)
        return ork_torch_op_unary(torch, arg, ORK_OP_RELU);
    return add_clip(torch, arg[0], low, high);
}

/* (x, low, high): each a tensor, or None */
ORK_TORCH_HANDLER(clip_by_tensors)
{
    ork_torch_value *x = arg[0];
    if (arg[1]->kind != ORK_TORCH_NONE)
        x = ork_torch_binary(torch, ORK_OP_MAXIMUM, x, arg[1], false);
    if (x && arg[2]->kind != ORK_TORCH_NONE)
        x = ork_torch_binary(torch, ORK_OP_MINIMUM, x, arg[2], false);
    return x;
}

ORK_TORCH_HANDLER(clip_low)
{
    return add_clip(torch, arg[0], ork_torch_as_double(arg[1]), FLT_MAX);
}

ORK_TORCH_HANDLER(clip_high)
{
    return add_clip(torch, arg[0], -FLT_MAX, ork_torch_as_double(arg[1]));
}

ORK_TORCH_HANDLER(relu6)
{
    return add_clip(torch, arg[0], 0, 6);
}

ORK_TORCH_HANDLER(leaky_relu)
{
    ork_attrs attrs = {.leaky_relu.alpha = ork_torch_as_double(arg[1])};
    return with_attrs(torch, arg[0], ORK_OP_LEAKY_RELU, &attrs);
}

ORK_TORCH_HANDLER(gelu)
{
    ork_attrs attrs = {.gelu.approximate = strcmp(arg[1]->text, "tanh") == 0};
    return with_attrs(torch, arg[0], ORK_OP_GELU, &attrs);
}

ORK_TORCH_HANDLER(softplus)
{
    ork_attrs attrs = {.softplus.beta = ork_torch_as_double(arg[1]),
                       .softplus.threshold = ork_torch_as_double(arg[2])};
    return with_attrs(torch, arg[0], ORK_OP_SOFTPLUS, &attrs);
}

static ork_torch_value *scaled(ork_torch *torch, ork_torch_value *x, double factor)
{
    if (!x || factor == 1.0)
        return x;
    return ork_torch_binary(torch, ORK_OP_MUL, x, ork_torch_float(torch, factor, false), false);
}

/* scale * (x > 0 ? x : alpha * (exp(x * input_scale) - 1)) */
ORK_TORCH_HANDLER(elu)
{
    if (ork_torch_as_double(arg[3]) != 1.0)
        return ork_build_unsupported(torch->build, "an input scale");
    ork_attrs attrs = {.elu.alpha = ork_torch_as_double(arg[1])};
    return scaled(torch, with_attrs(torch, arg[0], ORK_OP_ELU, &attrs),
                  ork_torch_as_double(arg[2]));
}

/* Klambauer et al. 2017: constants that keep mean 0 and variance 1. */
ORK_TORCH_HANDLER(selu)
{
    ork_attrs attrs = {.elu.alpha = 1.6732632423543772848170429916717};
    return scaled(torch, with_attrs(torch, arg[0], ORK_OP_ELU, &attrs),
                  1.0507009873554804934193349852946);
}

/* alpha * elu(x / alpha) */
ORK_TORCH_HANDLER(celu)
{
    double alpha = ork_torch_as_double(arg[1]);
    ork_attrs attrs = {.elu.alpha = 1.0};
    ork_torch_value *x = scaled(torch, arg[0], 1.0 / alpha);
    return x ? scaled(torch, with_attrs(torch, x, ORK_OP_ELU, &attrs), alpha) : NULL;
}

ORK_TORCH_HANDLER(log_sigmoid)
{
    ork_attrs attrs = {.softplus.beta = 1, .softplus.threshold = 20};
    ork_torch_value *x = scaled(torch, arg[0], -1);
    return x ? scaled(torch, with_attrs(torch, x, ORK_OP_SOFTPLUS, &attrs), -1) : NULL;
}

/* What sticks out of [-lambda, lambda]. */
ORK_TORCH_HANDLER(softshrink)
{
    double lambda = ork_torch_as_double(arg[1]);
    ork_torch_value *inside = add_clip(torch, arg[0], -lambda, lambda);
    return inside ? ork_torch_binary(torch, ORK_OP_SUB, arg[0], inside, false) : NULL;
}

static ork_torch_value *choose(ork_torch *torch, ork_torch_value *condition, ork_torch_value *a,
                               ork_torch_value *b)
{
    ork_value *inputs[3];
    if (!condition || !ork_torch_promote(torch, a, b, false, &inputs[1], &inputs[2]))
        return NULL;
    inputs[0] = ork_build_cast(torch->build, ork_torch_graph_value(torch, condition), ORK_BOOL);
    return ork_torch_tensor(torch, ork_build_add(torch->build, ORK_OP_WHERE, NULL, inputs, 3));
}

ORK_TORCH_HANDLER(hardshrink)
{
    ork_torch_value *size = ork_torch_op_unary(torch, arg, ORK_OP_ABS);
    size = size ? ork_torch_binary(torch, ORK_OP_GREATER, size, arg[1], false) : NULL;
    return choose(torch, size, arg[0], ork_torch_int(torch, 0));
}

/* (x, threshold, value): x > threshold ? x : value */
ORK_TORCH_HANDLER(threshold)
{
    ork_torch_value *above = ork_torch_binary(torch, ORK_OP_GREATER, arg[0], arg[1], false);
    return choose(torch, above, arg[0], arg[2]);
}

ORK_TORCH_HANDLER(where)
{
    return choose(torch, arg[0], arg[1], arg[2]);
}

/* The value may not change the tensor's type. */
ORK_TORCH_HANDLER(masked_fill)
{
    ork_value *x = ork_torch_graph_value(torch, arg[0]),
              *value = ork_torch_graph_value(torch, arg[2]);
    if (!x || !value)
        return NULL;
    ork_value *inputs[] = {
        ork_build_cast(torch->build, ork_torch_graph_value(torch, arg[1]), ORK_BOOL),
        ork_build_cast(torch->build, value, x->type.dtype), x};
    return ork_torch_tensor(torch, ork_build_add(torch->build, ORK_OP_WHERE, NULL, inputs, 3));
}

/* One slope, or one per channel (axis 1). */
ORK_TORCH_HANDLER(prelu)
{
    ork_value *x = ork_torch_graph_value(torch, arg[0]),
              *slope = ork_torch_graph_value(torch, arg[1]);
    if (!x || !slope)
        return NULL;
    ork_shape shape = {.rank = x->type.shape.rank > 1 ? x->type.shape.rank - 1 : 1};
    for (int i = 0; i < shape.rank; i++)
        shape.dim[i] = i == 0 ? ork_shape_count(&slope->type.shape) : 1;
    slope = ork_build_reshape(torch->build, slope, &shape);
    return ork_torch_tensor(torch, ork_build_add2(torch->build, ORK_OP_PRELU, x, slope));
}

/* Layers that do nothing once training is over, nor ever when p is 0. (x, p, training) */
ORK_TORCH_HANDLER(dropout)
{
    if (arg[2]->boolean && ork_torch_as_double(arg[1]) != 0)
        ork_log(torch->diag, ORK_LOG_WARNING,
                "%s: dropout was traced in training mode and is left out; call model.eval() before "
                "tracing",
                ork_torch_place(torch));
    return arg[0];
}

/* Without training the slope is the middle of its range. */
ORK_TORCH_HANDLER(rrelu)
{
    ork_attrs attrs = {.leaky_relu.alpha =
                           (ork_torch_as_double(arg[1]) + ork_torch_as_double(arg[2])) / 2};
    return with_attrs(torch, arg[0], ORK_OP_LEAKY_RELU, &attrs);
}

/* One half of the channels times the sigmoid of the other. */
ORK_TORCH_HANDLER(glu)
{
    int axis;
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    if (!x || !ork_torch_arg_axis(torch, arg[1], x->type.shape.rank, &axis))
        return NULL;
    int64_t size = x->type.shape.rank > 0 ? x->type.shape.dim[axis] : 1;
    if (size % 2 != 0)
        return ork_build_bad_shape(torch->build, "halves of %lld channels", (long long)size);
    ork_value *gate = ork_build_slice(torch->build, x, axis, size / 2, size, 1);
    gate = gate ? ork_build_add1(torch->build, ORK_OP_SIGMOID, NULL, gate) : NULL;
    x = ork_build_slice(torch->build, x, axis, 0, size / 2, 1);
    return ork_torch_tensor(torch, ork_build_add2(torch->build, ORK_OP_MUL, x, gate));
}

/* (x, epsilon): log(x / (1 - x)), x kept away from 0 and 1 */
ORK_TORCH_HANDLER(logit)
{
    double epsilon = number_or(arg[1], 0);
    ork_torch_value *x = epsilon > 0 ? add_clip(torch, arg[0], epsilon, 1 - epsilon) : arg[0];
    ork_torch_value *rest =
        x ? ork_torch_binary(torch, ORK_OP_SUB, ork_torch_int(torch, 1), x, true) : NULL;
    x = rest ? ork_torch_binary(torch, ORK_OP_DIV, x, rest, true) : NULL;
    return x ? ork_torch_op_unary_float(torch, &x, ORK_OP_LOG) : NULL;
}

/* (x, for NaN, for infinity, for minus infinity) */
ORK_TORCH_HANDLER(nan_to_num)
{
    ork_torch_value *is_nan = ork_torch_binary(torch, ORK_OP_NOT_EQUAL, arg[0], arg[0], false);
    ork_torch_value *high = ork_torch_float(torch, number_or(arg[2], (double)FLT_MAX), false);
    ork_torch_value *low = ork_torch_float(torch, number_or(arg[3], -(double)FLT_MAX), false);
    ork_torch_value *infinity = ork_torch_float(torch, (double)INFINITY, false);
    ork_torch_value *above = ork_torch_binary(torch, ORK_OP_EQUAL, arg[0], infinity, false);
    infinity = ork_torch_float(torch, -(double)INFINITY, false);
    ork_torch_value *below = ork_torch_binary(torch, ORK_OP_EQUAL, arg[0], infinity, false);
    ork_torch_value *y = choose(torch, above, high, arg[0]);
    y = y ? choose(torch, below, low, y) : NULL;
    return y ? choose(torch, is_nan, ork_torch_float(torch, number_or(arg[1], 0), false), y) : NULL;
}

/* (x, decimals) */
ORK_TORCH_HANDLER(round_decimals)
{
    double factor = pow(10, ork_torch_as_double(arg[1]));
    ork_torch_value *x = scaled(torch, arg[0], factor);
    x = x ? ork_torch_op_unary_float(torch, &x, ORK_OP_ROUND) : NULL;
    return x ? ork_torch_binary(torch, ORK_OP_DIV, x, ork_torch_float(torch, factor, false), true)
             : NULL;
}
