/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions in parts. A chip that knows one scale for a tensor still computes as if each group
   of channels had its own, when the groups are convolutions of their own whose outputs are joined:
   the same sums, a few launches more. */
#include "internal.h"

#include <string.h>

/* ---- which ---- */

static bool is_dense(const ork_node *node)
{
    return node && node->op == ORK_OP_CONV2D && node->attrs.conv2d.groups == 1 &&
           node->inputs[1]->kind == ORK_VALUE_CONSTANT &&
           (node->input_count < 3 || !node->inputs[2] ||
            node->inputs[2]->kind == ORK_VALUE_CONSTANT);
}

static bool is_depthwise(const ork_node *node)
{
    return node->op == ORK_OP_CONV2D && node->attrs.conv2d.groups > 1 &&
           node->attrs.conv2d.groups == node->inputs[0]->type.shape.dim[1] &&
           node->attrs.conv2d.groups == node->output->type.shape.dim[1] &&
           node->inputs[1]->kind == ORK_VALUE_CONSTANT &&
           (node->input_count < 3 || !node->inputs[2] ||
            node->inputs[2]->kind == ORK_VALUE_CONSTANT);
}

/* The value behind the function that alone reads `value`, or the value itself. */
static ork_value *behind_function(const ork_value *value)
{
    ork_node *user = ork_value_single_user(value);
    ork_activation function;
    if (user && !ork_value_is_output(value) && ork_node_function(user, &function))
        return user->output;
    return (ork_value *)(uintptr_t)value;
}

static bool passes_channels(const ork_node *node)
{
    ork_activation function;
    return ork_node_function(node, &function) || node->op == ORK_OP_MAX_POOL2D ||
           node->op == ORK_OP_AVG_POOL2D || node->op == ORK_OP_ADAPTIVE_AVG_POOL2D ||
           node->op == ORK_OP_RESIZE || (node->op == ORK_OP_CONCAT && node->attrs.concat.axis == 1);
}

/* Whether everything that reads the channels ends in dense convolutions, which take any order. */
static bool bears_any_order(const ork_value *value, int depth)
{
    enum { DEEPEST = 12 };
    if (ork_value_is_output(value) || depth > DEEPEST)
        return false;
    for (size_t i = 0; i < value->uses.count; i++) {
        const ork_use *use = &value->uses.items[i];
        if (is_dense(use->node) && use->port == 0)
            continue;
        if (!passes_channels(use->node) || !bears_any_order(use->node->output, depth + 1))
            return false;
    }
    return value->uses.count > 0;
}

static bool find_followers(const ork_value *value, ork_arena *arena, ork_unit *unit)
{
    const size_t count = value->uses.count;
    unit->followers = ORK_NEW_ARRAY(arena, const char *, count);
    unit->follower_ends = ORK_NEW_ARRAY(arena, const char *, count);
    if (ork_value_is_output(value))
        return false;
    for (size_t i = 0; i < count; i++) {
        const ork_node *node = value->uses.items[i].node;
        if (!is_depthwise(node) || !bears_any_order(behind_function(node->output), 0))
            return false;
        unit->followers[i] = node->output->name;
        unit->follower_ends[i] = behind_function(node->output)->name;
    }
    unit->follower_count = (int)count;
    return count > 0;
}

void ork_units_find(const ork_graph *graph, ork_arena *arena, ork_units *units)
{
    for (const ork_node *node = graph->first; node; node = node->next) {
        if (!is_dense(node) || node->output->type.shape.dim[1] < 2)
            continue;
        const ork_value *end = behind_function(node->output);
        ork_unit unit = {.layer = node->output->name,
                         .output = end->name,
                         .channels = node->output->type.shape.dim[1]};
        if (find_followers(end, arena, &unit) || bears_any_order(end, 0))
            ork_vec_push(arena, units, unit);
    }
}

int ork_unit_cost(const ork_unit *unit, int groups)
{
    return (groups - 1) * (1 + unit->follower_count);
}

/* ---- constants ---- */

/* Rows of a constant float tensor: those listed, along its first axis. */
static ork_value *take_rows(ork_graph *graph, ork_diag *diag, const ork_value *value,
                            const int32_t *rows, int64_t count)
{
    ork_type type = {.dtype = ORK_F32, .shape = value->type.shape};
    const int64_t length = ork_shape_span(&type.shape, 1, type.shape.rank);
    type.shape.dim[0] = count;
    float *data = ork_graph_alloc(graph, diag, (size_t)(count * length) * sizeof(*data));
    if (!data)
        return NULL;
    for (int64_t r = 0; r < count; r++)
        for (int64_t i = 0; i < length; i++)
            data[r * length + i] =
                (float)ork_element_get(value->type.dtype, value->data, rows[r] * length + i);
    return ork_graph_add_constant(graph, value->name, &type, data);
}

