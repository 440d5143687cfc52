/* SPDX-License-Identifier: Apache-2.0 */
/* TorchScript archives: what forward() takes, and a run of it. */
#include "script.h"

#include <string.h>

/* ---- inputs of the network ------------------------------------------------------------- */

static const char *type_name(const ork_ts_expr *type)
{
    return type && type->kind == ORK_TS_GLOBAL ? type->text : "";
}

static bool is_generic(const ork_ts_expr *type, const char *name)
{
    return type && type->kind == ORK_TS_SUBSCRIPT && !strcmp(type_name(type->object), name);
}

/* Tensors that a parameter of this type takes; *open is set when it is a list, which takes any
   number; -1 when it takes something else. */
static int count_tensors(const ork_ts_expr *type, bool *open)
{
    if (!type || !strcmp(type_name(type), "Tensor"))
        return 1;
    if (is_generic(type, "Optional"))
        return count_tensors(type->items.items[0], open);
    if (is_generic(type, "List") && !strcmp(type_name(type->items.items[0]), "Tensor")) {
        *open = true;
        return 0;
    }
    if (!is_generic(type, "Tuple"))
        return -1;
    int total = 0;
    for (size_t i = 0; i < type->items.count; i++) {
        int count = count_tensors(type->items.items[i], open);
        if (count < 0)
            return -1;
        total += count;
    }
    return total;
}

typedef struct feeder {
    const ork_import_input *inputs;
    int used, in_list; /* in_list: how many a list takes */
} feeder;

static ork_ts_value *feed_tensor(ork_ts *ts, feeder *f, const char *name)
{
    const ork_import_input *input = &f->inputs[f->used++];
    ork_type type = ork_type_of(input->dtype, input->rank, input->dim);
    return ork_ts_tensor(ts, ork_graph_add_input(ts->graph, name, &type));
}

static ork_ts_value *feed(ork_ts *ts, feeder *f, const ork_ts_expr *type, const char *name)
{
    if (!type || type->kind != ORK_TS_SUBSCRIPT)
        return feed_tensor(ts, f, name);
    if (is_generic(type, "Optional"))
        return feed(ts, f, type->items.items[0], name);
    bool is_list = is_generic(type, "List");
    size_t count = is_list ? (size_t)f->in_list : type->items.count;
    ork_ts_value **items = ORK_NEW_ARRAY(ts->arena, ork_ts_value *, count + 1);
    for (size_t i = 0; i < count; i++)
        items[i] = feed(ts, f, type->items.items[is_list ? 0 : i],
                        ork_arena_printf(ts->arena, "%s_%zu", name, i));
    return ork_ts_list(ts, is_list ? ORK_TS_LIST : ORK_TS_TUPLE, items, count);
}

/* ---- sizes that the file records ------------------------------------------------------- */

static bool input_of_pickle(const ork_pickle_value *value, ork_import_input *input)
{
    ork_ts_tensor_info info;
    if (!ork_ts_tensor_info_get(value, &info))
        return false;
    *input = (ork_import_input){.dtype = ORK_F32, .rank = info.shape.rank};
    if (!strcmp(info.storage_class, "LongStorage"))
        input->dtype = ORK_I64;
    else if (!strcmp(info.storage_class, "IntStorage"))
        input->dtype = ORK_I32;
    else if (!strcmp(info.storage_class, "BoolStorage"))
        input->dtype = ORK_BOOL;
    memcpy(input->dim, info.shape.dim, sizeof(input->dim));
    return true;
}

enum { MAX_RECORDED = 64 };

/* Tensors of tuples and lists one after the other. */
static void collect(const ork_pickle_value *value, int depth, ork_import_input *inputs, int *count)
{
    value = ork_ts_unwrapped(value);
    if (*count < MAX_RECORDED && input_of_pickle(value, &inputs[*count]))
        ++*count;
    for (size_t i = 0; depth > 0 && *count < MAX_RECORDED && i < ork_pickle_count(value); i++)
        if (ork_pickle_item(value, i))
            collect(ork_pickle_item(value, i), depth - 1, inputs, count);
}

