/* SPDX-License-Identifier: Apache-2.0 */
/* Weights: TensorProto to constants of the graph. Numbers that lie in the file as the graph wants
   them are used where they lie. */
#include "onnx.h"

#include <inttypes.h>
#include <string.h>

enum { EXTERNAL = 1 }; /* data_location: in another file */

/* Fields of a TensorProto. */
enum {
    DIMS = 1,
    DATA_TYPE = 2,
    FLOAT_DATA = 4,
    INT32_DATA = 5,
    INT64_DATA = 7,
    RAW_DATA = 9,
    DOUBLE_DATA = 10,
    UINT64_DATA = 11,
    EXTERNAL_DATA = 13,
    DATA_LOCATION = 14,
};

static const struct type_row {
    const char *name;
    ork_dtype stored, wanted; /* stored: as the bytes are; ORK_DTYPE_COUNT: not one of ours */
    size_t size;              /* of a stored element */
    bool is_known;
} types[] = {
    [ORK_ONNX_FLOAT] = {"float", ORK_F32, ORK_F32, 4, true},
    [ORK_ONNX_UINT8] = {"uint8", ORK_U8, ORK_U8, 1, true},
    [ORK_ONNX_INT8] = {"int8", ORK_I8, ORK_I8, 1, true},
    [ORK_ONNX_UINT16] = {"uint16", ORK_DTYPE_COUNT, ORK_I32, 2, true},
    [ORK_ONNX_INT16] = {"int16", ORK_I16, ORK_I16, 2, true},
    [ORK_ONNX_INT32] = {"int32", ORK_I32, ORK_I32, 4, true},
    [ORK_ONNX_INT64] = {"int64", ORK_I64, ORK_I64, 8, true},
    [ORK_ONNX_STRING] = {"string", ORK_DTYPE_COUNT, ORK_DTYPE_COUNT, 0, false},
    [ORK_ONNX_BOOL] = {"bool", ORK_BOOL, ORK_BOOL, 1, true},
    [ORK_ONNX_FLOAT16] = {"float16", ORK_F16, ORK_F32, 2, true},
    [ORK_ONNX_DOUBLE] = {"double", ORK_F64, ORK_F32, 8, true},
    [ORK_ONNX_UINT32] = {"uint32", ORK_DTYPE_COUNT, ORK_I64, 4, true},
    [ORK_ONNX_UINT64] = {"uint64", ORK_I64, ORK_I64, 8, true},
    [ORK_ONNX_BFLOAT16] = {"bfloat16", ORK_BF16, ORK_F32, 2, true},
};

static const struct type_row *type_row(int64_t type)
{
    static const struct type_row unknown = {"an unknown type", ORK_DTYPE_COUNT, ORK_DTYPE_COUNT, 0,
                                            false};
    if (type < 0 || type >= (int64_t)ORK_COUNT(types) || !types[type].name)
        return &unknown;
    return &types[type];
}

bool ork_onnx_dtype(int64_t type, ork_dtype *dtype)
{
    *dtype = type_row(type)->wanted;
    return type_row(type)->is_known;
}

const char *ork_onnx_type_name(int64_t type)
{
    return type_row(type)->name;
}

/* ---- the message ----------------------------------------------------------------------- */

typedef struct tensor {
    const char *name; /* for messages */
    const struct type_row *type;
    ork_shape shape;
    int64_t count;
    ork_bytes raw;
    ork_protobuf_field data; /* last field of numbers */
    size_t data_fields;      /* how many there were */
    bool is_external;
    const char *location;
    uint64_t offset, length; /* length 0: up to the end */
} tensor;

static bool fail(ork_onnx *onnx, const tensor *t, const char *what)
{
    return ork_fail(onnx->diag, ORK_ERR_PROTOBUF, "the weights '%s' %s", t->name, what);
}

static bool add_dims(tensor *t, const ork_protobuf_field *field)
{
    ork_protobuf_field number;
    ork_protobuf_numbers numbers = ork_protobuf_numbers_of(field, ORK_WIRE_VARINT);
    while (ork_protobuf_number(&numbers, &number)) {
        if (t->shape.rank == ORK_MAX_RANK)
            return false;
        t->shape.dim[t->shape.rank++] = (int64_t)number.value;
    }
    return !numbers.reader.failed;
}

static uint64_t decimal(const char *text)
{
    uint64_t value = 0;
    for (; *text >= '0' && *text <= '9' && value < UINT64_MAX / 16; text++)
        value = value * 10 + (uint64_t)(*text - '0');
    return value;
}

