/* SPDX-License-Identifier: Apache-2.0 */
/* Networks quantized by torch's eager mode: operators of ops.quantized, which take packed weights
   and the scale and zero point of their result, and all others on quantized tensors. They become
   operators on floats between conversions; see build.h. */
#include "script.h"

#include <string.h>

/* ---- packed weights -------------------------------------------------------------------- */

/* What the objects called _packed_params hold, as a tuple. */
enum {
    WEIGHT,
    BIAS,
    STRIDE,
    PADDING,
    DILATION,
    OUTPUT_PADDING,
    GROUPS,
    CONV_PARTS,
    LINEAR_PARTS = 2
};

static ork_ts_value *part_of(ork_ts *ts, const ork_pickle_value *pickled, const char *name,
                             const char *folder, int depth)
{
    return pickled ? ork_ts_from_pickle(ts, pickled, name, folder, depth) : NULL;
}

/* The weight is called as the layer's weight is before quantization. */
static ork_ts_value *packed_from(ork_ts *ts, const ork_pickle_value *state, const size_t *places,
                                 size_t count, const char *name, const char *folder, int depth)
{
    ork_ts_value **parts = ORK_NEW_ARRAY(ts->arena, ork_ts_value *, CONV_PARTS);
    for (size_t i = 0; i < count; i++) {
        const char *part = i == WEIGHT ? "weight" : i == BIAS ? "bias" : "setting";
        parts[i] = part_of(ts, ork_pickle_item(state, places[i]),
                           ork_arena_printf(ts->arena, "%s.%s", name, part), folder, depth);
        if (!parts[i])
            return NULL;
    }
    return ork_ts_list(ts, ORK_TS_TUPLE, parts, count);
}

/* The tuple that a quantized convolution is pickled as: channels in, channels out, kernel, stride,
   padding, dilation, transposed, output padding, groups, padding mode, weight, bias, ... */
ork_ts_value *ork_ts_packed_conv(ork_ts *ts, const ork_pickle_value *state, const char *name,
                                 const char *folder, int depth)
{
    static const size_t places[CONV_PARTS] = {
        [WEIGHT] = 10,  [BIAS] = 11,          [STRIDE] = 3, [PADDING] = 4,
        [DILATION] = 5, [OUTPUT_PADDING] = 7, [GROUPS] = 8,
    };
    enum { PADDING_MODE = 9, ITEMS = 15 };
    const char *mode = ork_pickle_text(ork_pickle_item(state, PADDING_MODE));
    if (ork_pickle_count(state) != ITEMS || !mode)
        return NULL;
    ork_ts_value *packed = packed_from(ts, state, places, CONV_PARTS, name, folder, depth);
    if (packed && strcmp(mode, "zeros") != 0) /* the code pads before the convolution */
        packed->list.items[PADDING] = ork_ts_int(ts, 0);
    return packed;
}

static ork_ts_value *item(const ork_ts_value *list, size_t index)
{
    return list && ork_ts_is_sequence(list) && index < list->list.count ? list->list.items[index]
                                                                        : NULL;
}

/* Settings of a convolution over k axes: k, then stride, padding, dilation and output padding of
   each, groups, and whether it is transposed. */
static ork_ts_value *conv_from_settings(ork_ts *ts, const ork_value *settings)
{
    ork_ts_value **parts = ORK_NEW_ARRAY(ts->arena, ork_ts_value *, CONV_PARTS);
    int64_t count = ork_shape_count(&settings->type.shape), at = 1;
    int64_t axes = count > 0 ? ork_element_get_int(settings->type.dtype, settings->data, 0) : 0;
    if (axes < 1 || axes > 2 || count != 4 * axes + 3)
        return NULL;
    for (size_t part = STRIDE; part <= OUTPUT_PADDING; part++) {
        ork_ts_value **numbers = ORK_NEW_ARRAY(ts->arena, ork_ts_value *, 2);
        for (int64_t i = 0; i < axes; i++, at++)
            numbers[i] =
                ork_ts_int(ts, ork_element_get_int(settings->type.dtype, settings->data, at));
        parts[part] = ork_ts_list(ts, ORK_TS_LIST, numbers, (size_t)axes);
    }
    parts[GROUPS] = ork_ts_int(ts, ork_element_get_int(settings->type.dtype, settings->data, at));
    return ork_ts_list(ts, ORK_TS_TUPLE, parts, CONV_PARTS);
}

