/* SPDX-License-Identifier: Apache-2.0 */
/* Quantized tensors, as all importers see them. */
#include "build.h"

#include <math.h>

bool ork_build_is_quantized(const ork_value *value)
{
    return value && value->type.quant.scheme != ORK_SCHEME_NONE;
}

bool ork_build_is_weight(const ork_value *value)
{
    const ork_node *node = value->producer;
    return value->kind == ORK_VALUE_CONSTANT ||
           (node && node->op == ORK_OP_CONVERT && node->inputs[0]->kind == ORK_VALUE_CONSTANT);
}

/* ---- scales and zero points ---- */

static bool check_scale(ork_build *build, double scale)
{
    if (isfinite(scale) && (float)scale > 0.0f)
        return true;
    ork_build_bad_numbers(build, "a scale of %g", scale);
    return ork_why(build->diag, "a scale is the real size of one step: above 0");
}

static bool check_zero(ork_build *build, ork_dtype dtype, double zero)
{
    const ork_dtype_info *info = &ork_dtype_table[dtype];
    if (zero >= (double)info->min && zero <= (double)info->max)
        return true;
    ork_build_bad_numbers(build, "a zero point of %g", zero);
    return ork_why(build->diag, "a zero point is one of the numbers that %s has", info->name);
}

static double number_at(const ork_value *value, int64_t i)
{
    return value ? ork_element_get(value->type.dtype, value->data, i) : 0.0;
}

/* One scale, or with an axis of the same size one for each of its entries. */
static bool check_counts(ork_build *build, const ork_type *type, const ork_value *scale,
                         const ork_value *zero, int axis, int64_t *channels)
{
    int64_t scales = ork_shape_count(&scale->type.shape);
    int64_t zeros = zero ? ork_shape_count(&zero->type.shape) : scales;
    *channels = scales;
    if (scales == 1 && zeros == 1)
        return true;
    if (axis < 0 || axis >= type->shape.rank)
        return ork_build_bad_numbers(build, "scales along an axis that there is not") != NULL;
    if (scales != type->shape.dim[axis])
        return ork_build_bad_numbers(build, "%lld scales for %lld channels", (long long)scales,
                                     (long long)type->shape.dim[axis]) != NULL;
    return zeros == scales || ork_build_bad_numbers(build, "%lld zero points for %lld scales",
                                                    (long long)zeros, (long long)scales) != NULL;
}

static bool is_constant(const ork_value *value)
{
    return !value || value->kind == ORK_VALUE_CONSTANT;
}

bool ork_build_quant(ork_build *build, const ork_type *type, const ork_value *scale,
                     const ork_value *zero_point, int axis, ork_quant *quant)
{
    int64_t channels;
    if (!is_constant(scale) || !is_constant(zero_point))
        return ork_build_unsupported(build, "scales that are computed") != NULL;
    if (!check_counts(build, type, scale, zero_point, axis, &channels))
        return false;
    for (int64_t i = 0; i < channels; i++)
        if (!check_scale(build, number_at(scale, i)) ||
            !check_zero(build, type->dtype, number_at(zero_point, i)))
            return false;
    if (channels == 1) {
        *quant = ork_quant_affine((float)number_at(scale, 0), (int32_t)number_at(zero_point, 0));
        return true;
    }
    float *scales = ORK_NEW_ARRAY(build->graph->arena, float, (size_t)channels);
    int32_t *zeros = ORK_NEW_ARRAY(build->graph->arena, int32_t, (size_t)channels);
    for (int64_t i = 0; i < channels; i++) {
        scales[i] = (float)number_at(scale, i);
        zeros[i] = (int32_t)number_at(zero_point, i);
    }
    *quant = (ork_quant){
        .scheme = ORK_SCHEME_PER_CHANNEL, .axis = axis, .scales = scales, .zero_points = zeros};
    return true;
}

/* ---- conversions ---- */

