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

static ork_torch_value *part_of(ork_torch *torch, const ork_pickle_value *pickled, const char *name,
                                const char *folder, int depth)
{
    return pickled ? ork_torch_from_pickle(torch, pickled, name, folder, depth) : NULL;
}

/* The weight is called as the layer's weight is before quantization. */
static ork_torch_value *packed_from(ork_torch *torch, const ork_pickle_value *state,
                                    const size_t *places, size_t count, const char *name,
                                    const char *folder, int depth)
{
    ork_torch_value **parts = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, CONV_PARTS);
    for (size_t i = 0; i < count; i++) {
        const char *part = i == WEIGHT ? "weight" : i == BIAS ? "bias" : "setting";
        parts[i] = part_of(torch, ork_pickle_item(state, places[i]),
                           ork_arena_printf(torch->arena, "%s.%s", name, part), folder, depth);
        if (!parts[i])
            return NULL;
    }
    return ork_torch_list(torch, ORK_TORCH_TUPLE, parts, count);
}

/* The tuple that a quantized convolution is pickled as: channels in, channels out, kernel, stride,
   padding, dilation, transposed, output padding, groups, padding mode, weight, bias, ... */
ork_torch_value *ork_torch_packed_conv(ork_torch *torch, const ork_pickle_value *state,
                                       const char *name, const char *folder, int depth)
{
    static const size_t places[CONV_PARTS] = {
        [WEIGHT] = 10,  [BIAS] = 11,          [STRIDE] = 3, [PADDING] = 4,
        [DILATION] = 5, [OUTPUT_PADDING] = 7, [GROUPS] = 8,
    };
    enum { PADDING_MODE = 9, ITEMS = 15 };
    const char *mode = ork_pickle_text(ork_pickle_item(state, PADDING_MODE));
    if (ork_pickle_count(state) != ITEMS || !mode)
        return NULL;
    ork_torch_value *packed = packed_from(torch, state, places, CONV_PARTS, name, folder, depth);
    if (packed && strcmp(mode, "zeros") != 0) /* the code pads before the convolution */
        packed->list.items[PADDING] = ork_torch_int(torch, 0);
    return packed;
}

static ork_torch_value *item(const ork_torch_value *list, size_t index)
{
    return list && ork_torch_is_sequence(list) && index < list->list.count ? list->list.items[index]
                                                                           : NULL;
}

/* Settings of a convolution over k axes: k, then stride, padding, dilation and output padding of
   each, groups, and whether it is transposed. */
static ork_torch_value *conv_from_settings(ork_torch *torch, const ork_value *settings)
{
    ork_torch_value **parts = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, CONV_PARTS);
    int64_t count = ork_shape_count(&settings->type.shape), at = 1;
    int64_t axes = count > 0 ? ork_element_get_int(settings->type.dtype, settings->data, 0) : 0;
    if (axes < 1 || axes > 2 || count != 4 * axes + 3)
        return NULL;
    for (size_t part = STRIDE; part <= OUTPUT_PADDING; part++) {
        ork_torch_value **numbers = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, 2);
        for (int64_t i = 0; i < axes; i++, at++)
            numbers[i] =
                ork_torch_int(torch, ork_element_get_int(settings->type.dtype, settings->data, at));
        parts[part] = ork_torch_list(torch, ORK_TORCH_LIST, numbers, (size_t)axes);
    }
    parts[GROUPS] =
        ork_torch_int(torch, ork_element_get_int(settings->type.dtype, settings->data, at));
    return ork_torch_list(torch, ORK_TORCH_TUPLE, parts, CONV_PARTS);
}

