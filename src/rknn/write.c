/* SPDX-License-Identifier: Apache-2.0 */
/* Graph to `.rknn`. */
#include "internal.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { DATA_ALIGNMENT = 64 };

/* Where a value stands in the file. A value may be both norm and virtual: norm wins. */
typedef struct place {
    int node, constant, norm; /* index, or -1 */
} place;

typedef struct rknn_writer {
    const ork_graph *graph;
    ork_arena *arena;
    ork_str text;
    ork_json_writer json;
    place *places; /* by value id */
    ORK_VEC(const ork_value *) constants;
    ORK_VEC(const ork_value *) norms;
    size_t *offsets; /* of constants in the data */
    size_t data_size;
    const ork_packing *packing; /* or NULL */
    size_t packing_at;
} rknn_writer;

/* ---- what goes where ---- */

static void add_norm(rknn_writer *w, const ork_value *value)
{
    place *p = &w->places[value->id];
    if (p->norm >= 0 || value->kind == ORK_VALUE_CONSTANT)
        return;
    p->norm = (int)w->norms.count;
    ork_vec_push(w->arena, &w->norms, value);
}

static void place_values(rknn_writer *w)
{
    const ork_graph *graph = w->graph;
    w->places = ORK_NEW_ARRAY(w->arena, place, graph->values.count);
    for (size_t i = 0; i < graph->values.count; i++)
        w->places[i] = (place){-1, -1, -1};
    for (size_t i = 0; i < graph->inputs.count; i++)
        add_norm(w, graph->inputs.items[i].value);
    for (size_t i = 0; i < graph->outputs.count; i++)
        add_norm(w, graph->outputs.items[i]);
    for (size_t i = 0; i < graph->values.count; i++) {
        const ork_value *value = graph->values.items[i];
        if (value->kind != ORK_VALUE_CONSTANT ||
            (value->uses.count == 0 && !ork_value_is_output(value)))
            continue;
        w->places[i].constant = (int)w->constants.count;
        ork_vec_push(w->arena, &w->constants, value);
    }
    int index = 0;
    for (const ork_node *node = graph->first; node; node = node->next)
        w->places[node->output->id].node = index++;
}

static size_t constant_bytes(const ork_value *value)
{
    return ork_tensor_bytes(&(ork_tensor){.type = value->type});
}

static bool is_packed(const rknn_writer *w, const ork_value *value)
{
    return w->packing && ork_value_is_packable(value);
}

/* Bytes that start at a multiple of DATA_ALIGNMENT of the file, not of the data. */
static bool place_bytes(rknn_writer *w, size_t bytes, size_t *offset)
{
    size_t begin;
    if (!ork_add_size(w->data_size, ORK_RKNN_HEADER + DATA_ALIGNMENT - 1, &begin))
        return false;
    *offset = begin / DATA_ALIGNMENT * DATA_ALIGNMENT - ORK_RKNN_HEADER;
    return ork_add_size(*offset, bytes, &w->data_size);
}

static bool place_data(rknn_writer *w)
{
    w->offsets = ORK_NEW_ARRAY(w->arena, size_t, w->constants.count);
    if (w->packing)
        w->data_size = strlen(ORK_RKNN_PACKED_MAGIC);
    for (size_t i = 0; i < w->constants.count; i++)
        if (!is_packed(w, w->constants.items[i]) &&
            !place_bytes(w, constant_bytes(w->constants.items[i]), &w->offsets[i]))
            return false;
    return !w->packing || place_bytes(w, w->packing->data.size, &w->packing_at);
}

/* ---- JSON ---- */

static void key_int(rknn_writer *w, const char *key, int64_t value)
{
    ork_json_key(&w->json, key);
    ork_json_put_int(&w->json, value);
}

static void key_text(rknn_writer *w, const char *key, const char *text)
{
    ork_json_key(&w->json, key);
    ork_json_put_text(&w->json, text);
}

static void key_array(rknn_writer *w, const char *key)
{
    ork_json_key(&w->json, key);
    ork_json_begin_array(&w->json);
}

static void key_object(rknn_writer *w, const char *key)
{
    ork_json_key(&w->json, key);
    ork_json_begin_object(&w->json);
}

static void put_platforms(rknn_writer *w)
{
    key_array(w, "target_platform");
    for (const char *at = w->graph->target; *at;) {
        size_t length = strcspn(at, ",");
        char *name = ork_arena_strndup(w->arena, at, length);
        for (char *c = name; *c; c++)
            *c = (char)toupper((unsigned char)*c);
        ork_json_put_text(&w->json, name);
        at += length + (at[length] == ',');
    }
    ork_json_end_array(&w->json);
}

