/* SPDX-License-Identifier: Apache-2.0 */
/* A library in place of a board's libOpenVX.so.1: the entry points of src/openvx/entries.def, with
   each layer computed by the reference kernels. With STANDIN_LIMIT=N in the environment it verifies
   graphs of at most N layers, as drivers refuse what does not fit them. */
#include "openvx/driver.h"

#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

enum { MOST_NODES = 64, MOST_PARTS = 8 };

struct vx_context_object {
    int graphs, tensors;
};

struct vx_tensor_object {
    vx_context context;
    ork_type type;
    void *data;
};

struct vx_object_array_object {
    int count;
    vx_tensor items[MOST_PARTS];
};

struct vx_node_object {
    ork_op op;
    ork_attrs attrs;
    int count;
    vx_tensor in[MOST_PARTS], out;
};

struct vx_graph_object {
    vx_context context;
    int count;
    bool verified;
    struct vx_node_object nodes[MOST_NODES];
};

EXPORT vx_context vxCreateContext(void);
EXPORT vx_context vxCreateContext(void)
{
    return calloc(1, sizeof(struct vx_context_object));
}

/* Whoever leaves something in a context has forgotten to release it. */
EXPORT vx_status vxReleaseContext(vx_context *context);
EXPORT vx_status vxReleaseContext(vx_context *context)
{
    if ((*context)->graphs || (*context)->tensors)
        abort();
    free(*context);
    *context = NULL;
    return 0;
}

EXPORT vx_graph vxCreateGraph(vx_context context);
EXPORT vx_graph vxCreateGraph(vx_context context)
{
    vx_graph graph = calloc(1, sizeof(*graph));
    graph->context = context;
    context->graphs++;
    return graph;
}

EXPORT vx_status vxReleaseGraph(vx_graph *graph);
EXPORT vx_status vxReleaseGraph(vx_graph *graph)
{
    (*graph)->context->graphs--;
    free(*graph);
    *graph = NULL;
    return 0;
}

EXPORT vx_status vxReleaseNode(vx_node *node);
EXPORT vx_status vxReleaseNode(vx_node *node)
{
    *node = NULL;
    return 0;
}

/* ---- tensors ---- */

static vx_tensor new_tensor(vx_context context, size_t rank, vx_enum format)
{
    static const struct {
        vx_enum format;
        ork_dtype dtype;
    } formats[] = {{VX_UINT8, ORK_U8}, {VX_INT8, ORK_I8}, {VX_INT16, ORK_I16}, {VX_INT32, ORK_I32}};
    if (rank < 1 || rank > 4)
        return NULL;
    vx_tensor tensor = calloc(1, sizeof(*tensor));
    tensor->context = context;
    tensor->type.shape.rank = (int)rank;
    for (size_t i = 0; i < ORK_COUNT(formats); i++)
        if (formats[i].format == format)
            tensor->type.dtype = formats[i].dtype;
    context->tensors++;
    return tensor;
}

static size_t bytes_of(const ork_type *type)
{
    return ork_tensor_bytes(&(ork_tensor){.type = *type});
}

EXPORT vx_tensor vxCreateTensor(vx_context context, vx_size rank, const vx_size *sizes,
                                vx_enum format, int8_t fraction);
EXPORT vx_tensor vxCreateTensor(vx_context context, vx_size rank, const vx_size *sizes,
                                vx_enum format, int8_t fraction)
{
    vx_tensor tensor = new_tensor(context, rank, format);
    if (!tensor)
        return NULL;
    for (size_t i = 0; i < rank; i++)
        tensor->type.shape.dim[rank - 1 - i] = (int64_t)sizes[i];
    tensor->type.quant = (ork_quant){.scheme = ORK_SCHEME_DFP, .fraction_length = fraction};
    tensor->data = calloc(bytes_of(&tensor->type), 1);
    return tensor;
}

