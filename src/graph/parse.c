/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the text form of graphs (graph.h shows it). The text may come from outside. */
#include "graph.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef struct parser {
    ork_diag *diag;
    ork_graph *graph;
    const char *at, *end;
    int line;
    size_t generated; /* bytes of constants given as zeros, fill or random */
    ork_map *values;  /* "%7" -> value */
    bool failed;
} parser;

static bool fail(parser *p, const char *what)
{
    if (!p->failed) {
        size_t rest = (size_t)(p->end - p->at);
        ork_fail(p->diag, ORK_ERR_GRAPH_TEXT, "%s", what);
        ork_where(p->diag, "line %d, before '%.*s'", p->line, (int)ork_min_size(rest, 20), p->at);
    }
    p->failed = true;
    return false;
}

static void skip_space(parser *p)
{
    while (p->at < p->end) {
        if (*p->at == '#') {
            while (p->at < p->end && *p->at != '\n')
                p->at++;
            continue;
        }
        if (!isspace((unsigned char)*p->at))
            return;
        p->line += *p->at++ == '\n';
    }
}

static bool peek(parser *p, char c)
{
    skip_space(p);
    return p->at < p->end && *p->at == c;
}

static bool accept(parser *p, const char *token)
{
    skip_space(p);
    size_t length = strlen(token);
    if ((size_t)(p->end - p->at) < length || memcmp(p->at, token, length) != 0)
        return false;
    const char *after = p->at + length;
    if (isalnum((unsigned char)token[0]) && after < p->end &&
        (isalnum((unsigned char)*after) || *after == '_'))
        return false; /* only the start of a longer word */
    p->at = after;
    return true;
}

static bool expect(parser *p, const char *token)
{
    if (p->failed)
        return false;
    if (accept(p, token))
        return true;
    ork_fail(p->diag, ORK_ERR_GRAPH_TEXT, "'%s' is expected", token);
    ork_where(p->diag, "line %d", p->line);
    p->failed = true;
    return false;
}

/* A word of letters, digits and _ . - + %; empty when there is none. */
static char *word(parser *p)
{
    skip_space(p);
    const char *start = p->at;
    while (p->at < p->end && (isalnum((unsigned char)*p->at) || strchr("_.-+%", *p->at)) && *p->at)
        p->at++;
    return ork_arena_strndup(p->graph->arena, start, (size_t)(p->at - start));
}

static int hex_digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : (tolower((unsigned char)c) - 'a') + 10;
}

static char *string(parser *p)
{
    if (!expect(p, "\""))
        return NULL;
    ork_str text = {0};
    ork_str_append(&text, "", 0);
    while (p->at < p->end && *p->at != '"') {
        char c = *p->at++;
        if (c == '\\' && p->end - p->at >= 3 && *p->at == 'x' &&
            isxdigit((unsigned char)p->at[1]) && isxdigit((unsigned char)p->at[2])) {
            c = (char)(hex_digit(p->at[1]) * 16 + hex_digit(p->at[2]));
            p->at += 3;
        } else if (c == '\\' && p->at < p->end) {
            c = *p->at++;
        }
        ork_str_append(&text, &c, 1);
    }
    char *copy = ork_arena_strdup(p->graph->arena, text.text);
    ork_str_free(&text);
    return expect(p, "\"") ? copy : NULL;
}

static double number(parser *p)
{
    char *text = word(p), *end;
    double value = strtod(text, &end);
    if (end == text || *end)
        fail(p, "a number is expected");
    return value;
}

static int64_t integer(parser *p)
{
    char *text = word(p), *end;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end)
        fail(p, "a whole number is expected");
    return value;
}

static int ints(parser *p, int64_t *values, int most)
{
    int count = 0;
    expect(p, "[");
    while (!p->failed && !peek(p, ']')) {
        if (count == most) {
            fail(p, "the list is too long");
            break;
        }
        values[count++] = integer(p);
    }
    expect(p, "]");
    return count;
}

/* ---- types ---- */

