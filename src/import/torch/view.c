/* SPDX-License-Identifier: Apache-2.0 */
/* Views of tensors, and writes through them. A view remembers how it looks at its base; when the
   base (or another view of it) is written to, it is computed again at its next use. A write into
   a view rebuilds the base around the new part. */
#include "torch.h"

#include <string.h>

enum { MAX_VIEW_DEPTH = 64 };

static ork_torch_value *root_of(ork_torch_value *tensor)
{
    while (tensor->tensor.base)
        tensor = tensor->tensor.base;
    return tensor;
}

ork_torch_value *ork_torch_view(ork_torch *torch, ork_torch_value *base, ork_op op,
                                const ork_attrs *attrs)
{
    ork_value *from = ork_torch_graph_value(torch, base);
    ork_torch_value *view =
        ork_torch_tensor(torch, from ? ork_build_add1(torch->build, op, attrs, from) : NULL);
    if (!view || base->kind != ORK_TORCH_TENSOR)
        return view;
    if (base->tensor.view_depth >= MAX_VIEW_DEPTH)
        return ork_build_unsupported(torch->build, "too many views of views");
    view->tensor.base = base;
    view->tensor.view_op = op;
    view->tensor.view_attrs = *attrs;
    view->tensor.view_depth = base->tensor.view_depth + 1;
    view->tensor.version = root_of(base)->tensor.writes;
    return view;
}

/* No deeper than MAX_VIEW_DEPTH. */
ork_value *ork_torch_view_value(ork_torch *torch, ork_torch_value *tensor)
{
    if (!tensor->tensor.base)
        return tensor->tensor.value;
    uint64_t writes = root_of(tensor)->tensor.writes;
    if (tensor->tensor.version != writes) {
        ork_value *base = ork_torch_view_value(torch, tensor->tensor.base);
        ork_value *fresh = base ? ork_build_add1(torch->build, tensor->tensor.view_op,
                                                 &tensor->tensor.view_attrs, base)
                                : NULL;
        if (!fresh)
            return NULL;
        tensor->tensor.value = fresh;
        tensor->tensor.version = writes;
    }
    return tensor->tensor.value;
}

/* ---- kinds of views ---- */

ork_torch_value *ork_torch_reshape(ork_torch *torch, ork_torch_value *base, const ork_shape *shape)
{
    ork_attrs attrs = {.reshape.shape.count = shape->rank};
    for (int i = 0; i < shape->rank; i++)
        attrs.reshape.shape.v[i] = shape->dim[i];
    ork_shape old = ork_torch_shape(base);
    if (ork_shape_equal(&old, shape))
        return base;
    return ork_torch_view(torch, base, ORK_OP_RESHAPE, &attrs);
}

/* x[..., ::2, ::2] comes as two slices; makes `inner`, a slice of the slice `outer`, one of what
   `outer` looks at. False when an axis is empty or a number does not fit. */
static bool compose_slices(const ork_attrs *outer, ork_attrs *inner)
{
    const ork_ints *from = &outer->slice.begin, *to = &outer->slice.end;
    ork_attrs result = *inner;
    for (int i = 0; i < inner->slice.begin.count; i++) {
        int64_t scale = outer->slice.step.v[i], step = inner->slice.step.v[i] * scale;
        int64_t begin = inner->slice.begin.v[i], end = inner->slice.end.v[i];
        int64_t whole = (to->v[i] - from->v[i] + scale - 1) / scale;
        if (begin >= end || step > INT32_MAX)
            return false;
        result.slice.begin.v[i] = from->v[i] + begin * scale;
        result.slice.end.v[i] = end == whole ? to->v[i] : from->v[i] + (end - 1) * scale + 1;
        result.slice.step.v[i] = step;
    }
    *inner = result;
    return true;
}

ork_torch_value *ork_torch_slice(ork_torch *torch, ork_torch_value *base, int axis, int64_t begin,
                                 int64_t end, int64_t step)
{
    ork_shape shape = ork_torch_shape(base);
    if (begin == 0 && end == shape.dim[axis] && step == 1)
        return base;
    ork_attrs attrs = ork_whole_slice(&shape);
    attrs.slice.begin.v[axis] = begin;
    attrs.slice.end.v[axis] = end;
    attrs.slice.step.v[axis] = step;
    while (base->kind == ORK_TORCH_TENSOR && base->tensor.base &&
           base->tensor.view_op == ORK_OP_SLICE && compose_slices(&base->tensor.view_attrs, &attrs))
        base = base->tensor.base;
    return ork_torch_view(torch, base, ORK_OP_SLICE, &attrs);
}

ork_torch_value *ork_torch_transpose(ork_torch *torch, ork_torch_value *base, const int *perm)
{
    ork_attrs attrs = {.transpose.perm.count = ork_torch_shape(base).rank};
    bool same = true;
    for (int i = 0; i < attrs.transpose.perm.count; i++) {
        attrs.transpose.perm.v[i] = perm[i];
        same = same && perm[i] == i;
    }
    return same ? base : ork_torch_view(torch, base, ORK_OP_TRANSPOSE, &attrs);
}

