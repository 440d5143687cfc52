/* SPDX-License-Identifier: Apache-2.0 */
/* Networks that are quantized in the file: QuantizeLinear and DequantizeLinear around operators on
   floats, operators on integers of the QLinear kind with their scales as inputs, and products of
   whole numbers. All become operators on floats between conversions; see build.h. */
#include "onnx.h"

#include <math.h>
#include <string.h>

/* ---- one tensor ------------------------------------------------------------------------ */

static ork_value *number(ork_onnx *onnx, double value)
{
    return ork_build_scalar(onnx->build, ORK_F32, value);
}

/* Operands are made one after the other, as long as there is no error: folding a constant forgets
   the error of another operand. */
static ork_value *binary(ork_onnx *onnx, ork_op op, ork_value *a, ork_value *b)
{
    return ork_build_add2(onnx->build, op, a, b);
}

static ork_value *as_float(ork_onnx *onnx, ork_value *value)
{
    return ork_build_cast(onnx->build, value, ORK_F32);
}

/* A vector along `axis` of a tensor with `rank` axes, as floats that broadcast. */
static ork_value *along(ork_onnx *onnx, ork_value *vector, int rank, int axis)
{
    ork_shape shape = {.rank = rank};
    for (int i = 0; i < rank; i++)
        shape.dim[i] = 1;
    if (ork_shape_count(&vector->type.shape) == 1)
        shape.rank = 0;
    else
        shape.dim[axis] = ork_shape_count(&vector->type.shape);
    return as_float(onnx, ork_build_reshape(onnx->build, vector, &shape));
}

/* What a tensor is quantized with. */
typedef struct scaling {
    ork_value *scale, *zero_point; /* zero_point may be NULL: 0 */
    int axis;
} scaling;

static bool is_constant(const ork_value *value)
{
    return !value || value->kind == ORK_VALUE_CONSTANT;
}

/* False when it is only known while the network runs. */
static bool is_known(const scaling *s)
{
    return is_constant(s->scale) && is_constant(s->zero_point);
}

/* (x - zero_point) * scale, spelled out. */
static ork_value *spell_dequantize(ork_onnx *onnx, ork_value *x, const scaling *s)
{
    int rank = x->type.shape.rank;
    ork_value *real = as_float(onnx, ork_build_whole_numbers(onnx->build, x));
    if (real && s->zero_point)
        real = binary(onnx, ORK_OP_SUB, real, along(onnx, s->zero_point, rank, s->axis));
    return real ? binary(onnx, ORK_OP_MUL, real, along(onnx, s->scale, rank, s->axis)) : NULL;
}

static ork_value *dequantized(ork_onnx *onnx, ork_value *x, const scaling *s)
{
    ork_quant quant;
    if (!x || !s->scale)
        return ork_build_unsupported(onnx->build, "without a scale");
    if (!is_known(s))
        return spell_dequantize(onnx, x, s);
    if (!ork_build_quant(onnx->build, &x->type, s->scale, s->zero_point, s->axis, &quant))
        return NULL;
    ork_dtype dtype = x->type.dtype;
    bool is_weight = x->kind == ORK_VALUE_CONSTANT;
    bool has_type = dtype == ORK_U8 || dtype == ORK_I8 || (is_weight && dtype == ORK_I32);
    bool has_form = has_type && (is_weight || quant.scheme == ORK_SCHEME_AFFINE);
    ork_value *quantized = has_form ? ork_build_as_quantized(onnx->build, x, &quant) : NULL;
    if (quantized)
        return ork_build_dequantize(onnx->build, quantized);
    return ork_diag_error_id(onnx->diag) == ORK_ERR_NONE ? spell_dequantize(onnx, x, s) : NULL;
}

/* Types as ONNX has them: an i32 stands for uint16. */
static const struct {
    ork_dtype dtype;
    double min, max;
} stored_types[] = {
    {ORK_U8, 0, UINT8_MAX},
    {ORK_I8, INT8_MIN, INT8_MAX},
    {ORK_I16, INT16_MIN, INT16_MAX},
    {ORK_I32, 0, UINT16_MAX},
};

