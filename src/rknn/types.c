/* SPDX-License-Identifier: Apache-2.0 */
/* Element types, shapes and quantization parameters in the vendor's words. */
#include "internal.h"

#include <math.h>
#include <string.h>

/* Each dtype as the vendor spells it. The first row of a dtype is written. Viewers refuse names
   beyond the common ones, so that bool and bf16 are written as something of their size, with our
   name beside it. */
static const struct {
    ork_dtype dtype;
    const char *name;
    bool needs_extra;
} type_names[] = {
    {ORK_U8, "VSI_NN_TYPE_UINT8", false},    {ORK_I8, "VSI_NN_TYPE_INT8", false},
    {ORK_I16, "VSI_NN_TYPE_INT16", false},   {ORK_I32, "VSI_NN_TYPE_INT32", false},
    {ORK_I64, "VSI_NN_TYPE_INT64", false},   {ORK_F16, "VSI_NN_TYPE_FLOAT16", false},
    {ORK_F32, "VSI_NN_TYPE_FLOAT32", false}, {ORK_F64, "VSI_NN_TYPE_FLOAT64", false},
    {ORK_BOOL, "VSI_NN_TYPE_INT8", true},    {ORK_BF16, "VSI_NN_TYPE_VDATA", true},
    {ORK_BOOL, "VSI_NN_TYPE_BOOL8", false},  {ORK_BF16, "VSI_NN_TYPE_BFLOAT16", false},
};

static void put_per_channel(ork_json_writer *w, const ork_type *type)
{
    const ork_quant *quant = &type->quant;
    int64_t channels = type->shape.dim[quant->axis];
    ork_json_key(w, "scales");
    ork_json_begin_array(w);
    for (int64_t i = 0; i < channels; i++)
        ork_json_put_double(w, (double)quant->scales[i]);
    ork_json_end_array(w);
    ork_json_key(w, "zero_points");
    ork_json_begin_array(w);
    bool symmetric = true;
    for (int64_t i = 0; i < channels; i++) {
        ork_json_put_int(w, quant->zero_points[i]);
        symmetric = symmetric && quant->zero_points[i] == 0;
    }
    ork_json_end_array(w);
    ork_json_member_int(w, "channel_dim", type->shape.rank - 1 - quant->axis);
    ork_json_member_text(w, "qnt_type",
                         symmetric ? "VSI_NN_QNT_TYPE_AFFINE_PERCHANNEL_SYMMETRIC"
                                   : "VSI_NN_QNT_TYPE_AFFINE_PERCHANNEL_ASYMMETRIC");
}

static void put_quant(ork_json_writer *w, const ork_type *type)
{
    const ork_quant *quant = &type->quant;
    if (quant->scheme == ORK_SCHEME_PER_CHANNEL) {
        put_per_channel(w, type);
        return;
    }
    const char *name = "VSI_NN_QNT_TYPE_NONE";
    if (quant->scheme == ORK_SCHEME_AFFINE) {
        name = "VSI_NN_QNT_TYPE_AFFINE_ASYMMETRIC";
        ork_json_key(w, "scale");
        /* The digits of the double, as in the vendor's files: they give the float exactly. */
        ork_json_put_double(w, (double)quant->scale);
        ork_json_member_int(w, "zero_point", quant->zero_point);
    } else if (quant->scheme == ORK_SCHEME_DFP) {
        name = "VSI_NN_QNT_TYPE_DFP";
        ork_json_member_int(w, "fl", quant->fraction_length);
    }
    ork_json_member_text(w, "qnt_type", name);
}

void ork_rknn_put_type(ork_json_writer *w, const ork_type *type, bool with_size)
{
    if (with_size) {
        ork_json_key(w, "size");
        ork_json_begin_array(w);
        for (int i = type->shape.rank - 1; i >= 0; i--)
            ork_json_put_int(w, type->shape.dim[i]);
        ork_json_end_array(w);
        ork_json_member_int(w, "dim_num", type->shape.rank);
    }
    size_t row = 0;
    while (type_names[row].dtype != type->dtype)
        row++;
    ork_json_key(w, "dtype");
    ork_json_begin_object(w);
    put_quant(w, type);
    ork_json_member_text(w, "vx_type", type_names[row].name);
    if (type_names[row].needs_extra) {
        ork_json_member_text(w, ORK_RKNN_EXTRA_KEY, ork_dtype_table[type->dtype].name);
    }
    ork_json_end_object(w);
}