ork_torch_value *ork_torch_expand(ork_torch *torch, ork_torch_value *base, const ork_shape *shape)
{
    ork_attrs attrs = {.expand.shape.count = shape->rank};
    for (int i = 0; i < shape->rank; i++)
        attrs.expand.shape.v[i] = shape->dim[i];
    ork_shape old = ork_torch_shape(base);
    return ork_shape_equal(&old, shape) ? base : ork_torch_view(torch, base, ORK_OP_EXPAND, &attrs);
}

/* ---- memory ---- */

static void dense_strides(const ork_shape *shape, int64_t *stride)
{
    int64_t next = 1;
    for (int i = shape->rank - 1; i >= 0; i--) {
        stride[i] = next;
        next *= shape->dim[i];
    }
}

/* Strides of the same memory under another shape; false when there are none, so that torch copies.
   Axes that lie one behind the other in memory form a chunk; every chunk is cut by itself. */
static bool reshape_strides(const ork_shape *old, const int64_t *old_stride, const ork_shape *shape,
                            int64_t *stride)
{
    dense_strides(shape, stride);
    if (old->rank == 0 || ork_shape_count(old) == 0)
        return true;
    int at = shape->rank - 1;
    int64_t unit = old_stride[old->rank - 1], chunk = 1, taken = 1;
    for (int i = old->rank - 1; i >= 0; i--) {
        chunk *= old->dim[i];
        if (i > 0 && (old->dim[i - 1] == 1 || old_stride[i - 1] == chunk * unit))
            continue;
        for (; at >= 0 && (taken < chunk || shape->dim[at] == 1); at--) {
            stride[at] = taken * unit;
            taken *= shape->dim[at];
        }
        if (taken != chunk)
            return false;
        if (i > 0)
            unit = old_stride[i - 1];
        chunk = taken = 1;
    }
    return at < 0;
}

/* Where the elements of a view lie in the memory of its root, in elements. No deeper than
   MAX_VIEW_DEPTH. */
static void strides_of(const ork_torch_value *tensor, int64_t *stride)
{
    ork_shape shape = ork_torch_shape(tensor), old;
    int64_t from[ORK_MAX_RANK] = {0};
    dense_strides(&shape, stride);
    if (tensor->kind != ORK_TORCH_TENSOR || !tensor->tensor.base)
        return;
    const ork_attrs *attrs = &tensor->tensor.view_attrs;
    old = ork_torch_shape(tensor->tensor.base);
    strides_of(tensor->tensor.base, from);
    for (int i = 0; i < shape.rank; i++) {
        int behind = i - (shape.rank - old.rank); /* the axis an expanded one comes from */
        if (tensor->tensor.view_op == ORK_OP_TRANSPOSE)
            stride[i] = from[attrs->transpose.perm.v[i]];
        else if (tensor->tensor.view_op == ORK_OP_SLICE)
            stride[i] = from[i] * attrs->slice.step.v[i];
        else if (tensor->tensor.view_op == ORK_OP_EXPAND)
            stride[i] = behind < 0 || old.dim[behind] != shape.dim[i] ? 0 : from[behind];
    }
    if (tensor->tensor.view_op == ORK_OP_RESHAPE)
        reshape_strides(&old, from, &shape, stride);
}

bool ork_torch_is_contiguous(const ork_torch_value *tensor)
{
    ork_shape shape = ork_torch_shape(tensor);
    int64_t stride[ORK_MAX_RANK] = {0}, dense[ORK_MAX_RANK] = {0};
    strides_of(tensor, stride);
    dense_strides(&shape, dense);
    for (int i = 0; i < shape.rank; i++)
        if (shape.dim[i] != 1 && stride[i] != dense[i])
            return false;
    return true;
}

bool ork_torch_can_view(const ork_torch_value *tensor, const ork_shape *shape)
{
    ork_shape old = ork_torch_shape(tensor);
    int64_t stride[ORK_MAX_RANK] = {0}, result[ORK_MAX_RANK];
    strides_of(tensor, stride);
    return reshape_strides(&old, stride, shape, result);
}

/* ---- writes ---- */

/* Puts `part` where a slice looks at, axis by axis from `axis` on: what is in front, the part,
   what is behind. */
