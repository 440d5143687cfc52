/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling. */
#include "onnx.h"

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

static ork_value *pool_pictures(ork_onnx *onnx, ork_op op, ork_value *x, const ork_onnx_window *w)
{
    ork_attrs attrs = {0};
    memcpy(attrs.max_pool2d.kernel.v, w->steps.kernel + 1, 2 * sizeof(int64_t));
    ork_onnx_window_attrs(w, &attrs.max_pool2d.stride, &attrs.max_pool2d.dilation,
                          &attrs.max_pool2d.pad);
    attrs.max_pool2d.ceil_mode = w->steps.ceil_mode;
    if (op == ORK_OP_AVG_POOL2D) /* it begins with the same attributes */
        attrs.avg_pool2d.count_include_pad = w->steps.count_include_pad;
    int rank = x->type.shape.rank;
    x = ork_build_to_picture(onnx->build, x, w->spatial);
    x = x ? ork_build_add1(onnx->build, op, &attrs, x) : NULL;
    return ork_build_from_picture(onnx->build, x, w->spatial, rank);
}

static ork_value *pool(ork_onnx *onnx, const ork_onnx_call *call, ork_op op, ork_value *x,
                       ork_onnx_window *w)
{
    w->steps.ceil_mode = ork_onnx_int(call, "ceil_mode", 0) != 0;
    w->steps.count_include_pad = ork_onnx_int(call, "count_include_pad", 0) != 0;
    return w->spatial == 3 ? ork_build_pool3d(onnx->build, op, x, &w->steps)
                           : pool_pictures(onnx, op, x, w);
}

/* ---- where the greatest are ---- */

static bool windows_of(ork_onnx *onnx, const ork_onnx_call *call, const ork_onnx_window *w,
                       ork_windows *windows)
{
    const ork_value *x = call->in[0];
    if (x->type.shape.rank != 4 || ork_onnx_int(call, "ceil_mode", 0) || x->type.dtype != ORK_F32)
        return ork_build_unsupported(onnx->build, "with indices, but for pictures of floats") !=
               NULL;
    for (int i = 0; i < 2; i++) {
        windows->in[i] = x->type.shape.dim[2 + i];
        windows->kernel[i] = w->steps.kernel[1 + i];
        windows->stride[i] = w->steps.stride[1 + i];
        windows->dilation[i] = w->steps.dilation[1 + i];
        windows->pad[i] = w->steps.pad[1 + i];
        int64_t room = windows->in[i] + windows->pad[i] + w->steps.pad[4 + i] -
                       (windows->kernel[i] - 1) * windows->dilation[i] - 1;
        if (room < 0 || windows->stride[i] < 1 || windows->kernel[i] < 1 ||
            windows->kernel[i] > INT16_MAX)
            return ork_build_bad_shape(onnx->build, "a window larger than its input") != NULL;
        windows->out[i] = room / windows->stride[i] + 1;
    }
    return true;
}

/* Places that count column by column, from those that count row by row. */
static ork_value *columns_first(ork_onnx *onnx, ork_value *places, const ork_windows *w)
{
    double height = (double)w->in[0], width = (double)w->in[1];
    ork_value *row = ork_onnx_with_number(onnx, ORK_OP_FLOOR_DIV, places, width);
    ork_value *column = ork_onnx_with_number(onnx, ORK_OP_REMAINDER, places, width);
    column = ork_onnx_with_number(onnx, ORK_OP_MUL, column, height);
    return ork_build_add2(onnx->build, ORK_OP_ADD, row, column);
}

/* The second output of a pool: where in the flat input each greatest lies. */
static ork_value *places_of_greatest(ork_onnx *onnx, const ork_onnx_call *call,
                                     const ork_onnx_window *w)
{
    ork_windows windows;
    ork_value *x = call->in[0];
    const ork_shape shape = x->type.shape;
    if (!windows_of(onnx, call, w, &windows))
        return NULL;
    ork_value *places = ork_build_window_places(onnx->build, &windows);
    places = places ? ork_build_window_maxima(onnx->build, x, places) : NULL;
    if (ork_onnx_int(call, "storage_order", 0))
        places = columns_first(onnx, places, &windows);
    ork_shape planes = ork_shape_of(4, (int64_t[]){shape.dim[0], shape.dim[1], 1, 1});
    int64_t out[] = {shape.dim[0], shape.dim[1], windows.out[0], windows.out[1]};
    places = ork_build_reshape_to(onnx->build, places, 4, out);
    ork_value *first = ork_onnx_count_up(onnx, shape.dim[0] * shape.dim[1]);
    first = ork_onnx_with_number(onnx, ORK_OP_MUL, first, (double)(shape.dim[2] * shape.dim[3]));
    return ork_build_add2(onnx->build, ORK_OP_ADD, places,
                          ork_build_reshape(onnx->build, first, &planes));
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
