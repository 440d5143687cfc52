/* SPDX-License-Identifier: Apache-2.0 */
/* Sums, means, maxima over axes. */
#include "torch.h"

#include <math.h>

static ork_torch_value *reduce(ork_torch *torch, ork_op op, ork_value *x,
                               const ork_torch_value *axes, bool keep)
{
    ork_ints list;
    if (!x || !ork_torch_arg_axes(torch, axes, x->type.shape.rank, &list))
        return NULL;
    return ork_torch_tensor(torch, ork_build_reduce(torch->build, op, x, &list, keep));
}

static ork_value *summable(ork_torch *torch, ork_torch_value *x)
{
    ork_value *value = ork_torch_graph_value(torch, x);
    bool is_float = value && ork_dtype_table[value->type.dtype].is_float;
    return value && !is_float ? ork_build_cast(torch->build, value, ORK_I64) : value;
}

/* (x, dtype) */
ORK_TORCH_HANDLER(sum_all)
{
    return reduce(torch, ORK_OP_REDUCE_SUM, summable(torch, arg[0]),
                  ork_torch_new(torch, ORK_TORCH_NONE), false);
}

/* (x, axes, keep, dtype) */
ORK_TORCH_HANDLER(sum)
{
    return reduce(torch, ORK_OP_REDUCE_SUM, summable(torch, arg[0]), arg[1], arg[2]->boolean);
}

ORK_TORCH_HANDLER(mean_all)
{
    return reduce(torch, ORK_OP_REDUCE_MEAN, ork_torch_arg_float(torch, arg[0]),
                  ork_torch_new(torch, ORK_TORCH_NONE), false);
}

ORK_TORCH_HANDLER(mean)
{
    return reduce(torch, ORK_OP_REDUCE_MEAN, ork_torch_arg_float(torch, arg[0]), arg[1],
                  arg[2]->boolean);
}

/* (x); param is the operator. */
ORK_TORCH_HANDLER(extreme_all)
{
    return reduce(torch, (ork_op)param, ork_torch_graph_value(torch, arg[0]),
                  ork_torch_new(torch, ORK_TORCH_NONE), false);
}

/* (x, axes, keep) */
ORK_TORCH_HANDLER(extreme)
{
    return reduce(torch, (ork_op)param, ork_torch_graph_value(torch, arg[0]), arg[1],
                  arg[2]->boolean);
}

/* mean((x - mean)^2) n / (n - correction), and the mean. */
static ork_torch_value *variance(ork_torch *torch, ork_torch_value *x, const ork_torch_value *axes,
                                 double correction, bool keep, ork_torch_value **mean)
{
    ork_value *value = ork_torch_arg_float(torch, x);
    ork_torch_value *centre = reduce(torch, ORK_OP_REDUCE_MEAN, value, axes, true);
    ork_torch_value *rest = centre ? ork_torch_binary(torch, ORK_OP_SUB, x, centre, true) : NULL;
    rest = rest ? ork_torch_binary(torch, ORK_OP_MUL, rest, rest, false) : NULL;
    ork_value *square = rest ? ork_torch_graph_value(torch, rest) : NULL;
    ork_torch_value *result = reduce(torch, ORK_OP_REDUCE_MEAN, square, axes, keep);
    ork_shape all = ork_torch_shape(x);
    if (mean)
        *mean = keep || !result ? centre : reduce(torch, ORK_OP_REDUCE_MEAN, value, axes, false);
    if (!result || correction == 0)
        return result;
    ork_shape left = ork_torch_shape(result);
    double outputs = (double)ork_shape_count(&left);
    double count = outputs > 0 ? (double)ork_shape_count(&all) / outputs : 1;
    return ork_torch_binary(torch, ORK_OP_MUL, result,
                            ork_torch_float(torch, count / fmax(count - correction, 0), false),
                            false);
}

static ork_torch_value *maybe_root(ork_torch *torch, ork_torch_value *variance_of, int is_root)
{
    ork_value *value = variance_of ? ork_torch_arg_float(torch, variance_of) : NULL;
    if (!value || !is_root)
        return value ? variance_of : NULL;
    return ork_torch_tensor(torch, ork_build_add1(torch->build, ORK_OP_SQRT, NULL, value));
}

static double correction_of(const ork_torch_value *correction)
{
    return correction->kind == ORK_TORCH_NONE ? 1 : ork_torch_as_double(correction);
}

/* (x, unbiased); param: take the root. */
ORK_TORCH_HANDLER(variance_all)
{
    ork_torch_value *none = ork_torch_new(torch, ORK_TORCH_NONE);
    return maybe_root(torch, variance(torch, arg[0], none, arg[1]->boolean, false, NULL), param);
}

/* (x, axes, unbiased, keep) */
ORK_TORCH_HANDLER(variance)
{
    return maybe_root(
        torch, variance(torch, arg[0], arg[1], arg[2]->boolean, arg[3]->boolean, NULL), param);
}

/* (x, axes, correction, keep) */
ORK_TORCH_HANDLER(variance_corrected)
{
    double correction = correction_of(arg[2]);
    return maybe_root(torch, variance(torch, arg[0], arg[1], correction, arg[3]->boolean, NULL),
                      param);
}

