/* SPDX-License-Identifier: Apache-2.0 */
/* Limits in one form: relu for 0 and up, else clip; one after the other is one. */
#include "rewrite.h"

#include <math.h>

typedef struct limits {
    double low, high;
} limits;

static double limit_or(double value, double none)
{
    return fabs(value) >= 3.4028234e38 ? none : value; /* importers write FLT_MAX for none */
}

/* False when the node is none that limits its first input to constants. */
static bool limits_of(const ork_node *node, limits *out)
{
    *out = (limits){-INFINITY, INFINITY};
    if (node->output->type.dtype != ORK_F32 || node->inputs[0]->type.dtype != ORK_F32)
        return false;
    if (node->op == ORK_OP_RELU)
        out->low = 0;
    else if (node->op == ORK_OP_CLIP)
        *out = (limits){limit_or(node->attrs.clip.low, -INFINITY),
                        limit_or(node->attrs.clip.high, INFINITY)};
    return node->op == ORK_OP_RELU || node->op == ORK_OP_CLIP;
}

static void set_limits(ork_node *node, const limits *to)
{
    bool is_relu = to->low == 0 && to->high == (double)INFINITY;
    node->op = is_relu ? ORK_OP_RELU : ORK_OP_CLIP;
    node->attrs = (ork_attrs){0};
    if (!is_relu)
        node->attrs = (ork_attrs){.clip.low = to->low, .clip.high = to->high};
}

/* maximum(x, 0.5) as a node of limits in its place. */
static bool spell_extreme(ork_graph *graph, ork_diag *diag, ork_node *node, size_t *changes)
{
    bool is_maximum = node->op == ORK_OP_MAXIMUM;
    for (int i = 0; i < 2; i++) {
        ork_value *x = node->inputs[i], *limit = node->inputs[1 - i];
        if (limit->kind != ORK_VALUE_CONSTANT || ork_shape_count(&limit->type.shape) != 1 ||
            x->type.dtype != ORK_F32 || limit->type.dtype != ORK_F32 ||
            !ork_shape_equal(&x->type.shape, &node->output->type.shape))
            continue;
        double value = ork_element_get(ORK_F32, limit->data, 0);
        ork_attrs attrs = {.clip.low = is_maximum ? value : -INFINITY,
                           .clip.high = is_maximum ? INFINITY : value};
        ork_value *y =
            ork_graph_insert(graph, diag, node, true, ORK_OP_CLIP, &attrs, &x, 1, NULL, node->name);
        if (!y)
            return false;
        y->producer->scope = node->scope;
        ork_graph_supersede(graph, node->output, y);
        ++*changes;
        return true;
    }
    return true;
}

/* The limits of both, when neither empties the other. */
static bool join(const limits *first, const limits *second, limits *both)
{
    *both = (limits){fmax(first->low, second->low), fmin(first->high, second->high)};
    return both->low <= both->high;
}

bool ork_pass_merge_limits(ork_graph *graph, ork_diag *diag, size_t *changes)
{
    for (ork_node *node = graph->first; node; node = node->next) {
        bool is_extreme = node->op == ORK_OP_MAXIMUM || node->op == ORK_OP_MINIMUM;
        if (is_extreme && !spell_extreme(graph, diag, node, changes))
            return false;
        limits own, before, both;
        if (!limits_of(node, &own))
            continue;
        const ork_node *producer = node->inputs[0]->producer;
        if (producer && limits_of(producer, &before) && join(&before, &own, &both)) {
            ork_node_set_input(graph, node, 0, producer->inputs[0]);
            set_limits(node, &both);
            ++*changes;
        } else if (node->op == ORK_OP_CLIP && own.low == 0 && own.high == (double)INFINITY) {
            set_limits(node, &own);
            ++*changes;
        }
    }
    return true;
}
