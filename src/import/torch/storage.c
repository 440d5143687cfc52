/* SPDX-License-Identifier: Apache-2.0 */
/* Weights and constants: from records of the archive to constants of the graph, which point into
   the mapped file where type and order allow. */
#include "torch.h"

#include <stdio.h>
#include <string.h>

bool ork_torch_storage_dtype(const char *name, ork_dtype *stored, ork_dtype *wanted)
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
static bool fits_storage(const ork_torch_tensor_info *info, size_t elements)
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

static bool is_dense(const ork_torch_tensor_info *info)
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
static void gather_elements(const ork_torch_tensor_info *info, const void *from, ork_dtype stored,
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

static bool read_storage(ork_torch *torch, const ork_torch_storage *storage, const char *key,
                         ork_bytes *bytes)
{
    const char *name = ork_arena_printf(torch->arena, "%s/%s", storage->folder, key);
    size_t index;
    if (ork_torch_find_record(torch->arena, storage->archive, name, &index)) {
        const ork_zip_entry *entry = ork_zip_entry_at(storage->archive->zip, index);
        if (entry->method != ORK_ZIP_STORED) { /* torch never packs weights */
            if (entry->size > torch->build->bytes_left)
                return ork_build_unsupported(torch->build, "the packed record %s is too large",
                                             name) != NULL;
            torch->build->bytes_left -= (size_t)entry->size;
        }
    }
    return ork_torch_record(torch->diag, storage->archive, name, torch->graph->arena, bytes);
}

static const char *tensor_key(ork_torch *torch, const ork_torch_storage *storage,
                              const ork_torch_tensor_info *info)
{
    char text[ORK_MAX_RANK * 44 + 1] = "";
    size_t length = 0;
    for (int i = 0; i < info->shape.rank; i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, ",%lld/%lld",
                                   (long long)info->shape.dim[i], (long long)info->stride[i]);
    return ork_arena_printf(torch->arena, "%p/%s/%s:%s:%lld%s", (const void *)storage->archive,
                            storage->folder, info->key, info->storage_class,
                            (long long)info->offset, text);
}

static ork_value *make_constant(ork_torch *torch, const ork_torch_tensor_info *info,
                                ork_bytes bytes, ork_dtype stored, ork_dtype wanted,
                                const char *name)
{
    ork_type type = {.dtype = wanted, .shape = info->shape};
    size_t size = ork_dtype_table[stored].size, needed;
    if (!ork_shape_bytes(&info->shape, wanted, &needed) || !fits_storage(info, bytes.size / size)) {
        ork_fail(torch->diag, ORK_ERR_ZIP, "the tensor '%s' reaches beyond its record %s", name,
                 info->key);
        return NULL;
    }
    static const uint8_t nothing[1];
    if (needed == 0)
        return ork_graph_add_constant(torch->graph, name, &type, nothing);
    if (stored == wanted && is_dense(info))
        return ork_graph_add_constant(torch->graph, name, &type,
                                      bytes.data + (size_t)info->offset * size);
    void *data;
    if (!ork_build_spend(torch->build, &info->shape, wanted))
        return NULL;
    data = ork_graph_alloc(torch->graph, torch->diag, needed);
    if (!data)
        return NULL;
    gather_elements(info, bytes.data, stored, data, wanted);
    return ork_graph_add_constant(torch->graph, name, &type, data);
}

/* A constant without axes is a number to the code. Doubles keep their precision. */
static ork_torch_value *number_from_info(ork_torch *torch, const ork_torch_tensor_info *info,
                                         const ork_torch_storage *storage, ork_dtype stored)
{
    ork_bytes bytes;
    if (!read_storage(torch, storage, info->key, &bytes))
        return NULL;
    if (!fits_storage(info, bytes.size / ork_dtype_table[stored].size))
        return ork_build_unsupported(torch->build, "a constant reaches beyond its record");
    if (stored == ORK_BOOL)
        return ork_torch_bool(torch, ork_element_get_int(stored, bytes.data, info->offset) != 0);
    if (!ork_dtype_table[stored].is_float)
        return ork_torch_int(torch, ork_element_get_int(stored, bytes.data, info->offset));
    return ork_torch_float(torch, ork_element_get(stored, bytes.data, info->offset),
                           stored != ORK_F64);
}

/* Tied weights are one constant. */
ork_torch_value *ork_torch_stored_tensor(ork_torch *torch, const ork_torch_storage *storage,
                                         const ork_torch_tensor_info *info, const char *name)
{
    ork_dtype stored, wanted;
    ork_bytes bytes;
    if (!ork_torch_storage_dtype(info->storage_class, &stored, &wanted))
        return ork_torch_text(torch, ORK_TORCH_UNAVAILABLE,
                              ork_arena_printf(torch->arena, "the tensor '%s' of type %s", name,
                                               info->storage_class));
    if (info->shape.rank == 0 && storage->has_numbers)
        return number_from_info(torch, info, storage, stored);
    const char *key = tensor_key(torch, storage, info);
    ork_value *constant = ork_map_get(torch->tensors, key);
    if (!constant) {
        if (!read_storage(torch, storage, info->key, &bytes))
            return NULL;
        constant = make_constant(torch, info, bytes, stored, wanted, name);
        if (!constant)
            return NULL;
        ork_map_set(torch->tensors, key, constant);
    }
    return ork_torch_tensor(torch, constant);
}
