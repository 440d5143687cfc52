/* SPDX-License-Identifier: Apache-2.0 */
#include "rewrite.h"

float *ork_rewrite_floats(ork_graph *graph, ork_diag *diag, const ork_value *value, int64_t count)
{
    if (!value || value->kind != ORK_VALUE_CONSTANT ||
        !ork_dtype_table[value->type.dtype].is_float ||
        ork_shape_count(&value->type.shape) != count)
        return NULL;
    float *floats = ork_graph_alloc(graph, diag, (size_t)count * sizeof(float));
    for (int64_t i = 0; floats && i < count; i++)
        floats[i] = (float)ork_element_get(value->type.dtype, value->data, i);
    return floats;
}

int64_t ork_rewrite_channels(const ork_node *node, int *axis)
{
    *axis = node->op == ORK_OP_LINEAR ? node->output->type.shape.rank - 1 : 1;
    return node->output->type.shape.dim[*axis];
}

/* Which output channel element `index` of the weight belongs to. */
static int64_t channel_of(const ork_node *node, int64_t index, int64_t channels)
{
    const ork_shape *w = &node->inputs[1]->type.shape;
    if (node->op != ORK_OP_CONV_TRANSPOSE2D)
        return index / ork_shape_span(w, 1, w->rank);
    /* [in][out / groups][h][w]: the inputs of a group are neighbours */
    int64_t within = index / (w->dim[2] * w->dim[3]) % w->dim[1];
    int64_t in = index / ork_shape_span(w, 1, 4);
    int64_t group = in / (w->dim[0] / node->attrs.conv_transpose2d.groups);
    return (group * w->dim[1] + within) % channels;
}

bool ork_rewrite_scale_outputs(ork_graph *graph, ork_diag *diag, ork_node *node,
                               const float *factor, const float *offset)
{
    int axis;
    int64_t channels = ork_rewrite_channels(node, &axis);
    const ork_value *weight = node->inputs[1];
    const ork_value *bias = node->input_count > 2 ? node->inputs[2] : NULL;
    int64_t count = ork_shape_count(&weight->type.shape);
    float *weights = ork_rewrite_floats(graph, diag, weight, count);
    float *biases = bias ? ork_rewrite_floats(graph, diag, bias, channels)
                         : ORK_NEW_ARRAY(graph->arena, float, (size_t)channels);
    if (!weights || !biases)
        return false;
    for (int64_t i = 0; factor && i < count; i++)
        weights[i] *= factor[channel_of(node, i, channels)];
    for (int64_t c = 0; c < channels; c++)
        biases[c] =
            (float)((double)biases[c] * (factor ? (double)factor[c] : 1.0) + (double)offset[c]);
    ork_type weight_type = {.dtype = ORK_F32, .shape = weight->type.shape};
    ork_type bias_type = ork_type_of(ORK_F32, 1, &channels);
    const char *weight_name = weight->name;
    const char *bias_name =
        bias ? bias->name : ork_arena_printf(graph->arena, "%s.bias", node->name);
    ork_node_set_input(graph, node, 1,
                       ork_graph_add_constant(graph, weight_name, &weight_type, weights));
    ork_node_set_input(graph, node, 2,
                       ork_graph_add_constant(graph, bias_name, &bias_type, biases));
    return true;
}
