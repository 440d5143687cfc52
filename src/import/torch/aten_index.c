/* SPDX-License-Identifier: Apache-2.0 */
/* x[i, :, j]: tensors as indices, for reading and for writing. */
#include "torch.h"

#include <string.h>

/* The indices of an expression, by axis; NULL for ':'. */
typedef struct indices {
    ork_value *of_axis[ORK_MAX_RANK];
    int count;       /* axes listed */
    int used, first; /* how many are not NULL, and which is the first */
    ork_shape shape; /* all broadcast */
} indices;

/* ---- masks ---- */

/* Where a mask is true: for each axis a list. Its values must be known. */
static bool places_of_truth(ork_torch *torch, const ork_value *mask, ork_value *lists[ORK_MAX_RANK])
{
    const ork_shape *shape = &mask->type.shape;
    int64_t size = ork_shape_count(shape), count = 0;
    if (mask->kind != ORK_VALUE_CONSTANT)
        return ork_build_unsupported(torch->build,
                                     "a mask that is known only when the network runs") != NULL;
    for (int64_t i = 0; i < size; i++)
        count += ork_element_get(mask->type.dtype, mask->data, i) != 0;
    int64_t *data[ORK_MAX_RANK];
    ork_shape list = ork_shape_of(1, &count);
    for (int d = 0; d < shape->rank; d++)
        if (!(lists[d] = ork_build_constant(torch->build, ORK_I64, &list, (void **)&data[d])))
            return false;
    for (int64_t i = 0, to = 0; i < size; i++) {
        if (ork_element_get(mask->type.dtype, mask->data, i) == 0)
            continue;
        int64_t rest = i;
        for (int d = shape->rank - 1; d >= 0; d--) {
            data[d][to] = rest % shape->dim[d];
            rest /= shape->dim[d];
        }
        to++;
    }
    return true;
}

static bool add_index(ork_torch *torch, indices *all, ork_value *index)
{
    if (all->count >= ORK_MAX_RANK)
        return ork_build_unsupported(torch->build, "more than %d axes", ORK_MAX_RANK) != NULL;
    if (index && all->used++ == 0)
        all->first = all->count;
    all->of_axis[all->count++] = index;
    return true;
}

static bool add_mask(ork_torch *torch, indices *all, const ork_value *mask)
{
    ork_value *lists[ORK_MAX_RANK];
    if (mask->type.shape.rank == 0)
        return ork_build_unsupported(torch->build, "a single truth value as index") != NULL;
    bool good = places_of_truth(torch, mask, lists);
    for (int d = 0; good && d < mask->type.shape.rank; d++)
        good = add_index(torch, all, lists[d]);
    return good;
}

/* ---- reading ---- */

static bool broadcast_indices(ork_torch *torch, indices *all)
{
    for (int i = 0; i < all->count; i++) {
        const ork_shape *shape = all->of_axis[i] ? &all->of_axis[i]->type.shape : NULL;
        for (int d = 0; shape && d < shape->rank; d++) {
            int at = d; /* from the end */
            int64_t size = shape->dim[shape->rank - 1 - d];
            int64_t *to = &all->shape.dim[at];
            if (at >= all->shape.rank) {
                *to = 1;
                all->shape.rank = at + 1;
            }
            if (size != 1 && *to != 1 && *to != size)
                return ork_build_bad_shape(torch->build, "indices that do not broadcast") != NULL;
            *to = *to == 1 ? size : *to;
        }
    }
    for (int d = 0; d < all->shape.rank / 2; d++) {
        int64_t *dim = all->shape.dim, last = dim[all->shape.rank - 1 - d];
        dim[all->shape.rank - 1 - d] = dim[d];
        dim[d] = last;
    }
    return true;
}

static bool read_indices(ork_torch *torch, const ork_torch_value *list, indices *all)
{
    *all = (indices){0};
    for (size_t i = 0; i < list->list.count; i++) {
        ork_torch_value *item = list->list.items[i];
        ork_value *index = item->kind == ORK_TORCH_NONE ? NULL : ork_torch_graph_value(torch, item);
        bool is_mask = index && (index->type.dtype == ORK_BOOL || index->type.dtype == ORK_U8);
        if (item->kind != ORK_TORCH_NONE && !index)
            return false;
        if (is_mask ? !add_mask(torch, all, index) : !add_index(torch, all, index))
            return false;
    }
    return broadcast_indices(torch, all);
}

