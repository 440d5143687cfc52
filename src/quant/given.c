/* SPDX-License-Identifier: Apache-2.0 */
/* Networks that come quantized. In their float graph conversions tell which tensors are integers,
   and with which scales: an operator between conversions becomes one on integers, in the form that
   the quantizer would give it. What has no such form stays between its conversions. */
#include "internal.h"

#include <math.h>
#include <string.h>

typedef struct rewriter {
    ork_diag *diag;
    ork_graph *graph;
} rewriter;

static bool is_quantized(const ork_value *value)
{
    return value->type.quant.scheme != ORK_SCHEME_NONE;
}

static bool same_type(const ork_value *a, const ork_value *b)
{
    return a->type.dtype == b->type.dtype && ork_quant_equal(&a->type.quant, &b->type.quant, 0);
}

static bool is_convert(const ork_node *node)
{
    return node && node->op == ORK_OP_CONVERT;
}

/* The integers that a value in floats was converted from, or NULL. */
static ork_value *integers_of(const ork_value *value)
{
    if (!value || !is_convert(value->producer) || is_quantized(value))
        return NULL;
    return is_quantized(value->producer->inputs[0]) ? value->producer->inputs[0] : NULL;
}

/* All users, one at least, convert the value to one type: that conversion. */
static const ork_node *conversion_of(const ork_value *value)
{
    const ork_node *first = NULL;
    if (ork_value_is_output(value))
        return NULL;
    for (size_t i = 0; i < value->uses.count; i++) {
        const ork_node *user = value->uses.items[i].node;
        if (!is_convert(user) || !is_quantized(user->output) || user->output->type.dtype != ORK_U8)
            return NULL;
        if (first && !same_type(first->output, user->output))
            return NULL;
        first = user;
    }
    return first;
}

/* The value takes the place of its conversions. */
static void take_over(const rewriter *r, ork_value *value, const ork_node *conversion)
{
    value->type.dtype = conversion->output->type.dtype;
    value->type.quant = conversion->output->type.quant;
    size_t count = value->uses.count;
    ork_node **conversions = ORK_NEW_ARRAY(r->graph->arena, ork_node *, count + 1);
    for (size_t i = 0; i < count; i++)
        conversions[i] = value->uses.items[i].node;
    for (size_t i = 0; i < count; i++) {
        ork_graph_replace(r->graph, conversions[i]->output, value);
        ork_graph_remove(r->graph, conversions[i]);
    }
}

/* ---- signed bytes ---- */

/* The chips know no affine i8. With the zero point 128 higher, u8 stands for the same numbers. */
static bool become_unsigned(const rewriter *r, ork_value *value)
{
    enum { SHIFT = 128 };
    ork_quant *quant = &value->type.quant;
    size_t count = (size_t)ork_shape_count(&value->type.shape);
    if (value->type.dtype != ORK_I8 ||
        (quant->scheme != ORK_SCHEME_AFFINE && quant->scheme != ORK_SCHEME_PER_CHANNEL))
        return true;
    value->type.dtype = ORK_U8;
    if (quant->scheme == ORK_SCHEME_AFFINE) {
        quant->zero_point += SHIFT;
    } else {
        size_t channels = (size_t)value->type.shape.dim[quant->axis];
        int32_t *zeros = ORK_NEW_ARRAY(r->graph->arena, int32_t, channels);
        for (size_t c = 0; c < channels; c++)
            zeros[c] = quant->zero_points[c] + SHIFT;
        quant->zero_points = zeros;
    }
    if (value->kind != ORK_VALUE_CONSTANT)
        return true;
    const uint8_t *from = value->data;
    uint8_t *data = ork_graph_alloc(r->graph, r->diag, count);
    for (size_t i = 0; data && i < count; i++)
        data[i] = from[i] ^ SHIFT;
    value->data = data;
    return data != NULL;
}

static bool all_unsigned(const rewriter *r)
{
    for (size_t i = 0; i < r->graph->values.count; i++) {
        ork_value *value = r->graph->values.items[i];
        bool is_used = value->uses.count > 0 || ork_value_is_output(value);
        if (is_used && !become_unsigned(r, value))
            return false;
    }
    return true;
}

