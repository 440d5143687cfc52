/* SPDX-License-Identifier: Apache-2.0 */
/* Products of several kinds, triangles, diagonals, distances. */
#include "torch.h"

#include <stdio.h>
#include <string.h>

/* ---- products ---- */

static ork_value **graph_values(ork_torch *torch, const ork_torch_value *list)
{
    ork_value **values = ORK_NEW_ARRAY(torch->arena, ork_value *, list->list.count + 1);
    for (size_t i = 0; i < list->list.count; i++)
        if (!(values[i] = ork_torch_graph_value(torch, list->list.items[i])))
            return NULL;
    return values;
}

/* (equation, tensors, path) */
ORK_TORCH_HANDLER(einsum)
{
    ork_value **operands = graph_values(torch, arg[1]);
    if (!operands || arg[1]->list.count > 64)
        return operands ? ork_build_unsupported(torch->build, "so many tensors") : NULL;
    return ork_torch_tensor(
        torch, ork_build_einsum(torch->build, arg[0]->text, operands, (int)arg[1]->list.count));
}

/* An einsum of two tensors. */
static ork_torch_value *einsum_of_two(ork_torch *torch, const char *equation, ork_torch_value *a,
                                      ork_torch_value *b)
{
    ork_value *operands[] = {ork_torch_graph_value(torch, a), NULL};
    operands[1] = operands[0] ? ork_torch_graph_value(torch, b) : NULL;
    return operands[1]
               ? ork_torch_tensor(torch, ork_build_einsum(torch->build, equation, operands, 2))
               : NULL;
}

/* (a, b): a_i b_j */
ORK_TORCH_HANDLER(outer)
{
    ork_torch_value *column = NULL;
    ork_shape shape = ork_torch_shape(arg[0]);
    ork_value *a = ork_torch_graph_value(torch, arg[0]);
    if (a && shape.rank == 1)
        column = ork_torch_tensor(
            torch, ork_build_reshape_to(torch->build, a, 2, (int64_t[]){shape.dim[0], 1}));
    return column ? ork_torch_binary(torch, ORK_OP_MUL, column, arg[1], false) : NULL;
}

/* (a, b): sums over the last axes of both */
ORK_TORCH_HANDLER(inner)
{
    if (ork_torch_shape(arg[0]).rank == 0 || ork_torch_shape(arg[1]).rank == 0)
        return ork_torch_binary(torch, ORK_OP_MUL, arg[0], arg[1], false);
    char equation[4 * ORK_MAX_RANK], *at = equation;
    int ranks[] = {ork_torch_shape(arg[0]).rank, ork_torch_shape(arg[1]).rank};
    for (int k = 0, letter = 0; k < 2; k++) {
        for (int i = 0; i + 1 < ranks[k]; i++)
            *at++ = (char)('a' + letter++);
        *at++ = 'z';
        *at++ = k == 0 ? ',' : '\0';
    }
    return einsum_of_two(torch, equation, arg[0], arg[1]);
}

/* (a, b, axes of a, axes of b) */
ORK_TORCH_HANDLER(tensor_dot)
{
    ork_ints axes[2];
    char letters[2][ORK_MAX_RANK], equation[2 * ORK_MAX_RANK + 2];
    int ranks[] = {ork_torch_shape(arg[0]).rank, ork_torch_shape(arg[1]).rank};
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < ranks[k]; i++)
            letters[k][i] = (char)('a' + k * ORK_MAX_RANK + i);
        if (!ork_torch_arg_ints(torch, arg[2 + k], &axes[k]))
            return NULL;
    }
    for (int i = 0; i < axes[0].count; i++) {
        int a, b;
        if (axes[1].count != axes[0].count ||
            !ork_torch_arg_axis(torch, ork_torch_int(torch, axes[0].v[i]), ranks[0], &a) ||
            !ork_torch_arg_axis(torch, ork_torch_int(torch, axes[1].v[i]), ranks[1], &b))
            return NULL;
        letters[1][b] = letters[0][a];
    }
    snprintf(equation, sizeof(equation), "%.*s,%.*s", ranks[0], letters[0], ranks[1], letters[1]);
    return einsum_of_two(torch, equation, arg[0], arg[1]);
}

