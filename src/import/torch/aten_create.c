/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors out of nothing: constants of the graph. */
#include "torch.h"

#include <math.h>

static ork_dtype natural_dtype(const ork_ts_value *number)
{
    return number->kind == ORK_TS_FLOAT  ? ORK_F32
           : number->kind == ORK_TS_BOOL ? ORK_BOOL
                                         : ORK_I64;
}

/* (size, dtype); param is the number. */
ORK_TS_HANDLER(filled)
{
    ork_shape shape;
    ork_dtype dtype;
    if (!ork_ts_arg_shape(ts, arg[0], &shape) || !ork_ts_arg_dtype(ts, arg[1], ORK_F32, &dtype))
        return NULL;
    return ork_ts_tensor(ts, ork_build_filled(ts->build, dtype, &shape, param));
}

/* (size, number, dtype) */
ORK_TS_HANDLER(full)
{
    ork_shape shape;
    ork_dtype dtype;
    if (!ork_ts_arg_shape(ts, arg[0], &shape) ||
        !ork_ts_arg_dtype(ts, arg[2], natural_dtype(arg[1]), &dtype))
        return NULL;
    return ork_ts_tensor(ts, ork_build_filled(ts->build, dtype, &shape, ork_ts_as_double(arg[1])));
}

static ork_dtype dtype_of(const ork_ts_value *x)
{
    return x->kind == ORK_TS_TENSOR ? x->tensor.value->type.dtype : natural_dtype(x);
}

/* (x, dtype); param is the number. */
ORK_TS_HANDLER(filled_like)
{
    ork_shape shape = ork_ts_shape(arg[0]);
    ork_dtype dtype;
    if (!ork_ts_arg_dtype(ts, arg[1], dtype_of(arg[0]), &dtype))
        return NULL;
    return ork_ts_tensor(ts, ork_build_filled(ts->build, dtype, &shape, param));
}

/* (x, number, dtype) */
ORK_TS_HANDLER(full_like)
{
    ork_shape shape = ork_ts_shape(arg[0]);
    ork_dtype dtype;
    if (!ork_ts_arg_dtype(ts, arg[2], dtype_of(arg[0]), &dtype))
        return NULL;
    return ork_ts_tensor(ts, ork_build_filled(ts->build, dtype, &shape, ork_ts_as_double(arg[1])));
}

/* (x, size, dtype); param is the number. */
ORK_TS_HANDLER(new_filled)
{
    ork_shape shape;
    ork_dtype dtype;
    if (!ork_ts_arg_shape(ts, arg[1], &shape) ||
        !ork_ts_arg_dtype(ts, arg[2], dtype_of(arg[0]), &dtype))
        return NULL;
    return ork_ts_tensor(ts, ork_build_filled(ts->build, dtype, &shape, param));
}

/* (x, size, number, dtype) */
ORK_TS_HANDLER(new_full)
{
    ork_shape shape;
    ork_dtype dtype;
    if (!ork_ts_arg_shape(ts, arg[1], &shape) ||
        !ork_ts_arg_dtype(ts, arg[3], dtype_of(arg[0]), &dtype))
        return NULL;
    return ork_ts_tensor(ts, ork_build_filled(ts->build, dtype, &shape, ork_ts_as_double(arg[2])));
}

/* (number, dtype) */
ORK_TS_HANDLER(scalar)
{
    ork_dtype dtype;
    if (!ork_ts_arg_dtype(ts, arg[1], ORK_F32, &dtype))
        return NULL;
    return ork_ts_tensor(ts, ork_build_scalar(ts->build, dtype, ork_ts_as_double(arg[0])));
}

static ork_ts_value *sequence(ork_ts *ts, double begin, double step, double count, ork_dtype dtype)
{
    if (!(count >= 0 && count <= INT32_MAX))
        return ork_build_bad_shape(ts->build, "a sequence of %g numbers", count);
    ork_shape shape = {1, {(int64_t)count}};
    void *data;
    ork_value *constant = ork_build_constant(ts->build, dtype, &shape, &data);
    for (int64_t i = 0; constant && i < shape.dim[0]; i++)
        ork_element_set(dtype, data, i, begin + (double)i * step);
    return ork_ts_tensor(ts, constant);
}

static ork_ts_value *range(ork_ts *ts, const ork_ts_value *begin, const ork_ts_value *end,
                           const ork_ts_value *step, const ork_ts_value *type)
{
    bool is_float =
        begin->kind == ORK_TS_FLOAT || end->kind == ORK_TS_FLOAT || step->kind == ORK_TS_FLOAT;
    double from = ork_ts_as_double(begin), by = ork_ts_as_double(step);
    ork_dtype dtype;
    if (!ork_ts_arg_dtype(ts, type, is_float ? ORK_F32 : ORK_I64, &dtype))
        return NULL;
    return sequence(ts, from, by, ceil((ork_ts_as_double(end) - from) / by), dtype);
}

/* (end, dtype), (begin, end, dtype), (begin, end, step, dtype) */
ORK_TS_HANDLER(range_to)
{
    return range(ts, ork_ts_int(ts, 0), arg[0], ork_ts_int(ts, 1), arg[1]);
}

ORK_TS_HANDLER(range_between)
{
    return range(ts, arg[0], arg[1], ork_ts_int(ts, 1), arg[2]);
}

ORK_TS_HANDLER(range_by_step)
{
    return range(ts, arg[0], arg[1], arg[2], arg[3]);
}

