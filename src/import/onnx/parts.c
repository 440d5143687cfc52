/* SPDX-License-Identifier: Apache-2.0 */
/* Small pieces that operators are put together from. */
#include "onnx.h"

ork_value *ork_onnx_count_up(ork_onnx *onnx, int64_t count)
{
    void *data;
    ork_shape shape = ork_shape_of(1, &count);
    ork_value *constant = ork_build_constant(onnx->build, ORK_I64, &shape, &data);
    for (int64_t i = 0; constant && i < count; i++)
        ((int64_t *)data)[i] = i;
    return constant;
}

ork_value *ork_onnx_number_like(ork_onnx *onnx, const ork_value *x, double number)
{
    return x ? ork_build_scalar(onnx->build, x->type.dtype, number) : NULL;
}

ork_value *ork_onnx_with_number(ork_onnx *onnx, ork_op op, ork_value *x, double number)
{
    return ork_build_add2(onnx->build, op, x, ork_onnx_number_like(onnx, x, number));
}

ork_value *ork_onnx_backwards(ork_onnx *onnx, ork_value *x, int axis)
{
    if (!x)
        return NULL;
    int64_t size = x->type.shape.dim[axis];
    ork_shape length = {.rank = 1, .dim = {size}};
    void *order;
    ork_value *index = ork_build_constant(onnx->build, ORK_I64, &length, &order);
    for (int64_t i = 0; index && i < size; i++)
        ((int64_t *)order)[i] = size - 1 - i;
    ork_attrs attrs = {.gather.axis = axis};
    ork_value *inputs[] = {x, index};
    return ork_build_add(onnx->build, ORK_OP_GATHER, &attrs, inputs, 2);
}
