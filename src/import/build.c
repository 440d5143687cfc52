/* SPDX-License-Identifier: Apache-2.0 */
/* Adding to the graph: every node carries the user's own layer name and place. */
#include "build.h"

#include <stdarg.h>
#include <string.h>

/* What is made during import rather than stored in the file, and with it the work on it, is
   bounded. */
static bool spend_bytes(ork_build *build, size_t bytes)
{
    if (bytes > build->bytes_left) {
        ork_fail(build->diag, ORK_ERR_UNSUPPORTED,
                 "what the code computes while it is imported needs too much memory");
        return ork_where(build->diag, "%s", build->names->place(build));
    }
    build->bytes_left -= bytes;
    return true;
}

bool ork_build_spend(ork_build *build, const ork_shape *shape, ork_dtype dtype)
{
    enum { VALUE = 256 }; /* what even the smallest constant costs */
    size_t bytes;
    if (!ork_shape_bytes(shape, dtype, &bytes) || bytes > SIZE_MAX - VALUE)
        return ork_build_bad_shape(build, "a tensor is too large") != NULL;
    return spend_bytes(build, bytes + VALUE);
}

static bool spend_on_node(ork_build *build, int inputs)
{
    enum { NODE = 1024, USE = 32 };
    return spend_bytes(build, NODE + USE * (size_t)inputs);
}

static bool all_constant(ork_value *const *inputs, int count)
{
    for (int i = 0; i < count; i++)
        if (inputs[i] && inputs[i]->kind != ORK_VALUE_CONSTANT)
            return false;
    return true;
}

static bool spend_on_constants(ork_build *build, ork_value *const *inputs, int count)
{
    if (!all_constant(inputs, count))
        return true;
    for (int i = 0; i < count; i++)
        if (inputs[i] && !ork_build_spend(build, &inputs[i]->type.shape, inputs[i]->type.dtype))
            return false;
    return true;
}

/* EXPAND and PAD make much out of little, so their result is paid for in advance. */
static bool spend_on_result(ork_build *build, ork_op op, const ork_attrs *attrs, const ork_value *x)
{
    ork_shape shape = x->type.shape;
    if (x->kind != ORK_VALUE_CONSTANT || (op != ORK_OP_EXPAND && op != ORK_OP_PAD))
        return true;
    if (op == ORK_OP_EXPAND)
        shape = ork_shape_of(attrs->expand.shape.count, attrs->expand.shape.v);
    for (int i = 0; op == ORK_OP_PAD && i < shape.rank && i < attrs->pad.before.count; i++)
        shape.dim[i] += attrs->pad.before.v[i] + attrs->pad.after.v[i];
    return ork_build_spend(build, &shape, x->type.dtype);
}

/* The user's names are for layers, not for what was computed on the way. */
static void rename_constant(ork_build *build, ork_value *constant)
{
    ork_value_rename(build->graph, constant,
                     ork_arena_printf(build->arena, "%s.constant", constant->name));
}

ork_value *ork_build_add(ork_build *build, ork_op op, const ork_attrs *attrs,
                         ork_value *const *inputs, int count)
{
    for (int i = 0; i < count && i < ork_op_table[op].min_inputs; i++)
        if (!inputs[i])
            return NULL;
    if (!spend_on_node(build, count) || !spend_on_constants(build, inputs, count) ||
        (count == 1 && !spend_on_result(build, op, attrs, inputs[0])))
        return NULL;
    size_t before = build->graph->node_count;
    ork_value *output = ork_graph_add_folded(build->graph, build->diag, op, attrs, inputs, count,
                                             build->names->node(build, op));
    if (!output) {
        if (ork_diag_error_id(build->diag) == ORK_ERR_NONE)
            ork_fail(build->diag, ORK_ERR_SHAPE, "%s cannot be computed", ork_op_table[op].name);
        bool named = *ork_diag_error(build->diag)->where != '\0'; /* the layer; not its place */
        ork_where_more(build->diag, named ? " (%s)" : "%s",
                       named ? build->names->scope(build) : build->names->place(build));
    } else if (build->graph->node_count > before) {
        output->producer->name = output->name;
        output->producer->scope = ork_arena_strdup(build->graph->arena, build->names->scope(build));
    } else {
        rename_constant(build, output);
        if (!ork_build_spend(build, &output->type.shape, output->type.dtype))
            return NULL;
    }
    return output;
}

ork_value *ork_build_add1(ork_build *build, ork_op op, const ork_attrs *attrs, ork_value *a)
{
    return ork_build_add(build, op, attrs, &a, 1);
}

ork_value *ork_build_add2(ork_build *build, ork_op op, ork_value *a, ork_value *b)
{
    ork_value *inputs[] = {a, b};
    return ork_build_add(build, op, NULL, inputs, 2);
}

