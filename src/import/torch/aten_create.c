/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors out of nothing: constants of the graph. */
#include "torch.h"

#include <math.h>

static ork_dtype natural_dtype(const ork_torch_value *number)
{
    return number->kind == ORK_TORCH_FLOAT  ? ORK_F32
           : number->kind == ORK_TORCH_BOOL ? ORK_BOOL
                                            : ORK_I64;
}

/* (size, dtype); param is the number. */
ORK_TORCH_HANDLER(filled)
{
    ork_shape shape;
    ork_dtype dtype;
    if (!ork_torch_arg_shape(torch, arg[0], &shape) ||
        !ork_torch_arg_dtype(torch, arg[1], ORK_F32, &dtype))
        return NULL;
    return ork_torch_tensor(torch, ork_build_filled(torch->build, dtype, &shape, param));
}

/* (size, number, dtype) */
ORK_TORCH_HANDLER(full)
{
    ork_shape shape;
    ork_dtype dtype;
    if (!ork_torch_arg_shape(torch, arg[0], &shape) ||
        !ork_torch_arg_dtype(torch, arg[2], natural_dtype(arg[1]), &dtype))
        return NULL;
    return ork_torch_tensor(
        torch, ork_build_filled(torch->build, dtype, &shape, ork_torch_as_double(arg[1])));
}

static ork_dtype dtype_of(const ork_torch_value *x)
{
    return x->kind == ORK_TORCH_TENSOR ? x->tensor.value->type.dtype : natural_dtype(x);
}

/* (x, dtype); param is the number. */
ORK_TORCH_HANDLER(filled_like)
{
    ork_shape shape = ork_torch_shape(arg[0]);
    ork_dtype dtype;
    if (!ork_torch_arg_dtype(torch, arg[1], dtype_of(arg[0]), &dtype))
        return NULL;
    return ork_torch_tensor(torch, ork_build_filled(torch->build, dtype, &shape, param));
}

/* (x, number, dtype) */
ORK_TORCH_HANDLER(full_like)
{
    ork_shape shape = ork_torch_shape(arg[0]);
    ork_dtype dtype;
    if (!ork_torch_arg_dtype(torch, arg[2], dtype_of(arg[0]), &dtype))
        return NULL;
    return ork_torch_tensor(
        torch, ork_build_filled(torch->build, dtype, &shape, ork_torch_as_double(arg[1])));
}

/* (x, size, dtype); param is the number. */
ORK_TORCH_HANDLER(new_filled)
{
    ork_shape shape;
    ork_dtype dtype;
    if (!ork_torch_arg_shape(torch, arg[1], &shape) ||
        !ork_torch_arg_dtype(torch, arg[2], dtype_of(arg[0]), &dtype))
        return NULL;
    return ork_torch_tensor(torch, ork_build_filled(torch->build, dtype, &shape, param));
}

/* (x, size, number, dtype) */
ORK_TORCH_HANDLER(new_full)
{
    ork_shape shape;
    ork_dtype dtype;
    if (!ork_torch_arg_shape(torch, arg[1], &shape) ||
        !ork_torch_arg_dtype(torch, arg[3], dtype_of(arg[0]), &dtype))
        return NULL;
    return ork_torch_tensor(
        torch, ork_build_filled(torch->build, dtype, &shape, ork_torch_as_double(arg[2])));
}

/* (number, dtype) */
ORK_TORCH_HANDLER(scalar)
{
    ork_dtype dtype;
    if (!ork_torch_arg_dtype(torch, arg[1], ORK_F32, &dtype))
        return NULL;
    return ork_torch_tensor(torch,
                            ork_build_scalar(torch->build, dtype, ork_torch_as_double(arg[0])));
}

static ork_torch_value *sequence(ork_torch *torch, double begin, double step, double count,
                                 ork_dtype dtype)
{
    if (!(count >= 0 && count <= INT32_MAX))
        return ork_build_bad_shape(torch->build, "a sequence of %g numbers", count);
    ork_shape shape = {1, {(int64_t)count}};
    void *data;
    ork_value *constant = ork_build_constant(torch->build, dtype, &shape, &data);
    for (int64_t i = 0; constant && i < shape.dim[0]; i++)
        ork_element_set(dtype, data, i, begin + (double)i * step);
    return ork_torch_tensor(torch, constant);
}

static ork_torch_value *range(ork_torch *torch, const ork_torch_value *begin,
                              const ork_torch_value *end, const ork_torch_value *step,
                              const ork_torch_value *type)
{
    bool is_float = begin->kind == ORK_TORCH_FLOAT || end->kind == ORK_TORCH_FLOAT ||
                    step->kind == ORK_TORCH_FLOAT;
    double from = ork_torch_as_double(begin), by = ork_torch_as_double(step);
    ork_dtype dtype;
    if (!ork_torch_arg_dtype(torch, type, is_float ? ORK_F32 : ORK_I64, &dtype))
        return NULL;
    return sequence(torch, from, by, ceil((ork_torch_as_double(end) - from) / by), dtype);
}

/* (end, dtype), (begin, end, dtype), (begin, end, step, dtype) */
ORK_TORCH_HANDLER(range_to)
{
    return range(torch, ork_torch_int(torch, 0), arg[0], ork_torch_int(torch, 1), arg[1]);
}

ORK_TORCH_HANDLER(range_between)
{
    return range(torch, arg[0], arg[1], ork_torch_int(torch, 1), arg[2]);
}

ORK_TORCH_HANDLER(range_by_step)
{
    return range(torch, arg[0], arg[1], arg[2], arg[3]);
}

