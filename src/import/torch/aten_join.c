/* SPDX-License-Identifier: Apache-2.0 */
/* Joining, repeating, padding and picking elements: results that are new tensors. */
#include "torch.h"

#include <string.h>

/* ---- joining ---- */

/* Graph values of a list, brought to the first one's type when they differ. */
static ork_value **parts_of(ork_torch *torch, const ork_torch_value *list, int *count)
{
    ork_value **parts = ORK_NEW_ARRAY(torch->arena, ork_value *, list->list.count + 1);
    *count = 0;
    for (size_t i = 0; i < list->list.count; i++) {
        ork_value *part = ork_torch_graph_value(torch, list->list.items[i]);
        if (!part)
            return NULL;
        bool is_empty = part->type.shape.rank == 1 && part->type.shape.dim[0] == 0;
        if (!is_empty)
            parts[(*count)++] = part;
    }
    for (int i = 1; i < *count; i++)
        if (ork_dtype_table[parts[i]->type.dtype].is_float)
            parts[0] = ork_build_cast(torch->build, parts[0], ORK_F32);
    for (int i = 1; i < *count && parts[0]; i++)
        if (!(parts[i] = ork_build_cast(torch->build, parts[i], parts[0]->type.dtype)))
            return NULL;
    if (*count == 0 || !parts[0])
        return ork_build_bad_shape(torch->build, "nothing to join");
    return parts;
}

ORK_TORCH_HANDLER(cat)
{
    int count, axis;
    ork_value **parts = parts_of(torch, arg[0], &count);
    if (!parts || !ork_torch_arg_axis(torch, arg[1], parts[0]->type.shape.rank, &axis))
        return NULL;
    return ork_torch_tensor(torch, ork_build_concat(torch->build, parts, count, axis));
}

ORK_TORCH_HANDLER(stack)
{
    int count, axis;
    ork_value **parts = parts_of(torch, arg[0], &count);
    if (!parts || !ork_torch_arg_axis(torch, arg[1], parts[0]->type.shape.rank + 1, &axis))
        return NULL;
    for (int i = 0; i < count; i++) {
        ork_shape old = parts[i]->type.shape, shape = {.rank = old.rank + 1};
        if (old.rank >= ORK_MAX_RANK || axis > old.rank)
            return ork_build_bad_shape(torch->build, "tensors with different axes, or too many");
        for (int d = 0; d < shape.rank; d++)
            shape.dim[d] = d < axis ? old.dim[d] : d == axis ? 1 : old.dim[d - 1];
        parts[i] = ork_build_reshape(torch->build, parts[i], &shape);
    }
    return ork_torch_tensor(torch, ork_build_concat(torch->build, parts, count, axis));
}

static ork_torch_value *each(ork_torch *torch, const ork_torch_value *list,
                             ork_torch_handler handler, int param)
{
    ork_torch_value **items = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, list->list.count + 1);
    for (size_t i = 0; i < list->list.count; i++)
        if (!(items[i] = handler(torch, &list->list.items[i], param)))
            return NULL;
    return ork_torch_list(torch, ORK_TORCH_LIST, items, list->list.count);
}

static ork_torch_value *cat_along(ork_torch *torch, ork_torch_value *list, int axis)
{
    ork_torch_value *all[] = {list, ork_torch_int(torch, axis)};
    return list ? ork_torch_op_cat(torch, all, 0) : NULL;
}

/* param is the axis, which vectors do not have for rows: they lie along the first. */
ORK_TORCH_HANDLER(stack_along)
{
    static const int fewest[] = {2, 1, 3};
    ork_torch_value *list = each(torch, arg[0], ork_torch_op_at_least, fewest[param]);
    bool are_vectors =
        list && list->list.count > 0 && ork_torch_shape(list->list.items[0]).rank == 1;
    return cat_along(torch, list, are_vectors ? 0 : param);
}

