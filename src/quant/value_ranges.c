/* SPDX-License-Identifier: Apache-2.0 */
/* The ranges of a network's values, whole or in parts, from the statistics of the float network. */
#include "search.h"

static const ork_activation *function_behind(const ork_value *value, ork_activation *function)
{
    const ork_node *user = ork_value_single_user(value);
    return user && !ork_value_is_output(value) && ork_node_function(user, function) ? function
                                                                                    : NULL;
}

static bool assembles(const ork_node *node)
{
    return node->op == ORK_OP_CONCAT || node->op == ORK_OP_RESHAPE || node->op == ORK_OP_TRANSPOSE;
}

/* Most of a detector's answers say that nothing is there; a range that serves those well cuts off
   the boxes. */
bool ork_value_is_answer(const ork_value *value)
{
    for (size_t i = 0; i < value->uses.count; i++) {
        const ork_node *node = value->uses.items[i].node;
        if (!assembles(node) || !ork_value_is_answer(node->output))
            return false;
    }
    return value->uses.count > 0 || ork_value_is_output(value);
}

bool ork_node_assembles_answers(const ork_node *node)
{
    return assembles(node) && ork_value_is_answer(node->output);
}

/* What a convolution gives, when the value is a function of it and nothing else reads it. */
static const ork_value *before_function(const ork_value *value, ork_activation *function)
{
    const ork_node *node = value->producer;
    if (!node || !ork_node_function(node, function))
        return NULL;
    const ork_value *in = node->inputs[0];
    return function_behind(in, function) && in->producer &&
                   ork_op_table[in->producer->op].op_class == ORK_CLASS_CONV
               ? in
               : NULL;
}

/* The value's channels, or those of the origin. */
static ork_portion portion_of(const ork_search *s, const ork_value *value, const ork_origin *origin)
{
    const ork_statistics *all = &s->statistics[value->id];
    return (ork_portion){all, origin ? origin->channels : NULL,
                         origin ? origin->count : all->channels};
}

/* Of a value of the search's graph, or of some of its channels. */
static ork_range choose(const ork_search *s, const ork_value *value, const ork_origin *origin,
                        ork_range_algorithm algorithm)
{
    ork_activation function;
    const ork_dtype dtype = s->options->dtype;
    const ork_portion portion = portion_of(s, value, origin);
    const ork_range range =
        ork_range_choose(algorithm, dtype, &portion, function_behind(value, &function));
    const ork_value *before = before_function(value, &function);
    if (!before || dtype != ORK_U8 || !s->statistics[before->id].parts ||
        algorithm == ORK_RANGE_EXTREMES) /* which serve 16 bits too */
        return range;
    const ork_portion fed = portion_of(s, before, origin);
    return ork_range_align(&fed, &function, ork_range_choose(algorithm, dtype, &fed, &function),
                           range);
}

static ork_range range_of_base(ork_search *s, const ork_value *value, ork_range_algorithm algorithm)
{
    if (ork_value_is_answer(value))
        algorithm = ORK_RANGE_EXTREMES;
    ork_range *range = &s->ranges[algorithm][value->id];
    if (!range->seen && s->statistics[value->id].parts)
        *range = choose(s, value, NULL, algorithm);
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

static ork_range range_of(ork_search *s, const ork_value *value, const ork_map *origins,
                          ork_range_algorithm algorithm)
{
    const ork_origin *origin = ork_map_get(origins, value->name);
    const ork_value *joined = origin ? joined_into(value, origins) : NULL;
    if (joined)
        value = joined;
    const ork_value *base = ork_graph_find(s->graph, origin && !joined ? origin->of : value->name);
    if (!base)
        return (ork_range){0};
    return origin && !joined ? choose(s, base, origin, algorithm)
                             : range_of_base(s, base, algorithm);
}

ork_range *ork_search_ranges(ork_search *s, ork_arena *arena, const ork_graph *graph,
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
