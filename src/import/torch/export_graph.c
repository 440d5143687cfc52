/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes of an exported graph, run in order: arguments are looked up, operators called by their name
   in the table, results kept under the names of the node's outputs. */
#include "export.h"

#include <math.h>
#include <string.h>

static const char *name_of(const ork_json *argument)
{
    const char *name = ork_json_get_text(argument, "name", NULL);
    return name ? name : ork_json_get_text(argument, "as_name", NULL);
}

static bool spend_step(ork_torch *torch)
{
    if (torch->steps_left == 0)
        return ork_build_unsupported(torch->build, "the network is too long") != NULL;
    torch->steps_left--;
    return true;
}

/* ---- arguments ------------------------------------------------------------------------- */

static ork_torch_value *take_name(ork_torch *torch, ork_map *values, const ork_json *json)
{
    const char *name = name_of(json);
    ork_torch_value *value = name ? ork_map_get(values, name) : NULL;
    if (!value)
        return ork_torch_export_malformed(torch, "the graph uses '%s' before it is set",
                                          name ? name : "a value without a name");
    return value;
}

static ork_torch_value *take_none(ork_torch *torch, ork_map *values, const ork_json *json)
{
    (void)values;
    (void)json;
    return ork_torch_new(torch, ORK_TORCH_NONE);
}

static ork_torch_value *take_int(ork_torch *torch, ork_map *values, const ork_json *json)
{
    (void)values;
    int64_t integer;
    if (!ork_json_as_int(json, &integer))
        return ork_torch_export_malformed(torch, "%s stands where a whole number is needed",
                                          json ? ork_json_kind_name(json->kind) : "nothing");
    return ork_torch_int(torch, integer);
}

/* JSON has no infinities, so they are written as text. */
static ork_torch_value *take_float(ork_torch *torch, ork_map *values, const ork_json *json)
{
    (void)values;
    double number;
    const char *text = ork_json_as_text(json);
    if (ork_json_as_double(json, &number))
        return ork_torch_float(torch, number, false);
    if (text && (!strcmp(text, "Infinity") || !strcmp(text, "-Infinity")))
        return ork_torch_float(torch, *text == '-' ? -(double)INFINITY : (double)INFINITY, false);
    if (text && !strcmp(text, "NaN"))
        return ork_torch_float(torch, (double)NAN, false);
    return ork_torch_export_malformed(torch, "%s stands where a number is needed",
                                      json ? ork_json_kind_name(json->kind) : "nothing");
}

static ork_torch_value *take_bool(ork_torch *torch, ork_map *values, const ork_json *json)
{
    (void)values;
    bool boolean;
    if (!ork_json_as_bool(json, &boolean))
        return ork_torch_export_malformed(torch, "%s stands where true or false is needed",
                                          json ? ork_json_kind_name(json->kind) : "nothing");
    return ork_torch_bool(torch, boolean);
}

static ork_torch_value *take_text(ork_torch *torch, ork_map *values, const ork_json *json)
{
    (void)values;
    const char *text = ork_json_as_text(json);
    if (!text)
        return ork_torch_export_malformed(torch, "%s stands where text is needed",
                                          json ? ork_json_kind_name(json->kind) : "nothing");
    return ork_torch_text(torch, ORK_TORCH_STRING, text);
}

static ork_torch_value *take_device(ork_torch *torch, ork_map *values, const ork_json *json)
{
    (void)values;
    return ork_torch_text(torch, ORK_TORCH_DEVICE, ork_json_get_text(json, "type", "cpu"));
}

/* The file numbers element types from 1, operators from 0 and bfloat16 elsewhere. */
static ork_torch_value *take_scalar_type(ork_torch *torch, ork_map *values, const ork_json *json)
{
    enum { BFLOAT16 = 13, TORCH_BFLOAT16 = 15 };
    ork_torch_value *code = take_int(torch, values, json);
    if (code)
        code->integer = code->integer == BFLOAT16  ? TORCH_BFLOAT16
                        : code->integer < BFLOAT16 ? code->integer - 1
                                                   : INT64_MAX;
    return code;
}

