/* SPDX-License-Identifier: Apache-2.0 */
/* Elements picked one by one, and the product of vectors in space. */
#include "torch.h"

#include <string.h>

/* (x, axis, index): out[i][j][k] = x[i][index[i][j][k]][k] */
ORK_TORCH_HANDLER(gather)
{
    int axis;
    ork_value *x = ork_torch_graph_value(torch, arg[0]),
              *index = ork_torch_graph_value(torch, arg[2]);
    if (!x || !index || !ork_torch_arg_axis(torch, arg[1], x->type.shape.rank, &axis))
        return NULL;
    return ork_torch_tensor(torch, ork_build_gather_elements(torch->build, x, axis, index));
}

/* (x, index): as if x had one axis */
ORK_TORCH_HANDLER(take)
{
    ork_value *x = ork_torch_graph_value(torch, arg[0]),
              *index = ork_torch_graph_value(torch, arg[1]);
    return x && index ? ork_torch_tensor(torch, ork_build_pick(torch->build, x, index)) : NULL;
}

/* The index broadcasts against x, but along the axis. */
static ork_value *broadcast_index(ork_torch *torch, ork_value **x, ork_value *index, int axis)
{
    ork_shape a = (*x)->type.shape, b = index->type.shape;
    for (int i = 0; i < a.rank && a.rank == b.rank; i++) {
        if (i == axis)
            continue;
        a.dim[i] = b.dim[i] = a.dim[i] == 1 ? b.dim[i] : a.dim[i];
    }
    *x = ork_build_expand(torch->build, *x, &a);
    return ork_build_expand(torch->build, index, &b);
}

/* (x, index, axis) */
ORK_TORCH_HANDLER(take_along)
{
    int axis;
    if (arg[2]->kind == ORK_TORCH_NONE)
        return ork_torch_op_take(torch, arg, 0);
    ork_value *x = ork_torch_graph_value(torch, arg[0]),
              *index = ork_torch_graph_value(torch, arg[1]);
    if (!x || !index || !ork_torch_arg_axis(torch, arg[2], x->type.shape.rank, &axis))
        return NULL;
    index = broadcast_index(torch, &x, index, axis);
    return x && index
               ? ork_torch_tensor(torch, ork_build_gather_elements(torch->build, x, axis, index))
               : NULL;
}

/* ---- putting in ---- */

/* Values of a tensor or number in the shape of the index: torch takes its first part. */
static ork_value *updates_for(ork_torch *torch, ork_torch_value *source, const ork_value *index)
{
    const ork_shape *shape = &index->type.shape;
    ork_value *value = ork_torch_graph_value(torch, source);
    if (!value || value->type.shape.rank == 0)
        return ork_build_expand(torch->build, value, shape);
    if (value->type.shape.rank != shape->rank)
        return ork_build_bad_shape(torch->build, "values with other axes than the index");
    for (int i = 0; value && i < shape->rank; i++) {
        if (value->type.shape.dim[i] < shape->dim[i])
            return ork_build_bad_shape(torch->build, "fewer values than places");
        value = ork_build_slice(torch->build, value, i, 0, shape->dim[i], 1);
    }
    return value;
}

static ork_torch_value *scatter(ork_torch *torch, ork_torch_value **arg, int mode)
{
    int axis;
    ork_value *x = ork_torch_graph_value(torch, arg[0]),
              *index = ork_torch_graph_value(torch, arg[2]);
    if (!x || !index || !ork_torch_arg_axis(torch, arg[1], x->type.shape.rank, &axis))
        return NULL;
    ork_value *updates = updates_for(torch, arg[3], index);
    ork_value *places = ork_build_places_along(torch->build, &x->type.shape, axis, index);
    return ork_torch_tensor(torch, ork_build_scatter(torch->build, x, places, updates, mode));
}

/* "amax" and the like; false with an error for a mean, which counts */
static bool scatter_mode(ork_torch *torch, const char *name, int *mode)
{
    static const struct {
        const char *name;
        int mode;
    } modes[] = {{"add", ORK_SCATTER_ADD},      {"sum", ORK_SCATTER_ADD},
                 {"multiply", ORK_SCATTER_MUL}, {"prod", ORK_SCATTER_MUL},
                 {"amax", ORK_SCATTER_MAX},     {"amin", ORK_SCATTER_MIN}};
    for (size_t i = 0; i < ORK_COUNT(modes); i++) {
        *mode = modes[i].mode;
        if (!strcmp(name, modes[i].name))
            return true;
    }
    return ork_build_unsupported(torch->build, "a reduction '%s'", name) != NULL;
}

