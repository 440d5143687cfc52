/* SPDX-License-Identifier: Apache-2.0 */
/* conv(x) then batch norm is one convolution: with f = scale / sqrt(variance + epsilon), weights
   are multiplied by f and the bias becomes (bias - mean) * f + norm bias.
   lower_batch_norm turns the norms that remain into 1x1 depthwise convolutions, which is what the
   chips run and what can be quantized. */
#include "rewrite.h"

#include <math.h>

/* y = x * factor + offset per channel; false when a parameter is not a constant. */
static bool affine_of(ork_graph *graph, ork_diag *diag, const ork_node *norm, int64_t channels,
                      float **factor, float **offset)
{
    float *scale = ork_rewrite_floats(graph, diag, norm->inputs[1], channels);
    float *bias = ork_rewrite_floats(graph, diag, norm->inputs[2], channels);
    float *mean = ork_rewrite_floats(graph, diag, norm->inputs[3], channels);
    float *variance = ork_rewrite_floats(graph, diag, norm->inputs[4], channels);
    if (!scale || !bias || !mean || !variance)
        return false;
    for (int64_t c = 0; c < channels; c++) {
        double f = (double)scale[c] / sqrt((double)variance[c] + norm->attrs.batch_norm.epsilon);
        bias[c] = (float)((double)bias[c] - (double)mean[c] * f);
        scale[c] = (float)f;
    }
    *factor = scale;
    *offset = bias;
    return true;
}

static bool is_convolution(const ork_node *node)
{
    return node && (node->op == ORK_OP_CONV2D || node->op == ORK_OP_CONV_TRANSPOSE2D ||
                    node->op == ORK_OP_LINEAR);
}

bool ork_pass_fold_batch_norm(ork_graph *graph, ork_diag *diag, size_t *changes)
{
    for (ork_node *norm = graph->first; norm; norm = norm->next) {
        ork_node *conv = norm->op == ORK_OP_BATCH_NORM ? norm->inputs[0]->producer : NULL;
        int axis;
        float *factor, *offset;
        if (!is_convolution(conv) || ork_value_single_user(conv->output) != norm)
            continue;
        int64_t channels = ork_rewrite_channels(conv, &axis);
        if (axis != 1 || !affine_of(graph, diag, norm, channels, &factor, &offset) ||
            !ork_rewrite_scale_outputs(graph, diag, conv, factor, offset))
            continue;
        ork_graph_supersede(graph, norm->output, conv->output);
        ++*changes;
    }
    return true;
}

static ork_value *depthwise(ork_graph *graph, ork_diag *diag, ork_node *norm, int64_t channels,
                            const float *factor, const float *offset)
{
    ork_attrs attrs = {.conv2d = {.stride = {{1, 1}}, .dilation = {{1, 1}}, .groups = channels}};
    ork_value *inputs[] = {
        norm->inputs[0],
        ork_graph_constant_f32(graph, ork_arena_printf(graph->arena, "%s.factor", norm->name), 4,
                               (int64_t[]){channels, 1, 1, 1}, factor),
        ork_graph_constant_f32(graph, ork_arena_printf(graph->arena, "%s.offset", norm->name), 1,
                               &channels, offset),
    };
    return ork_graph_insert(graph, diag, norm, true, ORK_OP_CONV2D, &attrs, inputs, 3, NULL,
                            norm->name);
}

bool ork_pass_lower_batch_norm(ork_graph *graph, ork_diag *diag, size_t *changes)
{
    for (ork_node *norm = graph->first; norm; norm = norm->next) {
        float *factor, *offset;
        const ork_shape *shape = &norm->output->type.shape;
        if (norm->op != ORK_OP_BATCH_NORM || shape->rank != 4 ||
            !affine_of(graph, diag, norm, shape->dim[1], &factor, &offset))
            continue;
        ork_value *lowered = depthwise(graph, diag, norm, shape->dim[1], factor, offset);
        if (!lowered)
            return false;
        lowered->producer->scope = norm->scope;
        ork_graph_supersede(graph, norm->output, lowered);
        ++*changes;
    }
    return true;
}