/* A vector as a column; others as they are. */
static ork_torch_value *as_column(ork_torch *torch, ork_torch_value **arg, int param)
{
    (void)param;
    ork_shape shape = ork_torch_shape(arg[0]);
    if (shape.rank > 1)
        return arg[0];
    int64_t dims[] = {ork_shape_count(&shape), 1};
    return ork_torch_tensor(
        torch, ork_build_reshape_to(torch->build, ork_torch_graph_value(torch, arg[0]), 2, dims));
}

ORK_TORCH_HANDLER(column_stack)
{
    return cat_along(torch, each(torch, arg[0], as_column, 0), 1);
}

/* ---- repeating ---- */

enum { MAX_REPEATS = 4096 };

static ork_value *repeat_axis(ork_torch *torch, ork_value *x, int axis, int64_t times)
{
    if (!x || times == 1)
        return x;
    if (times < 1 || times > MAX_REPEATS)
        return ork_build_bad_shape(torch->build, "%lld repetitions", (long long)times);
    ork_value **parts = ORK_NEW_ARRAY(torch->arena, ork_value *, (size_t)times);
    for (int64_t i = 0; i < times; i++)
        parts[i] = x;
    return ork_build_concat(torch->build, parts, (int)times, axis);
}

/* An axis of size 1 is expanded rather than joined to itself. */
static ork_value *repeat(ork_torch *torch, ork_value *x, const ork_ints *times)
{
    ork_shape shape = x->type.shape;
    for (int i = 0; i < shape.rank; i++) {
        if (shape.dim[i] == 1 && times->v[i] >= 0 && times->v[i] <= INT32_MAX)
            shape.dim[i] = times->v[i];
    }
    ork_shape old = x->type.shape;
    x = ork_build_expand(torch->build, x, &shape);
    for (int i = 0; i < shape.rank; i++)
        if (old.dim[i] != 1)
            x = repeat_axis(torch, x, i, times->v[i]);
    return x;
}

ORK_TORCH_HANDLER(repeat)
{
    ork_ints times;
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    if (!x || !ork_torch_arg_ints(torch, arg[1], &times))
        return NULL;
    ork_shape shape = {.rank = times.count};
    int lead = times.count - x->type.shape.rank;
    if (lead < 0)
        return ork_build_bad_shape(torch->build, "fewer axes than the tensor has");
    for (int i = 0; i < shape.rank; i++)
        shape.dim[i] = i < lead ? 1 : x->type.shape.dim[i - lead];
    x = ork_build_reshape(torch->build, x, &shape);
    return ork_torch_tensor(torch, x ? repeat(torch, x, &times) : NULL);
}

/* As repeat, but with 1 for axes that are not listed. */
ORK_TORCH_HANDLER(tile)
{
    ork_ints times;
    int rank = ork_torch_shape(arg[0]).rank;
    if (!ork_torch_arg_ints(torch, arg[1], &times))
        return NULL;
    int missing = rank > times.count ? rank - times.count : 0, count = times.count + missing;
    ork_torch_value **items = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, (size_t)count + 1);
    for (int i = 0; i < count; i++)
        items[i] = ork_torch_int(torch, i < missing ? 1 : times.v[i - missing]);
    ork_torch_value *all[] = {arg[0], ork_torch_list(torch, ORK_TORCH_LIST, items, (size_t)count)};
    return ork_torch_op_repeat(torch, all, 0);
}

/* (x, repeats, axis): each element `repeats` times in a row. */
ORK_TORCH_HANDLER(repeat_interleave)
{
    int axis = 0;
    int64_t times = ork_torch_as_int(arg[1]);
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    if (!x)
        return NULL;
    if (arg[2]->kind == ORK_TORCH_NONE) {
        int64_t count = ork_shape_count(&x->type.shape);
        x = ork_build_reshape_to(torch->build, x, 1, &count);
    } else if (!ork_torch_arg_axis(torch, arg[2], x->type.shape.rank, &axis)) {
        return NULL;
    }
    if (!x || times < 1 || times > MAX_REPEATS || x->type.shape.rank >= ORK_MAX_RANK ||
        x->type.shape.rank == 0)
        return x ? ork_build_bad_shape(torch->build, "%lld repetitions", (long long)times) : NULL;
    ork_shape result = x->type.shape, split = {.rank = result.rank + 1};
    for (int i = 0; i < split.rank; i++)
        split.dim[i] = i <= axis ? result.dim[i] : i == axis + 1 ? 1 : result.dim[i - 1];
    x = ork_build_reshape(torch->build, x, &split);
    split.dim[axis + 1] = times;
    result.dim[axis] *= times;
    x = ork_build_expand(torch->build, x, &split);
    return ork_torch_tensor(torch, ork_build_reshape(torch->build, x, &result));
}

