/* SPDX-License-Identifier: Apache-2.0 */
/* Module objects, weights and constants: what the pickles of a file hold, as methods see it. */
#include "torchscript.h"

#include <stdio.h>
#include <string.h>

/* ---- tensors --------------------------------------------------------------------------- */

static bool take_shape(const ork_pickle_value *sizes, const ork_pickle_value *strides,
                       ork_ts_tensor_info *info)
{
    size_t rank = ork_pickle_count(sizes);
    if (rank > ORK_MAX_RANK || ork_pickle_count(strides) != rank)
        return false;
    info->shape.rank = (int)rank;
    for (size_t i = 0; i < rank; i++)
        if (!ork_pickle_int(ork_pickle_item(sizes, i), &info->shape.dim[i]) ||
            !ork_pickle_int(ork_pickle_item(strides, i), &info->stride[i]) ||
            info->shape.dim[i] < 0 || info->stride[i] < 0)
            return false;
    return true;
}

bool ork_ts_tensor_info_get(const ork_pickle_value *value, ork_ts_tensor_info *info)
{
    if (ork_pickle_is_call(value, "torch._utils", "_rebuild_parameter"))
        value = ork_pickle_arg(value, 0);
    bool is_quantized = ork_pickle_is_call(value, "torch._utils", "_rebuild_qtensor");
    if (!is_quantized && !ork_pickle_is_call(value, "torch._utils", "_rebuild_tensor_v2"))
        return false;
    const ork_pickle_value *storage = ork_pickle_arg(value, 0);
    if (!ork_pickle_is(storage, ORK_PICKLE_PERSISTENT))
        return false;
    const ork_pickle_value *class = ork_pickle_item(storage->id, 1);
    *info = (ork_ts_tensor_info){.key = ork_pickle_text(ork_pickle_item(storage->id, 2))};
    if (!ork_pickle_is(class, ORK_PICKLE_GLOBAL) || !info->key)
        return false;
    info->storage_class = class->global.name;
    info->quantizer = is_quantized ? ork_pickle_arg(value, 4) : NULL;
    if (is_quantized && !info->quantizer)
        return false;
    return ork_pickle_int(ork_pickle_arg(value, 1), &info->offset) && info->offset >= 0 &&
           take_shape(ork_pickle_arg(value, 2), ork_pickle_arg(value, 3), info);
}

static bool storage_dtype(const char *name, ork_dtype *stored, ork_dtype *wanted)
{
    static const struct {
        const char *name;
        ork_dtype stored, wanted;
    } classes[] = {
        {"FloatStorage", ORK_F32, ORK_F32},     {"HalfStorage", ORK_F16, ORK_F32},
        {"BFloat16Storage", ORK_BF16, ORK_F32}, {"DoubleStorage", ORK_F64, ORK_F32},
        {"LongStorage", ORK_I64, ORK_I64},      {"IntStorage", ORK_I32, ORK_I32},
        {"ShortStorage", ORK_I16, ORK_I16},     {"CharStorage", ORK_I8, ORK_I8},
        {"ByteStorage", ORK_U8, ORK_U8},        {"BoolStorage", ORK_BOOL, ORK_BOOL},
        {"QInt8Storage", ORK_I8, ORK_I8},       {"QUInt8Storage", ORK_U8, ORK_U8},
        {"QInt32Storage", ORK_I32, ORK_I32},
    };
    for (size_t i = 0; i < ORK_COUNT(classes); i++) {
        if (strcmp(classes[i].name, name) != 0)
            continue;
        *stored = classes[i].stored;
        *wanted = classes[i].wanted;
        return true;
    }
    return false;
}

/* The last element that the tensor reaches lies inside the storage. */
static bool fits_storage(const ork_ts_tensor_info *info, size_t elements)
{
    int64_t last = info->offset, step;
    if (ork_shape_count(&info->shape) == 0)
        return true;
    for (int i = 0; i < info->shape.rank; i++)
        if (__builtin_mul_overflow(info->shape.dim[i] - 1, info->stride[i], &step) ||
            __builtin_add_overflow(last, step, &last))
            return false;
    return (uint64_t)last < elements;
}

static bool is_dense(const ork_ts_tensor_info *info)
{
    int64_t expected = 1;
    for (int i = info->shape.rank - 1; i >= 0; i--) {
        if (info->shape.dim[i] != 1 && info->stride[i] != expected)
            return false;
        expected *= info->shape.dim[i];
    }
    return true;
}