/* Gives a dense convolution its input channels [begin, begin + count) in another order. */
static bool permute_inputs(ork_graph *graph, ork_diag *diag, ork_node *node, int64_t begin,
                           const int32_t *order, int64_t count)
{
    const ork_value *weight = node->inputs[1];
    ork_type type = {.dtype = ORK_F32, .shape = weight->type.shape};
    const int64_t rows = type.shape.dim[0], channels = type.shape.dim[1];
    const int64_t taps = type.shape.dim[2] * type.shape.dim[3];
    float *data = ork_graph_alloc(graph, diag, (size_t)(rows * channels * taps) * sizeof(*data));
    if (!data)
        return false;
    for (int64_t o = 0; o < rows; o++)
        for (int64_t c = 0; c < channels; c++) {
            bool moved = c >= begin && c < begin + count;
            int64_t from = moved ? begin + order[c - begin] : c;
            for (int64_t t = 0; t < taps; t++)
                data[(o * channels + c) * taps + t] = (float)ork_element_get(
                    weight->type.dtype, weight->data, (o * channels + from) * taps + t);
        }
    ork_node_set_input(graph, node, 1, ork_graph_add_constant(graph, weight->name, &type, data));
    return true;
}

/* Notes where the channels of the value come from. */
static void reorder_origin(ork_graph *graph, ork_value *value, int64_t begin, const int32_t *order,
                           int64_t count)
{
    const ork_origin *before = value->origin;
    const int64_t all = value->type.shape.dim[1];
    int32_t *channels = ORK_NEW_ARRAY(graph->arena, int32_t, (size_t)all);
    const float *was = before ? before->factors : NULL;
    float *factors = was ? ORK_NEW_ARRAY(graph->arena, float, (size_t)all) : NULL;
    for (int64_t c = 0; c < all; c++) {
        const bool moved = c >= begin && c < begin + count;
        const int64_t from = moved ? begin + order[c - begin] : c;
        channels[c] = before ? before->channels[from] : (int32_t)from;
        if (factors)
            factors[c] = was[from];
    }
    ork_origin *origin = ORK_NEW(graph->arena, ork_origin);
    *origin = (ork_origin){before ? before->of : value->name, channels, all, factors};
    value->origin = origin;
}

/* The channels [begin, begin + count) of the value come in another order from now on. */
static bool absorb_order(ork_graph *graph, ork_diag *diag, ork_value *value, int64_t begin,
                         const int32_t *order, int64_t count)
{
    reorder_origin(graph, value, begin, order, count);
    for (size_t i = 0; i < value->uses.count; i++) {
        const ork_use use = value->uses.items[i];
        int64_t at = begin;
        bool good;
        if (use.node->op == ORK_OP_CONV2D) {
            good = permute_inputs(graph, diag, use.node, begin, order, count);
        } else {
            for (int k = 0; use.node->op == ORK_OP_CONCAT && k < use.port; k++)
                at += use.node->inputs[k]->type.shape.dim[1];
            good = absorb_order(graph, diag, use.node->output, at, order, count);
        }
        if (!good)
            return false;
    }
    return true;
}

/* ---- the rewrite ---- */

typedef struct splitting {
    ork_graph *graph;
    ork_diag *diag;
    ork_map *origins;
    ork_node *at;        /* the newest node; the next goes behind it */
    int32_t *order;      /* channels, group after group */
    const int32_t *rows; /* those of the group at work */
    int64_t count;
    int group;
} splitting;

static ork_value *insert(splitting *s, ork_op op, const ork_attrs *attrs, ork_value *const *inputs,
                         int input_count, const ork_node *like)
{
    const char *name = ork_arena_printf(s->graph->arena, "%s.part%d", like->name, s->group);
    ork_value *value = ork_graph_insert(s->graph, s->diag, s->at, true, op, attrs, inputs,
                                        input_count, NULL, name);
    if (!value)
        return NULL;
    s->at = value->producer;
    s->at->scope = like->scope;
    return value;
}

static void note_origin(const splitting *s, ork_value *value, const ork_value *of)
{
    if (!value)
        return;
    const float *was = of->origin ? of->origin->factors : NULL;
    float *factors = was ? ORK_NEW_ARRAY(s->graph->arena, float, (size_t)s->count) : NULL;
    for (int64_t c = 0; factors && c < s->count; c++)
        factors[c] = was[s->rows[c]];
    ork_origin *origin = ORK_NEW(s->graph->arena, ork_origin);
    *origin = (ork_origin){of->name, s->rows, s->count, factors};
    value->origin = origin;
    if (s->origins)
        ork_map_set(s->origins, value->name, origin);
}

