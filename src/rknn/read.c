/* SPDX-License-Identifier: Apache-2.0 */
/* `.rknn` to graph. Every index, count and size of the file is checked before it is used. */
#include "internal.h"

#include <stdio.h>
#include <string.h>

enum { SPARE_PORTS = 32 }; /* inputs that a node may leave out */

typedef enum source_kind { FROM_NODE, FROM_CONSTANT, FROM_NORM } source_kind;

typedef struct edge {
    int node, port;
    source_kind kind;
    int index, output;
} edge;

typedef struct output {
    const ork_json *dtype, *extra;
    const ork_json *norm; /* the tensor when it is one */
    ork_value *value;
} output;

typedef struct file_node {
    const ork_json *json, *extra;
    const char *vsi, *name;
    int first_edge, edge_count;
    int input_count, output_count;
    output *outputs;
    enum { UNSEEN, OPEN, DONE } state;
} file_node;

typedef struct norm {
    const ork_json *json;
    int node, output; /* where it is computed, or -1 */
    ork_value *value;
} norm;

typedef struct rknn_reader {
    ork_diag *diag;
    ork_arena *scratch;
    ork_graph *graph;
    ork_bytes data;
    const ork_json *json, *extra;
    bool packed;
    int node_count, constant_count, norm_count, edge_count;
    file_node *nodes;
    const ork_json **constants;
    const char **constant_names;
    ork_value **constant_values;
    norm *norms;
    edge *edges; /* by node */
    int *order;
} rknn_reader;

static bool damaged(rknn_reader *r, const char *why)
{
    ork_fail(r->diag, ORK_ERR_RKNN_FORMAT, "the network in the .rknn file is inconsistent");
    ork_why(r->diag, "%s", why);
    return ork_fix(r->diag, "copy or export the file again: it is damaged");
}

static const ork_json *item(const rknn_reader *r, const char *key, int index)
{
    return ork_json_item(ork_json_get(r->json, key), (size_t)index);
}

static int count_of(const rknn_reader *r, const char *key)
{
    size_t count = ork_json_count(ork_json_get(r->json, key));
    return count > INT32_MAX / 2 ? 0 : (int)count;
}

/* A number below `limit`, or -1. */
static int get_index(const ork_json *json, const char *key, int limit)
{
    int64_t value = ork_json_get_int(json, key, -1);
    return value >= 0 && value < limit ? (int)value : -1;
}

/* ---- tables ---- */

/* Ids of tensors number a table without gaps. */
static bool read_ids(rknn_reader *r, const char *key, int count, const ork_json **byid)
{
    for (int i = 0; i < count; i++) {
        const ork_json *json = item(r, key, i);
        int id = get_index(json, "tensor_id", count);
        if (id < 0 || byid[id])
            return damaged(r, "a tensor's id is out of range or used twice");
        byid[id] = json;
    }
    return true;
}

static bool read_tables(rknn_reader *r)
{
    r->node_count = count_of(r, "nodes");
    r->constant_count = count_of(r, "const_tensor");
    r->norm_count = count_of(r, "norm_tensor");
    r->nodes = ORK_NEW_ARRAY(r->scratch, file_node, (size_t)r->node_count);
    r->constants = ORK_NEW_ARRAY(r->scratch, const ork_json *, (size_t)r->constant_count);
    r->constant_names = ORK_NEW_ARRAY(r->scratch, const char *, (size_t)r->constant_count);
    r->constant_values = ORK_NEW_ARRAY(r->scratch, ork_value *, (size_t)r->constant_count);
    r->norms = ORK_NEW_ARRAY(r->scratch, norm, (size_t)r->norm_count);
    const ork_json **norms = ORK_NEW_ARRAY(r->scratch, const ork_json *, (size_t)r->norm_count);
    if (!read_ids(r, "const_tensor", r->constant_count, r->constants) ||
        !read_ids(r, "norm_tensor", r->norm_count, norms))
        return false;
    for (int i = 0; i < r->norm_count; i++)
        r->norms[i] = (norm){.json = norms[i], .node = -1};
    for (int i = 0; i < r->node_count; i++) {
        file_node *node = &r->nodes[i];
        node->json = item(r, "nodes", i);
        node->extra = ork_json_get(node->json, ORK_RKNN_EXTRA_KEY);
        node->vsi = ork_json_get_text(node->json, "op", "");
        node->name =
            ork_json_get_text(node->json, "name", ork_json_get_text(node->json, "lid", "layer"));
    }
    return true;
}