/* ---- padding ---- */

enum { PAD_CONSTANT, PAD_REFLECT, PAD_REPLICATE };

/* Cuts off what negative padding takes away. */
static ork_value *crop(ork_torch *torch, ork_value *x, ork_ints *before, ork_ints *after)
{
    for (int i = 0; x && i < before->count; i++) {
        int64_t begin = before->v[i] < 0 ? -before->v[i] : 0;
        int64_t end = x->type.shape.dim[i] + (after->v[i] < 0 ? after->v[i] : 0);
        if (begin > end)
            return ork_build_bad_shape(torch->build, "negative padding larger than the tensor");
        x = ork_build_slice(torch->build, x, i, begin, end, 1);
        before->v[i] = before->v[i] > 0 ? before->v[i] : 0;
        after->v[i] = after->v[i] > 0 ? after->v[i] : 0;
    }
    return x;
}

/* torch lists the padding from the last axis on: [left, right, top, bottom]. */
static ork_torch_value *add_pad(ork_torch *torch, ork_torch_value *input,
                                const ork_torch_value *list, int mode, double number)
{
    ork_value *x = ork_torch_graph_value(torch, input);
    if (!x)
        return NULL;
    int rank = x->type.shape.rank;
    size_t count = ork_torch_is_sequence(list) ? list->list.count : 0;
    if (count % 2 != 0 || count / 2 > (size_t)rank)
        return ork_build_bad_shape(torch->build, "%zu paddings for %d axes", count, rank);
    ork_attrs attrs = {.pad.mode = mode, .pad.value = number};
    attrs.pad.before.count = attrs.pad.after.count = rank;
    bool is_empty = true;
    for (size_t i = 0; i < count; i++) {
        int64_t width = ork_torch_as_int(list->list.items[i]);
        if (width > INT32_MAX || width < -INT32_MAX)
            return ork_build_bad_shape(torch->build, "a padding of %lld", (long long)width);
        ork_ints *side = i % 2 ? &attrs.pad.after : &attrs.pad.before;
        side->v[rank - 1 - (int)(i / 2)] = width;
    }
    x = crop(torch, x, &attrs.pad.before, &attrs.pad.after);
    for (int i = 0; i < rank; i++)
        is_empty = is_empty && attrs.pad.before.v[i] == 0 && attrs.pad.after.v[i] == 0;
    return ork_torch_tensor(
        torch, !x || is_empty ? x : ork_build_add1(torch->build, ORK_OP_PAD, &attrs, x));
}

/* (x, pad, value) */
ORK_TORCH_HANDLER(pad_constant)
{
    return add_pad(torch, arg[0], arg[1], PAD_CONSTANT, ork_torch_as_double(arg[2]));
}

/* param is the mode. */
ORK_TORCH_HANDLER(pad_by_mode)
{
    return add_pad(torch, arg[0], arg[1], param, 0);
}

/* Elements from the other end of an axis go on both sides. */
static ork_value *wrap_axis(ork_torch *torch, ork_value *x, int axis, int64_t before, int64_t after)
{
    int64_t size = x->type.shape.dim[axis], count = 0;
    ork_value *parts[3];
    if (before < 0 || after < 0 || before > size || after > size)
        return ork_build_bad_shape(torch->build, "a circular padding wider than the tensor");
    if (before > 0)
        parts[count++] = ork_build_slice(torch->build, x, axis, size - before, size, 1);
    parts[count++] = x;
    if (after > 0)
        parts[count++] = ork_build_slice(torch->build, x, axis, 0, after, 1);
    return ork_build_concat(torch->build, parts, (int)count, axis);
}

