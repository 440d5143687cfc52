/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions and matrix products. */
#include "torch.h"

#include <string.h>

/* ---- convolutions ---- */

typedef struct conv {
    ork_torch_value *x, *weight, *bias;
    const ork_torch_value *stride, *padding, *dilation, *output_padding;
    int64_t groups;
    bool is_transposed;
} conv;

/* Numbers per spatial axis as h and w. */
static bool take_pair(ork_torch *torch, const ork_torch_value *list, int spatial, int64_t standard,
                      int64_t out[2])
{
    out[0] = standard;
    return ork_torch_arg_fixed(torch, list, spatial, out + 2 - spatial);
}

/* "same" puts the odd element behind. */
static bool take_padding(ork_torch *torch, const conv *c, const ork_value *weight, int spatial,
                         const int64_t *dilation, int64_t pad[4])
{
    if (c->padding->kind != ORK_TORCH_STRING) {
        if (!take_pair(torch, c->padding, spatial, 0, pad))
            return false;
        pad[2] = pad[0];
        pad[3] = pad[1];
        return true;
    }
    memset(pad, 0, 4 * sizeof(*pad));
    for (int i = 2 - spatial; !strcmp(c->padding->text, "same") && i < 2; i++) {
        int64_t total = dilation[i] * (weight->type.shape.dim[2 + i] - 1);
        pad[i] = total / 2;
        pad[2 + i] = total - total / 2;
    }
    return true;
}

static bool conv_attrs(ork_torch *torch, const conv *c, const ork_value *weight, int spatial,
                       ork_attrs *attrs)
{
    int64_t stride[2], dilation[2], pad[4], output_pad[2] = {0};
    if (!take_pair(torch, c->stride, spatial, 1, stride) ||
        !take_pair(torch, c->dilation, spatial, 1, dilation) ||
        !take_padding(torch, c, weight, spatial, dilation, pad) ||
        (c->is_transposed && !take_pair(torch, c->output_padding, spatial, 0, output_pad)))
        return false;
    *attrs = (ork_attrs){0};
    if (c->is_transposed) {
        attrs->conv_transpose2d.groups = c->groups;
        memcpy(attrs->conv_transpose2d.stride.v, stride, sizeof(stride));
        memcpy(attrs->conv_transpose2d.dilation.v, dilation, sizeof(dilation));
        memcpy(attrs->conv_transpose2d.pad.v, pad, sizeof(pad));
        memcpy(attrs->conv_transpose2d.output_pad.v, output_pad, sizeof(output_pad));
    } else {
        attrs->conv2d.groups = c->groups;
        memcpy(attrs->conv2d.stride.v, stride, sizeof(stride));
        memcpy(attrs->conv2d.dilation.v, dilation, sizeof(dilation));
        memcpy(attrs->conv2d.pad.v, pad, sizeof(pad));
    }
    return true;
}

/* "same" puts the odd element behind. */
static bool volume_of(ork_torch *torch, const conv *c, const ork_value *weight, ork_volume *v)
{
    *v = (ork_volume){.groups = c->groups};
    bool is_text = c->padding->kind == ORK_TORCH_STRING;
    if (!ork_torch_arg_fixed(torch, c->stride, 3, v->stride) ||
        !ork_torch_arg_fixed(torch, c->dilation, 3, v->dilation) ||
        (!is_text && !ork_torch_arg_fixed(torch, c->padding, 3, v->pad)) ||
        (c->is_transposed && !ork_torch_arg_fixed(torch, c->output_padding, 3, v->output_pad)))
        return false;
    for (int i = 0; i < 3; i++) {
        int64_t total = v->dilation[i] * (weight->type.shape.dim[2 + i] - 1);
        if (is_text)
            v->pad[i] = !strcmp(c->padding->text, "same") ? total / 2 : 0;
        v->pad[3 + i] = is_text && v->pad[i] + total > 0 && !strcmp(c->padding->text, "same")
                            ? total - total / 2
                            : v->pad[i];
    }
    return true;
}