/* clip(round(x / scale) + zero_point), spelled out. */
static ork_value *spell_quantize(ork_onnx *onnx, ork_value *x, const scaling *s, size_t type)
{
    int rank = x->type.shape.rank;
    ork_attrs limits = {0};
    limits.clip.low = stored_types[type].min;
    limits.clip.high = stored_types[type].max;
    ork_value *q = as_float(onnx, x);
    if (q)
        q = binary(onnx, ORK_OP_DIV, q, along(onnx, s->scale, rank, s->axis));
    q = ork_build_add1(onnx->build, ORK_OP_ROUND, NULL, q);
    if (q && s->zero_point)
        q = binary(onnx, ORK_OP_ADD, q, along(onnx, s->zero_point, rank, s->axis));
    q = ork_build_add1(onnx->build, ORK_OP_CLIP, &limits, q);
    return ork_build_cast(onnx->build, q, stored_types[type].dtype);
}

static ork_value *quantized(ork_onnx *onnx, ork_value *x, const scaling *s, ork_dtype dtype)
{
    ork_quant quant;
    size_t type = 0;
    if (!x || !s->scale)
        return x ? ork_build_unsupported(onnx->build, "without a scale") : NULL;
    while (type < ORK_COUNT(stored_types) && stored_types[type].dtype != dtype)
        type++;
    if (type == ORK_COUNT(stored_types))
        return ork_build_unsupported(onnx->build, "to %s", ork_dtype_table[dtype].name);
    if (!is_known(s))
        return spell_quantize(onnx, x, s, type);
    ork_type wanted = {.dtype = dtype, .shape = x->type.shape};
    if (!ork_build_quant(onnx->build, &wanted, s->scale, s->zero_point, s->axis, &quant))
        return NULL;
    bool has_type = dtype == ORK_U8 || dtype == ORK_I8;
    if (has_type && (x->kind == ORK_VALUE_CONSTANT || quant.scheme == ORK_SCHEME_AFFINE))
        return ork_build_quantize(onnx->build, as_float(onnx, x), dtype, &quant);
    return spell_quantize(onnx, x, s, type);
}

/* Reads the axis, which does not count where there is one scale. */
static bool scaling_of(ork_onnx *onnx, const ork_onnx_call *call, scaling *s)
{
    int64_t axis = ork_onnx_int(call, "axis", 1), rank = call->in[0]->type.shape.rank;
    *s = (scaling){call->in[1], call->in[2], 0};
    if (ork_onnx_int(call, "block_size", 0) != 0)
        return ork_build_unsupported(onnx->build, "in blocks") != NULL;
    if (ork_shape_count(&s->scale->type.shape) == 1)
        return true;
    if (axis < -rank || axis >= rank)
        return ork_build_bad_numbers(onnx->build, "axis %lld of a tensor with %d axes",
                                     (long long)axis, (int)rank) != NULL;
    s->axis = (int)(axis < 0 ? axis + rank : axis);
    return true;
}

ORK_ONNX_HANDLER(quantize_linear)
{
    scaling s;
    ork_dtype dtype = call->in[2] ? call->in[2]->type.dtype : ORK_U8;
    int64_t to = ork_onnx_int(call, "output_dtype", ORK_ONNX_UNDEFINED);
    if (to != ORK_ONNX_UNDEFINED && !ork_onnx_dtype(to, &dtype))
        return ork_build_unsupported(onnx->build, "to %s", ork_onnx_type_name(to)) != NULL;
    return scaling_of(onnx, call, &s) &&
           ork_onnx_result(call, quantized(onnx, call->in[0], &s, dtype));
}

ORK_ONNX_HANDLER(dequantize_linear)
{
    scaling s;
    return scaling_of(onnx, call, &s) && ork_onnx_result(call, dequantized(onnx, call->in[0], &s));
}

/* Scale and zero point from the range that the tensor has while the network runs. */
ORK_ONNX_HANDLER(dynamic_quantize_linear)
{
    ork_build *build = onnx->build;
    ork_value *x = call->in[0];
    ork_ints axes = {0};
    for (; axes.count < x->type.shape.rank; axes.count++)
        axes.v[axes.count] = axes.count;
    ork_value *high = ork_build_reduce(build, ORK_OP_REDUCE_MAX, x, &axes, false);
    ork_value *low = high ? ork_build_reduce(build, ORK_OP_REDUCE_MIN, x, &axes, false) : NULL;
    if (!low)
        return false;
    high = binary(onnx, ORK_OP_MAXIMUM, high, number(onnx, 0));
    low = binary(onnx, ORK_OP_MINIMUM, low, number(onnx, 0));
    scaling s = {.scale = binary(onnx, ORK_OP_DIV, binary(onnx, ORK_OP_SUB, high, low),
                                 number(onnx, UINT8_MAX))};
    ork_value *zero = ork_build_add1(build, ORK_OP_NEG, NULL, low);
    zero = binary(onnx, ORK_OP_DIV, zero, s.scale);
    zero = ork_build_add1(build, ORK_OP_ROUND, NULL, zero);
    ork_attrs limits = {.clip.high = UINT8_MAX};
    zero = ork_build_add1(build, ORK_OP_CLIP, &limits, zero);
    s.zero_point = ork_build_cast(build, zero, ORK_U8);
    if (!s.zero_point)
        return false;
    call->out[1] = s.scale;
    call->out[2] = s.zero_point;
    return ork_onnx_result(call, spell_quantize(onnx, x, &s, 0));
}

