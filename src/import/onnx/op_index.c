/* SPDX-License-Identifier: Apache-2.0 */
/* Elements by index, in order, and by place. */
#include "onnx.h"

#include <string.h>

/* ---- gather ---------------------------------------------------------------------------- */

ORK_ONNX_HANDLER(gather)
{
    int axis;
    ork_value *x = call->in[0];
    if (!ork_onnx_axis(onnx, ork_onnx_int(call, "axis", 0), x->type.shape.rank, &axis))
        return false;
    ork_attrs attrs = {.gather.axis = axis};
    return ork_onnx_result(call, ork_build_add(onnx->build, ORK_OP_GATHER, &attrs, call->in, 2));
}

ORK_ONNX_HANDLER(gather_elements)
{
    int axis;
    ork_value *x = call->in[0];
    if (!ork_onnx_axis(onnx, ork_onnx_int(call, "axis", 0), x->type.shape.rank, &axis))
        return false;
    ork_value *index = ork_build_wrap_index(onnx->build, call->in[1], x->type.shape.dim[axis]);
    return ork_onnx_result(call, ork_build_gather_elements(onnx->build, x, axis, index));
}

/* Rows of a tensor whose first axes became one, named by tuples in the last axis of an index. */
typedef struct tuples {
    ork_shape rows;   /* [entries, ...] */
    ork_shape places; /* of the index without its last axis */
    int64_t count;    /* of places */
    ork_value *index; /* i64, one number for each place */
} tuples;

/* Sums up what each axis of the tuples, from axis `first` of x on, adds to the row's number. */
static bool read_tuples(ork_onnx *onnx, const ork_shape *x, int first, ork_value *index, tuples *t)
{
    int last = index->type.shape.rank - 1;
    int64_t length = last >= 0 ? index->type.shape.dim[last] : 0;
    if (length < 1 || first + length > x->rank)
        return ork_build_bad_shape(onnx->build, "tuples of %lld numbers for %d axes",
                                   (long long)length, x->rank) != NULL;
    int end = first + (int)length;
    t->places = index->type.shape;
    t->places.rank = last;
    t->count = ork_shape_count(&t->places);
    t->rows = (ork_shape){.rank = x->rank - end + 1, .dim = {ork_shape_span(x, 0, end)}};
    memcpy(t->rows.dim + 1, x->dim + end, (size_t)(x->rank - end) * sizeof(*x->dim));
    t->index = ork_build_scalar(onnx->build, ORK_I64, 0);
    for (int i = 0; i < (int)length; i++) {
        ork_value *part = ork_build_slice(onnx->build, index, last, i, i + 1, 1);
        part = ork_build_reshape_to(onnx->build, part, last, t->places.dim);
        part = ork_build_wrap_index(onnx->build, part, x->dim[first + i]);
        int64_t step = ork_shape_span(x, first + i + 1, end);
        part = ork_build_add2(onnx->build, ORK_OP_MUL, part,
                              ork_build_scalar(onnx->build, ORK_I64, (double)step));
        t->index = ork_build_add2(onnx->build, ORK_OP_ADD, part, t->index);
    }
    return t->index != NULL;
}

/* In front of each place, which of the `count` entries of the first `batch` axes it belongs to. */
static ork_value *add_batch(ork_onnx *onnx, ork_value *index, int batch, int64_t step)
{
    ork_shape shape = index->type.shape;
    for (int i = batch; i < shape.rank; i++)
        shape.dim[i] = 1;
    int64_t count = ork_shape_count(&shape);
    void *data;
    ork_value *first = ork_build_constant(onnx->build, ORK_I64, &shape, &data);
    for (int64_t i = 0; first && i < count; i++)
        ((int64_t *)data)[i] = i * step;
    return ork_build_add2(onnx->build, ORK_OP_ADD, index, first);
}

ORK_ONNX_HANDLER(gather_nd)
{
    tuples t;
    ork_value *x = call->in[0];
    const ork_shape *shape = &x->type.shape;
    int64_t batch = ork_onnx_int(call, "batch_dims", 0);
    if (batch < 0 || batch >= shape->rank || batch >= call->in[1]->type.shape.rank)
        return ork_build_bad_shape(onnx->build, "batch_dims %lld", (long long)batch) != NULL;
    if (!read_tuples(onnx, shape, (int)batch, call->in[1], &t))
        return false;
    if (batch > 0) {
        int64_t entries = ork_shape_span(shape, 0, (int)batch);
        t.index = add_batch(onnx, t.index, (int)batch, entries ? t.rows.dim[0] / entries : 0);
    }
    ork_value *inputs[] = {ork_build_reshape(onnx->build, x, &t.rows), t.index};
    ork_attrs attrs = {.gather.axis = 0};
    return ork_onnx_result(call, ork_build_add(onnx->build, ORK_OP_GATHER, &attrs, inputs, 2));
}

