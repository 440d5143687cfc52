/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between layers that were matched. */
#include "match.h"
#include "picture.h"

#include <math.h>
#include <string.h>

const char *const ork_difference_names[] = {"added", "removed", "changed"};

typedef struct comparison {
    match *m;
    ork_graph_diff *diff;
    double tolerance;
    const ork_node *first, *second; /* at hand; NULL at inputs and outputs of the network */
    const char *names[2];           /* what to call them */
    const char *op;
} comparison;

static const char *copy(const comparison *c, const char *text)
{
    return ork_arena_strdup(c->m->arena, text ? text : "");
}

static void changed(comparison *c, const char *what, const char *before, const char *after)
{
    ork_difference_row row = {
        ORK_DIFFERENCE_CHANGED, copy(c, c->names[0]), copy(c, c->names[1]), c->op, what,
        copy(c, before),        copy(c, after)};
    ork_vec_push(c->m->arena, &c->diff->rows, row);
}

/* ---- attributes and types ----------------------------------------------------------------- */

static const char *attribute_text(const comparison *c, const ork_attr_info *info,
                                  const ork_node *node)
{
    ork_str text = {0};
    ork_attr_print(&text, info, &node->attrs);
    const char *result = copy(c, text.text ? text.text : "0");
    ork_str_free(&text);
    return result;
}

static void compare_attributes(comparison *c)
{
    const ork_op_info *info = &ork_op_table[c->first->op];
    for (int i = 0; i < info->attr_count; i++) {
        const char *before = attribute_text(c, &info->attrs[i], c->first);
        const char *after = attribute_text(c, &info->attrs[i], c->second);
        if (strcmp(before, after) != 0)
            changed(c, info->attrs[i].name, before, after);
    }
}

static const char *scale_text(const comparison *c, const ork_type *type)
{
    const char *text = quant_text(c->m->arena, type);
    return *text ? text : "none";
}

/* False when the elements cannot be compared. */
static bool compare_types(comparison *c, const char *what, const ork_type *a, const ork_type *b)
{
    bool alike = a->dtype == b->dtype && ork_shape_equal(&a->shape, &b->shape);
    const char *word = *what ? ork_arena_printf(c->m->arena, "%s ", what) : "";
    if (!alike)
        changed(c, *what ? what : "result", type_text(c->m->arena, a), type_text(c->m->arena, b));
    int64_t channels = a->quant.scheme == ORK_SCHEME_PER_CHANNEL && alike &&
                               b->quant.scheme == ORK_SCHEME_PER_CHANNEL
                           ? a->shape.dim[a->quant.axis]
                           : 0;
    if (!ork_quant_equal(&a->quant, &b->quant, channels))
        changed(c, ork_arena_printf(c->m->arena, "%squantization", word), scale_text(c, a),
                scale_text(c, b));
    return alike;
}

/* ---- weights ------------------------------------------------------------------------------ */

/* The greatest difference, relative to the greatest number where that is above 1. Numbers that are
   none on one side alone are infinitely far apart. */
static double difference_of(const ork_value *a, const ork_value *b)
{
    int64_t count = ork_shape_count(&a->type.shape);
    double most = 1, difference = 0;
    for (int64_t i = 0; i < count; i++) {
        double x = ork_element_get(a->type.dtype, a->data, i);
        double y = ork_element_get(b->type.dtype, b->data, i);
        if (x == y || (isnan(x) && isnan(y)))
            continue;
        double distance = fabs(x - y);
        difference = distance <= difference ? difference : distance;
        if (!(distance <= difference))
            return INFINITY;
    }
    for (int64_t i = 0; i < count && difference > 0; i++) {
        double size = fabs(ork_element_get(a->type.dtype, a->data, i));
        most = isfinite(size) && size > most ? size : most;
    }
    return difference / most;
}

static void compare_constants(comparison *c, const char *word, const ork_value *a,
                              const ork_value *b)
{
    if (!compare_types(c, word, &a->type, &b->type))
        return;
    double difference = difference_of(a, b);
    c->diff->weight_difference = fmax(c->diff->weight_difference, difference);
    if (difference > c->tolerance)
        changed(c, word, "", ork_arena_printf(c->m->arena, "differs by %.3g", difference));
}

/* ---- inputs ------------------------------------------------------------------------------- */

static const char *port_word(const comparison *c, int port)
{
    const char *words = ork_op_table[c->first->op].inputs;
    for (; port > 0 && strchr(words, ' '); port--)
        words = strchr(words, ' ') + 1;
    return ork_arena_strndup(c->m->arena, words, strcspn(words, " ?."));
}

static const char *value_text(const comparison *c, const ork_value *value)
{
    if (!value)
        return "none";
    return value->kind == ORK_VALUE_CONSTANT ? type_text(c->m->arena, &value->type) : value->name;
}

static void compare_input(comparison *c, int port, const ork_value *a, const ork_value *b)
{
    bool constants = a && b && a->kind == ORK_VALUE_CONSTANT && b->kind == ORK_VALUE_CONSTANT;
    if (constants)
        compare_constants(c, port_word(c, port), a, b);
    else if (!match_same_value(c->m, a, b))
        changed(c, ork_arena_printf(c->m->arena, "input %s", port_word(c, port)), value_text(c, a),
                value_text(c, b));
}