/* torch's own object of a convolution: (version, [settings, weight], [bias or None]). */
static ork_torch_value *packed_object(ork_torch *torch, const ork_pickle_value *state,
                                      const char *name, const char *folder, int depth)
{
    ork_torch_value *tensors = part_of(torch, ork_pickle_item(state, 1), name, folder, depth);
    ork_torch_value *optional =
        tensors ? part_of(torch, ork_pickle_item(state, 2),
                          ork_arena_printf(torch->arena, "%s.bias", name), folder, depth)
                : NULL;
    ork_torch_value *settings = item(tensors, 0), *weight = item(tensors, 1);
    if (!weight || !item(optional, 0) || settings->kind != ORK_TORCH_TENSOR ||
        settings->tensor.value->kind != ORK_VALUE_CONSTANT)
        return NULL;
    ork_torch_value *packed = conv_from_settings(torch, settings->tensor.value);
    if (packed) {
        packed->list.items[WEIGHT] = weight;
        packed->list.items[BIAS] = item(optional, 0);
    }
    return packed;
}

ork_torch_value *ork_torch_packed_object(ork_torch *torch, const ork_pickle_value *state,
                                         const char *name, const char *folder, int depth)
{
    static const size_t places[LINEAR_PARTS] = {[WEIGHT] = 0, [BIAS] = 1};
    enum { OF_CONV = 3 };
    if (ork_pickle_count(state) == OF_CONV)
        return packed_object(torch, state, name, folder, depth);
    if (ork_pickle_count(state) != LINEAR_PARTS)
        return NULL;
    return packed_from(torch, state, places, LINEAR_PARTS, name, folder, depth);
}

/* ---- quantized tensors ----------------------------------------------------------------- */

static bool is_quantized(const ork_torch_value *value)
{
    return value->kind == ORK_TORCH_TENSOR && ork_build_is_quantized(value->tensor.value);
}

static ork_value *real_of(ork_torch *torch, ork_torch_value *tensor)
{
    ork_value *value = ork_torch_graph_value(torch, tensor);
    return ork_build_dequantize(torch->build, value);
}

static ork_torch_value *real_tensor(ork_torch *torch, ork_torch_value *tensor)
{
    return is_quantized(tensor) ? ork_torch_tensor(torch, real_of(torch, tensor)) : tensor;
}

static ork_torch_value *quantized(ork_torch *torch, ork_value *real, ork_dtype dtype,
                                  const ork_torch_value *scale, const ork_torch_value *zero_point)
{
    ork_quant quant;
    if (!real)
        return NULL;
    ork_type type = {.dtype = dtype, .shape = real->type.shape};
    ork_value *step = ork_build_scalar(torch->build, ORK_F32, ork_torch_as_double(scale));
    ork_value *zero = ork_build_scalar(torch->build, ORK_I64, (double)ork_torch_as_int(zero_point));
    if (!step || !zero || !ork_build_quant(torch->build, &type, step, zero, 0, &quant))
        return NULL;
    return ork_torch_tensor(torch, ork_build_quantize(torch->build, real, dtype, &quant));
}

/* The result of an operator, of the type of its first tensor. */
static ork_torch_value *result(ork_torch *torch, const ork_torch_value *like, ork_torch_value *real,
                               bool relu, const ork_torch_value *scale,
                               const ork_torch_value *zero_point)
{
    if (!real)
        return NULL;
    if (!is_quantized(like))
        return ork_build_unsupported(torch->build, "a tensor that is not quantized");
    ork_value *value = ork_torch_graph_value(torch, real);
    if (value && relu)
        value = ork_build_add1(torch->build, ORK_OP_RELU, NULL, value);
    return quantized(torch, value, like->tensor.value->type.dtype, scale, zero_point);
}

ORK_TORCH_HANDLER(quantize)
{
    enum { QINT8 = 12, QUINT8 = 13 }; /* of torch.dtype */
    int64_t code = ork_torch_as_int(arg[3]);
    if (code != QINT8 && code != QUINT8)
        return ork_build_unsupported(torch->build, "to other types than quint8 and qint8");
    return quantized(torch, ork_torch_arg_float(torch, arg[0]), code == QINT8 ? ORK_I8 : ORK_U8,
                     arg[1], arg[2]);
}

