/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include "../import/import.h"
#include "../npu/npu.h"
#include "../pass/pass.h"
#include "../quant/quant.h"
#include "../rknn/rknn.h"

#include <stdlib.h>
#include <string.h>

const char *ork_version(void)
{
    return ORK_VERSION;
}

const ork_error *ork_error_at(int index)
{
    static _Thread_local ork_error error;
    if (index < 0 || index + 1 >= ORK_ERR_COUNT)
        return NULL;
    const ork_error_info *info = &ork_error_table[index + 1];
    error = (ork_error){info->id, info->name, "", "", "", info->fix, info->exit_code};
    return &error;
}

ork_model *ork_model_new(void)
{
    ork_model *model = calloc(1, sizeof(*model));
    if (!model)
        return NULL;
    model->diag = ork_diag_new();
    model->arena = ork_arena_new();
    model->format = "";
    for (int i = 0; i < CONFIG_COUNT; i++)
        model->values[i] = ork_config_key_at(i)->default_value;
    return model;
}

void model_unload(ork_model *model)
{
    ork_graph_free(model->built); /* may point into the other's data */
    ork_graph_free(model->loaded);
    model->built = model->loaded = NULL;
    model->pre_compile = false;
    model->format = "";
}

void ork_model_free(ork_model *model)
{
    if (!model)
        return;
    model_unload(model);
    ork_arena_free(model->check_arena);
    ork_arena_free(model->estimate_arena);
    ork_arena_free(model->memory_arena);
    ork_arena_free(model->trial_arena);
    ork_arena_free(model->diff_arena);
    ork_arena_free(model->precision_arena);
    ork_arena_free(model->compare_arena);
    ork_arena_free(model->arena);
    ork_diag_free(model->diag);
    free(model);
}

const ork_error *ork_model_error(const ork_model *model)
{
    return ork_diag_error(model->diag);
}

void ork_model_set_log(ork_model *model, ork_log_fn log, void *user, ork_log_level up_to)
{
    model->log = log;
    model->log_user = user;
    model->log_up_to = up_to;
    ork_diag_set_log(model->diag, log, user, up_to);
}

void ork_model_set_progress(ork_model *model, ork_progress_fn progress, void *user)
{
    model->progress = progress;
    model->progress_user = user;
    ork_diag_set_progress(model->diag, progress, user);
}

void ork_model_set_threads(ork_model *model, int threads)
{
    model->threads = threads;
}

const ork_graph *model_graph(const ork_model *model)
{
    return model->built ? model->built : model->loaded;
}

/* The passes; a network that comes quantized is on integers afterwards. */
static bool canonicalize(ork_model *model, ork_graph *graph)
{
    return ork_passes_run(graph, model->diag, config_int(model, CONFIG_optimization_level)) &&
           (!ork_graph_is_quantized(graph) || ork_quantize_as_given(model->diag, graph));
}

ork_graph *canonical_graph(ork_model *model)
{
    ork_graph *graph = ork_graph_clone(model->loaded, false);
    if (canonicalize(model, graph))
        return graph;
    ork_graph_free(graph);
    return NULL;
}

ork_graph *prepared_graph(ork_model *model)
{
    ork_graph *graph = ork_graph_clone(model->loaded, false);
    graph->target = ork_arena_strdup(graph->arena, model->values[CONFIG_target_platform]);
    if (config_preprocess(model, graph) && canonicalize(model, graph))
        return graph;
    ork_graph_free(graph);
    return NULL;
}

/* ---- loading ---- */

static bool is_rknn(ork_bytes bytes, const char *path)
{
    /* What is no model at all is explained as what its name says it should be. */
    return ork_ends_with(path, ".rknn") || ork_rknn_probe(bytes, NULL) <= ORK_RKNN_TRUNCATED;
}

static bool is_onnx(ork_bytes bytes, const char *path)
{
    (void)bytes; /* a protocol buffer has no mark of its own */
    return ork_ends_with(path, ".onnx");
}

static const char text_start[] = "graph \"";

static bool is_text(ork_bytes bytes, const char *path)
{
    (void)path;
    return bytes.size >= sizeof(text_start) &&
           memcmp(bytes.data, text_start, sizeof(text_start) - 1) == 0;
}