/* The output's place, made when it is new; NULL when there are too many. */
static output *output_at(rknn_reader *r, int node, int64_t port)
{
    file_node *n = &r->nodes[node];
    if (port < 0 || port >= ORK_RKNN_MAX_OUTPUTS)
        return NULL;
    if (!n->outputs || port >= n->output_count) {
        output *grown = ORK_NEW_ARRAY(r->scratch, output, (size_t)port + 1);
        if (n->output_count)
            memcpy(grown, n->outputs, (size_t)n->output_count * sizeof(output));
        n->outputs = grown;
        n->output_count = (int)port + 1;
    }
    return &n->outputs[port];
}

static bool read_virtuals(rknn_reader *r)
{
    int count = count_of(r, "virtual_tensor");
    for (int i = 0; i < count; i++) {
        const ork_json *json = item(r, "virtual_tensor", i);
        int node = get_index(json, "node_id", r->node_count);
        output *out =
            node < 0 ? NULL : output_at(r, node, ork_json_get_int(json, "output_port", -1));
        if (!out || out->dtype)
            return damaged(r, "a virtual tensor belongs to no output, or to one that has a type");
        out->dtype = ork_json_get(json, "dtype");
        out->extra = ork_json_get(json, ORK_RKNN_EXTRA_KEY);
    }
    return true;
}

/* ---- edges ---- */

static bool read_output_edge(rknn_reader *r, const ork_json *json, int node)
{
    const ork_json *right = ork_json_get(json, "right_tensor");
    int id = get_index(right, "tensor_id", r->norm_count);
    if (id < 0 || strcmp(ork_json_get_text(right, "type", ""), "norm_tensor") != 0)
        return damaged(r, "a node's output goes to a tensor that does not exist");
    int64_t port = ork_json_get_int(json, "left_tensor_id", -1);
    output *out = output_at(r, node, port);
    if (!out || out->norm || r->norms[id].node >= 0)
        return damaged(r, "a tensor is computed twice");
    out->norm = r->norms[id].json;
    out->dtype = ork_json_get(out->norm, "dtype");
    r->norms[id].node = node;
    r->norms[id].output = (int)port;
    return true;
}

static bool read_input_edge(rknn_reader *r, const ork_json *json, edge *e)
{
    const ork_json *node = ork_json_get(json, "right_node");
    const ork_json *tensor = ork_json_get(json, "right_tensor");
    const char *type = ork_json_get_text(tensor, "type", "");
    if (node) {
        e->kind = FROM_NODE;
        e->index = get_index(node, "node_id", r->node_count);
        e->output = get_index(node, "tensor_id", ORK_RKNN_MAX_OUTPUTS);
        return e->output >= 0 && e->index >= 0 && output_at(r, e->index, e->output);
    }
    bool constant = strcmp(type, "const_tensor") == 0;
    e->kind = constant ? FROM_CONSTANT : FROM_NORM;
    e->index = get_index(tensor, "tensor_id", constant ? r->constant_count : r->norm_count);
    return e->index >= 0 && (constant || strcmp(type, "norm_tensor") == 0);
}

static bool read_edges(rknn_reader *r, edge *edges)
{
    int count = count_of(r, "connection");
    for (int i = 0; i < count; i++) {
        const ork_json *json = item(r, "connection", i);
        edge *e = &edges[r->edge_count];
        e->node = get_index(json, "node_id", r->node_count);
        e->port = get_index(json, "left_tensor_id", INT32_MAX);
        const char *left = ork_json_get_text(json, "left", "");
        if (e->node < 0 || e->port < 0)
            return damaged(r, "a connection belongs to no node");
        if (strcmp(left, "output") == 0) {
            if (!read_output_edge(r, json, e->node))
                return false;
            continue;
        }
        if (strcmp(left, "input") != 0 || !read_input_edge(r, json, e))
            return damaged(r, "a connection leads to something that does not exist");
        r->nodes[e->node].edge_count++;
        r->edge_count++;
    }
    return true;
}

/* Sorts edges by node and counts the inputs of each. */
static bool sort_edges(rknn_reader *r, const edge *edges)
{
    int at = 0;
    for (int i = 0; i < r->node_count; i++) {
        r->nodes[i].first_edge = at;
        at += r->nodes[i].edge_count;
        r->nodes[i].edge_count = 0;
    }
    r->edges = ORK_NEW_ARRAY(r->scratch, edge, (size_t)r->edge_count);
    for (int i = 0; i < r->edge_count; i++) {
        file_node *node = &r->nodes[edges[i].node];
        r->edges[node->first_edge + node->edge_count++] = edges[i];
        if (edges[i].port >= node->input_count)
            node->input_count = edges[i].port + 1;
    }
    for (int i = 0; i < r->node_count; i++) {
        file_node *node = &r->nodes[i];
        int64_t told = ork_json_get_int(node->json, "input_num", node->input_count);
        if (told < node->input_count || told > node->edge_count + SPARE_PORTS)
            return damaged(r, "a node's number of inputs does not fit its connections");
        node->input_count = (int)told;
    }
    return true;
}

