/* SPDX-License-Identifier: Apache-2.0 */
/* Evaluates nodes whose inputs are constants, element by element, for folding. Integer types are
   computed in 64-bit integers, the others in double; what matters here is being right for every
   type and shape, not speed. Operators with their own kernels (convolutions ...) are not here. */
#include "graph.h"

#include <math.h>
#include <string.h>

typedef struct place {
    int64_t index[ORK_MAX_RANK];
} place;

static bool next_place(const ork_shape *shape, place *at)
{
    for (int i = shape->rank - 1; i >= 0; i--) {
        if (++at->index[i] < shape->dim[i])
            return true;
        at->index[i] = 0;
    }
    return false;
}

/* Offset of `at`, a place of a shape with `rank` axes, in a tensor that broadcasts to it. */
static int64_t broadcast_offset(const ork_shape *shape, int rank, const place *at)
{
    int64_t offset = 0;
    for (int i = 0; i < shape->rank; i++) {
        int64_t index = at->index[rank - shape->rank + i];
        offset = offset * shape->dim[i] + (shape->dim[i] == 1 ? 0 : index);
    }
    return offset;
}

typedef struct evaluation {
    const ork_node *node;
    const ork_type *type; /* of the output */
    void *data;           /* of the output */
} evaluation;

/* Copies one element between tensors of the same type. */
static void move(const evaluation *e, int64_t to, const void *from, int64_t at)
{
    size_t size = ork_dtype_table[e->type->dtype].size;
    memcpy((char *)e->data + (size_t)to * size, (const char *)from + (size_t)at * size, size);
}

/* ---- element by element ---- */

/* Row-major strides of each input along the output's axes, for the kernels' loops. */
static ork_loop loop_of(const evaluation *e)
{
    const ork_shape *out = &e->type->shape;
    ork_loop loop = {.rank = out->rank ? out->rank : 1, .dim = {1}};
    memcpy(loop.dim, out->dim, (size_t)out->rank * sizeof(*out->dim));
    for (int k = 0; k <= e->node->input_count; k++) {
        const ork_shape *shape = k ? &e->node->inputs[k - 1]->type.shape : out;
        int64_t stride = 1;
        for (int i = shape->rank - 1; i >= 0; i--) {
            loop.stride[k][out->rank - shape->rank + i] = shape->dim[i] == 1 ? 0 : stride;
            stride *= shape->dim[i];
        }
    }
    return loop;
}

/* Of one or two inputs. */
static void evaluate_elements(const evaluation *e)
{
    const ork_node *node = e->node;
    const ork_value *a = node->inputs[0], *b = node->input_count > 1 ? node->inputs[1] : NULL;
    ork_elements elements = {.loop = loop_of(e),
                             .out_dtype = e->type->dtype,
                             .a_dtype = a->type.dtype,
                             .b_dtype = b ? b->type.dtype : a->type.dtype,
                             .op = (ork_binary_op)ork_op_table[node->op].function};
    ork_node_function(node, &elements.function);
    ork_elements_run(&elements, a->data, b ? b->data : NULL, e->data, 0,
                     ork_loop_rows(&elements.loop));
}

static void evaluate_where(const evaluation *e)
{
    ork_value *const *in = e->node->inputs;
    ork_select select = {loop_of(e), ork_dtype_table[e->type->dtype].size, in[0]->type.dtype};
    ork_select_run(&select, in[0]->data, in[1]->data, in[2]->data, e->data, 0,
                   ork_loop_rows(&select.loop));
}

/* ---- data movement: where each output element comes from ---- */

static int64_t flat_offset(const ork_shape *shape, const place *at)
{
    return broadcast_offset(shape, shape->rank, at);
}

static int64_t source_of_slice(const ork_node *node, const place *at)
{
    place from;
    for (int i = 0; i < node->attrs.slice.begin.count; i++)
        from.index[i] = node->attrs.slice.begin.v[i] + at->index[i] * node->attrs.slice.step.v[i];
    return flat_offset(&node->inputs[0]->type.shape, &from);
}

