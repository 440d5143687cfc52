/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions and matrix products. */
#include "onnx.h"

#include <string.h>

/* ---- windows that move over a picture: also of pooling ---- */

enum { NOTSET, SAME_UPPER, SAME_LOWER, VALID };
static const char *const auto_pads[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};

/* One number per spatial axis, written as h and w; the standard for axes that are not there. */
static bool take_pair(ork_onnx *onnx, const ork_onnx_call *call, const char *name, int spatial,
                      int64_t standard, int64_t out[2])
{
    ork_ints ints;
    out[0] = out[1] = standard;
    if (!ork_onnx_ints(onnx, call, name, &ints))
        return false;
    if (ints.count != 0 && ints.count != spatial)
        return ork_build_bad_shape(onnx->build, "%s with %d numbers for %d axes", name, ints.count,
                                   spatial) != NULL;
    for (int i = 0; i < ints.count; i++)
        out[2 - spatial + i] = ints.v[i];
    return true;
}

/* The padding with which the output has ceil(size / stride) elements. */
static void same_padding(const ork_onnx_window *w, const int64_t size[2], bool upper,
                         int64_t pad[4])
{
    for (int i = 2 - w->spatial; i < 2; i++) {
        int64_t stride = w->stride[i] > 0 ? w->stride[i] : 1;
        int64_t outputs = (size[i] + stride - 1) / stride;
        int64_t total = (outputs - 1) * stride + (w->kernel[i] - 1) * w->dilation[i] + 1 - size[i];
        total = total > 0 ? total : 0;
        pad[i] = upper ? total / 2 : total - total / 2;
        pad[i + 2] = total - pad[i];
    }
}

bool ork_onnx_window_of(ork_onnx *onnx, const ork_onnx_call *call, int spatial,
                        const int64_t *kernel, const int64_t size[2], ork_onnx_window *w)
{
    ork_ints pads;
    *w = (ork_onnx_window){.spatial = spatial};
    memcpy(w->kernel, kernel, sizeof(w->kernel));
    if (!take_pair(onnx, call, "strides", spatial, 1, w->stride) ||
        !take_pair(onnx, call, "dilations", spatial, 1, w->dilation) ||
        !ork_onnx_ints(onnx, call, "pads", &pads) ||
        !ork_onnx_choice(onnx, call, "auto_pad", auto_pads, ORK_COUNT(auto_pads), NOTSET,
                         &w->auto_pad))
        return false;
    if (pads.count != 0 && pads.count != 2 * spatial)
        return ork_build_bad_shape(onnx->build, "pads with %d numbers for %d axes", pads.count,
                                   spatial) != NULL;
    if (w->auto_pad == SAME_UPPER || w->auto_pad == SAME_LOWER)
        same_padding(w, size, w->auto_pad == SAME_UPPER, w->pad);
    for (int i = 0; w->auto_pad == NOTSET && i < pads.count / 2; i++) {
        w->pad[2 - spatial + i] = pads.v[i];
        w->pad[4 - spatial + i] = pads.v[i + spatial];
    }
    return true;
}

/* ---- convolutions ---- */

/* output_shape asks for a size and leaves the padding to be found. */
static bool transposed_pads(ork_onnx *onnx, const ork_onnx_call *call, const int64_t size[2],
                            ork_onnx_window *w, int64_t output_pad[2])
{
    int64_t shape[2];
    bool same = w->auto_pad == SAME_UPPER || w->auto_pad == SAME_LOWER;
    if (!take_pair(onnx, call, "output_padding", w->spatial, 0, output_pad) ||
        !take_pair(onnx, call, "output_shape", w->spatial, 0, shape))
        return false;
    for (int i = 2 - w->spatial; i < 2; i++) {
        if (same)
            shape[i] = size[i] * w->stride[i];
        if (shape[i] == 0)
            continue;
        int64_t total = w->stride[i] * (size[i] - 1) + output_pad[i] +
                        (w->kernel[i] - 1) * w->dilation[i] + 1 - shape[i];
        if (total < 0) { /* the rest is filled behind */
            output_pad[i] -= total;
            total = 0;
        }
        w->pad[i] = w->auto_pad == SAME_UPPER ? total / 2 : total - total / 2;
        w->pad[i + 2] = total - w->pad[i];
    }
    return true;
}

static void conv_attrs(const ork_onnx_window *w, int64_t groups, ork_attrs *attrs)
{
    attrs->conv2d.groups = groups;
    memcpy(attrs->conv2d.stride.v, w->stride, sizeof(w->stride));
    memcpy(attrs->conv2d.dilation.v, w->dilation, sizeof(w->dilation));
    memcpy(attrs->conv2d.pad.v, w->pad, sizeof(w->pad));
}

