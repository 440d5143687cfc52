/* SPDX-License-Identifier: Apache-2.0 */
/* Adding to the graph: every node carries the user's own layer name and place. */
#include "torchscript.h"

#include <stdarg.h>
#include <string.h>

/* What is made during import rather than stored in the file, and with it the work on it, is
   bounded. */
static bool spend_bytes(ork_ts *ts, size_t bytes)
{
    if (bytes > ts->bytes_left) {
        ork_fail(ts->diag, ORK_ERR_UNSUPPORTED,
                 "what the code computes while it is imported needs too much memory");
        return ork_where(ts->diag, "%s", ork_ts_place(ts));
    }
    ts->bytes_left -= bytes;
    return true;
}

bool ork_ts_spend(ork_ts *ts, const ork_shape *shape, ork_dtype dtype)
{
    enum { VALUE = 256 }; /* what even the smallest constant costs */
    size_t bytes;
    if (!ork_shape_bytes(shape, dtype, &bytes) || bytes > SIZE_MAX - VALUE)
        return ork_ts_bad_shape(ts, "a tensor is too large") != NULL;
    return spend_bytes(ts, bytes + VALUE);
}

static bool spend_on_node(ork_ts *ts, int inputs)
{
    enum { NODE = 1024, USE = 32 };
    return spend_bytes(ts, NODE + USE * (size_t)inputs);
}

static bool is_torch_leaf(const ork_ts_module *module)
{
    return module->type && ork_starts_with(module->type->qualified_name, "__torch__.torch.nn.");
}

/* Operators of a module of torch.nn are named like the module; those in the user's own code like
   the module and the operator. */
static const char *node_name(const ork_ts *ts, ork_op op)
{
    const ork_ts_module *module = ork_ts_current_module(ts);
    const char *op_name = ork_op_table[op].name;
    if (ts->op) {
        const char *dot = strrchr(ts->op->name, '.');
        op_name = dot ? dot + 1 : ts->op->name;
    }
    if (!module || !*module->path)
        return op_name;
    if (is_torch_leaf(module))
        return module->path;
    return ork_arena_printf(ts->arena, "%s.%s", module->path, op_name);
}

static bool all_constant(ork_value *const *inputs, int count)
{
    for (int i = 0; i < count; i++)
        if (inputs[i] && inputs[i]->kind != ORK_VALUE_CONSTANT)
            return false;
    return true;
}

static bool spend_on_constants(ork_ts *ts, ork_value *const *inputs, int count)
{
    if (!all_constant(inputs, count))
        return true;
    for (int i = 0; i < count; i++)
        if (inputs[i] && !ork_ts_spend(ts, &inputs[i]->type.shape, inputs[i]->type.dtype))
            return false;
    return true;
}

/* EXPAND and PAD make much out of little, so their result is paid for in advance. */
static bool spend_on_result(ork_ts *ts, ork_op op, const ork_attrs *attrs, const ork_value *x)
{
    ork_shape shape = x->type.shape;
    if (x->kind != ORK_VALUE_CONSTANT || (op != ORK_OP_EXPAND && op != ORK_OP_PAD))
        return true;
    if (op == ORK_OP_EXPAND)
        shape = ork_shape_of(attrs->expand.shape.count, attrs->expand.shape.v);
    for (int i = 0; op == ORK_OP_PAD && i < shape.rank && i < attrs->pad.before.count; i++)
        shape.dim[i] += attrs->pad.before.v[i] + attrs->pad.after.v[i];
    return ork_ts_spend(ts, &shape, x->type.dtype);
}

/* The user's names are for layers, not for what was computed on the way. */
static void rename_constant(ork_ts *ts, ork_value *constant)
{
    ork_value_rename(ts->graph, constant,
                     ork_arena_printf(ts->arena, "%s.constant", constant->name));
}