static void compare_inputs(comparison *c)
{
    const ork_node *a = c->first, *b = c->second;
    int count = a->input_count > b->input_count ? a->input_count : b->input_count;
    bool swapped = false;
    if (match_commutes(a) && a->input_count == 2 && b->input_count == 2)
        swapped = match_same_value(c->m, a->inputs[0], b->inputs[1]) +
                      match_same_value(c->m, a->inputs[1], b->inputs[0]) >
                  match_same_value(c->m, a->inputs[0], b->inputs[0]) +
                      match_same_value(c->m, a->inputs[1], b->inputs[1]);
    for (int i = 0; i < count; i++) {
        int other = swapped ? 1 - i : i;
        compare_input(c, i, i < a->input_count ? a->inputs[i] : NULL,
                      other < b->input_count ? b->inputs[other] : NULL);
    }
}

/* ---- layers ------------------------------------------------------------------------------- */

static void alone(comparison *c, ork_difference_kind kind, const ork_node *node)
{
    const char *name = copy(c, node->name);
    ork_difference_row row = {kind,
                              kind == ORK_DIFFERENCE_REMOVED ? name : "",
                              kind == ORK_DIFFERENCE_ADDED ? name : "",
                              ork_op_table[node->op].name,
                              "",
                              "",
                              ""};
    ork_vec_push(c->m->arena, &c->diff->rows, row);
}

static void compare_nodes(comparison *c, const ork_node *first, const ork_node *second)
{
    size_t before = c->diff->rows.count;
    c->first = first;
    c->second = second;
    c->names[0] = first->name;
    c->names[1] = second->name;
    c->op = ork_op_table[first->op].name;
    compare_attributes(c);
    compare_inputs(c);
    compare_types(c, "", &first->output->type, &second->output->type);
    c->diff->changed += c->diff->rows.count > before;
    c->diff->matched++;
}

static void compare_layers(comparison *c)
{
    const match_side *a = &c->m->sides[0], *b = &c->m->sides[1];
    for (int i = 0; i < a->count; i++)
        if (a->partner[i] < 0) {
            alone(c, ORK_DIFFERENCE_REMOVED, a->nodes[i]);
            c->diff->first_only++;
        }
    for (int i = 0; i < b->count; i++) {
        if (b->partner[i] >= 0) {
            compare_nodes(c, a->nodes[b->partner[i]], b->nodes[i]);
            continue;
        }
        alone(c, ORK_DIFFERENCE_ADDED, b->nodes[i]);
        c->diff->second_only++;
    }
}

/* ---- inputs and outputs of the network ---------------------------------------------------- */

static const char *preprocess_text(const comparison *c, const ork_preprocess *p)
{
    const char *text = "";
    for (int i = 0; i < p->count; i++)
        text = ork_arena_printf(c->m->arena, "%s%s%d: (x - %g) / %g", text, i ? ", " : "",
                                p->reorder[i], (double)p->mean[i], (double)p->std[i]);
    return *text ? text : "none";
}

static bool begin_end(comparison *c, const char *op, size_t index, size_t count_a, size_t count_b,
                      const ork_value *a, const ork_value *b)
{
    c->op = op;
    c->names[0] = index < count_a ? a->name : "";
    c->names[1] = index < count_b ? b->name : "";
    if (index < count_a && index < count_b)
        return true;
    changed(c, op, index < count_a ? type_text(c->m->arena, &a->type) : "none",
            index < count_b ? type_text(c->m->arena, &b->type) : "none");
    return false;
}

static void compare_network_inputs(comparison *c)
{
    const ork_graph *a = c->m->sides[0].graph, *b = c->m->sides[1].graph;
    for (size_t i = 0; i < a->inputs.count || i < b->inputs.count; i++) {
        const ork_graph_input *x = i < a->inputs.count ? &a->inputs.items[i] : NULL;
        const ork_graph_input *y = i < b->inputs.count ? &b->inputs.items[i] : NULL;
        if (!begin_end(c, "input", i, a->inputs.count, b->inputs.count, x ? x->value : NULL,
                       y ? y->value : NULL))
            continue;
        compare_types(c, "", &x->value->type, &y->value->type);
        const char *before = preprocess_text(c, &x->preprocess);
        const char *after = preprocess_text(c, &y->preprocess);
        if (strcmp(before, after) != 0)
            changed(c, "preprocessing", before, after);
    }
}

static void compare_network_outputs(comparison *c)
{
    const ork_graph *a = c->m->sides[0].graph, *b = c->m->sides[1].graph;
    for (size_t i = 0; i < a->outputs.count || i < b->outputs.count; i++) {
        const ork_value *x = i < a->outputs.count ? a->outputs.items[i] : NULL;
        const ork_value *y = i < b->outputs.count ? b->outputs.items[i] : NULL;
        if (begin_end(c, "output", i, a->outputs.count, b->outputs.count, x, y) &&
            !match_same_value(c->m, x, y))
            changed(c, "computed by", x->producer ? x->producer->name : x->name,
                    y->producer ? y->producer->name : y->name);
    }
}

ork_graph_diff *ork_graph_compare(ork_arena *arena, const ork_graph *first, const ork_graph *second,
                                  double tolerance)
{
    ork_graph_diff *diff = ORK_NEW(arena, ork_graph_diff);
    comparison c = {.m = match_graphs(arena, first, second), .diff = diff, .tolerance = tolerance};
    compare_network_inputs(&c);
    compare_layers(&c);
    compare_network_outputs(&c);
    return diff;
}