ORK_TORCH_HANDLER(dequantize)
{
    ork_value *real = real_of(torch, arg[0]);
    if (real && is_quantized(arg[0])) { /* the conversion is the layer */
        ork_value_rename(torch->graph, real, ork_torch_names.node(torch->build, ORK_OP_CONVERT));
        real->producer->name = real->name;
    }
    return real ? ork_torch_tensor(torch, real) : NULL;
}

/* ---- layers ---------------------------------------------------------------------------- */

static bool check_packed(ork_torch *torch, const ork_torch_value *packed, size_t parts)
{
    if (packed->kind == ORK_TORCH_TUPLE && packed->list.count == parts &&
        is_quantized(packed->list.items[WEIGHT]))
        return true;
    return ork_build_unsupported(torch->build, "weights that are packed in an unknown way") != NULL;
}

/* param: with a ReLU behind */
ORK_TORCH_HANDLER(quantized_conv)
{
    if (!check_packed(torch, arg[1], CONV_PARTS))
        return NULL;
    ork_torch_value **part = arg[1]->list.items;
    ork_torch_value *args[] = {real_tensor(torch, arg[0]),
                               real_tensor(torch, part[WEIGHT]),
                               part[BIAS],
                               part[STRIDE],
                               part[PADDING],
                               part[DILATION],
                               part[GROUPS]};
    ork_torch_value *y = args[0] && args[1] ? ork_torch_op_conv(torch, args, 0) : NULL;
    return result(torch, arg[0], y, param != 0, arg[2], arg[3]);
}

ORK_TORCH_HANDLER(quantized_conv_transpose)
{
    if (!check_packed(torch, arg[1], CONV_PARTS))
        return NULL;
    ork_torch_value **part = arg[1]->list.items;
    ork_torch_value *args[] = {real_tensor(torch, arg[0]),
                               real_tensor(torch, part[WEIGHT]),
                               part[BIAS],
                               part[STRIDE],
                               part[PADDING],
                               part[OUTPUT_PADDING],
                               part[GROUPS],
                               part[DILATION]};
    ork_torch_value *y = args[0] && args[1] ? ork_torch_op_conv_transpose(torch, args, 0) : NULL;
    return result(torch, arg[0], y, false, arg[2], arg[3]);
}

ORK_TORCH_HANDLER(quantized_linear)
{
    if (!check_packed(torch, arg[1], LINEAR_PARTS))
        return NULL;
    ork_torch_value **part = arg[1]->list.items;
    ork_torch_value *args[] = {real_tensor(torch, arg[0]), real_tensor(torch, part[WEIGHT]),
                               part[BIAS]};
    ork_torch_value *y = args[0] && args[1] ? ork_torch_op_linear(torch, args, 0) : NULL;
    return result(torch, arg[0], y, param != 0, arg[2], arg[3]);
}

/* ---- other operators of ops.quantized -------------------------------------------------- */

static ork_torch_value *of_two(ork_torch *torch, ork_torch_value **arg, ork_op op, bool relu)
{
    ork_torch_value *a = real_tensor(torch, arg[0]), *b = real_tensor(torch, arg[1]);
    ork_torch_value *y = a && b ? ork_torch_binary(torch, op, a, b, false) : NULL;
    return result(torch, arg[0], y, relu, arg[2], arg[3]);
}

ORK_TORCH_HANDLER(quantized_binary)
{
    return of_two(torch, arg, (ork_op)param, false);
}

ORK_TORCH_HANDLER(quantized_binary_relu)
{
    return of_two(torch, arg, (ork_op)param, true);
}

ORK_TORCH_HANDLER(quantized_matmul)
{
    ork_torch_value *args[] = {real_tensor(torch, arg[0]), real_tensor(torch, arg[1])};
    ork_torch_value *y = args[0] && args[1] ? ork_torch_op_matmul(torch, args, 0) : NULL;
    return result(torch, arg[0], y, false, arg[2], arg[3]);
}

