/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that stand in exported graphs only: what run_decompositions() makes of layers ("core
   ATen"), writes into parts of tensors made visible, and checks of sizes. */
#include "torch.h"

#include <string.h>

/* ---- layers ---------------------------------------------------------------------------- */

/* (x, weight, bias, mean, variance, momentum, eps) */
ORK_TS_HANDLER(batch_norm_inference)
{
    ork_ts_value *all[9];
    memcpy(all, arg, 5 * sizeof(*all));
    all[5] = ork_ts_bool(ts, false);
    all[6] = arg[5];
    all[7] = arg[6];
    all[8] = ork_ts_bool(ts, false);
    return ork_ts_op_batch_norm(ts, all, 0);
}

/* Statistics of the batch at hand; what instance normalization becomes, with its channels in a
   batch of one. (x, weight, bias, training, momentum, eps) */
ORK_TS_HANDLER(batch_norm_alone)
{
    ork_shape shape = ork_ts_shape(arg[0]);
    ork_ts_value *none = ork_ts_new(ts, ORK_TS_NONE);
    ork_ts_value *all[9] = {arg[0], arg[1], arg[2], none, none, arg[3], arg[4], arg[5], none};
    bool is_instance = shape.rank > 1 && shape.dim[0] == 1;
    return is_instance ? ork_ts_op_instance_norm(ts, all, 0) : ork_ts_op_batch_norm(ts, all, 0);
}

/* (x, weight, bias, N, C, HxW, groups, eps) */
ORK_TS_HANDLER(native_group_norm)
{
    ork_ts_value *all[] = {arg[0], arg[6], arg[1], arg[2], arg[7]};
    return ork_ts_op_group_norm(ts, all, 0);
}

/* (x, p, training) */
ORK_TS_HANDLER(native_dropout)
{
    if (arg[2]->kind == ORK_TS_NONE || !arg[2]->boolean)
        return arg[0];
    return ork_ts_op_dropout(ts, arg, 0);
}

/* (query, key, value, dropout, is_causal, mask, scale) */
ORK_TS_HANDLER(flash_attention)
{
    ork_ts_value *all[] = {arg[0], arg[1], arg[2], arg[5],
                           arg[3], arg[4], arg[6], ork_ts_bool(ts, false)};
    return ork_ts_op_attention(ts, all, 0);
}

/* (x, noise, lower, upper, training) */
ORK_TS_HANDLER(rrelu_with_noise)
{
    ork_ts_value *all[] = {arg[0], arg[2], arg[3], arg[4]};
    return ork_ts_op_rrelu(ts, all, 0);
}

/* The slope has the axes of x already. */
ORK_TS_HANDLER(prelu_kernel)
{
    ork_value *x = ork_ts_graph_value(ts, arg[0]), *slope = ork_ts_graph_value(ts, arg[1]);
    bool fits = x && slope && slope->type.shape.rank == x->type.shape.rank;
    if (!fits)
        return x && slope ? ork_build_bad_shape(ts->build, "a slope of other axes") : NULL;
    ork_shape channels = {.rank = x->type.shape.rank - 1};
    for (int i = 0; i < channels.rank; i++)
        channels.dim[i] = slope->type.shape.dim[i + 1];
    if (x->type.shape.rank > 1 && slope->type.shape.dim[0] == 1)
        slope = ork_build_reshape(ts->build, slope, &channels);
    return ork_ts_tensor(ts, slope ? ork_build_add2(ts->build, ORK_OP_PRELU, x, slope) : NULL);
}

/* Is any element true; param is the operator that says so of 0 and 1. (x, axes, keep) */
ORK_TS_HANDLER(truth)
{
    ork_ts_value *truth = ork_ts_binary(ts, ORK_OP_NOT_EQUAL, arg[0], ork_ts_int(ts, 0), false);
    ork_value *x = truth ? ork_ts_arg_float(ts, truth) : NULL;
    ork_ints axes;
    if (!x || !ork_ts_arg_axes(ts, arg[1], x->type.shape.rank, &axes))
        return NULL;
    x = ork_build_reduce(ts->build, (ork_op)param, x, &axes, arg[2]->boolean);
    return ork_ts_tensor(ts, ork_build_cast(ts->build, x, ORK_BOOL));
}

ORK_TS_HANDLER(truth_of_all)
{
    ork_ts_value *all[] = {arg[0], ork_ts_new(ts, ORK_TS_NONE), ork_ts_bool(ts, false)};
    return ork_ts_op_truth(ts, all, param);
}

/* ---- parts of tensors ------------------------------------------------------------------ */

static ork_ts_value *written(ork_ts *ts, ork_ts_value *whole, ork_ts_value *part,
                             ork_ts_value *contents)
{
    return part && ork_ts_write(ts, part, contents) ? whole : NULL;
}

/* A copy of x with a part replaced. (x, contents, axis, begin, end, step) */
ORK_TS_HANDLER(slice_scatter)
{
    ork_ts_value *whole = ork_ts_op_copy(ts, arg, 0);
    ork_ts_value *all[] = {whole, arg[2], arg[3], arg[4], arg[5]};
    return whole ? written(ts, whole, ork_ts_op_slice(ts, all, 0), arg[1]) : NULL;
}

/* (x, contents, axis, index) */
ORK_TS_HANDLER(select_scatter)
{
    ork_ts_value *whole = ork_ts_op_copy(ts, arg, 0);
    ork_ts_value *all[] = {whole, arg[2], arg[3]};
    return whole ? written(ts, whole, ork_ts_op_select(ts, all, 0), arg[1]) : NULL;
}

/* Only where it is another shape of the same elements. (x, size, stride, offset) */
ORK_TS_HANDLER(as_strided)
{
    ork_shape shape, old = ork_ts_shape(arg[0]);
    ork_ints stride;
    if (!ork_ts_arg_shape(ts, arg[1], &shape) || !ork_ts_arg_ints(ts, arg[2], &stride))
        return NULL;
    bool same = ork_shape_count(&shape) == ork_shape_count(&old) && stride.count == shape.rank &&
                ork_ts_is_contiguous(arg[0]) &&
                (arg[3]->kind == ORK_TS_NONE || ork_ts_as_int(arg[3]) == 0);
    int64_t expected = 1;
    for (int i = shape.rank - 1; same && i >= 0; i--) {
        same = shape.dim[i] == 1 || stride.v[i] == expected;
        expected *= shape.dim[i];
    }
    if (!same)
        return ork_build_unsupported(ts->build, "elements from any places in memory");
    return ork_ts_reshape(ts, arg[0], &shape);
}

/* ---- checks ---------------------------------------------------------------------------- */

ORK_TS_HANDLER(nothing)
{
    return ork_ts_new(ts, ORK_TS_NONE);
}

/* What must hold of the sizes for the graph to mean what the code meant. (condition, message) */
ORK_TS_HANDLER(assert_holds)
{
    if (!ork_ts_is_number(arg[0]) || ork_ts_as_double(arg[0]) != 0)
        return ork_ts_new(ts, ORK_TS_NONE);
    ork_build_bad_shape(ts->build, "the network was exported for other sizes: %s",
                        arg[1]->kind == ORK_TS_STRING ? arg[1]->text : "a check fails");
    return NULL;
}
