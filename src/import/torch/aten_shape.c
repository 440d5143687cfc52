/* SPDX-License-Identifier: Apache-2.0 */
/* Other views of a tensor. Most of these share memory with their input in torch, so they are made
   with ork_torch_view and its friends. */
#include "torch.h"

#include <string.h>

/* ---- sizes ---- */

ORK_TORCH_HANDLER(size)
{
    ork_shape shape = ork_torch_shape(arg[0]);
    int axis;
    if (arg[1]->kind != ORK_TORCH_NONE)
        return ork_torch_arg_axis(torch, arg[1], shape.rank, &axis)
                   ? ork_torch_int(torch, shape.dim[axis])
                   : NULL;
    ork_torch_value **items =
        ORK_NEW_ARRAY(torch->arena, ork_torch_value *, (size_t)shape.rank + 1);
    for (int i = 0; i < shape.rank; i++)
        items[i] = ork_torch_int(torch, shape.dim[i]);
    return ork_torch_list(torch, ORK_TORCH_LIST, items, (size_t)shape.rank);
}

ORK_TORCH_HANDLER(numel)
{
    ork_shape shape = ork_torch_shape(arg[0]);
    return ork_torch_int(torch, ork_shape_count(&shape));
}

ORK_TORCH_HANDLER(rank)
{
    return ork_torch_int(torch, ork_torch_shape(arg[0]).rank);
}

ORK_TORCH_HANDLER(length)
{
    ork_shape shape = ork_torch_shape(arg[0]);
    if (arg[0]->kind == ORK_TORCH_TENSOR && shape.rank > 0)
        return ork_torch_int(torch, shape.dim[0]);
    if (!ork_torch_is_sequence(arg[0]))
        return ork_build_unsupported(torch->build, "the length of %s",
                                     ork_torch_kind_names[arg[0]->kind]);
    return ork_torch_int(torch, (int64_t)arg[0]->list.count);
}

/* ---- the same elements under another shape ---- */

/* Replaces one -1 by what is left of the elements. */
static bool resolve_shape(ork_torch *torch, const ork_torch_value *list, const ork_shape *old,
                          ork_shape *out)
{
    ork_ints ints;
    if (!ork_torch_arg_ints(torch, list, &ints))
        return false;
    int64_t known = 1, count = ork_shape_count(old);
    int open = -1;
    for (int i = 0; i < ints.count; i++) {
        if (ints.v[i] == -1 && open < 0) {
            open = i;
            continue;
        }
        if (ints.v[i] < 0 || ints.v[i] > INT32_MAX || known > INT32_MAX)
            return ork_build_bad_shape(torch->build, "a size of %lld", (long long)ints.v[i]) !=
                   NULL;
        known *= ints.v[i];
    }
    if (open >= 0)
        ints.v[open] = known > 0 ? count / known : 0;
    *out = ork_shape_of(ints.count, ints.v);
    return true;
}

static ork_torch_value *reshape_or_copy(ork_torch *torch, ork_torch_value *x,
                                        const ork_shape *shape)
{
    ork_shape old = ork_torch_shape(x);
    if (ork_shape_count(&old) != ork_shape_count(shape) || ork_torch_can_view(x, shape))
        return ork_torch_reshape(torch, x, shape);      /* or its error */
    ork_value *value = ork_torch_graph_value(torch, x); /* torch copies here: not a view */
    return ork_torch_tensor(torch, ork_build_reshape(torch->build, value, shape));
}

ORK_TORCH_HANDLER(reshape)
{
    ork_shape shape, old = ork_torch_shape(arg[0]);
    return resolve_shape(torch, arg[1], &old, &shape) ? reshape_or_copy(torch, arg[0], &shape)
                                                      : NULL;
}

ORK_TORCH_HANDLER(view)
{
    ork_shape shape, old = ork_torch_shape(arg[0]);
    return resolve_shape(torch, arg[1], &old, &shape) ? ork_torch_reshape(torch, arg[0], &shape)
                                                      : NULL;
}

