/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of one and two elements, conversions, normalization and reductions. */
#include "internal.h"

#include <string.h>

/* ---- one element ---- */

typedef struct unary_params {
    ork_unary unary;
    ork_table_map map;
    ork_convert convert;
    uint8_t table8[256];
    const int16_t *table16;
} unary_params;

static void run_unary(const void *params, const call *c, int64_t begin, int64_t end)
{
    ork_unary_run(&((const unary_params *)params)->unary, c->in[0], c->out, begin, end);
}

static void run_table8(const void *params, const call *c, int64_t begin, int64_t end)
{
    const unary_params *p = params;
    ork_table8_run(&p->map, p->table8, c->in[0], c->out, begin, end);
}

static void run_table16(const void *params, const call *c, int64_t begin, int64_t end)
{
    const unary_params *p = params;
    ork_table16_run(&p->map, p->table16, c->in[0], c->out, begin, end);
}

static void run_convert(const void *params, const call *c, int64_t begin, int64_t end)
{
    ork_convert_run(&((const unary_params *)params)->convert, c->in[0], c->out, begin, end);
}

bool is_number(const ork_value *value)
{
    return value->type.dtype == ORK_F32 || value->type.quant.scheme != ORK_SCHEME_NONE;
}

static bool lower_any_types(planner *p, const ork_node *node);

static step *emit_rows(planner *p, const ork_node *node, const char *kernel, step_fn run,
                       unary_params *params, rows r, slot *out, slot *in)
{
    params->map = (ork_table_map){r.count, r.length, r.stride[1], r.stride[0]};
    params->unary.rows = params->convert.rows = r.count;
    params->unary.length = params->convert.length = r.length;
    params->unary.in_stride = params->convert.in_stride = r.stride[1];
    params->unary.out_stride = params->convert.out_stride = r.stride[0];
    return emit(p, node, kernel, run, params, r.count, (double)r.count * (double)r.length * 4, out,
                in, NULL);
}

void emit_table(planner *p, const ork_node *node, rows r, operand out, operand in,
                const uint8_t table[256])
{
    unary_params *params = ORK_NEW(p->plan->arena, unary_params);
    memcpy(params->table8, table, sizeof(params->table8));
    step *s = emit_rows(p, node, "table8", run_table8, params, r, out.slot, in.slot);
    s->out = out;
    s->in[0] = in;
}

/* Layers with the same function and scales share a table: there are few of them, and together they
   would fill the caches. */
static const int16_t *table16_of(planner *p, const ork_activation *function, const ork_quant *in,
                                 const ork_quant *out)
{
    for (const shared_table *t = p->tables; t; t = t->next)
        if (memcmp(&t->function, function, sizeof(*function)) == 0 &&
            ork_quant_equal(&t->in, in, 0) && ork_quant_equal(&t->out, out, 0))
            return t->entries;
    shared_table *t = ORK_NEW(p->plan->arena, shared_table);
    *t = (shared_table){p->tables, *function, *in, *out,
                        ORK_NEW_ARRAY(p->plan->arena, int16_t, 65536)};
    ork_unary_make_table16(function, in, out, t->entries);
    p->tables = t;
    return t->entries;
}

bool lower_unary(planner *p, const ork_node *node)
{
    const ork_type *x = &node->inputs[0]->type, *y = &node->output->type;
    if (x->dtype != y->dtype || !is_number(node->inputs[0]) || !is_number(node->output))
        return lower_any_types(p, node);
    slot *out = slot_of(p, node->output), *in = slot_in(p, node->inputs[0], out->layout);
    unary_params *params = ORK_NEW(p->plan->arena, unary_params);
    ork_node_function(node, &params->unary.function);
    if (y->dtype == ORK_F32) {
        emit_rows(p, node, "unary_f32", run_unary, params, rows_of(out, in), out, in);
    } else if (y->dtype == ORK_I16) {
        params->table16 = table16_of(p, &params->unary.function, &x->quant, &y->quant);
        emit_rows(p, node, "table16", run_table16, params, rows_of(out, in), out, in);
    } else {
        function_table(node, params->table8);
        add_way_home(p, node->output, params->table8);
        emit_rows(p, node, "table8", run_table8, params, rows_of(out, in), out, in);
    }
    return true;
}

