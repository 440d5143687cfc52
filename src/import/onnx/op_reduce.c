/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions. */
#include "onnx.h"

/* Axes are an attribute, or from version 18 on (ReduceSum: 13) an input. No axes mean all, or none
   with noop_with_empty_axes. */
static bool take_axes(ork_onnx *onnx, const ork_onnx_call *call, ork_ints *axes)
{
    bool none_is_none = ork_onnx_int(call, "noop_with_empty_axes", 0) != 0;
    bool from_input = ork_onnx_attribute_of(call, "axes") == NULL;
    return (from_input ? ork_onnx_input_ints(onnx, call, 1, axes)
                       : ork_onnx_ints(onnx, call, "axes", axes)) &&
           ork_onnx_axes(onnx, axes, call->in[0]->type.shape.rank, !none_is_none);
}

typedef struct reduction {
    ork_onnx *onnx;
    ork_ints axes;
    bool keep;
} reduction;

static ork_value *reduced(const reduction *r, ork_op op, ork_value *x)
{
    return x && r->axes.count > 0 ? ork_build_reduce(r->onnx->build, op, x, &r->axes, r->keep) : x;
}

static ork_value *function(const reduction *r, ork_op op, ork_value *x)
{
    return ork_build_add1(r->onnx->build, op, NULL, x);
}

static ork_value *sum_of_absolutes(const reduction *r, ork_value *x)
{
    return reduced(r, ORK_OP_REDUCE_SUM, function(r, ORK_OP_ABS, x));
}

static ork_value *sum_of_squares(const reduction *r, ork_value *x)
{
    return reduced(r, ORK_OP_REDUCE_SUM, ork_build_add2(r->onnx->build, ORK_OP_MUL, x, x));
}

static ork_value *root_of_squares(const reduction *r, ork_value *x)
{
    return function(r, ORK_OP_SQRT, sum_of_squares(r, x));
}

static ork_value *log_of_sum(const reduction *r, ork_value *x)
{
    return function(r, ORK_OP_LOG, reduced(r, ORK_OP_REDUCE_SUM, x));
}

/* The greatest is taken out first, so that no power overflows. */
static ork_value *log_of_powers(const reduction *r, ork_value *x)
{
    reduction kept = *r;
    kept.keep = true;
    ork_value *greatest = reduced(&kept, ORK_OP_REDUCE_MAX, x);
    ork_value *rest = ork_build_add2(r->onnx->build, ORK_OP_SUB, x, greatest);
    ork_value *y = log_of_sum(r, function(r, ORK_OP_EXP, rest));
    greatest = y && greatest ? ork_build_reshape(r->onnx->build, greatest, &y->type.shape) : NULL;
    return ork_build_add2(r->onnx->build, ORK_OP_ADD, y, greatest);
}

ORK_ONNX_HANDLER(reduce)
{
    reduction r = {.onnx = onnx, .keep = ork_onnx_int(call, "keepdims", 1) != 0};
    return take_axes(onnx, call, &r.axes) &&
           ork_onnx_result(call, reduced(&r, (ork_op)param, call->in[0]));
}

static ork_value *(*const spelled[])(const reduction *, ork_value *) = {
    [ORK_ONNX_L1] = sum_of_absolutes,       [ORK_ONNX_L2] = root_of_squares,
    [ORK_ONNX_SUM_SQUARE] = sum_of_squares, [ORK_ONNX_LOG_SUM] = log_of_sum,
    [ORK_ONNX_LOG_SUM_EXP] = log_of_powers,
};

/* param: an ork_onnx_reduction */
ORK_ONNX_HANDLER(reduce_spelled)
{
    reduction r = {.onnx = onnx, .keep = ork_onnx_int(call, "keepdims", 1) != 0};
    return take_axes(onnx, call, &r.axes) && ork_onnx_result(call, spelled[param](&r, call->in[0]));
}
