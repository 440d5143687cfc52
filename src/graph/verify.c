/* SPDX-License-Identifier: Apache-2.0 */
/* The rules that a graph obeys, checked after every pass in tests and debug builds. */
#include "graph.h"

#include <string.h>

static bool broken(ork_diag *diag, const ork_node *node, const char *rule)
{
    ork_fail(diag, ORK_ERR_GRAPH, "the graph is inconsistent: %s", rule);
    return node ? ork_where(diag, "layer '%s' (%s)", node->name, ork_op_table[node->op].name)
                : false;
}

static bool has_use(const ork_value *value, const ork_node *node, int port)
{
    size_t place = node->places[port];
    return place < value->uses.count && value->uses.items[place].node == node &&
           value->uses.items[place].port == port;
}

/* ready[id] is set once the value is available in execution order. */
static bool check_inputs(const ork_node *node, const bool *ready, ork_diag *diag)
{
    const ork_op_info *info = &ork_op_table[node->op];
    if (node->input_count < info->min_inputs ||
        (info->max_inputs >= 0 && node->input_count > info->max_inputs))
        return broken(diag, node, "wrong number of inputs");
    for (int i = 0; i < node->input_count; i++) {
        const ork_value *input = node->inputs[i];
        if (!input) {
            if (i < info->min_inputs)
                return broken(diag, node, "a required input is absent");
            continue;
        }
        if (!ready[input->id])
            return broken(diag, node, "an input is used before it is computed");
        if (!has_use(input, node, i))
            return broken(diag, node, "an input does not know its user");
    }
    return true;
}

static bool check_type(const ork_graph *graph, const ork_node *node, ork_diag *diag)
{
    ork_type type;
    if (!ork_op_table[node->op].infer(node, &type, diag))
        return ork_where(diag, "layer '%s'", node->name);
    const ork_type *output = &node->output->type;
    if (!ork_shape_equal(&type.shape, &output->shape))
        return broken(diag, node, "the output's shape is not what its operator gives");
    if (graph->stage != ORK_STAGE_QUANT && type.dtype != output->dtype &&
        node->op != ORK_OP_CONVERT)
        return broken(diag, node, "the output's type is not what its operator gives");
    return true;
}

static bool is_quantized(const ork_value *value)
{
    return value->type.quant.scheme != ORK_SCHEME_NONE;
}

/* QUANT: an operator with a quantized input computes on integers or is a conversion. */
static bool check_quantized(const ork_node *node, ork_diag *diag)
{
    if (node->op == ORK_OP_CONVERT)
        return true;
    if (ork_op_table[node->op].op_class == ORK_CLASS_CONV && is_quantized(node->inputs[0])) {
        if (!is_quantized(node->inputs[1]))
            return broken(diag, node, "an integer convolution needs integer weights");
        ork_dtype bias =
            node->input_count > 2 && node->inputs[2] ? node->inputs[2]->type.dtype : ORK_I32;
        if (bias != ORK_I32 && bias != ORK_I64)
            return broken(diag, node, "an integer convolution needs an integer bias");
    }
    return true;
}

static bool check_node(const ork_graph *graph, const ork_node *node, bool *ready, ork_diag *diag)
{
    if (!node->output || node->output->producer != node || node->output->kind != ORK_VALUE_COMPUTED)
        return broken(diag, node, "the output does not know its producer");
    if (!check_inputs(node, ready, diag) || !check_type(graph, node, diag))
        return false;
    if (graph->stage == ORK_STAGE_QUANT && !check_quantized(node, diag))
        return false;
    ready[node->output->id] = true;
    return true;
}

static bool is_weight(const ork_use *use)
{
    const ork_node *node = use->node;
    const ork_value *bias = node->input_count > 2 ? node->inputs[2] : NULL;
    return (use->port == 1 || use->port == 2) &&
           ork_op_table[node->op].op_class == ORK_CLASS_CONV &&
           node->inputs[1]->kind == ORK_VALUE_CONSTANT &&
           (!bias || bias->kind == ORK_VALUE_CONSTANT);
}

bool ork_value_is_packable(const ork_value *value)
{
    bool all =
        value->kind == ORK_VALUE_CONSTANT && value->uses.count > 0 && !ork_value_is_output(value);
    for (size_t i = 0; i < value->uses.count; i++)
        all = all && is_weight(&value->uses.items[i]);
    return all;
}

static bool check_values(const ork_graph *graph, bool *ready, ork_diag *diag)
{
    for (size_t i = 0; i < graph->values.count; i++) {
        const ork_value *value = graph->values.items[i];
        size_t bytes;
        if (value->id != i)
            return broken(diag, NULL, "a value's id is not its place");
        if (!ork_shape_bytes(&value->type.shape, value->type.dtype, &bytes))
            return broken(diag, NULL, "a value is too large");
        if (value->kind == ORK_VALUE_CONSTANT && !value->data && bytes > 0 &&
            !(graph->packing && (value->uses.count == 0 || ork_value_is_packable(value))))
            return broken(diag, NULL, "a constant has no data");
        ready[i] = value->kind != ORK_VALUE_COMPUTED;
    }
    return true;
}

bool ork_graph_verify(const ork_graph *graph, ork_diag *diag)
{
    ork_arena *scratch = ork_arena_new();
    bool *ready = ORK_NEW_ARRAY(scratch, bool, graph->values.count + 1);
    bool good = check_values(graph, ready, diag);
    size_t count = 0;
    for (const ork_node *node = graph->first; good && node; node = node->next, count++)
        good = check_node(graph, node, ready, diag);
    if (good && count != graph->node_count)
        good = broken(diag, NULL, "the number of nodes is wrong");
    for (size_t i = 0; good && i < graph->outputs.count; i++)
        if (!ready[graph->outputs.items[i]->id])
            good = broken(diag, NULL, "an output is never computed");
    ork_arena_free(scratch);
    return good;
}