static ork_torch_value *pad_circular(ork_torch *torch, ork_torch_value *input,
                                     const ork_torch_value *list)
{
    ork_ints widths;
    ork_value *x = ork_torch_graph_value(torch, input);
    if (!x || !ork_torch_arg_ints(torch, list, &widths))
        return NULL;
    int rank = x->type.shape.rank;
    if (widths.count % 2 != 0 || widths.count / 2 > rank)
        return ork_build_bad_shape(torch->build, "%d paddings for %d axes", widths.count, rank);
    for (int i = 0; x && i < widths.count / 2; i++)
        x = wrap_axis(torch, x, rank - 1 - i, widths.v[2 * i], widths.v[2 * i + 1]);
    return ork_torch_tensor(torch, x);
}

/* (x, pad, mode, value) */
ORK_TORCH_HANDLER(pad)
{
    if (!strcmp(arg[2]->text, "circular"))
        return pad_circular(torch, arg[0], arg[1]);
    static const char *const modes[] = {"constant", "reflect", "replicate"};
    double number = arg[3]->kind == ORK_TORCH_NONE ? 0 : ork_torch_as_double(arg[3]);
    for (int i = 0; i < (int)ORK_COUNT(modes); i++)
        if (!strcmp(arg[2]->text, modes[i]))
            return add_pad(torch, arg[0], arg[1], i, number);
    return ork_build_unsupported(torch->build, "padding of mode '%s'", arg[2]->text);
}

/* ---- rotating and reversing ---- */

static ork_value *roll_axis(ork_torch *torch, ork_value *x, int axis, int64_t shift)
{
    int64_t size = x->type.shape.dim[axis];
    shift = size > 0 ? (shift % size + size) % size : 0;
    if (shift == 0)
        return x;
    ork_value *parts[] = {ork_build_slice(torch->build, x, axis, size - shift, size, 1),
                          ork_build_slice(torch->build, x, axis, 0, size - shift, 1)};
    return ork_build_concat(torch->build, parts, 2, axis);
}

/* (x, shifts, axes); without axes the elements rotate as one row. */
ORK_TORCH_HANDLER(roll)
{
    ork_ints shifts, axes;
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    if (!x || !ork_torch_arg_ints(torch, arg[1], &shifts))
        return NULL;
    ork_shape shape = x->type.shape;
    if (ork_torch_is_sequence(arg[2]) && arg[2]->list.count == 0) {
        int64_t count = ork_shape_count(&shape);
        x = ork_build_reshape_to(torch->build, x, 1, &count);
        x = x && shifts.count == 1 ? roll_axis(torch, x, 0, shifts.v[0]) : NULL;
        return ork_torch_tensor(torch, ork_build_reshape(torch->build, x, &shape));
    }
    if (!ork_torch_arg_axes(torch, arg[2], shape.rank, &axes) || axes.count != shifts.count)
        return NULL;
    for (int i = 0; x && i < axes.count; i++)
        x = roll_axis(torch, x, (int)axes.v[i], shifts.v[i]);
    return ork_torch_tensor(torch, x);
}

ORK_TORCH_HANDLER(flip)
{
    ork_ints axes;
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    if (!x || !ork_torch_arg_axes(torch, arg[1], x->type.shape.rank, &axes))
        return NULL;
    for (int i = 0; x && i < axes.count; i++) {
        int64_t size = x->type.shape.dim[axes.v[i]];
        ork_shape shape = ork_shape_of(1, &size);
        void *data;
        ork_value *index = ork_build_constant(torch->build, ORK_I64, &shape, &data);
        for (int64_t k = 0; index && k < size; k++)
            ((int64_t *)data)[k] = size - 1 - k;
        x = ork_build_gather(torch->build, x, (int)axes.v[i], index);
    }
    return ork_torch_tensor(torch, x);
}

/* param is the axis. */
ORK_TORCH_HANDLER(flip_axis)
{
    ork_torch_value *all[] = {arg[0], ork_torch_int(torch, param)};
    return ork_torch_op_flip(torch, all, 0);
}

