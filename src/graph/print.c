/* SPDX-License-Identifier: Apache-2.0 */
/* The graph as text; parse.c reads it back. */
#include "graph.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHORT_CONSTANT = 8 }; /* constants up to this many elements are always printed in full */

static void print_string(ork_str *out, const char *text)
{
    ork_str_printf(out, "\"");
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            ork_str_printf(out, "\\%c", c);
        else if (c < 32)
            ork_str_printf(out, "\\x%02x", c);
        else
            ork_str_append(out, text, 1);
    }
    ork_str_printf(out, "\"");
}

static void print_float(ork_str *out, double value)
{
    /* 9 digits identify a float, 17 a double; most values are floats, or were written short. */
    char text[32];
    snprintf(text, sizeof(text), "%.9g", value);
    bool enough = (double)(float)value == value || isnan(value) || strtod(text, NULL) == value;
    if (!enough)
        snprintf(text, sizeof(text), "%.17g", value);
    ork_str_append(out, text, strlen(text));
}

static void print_ints(ork_str *out, const int64_t *values, int count)
{
    ork_str_printf(out, "[");
    for (int i = 0; i < count; i++)
        ork_str_printf(out, "%s%lld", i ? " " : "", (long long)values[i]);
    ork_str_printf(out, "]");
}

static void print_floats(ork_str *out, const float *values, int64_t count)
{
    ork_str_printf(out, "[");
    for (int64_t i = 0; i < count; i++) {
        ork_str_printf(out, i ? " " : "");
        print_float(out, (double)values[i]);
    }
    ork_str_printf(out, "]");
}

static void print_quant(ork_str *out, const ork_type *type)
{
    const ork_quant *quant = &type->quant;
    if (quant->scheme == ORK_SCHEME_AFFINE) {
        ork_str_printf(out, "{");
        print_float(out, (double)quant->scale);
        ork_str_printf(out, " %d}", quant->zero_point);
    } else if (quant->scheme == ORK_SCHEME_DFP) {
        ork_str_printf(out, "{fl %d}", quant->fraction_length);
    } else if (quant->scheme == ORK_SCHEME_PER_CHANNEL) {
        int64_t channels = type->shape.dim[quant->axis];
        ork_str_printf(out, "{axis %d ", quant->axis);
        print_floats(out, quant->scales, channels);
        ork_str_printf(out, " [");
        for (int64_t i = 0; i < channels; i++)
            ork_str_printf(out, "%s%d", i ? " " : "", quant->zero_points[i]);
        ork_str_printf(out, "]}");
    }
}

static void print_type(ork_str *out, const ork_type *type)
{
    char text[ORK_SHAPE_TEXT];
    ork_str_printf(out, "%s[%s]", ork_dtype_table[type->dtype].name,
                   type->shape.rank ? ork_shape_text(&type->shape, text, sizeof(text)) : "");
    print_quant(out, type);
}

static void print_header(ork_str *out, const ork_value *value)
{
    ork_str_printf(out, "%%%u ", value->id);
    print_string(out, value->name);
    ork_str_printf(out, " ");
    print_type(out, &value->type);
}

static void print_data(ork_str *out, const ork_value *value, bool all)
{
    int64_t count = ork_shape_count(&value->type.shape);
    if (!all && count > SHORT_CONSTANT) {
        ork_str_printf(out, " ...");
        return;
    }
    ork_str_printf(out, " [");
    for (int64_t i = 0; i < count; i++) {
        ork_str_printf(out, i ? " " : "");
        if (ork_dtype_table[value->type.dtype].is_float)
            print_float(out, ork_element_get(value->type.dtype, value->data, i));
        else
            ork_str_printf(out, "%lld",
                           (long long)ork_element_get_int(value->type.dtype, value->data, i));
    }
    ork_str_printf(out, "]");
}

static void print_input(ork_str *out, const ork_graph_input *input)
{
    const ork_preprocess *p = &input->preprocess;
    ork_str_printf(out, "  input ");
    print_header(out, input->value);
    if (p->count) {
        ork_str_printf(out, " mean ");
        print_floats(out, p->mean, p->count);
        ork_str_printf(out, " std ");
        print_floats(out, p->std, p->count);
        ork_str_printf(out, " reorder [");
        for (int i = 0; i < p->count; i++)
            ork_str_printf(out, "%s%d", i ? " " : "", p->reorder[i]);
        ork_str_printf(out, "]");
    }
    ork_str_printf(out, "\n");
}

static void print_enum(ork_str *out, const char *names, int value)
{
    while (value-- > 0 && strchr(names, '|'))
        names = strchr(names, '|') + 1;
    ork_str_append(out, names, strcspn(names, "|"));
}