EXPORT vx_tensor vxCreateTensor2(vx_context context, const vx_tensor_params *params, vx_size size);
EXPORT vx_tensor vxCreateTensor2(vx_context context, const vx_tensor_params *params, vx_size size)
{
    vx_tensor tensor = size == sizeof(*params) && params->quant_format == VX_QUANT_AFFINE
                           ? new_tensor(context, params->num_of_dims, params->data_format)
                           : NULL;
    if (!tensor)
        return NULL;
    for (uint32_t i = 0; i < params->num_of_dims; i++)
        tensor->type.shape.dim[params->num_of_dims - 1 - i] = params->sizes[i];
    tensor->type.quant = (ork_quant){.scheme = ORK_SCHEME_AFFINE,
                                     .scale = params->quant.affine.scale,
                                     .zero_point = params->quant.affine.zero_point};
    tensor->data = calloc(bytes_of(&tensor->type), 1);
    return tensor;
}

EXPORT vx_status vxReleaseTensor(vx_tensor *tensor);
EXPORT vx_status vxReleaseTensor(vx_tensor *tensor)
{
    (*tensor)->context->tensors--;
    free((*tensor)->data);
    free(*tensor);
    *tensor = NULL;
    return 0;
}

EXPORT vx_status vxCopyTensorPatch(vx_tensor tensor, vx_size rank, const vx_size *begin,
                                   const vx_size *end, const vx_size *stride, void *data,
                                   vx_enum usage, vx_enum memory);
EXPORT vx_status vxCopyTensorPatch(vx_tensor tensor, vx_size rank, const vx_size *begin,
                                   const vx_size *end, const vx_size *stride, void *data,
                                   vx_enum usage, vx_enum memory)
{
    vx_size step = ork_dtype_table[tensor->type.dtype].size;
    if (rank != (vx_size)tensor->type.shape.rank || memory != VX_MEMORY_HOST)
        return -1;
    for (size_t i = 0; i < rank; i++) { /* whole tensors without gaps */
        if (begin[i] != 0 || stride[i] != step ||
            end[i] != (vx_size)tensor->type.shape.dim[rank - 1 - i])
            return -1;
        step *= end[i];
    }
    memcpy(usage == VX_WRITE ? tensor->data : data, usage == VX_WRITE ? data : tensor->data, step);
    return 0;
}

EXPORT vx_object_array vxCreateTensorObjectArray(vx_context context, uint32_t count,
                                                 vx_tensor *tensors);
EXPORT vx_object_array vxCreateTensorObjectArray(vx_context context, uint32_t count,
                                                 vx_tensor *tensors)
{
    (void)context;
    if (count > MOST_PARTS)
        return NULL;
    vx_object_array array = calloc(1, sizeof(*array));
    array->count = (int)count;
    memcpy(array->items, tensors, count * sizeof(*tensors));
    return array;
}

EXPORT vx_status vxReleaseObjectArray(vx_object_array *array);
EXPORT vx_status vxReleaseObjectArray(vx_object_array *array)
{
    free(*array);
    *array = NULL;
    return 0;
}

/* ---- layers ---- */

static vx_node add(vx_graph graph, ork_op op, const ork_attrs *attrs, vx_tensor out)
{
    if (graph->count == MOST_NODES)
        return NULL;
    vx_node node = &graph->nodes[graph->count++];
    *node = (struct vx_node_object){.op = op, .attrs = *attrs, .out = out};
    return node;
}

static void feed(vx_node node, vx_tensor tensor)
{
    if (node && tensor)
        node->in[node->count++] = tensor;
}

/* The stride that sizes imply. */
static int64_t stride_of(vx_tensor in, vx_tensor out, int axis, int64_t reach, int64_t pad)
{
    const int64_t i = in->type.shape.dim[axis], o = out->type.shape.dim[axis];
    return o > 1 ? (i + 2 * pad - reach) / (o - 1) : 1;
}

EXPORT vx_node vxConvolutionLayer(vx_graph graph, vx_tensor in, vx_tensor weights, vx_tensor bias,
                                  const vx_convolution_params *p, vx_size size, vx_tensor out);
