/* SPDX-License-Identifier: Apache-2.0 */
/* Which layers the driver takes, and how they are told to it. Sizes are counted from the innermost:
   width, height, channels, pictures. */
#include "driver.h"

#include <string.h>

/* ---- what is taken ---- */

static bool is_constant(const ork_value *value)
{
    return value && value->kind == ORK_VALUE_CONSTANT;
}

/* Bytes of one scale and zero point, which the vendor's tensors have, or fixed point. */
static bool has_known_type(const ork_openvx *driver, const ork_value *value)
{
    const ork_type *type = &value->type;
    if (type->shape.rank < 1 || type->shape.rank > 4)
        return false;
    if (type->quant.scheme == ORK_SCHEME_DFP)
        return type->dtype == ORK_I8 || type->dtype == ORK_I16;
    return type->quant.scheme == ORK_SCHEME_AFFINE && type->dtype == ORK_U8 &&
           driver->call.vxCreateTensor2;
}

/* The stride that the driver sees in the sizes is the layer's. */
static bool stride_follows(int64_t in, int64_t out, int64_t reach, int64_t pad, int64_t stride)
{
    const int64_t room = in + 2 * pad - reach;
    return out > 1 ? room / (out - 1) == stride && room % (out - 1) < stride : stride == 1;
}

static bool windows_are_told(const ork_node *node, const int64_t kernel[2],
                             const ork_attr_PAIR *stride, const ork_attr_PAIR *dilation,
                             const ork_attr_QUAD *pad)
{
    const int64_t *in = node->inputs[0]->type.shape.dim, *out = node->output->type.shape.dim;
    bool told = pad->v[0] == pad->v[2] && pad->v[1] == pad->v[3];
    for (int i = 0; i < 2; i++)
        told = told && stride_follows(in[2 + i], out[2 + i], (kernel[i] - 1) * dilation->v[i] + 1,
                                      pad->v[i], stride->v[i]);
    return told;
}

static bool has_weights(const ork_openvx *driver, const ork_node *node)
{
    const ork_value *bias = node->input_count > 2 ? node->inputs[2] : NULL;
    return is_constant(node->inputs[1]) && has_known_type(driver, node->inputs[1]) &&
           node->inputs[1]->type.dtype == node->inputs[0]->type.dtype &&
           (!bias || (is_constant(bias) && bias->type.dtype == ORK_I32));
}

static bool takes_convolution(const ork_openvx *driver, const ork_node *node)
{
    return driver->call.vxConvolutionLayer && node->attrs.conv2d.groups == 1 &&
           has_weights(driver, node) &&
           windows_are_told(node, node->inputs[1]->type.shape.dim + 2, &node->attrs.conv2d.stride,
                            &node->attrs.conv2d.dilation, &node->attrs.conv2d.pad);
}

static bool takes_full(const ork_openvx *driver, const ork_node *node)
{
    return driver->call.vxFullyConnectedLayer && has_weights(driver, node) &&
           node->inputs[0]->type.shape.rank == 2;
}

static bool takes_pool(const ork_openvx *driver, const ork_node *node)
{
    const ork_attr_PAIR *dilation = &node->attrs.max_pool2d.dilation, one = {{1, 1}};
    const bool is_max = node->op == ORK_OP_MAX_POOL2D;
    bool plain = dilation->v[0] == 1 && dilation->v[1] == 1;
    for (int i = 0; !is_max && i < 4; i++) /* padding and divisors have their own meaning there */
        plain = plain && node->attrs.avg_pool2d.pad.v[i] == 0;
    plain = plain && (is_max || node->attrs.avg_pool2d.divisor == 0);
    return driver->call.vxPoolingLayer && plain &&
           windows_are_told(node, node->attrs.max_pool2d.kernel.v, &node->attrs.max_pool2d.stride,
                            &one, &node->attrs.max_pool2d.pad);
}

static bool takes_activation(const ork_openvx *driver, const ork_node *node)
{
    (void)node;
    return driver->call.vxActivationLayer != NULL;
}

static bool takes_softmax(const ork_openvx *driver, const ork_node *node)
{
    const int64_t axis = node->attrs.softmax.axis;
    return driver->call.vxSoftmaxLayer && node->output->type.shape.rank == 2 &&
           (axis == 1 || axis == -1);
}

static bool takes_concat(const ork_openvx *driver, const ork_node *node)
{
    bool same = driver->call.vxConcatIndefiniteLayer && driver->call.vxCreateTensorObjectArray &&
                driver->call.vxReleaseObjectArray && node->attrs.concat.axis >= 0;
    for (int i = 0; i < node->input_count; i++)
        same = same && !is_constant(node->inputs[i]);
    return same;
}

/* ---- how it is told ---- */

typedef struct layer {
    ork_openvx *driver;
    vx_graph graph;
    const ork_node *node;
    const vx_tensor *tensors; /* by value id */
} layer;

static vx_tensor tensor_of(const layer *l, int port)
{
    const ork_node *node = l->node;
    return port < node->input_count && node->inputs[port] ? l->tensors[node->inputs[port]->id]
                                                          : NULL;
}