static int64_t channels_of(const ork_graph_input *input)
{
    const ork_shape *shape = &input->value->type.shape;
    if (input->preprocess.count)
        return input->preprocess.count;
    return shape->rank == 4 ? shape->dim[1] : 1;
}

static void put_channel_values(rknn_writer *w, const char *key, bool is_mean)
{
    key_array(w, key);
    for (size_t i = 0; i < w->graph->inputs.count; i++) {
        const ork_graph_input *input = &w->graph->inputs.items[i];
        const float *values = is_mean ? input->preprocess.mean : input->preprocess.std;
        for (int64_t c = 0; c < channels_of(input); c++) {
            double none = is_mean ? 0.0 : 1.0;
            ork_json_put_double(&w->json, input->preprocess.count ? (double)values[c] : none);
        }
    }
    ork_json_end_array(&w->json);
}

static void put_preprocessing(rknn_writer *w)
{
    put_channel_values(w, "mean_value", true);
    key_array(w, "mean_value_chns");
    for (size_t i = 0; i < w->graph->inputs.count; i++)
        ork_json_put_int(&w->json, channels_of(&w->graph->inputs.items[i]));
    ork_json_end_array(&w->json);
    put_channel_values(w, "std_value", false);
    key_array(w, "reorder");
    for (size_t i = 0; i < w->graph->inputs.count; i++) {
        const ork_preprocess *p = &w->graph->inputs.items[i].preprocess;
        for (int c = 0; c < 3; c++)
            ork_json_put_int(&w->json, p->count == 3 ? p->reorder[c] : c);
    }
    ork_json_end_array(&w->json);
}

static void put_packing(rknn_writer *w)
{
    key_object(w, "packing");
    key_int(w, "format", ORK_RKNN_PACKING_FORMAT);
    key_text(w, "machine", w->packing->machine);
    key_int(w, "offset", (int64_t)w->packing_at);
    key_int(w, "len", (int64_t)w->packing->data.size);
    key_array(w, "parts");
    for (size_t i = 0; i < w->packing->count; i++) {
        const ork_packed_part *part = &w->packing->parts[i];
        ork_json_begin_object(&w->json);
        key_text(w, "layer", part->layer);
        key_text(w, "kernel", part->kernel);
        key_int(w, "version", part->version);
        key_int(w, "len", (int64_t)part->size);
        ork_json_end_object(&w->json);
    }
    ork_json_end_array(&w->json);
    ork_json_end_object(&w->json);
}

/* "version" and "ovxlib_version" name the dialect that the file is written in: that of the
   vendor's last toolkit of this generation. */
static void put_heading(rknn_writer *w)
{
    const ork_graph *graph = w->graph;
    put_platforms(w);
    key_text(w, "network_platform", "caffe"); /* the vendor's own form, whatever the origin */
    key_text(w, "ori_network_platform", graph->origin);
    key_int(w, "input_fmt", 0);
    key_int(w, "input_transpose", 1);
    key_text(w, "name", graph->name);
    key_text(w, "version", "1.7.5");
    key_text(w, "ovxlib_version", "1.1.26");
    key_int(w, "node_num", (int64_t)graph->node_count);
    key_int(w, "norm_tensor_num", (int64_t)w->norms.count);
    key_int(w, "const_tensor_num", (int64_t)w->constants.count);
    key_int(w, "virtual_tensor_num", (int64_t)graph->node_count);
    key_int(w, "optimization_level", graph->optimization_level);
    put_preprocessing(w);
    key_int(w, "input_num", (int64_t)graph->inputs.count);
    key_int(w, "output_num", (int64_t)graph->outputs.count);
    key_int(w, "pre_compile", w->packing != NULL);
    key_int(w, "case_type", -1);
    key_object(w, ORK_RKNN_EXTRA_KEY);
    key_int(w, "format", ORK_RKNN_EXTRA_FORMAT);
    key_text(w, "stage", ork_stage_names[graph->stage]);
    key_text(w, "target", graph->target);
    if (w->packing)
        put_packing(w);
    ork_json_end_object(&w->json);
}

