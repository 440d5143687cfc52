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

static bool spend_step(ork_ts *ts)
{
    if (ts->steps_left == 0)
        return ork_build_unsupported(ts->build, "the network is too long") != NULL;
    ts->steps_left--;
    return true;
}

/* ---- arguments ------------------------------------------------------------------------- */

static ork_ts_value *take_name(ork_ts *ts, ork_map *values, const ork_json *json)
{
    const char *name = name_of(json);
    ork_ts_value *value = name ? ork_map_get(values, name) : NULL;
    if (!value)
        return ork_ts_export_malformed(ts, "the graph uses '%s' before it is set",
                                       name ? name : "a value without a name");
    return value;
}

static ork_ts_value *take_none(ork_ts *ts, ork_map *values, const ork_json *json)
{
    (void)values;
    (void)json;
    return ork_ts_new(ts, ORK_TS_NONE);
}

static ork_ts_value *take_int(ork_ts *ts, ork_map *values, const ork_json *json)
{
    (void)values;
    int64_t integer;
    if (!ork_json_as_int(json, &integer))
        return ork_ts_export_malformed(ts, "%s stands where a whole number is needed",
                                       json ? ork_json_kind_name(json->kind) : "nothing");
    return ork_ts_int(ts, integer);
}

/* JSON has no infinities, so they are written as text. */
static ork_ts_value *take_float(ork_ts *ts, ork_map *values, const ork_json *json)
{
    (void)values;
    double number;
    const char *text = ork_json_as_text(json);
    if (ork_json_as_double(json, &number))
        return ork_ts_float(ts, number, false);
    if (text && (!strcmp(text, "Infinity") || !strcmp(text, "-Infinity")))
        return ork_ts_float(ts, *text == '-' ? -(double)INFINITY : (double)INFINITY, false);
    if (text && !strcmp(text, "NaN"))
        return ork_ts_float(ts, (double)NAN, false);
    return ork_ts_export_malformed(ts, "%s stands where a number is needed",
                                   json ? ork_json_kind_name(json->kind) : "nothing");
}

static ork_ts_value *take_bool(ork_ts *ts, ork_map *values, const ork_json *json)
{
    (void)values;
    bool boolean;
    if (!ork_json_as_bool(json, &boolean))
        return ork_ts_export_malformed(ts, "%s stands where true or false is needed",
                                       json ? ork_json_kind_name(json->kind) : "nothing");
    return ork_ts_bool(ts, boolean);
}

static ork_ts_value *take_text(ork_ts *ts, ork_map *values, const ork_json *json)
{
    (void)values;
    const char *text = ork_json_as_text(json);
    if (!text)
        return ork_ts_export_malformed(ts, "%s stands where text is needed",
                                       json ? ork_json_kind_name(json->kind) : "nothing");
    return ork_ts_text(ts, ORK_TS_STRING, text);
}

static ork_ts_value *take_device(ork_ts *ts, ork_map *values, const ork_json *json)
{
    (void)values;
    return ork_ts_text(ts, ORK_TS_DEVICE, ork_json_get_text(json, "type", "cpu"));
}

/* The file numbers element types from 1, operators from 0 and bfloat16 elsewhere. */
static ork_ts_value *take_scalar_type(ork_ts *ts, ork_map *values, const ork_json *json)
{
    enum { BFLOAT16 = 13, TORCH_BFLOAT16 = 15 };
    ork_ts_value *code = take_int(ts, values, json);
    if (code)
        code->integer = code->integer == BFLOAT16  ? TORCH_BFLOAT16
                        : code->integer < BFLOAT16 ? code->integer - 1
                                                   : INT64_MAX;
    return code;
}

