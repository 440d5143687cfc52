/* SPDX-License-Identifier: Apache-2.0 */
/* Holds every layer of a network against every rule, and finds where the part ends that a chip
   takes as a whole. */
#include "rules.h"

#include <string.h>

const char *const ork_severity_names[ORK_SEVERITY_COUNT] = {"stops", "host", "accuracy", "slow"};

static const struct {
    ork_check_rule rule;
    bool (*applies)(const subject *s);
} rules[] = {
#define ORK_RULE(function, id, severity, reason, instead)                                          \
    {{id, ORK_SEVERITY_##severity, reason, instead}, is_##function},
#include "rules.def"
#undef ORK_RULE
};

size_t ork_check_rule_count(void)
{
    return ORK_COUNT(rules);
}

const ork_check_rule *ork_check_rule_at(size_t index)
{
    return &rules[index].rule;
}

static const bool npu_ops[ORK_OP_COUNT] = {
#define ORK_NPU_OP(symbol) [ORK_OP_##symbol] = true,
#include "operators.def"
#undef ORK_NPU_OP
};

bool ork_npu_has_op(ork_op op)
{
    return npu_ops[op];
}

/* ---- cost -------------------------------------------------------------------------------- */

int64_t ork_node_macs(const ork_node *node)
{
    const ork_shape *out = &node->output->type.shape;
    int64_t outputs = ork_shape_count(out);
    switch (node->op) {
    case ORK_OP_CONV2D:
    case ORK_OP_LINEAR: {
        const ork_shape *weight = &node->inputs[1]->type.shape;
        return outputs * ork_shape_span(weight, 1, weight->rank);
    }
    case ORK_OP_CONV_TRANSPOSE2D: {
        const ork_shape *weight = &node->inputs[1]->type.shape;
        return ork_shape_count(&node->inputs[0]->type.shape) *
               ork_shape_span(weight, 1, weight->rank);
    }
    case ORK_OP_MATMUL: {
        const ork_shape *a = &node->inputs[0]->type.shape;
        return a->rank > 0 ? outputs * a->dim[a->rank - 1] : 0;
    }
    default:
        return 0;
    }
}

/* ---- cutting ----------------------------------------------------------------------------- */

static bool blocks(ork_severity severity)
{
    return severity == ORK_SEVERITY_STOPS || severity == ORK_SEVERITY_HOST;
}

/* A chip takes a value when it takes all that leads to it. Nodes stand in order of execution. */
typedef struct cutting {
    const ork_graph *graph;
    bool *is_cut;   /* by value id: not computed on the chip, or to be cut for its accuracy */
    bool *is_named; /* by value id: in the list already */
    ork_check *check;
    ork_arena *arena;
} cutting;

static void name_value(cutting *c, const ork_value *value)
{
    if (!value->producer || c->is_named[value->id] || c->is_cut[value->id])
        return;
    c->is_named[value->id] = true;
    ork_vec_push(c->arena, &c->check->cut, value);
}

/* Moving data costs the host nothing to speak of: a cut goes in front of what only moves. */
static const ork_value *before_movement(const cutting *c, const ork_value *value)
{
    while (value->producer && !c->is_cut[value->id] &&
           (value->producer->op == ORK_OP_RESHAPE || value->producer->op == ORK_OP_TRANSPOSE))
        value = value->producer->inputs[0];
    return value;
}

static void find_cut(cutting *c)
{
    bool any = false;
    for (size_t i = 0; i < c->check->findings.count; i++) {
        const ork_finding *finding = &c->check->findings.items[i];
        bool mixed =
            finding->rule->severity == ORK_SEVERITY_ACCURACY && finding->node->op == ORK_OP_CONCAT;
        if (blocks(finding->rule->severity) || mixed)
            any = c->is_cut[finding->node->output->id] = true;
    }
    for (const ork_node *node = c->graph->first; any && node; node = node->next)
        for (int i = 0; i < node->input_count; i++)
            if (node->inputs[i] && c->is_cut[node->inputs[i]->id])
                c->is_cut[node->output->id] = true;
    for (const ork_node *node = c->graph->first; any && node; node = node->next)
        for (int i = 0; c->is_cut[node->output->id] && i < node->input_count; i++)
            if (node->inputs[i])
                name_value(c, before_movement(c, node->inputs[i]));
    for (size_t i = 0; any && i < c->graph->outputs.count; i++)
        name_value(c, c->graph->outputs.items[i]);
}

/* ---- the check --------------------------------------------------------------------------- */

static bool has_severity(const ork_check *check, size_t first, ork_severity severity)
{
    for (size_t i = first; i < check->findings.count; i++)
        if (check->findings.items[i].rule->severity == severity)
            return true;
    return false;
}

static void check_node(ork_check *check, ork_arena *arena, const subject *s)
{
    size_t first = check->findings.count;
    for (size_t i = 0; i < ORK_COUNT(rules); i++)
        if (rules[i].applies(s))
            ork_vec_push(arena, &check->findings, ((ork_finding){&rules[i].rule, s->node}));
    if (has_severity(check, first, ORK_SEVERITY_STOPS))
        check->refused_nodes++;
    else if (has_severity(check, first, ORK_SEVERITY_HOST))
        check->host_nodes++;
    else
        check->npu_nodes++;
    check->macs += ork_node_macs(s->node);
}

static void count_weights(ork_check *check, const ork_graph *graph)
{
    for (size_t i = 0; i < graph->values.count; i++) {
        const ork_value *value = graph->values.items[i];
        if (value->kind == ORK_VALUE_CONSTANT && value->uses.count > 0)
            check->weights += ork_shape_count(&value->type.shape);
    }
}

/* Numbers that wait in memory at the worst moment: outputs of nodes from their making to their last
   use. What only gives another shape shares memory with its input. */
static int64_t peak_of(ork_arena *arena, const ork_graph *graph)
{
    size_t *uses_left = ORK_NEW_ARRAY(arena, size_t, graph->values.count + 1);
    int64_t live = 0, peak = 0;
    for (size_t i = 0; i < graph->values.count; i++)
        uses_left[i] = graph->values.items[i]->uses.count;
    for (size_t i = 0; i < graph->outputs.count; i++)
        uses_left[graph->outputs.items[i]->id]++; /* never freed */
    for (size_t i = 0; i < graph->inputs.count; i++)
        live += ork_shape_count(&graph->inputs.items[i].value->type.shape);
    for (const ork_node *node = graph->first; node; node = node->next) {
        live += ork_shape_count(&node->output->type.shape);
        bool is_view = node->op == ORK_OP_RESHAPE;
        if (is_view)
            live -= ork_shape_count(&node->output->type.shape);
        peak = live > peak ? live : peak;
        for (int i = 0; i < node->input_count; i++) {
            const ork_value *in = node->inputs[i];
            if (in && in->kind != ORK_VALUE_CONSTANT && --uses_left[in->id] == 0 && !is_view)
                live -= ork_shape_count(&in->type.shape);
        }
    }
    return peak;
}

ork_check *ork_check_run(ork_arena *arena, const ork_graph *graph, const ork_soc *soc,
                         bool is_quantized)
{
    ork_check *check = ORK_NEW(arena, ork_check);
    check->soc = soc;
    const value_range *ranges = find_ranges(arena, graph);
    for (const ork_node *node = graph->first; node; node = node->next) {
        subject s = {soc, node, ranges, is_quantized};
        check_node(check, arena, &s);
    }
    count_weights(check, graph);
    check->peak = peak_of(arena, graph);
    cutting c = {.graph = graph,
                 .is_cut = ORK_NEW_ARRAY(arena, bool, graph->values.count + 1),
                 .is_named = ORK_NEW_ARRAY(arena, bool, graph->values.count + 1),
                 .check = check,
                 .arena = arena};
    find_cut(&c);
    return check;
}