/* (begin, end, count, dtype) */
ORK_TS_HANDLER(linspace)
{
    double from = ork_ts_as_double(arg[0]), to = ork_ts_as_double(arg[1]);
    double count = (double)ork_ts_as_int(arg[2]);
    ork_dtype dtype;
    if (!ork_ts_arg_dtype(ts, arg[3], ORK_F32, &dtype))
        return NULL;
    return sequence(ts, from, count > 1 ? (to - from) / (count - 1) : 0, count, dtype);
}

/* (begin, end, count, base, dtype) */
ORK_TS_HANDLER(logspace)
{
    ork_ts_value *all[] = {arg[0], arg[1], arg[2], arg[4]};
    ork_ts_value *powers = ork_ts_op_linspace(ts, all, 0);
    return powers ? ork_ts_binary(ts, ORK_OP_POW, arg[3], powers, true) : NULL;
}

/* Sums of cosines: Hann, Hamming, Blackman. */
static const double window_terms[][3] = {{0.5, 0.5, 0}, {0.54, 0.46, 0}, {0.42, 0.5, 0.08}};

static ork_ts_value *window(ork_ts *ts, int64_t count, bool periodic, const double *terms)
{
    const double pi = 3.14159265358979323846;
    ork_shape shape = ork_shape_of(1, &count);
    void *data;
    if (count < 0)
        return ork_build_bad_shape(ts->build, "a window of %lld", (long long)count);
    ork_value *values = ork_build_constant(ts->build, ORK_F32, &shape, &data);
    double period = (double)(periodic ? count : count - 1);
    for (int64_t i = 0; values && i < count; i++) {
        double at = period > 0 ? 2 * pi * (double)i / period : pi;
        ork_element_set(ORK_F32, data, i, terms[0] - terms[1] * cos(at) + terms[2] * cos(2 * at));
    }
    return ork_ts_tensor(ts, values);
}

/* (count, dtype); param is which. */
ORK_TS_HANDLER(window)
{
    return window(ts, ork_ts_as_int(arg[0]), true, window_terms[param]);
}

/* (count, periodic, dtype) */
ORK_TS_HANDLER(window_periodic)
{
    return window(ts, ork_ts_as_int(arg[0]), arg[1]->boolean, window_terms[param]);
}

/* (rows, columns, offset): places of a triangle, param the upper one: [2, count] */
ORK_TS_HANDLER(triangle_indices)
{
    int64_t rows = ork_ts_as_int(arg[0]), columns = ork_ts_as_int(arg[1]), count = 0;
    ork_shape all = ork_shape_of(2, (int64_t[]){rows, columns});
    if (rows < 0 || columns < 0 || !ork_build_spend(ts->build, &all, ORK_I64))
        return NULL;
    int64_t *places = ORK_NEW_ARRAY(ts->arena, int64_t, (size_t)(rows * columns) + 1);
    for (int64_t i = 0; i < rows * columns; i++) {
        int64_t above = i % columns - i / columns - ork_ts_as_int(arg[2]);
        if (param ? above >= 0 : above <= 0)
            places[count++] = i;
    }
    ork_shape shape = ork_shape_of(2, (int64_t[]){2, count});
    void *data;
    ork_value *indices = ork_build_constant(ts->build, ORK_I64, &shape, &data);
    for (int64_t i = 0; indices && i < count; i++) {
        ((int64_t *)data)[i] = places[i] / columns;
        ((int64_t *)data)[count + i] = places[i] % columns;
    }
    return ork_ts_tensor(ts, indices);
}

/* What x.fill_(number) puts into x. */
ORK_TS_HANDLER(fill)
{
    ork_value *number = ork_ts_graph_value(ts, arg[1]);
    return number && number->type.shape.rank == 0 ? arg[1]
           : number ? ork_build_bad_shape(ts->build, "filling with more than one number")
                    : NULL;
}

ORK_TS_HANDLER(zero)
{
    return ork_ts_int(ts, 0);
}

/* (tensors, indexing): grids of coordinates; "xy" swaps the first two axes. */
ORK_TS_HANDLER(meshgrid)
{
    size_t count = arg[0]->list.count;
    bool is_xy = arg[1]->kind == ORK_TS_STRING && arg[1]->text[0] == 'x' && count > 1;
    ork_shape grid = {.rank = (int)count};
    if (count > ORK_MAX_RANK)
        return ork_build_unsupported(ts->build, "more than %d axes", ORK_MAX_RANK);
    ork_ts_value **items = ORK_NEW_ARRAY(ts->arena, ork_ts_value *, count + 1);
    for (int i = 0; i < grid.rank; i++) {
        ork_shape shape = ork_ts_shape(arg[0]->list.items[i]);
        int axis = is_xy && i < 2 ? 1 - i : i;
        if (shape.rank > 1)
            return ork_build_bad_shape(ts->build, "a tensor with %d axes", shape.rank);
        grid.dim[axis] = ork_shape_count(&shape);
    }
    for (int i = 0; i < grid.rank; i++) {
        ork_shape shape = {.rank = grid.rank};
        int axis = is_xy && i < 2 ? 1 - i : i;
        for (int d = 0; d < grid.rank; d++)
            shape.dim[d] = d == axis ? grid.dim[d] : 1;
        ork_value *row = ork_ts_graph_value(ts, arg[0]->list.items[i]);
        row = ork_build_reshape(ts->build, row, &shape);
        items[i] = ork_ts_tensor(ts, ork_build_expand(ts->build, row, &grid));
        if (!items[i])
            return NULL;
    }
    return ork_ts_list(ts, ORK_TS_LIST, items, count);
}

ORK_TS_HANDLER(device)
{
    return ork_ts_text(ts, ORK_TS_DEVICE, arg[0]->text);
}