static bool add_external(ork_onnx *onnx, tensor *t, const ork_protobuf_field *field)
{
    ork_protobuf message = ork_protobuf_new(field->bytes);
    ork_protobuf_field part;
    const char *key = "", *value = "";
    while (ork_protobuf_next(&message, &part)) {
        if (part.number != 1 && part.number != 2)
            continue;
        const char *text = ork_protobuf_text(onnx->arena, &part);
        if (!text)
            return false;
        if (part.number == 1)
            key = text;
        else
            value = text;
    }
    if (!strcmp(key, "location"))
        t->location = value;
    else if (!strcmp(key, "offset"))
        t->offset = decimal(value);
    else if (!strcmp(key, "length"))
        t->length = decimal(value);
    return !ork_protobuf_is_damaged(&message);
}

static bool read_field(ork_onnx *onnx, tensor *t, const ork_protobuf_field *field)
{
    switch (field->number) {
    case DIMS:
        return add_dims(t, field);
    case DATA_TYPE:
        t->type = type_row((int64_t)ork_min_size((size_t)field->value, 1000));
        return field->wire == ORK_WIRE_VARINT;
    case RAW_DATA:
        t->raw = field->bytes;
        return field->wire == ORK_WIRE_BYTES;
    case FLOAT_DATA:
    case INT32_DATA:
    case INT64_DATA:
    case DOUBLE_DATA:
    case UINT64_DATA:
        t->data = *field;
        t->data_fields++;
        return true;
    case EXTERNAL_DATA:
        return field->wire == ORK_WIRE_BYTES && add_external(onnx, t, field);
    case DATA_LOCATION:
        t->is_external = field->value == EXTERNAL;
        return true;
    default:
        return true;
    }
}

static bool read_tensor(ork_onnx *onnx, ork_bytes bytes, tensor *t)
{
    ork_protobuf message = ork_protobuf_new(bytes);
    ork_protobuf_field field;
    size_t size;
    t->type = type_row(ORK_ONNX_UNDEFINED);
    while (ork_protobuf_next(&message, &field))
        if (!read_field(onnx, t, &field))
            return fail(onnx, t, "are damaged, or have more than 8 axes");
    if (ork_protobuf_is_damaged(&message))
        return fail(onnx, t, "are damaged");
    if (!t->type->is_known)
        return ork_fail(onnx->diag, ORK_ERR_UNSUPPORTED, "the weights '%s' are of %s", t->name,
                        t->type->name);
    if (!ork_shape_bytes(&t->shape, ORK_I64, &size))
        return fail(onnx, t, "have a size that cannot be");
    t->count = ork_shape_count(&t->shape);
    return true;
}

/* ---- data in other files --------------------------------------------------------------- */

/* Only files beside the model, or in folders beside it. */
static bool stays_beside(const char *location)
{
    if (!*location || *location == '/')
        return false;
    for (const char *part = location; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (!strcmp(part, "..") || ork_starts_with(part, "../"))
            return false;
    }
    return true;
}

static bool take_external(ork_onnx *onnx, tensor *t)
{
    if (!t->location || !stays_beside(t->location))
        return fail(onnx, t, "are said to lie in a file that is not beside the model");
    if (!onnx->folder)
        return fail(onnx, t, "lie in a file of their own, which bytes in memory do not have");
    const char *path = ork_arena_printf(onnx->arena, "%s%s", onnx->folder, t->location);
    ork_file *file = ork_map_get(onnx->files, path);
    if (!file) {
        file = ORK_NEW(onnx->arena, ork_file);
        if (!ork_file_map(onnx->diag, path, file)) {
            ork_why(onnx->diag, "the weights '%s' of the model lie in it", t->name);
            return ork_fix(onnx->diag, "copy %s into the folder of the model", t->location);
        }
        ork_map_set(onnx->files, path, file);
        ork_graph_keep_file(onnx->graph, *file);
    }
    uint64_t size = file->bytes.size;
    if (t->offset > size || (t->length > 0 && t->length > size - t->offset))
        return fail(onnx, t, "lie beyond the end of their file");
    t->raw.data = file->bytes.data + t->offset;
    t->raw.size = (size_t)(t->length > 0 ? t->length : size - t->offset);
    return true;
}

/* ---- to a constant --------------------------------------------------------------------- */