/* The shape of another tensor. */
ORK_TORCH_HANDLER(reshape_as)
{
    ork_shape shape = ork_torch_shape(arg[1]);
    return reshape_or_copy(torch, arg[0], &shape);
}

ORK_TORCH_HANDLER(flatten)
{
    ork_shape old = ork_torch_shape(arg[0]), shape = {0};
    int first, last;
    if (!ork_torch_arg_axis(torch, arg[1], old.rank, &first) ||
        !ork_torch_arg_axis(torch, arg[2], old.rank, &last))
        return NULL;
    if (old.rank == 0)
        return reshape_or_copy(torch, arg[0], &(ork_shape){.rank = 1, .dim = {1}});
    if (first > last)
        return ork_build_bad_shape(torch->build, "axes %d to %d", first, last);
    for (int i = 0; i < old.rank; i++) {
        if (i > first && i <= last)
            shape.dim[shape.rank - 1] *= old.dim[i];
        else
            shape.dim[shape.rank++] = old.dim[i];
    }
    return reshape_or_copy(torch, arg[0], &shape);
}

ORK_TORCH_HANDLER(ravel)
{
    ork_shape old = ork_torch_shape(arg[0]);
    return reshape_or_copy(torch, arg[0], &(ork_shape){.rank = 1, .dim = {ork_shape_count(&old)}});
}

/* param is the fewest axes: a vector becomes a row, a matrix a stack of columns. */
ORK_TORCH_HANDLER(at_least)
{
    ork_shape old = ork_torch_shape(arg[0]), shape = {.rank = param};
    if (old.rank >= param)
        return arg[0];
    int before = old.rank < 2 && param > 1; /* axes of 1 in front */
    for (int i = 0; i < param; i++)
        shape.dim[i] = i >= before && i - before < old.rank ? old.dim[i - before] : 1;
    return reshape_or_copy(torch, arg[0], &shape);
}

/* (x, dim, sizes) */
ORK_TORCH_HANDLER(unflatten)
{
    ork_shape old = ork_torch_shape(arg[0]), part;
    int axis;
    if (!ork_torch_arg_axis(torch, arg[1], old.rank, &axis) || old.rank == 0)
        return NULL;
    ork_shape one = ork_shape_of(1, &old.dim[axis]);
    if (!resolve_shape(torch, arg[2], &one, &part))
        return NULL;
    if (old.rank - 1 + part.rank > ORK_MAX_RANK)
        return ork_build_unsupported(torch->build, "more than %d axes", ORK_MAX_RANK);
    ork_shape shape = {0};
    for (int i = 0; i < old.rank; i++)
        for (int k = 0; k < (i == axis ? part.rank : 1); k++)
            shape.dim[shape.rank++] = i == axis ? part.dim[k] : old.dim[i];
    return ork_torch_reshape(torch, arg[0], &shape);
}

/* (x, axes): those of size 1 go; None means all. */
ORK_TORCH_HANDLER(squeeze)
{
    ork_shape old = ork_torch_shape(arg[0]), shape = {0};
    ork_ints axes;
    if (!ork_torch_arg_axes(torch, arg[1], old.rank, &axes))
        return NULL;
    for (int i = 0; i < old.rank; i++) {
        bool named = false;
        for (int k = 0; k < axes.count; k++)
            named = named || axes.v[k] == i;
        if (!named || old.dim[i] != 1)
            shape.dim[shape.rank++] = old.dim[i];
    }
    return ork_torch_reshape(torch, arg[0], &shape);
}

static bool insert_axis(ork_torch *torch, const ork_shape *old, int axis, int64_t size,
                        ork_shape *out)
{
    if (old->rank >= ORK_MAX_RANK)
        return ork_build_unsupported(torch->build, "more than %d axes", ORK_MAX_RANK) != NULL;
    *out = (ork_shape){.rank = old->rank + 1};
    for (int i = 0; i < out->rank; i++)
        out->dim[i] = i < axis ? old->dim[i] : i == axis ? size : old->dim[i - 1];
    return true;
}

