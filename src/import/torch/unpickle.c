/* SPDX-License-Identifier: Apache-2.0 */
/* Module objects and constants: what the pickles of a file hold, as methods see it. */
#include "script.h"

#include <string.h>

/* ---- tensors, described
 * --------------------------------------------------------------------------- */

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
    if (!ork_pickle_is_call(value, "torch._utils", "_rebuild_tensor_v2"))
        return false;
    const ork_pickle_value *storage = ork_pickle_arg(value, 0);
    if (!ork_pickle_is(storage, ORK_PICKLE_PERSISTENT))
        return false;
    const ork_pickle_value *class = ork_pickle_item(storage->id, 1);
    *info = (ork_ts_tensor_info){.key = ork_pickle_text(ork_pickle_item(storage->id, 2))};
    if (!ork_pickle_is(class, ORK_PICKLE_GLOBAL) || !info->key)
        return false;
    info->storage_class = class->global.name;
    return ork_pickle_int(ork_pickle_arg(value, 1), &info->offset) && info->offset >= 0 &&
           take_shape(ork_pickle_arg(value, 2), ork_pickle_arg(value, 3), info);
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

static ork_ts_value *module_from(ork_ts *ts, const ork_pickle_value *pickled, const char *name)
{
    const ork_pickle_value *class = pickled->object->callable;
    if (!ork_pickle_is(class, ORK_PICKLE_GLOBAL) || strncmp(class->global.module, "__torch__", 9))
        return NULL;
    if (!ork_pickle_is(pickled->object->state, ORK_PICKLE_DICT))
        return ork_ts_text(ts, ORK_TS_UNAVAILABLE,
                           ork_arena_printf(ts->arena, "the quantized module '%s' (%s)", name,
                                            class->global.name));
    ork_ts_value *value = ork_ts_new(ts, ORK_TS_MODULE);
    value->module = ORK_NEW(ts->arena, ork_ts_module);
    value->module->path = name;
    value->module->object = pickled;
    value->module->type = ork_ts_find_class(ts, class->global.module, class->global.name);
    value->module->attributes = ork_map_new(ts->arena);
    return value;
}

const ork_pickle_value *ork_ts_unwrapped(const ork_pickle_value *pickled)
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
    ork_ts_storage storage = {ts->archive, folder, !strcmp(folder, "constants")};
    if (ork_ts_tensor_info_get(pickled, &info))
        return ork_ts_stored_tensor(ts, &storage, &info, name);
    if (depth > 0 && ork_pickle_is(pickled, ORK_PICKLE_LIST))
        return sequence(ts, ORK_TS_LIST, pickled, name, folder, depth - 1);
    if (depth > 0 && ork_pickle_is(pickled, ORK_PICKLE_TUPLE))
        return sequence(ts, ORK_TS_TUPLE, pickled, name, folder, depth - 1);
    if (ork_pickle_is(pickled, ORK_PICKLE_OBJECT))
        value = module_from(ts, pickled, name);
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
    pickled = ork_ts_unwrapped(pickled);
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
