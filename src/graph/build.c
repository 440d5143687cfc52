/* SPDX-License-Identifier: Apache-2.0 */
/* Building and changing graphs. Use lists and names are kept right here and nowhere else. */
#include "graph.h"

#include <assert.h>
#include <string.h>

ork_graph *ork_graph_new(const char *name)
{
    ork_arena *arena = ork_arena_new();
    ork_graph *graph = ORK_NEW(arena, ork_graph);
    graph->arena = arena;
    graph->name = ork_arena_strdup(arena, name ? name : "");
    graph->origin = graph->target = "";
    graph->names = ork_map_new(arena);
    graph->name_counts = ork_map_new(arena);
    return graph;
}

void ork_graph_free(ork_graph *graph)
{
    if (!graph)
        return;
    for (size_t i = 0; i < graph->files.count; i++)
        ork_file_unmap(&graph->files.items[i]);
    ork_arena_free(graph->arena);
}

void ork_graph_keep_file(ork_graph *graph, ork_file file)
{
    ork_vec_push(graph->arena, &graph->files, file);
}

void *ork_graph_alloc(ork_graph *graph, ork_diag *diag, size_t size)
{
    void *data = ork_arena_alloc_data(graph->arena, size);
    if (!data)
        ork_fail(diag, ORK_ERR_OUT_OF_MEMORY, "no memory for a constant of %zu bytes", size);
    return data;
}

/* ---- values ---- */

static const char *unique_name(ork_graph *graph, const char *wanted)
{
    if (!wanted || !*wanted)
        wanted = "v";
    if (!ork_map_get(graph->names, wanted))
        return ork_arena_strdup(graph->arena, wanted);
    /* Names are counted, so that many equal ones cost linear time. */
    uintptr_t number = (uintptr_t)ork_map_get(graph->name_counts, wanted);
    char *name;
    do {
        number++;
        name = ork_arena_printf(graph->arena, "%s_%zu", wanted, (size_t)number);
    } while (ork_map_get(graph->names, name));
    ork_map_set(graph->name_counts, wanted, (void *)number);
    return name;
}

void ork_value_rename(ork_graph *graph, ork_value *value, const char *name)
{
    if (value->name) {
        if (strcmp(value->name, name) == 0)
            return;
        ork_map_set(graph->names, value->name, NULL);
    }
    value->name = unique_name(graph, name);
    ork_map_set(graph->names, value->name, value);
}

static ork_value *add_value(ork_graph *graph, ork_value_kind kind, const char *name,
                            const ork_type *type)
{
    ork_value *value = ORK_NEW(graph->arena, ork_value);
    value->id = (uint32_t)graph->values.count;
    value->kind = kind;
    value->type = *type;
    ork_value_rename(graph, value, name);
    ork_vec_push(graph->arena, &graph->values, value);
    return value;
}

ork_value *ork_graph_find(const ork_graph *graph, const char *name)
{
    return ork_map_get(graph->names, name);
}

ork_value *ork_graph_add_input(ork_graph *graph, const char *name, const ork_type *type)
{
    ork_graph_input input = {.value = add_value(graph, ORK_VALUE_INPUT, name, type)};
    ork_vec_push(graph->arena, &graph->inputs, input);
    return input.value;
}

ork_value *ork_graph_add_constant(ork_graph *graph, const char *name, const ork_type *type,
                                  const void *data)
{
    ork_value *value = add_value(graph, ORK_VALUE_CONSTANT, name, type);
    value->data = data;
    return value;
}

void ork_graph_add_output(ork_graph *graph, ork_value *value)
{
    ork_vec_push(graph->arena, &value->places, graph->outputs.count);
    ork_vec_push(graph->arena, &graph->outputs, value);
}

void ork_graph_clear_outputs(ork_graph *graph)
{
    for (size_t i = 0; i < graph->outputs.count; i++)
        graph->outputs.items[i]->places.count = 0;
    graph->outputs.count = 0;
}

ork_value *ork_graph_constant_f32(ork_graph *graph, const char *name, int rank, const int64_t *dims,
                                  const float *data)
{
    ork_tensor tensor = {.type = ork_type_of(ORK_F32, rank, dims)};
    size_t bytes = ork_tensor_bytes(&tensor);
    void *copy = ork_arena_alloc(graph->arena, bytes);
    memcpy(copy, data, bytes);
    return ork_graph_add_constant(graph, name, &tensor.type, copy);
}