static bool remove_axis(const ork_shape *old, int axis, ork_shape *out)
{
    *out = (ork_shape){0};
    for (int i = 0; i < old->rank; i++)
        if (i != axis)
            out->dim[out->rank++] = old->dim[i];
    return true;
}

ORK_TORCH_HANDLER(unsqueeze)
{
    ork_shape old = ork_torch_shape(arg[0]), shape;
    int axis;
    if (!ork_torch_arg_axis(torch, arg[1], old.rank + 1, &axis) ||
        !insert_axis(torch, &old, axis, 1, &shape))
        return NULL;
    return ork_torch_reshape(torch, arg[0], &shape);
}

/* ---- order of axes ---- */

ORK_TORCH_HANDLER(permute)
{
    ork_ints axes;
    int perm[ORK_MAX_RANK], rank = ork_torch_shape(arg[0]).rank;
    if (!ork_torch_arg_axes(torch, arg[1], rank, &axes))
        return NULL;
    if (axes.count != rank)
        return ork_build_bad_shape(torch->build, "%d axes named of %d", axes.count, rank);
    for (int i = 0; i < rank; i++)
        perm[i] = (int)axes.v[i];
    return ork_torch_transpose(torch, arg[0], perm);
}

ORK_TORCH_HANDLER(transpose)
{
    int perm[ORK_MAX_RANK], a, b, rank = ork_torch_shape(arg[0]).rank;
    if (!ork_torch_arg_axis(torch, arg[1], rank, &a) ||
        !ork_torch_arg_axis(torch, arg[2], rank, &b))
        return NULL;
    for (int i = 0; i < rank; i++)
        perm[i] = i == a ? b : i == b ? a : i;
    return ork_torch_transpose(torch, arg[0], perm);
}

/* The last two axes. */
ORK_TORCH_HANDLER(matrix_transpose)
{
    ork_torch_value *all[] = {arg[0], ork_torch_int(torch, -1), ork_torch_int(torch, -2)};
    return ork_torch_op_transpose(torch, all, 0);
}

/* (x, axis, size, step): windows along an axis, their elements as the last axis. */
ORK_TORCH_HANDLER(unfold)
{
    int axis, perm[ORK_MAX_RANK], rank = ork_torch_shape(arg[0]).rank;
    int64_t size = ork_torch_as_int(arg[2]), step = ork_torch_as_int(arg[3]);
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    if (!x || !ork_torch_arg_axis(torch, arg[1], rank, &axis) || rank < 1 || rank >= ORK_MAX_RANK ||
        size < 1 || step < 1 || size > x->type.shape.dim[axis])
        return x ? ork_build_bad_shape(torch->build, "windows of %lld", (long long)size) : NULL;
    int64_t count = (x->type.shape.dim[axis] - size) / step + 1;
    ork_shape shape = ork_shape_of(2, (int64_t[]){count, size});
    void *data;
    ork_value *index = ork_build_constant(torch->build, ORK_I64, &shape, &data);
    for (int64_t i = 0; index && i < count * size; i++)
        ((int64_t *)data)[i] = i / size * step + i % size;
    for (int i = 0; i <= rank; i++)
        perm[i] = i == rank ? axis + 1 : i <= axis ? i : i + 1;
    x = index ? ork_build_gather(torch->build, x, axis, index) : NULL;
    return ork_torch_tensor(torch, ork_build_transpose(torch->build, x, perm));
}

/* All axes in reverse order. */
ORK_TORCH_HANDLER(reverse_axes)
{
    int perm[ORK_MAX_RANK], rank = ork_torch_shape(arg[0]).rank;
    for (int i = 0; i < rank; i++)
        perm[i] = rank - 1 - i;
    return ork_torch_transpose(torch, arg[0], perm);
}

