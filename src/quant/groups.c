/* SPDX-License-Identifier: Apache-2.0 */
/* Which convolutions are computed in groups of channels. Units (split.c) are judged one at a time
   with the rest in float, where errors do not hide each other; what lowers the error most for a
   launch is taken until the launches allowed are used up. */
#include "search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    CANDIDATES = 16,   /* units that are judged */
    FINALISTS = 8,     /* units of which groups are judged, at most */
    QUICK_SAMPLES = 4, /* of the probe, while units are judged */
};

/* A launch has to lower the error of the network's answers by so much to be worth it. */
static const double least_gain = 0.001;

/* ---- candidates ---- */

typedef struct features {
    ork_feature items[8];
    int count;
} features;

static void add_feature(features *f, float *low, float *high, double *cost)
{
    if (f->count < (int)ORK_COUNT(f->items))
        f->items[f->count++] = (ork_feature){low, high, cost};
}

/* Weights: a step of theirs costs in proportion to how many there are and how small they are. */
static void add_weights(ork_arena *arena, features *f, const ork_node *conv)
{
    const ork_value *weight = conv->inputs[1];
    const int64_t channels = weight->type.shape.dim[0];
    const int64_t length = ork_shape_span(&weight->type.shape, 1, weight->type.shape.rank);
    float *low = ORK_NEW_ARRAY(arena, float, (size_t)channels);
    float *high = ORK_NEW_ARRAY(arena, float, (size_t)channels);
    double *cost = ORK_NEW_ARRAY(arena, double, (size_t)channels);
    for (int64_t c = 0; c < channels; c++) {
        double norm = 0;
        for (int64_t i = 0; i < length; i++) {
            float x = (float)ork_element_get(weight->type.dtype, weight->data, c * length + i);
            low[c] = fminf(low[c], x);
            high[c] = fmaxf(high[c], x);
            norm += (double)x * (double)x;
        }
        cost[c] = norm > 0 ? (double)length / norm : 0;
    }
    add_feature(f, low, high, cost);
}

/* A tensor: a step costs in proportion to how little the channel varies. */
static void add_tensor(ork_arena *arena, features *f, const ork_statistics *statistics)
{
    const int64_t channels = statistics->channels;
    float *low = ORK_NEW_ARRAY(arena, float, (size_t)channels);
    float *high = ORK_NEW_ARRAY(arena, float, (size_t)channels);
    double *cost = ORK_NEW_ARRAY(arena, double, (size_t)channels);
    for (int64_t c = 0; c < channels; c++) {
        const ork_part *part = &statistics->parts[c];
        double variance = ork_part_variance(part, statistics->samples);
        low[c] = fminf(part->min, 0);
        high[c] = fmaxf(part->max, 0);
        cost[c] = variance > 0 ? 1 / variance : 0;
    }
    add_feature(f, low, high, cost);
}

static const ork_node *producer_of(const ork_graph *graph, const char *name)
{
    const ork_value *value = ork_graph_find(graph, name);
    return value ? value->producer : NULL;
}

static features features_of(ork_search *s, const ork_unit *unit)
{
    features f = {.count = 0};
    const bool by_channel = s->options->by_channel; /* the weights have their scales already */
    if (!by_channel)
        add_weights(s->arena, &f, producer_of(s->graph, unit->layer));
    const ork_statistics *tensor = &s->statistics[ork_graph_find(s->graph, unit->output)->id];
    if (unit->follower_count > 0 && tensor->channels == unit->channels)
        add_tensor(s->arena, &f, tensor);
    for (int i = 0; !by_channel && i < unit->follower_count; i++)
        add_weights(s->arena, &f, producer_of(s->graph, unit->followers[i]));
    return f;
}

static int by_promise(const void *a, const void *b)
{
    const ork_candidate *x = a, *y = b;
    if (x->promise != y->promise)
        return x->promise > y->promise ? -1 : 1;
    return strcmp(x->unit->layer, y->unit->layer);
}

/* Units in the order of the noise that one scale for all channels brings, relative to the signal
   of the average channel. */
static void choose_candidates(ork_search *s)
{
    ork_units units = {0};
    ork_units_find(s->graph, s->arena, &units);
    for (size_t i = 0; i < units.count; i++) {
        const ork_unit *unit = &units.items[i];
        if (ork_unit_cost(unit, 2) > s->options->splits)
            continue;
        const features f = features_of(s, unit);
        if (f.count == 0)
            continue;
        uint8_t *all = ORK_NEW_ARRAY(s->arena, uint8_t, (size_t)unit->channels);
        const double noise = ork_borders_cost(f.items, f.count, unit->channels, 1, all);
        ork_candidate c = {.unit = unit, .promise = noise / (double)unit->channels, .groups = 1};
        c.group_of[1] = all;
        ork_vec_push(s->arena, &s->candidates, c);
    }
    if (s->candidates.count)
        qsort(s->candidates.items, s->candidates.count, sizeof(ork_candidate), by_promise);
    s->candidates.count = ork_min_size(s->candidates.count, CANDIDATES);
}

/* ---- judging units ---- */