/* ---- scatter --------------------------------------------------------------------------- */

static const char *const modes[] = {"none", "add", "mul", "max", "min"};

static bool take_mode(ork_onnx *onnx, const ork_onnx_call *call, int *mode)
{
    return ork_onnx_choice(onnx, call, "reduction", modes, ORK_COUNT(modes), 0, mode);
}

ORK_ONNX_HANDLER(scatter_elements)
{
    int axis, mode;
    ork_value *x = call->in[0];
    if (!ork_onnx_axis(onnx, ork_onnx_int(call, "axis", 0), x->type.shape.rank, &axis) ||
        !take_mode(onnx, call, &mode))
        return false;
    ork_value *index = ork_build_wrap_index(onnx->build, call->in[1], x->type.shape.dim[axis]);
    ork_value *places = ork_build_places_along(onnx->build, &x->type.shape, axis, index);
    return ork_onnx_result(call, ork_build_scatter(onnx->build, x, places, call->in[2], mode));
}

/* Of each row the places of its elements. */
static ork_value *places_of_rows(ork_onnx *onnx, const tuples *t)
{
    int64_t length = ork_shape_span(&t->rows, 1, t->rows.rank);
    ork_value *first = ork_build_reshape_to(onnx->build, t->index, 2, (int64_t[]){t->count, 1});
    first = ork_onnx_with_number(onnx, ORK_OP_MUL, first, (double)length);
    return ork_build_add2(onnx->build, ORK_OP_ADD, first, ork_onnx_count_up(onnx, length));
}

ORK_ONNX_HANDLER(scatter_nd)
{
    tuples t;
    ork_attrs attrs = {0};
    ork_value *x = call->in[0];
    if (!take_mode(onnx, call, &attrs.scatter.mode) ||
        !read_tuples(onnx, &x->type.shape, 0, call->in[1], &t))
        return false;
    ork_value *places = places_of_rows(onnx, &t);
    ork_value *updates =
        places ? ork_build_reshape(onnx->build, call->in[2], &places->type.shape) : NULL;
    ork_value *inputs[] = {x, places, updates};
    return ork_onnx_result(call, ork_build_add(onnx->build, ORK_OP_SCATTER, &attrs, inputs, 3));
}

/* ---- order ----------------------------------------------------------------------------- */

/* param: the operator */
ORK_ONNX_HANDLER(arg_max)
{
    int axis;
    ork_value *x = call->in[0];
    if (!ork_onnx_axis(onnx, ork_onnx_int(call, "axis", 0), x->type.shape.rank, &axis))
        return false;
    ork_attrs attrs = {.arg_max.axis = axis,
                       .arg_max.keep_dims = ork_onnx_int(call, "keepdims", 1) != 0,
                       .arg_max.last = ork_onnx_int(call, "select_last_index", 0) != 0};
    return ork_onnx_result(call, ork_build_add1(onnx->build, (ork_op)param, &attrs, x));
}

/* 1 where the first greatest of an axis is. */
static ork_value *hard_max(ork_onnx *onnx, ork_value *x, int axis)
{
    if (!x)
        return NULL;
    const ork_shape *shape = &x->type.shape;
    ork_shape places = {.rank = shape->rank - axis, .dim = {shape->dim[axis]}};
    for (int i = 1; i < places.rank; i++)
        places.dim[i] = 1;
    ork_attrs attrs = {.arg_max.axis = axis, .arg_max.keep_dims = true};
    ork_value *best = ork_build_add1(onnx->build, ORK_OP_ARG_MAX, &attrs, x);
    ork_value *place =
        ork_build_reshape(onnx->build, ork_onnx_count_up(onnx, x->type.shape.dim[axis]), &places);
    ork_value *is_best = ork_build_add2(onnx->build, ORK_OP_EQUAL, best, place);
    return ork_build_cast(onnx->build, is_best, x->type.dtype);
}