static void put_vx(rknn_writer *w, ork_rknn_vx vx)
{
    if (vx == ORK_RKNN_VX_NONE)
        return;
    key_object(w, "vx");
    if (vx == ORK_RKNN_VX_ALL) {
        key_text(w, "overflow_policy", "VX_CONVERT_POLICY_SATURATE");
        key_text(w, "rounding_policy", "VX_ROUND_POLICY_TO_ZERO");
    }
    key_text(w, "down_scale_size_rounding", "VX_CONVOLUTIONAL_NETWORK_DS_SIZE_ROUNDING_FLOOR");
    ork_json_end_object(&w->json);
}

static void put_parameters(rknn_writer *w, const ork_node *node, int row)
{
    const ork_rknn_op *op = &ork_rknn_ops[row];
    if (!*op->key)
        return;
    key_object(w, "nn");
    key_object(w, op->key);
    ork_rknn_writers[row](&w->json, node);
    if (*op->variant_key)
        key_text(w, op->variant_key, op->variant);
    ork_json_end_object(&w->json);
    ork_json_end_object(&w->json);
    put_vx(w, op->vx);
}

static void put_node(rknn_writer *w, const ork_node *node, int uid)
{
    int row = ork_rknn_row_for(node);
    ork_json_begin_object(&w->json);
    key_text(w, "lid", ork_arena_printf(w->arena, "%s_%d", node->name, uid));
    key_text(w, "name", node->name);
    key_text(w, "op", ork_rknn_op_word(w->arena, node));
    key_int(w, "uid", uid);
    key_int(w, "input_num", node->input_count);
    key_int(w, "output_num", 1);
    if (row >= 0)
        put_parameters(w, node, row);
    key_object(w, ORK_RKNN_EXTRA_KEY);
    key_text(w, "op", ork_op_table[node->op].name);
    ork_json_key(&w->json, "attrs");
    ork_rknn_put_attrs(&w->json, node->op, &node->attrs);
    key_text(w, "scope", node->scope);
    if (node->sync) {
        ork_json_key(&w->json, "sync");
        ork_json_put_bool(&w->json, true);
    }
    ork_json_end_object(&w->json);
    ork_json_end_object(&w->json);
}

static void put_floats(rknn_writer *w, const char *key, const float *values, int count)
{
    key_array(w, key);
    for (int i = 0; i < count; i++)
        ork_json_put_double(&w->json, (double)values[i]);
    ork_json_end_array(&w->json);
}

static void put_own_preprocess(rknn_writer *w, const ork_value *value)
{
    for (size_t i = 0; i < w->graph->inputs.count; i++) {
        const ork_preprocess *p = &w->graph->inputs.items[i].preprocess;
        if (w->graph->inputs.items[i].value != value || p->count == 0)
            continue;
        key_object(w, ORK_RKNN_EXTRA_KEY);
        put_floats(w, "mean", p->mean, p->count);
        put_floats(w, "std", p->std, p->count);
        key_array(w, "reorder");
        for (int c = 0; c < p->count; c++)
            ork_json_put_int(&w->json, p->reorder[c]);
        ork_json_end_array(&w->json);
        ork_json_end_object(&w->json);
    }
}

static void put_norms(rknn_writer *w)
{
    key_array(w, "norm_tensor");
    for (size_t i = 0; i < w->norms.count; i++) {
        ork_json_begin_object(&w->json);
        key_int(w, "tensor_id", (int64_t)i);
        ork_rknn_put_type(&w->json, &w->norms.items[i]->type, true);
        key_text(w, "url", w->norms.items[i]->name);
        put_own_preprocess(w, w->norms.items[i]);
        ork_json_end_object(&w->json);
    }
    ork_json_end_array(&w->json);
}

/* Whether the value is nothing but the weight of depthwise convolutions, whose filters the vendor
   lays out as one filter of many channels: the same bytes under the size [w, h, filters, 1]. */
static bool is_depthwise_weight(const ork_value *value)
{
    bool depthwise = value->uses.count > 0;
    for (size_t i = 0; i < value->uses.count; i++)
        depthwise = depthwise && value->uses.items[i].port == 1 &&
                    ork_rknn_is_depthwise(value->uses.items[i].node);
    return depthwise;
}

static ork_type vendor_view(const ork_value *value, bool depthwise)
{
    ork_type view = value->type;
    if (depthwise) {
        view.shape.dim[1] = view.shape.dim[0];
        view.shape.dim[0] = 1;
        if (view.quant.axis < 2)
            view.quant.axis = !view.quant.axis;
    }
    return view;
}

