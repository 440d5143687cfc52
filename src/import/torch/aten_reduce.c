/* SPDX-License-Identifier: Apache-2.0 */
/* Sums, means, maxima over axes. */
#include "torch.h"

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

/* (x, axis, keep): values and positions; only the values can be used. */
ORK_TS_HANDLER(extreme_with_indices)
{
    ork_ts_value *values = ork_ts_op_extreme(ts, arg, param);
    if (!values)
        return NULL;
    ork_ts_value **items = ORK_NEW_ARRAY(ts->arena, ork_ts_value *, 2);
    items[0] = values;
    items[1] = ork_ts_text(ts, ORK_TS_UNAVAILABLE, "the positions of extremes");
    return ork_ts_list(ts, ORK_TS_TUPLE, items, 2);
}

/* mean((x - mean)^2) * n / (n - correction) */
static ork_ts_value *variance(ork_ts *ts, ork_ts_value *x, const ork_ts_value *axes,
                              double correction, bool keep)
{
    ork_value *value = ork_ts_arg_float(ts, x);
    ork_ts_value *mean = reduce(ts, ORK_OP_REDUCE_MEAN, value, axes, true);
    ork_ts_value *rest = mean ? ork_ts_binary(ts, ORK_OP_SUB, x, mean, true) : NULL;
    rest = rest ? ork_ts_binary(ts, ORK_OP_MUL, rest, rest, false) : NULL;
    value = rest ? ork_ts_graph_value(ts, rest) : NULL;
    ork_ts_value *result = reduce(ts, ORK_OP_REDUCE_MEAN, value, axes, keep);
    ork_shape all = ork_ts_shape(x);
    if (!result || correction == 0)
        return result;
    ork_shape left = ork_ts_shape(result);
    double outputs = (double)ork_shape_count(&left);
    double count = outputs > 0 ? (double)ork_shape_count(&all) / outputs : 1;
    return ork_ts_binary(ts, ORK_OP_MUL, result,
                         ork_ts_float(ts, count / (count - correction), false), false);
}

static ork_ts_value *maybe_root(ork_ts *ts, ork_ts_value *variance_of, int is_root)
{
    ork_value *value = variance_of ? ork_ts_arg_float(ts, variance_of) : NULL;
    if (!value || !is_root)
        return value ? variance_of : NULL;
    return ork_ts_tensor(ts, ork_build_add1(ts->build, ORK_OP_SQRT, NULL, value));
}

/* (x, unbiased); param: take the root. */
ORK_TS_HANDLER(variance_all)
{
    return maybe_root(ts, variance(ts, arg[0], ork_ts_new(ts, ORK_TS_NONE), arg[1]->boolean, false),
                      param);
}

/* (x, axes, correction, keep) */
ORK_TS_HANDLER(variance_corrected)
{
    double correction = arg[2]->kind == ORK_TS_NONE ? 1 : ork_ts_as_double(arg[2]);
    return maybe_root(ts, variance(ts, arg[0], arg[1], correction, arg[3]->boolean), param);
}

/* (x, axes, unbiased, keep) */
ORK_TS_HANDLER(variance)
{
    return maybe_root(ts, variance(ts, arg[0], arg[1], arg[2]->boolean, arg[3]->boolean), param);
}

static ork_ts_value *length_of(ork_ts *ts, ork_ts_value *x, const ork_ts_value *axes, bool keep)
{
    ork_ts_value *squares = ork_ts_binary(ts, ORK_OP_MUL, x, x, false);
    ork_value *value = squares ? ork_ts_graph_value(ts, squares) : NULL;
    return maybe_root(ts, reduce(ts, ORK_OP_REDUCE_SUM, value, axes, keep), 1);
}

/* (x, p, axes, keep): only lengths of vectors. */
ORK_TS_HANDLER(norm)
{
    if (arg[1]->kind != ORK_TS_NONE && ork_ts_as_double(arg[1]) != 2.0)
        return ork_build_unsupported(ts->build, "a norm of order %g", ork_ts_as_double(arg[1]));
    return length_of(ts, arg[0], arg[2], arg[3]->boolean);
}

/* (x, axes, keep) */
ORK_TS_HANDLER(frobenius_norm)
{
    return length_of(ts, arg[0], arg[1], arg[2]->boolean);
}

/* Element `at` of a running sum is the sum of elements up to it. (x, axis, dtype) */
ORK_TS_HANDLER(running_sum)
{
    int axis;
    ork_value *x = summable(ts, arg[0]);
    if (!x || !ork_ts_arg_axis(ts, arg[1], x->type.shape.rank, &axis))
        return NULL;
    if (x->kind != ORK_VALUE_CONSTANT || x->type.shape.rank == 0)
        return ork_build_unsupported(ts->build, "running sums while the network runs");
    const ork_shape *shape = &x->type.shape;
    void *data;
    ork_value *result = ork_build_constant(ts->build, x->type.dtype, shape, &data);
    int64_t inner = ork_shape_span(shape, axis + 1, shape->rank);
    int64_t count = result ? ork_shape_count(shape) : 0;
    for (int64_t i = 0; i < count; i++) {
        double sum = ork_element_get(x->type.dtype, x->data, i);
        if (i / inner % shape->dim[axis] > 0)
            sum += ork_element_get(x->type.dtype, data, i - inner);
        ork_element_set(x->type.dtype, data, i, sum);
    }
    return ork_ts_tensor(ts, result);
}