static ork_value *add(ork_onnx *onnx, const tensor *t, ork_dtype dtype, const void *data)
{
    ork_type type = {.dtype = dtype, .shape = t->shape};
    return ork_graph_add_constant(onnx->graph, t->name, &type, data);
}

static ork_value *from_raw(ork_onnx *onnx, const tensor *t)
{
    size_t needed;
    if (!ork_mul_size((size_t)t->count, t->type->size, &needed) || t->raw.size < needed) {
        fail(onnx, t, "are cut short");
        return NULL;
    }
    if (t->type->stored != ORK_DTYPE_COUNT)
        return ork_build_cast(onnx->build, add(onnx, t, t->type->stored, t->raw.data),
                              t->type->wanted);
    void *data;
    ork_value *constant = ork_build_constant(onnx->build, t->type->wanted, &t->shape, &data);
    for (int64_t i = 0; constant && i < t->count; i++) {
        uint64_t value = 0;
        for (size_t k = 0; k < t->type->size; k++)
            value |= (uint64_t)t->raw.data[(size_t)i * t->type->size + k] << (8 * k);
        ork_element_set(t->type->wanted, data, i, (double)value);
    }
    return constant;
}

static const struct {
    uint32_t number;
    ork_wire wire;
} data_wires[] = {
    {FLOAT_DATA, ORK_WIRE_FIXED32},  {INT32_DATA, ORK_WIRE_VARINT},  {INT64_DATA, ORK_WIRE_VARINT},
    {DOUBLE_DATA, ORK_WIRE_FIXED64}, {UINT64_DATA, ORK_WIRE_VARINT},
};

/* Halves lie in int32_data as their bits. */
static void store(const tensor *t, ork_dtype dtype, void *data, int64_t i,
                  const ork_protobuf_field *number)
{
    if (number->number == FLOAT_DATA)
        ork_element_set(dtype, data, i, (double)ork_protobuf_float(number));
    else if (number->number == DOUBLE_DATA)
        ork_element_set(dtype, data, i, ork_protobuf_double(number));
    else if (t->type->stored == ORK_F16)
        ork_element_set(dtype, data, i, (double)ork_half_to_float((uint16_t)number->value));
    else if (t->type->stored == ORK_BF16)
        ork_element_set(dtype, data, i, (double)ork_bfloat_to_float((uint16_t)number->value));
    else if (dtype == ORK_I64)
        memcpy((char *)data + i * 8, &number->value, 8);
    else
        ork_element_set(dtype, data, i, (double)(int64_t)number->value);
}

static bool store_fields(ork_onnx *onnx, const tensor *t, ork_bytes bytes, void *data)
{
    ork_protobuf message = ork_protobuf_new(bytes);
    ork_protobuf_field field, number;
    int64_t i = 0;
    while (ork_protobuf_next(&message, &field))
        for (size_t k = 0; k < ORK_COUNT(data_wires); k++) {
            if (data_wires[k].number != field.number)
                continue;
            ork_protobuf_numbers numbers = ork_protobuf_numbers_of(&field, data_wires[k].wire);
            for (; i < t->count && ork_protobuf_number(&numbers, &number); i++)
                store(t, t->type->wanted, data, i, &number);
            if (numbers.reader.failed)
                return fail(onnx, t, "are damaged");
        }
    return i == t->count || fail(onnx, t, "are cut short");
}

static ork_value *from_fields(ork_onnx *onnx, const tensor *t, ork_bytes bytes)
{
    bool as_they_lie = t->data_fields == 1 && t->data.number == FLOAT_DATA &&
                       t->data.wire == ORK_WIRE_BYTES && t->type->stored == ORK_F32 &&
                       t->data.bytes.size == (size_t)t->count * sizeof(float);
    if (as_they_lie)
        return add(onnx, t, ORK_F32, t->data.bytes.data);
    void *data;
    ork_value *constant = ork_build_constant(onnx->build, t->type->wanted, &t->shape, &data);
    if (!constant || !store_fields(onnx, t, bytes, data))
        return NULL;
    ork_value_rename(onnx->graph, constant, t->name);
    return constant;
}

ork_value *ork_onnx_constant(ork_onnx *onnx, ork_bytes bytes, const char *name)
{
    tensor t = {.name = name};
    if (!read_tensor(onnx, bytes, &t) || (t.is_external && !take_external(onnx, &t)))
        return NULL;
    return t.raw.data ? from_raw(onnx, &t) : from_fields(onnx, &t, bytes);
}