EXPORT vx_node vxConvolutionLayer(vx_graph graph, vx_tensor in, vx_tensor weights, vx_tensor bias,
                                  const vx_convolution_params *p, vx_size size, vx_tensor out)
{
    ork_attrs a = {0};
    if (size != sizeof(*p))
        return NULL;
    const int64_t pad[2] = {(int64_t)p->padding_y, (int64_t)p->padding_x};
    const int64_t apart[2] = {(int64_t)p->dilation_y + 1, (int64_t)p->dilation_x + 1};
    a.conv2d.groups = 1;
    for (int i = 0; i < 2; i++) {
        const int64_t reach = (weights->type.shape.dim[2 + i] - 1) * apart[i] + 1;
        a.conv2d.dilation.v[i] = apart[i];
        a.conv2d.pad.v[i] = a.conv2d.pad.v[2 + i] = pad[i];
        a.conv2d.stride.v[i] = stride_of(in, out, 2 + i, reach, pad[i]);
    }
    vx_node node = add(graph, ORK_OP_CONV2D, &a, out);
    feed(node, in);
    feed(node, weights);
    feed(node, bias);
    return node;
}

EXPORT vx_node vxFullyConnectedLayer(vx_graph graph, vx_tensor in, vx_tensor weights,
                                     vx_tensor bias, vx_enum overflow, vx_enum rounding,
                                     vx_tensor out);
EXPORT vx_node vxFullyConnectedLayer(vx_graph graph, vx_tensor in, vx_tensor weights,
                                     vx_tensor bias, vx_enum overflow, vx_enum rounding,
                                     vx_tensor out)
{
    (void)overflow;
    (void)rounding;
    vx_node node = add(graph, ORK_OP_LINEAR, &(ork_attrs){0}, out);
    feed(node, in);
    feed(node, weights);
    feed(node, bias);
    return node;
}

EXPORT vx_node vxPoolingLayer(vx_graph graph, vx_tensor in, vx_enum type, vx_size width,
                              vx_size height, vx_size pad_x, vx_size pad_y, vx_enum rounding,
                              vx_tensor out);
EXPORT vx_node vxPoolingLayer(vx_graph graph, vx_tensor in, vx_enum type, vx_size width,
                              vx_size height, vx_size pad_x, vx_size pad_y, vx_enum rounding,
                              vx_tensor out)
{
    ork_attrs a = {0};
    const int64_t kernel[2] = {(int64_t)height, (int64_t)width};
    const int64_t pad[2] = {(int64_t)pad_y, (int64_t)pad_x};
    if (rounding != VX_SIZE_FLOOR)
        return NULL;
    for (int i = 0; i < 2; i++) {
        a.max_pool2d.kernel.v[i] = kernel[i];
        a.max_pool2d.pad.v[i] = a.max_pool2d.pad.v[2 + i] = pad[i];
        a.max_pool2d.stride.v[i] = stride_of(in, out, 2 + i, kernel[i], pad[i]);
        a.max_pool2d.dilation.v[i] = 1;
    }
    vx_node node = add(graph, type == VX_POOL_MAX ? ORK_OP_MAX_POOL2D : ORK_OP_AVG_POOL2D, &a, out);
    feed(node, in);
    return node;
}

EXPORT vx_node vxActivationLayer(vx_graph graph, vx_tensor in, vx_enum function, float a, float b,
                                 vx_tensor out);
EXPORT vx_node vxActivationLayer(vx_graph graph, vx_tensor in, vx_enum function, float a, float b,
                                 vx_tensor out)
{
    static const ork_op ops[] = {ORK_OP_SIGMOID, ORK_OP_TANH, ORK_OP_RELU};
    if (function < VX_ACTIVATION_LOGISTIC || function > VX_ACTIVATION_RELU || a < 1 || b < 1)
        return NULL;
    vx_node node = add(graph, ops[function - VX_ACTIVATION_LOGISTIC], &(ork_attrs){0}, out);
    feed(node, in);
    return node;
}

