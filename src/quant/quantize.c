/* SPDX-License-Identifier: Apache-2.0 */
/* Rewrites a float graph into integers: chooses every value's quantization from its range, then
   changes types in place, converts constants, and puts conversions where integer and float
   operators meet. */
#include "internal.h"

#include <math.h>
#include <string.h>

typedef struct quantizer {
    ork_diag *diag;
    ork_graph *graph;
    ork_dtype dtype;
    const ork_range *ranges;
    const void *const *weights;
    bool *integer; /* by value id: computed in integers */
    bool centre_floors;
    ork_quant *quants;  /* by value id */
    size_t value_count; /* those that existed before the rewrite */
} quantizer;

/* ---- which operators, and with which numbers ---- */

bool ork_quant_has_integer_form(const ork_node *node)
{
    return ork_op_table[node->op].numbers != ORK_NUMBERS_FLOAT &&
           node->output->type.dtype == ORK_F32;
}

/* There are no integers for weights that are computed. */
static bool has_integers(const ork_node *node)
{
    if (ork_op_table[node->op].op_class == ORK_CLASS_CONV)
        for (int i = 1; i < node->input_count; i++)
            if (node->inputs[i] && node->inputs[i]->kind != ORK_VALUE_CONSTANT)
                return false;
    return ork_quant_has_integer_form(node);
}

/* Decided once: types change on the way. Nodes that are added are conversions. */
static void choose_nodes(const quantizer *q, const bool *only)
{
    for (const ork_node *node = q->graph->first; node; node = node->next)
        q->integer[node->output->id] = (!only || only[node->output->id]) && has_integers(node);
}

static bool stays_float(const quantizer *q, const ork_node *node)
{
    return node->output->id >= q->value_count || !q->integer[node->output->id];
}

bool ork_quant_keeps_numbers(const ork_node *node)
{
    bool blends = node->op == ORK_OP_RESIZE && node->attrs.resize.mode != 0;
    return ork_op_table[node->op].numbers == ORK_NUMBERS_KEPT && !blends &&
           node->inputs[0]->kind != ORK_VALUE_CONSTANT;
}

/* Where only sigmoids look: beyond 6.3 they are 0 or 1 to within half a step of eight bits. The
   vendor's quantizer gives such values no codes either. */
static ork_range useful_range(const quantizer *q, const ork_value *value)
{
    const float limit = 6.3f;
    ork_range range = q->ranges[value->id];
    for (size_t i = 0; i < value->uses.count; i++)
        if (value->uses.items[i].node->op != ORK_OP_SIGMOID)
            return range;
    if (value->uses.count == 0 || q->dtype == ORK_I16 || ork_value_is_output(value))
        return range;
    range.min = fmaxf(range.min, -limit);
    range.max = fminf(range.max, limit);
    return range;
}

static ork_quant quant_of(const quantizer *q, const ork_value *value)
{
    const ork_node *node = value->producer;
    if (node && ork_quant_keeps_numbers(node))
        return q->quants[node->inputs[0]->id];
    if (node && ork_op_table[node->op].numbers == ORK_NUMBERS_UNIT)
        return ork_quant_of_range(q->dtype, (ork_range){0, 1, true});
    return ork_quant_of_range(q->dtype, useful_range(q, value));
}

/* A relu or clip after a convolution or sum is its clamp: both use the range behind it, and no code
   is spent on what will be cut off. */
static void share_clamp(const quantizer *q, const ork_node *node)
{
    if (node->op != ORK_OP_RELU && node->op != ORK_OP_CLIP)
        return;
    const ork_value *in = node->inputs[0];
    if (!in->producer || ork_value_single_user(in) != node || stays_float(q, in->producer))
        return;
    if (ork_op_table[in->producer->op].op_class == ORK_CLASS_CONV || in->producer->op == ORK_OP_ADD)
        q->quants[in->id] = q->quants[node->output->id];
}

