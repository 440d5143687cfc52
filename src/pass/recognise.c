/* SPDX-License-Identifier: Apache-2.0 */
/* Recognises layers that are spelled out: on integers every step in between would cost accuracy,
   and a chip has many of them as one operation. The patterns are text: patterns.def. */
#include "rewrite.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ARGUMENTS = 3, MAX_ATTRIBUTES = 3, LETTERS = 26 };

/* ---- patterns read from their text ------------------------------------------------------- */

typedef struct pattern pattern;
struct pattern {
    char letter;    /* x, v, c; or 0 */
    bool is_number; /* or a node */
    double number;
    ork_op op;
    double attributes[MAX_ATTRIBUTES];
    int attribute_count, argument_count;
    pattern *arguments[MAX_ARGUMENTS];
};

static const char *skip(const char *text)
{
    while (*text == ' ' || *text == ',')
        text++;
    return text;
}

/* Numbers up to a closing bracket or the end. */
static int read_numbers(const char **text, double *numbers, int most)
{
    int count = 0;
    for (*text = skip(*text); **text && **text != ']' && count < most; *text = skip(*text))
        numbers[count++] = strtod(*text, (char **)text);
    return count;
}

static pattern *read_pattern(ork_arena *arena, const char **text)
{
    pattern *p = ORK_NEW(arena, pattern);
    *text = skip(*text);
    if (isdigit((unsigned char)**text)) {
        p->is_number = true;
        p->number = strtod(*text, (char **)text);
        return p;
    }
    size_t length = strspn(*text, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if (length == 1) {
        p->letter = *(*text)++;
        return p;
    }
    bool known = ork_op_from_name(ork_arena_strndup(arena, *text, length), &p->op);
    assert(known && "patterns.def names an operator");
    (void)known;
    *text += length;
    if (**text == '[') {
        ++*text;
        p->attribute_count = read_numbers(text, p->attributes, MAX_ATTRIBUTES);
        ++*text;
    }
    ++*text; /* ( */
    for (*text = skip(*text); **text != ')'; *text = skip(*text))
        p->arguments[p->argument_count++] = read_pattern(arena, text);
    ++*text;
    return p;
}

typedef struct row {
    pattern *pattern;
    ork_op result;
    const char *attributes;
} row;

static const struct {
    const char *pattern;
    ork_op result;
    const char *attributes;
} texts[] = {
#define ORK_PATTERN(pattern, symbol, attributes) {pattern, ORK_OP_##symbol, attributes},
#include "patterns.def"
#undef ORK_PATTERN
};

/* ---- matching ---------------------------------------------------------------------------- */

typedef struct match {
    ork_value *letters[LETTERS];
} match;

static ork_value **letter(match *m, char name)
{
    return &m->letters[name - 'a'];
}

/* Constants of the framework are rounded to float, and sometimes cut short in the user's source. */
static bool is_near(double value, double wanted)
{
    return fabs(value - wanted) <= 2e-6 * fabs(wanted);
}

static bool match_number(const ork_value *value, double wanted)
{
    enum { MOST = 4096 };
    int64_t count = ork_shape_count(&value->type.shape);
    if (value->kind != ORK_VALUE_CONSTANT || count < 1 || count > MOST)
        return false;
    for (int64_t i = 0; i < count; i++)
        if (!is_near(ork_element_get(value->type.dtype, value->data, i), wanted))
            return false;
    return true;
}

static bool match_letter(match *m, ork_value *value, char name)
{
    ork_value **bound = letter(m, name);
    if (name != 'x' && name != 'v' && value->kind != ORK_VALUE_CONSTANT)
        return false;
    if (!*bound)
        *bound = value;
    return *bound == value;
}

static bool match_attributes(const ork_node *node, const pattern *p)
{
    for (int i = 0; i < p->attribute_count; i++) {
        const ork_attr_info *info = &ork_op_table[node->op].attrs[i];
        double value = *(const double *)(const void *)((const char *)&node->attrs + info->offset);
        assert(info->kind == ORK_ATTR_KIND_FLOAT);
        if (!is_near(value, p->attributes[i]))
            return false;
    }
    return true;
}

static bool is_commutative(ork_op op)
{
    return op == ORK_OP_ADD || op == ORK_OP_MUL || op == ORK_OP_MAXIMUM || op == ORK_OP_MINIMUM;
}

static bool match_value(match *m, ork_value *value, const pattern *p);

static bool match_inputs(match *m, const ork_node *node, const pattern *p, bool swapped)
{
    for (int i = 0; i < p->argument_count; i++)
        if (!match_value(m, node->inputs[swapped ? 1 - i : i], p->arguments[i]))
            return false;
    return true;
}

static bool match_node(match *m, const ork_node *node, const pattern *p)
{
    if (node->op != p->op || node->input_count != p->argument_count || !match_attributes(node, p))
        return false;
    match before = *m;
    if (match_inputs(m, node, p, false))
        return true;
    *m = before;
    return is_commutative(p->op) && match_inputs(m, node, p, true);
}

static bool match_value(match *m, ork_value *value, const pattern *p)
{
    if (p->letter)
        return match_letter(m, value, p->letter);
    if (p->is_number)
        return match_number(value, p->number);
    return value->producer && match_node(m, value->producer, p);
}

/* ---- results ----------------------------------------------------------------------------- */

static void number_attributes(ork_op op, const char *text, ork_attrs *attrs)
{
    double numbers[MAX_ATTRIBUTES];
    int count = read_numbers(&text, numbers, MAX_ATTRIBUTES);
    for (int i = 0; i < count; i++) {
        const ork_attr_info *info = &ork_op_table[op].attrs[i];
        void *field = (char *)attrs + info->offset;
        if (info->kind == ORK_ATTR_KIND_FLOAT)
            *(double *)field = numbers[i];
        else
            *(int *)field = (int)numbers[i];
    }
}

/* A mean over the last axes, kept as 1: how many; 0 for anything else. */
static int64_t axes_of_mean(const ork_node *node, const ork_value *of)
{
    bool listed[ORK_MAX_RANK] = {false};
    if (!node || node->op != ORK_OP_REDUCE_MEAN || node->inputs[0] != of ||
        !node->attrs.reduce_mean.keep_dims)
        return 0;
    const ork_ints *axes = &node->attrs.reduce_mean.axes;
    for (int i = 0; i < axes->count; i++)
        listed[axes->v[i]] = true;
    for (int i = 0; i < axes->count; i++)
        if (!listed[of->type.shape.rank - 1 - i])
            return 0;
    return axes->count;
}

static bool is_square_of(const ork_node *node, const ork_value *x)
{
    if (!node || node->input_count != 2 || node->inputs[0] != x)
        return false;
    return (node->op == ORK_OP_POW && match_number(node->inputs[1], 2.0)) ||
           (node->op == ORK_OP_MUL && node->inputs[1] == x);
}

/* The matched x must be centred, sub(input, mean(input)), and v the mean of its square over the
   same axes. */
static bool layer_norm_attributes(match *m, ork_attrs *attrs)
{
    ork_value *centred = *letter(m, 'x'), *variance = *letter(m, 'v'), *epsilon = *letter(m, 'c');
    const ork_node *sub = centred->producer, *mean = variance->producer;
    if (!sub || sub->op != ORK_OP_SUB || !mean || ork_shape_count(&epsilon->type.shape) != 1)
        return false;
    ork_value *x = sub->inputs[0];
    int64_t axes = axes_of_mean(sub->inputs[1]->producer, x);
    *letter(m, 'x') = x;
    attrs->layer_norm.axes = axes;
    attrs->layer_norm.epsilon = ork_element_get(epsilon->type.dtype, epsilon->data, 0);
    return axes > 0 && is_square_of(mean->inputs[0]->producer, centred) &&
           axes_of_mean(mean, mean->inputs[0]) == axes;
}

/* c is one number from 0 to 1. */
static bool slope_attributes(match *m, ork_attrs *attrs)
{
    const ork_value *slope = *letter(m, 'c');
    if (ork_shape_count(&slope->type.shape) != 1)
        return false;
    attrs->leaky_relu.alpha = ork_element_get(slope->type.dtype, slope->data, 0);
    return attrs->leaky_relu.alpha >= 0 && attrs->leaky_relu.alpha <= 1;
}

/* False when the match does not hold after all. */
static bool work_out(match *m, const row *r, ork_attrs *attrs)
{
    if (!strcmp(r->attributes, "layer_norm"))
        return layer_norm_attributes(m, attrs);
    if (!strcmp(r->attributes, "slope"))
        return slope_attributes(m, attrs);
    number_attributes(r->result, r->attributes, attrs);
    return true;
}

static bool replace(ork_graph *graph, ork_diag *diag, ork_node *node, const row *r, match *m,
                    size_t *changes)
{
    ork_attrs attrs = {0};
    if (!work_out(m, r, &attrs))
        return true;
    ork_value *x = *letter(m, 'x');
    if (!ork_shape_equal(&x->type.shape, &node->output->type.shape) || x->type.dtype != ORK_F32)
        return true;
    ork_value *y =
        ork_graph_insert(graph, diag, node, true, r->result, &attrs, &x, 1, NULL, node->name);
    if (!y)
        return false;
    y->producer->scope = node->scope;
    ork_graph_supersede(graph, node->output, y);
    ++*changes;
    return true;
}

bool ork_pass_recognise(ork_graph *graph, ork_diag *diag, size_t *changes)
{
    row rows[ORK_COUNT(texts)];
    ork_arena *arena = ork_arena_new();
    bool good = true;
    for (size_t i = 0; i < ORK_COUNT(texts); i++) {
        const char *text = texts[i].pattern;
        rows[i] = (row){read_pattern(arena, &text), texts[i].result, texts[i].attributes};
    }
    for (ork_node *node = graph->first; good && node; node = node->next)
        for (size_t i = 0; good && i < ORK_COUNT(rows); i++) {
            match m = {{0}};
            if (match_node(&m, node, rows[i].pattern)) {
                good = replace(graph, diag, node, &rows[i], &m, changes);
                break;
            }
        }
    ork_arena_free(arena);
    return good;
}