/* Marks the unit's nodes, in parts or whole. */
static void mark_unit(const ork_graph *graph, const ork_unit *unit, const ork_map *origins,
                      ork_dtype dtype, ork_dtype *dtypes)
{
    for (const ork_node *node = graph->first; node; node = node->next) {
        const ork_origin *origin = ork_map_get(origins, node->output->name);
        const char *name = origin ? origin->of : node->output->name;
        bool mine = strcmp(name, unit->layer) == 0 || strcmp(name, unit->output) == 0;
        for (int i = 0; !mine && i < unit->follower_count; i++)
            mine =
                strcmp(name, unit->followers[i]) == 0 || strcmp(name, unit->follower_ends[i]) == 0;
        dtypes[node->output->id] = mine ? dtype : ORK_F32;
    }
}

static bool judge_unit(ork_search *s, ork_candidate *c, int groups)
{
    ork_graph *graph = ork_graph_clone(s->heads, false);
    ork_arena *arena = ork_arena_new();
    ork_map *origins = ork_map_new(arena);
    bool good = groups == 1 ||
                ork_unit_split(graph, s->diag, c->unit, c->group_of[groups], groups, origins);
    if (good) {
        ork_dtype *dtypes = ORK_NEW_ARRAY(arena, ork_dtype, graph->values.count);
        mark_unit(graph, c->unit, origins, s->options->dtype, dtypes);
        ork_recipe recipe = {.dtype = s->options->dtype,
                             .ranges =
                                 ork_search_ranges(s, arena, graph, origins, ORK_RANGE_SQUARES),
                             .dtypes = dtypes,
                             .by_channel = s->options->by_channel};
        good = ork_quantize_by(s->diag, graph, &recipe) &&
               ork_probe_judge(s->probe, graph, QUICK_SAMPLES, &c->error[groups]);
    }
    ork_arena_free(arena);
    ork_graph_free(graph);
    return good;
}

static int by_error(const void *a, const void *b)
{
    const ork_candidate *x = a, *y = b;
    if (x->error[1] != y->error[1])
        return x->error[1] > y->error[1] ? -1 : 1;
    return strcmp(x->unit->layer, y->unit->layer);
}

static bool judge_candidates(ork_search *s)
{
    const size_t count = s->candidates.count;
    for (size_t i = 0; i < count; i++)
        if (!ork_progress(s->diag, "judging layers", i, count) ||
            !judge_unit(s, &s->candidates.items[i], 1))
            return false;
    if (count)
        qsort(s->candidates.items, count, sizeof(ork_candidate), by_error);
    s->candidates.count = ork_min_size(count, FINALISTS);
    while (s->candidates.count > 0 &&
           s->candidates.items[s->candidates.count - 1].error[1] < least_gain)
        s->candidates.count--;
    for (size_t i = 0; i < s->candidates.count; i++) {
        ork_candidate *c = &s->candidates.items[i];
        const features f = features_of(s, c->unit);
        for (int groups = 2; groups <= ORK_MOST_GROUPS; groups++) {
            if (!ork_progress(s->diag, "judging groups", i * ORK_MOST_GROUPS + (size_t)groups,
                              s->candidates.count * ORK_MOST_GROUPS))
                return false;
            if (groups > c->unit->channels || ork_unit_cost(c->unit, groups) > s->options->splits)
                continue;
            c->group_of[groups] = ORK_NEW_ARRAY(s->arena, uint8_t, (size_t)c->unit->channels);
            ork_borders_choose(f.items, f.count, c->unit->channels, groups, c->group_of[groups]);
            if (!judge_unit(s, c, groups))
                return false;
        }
    }
    return true;
}

/* ---- allocation ---- */

/* Takes what lowers the error most for a launch, again and again; a unit may be taken again with
   more groups. */
static void allocate(ork_search *s)
{
    int left = s->options->splits;
    for (;;) {
        ork_candidate *best = NULL;
        int best_groups = 0;
        double most = least_gain;
        for (size_t i = 0; i < s->candidates.count; i++) {
            ork_candidate *c = &s->candidates.items[i];
            for (int groups = c->groups + 1; groups <= ORK_MOST_GROUPS; groups++) {
                int cost = ork_unit_cost(c->unit, groups) - ork_unit_cost(c->unit, c->groups);
                double gain = (c->error[c->groups] - c->error[groups]) / cost;
                if (!c->group_of[groups] || cost > left || !(gain > most))
                    continue;
                most = gain;
                best = c;
                best_groups = groups;
            }
        }
        if (!best)
            return;
        left -= ork_unit_cost(best->unit, best_groups) - ork_unit_cost(best->unit, best->groups);
        best->groups = best_groups;
    }
}

bool ork_groups_apply(ork_search *s, ork_graph *graph, ork_map *origins)
{
    for (size_t i = 0; i < s->candidates.count; i++) {
        const ork_candidate *c = &s->candidates.items[i];
        if (c->groups > 1 &&
            !ork_unit_split(graph, s->diag, c->unit, c->group_of[c->groups], c->groups, origins))
            return false;
    }
    return true;
}

bool ork_groups_choose(ork_search *s)
{
    choose_candidates(s);
    if (!judge_candidates(s))
        return false;
    allocate(s);
    return true;
}
