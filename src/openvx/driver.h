/* SPDX-License-Identifier: Apache-2.0 */
/* What the driver's entry points take, written down anew from the specification of OpenVX 1.3 and
   its neural network extension; the vendor's structures as public users of them fill them. */
#ifndef ORK_OPENVX_DRIVER_H
#define ORK_OPENVX_DRIVER_H

#include "openvx.h"

typedef struct vx_context_object *vx_context;
typedef struct vx_graph_object *vx_graph;
typedef struct vx_node_object *vx_node;
typedef struct vx_tensor_object *vx_tensor;
typedef struct vx_object_array_object *vx_object_array;
typedef int32_t vx_enum, vx_status;
typedef size_t vx_size;

/* Khronos numbers its lists: an entry is the list's number << 12 and its own. */
enum {
    VX_READ = 0x11001, /* VX_READ_ONLY: out of a tensor */
    VX_WRITE = 0x11002,
    VX_MEMORY_HOST = 0xE001,
    VX_POLICY_SATURATE = 0xA001,
    VX_ROUND_TO_NEAREST_EVEN = 0x12002,
    VX_SIZE_FLOOR = 0x1A000, /* VX_NN_DS_SIZE_ROUNDING_FLOOR */
    VX_POOL_MAX = 0x1B000,
    VX_POOL_AVERAGE = 0x1B001,
    VX_ACTIVATION_LOGISTIC = 0x1D000,
    VX_ACTIVATION_TANH = 0x1D001,
    VX_ACTIVATION_RELU = 0x1D002,
    VX_INT8 = 2,
    VX_UINT8 = 3,
    VX_INT16 = 4,
    VX_INT32 = 6,
    VX_QUANT_NOTHING = 0, /* the vendor's */
    VX_QUANT_FIXED_POINT = 1,
    VX_QUANT_AFFINE = 2,
};

/* vx_nn_convolution_params_t. Strides follow from the sizes. */
typedef struct vx_convolution_params {
    vx_size padding_x, padding_y;
    vx_enum overflow_policy, rounding_policy, down_scale_size_rounding;
    vx_size dilation_x, dilation_y; /* elements that are put in between */
} vx_convolution_params;

/* vx_tensor_create_params_t, the vendor's. */
typedef struct vx_tensor_params {
    uint32_t num_of_dims;
    uint32_t *sizes;
    vx_enum data_format, quant_format;
    union {
        struct {
            int8_t fixed_point_pos;
        } dfp;
        struct {
            float scale;
            int32_t zero_point;
        } affine;
        struct {
            uint32_t channel, scale_count;
            float *scales;
            uint32_t zero_point_count;
            int32_t *zero_points;
        } affine_per_channel;
    } quant;
} vx_tensor_params;

typedef struct vx_concat_params {
    uint32_t axis; /* counted from the innermost */
} vx_concat_params;

struct ork_openvx {
    char *name;
    void *library;
    vx_context context;
    struct vx_calls {
#define ORK_VX_ENTRY(needed, result, name, parameters) result(*name) parameters;
#include "entries.def"
#undef ORK_VX_ENTRY
    } call;
};

/* layers.c: appends the node to the graph of a piece. `tensors` by value id. */
bool openvx_add_layer(ork_openvx *driver, vx_graph graph, const ork_node *node,
                      const vx_tensor *tensors);

#endif