static bool shape(parser *p, ork_shape *out)
{
    *out = (ork_shape){0};
    expect(p, "[");
    char *text = word(p);
    for (char *at = text; *at;) {
        char *end;
        long long dim = strtoll(at, &end, 10);
        if (end == at || dim < 0 || out->rank == ORK_MAX_RANK || (*end && *end != 'x'))
            return fail(p, "a shape like 1x3x4 is expected");
        out->dim[out->rank++] = dim;
        at = *end ? end + 1 : end;
    }
    return expect(p, "]");
}

static bool per_channel(parser *p, ork_type *type)
{
    int64_t axis = integer(p);
    if (p->failed || axis < 0 || axis >= type->shape.rank)
        return fail(p, "the axis is out of range");
    int64_t channels = type->shape.dim[axis];
    if (channels > p->end - p->at)
        return fail(p, "there are fewer scales than channels");
    float *scales = ORK_NEW_ARRAY(p->graph->arena, float, (size_t)channels);
    int32_t *zeros = ORK_NEW_ARRAY(p->graph->arena, int32_t, (size_t)channels);
    expect(p, "[");
    for (int64_t i = 0; i < channels && !p->failed; i++)
        scales[i] = (float)number(p);
    expect(p, "]");
    expect(p, "[");
    for (int64_t i = 0; i < channels && !p->failed; i++)
        zeros[i] = (int32_t)integer(p);
    expect(p, "]");
    type->quant = (ork_quant){.scheme = ORK_SCHEME_PER_CHANNEL,
                              .axis = (int)axis,
                              .scales = scales,
                              .zero_points = zeros};
    return !p->failed;
}

static bool type(parser *p, ork_type *out)
{
    *out = (ork_type){0};
    skip_space(p);
    const char *start = p->at;
    while (p->at < p->end && isalnum((unsigned char)*p->at))
        p->at++;
    char *name = ork_arena_strndup(p->graph->arena, start, (size_t)(p->at - start));
    size_t bytes;
    if (!ork_dtype_from_name(name, &out->dtype))
        return fail(p, "an element type like f32 is expected");
    if (!shape(p, &out->shape))
        return false;
    if (!ork_shape_bytes(&out->shape, out->dtype, &bytes))
        return fail(p, "the shape is too large");
    if (!accept(p, "{"))
        return true;
    if (accept(p, "fl"))
        out->quant = ork_quant_dfp((int32_t)integer(p));
    else if (accept(p, "axis"))
        per_channel(p, out);
    else {
        float scale = (float)number(p);
        out->quant = ork_quant_affine(scale, (int32_t)integer(p));
    }
    return expect(p, "}");
}

/* ---- constants ---- */

enum { MOST_GENERATED = 4 << 20 }; /* a short text must not ask for much memory */

static uint32_t next_random(uint64_t *state) /* a 64-bit linear congruential generator */
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static void fill_random(const ork_type *type, void *data, int64_t count, uint64_t seed)
{
    const ork_dtype_info *info = &ork_dtype_table[type->dtype];
    for (int64_t i = 0; i < count; i++) {
        double unit = (double)next_random(&seed) / 2147483648.0;
        if (info->is_float)
            ork_element_set(type->dtype, data, i, unit * 2 - 1);
        else if (info->size == 1)
            ork_element_set(type->dtype, data, i,
                            (double)info->min + (double)(int64_t)(unit * 256));
        else
            ork_element_set(type->dtype, data, i, (double)(int64_t)(unit * 2000 - 1000));
    }
}

static bool listed(parser *p, const ork_type *t, void *data, int64_t count)
{
    for (int64_t i = 0; i < count && !p->failed; i++) {
        if (t->dtype == ORK_I64) {
            int64_t value = integer(p);
            memcpy((char *)data + i * 8, &value, 8);
        } else {
            ork_element_set(t->dtype, data, i, number(p));
        }
    }
    return expect(p, "]");
}

