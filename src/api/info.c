/* SPDX-License-Identifier: Apache-2.0 */
/* What a model is: its tensors, its graph as text and as JSON. */
#include "internal.h"

#include "../codec/codec.h"

#include <stdlib.h>
#include <string.h>

static void fill_info(const ork_value *value, ork_tensor_info *info)
{
    static const char *const schemes[] = {"", "affine", "dfp", "per_channel"};
    const ork_type *type = &value->type;
    *info = (ork_tensor_info){.name = value->name,
                              .dtype = type->dtype,
                              .rank = type->shape.rank,
                              .quant = schemes[type->quant.scheme],
                              .scale = type->quant.scale,
                              .zero_point = type->quant.zero_point,
                              .fraction_length = type->quant.fraction_length};
    for (int i = 0; i < info->rank; i++)
        info->dims[i] = type->shape.dim[i];
}

int ork_model_input_count(const ork_model *model)
{
    const ork_graph *graph = model_graph(model);
    return graph ? (int)graph->inputs.count : 0;
}

int ork_model_output_count(const ork_model *model)
{
    const ork_graph *graph = model_graph(model);
    return graph ? (int)graph->outputs.count : 0;
}

bool ork_model_input_info(const ork_model *model, int index, ork_tensor_info *info)
{
    if (index < 0 || index >= ork_model_input_count(model))
        return false;
    fill_info(model_graph(model)->inputs.items[index].value, info);
    return true;
}

bool ork_model_output_info(const ork_model *model, int index, ork_tensor_info *info)
{
    if (index < 0 || index >= ork_model_output_count(model))
        return false;
    fill_info(model_graph(model)->outputs.items[index], info);
    return true;
}

bool ork_model_preprocess_info(const ork_model *model, int index, ork_preprocess_info *info)
{
    if (index < 0 || index >= ork_model_input_count(model))
        return false;
    const ork_preprocess *p = &model_graph(model)->inputs.items[index].preprocess;
    *info = (ork_preprocess_info){p->count, p->mean, p->std, p->reorder};
    return true;
}

/* Constants that something uses, each once. */
static void count_weights(const ork_graph *graph, size_t *count, size_t *bytes)
{
    *count = *bytes = 0;
    for (size_t i = 0; i < graph->values.count; i++) {
        const ork_value *value = graph->values.items[i];
        if (value->kind != ORK_VALUE_CONSTANT || value->uses.count == 0)
            continue;
        *count += (size_t)ork_shape_count(&value->type.shape);
        *bytes += ork_tensor_bytes(&(ork_tensor){.type = value->type});
    }
}

bool ork_model_get_info(const ork_model *model, ork_model_info *info)
{
    const ork_graph *graph = model_graph(model);
    *info = (ork_model_info){.format = "", .name = "", .target = ""};
    if (!graph)
        return false;
    *info = (ork_model_info){.format = model->format,
                             .name = graph->name,
                             .target = graph->target,
                             .quantized = graph->stage == ORK_STAGE_QUANT,
                             .operator_count = graph->node_count};
    count_weights(graph, &info->weight_count, &info->weight_bytes);
    return true;
}

char *ork_model_text(const ork_model *model, bool all_constants)
{
    const ork_graph *graph = model_graph(model);
    ork_str text = {0};
    if (graph)
        ork_graph_print(graph, &(ork_text_options){.all_constants = all_constants}, &text);
    return text.text;
}

static void put_tensor(ork_json_writer *json, const ork_tensor_info *info)
{
    ork_json_begin_object(json);
    ork_json_member_text(json, "name", info->name);
    ork_json_member_text(json, "dtype", ork_dtype_table[info->dtype].name);
    ork_json_key(json, "shape");
    ork_json_begin_array(json);
    for (int i = 0; i < info->rank; i++)
        ork_json_put_int(json, info->dims[i]);
    ork_json_end_array(json);
    ork_json_member_text(json, "quantization", info->quant);
    if (strcmp(info->quant, "affine") == 0) {
        ork_json_key(json, "scale");
        ork_json_put_float(json, info->scale);
        ork_json_member_int(json, "zero_point", info->zero_point);
    } else if (strcmp(info->quant, "dfp") == 0) {
        ork_json_member_int(json, "fraction_length", info->fraction_length);
    }
    ork_json_end_object(json);
}

static void put_operators(ork_json_writer *json, const ork_graph *graph)
{
    size_t counts[ORK_OP_COUNT] = {0};
    for (const ork_node *node = graph->first; node; node = node->next)
        counts[node->op]++;
    ork_json_begin_object(json);
    for (int i = 0; i < ORK_OP_COUNT; i++) {
        if (!counts[i])
            continue;
        ork_json_member_int(json, ork_op_table[i].name, (int64_t)counts[i]);
    }
    ork_json_end_object(json);
}

char *ork_model_json(const ork_model *model)
{
    ork_model_info info;
    ork_tensor_info tensor;
    ork_str text = {0};
    if (!ork_model_get_info(model, &info))
        return NULL;
    ork_json_writer json = ork_json_writer_new(&text, 2);
    ork_json_begin_object(&json);
    ork_json_member_int(&json, "schema_version", 1);
    ork_json_member_text(&json, "format", info.format);
    ork_json_member_text(&json, "name", info.name);
    ork_json_member_text(&json, "target", info.target);
    ork_json_member_bool(&json, "quantized", info.quantized);
    ork_json_member_int(&json, "weight_count", (int64_t)info.weight_count);
    ork_json_member_int(&json, "weight_bytes", (int64_t)info.weight_bytes);
    ork_json_key(&json, "inputs");
    ork_json_begin_array(&json);
    for (int i = 0; ork_model_input_info(model, i, &tensor); i++)
        put_tensor(&json, &tensor);
    ork_json_end_array(&json);
    ork_json_key(&json, "outputs");
    ork_json_begin_array(&json);
    for (int i = 0; ork_model_output_info(model, i, &tensor); i++)
        put_tensor(&json, &tensor);
    ork_json_end_array(&json);
    ork_json_key(&json, "operators");
    put_operators(&json, model_graph(model));
    ork_json_end_object(&json);
    ork_json_finish(&json);
    return text.text;
}

void ork_text_free(char *text)
{
    free(text);
}
