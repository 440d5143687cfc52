/* SPDX-License-Identifier: Apache-2.0 */
/* Normalization and softmax. */
#include "torch.h"

#include <float.h>

/* False with an error; None gives NULL. */
static bool optional(ork_torch *torch, ork_torch_value *tensor, ork_value **value)
{
    *value = tensor->kind == ORK_TORCH_NONE ? NULL : ork_torch_graph_value(torch, tensor);
    return *value || tensor->kind == ORK_TORCH_NONE;
}

/* arg: weight, bias, mean, variance. */
static ork_torch_value *add_batch_norm(ork_torch *torch, ork_torch_value *input,
                                       ork_torch_value **arg, double eps)
{
    ork_value *x = ork_torch_graph_value(torch, input), *parameters[4];
    for (int i = 0; i < 4; i++)
        if (!optional(torch, arg[i], &parameters[i]))
            return NULL;
    return ork_torch_tensor(torch, ork_build_batch_norm(torch->build, x, parameters, eps));
}

/* Networks standardise their weights with it: then everything is known, and is computed. */
static ork_torch_value *standardised(ork_torch *torch, ork_torch_value **arg)
{
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    int rank = x ? x->type.shape.rank : 0;
    if (rank < 3 || x->kind != ORK_VALUE_CONSTANT)
        return x ? ork_torch_op_instance_norm(
                       torch,
                       (ork_torch_value *[]){arg[0], arg[1], arg[2], arg[3], arg[4],
                                             ork_torch_bool(torch, true), arg[6], arg[7], arg[8]},
                       0)
                 : NULL;
    ork_torch_value **axes = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, (size_t)rank);
    for (int i = 2; i < rank; i++)
        axes[i - 2] = ork_torch_int(torch, i);
    ork_torch_value *list = ork_torch_list(torch, ORK_TORCH_LIST, axes, (size_t)rank - 2);
    ork_torch_value *of[] = {arg[0], list, ork_torch_int(torch, 0), ork_torch_bool(torch, true)};
    ork_torch_value *both = ork_torch_op_variance_and_mean(torch, of, 0);
    ork_torch_value *y =
        both ? ork_torch_binary(torch, ORK_OP_SUB, arg[0], both->list.items[1], false) : NULL;
    ork_torch_value *spread =
        y ? ork_torch_binary(torch, ORK_OP_ADD, both->list.items[0], arg[7], false) : NULL;
    spread = spread ? ork_torch_op_unary_float(torch, &spread, ORK_OP_RSQRT) : NULL;
    y = spread ? ork_torch_binary(torch, ORK_OP_MUL, y, spread, false) : NULL;
    ork_value *scale, *shift, *value = y ? ork_torch_graph_value(torch, y) : NULL;
    if (!value || !optional(torch, arg[1], &scale) || !optional(torch, arg[2], &shift))
        return NULL;
    return ork_torch_tensor(torch, ork_build_scale_and_shift(torch->build, value, scale, shift));
}

/* (x, weight, bias, mean, variance, training, momentum, eps, ...) */
ORK_TORCH_HANDLER(batch_norm)
{
    bool training = arg[5]->boolean;
    ork_shape shape = ork_torch_shape(arg[0]);
    if (arg[3]->kind == ORK_TORCH_NONE && shape.rank > 2 && shape.dim[0] == 1)
        return standardised(torch, arg);
    if (training || arg[3]->kind == ORK_TORCH_NONE || arg[4]->kind == ORK_TORCH_NONE) {
        ork_build_unsupported(torch->build,
                              "batch normalization with statistics of the batch at hand");
        ork_why(torch->diag,
                "the model was saved in training mode, or the layer keeps no statistics");
        ork_fix(torch->diag, "call model.eval() before the model is traced or exported");
        return NULL;
    }
    return add_batch_norm(torch, arg[0], arg + 1, ork_torch_as_double(arg[7]));
}

static ork_torch_value *add_group_norm(ork_torch *torch, ork_torch_value *input, int64_t groups,
                                       ork_torch_value *weight, ork_torch_value *bias, double eps)
{
    ork_value *scale, *shift;
    if (!optional(torch, weight, &scale) || !optional(torch, bias, &shift))
        return NULL;
    ork_value *x = ork_torch_graph_value(torch, input);
    return ork_torch_tensor(torch,
                            ork_build_group_norm(torch->build, x, groups, scale, shift, eps));
}