step *emit_convert(planner *p, const ork_node *node, rows r, slot *out, slot *in)
{
    unary_params *params = ORK_NEW(p->plan->arena, unary_params);
    const ork_type *x = &in->value->type, *y = &out->value->type;
    if (x->dtype == y->dtype && element_size(in->value) == 1) { /* faster, equal bits */
        ork_unary_make_table8(&params->unary.function, x->dtype, &x->quant, &y->quant,
                              params->table8);
        return emit_rows(p, node, "requantize", run_table8, params, r, out, in);
    }
    params->convert = (ork_convert){
        .in_dtype = x->dtype, .out_dtype = y->dtype, .in_quant = x->quant, .out_quant = y->quant};
    return emit_rows(p, node, "convert", run_convert, params, r, out, in);
}

bool lower_convert(planner *p, const ork_node *node)
{
    if (node->op == ORK_OP_CAST || !is_number(node->inputs[0]) || !is_number(node->output))
        return lower_any_types(p, node);
    slot *out = slot_of(p, node->output), *in = slot_in(p, node->inputs[0], out->layout);
    emit_convert(p, node, rows_of(out, in), out, in);
    return true;
}

bool same_quant(const ork_value *a, const ork_value *b)
{
    return a->type.dtype == b->type.dtype && ork_quant_equal(&a->type.quant, &b->type.quant, 0);
}

slot *requantized(planner *p, const ork_node *node, slot *in, const ork_type *type)
{
    ork_value *value = plan_params(p, in->value, sizeof(*value));
    value->type.dtype = type->dtype;
    value->type.quant = type->quant;
    if (same_quant(in->value, value))
        return in;
    slot *out = new_temporary(p, value, in->layout,
                              (size_t)ork_shape_count(&value->type.shape) * element_size(value));
    emit_convert(p, node, rows_of(out, in), out, in)->value = NULL;
    return out;
}

/* ---- two elements ---- */

typedef struct binary_params {
    ork_binary binary;
    uint8_t table[256];
} binary_params;

static void run_binary(const void *params, const call *c, int64_t begin, int64_t end)
{
    ork_binary_run(&((const binary_params *)params)->binary, c->in[0], c->in[1], c->out, begin,
                   end);
}

/* Strides of an operand along the output's axes; 0 where it broadcasts. */
static void broadcast_strides(const slot *s, const ork_shape *out, int64_t strides[ORK_MAX_RANK])
{
    int64_t own[ORK_MAX_RANK];
    const ork_shape *shape = &s->value->type.shape;
    slot_strides(s, own);
    for (int i = 0; i < out->rank; i++) {
        int axis = i - (out->rank - shape->rank);
        strides[i] = axis < 0 || shape->dim[axis] == 1 ? 0 : own[axis];
    }
}

ork_loop broadcast_loop(const slot *out, slot *const *inputs, int count)
{
    const ork_shape *shape = &out->value->type.shape;
    ork_loop loop = {.rank = shape->rank};
    memcpy(loop.dim, shape->dim, sizeof(loop.dim));
    slot_strides(out, loop.stride[0]);
    for (int k = 0; k < count; k++)
        broadcast_strides(inputs[k], shape, loop.stride[1 + k]);
    if (shape->rank == 0)
        return (ork_loop){.rank = 1, .dim = {1}};
    order_axes(&loop, out);
    ork_loop_simplify(&loop);
    return loop;
}

/* A function of bytes and one constant is a function of one byte: its table is what the kernel
   gives for all of them. */