static ork_torch_value *real_tensors(ork_torch *torch, const ork_torch_value *list)
{
    ork_torch_value **items = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, list->list.count + 1);
    for (size_t i = 0; i < list->list.count; i++) {
        items[i] = real_tensor(torch, list->list.items[i]);
        if (!items[i])
            return NULL;
    }
    return ork_torch_list(torch, list->kind, items, list->list.count);
}

/* Without numbers of its own the result has those of the first tensor. */
static ork_torch_value *like_first(ork_torch *torch, const ork_torch_value *like,
                                   ork_torch_value *real)
{
    const ork_type *type = &like->tensor.value->type;
    ork_value *value = real ? ork_torch_graph_value(torch, real) : NULL;
    return value ? ork_torch_tensor(
                       torch, ork_build_quantize(torch->build, value, type->dtype, &type->quant))
                 : NULL;
}

/* param: with a ReLU behind */
ORK_TORCH_HANDLER(quantized_cat)
{
    if (arg[0]->list.count == 0 || !is_quantized(arg[0]->list.items[0]))
        return ork_build_unsupported(torch->build, "tensors that are not quantized");
    const ork_torch_value *first = arg[0]->list.items[0];
    ork_torch_value *args[] = {real_tensors(torch, arg[0]), arg[1]};
    ork_torch_value *y = args[0] ? ork_torch_op_cat(torch, args, 0) : NULL;
    if (arg[2]->kind == ORK_TORCH_NONE || arg[3]->kind == ORK_TORCH_NONE)
        return like_first(torch, first, y);
    return result(torch, first, y, param != 0, arg[2], arg[3]);
}

ORK_TORCH_HANDLER(quantized_unary)
{
    ork_value *x = real_of(torch, arg[0]);
    ork_value *y = x ? ork_build_add1(torch->build, (ork_op)param, NULL, x) : NULL;
    return result(torch, arg[0], ork_torch_tensor(torch, y), false, arg[1], arg[2]);
}

ORK_TORCH_HANDLER(quantized_leaky_relu)
{
    ork_attrs attrs = {.leaky_relu.alpha = ork_torch_as_double(arg[1])};
    ork_value *x = real_of(torch, arg[0]);
    ork_value *y = x ? ork_build_add1(torch->build, ORK_OP_LEAKY_RELU, &attrs, x) : NULL;
    return result(torch, arg[0], ork_torch_tensor(torch, y), false, arg[3], arg[4]);
}

ORK_TORCH_HANDLER(quantized_relu6)
{
    ork_attrs attrs = {.clip.high = 6.0};
    ork_value *x = real_of(torch, arg[0]);
    ork_value *y = x ? ork_build_add1(torch->build, ORK_OP_CLIP, &attrs, x) : NULL;
    return is_quantized(arg[0]) ? like_first(torch, arg[0], ork_torch_tensor(torch, y))
                                : ork_torch_tensor(torch, y);
}

/* param: with a ReLU behind */
ORK_TORCH_HANDLER(quantized_batch_norm)
{
    ork_value *parameters[4] = {NULL};
    for (int i = 0; i < 4; i++)
        if (arg[1 + i]->kind != ORK_TORCH_NONE &&
            !(parameters[i] = ork_torch_arg_float(torch, arg[1 + i])))
            return NULL;
    ork_value *x = real_of(torch, arg[0]);
    ork_value *y =
        x ? ork_build_batch_norm(torch->build, x, parameters, ork_torch_as_double(arg[5])) : NULL;
    return result(torch, arg[0], ork_torch_tensor(torch, y), param != 0, arg[6], arg[7]);
}

/* ---- operators that are not made for quantized tensors --------------------------------- */

