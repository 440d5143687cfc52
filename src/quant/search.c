/* SPDX-License-Identifier: Apache-2.0 */
/* What a quantized network looks like is found out by trying. Units (split.c) are judged one at a
   time with the rest in float, where errors do not hide each other; what lowers the error most for
   a launch is taken until the launches allowed are used up. The whole network is judged at the end,
   with and without each of the means. */
#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    CANDIDATES = 16, /* units that are judged */
    FINALISTS = 8,   /* units of which groups are judged, at most */
    MOST_GROUPS = 4,
    QUICK_SAMPLES = 4, /* of the probe, while units are judged */
    PROBE_SAMPLES = 16,
    ROUNDING_SAMPLES = 24,
    APART = 64, /* from so many samples on, those of the probe are not used otherwise */
};

/* A launch has to lower the error of the network's answers by so much to be worth it. */
static const double least_gain = 0.001;
/* What a range cuts off are peaks, and peaks decide which box of many is kept, which the error
   hardly shows. Ranges that cut nothing off are kept where the error is small with them. */
static const double small_error = 0.05;

typedef struct candidate {
    const ork_unit *unit;
    double promise;                     /* the local measure by which candidates are chosen */
    uint8_t *group_of[MOST_GROUPS + 1]; /* by number of groups */
    double error[MOST_GROUPS + 1];      /* of the network with only this unit quantized */
    int groups;                         /* chosen */
} candidate;

typedef struct search {
    ork_diag *diag;
    ork_graph *graph; /* float, never changed; the statistics are of its values */
    ork_dataset *dataset;
    const ork_quantization *options;
    ork_pool *pool;
    ork_arena *arena;
    ork_statistics *statistics;         /* by value id of the graph */
    ork_range *ranges[ORK_RANGE_COUNT]; /* by value id of the graph; filled when asked for */
    ork_probe *probe;
    ork_sample_span measured;
    ORK_VEC(candidate) candidates;
} search;

/* A form of the network: what is chosen. */
typedef struct form {
    bool split, rounded, shifted;
    ork_range_algorithm algorithm;
} form;

/* ---- ranges ---- */

static const ork_activation *function_behind(const ork_value *value, ork_activation *function)
{
    const ork_node *user = ork_value_single_user(value);
    return user && !ork_value_is_output(value) && ork_node_function(user, function) ? function
                                                                                    : NULL;
}

/* Outputs, and what is only put together to outputs. Most of a detector's answers say that nothing
   is there; a range that serves those well cuts off the boxes. */
static bool is_answer(const ork_value *value)
{
    for (size_t i = 0; i < value->uses.count; i++) {
        const ork_node *node = value->uses.items[i].node;
        bool assembles =
            node->op == ORK_OP_CONCAT || node->op == ORK_OP_RESHAPE || node->op == ORK_OP_TRANSPOSE;
        if (!assembles || !is_answer(node->output))
            return false;
    }
    return value->uses.count > 0 || ork_value_is_output(value);
}

static ork_range range_of_base(search *s, const ork_value *value, ork_range_algorithm algorithm)
{
    if (is_answer(value))
        algorithm = ORK_RANGE_EXTREMES;
    ork_range *range = &s->ranges[algorithm][value->id];
    const ork_statistics *statistics = &s->statistics[value->id];
    ork_activation function;
    if (!range->seen && statistics->parts)
        *range = ork_range_choose(algorithm, s->options->dtype,
                                  &(ork_portion){statistics, NULL, statistics->channels},
                                  function_behind(value, &function));
    return *range;
}

/* The concat that joins the parts of a split, when `value` is one of the parts it joins. */
static const ork_value *joined_into(const ork_value *value, const ork_map *origins)
{
    const ork_node *user = ork_value_single_user(value);
    return user && user->op == ORK_OP_CONCAT && !ork_map_get(origins, user->output->name)
               ? user->output
               : NULL;
}

static ork_range range_of(search *s, const ork_value *value, const ork_map *origins,
                          ork_range_algorithm algorithm)
{
    const ork_origin *origin = ork_map_get(origins, value->name);
    const ork_value *joined = origin ? joined_into(value, origins) : NULL;
    if (joined)
        value = joined;
    const ork_value *base = ork_graph_find(s->graph, origin && !joined ? origin->of : value->name);
    if (!base)
        return (ork_range){0};
    if (!origin || joined)
        return range_of_base(s, base, algorithm);
    ork_activation function;
    return ork_range_choose(
        algorithm, s->options->dtype,
        &(ork_portion){&s->statistics[base->id], origin->channels, origin->count},
        function_behind(base, &function));
}