static bool read_connections(rknn_reader *r)
{
    size_t count = (size_t)count_of(r, "connection");
    edge *edges = ORK_NEW_ARRAY(r->scratch, edge, count);
    return read_virtuals(r) && read_edges(r, edges) && sort_edges(r, edges);
}

/* ---- execution order ---- */

static int source_node(const rknn_reader *r, const edge *e)
{
    if (e->kind == FROM_NODE)
        return e->index;
    return e->kind == FROM_NORM ? r->norms[e->index].node : -1;
}

/* Depth first without recursion; a list that is in order stays as it is. */
static bool order_nodes(rknn_reader *r)
{
    int *stack = ORK_NEW_ARRAY(r->scratch, int, (size_t)r->node_count + 1);
    int *next = ORK_NEW_ARRAY(r->scratch, int, (size_t)r->node_count + 1);
    int done = 0;
    r->order = ORK_NEW_ARRAY(r->scratch, int, (size_t)r->node_count);
    for (int start = 0; start < r->node_count; start++) {
        int depth = 0;
        if (r->nodes[start].state == UNSEEN)
            stack[depth++] = start;
        while (depth > 0) {
            int index = stack[depth - 1];
            file_node *node = &r->nodes[index];
            node->state = OPEN;
            if (next[index] == node->edge_count) {
                node->state = DONE;
                r->order[done++] = index;
                depth--;
                continue;
            }
            int source = source_node(r, &r->edges[node->first_edge + next[index]++]);
            if (source < 0 || r->nodes[source].state == DONE)
                continue;
            if (r->nodes[source].state == OPEN)
                return damaged(r, "its nodes form a cycle");
            stack[depth++] = source;
        }
    }
    return true;
}

/* ---- operators ---- */

static bool own_op(const file_node *node, ork_op *op)
{
    const char *name = ork_json_get_text(node->extra, "op", NULL);
    return name && ork_op_from_name(name, op);
}

/* Names every unknown operator at once. */
static bool check_operators(rknn_reader *r)
{
    ork_map *unknown = ork_map_new(r->scratch);
    ork_str names = {0};
    for (int i = 0; i < r->node_count; i++) {
        const file_node *node = &r->nodes[i];
        ork_op op;
        if (own_op(node, &op) ||
            ork_rknn_row_named(node->vsi, ork_json_get(node->json, "nn")) >= 0 ||
            ork_map_get(unknown, node->vsi))
            continue;
        ork_map_set(unknown, node->vsi, (void *)node);
        if (ork_map_count(unknown) <= 20)
            ork_str_printf(&names, "%s%.64s", names.length ? ", " : "", node->vsi);
    }
    size_t count = ork_map_count(unknown);
    if (count) {
        ork_fail(r->diag, ORK_ERR_RKNN_OP, "the model uses %zu %s not known here: %s", count,
                 count == 1 ? "operator that is" : "operators that are", names.text);
        ork_fix(r->diag, "load the original model and build it again");
    }
    ork_str_free(&names);
    return count == 0;
}

/* ---- heading ---- */