static void put_constants(rknn_writer *w)
{
    key_array(w, "const_tensor");
    for (size_t i = 0; i < w->constants.count; i++) {
        const ork_value *value = w->constants.items[i];
        bool depthwise = is_depthwise_weight(value);
        ork_type view = vendor_view(value, depthwise);
        ork_json_begin_object(&w->json);
        key_int(w, "tensor_id", (int64_t)i);
        ork_rknn_put_type(&w->json, &view, true);
        key_int(w, "offset", (int64_t)w->offsets[i]);
        key_int(w, "len", is_packed(w, value) ? 0 : (int64_t)constant_bytes(value));
        key_object(w, ORK_RKNN_EXTRA_KEY);
        key_text(w, "name", value->name);
        if (is_packed(w, value)) {
            ork_json_key(&w->json, "packed");
            ork_json_put_bool(&w->json, true);
        }
        if (depthwise) {
            ork_json_key(&w->json, "depthwise");
            ork_json_put_bool(&w->json, true);
        }
        ork_json_end_object(&w->json);
        ork_json_end_object(&w->json);
    }
    ork_json_end_array(&w->json);
}

static void put_virtuals(rknn_writer *w)
{
    key_array(w, "virtual_tensor");
    int index = 0;
    for (const ork_node *node = w->graph->first; node; node = node->next, index++) {
        if (w->places[node->output->id].norm >= 0)
            continue;
        ork_json_begin_object(&w->json);
        key_int(w, "node_id", index);
        key_int(w, "output_port", 0);
        ork_rknn_put_type(&w->json, &node->output->type, false);
        key_object(w, ORK_RKNN_EXTRA_KEY);
        key_text(w, "name", node->output->name);
        ork_json_end_object(&w->json);
        ork_json_end_object(&w->json);
    }
    ork_json_end_array(&w->json);
}

static void put_connection(rknn_writer *w, int node, const char *left, int port,
                           const ork_value *value)
{
    place p = w->places[value->id];
    ork_json_begin_object(&w->json);
    key_int(w, "node_id", node);
    key_text(w, "left", left);
    key_int(w, "left_tensor_id", port);
    if (p.norm >= 0 || p.constant >= 0) {
        key_object(w, "right_tensor");
        key_text(w, "type", p.norm >= 0 ? "norm_tensor" : "const_tensor");
        key_int(w, "tensor_id", p.norm >= 0 ? p.norm : p.constant);
    } else {
        key_object(w, "right_node");
        key_int(w, "node_id", p.node);
        key_int(w, "tensor_id", 0);
    }
    ork_json_end_object(&w->json);
    ork_json_end_object(&w->json);
}

/* Viewers name inputs by their order here, so it is the order of the vendor's ports. */
static void put_node_connections(rknn_writer *w, const ork_node *node, int index)
{
    int row = ork_rknn_row_for(node);
    bool permuted = row >= 0 && *ork_rknn_ops[row].ports;
    int last = permuted ? 10 : node->input_count;
    for (int vendor = 0; vendor < last; vendor++) {
        int port = vendor;
        if (permuted)
            for (port = 0; port < node->input_count && ork_rknn_port(row, port) != vendor;)
                port++;
        if (port < node->input_count && node->inputs[port])
            put_connection(w, index, "input", vendor, node->inputs[port]);
    }
    if (w->places[node->output->id].norm >= 0)
        put_connection(w, index, "output", 0, node->output);
}

static void put_graph_entry(rknn_writer *w, const char *left, size_t index, const ork_value *value)
{
    place p = w->places[value->id];
    ork_json_begin_object(&w->json);
    key_text(w, "left", left);
    key_int(w, "left_tensor_id", (int64_t)index);
    key_text(w, "right", p.norm >= 0 ? "norm_tensor" : "const_tensor");
    key_int(w, "right_tensor_id", p.norm >= 0 ? p.norm : p.constant);
    ork_json_end_object(&w->json);
}

static void put_json(rknn_writer *w)
{
    const ork_graph *graph = w->graph;
    int index = 0;
    w->json = ork_json_writer_new(&w->text, 0);
    ork_json_begin_object(&w->json);
    put_heading(w);
    key_array(w, "nodes");
    for (const ork_node *node = graph->first; node; node = node->next)
        put_node(w, node, ++index);
    ork_json_end_array(&w->json);
    put_norms(w);
    put_constants(w);
    put_virtuals(w);
    key_array(w, "connection");
    index = 0;
    for (const ork_node *node = graph->first; node; node = node->next)
        put_node_connections(w, node, index++);
    ork_json_end_array(&w->json);
    key_array(w, "graph");
    for (size_t i = 0; i < graph->inputs.count; i++)
        put_graph_entry(w, "input", i, graph->inputs.items[i].value);
    for (size_t i = 0; i < graph->outputs.count; i++)
        put_graph_entry(w, "output", i, graph->outputs.items[i]);
    ork_json_end_array(&w->json);
    ork_json_end_object(&w->json);
    ork_json_finish(&w->json);
}