/* (x, axis, index, values); param is the mode. */
ORK_TORCH_HANDLER(scatter)
{
    return scatter(torch, arg, param);
}

/* (x, axis, index, values, reduce) */
ORK_TORCH_HANDLER(scatter_by_name)
{
    int mode;
    return scatter_mode(torch, arg[4]->text, &mode) ? scatter(torch, arg, mode) : NULL;
}

/* (x, axis, index, values, reduce, include_self) */
ORK_TORCH_HANDLER(scatter_reduce)
{
    int mode;
    if (!arg[5]->boolean)
        return ork_build_unsupported(torch->build, "include_self=False");
    return scatter_mode(torch, arg[4]->text, &mode) ? scatter(torch, arg, mode) : NULL;
}

/* An index along one axis as one for each element: the shape of x with as many entries. */
static ork_value *spread_index(ork_torch *torch, const ork_value *x, int axis, ork_value *index)
{
    int64_t count = ork_shape_count(&index->type.shape);
    ork_shape row = {.rank = x->type.shape.rank}, all = x->type.shape;
    for (int i = 0; i < row.rank; i++)
        row.dim[i] = i == axis ? count : 1;
    all.dim[axis] = count;
    return ork_build_expand(torch->build, ork_build_reshape(torch->build, index, &row), &all);
}

/* (x, axis, index, values): whole entries of an axis. */
static ork_torch_value *index_into(ork_torch *torch, ork_torch_value **arg, int mode)
{
    int axis;
    ork_value *x = ork_torch_graph_value(torch, arg[0]),
              *index = ork_torch_graph_value(torch, arg[2]);
    if (!x || !index || !ork_torch_arg_axis(torch, arg[1], x->type.shape.rank, &axis))
        return NULL;
    if (x->type.shape.rank == 0)
        return ork_build_bad_shape(torch->build, "entries of a number");
    index = spread_index(torch, x, axis, index);
    ork_value *updates = index ? updates_for(torch, arg[3], index) : NULL;
    ork_value *places = ork_build_places_along(torch->build, &x->type.shape, axis, index);
    return ork_torch_tensor(torch, ork_build_scatter(torch->build, x, places, updates, mode));
}

/* param is the mode. */
ORK_TORCH_HANDLER(index_into)
{
    return index_into(torch, arg, param);
}

/* (x, axis, index, values, alpha) */
ORK_TORCH_HANDLER(index_add)
{
    ork_torch_value *values = ork_torch_binary(torch, ORK_OP_MUL, arg[3], arg[4], false);
    ork_torch_value *all[] = {arg[0], arg[1], arg[2], values};
    return values ? index_into(torch, all, ORK_SCATTER_ADD) : NULL;
}

/* ---- products in space ---- */

/* The three elements of an axis, beginning with element `first`. */
static ork_value *turned(ork_torch *torch, ork_value *x, int axis, int first)
{
    ork_value *parts[] = {ork_build_slice(torch->build, x, axis, first, 3, 1),
                          ork_build_slice(torch->build, x, axis, 0, first, 1)};
    return parts[0] && parts[1] ? ork_build_concat(torch->build, parts, 2, axis) : NULL;
}

/* (a, b, axis); without an axis the first of size 3. */
ORK_TORCH_HANDLER(cross)
{
    ork_value *a, *b;
    if (!ork_torch_promote(torch, arg[0], arg[1], false, &a, &b))
        return NULL;
    ork_shape shape = a->type.shape;
    int axis = 0;
    if (arg[2]->kind == ORK_TORCH_NONE)
        while (axis < shape.rank && shape.dim[axis] != 3)
            axis++;
    else if (!ork_torch_arg_axis(torch, arg[2], shape.rank, &axis))
        return NULL;
    if (axis == shape.rank || shape.dim[axis] != 3 || b->type.shape.rank != shape.rank ||
        b->type.shape.dim[axis] != 3)
        return ork_build_bad_shape(torch->build, "no axis of 3 elements");
    ork_value *forward = ork_build_add2(torch->build, ORK_OP_MUL, turned(torch, a, axis, 1),
                                        turned(torch, b, axis, 2));
    ork_value *back = ork_build_add2(torch->build, ORK_OP_MUL, turned(torch, a, axis, 2),
                                     turned(torch, b, axis, 1));
    return ork_torch_tensor(torch, ork_build_add2(torch->build, ORK_OP_SUB, forward, back));
}
