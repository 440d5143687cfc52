/* SPDX-License-Identifier: Apache-2.0 */
#include "rewrite.h"

#include <string.h>

static bool is_identity_transpose(const ork_node *node)
{
    for (int i = 0; i < node->attrs.transpose.perm.count; i++)
        if (node->attrs.transpose.perm.v[i] != i)
            return false;
    return true;
}

static bool is_pool_of_one(const ork_node *node)
{
    const int64_t *kernel = node->attrs.max_pool2d.kernel.v;
    return kernel[0] == 1 && kernel[1] == 1;
}

/* Operators that are the identity whenever input and output have one type. */
static bool is_movement(ork_op op)
{
    return op == ORK_OP_RESHAPE || op == ORK_OP_SLICE || op == ORK_OP_EXPAND || op == ORK_OP_PAD ||
           op == ORK_OP_CAST || op == ORK_OP_CONCAT || op == ORK_OP_RESIZE;
}

/* x + 0, x - 0, x 1, x / 1, x to the power 1: the constant may stand first where order is free. */
static int neutral_port(const ork_node *node)
{
    static const struct {
        ork_op op;
        double neutral;
        bool commutes;
    } rows[] = {{ORK_OP_ADD, 0, true},
                {ORK_OP_SUB, 0, false},
                {ORK_OP_MUL, 1, true},
                {ORK_OP_DIV, 1, false},
                {ORK_OP_POW, 1, false}};
    for (size_t i = 0; i < ORK_COUNT(rows); i++) {
        for (int port = 1; node->op == rows[i].op && port >= !rows[i].commutes; port--) {
            const ork_value *c = node->inputs[port];
            int64_t count = ork_shape_count(&c->type.shape);
            bool all = c->kind == ORK_VALUE_CONSTANT && count == 1;
            if (all && ork_element_get(c->type.dtype, c->data, 0) == rows[i].neutral)
                return port;
        }
    }
    return -1;
}

/* The input that the node gives back unchanged, or NULL. */
static ork_value *unchanged_input(const ork_node *node)
{
    int port = neutral_port(node);
    ork_value *x = port < 0 ? NULL : node->inputs[1 - port];
    bool same = x && x->type.dtype == node->output->type.dtype &&
                x->type.quant.scheme == ORK_SCHEME_NONE &&
                ork_shape_equal(&x->type.shape, &node->output->type.shape);
    return same ? x : NULL;
}

static bool is_identity(const ork_node *node)
{
    const ork_type *in = &node->inputs[0]->type, *out = &node->output->type;
    if (in->dtype != out->dtype || !ork_shape_equal(&in->shape, &out->shape))
        return false;
    if (node->op == ORK_OP_TRANSPOSE)
        return is_identity_transpose(node);
    if (node->op == ORK_OP_MAX_POOL2D)
        return is_pool_of_one(node);
    return is_movement(node->op) && (node->op != ORK_OP_CONCAT || node->input_count == 1);
}

/* The part of a part, as a part of the whole. */
static void merge_slices(const ork_node *before, ork_node *node)
{
    ork_attrs *outer = &node->attrs;
    for (int i = 0; i < outer->slice.begin.count; i++) {
        int64_t begin = before->attrs.slice.begin.v[i], step = before->attrs.slice.step.v[i];
        outer->slice.begin.v[i] = begin + outer->slice.begin.v[i] * step;
        outer->slice.end.v[i] = begin + (outer->slice.end.v[i] - 1) * step + 1;
        outer->slice.step.v[i] *= step;
    }
}

/* reshape(reshape(x)), transpose(transpose(x)) and slice(slice(x)) become one. */
static bool merge_with_producer(ork_graph *graph, ork_node *node)
{
    const ork_node *before = node->inputs[0]->producer;
    if (!before || before->op != node->op)
        return false;
    if (node->op == ORK_OP_TRANSPOSE) {
        ork_ints perm = node->attrs.transpose.perm;
        for (int i = 0; i < perm.count; i++)
            node->attrs.transpose.perm.v[i] = before->attrs.transpose.perm.v[perm.v[i]];
    } else if (node->op == ORK_OP_SLICE) {
        merge_slices(before, node);
    } else if (node->op != ORK_OP_RESHAPE) {
        return false;
    }
    ork_node_set_input(graph, node, 0, before->inputs[0]);
    return true;
}

bool ork_pass_remove_identities(ork_graph *graph, ork_diag *diag, size_t *changes)
{
    (void)diag;
    for (ork_node *node = graph->first; node; node = node->next) {
        while (merge_with_producer(graph, node))
            ++*changes;
        /* An input that is also an output stays apart from it: it would have two names. */
        ork_value *x = is_identity(node) ? node->inputs[0] : unchanged_input(node);
        bool bare_output = x && ork_value_is_output(node->output) && !x->producer;
        if (x && !bare_output) {
            ork_graph_replace(graph, node->output, x);
            ++*changes;
        }
    }
    return true;
}