static ork_ints ints_of_shape(const ork_shape *shape)
{
    ork_ints ints = {.count = shape->rank};
    memcpy(ints.v, shape->dim, sizeof(ints.v));
    return ints;
}

ork_value *ork_build_reshape(ork_build *build, ork_value *x, const ork_shape *shape)
{
    if (!x || ork_shape_equal(&x->type.shape, shape))
        return x;
    ork_attrs attrs = {.reshape.shape = ints_of_shape(shape)};
    return ork_build_add1(build, ORK_OP_RESHAPE, &attrs, x);
}

ork_value *ork_build_reshape_to(ork_build *build, ork_value *x, int rank, const int64_t *dims)
{
    ork_shape shape = ork_shape_of(rank, dims);
    return ork_build_reshape(build, x, &shape);
}

ork_value *ork_build_transpose(ork_build *build, ork_value *x, const int *perm)
{
    if (!x)
        return NULL;
    ork_attrs attrs = {.transpose.perm.count = x->type.shape.rank};
    for (int i = 0; i < x->type.shape.rank; i++)
        attrs.transpose.perm.v[i] = perm[i];
    return ork_build_add1(build, ORK_OP_TRANSPOSE, &attrs, x);
}

ork_value *ork_build_expand(ork_build *build, ork_value *x, const ork_shape *shape)
{
    if (!x || ork_shape_equal(&x->type.shape, shape))
        return x;
    ork_attrs attrs = {.expand.shape = ints_of_shape(shape)};
    return ork_build_add1(build, ORK_OP_EXPAND, &attrs, x);
}

ork_value *ork_build_cast(ork_build *build, ork_value *x, ork_dtype dtype)
{
    if (!x || x->type.dtype == dtype)
        return x;
    ork_attrs attrs = {.cast.dtype = dtype};
    return ork_build_add1(build, ORK_OP_CAST, &attrs, x);
}

ork_value *ork_build_scalar(ork_build *build, ork_dtype dtype, double number)
{
    ork_shape scalar = {0};
    return ork_build_spend(build, &scalar, dtype) ? ork_graph_scalar(build->graph, dtype, number)
                                                  : NULL;
}

ork_attrs ork_whole_slice(const ork_shape *shape)
{
    ork_attrs attrs = {0};
    attrs.slice.begin.count = attrs.slice.end.count = attrs.slice.step.count = shape->rank;
    for (int i = 0; i < shape->rank; i++) {
        attrs.slice.end.v[i] = shape->dim[i];
        attrs.slice.step.v[i] = 1;
    }
    return attrs;
}

ork_value *ork_build_slice(ork_build *build, ork_value *x, int axis, int64_t begin, int64_t end,
                           int64_t step)
{
    if (!x || (begin == 0 && end == x->type.shape.dim[axis] && step == 1))
        return x;
    ork_attrs attrs = ork_whole_slice(&x->type.shape);
    attrs.slice.begin.v[axis] = begin;
    attrs.slice.end.v[axis] = end;
    attrs.slice.step.v[axis] = step;
    return ork_build_add1(build, ORK_OP_SLICE, &attrs, x);
}

ork_value *ork_build_concat(ork_build *build, ork_value *const *parts, int count, int axis)
{
    ork_attrs attrs = {.concat.axis = axis};
    for (int i = 0; i < count; i++)
        if (!parts[i])
            return NULL;
    return count == 1 ? parts[0] : ork_build_add(build, ORK_OP_CONCAT, &attrs, parts, count);
}

/* The four reductions keep their attributes at the same places. */
ork_value *ork_build_reduce(ork_build *build, ork_op op, ork_value *x, const ork_ints *axes,
                            bool keep)
{
    ork_attrs attrs = {.reduce_mean.axes = *axes, .reduce_mean.keep_dims = keep};
    return ork_build_add1(build, op, &attrs, x);
}

ork_value *ork_build_constant(ork_build *build, ork_dtype dtype, const ork_shape *shape,
                              void **data)
{
    size_t bytes;
    if (!ork_build_spend(build, shape, dtype) || !ork_shape_bytes(shape, dtype, &bytes))
        return NULL;
    *data = ork_graph_alloc(build->graph, build->diag, bytes);
    if (!*data)
        return NULL;
    ork_type type = {.dtype = dtype, .shape = *shape};
    const char *name =
        ork_arena_printf(build->arena, "%s.constant", build->names->node(build, ORK_OP_RESHAPE));
    return ork_graph_add_constant(build->graph, name, &type, *data);
}