/* torch 2.0 and newer keep the tensors that the network was traced with. */
static bool read_recorded(ork_ts *ts, ork_ts_signature *signature)
{
    size_t index;
    ork_bytes bytes;
    ork_pickle_value *value;
    signature->recorded = ORK_NEW_ARRAY(ts->arena, ork_import_input, MAX_RECORDED);
    if (!ork_ts_find_record(ts->arena, ts->archive, "traced_inputs.pkl", &index))
        return true;
    if (!ork_zip_entry_bytes(ts->diag, ts->archive->zip, index, ts->arena, &bytes) ||
        !ork_pickle_read(ts->diag, ts->arena, bytes, &value, NULL))
        return false;
    const ork_pickle_value *forward = ork_pickle_get(ork_ts_unwrapped(value), "forward");
    collect(forward, 3, signature->recorded, &signature->recorded_count);
    return true;
}

/* ---- forward() ------------------------------------------------------------------------- */

static ork_ts_function *find_forward(ork_ts *ts, ork_ts_module **module)
{
    ork_ts_value *top = ork_ts_from_pickle(ts, ts->archive->module, "", "data", ORK_PICKLE_DEPTH);
    if (!top)
        return NULL;
    ork_ts_function *forward = NULL;
    if (top->kind == ORK_TS_MODULE && top->module->type)
        forward = ork_ts_find_method(top->module->type, "forward");
    if (!forward) {
        if (ork_diag_error_id(ts->diag) == ORK_ERR_NONE)
            ork_fail(ts->diag, ORK_ERR_TORCH_CODE,
                     "the file has no network: there is no forward()");
        return NULL;
    }
    *module = top->module;
    return ork_ts_parse_function(ts->diag, ts->arena, forward) ? forward : NULL;
}

/* "Tensor", "Tuple[Tensor, Tensor]" */
static const char *type_text(ork_arena *arena, const ork_ts_expr *type)
{
    if (!type)
        return "Tensor";
    if (type->kind != ORK_TS_SUBSCRIPT)
        return type->text ? type->text : "?";
    const char *text = ork_arena_printf(arena, "%s[", type_name(type->object));
    for (size_t i = 0; i < type->items.count; i++)
        text = ork_arena_printf(arena, "%s%s%s", text, i ? ", " : "",
                                type_text(arena, type->items.items[i]));
    return ork_arena_printf(arena, "%s]", text);
}

static bool read_signature(ork_ts *ts, ork_ts_signature *signature)
{
    ork_ts_module *module;
    const ork_ts_function *forward = find_forward(ts, &module);
    *signature = (ork_ts_signature){.text = ""};
    if (forward && forward->parameters.count > ORK_TS_MAX_INPUTS)
        return ork_fail(ts->diag, ORK_ERR_UNSUPPORTED, "more than %d inputs", ORK_TS_MAX_INPUTS);
    for (size_t i = 1; forward && i < forward->parameters.count; i++) {
        const ork_ts_parameter *parameter = &forward->parameters.items[i];
        int count = count_tensors(parameter->type, &signature->has_list);
        const char *type = type_text(ts->arena, parameter->type);
        if (count < 0)
            return ork_fail(ts->diag, ORK_ERR_UNSUPPORTED, "forward() takes '%s' of type %s",
                            parameter->name, type);
        signature->tensors += count;
        signature->text = ork_arena_printf(ts->arena, "%s%s%s: %s", signature->text,
                                           i > 1 ? ", " : "", parameter->name, type);
    }
    return forward && read_recorded(ts, signature);
}

static ork_ts_value *run(ork_ts *ts, const ork_import_input *inputs, int in_list)
{
    ork_ts_module *module;
    ork_ts_function *forward = find_forward(ts, &module);
    if (!forward)
        return NULL;
    size_t parameters = forward->parameters.count;
    ork_ts_value **args = ORK_NEW_ARRAY(ts->arena, ork_ts_value *, parameters + 1);
    feeder f = {.inputs = inputs, .in_list = in_list};
    for (size_t i = 1; i < parameters; i++)
        args[i - 1] =
            feed(ts, &f, forward->parameters.items[i].type, forward->parameters.items[i].name);
    return ork_ts_call(ts, module, forward, args, parameters - 1);
}

const ork_ts_reader ork_ts_script_reader = {ork_ts_archive_open, read_signature, run,
                                            ork_ts_script_site};