/* (x, source, destination) */
ORK_TORCH_HANDLER(move_axis)
{
    ork_ints from, to;
    int perm[ORK_MAX_RANK], rank = ork_torch_shape(arg[0]).rank;
    if (!ork_torch_arg_axes(torch, arg[1], rank, &from) ||
        !ork_torch_arg_axes(torch, arg[2], rank, &to) || from.count != to.count)
        return ork_build_unsupported(torch->build, "these axes");
    bool is_moved[ORK_MAX_RANK] = {false};
    for (int i = 0; i < rank; i++)
        perm[i] = -1;
    for (int i = 0; i < from.count; i++) {
        perm[to.v[i]] = (int)from.v[i];
        is_moved[from.v[i]] = true;
    }
    for (int i = 0, next = 0; i < rank; i++) {
        while (next < rank && is_moved[next])
            next++;
        if (perm[i] < 0)
            perm[i] = next++;
    }
    return ork_torch_transpose(torch, arg[0], perm);
}

/* ---- parts ---- */

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

static ork_torch_value *slice_list(ork_torch *torch, ork_torch_value **arg)
{
    int64_t count = (int64_t)arg[0]->list.count;
    int64_t begin = arg[1]->kind == ORK_TORCH_NONE ? 0 : ork_torch_as_int(arg[1]);
    int64_t end = arg[2]->kind == ORK_TORCH_NONE ? count : ork_torch_as_int(arg[2]);
    if (ork_torch_as_int(arg[3]) != 1)
        return ork_build_unsupported(torch->build, "a list in steps");
    begin = clamp(begin < 0 ? begin + count : begin, 0, count);
    end = clamp(end < 0 ? end + count : end, begin, count);
    return ork_torch_list(torch, arg[0]->kind, arg[0]->list.items + begin, (size_t)(end - begin));
}

/* (list, begin, end, step) */
ORK_TORCH_HANDLER(slice_list)
{
    if (!ork_torch_is_sequence(arg[0]))
        return ork_build_unsupported(torch->build, "a part of %s",
                                     ork_torch_kind_names[arg[0]->kind]);
    return slice_list(torch, arg);
}

/* (x, axis, begin, end, step) */
ORK_TORCH_HANDLER(slice)
{
    ork_shape shape = ork_torch_shape(arg[0]);
    int axis;
    if (!ork_torch_arg_axis(torch, arg[1], shape.rank, &axis))
        return NULL;
    int64_t size = shape.rank ? shape.dim[axis] : 0, step = ork_torch_as_int(arg[4]);
    int64_t begin = arg[2]->kind == ORK_TORCH_NONE ? 0 : ork_torch_as_int(arg[2]);
    int64_t end = arg[3]->kind == ORK_TORCH_NONE ? size : ork_torch_as_int(arg[3]);
    if (shape.rank == 0 || step < 1)
        return ork_build_bad_shape(torch->build, "a part of a number, or a step of %lld",
                                   (long long)step);
    begin = clamp(begin < 0 ? begin + size : begin, 0, size);
    end = clamp(end < 0 ? end + size : end, begin, size);
    return ork_torch_slice(torch, arg[0], axis, begin, end, step);
}

/* (x, axis, begin, length) */
ORK_TORCH_HANDLER(narrow)
{
    ork_shape shape = ork_torch_shape(arg[0]);
    int axis;
    if (!ork_torch_arg_axis(torch, arg[1], shape.rank, &axis) || shape.rank == 0)
        return NULL;
    int64_t begin = ork_torch_as_int(arg[2]), length = ork_torch_as_int(arg[3]);
    begin += begin < 0 ? shape.dim[axis] : 0;
    if (begin < 0 || length < 0 || begin > shape.dim[axis] || length > shape.dim[axis] - begin)
        return ork_build_bad_shape(torch->build, "%lld elements from %lld on", (long long)length,
                                   (long long)begin);
    return ork_torch_slice(torch, arg[0], axis, begin, begin + length, 1);
}