/* torch's own object of a convolution: (version, [settings, weight], [bias or None]). */
static ork_ts_value *packed_object(ork_ts *ts, const ork_pickle_value *state, const char *name,
                                   const char *folder, int depth)
{
    ork_ts_value *tensors = part_of(ts, ork_pickle_item(state, 1), name, folder, depth);
    ork_ts_value *optional =
        tensors ? part_of(ts, ork_pickle_item(state, 2),
                          ork_arena_printf(ts->arena, "%s.bias", name), folder, depth)
                : NULL;
    ork_ts_value *settings = item(tensors, 0), *weight = item(tensors, 1);
    if (!weight || !item(optional, 0) || settings->kind != ORK_TS_TENSOR ||
        settings->tensor.value->kind != ORK_VALUE_CONSTANT)
        return NULL;
    ork_ts_value *packed = conv_from_settings(ts, settings->tensor.value);
    if (packed) {
        packed->list.items[WEIGHT] = weight;
        packed->list.items[BIAS] = item(optional, 0);
    }
    return packed;
}

ork_ts_value *ork_ts_packed_object(ork_ts *ts, const ork_pickle_value *state, const char *name,
                                   const char *folder, int depth)
{
    static const size_t places[LINEAR_PARTS] = {[WEIGHT] = 0, [BIAS] = 1};
    enum { OF_CONV = 3 };
    if (ork_pickle_count(state) == OF_CONV)
        return packed_object(ts, state, name, folder, depth);
    if (ork_pickle_count(state) != LINEAR_PARTS)
        return NULL;
    return packed_from(ts, state, places, LINEAR_PARTS, name, folder, depth);
}

/* ---- quantized tensors ----------------------------------------------------------------- */

static bool is_quantized(const ork_ts_value *value)
{
    return value->kind == ORK_TS_TENSOR && ork_build_is_quantized(value->tensor.value);
}

static ork_value *real_of(ork_ts *ts, ork_ts_value *tensor)
{
    ork_value *value = ork_ts_graph_value(ts, tensor);
    return ork_build_dequantize(ts->build, value);
}

static ork_ts_value *real_tensor(ork_ts *ts, ork_ts_value *tensor)
{
    return is_quantized(tensor) ? ork_ts_tensor(ts, real_of(ts, tensor)) : tensor;
}

static ork_ts_value *quantized(ork_ts *ts, ork_value *real, ork_dtype dtype,
                               const ork_ts_value *scale, const ork_ts_value *zero_point)
{
    ork_quant quant;
    if (!real)
        return NULL;
    ork_type type = {.dtype = dtype, .shape = real->type.shape};
    ork_value *step = ork_build_scalar(ts->build, ORK_F32, ork_ts_as_double(scale));
    ork_value *zero = ork_build_scalar(ts->build, ORK_I64, (double)ork_ts_as_int(zero_point));
    if (!step || !zero || !ork_build_quant(ts->build, &type, step, zero, 0, &quant))
        return NULL;
    return ork_ts_tensor(ts, ork_build_quantize(ts->build, real, dtype, &quant));
}

/* The result of an operator, of the type of its first tensor. */
static ork_ts_value *result(ork_ts *ts, const ork_ts_value *like, ork_ts_value *real, bool relu,
                            const ork_ts_value *scale, const ork_ts_value *zero_point)
{
    if (!real)
        return NULL;
    if (!is_quantized(like))
        return ork_build_unsupported(ts->build, "a tensor that is not quantized");
    ork_value *value = ork_ts_graph_value(ts, real);
    if (value && relu)
        value = ork_build_add1(ts->build, ORK_OP_RELU, NULL, value);
    return quantized(ts, value, like->tensor.value->type.dtype, scale, zero_point);
}