static vx_tensor output_of(const layer *l)
{
    return l->tensors[l->node->output->id];
}

static vx_node add_convolution(const layer *l)
{
    const ork_attrs *a = &l->node->attrs;
    const vx_convolution_params params = {.padding_x = (vx_size)a->conv2d.pad.v[1],
                                          .padding_y = (vx_size)a->conv2d.pad.v[0],
                                          .overflow_policy = VX_POLICY_SATURATE,
                                          .rounding_policy = VX_ROUND_TO_NEAREST_EVEN,
                                          .down_scale_size_rounding = VX_SIZE_FLOOR,
                                          .dilation_x = (vx_size)a->conv2d.dilation.v[1] - 1,
                                          .dilation_y = (vx_size)a->conv2d.dilation.v[0] - 1};
    return l->driver->call.vxConvolutionLayer(l->graph, tensor_of(l, 0), tensor_of(l, 1),
                                              tensor_of(l, 2), &params, sizeof(params),
                                              output_of(l));
}

static vx_node add_full(const layer *l)
{
    return l->driver->call.vxFullyConnectedLayer(l->graph, tensor_of(l, 0), tensor_of(l, 1),
                                                 tensor_of(l, 2), VX_POLICY_SATURATE,
                                                 VX_ROUND_TO_NEAREST_EVEN, output_of(l));
}

static vx_node add_pool(const layer *l)
{
    const ork_attrs *a = &l->node->attrs;
    const vx_enum type = l->node->op == ORK_OP_MAX_POOL2D ? VX_POOL_MAX : VX_POOL_AVERAGE;
    return l->driver->call.vxPoolingLayer(
        l->graph, tensor_of(l, 0), type, (vx_size)a->max_pool2d.kernel.v[1],
        (vx_size)a->max_pool2d.kernel.v[0], (vx_size)a->max_pool2d.pad.v[1],
        (vx_size)a->max_pool2d.pad.v[0], VX_SIZE_FLOOR, output_of(l));
}

static vx_node add_activation(const layer *l)
{
    const vx_enum function = l->node->op == ORK_OP_RELU      ? VX_ACTIVATION_RELU
                             : l->node->op == ORK_OP_SIGMOID ? VX_ACTIVATION_LOGISTIC
                                                             : VX_ACTIVATION_TANH;
    return l->driver->call.vxActivationLayer(l->graph, tensor_of(l, 0), function, 1.0f, 1.0f,
                                             output_of(l));
}

static vx_node add_softmax(const layer *l)
{
    return l->driver->call.vxSoftmaxLayer(l->graph, tensor_of(l, 0), output_of(l));
}

static vx_node add_concat(const layer *l)
{
    enum { MOST = 64 };
    vx_tensor parts[MOST];
    const ork_node *node = l->node;
    const int rank = node->output->type.shape.rank;
    const vx_concat_params params = {(uint32_t)(rank - 1 - node->attrs.concat.axis)};
    if (node->input_count > MOST)
        return NULL;
    for (int i = 0; i < node->input_count; i++)
        parts[i] = tensor_of(l, i);
    vx_object_array array = l->driver->call.vxCreateTensorObjectArray(
        l->driver->context, (uint32_t)node->input_count, parts);
    if (!array)
        return NULL;
    vx_node added = l->driver->call.vxConcatIndefiniteLayer(l->graph, array, &params,
                                                            sizeof(params), output_of(l));
    l->driver->call.vxReleaseObjectArray(&array);
    return added;
}

/* ---- the table ---- */

static const struct {
    bool (*takes)(const ork_openvx *driver, const ork_node *node);
    vx_node (*add)(const layer *l);
} layers[ORK_OP_COUNT] = {
    [ORK_OP_CONV2D] = {takes_convolution, add_convolution},
    [ORK_OP_LINEAR] = {takes_full, add_full},
    [ORK_OP_MAX_POOL2D] = {takes_pool, add_pool},
    [ORK_OP_AVG_POOL2D] = {takes_pool, add_pool},
    [ORK_OP_RELU] = {takes_activation, add_activation},
    [ORK_OP_SIGMOID] = {takes_activation, add_activation},
    [ORK_OP_TANH] = {takes_activation, add_activation},
    [ORK_OP_SOFTMAX] = {takes_softmax, add_softmax},
    [ORK_OP_CONCAT] = {takes_concat, add_concat},
};

bool ork_openvx_takes(const ork_openvx *driver, const ork_node *node)
{
    bool known = layers[node->op].takes && has_known_type(driver, node->output);
    for (int i = 0; known && i < node->input_count; i++)
        if (node->inputs[i] && !is_constant(node->inputs[i]))
            known = has_known_type(driver, node->inputs[i]);
    return known && layers[node->op].takes(driver, node);
}

bool openvx_add_layer(ork_openvx *driver, vx_graph graph, const ork_node *node,
                      const vx_tensor *tensors)
{
    const layer l = {driver, graph, node, tensors};
    vx_node added = layers[node->op].add(&l);
    if (!added)
        return false;
    driver->call.vxReleaseNode(&added); /* the graph keeps it */
    return true;
}