static int64_t source_of_transpose(const ork_node *node, const place *at)
{
    place from;
    for (int i = 0; i < node->attrs.transpose.perm.count; i++)
        from.index[node->attrs.transpose.perm.v[i]] = at->index[i];
    return flat_offset(&node->inputs[0]->type.shape, &from);
}

static int64_t source_of_expand(const ork_node *node, const place *at)
{
    return broadcast_offset(&node->inputs[0]->type.shape, node->attrs.expand.shape.count, at);
}

/* -1 where the constant goes. */
static int64_t source_of_pad(const ork_node *node, const place *at)
{
    const ork_shape *shape = &node->inputs[0]->type.shape;
    place from;
    for (int i = 0; i < shape->rank; i++) {
        from.index[i] =
            ork_padding_source((ork_padding_mode)node->attrs.pad.mode,
                               at->index[i] - node->attrs.pad.before.v[i], shape->dim[i]);
        if (from.index[i] < 0)
            return -1;
    }
    return flat_offset(shape, &from);
}

static int64_t (*const sources[ORK_OP_COUNT])(const ork_node *, const place *) = {
    [ORK_OP_SLICE] = source_of_slice,
    [ORK_OP_TRANSPOSE] = source_of_transpose,
    [ORK_OP_EXPAND] = source_of_expand,
    [ORK_OP_PAD] = source_of_pad,
};

static void evaluate_movement(const evaluation *e)
{
    place at = {{0}};
    int64_t i = 0;
    if (ork_shape_count(&e->type->shape) == 0)
        return;
    do {
        int64_t from = sources[e->node->op](e->node, &at);
        if (from < 0)
            ork_element_set(e->type->dtype, e->data, i, e->node->attrs.pad.value);
        else
            move(e, i, e->node->inputs[0]->data, from);
        i++;
    } while (next_place(&e->type->shape, &at));
}

static void evaluate_concat(const evaluation *e)
{
    int axis = (int)e->node->attrs.concat.axis;
    size_t size = ork_dtype_table[e->type->dtype].size;
    size_t outer = (size_t)ork_shape_span(&e->type->shape, 0, axis);
    size_t row = (size_t)ork_shape_span(&e->type->shape, axis, e->type->shape.rank) * size;
    size_t offset = 0;
    for (int i = 0; i < e->node->input_count; i++) {
        const ork_value *in = e->node->inputs[i];
        size_t part = (size_t)ork_shape_span(&in->type.shape, axis, in->type.shape.rank) * size;
        for (size_t o = 0; part && o < outer; o++)
            memcpy((char *)e->data + o * row + offset, (const char *)in->data + o * part, part);
        offset += part;
    }
}

static bool evaluate_gather(const evaluation *e, ork_diag *diag)
{
    const ork_value *x = e->node->inputs[0], *index = e->node->inputs[1];
    int axis = (int)e->node->attrs.gather.axis;
    ork_gather gather = {.size = x->type.shape.dim[axis],
                         .inner = ork_shape_span(&x->type.shape, axis + 1, x->type.shape.rank),
                         .count = ork_shape_count(&index->type.shape),
                         .element_size = ork_dtype_table[x->type.dtype].size,
                         .index = index->type.dtype};
    for (int64_t k = 0; k < gather.count; k++) {
        int64_t at = ork_element_get_int(index->type.dtype, index->data, k);
        if (at < -gather.size || at >= gather.size)
            return ork_fail(diag, ORK_ERR_SHAPE, "gather index %lld is out of range 0..%lld",
                            (long long)at, (long long)gather.size - 1);
    }
    ork_gather_run(&gather, x->data, index->data, e->data, 0,
                   ork_shape_span(&x->type.shape, 0, axis) * gather.count);
    return true;
}

/* ---- reductions ---- */

