/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling. */
#include "onnx.h"

#include <string.h>

static void max_pool_attrs(const ork_onnx_window *w, bool ceil_mode, ork_attrs *attrs)
{
    memcpy(attrs->max_pool2d.kernel.v, w->kernel, sizeof(w->kernel));
    memcpy(attrs->max_pool2d.stride.v, w->stride, sizeof(w->stride));
    memcpy(attrs->max_pool2d.dilation.v, w->dilation, sizeof(w->dilation));
    memcpy(attrs->max_pool2d.pad.v, w->pad, sizeof(w->pad));
    attrs->max_pool2d.ceil_mode = ceil_mode;
}

static void avg_pool_attrs(const ork_onnx_window *w, bool ceil_mode, bool count_pads,
                           ork_attrs *attrs)
{
    memcpy(attrs->avg_pool2d.kernel.v, w->kernel, sizeof(w->kernel));
    memcpy(attrs->avg_pool2d.stride.v, w->stride, sizeof(w->stride));
    memcpy(attrs->avg_pool2d.dilation.v, w->dilation, sizeof(w->dilation));
    memcpy(attrs->avg_pool2d.pad.v, w->pad, sizeof(w->pad));
    attrs->avg_pool2d.ceil_mode = ceil_mode;
    attrs->avg_pool2d.count_include_pad = count_pads;
}

/* param: the operator */
ORK_ONNX_HANDLER(pool)
{
    ork_ints kernel_ints;
    ork_value *x = call->in[0];
    int rank = x->type.shape.rank, spatial = rank - 2;
    if (spatial != 1 && spatial != 2)
        return ork_build_unsupported(onnx->build, "over %d axes", spatial) != NULL;
    if (call->output_count > 1 && *call->node->outputs.items[1])
        return ork_build_unsupported(onnx->build, "with indices") != NULL;
    if (!ork_onnx_ints(onnx, call, "kernel_shape", &kernel_ints))
        return false;
    if (kernel_ints.count != spatial)
        return ork_build_bad_shape(onnx->build, "a kernel_shape with %d numbers for %d axes",
                                   kernel_ints.count, spatial) != NULL;
    int64_t kernel[2] = {1, 1};
    memcpy(kernel + 2 - spatial, kernel_ints.v, (size_t)spatial * sizeof(*kernel));
    x = ork_build_to_picture(onnx->build, x, spatial);
    ork_onnx_window w;
    ork_attrs attrs = {0};
    if (!x || !ork_onnx_window_of(onnx, call, spatial, kernel, x->type.shape.dim + 2, &w))
        return false;
    bool ceil_mode = ork_onnx_int(call, "ceil_mode", 0) != 0;
    if (param == ORK_OP_MAX_POOL2D)
        max_pool_attrs(&w, ceil_mode, &attrs);
    else
        avg_pool_attrs(&w, ceil_mode, ork_onnx_int(call, "count_include_pad", 0) != 0, &attrs);
    ork_value *y = ork_build_add1(onnx->build, (ork_op)param, &attrs, x);
    return ork_onnx_result(call, ork_build_from_picture(onnx->build, y, spatial, rank));
}

/* param: the reduction. The mean over a picture is a pooling like torch's. */
ORK_ONNX_HANDLER(global_pool)
{
    ork_value *x = call->in[0];
    ork_ints axes = {0};
    if (param == ORK_OP_REDUCE_MEAN && x->type.shape.rank == 4) {
        ork_attrs attrs = {.adaptive_avg_pool2d.size.v = {1, 1}};
        return ork_onnx_result(call,
                               ork_build_add1(onnx->build, ORK_OP_ADAPTIVE_AVG_POOL2D, &attrs, x));
    }
    for (int i = 2; i < x->type.shape.rank; i++)
        axes.v[axes.count++] = i;
    return ork_onnx_result(call, ork_build_reduce(onnx->build, (ork_op)param, x, &axes, true));
}
