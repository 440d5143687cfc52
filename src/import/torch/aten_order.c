/* SPDX-License-Identifier: Apache-2.0 */
/* Extremes and where they are, sorting, running sums. */
#include "torch.h"

static ork_torch_value *pair(ork_torch *torch, ork_value *first, ork_value *second)
{
    ork_torch_value **items = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, 2);
    items[0] = ork_torch_tensor(torch, first);
    items[1] = ork_torch_tensor(torch, second);
    return items[0] && items[1] ? ork_torch_list(torch, ORK_TORCH_TUPLE, items, 2) : NULL;
}

/* A number has one axis for the operators here; the result loses it again. */
static ork_value *with_axis(ork_torch *torch, ork_value *x)
{
    return x->type.shape.rank > 0 ? x : ork_build_reshape_to(torch->build, x, 1, (int64_t[]){1});
}

static ork_value *in_order(ork_torch *torch, ork_torch_value *tensor, const ork_torch_value *axis,
                           int *at)
{
    ork_value *x = ork_torch_graph_value(torch, tensor);
    if (!x || !ork_torch_arg_axis(torch, axis, x->type.shape.rank, at))
        return NULL;
    return with_axis(torch, x);
}

/* (x, axis, keep); without an axis as if x had one. param is the operator. */
ORK_TORCH_HANDLER(arg_extreme)
{
    int axis = 0;
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    if (!x)
        return NULL;
    if (arg[1]->kind != ORK_TORCH_NONE) {
        x = in_order(torch, arg[0], arg[1], &axis);
        bool keep = arg[2]->boolean && ork_torch_shape(arg[0]).rank > 0;
        return ork_torch_tensor(torch,
                                ork_build_arg_extreme(torch->build, (ork_op)param, x, axis, keep));
    }
    ork_shape ones = {.rank = arg[2]->boolean ? x->type.shape.rank : 0};
    for (int i = 0; i < ones.rank; i++)
        ones.dim[i] = 1;
    int64_t count = ork_shape_count(&x->type.shape);
    x = ork_build_reshape_to(torch->build, x, 1, &count);
    x = x ? ork_build_arg_extreme(torch->build, (ork_op)param, x, 0, false) : NULL;
    return ork_torch_tensor(torch, ork_build_reshape(torch->build, x, &ones));
}

/* (x, axis, keep): values and where they are. */
ORK_TORCH_HANDLER(extreme_with_indices)
{
    bool is_max = param == ORK_OP_REDUCE_MAX, keep = arg[2]->boolean;
    int axis;
    ork_value *x = in_order(torch, arg[0], arg[1], &axis);
    if (!x)
        return NULL;
    ork_ints axes = {1, {axis}};
    keep = keep && ork_torch_shape(arg[0]).rank > 0;
    ork_value *values = ork_build_reduce(torch->build, (ork_op)param, x, &axes, keep);
    return pair(torch, values,
                ork_build_arg_extreme(torch->build, is_max ? ORK_OP_ARG_MAX : ORK_OP_ARG_MIN, x,
                                      axis, keep));
}

/* (x, axis, keep): the least and the greatest. */
ORK_TORCH_HANDLER(both_extremes)
{
    ork_torch_value *least = ork_torch_op_extreme(torch, arg, ORK_OP_REDUCE_MIN);
    ork_torch_value *greatest = least ? ork_torch_op_extreme(torch, arg, ORK_OP_REDUCE_MAX) : NULL;
    return greatest ? pair(torch, ork_torch_graph_value(torch, least),
                           ork_torch_graph_value(torch, greatest))
                    : NULL;
}

static ork_torch_value *top(ork_torch *torch, ork_value *x, int axis, int64_t k, bool least)
{
    ork_value *values,
        *places = x ? ork_build_top_k(torch->build, x, axis, k, least, &values) : NULL;
    return places ? pair(torch, values, places) : NULL;
}

/* (x, k, axis, largest, sorted) */
ORK_TORCH_HANDLER(top_k)
{
    int axis;
    ork_value *x = in_order(torch, arg[0], arg[2], &axis);
    return top(torch, x, axis, ork_torch_as_int(arg[1]), !arg[3]->boolean);
}

/* (x, axis, descending) */
ORK_TORCH_HANDLER(sort)
{
    int axis;
    ork_value *x = in_order(torch, arg[0], arg[1], &axis);
    return x ? top(torch, x, axis, x->type.shape.dim[axis], !arg[2]->boolean) : NULL;
}

ORK_TORCH_HANDLER(sort_first_axis)
{
    ork_torch_value *all[] = {arg[0], ork_torch_int(torch, 0), ork_torch_bool(torch, false)};
    ork_torch_value *both = ork_torch_op_sort(torch, all, 0);
    return both ? both->list.items[0] : NULL;
}