/* (begin, end, count, dtype) */
ORK_TORCH_HANDLER(linspace)
{
    double from = ork_torch_as_double(arg[0]), to = ork_torch_as_double(arg[1]);
    double count = (double)ork_torch_as_int(arg[2]);
    ork_dtype dtype;
    if (!ork_torch_arg_dtype(torch, arg[3], ORK_F32, &dtype))
        return NULL;
    return sequence(torch, from, count > 1 ? (to - from) / (count - 1) : 0, count, dtype);
}

/* (begin, end, count, base, dtype) */
ORK_TORCH_HANDLER(logspace)
{
    ork_torch_value *all[] = {arg[0], arg[1], arg[2], arg[4]};
    ork_torch_value *powers = ork_torch_op_linspace(torch, all, 0);
    return powers ? ork_torch_binary(torch, ORK_OP_POW, arg[3], powers, true) : NULL;
}

/* Sums of cosines: Hann, Hamming, Blackman. */
static const double window_terms[][3] = {{0.5, 0.5, 0}, {0.54, 0.46, 0}, {0.42, 0.5, 0.08}};

static ork_torch_value *window(ork_torch *torch, int64_t count, bool periodic, const double *terms)
{
    const double pi = 3.14159265358979323846;
    ork_shape shape = ork_shape_of(1, &count);
    void *data;
    if (count < 0)
        return ork_build_bad_shape(torch->build, "a window of %lld", (long long)count);
    ork_value *values = ork_build_constant(torch->build, ORK_F32, &shape, &data);
    double period = (double)(periodic ? count : count - 1);
    for (int64_t i = 0; values && i < count; i++) {
        double at = period > 0 ? 2 * pi * (double)i / period : pi;
        ork_element_set(ORK_F32, data, i, terms[0] - terms[1] * cos(at) + terms[2] * cos(2 * at));
    }
    return ork_torch_tensor(torch, values);
}

/* (count, dtype); param is which. */
ORK_TORCH_HANDLER(window)
{
    return window(torch, ork_torch_as_int(arg[0]), true, window_terms[param]);
}

/* (count, periodic, dtype) */
ORK_TORCH_HANDLER(window_periodic)
{
    return window(torch, ork_torch_as_int(arg[0]), arg[1]->boolean, window_terms[param]);
}

/* (rows, columns, offset): places of a triangle, param the upper one: [2, count] */
ORK_TORCH_HANDLER(triangle_indices)
{
    int64_t rows = ork_torch_as_int(arg[0]), columns = ork_torch_as_int(arg[1]), count = 0;
    ork_shape all = ork_shape_of(2, (int64_t[]){rows, columns});
    if (rows < 0 || columns < 0 || !ork_build_spend(torch->build, &all, ORK_I64))
        return NULL;
    int64_t *places = ORK_NEW_ARRAY(torch->arena, int64_t, (size_t)(rows * columns) + 1);
    for (int64_t i = 0; i < rows * columns; i++) {
        int64_t above = i % columns - i / columns - ork_torch_as_int(arg[2]);
        if (param ? above >= 0 : above <= 0)
            places[count++] = i;
    }
    ork_shape shape = ork_shape_of(2, (int64_t[]){2, count});
    void *data;
    ork_value *indices = ork_build_constant(torch->build, ORK_I64, &shape, &data);
    for (int64_t i = 0; indices && i < count; i++) {
        ((int64_t *)data)[i] = places[i] / columns;
        ((int64_t *)data)[count + i] = places[i] % columns;
    }
    return ork_torch_tensor(torch, indices);
}

/* What x.fill_(number) puts into x. */
ORK_TORCH_HANDLER(fill)
{
    ork_value *number = ork_torch_graph_value(torch, arg[1]);
    return number && number->type.shape.rank == 0 ? arg[1]
           : number ? ork_build_bad_shape(torch->build, "filling with more than one number")
                    : NULL;
}

ORK_TORCH_HANDLER(zero)
{
    return ork_torch_int(torch, 0);
}

/* (tensors, indexing): grids of coordinates; "xy" swaps the first two axes. */
ORK_TORCH_HANDLER(meshgrid)
{
    size_t count = arg[0]->list.count;
    bool is_xy = arg[1]->kind == ORK_TORCH_STRING && arg[1]->text[0] == 'x' && count > 1;
    ork_shape grid = {.rank = (int)count};
    if (count > ORK_MAX_RANK)
        return ork_build_unsupported(torch->build, "more than %d axes", ORK_MAX_RANK);
    ork_torch_value **items = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, count + 1);
    for (int i = 0; i < grid.rank; i++) {
        ork_shape shape = ork_torch_shape(arg[0]->list.items[i]);
        int axis = is_xy && i < 2 ? 1 - i : i;
        if (shape.rank > 1)
            return ork_build_bad_shape(torch->build, "a tensor with %d axes", shape.rank);
        grid.dim[axis] = ork_shape_count(&shape);
    }
    for (int i = 0; i < grid.rank; i++) {
        ork_shape shape = {.rank = grid.rank};
        int axis = is_xy && i < 2 ? 1 - i : i;
        for (int d = 0; d < grid.rank; d++)
            shape.dim[d] = d == axis ? grid.dim[d] : 1;
        ork_value *row = ork_torch_graph_value(torch, arg[0]->list.items[i]);
        row = ork_build_reshape(torch->build, row, &shape);
        items[i] = ork_torch_tensor(torch, ork_build_expand(torch->build, row, &grid));
        if (!items[i])
            return NULL;
    }
    return ork_torch_list(torch, ORK_TORCH_LIST, items, count);
}

ORK_TORCH_HANDLER(device)
{
    return ork_torch_text(torch, ORK_TORCH_DEVICE, arg[0]->text);
}
