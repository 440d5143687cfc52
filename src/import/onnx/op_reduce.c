/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions. */
#include "onnx.h"

/* Axes are an attribute, or from version 18 on (ReduceSum: 13) an input. No axes mean all, or none
   with noop_with_empty_axes. */
ORK_ONNX_HANDLER(reduce)
{
    ork_ints axes;
    ork_value *x = call->in[0];
    bool keep = ork_onnx_int(call, "keepdims", 1) != 0;
    bool none_is_none = ork_onnx_int(call, "noop_with_empty_axes", 0) != 0;
    bool from_input = ork_onnx_attribute_of(call, "axes") == NULL;
    if (!(from_input ? ork_onnx_input_ints(onnx, call, 1, &axes)
                     : ork_onnx_ints(onnx, call, "axes", &axes)) ||
        !ork_onnx_axes(onnx, &axes, x->type.shape.rank, !none_is_none))
        return false;
    if (axes.count == 0)
        return ork_onnx_result(call, x);
    return ork_onnx_result(call, ork_build_reduce(onnx->build, (ork_op)param, x, &axes, keep));
}