/* They look at no numbers, or know what a quantized tensor is. */
static bool takes_quantized(ork_torch_handler handler)
{
    static const ork_torch_handler handlers[] = {
        ork_torch_op_size,
        ork_torch_op_numel,
        ork_torch_op_rank,
        ork_torch_op_same,
        ork_torch_op_contiguous,
        ork_torch_op_dequantize,
        ork_torch_op_quantized_conv,
        ork_torch_op_quantized_conv_transpose,
        ork_torch_op_quantized_linear,
        ork_torch_op_quantized_binary,
        ork_torch_op_quantized_binary_relu,
        ork_torch_op_quantized_matmul,
        ork_torch_op_quantized_cat,
        ork_torch_op_quantized_unary,
        ork_torch_op_quantized_leaky_relu,
        ork_torch_op_quantized_relu6,
        ork_torch_op_quantized_batch_norm,
    };
    for (size_t i = 0; i < ORK_COUNT(handlers); i++)
        if (handlers[i] == handler)
            return true;
    return false;
}

/* torch gives these functions a fixed scale: their results are known to lie in it. */
static ork_quant quant_of_result(const ork_torch_op *row, const ork_type *type)
{
    static const struct {
        ork_op op;
        float scale;
        int32_t zero; /* of quint8 */
    } fixed[] = {{ORK_OP_SIGMOID, 1.0f / 256, 0},
                 {ORK_OP_HARD_SIGMOID, 1.0f / 256, 0},
                 {ORK_OP_TANH, 2.0f / 256, 128}};
    enum { SIGNED = 128 };
    for (size_t i = 0; row->handler == ork_torch_op_unary_float && i < ORK_COUNT(fixed); i++)
        if ((ork_op)row->param == fixed[i].op)
            return ork_quant_affine(fixed[i].scale,
                                    fixed[i].zero - (type->dtype == ORK_I8 ? SIGNED : 0));
    return type->quant;
}

static const ork_type *first_quantized(ork_torch_value *const *arg, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_quantized(arg[i]))
            return &arg[i]->tensor.value->type;
        for (size_t k = 0; ork_torch_is_sequence(arg[i]) && k < arg[i]->list.count; k++)
            if (is_quantized(arg[i]->list.items[k]))
                return &arg[i]->list.items[k]->tensor.value->type;
    }
    return NULL;
}

static bool make_real(ork_torch *torch, ork_torch_value **arg, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        arg[i] = ork_torch_is_sequence(arg[i]) ? real_tensors(torch, arg[i])
                                               : real_tensor(torch, arg[i]);
        if (!arg[i])
            return false;
    }
    return true;
}

/* Floats become what the operator's first tensor was. */
static ork_torch_value *quantized_again(ork_torch *torch, ork_torch_value *value, ork_dtype dtype,
                                        const ork_quant *quant)
{
    if (!value)
        return NULL;
    for (size_t i = 0; ork_torch_is_sequence(value) && i < value->list.count; i++) {
        value->list.items[i] = quantized_again(torch, value->list.items[i], dtype, quant);
        if (!value->list.items[i])
            return NULL;
    }
    if (value->kind != ORK_TORCH_TENSOR || value->tensor.value->type.dtype != ORK_F32)
        return value;
    ork_value *real = ork_torch_graph_value(torch, value);
    return ork_torch_tensor(torch, ork_build_quantize(torch->build, real, dtype, quant));
}

ork_torch_value *ork_torch_run_row(ork_torch *torch, const ork_torch_op *row, ork_torch_value **arg)
{
    size_t count = ork_torch_parameter_count(row);
    const ork_type *type = first_quantized(arg, count);
    if (!type || takes_quantized(row->handler))
        return row->handler(torch, arg, row->param);
    ork_dtype dtype = type->dtype;
    ork_quant quant = quant_of_result(row, type);
    if (!make_real(torch, arg, count))
        return NULL;
    return quantized_again(torch, row->handler(torch, arg, row->param), dtype, &quant);
}