/* The group's part of a convolution, and of the function behind it. */
static ork_value *add_part(splitting *s, const ork_node *conv, ork_value *x)
{
    ork_attrs attrs = conv->attrs;
    if (attrs.conv2d.groups > 1)
        attrs.conv2d.groups = s->count;
    const bool has_bias = conv->input_count > 2 && conv->inputs[2];
    ork_value *inputs[3] = {
        x, take_rows(s->graph, s->diag, conv->inputs[1], s->rows, s->count),
        has_bias ? take_rows(s->graph, s->diag, conv->inputs[2], s->rows, s->count) : NULL};
    if (!inputs[1] || (has_bias && !inputs[2]))
        return NULL;
    ork_value *value = insert(s, ORK_OP_CONV2D, &attrs, inputs, has_bias ? 3 : 2, conv);
    note_origin(s, value, conv->output);
    const ork_value *end = behind_function(conv->output);
    if (!value || end == conv->output)
        return value;
    value = insert(s, end->producer->op, &end->producer->attrs, &value, 1, end->producer);
    note_origin(s, value, end);
    return value;
}

/* Joins the parts of a convolution in its place, and removes what they replace. */
static bool join(splitting *s, ork_node *conv, ork_value *const *parts, int count)
{
    ork_value *end = behind_function(conv->output);
    ork_attrs attrs = {.concat = {.axis = 1}};
    ork_value *joined = ork_graph_insert(s->graph, s->diag, s->at, true, ORK_OP_CONCAT, &attrs,
                                         parts, count, NULL, end->name);
    if (!joined)
        return false;
    joined->origin = end->origin;
    s->at = joined->producer;
    s->at->scope = conv->scope;
    ork_graph_supersede(s->graph, end, joined);
    if (end != conv->output)
        ork_graph_remove(s->graph, end->producer);
    ork_graph_remove(s->graph, conv);
    return absorb_order(s->graph, s->diag, joined, 0, s->order, end->type.shape.dim[1]);
}

static void order_channels(splitting *s, const uint8_t *group_of, int64_t channels, int groups)
{
    int64_t at = 0;
    for (int g = 0; g < groups; g++)
        for (int64_t c = 0; c < channels; c++)
            if (group_of[c] == g)
                s->order[at++] = (int32_t)c;
}

static void choose_group(splitting *s, const uint8_t *group_of, int64_t channels, int group)
{
    s->rows = group ? s->rows + s->count : s->order;
    s->group = group;
    s->count = 0;
    for (int64_t c = 0; c < channels; c++)
        s->count += group_of[c] == group;
}

static ork_node *producer_of(const ork_graph *graph, const char *name)
{
    ork_value *value = ork_graph_find(graph, name);
    return value ? value->producer : NULL;
}

/* parts[0 .. groups-1] of the convolution, then of each follower. */
static bool add_parts(splitting *s, const ork_unit *unit, const uint8_t *group_of, int groups,
                      ork_value **parts)
{
    const ork_node *conv = producer_of(s->graph, unit->layer);
    for (int g = 0; g < groups; g++) {
        choose_group(s, group_of, unit->channels, g);
        parts[g] = add_part(s, conv, conv->inputs[0]);
        for (int f = 0; parts[g] && f < unit->follower_count; f++) {
            const ork_node *follower = producer_of(s->graph, unit->followers[f]);
            if (!(parts[(f + 1) * groups + g] = add_part(s, follower, parts[g])))
                return false;
        }
        if (!parts[g])
            return false;
    }
    return true;
}

bool ork_unit_split(ork_graph *graph, ork_diag *diag, const ork_unit *unit, const uint8_t *group_of,
                    int groups, ork_map *origins)
{
    splitting s = {.graph = graph, .diag = diag, .origins = origins};
    s.order = ORK_NEW_ARRAY(graph->arena, int32_t, (size_t)unit->channels);
    s.at = producer_of(graph, unit->output);
    order_channels(&s, group_of, unit->channels, groups);
    ork_value **parts =
        ORK_NEW_ARRAY(graph->arena, ork_value *, (size_t)(groups * (1 + unit->follower_count)));
    if (!add_parts(&s, unit, group_of, groups, parts))
        return false;
    if (unit->follower_count == 0)
        return join(&s, producer_of(graph, unit->layer), parts, groups);
    for (int f = 0; f < unit->follower_count; f++)
        if (!join(&s, producer_of(graph, unit->followers[f]), parts + (f + 1) * groups, groups))
            return false;
    ork_node *conv = producer_of(graph, unit->layer);
    ork_value *end = behind_function(conv->output);
    if (end != conv->output)
        ork_graph_remove(graph, end->producer);
    ork_graph_remove(graph, conv);
    return true;
}