/* (x, axes, correction, keep): and the mean */
ORK_TORCH_HANDLER(variance_and_mean)
{
    ork_torch_value **both = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, 2);
    double correction = correction_of(arg[2]);
    ork_torch_value *spread =
        variance(torch, arg[0], arg[1], correction, arg[3]->boolean, &both[1]);
    both[0] = maybe_root(torch, spread, param);
    return both[0] && both[1] ? ork_torch_list(torch, ORK_TORCH_TUPLE, both, 2) : NULL;
}

/* (x, unbiased): and the mean */
ORK_TORCH_HANDLER(variance_and_mean_all)
{
    ork_torch_value *all[] = {arg[0], ork_torch_new(torch, ORK_TORCH_NONE),
                              ork_torch_int(torch, arg[1]->boolean), ork_torch_bool(torch, false)};
    return ork_torch_op_variance_and_mean(torch, all, param);
}

static ork_torch_value *length_of(ork_torch *torch, ork_torch_value *x, const ork_torch_value *axes,
                                  bool keep)
{
    ork_torch_value *squares = ork_torch_binary(torch, ORK_OP_MUL, x, x, false);
    ork_value *value = squares ? ork_torch_graph_value(torch, squares) : NULL;
    return maybe_root(torch, reduce(torch, ORK_OP_REDUCE_SUM, value, axes, keep), 1);
}

/* sum(|x|^p)^(1/p), with its limits at 0 and at infinity. (x, p, axes, keep) */
ORK_TORCH_HANDLER(norm)
{
    double p = arg[1]->kind == ORK_TORCH_NONE ? 2 : ork_torch_as_double(arg[1]);
    bool keep = arg[3]->boolean;
    if (p == 2)
        return length_of(torch, arg[0], arg[2], keep);
    ork_value *x = ork_torch_arg_float(torch, arg[0]);
    x = x ? ork_build_add1(torch->build, ORK_OP_ABS, NULL, x) : NULL;
    if (!x || isinf(p))
        return x ? reduce(torch, p > 0 ? ORK_OP_REDUCE_MAX : ORK_OP_REDUCE_MIN, x, arg[2], keep)
                 : NULL;
    ork_torch_value *size = ork_torch_tensor(torch, x), *power = ork_torch_float(torch, p, false);
    if (p == 0)
        size = ork_torch_binary(torch, ORK_OP_NOT_EQUAL, size, ork_torch_int(torch, 0), false);
    else if (p != 1)
        size = ork_torch_binary(torch, ORK_OP_POW, size, power, false);
    ork_torch_value *sum =
        size ? reduce(torch, ORK_OP_REDUCE_SUM, ork_torch_arg_float(torch, size), arg[2], keep)
             : NULL;
    if (!sum || p == 0 || p == 1)
        return sum;
    return ork_torch_binary(torch, ORK_OP_POW, sum, ork_torch_float(torch, 1 / p, false), false);
}

/* (x, p): of all elements */
ORK_TORCH_HANDLER(norm_all)
{
    ork_torch_value *all[] = {arg[0], arg[1], ork_torch_new(torch, ORK_TORCH_NONE),
                              ork_torch_bool(torch, false)};
    return ork_torch_op_norm(torch, all, 0);
}

/* (x, dtype) */
ORK_TORCH_HANDLER(product_all)
{
    return reduce(torch, ORK_OP_REDUCE_PROD, summable(torch, arg[0]),
                  ork_torch_new(torch, ORK_TORCH_NONE), false);
}

/* (x, axis, keep, dtype) */
ORK_TORCH_HANDLER(product)
{
    return reduce(torch, ORK_OP_REDUCE_PROD, summable(torch, arg[0]), arg[1], arg[2]->boolean);
}

/* log(sum(exp(x))), the greatest taken out so that nothing overflows. (x, axes, keep) */
ORK_TORCH_HANDLER(log_sum_exp)
{
    ork_value *x = ork_torch_arg_float(torch, arg[0]);
    ork_torch_value *most = reduce(torch, ORK_OP_REDUCE_MAX, x, arg[1], true);
    ork_torch_value *rest = most ? ork_torch_binary(torch, ORK_OP_SUB, arg[0], most, true) : NULL;
    x = rest ? ork_torch_graph_value(torch, rest) : NULL;
    x = x ? ork_build_add1(torch->build, ORK_OP_EXP, NULL, x) : NULL;
    ork_torch_value *sum = reduce(torch, ORK_OP_REDUCE_SUM, x, arg[1], arg[2]->boolean);
    x = sum ? ork_torch_graph_value(torch, sum) : NULL;
    x = x ? ork_build_add1(torch->build, ORK_OP_LOG, NULL, x) : NULL;
    ork_shape shape = x ? x->type.shape : (ork_shape){0};
    ork_value *offset =
        x ? ork_build_reshape(torch->build, ork_torch_graph_value(torch, most), &shape) : NULL;
    return offset ? ork_torch_tensor(torch, ork_build_add2(torch->build, ORK_OP_ADD, x, offset))
                  : NULL;
}

/* (x, axes): how many are not 0 */
ORK_TORCH_HANDLER(count_nonzero)
{
    ork_torch_value *is =
        ork_torch_binary(torch, ORK_OP_NOT_EQUAL, arg[0], ork_torch_int(torch, 0), false);
    return is ? reduce(torch, ORK_OP_REDUCE_SUM, summable(torch, is), arg[1], false) : NULL;
}

/* (x, axes, keep) */
ORK_TORCH_HANDLER(frobenius_norm)
{
    return length_of(torch, arg[0], arg[1], arg[2]->boolean);
}
