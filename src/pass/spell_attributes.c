/* SPDX-License-Identifier: Apache-2.0 */
/* One way to write what attributes can say in several ways, so that the same network is the same
   graph whichever file it came from. */
#include "rewrite.h"

/* The end of a slice: just behind the last element taken. */
static bool spell_slice(ork_node *node)
{
    bool changed = false;
    for (int i = 0; i < node->attrs.slice.end.count; i++) {
        int64_t begin = node->attrs.slice.begin.v[i], step = node->attrs.slice.step.v[i];
        int64_t count = node->output->type.shape.dim[i];
        int64_t end = count > 0 ? begin + (count - 1) * step + 1 : begin;
        changed |= end != node->attrs.slice.end.v[i];
        node->attrs.slice.end.v[i] = end;
    }
    return changed;
}

/* A factor that the sizes say anyway. */
static bool spell_factor(double *scale, int64_t in, int64_t out)
{
    if (*scale == 0.0 || *scale != (double)in / (double)out)
        return false;
    *scale = 0.0;
    return true;
}

static bool spell_resize(ork_node *node)
{
    const int64_t *in = node->inputs[0]->type.shape.dim, *out = node->output->type.shape.dim;
    bool changed = spell_factor(&node->attrs.resize.scale_h, in[2], out[2]);
    return spell_factor(&node->attrs.resize.scale_w, in[3], out[3]) || changed;
}

/* Windows that are all alike: a plain pool. */
static bool spell_pool(ork_node *node)
{
    const int64_t *in = node->inputs[0]->type.shape.dim, *out = node->output->type.shape.dim;
    ork_attrs attrs = {0};
    for (int i = 0; i < 2; i++) {
        if (out[2 + i] < 1 || in[2 + i] % out[2 + i] != 0)
            return false;
        attrs.avg_pool2d.kernel.v[i] = attrs.avg_pool2d.stride.v[i] = in[2 + i] / out[2 + i];
        attrs.avg_pool2d.dilation.v[i] = 1;
    }
    node->op = ORK_OP_AVG_POOL2D;
    node->attrs = attrs;
    return true;
}

bool ork_pass_spell_attributes(ork_graph *graph, ork_diag *diag, size_t *changes)
{
    (void)diag;
    for (ork_node *node = graph->first; node; node = node->next) {
        if (node->op == ORK_OP_SLICE)
            *changes += spell_slice(node);
        else if (node->op == ORK_OP_RESIZE)
            *changes += spell_resize(node);
        else if (node->op == ORK_OP_ADAPTIVE_AVG_POOL2D)
            *changes += spell_pool(node);
    }
    return true;
}
