/* SPDX-License-Identifier: Apache-2.0 */
/* Normalization and softmax. */
#include "onnx.h"

/* Inputs with fewer than 4 axes get them, so that a convolution in front, which works on 4, can
   take the scale. */
ORK_ONNX_HANDLER(batch_norm)
{
    if (ork_onnx_int(call, "training_mode", 0) ||
        (call->output_count > 1 && *call->node->outputs.items[1]))
        return ork_build_unsupported(onnx->build, "in training mode") != NULL;
    return ork_onnx_result(call, ork_build_batch_norm(onnx->build, call->in[0], call->in + 1,
                                                      ork_onnx_float(call, "epsilon", 1e-5)));
}

static bool add_softmax(ork_onnx *onnx, ork_onnx_call *call, ork_op op, ork_value *x, int axis)
{
    ork_shape shape = call->in[0]->type.shape;
    ork_attrs attrs = {.softmax.axis = axis}; /* log_softmax keeps it at the same place */
    ork_value *y = ork_build_add1(onnx->build, op, &attrs, x);
    return ork_onnx_result(call, ork_build_reshape(onnx->build, y, &shape));
}

ORK_ONNX_HANDLER(softmax)
{
    int axis;
    ork_value *x = call->in[0];
    return ork_onnx_axis(onnx, ork_onnx_int(call, "axis", -1), x->type.shape.rank, &axis) &&
           add_softmax(onnx, call, (ork_op)param, x, axis);
}

/* Before version 13: over all axes from `axis` on at once. */
ORK_ONNX_HANDLER(softmax_flat)
{
    int axis;
    ork_value *x = call->in[0];
    const ork_shape *shape = &x->type.shape;
    if (!ork_onnx_axis(onnx, ork_onnx_int(call, "axis", 1), shape->rank, &axis))
        return false;
    if (axis == shape->rank - 1)
        return add_softmax(onnx, call, (ork_op)param, x, axis);
    int64_t dims[] = {ork_shape_span(shape, 0, axis), ork_shape_span(shape, axis, shape->rank)};
    return add_softmax(onnx, call, (ork_op)param, ork_build_reshape_to(onnx->build, x, 2, dims), 1);
}