/* (self, matrix or batch, vector or batch, beta, alpha): self beta + product alpha; param 0: matrix
   and vector, 1: two vectors, 2: batches, summed. */
ORK_TORCH_HANDLER(add_product)
{
    static const char *const equations[] = {"ij,j->i", "i,j->ij", "bij,bjk->ik"};
    ork_torch_value *y = einsum_of_two(torch, equations[param], arg[1], arg[2]);
    y = y ? ork_torch_binary(torch, ORK_OP_MUL, y, arg[4], false) : NULL;
    ork_torch_value *addend = y ? ork_torch_binary(torch, ORK_OP_MUL, arg[0], arg[3], false) : NULL;
    return addend ? ork_torch_binary(torch, ORK_OP_ADD, addend, y, false) : NULL;
}

/* (a, b, weight, bias): a^T weight b for each row of both */
ORK_TORCH_HANDLER(bilinear_product)
{
    ork_value *operands[3];
    for (int i = 0; i < 3; i++)
        if (!(operands[i] = ork_torch_graph_value(torch, arg[i])))
            return NULL;
    ork_value *ordered[] = {operands[0], operands[2], operands[1]};
    ork_torch_value *y =
        ork_torch_tensor(torch, ork_build_einsum(torch->build, "...i,kij,...j->...k", ordered, 3));
    if (!y || arg[3]->kind == ORK_TORCH_NONE)
        return y;
    return ork_torch_binary(torch, ORK_OP_ADD, y, arg[3], false);
}

/* (a, b): blocks a_ij b */
ORK_TORCH_HANDLER(kronecker)
{
    ork_shape a = ork_torch_shape(arg[0]), b = ork_torch_shape(arg[1]);
    if (a.rank != 2 || b.rank != 2)
        return ork_build_unsupported(torch->build, "tensors that are no matrices");
    ork_torch_value *y = einsum_of_two(torch, "ij,kl->ikjl", arg[0], arg[1]);
    int64_t dims[] = {a.dim[0] * b.dim[0], a.dim[1] * b.dim[1]};
    ork_value *value = y ? ork_torch_graph_value(torch, y) : NULL;
    return ork_torch_tensor(torch, ork_build_reshape_to(torch->build, value, 2, dims));
}

/* ---- triangles and diagonals ---- */

/* Truth for the elements of [rows, columns] on one side of a diagonal. */
static ork_value *triangle(ork_torch *torch, int64_t rows, int64_t columns, int64_t diagonal,
                           bool upper)
{
    void *data;
    ork_shape shape = ork_shape_of(2, (int64_t[]){rows, columns});
    ork_value *mask = ork_build_constant(torch->build, ORK_BOOL, &shape, &data);
    for (int64_t i = 0; mask && i < rows * columns; i++) {
        int64_t above = i % columns - i / columns - diagonal;
        ork_element_set(ORK_BOOL, data, i, upper ? above >= 0 : above <= 0);
    }
    return mask;
}

static ork_value *chosen(ork_torch *torch, ork_value *mask, ork_value *x)
{
    ork_value *zero = x ? ork_build_scalar(torch->build, x->type.dtype, 0) : NULL;
    ork_value *inputs[] = {mask, x, zero};
    return zero ? ork_build_add(torch->build, ORK_OP_WHERE, NULL, inputs, 3) : NULL;
}

/* (x, diagonal); param: the upper triangle */
ORK_TORCH_HANDLER(triangle)
{
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    int rank = x ? x->type.shape.rank : 0;
    if (rank < 2)
        return x ? ork_build_bad_shape(torch->build, "a triangle of %d axes", rank) : NULL;
    const int64_t *size = x->type.shape.dim + rank - 2;
    ork_value *mask = triangle(torch, size[0], size[1], ork_torch_as_int(arg[1]), param);
    return ork_torch_tensor(torch, chosen(torch, mask, x));
}