ork_value *ork_ts_add(ork_ts *ts, ork_op op, const ork_attrs *attrs, ork_value *const *inputs,
                      int count)
{
    for (int i = 0; i < count && i < ork_op_table[op].min_inputs; i++)
        if (!inputs[i])
            return NULL;
    if (!spend_on_node(ts, count) || !spend_on_constants(ts, inputs, count) ||
        (count == 1 && !spend_on_result(ts, op, attrs, inputs[0])))
        return NULL;
    size_t before = ts->graph->node_count;
    ork_value *output =
        ork_graph_add_folded(ts->graph, ts->diag, op, attrs, inputs, count, node_name(ts, op));
    if (!output) {
        if (ork_diag_error_id(ts->diag) == ORK_ERR_NONE)
            ork_fail(ts->diag, ORK_ERR_SHAPE, "%s cannot be computed", ork_op_table[op].name);
        ork_where_more(ts->diag, *ork_diag_error(ts->diag)->where ? " (%s)" : "%s",
                       *ork_diag_error(ts->diag)->where ? ork_ts_scope(ts) : ork_ts_place(ts));
    } else if (ts->graph->node_count > before) {
        output->producer->name = output->name;
        output->producer->scope = ork_arena_strdup(ts->graph->arena, ork_ts_scope(ts));
    } else {
        rename_constant(ts, output);
        if (!ork_ts_spend(ts, &output->type.shape, output->type.dtype))
            return NULL;
    }
    return output;
}

ork_value *ork_ts_add1(ork_ts *ts, ork_op op, const ork_attrs *attrs, ork_value *a)
{
    return ork_ts_add(ts, op, attrs, &a, 1);
}

ork_value *ork_ts_add2(ork_ts *ts, ork_op op, ork_value *a, ork_value *b)
{
    ork_value *inputs[] = {a, b};
    return ork_ts_add(ts, op, NULL, inputs, 2);
}

static ork_ints ints_of_shape(const ork_shape *shape)
{
    ork_ints ints = {.count = shape->rank};
    memcpy(ints.v, shape->dim, sizeof(ints.v));
    return ints;
}

ork_value *ork_ts_reshape_value(ork_ts *ts, ork_value *x, const ork_shape *shape)
{
    if (!x || ork_shape_equal(&x->type.shape, shape))
        return x;
    ork_attrs attrs = {.reshape.shape = ints_of_shape(shape)};
    return ork_ts_add1(ts, ORK_OP_RESHAPE, &attrs, x);
}

ork_value *ork_ts_reshape_to(ork_ts *ts, ork_value *x, int rank, const int64_t *dims)
{
    ork_shape shape = ork_shape_of(rank, dims);
    return ork_ts_reshape_value(ts, x, &shape);
}

ork_value *ork_ts_transpose_value(ork_ts *ts, ork_value *x, const int *perm)
{
    if (!x)
        return NULL;
    ork_attrs attrs = {.transpose.perm.count = x->type.shape.rank};
    for (int i = 0; i < x->type.shape.rank; i++)
        attrs.transpose.perm.v[i] = perm[i];
    return ork_ts_add1(ts, ORK_OP_TRANSPOSE, &attrs, x);
}

ork_value *ork_ts_expand_value(ork_ts *ts, ork_value *x, const ork_shape *shape)
{
    if (!x || ork_shape_equal(&x->type.shape, shape))
        return x;
    ork_attrs attrs = {.expand.shape = ints_of_shape(shape)};
    return ork_ts_add1(ts, ORK_OP_EXPAND, &attrs, x);
}

ork_value *ork_ts_cast(ork_ts *ts, ork_value *x, ork_dtype dtype)
{
    if (!x || x->type.dtype == dtype)
        return x;
    ork_attrs attrs = {.cast.dtype = dtype};
    return ork_ts_add1(ts, ORK_OP_CAST, &attrs, x);
}

ork_value *ork_ts_scalar(ork_ts *ts, ork_dtype dtype, double number)
{
    ork_shape scalar = {0};
    return ork_ts_spend(ts, &scalar, dtype) ? ork_graph_scalar(ts->graph, dtype, number) : NULL;
}

ork_attrs ork_ts_whole_slice(const ork_shape *shape)
{
    ork_attrs attrs = {0};
    attrs.slice.begin.count = attrs.slice.end.count = attrs.slice.step.count = shape->rank;
    for (int i = 0; i < shape->rank; i++) {
        attrs.slice.end.v[i] = shape->dim[i];
        attrs.slice.step.v[i] = 1;
    }
    return attrs;
}

ork_value *ork_ts_slice_value(ork_ts *ts, ork_value *x, int axis, int64_t begin, int64_t end,
                              int64_t step)
{
    if (!x || (begin == 0 && end == x->type.shape.dim[axis] && step == 1))
        return x;
    ork_attrs attrs = ork_ts_whole_slice(&x->type.shape);
    attrs.slice.begin.v[axis] = begin;
    attrs.slice.end.v[axis] = end;
    attrs.slice.step.v[axis] = step;
    return ork_ts_add1(ts, ORK_OP_SLICE, &attrs, x);
}

