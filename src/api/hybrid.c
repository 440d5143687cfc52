/* SPDX-License-Identifier: Apache-2.0 */
/* Hybrid quantization in two steps: files between them, for people to change. */
#include "internal.h"

#include "../codec/codec.h"
#include "../quant/quant.h"
#include "../rknn/rknn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the first step ---- */

static bool write_text(ork_diag *diag, const char *path, const ork_str *text)
{
    ork_output *output = ork_output_open(diag, path);
    if (!output)
        return false;
    ork_output_write(output, text->text, text->length);
    return ork_output_commit(output);
}

static void put_shape(ork_json_writer *json, const char *key, const ork_shape *shape)
{
    ork_json_key(json, key);
    ork_json_begin_array(json);
    for (int i = 0; i < shape->rank; i++)
        ork_json_put_int(json, shape->dim[i]);
    ork_json_end_array(json);
}

/* Preprocessing stands in the data. */
static bool belongs_to_inputs(int id)
{
    return id == CONFIG_mean_values || id == CONFIG_std_values || id == CONFIG_reorder_channel;
}

static void put_model(ork_json_writer *json, const ork_model *model, const ork_graph *graph,
                      const char *checksum)
{
    ork_json_begin_object(json);
    ork_json_member_text(json, "name", graph->name);
    ork_json_member_text(json, "checksum", checksum);
    ork_json_key(json, "config");
    ork_json_begin_object(json);
    for (int i = 0; i < CONFIG_COUNT; i++)
        if (!belongs_to_inputs(i) && model->values[i] != ork_config_key_at(i)->default_value)
            ork_json_member_text(json, ork_config_key_at(i)->name, model->values[i]);
    ork_json_end_object(json);
    ork_json_key(json, "layers");
    ork_json_begin_array(json);
    size_t place = 0;
    for (const ork_node *node = graph->first; node; node = node->next) {
        char name[512];
        snprintf(name, sizeof(name), "%s_%zu", node->output->name, ++place);
        ork_json_begin_object(json);
        ork_json_member_text(json, "name", name);
        ork_json_member_text(json, "op", ork_op_table[node->op].name);
        put_shape(json, "shape", &node->output->type.shape);
        ork_json_end_object(json);
    }
    ork_json_end_array(json);
    ork_json_end_object(json);
}

static bool write_files(ork_model *model, const ork_graph *graph, const ork_range *ranges,
                        bool by_channel, const char *prefix)
{
    uint8_t *data = NULL;
    size_t size = 0;
    char checksum[ORK_SHA256_TEXT];
    if (!ork_rknn_write_memory(model->diag, graph, &data, &size))
        return false;
    ork_sha256((ork_bytes){data, size}, checksum);
    ork_arena *arena = ork_arena_new();
    ork_str json = {0}, cfg = {0};
    ork_json_writer writer = ork_json_writer_new(&json, 1);
    put_model(&writer, model, graph, checksum);
    ork_hybrid_write(&cfg, graph, ranges, config_dtype(model), by_channel, checksum);
    ork_output *output = ork_output_open(model->diag, ork_arena_printf(arena, "%s.data", prefix));
    bool good = output != NULL;
    if (good) {
        ork_output_write(output, data, size);
        good = ork_output_commit(output);
    }
    good = good && write_text(model->diag, ork_arena_printf(arena, "%s.json", prefix), &json) &&
           write_text(model->diag, ork_arena_printf(arena, "%s.quantization.cfg", prefix), &cfg);
    ork_str_free(&json);
    ork_str_free(&cfg);
    ork_arena_free(arena);
    free(data);
    return good;
}

/* In the working folder, whatever the network is called. */
static const char *name_of_files(ork_arena *arena, const ork_graph *graph)
{
    char *name = ork_arena_strdup(arena, graph->name && *graph->name ? graph->name : "model");
    for (char *at = name; *at; at++)
        if (*at == '/' || (unsigned char)*at < ' ')
            *at = '_';
    return name;
}

static bool check_prepare(ork_model *model, const char *dataset)
{
    if (!model->loaded) {
        ork_fail(model->diag, ORK_ERR_CALL_ORDER, "there is no float network to quantize");
        return ork_fix(model->diag, "load one first: config() - load_pytorch() - "
                                    "hybrid_quantization_step1()");
    }
    if (ork_graph_is_quantized(model->loaded))
        return ork_fail(model->diag, ORK_ERR_ALREADY_QUANTIZED, "the model is quantized already");
    return (dataset && *dataset) ||
           ork_fail(model->diag, ORK_ERR_DATASET_MISSING, "quantization needs a dataset");
}