EXPORT vx_node vxSoftmaxLayer(vx_graph graph, vx_tensor in, vx_tensor out);
EXPORT vx_node vxSoftmaxLayer(vx_graph graph, vx_tensor in, vx_tensor out)
{
    vx_node node = add(graph, ORK_OP_SOFTMAX, &(ork_attrs){.softmax.axis = 1}, out);
    feed(node, in);
    return node;
}

EXPORT vx_node vxConcatIndefiniteLayer(vx_graph graph, vx_object_array in,
                                       const vx_concat_params *p, vx_size size, vx_tensor out);
EXPORT vx_node vxConcatIndefiniteLayer(vx_graph graph, vx_object_array in,
                                       const vx_concat_params *p, vx_size size, vx_tensor out)
{
    const ork_attrs a = {.concat.axis = out->type.shape.rank - 1 - (int64_t)p->axis};
    vx_node node = size == sizeof(*p) ? add(graph, ORK_OP_CONCAT, &a, out) : NULL;
    for (int i = 0; i < in->count; i++)
        feed(node, in->items[i]);
    return node;
}

/* ---- running ---- */

EXPORT vx_status vxVerifyGraph(vx_graph graph);
EXPORT vx_status vxVerifyGraph(vx_graph graph)
{
    const char *limit = getenv("STANDIN_LIMIT");
    graph->verified = !limit || graph->count <= atoi(limit);
    return graph->verified ? 0 : -1;
}

/* The layer as a network of its own. */
static bool compute(vx_node node, ork_diag *diag)
{
    ork_graph *graph = ork_graph_new("layer");
    ork_value *in[MOST_PARTS];
    graph->stage = ORK_STAGE_QUANT;
    for (int i = 0; i < node->count; i++) {
        ork_type type = node->in[i]->type;
        const bool is_weight = node->op == ORK_OP_CONV2D || node->op == ORK_OP_LINEAR;
        if (type.dtype == ORK_I32)
            type.quant = (ork_quant){0};
        in[i] = i > 0 && is_weight ? ork_graph_add_constant(graph, "w", &type, node->in[i]->data)
                                   : ork_graph_add_input(graph, "x", &type);
    }
    ork_value *out = ork_graph_add(graph, diag, node->op, &node->attrs, in, node->count, "y");
    bool good = out && ork_shape_equal(&out->type.shape, &node->out->type.shape);
    if (good) {
        out->type = node->out->type;
        ork_graph_add_output(graph, out);
    }
    ork_plan *plan = good ? ork_plan_new(diag, graph, &(ork_plan_options){0}) : NULL;
    ork_runner *runner = plan ? ork_runner_new(diag, plan, NULL) : NULL;
    for (size_t i = 0; runner && i < graph->inputs.count; i++)
        ork_runner_set_input(runner, i,
                             &(ork_feed){.data = node->in[i]->data,
                                         .dtype = node->in[i]->type.dtype,
                                         .shape = node->in[i]->type.shape,
                                         .pass_through = true});
    if (runner) {
        ork_runner_run(runner);
        memcpy(node->out->data, ork_runner_output_raw(runner, 0), bytes_of(&node->out->type));
    }
    good = runner != NULL;
    ork_runner_free(runner);
    ork_plan_free(plan);
    ork_graph_free(graph);
    return good;
}

EXPORT vx_status vxProcessGraph(vx_graph graph);
EXPORT vx_status vxProcessGraph(vx_graph graph)
{
    ork_diag *diag = ork_diag_new();
    bool good = graph->verified;
    ork_cpu_limit(1u << ORK_ISA_C);
    for (int i = 0; good && i < graph->count; i++)
        good = compute(&graph->nodes[i], diag);
    ork_cpu_limit(UINT32_MAX);
    ork_diag_free(diag);
    return good ? 0 : -1;
}
