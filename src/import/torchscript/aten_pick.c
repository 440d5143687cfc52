/* SPDX-License-Identifier: Apache-2.0 */
/* Elements picked one by one, and the product of vectors in space. */
#include "torchscript.h"

/* (x, axis, index): out[i][j][k] = x[i][index[i][j][k]][k] */
ORK_TS_HANDLER(gather)
{
    int axis;
    ork_value *x = ork_ts_graph_value(ts, arg[0]), *index = ork_ts_graph_value(ts, arg[2]);
    if (!x || !index || !ork_ts_arg_axis(ts, arg[1], x->type.shape.rank, &axis))
        return NULL;
    return ork_ts_tensor(ts, ork_build_pick(ts->build, x, index, axis));
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