static void *constant_data(parser *p, const ork_type *t)
{
    size_t bytes = ork_tensor_bytes(&(ork_tensor){.type = *t});
    int64_t count = ork_shape_count(&t->shape);
    bool list = accept(p, "[");
    if (list ? count > (p->end - p->at + 1) / 2 + 1 : bytes > MOST_GENERATED - p->generated) {
        fail(p, list ? "there are fewer numbers than elements" : "the constant is too large");
        return NULL;
    }
    p->generated += list ? 0 : bytes;
    void *data = ork_arena_alloc(p->graph->arena, bytes);
    if (list) {
        listed(p, t, data, count);
    } else if (accept(p, "fill")) {
        double value = number(p);
        for (int64_t i = 0; i < count; i++)
            ork_element_set(t->dtype, data, i, value);
    } else if (accept(p, "random")) {
        fill_random(t, data, count, (uint64_t)integer(p));
    } else if (!accept(p, "zeros")) {
        fail(p, accept(p, "...")
                    ? "the constant is shortened; print with all constants to read back"
                    : "[values], zeros, fill or random is expected");
    }
    return data;
}

/* ---- statements ---- */

static char *value_key(parser *p)
{
    skip_space(p);
    if (!peek(p, '%')) {
        fail(p, "a value like %3 is expected");
        return NULL;
    }
    return word(p);
}

static ork_value *value_use(parser *p)
{
    if (accept(p, "_"))
        return NULL;
    char *key = value_key(p);
    ork_value *value = key ? ork_map_get(p->values, key) : NULL;
    if (!value)
        fail(p, "the value is not defined above");
    return value;
}

static bool header(parser *p, char **key, char **name, ork_type *t)
{
    *key = value_key(p);
    *name = *key ? string(p) : NULL;
    if (!*name || !type(p, t))
        return fail(p, "a value, its name and its type are expected");
    if (ork_map_get(p->values, *key))
        return fail(p, "the value is defined twice");
    return true;
}

static bool preprocess(parser *p, ork_preprocess *out)
{
    int64_t order[64];
    float *mean = ORK_NEW_ARRAY(p->graph->arena, float, ORK_COUNT(order));
    float *std = ORK_NEW_ARRAY(p->graph->arena, float, ORK_COUNT(order));
    size_t means = 0, stds = 0;
    expect(p, "[");
    while (!p->failed && !peek(p, ']') && means < ORK_COUNT(order))
        mean[means++] = (float)number(p);
    expect(p, "]");
    expect(p, "std");
    expect(p, "[");
    while (!p->failed && !peek(p, ']') && stds < ORK_COUNT(order))
        std[stds++] = (float)number(p);
    expect(p, "]");
    expect(p, "reorder");
    int count = ints(p, order, (int)ORK_COUNT(order));
    if (p->failed || means != stds || means != (size_t)count)
        return fail(p, "mean, std and reorder must be of one length");
    int *reorder = ORK_NEW_ARRAY(p->graph->arena, int, (size_t)count);
    for (int i = 0; i < count; i++) {
        if (order[i] < 0 || order[i] >= count)
            return fail(p, "reorder names a channel that is not there");
        reorder[i] = (int)order[i];
    }
    *out = (ork_preprocess){count, mean, std, reorder};
    return true;
}

static void input(parser *p)
{
    char *key, *name;
    ork_type t;
    if (!header(p, &key, &name, &t))
        return;
    ork_map_set(p->values, key, ork_graph_add_input(p->graph, name, &t));
    if (accept(p, "mean"))
        preprocess(p, &p->graph->inputs.items[p->graph->inputs.count - 1].preprocess);
}

static void constant(parser *p)
{
    char *key, *name;
    ork_type t;
    if (!header(p, &key, &name, &t))
        return;
    void *data = constant_data(p, &t);
    if (!p->failed)
        ork_map_set(p->values, key, ork_graph_add_constant(p->graph, name, &t, data));
}

static int enum_value(const char *names, const char *name)
{
    for (int i = 0;; i++) {
        size_t length = strcspn(names, "|");
        if (strlen(name) == length && memcmp(names, name, length) == 0)
            return i;
        if (!names[length])
            return -1;
        names += length + 1;
    }
}

