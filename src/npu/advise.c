/* SPDX-License-Identifier: Apache-2.0 */
/* Design advice: what layers cost, held against what the same chip would take for other ones. */
#include "rules.h"

#include <stdlib.h>
#include <string.h>

typedef struct advising {
    const ork_npu_estimate *estimate;
    const ork_npu_layer **layers; /* by the value id of their output */
} advising;

static const ork_npu_layer *layer_at(const advising *a, size_t index)
{
    return &a->estimate->layers.items[index];
}

static double gain(double before, double after)
{
    return before > after ? before - after : 0;
}

/* How long the layer would take with other multiplications and weights, as windows. */
static double dense_seconds(const advising *a, const ork_npu_layer *like, double macs,
                            double weight_bytes)
{
    ork_npu_layer dense = *like;
    dense.unit = ORK_UNIT_WINDOW;
    dense.macs = macs;
    dense.weight_bytes = weight_bytes;
    return ork_npu_layer_seconds(a->estimate->soc, &dense);
}

/* ---- the table's functions ---- */

static bool follows_convolution(const ork_node *node)
{
    const ork_node *before = node->inputs[0]->producer;
    return before && ork_op_table[before->op].op_class == ORK_CLASS_CONV;
}

static double save_function(const advising *a, size_t index, double *cost)
{
    (void)cost;
    const ork_npu_layer *layer = layer_at(a, index);
    const bool applies = layer->unit == ORK_UNIT_FUNCTION &&
                         ork_op_table[layer->node->op].op_class == ORK_CLASS_UNARY &&
                         follows_convolution(layer->node);
    return applies ? layer->seconds : 0;
}

/* The 1x1 convolution behind a depthwise one, with at most a function between, or NULL. */
static const ork_npu_layer *point_behind(const advising *a, const ork_node *node, double *between)
{
    const ork_node *next = ork_value_single_user(node->output);
    *between = 0;
    if (next && ork_op_table[next->op].op_class == ORK_CLASS_UNARY) {
        *between = a->layers[next->output->id]->seconds;
        next = ork_value_single_user(next->output);
    }
    const ork_npu_layer *layer = next ? a->layers[next->output->id] : NULL;
    return layer && layer->unit == ORK_UNIT_POINT ? layer : NULL;
}

static double count_of(const ork_value *value)
{
    return (double)ork_shape_count(&value->type.shape);
}

static double save_separable(const advising *a, size_t index, double *cost)
{
    const ork_npu_layer *layer = layer_at(a, index);
    double between;
    const ork_npu_layer *point =
        layer->unit == ORK_UNIT_DEPTHWISE ? point_behind(a, layer->node, &between) : NULL;
    if (!point)
        return 0;
    const ork_shape *window = &layer->node->inputs[1]->type.shape;
    const double taps = (double)(window->dim[2] * window->dim[3]);
    ork_npu_layer dense = *point;
    const double in = count_of(layer->node->inputs[0]), out = count_of(point->node->output);
    dense.data_bytes = (in + out) * layer->data_bytes / (in + layer->elements);
    *cost = layer->seconds + between + point->seconds;
    return gain(*cost, dense_seconds(a, &dense, point->macs * taps, point->weight_bytes * taps));
}

static double save_depthwise(const advising *a, size_t index, double *cost)
{
    (void)cost;
    const ork_npu_layer *layer = layer_at(a, index);
    double between;
    if (layer->unit != ORK_UNIT_DEPTHWISE || point_behind(a, layer->node, &between))
        return 0;
    const double channels = (double)layer->node->inputs[0]->type.shape.dim[1];
    return gain(layer->seconds,
                dense_seconds(a, layer, layer->macs * channels, layer->weight_bytes * channels));
}

