/* SPDX-License-Identifier: Apache-2.0 */
#include "internal.h"

#include "../npu/npu.h"

#include <string.h>

static ork_estimate_report *report_of(ork_arena *arena, const ork_npu_estimate *estimate,
                                      const char *network)
{
    ork_estimate_report *report = ORK_NEW(arena, ork_estimate_report);
    size_t count = estimate->layers.count;
    ork_estimate_layer *layers = ORK_NEW_ARRAY(arena, ork_estimate_layer, count + 1);
    for (size_t i = 0; i < count; i++) {
        const ork_npu_layer *layer = &estimate->layers.items[i];
        layers[i] = (ork_estimate_layer){
            .layer = ork_arena_strdup(arena, layer->node->name),
            .op = ork_op_table[layer->node->op].name,
            .unit = ork_npu_unit_names[layer->unit],
            .dtype = layer->dtype,
            .macs = layer->macs,
            .elements = layer->elements,
            .data_bytes = layer->data_bytes,
            .weight_bytes = layer->weight_bytes,
            .seconds = layer->seconds,
            .reason = ork_npu_reason_names[layer->reason],
        };
    }
    *report = (ork_estimate_report){
        .network = ork_arena_strdup(arena, network),
        .target = estimate->soc->name,
        .npu_mhz = estimate->soc->npu_mhz,
        .memory_mhz = estimate->soc->memory_mhz,
        .seconds = estimate->seconds,
        .layer_count = (int)count,
        .layers = layers,
    };
    return report;
}

/* Of the platforms that the model is for. */
static const char *first_target(ork_model *model)
{
    const char *targets =
        model->built ? model->built->target : model->values[CONFIG_target_platform];
    size_t length = targets ? strcspn(targets, ", ") : 0;
    return length ? ork_arena_strndup(model->arena, targets, length) : "rk1808";
}

static const ork_soc *find_soc(ork_model *model, const char *target)
{
    ork_family family;
    if (!ork_soc_family(model->diag, target, &family))
        return NULL;
    const ork_soc *soc = ork_soc_find(target);
    if (!soc)
        ork_fail(model->diag, ORK_ERR_TARGET, "one chip at a time can be estimated, not '%s'",
                 target);
    return soc;
}

bool find_subject(ork_model *model, const ork_estimate_options *given, estimate_subject *subject)
{
    ork_estimate_options options = {0};
    if (given)
        memcpy(&options, given, ork_min_size(given->size, sizeof(options)));
    ork_diag_clear(model->diag);
    if (!model_graph(model)) {
        ork_fail(model->diag, ORK_ERR_CALL_ORDER, "there is no model to estimate");
        return ork_fix(model->diag, "load one first");
    }
    *subject = (estimate_subject){.assumed = options.in_float ? ORK_F32 : ORK_U8};
    subject->soc = find_soc(model, options.target ? options.target : first_target(model));
    if (!subject->soc)
        return false;
    subject->own = model->built ? NULL : canonical_graph(model);
    subject->graph = model->built ? model->built : subject->own;
    return subject->graph != NULL;
}

void drop_subject(estimate_subject *subject)
{
    ork_graph_free(subject->own);
}

const ork_estimate_report *ork_model_estimate(ork_model *model, const ork_estimate_options *options)
{
    estimate_subject s;
    if (!find_subject(model, options, &s))
        return NULL;
    ork_arena_free(model->estimate_arena);
    model->estimate_arena = ork_arena_new();
    ork_npu_estimate *estimate =
        ork_npu_estimate_run(model->estimate_arena, s.graph, s.soc, s.assumed);
    const ork_estimate_report *report = report_of(model->estimate_arena, estimate, s.graph->name);
    drop_subject(&s);
    return report;
}