/* (x, stable, axis, descending) */
ORK_TORCH_HANDLER(sort_stable)
{
    ork_torch_value *all[] = {arg[0], arg[2], arg[3]};
    return ork_torch_op_sort(torch, all, 0);
}

/* (x, axis, descending) */
ORK_TORCH_HANDLER(arg_sort)
{
    ork_torch_value *both = ork_torch_op_sort(torch, arg, 0);
    return both ? both->list.items[1] : NULL;
}

/* The element that is `at`-th from below, and where it is. */
static ork_torch_value *ranked(ork_torch *torch, ork_value *x, int axis, int64_t at, bool keep)
{
    ork_value *parts[2];
    if (!x || at < 0 || at >= x->type.shape.dim[axis])
        return x ? ork_build_bad_shape(torch->build, "element %lld of an axis", (long long)at)
                 : NULL;
    parts[1] = ork_build_top_k(torch->build, x, axis, at + 1, true, &parts[0]);
    if (!parts[1])
        return NULL;
    ork_shape shape = x->type.shape;
    shape.dim[axis] = 1;
    for (int i = axis; !keep && i + 1 < shape.rank; i++)
        shape.dim[i] = shape.dim[i + 1];
    shape.rank -= !keep;
    for (int i = 0; i < 2; i++) {
        parts[i] = ork_build_slice(torch->build, parts[i], axis, at, at + 1, 1);
        parts[i] = ork_build_reshape(torch->build, parts[i], &shape);
    }
    return pair(torch, parts[0], parts[1]);
}

/* (x, k, axis, keep) */
ORK_TORCH_HANDLER(kth_value)
{
    int axis;
    ork_value *x = in_order(torch, arg[0], arg[2], &axis);
    return ranked(torch, x, axis, ork_torch_as_int(arg[1]) - 1, arg[3]->boolean);
}

/* (x, axis, keep): of an even number the lower one. */
ORK_TORCH_HANDLER(median)
{
    int axis;
    ork_value *x = in_order(torch, arg[0], arg[1], &axis);
    return x ? ranked(torch, x, axis, (x->type.shape.dim[axis] - 1) / 2, arg[2]->boolean) : NULL;
}

ORK_TORCH_HANDLER(median_all)
{
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    int64_t count = x ? ork_shape_count(&x->type.shape) : 0;
    x = ork_build_reshape_to(torch->build, x, 1, &count);
    ork_torch_value *both = x ? ranked(torch, x, 0, (count - 1) / 2, false) : NULL;
    return both ? both->list.items[0] : NULL;
}

/* (y, dx, axis): the area under a line through points dx apart */
ORK_TORCH_HANDLER(trapezoid)
{
    int axis;
    ork_value *y = in_order(torch, arg[0], arg[2], &axis);
    int64_t size = y ? y->type.shape.dim[axis] : 0;
    if (!y || size < 2)
        return y ? ork_build_unsupported(torch->build, "less than two points") : NULL;
    ork_value *left = ork_build_slice(torch->build, y, axis, 0, size - 1, 1);
    ork_value *right = ork_build_slice(torch->build, y, axis, 1, size, 1);
    ork_ints axes = {1, {axis}};
    y = ork_build_add2(torch->build, ORK_OP_ADD, left, right);
    y = y ? ork_build_reduce(torch->build, ORK_OP_REDUCE_SUM, y, &axes, false) : NULL;
    ork_torch_value *half = ork_torch_float(torch, ork_torch_as_double(arg[1]) / 2, false);
    return y ? ork_torch_binary(torch, ORK_OP_MUL, ork_torch_tensor(torch, y), half, false) : NULL;
}

/* (x, axis, dtype): sums or products of the elements up to each; param is the operator. */
ORK_TORCH_HANDLER(running)
{
    int axis;
    ork_dtype dtype;
    ork_value *x = in_order(torch, arg[0], arg[1], &axis);
    bool is_float = x && ork_dtype_table[x->type.dtype].is_float;
    if (!x || !ork_torch_arg_dtype(torch, arg[2], is_float ? ORK_F32 : ORK_I64, &dtype))
        return NULL;
    ork_attrs attrs = {.cum_sum.axis = axis};
    x = ork_build_cast(torch->build, x, dtype);
    x = x ? ork_build_add1(torch->build, (ork_op)param, &attrs, x) : NULL;
    ork_shape shape = ork_torch_shape(arg[0]);
    return ork_torch_tensor(torch, ork_build_reshape(torch->build, x, &shape));
}
