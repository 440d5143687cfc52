/* SPDX-License-Identifier: Apache-2.0 */
/* Where accuracy is lost. */
#include "internal.h"

#include "../npu/npu.h"
#include "../quant/quant.h"
#include "../report/report.h"

#include <stdlib.h>
#include <string.h>

struct ork_analysis {
    ork_accuracy *accuracy;
};

_Static_assert((int)ORK_HISTOGRAM_BINS == (int)ORK_ACCURACY_BINS, "the same bins");

static bool fail_order(ork_model *model, const char *what, const char *fix)
{
    ork_fail(model->diag, ORK_ERR_CALL_ORDER, "%s", what);
    return ork_fix(model->diag, "%s", fix);
}

static bool check(ork_model *model, const ork_analysis_options *options)
{
    if (!model->built)
        return fail_order(model, "there is no built model to analyze",
                          "call build(do_quantization=True, dataset=...) first");
    if (!model->loaded)
        return fail_order(model,
                          "the model was loaded as it was built: there is no float network "
                          "to compare it with",
                          "load the float network, build it with do_quantization=True, and analyze "
                          "that");
    if (ork_graph_is_quantized(model->loaded)) {
        ork_fail(model->diag, ORK_ERR_ALREADY_QUANTIZED,
                 "the network came quantized: there is no float network to compare it with");
        return ork_fix(model->diag, "load the float network and quantize it here");
    }
    if (model->built->stage != ORK_STAGE_QUANT && !options->reference_only)
        return fail_order(model, "the built model is not quantized: there is nothing to compare",
                          "call build(do_quantization=True, dataset=...)");
    if (!options->dataset || !*options->dataset) {
        ork_fail(model->diag, ORK_ERR_DATASET_MISSING, "the analysis needs samples");
        return ork_fix(model->diag, "give a list of pictures or arrays");
    }
    return true;
}

static ork_accuracy *analyze(ork_model *model, const ork_analysis_options *options,
                             const ork_graph *reference, ork_dataset *dataset)
{
    const size_t count = ork_dataset_count(dataset);
    ork_analysis_task task = {
        .reference = reference,
        .quantized = model->built,
        .samples = options->samples > 0 ? ork_min_size((size_t)options->samples, count) : count,
        .folder = options->folder,
        .dump = (ork_dump_kind)options->dump,
        .dump_reference_only = options->reference_only,
        .bad_sqnr = options->bad_sqnr > 0 ? options->bad_sqnr : 10,
    };
    const char *target = *model->built->target ? model->built->target : "rk1808";
    if (!ork_soc_family(model->diag, target, &task.family))
        return NULL;
    ork_pool *pool = ork_pool_new(model->threads);
    ork_accuracy *accuracy = ork_analyze(model->diag, &task, dataset, pool);
    ork_pool_free(pool);
    return accuracy;
}

/* ---- files ---- */

static bool write_text(ork_diag *diag, const char *folder, const char *name, ork_str *text)
{
    ork_str path = {0};
    ork_str_printf(&path, "%s/%s", folder, name);
    ork_output *output = ork_output_open(diag, path.text);
    if (output)
        ork_output_write(output, text->text, text->length);
    const bool good = output && ork_output_commit(output);
    ork_str_free(&path);
    ork_str_free(text);
    return good;
}

static bool write_report(ork_diag *diag, const char *folder, const ork_accuracy *accuracy)
{
    ork_str json = {0}, page = {0};
    ork_report_json(accuracy, &json);
    ork_report_page(accuracy, &page);
    const bool good = write_text(diag, folder, "error_analysis.json", &json);
    return write_text(diag, folder, "error_analysis.html", &page) && good;
}

static bool write_picture(ork_diag *diag, const char *folder, const char *layer, const char *what,
                          ork_str *picture)
{
    ork_str name = {0};
    ork_str_printf(&name, "%s%s.svg", layer, what);
    const bool good = write_text(diag, folder, name.text, picture);
    ork_str_free(&name);
    return good;
}

/* As the vendor's toolkit does, a picture for each layer, and for its weights. */
static bool draw_distributions(ork_diag *diag, const ork_accuracy *accuracy)
{
    static const char folder[] = "dump_data_distribute";
    const char *wanted = getenv("RKNN_DRAW_DATA_DISTRIBUTE");
    bool good = true;
    if (!wanted || strcmp(wanted, "1") != 0)
        return true;
    good = ork_folder_make(diag, folder);
    for (size_t i = 0; good && i < accuracy->layers.count; i++) {
        const ork_layer_accuracy *layer = &accuracy->layers.items[i];
        ork_str picture = {0}, weights = {0};
        ork_report_histogram(layer, &picture);
        ork_report_weights(layer, &weights);
        good = write_picture(diag, folder, layer->file, "", &picture) &&
               (!weights.length || write_picture(diag, folder, layer->file, "_weight", &weights));
    }
    return good;
}

