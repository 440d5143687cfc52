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
        bool bare_output = ork_value_is_output(node->output) && !node->inputs[0]->producer;
        if (is_identity(node) && !bare_output) {
            ork_graph_replace(graph, node->output, node->inputs[0]);
            ++*changes;
        }
    }
    return true;
}
