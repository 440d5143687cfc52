/* SPDX-License-Identifier: Apache-2.0 */
/* Which values of the quantized network hold a layer of the float one: the value of its name, or
   the parts in which it is computed. */
#include "accuracy.h"

#include <string.h>

const ork_value *layers_source(const ork_graph *reference, const ork_value *part)
{
    const ork_value *source =
        ork_graph_find(reference, part->origin ? part->origin->of : part->name);
    if (!source || source->kind == ORK_VALUE_CONSTANT || source->type.dtype != ORK_F32)
        return NULL;
    ork_shape shape = part->type.shape;
    if (part->origin && shape.rank == 4)
        shape.dim[1] = source->type.shape.dim[1];
    return ork_shape_equal(&shape, &source->type.shape) ? source : NULL;
}

int64_t part_channels(const ork_value *part)
{
    return part->type.shape.rank == 4 ? part->type.shape.dim[1] : 1;
}

float part_factor(const ork_value *part, int64_t i)
{
    return part->origin && part->origin->factors ? part->origin->factors[i] : 1;
}

/* ---- parts and wholes ---- */

static void copy_channels(const ork_value *part, float *part_numbers, const ork_shape *whole,
                          float *whole_numbers, bool to_whole)
{
    const int64_t count = part_channels(part);
    const bool pictures = whole->rank == 4;
    const int64_t all = pictures ? whole->dim[1] : 1, images = pictures ? whole->dim[0] : 1;
    const int64_t pixels = pictures ? whole->dim[2] * whole->dim[3] : ork_shape_count(whole);
    for (int64_t n = 0; n < images; n++)
        for (int64_t i = 0; i < count; i++) {
            const int64_t c = part->origin ? part->origin->channels[i] : i;
            float *a = part_numbers + (n * count + i) * pixels;
            float *b = whole_numbers + (n * all + c) * pixels;
            memcpy(to_whole ? b : a, to_whole ? a : b, (size_t)pixels * sizeof(float));
            const float factor = part_factor(part, i);
            for (int64_t k = 0; factor != 1 && k < pixels; k++)
                *(to_whole ? &b[k] : &a[k]) *= to_whole ? 1 / factor : factor;
        }
}

void part_to_whole(const ork_value *part, const float *numbers, const ork_shape *whole,
                   float *joined)
{
    copy_channels(part, (float *)(uintptr_t)numbers, whole, joined, true);
}

void part_of_whole(const ork_value *part, float *numbers, const ork_shape *whole,
                   const float *joined)
{
    copy_channels(part, numbers, whole, (float *)(uintptr_t)joined, false);
}

/* ---- matching ---- */

typedef struct matching {
    layer_list *list;
    ork_arena *arena;
    const ork_graph *reference, *quantized;
    const bool *observed;
} matching;

static bool is_visible(const matching *m, const ork_value *value)
{
    return value->kind == ORK_VALUE_INPUT || m->observed[value->id];
}

/* The value of the same name, when there is one, else all parts. */
static void find_parts(const matching *m, studied *l)
{
    ork_value *same = ork_graph_find(m->quantized, l->output->name);
    if (same && is_visible(m, same) && layers_source(m->reference, same) == l->output) {
        ork_vec_push(m->arena, &l->parts, same);
        return;
    }
    for (size_t i = 0; i < m->quantized->values.count; i++) {
        ork_value *value = m->quantized->values.items[i];
        if (value->origin && value->producer && is_visible(m, value) &&
            layers_source(m->reference, value) == l->output)
            ork_vec_push(m->arena, &l->parts, value);
    }
}

/* Whether the parts have all channels. */
static bool is_whole(const studied *l)
{
    int64_t channels = 0;
    for (size_t i = 0; i < l->parts.count; i++)
        channels += part_channels(l->parts.items[i]);
    return l->parts.count > 0 &&
           channels == (l->output->type.shape.rank == 4 ? l->output->type.shape.dim[1] : 1);
}

static void add_layer(const matching *m, const ork_node *node, const ork_value *output)
{
    studied l = {.node = node, .output = output};
    find_parts(m, &l);
    if (!is_whole(&l)) {
        m->list->unmatched++;
        return;
    }
    comparison_start(&l.isolated, m->arena, &output->type.shape);
    comparison_start(&l.accumulated, m->arena, &output->type.shape);
    const int index = (int)m->list->items.count;
    m->list->by_reference[output->id] = index;
    for (size_t i = 0; i < l.parts.count; i++)
        m->list->by_part[l.parts.items[i]->id] = index;
    ork_vec_push(m->arena, &m->list->items, l);
}

/* Nobody sees the value because the function that alone reads it is computed with it. */
static bool is_fused(const matching *m, const ork_node *node)
{
    const ork_node *user = ork_value_single_user(node->output);
    ork_activation function;
    if (!user || !ork_node_function(user, &function))
        return false;
    studied l = {.output = node->output};
    find_parts(m, &l);
    return !is_whole(&l);
}

static const ork_node *named_by(const matching *m, const ork_node *node)
{
    ork_activation function;
    const ork_node *before = node->inputs[0] ? node->inputs[0]->producer : NULL;
    return ork_node_function(node, &function) && before && is_fused(m, before) ? before : node;
}

static int *no_layers(ork_arena *arena, size_t count)
{
    int *of = ORK_NEW_ARRAY(arena, int, count + 1);
    for (size_t i = 0; i < count; i++)
        of[i] = -1;
    return of;
}

void layers_find(layer_list *list, ork_arena *arena, const ork_graph *reference,
                 const ork_graph *quantized, const bool *observed)
{
    const matching m = {list, arena, reference, quantized, observed};
    *list = (layer_list){.by_reference = no_layers(arena, reference->values.count),
                         .by_part = no_layers(arena, quantized->values.count),
                         .borders = ORK_NEW_ARRAY(arena, bool, quantized->values.count + 1)};
    for (size_t i = 0; i < reference->inputs.count; i++)
        if (reference->inputs.items[i].value->type.dtype == ORK_F32)
            add_layer(&m, NULL, reference->inputs.items[i].value);
    for (const ork_node *node = reference->first; node; node = node->next)
        if (node->output->type.dtype == ORK_F32 && !is_fused(&m, node))
            add_layer(&m, named_by(&m, node), node->output);
    for (size_t i = 0; i < quantized->values.count; i++) {
        const ork_value *value = quantized->values.items[i];
        list->borders[i] = value->kind != ORK_VALUE_CONSTANT && is_visible(&m, value) &&
                           layers_source(reference, value) != NULL;
    }
}
