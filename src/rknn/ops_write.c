/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of the vendor's operators, written from our attributes. */
#include "internal.h"

#include <float.h>
#include <math.h>

static const ork_shape *input_shape(const ork_node *node)
{
    return &node->inputs[0]->type.shape;
}

/* The vendor's readers know no infinities. */
static void put_double(ork_json_writer *w, const char *key, double value)
{
    ork_json_key(w, key);
    ork_json_put_double(w, fmax(fmin(value, (double)FLT_MAX), -(double)FLT_MAX));
}

static void put_reversed(ork_json_writer *w, const char *key, const int64_t *values, int count)
{
    ork_json_key(w, key);
    ork_json_begin_array(w);
    for (int i = count - 1; i >= 0; i--)
        ork_json_put_int(w, values[i]);
    ork_json_end_array(w);
}

static void put_pad(ork_json_writer *w, const ork_attr_QUAD *pad)
{
    int64_t reversed[] = {pad->v[2], pad->v[0], pad->v[3], pad->v[1]};
    put_reversed(w, "pad", reversed, 4);
}

static void put_axis(ork_json_writer *w, const ork_node *node, int64_t axis)
{
    ork_json_member_int(w, "axis", input_shape(node)->rank - 1 - axis);
}

/* ---- which row can say it ---- */

static bool fits_always(const ork_node *node)
{
    (void)node;
    return true;
}

static bool fits_never(const ork_node *node)
{
    (void)node;
    return false;
}

static bool fits_deconv(const ork_node *node)
{
    return node->attrs.conv_transpose2d.dilation.v[0] == 1 &&
           node->attrs.conv_transpose2d.dilation.v[1] == 1;
}

static bool fits_avg_without_padding(const ork_node *node)
{
    return node->attrs.avg_pool2d.divisor == 0;
}

static bool fits_avg_with_padding(const ork_node *node)
{
    const int64_t *pad = node->attrs.avg_pool2d.pad.v;
    return node->attrs.avg_pool2d.divisor == 0 &&
           (node->attrs.avg_pool2d.count_include_pad || !(pad[0] || pad[1] || pad[2] || pad[3]));
}

static bool fits_global_pool(const ork_node *node)
{
    const int64_t *size = node->attrs.adaptive_avg_pool2d.size.v;
    return size[0] == 1 && size[1] == 1;
}

static bool fits_layer_norm(const ork_node *node)
{
    return node->attrs.layer_norm.axes == 1;
}

static bool fits_softplus(const ork_node *node)
{
    return node->attrs.softplus.beta == 1.0;
}

/* ---- parameters ---- */

static void write_none(ork_json_writer *w, const ork_node *node)
{
    (void)w;
    (void)node;
}

static void write_conv2d(ork_json_writer *w, const ork_node *node)
{
    const ork_shape *weight = &node->inputs[1]->type.shape;
    int64_t groups = node->attrs.conv2d.groups;
    put_reversed(w, "ksize", &weight->dim[2], 2);
    ork_json_member_int(w, "weights", weight->dim[0]);
    put_reversed(w, "stride", node->attrs.conv2d.stride.v, 2);
    put_pad(w, &node->attrs.conv2d.pad);
    ork_json_member_int(w, "group", groups);
    put_reversed(w, "dilation", node->attrs.conv2d.dilation.v, 2);
    ork_json_member_int(w, "multiplier", ork_rknn_is_depthwise(node) ? weight->dim[0] / groups : 0);
}

static void write_deconv(ork_json_writer *w, const ork_node *node)
{
    const ork_shape *weight = &node->inputs[1]->type.shape;
    put_reversed(w, "ksize", &weight->dim[2], 2);
    ork_json_member_int(w, "weights", weight->dim[1] * node->attrs.conv_transpose2d.groups);
    put_reversed(w, "stride", node->attrs.conv_transpose2d.stride.v, 2);
    put_pad(w, &node->attrs.conv_transpose2d.pad);
    ork_json_member_int(w, "group", node->attrs.conv_transpose2d.groups);
    put_reversed(w, "output_padding", node->attrs.conv_transpose2d.output_pad.v, 2);
}