static const struct {
    const char *one, *many; /* the member's name, for a value and for a list of such */
    ork_ts_value *(*take)(ork_ts *ts, ork_map *values, const ork_json *json);
} argument_kinds[] = {
    {"as_tensor", "as_tensors", take_name},
    {"as_int", "as_ints", take_int},
    {"as_none", NULL, take_none},
    {"as_bool", "as_bools", take_bool},
    {"as_float", "as_floats", take_float},
    {"as_optional_tensor", "as_optional_tensors", ork_ts_export_argument},
    {"as_sym_int", "as_sym_ints", ork_ts_export_argument},
    {"as_sym_float", "as_sym_floats", ork_ts_export_argument},
    {"as_sym_bool", "as_sym_bools", ork_ts_export_argument},
    {"as_scalar_type", NULL, take_scalar_type},
    {"as_string", "as_strings", take_text},
    {"as_device", NULL, take_device},
    {"as_memory_format", NULL, take_int},
    {"as_layout", NULL, take_int},
};

static ork_ts_value *take_list(ork_ts *ts, ork_map *values, const ork_json *json,
                               ork_ts_value *(*take)(ork_ts *, ork_map *, const ork_json *))
{
    size_t count = ork_json_count(json);
    if (!ork_json_is(json, ORK_JSON_ARRAY))
        return ork_ts_export_malformed(ts, "%s stands where a list is needed",
                                       ork_json_kind_name(json->kind));
    ork_ts_value **items = ORK_NEW_ARRAY(ts->arena, ork_ts_value *, count + 1);
    for (size_t i = 0; i < count; i++) {
        items[i] = spend_step(ts) ? take(ts, values, ork_json_item(json, i)) : NULL;
        if (!items[i])
            return NULL;
    }
    return ork_ts_list(ts, ORK_TS_LIST, items, count);
}

ork_ts_value *ork_ts_export_argument(ork_ts *ts, ork_map *values, const ork_json *argument)
{
    if (!ork_json_is(argument, ORK_JSON_OBJECT) || argument->object.count != 1)
        return ork_ts_export_malformed(ts, "an argument is no object with one member");
    const char *key = argument->object.members[0].key;
    const ork_json *json = argument->object.members[0].value;
    if (!spend_step(ts))
        return NULL;
    for (size_t i = 0; i < ORK_COUNT(argument_kinds); i++) {
        if (!strcmp(argument_kinds[i].one, key))
            return argument_kinds[i].take(ts, values, json);
        if (argument_kinds[i].many && !strcmp(argument_kinds[i].many, key))
            return take_list(ts, values, json, argument_kinds[i].take);
    }
    if (!strcmp(key, "as_name")) /* of a size */
        return take_name(ts, values, argument);
    return ork_ts_text(ts, ORK_TS_UNAVAILABLE,
                       ork_arena_printf(ts->arena, "an argument of the kind '%s'", key));
}

/* ---- results --------------------------------------------------------------------------- */

static bool keep(ork_ts *ts, ork_map *values, const ork_json *target, ork_ts_value *value)
{
    const char *name = name_of(target);
    if (!name)
        return ork_ts_export_malformed(ts, "an output of a node has no name") != NULL;
    ork_map_set(values, name, value);
    return true;
}

/* Part of what a node gives. What the operators of the table do not compute (statistics for
   training) is known to exist. */
static ork_ts_value *part_of(ork_ts *ts, ork_ts_value *result, size_t index)
{
    if (result->kind == ORK_TS_UNKNOWN)
        return result;
    if (ork_ts_is_sequence(result) && index < result->list.count)
        return result->list.items[index];
    if (!ork_ts_is_sequence(result) && index == 0)
        return result;
    return ork_ts_text(ts, ORK_TS_UNAVAILABLE, "a result that is only there for training");
}

