/* SPDX-License-Identifier: Apache-2.0 */
/* Forms of the whole network: which ranges, which weights. Each is judged with and without each of
   the means. */
#include "search.h"

#include <math.h>
#include <string.h>

enum { ROUNDING_SAMPLES = 24 };

/* What a range cuts off are peaks, and peaks decide which box of many is kept, which the error
   hardly shows. Ranges that cut nothing off are kept where the error is small with them. */
static const double small_error = 0.05;

bool ork_form_round(ork_search *s, ork_form_weights *r, bool split)
{
    ork_graph *graph = r->owner = ork_graph_clone(s->graph, false);
    if (split && !ork_groups_apply(s, graph, ork_map_new(s->arena)))
        return false;
    const size_t count = graph->values.count;
    const void **weights = ORK_NEW_ARRAY(s->arena, const void *, count);
    float **shifts = ORK_NEW_ARRAY(s->arena, float *, count);
    ork_sample_span span = s->measured;
    span.stage = "rounding weights";
    span.quiet = true;
    span.step = (span.end - span.begin + ROUNDING_SAMPLES - 1) / ROUNDING_SAMPLES;
    if (!ork_rounding_choose(s->diag, graph, s->dataset, &span, s->pool, s->options->dtype,
                             s->options->by_channel, weights, shifts, &r->report))
        return false;
    r->weights = ork_map_new(s->arena);
    r->shifts = ork_map_new(s->arena);
    for (const ork_node *node = graph->first; node; node = node->next) {
        if (node->input_count < 2 || !node->inputs[1])
            continue;
        const void *integers = weights[node->inputs[1]->id];
        if (integers)
            ork_map_set(r->weights, node->output->name, (void *)(uintptr_t)integers);
        if (shifts[node->output->id])
            ork_map_set(r->shifts, node->output->name, shifts[node->output->id]);
    }
    return true;
}

/* What the value was called in the search's graph. */
static const char *name_of(const ork_value *value, const ork_map *origins)
{
    const ork_origin *origin = ork_map_get(origins, value->name);
    return origin ? origin->of : value->name;
}

/* What each node computes with. Answers are put together in the widest type among them. */
static ork_dtype *dtypes_of(const ork_search *s, ork_arena *arena, const ork_graph *graph,
                            const ork_form *f, const ork_map *origins)
{
    ork_dtype *dtypes = ORK_NEW_ARRAY(arena, ork_dtype, graph->values.count);
    for (const ork_node *node = graph->first; node; node = node->next) {
        const bool assembles = ork_node_assembles_answers(node);
        bool wide = f->wide && ork_map_get(f->wide, name_of(node->output, origins));
        for (int i = 0; assembles && i < node->input_count; i++)
            wide = wide || dtypes[node->inputs[i]->id] == ORK_I16;
        dtypes[node->output->id] =
            wide || (assembles && f->joined_wide) ? ORK_I16 : s->options->dtype;
    }
    return dtypes;
}

/* The integers chosen for the layer's weights, in memory of the graph. */
static bool take_weights(const ork_search *s, ork_graph *graph, const ork_node *node,
                         const ork_form_weights *r, const void **weights)
{
    const void *integers = ork_map_get(r->weights, node->output->name);
    if (!integers)
        return true;
    const ork_type *type = &node->inputs[1]->type;
    const size_t bytes =
        (size_t)ork_shape_count(&type->shape) * ork_dtype_table[s->options->dtype].size;
    void *copy = ork_graph_alloc(graph, s->diag, bytes);
    if (copy)
        weights[node->inputs[1]->id] = memcpy(copy, integers, bytes);
    return copy != NULL;
}

/* Quantizes the graph, a float copy of the search's with the same or other outputs. */
bool ork_form_give(ork_search *s, ork_graph *graph, const ork_form *f, const ork_form_weights *r)
{
    ork_arena *arena = ork_arena_new();
    ork_map *origins = ork_map_new(arena);
    bool good = !f->split || ork_groups_apply(s, graph, origins);
    const size_t count = graph->values.count;
    const void **weights = ORK_NEW_ARRAY(arena, const void *, count);
    float **shifts = ORK_NEW_ARRAY(arena, float *, count);
    ork_dtype *dtypes = dtypes_of(s, arena, graph, f, origins);
    for (const ork_node *node = graph->first; good && node; node = node->next) {
        if (dtypes[node->output->id] != s->options->dtype)
            continue; /* the nearest of 16 bits are near enough */
        if (f->rounded)
            good = take_weights(s, graph, node, r, weights);
        if (f->shifted)
            shifts[node->output->id] = ork_map_get(r->shifts, node->output->name);
    }
    good = good && ork_biases_shift(s->diag, graph, shifts, count);
    if (good) {
        const void **all = ORK_NEW_ARRAY(arena, const void *, graph->values.count); /* some new */
        memcpy(all, weights, count * sizeof(*all));
        good = ork_quantize_by(
            s->diag, graph,
            &(ork_recipe){.dtype = s->options->dtype,
                          .ranges = ork_search_ranges(s, arena, graph, origins, f->algorithm),
                          .wide_ranges =
                              ork_search_ranges(s, arena, graph, origins, ORK_RANGE_EXTREMES),
                          .dtypes = dtypes,
                          .weights = all,
                          .by_channel = s->options->by_channel,
                          .centre_floors = true});
    }
    ork_arena_free(arena);
    return good;
}

