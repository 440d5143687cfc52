/* SPDX-License-Identifier: Apache-2.0 */
/* Elements picked or put in one by one. A place counts the elements of a tensor row by row. */
#include "build.h"

#include <math.h>

static ork_value *flat(ork_build *build, ork_value *x)
{
    int64_t count = x ? ork_shape_count(&x->type.shape) : 0;
    return ork_build_reshape_to(build, x, 1, &count);
}

ork_value *ork_build_as_index(ork_build *build, ork_value *index)
{
    return ork_build_cast(build, index, ORK_I64);
}

ork_value *ork_build_gather(ork_build *build, ork_value *x, int axis, ork_value *index)
{
    ork_attrs attrs = {.gather.axis = axis};
    if (index && ork_dtype_table[index->type.dtype].is_float)
        index = ork_build_as_index(build, index);
    ork_value *inputs[] = {x, index};
    return ork_build_add(build, ORK_OP_GATHER, &attrs, inputs, 2);
}

ork_value *ork_build_pick(ork_build *build, ork_value *x, ork_value *places)
{
    return ork_build_gather(build, flat(build, x), 0, places);
}

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

ork_value *ork_build_wrap_index(ork_build *build, ork_value *index, int64_t size)
{
    index = ork_build_as_index(build, index);
    ork_value *count = ork_build_scalar(build, ORK_I64, (double)size);
    return ork_build_add2(build, ORK_OP_REMAINDER, index, count);
}

ork_value *ork_build_places_along(ork_build *build, const ork_shape *shape, int axis,
                                  ork_value *index)
{
    if (!index)
        return NULL;
    ork_shape wanted = index->type.shape;
    bool fits = wanted.rank == shape->rank && axis < shape->rank && shape->dim[axis] > 0;
    for (int d = 0; fits && d < shape->rank; d++)
        fits = d == axis || wanted.dim[d] <= shape->dim[d];
    if (!fits)
        return ork_build_bad_shape(build, "the index does not fit the tensor");
    int64_t step = ork_shape_span(shape, axis + 1, shape->rank);
    index = ork_build_add2(build, ORK_OP_MUL, ork_build_as_index(build, index),
                           ork_build_scalar(build, ORK_I64, (double)step));
    return ork_build_add2(build, ORK_OP_ADD, index, places_beside(build, &wanted, shape, axis));
}

ork_value *ork_build_gather_elements(ork_build *build, ork_value *x, int axis, ork_value *index)
{
    ork_value *places = x ? ork_build_places_along(build, &x->type.shape, axis, index) : NULL;
    return places ? ork_build_pick(build, x, places) : NULL;
}

ork_value *ork_build_scatter(ork_build *build, ork_value *x, ork_value *places, ork_value *updates,
                             int mode)
{
    if (!x || !places || !updates)
        return NULL;
    ork_attrs attrs = {.scatter.mode = mode};
    updates = ork_build_cast(build, updates, x->type.dtype);
    ork_value *inputs[] = {x, ork_build_as_index(build, places), updates};
    return ork_build_add(build, ORK_OP_SCATTER, &attrs, inputs, 3);
}

ork_value *ork_build_arg_extreme(ork_build *build, ork_op op, ork_value *x, int axis, bool keep)
{
    ork_attrs attrs = {.arg_max.axis = axis, .arg_max.keep_dims = keep};
    return ork_build_add1(build, op, &attrs, x);
}

ork_value *ork_build_top_k(ork_build *build, ork_value *x, int axis, int64_t k, bool least,
                           ork_value **values)
{
    ork_attrs attrs = {.top_k.axis = axis, .top_k.k = k, .top_k.least = least};
    ork_value *places = ork_build_add1(build, ORK_OP_TOP_K, &attrs, x);
    *values = places ? ork_build_gather_elements(build, x, axis, places) : NULL;
    return *values ? places : NULL;
}