ork_value *ork_graph_scalar(ork_graph *graph, ork_dtype dtype, double number)
{
    ork_type type = ork_type_of(dtype, 0, NULL);
    void *data = ork_arena_alloc(graph->arena, sizeof(double));
    ork_element_set(dtype, data, 0, number);
    return ork_graph_add_constant(graph, "scalar", &type, data);
}

/* ---- uses ----
   Nodes and values know where they stand in each other's lists, so that no change searches: a file
   may give one value a million users. */

static void add_use(ork_graph *graph, ork_value *value, ork_node *node, int port)
{
    ork_use use = {node, port};
    node->inputs[port] = value;
    if (!value)
        return;
    node->places[port] = value->uses.count;
    ork_vec_push(graph->arena, &value->uses, use);
}

static void remove_use(const ork_node *node, int port)
{
    ork_value *value = node->inputs[port];
    if (!value)
        return;
    ork_use last = value->uses.items[--value->uses.count];
    value->uses.items[node->places[port]] = last;
    last.node->places[last.port] = node->places[port];
}

static void add_port(ork_graph *graph, ork_node *node)
{
    size_t count = (size_t)node->input_count++;
    ork_value **inputs = ORK_NEW_ARRAY(graph->arena, ork_value *, count + 1);
    size_t *places = ORK_NEW_ARRAY(graph->arena, size_t, count + 1);
    memcpy(inputs, node->inputs, count * sizeof(*inputs));
    memcpy(places, node->places, count * sizeof(*places));
    node->inputs = inputs;
    node->places = places;
}

void ork_node_set_input(ork_graph *graph, ork_node *node, int port, ork_value *value)
{
    assert(port <= node->input_count);
    if (port == node->input_count)
        add_port(graph, node);
    remove_use(node, port);
    add_use(graph, value, node, port);
}

bool ork_value_is_output(const ork_value *value)
{
    return value->places.count > 0;
}

ork_node *ork_value_single_user(const ork_value *value)
{
    if (value->uses.count != 1 || ork_value_is_output(value))
        return NULL;
    return value->uses.items[0].node;
}

/* True when `from` was an output of the graph. */
static bool move_uses(ork_graph *graph, ork_value *from, ork_value *to)
{
    for (size_t i = 0; i < from->uses.count; i++)
        add_use(graph, to, from->uses.items[i].node, from->uses.items[i].port);
    from->uses.count = 0;
    bool was_output = ork_value_is_output(from);
    for (size_t i = 0; i < from->places.count; i++) {
        graph->outputs.items[from->places.items[i]] = to;
        ork_vec_push(graph->arena, &to->places, from->places.items[i]);
    }
    from->places.count = 0;
    return was_output;
}

static void move_name(ork_graph *graph, ork_value *from, ork_value *to)
{
    const char *name = from->name;
    ork_value_rename(graph, from, "replaced");
    ork_value_rename(graph, to, name);
}

void ork_graph_replace(ork_graph *graph, ork_value *from, ork_value *to)
{
    if (move_uses(graph, from, to) && to->kind == ORK_VALUE_COMPUTED)
        move_name(graph, from, to);
}

void ork_graph_supersede(ork_graph *graph, ork_value *from, ork_value *to)
{
    move_uses(graph, from, to);
    move_name(graph, from, to);
}

/* ---- nodes ---- */

static void link_node(ork_graph *graph, ork_node *node, ork_node *at, bool after)
{
    node->previous = after ? at : at ? at->previous : NULL;
    node->next = after ? (at ? at->next : NULL) : at;
    if (node->previous)
        node->previous->next = node;
    else
        graph->first = node;
    if (node->next)
        node->next->previous = node;
    else
        graph->last = node;
    graph->node_count++;
}

static bool check_arity(const ork_node *node, ork_diag *diag)
{
    const ork_op_info *info = &ork_op_table[node->op];
    bool good = node->input_count >= info->min_inputs &&
                (info->max_inputs < 0 || node->input_count <= info->max_inputs);
    for (int i = 0; good && i < node->input_count; i++)
        good = node->inputs[i] || i >= info->min_inputs;
    return good || ork_fail(diag, ORK_ERR_GRAPH, "%s takes %d to %d inputs, not %d", info->name,
                            info->min_inputs, info->max_inputs, node->input_count);
}