/* Brings strided elements of another type into order. */
static void gather_elements(const ork_ts_tensor_info *info, const void *from, ork_dtype stored,
                            void *to, ork_dtype wanted)
{
    int64_t index[ORK_MAX_RANK] = {0}, count = ork_shape_count(&info->shape);
    size_t size = ork_dtype_table[stored].size;
    for (int64_t i = 0; i < count; i++) {
        int64_t place = info->offset;
        for (int d = 0; d < info->shape.rank; d++)
            place += index[d] * info->stride[d];
        if (stored == wanted)
            memcpy((char *)to + (size_t)i * size, (const char *)from + (size_t)place * size, size);
        else
            ork_element_set(wanted, to, i, ork_element_get(stored, from, place));
        for (int d = info->shape.rank - 1; d >= 0; d--) {
            if (++index[d] < info->shape.dim[d])
                break;
            index[d] = 0;
        }
    }
}

static bool read_storage(ork_ts *ts, const char *folder, const char *key, ork_bytes *bytes)
{
    const char *name = ork_arena_printf(ts->arena, "%s/%s", folder, key);
    size_t index;
    if (ork_ts_find_record(ts->arena, ts->archive, name, &index)) {
        const ork_zip_entry *entry = ork_zip_entry_at(ts->archive->zip, index);
        if (entry->method != ORK_ZIP_STORED) { /* torch never packs weights */
            if (entry->size > ts->build->bytes_left)
                return ork_build_unsupported(ts->build, "the packed record %s is too large",
                                             name) != NULL;
            ts->build->bytes_left -= (size_t)entry->size;
        }
    }
    return ork_ts_record(ts->diag, ts->archive, name, ts->graph->arena, bytes);
}

static const char *tensor_key(ork_ts *ts, const ork_ts_tensor_info *info, const char *folder)
{
    char text[ORK_MAX_RANK * 44 + 1] = "";
    size_t length = 0;
    for (int i = 0; i < info->shape.rank; i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, ",%lld/%lld",
                                   (long long)info->shape.dim[i], (long long)info->stride[i]);
    return ork_arena_printf(ts->arena, "%s/%s:%s:%lld%s", folder, info->key, info->storage_class,
                            (long long)info->offset, text);
}

static ork_value *make_constant(ork_ts *ts, const ork_ts_tensor_info *info, ork_bytes bytes,
                                ork_dtype stored, ork_dtype wanted, const char *name)
{
    ork_type type = {.dtype = wanted, .shape = info->shape};
    size_t size = ork_dtype_table[stored].size, needed;
    if (!ork_shape_bytes(&info->shape, wanted, &needed) || !fits_storage(info, bytes.size / size)) {
        ork_fail(ts->diag, ORK_ERR_ZIP, "the tensor '%s' reaches beyond its record data/%s", name,
                 info->key);
        return NULL;
    }
    static const uint8_t nothing[1];
    if (needed == 0)
        return ork_graph_add_constant(ts->graph, name, &type, nothing);
    if (stored == wanted && is_dense(info))
        return ork_graph_add_constant(ts->graph, name, &type,
                                      bytes.data + (size_t)info->offset * size);
    void *data;
    if (!ork_build_spend(ts->build, &info->shape, wanted))
        return NULL;
    data = ork_graph_alloc(ts->graph, ts->diag, needed);
    if (!data)
        return NULL;
    gather_elements(info, bytes.data, stored, data, wanted);
    return ork_graph_add_constant(ts->graph, name, &type, data);
}

/* A constant without axes is a number to the code. Doubles keep their precision. */
static ork_ts_value *number_from_info(ork_ts *ts, const ork_ts_tensor_info *info,
                                      const char *folder, ork_dtype stored)
{
    ork_bytes bytes;
    if (!read_storage(ts, folder, info->key, &bytes))
        return NULL;
    if (!fits_storage(info, bytes.size / ork_dtype_table[stored].size))
        return ork_build_unsupported(ts->build, "a constant reaches beyond its record");
    if (stored == ORK_BOOL)
        return ork_ts_bool(ts, ork_element_get_int(stored, bytes.data, info->offset) != 0);
    if (!ork_dtype_table[stored].is_float)
        return ork_ts_int(ts, ork_element_get_int(stored, bytes.data, info->offset));
    return ork_ts_float(ts, ork_element_get(stored, bytes.data, info->offset), stored != ORK_F64);
}