/* Over three axes. */
static ork_torch_value *add_volume(ork_torch *torch, const conv *c, ork_value *x, ork_value *weight,
                                   ork_value *bias)
{
    ork_volume v;
    ork_shape shape = x->type.shape;
    if (shape.rank != 4 && shape.rank != 5)
        return ork_build_bad_shape(torch->build, "an input with %d axes, not 5", shape.rank);
    const int64_t *d = shape.dim + shape.rank - 4;
    int64_t dims[] = {shape.rank == 5 ? shape.dim[0] : 1, d[0], d[1], d[2], d[3]};
    x = ork_build_reshape_to(torch->build, x, 5, dims);
    if (!x || !volume_of(torch, c, weight, &v))
        return NULL;
    ork_value *y = c->is_transposed ? ork_build_conv_transpose3d(torch->build, x, weight, bias, &v)
                                    : ork_build_conv3d(torch->build, x, weight, bias, &v);
    if (y && shape.rank == 4)
        y = ork_build_reshape_to(torch->build, y, 4, y->type.shape.dim + 1);
    return ork_torch_tensor(torch, y);
}

static ork_torch_value *add_conv(ork_torch *torch, const conv *c)
{
    ork_value *x = ork_torch_graph_value(torch, c->x),
              *weight = ork_torch_graph_value(torch, c->weight);
    ork_value *bias =
        c->bias->kind == ORK_TORCH_NONE ? NULL : ork_torch_graph_value(torch, c->bias);
    if (!x || !weight || (!bias && c->bias->kind != ORK_TORCH_NONE))
        return NULL;
    int spatial = weight->type.shape.rank - 2, rank = x->type.shape.rank;
    if (spatial == 3)
        return add_volume(torch, c, x, weight, bias);
    if (spatial != 1 && spatial != 2)
        return ork_build_unsupported(torch->build, "a convolution over %d axes", spatial);
    x = ork_build_to_picture(torch->build, x, spatial);
    weight = ork_build_to_picture(torch->build, weight, spatial);
    ork_attrs attrs;
    if (!x || !weight || !conv_attrs(torch, c, weight, spatial, &attrs))
        return NULL;
    ork_value *inputs[] = {x, weight, bias};
    ork_value *y =
        ork_build_add(torch->build, c->is_transposed ? ORK_OP_CONV_TRANSPOSE2D : ORK_OP_CONV2D,
                      &attrs, inputs, bias ? 3 : 2);
    return ork_torch_tensor(torch, ork_build_from_picture(torch->build, y, spatial, rank));
}

ORK_TORCH_HANDLER(convolution)
{
    conv c = {.x = arg[0],
              .weight = arg[1],
              .bias = arg[2],
              .stride = arg[3],
              .padding = arg[4],
              .dilation = arg[5],
              .is_transposed = arg[6]->boolean,
              .output_padding = arg[7],
              .groups = ork_torch_as_int(arg[8])};
    return add_conv(torch, &c);
}

ORK_TORCH_HANDLER(conv)
{
    conv c = {.x = arg[0],
              .weight = arg[1],
              .bias = arg[2],
              .stride = arg[3],
              .padding = arg[4],
              .dilation = arg[5],
              .groups = ork_torch_as_int(arg[6])};
    return add_conv(torch, &c);
}

ORK_TORCH_HANDLER(conv_transpose)
{
    conv c = {.x = arg[0],
              .weight = arg[1],
              .bias = arg[2],
              .stride = arg[3],
              .padding = arg[4],
              .output_padding = arg[5],
              .groups = ork_torch_as_int(arg[6]),
              .dilation = arg[7],
              .is_transposed = true};
    return add_conv(torch, &c);
}

/* ---- matrix products ---- */

