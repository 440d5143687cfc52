/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of rules.def. Each looks at one node. */
#include "rules.h"

#include <math.h>
#include <string.h>

static const int64_t *kernel_of(const ork_node *node)
{
    switch (node->op) {
    case ORK_OP_CONV2D:
    case ORK_OP_CONV_TRANSPOSE2D:
        return node->inputs[1]->type.shape.dim + 2;
    case ORK_OP_MAX_POOL2D:
        return node->attrs.max_pool2d.kernel.v;
    case ORK_OP_AVG_POOL2D:
        return node->attrs.avg_pool2d.kernel.v;
    default:
        return NULL;
    }
}

static const int64_t *stride_of(const ork_node *node)
{
    switch (node->op) {
    case ORK_OP_CONV_TRANSPOSE2D:
        return node->attrs.conv_transpose2d.stride.v;
    case ORK_OP_MAX_POOL2D:
        return node->attrs.max_pool2d.stride.v;
    case ORK_OP_AVG_POOL2D:
        return node->attrs.avg_pool2d.stride.v;
    default:
        return node->attrs.conv2d.stride.v;
    }
}

bool is_rank_above_four(const subject *s)
{
    if (s->node->output->type.shape.rank > 4)
        return true;
    for (int i = 0; i < s->node->input_count; i++)
        if (s->node->inputs[i] && s->node->inputs[i]->type.shape.rank > 4)
            return true;
    return false;
}

/* Of convolutions; pooling of any size is done by another unit. */
bool is_kernel_too_large(const subject *s)
{
    const int64_t *kernel = kernel_of(s->node), *stride = stride_of(s->node);
    return ork_op_table[s->node->op].op_class == ORK_CLASS_CONV && kernel &&
           (kernel[0] > 11 * stride[0] - 1 || kernel[1] > 11 * stride[1] - 1);
}

bool is_uneven_kernel(const subject *s)
{
    const int64_t *kernel = kernel_of(s->node);
    return kernel && kernel[0] != kernel[1];
}

bool is_uneven_dilation(const subject *s)
{
    const int64_t *dilation = s->node->attrs.conv2d.dilation.v;
    return s->node->op == ORK_OP_CONV2D && dilation[0] > 1 && dilation[1] > 1 &&
           dilation[0] != dilation[1];
}

bool is_dilated_pool(const subject *s)
{
    const int64_t *dilation = s->node->attrs.max_pool2d.dilation.v;
    return s->node->op == ORK_OP_MAX_POOL2D && (dilation[0] > 1 || dilation[1] > 1);
}

bool is_pad_with_value(const subject *s)
{
    const ork_attrs *attrs = &s->node->attrs;
    return s->node->op == ORK_OP_PAD && attrs->pad.mode == 0 && attrs->pad.value != 0.0;
}

bool is_batch_changed(const subject *s)
{
    const ork_node *node = s->node;
    const ork_shape *in = node->input_count > 0 ? &node->inputs[0]->type.shape : NULL;
    if (!in || in->rank < 4 || is_rank_above_four(s)) /* one refusal of a layer is enough */
        return false;
    if (node->op == ORK_OP_TRANSPOSE)
        return node->attrs.transpose.perm.v[0] != 0;
    if (node->op == ORK_OP_PAD)
        return node->attrs.pad.before.v[0] != 0 || node->attrs.pad.after.v[0] != 0;
    if (node->op == ORK_OP_CONCAT)
        return node->attrs.concat.axis == 0 && node->input_count > 1;
    return (node->op == ORK_OP_EXPAND || node->op == ORK_OP_SLICE) &&
           node->output->type.shape.dim[0] != in->dim[0];
}

bool is_division_broadcasts(const subject *s)
{
    const ork_node *node = s->node;
    return node->op == ORK_OP_DIV &&
           !ork_shape_equal(&node->inputs[0]->type.shape, &node->inputs[1]->type.shape);
}

bool is_softmax_of_vector(const subject *s)
{
    return s->node->op == ORK_OP_SOFTMAX && s->node->inputs[0]->type.shape.rank < 2;
}

bool is_not_on_npu(const subject *s)
{
    return !ork_npu_has_op(s->node->op);
}

bool is_depthwise(const subject *s)
{
    const ork_node *node = s->node;
    int64_t groups = node->attrs.conv2d.groups;
    return node->op == ORK_OP_CONV2D && groups > 1 && groups == node->inputs[0]->type.shape.dim[1];
}