/* Tied weights are one constant. */
static ork_ts_value *tensor_from_info(ork_ts *ts, const ork_ts_tensor_info *info, const char *name,
                                      const char *folder)
{
    ork_dtype stored, wanted;
    ork_bytes bytes;
    if (!storage_dtype(info->storage_class, &stored, &wanted))
        return ork_ts_text(
            ts, ORK_TS_UNAVAILABLE,
            ork_arena_printf(ts->arena, "the tensor '%s' of type %s", name, info->storage_class));
    if (info->shape.rank == 0 && !strcmp(folder, "constants"))
        return number_from_info(ts, info, folder, stored);
    const char *key = tensor_key(ts, info, folder);
    ork_value *constant = ork_map_get(ts->tensors, key);
    if (!constant) {
        if (!read_storage(ts, folder, info->key, &bytes))
            return NULL;
        constant = make_constant(ts, info, bytes, stored, wanted, name);
        if (!constant)
            return NULL;
        ork_map_set(ts->tensors, key, constant);
    }
    return ork_ts_tensor(ts, constant);
}

/* ---- quantized tensors ----------------------------------------------------------------- */

static ork_value *number_in(ork_ts *ts, const ork_pickle_value *pickled, const char *name,
                            const char *folder, int depth)
{
    ork_ts_value *value = pickled ? ork_ts_from_pickle(ts, pickled, name, folder, depth) : NULL;
    return value ? ork_ts_graph_value(ts, value) : NULL;
}

/* (torch.per_tensor_affine, scale, zero point), or (torch.per_channel_affine, scales, zero points,
   axis) */
static bool take_quantizer(ork_ts *ts, const ork_pickle_value *quantizer, const ork_type *type,
                           const char *name, const char *folder, int depth, ork_quant *quant)
{
    int64_t axis = 0;
    const ork_pickle_value *scheme = ork_pickle_item(quantizer, 0);
    bool per_channel = ork_pickle_is_global(scheme, "torch", "per_channel_affine");
    if (!per_channel && !ork_pickle_is_global(scheme, "torch", "per_tensor_affine"))
        return ork_build_unsupported(ts->build, "the quantization scheme of '%s'", name) != NULL;
    ork_value *scale = number_in(ts, ork_pickle_item(quantizer, 1),
                                 ork_arena_printf(ts->arena, "%s.scale", name), folder, depth);
    ork_value *zero = number_in(ts, ork_pickle_item(quantizer, 2),
                                ork_arena_printf(ts->arena, "%s.zero_point", name), folder, depth);
    if (!scale || !zero || (per_channel && !ork_pickle_int(ork_pickle_item(quantizer, 3), &axis)))
        return ork_diag_error_id(ts->diag) != ORK_ERR_NONE
                   ? false
                   : ork_build_unsupported(ts->build, "the quantization of '%s'", name) != NULL;
    if (axis < 0 || axis >= ORK_MAX_RANK)
        axis = -1;
    return ork_build_quant(ts->build, type, scale, zero, (int)axis, quant);
}

static ork_ts_value *quantized_from_info(ork_ts *ts, const ork_ts_tensor_info *info,
                                         const char *name, const char *folder, int depth)
{
    ork_quant quant;
    ork_ts_value *tensor = tensor_from_info(ts, info, name, folder);
    if (!tensor || tensor->kind != ORK_TS_TENSOR)
        return tensor;
    ork_value *whole = tensor->tensor.value;
    if (!take_quantizer(ts, info->quantizer, &whole->type, name, folder, depth, &quant))
        return NULL;
    ork_value *quantized = ork_build_as_quantized(ts->build, whole, &quant);
    return quantized ? ork_ts_tensor(ts, quantized) : NULL;
}

/* ---- other values ---------------------------------------------------------------------- */

static ork_ts_value *sequence(ork_ts *ts, ork_ts_kind kind, const ork_pickle_value *pickled,
                              const char *name, const char *folder, int depth)
{
    size_t count = ork_pickle_count(pickled);
    ork_ts_value **items = ORK_NEW_ARRAY(ts->arena, ork_ts_value *, count + 1);
    for (size_t i = 0; i < count; i++) {
        const char *item_name = ork_arena_printf(ts->arena, "%s.%zu", name, i);
        items[i] = ork_ts_from_pickle(ts, ork_pickle_item(pickled, i), item_name, folder, depth);
        if (!items[i])
            return NULL;
    }
    return ork_ts_list(ts, kind, items, count);
}