/* ---- operators of the QLinear kind ----------------------------------------------------- */

/* The inputs of such an operator: quantized tensors, each with scale and zero point, and scale and
   zero point of the result; the operator on floats that it stands for. */
typedef struct qlinear {
    const char *name;
    ork_onnx_handler handler;
    int param;
    int tensors, first; /* so many triples from input `first` on; 0: all there are */
    int bias;           /* whole numbers of the scale of both tensors' product; 0: none */
    int result;         /* input with the scale of the result */
} qlinear;

static const qlinear rows[] = {
    {"QLinearConv", ork_onnx_op_conv, 0, 2, 0, 8, 6},
    {"QLinearMatMul", ork_onnx_op_matmul, 0, 2, 0, 0, 6},
    {"QGemm", ork_onnx_op_gemm, 0, 2, 0, 6, 7},
    {"QLinearAdd", ork_onnx_op_binary, ORK_OP_ADD, 2, 0, 0, 6},
    {"QLinearMul", ork_onnx_op_binary, ORK_OP_MUL, 2, 0, 0, 6},
    {"QLinearSigmoid", ork_onnx_op_unary, ORK_OP_SIGMOID, 1, 0, 0, 3},
    {"QLinearLeakyRelu", ork_onnx_op_leaky_relu, 0, 1, 0, 0, 3},
    {"QLinearAveragePool", ork_onnx_op_pool, ORK_OP_AVG_POOL2D, 1, 0, 0, 3},
    {"QLinearGlobalAveragePool", ork_onnx_op_global_pool, ORK_OP_REDUCE_MEAN, 1, 0, 0, 3},
    {"QLinearSoftmax", ork_onnx_op_softmax, ORK_OP_SOFTMAX, 1, 0, 0, 3},
    {"QLinearConcat", ork_onnx_op_concat, 0, 0, 2, 0, 0},
};

static const qlinear *row_of(const char *name)
{
    size_t i = 0;
    while (strcmp(rows[i].name, name) != 0)
        i++;
    return &rows[i];
}

/* Before operator set 13, which an attribute tells, softmax was over all axes from one on. */
static bool run_inner(ork_onnx *onnx, ork_onnx_call *inner, const qlinear *row)
{
    enum { NEW_SOFTMAX = 13 };
    bool flat = row->handler == ork_onnx_op_softmax &&
                ork_onnx_int(inner, "opset", NEW_SOFTMAX) < NEW_SOFTMAX;
    return (flat ? ork_onnx_op_softmax_flat : row->handler)(onnx, inner, row->param);
}

/* Of a weight the scales lie along its outputs: the first axis, of matrices that are not transposed
   the last. */
static int weight_axis(const ork_onnx_call *call, const qlinear *row, const ork_value *tensor)
{
    bool first = row->handler == ork_onnx_op_conv || ork_onnx_int(call, "transB", 0) != 0;
    return first || tensor->type.shape.rank == 0 ? 0 : tensor->type.shape.rank - 1;
}

/* Both tensors' scales make that of the bias: in float32, as runtimes have it. */
static ork_value *bias_scale(ork_onnx *onnx, const qlinear *row, const ork_onnx_call *call)
{
    ork_value *x = call->in[row->first + 1], *weight = call->in[row->first + 4];
    ork_shape scalar = {0}, vector = {.rank = 1};
    if (!x || !weight || ork_shape_count(&x->type.shape) != 1)
        return ork_build_unsupported(onnx->build, "an input with several scales, or none");
    vector.dim[0] = ork_shape_count(&weight->type.shape);
    x = ork_build_reshape(onnx->build, x, &scalar);
    return x ? binary(onnx, ORK_OP_MUL, x, ork_build_reshape(onnx->build, weight, &vector)) : NULL;
}