static void write_fcl(ork_json_writer *w, const ork_node *node)
{
    ork_json_member_int(w, "weights", node->inputs[1]->type.shape.dim[0]);
}

static void write_matmul(ork_json_writer *w, const ork_node *node)
{
    static const int64_t no[2];
    (void)node;
    put_reversed(w, "transpose", no, 2);
}

static void put_pool(ork_json_writer *w, const int64_t *kernel, const int64_t *stride,
                     const ork_attr_QUAD *pad, bool ceil_mode)
{
    put_reversed(w, "ksize", kernel, 2);
    put_reversed(w, "stride", stride, 2);
    put_pad(w, pad);
    ork_json_member_text(w, "round_type", ceil_mode ? "VSI_NN_ROUND_CEIL" : "VSI_NN_ROUND_FLOOR");
}

static void write_max_pool(ork_json_writer *w, const ork_node *node)
{
    put_pool(w, node->attrs.max_pool2d.kernel.v, node->attrs.max_pool2d.stride.v,
             &node->attrs.max_pool2d.pad, node->attrs.max_pool2d.ceil_mode);
    put_reversed(w, "dilation", node->attrs.max_pool2d.dilation.v, 2);
}

static void write_avg_pool(ork_json_writer *w, const ork_node *node)
{
    put_pool(w, node->attrs.avg_pool2d.kernel.v, node->attrs.avg_pool2d.stride.v,
             &node->attrs.avg_pool2d.pad, node->attrs.avg_pool2d.ceil_mode);
    put_reversed(w, "dilation", node->attrs.avg_pool2d.dilation.v, 2);
}

static void write_global_pool(ork_json_writer *w, const ork_node *node)
{
    static const int64_t one[] = {1, 1};
    static const ork_attr_QUAD no_pad;
    put_pool(w, &input_shape(node)->dim[2], one, &no_pad, false);
}

static void write_batch_norm(ork_json_writer *w, const ork_node *node)
{
    put_double(w, "eps", node->attrs.batch_norm.epsilon);
}

static void write_layer_norm(ork_json_writer *w, const ork_node *node)
{
    put_double(w, "eps", node->attrs.layer_norm.epsilon);
    ork_json_member_int(w, "axis", 0);
}

static void write_softmax(ork_json_writer *w, const ork_node *node)
{
    put_double(w, "beta", 1.0);
    put_axis(w, node, node->attrs.softmax.axis);
}

static void write_log_softmax(ork_json_writer *w, const ork_node *node)
{
    put_double(w, "betaValue", 1.0);
    put_axis(w, node, node->attrs.log_softmax.axis);
}

static void write_clip(ork_json_writer *w, const ork_node *node)
{
    put_double(w, "min", node->attrs.clip.low);
    put_double(w, "max", node->attrs.clip.high);
}

static void write_leaky_relu(ork_json_writer *w, const ork_node *node)
{
    put_double(w, "leaky_ratio", node->attrs.leaky_relu.alpha);
}

static void write_tanh(ork_json_writer *w, const ork_node *node)
{
    (void)node;
    put_double(w, "scale_a", 1.0);
    put_double(w, "scale_b", 1.0);
}

static void write_swish(ork_json_writer *w, const ork_node *node)
{
    (void)node;
    put_double(w, "beta", 1.0);
}

static void write_hard_sigmoid(ork_json_writer *w, const ork_node *node)
{
    (void)node;
    put_double(w, "alpha", 1.0 / 6.0);
    put_double(w, "beta", 0.5);
}

static void write_elu(ork_json_writer *w, const ork_node *node)
{
    put_double(w, "alpha", node->attrs.elu.alpha);
}

static void write_gelu(ork_json_writer *w, const ork_node *node)
{
    ork_json_member_int(w, "approximate", node->attrs.gelu.approximate);
}

static void write_scale_one(ork_json_writer *w, const ork_node *node)
{
    (void)node;
    put_double(w, "scale", 1.0);
}

static void write_mod(ork_json_writer *w, const ork_node *node)
{
    (void)node;
    ork_json_member_int(w, "fmod", 0);
}