ORK_TORCH_HANDLER(group_norm)
{
    return add_group_norm(torch, arg[0], ork_torch_as_int(arg[1]), arg[2], arg[3],
                          ork_torch_as_double(arg[4]));
}

/* (x, weight, bias, mean, variance, use_input_stats, momentum, eps, ...) */
ORK_TORCH_HANDLER(instance_norm)
{
    double eps = ork_torch_as_double(arg[7]);
    if (!arg[5]->boolean)
        return add_batch_norm(torch, arg[0], arg + 1, eps);
    ork_shape shape = ork_torch_shape(arg[0]);
    return add_group_norm(torch, arg[0], shape.rank > 1 ? shape.dim[1] : 1, arg[1], arg[2], eps);
}

/* (x, normalized_shape, weight, bias, eps, ...) */
ORK_TORCH_HANDLER(layer_norm)
{
    ork_shape normalized;
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    if (!x || !ork_torch_arg_shape(torch, arg[1], &normalized))
        return NULL;
    if (normalized.rank < 1 || normalized.rank > x->type.shape.rank)
        return ork_build_bad_shape(torch->build, "normalization over %d of %d axes",
                                   normalized.rank, x->type.shape.rank);
    ork_value *inputs[3] = {x};
    for (int i = 0; i < 2; i++)
        if (arg[2 + i]->kind != ORK_TORCH_NONE &&
            !(inputs[1 + i] = ork_torch_graph_value(torch, arg[2 + i])))
            return NULL;
    int count = inputs[2] ? 3 : inputs[1] ? 2 : 1;
    ork_attrs attrs = {.layer_norm.axes = normalized.rank,
                       .layer_norm.epsilon = ork_torch_as_double(arg[4])};
    return ork_torch_tensor(torch,
                            ork_build_add(torch->build, ORK_OP_LAYER_NORM, &attrs, inputs, count));
}

/* x / sqrt(mean(x^2) + epsilon) weight: Zhang and Sennrich 2019. (x, normalized_shape, weight,
   epsilon) */
ORK_TORCH_HANDLER(rms_norm)
{
    ork_shape normalized;
    ork_value *x = ork_torch_arg_float(torch, arg[0]);
    if (!x || !ork_torch_arg_shape(torch, arg[1], &normalized) ||
        normalized.rank > x->type.shape.rank)
        return NULL;
    double epsilon =
        arg[3]->kind == ORK_TORCH_NONE ? (double)FLT_EPSILON : ork_torch_as_double(arg[3]);
    ork_ints axes = {.count = normalized.rank};
    for (int i = 0; i < axes.count; i++)
        axes.v[i] = x->type.shape.rank - normalized.rank + i;
    ork_value *y = ork_build_add2(torch->build, ORK_OP_MUL, x, x);
    y = y ? ork_build_reduce(torch->build, ORK_OP_REDUCE_MEAN, y, &axes, true) : NULL;
    y = ork_build_add2(torch->build, ORK_OP_ADD, y,
                       ork_build_scalar(torch->build, ORK_F32, epsilon));
    y = y ? ork_build_add1(torch->build, ORK_OP_RSQRT, NULL, y) : NULL;
    ork_torch_value *result =
        ork_torch_tensor(torch, ork_build_add2(torch->build, ORK_OP_MUL, x, y));
    if (!result || arg[2]->kind == ORK_TORCH_NONE)
        return result;
    return ork_torch_binary(torch, ORK_OP_MUL, result, arg[2], false);
}

/* param is the operator. */
ORK_TORCH_HANDLER(softmax)
{
    int axis;
    ork_value *x = ork_torch_arg_float(torch, arg[0]);
    if (!x || !ork_torch_arg_axis(torch, arg[1], x->type.shape.rank, &axis))
        return NULL;
    ork_attrs attrs = {.softmax.axis = axis}; /* log_softmax keeps it at the same place */
    return ork_torch_tensor(torch, ork_build_add1(torch->build, (ork_op)param, &attrs, x));
}