static void evaluate_reduce(const evaluation *e, ork_arena *scratch)
{
    const ork_value *x = e->node->inputs[0];
    ork_shape kept = x->type.shape; /* the output's shape with reduced axes kept as 1 */
    const ork_ints *axes = &e->node->attrs.reduce_mean.axes;
    for (int i = 0; i < axes->count; i++)
        kept.dim[axes->v[i]] = 1;
    int64_t outputs = ork_shape_count(&kept), inputs = ork_shape_count(&x->type.shape);
    double *result = ORK_NEW_ARRAY(scratch, double, (size_t)outputs);
    bool *started = ORK_NEW_ARRAY(scratch, bool, (size_t)outputs);
    place at = {{0}};
    for (int64_t i = 0; i < inputs; i++) {
        int64_t to = broadcast_offset(&kept, kept.rank, &at);
        double value = ork_element_get(x->type.dtype, x->data, i);
        if (e->node->op == ORK_OP_REDUCE_MAX)
            result[to] = started[to] ? fmax(result[to], value) : value;
        else if (e->node->op == ORK_OP_REDUCE_MIN)
            result[to] = started[to] ? fmin(result[to], value) : value;
        else if (e->node->op == ORK_OP_REDUCE_PROD)
            result[to] = started[to] ? result[to] * value : value;
        else
            result[to] += value;
        started[to] = true;
        next_place(&x->type.shape, &at);
    }
    double divisor =
        e->node->op == ORK_OP_REDUCE_MEAN && outputs ? (double)(inputs / outputs) : 1.0;
    for (int64_t i = 0; i < outputs; i++) {
        double empty = e->node->op == ORK_OP_REDUCE_PROD && !started[i] ? 1 : result[i];
        ork_element_set(e->type->dtype, e->data, i, empty / divisor);
    }
}

/* ---- along an axis, places ---- */

static ork_axis axis_of(const evaluation *e)
{
    const ork_shape *x = &e->node->inputs[0]->type.shape;
    int axis = (int)e->node->attrs.arg_max.axis;
    return (ork_axis){ork_shape_span(x, 0, axis), x->dim[axis],
                      ork_shape_span(x, axis + 1, x->rank)};
}

static void evaluate_order(const evaluation *e, ork_arena *scratch)
{
    const ork_node *node = e->node;
    bool is_top_k = node->op == ORK_OP_TOP_K;
    ork_order order = {.axis = axis_of(e),
                       .dtype = node->inputs[0]->type.dtype,
                       .count = is_top_k ? node->attrs.top_k.k : 1,
                       .least = is_top_k ? node->attrs.top_k.least : node->op == ORK_OP_ARG_MIN,
                       .last = !is_top_k && node->attrs.arg_max.last};
    int64_t *places = ORK_NEW_ARRAY(scratch, int64_t, 2 * (size_t)order.axis.length + 1);
    ork_order_run(&order, node->inputs[0]->data, e->data, 0, order.axis.outer * order.axis.inner,
                  places);
}

static void evaluate_running(const evaluation *e)
{
    ork_running running = {.axis = axis_of(e),
                           .dtype = e->type->dtype,
                           .exclusive = e->node->attrs.cum_sum.exclusive,
                           .reverse = e->node->attrs.cum_sum.reverse,
                           .is_product = e->node->op == ORK_OP_CUM_PROD};
    ork_running_run(&running, e->node->inputs[0]->data, e->data, 0,
                    running.axis.outer * running.axis.inner);
}

static void evaluate_scatter(const evaluation *e)
{
    ork_value *const *in = e->node->inputs;
    ork_scatter scatter = {ork_shape_count(&e->type->shape), ork_shape_count(&in[1]->type.shape),
                           e->type->dtype, in[1]->type.dtype,
                           (ork_scatter_mode)e->node->attrs.scatter.mode};
    ork_scatter_run(&scatter, in[0]->data, in[1]->data, in[2]->data, e->data);
}

/* ---- quantized numbers ---- */

static int64_t channel_of(const ork_type *type, int64_t index)
{
    int axis = type->quant.axis;
    if (type->quant.scheme != ORK_SCHEME_PER_CHANNEL)
        return 0;
    return index / ork_shape_span(&type->shape, axis + 1, type->shape.rank) % type->shape.dim[axis];
}

