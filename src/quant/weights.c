/* SPDX-License-Identifier: Apache-2.0 */
/* Scales of weights, and of the biases that are added to their sums. */
#include "internal.h"

static void widen(ork_range *range, float x)
{
    range->min = x < range->min ? x : range->min;
    range->max = x > range->max ? x : range->max;
}

ork_range ork_constant_range(const ork_value *value)
{
    ork_range range = {0, 0, true};
    const int64_t count = ork_shape_count(&value->type.shape);
    for (int64_t i = 0; i < count; i++)
        widen(&range, (float)ork_element_get(value->type.dtype, value->data, i));
    return range;
}

/* The axis of a layer's weight along which its output channels lie, or -1 where groups share it. */
static int channel_axis(const ork_node *node)
{
    if (node->op != ORK_OP_CONV_TRANSPOSE2D)
        return 0;
    return node->attrs.conv_transpose2d.groups == 1 ? 1 : -1;
}

ork_range *ork_weight_ranges(ork_arena *arena, const ork_node *node)
{
    const ork_value *weight = node->inputs[1];
    const ork_shape *shape = &weight->type.shape;
    const int axis = channel_axis(node);
    if (axis < 0)
        return NULL;
    const int64_t inner = ork_shape_span(shape, axis + 1, shape->rank),
                  count = ork_shape_count(shape);
    ork_range *ranges = ORK_NEW_ARRAY(arena, ork_range, (size_t)shape->dim[axis]);
    for (int64_t i = 0; i < count; i++)
        widen(&ranges[i / inner % shape->dim[axis]],
              (float)ork_element_get(weight->type.dtype, weight->data, i));
    return ranges;
}

ork_quant ork_weight_quant(ork_arena *arena, const ork_node *node, ork_dtype dtype, bool by_channel)
{
    const ork_value *weight = node->inputs[1];
    const int axis = channel_axis(node);
    if (!by_channel || dtype != ORK_U8 || axis < 0)
        return ork_quant_of_range(dtype, ork_constant_range(weight));
    const int64_t channels = weight->type.shape.dim[axis];
    const ork_range *ranges = ork_weight_ranges(arena, node);
    float *scales = ORK_NEW_ARRAY(arena, float, (size_t)channels);
    int32_t *zeros = ORK_NEW_ARRAY(arena, int32_t, (size_t)channels);
    for (int64_t c = 0; c < channels; c++) {
        const ork_quant of = ork_quant_of_range(dtype, ranges[c]);
        scales[c] = of.scale;
        zeros[c] = of.zero_point;
    }
    return (ork_quant){
        .scheme = ORK_SCHEME_PER_CHANNEL, .axis = axis, .scales = scales, .zero_points = zeros};
}

float ork_bias_step(const ork_quant *in, const ork_quant *weight, int64_t channel)
{
    const ork_quant of = ork_quant_of_channel(weight, channel);
    return ork_quant_step(in) * ork_quant_step(&of);
}

ork_quant ork_bias_quant(ork_arena *arena, const ork_quant *in, const ork_quant *weight,
                         int64_t channels)
{
    if (weight->scheme == ORK_SCHEME_DFP)
        return ork_quant_dfp(in->fraction_length + weight->fraction_length);
    if (weight->scheme != ORK_SCHEME_PER_CHANNEL)
        return ork_quant_affine(ork_bias_step(in, weight, 0), 0);
    float *scales = ORK_NEW_ARRAY(arena, float, (size_t)channels);
    for (int64_t c = 0; c < channels; c++)
        scales[c] = ork_bias_step(in, weight, c);
    return (ork_quant){.scheme = ORK_SCHEME_PER_CHANNEL,
                       .scales = scales,
                       .zero_points = ORK_NEW_ARRAY(arena, int32_t, (size_t)channels)};
}