/* `output` is {"as_tensor": {"name": ...}}, or one with a list of those. */
static bool keep_output(ork_ts *ts, ork_map *values, const ork_json *output, ork_ts_value *result,
                        bool is_whole)
{
    if (!ork_json_is(output, ORK_JSON_OBJECT) || output->object.count != 1)
        return ork_ts_export_malformed(ts, "an output is no object with one member") != NULL;
    const ork_json *target = output->object.members[0].value;
    if (!strcmp(output->object.members[0].key, "as_none"))
        return true;
    if (!ork_json_is(target, ORK_JSON_ARRAY))
        return keep(ts, values, target, is_whole ? part_of(ts, result, 0) : result);
    for (size_t i = 0; i < target->array.count; i++) {
        const ork_json *item = target->array.items[i], *tensor = ork_json_get(item, "as_tensor");
        if (!spend_step(ts) || !keep(ts, values, tensor ? tensor : item, part_of(ts, result, i)))
            return false;
    }
    return true;
}

static bool keep_outputs(ork_ts *ts, ork_map *values, const ork_json *outputs, ork_ts_value *result)
{
    size_t count = ork_json_count(outputs);
    if (count == 1)
        return keep_output(ts, values, ork_json_item(outputs, 0), result, true);
    for (size_t i = 0; i < count; i++)
        if (!spend_step(ts) ||
            !keep_output(ts, values, ork_json_item(outputs, i), part_of(ts, result, i), false))
            return false;
    return true;
}

/* ---- graphs inside graphs -------------------------------------------------------------- */