static const struct {
    const char *one, *many; /* the member's name, for a value and for a list of such */
    ork_torch_value *(*take)(ork_torch *torch, ork_map *values, const ork_json *json);
} argument_kinds[] = {
    {"as_tensor", "as_tensors", take_name},
    {"as_int", "as_ints", take_int},
    {"as_none", NULL, take_none},
    {"as_bool", "as_bools", take_bool},
    {"as_float", "as_floats", take_float},
    {"as_optional_tensor", "as_optional_tensors", ork_torch_export_argument},
    {"as_sym_int", "as_sym_ints", ork_torch_export_argument},
    {"as_sym_float", "as_sym_floats", ork_torch_export_argument},
    {"as_sym_bool", "as_sym_bools", ork_torch_export_argument},
    {"as_scalar_type", NULL, take_scalar_type},
    {"as_string", "as_strings", take_text},
    {"as_device", NULL, take_device},
    {"as_memory_format", NULL, take_int},
    {"as_layout", NULL, take_int},
};

static ork_torch_value *take_list(ork_torch *torch, ork_map *values, const ork_json *json,
                                  ork_torch_value *(*take)(ork_torch *, ork_map *,
                                                           const ork_json *))
{
    size_t count = ork_json_count(json);
    if (!ork_json_is(json, ORK_JSON_ARRAY))
        return ork_torch_export_malformed(torch, "%s stands where a list is needed",
                                          ork_json_kind_name(json->kind));
    ork_torch_value **items = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, count + 1);
    for (size_t i = 0; i < count; i++) {
        items[i] = spend_step(torch) ? take(torch, values, ork_json_item(json, i)) : NULL;
        if (!items[i])
            return NULL;
    }
    return ork_torch_list(torch, ORK_TORCH_LIST, items, count);
}

ork_torch_value *ork_torch_export_argument(ork_torch *torch, ork_map *values,
                                           const ork_json *argument)
{
    if (!ork_json_is(argument, ORK_JSON_OBJECT) || argument->object.count != 1)
        return ork_torch_export_malformed(torch, "an argument is no object with one member");
    const char *key = argument->object.members[0].key;
    const ork_json *json = argument->object.members[0].value;
    if (!spend_step(torch))
        return NULL;
    for (size_t i = 0; i < ORK_COUNT(argument_kinds); i++) {
        if (!strcmp(argument_kinds[i].one, key))
            return argument_kinds[i].take(torch, values, json);
        if (argument_kinds[i].many && !strcmp(argument_kinds[i].many, key))
            return take_list(torch, values, json, argument_kinds[i].take);
    }
    if (!strcmp(key, "as_name")) /* of a size */
        return take_name(torch, values, argument);
    return ork_torch_text(torch, ORK_TORCH_UNAVAILABLE,
                          ork_arena_printf(torch->arena, "an argument of the kind '%s'", key));
}

/* ---- results --------------------------------------------------------------------------- */

static bool keep(ork_torch *torch, ork_map *values, const ork_json *target, ork_torch_value *value)
{
    const char *name = name_of(target);
    if (!name)
        return ork_torch_export_malformed(torch, "an output of a node has no name") != NULL;
    ork_map_set(values, name, value);
    return true;
}

/* Part of what a node gives. What the operators of the table do not compute (statistics for
   training) is known to exist. */
static ork_torch_value *part_of(ork_torch *torch, ork_torch_value *result, size_t index)
{
    if (result->kind == ORK_TORCH_UNKNOWN)
        return result;
    if (ork_torch_is_sequence(result) && index < result->list.count)
        return result->list.items[index];
    if (!ork_torch_is_sequence(result) && index == 0)
        return result;
    return ork_torch_text(torch, ORK_TORCH_UNAVAILABLE, "a result that is only there for training");
}

