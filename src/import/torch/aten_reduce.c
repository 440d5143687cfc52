/* SPDX-License-Identifier: Apache-2.0 */
/* Sums, means, maxima over axes. */
#include "torch.h"

#include <math.h>

static ork_ts_value *reduce(ork_ts *ts, ork_op op, ork_value *x, const ork_ts_value *axes,
                            bool keep)
{
    ork_ints list;
    if (!x || !ork_ts_arg_axes(ts, axes, x->type.shape.rank, &list))
        return NULL;
    return ork_ts_tensor(ts, ork_build_reduce(ts->build, op, x, &list, keep));
}

static ork_value *summable(ork_ts *ts, ork_ts_value *x)
{
    ork_value *value = ork_ts_graph_value(ts, x);
    bool is_float = value && ork_dtype_table[value->type.dtype].is_float;
    return value && !is_float ? ork_build_cast(ts->build, value, ORK_I64) : value;
}

/* (x, dtype) */
ORK_TS_HANDLER(sum_all)
{
    return reduce(ts, ORK_OP_REDUCE_SUM, summable(ts, arg[0]), ork_ts_new(ts, ORK_TS_NONE), false);
}

/* (x, axes, keep, dtype) */
ORK_TS_HANDLER(sum)
{
    return reduce(ts, ORK_OP_REDUCE_SUM, summable(ts, arg[0]), arg[1], arg[2]->boolean);
}

ORK_TS_HANDLER(mean_all)
{
    return reduce(ts, ORK_OP_REDUCE_MEAN, ork_ts_arg_float(ts, arg[0]), ork_ts_new(ts, ORK_TS_NONE),
                  false);
}

ORK_TS_HANDLER(mean)
{
    return reduce(ts, ORK_OP_REDUCE_MEAN, ork_ts_arg_float(ts, arg[0]), arg[1], arg[2]->boolean);
}

/* (x); param is the operator. */
ORK_TS_HANDLER(extreme_all)
{
    return reduce(ts, (ork_op)param, ork_ts_graph_value(ts, arg[0]), ork_ts_new(ts, ORK_TS_NONE),
                  false);
}

/* (x, axes, keep) */
ORK_TS_HANDLER(extreme)
{
    return reduce(ts, (ork_op)param, ork_ts_graph_value(ts, arg[0]), arg[1], arg[2]->boolean);
}

/* mean((x - mean)^2) n / (n - correction), and the mean. */
static ork_ts_value *variance(ork_ts *ts, ork_ts_value *x, const ork_ts_value *axes,
                              double correction, bool keep, ork_ts_value **mean)
{
    ork_value *value = ork_ts_arg_float(ts, x);
    ork_ts_value *centre = reduce(ts, ORK_OP_REDUCE_MEAN, value, axes, true);
    ork_ts_value *rest = centre ? ork_ts_binary(ts, ORK_OP_SUB, x, centre, true) : NULL;
    rest = rest ? ork_ts_binary(ts, ORK_OP_MUL, rest, rest, false) : NULL;
    ork_value *square = rest ? ork_ts_graph_value(ts, rest) : NULL;
    ork_ts_value *result = reduce(ts, ORK_OP_REDUCE_MEAN, square, axes, keep);
    ork_shape all = ork_ts_shape(x);
    if (mean)
        *mean = keep || !result ? centre : reduce(ts, ORK_OP_REDUCE_MEAN, value, axes, false);
    if (!result || correction == 0)
        return result;
    ork_shape left = ork_ts_shape(result);
    double outputs = (double)ork_shape_count(&left);
    double count = outputs > 0 ? (double)ork_shape_count(&all) / outputs : 1;
    return ork_ts_binary(ts, ORK_OP_MUL, result,
                         ork_ts_float(ts, count / fmax(count - correction, 0), false), false);
}

static ork_ts_value *maybe_root(ork_ts *ts, ork_ts_value *variance_of, int is_root)
{
    ork_value *value = variance_of ? ork_ts_arg_float(ts, variance_of) : NULL;
    if (!value || !is_root)
        return value ? variance_of : NULL;
    return ork_ts_tensor(ts, ork_build_add1(ts->build, ORK_OP_SQRT, NULL, value));
}

static double correction_of(const ork_ts_value *correction)
{
    return correction->kind == ORK_TS_NONE ? 1 : ork_ts_as_double(correction);
}

/* (x, unbiased); param: take the root. */
ORK_TS_HANDLER(variance_all)
{
    ork_ts_value *none = ork_ts_new(ts, ORK_TS_NONE);
    return maybe_root(ts, variance(ts, arg[0], none, arg[1]->boolean, false, NULL), param);
}

/* (x, axes, unbiased, keep) */
ORK_TS_HANDLER(variance)
{
    return maybe_root(ts, variance(ts, arg[0], arg[1], arg[2]->boolean, arg[3]->boolean, NULL),
                      param);
}

/* (x, axes, correction, keep) */
ORK_TS_HANDLER(variance_corrected)
{
    double correction = correction_of(arg[2]);
    return maybe_root(ts, variance(ts, arg[0], arg[1], correction, arg[3]->boolean, NULL), param);
}