bool ork_form_judge(ork_search *s, const ork_form *f, const ork_form_weights *r, size_t samples,
                    double *error)
{
    ork_graph *graph = ork_graph_clone(s->heads, false);
    const bool good =
        ork_form_give(s, graph, f, r) && ork_probe_judge(s->probe, graph, samples, error);
    ork_graph_free(graph);
    return good;
}

/* Keeps `tried` when it is better. */
static bool prefer(ork_search *s, ork_form tried, const ork_form_weights *r, ork_form *best,
                   double *least)
{
    double error;
    if (!ork_form_judge(s, &tried, r, ORK_PROBE_SAMPLES, &error))
        return false;
    if (error < *least) {
        *least = error;
        *best = tried;
    }
    return true;
}

bool ork_form_choose(ork_search *s, const ork_form_weights *r, ork_form *best, double *least)
{
    static const ork_range_algorithm all[] = {ORK_RANGE_EXTREMES, ORK_RANGE_SQUARES};
    const ork_quantization *o = s->options;
    const bool fixed = o->algorithm != ORK_RANGE_COUNT;
    for (size_t i = 0; i < (fixed ? 1 : ORK_COUNT(all)) && *least > small_error; i++) {
        ork_form f = {.split = o->splits > 0,
                      .rounded = o->rounding,
                      .algorithm = fixed ? o->algorithm : all[i]};
        if (!ork_progress(s->diag, "judging networks", i, 6) || !prefer(s, f, r, best, least))
            return false;
    }
    ork_form shifted = *best, plain = *best, whole = *best;
    shifted.shifted = true;
    plain.rounded = false;
    plain.shifted = false; /* the shifts are those of the rounded weights */
    whole.split = false;
    whole.rounded = whole.shifted = false;
    return (!o->bias_correction || prefer(s, shifted, r, best, least)) &&
           (!o->rounding || prefer(s, plain, r, best, least)) &&
           (!o->splits || prefer(s, whole, r, best, least)) &&
           ork_progress(s->diag, "judging networks", 6, 6);
}

/* ---- by boxes ---- */

const ork_node *ork_form_joint(const ork_search *s)
{
    const ork_node *joint = s->graph->first;
    while (joint && !ork_node_assembles_answers(joint))
        joint = joint->next;
    return joint;
}

/* Keeps `tried` when its boxes are nearer, by some part of the distance. */
static bool prefer_boxes(ork_search *s, ork_form tried, const ork_form_weights *r, double part,
                         ork_form *best, double *least)
{
    const ork_referee *referee = &s->options->referee;
    ork_graph *graph = ork_graph_clone(s->graph, false);
    double error = 0;
    const bool good =
        ork_form_give(s, graph, &tried, r) && referee->error(referee->user, graph, &error);
    ork_graph_free(graph);
    if (good && error < *least * (1 - part)) {
        *least = error;
        *best = tried;
    }
    return good;
}

bool ork_form_refit(ork_search *s, const ork_form_weights *r, ork_form *best)
{
    static const ork_range_algorithm algorithms[] = {ORK_RANGE_EXTREMES, ORK_RANGE_PERCENTILE,
                                                     ORK_RANGE_SQUARES};
    static const double worth_16_bits = 0.05;
    const ork_quantization *o = s->options;
    /* What was rounded and shifted is of the split network, or there is none. */
    const bool known = best->split == (o->splits > 0);
    double least = INFINITY;
    bool good = prefer_boxes(s, *best, r, 0, best, &least);
    ork_form joined = *best;
    joined.joined_wide = true;
    if (good && ork_form_joint(s)) /* first, for one scale for all may hide all other errors */
        good = prefer_boxes(s, joined, r, worth_16_bits, best, &least);
    const ork_form chosen = *best;
    for (size_t i = 0; good && i < ORK_COUNT(algorithms); i++) {
        if (o->algorithm != ORK_RANGE_COUNT && o->algorithm != algorithms[i])
            continue;
        good = ork_progress(s->diag, "comparing boxes of forms", i, ORK_COUNT(algorithms));
        for (int means = 0; good && means < 3; means++) {
            ork_form tried = chosen;
            tried.algorithm = algorithms[i];
            tried.rounded = means > 0;
            tried.shifted = means > 1;
            if ((tried.rounded && (!o->rounding || !known)) ||
                (tried.shifted && !o->bias_correction))
                continue;
            good = prefer_boxes(s, tried, r, 0, best, &least);
        }
    }
    return good;
}
