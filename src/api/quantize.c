/* SPDX-License-Identifier: Apache-2.0 */
/* From the configuration to a quantized graph. */
#include "internal.h"

#include "../detect/detect.h"
#include "../npu/npu.h"
#include "../quant/quant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool quantize_exactly(ork_model *model, ork_graph *graph, ork_dataset *dataset,
                             ork_pool *pool)
{
    ork_arena *arena = ork_arena_new();
    ork_range *ranges = ORK_NEW_ARRAY(arena, ork_range, graph->values.count);
    bool good = ork_calibrate(model->diag, graph, dataset, config_int(model, CONFIG_batch_size),
                              config_int(model, CONFIG_epochs), pool, ranges) &&
                ork_quantize(model->diag, graph, config_dtype(model), ranges);
    ork_arena_free(arena);
    return good;
}

/* "normal", the default of scripts, leaves the choice to measurement. */
static ork_range_algorithm range_algorithm(const ork_model *model)
{
    static const struct {
        const char *name;
        ork_range_algorithm algorithm;
    } fixed[] = {{"mmse", ORK_RANGE_SQUARES},
                 {"kl_divergence", ORK_RANGE_DIVERGENCE},
                 {"percentile", ORK_RANGE_PERCENTILE}};
    for (size_t i = 0; i < ORK_COUNT(fixed); i++)
        if (strcmp(fixed[i].name, model->values[CONFIG_quantized_algorithm]) == 0)
            return fixed[i].algorithm;
    return ORK_RANGE_COUNT;
}

/* ---- mixed precision ---- */

static double seconds(const void *chip, const ork_graph *graph)
{
    ork_arena *arena = ork_arena_new();
    const double found = ork_npu_estimate_run(arena, graph, chip, ORK_F32)->seconds;
    ork_arena_free(arena);
    return found;
}

/* The first of the platforms. */
static const ork_soc *chip_of(const ork_model *model)
{
    char name[32];
    const char *targets = model->values[CONFIG_target_platform];
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(targets, ", "), targets);
    return ork_soc_find(name);
}

static bool loss_of_boxes(void *agreement, const ork_graph *graph, double *points)
{
    return ork_agreement_loss(agreement, graph, points);
}

static bool error_of_boxes(void *agreement, const ork_graph *graph, double *error)
{
    return ork_agreement_difference(agreement, graph, error);
}

static void report(ork_model *model, const ork_precision *p, const char *measure)
{
    ork_arena *arena = model->precision_arena;
    ork_precision_report *r = model->precision = ORK_NEW(arena, ork_precision_report);
    ork_precision_layer *layers = ORK_NEW_ARRAY(arena, ork_precision_layer, p->layers.count + 1);
    for (size_t i = 0; i < p->layers.count; i++) {
        const ork_wide_layer *row = &p->layers.items[i];
        layers[i] =
            (ork_precision_layer){row->layer, row->why, row->error_before, row->error, row->cost};
    }
    *r = (ork_precision_report){.measure = measure,
                                .asked = p->most_loss,
                                .drop_before = p->loss_before,
                                .drop = p->loss,
                                .cost = p->cost,
                                .layer_count = (int)p->layers.count,
                                .layers = layers};
}

/* Whoever compares networks by what they find in the last `most` samples; nobody where the network
   is no detector. */
typedef struct comparison {
    ork_graph *real; /* stays float */
    ork_agreement *agreement;
} comparison;

static bool begin_comparison(ork_model *model, const ork_graph *graph, ork_dataset *dataset,
                             ork_pool *pool, const ork_quantization *options, size_t most,
                             comparison *c)
{
    const size_t end = options->samples;
    *c = (comparison){.real = ork_graph_clone(graph, false)};
    ork_dataset_vary_fits(dataset, true); /* as the search does for detectors */
    return ork_agreement_new(model->diag, c->real, dataset, end > most ? end - most : 0, end, pool,
                             options->family, &c->agreement);
}