/* ---- operators that move numbers ---- */

static ork_value *insert_convert(const rewriter *r, ork_node *at, ork_value *value,
                                 const ork_type *type)
{
    const char *name =
        ork_arena_printf(r->graph->arena, "%s.%s", value->name, ork_dtype_table[type->dtype].name);
    return ork_graph_insert(r->graph, r->diag, at, true, ORK_OP_CONVERT, NULL, &value, 1, type,
                            name);
}

/* Everyone who used the floats of this value gets them from a conversion. */
static bool convert_for_users(const rewriter *r, ork_value *value, const ork_type *real)
{
    if (value->uses.count == 0)
        return true;
    ork_value *floats = insert_convert(r, value->producer, value, real);
    for (size_t i = value->uses.count; floats && i-- > 0;) {
        ork_use use = value->uses.items[i];
        if (use.node != floats->producer)
            ork_node_set_input(r->graph, use.node, use.port, floats);
    }
    return floats != NULL;
}

/* Where the axis with the channels comes to lie; -1 when they are mixed with others. */
static int moved_axis(const ork_node *node, const ork_type *from)
{
    const ork_shape *to = &node->output->type.shape;
    int axis = from->quant.axis;
    if (node->op == ORK_OP_TRANSPOSE)
        for (int i = 0; i < node->attrs.transpose.perm.count; i++)
            if (node->attrs.transpose.perm.v[i] == axis)
                return i;
    for (int i = 0; node->op == ORK_OP_RESHAPE && i < to->rank; i++)
        if (to->dim[i] == from->shape.dim[axis] &&
            ork_shape_span(to, 0, i) == ork_shape_span(&from->shape, 0, axis))
            return i;
    return -1;
}

static bool moves_weights(const ork_node *node)
{
    return ork_op_table[node->op].op_class == ORK_CLASS_SHAPE && node->op != ORK_OP_CONCAT &&
           node->op != ORK_OP_PAD;
}

/* A weight is moved now. */
static bool move_weight(const rewriter *r, ork_node *node, ork_value *weight)
{
    ork_type type = weight->type, real = node->output->type;
    int axis = type.quant.scheme == ORK_SCHEME_PER_CHANNEL ? moved_axis(node, &type) : 0;
    if (axis < 0)
        return true;
    ork_value *plain = ork_graph_add_constant(r->graph, weight->name, &type, weight->data);
    plain->type.quant = (ork_quant){0};
    node->output->type.dtype = type.dtype;
    ork_node_set_input(r->graph, node, 0, plain);
    ork_value *moved = ork_graph_evaluate(r->graph, r->diag, node);
    node->output->type = real;
    if (!moved)
        return ork_fail(r->diag, ORK_ERR_INTERNAL, "a weight cannot be moved");
    moved->type.quant = type.quant;
    moved->type.quant.axis = axis;
    ork_value *floats = insert_convert(r, node, moved, &real);
    if (floats)
        ork_graph_replace(r->graph, node->output, floats);
    return floats != NULL;
}

/* Padding with another number than 0 is a number of its own. */
static bool moves_integers(const ork_node *node)
{
    return ork_quant_keeps_numbers(node) && node->output->type.dtype == ORK_F32 &&
           (node->op != ORK_OP_PAD || node->attrs.pad.mode != 0 || node->attrs.pad.value == 0.0);
}

static bool move_integers(const rewriter *r, ork_node *node)
{
    ork_value *integers = integers_of(node->inputs[0]);
    if (!integers)
        return true;
    if (integers->kind == ORK_VALUE_CONSTANT)
        return !moves_weights(node) || move_weight(r, node, integers);
    ork_type real = node->output->type;
    ork_node_set_input(r->graph, node, 0, integers);
    node->output->type.dtype = integers->type.dtype;
    node->output->type.quant = integers->type.quant;
    return convert_for_users(r, node->output, &real);
}