ork_value *ork_ts_concat(ork_ts *ts, ork_value *const *parts, int count, int axis)
{
    ork_attrs attrs = {.concat.axis = axis};
    for (int i = 0; i < count; i++)
        if (!parts[i])
            return NULL;
    return count == 1 ? parts[0] : ork_ts_add(ts, ORK_OP_CONCAT, &attrs, parts, count);
}

/* The four reductions keep their attributes at the same places. */
ork_value *ork_ts_reduce(ork_ts *ts, ork_op op, ork_value *x, const ork_ints *axes, bool keep)
{
    ork_attrs attrs = {.reduce_mean.axes = *axes, .reduce_mean.keep_dims = keep};
    return ork_ts_add1(ts, op, &attrs, x);
}

ork_value *ork_ts_constant(ork_ts *ts, ork_dtype dtype, const ork_shape *shape, void **data)
{
    size_t bytes;
    if (!ork_ts_spend(ts, shape, dtype) || !ork_shape_bytes(shape, dtype, &bytes))
        return NULL;
    *data = ork_graph_alloc(ts->graph, ts->diag, bytes);
    if (!*data)
        return NULL;
    ork_type type = {.dtype = dtype, .shape = *shape};
    const char *name = ork_arena_printf(ts->arena, "%s.constant", node_name(ts, ORK_OP_RESHAPE));
    return ork_graph_add_constant(ts->graph, name, &type, *data);
}

ork_value *ork_ts_filled(ork_ts *ts, ork_dtype dtype, const ork_shape *shape, double number)
{
    void *data;
    ork_value *constant = ork_ts_constant(ts, dtype, shape, &data);
    int64_t count = constant ? ork_shape_count(shape) : 0;
    for (int64_t i = 0; i < count; i++)
        ork_element_set(dtype, data, i, number);
    return constant;
}

ork_value *ork_ts_index_constant(ork_ts *ts, const int64_t *index, int64_t count)
{
    void *data;
    ork_shape shape = ork_shape_of(1, &count);
    ork_value *constant = ork_ts_constant(ts, ORK_I64, &shape, &data);
    if (constant)
        memcpy(data, index, (size_t)count * sizeof(*index));
    return constant;
}

/* ---- errors ---- */

static void *fail_here(ork_ts *ts, ork_error_id id, const char *format, va_list args)
{
    const char *text = ork_arena_vprintf(ts->arena, format, args);
    const char *op = ts->op ? ts->op->name : NULL;
    ork_fail(ts->diag, id, "%s%s%s", op ? op : "", op ? ": " : "", text);
    ork_where(ts->diag, "%s", ork_ts_place(ts));
    return NULL;
}

void *ork_ts_unsupported(ork_ts *ts, const char *what, ...)
{
    va_list args;
    va_start(args, what);
    fail_here(ts, ORK_ERR_UNSUPPORTED, what, args);
    va_end(args);
    return NULL;
}

void *ork_ts_bad_shape(ork_ts *ts, const char *what, ...)
{
    va_list args;
    va_start(args, what);
    fail_here(ts, ORK_ERR_SHAPE, what, args);
    va_end(args);
    return NULL;
}

/* ---- pictures ---- */

ork_value *ork_ts_to_picture(ork_ts *ts, ork_value *x, int spatial)
{
    if (!x)
        return NULL;
    const ork_shape *shape = &x->type.shape;
    int rank = shape->rank;
    if (rank != spatial + 2 && rank != spatial + 1)
        return ork_ts_bad_shape(ts, "an input with %d axes, not %d", rank, spatial + 2);
    int64_t batch = rank == spatial + 2 ? shape->dim[0] : 1;
    int64_t height = spatial == 2 ? shape->dim[rank - 2] : 1;
    int64_t dims[] = {batch, shape->dim[rank - 1 - spatial], height, shape->dim[rank - 1]};
    return ork_ts_reshape_to(ts, x, 4, dims);
}

ork_value *ork_ts_from_picture(ork_ts *ts, ork_value *picture, int spatial, int rank)
{
    if (!picture)
        return NULL;
    const int64_t *dim = picture->type.shape.dim;
    int64_t dims[] = {dim[0], dim[1], dim[2], dim[3]};
    if (spatial == 1)
        dims[2] = dim[3];
    bool has_batch = rank == spatial + 2;
    return ork_ts_reshape_to(ts, picture, rank, has_batch ? dims : dims + 1);
}