/* The text form: what `ork info --graph --constants` prints, or written by hand. */
static ork_graph *read_text(ork_diag *diag, const char *path)
{
    ork_file file;
    if (!ork_file_map(diag, path, &file))
        return NULL;
    ork_graph *graph = ork_graph_parse(diag, (const char *)file.bytes.data, file.bytes.size);
    ork_file_unmap(&file);
    return graph;
}

static bool is_anything(ork_bytes bytes, const char *path)
{
    (void)bytes;
    (void)path;
    return true;
}

/* What kinds of files there are; the first that fits a file is taken. */
typedef struct model_format {
    const char *name;
    bool (*fits)(ork_bytes bytes, const char *path);
    /* One of both: with options for a network that is to be built, or without. */
    ork_graph *(*import)(ork_diag *diag, const char *path, const ork_import_options *options);
    ork_graph *(*read)(ork_diag *diag, const char *path);
} model_format;

enum { RKNN, TEXT, ONNX, PYTORCH };
static const model_format formats[] = {
    [RKNN] = {"rknn", is_rknn, NULL, ork_rknn_read},
    [TEXT] = {"text", is_text, NULL, read_text},
    [ONNX] = {"onnx", is_onnx, ork_import_onnx, NULL},
    [PYTORCH] = {"pytorch", is_anything, ork_import_pytorch, NULL},
};

static ork_graph *import(ork_model *model, const model_format *format, const char *path,
                         const ork_load_options *options)
{
    int count = options->input_size_count;
    ork_arena *arena = ork_arena_new();
    ork_import_input *inputs =
        ORK_NEW_ARRAY(arena, ork_import_input, (size_t)(count > 0 ? count : 1));
    for (int i = 0; i < count; i++) {
        inputs[i].rank = options->input_sizes[i].rank;
        for (int k = 0; k < inputs[i].rank && k < ORK_MAX_RANK; k++)
            inputs[i].dim[k] = options->input_sizes[i].dims[k];
    }
    ork_import_options import_options = {
        .inputs = count > 0 ? inputs : NULL,
        .input_count = count,
        .input_names = options->inputs,
        .input_name_count = options->input_count,
        .output_names = options->outputs,
        .output_name_count = options->output_count,
    };
    ork_graph *graph = format->import(model->diag, path, &import_options);
    ork_arena_free(arena);
    return graph;
}

static bool load(ork_model *model, const model_format *format, const char *path,
                 const ork_load_options *given)
{
    ork_load_options options = {0};
    if (given)
        memcpy(&options, given, ork_min_size(given->size, sizeof(options)));
    ork_diag_clear(model->diag);
    model_unload(model);
    ork_graph *graph =
        format->read ? format->read(model->diag, path) : import(model, format, path, &options);
    bool is_built = format == &formats[RKNN] || (graph && graph->stage == ORK_STAGE_QUANT);
    *(is_built ? &model->built : &model->loaded) = graph;
    /* Preprocessing is checked as early as it can be known. */
    if (!model_graph(model) || (model->loaded && !config_preprocess(model, model->loaded))) {
        model_unload(model);
        return false;
    }
    model->format = format->name;
    return true;
}

bool ork_model_load_pytorch(ork_model *model, const char *path, const ork_load_options *options)
{
    return load(model, &formats[PYTORCH], path, options);
}

bool ork_model_load_onnx(ork_model *model, const char *path, const ork_load_options *options)
{
    return load(model, &formats[ONNX], path, options);
}

bool ork_model_load_rknn(ork_model *model, const char *path)
{
    return load(model, &formats[RKNN], path, NULL);
}

bool ork_model_load(ork_model *model, const char *path, const ork_load_options *options)
{
    ork_diag_clear(model->diag);
    ork_file file;
    if (!ork_file_map(model->diag, path, &file))
        return false;
    size_t i = 0;
    while (!formats[i].fits(file.bytes, path))
        i++;
    ork_file_unmap(&file);
    return load(model, &formats[i], path, options);
}

/* ---- building ---- */

