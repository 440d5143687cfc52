/* SPDX-License-Identifier: Apache-2.0 */
/* Shapes, and operators that only move data. */
#include "onnx.h"

#include <math.h>
#include <string.h>

/* ---- constants and shapes -------------------------------------------------------------- */

static ork_value *list_constant(ork_onnx *onnx, ork_dtype dtype, size_t count, bool is_list,
                                const int64_t *integers, const float *numbers)
{
    void *data;
    int64_t size = (int64_t)count;
    ork_shape shape = ork_shape_of(is_list ? 1 : 0, &size);
    ork_value *constant = ork_build_constant(onnx->build, dtype, &shape, &data);
    for (size_t i = 0; constant && i < count; i++) {
        if (integers)
            memcpy((char *)data + i * 8, &integers[i], 8);
        else
            memcpy((char *)data + i * 4, &numbers[i], 4);
    }
    return constant;
}

ORK_ONNX_HANDLER(constant)
{
    const ork_onnx_attribute *a;
    ork_value *y = NULL;
    if ((a = ork_onnx_attribute_of(call, "value")) && a->tensor.data)
        y = ork_onnx_constant(onnx, a->tensor, call->node->outputs.items[0]);
    else if ((a = ork_onnx_attribute_of(call, "value_int")))
        y = list_constant(onnx, ORK_I64, 1, false, &a->integer, NULL);
    else if ((a = ork_onnx_attribute_of(call, "value_float")))
        y = list_constant(onnx, ORK_F32, 1, false, NULL, &a->number);
    else if ((a = ork_onnx_attribute_of(call, "value_ints")))
        y = list_constant(onnx, ORK_I64, a->integers.count, true, a->integers.items, NULL);
    else if ((a = ork_onnx_attribute_of(call, "value_floats")))
        y = list_constant(onnx, ORK_F32, a->numbers.count, true, NULL, a->numbers.items);
    else
        ork_build_unsupported(onnx->build, "that is no tensor of numbers");
    return ork_onnx_result(call, y);
}