/* The axes with indices next to each other, at *at: where they are, or else at the front. */
static ork_value *gathered_axes(ork_torch *torch, ork_value *x, const indices *all, int *at)
{
    int perm[ORK_MAX_RANK], count = 0;
    bool adjacent = true;
    for (int i = all->first; i < all->first + all->used; i++)
        adjacent = adjacent && i < all->count && all->of_axis[i];
    *at = adjacent ? all->first : 0;
    if (adjacent)
        return x;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < x->type.shape.rank; i++)
            if ((i < all->count && all->of_axis[i]) == (pass == 0))
                perm[count++] = i;
    return ork_build_transpose(torch->build, x, perm);
}

/* One index into the axes that have one, merged: the sum of index times step. */
static ork_value *merged_index(ork_torch *torch, const ork_value *x, const indices *all)
{
    ork_value *sum = NULL;
    int64_t step = 1;
    for (int i = all->count - 1; i >= 0; i--) {
        if (!all->of_axis[i])
            continue;
        int64_t size = x->type.shape.dim[i];
        ork_value *part = ork_build_wrap_index(torch->build, all->of_axis[i], size);
        part = ork_build_add2(torch->build, ORK_OP_MUL, part,
                              ork_build_scalar(torch->build, ORK_I64, (double)step));
        sum = sum ? ork_build_add2(torch->build, ORK_OP_ADD, sum, part) : part;
        if (!sum)
            return NULL;
        step *= size;
    }
    return ork_build_expand(torch->build, sum, &all->shape);
}

static ork_value *read_at(ork_torch *torch, ork_value *x, const indices *all)
{
    int at;
    if (all->count > x->type.shape.rank)
        return ork_build_bad_shape(torch->build, "%d indices for %d axes", all->count,
                                   x->type.shape.rank);
    if (all->used == 1)
        return ork_build_gather(torch->build, x, all->first, all->of_axis[all->first]);
    ork_value *index = merged_index(torch, x, all);
    x = gathered_axes(torch, x, all, &at);
    if (!x || !index)
        return NULL;
    ork_shape merged = x->type.shape;
    merged.dim[at] = ork_shape_span(&x->type.shape, at, at + all->used);
    memmove(merged.dim + at + 1, merged.dim + at + all->used,
            (size_t)(merged.rank - at - all->used) * sizeof(*merged.dim));
    merged.rank -= all->used - 1;
    return ork_build_gather(torch->build, ork_build_reshape(torch->build, x, &merged), at, index);
}

/* (x, indices) */
ORK_TORCH_HANDLER(index)
{
    indices all;
    ork_value *x = ork_torch_graph_value(torch, arg[0]);
    if (!x || !read_indices(torch, arg[1], &all))
        return NULL;
    return all.used > 0 ? ork_torch_tensor(torch, read_at(torch, x, &all)) : arg[0];
}

/* ---- writing ---- */

/* The place of each element. */
static ork_value *own_places(ork_torch *torch, const ork_shape *shape)
{
    void *data;
    ork_value *places = ork_build_constant(torch->build, ORK_I64, shape, &data);
    for (int64_t i = 0; places && i < ork_shape_count(shape); i++)
        ((int64_t *)data)[i] = i;
    return places;
}

/* The only index, when it is a mask whose values are not known. */
static ork_value *computed_mask(ork_torch *torch, const ork_torch_value *list)
{
    ork_torch_value *item = list->list.count == 1 ? list->list.items[0] : NULL;
    ork_value *mask =
        item && item->kind == ORK_TORCH_TENSOR ? ork_torch_graph_value(torch, item) : NULL;
    bool is_computed = mask && mask->type.dtype == ORK_BOOL && mask->kind != ORK_VALUE_CONSTANT;
    return is_computed ? mask : NULL;
}