/* Names inside a graph are its own. */
static ork_ts_value *call_graph(ork_ts *ts, const ork_json *graph, ork_ts_value *const *args,
                                size_t count)
{
    const ork_json *inputs = ork_json_get(graph, "inputs"),
                   *outputs = ork_json_get(graph, "outputs");
    ork_map *values = ork_map_new(ts->arena);
    if (ork_json_count(inputs) != count)
        return ork_ts_export_malformed(ts, "a graph with %zu inputs is given %zu",
                                       ork_json_count(inputs), count);
    for (size_t i = 0; i < count; i++) {
        const ork_json *input = ork_json_item(inputs, i);
        const ork_json *target = ork_json_is(input, ORK_JSON_OBJECT) && input->object.count == 1
                                     ? input->object.members[0].value
                                     : NULL;
        if (name_of(target) && !keep(ts, values, target, args[i]))
            return NULL;
    }
    if (!ork_ts_export_run(ts, values, graph))
        return NULL;
    size_t results = ork_json_count(outputs);
    ork_ts_value **items = ORK_NEW_ARRAY(ts->arena, ork_ts_value *, results + 1);
    for (size_t i = 0; i < results; i++) {
        items[i] = ork_ts_export_argument(ts, values, ork_json_item(outputs, i));
        if (!items[i])
            return NULL;
    }
    return ork_ts_list(ts, ORK_TS_TUPLE, items, results);
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
static ork_ts_value *call_wrapped(ork_ts *ts, const ork_json *node, ork_ts_value **items,
                                  size_t count, int param)
{
    size_t at = (size_t)param;
    const ork_json *graph = node_graph(node, at);
    if (!graph)
        return ork_ts_export_malformed(ts, "argument %d of a node is no graph", param);
    return call_graph(ts, graph, items + at + 1, count - at - 1);
}

/* (condition, graph, graph, inputs): one of them, when it is known by now which. */
static ork_ts_value *call_cond(ork_ts *ts, const ork_json *node, ork_ts_value **items, size_t count,
                               int param)
{
    (void)param;
    ork_ts_value *condition = count == 4 ? ork_ts_to_number(ts, items[0]) : NULL;
    if (!condition || !ork_ts_is_sequence(items[3])) {
        if (ork_diag_error_id(ts->diag) == ORK_ERR_NONE)
            ork_build_unsupported(ts->build, "torch.cond with a condition that is known only when "
                                             "the network runs");
        ork_why(ts->diag, "a chip runs one fixed sequence of layers");
        return NULL;
    }
    const ork_json *graph = node_graph(node, ork_ts_as_double(condition) != 0 ? 1 : 2);
    if (!graph)
        return ork_ts_export_malformed(ts, "a branch of torch.cond is no graph");
    return call_graph(ts, graph, items[3]->list.items, items[3]->list.count);
}

static const struct {
    const char *name;
    ork_ts_value *(*call)(ork_ts *ts, const ork_json *node, ork_ts_value **items, size_t count,
                          int param);
    int param;
} higher_order[] = {
    {"wrap_with_set_grad_enabled", call_wrapped, 1},
    {"wrap_with_autocast", call_wrapped, 4},
    {"cond", call_cond, 0},
};

/* ---- nodes ----------------------------------------------------------------------------- */

/* "torch.add" for "torch.ops.aten.add.Tensor", "ops.torchvision.nms" for
   "torch.ops.torchvision.nms.default". */
static const char *table_name(ork_ts *ts, const char *target)
{
    const char *name = target + strlen("torch.ops."), *dot = strrchr(name, '.');
    size_t length = dot && strchr(name, '.') != dot ? (size_t)(dot - name) : strlen(name);
    if (ork_starts_with(name, "aten."))
        return ork_arena_printf(ts->arena, "torch.%.*s", (int)length - 5, name + 5);
    return ork_arena_printf(ts->arena, "ops.%.*s", (int)length, name);
}

static ork_ts_value *call_target(ork_ts *ts, const ork_json *node, const char *target,
                                 ork_ts_value **items, const char *const *keywords, size_t count)
{
    static const char prefix[] = "torch.ops.higher_order.";
    bool found;
    for (size_t i = 0; ork_starts_with(target, prefix) && i < ORK_COUNT(higher_order); i++)
        if (!strcmp(higher_order[i].name, target + strlen(prefix)) &&
            count > (size_t)higher_order[i].param)
            return higher_order[i].call(ts, node, items, count, higher_order[i].param);
    if (ork_starts_with(target, "torch.ops."))
        return ork_ts_call_op(ts, table_name(ts, target), items, keywords, count);
    ork_ts_value *result = ork_ts_export_symbol(ts, target, items, count, &found);
    return found ? result : ork_ts_call_op(ts, target, items, keywords, count);
}

/* Files before torch 2.7 do not say which arguments are keywords: there, all go by name. */
static bool is_keyword(const ork_json *input)
{
    enum { POSITIONAL = 1 };
    const char *name = ork_json_get_text(input, "name", "");
    return *name && ork_json_get_int(input, "kind", 0) != POSITIONAL;
}

static ork_ts_value *run_node(ork_ts *ts, ork_map *values, const ork_json *node)
{
    const ork_json *inputs = ork_json_get(node, "inputs");
    const char *target = ork_json_get_text(node, "target", NULL);
    size_t count = ork_json_count(inputs);
    if (!target)
        return ork_ts_export_malformed(ts, "a node has no target");
    ork_ts_value **items = ORK_NEW_ARRAY(ts->arena, ork_ts_value *, count + 1);
    const char **keywords = ORK_NEW_ARRAY(ts->arena, const char *, count + 1);
    for (size_t i = 0; i < count; i++) {
        const ork_json *input = ork_json_item(inputs, i);
        items[i] = ork_ts_export_argument(ts, values, ork_json_get(input, "arg"));
        if (!items[i])
            return NULL;
        keywords[i] = is_keyword(input) ? ork_json_get_text(input, "name", NULL) : NULL;
    }
    return call_target(ts, node, target, items, keywords, count);
}

bool ork_ts_export_run(ork_ts *ts, ork_map *values, const ork_json *graph)
{
    const ork_json *nodes = ork_json_get(graph, "nodes");
    ork_ts_site outer = ts->site;
    for (size_t i = 0; i < ork_json_count(nodes); i++) {
        const ork_json *node = ork_json_item(nodes, i);
        ts->site = ork_ts_export_site(ts, node);
        ork_ts_value *result = spend_step(ts) ? run_node(ts, values, node) : NULL;
        if (!result || !keep_outputs(ts, values, ork_json_get(node, "outputs"), result))
            return false;
    }
    ts->site = outer;
    return true;
}