static ork_torch_value *select_one(ork_torch *torch, ork_torch_value *x, int axis, int64_t index)
{
    ork_shape shape = ork_torch_shape(x), without;
    index += index < 0 ? shape.dim[axis] : 0;
    if (index < 0 || index >= shape.dim[axis])
        return ork_build_bad_shape(torch->build, "index %lld is out of range", (long long)index);
    ork_torch_value *part = ork_torch_slice(torch, x, axis, index, index + 1, 1);
    remove_axis(&shape, axis, &without);
    return part ? ork_torch_reshape(torch, part, &without) : NULL;
}

ORK_TORCH_HANDLER(select)
{
    int axis, rank = ork_torch_shape(arg[0]).rank;
    if (!ork_torch_arg_axis(torch, arg[1], rank, &axis) || rank == 0)
        return NULL;
    return select_one(torch, arg[0], axis, ork_torch_as_int(arg[2]));
}

/* torch.select of a list is its item. */
ORK_TORCH_HANDLER(list_item)
{
    int64_t index = ork_torch_as_int(arg[1]);
    if (!ork_torch_is_sequence(arg[0]))
        return ork_build_unsupported(torch->build, "an item of %s",
                                     ork_torch_kind_names[arg[0]->kind]);
    index += index < 0 ? (int64_t)arg[0]->list.count : 0;
    if (index < 0 || index >= (int64_t)arg[0]->list.count)
        return ork_build_unsupported(torch->build, "index %lld is out of range", (long long)index);
    return arg[0]->list.items[index];
}

enum { MAX_PARTS = 1 << 16 };

/* Cuts an axis into parts that end at ends[i]. */
static ork_torch_value *cut(ork_torch *torch, ork_torch_value *x, int axis, const int64_t *ends,
                            size_t count)
{
    ork_torch_value **items = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, count + 1);
    int64_t begin = 0, size = ork_torch_shape(x).dim[axis];
    for (size_t i = 0; i < count; i++) {
        int64_t end = clamp(ends[i], begin, size);
        items[i] = ork_torch_slice(torch, x, axis, begin, end, 1);
        if (!items[i])
            return NULL;
        begin = end;
    }
    return ork_torch_list(torch, ORK_TORCH_LIST, items, count);
}

static ork_torch_value *cut_evenly(ork_torch *torch, ork_torch_value *x, int axis, int64_t length)
{
    int64_t size = ork_torch_shape(x).dim[axis];
    if (length < 1 || (size + length - 1) / length > MAX_PARTS)
        return ork_build_bad_shape(torch->build, "parts of %lld elements", (long long)length);
    size_t count = size > 0 ? (size_t)((size + length - 1) / length) : 1;
    int64_t *ends = ORK_NEW_ARRAY(torch->arena, int64_t, count);
    for (size_t i = 0; i < count; i++)
        ends[i] = (int64_t)(i + 1) * length;
    return cut(torch, x, axis, ends, count);
}

static bool part_axis(ork_torch *torch, ork_torch_value *x, const ork_torch_value *dim, int *axis)
{
    int rank = ork_torch_shape(x).rank;
    if (rank == 0)
        return ork_build_bad_shape(torch->build, "parts of a number") != NULL;
    return ork_torch_arg_axis(torch, dim, rank, axis);
}

/* (x, chunks, axis) */
ORK_TORCH_HANDLER(chunk)
{
    int axis;
    int64_t chunks = ork_torch_as_int(arg[1]);
    if (!part_axis(torch, arg[0], arg[2], &axis))
        return NULL;
    if (chunks < 1 || chunks > MAX_PARTS)
        return ork_build_bad_shape(torch->build, "%lld parts", (long long)chunks);
    int64_t size = ork_torch_shape(arg[0]).dim[axis];
    return cut_evenly(torch, arg[0], axis, size > 0 ? (size + chunks - 1) / chunks : 1);
}

/* (x, length or lengths, axis) */
ORK_TORCH_HANDLER(split)
{
    int axis;
    if (!part_axis(torch, arg[0], arg[2], &axis))
        return NULL;
    if (!ork_torch_is_sequence(arg[1]))
        return cut_evenly(torch, arg[0], axis, ork_torch_as_int(arg[1]));
    size_t count = arg[1]->list.count;
    int64_t *ends = ORK_NEW_ARRAY(torch->arena, int64_t, count + 1), end = 0;
    for (size_t i = 0; i < count; i++) {
        end =
            clamp(end + clamp(ork_torch_as_int(arg[1]->list.items[i]), 0, INT32_MAX), 0, INT32_MAX);
        ends[i] = end;
    }
    return cut(torch, arg[0], axis, ends, count);
}