ork_value *ork_build_diagonal(ork_build *build, ork_value *x, int first, int second, int64_t offset)
{
    if (!x)
        return NULL;
    ork_shape shape = x->type.shape;
    int perm[ORK_MAX_RANK], rank = 0;
    for (int i = 0; i < shape.rank; i++)
        if (i != first && i != second)
            perm[rank++] = i;
    perm[rank++] = first;
    perm[rank] = second;
    int64_t rows = shape.dim[first], columns = shape.dim[second];
    int64_t row = offset < 0 ? -offset : 0, column = offset > 0 ? offset : 0;
    int64_t count = rows - row < columns - column ? rows - row : columns - column;
    ork_shape outer = {.rank = rank};
    for (int i = 0; i < rank - 1; i++)
        outer.dim[i] = shape.dim[perm[i]];
    outer.dim[rank - 1] = rows * columns;
    x = ork_build_reshape(build, ork_build_transpose(build, x, perm), &outer);
    if (!x || count <= 0)
        return ork_build_slice(build, x, rank - 1, 0, 0, 1);
    int64_t begin = row * columns + column;
    return ork_build_slice(build, x, rank - 1, begin, begin + (count - 1) * (columns + 1) + 1,
                           columns + 1);
}

/* ---- windows ---- */

/* Rows: the places in a plane of h w elements that the taps of window `at` see, or -1. */
static void fill_window(const ork_windows *w, int64_t at, int64_t count, int64_t *places)
{
    int64_t taps = w->kernel[0] * w->kernel[1];
    for (int64_t tap = 0; tap < taps; tap++) {
        int64_t y = at / w->out[1] * w->stride[0] + tap / w->kernel[1] * w->dilation[0] - w->pad[0];
        int64_t x = at % w->out[1] * w->stride[1] + tap % w->kernel[1] * w->dilation[1] - w->pad[1];
        bool inside = y >= 0 && y < w->in[0] && x >= 0 && x < w->in[1];
        places[tap * count + at] = inside ? y * w->in[1] + x : -1;
    }
}

ork_value *ork_build_window_places(ork_build *build, const ork_windows *w)
{
    int64_t count = w->out[0] * w->out[1];
    ork_shape shape = ork_shape_of(2, (int64_t[]){w->kernel[0] * w->kernel[1], count});
    void *data;
    ork_value *places = ork_build_constant(build, ORK_I64, &shape, &data);
    for (int64_t at = 0; places && at < count; at++)
        fill_window(w, at, count, data);
    return places;
}

ork_value *ork_build_windows(ork_build *build, ork_value *x, ork_value *places, double outside)
{
    if (!x || !places)
        return NULL;
    const int64_t *d = x->type.shape.dim, plane = d[2] * d[3];
    ork_attrs pad = {.pad.value = outside};
    pad.pad.before.count = pad.pad.after.count = 3;
    pad.pad.after.v[2] = 1; /* the last element, which -1 means */
    x = ork_build_reshape_to(build, x, 3, (int64_t[]){d[0], d[1], plane});
    x = ork_build_add1(build, ORK_OP_PAD, &pad, x);
    return ork_build_gather(build, x, 2, places);
}

ork_value *ork_build_window_maxima(ork_build *build, ork_value *x, ork_value *places)
{
    ork_value *seen = ork_build_windows(build, x, places, -(double)INFINITY);
    ork_value *tap = seen ? ork_build_arg_extreme(build, ORK_OP_ARG_MAX, seen, 2, false) : NULL;
    if (!tap)
        return NULL;
    int64_t count = places->type.shape.dim[1];
    ork_shape columns = ork_shape_of(1, &count);
    void *data;
    ork_value *column = ork_build_constant(build, ORK_I64, &columns, &data);
    for (int64_t i = 0; column && i < count; i++)
        ((int64_t *)data)[i] = i;
    tap = ork_build_add2(build, ORK_OP_MUL, tap, ork_build_scalar(build, ORK_I64, (double)count));
    tap = ork_build_add2(build, ORK_OP_ADD, tap, column);
    return tap ? ork_build_pick(build, places, tap) : NULL;
}
