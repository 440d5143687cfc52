/* SPDX-License-Identifier: Apache-2.0 */
/* Means and second moments of the windows that convolutions see; private to this folder. */
#ifndef ORK_QUANT_MOMENTS_H
#define ORK_QUANT_MOMENTS_H

#include "internal.h"

/* The window of a convolution; of a linear layer, a row of its input (out_h is 0). */
typedef struct ork_window {
    int64_t in_c, taps_h, taps_w;
    ork_attr_PAIR stride, dilation;
    ork_attr_QUAD pad;
    int64_t out_h, out_w, groups, group_in; /* group_in: input channels of a group */
} ork_window;

typedef struct ork_moments {
    const ork_value *input;
    ork_window window;
    double *sums;   /* groups x length */
    float *squares; /* groups x length x length; of each the upper half */
    uint64_t count; /* windows seen */
} ork_moments;

bool ork_moments_apply(const ork_node *node); /* whether the node has windows and known weights */
ork_window ork_window_of(const ork_node *node);
/* Weights of one output channel: numbers in a window. */
int64_t ork_window_length(const ork_window *window);
/* False without memory. */
bool ork_moments_new(ork_moments *moments, ork_arena *arena, const ork_node *node);
/* Convolutions of equal windows over one value share their moments. */
bool ork_moments_serve(const ork_moments *moments, const ork_node *node);
/* Adds some hundred windows of a sample, the same ones for any number of threads. */
void ork_moments_add(ork_moments *moments, const ork_observation *seen, ork_pool *pool);

#endif