static void choose(const quantizer *q)
{
    for (size_t i = 0; i < q->graph->inputs.count; i++) {
        const ork_value *value = q->graph->inputs.items[i].value;
        q->quants[value->id] = ork_quant_of_range(q->dtype, q->ranges[value->id]);
    }
    for (const ork_node *node = q->graph->first; node; node = node->next)
        q->quants[node->output->id] = quant_of(q, node->output);
    for (const ork_node *node = q->graph->first; node; node = node->next)
        share_clamp(q, node);
}

/* ---- constants ---- */

ork_range ork_constant_range(const ork_value *value)
{
    ork_range range = {0, 0, true};
    int64_t count = ork_shape_count(&value->type.shape);
    for (int64_t i = 0; i < count; i++) {
        float x = (float)ork_element_get(value->type.dtype, value->data, i);
        range.min = x < range.min ? x : range.min;
        range.max = x > range.max ? x : range.max;
    }
    return range;
}

static ork_value *quantized_constant(const quantizer *q, const ork_value *value)
{
    int64_t count = ork_shape_count(&value->type.shape);
    ork_type type = {.dtype = q->dtype,
                     .shape = value->type.shape,
                     .quant = ork_quant_of_range(q->dtype, ork_constant_range(value))};
    if (q->weights && value->id < q->value_count && q->weights[value->id])
        return ork_graph_add_constant(q->graph, value->name, &type, q->weights[value->id]);
    void *data = ork_graph_alloc(q->graph, q->diag, (size_t)count * ork_dtype_table[q->dtype].size);
    if (!data)
        return NULL;
    for (int64_t i = 0; i < count; i++) {
        float x = (float)ork_element_get(value->type.dtype, value->data, i);
        /* Weights round halves away from zero, as the vendor's quantizer does. */
        float scaled = type.quant.scheme == ORK_SCHEME_AFFINE
                           ? roundf(x / type.quant.scale) + (float)type.quant.zero_point
                           : roundf(ldexpf(x, type.quant.fraction_length));
        ork_element_set(q->dtype, data, i, (double)scaled);
    }
    return ork_graph_add_constant(q->graph, value->name, &type, data);
}

static double bias_step(const ork_quant *in, const ork_quant *weight)
{
    return (double)(ork_quant_step(in) * ork_quant_step(weight)); /* in float32, as the chips do */
}

/* The chips round fully connected layers down, which is half a step too low on average. */
static double floor_loss(const quantizer *q, const ork_node *node)
{
    const bool floors = q->centre_floors && q->dtype == ORK_U8 && node->op == ORK_OP_LINEAR;
    return floors ? (double)q->quants[node->output->id].scale / 2 : 0;
}

static ork_value *quantized_bias(const quantizer *q, const ork_node *node, const ork_quant *in,
                                 const ork_quant *weight)
{
    const ork_value *bias = node->inputs[2];
    ork_dtype dtype = q->dtype == ORK_I16 ? ORK_I64 : ORK_I32;
    int64_t count = ork_shape_count(&bias->type.shape);
    ork_type type = {.dtype = dtype, .shape = bias->type.shape};
    type.quant = q->dtype == ORK_U8 ? ork_quant_affine((float)bias_step(in, weight), 0)
                                    : ork_quant_dfp(in->fraction_length + weight->fraction_length);
    void *data = ork_graph_alloc(q->graph, q->diag, (size_t)count * ork_dtype_table[dtype].size);
    for (int64_t i = 0; data && i < count; i++)
        ork_element_set(
            dtype, data, i,
            round((ork_element_get(bias->type.dtype, bias->data, i) + floor_loss(q, node)) /
                  bias_step(in, weight)));
    return data ? ork_graph_add_constant(q->graph, bias->name, &type, data) : NULL;
}

/* ---- nodes ---- */

