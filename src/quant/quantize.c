/* SPDX-License-Identifier: Apache-2.0 */
/* Rewrites a float graph into integers: chooses every value's type and quantization from its range,
   then changes types in place, converts constants, and puts conversions where operators of
   different types meet. */
#include "internal.h"

#include <math.h>
#include <string.h>

typedef struct quantizer {
    ork_diag *diag;
    ork_graph *graph;
    const ork_recipe *recipe;
    ork_dtype *dtypes;    /* by value id: of inputs and of what nodes compute; F32 stays float */
    ork_range *ranges[2]; /* by value id: those that count, and those of values of 16 bits */
    size_t value_count;   /* those that existed before the rewrite */
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

/* Decided once, for types change on the way. */
static void choose_types(const quantizer *q)
{
    const ork_recipe *r = q->recipe;
    for (size_t i = 0; i < q->graph->inputs.count; i++) {
        const ork_value *value = q->graph->inputs.items[i].value;
        q->dtypes[value->id] = value->type.dtype == ORK_F32 ? r->dtype : value->type.dtype;
    }
    for (const ork_node *node = q->graph->first; node; node = node->next) {
        const uint32_t id = node->output->id;
        q->dtypes[id] = !has_integers(node) ? ORK_F32 : r->dtypes ? r->dtypes[id] : r->dtype;
    }
}

/* What a node computes with. Nodes that are added are conversions, which take anything. */
static ork_dtype dtype_of(const quantizer *q, const ork_node *node)
{
    return node->output->id < q->value_count ? q->dtypes[node->output->id] : ORK_F32;
}

static bool stays_float(const quantizer *q, const ork_node *node)
{
    return dtype_of(q, node) == ORK_F32;
}

bool ork_quant_keeps_numbers(const ork_node *node)
{
    bool blends = node->op == ORK_OP_RESIZE && node->attrs.resize.mode != 0;
    return ork_op_table[node->op].numbers == ORK_NUMBERS_KEPT && !blends &&
           node->inputs[0]->kind != ORK_VALUE_CONSTANT;
}

/* Where only sigmoids look: beyond 6.3 they are 0 or 1 to within half a step of eight bits. The
   vendor's quantizer gives such values no codes either. */
static ork_range useful_range(const quantizer *q, const ork_value *value, ork_range range)
{
    const float limit = 6.3f;
    for (size_t i = 0; i < value->uses.count; i++)
        if (value->uses.items[i].node->op != ORK_OP_SIGMOID)
            return range;
    if (value->uses.count == 0 || q->dtypes[value->id] == ORK_I16 || ork_value_is_output(value))
        return range;
    range.min = fmaxf(range.min, -limit);
    range.max = fminf(range.max, limit);
    return range;
}

static ork_range range_of(const quantizer *q, const ork_value *value, const ork_range *measured,
                          const ork_range *chosen)
{
    const ork_node *node = value->producer;
    if (node && ork_quant_keeps_numbers(node))
        return chosen[node->inputs[0]->id];
    if (node && ork_op_table[node->op].numbers == ORK_NUMBERS_UNIT)
        return (ork_range){0, 1, true};
    return node ? useful_range(q, value, measured[value->id]) : measured[value->id];
}

/* A relu or clip after a convolution or sum is its clamp: both use the range behind it, and no code
   is spent on what will be cut off. */
static void share_clamp(const quantizer *q, const ork_node *node, ork_range *chosen)
{
    if (node->op != ORK_OP_RELU && node->op != ORK_OP_CLIP)
        return;
    const ork_value *in = node->inputs[0];
    if (!in->producer || ork_value_single_user(in) != node || stays_float(q, in->producer) ||
        dtype_of(q, in->producer) != dtype_of(q, node))
        return;
    if (ork_op_table[in->producer->op].op_class == ORK_CLASS_CONV || in->producer->op == ORK_OP_ADD)
        chosen[in->id] = chosen[node->output->id];
}

static void choose_ranges(const quantizer *q, const ork_range *measured, ork_range *chosen)
{
    for (size_t i = 0; i < q->graph->inputs.count; i++) {
        const ork_value *value = q->graph->inputs.items[i].value;
        chosen[value->id] = range_of(q, value, measured, chosen);
    }
    for (const ork_node *node = q->graph->first; node; node = node->next)
        chosen[node->output->id] = range_of(q, node->output, measured, chosen);
    for (const ork_node *node = q->graph->first; node; node = node->next)
        share_clamp(q, node, chosen);
}

/* The value as integers of this type. */
static ork_quant quant_as(const quantizer *q, const ork_value *value, ork_dtype dtype)
{
    return ork_quant_of_range(dtype, q->ranges[dtype == ORK_I16][value->id]);
}

/* ---- constants ---- */

static ork_value *quantized_constant(const quantizer *q, const ork_value *value, ork_dtype dtype,
                                     const ork_quant *quant)
{
    int64_t count = ork_shape_count(&value->type.shape);
    ork_type type = {.dtype = dtype, .shape = value->type.shape, .quant = *quant};
    const void *const *chosen = q->recipe->weights;
    if (chosen && dtype == q->recipe->dtype && value->id < q->value_count && chosen[value->id])
        return ork_graph_add_constant(q->graph, value->name, &type, chosen[value->id]);
    void *data = ork_graph_alloc(q->graph, q->diag, (size_t)count * ork_dtype_table[dtype].size);
    if (!data)
        return NULL;
    const bool by_channel = quant->scheme == ORK_SCHEME_PER_CHANNEL;
    const int64_t inner =
        by_channel ? ork_shape_span(&type.shape, quant->axis + 1, type.shape.rank) : 1;
    const int64_t channels = by_channel ? type.shape.dim[quant->axis] : 1;
    for (int64_t i = 0; i < count; i++) {
        float x = (float)ork_element_get(value->type.dtype, value->data, i);
        const ork_quant of = ork_quant_of_channel(quant, i / inner % channels);
        /* Weights round halves away from zero, as the vendor's quantizer does. */
        float scaled = of.scheme == ORK_SCHEME_AFFINE ? roundf(x / of.scale) + (float)of.zero_point
                                                      : roundf(ldexpf(x, of.fraction_length));
        ork_element_set(dtype, data, i, (double)scaled);
    }
    return ork_graph_add_constant(q->graph, value->name, &type, data);
}

/* The chips round fully connected layers down, which is half a step too low on average. */
static double floor_loss(const quantizer *q, const ork_node *node)
{
    const bool floors =
        q->recipe->centre_floors && dtype_of(q, node) == ORK_U8 && node->op == ORK_OP_LINEAR;
    const ork_quant quant = quant_as(q, node->output, ORK_U8);
    return floors ? (double)quant.scale / 2 : 0;
}

static ork_value *quantized_bias(const quantizer *q, const ork_node *node, const ork_quant *weight)
{
    const ork_value *bias = node->inputs[2];
    const ork_dtype of = dtype_of(q, node), dtype = of == ORK_I16 ? ORK_I64 : ORK_I32;
    const ork_quant in = quant_as(q, node->inputs[0], of);
    int64_t count = ork_shape_count(&bias->type.shape);
    ork_type type = {.dtype = dtype, .shape = bias->type.shape};
    type.quant = ork_bias_quant(q->graph->arena, &in, weight, count);
    void *data = ork_graph_alloc(q->graph, q->diag, (size_t)count * ork_dtype_table[dtype].size);
    for (int64_t i = 0; data && i < count; i++)
        ork_element_set(
            dtype, data, i,
            round((ork_element_get(bias->type.dtype, bias->data, i) + floor_loss(q, node)) /
                  (double)ork_bias_step(&in, weight, i)));
    return data ? ork_graph_add_constant(q->graph, bias->name, &type, data) : NULL;
}

/* ---- nodes ---- */

static bool quantize_convolution(const quantizer *q, ork_node *node)
{
    const ork_quant quant =
        ork_weight_quant(q->graph->arena, node, dtype_of(q, node), q->recipe->by_channel);
    ork_value *weight = quantized_constant(q, node->inputs[1], dtype_of(q, node), &quant);
    if (!weight)
        return false;
    ork_node_set_input(q->graph, node, 1, weight);
    if (node->input_count < 3 || !node->inputs[2])
        return true;
    ork_value *bias = quantized_bias(q, node, &weight->type.quant);
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
        const ork_quant quant =
            ork_quant_of_range(dtype_of(q, node), ork_constant_range(node->inputs[i]));
        ork_value *constant = quantized_constant(q, node->inputs[i], dtype_of(q, node), &quant);
        if (!constant)
            return false;
        ork_node_set_input(q->graph, node, i, constant);
    }
    return true;
}

