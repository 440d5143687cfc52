/* SPDX-License-Identifier: Apache-2.0 */
/* Archives of torch.export as a reader: what the network takes, a run of it, places in the code. */
#include "export.h"

#include <stdlib.h>
#include <string.h>

/* The one member of an object that says its kind, as in {"user_input": {...}}. */
static const char *kind_of(const ork_json *json, const ork_json **inside)
{
    bool has_kind = ork_json_is(json, ORK_JSON_OBJECT) && json->object.count == 1;
    *inside = has_kind ? json->object.members[0].value : NULL;
    return has_kind ? json->object.members[0].key : "";
}

/* Name of the tensor that an input or output of the user is; NULL for numbers, None and so on. */
static const char *user_tensor(const ork_json *spec)
{
    return ork_json_get_text(ork_json_get(ork_json_get(spec, "arg"), "as_tensor"), "name", NULL);
}

/* ---- inputs ---------------------------------------------------------------------------- */

/* The sizes that the network was exported with, and which of them are only examples; false when
   they are not all in the file. */
static bool recorded_input(const ork_json *graph, const char *name, ork_import_input *input,
                           unsigned *free_axes)
{
    const ork_json *meta = ork_json_get(ork_json_get(graph, "tensor_values"), name);
    const ork_json *sizes = ork_json_get(meta, "sizes");
    const char *class = ork_torch_export_storage_class(ork_json_get_int(meta, "dtype", 0));
    ork_dtype stored;
    *input = (ork_import_input){.rank = (int)ork_min_size(ork_json_count(sizes), ORK_MAX_RANK + 1)};
    if (!class || !ork_torch_storage_dtype(class, &stored, &input->dtype) ||
        input->rank > ORK_MAX_RANK)
        return false;
    for (int i = 0; i < input->rank; i++) {
        const ork_json *size = ork_json_item(sizes, (size_t)i);
        *free_axes |= (unsigned)(ork_json_get(size, "as_expr") != NULL) << i;
        if (!ork_torch_export_size(size, &input->dim[i]))
            return false;
    }
    return true;
}

static bool read_signature(ork_torch *torch, ork_torch_signature *signature)
{
    const ork_torch_export *exported = torch->archive->exported;
    const ork_json *specs = ork_json_get(exported->signature, "input_specs"), *spec;
    size_t count = ork_json_count(specs);
    bool all_recorded = true;
    *signature = (ork_torch_signature){.text = ""};
    signature->recorded = ORK_NEW_ARRAY(torch->arena, ork_import_input, count + 1);
    signature->free_axes = ORK_NEW_ARRAY(torch->arena, unsigned, count + 1);
    for (size_t i = 0; i < count; i++) {
        bool is_user = !strcmp(kind_of(ork_json_item(specs, i), &spec), "user_input");
        const char *name = is_user ? user_tensor(spec) : NULL;
        if (!name)
            continue;
        signature->text = ork_arena_printf(torch->arena, "%s%s%s: Tensor", signature->text,
                                           *signature->text ? ", " : "", name);
        if (signature->tensors == ORK_TORCH_MAX_INPUTS)
            return ork_fail(torch->diag, ORK_ERR_UNSUPPORTED, "more than %d inputs",
                            ORK_TORCH_MAX_INPUTS);
        int at = signature->tensors++;
        all_recorded = recorded_input(exported->graph, name, &signature->recorded[at],
                                      &signature->free_axes[at]) &&
                       all_recorded;
    }
    signature->recorded_count = all_recorded ? signature->tensors : 0;
    return true;
}

typedef struct feeder {
    ork_torch *torch;
    ork_map *values;
    const ork_import_input *next; /* size of the next tensor of the user */
} feeder;

/* A size that the network takes as an input is what it was at export. */
static ork_torch_value *recorded_number(feeder *f, const ork_json *argument, const char **name)
{
    static const char *const kinds[][2] = {{"as_sym_int", "sym_int_values"},
                                           {"as_sym_float", "sym_float_values"},
                                           {"as_sym_bool", "sym_bool_values"}};
    ork_torch *torch = f->torch;
    const ork_json *inside, *graph = torch->archive->exported->graph;
    const char *kind = kind_of(argument, &inside);
    int64_t size;
    *name = ork_json_get_text(inside, "as_name", "");
    for (size_t i = 0; i < ORK_COUNT(kinds); i++) {
        const ork_json *value = ork_json_get(ork_json_get(graph, kinds[i][1]), *name);
        if (strcmp(kinds[i][0], kind) != 0 || !value)
            continue;
        const ork_json *expression = ork_json_get(value, "as_expr");
        if (i == 0 && ork_torch_export_size(value, &size))
            return ork_torch_int(torch, size);
        return ork_torch_export_argument(torch, f->values,
                                         expression ? ork_json_get(expression, "hint") : value);
    }
    return ork_torch_new(torch, ORK_TORCH_NONE);
}