/* Free pooling: 2x2 needs an even input, 3x3 an odd one of less than 64 columns. */
bool is_unfused_max_pool(const subject *s)
{
    const ork_node *node = s->node;
    if (node->op != ORK_OP_MAX_POOL2D)
        return false;
    const int64_t *kernel = kernel_of(node), *stride = stride_of(node);
    const int64_t *pad = node->attrs.max_pool2d.pad.v, *size = node->inputs[0]->type.shape.dim + 2;
    const ork_node *before = node->inputs[0]->producer;
    while (before && before->op == ORK_OP_RELU)
        before = before->inputs[0]->producer;
    if (kernel[0] != kernel[1] || stride[0] != 2 || stride[1] != 2 || pad[0] || pad[1] || pad[2] ||
        pad[3] || !before || before->op != ORK_OP_CONV2D)
        return true;
    if (kernel[0] == 2)
        return size[0] % 2 != 0 || size[1] % 2 != 0;
    int64_t widest = node->output->type.dtype == ORK_I16 ? 32 : 64;
    return kernel[0] != 3 || size[0] % 2 == 0 || size[1] % 2 == 0 || size[1] == 1 ||
           size[1] >= widest;
}

/* A pass over a few numbers, as of gates of channels, costs nothing to speak of. */
bool is_slow_activation(const subject *s)
{
    enum { FEW = 4096 };
    const ork_node *node = s->node;
    return ork_shape_count(&node->output->type.shape) > FEW && node->op != ORK_OP_RELU &&
           node->op != ORK_OP_CLIP && node->op != ORK_OP_LEAKY_RELU && node->op != ORK_OP_CONVERT &&
           node->op != ORK_OP_CAST && ork_op_table[node->op].op_class == ORK_CLASS_UNARY &&
           ork_npu_has_op(node->op);
}

bool is_float_on_integer_chip(const subject *s)
{
    return s->is_quantized && s->soc->family == ORK_FAMILY_PUMA && s->node->op == ORK_OP_CONV2D &&
           s->node->output->type.dtype == ORK_F32;
}

/* The older family takes such weights. */
bool is_scaled_by_channel(const subject *s)
{
    const ork_node *node = s->node;
    return s->soc->family == ORK_FAMILY_PUMA && ork_op_table[node->op].op_class == ORK_CLASS_CONV &&
           node->inputs[1]->type.quant.scheme == ORK_SCHEME_PER_CHANNEL;
}

static bool has_signed_affine(const ork_value *value)
{
    return value->type.dtype == ORK_I8 && (value->type.quant.scheme == ORK_SCHEME_AFFINE ||
                                           value->type.quant.scheme == ORK_SCHEME_PER_CHANNEL);
}

bool is_signed_affine(const subject *s)
{
    for (int i = 0; i < s->node->input_count; i++)
        if (s->node->inputs[i] && has_signed_affine(s->node->inputs[i]))
            return true;
    return has_signed_affine(s->node->output);
}

/* ---- ranges ------------------------------------------------------------------------------ */

/* Whether the numbers of a node's output lie in 0..1 by construction, given its inputs'. */
static value_range range_of(const ork_node *node, const value_range *ranges)
{
    switch (node->op) {
    case ORK_OP_SIGMOID:
    case ORK_OP_SOFTMAX:
    case ORK_OP_HARD_SIGMOID:
        return RANGE_UNIT;
    case ORK_OP_RESHAPE:
    case ORK_OP_TRANSPOSE:
    case ORK_OP_SLICE:
    case ORK_OP_CONVERT:
    case ORK_OP_MAX_POOL2D:
    case ORK_OP_RESIZE:
        return ranges[node->inputs[0]->id];
    case ORK_OP_CONCAT:
        for (int i = 0; i < node->input_count; i++)
            if (ranges[node->inputs[i]->id] != RANGE_UNIT)
                return RANGE_OPEN;
        return RANGE_UNIT;
    default:
        return RANGE_OPEN;
    }
}

value_range *find_ranges(ork_arena *arena, const ork_graph *graph)
{
    value_range *ranges = ORK_NEW_ARRAY(arena, value_range, graph->values.count + 1);
    for (const ork_node *node = graph->first; node; node = node->next)
        ranges[node->output->id] = range_of(node, ranges);
    return ranges;
}

bool is_one_scale_for_two_ranges(const subject *s)
{
    bool unit = false, open = false;
    if (s->node->op != ORK_OP_CONCAT)
        return false;
    for (int i = 0; i < s->node->input_count; i++) {
        unit |= s->ranges[s->node->inputs[i]->id] == RANGE_UNIT;
        open |= s->ranges[s->node->inputs[i]->id] == RANGE_OPEN;
    }
    return unit && open;
}
