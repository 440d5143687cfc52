/* SPDX-License-Identifier: Apache-2.0 */
/* What the passes share; private to this folder. */
#ifndef ORK_PASS_REWRITE_H
#define ORK_PASS_REWRITE_H

#include "pass.h"

#define ORK_PASS(name, level, doc)                                                                 \
    bool ork_pass_##name(ork_graph *graph, ork_diag *diag, size_t *changes);
#include "passes.def"
#undef ORK_PASS

/* The constant as `count` floats in graph memory, or NULL when it is not constant, not float, or
   of another size. */
float *ork_rewrite_floats(ork_graph *graph, ork_diag *diag, const ork_value *value, int64_t count);

/* Gives a convolution or linear layer new weights, weight[o] * factor[o], and the bias
   bias[o] * factor[o] + offset[o] (an absent bias is 0). NULL factor is 1. False, with no error,
   when its weights are not constant floats. */
bool ork_rewrite_scale_outputs(ork_graph *graph, ork_diag *diag, ork_node *node,
                               const float *factor, const float *offset);

/* Output channels of a convolution or linear layer, and the axis of its output they lie on. */
int64_t ork_rewrite_channels(const ork_node *node, int *axis);

#endif
