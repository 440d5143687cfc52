/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling. */
#include "onnx.h"

#include <math.h>
#include <string.h>

/* Windows of a pool, whose size is an attribute. */
static bool take_window(ork_onnx *onnx, const ork_onnx_call *call, ork_onnx_window *w)
{
    ork_ints kernel;
    const ork_shape *x = &call->in[0]->type.shape;
    int spatial = x->rank - 2;
    if (spatial < 1 || spatial > 3)
        return ork_build_unsupported(onnx->build, "over %d axes", spatial) != NULL;
    if (!ork_onnx_ints(onnx, call, "kernel_shape", &kernel))
        return false;
    if (kernel.count != spatial)
        return ork_build_bad_shape(onnx->build, "a kernel_shape with %d numbers for %d axes",
                                   kernel.count, spatial) != NULL;
    return ork_onnx_window_of(onnx, call, spatial, kernel.v, x->dim + 2, w);
}

static ork_value *pool_pictures(ork_onnx *onnx, ork_op op, ork_value *x, const ork_onnx_window *w,
                                bool ceil_mode, bool count_pads)
{
    ork_attrs attrs = {0};
    memcpy(attrs.max_pool2d.kernel.v, w->kernel + 1, 2 * sizeof(*w->kernel));
    ork_onnx_window_attrs(w, &attrs.max_pool2d.stride, &attrs.max_pool2d.dilation,
                          &attrs.max_pool2d.pad);
    attrs.max_pool2d.ceil_mode = ceil_mode;
    if (op == ORK_OP_AVG_POOL2D) /* it begins with the same attributes */
        attrs.avg_pool2d.count_include_pad = count_pads;
    int rank = x->type.shape.rank;
    x = ork_build_to_picture(onnx->build, x, w->spatial);
    x = x ? ork_build_add1(onnx->build, op, &attrs, x) : NULL;
    return ork_build_from_picture(onnx->build, x, w->spatial, rank);
}

static ork_value *pool(ork_onnx *onnx, const ork_onnx_call *call, ork_op op, ork_value *x,
                       const ork_onnx_window *w)
{
    bool ceil_mode = ork_onnx_int(call, "ceil_mode", 0) != 0;
    bool count_pads = ork_onnx_int(call, "count_include_pad", 0) != 0;
    if (w->spatial == 3)
        return ork_build_pool3d(onnx->build, op, x, w->kernel, &w->steps, ceil_mode, count_pads);
    return pool_pictures(onnx, op, x, w, ceil_mode, count_pads);
}

/* ---- where the greatest are ---- */

/* For each place that a window looks at, behind each other: [N, C, places, outputs...]. Padding is
   never the greatest. */
static ork_value *windows_of(ork_onnx *onnx, ork_value *x, const ork_onnx_window *w,
                             const int64_t outputs[2])
{
    ork_build *build = onnx->build;
    ork_attrs pad = {.pad.before = {4, {0, 0, w->steps.before[1], w->steps.before[2]}},
                     .pad.after = {4, {0, 0, w->steps.after[1], w->steps.after[2]}},
                     .pad.value = -INFINITY};
    int64_t places = w->kernel[1] * w->kernel[2];
    int64_t apart[] = {x->type.shape.dim[0], x->type.shape.dim[1], 1, outputs[0], outputs[1]};
    ork_value **parts = ORK_NEW_ARRAY(onnx->arena, ork_value *, (size_t)places);
    x = ork_build_add1(build, ORK_OP_PAD, &pad, x);
    for (int64_t i = 0; i < places; i++) {
        int64_t begin[] = {i / w->kernel[2] * w->steps.dilation[1],
                           i % w->kernel[2] * w->steps.dilation[2]};
        parts[i] = x;
        for (int k = 0; k < 2; k++) {
            int64_t stride = w->steps.stride[1 + k];
            parts[i] = ork_build_slice(build, parts[i], 2 + k, begin[k],
                                       begin[k] + (outputs[k] - 1) * stride + 1, stride);
        }
        parts[i] = ork_build_reshape_to(build, parts[i], 5, apart);
    }
    return ork_build_concat(build, parts, (int)places, 2);
}

/* In the flat input: that of place `i` of the window of each output, in constants for the window
   [places] and for outputs and channels [N, C, outputs...]. */
static bool flat_places(ork_onnx *onnx, const ork_onnx_window *w, const ork_shape *x,
                        const ork_shape *y, bool columns_first, ork_value *constants[2])
{
    int64_t row = columns_first ? 1 : x->dim[3], column = columns_first ? x->dim[2] : 1;
    int64_t places = w->kernel[1] * w->kernel[2], count = ork_shape_count(y);
    ork_shape length = ork_shape_of(1, &places);
    void *data[2];
    constants[0] = ork_build_constant(onnx->build, ORK_I64, &length, &data[0]);
    constants[1] = ork_build_constant(onnx->build, ORK_I64, y, &data[1]);
    if (!constants[0] || !constants[1])
        return false;
    for (int64_t i = 0; i < places; i++)
        ((int64_t *)data[0])[i] = i / w->kernel[2] * w->steps.dilation[1] * row +
                                  i % w->kernel[2] * w->steps.dilation[2] * column;
    for (int64_t i = 0; i < count; i++) {
        int64_t height = i / y->dim[3] % y->dim[2], width = i % y->dim[3];
        ((int64_t *)data[1])[i] = i / (y->dim[2] * y->dim[3]) * x->dim[2] * x->dim[3] +
                                  (height * w->steps.stride[1] - w->steps.before[1]) * row +
                                  (width * w->steps.stride[2] - w->steps.before[2]) * column;
    }
    return true;
}

