/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const ork_dtype_info ork_dtype_table[ORK_DTYPE_COUNT] = {
    [ORK_F32] = {"f32", 4, true, true, 0, 0},
    [ORK_F16] = {"f16", 2, true, true, 0, 0},
    [ORK_BF16] = {"bf16", 2, true, true, 0, 0},
    [ORK_F64] = {"f64", 8, true, true, 0, 0},
    [ORK_U8] = {"u8", 1, false, false, 0, UINT8_MAX},
    [ORK_I8] = {"i8", 1, false, true, INT8_MIN, INT8_MAX},
    [ORK_I16] = {"i16", 2, false, true, INT16_MIN, INT16_MAX},
    [ORK_I32] = {"i32", 4, false, true, INT32_MIN, INT32_MAX},
    [ORK_I64] = {"i64", 8, false, true, INT64_MIN, INT64_MAX},
    [ORK_BOOL] = {"bool", 1, false, false, 0, 1},
};

bool ork_dtype_from_name(const char *name, ork_dtype *dtype)
{
    for (int i = 0; i < ORK_DTYPE_COUNT; i++) {
        if (strcmp(name, ork_dtype_table[i].name) == 0) {
            *dtype = (ork_dtype)i;
            return true;
        }
    }
    return false;
}

ork_shape ork_shape_of(int rank, const int64_t *dims)
{
    ork_shape shape = {.rank = rank};
    for (int i = 0; i < rank; i++)
        shape.dim[i] = dims[i];
    return shape;
}