static char *lower_list(ork_arena *arena, const ork_json *list)
{
    ork_str text = {0};
    for (size_t i = 0; i < ork_json_count(list); i++) {
        const char *name = ork_json_as_text(ork_json_item(list, i));
        if (name)
            ork_str_printf(&text, "%s%s", text.length ? "," : "", name);
    }
    char *copy = ork_arena_strdup(arena, text.length ? text.text : "");
    for (char *c = copy; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    ork_str_free(&text);
    return copy;
}

static bool read_heading(rknn_reader *r)
{
    ork_graph *graph = r->graph;
    r->extra = ork_json_get(r->json, ORK_RKNN_EXTRA_KEY);
    if (ork_json_get_int(r->extra, "format", 1) > ORK_RKNN_EXTRA_FORMAT) {
        ork_fail(r->diag, ORK_ERR_RKNN_VERSION, "the model was written by a newer OpenRKNN");
        return ork_fix(r->diag, "update OpenRKNN");
    }
    graph->origin = ork_arena_strdup(
        graph->arena, ork_json_get_text(r->json, "ori_network_platform",
                                        ork_json_get_text(r->json, "network_platform", "")));
    const char *target = ork_json_get_text(r->extra, "target", NULL);
    graph->target = target ? ork_arena_strdup(graph->arena, target)
                           : lower_list(graph->arena, ork_json_get(r->json, "target_platform"));
    int level = get_index(r->json, "optimization_level", 100);
    graph->optimization_level = level < 0 ? 0 : level;
    const char *stage = ork_json_get_text(r->extra, "stage", "quant");
    graph->stage = ORK_STAGE_QUANT;
    for (int i = 0; i < ORK_STAGE_COUNT; i++)
        if (strcmp(stage, ork_stage_names[i]) == 0)
            graph->stage = (ork_stage)i;
    return true;
}

/* ---- preprocessing ---- */

static bool get_float(const ork_json *json, float *value)
{
    double number;
    if (!ork_json_as_double(json, &number) || !(number > -1e30 && number < 1e30))
        return false;
    *value = (float)number;
    return true;
}

static void new_preprocess(rknn_reader *r, ork_preprocess *p, int count)
{
    p->count = count;
    p->mean = ORK_NEW_ARRAY(r->graph->arena, float, (size_t)count);
    p->std = ORK_NEW_ARRAY(r->graph->arena, float, (size_t)count);
    p->reorder = ORK_NEW_ARRAY(r->graph->arena, int, (size_t)count);
}

static bool read_own_preprocess(rknn_reader *r, const ork_json *extra, ork_preprocess *p)
{
    const ork_json *mean = ork_json_get(extra, "mean"), *std = ork_json_get(extra, "std");
    const ork_json *reorder = ork_json_get(extra, "reorder");
    size_t count = ork_json_count(mean);
    if (ork_json_count(std) != count || ork_json_count(reorder) != count || count > INT32_MAX / 2)
        return damaged(r, "mean, std and reorder differ in length");
    new_preprocess(r, p, (int)count);
    for (int i = 0; i < p->count; i++) {
        int64_t from;
        size_t at = (size_t)i;
        if (!get_float(ork_json_item(mean, at), &p->mean[i]) ||
            !get_float(ork_json_item(std, at), &p->std[i]) ||
            !ork_json_as_int(ork_json_item(reorder, at), &from) || from < 0 || from >= p->count)
            return damaged(r, "mean, std or reorder has a value that makes no sense");
        p->reorder[i] = (int)from;
    }
    return true;
}

/* Where an input's values begin in the vendor's flat lists. Toolkits up to 1.4 have no std_value:
   there each input has one more "mean", which divides all its channels. */
typedef struct vendor_lists {
    const ork_json *mean, *std, *chns, *reorder;
    size_t at;
} vendor_lists;

static bool read_vendor_preprocess(rknn_reader *r, vendor_lists *lists, size_t input,
                                   ork_preprocess *p)
{
    int64_t told = 0;
    size_t have = ork_json_count(lists->mean);
    if (!ork_json_as_int(ork_json_item(lists->chns, input), &told))
        return true; /* files without the lists do nothing */
    bool old = !lists->std;
    if (told < (old ? 2 : 1) || lists->at > have || (uint64_t)told > have - lists->at)
        return damaged(r, "mean_value and mean_value_chns do not fit");
    new_preprocess(r, p, (int)(old ? told - 1 : told));
    bool changes = false;
    for (int i = 0; i < p->count; i++) {
        size_t at = lists->at + (size_t)i;
        const ork_json *std = old ? ork_json_item(lists->mean, lists->at + (size_t)told - 1)
                                  : ork_json_item(lists->std, at);
        if (!get_float(ork_json_item(lists->mean, at), &p->mean[i]) || !get_float(std, &p->std[i]))
            return damaged(r, "mean_value or std_value has a value that makes no sense");
        int64_t from = i;
        if (p->count == 3)
            ork_json_as_int(ork_json_item(lists->reorder, input * 3 + (size_t)i), &from);
        p->reorder[i] = from >= 0 && from < p->count ? (int)from : i;
        changes = changes || p->mean[i] != 0.0f || p->std[i] != 1.0f || p->reorder[i] != i;
    }
    lists->at += (size_t)told;
    if (!changes)
        *p = (ork_preprocess){0};
    return true;
}

/* ---- values ---- */

static bool read_type(rknn_reader *r, const ork_json *tensor, ork_type *type)
{
    return ork_rknn_get_shape(r->diag, tensor, &type->shape) &&
           ork_rknn_get_dtype(r->diag, r->graph->arena, ork_json_get(tensor, "dtype"), type);
}

/* The entries of "graph" on one side, by their order; NULL when they have gaps. */
static const ork_json **graph_side(rknn_reader *r, const char *side, int *count)
{
    int all = count_of(r, "graph");
    const ork_json **entries = ORK_NEW_ARRAY(r->scratch, const ork_json *, (size_t)all + 1);
    *count = 0;
    for (int i = 0; i < all; i++) {
        const ork_json *entry = item(r, "graph", i);
        if (strcmp(ork_json_get_text(entry, "left", ""), side) != 0)
            continue;
        int at = get_index(entry, "left_tensor_id", all);
        if (at < 0 || entries[at])
            return NULL;
        entries[at] = entry;
        (*count)++;
    }
    for (int i = 0; i < *count; i++)
        if (!entries[i])
            return NULL;
    return entries;
}

static bool add_input(rknn_reader *r, const ork_json *entry)
{
    int id = get_index(entry, "right_tensor_id", r->norm_count);
    norm *n = id < 0 ? NULL : &r->norms[id];
    ork_type type = {0};
    if (!n || n->node >= 0 || n->value)
        return damaged(r, "an input does not exist, is computed, or comes twice");
    if (!read_type(r, n->json, &type))
        return ork_where(r->diag, "input '%s'", ork_json_get_text(n->json, "url", ""));
    n->value = ork_graph_add_input(r->graph, ork_json_get_text(n->json, "url", "input"), &type);
    return true;
}

static bool add_inputs(rknn_reader *r)
{
    int count;
    const ork_json **entries = graph_side(r, "input", &count);
    if (!entries)
        return damaged(r, "its inputs are not numbered 0, 1, 2 ...");
    vendor_lists lists = {ork_json_get(r->json, "mean_value"), ork_json_get(r->json, "std_value"),
                          ork_json_get(r->json, "mean_value_chns"),
                          ork_json_get(r->json, "reorder"), 0};
    for (int i = 0; i < count; i++) {
        if (!add_input(r, entries[i]))
            return false;
        int id = get_index(entries[i], "right_tensor_id", r->norm_count);
        const ork_json *extra = ork_json_get(r->norms[id].json, ORK_RKNN_EXTRA_KEY);
        ork_preprocess *p = &r->graph->inputs.items[i].preprocess;
        if (extra ? !read_own_preprocess(r, extra, p)
                  : !r->extra && !read_vendor_preprocess(r, &lists, (size_t)i, p))
            return false;
    }
    return true;
}

/* The vendor's constants have no names: they are called after their first user. */
static void name_constants(rknn_reader *r)
{
    static const char *const roles[] = {"input", "weight", "bias"};
    for (int i = 0; i < r->edge_count; i++) {
        const edge *e = &r->edges[i];
        if (e->kind != FROM_CONSTANT || r->constant_names[e->index])
            continue;
        const char *name = r->nodes[e->node].name;
        r->constant_names[e->index] =
            e->port < 3 ? ork_arena_printf(r->scratch, "%s.%s", name, roles[e->port])
                        : ork_arena_printf(r->scratch, "%s.%d", name, e->port);
    }
}

static bool add_constant(rknn_reader *r, int index)
{
    const ork_json *json = r->constants[index];
    const ork_json *extra = ork_json_get(json, ORK_RKNN_EXTRA_KEY);
    ork_type type = {0};
    size_t bytes;
    if (!read_type(r, json, &type))
        return false;
    int64_t offset = ork_json_get_int(json, "offset", -1);
    int64_t length = ork_json_get_int(json, "len", -1);
    const bool packed = r->graph->packing && ork_json_get_bool(extra, "packed", false);
    if (!ork_shape_bytes(&type.shape, type.dtype, &bytes) ||
        length != (packed ? 0 : (int64_t)bytes))
        return damaged(r, "a constant's length does not fit its size and type");
    if (offset < 0 || (uint64_t)offset > r->data.size ||
        (size_t)length > r->data.size - (size_t)offset)
        return damaged(r, "a constant lies outside of the file");
    if (ork_json_get_bool(extra, "depthwise", false) && type.shape.rank == 4) {
        int64_t first = type.shape.dim[0];
        type.shape.dim[0] = type.shape.dim[1];
        type.shape.dim[1] = first;
        if (type.quant.scheme == ORK_SCHEME_PER_CHANNEL && type.quant.axis < 2)
            type.quant.axis = !type.quant.axis;
    }
    const char *name = ork_json_get_text(extra, "name", r->constant_names[index]);
    r->constant_values[index] = ork_graph_add_constant(r->graph, name ? name : "constant", &type,
                                                       packed ? NULL : r->data.data + offset);
    return true;
}

static bool add_constants(rknn_reader *r)
{
    name_constants(r);
    for (int i = 0; i < r->constant_count; i++)
        if (!add_constant(r, i))
            return ork_where(r->diag, "constant %d", i);
    return true;
}

/* ---- packed weights ---- */

/* Where it lies, when that can be read in place; a copy otherwise. */
static const uint8_t *aligned(rknn_reader *r, const uint8_t *data, size_t size)
{
    if ((uintptr_t)data % ORK_PACKING_ALIGNMENT == 0)
        return data;
    void *copy = ork_arena_alloc_data(r->graph->arena, size);
    if (copy)
        memcpy(copy, data, size);
    else
        ork_fail(r->diag, ORK_ERR_OUT_OF_MEMORY, "no memory for the packed weights");
    return copy;
}

static bool read_part(rknn_reader *r, const ork_json *json, ork_packed_part *part)
{
    const char *layer = ork_json_get_text(json, "layer", NULL);
    const char *kernel = ork_json_get_text(json, "kernel", NULL);
    const int64_t version = ork_json_get_int(json, "version", -1);
    const int64_t size = ork_json_get_int(json, "len", -1);
    if (!layer || !kernel || version < 0 || version > UINT32_MAX || size < 0)
        return damaged(r, "a part of its packed weights has no layer, kernel, version or length");
    *part = (ork_packed_part){ork_arena_strdup(r->graph->arena, layer),
                              ork_arena_strdup(r->graph->arena, kernel), (uint32_t)version,
                              (uint64_t)size};
    return true;
}

/* Whether they fit the network is seen when it is planned. */
static bool read_packing(rknn_reader *r)
{
    if (!r->packed)
        return true;
    const ork_json *json = ork_json_get(r->extra, "packing");
    const int64_t offset = ork_json_get_int(json, "offset", -1);
    const int64_t length = ork_json_get_int(json, "len", -1);
    if (ork_json_get_int(json, "format", -1) != ORK_RKNN_PACKING_FORMAT) {
        ork_fail(r->diag, ORK_ERR_RKNN_PRECOMPILED,
                 "the model was pre-compiled by a release of another format");
        return ork_fix(r->diag, "pre-compile it again with this release");
    }
    if (offset < 0 || length < 0 || (uint64_t)offset > r->data.size ||
        (uint64_t)length > r->data.size - (size_t)offset)
        return damaged(r, "the packed weights lie outside of the file");
    const ork_json *parts = ork_json_get(json, "parts");
    ork_packing *packing = ORK_NEW(r->graph->arena, ork_packing);
    packing->count = ork_json_count(parts);
    ork_packed_part *list = ORK_NEW_ARRAY(r->graph->arena, ork_packed_part, packing->count + 1);
    for (size_t i = 0; i < packing->count; i++)
        if (!read_part(r, ork_json_item(parts, i), &list[i]))
            return false;
    packing->parts = list;
    packing->machine =
        ork_arena_strdup(r->graph->arena, ork_json_get_text(json, "machine", "another machine"));
    packing->data.size = (size_t)length;
    packing->data.data = aligned(r, r->data.data + offset, (size_t)length);
    r->graph->packing = packing;
    return packing->data.data != NULL;
}

/* ---- nodes ---- */

/* The graph's own complaint becomes the reason why the file is damaged. */
static bool misbuilt(ork_diag *diag, const char *name)
{
    ork_arena *scratch = ork_arena_new();
    const ork_error *error = ork_diag_error(diag);
    char *why =
        ork_arena_printf(scratch, "%s%s%s", error->what, *error->why ? ": " : "", error->why);
    ork_fail(diag, ORK_ERR_RKNN_FORMAT, "layer '%s' of the .rknn file does not fit its inputs",
             name);
    ork_why(diag, "%s", why);
    ork_fix(diag, "copy or export the file again: it is damaged");
    ork_arena_free(scratch);
    return false;
}

ork_value *ork_rknn_emit(ork_rknn_step *s, ork_op op, const ork_attrs *attrs,
                         ork_value *const *inputs, int input_count, int index)
{
    const ork_op_info *info = &ork_op_table[op];
    for (int i = 0; info->max_inputs < 0 && i < input_count; i++) {
        if (!inputs[i]) {
            ork_fail(s->diag, ORK_ERR_RKNN_FORMAT, "layer '%s' lacks an input", s->name);
            return NULL;
        }
    }
    ork_value *value = ork_graph_add(s->graph, s->diag, op, attrs, inputs, input_count, s->name);
    bool good = value != NULL;
    for (int i = 0; good && i < value->type.shape.rank; i++)
        good = value->type.shape.dim[i] <= INT32_MAX;
    if (!good) {
        misbuilt(s->diag, s->name);
        return NULL;
    }
    const ork_json *dtype = index >= 0 && index < s->output_count ? s->output_dtypes[index] : NULL;
    if (dtype && !ork_rknn_get_dtype(s->diag, s->graph->arena, dtype, &value->type))
        return NULL;
    return value;
}

static ork_value *source_value(rknn_reader *r, const edge *e)
{
    if (e->kind == FROM_CONSTANT)
        return r->constant_values[e->index];
    int node = source_node(r, e);
    if (node < 0)
        return r->norms[e->index].value;
    int port = e->kind == FROM_NODE ? e->output : r->norms[e->index].output;
    return r->nodes[node].outputs[port].value;
}

/* Our port of the vendor's port. */
static int own_port(int row, int vendor, int count)
{
    for (int port = 0; port < count; port++)
        if (ork_rknn_port(row, port) == vendor)
            return port;
    return -1;
}

static bool gather_inputs(rknn_reader *r, const file_node *node, int row, ork_value **inputs)
{
    for (int i = 0; i < node->edge_count; i++) {
        const edge *e = &r->edges[node->first_edge + i];
        int port = own_port(row, e->port, node->input_count);
        ork_value *value = source_value(r, e);
        if (port < 0 || inputs[port])
            return damaged(r, "two connections lead to one input");
        if (!value)
            return damaged(r, "a node takes what is never computed");
        inputs[port] = value;
    }
    return true;
}

static void finish_node(rknn_reader *r, const file_node *node, ork_rknn_step *step)
{
    for (int i = 0; i < node->output_count; i++) {
        const output *out = &node->outputs[i];
        const char *name = out->norm ? ork_json_get_text(out->norm, "url", NULL)
                                     : ork_json_get_text(out->extra, "name", NULL);
        node->outputs[i].value = step->outputs[i];
        if (name && step->outputs[i])
            ork_value_rename(r->graph, step->outputs[i], name);
    }
    const char *scope = ork_json_get_text(node->extra, "scope", NULL);
    if (scope && r->graph->last)
        r->graph->last->scope = ork_arena_strdup(r->graph->arena, scope);
    if (r->graph->last)
        r->graph->last->sync = ork_json_get_bool(node->extra, "sync", false);
}

/* Rows whose first read function needs fewer inputs than the operator that they end in. */
static int least_inputs(const file_node *node, ork_op op)
{
    static const char *const layers[] = {"VSI_NN_OP_CONV_RELU", "VSI_NN_OP_FCL_RELU"};
    for (size_t i = 0; i < ORK_COUNT(layers); i++)
        if (strcmp(node->vsi, layers[i]) == 0)
            return 2;
    return strcmp(node->vsi, "VSI_NN_OP_SQUARE") == 0 ? 1 : ork_op_table[op].min_inputs;
}

static bool fill_step(rknn_reader *r, file_node *node, ork_rknn_step *step, int *row)
{
    bool own = own_op(node, &step->op);
    const ork_json *nn = ork_json_get(node->json, "nn");
    *row = own ? ork_rknn_row_pair(node->vsi, step->op) : ork_rknn_row_named(node->vsi, nn);
    if (!own) {
        step->op = ork_rknn_ops[*row].op;
        step->params = ork_json_get(nn, ork_rknn_ops[*row].key);
    }
    if (!gather_inputs(r, node, *row, step->inputs))
        return false;
    int least = own ? ork_op_table[step->op].min_inputs : least_inputs(node, step->op);
    for (int i = 0; i < least; i++)
        if (i >= step->input_count || !step->inputs[i])
            return damaged(r, "a node lacks an input");
    if (own) {
        *row = -1; /* nothing of the vendor's parameters is needed */
        return ork_rknn_get_attrs(r->diag, ork_json_get(node->extra, "attrs"), step->op,
                                  &step->attrs);
    }
    return true;
}

/* The vendor always lists the bias; without one there is no input. */
static void drop_absent(ork_rknn_step *step)
{
    while (step->input_count > ork_op_table[step->op].min_inputs &&
           !step->inputs[step->input_count - 1])
        step->input_count--;
}

static bool build_node(rknn_reader *r, file_node *node)
{
    int row;
    size_t outputs = (size_t)node->output_count;
    ork_rknn_step step = {
        .diag = r->diag,
        .graph = r->graph,
        .name = node->name,
        .inputs = ORK_NEW_ARRAY(r->scratch, ork_value *, (size_t)node->input_count + 1),
        .input_count = node->input_count,
        .output_count = node->output_count,
        .output_dtypes = ORK_NEW_ARRAY(r->scratch, const ork_json *, outputs + 1),
        .outputs = ORK_NEW_ARRAY(r->scratch, ork_value *, outputs + 1),
    };
    for (size_t i = 0; i < outputs; i++)
        step.output_dtypes[i] = node->outputs[i].dtype;
    if (!fill_step(r, node, &step, &row))
        return false;
    if (row >= 0) {
        drop_absent(&step);
        if (!ork_rknn_readers[row](&step))
            return false;
    }
    if (!step.is_done) {
        step.outputs[0] =
            ork_rknn_emit(&step, step.op, &step.attrs, step.inputs, step.input_count, 0);
        if (!step.outputs[0])
            return false;
    }
    finish_node(r, node, &step);
    return true;
}

static bool build_nodes(rknn_reader *r)
{
    for (int i = 0; i < r->node_count; i++)
        if (!build_node(r, &r->nodes[r->order[i]]))
            return ork_where(r->diag, "layer '%s' (%s)", r->nodes[r->order[i]].name,
                             r->nodes[r->order[i]].vsi);
    return true;
}

/* ---- outputs ---- */

static bool add_output(rknn_reader *r, const ork_json *entry)
{
    bool constant = strcmp(ork_json_get_text(entry, "right", ""), "const_tensor") == 0;
    int id = get_index(entry, "right_tensor_id", constant ? r->constant_count : r->norm_count);
    if (id < 0)
        return damaged(r, "an output does not exist");
    ork_value *value = constant ? r->constant_values[id] : r->norms[id].value;
    if (!constant && r->norms[id].node >= 0) {
        const norm *n = &r->norms[id];
        ork_shape told;
        value = r->nodes[n->node].outputs[n->output].value;
        if (!ork_rknn_get_shape(r->diag, n->json, &told))
            return false;
        if (value && !ork_shape_equal(&told, &value->type.shape))
            return damaged(r, "an output has another shape than its layer gives");
    }
    if (!value)
        return damaged(r, "an output is never computed");
    ork_graph_add_output(r->graph, value);
    return true;
}

static bool add_outputs(rknn_reader *r)
{
    int count;
    const ork_json **entries = graph_side(r, "output", &count);
    if (!entries)
        return damaged(r, "its outputs are not numbered 0, 1, 2 ...");
    for (int i = 0; i < count; i++)
        if (!add_output(r, entries[i]))
            return false;
    return true;
}

static bool read_graph(rknn_reader *r)
{
    if (!read_heading(r) || !read_packing(r) || !read_tables(r) || !check_operators(r) ||
        !read_connections(r) || !order_nodes(r) || !add_inputs(r) || !add_constants(r) ||
        !build_nodes(r) || !add_outputs(r))
        return false;
    return ork_graph_verify(r->graph, r->diag) || misbuilt(r->diag, r->graph->name);
}

static ork_graph *read_bytes(ork_diag *diag, ork_bytes bytes, bool to_run)
{
    ork_arena *scratch = ork_arena_new();
    ork_rknn_container container;
    ork_graph *graph = NULL;
    ork_rknn_look(scratch, bytes, &container);
    const bool packed = container.info.kind == ORK_RKNN_PACKED;
    if (container.info.kind != ORK_RKNN_PLAIN && !(to_run && packed)) {
        ork_rknn_refuse(diag, &container.info);
    } else {
        graph = ork_graph_new(ork_json_get_text(container.json, "name", ""));
        rknn_reader r = {.diag = diag,
                         .scratch = scratch,
                         .graph = graph,
                         .data = container.data,
                         .json = container.json,
                         .packed = packed};
        if (!read_graph(&r)) {
            ork_graph_free(graph);
            graph = NULL;
        }
    }
    ork_arena_free(scratch);
    return graph;
}

ork_graph *ork_rknn_read_bytes(ork_diag *diag, ork_bytes bytes)
{
    return read_bytes(diag, bytes, false);
}

ork_graph *ork_rknn_read_to_run(ork_diag *diag, ork_bytes bytes)
{
    return read_bytes(diag, bytes, true);
}

/* What one needs to ask others about a file: its size, beginning and checksum. */
static void tell_file(ork_diag *diag, const char *path, ork_bytes bytes)
{
    enum { SHOWN = 8, LARGEST = 1 << 28 };
    char begin[3 * SHOWN + 1] = "", sum[ORK_SHA256_TEXT];
    for (size_t i = 0; i < SHOWN && i < bytes.size; i++)
        snprintf(begin + 3 * i, 4, " %02x", bytes.data[i]);
    if (*ork_diag_error(diag)->where)
        return;
    ork_where(diag, "%s (%zu bytes", path, bytes.size);
    if (bytes.size)
        ork_where_more(diag, ", begins with%s", begin);
    if (bytes.size && bytes.size <= LARGEST) { /* a larger one takes seconds */
        ork_sha256(bytes, sum);
        ork_where_more(diag, ", sha256 %s", sum);
    }
    ork_where_more(diag, ")");
}

ork_graph *ork_rknn_read(ork_diag *diag, const char *path)
{
    ork_file file;
    if (!ork_file_map(diag, path, &file))
        return NULL;
    ork_graph *graph = ork_rknn_read_bytes(diag, file.bytes);
    if (graph) {
        ork_graph_keep_file(graph, file);
        return graph;
    }
    tell_file(diag, path, file.bytes);
    ork_file_unmap(&file);
    return NULL;
}