/* x[mask] = number; the mask has the first axes of x. */
static ork_value *put_by_mask(ork_torch *torch, ork_value *x, ork_value *mask, ork_value *number,
                              bool adds)
{
    ork_shape shape = x->type.shape;
    if (ork_shape_count(&number->type.shape) != 1 || mask->type.shape.rank > shape.rank)
        return ork_build_unsupported(torch->build,
                                     "a mask that is known only when the network runs");
    for (int i = 0; i < shape.rank; i++)
        shape.dim[i] = i < mask->type.shape.rank ? mask->type.shape.dim[i] : 1;
    mask = ork_build_reshape(torch->build, mask, &shape);
    number = ork_build_reshape_to(torch->build, number, 0, NULL);
    number = ork_build_cast(torch->build, number, x->type.dtype);
    if (adds)
        number = ork_build_add2(torch->build, ORK_OP_ADD, x, number);
    ork_value *inputs[] = {mask, number, x};
    return ork_build_add(torch->build, ORK_OP_WHERE, NULL, inputs, 3);
}

/* (x, indices, values, accumulate) */
ORK_TORCH_HANDLER(index_put)
{
    indices all;
    ork_value *x = ork_torch_graph_value(torch, arg[0]),
              *values = ork_torch_graph_value(torch, arg[2]);
    if (!x || !values)
        return NULL;
    bool adds = arg[3]->boolean;
    ork_value *mask = computed_mask(torch, arg[1]);
    if (mask)
        return ork_torch_tensor(torch, put_by_mask(torch, x, mask, values, adds));
    ork_value *places = own_places(torch, &x->type.shape);
    if (!places || !read_indices(torch, arg[1], &all))
        return NULL;
    places = all.used > 0 ? read_at(torch, places, &all) : places;
    values = places ? ork_build_expand(torch->build, values, &places->type.shape) : NULL;
    return ork_torch_tensor(torch, ork_build_scatter(torch->build, x, places, values,
                                                     adds ? ORK_SCATTER_ADD : ORK_SCATTER_SET));
}

/* ---- masks that are known ---- */

/* (x): places of what is not 0, as a list of tensors, one for each axis */
ORK_TORCH_HANDLER(nonzero_lists)
{
    ork_value *lists[ORK_MAX_RANK], *x = ork_torch_graph_value(torch, arg[0]);
    if (!x || !places_of_truth(torch, x, lists))
        return NULL;
    int rank = x->type.shape.rank;
    ork_torch_value **items = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, (size_t)rank + 1);
    for (int i = 0; i < rank; i++)
        items[i] = ork_torch_tensor(torch, lists[i]);
    return ork_torch_list(torch, ORK_TORCH_LIST, items, (size_t)rank);
}

/* The same as one tensor, a row for each place. */
ORK_TORCH_HANDLER(nonzero)
{
    ork_value *lists[ORK_MAX_RANK], *x = ork_torch_graph_value(torch, arg[0]);
    if (!x || !places_of_truth(torch, x, lists))
        return NULL;
    for (int i = 0; i < x->type.shape.rank; i++)
        lists[i] = ork_build_reshape_to(torch->build, lists[i], 2,
                                        (int64_t[]){lists[i]->type.shape.dim[0], 1});
    if (x->type.shape.rank == 0)
        return ork_build_unsupported(torch->build, "a number");
    return ork_torch_tensor(torch, ork_build_concat(torch->build, lists, x->type.shape.rank, 1));
}

/* (x, mask) */
ORK_TORCH_HANDLER(masked_select)
{
    ork_value *x = ork_torch_graph_value(torch, arg[0]),
              *mask = ork_torch_graph_value(torch, arg[1]);
    if (!x || !mask)
        return NULL;
    ork_shape shape = x->type.shape.rank > mask->type.shape.rank ? x->type.shape : mask->type.shape;
    indices all = {0};
    x = ork_build_expand(torch->build, x, &shape);
    mask = ork_build_expand(torch->build, mask, &shape);
    if (!x || !mask || !add_mask(torch, &all, mask) || !broadcast_indices(torch, &all))
        return NULL;
    return ork_torch_tensor(torch, read_at(torch, x, &all));
}
