/* SPDX-License-Identifier: Apache-2.0 */
/* LSTM, GRU and RNN: one or two directions over a sequence of known length. */
#include "onnx.h"

#include <string.h>

/* What tells the three apart. */
static const struct kind {
    int gates, functions;
    const char *standard[3];
    int order[4]; /* see ork_recurrent */
} kinds[] = {
    [ORK_LSTM] = {4, 3, {"Sigmoid", "Tanh", "Tanh"}, {0, 2, 3, 1}},
    [ORK_GRU] = {3, 2, {"Sigmoid", "Tanh", NULL}, {1, 0, 2, 0}},
    [ORK_ELMAN] = {1, 1, {"Tanh", NULL, NULL}, {0}},
};

static const char *const directions[] = {"forward", "reverse", "bidirectional"};
enum { FORWARD, REVERSE, BOTH };

typedef struct layer {
    ork_onnx *onnx;
    const ork_onnx_call *call;
    const struct kind *kind;
    ork_cell_kind cell_kind;
    int direction, count; /* of directions */
    bool batch_first;
    int64_t units;
    ork_value *x; /* steps x batch x inputs */
} layer;

/* ---- functions ------------------------------------------------------------------------- */

static const struct function_row {
    const char *name;
    ork_op op;
    double alpha; /* where nothing is given */
} functions[] = {
    {"Sigmoid", ORK_OP_SIGMOID, 0}, {"Tanh", ORK_OP_TANH, 0},
    {"Relu", ORK_OP_RELU, 0},       {"LeakyRelu", ORK_OP_LEAKY_RELU, 0.01},
    {"Elu", ORK_OP_ELU, 1},         {"Softplus", ORK_OP_SOFTPLUS, 1},
};

static const char *function_name(const layer *l, int index)
{
    const ork_onnx_attribute *a = ork_onnx_attribute_of(l->call, "activations");
    return a && (size_t)index < a->texts.count ? a->texts.items[index]
                                               : l->kind->standard[index % l->kind->functions];
}

/* Parameters lie in order for the functions that have one. */
static bool take_function(const layer *l, int index, size_t *parameters,
                          ork_recurrent_function *function)
{
    const char *name = function_name(l, index);
    const ork_onnx_attribute *alphas = ork_onnx_attribute_of(l->call, "activation_alpha");
    for (size_t i = 0; i < ORK_COUNT(functions); i++) {
        if (strcmp(functions[i].name, name) != 0)
            continue;
        double alpha = functions[i].alpha;
        bool takes_alpha = functions[i].op == ORK_OP_LEAKY_RELU || functions[i].op == ORK_OP_ELU;
        if (takes_alpha && alphas && *parameters < alphas->numbers.count)
            alpha = (double)alphas->numbers.items[(*parameters)++];
        *function = (ork_recurrent_function){.op = functions[i].op};
        if (functions[i].op == ORK_OP_SOFTPLUS)
            function->attrs.softplus.beta = alpha;
        else
            function->attrs.leaky_relu.alpha = alpha; /* elu has it at the same place */
        return true;
    }
    return ork_build_unsupported(l->onnx->build, "with the function %s", name) != NULL;
}

static bool take_functions(const layer *l, int direction, ork_recurrent *r)
{
    size_t parameters = 0;
    ork_recurrent_function skipped;
    int first = direction * l->kind->functions;
    for (int i = 0; i < first + l->kind->functions; i++)
        if (!take_function(l, i, &parameters, i < first ? &skipped : &r->functions[i - first]))
            return false;
    return true;
}

/* ---- inputs ---------------------------------------------------------------------------- */

/* Entry `index` of an axis, which goes. */
static ork_value *entry(const layer *l, ork_value *x, int axis, int64_t index)
{
    if (!x)
        return NULL;
    ork_shape shape = x->type.shape;
    shape.rank--;
    for (int i = axis; i < shape.rank; i++)
        shape.dim[i] = shape.dim[i + 1];
    x = ork_build_slice(l->onnx->build, x, axis, index, index + 1, 1);
    return ork_build_reshape(l->onnx->build, x, &shape);
}

static bool has_shape(const layer *l, const ork_value *x, int rank, const int64_t *dims,
                      const char *name)
{
    ork_shape shape = ork_shape_of(rank, dims);
    return !x || ork_shape_equal(&x->type.shape, &shape) ||
           ork_build_bad_shape(l->onnx->build, "the %s do not fit", name) != NULL;
}

static bool check_inputs(const layer *l)
{
    ork_value *const *in = l->call->in;
    int64_t n = l->count, rows = l->kind->gates * l->units, inputs = l->x->type.shape.dim[2];
    int64_t batch = l->x->type.shape.dim[1];
    int64_t first[3] = {n, batch, l->units};
    if (l->batch_first) {
        first[0] = batch;
        first[1] = n;
    }
    return has_shape(l, in[1], 3, (int64_t[]){n, rows, inputs}, "weights") &&
           has_shape(l, in[2], 3, (int64_t[]){n, rows, l->units}, "recurrent weights") &&
           has_shape(l, in[3], 2, (int64_t[]){n, 2 * rows}, "biases") &&
           has_shape(l, in[5], 3, first, "first states") &&
           (l->cell_kind != ORK_LSTM ||
            (has_shape(l, in[6], 3, first, "first cells") &&
             has_shape(l, in[7], 2, (int64_t[]){n, 3 * l->units}, "peepholes")));
}