static const char *feed_user(feeder *f, const ork_json *spec, ork_torch_value **value)
{
    const char *name = user_tensor(spec);
    if (!name) {
        *value = recorded_number(f, ork_json_get(spec, "arg"), &name);
        if (*value && (*value)->kind == ORK_TORCH_INT)
            ork_log(f->torch->diag, ORK_LOG_NOTE,
                    "the input '%s' is %lld from now on, as at export", name,
                    (long long)(*value)->integer);
        return name;
    }
    const ork_import_input *input = f->next++;
    ork_type type = ork_type_of(input->dtype, input->rank, input->dim);
    *value = ork_torch_tensor(f->torch, ork_graph_add_input(f->torch->graph, name, &type));
    return name;
}

/* The kinds of inputs that are tensors of the file. */
static const struct {
    const char *kind, *member;
} stored_kinds[] = {
    {"parameter", "parameter_name"},
    {"buffer", "buffer_name"},
    {"tensor_constant", "tensor_constant_name"},
};

/* Parameters, buffers and constants are inputs of the graph too. */
static bool feed(feeder *f, const ork_json *item)
{
    const ork_json *spec;
    const char *kind = kind_of(item, &spec), *stored = NULL;
    const char *name = ork_json_get_text(ork_json_get(spec, "arg"), "name", NULL);
    ork_torch_value *value = NULL;
    for (size_t i = 0; i < ORK_COUNT(stored_kinds) && !stored; i++)
        if (!strcmp(stored_kinds[i].kind, kind))
            stored = ork_json_get_text(spec, stored_kinds[i].member, NULL);
    if (stored) {
        value = ork_torch_export_tensor(f->torch, stored);
    } else if (!strcmp(kind, "user_input")) {
        name = feed_user(f, spec, &value);
    } else if (!strcmp(kind, "constant_input")) {
        name = ork_json_get_text(spec, "name", NULL);
        value = ork_torch_export_argument(f->torch, f->values, ork_json_get(spec, "value"));
    } else {
        value =
            ork_torch_text(f->torch, ORK_TORCH_UNAVAILABLE,
                           ork_arena_printf(f->torch->arena, "an input of the kind '%s'", kind));
    }
    if (value && name)
        ork_map_set(f->values, name, value);
    return value != NULL;
}

/* ---- outputs --------------------------------------------------------------------------- */

static void warn_of_state(ork_torch *torch, const char *name)
{
    ork_log(torch->diag, ORK_LOG_WARNING,
            "the network changes its buffer '%s' when it runs; here every run begins with the "
            "contents in the file",
            name);
}

/* Buffers that were written to while the graph ran. */
static void warn_of_writes(feeder *f, const ork_json *specs)
{
    const ork_json *spec;
    for (size_t i = 0; i < ork_json_count(specs); i++) {
        if (strcmp(kind_of(ork_json_item(specs, i), &spec), "buffer") != 0)
            continue;
        const char *name = ork_json_get_text(ork_json_get(spec, "arg"), "name", "");
        const ork_torch_value *buffer = ork_map_get(f->values, name);
        if (buffer && buffer->kind == ORK_TORCH_TENSOR && buffer->tensor.writes > 0)
            warn_of_state(f->torch, ork_json_get_text(spec, "buffer_name", name));
    }
}

/* What the user gets, one after the other. The graph also gives the new contents of buffers. */
static ork_torch_value *collect_outputs(feeder *f, const ork_json *specs)
{
    ork_torch *torch = f->torch;
    size_t count = ork_json_count(specs), used = 0;
    ork_torch_value **items = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, count + 1);
    for (size_t i = 0; i < count; i++) {
        const ork_json *spec;
        const char *kind = kind_of(ork_json_item(specs, i), &spec);
        if (!strcmp(kind, "user_output")) {
            items[used] = ork_torch_export_argument(torch, f->values, ork_json_get(spec, "arg"));
            if (!items[used++])
                return NULL;
        } else if (!strcmp(kind, "buffer_mutation")) {
            warn_of_state(torch, ork_json_get_text(spec, "buffer_name", ""));
        } else if (strcmp(kind, "user_input_mutation") != 0 && strcmp(kind, "token") != 0) {
            return ork_build_unsupported(torch->build, "an output of the kind '%s'", kind);
        }
    }
    return ork_torch_list(torch, ORK_TORCH_TUPLE, items, used);
}