ORK_TS_HANDLER(quantize)
{
    enum { QINT8 = 12, QUINT8 = 13 }; /* of torch.dtype */
    int64_t code = ork_ts_as_int(arg[3]);
    if (code != QINT8 && code != QUINT8)
        return ork_build_unsupported(ts->build, "to other types than quint8 and qint8");
    return quantized(ts, ork_ts_arg_float(ts, arg[0]), code == QINT8 ? ORK_I8 : ORK_U8, arg[1],
                     arg[2]);
}

ORK_TS_HANDLER(dequantize)
{
    ork_value *real = real_of(ts, arg[0]);
    if (real && is_quantized(arg[0])) { /* the conversion is the layer */
        ork_value_rename(ts->graph, real, ork_ts_names.node(ts->build, ORK_OP_CONVERT));
        real->producer->name = real->name;
    }
    return real ? ork_ts_tensor(ts, real) : NULL;
}

/* ---- layers ---------------------------------------------------------------------------- */

static bool check_packed(ork_ts *ts, const ork_ts_value *packed, size_t parts)
{
    if (packed->kind == ORK_TS_TUPLE && packed->list.count == parts &&
        is_quantized(packed->list.items[WEIGHT]))
        return true;
    return ork_build_unsupported(ts->build, "weights that are packed in an unknown way") != NULL;
}

/* param: with a ReLU behind */
ORK_TS_HANDLER(quantized_conv)
{
    if (!check_packed(ts, arg[1], CONV_PARTS))
        return NULL;
    ork_ts_value **part = arg[1]->list.items;
    ork_ts_value *args[] = {real_tensor(ts, arg[0]),
                            real_tensor(ts, part[WEIGHT]),
                            part[BIAS],
                            part[STRIDE],
                            part[PADDING],
                            part[DILATION],
                            part[GROUPS]};
    ork_ts_value *y = args[0] && args[1] ? ork_ts_op_conv(ts, args, 0) : NULL;
    return result(ts, arg[0], y, param != 0, arg[2], arg[3]);
}

ORK_TS_HANDLER(quantized_conv_transpose)
{
    if (!check_packed(ts, arg[1], CONV_PARTS))
        return NULL;
    ork_ts_value **part = arg[1]->list.items;
    ork_ts_value *args[] = {
        real_tensor(ts, arg[0]), real_tensor(ts, part[WEIGHT]), part[BIAS],   part[STRIDE],
        part[PADDING],           part[OUTPUT_PADDING],          part[GROUPS], part[DILATION]};
    ork_ts_value *y = args[0] && args[1] ? ork_ts_op_conv_transpose(ts, args, 0) : NULL;
    return result(ts, arg[0], y, false, arg[2], arg[3]);
}

ORK_TS_HANDLER(quantized_linear)
{
    if (!check_packed(ts, arg[1], LINEAR_PARTS))
        return NULL;
    ork_ts_value **part = arg[1]->list.items;
    ork_ts_value *args[] = {real_tensor(ts, arg[0]), real_tensor(ts, part[WEIGHT]), part[BIAS]};
    ork_ts_value *y = args[0] && args[1] ? ork_ts_op_linear(ts, args, 0) : NULL;
    return result(ts, arg[0], y, param != 0, arg[2], arg[3]);
}

/* ---- other operators of ops.quantized -------------------------------------------------- */

static ork_ts_value *of_two(ork_ts *ts, ork_ts_value **arg, ork_op op, bool relu)
{
    ork_ts_value *a = real_tensor(ts, arg[0]), *b = real_tensor(ts, arg[1]);
    ork_ts_value *y = a && b ? ork_ts_binary(ts, op, a, b, false) : NULL;
    return result(ts, arg[0], y, relu, arg[2], arg[3]);
}

ORK_TS_HANDLER(quantized_binary)
{
    return of_two(ts, arg, (ork_op)param, false);
}

ORK_TS_HANDLER(quantized_binary_relu)
{
    return of_two(ts, arg, (ork_op)param, true);
}