ORK_ONNX_HANDLER(constant_of_shape)
{
    ork_ints ints;
    if (!ork_onnx_must_be_constant(onnx, call, 0) || !ork_onnx_input_ints(onnx, call, 0, &ints))
        return false;
    ork_shape shape = ork_shape_of(ints.count, ints.v);
    const ork_onnx_attribute *a = ork_onnx_attribute_of(call, "value");
    if (!a || !a->tensor.data)
        return ork_onnx_result(call, ork_build_filled(onnx->build, ORK_F32, &shape, 0.0));
    ork_value *value = ork_onnx_constant(onnx, a->tensor, "value");
    if (!value)
        return false;
    if (ork_shape_count(&value->type.shape) != 1)
        return ork_build_bad_shape(onnx->build, "a value that is no single number") != NULL;
    return ork_onnx_result(call,
                           ork_build_filled(onnx->build, value->type.dtype, &shape,
                                            ork_element_get(value->type.dtype, value->data, 0)));
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

ORK_ONNX_HANDLER(shape)
{
    const ork_shape *shape = &call->in[0]->type.shape;
    int64_t begin = ork_onnx_int(call, "start", 0), end = ork_onnx_int(call, "end", shape->rank);
    begin = clamp(begin < 0 ? begin + shape->rank : begin, 0, shape->rank);
    end = clamp(end < 0 ? end + shape->rank : end, begin, shape->rank);
    return ork_onnx_result(call,
                           ork_build_index_constant(onnx->build, shape->dim + begin, end - begin));
}

ORK_ONNX_HANDLER(size)
{
    int64_t count = ork_shape_count(&call->in[0]->type.shape);
    return ork_onnx_result(call, list_constant(onnx, ORK_I64, 1, false, &count, NULL));
}

/* ---- the same elements ----------------------------------------------------------------- */

/* 0 keeps a size unless allowzero, -1 takes the rest. */
ORK_ONNX_HANDLER(reshape)
{
    ork_ints wanted;
    const ork_shape *from = &call->in[0]->type.shape;
    bool zero_is_zero = ork_onnx_int(call, "allowzero", 0) != 0;
    if (!ork_onnx_ints_either(onnx, call, "shape", 1, 5, &wanted))
        return false;
    int rest = -1;
    int64_t known = 1, count = ork_shape_count(from);
    for (int i = 0; i < wanted.count; i++) {
        if (wanted.v[i] == 0 && !zero_is_zero)
            wanted.v[i] = i < from->rank ? from->dim[i] : 0;
        if (wanted.v[i] == -1)
            rest = i;
        else if (wanted.v[i] < 0 || wanted.v[i] > INT32_MAX || known > INT32_MAX)
            return ork_build_bad_shape(onnx->build, "a size that cannot be") != NULL;
        else
            known *= wanted.v[i];
    }
    if (rest >= 0)
        wanted.v[rest] = known > 0 ? count / known : 0;
    return ork_onnx_result(call,
                           ork_build_reshape_to(onnx->build, call->in[0], wanted.count, wanted.v));
}

/* The axis may be the rank itself: then the second size is 1. */
ORK_ONNX_HANDLER(flatten)
{
    const ork_shape *shape = &call->in[0]->type.shape;
    int64_t axis = ork_onnx_int(call, "axis", 1);
    axis = clamp(axis < 0 ? axis + shape->rank : axis, 0, shape->rank);
    int64_t dims[] = {ork_shape_span(shape, 0, (int)axis),
                      ork_shape_span(shape, (int)axis, shape->rank)};
    return ork_onnx_result(call, ork_build_reshape_to(onnx->build, call->in[0], 2, dims));
}

ORK_ONNX_HANDLER(squeeze)
{
    ork_ints axes;
    const ork_shape *from = &call->in[0]->type.shape;
    if (!ork_onnx_ints_either(onnx, call, "axes", 1, 13, &axes) ||
        !ork_onnx_axes(onnx, &axes, from->rank, false))
        return false;
    ork_shape to = {0};
    for (int i = 0; i < from->rank; i++) {
        bool listed = axes.count == 0 && from->dim[i] == 1;
        for (int k = 0; k < axes.count; k++)
            listed |= axes.v[k] == i;
        if (listed && from->dim[i] != 1)
            return ork_build_bad_shape(onnx->build, "axis %d has %lld elements, not 1", i,
                                       (long long)from->dim[i]) != NULL;
        if (!listed)
            to.dim[to.rank++] = from->dim[i];
    }
    return ork_onnx_result(call, ork_build_reshape(onnx->build, call->in[0], &to));
}

ORK_ONNX_HANDLER(unsqueeze)
{
    ork_ints axes;
    const ork_shape *from = &call->in[0]->type.shape;
    if (!ork_onnx_ints_either(onnx, call, "axes", 1, 13, &axes))
        return false;
    int rank = from->rank + axes.count;
    if (rank > ORK_MAX_RANK)
        return ork_build_unsupported(onnx->build, "to %d axes", rank) != NULL;
    if (!ork_onnx_axes(onnx, &axes, rank, false))
        return false;
    int64_t dims[ORK_MAX_RANK] = {0};
    for (int k = 0; k < axes.count; k++)
        dims[axes.v[k]] = 1;
    for (int i = 0, next = 0; i < rank; i++)
        if (dims[i] == 0)
            dims[i] = next < from->rank ? from->dim[next++] : 1;
    return ork_onnx_result(call, ork_build_reshape_to(onnx->build, call->in[0], rank, dims));
}

ORK_ONNX_HANDLER(transpose)
{
    ork_ints perm;
    int rank = call->in[0]->type.shape.rank, order[ORK_MAX_RANK];
    if (!ork_onnx_ints(onnx, call, "perm", &perm))
        return false;
    if (perm.count != 0 && perm.count != rank)
        return ork_build_bad_shape(onnx->build, "perm has %d numbers for %d axes", perm.count,
                                   rank) != NULL;
    for (int i = 0; i < rank; i++)
        order[i] = perm.count ? (int)clamp(perm.v[i], -1, ORK_MAX_RANK) : rank - 1 - i;
    return ork_onnx_result(call, ork_build_transpose(onnx->build, call->in[0], order));
}

/* Both shapes broadcast: a size of 1 on either side gives way. */
ORK_ONNX_HANDLER(expand)
{
    ork_ints wanted;
    const ork_shape *from = &call->in[0]->type.shape;
    if (!ork_onnx_must_be_constant(onnx, call, 1) || !ork_onnx_input_ints(onnx, call, 1, &wanted))
        return false;
    ork_shape to = ork_shape_of(wanted.count > from->rank ? wanted.count : from->rank, wanted.v);
    for (int i = 1; i <= to.rank; i++) {
        int64_t own = i <= from->rank ? from->dim[from->rank - i] : 1;
        int64_t other = i <= wanted.count ? wanted.v[wanted.count - i] : 1;
        to.dim[to.rank - i] = other == 1 ? own : other;
    }
    return ork_onnx_result(call, ork_build_expand(onnx->build, call->in[0], &to));
}

/* Repeats of one axis: [a, d b] becomes [a, 1, d b], that [a, repeats, d b]. */
static ork_value *repeated(ork_onnx *onnx, ork_value *x, int axis, int64_t repeats)
{
    if (!x || repeats == 1)
        return x;
    ork_shape shape = x->type.shape;
    int64_t outer = ork_shape_span(&shape, 0, axis),
            inner = ork_shape_span(&shape, axis, shape.rank);
    ork_shape wide = ork_shape_of(3, (int64_t[]){outer, repeats, inner});
    x = ork_build_reshape_to(onnx->build, x, 3, (int64_t[]){outer, 1, inner});
    shape.dim[axis] *= repeats;
    return ork_build_reshape(onnx->build, ork_build_expand(onnx->build, x, &wide), &shape);
}

ORK_ONNX_HANDLER(tile)
{
    ork_ints repeats;
    ork_value *y = call->in[0];
    if (!ork_onnx_must_be_constant(onnx, call, 1) || !ork_onnx_input_ints(onnx, call, 1, &repeats))
        return false;
    if (repeats.count != y->type.shape.rank)
        return ork_build_bad_shape(onnx->build, "%d repeats for %d axes", repeats.count,
                                   y->type.shape.rank) != NULL;
    for (int i = 0; y && i < repeats.count; i++) {
        if (repeats.v[i] < 0 || repeats.v[i] > INT32_MAX)
            return ork_build_bad_shape(onnx->build, "%lld repeats", (long long)repeats.v[i]) !=
                   NULL;
        y = repeated(onnx, y, i, repeats.v[i]);
    }
    return ork_onnx_result(call, y);
}

/* Ones on a diagonal. */
ORK_ONNX_HANDLER(eye_like)
{
    ork_dtype dtype = call->in[0]->type.dtype;
    const ork_shape *shape = &call->in[0]->type.shape;
    int64_t diagonal = ork_onnx_int(call, "k", 0);
    if (shape->rank != 2)
        return ork_build_bad_shape(onnx->build, "a matrix with %d axes", shape->rank) != NULL;
    if (!ork_onnx_dtype(ork_onnx_int(call, "dtype", ORK_ONNX_UNDEFINED), &dtype))
        dtype = call->in[0]->type.dtype;
    void *data;
    ork_value *y = ork_build_constant(onnx->build, dtype, shape, &data);
    int64_t count = y ? ork_shape_count(shape) : 0;
    for (int64_t i = 0; i < count; i++)
        ork_element_set(dtype, data, i, i % shape->dim[1] - i / shape->dim[1] == diagonal);
    return ork_onnx_result(call, y);
}

/* Numbers from a start up to a limit, all of them constants. */
ORK_ONNX_HANDLER(range)
{
    double numbers[3];
    ork_dtype dtype = call->in[0]->type.dtype;
    for (int i = 0; i < 3; i++)
        if (!ork_onnx_input_number(onnx, call, i, 0.0, &numbers[i]))
            return false;
    double start = numbers[0], step = numbers[2], length = ceil((numbers[1] - start) / step);
    if (!(step != 0) || !(length <= INT32_MAX))
        return ork_build_bad_shape(onnx->build, "a step of %g", step) != NULL;
    int64_t count = length > 0 ? (int64_t)length : 0;
    ork_shape shape = ork_shape_of(1, &count);
    void *data;
    ork_value *y = ork_build_constant(onnx->build, dtype, &shape, &data);
    for (int64_t i = 0; y && i < count; i++)
        ork_element_set(dtype, data, i, start + (double)i * step);
    return ork_onnx_result(call, y);
}

/* ---- joining, cutting, padding --------------------------------------------------------- */

ORK_ONNX_HANDLER(concat)
{
    int axis;
    for (int i = 0; i < call->input_count; i++)
        if (!call->in[i])
            return ork_build_unsupported(onnx->build, "without its input %d", i) != NULL;
    if (!ork_onnx_axis(onnx, ork_onnx_int(call, "axis", 1), call->in[0]->type.shape.rank, &axis))
        return false;
    return ork_onnx_result(call, ork_build_concat(onnx->build, call->in, call->input_count, axis));
}

/* Sizes of the parts: given, or equal with a smaller last one. */
static bool split_sizes(ork_onnx *onnx, const ork_onnx_call *call, int64_t size, int64_t *parts)
{
    const ork_onnx_attribute *a = ork_onnx_attribute_of(call, "split");
    const ork_value *input = call->version >= 13 ? call->in[1] : NULL;
    int count = call->output_count;
    int64_t each = (size + count - 1) / count, left = size, given = 0;
    if (input && !ork_onnx_must_be_constant(onnx, call, 1))
        return false;
    if (input)
        given = ork_shape_count(&input->type.shape);
    else if (call->version < 13 && a)
        given = (int64_t)a->integers.count;
    if (given != 0 && given != count)
        return ork_build_bad_shape(onnx->build, "%lld sizes for %d outputs", (long long)given,
                                   count) != NULL;
    for (int i = 0; i < count; i++) {
        parts[i] = given == 0 ? (each < left ? each : left)
                   : input    ? ork_element_get_int(input->type.dtype, input->data, i)
                              : a->integers.items[i];
        if (parts[i] < 0 || parts[i] > left)
            return ork_build_bad_shape(onnx->build, "parts that do not fit %lld elements",
                                       (long long)size) != NULL;
        left -= parts[i];
    }
    return true;
}

ORK_ONNX_HANDLER(split)
{
    int axis;
    ork_value *x = call->in[0];
    if (!ork_onnx_axis(onnx, ork_onnx_int(call, "axis", 0), x->type.shape.rank, &axis))
        return false;
    int64_t *parts = ORK_NEW_ARRAY(onnx->arena, int64_t, (size_t)call->output_count + 1), at = 0;
    if (!split_sizes(onnx, call, x->type.shape.dim[axis], parts))
        return false;
    for (int i = 0; i < call->output_count; i++) {
        call->out[i] = ork_build_slice(onnx->build, x, axis, at, at + parts[i], 1);
        if (!call->out[i])
            return false;
        at += parts[i];
    }
    return true;
}

static bool slice_ranges(ork_onnx *onnx, const ork_onnx_call *call, int version, ork_ints range[4])
{
    static const char *const names[] = {"starts", "ends", "axes", "steps"};
    for (int i = 0; i < 4; i++) {
        if (version >= 10 && i < 2 && !ork_onnx_must_be_constant(onnx, call, 1 + i))
            return false;
        if (!(version >= 10 ? ork_onnx_input_ints(onnx, call, 1 + i, &range[i])
                            : ork_onnx_ints(onnx, call, names[i], &range[i])))
            return false;
    }
    int count = range[0].count;
    for (int i = 0; range[2].count == 0 && i < count; i++)
        range[2].v[i] = i;
    for (int i = 0; range[3].count == 0 && i < count; i++)
        range[3].v[i] = 1;
    if (range[1].count != count || (range[2].count != 0 && range[2].count != count) ||
        (range[3].count != 0 && range[3].count != count))
        return ork_build_bad_shape(onnx->build,
                                   "starts, ends, axes and steps of different length") != NULL;
    range[2].count = range[3].count = count;
    return ork_onnx_axes(onnx, &range[2], call->in[0]->type.shape.rank, false);
}

/* One axis. Negative steps walk backwards: turned around first, then forwards. */
static ork_value *slice_axis(ork_onnx *onnx, ork_value *x, int axis, int64_t begin, int64_t end,
                             int64_t step)
{
    int64_t size = x->type.shape.dim[axis];
    if (step == 0 || step == INT64_MIN) {
        ork_build_bad_shape(onnx->build, "a step of 0");
        return NULL;
    }
    begin = begin < 0 ? clamp(begin, -size - 1, -1) + size : begin;
    end = end < 0 ? clamp(end, -size - 1, -1) + size : end;
    if (step > 0) {
        begin = clamp(begin, 0, size);
        return ork_build_slice(onnx->build, x, axis, begin, clamp(end, begin, size), step);
    }
    begin = size - 1 - clamp(begin, -1, size - 1);
    end = size - 1 - clamp(end, -1, size - 1);
    return ork_build_slice(onnx->build, ork_onnx_backwards(onnx, x, axis), axis, begin,
                           clamp(end, begin, size), -step);
}

/* param: the version whose inputs the row has. */
ORK_ONNX_HANDLER(slice)
{
    ork_ints range[4];
    ork_value *y = call->in[0];
    if (!slice_ranges(onnx, call, param, range))
        return false;
    for (int i = 0; y && i < range[0].count; i++)
        y = slice_axis(onnx, y, (int)range[2].v[i], range[0].v[i], range[1].v[i], range[3].v[i]);
    return ork_onnx_result(call, y);
}

static const char *const pad_modes[] = {"constant", "reflect", "edge"};

/* Numbers before and after each axis; the list may have 16 of them. */
static bool take_pads(ork_onnx *onnx, const ork_onnx_call *call, int version, ork_attrs *attrs)
{
    int rank = call->in[0]->type.shape.rank;
    const ork_onnx_attribute *a = ork_onnx_attribute_of(call, "pads");
    const ork_value *input = call->in[1];
    if (version >= 11 && !ork_onnx_must_be_constant(onnx, call, 1))
        return false;
    int64_t count =
        version >= 11 ? ork_shape_count(&input->type.shape) : (int64_t)(a ? a->integers.count : 0);
    ork_ints axes = {0};
    if ((version >= 11 && !ork_onnx_input_ints(onnx, call, 3, &axes)) ||
        !ork_onnx_axes(onnx, &axes, rank, true))
        return false;
    if (count != 2 * axes.count)
        return ork_build_bad_shape(onnx->build, "%lld numbers for %d axes", (long long)count,
                                   axes.count) != NULL;
    attrs->pad.before.count = attrs->pad.after.count = rank;
    for (int i = 0; i < axes.count; i++) {
        int64_t *numbers = version >= 11 ? NULL : a->integers.items;
        attrs->pad.before.v[axes.v[i]] =
            numbers ? numbers[i] : ork_element_get_int(input->type.dtype, input->data, i);
        attrs->pad.after.v[axes.v[i]] =
            numbers ? numbers[axes.count + i]
                    : ork_element_get_int(input->type.dtype, input->data, axes.count + i);
    }
    return true;
}

/* Negative padding takes elements away. */
static ork_value *crop(ork_onnx *onnx, ork_value *x, ork_attrs *attrs)
{
    for (int i = 0; x && i < attrs->pad.before.count; i++) {
        int64_t *before = &attrs->pad.before.v[i], *after = &attrs->pad.after.v[i];
        int64_t size = x->type.shape.dim[i];
        int64_t begin = *before < 0 ? clamp(-*before, 0, size) : 0;
        int64_t end = *after < 0 ? clamp(size + *after, begin, size) : size;
        x = ork_build_slice(onnx->build, x, i, begin, end, 1);
        *before = clamp(*before, 0, INT32_MAX);
        *after = clamp(*after, 0, INT32_MAX);
    }
    return x;
}

/* param: the version whose inputs the row has. */
ORK_ONNX_HANDLER(pad)
{
    ork_attrs attrs = {0};
    if (!ork_onnx_choice(onnx, call, "mode", pad_modes, ORK_COUNT(pad_modes), 0, &attrs.pad.mode) ||
        !take_pads(onnx, call, param, &attrs))
        return false;
    attrs.pad.value = ork_onnx_float(call, "value", 0.0);
    if (param >= 11 && !ork_onnx_input_number(onnx, call, 2, 0.0, &attrs.pad.value))
        return false;
    ork_value *x = crop(onnx, call->in[0], &attrs);
    return ork_onnx_result(call, x ? ork_build_add1(onnx->build, ORK_OP_PAD, &attrs, x) : NULL);
}

/* ---- blocks ---------------------------------------------------------------------------- */

static ork_value *shuffle(ork_onnx *onnx, ork_value *x, const int64_t split[6], const int perm[6],
                          const int64_t merged[4])
{
    ork_value *y = ork_build_reshape_to(onnx->build, x, 6, split);
    y = ork_build_transpose(onnx->build, y, perm);
    return ork_build_reshape_to(onnx->build, y, 4, merged);
}

static bool check_block(ork_onnx *onnx, const ork_shape *shape, int64_t block)
{
    if (shape->rank == 4 && block > 0 && block < 1 << 15)
        return true;
    ork_build_bad_shape(onnx->build, "blocks of %lld in a tensor with %d axes", (long long)block,
                        shape->rank);
    return false;
}

ORK_ONNX_HANDLER(depth_to_space)
{
    static const int depth_first[] = {0, 3, 4, 1, 5, 2}, column_first[] = {0, 1, 4, 2, 5, 3};
    static const char *const names[] = {"DCR", "CRD"};
    int mode;
    const ork_shape *s = &call->in[0]->type.shape;
    int64_t b = ork_onnx_int(call, "blocksize", 0);
    if (!check_block(onnx, s, b) || !ork_onnx_choice(onnx, call, "mode", names, 2, 0, &mode))
        return false;
    if (s->dim[1] % (b * b) != 0)
        return ork_build_bad_shape(onnx->build, "%lld channels", (long long)s->dim[1]) != NULL;
    int64_t c = s->dim[1] / (b * b);
    int64_t depth[] = {s->dim[0], b, b, c, s->dim[2], s->dim[3]};
    int64_t column[] = {s->dim[0], c, b, b, s->dim[2], s->dim[3]};
    int64_t merged[] = {s->dim[0], c, s->dim[2] * b, s->dim[3] * b};
    return ork_onnx_result(call, shuffle(onnx, call->in[0], mode ? column : depth,
                                         mode ? column_first : depth_first, merged));
}

ORK_ONNX_HANDLER(space_to_depth)
{
    static const int perm[] = {0, 3, 5, 1, 2, 4};
    const ork_shape *s = &call->in[0]->type.shape;
    int64_t b = ork_onnx_int(call, "blocksize", 0);
    if (!check_block(onnx, s, b))
        return false;
    if (s->dim[2] % b != 0 || s->dim[3] % b != 0)
        return ork_build_bad_shape(onnx->build, "a size that blocks of %lld do not divide",
                                   (long long)b) != NULL;
    int64_t split[] = {s->dim[0], s->dim[1], s->dim[2] / b, b, s->dim[3] / b, b};
    int64_t merged[] = {s->dim[0], s->dim[1] * b * b, s->dim[2] / b, s->dim[3] / b};
    return ork_onnx_result(call, shuffle(onnx, call->in[0], split, perm, merged));
}
