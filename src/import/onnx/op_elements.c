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

/* The slope broadcasts from the right, as other inputs do. Old exporters gave one number for each
   channel, which is not allowed, but understood. */
ORK_ONNX_HANDLER(prelu)
{
    ork_value *x = call->in[0], *slope = call->in[1];
    const ork_shape *s = &slope->type.shape, *shape = &x->type.shape;
    bool is_channels = s->rank == 1 && shape->rank > 2 && s->dim[0] == shape->dim[1] &&
                       s->dim[0] != 1 && s->dim[0] != shape->dim[shape->rank - 1];
    if (is_channels) {
        ork_shape channels = {.rank = shape->rank - 1, .dim = {s->dim[0]}};
        for (int i = 1; i < channels.rank; i++)
            channels.dim[i] = 1;
        slope = ork_build_reshape(onnx->build, slope, &channels);
    }
    return ork_onnx_result(call, ork_build_add2(onnx->build, ORK_OP_PRELU, x, slope));
}

/* The sign is that of the divisor, or with fmod that of what is divided. */
ORK_ONNX_HANDLER(mod)
{
    ork_op op = ork_onnx_int(call, "fmod", 0) ? ORK_OP_FMOD : ORK_OP_REMAINDER;
    return ork_onnx_result(call, ork_build_add2(onnx->build, op, call->in[0], call->in[1]));
}

/* Times or divided by a power of 2, in 64 bits. */
ORK_ONNX_HANDLER(bit_shift)
{
    static const char *const directions[] = {"LEFT", "RIGHT"};
    int right;
    ork_value *x = call->in[0];
    if (!ork_onnx_choice(onnx, call, "direction", directions, 2, 0, &right))
        return false;
    ork_value *count = ork_build_cast(onnx->build, call->in[1], ORK_I64);
    ork_value *power =
        ork_build_add2(onnx->build, ORK_OP_POW, ork_build_scalar(onnx->build, ORK_I64, 2.0), count);
    ork_value *y = ork_build_add2(onnx->build, right ? ORK_OP_FLOOR_DIV : ORK_OP_MUL,
                                  ork_build_cast(onnx->build, x, ORK_I64), power);
    return ork_onnx_result(call, ork_build_cast(onnx->build, y, x->type.dtype));
}

/* From left to right over any number of inputs. */
ORK_ONNX_HANDLER(variadic)
{
    ork_value *y = call->in[0];
    for (int i = 1; i < call->input_count; i++)
        y = call->in[i] ? ork_build_add2(onnx->build, (ork_op)param, y, call->in[i]) : NULL;
    return ork_onnx_result(call, y);
}

/* -1 - x, in 64 bits */
ORK_ONNX_HANDLER(bitwise_not)
{
    ork_value *x = ork_build_cast(onnx->build, call->in[0], ORK_I64);
    x = ork_build_add2(onnx->build, ORK_OP_SUB, ork_build_scalar(onnx->build, ORK_I64, -1.0), x);
    return ork_onnx_result(call, ork_build_cast(onnx->build, x, call->in[0]->type.dtype));
}