/* All sequences must be as long as there are steps. */
static bool check_lengths(const layer *l)
{
    const ork_value *lengths = l->call->in[4];
    if (!lengths)
        return true;
    if (!ork_onnx_must_be_constant(l->onnx, l->call, 4))
        return false;
    for (int64_t i = 0; i < ork_shape_count(&lengths->type.shape); i++)
        if (ork_element_get_int(lengths->type.dtype, lengths->data, i) != l->x->type.shape.dim[0])
            return ork_build_unsupported(l->onnx->build, "sequences of different lengths") != NULL;
    return true;
}

static bool read_layer(ork_onnx *onnx, const ork_onnx_call *call, int kind, layer *l)
{
    static const int exchanged[] = {1, 0, 2};
    *l = (layer){.onnx = onnx,
                 .call = call,
                 .kind = &kinds[kind],
                 .cell_kind = (ork_cell_kind)kind,
                 .batch_first = ork_onnx_int(call, "layout", 0) != 0,
                 .x = call->in[0]};
    const ork_shape *weights = &call->in[2]->type.shape;
    if (l->x->type.shape.rank != 3 || weights->rank != 3)
        return ork_build_bad_shape(onnx->build, "inputs without 3 axes") != NULL;
    l->units = weights->dim[2];
    if (l->batch_first)
        l->x = ork_build_transpose(onnx->build, l->x, exchanged);
    if (!l->x || !ork_onnx_choice(onnx, call, "direction", directions, ORK_COUNT(directions),
                                  FORWARD, &l->direction))
        return false;
    l->count = l->direction == BOTH ? 2 : 1;
    return check_inputs(l) && check_lengths(l);
}

/* ---- one direction --------------------------------------------------------------------- */

static bool run_direction(const layer *l, int d, ork_recurrent_result *result)
{
    ork_value *const *in = l->call->in;
    int64_t rows = l->kind->gates * l->units;
    int state_axis = l->batch_first ? 1 : 0;
    ork_value *bias = entry(l, in[3], 0, d);
    ork_recurrent r = {.cell_kind = l->cell_kind,
                       .is_backward = l->direction == REVERSE || d == 1,
                       .x = l->x,
                       .weight = entry(l, in[1], 0, d),
                       .recurrent_weight = entry(l, in[2], 0, d),
                       .bias = ork_build_slice(l->onnx->build, bias, 0, 0, rows, 1),
                       .recurrent_bias =
                           ork_build_slice(l->onnx->build, bias, 0, rows, 2 * rows, 1),
                       .hidden = entry(l, in[5], state_axis, d),
                       .clip = ork_onnx_float(l->call, "clip", 0.0),
                       .couples_forget = ork_onnx_int(l->call, "input_forget", 0) != 0,
                       .resets_behind = ork_onnx_int(l->call, "linear_before_reset", 0) != 0};
    memcpy(r.order, l->kind->order, sizeof(r.order));
    if (l->cell_kind == ORK_LSTM) {
        r.cell = entry(l, in[6], state_axis, d);
        r.peepholes = entry(l, in[7], 0, d);
    }
    bool whole = r.weight && r.recurrent_weight && (!in[3] || (r.bias && r.recurrent_bias)) &&
                 (!in[5] || r.hidden);
    return whole && take_functions(l, d, &r) && ork_build_recurrent(l->onnx->build, &r, result);
}

/* ---- outputs --------------------------------------------------------------------------- */

/* What the directions give, beside each other along a new axis. */
static ork_value *join(const layer *l, ork_value *const *parts, int axis)
{
    ork_value *wide[2] = {NULL};
    for (int d = 0; d < l->count; d++) {
        if (!parts[d])
            return NULL;
        ork_shape shape = parts[d]->type.shape;
        memmove(shape.dim + axis + 1, shape.dim + axis,
                (size_t)(shape.rank - axis) * sizeof(*shape.dim));
        shape.dim[axis] = 1;
        shape.rank++;
        wide[d] = ork_build_reshape(l->onnx->build, parts[d], &shape);
    }
    return ork_build_concat(l->onnx->build, wide, l->count, axis);
}

/* All steps: steps, directions, batch, units; with the batch first: batch, steps, directions. */
static ork_value *all_steps(const layer *l, ork_value *const *parts)
{
    static const int batch_first[] = {2, 0, 1, 3};
    ork_value *y = join(l, parts, 1);
    return y && l->batch_first ? ork_build_transpose(l->onnx->build, y, batch_first) : y;
}

/* param: the kind of cell */
ORK_ONNX_HANDLER(recurrent)
{
    layer l;
    ork_value *parts[3][2];
    if (!read_layer(onnx, call, param, &l))
        return false;
    for (int d = 0; d < l.count; d++) {
        ork_recurrent_result result = {0};
        if (!run_direction(&l, d, &result))
            return false;
        parts[0][d] = result.outputs;
        parts[1][d] = result.hidden;
        parts[2][d] = result.cell;
    }
    call->out[1] = join(&l, parts[1], l.batch_first ? 1 : 0);
    if (l.cell_kind == ORK_LSTM)
        call->out[2] = join(&l, parts[2], l.batch_first ? 1 : 0);
    return ork_onnx_result(call, all_steps(&l, parts[0]));
}