/* The layer's own name is left to what it computes. */
static ork_value *add_convert(ork_build *build, ork_value *value, const ork_type *type)
{
    ork_graph *graph = build->graph;
    const char *name =
        ork_arena_printf(build->arena, "%s.%s", build->names->node(build, ORK_OP_CONVERT),
                         ork_dtype_table[type->dtype].name);
    if (!ork_build_spend(build, &(ork_shape){0}, type->dtype))
        return NULL;
    ork_value *converted = ork_graph_insert(graph, build->diag, graph->last, true, ORK_OP_CONVERT,
                                            NULL, &value, 1, type, name);
    if (converted) {
        converted->producer->name = converted->name;
        converted->producer->scope = ork_arena_strdup(graph->arena, build->names->scope(build));
    }
    return converted;
}

ork_value *ork_build_quantize(ork_build *build, ork_value *real, ork_dtype dtype,
                              const ork_quant *quant)
{
    if (!real)
        return NULL;
    ork_type type = {.dtype = dtype, .shape = real->type.shape, .quant = *quant};
    ork_value *quantized = add_convert(build, real, &type);
    if (!quantized || real->kind != ORK_VALUE_CONSTANT)
        return quantized;
    if (!ork_build_spend(build, &type.shape, dtype))
        return NULL;
    ork_value *folded = ork_graph_evaluate(build->graph, build->diag, quantized->producer);
    if (folded)
        ork_graph_remove(build->graph, quantized->producer);
    return folded ? folded : quantized;
}

ork_value *ork_build_dequantize(ork_build *build, ork_value *quantized)
{
    if (!quantized || !ork_build_is_quantized(quantized))
        return quantized;
    return add_convert(build, quantized,
                       &(ork_type){.dtype = ORK_F32, .shape = quantized->type.shape});
}

ork_value *ork_build_as_quantized(ork_build *build, ork_value *whole, const ork_quant *quant)
{
    ork_type type = whole->type;
    if (ork_build_is_quantized(whole)) {
        int64_t channels =
            quant->scheme == ORK_SCHEME_PER_CHANNEL ? type.shape.dim[quant->axis] : 0;
        return ork_quant_equal(&type.quant, quant, channels) ? whole : NULL;
    }
    type.quant = *quant;
    if (whole->kind == ORK_VALUE_CONSTANT)
        return ork_build_spend(build, &(ork_shape){0}, type.dtype)
                   ? ork_graph_add_constant(build->graph, whole->name, &type, whole->data)
                   : NULL;
    if (whole->kind != ORK_VALUE_INPUT || whole->uses.count > 0 || ork_value_is_output(whole))
        return NULL;
    whole->type = type;
    ork_log(build->diag, ORK_LOG_NOTE,
            "input '%s' is quantized in the file (scale %g, zero point %d): it takes the real "
            "numbers that this stands for",
            whole->name, (double)quant->scale, quant->zero_point);
    return whole;
}

ork_value *ork_build_whole_numbers(ork_build *build, ork_value *quantized)
{
    if (!quantized || !ork_build_is_quantized(quantized))
        return quantized;
    ork_quant quant = quantized->type.quant; /* of a computed tensor: never by channel */
    ork_type plain = {.dtype = quantized->type.dtype, .shape = quantized->type.shape};
    if (quantized->kind == ORK_VALUE_CONSTANT)
        return ork_graph_add_constant(build->graph, quantized->name, &plain, quantized->data);
    ork_value *steps = ork_build_add2(build, ORK_OP_DIV, ork_build_dequantize(build, quantized),
                                      ork_build_scalar(build, ORK_F32, (double)quant.scale));
    steps = ork_build_add1(build, ORK_OP_ROUND, NULL, steps);
    ork_value *whole = ork_build_add2(build, ORK_OP_ADD, steps,
                                      ork_build_scalar(build, ORK_F32, quant.zero_point));
    return ork_build_cast(build, whole, quantized->type.dtype);
}
