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

static bool is_integer(ork_dtype dtype)
{
    return !ork_dtype_table[dtype].is_float;
}

static void set_int(ork_dtype dtype, void *data, int64_t index, int64_t value)
{
    if (dtype == ORK_I64)
        memcpy((char *)data + index * 8, &value, 8);
    else
        ork_element_set(dtype, data, index, (double)value);
}

/* Copies one element between tensors of the same type. */
static void move(const evaluation *e, int64_t to, const void *from, int64_t at)
{
    size_t size = ork_dtype_table[e->type->dtype].size;
    memcpy((char *)e->data + (size_t)to * size, (const char *)from + (size_t)at * size, size);
}

/* ---- element by element ---- */

static double sign_of(double x)
{
    return (x > 0) - (x < 0);
}
static double rsqrt_of(double x)
{
    return 1.0 / sqrt(x);
}
static double reciprocal_of(double x)
{
    return 1.0 / x;
}
static double negative_of(double x)
{
    return -x;
}
static double not_of(double x)
{
    return x == 0.0;
}
static double relu_of(double x)
{
    return x > 0 ? x : 0;
}
static double sigmoid_of(double x)
{
    return 1.0 / (1.0 + exp(-x));
}
static double same_of(double x)
{
    return x;
}

static double (*const unary_functions[ORK_OP_COUNT])(double) = {
    [ORK_OP_EXP] = exp,
    [ORK_OP_LOG] = log,
    [ORK_OP_SQRT] = sqrt,
    [ORK_OP_RSQRT] = rsqrt_of,
    [ORK_OP_RECIPROCAL] = reciprocal_of,
    [ORK_OP_ABS] = fabs,
    [ORK_OP_NEG] = negative_of,
    [ORK_OP_SIGN] = sign_of,
    [ORK_OP_FLOOR] = floor,
    [ORK_OP_CEIL] = ceil,
    [ORK_OP_ROUND] = rint,
    [ORK_OP_SIN] = sin,
    [ORK_OP_COS] = cos,
    [ORK_OP_ERF] = erf,
    [ORK_OP_TANH] = tanh,
    [ORK_OP_RELU] = relu_of,
    [ORK_OP_SIGMOID] = sigmoid_of,
    [ORK_OP_LOGICAL_NOT] = not_of,
    [ORK_OP_CAST] = same_of,
};

static void evaluate_unary(const evaluation *e)
{
    const ork_value *x = e->node->inputs[0];
    int64_t count = ork_shape_count(&e->type->shape);
    for (int64_t i = 0; i < count; i++) {
        if (e->node->op == ORK_OP_CAST && x->type.dtype == ORK_I64 && e->type->dtype == ORK_I64)
            set_int(ORK_I64, e->data, i, ork_element_get_int(ORK_I64, x->data, i));
        else
            ork_element_set(
                e->type->dtype, e->data, i,
                unary_functions[e->node->op](ork_element_get(x->type.dtype, x->data, i)));
    }
}

static double remainder_of(double a, double b)
{
    return a - floor(a / b) * b;
}

double ork_op_apply(ork_op op, double a, double b)
{
    switch (op) {
    case ORK_OP_ADD:
        return a + b;
    case ORK_OP_SUB:
        return a - b;
    case ORK_OP_MUL:
        return a * b;
    case ORK_OP_DIV:
        return a / b;
    case ORK_OP_FLOOR_DIV:
        return floor(a / b);
    case ORK_OP_REMAINDER:
        return remainder_of(a, b);
    case ORK_OP_POW:
        return pow(a, b);
    case ORK_OP_MAXIMUM:
        return fmax(a, b);
    case ORK_OP_MINIMUM:
        return fmin(a, b);
    case ORK_OP_PRELU:
        return a < 0 ? a * b : a;
    case ORK_OP_EQUAL:
        return a == b;
    case ORK_OP_NOT_EQUAL:
        return a != b;
    case ORK_OP_LESS:
        return a < b;
    case ORK_OP_LESS_EQUAL:
        return a <= b;
    case ORK_OP_GREATER:
        return a > b;
    case ORK_OP_GREATER_EQUAL:
        return a >= b;
    case ORK_OP_LOGICAL_AND:
        return a != 0 && b != 0;
    case ORK_OP_LOGICAL_OR:
        return a != 0 || b != 0;
    default:
        return NAN;
    }
}

/* Arithmetic that would lose bits in double; wraps like the frameworks do. *handled is false for
   the rest. Division by zero gives 0. */
static int64_t integer_of(ork_op op, int64_t a, int64_t b, bool *handled)
{
    *handled = true;
    bool safe = b != 0 && !(a == INT64_MIN && b == -1);
    int64_t quotient = safe ? a / b : 0, rest = safe ? a % b : 0;
    bool lower = rest != 0 && (rest < 0) != (b < 0); /* truncation is not yet the floor */
    switch (op) {
    case ORK_OP_ADD:
        return (int64_t)((uint64_t)a + (uint64_t)b);
    case ORK_OP_SUB:
        return (int64_t)((uint64_t)a - (uint64_t)b);
    case ORK_OP_MUL:
        return (int64_t)((uint64_t)a * (uint64_t)b);
    case ORK_OP_DIV:
        return quotient;
    case ORK_OP_FLOOR_DIV:
        return lower ? quotient - 1 : quotient;
    case ORK_OP_REMAINDER:
        return lower ? rest + b : rest;
    case ORK_OP_MAXIMUM:
        return a > b ? a : b;
    case ORK_OP_MINIMUM:
        return a < b ? a : b;
    default:
        *handled = false;
        return 0;
    }
}