/* `output` is {"as_tensor": {"name": ...}}, or one with a list of those. */
static bool keep_output(ork_torch *torch, ork_map *values, const ork_json *output,
                        ork_torch_value *result, bool is_whole)
{
    if (!ork_json_is(output, ORK_JSON_OBJECT) || output->object.count != 1)
        return ork_torch_export_malformed(torch, "an output is no object with one member") != NULL;
    const ork_json *target = output->object.members[0].value;
    if (!strcmp(output->object.members[0].key, "as_none"))
        return true;
    if (!ork_json_is(target, ORK_JSON_ARRAY))
        return keep(torch, values, target, is_whole ? part_of(torch, result, 0) : result);
    for (size_t i = 0; i < target->array.count; i++) {
        const ork_json *item = target->array.items[i], *tensor = ork_json_get(item, "as_tensor");
        if (!spend_step(torch) ||
            !keep(torch, values, tensor ? tensor : item, part_of(torch, result, i)))
            return false;
    }
    return true;
}

static bool keep_outputs(ork_torch *torch, ork_map *values, const ork_json *outputs,
                         ork_torch_value *result)
{
    size_t count = ork_json_count(outputs);
    if (count == 1)
        return keep_output(torch, values, ork_json_item(outputs, 0), result, true);
    for (size_t i = 0; i < count; i++)
        if (!spend_step(torch) || !keep_output(torch, values, ork_json_item(outputs, i),
                                               part_of(torch, result, i), false))
            return false;
    return true;
}

/* ---- graphs inside graphs -------------------------------------------------------------- */

/* Names inside a graph are its own. */
static ork_torch_value *call_graph(ork_torch *torch, const ork_json *graph,
                                   ork_torch_value *const *args, size_t count)
{
    const ork_json *inputs = ork_json_get(graph, "inputs"),
                   *outputs = ork_json_get(graph, "outputs");
    ork_map *values = ork_map_new(torch->arena);
    if (ork_json_count(inputs) != count)
        return ork_torch_export_malformed(torch, "a graph with %zu inputs is given %zu",
                                          ork_json_count(inputs), count);
    for (size_t i = 0; i < count; i++) {
        const ork_json *input = ork_json_item(inputs, i);
        const ork_json *target = ork_json_is(input, ORK_JSON_OBJECT) && input->object.count == 1
                                     ? input->object.members[0].value
                                     : NULL;
        if (name_of(target) && !keep(torch, values, target, args[i]))
            return NULL;
    }
    if (!ork_torch_export_run(torch, values, graph))
        return NULL;
    size_t results = ork_json_count(outputs);
    ork_torch_value **items = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, results + 1);
    for (size_t i = 0; i < results; i++) {
        items[i] = ork_torch_export_argument(torch, values, ork_json_item(outputs, i));
        if (!items[i])
            return NULL;
    }
    return ork_torch_list(torch, ORK_TORCH_TUPLE, items, results);
}

static const ork_json *node_argument(const ork_json *node, size_t index)
{
    return ork_json_get(ork_json_item(ork_json_get(node, "inputs"), index), "arg");
}

static const ork_json *node_graph(const ork_json *node, size_t index)
{
    return ork_json_get(ork_json_get(node_argument(node, index), "as_graph"), "graph");
}

/* A part of the network that runs under another setting: of gradients, which do not matter here, or
   of the precision, which is that of the weights here. param: the argument that is the graph. */
static ork_torch_value *call_wrapped(ork_torch *torch, const ork_json *node,
                                     ork_torch_value **items, size_t count, int param)
{
    size_t at = (size_t)param;
    const ork_json *graph = node_graph(node, at);
    if (!graph)
        return ork_torch_export_malformed(torch, "argument %d of a node is no graph", param);
    return call_graph(torch, graph, items + at + 1, count - at - 1);
}

/* (condition, graph, graph, inputs): one of them, when it is known by now which. */
static ork_torch_value *call_cond(ork_torch *torch, const ork_json *node, ork_torch_value **items,
                                  size_t count, int param)
{
    (void)param;
    ork_torch_value *condition = count == 4 ? ork_torch_to_number(torch, items[0]) : NULL;
    if (!condition || !ork_torch_is_sequence(items[3])) {
        if (ork_diag_error_id(torch->diag) == ORK_ERR_NONE)
            ork_build_unsupported(torch->build,
                                  "torch.cond with a condition that is known only when "
                                  "the network runs");
        ork_why(torch->diag, "a chip runs one fixed sequence of layers");
        return NULL;
    }
    const ork_json *graph = node_graph(node, ork_torch_as_double(condition) != 0 ? 1 : 2);
    if (!graph)
        return ork_torch_export_malformed(torch, "a branch of torch.cond is no graph");
    return call_graph(torch, graph, items[3]->list.items, items[3]->list.count);
}