/* The second output of a pool: where in the flat input each greatest lies. */
static ork_value *places_of_greatest(ork_onnx *onnx, const ork_onnx_call *call,
                                     const ork_onnx_window *w)
{
    ork_value *x = call->in[0], *constants[2];
    ork_shape shape = x->type.shape, y = shape;
    if (shape.rank != 4 || ork_onnx_int(call, "ceil_mode", 0) || x->type.dtype != ORK_F32)
        return ork_build_unsupported(onnx->build, "with indices, but for pictures of floats");
    for (int i = 0; i < 2; i++) {
        int64_t room = shape.dim[2 + i] + w->steps.before[1 + i] + w->steps.after[1 + i] -
                       (w->kernel[1 + i] - 1) * w->steps.dilation[1 + i] - 1;
        if (room < 0 || w->steps.stride[1 + i] < 1 || w->kernel[1 + i] < 1 ||
            w->kernel[1 + i] > INT16_MAX)
            return ork_build_bad_shape(onnx->build, "a window larger than its input");
        y.dim[2 + i] = room / w->steps.stride[1 + i] + 1;
    }
    ork_attrs first = {.arg_max.axis = 2}, gather = {0};
    ork_value *windows = windows_of(onnx, x, w, y.dim + 2);
    ork_value *best = windows ? ork_build_add1(onnx->build, ORK_OP_ARG_MAX, &first, windows) : NULL;
    if (!best ||
        !flat_places(onnx, w, &shape, &y, ork_onnx_int(call, "storage_order", 0) != 0, constants))
        return NULL;
    ork_value *inputs[] = {constants[0], best};
    return ork_build_add2(onnx->build, ORK_OP_ADD,
                          ork_build_add(onnx->build, ORK_OP_GATHER, &gather, inputs, 2),
                          constants[1]);
}

/* Zeros behind each axis up to a size. */
static ork_value *filled_up(ork_onnx *onnx, ork_value *x, const ork_ints *size)
{
    ork_attrs attrs = {.pad.before.count = size->count, .pad.after.count = size->count};
    for (int i = 0; x && i < size->count; i++)
        attrs.pad.after.v[i] = size->v[i] - x->type.shape.dim[i];
    return x ? ork_build_add1(onnx->build, ORK_OP_PAD, &attrs, x) : NULL;
}

/* Puts what a pool took back to where it was, among zeros. */
ORK_ONNX_HANDLER(max_unpool)
{
    ork_ints kernel, strides, pads, wanted;
    ork_value *x = call->in[0];
    ork_shape shape = x->type.shape;
    int spatial = shape.rank - 2;
    if (!ork_onnx_ints(onnx, call, "kernel_shape", &kernel) ||
        !ork_onnx_ints(onnx, call, "strides", &strides) ||
        !ork_onnx_ints(onnx, call, "pads", &pads) || !ork_onnx_input_ints(onnx, call, 2, &wanted))
        return false;
    bool fits = spatial > 0 && kernel.count == spatial &&
                (strides.count == 0 || strides.count == spatial) &&
                (pads.count == 0 || pads.count == 2 * spatial) &&
                (wanted.count == 0 || wanted.count == shape.rank);
    if (!fits)
        return ork_build_bad_shape(onnx->build, "windows that do not fit its %d axes",
                                   shape.rank) != NULL;
    for (int i = 0; i < spatial; i++)
        shape.dim[2 + i] = (shape.dim[2 + i] - 1) * (strides.count ? strides.v[i] : 1) +
                           kernel.v[i] - (pads.count ? pads.v[i] + pads.v[spatial + i] : 0);
    ork_value *inputs[] = {ork_build_filled(onnx->build, x->type.dtype, &shape, 0.0),
                           ork_build_cast(onnx->build, call->in[1], ORK_I64), x};
    ork_value *y = ork_build_add(onnx->build, ORK_OP_SCATTER, NULL, inputs, 3);
    return ork_onnx_result(call, wanted.count ? filled_up(onnx, y, &wanted) : y);
}

/* ---- pools ---- */

/* param: the operator. Whole numbers are pooled as floats, which hold 8 bits. */
ORK_ONNX_HANDLER(pool)
{
    ork_onnx_window w;
    ork_dtype dtype = call->in[0]->type.dtype;
    bool wants_places = call->output_count > 1 && *call->node->outputs.items[1];
    if (!take_window(onnx, call, &w))
        return false;
    ork_value *x = ork_build_cast(onnx->build, call->in[0], ORK_F32);
    if (wants_places && !(call->out[1] = places_of_greatest(onnx, call, &w)))
        return false;
    ork_value *y = x ? pool(onnx, call, (ork_op)param, x, &w) : NULL;
    return ork_onnx_result(call, ork_build_cast(onnx->build, y, dtype));
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