/* (x, times, axes): quarter turns from the first axis to the second */
ORK_TORCH_HANDLER(rotate)
{
    ork_ints axes;
    int64_t times = ork_torch_as_int(arg[1]) & 3;
    if (!ork_torch_arg_axes(torch, arg[2], ork_torch_shape(arg[0]).rank, &axes) || axes.count < 2)
        return NULL;
    ork_torch_value *first = ork_torch_int(torch, axes.v[0]),
                    *second = ork_torch_int(torch, axes.v[1]);
    ork_torch_value *x = arg[0], *turn[] = {x, first, second};
    if (times & 1)
        x = ork_torch_op_transpose(torch, turn, 0);
    ork_torch_value *by_first[] = {x, first}, *by_second[] = {x, second};
    if (x && (times == 1 || times == 2))
        x = by_second[0] = ork_torch_op_flip(torch, by_first, 0);
    if (x && (times == 3 || times == 2))
        x = ork_torch_op_flip(torch, by_second, 0);
    return x;
}

/* Each element less the one before. (x, times, axis, in front, behind) */
ORK_TORCH_HANDLER(differences)
{
    int axis;
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    int64_t times = ork_torch_as_int(arg[1]);
    if (!x || !ork_torch_arg_axis(torch, arg[2], x->type.shape.rank, &axis))
        return NULL;
    if (arg[3]->kind != ORK_TORCH_NONE || arg[4]->kind != ORK_TORCH_NONE || times < 0 ||
        x->type.shape.rank == 0 || times >= x->type.shape.dim[axis])
        return ork_build_unsupported(torch->build, "elements in front or behind, or so many times");
    for (int64_t i = 0; x && i < times; i++) {
        int64_t size = x->type.shape.dim[axis];
        ork_value *after = ork_build_slice(torch->build, x, axis, 1, size, 1);
        ork_value *before = ork_build_slice(torch->build, x, axis, 0, size - 1, 1);
        x = ork_build_add2(torch->build, ORK_OP_SUB, after, before);
    }
    return ork_torch_tensor(torch, x);
}

/* (x, classes): a new last axis with 1 where x says */
ORK_TORCH_HANDLER(one_hot)
{
    int64_t classes = ork_torch_as_int(arg[1]);
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    ork_shape shape = x ? x->type.shape : (ork_shape){0};
    if (!x || classes < 1 || shape.rank >= ORK_MAX_RANK)
        return x ? ork_build_unsupported(torch->build, "a number of classes that is computed")
                 : NULL;
    shape.dim[shape.rank++] = 1;
    void *data;
    ork_shape row = ork_shape_of(1, &classes);
    ork_value *numbers = ork_build_constant(torch->build, ORK_I64, &row, &data);
    for (int64_t i = 0; numbers && i < classes; i++)
        ((int64_t *)data)[i] = i;
    x = ork_build_reshape(torch->build, ork_build_as_index(torch->build, x), &shape);
    x = ork_build_add2(torch->build, ORK_OP_EQUAL, x, numbers);
    return ork_torch_tensor(torch, ork_build_cast(torch->build, x, ORK_I64));
}

/* ---- picking ---- */

/* (x, axis, index) */
ORK_TORCH_HANDLER(index_select)
{
    int axis;
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    if (!x || !ork_torch_arg_axis(torch, arg[1], x->type.shape.rank, &axis))
        return NULL;
    return ork_torch_tensor(
        torch, ork_build_gather(torch->build, x, axis, ork_torch_graph_value(torch, arg[2])));
}

/* (weight, index, ...) */
ORK_TORCH_HANDLER(embedding)
{
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    return x ? ork_torch_tensor(torch, ork_build_gather(torch->build, x, 0,
                                                        ork_torch_graph_value(torch, arg[1])))
             : NULL;
}

/* ---- pixels and channels ---- */

static ork_torch_value *rearrange(ork_torch *torch, ork_value *x, const int64_t *dims,
                                  const int *perm, int rank, const ork_shape *result)
{
    x = ork_build_reshape_to(torch->build, x, rank, dims);
    x = ork_build_transpose(torch->build, x, perm);
    return ork_torch_tensor(torch, ork_build_reshape(torch->build, x, result));
}