/* Floats that are moved and then converted are converted before. */
static bool convert_before(const rewriter *r, ork_node *node)
{
    ork_value *in = node->inputs[0];
    const ork_node *conversion = conversion_of(node->output);
    if (!conversion || integers_of(in) || in->kind == ORK_VALUE_CONSTANT)
        return true;
    ork_type type = conversion->output->type;
    type.shape = in->type.shape;
    const char *name = ork_arena_printf(r->graph->arena, "%s.u8", in->name);
    ork_value *integers =
        ork_graph_insert(r->graph, r->diag, node, false, ORK_OP_CONVERT, NULL, &in, 1, &type, name);
    if (!integers)
        return false;
    ork_node_set_input(r->graph, node, 0, integers);
    take_over(r, node->output, conversion);
    return true;
}

static bool convert_early(const rewriter *r)
{
    for (ork_node *node = r->graph->last; node; node = node->previous)
        if (moves_integers(node) && !convert_before(r, node))
            return ork_node_where(node, r->diag);
    return true;
}

/* ---- operators that compute ---- */

static bool is_clamp(const ork_node *node)
{
    return node && (node->op == ORK_OP_RELU || node->op == ORK_OP_CLIP);
}

/* The clamp behind a convolution or sum is part of it. */
static ork_node *clamp_behind(const ork_node *node)
{
    bool takes = ork_op_table[node->op].op_class == ORK_CLASS_CONV || node->op == ORK_OP_ADD;
    ork_node *user = takes ? ork_value_single_user(node->output) : NULL;
    return is_clamp(user) ? user : NULL;
}

/* Whether the numbers that the type can hold are never cut off. */
static bool clamps_nothing(const ork_node *clamp, const ork_type *type)
{
    double step = (double)type->quant.scale, zero = type->quant.zero_point;
    double low = clamp->op == ORK_OP_CLIP ? clamp->attrs.clip.low : 0.0;
    double high = clamp->op == ORK_OP_CLIP ? clamp->attrs.clip.high : (double)INFINITY;
    return rint(low / step) + zero <= 0 && rint(high / step) + zero >= UINT8_MAX;
}

/* All numbers of the constant are the same: 8 bits hold it. */
static bool is_uniform(const ork_value *value)
{
    int64_t count = ork_shape_count(&value->type.shape);
    if (value->kind != ORK_VALUE_CONSTANT || value->type.dtype != ORK_F32 || count == 0)
        return false;
    double first = ork_element_get(ORK_F32, value->data, 0);
    for (int64_t i = 1; i < count; i++)
        if (ork_element_get(ORK_F32, value->data, i) != first)
            return false;
    return isfinite(first);
}

static bool has_integers(const ork_value *value)
{
    const ork_value *integers = integers_of(value);
    return integers && integers->type.dtype == ORK_U8 &&
           integers->type.quant.scheme == ORK_SCHEME_AFFINE;
}

/* The weight's channels are the outputs of the layer. */
static bool weight_fits(const ork_node *node)
{
    const ork_value *weight = integers_of(node->inputs[1]);
    if (!weight || weight->kind != ORK_VALUE_CONSTANT || weight->type.dtype != ORK_U8)
        return false;
    if (weight->type.quant.scheme != ORK_SCHEME_PER_CHANNEL)
        return true;
    if (node->op != ORK_OP_CONV_TRANSPOSE2D)
        return weight->type.quant.axis == 0;
    return weight->type.quant.axis == 1 && node->attrs.conv_transpose2d.groups == 1;
}

/* The constant, integers where it has them; or NULL. */
static const ork_value *bias_of(const ork_node *node)
{
    const ork_value *bias = node->input_count > 2 ? node->inputs[2] : NULL;
    const ork_value *integers = integers_of(bias);
    return integers ? integers : bias;
}

static bool bias_fits(const ork_node *node)
{
    const ork_value *bias = bias_of(node);
    return !bias || bias->kind == ORK_VALUE_CONSTANT;
}

static bool inputs_fit(const ork_node *node)
{
    if (ork_op_table[node->op].op_class == ORK_CLASS_CONV)
        return has_integers(node->inputs[0]) && weight_fits(node) && bias_fits(node);
    bool any = false;
    for (int i = 0; i < node->input_count; i++) {
        const ork_value *input = node->inputs[i];
        bool integers = input && has_integers(input);
        bool whole = input && input->type.dtype != ORK_F32; /* an index */
        if (input && !integers && !whole && !is_uniform(input))
            return false;
        any |= integers;
    }
    return any;
}