/* The value's type for those who compute with `dtype`. */
static ork_type type_as(const quantizer *q, const ork_value *value, ork_dtype dtype)
{
    ork_type type = {.dtype = dtype, .shape = value->type.shape};
    if (dtype != ORK_F32)
        type.quant = quant_as(q, value, dtype);
    return type;
}

/* Gives the users that compute with `dtype` a converted copy of the value. */
static bool convert_for(const quantizer *q, ork_value *value, ork_dtype dtype)
{
    ork_value *converted = NULL;
    ork_node *after = value->producer;
    const ork_type type = type_as(q, value, dtype);
    for (size_t i = value->uses.count; i-- > 0;) {
        ork_use use = value->uses.items[i];
        if (use.node->op == ORK_OP_CONVERT || dtype_of(q, use.node) != dtype)
            continue;
        if (!converted) {
            ork_node *at = after ? after : q->graph->first;
            const char *name = ork_arena_printf(q->graph->arena, "%s.%s", value->name,
                                                ork_dtype_table[dtype].name);
            converted = ork_graph_insert(q->graph, q->diag, at, after != NULL, ORK_OP_CONVERT, NULL,
                                         &value, 1, &type, name);
            if (!converted)
                return false;
        }
        ork_node_set_input(q->graph, use.node, use.port, converted);
    }
    return true;
}

static bool change_value(const quantizer *q, ork_value *value)
{
    static const ork_dtype all[] = {ORK_F32, ORK_U8, ORK_I8, ORK_I16};
    const ork_dtype own = q->dtypes[value->id];
    value->type = type_as(q, value, own);
    for (size_t i = 0; i < ORK_COUNT(all); i++)
        if (all[i] != own && !convert_for(q, value, all[i]))
            return false;
    return true;
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
                   .recipe = recipe,
                   .dtypes = ORK_NEW_ARRAY(scratch, ork_dtype, graph->values.count),
                   .ranges = {ORK_NEW_ARRAY(scratch, ork_range, graph->values.count),
                              ORK_NEW_ARRAY(scratch, ork_range, graph->values.count)},
                   .value_count = graph->values.count};
    choose_types(&q);
    choose_ranges(&q, recipe->ranges, q.ranges[0]);
    choose_ranges(&q, recipe->wide_ranges ? recipe->wide_ranges : recipe->ranges, q.ranges[1]);
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