static bool write_files(ork_model *model, const ork_analysis_options *options,
                        const ork_accuracy *accuracy)
{
    if (options->reference_only || !options->folder)
        return true;
    ork_log(model->diag, ORK_LOG_NOTE, "%s", accuracy->verdict);
    return write_report(model->diag, options->folder, accuracy) &&
           draw_distributions(model->diag, accuracy);
}

ork_analysis *ork_analysis_new(ork_model *model, const ork_analysis_options *given)
{
    ork_analysis_options options = {0};
    if (given)
        memcpy(&options, given, ork_min_size(given->size, sizeof(options)));
    ork_diag_clear(model->diag);
    if (!check(model, &options))
        return NULL;
    ork_graph *reference = prepared_graph(model);
    ork_dataset *dataset =
        reference ? ork_dataset_open(model->diag, options.dataset, reference->inputs.count) : NULL;
    ork_accuracy *accuracy = dataset ? analyze(model, &options, reference, dataset) : NULL;
    ork_dataset_free(dataset);
    ork_graph_free(reference);
    if (!accuracy || !write_files(model, &options, accuracy)) {
        ork_accuracy_free(accuracy);
        return NULL;
    }
    ork_analysis *analysis = ORK_NEW(accuracy->arena, ork_analysis);
    analysis->accuracy = accuracy;
    return analysis;
}

void ork_analysis_free(ork_analysis *analysis)
{
    if (analysis)
        ork_accuracy_free(analysis->accuracy); /* it lives in there */
}

/* ---- what was found ---- */

int ork_analysis_layer_count(const ork_analysis *analysis)
{
    return (int)analysis->accuracy->layers.count;
}

static const ork_layer_accuracy *layer_at(const ork_analysis *analysis, int index)
{
    return index >= 0 && index < ork_analysis_layer_count(analysis)
               ? &analysis->accuracy->layers.items[index]
               : NULL;
}

static ork_layer_error error_of(const ork_distance *d)
{
    return (ork_layer_error){.cosine = d->cosine,
                             .euclidean = d->euclidean,
                             .unit_euclidean = d->unit_euclidean,
                             .sqnr = d->sqnr,
                             .channel_sqnr = d->channel_sqnr,
                             .greatest = d->greatest,
                             .lost_channels = d->lost_channels,
                             .not_finite = d->not_finite};
}

bool ork_analysis_layer(const ork_analysis *analysis, int index, ork_analyzed_layer *layer)
{
    const ork_layer_accuracy *l = layer_at(analysis, index);
    if (!l)
        return false;
    *layer = (ork_analyzed_layer){.name = l->name,
                                  .output = l->output,
                                  .op = l->op,
                                  .file = l->file,
                                  .rank = l->shape.rank,
                                  .dtype = l->dtype,
                                  .groups = l->groups,
                                  .alone = error_of(&l->isolated),
                                  .entire = error_of(&l->accumulated),
                                  .damage = l->damage,
                                  .saturated = l->saturated,
                                  .weight_ratio = l->weight_ratio,
                                  .output_ratio = l->output_ratio,
                                  .low = (double)l->low,
                                  .high = (double)l->high,
                                  .float_bins = l->bins[0],
                                  .quantized_bins = l->bins[1],
                                  .bad = l->is_bad,
                                  .culprit = l->is_culprit};
    memcpy(layer->dims, l->shape.dim, sizeof(layer->dims));
    return true;
}

const char *ork_analysis_advice(const ork_analysis *analysis, int layer, int index)
{
    const ork_layer_accuracy *l = layer_at(analysis, layer);
    const ork_names *advice = l ? &l->advice : &analysis->accuracy->advice;
    if (!l && layer != -1)
        return NULL;
    return index >= 0 && (size_t)index < advice->count ? advice->items[index] : NULL;
}

int ork_analysis_culprit(const ork_analysis *analysis, int index)
{
    const ork_accuracy *a = analysis->accuracy;
    return index >= 0 && (size_t)index < a->culprits.count ? (int)a->culprits.items[index] : -1;
}

int ork_analysis_first_bad(const ork_analysis *analysis)
{
    return analysis->accuracy->first_bad;
}

double ork_analysis_error(const ork_analysis *analysis)
{
    return analysis->accuracy->error;
}

const char *ork_analysis_verdict(const ork_analysis *analysis)
{
    return analysis->accuracy->verdict;
}

char *ork_analysis_json(const ork_analysis *analysis)
{
    ork_str text = {0};
    ork_report_json(analysis->accuracy, &text);
    return text.text;
}

char *ork_analysis_page(const ork_analysis *analysis)
{
    ork_str text = {0};
    ork_report_page(analysis->accuracy, &text);
    return text.text;
}
