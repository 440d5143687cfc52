/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling and resizing. */
#include "onnx.h"

#include <math.h>
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

/* ---- resizing ---- */

static const char *const modes[] = {"nearest", "linear", "cubic"};
static const char *const coordinates[] = {"asymmetric", "half_pixel", "align_corners",
                                          "pytorch_half_pixel"};
static const char *const nearest_modes[] = {"floor", "round_prefer_floor", "round_prefer_ceil",
                                            "ceil"};

/* Factors and sizes of all axes from wherever the version keeps them. */
static bool resize_scales(ork_onnx *onnx, const ork_onnx_call *call, int version, double *scales,
                          int64_t *sizes)
{
    const ork_shape *x = &call->in[0]->type.shape;
    const ork_onnx_attribute *attribute = ork_onnx_attribute_of(call, "scales");
    int input = version == 11 ? 2 : 1;
    const ork_value *given = version == 7 ? NULL : call->in[input];
    const ork_value *wanted = version == 11 ? call->in[3] : NULL;
    bool by_size = wanted && ork_shape_count(&wanted->type.shape) > 0;
    if (by_size ? !ork_onnx_must_be_constant(onnx, call, 3)
                : version != 7 && !ork_onnx_must_be_constant(onnx, call, input))
        return false;
    int64_t count = by_size        ? ork_shape_count(&wanted->type.shape)
                    : version == 7 ? (int64_t)(attribute ? attribute->numbers.count : 0)
                                   : ork_shape_count(&given->type.shape);
    if (count != x->rank)
        return ork_build_bad_shape(onnx->build, "%lld factors for %d axes", (long long)count,
                                   x->rank) != NULL;
    for (int i = 0; i < x->rank; i++) {
        scales[i] = by_size        ? 0.0
                    : version == 7 ? (double)attribute->numbers.items[i]
                                   : ork_element_get(given->type.dtype, given->data, i);
        sizes[i] = by_size ? ork_element_get_int(wanted->type.dtype, wanted->data, i)
                           : (int64_t)floor((double)x->dim[i] * scales[i]);
    }
    return true;
}

static bool resize_attrs(ork_onnx *onnx, const ork_onnx_call *call, int version, ork_attrs *attrs)
{
    int mode, coordinate = 0, nearest = 0;
    if (!ork_onnx_choice(onnx, call, "mode", modes, ORK_COUNT(modes), 0, &mode))
        return false;
    if (version == 11 && (!ork_onnx_choice(onnx, call, "coordinate_transformation_mode",
                                           coordinates, ORK_COUNT(coordinates), 1, &coordinate) ||
                          !ork_onnx_choice(onnx, call, "nearest_mode", nearest_modes,
                                           ORK_COUNT(nearest_modes), 1, &nearest)))
        return false;
    if (mode == 2)
        return ork_build_unsupported(onnx->build, "mode \"cubic\"") != NULL;
    attrs->resize.mode = mode;
    attrs->resize.coordinates = coordinate == 3 ? 1 : coordinate;
    return true;
}

/* param: the version whose inputs the row has. */
ORK_ONNX_HANDLER(resize)
{
    double scales[ORK_MAX_RANK];
    int64_t sizes[ORK_MAX_RANK];
    ork_value *x = call->in[0];
    ork_attrs attrs = {0};
    if (!resize_scales(onnx, call, param, scales, sizes) ||
        !resize_attrs(onnx, call, param, &attrs))
        return false;
    const int64_t *dim = x->type.shape.dim;
    if (x->type.shape.rank != 4 || sizes[0] != dim[0] || sizes[1] != dim[1])
        return ork_build_unsupported(onnx->build, "of other axes than height and width") != NULL;
    attrs.resize.size.v[0] = sizes[2];
    attrs.resize.size.v[1] = sizes[3];
    attrs.resize.scale_h = scales[2] > 0 ? 1.0 / scales[2] : 0.0;
    attrs.resize.scale_w = scales[3] > 0 ? 1.0 / scales[3] : 0.0;
    return ork_onnx_result(call, ork_build_add1(onnx->build, ORK_OP_RESIZE, &attrs, x));
}
