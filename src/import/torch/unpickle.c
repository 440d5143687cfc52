/* SPDX-License-Identifier: Apache-2.0 */
/* Module objects and constants: what the pickles of a file hold, as methods see it. */
#include "script.h"

#include <string.h>

/* ---- tensors, described
 * --------------------------------------------------------------------------- */

static bool take_shape(const ork_pickle_value *sizes, const ork_pickle_value *strides,
                       ork_torch_tensor_info *info)
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

bool ork_torch_tensor_info_get(const ork_pickle_value *value, ork_torch_tensor_info *info)
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
    *info = (ork_torch_tensor_info){.key = ork_pickle_text(ork_pickle_item(storage->id, 2))};
    if (!ork_pickle_is(class, ORK_PICKLE_GLOBAL) || !info->key)
        return false;
    info->storage_class = class->global.name;
    info->quantizer = is_quantized ? ork_pickle_arg(value, 4) : NULL;
    if (is_quantized && !info->quantizer)
        return false;
    return ork_pickle_int(ork_pickle_arg(value, 1), &info->offset) && info->offset >= 0 &&
           take_shape(ork_pickle_arg(value, 2), ork_pickle_arg(value, 3), info);
}

/* ---- quantized tensors ----------------------------------------------------------------- */

static ork_value *number_in(ork_torch *torch, const ork_pickle_value *pickled, const char *name,
                            const char *folder, int depth)
{
    ork_torch_value *value =
        pickled ? ork_torch_from_pickle(torch, pickled, name, folder, depth) : NULL;
    return value ? ork_torch_graph_value(torch, value) : NULL;
}

/* (torch.per_tensor_affine, scale, zero point), or (torch.per_channel_affine, scales, zero points,
   axis) */
static bool take_quantizer(ork_torch *torch, const ork_pickle_value *quantizer,
                           const ork_type *type, const char *name, const char *folder, int depth,
                           ork_quant *quant)
{
    int64_t axis = 0;
    const ork_pickle_value *scheme = ork_pickle_item(quantizer, 0);
    bool per_channel = ork_pickle_is_global(scheme, "torch", "per_channel_affine");
    if (!per_channel && !ork_pickle_is_global(scheme, "torch", "per_tensor_affine"))
        return ork_build_unsupported(torch->build, "the quantization scheme of '%s'", name) != NULL;
    ork_value *scale = number_in(torch, ork_pickle_item(quantizer, 1),
                                 ork_arena_printf(torch->arena, "%s.scale", name), folder, depth);
    ork_value *zero =
        number_in(torch, ork_pickle_item(quantizer, 2),
                  ork_arena_printf(torch->arena, "%s.zero_point", name), folder, depth);
    if (!scale || !zero || (per_channel && !ork_pickle_int(ork_pickle_item(quantizer, 3), &axis)))
        return ork_diag_error_id(torch->diag) != ORK_ERR_NONE
                   ? false
                   : ork_build_unsupported(torch->build, "the quantization of '%s'", name) != NULL;
    if (axis < 0 || axis >= ORK_MAX_RANK)
        axis = -1;
    return ork_build_quant(torch->build, type, scale, zero, (int)axis, quant);
}

static ork_torch_value *quantized_from_info(ork_torch *torch, const ork_torch_tensor_info *info,
                                            const ork_torch_storage *storage, const char *name,
                                            const char *folder, int depth)
{
    ork_quant quant;
    ork_torch_value *tensor = ork_torch_stored_tensor(torch, storage, info, name);
    if (!tensor || tensor->kind != ORK_TORCH_TENSOR)
        return tensor;
    ork_value *whole = tensor->tensor.value;
    if (!take_quantizer(torch, info->quantizer, &whole->type, name, folder, depth, &quant))
        return NULL;
    ork_value *quantized = ork_build_as_quantized(torch->build, whole, &quant);
    return quantized ? ork_torch_tensor(torch, quantized) : NULL;
}

/* ---- other values ---------------------------------------------------------------------- */

static ork_torch_value *sequence(ork_torch *torch, ork_torch_kind kind,
                                 const ork_pickle_value *pickled, const char *name,
                                 const char *folder, int depth)
{
    size_t count = ork_pickle_count(pickled);
    ork_torch_value **items = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, count + 1);
    for (size_t i = 0; i < count; i++) {
        const char *item_name = ork_arena_printf(torch->arena, "%s.%zu", name, i);
        items[i] =
            ork_torch_from_pickle(torch, ork_pickle_item(pickled, i), item_name, folder, depth);
        if (!items[i])
            return NULL;
    }
    return ork_torch_list(torch, kind, items, count);
}

