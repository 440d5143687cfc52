/* SPDX-License-Identifier: Apache-2.0 */
/* Networks of the YOLO family begin with a picture taken apart into its odd and even pixels, which
   are stacked as channels before the first convolution ("focus", space to depth). A convolution of
   that is the convolution of the picture itself, its kernel, strides and padding as many times as
   large: the same products, without moving anything. */
#include "internal.h"

#include <string.h>

/* Whether the value is each step-th pixel of another, all channels of it. */
static bool is_sparse_slice(const ork_value *value, const ork_value *source)
{
    const ork_node *node = value->producer;
    const int64_t *x, *y = value->type.shape.dim;
    if (!node || node->op != ORK_OP_SLICE || node->inputs[0] != source ||
        !ork_value_single_user(value) || !same_quant(value, source))
        return false;
    x = source->type.shape.dim;
    const int64_t *begin = node->attrs.slice.begin.v, *steps = node->attrs.slice.step.v;
    for (int i = 0; i < 2; i++)
        if (begin[i] != 0 || steps[i] != 1 || x[i] != y[i])
            return false;
    for (int i = 2; i < 4; i++)
        if (steps[i] < 1 || begin[i] < 0 || begin[i] >= steps[i] || y[i] * steps[i] != x[i])
            return false;
    return true;
}

/* Which of the step_h * step_w pixels an input of the concat takes. */
static int64_t pixel_of(const ork_value *slice)
{
    const int64_t *begin = slice->producer->attrs.slice.begin.v;
    return begin[2] * slice->producer->attrs.slice.step.v[3] + begin[3];
}

/* Of bytes: kernels of other types copy windows together, for which a few short pieces are worse
   than moving the picture once. */
static bool is_plain_convolution(const ork_node *node)
{
    return node->op == ORK_OP_CONV2D && element_size(node->inputs[0]) == 1 &&
           node->attrs.conv2d.groups == 1 && node->attrs.conv2d.dilation.v[0] == 1 &&
           node->attrs.conv2d.dilation.v[1] == 1 && node->inputs[1]->kind == ORK_VALUE_CONSTANT;
}

/* Several read it where one was split. */
static bool only_convolutions_read(const ork_value *value)
{
    bool only = !ork_value_is_output(value);
    for (size_t i = 0; only && i < value->uses.count; i++)
        only = is_plain_convolution(value->uses.items[i].node);
    return only;
}

/* All inputs of the concat are slices of one picture, and each pixel is in one of them. */
static bool is_focus(const ork_node *concat)
{
    const ork_node *first = concat->inputs[0]->producer;
    uint64_t seen = 0;
    if (concat->op != ORK_OP_CONCAT || concat->attrs.concat.axis != 1 || !first ||
        first->op != ORK_OP_SLICE || concat->output->type.shape.rank != 4 ||
        !only_convolutions_read(concat->output) || !same_quant(concat->output, first->inputs[0]))
        return false;
    const int64_t *steps = first->attrs.slice.step.v;
    if (steps[2] < 1 || steps[3] < 1 || steps[2] > 8 || steps[3] > 8 ||
        concat->input_count != steps[2] * steps[3])
        return false;
    for (int i = 0; i < concat->input_count; i++) {
        const ork_value *slice = concat->inputs[i];
        if (!is_sparse_slice(slice, first->inputs[0]) ||
            memcmp(slice->producer->attrs.slice.step.v, steps, 4 * sizeof(*steps)) != 0)
            return false;
        seen |= (uint64_t)1 << pixel_of(slice);
    }
    return seen == UINT64_MAX >> (64 - concat->input_count);
}

void find_focuses(planner *p)
{
    if (p->plan->options.observable)
        return;
    for (const ork_node *node = p->plan->graph->first; node; node = node->next) {
        const ork_node *concat = node->inputs[0] ? node->inputs[0]->producer : NULL;
        if (!concat || !is_plain_convolution(node) || !is_focus(concat))
            continue;
        p->focuses[node->output->id] = concat;
        p->fused[concat->output->id] = true;
        for (int i = 0; i < concat->input_count; i++)
            p->fused[concat->inputs[i]->id] = true;
    }
}

const ork_value *focus_source(const ork_node *focus)
{
    return focus->inputs[0]->producer->inputs[0];
}

void focus_shape(const ork_node *focus, ork_conv_shape *s)
{
    const int64_t *steps = focus->inputs[0]->producer->attrs.slice.step.v;
    s->in_c /= steps[2] * steps[3];
    s->in_h *= steps[2];
    s->kernel_h *= steps[2];
    s->stride_h *= steps[2];
    s->pad_top *= steps[2];
    s->in_w *= steps[3];
    s->kernel_w *= steps[3];
    s->stride_w *= steps[3];
    s->pad_left *= steps[3];
}

const void *focus_weights(planner *p, const ork_node *focus, const ork_value *weights,
                          const void *data)
{
    const int64_t *w = weights->type.shape.dim,
                  *steps = focus->inputs[0]->producer->attrs.slice.step.v;
    const int64_t channels = focus->inputs[0]->type.shape.dim[1];
    const size_t size = element_size(weights);
    char *made =
        ork_arena_alloc_data(p->plan->arena, (size_t)ork_shape_count(&weights->type.shape) * size);
    if (!made)
        return NULL;
    const char *from = data;
    for (int64_t i = 0; i < ork_shape_count(&weights->type.shape); i++, from += size) {
        const int64_t x = i % w[3], y = i / w[3] % w[2], channel = i / w[3] / w[2] % w[1];
        const int64_t out = i / w[3] / w[2] / w[1];
        const int64_t pixel = pixel_of(focus->inputs[channel / channels]);
        const int64_t line = (out * channels + channel % channels) * w[2] * steps[2] +
                             y * steps[2] + pixel / steps[3];
        const int64_t to = line * w[3] * steps[3] + x * steps[3] + pixel % steps[3];
        memcpy(made + (size_t)to * size, from, size);
    }
    return made;
}