static void evaluate_binary(const evaluation *e)
{
    const ork_value *a = e->node->inputs[0], *b = e->node->inputs[1];
    bool integers = is_integer(a->type.dtype) && is_integer(b->type.dtype);
    place at = {{0}};
    int64_t i = 0;
    if (ork_shape_count(&e->type->shape) == 0)
        return;
    do {
        int64_t ia = broadcast_offset(&a->type.shape, e->type->shape.rank, &at);
        int64_t ib = broadcast_offset(&b->type.shape, e->type->shape.rank, &at);
        bool handled = false;
        int64_t whole = 0;
        if (integers)
            whole = integer_of(e->node->op, ork_element_get_int(a->type.dtype, a->data, ia),
                               ork_element_get_int(b->type.dtype, b->data, ib), &handled);
        if (handled)
            set_int(e->type->dtype, e->data, i, whole);
        else
            ork_element_set(e->type->dtype, e->data, i,
                            ork_op_apply(e->node->op, ork_element_get(a->type.dtype, a->data, ia),
                                         ork_element_get(b->type.dtype, b->data, ib)));
        i++;
    } while (next_place(&e->type->shape, &at));
}

static void evaluate_where(const evaluation *e)
{
    const ork_value *const *in = (const ork_value *const *)e->node->inputs;
    place at = {{0}};
    int64_t i = 0;
    if (ork_shape_count(&e->type->shape) == 0)
        return;
    do {
        int64_t ic = broadcast_offset(&in[0]->type.shape, e->type->shape.rank, &at);
        bool first = ork_element_get(in[0]->type.dtype, in[0]->data, ic) != 0.0;
        const ork_value *from = first ? in[1] : in[2];
        move(e, i++, from->data, broadcast_offset(&from->type.shape, e->type->shape.rank, &at));
    } while (next_place(&e->type->shape, &at));
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

static int64_t reflect(int64_t index, int64_t size)
{
    if (index < 0)
        index = -index;
    return index >= size ? 2 * (size - 1) - index : index;
}

/* -1 where the constant goes. */
static int64_t source_of_pad(const ork_node *node, const place *at)
{
    const ork_shape *shape = &node->inputs[0]->type.shape;
    place from;
    for (int i = 0; i < shape->rank; i++) {
        int64_t index = at->index[i] - node->attrs.pad.before.v[i], size = shape->dim[i];
        bool inside = index >= 0 && index < size;
        if (!inside && node->attrs.pad.mode == 0)
            return -1;
        if (!inside)
            index = node->attrs.pad.mode == 1 ? reflect(index, size) : (index < 0 ? 0 : size - 1);
        from.index[i] = index;
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

static void evaluate_reshape(const evaluation *e)
{
    memcpy(e->data, e->node->inputs[0]->data,
           (size_t)ork_shape_count(&e->type->shape) * ork_dtype_table[e->type->dtype].size);
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
    int64_t outer = ork_shape_span(&x->type.shape, 0, axis), size = x->type.shape.dim[axis];
    int64_t inner = ork_shape_span(&x->type.shape, axis + 1, x->type.shape.rank);
    int64_t count = ork_shape_count(&index->type.shape), to = 0;
    for (int64_t o = 0; o < outer; o++) {
        for (int64_t k = 0; k < count; k++) {
            int64_t at = ork_element_get_int(index->type.dtype, index->data, k);
            at += at < 0 ? size : 0;
            if (at < 0 || at >= size)
                return ork_fail(diag, ORK_ERR_SHAPE, "gather index %lld is out of range 0..%lld",
                                (long long)at, (long long)size - 1);
            for (int64_t i = 0; i < inner; i++)
                move(e, to++, x->data, (o * size + at) * inner + i);
        }
    }
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
        else
            result[to] += value;
        started[to] = true;
        next_place(&x->type.shape, &at);
    }
    double divisor =
        e->node->op == ORK_OP_REDUCE_MEAN && outputs ? (double)(inputs / outputs) : 1.0;
    for (int64_t i = 0; i < outputs; i++)
        ork_element_set(e->type->dtype, e->data, i, result[i] / divisor);
}

/* ---- dispatch ---- */

static bool evaluate(const evaluation *e, ork_diag *diag, ork_arena *scratch, bool *known)
{
    const ork_node *node = e->node;
    ork_op_class op_class = ork_op_table[node->op].op_class;
    *known = true;
    if (unary_functions[node->op])
        evaluate_unary(e);
    else if (op_class == ORK_CLASS_BINARY)
        evaluate_binary(e);
    else if (op_class == ORK_CLASS_REDUCE)
        evaluate_reduce(e, scratch);
    else if (sources[node->op])
        evaluate_movement(e);
    else if (node->op == ORK_OP_RESHAPE)
        evaluate_reshape(e);
    else if (node->op == ORK_OP_CONCAT)
        evaluate_concat(e);
    else if (node->op == ORK_OP_WHERE)
        evaluate_where(e);
    else if (node->op == ORK_OP_GATHER)
        return evaluate_gather(e, diag);
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
