/* SPDX-License-Identifier: Apache-2.0 */
/* What a quantized network looks like is found out by trying: which convolutions are computed in
   groups of channels (groups.c), then which ranges and weights serve the whole network (form.c). */
#include "search.h"

#include <math.h>
#include <string.h>

enum { APART = 64 }; /* from so many samples on, those of the probe are not used otherwise */

/* A network that errs less answers as the float network does: another search is not worth its time.
 */
static const double good_error = 0.01;

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
    s->heads = s->probe ? ork_probe_graph(s->probe) : NULL;
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

/* What is chosen for a network. */
typedef struct choice {
    ork_form form;
    ork_form_weights weights;
    double error;
} choice;

static bool choose(ork_search *s, choice *c)
{
    bool good = s->options->splits <= 0 || ork_groups_choose(s);
    *c = (choice){.form = {.algorithm = ORK_RANGE_SQUARES}, .error = INFINITY};
    if (good && (s->options->rounding || s->options->bias_correction))
        good = ork_form_round(s, &c->weights, s->options->splits > 0);
    /* What was rounded after splits does not fit the whole network, which takes no rounding. */
    return good && ork_form_choose(s, &c->weights, &c->form, &c->error);
}

/* ---- equalization ---- */

/* The statistics of the equalized network are those of the other, multiplied. Its own constants are
   values that the `known` ones of the other have not, and need none. */
static void scale_statistics(ork_search *s, const ork_statistics *from, size_t known)
{
    const size_t count = s->graph->values.count;
    s->statistics = ORK_NEW_ARRAY(s->arena, ork_statistics, count);
    for (int i = 0; i < ORK_RANGE_COUNT; i++)
        s->ranges[i] = ORK_NEW_ARRAY(s->arena, ork_range, count);
    memcpy(s->statistics, from, known * sizeof(*from));
    for (size_t i = 0; i < known; i++) {
        const ork_origin *origin = s->graph->values.items[i]->origin;
        ork_statistics *to = &s->statistics[i];
        if (!origin || !to->parts)
            continue;
        const size_t channels = (size_t)to->channels;
        to->parts = ORK_NEW_ARRAY(s->arena, ork_part, channels);
        memcpy(to->parts, from[i].parts, channels * sizeof(*to->parts));
        for (size_t c = 0; c < channels; c++) {
            to->parts[c].min *= origin->factors[c];
            to->parts[c].max *= origin->factors[c];
        }
    }
}

/* A search of its own in the equalized network; `other` is the better of both. False on failure. */
static bool try_equalized(ork_search *s, choice *c)
{
    size_t count = 0, same;
    ork_graph *graph = ork_graph_clone(s->graph, false), *heads = ork_graph_clone(s->heads, false);
    ork_search other = *s;
    choice chosen = {.error = INFINITY};
    bool good = ork_equalize(s->diag, graph, &count) && ork_equalize(s->diag, heads, &same);
    other.graph = graph;
    other.heads = heads;
    other.candidates.items = NULL;
    other.candidates.count = other.candidates.capacity = 0;
    if (good && count) {
        scale_statistics(&other, s->statistics, s->graph->values.count);
        good = choose(&other, &chosen);
    }
    const bool better = good && chosen.error < c->error;
    if (good && count)
        ork_log(s->diag, ORK_LOG_NOTE,
                "equalizing the channels of %zu values: error of the outputs %.3g, without %.3g%s",
                count, chosen.error, c->error, better ? "" : "; left as they were");
    if (better) {
        ork_graph *plain_graph = s->graph;
        ork_graph_free(c->weights.owner);
        *c = chosen;
        *s = other;
        s->is_equalized = true;
        ork_graph_free(plain_graph);
    } else {
        ork_graph_free(chosen.weights.owner);
        ork_graph_free(graph);
        ork_graph_free(heads);
    }
    return good;
}

static bool find(ork_search *s, ork_graph *target)
{
    choice c = {0};
    size_t count;
    bool good = measure(s) && choose(s, &c);
    if (good && s->options->equalization && c.error > good_error)
        good = try_equalized(s, &c);
    if (good && s->options->referee.error)
        good = ork_form_refit(s, &c.weights, &c.form);
    if (good)
        tell(s, &c.form, c.error);
    if (good && s->options->precision)
        good = ork_mixed_choose(s, &c.weights, &c.form);
    good = good && (!s->is_equalized || ork_equalize(s->diag, target, &count)) &&
           ork_form_give(s, target, &c.form, &c.weights);
    ork_graph_free(c.weights.owner);
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
    if (s.is_equalized)
        ork_graph_free((ork_graph *)(uintptr_t)s.heads); /* else the probe's */
    ork_probe_free(s.probe);
    ork_graph_free(s.graph);
    ork_arena_free(s.arena);
    return good;
}