static bool take_tensors(ork_onnx *onnx, const ork_onnx_call *call, const qlinear *row, int count,
                         ork_onnx_call *inner)
{
    if (count < 1)
        return ork_build_unsupported(onnx->build, "without tensors") != NULL;
    for (int i = 0; i < count; i++) {
        ork_value *const *in = call->in + row->first + 3 * i;
        scaling s = {in[1], in[2], 0};
        if (!in[0])
            return ork_build_unsupported(onnx->build, "without one of its tensors") != NULL;
        if (i == 1)
            s.axis = weight_axis(call, row, in[0]);
        inner->in[i] = dequantized(onnx, in[0], &s);
        if (!inner->in[i])
            return false;
    }
    inner->input_count = count;
    return true;
}

static bool take_bias(ork_onnx *onnx, const ork_onnx_call *call, const qlinear *row,
                      ork_onnx_call *inner)
{
    if (row->bias == 0 || row->bias >= call->input_count || !call->in[row->bias])
        return true;
    scaling s = {.scale = bias_scale(onnx, row, call)};
    ork_value *bias = call->in[row->bias];
    if (bias->type.shape.rank > 0)
        s.axis = bias->type.shape.rank - 1;
    inner->in[inner->input_count++] = s.scale ? dequantized(onnx, bias, &s) : NULL;
    return inner->in[inner->input_count - 1] != NULL;
}

static bool refuse_other_layouts(ork_onnx *onnx, const ork_onnx_call *call)
{
    if (ork_onnx_int(call, "channels_last", 0) == 0)
        return true;
    return ork_build_unsupported(onnx->build, "with channels in the last axis") != NULL;
}

ORK_ONNX_HANDLER(qlinear)
{
    enum { SPARE = 16, NEWEST = 22 };
    const qlinear *row = row_of(call->node->op);
    int count = row->tensors ? row->tensors : (call->input_count - row->first + 1) / 3;
    ork_onnx_call inner = *call;
    inner.in = ORK_NEW_ARRAY(onnx->arena, ork_value *, (size_t)call->input_count + SPARE);
    inner.version = NEWEST;
    if (!refuse_other_layouts(onnx, call) || !take_tensors(onnx, call, row, count, &inner) ||
        !take_bias(onnx, call, row, &inner) || !run_inner(onnx, &inner, row))
        return false;
    scaling s = {call->in[row->result], call->in[row->result + 1], 0};
    if (!s.scale) /* a Gemm may give floats */
        return row->handler == ork_onnx_op_gemm ||
               ork_build_unsupported(onnx->build, "without a scale of its result") != NULL;
    ork_dtype dtype = s.zero_point ? s.zero_point->type.dtype : call->in[row->first]->type.dtype;
    return ork_onnx_result(call, quantized(onnx, call->out[0], &s, dtype));
}

/* ---- products of whole numbers --------------------------------------------------------- */

/* The tensor less its zero point, as floats. */
static ork_value *less_zero(ork_onnx *onnx, ork_value *x, ork_value *zero, int axis)
{
    x = as_float(onnx, ork_build_whole_numbers(onnx->build, x));
    if (!zero || !x)
        return x;
    return binary(onnx, ORK_OP_SUB, x, along(onnx, zero, x->type.shape.rank, axis));
}

/* Sums below 2^24 are exact: they are computed in float32. param: ORK_OP_CONV2D or MATMUL */
ORK_ONNX_HANDLER(integer_product)
{
    ork_onnx_call inner = *call;
    ork_value *in[4] = {NULL};
    int rank = call->in[0]->type.shape.rank, weight_rank = call->in[1]->type.shape.rank;
    bool is_conv = param == ORK_OP_CONV2D;
    inner.in = in;
    inner.input_count = 2;
    in[0] = less_zero(onnx, call->in[0], call->in[2], rank > 1 ? rank - 2 : 0);
    if (in[0])
        in[1] = less_zero(onnx, call->in[1], call->in[3],
                          is_conv || !weight_rank ? 0 : weight_rank - 1);
    if (!in[1] ||
        !(is_conv ? ork_onnx_op_conv(onnx, &inner, 0) : ork_onnx_op_matmul(onnx, &inner, 0)))
        return false;
    return ork_onnx_result(call, ork_build_cast(onnx->build, call->out[0], ORK_I32));
}

/* ---- quantized tensors in all other operators ------------------------------------------ */

