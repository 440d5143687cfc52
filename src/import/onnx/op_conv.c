/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions and matrix products. */
#include "onnx.h"

#include <string.h>

/* ---- windows that move over a picture: also of pooling ---- */

enum { NOTSET, SAME_UPPER, SAME_LOWER, VALID };
static const char *const auto_pads[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};

/* One number per spatial axis; the standard for axes that are not there. */
static bool take_numbers(ork_onnx *onnx, const ork_onnx_call *call, const char *name, int spatial,
                         int64_t standard, int64_t out[3])
{
    ork_ints ints;
    out[0] = out[1] = out[2] = standard;
    if (!ork_onnx_ints(onnx, call, name, &ints))
        return false;
    if (ints.count != 0 && ints.count != spatial)
        return ork_build_bad_shape(onnx->build, "%s with %d numbers for %d axes", name, ints.count,
                                   spatial) != NULL;
    for (int i = 0; i < ints.count; i++)
        out[3 - spatial + i] = ints.v[i];
    return true;
}

/* The padding with which the output has ceil(size / stride) elements. */
static void same_padding(ork_onnx_window *w, const int64_t *size)
{
    bool upper = w->auto_pad == SAME_UPPER;
    for (int i = 3 - w->spatial; i < 3; i++, size++) {
        int64_t stride = w->steps.stride[i] > 0 ? w->steps.stride[i] : 1;
        int64_t outputs = (*size + stride - 1) / stride;
        int64_t total =
            (outputs - 1) * stride + (w->steps.kernel[i] - 1) * w->steps.dilation[i] + 1 - *size;
        total = total > 0 ? total : 0;
        w->steps.pad[i] = upper ? total / 2 : total - total / 2;
        w->steps.pad[3 + i] = total - w->steps.pad[i];
    }
}

bool ork_onnx_window_of(ork_onnx *onnx, const ork_onnx_call *call, int spatial,
                        const int64_t *kernel, const int64_t *size, ork_onnx_window *w)
{
    ork_ints pads;
    *w = (ork_onnx_window){.spatial = spatial, .steps.kernel = {1, 1, 1}};
    int first = 3 - spatial;
    memcpy(w->steps.kernel + first, kernel, (size_t)spatial * sizeof(*kernel));
    if (!take_numbers(onnx, call, "strides", spatial, 1, w->steps.stride) ||
        !take_numbers(onnx, call, "dilations", spatial, 1, w->steps.dilation) ||
        !ork_onnx_ints(onnx, call, "pads", &pads) ||
        !ork_onnx_choice(onnx, call, "auto_pad", auto_pads, ORK_COUNT(auto_pads), NOTSET,
                         &w->auto_pad))
        return false;
    if (pads.count != 0 && pads.count != 2 * spatial)
        return ork_build_bad_shape(onnx->build, "pads with %d numbers for %d axes", pads.count,
                                   spatial) != NULL;
    if (w->auto_pad == SAME_UPPER || w->auto_pad == SAME_LOWER)
        same_padding(w, size);
    for (int i = 0; w->auto_pad == NOTSET && i < pads.count / 2; i++) {
        w->steps.pad[first + i] = pads.v[i];
        w->steps.pad[3 + first + i] = pads.v[i + spatial];
    }
    return true;
}

void ork_onnx_window_attrs(const ork_onnx_window *w, ork_attr_PAIR *stride, ork_attr_PAIR *dilation,
                           ork_attr_QUAD *pad)
{
    for (int i = 0; i < 2; i++) {
        stride->v[i] = w->steps.stride[1 + i];
        dilation->v[i] = w->steps.dilation[1 + i];
        pad->v[i] = w->steps.pad[1 + i];
        pad->v[2 + i] = w->steps.pad[4 + i];
    }
}

/* ---- convolutions ---- */

/* output_shape asks for a size and leaves the padding to be found. */
static bool transposed_pads(ork_onnx *onnx, const ork_onnx_call *call, const int64_t *size,
                            ork_onnx_window *w)
{
    int64_t shape[3], *output_pad = w->steps.output_pad;
    bool same = w->auto_pad == SAME_UPPER || w->auto_pad == SAME_LOWER;
    if (!take_numbers(onnx, call, "output_padding", w->spatial, 0, output_pad) ||
        !take_numbers(onnx, call, "output_shape", w->spatial, 0, shape))
        return false;
    for (int i = 3 - w->spatial; i < 3; i++, size++) {
        if (same)
            shape[i] = *size * w->steps.stride[i];
        if (shape[i] == 0)
            continue;
        int64_t total = w->steps.stride[i] * (*size - 1) + output_pad[i] +
                        (w->steps.kernel[i] - 1) * w->steps.dilation[i] + 1 - shape[i];
        if (total < 0) { /* the rest is filled behind */
            output_pad[i] -= total;
            total = 0;
        }
        w->steps.pad[i] = w->auto_pad == SAME_UPPER ? total / 2 : total - total / 2;
        w->steps.pad[3 + i] = total - w->steps.pad[i];
    }
    return true;
}