static void transposed_attrs(const ork_onnx_window *w, int64_t groups, const int64_t output_pad[2],
                             ork_attrs *attrs)
{
    attrs->conv_transpose2d.groups = groups;
    memcpy(attrs->conv_transpose2d.stride.v, w->stride, sizeof(w->stride));
    memcpy(attrs->conv_transpose2d.dilation.v, w->dilation, sizeof(w->dilation));
    memcpy(attrs->conv_transpose2d.pad.v, w->pad, sizeof(w->pad));
    memcpy(attrs->conv_transpose2d.output_pad.v, output_pad, 2 * sizeof(*output_pad));
}

/* param: transposed */
ORK_ONNX_HANDLER(conv)
{
    ork_value *x = call->in[0], *weight = call->in[1];
    int rank = x->type.shape.rank, spatial = rank - 2;
    if (spatial != 1 && spatial != 2)
        return ork_build_unsupported(onnx->build, "over %d axes", spatial) != NULL;
    x = ork_build_to_picture(onnx->build, x, spatial);
    weight = ork_build_to_picture(onnx->build, weight, spatial);
    if (!x || !weight)
        return false;
    ork_onnx_window w;
    ork_attrs attrs = {0};
    int64_t groups = ork_onnx_int(call, "group", 1), output_pad[2];
    const int64_t *size = x->type.shape.dim + 2;
    if (!ork_onnx_window_of(onnx, call, spatial, weight->type.shape.dim + 2, size, &w))
        return false;
    if (!param)
        conv_attrs(&w, groups, &attrs);
    else if (transposed_pads(onnx, call, size, &w, output_pad))
        transposed_attrs(&w, groups, output_pad, &attrs);
    else
        return false;
    ork_value *inputs[] = {x, weight, call->in[2]};
    ork_value *y = ork_build_add(onnx->build, param ? ORK_OP_CONV_TRANSPOSE2D : ORK_OP_CONV2D,
                                 &attrs, inputs, call->in[2] ? 3 : 2);
    return ork_onnx_result(call, ork_build_from_picture(onnx->build, y, spatial, rank));
}

/* ---- matrix products ---- */

static ork_value *transposed(ork_onnx *onnx, ork_value *x)
{
    static const int swap[] = {1, 0};
    return ork_build_transpose(onnx->build, x, swap);
}

static ork_value *scaled(ork_onnx *onnx, ork_value *x, double factor)
{
    if (!x || factor == 1.0)
        return x;
    return ork_build_add2(onnx->build, ORK_OP_MUL, x,
                          ork_build_scalar(onnx->build, x->type.dtype, factor));
}

/* alpha * A * B + beta * C, A and B optionally transposed. With constant B of one row per output
   and no odd factors this is a fully connected layer. */
ORK_ONNX_HANDLER(gemm)
{
    ork_value *a = call->in[0], *b = call->in[1], *c = call->in[2];
    if (a->type.shape.rank != 2 || b->type.shape.rank != 2)
        return ork_build_bad_shape(onnx->build, "inputs that are no matrices") != NULL;
    if (ork_onnx_int(call, "transA", 0))
        a = transposed(onnx, a);
    if (!ork_onnx_int(call, "transB", 0))
        b = transposed(onnx, b);
    b = scaled(onnx, b, ork_onnx_float(call, "alpha", 1.0));
    c = scaled(onnx, c, ork_onnx_float(call, "beta", 1.0));
    if (!a || !b || (call->in[2] && !c))
        return false;
    bool is_bias = c && c->type.shape.rank == 1 && c->type.shape.dim[0] == b->type.shape.dim[0];
    ork_value *inputs[] = {a, b, c};
    ork_value *y = ork_build_add(onnx->build, ORK_OP_LINEAR, NULL, inputs, is_bias ? 3 : 2);
    if (c && !is_bias)
        y = ork_build_add2(onnx->build, ORK_OP_ADD, y, c);
    return ork_onnx_result(call, y);
}

/* A product with a constant matrix is a fully connected layer. */
ORK_ONNX_HANDLER(matmul)
{
    ork_value *a = call->in[0], *b = call->in[1];
    bool is_linear = ork_build_is_weight(b) && b->type.shape.rank == 2 &&
                     a->kind != ORK_VALUE_CONSTANT && a->type.shape.rank >= 1;
    if (!is_linear)
        return ork_onnx_result(call, ork_build_add2(onnx->build, ORK_OP_MATMUL, a, b));
    return ork_onnx_result(call,
                           ork_build_add2(onnx->build, ORK_OP_LINEAR, a, transposed(onnx, b)));
}