/* Classes of torch itself hold packed weights; quantized layers are tuples of their settings. */
static ork_ts_value *module_from(ork_ts *ts, const ork_pickle_value *pickled, const char *name,
                                 const char *folder, int depth)
{
    const ork_pickle_value *class = pickled->object->callable, *state = pickled->object->state;
    ork_ts_value *packed = NULL;
    if (!ork_pickle_is(class, ORK_PICKLE_GLOBAL) || strncmp(class->global.module, "__torch__", 9))
        return NULL;
    if (!strcmp(class->global.module, "__torch__.torch.classes.quantized"))
        return ork_ts_packed_object(ts, state, name, folder, depth);
    if (!ork_pickle_is(state, ORK_PICKLE_DICT)) {
        packed = ork_ts_packed_conv(ts, state, name, folder, depth);
        if (!packed)
            return ork_diag_error_id(ts->diag) != ORK_ERR_NONE
                       ? NULL
                       : ork_ts_text(ts, ORK_TS_UNAVAILABLE,
                                     ork_arena_printf(ts->arena, "the quantized module '%s' (%s)",
                                                      name, class->global.name));
    }
    ork_ts_value *value = ork_ts_new(ts, ORK_TS_MODULE);
    value->module = ORK_NEW(ts->arena, ork_ts_module);
    value->module->path = name;
    value->module->object = pickled;
    value->module->type = ork_ts_find_class(ts, class->global.module, class->global.name);
    value->module->attributes = ork_map_new(ts->arena);
    if (packed)
        ork_map_set(value->module->attributes, "_packed_params", packed);
    return value;
}

/* Lists are wrapped: torch.jit._pickle build_intlist([...]), restore_type_tag([...], "type"). */
static const ork_pickle_value *unwrapped(const ork_pickle_value *pickled)
{
    if (ork_pickle_is(pickled, ORK_PICKLE_CALL) &&
        ork_pickle_is(pickled->object->callable, ORK_PICKLE_GLOBAL) &&
        !strcmp(pickled->object->callable->global.module, "torch.jit._pickle"))
        return ork_pickle_arg(pickled, 0);
    return pickled;
}

static ork_ts_value *simple_from(ork_ts *ts, const ork_pickle_value *pickled)
{
    bool boolean;
    int64_t integer;
    double number;
    const char *text = ork_pickle_text(pickled);
    if (ork_pickle_is(pickled, ORK_PICKLE_NONE))
        return ork_ts_new(ts, ORK_TS_NONE);
    if (ork_pickle_bool(pickled, &boolean))
        return ork_ts_bool(ts, boolean);
    if (ork_pickle_int(pickled, &integer))
        return ork_ts_int(ts, integer);
    if (ork_pickle_float(pickled, &number))
        return ork_ts_float(ts, number, false);
    return text ? ork_ts_text(ts, ORK_TS_STRING, text) : NULL;
}

static ork_ts_value *structure_from(ork_ts *ts, const ork_pickle_value *pickled, const char *name,
                                    const char *folder, int depth)
{
    ork_ts_tensor_info info;
    ork_ts_value *value = NULL;
    if (ork_ts_tensor_info_get(pickled, &info))
        return info.quantizer ? quantized_from_info(ts, &info, name, folder, depth - 1)
                              : tensor_from_info(ts, &info, name, folder);
    if (depth > 0 && ork_pickle_is(pickled, ORK_PICKLE_LIST))
        return sequence(ts, ORK_TS_LIST, pickled, name, folder, depth - 1);
    if (depth > 0 && ork_pickle_is(pickled, ORK_PICKLE_TUPLE))
        return sequence(ts, ORK_TS_TUPLE, pickled, name, folder, depth - 1);
    if (ork_pickle_is(pickled, ORK_PICKLE_OBJECT))
        value = module_from(ts, pickled, name, folder, depth - 1);
    if (!value && ork_diag_error_id(ts->diag) == ORK_ERR_NONE)
        value = ork_ts_text(ts, ORK_TS_UNAVAILABLE,
                            ork_arena_printf(ts->arena,
                                             "'%s', which is neither a plain tensor nor "
                                             "a module,",
                                             name));
    return value;
}

ork_ts_value *ork_ts_from_pickle(ork_ts *ts, const ork_pickle_value *pickled, const char *name,
                                 const char *folder, int depth)
{
    if (ts->steps_left == 0)
        return ork_build_unsupported(ts->build, "the file holds too many objects");
    ts->steps_left--;
    pickled = depth > 0 ? unwrapped(pickled) : NULL;
    if (!pickled)
        return ork_ts_text(ts, ORK_TS_UNAVAILABLE, name);
    ork_ts_value *value = simple_from(ts, pickled);
    if (value)
        return value;
    const char *address = ork_arena_printf(ts->arena, "%p", (const void *)pickled);
    value = ork_map_get(ts->objects, address);
    if (!value) {
        value = structure_from(ts, pickled, name, folder, depth);
        if (value)
            ork_map_set(ts->objects, address, value);
    }
    return value;
}
