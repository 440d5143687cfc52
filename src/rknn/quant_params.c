/* SPDX-License-Identifier: Apache-2.0 */
/* The quantization of tensors as the vendor's quant_param.yml lists it: a block for each, under the
   layer's name in the file and what it is to the layer: out0, in1 (weights), in2 (bias). */
#include "internal.h"

static void put_key(ork_str *out, const char *name, int uid, const char *part, int index)
{
    ork_str_printf(out, "'");
    for (; *name; name++)
        ork_str_printf(out, *name == '\'' ? "''" : "%c", *name);
    ork_str_printf(out, "_%d:%s%d':\n", uid, part, index);
}

static void put_list(ork_str *out, const char *key, const ork_quant *quant, int64_t count,
                     bool scales)
{
    ork_str_printf(out, "    %s: [", key);
    for (int64_t i = 0; i < count; i++) {
        ork_str_printf(out, i ? ", " : "");
        if (scales)
            ork_str_printf(out, "%.9g", (double)quant->scales[i]);
        else
            ork_str_printf(out, "%d", (int)quant->zero_points[i]);
    }
    ork_str_printf(out, "]\n");
}

static void put_type(ork_str *out, const char *op, const ork_type *type)
{
    const ork_quant *quant = &type->quant;
    ork_str_printf(out, "    op: %s\n    qtype: %s\n", op, ork_dtype_table[type->dtype].name);
    switch (quant->scheme) {
    case ORK_SCHEME_AFFINE:
        ork_str_printf(out, "    dtype: asymmetric_affine\n    scale: %.9g\n    zero_point: %d\n",
                       (double)quant->scale, (int)quant->zero_point);
        break;
    case ORK_SCHEME_DFP:
        ork_str_printf(out, "    dtype: dynamic_fixed_point\n    fl: %d\n",
                       (int)quant->fraction_length);
        break;
    case ORK_SCHEME_PER_CHANNEL:
        ork_str_printf(out, "    dtype: perchannel_symmetric_affine\n    axis: %d\n", quant->axis);
        put_list(out, "scale", quant, type->shape.dim[quant->axis], true);
        put_list(out, "zero_point", quant, type->shape.dim[quant->axis], false);
        break;
    default:
        ork_str_printf(out, "    dtype: none\n");
    }
}

static void put_node(ork_str *out, ork_arena *arena, const ork_node *node, int uid, bool only_io)
{
    const char *op = ork_rknn_op_word(arena, node);
    if (!only_io || ork_value_is_output(node->output)) {
        put_key(out, node->name, uid, "out", 0);
        put_type(out, op, &node->output->type);
    }
    for (int i = 0; !only_io && i < node->input_count; i++) {
        if (!node->inputs[i] || node->inputs[i]->kind != ORK_VALUE_CONSTANT)
            continue;
        put_key(out, node->name, uid, "in", i);
        put_type(out, op, &node->inputs[i]->type);
    }
}

void ork_rknn_put_quant_params(const ork_graph *graph, bool only_io, ork_str *out)
{
    ork_arena *arena = ork_arena_new();
    int uid = 0;
    for (size_t i = 0; i < graph->inputs.count; i++) {
        put_key(out, graph->inputs.items[i].value->name, 0, "out", 0);
        put_type(out, "INPUT", &graph->inputs.items[i].value->type);
    }
    for (const ork_node *node = graph->first; node; node = node->next)
        put_node(out, arena, node, ++uid, only_io);
    ork_arena_free(arena);
}