ork_value *ork_build_filled(ork_build *build, ork_dtype dtype, const ork_shape *shape,
                            double number)
{
    void *data;
    ork_value *constant = ork_build_constant(build, dtype, shape, &data);
    int64_t count = constant ? ork_shape_count(shape) : 0;
    for (int64_t i = 0; i < count; i++)
        ork_element_set(dtype, data, i, number);
    return constant;
}

ork_value *ork_build_index_constant(ork_build *build, const int64_t *index, int64_t count)
{
    void *data;
    ork_shape shape = ork_shape_of(1, &count);
    ork_value *constant = ork_build_constant(build, ORK_I64, &shape, &data);
    if (constant)
        memcpy(data, index, (size_t)count * sizeof(*index));
    return constant;
}

/* ---- errors ---- */

static void *fail_here(ork_build *build, ork_error_id id, const char *format, va_list args)
{
    const char *text = ork_arena_vprintf(build->arena, format, args);
    const char *op = build->names->op(build);
    ork_fail(build->diag, id, "%s%s%s", op ? op : "", op ? ": " : "", text);
    ork_where(build->diag, "%s", build->names->place(build));
    return NULL;
}

void *ork_build_unsupported(ork_build *build, const char *what, ...)
{
    va_list args;
    va_start(args, what);
    fail_here(build, ORK_ERR_UNSUPPORTED, what, args);
    va_end(args);
    return NULL;
}

void *ork_build_bad_shape(ork_build *build, const char *what, ...)
{
    va_list args;
    va_start(args, what);
    fail_here(build, ORK_ERR_SHAPE, what, args);
    va_end(args);
    return NULL;
}

void *ork_build_bad_numbers(ork_build *build, const char *what, ...)
{
    va_list args;
    va_start(args, what);
    fail_here(build, ORK_ERR_QUANTIZATION, what, args);
    va_end(args);
    return NULL;
}

/* ---- pictures ---- */

ork_value *ork_build_to_picture(ork_build *build, ork_value *x, int spatial)
{
    if (!x)
        return NULL;
    const ork_shape *shape = &x->type.shape;
    int rank = shape->rank;
    if (rank != spatial + 2 && rank != spatial + 1)
        return ork_build_bad_shape(build, "an input with %d axes, not %d", rank, spatial + 2);
    int64_t batch = rank == spatial + 2 ? shape->dim[0] : 1;
    int64_t height = spatial == 2 ? shape->dim[rank - 2] : 1;
    int64_t dims[] = {batch, shape->dim[rank - 1 - spatial], height, shape->dim[rank - 1]};
    return ork_build_reshape_to(build, x, 4, dims);
}

ork_value *ork_build_from_picture(ork_build *build, ork_value *picture, int spatial, int rank)
{
    if (!picture)
        return NULL;
    const int64_t *dim = picture->type.shape.dim;
    int64_t dims[] = {dim[0], dim[1], dim[2], dim[3]};
    if (spatial == 1)
        dims[2] = dim[3];
    bool has_batch = rank == spatial + 2;
    return ork_build_reshape_to(build, picture, rank, has_batch ? dims : dims + 1);
}

/* ---- the whole graph ---- */

void ork_build_drop_unused_inputs(ork_build *build)
{
    ork_graph *graph = build->graph;
    size_t kept = 0;
    for (size_t i = 0; i < graph->inputs.count; i++)
        if (graph->inputs.items[i].value->uses.count > 0 ||
            ork_value_is_output(graph->inputs.items[i].value))
            graph->inputs.items[kept++] = graph->inputs.items[i];
    graph->inputs.count = kept;
}

static bool fail_name(ork_build *build, const char *name)
{
    ORK_VEC(const char *) names = {0};
    for (const ork_node *node = build->graph->first; node; node = node->next)
        ork_vec_push(build->arena, &names, node->output->name);
    const char *nearest = ork_nearest_name(name, names.items, names.count);
    ork_fail(build->diag, ORK_ERR_TENSOR_NAME, "no tensor of the model is called '%s'", name);
    if (nearest)
        return ork_fix(build->diag, "did you mean '%s'?", nearest);
    return ork_fix(build->diag, "`ork info --graph` lists the names");
}

bool ork_build_cut(ork_build *build, const char *const *names, int count)
{
    ork_graph_clear_outputs(build->graph);
    for (int i = 0; i < count; i++) {
        ork_value *value = ork_graph_find(build->graph, names[i]);
        if (!value)
            return fail_name(build, names[i]);
        ork_graph_add_output(build->graph, value);
    }
    ork_graph_remove_dead(build->graph);
    ork_build_drop_unused_inputs(build);
    return true;
}

/* "net" of "folder/net.torchscript.pt" */
const char *ork_build_model_name(ork_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t length = strcspn(name, ".");
    return ork_arena_strndup(arena, name, length > 0 ? length : strlen(name));
}