static ork_range *ranges_of(search *s, ork_arena *arena, const ork_graph *graph,
                            const ork_map *origins, ork_range_algorithm algorithm)
{
    ork_range *ranges = ORK_NEW_ARRAY(arena, ork_range, graph->values.count);
    for (size_t i = 0; i < graph->values.count; i++) {
        const ork_value *value = graph->values.items[i];
        if (value->kind != ORK_VALUE_CONSTANT)
            ranges[i] = range_of(s, value, origins, algorithm);
    }
    return ranges;
}

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

static features features_of(search *s, const ork_unit *unit)
{
    features f = {.count = 0};
    add_weights(s->arena, &f, producer_of(s->graph, unit->layer));
    const ork_statistics *tensor = &s->statistics[ork_graph_find(s->graph, unit->output)->id];
    if (unit->follower_count > 0 && tensor->channels == unit->channels)
        add_tensor(s->arena, &f, tensor);
    for (int i = 0; i < unit->follower_count; i++)
        add_weights(s->arena, &f, producer_of(s->graph, unit->followers[i]));
    return f;
}

static int by_promise(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->promise != y->promise)
        return x->promise > y->promise ? -1 : 1;
    return strcmp(x->unit->layer, y->unit->layer);
}

/* Units in the order of the noise that one scale for all channels brings, relative to the signal
   of the average channel. */
static void choose_candidates(search *s)
{
    ork_units units = {0};
    ork_units_find(s->graph, s->arena, &units);
    for (size_t i = 0; i < units.count; i++) {
        const ork_unit *unit = &units.items[i];
        if (ork_unit_cost(unit, 2) > s->options->splits)
            continue;
        const features f = features_of(s, unit);
        uint8_t *all = ORK_NEW_ARRAY(s->arena, uint8_t, (size_t)unit->channels);
        const double noise = ork_borders_cost(f.items, f.count, unit->channels, 1, all);
        candidate c = {.unit = unit, .promise = noise / (double)unit->channels, .groups = 1};
        c.group_of[1] = all;
        ork_vec_push(s->arena, &s->candidates, c);
    }
    if (s->candidates.count)
        qsort(s->candidates.items, s->candidates.count, sizeof(candidate), by_promise);
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

static bool judge_unit(search *s, candidate *c, int groups)
{
    ork_graph *graph = ork_graph_clone(ork_probe_graph(s->probe), false);
    ork_arena *arena = ork_arena_new();
    ork_map *origins = ork_map_new(arena);
    bool good = groups == 1 ||
                ork_unit_split(graph, s->diag, c->unit, c->group_of[groups], groups, origins);
    if (good) {
        ork_dtype *dtypes = ORK_NEW_ARRAY(arena, ork_dtype, graph->values.count);
        mark_unit(graph, c->unit, origins, s->options->dtype, dtypes);
        ork_recipe recipe = {.dtype = s->options->dtype,
                             .ranges = ranges_of(s, arena, graph, origins, ORK_RANGE_SQUARES),
                             .dtypes = dtypes};
        good = ork_quantize_by(s->diag, graph, &recipe) &&
               ork_probe_judge(s->probe, graph, QUICK_SAMPLES, &c->error[groups]);
    }
    ork_arena_free(arena);
    ork_graph_free(graph);
    return good;
}

static int by_error(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->error[1] != y->error[1])
        return x->error[1] > y->error[1] ? -1 : 1;
    return strcmp(x->unit->layer, y->unit->layer);
}