bool ork_shape_equal(const ork_shape *a, const ork_shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

int64_t ork_shape_span(const ork_shape *shape, int begin, int end)
{
    int64_t count = 1;
    for (int i = begin; i < end; i++)
        count *= shape->dim[i];
    return count;
}

int64_t ork_shape_count(const ork_shape *shape)
{
    return ork_shape_span(shape, 0, shape->rank);
}

bool ork_shape_bytes(const ork_shape *shape, ork_dtype dtype, size_t *bytes)
{
    *bytes = ork_dtype_table[dtype].size;
    for (int i = 0; i < shape->rank; i++)
        if (shape->dim[i] < 0 || shape->dim[i] > INT32_MAX ||
            !ork_mul_size(*bytes, (size_t)shape->dim[i], bytes))
            return false;
    return *bytes <= PTRDIFF_MAX;
}

char *ork_shape_text(const ork_shape *shape, char *text, size_t size)
{
    size_t used = 0;
    if (shape->rank == 0)
        snprintf(text, size, "scalar");
    for (int i = 0; i < shape->rank && used < size; i++) {
        int length =
            snprintf(text + used, size - used, "%s%lld", i ? "x" : "", (long long)shape->dim[i]);
        used += (size_t)length;
    }
    return text;
}

ork_quant ork_quant_affine(float scale, int32_t zero_point)
{
    return (ork_quant){.scheme = ORK_SCHEME_AFFINE, .scale = scale, .zero_point = zero_point};
}

ork_quant ork_quant_dfp(int32_t fraction_length)
{
    return (ork_quant){.scheme = ORK_SCHEME_DFP, .fraction_length = fraction_length};
}

bool ork_quant_equal(const ork_quant *a, const ork_quant *b, int64_t channels)
{
    if (a->scheme != b->scheme)
        return false;
    switch (a->scheme) {
    case ORK_SCHEME_NONE:
        return true;
    case ORK_SCHEME_AFFINE:
        return a->scale == b->scale && a->zero_point == b->zero_point;
    case ORK_SCHEME_DFP:
        return a->fraction_length == b->fraction_length;
    case ORK_SCHEME_PER_CHANNEL:
        return a->axis == b->axis &&
               memcmp(a->scales, b->scales, (size_t)channels * sizeof(float)) == 0 &&
               memcmp(a->zero_points, b->zero_points, (size_t)channels * sizeof(int32_t)) == 0;
    }
    return false;
}

ork_quant ork_quant_of_channel(const ork_quant *quant, int64_t c)
{
    return quant->scheme == ORK_SCHEME_PER_CHANNEL
               ? ork_quant_affine(quant->scales[c], quant->zero_points[c])
               : *quant;
}

float ork_quant_step(const ork_quant *quant)
{
    return quant->scheme == ORK_SCHEME_DFP ? ldexpf(1.0f, -quant->fraction_length) : quant->scale;
}

ork_type ork_type_of(ork_dtype dtype, int rank, const int64_t *dims)
{
    return (ork_type){.dtype = dtype, .shape = ork_shape_of(rank, dims)};
}

size_t ork_tensor_bytes(const ork_tensor *tensor)
{
    return (size_t)ork_shape_count(&tensor->type.shape) * ork_dtype_table[tensor->type.dtype].size;
}

/* Data may lie unaligned inside a mapped file, hence memcpy. */
#define LOAD(type)                                                                                 \
    type value;                                                                                    \
    memcpy(&value, (const char *)data + (size_t)index * sizeof(type), sizeof(type))

static int64_t saturate(ork_dtype dtype, double value)
{
    const ork_dtype_info *info = &ork_dtype_table[dtype];
    if (isnan(value))
        return 0;
    if (value <= (double)info->min)
        return info->min;
    if (value >= (double)info->max)
        return info->max;
    return (int64_t)value;
}

int64_t ork_element_get_int(ork_dtype dtype, const void *data, int64_t index)
{
    if (dtype == ORK_I64) {
        LOAD(int64_t);
        return value;
    }
    return saturate(ORK_I64, ork_element_get(dtype, data, index));
}

double ork_element_get(ork_dtype dtype, const void *data, int64_t index)
{
    switch (dtype) {
    case ORK_F32: {
        LOAD(float);
        return (double)value;
    }
    case ORK_F16: {
        LOAD(uint16_t);
        return (double)ork_half_to_float(value);
    }
    case ORK_BF16: {
        LOAD(uint16_t);
        return (double)ork_bfloat_to_float(value);
    }
    case ORK_F64: {
        LOAD(double);
        return value;
    }
    case ORK_U8:
        return (double)((const uint8_t *)data)[index];
    case ORK_BOOL:
        return ((const uint8_t *)data)[index] ? 1.0 : 0.0;
    case ORK_I8:
        return (double)((const int8_t *)data)[index];
    case ORK_I16: {
        LOAD(int16_t);
        return (double)value;
    }
    case ORK_I32: {
        LOAD(int32_t);
        return (double)value;
    }
    case ORK_I64: {
        LOAD(int64_t);
        return (double)value;
    }
    case ORK_DTYPE_COUNT:
        break;
    }
    return 0.0;
}

#define STORE(type, expression)                                                                    \
    do {                                                                                           \
        type stored = (type)(expression);                                                          \
        memcpy((char *)data + (size_t)index * sizeof(type), &stored, sizeof(type));                \
    } while (0)

void ork_element_set(ork_dtype dtype, void *data, int64_t index, double value)
{
    switch (dtype) {
    case ORK_F32:
        STORE(float, value);
        break;
    case ORK_F16:
        STORE(uint16_t, ork_float_to_half((float)value));
        break;
    case ORK_BF16: {
        float single = (float)value;
        uint32_t bits;
        memcpy(&bits, &single, sizeof(bits));
        STORE(uint16_t, (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
        break;
    }
    case ORK_F64:
        STORE(double, value);
        break;
    case ORK_U8:
        STORE(uint8_t, saturate(dtype, value));
        break;
    case ORK_BOOL:
        STORE(uint8_t, value != 0.0);
        break;
    case ORK_I8:
        STORE(int8_t, saturate(dtype, value));
        break;
    case ORK_I16:
        STORE(int16_t, saturate(dtype, value));
        break;
    case ORK_I32:
        STORE(int32_t, saturate(dtype, value));
        break;
    case ORK_I64:
        STORE(int64_t, saturate(dtype, value));
        break;
    case ORK_DTYPE_COUNT:
        break;
    }
}