/* param: before version 13 over all axes from `axis` on at once. */
ORK_ONNX_HANDLER(hard_max)
{
    int axis;
    ork_value *x = call->in[0];
    ork_shape shape = x->type.shape;
    if (!ork_onnx_axis(onnx, ork_onnx_int(call, "axis", param ? 1 : -1), shape.rank, &axis))
        return false;
    if (param) {
        int64_t dims[] = {ork_shape_span(&shape, 0, axis),
                          ork_shape_span(&shape, axis, shape.rank)};
        x = ork_build_reshape_to(onnx->build, x, 2, dims);
        axis = 1;
    }
    return ork_onnx_result(call, ork_build_reshape(onnx->build, hard_max(onnx, x, axis), &shape));
}

/* Values and indices; the number of them is an input from version 10 on. */
ORK_ONNX_HANDLER(top_k)
{
    int axis;
    double count = (double)ork_onnx_int(call, "k", 1);
    ork_value *x = call->in[0];
    const ork_shape *shape = &x->type.shape;
    if (!ork_onnx_axis(onnx, ork_onnx_int(call, "axis", -1), shape->rank, &axis) ||
        (call->version >= 10 && !ork_onnx_input_number(onnx, call, 1, 1.0, &count)))
        return false;
    if (count < 0 || count > (double)shape->dim[axis])
        return ork_build_bad_shape(onnx->build, "%g of %lld elements", count,
                                   (long long)shape->dim[axis]) != NULL;
    ork_value *values;
    bool least = ork_onnx_int(call, "largest", 1) == 0;
    call->out[1] = ork_build_top_k(onnx->build, x, axis, (int64_t)count, least, &values);
    return ork_onnx_result(call, call->out[1] ? values : NULL);
}

/* ---- by place -------------------------------------------------------------------------- */

/* A new axis in which the index says where `on` stands among `off`. */
ORK_ONNX_HANDLER(one_hot)
{
    int axis;
    double depth;
    ork_shape shape = call->in[0]->type.shape, places = {0};
    if (!ork_onnx_input_number(onnx, call, 1, 0.0, &depth))
        return false;
    if (depth < 1 || depth > INT32_MAX || shape.rank == ORK_MAX_RANK)
        return ork_build_bad_shape(onnx->build, "a depth of %g", depth) != NULL;
    if (!ork_onnx_axis(onnx, ork_onnx_int(call, "axis", -1), shape.rank + 1, &axis))
        return false;
    places.rank = shape.rank - axis + 1;
    for (int i = 0; i < places.rank; i++)
        places.dim[i] = i == 0 ? (int64_t)depth : 1;
    memmove(shape.dim + axis + 1, shape.dim + axis,
            (size_t)(shape.rank - axis) * sizeof(*shape.dim));
    shape.dim[axis] = 1;
    shape.rank++;
    ork_value *index = ork_build_wrap_index(onnx->build, call->in[0], (int64_t)depth);
    ork_value *place =
        ork_build_reshape(onnx->build, ork_onnx_count_up(onnx, (int64_t)depth), &places);
    ork_value *values[2];
    for (int i = 0; i < 2; i++) {
        values[i] = ork_build_slice(onnx->build, call->in[2], 0, i, i + 1, 1);
        values[i] = ork_build_reshape_to(onnx->build, values[i], 0, NULL);
    }
    ork_value *inputs[] = {ork_build_add2(onnx->build, ORK_OP_EQUAL,
                                          ork_build_reshape(onnx->build, index, &shape), place),
                           values[1], values[0]};
    return ork_onnx_result(call, ork_build_add(onnx->build, ORK_OP_WHERE, NULL, inputs, 3));
}

/* Entries of an axis, or of the flat tensor, where a constant is true. */
ORK_ONNX_HANDLER(compress)
{
    int axis = 0;
    ork_value *x = call->in[0], *condition = call->in[1];
    const ork_onnx_attribute *given = ork_onnx_attribute_of(call, "axis");
    int64_t count = ork_shape_count(&x->type.shape), taken = 0;
    if (!ork_onnx_must_be_constant(onnx, call, 1))
        return false;
    if (!given)
        x = ork_build_reshape_to(onnx->build, x, 1, &count);
    else if (!ork_onnx_axis(onnx, given->integer, x->type.shape.rank, &axis))
        return false;
    int64_t length = ork_shape_count(&condition->type.shape);
    if (!x || length > x->type.shape.dim[axis])
        return ork_build_bad_shape(onnx->build, "more conditions than elements") != NULL;
    int64_t *index = ORK_NEW_ARRAY(onnx->arena, int64_t, (size_t)length + 1);
    for (int64_t i = 0; i < length; i++)
        if (ork_element_get_int(condition->type.dtype, condition->data, i))
            index[taken++] = i;
    ork_value *inputs[] = {x, ork_build_index_constant(onnx->build, index, taken)};
    ork_attrs attrs = {.gather.axis = axis};
    return ork_onnx_result(call, ork_build_add(onnx->build, ORK_OP_GATHER, &attrs, inputs, 2));
}

