/* SPDX-License-Identifier: Apache-2.0 */
/* Elements picked, or written, one by one: gather and scatter over all axes at once. */
#include "build.h"

#include <string.h>

/* For each element of a tensor of `shape`, where its own place, along all axes but one, lies among
   the elements of a tensor of shape `of`. */
static ork_value *places_beside(ork_build *build, const ork_shape *shape, const ork_shape *of,
                                int axis)
{
    void *data;
    ork_value *places = ork_build_constant(build, ORK_I64, shape, &data);
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

ork_value *ork_build_from_end(ork_build *build, ork_value *index, int64_t size)
{
    if (index && index->producer && index->producer->op == ORK_OP_TOP_K) /* never below 0 */
        return index;
    index = ork_build_cast(build, index, ORK_I64);
    ork_value *other =
        ork_build_add2(build, ORK_OP_ADD, index, ork_build_scalar(build, ORK_I64, (double)size));
    ork_value *is_below =
        ork_build_add2(build, ORK_OP_LESS, index, ork_build_scalar(build, ORK_I64, 0));
    ork_value *inputs[] = {is_below, other, index};
    return ork_build_add(build, ORK_OP_WHERE, NULL, inputs, 3);
}

/* Places, in the flat tensor of shape `of`, of the elements that an index along `axis` names. */
static ork_value *flat_places(ork_build *build, ork_value *index, const ork_shape *of, int axis)
{
    ork_shape shape = index->type.shape;
    bool fits = shape.rank == of->rank;
    for (int d = 0; fits && d < shape.rank; d++)
        fits = d == axis || shape.dim[d] <= of->dim[d];
    if (!fits)
        return ork_build_bad_shape(build, "the index does not fit the tensor");
    int64_t step = ork_shape_span(of, axis + 1, of->rank);
    index = ork_build_cast(build, index, ORK_I64);
    index =
        ork_build_add2(build, ORK_OP_MUL, index, ork_build_scalar(build, ORK_I64, (double)step));
    return ork_build_add2(build, ORK_OP_ADD, index, places_beside(build, &shape, of, axis));
}

static ork_value *flat(ork_build *build, ork_value *x)
{
    if (!x)
        return NULL;
    int64_t count = ork_shape_count(&x->type.shape);
    return ork_build_reshape_to(build, x, 1, &count);
}

ork_value *ork_build_pick(ork_build *build, ork_value *x, ork_value *index, int axis)
{
    if (!x || !index)
        return NULL;
    ork_value *inputs[] = {flat(build, x), flat_places(build, index, &x->type.shape, axis)};
    ork_attrs attrs = {.gather.axis = 0};
    return ork_build_add(build, ORK_OP_GATHER, &attrs, inputs, 2);
}

ork_value *ork_build_put(ork_build *build, ork_value *x, ork_value *index, ork_value *updates,
                         int axis, int mode)
{
    if (!x || !index || !updates)
        return NULL;
    ork_value *inputs[] = {x, flat_places(build, index, &x->type.shape, axis), updates};
    ork_attrs attrs = {.scatter.mode = mode};
    return ork_build_add(build, ORK_OP_SCATTER, &attrs, inputs, 3);
}