/* (x, number of parts or places to cut at, axis) */
ORK_TORCH_HANDLER(tensor_split)
{
    int axis;
    if (!part_axis(torch, arg[0], arg[2], &axis))
        return NULL;
    int64_t size = ork_torch_shape(arg[0]).dim[axis];
    bool is_list = ork_torch_is_sequence(arg[1]);
    int64_t parts = is_list ? (int64_t)arg[1]->list.count + 1 : ork_torch_as_int(arg[1]);
    if (parts < 1 || parts > MAX_PARTS)
        return ork_build_bad_shape(torch->build, "%lld parts", (long long)parts);
    int64_t *ends = ORK_NEW_ARRAY(torch->arena, int64_t, (size_t)parts);
    for (int64_t i = 0; i < parts; i++) {
        ends[i] = (i + 1) * (size / parts) + (i + 1 < size % parts ? i + 1 : size % parts);
        if (is_list && i + 1 < parts)
            ends[i] = ork_torch_as_int(arg[1]->list.items[i]);
        ends[i] += is_list && i + 1 < parts && ends[i] < 0 ? size : 0;
    }
    ends[parts - 1] = size;
    return cut(torch, arg[0], axis, ends, (size_t)parts);
}

/* (x, parts); param is the axis, which is the first of a vector. */
ORK_TORCH_HANDLER(tensor_split_along)
{
    int axis = param == 1 && ork_torch_shape(arg[0]).rank == 1 ? 0 : param;
    ork_torch_value *all[] = {arg[0], arg[1], ork_torch_int(torch, axis)};
    return ork_torch_op_tensor_split(torch, all, 0);
}

ORK_TORCH_HANDLER(unbind)
{
    int axis;
    if (!part_axis(torch, arg[0], arg[1], &axis))
        return NULL;
    int64_t count = ork_torch_shape(arg[0]).dim[axis];
    if (count > MAX_PARTS)
        return ork_build_bad_shape(torch->build, "%lld parts", (long long)count);
    ork_torch_value **items = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, (size_t)count + 1);
    for (int64_t i = 0; i < count; i++)
        if (!(items[i] = select_one(torch, arg[0], axis, i)))
            return NULL;
    return ork_torch_list(torch, ORK_TORCH_LIST, items, (size_t)count);
}

/* ---- broadcasting ---- */

static ork_torch_value *expand_to(ork_torch *torch, ork_torch_value *x, ork_ints wanted)
{
    ork_shape old = ork_torch_shape(x), shape = {.rank = wanted.count};
    if (wanted.count < old.rank)
        return ork_build_bad_shape(torch->build, "fewer axes than the tensor has");
    for (int i = 0; i < wanted.count; i++) {
        int from = i - (wanted.count - old.rank);
        bool keeps = wanted.v[i] == -1 && from >= 0;
        if (!keeps && (wanted.v[i] < 0 || wanted.v[i] > INT32_MAX))
            return ork_build_bad_shape(torch->build, "a size of %lld", (long long)wanted.v[i]);
        shape.dim[i] = keeps ? old.dim[from] : wanted.v[i];
    }
    return ork_torch_expand(torch, x, &shape);
}

ORK_TORCH_HANDLER(expand)
{
    ork_ints wanted;
    return ork_torch_arg_ints(torch, arg[1], &wanted) ? expand_to(torch, arg[0], wanted) : NULL;
}

ORK_TORCH_HANDLER(expand_as)
{
    ork_shape shape = ork_torch_shape(arg[1]);
    return ork_torch_expand(torch, arg[0], &shape);
}