/* Keeps what lies on one side of a diagonal of the last two axes. */
ORK_ONNX_HANDLER(trilu)
{
    double diagonal;
    ork_value *x = call->in[0];
    const ork_shape *shape = &x->type.shape;
    bool upper = ork_onnx_int(call, "upper", 1) != 0;
    if (!ork_onnx_input_number(onnx, call, 1, 0.0, &diagonal))
        return false;
    if (shape->rank < 2)
        return ork_build_bad_shape(onnx->build, "a tensor without rows and columns") != NULL;
    int64_t rows = shape->dim[shape->rank - 2], columns = shape->dim[shape->rank - 1];
    ork_shape matrix = ork_shape_of(2, (int64_t[]){rows, columns});
    void *data;
    ork_value *keeps = ork_build_constant(onnx->build, ORK_BOOL, &matrix, &data);
    for (int64_t i = 0; keeps && i < rows * columns; i++) {
        double beside = (double)(i % columns - i / columns);
        ((uint8_t *)data)[i] = upper ? beside >= diagonal : beside <= diagonal;
    }
    ork_value *inputs[] = {keeps, x, ork_build_scalar(onnx->build, x->type.dtype, 0.0)};
    return ork_onnx_result(call, ork_build_add(onnx->build, ORK_OP_WHERE, NULL, inputs, 3));
}

/* The axis is an input. */
ORK_ONNX_HANDLER(cum_sum)
{
    int axis;
    double number;
    ork_value *x = call->in[0];
    if (!ork_onnx_input_number(onnx, call, 1, 0.0, &number) ||
        !ork_onnx_axis(onnx, (int64_t)number, x->type.shape.rank, &axis))
        return false;
    ork_attrs attrs = {.cum_sum.axis = axis,
                       .cum_sum.exclusive = ork_onnx_int(call, "exclusive", 0) != 0,
                       .cum_sum.reverse = ork_onnx_int(call, "reverse", 0) != 0};
    return ork_onnx_result(call, ork_build_add1(onnx->build, ORK_OP_CUM_SUM, &attrs, x));
}

/* The first elements of each entry of the batch turned around, as many as a constant says. */
ORK_ONNX_HANDLER(reverse_sequence)
{
    ork_value *x = call->in[0], *lengths = call->in[1];
    ork_shape shape = x->type.shape;
    int64_t batch = ork_onnx_int(call, "batch_axis", 1), time = ork_onnx_int(call, "time_axis", 0);
    if (!ork_onnx_must_be_constant(onnx, call, 1))
        return false;
    if (shape.rank < 2 || batch + time != 1 || batch * time != 0 ||
        ork_shape_count(&lengths->type.shape) != shape.dim[batch])
        return ork_build_bad_shape(onnx->build, "sequences along other axes than the first two") !=
               NULL;
    void *data;
    for (int i = 2; i < shape.rank; i++)
        shape.dim[i] = 1;
    ork_value *index = ork_build_constant(onnx->build, ORK_I64, &shape, &data);
    for (int64_t i = 0; index && i < shape.dim[0] * shape.dim[1]; i++) {
        int64_t at[] = {i / shape.dim[1], i % shape.dim[1]};
        int64_t end = ork_element_get_int(lengths->type.dtype, lengths->data, at[batch]);
        ((int64_t *)data)[i] = at[time] < end ? end - 1 - at[time] : at[time];
    }
    index = index ? ork_build_expand(onnx->build, index, &x->type.shape) : NULL;
    return ork_onnx_result(call, ork_build_gather_elements(onnx->build, x, (int)time, index));
}

/* How many elements come out is known only when they are there. */
ORK_ONNX_HANDLER(unknown_size)
{
    ork_build_unsupported(onnx->build,
                          "the size of its result depends on what the network computes");
    ork_why(onnx->diag, "sizes and shapes must be fixed on a chip");
    return ork_fix(onnx->diag, "end the model before it with outputs=[...] and compute the rest "
                               "after the network");
}