static ork_node *new_node(ork_graph *graph, ork_op op, const ork_attrs *attrs,
                          ork_value *const *inputs, int input_count, const char *name)
{
    ork_node *node = ORK_NEW(graph->arena, ork_node);
    node->op = op;
    node->name = ork_arena_strdup(graph->arena, name && *name ? name : ork_op_table[op].name);
    node->scope = "";
    if (attrs)
        node->attrs = *attrs;
    node->input_count = input_count;
    node->inputs = ORK_NEW_ARRAY(graph->arena, ork_value *, (size_t)input_count);
    node->places = ORK_NEW_ARRAY(graph->arena, size_t, (size_t)input_count);
    for (int i = 0; i < input_count; i++)
        node->inputs[i] = inputs[i];
    return node;
}

/* Attributes may come from a hostile file. Kept within 31 bits, as shapes are, no shape rule can
   overflow its 64-bit arithmetic. */
static bool check_attrs(const ork_node *node, ork_diag *diag)
{
    static const int lengths[] = {
        [ORK_ATTR_KIND_INT] = 1,
        [ORK_ATTR_KIND_PAIR] = 2,
        [ORK_ATTR_KIND_QUAD] = 4,
        [ORK_ATTR_KIND_ENUM] = 0, /* as the kinds between */
    };
    const ork_op_info *info = &ork_op_table[node->op];
    for (int i = 0; i < info->attr_count; i++) {
        const char *field = (const char *)&node->attrs + info->attrs[i].offset;
        const int64_t *values = (const int64_t *)field;
        int count = lengths[info->attrs[i].kind];
        if (info->attrs[i].kind == ORK_ATTR_KIND_INTS) {
            count = ((const ork_ints *)field)->count;
            values = ((const ork_ints *)field)->v;
        }
        if (count < 0 || count > ORK_MAX_RANK)
            return ork_fail(diag, ORK_ERR_SHAPE, "attribute %s has too many entries",
                            info->attrs[i].name);
        for (int k = 0; k < count; k++)
            if (values[k] > INT32_MAX || values[k] < INT32_MIN)
                return ork_fail(diag, ORK_ERR_SHAPE, "attribute %s is out of range",
                                info->attrs[i].name);
    }
    return true;
}

bool ork_node_where(const ork_node *node, ork_diag *diag)
{
    ork_where(diag, *node->scope ? "layer '%s' (%s)" : "layer '%s'", node->name, node->scope);
    return false;
}

static bool infer(const ork_node *node, ork_type *type, ork_diag *diag)
{
    size_t bytes;
    bool good = check_arity(node, diag) && check_attrs(node, diag) &&
                ork_op_table[node->op].infer(node, type, diag);
    if (good && !ork_shape_bytes(&type->shape, type->dtype, &bytes))
        good = ork_fail(diag, ORK_ERR_SHAPE, "the output of '%s' is too large", node->name);
    return good || ork_node_where(node, diag);
}

ork_value *ork_graph_insert(ork_graph *graph, ork_diag *diag, ork_node *at, bool after, ork_op op,
                            const ork_attrs *attrs, ork_value *const *inputs, int input_count,
                            const ork_type *type, const char *name)
{
    ork_node *node = new_node(graph, op, attrs, inputs, input_count, name);
    ork_type inferred;
    if (!infer(node, &inferred, diag))
        return NULL;
    if (!type)
        type = &inferred;
    node->output = add_value(graph, ORK_VALUE_COMPUTED, node->name, type);
    node->output->producer = node;
    for (int i = 0; i < input_count; i++)
        add_use(graph, node->inputs[i], node, i);
    link_node(graph, node, at, after);
    return node->output;
}

ork_value *ork_graph_add(ork_graph *graph, ork_diag *diag, ork_op op, const ork_attrs *attrs,
                         ork_value *const *inputs, int input_count, const char *name)
{
    return ork_graph_insert(graph, diag, graph->last, true, op, attrs, inputs, input_count, NULL,
                            name);
}

ork_value *ork_graph_add1(ork_graph *graph, ork_diag *diag, ork_op op, const ork_attrs *attrs,
                          ork_value *a, const char *name)
{
    return ork_graph_add(graph, diag, op, attrs, &a, 1, name);
}

ork_value *ork_graph_add2(ork_graph *graph, ork_diag *diag, ork_op op, const ork_attrs *attrs,
                          ork_value *a, ork_value *b, const char *name)
{
    ork_value *inputs[] = {a, b};
    return ork_graph_add(graph, diag, op, attrs, inputs, 2, name);
}