bool ork_rknn_get_shape(ork_diag *diag, const ork_json *tensor, ork_shape *shape)
{
    const ork_json *size = ork_json_get(tensor, "size");
    size_t rank = ork_json_count(size);
    bool good = ork_json_is(size, ORK_JSON_ARRAY) && rank <= ORK_MAX_RANK;
    *shape = (ork_shape){.rank = good ? (int)rank : 0};
    for (size_t i = 0; good && i < rank; i++) {
        int64_t *dim = &shape->dim[rank - 1 - i];
        good = ork_json_as_int(ork_json_item(size, i), dim) && *dim >= 0 && *dim <= INT32_MAX;
    }
    return good || ork_fail(diag, ORK_ERR_RKNN_FORMAT, "a tensor's size cannot be");
}

static bool get_scale(const ork_json *json, float *scale)
{
    double number;
    if (!ork_json_as_double(json, &number))
        return false;
    *scale = (float)number;
    return isfinite(*scale) && *scale >= 0.0f;
}

static bool get_int32(const ork_json *json, int32_t *value)
{
    int64_t wide;
    if (!ork_json_as_int(json, &wide) || wide < INT32_MIN || wide > INT32_MAX)
        return false;
    *value = (int32_t)wide;
    return true;
}

static bool get_per_channel(ork_arena *arena, const ork_json *json, ork_type *type)
{
    const ork_json *scales = ork_json_get(json, "scales");
    const ork_json *zeros = ork_json_get(json, "zero_points");
    size_t count = ork_json_count(scales);
    int64_t axis = ork_json_get_int(json, "channel_dim", -1);
    if (axis < 0 || axis >= type->shape.rank)
        return false;
    axis = type->shape.rank - 1 - axis;
    if ((int64_t)count != type->shape.dim[axis] || (zeros && ork_json_count(zeros) != count))
        return false;
    float *scale = ORK_NEW_ARRAY(arena, float, count);
    int32_t *zero = ORK_NEW_ARRAY(arena, int32_t, count);
    for (size_t i = 0; i < count; i++)
        if (!get_scale(ork_json_item(scales, i), &scale[i]) ||
            (zeros && !get_int32(ork_json_item(zeros, i), &zero[i])))
            return false;
    type->quant = (ork_quant){
        .scheme = ORK_SCHEME_PER_CHANNEL, .axis = (int)axis, .scales = scale, .zero_points = zero};
    return true;
}

static bool get_quant(ork_arena *arena, const ork_json *json, ork_type *type)
{
    const char *name = ork_json_get_text(json, "qnt_type", "VSI_NN_QNT_TYPE_NONE");
    float scale;
    int32_t number = 0;
    type->quant = (ork_quant){0};
    if (strcmp(name, "VSI_NN_QNT_TYPE_NONE") == 0)
        return true;
    if (strcmp(name, "VSI_NN_QNT_TYPE_DFP") == 0) {
        if (!get_int32(ork_json_get(json, "fl"), &number) || number < -127 || number > 127)
            return false;
        type->quant = ork_quant_dfp(number);
        return true;
    }
    if (strcmp(name, "VSI_NN_QNT_TYPE_AFFINE_ASYMMETRIC") == 0 ||
        strcmp(name, "VSI_NN_QNT_TYPE_AFFINE_SYMMETRIC") == 0) {
        const ork_json *zero = ork_json_get(json, "zero_point");
        if (!get_scale(ork_json_get(json, "scale"), &scale) || (zero && !get_int32(zero, &number)))
            return false;
        type->quant = ork_quant_affine(scale, number);
        return true;
    }
    return ork_starts_with(name, "VSI_NN_QNT_TYPE_AFFINE_PERCHANNEL_") &&
           get_per_channel(arena, json, type);
}

static bool get_vx_type(const ork_json *json, ork_dtype *dtype)
{
    const char *own = ork_json_get_text(json, ORK_RKNN_EXTRA_KEY, NULL);
    if (own)
        return ork_dtype_from_name(own, dtype);
    const char *name = ork_json_get_text(json, "vx_type", "");
    for (size_t i = 0; i < ORK_COUNT(type_names); i++) {
        if (!type_names[i].needs_extra && strcmp(type_names[i].name, name) == 0) {
            *dtype = type_names[i].dtype;
            return true;
        }
    }
    return false;
}

bool ork_rknn_get_dtype(ork_diag *diag, ork_arena *arena, const ork_json *dtype, ork_type *type)
{
    if (!get_vx_type(dtype, &type->dtype))
        return ork_fail(diag, ORK_ERR_RKNN_FORMAT, "a tensor has the unknown element type '%s'",
                        ork_json_get_text(dtype, "vx_type", ""));
    return get_quant(arena, dtype, type) ||
           ork_fail(diag, ORK_ERR_RKNN_FORMAT, "a tensor's quantization (%s) makes no sense",
                    ork_json_get_text(dtype, "qnt_type", ""));
}