static const ork_onnx_handler knowing[] = {
    ork_onnx_op_quantize_linear, ork_onnx_op_dequantize_linear, ork_onnx_op_qlinear,
    ork_onnx_op_integer_product, ork_onnx_op_identity,
};

/* What moves numbers, or picks the greatest, does the same to integers and to real numbers. */
static const ork_onnx_handler moving[] = {
    ork_onnx_op_reshape,        ork_onnx_op_flatten, ork_onnx_op_squeeze,
    ork_onnx_op_unsqueeze,      ork_onnx_op_expand,  ork_onnx_op_transpose,
    ork_onnx_op_concat,         ork_onnx_op_split,   ork_onnx_op_slice,
    ork_onnx_op_depth_to_space, ork_onnx_op_pad,     ork_onnx_op_space_to_depth,
    ork_onnx_op_gather,         ork_onnx_op_resize,  ork_onnx_op_shape,
    ork_onnx_op_size,
};

static bool is_among(const ork_onnx_handler *handlers, size_t count, ork_onnx_handler handler)
{
    for (size_t i = 0; i < count; i++)
        if (handlers[i] == handler)
            return true;
    return false;
}

static const ork_value *first_quantized(const ork_onnx_call *call)
{
    for (int i = 0; i < call->input_count; i++)
        if (ork_build_is_quantized(call->in[i]))
            return call->in[i];
    return NULL;
}

/* Joined tensors must mean the same by their integers. */
static bool moves_numbers(const ork_onnx_call *call, const ork_onnx_op *op, const ork_type *type)
{
    bool is_max = op->handler == ork_onnx_op_pool && op->param == ORK_OP_MAX_POOL2D;
    if (!is_max && !is_among(moving, ORK_COUNT(moving), op->handler))
        return false;
    for (int i = 0; op->handler == ork_onnx_op_concat && i < call->input_count; i++)
        if (!call->in[i] || call->in[i]->type.dtype != type->dtype ||
            !ork_quant_equal(&call->in[i]->type.quant, &type->quant, 0))
            return false;
    return ork_build_is_quantized(call->in[0]);
}

/* The padding is a whole number too. */
static bool real_padding(ork_onnx *onnx, ork_onnx_call *inner, const ork_quant *quant)
{
    double pad;
    if (!ork_onnx_input_number(onnx, inner, 2, 0, &pad))
        return false;
    inner->in[2] = number(onnx, (pad - quant->zero_point) * (double)quant->scale);
    inner->input_count = inner->input_count > 3 ? inner->input_count : 3;
    return inner->in[2] != NULL;
}

static bool move_quantized(ork_onnx *onnx, ork_onnx_call *call, const ork_onnx_op *op,
                           ork_onnx_call *inner, const ork_type *type)
{
    for (int i = 0; i < call->input_count; i++)
        if (ork_build_is_quantized(call->in[i]) &&
            !(inner->in[i] = ork_build_dequantize(onnx->build, call->in[i])))
            return false;
    if (op->handler == ork_onnx_op_pad && call->version >= 11 &&
        !real_padding(onnx, inner, &type->quant))
        return false;
    if (!op->handler(onnx, inner, op->param))
        return false;
    for (int i = 0; i < call->output_count; i++)
        if (call->out[i] && call->out[i]->type.dtype == ORK_F32)
            call->out[i] = ork_build_quantize(onnx->build, call->out[i], type->dtype, &type->quant);
    return true;
}

bool ork_onnx_run_op(ork_onnx *onnx, ork_onnx_call *call, const ork_onnx_op *op)
{
    const ork_value *found = first_quantized(call);
    if (!found || is_among(knowing, ORK_COUNT(knowing), op->handler))
        return op->handler(onnx, call, op->param);
    enum { SPARE = 16 };
    ork_type type = found->type;
    ork_onnx_call inner = *call;
    inner.in = ORK_NEW_ARRAY(onnx->arena, ork_value *, (size_t)call->input_count + SPARE);
    memcpy(inner.in, call->in, (size_t)call->input_count * sizeof(*inner.in));
    if (moves_numbers(call, op, &type))
        return move_quantized(onnx, call, op, &inner, &type);
    for (int i = 0; i < call->input_count; i++)
        if (ork_build_is_quantized(call->in[i]) &&
            !(inner.in[i] = ork_build_whole_numbers(onnx->build, call->in[i])))
            return false;
    return op->handler(onnx, &inner, op->param);
}