static ork_value *swap_last_axes(ork_torch *torch, ork_value *x)
{
    int perm[ORK_MAX_RANK], rank = x->type.shape.rank;
    for (int i = 0; i < rank; i++)
        perm[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    return ork_build_transpose(torch->build, x, perm);
}

static ork_value *add_linear(ork_torch *torch, ork_value *x, ork_value *weight, ork_value *bias)
{
    ork_value *inputs[] = {x, weight, bias};
    return ork_build_add(torch->build, ORK_OP_LINEAR, NULL, inputs, bias ? 3 : 2);
}

ORK_TORCH_HANDLER(linear)
{
    ork_value *x = ork_torch_graph_value(torch, arg[0]),
              *weight = ork_torch_graph_value(torch, arg[1]);
    ork_value *bias = arg[2]->kind == ORK_TORCH_NONE ? NULL : ork_torch_graph_value(torch, arg[2]);
    if (!x || !weight || (!bias && arg[2]->kind != ORK_TORCH_NONE))
        return NULL;
    return ork_torch_tensor(torch, add_linear(torch, x, weight, bias));
}

/* A product with a constant matrix is a linear layer: the chip has those. */
static ork_value *product(ork_torch *torch, ork_value *a, ork_value *b)
{
    if (b->kind == ORK_VALUE_CONSTANT && b->type.shape.rank == 2 && a->kind != ORK_VALUE_CONSTANT) {
        ork_value *weight = swap_last_axes(torch, b);
        return weight ? add_linear(torch, a, weight, NULL) : NULL;
    }
    return ork_build_add2(torch->build, ORK_OP_MATMUL, a, b);
}

/* Vectors become matrices for the product, and their axis is taken away again. */
ORK_TORCH_HANDLER(matmul)
{
    ork_value *a = ork_torch_graph_value(torch, arg[0]), *b = ork_torch_graph_value(torch, arg[1]);
    if (!a || !b)
        return NULL;
    ork_shape sa = a->type.shape, sb = b->type.shape;
    if (sa.rank < 1 || sb.rank < 1)
        return ork_build_bad_shape(torch->build, "a product with a number");
    if (sa.rank == 1)
        a = ork_build_reshape_to(torch->build, a, 2, (int64_t[]){1, sa.dim[0]});
    if (sb.rank == 1)
        b = ork_build_reshape_to(torch->build, b, 2, (int64_t[]){sb.dim[0], 1});
    ork_value *y = a && b ? product(torch, a, b) : NULL;
    if (!y || (sa.rank > 1 && sb.rank > 1))
        return ork_torch_tensor(torch, y);
    ork_shape out = y->type.shape;
    if (sb.rank == 1)
        out.rank--;
    if (sa.rank == 1) {
        out.dim[out.rank - 1 - (sb.rank > 1)] = out.dim[out.rank - 1];
        out.rank--;
    }
    return ork_torch_tensor(torch, ork_build_reshape(torch->build, y, &out));
}

/* self * beta + mat1 mat2 * alpha */
ORK_TORCH_HANDLER(addmm)
{
    ork_value *a = ork_torch_graph_value(torch, arg[1]), *b = ork_torch_graph_value(torch, arg[2]);
    ork_value *bias = a && b ? ork_torch_graph_value(torch, arg[0]) : NULL;
    if (!bias)
        return NULL;
    bool is_plain = ork_torch_as_double(arg[3]) == 1.0 && ork_torch_as_double(arg[4]) == 1.0;
    if (is_plain && b->kind == ORK_VALUE_CONSTANT && b->type.shape.rank == 2 &&
        bias->kind == ORK_VALUE_CONSTANT && bias->type.shape.rank == 1 &&
        bias->type.shape.dim[0] == b->type.shape.dim[1]) {
        ork_value *weight = swap_last_axes(torch, b);
        return ork_torch_tensor(torch, weight ? add_linear(torch, a, weight, bias) : NULL);
    }
    ork_torch_value *y = ork_torch_tensor(torch, product(torch, a, b));
    y = y ? ork_torch_binary(torch, ORK_OP_MUL, y, arg[4], false) : NULL;
    ork_torch_value *addend = y ? ork_torch_binary(torch, ORK_OP_MUL, arg[0], arg[3], false) : NULL;
    return addend ? ork_torch_binary(torch, ORK_OP_ADD, addend, y, false) : NULL;
}

/* v g / |v|, lengths over all axes but one: Salimans and Kingma 2016. (v, g, axis) */
ORK_TORCH_HANDLER(weight_norm)
{
    int kept;
    ork_ints axes = {0};
    ork_shape shape = ork_torch_shape(arg[0]);
    if (!ork_torch_arg_axis(torch, arg[2], shape.rank, &kept))
        return NULL;
    for (int i = 0; i < shape.rank; i++)
        if (i != kept)
            axes.v[axes.count++] = i;
    ork_torch_value *square = ork_torch_binary(torch, ORK_OP_MUL, arg[0], arg[0], false);
    ork_value *sum = square ? ork_torch_graph_value(torch, square) : NULL;
    sum = sum ? ork_build_reduce(torch->build, ORK_OP_REDUCE_SUM, sum, &axes, true) : NULL;
    ork_torch_value *length =
        ork_torch_tensor(torch, sum ? ork_build_add1(torch->build, ORK_OP_SQRT, NULL, sum) : NULL);
    ork_torch_value *factor =
        length ? ork_torch_binary(torch, ORK_OP_DIV, arg[1], length, true) : NULL;
    return factor ? ork_torch_binary(torch, ORK_OP_MUL, arg[0], factor, false) : NULL;
}