static ork_value *conv_pictures(ork_onnx *onnx, const ork_onnx_window *w, ork_value *x,
                                ork_value *weight, ork_value *bias)
{
    ork_attrs attrs = {.conv2d.groups = w->steps.groups};
    ork_onnx_window_attrs(w, &attrs.conv2d.stride, &attrs.conv2d.dilation, &attrs.conv2d.pad);
    ork_value *inputs[] = {x, weight, bias};
    return ork_build_add(onnx->build, ORK_OP_CONV2D, &attrs, inputs, bias ? 3 : 2);
}

static ork_value *transposed_pictures(ork_onnx *onnx, const ork_onnx_window *w, ork_value *x,
                                      ork_value *weight, ork_value *bias)
{
    ork_attrs attrs = {.conv_transpose2d.groups = w->steps.groups};
    ork_onnx_window_attrs(w, &attrs.conv_transpose2d.stride, &attrs.conv_transpose2d.dilation,
                          &attrs.conv_transpose2d.pad);
    memcpy(attrs.conv_transpose2d.output_pad.v, w->steps.output_pad + 1, 2 * sizeof(int64_t));
    ork_value *inputs[] = {x, weight, bias};
    return ork_build_add(onnx->build, ORK_OP_CONV_TRANSPOSE2D, &attrs, inputs, bias ? 3 : 2);
}

static ork_value *add_conv(ork_onnx *onnx, const ork_onnx_call *call, const ork_onnx_window *w,
                           bool transposed)
{
    ork_build *build = onnx->build;
    ork_value *x = call->in[0], *weight = call->in[1], *bias = call->in[2];
    int rank = x->type.shape.rank, spatial = w->spatial;
    if (spatial == 3)
        return transposed ? ork_build_conv_transpose3d(build, x, weight, bias, &w->steps)
                          : ork_build_conv3d(build, x, weight, bias, &w->steps);
    x = ork_build_to_picture(build, x, spatial);
    weight = ork_build_to_picture(build, weight, spatial);
    ork_value *y = transposed ? transposed_pictures(onnx, w, x, weight, bias)
                              : conv_pictures(onnx, w, x, weight, bias);
    return ork_build_from_picture(build, y, spatial, rank);
}

/* param: transposed */
ORK_ONNX_HANDLER(conv)
{
    ork_onnx_window w;
    const ork_shape *x = &call->in[0]->type.shape, *weight = &call->in[1]->type.shape;
    int spatial = x->rank - 2;
    if (spatial < 1 || spatial > 3 || weight->rank != x->rank)
        return ork_build_unsupported(onnx->build, "over %d axes", spatial) != NULL;
    if (!ork_onnx_window_of(onnx, call, spatial, weight->dim + 2, x->dim + 2, &w) ||
        (param && !transposed_pads(onnx, call, x->dim + 2, &w)))
        return false;
    w.steps.groups = ork_onnx_int(call, "group", 1);
    return ork_onnx_result(call, add_conv(onnx, call, &w, param != 0));
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

ORK_ONNX_HANDLER(einsum)
{
    const char *equation = ork_onnx_text(onnx, call, "equation", "");
    return ork_onnx_result(call,
                           ork_build_einsum(onnx->build, equation, call->in, call->input_count));
}

/* ---- determinants ---- */

/* Element (row, column) of all matrices. */
static ork_value *element(ork_onnx *onnx, ork_value *x, int row, int column)
{
    int rank = x->type.shape.rank;
    ork_shape batch = ork_shape_of(rank - 2, x->type.shape.dim);
    x = ork_build_slice(onnx->build, x, rank - 2, row, row + 1, 1);
    x = ork_build_slice(onnx->build, x, rank - 1, column, column + 1, 1);
    return ork_build_reshape(onnx->build, x, &batch);
}

/* By the first of the rows left, over the columns left (bits). */
static ork_value *minor(ork_onnx *onnx, ork_value *x, int size, int row, unsigned columns)
{
    ork_value *sum = NULL;
    bool minus = false;
    for (int i = 0; i < size; i++) {
        if (!(columns & 1u << i))
            continue;
        ork_value *term = element(onnx, x, row, i);
        if (row + 1 < size)
            term = ork_build_add2(onnx->build, ORK_OP_MUL, term,
                                  minor(onnx, x, size, row + 1, columns & ~(1u << i)));
        sum = sum ? ork_build_add2(onnx->build, minus ? ORK_OP_SUB : ORK_OP_ADD, sum, term) : term;
        if (!sum)
            return NULL;
        minus = !minus;
    }
    return sum;
}

/* Of small matrices, written out. */
ORK_ONNX_HANDLER(determinant)
{
    enum { LARGEST = 4 };
    const ork_shape *shape = &call->in[0]->type.shape;
    int64_t size = shape->rank >= 2 ? shape->dim[shape->rank - 1] : 0;
    if (size < 1 || shape->dim[shape->rank - 2] != size)
        return ork_build_bad_shape(onnx->build, "a matrix that is not square") != NULL;
    if (size > LARGEST)
        return ork_build_unsupported(onnx->build, "of matrices larger than %d x %d", LARGEST,
                                     LARGEST) != NULL;
    return ork_onnx_result(call, minor(onnx, call->in[0], (int)size, 0, (1u << size) - 1));
}
