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
    int16_t *table16;
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

static void emit_rows(planner *p, const ork_node *node, const char *kernel, step_fn run,
                      unary_params *params, slot *out, slot *in)
{
    rows r = rows_of(out, in);
    params->map = (ork_table_map){r.count, r.length, r.stride[1], r.stride[0]};
    params->unary.rows = r.count;
    params->unary.length = r.length;
    params->unary.in_stride = r.stride[1];
    params->unary.out_stride = r.stride[0];
    params->convert.rows = r.count;
    params->convert.length = r.length;
    params->convert.in_stride = r.stride[1];
    params->convert.out_stride = r.stride[0];
    emit(p, node, kernel, run, params, r.count, (double)r.count * (double)r.length * 4, out, in,
         NULL);
}

bool lower_unary(planner *p, const ork_node *node)
{
    slot *out = slot_of(p, node->output), *in = slot_in(p, node->inputs[0], out->layout);
    const ork_type *x = &node->inputs[0]->type, *y = &node->output->type;
    unary_params *params = ORK_NEW(p->plan->arena, unary_params);
    if (x->dtype != y->dtype)
        return not_yet(p, node, "its input and output are of different types");
    activation_of(node, &params->unary.function);
    if (y->dtype == ORK_F32) {
        emit_rows(p, node, "unary_f32", run_unary, params, out, in);
    } else if (y->dtype == ORK_I16) {
        params->table16 = ORK_NEW_ARRAY(p->plan->arena, int16_t, 65536);
        ork_unary_make_table16(&params->unary.function, &x->quant, &y->quant, params->table16);
        emit_rows(p, node, "table16", run_table16, params, out, in);
    } else {
        function_table(node, params->table8);
        emit_rows(p, node, "table8", run_table8, params, out, in);
    }
    return true;
}

bool lower_convert(planner *p, const ork_node *node)
{
    slot *out = slot_of(p, node->output), *in = slot_in(p, node->inputs[0], out->layout);
    unary_params *params = ORK_NEW(p->plan->arena, unary_params);
    params->convert = (ork_convert){.in_dtype = node->inputs[0]->type.dtype,
                                    .out_dtype = node->output->type.dtype,
                                    .in_quant = node->inputs[0]->type.quant,
                                    .out_quant = node->output->type.quant};
    emit_rows(p, node, "convert", run_convert, params, out, in);
    return true;
}

/* ---- two elements ---- */

static const struct {
    ork_op op;
    ork_binary_op kernel;
} binaries[] = {
    {ORK_OP_ADD, ORK_BINARY_ADD},
    {ORK_OP_SUB, ORK_BINARY_SUB},
    {ORK_OP_MUL, ORK_BINARY_MUL},
    {ORK_OP_DIV, ORK_BINARY_DIV},
    {ORK_OP_FLOOR_DIV, ORK_BINARY_FLOOR_DIV},
    {ORK_OP_REMAINDER, ORK_BINARY_REMAINDER},
    {ORK_OP_POW, ORK_BINARY_POW},
    {ORK_OP_MAXIMUM, ORK_BINARY_MAX},
    {ORK_OP_MINIMUM, ORK_BINARY_MIN},
    {ORK_OP_PRELU, ORK_BINARY_PRELU},
};