static bool quantize(ork_model *model, ork_graph *graph, const ork_build_options *options)
{
    ork_file file;
    if (!options->statistics)
        return quantize_graph(model, graph, options->dataset, NULL, options->auto_hybrid);
    if (!ork_file_map(model->diag, options->statistics, &file))
        return false;
    ork_statistics_source source = {.given = file.bytes};
    const bool good =
        quantize_graph(model, graph, options->dataset, &source, options->auto_hybrid) ||
        ork_where(model->diag, "%s", options->statistics);
    ork_file_unmap(&file);
    return good;
}

static bool check_build(ork_model *model, const ork_build_options *options)
{
    if (model->built && !model->loaded) {
        if (options->do_quantization && model->built->stage == ORK_STAGE_QUANT) {
            ork_fail(model->diag, ORK_ERR_ALREADY_QUANTIZED, "the model is quantized already");
            ork_why(model->diag, "it was loaded from a quantized .rknn file");
            return ork_fix(model->diag, "call init_runtime() next; to quantize it another way, "
                                        "load the float network");
        }
        ork_fail(model->diag, ORK_ERR_CALL_ORDER, "a loaded .rknn model is built already");
        return ork_fix(model->diag, "call init_runtime() next, or load the network itself");
    }
    if (!model->loaded) {
        ork_fail(model->diag, ORK_ERR_CALL_ORDER, "there is no model to build");
        return ork_fix(model->diag, "load one first: config() - load_pytorch() - build()");
    }
    if (options->rknn_batch_size > 1) {
        ork_fail(model->diag, ORK_ERR_NOT_YET, "rknn_batch_size above 1 is not there yet");
        return ork_fix(model->diag, "trace the network with a batch of that size");
    }
    if (!options->do_quantization)
        return true;
    if (ork_graph_is_quantized(model->loaded)) {
        ork_fail(model->diag, ORK_ERR_ALREADY_QUANTIZED, "the model is quantized already");
        ork_why(model->diag,
                "its file holds integers and their scales, which are used as they are");
        return ork_fix(model->diag, "call build(do_quantization=False); to quantize it another "
                                    "way, load the float network");
    }
    if (!options->dataset || !*options->dataset)
        return ork_fail(model->diag, ORK_ERR_DATASET_MISSING, "quantization needs a dataset");
    return true;
}

/* The simulator goes on where a driver would not. */
static void note_channels(const ork_model *model, const ork_graph *graph)
{
    ork_family family;
    if (!ork_soc_family(model->diag, graph->target, &family) || family != ORK_FAMILY_PUMA)
        return;
    for (const ork_node *node = graph->first; node; node = node->next) {
        if (ork_op_table[node->op].op_class != ORK_CLASS_CONV ||
            node->inputs[1]->type.quant.scheme != ORK_SCHEME_PER_CHANNEL)
            continue;
        ork_log(model->diag, ORK_LOG_WARNING,
                "layer '%s' has a scale for each channel: the simulator computes it, the driver of "
                "%s refuses it",
                node->name, graph->target);
        return;
    }
}

/* A model for the wrong family of chips fails only on the board. */
void model_note_target(const ork_model *model)
{
    const char *target = model->values[CONFIG_target_platform];
    if (target == ork_config_key_at(CONFIG_target_platform)->default_value)
        ork_log(model->diag, ORK_LOG_NOTE, "target_platform is not set: the model is built for %s",
                target);
}

bool ork_model_build(ork_model *model, const ork_build_options *given)
{
    ork_build_options options = {0};
    if (given)
        memcpy(&options, given, ork_min_size(given->size, sizeof(options)));
    ork_diag_clear(model->diag);
    if (!check_build(model, &options))
        return false;
    if (options.dataset && *options.dataset && !options.do_quantization)
        ork_log(model->diag, ORK_LOG_NOTE, "the dataset is not used without quantization");
    model_note_target(model);
    ork_graph *graph = prepared_graph(model);
    if (!graph)
        return false;
    if (options.do_quantization && !quantize(model, graph, &options)) {
        ork_graph_free(graph);
        return false;
    }
    note_channels(model, graph);
    ork_graph_free(model->built);
    model->built = graph;
    model->pre_compile = options.pre_compile;
    return true;
}