static void attribute(parser *p, const ork_attr_info *info, void *field)
{
    int value;
    switch (info->kind) {
    case ORK_ATTR_KIND_INT:
        *(int64_t *)field = integer(p);
        break;
    case ORK_ATTR_KIND_FLOAT:
        *(double *)field = number(p);
        break;
    case ORK_ATTR_KIND_BOOL:
        *(bool *)field = strcmp(word(p), "true") == 0;
        break;
    case ORK_ATTR_KIND_PAIR:
    case ORK_ATTR_KIND_QUAD:
        value = info->kind == ORK_ATTR_KIND_PAIR ? 2 : 4;
        if (ints(p, field, value) != value)
            fail(p, "the list is too short");
        break;
    case ORK_ATTR_KIND_INTS:
        ((ork_ints *)field)->count = ints(p, ((ork_ints *)field)->v, ORK_MAX_RANK);
        break;
    case ORK_ATTR_KIND_DTYPE:
        if (!ork_dtype_from_name(word(p), field))
            fail(p, "an element type is expected");
        break;
    case ORK_ATTR_KIND_ENUM:
        value = enum_value(info->values, word(p));
        if (value < 0)
            fail(p, "the attribute has no such value");
        else
            *(int *)field = value;
        break;
    }
}

/* Attributes until the end of the statement, then layer and scope. */
static void attributes(parser *p, ork_op op, ork_attrs *attrs, char **layer, char **scope)
{
    const ork_op_info *info = &ork_op_table[op];
    while (!p->failed) {
        const ork_attr_info *found = NULL;
        for (int i = 0; i < info->attr_count && !found; i++)
            if (accept(p, info->attrs[i].name))
                found = &info->attrs[i];
        if (found)
            attribute(p, found, (char *)attrs + found->offset);
        else if (accept(p, "layer"))
            *layer = string(p);
        else if (accept(p, "scope"))
            *scope = string(p);
        else
            return;
    }
}

static void node(parser *p)
{
    char *key, *name, *layer = NULL, *scope = NULL;
    ork_type t;
    ork_op op;
    ORK_VEC(ork_value *) inputs = {0};
    if (!header(p, &key, &name, &t) || !expect(p, "="))
        return;
    if (!ork_op_from_name(word(p), &op)) {
        fail(p, "an operator is expected");
        return;
    }
    expect(p, "(");
    while (!p->failed && !peek(p, ')')) {
        ork_vec_push(p->graph->arena, &inputs, value_use(p));
        if (!peek(p, ')'))
            expect(p, ",");
    }
    expect(p, ")");
    ork_attrs attrs = {0};
    attributes(p, op, &attrs, &layer, &scope);
    if (p->failed)
        return;
    ork_value *output = ork_graph_insert(p->graph, p->diag, p->graph->last, true, op, &attrs,
                                         inputs.items, (int)inputs.count, &t, name);
    if (!output) {
        ork_where(p->diag, "line %d", p->line);
        p->failed = true;
        return;
    }
    output->producer->name = layer ? layer : output->name;
    output->producer->scope = scope ? scope : "";
    ork_map_set(p->values, key, output);
}

static void statement(parser *p)
{
    if (accept(p, "input"))
        input(p);
    else if (accept(p, "const"))
        constant(p);
    else if (accept(p, "output")) {
        ork_value *value = value_use(p);
        if (value)
            ork_graph_add_output(p->graph, value);
    } else {
        node(p);
    }
}

static void heading(parser *p)
{
    expect(p, "graph");
    char *name = p->failed ? NULL : string(p);
    p->graph->name = name ? name : "";
    char *stage = word(p);
    int found = -1;
    for (int i = 0; i < ORK_STAGE_COUNT; i++)
        if (strcmp(stage, ork_stage_names[i]) == 0)
            found = i;
    if (found < 0)
        fail(p, "imported, canon or quant is expected");
    else
        p->graph->stage = (ork_stage)found;
    if (accept(p, "origin"))
        p->graph->origin = string(p);
    if (accept(p, "target"))
        p->graph->target = string(p);
    if (accept(p, "level"))
        p->graph->optimization_level = (int)integer(p);
    expect(p, "{");
}

ork_graph *ork_graph_parse(ork_diag *diag, const char *text, size_t length)
{
    ork_graph *graph = ork_graph_new("");
    parser p = {.diag = diag, .graph = graph, .at = text, .end = text + length, .line = 1};
    p.values = ork_map_new(graph->arena);
    heading(&p);
    while (!p.failed && !peek(&p, '}') && p.at < p.end)
        statement(&p);
    if (!p.failed)
        expect(&p, "}");
    if (!p.failed && ork_graph_verify(graph, diag))
        return graph;
    ork_graph_free(graph);
    return NULL;
}