ORK_TS_HANDLER(quantized_matmul)
{
    ork_ts_value *args[] = {real_tensor(ts, arg[0]), real_tensor(ts, arg[1])};
    ork_ts_value *y = args[0] && args[1] ? ork_ts_op_matmul(ts, args, 0) : NULL;
    return result(ts, arg[0], y, false, arg[2], arg[3]);
}

static ork_ts_value *real_tensors(ork_ts *ts, const ork_ts_value *list)
{
    ork_ts_value **items = ORK_NEW_ARRAY(ts->arena, ork_ts_value *, list->list.count + 1);
    for (size_t i = 0; i < list->list.count; i++) {
        items[i] = real_tensor(ts, list->list.items[i]);
        if (!items[i])
            return NULL;
    }
    return ork_ts_list(ts, list->kind, items, list->list.count);
}

/* Without numbers of its own the result has those of the first tensor. */
static ork_ts_value *like_first(ork_ts *ts, const ork_ts_value *like, ork_ts_value *real)
{
    const ork_type *type = &like->tensor.value->type;
    ork_value *value = real ? ork_ts_graph_value(ts, real) : NULL;
    return value
               ? ork_ts_tensor(ts, ork_build_quantize(ts->build, value, type->dtype, &type->quant))
               : NULL;
}

/* param: with a ReLU behind */
ORK_TS_HANDLER(quantized_cat)
{
    if (arg[0]->list.count == 0 || !is_quantized(arg[0]->list.items[0]))
        return ork_build_unsupported(ts->build, "tensors that are not quantized");
    const ork_ts_value *first = arg[0]->list.items[0];
    ork_ts_value *args[] = {real_tensors(ts, arg[0]), arg[1]};
    ork_ts_value *y = args[0] ? ork_ts_op_cat(ts, args, 0) : NULL;
    if (arg[2]->kind == ORK_TS_NONE || arg[3]->kind == ORK_TS_NONE)
        return like_first(ts, first, y);
    return result(ts, first, y, param != 0, arg[2], arg[3]);
}

ORK_TS_HANDLER(quantized_unary)
{
    ork_value *x = real_of(ts, arg[0]);
    ork_value *y = x ? ork_build_add1(ts->build, (ork_op)param, NULL, x) : NULL;
    return result(ts, arg[0], ork_ts_tensor(ts, y), false, arg[1], arg[2]);
}

ORK_TS_HANDLER(quantized_leaky_relu)
{
    ork_attrs attrs = {.leaky_relu.alpha = ork_ts_as_double(arg[1])};
    ork_value *x = real_of(ts, arg[0]);
    ork_value *y = x ? ork_build_add1(ts->build, ORK_OP_LEAKY_RELU, &attrs, x) : NULL;
    return result(ts, arg[0], ork_ts_tensor(ts, y), false, arg[3], arg[4]);
}

ORK_TS_HANDLER(quantized_relu6)
{
    ork_attrs attrs = {.clip.high = 6.0};
    ork_value *x = real_of(ts, arg[0]);
    ork_value *y = x ? ork_build_add1(ts->build, ORK_OP_CLIP, &attrs, x) : NULL;
    return is_quantized(arg[0]) ? like_first(ts, arg[0], ork_ts_tensor(ts, y))
                                : ork_ts_tensor(ts, y);
}

/* param: with a ReLU behind */
ORK_TS_HANDLER(quantized_batch_norm)
{
    ork_value *parameters[4] = {NULL};
    for (int i = 0; i < 4; i++)
        if (arg[1 + i]->kind != ORK_TS_NONE && !(parameters[i] = ork_ts_arg_float(ts, arg[1 + i])))
            return NULL;
    ork_value *x = real_of(ts, arg[0]);
    ork_value *y =
        x ? ork_build_batch_norm(ts->build, x, parameters, ork_ts_as_double(arg[5])) : NULL;
    return result(ts, arg[0], ork_ts_tensor(ts, y), param != 0, arg[6], arg[7]);
}