static ork_value *rebuild_around(ork_torch *torch, ork_value *base, ork_value *part,
                                 const ork_attrs *attrs, int axis)
{
    const ork_shape *shape = &base->type.shape;
    const int64_t *begin = attrs->slice.begin.v, *end = attrs->slice.end.v;
    while (axis < shape->rank && begin[axis] == 0 && end[axis] == shape->dim[axis])
        axis++;
    if (axis == shape->rank)
        return part;
    ork_value *parts[3];
    int count = 0;
    if (begin[axis] > 0)
        parts[count++] = ork_build_slice(torch->build, base, axis, 0, begin[axis], 1);
    ork_value *middle = ork_build_slice(torch->build, base, axis, begin[axis], end[axis], 1);
    parts[count++] = middle ? rebuild_around(torch, middle, part, attrs, axis + 1) : NULL;
    if (end[axis] < shape->dim[axis])
        parts[count++] = ork_build_slice(torch->build, base, axis, end[axis], shape->dim[axis], 1);
    return ork_build_concat(torch->build, parts, count, axis);
}

static bool has_steps(const ork_attrs *attrs, const ork_shape *part)
{
    for (int i = 0; i < part->rank; i++)
        if (attrs->slice.step.v[i] != 1 && part->dim[i] > 1)
            return true;
    return false;
}

static int64_t place_of(const ork_attrs *attrs, const ork_shape *base, const ork_shape *part,
                        int64_t index)
{
    int64_t place = 0, scale = 1;
    for (int i = part->rank - 1; i >= 0; i--) {
        int64_t at = index % part->dim[i];
        index /= part->dim[i];
        place += (attrs->slice.begin.v[i] + at * attrs->slice.step.v[i]) * scale;
        scale *= base->dim[i];
    }
    return place;
}

static ork_value *write_constant(ork_torch *torch, const ork_value *base, const ork_value *part,
                                 const ork_attrs *attrs)
{
    const ork_shape *shape = &base->type.shape;
    size_t size = ork_dtype_table[base->type.dtype].size;
    void *data;
    ork_value *copy = ork_build_constant(torch->build, base->type.dtype, shape, &data);
    if (!copy)
        return NULL;
    memcpy(data, base->data, (size_t)ork_shape_count(shape) * size);
    int64_t count = ork_shape_count(&part->type.shape);
    for (int64_t i = 0; i < count; i++)
        memcpy((char *)data + (size_t)place_of(attrs, shape, &part->type.shape, i) * size,
               (const char *)part->data + (size_t)i * size, size);
    return copy;
}

static ork_value *write_slice(ork_torch *torch, ork_value *base, ork_value *part,
                              const ork_attrs *attrs)
{
    if (ork_shape_count(&part->type.shape) == 0)
        return base;
    if (base->kind == ORK_VALUE_CONSTANT && part->kind == ORK_VALUE_CONSTANT)
        return write_constant(torch, base, part, attrs);
    if (has_steps(attrs, &part->type.shape))
        return ork_build_unsupported(torch->build,
                                     "writing into every n-th element of a computed tensor");
    ork_attrs dense = *attrs;
    for (int i = 0; i < part->type.shape.rank; i++)
        dense.slice.end.v[i] = dense.slice.begin.v[i] + part->type.shape.dim[i];
    return rebuild_around(torch, base, part, &dense, 0);
}

/* The base after its view was given new contents. */
static ork_value *write_view(ork_torch *torch, ork_value *base, ork_value *part, ork_op op,
                             const ork_attrs *attrs)
{
    int back[ORK_MAX_RANK];
    switch (op) {
    case ORK_OP_RESHAPE:
        return ork_build_reshape(torch->build, part, &base->type.shape);
    case ORK_OP_TRANSPOSE:
        for (int i = 0; i < attrs->transpose.perm.count; i++)
            back[attrs->transpose.perm.v[i]] = i;
        return ork_build_transpose(torch->build, part, back);
    case ORK_OP_SLICE:
        return write_slice(torch, base, part, attrs);
    default:
        return ork_build_unsupported(torch->build, "writing into an expanded tensor");
    }
}

bool ork_torch_write(ork_torch *torch, ork_torch_value *target, ork_torch_value *source)
{
    if (target == source)
        return true;
    if (ork_torch_is_number(target) && ork_torch_is_number(source)) {
        *target = *source;
        return true;
    }
    if (target->kind != ORK_TORCH_TENSOR)
        return ork_build_unsupported(torch->build, "writing into %s",
                                     ork_torch_kind_names[target->kind]) != NULL;
    ork_value *old = ork_torch_graph_value(torch, target),
              *part = ork_torch_graph_value(torch, source);
    if (!old || !part)
        return false;
    part = ork_build_expand(torch->build, ork_build_cast(torch->build, part, old->type.dtype),
                            &old->type.shape);
    if (!part)
        return false;
    ork_torch_value *written = target;
    ork_value *contents = part;
    while (target->tensor.base) {
        ork_value *base = ork_torch_graph_value(torch, target->tensor.base);
        contents = base ? write_view(torch, base, contents, target->tensor.view_op,
                                     &target->tensor.view_attrs)
                        : NULL;
        if (!contents)
            return false;
        target = target->tensor.base;
    }
    target->tensor.value = contents;
    target->tensor.writes++;
    written->tensor.value = part;
    written->tensor.version = target->tensor.writes;
    return true;
}
