/* SPDX-License-Identifier: Apache-2.0 */
/* conv(x) * a + b with one a and b per channel, or one for all, is a convolution again. */
#include "rewrite.h"

/* The constant of a binary operator as one float per channel; *port is where it stands. */
static float *channel_constant(ork_graph *graph, ork_diag *diag, const ork_node *node, int axis,
                               int64_t channels, int *port)
{
    const ork_shape *out = &node->output->type.shape;
    for (*port = 0; *port < 2; ++*port) {
        const ork_value *value = node->inputs[*port];
        const ork_shape *shape = &value->type.shape;
        int64_t count = ork_shape_count(shape);
        int at = axis - (out->rank - shape->rank); /* the channel axis in the constant */
        bool per_channel = count == channels && at >= 0 && shape->dim[at] == channels;
        if (count != 1 && !per_channel)
            continue;
        float *given = ork_rewrite_floats(graph, diag, value, count);
        if (!given)
            continue;
        float *all = ORK_NEW_ARRAY(graph->arena, float, (size_t)channels);
        for (int64_t c = 0; c < channels; c++)
            all[c] = given[count == 1 ? 0 : c];
        return all;
    }
    return NULL;
}

/* Expresses `conv op constant` as factor and offset; false when it is not of this kind. */
static bool affine_of(const ork_node *node, int port, float *constant, int64_t channels,
                      float *factor, float *offset)
{
    for (int64_t c = 0; c < channels; c++) {
        factor[c] = 1.0f;
        offset[c] = 0.0f;
        if (node->op == ORK_OP_ADD)
            offset[c] = constant[c];
        else if (node->op == ORK_OP_MUL)
            factor[c] = constant[c];
        else if (node->op == ORK_OP_DIV && port == 1)
            factor[c] = 1.0f / constant[c];
        else if (node->op == ORK_OP_SUB) {
            factor[c] = port == 1 ? 1.0f : -1.0f;
            offset[c] = port == 1 ? -constant[c] : constant[c];
        } else
            return false;
    }
    return true;
}

static bool fold(ork_graph *graph, ork_diag *diag, ork_node *node)
{
    for (int i = 0; i < 2; i++) {
        ork_node *conv = node->inputs[i]->producer;
        if (!conv || (conv->op != ORK_OP_CONV2D && conv->op != ORK_OP_LINEAR) ||
            ork_value_single_user(conv->output) != node ||
            !ork_shape_equal(&conv->output->type.shape, &node->output->type.shape))
            continue;
        int axis, port;
        int64_t channels = ork_rewrite_channels(conv, &axis);
        float *constant = channel_constant(graph, diag, node, axis, channels, &port);
        float *factor = ORK_NEW_ARRAY(graph->arena, float, (size_t)channels);
        float *offset = ORK_NEW_ARRAY(graph->arena, float, (size_t)channels);
        if (!constant || port == i || !affine_of(node, port, constant, channels, factor, offset) ||
            !ork_rewrite_scale_outputs(graph, diag, conv, factor, offset))
            continue;
        ork_graph_supersede(graph, node->output, conv->output);
        ork_graph_remove(graph, node); /* at once: its use of the convolution would hide the next */
        return true;
    }
    return false;
}

bool ork_pass_fold_scale(ork_graph *graph, ork_diag *diag, size_t *changes)
{
    for (ork_node *node = graph->first, *next; node; node = next) {
        next = node->next;
        if (ork_op_table[node->op].op_class == ORK_CLASS_BINARY && fold(graph, diag, node))
            ++*changes;
    }
    return true;
}