static const struct {
    const char *name;
    ork_torch_value *(*call)(ork_torch *torch, const ork_json *node, ork_torch_value **items,
                             size_t count, int param);
    int param;
} higher_order[] = {
    {"wrap_with_set_grad_enabled", call_wrapped, 1},
    {"wrap_with_autocast", call_wrapped, 4},
    {"cond", call_cond, 0},
};

/* ---- nodes ----------------------------------------------------------------------------- */

/* "torch.add" for "torch.ops.aten.add.Tensor", "ops.torchvision.nms" for
   "torch.ops.torchvision.nms.default". */
static const char *table_name(ork_torch *torch, const char *target)
{
    const char *name = target + strlen("torch.ops."), *dot = strrchr(name, '.');
    size_t length = dot && strchr(name, '.') != dot ? (size_t)(dot - name) : strlen(name);
    if (ork_starts_with(name, "aten."))
        return ork_arena_printf(torch->arena, "torch.%.*s", (int)length - 5, name + 5);
    return ork_arena_printf(torch->arena, "ops.%.*s", (int)length, name);
}

static ork_torch_value *call_target(ork_torch *torch, const ork_json *node, const char *target,
                                    ork_torch_value **items, const char *const *keywords,
                                    size_t count)
{
    static const char prefix[] = "torch.ops.higher_order.";
    bool found;
    for (size_t i = 0; ork_starts_with(target, prefix) && i < ORK_COUNT(higher_order); i++)
        if (!strcmp(higher_order[i].name, target + strlen(prefix)) &&
            count > (size_t)higher_order[i].param)
            return higher_order[i].call(torch, node, items, count, higher_order[i].param);
    if (ork_starts_with(target, "torch.ops."))
        return ork_torch_call_op(torch, table_name(torch, target), items, keywords, count);
    ork_torch_value *result = ork_torch_export_symbol(torch, target, items, count, &found);
    return found ? result : ork_torch_call_op(torch, target, items, keywords, count);
}

/* Files before torch 2.7 do not say which arguments are keywords: there, all go by name. */
static bool is_keyword(const ork_json *input)
{
    enum { POSITIONAL = 1 };
    const char *name = ork_json_get_text(input, "name", "");
    return *name && ork_json_get_int(input, "kind", 0) != POSITIONAL;
}

static ork_torch_value *run_node(ork_torch *torch, ork_map *values, const ork_json *node)
{
    const ork_json *inputs = ork_json_get(node, "inputs");
    const char *target = ork_json_get_text(node, "target", NULL);
    size_t count = ork_json_count(inputs);
    if (!target)
        return ork_torch_export_malformed(torch, "a node has no target");
    ork_torch_value **items = ORK_NEW_ARRAY(torch->arena, ork_torch_value *, count + 1);
    const char **keywords = ORK_NEW_ARRAY(torch->arena, const char *, count + 1);
    for (size_t i = 0; i < count; i++) {
        const ork_json *input = ork_json_item(inputs, i);
        items[i] = ork_torch_export_argument(torch, values, ork_json_get(input, "arg"));
        if (!items[i])
            return NULL;
        keywords[i] = is_keyword(input) ? ork_json_get_text(input, "name", NULL) : NULL;
    }
    return call_target(torch, node, target, items, keywords, count);
}

bool ork_torch_export_run(ork_torch *torch, ork_map *values, const ork_json *graph)
{
    const ork_json *nodes = ork_json_get(graph, "nodes");
    ork_torch_site outer = torch->site;
    for (size_t i = 0; i < ork_json_count(nodes); i++) {
        const ork_json *node = ork_json_item(nodes, i);
        torch->site = ork_torch_export_site(torch, node);
        ork_torch_value *result = spend_step(torch) ? run_node(torch, values, node) : NULL;
        if (!result || !keep_outputs(torch, values, ork_json_get(node, "outputs"), result))
            return false;
    }
    torch->site = outer;
    return true;
}