/* (x, offset, axis, axis) */
ORK_TORCH_HANDLER(diagonal)
{
    int first, second;
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    if (!x || !ork_torch_arg_axis(torch, arg[2], x->type.shape.rank, &first) ||
        !ork_torch_arg_axis(torch, arg[3], x->type.shape.rank, &second))
        return NULL;
    if (first == second)
        return ork_build_bad_shape(torch->build, "a diagonal of one axis");
    return ork_torch_tensor(
        torch, ork_build_diagonal(torch->build, x, first, second, ork_torch_as_int(arg[1])));
}

/* x as the diagonal of matrices, on the last two axes. */
static ork_value *as_diagonal(ork_torch *torch, ork_value *x, int64_t offset)
{
    ork_shape shape = x->type.shape;
    int rank = shape.rank;
    int64_t away = offset < 0 ? -offset : offset, size = shape.dim[rank - 1];
    if (rank >= ORK_MAX_RANK || away > INT32_MAX)
        return ork_build_unsupported(torch->build, "more than %d axes", ORK_MAX_RANK);
    ork_shape row = shape, matrix = shape;
    row.rank = matrix.rank = rank + 1;
    row.dim[rank - 1] = 1;
    row.dim[rank] = size;
    matrix.dim[rank - 1] = size;
    matrix.dim[rank] = size;
    x = ork_build_reshape(torch->build, x, &row);
    ork_value *y = chosen(torch, triangle(torch, size, size, 0, true), x);
    y = chosen(torch, triangle(torch, size, size, 0, false), y);
    ork_attrs pad = {.pad.before.count = rank + 1, .pad.after.count = rank + 1};
    pad.pad.before.v[offset < 0 ? rank - 1 : rank] = away;
    pad.pad.after.v[offset < 0 ? rank : rank - 1] = away;
    return !y || away == 0 ? y : ork_build_add1(torch->build, ORK_OP_PAD, &pad, y);
}

/* (x, offset): a vector becomes a matrix, a matrix gives its diagonal. */
ORK_TORCH_HANDLER(diag)
{
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    int64_t offset = ork_torch_as_int(arg[1]);
    if (x && x->type.shape.rank == 1)
        return ork_torch_tensor(torch, as_diagonal(torch, x, offset));
    if (x && x->type.shape.rank == 2)
        return ork_torch_tensor(torch, ork_build_diagonal(torch->build, x, 0, 1, offset));
    return x ? ork_build_bad_shape(torch->build, "%d axes", x->type.shape.rank) : NULL;
}

/* (x, offset, axis, axis): only as the last two axes */
ORK_TORCH_HANDLER(diagonal_matrices)
{
    int first, second;
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    int rank = x ? x->type.shape.rank + 1 : 0;
    if (!x || !ork_torch_arg_axis(torch, arg[2], rank, &first) ||
        !ork_torch_arg_axis(torch, arg[3], rank, &second))
        return NULL;
    if (rank < 2 || first != rank - 2 || second != rank - 1)
        return ork_build_unsupported(torch->build, "a diagonal along axes %d and %d", first,
                                     second);
    return ork_torch_tensor(torch, as_diagonal(torch, x, ork_torch_as_int(arg[1])));
}

ORK_TORCH_HANDLER(trace)
{
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    if (!x || x->type.shape.rank != 2)
        return x ? ork_build_bad_shape(torch->build, "%d axes", x->type.shape.rank) : NULL;
    ork_ints axes = {1, {0}};
    x = ork_build_diagonal(torch->build, x, 0, 1, 0);
    return ork_torch_tensor(
        torch, x ? ork_build_reduce(torch->build, ORK_OP_REDUCE_SUM, x, &axes, false) : NULL);
}