/* (x, axes, correction, keep): and the mean */
ORK_TS_HANDLER(variance_and_mean)
{
    ork_ts_value **both = ORK_NEW_ARRAY(ts->arena, ork_ts_value *, 2);
    double correction = correction_of(arg[2]);
    ork_ts_value *spread = variance(ts, arg[0], arg[1], correction, arg[3]->boolean, &both[1]);
    both[0] = maybe_root(ts, spread, param);
    return both[0] && both[1] ? ork_ts_list(ts, ORK_TS_TUPLE, both, 2) : NULL;
}

/* (x, unbiased): and the mean */
ORK_TS_HANDLER(variance_and_mean_all)
{
    ork_ts_value *all[] = {arg[0], ork_ts_new(ts, ORK_TS_NONE), ork_ts_int(ts, arg[1]->boolean),
                           ork_ts_bool(ts, false)};
    return ork_ts_op_variance_and_mean(ts, all, param);
}

static ork_ts_value *length_of(ork_ts *ts, ork_ts_value *x, const ork_ts_value *axes, bool keep)
{
    ork_ts_value *squares = ork_ts_binary(ts, ORK_OP_MUL, x, x, false);
    ork_value *value = squares ? ork_ts_graph_value(ts, squares) : NULL;
    return maybe_root(ts, reduce(ts, ORK_OP_REDUCE_SUM, value, axes, keep), 1);
}

/* sum(|x|^p)^(1/p), with its limits at 0 and at infinity. (x, p, axes, keep) */
ORK_TS_HANDLER(norm)
{
    double p = arg[1]->kind == ORK_TS_NONE ? 2 : ork_ts_as_double(arg[1]);
    bool keep = arg[3]->boolean;
    if (p == 2)
        return length_of(ts, arg[0], arg[2], keep);
    ork_value *x = ork_ts_arg_float(ts, arg[0]);
    x = x ? ork_build_add1(ts->build, ORK_OP_ABS, NULL, x) : NULL;
    if (!x || isinf(p))
        return x ? reduce(ts, p > 0 ? ORK_OP_REDUCE_MAX : ORK_OP_REDUCE_MIN, x, arg[2], keep)
                 : NULL;
    ork_ts_value *size = ork_ts_tensor(ts, x), *power = ork_ts_float(ts, p, false);
    if (p == 0)
        size = ork_ts_binary(ts, ORK_OP_NOT_EQUAL, size, ork_ts_int(ts, 0), false);
    else if (p != 1)
        size = ork_ts_binary(ts, ORK_OP_POW, size, power, false);
    ork_ts_value *sum =
        size ? reduce(ts, ORK_OP_REDUCE_SUM, ork_ts_arg_float(ts, size), arg[2], keep) : NULL;
    if (!sum || p == 0 || p == 1)
        return sum;
    return ork_ts_binary(ts, ORK_OP_POW, sum, ork_ts_float(ts, 1 / p, false), false);
}

/* (x, p): of all elements */
ORK_TS_HANDLER(norm_all)
{
    ork_ts_value *all[] = {arg[0], arg[1], ork_ts_new(ts, ORK_TS_NONE), ork_ts_bool(ts, false)};
    return ork_ts_op_norm(ts, all, 0);
}

/* (x, dtype) */
ORK_TS_HANDLER(product_all)
{
    return reduce(ts, ORK_OP_REDUCE_PROD, summable(ts, arg[0]), ork_ts_new(ts, ORK_TS_NONE), false);
}

/* (x, axis, keep, dtype) */
ORK_TS_HANDLER(product)
{
    return reduce(ts, ORK_OP_REDUCE_PROD, summable(ts, arg[0]), arg[1], arg[2]->boolean);
}

/* log(sum(exp(x))), the greatest taken out so that nothing overflows. (x, axes, keep) */
ORK_TS_HANDLER(log_sum_exp)
{
    ork_value *x = ork_ts_arg_float(ts, arg[0]);
    ork_ts_value *most = reduce(ts, ORK_OP_REDUCE_MAX, x, arg[1], true);
    ork_ts_value *rest = most ? ork_ts_binary(ts, ORK_OP_SUB, arg[0], most, true) : NULL;
    x = rest ? ork_ts_graph_value(ts, rest) : NULL;
    x = x ? ork_build_add1(ts->build, ORK_OP_EXP, NULL, x) : NULL;
    ork_ts_value *sum = reduce(ts, ORK_OP_REDUCE_SUM, x, arg[1], arg[2]->boolean);
    x = sum ? ork_ts_graph_value(ts, sum) : NULL;
    x = x ? ork_build_add1(ts->build, ORK_OP_LOG, NULL, x) : NULL;
    ork_shape shape = x ? x->type.shape : (ork_shape){0};
    ork_value *offset =
        x ? ork_build_reshape(ts->build, ork_ts_graph_value(ts, most), &shape) : NULL;
    return offset ? ork_ts_tensor(ts, ork_build_add2(ts->build, ORK_OP_ADD, x, offset)) : NULL;
}

/* (x, axes): how many are not 0 */
ORK_TS_HANDLER(count_nonzero)
{
    ork_ts_value *is = ork_ts_binary(ts, ORK_OP_NOT_EQUAL, arg[0], ork_ts_int(ts, 0), false);
    return is ? reduce(ts, ORK_OP_REDUCE_SUM, summable(ts, is), arg[1], false) : NULL;
}

/* (x, axes, keep) */
ORK_TS_HANDLER(frobenius_norm)
{
    return length_of(ts, arg[0], arg[1], arg[2]->boolean);
}
