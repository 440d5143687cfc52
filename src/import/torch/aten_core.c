/* SPDX-License-Identifier: Apache-2.0 */
/* Operators that stand in exported graphs only: what run_decompositions() makes of layers ("core
   ATen"), writes into parts of tensors made visible, and checks of sizes. */
#include "torch.h"

#include <string.h>

/* ---- layers ---------------------------------------------------------------------------- */

/* (x, weight, bias, mean, variance, momentum, eps) */
ORK_TORCH_HANDLER(batch_norm_inference)
{
    ork_torch_value *all[9];
    memcpy(all, arg, 5 * sizeof(*all));
    all[5] = ork_torch_bool(torch, false);
    all[6] = arg[5];
    all[7] = arg[6];
    all[8] = ork_torch_bool(torch, false);
    return ork_torch_op_batch_norm(torch, all, 0);
}

/* Statistics of the batch at hand; what instance normalization becomes, with its channels in a
   batch of one. (x, weight, bias, training, momentum, eps) */
ORK_TORCH_HANDLER(batch_norm_alone)
{
    ork_shape shape = ork_torch_shape(arg[0]);
    ork_torch_value *none = ork_torch_new(torch, ORK_TORCH_NONE);
    ork_torch_value *all[9] = {arg[0], arg[1], arg[2], none, none, arg[3], arg[4], arg[5], none};
    bool is_instance = shape.rank > 1 && shape.dim[0] == 1;
    return is_instance ? ork_torch_op_instance_norm(torch, all, 0)
                       : ork_torch_op_batch_norm(torch, all, 0);
}

/* (x, weight, bias, N, C, HxW, groups, eps) */
ORK_TORCH_HANDLER(native_group_norm)
{
    ork_torch_value *all[] = {arg[0], arg[6], arg[1], arg[2], arg[7]};
    return ork_torch_op_group_norm(torch, all, 0);
}

/* (x, p, training) */
ORK_TORCH_HANDLER(native_dropout)
{
    if (arg[2]->kind == ORK_TORCH_NONE || !arg[2]->boolean)
        return arg[0];
    return ork_torch_op_dropout(torch, arg, 0);
}

/* (query, key, value, dropout, is_causal, mask, scale) */
ORK_TORCH_HANDLER(flash_attention)
{
    ork_torch_value *all[] = {arg[0], arg[1], arg[2], arg[5],
                              arg[3], arg[4], arg[6], ork_torch_bool(torch, false)};
    return ork_torch_op_attention(torch, all, 0);
}

/* (x, noise, lower, upper, training) */
ORK_TORCH_HANDLER(rrelu_with_noise)
{
    ork_torch_value *all[] = {arg[0], arg[2], arg[3], arg[4]};
    return ork_torch_op_rrelu(torch, all, 0);
}

/* The slope has the axes of x already. */
ORK_TORCH_HANDLER(prelu_kernel)
{
    ork_value *x = ork_torch_graph_value(torch, arg[0]),
              *slope = ork_torch_graph_value(torch, arg[1]);
    bool fits = x && slope && slope->type.shape.rank == x->type.shape.rank;
    if (!fits)
        return x && slope ? ork_build_bad_shape(torch->build, "a slope of other axes") : NULL;
    ork_shape channels = {.rank = x->type.shape.rank - 1};
    for (int i = 0; i < channels.rank; i++)
        channels.dim[i] = slope->type.shape.dim[i + 1];
    if (x->type.shape.rank > 1 && slope->type.shape.dim[0] == 1)
        slope = ork_build_reshape(torch->build, slope, &channels);
    return ork_torch_tensor(torch,
                            slope ? ork_build_add2(torch->build, ORK_OP_PRELU, x, slope) : NULL);
}

/* Is any element true; param is the operator that says so of 0 and 1. (x, axes, keep) */
ORK_TORCH_HANDLER(truth)
{
    ork_torch_value *truth =
        ork_torch_binary(torch, ORK_OP_NOT_EQUAL, arg[0], ork_torch_int(torch, 0), false);
    ork_value *x = truth ? ork_torch_arg_float(torch, truth) : NULL;
    ork_ints axes;
    if (!x || !ork_torch_arg_axes(torch, arg[1], x->type.shape.rank, &axes))
        return NULL;
    x = ork_build_reduce(torch->build, (ork_op)param, x, &axes, arg[2]->boolean);
    return ork_torch_tensor(torch, ork_build_cast(torch->build, x, ORK_BOOL));
}

ORK_TORCH_HANDLER(truth_of_all)
{
    ork_torch_value *all[] = {arg[0], ork_torch_new(torch, ORK_TORCH_NONE),
                              ork_torch_bool(torch, false)};
    return ork_torch_op_truth(torch, all, param);
}

/* ---- parts of tensors ------------------------------------------------------------------ */

static ork_torch_value *written(ork_torch *torch, ork_torch_value *whole, ork_torch_value *part,
                                ork_torch_value *contents)
{
    return part && ork_torch_write(torch, part, contents) ? whole : NULL;
}

/* A copy of x with a part replaced. (x, contents, axis, begin, end, step) */
ORK_TORCH_HANDLER(slice_scatter)
{
    ork_torch_value *whole = ork_torch_op_copy(torch, arg, 0);
    ork_torch_value *all[] = {whole, arg[2], arg[3], arg[4], arg[5]};
    return whole ? written(torch, whole, ork_torch_op_slice(torch, all, 0), arg[1]) : NULL;
}

/* (x, contents, axis, index) */
ORK_TORCH_HANDLER(select_scatter)
{
    ork_torch_value *whole = ork_torch_op_copy(torch, arg, 0);
    ork_torch_value *all[] = {whole, arg[2], arg[3]};
    return whole ? written(torch, whole, ork_torch_op_select(torch, all, 0), arg[1]) : NULL;
}

/* Only where it is another shape of the same elements. (x, size, stride, offset) */
ORK_TORCH_HANDLER(as_strided)
{
    ork_shape shape, old = ork_torch_shape(arg[0]);
    ork_ints stride;
    if (!ork_torch_arg_shape(torch, arg[1], &shape) || !ork_torch_arg_ints(torch, arg[2], &stride))
        return NULL;
    bool same = ork_shape_count(&shape) == ork_shape_count(&old) && stride.count == shape.rank &&
                ork_torch_is_contiguous(arg[0]) &&
                (arg[3]->kind == ORK_TORCH_NONE || ork_torch_as_int(arg[3]) == 0);
    int64_t expected = 1;
    for (int i = shape.rank - 1; same && i >= 0; i--) {
        same = shape.dim[i] == 1 || stride.v[i] == expected;
        expected *= shape.dim[i];
    }
    if (!same)
        return ork_build_unsupported(torch->build, "elements from any places in memory");
    return ork_torch_reshape(torch, arg[0], &shape);
}

/* ---- checks ---------------------------------------------------------------------------- */

ORK_TORCH_HANDLER(nothing)
{
    return ork_torch_new(torch, ORK_TORCH_NONE);
}

/* What must hold of the sizes for the graph to mean what the code meant. (condition, message) */
ORK_TORCH_HANDLER(assert_holds)
{
    if (!ork_torch_is_number(arg[0]) || ork_torch_as_double(arg[0]) != 0)
        return ork_torch_new(torch, ORK_TORCH_NONE);
    ork_build_bad_shape(torch->build, "the network was exported for other sizes: %s",
                        arg[1]->kind == ORK_TORCH_STRING ? arg[1]->text : "a check fails");
    return NULL;
}