static bool quantize_convolution(const quantizer *q, ork_node *node)
{
    ork_value *weight = quantized_constant(q, node->inputs[1]);
    if (!weight)
        return false;
    ork_node_set_input(q->graph, node, 1, weight);
    if (node->input_count < 3 || !node->inputs[2])
        return true;
    ork_value *bias = quantized_bias(q, node, &q->quants[node->inputs[0]->id], &weight->type.quant);
    if (bias)
        ork_node_set_input(q->graph, node, 2, bias);
    return bias != NULL;
}

static bool quantize_constants(const quantizer *q, ork_node *node)
{
    if (ork_op_table[node->op].op_class == ORK_CLASS_CONV)
        return quantize_convolution(q, node);
    for (int i = 0; i < node->input_count; i++) {
        if (!node->inputs[i] || node->inputs[i]->kind != ORK_VALUE_CONSTANT ||
            node->inputs[i]->type.dtype != ORK_F32)
            continue;
        ork_value *constant = quantized_constant(q, node->inputs[i]);
        if (!constant)
            return false;
        ork_node_set_input(q->graph, node, i, constant);
    }
    return true;
}

/* Gives the users of one kind, integer or float, a converted copy of the value. */
static bool convert_for(const quantizer *q, ork_value *value, bool for_float, const ork_type *type)
{
    ork_value *converted = NULL;
    ork_node *after = value->producer;
    for (size_t i = value->uses.count; i-- > 0;) {
        ork_use use = value->uses.items[i];
        if (use.node->op == ORK_OP_CONVERT || stays_float(q, use.node) != for_float)
            continue;
        if (!converted) {
            ork_node *at = after ? after : q->graph->first;
            const char *name = ork_arena_printf(q->graph->arena, "%s.%s", value->name,
                                                ork_dtype_table[type->dtype].name);
            converted = ork_graph_insert(q->graph, q->diag, at, after != NULL, ORK_OP_CONVERT, NULL,
                                         &value, 1, type, name);
            if (!converted)
                return false;
        }
        ork_node_set_input(q->graph, use.node, use.port, converted);
    }
    return true;
}

static bool change_value(const quantizer *q, ork_value *value)
{
    bool is_float = value->producer && stays_float(q, value->producer);
    ork_type integer = {
        .dtype = q->dtype, .shape = value->type.shape, .quant = q->quants[value->id]};
    ork_type real = value->type;
    if (is_float)
        return convert_for(q, value, false, &integer);
    value->type = integer;
    return convert_for(q, value, true, &real);
}

static bool rewrite(const quantizer *q)
{
    for (ork_node *node = q->graph->first; node; node = node->next)
        if (!stays_float(q, node) && !quantize_constants(q, node))
            return false;
    for (size_t i = 0; i < q->value_count; i++) {
        ork_value *value = q->graph->values.items[i];
        bool alive = value->kind == ORK_VALUE_INPUT || value->producer;
        if (alive && value->type.dtype == ORK_F32 && !change_value(q, value))
            return false;
    }
    return true;
}

bool ork_quantize_by(ork_diag *diag, ork_graph *graph, const ork_recipe *recipe)
{
    ork_arena *scratch = ork_arena_new();
    quantizer q = {.diag = diag,
                   .graph = graph,
                   .dtype = recipe->dtype,
                   .ranges = recipe->ranges,
                   .weights = recipe->weights,
                   .centre_floors = recipe->centre_floors,
                   .quants = ORK_NEW_ARRAY(scratch, ork_quant, graph->values.count),
                   .value_count = graph->values.count};
    q.integer = ORK_NEW_ARRAY(scratch, bool, q.value_count);
    choose_nodes(&q, recipe->only);
    choose(&q);
    bool good = rewrite(&q);
    ork_arena_free(scratch);
    if (!good)
        return false;
    graph->stage = ORK_STAGE_QUANT;
    return ork_graph_verify(graph, diag);
}

bool ork_quantize(ork_diag *diag, ork_graph *graph, ork_dtype dtype, const ork_range *ranges)
{
    return ork_quantize_by(diag, graph, &(ork_recipe){.dtype = dtype, .ranges = ranges});
}