/* k x k reaches as far as (k - 1) / 2 windows of 3x3. */
static double save_large_kernel(const advising *a, size_t index, double *cost)
{
    (void)cost;
    const ork_npu_layer *layer = layer_at(a, index);
    if (layer->unit != ORK_UNIT_WINDOW || layer->node->op != ORK_OP_CONV2D)
        return 0;
    const int64_t *window = layer->node->inputs[1]->type.shape.dim;
    const int64_t size = window[2];
    if (size != window[3] || size < 5 || size % 2 == 0 || window[0] != window[1])
        return 0;
    const double share = 9.0 / (double)(size * size), count = (double)(size / 2);
    return gain(layer->seconds,
                count * dense_seconds(a, layer, layer->macs * share, layer->weight_bytes * share));
}

static double save_pooling(const advising *a, size_t index, double *cost)
{
    (void)cost;
    const ork_npu_layer *layer = layer_at(a, index);
    const subject s = {.soc = a->estimate->soc, .node = layer->node};
    return layer->unit == ORK_UNIT_POOL && is_unfused_max_pool(&s) ? layer->seconds : 0;
}

static double save_moving(const advising *a, size_t index, double *cost)
{
    (void)cost;
    const ork_npu_layer *layer = layer_at(a, index);
    return layer->unit == ORK_UNIT_MOVE ? layer->seconds : 0;
}

/* Of those that nothing else is said about. */
static double save_large_data(const advising *a, size_t index, double *cost)
{
    (void)cost;
    const ork_npu_layer *layer = layer_at(a, index);
    ork_npu_layer half = *layer;
    const bool others = layer->unit == ORK_UNIT_FUNCTION || layer->unit == ORK_UNIT_MOVE ||
                        layer->unit == ORK_UNIT_POOL || layer->unit == ORK_UNIT_DEPTHWISE;
    if (layer->unit == ORK_UNIT_FREE || others || layer->reason != ORK_REASON_BUS ||
        layer->data_bytes < layer->weight_bytes)
        return 0;
    half.data_bytes /= 2;
    return gain(layer->seconds, ork_npu_layer_seconds(a->estimate->soc, &half));
}

/* ---- all of them ---- */

static const struct {
    ork_advice_rule rule;
    double (*save)(const advising *a, size_t index, double *cost);
} rules[] = {
#define ORK_ADVICE(function, id, why, instead) {{id, why, instead}, save_##function},
#include "advice.def"
#undef ORK_ADVICE
};

static int by_saving(const void *a, const void *b)
{
    const ork_advice *x = a, *y = b;
    if (x->saved != y->saved)
        return x->saved < y->saved ? 1 : -1;
    return strcmp(x->rule->id, y->rule->id);
}

static int layer_by_saving(const void *a, const void *b)
{
    const ork_advised_layer *x = a, *y = b;
    if (x->saved != y->saved)
        return x->saved < y->saved ? 1 : -1;
    return (x->layer > y->layer) - (x->layer < y->layer);
}

ork_advices *ork_npu_advise(ork_arena *arena, const ork_graph *graph,
                            const ork_npu_estimate *estimate)
{
    ork_advices *advices = ORK_NEW(arena, ork_advices);
    const ork_npu_layer **layers =
        ORK_NEW_ARRAY(arena, const ork_npu_layer *, graph->values.count + 1);
    for (size_t i = 0; i < estimate->layers.count; i++)
        layers[estimate->layers.items[i].node->output->id] = &estimate->layers.items[i];
    const advising a = {estimate, layers};
    for (size_t r = 0; r < ORK_COUNT(rules); r++) {
        ork_advice advice = {.rule = &rules[r].rule};
        for (size_t i = 0; i < estimate->layers.count; i++) {
            double cost = layer_at(&a, i)->seconds;
            const double saved = rules[r].save(&a, i, &cost);
            if (saved <= 0)
                continue;
            ork_vec_push(arena, &advice.layers,
                         ((ork_advised_layer){layer_at(&a, i), cost, saved}));
            advice.saved += saved;
        }
        if (advice.layers.count == 0)
            continue;
        qsort(advice.layers.items, advice.layers.count, sizeof(*advice.layers.items),
              layer_by_saving);
        ork_vec_push(arena, advices, advice);
    }
    if (advices->count)
        qsort(advices->items, advices->count, sizeof(*advices->items), by_saving);
    return advices;
}