/* Classes of torch itself hold packed weights; quantized layers are tuples of their settings. */
static ork_torch_value *module_from(ork_torch *torch, const ork_pickle_value *pickled,
                                    const char *name, const char *folder, int depth)
{
    const ork_pickle_value *class = pickled->object->callable, *state = pickled->object->state;
    ork_torch_value *packed = NULL;
    if (!ork_pickle_is(class, ORK_PICKLE_GLOBAL) || strncmp(class->global.module, "__torch__", 9))
        return NULL;
    if (!strcmp(class->global.module, "__torch__.torch.classes.quantized"))
        return ork_torch_packed_object(torch, state, name, folder, depth);
    if (!ork_pickle_is(state, ORK_PICKLE_DICT)) {
        packed = ork_torch_packed_conv(torch, state, name, folder, depth);
        if (!packed)
            return ork_diag_error_id(torch->diag) != ORK_ERR_NONE
                       ? NULL
                       : ork_torch_text(torch, ORK_TORCH_UNAVAILABLE,
                                        ork_arena_printf(torch->arena,
                                                         "the quantized module '%s' (%s)", name,
                                                         class->global.name));
    }
    ork_torch_value *value = ork_torch_new(torch, ORK_TORCH_MODULE);
    value->module = ORK_NEW(torch->arena, ork_torch_module);
    value->module->path = name;
    value->module->object = pickled;
    value->module->type = ork_torch_find_class(torch, class->global.module, class->global.name);
    value->module->attributes = ork_map_new(torch->arena);
    if (packed)
        ork_map_set(value->module->attributes, "_packed_params", packed);
    return value;
}

const ork_pickle_value *ork_torch_unwrapped(const ork_pickle_value *pickled)
{
    if (ork_pickle_is(pickled, ORK_PICKLE_CALL) &&
        ork_pickle_is(pickled->object->callable, ORK_PICKLE_GLOBAL) &&
        !strcmp(pickled->object->callable->global.module, "torch.jit._pickle"))
        return ork_pickle_arg(pickled, 0);
    return pickled;
}

static ork_torch_value *simple_from(ork_torch *torch, const ork_pickle_value *pickled)
{
    bool boolean;
    int64_t integer;
    double number;
    const char *text = ork_pickle_text(pickled);
    if (ork_pickle_is(pickled, ORK_PICKLE_NONE))
        return ork_torch_new(torch, ORK_TORCH_NONE);
    if (ork_pickle_bool(pickled, &boolean))
        return ork_torch_bool(torch, boolean);
    if (ork_pickle_int(pickled, &integer))
        return ork_torch_int(torch, integer);
    if (ork_pickle_float(pickled, &number))
        return ork_torch_float(torch, number, false);
    return text ? ork_torch_text(torch, ORK_TORCH_STRING, text) : NULL;
}

static ork_torch_value *structure_from(ork_torch *torch, const ork_pickle_value *pickled,
                                       const char *name, const char *folder, int depth)
{
    ork_torch_tensor_info info;
    ork_torch_value *value = NULL;
    ork_torch_storage storage = {torch->archive, folder, !strcmp(folder, "constants")};
    if (ork_torch_tensor_info_get(pickled, &info))
        return info.quantizer ? quantized_from_info(torch, &info, &storage, name, folder, depth - 1)
                              : ork_torch_stored_tensor(torch, &storage, &info, name);
    if (depth > 0 && ork_pickle_is(pickled, ORK_PICKLE_LIST))
        return sequence(torch, ORK_TORCH_LIST, pickled, name, folder, depth - 1);
    if (depth > 0 && ork_pickle_is(pickled, ORK_PICKLE_TUPLE))
        return sequence(torch, ORK_TORCH_TUPLE, pickled, name, folder, depth - 1);
    if (ork_pickle_is(pickled, ORK_PICKLE_OBJECT))
        value = module_from(torch, pickled, name, folder, depth - 1);
    if (!value && ork_diag_error_id(torch->diag) == ORK_ERR_NONE)
        value = ork_torch_text(torch, ORK_TORCH_UNAVAILABLE,
                               ork_arena_printf(torch->arena,
                                                "'%s', which is neither a plain tensor nor "
                                                "a module,",
                                                name));
    return value;
}

ork_torch_value *ork_torch_from_pickle(ork_torch *torch, const ork_pickle_value *pickled,
                                       const char *name, const char *folder, int depth)
{
    if (torch->steps_left == 0)
        return ork_build_unsupported(torch->build, "the file holds too many objects");
    torch->steps_left--;
    pickled = depth > 0 ? ork_torch_unwrapped(pickled) : NULL;
    if (!pickled)
        return ork_torch_text(torch, ORK_TORCH_UNAVAILABLE, name);
    ork_torch_value *value = simple_from(torch, pickled);
    if (value)
        return value;
    const char *address = ork_arena_printf(torch->arena, "%p", (const void *)pickled);
    value = ork_map_get(torch->objects, address);
    if (!value) {
        value = structure_from(torch, pickled, name, folder, depth);
        if (value)
            ork_map_set(torch->objects, address, value);
    }
    return value;
}
