/* SPDX-License-Identifier: Apache-2.0 */
/* What the channels of a layer are like: how far apart their ranges are, how many codes are left
   for the weights of each, and how the weights are distributed. */
#include "accuracy.h"

#include <math.h>

/* ---- ranges ---- */

static double ratio_of(double most, double least)
{
    return least > 0 ? most / least : 1;
}

/* Channels of nothing, or next to it, have no range to compare. */
static void widen_ratio(float x, double *most, double *least)
{
    *most = fmax(*most, (double)x);
    if (x > 1e-12f)
        *least = *least > 0 ? fmin(*least, (double)x) : (double)x;
}

static bool has_factors(const ork_value *value)
{
    return value->origin && value->origin->factors;
}

static float channel_weight(const ork_value *weight, int64_t c, int32_t zero)
{
    const int64_t length = ork_shape_span(&weight->type.shape, 1, weight->type.shape.rank);
    float most = 0;
    for (int64_t i = 0; i < length; i++)
        most = fmaxf(
            most, fabsf((float)ork_element_get(weight->type.dtype, weight->data, c * length + i) -
                        (float)zero));
    return most;
}

static const ork_value *weight_of(const ork_node *node)
{
    const bool has_one = node && (node->op == ORK_OP_CONV2D || node->op == ORK_OP_LINEAR) &&
                         node->inputs[1]->kind == ORK_VALUE_CONSTANT;
    return has_one ? node->inputs[1] : NULL;
}

/* The convolution that gives the value, or what its function is given; or NULL. */
static const ork_node *conv_of(const ork_value *part)
{
    const ork_node *node = part->producer;
    for (int i = 0; i < 2 && node; i++, node = node->inputs[0] ? node->inputs[0]->producer : NULL)
        if (ork_op_table[node->op].op_class == ORK_CLASS_CONV)
            return node;
    return NULL;
}

/* The greatest weight of channel i of the part, which is c of the float network. Where equalization
   has changed the weights, it is that of the integers: at least half a step. */
static float weight_range(const ork_value *weight, int64_t c, const ork_value *part, int64_t i)
{
    const ork_node *conv = conv_of(part);
    const ork_value *input = conv ? conv->inputs[0] : NULL;
    const ork_quant *quant = conv ? &conv->inputs[1]->type.quant : NULL;
    const bool changed = conv && (has_factors(conv->output) || has_factors(input));
    if (!changed || quant->scheme != ORK_SCHEME_AFFINE)
        return channel_weight(weight, c, 0);
    return fmaxf(channel_weight(conv->inputs[1], i, quant->zero_point), 0.5f);
}

static bool is_scaled_by_channel(const ork_value *part)
{
    const ork_node *conv = conv_of(part);
    return conv && conv->inputs[1]->type.quant.scheme == ORK_SCHEME_PER_CHANNEL;
}

/* Over the channels that share a scale, the worst of all parts. A value joined of parts is taken
   part by part. */
static void channel_ratios(const studied *l, const ork_value *part, double *weights,
                           double *outputs)
{
    const ork_node *node = part->producer;
    double most[2] = {0}, least[2] = {0};
    const ork_value *weight = weight_of(l->node);
    const bool joined =
        l->node && node && node->op == ORK_OP_CONCAT && l->node->op != ORK_OP_CONCAT;
    for (int i = 0; joined && i < node->input_count; i++)
        channel_ratios(l, node->inputs[i], weights, outputs);
    if (joined)
        return;
    const int64_t count =
        weight && part->type.shape.rank != 4 ? weight->type.shape.dim[0] : part_channels(part);
    for (int64_t i = 0; i < count; i++) {
        const int64_t c = part->origin ? part->origin->channels[i] : i;
        const float factor = part_factor(part, i);
        if (weight && c < weight->type.shape.dim[0] && !is_scaled_by_channel(part))
            widen_ratio(weight_range(weight, c, part, i), &most[0], &least[0]);
        if (c < l->accumulated.channels)
            widen_ratio(factor * l->accumulated.of[c].most, &most[1], &least[1]);
    }
    if (weight)
        *weights = fmax(*weights, ratio_of(most[0], least[0]));
    *outputs = fmax(*outputs, ratio_of(most[1], least[1]));
}

/* ---- weights ---- */

static void count_weights(const ork_value *weight, ork_layer_accuracy *a)
{
    const ork_range range = ork_constant_range(weight);
    const double width = (double)range.max - (double)range.min;
    a->weight_low = range.min;
    a->weight_high = range.max;
    for (int64_t i = 0; width > 0 && i < ork_shape_count(&weight->type.shape); i++) {
        const double x = ork_element_get(weight->type.dtype, weight->data, i);
        const int at = (int)((x - (double)range.min) / width * ORK_ACCURACY_BINS);
        a->weight_bins[at < ORK_ACCURACY_BINS ? at : ORK_ACCURACY_BINS - 1]++;
    }
}

/* The integers between the least and the greatest of a row, 0 among them. */
static int32_t codes_of(const ork_value *weight, int64_t row)
{
    const int64_t length = ork_shape_span(&weight->type.shape, 1, weight->type.shape.rank);
    const ork_quant quant = ork_quant_of_channel(&weight->type.quant, row);
    const int64_t zero = quant.scheme == ORK_SCHEME_AFFINE ? quant.zero_point : 0;
    int64_t least = zero, most = zero;
    for (int64_t i = row * length; i < (row + 1) * length; i++) {
        const int64_t q = ork_element_get_int(weight->type.dtype, weight->data, i);
        least = q < least ? q : least;
        most = q > most ? q : most;
    }
    return (int32_t)(most - least + 1);
}

static void count_codes(const studied *l, const ork_value *part, ork_layer_accuracy *a)
{
    const ork_node *node = part->producer, *conv = conv_of(part);
    const bool joined = node && node->op == ORK_OP_CONCAT && l->node->op != ORK_OP_CONCAT;
    for (int i = 0; joined && i < node->input_count; i++)
        count_codes(l, node->inputs[i], a);
    if (joined || !conv || !weight_of(conv) || conv->inputs[1]->type.dtype == ORK_F32)
        return;
    for (int64_t i = 0; i < conv->inputs[1]->type.shape.dim[0]; i++) {
        const bool known = part->origin && i < part->origin->count;
        const int64_t c = known ? part->origin->channels[i] : i;
        if (c < a->weight_channels)
            a->weight_codes[c] = codes_of(conv->inputs[1], i);
    }
}

void channels_describe(ork_arena *arena, const studied *l, ork_layer_accuracy *a)
{
    const ork_value *weight = weight_of(l->node);
    for (size_t k = 0; k < l->parts.count; k++)
        channel_ratios(l, l->parts.items[k], &a->weight_ratio, &a->output_ratio);
    if (!weight)
        return;
    a->weight_channels = weight->type.shape.dim[0];
    a->weight_codes = ORK_NEW_ARRAY(arena, int32_t, (size_t)a->weight_channels);
    count_weights(weight, a);
    for (size_t k = 0; k < l->parts.count; k++)
        count_codes(l, l->parts.items[k], a);
}