/* ---- operators that are not made for quantized tensors --------------------------------- */

/* They look at no numbers, or know what a quantized tensor is. */
static bool takes_quantized(ork_ts_handler handler)
{
    static const ork_ts_handler handlers[] = {
        ork_ts_op_size,
        ork_ts_op_numel,
        ork_ts_op_rank,
        ork_ts_op_same,
        ork_ts_op_contiguous,
        ork_ts_op_dequantize,
        ork_ts_op_quantized_conv,
        ork_ts_op_quantized_conv_transpose,
        ork_ts_op_quantized_linear,
        ork_ts_op_quantized_binary,
        ork_ts_op_quantized_binary_relu,
        ork_ts_op_quantized_matmul,
        ork_ts_op_quantized_cat,
        ork_ts_op_quantized_unary,
        ork_ts_op_quantized_leaky_relu,
        ork_ts_op_quantized_relu6,
        ork_ts_op_quantized_batch_norm,
    };
    for (size_t i = 0; i < ORK_COUNT(handlers); i++)
        if (handlers[i] == handler)
            return true;
    return false;
}

/* torch gives these functions a fixed scale: their results are known to lie in it. */
static ork_quant quant_of_result(const ork_ts_op *row, const ork_type *type)
{
    static const struct {
        ork_op op;
        float scale;
        int32_t zero; /* of quint8 */
    } fixed[] = {{ORK_OP_SIGMOID, 1.0f / 256, 0},
                 {ORK_OP_HARD_SIGMOID, 1.0f / 256, 0},
                 {ORK_OP_TANH, 2.0f / 256, 128}};
    enum { SIGNED = 128 };
    for (size_t i = 0; row->handler == ork_ts_op_unary_float && i < ORK_COUNT(fixed); i++)
        if ((ork_op)row->param == fixed[i].op)
            return ork_quant_affine(fixed[i].scale,
                                    fixed[i].zero - (type->dtype == ORK_I8 ? SIGNED : 0));
    return type->quant;
}

static const ork_type *first_quantized(ork_ts_value *const *arg, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_quantized(arg[i]))
            return &arg[i]->tensor.value->type;
        for (size_t k = 0; ork_ts_is_sequence(arg[i]) && k < arg[i]->list.count; k++)
            if (is_quantized(arg[i]->list.items[k]))
                return &arg[i]->list.items[k]->tensor.value->type;
    }
    return NULL;
}

static bool make_real(ork_ts *ts, ork_ts_value **arg, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        arg[i] = ork_ts_is_sequence(arg[i]) ? real_tensors(ts, arg[i]) : real_tensor(ts, arg[i]);
        if (!arg[i])
            return false;
    }
    return true;
}

/* Floats become what the operator's first tensor was. */
static ork_ts_value *quantized_again(ork_ts *ts, ork_ts_value *value, ork_dtype dtype,
                                     const ork_quant *quant)
{
    if (!value)
        return NULL;
    for (size_t i = 0; ork_ts_is_sequence(value) && i < value->list.count; i++) {
        value->list.items[i] = quantized_again(ts, value->list.items[i], dtype, quant);
        if (!value->list.items[i])
            return NULL;
    }
    if (value->kind != ORK_TS_TENSOR || value->tensor.value->type.dtype != ORK_F32)
        return value;
    ork_value *real = ork_ts_graph_value(ts, value);
    return ork_ts_tensor(ts, ork_build_quantize(ts->build, real, dtype, quant));
}

ork_ts_value *ork_ts_run_row(ork_ts *ts, const ork_ts_op *row, ork_ts_value **arg)
{
    size_t count = ork_ts_parameter_count(row);
    const ork_type *type = first_quantized(arg, count);
    if (!type || takes_quantized(row->handler))
        return row->handler(ts, arg, row->param);
    ork_dtype dtype = type->dtype;
    ork_quant quant = quant_of_result(row, type);
    if (!make_real(ts, arg, count))
        return NULL;
    return quantized_again(ts, row->handler(ts, arg, row->param), dtype, &quant);
}