/* Shi et al. 2016: [N, C r r, H, W] to [N, C, H r, W r]. */
ORK_TORCH_HANDLER(pixel_shuffle)
{
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    int64_t r = ork_torch_as_int(arg[1]);
    if (!x || x->type.shape.rank != 4 || r < 1 || r > 1024 || x->type.shape.dim[1] % (r * r) != 0)
        return x ? ork_build_bad_shape(torch->build, "a factor of %lld", (long long)r) : NULL;
    const int64_t *d = x->type.shape.dim, c = d[1] / (r * r);
    ork_shape result = {4, {d[0], c, d[2] * r, d[3] * r}};
    return rearrange(torch, x, (int64_t[]){d[0], c, r, r, d[2], d[3]}, (int[]){0, 1, 4, 2, 5, 3}, 6,
                     &result);
}

ORK_TORCH_HANDLER(pixel_unshuffle)
{
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    int64_t r = ork_torch_as_int(arg[1]);
    if (!x || x->type.shape.rank != 4 || r < 1 || r > 1024 || x->type.shape.dim[2] % r != 0 ||
        x->type.shape.dim[3] % r != 0)
        return x ? ork_build_bad_shape(torch->build, "a factor of %lld", (long long)r) : NULL;
    const int64_t *d = x->type.shape.dim, h = d[2] / r, w = d[3] / r;
    ork_shape result = {4, {d[0], d[1] * r * r, h, w}};
    return rearrange(torch, x, (int64_t[]){d[0], d[1], h, r, w, r}, (int[]){0, 1, 3, 5, 2, 4}, 6,
                     &result);
}

ORK_TORCH_HANDLER(channel_shuffle)
{
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    int64_t groups = ork_torch_as_int(arg[1]);
    if (!x || x->type.shape.rank != 4 || groups < 1 || x->type.shape.dim[1] % groups != 0)
        return x ? ork_build_bad_shape(torch->build, "%lld groups", (long long)groups) : NULL;
    ork_shape result = x->type.shape;
    const int64_t *d = result.dim;
    return rearrange(torch, x, (int64_t[]){d[0], groups, d[1] / groups, d[2], d[3]},
                     (int[]){0, 2, 1, 3, 4}, 5, &result);
}

/* (x, counts, axis): element i of an axis counts[i] times. */
ORK_TORCH_HANDLER(repeat_by_counts)
{
    int axis;
    ork_value *x = ork_torch_graph_value(torch, arg[0]),
              *counts = ork_torch_graph_value(torch, arg[1]);
    if (!x || !counts || arg[2]->kind == ORK_TORCH_NONE || counts->kind != ORK_VALUE_CONSTANT)
        return x && counts
                   ? ork_build_unsupported(torch->build, "counts without an axis, or computed ones")
                   : NULL;
    if (!ork_torch_arg_axis(torch, arg[2], x->type.shape.rank, &axis))
        return NULL;
    int64_t size = x->type.shape.rank > 0 ? x->type.shape.dim[axis] : 0, total = 0;
    if (counts->type.shape.rank != 1 || counts->type.shape.dim[0] != size)
        return ork_build_bad_shape(torch->build, "the counts do not fit the axis");
    for (int64_t i = 0; i < size; i++) {
        int64_t times = ork_element_get_int(counts->type.dtype, counts->data, i);
        if (times < 0 || times > MAX_REPEATS)
            return ork_build_bad_shape(torch->build, "%lld repetitions", (long long)times);
        total += times;
    }
    ork_shape shape = ork_shape_of(1, &total);
    void *data;
    ork_value *index = ork_build_constant(torch->build, ORK_I64, &shape, &data);
    for (int64_t i = 0, to = 0; index && i < size; i++)
        for (int64_t k = ork_element_get_int(counts->type.dtype, counts->data, i); k > 0; k--)
            ((int64_t *)data)[to++] = i;
    return ork_torch_tensor(torch, ork_build_gather(torch->build, x, axis, index));
}
