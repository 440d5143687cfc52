/* SPDX-License-Identifier: Apache-2.0 */
/* Activations that the framework spells out become one operator, since on integers every step in
   between would cost accuracy. */
#include "rewrite.h"

/* mul(x, f(x)) in either order: returns the node of f, or NULL. */
static ork_node *gate_of(const ork_node *mul, ork_op op, ork_value **x)
{
    for (int i = 0; i < 2; i++) {
        ork_node *gate = mul->inputs[i]->producer;
        if (gate && gate->op == op && gate->inputs[0] == mul->inputs[1 - i]) {
            *x = mul->inputs[1 - i];
            return gate;
        }
    }
    return NULL;
}

static const struct {
    ork_op gate, fused;
} gates[] = {
    {ORK_OP_SIGMOID, ORK_OP_SILU},
    {ORK_OP_HARD_SIGMOID, ORK_OP_HARD_SWISH},
};

static bool fuse(ork_graph *graph, ork_diag *diag, ork_node *mul, size_t *changes)
{
    for (size_t i = 0; i < ORK_COUNT(gates); i++) {
        ork_value *x;
        if (!gate_of(mul, gates[i].gate, &x))
            continue;
        ork_value *fused =
            ork_graph_insert(graph, diag, mul, true, gates[i].fused, NULL, &x, 1, NULL, mul->name);
        if (!fused)
            return false;
        fused->producer->scope = mul->scope;
        ork_graph_replace(graph, mul->output, fused);
        ++*changes;
        return true;
    }
    return true;
}

bool ork_pass_fuse_activations(ork_graph *graph, ork_diag *diag, size_t *changes)
{
    for (ork_node *node = graph->first; node; node = node->next)
        if (node->op == ORK_OP_MUL && !fuse(graph, diag, node, changes))
            return false;
    return true;
}
