/* SPDX-License-Identifier: Apache-2.0 */
/* How much memory a network takes on a chip: its weights, and its values from the layer that makes
   each to the last that reads it. What costs no time (estimate.c) takes no memory either: a ReLU, a
   reshape or a part of a concat lies where its neighbour does. */
#include "npu.h"

#include <math.h>

typedef struct life {
    double bytes;
    size_t first, last; /* nodes by number, from 1; 0 stands for the inputs */
} life;

typedef struct lives {
    size_t *parents; /* by value id: the value whose memory it shares, or itself */
    life *of;        /* by value id */
} lives;

static size_t home_of(const lives *l, size_t id)
{
    while (l->parents[id] != id)
        id = l->parents[id];
    return id;
}

static bool is_variable(const ork_value *value)
{
    return value && value->kind != ORK_VALUE_CONSTANT;
}

static void share_memory(const lives *l, const ork_node *node)
{
    if (!ork_npu_is_free(node))
        return;
    if (node->op != ORK_OP_CONCAT) {
        if (is_variable(node->inputs[0]))
            l->parents[node->output->id] = home_of(l, node->inputs[0]->id);
        return;
    }
    for (int i = 0; i < node->input_count; i++) {
        const ork_value *in = node->inputs[i];
        if (is_variable(in) && ork_value_single_user(in))
            l->parents[home_of(l, in->id)] = node->output->id;
    }
}

static void live_until(const lives *l, const ork_value *value, size_t at, double bytes)
{
    life *one = &l->of[home_of(l, value->id)];
    one->bytes = fmax(one->bytes, bytes);
    one->first = at < one->first ? at : one->first;
    one->last = at > one->last ? at : one->last;
}

/* The most bytes alive at one of `count` + 1 moments. */
static double most_alive(ork_arena *arena, const lives *l, size_t values, size_t count)
{
    double *change = ORK_NEW_ARRAY(arena, double, count + 2), alive = 0, most = 0;
    for (size_t i = 0; i < values; i++) {
        if (l->of[i].last < l->of[i].first)
            continue;
        change[l->of[i].first] += l->of[i].bytes;
        change[l->of[i].last + 1] -= l->of[i].bytes;
    }
    for (size_t i = 0; i <= count; i++) {
        alive += change[i];
        most = fmax(most, alive);
    }
    return most;
}

static size_t find_lives(const ork_graph *graph, const lives *l, ork_dtype assumed)
{
    size_t at = 0;
    for (size_t i = 0; i < graph->values.count; i++) {
        l->parents[i] = i;
        l->of[i].first = SIZE_MAX;
    }
    for (const ork_node *node = graph->first; node; node = node->next)
        share_memory(l, node);
    for (size_t i = 0; i < graph->inputs.count; i++)
        live_until(l, graph->inputs.items[i].value, 0,
                   ork_npu_value_bytes(graph->inputs.items[i].value, assumed));
    for (const ork_node *node = graph->first; node; node = node->next) {
        at++;
        live_until(l, node->output, at, ork_npu_value_bytes(node->output, assumed));
        for (int i = 0; i < node->input_count; i++)
            if (is_variable(node->inputs[i]))
                live_until(l, node->inputs[i], at, 0);
    }
    for (size_t i = 0; i < graph->outputs.count; i++)
        if (is_variable(graph->outputs.items[i]))
            live_until(l, graph->outputs.items[i], at, 0);
    return at;
}

ork_npu_memory ork_npu_memory_run(const ork_graph *graph, const ork_soc *soc, ork_dtype assumed)
{
    ork_npu_memory memory = {.soc = soc};
    ork_arena *arena = ork_arena_new();
    const size_t count = graph->values.count;
    const lives l = {ORK_NEW_ARRAY(arena, size_t, count + 1),
                     ORK_NEW_ARRAY(arena, life, count + 1)};
    const size_t nodes = find_lives(graph, &l, assumed);
    for (size_t i = 0; i < count; i++) {
        const ork_value *value = graph->values.items[i];
        if (value->kind == ORK_VALUE_CONSTANT && value->uses.count > 0)
            memory.weights += ork_npu_value_bytes(value, assumed);
        if (l.of[i].last >= l.of[i].first)
            memory.values += l.of[i].bytes;
    }
    memory.internal = most_alive(arena, &l, count, nodes);
    for (size_t i = 0; i < graph->inputs.count; i++)
        memory.inputs += ork_npu_value_bytes(graph->inputs.items[i].value, assumed);
    for (size_t i = 0; i < graph->outputs.count; i++)
        memory.outputs += ork_npu_value_bytes(graph->outputs.items[i], assumed);
    ork_arena_free(arena);
    return memory;
}
