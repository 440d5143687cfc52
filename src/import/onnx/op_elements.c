/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of one and two elements. */
#include "onnx.h"

#include <float.h>
#include <math.h>

ORK_ONNX_HANDLER(unary)
{
    return ork_onnx_result(call, ork_build_add1(onnx->build, (ork_op)param, NULL, call->in[0]));
}

/* Up to version 6 the second input could be told where to broadcast. */
static ork_value *old_broadcast(ork_onnx *onnx, const ork_onnx_call *call)
{
    ork_value *a = call->in[0], *b = call->in[1];
    const ork_onnx_attribute *axis = ork_onnx_attribute_of(call, "axis");
    if (call->version > 6 || !axis || b->type.shape.rank == 0)
        return b;
    int first;
    if (!ork_onnx_axis(onnx, axis->integer, a->type.shape.rank, &first))
        return NULL;
    ork_shape shape = b->type.shape;
    while (shape.rank < a->type.shape.rank - first)
        shape.dim[shape.rank++] = 1;
    return ork_build_reshape(onnx->build, b, &shape);
}

ORK_ONNX_HANDLER(binary)
{
    ork_value *b = old_broadcast(onnx, call);
    return ork_onnx_result(call, ork_build_add2(onnx->build, (ork_op)param, call->in[0], b));
}

/* The slope broadcasts from the right, as other inputs do; exporters give it one axis fewer. */
ORK_ONNX_HANDLER(prelu)
{
    return ork_onnx_result(call,
                           ork_build_add2(onnx->build, ORK_OP_PRELU, call->in[0], call->in[1]));
}

/* From left to right over any number of inputs. */
ORK_ONNX_HANDLER(variadic)
{
    ork_value *y = call->in[0];
    for (int i = 1; i < call->input_count; i++)
        y = call->in[i] ? ork_build_add2(onnx->build, (ork_op)param, y, call->in[i]) : NULL;
    return ork_onnx_result(call, y);
}

static double attribute_or_input(ork_onnx *onnx, const ork_onnx_call *call, const char *name,
                                 int input, double standard, bool *good)
{
    double number = standard;
    if (call->version < 11)
        return ork_onnx_float(call, name, standard);
    *good = *good && ork_onnx_input_number(onnx, call, input, standard, &number);
    return number;
}

ORK_ONNX_HANDLER(clip)
{
    bool good = true;
    double low = attribute_or_input(onnx, call, "min", 1, -INFINITY, &good);
    double high = attribute_or_input(onnx, call, "max", 2, INFINITY, &good);
    if (!good)
        return false;
    bool is_relu = low == 0.0 && (isinf(high) || high >= (double)FLT_MAX);
    ork_attrs attrs = {0};
    attrs.clip.low = low;
    attrs.clip.high = high;
    return ork_onnx_result(call, ork_build_add1(onnx->build, is_relu ? ORK_OP_RELU : ORK_OP_CLIP,
                                                is_relu ? NULL : &attrs, call->in[0]));
}

ORK_ONNX_HANDLER(leaky_relu)
{
    ork_attrs attrs = {.leaky_relu.alpha = ork_onnx_float(call, "alpha", 0.01)};
    return ork_onnx_result(call,
                           ork_build_add1(onnx->build, ORK_OP_LEAKY_RELU, &attrs, call->in[0]));
}

ORK_ONNX_HANDLER(elu)
{
    ork_attrs attrs = {.elu.alpha = ork_onnx_float(call, "alpha", 1.0)};
    return ork_onnx_result(call, ork_build_add1(onnx->build, ORK_OP_ELU, &attrs, call->in[0]));
}

static ork_value *number_like(ork_onnx *onnx, const ork_value *x, double number)
{
    return ork_build_scalar(onnx->build, x->type.dtype, number);
}

/* max(0, min(1, alpha x + beta)); 1/6 and 1/2 are what torch exports. */
ORK_ONNX_HANDLER(hard_sigmoid)
{
    double alpha = ork_onnx_float(call, "alpha", 0.2), beta = ork_onnx_float(call, "beta", 0.5);
    ork_value *x = call->in[0];
    if (fabs(alpha - 1.0 / 6.0) < 1e-6 && beta == 0.5)
        return ork_onnx_result(call, ork_build_add1(onnx->build, ORK_OP_HARD_SIGMOID, NULL, x));
    ork_attrs attrs = {.clip.low = 0.0, .clip.high = 1.0};
    ork_value *y = ork_build_add2(onnx->build, ORK_OP_MUL, x, number_like(onnx, x, alpha));
    y = ork_build_add2(onnx->build, ORK_OP_ADD, y, number_like(onnx, x, beta));
    return ork_onnx_result(call, ork_build_add1(onnx->build, ORK_OP_CLIP, &attrs, y));
}

ORK_ONNX_HANDLER(softplus)
{
    ork_attrs attrs = {.softplus.beta = 1.0, .softplus.threshold = 20.0};
    return ork_onnx_result(call, ork_build_add1(onnx->build, ORK_OP_SOFTPLUS, &attrs, call->in[0]));
}

ORK_ONNX_HANDLER(where)
{
    return ork_onnx_result(call, ork_build_add(onnx->build, ORK_OP_WHERE, NULL, call->in, 3));
}

ORK_ONNX_HANDLER(cast)
{
    ork_dtype dtype;
    int64_t to = ork_onnx_int(call, "to", ORK_ONNX_UNDEFINED);
    if (!ork_onnx_dtype(to, &dtype))
        return ork_build_unsupported(onnx->build, "to %s", ork_onnx_type_name(to)) != NULL;
    return ork_onnx_result(call, ork_build_cast(onnx->build, call->in[0], dtype));
}

/* Also Dropout, which does nothing outside of training; its mask is all true. */
ORK_ONNX_HANDLER(identity)
{
    if (call->output_count > 1)
        call->out[1] = ork_build_filled(onnx->build, ORK_BOOL, &call->in[0]->type.shape, 1.0);
    return ork_onnx_result(call, call->in[0]);
}