static bool lower_with_constant(planner *p, const ork_node *node, const ork_binary *binary)
{
    const int constant = node->inputs[0]->kind == ORK_VALUE_CONSTANT ? 0 : 1;
    const ork_value *number = node->inputs[constant], *value = node->inputs[1 - constant];
    if (number->kind != ORK_VALUE_CONSTANT || value->kind == ORK_VALUE_CONSTANT ||
        element_size(value) != 1 || ork_shape_count(&number->type.shape) != 1 ||
        !ork_shape_equal(&value->type.shape, &node->output->type.shape))
        return false;
    slot *out = slot_of(p, node->output), *in = slot_in(p, value, out->layout);
    unary_params *params = ORK_NEW(p->plan->arena, unary_params);
    uint8_t bytes[256];
    for (int i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    ork_binary all = *binary;
    all.loop = (ork_loop){.rank = 1, .dim = {256}, .stride = {{1}}};
    all.loop.stride[2 - constant][0] = 1; /* of the other operand */
    const void *operands[2] = {bytes, bytes};
    operands[constant] = number->data;
    ork_binary_run(&all, operands[0], operands[1], params->table8, 0, 1);
    emit_rows(p, node, ork_binary_table[binary->op].name, run_table8, params, rows_of(out, in), out,
              in);
    return true;
}

/* The function behind it that its step computes too, or NULL. */
static const ork_node *fuse_behind_binary(planner *p, const ork_node *node, binary_params *params)
{
    const ork_node *function = fusable_function(p, node);
    if (!function || p->layouts[function->output->id] != p->layouts[node->output->id])
        return NULL;
    p->fused[function->output->id] = true;
    if (params->binary.dtype == ORK_F32) {
        ork_node_function(function, &params->binary.activation);
        return function;
    }
    function_table(function, params->table);
    add_way_home(p, function->output, params->table);
    params->binary.table = params->table;
    return function;
}

bool lower_binary(planner *p, const ork_node *node)
{
    ork_binary_op kernel = (ork_binary_op)ork_op_table[node->op].function;
    ork_dtype dtype = node->output->type.dtype;
    const ork_value *x = node->inputs[0], *y = node->inputs[1];
    if (!is_number(x) || x->type.dtype != dtype || y->type.dtype != dtype ||
        !is_number(node->output))
        return lower_any_types(p, node);
    binary_params *params = ORK_NEW(p->plan->arena, binary_params);
    ork_binary *binary = &params->binary;
    *binary = ork_binary_make(p->plan->options.family, kernel, dtype, &x->type.quant,
                              &y->type.quant, &node->output->type.quant);
    if (lower_with_constant(p, node, binary))
        return true;
    const ork_node *function = fuse_behind_binary(p, node, params);
    slot *out = slot_of(p, function ? function->output : node->output);
    slot *inputs[] = {slot_of(p, x), slot_of(p, y)};
    binary->loop = broadcast_loop(out, inputs, 2);
    emit(p, node, ork_binary_table[kernel].name, run_binary, params, ork_loop_rows(&binary->loop),
         (double)ork_shape_count(&node->output->type.shape) * 2, out, inputs[0], inputs[1]);
    return true;
}

/* ---- elements of any type ---- */

static void run_elements(const void *params, const call *c, int64_t begin, int64_t end)
{
    ork_elements_run(params, c->in[0], c->in[1], c->out, begin, end);
}

slot *without_quant(planner *p, const ork_node *node, slot *in)
{
    bool is_quantized = in->value->type.quant.scheme != ORK_SCHEME_NONE;
    return is_quantized ? requantized(p, node, in, &(ork_type){.dtype = ORK_F32}) : in;
}

/* Functions of one or two inputs that are not all floats, and casts. */
static bool lower_any_types(planner *p, const ork_node *node)
{
    slot *inputs[2] = {NULL};
    if (node->output->type.quant.scheme != ORK_SCHEME_NONE)
        return not_yet(p, node, "its output is quantized in another way than its inputs");
    for (int i = 0; i < node->input_count; i++)
        inputs[i] = without_quant(p, node, slot_of(p, node->inputs[i]));
    slot *out = slot_of(p, node->output);
    ork_elements elements = {.loop = broadcast_loop(out, inputs, node->input_count),
                             .out_dtype = node->output->type.dtype,
                             .a_dtype = inputs[0]->value->type.dtype,
                             .op = (ork_binary_op)ork_op_table[node->op].function};
    if (inputs[1])
        elements.b_dtype = inputs[1]->value->type.dtype;
    ork_node_function(node, &elements.function);
    emit(p, node, ork_op_table[node->op].name, run_elements,
         plan_params(p, &elements, sizeof(elements)), ork_loop_rows(&elements.loop),
         (double)ork_shape_count(&node->output->type.shape) * 8, out, inputs[0], inputs[1]);
    return true;
}

static void run_select(const void *params, const call *c, int64_t begin, int64_t end)
{
    ork_select_run(params, c->in[0], c->in[1], c->in[2], c->out, begin, end);
}

bool lower_where(planner *p, const ork_node *node)
{
    slot *out = slot_of(p, node->output), *inputs[3];
    inputs[0] = without_quant(p, node, slot_of(p, node->inputs[0]));
    for (int i = 1; i < 3; i++) {
        const ork_value *value = node->inputs[i];
        if (value->type.dtype != node->output->type.dtype &&
            !(is_number(value) && is_number(node->output)))
            return not_yet(p, node, "it chooses between values of different types");
        inputs[i] = requantized(p, node, slot_of(p, value), &node->output->type);
    }
    ork_select select = {.loop = broadcast_loop(out, inputs, 3),
                         .element_size = element_size(node->output),
                         .condition = inputs[0]->value->type.dtype};
    step *s =
        emit(p, node, "where", run_select, plan_params(p, &select, sizeof(select)),
             ork_loop_rows(&select.loop), (double)ork_shape_count(&node->output->type.shape) * 8,
             out, inputs[0], inputs[1]);
    add_input(p, s, inputs[2]);
    return true;
}

/* ---- along an axis ---- */

static void run_softmax(const void *params, const call *c, int64_t begin, int64_t end)
{
    const ork_softmax_int *s = params;
    if (s->dtype == ORK_F32)
        ork_softmax_run(&s->axis, s->is_log, c->in[0], c->out, begin, end);
    else
        ork_softmax_int_run(s, c->in[0], c->out, begin, end, c->scratch);
}

bool lower_softmax(planner *p, const ork_node *node)
{
    slot *out = slot_of(p, node->output);
    int axis = (int)node->attrs.softmax.axis;
    const ork_shape *shape = &node->output->type.shape;
    if (axis < 0 || axis >= shape->rank)
        return not_yet(p, node, "the axis is out of range");
    ork_softmax_int s = {.axis = {ork_shape_span(shape, 0, axis), shape->dim[axis],
                                  ork_shape_span(shape, axis + 1, shape->rank)},
                         .is_log = node->op == ORK_OP_LOG_SOFTMAX,
                         .dtype = node->output->type.dtype,
                         .in_quant = node->inputs[0]->type.quant,
                         .out_quant = node->output->type.quant};
    step *added = emit(p, node, "softmax", run_softmax, plan_params(p, &s, sizeof(s)),
                       s.axis.outer * s.axis.inner, (double)ork_shape_count(shape) * 20, out,
                       slot_in(p, node->inputs[0], LAYOUT_PLAIN), NULL);
    added->scratch_bytes = (size_t)s.axis.length * sizeof(float);
    return true;
}

static void run_reduce(const void *params, const call *c, int64_t begin, int64_t end)
{
    ork_reduce_run(params, c->in[0], c->out, begin, end);
}

bool lower_reduce(planner *p, const ork_node *node)
{
    slot *in = slot_of(p, node->inputs[0]), *out = slot_of(p, node->output);
    int64_t strides[ORK_MAX_RANK];
    bool reduced[ORK_MAX_RANK] = {false};
    slot_strides(in, strides);
    const ork_ints *axes = &node->attrs.reduce_mean.axes;
    for (int i = 0; i < axes->count; i++)
        reduced[axes->v[i]] = true;
    ork_reduce r = {.op = (ork_reduce_op)ork_op_table[node->op].function,
                    .dtype = node->output->type.dtype,
                    .in_quant = node->inputs[0]->type.quant,
                    .out_quant = node->output->type.quant};
    const ork_shape *shape = &node->inputs[0]->type.shape;
    for (int i = 0; i < shape->rank; i++) {
        int *rank = reduced[i] ? &r.inner_rank : &r.kept_rank;
        (reduced[i] ? r.inner_dim : r.kept_dim)[*rank] = shape->dim[i];
        (reduced[i] ? r.inner_stride : r.kept_stride)[*rank] = strides[i];
        ++*rank;
    }
    emit(p, node, "reduce", run_reduce, plan_params(p, &r, sizeof(r)),
         ork_shape_count(&node->output->type.shape), (double)ork_shape_count(shape), out, in, NULL);
    return true;
}

static bool all_floats(const ork_node *node)
{
    bool floats = node->output->type.dtype == ORK_F32;
    for (int i = 0; i < node->input_count; i++)
        floats = floats && (!node->inputs[i] || node->inputs[i]->type.dtype == ORK_F32);
    return floats;
}

/* Factor and offset come with the call: they may be computed. */
typedef struct layer_norm_params {
    ork_layer_norm norm;
    int factor, offset; /* which input of the step; 0: there is none */
} layer_norm_params;

static void run_layer_norm(const void *params, const call *c, int64_t begin, int64_t end)
{
    const layer_norm_params *p = params;
    ork_layer_norm norm = p->norm;
    norm.factor = p->factor ? c->in[p->factor] : NULL;
    norm.offset = p->offset ? c->in[p->offset] : NULL;
    ork_layer_norm_run(&norm, c->in[0], c->out, begin, end);
}

bool lower_layer_norm(planner *p, const ork_node *node)
{
    const ork_shape *shape = &node->output->type.shape;
    int first = shape->rank - (int)node->attrs.layer_norm.axes, used = 0;
    if (first < 0 || first > shape->rank)
        return not_yet(p, node, "it has more axes than its input");
    slot *inputs[3] = {slot_in(p, node->inputs[0], LAYOUT_PLAIN)};
    layer_norm_params params = {.norm = {.rows = ork_shape_span(shape, 0, first),
                                         .length = ork_shape_span(shape, first, shape->rank),
                                         .epsilon = (float)node->attrs.layer_norm.epsilon}};
    for (int i = 1; i < node->input_count; i++) {
        if (!node->inputs[i])
            continue;
        inputs[++used] = slot_in(p, node->inputs[i], LAYOUT_PLAIN);
        *(i == 1 ? &params.factor : &params.offset) = used;
    }
    if (!all_floats(node))
        return not_yet(p, node, "it computes floats only");
    step *s = emit(p, node, "layer_norm", run_layer_norm, plan_params(p, &params, sizeof(params)),
                   params.norm.rows, (double)ork_shape_count(shape) * 4, slot_of(p, node->output),
                   inputs[0], inputs[1]);
    if (inputs[2])
        add_input(p, s, inputs[2]);
    return true;
}

static void run_batch_norm(const void *params, const call *c, int64_t begin, int64_t end)
{
    ork_batch_norm norm = *(const ork_batch_norm *)params;
    norm.scale = c->in[1];
    norm.bias = c->in[2];
    norm.mean = c->in[3];
    norm.variance = c->in[4];
    ork_batch_norm_run(&norm, c->in[0], c->out, begin, end);
}

/* Norms that the passes could not turn into convolutions. */
bool lower_batch_norm(planner *p, const ork_node *node)
{
    const ork_shape *shape = &node->output->type.shape;
    if (!all_floats(node))
        return not_yet(p, node, "it computes floats only");
    for (int i = 1; i < 5; i++)
        if (shape->rank < 2 || ork_shape_count(&node->inputs[i]->type.shape) != shape->dim[1])
            return not_yet(p, node, "its parameters do not have a number for each channel");
    ork_batch_norm norm = {.channels = shape->dim[1],
                           .inner = ork_shape_span(shape, 2, shape->rank),
                           .epsilon = node->attrs.batch_norm.epsilon};
    slot *in[5];
    for (int i = 0; i < 5; i++)
        in[i] = slot_in(p, node->inputs[i], LAYOUT_PLAIN);
    step *s = emit(p, node, "batch_norm", run_batch_norm, plan_params(p, &norm, sizeof(norm)),
                   shape->dim[0] * shape->dim[1], (double)ork_shape_count(shape) * 2,
                   slot_of(p, node->output), in[0], in[1]);
    for (int i = 2; i < 5; i++)
        add_input(p, s, in[i]);
    return true;
}

/* ---- matrix product ---- */

static void run_matmul(const void *params, const call *c, int64_t begin, int64_t end)
{
    ork_matmul_run(params, c->in[0], c->in[1], c->out, begin, end);
}

bool lower_matmul(planner *p, const ork_node *node)
{
    slot *out = slot_of(p, node->output);
    if (!all_floats(node))
        return not_yet(p, node, "it computes floats only");
    const ork_shape *y = &node->output->type.shape;
    slot *a = slot_in(p, node->inputs[0], LAYOUT_PLAIN),
         *b = slot_in(p, node->inputs[1], LAYOUT_PLAIN);
    const ork_shape *sa = &node->inputs[0]->type.shape, *sb = &node->inputs[1]->type.shape;
    int64_t ta[ORK_MAX_RANK], tb[ORK_MAX_RANK];
    broadcast_strides(a, y, ta);
    broadcast_strides(b, y, tb);
    ork_matmul m = {.batch_rank = y->rank - 2,
                    .m = y->dim[y->rank - 2],
                    .n = y->dim[y->rank - 1],
                    .k = sa->dim[sa->rank - 1],
                    .a_row_stride = sa->dim[sa->rank - 1],
                    .a_column_stride = 1,
                    .b_row_stride = sb->dim[sb->rank - 1],
                    .b_column_stride = 1};
    int64_t batch = 1;
    for (int i = 0; i < m.batch_rank; i++) {
        m.batch_dim[i] = y->dim[i];
        m.a_batch_stride[i] = ta[i];
        m.b_batch_stride[i] = tb[i];
        batch *= y->dim[i];
    }
    double macs = (double)ork_shape_count(y) * (double)m.k;
    emit(p, node, "matmul", run_matmul, plan_params(p, &m, sizeof(m)), batch * m.m, macs, out, a, b)
        ->macs = macs;
    return true;
}