static double bias_number(const ork_value *bias, int64_t c)
{
    ork_quant quant = ork_quant_of_channel(&bias->type.quant, c);
    double number = ork_element_get(bias->type.dtype, bias->data, c);
    if (!is_quantized(bias))
        return number;
    return (number - quant.zero_point) * (double)quant.scale;
}

/* As the sums have it, for which a bias that comes with this scale keeps its integers. The chips
   round fully connected layers down: half a step of the output on top makes it the nearest. */
static ork_value *integer_bias(const rewriter *r, const ork_node *node, const ork_quant *out)
{
    const ork_value *weight = node->inputs[1], *bias = bias_of(node);
    const ork_quant *in = &node->inputs[0]->type.quant;
    double more = node->op == ORK_OP_LINEAR ? (double)out->scale / 2 : 0;
    int64_t count = bias ? ork_shape_count(&bias->type.shape) : weight->type.shape.dim[0];
    ork_type type = ork_type_of(ORK_I32, 1, &count);
    type.quant = ork_bias_quant(r->graph->arena, in, &weight->type.quant, count);
    int32_t *data = ork_graph_alloc(r->graph, r->diag, (size_t)count * sizeof(*data));
    for (int64_t c = 0; data && c < count; c++) {
        double step = (double)ork_bias_step(in, &weight->type.quant, c);
        double number = bias ? bias_number(bias, c) : 0;
        ork_element_set(ORK_I32, data, c, rint(number / step) + rint(more / step));
    }
    const char *name = bias ? bias->name : ork_arena_printf(r->graph->arena, "%s.bias", node->name);
    return data ? ork_graph_add_constant(r->graph, name, &type, data) : NULL;
}

static bool set_layer_inputs(const rewriter *r, ork_node *node, const ork_quant *out)
{
    ork_node_set_input(r->graph, node, 0, integers_of(node->inputs[0]));
    ork_node_set_input(r->graph, node, 1, integers_of(node->inputs[1]));
    if (!bias_of(node) && node->op != ORK_OP_LINEAR)
        return true;
    ork_value *bias = integer_bias(r, node, out);
    if (bias)
        ork_node_set_input(r->graph, node, 2, bias);
    return bias != NULL;
}

static ork_value *integer_constant(const rewriter *r, const ork_value *value)
{
    size_t count = (size_t)ork_shape_count(&value->type.shape);
    float number = (float)ork_element_get(ORK_F32, value->data, 0);
    ork_range range = {fminf(number, 0), fmaxf(number, 0), true};
    ork_type type = {
        .dtype = ORK_U8, .shape = value->type.shape, .quant = ork_quant_of_range(ORK_U8, range)};
    uint8_t *data = ork_graph_alloc(r->graph, r->diag, count);
    if (!data)
        return NULL;
    memset(data, ork_quantize_one(number, ORK_U8, &type.quant), count);
    return ork_graph_add_constant(r->graph, value->name, &type, data);
}

static bool set_inputs(const rewriter *r, ork_node *node, const ork_quant *out)
{
    if (ork_op_table[node->op].op_class == ORK_CLASS_CONV)
        return set_layer_inputs(r, node, out);
    for (int i = 0; i < node->input_count; i++) {
        ork_value *input = node->inputs[i];
        if (!input || input->type.dtype != ORK_F32)
            continue;
        ork_value *integers = integers_of(input);
        if (!integers)
            integers = integer_constant(r, input);
        if (!integers)
            return false;
        ork_node_set_input(r->graph, node, i, integers);
    }
    return true;
}