static bool judge_candidates(search *s)
{
    const size_t count = s->candidates.count;
    for (size_t i = 0; i < count; i++)
        if (!ork_progress(s->diag, "judging layers", i, count) ||
            !judge_unit(s, &s->candidates.items[i], 1))
            return false;
    if (count)
        qsort(s->candidates.items, count, sizeof(candidate), by_error);
    s->candidates.count = ork_min_size(count, FINALISTS);
    while (s->candidates.count > 0 &&
           s->candidates.items[s->candidates.count - 1].error[1] < least_gain)
        s->candidates.count--;
    for (size_t i = 0; i < s->candidates.count; i++) {
        candidate *c = &s->candidates.items[i];
        const features f = features_of(s, c->unit);
        for (int groups = 2; groups <= MOST_GROUPS; groups++) {
            if (!ork_progress(s->diag, "judging groups", i * MOST_GROUPS + (size_t)groups,
                              s->candidates.count * MOST_GROUPS))
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
static void allocate(search *s)
{
    int left = s->options->splits;
    for (;;) {
        candidate *best = NULL;
        int best_groups = 0;
        double most = least_gain;
        for (size_t i = 0; i < s->candidates.count; i++) {
            candidate *c = &s->candidates.items[i];
            for (int groups = c->groups + 1; groups <= MOST_GROUPS; groups++) {
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

/* ---- forms of the whole network ---- */

static bool apply_splits(search *s, ork_graph *graph, ork_map *origins)
{
    for (size_t i = 0; i < s->candidates.count; i++) {
        const candidate *c = &s->candidates.items[i];
        if (c->groups > 1 &&
            !ork_unit_split(graph, s->diag, c->unit, c->group_of[c->groups], c->groups, origins))
            return false;
    }
    return true;
}

/* Integers of weights and shifts of biases by name, so that they serve every copy of the graph. */
typedef struct rounding {
    ork_map *weights, *shifts;
    ork_graph *owner; /* of the memory that they point into */
    ork_rounding_report report;
} rounding;

static bool choose_rounding(search *s, rounding *r, bool split)
{
    ork_graph *graph = r->owner = ork_graph_clone(s->graph, false);
    if (split && !apply_splits(s, graph, ork_map_new(s->arena)))
        return false;
    const size_t count = graph->values.count;
    const void **weights = ORK_NEW_ARRAY(s->arena, const void *, count);
    float **shifts = ORK_NEW_ARRAY(s->arena, float *, count);
    ork_sample_span span = s->measured;
    span.stage = "rounding weights";
    span.quiet = true;
    span.step = (span.end - span.begin + ROUNDING_SAMPLES - 1) / ROUNDING_SAMPLES;
    if (!ork_rounding_choose(s->diag, graph, s->dataset, &span, s->pool, s->options->dtype, weights,
                             shifts, &r->report))
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

/* Quantizes the graph, a float copy of the search's with the same or other outputs. */
static bool give_form(search *s, ork_graph *graph, const form *f, const rounding *r)
{
    ork_arena *arena = ork_arena_new();
    ork_map *origins = ork_map_new(arena);
    bool good = !f->split || apply_splits(s, graph, origins);
    const size_t count = graph->values.count;
    const void **weights = ORK_NEW_ARRAY(arena, const void *, count);
    float **shifts = ORK_NEW_ARRAY(arena, float *, count);
    for (const ork_node *node = graph->first; good && node; node = node->next) {
        const void *integers = f->rounded ? ork_map_get(r->weights, node->output->name) : NULL;
        shifts[node->output->id] = f->shifted ? ork_map_get(r->shifts, node->output->name) : NULL;
        if (!integers)
            continue;
        const ork_type *type = &node->inputs[1]->type;
        const size_t bytes =
            (size_t)ork_shape_count(&type->shape) * ork_dtype_table[s->options->dtype].size;
        void *copy = ork_graph_alloc(graph, s->diag, bytes);
        good = copy != NULL;
        if (good)
            weights[node->inputs[1]->id] = memcpy(copy, integers, bytes);
    }
    good = good && ork_biases_shift(s->diag, graph, shifts, count);
    if (good) {
        const void **all = ORK_NEW_ARRAY(arena, const void *, graph->values.count); /* some new */
        memcpy(all, weights, count * sizeof(*all));
        const ork_range *ranges = ranges_of(s, arena, graph, origins, f->algorithm);
        good = ork_quantize_by(s->diag, graph,
                               &(ork_recipe){.dtype = s->options->dtype,
                                             .ranges = ranges,
                                             .weights = all,
                                             .centre_floors = true});
    }
    ork_arena_free(arena);
    return good;
}

static bool judge_form(search *s, const form *f, const rounding *r, double *error)
{
    ork_graph *graph = ork_graph_clone(ork_probe_graph(s->probe), false);
    bool good = give_form(s, graph, f, r) && ork_probe_judge(s->probe, graph, PROBE_SAMPLES, error);
    ork_graph_free(graph);
    return good;
}

/* Keeps `tried` when it is better. */
static bool prefer(search *s, form tried, const rounding *r, form *best, double *least)
{
    double error;
    if (!judge_form(s, &tried, r, &error))
        return false;
    if (error < *least) {
        *least = error;
        *best = tried;
    }
    return true;
}

static bool choose_form(search *s, const rounding *r, form *best, double *least)
{
    static const ork_range_algorithm all[] = {ORK_RANGE_EXTREMES, ORK_RANGE_SQUARES};
    const ork_quantization *o = s->options;
    const bool fixed = o->algorithm != ORK_RANGE_COUNT;
    for (size_t i = 0; i < (fixed ? 1 : ORK_COUNT(all)) && *least > small_error; i++) {
        form f = {.split = o->splits > 0,
                  .rounded = o->rounding,
                  .algorithm = fixed ? o->algorithm : all[i]};
        if (!ork_progress(s->diag, "judging networks", i, 6) || !prefer(s, f, r, best, least))
            return false;
    }
    form shifted = *best, plain = *best, whole = *best;
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

/* ---- the search ---- */

/* A network that answers for every place of a picture is likely to see it in a frame. */
static bool answers_for_places(const ork_graph *graph)
{
    for (size_t i = 0; i < graph->values.count; i++) {
        const ork_value *value = graph->values.items[i];
        const ork_shape *shape = &value->type.shape;
        if (value->producer && shape->rank == 4 && shape->dim[2] * shape->dim[3] > 1 &&
            is_answer(value))
            return true;
    }
    return false;
}

static bool measure(search *s)
{
    ork_dataset_vary_fits(s->dataset, answers_for_places(s->graph));
    const size_t count = s->options->samples;
    s->measured = (ork_sample_span){
        .stage = "calibrating", .end = count < APART ? count : count - PROBE_SAMPLES, .step = 1};
    s->statistics = ORK_NEW_ARRAY(s->arena, ork_statistics, s->graph->values.count);
    for (int i = 0; i < ORK_RANGE_COUNT; i++)
        s->ranges[i] = ORK_NEW_ARRAY(s->arena, ork_range, s->graph->values.count);
    if (!ork_statistics_measure(s->diag, s->graph, s->dataset, &s->measured, s->pool, s->arena,
                                s->statistics))
        return false;
    ork_sample_span probed = {.stage = "keeping answers",
                              .begin = count > PROBE_SAMPLES ? count - PROBE_SAMPLES : 0,
                              .end = count,
                              .step = 1,
                              .quiet = true};
    s->probe = ork_probe_new(s->diag, s->graph, s->dataset, &probed, s->pool, s->options->family);
    return s->probe != NULL;
}

static void tell(const search *s, const form *f, double error)
{
    static const char *const names[] = {"least and greatest number", "percentiles",
                                        "least squared error", "least divergence"};
    for (size_t i = 0; f->split && i < s->candidates.count; i++) {
        const candidate *c = &s->candidates.items[i];
        if (c->groups > 1)
            ork_log(s->diag, ORK_LOG_NOTE,
                    "split '%s' into %d groups of channels: its error falls from %.3g to %.3g",
                    c->unit->layer, c->groups, c->error[1], c->error[c->groups]);
    }
    ork_log(s->diag, ORK_LOG_NOTE, "ranges by %s%s%s; error of the outputs %.3g",
            names[f->algorithm], f->rounded ? ", weights rounded in turn" : "",
            f->shifted ? ", biases corrected" : "", error);
}

static bool find(search *s, ork_graph *target)
{
    form best = {.algorithm = ORK_RANGE_SQUARES};
    rounding r = {0};
    double least = INFINITY;
    bool good = measure(s);
    if (good && s->options->splits > 0) {
        choose_candidates(s);
        good = judge_candidates(s);
        allocate(s);
    }
    if (good && (s->options->rounding || s->options->bias_correction))
        good = choose_rounding(s, &r, s->options->splits > 0);
    /* What was rounded after splits does not fit the whole network, which takes no rounding. */
    good = good && choose_form(s, &r, &best, &least);
    if (good)
        tell(s, &best, least);
    good = good && give_form(s, target, &best, &r);
    ork_graph_free(r.owner);
    return good;
}

bool ork_quantize_best(ork_diag *diag, ork_graph *graph, ork_dataset *dataset,
                       const ork_quantization *options, ork_pool *pool)
{
    search s = {.diag = diag,
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