static void write_reduce(ork_json_writer *w, const ork_node *node)
{
    /* The four reductions have the same attributes at the same places. */
    const ork_ints *axes = &node->attrs.reduce_mean.axes;
    int64_t turned[ORK_MAX_RANK];
    for (int i = 0; i < axes->count; i++)
        turned[i] = input_shape(node)->rank - 1 - axes->v[i];
    put_reversed(w, "axis", turned, axes->count);
    ork_json_member_int(w, "axis_num", axes->count);
    ork_json_member_int(w, "keep_dim", node->attrs.reduce_mean.keep_dims);
}

static void write_concat(ork_json_writer *w, const ork_node *node)
{
    put_axis(w, node, node->attrs.concat.axis);
}

static void put_dims(ork_json_writer *w, const char *key, const char *count_key,
                     const ork_ints *values)
{
    put_reversed(w, key, values->v, values->count);
    ork_json_member_int(w, count_key, values->count);
}

static void write_slice(ork_json_writer *w, const ork_node *node)
{
    put_dims(w, "begin_dims", "begin_dims_num", &node->attrs.slice.begin);
    put_dims(w, "end_dims", "end_dims_num", &node->attrs.slice.end);
    put_dims(w, "stride_dims", "stride_dims_num", &node->attrs.slice.step);
    ork_json_member_int(w, "begin_mask", 0);
    ork_json_member_int(w, "end_mask", 0);
    ork_json_member_int(w, "shrink_axis_mask", 0);
    ork_json_member_int(w, "new_axis_mask", 0);
}

static void write_reshape(ork_json_writer *w, const ork_node *node)
{
    put_dims(w, "size", "dim_num", &node->attrs.reshape.shape);
}

static void write_permute(ork_json_writer *w, const ork_node *node)
{
    const ork_ints *perm = &node->attrs.transpose.perm;
    int64_t turned[ORK_MAX_RANK];
    for (int i = 0; i < perm->count; i++)
        turned[i] = perm->count - 1 - perm->v[i];
    put_reversed(w, "perm", turned, perm->count);
    ork_json_member_int(w, "dim_num", perm->count);
}

static void write_expand(ork_json_writer *w, const ork_node *node)
{
    put_dims(w, "shape", "dim_num", &node->attrs.expand.shape);
}

static void write_pad(ork_json_writer *w, const ork_node *node)
{
    static const char *const modes[] = {"VSI_NN_PAD_MODE_CONSTANT", "VSI_NN_PAD_MODE_REFLECT",
                                        "VSI_NN_PAD_MODE_REPLICATE"};
    put_reversed(w, "front_size", node->attrs.pad.before.v, node->attrs.pad.before.count);
    put_reversed(w, "back_size", node->attrs.pad.after.v, node->attrs.pad.after.count);
    ork_json_member_int(w, "dim_num", node->attrs.pad.before.count);
    put_double(w, "const_val", node->attrs.pad.value);
    ork_json_member_text(w, "mode", modes[node->attrs.pad.mode]);
}

static void write_resize(ork_json_writer *w, const ork_node *node)
{
    ork_json_member_text(w, "type",
                         node->attrs.resize.mode ? "VSI_NN_INTERPOLATION_BILINEAR"
                                                 : "VSI_NN_INTERPOLATION_NEAREST_NEIGHBOR");
    put_double(w, "factor", 0.0);
    put_reversed(w, "size", node->attrs.resize.size.v, 2);
    ork_json_member_int(w, "align_corners", node->attrs.resize.coordinates == 2);
    ork_json_member_int(w, "half_pixel_centers", node->attrs.resize.coordinates == 1);
}

static void write_gather(ork_json_writer *w, const ork_node *node)
{
    put_axis(w, node, node->attrs.gather.axis);
    ork_json_member_int(w, "batch_dims", 0);
}

const ork_rknn_fits_fn ork_rknn_fits[] = {
#define ORK_RKNN_OP(vsi, key, variant_key, variant, op, ports, vx, fits, write, read) fits_##fits,
#include "rknn_ops.def"
#undef ORK_RKNN_OP
};

const ork_rknn_write_fn ork_rknn_writers[] = {
#define ORK_RKNN_OP(vsi, key, variant_key, variant, op, ports, vx, fits, write, read) write_##write,
#include "rknn_ops.def"
#undef ORK_RKNN_OP
};