bool ork_model_hybrid_prepare(ork_model *model, const char *dataset_path, const char *prefix)
{
    ork_diag_clear(model->diag);
    bool by_channel;
    if (!check_prepare(model, dataset_path) || !config_by_channel(model, &by_channel))
        return false;
    model_note_target(model);
    ork_graph *graph = canonical_graph(model);
    ork_dataset *dataset = graph && config_preprocess(model, graph)
                               ? ork_dataset_open(model->diag, dataset_path, graph->inputs.count)
                               : NULL;
    bool good = dataset != NULL;
    if (good) {
        ork_arena *arena = ork_arena_new();
        prefix = prefix ? prefix : name_of_files(arena, graph);
        ork_pool *pool = ork_pool_new(model->threads);
        ork_range *ranges = ORK_NEW_ARRAY(arena, ork_range, graph->values.count);
        graph->target = ork_arena_strdup(graph->arena, model->values[CONFIG_target_platform]);
        good = ork_calibrate(model->diag, graph, dataset, config_int(model, CONFIG_batch_size),
                             config_int(model, CONFIG_epochs), pool, ranges) &&
               write_files(model, graph, ranges, by_channel, prefix);
        ork_pool_free(pool);
        ork_arena_free(arena);
    }
    ork_dataset_free(dataset);
    ork_graph_free(graph);
    return good;
}

/* ---- the second step ---- */

/* What the first step was configured with, where the model is not. */
static bool take_config(ork_model *model, const ork_json *json, const char *path)
{
    const ork_json *config = ork_json_get(json, "config");
    for (int i = 0; i < CONFIG_COUNT; i++) {
        const ork_config_key *key = ork_config_key_at(i);
        const char *value = ork_json_get_text(config, key->name, NULL);
        if (!value || belongs_to_inputs(i) || model->values[i] != key->default_value)
            continue;
        if (!ork_model_config(model, key->name, value))
            return ork_where(model->diag, "%s", path);
    }
    return true;
}

static bool read_json(ork_model *model, ork_arena *arena, const char *path, const char *checksum)
{
    ork_file file;
    if (!ork_file_map(model->diag, path, &file))
        return false;
    const ork_json *json = ork_json_read(model->diag, arena, file.bytes);
    bool good = json != NULL;
    if (good && (!ork_json_is(json, ORK_JSON_OBJECT) ||
                 strcmp(ork_json_get_text(json, "checksum", ""), checksum) != 0)) {
        good =
            ork_fail(model->diag, ORK_ERR_HYBRID, "the .json file is not that of the .data file");
        ork_why(model->diag, "the checksum in it is another, or missing");
        ork_fix(model->diag, "give the three files of one call of hybrid_quantization_step1()");
    }
    good = good && take_config(model, json, path);
    if (!good)
        ork_where(model->diag, "%s", path);
    ork_file_unmap(&file);
    return good;
}

static char *read_text_file(ork_diag *diag, ork_arena *arena, const char *path)
{
    ork_file file;
    if (!ork_file_map(diag, path, &file))
        return NULL;
    char *text = ork_arena_alloc(arena, file.bytes.size + 1);
    if (file.bytes.size)
        memcpy(text, file.bytes.data, file.bytes.size);
    const bool is_text = !memchr(text, 0, file.bytes.size);
    ork_file_unmap(&file);
    if (is_text)
        return text;
    ork_fail(diag, ORK_ERR_HYBRID, "the configuration is no text");
    ork_where(diag, "%s", path);
    return NULL;
}

static bool checksum_of(ork_diag *diag, const char *path, char checksum[ORK_SHA256_TEXT])
{
    ork_file file;
    if (!ork_file_map(diag, path, &file))
        return false;
    ork_sha256(file.bytes, checksum);
    ork_file_unmap(&file);
    return true;
}

static bool check_float(ork_diag *diag, const ork_graph *graph)
{
    if (graph->stage == ORK_STAGE_CANON)
        return true;
    ork_fail(diag, ORK_ERR_HYBRID, "the .data file holds no float network");
    return ork_fix(diag, "give the file that hybrid_quantization_step1() wrote");
}

/* As the text says; without one, as a float network. */
static bool quantize_as_said(ork_model *model, ork_graph *graph, const char *text,
                             const char *checksum, const char *cfg_path)
{
    bool by_channel;
    if (!config_by_channel(model, &by_channel))
        return false;
    graph->target = ork_arena_strdup(graph->arena, model->values[CONFIG_target_platform]);
    return !text ||
           ork_hybrid_quantize(model->diag, graph, text, config_dtype(model), by_channel,
                               checksum) ||
           ork_where(model->diag, "%s", cfg_path);
}

bool ork_model_hybrid_build(ork_model *model, const char *json_path, const char *data_path,
                            const char *cfg_path)
{
    char checksum[ORK_SHA256_TEXT];
    ork_arena *arena = ork_arena_new();
    ork_graph *graph = NULL;
    ork_diag_clear(model->diag);
    model_unload(model);
    const char *text = cfg_path ? read_text_file(model->diag, arena, cfg_path) : NULL;
    bool good = (text || !cfg_path) && checksum_of(model->diag, data_path, checksum) &&
                read_json(model, arena, json_path, checksum) &&
                (graph = ork_rknn_read(model->diag, data_path)) != NULL &&
                check_float(model->diag, graph) &&
                quantize_as_said(model, graph, text, checksum, cfg_path);
    ork_arena_free(arena);
    if (good) {
        model->built = graph;
        model->format = "rknn";
    } else {
        ork_graph_free(graph);
    }
    return good;
}