static bool compute_on_integers(const rewriter *r, ork_node *node)
{
    ork_node *clamp = clamp_behind(node);
    ork_value *last = clamp ? clamp->output : node->output;
    const ork_node *conversion = conversion_of(last);
    if (!conversion || conversion->output->type.quant.scheme != ORK_SCHEME_AFFINE ||
        !inputs_fit(node))
        return true;
    if (!set_inputs(r, node, &conversion->output->type.quant))
        return false;
    node->output->type.dtype = conversion->output->type.dtype;
    node->output->type.quant = conversion->output->type.quant;
    bool drops = clamp && clamps_nothing(clamp, &node->output->type);
    if (drops) {
        ork_graph_replace(r->graph, clamp->output, node->output);
        ork_graph_remove(r->graph, clamp);
        last = node->output;
    }
    take_over(r, last, conversion);
    return true;
}

/* ---- conversions themselves ---- */

/* From integers to floats to integers: directly, or not at all. */
static void shorten(const rewriter *r, ork_node *convert)
{
    ork_value *integers = integers_of(convert->inputs[0]);
    if (!is_quantized(convert->output) || !integers || integers->kind == ORK_VALUE_CONSTANT)
        return;
    if (same_type(integers, convert->output) && !ork_value_is_output(convert->output))
        ork_graph_replace(r->graph, convert->output, integers);
    else
        ork_node_set_input(r->graph, convert, 0, integers);
}

static bool rewrite_nodes(const rewriter *r)
{
    for (ork_node *node = r->graph->first; node; node = node->next) {
        bool good = true;
        if (is_convert(node))
            shorten(r, node);
        else if (moves_integers(node))
            good = move_integers(r, node);
        else if (ork_quant_has_integer_form(node))
            good = compute_on_integers(r, node);
        if (!good)
            return ork_node_where(node, r->diag);
    }
    return true;
}

/* ---- the ends of the network ---- */

/* Users may feed whatever numbers they have: the input itself is what it is converted to. */
static void take_inputs(const rewriter *r)
{
    for (size_t i = 0; i < r->graph->inputs.count; i++) {
        ork_value *input = r->graph->inputs.items[i].value;
        const ork_node *conversion = input->type.dtype == ORK_F32 ? conversion_of(input) : NULL;
        bool is_output = false; /* an input that is also an output would have two names */
        for (size_t k = 0; k < input->uses.count; k++)
            is_output |= ork_value_is_output(input->uses.items[k].node->output);
        if (conversion && !is_output)
            take_over(r, input, conversion);
    }
}

/* Outputs are read as real numbers whatever their type, so that the last conversion goes. */
static bool take_outputs(const rewriter *r)
{
    for (size_t i = 0; i < r->graph->outputs.count; i++) {
        ork_value *output = r->graph->outputs.items[i];
        ork_value *integers = integers_of(output);
        if (!integers || integers->kind != ORK_VALUE_COMPUTED || ork_value_is_output(integers))
            continue;
        ork_type real = output->type;
        if (!convert_for_users(r, output, &real))
            return false;
        if (output->uses.count > 0) /* the new conversion looks at the integers */
            ork_node_set_input(r->graph, output->uses.items[0].node, 0, integers);
        ork_graph_supersede(r->graph, output, integers);
    }
    return true;
}

/* Weights of layers that stay in floats. */
static bool take_weights(const rewriter *r)
{
    for (ork_node *node = r->graph->first; node; node = node->next) {
        const ork_type *type = &node->inputs[0]->type;
        bool is_known = type->dtype == ORK_U8 || type->dtype == ORK_I32;
        if (!is_convert(node) || node->inputs[0]->kind != ORK_VALUE_CONSTANT || !is_known ||
            !is_quantized(node->inputs[0]) || is_quantized(node->output))
            continue;
        ork_value *floats = ork_graph_dequantized(r->graph, r->diag, node->inputs[0]);
        if (!floats)
            return false;
        ork_graph_replace(r->graph, node->output, floats);
    }
    return true;
}

bool ork_quantize_as_given(ork_diag *diag, ork_graph *graph)
{
    rewriter r = {diag, graph};
    if (!all_unsigned(&r) || !convert_early(&r) || !rewrite_nodes(&r))
        return false;
    ork_graph_remove_dead(graph);
    take_inputs(&r);
    if (!take_outputs(&r) || !take_weights(&r))
        return false;
    ork_graph_remove_dead(graph);
    graph->stage = ORK_STAGE_QUANT;
    return ork_graph_verify(graph, diag);
}
