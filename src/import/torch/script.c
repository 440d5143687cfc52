/* SPDX-License-Identifier: Apache-2.0 */
/* TorchScript archives: what forward() takes, and a run of it. */
#include "script.h"

#include <string.h>

/* ---- inputs of the network ------------------------------------------------------------- */

static const char *type_name(const ork_torch_expr *type)
{
    return type && type->kind == ORK_TORCH_GLOBAL ? type->text : "";
}

static bool is_generic(const ork_torch_expr *type, const char *name)
{
    return type && type->kind == ORK_TORCH_SUBSCRIPT && !strcmp(type_name(type->object), name);
}

/* Tensors that a parameter of this type takes; *open is set when it is a list, which takes any
   number; -1 when it takes something else. */
static int count_tensors(const ork_torch_expr *type, bool *open)
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

static ork_torch_value *feed_tensor(ork_torch *torch, feeder *f, const char *name)
{
    const ork_import_input *input = &f->inputs[f->used++];
    ork_type type = ork_type_of(input->dtype, input->rank, input->dim);
    return ork_torch_tensor(torch, ork_graph_add_input(torch->graph, name, &type));
}

static ork_torch_value *feed(ork_torch *torch, feeder *f, const ork_torch_expr *type,
                             const char *name)
{
    if (!type || type->kind != ORK_TORCH_SUBSCRIPT)
        return feed_tensor(torch, f, name);
    if (is_generic(type, "Optional"))
        return feed(torch, f, type->items.items[0], name);
    bool is_list = is_generic(type, "List");
    size_t count = is_list ? (size_t)f->in_list : type->items.count;
    ork_torch_value **items = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, count + 1);
    for (size_t i = 0; i < count; i++)
        items[i] = feed(torch, f, type->items.items[is_list ? 0 : i],
                        ork_arena_printf(torch->arena, "%s_%zu", name, i));
    return ork_torch_list(torch, is_list ? ORK_TORCH_LIST : ORK_TORCH_TUPLE, items, count);
}

/* ---- sizes that the file records ------------------------------------------------------- */

static bool input_of_pickle(const ork_pickle_value *value, ork_import_input *input)
{
    ork_torch_tensor_info info;
    if (!ork_torch_tensor_info_get(value, &info))
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
    value = ork_torch_unwrapped(value);
    if (*count < MAX_RECORDED && input_of_pickle(value, &inputs[*count]))
        ++*count;
    for (size_t i = 0; depth > 0 && *count < MAX_RECORDED && i < ork_pickle_count(value); i++)
        if (ork_pickle_item(value, i))
            collect(ork_pickle_item(value, i), depth - 1, inputs, count);
}

/* torch 2.0 and newer keep the tensors that the network was traced with. */
static bool read_recorded(ork_torch *torch, ork_torch_signature *signature)
{
    size_t index;
    ork_bytes bytes;
    ork_pickle_value *value;
    signature->recorded = ORK_NEW_ARRAY(torch->arena, ork_import_input, MAX_RECORDED);
    if (!ork_torch_find_record(torch->arena, torch->archive, "traced_inputs.pkl", &index))
        return true;
    if (!ork_zip_entry_bytes(torch->diag, torch->archive->zip, index, torch->arena, &bytes) ||
        !ork_pickle_read(torch->diag, torch->arena, bytes, &value, NULL))
        return false;
    const ork_pickle_value *forward = ork_pickle_get(ork_torch_unwrapped(value), "forward");
    collect(forward, 3, signature->recorded, &signature->recorded_count);
    return true;
}

/* ---- forward() ------------------------------------------------------------------------- */

static ork_torch_function *find_forward(ork_torch *torch, ork_torch_module **module)
{
    ork_torch_value *top =
        ork_torch_from_pickle(torch, torch->archive->module, "", "data", ORK_PICKLE_DEPTH);
    if (!top)
        return NULL;
    ork_torch_function *forward = NULL;
    if (top->kind == ORK_TORCH_MODULE && top->module->type)
        forward = ork_torch_find_method(top->module->type, "forward");
    if (!forward) {
        if (ork_diag_error_id(torch->diag) == ORK_ERR_NONE)
            ork_fail(torch->diag, ORK_ERR_TORCH_CODE,
                     "the file has no network: there is no forward()");
        return NULL;
    }
    *module = top->module;
    return ork_torch_parse_function(torch->diag, torch->arena, forward) ? forward : NULL;
}

/* "Tensor", "Tuple[Tensor, Tensor]" */
static const char *type_text(ork_arena *arena, const ork_torch_expr *type)
{
    if (!type)
        return "Tensor";
    if (type->kind != ORK_TORCH_SUBSCRIPT)
        return type->text ? type->text : "?";
    const char *text = ork_arena_printf(arena, "%s[", type_name(type->object));
    for (size_t i = 0; i < type->items.count; i++)
        text = ork_arena_printf(arena, "%s%s%s", text, i ? ", " : "",
                                type_text(arena, type->items.items[i]));
    return ork_arena_printf(arena, "%s]", text);
}

static bool read_signature(ork_torch *torch, ork_torch_signature *signature)
{
    ork_torch_module *module;
    const ork_torch_function *forward = find_forward(torch, &module);
    *signature = (ork_torch_signature){.text = ""};
    if (forward && forward->parameters.count > ORK_TORCH_MAX_INPUTS)
        return ork_fail(torch->diag, ORK_ERR_UNSUPPORTED, "more than %d inputs",
                        ORK_TORCH_MAX_INPUTS);
    for (size_t i = 1; forward && i < forward->parameters.count; i++) {
        const ork_torch_parameter *parameter = &forward->parameters.items[i];
        int count = count_tensors(parameter->type, &signature->has_list);
        const char *type = type_text(torch->arena, parameter->type);
        if (count < 0)
            return ork_fail(torch->diag, ORK_ERR_UNSUPPORTED, "forward() takes '%s' of type %s",
                            parameter->name, type);
        signature->tensors += count;
        signature->text = ork_arena_printf(torch->arena, "%s%s%s: %s", signature->text,
                                           i > 1 ? ", " : "", parameter->name, type);
    }
    return forward && read_recorded(torch, signature);
}

static ork_torch_value *run(ork_torch *torch, const ork_import_input *inputs, int in_list)
{
    ork_torch_module *module;
    ork_torch_function *forward = find_forward(torch, &module);
    if (!forward)
        return NULL;
    size_t parameters = forward->parameters.count;
    ork_torch_value **args = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, parameters + 1);
    feeder f = {.inputs = inputs, .in_list = in_list};
    for (size_t i = 1; i < parameters; i++)
        args[i - 1] =
            feed(torch, &f, forward->parameters.items[i].type, forward->parameters.items[i].name);
    return ork_torch_call(torch, module, forward, args, parameters - 1);
}

const ork_torch_reader ork_torch_script_reader = {ork_torch_archive_open, read_signature, run,
                                                  ork_torch_script_site};