static ork_torch_value *run(ork_torch *torch, const ork_import_input *inputs, int in_list)
{
    (void)in_list;
    const ork_torch_export *exported = torch->archive->exported;
    const ork_json *specs = ork_json_get(exported->signature, "input_specs");
    feeder f = {.torch = torch, .values = ork_map_new(torch->arena), .next = inputs};
    for (size_t i = 0; i < ork_json_count(specs); i++)
        if (!feed(&f, ork_json_item(specs, i)))
            return NULL;
    if (!ork_torch_export_run(torch, f.values, exported->graph))
        return NULL;
    warn_of_writes(&f, specs);
    return collect_outputs(&f, ork_json_get(exported->signature, "output_specs"));
}

/* ---- places ---------------------------------------------------------------------------- */

/* Modules around a node, the innermost last: "L__self__,,app.Net;L__self___act@1,act@1,torch.nn.
   modules.activation.ReLU": key, path and class of each; "@1" marks the second call. */
static void take_module(ork_arena *arena, const char *stack, ork_torch_site *site)
{
    const char *last = strrchr(stack, ';'), *class = strrchr(stack, ',');
    const char *begin = last ? last + 1 : stack, *path;
    if (!class || class < begin)
        return;
    for (path = class; path > begin && path[-1] != ','; path--)
        ;
    if (ork_starts_with(path, "L['self']"))
        path += strlen("L['self']") + (path[strlen("L['self']")] == '.');
    if (path > class)
        path = class;
    site->path = ork_arena_strndup(arena, path, strcspn(path, "@,"));
    site->is_torch_layer = ork_starts_with(class + 1, "torch.nn.");
    const char *dot = strrchr(class, '.');
    site->class_name = dot ? dot + 1 : class + 1;
}

/* Lines like `File "/home/me/app.py", line 9, in forward`, the innermost last; the innermost
   outside of torch and of code that it made. Folders are left out: they are nobody's business. */
static const char *source_of(ork_arena *arena, const char *trace)
{
    static const char begin[] = "File \"", middle[] = "\", line ";
    const char *file = NULL, *file_end = NULL;
    for (const char *at = trace; (at = strstr(at, begin)) != NULL;) {
        const char *path = at + strlen(begin), *end = strstr(path, middle), *name = path;
        if (!end)
            break;
        bool is_users = *path != '<';
        for (const char *c = path; c < end; c++) {
            is_users = is_users && strncmp(c, "/torch/", 7) != 0;
            name = *c == '/' || *c == '\\' ? c + 1 : name;
        }
        if (is_users) {
            file = name;
            file_end = end;
        }
        at = end;
    }
    if (!file)
        return NULL;
    const char *line = file_end + strlen(middle);
    return ork_arena_printf(arena, "%.*s:%.*s", (int)(file_end - file), file,
                            (int)strspn(line, "0123456789"), line);
}

/* The end of a text, where the innermost stands. */
static const char *metadata_of(const ork_json *node, const char *key)
{
    enum { LONGEST = 8192 };
    const ork_json *text = ork_json_get(ork_json_get(node, "metadata"), key);
    if (!ork_json_is(text, ORK_JSON_STRING))
        return "";
    size_t length = text->string.length;
    return text->string.text + (length > LONGEST ? length - LONGEST : 0);
}

ork_torch_site ork_torch_export_site(ork_torch *torch, const ork_json *node)
{
    ork_torch_site site = {.path = ""};
    take_module(torch->arena, metadata_of(node, "nn_module_stack"), &site);
    site.source = source_of(torch->arena, metadata_of(node, "stack_trace"));
    if (!site.class_name && !site.source)
        site.source = ork_json_get_text(node, "name", NULL);
    return site;
}

static ork_torch_site current_site(const ork_torch *torch)
{
    return torch->site;
}

const ork_torch_reader ork_torch_export_reader = {ork_torch_export_open, read_signature, run,
                                                  current_site};