static void run_binary(const void *params, const call *c, int64_t begin, int64_t end)
{
    ork_binary_run(params, c->in[0], c->in[1], c->out, begin, end);
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

/* Orders the axes as the output lies in memory, so that the innermost loop is contiguous. */
static void order_axes(ork_loop *loop, const slot *out)
{
    if (out->layout != LAYOUT_PIXELS)
        return;
    static const int order[4] = {0, 2, 3, 1};
    ork_loop from = *loop;
    for (int i = 0; i < 4; i++) {
        loop->dim[i] = from.dim[order[i]];
        for (int k = 0; k < 3; k++)
            loop->stride[k][i] = from.stride[k][order[i]];
    }
}

static bool is_number(const ork_value *value)
{
    return value->type.dtype == ORK_F32 || value->type.quant.scheme != ORK_SCHEME_NONE;
}

bool lower_binary(planner *p, const ork_node *node)
{
    ork_binary_op kernel = ORK_BINARY_COUNT;
    for (size_t i = 0; i < ORK_COUNT(binaries); i++)
        if (binaries[i].op == node->op)
            kernel = binaries[i].kernel;
    ork_dtype dtype = node->output->type.dtype;
    if (kernel == ORK_BINARY_COUNT || !is_number(node->inputs[0]) || !is_number(node->inputs[1]))
        return not_yet(p, node, "it does not compute numbers");
    if (node->inputs[0]->type.dtype != dtype || node->inputs[1]->type.dtype != dtype)
        return not_yet(p, node, "its inputs and output are of different types");
    const ork_node *function = dtype == ORK_F32 ? fusable_function(p, node) : NULL;
    slot *out = slot_of(p, function ? function->output : node->output);
    slot *a = slot_of(p, node->inputs[0]), *b = slot_of(p, node->inputs[1]);
    ork_binary binary =
        ork_binary_make(p->plan->options.family, kernel, dtype, &a->value->type.quant,
                        &b->value->type.quant, &out->value->type.quant);
    if (function) {
        p->fused[function->output->id] = true;
        activation_of(function, &binary.activation);
    }
    const ork_shape *shape = &node->output->type.shape;
    binary.loop = (ork_loop){.rank = shape->rank};
    for (int i = 0; i < shape->rank; i++)
        binary.loop.dim[i] = shape->dim[i];
    slot_strides(out, binary.loop.stride[0]);
    broadcast_strides(a, shape, binary.loop.stride[1]);
    broadcast_strides(b, shape, binary.loop.stride[2]);
    order_axes(&binary.loop, out);
    if (shape->rank == 0)
        binary.loop = (ork_loop){.rank = 1, .dim = {1}};
    ork_loop_simplify(&binary.loop);
    emit(p, node, ork_binary_table[kernel].name, run_binary,
         plan_params(p, &binary, sizeof(binary)), ork_loop_rows(&binary.loop),
         (double)ork_shape_count(shape) * 2, out, a, b);
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

/* Puts the result of a kernel that writes plain memory where its value lies. */
static slot *plain_output(planner *p, const ork_node *node)
{
    slot *out = slot_of(p, node->output);
    return out->layout == LAYOUT_PLAIN ? out : NULL;
}

bool lower_softmax(planner *p, const ork_node *node)
{
    slot *out = plain_output(p, node);
    if (!out)
        return not_yet(p, node, "its output lies in pixels");
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

static ork_reduce_op reduction_of(ork_op op)
{
    return op == ORK_OP_REDUCE_MEAN  ? ORK_REDUCE_MEAN
           : op == ORK_OP_REDUCE_MAX ? ORK_REDUCE_MAX
           : op == ORK_OP_REDUCE_MIN ? ORK_REDUCE_MIN
                                     : ORK_REDUCE_SUM;
}

bool lower_reduce(planner *p, const ork_node *node)
{
    slot *in = slot_of(p, node->inputs[0]), *out = plain_output(p, node);
    if (!out)
        return not_yet(p, node, "its output lies in pixels");
    int64_t strides[ORK_MAX_RANK];
    bool reduced[ORK_MAX_RANK] = {false};
    slot_strides(in, strides);
    const ork_ints *axes = &node->attrs.reduce_mean.axes;
    for (int i = 0; i < axes->count; i++)
        reduced[axes->v[i]] = true;
    ork_reduce r = {.op = reduction_of(node->op),
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

static void run_layer_norm(const void *params, const call *c, int64_t begin, int64_t end)
{
    ork_layer_norm_run(params, c->in[0], c->out, begin, end);
}

static const float *floats_of(planner *p, const ork_node *node, int port)
{
    const ork_value *value = port < node->input_count ? node->inputs[port] : NULL;
    return value && value->type.dtype == ORK_F32 ? slot_of(p, value)->constant : NULL;
}

bool lower_layer_norm(planner *p, const ork_node *node)
{
    slot *out = plain_output(p, node);
    if (!out || node->output->type.dtype != ORK_F32)
        return not_yet(p, node, "it runs on plain floats only");
    const ork_shape *shape = &node->output->type.shape;
    int first = shape->rank - (int)node->attrs.layer_norm.axes;
    if (first < 0 || first > shape->rank)
        return not_yet(p, node, "it has more axes than its input");
    ork_layer_norm norm = {.rows = ork_shape_span(shape, 0, first),
                           .length = ork_shape_span(shape, first, shape->rank),
                           .epsilon = (float)node->attrs.layer_norm.epsilon,
                           .factor = floats_of(p, node, 1),
                           .offset = floats_of(p, node, 2)};
    emit(p, node, "layer_norm", run_layer_norm, plan_params(p, &norm, sizeof(norm)), norm.rows,
         (double)ork_shape_count(shape) * 4, out, slot_in(p, node->inputs[0], LAYOUT_PLAIN), NULL);
    return true;
}

static void run_affine(const void *params, const call *c, int64_t begin, int64_t end)
{
    ork_affine_run(params, c->in[0], c->out, begin, end);
}

/* Norms that the pass could not turn into convolutions: of 2 axes. */
bool lower_batch_norm(planner *p, const ork_node *node)
{
    const ork_shape *shape = &node->output->type.shape;
    const float *scale = floats_of(p, node, 1), *bias = floats_of(p, node, 2);
    const float *mean = floats_of(p, node, 3), *variance = floats_of(p, node, 4);
    if (shape->rank != 2 || node->output->type.dtype != ORK_F32 || !scale || !bias || !mean ||
        !variance)
        return not_yet(p, node, "it is neither of 2 nor of 4 axes, or not constant");
    size_t channels = (size_t)shape->dim[1];
    float *factor = ORK_NEW_ARRAY(p->plan->arena, float, channels);
    float *offset = ORK_NEW_ARRAY(p->plan->arena, float, channels);
    for (size_t c = 0; c < channels; c++) {
        double f =
            (double)scale[c] / __builtin_sqrt((double)variance[c] + node->attrs.batch_norm.epsilon);
        factor[c] = (float)f;
        offset[c] = (float)((double)bias[c] - (double)mean[c] * f);
    }
    ork_affine affine = {.rows = shape->dim[0],
                         .channels = shape->dim[1],
                         .in_stride = shape->dim[1],
                         .out_stride = shape->dim[1],
                         .factor = factor,
                         .offset = offset};
    emit(p, node, "affine", run_affine, plan_params(p, &affine, sizeof(affine)), shape->dim[0],
         (double)ork_shape_count(shape), slot_of(p, node->output),
         slot_in(p, node->inputs[0], LAYOUT_PLAIN), NULL);
    return true;
}

/* ---- matrix product ---- */

static void run_matmul(const void *params, const call *c, int64_t begin, int64_t end)
{
    ork_matmul_run(params, c->in[0], c->in[1], c->out, begin, end);
}

bool lower_matmul(planner *p, const ork_node *node)
{
    slot *out = plain_output(p, node);
    if (!out || node->output->type.dtype != ORK_F32 || node->inputs[0]->type.dtype != ORK_F32 ||
        node->inputs[1]->type.dtype != ORK_F32)
        return not_yet(p, node, "it runs on plain floats only");
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
    emit(p, node, "matmul", run_matmul, plan_params(p, &m, sizeof(m)), batch * m.m,
         (double)ork_shape_count(y) * (double)m.k, out, a, b);
    return true;
}