/* (rows, dtype), (rows, columns, dtype) */
static ork_torch_value *eye(ork_torch *torch, const ork_torch_value *rows,
                            const ork_torch_value *columns, const ork_torch_value *type)
{
    ork_dtype dtype;
    ork_shape shape =
        ork_shape_of(2, (int64_t[]){ork_torch_as_int(rows), ork_torch_as_int(columns)});
    if (shape.dim[0] < 0 || shape.dim[1] < 0 || !ork_torch_arg_dtype(torch, type, ORK_F32, &dtype))
        return NULL;
    void *data;
    ork_value *matrix = ork_build_constant(torch->build, dtype, &shape, &data);
    for (int64_t i = 0; matrix && i < ork_shape_count(&shape); i++)
        ork_element_set(dtype, data, i, i / shape.dim[1] == i % shape.dim[1]);
    return ork_torch_tensor(torch, matrix);
}

ORK_TORCH_HANDLER(eye)
{
    return eye(torch, arg[0], arg[0], arg[1]);
}

ORK_TORCH_HANDLER(eye_of_two)
{
    return eye(torch, arg[0], arg[1], arg[2]);
}

/* ---- distances ---- */

static ork_torch_value *norm_of(ork_torch *torch, ork_torch_value *x, ork_torch_value *p,
                                int64_t axis, bool keep)
{
    ork_torch_value *all[] = {x, p, ork_torch_int(torch, axis), ork_torch_bool(torch, keep)};
    return x ? ork_torch_op_norm(torch, all, 0) : NULL;
}

/* (a, b, p, epsilon, keep): |a - b + epsilon| along the last axis */
ORK_TORCH_HANDLER(pairwise_distance)
{
    ork_torch_value *gap = ork_torch_binary(torch, ORK_OP_SUB, arg[0], arg[1], true);
    gap = gap ? ork_torch_binary(torch, ORK_OP_ADD, gap, arg[3], false) : NULL;
    return norm_of(torch, gap, arg[2], -1, arg[4]->boolean);
}

/* (a, b, axis, epsilon): sum(a b) / (max(|a|, epsilon) max(|b|, epsilon)) */
ORK_TORCH_HANDLER(cosine_similarity)
{
    int64_t axis = ork_torch_as_int(arg[2]);
    ork_torch_value *product = ork_torch_binary(torch, ORK_OP_MUL, arg[0], arg[1], true);
    ork_torch_value *keep = ork_torch_bool(torch, false),
                    *none = ork_torch_new(torch, ORK_TORCH_NONE);
    ork_torch_value *sum_of[] = {product, arg[2], keep, none};
    ork_torch_value *y = product ? ork_torch_op_sum(torch, sum_of, 0) : NULL;
    for (int i = 0; y && i < 2; i++) {
        ork_torch_value *size = norm_of(torch, arg[i], ork_torch_int(torch, 2), axis, false);
        size = size ? ork_torch_binary(torch, ORK_OP_MAXIMUM, size, arg[3], false) : NULL;
        y = size ? ork_torch_binary(torch, ORK_OP_DIV, y, size, true) : NULL;
    }
    return y;
}

static ork_torch_value *with_axis_of_one(ork_torch *torch, ork_torch_value *x, int from_end)
{
    ork_value *value = ork_torch_graph_value(torch, x);
    ork_shape shape = value ? value->type.shape : (ork_shape){0};
    if (!value || shape.rank < 2 || shape.rank >= ORK_MAX_RANK)
        return NULL;
    int at = shape.rank - from_end;
    memmove(shape.dim + at + 1, shape.dim + at, (size_t)from_end * sizeof(*shape.dim));
    shape.dim[at] = 1;
    shape.rank++;
    return ork_torch_tensor(torch, ork_build_reshape(torch->build, value, &shape));
}

/* (a, b, p, -): distances of all rows of a from all rows of b */
ORK_TORCH_HANDLER(all_distances)
{
    ork_torch_value *a = with_axis_of_one(torch, arg[0], 1),
                    *b = with_axis_of_one(torch, arg[1], 2);
    ork_torch_value *gap = a && b ? ork_torch_binary(torch, ORK_OP_SUB, a, b, true) : NULL;
    return norm_of(torch, gap, arg[2], -1, false);
}