/* ---- bytes ---- */

typedef struct sink {
    ork_output *output; /* or */
    uint8_t *at;
} sink;

static void put_bytes(sink *to, const void *data, size_t size)
{
    if (to->output) {
        ork_output_write(to->output, data, size);
    } else if (size) {
        memcpy(to->at, data, size);
        to->at += size;
    }
}

static void put_u64(sink *to, uint64_t value)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    put_bytes(to, bytes, sizeof(bytes));
}

typedef struct placed_bytes {
    const void *data;
    size_t offset, size;
} placed_bytes;

/* Behind each other, with zeros between. */
static void put_placed(sink *to, size_t *at, placed_bytes bytes)
{
    static const uint8_t zeros[DATA_ALIGNMENT];
    assert(bytes.offset >= *at && bytes.offset - *at <= sizeof(zeros));
    put_bytes(to, zeros, bytes.offset - *at);
    put_bytes(to, bytes.data, bytes.size);
    *at = bytes.offset + bytes.size;
}

static void put_file(rknn_writer *w, sink *to)
{
    size_t at = 0;
    put_bytes(to, "RKNN\0\0\0\0", 8);
    put_u64(to, 1);
    put_u64(to, w->data_size);
    if (w->packing)
        put_placed(to, &at,
                   (placed_bytes){ORK_RKNN_PACKED_MAGIC, 0, strlen(ORK_RKNN_PACKED_MAGIC)});
    for (size_t i = 0; i < w->constants.count; i++) {
        const ork_value *value = w->constants.items[i];
        if (!is_packed(w, value))
            put_placed(to, &at, (placed_bytes){value->data, w->offsets[i], constant_bytes(value)});
    }
    if (w->packing)
        put_placed(to, &at,
                   (placed_bytes){w->packing->data.data, w->packing_at, w->packing->data.size});
    assert(at == w->data_size);
    put_u64(to, w->text.length);
    put_bytes(to, w->text.text, w->text.length);
}

static bool prepare(rknn_writer *w, ork_diag *diag, const ork_graph *graph,
                    const ork_packing *packing)
{
    *w = (rknn_writer){.graph = graph, .arena = ork_arena_new(), .packing = packing};
    place_values(w);
    if (!place_data(w))
        return ork_fail(diag, ORK_ERR_OUT_OF_MEMORY, "the constants are too large for a file");
    put_json(w);
    return true;
}

static bool write_to(ork_diag *diag, rknn_writer *w, const char *path)
{
    sink to = {.output = ork_output_open(diag, path)};
    if (!to.output)
        return false;
    put_file(w, &to);
    return ork_output_commit(to.output);
}

static bool write_memory(ork_diag *diag, rknn_writer *w, uint8_t **data, size_t *size)
{
    *size = ORK_RKNN_HEADER + w->data_size + 8 + w->text.length;
    *data = malloc(*size);
    if (!*data)
        return ork_fail(diag, ORK_ERR_OUT_OF_MEMORY, "no memory for %zu bytes", *size);
    put_file(w, &(sink){.at = *data});
    return true;
}

bool ork_rknn_write_packed(ork_diag *diag, const ork_graph *graph, const ork_packing *packing,
                           const char *path, uint8_t **data, size_t *size)
{
    rknn_writer w;
    const bool good = prepare(&w, diag, graph, packing) &&
                      (path ? write_to(diag, &w, path) : write_memory(diag, &w, data, size));
    ork_str_free(&w.text);
    ork_arena_free(w.arena);
    return good;
}

bool ork_rknn_write(ork_diag *diag, const ork_graph *graph, const char *path)
{
    return ork_rknn_write_packed(diag, graph, NULL, path, NULL, NULL);
}

bool ork_rknn_write_memory(ork_diag *diag, const ork_graph *graph, uint8_t **data, size_t *size)
{
    return ork_rknn_write_packed(diag, graph, NULL, NULL, data, size);
}
