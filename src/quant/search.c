/* SPDX-License-Identifier: Apache-2.0 */
/* What a quantized network looks like is found out by trying: which convolutions are computed in
   groups of channels (groups.c), then which ranges and weights serve the whole network (form.c). */
#include "search.h"

#include <math.h>

enum { APART = 64 }; /* from so many samples on, those of the probe are not used otherwise */

/* A network that answers for every place of a picture is likely to see it in a frame. */
static bool answers_for_places(const ork_graph *graph)
{
    for (size_t i = 0; i < graph->values.count; i++) {
        const ork_value *value = graph->values.items[i];
        const ork_shape *shape = &value->type.shape;
        if (value->producer && shape->rank == 4 && shape->dim[2] * shape->dim[3] > 1 &&
            ork_value_is_answer(value))
            return true;
    }
    return false;
}

static bool measure(ork_search *s)
{
    ork_dataset_vary_fits(s->dataset, answers_for_places(s->graph));
    const size_t count = s->options->samples;
    s->measured = (ork_sample_span){.stage = "calibrating",
                                    .end = count < APART ? count : count - ORK_PROBE_SAMPLES,
                                    .step = 1};
    s->statistics = ORK_NEW_ARRAY(s->arena, ork_statistics, s->graph->values.count);
    for (int i = 0; i < ORK_RANGE_COUNT; i++)
        s->ranges[i] = ORK_NEW_ARRAY(s->arena, ork_range, s->graph->values.count);
    if (!ork_statistics_measure(s->diag, s->graph, s->dataset, &s->measured, s->pool, s->arena,
                                s->statistics))
        return false;
    ork_sample_span probed = {.stage = "keeping answers",
                              .begin = count > ORK_PROBE_SAMPLES ? count - ORK_PROBE_SAMPLES : 0,
                              .end = count,
                              .step = 1,
                              .quiet = true};
    s->probe = ork_probe_new(s->diag, s->graph, s->dataset, &probed, s->pool, s->options->family);
    return s->probe != NULL;
}

static void tell(const ork_search *s, const ork_form *f, double error)
{
    static const char *const names[] = {"least and greatest number", "percentiles",
                                        "least squared error", "least divergence"};
    for (size_t i = 0; f->split && i < s->candidates.count; i++) {
        const ork_candidate *c = &s->candidates.items[i];
        if (c->groups > 1)
            ork_log(s->diag, ORK_LOG_NOTE,
                    "split '%s' into %d groups of channels: its error falls from %.3g to %.3g",
                    c->unit->layer, c->groups, c->error[1], c->error[c->groups]);
    }
    ork_log(s->diag, ORK_LOG_NOTE, "ranges by %s%s%s%s; error of the outputs %.3g",
            names[f->algorithm], f->rounded ? ", weights rounded in turn" : "",
            f->shifted ? ", biases corrected" : "",
            f->joined_wide ? ", answers joined in 16 bits" : "", error);
}

static bool find(ork_search *s, ork_graph *target)
{
    ork_form best = {.algorithm = ORK_RANGE_SQUARES};
    ork_form_weights r = {0};
    double least = INFINITY;
    bool good = measure(s);
    if (good && s->options->splits > 0)
        good = ork_groups_choose(s);
    if (good && (s->options->rounding || s->options->bias_correction))
        good = ork_form_round(s, &r, s->options->splits > 0);
    /* What was rounded after splits does not fit the whole network, which takes no rounding. */
    good = good && ork_form_choose(s, &r, &best, &least);
    if (good && s->options->referee.error)
        good = ork_form_refit(s, &r, &best);
    if (good)
        tell(s, &best, least);
    if (good && s->options->precision)
        good = ork_mixed_choose(s, &r, &best);
    good = good && ork_form_give(s, target, &best, &r);
    ork_graph_free(r.owner);
    return good;
}

bool ork_quantize_best(ork_diag *diag, ork_graph *graph, ork_dataset *dataset,
                       const ork_quantization *options, ork_pool *pool)
{
    ork_search s = {.diag = diag,
                    .graph = ork_graph_clone(graph, false),
                    .dataset = dataset,
                    .options = options,
                    .pool = pool,
                    .arena = ork_arena_new()};
    bool good = find(&s, graph);
    ork_probe_free(s.probe);
    ork_graph_free(s.graph);
    ork_arena_free(s.arena);
    return good;
}
