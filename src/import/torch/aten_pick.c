/* SPDX-License-Identifier: Apache-2.0 */
/* Elements picked one by one, and the product of vectors in space. */
#include "torch.h"

/* For each element of a tensor of `shape`, where its own place, along all axes but one, lies among
   the elements of a tensor of shape `of`. */
static ork_value *places_beside(ork_ts *ts, const ork_shape *shape, const ork_shape *of, int axis)
{
    void *data;
    ork_value *places = ork_build_constant(ts->build, ORK_I64, shape, &data);
    int64_t count = ork_shape_count(shape);
    for (int64_t i = 0; places && i < count; i++) {
        int64_t rest = i, place = 0;
        for (int d = shape->rank - 1; d >= 0; d--) {
            int64_t at = rest % shape->dim[d];
            rest /= shape->dim[d];
            place += d == axis ? 0 : at * ork_shape_span(of, d + 1, of->rank);
        }
        ((int64_t *)data)[i] = place;
    }
    return places;
}

/* (x, axis, index): out[i][j][k] = x[i][index[i][j][k]][k] */
ORK_TS_HANDLER(gather)
{
    int axis;
    ork_value *x = ork_ts_graph_value(ts, arg[0]), *index = ork_ts_graph_value(ts, arg[2]);
    if (!x || !index || !ork_ts_arg_axis(ts, arg[1], x->type.shape.rank, &axis))
        return NULL;
    ork_shape shape = x->type.shape, wanted = index->type.shape;
    bool fits = wanted.rank == shape.rank;
    for (int d = 0; fits && d < shape.rank; d++)
        fits = d == axis || wanted.dim[d] <= shape.dim[d];
    if (!fits)
        return ork_build_bad_shape(ts->build, "the index does not fit the tensor");
    int64_t count = ork_shape_count(&shape);
    int64_t step = ork_shape_span(&shape, axis + 1, shape.rank);
    index = ork_build_cast(ts->build, index, ORK_I64);
    index = ork_build_add2(ts->build, ORK_OP_MUL, index,
                           ork_build_scalar(ts->build, ORK_I64, (double)step));
    index = ork_build_add2(ts->build, ORK_OP_ADD, index, places_beside(ts, &wanted, &shape, axis));
    ork_value *inputs[] = {ork_build_reshape_to(ts->build, x, 1, &count), index};
    ork_attrs attrs = {.gather.axis = 0};
    return index ? ork_ts_tensor(ts, ork_build_add(ts->build, ORK_OP_GATHER, &attrs, inputs, 2))
                 : NULL;
}

/* The three elements of an axis, beginning with element `first`. */
static ork_value *turned(ork_ts *ts, ork_value *x, int axis, int first)
{
    ork_value *parts[] = {ork_build_slice(ts->build, x, axis, first, 3, 1),
                          ork_build_slice(ts->build, x, axis, 0, first, 1)};
    return parts[0] && parts[1] ? ork_build_concat(ts->build, parts, 2, axis) : NULL;
}

/* (a, b, axis); without an axis the first of size 3. */
ORK_TS_HANDLER(cross)
{
    ork_value *a, *b;
    if (!ork_ts_promote(ts, arg[0], arg[1], false, &a, &b))
        return NULL;
    ork_shape shape = a->type.shape;
    int axis = 0;
    if (arg[2]->kind == ORK_TS_NONE)
        while (axis < shape.rank && shape.dim[axis] != 3)
            axis++;
    else if (!ork_ts_arg_axis(ts, arg[2], shape.rank, &axis))
        return NULL;
    if (axis == shape.rank || shape.dim[axis] != 3 || b->type.shape.rank != shape.rank ||
        b->type.shape.dim[axis] != 3)
        return ork_build_bad_shape(ts->build, "no axis of 3 elements");
    ork_value *forward =
        ork_build_add2(ts->build, ORK_OP_MUL, turned(ts, a, axis, 1), turned(ts, b, axis, 2));
    ork_value *back =
        ork_build_add2(ts->build, ORK_OP_MUL, turned(ts, a, axis, 2), turned(ts, b, axis, 1));
    return ork_ts_tensor(ts, ork_build_add2(ts->build, ORK_OP_SUB, forward, back));
}