static void end_comparison(comparison *c)
{
    ork_agreement_free(c->agreement);
    ork_graph_free(c->real);
}

/* Boxes are compared where the network is a detector; else the answers themselves. */
static bool quantize_mixed(ork_model *model, ork_graph *graph, ork_dataset *dataset, ork_pool *pool,
                           ork_quantization *options)
{
    enum { MOST_COMPARED = 100 };
    model->precision_arena = ork_arena_new();
    const char *most = model->values[CONFIG_max_drop];
    ork_precision precision = {.most_loss = *most ? strtod(most, NULL) : 1,
                               .arena = model->precision_arena};
    comparison c;
    bool good = begin_comparison(model, graph, dataset, pool, options, MOST_COMPARED, &c);
    options->precision = &precision;
    options->cost = seconds;
    options->chip = chip_of(model);
    if (c.agreement)
        options->referee = (ork_referee){loss_of_boxes, error_of_boxes, c.agreement};
    good = good && ork_quantize_best(model->diag, graph, dataset, options, pool);
    if (good)
        report(model, &precision,
               c.agreement ? "AP against the float network's own boxes"
                           : "error of the answers, %");
    end_comparison(&c);
    return good;
}

/* Forms of detectors are compared by boxes of some samples. */
static bool quantize_detector(ork_model *model, ork_graph *graph, ork_dataset *dataset,
                              ork_pool *pool, ork_quantization *options)
{
    enum { MOST_COMPARED = 16 };
    comparison c;
    bool good = begin_comparison(model, graph, dataset, pool, options, MOST_COMPARED, &c);
    if (c.agreement)
        options->referee = (ork_referee){NULL, error_of_boxes, c.agreement};
    good = good && ork_quantize_best(model->diag, graph, dataset, options, pool);
    end_comparison(&c);
    return good;
}

static bool quantize_well(ork_model *model, ork_graph *graph, ork_dataset *dataset, ork_pool *pool,
                          bool by_channel, bool auto_hybrid)
{
    ork_quantization options = {
        .dtype = config_dtype(model),
        .by_channel = by_channel,
        .algorithm = range_algorithm(model),
        .splits = config_int(model, CONFIG_splits),
        .rounding = true,
        .bias_correction = true,
        .equalization = config_int(model, CONFIG_equalization) != 0,
        .samples = ork_dataset_used(dataset, config_int(model, CONFIG_batch_size),
                                    config_int(model, CONFIG_epochs)),
    };
    if (!ork_soc_family(model->diag, model->values[CONFIG_target_platform], &options.family))
        return false;
    if (*model->values[CONFIG_max_drop] || auto_hybrid)
        return quantize_mixed(model, graph, dataset, pool, &options);
    return quantize_detector(model, graph, dataset, pool, &options);
}

/* 16 bits lose too little for anything to be gained. */
bool quantize_graph(ork_model *model, ork_graph *graph, const char *dataset_path,
                    ork_statistics_source *source, bool auto_hybrid)
{
    bool by_channel;
    if (!config_by_channel(model, &by_channel))
        return false;
    ork_dataset *dataset = ork_dataset_open(model->diag, dataset_path, graph->inputs.count);
    if (!dataset)
        return false;
    ork_dataset_set_source(dataset, source);
    ork_pool *pool = ork_pool_new(model->threads);
    ork_arena_free(model->precision_arena);
    model->precision_arena = NULL;
    model->precision = NULL;
    bool exactly = config_int(model, CONFIG_vendor_exact) || config_dtype(model) == ORK_I16;
    bool good = exactly ? quantize_exactly(model, graph, dataset, pool)
                        : quantize_well(model, graph, dataset, pool, by_channel, auto_hybrid);
    ork_pool_free(pool);
    ork_dataset_free(dataset);
    return good;
}

const ork_precision_report *ork_model_precision(const ork_model *model)
{
    return model->precision;
}