ORK_ONNX_HANDLER(mean)
{
    ork_value *y = call->in[0];
    for (int i = 1; i < call->input_count; i++)
        y = call->in[i] ? ork_build_add2(onnx->build, ORK_OP_ADD, y, call->in[i]) : NULL;
    if (call->input_count > 1)
        y = ork_onnx_with_number(onnx, ORK_OP_DIV, y, call->input_count);
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

/* Bounds that are computed. */
static bool clip_between(ork_onnx *onnx, ork_onnx_call *call)
{
    ork_value *y = call->in[0];
    if (call->in[1])
        y = ork_build_add2(onnx->build, ORK_OP_MAXIMUM, y, call->in[1]);
    if (call->in[2])
        y = ork_build_add2(onnx->build, ORK_OP_MINIMUM, y, call->in[2]);
    return ork_onnx_result(call, y);
}

ORK_ONNX_HANDLER(clip)
{
    bool good = true;
    for (int i = 1; i < call->input_count; i++)
        if (call->in[i] && call->in[i]->kind != ORK_VALUE_CONSTANT)
            return clip_between(onnx, call);
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

/* max(0, min(1, alpha x + beta)); 1/6 and 1/2 are what torch exports. */
ORK_ONNX_HANDLER(hard_sigmoid)
{
    double alpha = ork_onnx_float(call, "alpha", 0.2), beta = ork_onnx_float(call, "beta", 0.5);
    ork_value *x = call->in[0];
    if (fabs(alpha - 1.0 / 6.0) < 1e-6 && beta == 0.5)
        return ork_onnx_result(call, ork_build_add1(onnx->build, ORK_OP_HARD_SIGMOID, NULL, x));
    ork_attrs attrs = {.clip.low = 0.0, .clip.high = 1.0};
    ork_value *y = ork_onnx_with_number(onnx, ORK_OP_MUL, x, alpha);
    y = ork_onnx_with_number(onnx, ORK_OP_ADD, y, beta);
    return ork_onnx_result(call, ork_build_add1(onnx->build, ORK_OP_CLIP, &attrs, y));
}

ORK_ONNX_HANDLER(softplus)
{
    ork_attrs attrs = {.softplus.beta = 1.0, .softplus.threshold = 20.0};
    return ork_onnx_result(call, ork_build_add1(onnx->build, ORK_OP_SOFTPLUS, &attrs, call->in[0]));
}

ORK_ONNX_HANDLER(gelu)
{
    static const char *const names[] = {"none", "tanh"};
    ork_attrs attrs = {0};
    return ork_onnx_choice(onnx, call, "approximate", names, 2, 0, &attrs.gelu.approximate) &&
           ork_onnx_result(call, ork_build_add1(onnx->build, ORK_OP_GELU, &attrs, call->in[0]));
}

/* gamma elu(x) */
ORK_ONNX_HANDLER(selu)
{
    ork_attrs attrs = {.elu.alpha = ork_onnx_float(call, "alpha", 1.67326319217681884765625)};
    ork_value *y = ork_build_add1(onnx->build, ORK_OP_ELU, &attrs, call->in[0]);
    double gamma = ork_onnx_float(call, "gamma", 1.05070102214813232421875);
    return ork_onnx_result(call, ork_onnx_with_number(onnx, ORK_OP_MUL, y, gamma));
}

/* alpha elu(x / alpha) */
ORK_ONNX_HANDLER(celu)
{
    double alpha = ork_onnx_float(call, "alpha", 1.0);
    ork_attrs attrs = {.elu.alpha = 1.0};
    ork_value *y =
        alpha == 1.0 ? call->in[0] : ork_onnx_with_number(onnx, ORK_OP_DIV, call->in[0], alpha);
    y = ork_build_add1(onnx->build, ORK_OP_ELU, &attrs, y);
    if (alpha != 1.0)
        y = ork_onnx_with_number(onnx, ORK_OP_MUL, y, alpha);
    return ork_onnx_result(call, y);
}

/* x / (1 + |x|) */
ORK_ONNX_HANDLER(softsign)
{
    ork_value *y = ork_build_add1(onnx->build, ORK_OP_ABS, NULL, call->in[0]);
    y = ork_onnx_with_number(onnx, ORK_OP_ADD, y, 1.0);
    return ork_onnx_result(call, ork_build_add2(onnx->build, ORK_OP_DIV, call->in[0], y));
}

static ork_value *choose(ork_onnx *onnx, ork_value *condition, ork_value *a, ork_value *b)
{
    ork_value *inputs[] = {condition, a, b};
    return ork_build_add(onnx->build, ORK_OP_WHERE, NULL, inputs, 3);
}

ORK_ONNX_HANDLER(thresholded_relu)
{
    ork_value *x = call->in[0];
    ork_value *above =
        ork_onnx_with_number(onnx, ORK_OP_GREATER, x, ork_onnx_float(call, "alpha", 1.0));
    return ork_onnx_result(call, choose(onnx, above, x, ork_onnx_number_like(onnx, x, 0.0)));
}

/* Numbers near 0 become 0, the others come nearer to it. */
ORK_ONNX_HANDLER(shrink)
{
    ork_value *x = call->in[0];
    double lambda = ork_onnx_float(call, "lambd", 0.5), bias = ork_onnx_float(call, "bias", 0.0);
    ork_value *below = ork_onnx_with_number(onnx, ORK_OP_LESS, x, -lambda);
    ork_value *above = ork_onnx_with_number(onnx, ORK_OP_GREATER, x, lambda);
    ork_value *y = choose(onnx, above, ork_onnx_with_number(onnx, ORK_OP_SUB, x, bias),
                          ork_onnx_number_like(onnx, x, 0.0));
    return ork_onnx_result(call,
                           choose(onnx, below, ork_onnx_with_number(onnx, ORK_OP_ADD, x, bias), y));
}

/* Only what is not a number differs from itself. */
ORK_ONNX_HANDLER(is_nan)
{
    ork_value *x = call->in[0];
    return ork_onnx_result(call, ork_build_add2(onnx->build, ORK_OP_NOT_EQUAL, x, x));
}

ORK_ONNX_HANDLER(is_inf)
{
    ork_value *x = call->in[0];
    bool up = ork_onnx_int(call, "detect_positive", 1) != 0;
    bool down = ork_onnx_int(call, "detect_negative", 1) != 0;
    if (up && down)
        x = ork_build_add1(onnx->build, ORK_OP_ABS, NULL, x);
    else if (!up && !down)
        return ork_onnx_result(
            call, ork_build_filled(onnx->build, ORK_BOOL, &call->in[0]->type.shape, 0.0));
    return ork_onnx_result(call,
                           ork_onnx_with_number(onnx, ORK_OP_EQUAL, x, up ? INFINITY : -INFINITY));
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

ORK_ONNX_HANDLER(cast_like)
{
    return ork_onnx_result(call, ork_build_cast(onnx->build, call->in[0], call->in[1]->type.dtype));
}

/* Also Dropout, which does nothing outside of training; its mask is all true. */
ORK_ONNX_HANDLER(identity)
{
    if (call->output_count > 1)
        call->out[1] = ork_build_filled(onnx->build, ORK_BOOL, &call->in[0]->type.shape, 1.0);
    return ork_onnx_result(call, call->in[0]);
}