void ork_graph_remove(ork_graph *graph, ork_node *node)
{
    assert(node->output->uses.count == 0 && !ork_value_is_output(node->output));
    for (int i = 0; i < node->input_count; i++)
        remove_use(node, i);
    if (node->previous)
        node->previous->next = node->next;
    else
        graph->first = node->next;
    if (node->next)
        node->next->previous = node->previous;
    else
        graph->last = node->previous;
    ork_map_set(graph->names, node->output->name, NULL);
    node->output->producer = NULL;
    graph->node_count--;
}

size_t ork_graph_remove_dead(ork_graph *graph)
{
    size_t removed = 0;
    for (ork_node *node = graph->last, *previous; node; node = previous) {
        previous = node->previous;
        if (node->output->uses.count == 0 && !ork_value_is_output(node->output)) {
            ork_graph_remove(graph, node);
            removed++;
        }
    }
    return removed;
}

ork_value *ork_graph_add_folded(ork_graph *graph, ork_diag *diag, ork_op op, const ork_attrs *attrs,
                                ork_value *const *inputs, int input_count, const char *name)
{
    bool constant = true;
    for (int i = 0; i < input_count; i++)
        constant = constant && (!inputs[i] || inputs[i]->kind == ORK_VALUE_CONSTANT);
    if (constant) {
        ork_node *node = new_node(graph, op, attrs, inputs, input_count, name);
        ork_type type;
        if (!infer(node, &type, diag))
            return NULL;
        ork_value result = {.type = type};
        node->output = &result;
        ork_diag_clear(diag);
        ork_value *folded = ork_graph_evaluate(graph, diag, node);
        if (folded || ork_diag_error_id(diag) != ORK_ERR_NONE)
            return folded;
    }
    return ork_graph_add(graph, diag, op, attrs, inputs, input_count, name);
}

/* ---- copies ---- */

static const ork_origin *clone_origin(ork_graph *copy, const ork_origin *origin)
{
    if (!origin)
        return NULL;
    int32_t *channels = ORK_NEW_ARRAY(copy->arena, int32_t, (size_t)origin->count);
    ork_origin *twin = ORK_NEW(copy->arena, ork_origin);
    memcpy(channels, origin->channels, (size_t)origin->count * sizeof(*channels));
    *twin = (ork_origin){ork_arena_strdup(copy->arena, origin->of), channels, origin->count, NULL};
    if (!origin->factors)
        return twin;
    float *factors = ORK_NEW_ARRAY(copy->arena, float, (size_t)origin->count);
    memcpy(factors, origin->factors, (size_t)origin->count * sizeof(*factors));
    twin->factors = factors;
    return twin;
}

static ork_value *clone_value(ork_graph *copy, const ork_value *value, bool copy_data)
{
    ork_value *twin = add_value(copy, value->kind, value->name, &value->type);
    twin->origin = clone_origin(copy, value->origin);
    ork_quant *quant = &twin->type.quant;
    if (quant->scheme == ORK_SCHEME_PER_CHANNEL) {
        size_t channels = (size_t)value->type.shape.dim[quant->axis];
        float *scales = ORK_NEW_ARRAY(copy->arena, float, channels);
        int32_t *zeros = ORK_NEW_ARRAY(copy->arena, int32_t, channels);
        memcpy(scales, value->type.quant.scales, channels * sizeof(float));
        memcpy(zeros, value->type.quant.zero_points, channels * sizeof(int32_t));
        quant->scales = scales;
        quant->zero_points = zeros;
    }
    twin->data = value->data;
    if (value->data && copy_data) {
        size_t bytes = ork_tensor_bytes(&(ork_tensor){.type = value->type});
        void *data = ork_arena_alloc(copy->arena, bytes);
        memcpy(data, value->data, bytes);
        twin->data = data;
    }
    return twin;
}

static void clone_node(ork_graph *copy, const ork_node *node, ork_value *const *twins)
{
    ork_node *twin =
        new_node(copy, node->op, &node->attrs, node->inputs, node->input_count, node->name);
    twin->scope = ork_arena_strdup(copy->arena, node->scope);
    twin->sync = node->sync;
    for (int i = 0; i < twin->input_count; i++)
        add_use(copy, twin->inputs[i] ? twins[twin->inputs[i]->id] : NULL, twin, i);
    twin->output = twins[node->output->id];
    twin->output->producer = twin;
    link_node(copy, twin, copy->last, true);
}

