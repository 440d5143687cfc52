/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics of samples, measured in shares. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

void ork_blob_free(ork_blob *blob)
{
    free(blob->data);
    *blob = (ork_blob){0};
}

static bool check(ork_model *model, const ork_calibrate_options *options)
{
    if (!model->loaded) {
        ork_fail(model->diag, ORK_ERR_CALL_ORDER, "there is no float network to calibrate");
        return ork_fix(model->diag, "load the network itself");
    }
    if (!options->dataset || !*options->dataset)
        return ork_fail(model->diag, ORK_ERR_DATASET_MISSING, "calibration needs a dataset");
    if (options->shares < 0 || options->share < 0 || options->share > options->shares ||
        (options->shares > 0 && options->share == 0)) {
        ork_fail(model->diag, ORK_ERR_USAGE, "there is no share %d of %d", options->share,
                 options->shares);
        return ork_fix(model->diag, "count shares from 1");
    }
    return true;
}

bool ork_model_calibrate(ork_model *model, const ork_calibrate_options *given, ork_blob *statistics)
{
    ork_calibrate_options options = {0};
    if (given)
        memcpy(&options, given, ork_min_size(given->size, sizeof(options)));
    ork_diag_clear(model->diag);
    *statistics = (ork_blob){0};
    if (!check(model, &options))
        return false;
    ork_graph *graph = prepared_graph(model);
    if (!graph)
        return false;
    ork_str collected = {0};
    ork_statistics_source source = {.shares = options.shares > 0 ? (size_t)options.shares : 1,
                                    .share = options.share > 0 ? (size_t)options.share - 1 : 0,
                                    .collected = &collected};
    if (options.extremes)
        source.given = (ork_bytes){options.extremes->data, options.extremes->size};
    quantize_graph(model, graph, options.dataset, &source, false);
    ork_graph_free(graph);
    if (source.is_done)
        *statistics = (ork_blob){collected.text, collected.length};
    else
        ork_str_free(&collected);
    return source.is_done;
}

bool ork_statistics_join(ork_model *model, const ork_blob *parts, int count, ork_blob *merged)
{
    ork_arena *arena = ork_arena_new();
    const size_t all = count > 0 ? (size_t)count : 0;
    ork_bytes *bytes = ORK_NEW_ARRAY(arena, ork_bytes, all + 1);
    ork_str text = {0};
    ork_diag_clear(model->diag);
    *merged = (ork_blob){0};
    for (size_t i = 0; i < all; i++)
        bytes[i] = (ork_bytes){parts[i].data, parts[i].size};
    const bool good = ork_statistics_merge(model->diag, bytes, all, &text);
    ork_arena_free(arena);
    if (good)
        *merged = (ork_blob){text.text, text.length};
    else
        ork_str_free(&text);
    return good;
}