/* The shape that all broadcast to. */
static bool broadcast_shape(ork_torch *torch, const ork_torch_value *list, ork_shape *out)
{
    *out = (ork_shape){0};
    for (size_t i = 0; i < list->list.count; i++) {
        ork_shape next = ork_torch_shape(list->list.items[i]), all = next;
        if (out->rank > all.rank)
            all = *out;
        for (int d = 1; d <= all.rank; d++) {
            int64_t a = d <= out->rank ? out->dim[out->rank - d] : 1;
            int64_t b = d <= next.rank ? next.dim[next.rank - d] : 1;
            if (a != b && a != 1 && b != 1)
                return ork_build_bad_shape(torch->build, "shapes that do not broadcast") != NULL;
            all.dim[all.rank - d] = a == 1 ? b : a;
        }
        *out = all;
    }
    return true;
}

/* (tensors) */
ORK_TORCH_HANDLER(broadcast_tensors)
{
    ork_shape shape;
    size_t count = arg[0]->list.count;
    if (!broadcast_shape(torch, arg[0], &shape))
        return NULL;
    ork_torch_value **items = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, count + 1);
    for (size_t i = 0; i < count; i++)
        if (!(items[i] = ork_torch_expand(torch, arg[0]->list.items[i], &shape)))
            return NULL;
    return ork_torch_list(torch, ORK_TORCH_LIST, items, count);
}

/* ---- nothing, or a copy ---- */

ORK_TORCH_HANDLER(same)
{
    return arg[0];
}

ORK_TORCH_HANDLER(copy)
{
    if (arg[0]->kind == ORK_TORCH_TENSOR)
        return ork_torch_tensor(torch, ork_torch_graph_value(torch, arg[0]));
    ork_torch_value *number = ork_torch_new(torch, arg[0]->kind);
    *number = *arg[0];
    return number;
}

ORK_TORCH_HANDLER(contiguous)
{
    return ork_torch_is_contiguous(arg[0]) ? arg[0] : ork_torch_op_copy(torch, arg, 0);
}

/* What x_.copy_(y) puts into x_. */
ORK_TORCH_HANDLER(second)
{
    return arg[1];
}

static ork_torch_value *cast_number(ork_torch *torch, ork_torch_value *number, ork_dtype dtype)
{
    if (ork_dtype_table[dtype].is_float)
        return ork_torch_float(torch, ork_torch_as_double(number), true);
    return dtype == ORK_BOOL ? ork_torch_bool(torch, ork_torch_as_double(number) != 0)
                             : ork_torch_int(torch, ork_torch_as_int(number));
}

static ork_torch_value *cast_to(ork_torch *torch, ork_torch_value *x, ork_dtype dtype)
{
    if (ork_torch_is_number(x))
        return cast_number(torch, x, dtype);
    ork_value *value = ork_torch_graph_value(torch, x);
    if (!value || value->type.dtype == dtype)
        return value ? x : NULL;
    return ork_torch_tensor(torch, ork_build_cast(torch->build, value, dtype));
}

/* The place of the dtype among the arguments is param. */
ORK_TORCH_HANDLER(to)
{
    ork_dtype dtype;
    if (arg[param]->kind == ORK_TORCH_NONE)
        return arg[0];
    return ork_torch_arg_dtype(torch, arg[param], ORK_F32, &dtype) ? cast_to(torch, arg[0], dtype)
                                                                   : NULL;
}

/* Type of another tensor. */
ORK_TORCH_HANDLER(type_as)
{
    ork_value *other = ork_torch_graph_value(torch, arg[1]);
    return other ? cast_to(torch, arg[0], other->type.dtype) : NULL;
}

ORK_TORCH_HANDLER(to_number)
{
    ork_torch_value *number = ork_torch_to_number(torch, arg[0]);
    if (!number && ork_diag_error_id(torch->diag) == ORK_ERR_NONE)
        return ork_build_unsupported(torch->build,
                                     "a number that is known only when the network runs");
    return number;
}

ORK_TORCH_HANDLER(to_float)
{
    return cast_to(torch, arg[0], ORK_F32);
}