static void clone_preprocess(ork_graph *copy, const ork_preprocess *from, ork_preprocess *to)
{
    size_t count = (size_t)from->count;
    *to = (ork_preprocess){
        .count = from->count,
        .mean = ORK_NEW_ARRAY(copy->arena, float, count),
        .std = ORK_NEW_ARRAY(copy->arena, float, count),
        .reorder = ORK_NEW_ARRAY(copy->arena, int, count),
    };
    for (size_t i = 0; i < count; i++) {
        to->mean[i] = from->mean[i];
        to->std[i] = from->std[i];
        to->reorder[i] = from->reorder[i];
    }
}

/* Values that nothing uses are left behind. */
static bool is_alive(const ork_value *value)
{
    return value->kind == ORK_VALUE_INPUT || value->producer || value->uses.count > 0 ||
           ork_value_is_output(value);
}

static ork_graph *new_like(const ork_graph *graph)
{
    ork_graph *copy = ork_graph_new(graph->name);
    copy->stage = graph->stage;
    copy->origin = ork_arena_strdup(copy->arena, graph->origin);
    copy->target = ork_arena_strdup(copy->arena, graph->target);
    copy->optimization_level = graph->optimization_level;
    return copy;
}

ork_graph *ork_graph_clone(const ork_graph *graph, bool copy_data)
{
    ork_graph *copy = new_like(graph);
    ork_value **twins = ORK_NEW_ARRAY(copy->arena, ork_value *, graph->values.count);
    for (size_t i = 0; i < graph->values.count; i++) {
        const ork_value *value = graph->values.items[i];
        if (is_alive(value))
            twins[i] = clone_value(copy, value, copy_data);
    }
    for (size_t i = 0; i < graph->inputs.count; i++) {
        ork_graph_input input = {.value = twins[graph->inputs.items[i].value->id]};
        clone_preprocess(copy, &graph->inputs.items[i].preprocess, &input.preprocess);
        ork_vec_push(copy->arena, &copy->inputs, input);
    }
    for (const ork_node *node = graph->first; node; node = node->next)
        clone_node(copy, node, twins);
    for (size_t i = 0; i < graph->outputs.count; i++)
        ork_graph_add_output(copy, twins[graph->outputs.items[i]->id]);
    return copy;
}

/* Marks what the outputs need, inputs of the part included. */
static bool *needed_values(ork_arena *arena, const ork_graph *graph, ork_value *const *outputs,
                           size_t count, const bool *inputs)
{
    bool *needed = ORK_NEW_ARRAY(arena, bool, graph->values.count);
    for (size_t i = 0; i < count; i++)
        needed[outputs[i]->id] = true;
    bool *computed = ORK_NEW_ARRAY(arena, bool, graph->values.count);
    memcpy(computed, needed, graph->values.count * sizeof(*needed));
    for (const ork_node *node = graph->last; node; node = node->previous)
        for (int i = 0; computed[node->output->id] && i < node->input_count; i++)
            if (node->inputs[i]) {
                needed[node->inputs[i]->id] = true;
                computed[node->inputs[i]->id] |= !inputs[node->inputs[i]->id];
            }
    return needed;
}

ork_graph *ork_graph_extract(const ork_graph *graph, ork_value *const *outputs, size_t count,
                             const bool *inputs)
{
    ork_graph *part = new_like(graph);
    const bool *needed = needed_values(part->arena, graph, outputs, count, inputs);
    bool *is_output = ORK_NEW_ARRAY(part->arena, bool, graph->values.count);
    ork_value **twins = ORK_NEW_ARRAY(part->arena, ork_value *, graph->values.count);
    for (size_t i = 0; i < count; i++)
        is_output[outputs[i]->id] = true;
    for (size_t i = 0; i < graph->values.count; i++) {
        const ork_value *value = graph->values.items[i];
        if (!needed[i])
            continue;
        twins[i] = clone_value(part, value, false);
        if (value->kind == ORK_VALUE_CONSTANT ||
            (value->kind == ORK_VALUE_COMPUTED && (is_output[i] || !inputs[i])))
            continue;
        twins[i]->kind = ORK_VALUE_INPUT;
        ork_vec_push(part->arena, &part->inputs, (ork_graph_input){.value = twins[i]});
    }
    for (const ork_node *node = graph->first; node; node = node->next)
        if (twins[node->output->id] && twins[node->output->id]->kind == ORK_VALUE_COMPUTED)
            clone_node(part, node, twins);
    for (size_t i = 0; i < count; i++)
        ork_graph_add_output(part, twins[outputs[i]->id]);
    return part;
}