/* CONVERT of floats to 8 or 16 bits. */
static bool evaluate_convert(const evaluation *e)
{
    const ork_value *x = e->node->inputs[0];
    ork_dtype to = e->type->dtype;
    bool has_type = to == ORK_U8 || to == ORK_I8 || to == ORK_I16;
    if (!has_type || !ork_dtype_table[x->type.dtype].is_float ||
        e->type->quant.scheme == ORK_SCHEME_NONE)
        return false;
    int64_t count = ork_shape_count(&e->type->shape);
    for (int64_t i = 0; i < count; i++) {
        ork_quant quant = ork_quant_of_channel(&e->type->quant, channel_of(e->type, i));
        float real = (float)ork_element_get(x->type.dtype, x->data, i);
        ork_element_set(e->type->dtype, e->data, i,
                        (double)ork_quantize_one(real, e->type->dtype, &quant));
    }
    return true;
}

ork_value *ork_graph_dequantized(ork_graph *graph, ork_diag *diag, const ork_value *constant)
{
    const ork_type *from = &constant->type;
    ork_type type = {.dtype = ORK_F32, .shape = from->shape};
    int64_t count = ork_shape_count(&type.shape);
    float *data = ork_graph_alloc(graph, diag, (size_t)count * sizeof(float));
    for (int64_t i = 0; data && i < count; i++) {
        ork_quant quant = ork_quant_of_channel(&from->quant, channel_of(from, i));
        data[i] =
            ork_dequantize_one((int32_t)ork_element_get(from->dtype, constant->data, i), &quant);
    }
    return data ? ork_graph_add_constant(graph, constant->name, &type, data) : NULL;
}

bool ork_graph_is_quantized(const ork_graph *graph)
{
    for (size_t i = 0; i < graph->values.count; i++) {
        const ork_value *value = graph->values.items[i];
        if (value->type.quant.scheme != ORK_SCHEME_NONE &&
            (value->uses.count > 0 || ork_value_is_output(value)))
            return true;
    }
    return false;
}

/* ---- dispatch ---- */

static bool evaluate(const evaluation *e, ork_diag *diag, ork_arena *scratch, bool *known)
{
    const ork_node *node = e->node;
    ork_op_class op_class = ork_op_table[node->op].op_class;
    *known = true;
    if (op_class == ORK_CLASS_UNARY || op_class == ORK_CLASS_BINARY || node->op == ORK_OP_CAST)
        evaluate_elements(e);
    else if (op_class == ORK_CLASS_REDUCE)
        evaluate_reduce(e, scratch);
    else if (sources[node->op])
        evaluate_movement(e);
    else if (node->op == ORK_OP_CONCAT)
        evaluate_concat(e);
    else if (node->op == ORK_OP_WHERE)
        evaluate_where(e);
    else if (node->op == ORK_OP_GATHER)
        return evaluate_gather(e, diag);
    else if (node->op == ORK_OP_ARG_MAX || node->op == ORK_OP_ARG_MIN || node->op == ORK_OP_TOP_K)
        evaluate_order(e, scratch);
    else if (node->op == ORK_OP_CUM_SUM || node->op == ORK_OP_CUM_PROD)
        evaluate_running(e);
    else if (node->op == ORK_OP_SCATTER)
        evaluate_scatter(e);
    else if (node->op == ORK_OP_CONVERT)
        *known = evaluate_convert(e);
    else
        *known = false;
    return true;
}

ork_value *ork_graph_evaluate(ork_graph *graph, ork_diag *diag, const ork_node *node)
{
    const ork_type *type = &node->output->type;
    size_t bytes;
    for (int i = 0; i < node->input_count; i++)
        if (!node->inputs[i] || node->inputs[i]->kind != ORK_VALUE_CONSTANT ||
            node->inputs[i]->type.quant.scheme != ORK_SCHEME_NONE)
            return NULL;
    if (!ork_shape_bytes(&type->shape, type->dtype, &bytes))
        return NULL;
    if (node->op == ORK_OP_RESHAPE) /* the same elements: weights are not copied */
        return ork_graph_add_constant(graph, node->name, type, node->inputs[0]->data);
    evaluation e = {node, type, ork_graph_alloc(graph, diag, bytes)};
    if (!e.data)
        return NULL;
    ork_arena *scratch = ork_arena_new();
    bool known, good = evaluate(&e, diag, scratch, &known);
    ork_arena_free(scratch);
    if (!good || !known)
        return NULL;
    return ork_graph_add_constant(graph, node->name, type, e.data);
}