static bool is_zero(const ork_attr_info *info, const void *field)
{
    static const ork_attrs zero;
    static const size_t sizes[] = {
        [ORK_ATTR_KIND_INT] = sizeof(ork_attr_INT),
        [ORK_ATTR_KIND_FLOAT] = sizeof(ork_attr_FLOAT),
        [ORK_ATTR_KIND_BOOL] = sizeof(ork_attr_BOOL),
        [ORK_ATTR_KIND_PAIR] = sizeof(ork_attr_PAIR),
        [ORK_ATTR_KIND_QUAD] = sizeof(ork_attr_QUAD),
        [ORK_ATTR_KIND_INTS] = sizeof(int),
        [ORK_ATTR_KIND_DTYPE] = sizeof(ork_dtype),
        [ORK_ATTR_KIND_ENUM] = sizeof(int),
    };
    return memcmp(field, &zero, sizes[info->kind]) == 0;
}

void ork_attr_print(ork_str *out, const ork_attr_info *info, const ork_attrs *attrs)
{
    const void *field = (const char *)attrs + info->offset;
    if (is_zero(info, field))
        return;
    switch (info->kind) {
    case ORK_ATTR_KIND_INT:
        ork_str_printf(out, "%lld", (long long)*(const int64_t *)field);
        break;
    case ORK_ATTR_KIND_FLOAT:
        print_float(out, *(const double *)field);
        break;
    case ORK_ATTR_KIND_BOOL:
        ork_str_printf(out, "true");
        break;
    case ORK_ATTR_KIND_PAIR:
        print_ints(out, field, 2);
        break;
    case ORK_ATTR_KIND_QUAD:
        print_ints(out, field, 4);
        break;
    case ORK_ATTR_KIND_INTS:
        print_ints(out, ((const ork_ints *)field)->v, ((const ork_ints *)field)->count);
        break;
    case ORK_ATTR_KIND_DTYPE:
        ork_str_printf(out, "%s", ork_dtype_table[*(const ork_dtype *)field].name);
        break;
    case ORK_ATTR_KIND_ENUM:
        print_enum(out, info->values, *(const int *)field);
        break;
    }
}

static void print_attr(ork_str *out, const ork_attr_info *info, const ork_attrs *attrs)
{
    if (is_zero(info, (const char *)attrs + info->offset))
        return;
    ork_str_printf(out, " %s ", info->name);
    ork_attr_print(out, info, attrs);
}

static void print_node(ork_str *out, const ork_node *node)
{
    const ork_op_info *info = &ork_op_table[node->op];
    ork_str_printf(out, "  ");
    print_header(out, node->output);
    ork_str_printf(out, " = %s(", info->name);
    for (int i = 0; i < node->input_count; i++) {
        if (node->inputs[i])
            ork_str_printf(out, "%s%%%u", i ? ", " : "", node->inputs[i]->id);
        else
            ork_str_printf(out, "%s_", i ? ", " : "");
    }
    ork_str_printf(out, ")");
    for (int i = 0; i < info->attr_count; i++)
        print_attr(out, &info->attrs[i], &node->attrs);
    if (strcmp(node->name, node->output->name) != 0) {
        ork_str_printf(out, " layer ");
        print_string(out, node->name);
    }
    if (*node->scope) {
        ork_str_printf(out, " scope ");
        print_string(out, node->scope);
    }
    ork_str_printf(out, "\n");
}

static void print_named(ork_str *out, const char *key, const char *text)
{
    if (!*text)
        return;
    ork_str_printf(out, " %s ", key);
    print_string(out, text);
}

void ork_graph_print(const ork_graph *graph, const ork_text_options *options, ork_str *out)
{
    ork_str_printf(out, "graph ");
    print_string(out, graph->name);
    ork_str_printf(out, " %s", ork_stage_names[graph->stage]);
    print_named(out, "origin", graph->origin);
    print_named(out, "target", graph->target);
    if (graph->optimization_level)
        ork_str_printf(out, " level %d", graph->optimization_level);
    ork_str_printf(out, " {\n");
    for (size_t i = 0; i < graph->inputs.count; i++)
        print_input(out, &graph->inputs.items[i]);
    for (size_t i = 0; i < graph->values.count; i++) {
        const ork_value *value = graph->values.items[i];
        if (value->kind != ORK_VALUE_CONSTANT ||
            (value->uses.count == 0 && !ork_value_is_output(value)))
            continue;
        ork_str_printf(out, "  const ");
        print_header(out, value);
        print_data(out, value, options && options->all_constants);
        ork_str_printf(out, "\n");
    }
    for (const ork_node *node = graph->first; node; node = node->next)
        print_node(out, node);
    for (size_t i = 0; i < graph->outputs.count; i++)
        ork_str_printf(out, "  output %%%u\n", graph->outputs.items[i]->id);
    ork_str_printf(out, "}\n");
}
